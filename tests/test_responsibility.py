"""Responsibility lists: the article's columns in its order, what is owed, never what is not shared."""

from datetime import timedelta
from pathlib import Path

import pytest

from registry.db import Database
from registry.errors import NotFound
from registry.models import Agency
from registry.responsibility import Scope, live_lists, profile_of
from tests.cast import Cast
from tests.conftest import NOW
from tests.list_cast import (
    CIVIL,
    LIUPANSHUI,
    LPS,
    MARKET,
    announced,
    cells,
    headings,
    in_liupanshui,
    list_of,
    table,
    take_in,
)

ARTICLE = ("info_name", "items", "update_cycle", "share_pattern", "provide_form")
OPENED = ("info_name", "items", "update_cycle", "open_pattern", "provide_form")
# S-ZY 23: 共享信息名称、信息项、数据更新周期、共享服务方式（查询、核验、批量交换）、数据提供方式（服务接口、库表、文件）
GOLDEN_SHARE = [
    (
        "社会组织法人登记信息",
        "社会组织名称、统一社会信用代码、住所",
        "每周",
        "查询、批量交换",
        "库表、服务接口",
    ),
    ("婚姻登记信息", "男方姓名、男方身份证件号码、登记日期、婚姻状态", "每日", "核验", "服务接口"),
    ("最低生活保障对象信息", "姓名、公民身份号码、保障金额", "每月", "核验、查询", "服务接口"),
]
# S-ZY 24: the same columns of what is opened
GOLDEN_OPEN = [
    (
        "社会组织法人登记信息",
        "社会组织名称、统一社会信用代码、住所",
        "每周",
        "在线查询、接口调用",
        "库表、服务接口",
    )
]
# S-LPS 25: one list of what is shared and what is opened
GOLDEN_COMBINED = [
    (
        "企业登记基本信息",
        "企业名称、统一社会信用代码、经营范围",
        "每日",
        "查询、核验、批量交换",
        "库表、服务接口",
    ),
    ("城镇登记失业率统计", "区县、季度、失业率", "每季度", "批量交换", "文件"),
    ("户籍人口身份核验", "姓名、公民身份号码、核验结果", "实时", "核验", "服务接口"),
]


@pytest.fixture
def civil(database: Database, tmp_path: Path) -> Database:
    take_in(database, tmp_path, announced("OK01"), announced("OK02"), announced("OK03"))
    return database


def test_the_sharing_list_of_zunyi_has_the_columns_of_its_article_in_order(civil: Database) -> None:
    found = list_of(civil, CIVIL)
    assert headings(found, "share", "article") == [
        "共享信息名称",
        "信息项",
        "数据更新周期",
        "共享服务方式",
        "数据提供方式",
    ]
    assert cells(table(found, "share"), *ARTICLE) == GOLDEN_SHARE


def test_the_open_list_of_zunyi_holds_what_is_opened_alone(civil: Database) -> None:
    found = list_of(civil, CIVIL)
    assert headings(found, "open", "article") == [
        "开放信息名称",
        "信息项",
        "数据更新周期",
        "开放服务方式",
        "数据提供方式",
    ]
    assert cells(table(found, "open"), *OPENED) == GOLDEN_OPEN


def test_the_combined_list_of_liupanshui_has_the_columns_of_its_article_in_order(
    database: Database, tmp_path: Path
) -> None:
    take_in(database, tmp_path, *(in_liupanshui(key) for key in ("OK04", "OK07", "OK08")), profile=LIUPANSHUI)
    found = list_of(database, LPS[0])
    wanted = ["共享开放信息名称", "信息项", "数据更新周期", "共享开放服务方式", "数据提供方式"]
    assert [one.key for one in found.lists] == ["combined"]
    assert headings(found, "combined", "article") == wanted
    assert sorted(cells(table(found, "combined"), *ARTICLE)) == sorted(GOLDEN_COMBINED)


def test_the_annex_tells_promise_debt_basis_scope_and_contact(civil: Database) -> None:
    found = list_of(civil, CIVIL)
    wanted = (
        "清单编号 信息资源代码 提供部门 责任科室 责任人 联系电话 共享类型 共享条件 共享范围 使用用途 使用时限 "
        "承诺上架日期 首次上架日期 未上架天数 依据 状态 版本"
    )
    assert headings(found, "share", "annex") == wanted.split()
    row = table(found, "share")[1]
    assert cells([row], "scope", "purpose", "legal_basis", "person", "promised_on", "days_owed") == [
        ("市级及区县具有审批职能的部门", "数据校核、业务协同", "部门主要职责", "王敏", "2026-12-04", "0")
    ]


def test_every_line_leads_to_entry_version_and_digest(civil: Database) -> None:
    found = list_of(civil, CIVIL)
    rows = list(found.lists[0].rows)
    assert all(row.entry.startswith("e") and row.version == 1 and len(row.content) == 64 for row in rows)
    assert len({row.entry for row in rows}) == 3


def test_an_entry_that_is_not_shared_never_appears(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK09"))
    found = list_of(database, "115203000094210125")
    assert [list(one.rows) for one in found.lists] == [[], []]


def test_an_item_that_is_not_shared_never_appears(database: Database, tmp_path: Path) -> None:
    row = announced("OK04")
    row["items"][1] |= {"share_type": "3", "open_type": "3"}
    take_in(database, tmp_path, row)
    found = list_of(database, MARKET)
    names = {row["items"] for key in ("share", "open") for row in table(found, key)}
    assert names == {"企业名称、经营范围"}


def test_an_item_that_is_shared_but_not_opened_stands_on_the_sharing_list_alone(
    database: Database, tmp_path: Path
) -> None:
    row = announced("OK04")
    row["items"][2] |= {"open_type": "3"}
    take_in(database, tmp_path, row)
    found = list_of(database, MARKET)
    assert table(found, "share")[0]["items"] == "企业名称、统一社会信用代码、经营范围"
    assert table(found, "open")[0]["items"] == "企业名称、统一社会信用代码"


def test_a_draft_is_owed_by_nobody(database: Database, tmp_path: Path) -> None:
    from tests.cast import make_cast

    cast = make_cast(database, tmp_path)
    assert list(list_of(cast.database, MARKET).lists[0].rows) == []


def test_an_agency_that_shelves_nothing_shows_what_it_owes(civil: Database) -> None:
    later = NOW + timedelta(days=39)
    rows = table(list_of(civil, CIVIL, now=later), "share")
    # promised for Friday 2026-12-04; it is Wednesday 2026-12-30
    assert cells(rows, "promised_on", "shelved_on", "days_owed") == [("2026-12-04", "", "18")] * 3


def test_a_promise_of_the_entry_itself_goes_before_the_clock(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK02", promised_on="2026-11-13"))
    row = table(list_of(database, CIVIL), "share")[0]
    assert (row["promised_on"], row["days_owed"]) == ("2026-11-13", "5")


def test_what_was_promised_does_not_move_when_stock_comes_again(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK02"))
    take_in(database, tmp_path, announced("OK02"), now=NOW + timedelta(days=20))
    assert table(list_of(database, CIVIL), "share")[0]["promised_on"] == "2026-12-04"


def test_a_new_version_undoes_no_promise(database: Database, tmp_path: Path) -> None:
    later = NOW + timedelta(days=30)
    take_in(database, tmp_path, announced("OK02"))
    take_in(database, tmp_path, announced("OK02", contact_phone="0851-28220001"), now=later)
    row = table(list_of(database, CIVIL, now=later), "share")[0]
    assert (row["version"], row["promised_on"], row["days_owed"]) == ("2", "2026-12-04", "11")


def test_a_promise_that_is_over_is_not_put_off_by_another_one(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK02"))
    for days, stated, stands in ((3, "2026-12-31", "2026-12-31"), (60, "2027-06-30", "2026-12-31")):
        take_in(database, tmp_path, announced("OK02", promised_on=stated), now=NOW + timedelta(days=days))
        assert table(list_of(database, CIVIL), "share")[0]["promised_on"] == stands


def test_the_queue_and_the_ledger_know_the_promise_of_the_line(at) -> None:  # type: ignore[no-untyped-def]
    from sqlalchemy import update

    from catalog_specs import load
    from registry.models import ListLine
    from registry.permits import EVERYTHING
    from registry.promises import overdue_ledger
    from registry.queues import waiting

    cast: Cast = at("reviewed")
    with cast.database.write() as session:
        session.execute(update(ListLine).values(promised="2026-11-02"))
    with cast.database.read() as session:
        (task,) = waiting(session, None, now=cast.now, specs=load()).tasks
        ledger = overdue_ledger(session, now=cast.now, specs=load(), sight=EVERYTHING)
    assert str(task.due) == "2026-11-02"
    assert [str(row.due) for row in ledger.rows if row.kind == "shelf"] == ["2026-11-02"]


def test_entries_of_a_system_of_the_province_ask_for_their_data_back(
    database: Database, tmp_path: Path
) -> None:
    from sqlalchemy import update

    from registry.models import System

    take_in(database, tmp_path, announced("OK02", promised_on="2026-01-05"))
    with database.write() as session:
        session.execute(update(System).values(system_class="03"))
    assert table(list_of(database, CIVIL), "share")[0]["days_owed"] == "申请回流"


def test_clocks_do_not_bind_public_enterprises(database: Database, tmp_path: Path) -> None:
    from sqlalchemy import update

    take_in(database, tmp_path, announced("OK02", promised_on="2026-01-05"))
    with database.write() as session:
        session.execute(update(Agency).values(kind="公共企事业单位"))
    assert table(list_of(database, CIVIL), "share")[0]["days_owed"] == "不计"


def test_a_cycle_that_says_nothing_by_itself_is_explained(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK02", update_cycle="其他", update_note="每学期开学后"))
    assert table(list_of(database, CIVIL), "share")[0]["update_cycle"] == "其他（每学期开学后）"


def test_the_whole_city_is_the_lists_of_all_measures_by_agency(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK04"), announced("OK02"))
    take_in(database, tmp_path, in_liupanshui("OK07"), profile=LIUPANSHUI)
    found = list_of(database)
    assert [(one.key, len(list(one.rows))) for one in found.lists] == [
        ("share", 2),
        ("open", 2),
        ("combined", 1),
    ]
    assert cells(table(found, "share"), "list_no", "provider") == [
        ("2026-01-0001", "遵义市民政局"),
        ("2026-02-0001", "遵义市市场监督管理局"),
    ]


def test_a_system_has_its_own_list(civil: Database) -> None:
    from sqlalchemy import select
    from sqlmodel import col

    from registry.models import System

    with civil.read() as session:
        system = session.execute(select(System).where(col(System.name) == "社会救助系统")).scalar_one()
        tables = live_lists(session, Scope(system=system), now=NOW)
        assert [[row.cells[0] for row in one.rows] for one in tables] == [["最低生活保障对象信息"], []]


def test_one_list_can_be_asked_for_and_an_unknown_one_is_named(civil: Database) -> None:
    with civil.read() as session:
        tables = live_lists(session, Scope(), now=NOW, only="open")
        assert [one.key for one in tables] == ["open"]
        with pytest.raises(NotFound, match="没有“secret”这种清单；可用：share、open、combined"):
            live_lists(session, Scope(), now=NOW, only="secret")


def test_an_agency_of_a_city_without_a_measure_has_no_list() -> None:
    other = Agency(id="a", code="x", name="贵阳市某局", kind="政府部门", region="520100", number=1)
    with pytest.raises(NotFound, match="贵阳市某局（520100）不属于已配置的市"):
        profile_of(other)


def test_the_line_of_a_shelved_entry_tells_since_when(shelved: Cast) -> None:
    rows = table(list_of(shelved.database, MARKET, now=shelved.now), "share")
    assert cells(rows, "shelved_on", "days_owed", "status") == [("2026-11-21", "0", "已上架")]


def test_a_sharing_distribution_does_not_fulfil_the_open_list(shelved: Cast) -> None:
    row = table(list_of(shelved.database, MARKET, now=shelved.now), "open")[0]
    assert row["shelved_on"] == ""


def test_a_new_version_speaks_on_the_list_once_it_is_announced(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK02"))
    take_in(database, tmp_path, announced("OK02", update_cycle="每月"))
    rows = table(list_of(database, CIVIL), "share")
    assert cells(rows, "update_cycle", "version") == [("每月", "2")]


def test_the_announcement_records_the_digests_of_the_lines(shelved: Cast) -> None:
    from registry.audit import list_events

    with shelved.database.read() as session:
        events = list_events(session, subject=shelved.code, limit=100)
    lines = next(e.details["lines"] for e in events if e.act == "announce" and e.details)
    assert sorted(lines) == ["open", "share"]


@pytest.fixture
def shelved(at) -> Cast:  # type: ignore[no-untyped-def]
    cast: Cast = at("shelved")
    return cast
