"""Entries looked for and listed, each as far as the one who asks may see it: permission is part of the query."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Select, String, and_, bindparam, false, func, or_, select
from sqlalchemy.orm import Session, defer, load_only
from sqlmodel import col

from registry.entries import TOMBSTONES, stored_fold
from registry.errors import Gone, NotFound
from registry.models import Agency, CodeRecord, Entry, System, Version
from registry.permits import Sight

_LARGE: tuple[Any, ...] = (col(Version.content), col(Version.findings), col(Version.needs))
# what a list shows of a version
_BRIEF: tuple[Any, ...] = (
    *(col(Version.entry_id), col(Version.number), col(Version.name), col(Version.state)),
    *(col(Version.share_type), col(Version.open_type), col(Version.data_grade)),
    *(col(Version.errors), col(Version.warnings), col(Version.awaits), col(Version.awaits_role)),
)


class Row(NamedTuple):
    """One entry in a list, with the version that is seen. ``full``: all its versions are seen, drafts and all."""

    entry: Entry
    version: Version
    agency: Agency
    full: bool


def _seen(sight: Sight) -> Select[*tuple[Any, ...]]:
    """The entries that are seen, each with its version and agency."""
    shown = and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == sight.number)
    return (
        select(Entry, Version, Agency, sight.full.label("full"))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .join(Version, shown)
        .where(sight.entries)
    )


def _row(found: Any) -> Row:
    entry, version, agency, full = found
    return Row(entry, version, agency, bool(full))


def askable(text: str) -> str:
    """A text that a database can be asked for: PostgreSQL takes no NUL, neither takes half a character."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are asked for: ``agency`` by code or name, ``system`` by key, number or name, ``text`` in the
    name or at the beginning of the code; ``wrong``: only with errors."""

    agency: str | None = None
    state: str | None = None
    wrong: bool = False
    system: str | None = None
    text: str | None = None

    def of(self, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
        """The query, narrowed to them."""
        if self.agency:
            named = askable(self.agency)
            query = query.where((col(Agency.code) == named) | (col(Agency.name) == named))
        if self.state:
            query = query.where(col(Entry.state) == askable(self.state))
        if self.system:
            query = query.where(col(Entry.system_id).in_(_systems_named(askable(self.system))))
        if self.text:
            folded, begins = stored_fold(askable(self.text)), askable(self.text)
            alike = col(Version.folded).contains(folded, autoescape=True) if folded else false()
            query = query.where(alike | col(Entry.code).startswith(begins, autoescape=True))
        return query.where(col(Version.errors) > 0) if self.wrong else query

    @property
    def of_version(self) -> bool:
        """Whether the version is looked at, too."""
        return self.wrong or bool(self.text)


def _systems_named(named: str) -> Select[*tuple[Any, ...]]:
    known = or_(col(System.id) == named, col(System.ident) == named, col(System.name) == named)
    return select(col(System.id)).where(known)


def list_entries(  # noqa: PLR0913  (filters of the page and the command, by keyword)
    session: Session,
    *,
    sight: Sight,
    agency: str | None = None,
    state: str | None = None,
    wrong: bool = False,
    wanted: Wanted | None = None,
    after: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    brief: bool = False,
) -> list[Row]:
    """The entries that are seen, by key. ``agency`` is a code or a name; ``wrong``: only with errors.

    ``wanted`` says more than these. A page is told by ``limit`` and either ``after`` (a key to go on from) or
    ``offset``; ``brief``: contents and findings are not read along.
    """
    query = (wanted or Wanted(agency, state, wrong)).of(_seen(sight).order_by(col(Entry.id)))
    if brief:
        query = query.options(load_only(*_BRIEF, raiseload=True))
    if after:
        query = query.where(col(Entry.id) > askable(after))
    if limit is not None:
        query = query.limit(limit)
    return [_row(found) for found in session.execute(query.offset(offset) if offset else query)]


def count_entries(
    session: Session,
    *,
    sight: Sight,
    agency: str | None = None,
    state: str | None = None,
    wrong: bool = False,
    wanted: Wanted | None = None,
) -> int:
    """How many entries ``list_entries`` would give without a limit."""
    asked = wanted or Wanted(agency, state, wrong)
    if asked.of_version:
        query = asked.of(_seen(sight)).with_only_columns(func.count())
    else:
        # each entry has the version that is seen of it: it need not be looked up to be counted
        joined = select(func.count()).select_from(Entry).join(Agency, col(Agency.id) == col(Entry.agency_id))
        query = asked.of(joined.where(sight.entries))
    return int(session.execute(query).scalar_one())


def list_agencies(session: Session, *, sight: Sight) -> list[Agency]:
    """The agencies of the entries that are seen, by name."""
    theirs = _seen(sight).with_only_columns(col(Agency.id))
    return list(
        session.execute(select(Agency).where(col(Agency.id).in_(theirs)).order_by(col(Agency.name))).scalars()
    )


def find_entry(session: Session, name: str, *, sight: Sight) -> Row:
    """An entry by its code or key.

    Raises:
        NotFound: there is none that is seen. Gone: it is retired, or its code is.
    """
    asked = askable(name)
    found = session.execute(_named(sight), {"asked": asked}).first()
    record = session.get(CodeRecord, asked) if found is None else None
    if record is not None and record.retired_at is not None:
        raise Gone(f"资源代码 {name} 已注销，不再使用")
    if found is None:
        raise NotFound(f"没有代码或编号为“{name}”的目录，或您看不到它")
    if found[0].state in TOMBSTONES:
        raise Gone(f"{name} 已注销，不再使用")
    return _row(found)


@lru_cache(maxsize=256)
def _named(sight: Sight) -> Select[*tuple[Any, ...]]:
    # built once for those who see alike: this runs with almost every request
    asked = bindparam("asked", type_=String)
    return _seen(sight).where((col(Entry.code) == asked) | (col(Entry.id) == asked))


def codes_of(session: Session, keys: Iterable[str]) -> dict[str, str]:
    """The resource codes of some entries by key; what is no entry, or has no code, is left out."""
    query = select(col(Entry.id), col(Entry.code)).where(col(Entry.id).in_(set(keys)))
    return {str(key): str(code) for key, code in session.execute(query) if code}


def get_version(session: Session, row: Row, number: int | None) -> Version:
    """One version of an entry that is seen; the one that is shown of it when no number is asked for.

    Raises:
        NotFound: the entry has no such version, or it is not seen; the message says which there are.
    """
    if number is None or number == row.version.number:
        return row.version
    entry = row.entry
    found = session.get(Version, (entry.id, number)) if 1 <= number <= entry.newest and row.full else None
    if found is None:
        known = f"现有第 1 至 {entry.newest} 版" if row.full else f"有效的是第 {entry.in_force} 版"
        raise NotFound(f"{entry.code or entry.id} 没有第 {number} 版，或您看不到它；{known}")
    return found


def versions_of(session: Session, row: Row) -> list[Version]:
    """The versions of an entry that are seen, the oldest first; what is large of them is read when it is asked for."""
    if not row.full or row.entry.newest == 1:
        return [row.version]
    query = (
        select(Version)
        .options(*(defer(column) for column in _LARGE))
        .where(col(Version.entry_id) == row.entry.id)
        .order_by(col(Version.number))
    )
    return list(session.execute(query).scalars())


def to_rectify(session: Session, *, sight: Sight, agency: str | None = None) -> list[Row]:
    """Entries whose version in force has errors: the rectification list of stock taken over (§12 R5).

    The version of a row is the one in force, also where a newer draft waits beside it.
    """
    in_force = Sight(sight.full, sight.catalogue, newest=False)
    query = _seen(in_force).where(col(Entry.in_force).is_not(None)).order_by(col(Entry.id))
    return [_row(found) for found in session.execute(Wanted(agency, wrong=True).of(query))]
