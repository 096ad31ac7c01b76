"""Where the table of a sheet begins: titles above the header, merged cells in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import python_calamine as calamine

from catalog_specs.law_scanning import Inputs
from registry.sources.cell_text import cell_text
from registry.sources.problems import SourceProblem, Teller
from registry.workbook_cells import column_letters

Range = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Table:
    """The header's texts and its row in the sheet, from 0."""

    header: tuple[str, ...]
    row: int
    problems: tuple[SourceProblem, ...] = ()


def cell_name(row: int, column: int) -> str:
    """``B7`` of a row and a column from 0."""
    return f"{column_letters(column)}{row + 1}"


def find_table(
    head: Sequence[Sequence[Any]], sheet: calamine.CalamineSheet, inputs: Inputs, tell: Teller
) -> Table:
    """The header among the first rows: the first that is filled as widely as the table is.

    Raises:
        SourceUnreadable: all of them are blank.
    """
    filled = [sum(cell != "" for cell in row) for row in head]
    widest = max(filled)
    if not widest:
        raise tell.refuse("no_header")
    at = next(n for n, count in enumerate(filled) if count > widest * inputs.header_share or count == widest)
    left = (sheet.start or (0, 0))[1]
    merged = [_moved(area, left) for area in sheet.merged_cell_ranges or []]
    names = tuple(_name(head, at, column, merged) for column in range(len(head[at])))
    problems = [*_merged(merged, at, filled, left, inputs, tell)]
    if any(filled[:at]):
        problems.append(tell.problem("title_rows", row=at + 1))
    titles = [cell_text(cell) or "" for row in head[:at] for cell in row]
    if any(re.search(inputs.beside_like, title) for title in titles):
        problems.append(tell.problem("text_beside", where=f"1:{at}"))
    return Table(names, at, tuple(problems))


def _moved(area: Range, left: int) -> Range:
    (first_row, first), (last_row, last) = area
    return (first_row, first - left), (last_row, last - left)


def _name(head: Sequence[Sequence[Any]], row: int, column: int, merged: Sequence[Range]) -> str:
    """The header's text; of a cell merged with one above, that one's."""
    text = cell_text(head[row][column])
    if text:
        return text
    for (top, left), (bottom, _) in merged:
        if left == column and top < row <= bottom:
            return cell_text(head[top][column]) or ""
    return ""


def _merged(
    merged: Sequence[Range], at: int, filled: Sequence[int], left: int, inputs: Inputs, tell: Teller
) -> list[SourceProblem]:
    """Merged cells that touch the header, or a row above it that is no mere title."""
    found = [
        f"{cell_name(a, left + b)}:{cell_name(c, left + d)}"
        for (a, b), (c, d) in merged
        if a <= at <= c or (c < at and b < d and filled[a] > 1)
    ]
    if not found:
        return []
    more = "…" if len(found) > inputs.told else ""
    return [tell.problem("merged_header", cells="、".join(found[: inputs.told]) + more)]
