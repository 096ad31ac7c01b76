"""Lists of data copies as files: read row by row with everything that is wrong, and the template for stewards.

The columns stand in systems.yaml (``copy_fields``) and are found by their Chinese name, an alias or the key.
"""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from catalog_specs import Specs, load
from catalog_specs.law_systems import CopyField
from registry.copy_values import choices_of
from registry.errors import Rejected
from registry.listed_rows import Layout, ListedRow, read_listed
from registry.workbook_cells import column_letters


def read_rows(path: Path) -> list[ListedRow]:
    """The rows of a list (XLSX, CSV or JSON Lines) with what was wrong with reading each.

    Raises:
        Unreadable: the file cannot be read. Rejected: something in it is marked secret, no sheet or several are
        such a list, or a column is unknown.
    """
    spec = load().systems
    fields, sheet = spec.copy_fields, spec.copy_sheet
    return read_listed(
        path,
        Layout(
            "数据副本表",
            {text: row.key for row in fields for text in (row.zh, row.key, *row.aliases)},
            frozenset(row.key for row in fields if row.required),
            skipped=(f"{sheet.help_prefix}：", f"{sheet.sample_prefix}："),
            several=True,
            cure="；用 mulu system copies template 取模板",
        ),
    )


# ---- the template -----------------------------------------------------------------------------------------


def write_template(path: Path | BytesIO) -> None:
    """The blank workbook: drop-downs, required columns marked, a row of help and a sample, which are skipped.

    Raises:
        Rejected: the file cannot be written.
    """
    import xlsxwriter  # needed for writing workbooks alone
    from xlsxwriter.exceptions import FileCreateError

    specs = load()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(path) if isinstance(path, Path) else path, options)
    sheet, fields = book.add_worksheet(specs.systems.copy_sheet.zh), specs.systems.copy_fields
    ranges = _dictionary(book, specs)
    base = {"bold": True, "border": 1, "text_wrap": True, "valign": "vcenter"}
    heads = {
        True: book.add_format(base | {"bg_color": "#FCE4D6"}),
        False: book.add_format(base | {"bg_color": "#E2EFDA"}),
    }
    text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    grey = book.add_format({"italic": True, "font_color": "#7F7F7F", "num_format": "@", "text_wrap": True})
    for number, row in enumerate(fields):
        sheet.write_string(0, number, f"{row.zh}{'*' if row.required else ''}", heads[row.required])
        sheet.write_string(1, number, _lead(specs.systems.copy_sheet.help_prefix, number) + _help(row), grey)
        sample = _lead(specs.systems.copy_sheet.sample_prefix, number) + _sample(row, specs)
        sheet.write_string(2, number, sample, grey)
        sheet.set_column(number, number, 18, text)
        _validate(sheet, number, row, ranges, specs)
    sheet.freeze_panes(3, 2)
    try:
        book.close()
    except FileCreateError as error:
        raise Rejected(f"不能写入工作簿：{error}") from error


def _lead(prefix: str, number: int) -> str:
    return f"{prefix}：" if number == 0 else ""


def _help(row: CopyField) -> str:
    kinds = {"texts": "多个以分号隔开", "day": "写作 2026-11-20", "kind": "从下拉列表选择"}
    said = kinds.get(
        row.type, "从下拉列表选择" if row.type in ("medium", "code") else f"至多 {row.length} 字"
    )
    return f"{'必填' if row.required else '选填'}；{said}"


def _sample(row: CopyField, specs: Specs) -> str:
    return row.example or next(iter(choices_of(row, specs).values()), "")


def _dictionary(book: Any, specs: Specs) -> dict[str, str]:
    """A hidden sheet of what may be chosen; gives the field -> range. What may not be registered is not offered."""
    sheet = book.add_worksheet("_字典")
    sheet.hide()
    found = {}
    for column, row in enumerate(one for one in specs.systems.copy_fields if choices_of(one, specs)):
        names = [zh for key, zh in choices_of(row, specs).items() if not _referred(row, key, specs)]
        for number, zh in enumerate([row.zh, *names]):
            sheet.write_string(number, column, zh)
        letters = column_letters(column)
        found[row.key] = f"='_字典'!${letters}$2:${letters}${len(names) + 1}"
    return found


def _referred(row: CopyField, key: str, specs: Specs) -> bool:
    levels = specs.retirement.level_choice if row.codes else ()
    return any(level.refer and key in level.grades for level in levels)


def _validate(sheet: Any, number: int, row: CopyField, ranges: Mapping[str, str], specs: Specs) -> None:
    if row.key not in ranges:
        return
    said = {"error_title": row.zh[:32], "error_message": "请从下拉列表中选择"}
    options = {"validate": "list", "source": ranges[row.key], "error_type": "stop", "ignore_blank": True}
    sheet.data_validation(3, number, specs.systems.copy_sheet.rows, number, options | said)
