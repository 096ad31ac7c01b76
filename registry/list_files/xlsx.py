"""A list as a workbook: one sheet a list, ready to print; what was sealed lies in a hidden sheet.

Every cell is a text: a code never becomes a number, and what begins with = + - @ never a formula.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from registry.errors import Rejected
from registry.list_document import ListDocument, ListTable, to_json
from registry.list_files.printed import (
    UNSEALED,
    check_text,
    checked_rows,
    groups,
    head_line,
    headings,
    lined,
    signature_line,
    title_of,
)

CARRIED_SHEET = "封存数据"
HEADER_ROWS = 4
CELL_LIMIT = 32_767
_ROW_LIMIT = 1_048_576
_FONT, _A4 = "宋体", 9
# how many characters' widths a landscape page of A4 takes at full size, and the scales that can be read
_PAGE_WIDTH, _SCALES = 98.0, (60, 100)
_NARROWEST, _WIDEST, _LOOKED_AT = 8, 40, 200
# the writer takes a text like the first for markup of its own; spreadsheets read the second as another character
_MISREAD = re.compile(r"^<r>(?s:.*)</r>\Z|_x[0-9A-Fa-f]{4}_")
_HEIGHTS = {"title": 30, "head": 45, "signature": 30}
_SIZES = {"title": 16, "signature": 12}
_SIZE = 10  # points
LINE, _TALLEST = 15, 400  # points
_NO_NAME = re.compile(r"[\[\]:*?/\\]")


class Row(NamedTuple):
    """One row of a sheet. ``kind``: title, head, groups, headings, line, blank or signature.

    ``merged`` are the first and last columns of runs that are one cell.
    """

    kind: str
    cells: list[str]
    merged: tuple[tuple[int, int], ...] = ()


def sheet_names(document: ListDocument) -> list[str]:
    """The names of the sheets: the lists', as far as a sheet's name can be them."""
    found: list[str] = []
    for table in document.lists:
        base = _NO_NAME.sub("_", table.zh).strip("'")[:31] or "清单"
        name, number = base, 2
        while name in (*found, CARRIED_SHEET):
            name, number = f"{base[:27]}({number})", number + 1
        found.append(name)
    return found


def sheet_rows(document: ListDocument, table: ListTable) -> Iterator[Row]:
    """The rows of a list's sheet from the first on; line ends are \\n.

    Raises:
        Rejected: a text that no page shows.
    """
    width = len(headings(table))
    # over the article's columns, which are the first page
    page = ((0, groups(table)[0][1] - 1),)
    yield Row("title", _first(title_of(document, table), width), page)
    yield Row("head", _first(head_line(document, table), width), page)
    yield _groups_row(table)
    yield Row("headings", headings(table))
    for _, shown in checked_rows(table):
        yield Row("line", [lined(text) for text in shown])
    yield Row("blank", [""] * width)
    yield Row("signature", _first(signature_line(), width), page)


def _first(text: str, width: int) -> list[str]:
    return [lined(text), *([""] * (width - 1))]


def _groups_row(table: ListTable) -> Row:
    cells: list[str] = []
    merged = []
    for zh, count in groups(table):
        if count > 1:
            merged.append((len(cells), len(cells) + count - 1))
        cells += _first(zh, count)
    return Row("groups", cells, tuple(merged))


def footer(document: ListDocument) -> str:
    """The footer as the file has it: the verification code (or that nothing was sealed), and the page of pages."""
    left = f"校验码 {document.code}" if document.is_sealed else UNSEALED
    return f"&L{left}&C第 &P 页 共 &N 页"


def printed_titles(name: str) -> frozenset[str]:
    """The parts of a sheet that every page repeats, as the file names them, without quotation marks."""
    plain = name.replace("'", "")
    return frozenset((f"{plain}!$A:$A", f"{plain}!${HEADER_ROWS - 1}:${HEADER_ROWS}"))


def carried_cells(document: ListDocument) -> list[str]:
    """The document as JSON in ASCII, cut for cells: no program that saves the file anew can change it."""
    text = json.dumps(to_json(document), sort_keys=True, separators=(",", ":"), allow_nan=False)
    # an underscore before x is what spreadsheets take for an escape
    text = text.replace("_x", "\\u005fx")
    return [text[at : at + CELL_LIMIT] for at in range(0, len(text), CELL_LIMIT)]


# ---- written ----------------------------------------------------------------------------------------------


def write_xlsx(document: ListDocument, path: Path) -> None:
    """Write a document as a workbook, row by row, in bounded memory.

    Raises:
        Rejected: a text that a cell cannot hold, or more lines than a sheet has rows.
    """
    # xlsxwriter is needed for writing workbooks alone
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(path), options | {"constant_memory": True})
    formats = _formats(book)
    try:
        for name, table in zip(sheet_names(document), document.lists, strict=True):
            sheet = book.add_worksheet(name)
            _set_up(sheet, document)
            _write_rows(sheet, sheet_rows(document, table), formats)
        if document.is_sealed:
            _carry(book, document)
    finally:
        # its temporary files go even where a line was refused
        _close(book)


def _close(book: Any) -> None:
    from xlsxwriter.exceptions import XlsxWriterException

    try:
        book.close()
    except XlsxWriterException as error:
        raise Rejected(f"不能写入工作簿：{error}") from error


def _carry(book: Any, document: ListDocument) -> None:
    sheet = book.add_worksheet(CARRIED_SHEET)
    for row, text in enumerate(carried_cells(document)):
        sheet.write_string(row, 0, text)
    sheet.very_hidden()


def _formats(book: Any) -> dict[str, Any]:
    text = {"num_format": "@", "font_name": _FONT, "text_wrap": True, "valign": "top"}
    # said outright, so that no theme can make it white
    text |= {"font_color": "#000000"}
    centred = text | {"align": "center", "valign": "vcenter"}
    framed = centred | {"bold": True, "border": 1}
    kinds = {
        "title": centred | {"bold": True},
        "head": text | {"valign": "vcenter"},
        "groups": framed | {"bg_color": "#BDD7EE"},
        "headings": framed | {"bg_color": "#DDEBF7"},
        "line": text | {"border": 1},
        "blank": text,
        "signature": text | {"valign": "vcenter"},
    }
    return {kind: book.add_format(look | {"font_size": font_size(kind)}) for kind, look in kinds.items()}


def font_size(kind: str) -> int:
    """The size of letters in a kind of row, in points."""
    return _SIZES.get(kind, _SIZE)


def _set_up(sheet: Any, document: ListDocument) -> None:
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.repeat_columns(0, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.8)
    sheet.repeat_rows(HEADER_ROWS - 2, HEADER_ROWS - 1)
    sheet.freeze_panes(HEADER_ROWS, 1)
    sheet.set_footer(footer(document))


def _write_rows(sheet: Any, rows: Iterator[Row], formats: dict[str, Any]) -> None:
    looked_at = list(islice(rows, _LOOKED_AT))
    widths = _widths(looked_at)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    scale, breaks = _pages(widths, _article_width(looked_at))
    sheet.set_print_scale(scale)
    sheet.set_v_pagebreaks(breaks)
    for number, row in enumerate(chain(looked_at, rows)):
        if number >= _ROW_LIMIT:
            raise Rejected(f"一张工作表最多 {_ROW_LIMIT} 行，清单放不下；改为导出 .csv 或 .json")
        _write_row(sheet, number, row, formats[row.kind], widths)


def _write_row(sheet: Any, number: int, row: Row, style: Any, widths: list[float]) -> None:
    height = row_height(row, widths)
    if height != LINE:
        # not every program makes room for wrapped text by itself
        sheet.set_row(number, height)
    for column, text in enumerate(row.cells):
        if text:
            _check(text, row.cells[0])
            sheet.write_string(number, column, text, style)
        else:
            sheet.write_blank(number, column, None, style)
    for first, last in row.merged:
        sheet.merge_range(number, first, number, last, row.cells[first], style)


def _check(text: str, first: str) -> None:
    check_text(text, f"“{first[:40]}”一行")
    # a cell's length counts characters beyond the first plane twice
    if len(text) * 2 > CELL_LIMIT and len(text.encode("utf-16-le")) // 2 > CELL_LIMIT:
        raise Rejected(f"“{first[:40]}”一行有一格超过 {CELL_LIMIT} 字，工作簿放不下；改为导出 .csv 或 .json")
    if _MISREAD.search(text):
        raise Rejected(
            f"“{first[:40]}”一行有一格含 _x0041_ 一类的转义字样，表格软件会显示成别的字；改为导出 .csv 或 .json"
        )


def row_height(row: Row, widths: list[float]) -> int:
    """The height of a row in points that shows its texts, wrapped in columns of these widths."""
    return min(_HEIGHTS.get(row.kind) or LINE * _lines(row.cells, widths), _TALLEST)


def column_widths(rows: Iterable[Row]) -> list[float]:
    """A width for every column by the longest line of text in the first rows; a Chinese character takes two."""
    return _widths(list(islice(rows, _LOOKED_AT)))


def _widths(rows: list[Row]) -> list[float]:
    wide = [_NARROWEST] * (len(rows[0].cells) if rows else 0)
    for row in rows:
        if row.kind in ("headings", "line"):
            wide = [max(n, *map(_extent, cell.split("\n"))) for n, cell in zip(wide, row.cells, strict=True)]
    return [min(n + 2, _WIDEST) for n in wide]


def _lines(cells: list[str], widths: list[float]) -> int:
    """How many lines the longest cell of a row takes, wrapped."""
    return max(
        (
            sum(-(-_extent(part) // max(int(width) - 1, 1)) or 1 for part in cell.split("\n"))
            for cell, width in zip(cells, widths, strict=True)
            if cell
        ),
        default=1,
    )


def _article_width(rows: list[Row]) -> int:
    return next((row.merged[0][1] + 1 for row in rows if row.kind == "title"), 1)


def _pages(widths: list[float], article: int) -> tuple[int, list[int]]:
    """The scale at which the article's columns are one page, and the columns at which further pages begin.

    The first column is repeated on every page.
    """
    smallest, largest = _SCALES
    scale = max(smallest, min(largest, int(100 * _PAGE_WIDTH / max(sum(widths[:article]), 1))))
    room = 100 * _PAGE_WIDTH / scale
    breaks, used = list[int](), sum(widths[:article])
    for column in range(article, len(widths)):
        if column == article or used + widths[column] > room:
            breaks.append(column)
            used = widths[0]
        used += widths[column]
    return scale, breaks


def _extent(text: str) -> int:
    return sum(1 if char.isascii() else 2 for char in text)
