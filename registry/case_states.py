"""How the cases of change events stand: until when the catalogue is to be updated, and whether it was.

A case is settled when a version of more than a note's weight comes into force after the event was posted, which is
read off the versions, or when the steward answers that nothing changes. Source: S1 17; promises.yaml ``change``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law import Clock, Deadlines
from registry.calendars import city_calendar
from registry.entries import TOMBSTONES
from registry.models import Agency, ChangeCase, ChangeEvent, Entry, System, Version
from registry.promised import excuse_of
from validators.workdays import Calendar, due, overdue_by

OPEN, OVERDUE, UPDATED, ANSWERED, GONE = "open", "overdue", "updated", "answered", "gone"
_PIECE = 2000


@dataclass(frozen=True, slots=True)
class CaseShown:
    """One entry that a change event touches. ``start`` is the event's day, ``due`` the last day in time.

    ``late`` counts in ``unit`` up to the day on which it was settled, or until today. ``excuse`` is a key of
    promises.yaml or empty; ``answer`` is what the steward answered, by ``answered_by``.
    """

    event: str
    basis: str
    entry_id: str
    code: str | None
    name: str
    number: int | None
    agency_code: str
    agency_name: str
    why: tuple[str, ...]
    state: str
    state_zh: str
    start: date
    due: date
    extended: bool
    extension_reason: str
    settled_on: date | None
    answer: str
    answered_by: str
    late: int
    unit: str
    excuse: str


class CaseTerms:
    """The clock of change events, as it stands on a day.

    Raises:
        Unavailable: the calendar's file is wrong.
    """

    def __init__(self, specs: Specs, now: datetime) -> None:
        self.specs, self.calendar = specs, city_calendar(specs)
        self.today = self.calendar.day_of(now)
        self.rule = specs.promises.change
        self.clock: Clock = specs.document("deadlines", Deadlines).index[self.rule.clock]
        self._dues: dict[tuple[date, bool], date] = {}

    def start(self, effective_on: date, posted_at: datetime) -> date:
        """The day of the event: of the change, or of its posting where that came later [DESIGN]."""
        return max(effective_on, self.calendar.day_of(posted_at))

    def due(self, start: date, extended: bool) -> date:
        """The last day in time."""
        if (start, extended) not in self._dues:
            self._dues[start, extended] = due(self.clock, start, self.calendar, extended)
        return self._dues[start, extended]

    def late(self, last: date, today: date) -> int:
        """How late something is, in the unit of the clock."""
        return overdue_by(self.clock, last, today, self.calendar)


def read_cases(
    session: Session, *conditions: ColumnElement[bool], terms: CaseTerms, withdrawn: bool = False
) -> Iterator[CaseShown]:
    """The cases that meet ``conditions`` (on case, event, entry, agency), by agency and code.

    ``withdrawn``: also those of events that were withdrawn.
    """
    query = _query(terms.rule.settled_by).where(*conditions)
    if not withdrawn:
        query = query.where(col(ChangeEvent.withdrawn_at).is_(None))
    found = session.execute(query, execution_options={"yield_per": _PIECE})
    return (_case(row, terms) for row in found)


def _query(settled_by: Iterable[str]) -> Select[*tuple[Any, ...]]:
    updated = (
        select(func.min(col(Version.announced_at)))
        .where(
            col(Version.entry_id) == col(ChangeCase.entry_id),
            col(Version.announced_at) > col(ChangeEvent.posted_at),
            col(Version.change_class).in_(tuple(settled_by)),
        )
        .correlate(ChangeCase, ChangeEvent)
        .scalar_subquery()
    )
    shown = func.coalesce(col(Entry.in_force), col(ChangeCase.number), col(Entry.newest))
    named = and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == shown)
    return (
        select(ChangeCase, ChangeEvent, Entry, Agency, col(System.system_class), col(Version.name), updated)
        .join(ChangeEvent, col(ChangeEvent.id) == col(ChangeCase.event_id))
        .join(Entry, col(Entry.id) == col(ChangeCase.entry_id))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .join(Version, named)
        .outerjoin(System, col(System.id) == col(Entry.system_id))
        .order_by(col(Agency.code), func.coalesce(col(Entry.code), "~"), col(ChangeEvent.number))
    )


def _case(row: Any, terms: CaseTerms) -> CaseShown:
    case, event, entry, agency, system_class, name, updated = row
    start = terms.start(event.effective_on, event.posted_at)
    last = terms.due(start, case.extended_at is not None)
    state, settled_on = _state(case, entry, updated, last, terms)
    late = 0 if state == GONE else terms.late(last, settled_on or terms.today)
    answered = case.settled is not None
    return CaseShown(
        event.number,
        event.basis,
        entry.id,
        entry.code,
        name,
        case.number,
        agency.code,
        agency.name,
        tuple(case.why),
        state,
        terms.specs.promises.state_index[state].zh,
        start,
        last,
        case.extended_at is not None,
        case.extension_reason,
        settled_on,
        case.note if answered else "",
        (case.settled_by or "") if answered else "",
        late,
        terms.clock.unit,
        excuse_of(terms.specs, agency.kind, system_class, archived=entry.frozen_at is not None),
    )


def _state(
    case: ChangeCase, entry: Entry, updated: datetime | None, last: date, terms: CaseTerms
) -> tuple[str, date | None]:
    calendar: Calendar = terms.calendar
    answered = case.settled_at if case.settled is not None else None
    if updated is not None and (answered is None or updated <= answered):
        return UPDATED, calendar.day_of(updated)
    if answered is not None:
        return ANSWERED, calendar.day_of(answered)
    if entry.in_force is None or entry.state in TOMBSTONES:
        return GONE, None
    return (OVERDUE if terms.today > last else OPEN), None
