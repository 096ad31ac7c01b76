"""The layouts that catalogues come in: two sheets, the national template, CSV, JSON Lines; columns in any order."""

import csv
import io
import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import Specs
from registry.checking import FileCheck, check_file
from registry.export import Columns, join_columns
from registry.layout import normal_header
from tests.examples import GOOD, good
from validators.case import Facts

Make = Callable[..., Path]
CODE, NAME = "115203000094210200", "遵义市民政局"


def checked(path: Path, facts: Facts, **given: Any) -> FileCheck:
    return check_file(path, facts=facts, profile="zunyi_2020", **given)


def contents(check: FileCheck) -> list[dict[str, Any]]:
    return [entry.content for entry in check.sheets.entries]


def rules(check: FileCheck) -> list[str]:
    return [line.worded.rule for line in check.lines()]


def cells(check: FileCheck, rule: str) -> list[str]:
    return [f"{line.place.sheet}!{line.cell}" for line in check.lines() if line.worded.rule == rule]


def table(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """Rows given as header -> value, as a table of all headers that occur."""
    headers = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    return [headers, *([row.get(header, "") for header in headers] for row in rows)]


# ---- two sheets -------------------------------------------------------------------------------------------

ENTRY = {"资源名称": "婚姻登记信息", "提供方": NAME, "提供方代码": CODE, "共享类型": "有条件共享"}


def test_items_are_joined_by_code(workbook: Make, facts: Facts) -> None:
    entries = [
        ENTRY | {"资源代码": "307024030101/000001"},
        ENTRY | {"资源代码": "307024030101/000002", "资源名称": "另一"},
    ]
    items = [
        {"资源代码": "307024030101/000002", "信息项名称": "乙"},
        {"资源代码": "307024030101/000001", "信息项名称": "甲"},
    ]
    check = checked(workbook(目录=table(entries), 信息项=table(items)), facts)
    assert [[i["item_name"] for i in c["items"]] for c in contents(check)] == [["甲"], ["乙"]]


def test_items_are_joined_by_name_where_there_is_no_code(workbook: Make, facts: Facts) -> None:
    items = [{"资源名称": "婚姻 登记信息", "信息项名称": "甲", "数据长度": "16,2"}]
    item = contents(checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts))[0]["items"][0]
    assert item == {"item_name": "甲", "data_length": 16, "data_precision": 2}


def test_items_sheets_may_come_first_and_sheets_may_be_several(workbook: Make, facts: Facts) -> None:
    items = [{"资源名称": "婚姻登记信息", "信息项名称": "甲", "数据类型": "C"}]
    more = [{"资源名称": "另一", "信息项名称": "乙", "数据类型": "N"}]
    check = checked(
        workbook(
            信息项=table(items),
            目录=table([ENTRY]),
            二科=table([ENTRY | {"资源名称": "另一"}]),
            字段=table(more),
        ),
        facts,
    )
    assert [c["items"][0]["item_name"] for c in contents(check)] == ["甲", "乙"]


@pytest.mark.parametrize(
    ("join", "reason"),
    [
        ({"资源名称": "没有这条"}, "none"),
        ({"资源代码": "307024030101/000009", "资源名称": "婚姻登记信息"}, "none"),
        ({"资源代码": "", "资源名称": ""}, "blank"),
    ],
)
def test_an_item_that_belongs_nowhere_is_told_with_its_cell(
    join: dict[str, str], reason: str, workbook: Make, facts: Facts
) -> None:
    entry = ENTRY | {"资源代码": "307024030101/000001"}
    items = [{"资源代码": "", "资源名称": ""} | join | {"信息项名称": "甲"}]
    check = checked(workbook(目录=table([entry]), 信息项=table(items)), facts)
    lost = [f.finding for f in check.sheets.findings if f.finding.rule == "E168"]
    assert [finding.reason for finding in lost] == [reason]
    assert cells(check, "E168") == ["信息项!A2"]
    assert "items" not in contents(check)[0]


def test_two_entries_of_one_name_ask_for_the_code_or_the_provider(workbook: Make, facts: Facts) -> None:
    other = ENTRY | {"提供方": "遵义市公安局", "提供方代码": "115203000094210125"}
    items = [
        {"资源名称": "婚姻登记信息", "提供方代码": "", "信息项名称": "甲"},
        {"资源名称": "婚姻登记信息", "提供方代码": "115203000094210125", "信息项名称": "乙"},
    ]
    check = checked(workbook(目录=table([ENTRY, other]), 信息项=table(items)), facts)
    assert [(f.finding.rule, f.finding.reason) for f in check.sheets.findings] == [("E168", "ambiguous")]
    assert [c.get("items") for c in contents(check)] == [None, [{"item_name": "乙"}]]


def test_a_code_that_lost_its_zeros_in_the_items_sheet_is_told(workbook: Make, facts: Facts) -> None:
    items = [{"资源代码": 307024030101, "信息项名称": "甲", "数据类型": "C"}]
    check = checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts)
    assert cells(check, "E166") == ["信息项!A2"]


def test_old_columns_of_an_items_sheet_are_read(workbook: Make, facts: Facts) -> None:
    items = [
        {
            "资源名称": "婚姻登记信息",
            "信息项名称": "甲",
            "共享类型": "2",
            "共享条件/不予共享依据": "凭授权核验",
            "是否向社会开放": "否",
        }
    ]
    check = checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts)
    assert contents(check)[0]["items"] == [
        {"item_name": "甲", "share_type": "2", "share_condition": "凭授权核验", "open_type": "3"}
    ]


def test_a_row_of_the_items_sheet_without_an_item_is_told(workbook: Make, facts: Facts) -> None:
    items = [{"资源名称": "婚姻登记信息", "信息项名称": "甲", "数据类型": "C"}, {"资源名称": "婚姻登记信息"}]
    check = checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts)
    assert (cells(check, "W236"), len(contents(check)[0]["items"])) == (["信息项!"], 1)


def test_findings_of_items_name_the_cell_in_their_own_sheet(workbook: Make, facts: Facts) -> None:
    items = [{"资源名称": "婚姻登记信息", "信息项名称": "甲", "数据类型": "S"}]
    check = checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts)
    assert cells(check, "E108") == ["信息项!C2"]


# ---- headers ----------------------------------------------------------------------------------------------


def test_columns_may_stand_in_any_order(workbook: Make, facts: Facts, specs: Specs) -> None:
    expected = {key: value for key, value in good("OK01").items() if key != "items"}
    columns = Columns([spec for spec in specs.entry.fields if spec.key in expected], specs)
    pairs = list(zip(columns.headers, columns.cells(expected), strict=True))
    random.Random(7).shuffle(pairs)
    assert contents(checked(workbook(目录=[list(column) for column in zip(*pairs, strict=True)]), facts)) == [
        expected
    ]


def test_every_alias_of_every_field_is_a_header(workbook: Make, facts: Facts, specs: Specs) -> None:
    content = good("OK01")
    columns = Columns(specs.entry.fields, specs)
    written = dict(zip(columns.keys, columns.cells(content), strict=True))
    for spec in specs.entry.fields:
        for name in (spec.zh, spec.key, *spec.aliases):
            row = {"资源名称": "甲", "提供方": NAME, "提供方代码": CODE, "共享类型": "1", "摘要": "x"}
            row = {
                k: v
                for k, v in row.items()
                if normal_header(k) not in map(normal_header, (spec.zh, *spec.aliases))
            }
            found = contents(checked(workbook(目录=table([row | {name: written[spec.key]}])), facts))
            assert found[0].get(spec.key) == content.get(spec.key), name


@pytest.mark.parametrize(
    "header",
    [
        "资源名称*",
        " 资源 名称 ",
        "资源名称（必填）",
        "资源名称：",
        "资源\n名称",
        "RESOURCE_NAME",
        "＊资源名称",
    ],
)
def test_stars_and_blanks_in_headers_do_not_count(header: str, workbook: Make, facts: Facts) -> None:
    row = {header: "婚姻登记信息"} | {k: v for k, v in ENTRY.items() if k != "资源名称"}
    assert contents(checked(workbook(目录=table([row])), facts))[0]["resource_name"] == "婚姻登记信息"


@pytest.mark.parametrize("above", [1, 3, 14])
def test_titles_above_the_header_are_passed_over(above: int, workbook: Make, facts: Facts) -> None:
    rows = [*([["遵义市政务数据目录"]] * above), *table([ENTRY])]
    check = checked(workbook(目录=rows), facts)
    assert check.sheets.entries[0].origin.row == above + 2
    assert check.sheets.headers == {"目录": above + 1}


def test_blank_rows_between_are_passed_over(workbook: Make, facts: Facts) -> None:
    head, row = table([ENTRY])
    check = checked(workbook(目录=[head, [], [" ", "　"], row, [], [None], row]), facts)
    assert [entry.origin.row for entry in check.sheets.entries] == [4, 7]


def test_the_template_s_own_rows_are_skipped_and_names_like_them_are_not(
    workbook: Make, facts: Facts
) -> None:
    head, row = table([ENTRY])
    rows = [["填写说明：x"], ["示例：x"], ["填写说明"], ["示例数据集", *row[1:]], ["填写说明书", *row[1:]]]
    check = checked(workbook(目录=[head, *rows]), facts)
    assert [c["resource_name"] for c in contents(check)] == ["示例数据集", "填写说明书"]
    assert cells(check, "N301") == ["目录!A3"]


def test_serial_numbers_and_our_own_column_are_no_unknown_columns(workbook: Make, facts: Facts) -> None:
    check = checked(workbook(目录=table([{"序号": 1} | ENTRY | {"校验结果": "E101"}])), facts)
    assert check.sheets.findings == []


def test_our_template_filled_in_by_hand_is_read(tmp_path: Path, specs: Specs, facts: Facts) -> None:
    import openpyxl

    from registry.export import write_template

    write_template(tmp_path / "模板.xlsx", specs, rows=20)
    book = openpyxl.load_workbook(tmp_path / "模板.xlsx")
    content = good("OK01")
    entry, item = Columns(specs.entry.fields, specs), Columns(specs.entry.items, specs)
    join = Columns(join_columns(specs)[:2], specs)
    for column, text in enumerate(entry.cells(content), 1):
        book["目录"].cell(4, column, text or None)
    for row, one in enumerate(content["items"], 4):
        for column, text in enumerate([*join.cells(content), *item.cells(one)], 1):
            book["信息项"].cell(row, column, text or None)
    book.save(tmp_path / "填好.xlsx")
    check = checked(tmp_path / "填好.xlsx", facts)
    assert contents(check) == [content]
    assert set(rules(check)) <= {
        "N301",
        *(line.worded.rule for line in checked_line(content, tmp_path, facts).lines()),
    }


def checked_line(content: dict[str, Any], folder: Path, facts: Facts) -> FileCheck:
    path = folder / "同样.jsonl"
    path.write_text(json.dumps(content), "utf-8")
    return checked(path, facts)


# ---- values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "cell", "key", "stored"),
    [
        ("共享类型", "2", "share_type", "2"),
        ("共享类型", 2, "share_type", "2"),
        ("共享类型", 2.0, "share_type", "2"),
        ("共享类型", "有条件共享", "share_type", "2"),
        ("共享方式类型", "3", "share_mode_type", ["3"]),
        ("共享方式类型", 3, "share_mode_type", ["3"]),
        ("共享方式类型", "数据库、接口", "share_mode_type", ["1", "3"]),
        ("关键字", "婚姻、登记，离婚,结婚；档案", "keywords", ["婚姻", "登记", "离婚", "结婚", "档案"]),
        ("关键字", "婚姻", "keywords", ["婚姻"]),
        ("信息资源分类", "部门信息资源类", "resource_category", ["部门信息资源类"]),
        ("信息资源分类", "部门类/省及其下/贵州省", "resource_category", ["部门信息资源类/省及其下/贵州省"]),
        ("所属信息系统", "SYS-0007", "source_system_id", "SYS-0007"),
        ("所属信息系统", "社会救助系统", "source_system_id", "社会救助系统"),
        ("发布日期", "2026年1月5日", "publish_date", "2026-01-05"),
        ("是否存在物理删除", "否", "physical_deletion", False),
        (
            "不予共享依据",
            "法律《中华人民共和国刑事诉讼法》第二百八十六条：犯罪记录被封存的不得提供",
            "non_share_basis",
            [
                {
                    "level": "法律",
                    "title": "中华人民共和国刑事诉讼法",
                    "article": "第二百八十六条",
                    "text": "犯罪记录被封存的不得提供",
                }
            ],
        ),
    ],
)
def test_cells_are_read_as_they_are_meant(
    header: str, cell: Any, key: str, stored: Any, workbook: Make, facts: Facts
) -> None:
    row = ENTRY | {header: cell}
    assert contents(checked(workbook(目录=table([row])), facts))[0][key] == stored


@pytest.mark.parametrize(
    ("share", "key", "stored"),
    [
        ("2", "share_condition", "《某法》第一条：依法核验"),
        ("3", "non_share_basis", [{"title": "某法", "article": "第一条", "text": "依法核验"}]),
    ],
)
def test_the_combined_column_is_a_condition_or_a_basis(
    share: str, key: str, stored: Any, workbook: Make, facts: Facts
) -> None:
    row = {k: v for k, v in ENTRY.items() if k != "共享类型"}
    row |= {"共享类型": share, "共享条件/\n不予共享依据": "《某法》第一条：依法核验"}
    content = contents(checked(workbook(目录=table([row])), facts))[0]
    assert content[key] == stored
    assert not {"share_condition", "non_share_basis"} - {key} & content.keys()


@pytest.mark.parametrize(
    ("flag", "condition", "expected"),
    [
        ("1", "", "1"),
        ("是", "实名认证后下载", "2"),
        ("0", "实名认证后下载", "3"),
        ("否", "", "3"),
        (1, "", "1"),
        (0, "", "3"),
        (True, "", "1"),
        ("１", "", "1"),
    ],
)
def test_the_opening_flag_becomes_a_type(
    flag: Any, condition: str, expected: str, workbook: Make, facts: Facts
) -> None:
    check = checked(workbook(目录=table([ENTRY | {"是否向社会开放": flag, "开放条件": condition}])), facts)
    assert contents(check)[0]["open_type"] == expected
    assert rules(check).count("N303") == (expected != "3")


def test_an_opening_flag_that_is_none_is_an_error(workbook: Make, facts: Facts) -> None:
    check = checked(workbook(目录=table([ENTRY | {"是否向社会开放": "待定"}])), facts)
    assert "目录!E2" in cells(check, "E109")


# ---- the national template --------------------------------------------------------------------------------


def national(*, again: str, share: str = "2", count: int = 3) -> list[dict[str, Any]]:
    """Rows of the national template for one resource; ``again``: how its columns go on, repeated or blank."""
    own = {
        "类": "部门信息资源类",
        "项": "省及其下各级政务部门",
        "目": "贵州省",
        "细目1": "遵义市",
        "细目1.1": "民政局",
        "关联业务事项": "婚姻登记",
        "信息资源名称": "婚姻登记信息",
        "信息资源代码": "",
        "下设机构": "社会事务科",
        "信息资源摘要": "遵义市各婚姻登记机关办理的结婚、离婚登记记录",
        "格式分类": "数据库",
        "格式类型": "MySQL",
        "其他格式描述": "",
    }
    rows = []
    for number in range(count):
        first = own if number == 0 or again == "repeated" else dict.fromkeys(own, "")
        rows.append(
            first
            | {
                "信息项名称": f"信息项{number}",
                "数据类型": "C",
                "数据长度": 20,
                "共享类型": share,
                "共享条件/不予共享依据": "仅限依职权核验",
                "共享方式分类": "共享平台方式",
                "共享方式类型": "接口",
                "是否向社会开放": "否",
                "开放条件": "",
                "更新周期": "每日",
                "发布日期": "",
                "开放主题分类": "民政社区",
            }
        )
    return rows


def given(rows: list[dict[str, Any]], workbook: Make, facts: Facts) -> FileCheck:
    return checked(workbook(目录=[["遵义市政务信息资源目录"], *table(rows)]), facts, provider=(CODE, NAME))


@pytest.mark.parametrize("again", ["repeated", "blank"])
def test_the_national_template_is_read(again: str, workbook: Make, facts: Facts) -> None:
    check = given(national(again=again), workbook, facts)
    (content,) = contents(check)
    assert [item["item_name"] for item in content["items"]] == ["信息项0", "信息项1", "信息项2"]
    assert content["resource_category"] == ["部门信息资源类/省及其下各级政务部门/贵州省/遵义市/民政局"]
    assert content["items"][0] == {
        "item_name": "信息项0",
        "data_type": "C",
        "data_length": 20,
        "share_type": "2",
        "open_type": "3",
    }
    told = {
        "share_type": "2",
        "share_condition": "仅限依职权核验",
        "open_type": "3",
        "update_cycle": "每日",
        "provider_code": CODE,
    }
    assert {key: content[key] for key in told} == told


def test_the_national_template_s_columns_may_stand_in_any_order(
    workbook: Make, facts: Facts, specs: Specs
) -> None:
    rows = national(again="repeated")
    names = list(rows[0])
    assert len(names) == len(specs.entry.national_order)
    straight = contents(given(rows, workbook, facts))
    random.Random(3).shuffle(names)
    assert contents(given([{n: row[n] for n in names} for row in rows], workbook, facts)) == straight


def test_merged_resource_columns_are_spread_and_told(tmp_path: Path, facts: Facts) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "目录"
    rows = table(national(again="blank"))
    for row in rows:
        sheet.append(row)
    for column in range(1, 14):
        sheet.merge_cells(start_row=2, end_row=4, start_column=column, end_column=column)
    book.save(tmp_path / "a.xlsx")
    check = checked(tmp_path / "a.xlsx", facts, provider=(CODE, NAME))
    assert len(contents(check)) == 1 and len(contents(check)[0]["items"]) == 3
    assert "E162" not in rules(check)
    assert len(cells(check, "W235")) == 13 and "目录!G2" in cells(check, "W235")


def test_merged_item_columns_are_errors(tmp_path: Path, facts: Facts) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "目录"
    for row in table(national(again="repeated")):
        sheet.append(row)
    sheet.merge_cells("N2:N3")
    book.save(tmp_path / "a.xlsx")
    check = checked(tmp_path / "a.xlsx", facts, provider=(CODE, NAME))
    assert cells(check, "E162") == ["目录!N2"]


def test_a_merged_formula_is_a_formula_in_every_row(tmp_path: Path, facts: Facts) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "目录"
    for row in table(national(again="repeated")):
        sheet.append(row)
    sheet["J2"] = "=1+1"
    sheet.merge_cells("J2:J4")
    book.save(tmp_path / "a.xlsx")
    check = checked(tmp_path / "a.xlsx", facts, provider=(CODE, NAME))
    assert cells(check, "E163") == ["目录!J2", "目录!J3", "目录!J4"]


@pytest.mark.parametrize("once", ["信息资源名称", "信息资源代码", "提供方代码"])
def test_one_column_may_be_given_once_and_another_in_every_row(
    once: str, workbook: Make, facts: Facts
) -> None:
    """An annotated copy brings the code in the first row alone; the name stands in all of them."""
    rows = [
        r | {"提供方代码": CODE, "信息资源代码": "307024030101/000001"} for r in national(again="repeated")
    ]
    rows = [row | ({once: ""} if number else {}) for number, row in enumerate(rows)]
    (content,) = contents(given(rows, workbook, facts))
    assert (len(content["items"]), content["resource_code"]) == (3, "307024030101/000001")


def test_rows_of_one_resource_may_stand_apart(workbook: Make, facts: Facts) -> None:
    one, two = national(again="repeated"), national(again="repeated")
    two = [row | {"信息资源名称": "离婚登记信息"} for row in two]
    rows = [row | {"提供方代码": CODE} for pair in zip(one, two, strict=True) for row in pair]
    assert [len(c["items"]) for c in contents(given(rows, workbook, facts))] == [3, 3]


def test_the_same_name_under_another_code_is_another_resource(workbook: Make, facts: Facts) -> None:
    rows = national(again="repeated", count=2)
    rows = [row | {"信息资源代码": f"307024030101/00000{number}"} for number, row in enumerate(rows, 1)]
    assert len(contents(given(rows, workbook, facts))) == 2


def test_rows_without_the_code_go_on_with_the_resource_above(workbook: Make, facts: Facts) -> None:
    """Two resources of one name: the code stands in the first row of each."""
    rows = []
    for code in ("307024030101/000001", "307024030101/000002"):
        rows += [
            row | {"提供方代码": CODE, "信息资源代码": "" if number else code}
            for number, row in enumerate(national(again="repeated"))
        ]
    assert [len(c["items"]) for c in contents(given(rows, workbook, facts))] == [3, 3]


def test_a_code_that_is_none_makes_no_one_resource_of_two(workbook: Make, facts: Facts) -> None:
    one, two = (
        [
            row | {"提供方代码": CODE, "信息资源代码": "待定", "信息资源名称": name}
            for row in national(again="repeated")
        ]
        for name in ("婚姻登记信息", "离婚登记信息")
    )
    check = given([*one, *two], workbook, facts)
    assert [len(c["items"]) for c in contents(check)] == [3, 3]
    assert "E169" not in rules(check)


def test_a_code_mistyped_in_a_later_row_is_told(workbook: Make, facts: Facts) -> None:
    rows = [row | {"信息资源代码": "307024030101/000001"} for row in national(again="repeated")]
    rows[1]["信息资源代码"] = "307024030101-000001"
    check = given(rows, workbook, facts)
    assert [len(c["items"]) for c in contents(check)] == [2, 1]
    assert (cells(check, "E104"), cells(check, "E102")) == (["目录!H4"], ["目录!G3", "目录!G4"])


def test_a_later_row_that_differs_is_told_where_it_stands(workbook: Make, facts: Facts) -> None:
    rows = national(again="repeated")
    rows[1]["信息资源摘要"] = "别的摘要，别的摘要"
    check = given(rows, workbook, facts)
    assert cells(check, "E169") == ["目录!J4"]
    (line,) = [line for line in check.lines() if line.worded.rule == "E169"]
    assert "第 3 行" in line.worded.message
    assert contents(check)[0]["resource_abstract"].startswith("遵义市")


def test_what_is_wrong_in_a_later_row_is_told_there(workbook: Make, facts: Facts) -> None:
    rows = [r | {"提供方代码": CODE} for r in national(again="repeated")]
    rows[2]["提供方代码"] = int(CODE)
    check = given(rows, workbook, facts)
    assert cells(check, "E165") == ["目录!Z5"]


def test_the_strictest_item_that_goes_out_tells_the_resource(workbook: Make, facts: Facts) -> None:
    rows = national(again="repeated")
    for row, share in zip(rows, ("1", "2", "3"), strict=True):
        row |= {
            "共享类型": share,
            "共享条件/不予共享依据": {"1": "", "2": "仅限依职权核验", "3": "法律《某法》第一条"}[share],
        }
    check = given(rows, workbook, facts)
    (content,) = contents(check)
    assert (content["share_type"], content["share_condition"]) == ("2", "仅限依职权核验")
    assert content["non_share_basis"] == [{"level": "法律", "title": "某法", "article": "第一条"}]
    assert [item["share_type"] for item in content["items"]] == ["1", "2", "3"]
    assert not {"E126", "E112", "E169"} & set(rules(check))


def test_nothing_goes_out_when_no_item_does(workbook: Make, facts: Facts) -> None:
    (content,) = contents(given(national(again="repeated", share="3"), workbook, facts))
    assert (content["share_type"], content["open_type"]) == ("3", "3")


def test_an_opening_condition_beside_the_flag_counts(workbook: Make, facts: Facts) -> None:
    """Without it the item would be open to everyone: the flag alone says only that it is open."""
    rows = national(again="repeated", share="1")
    for row, condition in zip(rows, ("", "实名认证后下载", "签订协议后下载"), strict=True):
        row |= {"是否向社会开放": "是", "开放条件": condition}
    (content,) = contents(given(rows, workbook, facts))
    assert [item["open_type"] for item in content["items"]] == ["1", "2", "2"]
    assert (content["open_type"], content["open_condition"]) == ("2", "实名认证后下载；签订协议后下载")


def test_an_opening_condition_given_once_holds_for_all(workbook: Make, facts: Facts) -> None:
    rows = national(again="repeated", share="1")
    for number, row in enumerate(rows):
        row |= {"是否向社会开放": "是", "开放条件": "" if number else "实名认证后下载"}
    (content,) = contents(given(rows, workbook, facts))
    assert [item["open_type"] for item in content["items"]] == ["2", "2", "2"]


def test_the_fastest_cycle_is_the_resource_s_and_items_keep_theirs(workbook: Make, facts: Facts) -> None:
    rows = national(again="repeated")
    for row, cycle in zip(rows, ("每月", "每日", "每年"), strict=True):
        row["更新周期"] = cycle
    check = given(rows, workbook, facts)
    (content,) = contents(check)
    assert content["update_cycle"] == "每日"
    assert [item.get("update_cycle") for item in content["items"]] == ["每月", None, "每年"]
    assert "E169" not in rules(check)


def test_modes_and_classes_of_all_rows_are_joined(workbook: Make, facts: Facts) -> None:
    rows = national(again="repeated")
    rows[1] |= {"共享方式类型": "数据库", "格式类型": "Oracle"}
    (content,) = contents(given(rows, workbook, facts))
    assert (content["share_mode_type"], content["format_type"]) == (["3", "1"], ["MySQL", "Oracle"])


def test_a_first_row_without_an_item_still_speaks(workbook: Make, facts: Facts) -> None:
    first, *rest = national(again="blank", count=3)
    first |= {"信息项名称": "", "数据类型": "", "数据长度": "", "共享类型": "2"}
    for row in rest:
        row |= {"共享类型": "", "共享条件/不予共享依据": "", "是否向社会开放": ""}
    (content,) = contents(given([first, *rest], workbook, facts))
    assert (content["share_type"], content["open_type"], len(content["items"])) == ("2", "3", 2)


def test_a_resource_without_items_is_read(workbook: Make, facts: Facts) -> None:
    (row,) = national(again="repeated", count=1)
    row |= {"信息项名称": "", "数据类型": "", "数据长度": "", "格式分类": "电子文件", "格式类型": "pdf"}
    (content,) = contents(given([row], workbook, facts))
    assert (content["share_type"], content.get("items")) == ("2", None)


def test_an_unknown_share_type_in_a_row_is_never_lost(workbook: Make, facts: Facts) -> None:
    rows = national(again="repeated")
    rows[1]["共享类型"] = "部分共享"
    check = given(rows, workbook, facts)
    assert contents(check)[0]["share_type"] == "部分共享"
    assert "目录!Q4" in cells(check, "E109")


# ---- CSV and JSON Lines -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(GOOD))
@pytest.mark.parametrize("name", ["目录.xlsx", "目录.csv", "目录.jsonl"])
def test_every_good_example_is_read_alike_from_every_format(
    key: str, name: str, entries_file: Callable[..., Path], facts: Facts
) -> None:
    check = checked(entries_file([good(key)], name=name), facts)
    assert contents(check) == [good(key)]
    assert not list(check.sheets.findings)


def test_a_json_line_takes_a_value_where_a_list_may_stand(tmp_path: Path, facts: Facts) -> None:
    line = {
        "resource_name": "甲",
        "keywords": "婚姻、登记",
        "share_mode_type": 3,
        "share_type": 2,
        "format_type": ["MySQL"],
    }
    (content,) = contents(checked_line(line, tmp_path, facts))
    assert content == {
        "resource_name": "甲",
        "keywords": ["婚姻", "登记"],
        "share_mode_type": ["3"],
        "share_type": "2",
        "format_type": ["MySQL"],
    }


@pytest.mark.parametrize(
    ("header", "changed"),
    [("关键字", "婚姻"), ("更新周期", "每月"), ("信息资源摘要", "另一份摘要，另一份摘要")],
)
def test_a_row_of_our_csv_that_was_not_changed_with_the_others_is_told(
    header: str, changed: str, entries_file: Callable[..., Path], facts: Facts
) -> None:
    path = entries_file([good("OK01", keywords=["婚姻", "登记"])], name="目录.csv")
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    rows[1][rows[0].index(header)] = changed
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(rows)
    check = checked(path, facts)
    assert [line.place.row for line in check.lines() if line.worded.rule == "E169"] == [3, 4, 5]


# ---- the provider that the user names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, (CODE, NAME)),
        ({"提供方": "遵义市 民政局"}, (CODE, "遵义市 民政局")),
        ({"提供方": "遵义市公安局"}, (None, "遵义市公安局")),
        ({"提供方代码": "115203000094210125"}, ("115203000094210125", None)),
        ({"提供方代码": CODE}, (CODE, NAME)),
    ],
)
def test_the_named_provider_stands_in_for_a_missing_one_only(
    row: dict[str, str], expected: tuple[str | None, str | None], workbook: Make, facts: Facts
) -> None:
    rows = [{"资源名称": "婚姻登记信息", "共享类型": "1", "摘要": "x"} | row]
    (content,) = contents(checked(workbook(目录=table(rows)), facts, provider=(CODE, NAME)))
    assert (content.get("provider_code"), content.get("provider_name")) == expected


def test_the_named_provider_tells_the_city(workbook: Make, facts: Facts) -> None:
    path = workbook(目录=table([{"资源名称": "婚姻登记信息", "共享类型": "1", "摘要": "x"}]))
    check = check_file(path, facts=facts, provider=("115202000094371530", "六盘水市某局"))
    assert check.specs.profile.key == "liupanshui_2025"
