"""A user's own workbook given back with what was found: error column, cell notes, colours, values.

The XML inside the zip is patched, so that all else stays as the user made it, and a workbook of a million
cells takes seconds. What an earlier call put in is taken out first: annotating twice is as annotating once.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from registry.annotate.frame import LAST_COLUMN, LAST_ROW, Frame
from registry.annotate.notes import Anchorage, replace_notes
from registry.annotate.package import Package, Relations
from registry.annotate.plain import MAIN_NAMESPACES, is_plain, plain
from registry.annotate.rows import (
    HeaderCell,
    NotPlainError,
    RowWriter,
    Want,
    columns_beyond,
    header_cells,
    without_marks,
)
from registry.annotate.shapes import DrawingBlocks
from registry.annotate.styles import StyleBook, empty_styles
from registry.annotate.xml import WorkbookError, child, children, clean, parse, shared_texts

__all__ = ["WHOLE_ROW", "Fill", "Level", "Mark", "WorkbookError", "annotate"]

Level = Literal["error", "warning", "note"]

WHOLE_ROW = -1
COLUMN_WIDTH = 60  # characters
_LEVELS: tuple[Level, ...] = ("note", "warning", "error")  # the worst last
_STYLES_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"


@dataclass(frozen=True, slots=True)
class Mark:
    """One annotated cell: `row` from 1, `column` from 0; column -1 is the whole row and has no cell."""

    sheet: str
    row: int
    column: int
    text: str
    level: Level


@dataclass(frozen=True, slots=True)
class Fill:
    """A value to write into a cell, such as an allocated code; always as text."""

    sheet: str
    row: int
    column: int
    text: str


@dataclass(slots=True)
class _Sheet:
    """What is wanted on one sheet."""

    header: int
    lines: dict[int, str] = field(default_factory=dict)
    wants: defaultdict[int, dict[int, Want]] = field(default_factory=lambda: defaultdict(dict))
    notes: defaultdict[tuple[int, int], list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class _Desk:
    """What all sheets of a workbook share."""

    package: Package
    workbook: Relations
    parts: dict[str, str]  # of each worksheet, by its name
    kind_prefix: str
    styles: StyleBook
    blocks: DrawingBlocks
    column_title: str
    author: str


def annotate(
    source: bytes | Path,
    *,
    headers: Mapping[str, int],
    lines: Mapping[tuple[str, int], str],
    marks: Sequence[Mark],
    fills: Sequence[Fill],
    column_title: str = "校验结果",
    author: str = "目录校验",
    palette: Mapping[str, str],
) -> bytes:
    """The workbook with error column, notes, colours and written values; an earlier call's are gone.

    `headers`: sheet name -> header row (from 1); other sheets and parts are copied as they are. `lines`: text
    of the error column by sheet and row; row marks stand in for a missing line, and what is said of the
    header row or above becomes a note on the column's title. The first free column right of the header is
    taken when there is a line for the sheet; a column that has the title is reused, and its old texts go.
    `palette`: level -> RGB such as "FFC7CE": colours that nobody else uses, since by them our fills are known
    again. Texts lose characters that XML forbids and are cut at 32,767.

    Raises: WorkbookError when the source cannot be patched; ValueError for a mark, line or fill outside the
    sheets of `headers` or outside a sheet's limits, for a level without colour, or a sheet that isn't there.
    """
    sheets = _sort_by_sheet(headers, lines, marks, fills)
    missing = {mark.level for mark in marks} - (palette.keys() & set(_LEVELS))
    if missing:
        raise ValueError(f"no colour for the levels {sorted(missing)}")
    with Package(source) as package:
        desk = _open_desk(package, palette, clean(column_title), clean(author))
        if not headers.keys() <= desk.parts.keys():
            raise ValueError(f"no worksheets named {sorted(headers.keys() - desk.parts.keys())}")
        for name, sheet in sheets.items():
            _annotate_sheet(desk, desk.parts[name], sheet)
        _save_styles(desk)
        return package.save()


def _sort_by_sheet(
    headers: Mapping[str, int],
    lines: Mapping[tuple[str, int], str],
    marks: Sequence[Mark],
    fills: Sequence[Fill],
) -> dict[str, _Sheet]:
    """What is wanted, by sheet. Raises: ValueError for places outside the sheets or their limits."""
    sheets = {name: _Sheet(header) for name, header in headers.items()}
    places = [(sheet, row, 0) for sheet, row in lines]
    places += [(each.sheet, each.row, max(each.column, 0)) for each in marks]
    places += [(each.sheet, each.row, each.column) for each in fills]
    for name, row, column in places:
        if name not in sheets or not (1 <= row <= LAST_ROW + 1 and 0 <= column <= LAST_COLUMN):
            raise ValueError(f"no such place: sheet {name!r}, row {row}, column {column}")
    for (name, row), text in lines.items():
        sheets[name].lines[row] = text
    for mark in marks:
        if mark.column != WHOLE_ROW:
            _want_mark(sheets[mark.sheet], mark)
        elif (mark.sheet, mark.row) not in lines:
            said = sheets[mark.sheet].lines.get(mark.row)
            sheets[mark.sheet].lines[mark.row] = f"{said}\n{mark.text}" if said else mark.text
    for fill in fills:
        sheets[fill.sheet].wants[fill.row].setdefault(fill.column, Want()).text = fill.text
    return sheets


def _want_mark(sheet: _Sheet, mark: Mark) -> None:
    want = sheet.wants[mark.row].setdefault(mark.column, Want())
    levels: tuple[Level | None, ...] = (None, *_LEVELS)
    want.level = max(want.level, mark.level, key=levels.index)
    sheet.notes[mark.row - 1, mark.column].append(mark.text)


def _open_desk(package: Package, palette: Mapping[str, str], column_title: str, author: str) -> _Desk:
    root = Relations(package, "")
    book = root.first("officeDocument")
    if book is None:
        raise WorkbookError("缺少工作簿部件")
    kind_prefix = root.kind_prefix("officeDocument")
    workbook = Relations(package, book.part, kind_prefix)
    return _Desk(
        package=package,
        workbook=workbook,
        parts=_sheet_parts(package, book.part, workbook),
        kind_prefix=kind_prefix,
        styles=_open_styles(package, root, workbook, book.part, palette),
        blocks=DrawingBlocks(package),
        column_title=column_title,
        author=author,
    )


def _sheet_parts(package: Package, part: str, workbook: Relations) -> dict[str, str]:
    """The part of each worksheet by its name; chart sheets and macro sheets are not among them."""
    sheets = child(parse(package.read(part)), "sheets")
    found: dict[str, str] = {}
    for sheet in children(sheets, "sheet") if sheets is not None else []:
        ids = [value for key, value in sheet.attrib.items() if key.endswith("}id")]
        relation = workbook.get(ids[0]) if ids else None
        if relation is not None and relation.kind == "worksheet":
            found[sheet.get("name", "")] = relation.part
    return found


def _open_styles(
    package: Package, root: Relations, workbook: Relations, book_part: str, palette: Mapping[str, str]
) -> StyleBook:
    """The cell styles; a minimal set for a workbook without."""
    rewrites = _rewrites_colours(package, root)
    known = workbook.first("styles")
    if known:
        return StyleBook(package.read(known.part), palette, rewrites=rewrites)
    tag = parse(package.read(book_part)).tag
    namespace = next((each for each in MAIN_NAMESPACES if tag.startswith(f"{{{each}}}")), MAIN_NAMESPACES[0])
    return StyleBook(empty_styles(namespace), palette, rewrites=rewrites)


def _save_styles(desk: _Desk) -> None:
    known = desk.workbook.first("styles")
    if not desk.styles.changed:
        return
    part = known.part if known else "xl/styles.xml"  # the name that some readers take for granted
    desk.package.write(part, desk.styles.to_bytes())
    if not known:
        desk.package.declare(part, _STYLES_TYPE)
        desk.workbook.add("styles", part)


def _rewrites_colours(package: Package, root: Relations) -> bool:
    """Some programs write a background colour of their own into solid fills: what we kept there is lost."""
    about = root.first("extended-properties")
    text = package.read(about.part).lower() if about else b""
    return b"libreoffice" in text or b"gnumeric" in text


def _annotate_sheet(desk: _Desk, part: str, sheet: _Sheet) -> None:
    data = desk.package.read(part).removeprefix(b"\xef\xbb\xbf")
    try:
        if not is_plain(data):
            raise NotPlainError
        new = _patched(desk, part, sheet, data)
    except NotPlainError:
        try:
            data = plain(data)
            new = _patched(desk, part, sheet, data)
        except NotPlainError as error:
            raise WorkbookError("工作表的行列次序无法识别") from error
    if new != data:
        desk.package.write(part, new)


def _patched(desk: _Desk, part: str, sheet: _Sheet, data: bytes) -> bytes:
    """The sheet's XML with everything done; notes come last, once nothing can raise NotPlainError."""
    start, end = data.index(b"<sheetData>") + len(b"<sheetData>"), data.rindex(b"</sheetData>")
    frame = Frame(data[:start] + data[end:], start)
    rows = without_marks(data[start:end], desk.styles.undo)
    column, wants = _with_error_column(desk, sheet, frame, rows)
    writer = RowWriter(_restyler(desk.styles), frame.column_style)
    clear = (column, sheet.header) if column is not None else None
    pieces = writer.patched(rows, wants, clear) if wants or clear else [rows]
    if writer.lost_formula:
        _drop_calculation_chain(desk)
    frame.stretch((row - 1, each) for row, cells in wants.items() for each in cells)
    _write_notes(desk, part, sheet, frame, column)
    return frame.around(pieces)


def _with_error_column(
    desk: _Desk, sheet: _Sheet, frame: Frame, rows: bytes
) -> tuple[int | None, dict[int, dict[int, Want]]]:
    """The error column if the sheet has or gets one, and all wants with its texts."""
    wants = {row: dict(cells) for row, cells in sheet.wants.items()}
    header = header_cells(rows, sheet.header)
    column = _titled_column(desk, header)
    if column is None and sheet.lines:
        left = max(header, key=lambda each: each.column, default=None)
        column = _free_column(left.column + 1 if left else 0, sheet.header, frame, rows)
        cells = wants.setdefault(sheet.header, {})
        style = left.style if left else None
        cells[column] = replace(cells.get(column, Want()), text=desk.column_title, style=style)
        frame.widen(column, COLUMN_WIDTH)
    for row, text in sheet.lines.items():
        if column is not None and row > sheet.header:
            cells = wants.setdefault(row, {})
            cells[column] = replace(cells.get(column, Want()), text=text, wrap=True)
    return column, wants


def _free_column(column: int, header: int, frame: Frame, rows: bytes) -> int:
    """The first 0-based column from one on in which nothing stands or is merged, from the header row down."""
    taken = [(each, each) for each in columns_beyond(rows, header, column - 1)]
    for first, last in sorted([*taken, *frame.merged_columns(header - 1)]):
        if first <= column <= last:
            column = last + 1
    if column > LAST_COLUMN:
        raise WorkbookError("表格右侧已无空列，无处写入校验结果")
    return column


def _titled_column(desk: _Desk, header: Sequence[HeaderCell]) -> int | None:
    """The last column with our title, from an earlier annotation, or None."""
    texts = {each.column: each.text for each in header if each.shared is None}
    shared = {each.column: each.shared for each in header if each.shared is not None}
    strings = desk.workbook.first("sharedStrings") if shared else None
    if strings:
        data = desk.package.read(strings.part)
        # A quick look first: there may be a million strings. "&#": some programs write Chinese as numbers.
        if desk.column_title.encode() in data or b"&#" in data:
            found = shared_texts(data, set(shared.values()))
            texts |= {column: found.get(index, "") for column, index in shared.items()}
    return max((column for column, text in texts.items() if text.strip() == desk.column_title), default=None)


def _restyler(styles: StyleBook) -> Callable[[int, Want], int]:
    def restyle(style: int, want: Want) -> int:
        style = style if want.style is None else want.style
        style = styles.wrapped(style) if want.wrap else style
        return styles.shaded(style, want.level) if want.level else style

    return restyle


def _write_notes(desk: _Desk, part: str, sheet: _Sheet, frame: Frame, column: int | None) -> None:
    """Also lines for the header row and above, which have no place in the column: they hang on its title."""
    relations = Relations(desk.package, part, desk.kind_prefix)
    above = [text for row, text in sorted(sheet.lines.items()) if row <= sheet.header and text]
    texts = dict(sheet.notes)
    if column is not None and above:
        texts[sheet.header - 1, column] = [*texts.get((sheet.header - 1, column), []), *above]
    notes = {place: "\n".join(each) for place, each in texts.items()}
    anchorage = Anchorage(frame.namespace, frame.grid(), frame.drawing_id)
    drawing_id = replace_notes(desk.package, relations, anchorage, notes, desk.author, desk.blocks)
    frame.link_notes(drawing_id, desk.kind_prefix.rstrip("/"))


def _drop_calculation_chain(desk: _Desk) -> None:
    """Excel calls a workbook damaged when the chain lists a formula that is gone; it makes a new one."""
    chain = desk.workbook.first("calcChain")
    if chain:
        desk.workbook.drop(chain.id)
        desk.package.drop(chain.part)
