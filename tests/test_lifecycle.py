"""The two lives: every move walked, allowed and refused, in the right and in the wrong order."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import load
from catalog_specs.law import Roles
from catalog_specs.law_lifecycle import Lifecycle, Move
from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, Stale
from registry.lifecycle import MoveRefused
from registry.lookup import find_entry
from registry.models import Distribution
from registry.permits import EVERYTHING
from tests.cast import CITY, OWN, PATH, ROLES, Cast, content, make_cast

LIFE = load("zunyi_2020").document("lifecycle", Lifecycle)
TABLE = {
    "name": "企业登记库表",
    "form": "1",
    "patterns": ["批量交换"],
    "items": ["企业名称", "统一社会信用代码"],
    "location": "exchange.t_qydj",
}


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    return make_cast(database, tmp_path)


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Cast:
    return make_cast(sqlite_database, tmp_path)


def test_an_entry_goes_the_whole_way(cast: Cast) -> None:
    cast.walk(*PATH)
    assert cast.state() == ("announced", 1, 1)
    cast.act("attach", "steward", data=TABLE)
    cast.act("clear_data", "secrecy_reviewer")
    with pytest.raises(MoveRefused) as refused:
        cast.act("shelve", "steward")
    assert [unmet.guard for unmet in refused.value.unmet] == ["provision_tested"]


def test_a_distribution_goes_the_whole_way(cast: Cast) -> None:
    cast.walk(*PATH)
    made = cast.act("attach", "steward", data=TABLE).distribution_id or ""
    cast.act("clear_data", "secrecy_reviewer")
    cast.record("provision_test", name=made)
    assert cast.act("shelve", "steward").entry_state == "shelved"
    cast.act("suspend", "bureau", note="核查数据质量")
    assert cast.state()[0] == "announced"
    assert cast.act("resume", "bureau", note="已更正").after == "shelved"
    with pytest.raises(MoveRefused, match="协商"):
        cast.act("off_shelf", "head", note="停止服务")
    cast.record("consultation")
    assert cast.act("off_shelf", "head", note="停止服务").after == "off_shelf"
    assert cast.act("withdraw", "head", note="职责划转").entry_state == "withdrawn"


def test_an_entry_never_shelved_retires_with_its_decision(cast: Cast) -> None:
    cast.walk(*PATH)
    with pytest.raises(MoveRefused) as refused:
        cast.act("retire", "head")
    assert [unmet.guard for unmet in refused.value.unmet] == ["reasons_given", "retirement_decided"]
    cast.record("retirement_decision", role="head")
    assert cast.act("retire", "head", note="系统停用").entry_state == "retired"
    with cast.database.read() as session, pytest.raises(MuluError, match="已注销"):
        find_entry(session, cast.code, sight=EVERYTHING)


def test_an_emergency_takes_a_service_off_at_once(cast: Cast) -> None:
    cast.walk(*PATH)
    made = cast.act("attach", "steward", data=TABLE).distribution_id or ""
    cast.act("clear_data", "secrecy_reviewer")
    cast.record("provision_test", name=made)
    cast.act("shelve", "steward")
    done = cast.act("off_shelf", "bureau", note="泄露风险", data={"emergency": "发现个人信息"})
    assert done.after == "off_shelf"


@pytest.mark.parametrize(("move", "role"), PATH)
def test_no_step_of_the_path_can_be_left_out(here: Cast, move: str, role: str) -> None:
    """Every later step is refused until this one is done."""
    here.walk_to(move, role)
    later = PATH[PATH.index((move, role)) + 1 :]
    for next_move, next_role in later:
        with pytest.raises(MuluError):
            here.act(next_move, next_role)
    assert here.act(move, role).move == move


@pytest.mark.parametrize("move", LIFE.moves, ids=lambda move: move.key)
def test_a_role_that_a_move_does_not_name_is_refused(here: Cast, move: Move) -> None:
    here.act("attach", "steward", data=TABLE)
    for role in set(ROLES) - set(move.by):
        with pytest.raises(NotAllowed) as refused:
            here.act(move.key, role, note="x")
        assert refused.value.details["missing_roles"] == sorted(move.by)


def test_a_second_click_says_who_was_quicker(cast: Cast) -> None:
    cast.act("submit", "steward")
    with pytest.raises(Conflict, match="steward 已于 2026-11-21 10:00 办理“提交”"):
        cast.act("submit", "steward")


def test_a_stale_view_is_refused(cast: Cast) -> None:
    from registry.lifecycle import perform
    from registry.subjects import Subject

    with cast.database.write() as session:
        subject = cast.subject(session, "submit")
        actor = cast.actor("steward", session)
        with pytest.raises(Stale, match="已有变动"):
            perform(session, Subject(subject.entry_id, None, 7), "submit", actor=actor, now=cast.now)


def test_nobody_approves_his_own_work(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    with database.write() as session:
        from sqlmodel import update

        from registry.models import Version

        session.execute(update(Version).values(created_by="auditor"))
    cast.walk_to("approve")
    with pytest.raises(NotAllowed, match="须由另一人办理"):
        cast.act("approve", "auditor")


def test_a_refusal_names_everything_at_once(sqlite_database: Database, tmp_path: Path) -> None:
    row = content("OK01", legal_basis=None, share_condition="依申请", update_cycle=None)
    cast = make_cast(sqlite_database, tmp_path, row)
    with pytest.raises(MoveRefused) as refused:
        cast.act("submit", "steward")
    text = str(refused.value)
    assert {"no_blocking_findings", "list_columns"} <= {unmet.guard for unmet in refused.value.unmet}
    for words in ("E111", "E101", "依据", "数据更新周期", "《政务数据共享条例（国务院令第809号）》第13条"):
        assert words in text


def test_personal_information_asks_for_its_assessment_before_the_head(
    database: Database, tmp_path: Path
) -> None:
    cast = make_cast(database, tmp_path, content("OK01"))
    cast.walk_to("endorse")
    with pytest.raises(MoveRefused) as refused:
        cast.act("endorse", "division_chief")
    assert [unmet.guard for unmet in refused.value.unmet] == ["pia"]
    cast.record("pia")
    cast.walk(*PATH[2:])
    assert cast.state() == ("announced", 1, 1)


def test_the_head_waits_for_the_chief(here: Cast) -> None:
    here.walk_to("endorse")
    with pytest.raises(MoveRefused, match="科室负责人"):
        here.act("endorse", "head")


def test_an_announcement_needs_number_and_date(here: Cast) -> None:
    here.walk_to("announce")
    with pytest.raises(MoveRefused, match="通告文号（number）；通告日期"):
        here.act("announce", "bureau", data={})


def test_a_notice_of_tomorrow_announces_nothing(here: Cast) -> None:
    here.walk_to("announce")
    with pytest.raises(MoveRefused, match="通告日期 2026-11-23 还没有到"):
        here.act("announce", "bureau", data={"number": "遵数通9号", "date": "2026-11-23"})


def test_a_move_may_be_given_in_the_words_of_the_screen(here: Cast) -> None:
    made = here.act("attach", "steward", data=TABLE | {"form": "库表"})
    with here.database.read() as session:
        assert session.get_one(Distribution, made.distribution_id).form == "1"
    here.walk_to("approve")
    returned = here.act(
        "return", "auditor", data={"reasons": [{"field": "更新周期", "phrase": "wrong_cycle"}]}
    )
    assert returned.after == "returned"


def test_every_act_stands_on_the_record(cast: Cast) -> None:
    cast.walk(*PATH)
    with cast.database.read() as session:
        entry = find_entry(session, cast.code, sight=EVERYTHING).entry
        acts = [event.act for event in events_of(session, entry.id)]
    assert acts == ["register", *(move for move, _role in PATH)]


def test_what_a_move_does_not_take_is_refused(here: Cast) -> None:
    with pytest.raises(MuluError, match="不接受 colour"):
        here.act("submit", "steward", data={"colour": "red"})


def test_all_roles_are_cast() -> None:
    assert {role.key for role in load().document("roles", Roles).roles} == set(ROLES)
    assert set(OWN).isdisjoint(CITY)


def test_a_notice_of_today_is_of_today_also_before_eight_in_the_morning(at: Any) -> None:
    cast = at("approved")
    # one o'clock in the morning of the 22nd in the city
    cast.now = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
    done = cast.act("announce", "bureau", data={"number": "遵数通〔2026〕2号", "date": "2026-11-22"})
    assert done.after == "announced"
