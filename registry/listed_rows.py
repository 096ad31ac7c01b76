"""Small lists that people fill in: XLSX, CSV or JSON Lines, columns by name, each row with all that is wrong with it.

Nothing is guessed: an unknown column, a formula, a number that a spreadsheet has rounded, anything marked secret.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from catalog_specs import load
from registry.errors import Rejected
from registry.layout import normal_header
from registry.secrecy import SecretScan
from registry.sheets import RawSheet, kind_of, read_workbook
from registry.text_files import JsonLine, read_csv, read_jsonl
from registry.workbook_cells import column_letters

# beyond this a spreadsheet has rounded a number that was typed as such
_EXACT = 10**15
_HEADER_ROWS = 10


@dataclass(frozen=True)
class Layout:
    """A kind of list: what it is called, every way to head a column (-> key; the first one of a key is its name), the
    columns it cannot be without, and the beginnings of rows that only explain.

    ``several``: an element of JSON Lines may be a list of texts. ``cure``: where to get a blank list.
    """

    name: str
    headings: Mapping[str, str]
    required: frozenset[str]
    skipped: tuple[str, ...] = ()
    several: bool = False
    cure: str = ""

    @cached_property
    def _keys(self) -> dict[str, str]:
        return {normal_header(text): key for text, key in self.headings.items()}

    @cached_property
    def names(self) -> dict[str, str]:
        """Every key with its name, in the order of the columns."""
        found: dict[str, str] = {}
        for text, key in self.headings.items():
            found.setdefault(key, text)
        return found

    def key_of(self, heading: object) -> str | None:
        """The key of a column by its heading."""
        return self._keys.get(normal_header(heading))


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row: its number, what is written by key (text, or a list of texts), and what was wrong with reading it."""

    row: int
    values: Mapping[str, Any]
    errors: tuple[str, ...] = ()


def read_listed(path: Path, layout: Layout) -> list[ListedRow]:
    """The rows of a list.

    Raises:
        Unreadable: the file cannot be read. Rejected: something in it is marked secret, no sheet or several are such
        a list, or a column is unknown.
    """
    kind, specs = kind_of(path), load()
    scan, limits = SecretScan(specs), specs.entry.limits
    if kind == "jsonl":
        lines = list(read_jsonl(path, limits))
        stop_secret(scan, path, [place.row for place in scan.of_lines(lines)])
        return [_of_line(line, layout) for line in lines]
    raw = read_workbook(path, limits) if kind == "xlsx" else [read_csv(path, limits)]
    stop_secret(scan, path, [place.row for place in scan.of_sheets(raw)])
    sheet, header = _list_in(raw, layout)
    return list(_of_sheet(sheet, header, layout))


def stop_secret(scan: SecretScan, path: Path, rows: Sequence[int]) -> None:
    """Refuse a file that is called or marked secret in some ``rows``: nothing of it is kept.

    Raises:
        Rejected: it is.
    """
    if rows or scan.is_named(path.stem):
        places = "、".join(f"第{row}行" for row in rows[:5])
        raise Rejected(f"E125 {load().say('report_secret')}{places}")


def _of_line(line: JsonLine, layout: Layout) -> ListedRow:
    if line.fault:
        return ListedRow(line.line, {}, (f"不是 JSON 对象：{line.fault}",))
    errors: list[str] = []
    found: dict[str, Any] = {}
    for heading, value in line.value.items():
        key = layout.key_of(heading)
        if key is not None and layout.several and isinstance(value, list):
            found[key] = [str(part) for part in value if part is not None]
        elif key is None or isinstance(value, dict | list):
            errors.append(f"没有“{str(heading)[:20]}”这一项" if key is None else f"“{heading[:20]}”须是文字")
        else:
            found[key] = _plain(value, errors, heading)
    return ListedRow(line.line, found, tuple(errors))


def _list_in(sheets: Sequence[RawSheet], layout: Layout) -> tuple[RawSheet, int]:
    """The sheet that is the list, and the row of its header."""
    found = []
    for sheet in sheets:
        for number, row in enumerate(sheet.rows[:_HEADER_ROWS]):
            if sheet.visible and layout.required <= {layout.key_of(cell) for cell in row}:
                found.append((sheet, number))
                break
    if len(found) == 1:
        return found[0]
    if found:
        listed = "、".join(sheet.name for sheet, _number in found)
        raise Rejected(f"有 {len(found)} 张工作表是{layout.name}（{listed}）；一次给出一张")
    heads = "、".join(text for key, text in layout.names.items() if key in layout.required)
    raise Rejected(f"没有{layout.name}：表头须有{heads}{layout.cure}")


def _of_sheet(sheet: RawSheet, header: int, layout: Layout) -> Iterator[ListedRow]:
    columns, wrong = headed_columns(sheet, header, layout.key_of)
    if wrong:
        raise Rejected(
            f"{layout.name}的表头不对：{'；'.join(wrong)}。可用：{'、'.join(layout.names.values())}"
        )
    for number in range(header + 1, len(sheet.rows)):
        row = sheet.rows[number]
        special = {column for at, column in sheet.special if at == number}
        first = next((text for cell in row if cell is not None and (text := str(cell).strip())), "")
        if (first or special) and not (layout.skipped and first.startswith(layout.skipped)):
            yield _row(sheet.line(number), row, columns, special, layout)


def headed_columns(
    sheet: RawSheet, header: int, key_of: Callable[[str], str | None]
) -> tuple[dict[int, str], list[str]]:
    """The keys of a sheet's columns by their headings, and the columns that are unknown or stand twice."""
    found: dict[int, str] = {}
    wrong = []
    for number, cell in enumerate(sheet.rows[header]):
        text = str(cell or "").strip()
        key = key_of(text) if text else None
        if key is not None and key not in found.values():
            found[number] = key
        elif text or any(
            str(row[number] or "").strip() for row in sheet.rows[header + 1 :] if number < len(row)
        ):
            wrong.append(f"第 {column_letters(number)} 列“{text[:20]}”{'重复' if key else '不认识'}")
    return found, wrong


def _row(
    number: int, row: Sequence[Any], columns: Mapping[int, str], special: set[int], layout: Layout
) -> ListedRow:
    errors: list[str] = []
    found: dict[str, str] = {}
    for column, key in columns.items():
        name = layout.names[key]
        if column in special:
            errors.append(f"{name}：是公式或错误值；改写成文字")
        elif column < len(row) and (text := _plain(row[column], errors, name)):
            found[key] = text
    extra = [cell for column, cell in enumerate(row) if column > max(columns) and str(cell or "").strip()]
    errors += [f"表头之外还有内容“{str(extra[0])[:20]}”"] if extra else []
    return ListedRow(number, found, tuple(errors))


def _plain(value: Any, errors: list[str], name: str) -> str:
    """A cell as text; a number is written without a point, one that a spreadsheet has rounded is no text."""
    match value:
        case None:
            return ""
        case bool():
            errors.append(f"{name}：是逻辑值；改写成文字")
            return ""
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case int() | float():
            if abs(value) >= _EXACT:
                errors.append(f"{name}：存成了数字，已经丢位；单元格设为文本后重新填写")
            return str(int(value)) if value == int(value) else str(value)
        case _:
            return str(value).strip()
