"""Any text and any writer's XML: the annotated workbook stays readable, the rest of it untouched."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl.worksheet.datavalidation import DataValidation

from registry.annotate import Fill, Mark, WorkbookError
from tests.annotated import (
    MAIN,
    SHEET,
    TITLE,
    bare,
    by_openpyxl,
    by_xlsxwriter,
    mark,
    part,
    parts,
    run,
    sheet_of,
    view,
    with_part,
)


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", '<b>&amp;"</b>', " 前后空格 ", "一\n二", "_x000D_"]
)
def test_any_text_stays_text(text: str) -> None:
    cell = sheet_of(run(by_openpyxl(), lines={(SHEET, 2): text}, marks=[mark(2, 0, text)]))["D2"]
    assert (cell.value.replace("_x005F_", "_"), cell.data_type) == (text, "s")


def test_forbidden_characters_go_and_long_text_is_cut() -> None:
    sheet = sheet_of(
        run(by_openpyxl(), lines={(SHEET, 2): "甲\x00\x0b\ud800乙\r\n丙", (SHEET, 3): "长" * 40_000})
    )
    assert sheet["D2"].value == "甲乙\n丙"
    assert (len(sheet["D3"].value), sheet["D3"].value[-1]) == (32_767, "…")


def test_everything_else_of_the_sheet_stays() -> None:
    def furnish(sheet: Any) -> None:
        sheet.freeze_panes, sheet.auto_filter.ref = "B2", "A1:C3"
        sheet.merge_cells("A5:B6")
        sheet.add_data_validation(DataValidation("list", formula1='"是,否"', sqref="B2:B99"))
        sheet.column_dimensions["A"].width = 33
        sheet.print_title_rows = "1:1"

    sheet = sheet_of(run(by_openpyxl(furnish), lines={(SHEET, 2): "x"}, marks=[mark(2, 1)]))
    assert (sheet.freeze_panes, sheet.auto_filter.ref, str(sheet.merged_cells)) == ("B2", "A1:C3", "A5:B6")
    assert [str(each.sqref) for each in sheet.data_validations.dataValidation] == ["B2:B99"]
    assert (sheet.column_dimensions["A"].width, sheet.print_title_rows) == (33, "$1:$1")
    assert sheet["C2"].value == "=1+1"


def test_other_parts_are_the_same_bytes() -> None:
    source = by_openpyxl(lambda sheet: sheet.parent.create_sheet("隐藏").append(["x"]))
    changed = {
        name
        for name, data in parts(run(source, lines={(SHEET, 2): "x"})).items()
        if parts(source)[name] != data
    }
    assert changed == {"xl/worksheets/sheet1.xml", "xl/styles.xml"}


@pytest.mark.parametrize("constant_memory", [True, False])
def test_a_workbook_of_xlsxwriter_comes_back(constant_memory: bool) -> None:
    data = run(by_xlsxwriter(constant_memory=constant_memory), lines={(SHEET, 3): "错"}, marks=[mark(3, 1)])
    assert view(data)["C3"][0] == "错"
    assert view(data)["B3"] == ("008", "FFFFC7CF", "E101：必填")


def prefixed(xml: str) -> str:
    return re.sub(r"<(/?)(\w+)(?=[\s>/])", r"<\1x:\2", xml).replace("xmlns=", "xmlns:x=")


def positionless(xml: str) -> str:
    return re.sub(r'(<row|<c) r="\w+"', r"\1", xml).replace('<c t="n"/>', "<c/>")


def reordered(xml: str) -> str:
    return re.sub(r'<c (r="\w+") ([^>/]*)', r"<c \2 \1", xml).replace('"', "'")


def backwards(xml: str) -> str:
    rows = re.findall(r"<row .*?</row>", xml, re.DOTALL)
    return re.sub(r"<sheetData>.*</sheetData>", f"<sheetData>{''.join(reversed(rows))}</sheetData>", xml)


def with_cdata(xml: str) -> str:
    return (
        xml.replace("<sheetData>", "<!-- 注 --><sheetData>")
        .replace("<v>", "<v><![CDATA[")
        .replace("</v>", "]]></v>")
    )


@pytest.mark.parametrize("odd", [prefixed, positionless, reordered, backwards, with_cdata])
def test_odd_xml_gives_the_same_answer(odd: Callable[[str], str]) -> None:
    source = by_openpyxl(lambda sheet: setattr(sheet["B3"], "value", "补"))
    wanted: dict[str, Any] = {"lines": {(SHEET, 3): "错"}, "marks": [mark(3, 1), mark(2, 7), mark(8, 0)]}
    strange = with_part(source, odd(part(source)))
    assert part(strange) != part(source)
    assert view(run(strange, **wanted)) == view(run(source, **wanted))
    assert view(run(run(strange, **wanted))) == view(source) | {"D1": (TITLE, None, None)}


def test_a_bare_workbook_is_taken() -> None:
    seen = view(run(bare(), lines={(SHEET, 3): "错"}, marks=[mark(3, 0)]))
    assert (seen["A1"][0], seen["B1"][0], seen["B3"][0]) == ("名称", TITLE, "错")
    assert seen["A3"] == (7, "FFFFC7CF", "E101：必填")


@pytest.mark.parametrize(
    "broken",
    [
        b"PK not a zip",
        with_part(by_openpyxl(), "<worksheet"),
        with_part(
            by_openpyxl(), f'<!DOCTYPE a [<!ENTITY b "c">]><worksheet xmlns="{MAIN}"><sheetData/></worksheet>'
        ),
        with_part(by_openpyxl(), '<!DOCTYPE a [<!ENTITY b "c">]><styleSheet/>', "xl/styles.xml"),
        with_part(by_openpyxl(), "<Relationships/>", "_rels/.rels"),
    ],
)
def test_a_broken_workbook_is_refused(broken: bytes) -> None:
    with pytest.raises(WorkbookError, match="无法写入校验结果"):
        run(broken, lines={(SHEET, 2): "x"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"marks": [Mark("别的", 2, 0, "x", "error")]},
        {"lines": {(SHEET, 0): "x"}},
        {"fills": [Fill(SHEET, 2, -1, "x")]},
        {"marks": [mark(2, 0)], "palette": {}},
        {"headers": {"别的": 1}},
    ],
)
def test_a_place_or_level_that_isnt_there_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no "):
        run(by_openpyxl(), **wrong)
