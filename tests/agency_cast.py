"""Agencies for tests: some with entries, systems and people, and the deeds on them in their own transactions."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.audit import events_of
from registry.db import Database
from registry.models import Agency, Entry, RoleGrant, System
from registry.people import actor_of
from registry.permits import Actor
from registry.succession import Succession, merge
from tests.cast import add_person, content, register
from tests.conftest import NOW, TODAY
from validators.codes import credit_check_character, organisation_check_character

T = TypeVar("T")
MARKET = "11520300MB1A00052M"
CIVIL = "115203000094210200"
POLICE = "115203000094210125"
BASIS = "遵府发〔2026〕12号"


def credit_code(number: int, region: str = "520300") -> str:
    """A valid credit code."""
    spec = load().credit_code
    body = f"MB9A{number:04d}"
    head = f"11{region}{body}{organisation_check_character(body, spec)}"
    return head + credit_check_character(head, spec)


def make_agencies(database: Database, folder: Path) -> None:
    """Market (one entry), civil affairs (three) and police (two), each with its people; an auditor and a bureau."""
    rows = [content("OK04")]
    rows += [content(key) for key in ("OK01", "OK02", "OK03", "OK08", "OK09")]
    register(database, folder, *rows)
    with database.write() as session:
        for code, mark in ((MARKET, "m"), (CIVIL, "c"), (POLICE, "p")):
            agency = by_code(session, code)
            system = (
                session.execute(select(System).where(col(System.agency_id) == agency.id)).scalars().first()
            )
            assert system is not None
            for role in ("steward", "head"):
                add_person(session, f"{role}-{mark}", role, agency, system)
        assert system is not None
        for role in ("auditor", "bureau", "security_admin"):
            add_person(session, role, role, agency, system)


def by_code(session: Session, code: str) -> Agency:
    return session.execute(select(Agency).where(col(Agency.code) == code)).scalar_one()


def named(database: Database, code: str) -> Agency:
    with database.read() as session:
        return by_code(session, code)


def deed(database: Database, login: str, act: Callable[..., T], *given: Any, **more: Any) -> T:
    """A deed as ``login``, in its own transaction."""
    with database.write() as session:
        return act(session, *given, actor=actor(session, login), now=NOW, **more)


def actor(session: Session, login: str, today: date = TODAY) -> Actor:
    return actor_of(session, login, today=today)


def ordered(**more: Any) -> dict[str, Any]:
    return {"day": TODAY, "basis": BASIS} | more


def merged(database: Database, sources: Sequence[str], into: str, **more: Any) -> Succession:
    return deed(database, "bureau", merge, sources, into, **ordered(**more))


def entry_codes(database: Database, agency: str) -> list[str]:
    with database.read() as session:
        query = select(col(Entry.code)).join(Agency, col(Agency.id) == col(Entry.agency_id))
        return sorted(str(c) for c in session.execute(query.where(col(Agency.code) == agency)).scalars())


def acts_on(database: Database, subject: str) -> list[str]:
    with database.read() as session:
        return [event.act for event in events_of(session, subject)]


def grants_in(session: Session, agency: Agency) -> list[RoleGrant]:
    query = select(RoleGrant).where(
        col(RoleGrant.agency_id) == agency.id, col(RoleGrant.revoked_at).is_(None)
    )
    return list(session.execute(query).scalars())


YESTERDAY = TODAY - timedelta(days=1)
