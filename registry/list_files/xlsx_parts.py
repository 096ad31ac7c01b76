"""The parts of a workbook's package: what lies over the cells, and cells that programs read differently."""

import re
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from registry.list_files.carried import reading_limits
from registry.workbook_cells import column_number, refuse

_BESIDE = {
    b"conditionalFormatting": "条件格式",
    b"conditionalFormattings": "条件格式",
    b"AlternateContent": "替代内容",
    b"drawing": "图形或图片",
    b"legacyDrawingHF": "页眉页脚图片",
    b"picture": "背景图片",
    b"oleObjects": "嵌入对象",
    b"controls": "控件",
    b"sparklineGroups": "迷你图",
    b"tableParts": "表格样式",
}
_TOKEN = re.compile(rb"<(?:[\w.-]+:)?(" + b"|".join(_BESIDE) + rb")[\s/>]")
_SHEET = re.compile(rb"<(?:[\w.-]+:)?worksheet[\s>]")
_VML = b"urn:schemas-microsoft-com:vml"
_SHAPE = re.compile(rb"<(?:[\w.-]+:)?(?:shape|rect|roundrect|oval|line|polyline|curve|arc|image|group)[\s/>]")
_NOTE = re.compile(rb"""ObjectType\s*=\s*["']Note["']""")
_CELL = re.compile(rb"<(?:[\w.-]+:)?c[\s/>]")
_PLACED = re.compile(rb"<(?:[\w.-]+:)?(row|c|sheetData)(?=[\s/>])([^>]*)>")
_PLACE = re.compile(rb"""\sr\s*=\s*["']([A-Z]{0,3})([0-9]{1,7})["']""")
_VALUE = re.compile(rb"<(?:[\w.-]+:)?(?:v|is)[\s/>]")


def parts_differences(path: Path) -> Iterator[str]:
    """Drawings, pictures and conditional formats, and cells out of order or with two values.

    Raises:
        Unreadable: it holds so many cells that reading them all would take the machine's memory.
    """
    with zipfile.ZipFile(path) as package:
        for info in package.infolist():
            # by what it is, for a part may have any name
            data = package.read(info)
            if _VML in data and len(_SHAPE.findall(data)) > len(_NOTE.findall(data)):
                yield f"工作簿含图形或图片（{info.filename}），可能盖住单元格"
            if _SHEET.search(data):
                yield from _sheet_part(info.filename, data)


def _sheet_part(name: str, data: bytes) -> Iterator[str]:
    if len(_CELL.findall(data)) > reading_limits()["cells"]:
        raise refuse("bomb", size=str(len(data) >> 20))
    for token in sorted({found.group(1) for found in _TOKEN.finditer(data)}):
        yield f"工作簿含{_BESIDE[token]}（{name}），显示的可能不是单元格的内容"
    odd = _odd_cell(data)
    if odd:
        yield f"工作簿的单元格 {odd}（{name}）重复、次序混乱或有两个值，各种软件显示的会不同"


def _odd_cell(data: bytes) -> str:
    """The first cell of a sheet that programs may read differently; empty where there is none.

    Rows and cells name their places in ascending order, each once, and a cell has one value.
    """
    row = column = tables = 0
    tokens = [*_PLACED.finditer(data), None]
    for token, following in pairwise(tokens):
        assert token is not None
        kind, place = token.group(1), _PLACE.search(token.group(2))
        if kind == b"sheetData":
            tables += 1
            continue
        letters, digits = place.groups() if place else (b"", b"0")
        number, at = int(digits), column_number(letters.decode()) + 1 if letters else 0
        fits = number > row and not letters if kind == b"row" else number == row and at > column
        body = data[token.end() : following.start() if following else len(data)]
        if not fits or tables != 1 or (kind == b"c" and len(_VALUE.findall(body)) > 1):
            return (letters + digits).decode()
        row, column = number, at
    return ""
