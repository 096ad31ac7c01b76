"""Which entry may stand for a table: hints for who decides, never decisions. Source: domain §12 R20."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.entries import TOMBSTONES
from registry.models import Distribution, Entry, System, Version
from registry.table_lists import LOST, UNDECIDED, TableShown
from validators.folding import fold

BY_LOCATION, BY_NAME, BY_COMMENT, NEAR, REASON = "location", "name", "comment", "near", "reason"
_SAID = {
    BY_LOCATION: "挂接的库表就是这张表",
    BY_NAME: "目录名称和表名相同",
    BY_COMMENT: "目录名称和表说明相同",
    NEAR: "目录名称和表说明相近，须人工判断",
}
# shorter words lie in too many names
_LEAST = 4


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A hint on an undecided table: an entry (``entry_id``), or a reason for leaving it out (``reason``).

    ``exact``: one entry alone fits it without a doubt; only these are confirmed together.
    """

    table: str
    by: str
    exact: bool
    says: str
    entry_id: str = ""
    entry_code: str = ""
    entry_name: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """An entry of the system, with the tables that its distributions name."""

    entry_id: str
    code: str
    name: str
    folded: str
    tables: frozenset[str]


def suggestions(session: Session, system: System, tables: Iterable[TableShown]) -> list[Suggestion]:
    """Hints for the tables that nobody decided on, by table."""
    known = _entries(session, system)
    return [hint for one in tables if one.state in (UNDECIDED, LOST) for hint in _of(one, known)]


def exact_ones(found: Iterable[Suggestion]) -> dict[str, str]:
    """Table -> key of its entry, of the hints that leave no doubt."""
    return {hint.table: hint.entry_id for hint in found if hint.exact}


def _entries(session: Session, system: System) -> list[_Known]:
    locations: dict[str, set[str]] = {}
    where = select(col(Distribution.entry_id), col(Distribution.location)).join(
        Entry, col(Entry.id) == col(Distribution.entry_id)
    )
    of_system = col(Entry.system_id) == system.id
    for entry_id, location in session.execute(where.where(of_system, col(Distribution.location) != "")):
        locations.setdefault(entry_id, set()).update(_tables_in(location))
    query = (
        select(Entry, col(Version.name))
        .join(Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest)))
        .where(of_system, col(Entry.state).not_in(TOMBSTONES))
        .order_by(col(Entry.code), col(Entry.id))
    )
    return [
        _Known(entry.id, entry.code or "", name, fold(name), frozenset(locations.get(entry.id, ())))
        for entry, name in session.execute(query)
    ]


def _tables_in(location: str) -> set[str]:
    """A table as a distribution names it: ``schema.table`` and ``table``; an address of an interface names none."""
    place = location.strip().casefold()
    return set() if "/" in place else {place, place.rpartition(".")[2]}


def _of(table: TableShown, known: Sequence[_Known]) -> Iterator[Suggestion]:
    fits = [(entry, by) for entry in known if (by := _fit(table, entry))]
    sure = {entry.entry_id for entry, by in fits if by != NEAR}
    for entry, by in fits:
        exact = by != NEAR and len(sure) == 1
        says = _SAID[by] + ("" if exact or by == NEAR else "；另有目录也相符，须人工判断")
        yield Suggestion(table.name, by, exact, says, entry.entry_id, entry.code, entry.name)
    if not sure:
        yield from _reasons(table)


def _fit(table: TableShown, entry: _Known) -> str:
    name, comment = table.name.casefold(), fold(table.comment)
    if {name, name.rpartition(".")[2]} & entry.tables:
        return BY_LOCATION
    if entry.folded == fold(table.name):
        return BY_NAME
    if comment and entry.folded == comment:
        return BY_COMMENT
    alike = len(comment) >= _LEAST and (comment in entry.folded or entry.folded in comment)
    return NEAR if alike and len(entry.folded) >= _LEAST else ""


def _reasons(table: TableShown) -> Iterator[Suggestion]:
    name = table.name.casefold().rpartition(".")[2]
    for row in load().acceptance.exclusions:
        if any(fnmatchcase(name, pattern) for pattern in row.names):
            yield Suggestion(table.name, REASON, False, f"表名像是{row.zh}，须人工判断", reason=row.key)
