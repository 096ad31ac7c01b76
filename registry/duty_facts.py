"""What duties are asked of in the register: the entries in force, the moves made of them, the last reviews.

Each is read once for all subjects of a year, when it is first asked for.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law import Deadlines
from catalog_specs.law_release import Responsibility
from registry.calendars import city_calendar
from registry.duty_terms import AGENCY, Scope
from registry.models import (
    BudgetFlag,
    Edition,
    Entry,
    Notice,
    Opinion,
    SyncEntry,
    SyncTarget,
    SystemReview,
    Version,
)
from registry.people import local_day
from validators.obligations import expires

PORTAL, PRESENT = "ckan", "present"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a kind of evidence: ``count`` of the ``of`` that are wanted, a number, a day, words.

    ``whole``: nothing is missing; ``by``: the register, or the key of the piece of evidence that was handed in.
    """

    count: int = 1
    of: int = 1
    number: str = ""
    day: date | None = None
    said: str = ""
    whole: bool = True
    by: str = ""


Answers = dict[str, Found]


class Row(NamedTuple):
    """An entry that is in force, as far as duties ask."""

    id: str
    agency_id: str
    system_id: str | None
    state: str
    shared: bool
    opened: bool
    graded: bool
    number: str
    day: date | None


def counted(count: int, of: int, said: str, **more: Any) -> Found:
    """A count of things; whole when there are any and none is missing."""
    return Found(count, of, said=said.format(count=count, of=of), whole=of > 0 and count >= of, **more)


class Known:
    """What is looked at for the duties of a year."""

    def __init__(
        self, session: Session, scope: Scope, specs: Specs, left_out: frozenset[str] = frozenset()
    ) -> None:
        """``left_out``: systems of which it was said that no plan of operation is handed in for them."""
        self.session, self.scope, self.specs, self.left_out = session, scope, specs, left_out
        self._groups: dict[str, dict[str, list[Row]]] = {}

    def within(self, of: type[Any]) -> ColumnElement[bool]:
        """The rows (with ``agency_id`` or ``system_id``) that are looked at, where only some are."""
        if not self.scope.narrowed:
            return true()
        if of in (Entry, Edition, BudgetFlag):
            agencies = {one.agency.id for one in self.scope.subjects if one.agency}
            return col(of.agency_id).in_(agencies)
        return col(of.system_id).in_(self.scope.ids("system"))

    def grouped(self, per: str) -> Mapping[str, list[Row]]:
        """The entries in force by agency or by system."""
        if per not in self._groups:
            groups: dict[str, list[Row]] = defaultdict(list)
            for row in self.rows:
                if key := row.agency_id if per == AGENCY else row.system_id:
                    groups[key].append(row)
            self._groups[per] = dict(groups)
        return self._groups[per]

    def tally(
        self, per: str, said: str, fits: Callable[[Row], bool], counts: Callable[[Row], bool]
    ) -> Answers:
        """By subject how many of the entries that fit also count."""
        made: Answers = {}
        for key, rows in self.grouped(per).items():
            wanted = [row for row in rows if fits(row)]
            found = counted(sum(map(counts, wanted)), len(wanted), said)
            # where nothing is owed, nothing is missing
            made[key] = found if wanted else replace(found, whole=True)
        return made

    @cached_property
    def rows(self) -> list[Row]:
        """The entries in force of what is looked at; those of external systems owe nothing (R13)."""
        sets = {r.key: r for r in self.specs.document("responsibility", Responsibility).row_sets}
        share, opening = set(sets["shared"].share_types), set(sets["opened"].open_types)
        query = (
            select(
                *(col(Entry.id), col(Entry.agency_id), col(Entry.system_id), col(Entry.state)),
                *(col(Version.share_type), col(Version.open_type), col(Version.data_grade)),
                *(col(Version.announced_at), col(Notice.number)),
            )
            .join(
                Version,
                (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.in_force)),
            )
            .outerjoin(Notice, col(Notice.id) == col(Version.notice_id))
            .where(self.within(Entry))
        )
        external = {one.id for one in self.scope.of("system") if one.external}
        return [
            Row(r[0], r[1], r[2], r[3], r[4] in share, r[5] in opening, bool(r[6]), r[8] or "", day_of(r[7]))
            for r in self.session.execute(query)
            if r[2] not in external
        ]

    def moved(self, move: str) -> set[str]:
        """The entries that a move was made of at some time."""
        query = select(col(Opinion.entry_id)).join(Entry, col(Entry.id) == col(Opinion.entry_id))
        return set(self.session.execute(query.where(col(Opinion.move) == move, self.within(Entry))).scalars())

    @cached_property
    def on_portal(self) -> set[str]:
        """The entries that were read back from an open portal."""
        query = (
            select(col(SyncEntry.entry_id))
            .join(SyncTarget, col(SyncTarget.id) == col(SyncEntry.target_id))
            .where(col(SyncTarget.kind) == PORTAL, col(SyncTarget.removed_at).is_(None))
            .where(
                col(SyncEntry.state).in_(
                    [s.key for s in self.specs.sync.states if s.there and s.key == PRESENT]
                )
            )
        )
        return set(self.session.execute(query).scalars())

    def reviews(self, kind: str) -> dict[str, SystemReview]:
        """The last review of each system up to the end of the year, by system."""
        query = select(SystemReview).where(col(SystemReview.kind) == kind, self.within(SystemReview))
        query = query.where(col(SystemReview.day) <= date(self.scope.year, 12, 31))
        ordered = query.order_by(col(SystemReview.day), col(SystemReview.at), col(SystemReview.id))
        return {one.system_id: one for one in self.session.execute(ordered).scalars()}


def day_of(moment: datetime | None) -> date | None:
    """The day of a moment here; None for none."""
    return local_day(moment) if moment else None


def _always(_row: Row) -> bool:
    return True


def in_time(found: Found, kind: str, known: Known) -> Found:
    """What was found, unless it had run out on the day that is looked at; without a day it is not known to hold."""
    clock = known.specs.obligations.clock_of(kind)
    if not clock:
        return found
    if found.day is None:
        return replace(found, whole=False, said="没有写明日期，不能认定有效")
    index = known.specs.document("deadlines", Deadlines).index
    last = expires(index[clock], found.day, city_calendar(known.specs))
    if last < known.scope.asof:
        return replace(found, whole=False, said=f"有效至 {last}，已过期")
    return replace(found, said=f"有效至 {last}")
