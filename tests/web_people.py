"""People for tests: accounts with roles, and clients of the application that are signed in as one of them."""

from datetime import UTC, date, datetime
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from registry import accounts, sign_in, tokens
from registry.db import Database
from registry.keys import new_key
from registry.models import Agency, LoginSession, Person, System
from registry.people import find_person, known_person
from registry.permits import Actor, Held
from registry.settings import Settings
from registry.web import create_app
from registry.web.given import COOKIE, CSRF_HEADER
from tests.conftest import NOW

PASSWORD = "Ceshi-kouling-2026"
# who makes the first accounts; nobody's login
FOUNDER = Actor("", "local", "安装人", held=(Held("security_admin"),), operator="root")
CIVIL = "11520300009418009K"
MARKET = "11520300MB0X123457"


def agency(session: Session, name: str = "遵义市民政局", code: str = CIVIL, **more: Any) -> Agency:
    """An agency, made unless one of this code is there."""
    found = session.query(Agency).filter_by(code=code).one_or_none()
    if found is None:
        number = session.query(Agency).count() + 1
        values = {"kind": "政府部门", "region": "520300", "number": number, "created_at": NOW} | more
        found = Agency(id=new_key("a"), code=code, name=name, **values)
        session.add(found)
        session.flush()
    return found


def system(session: Session, of: Agency, name: str = "低保管理系统") -> System:
    """A system of an agency."""
    values = {"profile": "zunyi_2020", "life": "operating", "created_at": NOW}
    made = System(id=new_key("s"), agency_id=of.id, name=name, **values)
    session.add(made)
    session.flush()
    return made


def person(session: Session, login: str, *roles: str, of: Agency | None = None, **more: Any) -> Person:
    """An account holding some roles; a contractor's needs ``system``, ``contract`` and ``until`` besides."""
    machine = roles == ("sync_robot",)
    made = accounts.add_user(
        session, login, f"{login}某", agency=of.id if of else None, machine=machine, actor=FOUNDER, now=NOW
    )
    for role in roles:
        accounts.grant_role(session, login, role, **more, actor=FOUNDER, now=NOW)
    return made


def contractor(session: Session, of: System, login: str = "contractor", until: date | None = None) -> Person:
    """A contractor tied to a system until the end of 2027."""
    end = until or date(2027, 12, 31)
    return person(session, login, "contractor", system=of.id, contract="HT-2026-7", until=end)


def token(session: Session, login: str, *scopes: str, now: datetime = NOW, days: int = 30) -> tokens.NewToken:
    """An API token of a person."""
    owner = find_person(session, login)
    actor = Actor(owner.id, owner.login, owner.name)
    return tokens.create_token(session, login, "测试", scopes, days=days, actor=actor, now=now)


def settings_of(database: Database, **more: Any) -> Settings:
    """The settings of an application on a test's database."""
    return Settings(database.engine.url.render_as_string(hide_password=False), **more)


def enter(client: TestClient, database: Database, login: str) -> TestClient:
    """Sign ``client`` in as ``login`` (without the password): cookie, and the CSRF header of its session."""
    with database.write() as session:
        found = sign_in.open_session(
            session, find_person(session, login), now=datetime.now(UTC), how="password"
        )
        row = session.get_one(LoginSession, sign_in.digest_of_secret(found.cookie))
        client.headers[CSRF_HEADER] = row.csrf
    client.cookies.clear()
    client.cookies.set(COOKIE, found.cookie)
    return client


def signed_in(database: Database, *roles: str, login: str = "someone", **more: Any) -> TestClient:
    """A client of a new application, signed in as ``login``, who is made with ``roles`` if he is not there."""
    with database.write() as session:
        if known_person(session, login) is None:
            person(session, login, *roles, **more)
    return enter(TestClient(create_app(settings_of(database))), database, login)


__all__ = [
    "CIVIL",
    "FOUNDER",
    "MARKET",
    "PASSWORD",
    "agency",
    "contractor",
    "enter",
    "person",
    "settings_of",
    "signed_in",
    "system",
    "token",
]
