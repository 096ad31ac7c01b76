"""Agencies entered, edited, renamed, closed; which stand, and what they were called."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from registry.agencies import add, close, edit, find, rename, standing, tag_of
from registry.agency_lives import closed_among, demand_standing, former_names, name_on, owner_on
from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected, Stale
from registry.lookup import list_entries
from registry.models import Agency, AgencyChange, Version
from registry.permits import EVERYTHING
from registry.shown import entry_json
from tests.agency_cast import (
    BASIS,
    CIVIL,
    MARKET,
    POLICE,
    YESTERDAY,
    acts_on,
    by_code,
    credit_code,
    deed,
    make_agencies,
    merged,
    named,
    ordered,
)
from tests.cast import content, register
from tests.conftest import NOW, TODAY

NEW = credit_code(1)
KIND = "政府部门"


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


# ---- entered and edited -----------------------------------------------------------------------------------


def test_an_agency_is_entered_with_the_next_number_of_its_region(city: Database) -> None:
    deed(city, "bureau", add, NEW, " 遵义市数据局 ", kind="党群机关", level="3", parent=MARKET)
    stored = named(city, NEW)
    assert (stored.name, stored.kind, stored.level, stored.region) == (
        "遵义市数据局",
        "党群机关",
        "3",
        "520300",
    )
    assert stored.number == 3  # the three providers brought 1, 2 and 4 along in their codes
    assert stored.parent_id == named(city, MARKET).id
    assert acts_on(city, stored.id) == ["add_agency"]


def test_everything_that_stands_against_a_new_agency_is_said_at_once(here: Database) -> None:
    with pytest.raises(Conflict) as refused:
        deed(here, "bureau", add, MARKET, "遵义市民政局", kind="公司", level="9", region="123456", number=200)
    for words in (
        "已属于“遵义市市场监督管理局”",
        "单位性质没有“公司”",
        "层级没有“9”",
        "行政区划没有“123456”",
        "1 至 99",
    ):
        assert words in refused.value.message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"code": "11520300MB1A00052N"}, "统一社会信用代码"),
        ({"code": "x\0"}, "统一社会信用代码"),
        ({"name": ""}, "名称须有"),
        ({"name": "数\0据局"}, "名称须有"),
        ({"name": "长" * 101}, "名称须有"),
        ({"name": "遵义市民政局"}, "已由 115203000094210200 使用"),
        ({"number": 1}, "部门编号 01 在 520300 已有单位使用"),
        ({"parent": "没有这个局"}, "没有单位"),
    ],
)
def test_what_will_not_do_is_refused(here: Database, given: dict[str, Any], words: str) -> None:
    values = {"code": NEW, "name": "遵义市数据局", "kind": KIND} | given
    with pytest.raises(MuluError, match=words):
        deed(here, "bureau", add, values.pop("code"), values.pop("name"), **values)


def test_an_agency_is_edited(city: Database) -> None:
    seen = frozenset({tag_of(named(city, CIVIL))})
    deed(city, "bureau", edit, CIVIL, {"kind": "党群机关", "level": "3", "parent": MARKET}, seen=seen)
    stored = named(city, CIVIL)
    assert (stored.kind, stored.level, stored.parent_id) == ("党群机关", "3", named(city, MARKET).id)
    with pytest.raises(Stale, match="已有变动"):
        deed(city, "bureau", edit, CIVIL, {"level": None}, seen=seen)
    deed(city, "bureau", edit, CIVIL, {"level": None, "parent": None})
    assert (named(city, CIVIL).level, named(city, CIVIL).parent_id) == (None, None)
    with city.read() as session:
        details = [event.details for event in events_of(session, stored.id)]
    assert details[0] == {
        "agency": CIVIL,
        "kind": [KIND, "党群机关"],
        "level": [None, "3"],
        "parent": [None, stored.parent_id],
    }


def test_nobody_is_his_own_superior(here: Database) -> None:
    deed(here, "bureau", edit, CIVIL, {"parent": MARKET})
    with pytest.raises(Rejected, match="不能作它的上级"):
        deed(here, "bureau", edit, MARKET, {"parent": CIVIL})
    with pytest.raises(Rejected, match="不能作它的上级"):
        deed(here, "bureau", edit, MARKET, {"parent": MARKET})


def test_a_number_that_the_new_region_uses_stands_against_the_move(here: Database) -> None:
    deed(
        here,
        "bureau",
        add,
        credit_code(7, "520302"),
        "红花岗区民政局",
        kind=KIND,
        number=named(here, CIVIL).number,
    )
    with pytest.raises(Conflict, match="部门编号"):
        deed(here, "bureau", edit, CIVIL, {"region": "520302"})
    deed(here, "bureau", edit, MARKET, {"region": "520302"})
    assert named(here, MARKET).region == "520302"


@pytest.mark.parametrize("login", ["steward-c", "head-c", "auditor", "security_admin"])
def test_only_the_bureau_manages_agencies(here: Database, login: str) -> None:
    acts: list[Callable[[], object]] = [
        lambda: deed(here, login, add, NEW, "遵义市数据局", kind=KIND),
        lambda: deed(here, login, edit, CIVIL, {"level": "3"}),
        lambda: deed(here, login, rename, CIVIL, "民政和社会工作局", **ordered()),
        lambda: deed(here, login, close, CIVIL, **ordered()),
    ]
    for act in acts:
        with pytest.raises(NotAllowed) as refused:
            act()
        assert refused.value.details["missing_roles"] == ["bureau"]


# ---- renamed ----------------------------------------------------------------------------------------------


def test_a_rename_keeps_key_code_entries_and_the_old_name(city: Database) -> None:
    before = named(city, CIVIL)
    deed(city, "bureau", rename, CIVIL, "遵义市民政和社会工作局", **ordered())
    after = named(city, CIVIL)
    assert (after.id, after.code, after.name) == (before.id, CIVIL, "遵义市民政和社会工作局")
    with city.read() as session:
        assert former_names(session, after) == [("遵义市民政局", None, YESTERDAY)]
        assert name_on(session, after, YESTERDAY) == "遵义市民政局"
        assert name_on(session, after, TODAY) == "遵义市民政和社会工作局"
        numbers = session.execute(select(col(Version.number))).scalars()
        assert set(numbers) == {1}
        (event,) = events_of(session, after.id)
    assert event.details == {
        "agency": CIVIL,
        "before": "遵义市民政局",
        "after": "遵义市民政和社会工作局",
        "day": TODAY.isoformat(),
        "basis": BASIS,
    }


def test_lists_show_the_name_of_today_and_content_what_was_written(here: Database) -> None:
    deed(here, "bureau", rename, CIVIL, "遵义市民政和社会工作局", **ordered())
    with here.read() as session:
        rows = list_entries(session, sight=EVERYTHING, agency=CIVIL)
        assert {entry_json(row)["provider_name"] for row in rows} == {"遵义市民政和社会工作局"}
        assert {row.version.content["provider_name"] for row in rows} == {"遵义市民政局"}


def test_a_file_with_the_old_name_is_taken_in_with_a_warning(here: Database, tmp_path: Path) -> None:
    deed(here, "bureau", rename, CIVIL, "遵义市民政和社会工作局", **ordered())
    register(here, tmp_path, content("OK01", resource_abstract="结婚登记和离婚登记的记录，按年汇总整理"))
    with here.read() as session:
        rows = list_entries(session, sight=EVERYTHING, agency=CIVIL)
        newer = [row for row in rows if row.version.number == 2]
        assert [len(rows), len(newer)] == [3, 1]
        assert "W234" in {finding["rule"] for finding in newer[0].version.findings}


def test_an_agency_is_found_by_its_old_name_until_another_bears_it(here: Database) -> None:
    deed(here, "bureau", rename, CIVIL, "遵义市民政和社会工作局", **ordered())
    with here.read() as session:
        assert find(session, "遵义市民政局", today=TODAY).code == CIVIL
    deed(here, "bureau", add, NEW, "遵义市民政局", kind=KIND)
    with here.read() as session:
        assert find(session, "遵义市民政局", today=TODAY).code == NEW
        with pytest.raises(NotFound, match="没有单位“无此局”"):
            find(session, "无此局", today=TODAY)


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("新名", {"day": TODAY + timedelta(days=1)}, "还没有到"),
        ("新名", {"basis": " "}, "文号"),
        ("遵义市民政局", {}, "现在就叫"),
        ("遵义市公安局", {}, "已由 115203000094210125 使用"),
        ("", {}, "名称须有"),
    ],
)
def test_a_rename_that_will_not_do_is_refused(
    here: Database, name: str, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(MuluError, match=words):
        deed(here, "bureau", rename, CIVIL, name, **ordered(**more))


def test_renames_go_forward_in_time(here: Database) -> None:
    deed(here, "bureau", rename, CIVIL, "甲局", **ordered(day=date(2026, 3, 1)))
    deed(here, "bureau", rename, CIVIL, "乙局", **ordered(day=date(2026, 6, 1)))
    with pytest.raises(Conflict, match="已自 2026-06-01"):
        deed(here, "bureau", rename, CIVIL, "丙局", **ordered(day=date(2026, 5, 1)))
    with here.read() as session:
        agency = by_code(session, CIVIL)
        assert former_names(session, agency) == [
            ("遵义市民政局", None, date(2026, 2, 28)),
            ("甲局", date(2026, 3, 1), date(2026, 5, 31)),
        ]


# ---- closed -----------------------------------------------------------------------------------------------


def test_an_agency_with_anything_left_is_not_closed(here: Database) -> None:
    deed(here, "bureau", add, NEW, "遵义市救助站", kind=KIND, parent=CIVIL)
    with pytest.raises(Conflict) as refused:
        deed(here, "bureau", close, CIVIL, **ordered())
    for words in (
        "目录 3 条（",
        "系统 3 个（",
        "人员 2 名（head-c、steward-c）",
        "下级单位 1 个（遵义市救助站）",
    ):
        assert words in refused.value.message


def test_an_empty_agency_closes_and_can_hold_nothing_more(city: Database) -> None:
    deed(city, "bureau", add, NEW, "遵义市救助站", kind=KIND)
    deed(city, "bureau", close, NEW, **ordered())
    closed = named(city, NEW)
    assert closed.valid_until == YESTERDAY
    assert (standing(closed, TODAY), standing(closed, YESTERDAY)) == (False, True)
    with city.read() as session:
        with pytest.raises(Conflict, match="没有承接单位"):
            demand_standing(session, closed, TODAY)
        assert list(closed_among(session, session.execute(select(Agency)).scalars(), TODAY)) == [NEW]
    with pytest.raises(Conflict, match="已于 2026-11-21 起撤销"):
        deed(city, "bureau", close, NEW, **ordered())
    with pytest.raises(Conflict, match="已于 2026-11-21 起撤销"):
        deed(city, "bureau", rename, NEW, "新名", **ordered())
    assert acts_on(city, closed.id) == ["add_agency", "close_agency"]


def test_one_that_begins_later_does_not_stand_yet(here: Database) -> None:
    deed(here, "bureau", add, NEW, "遵义市数据局", kind=KIND, valid_from=TODAY + timedelta(days=9))
    with here.read() as session, pytest.raises(Conflict, match="自 2026-11-30 起才设立"):
        demand_standing(session, by_code(session, NEW), TODAY)


# ---- the past ---------------------------------------------------------------------------------------------


def test_the_provider_of_a_day_is_told_with_the_name_of_the_time(here: Database) -> None:
    deed(here, "bureau", rename, CIVIL, "民政和社会工作局", **ordered(day=date(2026, 3, 1)))
    moved = merged(here, [CIVIL], MARKET, day=date(2026, 6, 1)).taken[0].moved.entries[0]
    merged(here, [MARKET], POLICE, day=date(2026, 9, 1))
    days = {
        date(2026, 1, 1): (CIVIL, "遵义市民政局"),
        date(2026, 4, 1): (CIVIL, "民政和社会工作局"),
        date(2026, 7, 1): (MARKET, "遵义市市场监督管理局"),
        TODAY: (POLICE, "遵义市公安局"),
    }
    with here.read() as session:
        found = {day: owner_on(session, moved, by_code(session, POLICE), day) for day in days}
    assert {day: (owner.agency.code, owner.name) for day, owner in found.items()} == days


def test_the_migration_keeps_changes_in_a_table_of_their_own(city: Database) -> None:
    deed(city, "bureau", rename, CIVIL, "新名局", **ordered())
    with city.read() as session:
        (row,) = session.execute(select(AgencyChange)).scalars()
    assert (row.change, row.day, row.document, row.name, row.by) == (
        "rename",
        TODAY,
        BASIS,
        "遵义市民政局",
        "bureau",
    )
    assert row.at == NOW
