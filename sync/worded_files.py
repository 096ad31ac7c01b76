"""Tables that others write: CSV (UTF-8 or GB18030), XLSX or JSON, read by the names of their columns, never guessed."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from catalog_specs import load
from catalog_specs.law_parcels import WordedColumn
from registry.errors import Unreadable
from registry.layout import normal_header
from registry.sheets import JSONL_SUFFIXES, RawSheet, kind_of, read_workbook
from registry.text_files import open_text, read_csv
from validators.findings import text_of, word

_HEAD_ROWS = 10


class Told(NamedTuple):
    """One row: where it stands (from 1), and its texts by the keys of the columns."""

    line: int
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file of others. ``key`` is one of sync.yaml ``parcels.faults``; ``line`` 0 is the whole."""

    file: str
    line: int
    key: str
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def zh(self) -> str:
        """Place, reason and cure."""
        row = load().sync.parcels.fault_index[self.key]
        place = f"{self.file} 第 {self.line} 行" if self.line else self.file
        return f"{place}：{row.zh.format_map(_Lenient(self.params))}；{row.cure_zh.format_map(_Lenient(self.params))}"


class _Lenient(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class WordedTable:
    """What was read: rows, or what is wrong; never both of some use."""

    rows: tuple[Told, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_worded(
    name: str, data: bytes, columns: Sequence[WordedColumn], ignored: Sequence[str] = ()
) -> WordedTable:
    """The rows of a file, its columns found by their names; ``ignored`` are headings that are known and not read.

    A heading that is not known, a required column that is missing, a formula: each is a fault, and then nothing of the
    file may be used.
    """
    with tempfile.TemporaryDirectory(prefix="mulu-") as scratch:
        path = Path(scratch) / f"file{Path(name).suffix.lower()}"
        path.write_bytes(data)
        try:
            return _Reading(name, columns, ignored).read(path)
        except Unreadable as error:
            return WordedTable((), (_unreadable(name, error),))


def _unreadable(name: str, error: Unreadable) -> Fault:
    return Fault(name, 0, "unreadable", {"reason": word(error.finding, load()).message})


class _Reading:
    def __init__(self, name: str, columns: Sequence[WordedColumn], ignored: Sequence[str]) -> None:
        self.name, self.columns = name, columns
        self.known = {normal_header(text): row.key for row in columns for text in row.names}
        self.ignored = {normal_header(text) for text in ignored}
        self.faults: list[Fault] = []

    def read(self, path: Path) -> WordedTable:
        rows = self._rows_of(path)
        if not rows and not self.faults:
            self._add(0, "no_rows")
        return WordedTable((), tuple(self.faults)) if self.faults else WordedTable(tuple(rows))

    def _rows_of(self, path: Path) -> list[Told]:
        kind = kind_of(path)
        limits = load().entry.limits
        if kind == "jsonl" and path.suffix in JSONL_SUFFIXES:
            return list(self._objects(path, limits))
        if kind == "csv":
            return list(self._sheet(read_csv(path, limits)))
        filled = [sheet for sheet in read_workbook(path, limits) if sheet.visible and not sheet.is_blank]
        if len(filled) != 1:
            self._add(0, "unreadable", reason=f"有内容的工作表有 {len(filled)} 张，应当只有一张")
            return []
        return list(self._sheet(filled[0]))

    def _add(self, line: int, key: str, **params: str) -> None:
        self.faults.append(Fault(self.name, line, key, params))

    # ---- tables -------------------------------------------------------------------------------------------

    def _sheet(self, sheet: RawSheet) -> Iterator[Told]:
        head = self._head_row(sheet)
        places = self._places(
            [_text(cell) for cell in sheet.rows[head]] if sheet.rows else [], sheet.line(head)
        )
        if self.faults:
            return
        for number, row in enumerate(sheet.rows[head + 1 :], head + 1):
            line = sheet.line(number)
            if any((number, column) in sheet.special for column in range(len(row))):
                self._add(line, "unreadable", reason="单元格是公式或错误值")
                continue
            texts = {key: _text(row[at]) if at < len(row) else "" for key, at in places.items()}
            if any(_text(cell) for cell in row):
                yield Told(line, texts)

    def _head_row(self, sheet: RawSheet) -> int:
        """The row of headings: titles may stand above it, each alone in its row."""
        for number, row in enumerate(sheet.rows[:_HEAD_ROWS]):
            if sum(bool(_text(cell)) for cell in row) > 1:
                return number
        return 0

    def _places(self, headings: Sequence[str], line: int) -> dict[str, int]:
        places: dict[str, int] = {}
        for number, heading in enumerate(headings):
            name = normal_header(heading)
            key = self.known.get(name)
            if not name or name in self.ignored:
                continue
            if key is None:
                self._add(line, "column_unknown", value=heading[:80])
            elif key in places:
                self._add(line, "column_doubled", value=heading[:80])
            else:
                places[key] = number
        self._demand_required(places, line)
        return places

    def _demand_required(self, there: Mapping[str, Any], line: int) -> None:
        for row in self.columns:
            if row.required and row.key not in there:
                self._add(line, "column_missing", value=row.zh, known="、".join(row.names))

    # ---- JSON ---------------------------------------------------------------------------------------------

    def _objects(self, path: Path, limits: Mapping[str, int]) -> Iterator[Told]:
        """A list of objects, or one object a line."""
        with open_text(path, limits["text_bytes"]) as file:
            text = file.read()
        try:
            whole = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
        except (ValueError, RecursionError):
            self._add(0, "unreadable", reason="不是合法的 JSON")
            return
        for number, row in enumerate(whole, 1):
            if not isinstance(row, dict) or not all(_is_plain(value) for value in row.values()):
                self._add(number, "unreadable", reason="不是由文字组成的对象")
                continue
            places = self._places(list(row), number)
            values = list(row.values())
            yield Told(number, {key: _text(values[at]) for key, at in places.items()})


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _text(cell: Any) -> str:
    """A cell as a text; whole numbers without a point, however the workbook keeps them."""
    if cell is None or isinstance(cell, bool):
        return "" if cell is None else str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return text_of(cell).strip() if not isinstance(cell, str) else cell.strip()
