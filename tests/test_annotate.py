"""A user's workbook comes back with an error column, notes and colours, and nothing else changed."""

import io
import re
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.comments import Comment
from openpyxl.styles import Border, Font, PatternFill, Protection, Side
from openpyxl.styles.colors import Color

from registry.annotate import Fill
from tests.annotated import (
    AUTHOR,
    SHEET,
    TITLE,
    by_openpyxl,
    by_xlsxwriter,
    mark,
    part,
    parts,
    run,
    saved,
    sheet_of,
    view,
    with_part,
)


def test_it_appends_the_error_column_with_wrapped_text() -> None:
    sheet = sheet_of(run(by_openpyxl(), lines={(SHEET, 3): "E101 必填\nE102 格式"}))
    assert (sheet["D1"].value, sheet["D2"].value, sheet["D3"].value) == (TITLE, None, "E101 必填\nE102 格式")
    assert sheet["D3"].alignment.wrap_text is True
    assert sheet.column_dimensions["D"].width == 60


def test_its_header_looks_like_its_left_neighbour() -> None:
    def bold(sheet: Any) -> None:
        sheet["C1"].font = Font(bold=True)

    assert sheet_of(run(by_openpyxl(bold), lines={(SHEET, 2): "x"}))["D1"].font.bold is True


def test_a_sheet_without_lines_gets_no_column() -> None:
    assert "D1" not in view(run(by_openpyxl(), marks=[mark(2, 0)]))


@pytest.mark.parametrize(("stray", "title"), [("D3", "H1"), ("AZ9", "D1")])
def test_the_column_is_the_first_one_right_of_the_header_where_nothing_stands(stray: str, title: str) -> None:
    def crowd(sheet: Any) -> None:
        sheet[stray] = "备注"
        sheet.merge_cells("E1:G1")

    sheet = sheet_of(run(by_openpyxl(crowd), lines={(SHEET, 2): "x"}))
    assert (sheet[title].value, sheet[stray].value) == (TITLE, "备注")


def test_a_hidden_column_to_the_right_is_shown_and_its_neighbours_stay_hidden() -> None:
    def hide(sheet: Any) -> None:
        sheet.column_dimensions.group("D", "XFD", hidden=True)

    cols = re.findall(r"<col [^>]*>", part(run(by_openpyxl(hide), lines={(SHEET, 2): "x"})))
    assert ["hidden" in each for each in cols[-2:]] == [False, True]
    assert ('min="5"' in cols[-1], 'max="16384"' in cols[-1]) == (True, True)


def test_a_marked_cell_has_a_note_and_the_colour_of_its_worst_level() -> None:
    data = run(by_openpyxl(), marks=[mark(2, 0, "先", "note"), mark(2, 0, "后"), mark(2, 0, "末", "warning")])
    assert view(data)["A2"] == ("人口库", "FFFFC7CF", "先\n后\n末")
    assert sheet_of(data)["A2"].comment.author == AUTHOR


def test_a_mark_keeps_the_rest_of_the_style() -> None:
    def dress(sheet: Any) -> None:
        cell = sheet["C3"]
        cell.number_format, cell.font = "0.00%", Font(italic=True)
        cell.border, cell.protection = Border(left=Side("thick")), Protection(locked=False)

    cell = sheet_of(run(by_openpyxl(dress), marks=[mark(3, 2)]))["C3"]
    assert (cell.number_format, cell.font.italic, cell.border.left.style) == ("0.00%", True, "thick")
    assert cell.protection.locked is False


@pytest.mark.parametrize(("row", "column", "name"), [(3, 1, "B3"), (2, 30, "AE2"), (9, 2, "C9")])
def test_a_blank_cell_is_made_in_its_place(row: int, column: int, name: str) -> None:
    data = run(by_openpyxl(), marks=[mark(row, column)])
    assert view(data)[name] == (None, "FFFFC7CF", "E101：必填")
    columns = [len(each) * 100 + ord(each[-1]) for each in re.findall(r'<c r="([A-Z]+)2"', part(data))]
    assert columns == sorted(columns)
    rows = [int(each) for each in re.findall(r'<row r="(\d+)"', part(data))]
    assert rows == sorted(set(rows))


def test_a_blank_cell_takes_the_style_of_its_column() -> None:
    source = by_openpyxl(lambda sheet: setattr(sheet["A2"], "number_format", "@"))
    columns = '<cols><col min="5" max="5" width="9" style="1"/></cols><sheetData>'
    source = with_part(source, part(source).replace("<sheetData>", columns))
    assert sheet_of(run(source, marks=[mark(3, 4)]))["E3"].number_format == "@"


def test_the_dimension_grows_and_spans_go() -> None:
    sheet = part(run(by_xlsxwriter(constant_memory=False), marks=[mark(2, 30), mark(9, 0)]))
    assert '<dimension ref="A1:AE9"/>' in sheet
    assert 'spans="' not in re.findall(r'<row r="2"[^>]*>', sheet)[0]


def test_a_row_mark_says_its_text_in_the_column_only() -> None:
    seen = view(run(by_openpyxl(), marks=[mark(3, -1, "E900：重复行"), mark(3, -1, "E901：缺项")]))
    assert seen["D3"] == ("E900：重复行\nE901：缺项", None, None)
    assert seen["A3"] == ("法人库", None, None)


def test_what_is_said_of_the_header_row_is_a_note_on_the_title() -> None:
    seen = view(run(by_openpyxl(), marks=[mark(1, -1, "E002：缺少列")]))
    assert seen["D1"] == (TITLE, None, "E002：缺少列")


def test_annotating_twice_is_annotating_once() -> None:
    wanted: dict[str, Any] = {"lines": {(SHEET, 2): "E1"}, "marks": [mark(2, 0), mark(9, 9, level="note")]}
    once = run(by_openpyxl(), **wanted)
    assert parts(run(once, **wanted)) == parts(once)


def test_without_findings_only_the_title_of_the_column_is_left() -> None:
    source = by_openpyxl()
    annotated = run(source, lines={(SHEET, 2): "E1", (SHEET, 7): "E2"}, marks=[mark(2, 0), mark(3, 1)])
    assert view(run(annotated)) == view(source) | {"D1": (TITLE, None, None)}
    assert not [name for name in parts(run(annotated)) if "comments" in name or name.endswith(".vml")]


def test_new_lines_replace_the_old_ones() -> None:
    annotated = run(by_openpyxl(), lines={(SHEET, 2): "旧", (SHEET, 3): "旧"})
    seen = view(run(annotated, lines={(SHEET, 3): "新"}))
    assert [seen.get(f"D{row}", (None,))[0] for row in (1, 2, 3)] == [TITLE, None, "新"]


def test_it_knows_its_column_again_after_another_program_saved_the_file() -> None:
    resaved = saved(
        load_workbook(io.BytesIO(run(by_openpyxl(), lines={(SHEET, 2): "旧"}, marks=[mark(2, 0)])))
    )
    seen = view(run(resaved, lines={(SHEET, 3): "新"}))
    assert (seen["D3"][0], "D2" in seen, "E1" in seen) == ("新", False, False)
    assert seen["A2"] == ("人口库", None, None)


def test_it_knows_its_column_by_a_shared_string() -> None:
    source = by_xlsxwriter(constant_memory=False, second=TITLE)
    assert [view(run(source)).get(name, (None,))[0] for name in ("B1", "B2", "B3")] == [TITLE, None, None]


@pytest.mark.parametrize("fill", ["FFFFFF00", "FF123456"])
def test_the_users_own_fill_comes_back(fill: str) -> None:
    def paint(sheet: Any) -> None:
        sheet["A2"].fill = PatternFill("solid", fgColor=fill)

    annotated = run(by_openpyxl(paint), marks=[mark(2, 0)])
    assert view(annotated)["A2"][1] == "FFFFC7CF"
    assert view(run(annotated))["A2"][1] == fill


def test_the_users_theme_colour_comes_back() -> None:
    def paint(sheet: Any) -> None:
        sheet["A2"].fill = PatternFill("solid", fgColor=Color(theme=4, tint=0.5))

    back = sheet_of(run(run(by_openpyxl(paint), marks=[mark(2, 0)])))["A2"].fill.fgColor
    assert (back.theme, back.tint) == (4, 0.5)


def test_a_background_colour_that_libreoffice_made_up_is_not_taken_for_the_users() -> None:
    annotated = run(by_openpyxl(), marks=[mark(2, 0)])
    styles = part(annotated, "xl/styles.xml").replace('<bgColor indexed="64"/>', '<bgColor rgb="FFFFCCCC"/>')
    about = part(annotated, "docProps/app.xml").replace("Microsoft Excel", "LibreOffice/7.6")
    resaved = with_part(with_part(annotated, styles, "xl/styles.xml"), about, "docProps/app.xml")
    assert view(run(resaved))["A2"] == ("人口库", None, None)


def test_it_keeps_the_users_own_note_and_writes_under_it() -> None:
    def note(sheet: Any) -> None:
        sheet["A1"].comment = Comment("填写说明", "张三")
        sheet["A2"].comment = Comment("请核对", "张三")

    annotated = run(by_openpyxl(note), marks=[mark(2, 0), mark(2, 1)])
    sheet = sheet_of(annotated)
    assert sheet["A1"].comment.text == "填写说明"
    assert (sheet["A2"].comment.author, sheet["A2"].comment.text.split("\n")[0::2]) == (
        "张三",
        ["请核对", "E101：必填"],
    )
    assert sheet["B2"].comment.author == AUTHOR
    assert {name: each[2] for name, each in view(run(annotated)).items() if each[2]} == {
        "A1": "填写说明",
        "A2": "请核对",
    }


def test_a_threaded_comment_is_left_alone() -> None:
    def thread(sheet: Any) -> None:
        sheet["A2"].comment = Comment("[线程批注]", "tc={0A1B}")

    assert view(run(by_openpyxl(thread), marks=[mark(2, 0)]))["A2"] == ("人口库", "FFFFC7CF", "[线程批注]")


def test_each_note_has_one_hidden_box_with_an_id_of_its_own() -> None:
    marks = [mark(row, 0) for row in range(2, 1502)]
    twice = run(run(by_openpyxl(), marks=marks), marks=marks)
    drawing = part(twice, "xl/drawings/vmlDrawing1.vml")
    ids = re.findall(r'id="_x0000_s(\d+)"', drawing)
    assert len(ids) == len(set(ids)) == drawing.count("visibility:hidden") == 1500
    assert {int(each) // 1024 for each in ids} == {1, 2}
    assert 'data="1,2"' in drawing


def test_the_link_to_the_notes_stands_in_its_place() -> None:
    source = by_openpyxl()
    ext = part(source).replace("</worksheet>", "<extLst><ext uri='{1}'/></extLst></worksheet>")
    tail = part(run(with_part(source, ext), marks=[mark(2, 0)])).partition("</sheetData>")[2]
    assert re.findall(r"<(\w+)[ >/]", tail)[-3:] == ["legacyDrawing", "extLst", "ext"]


def test_a_fill_keeps_the_style_and_is_text() -> None:
    def dress(sheet: Any) -> None:
        sheet["B3"].number_format = "000"

    cell = sheet_of(run(by_openpyxl(dress), fills=[Fill(SHEET, 3, 1, "520300/000001")]))["B3"]
    assert (cell.value, cell.data_type, cell.number_format) == ("520300/000001", "s", "000")


def test_a_fill_over_a_formula_takes_it_out_of_the_calculation_chain() -> None:
    source = by_openpyxl()
    types = part(source, "[Content_Types].xml").replace(
        "</Types>", '<Override PartName="/xl/calcChain.xml" ContentType="application/x"/></Types>'
    )
    links = part(source, "xl/_rels/workbook.xml.rels").replace(
        "</Relationships>",
        '<Relationship Id="c" Type="http://x/calcChain" Target="calcChain.xml"/></Relationships>',
    )
    source = with_part(with_part(source, types, "[Content_Types].xml"), links, "xl/_rels/workbook.xml.rels")
    found = parts(run(with_part(source, "<calcChain/>", "xl/calcChain.xml"), fills=[Fill(SHEET, 2, 2, "x")]))
    assert not [name for name, data in found.items() if "calcChain" in name or b"calcChain" in data]


def test_cells_that_shared_an_overwritten_formula_keep_their_values() -> None:
    rows = (
        '<sheetData><row r="1"><c r="A1"><f t="shared" ref="A1:A2" si="0">B1</f><v>1</v></c></row>'
        '<row r="2"><c r="A2"><f t="shared" si="0"/><v>2</v></c></row></sheetData>'
    )
    source = with_part(by_openpyxl(), re.sub(r"<sheetData>.*</sheetData>", rows, part(by_openpyxl())))
    assert '<c r="A2"><v>2</v></c>' in part(run(source, fills=[Fill(SHEET, 1, 0, "x")]))
