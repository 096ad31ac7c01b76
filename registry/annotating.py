"""The user's own workbook given back with every finding in its place, and the allocated codes filled in."""

import re
from collections import defaultdict
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from registry.annotate import Fill, Mark, WorkbookError, annotate
from registry.checking import FileCheck, Line
from registry.errors import Rejected
from registry.export import write_xlsx
from registry.origins import Place
from registry.text_files import read_csv

_ARGB = re.compile(r"(?:FF)?([0-9A-Fa-f]{6})")
CSV_SHEET = "目录"


def annotated_copy(check: FileCheck, *, allocated: Mapping[int, str] | None = None, lang: str = "zh") -> bytes:
    """An XLSX copy of the checked file: an error column, cell notes and colours; nothing else is changed.

    A CSV file comes back as a workbook of the same cells, JSON Lines as our two sheets.

    Raises:
        Rejected: the file holds secret rows; no copy of it is made (§12 R1).
    """
    if check.secret:
        raise Rejected("文件含涉密内容，不生成批注副本")
    source, headers, places = _as_workbook(check)
    texts: dict[tuple[str, int], list[str]] = defaultdict(list)
    marks = []
    for line in check.lines(lang):
        place = places.get(line.place, line.place)
        if place.sheet not in headers or place.row < 1:
            continue
        texts[(place.sheet, place.row)].append(_row_text(line))
        if place.row >= 1 and place.column >= 0:
            marks.append(Mark(place.sheet, place.row, place.column, note_text(line), line.worded.level.value))
    sheets = check.specs.entry.sheets
    palette = {level: _rgb(colour) for level, colour in sheets.colours.items()}
    try:
        return annotate(
            source,
            headers=headers,
            lines={place: "\n".join(dict.fromkeys(said)) for place, said in texts.items()},
            marks=marks,
            fills=_fills(check, allocated or {}, places),
            column_title=sheets.result_column,
            author=sheets.comment_author,
            palette=palette,
        )
    except WorkbookError as error:
        raise Rejected(f"不能写批注副本：{error}") from error


def _rgb(colour: str) -> str:
    found = _ARGB.fullmatch(colour)
    return found.group(1) if found else colour


def _row_text(line: Line) -> str:
    return f"{line.worded.rule} {line.worded.message}"


def note_text(line: Line) -> str:
    """The note of one finding: rule, message, what to do, and the source it rests on."""
    worded = line.worded
    return f"{worded.rule} {worded.message}\n改法：{worded.fix}\n依据：{worded.source}"


def _fills(check: FileCheck, allocated: Mapping[int, str], places: Mapping[Place, Place]) -> list[Fill]:
    fills = []
    for number, code in allocated.items():
        found = check.sheets.entries[number].origin.place("resource_code")
        place = places.get(found, found)
        if place.column >= 0:
            fills.append(Fill(place.sheet, place.row, place.column, code))
    return fills


def _as_workbook(check: FileCheck) -> tuple[bytes | Path, dict[str, int], dict[Place, Place]]:
    """The workbook to be annotated, its header rows, and where the file's places lie in it."""
    if check.kind == "xlsx":
        return check.path, dict(check.sheets.headers), {}
    if check.kind == "csv":
        return _from_csv(check)
    return _from_lines(check)


def _from_csv(check: FileCheck) -> tuple[bytes, dict[str, int], dict[Place, Place]]:
    # xlsxwriter is needed for writing workbooks alone
    import xlsxwriter

    raw = read_csv(check.path, check.specs.entry.limits)
    target = BytesIO()
    book = xlsxwriter.Workbook(target, {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(CSV_SHEET)
    text = book.add_format({"num_format": "@"})
    for row, cells in enumerate(raw.rows):
        for column, cell in enumerate(cells):
            if cell:
                sheet.write_string(row, column, str(cell), text)
    book.close()
    rows = {raw.line(n): n + 1 for n in range(len(raw.rows))}
    places = {
        place: Place(CSV_SHEET, rows.get(place.row, place.row), place.column)
        for place in {line.place for line in check.lines()} | _code_places(check)
    }
    return target.getvalue(), {CSV_SHEET: rows[check.sheets.headers[""]]}, places


def _code_places(check: FileCheck) -> set[Place]:
    return {entry.origin.place("resource_code") for entry in check.sheets.entries}


def _from_lines(check: FileCheck) -> tuple[bytes, dict[str, int], dict[Place, Place]]:
    target = BytesIO()
    write_xlsx((entry.content for entry in check.sheets.entries), target, check.specs)
    names = check.specs.entry.sheets
    # a line of JSON is one entry, so all that is said of it stands in the entry's row
    rows = {entry.origin.row: n for n, entry in enumerate(check.sheets.entries, 2)}
    column = list(check.specs.fields).index("resource_code")
    places = {
        Place("", line, -1): Place(names.entries, row, column if line in rows else -1) for line, row in rows.items()
    }
    return target.getvalue(), {names.entries: 1, names.items: 1}, places
