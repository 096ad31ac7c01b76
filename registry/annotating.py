"""The user's own workbook given back with every finding in its place, and the allocated codes filled in."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from registry.annotate import Fill, Mark, WorkbookError, annotate
from registry.checking import FileCheck, Line
from registry.errors import Rejected
from registry.export import CELL_LIMIT, items_of, join_columns, write_xlsx
from registry.origins import Place
from registry.text_files import read_csv

_ARGB = re.compile(r"(?:FF)?([0-9A-Fa-f]{6})")
CSV_SHEET = "目录"


def annotated_copy(
    check: FileCheck, *, allocated: Mapping[int, str] | None = None, lang: str = "zh"
) -> bytes:
    """An XLSX copy of the checked file: an error column, cell notes and colours; nothing else is changed.

    A CSV file comes back as a workbook of the same cells, JSON Lines as our two sheets.

    Raises:
        Rejected: the file holds secret rows; no copy of it is made (§12 R1). Or its XML cannot be patched.
    """
    if check.secret:
        raise Rejected("文件含涉密内容，不生成批注副本")
    copy = _COPIES[check.kind](check)
    texts: dict[tuple[str, int], list[str]] = defaultdict(list)
    marks = []
    for line, place in copy.places(lang):
        texts[(place.sheet, place.row)].append(_row_text(line, place))
        if place.column >= 0:
            marks.append(Mark(place.sheet, place.row, place.column, note_text(line), line.worded.level.value))
    sheets = check.specs.entry.sheets
    try:
        return annotate(
            copy.source,
            headers=copy.headers,
            lines={place: "\n".join(dict.fromkeys(said)) for place, said in texts.items()},
            marks=marks,
            fills=list(copy.fills(allocated or {})),
            column_title=sheets.result_column,
            author=sheets.comment_author,
            palette={level: _rgb(colour) for level, colour in sheets.colours.items()},
        )
    except WorkbookError as error:
        raise Rejected(f"不能写批注副本：{error}") from error


def _rgb(colour: str) -> str:
    found = _ARGB.fullmatch(colour)
    return found.group(1) if found else colour


def _row_text(line: Line, place: Place) -> str:
    """What the error column says; a finding that is told at the header says where it belongs."""
    moved = place.column < 0 and line.number < 0 and not line.place.sheet
    return f"{f'第 {line.place.row} 行 ' if moved else ''}{line.worded.rule} {line.worded.message}"


def note_text(line: Line) -> str:
    """The note of one finding: rule, message, what to do, and the source it rests on."""
    worded = line.worded
    return f"{worded.rule} {worded.message}\n改法：{worded.fix}\n依据：{worded.source}"


# ---- the workbook to be annotated -------------------------------------------------------------------------


@dataclass
class _Copy:
    """A workbook, its header rows by sheet, and where the file's findings lie in it."""

    check: FileCheck
    source: bytes | Path = b""
    headers: dict[str, int] = field(default_factory=dict)

    def place(self, line: Line) -> Place:
        return line.place

    def code_place(self, number: int) -> Place:
        """Where the code of an entry stands, or is to stand."""
        return self.check.sheets.entries[number].origin.place("resource_code")

    def places(self, lang: str) -> Iterator[tuple[Line, Place]]:
        """Every finding with its place; what stands in no sheet that was read is told at the first header."""
        first = next(iter(self.headers), None)
        for line in self.check.lines(lang):
            place = self.place(line)
            if place.sheet in self.headers and place.row >= 1:
                yield line, place
            elif first is not None:
                yield line, Place(first, self.headers[first])

    def fills(self, allocated: Mapping[int, str]) -> Iterator[Fill]:
        """The codes given to entries, where the file has a column for them."""
        for number, code in allocated.items():
            place = self.code_place(number)
            if place.sheet in self.headers and place.column >= 0:
                yield Fill(place.sheet, place.row, place.column, code)


class _XlsxCopy(_Copy):
    def __init__(self, check: FileCheck) -> None:
        super().__init__(check, check.path, dict(check.sheets.headers))


class _CsvCopy(_Copy):
    """The cells of a CSV file on one sheet: line breaks in cells make its rows other ones than its lines."""

    def __init__(self, check: FileCheck) -> None:
        # xlsxwriter is needed for writing workbooks alone
        import xlsxwriter

        raw = read_csv(check.path, check.specs.entry.limits)
        target = BytesIO()
        options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
        with xlsxwriter.Workbook(target, options) as book:
            sheet = book.add_worksheet(CSV_SHEET)
            text = book.add_format({"num_format": "@"})
            for row, cells in enumerate(raw.rows):
                for column, cell in enumerate(cells):
                    if cell:
                        sheet.write_string(row, column, str(cell)[:CELL_LIMIT], text)
        self.rows = {raw.line(n): n + 1 for n in range(len(raw.rows))}
        headers = {
            name: self.rows[line]
            for name, line in zip([CSV_SHEET], check.sheets.headers.values(), strict=False)
        }
        super().__init__(check, target.getvalue(), headers)

    def place(self, line: Line) -> Place:
        return self._moved(line.place)

    def code_place(self, number: int) -> Place:
        return self._moved(super().code_place(number))

    def _moved(self, place: Place) -> Place:
        return Place(CSV_SHEET, self.rows.get(place.row, 0), place.column)


class _JsonCopy(_Copy):
    """Our two sheets made of JSON lines: each finding goes to the cell of its field."""

    def __init__(self, check: FileCheck) -> None:
        target = BytesIO()
        contents = [entry.content for entry in check.sheets.entries]
        write_xlsx(contents, target, check.specs)
        names = check.specs.entry.sheets
        self.names = names
        self.fields = {key: n for n, key in enumerate(check.specs.fields)}
        joined = len(join_columns(check.specs))
        self.item_fields = {key: n for n, key in enumerate(check.specs.items, joined)}
        self.first_items: list[int] = []
        row = 2
        for content in contents:
            self.first_items.append(row)
            row += len(items_of(content))
        super().__init__(check, target.getvalue(), {names.entries: 1, names.items: 1})

    def place(self, line: Line) -> Place:
        if line.number < 0:
            return Place("", 0)
        key = line.worded.field
        if key.startswith("items.") and line.item >= 0:
            row = self.first_items[line.number] + line.item
            return Place(self.names.items, row, self.item_fields.get(key.removeprefix("items."), -1))
        return Place(self.names.entries, line.number + 2, self.fields.get(key, -1))

    def code_place(self, number: int) -> Place:
        return Place(self.names.entries, number + 2, self.fields["resource_code"])


_COPIES: Mapping[str, type[_XlsxCopy] | type[_CsvCopy] | type[_JsonCopy]] = {
    "xlsx": _XlsxCopy,
    "csv": _CsvCopy,
    "jsonl": _JsonCopy,
}
