"""Reviews by the authority: what a plan is failed for, what passed is filed, which review counts."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.models import Blob, SystemReview
from registry.recording import Paper
from registry.reviews import Reason, file_review, latest_review, list_reviews, record_review, reviews_of
from tests.cast import make_cast
from tests.conftest import NOW, TODAY
from tests.supervision_cast import FAILED, PASSED, acts, deed, on, reviewed, the_agency, the_system

LPS = "liupanshui_2025"


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_cast(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_cast(sqlite_database, tmp_path)
    return sqlite_database


def refused(database: Database, given: Any, kind: str = "plan", error: type[Exception] = Rejected) -> str:
    with pytest.raises(error) as told:
        reviewed(database, given, kind)
    return str(told.value)


def counted(database: Database, kind: str = "plan", year: int | None = None) -> SystemReview | None:
    with database.read() as session:
        return latest_review(session, the_system(database).id, kind, year=year)


def test_a_passed_plan_is_kept_with_its_paper(city: Database) -> None:
    given = replace(PASSED, vendor="贵州某评审公司", filing_no="网信备1号", filing_day=TODAY)
    made = reviewed(city, given)
    assert (made.kind, made.year, made.passed, made.number) == ("plan", 2026, True, "遵数评〔2026〕8号")
    assert (made.vendor, made.filing_no, made.filing_day) == ("贵州某评审公司", "网信备1号", TODAY)
    assert acts(city, made.system_id)[-1] == ("review_plan", "bureau")


def test_a_failed_plan_names_reasons_of_its_city(city: Database) -> None:
    made = reviewed(city, FAILED)
    assert made.reasons == [{"code": "R3", "words": "未申请接入交换平台"}]
    with city.read() as session:
        (row,) = list_reviews(session, the_system(city), the_agency(city), actor=None)
    assert (row.reasons[0].zh, row.passed, row.counts) == ("未接入数据共享交换平台", False, True)
    assert "第13(三)条" in row.reasons[0].source


def test_liupanshui_lists_no_reasons_and_takes_words(city: Database) -> None:
    the_system(city, LPS)
    made = reviewed(city, replace(FAILED, reasons=(Reason("", "必要性不足"),)))
    assert made.reasons == [{"code": "", "words": "必要性不足"}]
    assert "没有列出理由代码" in refused(city, FAILED)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reasons": ()}, "须写明理由（R1"),
        ({"reasons": (Reason("R8", "其他"),)}, "没有“R8”这种理由"),
        ({"reasons": (Reason("", "没有代码"),)}, "没有“”这种理由"),
        ({"reasons": (Reason("R3", " "),)}, "须写明R3的具体问题"),
        ({"reasons": (Reason("R3", "一"), Reason("R3", "二"))}, "理由 R3 写了两次"),
        ({"filing_no": "1号", "filing_day": TODAY}, "没有通过的评审不报备案"),
        ({"paper": Paper("", TODAY)}, "须写明文号"),
        ({"paper": Paper("1号", None)}, "须写明方案评审的日期"),
        ({"paper": Paper("1号", TODAY + timedelta(days=1))}, "还没有到"),
        ({"paper": Paper("长" * 101, TODAY)}, "文号至多 100 个字"),
        ({"paper": Paper("1号", date(1999, 1, 1))}, "请核对"),
        ({"year": 2031}, "年度须在 2010 至 2028 之间"),
        ({"vendor": "长" * 101}, "第三方评审机构至多 100 个字"),
        ({"note": "长" * 1001}, "说明至多 1000 个字"),
    ],
)
def test_what_does_not_fit_is_refused_with_words(here: Database, changes: dict[str, Any], words: str) -> None:
    assert words in refused(here, replace(FAILED, **changes))
    assert counted(here) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reasons": (Reason("R1", "意见"),)}, "评审通过的不写"),
        ({"filing_no": "1号"}, "须写明备案的日期"),
        ({"filing_day": TODAY}, "须写明备案号"),
        ({"filing_no": "1号", "filing_day": date(2026, 1, 1)}, "早于评审日期"),
    ],
)
def test_a_passed_plan_must_fit_too(here: Database, changes: dict[str, Any], words: str) -> None:
    assert words in refused(here, replace(PASSED, **changes))


def test_everything_that_is_wrong_is_said_at_once(here: Database) -> None:
    told = refused(here, replace(FAILED, reasons=(Reason("R9", ""),), paper=Paper("", None)))
    assert [words in told for words in ("R9", "文号", "日期")] == [True, True, True]


def test_the_filing_is_added_later_and_once(city: Database) -> None:
    made = reviewed(city)
    done = deed(city, "bureau", file_review, made.id, number="网信备9号", day=TODAY)
    assert (done.filing_no, done.filing_day) == ("网信备9号", TODAY)
    with pytest.raises(Conflict, match="已备案（网信备9号）"):
        deed(city, "bureau", file_review, made.id, number="网信备10号", day=TODAY)
    assert acts(city, made.system_id)[-1] == ("file_review", "bureau")


def test_what_was_not_passed_or_is_not_filed_takes_no_filing(city: Database) -> None:
    failed, fit = reviewed(city, FAILED), reviewed(city, kind="acceptance")
    with pytest.raises(Conflict, match="没有通过"):
        deed(city, "bureau", file_review, failed.id, number="1号", day=TODAY)
    with pytest.raises(Rejected, match="不报网信办备案"):
        deed(city, "bureau", file_review, fit.id, number="1号", day=TODAY)
    with pytest.raises(NotFound):
        deed(city, "bureau", file_review, "v0\0", number="1号", day=TODAY)


def test_the_newest_of_a_kind_and_year_counts(city: Database) -> None:
    reviewed(city, FAILED)
    reviewed(city, on(TODAY - timedelta(days=3), PASSED))
    reviewed(city, on(date(2025, 5, 1), FAILED))
    found = counted(city), counted(city, year=2025), counted(city, "acceptance")
    assert [one and one.passed for one in found] == [True, False, None]
    with city.read() as session:
        rows = list_reviews(session, the_system(city), the_agency(city), actor=None)
    assert [(row.year, row.passed, row.counts) for row in rows] == [
        (2026, True, True),
        (2026, False, False),
        (2025, False, True),
    ]


def test_an_acceptance_review_says_what_was_found(city: Database) -> None:
    the_system(city, LPS)
    given = replace(FAILED, reasons=(Reason("", "未接入市城市运行管理中心"), Reason("", "目录不全")))
    made = reviewed(city, given, "acceptance")
    assert [one["words"] for one in made.reasons] == ["未接入市城市运行管理中心", "目录不全"]
    assert acts(city, made.system_id)[-1][0] == "review_acceptance"
    assert "不写“R3”" in refused(city, FAILED, "acceptance")


@pytest.mark.parametrize("kind", ["02", "03"])
def test_systems_of_state_and_province_are_not_reviewed_here(here: Database, kind: str) -> None:
    the_system(here, system_class=kind)
    told = refused(here, PASSED, error=Conflict)
    assert "外部系统" in told
    assert "国务院令第809号）》第24条" in told


@pytest.mark.parametrize(
    "login", ["steward", "head", "auditor", "contractor", "county_auditor", "log_auditor"]
)
def test_only_the_bureau_reviews(here: Database, login: str) -> None:
    with pytest.raises((NotAllowed, NotFound)):
        reviewed(here, login=login)
    assert counted(here) is None


def test_an_unknown_kind_or_system_is_named(here: Database) -> None:
    assert "plan（方案评审）" in refused(here, PASSED, "half", NotFound)
    with pytest.raises(NotFound, match="没有系统"):
        deed(here, "bureau", record_review, "没有这个系统", "plan", PASSED)


def test_the_file_may_stand_for_the_number(city: Database) -> None:
    with city.write() as session:
        session.add(Blob(sha256="cd" * 32, size=3, created_by="bureau", created_at=NOW))
    made = reviewed(city, replace(PASSED, paper=Paper("", TODAY, "cd" * 32, "评审意见.pdf")))
    assert (made.number, made.sha256, made.file_name) == ("", "cd" * 32, "评审意见.pdf")
    with city.read() as session:
        assert len(reviews_of(session, made.system_id, kind="plan")) == 1
