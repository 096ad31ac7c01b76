"""The life of a system: moved on step by step, gated, and what a refusal says."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.models import System, SystemLife
from registry.recording import Paper
from registry.reviews import ReviewGiven, review_plan
from registry.system_lives import advance, gaps, history, move_named, moves_of, write_life
from registry.system_register import add
from tests.agency_cast import CIVIL, actor, deed, make_agencies
from tests.conftest import NOW, TODAY

NAME = "低保管理系统"
PAPER = Paper("遵数函〔2026〕3号")


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


def enter(database: Database, life: str = "operating", **more: Any) -> str:
    return deed(database, "steward-c", lambda s, **who: add(s, CIVIL, NAME, life=life, **more, **who).id)


def life_of(database: Database) -> str:
    with database.read() as session:
        return session.execute(select(col(System.life)).where(col(System.name) == NAME)).scalar_one()


def put(database: Database, life: str) -> None:
    with database.write() as session:
        session.execute(update(System).where(col(System.name) == NAME).values(life=life))


def stop(database: Database, login: str = "head-c", **more: Any) -> None:
    with database.write() as session:
        system = session.execute(select(System).where(col(System.name) == NAME)).scalar_one()
        given: dict[str, Any] = {"day": TODAY, "paper": PAPER} | more
        write_life(session, system, "stop", **given, actor=actor(session, login), now=NOW)


def steps(database: Database) -> list[tuple[str, str, date, str]]:
    with database.read() as session:
        found = session.execute(select(SystemLife).order_by(col(SystemLife.id))).scalars()
        return [(step.before, step.after, step.day, step.document) for step in found]


@pytest.mark.parametrize("life", ["planned", "building", "accepted", "operating"])
def test_a_system_is_entered_where_it_stands(here: Database, life: str) -> None:
    enter(here, life)
    assert (life_of(here), steps(here)) == (life, [])


@pytest.mark.parametrize("life", ["stopped", "wiped", "asleep"])
def test_a_system_is_not_entered_as_retired(here: Database, life: str) -> None:
    with pytest.raises(Rejected, match=f"不能以“{life}”登记系统；可用：planned 已立项、building"):
        enter(here, life)


def test_an_accepted_system_goes_into_operation(city: Database) -> None:
    system_id = enter(city, "accepted")
    deed(city, "steward-c", advance, NAME, "operate", day=date(2026, 11, 1), note=" 上线 ")
    assert (life_of(city), steps(city)) == ("operating", [("accepted", "operating", date(2026, 11, 1), "")])
    with city.read() as session:
        (step,) = history(session, system_id)
        event = events_of(session, system_id)[-1]
    assert (step.note, step.by, step.data["move"]) == ("上线", "steward-c", "operate")
    assert (event.act, event.details["life"]) == ("move_system_life", ["accepted", "operating"])


def test_building_waits_for_the_plan_s_review(city: Database) -> None:
    enter(city, "planned")
    with pytest.raises(Conflict, match="不能“开工建设”") as refused:
        deed(city, "steward-c", advance, NAME, "build")
    rows = refused.value.details["errors"]
    assert {row["code"] for row in rows} == {"review"}
    assert all("第13条" in row["message"] and row["fix"] for row in rows)
    assert life_of(city) == "planned"
    given = ReviewGiven(
        True, Paper("遵数评〔2026〕1号", TODAY), vendor="评审公司", filing_no="BA-1", filing_day=TODAY
    )
    deed(city, "bureau", review_plan, NAME, given)
    deed(city, "steward-c", advance, NAME, "build")
    assert life_of(city) == "building"


def test_acceptance_says_everything_that_is_missing(here: Database) -> None:
    enter(here, "building")
    with pytest.raises(Conflict) as refused:
        deed(here, "steward-c", advance, NAME, "accept")
    rows = refused.value.details["errors"]
    messages = [row["message"] for row in rows]
    assert {"register", "acceptance", "paper"} <= {row["code"] for row in rows}
    assert len(messages) == len(set(messages)) > 10
    assert f"缺 {len(rows)} 项" in refused.value.message
    assert all(text in refused.value.message for text in messages)
    assert "须有文号（--no）或文件（--file）" in messages


def test_giving_up_needs_a_reason(here: Database) -> None:
    enter(here, "planned")
    with pytest.raises(Rejected, match="须写明理由"):
        deed(here, "steward-c", advance, NAME, "cancel")
    deed(here, "steward-c", advance, NAME, "cancel", note="资金未落实")
    assert life_of(here) == "wiped"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"day": TODAY + timedelta(days=1)}, "晚于今天；办成之后再登记"),
        ({"paper": Paper("长" * 101)}, "文号至多 100 个字"),
        ({"note": "长" * 501}, "说明至多 500 个字"),
    ],
)
def test_a_step_that_will_not_do_is_refused(here: Database, more: dict[str, Any], words: str) -> None:
    enter(here, "accepted")
    with pytest.raises(Rejected, match=words):
        deed(here, "steward-c", advance, NAME, "operate", **more)
    assert (life_of(here), steps(here)) == ("accepted", [])


def test_days_run_forward(here: Database) -> None:
    enter(here, "accepted")
    deed(here, "steward-c", advance, NAME, "operate", day=date(2026, 11, 1))
    with pytest.raises(Rejected, match="早于上一环节（2026-11-01）"):
        stop(here, day=date(2026, 10, 31))


def test_a_move_begins_where_it_begins(here: Database) -> None:
    enter(here)
    with pytest.raises(Conflict, match="系统“低保管理系统”运行中，不能办理“开工建设”；须先是：已立项"):
        deed(here, "steward-c", advance, NAME, "build")
    with pytest.raises(NotFound, match="没有环节“sell”；可用：build 开工建设、accept"):
        deed(here, "steward-c", advance, NAME, "sell")


@pytest.mark.parametrize("move", ["stop", "wipe"])
def test_only_a_retirement_stops_a_system(here: Database, move: str) -> None:
    enter(here)
    with pytest.raises(Conflict, match="由停用任务办理"):
        deed(here, "head-c", advance, NAME, move, paper=PAPER)
    assert life_of(here) == "operating"


@pytest.mark.parametrize("login", ["head-c", "bureau"])
def test_nobody_else_moves_it_on(here: Database, login: str) -> None:
    enter(here, "accepted")
    with pytest.raises(NotAllowed):
        deed(here, login, advance, NAME, "operate")


# ---- what a retirement writes -----------------------------------------------------------------------------


def test_a_retirement_stops_it_with_the_decision_s_number(city: Database) -> None:
    enter(city)
    with pytest.raises(Rejected, match="须写明文号"):
        stop(city, paper=None)
    with pytest.raises(NotAllowed):
        stop(city, "steward-c")
    stop(city)
    assert steps(city) == [("operating", "stopped", TODAY, "遵数函〔2026〕3号")]
    assert life_of(city) == "stopped"


def test_two_writers_do_not_both_move_it(here: Database) -> None:
    enter(here)
    with here.write() as session:
        system = session.execute(select(System).where(col(System.name) == NAME)).scalar_one()
        # another writer was quicker than what this session has read
        session.execute(
            update(System).where(col(System.id) == system.id).values(life="stopped"),
            execution_options={"synchronize_session": False},
        )
        with pytest.raises(Conflict, match="状态刚被他人变更"):
            write_life(
                session, system, "stop", day=TODAY, paper=PAPER, actor=actor(session, "head-c"), now=NOW
            )
    assert steps(here) == []


# ---- external systems -------------------------------------------------------------------------------------


def test_an_external_system_is_neither_gated_nor_accepted_here(here: Database) -> None:
    enter(here, "planned", system_class="02")
    deed(here, "steward-c", advance, NAME, "build")
    with pytest.raises(Conflict, match=r"外部系统：不适用验收、义务和清除，不能办理“通过验收”.*第24条"):
        deed(here, "steward-c", advance, NAME, "accept", paper=PAPER)
    put(here, "operating")
    with pytest.raises(Conflict, match="不能办理“停用”"):
        stop(here)


def test_the_moves_that_one_may_make_are_offered(here: Database) -> None:
    enter(here, "building")
    with here.read() as session:
        system = session.execute(select(System).where(col(System.name) == NAME)).scalar_one()
        offered = [m.key for m in moves_of(session, system, actor=actor(session, "steward-c"))]
        others = moves_of(session, system, actor=actor(session, "bureau"))
        shut = gaps(session, system, move_named("accept"), now=NOW)
        open_ = gaps(session, system, move_named("cancel"), now=NOW)
    assert (offered, others, open_) == (["accept", "cancel"], [], [])
    assert len(shut) > 10
