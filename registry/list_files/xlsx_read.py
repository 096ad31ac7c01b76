"""A workbook read back: every cell that a person sees is held against what is printed of the carried document.

Two readers look at it: one gives the values that a spreadsheet shows, the other holds the parts of the package to what
may stand in them (xlsx_names) and looks at every cell, its style, and what stands round it (xlsx_seen). What is not
known is a difference.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from registry.list_document import ListDocument
from registry.list_files.carried import Carried, document_of, parse, reading_limits
from registry.list_files.printed import UNSEALED, cell_name, lined, told
from registry.list_files.xlsx import CARRIED_SHEET, Row, sheet_names, sheet_rows
from registry.list_files.xlsx_seen import is_blank, seen_differences, shown_of
from registry.sheets import RawSheet, read_workbook

_MOST = 500


def read_xlsx(path: Path) -> Carried:
    """The document that a workbook carries, compared with all its sheets.

    Raises:
        Rejected: no workbook, damaged, too large, protected by a password, or what it carries is damaged.
    """
    sheets = {sheet.name: sheet for sheet in read_workbook(path, reading_limits())}
    carried = sheets.get(CARRIED_SHEET)
    if carried is None:
        return Carried(None, [], [UNSEALED] if any(map(_is_live, sheets.values())) else [])
    document, differences = document_of(parse(_text_of(carried)))
    differences += _sheets_unlike(list(sheets), document)
    meant = {
        name: list(sheet_rows(document, table))
        for name, table in zip(sheet_names(document), document.lists, strict=True)
        if name in sheets
    }
    for name, rows in meant.items():
        differences += _cells_unlike(sheets[name], rows)
    differences += _beside_carried(carried)
    larger = [name for name, rows in meant.items() if _is_larger(sheets[name], rows)]
    if larger:
        differences += [f"{name}：表格以外还有单元格" for name in larger]
        return Carried(document, _bounded(differences), [])
    more, notes = seen_differences(path, document, meant)
    return Carried(document, _bounded([*differences, *more]), notes)


def _is_live(sheet: RawSheet) -> bool:
    return any(isinstance(cell, str) and UNSEALED in cell for row in sheet.rows[:1] for cell in row)


def _text_of(sheet: RawSheet) -> str:
    return "".join(str(row[0]) for row in sheet.rows if row)


def _beside_carried(sheet: RawSheet) -> Iterator[str]:
    if sheet.special or any(not is_blank(cell) for row in sheet.rows for cell in row[1:]):
        yield f"{sheet.name}：封存数据以外还有内容"


def _bounded(differences: Sequence[str]) -> list[str]:
    """Each difference once (both readers tell of a changed cell), and not endlessly many."""
    found = list(dict.fromkeys(differences))
    rest = len(found) - _MOST
    return found if rest <= 0 else [*found[:_MOST], f"还有 {rest} 处不同"]


def _sheets_unlike(names: list[str], document: ListDocument) -> Iterator[str]:
    meant = [*sheet_names(document), CARRIED_SHEET]
    yield from (f"{name}：多出的工作表，不在封存之列" for name in names if name not in meant)
    missing = [name for name in meant if name not in names]
    yield from (f"{name}：缺少这张工作表" for name in missing)
    kept = [name for name in names if name in meant]
    if kept != [name for name in meant if name in kept]:
        yield f"工作表的次序是“{'、'.join(kept)}”，与封存时不同"


def _is_larger(sheet: RawSheet, rows: list[Row]) -> bool:
    """Whether a sheet is so much larger than it should be that the slower reader would only lose time on it."""
    return (
        len(sheet.rows) > len(rows) + 1000
        or len(sheet.rows[0] if sheet.rows else ()) > len(rows[0].cells) * 2 + 100
    )


def _cells_unlike(sheet: RawSheet, rows: list[Row]) -> Iterator[str]:
    """Cells whose shown value is another one, formulas, and values beside the table."""
    if not sheet.visible:
        yield f"{sheet.name}：工作表被隐藏"
    for number in range(max(len(sheet.rows), len(rows))):
        shown = sheet.rows[number] if number < len(sheet.rows) else []
        meant = rows[number].cells if number < len(rows) else []
        for column in range(max(len(shown), len(meant))):
            value = shown[column] if column < len(shown) else ""
            text = meant[column] if column < len(meant) else ""
            place = cell_name(sheet.name, number, column)
            if (number, column) in sheet.special:
                yield f"{place}：是公式或错误值（显示“{shown_of(value)}”），封存的是文本“{text}”"
            elif not is_blank(value) and not isinstance(value, str):
                yield f"{place}：是数字或日期 {shown_of(value)}，封存的是文本“{text}”"
            elif lined(value or "") != text:
                yield told(place, shown_of(value), text)
