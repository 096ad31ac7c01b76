"""Wipe records as files: a template workbook for stewards, and workbooks, CSV and JSON read back strictly.

A person takes one column a particular (操作人姓名, 操作人职务 …), copies are written 主库一=已清除；备份一=已移交.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from catalog_specs import Specs, load
from registry.errors import Rejected
from registry.layout import normal_header
from registry.listed_rows import headed_columns, stop_secret
from registry.plain_json import texts_in
from registry.secrecy import SecretScan
from registry.sheets import RawSheet, check_size, kind_of, read_workbook
from registry.text_files import read_csv, read_jsonl
from registry.workbook_cells import column_letters
from validators.wipe_fields import choices, field_terms, field_types, fields_of, label_of, tables

_PARTS = re.compile(r"[;；\n]+")
_ANSWER = re.compile(r"\s*[=＝:：]\s*")
_EXACT = 10**15
_ROWS = 2000
_WORDS = {"是": True, "true": True, "否": False, "false": False}


class Column(NamedTuple):
    """A column: the field, and the part of a person if it is one."""

    where: str
    zh: str
    type: str
    required: bool

    @property
    def field(self) -> str:
        return self.where.partition(".")[0]


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record as it was read. ``errors`` are what could not be read, ``columns`` the letters of each field."""

    sheet: str
    row: int
    kind: str
    content: dict[str, Any]
    errors: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    def place(self, where: str = "") -> str:
        """Where something stands: sheet, row and column."""
        sheet = f"{self.sheet} " if self.sheet else ""
        column = self.columns.get(where) or self.columns.get(where.partition(".")[0])
        return f"{sheet}第 {self.row} 行" + (f" {column} 列" if column else "")


# ---- columns ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def columns_of(kind: str, specs: Specs) -> tuple[Column, ...]:
    """The columns of a kind of record, in the order of the specification; required ones are filled when recorded."""
    later = {key for step in specs.wiping.steps for key in step.fields}
    row = next(one for one in specs.retirement.kinds if one.key == kind)
    types, found = field_types(specs), []
    for one in fields_of(kind, specs):
        required = one.key in row.mandatory and one.key not in later
        if one.type != "person":
            found.append(Column(one.key, one.zh, types[one.key], required))
            continue
        for part in specs.retirement.person_fields:
            where = f"{one.key}.{part}"
            kept = "date" if part == "date" else "text"
            found.append(Column(where, label_of(where, specs), kept, required))
    return tuple(found)


@lru_cache(maxsize=8)
def _names(kind: str, specs: Specs) -> dict[str, Column]:
    """Every way to head a column -> the column; fields of other kinds are known, too, if they are optional here."""
    own = columns_of(kind, specs)
    return {normal_header(name): one for one in own for name in (one.zh, one.where)}


def kind_of_sheet(name: str, specs: Specs) -> str:
    """The kind of record that a sheet is named after; empty for another name."""
    wanted = name.strip()
    return next((row.key for row in specs.retirement.kinds if wanted in (row.key, row.zh)), "")


# ---- read -------------------------------------------------------------------------------------------------


def read_records(path: Path, *, kind: str = "") -> list[ReadRecord]:
    """The records of a file (XLSX, CSV, JSON, JSON Lines). ``kind`` is that of sheets not named after one.

    Raises:
        Unreadable: the file cannot be read. Rejected: something in it is marked secret (nothing is kept then), there
        are no records, or a header is unknown.
    """
    specs, form = load(), kind_of(path)
    limits, scan = specs.entry.limits, SecretScan(load())
    if form == "jsonl":
        found = _of_json(path, kind, limits)
    else:
        raw = read_workbook(path, limits) if form == "xlsx" else [read_csv(path, limits)]
        stop_secret(scan, path, [place.row for place in scan.of_sheets(raw)])
        found = [one for sheet in raw for one in _of_sheet(sheet, kind, specs, only=len(raw) == 1)]
    if not found:
        raise Rejected(f"{path.name} 里没有清除记录；用 mulu wipe template 取模板")
    return found


def _of_json(path: Path, kind: str, limits: Mapping[str, int]) -> list[ReadRecord]:
    """One object, a list of them, or one a line."""
    check_size(path, limits["file_bytes"])
    specs, scan = load(), SecretScan(load())
    try:
        text = path.read_text("utf-8-sig")
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _of_lines(path, kind, limits)
    if any(scan.is_marked(part) for part in texts_in(whole, keys=True)):
        stop_secret(scan, path, [1])
    listed = whole if isinstance(whole, list) else [whole]
    return [_of_object("", number, one, kind, specs) for number, one in enumerate(listed, 1)]


def _of_lines(path: Path, kind: str, limits: Mapping[str, int]) -> list[ReadRecord]:
    specs, scan = load(), SecretScan(load())
    lines = list(read_jsonl(path, limits))
    stop_secret(scan, path, [place.row for place in scan.of_lines(lines)])
    broken = [line for line in lines if line.fault]
    if broken:
        raise Rejected(f"{path.name} 第 {broken[0].line} 行不是 JSON 对象：{broken[0].fault}")
    return [_of_object("", line.line, line.value, kind, specs) for line in lines]


def _of_object(sheet: str, row: int, value: Any, kind: str, specs: Specs) -> ReadRecord:
    """An object whose keys are fields; the Chinese name of a choice stands for its key."""
    if not isinstance(value, Mapping):
        return ReadRecord(sheet, row, kind, {}, ("不是 JSON 对象",))
    own = str(value.get("kind") or kind)
    terms = field_terms(specs)
    content = {
        str(key): _choice(one, terms[key], specs) if key in terms and isinstance(one, str) else one
        for key, one in value.items()
        if key != "kind"
    }
    return ReadRecord(sheet, row, own, content)


def _choice(text: str, table: str, specs: Specs) -> str:
    """The key of a choice by its key or Chinese name; what is neither stays as it is, and is refused later."""
    if table == "grades":
        rows = specs.codes["data_grade"].values
        return next((row.code for row in rows if text in (row.code, row.zh, *row.aliases)), text)
    return next((key for key, row in tables(specs)[table].items() if text in (key, row.zh)), text)


def _of_sheet(sheet: RawSheet, kind: str, specs: Specs, *, only: bool) -> list[ReadRecord]:
    own = kind_of_sheet(sheet.name or "", specs) or (kind if only else "")
    if not own or not sheet.visible or sheet.is_blank:
        if only and not own and not sheet.is_blank:
            known = "、".join(f"{row.key}（{row.zh}）" for row in specs.retirement.kinds)
            raise Rejected(f"须写明清除记录的类别（--kind），或以类别命名工作表：{known}")
        return []
    columns = _columns(sheet, own, specs)
    letters = {one.where: column_letters(number) for number, one in columns.items()}
    found = []
    for number in range(1, len(sheet.rows)):
        special = {column for at, column in sheet.special if at == number}
        if special or any(str(cell).strip() for cell in sheet.rows[number] if cell is not None):
            content, errors = _content(sheet.rows[number], columns, special, specs)
            found.append(
                ReadRecord(sheet.name or "", sheet.line(number), own, content, tuple(errors), letters)
            )
    return found


def _columns(sheet: RawSheet, kind: str, specs: Specs) -> dict[int, Column]:
    names = _names(kind, specs)
    fields = {one.where: one for one in names.values()}
    found, wrong = headed_columns(sheet, 0, lambda text: _where(names.get(normal_header(text))))
    if wrong:
        raise Rejected(f"工作表“{sheet.name}”的表头不对：{'；'.join(wrong)}；用 mulu wipe template 取模板")
    return {number: fields[where] for number, where in found.items()}


def _where(column: Column | None) -> str | None:
    return column.where if column else None


def _content(
    row: Sequence[Any], columns: Mapping[int, Column], special: set[int], specs: Specs
) -> tuple[dict[str, Any], list[str]]:
    content: dict[str, Any] = {}
    errors: list[str] = []
    for number, one in columns.items():
        if number in special:
            errors.append(f"{column_letters(number)} 列“{one.zh}”是公式或错误值；改写成文字")
            continue
        value = row[number] if number < len(row) else None
        if value is None or str(value).strip() == "":
            continue
        read = _value(value, one, specs)
        if read is None:
            errors.append(
                f"{column_letters(number)} 列“{one.zh}”存成了数字，已经丢位；单元格设为文本后重新填写"
            )
        elif "." in one.where:
            content.setdefault(one.field, {})[one.where.partition(".")[2]] = read
        else:
            content[one.where] = read
    return content, errors


def _value(value: Any, one: Column, specs: Specs) -> Any:
    """A cell as the value of its field; None for a number that a spreadsheet has rounded. What is unfit is kept as it
    stands, for the rules to refuse."""
    if one.type in ("number", "share"):
        return _number(value)
    if one.type == "bool":
        return value if isinstance(value, bool) else _WORDS.get(str(value).strip().lower(), str(value))
    if one.type in ("date", "datetime"):
        return _moment(value, one.type)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) >= _EXACT:
            return None
        value = int(value) if value == int(value) else value
    text = str(value).strip()
    match one.type:
        case "enum":
            return _choice(text, field_terms(specs)[one.where], specs)
        case "copies":
            return [_answer(part, specs) for part in _parts(text)]
        case "list" | "digests":
            return [part.lower() if one.type == "digests" else part for part in _parts(text)]
        case "attachment":
            return text.lower()
    return text


def _parts(text: str) -> list[str]:
    return [part.strip() for part in _PARTS.split(text) if part.strip()]


def _answer(part: str, specs: Specs) -> dict[str, str]:
    """``主库一=已清除``; what stands behind the last sign is an answer only if it is one."""
    pieces = _ANSWER.split(part)
    known = {word: row.key for row in specs.wiping.answers for word in (row.key, row.zh)}
    if len(pieces) > 1 and pieces[-1] in known:
        return {"copy": part[: part.rindex(pieces[-1])].rstrip(" =＝:：\t"), "answer": known[pieces[-1]]}
    return {"copy": part}


def _number(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    text = str(value).strip().replace("％", "%")
    try:
        return round(float(text[:-1]) / 100, 6) if text.endswith("%") else float(text)
    except ValueError:
        return text


def _moment(value: Any, kind: str) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes") if kind == "datetime" else value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value).strip().replace("/", "-")


# ---- template ---------------------------------------------------------------------------------------------


def write_template(path: Path | BytesIO, kinds: Sequence[str] = ()) -> None:
    """A workbook with a sheet for each kind of record (all, if none is named): drop-downs, codes as text.

    Raises:
        Rejected: a kind is unknown, or the file cannot be written.
    """
    # xlsxwriter is needed for writing workbooks alone
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    specs = load()
    known = {row.key: row.zh for row in specs.retirement.kinds}
    if strange := [kind for kind in kinds if kind not in known]:
        raise Rejected(f"没有“{strange[0][:20]}”这类清除记录；可用：{'、'.join(known)}")
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(path) if isinstance(path, Path) else path, options)
    sheets = {kind: book.add_worksheet(known[kind]) for kind in kinds or known}
    ranges = _dictionary(book, specs)
    for kind, sheet in sheets.items():
        _template_sheet(book, sheet, kind, ranges, specs)
    try:
        book.close()
    except FileCreateError as error:
        raise Rejected(f"不能写入工作簿：{error}") from error


def _template_sheet(book: Any, sheet: Any, kind: str, ranges: Mapping[str, str], specs: Specs) -> None:
    base = {"bold": True, "border": 1, "text_wrap": True, "valign": "vcenter"}
    heads = {
        need: book.add_format(base | {"bg_color": "#FCE4D6" if need else "#E2EFDA"}) for need in (True, False)
    }
    text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    said = {row.key: row.zh for row in specs.wiping.types}
    for number, one in enumerate(columns_of(kind, specs)):
        sheet.write_string(0, number, f"{one.zh}{'*' if one.required else ''}", heads[one.required])
        sheet.set_column(number, number, 20, text)
        if one.where in ranges:
            told = {"error_title": one.zh[:32], "error_message": "请从下拉列表中选择", "error_type": "stop"}
            sheet.data_validation(
                1, number, _ROWS, number, {"validate": "list", "source": ranges[one.where]} | told
            )
        else:
            sheet.write_comment(0, number, _help(one, said))
    sheet.freeze_panes(1, 1)


def _help(one: Column, said: Mapping[str, str]) -> str:
    own = {
        "copies": "写作 主库一=已清除；备份一=已移交；快照=不存在",
        "digests": "多个摘要以分号隔开，各 64 位十六进制",
        "list": "多个以分号隔开",
        "share": "写作 12% 或 0.12",
        "bool": "是 或 否",
    }
    return own.get(one.type, said[one.type])


def _dictionary(book: Any, specs: Specs) -> dict[str, str]:
    """A hidden sheet of what may be chosen; gives the field -> range. Grades that are referred are not offered."""
    sheet = book.add_worksheet("_字典")
    sheet.hide()
    referred = {grade for row in specs.retirement.level_choice if row.refer for grade in row.grades}
    found = {}
    for column, (key, table) in enumerate(field_terms(specs).items()):
        grades = {row.code: row.zh for row in specs.codes["data_grade"].values}
        names = grades if table == "grades" else {one: row.zh for one, row in tables(specs)[table].items()}
        offered = [names[one] for one in choices(table, specs) if table != "grades" or one not in referred]
        for number, zh in enumerate([label_of(key, specs), *offered]):
            sheet.write_string(number, column, zh)
        letters = column_letters(column)
        found[key] = f"='_字典'!${letters}$2:${letters}${len(offered) + 1}"
    return found
