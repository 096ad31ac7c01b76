"""The two tables that something is awaited of, versions and distributions, under one set of columns."""

import base64
import binascii
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, null, or_, select, true
from sqlmodel import col

from catalog_specs.law_lifecycle import Lifecycle, Move
from registry.errors import Rejected
from registry.list_lines import promise_of_line
from registry.models import Agency, Distribution, Entry, Opinion, Version


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a queue ends: risk, moment and key of its last row."""

    risk: int
    since: datetime
    key: str

    @classmethod
    def of(cls, row: Any) -> "Place":
        return cls(row.risk, row.since, row.key)

    @classmethod
    def read(cls, cursor: str | None) -> "Place | None":
        """A place from what was written of it.

        Raises:
            Rejected: it was not.
        """
        if cursor is None:
            return None
        try:
            risk, since, key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            place = cls(int(risk), datetime.fromisoformat(since), str(key))
        except (ValueError, TypeError, binascii.Error) as error:
            raise Rejected("翻页标记不对；用上一页给出的 next_cursor") from error
        if place.since.tzinfo is None:
            raise Rejected("翻页标记不对；用上一页给出的 next_cursor")
        return place

    @property
    def written(self) -> str:
        raw = json.dumps([self.risk, self.since.isoformat(), self.key])
        return base64.urlsafe_b64encode(raw.encode()).decode()

    @property
    def order(self) -> tuple[int, datetime, str]:
        """What rows are in order by: the riskiest first, then the oldest."""
        return -self.risk, self.since, self.key


class Table(ABC):
    """What a queue asks of a table. ``rows`` and ``of`` join it with entry, agency and version."""

    subject: str

    def __init__(self, *, since: Any, key: Any, move: Any) -> None:
        # of the instance, not the class: a mapped column that is an attribute of a class is a descriptor
        self.since, self.key, self.move = since, key, move
        self.risk: Any = col(Version.risk)
        # of an entry that never had a version in force
        self.first: ColumnElement[bool] = col(Entry.in_force).is_(None)

    @abstractmethod
    def of(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Some columns of the joined tables."""

    @abstractmethod
    def awaits(self, move: Move) -> ColumnElement[bool]:
        """The rows that await a move."""

    @abstractmethod
    def signs(self, role: str) -> ColumnElement[bool]:
        """The rows whose move a role may make, as far as the row says."""

    @abstractmethod
    def made_by_another(self, login: str) -> ColumnElement[bool]:
        """The rows that are not the work of ``login``."""

    @abstractmethod
    def start(self, event: str) -> ColumnElement[datetime | None]:
        """The moment of an event of deadlines.yaml; null for one that is not known here."""

    @abstractmethod
    def _own(self) -> tuple[ColumnElement[Any], ...]:
        """The columns that differ: role, state, distribution_id, distribution."""

    def rows(
        self, starts: Mapping[str, ColumnElement[Any]], stated: Mapping[str, ColumnElement[Any]]
    ) -> Select[Any]:
        """Every column of a task; ``starts`` (of its clock) and ``stated`` (its day) are given by move."""
        move = self.move
        begun = [(move == key, start) for key, start in starts.items()]
        dates = [(move == key, day) for key, day in stated.items()]
        return self.of(
            move.label("move"),
            *self._own(),
            self.key.label("key"),
            self.risk.label("risk"),
            self.since.label("since"),
            self.first.label("first"),
            (case(*begun) if begun else null()).label("start"),
            (case(*dates) if dates else null()).label("stated"),
            col(Entry.id).label("entry_id"),
            col(Entry.code).label("code"),
            col(Version.name).label("name"),
            col(Version.number).label("number"),
            col(Version.change_class).label("change_class"),
            col(Version.risk_reasons).label("reasons"),
            col(Agency.code).label("agency_code"),
            col(Agency.name).label("agency_name"),
        )

    def stated(self, field: str) -> ColumnElement[str | None]:
        """A day that the entry states itself (``2026-11-30``); null when it states none."""
        text: ColumnElement[str] = col(Version.content)[field].as_string()
        return case((text.like("____-__-__"), text))

    def after(self, place: Place) -> ColumnElement[bool]:
        """The rows behind a place in the queue."""
        risk, since = self.risk, self.since
        return or_(
            risk < place.risk,
            and_(risk == place.risk, since > place.since),
            and_(risk == place.risk, since == place.since, self.key > place.key),
        )


class Versions(Table):
    """The newest version of each entry."""

    subject = "version"

    def __init__(self, life: Lifecycle) -> None:
        self.editable = tuple(state.key for state in life.versions if state.editable)
        self.opening = next(
            move.key for move in life.moves if move.starts and set(move.starts) <= set(self.editable)
        )
        super().__init__(
            since=func.coalesce(
                col(Version.awaits_since), col(Version.submitted_at), col(Version.created_at)
            ),
            key=col(Entry.id),
            move=case((self._unsaid(), literal(self.opening)), else_=col(Version.awaits)),
        )

    def of(self, *columns: ColumnElement[Any]) -> Select[Any]:
        newest = and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == col(Entry.newest))
        return (
            select(*columns)
            .select_from(Entry)
            .join(Version, newest)
            .join(Agency, col(Agency.id) == col(Entry.agency_id))
        )

    def awaits(self, move: Move) -> ColumnElement[bool]:
        said = col(Version.awaits) == move.key
        return or_(said, self._unsaid()) if move.key == self.opening else said

    def _unsaid(self) -> ColumnElement[bool]:
        # what an import makes says nothing yet: a draft waits to be submitted
        return and_(col(Version.awaits).is_(None), col(Version.state).in_(self.editable))

    def signs(self, role: str) -> ColumnElement[bool]:
        return or_(col(Version.awaits_role).is_(None), col(Version.awaits_role) == role)

    def made_by_another(self, login: str) -> ColumnElement[bool]:
        return and_(
            col(Version.created_by) != login,
            or_(col(Version.submitted_by).is_(None), col(Version.submitted_by) != login),
        )

    def start(self, event: str) -> ColumnElement[datetime | None]:
        """When the version last came into the state that the event is called by (收到提交: submitted)."""
        reached = (
            select(func.max(col(Opinion.at)))
            .where(
                col(Opinion.entry_id) == col(Entry.id),
                col(Opinion.number) == col(Version.number),
                col(Opinion.distribution_id).is_(None),
                col(Opinion.state_after) == event,
            )
            .correlate(Entry, Version)
            .scalar_subquery()
        )
        return func.coalesce(reached, self.since)

    def _own(self) -> tuple[ColumnElement[Any], ...]:
        return (
            col(Version.awaits_role).label("role"),
            col(Version.state).label("state"),
            null().label("distribution_id"),
            null().label("distribution"),
        )


class Distributions(Table):
    """The distributions, each with the version in force, or the newest while none is."""

    subject = "distribution"

    def __init__(self) -> None:
        super().__init__(
            since=func.coalesce(col(Distribution.awaits_since), col(Distribution.created_at)),
            key=col(Distribution.id),
            move=col(Distribution.awaits),
        )

    def of(self, *columns: ColumnElement[Any]) -> Select[Any]:
        shown = func.coalesce(col(Entry.in_force), col(Entry.newest))
        return (
            select(*columns)
            .select_from(Distribution)
            .join(Entry, col(Entry.id) == col(Distribution.entry_id))
            .join(Version, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == shown))
            .join(Agency, col(Agency.id) == col(Entry.agency_id))
        )

    def awaits(self, move: Move) -> ColumnElement[bool]:
        return col(Distribution.awaits) == move.key

    def signs(self, role: str) -> ColumnElement[bool]:  # noqa: ARG002  (no distribution waits for one role)
        return true()

    def made_by_another(self, login: str) -> ColumnElement[bool]:
        return col(Distribution.created_by) != login

    def stated(self, field: str) -> ColumnElement[str | None]:
        """The shelf date of the entry's line, which a new version does not move; else what the entry states."""
        return func.coalesce(promise_of_line(), super().stated(field))

    def start(self, event: str) -> ColumnElement[datetime | None]:
        """When the entry's version came into force (stock: when it was taken over); null for another event."""
        announced = func.coalesce(col(Version.announced_at), col(Version.created_at))
        return case((and_(col(Entry.in_force).is_not(None), literal(event) == "announced"), announced))

    def _own(self) -> tuple[ColumnElement[Any], ...]:
        return (
            null().label("role"),
            col(Distribution.state).label("state"),
            col(Distribution.id).label("distribution_id"),
            col(Distribution.name).label("distribution"),
        )


def tables(life: Lifecycle) -> tuple[Table, ...]:
    """Both tables, versions first."""
    return Versions(life), Distributions()
