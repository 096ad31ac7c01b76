"""The open catalogue as strangers read it: a register with open, closed and withheld entries, and a server before it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from bench.shelf import shelve_many
from catalog_specs import load
from registry import audit
from registry.db import Database
from registry.evidence import distribution_digest
from registry.models import Distribution, Entry, Opinion, Version
from registry.stores import FolderStore
from registry.web import create_app
from tests.web_people import settings_of

ACTION = "/api/3/action/"
# what never_sent of ckan.yaml names, as the entries here hold it
SECRETS = {
    "source_system_id": "内部登记系统X9",
    "provider_division": "秘书一科X9",
    "contact_name": "王敏X9",
    "contact_phone": "0851-28229999",
    "share_condition": "仅限内部核对X9",
    "open_condition": "面签承诺X9",
    "provide_channel_note": "前置机十号X9",
    "format_type": ["oracleX9"],
}
ITEM_CODE = "zb_col_x9"
CLOSED = "不开放的登记信息"


@dataclass
class Reading:
    """A register, its application, and a stranger."""

    database: Database
    folder: Path
    app: FastAPI
    roles: dict[str, str] = field(default_factory=dict)

    @property
    def stranger(self) -> TestClient:
        return TestClient(self.app, follow_redirects=False)

    @property
    def files(self) -> FolderStore:
        return FolderStore(self.folder / "files")

    def ask(self, action: str, **params: Any) -> Any:
        """The result of an action; fails when there is none."""
        answer = self.stranger.get(f"{ACTION}{action}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def refusal(self, action: str, **params: Any) -> tuple[int, Any]:
        """Status and error of an action that is refused."""
        answer = self.stranger.get(f"{ACTION}{action}", params=params)
        said = answer.json()
        return answer.status_code, said["error"] if isinstance(said, dict) else said

    def names(self, **params: Any) -> list[str]:
        """The titles that a search finds, in its order."""
        return [one["title"] for one in self.ask("package_search", rows=1000, **params)["results"]]

    def shelve(self, number: int, *, files: bool = False, **more: Any) -> list[str]:
        now = datetime.now(UTC) - timedelta(hours=2)
        return shelve_many(self.database, number, now=now, files=self.files if files else None, **more)

    def edit(self, entry: str, **changes: Any) -> None:
        """Another content of the version in force, as a new one that was announced would have it."""
        self.write(entry, content_changes=changes)

    def write(
        self,
        entry: str,
        *,
        content_changes: dict[str, Any] | None = None,
        state: str = "",
        made: dict[str, Any] | None = None,
    ) -> None:
        """Change rows as a door would, with the act on the record."""
        now = datetime.now(UTC)
        with self.database.write() as session:
            if content_changes is not None:
                version = session.execute(select(Version).where(col(Version.entry_id) == entry)).scalar_one()
                version.content = {**version.content, **content_changes}
                version.announced_at = now
                _clear(session, version)
            if state:
                session.execute(update(Entry).where(col(Entry.id) == entry).values(state=state))
            if made:
                query = update(Distribution).where(col(Distribution.entry_id) == entry)
                session.execute(query.values(**made))
            session.flush()
            audit.record(session, [audit.Act("announce", entry, {})], actor="bureau", now=now)


def _clear(session: Session, version: Version) -> None:
    """The review of the entry's data done anew."""
    query = select(Distribution).where(col(Distribution.entry_id) == version.entry_id)
    for one in session.execute(query).scalars():
        digest = distribution_digest(version.content, one, load(version.profile))
        mine = update(Opinion).where(col(Opinion.distribution_id) == one.id)
        session.execute(mine.values(bound_digest=digest))


@contextmanager
def reading(database: Database, folder: Path, **settings: Any) -> Iterator[Reading]:
    """A register without entries, and its application."""
    app = create_app(settings_of(database, files_folder=folder / "files", workers=0, **settings))
    yield Reading(database, folder, app)
    app.state.database.close()


def fill(register: Reading) -> dict[str, str]:
    """Three open entries with files, one opened under conditions, one not opened, one off the shelf: keys by role."""
    keys = register.shelve(6, files=True)
    roles = dict(zip(("toilets", "people", "parks", "conditional", "closed", "off"), keys, strict=True))
    with register.database.read() as session:
        rows = session.execute(select(col(Version.entry_id), col(Version.content)))
        content = {row.entry_id: row.content for row in rows}
    for role, key in roles.items():
        changes = dict(SECRETS)
        changes["items"] = [
            item | {"item_code": f"{ITEM_CODE}_{n}"} for n, item in enumerate(content[key]["items"])
        ]
        register.edit(key, **changes | _MORE.get(role, {}))
    register.write(
        roles["off"], state="announced", made={"state": "off_shelf", "ended_at": datetime.now(UTC)}
    )
    return roles


_MORE: dict[str, dict[str, Any]] = {
    "toilets": {
        "resource_name": "城区公共厕所分布信息",
        "keywords": ["公厕", "市容环境"],
        "data_domain": "13",
    },
    "people": {"resource_name": "常住人口统计年报", "keywords": ["人口", "统计"], "data_domain": "4"},
    "parks": {
        "resource_name": "公园绿地（2024年）名录",
        "resource_abstract": '公园名称和"面积"\\亩\n逐园列出<br>',
    },
    "conditional": {
        "resource_name": "有条件开放的设施明细",
        "open_type": "2",
        "license": "data-use-agreement",
    },
    "closed": {"resource_name": CLOSED, "open_type": "3"},
    "off": {"resource_name": "下架的登记信息"},
}


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application at a port of this machine, as other programs reach it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


# ---- registers to read --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    made = tmp_path_factory.mktemp("open")
    (made / "mulu.sqlite3").write_bytes(sqlite_template.read_bytes())
    return made


@pytest.fixture(scope="module")
def register(folder: Path) -> Iterator[Reading]:
    """A register that no test changes."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MULU_KEY_DIR", str(folder / "keys"))
    database = Database(f"sqlite:///{folder / 'mulu.sqlite3'}")
    with reading(database, folder) as made:
        made.roles = fill(made)
        yield made
    database.close()
    patch.undo()


@pytest.fixture
def own(database: Database, tmp_path: Path) -> Iterator[Reading]:
    """A register of the test's own, on both databases."""
    with reading(database, tmp_path) as made:
        yield made
