"""Responsibility lists written as files and read back: what is written carries the document and shows it."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.errors import Rejected
from registry.list_document import erased_row, row_digest, to_json
from registry.list_files import read, write
from registry.list_files.csv_text import csv_lines
from registry.list_files.xlsx import sheet_names, sheet_rows
from tests.list_cases import FORMATS, changed
from tests.list_documents import PROFILES, live_document, seal, sealed_document

SLY = (
    "=1+1",
    "+86",
    "-",
    "@SUM(A1)",
    "'=1",
    "00012",
    "  两端有空格  ",
    'a"b,c|d\\e\\|f',
    "一\n二\r\n三\r四\t五",
    "<br>&lt;<!-- -->```",
    "😀𠮷\U0002ffff",
    "\u2028\u00a0\ufeff\u200b",
    "<r>不是标记",
    "|",
    "\\",
    "# 标题",
    "1.10",
    "TRUE",
    "2026-11-22",
)
texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\r\t=+-@'\"|\\<>"), max_size=30
)
quickly = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", FORMATS)
def test_a_sealed_list_comes_back_as_it_was_written(kind: str, profile: str, tmp_path: Path) -> None:
    document = sealed_document(profile, rows=len(SLY), texts=SLY)
    path = tmp_path / f"清单.{kind}"
    write(document, path)
    carried = read(path)
    assert carried.document is not None
    assert to_json(carried.document) == to_json(document)
    assert (carried.differences, carried.notes) == ([], [])


@pytest.mark.parametrize("kind", FORMATS)
@quickly
@given(cells=st.lists(texts, min_size=1, max_size=4))
@example(cells=["\ufffd", "\x85", "\x7f", "''=1"])
def test_any_text_of_a_cell_comes_back_letter_for_letter(kind: str, cells: list[str], tmp_path: Path) -> None:
    document = sealed_document("liupanshui_2025", rows=len(cells), texts=cells, proven=False)
    path = tmp_path / f"a.{kind}"
    write(document, path)
    carried = read(path)
    assert carried.document is not None
    assert [row.cells[1] for row in carried.document.lists[0].rows] == cells
    assert carried.differences == []


@pytest.mark.parametrize("kind", FORMATS)
def test_a_live_list_says_so_and_carries_nothing_sealed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    write(live_document(), path)
    carried = read(path)
    assert carried.notes == ["实时（未封存）"]
    assert carried.document is None or not carried.document.is_sealed


@pytest.mark.parametrize("kind", FORMATS)
def test_a_list_without_lines_comes_back(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    write(sealed_document(rows=0), path)
    assert read(path).differences == []


@pytest.mark.parametrize("kind", FORMATS)
def test_an_erased_line_says_so_and_comes_back(kind: str, tmp_path: Path) -> None:
    document = sealed_document()
    table = document.lists[0]
    rows = tuple(table.rows)
    document = changed(document, rows=(rows[0], erased_row(table.key, rows[1]), rows[2]))
    path = tmp_path / f"a.{kind}"
    write(document, path)
    carried = read(path)
    assert carried.document is not None
    assert carried.document.digest == document.digest
    assert carried.differences == []


# ---- refused ----------------------------------------------------------------------------------------------


def test_another_name_is_refused_and_told_the_five(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"\.xlsx、\.pdf、\.csv、\.json 或 \.md"):
        write(sealed_document(), tmp_path / "a.docx")
    with pytest.raises(Rejected, match="“a”"):
        read(tmp_path / "a")


@pytest.mark.parametrize("kind", ["xlsx", "csv", "md"])
def test_a_control_character_is_refused_with_its_place(kind: str, tmp_path: Path) -> None:
    document = sealed_document(texts=["好", "坏\x07"])
    with pytest.raises(Rejected, match=r"“数据共享责任清单”第 2 行“信息项”.*U\+0007"):
        write(document, tmp_path / f"a.{kind}")
    assert list(tmp_path.iterdir()) == [tmp_path / "keys"]


def test_json_holds_a_control_character(tmp_path: Path) -> None:
    write(sealed_document(texts=["坏\x07\x00"]), tmp_path / "a.json")
    carried = read(tmp_path / "a.json").document
    assert carried is not None
    assert next(iter(carried.lists[0].rows)).cells[1] == "坏\x07\x00"


@pytest.mark.parametrize("text", ["<r><t>x</t></r>", "_x0041_", "长" * 32_768, "😀" * 16_384])
def test_what_a_workbook_would_show_otherwise_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"改为导出 \.csv 或 \.json"):
        write(sealed_document(texts=[text]), tmp_path / "a.xlsx")
    write(sealed_document(texts=[text]), tmp_path / "a.csv")


def test_a_cell_that_csv_cannot_read_back_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"改为导出 \.json"):
        write(sealed_document(texts=["长" * 140_000]), tmp_path / "a.csv")


def test_a_sealed_list_that_does_not_fit_its_digest_is_not_written(tmp_path: Path) -> None:
    document = replace(sealed_document(), digest="0" * 64)
    with pytest.raises(Rejected, match="封存时的摘要不符"):
        write(document, tmp_path / "a.json")


def test_a_file_stays_as_it_was_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("旧", "utf-8")
    with pytest.raises(Rejected):
        write(sealed_document(texts=["\x01"]), path)
    assert path.read_text("utf-8") == "旧"
    with pytest.raises(Rejected, match="不能写入"):
        write(sealed_document(), tmp_path / "没有" / "a.md")


def test_a_line_of_too_few_cells_is_refused(tmp_path: Path) -> None:
    document = live_document(rows=1)
    rows = (next(iter(document.lists[0].rows))._replace(cells=("一",)),)
    for kind in FORMATS:
        with pytest.raises(Rejected, match="有 1 格，清单有 22 栏"):
            write(changed(document, rows=rows), tmp_path / f"a.{kind}")


# ---- each format ------------------------------------------------------------------------------------------


def test_a_workbook_has_a_sheet_a_list_with_the_columns_of_the_article_first(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(sealed_document(), path)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["数据共享责任清单", "数据开放清单", "封存数据"]
    assert book["封存数据"].sheet_state == "veryHidden"
    heads = [cell.value for cell in book["数据共享责任清单"][4]]
    assert heads[:5] == ["共享信息名称", "信息项", "数据更新周期", "共享服务方式", "数据提供方式"]
    assert heads[-3:] == ["条目编号", "版本号", "版本内容摘要"]
    assert [c.value for c in book["数据共享责任清单"][3] if c.value] == ["条文栏目", "附栏", "追溯"]


def test_a_workbook_is_set_up_for_print(tmp_path: Path) -> None:
    path, document = tmp_path / "a.xlsx", sealed_document()
    write(document, path)
    sheet = openpyxl.load_workbook(path)["数据开放清单"]
    assert (sheet.page_setup.orientation, str(sheet.page_setup.paperSize)) == ("landscape", "9")
    assert 60 <= int(sheet.page_setup.scale or 100) <= 100
    assert (sheet.print_title_rows, sheet.print_title_cols, sheet.freeze_panes) == ("$3:$4", "$A:$A", "B5")
    # the article's five columns are the first page, the annex begins the second
    assert next(column.id for column in sheet.col_breaks.brk) == 5
    assert (sheet.oddFooter.left.text, sheet.oddFooter.center.text) == (
        f"校验码 {document.code}",
        "第 &P 页 共 &N 页",
    )
    assert "单位（盖章）：" in sheet.cell(sheet.max_row, 1).value
    assert document.code in sheet["A2"].value


def test_every_cell_of_a_workbook_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(sealed_document(texts=["=1+1", "007", "http://a.b"]), path)
    book = openpyxl.load_workbook(path)
    cells = [cell for sheet in book for row in sheet for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)
    assert {cell.number_format for cell in book["数据开放清单"][5]} == {"@"}


def test_sheets_of_long_or_forbidden_names_get_names_of_their_own() -> None:
    document = sealed_document()
    lists = tuple(replace(table, zh="很长的" * 12 + "[1]") for table in document.lists)
    first, second = sheet_names(replace(document, lists=lists))
    assert (len(first), second) == (31, first[:27] + "(2)")
    assert sheet_names(changed(document, zh="共享/开放:清单"))[0] == "共享_开放_清单"


def test_a_live_workbook_says_so_over_every_sheet(tmp_path: Path) -> None:
    write(live_document(), tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["数据共享责任清单", "数据开放清单"]
    assert all("实时（未封存）" in sheet["A1"].value for sheet in book)
    assert "截至：2026-11-22" in book["数据开放清单"]["A2"].value


def test_a_workbook_saved_anew_by_another_program_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(sealed_document(texts=SLY[:3] + SLY[7:9], rows=5), path)
    openpyxl.load_workbook(path).save(tmp_path / "b.xlsx")
    assert read(tmp_path / "b.xlsx").differences == []


def test_csv_guards_formulas_and_gives_every_line_its_digest(tmp_path: Path) -> None:
    path, document = tmp_path / "a.csv", sealed_document(texts=["=1+1"])
    write(document, path)
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(StringIO(data.decode("utf-8-sig"), newline="")))
    assert lines[0][:2] + lines[0][-2:] == ["清单", "共享信息名称", "版本内容摘要", "行摘要"]
    assert lines[1][2] == "'=1+1"
    table = document.lists[0]
    assert lines[1][-1] == row_digest(table.key, next(iter(table.rows)))
    assert [line[1] for line in lines if line[0] == "校验信息"][-4:] == ["mark", "proof", "list", "list"]


def test_json_is_the_document_with_its_chinese_unescaped(tmp_path: Path) -> None:
    document = sealed_document()
    write(document, tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text("utf-8")
    assert json.loads(text) == to_json(document)
    assert '"zh": "数据共享责任清单"' in text
    assert "\\u" not in text


def test_markdown_shows_a_cell_letter_for_letter(tmp_path: Path) -> None:
    write(sealed_document(texts=["a|b\n<i>*c*"]), tmp_path / "a.md")
    text = (tmp_path / "a.md").read_text("utf-8")
    assert r"| a\|b<br>&lt;i&gt;\*c\* |" in text
    assert text.startswith("# 遵义市人力资源和社会保障局数据共享责任清单、数据开放清单\n")
    assert text.endswith("}\n```\n")


# ---- many lines -------------------------------------------------------------------------------------------

_MANY = """
import resource, sys
from pathlib import Path
from registry.list_files import write
from tests.list_cases import FORMATS, changed
from tests.list_documents import live_document
write(live_document("liupanshui_2025", rows=10), Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = []
write(live_document("liupanshui_2025", rows=int(sys.argv[2])), Path(sys.argv[1]), progress=told.append)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, told[-1])
"""


@pytest.mark.parametrize("kind", FORMATS)
def test_many_live_lines_are_written_in_bounded_memory(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _MANY, str(tmp_path / f"a.{kind}"), "10000"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    grown, told = map(int, done.stdout.split())
    assert grown < 20_000  # KiB
    assert told == 10_000


def test_the_rows_of_a_sheet_are_what_csv_writes_too() -> None:
    document = sealed_document("liupanshui_2025")
    table = document.lists[0]
    shown = [row.cells for row in sheet_rows(document, table) if row.kind == "line"]
    assert shown == [line[1:-1] for line in csv_lines(document)][1:4]


def test_resealing_gives_the_same_digest() -> None:
    document = sealed_document()
    assert seal(replace(document, digest="", mark=None, proof=None)).digest == document.digest
