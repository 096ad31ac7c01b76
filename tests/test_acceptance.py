"""Whether a system may be accepted: every element with what shows it or what is missing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.acceptance import lacking
from registry.db import Database
from registry.table_lists import cover, exclude
from tests.acceptance_cast import (
    SYSTEM,
    as_login,
    checked,
    element,
    give_list,
    give_paper,
    give_papers,
    give_review,
    set_system,
    system_of,
)
from tests.cast import PATH, Cast, content, make_cast
from tests.stages import attach, review_data, shelve

At = Callable[[str], Cast]
# the number of the contract's filing is none of the acceptance
REPORT = ["acceptance_report", "filing_number"]


def complete(cast: Cast) -> None:
    """A system whose only entry is shelved, whose tables are decided, and whose papers are there."""
    give_list(cast, "t_qydj", "sys_log")
    as_login(cast, "steward", cover, SYSTEM, ["t_qydj"], cast.code)
    as_login(cast, "steward", exclude, SYSTEM, ["sys_log"], "system_table", why="操作日志")
    give_papers(cast)


def test_a_system_with_nothing_lacks_every_element(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    found = checked(cast)
    assert (found.verdict, found.is_ready) == ("lacking", False)
    assert [one.key for one in found.elements if one.missing] == [one.key for one in found.elements]
    assert any("没有库表清单" in text and "第21条" in text for text in found.lacking)
    with database.read() as session:
        assert lacking(session, system_of(cast), now=cast.now) == found.lacking


def test_a_whole_system_is_ready_on_both_databases(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path, content(open_type="3", non_open_reason="尚未评估"))
    cast.walk(*PATH)
    for step in (attach, review_data, shelve):
        step(cast)
    complete(cast)
    found = checked(cast)
    assert found.lacking == ()
    assert (found.verdict, found.verdict_zh) == ("ready", "具备验收条件")
    assert found.facts is not None
    assert (found.facts.coverage.rate, found.facts.figures.shelf_rate) == (1.0, 1.0)
    assert [(one.name, one.shelved, one.announced) for one in found.facts.entries] == [
        ("企业登记基本信息", True, True)
    ]


def test_what_may_be_opened_must_be_opened_and_on_a_sealed_list(at: At) -> None:
    cast = at("shelved")
    complete(cast)
    gaps = [gap.says for gap in element(cast, "zy_opening").missing]
    assert [gap.partition("：")[0] for gap in gaps] == [
        "1 条可开放的目录没有开放上架",
        "1 条开放目录未列入已封存的清单",
    ]


def test_an_undecided_table_is_named(at: At) -> None:
    cast = at("shelved")
    complete(cast)
    give_list(cast, "t_qydj", "sys_log", "t_new")
    (gap,) = element(cast, "zy_coverage").missing
    assert "覆盖率 50.0%" in gap.says and "1 张未定：t_new" in gap.says
    assert (gap.source, "库表清单" in gap.cure) == (
        "《遵义市级政务信息系统建设管理暂行办法（遵府办函〔2020〕68号）及政策解读》第21条；"
        "遵义市级政务信息系统建设管理暂行办法（遵府办函〔2020〕68号）及政策解读解读9",
        True,
    )


def test_an_entry_that_is_not_announced_covers_nothing(at: At) -> None:
    cast = at("approved")
    give_list(cast, "t_qydj")
    as_login(cast, "steward", cover, SYSTEM, ["t_qydj"], cast.code)
    assert "1 张的目录未通告：t_qydj" in element(cast, "zy_coverage").missing[0].says
    assert "未通告的有 1 条" in element(cast, "zy_catalogue").missing[0].says


def test_what_is_not_on_the_shelf_is_named_and_so_is_what_is_late(at: At) -> None:
    cast = at("announced")
    (gap,) = [gap for gap in element(cast, "zy_catalogue").missing if gap.kind == "shelf_rate"]
    assert gap.says.startswith("应上架 1 条，在架 0 条，上架率 0.0%，低于 100%；未上架：102024030201/000001")
    cast.now += timedelta(days=400)
    gaps = [gap.says for gap in element(cast, "zy_catalogue").missing if gap.kind == "shelf_rate"]
    assert len(gaps) == 2 and "已超期" in gaps[1]


def test_a_system_whose_tables_are_all_left_out_has_still_no_catalogue(
    sqlite_database: Database, tmp_path: Path
) -> None:
    cast = make_cast(sqlite_database, tmp_path)
    give_list(cast, "sys_log")
    as_login(cast, "steward", exclude, SYSTEM, ["sys_log"], "system_table", why="日志")
    assert element(cast, "zy_coverage").met
    assert not element(cast, "zy_catalogue").met


# ---- papers -----------------------------------------------------------------------------------------------


def test_evidence_shows_its_number_day_and_file(at: At) -> None:
    cast = at("draft")
    give_paper(cast, "ZY-19", "acceptance_checklist", "核对表")
    (shown,) = element(cast, "zy_exchange").found
    assert (shown.number, str(shown.day), shown.file_name) == ("〔2026〕3号", "2026-11-21", "佐证.pdf")


def test_one_kind_of_evidence_shows_only_the_papers_that_it_names(at: At) -> None:
    cast = at("draft")
    give_paper(cast, "ZY-19", "final_papers", "财务报告")
    assert element(cast, "zy_financial_report").met
    assert element(cast, "zy_audit_report").missing[0].says == "已登记的终验材料没有写明“审计报告”"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"waived": True}, "不得免除"),
        ({"withdrawn_at": "now"}, "没有登记密码应用安全性评估"),
        ({"system_id": None}, "没有登记密码应用安全性评估"),
    ],
)
def test_evidence_that_does_not_stand_shows_nothing(at: At, more: dict[str, Any], says: str) -> None:
    cast = at("draft")
    given = {key: cast.now if value == "now" else value for key, value in more.items()}
    give_paper(cast, "ZY-28", "crypto_assessment", "本系统没有密码应用", **given)
    assert says in element(cast, "zy_cryptography").missing[0].says


def test_the_assessment_entered_with_the_system_counts(at: At) -> None:
    cast = at("draft")
    set_system(cast, crypto_no="MP-2026-7")
    assert not element(cast, "zy_cryptography").met
    set_system(cast, crypto_on=cast.now.date())
    (shown,) = element(cast, "zy_cryptography").found
    assert (shown.number, shown.day) == ("MP-2026-7", cast.now.date())


# ---- Liupanshui -------------------------------------------------------------------------------------------


def test_liupanshui_asks_for_the_compliance_review_and_the_archives(at: At) -> None:
    cast = at("shelved")
    set_system(cast, profile="liupanshui_2025")
    complete(cast)
    give_paper(cast, "LPS-20", "acceptance_application", "验收申请")
    give_paper(cast, "LPS-14", "connection_tests", "对接测试")
    give_paper(cast, "LPS-29", "three_sync_record", "三同步")
    assert [one.key for one in checked(cast).elements if one.holds and not one.met] == [
        "lps_compliance",
        "lps_archives",
    ]
    give_review(cast, passed=True)
    give_paper(cast, "LPS-21", "archive_acceptance", "档案验收合格")
    give_paper(cast, "LPS-19", "filing_number", "合同备案")
    found = checked(cast)
    assert found.lacking == () and found.is_ready
    # it is filed only afterwards, and so keeps nothing from being accepted
    report = next(one for one in found.elements if one.key == "lps_acceptance_report")
    assert (report.holds, [gap.kind for gap in report.missing]) == (False, REPORT)


def test_the_last_review_counts(at: At) -> None:
    cast = at("draft")
    set_system(cast, profile="liupanshui_2025")
    give_review(cast, passed=True)
    assert element(cast, "lps_compliance").met
    give_review(cast, passed=False, number="六数审〔2026〕9号", at=cast.now + timedelta(hours=1))
    assert "六数审〔2026〕9号）未通过" in element(cast, "lps_compliance").missing[0].says


# ---- whom it does not concern ------------------------------------------------------------------------------


def test_an_external_system_is_not_accepted_here(at: At) -> None:
    cast = at("draft")
    set_system(cast, system_class="03")
    found = checked(cast)
    assert (found.verdict, found.is_ready, found.elements) == ("exempt", False, ())
    assert found.lacking[0].startswith("国直、省直系统为外部系统") and "第24条" in found.lacking[0]


def test_every_element_can_be_recorded_and_says_under_which_duty(at: At) -> None:
    cast = at("draft")
    cures = {gap.kind: gap.cure for one in checked(cast).elements for gap in one.missing}
    assert cures["final_papers"].endswith("（ZY-19）")
    assert cures["risk_report"].endswith("（ZY-19、ZY-28）")
    assert cures["crypto_assessment"].endswith("（ZY-19、ZY-28）")
