"""The cast of lists: agencies with announced entries (taken in as stock), a head each, a list as a test reads it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.editions import Sealed, seal_edition
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.keys import new_key
from registry.list_document import ListDocument
from registry.models import Agency, System
from registry.people import actor_of
from registry.responsibility import Scope, live_document
from tests.cast import add_person
from tests.conftest import NOW
from tests.examples import good

MARKET, CIVIL, LABOUR = "11520300MB1A00052M", "115203000094210200", "11520300009421039W"
LPS = ("1152020000944170XR", "六盘水市人力资源和社会保障局")
ZUNYI, LIUPANSHUI = "zunyi_2020", "liupanshui_2025"
BASIS = "部门主要职责"


def announced(key: str, **changes: Any) -> dict[str, Any]:
    """A good entry that names its basis."""
    return good(key, **({"legal_basis": BASIS, "provider_division": "信息科"} | changes))


def in_liupanshui(key: str, **changes: Any) -> dict[str, Any]:
    """The same, of a department of Liupanshui."""
    code, name = LPS
    moved = {"provider_code": code, "provider_name": name, "contact_phone": "0858-8660000"}
    return announced(key, **(moved | changes))


def take_in(
    database: Database, folder: Path, *rows: Mapping[str, Any], profile: str = ZUNYI, now: datetime = NOW
) -> None:
    """Take entries in as stock: in force at once."""
    path = folder / f"{new_key('f')}.jsonl"
    write_jsonl(rows, path, load(profile))
    with database.write() as session:
        import_workbook(session, path, actor="bureau", now=now, mode="existing", profile=profile)


def add_heads(database: Database, *codes: str) -> None:
    """A head for each agency: ``head-`` and its credit code."""
    with database.write() as session:
        for code in codes:
            agency = session.execute(select(Agency).where(col(Agency.code) == code)).scalar_one()
            system = (
                session.execute(select(System).where(col(System.agency_id) == agency.id)).scalars().first()
            )
            assert system is not None
            add_person(session, f"head-{code.lower()}", "head", agency, system)


def list_of(database: Database, code: str | None = None, *, now: datetime = NOW) -> ListDocument:
    """The list of an agency (or of the whole city) as it stands, its rows read."""
    with database.read() as session:
        agency = (
            session.execute(select(Agency).where(col(Agency.code) == code)).scalar_one() if code else None
        )
        return read_whole(live_document(session, Scope(agency), now=now))


def read_whole(document: ListDocument) -> ListDocument:
    """A document whose rows can be gone through again."""
    from dataclasses import replace

    return replace(document, lists=tuple(replace(table, rows=tuple(table.rows)) for table in document.lists))


def seal(database: Database, code: str, *, now: datetime = NOW, login: str = "", **more: Any) -> Sealed:
    """An edition sealed by the agency's head."""
    with database.write() as session:
        agency = session.execute(select(Agency).where(col(Agency.code) == code)).scalar_one()
        actor = actor_of(session, login or f"head-{code.lower()}", today=now.date())
        done = seal_edition(session, agency, actor=actor, now=now, **more)
        session.expunge_all()
        return done


def table(document: ListDocument, key: str) -> list[dict[str, str]]:
    """The rows of one list as heading -> cell."""
    found = next(one for one in document.lists if one.key == key)
    return [dict(zip((c.key for c in found.columns), row.cells, strict=True)) for row in found.rows]


def headings(document: ListDocument, key: str, part: str) -> list[str]:
    found = next(one for one in document.lists if one.key == key)
    return [column.zh for column in found.columns if column.part == part]


def cells(rows: Iterable[Mapping[str, str]], *keys: str) -> list[tuple[str, ...]]:
    """Some columns of rows."""
    return [tuple(row[key] for key in keys) for row in rows]
