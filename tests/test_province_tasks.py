"""What the province refused is found by the steward whose entry it is, with its words and the cure."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.models import Agency, Entry
from registry.people import actor_of
from registry.sync_tasks import SyncTask, sync_tasks
from registry.web import create_app
from tests.cast import make_cast
from tests.parcelling import Office
from tests.test_cli import mulu
from tests.web_people import enter, settings_of

SAID = "更新周期与实际不符"


@pytest.fixture
def office(sqlite_database: Database, tmp_path: Path) -> Office:
    return _refused(sqlite_database, tmp_path)


def _refused(database: Database, tmp_path: Path) -> Office:
    """Two entries that were refused; the first is of the steward's agency."""
    cast = make_cast(database, tmp_path)
    office = Office(database, tmp_path)
    mine, other = office.shelve(2)
    with database.write() as session:
        own = session.execute(select(col(Entry.agency_id)).where(col(Entry.code) == cast.code)).scalar_one()
        assert session.get_one(Agency, own)
        session.execute(update(Entry).where(col(Entry.id) == mine).values(agency_id=own))
    office.run()
    office.receipt(*([office.code(entry), "退回", SAID, "1"] for entry in (mine, other)))
    office.run()
    return office


def tasks(office: Office, login: str | None) -> tuple[SyncTask, ...]:
    with office.database.read() as session:
        actor = actor_of(session, login, today=office.now.date()) if login else None
        return sync_tasks(session, actor, specs=load())


def test_the_steward_finds_what_was_refused_of_his_own(database: Database, tmp_path: Path) -> None:
    office = _refused(database, tmp_path)
    (task,) = tasks(office, "steward")
    assert (task.said, task.target, task.code) == (SAID, "province", "307024000000/000000")
    assert "修订条目" in task.cure and "mulu-sync retry" in task.cure
    assert len(tasks(office, None)) == 2


@pytest.mark.parametrize("login", ["auditor", "secrecy_reviewer", "log_auditor"])
def test_who_cannot_revise_is_asked_nothing(login: str, office: Office) -> None:
    assert tasks(office, login) == ()


def test_it_is_gone_once_it_is_sent_again(office: Office) -> None:
    office.retry()
    assert tasks(office, None) == ()


def test_the_queue_tells_it(office: Office) -> None:
    told = mulu("queue", "--as", "steward")
    assert (told.returncode, SAID in told.stdout, "省平台退回" in told.stdout) == (0, True, True)
    shown = json.loads(mulu("queue", "--as", "steward", "--json").stdout)
    assert [one["said"] for one in shown["refused"]] == [SAID]


def test_rest_and_page_tell_it(office: Office) -> None:
    application = create_app(settings_of(office.database, files_folder=office.folder / "files", workers=0))
    client = enter(TestClient(application), office.database, "steward")
    assert [one["said"] for one in client.get("/api/v1/queue").json()["refused"]] == [SAID]
    page = client.get("/queue").text
    assert (SAID in page, "省平台退回" in page) == (True, True)
    application.state.database.close()
