"""The cells of a sheet's XML before it is read: formulas, error values, and how far the values reach.

The quick reader gives a formula's last value as if it were typed, and makes room for every cell up to the last one:
a value in XFD1048576 would take the whole machine's memory. So the XML is looked through first, a block of rows
at a time. Blocks of plain cells near the table's top left, written the usual way, need no look at single cells.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from registry.errors import Unreadable
from validators.findings import Finding

_PLACE = re.compile(rb"([A-Za-z]{1,3})([0-9]{1,7})")
_ATTRIBUTE = re.compile(rb"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_PREFIX = re.compile(rb"<(?:([A-Za-z_][\w.-]*):)?worksheet[\s>/]")
_HEADING = re.compile(rb"<(?:\w+:)?(?:odd|even|first)(?:Header|Footer)>([^<]*)<")
# an array formula fills cells that hold a value only; more of them than this are not told one by one
FILLED_CELLS = 10_000


class Special(NamedTuple):
    """A cell that holds no plain value: ``kind`` is ``formula`` or ``error``; row and column from 0."""

    row: int
    column: int
    kind: str


class Cell(NamedTuple):
    """A cell that is not blank, as the XML has it; row and column from 0."""

    row: int
    column: int
    attributes: Mapping[bytes, bytes]
    body: bytes


@dataclass(slots=True)
class SheetCells:
    """What was found in one sheet: special cells, how many shared texts, headings beside the cells."""

    special: list[Special] = field(default_factory=list)
    shared: int = 0
    headings: list[bytes] = field(default_factory=list)


def refuse(reason: str, **params: str) -> Unreadable:
    """The error for a file that cannot be read, with a reason of rule E171."""
    return Unreadable(Finding("E171", reason=reason, params=params))


def column_number(letters: str) -> int:
    """A = 0, B = 1, AA = 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letters(number: int) -> str:
    """0 = A, 26 = AA."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


# ---- how the XML is written -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Writing:
    """The patterns for one name-space prefix. ``odd`` finds cells that are far away or written unusually."""

    row_end: bytes
    cell: bytes
    odd: re.Pattern[bytes]
    formula: re.Pattern[bytes]
    error: re.Pattern[bytes]
    token: re.Pattern[bytes]
    opening: re.Pattern[bytes]
    value: re.Pattern[bytes]


@lru_cache(maxsize=32)
def _writing(prefix: str, rows: int, columns: int) -> _Writing:
    p = re.escape(prefix)
    near = f"(?:{_up_to(column_letters(columns - 1), 'A', 'Z')})(?:{_up_to(str(rows), '0', '9')})"
    attribute = r"""\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*')"""
    patterns = (
        rf'<{p}c(?=[\s>/])(?! r="{near}"[ />])[^>]*(?<!/)>',
        rf"<{p}f[\s>/]",
        rf"""<{p}c\s[^>]*\bt=["']e["']""",
        rf"<{p}(row|c)((?:{attribute})*)\s*(/?)>",
        rf"<{p}(?:row|c)(?=[\s>/])",
        rf"<{p}(?:v|is|t)[\s>]",
    )
    odd, formula, error, token, opening, value = (re.compile(pattern.encode()) for pattern in patterns)
    return _Writing(
        f"</{prefix}row>".encode(), f"<{prefix}c".encode(), odd, formula, error, token, opening, value
    )


def _up_to(most: str, first: str, last: str) -> str:
    """A pattern for the texts up to ``most`` that count from ``first`` to ``last``: 200 gives 1 to 200.

    Leading zeros are of no number that a writer gives; A to Z has no zero.
    """
    start = "1" if first == "0" else first
    size = len(most)
    shorter = [f"[{start}-{last}][{first}-{last}]{{{n}}}" for n in range(size - 1)]
    same = []
    for at, char in enumerate(most):
        low = start if at == 0 else first
        if char > low:
            same.append(f"{most[:at]}[{low}-{chr(ord(char) - 1)}][{first}-{last}]{{{size - at - 1}}}")
    return "|".join([*shorter, *same, most])


# ---- one sheet --------------------------------------------------------------------------------------------


class _Reach:
    """How far the values of a sheet reach."""

    def __init__(self, sheet: str, limits: Mapping[str, int]) -> None:
        self.sheet, self.limits = sheet, limits
        self.row = self.column = 0

    def take(self, cell: Cell) -> None:
        if cell.row >= self.limits["rows"]:
            raise refuse("rows", sheet=self.sheet, max=str(self.limits["rows"]))
        if cell.column >= self.limits["columns"]:
            raise refuse("columns", sheet=self.sheet, max=str(self.limits["columns"]))
        self.row, self.column = max(self.row, cell.row), max(self.column, cell.column)
        if (self.row + 1) * (self.column + 1) > self.limits["cells"]:
            far = f"{column_letters(self.column)}{self.row + 1}"
            raise refuse("area", sheet=self.sheet, cell=far)


class _Walk:
    """Cells one by one, with their places; a cell or row that names none stands next to the one before."""

    def __init__(self) -> None:
        self.row = -1
        self.column = -1

    def cells(self, block: bytes, writing: _Writing) -> Iterator[Cell]:
        tokens = list(writing.token.finditer(block))
        if len(tokens) != len(writing.opening.findall(block)):
            raise refuse("damaged")
        ends = [*(token.start() for token in tokens[1:]), len(block)]
        for token, end in zip(tokens, ends, strict=False):
            attributes = {key: one or other for key, one, other in _ATTRIBUTE.findall(token.group(2))}
            if token.group(1) == b"row":
                self._next_row(attributes)
                continue
            self._next_cell(attributes)
            body = block[token.end() : end]
            if not token.group(3) and (writing.value.search(body) or writing.formula.search(body)):
                yield Cell(self.row, self.column, attributes, body)

    def _next_row(self, attributes: Mapping[bytes, bytes]) -> None:
        given = attributes.get(b"r", b"")
        if given and not (given.isdigit() and len(given) < 8 and int(given)):
            raise refuse("damaged")
        self.row = int(given) - 1 if given else self.row + 1
        self.column = -1

    def _next_cell(self, attributes: Mapping[bytes, bytes]) -> None:
        given = attributes.get(b"r")
        if given is None:
            self.row, self.column = max(self.row, 0), self.column + 1
            return
        self.row, self.column = place_of(given)

    def pass_over(self, block: bytes, writing: _Writing) -> None:
        """Remember where a block of usual writing ends."""
        at = block.rfind(writing.cell + b' r="')
        found = _PLACE.match(block, at + len(writing.cell) + 4) if at >= 0 else None
        if found:
            self.row, self.column = place_of(found.group())


def place_of(reference: bytes) -> tuple[int, int]:
    """Row and column from 0 of a reference such as B7.

    Raises:
        Unreadable: it is none.
    """
    found = _PLACE.fullmatch(reference)
    if found is None or not int(found.group(2)):
        raise refuse("damaged")
    return int(found.group(2)) - 1, column_number(found.group(1).decode())


def look_through(
    blocks: Iterable[bytes], sheet: str, limits: Mapping[str, int], *, exact: bool = False
) -> SheetCells | None:
    """The special cells of one sheet, given as blocks of its XML.

    None when values stand far from the table: then call again with ``exact``, which looks at every cell.

    Raises:
        Unreadable: damaged, or the values reach too far.
    """
    found, walk, reach = SheetCells(), _Walk(), _Reach(sheet, limits)
    near, prefix, writing = max(limits["cells"] // limits["rows"], 1), "", None
    for block in blocks:
        if writing is None:
            head = _PREFIX.search(block)
            prefix = head.group(1).decode() + ":" if head and head.group(1) else ""
            writing = _writing(prefix, limits["rows"], min(near, limits["columns"]))
        found.shared += block.count(b't="s"') + block.count(b"t='s'")
        if b"Header>" in block or b"Footer>" in block:
            found.headings += _HEADING.findall(block)
        if not exact and not writing.odd.search(block):
            found.special += _quick_special(block, writing)
            walk.pass_over(block, writing)
            continue
        for cell in walk.cells(block, writing):
            reach.take(cell)
            found.special += _special(cell, writing)
    far = (reach.column + 1) * limits["rows"] > limits["cells"]
    return None if far and not exact else found


def _quick_special(block: bytes, writing: _Writing) -> Iterator[Special]:
    """Formulas and errors of a block in which every cell names its place."""
    starts = {block.rfind(writing.cell, 0, hit.start()) for hit in writing.formula.finditer(block)}
    starts |= {hit.start() for hit in writing.error.finditer(block)}
    for start in sorted(starts):
        token = writing.token.match(block, start) if start >= 0 else None
        if token is None:
            raise refuse("damaged")
        attributes = {key: one or other for key, one, other in _ATTRIBUTE.findall(token.group(2))}
        end = block.find(writing.cell, token.end())
        body = block[token.end() : end if end >= 0 else len(block)]
        yield from _special(Cell(*place_of(attributes.get(b"r", b"")), attributes, body), writing)


def _special(cell: Cell, writing: _Writing) -> Iterator[Special]:
    if writing.formula.search(cell.body):
        yield from _formula(cell)
    elif cell.attributes.get(b"t") == b"e":
        yield Special(cell.row, cell.column, "error")


_FILLS = re.compile(
    rb"""<(?:\w+:)?f\s(?=[^>]*\bt=["'](?:array|dataTable)["'])[^>]*\bref=["']([^"':]+):([^"']+)["']"""
)


def _formula(cell: Cell) -> Iterator[Special]:
    """The formula's cell, and the cells that an array formula fills beside it."""
    yield Special(cell.row, cell.column, "formula")
    filled = _FILLS.search(cell.body)
    if filled is None:
        return
    (top, left), (bottom, right) = place_of(filled.group(1)), place_of(filled.group(2))
    if (bottom - top + 1) * (right - left + 1) > FILLED_CELLS:
        return
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            if (row, column) != (cell.row, cell.column):
                yield Special(row, column, "formula")
