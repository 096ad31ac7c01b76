"""Agencies split: what is named moves, the rest stays or goes along; what would be left behind is listed."""

from pathlib import Path
from typing import Any

import pytest

from registry.agencies import add, rename
from registry.agency_lives import closed_words, owner_on, successors
from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, NotAllowed, Rejected
from registry.lookup import list_entries
from registry.models import SignatureSheet, System
from registry.permits import sight
from registry.splitting import Part, split
from registry.succession import Succession
from tests.agency_cast import (
    BASIS,
    CIVIL,
    MARKET,
    POLICE,
    YESTERDAY,
    actor,
    by_code,
    credit_code,
    deed,
    entry_codes,
    grants_in,
    make_agencies,
    merged,
    named,
    ordered,
)
from tests.conftest import NOW, TODAY
from tests.test_agency_mergers import ROLES, entry

CODE, OTHER, THIRD = "307024030101/000001", "102024030101/000001", "307024030102/000001"
ONE, TWO = credit_code(1), credit_code(2)


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


def parted(database: Database, *parts: Part, login: str = "bureau", **more: Any) -> Succession:
    return deed(database, login, split, CIVIL, parts, **ordered(**more))


def test_what_is_named_moves_and_the_rest_stays(city: Database) -> None:
    part = Part(ONE, "遵义市婚姻登记中心", entries=(CODE,), systems=("民政业务系统",), people=("Steward-C",))
    done = parted(city, part)
    made, kept = named(city, ONE), named(city, CIVIL)
    assert (made.name, made.kind, made.number, made.valid_from) == ("遵义市婚姻登记中心", kept.kind, 3, TODAY)
    assert (kept.valid_until, kept.successor_id) == (None, None)
    assert entry_codes(city, ONE) == [CODE]
    assert entry_codes(city, CIVIL) == [OTHER, THIRD]
    with city.read() as session:
        assert [grant.role for grant in grants_in(session, made)] == ["steward"]
        assert [grant.role for grant in grants_in(session, kept)] == ["head"]
        seen = list_entries(session, sight=sight(actor(session, "steward-c"), ROLES))
        assert [row.entry.code for row in seen] == [CODE]
        assert owner_on(session, entry(city).id, made, YESTERDAY).agency.code == CIVIL
    moved = done.taken[0].moved
    assert [len(moved.entries), len(moved.systems), len(moved.people), moved.roles] == [1, 1, 1, 1]
    assert done.told == ()


def test_each_new_agency_has_a_number_of_its_own(city: Database) -> None:
    parted(city, Part(ONE, "甲中心"), Part(TWO, "乙中心", kind="公共企事业单位"))
    assert [named(city, code).number for code in (ONE, TWO)] == [3, 5]
    assert named(city, TWO).kind == "公共企事业单位"


def test_a_closed_one_leaves_everything_to_its_parts(city: Database) -> None:
    parted(city, Part(ONE, "甲中心", entries=(CODE,)), Part(TWO, "乙中心", rest=True), close=True)
    closed = named(city, CIVIL)
    assert (closed.valid_until, closed.successor_id) == (YESTERDAY, named(city, TWO).id)
    assert entry_codes(city, TWO) == [OTHER, THIRD]
    with city.read() as session:
        assert f"由“乙中心”（{TWO}）承接" in closed_words(session, closed)
        assert len(grants_in(session, named(city, TWO))) == 2
        (event,) = events_of(session, closed.id)
    assert event.details is not None
    assert (event.act, event.details["into"], event.details["closed"]) == ("split_agency", [ONE, TWO], True)
    assert event.details["basis"] == BASIS


def test_closed_without_one_heir_it_names_them_all(here: Database) -> None:
    with here.read() as session:
        systems = tuple(s.id for s in session.query(System).filter_by(agency_id=by_code(session, CIVIL).id))
    all_of_it = Part(
        ONE, "甲中心", entries=(CODE, OTHER, THIRD), systems=systems, people=("head-c", "steward-c")
    )
    parted(here, all_of_it, Part(TWO, "乙中心"), close=True)
    closed = named(here, CIVIL)
    assert closed.successor_id is None
    with here.read() as session:
        assert {one.code for one in successors(session, closed)} == {ONE, TWO}
        assert "甲中心" in closed_words(session, closed)


def test_what_would_be_left_behind_is_listed(here: Database) -> None:
    deed(here, "bureau", add, TWO, "遵义市救助站", kind="政府部门", parent=CIVIL)
    with pytest.raises(Conflict) as refused:
        parted(here, Part(ONE, "甲中心", entries=(CODE,)), Part(credit_code(3), "丙中心"), close=True)
    for words in (
        f"目录 2 条（{OTHER}、{THIRD}）",
        "系统 3 个",
        "人员 2 名（head-c、steward-c）",
        "遵义市救助站",
    ):
        assert words in refused.value.message
    assert entry_codes(here, CIVIL) == [OTHER, CODE, THIRD]


def test_a_standing_agency_takes_over_duties(city: Database) -> None:
    parted(city, Part(MARKET, entries=(CODE,)))
    assert CODE in entry_codes(city, MARKET)
    assert (
        "1 条目录的来源系统属于另一单位：307024030101/000001（民政业务系统）"
        in parted(city, Part(MARKET, entries=(OTHER,), systems=("社会组织管理系统",))).told
    )


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((), "没有写明拆分成哪些单位"),
        (
            (Part(ONE, "甲", entries=("102024030201/000001",)),),
            "不在“遵义市民政局”名下：目录“102024030201/000001”",
        ),
        ((Part(ONE, "甲", systems=("无",), people=("steward-m",)),), "系统“无”、人员“steward-m”"),
        ((Part(ONE, "甲", entries=(CODE,)), Part(TWO, "乙", entries=(CODE,))), "目录写给了两个部分"),
        ((Part(ONE, "甲"), Part(ONE, "乙")), "写了两次"),
        ((Part(ONE, "甲", rest=True), Part(TWO, "乙", rest=True)), "只能有一个部分承接其余"),
        ((Part(CIVIL),), "就是被拆分的单位"),
        ((Part(ONE),), "单位名称须有"),
        ((Part("1", "甲"),), "统一社会信用代码“1”不对"),
        ((Part(MARKET, "别的名称"),), "已是“遵义市市场监督管理局”"),
        ((Part(credit_code(4, "520302"), "红花岗区民政局"),), "跨区划须另行写明"),
    ],
)
def test_parts_that_will_not_do_are_refused(here: Database, parts: tuple[Part, ...], words: str) -> None:
    with pytest.raises((Rejected, Conflict), match=words):
        parted(here, *parts)


def test_a_closed_agency_is_not_split_and_takes_nothing(here: Database) -> None:
    merged(here, [POLICE], MARKET)
    with pytest.raises(Conflict, match="承接"):
        parted(here, Part(POLICE, entries=(CODE,)))
    merged(here, [CIVIL], MARKET)
    with pytest.raises(Conflict, match="承接"):
        parted(here, Part(ONE, "甲中心"))


def test_a_system_does_not_go_where_one_of_its_name_is(here: Database) -> None:
    with here.write() as session:
        values = {"profile": "zunyi_2020", "life": "operating", "created_at": NOW}
        session.add(System(id="s1", agency_id=by_code(session, MARKET).id, name="民政业务系统", **values))
    with pytest.raises(Conflict, match="有同名系统：民政业务系统"):
        parted(here, Part(MARKET, systems=("民政业务系统",)))
    with pytest.raises(Conflict, match="有同名系统：民政业务系统"):
        parted(here, Part(MARKET, rest=True))


def test_a_sheet_that_is_torn_must_be_printed_anew(here: Database) -> None:
    with here.write() as session:
        values = {"move": "endorse", "role": "head", "digest": "0" * 64, "created_by": "x", "created_at": NOW}
        rows = [{"entry": entry(here, code).id} for code in (CODE, OTHER)]
        session.add(
            SignatureSheet(id="q1", number="7", agency_id=by_code(session, CIVIL).id, rows=rows, **values)
        )
    assert "签批单 7 中的目录分属不同单位，须重新打印" in parted(here, Part(ONE, "甲", entries=(CODE,))).told


def test_only_the_bureau_splits(here: Database) -> None:
    for login in ("head-c", "auditor"):
        with pytest.raises(NotAllowed):
            parted(here, Part(ONE, "甲中心"), login=login)


def test_names_of_today_and_before_are_told_after_a_split(here: Database) -> None:
    deed(here, "bureau", rename, CIVIL, "遵义市民政和社会工作局", **ordered())
    with pytest.raises(Conflict, match="已由 115203000094210200 使用"):
        parted(here, Part(ONE, "遵义市民政和社会工作局"))
    parted(here, Part(ONE, "遵义市民政局"))
    assert named(here, ONE).name == "遵义市民政局"
