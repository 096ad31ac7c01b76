"""Comments in a workbook: a plain note that opens when its cell is pointed at is none of the list's business.

Whatever is drawn over the sheet without being pointed at is a difference: a note that is always shown, any other shape.
"""

import re

from registry.list_files.xlsx_names import NOTES, SHAPES
from registry.list_files.xlsx_parts import Package, Sheet
from registry.list_files.xlsx_strict import Node
from registry.workbook_cells import column_letters

_STYLE = re.compile(r"[a-z-]{1,40}:[\w.%# -]{0,40}")
_ALLOWED = {"position", "margin-left", "margin-top", "width", "height", "z-index", "visibility"}
_ALLOWED |= {"mso-wrap-style", "v-text-anchor", "tab-interval", "mso-wrap-edited"}
_COVERS = "含图形或一直显示的批注，可能盖住单元格"


def noted_cells(package: Package, name: str, sheet: Sheet) -> list[str]:
    """The cells of a sheet with hidden notes; what else is drawn there is told."""
    cells: list[str] = []
    if sheet.notes:
        tree = package.tree(sheet.notes, NOTES, name)
        cells = [node.get("ref") for node in tree.first("commentList").children]
    if sheet.shapes:
        shapes = package.tree(sheet.shapes, SHAPES, name).all("v:shape")
        if not all(_is_hidden_note(shape, cells) for shape in shapes) or len(shapes) > len(cells):
            package.tell(f"{name}：{_COVERS}")
    elif cells:
        # a program that finds no shape for a note makes one as it likes
        package.tell(f"{name}：批注没有隐藏")
    return cells


def _is_hidden_note(shape: Node, cells: list[str]) -> bool:
    data = shape.first("x:ClientData")
    at = [data.first(name).text.strip() for name in ("x:Row", "x:Column")]
    if data.get("ObjectType") != "Note" or not all(re.fullmatch("[0-9]{1,5}", number) for number in at):
        return False
    row, column = map(int, at)
    if f"{column_letters(column)}{row + 1}" not in cells or shape.get("type") != "#_x0000_t202":
        return False
    parts = [
        re.sub(r"\s*([:;])\s*", r"\1", part.strip()) for part in shape.get("style").split(";") if part.strip()
    ]
    if not all(_STYLE.fullmatch(part) for part in parts):
        return False
    told = [part.partition(":")[::2] for part in parts]
    names = [name for name, _ in told]
    return (
        len(set(names)) == len(names) and set(names) <= _ALLOWED and dict(told).get("visibility") == "hidden"
    )
