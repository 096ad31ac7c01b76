"""The overdue ledger: what agencies promised and have not kept. Data not updated, entries not shelved, catalogues not
updated after a change; what others know to be late is laid in.

It is read, never kept. What does not bind (external systems, agencies outside the regulation) is shown with its
excuse and not counted. Source: S-ZY 22, 23; S-LPS 24, 25; S1 17, 21, 22; domain §12 R13, R14, R18.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law import Clock, Deadlines
from catalog_specs.law_promises import Owed
from registry.calendars import city_calendar
from registry.case_states import OVERDUE, CaseShown, CaseTerms, read_cases
from registry.errors import NotFound
from registry.lookup import askable
from registry.models import Agency
from registry.permits import Sight
from registry.promised import Asked, Promise, read_promises
from validators.findings import Finding, word
from validators.updating import Terms
from validators.workdays import Calendar, overdue_by

DATA, SHELF, CATALOGUE = "data_update", "shelf", "catalogue_update"
_UNITS = {"working_days": "个工作日"}
# how long a working day is among days, so that both can be put in order
_PER_WORKING_DAY = 1.4


@dataclass(frozen=True, slots=True)
class Row:
    """One debt. ``kind`` is a key of promises.yaml ``owed``; ``since`` the day from which the term ran.

    ``late`` counts in ``unit`` (working_days or days). ``rule`` is empty where no rule words it. ``excuse`` is a key
    of promises.yaml: then it is shown and not counted.
    """

    kind: str
    kind_zh: str
    entry_id: str
    code: str | None
    name: str
    number: int | None
    agency_code: str
    agency_name: str
    owed: str
    since: date
    due: date
    late: int
    unit: str
    rule: str
    message: str
    fix: str
    source: str
    excuse: str = ""
    excuse_zh: str = ""
    event: str = ""

    @property
    def counts(self) -> bool:
        return not self.excuse

    @property
    def late_zh(self) -> str:
        return f"{self.late} {_UNITS.get(self.unit, '天')}"

    @property
    def weight(self) -> float:
        return self.late * (_PER_WORKING_DAY if self.unit == "working_days" else 1)


@dataclass(frozen=True, slots=True)
class Total:
    """What one agency owes: by kind, altogether, what is excused, and the longest delay of what counts."""

    agency_code: str
    agency_name: str
    counts: Mapping[str, int]
    total: int
    excused: int
    latest_zh: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """All debts of a day, the latest first; ``totals`` by agency, the most first; ``kinds`` counts what counts."""

    as_of: date
    rows: tuple[Row, ...]
    totals: tuple[Total, ...]
    kinds: Mapping[str, int]
    warnings: tuple[str, ...]

    @property
    def total(self) -> int:
        return sum(self.kinds.values())


def overdue_ledger(
    session: Session,
    *,
    now: datetime,
    specs: Specs,
    sight: Sight,
    agency: str | None = None,
    more: Iterable[Row] = (),
) -> Ledger:
    """What is owed and late today, of one agency (code or name) or of all that is seen.

    ``more`` are debts that others know of (late answers to requests).

    Raises:
        NotFound: no such agency. Unavailable: the calendar's file is wrong.
    """
    calendar = city_calendar(specs)
    today = calendar.day_of(now)
    if agency is not None:
        check_agency(session, agency)
    debts = _Debts(specs, calendar, today)
    promises = read_promises(session, Asked(sight, agency), specs=specs, calendar=calendar)
    rows = [row for promise in promises for row in debts.of(promise)]
    rows += _late_cases(session, debts, CaseTerms(specs, now), sight=sight, agency=agency)
    rows += more
    rows.sort(key=lambda row: (not row.counts, -row.weight, row.agency_code, row.code or "~", row.kind))
    return _ledger(rows, specs, calendar, today)


def check_agency(session: Session, agency: str) -> None:
    """Refuse the name or code of an agency that is not known.

    Raises:
        NotFound: there is none.
    """
    named = askable(agency)
    known = session.query(col(Agency.id)).filter(or_(col(Agency.code) == named, col(Agency.name) == named))
    if known.first() is None:
        raise NotFound(f"没有单位“{agency[:100]}”；写统一社会信用代码或全称")


def _ledger(rows: list[Row], specs: Specs, calendar: Calendar, today: date) -> Ledger:
    of: dict[str, list[Row]] = {}
    for row in rows:
        of.setdefault(row.agency_code, []).append(row)
    totals = sorted((_total(of_one) for of_one in of.values()), key=lambda one: (-one.total, one.agency_code))
    counted = Counter(row.kind for row in rows if row.counts)
    kinds = {kind.key: counted[kind.key] for kind in specs.promises.owed}
    warning = calendar.warning(*{row.due.year: row.due for row in rows}.values(), today)
    return Ledger(today, tuple(rows), tuple(totals), kinds, (warning,) if warning else ())


def _total(rows: list[Row]) -> Total:
    counted = [row for row in rows if row.counts]
    worst = max(counted, key=lambda row: row.weight, default=None)
    of, kinds = rows[0], Counter(row.kind for row in counted)
    latest = worst.late_zh if worst else ""
    return Total(of.agency_code, of.agency_name, dict(kinds), len(counted), len(rows) - len(counted), latest)


# ---- debts of the register ------------------------------------------------------------------------------------


class _Debts:
    """Finds the debts of announced entries on a day, and words them."""

    def __init__(self, specs: Specs, calendar: Calendar, today: date) -> None:
        self.specs, self.calendar, self.today = specs, calendar, today
        self.terms = Terms(specs, calendar, today)
        self.kinds = specs.promises.owed_index
        self.clock: Clock = specs.document("deadlines", Deadlines).index[self.kinds[SHELF].clock]
        self.excuses = {key: row.zh for key, row in specs.promises.excuse_index.items()}
        self._words: dict[str, tuple[str, str, str]] = {}
        self._late: dict[date, int] = {}

    def of(self, promise: Promise) -> Iterator[Row]:
        """The debts of one announced entry: data that are stale, or a shelf that is owed."""
        if promise.shelved:
            yield from self._stale(promise)
        elif promise.owes and not promise.stands:
            yield from self._unshelved(promise)

    def _stale(self, promise: Promise) -> Iterator[Row]:
        found = self.terms.due(promise.cycle, promise.seen) if promise.seen else None
        if found is None or promise.seen is None or self.today <= found.last:
            return
        cycle = self.specs.label("update_cycle", promise.cycle or "")
        kind, words = self.kinds[DATA], {"cycle": cycle, "stale": found.due}
        days = (promise.seen, found.last, self.terms.late(found))
        yield self._row(kind, promise, days, found.unit, words)

    def _unshelved(self, promise: Promise) -> Iterator[Row]:
        promised = self.terms.shelf(promise.stated, promise.announced)
        # what has left the shelf again is owed from that day on
        last = max(promised, promise.left) if promise.left else promised
        if self.today <= last:
            return
        if last not in self._late:
            self._late[last] = overdue_by(self.clock, last, self.today, self.calendar)
        days = (promise.announced, last, self._late[last])
        yield self._row(self.kinds[SHELF], promise, days, self.clock.unit, {})

    def _row(
        self,
        kind: Owed,
        promise: Promise,
        days: tuple[date, date, int],
        unit: str,
        words: Mapping[str, object],
    ) -> Row:
        since, due, late = days
        return Row(
            kind.key,
            kind.zh,
            promise.entry_id,
            promise.code,
            promise.name,
            promise.number,
            promise.agency_code,
            promise.agency_name,
            kind.says.zh.format(since=since, due=due, **words),
            since,
            due,
            late,
            unit,
            kind.rule,
            *self.worded(kind),
            promise.excuse,
            self.excuses.get(promise.excuse, ""),
        )

    def worded(self, kind: Owed) -> tuple[str, str, str]:
        """Message, cure and sources of a debt: its rule's, or the kind's own where it has no rule."""
        if kind.key not in self._words:
            said = (kind.zh, "", self.specs.cited(kind.sources))
            if kind.rule:
                found = word(Finding(kind.rule), self.specs)
                said = (found.message, found.fix, found.source)
            self._words[kind.key] = said
        return self._words[kind.key]

    def of_case(self, case: CaseShown) -> Row:
        """The debt of a case whose term is over (W203)."""
        kind = self.kinds[CATALOGUE]
        says = kind.says.zh.format(event=case.event, basis=case.basis, since=case.start, due=case.due)
        return Row(
            kind.key,
            kind.zh,
            case.entry_id,
            case.code,
            case.name,
            case.number,
            case.agency_code,
            case.agency_name,
            says,
            case.start,
            case.due,
            case.late,
            case.unit,
            kind.rule,
            *self.worded(kind),
            case.excuse,
            self.excuses.get(case.excuse, ""),
            case.event,
        )


def _late_cases(
    session: Session, debts: _Debts, terms: CaseTerms, *, sight: Sight, agency: str | None
) -> Iterator[Row]:
    conditions = [sight.entries]
    if agency is not None:
        named = askable(agency)
        conditions.append(or_(col(Agency.code) == named, col(Agency.name) == named))
    cases = read_cases(session, *conditions, terms=terms)
    return (debts.of_case(case) for case in cases if case.state == OVERDUE)
