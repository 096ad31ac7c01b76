"""The national template: one row an item; the resource's columns repeated, merged or given once."""

import random
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import Specs
from registry.checking import FileCheck
from tests.catalogue_files import CODE, NAME, Make, cells, checked, contents, national, rules, table
from validators.case import Facts


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
