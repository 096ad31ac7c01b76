"""Lists of data copies as files: read row by row with everything that is wrong, and the template for stewards.

The columns stand in systems.yaml (``copy_fields``) and are found by their Chinese name, an alias or the key.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from catalog_specs import Specs, load
from catalog_specs.law_systems import CopyField
from registry.copies import GivenRow
from registry.copy_values import choices_of
from registry.errors import Rejected
from registry.layout import normal_header
from registry.secrecy import SecretScan
from registry.sheets import RawSheet, kind_of, read_workbook
from registry.text_files import JsonLine, read_csv, read_jsonl
from registry.workbook_cells import column_letters

# beyond this a spreadsheet has rounded a number that was typed as such
_EXACT = 10**15
_HEADER_ROWS = 10


def read_rows(path: Path) -> list[GivenRow]:
    """The rows of a list (XLSX, CSV or JSON Lines) with what was wrong with reading each.

    Raises:
        Unreadable: the file cannot be read. Rejected: something in it is marked secret, no sheet or several are
        such a list, or a column is unknown.
    """
    kind, specs, scan = kind_of(path), load(), SecretScan(load())
    limits = specs.entry.limits
    if kind == "jsonl":
        lines = list(read_jsonl(path, limits))
        _stop_secret(scan, path, [place.row for place in scan.of_lines(lines)])
        return [_of_line(line, specs) for line in lines]
    raw = read_workbook(path, limits) if kind == "xlsx" else [read_csv(path, limits)]
    _stop_secret(scan, path, [place.row for place in scan.of_sheets(raw)])
    sheet, header = _list_in(raw, specs)
    return list(_of_sheet(sheet, header, specs))


def _stop_secret(scan: SecretScan, path: Path, rows: Sequence[int]) -> None:
    if rows or scan.is_named(path.stem):
        places = "、".join(f"第{row}行" for row in rows[:5])
        raise Rejected(f"E125 {load().say('report_secret')}{places}")


# ---- JSON Lines -------------------------------------------------------------------------------------------


def _of_line(line: JsonLine, specs: Specs) -> GivenRow:
    if line.fault:
        return GivenRow(line.line, {}, (f"不是 JSON 对象：{line.fault}",))
    names = _names(specs)
    found: dict[str, Any] = {}
    errors = []
    for key, value in line.value.items():
        known = names.get(normal_header(key))
        if known is None or isinstance(value, dict):
            errors.append(f"没有字段“{str(key)[:20]}”" if known is None else f"“{key[:20]}”须是文字")
        else:
            found[known] = _parts(value) if isinstance(value, list) else _plain(value, errors, key)
    return GivenRow(line.line, found, tuple(errors))


def _parts(value: list[Any]) -> list[str]:
    return [str(part) for part in value if part is not None]


# ---- sheets -----------------------------------------------------------------------------------------------


def _names(specs: Specs) -> dict[str, str]:
    """Every way to head a column -> the key of its field."""
    rows = specs.systems.copy_fields
    return {normal_header(name): row.key for row in rows for name in (*row.aliases, row.key, row.zh)}


def _list_in(sheets: Sequence[RawSheet], specs: Specs) -> tuple[RawSheet, int]:
    """The sheet that is the list, and the row of its header."""
    names = _names(specs)
    required = {row.key for row in specs.systems.copy_fields if row.required}
    found = []
    for sheet in sheets:
        for number, row in enumerate(sheet.rows[:_HEADER_ROWS]):
            if sheet.visible and required <= {names.get(normal_header(cell)) for cell in row}:
                found.append((sheet, number))
                break
    if len(found) == 1:
        return found[0]
    heads = "、".join(row.zh for row in specs.systems.copy_fields if row.required)
    if found:
        listed = "、".join(sheet.name for sheet, _number in found)
        raise Rejected(f"有 {len(found)} 张工作表是数据副本表（{listed}）；一次导入一张")
    raise Rejected(f"没有数据副本表：表头须有{heads}；用 mulu system copies template 取模板")


def _of_sheet(sheet: RawSheet, header: int, specs: Specs) -> Iterator[GivenRow]:
    columns = _columns(sheet, header, specs)
    skipped = (specs.systems.copy_sheet.help_prefix, specs.systems.copy_sheet.sample_prefix)
    for number in range(header + 1, len(sheet.rows)):
        row = sheet.rows[number]
        special = {column for at, column in sheet.special if at == number}
        first = next((text for cell in row if (text := str(cell).strip())), "")
        if (not first and not special) or first.startswith(tuple(f"{one}：" for one in skipped)):
            continue
        yield _row(sheet.line(number), row, columns, special)


def _columns(sheet: RawSheet, header: int, specs: Specs) -> dict[int, CopyField]:
    names, index = _names(specs), specs.systems.copy_field_index
    found: dict[int, CopyField] = {}
    wrong = []
    for number, cell in enumerate(sheet.rows[header]):
        text = str(cell).strip()
        key = names.get(normal_header(text)) if text else None
        if key is not None and key not in {row.key for row in found.values()}:
            found[number] = index[key]
        elif text or any(str(row[number]).strip() for row in sheet.rows[header + 1 :] if number < len(row)):
            wrong.append(f"第 {column_letters(number)} 列“{text[:20]}”{'重复' if key else '不认识'}")
    if wrong:
        listed = "、".join(row.zh for row in specs.systems.copy_fields)
        raise Rejected(f"数据副本表的表头不对：{'；'.join(wrong)}。可用：{listed}")
    return found


def _row(number: int, row: Sequence[Any], columns: Mapping[int, CopyField], special: set[int]) -> GivenRow:
    errors: list[str] = []
    found: dict[str, Any] = {}
    for column, field in columns.items():
        if column in special:
            errors.append(f"{field.zh}：是公式或错误值；改写成文字")
        elif column < len(row) and (text := _plain(row[column], errors, field.zh)):
            found[field.key] = text
    extra = [cell for column, cell in enumerate(row) if column > max(columns) and str(cell).strip()]
    if extra:
        errors.append(f"表头之外还有内容“{str(extra[0])[:20]}”")
    return GivenRow(number, found, tuple(errors))


def _plain(value: Any, errors: list[str], name: str) -> str:
    """A cell as text; a number is written without a point, one that a spreadsheet has rounded is no text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        errors.append(f"{name}：是逻辑值；改写成文字")
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        if abs(value) >= _EXACT:
            errors.append(f"{name}：存成了数字，已经丢位；单元格设为文本后重新填写")
        return str(int(value)) if value == int(value) else str(value)
    return str(value).strip()


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
