"""Responsibility lists over the web: agencies with announced entries, their people, the application as one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlmodel import col

from registry.db import Database
from registry.models import Agency, System
from registry.people import local
from registry.web import create_app
from tests.cast import add_person
from tests.list_cast import CIVIL, MARKET, add_heads, announced, take_in
from tests.web_people import enter, settings_of

HEAD, OTHER_HEAD = f"head-{CIVIL.lower()}", f"head-{MARKET.lower()}"
PEOPLE = ("steward", "bureau", "county_auditor", "system_admin")
LISTS, EDITIONS = "/api/v1/lists", "/api/v1/editions"
PAGE = {"Accept": "text/html"}
# the application goes by the clock of the machine
FIRST, SECOND = (f"{local(datetime.now(UTC)).year}年第{n}期" for n in (1, 2))


@dataclass
class Web:
    """The application over 遵义市民政局 (two entries) and 遵义市市场监督管理局 (one)."""

    database: Database
    app: FastAPI
    folder: Path
    clients: dict[str, TestClient] = field(default_factory=dict)

    def as_(self, login: str) -> TestClient:
        """A client signed in as someone, once."""
        if login not in self.clients:
            self.clients[login] = enter(TestClient(self.app), self.database, login)
        return self.clients[login]

    @property
    def stranger(self) -> TestClient:
        return TestClient(self.app, headers=PAGE)

    def seal(self, login: str = HEAD, agency: str = CIVIL, **more: Any) -> Any:
        return self.as_(login).post(EDITIONS, json={"agency": agency} | more)

    def sealed(self, **more: Any) -> dict[str, Any]:
        """An edition of 遵义市民政局."""
        answer = self.seal(**more)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def announce(self, key: str = "OK03") -> None:
        """One more entry comes into force."""
        take_in(self.database, self.folder, announced(key))

    def form(self, login: str, at: str, files: Any = None, **fields: str) -> Any:
        """A form of a page, sent."""
        client = self.as_(login)
        data = {"csrf": client.headers["X-CSRF-Token"]} | fields
        return client.post(at, data=data, files=files, headers=PAGE, follow_redirects=False)


@contextmanager
def web_of(database: Database, folder: Path) -> Iterator[Web]:
    """The application without a worker."""
    take_in(database, folder, announced("OK01"), announced("OK02"), announced("OK05"))
    add_heads(database, CIVIL, MARKET)
    with database.write() as session:
        agency = session.execute(select(Agency).where(col(Agency.code) == CIVIL)).scalar_one()
        system = session.execute(select(System).where(col(System.agency_id) == agency.id)).scalars().first()
        assert system is not None
        for role in PEOPLE:
            add_person(session, role, role, agency, system)
    app = create_app(settings_of(database, files_folder=folder / "files", workers=0))
    yield Web(database, app, folder)
    app.state.database.close()
