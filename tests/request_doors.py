"""The desk of requests some weeks ago by the real clock, which rules at the doors: console, API, pages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from registry.db import Database
from registry.web import create_app
from tests.requests_cast import ASKED, Desk, make_desk
from tests.web_people import enter, settings_of
from validators.workdays import Calendar


def day(ahead: int) -> str:
    """Today and some days."""
    return (Calendar().day_of(datetime.now(UTC)) + timedelta(days=ahead)).isoformat()


def asked(**changes: Any) -> dict[str, Any]:
    """The fields of a share request that is whole."""
    return ASKED | {"valid_until": day(400)} | changes


def desk_ago(database: Database, folder: Path, days: int = 45) -> Desk:
    """A desk that stands some days ago: whatever is answered within two weeks is late today."""
    made = make_desk(database, folder)
    made.now = datetime.now(UTC) - timedelta(days=days)
    return made


def received(desk: Desk, **more: Any) -> str:
    """A conditional request that has reached the provider; its number."""
    number = str(desk.file(data=asked(), **more).number)
    desk.act(number, "consent", "share-m")
    return number


def granted(desk: Desk, **changes: Any) -> str:
    """A grant of a conditional request; its number."""
    number = desk.file(data=asked(**changes)).number
    desk.act(number, "consent", "share-m")
    return str(desk.act(number, "agree", "share-c").grant)


class Doors:
    """The application over a desk; ``as_login`` signs a client in."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk = desk
        self.app: FastAPI = create_app(settings_of(desk.database, files_folder=folder / "files", workers=0))
        self.clients: dict[str, TestClient] = {}

    def as_login(self, login: str) -> TestClient:
        if login not in self.clients:
            client = TestClient(self.app, follow_redirects=False)
            self.clients[login] = enter(client, self.desk.database, login)
        return self.clients[login]

    def close(self) -> None:
        self.app.state.database.close()
