"""Files read as sheets of raw cells: XLSX through calamine, CSV and JSON Lines as text streams."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import python_calamine as calamine

from registry.workbook_scan import Special, refuse, scan
from validators.rendering import unguard_formula

XLSX_SUFFIXES = (".xlsx", ".xlsm", ".xltx")
CSV_SUFFIXES = (".csv", ".tsv", ".txt")
JSONL_SUFFIXES = (".jsonl", ".ndjson", ".json")
ENCODINGS = ("utf-8-sig", "gb18030")
_CHUNK = 1 << 20


@dataclass(slots=True)
class RawSheet:
    """One sheet: raw cells by row and column from 0, what is merged, and cells that hold no plain value.

    ``lines[n]`` is the 1-based line of row n where that differs from n + 1 (CSV with line breaks in cells).
    """

    name: str
    rows: list[list[Any]]
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    special: dict[tuple[int, int], Special] = field(default_factory=dict)
    lines: list[int] | None = None
    visible: bool = True

    def line(self, row: int) -> int:
        return self.lines[row] if self.lines is not None else row + 1


def kind_of(path: Path) -> str:
    """``xlsx``, ``csv`` or ``jsonl`` by the file's name.

    Raises:
        Unreadable: there is no such file, it is a folder, empty, or of an unknown kind.
    """
    if path.is_dir():
        raise refuse("directory")
    if not path.is_file():
        raise refuse("missing")
    if path.stat().st_size == 0:
        raise refuse("empty")
    suffix = path.suffix.lower()
    for kind, suffixes in (("xlsx", XLSX_SUFFIXES), ("csv", CSV_SUFFIXES), ("jsonl", JSONL_SUFFIXES)):
        if suffix in suffixes:
            return kind
    raise refuse("kind", value=suffix or path.name)


def read_workbook(path: Path, limits: Mapping[str, int]) -> list[RawSheet]:
    """All sheets of a workbook, chart sheets left out.

    Raises:
        Unreadable: see ``workbook_scan.scan``; also too many rows or columns in a sheet.
    """
    _check_size(path, limits["file_bytes"])
    special = scan(path, limits)
    try:
        with calamine.load_workbook(str(path)) as book:
            kinds = {meta.name: meta for meta in book.sheets_metadata}
            names = [n for n in book.sheet_names if kinds[n].typ == calamine.SheetTypeEnum.WorkSheet]
            return [_read_sheet(book, name, kinds[name], special.get(name, []), limits) for name in names]
    except calamine.PasswordError as error:
        raise refuse("password") from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise refuse("damaged") from error


def _check_size(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise refuse("too_big", size=str(size // 1_048_576), max=str(most // 1_048_576))


def _read_sheet(
    book: calamine.CalamineWorkbook,
    name: str,
    meta: calamine.SheetMetadata,
    special: list[Special],
    limits: Mapping[str, int],
) -> RawSheet:
    sheet = book.get_sheet_by_name(name)
    if sheet.total_height > limits["rows"]:
        raise refuse("rows", sheet=name, max=str(limits["rows"]))
    if sheet.total_width > limits["columns"]:
        raise refuse("columns", sheet=name, max=str(limits["columns"]))
    rows = sheet.to_python(skip_empty_area=False)
    return RawSheet(
        name,
        rows,
        list(sheet.merged_cell_ranges or []),
        {(cell.row, cell.column): cell for cell in special},
        visible=meta.visible == calamine.SheetVisibleEnum.Visible,
    )


# ---- texts ------------------------------------------------------------------------------------------------


def open_text(path: Path, most: int) -> TextIO:
    """A text file opened in UTF-8 (with or without BOM) or GB18030, whichever fits the whole file.

    Raises:
        Unreadable: too large, holds NUL bytes, or fits neither encoding; the message names the line.
    """
    _check_size(path, most)
    _check_nul(path)
    for encoding in ENCODINGS:
        if _fits(path, encoding) is None:
            return path.open(encoding=encoding, newline="")
    raise refuse("encoding", line=str(_fits(path, ENCODINGS[0])))


def _check_nul(path: Path) -> None:
    line = 1
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            at = chunk.find(b"\0")
            if at >= 0:
                raise refuse("nul", line=str(line + chunk.count(b"\n", 0, at)))
            line += chunk.count(b"\n")


def _fits(path: Path, encoding: str) -> int | None:
    """None when the file decodes; else the 1-based line near the first byte that does not."""
    line = 1
    with path.open(encoding=encoding, newline="") as file:
        try:
            while chunk := file.read(_CHUNK):
                line += chunk.count("\n")
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
    return None


def read_csv(path: Path, limits: Mapping[str, int]) -> RawSheet:
    """A CSV (or tab-separated) file as one sheet of texts.

    Raises:
        Unreadable: see ``open_text``; also an unpaired quotation mark, too many rows or columns.
    """
    with open_text(path, limits["file_bytes"]) as file:
        sample = file.read(8192)
        file.seek(0)
        reader = csv.reader(file, delimiter="\t" if _tabbed(sample) else ",", strict=True)
        rows: list[list[Any]] = []
        lines: list[int] = []
        line = 1
        try:
            for row in reader:
                rows.append([unguard_formula(cell) for cell in row])
                lines.append(line)
                line = reader.line_num + 1
                if len(rows) > limits["rows"]:
                    raise refuse("rows", sheet=path.name, max=str(limits["rows"]))
                if len(row) > limits["columns"]:
                    raise refuse("columns", sheet=path.name, max=str(limits["columns"]))
        except csv.Error as error:
            raise refuse("quoting", line=str(line)) from error
    return RawSheet("", rows, lines=lines)


def _tabbed(sample: str) -> bool:
    first = sample.split("\n", 1)[0]
    return first.count("\t") > first.count(",")


@dataclass(frozen=True, slots=True)
class JsonLine:
    """One line of a JSON Lines file: its object, or why there is none."""

    line: int
    value: Any = None
    fault: str = ""


def read_jsonl(path: Path, limits: Mapping[str, int]) -> Iterator[JsonLine]:
    """The lines of a JSON Lines file, blank ones left out.

    Raises:
        Unreadable: see ``open_text``.
    """
    with open_text(path, limits["text_bytes"]) as file:
        for number, text in enumerate(file, 1):
            if text.strip():
                yield _json_line(number, text)


def _json_line(number: int, text: str) -> JsonLine:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        detail = getattr(error, "msg", "") or "嵌套过深或数字不合法"
        column = getattr(error, "colno", 0)
        return JsonLine(number, fault=f"{detail}（第 {column} 列）" if column else detail)
    if not isinstance(value, dict):
        return JsonLine(number, fault="shape")
    return JsonLine(number, value)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} 不是合法的 JSON 值")

