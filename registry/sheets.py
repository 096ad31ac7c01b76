"""Workbooks read as sheets of raw cells, through calamine. What it would trust, ``workbook_scan`` looked at before."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import python_calamine as calamine

from registry.workbook_cells import Special, refuse
from registry.workbook_scan import Scanned, scan

XLSX_SUFFIXES = (".xlsx", ".xlsm", ".xltx")
CSV_SUFFIXES = (".csv", ".tsv", ".txt")
JSONL_SUFFIXES = (".jsonl", ".ndjson", ".json")


@dataclass(slots=True)
class RawSheet:
    """One sheet: raw cells by row and column from 0, what is merged, and cells that hold no plain value.

    ``lines[n]`` is the 1-based line of row n where that differs from n + 1 (CSV with line breaks in cells).
    ``beside`` are texts that stand in no cell: page headers, drawings, comments.
    """

    name: str
    rows: list[list[Any]]
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    special: dict[tuple[int, int], Special] = field(default_factory=dict)
    lines: list[int] | None = None
    visible: bool = True
    beside: list[str] = field(default_factory=list)

    def line(self, row: int) -> int:
        return self.lines[row] if self.lines is not None and row < len(self.lines) else row + 1

    @property
    def is_blank(self) -> bool:
        cells = (cell for row in self.rows for cell in row if cell not in ("", None))
        return not self.special and not any(str(cell).strip() for cell in cells)


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


def check_size(path: Path, most: int) -> None:
    """Refuse a file of more than ``most`` bytes."""
    size = path.stat().st_size
    if size > most:
        raise refuse("too_big", size=str(-(-size // 1_048_576)), max=str(most // 1_048_576))


def read_workbook(path: Path, limits: Mapping[str, int]) -> list[RawSheet]:
    """All sheets of a workbook; chart sheets have no rows.

    Raises:
        Unreadable: see ``workbook_scan.scan``; also values that reach too far down or right.
    """
    check_size(path, limits["file_bytes"])
    scanned = scan(path, limits)
    with _translated(), calamine.load_workbook(str(path)) as book:
        return [_read_sheet(book, meta, scanned) for meta in book.sheets_metadata]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except calamine.PasswordError as error:
        raise refuse("password") from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise refuse("damaged") from error


def _read_sheet(book: calamine.CalamineWorkbook, meta: calamine.SheetMetadata, scanned: Scanned) -> RawSheet:
    name = meta.name
    if name not in scanned.special:
        raise refuse("damaged")
    if meta.typ != calamine.SheetTypeEnum.WorkSheet:
        return RawSheet(name, [], beside=scanned.beside[name])
    sheet = book.get_sheet_by_name(name)
    return RawSheet(
        name,
        _rows(sheet, scanned.special[name]),
        list(sheet.merged_cell_ranges or []),
        {(cell.row, cell.column): cell for cell in scanned.special[name]},
        visible=meta.visible == calamine.SheetVisibleEnum.Visible,
        beside=scanned.beside[name],
    )


def _rows(sheet: calamine.CalamineSheet, special: list[Special]) -> list[list[Any]]:
    """The rows from the first on, all of one width; formulas without a value count, too."""
    start = sheet.start or (0, 0)
    rows: list[list[Any]] = list(sheet.to_python(skip_empty_area=True))
    if start[1]:
        margin = [""] * start[1]
        rows = [[*margin, *row] for row in rows]
    width = len(rows[0]) if rows else 0
    rows = [[""] * width for _ in range(start[0])] + rows
    last = max((cell.row for cell in special), default=-1)
    rows += [[""] * width for _ in range(len(rows), last + 1)]
    return rows
