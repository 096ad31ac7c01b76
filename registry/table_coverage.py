"""How far the table list of a system is decided: each table as it stands today, and the coverage of the list.

Source: S-ZY 21, 解读9; S-LPS 23; domain §12 R20.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.entries import TOMBSTONES
from registry.models import Entry, System, SystemTable, Version

COVERED, DRAFTED, EXCLUDED, LOST, UNDECIDED = "covered", "drafted", "excluded", "lost", "undecided"


@dataclass(frozen=True, slots=True)
class TableShown:
    """A table of the newest list; ``state`` is a key of ``table_states`` in acceptance.yaml."""

    name: str
    comment: str
    columns: int
    found_in: str
    state: str
    entry_id: str | None
    entry_code: str | None
    entry_name: str
    excluded: str
    why: str
    decided_by: str
    decided_at: datetime | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the newest list is decided. ``counts``: tables by state. No table at all is no coverage."""

    tables: int
    counts: Mapping[str, int]
    listed_at: datetime | None
    found_in: str

    @property
    def owing(self) -> int:
        """Tables that an entry must cover: all but those left out."""
        return self.tables - self.counts.get(EXCLUDED, 0)

    @property
    def rate(self) -> float | None:
        """Covered ÷ owing; None where nothing is owing."""
        return self.counts.get(COVERED, 0) / self.owing if self.owing else None

    @property
    def open(self) -> int:
        """Tables that are neither covered in full nor left out."""
        return self.owing - self.counts.get(COVERED, 0)


def tables_of(session: Session, system: System) -> list[TableShown]:
    """The tables of the newest list by name, each as it stands today."""
    number = func.coalesce(col(Entry.in_force), col(Entry.newest))
    query = (
        select(SystemTable, Entry, col(Version.name))
        .outerjoin(Entry, col(Entry.id) == col(SystemTable.entry_id))
        .outerjoin(Version, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == number))
        .where(col(SystemTable.system_id) == system.id, col(SystemTable.gone_at).is_(None))
    )
    shown = [_shown(table, entry, name or "") for table, entry, name in session.execute(query)]
    return sorted(shown, key=lambda one: one.name)


def _shown(table: SystemTable, entry: Entry | None, name: str) -> TableShown:
    return TableShown(
        table.name,
        table.comment,
        table.columns,
        table.found_in,
        _state(table, entry),
        table.entry_id,
        entry.code if entry else None,
        name,
        table.excluded,
        table.why,
        table.decided_by,
        table.decided_at,
        table.seen_at,
    )


def _state(table: SystemTable, entry: Entry | None) -> str:
    if entry is None:
        return EXCLUDED if table.excluded else UNDECIDED
    if entry.system_id != table.system_id or entry.state in TOMBSTONES:
        return LOST
    return DRAFTED if entry.in_force is None else COVERED


def coverage_of(tables: Sequence[TableShown]) -> Coverage:
    """How far a list is decided."""
    newest = max(tables, key=lambda one: one.seen_at, default=None)
    counts = Counter(one.state for one in tables)
    states = load().acceptance.table_states
    return Coverage(
        len(tables),
        {row.key: counts[row.key] for row in states},
        newest.seen_at if newest else None,
        newest.found_in if newest else "",
    )


def coverage(session: Session, system: System) -> Coverage:
    """How far the newest list of a system is decided."""
    return coverage_of(tables_of(session, system))
