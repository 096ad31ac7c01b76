"""What became of the checks of a table: counts, rows and words, and never a value of the data."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from catalog_specs import Specs
from catalog_specs.law_release import by_key
from validators.expect_items import Wanted

_RAISED = re.compile(r"^(?:\w+\.)*(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Check:
    """One check and what became of it.

    ``expectation`` is a key of the checks of scanning.yaml, ``column`` empty for the whole table; several columns
    that are one key are joined by ``、``. ``passed`` is None where it was not decided. ``unexpected`` and ``total``
    count values (rows, where the check is of rows). ``place`` names the first rows, by number or by their key.
    """

    column: str
    expectation: str
    zh: str
    passed: bool | None
    unexpected: int = 0
    total: int = 0
    observed: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """All checks of a table. ``success`` only when every check was decided and passed.

    ``unread`` are sentences on what the entry says of values that could not be read, hence was not checked.
    """

    success: bool
    rows: int
    checks: tuple[Check, ...]
    unread: tuple[str, ...] = ()


class Outcome(Protocol):
    """What Great Expectations gives for one expectation."""

    success: bool | None
    result: Mapping[str, Any]
    exception_info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """One check over some of the rows: what can be added up. ``rows`` are the places of the first unexpected."""

    passed: bool | None
    unexpected: int = 0
    total: int = 0
    observed: str = ""
    places: tuple[str, ...] = ()

    def __add__(self, other: "Seen") -> "Seen":
        decided = None if None in (self.passed, other.passed) else bool(self.passed and other.passed)
        return Seen(
            decided,
            self.unexpected + other.unexpected,
            self.total + other.total,
            self.observed or other.observed,
            self.places + other.places,
        )


Hide = Callable[[Sequence[str]], Sequence[bool]]


def seen(
    wanted: Wanted, outcome: Outcome, specs: Specs, *, first_row: int = 1, hide: Hide | None = None
) -> Seen:
    """One result of Great Expectations without the values it may carry.

    Args:
        first_row: the number of the data's first row, for places by row number.
        hide: which of some row keys must not be shown; None where places are row numbers.
    """
    says = specs.scanning.expectations.says
    if (raised := _raised(outcome)) is not None:
        return Seen(None, observed=says["error"].zh.format(kind=raised))
    result = outcome.result
    if wanted.check == "columns":
        return Seen(bool(outcome.success), observed=_columns(result, specs))
    if wanted.check == "column_type":
        return Seen(bool(outcome.success), observed=str(result.get("observed_value", "")))
    total = int(result.get("element_count") or 0)
    if wanted.check != "filled":
        total -= int(result.get("missing_count") or 0)
    places = tuple(_places(result, specs, first_row, hide))
    return Seen(bool(outcome.success), int(result.get("unexpected_count") or 0), total, places=places)


def _raised(outcome: Outcome) -> str | None:
    """The name of the error that a check ended in; its message may hold values and is not repeated."""
    info = outcome.exception_info or {}
    every = [info, *(part for part in info.values() if isinstance(part, Mapping))]
    for part in every:
        if part.get("raised_exception"):
            lines = str(part.get("exception_traceback") or "").strip().splitlines()
            found = _RAISED.match(lines[-1]) if lines else None
            return found.group(1) if found else ""
    return None


def _columns(result: Mapping[str, Any], specs: Specs) -> str:
    says = specs.scanning.expectations.says
    found = (result.get("details") or {}).get("mismatched") or {}
    parts = [
        says[say].zh.format(columns="、".join(map(str, found[key])))
        for key, say in (("missing", "missing"), ("unexpected", "extra"))
        if found.get(key)
    ]
    return "；".join(parts)


def _places(result: Mapping[str, Any], specs: Specs, first_row: int, hide: Hide | None) -> Iterable[str]:
    says = specs.scanning.expectations.says
    for place in result.get("partial_unexpected_index_list") or ():
        if not isinstance(place, Mapping):
            yield says["row"].zh.format(row=int(place) + first_row)
            continue
        # keys come as lists side by side: {"区划": ["520302", …], "序号": [7, …]}
        for row in zip(*map(_as_list, place.values()), strict=True):
            keys = [str(value) for value in row]
            hidden = hide is None or any(hide(keys))
            shown = "，".join(f"{name}={key}" for name, key in zip(place, keys, strict=True))
            yield says["hidden"].zh if hidden else shown


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def check_of(wanted: Wanted, found: Seen, specs: Specs, most: int) -> Check:
    """One check in words, with ``most`` places at most."""
    law = specs.scanning.expectations
    row = by_key(law.checks)[wanted.check]
    column = "" if wanted.check == "columns" else "、".join(wanted.columns)
    said = _said(wanted, specs) | {
        "column": column,
        "unexpected": found.unexpected,
        "total": found.total,
        "observed": found.observed,
    }
    zh = row.zh.format(**said)
    if not found.passed:
        ending = row.undecided if found.passed is None else row.wrong
        zh += "：" + ending.zh.format(**said)
    places = list(dict.fromkeys(found.places))[:most]
    shown = "、".join(places)
    if shown and found.unexpected > len(places):
        shown += law.says["more"].zh
    return Check(column, wanted.check, zh, found.passed, found.unexpected, found.total, found.observed, shown)


def _said(wanted: Wanted, specs: Specs) -> dict[str, Any]:
    params = dict(wanted.params)
    if wanted.check == "desensitized":
        names = {d.key: d.zh for d in specs.desensitization.detectors}
        params["kinds"] = "、".join(names[key] for key in params["detectors"])
    if wanted.check == "values":
        listed = params["values"]
        more = specs.scanning.expectations.says["more"].zh if len(listed) > 8 else ""
        params["values"] = "、".join(listed[:8]) + more
    for bound in ("low", "high"):
        if bound in params and params[bound] is None:
            params[bound] = "∞" if bound == "high" else "-∞"
    return params


def result_of(
    rows: int,
    wanted: Sequence[Wanted],
    found: Sequence[Seen],
    specs: Specs,
    unread: tuple[str, ...],
    places: int,
) -> SuiteResult:
    """All checks in words, and whether every one of them was decided and passed."""
    checks = tuple(check_of(*pair, specs, places) for pair in zip(wanted, found, strict=True))
    return SuiteResult(all(c.passed is True for c in checks), rows, checks, unread)
