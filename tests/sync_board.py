"""A register with entries on the shelf and ledgers of targets written by hand, looked at over the web; no portal."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import delete, update
from sqlmodel import col

from bench.shelf import shelve_many
from registry.db import Database
from registry.keys import new_key
from registry.models import Agency, Entry, OutboxRow, SyncEntry, SyncParcel, SyncRun, SyncTarget
from registry.web import create_app
from sync import ledger
from sync.mapping import Shape
from sync.targets import shape_of
from tests.web_people import enter, person, settings_of, token

NAME = "city-open"
PORTAL = "https://data.example.gov.cn"
API = "/api/v1/sync/targets"
PAGE = {"Accept": "text/html"}
RIGHTS = {
    "version": "2.12",
    "user": "mulu",
    "sysadmin": False,
    "may_create": True,
    "choose_ids": False,
    "may_purge": False,
    "may_create_organizations": True,
    "scheming": False,
    "largest_file": None,
}
PEOPLE = ("auditor", "bureau", "system_admin", "log_auditor", "security_admin")


@dataclass
class Board:
    """Entries, one target, and the application as someone."""

    database: Database
    app: FastAPI
    entries: list[str]
    target: str
    now: datetime
    clients: dict[str, TestClient] = field(default_factory=dict)

    def as_(self, login: str) -> TestClient:
        """A client signed in as someone, once."""
        if login not in self.clients:
            self.clients[login] = enter(TestClient(self.app), self.database, login)
        return self.clients[login]

    def see(self, path: str = f"/sync/{NAME}", login: str = "system_admin", status: int = 200) -> str:
        """A page as someone sees it; it holds nothing that the house's rules on content forbid."""
        answer = self.as_(login).get(path, headers=PAGE)
        assert answer.status_code == status, answer.text
        assert "<script" not in answer.text and " style=" not in answer.text
        return str(answer.text)

    def ask(self, path: str = "", login: str = "system_admin", **params: Any) -> Any:
        """What the API answers below the target."""
        answer = self.as_(login).get(f"{API}/{NAME}{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def robot(self, *scopes: str) -> TestClient:
        """The sync robot by a token."""
        with self.database.write() as session:
            plain = token(session, "robot", *scopes, now=self.now).plain
        return TestClient(self.app, headers={"Authorization": f"Bearer {plain}"})

    def form(self, login: str = "system_admin", name: str = NAME, **fields: str) -> Any:
        """The form of the button 重试, sent."""
        client = self.as_(login)
        data = {"csrf": client.headers["X-CSRF-Token"]} | fields
        return client.post(f"/sync/{name}/retry", data=data, headers=PAGE, follow_redirects=False)

    def add(self, name: str = NAME, **more: Any) -> str:
        """A target, without any row in its ledger."""
        values: dict[str, Any] = {
            "kind": "ckan",
            "mode": "direct",
            "scope": "open",
            "files": "upload",
            "url": PORTAL,
        }
        with self.database.write() as session:
            made = SyncTarget(
                id=new_key("g"), name=name, **values | more, created_by="admin", created_at=self.now
            )
            session.add(made)
            return made.id

    def asked(self, *entries: str, target: str = "") -> None:
        """Rows that are due, as after a change."""
        with self.database.write() as session:
            ledger.ask(session, target or self.target, entries, now=self.now)

    def row(self, entry: str, target: str = "", **values: Any) -> None:
        """A row as a run left it: there and read back, unless it is said otherwise."""
        code = f"dataset-{self.entries.index(entry)}" if entry in self.entries else entry
        there = {"state": "present", "number": 1, "portal_name": code, "digest": "d", "seen_at": self.now}
        self.asked(entry, target=target)
        with self.database.write() as session:
            query = update(SyncEntry).where(
                col(SyncEntry.entry_id) == entry, col(SyncEntry.target_id) == (target or self.target)
            )
            session.execute(query.values(met=col(SyncEntry.asked), **there | values))

    def get(self, entry: str) -> SyncEntry:
        with self.database.read() as session:
            found = session.get_one(SyncEntry, (self.target, entry))
            session.expunge(found)
            return found

    def ran(self, minutes: int = 0, failures: list[dict[str, str]] | None = None, **more: Any) -> str:
        """A run that was kept, so many minutes ago."""
        started, key = self.now - timedelta(minutes=minutes), new_key("y")
        counts = {"total": 3, "added": 2, "updated": 0, "deleted": 0, "ignored": 0, "errored": 1}
        values: dict[str, Any] = {"verb": "run", "by": "mulu-sync", "outcome": "failed", "counts": counts}
        values |= {"target_id": self.target, "started_at": started, "ended_at": started, "said": ""}
        with self.database.write() as session:
            session.add(SyncRun(id=key, failures=failures or [], **values | more))
        return key

    def sent(self, number: int, rows: dict[str, str], **more: Any) -> None:
        """A parcel with entries by act."""
        with self.database.write() as session:
            session.add(
                SyncParcel(
                    id=new_key("k"),
                    target_id=self.target,
                    number=number,
                    name=f"MULU-{number:06d}.zip",
                    sha256="ab" * 32,
                    rows=[
                        {"entry_id": key, "code": key, "act": act, "digest": ""} for key, act in rows.items()
                    ],
                    sent_at=self.now,
                    **more,
                )
            )

    def say(self, **values: Any) -> None:
        """Change the target's own row."""
        with self.database.write() as session:
            session.execute(update(SyncTarget).where(col(SyncTarget.id) == self.target).values(**values))

    def quiet(self) -> None:
        """Empty the outbox."""
        with self.database.write() as session:
            session.execute(delete(OutboxRow))

    def code(self, entry: str) -> str:
        with self.database.read() as session:
            return str(session.get_one(Entry, entry).code)

    def shape(self) -> Shape:
        with self.database.read() as session:
            return shape_of(session, session.get_one(SyncTarget, self.target), self.app.state.settings)


@contextmanager
def board_of(database: Database, folder: Path, entries: int = 4) -> Iterator[Board]:
    """The application over entries on the shelf, a target at a portal whose token may not purge, and its people."""
    now = datetime.now(UTC)
    keys = shelve_many(database, entries, now=now, marked=False)
    with database.write() as session:
        office = session.get_one(Agency, "a0000")
        for role in PEOPLE:
            person(session, role, role)
        person(session, "steward", "steward", of=office)
        person(session, "robot", "sync_robot")
    app = create_app(settings_of(database, files_folder=folder / "files", workers=0))
    board = Board(database, app, keys, "", now)
    board.target = board.add(rights=RIGHTS)
    yield board
    app.state.database.close()
