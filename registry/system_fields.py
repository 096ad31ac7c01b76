"""What is entered of a system beside its name: contract, protection, cryptography. Read, shown, and what is told of it.

The fields stand in systems.yaml (``fields``); a system has a column of each name.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from catalog_specs import Specs, load
from catalog_specs.law import Deadlines
from catalog_specs.law_systems import SystemField
from registry.agency_checks import Against, choices
from registry.calendars import city_calendar
from registry.kept import storable
from registry.models import System
from registry.systems import is_external
from validators.fields import parse_date
from validators.workdays import due


def shown_fields(system: System) -> dict[str, str | None]:
    """The fields of a system as texts (days as 2026-11-20), null for what is not known."""
    return {row.key: _shown(getattr(system, row.key)) for row in load().systems.fields}


def _shown(value: Any) -> str | None:
    return value.isoformat() if isinstance(value, date) else value or None


def read_fields(written: Mapping[str, str | date | None]) -> tuple[dict[str, Any], list[Against]]:
    """The columns of a system for what is written of it, and what stands against that; codes also by their names."""
    index = load().systems.field_index
    found: dict[str, Any] = {}
    against: list[Against] = []
    for key, value in written.items():
        found[key], wrong = _read(index[key], storable(_shown(value) or "").strip())
        against += wrong
    return found, against


def _read(row: SystemField, text: str) -> tuple[Any, list[Against]]:
    if not text:
        return ("" if row.type == "text" else None), []
    if row.type == "day":
        day = parse_date(text)
        return day, [] if day else [Against(f"{row.zh}“{text[:20]}”不是日期；写作 2026-11-20")]
    if row.type == "code":
        code = code_named(row.codes, text)
        return code, [] if code else [Against(f"没有{row.zh}“{text[:20]}”；可用：{choices(row.codes)}")]
    wrong = len(text) > row.length or not text.isprintable()
    return text, [Against(f"{row.zh}至多 {row.length} 个字符，不含控制字符")] if wrong else []


def code_named(codes: str, text: str) -> str | None:
    """The code that a text means: the code itself, its name or an alias; None when the list has none."""
    values = load().codes[codes].values
    return next((one.code for one in values if text in (one.code, one.zh, *one.aliases)), None)


def term_against(values: Mapping[str, Any]) -> list[Against]:
    """What stands against the contract's days: that it ends before it begins."""
    term = load().systems.term
    first, last = values.get(term.first), values.get(term.last)
    backwards = first is not None and last is not None and last < first
    return [Against(term.wrong_zh.format(first=first, last=last))] if backwards else []


def warnings_of(system: System) -> tuple[str, ...]:
    """What is told of a system wherever it is entered or shown: a contract longer than the measure allows.

    Source: S-ZY 18 (three years at most, in principle).
    """
    specs = load()
    term = specs.systems.term
    first, last = getattr(system, term.first), getattr(system, term.last)
    if first is None or last is None:
        return ()
    clock = specs.document("deadlines", Deadlines).index[term.clock]
    latest = due(clock, first, city_calendar(specs))
    if last <= latest:
        return ()
    said = term.zh.format(first=first, last=last, latest=latest, years=clock.length)
    return (f"{said}（{specs.cited(term.sources)}）",)


def external_words(system: System, specs: Specs) -> str:
    """What is said of a system of the State or the province, with its source; empty for any other."""
    if not is_external(system, specs):
        return ""
    return f"{specs.systems.external.zh}（{specs.cited(specs.systems.external.sources)}）"
