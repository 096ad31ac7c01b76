"""What differs between two editions, line by line and field by field, with the moves that caused it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_lifecycle import Lifecycle
from registry.list_document import ListColumn, ListDocument, ListRow, ListTable, is_erased
from registry.models import AgencyChange, Entry, Opinion, Version
from validators.list_lines import moving_columns

_AT_A_TIME = 400


@dataclass(frozen=True, slots=True)
class Changed:
    """One field of a line: its heading, what stood there before and what stands there now."""

    key: str
    zh: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Cause:
    """A move that was made between the two: what, by whom, when; ``number`` is the version that it speaks of, 0 for
    a change in the life of an agency.
    """

    move: str
    zh: str
    login: str
    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line that was added, removed or changed. ``fields`` are of a changed one."""

    list_key: str
    list_zh: str
    kind: str
    entry: str
    code: str
    name: str
    fields: tuple[Changed, ...]
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class ListDifference:
    """Everything that differs, list by list. ``erased`` counts lines whose content was erased since."""

    lines: tuple[LineChange, ...]
    erased: int

    def of_kind(self, kind: str) -> tuple[LineChange, ...]:
        return tuple(line for line in self.lines if line.kind == kind)

    @property
    def is_empty(self) -> bool:
        return not self.lines


def compare_documents(
    session: Session,
    before: ListDocument,
    after: ListDocument,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> ListDifference:
    """What ``after`` has that ``before`` has not. The causes are the moves made after ``since`` up to ``until``."""
    old, new = _tables(before), _tables(after)
    found = [change for key in dict.fromkeys((*old, *new)) for change in _changes(old.get(key), new.get(key))]
    causes = _causes(session, {change.entry for change in found}, since, until)
    erased = sum(is_erased(row) for document in (before, after) for t in document.lists for row in t.rows)
    return ListDifference(
        tuple(replace(change, causes=tuple(causes.get(change.entry, ()))) for change in found), erased
    )


def _tables(document: ListDocument) -> dict[str, ListTable]:
    return {table.key: table for table in document.lists}


def _changes(old: ListTable | None, new: ListTable | None) -> Iterator[LineChange]:
    table = new or old
    if table is None:
        return
    gone, come = _rows(old), _rows(new)
    for entry, row in come.items():
        if entry not in gone:
            yield _line(table, "added", row)
        elif old is not None and (fields := _fields(old, gone[entry], table, row)):
            yield _line(table, "changed", row, fields)
    for entry, row in gone.items():
        if entry not in come and old is not None:
            yield _line(old, "removed", row)


def _rows(table: ListTable | None) -> dict[str, ListRow]:
    return {row.entry: row for row in table.rows if not is_erased(row)} if table else {}


def _fields(old: ListTable, before: ListRow, new: ListTable, after: ListRow) -> tuple[Changed, ...]:
    was, now = _cells(old.columns, before), _cells(new.columns, after)
    names = {column.key: column.zh for column in (*old.columns, *new.columns)}
    moving = moving_columns(load())
    return tuple(
        Changed(key, zh, was.get(key, ""), now.get(key, ""))
        for key, zh in names.items()
        if key not in moving and was.get(key, "") != now.get(key, "")
    )


def _cells(columns: Iterable[ListColumn], row: ListRow) -> dict[str, str]:
    return {column.key: cell for column, cell in zip(columns, row.cells, strict=True)}


def _line(table: ListTable, kind: str, row: ListRow, fields: tuple[Changed, ...] = ()) -> LineChange:
    cells = _cells(table.columns, row)
    code, name = cells.get("resource_code", ""), cells.get("info_name", "")
    return LineChange(table.key, table.zh, kind, row.entry, code, name, fields, ())


# ---- why --------------------------------------------------------------------------------------------------


def _causes(
    session: Session, entries: Iterable[str], since: datetime | None, until: datetime | None
) -> dict[str, list[Cause]]:
    """The moves that changed what is in force or on the shelf, and stock that was taken in, by entry."""
    wanted, found = sorted(entries), dict[str, list[Cause]]()
    for start in range(0, len(wanted), _AT_A_TIME):
        part = wanted[start : start + _AT_A_TIME]
        for entry_id, cause in (*_moves(session, part), *_stock(session, part), *_lives(session, part)):
            if (since is None or cause.at > since) and (until is None or cause.at <= until):
                found.setdefault(entry_id, []).append(cause)
    return {key: sorted(causes, key=lambda cause: cause.at) for key, causes in found.items()}


def _moves(session: Session, entries: list[str]) -> Iterator[tuple[str, Cause]]:
    life = load().document("lifecycle", Lifecycle)
    telling = {state.key for state in (*life.versions, *life.distributions) if state.in_force or state.final}
    known: Mapping[str, Any] = life.index
    query = select(Opinion).where(col(Opinion.entry_id).in_(entries)).order_by(col(Opinion.at))
    for opinion in session.execute(query).scalars():
        if (
            opinion.state_after != opinion.state_before
            and {opinion.state_after, opinion.state_before} & telling
        ):
            zh = known[opinion.move].zh
            yield opinion.entry_id, Cause(opinion.move, zh, opinion.login, opinion.at, opinion.number)


def _lives(session: Session, entries: list[str]) -> Iterator[tuple[str, Cause]]:
    """Mergers and splits of agencies that moved entries from one list to another (domain §12 R14)."""
    asked = set(entries)
    for change in session.execute(select(AgencyChange).order_by(col(AgencyChange.at))).scalars():
        for entry_id in asked.intersection(change.moved.get("entries", ())):
            yield entry_id, Cause(change.change, f"单位沿革（{change.document}）", change.by, change.at, 0)


def _stock(session: Session, entries: list[str]) -> Iterator[tuple[str, Cause]]:
    """Versions in force that no move announced: stock of the provincial platform."""
    query = (
        select(Version)
        .join(Entry, (col(Entry.id) == col(Version.entry_id)) & (col(Entry.in_force) == col(Version.number)))
        .where(col(Version.entry_id).in_(entries), col(Version.announced_at).is_(None))
    )
    for version in session.execute(query).scalars():
        yield (
            version.entry_id,
            Cause("import", "存量目录导入", version.created_by, version.created_at, version.number),
        )
