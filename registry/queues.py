"""Work queues: what waits for whom, since how many working days, until when, and who is late.

What a version or a distribution awaits is a column of it; who may do it is a part of the query (``permits``).
The clock of an authority's move begins when the unit's last opinion reached it. Source: domain §12 R18;
S1 17; deadlines.yaml, lifecycle.yaml (``deadline``), queues.yaml.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_
from sqlalchemy.orm import Session

from catalog_specs import Specs
from catalog_specs.law_lifecycle import Lifecycle, Move
from registry.permits import Actor, holding, roles_of, sight, within
from registry.queue_tables import Place, Table, tables
from registry.queue_terms import Terms
from validators.risk import reason_words


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that waits. ``waiting`` is in working days; ``overdue`` in those of its clock (``unit``).

    ``due`` is None where the law sets no period. ``first``: nothing of the entry was ever in force.
    ``reasons`` are keys of queues.yaml, ``reasons_zh`` their words.
    """

    move: str
    zh: str
    role: str | None
    entry_id: str
    code: str | None
    name: str
    agency_code: str
    agency_name: str
    number: int
    state: str
    distribution_id: str | None
    distribution: str
    since: datetime
    waiting: int
    due: date | None
    overdue: int
    soon: bool
    unit: str
    first: bool
    change_class: str | None
    risk: int
    reasons: tuple[str, ...]
    reasons_zh: tuple[str, ...]

    @property
    def overdue_zh(self) -> str:
        return _length(self.overdue, self.unit)


@dataclass(frozen=True, slots=True)
class Count:
    """How much of one kind waits: all, what is overdue, what is about to be."""

    move: str
    zh: str
    waiting: int
    overdue: int
    soon: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of what waits. ``next_cursor`` goes on from it; ``warnings`` say what the calendar does not know."""

    tasks: tuple[Task, ...]
    counts: tuple[Count, ...]
    next_cursor: str | None
    warnings: tuple[str, ...]

    @property
    def total(self) -> int:
        return sum(count.waiting for count in self.counts)


@dataclass(frozen=True, slots=True)
class Late:
    """What is overdue in one agency's entries and waits for one kind of move; ``by`` are the roles that owe it."""

    agency_code: str
    agency_name: str
    move: str
    zh: str
    by: tuple[str, ...]
    count: int
    due: date
    overdue: int
    unit: str

    @property
    def overdue_zh(self) -> str:
        return _length(self.overdue, self.unit)


@dataclass(frozen=True, slots=True)
class Overdue:
    """Who is late, the latest first."""

    rows: tuple[Late, ...]
    warnings: tuple[str, ...]


def waiting(
    session: Session,
    actor: Actor | None,
    *,
    now: datetime,
    specs: Specs,
    limit: int | None = 50,
    after: str | None = None,
) -> Queue:
    """What waits for ``actor`` (everything that waits, for None), the riskiest first, then the oldest.

    ``after`` is the ``next_cursor`` of the page before.

    Raises:
        Rejected: ``after`` is no such cursor. Unavailable: the calendar's file is wrong.
    """
    terms, place = Terms(specs, now), Place.read(after)
    asked = list(_asked(actor, specs))
    rows = _rows(session, asked, terms, place, limit)
    more = limit is not None and len(rows) > limit
    shown = rows[:limit] if more else rows
    tasks = tuple(_task(row, terms) for row in shown)
    return Queue(
        tasks=tasks,
        counts=tuple(_count(session, one, terms) for one in asked),
        next_cursor=Place.of(shown[-1]).written if more and shown else None,
        warnings=_warnings(tasks, terms),
    )


def overdue(session: Session, actor: Actor | None, *, now: datetime, specs: Specs) -> Overdue:
    """Who is late, by agency and kind of move, within what ``actor`` sees whole (everywhere, for None).

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    terms = Terms(specs, now)
    seen = None if actor is None else sight(actor, roles_of(specs)).full
    tasks: list[Task] = []
    for table, move in _moves(specs):
        late = terms.overdue(table, move)
        if late is None:
            continue
        query = terms.rows(table).where(table.awaits(move), late)
        found = session.execute(query if seen is None else query.where(seen))
        tasks += (_task(row, terms) for row in found)
    return Overdue(tuple(_late(tasks, specs)), _warnings(tasks, terms))


# ---- who is asked -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """The rows of a table that await ``move`` of the one who asks."""

    table: Table
    move: Move
    condition: ColumnElement[bool]


def _moves(specs: Specs) -> Iterator[tuple[Table, Move]]:
    life = specs.document("lifecycle", Lifecycle)
    for table in tables(life):
        yield from ((table, move) for move in life.moves if move.subject == table.subject)


def _asked(actor: Actor | None, specs: Specs) -> Iterator[_Asked]:
    for table, move in _moves(specs):
        condition = table.awaits(move)
        if actor is None:
            yield _Asked(table, move, condition)
            continue
        mine = _mine(actor, table, move, specs)
        if mine is not None:
            yield _Asked(table, move, and_(condition, mine))


def _mine(actor: Actor, table: Table, move: Move, specs: Specs) -> ColumnElement[bool] | None:
    """What ``actor`` may do: in his scope, as the role that is asked for, and not of his own making."""
    roles = roles_of(specs)
    held = holding(actor, move.key, roles)
    if not held:
        return None
    reached = or_(*(and_(within([one], roles), table.signs(one.role)) for one in held))
    return and_(reached, table.made_by_another(actor.login)) if move.never_by_author else reached


# ---- rows -------------------------------------------------------------------------------------------------


def _rows(
    session: Session, asked: Sequence[_Asked], terms: Terms, place: Place | None, limit: int | None
) -> list[Any]:
    """One row more than ``limit``, if there are as many."""
    found = []
    for table in dict.fromkeys(one.table for one in asked):
        query = terms.rows(table).where(or_(*(one.condition for one in asked if one.table is table)))
        found.append(list(session.execute(_paged(query, table, place, limit))))
    merged = heapq.merge(*found, key=lambda row: Place.of(row).order)
    return list(itertools.islice(merged, None if limit is None else limit + 1))


def _paged(query: Select[Any], table: Table, place: Place | None, limit: int | None) -> Select[Any]:
    query = query.order_by(table.risk.desc(), table.since, table.key)
    if place is not None:
        query = query.where(table.after(place))
    return query if limit is None else query.limit(limit + 1)


def _count(session: Session, one: _Asked, terms: Terms) -> Count:
    late, soon = terms.overdue(one.table, one.move), terms.soon(one.table, one.move)
    columns: list[ColumnElement[Any]] = [func.count()]
    if late is not None and soon is not None:
        columns += [func.count().filter(late), func.count().filter(soon)]
    row = session.execute(one.table.of(*columns).where(one.condition)).one()
    counted = [int(number) for number in row] + [0] * (3 - len(row))
    return Count(one.move.key, one.move.zh, *counted)


def _task(row: Any, terms: Terms) -> Task:
    move = terms.life.index[row.move]
    term = terms.term(move, row.first, row.start, row.stated)
    reasons = tuple(row.reasons or ())
    return Task(
        move=move.key,
        zh=move.zh,
        role=row.role,
        entry_id=row.entry_id,
        code=row.code,
        name=row.name,
        agency_code=row.agency_code,
        agency_name=row.agency_name,
        number=row.number,
        state=row.state,
        distribution_id=row.distribution_id,
        distribution=row.distribution or "",
        since=row.since,
        waiting=terms.calendar.between(terms.calendar.day_of(row.since), terms.today),
        due=term.due,
        overdue=term.overdue,
        soon=term.soon,
        unit=term.unit,
        first=row.first,
        change_class=row.change_class,
        risk=row.risk,
        reasons=reasons,
        reasons_zh=tuple(reason_words(reasons, terms.specs)),
    )


def _length(days: int, unit: str) -> str:
    if not days:
        return ""
    return f"{days} 个工作日" if unit == "working_days" else f"{days} 天"


def _warnings(tasks: Iterable[Task], terms: Terms) -> tuple[str, ...]:
    warning = terms.calendar.warning(terms.today, *(task.due for task in tasks if task.due))
    return (warning,) if warning else ()


def _late(tasks: Iterable[Task], specs: Specs) -> Iterator[Late]:
    roles, life = roles_of(specs), specs.document("lifecycle", Lifecycle)
    grouped: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        grouped.setdefault((task.agency_code, task.move), []).append(task)
    worst = {key: max(of, key=lambda task: task.overdue) for key, of in grouped.items()}
    for key in sorted(grouped, key=lambda key: (-worst[key].overdue, key)):
        task = worst[key]
        by = tuple(roles.index[role].zh for role in life.index[task.move].by)
        assert task.due is not None
        yield Late(
            task.agency_code,
            task.agency_name,
            task.move,
            task.zh,
            by,
            len(grouped[key]),
            task.due,
            task.overdue,
            task.unit,
        )
