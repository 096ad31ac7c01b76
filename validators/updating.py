"""Until when data must be seen to be updated: the cycle, then grace, in days or working days as the code says.

Source: codes/update_cycle.yaml (staleness_days, grace_days, working_days); domain §12 R18; S-ZY 23, S-LPS 25.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from catalog_specs import Specs
from catalog_specs.law import Deadlines
from validators.fields import parse_date
from validators.workdays import DAY, Calendar, due

SHELF = "shelf_promise"
Unit = Literal["working_days", "days"]


class Due(NamedTuple):
    """``due`` is the last day of the cycle, ``last`` that of the grace after it: what is seen by then is in time."""

    due: date
    last: date
    unit: Unit


class Windows(NamedTuple):
    """How many updates were due in a period, and how many of them were seen in time."""

    due: int
    kept: int


class _Cycle(NamedTuple):
    days: int
    grace: int
    unit: Unit


def update_due(cycle: str | None, last_seen: date, specs: Specs, calendar: Calendar) -> Due | None:
    """Until when the next update is due after the one of ``last_seen``; None for a cycle that has no days.

    ``cycle`` is a code of update_cycle. Source: domain §12 R18.
    """
    found = _cycle(specs, cycle or "")
    if found is None:
        return None
    end = _later(last_seen, found.days, found.unit, calendar)
    return Due(end, _later(end, found.grace, found.unit, calendar), found.unit)


def is_stale(cycle: str | None, last_seen: date, today: date, specs: Specs, calendar: Calendar) -> bool:
    """Whether cycle and grace have passed since the last update that was seen (W202)."""
    found = update_due(cycle, last_seen, specs, calendar)
    return found is not None and today > found.last


def days_late(found: Due, today: date, calendar: Calendar) -> int:
    """How late an update is, in the unit of its cycle; 0 up to and with the last day of grace, then at least 1."""
    if today <= found.last:
        return 0
    return (
        max(calendar.between(found.last, today), 1)
        if found.unit == "working_days"
        else (today - found.last).days
    )


def has_days(cycle: str | None, specs: Specs) -> bool:
    """Whether a cycle has a length, so that an update can be due."""
    return _cycle(specs, cycle or "") is not None


def shelf_due(stated: str | None, announced: date | datetime, specs: Specs, calendar: Calendar) -> date:
    """By when an announced entry is to be on the shelf: the day it promises itself, else the clock's.

    Source: S-ZY 22, 23; deadlines.yaml ``shelf_promise``.
    """
    own = parse_date(stated) if stated else None
    if own is not None:
        return own
    return _counted(specs, calendar.day_of(announced), calendar)


def _later(day: date, count: int, unit: Unit, calendar: Calendar) -> date:
    return calendar.add(day, count) if unit == "working_days" else day + count * DAY


def _counted(specs: Specs, day: date, calendar: Calendar) -> date:
    return due(specs.document("deadlines", Deadlines).index[SHELF], day, calendar)


@lru_cache(maxsize=256)
def _cycle(specs: Specs, code: str) -> _Cycle | None:
    value = specs.code_value("update_cycle", code)
    days, grace = (
        (value.attrs.get(name) for name in ("staleness_days", "grace_days")) if value else (None, None)
    )
    if value is None or type(days) is not int or type(grace) is not int:
        return None
    return _Cycle(days, grace, "working_days" if value.attrs.get("working_days") else "days")


# ---- for many entries -------------------------------------------------------------------------------------


class Terms:
    """``update_due``, ``days_late`` and ``shelf_due`` of one day for many entries: each answer is found once."""

    def __init__(self, specs: Specs, calendar: Calendar, today: date) -> None:
        self.specs, self.calendar, self.today = specs, calendar, today
        self._dues: dict[tuple[str | None, date], Due | None] = {}
        self._late: dict[Due, int] = {}
        self._shelf: dict[date, date] = {}
        self._chains: dict[tuple[str | None, date, date], list[date]] = {}

    def due(self, cycle: str | None, last_seen: date) -> Due | None:
        key = (cycle, last_seen)
        if key not in self._dues:
            self._dues[key] = update_due(cycle, last_seen, self.specs, self.calendar)
        return self._dues[key]

    def chain(self, cycle: str | None, start: date, until: date) -> list[date]:
        """The last days in time, up to ``until``, of the terms that follow ``start`` when nothing is seen any more."""
        key = (cycle, start, until)
        if key not in self._chains:
            days: list[date] = []
            found = self.due(cycle, start)
            while found is not None and found.last <= until:
                days.append(found.last)
                found = self.due(cycle, found.last)
            self._chains[key] = days
        return self._chains[key]

    def late(self, found: Due) -> int:
        if found not in self._late:
            self._late[found] = days_late(found, self.today, self.calendar)
        return self._late[found]

    def shelf(self, stated: str | None, announced: date) -> date:
        own = parse_date(stated) if stated else None
        if own is not None:
            return own
        if announced not in self._shelf:
            self._shelf[announced] = _counted(self.specs, announced, self.calendar)
        return self._shelf[announced]


def windows(
    seen: Sequence[date], cycle: str, since: date, *, period: tuple[date, date], terms: Terms
) -> Windows:
    """The updates of one entry that were due within ``period`` (first and last day), and those seen in time.

    ``seen`` are the days of updates in order, ``since`` the day of the last one before them. Each update starts the
    next term; so does a missed one, on the day on which it was due. Source: promises.yaml ``update_rate`` [DESIGN].
    """
    first, last = period
    ahead = terms.chain(cycle, since, last)
    # what was missed before the period is not this period's debt
    start = first - DAY if ahead and ahead[0] < first else since
    wanted = kept = 0
    while ahead := terms.chain(cycle, start, last):
        later = bisect_right(seen, start)
        missed = bisect_left(ahead, seen[later]) if later < len(seen) else len(ahead)
        wanted += missed
        if missed == len(ahead):
            break
        wanted, kept = wanted + 1, kept + 1
        start = seen[bisect_right(seen, ahead[missed]) - 1]
    return Windows(wanted, kept)
