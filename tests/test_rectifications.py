"""Orders to rectify: given, reported, sent back, closed; who may; and what they keep off the shelf."""

import re
import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from catalog_specs import SpecError, load
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected, Stale
from registry.models import Rectification, System
from registry.orders import open_orders
from registry.people import actor_of
from registry.permits import Actor
from registry.recording import Paper
from registry.rectification_shown import (
    OrdersAsked,
    OrderShown,
    acts_of,
    list_orders,
    shown,
)
from registry.rectifications import days_late, find_order, order, step
from tests.cast import add_person, make_cast
from tests.conftest import NOW, TODAY
from tests.supervision_cast import (
    DUE,
    GIVEN,
    acts,
    deed,
    ordered,
    stepped,
    the_agency,
    the_system,
)

LPS = "liupanshui_2025"


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_cast(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_cast(sqlite_database, tmp_path)
    return sqlite_database


def state_of(database: Database, number: str) -> str:
    with database.read() as session:
        return find_order(session, number, actor=None)[0].state


def look(database: Database, login: str, number: str, now: Any = NOW) -> OrderShown:
    with database.read() as session:
        actor = actor_of(session, login, today=TODAY)
        return shown(find_order(session, number, actor=actor), actor=actor, now=now)


# ---- ordered ----------------------------------------------------------------------------------------------


def test_an_order_gets_the_next_number_of_its_region_and_year(city: Database) -> None:
    made = [ordered(city).number for _ in range(2)]
    assert made == ["ZG-520300-2026-0001", "ZG-520300-2026-0002"]
    found = look(city, "steward", made[0])
    assert (found.state_zh, found.open, found.days_late, found.due) == ("待整改", True, 0, DUE)
    assert (found.trigger_zh, found.document) == ("未按要求编制或者更新政务数据目录", "遵数改〔2026〕3号")
    assert "第39(一)条" in found.source
    assert acts(city, found.id) == [("order_rectification", "bureau")]


def test_orders_given_at_once_get_numbers_of_their_own(postgres_database: Database, tmp_path: Path) -> None:
    make_cast(postgres_database, tmp_path)
    threads = [threading.Thread(target=ordered, args=(postgres_database,)) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with postgres_database.read() as session:
        numbers = sorted(session.execute(select(Rectification.number)).scalars())
    assert numbers == [f"ZG-520300-2026-{n:04d}" for n in range(1, 7)]


def test_its_own_triggers_are_for_its_own_city(city: Database) -> None:
    with pytest.raises(Rejected, match="没有“T3”这种情形（遵义市"):
        ordered(city, replace(GIVEN, trigger="T3"))
    the_system(city, LPS)
    assert look(city, "bureau", ordered(city, replace(GIVEN, trigger="T3")).number).trigger_zh.startswith(
        "未按第十四条"
    )
    assert ordered(city, replace(GIVEN, trigger="L40-5")).trigger == "L40-5"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trigger": ""}, "没有“”这种情形"),
        ({"words": " \n"}, "须写明须整改的问题"),
        ({"words": "长" * 1001}, "至多 1000 个字"),
        ({"paper": Paper("", TODAY)}, "须写明整改通知的文号"),
        ({"paper": Paper("1号", None)}, "须写明整改通知的日期"),
        ({"paper": Paper("1号", TODAY + timedelta(days=1))}, "还没有到"),
        ({"due": None}, "须写明整改期限"),
        ({"due": TODAY - timedelta(days=1)}, "须晚于通知日期"),
    ],
)
def test_what_does_not_fit_is_refused(here: Database, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        ordered(here, replace(GIVEN, **changes))


@pytest.mark.parametrize("kind", ["02", "03"])
def test_systems_of_state_and_province_are_not_ordered_about(here: Database, kind: str) -> None:
    the_system(here, system_class=kind)
    with pytest.raises(Conflict, match="外部系统"):
        ordered(here)


@pytest.mark.parametrize(
    "login", ["steward", "head", "auditor", "county_auditor", "contractor", "system_admin"]
)
def test_only_the_bureau_orders(here: Database, login: str) -> None:
    with pytest.raises((NotAllowed, NotFound)):
        ordered(here, login=login)


# ---- steps ------------------------------------------------------------------------------------------------


def test_it_is_reported_sent_back_reported_again_and_closed(city: Database) -> None:
    number = ordered(city).number
    stepped(city, "steward", number, "report", words="已更新目录")
    back = stepped(city, "bureau", number, "return", words="仍缺三条")
    assert (back.state, back.returned, back.report) == ("ordered", "仍缺三条", "已更新目录")
    stepped(city, "head", number, "report", words="已补齐")
    done = stepped(city, "bureau", number, "close", words="核实完成")
    assert (done.state, done.closing, done.closed_by, done.report) == (
        "closed",
        "核实完成",
        "bureau",
        "已补齐",
    )
    assert acts(city, done.id) == [
        ("order_rectification", "bureau"),
        ("report_rectification", "steward"),
        ("return_rectification", "bureau"),
        ("report_rectification", "head"),
        ("close_rectification", "bureau"),
    ]


def test_an_order_given_by_mistake_is_cancelled_with_words(city: Database) -> None:
    number = ordered(city).number
    with pytest.raises(Rejected, match="须写明情况说明"):
        stepped(city, "bureau", number, "cancel", words=" ")
    assert stepped(city, "bureau", number, "cancel", words="系统写错").state == "cancelled"
    with pytest.raises(Conflict, match="是“已撤销”，不能“撤销”"):
        stepped(city, "bureau", number, "cancel", words="再来")


@pytest.mark.parametrize(
    ("login", "move"),
    [
        ("bureau", "report"),
        ("steward", "close"),
        ("steward", "cancel"),
        ("head", "return"),
        ("auditor", "close"),
    ],
)
def test_a_step_asks_for_its_role(here: Database, login: str, move: str) -> None:
    number = ordered(here).number
    with pytest.raises(NotAllowed):
        stepped(here, login, number, move)
    assert state_of(here, number) == "ordered"


@pytest.mark.parametrize("move", ["report", "close", "cancel"])
@pytest.mark.parametrize("login", ["contractor", "log_auditor", "sync_robot"])
def test_who_has_no_part_in_it_does_not_see_it(here: Database, login: str, move: str) -> None:
    number = ordered(here).number
    with pytest.raises(NotFound):
        stepped(here, login, number, move)
    with here.read() as session:
        actor = actor_of(session, login, today=TODAY)
        assert list_orders(session, actor=actor, now=NOW) == ([], 0)


def test_who_reported_it_does_not_close_it(city: Database) -> None:
    with city.write() as session:
        agency = session.merge(the_agency(city))
        system = session.execute(select(System)).scalars().one()
        add_person(session, "both", "steward", agency, system)
        person = actor_of(session, "both", today=TODAY)
        held = (*person.held, *actor_of(session, "bureau", today=TODAY).held)
    number, both = ordered(city).number, Actor(person.person_id, "both", "both", held)
    with city.write() as session:
        paper = Paper(sha256="ab" * 32, file_name="报告.pdf")
        step(session, number, "report", "已改", paper, actor=both, now=NOW)
    with city.write() as session, pytest.raises(NotAllowed, match="须由他人销号"):
        step(session, number, "close", "已核", actor=both, now=NOW)
    with city.read() as session:
        row = find_order(session, number, actor=both)
        assert [one.key for one in acts_of(row, actor=both)] == ["return", "cancel"]
    assert stepped(city, "bureau", number, "close").state == "closed"


def test_a_report_brings_a_file_and_says_under_which_article(here: Database) -> None:
    number = ordered(here).number
    with pytest.raises(Rejected, match=r"须附整改报告或佐证文件（.*第39条"):
        stepped(here, "steward", number, "report", paper=Paper())


@pytest.mark.parametrize("move", ["close", "return"])
def test_what_was_not_reported_is_neither_closed_nor_sent_back(here: Database, move: str) -> None:
    number = ordered(here).number
    with pytest.raises(Conflict, match="是“待整改”"):
        stepped(here, "bureau", number, move)


def test_who_saw_an_older_state_is_told(here: Database) -> None:
    made = ordered(here)
    stepped(here, "steward", made.number, "report", lock=made.lock)
    with pytest.raises(Stale, match="已有变动"):
        stepped(here, "bureau", made.number, "close", lock=made.lock)


def test_an_unknown_step_or_number_is_named(here: Database) -> None:
    number = ordered(here).number
    with pytest.raises(NotFound, match="report（报整改结果）"):
        stepped(here, "bureau", number, "forget")
    with pytest.raises(NotFound, match="没有编号"):
        stepped(here, "bureau", "ZG\0", "close")


def test_of_two_who_close_at_once_one_is_told(postgres_database: Database, tmp_path: Path) -> None:
    make_cast(postgres_database, tmp_path)
    number = ordered(postgres_database).number
    stepped(postgres_database, "steward", number, "report")
    told: list[str] = []

    def close(move: str) -> None:
        try:
            told.append(stepped(postgres_database, "bureau", number, move).state)
        except MuluError as error:
            told.append(type(error).__name__)

    threads = [threading.Thread(target=close, args=(move,)) for move in ("close", "close")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(told) == ["Conflict", "closed"]


# ---- asked ------------------------------------------------------------------------------------------------


def test_overdue_is_computed_from_the_day(city: Database) -> None:
    made = ordered(city)
    assert [days_late(made, DUE + timedelta(days=n)) for n in (-1, 0, 1, 40)] == [0, 0, 1, 40]
    later = NOW + timedelta(days=33)
    with city.read() as session:
        assert list_orders(session, OrdersAsked(overdue=True), actor=None, now=NOW) == ([], 0)
        (one,), count = list_orders(session, OrdersAsked(overdue=True), actor=None, now=later)
    assert (one.number, one.days_late, count) == (made.number, 3, 1)
    stepped(city, "steward", made.number, "report")
    closed = stepped(city, "bureau", made.number, "close")
    assert days_late(closed, DUE + timedelta(days=40)) == 0


def test_orders_are_found_by_system_agency_and_state(city: Database) -> None:
    first, second = ordered(city).number, ordered(city).number
    stepped(city, "bureau", first, "cancel")
    asked = {
        OrdersAsked(state="cancelled"): [first],
        OrdersAsked(is_open=True): [second],
        OrdersAsked(system=the_system(city).name): [second, first],
        OrdersAsked(agency=the_agency(city).code, is_open=True): [second],
        OrdersAsked(agency="没有"): [],
    }
    with city.read() as session:
        for one, numbers in asked.items():
            rows, count = list_orders(session, one, actor=None, now=NOW)
            assert ([row.number for row in rows], count) == (numbers, len(numbers))
        rows, count = list_orders(session, actor=None, now=NOW, limit=1, offset=1)
        assert ([row.number for row in rows], count) == ([first], 2)
        with pytest.raises(Rejected, match="没有“gone”这种状态"):
            list_orders(session, OrdersAsked(state="gone"), actor=None, now=NOW)


def test_each_is_shown_what_he_may_do(city: Database) -> None:
    number = ordered(city).number
    acts_for = {login: [one.key for one in look(city, login, number).acts] for login in ("steward", "bureau")}
    assert acts_for == {"steward": ["report"], "bureau": ["cancel"]}
    stepped(city, "steward", number, "report")
    assert [one.key for one in look(city, "bureau", number).acts] == ["return", "close", "cancel"]
    assert look(city, "steward", number).acts == ()


# ---- what is asked of the register --------------------------------------------------------------------


def test_open_orders_are_asked_for_many_systems_at_once(city: Database) -> None:
    first, second = ordered(city), ordered(city, replace(GIVEN, paper=Paper("0号", date(2026, 1, 2))))
    stepped(city, "bureau", ordered(city).number, "cancel")
    with city.read() as session:
        found = open_orders(session, [first.system_id, "snone", *(f"s{n}" for n in range(1200))])
    assert {key: [one.number for one in orders] for key, orders in found.items()} == {
        first.system_id: [second.number, first.number]
    }


def test_the_states_of_the_law_file_are_walked() -> None:
    spec = load().supervision.rectification
    assert spec.open_states == ("ordered", "reported")
    reached = {spec.first} | {move.to for move in spec.moves}
    assert reached == set(spec.state_index)


def test_deeds_need_no_more_than_a_name(city: Database) -> None:
    made = deed(city, "bureau", order, the_system(city).name, GIVEN)
    assert stepped(city, "steward", made.id, "report").number == made.number


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ("sees: [read_everything]", "“read_everything” is not in permissions of roles.yaml"),
        ("rectification: {first: begun}", "“begun” is not in states"),
        ("rectification: {order: command}", "“command” is not in permissions"),
        ("rectification: {states: [{key: closed, awaits: report}]}", "a closed one none"),
        ("rectification: {moves: [{key: close, to: gone}]}", "moves close: “gone” is not in states"),
        ("reviews: [{key: plan, permission: judge}]", "reviews plan: “judge” is not in permissions"),
        ("budget: {duties_of: nobody}", "“nobody” is not in roles.yaml"),
        ("budget: {told_elsewhere: [rumour]}", "“rumour” is not in evidence_kinds"),
    ],
)
def test_a_wrong_law_file_is_refused_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlay: str, words: str
) -> None:
    (tmp_path / "supervision.yaml").write_text(overlay, "utf-8")
    monkeypatch.setenv("MULU_SPECS", str(tmp_path))
    with pytest.raises(SpecError, match=re.escape(words)):
        load()
