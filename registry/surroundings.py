"""What the register knows around some entries: the facts that the rules ask for, and no more than these ask."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.entries import TOMBSTONES, stored_fold
from registry.models import Agency, CodeRecord, Entry, System, Version
from validators.case import Facts

Content = Mapping[str, Any]
# built once: they are asked with every move and every entry that is registered
_ASKED: BindParameter[Any] = bindparam("asked", expanding=True)
_NAMESAKES = (
    select(col(Entry.id), col(Version.folded), col(Agency.code))
    .join(Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest)))
    .join(Agency, col(Agency.id) == col(Entry.agency_id))
    .where(col(Version.folded).in_(_ASKED))
)
_CODES = select(col(CodeRecord.code)).where(col(CodeRecord.code).in_(_ASKED))
_KINDS = select(col(Agency.code), col(Agency.kind)).where(col(Agency.code).in_(_ASKED))
_SYSTEMS = select(col(System.ident), col(System.name)).where(col(System.ident).in_(_ASKED))


def facts_around(session: Session, contents: Sequence[Content], *, today: date) -> Facts:
    """The facts for judging ``contents``: entries of the same name, their related codes, providers and systems."""
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    elsewhere: dict[str, set[str]] = {}
    for entry_id, folded, provider in _namesakes(session, contents):
        names[(provider, folded)] = (*names.get((provider, folded), ()), entry_id)
        elsewhere.setdefault(folded, set()).add(provider)
    return Facts(
        today=today,
        names=names,
        elsewhere={name: frozenset(codes) for name, codes in elsewhere.items()},
        codes=_codes(session, contents),
        agency_kinds=_agency_kinds(session, contents),
        systems=_systems(session, contents),
    )


def _texts(contents: Iterable[Content], key: str) -> set[str]:
    found: set[str] = set()
    for content in contents:
        value = content.get(key)
        found |= {v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str) and v}
    return found


def _namesakes(session: Session, contents: Sequence[Content]) -> Iterable[tuple[str, str, str]]:
    folded = {stored_fold(name) for name in _texts(contents, "resource_name")}
    if not folded:
        return []
    query = (
        select(col(Entry.id), col(Version.folded), col(Agency.code))
        .join(Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest)))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .where(col(Version.folded).in_(folded), col(Entry.state).not_in(TOMBSTONES))
    )
    return [(str(e), str(f), str(a)) for e, f, a in session.execute(query)]


def _codes(session: Session, contents: Sequence[Content]) -> frozenset[str]:
    asked = _texts(contents, "related_code")
    if not asked:
        return frozenset()
    return frozenset(session.execute(_CODES, {"asked": list(asked)}).scalars())


def _agency_kinds(session: Session, contents: Sequence[Content]) -> dict[str, str]:
    asked = _texts(contents, "provider_code")
    if not asked:
        return {}
    rows = session.execute(_KINDS, {"asked": list(asked)})
    return {str(code): str(kind) for code, kind in rows}


def _systems(session: Session, contents: Sequence[Content]) -> dict[str, str]:
    asked = _texts(contents, "source_system_id")
    if not asked:
        return {}
    rows = session.execute(_SYSTEMS, {"asked": list(asked)})
    return {str(ident): str(name) for ident, name in rows}
