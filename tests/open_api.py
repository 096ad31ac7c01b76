"""The API over an entry that is opened under conditions, built once and copied for every test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.db import Database
from registry.migrate import upgrade
from registry.models import BatchProof, Blob, Distribution, Job
from registry.web import create_app
from registry.work import works
from registry.workers import Worker
from tests.api_people import Api
from tests.cast import Cast
from tests.open_data import HEADER, csv_bytes, leaky, open_cast, rows
from tests.web_people import settings_of

CLEAN, LEAKY = csv_bytes(rows()), csv_bytes(leaky())
LEAKED = "11010519491231002X"
TABLE = "v_mzjz"
FORMS = {"share_mode_type": ["1", "2"]}


@lru_cache(maxsize=1)
def _built() -> tuple[Path, str]:
    folder = Path(tempfile.mkdtemp(prefix="mulu-open-"))
    database = Database(f"sqlite:///{folder / 'open.sqlite3'}")
    upgrade(database)
    cast = open_cast(database, folder, **FORMS)
    database.close()
    return folder / "open.sqlite3", cast.code


@contextmanager
def open_api(folder: Path) -> Iterator[Api]:
    """The API over a copy in ``folder``; no worker runs."""
    file, code = _built()
    shutil.copy(file, folder / "open.sqlite3")
    database = Database(f"sqlite:///{folder / 'open.sqlite3'}")
    app = create_app(settings_of(database, files_folder=folder / "files", workers=0))
    yield Api(Cast(database, code, now=datetime.now(UTC), files=folder / "files"), app)
    app.state.database.close()
    database.close()


def post(api: Api, data: bytes = CLEAN, *, role: str = "steward", name: str = "门诊.csv", **form: Any) -> Any:
    """A file sent to be checked."""
    headers = {"Idempotency-Key": form.pop("key")} if "key" in form else {}
    files = {"file": (name, data)}
    return api.as_role(role).post(f"{api.entry}/proofs", files=files, data=form, headers=headers)


def agree(api: Api, key: str, role: str = "division_chief") -> Any:
    """The second person agrees."""
    return api.as_role(role).post(f"/api/v1/proofs/{key}/review", json={"agree": True})


def proven(api: Api) -> dict[str, Any]:
    """A clean file checked and agreed to; what the check answered."""
    made: dict[str, Any] = post(api).json()
    assert agree(api, made["standing"]).status_code == 200
    return made


def stored(api: Api) -> bytes:
    """All bytes in the store."""
    folder = api.cast.files
    found = sorted(folder.rglob("*")) if folder and folder.exists() else []
    return b"".join(path.read_bytes() for path in found if path.is_file())


def batches(api: Api) -> list[tuple[str, str]]:
    """State and checker of every content that was checked, the oldest first."""
    query = select(col(BatchProof.state), col(BatchProof.checked_by)).order_by(col(BatchProof.id))
    with api.database.read() as session:
        return [(state, by) for state, by in session.execute(query)]


def blobs(api: Api) -> int:
    """How many files are stored and not erased."""
    with api.database.read() as session:
        return session.query(Blob).filter(col(Blob.erased_at).is_(None)).count()


def perform(api: Api, job_id: str) -> Job:
    """A job done by a worker, as it is afterwards."""
    Worker(api.database, works(api.app.state.settings.files)).perform(job_id, taken_over=True)
    with api.database.read() as session:
        return session.get_one(Job, job_id)


# ---- tables -----------------------------------------------------------------------------------------------


def fill(folder: Path, data: list[list[str]], more: str = "") -> Path:
    """An SQLite file with a view ``TABLE`` of these rows; ``more`` are further columns of it."""
    path = folder / "source.sqlite3"
    path.unlink(missing_ok=True)
    source = Database(f"sqlite:///{path}")
    with Session(source.engine) as session, session.begin():
        session.execute(
            text("CREATE TABLE mzjz (公民身份号码 TEXT, 出生年份 TEXT, 性别 TEXT, 就诊科室 TEXT)")
        )
        for row in data:
            values = dict(zip("abcd", row, strict=True))
            session.execute(text("INSERT INTO mzjz VALUES (:a, :b, :c, :d)"), values)
        session.execute(text(f"CREATE VIEW {TABLE} AS SELECT *{more} FROM mzjz"))
    source.close()
    return path


def attach_table(api: Api) -> str:
    """A table of the entry that is opened, attached; its key."""
    offer = {"name": "门诊就诊库表", "form": "1", "patterns": ["批量交换"], "items": list(HEADER)}
    done = api.cast.act("attach", "steward", data=offer | {"opened": True, "location": TABLE})
    return done.distribution_id or ""


def attach_interface(api: Api) -> str:
    """An interface that is opened; its key. (The entry's own kind of resource would not be offered so.)"""
    made = attach_table(api)
    with api.database.write() as session:
        session.get_one(Distribution, made).form = "3"
    return made


def order_table(api: Api, source: str = "source:OPEN", **more: Any) -> Any:
    """The table sent to be checked."""
    body = {"source": source, "table": TABLE} | more
    return api.as_role("steward").post(f"{api.entry}/proofs", json=body)
