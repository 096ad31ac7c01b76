"""A server that is killed in the middle of its work: what it did is wholly there, with its event, or not at all."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from registry.audit_check import verify
from registry.audit_files import stored_record
from registry.db import Database
from registry.drafts import register_entry
from registry.models import AuditEvent, Entry, Opinion, Version
from registry.people import actor_of
from tests.api_people import fresh
from tests.cast import make_cast
from tests.postgres import free_port
from tests.web_people import settings_of, token

MOVES, CLIENTS = 200, 4
SERVER = """
import sys
from pathlib import Path
import uvicorn
from registry.settings import Settings
from registry.web import create_app
app = create_app(Settings(sys.argv[1], files_folder=Path(sys.argv[3]), workers=0))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


def _prepared(database: Database, folder: Path) -> tuple[list[str], str]:
    """Drafts that can be submitted, and the steward's token."""
    cast, now = make_cast(database, folder), datetime.now(UTC)
    with database.write() as session:
        actor = actor_of(session, "steward", today=now.date())
        keys = [
            register_entry(session, fresh(n), actor=actor, now=now).row.entry.id for n in range(MOVES - 1)
        ]
        plain = token(session, "steward", "submit", "read_own", now=now).plain
    return [cast.code, *keys], plain


def _start(database: Database, folder: Path, port: int, keys: Path) -> "subprocess.Popen[bytes]":
    url = settings_of(database).database_url
    environment = os.environ | {"MULU_KEY_DIR": str(keys)}
    command = [sys.executable, "-c", SERVER, url, str(port), str(folder / "files")]
    started = subprocess.Popen(command, env=environment, cwd=Path(__file__).parent.parent)
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200:
                return started
        except httpx.HTTPError:
            time.sleep(0.1)
    started.kill()
    raise AssertionError("the server did not start")


def _submit(port: int, plain: str, entries: list[str], done: list[str]) -> None:
    headers = {"Authorization": f"Bearer {plain}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client:
        for entry in entries:
            try:
                answer = client.post(f"/api/v1/entries/{entry}/moves", json={"move": "submit"})
            except httpx.HTTPError:
                return  # killed under our hands: what came of it is for the register to say
            assert answer.status_code == 200, answer.text
            done.append(entry)


@pytest.mark.parametrize("killed_after", [60])
def test_each_move_is_wholly_there_or_not_at_all(
    database: Database, tmp_path: Path, killed_after: int
) -> None:
    entries, plain = _prepared(database, tmp_path)
    port, done = free_port(), list[str]()
    server = _start(database, tmp_path, port, tmp_path / "keys")
    threads = [
        threading.Thread(target=_submit, args=(port, plain, entries[n::CLIENTS], done))
        for n in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    while len(done) < killed_after and any(thread.is_alive() for thread in threads):
        time.sleep(0.005)
    server.send_signal(signal.SIGKILL)
    server.wait()
    for thread in threads:
        thread.join()
    answered = set(done)
    assert killed_after <= len(answered) < MOVES
    _is_whole(database, answered)
    again = _start(database, tmp_path, free := free_port(), tmp_path / "keys")
    try:
        left = [entry for entry in entries if _state(database, entry) == "draft"]
        _submit(free, plain, left, done)
        assert len(done) - len(answered) == len(left)
    finally:
        again.send_signal(signal.SIGTERM)
        again.wait()
    with database.read() as session:
        assert verify(stored_record(session)).faults == ()


def _state(database: Database, name: str) -> str:
    with database.read() as session:
        named = (col(Entry.id) == name) | (col(Entry.code) == name)
        return str(session.execute(select(col(Entry.state)).where(named)).scalar_one())


def _is_whole(database: Database, answered: set[str]) -> None:
    """State, version, opinion and event agree of every entry; what was answered is there."""
    with database.read() as session:
        rows = session.execute(select(Entry, Version).join(Version, col(Version.entry_id) == col(Entry.id)))
        states = {e.id: (e.state, e.lock, v.state, v.awaits) for e, v in rows}
        moved = {key for key, state in states.items() if state[0] == "submitted"}
        opinions = Counter(session.execute(select(col(Opinion.entry_id))).scalars())
        submitted = select(col(AuditEvent.subject)).where(col(AuditEvent.act) == "submit")
        events = Counter(session.execute(submitted).scalars())
        codes = {e.code: e.id for e in session.execute(select(Entry)).scalars()}
    assert {codes.get(name, name) for name in answered} <= moved
    assert opinions == events == Counter(moved)
    assert {states[key] for key in moved} == {("submitted", 2, "submitted", "clear")}
    assert {state for key, state in states.items() if key not in moved} <= {("draft", 1, "draft", "submit")}
