"""The fates of a retirement's entries as a workbook: written with what is known, filled in, read back."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from catalog_specs import load
from registry.listed_rows import Layout, ListedRow, read_listed
from registry.retirement_cases import refused
from registry.retirement_entries import Fate
from registry.subjects import lifecycle_of
from validators.rendering import guard_formula

NAME = "处置表"
# heading, key, width in characters
_COLUMNS = (
    ("资源代码", "entry", 26),
    ("名称", "name", 40),
    ("状态", "state", 12),
    ("处置", "fate", 34),
    ("理由", "why", 30),
    ("存放处", "archive", 30),
)


def write_fates(lines: Iterable[Mapping[str, Any]], path: Path | BytesIO) -> None:
    """Write the entries of a case (``entry_lines``) as a workbook with a choice of fates."""
    # heavy, and only needed when workbooks are written
    import xlsxwriter

    fates = {fate.key: fate.zh for fate in load().retirement.fates}
    with xlsxwriter.Workbook(
        path if isinstance(path, BytesIO) else str(path),
        {"strings_to_formulas": False, "strings_to_urls": False},
    ) as book:
        sheet, text = book.add_worksheet(NAME), book.add_format({"num_format": "@"})
        head = book.add_format({"bold": True, "bg_color": "#DDE6F0", "border": 1})
        for column, (heading, _key, width) in enumerate(_COLUMNS):
            sheet.write_string(0, column, heading, head)
            sheet.set_column(column, column, width, text)
        count = 0
        for count, line in enumerate(lines, 1):
            for column, value in enumerate(_cells(line, fates)):
                sheet.write_string(count, column, guard_formula(value), text)
        choices = {"validate": "list", "source": list(fates.values())}
        sheet.data_validation(1, 3, max(count, 1), 3, choices)
        sheet.freeze_panes(1, 1)


def _cells(line: Mapping[str, Any], fates: Mapping[str, str]) -> tuple[str, ...]:
    states = {state.key: state.zh for state in lifecycle_of(load()).entry_states}
    state = str(line["state"])
    shown = (line["code"] or line["entry"], line["name"], states.get(state, state))
    return (*map(str, shown), fates.get(line["fate"] or "", ""), line["why"], line["archive"])


def read_fates(path: Path) -> list[Fate]:
    """The fates that a filled-in list asks for; rows without a fate are passed over.

    Raises:
        Unreadable, Rejected: the file, or a row, is not what was asked for; every row is named.
    """
    headings = {heading: key for heading, key, _width in _COLUMNS} | {key: key for _h, key, _w in _COLUMNS}
    rows = read_listed(path, Layout(NAME, headings, frozenset({"entry", "fate"})))
    wrong = [f"第 {row.row} 行：{said}" for row in rows for said in _faults(row)]
    if wrong:
        raise refused("处置没有登记，请改正：", wrong)
    return [_fate(row) for row in rows if row.values.get("fate")]


def _faults(row: ListedRow) -> list[str]:
    fate = row.values.get("fate", "")
    unknown = (
        [f"没有“{fate[:20]}”这种处置；可用：{'、'.join(dict.fromkeys(_named()))}"]
        if _key(fate) is None
        else []
    )
    return [*row.errors, *([] if row.values.get("entry") else ["没有资源代码"]), *unknown]


def _named() -> dict[str, str]:
    """Every way to write a fate -> its key."""
    fates = load().retirement.fates
    short = {fate.zh.partition("（")[0]: fate.key for fate in fates}
    return {fate.zh: fate.key for fate in fates} | short | {fate.key: fate.key for fate in fates}


def _key(written: str) -> str | None:
    return _named().get(written) if written else ""


def _fate(row: ListedRow) -> Fate:
    given = row.values
    return Fate(given["entry"], _key(given["fate"]) or "", given.get("why", ""), given.get("archive", ""))
