"""Entries, versions and items: every query on them, and how they are saved in bulk."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    Insert,
    Select,
    String,
    and_,
    bindparam,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from catalog_specs import Specs
from registry.models import Agency, Distribution, Entry, Item, Version
from validators.folding import fold

T = TypeVar("T")
_REGISTER_LOCK = 0x6D756C7501  # "mulu", then which of its locks
_AGENCY_LOCK = 0x6D756C75

TOMBSTONES = ("retired", "wiped")
DRAFT, ANNOUNCED, SUPERSEDED = "draft", "announced", "superseded"
# as wide as the columns are
NAME_LENGTH = FOLDED_LENGTH = 200


class Known(NamedTuple):
    """What matching a row needs of a registered entry."""

    entry_id: str
    code: str | None
    provider_code: str
    folded: str
    newest: int
    digest: str
    state: str
    in_force: int | None


_KNOWN: tuple[Any, ...] = (
    col(Entry.id),
    col(Entry.code),
    col(Agency.code),
    col(Version.folded),
    col(Entry.newest),
    col(Version.digest),
    col(Version.state),
    col(Entry.in_force),
)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version to be saved: its content and the judgement kept beside it."""

    entry_id: str
    number: int
    content: Mapping[str, Any]
    digest: str
    state: str
    findings: list[Any]
    needs: list[Any]
    errors: int
    warnings: int
    folded: str


def _newest() -> Select[*tuple[Any, ...]]:
    """Entries joined with their newest version and agency."""
    return (
        select(Entry, Version, Agency)
        .join(Version, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == col(Entry.newest)))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
    )


def stored_fold(name: str) -> str:
    """A name folded and cut as ``Version.folded`` keeps it."""
    return fold(name)[:FOLDED_LENGTH]


def lock_register(session: Session) -> None:
    """Let one writer at a time match and register: SQLite's write transaction does, PostgreSQL is told.

    Without it two imports of one file, at once, would each find nothing and register everything twice.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_REGISTER_LOCK)))


def hold_register(session: Session) -> None:
    """Keep an import from matching and registering until the transaction ends; moves do not wait for each other."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock_shared(_REGISTER_LOCK)))


def lock_agency(session: Session, agency_id: str) -> None:
    """``lock_register`` for one entry of one agency: others go on registering theirs, an import waits."""
    if session.get_bind().dialect.name == "postgresql":
        place = int.from_bytes(hashlib.sha256(agency_id.encode()).digest()[:4], signed=True)
        both = (
            func.pg_advisory_xact_lock_shared(_REGISTER_LOCK),
            func.pg_advisory_xact_lock(_AGENCY_LOCK, place),
        )
        session.execute(select(*both))


def known_alike(session: Session, agency_id: str, folded: str, entry_id: str | None) -> list[Known]:
    """The entries of an agency under a folded name, and the entry of that id whoever has it."""
    found = list(session.execute(_alike(), {"agency": agency_id, "folded": folded}))
    if entry_id and all(row[0] != entry_id for row in found):
        found += session.execute(_newest().with_only_columns(*_KNOWN).where(col(Entry.id) == entry_id))
    return [Known._make(row) for row in found]


@lru_cache(maxsize=1)
def _alike() -> Select[*tuple[Any, ...]]:
    # built once: this runs with every entry that is registered by itself
    agency, folded = bindparam("agency", type_=String), bindparam("folded", type_=String)
    named = and_(
        col(Entry.agency_id) == agency, col(Version.folded) == folded, col(Entry.state).not_in(TOMBSTONES)
    )
    return _newest().with_only_columns(*_KNOWN).where(named)


def known_entries(session: Session, provider_codes: Iterable[str]) -> list[Known]:
    """The entries of some providers that are not retired, as matching needs them."""
    found = []
    for part in _parts(sorted(set(provider_codes))):
        theirs = _newest().with_only_columns(*_KNOWN).where(col(Agency.code).in_(part))
        rows = session.execute(theirs.where(col(Entry.state).not_in(TOMBSTONES)))
        found += [Known._make(row) for row in rows]
    return found


def _parts(values: Sequence[T], size: int = 400) -> Iterable[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def names_elsewhere(session: Session) -> dict[str, frozenset[str]]:
    """Folded name -> provider codes, over all live entries."""
    live = _newest().with_only_columns(col(Version.folded), col(Agency.code))
    rows = session.execute(live.where(col(Entry.state).not_in(TOMBSTONES)))
    found: dict[str, set[str]] = {}
    for folded, code in rows:
        found.setdefault(folded, set()).add(code)
    return {name: frozenset(codes) for name, codes in found.items()}


@lru_cache(maxsize=8)
def _insert(table: type[SQLModel]) -> Insert:
    # by the table and built once: the mapper's way costs several times as much
    return insert(table.__table__)  # type: ignore[attr-defined]


def save_entries(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert new entries in bulk."""
    if rows:
        session.execute(_insert(Entry), list(rows))


def save_versions(
    session: Session,
    versions: Sequence[NewVersion],
    specs: Specs,
    *,
    batch_id: str | None,
    actor: str,
    now: datetime,
) -> dict[str, str]:
    """Insert versions with their items in bulk; gives entry id -> digest."""
    rows = [version_row(version, specs, batch_id=batch_id, actor=actor, now=now) for version in versions]
    items = [item for version in versions for item in _items(version)]
    if rows:
        session.execute(_insert(Version), rows)
    if items:
        session.execute(_insert(Item), items)
    return {str(row["entry_id"]): str(row["digest"]) for row in rows}


def version_row(
    version: NewVersion, specs: Specs, *, batch_id: str | None, actor: str, now: datetime
) -> dict[str, Any]:
    """A version as its table keeps it; a draft waits to be submitted."""
    content = dict(version.content)
    waits = version.state == DRAFT
    return {
        "entry_id": version.entry_id,
        "number": version.number,
        "state": version.state,
        "content": content,
        "digest": version.digest,
        "name": str(content.get("resource_name", ""))[:NAME_LENGTH],
        "folded": version.folded[:FOLDED_LENGTH],
        **{key: short(content.get(key)) for key in ("share_type", "open_type", "data_grade")},
        "profile": specs.profile.key,
        "spec": specs.digest,
        "findings": version.findings,
        "needs": version.needs,
        "errors": version.errors,
        "warnings": version.warnings,
        "batch_id": batch_id,
        "created_by": actor,
        "created_at": now,
        "awaits": "submit" if waits else None,
        "awaits_since": now if waits else None,
    }


def short(value: Any) -> str | None:
    """A code as the columns beside the content keep it; None for what is no text."""
    return value[:20] if isinstance(value, str) else None


def _items(version: NewVersion) -> list[dict[str, Any]]:
    listed = version.content.get("items")
    return [
        {
            "entry_id": version.entry_id,
            "number": version.number,
            "position": position,
            "item_name": str(item["item_name"])[:255] if item.get("item_name") else None,
            "item_code": str(item["item_code"])[:128] if item.get("item_code") else None,
            "content": item,
        }
        for position, item in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(item, dict)
    ]


def announce_newest(session: Session, entry_ids: Sequence[str]) -> None:
    """Put the newest version of entries in force as it stands."""
    for part in _parts(entry_ids):
        newest = select(col(Entry.newest)).where(col(Entry.id) == col(Version.entry_id)).scalar_subquery()
        session.execute(
            update(Version)
            .where(col(Version.entry_id).in_(part), col(Version.number) == newest)
            .values(state=ANNOUNCED)
            .execution_options(synchronize_session=False)
        )


def take_off_shelf(session: Session, entry_ids: Sequence[str], *, now: datetime) -> None:
    """Suspend what is on the shelf of entries whose content was replaced: it was reviewed for another one."""
    for part in _parts(entry_ids):
        session.execute(
            update(Distribution)
            .where(col(Distribution.entry_id).in_(part), col(Distribution.state) == "shelved")
            .values(state="suspended", awaits="clear_data", awaits_since=now, lock=col(Distribution.lock) + 1)
            .execution_options(synchronize_session=False)
        )


def advance(session: Session, steps: Sequence[Mapping[str, Any]]) -> None:
    """Point entries at their new version. ``steps`` hold the key ``id`` and whatever of the entry changes."""
    by_keys: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for step in steps:
        by_keys.setdefault(tuple(sorted(step)), []).append(step)
    for alike in by_keys.values():
        session.execute(update(Entry), alike)
    # who saw the entry before has not seen this version
    for part in _parts([step["id"] for step in steps]):
        bump = update(Entry).where(col(Entry.id).in_(part)).values(lock=col(Entry.lock) + 1)
        session.execute(bump.execution_options(synchronize_session=False))


def supersede(session: Session, steps: Sequence[tuple[str, int]]) -> None:
    """Set versions (entry id, number) aside that a newer one replaces."""
    for part in _parts(steps):
        place = tuple_(col(Version.entry_id), col(Version.number))
        session.execute(
            update(Version)
            .where(place.in_(part))
            # nobody is to do anything with it any more
            .values(state=SUPERSEDED, awaits=None, awaits_role=None, awaits_since=None)
            .execution_options(synchronize_session=False)
        )


def refresh_findings(session: Session, versions: Sequence[NewVersion], specs: Specs) -> None:
    """Keep the newest judgement beside versions whose content did not change."""
    rows = [
        {
            "entry_id": v.entry_id,
            "number": v.number,
            "findings": v.findings,
            "needs": v.needs,
            "errors": v.errors,
            "warnings": v.warnings,
            "spec": specs.digest,
        }
        for v in versions
    ]
    if rows:
        session.execute(update(Version), rows)
