"""Wipe records as files: the template comes back as it was filled, and every fault has its place."""

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from catalog_specs import Specs
from registry.db import Database
from registry.errors import Rejected
from registry.wipe_intake import record_read
from registry.wipe_sheets import columns_of, read_records, write_template
from tests.wipe_content import DIGEST, Wiping, make_wiping, physical, verified

KINDS = ("physical", "cloud", "service")


@pytest.fixture
def wiping(sqlite_database: Database, tmp_path: Path) -> Wiping:
    made = make_wiping(sqlite_database, tmp_path)
    made.copy()
    made.open()
    made.enlist("主库一")
    return made


def cells(specs: Specs, content: dict[str, Any], kind: str = "physical") -> dict[str, str]:
    """A record as a steward writes it, by the heads of the columns."""
    found = {}
    terms = {"hdd": "机械硬盘", "g3": "一般数据3级", "purge": "净化", "secure_erase_enhanced": "增强安全擦除"}
    terms |= {"scrap": "报废", "pass": "通过"}
    for one in columns_of(kind, specs):
        value: Any = content.get(one.field)
        value = value.get(one.where.partition(".")[2]) if isinstance(value, dict) else value
        if isinstance(value, list):
            value = "；".join(f"{v['copy']}=已清除" if isinstance(v, dict) else v for v in value)
        if value is not None:
            found[one.zh] = terms.get(str(value), str(value))
    return found


def filled(path: Path, specs: Specs, *rows: dict[str, Any], kind: str = "physical") -> Path:
    """The template with rows filled in."""
    write_template(path)
    book = openpyxl.load_workbook(path)
    sheet = book[next(row.zh for row in specs.retirement.kinds if row.key == kind)]
    heads = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
    for number, row in enumerate(rows, 2):
        for name, value in cells(specs, row, kind).items():
            sheet.cell(number, heads[name], value)
    book.save(path)
    return path


def test_the_template_has_a_sheet_a_kind_with_drop_downs_and_text_columns(
    tmp_path: Path, specs: Specs
) -> None:
    write_template(tmp_path / "t.xlsx")
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert [name for name in book.sheetnames if not name.startswith("_")] == [
        row.zh for row in specs.retirement.kinds
    ]
    sheet = book["物理介质"]
    heads = [str(cell.value) for cell in sheet[1]]
    assert {"序列号*", "操作人姓名*", "操作人职务*", "验证人姓名", "抽样比例"} <= set(heads)
    assert "清除证明编号" not in heads and len(sheet.data_validations.dataValidation) == 6
    column = sheet.column_dimensions["A"]
    assert column.number_format == "@" and column.max >= len(heads)


def test_core_data_are_not_offered(tmp_path: Path) -> None:
    write_template(tmp_path / "t.xlsx", ["physical"])
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    offered = {str(cell.value) for row in book["_字典"].iter_rows() for cell in row}
    assert "重要数据" in offered and "核心数据" not in offered


def test_what_was_filled_in_is_read_back(tmp_path: Path, specs: Specs) -> None:
    content = physical() | verified()
    read = read_records(filled(tmp_path / "t.xlsx", specs, content))
    assert [(one.row, one.kind, one.errors) for one in read] == [(2, "physical", ())]
    assert read[0].content == content


def test_a_csv_and_json_say_the_same(tmp_path: Path, specs: Specs) -> None:
    row = cells(specs, physical())
    path = tmp_path / "r.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    assert read_records(path, kind="physical")[0].content == physical()
    one, many, lines = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.jsonl"
    one.write_text(json.dumps(physical(), ensure_ascii=False, indent=2), "utf-8")
    many.write_text(json.dumps([physical(), physical(media_type="机械硬盘")], ensure_ascii=False), "utf-8")
    lines.write_text("\n".join(json.dumps(physical(), ensure_ascii=False) for _ in range(2)), "utf-8")
    read = [[r.content for r in read_records(path, kind="physical")] for path in (one, many, lines)]
    assert read == [[physical()], [physical()] * 2, [physical()] * 2]


def test_a_percentage_and_a_spreadsheet_s_own_date_are_understood(tmp_path: Path, specs: Specs) -> None:
    path = filled(tmp_path / "t.xlsx", specs, physical(sample_ratio="12%", capacity="4"))
    book = openpyxl.load_workbook(path)
    sheet = book["物理介质"]
    heads = {str(cell.value).rstrip("*"): cell for cell in sheet[1]}
    from datetime import datetime

    sheet.cell(2, heads["开始时间"].column, datetime(2026, 11, 20, 9, 0))  # noqa: DTZ001  (a cell has no zone)
    book.save(path)
    content = read_records(path)[0].content
    assert (content["sample_ratio"], content["started_at"]) == (0.12, "2026-11-20T09:00")


def test_a_number_that_lost_digits_is_no_serial_number(tmp_path: Path, specs: Specs) -> None:
    path = filled(tmp_path / "t.xlsx", specs, physical())
    book = openpyxl.load_workbook(path)
    sheet = book["物理介质"]
    heads = {str(cell.value).rstrip("*"): cell for cell in sheet[1]}
    sheet.cell(2, heads["序列号"].column, 123456789012345678)
    book.save(path)
    assert "已经丢位" in read_records(path)[0].errors[0]


def test_each_fault_names_sheet_row_and_column(wiping: Wiping, tmp_path: Path, specs: Specs) -> None:
    rows = [
        physical(),
        physical(serial_no="Z2", technique="degauss", media_type="ssd"),
        physical(model="", serial_no="Z3"),
    ]
    read = read_records(filled(tmp_path / "t.xlsx", specs, *rows))
    with pytest.raises(Rejected) as refused, wiping.by("steward") as (session, who):
        record_read(session, wiping.case, read, **who)
    said = [(one["code"], one["place"]) for one in refused.value.details["errors"]]
    assert ("WI2", "物理介质 第 3 行 J 列") in said or any(
        code == "WI2" and "第 3 行" in place for code, place in said
    )
    assert any(code == "E132" and place == "物理介质 第 4 行 B 列" for code, place in said)
    assert not any("第 2 行" in place for _, place in said)


def test_a_whole_workbook_is_recorded(wiping: Wiping, tmp_path: Path, specs: Specs) -> None:
    read = read_records(filled(tmp_path / "t.xlsx", specs, physical(), physical(serial_no="Z2")))
    with wiping.by("steward") as (session, who):
        made = record_read(session, wiping.case, read, evidence={"日志.txt": "cd" * 32}, **who)
        assert [one.serial_no for one in made] == ["ZC1A2B3C", "Z2"]
        assert made[0].content["evidence_hashes"][-1] == "cd" * 32


def test_a_paper_stands_on_the_record_that_names_it(wiping: Wiping, tmp_path: Path, specs: Specs) -> None:
    rows = [physical(evidence_hashes=["照片.JPG"]), physical(serial_no="Z2")]
    read = read_records(filled(tmp_path / "t.xlsx", specs, *rows))
    papers = {"照片.jpg": "cd" * 32, "日志.txt": "ef" * 32}
    with wiping.by("steward") as (session, who):
        first, second = record_read(session, wiping.case, read, evidence=papers, **who)
        assert first.content["evidence_hashes"] == ["cd" * 32, "ef" * 32]
        assert second.content["evidence_hashes"] == [DIGEST, "ef" * 32]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda sheet: sheet.cell(1, 1, "厂家"), "A 列“厂家”不认识"),
        (lambda sheet: sheet.cell(1, 2, "厂商"), "B 列“厂商”重复"),
        (lambda sheet: sheet.cell(2, 2, "秘密★"), "E125"),
    ],
)
def test_a_sheet_that_is_not_understood_is_refused(
    tmp_path: Path, specs: Specs, change: Any, said: str
) -> None:
    path = filled(tmp_path / "t.xlsx", specs, physical())
    book = openpyxl.load_workbook(path)
    change(book["物理介质"])
    book.save(path)
    with pytest.raises(Rejected, match=said):
        read_records(path)


def test_an_answer_is_one_only_where_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("副本范围\n主库:一=已清除；备份一;缓存：不存在\n", "utf-8")
    covered = read_records(path, kind="physical")[0].content["copies_covered"]
    assert covered == [
        {"copy": "主库:一", "answer": "wiped"},
        {"copy": "备份一"},
        {"copy": "缓存", "answer": "absent"},
    ]


def test_the_kind_is_named_or_the_sheet_is(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("序列号\nZ1\n", "utf-8")
    with pytest.raises(Rejected, match="须写明清除记录的类别"):
        read_records(path)
