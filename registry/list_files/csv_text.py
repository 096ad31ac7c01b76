"""A list as CSV: every list under its own header line, then what is needed to verify it as lines 校验信息.

The document is made anew from the cells. Each line of a sealed list ends with its digest, and each column has a
digest among the trailing lines: together they name the cell that was changed.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from registry.errors import Rejected
from registry.keys import canonical_json, digest_of
from registry.list_document import (
    LINKS,
    ListDocument,
    ListRow,
    ListTable,
    digest_in,
    is_erased,
    row_json,
    table_head_json,
    to_json,
)
from registry.list_files.carried import Carried, document_of, parse
from registry.list_files.json_text import text_of
from registry.list_files.printed import UNSEALED, check_text, checked_rows, headings, shown_row, told
from validators.rendering import guard_formula, unguard_formula

FIRST, MARK, SUM = "清单", "校验信息", "行摘要"
_LIST, _STATE = "list", "状态"
_LONGEST = 131_000  # the csv module reads no longer cell
_BROKEN = "文件里{what}，不能还原清单；向发布单位重新索取文件"


class _Line(NamedTuple):
    """One line of the file: its number (from 1, of the first of its physical lines), its cells without guards, and
    the columns (from 1) of cells that a spreadsheet would run."""

    number: int
    cells: list[str]
    unguarded: list[int]


# ---- written ----------------------------------------------------------------------------------------------


def write_csv(document: ListDocument, path: Path) -> None:
    """Write a document as CSV in UTF-8 with BOM; cells that begin with = + - @ are guarded.

    Raises:
        Rejected: a text holds characters that no page shows, or is too long for a cell.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        for line in csv_lines(document):
            cells = [guard_formula(cell) for cell in line]
            if max(map(len, cells)) > _LONGEST:
                raise Rejected(f"“{line[0]}”有一格超过 {_LONGEST} 字，CSV 放不下；改为导出 .json")
            writer.writerow(cells)


def csv_lines(document: ListDocument) -> Iterator[list[str]]:
    """The cells of the file, line by line, without guards."""
    counts = []
    for table in document.lists:
        if table.zh in (FIRST, MARK):
            raise Rejected(f"清单不能就叫“{table.zh}”；改正清单的名称")
        yield [FIRST, *headings(table), *([SUM] if document.is_sealed else [])]
        count = 0
        for row, shown in checked_rows(table):
            count += 1
            yield [table.zh, *shown, *([digest_in(table.key, row)] if document.is_sealed else [])]
        counts.append(count)
    yield from _trailing(document, counts)


def _trailing(document: ListDocument, counts: list[int]) -> Iterator[list[str]]:
    if not document.is_sealed:
        yield [MARK, _STATE, canonical_json(UNSEALED)]
    for key, value in to_json(replace(document, lists=())).items():
        if key != "lists":
            yield [MARK, key, _text(value)]
    for table, count in zip(document.lists, counts, strict=True):
        said: dict[str, Any] = table_head_json(table) | {"rows": count}
        yield [MARK, _LIST, _text(said | {"sums": _column_sums(table)} if document.is_sealed else said)]


def _text(value: Any) -> str:
    text = canonical_json(value)
    # everything else of the file was checked; these texts stand here alone
    check_text(text, MARK)
    return text


def _column_sums(table: ListTable) -> list[str]:
    shown = [shown_row(table, row) for row in table.rows if not is_erased(row)]
    return [digest_of([cells[n] for cells in shown]) for n in range(len(headings(table)))]


# ---- read back --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    """The lines of one list as they stand in the file."""

    head: _Line
    lines: list[_Line] = field(default_factory=list)


def read_csv(path: Path) -> Carried:
    """The document made anew from the cells of a CSV file, compared with every cell that it would be written as.

    Raises:
        Rejected: no CSV in UTF-8, or its lines make no list.
    """
    lines = list(_lines(text_of(path)))
    ends = [line for line in lines if line.cells[:1] == [MARK]]
    parts = _parts([line for line in lines if line.cells[:1] != [MARK]])
    known: dict[str, Any] = {}
    lists = []
    for line in ends:
        if len(line.cells) != 3:
            raise Rejected(_BROKEN.format(what=f"第 {line.number} 行的校验信息不完整"))
        key, value = line.cells[1], parse(line.cells[2])
        if key == _LIST:
            lists.append(value)
        elif key in known:
            raise Rejected(_BROKEN.format(what=f"第 {line.number} 行的校验信息“{key}”重复"))
        else:
            known[key] = value
    if not known or known.get(_STATE):
        return Carried(None, [], [UNSEALED] if known.get(_STATE) else [])
    if len(lists) != len(parts) or not all(isinstance(value, dict) for value in lists):
        raise Rejected(_BROKEN.format(what=f"有 {len(parts)} 行清单表头，应有 {len(lists)} 行"))
    return _compared(lines, parts, known, lists)


def _lines(text: str) -> Iterator[_Line]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    number = 1
    try:
        for cells in reader:
            plain = [unguard_formula(cell) for cell in cells]
            unguarded = [n for n, text in enumerate(plain, 1) if guard_formula(text) != cells[n - 1]]
            yield _Line(number, plain, unguarded)
            number = reader.line_num + 1
    except csv.Error as error:
        raise Rejected(_BROKEN.format(what=f"第 {number} 行的引号没有配对或单元格过长")) from error


def _parts(lines: list[_Line]) -> list[_Part]:
    parts: list[_Part] = []
    for line in lines:
        if line.cells[:1] == [FIRST]:
            parts.append(_Part(line))
        elif parts and line.cells:
            parts[-1].lines.append(line)
    return parts


def _compared(
    lines: list[_Line], parts: list[_Part], known: dict[str, Any], lists: list[dict[str, Any]]
) -> Carried:
    values = [_table_json(part, dict(value)) for part, value in zip(parts, lists, strict=True)]
    document, differences = document_of(known | {"lists": values})
    for table, part, value in zip(document.lists, parts, lists, strict=True):
        differences += _changed_lines(table, part, value)
    due = list(csv_lines(document))
    # digests follow from cells: where a cell was named, its digests are not told, too
    explained = bool(differences)
    for line in lines:
        differences += [f"第 {line.number} 行第 {n} 列：会被当作公式执行" for n in line.unguarded]
    for line, meant in zip_longest(lines, due):
        if line is None:
            differences.append(f"缺少一行：{'、'.join(meant or [])[:60]}")
        elif meant is None:
            differences.append(f"第 {line.number} 行：多出的内容")
        else:
            differences += _changed_cells(line, meant, explained=explained)
    return Carried(document, differences, [])


def _table_json(part: _Part, value: dict[str, Any]) -> dict[str, Any]:
    """A list as ``to_json`` has it, its lines made of the cells."""
    columns = value.get("columns")
    width = len(columns) if isinstance(columns, list) else 0
    shown = {key: value.get(key) for key in ("key", "zh", "platform", "columns")}
    return shown | {"lines": [_line_json(line, width) for line in part.lines]}


def _line_json(line: _Line, width: int) -> dict[str, Any]:
    links = line.cells[1 + width : 1 + width + len(LINKS)]
    if len(line.cells) != 2 + width + len(LINKS):
        raise Rejected(
            f"第 {line.number} 行有 {len(line.cells)} 格，应有 {2 + width + len(LINKS)} 格；向发布单位重新索取文件"
        )
    entry, version, content = links
    if not any(links):
        return row_json(ListRow("", 0, "", (line.cells[-1],)))
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise Rejected(f"第 {line.number} 行的版本号“{version}”不是整数；向发布单位重新索取文件")
    return {
        "entry": entry,
        "version": int(version),
        "content": content,
        "cells": line.cells[1 : 1 + width],
    }


def _changed_lines(table: ListTable, part: _Part, value: dict[str, Any]) -> Iterator[str]:
    """What the digests kept of lines and columns say: which cells were changed, and how many lines there were."""
    rows: Sequence[ListRow] = tuple(table.rows)
    if value.get("rows") != len(rows):
        yield f"“{table.zh}”：现有 {len(rows)} 行，封存的是 {value.get('rows')} 行"
        return
    zh = headings(table)
    sums = value.get("sums")
    kept = sums if isinstance(sums, list) and len(sums) == len(zh) else [""] * len(zh)
    wrong = [n for n, (now, then) in enumerate(zip(_column_sums(table), kept, strict=True)) if now != then]
    moved = bool(wrong)
    for line, row in zip(part.lines, rows, strict=True):
        if digest_in(table.key, row) == line.cells[-1]:
            continue
        moved = False
        for n in wrong:
            yield f"第 {line.number} 行第 {n + 2} 列“{zh[n]}”：现为“{line.cells[n + 1][:60]}”，与封存时的摘要不符"
    if moved:
        yield f"“{table.zh}”：各行的次序与封存时不同"


def _changed_cells(line: _Line, meant: list[str], *, explained: bool) -> Iterator[str]:
    if meant[:2] == [MARK, _LIST] and line.cells[:2] == meant[:2]:
        yield from _changed_list(line, parse(line.cells[2]), json.loads(meant[2]), explained=explained)
        return
    for column, (one, other) in enumerate(zip_longest(line.cells, meant, fillvalue=""), 1):
        if one == other:
            continue
        if meant[0] == MARK or column < len(meant):
            yield told(f"第 {line.number} 行第 {column} 列", one, other)
        elif not explained:
            yield f"第 {line.number} 行：内容与行摘要不符"


def _changed_list(
    line: _Line, shown: dict[str, Any], meant: dict[str, Any], *, explained: bool
) -> Iterator[str]:
    for key in sorted(shown.keys() | meant.keys()):
        if shown.get(key) != meant.get(key) and not (explained and key in ("sums", "rows")):
            yield f"第 {line.number} 行第 3 列：{key} 与清单的内容不符"
