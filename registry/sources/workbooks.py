"""One sheet of a workbook (XLSX, XLS, ODS) as a source; what else in it holds data is told."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import python_calamine as calamine

from catalog_specs import Specs
from catalog_specs.law_scanning import Inputs
from registry.errors import Unreadable
from registry.sources.cell_text import text_array
from registry.sources.file_bytes import HashedFile, fingerprint
from registry.sources.headers import named
from registry.sources.problems import SourceProblem, Teller, reworded
from registry.sources.sheet_headers import Table, cell_name, find_table
from registry.sources.source import Source, shape_of
from registry.sources.workbook_safety import Safe, look_into

_FAULTS = (calamine.CalamineError, OSError, ValueError)


@dataclass
class _Chosen:
    """The sheet that is read, its table, and what is to be told of the workbook."""

    name: str
    sheet: calamine.CalamineSheet
    problems: list[SourceProblem] = field(default_factory=list)


def open_workbook(path: Path, specs: Specs, wanted: str | None) -> Source:
    """A sheet as a source: the one called ``wanted``, else the first that holds data, hidden or not.

    Raises:
        SourceUnreadable: damaged, protected, too large, or without such a sheet.
    """
    inputs, tell = specs.scanning.inputs, Teller(specs.scanning.inputs, path.name)
    before = fingerprint(path)
    try:
        safe = look_into(path, inputs, tell)
        with calamine.load_workbook(str(path)) as book:
            chosen = _choose(book, wanted, tell)
    except Unreadable as error:
        raise reworded(error, path.name, specs) from None
    except _FAULTS:
        raise tell.refuse("damaged", value=path.suffix) from None
    found = find_table(list(islice(chosen.sheet.iter_rows(), inputs.header_rows)), chosen.sheet, inputs, tell)
    header = named(found.header, inputs, tell)
    table = Table(found.header, found.row - header.is_data, found.problems)
    place = f"{path.name}（{chosen.name}）"
    problems = [*chosen.problems, *_beside(safe, inputs, tell), *found.problems, *header.problems]

    def read(source: Source) -> Iterator[pa.RecordBatch]:
        with HashedFile(path, source, before) as raw:
            yield from _rows(chosen, table, safe, source, inputs)
            raw.finish()

    digest = shape_of((name, "cell") for name in header.names)
    size = path.stat().st_size
    return Source(place, "xlsx", header.names, digest, Teller(inputs, place), read, size, problems)


def _choose(book: calamine.CalamineWorkbook, wanted: str | None, tell: Teller) -> _Chosen:
    names = [m.name for m in book.sheets_metadata if m.typ == calamine.SheetTypeEnum.WorkSheet]
    if wanted is not None:
        if wanted not in names:
            raise tell.refuse("no_sheet", value=wanted, known="、".join(names))
        names = [wanted]
    chosen: _Chosen | None = None
    unseen = []
    for name in names:
        sheet = book.get_sheet_by_name(name)
        if not _holds_data(sheet):
            continue
        if chosen is None:
            chosen = _Chosen(name, sheet)
        else:
            unseen.append(name)
    if chosen is None:
        raise tell.refuse("no_data_sheet")
    if unseen:
        chosen.problems.append(tell.problem("sheet_unseen", sheets="、".join(unseen)))
    return chosen


def _holds_data(sheet: calamine.CalamineSheet) -> bool:
    return any(cell != "" for row in sheet.iter_rows() for cell in row)


def _beside(safe: Safe, inputs: Inputs, tell: Teller) -> Iterator[SourceProblem]:
    """Comments, page headings and drawings that hold what looks like personal information."""
    found = [
        sheet for sheet, texts in safe.beside.items() if any(re.search(inputs.beside_like, t) for t in texts)
    ]
    if found:
        yield tell.problem("text_beside", where="、".join(found))


def _rows(
    chosen: _Chosen, table: Table, safe: Safe, source: Source, inputs: Inputs
) -> Iterator[pa.RecordBatch]:
    special = _Special(safe, chosen, inputs)
    rows: list[Sequence[Any]] = []
    left = (chosen.sheet.start or (0, 0))[1]
    total = max(chosen.sheet.total_height, 1)
    for number, row in enumerate(chosen.sheet.iter_rows()):
        if number <= table.row:
            continue
        special.put_into(row, number, left)
        if any(cell != "" for cell in row):
            rows.append(row)
        if len(rows) >= inputs.batch_rows:
            source.done_bytes = source.total_bytes * number // total
            yield _batch(rows, len(table.header))
            rows = []
    if rows:
        yield _batch(rows, len(table.header))
    special.tell(source)


def _batch(rows: Sequence[Sequence[Any]], width: int) -> pa.RecordBatch:
    columns = [text_array(column) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=[str(at) for at in range(width)])


class _Special:
    """Cells of a sheet that the quick reader gives as empty: error values, and formulas that were never computed."""

    def __init__(self, safe: Safe, chosen: _Chosen, inputs: Inputs) -> None:
        self.inputs = inputs
        self.kinds: dict[int, list[tuple[int, str]]] = {}
        for cell in safe.special.get(chosen.name, ()):
            self.kinds.setdefault(cell.row, []).append((cell.column, cell.kind))
        self.uncomputed = safe.uncomputed
        self.cells: list[str] = []
        self.count = 0

    def put_into(self, row: list[Any], number: int, left: int) -> None:
        for column, kind in self.kinds.get(number, ()):
            at = column - left
            if not 0 <= at < len(row) or row[at] != "":
                continue
            if kind == "error":
                row[at] = self.inputs.error_cell
            elif self.uncomputed:
                self._note(number, column)

    def _note(self, row: int, column: int) -> None:
        self.count += 1
        if len(self.cells) < self.inputs.told:
            self.cells.append(cell_name(row, column))

    def tell(self, source: Source) -> None:
        if self.count:
            more = "…" if self.count > len(self.cells) else ""
            source.report("formula_empty", count=self.count, cells="、".join(self.cells) + more)
