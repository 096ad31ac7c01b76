"""What a scan's report says, and what it never says: as JSON, as text, as one HTML file."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from catalog_specs import Specs
from registry.errors import Unavailable, Unreadable
from registry.scan_html import html_fragment, html_report, style_policy
from registry.scan_report import failed_json, report_json, veil
from registry.scan_text import text_report, width_of
from registry.scanning import SourceFacts, match_columns
from validators.findings import Finding
from validators.scanned import (
    Anonymity,
    ColumnAsked,
    ColumnFound,
    ColumnResult,
    Found,
    ScanFinding,
    ScanResult,
    SmallClass,
)

SHA, SM3 = "ab" * 32, "cd" * 32
ID_18 = Found(
    "id_card_18", "公民身份号码", "direct", "H", 980, 990, 1000, "identifier",
    ("1****************X",), ("式样相符", "校验位通过 980/990", "列名“身份证号”"),
)  # fmt: skip
SOURCE = SourceFacts("低保名单.csv", "csv", ("身份证号", "年龄", "乡镇"), SHA, SM3, 4096, "ef" * 32)


def column(name: str, verdict: Any = "clean", pii: Any = "none", *found: Found, **more: Any) -> ColumnResult:
    return ColumnResult(ColumnFound(ColumnAsked(name), 1000, 1000, found, **more), pii, verdict)


def result(**changes: Any) -> ScanResult:
    made = ScanResult(
        rows=1000,
        columns=(
            column("身份证号", "hits", "direct", ID_18),
            column("年龄", "note", "quasi"),
            column("乡镇", lost_numbers=3),
        ),
        findings=(
            ScanFinding("item_without_column", "note", "住址"),
            ScanFinding("column_without_item", "need", "乡镇", 4, ("5****2",)),
            ScanFinding("not_every_row", "error", place="低保名单.csv", params={
                "reason": "3 行没有读入", "cure": "改正后再试", "reason_en": "3 rows were not read", "cure_en": "mend",
            }),
        ),
        anonymity=Anonymity(
            ("年龄", "乡镇"), 3, 1, 40, 2, 20, 2,
            (SmallClass({"年龄": "83", "乡镇": "毛石镇"}, 1),), ("把年龄泛化到10岁段：k 3 → 27",),
        ),
        masks={"身份证号": ("id_card 6+4",)},
        residual=980,
        complete=True,
        verdict="hits",
        open_type="1",
        spec="12" * 32,
        detectors="d1",
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture
def report(specs: Specs) -> dict[str, Any]:
    return report_json(result(), SOURCE, specs)


CONTRACT = ("file", "sha256", "rows", "columns", "k", "quasi", "verdict", "findings")


def test_the_json_has_the_keys_of_the_contract(report: dict[str, Any]) -> None:
    assert [key for key in CONTRACT if key not in report] == []
    assert {"sm3", "open_type", "complete", "spec", "detector_version", "thresholds", "expectations"} <= set(
        report
    )
    assert (report["k"], report["quasi"], report["rows"], report["verdict"]) == (
        3,
        ["年龄", "乡镇"],
        1000,
        "hits",
    )
    assert (report["thresholds"], report["sha256"]) == ({"k": 20, "l": 2, "residual": 0}, SHA)


def test_a_column_says_what_was_found_and_why(report: dict[str, Any]) -> None:
    first = report["columns"][0]
    assert {"name", "detectors", "pii", "verdict"} <= set(first)
    assert (first["name"], first["pii"], first["verdict"], first["masks"]) == (
        "身份证号", "direct", "hits", ["id_card 6+4"],
    )  # fmt: skip
    found = first["detectors"][0]
    assert {key: found[key] for key in ("id", "hits", "ratio", "confidence", "examples_masked")} == {
        "id": "id_card_18", "hits": 980, "ratio": 0.98, "confidence": "H", "examples_masked": ["1****************X"],
    }  # fmt: skip
    assert "列名“身份证号”" in found["reasons"]


def test_numbers_are_numbers_and_what_was_not_counted_is_null(specs: Specs) -> None:
    nothing = result(anonymity=Anonymity(why_unknown="内存不够"), verdict="incomplete")
    table = replace(SOURCE, sha256=None, sm3=None, size=None, kind="table")
    written = json.loads(json.dumps(report_json(nothing, table, specs), allow_nan=False))
    assert (written["k"], written["l"], written["sha256"], written["sm3"]) == (None, None, None, None)
    assert type(written["columns"][0]["detectors"][0]["ratio"]) is float
    assert type(written["columns"][0]["detectors"][0]["hits"]) is int


def test_findings_are_worded_gravest_first(report: dict[str, Any]) -> None:
    levels = [finding["level"] for finding in report["findings"]]
    assert levels == ["error", "need", "note"]
    need = report["findings"][1]
    assert set(need) == {
        "rule", "level", "column", "message", "fix", "source", "count", "examples_masked", "place",
    }  # fmt: skip
    assert need["message"] == "列“乡镇”在目录中没有对应的信息项"
    assert (need["count"], need["examples_masked"]) == (4, ["5****2"])
    assert need["source"].startswith("《遵义")


def test_what_a_source_says_of_itself_comes_in_both_languages(specs: Specs) -> None:
    zh, en = (report_json(result(), SOURCE, specs, lang)["findings"][0] for lang in ("zh", "en"))
    assert ("3 行没有读入" in zh["message"], zh["fix"]) == (True, "改正后再试")
    assert ("3 rows were not read" in en["message"], en["fix"]) == (True, "mend")


# ---- never a raw value ------------------------------------------------------------------------------------


def test_small_groups_are_listed_with_half_of_each_value(report: dict[str, Any]) -> None:
    assert report["anonymity"]["small"] == [{"values": {"年龄": "8*", "乡镇": "毛石*"}, "size": 1}]
    assert [veil(text) for text in ("", "女", "1990-01-02")] == ["", "女", "1990-*****"]


def test_a_header_that_is_a_value_is_not_told(specs: Specs) -> None:
    bare = "11010519491231002X"
    made = result(
        columns=(column(bare, "hits", "direct", ID_18),),
        findings=(ScanFinding("column_without_item", "need", bare),),
        anonymity=Anonymity((bare,), 1),
    )
    source = replace(SOURCE, headers=(bare,))
    whole = report_json(made, source, specs)
    assert whole["columns"][0]["name"] == "第1列（列名含标识符，已遮蔽）"
    for told in (json.dumps(whole, ensure_ascii=False), text_report(whole, specs), html_report(whole, specs)):
        assert bare not in told


def test_a_small_group_with_an_identifier_is_hidden_whole(specs: Specs) -> None:
    small = (SmallClass({"年龄": "13800138000"}, 1),)
    made = report_json(result(anonymity=Anonymity(("年龄",), 1, small=small)), SOURCE, specs)
    assert made["anonymity"]["small"][0]["values"] == {"年龄": "*" * 11}


# ---- items ------------------------------------------------------------------------------------------------

ITEMS = (ColumnAsked("公民身份号码", "SFZH", "direct"), ColumnAsked("姓名", "xm"), ColumnAsked("住址", "zz"))


def test_headers_find_their_items_by_name_then_by_code() -> None:
    found = match_columns(("sfzh", " 姓 名 ", "备注"), ITEMS)
    assert [column.name for column in found.columns] == ["公民身份号码", "姓名", "备注"]
    assert (found.columns[0].pii, found.unknown, found.absent) == ("direct", ("备注",), ("住址",))


def test_a_name_stands_above_another_item_s_code() -> None:
    items = (ColumnAsked("甲", "xm"), ColumnAsked("xm", "b"))
    assert match_columns(("xm",), items).columns == (items[1],)


def test_a_column_is_told_by_its_header_and_its_item(specs: Specs) -> None:
    made = result(
        columns=(column("公民身份号码", "hits", "direct", ID_18),),
        findings=(ScanFinding("column_not_open", "error", "公民身份号码"),),
        anonymity=Anonymity(("公民身份号码",), 3),
    )
    told = report_json(made, replace(SOURCE, headers=("sfzh",)), specs, items="307024030103/000001")
    assert (told["columns"][0]["name"], told["columns"][0]["item"]) == ("sfzh", "公民身份号码")
    assert (told["findings"][0]["column"], told["quasi"], told["items"]) == (
        "sfzh", ["sfzh"], "307024030103/000001",
    )  # fmt: skip


# ---- text -------------------------------------------------------------------------------------------------


def test_the_text_ends_with_the_verdict(report: dict[str, Any], specs: Specs) -> None:
    lines = text_report(report, specs).splitlines()
    assert lines[0] == "低保名单.csv：1,000 行，3 列，按“无条件开放”检查"
    assert lines[-1] == "结论：有未脱敏的直接标识符（980 个单元格），不得开放。"


def test_the_text_has_hits_why_and_example_in_columns_that_stand_straight(
    report: dict[str, Any], specs: Specs
) -> None:
    lines = text_report(report, specs).splitlines()
    head = next(n for n, line in enumerate(lines) if "掩码示例" in line)
    row, why = lines[head + 1 : head + 3]
    assert "980/1,000（98.0%）" in row and "1****************X" in row
    assert width_of(row[: row.index("1****")]) == width_of(lines[head][: lines[head].index("掩码示例")])
    assert why.strip() == "理由：式样相符；校验位通过 980/990；列名“身份证号”"


@pytest.mark.parametrize(
    "said",
    [
        "k = 3（要求不小于 20）", "l = 1（要求不小于 2）", "准标识符：年龄、乡镇", "把年龄泛化到10岁段：k 3 → 27",
        "年龄=8*，乡镇=毛石*：1 行", "3 个数字丢失了位数", "依据：", "改法：改正后再试", "已有的掩码：id_card 6+4",
        "SM3 " + SM3, "全部行都已检查。",
    ],
)  # fmt: skip
def test_the_text_says(said: str, report: dict[str, Any], specs: Specs) -> None:
    assert said in text_report(report, specs)


def test_the_text_speaks_english(specs: Specs) -> None:
    told = text_report(report_json(result(), SOURCE, specs, "en"), specs, "en")
    assert (
        told.splitlines()[-1]
        == "Verdict: hits. 980 cells hold a direct identifier; the data may not be opened."
    )
    assert "citizen identity number" in told


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({"verdict": "clean", "open_type": None}, "没有指定开放类型，脱敏是否充分未检查。"),
        ({"verdict": "clean"}, "结论：干净。没有残留直接标识符，按“无条件开放”脱敏充分。"),
        ({"verdict": "inadequate"}, "结论：脱敏不充分，不得开放；按上列改法处理后重新扫描。"),
        ({"verdict": "incomplete"}, "结论：没有全部检查清楚，不能算干净；按上列改法处理后重新扫描。"),
    ],
)
def test_each_verdict_has_its_words(changes: dict[str, Any], last: str, specs: Specs) -> None:
    assert text_report(report_json(result(**changes), SOURCE, specs), specs).endswith(last)


# ---- expectations -----------------------------------------------------------------------------------------

EXPECTED = {
    "success": False,
    "rows": 1000,
    "checks": [
        {"column": "xm", "expectation": "filled", "zh": "“xm”不为空（主键）", "passed": True, "place": ""},
        {"column": "xb", "expectation": "values", "zh": "“xb”的值在码表：9 个不在", "passed": False, "place": "第 7 行"},
        {"column": "n", "expectation": "range", "zh": "“n”在 0 至 9 之间：没有检查", "passed": None, "place": ""},
    ],
    "unread": ["“民族”的值域读不出确切的值"],
}  # fmt: skip


def test_expectations_stand_in_all_three_reports(specs: Specs) -> None:
    told = report_json(result(), SOURCE, specs, expectations=EXPECTED)
    assert told["expectations"] == EXPECTED
    for report in (text_report(told, specs), html_report(told, specs)):
        assert "1 项符合，1 项不符合，1 项没有检查到" in report
        assert "“xb”的值在码表：9 个不在" in report and "第 7 行" in report
        assert "“民族”的值域读不出确切的值" in report


# ---- HTML -------------------------------------------------------------------------------------------------


class Addresses(HTMLParser):
    """Everything in a page that could be loaded, and its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag in ("script", "link", "iframe", "img", "object") else []
        self.found += [str(value) for name, value in attrs if name in ("src", "href", "style", "onclick")]


def test_the_html_file_loads_nothing(report: dict[str, Any], specs: Specs) -> None:
    page = html_report(report, specs)
    assert Addresses(page).found == []
    assert not re.search(r"url\(|@import|https?://", page)
    assert "@media print" in page


def test_the_html_file_says_what_the_text_says(report: dict[str, Any], specs: Specs) -> None:
    page = html_report(report, specs)
    for said in (
        report["conclusion"],
        "1****************X",
        "980/1,000",
        "k = 3（要求不小于 20）",
        SM3,
        "毛石*",
    ):
        assert said in page


def test_the_fragment_is_a_part_of_the_file(report: dict[str, Any], specs: Specs) -> None:
    assert str(html_fragment(report, specs)) in html_report(report, specs)


def test_what_comes_from_the_data_is_escaped(specs: Specs) -> None:
    sly = "<script>alert(1)</script>"
    made = result(columns=(column(sly),), anonymity=Anonymity((sly,), 1), masks={})
    page = html_report(report_json(made, replace(SOURCE, name=sly, headers=(sly,)), specs), specs)
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_a_browser_shows_the_file_under_a_policy_of_its_own() -> None:
    assert style_policy().startswith("default-src 'none'; style-src 'sha256-")


# ---- what cannot be read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "rule"),
    [(Unreadable(Finding("E171", reason="empty")), "E171"), (Unavailable("连不上"), "Unavailable")],
)
def test_what_cannot_be_read_is_incomplete(error: Any, rule: str, specs: Specs) -> None:
    told = failed_json("x.csv", error)
    assert (told["verdict"], told["complete"], told["columns"], told["k"]) == ("incomplete", False, [], None)
    assert told["findings"][0]["rule"] == rule
    assert [key for key in CONTRACT if key not in told] == []
    assert told["conclusion"] in html_report(told, specs)


def test_a_report_that_cannot_be_read_has_the_same_keys(report: dict[str, Any]) -> None:
    assert set(failed_json("x.csv", Unavailable("连不上"))) == set(report)
