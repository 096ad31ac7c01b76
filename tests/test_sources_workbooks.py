"""Workbooks as sources: typed cells as text, where the header is, and what stands beside the table."""

import datetime as dt
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from catalog_specs import Specs
from registry.sources import Source, SourceUnreadable, open_file
from tests.test_sources_csv import keys_of, rows_of

Rows = list[list[Any]]


@pytest.fixture
def sheet(tmp_path: Path, specs: Specs) -> Callable[..., Source]:
    """Opens a workbook of one sheet given as rows; ``change`` may do more to the sheet before it is saved."""

    def make(rows: Rows, change: Callable[[Any], object] = lambda _: None) -> Source:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        change(book.active)
        path = tmp_path / "数据.xlsx"
        book.save(path)
        return open_file(path, specs)

    return make


def test_typed_cells_become_text(sheet: Callable[..., Source]) -> None:
    day, moment = dt.date(1990, 1, 2), dt.datetime.fromisoformat("2020-01-02 03:04:05")
    source = sheet([list("abcdefg"), ["01", 13900000001, 12.25, day, moment, True, dt.time(3, 4)]])
    expected = ("01", "13900000001", "12.25", "1990-01-02", "2020-01-02 03:04:05", "true", "03:04:00")
    assert (rows_of(source), source.complete) == ([expected], True)


def test_a_number_that_lost_its_digits_is_still_seen_to_have_lost_them(sheet: Callable[..., Source]) -> None:
    source = sheet([["证号"], [110105194912310021], [1e15], [999999999999999]])
    assert rows_of(source) == [("1.1010519491231E+17",), ("1E+15",), ("999999999999999",)]


def test_the_file_is_hashed(sheet: Callable[..., Source], tmp_path: Path) -> None:
    source = sheet([["a"], ["1"]])
    rows_of(source)
    assert source.sha256 == hashlib.sha256((tmp_path / "数据.xlsx").read_bytes()).hexdigest()


def test_titles_above_the_header_are_told(sheet: Callable[..., Source]) -> None:
    source = sheet([["人口信息表"], [], ["姓名", "性别", "年龄"], ["张三", "男", 30]])
    assert (source.columns, rows_of(source)) == (("姓名", "性别", "年龄"), [("张三", "男", "30")])
    assert (keys_of(source), source.complete) == (["title_rows"], True)
    assert source.problems[0].reason == "表头在第 3 行，上面的内容没有当作数据"


def test_an_identifier_in_a_title_was_not_checked(sheet: Callable[..., Source]) -> None:
    source = sheet([["填报人 13900000001"], ["姓名", "性别", "年龄"], ["张三", "男", 30]])
    rows_of(source)
    assert ("text_beside" in keys_of(source), source.complete) == (True, False)


def test_an_identifier_in_a_comment_was_not_checked(sheet: Callable[..., Source]) -> None:
    def remark(made: Any) -> None:
        made["A2"].comment = openpyxl.comments.Comment("本人电话 13900000001", "x")

    source = sheet([["姓名"], ["张三"]], remark)
    rows_of(source)
    assert (keys_of(source), source.complete) == (["text_beside"], False)


def test_merged_cells_in_the_header_are_told(sheet: Callable[..., Source]) -> None:
    source = sheet([["姓名", "联系方式", None], ["张三", "1", "2"]], lambda made: made.merge_cells("B1:C1"))
    assert source.columns == ("姓名", "联系方式", "C")
    first = source.problems[0]
    assert (first.rule, first.reason) == ("merged_header", "表头有合并单元格：B1:C1")


def test_merged_cells_among_the_data_are_no_matter(sheet: Callable[..., Source]) -> None:
    source = sheet([["a", "b"], ["1", "2"], [None, "3"]], lambda made: made.merge_cells("A2:A3"))
    assert (rows_of(source), source.problems) == ([("1", "2"), (None, "3")], [])


def test_hidden_rows_and_columns_are_read(sheet: Callable[..., Source]) -> None:
    def hide(made: Any) -> None:
        made.column_dimensions["B"].hidden = made.row_dimensions[2].hidden = True

    assert rows_of(sheet([["a", "b"], ["1", "2"]], hide)) == [("1", "2")]


def test_a_table_need_not_begin_in_the_corner(sheet: Callable[..., Source]) -> None:
    source = sheet([[], [], [None, None, "a", "b"], [None, None, "1", None], [None, None, None, "2"]])
    assert (source.columns, rows_of(source)) == (("a", "b"), [("1", None), (None, "2")])


def test_formulas_without_a_value_were_not_seen(sheet: Callable[..., Source]) -> None:
    source = sheet([["a", "b"], ["1", "=A2"], ["2", "=A3"]])
    assert rows_of(source) == [("1", None), ("2", None)]
    assert (keys_of(source), source.complete) == (["formula_empty"], False)
    assert "（B2、B3）" in source.problems[0].reason


def test_error_values_are_no_empty_cells(sheet: Callable[..., Source]) -> None:
    def fail(made: Any) -> None:
        made["A2"].data_type = "e"

    assert rows_of(sheet([["a", "b"], ["#N/A", "1"]], fail)) == [("#错误", "1")]


def _two_sheets(path: Path, *, hidden: bool = False) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "说明"
    for name in ("一", "二"):
        made = book.create_sheet(name)
        made.append(["姓名"])
        made.append([name])
    book["二"].sheet_state = "hidden" if hidden else "visible"
    book.save(path)
    return path


@pytest.mark.parametrize("hidden", [False, True])
def test_other_sheets_with_data_were_not_seen(tmp_path: Path, specs: Specs, hidden: bool) -> None:
    source = open_file(_two_sheets(tmp_path / "两张.xlsx", hidden=hidden), specs)
    assert (source.name, rows_of(source)) == ("两张.xlsx（一）", [("一",)])
    assert ([p.reason for p in source.problems], source.complete) == (["没有读的工作表也有数据：二"], False)


def test_a_sheet_may_be_named(tmp_path: Path, specs: Specs) -> None:
    source = open_file(_two_sheets(tmp_path / "两张.xlsx", hidden=True), specs, sheet="二")
    assert (rows_of(source), source.complete) == ([("二",)], True)
    with pytest.raises(SourceUnreadable, match="没有工作表“三”，有的是 说明、一、二"):
        open_file(tmp_path / "两张.xlsx", specs, sheet="三")


def test_a_workbook_without_data_is_refused(sheet: Callable[..., Source]) -> None:
    with pytest.raises(SourceUnreadable, match="没有一张工作表有数据"):
        sheet([])


def test_text_that_is_called_a_workbook_is_refused(tmp_path: Path, specs: Specs) -> None:
    path = tmp_path / "数据.xlsx"
    path.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(SourceUnreadable, match=r"数据\.xlsx：文件读不了：内容是文本，不是工作簿"):
        open_file(path, specs)


@pytest.mark.parametrize("cut", [200, 2000])
def test_a_damaged_workbook_is_refused(
    sheet: Callable[..., Source], tmp_path: Path, specs: Specs, cut: int
) -> None:
    sheet([["a"], ["1"]])
    path = tmp_path / "数据.xlsx"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(SourceUnreadable, match="已损坏"):
        open_file(path, specs)


def test_a_bomb_is_refused(tmp_path: Path, specs: Specs) -> None:
    path = tmp_path / "炸弹.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", b" " * 300_000_000)
    with pytest.raises(SourceUnreadable, match="解压后有 286 MB"):
        open_file(path, specs)


# ---- OpenDocument -----------------------------------------------------------------------------------------

_ODS = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
<table:table table:name="表">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"""
_CELL = '<table:table-cell office:value-type="string"{more}><text:p>{text}</text:p></table:table-cell>'
_MIME = "application/vnd.oasis.opendocument.spreadsheet"


def _ods(path: Path, *rows: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("mimetype", _MIME)
        package.writestr("content.xml", _ODS.format(rows="".join(rows)))
        package.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def _row(*cells: str, repeat: str = "") -> str:
    more = f' table:number-columns-repeated="{repeat}"' if repeat else ""
    return (
        "<table:table-row>" + "".join(_CELL.format(text=c, more=more) for c in cells) + "</table:table-row>"
    )


def test_an_open_document_is_read(tmp_path: Path, specs: Specs) -> None:
    source = open_file(_ods(tmp_path / "数据.ods", _row("姓名", "年龄"), _row("张三", "30")), specs)
    assert (source.columns, rows_of(source), source.complete) == (("姓名", "年龄"), [("张三", "30")], True)


def test_one_cell_that_stands_for_millions_is_refused(tmp_path: Path, specs: Specs) -> None:
    path = _ods(tmp_path / "炸弹.ods", _row("x", repeat="99999999"))
    with pytest.raises(SourceUnreadable, match="超过上限"):
        open_file(path, specs)
