"""What follows for next year's budget: candidates are told with their articles, the bureau decides, nothing by itself."""

import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.budget_flags import Candidate, Decision, candidates, flag, lift, list_flags, usual_year
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.people import actor_of
from registry.recording import Paper
from tests.cast import make_cast
from tests.conftest import NOW, TODAY
from tests.supervision_cast import (
    DUE,
    FAILED,
    GIVEN,
    PASSED,
    acts,
    deed,
    on,
    ordered,
    reviewed,
    stepped,
    the_agency,
    the_system,
)

YEAR = 2027
LPS = "liupanshui_2025"
LATER = NOW + timedelta(days=35)
DECIDED = Decision("遵数〔2026〕40号", TODAY, note="未落实一云一网一平台要求")


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_cast(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_cast(sqlite_database, tmp_path)
    return sqlite_database


def against(database: Database, *, now: Any = NOW, year: int = YEAR) -> dict[str, list[str]]:
    """What speaks against the only agency but its duties: references by kind."""
    found: dict[str, list[str]] = {}
    for ground in (g for one in told(database, now=now, year=year) for g in one.grounds):
        if ground.kind != "duty_overdue":
            found.setdefault(ground.kind, []).append(ground.ref)
    return found


def told(database: Database, *, now: Any = NOW, year: int = YEAR, login: str = "") -> list[Candidate]:
    with database.read() as session:
        actor = actor_of(session, login, today=TODAY) if login else None
        return candidates(session, year=year, now=now, actor=actor)


def flagged(database: Database, given: Decision = DECIDED, *, year: int = YEAR, login: str = "bureau") -> Any:
    return deed(database, login, flag, the_agency(database).code, year, given)


def test_an_open_order_speaks_against_its_agency(city: Database) -> None:
    number = ordered(city).number
    assert against(city) == {"order_open": [number]}
    assert against(city, now=LATER) == {"order_overdue": [number]}
    (one,) = told(city, now=LATER)
    (ground,) = [g for g in one.grounds if g.kind == "order_overdue"]
    assert f"{DUE} 前整改，已超期 5 天" in ground.words
    assert "国务院令第809号）》第39(一)条" in ground.source
    assert (one.agency_code, one.year, one.flagged) == (the_agency(city).code, YEAR, "")
    assert one.consequence == "原则上不安排下一年度建设服务采购"
    assert "第29条" in one.source


@pytest.mark.parametrize("last", ["close", "cancel"])
def test_what_is_closed_speaks_no_more(here: Database, last: str) -> None:
    number = ordered(here).number
    stepped(here, "steward", number, "report")
    stepped(here, "bureau", number, last)
    assert against(here, now=LATER) == {}


def test_orders_count_for_the_year_in_which_they_were_given_until_they_are_late(city: Database) -> None:
    early = replace(GIVEN, paper=Paper("1号", date(2025, 12, 1)), due=date(2027, 3, 1))
    number = ordered(city, early).number
    assert against(city) == {}
    assert against(city, year=2026) == {"order_open": [number]}
    assert against(city, now=NOW + timedelta(days=200)) == {"order_overdue": [number]}


def test_a_failed_plan_speaks_until_a_newer_one_passed(city: Database) -> None:
    made = reviewed(city, FAILED)
    assert against(city) == {"review_failed": [made.id]}
    words = [g.words for g in told(city)[0].grounds if g.kind == "review_failed"]
    assert words[0].endswith("方案评审未通过（遵数评〔2026〕8号）：R3 未申请接入交换平台")
    reviewed(city, on(TODAY, PASSED))
    assert against(city) == {}


def test_only_reviews_of_the_years_in_question_speak(city: Database) -> None:
    reviewed(city, replace(FAILED, year=2025))
    assert against(city) == {}
    coming = reviewed(city, replace(FAILED, year=2027))
    assert against(city) == {"review_failed": [coming.id]}


def test_nothing_speaks_against_a_system_that_is_external(here: Database) -> None:
    ordered(here)
    reviewed(here, FAILED)
    the_system(here, system_class="03")
    assert against(here, now=LATER) == {}


def test_overdue_duties_of_the_unit_speak_with_their_article(city: Database) -> None:
    grounds = [g for one in told(city) for g in one.grounds if g.kind == "duty_overdue"]
    assert "ZY-05" in {g.ref.partition("@")[0] for g in grounds}
    plan = next(g for g in grounds if g.ref.startswith("ZY-05@"))
    assert "2026 年" in plan.words
    assert "应于 2026-06-30 前完成" in plan.words
    assert "第5条" in plan.source
    assert not [g for g in grounds if g.ref.startswith(("ZY-29", "LPS-33", "LPS-32"))]


# ---- decided ------------------------------------------------------------------------------------------------


def test_the_bureau_flags_on_grounds_that_the_register_knows(city: Database) -> None:
    number = ordered(city).number
    made = flagged(city, replace(DECIDED, reasons=(number, number)))
    assert [row["ref"] for row in made.reasons] == [number]
    with city.read() as session:
        (row,) = list_flags(session, actor=None, year=YEAR, standing=True)
    assert (row.document, row.standing, row.reasons[0]["zh"]) == ("遵数〔2026〕40号", True, "当年整改未销号")
    assert told(city)[0].flagged == "遵数〔2026〕40号"
    assert acts(city, made.agency_id)[-1] == ("flag_budget", "bureau")


def test_nothing_follows_by_itself(city: Database) -> None:
    ordered(city)
    told(city, now=LATER)
    with city.read() as session:
        assert list_flags(session, actor=None) == []


def test_a_second_flag_waits_until_the_first_is_lifted(city: Database) -> None:
    code = flagged(city) and the_agency(city).code
    with pytest.raises(Conflict, match="已标记（遵数〔2026〕40号）"):
        flagged(city)
    with pytest.raises(Rejected, match="须写明解除的理由"):
        deed(city, "bureau", lift, code, YEAR, why=" ")
    done = deed(city, "bureau", lift, code, YEAR, why="已落实")
    assert (done.lifted_why, done.lifted_by) == ("已落实", "bureau")
    later = NOW + timedelta(hours=1)
    assert deed(city, "bureau", flag, code, YEAR, DECIDED, now=later).lifted_at is None
    with city.read() as session:
        assert [row.standing for row in list_flags(session, actor=None)] == [False, True]
    assert [act for act, _by in acts(city, done.agency_id)][-2:] == ["lift_budget_flag", "flag_budget"]


def test_what_is_not_flagged_is_not_lifted(here: Database) -> None:
    with pytest.raises(NotFound, match="没有标记"):
        deed(here, "bureau", lift, the_agency(here).code, YEAR, why="误")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"document": ""}, "须写明决定的文号"),
        ({"day": None}, "须写明决定的日期"),
        ({"day": TODAY + timedelta(days=1)}, "还没有到"),
        ({"note": ""}, "须写明说明"),
        ({"reasons": ("ZG-520300-2026-0009",)}, "不在“遵义市市场监督管理局”的情形之列"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused(here: Database, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        flagged(here, replace(DECIDED, **changes))


@pytest.mark.parametrize("year", [2020, 2028, 10**12])
def test_a_year_far_away_is_refused(city: Database, year: int) -> None:
    with pytest.raises(Rejected, match="预算年度须在 2021 至 2027 之间"):
        flagged(city, year=year)
    with pytest.raises(Rejected, match="预算年度"):
        told(city, year=year)


@pytest.mark.parametrize("login", ["steward", "head", "auditor", "contractor", "county_auditor"])
def test_only_the_bureau_decides(here: Database, login: str) -> None:
    with pytest.raises(NotAllowed):
        flagged(here, login=login)
    with pytest.raises(NotAllowed):
        told(here, login=login)


def test_the_unit_sees_its_own_flags_and_others_none(city: Database) -> None:
    flagged(city)

    def seen(login: str) -> int:
        with city.read() as session:
            return len(list_flags(session, actor=actor_of(session, login, today=TODAY)))

    logins = ("steward", "bureau", "county_auditor", "contractor", "sync_robot")
    assert [seen(login) for login in logins] == [1, 1, 1, 0, 0]


def test_an_agency_that_is_unknown_is_named(here: Database) -> None:
    with pytest.raises(NotFound, match="没有单位"):
        deed(here, "bureau", flag, "没有这个局", YEAR, DECIDED)


def test_the_next_year_is_meant_where_none_is_named() -> None:
    assert usual_year(NOW) == YEAR


def test_of_two_who_flag_at_once_one_is_told(postgres_database: Database, tmp_path: Path) -> None:
    make_cast(postgres_database, tmp_path)
    told: list[str] = []

    def decide() -> None:
        try:
            told.append(flagged(postgres_database).document)
        except Conflict as error:
            told.append(type(error).__name__)

    threads = [threading.Thread(target=decide) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(told) == ["Conflict", "Conflict", "遵数〔2026〕40号"]
