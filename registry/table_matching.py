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
from registry.table_coverage import LOST, UNDECIDED, TableShown
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
class _Entry:
    """An entry of the system, with the tables that its distributions name."""

    entry_id: str
    code: str
    name: str
    folded: str
    tables: frozenset[str]


def suggestions(
    session: Session, system: System, tables: Iterable[TableShown], *, near: bool = True
) -> list[Suggestion]:
    """Hints for the tables that nobody decided on, by table; without ``near`` only those of one name or place."""
    known = _Known(_entries(session, system))
    return [hint for one in tables if one.state in (UNDECIDED, LOST) for hint in _of(one, known, near)]


def exact_ones(found: Iterable[Suggestion]) -> dict[str, str]:
    """Table -> key of its entry, of the hints that leave no doubt."""
    return {hint.table: hint.entry_id for hint in found if hint.exact}


def _entries(session: Session, system: System) -> list[_Entry]:
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
        _Entry(entry.id, entry.code or "", name, fold(name), frozenset(locations.get(entry.id, ())))
        for entry, name in session.execute(query)
    ]


def _tables_in(location: str) -> set[str]:
    """A table as a distribution names it: ``schema.table`` and ``table``; an address of an interface names none."""
    place = location.strip().casefold()
    return set() if "/" in place else {place, place.rpartition(".")[2]}


class _Known:
    """The entries of a system, found by folded name and by the tables that they name."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self.long = [(entry.folded, entry) for entry in entries if len(entry.folded) >= _LEAST]
        self.named: dict[str, list[_Entry]] = {}
        self.placed: dict[str, list[_Entry]] = {}
        for entry in entries:
            self.named.setdefault(entry.folded, []).append(entry)
            for table in entry.tables:
                self.placed.setdefault(table, []).append(entry)

    def sure(self, table: TableShown) -> dict[str, tuple[_Entry, str]]:
        """By key the entries that are this table by place or name, with the strongest sign."""
        name, comment = table.name.casefold(), fold(table.comment)
        found: dict[str, tuple[_Entry, str]] = {}
        signs = (
            (BY_LOCATION, [*self.placed.get(name, ()), *self.placed.get(name.rpartition(".")[2], ())]),
            (BY_NAME, self.named.get(fold(table.name), [])),
            (BY_COMMENT, self.named.get(comment, []) if comment else []),
        )
        for by, entries in signs:
            for entry in entries:
                found.setdefault(entry.entry_id, (entry, by))
        return found

    def near(self, table: TableShown) -> list[_Entry]:
        """Entries whose name holds the comment of a table, or the reverse."""
        comment = fold(table.comment)
        if len(comment) < _LEAST:
            return []
        return [entry for name, entry in self.long if comment in name or name in comment]


def _of(table: TableShown, known: _Known, near: bool) -> Iterator[Suggestion]:
    sure = known.sure(table)
    for entry, by in sure.values():
        says = _SAID[by] + ("" if len(sure) == 1 else "；另有目录也相符，须人工判断")
        yield Suggestion(table.name, by, len(sure) == 1, says, entry.entry_id, entry.code, entry.name)
    for entry in known.near(table) if near else ():
        if entry.entry_id not in sure:
            yield Suggestion(table.name, NEAR, False, _SAID[NEAR], entry.entry_id, entry.code, entry.name)
    if not sure:
        yield from _reasons(table)


def _reasons(table: TableShown) -> Iterator[Suggestion]:
    name = table.name.casefold().rpartition(".")[2]
    for row in load().acceptance.exclusions:
        if any(fnmatchcase(name, pattern) for pattern in row.names):
            yield Suggestion(table.name, REASON, False, f"表名像是{row.zh}，须人工判断", reason=row.key)
