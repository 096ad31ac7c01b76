"""Entries, versions and items: every query on them, and how they are saved in bulk."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, func, insert, select, update
from sqlalchemy.orm import Session

from catalog_specs import Specs
from registry.errors import Gone, NotFound
from registry.keys import digest_of
from registry.models import Agency, CodeRecord, Entry, Item, Version

DRAFT, ANNOUNCED, SUPERSEDED = "draft", "announced", "superseded"


class Known(NamedTuple):
    """What matching a row needs of a registered entry."""

    entry_id: str
    code: str | None
    provider_code: str
    folded: str
    newest: int
    digest: str
    state: str


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version to be saved: its content and the judgement kept beside it."""

    entry_id: str
    number: int
    content: Mapping[str, Any]
    state: str
    findings: list[Any]
    needs: list[Any]
    errors: int
    warnings: int
    folded: str


def _newest() -> Select[Any]:
    """Entries joined with their newest version and agency."""
    return (
        select(Entry, Version, Agency)
        .join(Version, and_(Version.entry_id == Entry.id, Version.number == Entry.newest))  # type: ignore[arg-type]
        .join(Agency, Agency.id == Entry.agency_id)  # type: ignore[arg-type]
    )


def known_entries(session: Session, provider_codes: Iterable[str]) -> list[Known]:
    """The entries of some providers, as matching needs them."""
    found = []
    for part in _parts(sorted(set(provider_codes))):
        rows = session.execute(
            _newest().with_only_columns(
                Entry.id, Entry.code, Agency.code, Version.folded, Entry.newest, Version.digest, Version.state
            ).where(Agency.code.in_(part))  # type: ignore[attr-defined]
        )
        found += [Known(*row) for row in rows]
    return found


def _parts(values: Sequence[str], size: int = 400) -> Iterable[Sequence[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def names_elsewhere(session: Session) -> dict[str, frozenset[str]]:
    """Folded name -> provider codes, over all live entries."""
    rows = session.execute(_newest().with_only_columns(Version.folded, Agency.code))
    found: dict[str, set[str]] = {}
    for folded, code in rows:
        found.setdefault(folded, set()).add(code)
    return {name: frozenset(codes) for name, codes in found.items()}


def save_entries(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert new entries in bulk."""
    if rows:
        session.execute(insert(Entry), list(rows))


def save_versions(
    session: Session, versions: Sequence[NewVersion], specs: Specs, *, batch_id: str | None, actor: str, now: datetime
) -> dict[str, str]:
    """Insert versions with their items in bulk; gives entry id -> digest."""
    rows, items = [], []
    for version in versions:
        content = dict(version.content)
        rows.append(
            {
                "entry_id": version.entry_id,
                "number": version.number,
                "state": version.state,
                "content": content,
                "digest": digest_of(content),
                "name": str(content.get("resource_name", ""))[:200],
                "folded": version.folded[:200],
                **{key: _short(content.get(key)) for key in ("share_type", "open_type", "data_grade")},
                "profile": specs.profile.key,
                "spec": specs.digest,
                "findings": version.findings,
                "needs": version.needs,
                "errors": version.errors,
                "warnings": version.warnings,
                "batch_id": batch_id,
                "created_by": actor,
                "created_at": now,
            }
        )
        items += _items(version)
    if rows:
        session.execute(insert(Version), rows)
    if items:
        session.execute(insert(Item), items)
    return {str(row["entry_id"]): str(row["digest"]) for row in rows}


def _short(value: Any) -> str | None:
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


def advance(session: Session, steps: Sequence[Mapping[str, Any]]) -> None:
    """Point entries at their new version. ``steps`` hold id, newest, state, in_force, system_id."""
    if steps:
        session.execute(update(Entry), list(steps))


def supersede_drafts(session: Session, steps: Sequence[tuple[str, int]]) -> None:
    """Set drafts aside that a newer version replaces."""
    for part in [steps[i : i + 200] for i in range(0, len(steps), 200)]:
        for entry_id, number in part:
            session.execute(
                update(Version)
                .where(Version.entry_id == entry_id, Version.number == number, Version.state == DRAFT)  # type: ignore[arg-type]
                .values(state=SUPERSEDED)
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


# ---- looking ----------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """One entry in a list."""

    entry: Entry
    version: Version
    agency: Agency


def _chosen(query: Select[Any], agency: str | None, state: str | None, wrong: bool) -> Select[Any]:
    if agency:
        query = query.where((Agency.code == agency) | (Agency.name == agency))  # type: ignore[arg-type]
    if state:
        query = query.where(Entry.state == state)  # type: ignore[arg-type]
    return query.where(Version.errors > 0) if wrong else query  # type: ignore[arg-type]


def list_entries(
    session: Session,
    *,
    agency: str | None = None,
    state: str | None = None,
    wrong: bool = False,
    after: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Row]:
    """Entries with their newest version, by key. ``agency`` is a code or a name; ``wrong``: only with errors.

    A page is told by ``limit`` and either ``after`` (a key to go on from) or ``offset``.
    """
    query = _chosen(_newest().order_by(Entry.id), agency, state, wrong)
    if after:
        query = query.where(Entry.id > after)  # type: ignore[arg-type]
    if limit is not None:
        query = query.limit(limit)
    return [Row(*row) for row in session.execute(query.offset(offset) if offset else query)]


def count_entries(
    session: Session, *, agency: str | None = None, state: str | None = None, wrong: bool = False
) -> int:
    """How many entries ``list_entries`` would give without a limit."""
    query = _chosen(_newest(), agency, state, wrong).with_only_columns(func.count())
    return int(session.execute(query).scalar_one())


def list_agencies(session: Session) -> list[Agency]:
    """All agencies that have entries, by name."""
    query = select(Agency).where(Agency.id.in_(select(Entry.agency_id))).order_by(Agency.name)  # type: ignore[attr-defined]
    return list(session.execute(query).scalars())


def find_entry(session: Session, name: str) -> Row:
    """An entry by its code or key.

    Raises:
        NotFound: there is none. Gone: its code is retired.
    """
    query = _newest().where((Entry.code == name) | (Entry.id == name))  # type: ignore[arg-type]
    found = session.execute(query).first()
    if found is not None:
        return Row(*found)
    record = session.get(CodeRecord, name)
    if record is not None and record.retired_at is not None:
        raise Gone(f"资源代码 {name} 已注销，不再使用")
    raise NotFound(f"没有代码或编号为“{name}”的目录；可用 mulu entries 查看全部")


def get_version(session: Session, entry: Entry, number: int) -> Version:
    """One version of an entry.

    Raises:
        NotFound: the entry has no such version; the message says which there are.
    """
    found = session.get(Version, (entry.id, number))
    if found is None:
        raise NotFound(f"{entry.code or entry.id} 没有第 {number} 版；现有第 1 至 {entry.newest} 版")
    return found


def versions_of(session: Session, entry: Entry) -> list[Version]:
    """All versions of an entry, the oldest first."""
    query = select(Version).where(Version.entry_id == entry.id).order_by(Version.number)  # type: ignore[arg-type]
    return list(session.execute(query).scalars())


def to_rectify(session: Session, *, agency: str | None = None) -> list[Row]:
    """Entries in force whose version has errors: the rectification list of stock taken over (§12 R5)."""
    rows = list_entries(session, agency=agency)
    return [row for row in rows if row.entry.in_force == row.version.number and row.version.errors]
