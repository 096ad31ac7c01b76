"""The responsibility lists as they stand: a query over what was announced, a list of what is owed.

Per agency, per system or of the whole city; never typed. Source: S-ZY 23, 24; S-LPS 25; S1 14, 22; domain §5.1.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load, profile_of_region, profiles
from catalog_specs.law import Deadlines
from catalog_specs.law_lifecycle import Lifecycle
from catalog_specs.law_release import Responsibility
from registry.calendars import city_calendar
from registry.errors import NotFound
from registry.grants import running
from registry.list_document import HEAD, ListColumn, ListDocument, ListRow, ListTable
from registry.list_lines import PROMISE
from registry.models import Agency, Distribution, Entry, ListLine, ShareGrant, System
from registry.people import find_agency, local_day
from validators.list_lines import Printer, kinds_of, printer_of
from validators.workdays import Calendar, overdue_by

_PIECE = 1000
_SHELVED = "shelved"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose lists: of one agency, of one system, or (neither) of the whole city."""

    agency: Agency | None = None
    system: System | None = None

    @property
    def condition(self) -> ColumnElement[bool]:
        """The entries that are meant."""
        if self.system is not None:
            return col(Entry.system_id) == self.system.id
        return col(Entry.agency_id) == self.agency.id if self.agency is not None else true()


class Shelf(NamedTuple):
    """What is known of an entry's shelf: the first day on it, whether it is there now or stopped, when it left."""

    first: datetime
    stands: bool
    left: datetime | None


class Granted(NamedTuple):
    """A running grant: who may use the entry, until when."""

    requester: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Now:
    """Everything that changes without a new version, of the entries in scope. ``opened`` is of opened ones alone."""

    today: date
    calendar: Calendar
    shelf: Mapping[str, Shelf]
    opened: Mapping[str, Shelf]
    granted: Mapping[str, Sequence[Granted]]
    _owed: dict[date, int] = field(default_factory=dict)


def profile_of(agency: Agency) -> str:
    """The measure whose lists an agency keeps: its city's.

    Raises:
        NotFound: no measure is configured for its region.
    """
    key = profile_of_region(agency.region)
    if key is None:
        raise NotFound(
            f"{agency.name}（{agency.region}）不属于已配置的市，没有它的责任清单；在 profiles 中配置后再办"
        )
    return key


def agency_named(session: Session, written: str, *, today: date) -> Agency:
    """An agency by code, key or name; a closed one by its code or key, for its editions stay.

    Raises:
        NotFound: there is none.
    """
    known = or_(col(Agency.code) == written, col(Agency.id) == written)
    found = session.execute(select(Agency).where(known)).scalar_one_or_none()
    return found or find_agency(session, written, today=today)


def live_lists(
    session: Session, scope: Scope, *, now: datetime, only: str | None = None
) -> tuple[ListTable, ...]:
    """The lists of a scope as they stand now. Their rows are read as they are asked for, once.

    ``only`` names one list. Raises NotFound for a list that the scope does not have.
    """
    every_kind = _keys(session, scope)
    chosen = [(specs, key) for specs, key in every_kind if only in (None, key)]
    if not chosen:
        every = "、".join(key for _specs, key in every_kind)
        raise NotFound(f"没有“{only}”这种清单；可用：{every}")
    return tuple(_table(session, scope, specs, key, now) for specs, key in chosen)


def _keys(session: Session, scope: Scope) -> list[tuple[Specs, str]]:
    """The lists of the measure that the scope keeps to, then any other that has lines of it: nothing owed is left out."""
    if scope.system is not None:
        wanted = [scope.system.profile]
    else:
        wanted = [profile_of(scope.agency)] if scope.agency is not None else sorted(profiles(), reverse=True)
    found = [(specs, kind.key) for specs in map(load, wanted) for kind in kinds_of(specs)]
    others = [key for key in sorted(profiles(), reverse=True) if key not in wanted]
    if not others:
        return found
    mine = and_(col(ListLine.entry_id) == col(Entry.id), col(ListLine.number) == col(Entry.in_force))
    query = select(col(ListLine.list_kind)).distinct().join(Entry, mine).where(scope.condition)
    lined = set(session.execute(query).scalars())
    return found + [
        (specs, kind.key) for specs in map(load, others) for kind in kinds_of(specs) if kind.key in lined
    ]


def live_document(session: Session, scope: Scope, *, now: datetime, only: str | None = None) -> ListDocument:
    """The lists of a scope as a document that is not sealed."""
    tables = live_lists(session, scope, now=now, only=only)
    name = "全市"
    if scope.system is not None:
        name = scope.system.name
    elif scope.agency is not None:
        name = scope.agency.name
    head = dict.fromkeys((key for key, _zh in HEAD), "")
    if scope.agency is not None:
        head |= {"agency_name": scope.agency.name, "agency_code": scope.agency.code}
    titles = "、".join(dict.fromkeys(table.zh for table in tables))
    return ListDocument(f"{name}{titles}", head, tables, as_of=local_day(now).isoformat())


# ---- one list ---------------------------------------------------------------------------------------------


def _table(session: Session, scope: Scope, specs: Specs, key: str, now: datetime) -> ListTable:
    printer = printer_of(specs, key)
    columns = tuple(ListColumn(*heading) for heading in printer.headings)
    rows = _Rows(session, scope, printer, now)
    return ListTable(key, printer.kind.zh, printer.kind.platform, columns, rows)


@dataclass(slots=True)
class _Rows:
    """The rows of one list, read when they are gone through, a piece at a time."""

    session: Session
    scope: Scope
    printer: Printer
    now: datetime

    def __iter__(self) -> Iterator[ListRow]:
        known = surroundings(self.session, self.scope, specs=self.printer.specs, now=self.now)
        write = _Writer(self.printer, known).row
        found = self.session.execute(_lines(self.scope, self.printer.kind.key), execution_options=_STREAMED)
        return (write(row) for row in found)


_STREAMED = {"yield_per": _PIECE}


def _lines(scope: Scope, key: str) -> Select[*tuple[Any, ...]]:
    mine = and_(col(ListLine.entry_id) == col(Entry.id), col(ListLine.number) == col(Entry.in_force))
    return (
        select(
            col(ListLine.entry_id),
            col(ListLine.number),
            col(ListLine.content),
            col(ListLine.line),
            col(Entry.code),
            col(Entry.state),
            col(Agency.id).label("agency_id"),
            col(Agency.number).label("agency_number"),
            col(Agency.kind).label("agency_kind"),
            col(System.system_class),
        )
        .join(Entry, mine)
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .outerjoin(System, col(System.id) == col(Entry.system_id))
        .where(col(ListLine.list_kind) == key, scope.condition)
        .order_by(col(Agency.code), func.coalesce(col(Entry.code), "~"), col(Entry.id))
    )


class _Writer:
    """Fills in what only the register knows, in the order of the columns."""

    def __init__(self, printer: Printer, known: Now) -> None:
        self.printer, self.known = printer, known
        self.keys = [key for key, _zh, _part in printer.headings]
        specs = printer.specs
        self.states = {s.key: s.zh for s in specs.document("lifecycle", Lifecycle).entry_states}
        self.exempt = {row.key: row.zh for row in specs.document("responsibility", Responsibility).exempt}
        self.external = _marked(specs, "system_class", "external", True)
        self.unbound = _marked(specs, "agency_kind", "bound", False)
        self.clock = specs.document("deadlines", Deadlines).index[PROMISE]
        # an opened list asks for what is opened; the others for anything that is had
        self.shelf = known.opened if printer.kind.rows == "opened" else known.shelf
        self.later: dict[str, Callable[[Any, Mapping[str, str]], str]] = {
            "list_no": self._list_no,
            "shelved_on": self._shelved_on,
            "days_owed": self._days_owed,
            "status": lambda row, _cells: self.states.get(row.state, row.state),
            "valid_until": lambda row, _cells: _who(known.granted.get(row.entry_id, ())),
            "resource_code": lambda row, cells: row.code or cells["resource_code"],
        }
        self.counted: tuple[str, int] = ("", 0)

    def row(self, row: Any) -> ListRow:
        cells: dict[str, str] = json.loads(row.line)
        later = self.later
        texts = tuple(later[key](row, cells) if key in later else cells[key] for key in self.keys)
        return ListRow(row.entry_id, row.number, row.content, texts)

    def _list_no(self, row: Any, _cells: Mapping[str, str]) -> str:
        """Year, department, running number within the department (responsibility.yaml ``list_number``)."""
        agency, last = self.counted
        self.counted = (row.agency_id, last + 1 if agency == row.agency_id else 1)
        return f"{self.known.today.year}-{row.agency_number:02d}-{self.counted[1]:04d}"

    def _shelved_on(self, row: Any, _cells: Mapping[str, str]) -> str:
        known = self.shelf.get(row.entry_id)
        return self.known.calendar.day_of(known.first).isoformat() if known else ""

    def _days_owed(self, row: Any, cells: Mapping[str, str]) -> str:
        """Working days past the promise, or past the day on which it left the shelf."""
        known = self.shelf.get(row.entry_id)
        if known is not None and known.stands:
            return "0"
        if row.system_class in self.external:
            return self.exempt["external_system"]
        if row.agency_kind in self.unbound:
            return self.exempt["unbound_agency"]
        promised = date.fromisoformat(cells["promised_on"])
        left = self.known.calendar.day_of(known.left) if known and known.left else promised
        return str(self._late(max(promised, left)))

    def _late(self, since: date) -> int:
        known = self.known
        if since not in known._owed:
            known._owed[since] = overdue_by(self.clock, since, known.today, known.calendar)
        return known._owed[since]


def _marked(specs: Specs, codes: str, attr: str, value: bool) -> frozenset[str]:
    return frozenset(row.code for row in specs.codes[codes].values if row.attrs.get(attr) is value)


def _who(granted: Iterable[Granted]) -> str:
    return "；".join(f"{one.requester}至{one.until}" if one.until else one.requester for one in granted)


# ---- what changes without a new version -------------------------------------------------------------------


def surroundings(session: Session, scope: Scope, *, specs: Specs, now: datetime) -> Now:
    """Shelves and running grants of the entries in scope, on the day of ``now``.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    calendar = city_calendar(specs)
    today = calendar.day_of(now)
    return Now(
        today,
        calendar,
        shelf=_shelves(session, scope, true()),
        opened=_shelves(session, scope, col(Distribution.opened).is_(True)),
        granted=_granted(session, scope, today),
    )


def _shelves(session: Session, scope: Scope, which: ColumnElement[bool]) -> dict[str, Shelf]:
    stands = func.max(case((col(Distribution.state).in_((_SHELVED, "suspended")), 1), else_=0))
    query = (
        select(
            col(Distribution.entry_id),
            func.min(col(Distribution.shelved_at)),
            stands,
            func.max(col(Distribution.ended_at)),
        )
        .join(Entry, col(Entry.id) == col(Distribution.entry_id))
        .where(col(Distribution.shelved_at).is_not(None), which, scope.condition)
        .group_by(col(Distribution.entry_id))
    )
    return {key: Shelf(first, bool(on), left) for key, first, on, left in session.execute(query)}


def _granted(session: Session, scope: Scope, today: date) -> dict[str, list[Granted]]:
    query = (
        select(col(ShareGrant.entry_id), col(Agency.name), col(ShareGrant.valid_until))
        .join(Agency, col(Agency.id) == col(ShareGrant.requester_id))
        .join(Entry, col(Entry.id) == col(ShareGrant.entry_id))
        .where(running(today), scope.condition)
        .order_by(col(Agency.name), col(ShareGrant.number))
    )
    found: dict[str, list[Granted]] = {}
    for entry_id, name, until in session.execute(query):
        found.setdefault(entry_id, []).append(Granted(name, until))
    return found
