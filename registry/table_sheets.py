"""A data dictionary (数据字典) read strictly: headings by name, one row a table or one row a column."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog_specs import load
from catalog_specs.law_acceptance import Dictionary
from registry.errors import Rejected
from registry.secrecy import SecretScan
from registry.sheets import RawSheet, kind_of, read_workbook
from registry.text_files import read_csv
from registry.workbook_cells import column_letters
from validators.findings import Finding, word

Table = tuple[str, str, int]
_PARTS = ("table", "comment", "column")


@dataclass(slots=True)
class _Found:
    """A table while its rows are read."""

    place: str
    comment: str = ""
    columns: set[str] = field(default_factory=set)


def read_dictionary(path: Path) -> tuple[list[Table], tuple[str, ...]]:
    """The tables of a dictionary as (name, comment, columns), and what was noticed.

    Raises:
        Unreadable: a bad file. Rejected: a sheet without a heading, a merged or computed cell, a row without a table,
        a table or column that stands twice, a secrecy mark; with sheet and row.
    """
    specs = load()
    limits = specs.entry.limits
    sheets = read_workbook(path, limits) if kind_of(path) == "xlsx" else [read_csv(path, limits)]
    scan = SecretScan(specs)
    places = list(scan.of_sheets(sheets))
    if scan.is_named(path.stem) or places:
        rows = "、".join(f"{place.sheet or path.name} 第 {place.row} 行" for place in places[:20])
        found = word(Finding("E125"), specs, "zh")
        raise Rejected(f"{found.rule} {rows or '文件名'}：{found.message}。{found.fix}")
    tables: dict[str, _Found] = {}
    notes: list[str] = []
    for sheet in sheets:
        if not sheet.is_blank:
            notes += _read_sheet(sheet, specs.acceptance.dictionary, tables)
    return [(name, made.comment, len(made.columns)) for name, made in tables.items()], tuple(notes)


def _read_sheet(sheet: RawSheet, law: Dictionary, tables: dict[str, _Found]) -> list[str]:
    name = sheet.name or "文件"
    head, columns = _heading(sheet, law)
    if head < 0:
        if any(sheet.name.startswith(passed) for passed in law.passed):
            return [f"工作表“{sheet.name}”没有表名列，未读"]
        raise Rejected(f"{name}的前 {law.header_within} 行没有“{law.table[0]}”列；补上表头，或删去这张工作表")
    _refuse_merged(sheet, head)
    before = set(tables)
    for number in range(head + 1, len(sheet.rows)):
        place = f"{name} 第 {sheet.line(number)} 行"
        row = sheet.rows[number]
        if any(str(cell).strip() for cell in row if cell is not None) or _is_special(sheet, number):
            _take(_cells(sheet, number, columns, place), "column" in columns, before, tables, place)
    return []


def _heading(sheet: RawSheet, law: Dictionary) -> tuple[int, dict[str, int]]:
    """The row of the headings and the columns of their parts; (-1, {}) where there is none."""
    known = {heading.casefold(): part for part in _PARTS for heading in getattr(law, part)}
    for number, row in enumerate(sheet.rows[: law.header_within]):
        found: dict[str, int] = {}
        for column, cell in enumerate(row):
            part = known.get("".join(str(cell or "").split()).strip("*").casefold(), "")
            part = part or known.get(str(cell or "").strip().casefold(), "")
            if part and part in found:
                twice = column_letters(column)
                raise Rejected(
                    f"{sheet.name or '文件'} 第 {sheet.line(number)} 行：{twice} 列与前面的列表头同义（{cell}）；删去一列"
                )
            if part:
                found[part] = column
        if "table" in found:
            return number, found
    return -1, {}


def _refuse_merged(sheet: RawSheet, head: int) -> None:
    for (top, left), (bottom, right) in sheet.merged:
        if bottom > head:
            area = f"{column_letters(left)}{top + 1}:{column_letters(right)}{bottom + 1}"
            raise Rejected(
                f"{sheet.name or '文件'} 有合并单元格 {area}，看不出各行属于哪张表；取消合并，逐行填写表名"
            )


def _is_special(sheet: RawSheet, number: int) -> bool:
    return any(row == number for row, _column in sheet.special)


def _cells(sheet: RawSheet, number: int, columns: Mapping[str, int], place: str) -> dict[str, str]:
    row = sheet.rows[number]
    found = {}
    for part, column in columns.items():
        where = f"{place}（{column_letters(column)} 列）"
        if (number, column) in sheet.special:
            raise Rejected(f"{where}是公式或错误值，不是文字；改成文字后再导入")
        found[part] = _text(row[column] if column < len(row) else "", where, strict=part != "comment")
    return found


def _text(cell: Any, where: str, *, strict: bool) -> str:
    if cell is None or isinstance(cell, str):
        return (cell or "").strip()
    if strict:
        raise Rejected(f"{where}不是文字（{str(cell)[:20]}）；把单元格设为文本格式后重填")
    return str(cell)


def _take(
    cells: Mapping[str, str], by_column: bool, before: set[str], tables: dict[str, _Found], place: str
) -> None:
    name, column = cells["table"], cells.get("column", "")
    if not name:
        raise Rejected(f"{place}没有表名；每一行都要填写表名")
    known = tables.get(name)
    if known is not None and (not by_column or name in before):
        raise Rejected(f"{place}：表“{name[:80]}”在 {known.place} 已有；删去重复的行")
    made = tables.setdefault(name, _Found(place))
    made.comment = made.comment or cells.get("comment", "")
    if not by_column:
        return
    if not column:
        raise Rejected(f"{place}没有字段名；补上字段名，或删去这一行")
    if column in made.columns:
        raise Rejected(f"{place}：表“{name[:80]}”的字段“{column[:80]}”重复；删去重复的行")
    made.columns.add(column)
