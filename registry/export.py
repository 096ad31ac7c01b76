"""Entries written as XLSX (目录 + 信息项), CSV (one row an item) or JSON Lines; what is written is read back alike.

Text is always written as text: a cell that begins with = + - @ never becomes a formula.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from catalog_specs import Specs
from catalog_specs.model import FieldSpec, FieldType
from registry.errors import Rejected
from registry.keys import canonical_json
from registry.layout import one_row_header
from registry.workbook_cells import column_letters
from validators.rendering import Render, guard_formula, renderer

Content = Mapping[str, Any]
SUFFIXES = {".xlsx": "xlsx", ".csv": "csv", ".jsonl": "jsonl"}
CELL_LIMIT = 32_767


def export_entries(contents: Iterable[Content], path: Path, specs: Specs) -> int:
    """Write entries to a file whose name tells the format; gives how many. A file of that name is replaced whole.

    Raises:
        Rejected: the name ends in none of .xlsx, .csv, .jsonl, or nothing can be written there.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise Rejected(f"不能导出为“{path.suffix or path.name}”；文件名请以 .xlsx、.csv 或 .jsonl 结尾")
    writers = {"xlsx": write_xlsx, "csv": write_csv, "jsonl": write_jsonl}
    with _beside(path) as target:
        return writers[kind](contents, target, specs)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place when all went well, and is gone when not."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.touch()
        yield beside
        beside.replace(path)
    except OSError as error:
        raise Rejected(f"不能写入 {path}：{error.strerror or error}") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def write_jsonl(contents: Iterable[Content], path: Path, specs: Specs) -> int:
    """One entry a line, keys of entry.yaml, items under ``items``; UTF-8, Chinese unescaped."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for content in contents:
            file.write(canonical_json(content) + "\n")
            count += 1
    return count


class Columns:
    """The columns of a table of fields: headers and how a stored row becomes cells."""

    def __init__(self, fields: Iterable[FieldSpec], specs: Specs, *, one_row: bool = False) -> None:
        self.fields = list(fields)
        self.keys = [spec.key for spec in self.fields]
        self.headers = [one_row_header(s, specs) if one_row else s.zh for s in self.fields]
        self.renders: list[Render] = [renderer(spec, specs) for spec in self.fields]

    def cells(self, row: Content) -> list[str]:
        return [render(row.get(key)) for key, render in zip(self.keys, self.renders, strict=True)]


def items_of(content: Content) -> list[dict[str, Any]]:
    """The items of an entry that are rows; a malformed list counts as none."""
    listed = content.get("items")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def write_csv(contents: Iterable[Content], path: Path, specs: Specs) -> int:
    """One row an item, the entry's fields in each row; UTF-8 with BOM, so that spreadsheets read the Chinese."""
    entry = Columns(specs.entry.fields, specs)
    item = Columns(specs.entry.items, specs, one_row=True)
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([*entry.headers, *item.headers])
        for content in contents:
            own = entry.cells(content)
            for row in items_of(content) or [{}]:
                writer.writerow(map(guard_formula, [*own, *item.cells(row)]))
            count += 1
    return count


# ---- XLSX -------------------------------------------------------------------------------------------------


def join_columns(specs: Specs) -> list[FieldSpec]:
    """The columns of the sheet of items that say which entry an item belongs to."""
    return [specs.fields[key] for key in ("resource_code", "resource_name", "provider_code")]


def write_xlsx(contents: Iterable[Content], path: Path | BytesIO, specs: Specs) -> int:
    """Two sheets, 目录 and 信息项; items are joined to their entry by code, name and provider code."""
    book = _book(path)
    text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    entry, item = Columns(specs.entry.fields, specs), Columns(specs.entry.items, specs)
    join = Columns(join_columns(specs), specs)
    names = specs.entry.sheets
    entries_sheet, items_sheet = book.add_worksheet(names.entries), book.add_worksheet(names.items)
    _head(book, entries_sheet, entry, specs)
    _head(book, items_sheet, join, specs, item)
    entry_row = item_row = 1
    for content in contents:
        _write_row(entries_sheet, entry_row, entry.cells(content), text)
        entry_row += 1
        own = join.cells(content)
        for row in items_of(content):
            _write_row(items_sheet, item_row, [*own, *item.cells(row)], text)
            item_row += 1
    _close(book)
    return entry_row - 1


def _book(path: Path | BytesIO) -> Any:
    # xlsxwriter is needed for writing workbooks alone
    import xlsxwriter

    target = str(path) if isinstance(path, Path) else path
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    return xlsxwriter.Workbook(target, options | {"default_date_format": "yyyy-mm-dd"})


def _close(book: Any) -> None:
    from xlsxwriter.exceptions import FileCreateError

    try:
        book.close()
    except FileCreateError as error:
        raise Rejected(f"不能写入工作簿：{error}") from error


def _head(book: Any, sheet: Any, columns: Columns, specs: Specs, more: Columns | None = None) -> None:
    plain = book.add_format({"bold": True, "bg_color": "#DCE6F1", "border": 1, "text_wrap": True})
    required = book.add_format({"bold": True, "bg_color": "#FCE4D6", "border": 1, "text_wrap": True})
    fields = [*columns.fields, *(more.fields if more else ())]
    for number, spec in enumerate(fields):
        sheet.write_string(0, number, spec.zh, required if spec.obligation == "M" else plain)
        sheet.set_column(number, number, spec.width)
    sheet.freeze_panes(1, 1)


def _write_row(sheet: Any, row: int, cells: Iterable[str], text: Any) -> None:
    for column, cell in enumerate(cells):
        if cell:
            sheet.write_string(row, column, cell[:CELL_LIMIT], text)


# ---- template ---------------------------------------------------------------------------------------------


def write_template(path: Path, specs: Specs, *, rows: int = 2000) -> None:
    """The blank workbook: drop-downs, required marks, help comments, text columns, a help row and a sample row.

    Rows 2 and 3 begin with 填写说明 and 示例 and are skipped on import.
    """
    book = _book(path)
    names = specs.entry.sheets
    entry, item = Columns(specs.entry.fields, specs), Columns(specs.entry.items, specs)
    join = Columns(join_columns(specs)[:2], specs)
    sheets = [book.add_worksheet(names.entries), book.add_worksheet(names.items)]
    lists = _dictionary(book, specs)
    _template_sheet(book, sheets[0], entry.fields, specs, lists, rows)
    _template_sheet(book, sheets[1], [*join.fields, *item.fields], specs, lists, rows * 10)
    _guide(book, specs)
    sheets[0].activate()
    _close(book)


def _dictionary(book: Any, specs: Specs) -> dict[str, str]:
    """A hidden sheet of code lists; gives code list -> range for drop-downs. Secret values are not offered."""
    sheet = book.add_worksheet("_字典")
    sheet.hide()
    ranges = {}
    used = {s.codes: s for s in (*specs.entry.fields, *specs.entry.items) if s.type in _DROP_DOWN}
    for column, key in enumerate(sorted(used)):
        values = [v.zh for v in specs.codes[key].values if v.attrs.get("registrable") is not False]
        sheet.write_string(0, column, specs.codes[key].zh)
        for row, value in enumerate(values, 1):
            sheet.write_string(row, column, value)
        name = f"dict_{key}"
        letters = column_letters(column)
        book.define_name(name, f"='_字典'!${letters}$2:${letters}${len(values) + 1}")
        ranges[key] = f"={name}"
    return ranges


_DROP_DOWN = (FieldType.ENUM, FieldType.ENUM_LIST)


def _template_sheet(
    book: Any, sheet: Any, fields: list[FieldSpec], specs: Specs, lists: Mapping[str, str], rows: int
) -> None:
    colours = {"M": "#FCE4D6", "C": "#FFF2CC", "O": "#E2EFDA"}
    heads = {
        key: book.add_format(
            {"bold": True, "bg_color": colour, "border": 1, "text_wrap": True, "valign": "vcenter"}
        )
        for key, colour in colours.items()
    }
    text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    grey = book.add_format(
        {"italic": True, "font_color": "#7F7F7F", "num_format": "@", "text_wrap": True, "valign": "top"}
    )
    names = specs.entry.sheets
    for number, spec in enumerate(fields):
        mark = "*" if spec.obligation == "M" and not spec.assigned else ""
        sheet.write_string(0, number, f"{spec.zh}{mark}", heads[spec.obligation])
        sheet.write_comment(0, number, help_text(spec, specs), {"author": names.comment_author, "x_scale": 2})
        lead = (
            f"{names.help_prefix}：" if number == 0 else "",
            f"{names.sample_prefix}：" if number == 0 else "",
        )
        sheet.write_string(1, number, f"{lead[0]}{spec.help or _obligation(spec)}", grey)
        sheet.write_string(2, number, f"{lead[1]}{spec.example}", grey)
        sheet.set_column(number, number, spec.width, text)
        _validate(sheet, number, spec, lists, rows)
    sheet.set_row(0, 32)
    sheet.freeze_panes(3, 2)


def _obligation(spec: FieldSpec) -> str:
    return {"M": "必填", "C": "符合条件时必填", "O": "选填"}[spec.obligation]


def help_text(spec: FieldSpec, specs: Specs) -> str:
    """The help of a field: obligation, how to fill it in, length, where it comes from."""
    parts = [_obligation(spec), spec.help, f"最多 {spec.max_len} 字" if spec.max_len else ""]
    parts.append(f"例：{spec.example}" if spec.example else "")
    parts.append(f"依据：{specs.cited(spec.sources)}")
    return "\n".join(part for part in parts if part)


def _validate(sheet: Any, number: int, spec: FieldSpec, lists: Mapping[str, str], rows: int) -> None:
    if spec.codes not in lists:
        return
    # a field that takes several values, or values of its own, offers the list without forbidding others
    strict = spec.type is FieldType.ENUM and not spec.open_codes
    options = {
        "validate": "list",
        "source": lists[spec.codes],
        "error_title": spec.zh[:32],
        "error_message": "请从下拉列表中选择",
        "error_type": "stop" if strict else "information",
        "ignore_blank": True,
    }
    sheet.data_validation(3, number, rows, number, options)


def _guide(book: Any, specs: Specs) -> None:
    """A sheet that says how to fill in the workbook."""
    sheet = book.add_worksheet("说明")
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 110, wrap)
    for row, line in enumerate(guide_lines(specs)):
        sheet.write_string(row, 0, line, wrap)


def guide_lines(specs: Specs) -> Iterator[str]:
    """The lines of the guide sheet."""
    names = specs.entry.sheets
    yield f"适用：{specs.profile.zh}"
    yield f"“{names.entries}”一行一条目录；“{names.items}”一行一个信息项，以资源代码或资源名称与目录对应。"
    yield "橙色列必填，黄色列符合条件时必填，绿色列选填；鼠标移到表头可看填写说明和依据。"
    yield "资源代码可以留空，登记时自动分配；代码列是文本格式，请不要改成数字。"
    yield "一格填多个值时用顿号分隔；结构化内容（依据、派生来源等）按表头说明用“｜”分隔。"
    yield f"第 2、3 行（以“{names.help_prefix}”“{names.sample_prefix}”开头）导入时自动跳过，可以不删。"
    yield "国家秘密和工作秘密不得填入本表。"
