"""Exported workbooks verified: whatever a person can do to one so that it shows other than what was sealed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Color, Font, GradientFill, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from registry.list_verify import verify_file
from tests.list_cases import FIRST_SHEET, FORMATS, made, rezipped, said

SHEET = "数据共享责任清单"


def alter(path: Path, change: Callable[[Any], object]) -> None:
    """Change a workbook as a person would, and save it."""
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)


def put(book: Any, cell: str, value: object) -> None:
    book[SHEET][cell] = value


def swap(book: Any, part: str, other: str) -> None:
    """Change a text wherever it is seen."""
    for sheet in book.worksheets[:-1]:
        for cell in (cell for row in sheet for cell in row if isinstance(cell.value, str)):
            cell.value = cell.value.replace(part, other)


def ours(**changed: Any) -> Font:
    """The font of our cells, but for what was changed."""
    return Font(**{"name": "宋体", "sz": 10, "color": "FF000000"} | changed)


def restyle(cell: str, **style: object) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        for name, value in style.items():
            setattr(book[SHEET][cell], name, value)

    return change


def hide_row(book: Any) -> None:
    book[SHEET].row_dimensions[6].hidden = True


def hide_column(book: Any) -> None:
    book[SHEET].column_dimensions["C"].hidden = True


def colour(book: Any) -> None:
    rule = CellIsRule(operator="equal", formula=['"每日"'], font=Font(color="FFFFFFFF"))
    book[SHEET].conditional_formatting.add("C5:C7", rule)


def rich(book: Any) -> None:
    white = InlineFont(color="FFFFFFFF", rFont="宋体", sz=10)
    book[SHEET]["C5"] = CellRichText("每", TextBlock(white, "日"))


def comment(book: Any) -> None:
    book[SHEET]["C5"].comment = Comment("核对过", "张")


def prompt(book: Any) -> None:
    choice = DataValidation("list", formula1='"每日"', sqref="C5", prompt="应为每月", showInputMessage=True)
    book[SHEET].add_data_validation(choice)


def footer(book: Any) -> None:
    book[SHEET].oddFooter.right.text = "已作废"


CHANGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "formula": (lambda b: put(b, "C5", '="每日"'), "数据共享责任清单!C5：是公式"),
    "number": (lambda b: put(b, "R5", 7), "数据共享责任清单!R5：是数字或日期 7"),
    "blanked": (lambda b: put(b, "C5", None), "数据共享责任清单!C5：显示“”，封存的是“每日”"),
    "beside": (lambda b: put(b, "AC3", "仅供参考"), "数据共享责任清单!AC3：显示“仅供参考”"),
    "below": (lambda b: put(b, "B30", "仅供参考"), "数据共享责任清单!B30：显示“仅供参考”"),
    "title": (lambda b: put(b, "A1", "草稿"), "数据共享责任清单!A1：显示“草稿”"),
    "head": (lambda b: put(b, "A2", "单位：别的局"), "数据共享责任清单!A2：显示“单位：别的局”"),
    "signature": (lambda b: put(b, "A9", "单位（盖章）：已盖"), "数据共享责任清单!A9"),
    "row removed": (lambda b: b[SHEET].delete_rows(6), "数据共享责任清单!A6"),
    "row added": (lambda b: b[SHEET].insert_rows(6), "数据共享责任清单!A6：显示“”"),
    "hidden row": (hide_row, "数据共享责任清单：第 6 行被隐藏"),
    "hidden column": (hide_column, "列被隐藏"),
    "low row": (lambda b: setattr(b[SHEET].row_dimensions[6], "height", 20), "第 6 行太低（20）"),
    "narrow column": (lambda b: setattr(b[SHEET].column_dimensions["B"], "width", 9), "：B 列太窄（9）"),
    "merged": (lambda b: b[SHEET].merge_cells("C5:D5"), "数据共享责任清单!C5:D5：被合并成一格"),
    "sheet added": (lambda b: b.create_sheet("附件"), "附件：多出的工作表"),
    "sheet removed": (lambda b: b.remove(b["数据开放清单"]), "数据开放清单：缺少这张工作表"),
    "sheets moved": (lambda b: b.move_sheet(SHEET, 1), "工作表的次序"),
    "sheet hidden": (lambda b: setattr(b[SHEET], "sheet_state", "hidden"), "数据共享责任清单：工作表被隐藏"),
    "number format": (restyle("C5", number_format='@;@;@;"每月"'), "会显示成别的内容"),
    "white": (restyle("C5", font=ours(color="FFFEFEFE")), "数据共享责任清单!C5：文字与底色相近"),
    "black on black": (restyle("C5", fill=PatternFill("solid", "FF000000")), "文字与底色相近"),
    "theme": (restyle("C5", font=ours(color=Color(theme=4))), "取自主题"),
    "pattern": (restyle("C5", fill=PatternFill("darkGray")), "花纹"),
    "gradient": (restyle("C5", fill=GradientFill(stop=("000000", "111111"))), "花纹"),
    "struck": (restyle("C5", font=ours(strike=True)), "数据共享责任清单!C5：文字被划去"),
    "tiny": (restyle("C5", font=ours(sz=1)), "文字小得看不清"),
    "partly white": (rich, "数据共享责任清单!C5：文字与底色相近"),
    "conditional": (colour, "条件格式"),
    "prompt": (prompt, "数据共享责任清单：含数据有效性或输入提示"),
    "footer": (footer, "&R已作废”，封存时是“&L校验码"),
    "print area": (lambda b: setattr(b[SHEET], "print_area", "A1:C5"), "设了打印区域"),
    "beside carried": (lambda b: b["封存数据"].__setitem__("B1", "x"), "封存数据以外还有内容"),
    "far away": (lambda b: put(b, "AB5000", "x"), "数据共享责任清单!AB5000"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_done_to_a_workbook_is_found_and_named(name: str, tmp_path: Path) -> None:
    change, meant = CHANGES[name]
    path = made(tmp_path, "xlsx")
    alter(path, change)
    assert meant in said(verify_file(path))


def test_a_hidden_note_changes_nothing_that_is_sealed(tmp_path: Path) -> None:
    path = made(tmp_path, "xlsx")
    alter(path, comment)
    verdict = verify_file(path)
    assert verdict.genuine
    assert "数据共享责任清单：批注不在核对之列（C5）" in verdict.notes


def test_a_value_hidden_under_a_merged_cell_is_found(tmp_path: Path) -> None:
    blank = b'<c r="B1" s="1"/>'
    path = rezipped(
        made(tmp_path, "xlsx"),
        FIRST_SHEET,
        lambda data: data.replace(blank, b'<c r="B1" t="inlineStr"><is><t>x</t></is></c>'),
    )
    assert "数据共享责任清单!B1：显示“x”" in said(verify_file(path))


def test_a_formula_with_the_sealed_text_as_its_value_is_found(tmp_path: Path) -> None:
    cell = "<is><t>每日</t></is></c>".encode()
    path = rezipped(
        made(tmp_path, "xlsx"),
        FIRST_SHEET,
        lambda data: data.replace(b't="inlineStr">' + cell, "><f>A1</f><v>每日</v></c>".encode(), 1),
    )
    assert "是公式" in said(verify_file(path))


def test_a_cell_written_twice_is_found(tmp_path: Path) -> None:
    row = b'<c r="C5" '
    twin = '<c r="C5" t="inlineStr"><is><t>每月</t></is></c><c r="C5" '.encode()
    path = rezipped(made(tmp_path, "xlsx"), FIRST_SHEET, lambda data: data.replace(row, twin, 1))
    assert "数据共享责任清单：单元格 C5（第 5 行）重复" in said(verify_file(path))


def test_a_changed_carried_document_does_not_fit_the_digest(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        cell = book["封存数据"]["A1"]
        cell.value = cell.value.replace("\\u6bcf\\u65e5", "\\u6bcf\\u6708")
        swap(book, "每日", "每月")

    path = made(tmp_path, "xlsx")
    alter(path, change)
    assert said(verify_file(path)).startswith("清单的内容与封存时的摘要不符")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = rezipped(made(tmp_path, "xlsx"), FIRST_SHEET, lambda data: data + b" " * (64 << 20))
    assert "解压后有" in said(verify_file(path))


def test_a_changed_cell_of_a_workbook_is_named(tmp_path: Path) -> None:
    path = made(tmp_path, "xlsx")
    alter(path, lambda book: put(book, "C7", "每月"))
    assert said(verify_file(path)) == "数据共享责任清单!C7：显示“每月”，封存的是“每日”"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "part", ["遵义市人力", "2026年第1期", "11520300009450000X", "数据提供方式", "每日", "李强"]
)
def test_a_text_changed_wherever_it_stands_is_found(part: str, kind: str, tmp_path: Path) -> None:
    path = made(tmp_path, kind)
    if kind == "xlsx":
        alter(path, lambda book: swap(book, part, "另外的"))
    else:
        path.write_text(path.read_text("utf-8").replace(part, "另外的"), "utf-8")
    said(verify_file(path))
