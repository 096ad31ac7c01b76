"""Workbooks to annotate, made in several ways, and what a reader sees in them."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import xlsxwriter
from openpyxl import Workbook, load_workbook

from registry.annotate import Mark, annotate

PALETTE = {"error": "FFC7CF", "warning": "FFEB9D", "note": "DDEBF8"}
SHEET = "目录"
TITLE = "校验结果"
AUTHOR = "目录校验"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def run(source: bytes, *, header: int = 1, **given: Any) -> bytes:
    wanted = {"headers": {SHEET: header}, "lines": {}, "marks": [], "fills": [], "palette": PALETTE}
    return annotate(source, **(wanted | given))


def mark(row: int, column: int, text: str = "E101：必填", level: Any = "error") -> Mark:
    return Mark(SHEET, row, column, text, level)


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def by_openpyxl(change: Callable[[Any], None] = lambda sheet: None) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.title = SHEET
    sheet.append(["名称", "代码", "类型"])
    sheet.append(["人口库", "007", "=1+1"])
    sheet.append(["法人库", None, 3.5])
    change(sheet)
    return saved(book)


def by_xlsxwriter(*, constant_memory: bool, second: str = "代码") -> bytes:
    """Strings are in the cells with constant memory, else in a table of shared strings."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "constant_memory": constant_memory}) as book:
        sheet = book.add_worksheet(SHEET)
        for row, values in enumerate([["名称", second], ["人口库", "007"], ["法人库", "008"]]):
            sheet.write_row(row, 0, values)
    return out.getvalue()


def sheet_of(data: bytes) -> Any:
    return load_workbook(io.BytesIO(data))[SHEET]


def part(data: bytes, name: str = "xl/worksheets/sheet1.xml") -> str:
    return zipfile.ZipFile(io.BytesIO(data)).read(name).decode()


def parts(data: bytes) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name) for name in archive.namelist()}


def with_part(data: bytes, text: str, name: str = "xl/worksheets/sheet1.xml") -> bytes:
    """The same package with one part replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for each, content in (parts(data) | {name: text.encode()}).items():
            target.writestr(each, content)
    return out.getvalue()


def colour(cell: Any) -> str | None:
    return cell.fill.fgColor.rgb if cell.fill.fill_type == "solid" else None


def view(data: bytes) -> dict[str, tuple[Any, Any, Any]]:
    """Value, fill colour and note of each cell that has any."""
    seen = {}
    for row in sheet_of(data).iter_rows():
        for cell in row:
            note = cell.comment.text if cell.comment else None
            if (cell.value, colour(cell), note) != (None, None, None):
                seen[cell.coordinate] = (cell.value, colour(cell), note)
    return seen


def bare() -> bytes:
    """As little as a program may write: no styles, no positions, absolute targets."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    type_of_book = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    link = f"<Relationships xmlns='{package}/relationships'><Relationship Id='a' Type='{relations}/%s'"
    files = {
        "[Content_Types].xml": f"<Types xmlns='{package}/content-types'>"
        "<Default Extension='xml' ContentType='application/xml'/>"
        f"<Override PartName='/xl/workbook.xml' ContentType='{type_of_book}'/></Types>",
        "_rels/.rels": f"{link % 'officeDocument'} Target='/xl/workbook.xml'/></Relationships>",
        "xl/_rels/workbook.xml.rels": f"{link % 'worksheet'} Target='/xl/s.xml'/></Relationships>",
        "xl/workbook.xml": f"<workbook xmlns='{MAIN}' xmlns:r='{relations}'><sheets>"
        f"<sheet name='{SHEET}' sheetId='1' r:id='a'/></sheets></workbook>",
        "xl/s.xml": f"<worksheet xmlns='{MAIN}'><sheetData>"
        "<row><c t='inlineStr'><is><t>名称</t></is></c></row><row/><row><c><v>7</v></c></row>"
        "</sheetData></worksheet>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, text in files.items():
            target.writestr(name, text)
    return out.getvalue()
