"""The copy that the user gets back: every finding in its place, codes filled in, and good to be imported again."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from registry.annotating import annotated_copy
from registry.checking import FileCheck, check_file
from registry.db import Database
from registry.intake import ImportResult, import_workbook
from tests.catalogue_files import CODE, ENTRY, NAME, national, table
from tests.conftest import NOW
from tests.examples import GOOD, bad_rows, good
from validators.case import Facts

Make = Callable[..., Path]
TITLE = "校验结果"


def checked(path: Path, facts: Facts, **given: Any) -> FileCheck:
    return check_file(path, facts=facts, profile="zunyi_2020", **given)


def opened(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def result_column(sheet: Any, header: int = 1) -> dict[int, str]:
    """What our column says, by row."""
    column = next(cell.column for cell in sheet[header] if cell.value == TITLE)
    found = {row: sheet.cell(row, column).value for row in range(header + 1, sheet.max_row + 1)}
    return {row: text for row, text in found.items() if text}


def imported(database: Database, path: Path, **given: Any) -> ImportResult:
    with database.write() as session:
        return import_workbook(session, path, actor="王敏", now=NOW, profile="zunyi_2020", **given)


def brought_back(database: Database, path: Path, folder: Path, **given: Any) -> tuple[ImportResult, Path]:
    """Import a file; gives what came of it and the annotated copy of it."""
    result = imported(database, path, **given)
    copy = folder / "批注.xlsx"
    copy.write_bytes(annotated_copy(result.check, allocated=result.allocated))
    return result, copy


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    return tuple(result.counts[key] for key in ("added", "updated", "unchanged", "refused"))  # type: ignore[return-value]


# ---- what it says -----------------------------------------------------------------------------------------


def test_every_finding_stands_in_its_row_with_its_rule(workbook: Make, facts: Facts) -> None:
    rows = [
        ENTRY | {"更新周期": "说不准"},
        ENTRY | {"资源名称": "另一资源", "共享类型": "9", "更新周期": "每日"},
    ]
    check = checked(workbook(目录=table(rows)), facts)
    sheet = opened(annotated_copy(check))["目录"]
    said = result_column(sheet)
    for line in check.lines():
        if line.place.row > 1:
            assert f"{line.worded.rule} {line.worded.message}" in said[line.place.row]
    assert "E118" in said[2] and "E109" in said[3]


def test_a_marked_cell_has_colour_and_a_note_with_cure_and_source(workbook: Make, facts: Facts) -> None:
    check = checked(workbook(目录=table([ENTRY | {"共享类型": "9"}])), facts)
    cell = opened(annotated_copy(check))["目录"]["D2"]
    (line,) = [line for line in check.lines() if line.worded.rule == "E109" and line.cell == "D2"]
    assert "改法：" in cell.comment.text and f"依据：{line.worded.source}" in cell.comment.text
    assert cell.comment.text.startswith("E109 ")
    assert cell.fill.fgColor.rgb == "FFF8CBC9"
    assert cell.value == "9"


def test_warnings_and_notes_have_colours_of_their_own(workbook: Make, facts: Facts) -> None:
    head, row = table([ENTRY | {"摘要": " 短"}])
    sheet = opened(annotated_copy(checked(workbook(目录=[head, ["示例：x"], row]), facts)))["目录"]
    assert [sheet[cell].fill.fgColor.rgb for cell in ("A2", "E3")] == ["FFDDEBF8", "FFFFEBC1"]


def test_what_concerns_a_header_stands_at_the_header(workbook: Make, facts: Facts) -> None:
    check = checked(workbook(目录=[["标题"], *table([ENTRY | {"备注": "x"}])]), facts)
    sheet = opened(annotated_copy(check))["目录"]
    assert sheet["E2"].comment.text.startswith("E160 ")


def test_a_copy_in_english_is_in_english(workbook: Make, facts: Facts) -> None:
    check = checked(workbook(目录=table([ENTRY | {"共享类型": "9"}])), facts)
    assert "is not a known type" in " ".join(
        result_column(opened(annotated_copy(check, lang="en"))["目录"]).values()
    )


def test_findings_of_items_stand_in_the_sheet_of_items(workbook: Make, facts: Facts) -> None:
    items = [
        {"资源名称": "婚姻登记信息", "信息项名称": "甲", "数据类型": "S"},
        {"资源名称": "没有", "信息项名称": "乙"},
    ]
    check = checked(workbook(目录=table([ENTRY]), 信息项=table(items)), facts)
    book = opened(annotated_copy(check))
    assert "E108" in result_column(book["信息项"])[2] and "E168" in result_column(book["信息项"])[3]
    assert book["信息项"]["C2"].comment.text.startswith("E108 ")


def test_findings_of_later_rows_stand_in_those_rows(workbook: Make, facts: Facts) -> None:
    rows = national(again="repeated")
    rows[2]["信息资源摘要"] = "第三行另有说法，与第一行不同"
    check = checked(workbook(目录=table(rows)), facts, provider=(CODE, NAME))
    assert "E169" in result_column(opened(annotated_copy(check))["目录"])[4]


def test_what_stands_in_no_sheet_of_ours_is_told_at_the_first_header(workbook: Make, facts: Facts) -> None:
    check = checked(workbook(目录=table([ENTRY]), 信息项=[["空话"], ["没有表头"]]), facts)
    sheet = opened(annotated_copy(check))["目录"]
    title = next(cell for cell in sheet[1] if cell.value == TITLE)
    assert "E170" in title.comment.text and "信息项" in title.comment.text


def test_a_workbook_without_any_table_comes_back_as_it_is(workbook: Make, facts: Facts) -> None:
    check = checked(workbook(目录=[["空话"], ["没有表头"]]), facts)
    assert [row[0].value for row in opened(annotated_copy(check))["目录"].iter_rows()] == ["空话", "没有表头"]


def test_a_csv_comes_back_as_a_workbook_of_its_cells(tmp_path: Path, facts: Facts) -> None:
    path = tmp_path / "a.csv"
    rows = table([ENTRY | {"摘要": "第一\n第二"}, ENTRY | {"资源名称": "=1+1", "共享类型": "9"}])
    with path.open("w", encoding="gb18030", newline="") as target:
        import csv

        csv.writer(target).writerows([["标题"], *rows])
    check = checked(path, facts)
    sheet = opened(annotated_copy(check))["目录"]
    assert [cell.value for cell in sheet[4]][:4] == ["=1+1", NAME, CODE, "9"]
    assert sheet["A4"].data_type == "s"
    assert "E109" in result_column(sheet, header=2)[4]
    assert sheet["D4"].comment.text.startswith("E109 ")


def test_json_lines_come_back_as_our_two_sheets(tmp_path: Path, facts: Facts) -> None:
    first, second = good("OK01", share_type="9"), good("OK02")
    second["items"][1]["data_type"] = "S"
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([json.dumps(first), "{", json.dumps(second)]), "utf-8")
    book = opened(annotated_copy(checked(path, facts)))
    entries, items = book["目录"], book["信息项"]
    headers = {cell.value: cell.column for cell in entries[1]}
    assert entries.cell(2, headers["共享类型"]).comment.text.startswith("E109 ")
    assert "E109" in result_column(entries)[2]
    row = len(first["items"]) + 3
    assert "E108" in result_column(items)[row]
    types = {cell.value: cell.column for cell in items[1]}
    assert items.cell(row, types["数据类型"]).comment.text.startswith("E108 ")
    title = next(cell for cell in entries[1] if cell.value == TITLE)
    assert title.comment.text.startswith("第 2 行 E172")


# ---- imported again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["目录.xlsx", "目录.csv", "目录.jsonl"])
def test_a_copy_imported_unchanged_changes_nothing(
    name: str, database: Database, tmp_path: Path, entries_file: Make
) -> None:
    contents = [good(key) for key in GOOD] + [content for _, content, rule in bad_rows() if rule != "E103"]
    contents = [
        content | {"resource_name": f"{content['resource_name']}{chr(97 + n)}", "resource_code": None}
        for n, content in enumerate(contents)
    ]
    result, copy = brought_back(database, entries_file(contents, name=name), tmp_path)
    assert (len(result.allocated) > 10, counts(result)) == (True, (len(contents), 0, 0, 0))
    again, second = brought_back(database, copy, tmp_path)
    assert (counts(again), again.allocated) == ((0, 0, len(contents), 0), {})
    assert counts(imported(database, second)) == (0, 0, len(contents), 0)


@pytest.mark.parametrize("again", ["repeated", "blank", "merged"])
def test_a_copy_of_the_national_template_changes_nothing(
    again: str, database: Database, tmp_path: Path
) -> None:
    """The code is filled in once, in the first row of the resource; the other rows must still find their entry."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "目录"
    for row in table(national(again="repeated" if again == "repeated" else "blank")):
        sheet.append(row)
    if again == "merged":
        for column in range(1, 14):
            sheet.merge_cells(start_row=2, end_row=4, start_column=column, end_column=column)
    book.save(tmp_path / "国家模板.xlsx")
    result, copy = brought_back(database, tmp_path / "国家模板.xlsx", tmp_path, provider=(CODE, NAME))
    assert (counts(result), result.allocated) == ((1, 0, 0, 0), {0: "307024030101/000001"})
    assert opened(copy.read_bytes())["目录"]["H2"].value == "307024030101/000001"
    assert counts(imported(database, copy, provider=(CODE, NAME))) == (0, 0, 1, 0)


def test_a_corrected_copy_updates_its_entry_and_then_changes_nothing(
    database: Database, tmp_path: Path, workbook: Make
) -> None:
    rows = [
        ENTRY | {"资源代码": "", "更新周期": "说不准"},
        ENTRY | {"资源名称": "", "资源代码": "", "更新周期": "每日"},
    ]
    items = [{"资源名称": "婚姻登记信息", "信息项名称": "甲", "数据类型": "C"}]
    result, copy = brought_back(database, workbook(目录=table(rows), 信息项=table(items)), tmp_path)
    assert counts(result) == (1, 0, 0, 1)
    book = opened(copy.read_bytes())
    book["目录"]["F2"], book["目录"]["A3"] = "每日", "离婚登记信息"
    book.save(copy)
    corrected, second = brought_back(database, copy, tmp_path)
    assert counts(corrected) == (1, 1, 0, 0)
    assert "E118" not in {line.worded.rule for line in corrected.check.lines()}
    assert "E118" not in str(result_column(opened(second.read_bytes())["目录"]))
    assert counts(imported(database, second)) == (0, 0, 2, 0)


def test_a_copy_may_be_sorted_and_renamed_before_it_comes_back(
    database: Database, tmp_path: Path, workbook: Make
) -> None:
    rows = [ENTRY | {"资源代码": "", "资源名称": f"第{n}类登记"} for n in "甲乙丙"]
    _, copy = brought_back(database, workbook(目录=table(rows)), tmp_path)
    book = opened(copy.read_bytes())
    sheet = book["目录"]
    lines = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2, max_col=5)]
    for number, line in enumerate(reversed(lines), 2):
        for column, value in enumerate(line, 1):
            sheet.cell(number, column, value)
    sheet["A2"] = "第丙类登记档案"
    book.save(copy)
    assert counts(imported(database, copy)) == (0, 1, 2, 0)


def test_a_text_that_looks_like_a_formula_stays_a_text(
    database: Database, tmp_path: Path, entries_file: Make
) -> None:
    content = good(
        "OK01", resource_code=None, share_condition='=HYPERLINK("x")', share_scope="@all", legal_basis="-1"
    )
    for name in ("目录.xlsx", "目录.csv", "目录.jsonl"):
        _, copy = brought_back(database, entries_file([content], name=name), tmp_path)
        sheet = opened(copy.read_bytes())["目录"]
        assert not [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
        assert counts(imported(database, copy)) == (0, 0, 1, 0)
