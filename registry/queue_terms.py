"""Until when what waits is due: the clocks of the moves, in days for a row and as conditions of a query."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, not_

from catalog_specs import Specs
from catalog_specs.law import Clock, Deadlines
from catalog_specs.law_lifecycle import Lifecycle, Move
from catalog_specs.queueing import Queues
from registry.calendars import city_calendar
from registry.queue_tables import Table
from validators.workdays import DAY, due, is_soon, latest_start, overdue_by, warn_until


@dataclass(frozen=True, slots=True)
class Term:
    """Until when something is due (None: the law sets no period), how late it is, and whether it soon is."""

    due: date | None = None
    overdue: int = 0
    soon: bool = False
    unit: str = ""


class Terms:
    """The clocks of a specification as they stand on one day.

    Raises:
        Unavailable: the calendar's file is wrong.
    """

    def __init__(self, specs: Specs, now: datetime) -> None:
        self.specs = specs
        self.life = specs.document("lifecycle", Lifecycle)
        self.deadlines = specs.document("deadlines", Deadlines)
        self.calendar = city_calendar(specs)
        self.today = self.calendar.day_of(now)
        self.fields = {row.clock: row.field for row in specs.document("queues", Queues).stated_dates}

    def clock(self, move: Move, first: bool) -> Clock | None:
        """The clock of a move, ``first`` for an entry's first version; None where no period is set."""
        name = (move.deadline_first if first else "") or move.deadline
        return self.deadlines.index[name] if name else None

    def term(self, move: Move, first: bool, start: datetime | None, stated: str | None) -> Term:
        """The term of one row; a day that the entry states itself goes before the clock."""
        clock = self.clock(move, first)
        if clock is None:
            return Term()
        last = _day(stated) or (due(clock, start, self.calendar) if start else None)
        if last is None:
            return Term()
        late = overdue_by(clock, last, self.today, self.calendar)
        soon = is_soon(clock, last, self.today, self.calendar, self.deadlines.warn)
        return Term(last, late, soon, clock.unit)

    # ---- the same, as conditions of a query ----

    def rows(self, table: Table) -> Select[Any]:
        """Every column of a task of ``table``, with the start of its clock and the day that is stated."""
        moves = [m for m in self.life.moves if m.subject == table.subject and m.deadline]
        starts = {move.key: self._start(table, move) for move in moves}
        stated = {
            move.key: table.stated(self.fields[move.deadline])
            for move in moves
            if move.deadline in self.fields
        }
        return table.rows(starts, stated)

    def overdue(self, table: Table, move: Move) -> ColumnElement[bool] | None:
        """Whether a row's term is over; None where the move has no clock."""
        return self._due_by(table, move, lambda _clock: self.today - DAY)

    def soon(self, table: Table, move: Move) -> ColumnElement[bool] | None:
        """Whether a row's term is about to be over; None where the move has no clock."""
        late = self.overdue(table, move)
        near = self._due_by(table, move, self._warned)
        return None if late is None or near is None else and_(near, not_(late))

    def _warned(self, clock: Clock) -> date:
        return warn_until(clock, self.today, self.calendar, self.deadlines.warn)

    def _due_by(self, table: Table, move: Move, last: Callable[[Clock], date]) -> ColumnElement[bool] | None:
        """Whether a row is due by the day ``last`` of its clock: its clock began early enough for that."""
        own, first = self.clock(move, first=False), self.clock(move, first=True)
        if own is None or first is None:
            return None
        start = self._start(table, move)
        begun = case(
            (table.first, start < self._cut(first, last(first))), else_=start < self._cut(own, last(own))
        )
        field = self.fields.get(move.deadline)
        if field is None:
            return begun
        stated = table.stated(field)
        return case((stated.is_not(None), stated <= last(own).isoformat()), else_=begun)

    def _cut(self, clock: Clock, last: date) -> datetime:
        return self.calendar.begin(latest_start(clock, last, self.calendar) + DAY)

    def _start(self, table: Table, move: Move) -> ColumnElement[datetime | None]:
        own, first = self.clock(move, first=False), self.clock(move, first=True)
        assert own is not None and first is not None
        if own.begins == first.begins:
            return table.start(own.begins)
        return case((table.first, table.start(first.begins)), else_=table.start(own.begins))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
