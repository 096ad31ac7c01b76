"""How a workbook looks to a person: hidden rows, merged cells, number formats, fonts, headers and footers.

A cell may hold the sealed text and still show another, or nothing.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from registry.list_document import ListDocument
from registry.list_files.printed import cell_name, lined, told
from registry.list_files.xlsx import Row, footer_texts
from registry.workbook_cells import column_letters, refuse

_PLAIN_FORMATS = ("@", "General")
_THINNEST, _LOWEST, _SMALLEST = 0.5, 3, 5
_AUTOMATIC, _BLACK, _WHITE = (64, 65), (0, 0, 0), (255, 255, 255)
_SEEN = 120  # how far a colour must differ from the one behind it, of 765


def is_blank(value: object) -> bool:
    """Whether a cell shows nothing."""
    return value is None or value == ""


def shown_of(value: object) -> str:
    """A cell's value as a message names it."""
    return "" if value is None else str(value)


def seen_differences(
    path: Path, document: ListDocument, meant: Mapping[str, list[Row]]
) -> tuple[list[str], list[str]]:
    """Differences of what is seen in the sheets named in ``meant``, and notes.

    Raises:
        Unreadable: the workbook is damaged.
    """
    # needed for reading workbooks alone
    import openpyxl  # type: ignore[import-untyped]

    try:
        book = openpyxl.load_workbook(path, rich_text=True)
    except Exception as error:
        # the library raises whatever it stumbles over; nothing that it cannot read is genuine
        raise refuse("damaged") from error
    differences: list[str] = []
    notes: list[str] = []
    for name, rows in meant.items():
        sheet = book[name]
        if not hasattr(sheet, "iter_rows"):
            differences.append(f"{name}：不是表格")
            continue
        differences += _Look(sheet, rows).differences()
        differences += _around(sheet, set(footer_texts(document)))
        noted = [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.comment]
        if noted:
            notes.append(f"{name}：批注不在核对之列（{'、'.join(noted[:10])}）")
    return differences, notes


def _around(sheet: Any, footers: set[str]) -> Iterator[str]:
    """Page headers and footers, and parts that a print leaves out."""
    for kind in ("oddHeader", "evenHeader", "firstHeader", "oddFooter", "evenFooter", "firstFooter"):
        item = getattr(sheet, kind)
        for part in (item.left, item.center, item.right):
            text = " ".join((part.text or "").split())
            if text and text not in footers:
                yield f"{sheet.title}：页眉页脚显示“{text}”，不是封存时的内容"
    if sheet.print_area:
        yield f"{sheet.title}：设了打印区域 {sheet.print_area}，打印会漏掉其余内容"


class _Look:
    """One sheet as it is seen, beside the rows that it should show."""

    def __init__(self, sheet: Any, rows: list[Row]) -> None:
        self.sheet, self.rows, self.name = sheet, rows, sheet.title
        self.width = len(rows[0].cells)
        self._styles: dict[int, str] = {}

    def differences(self) -> Iterator[str]:
        """All that is seen otherwise."""
        yield from self._hidden()
        yield from self._merged()
        for cells in self.sheet.iter_rows():
            for cell in cells:
                yield from self._cell(cell)

    def _cell(self, cell: Any) -> Iterator[str]:
        row, column = cell.row - 1, cell.column - 1
        inside = row < len(self.rows) and column < self.width
        text = self.rows[row].cells[column] if inside else ""
        place = cell_name(self.name, row, column)
        # a text in several fonts is a list of its parts
        parts = list(cell.value) if isinstance(cell.value, list) else []
        value = "".join(map(str, parts)) if parts else cell.value
        if cell.data_type == "f":
            yield f"{place}：是公式，封存的是文本“{text}”"
        elif not is_blank(value) and not isinstance(value, str):
            yield f"{place}：是数字或日期 {shown_of(value)}，封存的是文本“{text}”"
        elif lined(value or "") != text:
            yield told(place, shown_of(value), text)
        elif text:
            faults = [self._style(cell), *(_font_fault(p.font, cell) for p in parts if hasattr(p, "font"))]
            yield from (f"{place}：{fault}" for fault in dict.fromkeys(faults) if fault)

    # ---- styles ----

    def _style(self, cell: Any) -> str:
        number = cell.style_id
        if number not in self._styles:
            self._styles[number] = _style_fault(cell)
        return self._styles[number]

    # ---- rows and columns ----

    def _hidden(self) -> Iterator[str]:
        form = self.sheet.sheet_format
        if form.zeroHeight or form.defaultColWidth == 0:
            yield f"{self.name}：行或列默认隐藏"
        for number, row in self.sheet.row_dimensions.items():
            if number <= len(self.rows) and (row.hidden or (row.ht is not None and row.ht < _LOWEST)):
                yield f"{self.name}：第 {number} 行被隐藏"
        for column in self.sheet.column_dimensions.values():
            if column.min <= self.width and (column.hidden or column.width < _THINNEST):
                first, last = (column_letters(n - 1) for n in (column.min, min(column.max, self.width)))
                yield f"{self.name}：{first if first == last else f'{first} 至 {last}'} 列被隐藏"

    def _merged(self) -> Iterator[str]:
        due = {
            (number, number, first + 1, last + 1)
            for number, row in enumerate(self.rows, 1)
            for first, last in row.merged
        }
        for area in self.sheet.merged_cells.ranges:
            if (area.min_row, area.max_row, area.min_col, area.max_col) not in due:
                yield f"{self.name}!{area.coord}：被合并成一格，盖住了其中的内容"


def _style_fault(cell: Any) -> str:
    if cell.number_format not in _PLAIN_FORMATS:
        return f"数字格式“{cell.number_format}”会显示成别的内容"
    return _font_fault(cell.font, cell)


def _font_fault(font: Any, cell: Any) -> str:
    """Why a text in this font is not to be read in its cell."""
    if font.strike:
        return "文字被划去"
    if font.sz is not None and font.sz < _SMALLEST:
        return "文字小得看不见"
    fill, plain = cell.fill, "文字或底色取自主题、调色板或花纹，可能看不见"
    if fill.fill_type not in (None, "none", "solid"):
        return plain
    behind = _colour(fill.fgColor, _WHITE) if fill.fill_type == "solid" else _WHITE
    front = _colour(font.color, _BLACK)
    if front is None or behind is None:
        return plain
    if sum(abs(one - other) for one, other in zip(front, behind, strict=True)) < _SEEN:
        return "文字与底色相近，看不见"
    return ""


def _colour(colour: Any, usual: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Red, green and blue; None where the file may say elsewhere what the colour is (a theme, a palette)."""
    if colour is None or (colour.type == "indexed" and colour.indexed in _AUTOMATIC):
        return usual
    if colour.type != "rgb" or not isinstance(colour.rgb, str) or colour.tint:
        return None
    red, green, blue = bytes.fromhex(colour.rgb[-6:])
    return red, green, blue
