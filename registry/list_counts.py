"""How many lines each agency's lists have, how many of them stand on the shelf, and how long the worst one is owed.

Counted by the database, so that a city of many agencies is one page. Source: S-ZY 22-24; S-LPS 24, 25.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, Subquery, and_, case, func, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load, profiles
from catalog_specs.law import Deadlines
from registry.calendars import city_calendar
from registry.list_lines import PROMISE
from registry.models import Agency, Distribution, Entry, ListLine, System
from registry.promised import excuse_of
from registry.subjects import SHELVED, SUSPENDED
from validators.list_lines import kinds_of
from validators.workdays import Calendar, overdue_by

OPENED = "opened"


@dataclass(slots=True)
class ListCount:
    """Of one agency: lines, lines that stand on the shelf, lines overdue, working days of the latest of these."""

    lines: int = 0
    shelved: int = 0
    overdue: int = 0
    worst: int = 0


def list_counts(session: Session, *, now: datetime) -> dict[str, ListCount]:
    """Agency key -> how its lists stand on the day of ``now``; without those that have no line.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    found: dict[str, ListCount] = {}
    for specs in map(load, profiles()):
        calendar = city_calendar(specs)
        today = calendar.day_of(now)
        for kind in kinds_of(specs):
            query = _query(kind.key, opened=kind.rows == OPENED)
            for agency_id, lines, shelved, late in _late(session, query, specs, calendar, today):
                one = found.setdefault(agency_id, ListCount())
                one.lines += lines
                one.shelved += lines if shelved else 0
                one.overdue += lines if late else 0
                one.worst = max(one.worst, late)
    return found


def _late(
    session: Session, query: Select[*tuple[Any, ...]], specs: Specs, calendar: Calendar, today: date
) -> Iterator[tuple[str, int, bool, int]]:
    """Lines that are alike: whose, how many, whether on the shelf, how many working days they are owed."""
    clock = specs.document("deadlines", Deadlines).index[PROMISE]
    for row in session.execute(query):
        late = 0
        if not row.stands and not excuse_of(specs, row.kind, row.system_class, archived=bool(row.archived)):
            promised = date.fromisoformat(row.promised)
            left = calendar.day_of(row.left) if row.left else promised
            late = overdue_by(clock, max(promised, left), today, calendar)
        yield row.agency_id, row.lines, bool(row.shelved), late


def _query(key: str, *, opened: bool) -> Select[*tuple[Any, ...]]:
    shelf = _shelf(opened=opened)
    mine = and_(col(ListLine.entry_id) == col(Entry.id), col(ListLine.number) == col(Entry.in_force))
    stands = func.coalesce(shelf.c.stands, 0)
    # when the shelf counts, the day of the promise does not: fewer groups
    promised = case((stands == 0, col(ListLine.promised)))
    of_shelf = (stands, func.coalesce(shelf.c.shelved, 0), promised, shelf.c.left)
    archived = case((col(Entry.frozen_at).is_not(None), 1), else_=0)
    alike = (col(Entry.agency_id), col(Agency.kind), col(System.system_class), archived, *of_shelf)
    names = ("agency_id", "kind", "system_class", "archived", "stands", "shelved", "promised", "left")
    labels: list[Any] = [column.label(name) for column, name in zip(alike, names, strict=True)]
    inner = (
        select(*labels)
        .select_from(ListLine)
        .join(Entry, mine)
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .outerjoin(System, col(System.id) == col(Entry.system_id))
        .outerjoin(shelf, shelf.c.entry_id == col(Entry.id))
        .where(col(ListLine.list_kind) == key)
        .subquery()
    )
    return select(*inner.c, func.count().label("lines")).group_by(*inner.c)


def _shelf(*, opened: bool) -> Subquery:
    on = case((col(Distribution.state) == SHELVED, 1), else_=0)
    # a suspended one is no debt of the agency
    stands = case((col(Distribution.state).in_((SHELVED, SUSPENDED)), 1), else_=0)
    which = col(Distribution.opened).is_(True) if opened else true()
    return (
        select(
            col(Distribution.entry_id),
            func.max(stands).label("stands"),
            func.max(on).label("shelved"),
            func.max(col(Distribution.ended_at)).label("left"),
        )
        .where(col(Distribution.shelved_at).is_not(None), which)
        .group_by(col(Distribution.entry_id))
        .subquery()
    )
