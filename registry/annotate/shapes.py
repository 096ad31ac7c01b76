"""The boxes of cell notes: VML shapes, hidden until the mouse is over the cell."""

import re
from collections.abc import Iterable, Mapping
from unicodedata import east_asian_width

from registry.annotate.frame import LAST_COLUMN, LAST_ROW, Grid
from registry.annotate.package import Package
from registry.annotate.xml import Element, child, children, local_name, parse, to_bytes, whole

_VML = "urn:schemas-microsoft-com:vml"
_OFFICE = "urn:schemas-microsoft-com:office:office"
_EXCEL = "urn:schemas-microsoft-com:office:excel"
_BLOCK = 1024  # shape ids per block of <o:idmap>
_BOX_WIDTH = 260  # pixels
_LINE_HEIGHT = 17
_LINE_UNITS = 38  # half-width characters in a line of the box
_TALLEST = 18  # lines; what is longer is scrolled or pulled open

_FRAME = f"""<xml xmlns:v="{_VML}" xmlns:o="{_OFFICE}" xmlns:x="{_EXCEL}">\
<o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="1"/></o:shapelayout></xml>""".encode()
_NAMES = f' xmlns:v="{_VML}" xmlns:o="{_OFFICE}" xmlns:x="{_EXCEL}"'
_SHAPE_TYPE = """<v:shapetype{names} id="_x0000_t202" coordsize="21600,21600" o:spt="202" \
path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/>\
<v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>"""
_SHAPE = """<v:shape{names} id="_x0000_s{id}" type="#_x0000_t202" style="position:absolute;\
margin-left:60pt;margin-top:8pt;width:{width}pt;height:{height}pt;z-index:{order};visibility:hidden" \
fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/>\
<v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/>\
<v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox>\
<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{anchor}</x:Anchor>\
<x:AutoFill>False</x:AutoFill><x:Row>{row}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>"""


class DrawingBlocks:
    """Which blocks of shape ids the drawings of a workbook hold: ids must not meet in two sheets."""

    def __init__(self, package: Package) -> None:
        names = [name for name in package.names() if name.lower().endswith(".vml")]
        self._taken = {name: _blocks_in(package.read(name)) for name in names}

    def take(self, part: str, kept: set[int], count: int) -> list[int]:
        """Blocks for that many new shapes of a drawing that keeps some; its other blocks become free."""
        self._taken[part] = set(kept)
        busy = set().union(*self._taken.values())
        needed = -(-count // (_BLOCK - 1))
        free = (block for block in range(1, len(busy) + needed + 2) if block not in busy)
        new = [next(free) for _ in range(needed)]
        self._taken[part] |= set(new)
        return new


class Drawing:
    """The VML part of a sheet; None starts a new one."""

    def __init__(self, data: bytes | None) -> None:
        self._root: Element = parse(data or _FRAME, recover=True)

    def remove(self, places: Iterable[tuple[int, int]]) -> None:
        """Take away the boxes of the notes on these cells (0-based row and column)."""
        gone = set(places)
        for shape in children(self._root, "shape"):
            if _note_place(shape) in gone:
                self._root.remove(shape)

    def to_bytes(
        self, notes: Mapping[tuple[int, int], str], grid: Grid, blocks: DrawingBlocks, part: str
    ) -> bytes | None:
        """The part with a box for each note added; None when nothing is left to draw."""
        shapes = [each for each in self._root if local_name(each) not in ("shapelayout", "shapetype", "")]
        if not shapes and not notes:
            return None
        kept = {block for each in shapes for block in _block_of(each)}
        new = blocks.take(part, kept, len(notes))
        self._write_map(kept | set(new))
        ids = (block * _BLOCK + offset for block in new for offset in range(1, _BLOCK))
        names = self._missing_names()
        boxes = [
            _box(place, text, grid, id=shape_id, order=order, names=names)
            for order, ((place, text), shape_id) in enumerate(
                zip(notes.items(), ids, strict=False), len(shapes) + 1
            )
        ]
        return self._with_end("".join([self._missing_type(), *boxes]).encode())

    def _write_map(self, blocks: set[int]) -> None:
        layout = child(self._root, "shapelayout")
        found = child(layout, "idmap") if layout is not None else None
        if found is not None:
            found.set("data", ",".join(str(block) for block in sorted(blocks - {0})) or "1")

    def _missing_names(self) -> str:
        """Declarations for our boxes, where the root of somebody else's drawing uses other prefixes."""
        known = self._root.nsmap
        return "" if (known.get("v"), known.get("o"), known.get("x")) == (_VML, _OFFICE, _EXCEL) else _NAMES

    def _missing_type(self) -> str:
        known = {each.get("id") for each in children(self._root, "shapetype")}
        return "" if "_x0000_t202" in known else _SHAPE_TYPE.format(names=self._missing_names())

    def _with_end(self, boxes: bytes) -> bytes:
        """Tens of thousands of boxes are joined as text: as a tree they would need much memory."""
        self._root.text = self._root.text or "\n"  # so that the root has an end tag
        data = to_bytes(self._root, declaration=False)  # as Excel writes it
        end = data.rindex(b"</")
        return data[:end] + boxes + data[end:]


def _box(place: tuple[int, int], text: str, grid: Grid, **given: object) -> str:
    row, column = place
    lines = min(_TALLEST, sum(1 + _units(line) // _LINE_UNITS for line in text.split("\n")))
    height = max(3, lines) * _LINE_HEIGHT + 10
    return _SHAPE.format(
        width=_BOX_WIDTH * 0.75,
        height=height * 0.75,
        anchor=_anchor(row, column, height, grid),
        row=row,
        column=column,
        **given,
    )


def _anchor(row: int, column: int, height: int, grid: Grid) -> str:
    """Eight numbers: left column and offset, top row and offset, right and bottom likewise, in pixels."""
    left = min(column + 1, LAST_COLUMN - 1)
    right, right_offset = grid.walk(left, 15 + _BOX_WIDTH)
    top = max(row - 1, 0)
    rows, bottom_offset = divmod(4 + height, grid.row_height)
    bottom = min(top + rows, LAST_ROW)
    return f"{left}, 15, {top}, 4, {right}, {right_offset}, {bottom}, {bottom_offset}"


def _units(line: str) -> int:
    """Half-width characters: a Chinese one counts twice."""
    return len(line) if line.isascii() else sum(2 if east_asian_width(each) in "WF" else 1 for each in line)


def _note_place(shape: Element) -> tuple[int, int] | None:
    data = child(shape, "ClientData")
    if data is None or data.get("ObjectType") != "Note":
        return None
    row, column = child(data, "Row"), child(data, "Column")
    if row is None or column is None:
        return None
    return whole((row.text or "").strip()), whole((column.text or "").strip())


def _block_of(shape: Element) -> list[int]:
    found = re.fullmatch(r"_x0000_s(\d{1,9})", shape.get("id") or "")
    return [int(found[1]) // _BLOCK] if found else []


def _blocks_in(data: bytes) -> set[int]:
    found = re.search(rb"""idmap[^>]*\bdata=["']([0-9, ]+)["']""", data)
    return {int(each) for each in re.findall(rb"\d{1,9}", found[1])} if found else set()
