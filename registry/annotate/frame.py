"""What stands around the rows of a sheet's XML: dimension, columns, merged cells, the link to its notes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from xml.parsers import expat

from registry.annotate.xml import WorkbookError, attribute, whole

LAST_COLUMN = 16_383  # 0-based: XFD
LAST_ROW = 1_048_575  # 0-based
_LOWEST_ROW = 12  # pixels; a sheet may say that rows are usually hidden
_FAR = 60  # columns a box of a note may cross before it is cut: hidden columns have no width
_AFTER_DRAWING = (
    "legacyDrawingHF",
    "drawingHF",
    "picture",
    "oleObjects",
    "controls",
    "AlternateContent",  # Excel wraps the two before in it
    "webPublishItems",
    "tableParts",
    "extLst",
)
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")
_AREA = re.compile(r"([A-Za-z]{0,3})(\d{0,7}):([A-Za-z]{0,3})(\d{0,7})")


def column_name(column: int) -> str:
    """The letters of a 0-based column."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@cache
def column_number(letters: bytes | str) -> int:
    """The 0-based column of its letters."""
    number = 0
    for letter in letters if isinstance(letters, str) else letters.decode():
        number = number * 26 + ord(letter) - 64
    return number - 1


def cell_name(row: int, column: int) -> str:
    """The A1 name of a 0-based row and column."""
    return f"{column_name(column)}{row + 1}"


def cell_place(name: str) -> tuple[int, int]:
    """The 0-based row and column of an A1 name.

    Raises: WorkbookError for any other text.
    """
    found = _REFERENCE.fullmatch(name.strip())
    if not found:
        raise WorkbookError(f"单元格位置“{name[:20]}”无效")
    return int(found[2]) - 1, column_number(found[1].upper())


def area(reference: str) -> tuple[int, int, int, int]:
    """First row, first column, last row and last column (0-based) of `A1:C7`, `A1`, `A:C` or `1:7`.

    Raises: WorkbookError for any other text.
    """
    found = _AREA.fullmatch(reference.replace("$", ""))
    if not found:
        return (*cell_place(reference), *cell_place(reference))
    left, top, right, bottom = found.groups()
    first = int(top or 1) - 1, column_number(left.upper() or "A")
    return (*first, int(bottom or LAST_ROW + 1) - 1, column_number(right.upper() or "XFD"))


@dataclass(frozen=True, slots=True)
class Grid:
    """Widths of the columns and the usual height of a row, in pixels."""

    widths: dict[int, int]
    usual_width: int = 64
    row_height: int = 20

    def walk(self, column: int, pixels: int) -> tuple[int, int]:
        """The column, and the offset in it, that many pixels right of a column's left edge."""
        for each in range(column, min(column + _FAR, LAST_COLUMN)):
            width = self.widths.get(each, self.usual_width)
            if pixels < width:
                return each, pixels
            pixels -= width
        return min(column + _FAR, LAST_COLUMN), 0


@dataclass(slots=True)
class _Child:
    """A child of the root: where it begins, its attributes and those of its own children."""

    name: str
    start: int
    attributes: dict[str, str]
    end: int = 0
    inner: list[dict[str, str]] = field(default_factory=list)


class Frame:
    """The XML of a sheet without its rows; `hole` is the offset at which they belong.

    Raises: WorkbookError for XML that is not well-formed or has a document type declaration.
    """

    def __init__(self, text: bytes, hole: int) -> None:
        self._text = text
        self._hole = hole
        self._children, self.namespace = _scan(text)
        self._edits: list[tuple[int, int, bytes]] = []
        self._by_name = {each.name: each for each in reversed(self._children)}
        columns = self._by_name.get("cols")
        self.columns = columns.inner if columns else []  # the attributes of the <col> elements

    @property
    def drawing_id(self) -> str | None:
        """The relation of <legacyDrawing>, None without one."""
        found = self._by_name.get("legacyDrawing")
        return found.attributes.get("id") if found else None

    def merged_columns(self, row: int) -> list[tuple[int, int]]:
        """First and last 0-based column of the merged areas that reach to a 0-based row or below it."""
        found = self._by_name.get("mergeCells")
        areas = [area(each.get("ref") or "A1") for each in found.inner] if found else []
        return [(left, right) for _, left, bottom, right in areas if bottom >= row]

    def column_style(self, column: int) -> int:
        """The style that a new cell in a 0-based column takes from it."""
        for each in self.columns:
            if _reaches(each, column + 1):
                return whole(each.get("style"))
        return 0

    def grid(self) -> Grid:
        """The measures of the cells, for the boxes of notes."""
        form = self._by_name.get("sheetFormatPr")
        attributes = form.attributes if form else {}
        usual = _pixels(attributes.get("defaultColWidth"))
        height = round(_size(attributes.get("defaultRowHeight"), 15) * 4 / 3)
        widths: dict[int, int] = {}
        for each in self.columns:
            width = 0 if each.get("hidden") in ("1", "true") else _pixels(each.get("width"))
            first, last = _range(each)
            widths.update(dict.fromkeys(range(first - 1, min(last, LAST_COLUMN + 1)), width))
        return Grid(widths, usual, max(height, _LOWEST_ROW))

    def widen(self, column: int, width: int) -> None:
        """Give a 0-based column its own width, and show it when it was hidden."""
        number = column + 1
        ranges: list[dict[str, str]] = []
        own = {"min": str(number), "max": str(number)}
        for each in self.columns:
            ranges += _without(each, number)
            if _reaches(each, number):
                own |= {key: value for key, value in each.items() if key in ("style", "outlineLevel")}
        ranges.append(own | {"width": str(width), "customWidth": "1"})
        ranges.sort(key=_range)
        self.columns = ranges
        cols = b"<cols>%s</cols>" % b"".join(map(_col, ranges))
        self._replace("cols", cols, before=("sheetData",))

    def stretch(self, places: Iterable[tuple[int, int]]) -> None:
        """Widen <dimension> to hold these 0-based cells; a sheet without one needs none."""
        found = self._by_name.get("dimension")
        cells = list(places)
        if not found or not cells:
            return
        top, left, bottom, right = area(found.attributes.get("ref") or "A1")
        rows, columns = [row for row, _ in cells], [column for _, column in cells]
        first = cell_name(min(top, *rows), min(left, *columns))
        last = cell_name(max(bottom, *rows), max(right, *columns))
        ref = f"{first}:{last}" if first != last else first
        self._replace("dimension", f'<dimension ref="{ref}"/>'.encode(), before=())

    def link_notes(self, relation_id: str | None, relation_namespace: str) -> None:
        """Point <legacyDrawing> at a relation, or take it away."""
        if relation_id == self.drawing_id:
            return
        link = b""
        if relation_id:
            link = f'<legacyDrawing xmlns:r="{relation_namespace}" r:id="{relation_id}"/>'.encode()
        self._replace("legacyDrawing", link, before=_AFTER_DRAWING)

    def around(self, rows: Sequence[bytes]) -> bytes:
        """The whole sheet, with these pieces as its rows."""
        edits = sorted([*self._edits, (self._hole, self._hole, b"".join(rows))])
        pieces: list[bytes] = []
        position = 0
        for start, end, new in edits:
            pieces += (self._text[position:start], new)
            position = end
        return b"".join([*pieces, self._text[position:]])

    def _replace(self, name: str, new: bytes, *, before: Sequence[str]) -> None:
        found = self._by_name.get(name)
        if found:
            self._edits.append((found.start, found.end, new))
            return
        after_rows = self._by_name["sheetData"].start
        starts = [each.start for each in self._children if each.name in before and each.start >= after_rows]
        place = min(starts, default=self._children[-1].end)
        self._edits.append((place, place, new))


def _scan(text: bytes) -> tuple[list[_Child], str]:
    """The children of the root with their offsets, and the namespace of the root."""
    found: list[_Child] = []
    root: list[str] = []
    open_names: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def start(name: str, attributes: dict[str, str]) -> None:
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        if not open_names:
            root.append(name.rpartition(" ")[0])
        elif len(open_names) == 1:
            found.append(_Child(name.rpartition(" ")[2], parser.CurrentByteIndex, plain))
        elif len(open_names) == 2 and open_names[1].endswith((" cols", " mergeCells")):
            found[-1].inner.append(plain)
        open_names.append(name)

    def end(_: str) -> None:
        open_names.pop()
        if not open_names and found:
            found[-1].end = parser.CurrentByteIndex

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise WorkbookError(f"工作表 XML 不合规（{error}）") from error
    for each, following in pairwise(found):
        each.end = following.start
    return found, root[0]


def refuse_doctype(*_: object) -> None:
    """A handler for expat. Raises: WorkbookError, because no sheet has a document type."""
    raise WorkbookError("工作表 XML 含有文档类型声明")


def _reaches(attributes: dict[str, str], number: int) -> bool:
    first, last = _range(attributes)
    return first <= number <= last


def _range(attributes: dict[str, str]) -> tuple[int, int]:
    """First and last column, counted from 1."""
    return whole(attributes.get("min"), 1), whole(attributes.get("max"), 1)


def _without(attributes: dict[str, str], number: int) -> list[dict[str, str]]:
    """The column range in up to two parts, with one column left out."""
    if not _reaches(attributes, number):
        return [attributes]
    first, last = _range(attributes)
    parts = [(first, number - 1), (number + 1, last)]
    return [attributes | {"min": str(a), "max": str(b)} for a, b in parts if a <= b]


def _col(attributes: dict[str, str]) -> bytes:
    return f"<col{''.join(attribute(key, value) for key, value in attributes.items())}/>".encode()


def _pixels(width: str | None) -> int:
    return round(_size(width, 8.43) * 7 + 5)


def _size(text: str | None, default: float) -> float:
    try:
        return min(max(float(text or default), 0.0), 500.0)
    except ValueError:
        return default
