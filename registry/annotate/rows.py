"""The rows of a sheet as bytes: undo earlier marks, look at the header, write the wanted cells.

Only for the plain form (see `annotate_plain`). Nothing is parsed that need not be: a workbook of a million
cells must go through in seconds.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape

from registry.annotate.frame import column_name, column_number
from registry.annotate.xml import clean, escaped

_ROW = re.compile(rb'<row r="(\d{1,9})"([^>]*?)(/?)>')
_CELL = re.compile(rb'<c r="([A-Z]{1,3})\d+"([^>]*?)(?:/>|>(.*?)</c>)', re.DOTALL)
_ATTRIBUTES = re.compile(rb'(?:\s+[\w:.-]+="[^"<]*")*\s*')
_STYLE = re.compile(rb'\ss="(\d{0,9})"')
_TYPE = re.compile(rb'\st="(\w+)"')
_SPANS = re.compile(rb'\sspans="[^"]*"')
_STYLED_CELL = re.compile(rb'(<c r="[A-Z]+\d+"[^>]*?\ss=")(\d+)"')
_TEXT = re.compile(rb"<t(?:\s[^>]*)?>([^<]*)</t>")
_VALUE = re.compile(rb"<v(?:\s[^>]*)?>([^<]*)</v>")
_INDEX = re.compile(rb"\s*\d{1,9}\s*")
_PHONETIC = re.compile(rb"<rPh\s.*?</rPh>", re.DOTALL)
_SHARED_MASTER = re.compile(rb'<f\s(?=[^>]*\bt="shared")(?=[^>]*\bref=)[^>]*\bsi="(\d+)"')


class NotPlainError(Exception):
    """The rows are not in the plain form after all."""


@dataclass(slots=True)
class Want:
    """What a cell shall become; None leaves that side of it as it is."""

    text: str | None = None  # "" empties the cell
    level: str | None = None
    wrap: bool = False
    style: int | None = None  # take this style, not the cell's own


@dataclass(frozen=True, slots=True)
class HeaderCell:
    """A filled cell of the header row: its text, or the index of it among the shared strings."""

    column: int
    style: int
    text: str
    shared: int | None


@dataclass(frozen=True, slots=True)
class _Span:
    number: int
    start: int
    inside: int
    end: int
    attributes: bytes
    is_open: bool  # False: <row .../>


def without_marks(body: bytes, undo: Mapping[int, int]) -> bytes:
    """The rows with each style of ours replaced by the one before."""
    if not undo:
        return body
    names = {str(old).encode(): str(new).encode() for old, new in undo.items()}

    def restore(found: re.Match[bytes]) -> bytes:
        return b'%s%s"' % (found[1], names.get(found[2], found[2]))

    return _STYLED_CELL.sub(restore, body)


def header_cells(body: bytes, header: int) -> list[HeaderCell]:
    """The filled cells of a row (counted from 1). Raises: NotPlainError."""
    for span in _spans(body):
        if span.number == header and span.is_open:
            cells = _CELL.finditer(body, span.inside, span.end)
            return [_header_cell(each) for each in cells if each[3]]
    return []


def columns_beyond(body: bytes, header: int, column: int) -> set[int]:
    """The columns right of one (0-based) with a value in the header row or below. Raises: NotPlainError."""
    found: set[int] = set()
    for span in _spans(body):
        if span.number >= header and span.is_open:
            for each in _filled_from_right(body, span):
                if each <= column:
                    break
                found.add(each)
    return found


def _filled_from_right(body: bytes, span: _Span) -> Iterator[int]:
    """The columns with a value, the last one first: seldom more than that one is asked for."""
    end = span.end
    while (end := body.rfind(b"</c>", span.inside, end)) >= 0:
        start = body.rfind(b'<c r="', span.inside, end)
        found = _CELL.match(body, start) if start >= 0 else None
        if found and found[3]:
            yield column_number(found[1])


def _header_cell(found: re.Match[bytes]) -> HeaderCell:
    kind, inner = _TYPE.search(found[2]), _PHONETIC.sub(b"", found[3])
    value = _VALUE.search(inner)
    texts = _TEXT.findall(inner)
    shared = (
        kind is not None and kind[1] == b"s" and value is not None and _INDEX.fullmatch(value[1]) is not None
    )
    text = b"".join(texts) if texts else value[1] if value else b""
    index = int(value[1]) if shared and value else None
    return HeaderCell(column_number(found[1]), _style_of(found[2]), unescape(text.decode()), index)


def _spans(body: bytes) -> Iterator[_Span]:
    """Each row. Raises: NotPlainError when rows are out of order or have no end."""
    position = previous = 0
    while found := _ROW.search(body, position):
        number, inside, end = int(found[1]), found.end(), found.end()
        if not found[3]:
            end = body.find(b"</row>", inside)
        if end < 0 or number < previous:
            raise NotPlainError
        yield _Span(number, found.start(), inside, end, found[2], not found[3])
        position, previous = end, number


class RowWriter:
    """Writes wanted cells into rows.

    `restyle` gives the style for a cell's own style and a want, `column_style` the one of a new cell.
    After `patched`, `lost_formula` says whether a formula went away.
    """

    def __init__(self, restyle: Callable[[int, Want], int], column_style: Callable[[int], int]) -> None:
        self._restyle = restyle
        self._column_style = column_style
        self._lost_groups: set[bytes] = set()
        self.lost_formula = False

    def patched(
        self, body: bytes, wants: Mapping[int, Mapping[int, Want]], clear: tuple[int, int] | None
    ) -> list[bytes]:
        """The rows in pieces. `wants`: row number -> 0-based column -> want.

        `clear`: a 0-based column whose cells below a row number are emptied unless something is wanted there.
        Raises: NotPlainError.
        """
        pending = sorted(wants, reverse=True)
        pieces: list[bytes] = []
        done = 0
        for span in _spans(body):
            while pending and pending[-1] < span.number:
                number = pending.pop()
                pieces += (body[done : span.start], self._new_row(number, wants[number]))
                done = span.start
            wanted: Mapping[int, Want] = {}
            if pending and pending[-1] == span.number:
                wanted = wants[pending.pop()]
            if clear and span.number > clear[1] and clear[0] not in wanted and _holds(body, span, clear[0]):
                wanted = {**wanted, clear[0]: Want(text="")}
            if wanted:
                pieces += (body[done : span.start], *self._patched_row(body, span, wanted))
                done = span.end
        pieces.append(body[done:])
        pieces += [self._new_row(number, wants[number]) for number in reversed(pending)]
        return self._without_lost_groups(pieces)

    def _patched_row(self, body: bytes, span: _Span, wanted: Mapping[int, Want]) -> list[bytes]:
        """The row up to its end tag."""
        style = _row_style(span.attributes)
        pieces = [b'<row r="%d"%s>' % (span.number, _SPANS.sub(b"", span.attributes))]
        done, previous = span.inside, -1
        pending = sorted(wanted, reverse=True)
        for found in _CELL.finditer(body, span.inside, span.end):
            column = column_number(found[1])
            if column < previous:
                raise NotPlainError
            previous = column
            if not pending:
                continue
            pieces.append(body[done : found.start()])
            done = found.start()
            while pending and pending[-1] < column:
                blank = pending.pop()
                pieces.append(self._new_cell(span.number, blank, wanted[blank], style))
            if pending and pending[-1] == column:
                pieces.append(self._changed_cell(found, span.number, wanted[pending.pop()]))
                done = found.end()
        return [
            *pieces,
            *self._row_end(body, span, done, [(each, wanted[each]) for each in reversed(pending)], style),
        ]

    def _row_end(
        self, body: bytes, span: _Span, done: int, rest: list[tuple[int, Want]], style: int | None
    ) -> list[bytes]:
        """What is behind the last wanted cell that was there; new cells go before an extension list."""
        new = [self._new_cell(span.number, column, want, style) for column, want in rest]
        place = body.rfind(b"<extLst", done, span.end)
        last_cell = body.rfind(b"</c>", done, span.end)
        place = span.end if place < 0 or place < last_cell else place
        return [body[done:place], *new, body[place : span.end], b"" if span.is_open else b"</row>"]

    def _new_row(self, number: int, wanted: Mapping[int, Want]) -> bytes:
        cells = [self._new_cell(number, column, wanted[column], None) for column in sorted(wanted)]
        return b'<row r="%d">%s</row>' % (number, b"".join(cells))

    def _new_cell(self, row: int, column: int, want: Want, row_style: int | None) -> bytes:
        """A new cell looks like its row, or else its column, as a program would show the blank."""
        if want.text == "" and not want.level:
            return b""
        style = self._column_style(column) if row_style is None else row_style
        return _cell(row, column_name(column), self._restyle(style, want), b"", want.text)

    def _changed_cell(self, found: re.Match[bytes], row: int, want: Want) -> bytes:
        attributes, inner = found[2], found[3] or b""
        if not _ATTRIBUTES.fullmatch(attributes):
            raise NotPlainError
        style = self._restyle(_style_of(attributes), want)
        if want.text is None:
            return _cell(row, found[1].decode(), style, _STYLE.sub(b"", attributes), None, inner)
        if b"<f" in inner:
            self.lost_formula = True
            self._lost_groups.update(_SHARED_MASTER.findall(inner))
        return _cell(row, found[1].decode(), style, b"", want.text)

    def _without_lost_groups(self, pieces: list[bytes]) -> list[bytes]:
        """Cells that shared the formula of one that went away keep their last value."""
        if not self._lost_groups:
            return pieces
        groups = b"|".join(sorted(self._lost_groups))
        follower = re.compile(rb'<f\s(?=[^>]*\bt="shared")[^>]*\bsi="(?:%s)"[^>]*?(?:/>|>[^<]*</f>)' % groups)
        return [follower.sub(b"", b"".join(pieces))]


def _cell(row: int, letters: str, style: int, others: bytes, text: str | None, inner: bytes = b"") -> bytes:
    """A cell as bytes; text is always an inline string, so that no program takes it for a formula."""
    start = b'<c r="%s%d" s="%d"' % (letters.encode(), row, style)
    if text:
        return b'%s t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>' % (start, escaped(clean(text)))
    return b"%s%s>%s</c>" % (start, others, inner) if inner else b"%s%s/>" % (start, others)


def _holds(body: bytes, span: _Span, column: int) -> bool:
    name = b'<c r="%s%d"' % (column_name(column).encode(), span.number)
    return body.find(name, span.inside, span.end) >= 0


def _row_style(attributes: bytes) -> int | None:
    found = _STYLE.search(attributes)
    is_custom = b'customFormat="1"' in attributes or b'customFormat="true"' in attributes
    return int(found[1] or 0) if found and is_custom else None


def _style_of(attributes: bytes) -> int:
    found = _STYLE.search(attributes)
    return int(found[1] or 0) if found else 0
