"""The yearly figures that the evaluation of agencies asks for: shelf rate, open rate, updates and promises kept.

As of 31 December, or of today for the current year, by the agency that has the entry today. How each figure is
defined stands in promises.yaml ``figures``. Source: S-ZY 30; S-LPS 35.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.calendars import city_calendar
from registry.case_states import GONE, CaseShown, CaseTerms, read_cases
from registry.errors import Rejected
from registry.lookup import askable
from registry.models import Agency
from registry.permits import Sight
from registry.promised import ARCHIVED, EXTERNAL, Asked, Promise, read_promises, update_days
from registry.promises import check_agency
from validators.updating import Terms, has_days, windows
from validators.workdays import DAY

FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True)
class AgencyFigures:
    """The figures of an agency, or of the city (no code). Rates are None where there is nothing to divide by.

    ``list_stale``: whether the latest edition differs from the catalogue; None where nobody told.
    """

    agency_code: str
    agency_name: str
    announced: int = 0
    owing: int = 0
    shelved: int = 0
    opened: int = 0
    updates_due: int = 0
    updates_kept: int = 0
    stale_entries: int = 0
    promises_due: int = 0
    promises_kept: int = 0
    changes_due: int = 0
    changes_late: int = 0
    lists_stale: int = 0
    list_stale: bool | None = None

    @property
    def shelf_rate(self) -> float | None:
        return _rate(self.shelved, self.owing)

    @property
    def open_rate(self) -> float | None:
        return _rate(self.opened, self.announced)

    @property
    def update_rate(self) -> float | None:
        return _rate(self.updates_kept, self.updates_due)

    @property
    def promise_rate(self) -> float | None:
        return _rate(self.promises_kept, self.promises_due)

    @property
    def rates(self) -> dict[str, float | None]:
        """The four rates under their keys in promises.yaml."""
        names = ("shelf_rate", "open_rate", "update_rate", "promise_rate")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure means, and what asks for it."""

    key: str
    zh: str
    definition: str
    source: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a year up to and with the day ``as_of``, by agency code, and of the city."""

    year: int
    as_of: date
    rows: tuple[AgencyFigures, ...]
    city: AgencyFigures
    definitions: tuple[Definition, ...]
    warnings: tuple[str, ...]


_COUNTS = tuple(row.name for row in fields(AgencyFigures) if row.default == 0 and row.type is int)


def yearly_figures(
    session: Session,
    year: int,
    *,
    now: datetime,
    specs: Specs,
    sight: Sight,
    agency: str | None = None,
    stale: Mapping[str, bool] | None = None,
) -> Figures:
    """The figures of a year, of one agency (code or name) or of all that are seen.

    ``stale`` tells of each agency (by code) whether its latest list is stale.

    Raises:
        Rejected: the year has not begun, or is none. NotFound: no such agency. Unavailable: the calendar's file is wrong.
    """
    calendar = city_calendar(specs)
    today = calendar.day_of(now)
    if not FIRST_YEAR <= year <= today.year:
        raise Rejected(f"没有 {year} 年的指标；可写 {FIRST_YEAR} 至 {today.year}")
    if agency is not None:
        check_agency(session, agency)
    last = min(date(year, 12, 31), today)
    until = calendar.begin(last + DAY) if last < today else None
    asked = Asked(sight, agency, until=until)
    # what is due today is not late before tomorrow
    period = (date(year, 1, 1), last if last < today else today - DAY)
    tally = _Tally(Terms(specs, calendar, last), period)
    tally.days = update_days(session, asked, (period[0], last), specs=specs, calendar=calendar)
    for promise in read_promises(session, asked, specs=specs, calendar=calendar):
        tally.add(promise)
    terms = CaseTerms(specs, now)
    for case in read_cases(session, *_conditions(sight, agency), terms=terms):
        tally.add_case(case)
    warning = calendar.warning(last, date(year, 1, 1))
    rows, city = tally.rows(stale)
    return Figures(year, last, rows, city, definitions(specs), (warning,) if warning else ())


def definitions(specs: Specs) -> tuple[Definition, ...]:
    """How each figure is defined, in the order in which they are shown."""
    return tuple(
        Definition(row.key, row.zh, row.definition.zh, specs.cited(row.sources))
        for row in specs.promises.figures
    )


def _conditions(sight: Sight, agency: str | None) -> list[ColumnElement[bool]]:
    if agency is None:
        return [sight.entries]
    named = askable(agency)
    return [sight.entries, or_(col(Agency.code) == named, col(Agency.name) == named)]


class _Tally:
    """Counts what entries and cases add to the figures of their agency."""

    def __init__(self, terms: Terms, period: tuple[date, date]) -> None:
        self.terms, self.period = terms, period
        self.days: Mapping[str, list[date]] = {}
        self.counts: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}

    def _of(self, code: str, name: str) -> dict[str, Any]:
        self.names[code] = name
        return self.counts.setdefault(code, dict.fromkeys(_COUNTS, 0))

    def add(self, promise: Promise) -> None:
        """One announced entry."""
        of = self._of(promise.agency_code, promise.agency_name)
        of["announced"] += 1
        of["opened"] += promise.opened
        if not promise.owes or promise.excuse in (EXTERNAL, ARCHIVED):
            return
        of["owing"] += 1
        of["shelved"] += promise.shelved
        if not promise.excuse:
            self._add_promised(promise, of)
            self._add_updates(promise, of)

    def _add_promised(self, promise: Promise, of: dict[str, int]) -> None:
        promised = self.terms.shelf(promise.stated, promise.announced)
        if self.period[0] <= promised <= self.period[1]:
            of["promises_due"] += 1
            of["promises_kept"] += promise.first is not None and promise.first <= promised

    def _add_updates(self, promise: Promise, of: dict[str, int]) -> None:
        if promise.since is None or not has_days(promise.cycle, self.terms.specs):
            return
        cycle, since = promise.cycle or "", promise.since
        # nothing is due before it was on the shelf
        days = sorted({since, *(day for day in self.days.get(promise.entry_id, ()) if day > since)})
        # the last update before the period starts the first term; without one the first shelving does
        start = max(bisect_left(days, self.period[0]) - 1, 0)
        found = windows(days, cycle, days[start], period=self.period, terms=self.terms)
        of["updates_due"] += found.due
        of["updates_kept"] += found.kept
        due = self.terms.due(cycle, days[-1])
        of["stale_entries"] += due is not None and self.terms.today > due.last

    def add_case(self, case: CaseShown) -> None:
        """One case of a change event, if it was due in the period."""
        within = self.period[0] <= case.due <= self.period[1]
        if case.excuse or case.state == GONE or not within:
            return
        settled = case.settled_on is not None and case.settled_on <= case.due
        of = self._of(case.agency_code, case.agency_name)
        of["changes_due"] += 1
        of["changes_late"] += not settled

    def rows(self, stale: Mapping[str, bool] | None) -> tuple[tuple[AgencyFigures, ...], AgencyFigures]:
        """The figures by agency code, and their sum."""
        rows = [self._row(code, stale or {}) for code in sorted(self.counts)]
        return tuple(rows), _sum(rows)

    def _row(self, code: str, stale: Mapping[str, bool]) -> AgencyFigures:
        known = stale.get(code)
        row = AgencyFigures(code, self.names[code], **self.counts[code])
        return replace(row, list_stale=known, lists_stale=int(bool(known)))


def _sum(rows: Iterable[AgencyFigures]) -> AgencyFigures:
    listed = list(rows)
    return AgencyFigures("", "全市", **{name: sum(getattr(row, name) for row in listed) for name in _COUNTS})


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None
