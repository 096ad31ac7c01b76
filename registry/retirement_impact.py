"""What the retirement of a system touches: entries, list lines, grants, portals, copies, duties. A few queries, whatever
its size.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.duties import read_duties
from registry.duty_terms import Asked
from registry.entries import TOMBSTONES
from registry.grants import running
from registry.models import (
    Agency,
    DataCopy,
    DataRequest,
    Distribution,
    Entry,
    ListLine,
    ShareGrant,
    System,
    Version,
)
from registry.orders import open_orders
from registry.people import local_day
from registry.subjects import LIVE, SHELVED
from registry.systems import system_named, systems_of
from registry.whereabouts import Standing, standing_at
from validators.obligations import DUE, OPEN, OVERDUE


@dataclass(frozen=True, slots=True)
class EntryTouched:
    """One entry of the system. ``state`` is a key of entry_states; ``open_version``: a new version is under way."""

    id: str
    code: str | None
    name: str
    state: str
    share_type: str | None
    open_type: str | None
    grade: str | None
    live: int
    shelved: int
    grants: int
    portals: tuple[str, ...]
    open_version: bool


@dataclass(frozen=True, slots=True)
class GrantTouched:
    """A grant that runs on an entry of the system, and who uses it."""

    number: str
    entry_id: str
    code: str | None
    user: str
    state: str
    until: date | None


class DutyTouched(NamedTuple):
    """A duty of the system that this year still asks for; ``state`` is a key of obligations.yaml."""

    duty: str
    article: str
    zh: str
    state: str
    due: date | None


@dataclass(frozen=True, slots=True)
class Impact:
    """Everything that a retirement touches, as it is now.

    ``lines`` counts lines of lists in force by list; ``portals`` entries that may be there and that are gone, by
    target; ``copies_lacking`` are kinds of copies that nobody has registered yet; ``orders`` numbers of open orders.
    """

    entries: tuple[EntryTouched, ...]
    lines: dict[str, int]
    grants: tuple[GrantTouched, ...]
    requests: int
    portals: dict[str, dict[str, int]]
    copies: tuple[DataCopy, ...]
    copies_lacking: tuple[str, ...]
    orders: tuple[str, ...]
    duties: tuple[DutyTouched, ...]

    @property
    def counts(self) -> dict[str, Any]:
        """The figures, as they are kept with the case."""
        return {
            "entries": len(self.entries),
            "shelved": sum(one.state == SHELVED for one in self.entries),
            "open_versions": sum(one.open_version for one in self.entries),
            "lines": self.lines,
            "grants": len(self.grants),
            "users": sorted({grant.user for grant in self.grants}),
            "requests": self.requests,
            "portals": self.portals,
            "copies": len(self.copies),
            "copies_lacking": list(self.copies_lacking),
            "orders": list(self.orders),
            "duties": len(self.duties),
            "duties_overdue": sum(duty.state == OVERDUE for duty in self.duties),
        }


def impact(session: Session, system: System, *, now: datetime) -> Impact:
    """What retiring ``system`` touches. Source: S1 27; S-LPS 6, 26; domain §12 R15."""
    whose = _of(session, system)
    rows = list(session.execute(_entries(whose)))
    ids = [row.id for row in rows]
    mine = select(col(Entry.id)).where(*whose).scalar_subquery()
    grants = list(_grants(session, mine, local_day(now)))
    there = standing_at(session, ids)
    copies = copies_of(session, system.id)
    return Impact(
        entries=tuple(_touched(rows, _live(session, mine), grants, there)),
        lines=_lines(session, mine),
        grants=tuple(grants),
        requests=_requests(session, mine),
        portals=_portals(there.values()),
        copies=tuple(copies),
        copies_lacking=lacking_kinds(copies),
        orders=tuple(order.number for order in open_orders(session, [system.id]).get(system.id, ())),
        duties=tuple(_duties(session, system, now)),
    )


def entries_of(session: Session, system_id: str) -> list[str]:
    """The keys of the entries of a system that are not retired, in their order.

    An entry whose version under way names another system stays until that version is in force: its data are still here.
    """
    whose = _of(session, session.get_one(System, system_id))
    query = select(col(Entry.id)).where(*whose).order_by(col(Entry.id))
    return list(session.execute(query).scalars())


def copies_of(session: Session, system_id: str) -> list[DataCopy]:
    """The data copies of a system, by kind and name."""
    query = select(DataCopy).where(col(DataCopy.system_id) == system_id)
    return list(session.execute(query.order_by(col(DataCopy.kind), col(DataCopy.name))).scalars())


def lacking_kinds(copies: Iterable[DataCopy]) -> tuple[str, ...]:
    """The kinds of copies (keys of retirement.yaml) of which none is registered."""
    known = {copy.kind for copy in copies}
    return tuple(kind.key for kind in load().retirement.copies if kind.key not in known)


def _of(session: Session, system: System) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    here, elsewhere = _moving(session, system)
    mine = (col(Entry.system_id) == system.id) & col(Entry.id).not_in(elsewhere)
    return mine | col(Entry.id).in_(here), col(Entry.state).not_in(TOMBSTONES)


def _moving(session: Session, system: System) -> tuple[list[str], list[str]]:
    """Entries with a version under way that would move them: what is in force says where their data are, here or not."""
    named = col(Version.content)["source_system_id"].as_string()
    query = (
        select(col(Entry.id), col(Entry.system_id), named)
        .join(
            Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.in_force))
        )
        .where(col(Entry.agency_id) == system.agency_id, col(Entry.newest) != col(Entry.in_force))
    )
    here, elsewhere, known = [], [], systems_of(session, system.agency_id)
    for key, drafted, written in session.execute(query):
        served = system_named(known, written) if written else None
        if served == system.id and drafted != system.id:
            here.append(key)
        elif drafted == system.id and served not in (None, system.id):
            elsewhere.append(key)
    return here, elsewhere


def _entries(whose: tuple[ColumnElement[bool], ColumnElement[bool]]) -> Select[Any]:
    shown = func.coalesce(col(Entry.in_force), col(Entry.newest))
    names = ("name", "share_type", "open_type", "data_grade", "profile")
    query = select(
        *(col(getattr(Entry, key)) for key in ("id", "code", "state", "in_force", "newest")),
        *(col(getattr(Version, key)) for key in names),
    ).join(Version, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == shown))
    return query.where(*whose).order_by(col(Entry.code), col(Entry.id))


def _live(session: Session, mine: Any) -> dict[str, Counter[str]]:
    query = (
        select(col(Distribution.entry_id), col(Distribution.state), func.count())
        .where(col(Distribution.entry_id).in_(mine), col(Distribution.state).in_(LIVE))
        .group_by(col(Distribution.entry_id), col(Distribution.state))
    )
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for entry, state, count in session.execute(query):
        found[entry][state] = count
    return found


def _grants(session: Session, mine: Any, today: date) -> Iterator[GrantTouched]:
    query = (
        select(ShareGrant, col(Entry.code), col(Agency.name))
        .join(Entry, col(Entry.id) == col(ShareGrant.entry_id))
        .join(Agency, col(Agency.id) == col(ShareGrant.requester_id))
        .where(col(ShareGrant.entry_id).in_(mine), running(today))
    )
    for grant, code, user in session.execute(query.order_by(col(ShareGrant.number))):
        yield GrantTouched(grant.number, grant.entry_id, code, user, grant.state, grant.valid_until)


def _touched(
    rows: Iterable[Any],
    live: Mapping[str, Counter[str]],
    grants: Iterable[GrantTouched],
    there: Mapping[str, Iterable[Standing]],
) -> Iterator[EntryTouched]:
    used = Counter(grant.entry_id for grant in grants)
    for row in rows:
        made = live.get(row.id, Counter())
        yield EntryTouched(
            id=row.id,
            code=row.code,
            name=row.name,
            state=row.state,
            share_type=row.share_type,
            open_type=row.open_type,
            grade=row.data_grade,
            live=sum(made.values()),
            shelved=made[SHELVED],
            grants=used[row.id],
            portals=tuple(one.target for one in there.get(row.id, ()) if one.there),
            open_version=row.in_force is not None and row.newest != row.in_force,
        )


def _lines(session: Session, mine: Any) -> dict[str, int]:
    query = (
        select(col(ListLine.list_kind), func.count())
        .join(
            Entry, and_(col(Entry.id) == col(ListLine.entry_id), col(Entry.in_force) == col(ListLine.number))
        )
        .where(col(ListLine.entry_id).in_(mine))
        .group_by(col(ListLine.list_kind))
    )
    return {row[0]: row[1] for row in session.execute(query.order_by(col(ListLine.list_kind)))}


def _requests(session: Session, mine: Any) -> int:
    over = [state.key for state in load().requests.states if state.final]
    query = select(func.count()).where(
        col(DataRequest.entry_id).in_(mine), col(DataRequest.state).not_in(over)
    )
    return int(session.execute(query).scalar_one())


def _duties(session: Session, system: System, now: datetime) -> Iterator[DutyTouched]:
    for one in read_duties(session, Asked(system=system.id), now=now, specs=load()):
        if one.subject.id == system.id and one.state in (OVERDUE, DUE, OPEN):
            duty = one.duty
            yield DutyTouched(duty.id, duty.article, duty.zh, one.state, one.term.due)


def _portals(there: Iterable[Iterable[Standing]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for one in (one for standings in there for one in standings):
        tally = found.setdefault(one.target, {"there": 0, "gone": 0})
        tally["there"] += one.there
        tally["gone"] += one.gone
    return dict(sorted(found.items()))
