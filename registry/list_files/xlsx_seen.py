"""A workbook as it is seen: every sheet, row, column and cell beside what was written of the carried document.

A cell may hold the sealed text and still show another, or nothing. What programs change that save a file again
without being asked to, and what is therefore no difference:

- openpyxl: texts in the order of attributes of its own, ``mergeCells`` in any order, empty page headers, borders of
  merged cells told anew, quotation marks round names of sheets, ``min`` of page breaks; it drops the cells under a
  merged one, and numbers the format ``@`` as 49;
- LibreOffice: texts shared, in several fonts (its own for Chinese where ours is missing), every setting spelled out
  with its usual value, a height for every row, the frozen panes dropped, the hidden sheet no longer ``veryHidden``, no
  theme, the palette and the named styles written anew.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from registry.list_document import ListDocument
from registry.list_files.carried import reading_limits
from registry.list_files.printed import cell_name, lined, told
from registry.list_files.xlsx import (
    CARRIED_SHEET,
    LINE,
    Row,
    column_widths,
    font_size,
    footer,
    printed_titles,
    row_height,
)
from registry.list_files.xlsx_names import SHARED, WORKSHEET
from registry.list_files.xlsx_notes import noted_cells
from registry.list_files.xlsx_parts import Package, Parts
from registry.list_files.xlsx_strict import Node, Tell, read_part
from registry.list_files.xlsx_styles import Styles
from registry.workbook_cells import column_letters, column_number, refuse

# programs round widths and heights to their own units
_NARROWER, _LOWER = 0.9, 0.8
_TALLEST, _WIDEST = 420.0, 255.0
_MOST_TOLD = 2000
_USUAL_WIDTH = 8.43
_PLACE = re.compile("([A-Z]{1,3})([0-9]{1,7})")
_AREA = re.compile("([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")


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
        Unreadable: the workbook is damaged, or so large that reading it all would take the machine's memory.
    """
    differences: dict[str, None] = {}
    notes: list[str] = []

    def tell(text: str) -> None:
        if len(differences) < _MOST_TOLD:
            differences[text] = None

    with path.open("rb") as file, zipfile.ZipFile(file) as opened:
        package = Package(opened, tell)
        parts = package.parts()
        _names(parts, tell)
        styles, shared = Styles(package, parts), _shared(package, parts)
        for name, sheet in parts.sheets.items():
            look = _Look(name, meant.get(name, []), styles, shared)
            tree = look.read(package, sheet.part)
            if name in meant:
                look.around(tree, footer(document))
            elif name == CARRIED_SHEET and sheet.shown:
                tell(f"{name}：不再隐藏")
            drawn = tree.all("legacyDrawing")
            if any(node.get("r:id") not in sheet.drawn for node in drawn):
                tell(f"{name}：引用的图形不存在")
            noted = noted_cells(package, name, sheet)
            if noted and not drawn:
                tell(f"{name}：批注没有画出，各种软件显示的会不同")
            if noted:
                notes.append(f"{name}：批注不在核对之列（{'、'.join(noted[:10])}）")
        for name in meant.keys() - parts.sheets.keys():
            tell(f"{name}：缺少这张工作表")
    return list(differences), notes


def _shared(package: Package, parts: Parts) -> list[Node]:
    """The texts that cells share, by their numbers."""
    found: list[Node] = []
    if parts.shared:
        tell = package.telling(parts.shared)
        read_part(package.pieces(parts.shared), SHARED, tell, {"si": found.append})
    return found


def _names(parts: Parts, tell: Tell) -> None:
    """Names that the workbook gives to areas: only the rows and columns that every page repeats are ours."""
    sheets = [node.get("name") for node in parts.book.first("sheets").children]
    for node in parts.book.first("definedNames").children:
        kind, at = node.get("name"), node.get("localSheetId")
        sheet = sheets[int(at)] if at and int(at) < len(sheets) else ""
        value = frozenset(node.text.replace("'", "").split(","))
        if kind == "_xlnm.Print_Area":
            tell(f"{sheet}：设了打印区域 {node.text[:60]}，打印会漏掉其余内容")
        elif kind != "_xlnm.Print_Titles" or not sheet or value != printed_titles(sheet):
            tell(f"{sheet or '工作簿'}：名称 {kind[:60]}（{node.text[:60]}）不是封存时的")
    active = parts.book.first("bookViews").first("workbookView").get("activeTab", "0")
    shown = [sheet.shown for sheet in parts.sheets.values()]
    if not (active.isascii() and active.isdigit() and len(active) < 4 and any(shown[int(active) :][:1])):
        tell("工作簿打开时显示的不是清单")


class _Look:
    """One sheet as it is seen, beside the rows that it should show (none: it is a hidden one)."""

    def __init__(self, name: str, rows: list[Row], styles: Styles, shared: list[Node]) -> None:
        self.name, self.rows, self.styles, self.shared = name, rows, styles, shared
        self.tell, self.tell_of = styles.package.telling(name), styles.package.tell
        self.width = len(rows[0].cells) if rows else 0
        self.widths = column_widths(rows)
        self.row = self.cells = 0
        self.most = reading_limits()["cells"]
        self.found: set[int] = set()

    def read(self, package: Package, part: str) -> Node:
        """Look at all rows; what stands beside them comes back."""
        tree = read_part(package.pieces(part), WORKSHEET, self.tell, {"row": self._row})
        for number, row in enumerate(self.rows, 1):
            if number not in self.found and any(row.cells):
                self.tell(f"缺少第 {number} 行")
        return tree

    # ---- rows and cells ----

    def _row(self, node: Node) -> None:
        number = int(node.get("r", "0"))
        self.cells += len(node.children) + 1
        if self.cells > self.most:
            raise refuse("bomb", size=str(self.cells >> 20))
        if number <= self.row:
            self.tell(f"第 {number} 行重复或次序混乱，各种软件显示的会不同")
        self.row = number
        self.found.add(number)
        row = self.rows[number - 1] if 0 < number <= len(self.rows) else None
        if row is not None:
            self._height(node, number, row)
        self._empty(node.get("s"), f"第 {number} 行")
        at, shown = -1, set[int]()
        for cell in node.children:
            at = self._cell(cell, number, at, row)
            shown.add(at)
        for column, text in enumerate(row.cells if row is not None else ()):
            if text and column not in shown:
                self._tell_at(number, column, told("", "", text))

    def _height(self, node: Node, number: int, row: Row) -> None:
        due = row_height(row, self.widths)
        height_told = node.get("ht")
        if not height_told and due == LINE:
            return
        height = float(height_told) if height_told else 0.0
        if height < max(due * _LOWER, LINE * _LOWER):
            self.tell(f"第 {number} 行太低（{height_told or '没有行高'}），显示不全")
        elif height > max(_TALLEST, due):
            self.tell(f"第 {number} 行太高（{height_told}）")

    def _empty(self, style: str, place: str) -> None:
        fault = self.styles.empty_fault(style) if style else ""
        if fault:
            self.tell(f"{place}：{fault}")

    def _cell(self, cell: Node, number: int, before: int, row: Row | None) -> int:
        place = _PLACE.fullmatch(cell.get("r"))
        letters, digits = place.groups() if place else ("", "0")
        column = column_number(letters) if letters else -1
        if int(digits) != number or column <= before:
            self.tell(f"单元格 {cell.get('r')[:20]}（第 {number} 行）重复或次序混乱，各种软件显示的会不同")
            return max(before, column)
        inside = row is not None and column < self.width
        text = row.cells[column] if row is not None and inside else ""
        value, runs = self._value(cell)
        if self.rows:
            for fault in self._faults(cell, row, (value, text), runs):
                self._tell_at(number, column, fault)
        return column

    def _tell_at(self, number: int, column: int, fault: str) -> None:
        self.tell_of(f"{cell_name(self.name, number - 1, column)}{fault}")

    def _value(self, cell: Node) -> tuple[str, list[Node]]:
        """The text of a cell and the fonts of its parts; what can be read in two ways is told."""
        kind, value, inline = cell.get("t", "n"), cell.all("v"), cell.all("is")
        if cell.all("f") or (kind == "inlineStr" and value) or (kind != "inlineStr" and inline):
            self.tell(f"单元格 {cell.get('r')} 是公式或有两个值，各种软件显示的会不同")
        if kind == "inlineStr" and inline:
            return self._text(inline[0])
        if kind == "s" and value:
            number = value[0].text
            if number.isascii() and number.isdigit() and len(number) < 8 and int(number) < len(self.shared):
                return self._text(self.shared[int(number)])
            self.tell(f"单元格 {cell.get('r')} 的文本不存在")
            return "", []
        text = value[0].text if value else ""
        if text and kind == "n":
            self.tell(f"单元格 {cell.get('r')} 是数字或日期 {text[:40]}")
        return text, []

    def _text(self, node: Node) -> tuple[str, list[Node]]:
        runs = node.all("r")
        if runs and node.all("t"):
            self.tell("一段文字有两种写法，各种软件显示的会不同")
        text = node.first("t").text + "".join(run.first("t").text for run in runs)
        return text, [run.first("rPr") for run in runs if run.first("t").text]

    def _faults(self, cell: Node, row: Row | None, pair: tuple[str, str], runs: list[Node]) -> Iterator[str]:
        value, text = pair
        style = cell.get("s", "0")
        if lined(value) != text:
            yield told("", value, text)
        elif text and row is not None:
            size = font_size(row.kind)
            faults = [self.styles.fault(style, size)]
            faults += [self.styles.run_fault(run, style, size) for run in runs]
            yield from (f"：{fault}" for fault in dict.fromkeys(faults) if fault)
        elif self.styles.empty_fault(style):
            yield f"：{self.styles.empty_fault(style)}"

    # ---- what stands round the rows ----

    def around(self, tree: Node, due_footer: str) -> None:
        """Columns, merged cells, page headers and footers, and how far the sheet says that it reaches."""
        for pane in tree.first("sheetViews").first("sheetView").all("pane"):
            if not {"xSplit", "ySplit", "state"} <= pane.attributes.keys():
                self.tell("窗口的拆分不是封存时的")
        self._columns(tree)
        self._merged([node.get("ref") for node in tree.first("mergeCells").children])
        for node in tree.first("headerFooter").children:
            due = due_footer if node.name == "oddFooter" else ""
            if node.text != due:
                self.tell(f"页眉页脚显示“{node.text[:80]}”，封存时是“{due}”")
        if not tree.first("headerFooter").all("oddFooter"):
            self.tell(f"缺少页脚“{due_footer}”")
        reach = _AREA.fullmatch(tree.first("dimension").get("ref"))
        if tree.all("dimension") and not self._is_whole(reach):
            self.tell("所称的表格范围盖不住全部内容")

    def _is_whole(self, reach: re.Match[str] | None) -> bool:
        if reach is None:
            return False
        left, top, right, bottom = reach.groups()
        return (
            (left, top) == ("A", "1")
            and int(bottom) >= len(self.rows)
            and column_number(right) >= self.width - 1
        )

    def _columns(self, tree: Node) -> None:
        usual = float(tree.first("sheetFormatPr").get("defaultColWidth", str(_USUAL_WIDTH)))
        wide = [usual] * self.width
        last = 0
        for node in tree.first("cols").children:
            first, end = int(node.get("min", "0")), int(node.get("max", "0"))
            if not last < first <= end:
                self.tell("列的设置重复或次序混乱，各种软件显示的会不同")
            last = end
            self._empty(node.get("style"), f"{column_letters(max(first - 1, 0))} 列")
            for column in range(max(first, 1), min(end, self.width) + 1):
                wide[column - 1] = float(node.get("width", str(usual)))
        for column, (width, due) in enumerate(zip(wide, self.widths, strict=True)):
            if width < due * _NARROWER:
                self.tell(f"{column_letters(column)} 列太窄（{width:g}），显示不全")
            elif width > _WIDEST:
                self.tell(f"{column_letters(column)} 列太宽（{width:g}）")

    def _merged(self, areas: list[str]) -> None:
        due = {
            f"{column_letters(first)}{number}:{column_letters(last)}{number}"
            for number, row in enumerate(self.rows, 1)
            for first, last in row.merged
        }
        for area in areas:
            if area not in due:
                self.tell_of(f"{self.name}!{area}：被合并成一格，盖住了其中的内容")
        for area in sorted(due - set(areas)):
            self.tell_of(f"{self.name}!{area}：不再是合并的一格，其中的文字显示不全")
