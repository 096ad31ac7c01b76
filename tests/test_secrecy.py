"""A file with anything secret in it stops before a byte is written; only rule, sheet and row are told (R1)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import Specs
from registry.annotating import annotated_copy
from registry.checking import FileCheck, as_json, check_file
from registry.db import Database
from registry.errors import Rejected
from registry.intake import import_workbook
from registry.secrecy import SecretScan
from tests.catalogue_files import CODE, ENTRY, NAME, everything, national, table
from tests.conftest import NOW
from tests.examples import GOOD, good
from tests.packages import package, row_of
from validators.case import Facts

Make = Callable[..., Path]
Found = list[tuple[str, int]]


def checked(path: Path, facts: Facts) -> FileCheck:
    return check_file(path, facts=facts, profile="zunyi_2020")


def places(check: FileCheck) -> Found:
    """Where the file was stopped; and nothing else of it may be left."""
    assert check.secret
    assert (check.sheets.entries, check.assessments, check.sheets.headers) == ([], [], {})
    assert {line.worded.rule for line in check.lines()} == {"E125"}
    assert {(line.worded.value, line.worded.field, line.cell, line.entry) for line in check.lines()} == {
        ("", "", "", "")
    }
    return [(line.place.sheet, line.place.row) for line in check.lines()]


# ---- flags ------------------------------------------------------------------------------------------------

SAYS_SECRET = [
    "涉密",
    "工作秘密",
    "机密",
    "机密★",
    "绝密级",
    "秘密★10年",
    "是",
    "1",
    "涉密（秘密级）",
    "国家秘密",
]


@pytest.mark.parametrize("flag", [*SAYS_SECRET, 1, True, " 涉密　"])
@pytest.mark.parametrize("name", ["目录.xlsx", "目录.csv", "目录.jsonl"])
def test_a_secret_flag_of_an_entry_stops_the_file(
    flag: Any, name: str, tmp_path: Path, workbook: Make, facts: Facts
) -> None:
    rows = [ENTRY | {"涉密属性": "非涉密"}, ENTRY | {"资源名称": "第二", "涉密属性": flag}]
    path = tmp_path / name
    if name.endswith("xlsx"):
        workbook(目录=table(rows))
    elif name.endswith("csv"):
        path.write_text(
            "\n".join(",".join(map(str, row)) for row in table(rows)).replace("True", "是"), "utf-8"
        )
    else:
        lines = [good("OK01"), good("OK02", secret_flag=flag)]
        path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    expected = ("目录", 3) if name.endswith("xlsx") else ("", 3 if name.endswith("csv") else 2)
    assert places(checked(path, facts)) == [expected]


@pytest.mark.parametrize("flag", ["非涉密", "不涉密", "否", "0", 0, False, "", "非密", "不涉及国家秘密"])
def test_what_says_that_it_is_not_secret_does_not_stop(flag: Any, workbook: Make, facts: Facts) -> None:
    assert not checked(workbook(目录=table([ENTRY | {"涉密属性": flag}])), facts).secret


def test_a_grade_that_is_secret_stops_the_file(workbook: Make, facts: Facts) -> None:
    assert places(checked(workbook(目录=table([ENTRY | {"数据分级": "涉密数据"}])), facts)) == [("目录", 2)]


@pytest.mark.parametrize("flag", ["涉密", "是", 1, "机密级", "绝密"])
def test_a_secret_item_stops_the_file(flag: Any, workbook: Make, facts: Facts) -> None:
    items = [
        {"资源名称": "婚姻登记信息", "信息项名称": "甲", "涉密属性": "0"},
        {"资源名称": "婚姻登记信息", "信息项名称": "乙", "涉密属性": flag},
    ]
    assert places(checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts)) == [("信息项", 3)]


def test_a_secret_item_that_belongs_to_no_entry_stops_the_file(workbook: Make, facts: Facts) -> None:
    items = [{"资源名称": "没有这条", "信息项名称": "乙", "涉密属性": "涉密"}]
    assert places(checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts)) == [("信息项", 2)]


def test_a_secret_flag_in_a_later_row_of_a_resource_stops_the_file(workbook: Make, facts: Facts) -> None:
    rows = [row | {"是否涉密": "是" if n == 2 else "否"} for n, row in enumerate(national(again="repeated"))]
    assert places(checked(workbook(目录=table(rows)), facts)) == [("目录", 4)]


def test_a_secret_flag_in_a_second_column_of_the_flag_stops_the_file(workbook: Make, facts: Facts) -> None:
    head, row = table([ENTRY])
    path = workbook(目录=[[*head, "涉密属性", "密级"], [*row, "非涉密", "涉密"]])
    assert places(checked(path, facts)) == [("目录", 2)]


def test_a_secret_flag_in_a_column_that_does_not_belong_there_stops_the_file(
    workbook: Make, facts: Facts
) -> None:
    items = [{"资源名称": "婚姻登记信息", "信息项名称": "乙", "密级": "涉密"}]
    assert places(checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts)) == [("信息项", 2)]


def test_a_secret_flag_that_is_a_formula_stops_the_file(tmp_path: Path, facts: Facts) -> None:
    head, row = table([ENTRY])
    formula = "<c r='E2' t='str'><f>IF(1,\"涉密\")</f><v>涉密</v></c></row>"
    rows = row_of(1, [*head, "涉密属性"]) + row_of(2, row).replace("</row>", formula)
    assert places(checked(package(tmp_path / "a.xlsx", {"目录": rows}), facts)) == [("目录", 2)]


def test_a_secret_row_that_could_not_be_registered_anyway_stops_the_file(
    workbook: Make, facts: Facts
) -> None:
    rows = [ENTRY, {"资源名称": "", "提供方代码": "错", "涉密属性": "涉密"}]
    assert places(checked(workbook(目录=table(rows)), facts)) == [("目录", 3)]


@pytest.mark.parametrize("key", ["secret_flag", "data_grade"])
@pytest.mark.parametrize("value", [["涉密"], ["涉密数据", "x"], {"a": "涉密"}, True])
def test_a_secret_flag_of_the_wrong_shape_stops_the_file(
    key: str, value: Any, tmp_path: Path, facts: Facts
) -> None:
    if (key, value) == ("data_grade", True):
        return  # a grade that is yes or no says nothing
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(good("OK01") | {key: value}), "utf-8")
    assert places(checked(path, facts)) == [("", 1)]


# ---- marks ------------------------------------------------------------------------------------------------

MARKS = [
    "秘密★",
    "机密★20年",
    "绝密☆长期",
    "密级：机密",
    "【机密】",
    "机密",
    "工作秘密",
    "内部资料，注意保密",
    "机 密",
    "本表为机密★1年材料",
]
TITLES = ["遵义市民政局涉密政务信息资源目录", "涉密信息资源目录（2026）"]


@pytest.mark.parametrize("mark", [*MARKS, *TITLES])
def test_a_mark_in_any_cell_stops_the_file(mark: str, workbook: Make, facts: Facts) -> None:
    """Above the header, in a column that nobody reads, or below the table."""
    head, row = table([ENTRY])
    assert places(checked(workbook(目录=[[mark], head, row]), facts)) == [("目录", 1)]
    assert places(checked(workbook(目录=[[*head, "备注"], [*row, mark]]), facts)) == [("目录", 2)]
    assert places(checked(workbook(目录=[head, row, [], ["", "", mark]]), facts)) == [("目录", 4)]


@pytest.mark.parametrize(
    "text",
    [
        "遵义市民政局非涉密政务信息资源目录",
        "国家秘密和工作秘密不得填入本表。",
        "不涉及国家秘密、工作秘密",
        "保密审查意见",
        "密码算法",
        "商业秘密保护信息",
        "★",
        "涉密属性",
    ],
)
def test_a_text_about_secrecy_does_not_stop_the_file(text: str, workbook: Make, facts: Facts) -> None:
    head, row = table([ENTRY | {"摘要": text}])
    assert not checked(workbook(目录=[[text], head, row]), facts).secret


@pytest.mark.parametrize("state", ["visible", "hidden", "veryHidden"])
@pytest.mark.parametrize("title", ["旧表", "说明", "字典", "_备份"])
def test_a_mark_in_a_sheet_that_is_not_read_stops_the_file(
    title: str, state: str, tmp_path: Path, facts: Facts
) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for name, rows in (("目录", table([ENTRY])), (title, [["说"], ["机密★5年"]])):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    sheet.sheet_state = state
    book.remove(book.worksheets[0])
    book.save(tmp_path / "a.xlsx")
    assert places(checked(tmp_path / "a.xlsx", facts)) == [(title, 2)]


def test_our_own_template_and_its_dictionary_do_not_stop(
    tmp_path: Path, specs: Specs, workbook: Make, facts: Facts
) -> None:
    from registry.export import write_template
    from registry.sheets import read_workbook

    write_template(tmp_path / "模板.xlsx", specs, rows=5)
    sheets = read_workbook(tmp_path / "模板.xlsx", specs.entry.limits)
    assert list(SecretScan(specs).of_sheets(sheets)) == []
    words = [[value.zh, *value.aliases] for value in specs.codes["secret_flag"].values]
    assert not checked(workbook(目录=table([ENTRY]), 字典=words), facts).secret


@pytest.mark.parametrize("title", ["机密★", "涉密目录", "工作秘密", "秘密级数据", "涉密"])
def test_a_sheet_that_is_called_secret_stops_the_file(title: str, workbook: Make, facts: Facts) -> None:
    assert places(checked(workbook(**{"目录": table([ENTRY]), title: [["x"]]}), facts)) == [(title, 1)]


@pytest.mark.parametrize("title", ["非涉密目录", "密码", "保密审查", "涉密审查意见"])
def test_a_sheet_that_is_called_otherwise_does_not(title: str, workbook: Make, facts: Facts) -> None:
    assert not checked(workbook(**{"目录": table([ENTRY]), title: [["x"]]}), facts).secret


def test_a_file_that_is_called_secret_is_not_opened(workbook: Make, facts: Facts) -> None:
    assert places(checked(workbook(目录=table([ENTRY]), name="机密★目录.xlsx"), facts)) == [("", 1)]


@pytest.mark.parametrize("tail", ["oddHeader", "evenFooter", "firstHeader"])
def test_a_mark_in_a_page_header_stops_the_file(tail: str, tmp_path: Path, facts: Facts) -> None:
    rows = "".join(row_of(n, row) for n, row in enumerate(table([ENTRY]), 1))
    heading = f'<headerFooter><{tail}>&amp;C&amp;"宋体,加粗"&amp;16机密★5年</{tail}></headerFooter>'
    assert places(checked(package(tmp_path / "a.xlsx", {"目录": rows}, tail=heading), facts)) == [("目录", 1)]
    plain = "<headerFooter><oddFooter>&amp;R第 &amp;P 页</oddFooter></headerFooter>"
    assert not checked(package(tmp_path / "b.xlsx", {"目录": rows}, tail=plain), facts).secret


def test_a_mark_in_a_text_box_or_a_comment_stops_the_file(tmp_path: Path, facts: Facts) -> None:
    import openpyxl
    import xlsxwriter
    from openpyxl.comments import Comment

    for text, stops in (("机密★5年", True), ("随便写", False)):
        with xlsxwriter.Workbook(str(tmp_path / "框.xlsx")) as book:
            sheet = book.add_worksheet("目录")
            for number, row in enumerate(table([ENTRY])):
                sheet.write_row(number, 0, row)
            sheet.insert_textbox(5, 1, text)
        assert checked(tmp_path / "框.xlsx", facts).secret is stops
        opened = openpyxl.load_workbook(tmp_path / "框.xlsx")
        opened["目录"]["A2"].comment = Comment(text, "甲")
        opened.save(tmp_path / "注.xlsx")
        assert checked(tmp_path / "注.xlsx", facts).secret is stops


@pytest.mark.parametrize(
    "line",
    [
        '{"resource_name": "机密★5年"}',
        '{"机密★": 1}',
        '{"a": [[{"b": "工作秘密"}]]}',
        '["机密★5年"]',
        '"机密★5年"',
        '{"resource_name": "机密★5年"',
        '{"resource_name": "\\u673a\\u5bc6\\u2605"}',
        '{"items": [{"classified_flag": "1"}]}',
        '{"items": [{"classified_flag": "涉密"}, 3]}',
        '{"a": ' + "[" * 40 + '"机密★"' + "]" * 40 + "}",
    ],
)
def test_a_mark_in_any_line_stops_the_file(line: str, tmp_path: Path, facts: Facts) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(good('OK01'))}\n{line}\n", "utf-8")
    assert places(checked(path, facts)) == [("", 2)]


def test_a_mark_in_a_csv_line_stops_the_file(tmp_path: Path, facts: Facts) -> None:
    path = tmp_path / "a.csv"
    path.write_text("机密★5年\n" + "\n".join(",".join(row) for row in table([ENTRY])), "gb18030")
    assert places(checked(path, facts)) == [("", 1)]


# ---- nothing leaves ---------------------------------------------------------------------------------------


def test_all_secret_rows_are_told_once_each(workbook: Make, facts: Facts) -> None:
    rows = [
        ENTRY | {"涉密属性": "涉密", "密": ""},
        ENTRY | {"涉密属性": "机密"},
        ENTRY | {"涉密属性": "非涉密"},
    ]
    assert sorted(places(checked(workbook(目录=table(rows)), facts))) in (
        [("目录", 2), ("目录", 3)],
        [("目录", 3)],
    )


@pytest.mark.parametrize("name", ["目录.xlsx", "目录.csv", "目录.jsonl"])
def test_nothing_is_written_and_nothing_is_said_of_the_content(
    name: str, database: Database, entries_file: Make, facts: Facts
) -> None:
    path = entries_file(
        [*GOOD.values(), good("OK01", resource_name="不可外传的名字", secret_flag="涉密")], name=name
    )
    before = everything(database)
    with database.write() as session:
        result = import_workbook(session, path, actor="王敏", now=NOW, profile="zunyi_2020", mode="existing")
    assert everything(database) == before
    assert (result.batch_id, result.counts, result.outcomes) == (None, {"total": 0, "refused": 0}, [])
    report = json.dumps(as_json(result.check), ensure_ascii=False) + repr(result.check.sheets)
    assert not [text for text in ("不可外传", "婚姻登记信息", NAME, CODE) if text in report]


@pytest.mark.parametrize("name", ["目录.xlsx", "目录.csv", "目录.jsonl"])
def test_no_annotated_copy_is_made(name: str, entries_file: Make, facts: Facts) -> None:
    check = checked(entries_file([good("OK01", secret_flag="工作秘密")], name=name), facts)
    with pytest.raises(Rejected) as caught:
        annotated_copy(check)
    assert "婚姻" not in str(caught.value)
