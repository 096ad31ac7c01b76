"""The city's calendar: the State Council's arrangement, calendar.yaml of the specification, then MULU_CALENDAR."""

import json
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from catalog_specs import Specs
from catalog_specs.queueing import CalendarDays
from registry.errors import Unavailable
from registry.settings import CALENDAR_VARIABLE, read_settings
from validators.workdays import Calendar, calendar_of


class _DaysAsText(yaml.CSafeLoader):
    """YAML makes an unquoted day a date; here it stays the text it is, quoted or not."""


_DaysAsText.add_constructor("tag:yaml.org,2002:timestamp", lambda _loader, node: str(node.value))


def city_calendar(specs: Specs, file: Path | None = None) -> Calendar:
    """The calendar by which deadlines are counted; ``file`` is that of the settings when it is not given.

    Raises:
        Unavailable: the file cannot be read or is wrong; the message names the file, the place and the cure.
    """
    path = file or read_settings().calendar_file
    if path is None:
        return _calendar(specs, None, 0)
    try:
        return _calendar(specs, path, path.stat().st_mtime_ns)
    except OSError as error:
        raise _wrong(path, f"不能读取（{error.strerror}）") from error


@lru_cache(maxsize=8)
def _calendar(specs: Specs, path: Path | None, _changed: int) -> Calendar:
    return calendar_of(specs) if path is None else calendar_of(specs, _read(path))


def _read(path: Path) -> CalendarDays:
    try:
        raw = yaml.load(path.read_text("utf-8"), _DaysAsText)  # noqa: S506  (made of the safe loader)
        text = json.dumps({} if raw is None else raw, ensure_ascii=False)
        return CalendarDays.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        raise _wrong(path, f"{place or '全文'}：{first['msg']}（共 {error.error_count()} 处）") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise _wrong(path, str(error)) from error


def _wrong(path: Path, reason: str) -> Unavailable:
    return Unavailable(
        f"{CALENDAR_VARIABLE} 指的“{path}”：{reason}；"
        '写作 days: [{date: "2027-03-01", working: false, zh: 原因}]，整年写全的年份列在 years'
    )
