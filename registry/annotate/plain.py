"""The XML of a sheet in the one plain form that the row scanner reads.

Plain: UTF-8, no prefix for the main namespace, `r` first and present on each row and cell, rows and cells in
order, double quotes, no comments. Excel, WPS, LibreOffice, openpyxl and XlsxWriter write it so; whatever is
written otherwise is rewritten here, event by event, so that both ways end in the same scanner.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from registry.annotate.frame import cell_place, column_name, refuse_doctype
from registry.annotate.xml import WorkbookError, attribute, whole

MAIN_NAMESPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_ROOT = re.compile(
    rb"""\A(?:<\?xml(?P<declaration>[^>]*)\?>)?\s*(?P<root><worksheet\s[^>]*>)""",
    re.DOTALL,
)
_UTF_8 = re.compile(rb"""encoding=["'](?:utf-8|us-ascii|ascii)["']""", re.IGNORECASE)
_ROWS, _ROW, _CELL = 1, 2, 3  # depth of sheetData, row and cell below the root


def is_plain(data: bytes) -> bool:
    """Whether the bytes are in the plain form, as far as can be seen without reading each row."""
    found = _ROOT.match(data)
    if not found or b"<!" in data or data.count(b"<?") > 1:
        return False
    declaration = found["declaration"] or b""
    if b"encoding" in declaration and not _UTF_8.search(declaration):
        return False
    names = [found["root"].count(f'"{name}"'.encode()) for name in MAIN_NAMESPACES]
    if sum(names) != 1 or b' xmlns="' not in found["root"] or data.count(b"<sheetData>") != 1:
        return False
    start, end = data.find(b"<sheetData>"), data.rfind(b"</sheetData>")
    return 0 < start < end and _rows_are_plain(data[start:end])


def _rows_are_plain(body: bytes) -> bool:
    if b"='" in body or b"xmlns" in body:
        return False
    return all(
        sum(body.count(b"<" + name + end) for end in (b" ", b">", b"/", b"\n", b"\r", b"\t"))
        == body.count(b"<" + name + b' r="')
        for name in (b"row", b"c")
    )


def plain(data: bytes) -> bytes:
    """The sheet in the plain form; comments and processing instructions are dropped.

    Raises: WorkbookError for XML that is not well-formed, has a document type, or is no worksheet.
    """
    writer = _Writer()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.text
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise WorkbookError(f"工作表 XML 不合规（{error}）") from error
    if "<sheetData>" not in writer.pieces:
        raise WorkbookError("工作表没有数据区")
    return "".join(writer.pieces).encode()


@dataclass(slots=True)
class _Scope:
    """What holds inside an element: its name as written out, and the namespaces, read and written."""

    name: str
    prefixes: dict[str, str]
    default_in: str
    default_out: str


@dataclass(slots=True)
class _Row:
    attributes: list[tuple[str, str]]
    number: int | None
    cells: list[tuple[int, str]] = field(default_factory=list)


class _Writer:
    """Takes the events of a parser that does not know namespaces, and writes the plain form."""

    def __init__(self) -> None:
        self.pieces: list[str] = ['<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n']
        self._scopes: list[_Scope] = [_Scope("", {}, "", "")]
        self._in_rows = False
        self._rows: list[tuple[int, str]] = []
        self._row = _Row([], None)
        self._cell: list[str] = []
        self._column = 0

    def start(self, tag: str, listed: list[str]) -> None:
        """An element opens."""
        attributes = list(zip(listed[::2], listed[1::2], strict=True))
        scope, declared = self._enter(tag, attributes)
        attributes = [pair for pair in attributes if not _is_spent(*pair)]
        depth = len(self._scopes) - 1
        self._scopes.append(scope)
        if depth == 0 and (scope.name != "worksheet" or scope.default_out not in MAIN_NAMESPACES):
            raise WorkbookError("部件不是工作表")
        if depth == _ROWS and scope.name == "sheetData":
            self._in_rows = True
            self.pieces.append("<sheetData>")
        elif self._in_rows and depth == _ROW:
            self._open_row(attributes)
        elif self._in_rows and depth == _CELL:
            self._open_cell(scope.name, declared, attributes)
        else:
            self._sink().append(_start_tag(scope.name, declared, attributes))

    def end(self, _: str) -> None:
        """An element closes."""
        scope = self._scopes.pop()
        depth = len(self._scopes) - 1
        if depth == _ROWS and self._in_rows:
            self._close_rows()
        elif self._in_rows and depth == _ROW:
            self._close_row()
        else:
            self._sink().append(f"</{scope.name}>")
            if self._in_rows and depth == _CELL:
                self._row.cells.append((self._column, "".join(self._cell)))

    def text(self, text: str) -> None:
        """Characters; between rows and cells there is only layout, which goes."""
        if not self._in_rows or len(self._scopes) - 1 > _CELL:
            self._sink().append(escape(text, {"\r": "&#13;"}))

    def _sink(self) -> list[str]:
        return self._cell if self._in_rows else self.pieces

    def _enter(self, tag: str, attributes: list[tuple[str, str]]) -> tuple[_Scope, str]:
        """The scope of an element, and the default namespace to declare on it, if another must hold."""
        outer = self._scopes[-1]
        prefixes, default = outer.prefixes, outer.default_in
        for key, value in attributes:
            if key == "xmlns":
                default = value
            elif key.startswith("xmlns:"):
                prefixes = prefixes | {key[6:]: value}
        prefix, _, name = tag.rpartition(":")
        space = prefixes.get(prefix, "") if prefix else default
        if prefix and space not in MAIN_NAMESPACES:
            return _Scope(tag, prefixes, default, outer.default_out), ""
        declared = attribute("xmlns", space) if space != outer.default_out else ""
        return _Scope(name, prefixes, default, space), declared

    def _open_row(self, attributes: list[tuple[str, str]]) -> None:
        given = dict(attributes).get("r")
        others = [pair for pair in attributes if pair[0] != "r"]
        self._row = _Row(others, whole(given) if given else None)
        self._column = -1

    def _open_cell(self, name: str, declared: str, attributes: list[tuple[str, str]]) -> None:
        if name != "c":  # an extension behind the cells stays behind them
            self._column += 1
            self._cell = [_start_tag(name, declared, attributes)]
            return
        given = dict(attributes).get("r")
        row, self._column = cell_place(given) if given else (-1, self._column + 1)
        if self._row.number is None:
            self._row.number = row + 1 if given else self._last_row() + 1
        place = ("r", f"{column_name(self._column)}{self._row.number}")
        others = [pair for pair in attributes if pair[0] != "r"]
        self._cell = [_start_tag("c", declared, [place, *others])]

    def _last_row(self) -> int:
        return self._rows[-1][0] if self._rows else 0

    def _close_row(self) -> None:
        number = self._last_row() + 1 if self._row.number is None else self._row.number
        cells = "".join(text for _, text in sorted(self._row.cells, key=lambda each: each[0]))
        tag = _start_tag("row", "", [("r", str(number)), *self._row.attributes])
        self._rows.append((number, f"{tag}{cells}</row>"))

    def _close_rows(self) -> None:
        self._in_rows = False
        self._rows.sort(key=lambda each: each[0])
        self.pieces += [text for _, text in self._rows]
        self.pieces.append("</sheetData>")
        self._rows = []


def _is_spent(key: str, value: str) -> bool:
    """Whether an attribute declares what the plain form does without."""
    return key == "xmlns" or (key.startswith("xmlns:") and value in MAIN_NAMESPACES)


def _start_tag(name: str, declared: str, attributes: list[tuple[str, str]]) -> str:
    return f"<{name}{declared}{''.join(attribute(key, value) for key, value in attributes)}>"
