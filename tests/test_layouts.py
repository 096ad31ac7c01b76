"""The layouts that catalogues come in: two sheets, CSV, JSON Lines; columns in any order."""

import csv
import io
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
from tests.catalogue_files import CODE, ENTRY, NAME, Make, cells, checked, contents, rules, table
from tests.examples import GOOD, good
from validators.case import Facts

# ---- two sheets -------------------------------------------------------------------------------------------


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
