"""A system is retired whose data others use: nothing is retired while a grant runs, and its users are told. S1 27."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.models import Entry
from registry.recording import Paper
from registry.retirement import do_step, open_retirement
from registry.retirement_cases import find_case
from registry.retirement_entries import Fate, Settled
from registry.retirement_progress import lacking_to_close
from registry.retirement_settling import decide, settle, waiting_entries
from registry.retirement_shown import case_json
from registry.system_tasks import system_tasks
from tests.requests_cast import CONDITIONAL, Desk, make_desk


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return make_desk(database, tmp_path)


def _told(desk: Desk) -> str:
    """A retirement of the system of an entry that is shared, its users told; its number."""
    with desk.database.read() as session:
        query = select(col(Entry.system_id)).where(col(Entry.code) == CONDITIONAL)
        system = str(session.execute(query).scalar_one())
    paper = Paper("遵民停〔2026〕2号", desk.now.date())
    number = _by(desk, "head-c", open_retirement, system, paper=paper, why="并入新平台").number
    _by(desk, "steward-c", do_step, number, "notice", Paper("遵数备〔2026〕3号"))
    return str(number)


def _by(desk: Desk, login: str, deed: Any, *given: Any, **more: Any) -> Any:
    desk.now += timedelta(minutes=1)
    with desk.database.write() as session:
        made = deed(session, *given, **more, actor=desk.actor(session, login), now=desk.now)
        session.flush()
        session.expunge_all()
        return made


def _settled(desk: Desk, number: str) -> Settled:
    with desk.database.read() as session:
        keys = waiting_entries(session, number, actor=desk.actor(session, "head-c"))
    found: Settled = _by(desk, "head-c", settle, number, keys)
    return found


def test_an_entry_is_not_retired_while_a_grant_runs(desk: Desk) -> None:
    grant = desk.provided()
    number = _told(desk)
    _by(desk, "head-c", decide, number, [Fate(CONDITIONAL, "retire")])
    assert "没有有效的共享授权" in next(iter(_settled(desk, number).waiting.values()))
    with desk.database.read() as session:
        case = find_case(session, number, actor=None).case
        assert any("WI10" in said and grant in said for said in lacking_to_close(session, case, now=desk.now))
    filed = {"consultation": "已与需求部门协商", "filing": "遵数备〔2026〕3号"}
    desk.on_grant(grant, "revoke", "share-c", "系统停用", data=filed)
    assert len(_settled(desk, number).done) == 1


def test_the_users_have_it_in_their_queue_until_the_grant_ends(desk: Desk) -> None:
    grant = desk.provided()
    _told(desk)
    with desk.database.read() as session:
        tasks = system_tasks(session, desk.actor(session, "steward-m"), now=desk.now, specs=load())
        (told,) = [task for task in tasks if task.of == "grant"]
        assert (told.number, told.act) == (grant, "retirement_notice")
        assert "遵数备〔2026〕3号" in told.what
        others = system_tasks(session, desk.actor(session, "steward-p"), now=desk.now, specs=load())
        assert [task for task in others if task.of == "grant"] == []


def test_who_was_told_stands_with_the_notice(desk: Desk) -> None:
    desk.provided()
    number = _told(desk)
    with desk.database.read() as session:
        shown = case_json(session, find_case(session, number, actor=None), now=desk.now)
    (notice,) = next(step for step in shown["steps"] if step["key"] == "notice")["papers"]
    assert notice["users"] == ["遵义市市场监督管理局"]
