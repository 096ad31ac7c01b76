"""Files that are broken, hostile or merely odd: a clear answer with place, reason and cure, and never a crash."""

import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import Specs
from registry.checking import FileCheck, check_file, read_file
from registry.errors import Unreadable
from tests.examples import good
from tests.packages import MAIN, inline, package, rewritten, row_of
from validators.case import Facts
from validators.findings import word

HEADER = ["信息资源名称", "信息资源提供方", "信息资源提供方代码", "共享类型"]
ROW = ["婚姻登记信息", "遵义市民政局", "115203000094210200", "1"]
TABLE = row_of(1, HEADER) + row_of(2, ROW)


def reason(path: Path, specs: Specs) -> str:
    """Why a file is refused, which also must be sayable in both languages."""
    with pytest.raises(Unreadable) as caught:
        read_file(path, specs)
    finding = caught.value.finding
    assert finding.rule == "E171"
    for lang in ("zh", "en"):
        worded = word(finding, specs, lang)
        assert worded.message and worded.fix and "{" not in worded.message
    return finding.reason


def file(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def checked(path: Path, facts: Facts) -> FileCheck:
    return check_file(path, facts=facts, profile="zunyi_2020")


def cells_of(check: FileCheck, rule: str) -> list[str]:
    return [line.cell for line in check.lines() if line.worded.rule == rule]


def limited(specs: Specs, **limits: int) -> Specs:
    """The same specification with smaller limits, so that a small file meets them."""
    entry = specs.entry.model_copy(update={"limits": dict(specs.entry.limits) | limits})
    return replace(specs, documents=dict(specs.documents) | {"entry": entry})


# ---- files that are no catalogue at all -------------------------------------------------------------------


def test_a_missing_file_is_told(tmp_path: Path, specs: Specs) -> None:
    assert reason(tmp_path / "没有.xlsx", specs) == "missing"


def test_a_folder_is_told(tmp_path: Path, specs: Specs) -> None:
    assert reason(tmp_path, specs) == "directory"


@pytest.mark.parametrize("name", ["空.xlsx", "空.csv", "空.jsonl"])
def test_an_empty_file_is_told(name: str, tmp_path: Path, specs: Specs) -> None:
    assert reason(file(tmp_path / name, b""), specs) == "empty"


@pytest.mark.parametrize("name", ["目录.xls", "目录.pdf", "目录", "目录.xlsx.zip"])
def test_an_unknown_kind_of_file_is_told(name: str, tmp_path: Path, specs: Specs) -> None:
    assert reason(file(tmp_path / name, b"x"), specs) == "kind"


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (OLE + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 100, "password"),
        (OLE + b"\0" * 9000 + "EncryptedPackage".encode("utf-16-le"), "password"),
        (OLE + b"\0" * 504 + "Workbook".encode("utf-16-le"), "old_xls"),
        (b"<html><body><table><tr><td>x</td></tr></table></body></html>", "web_page"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><p>", "web_page"),
        (
            b"<?xml version='1.0'?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'/>",
            "web_page",
        ),
        ("信息资源名称,共享类型\n".encode(), "plain_text"),
        (b"PK\x03\x04 and then nothing", "damaged"),
        (b"PK\x05\x06" + b"\0" * 18, "damaged"),
        (os.urandom(64) + b"\0" * 64, "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_called_xlsx_and_is_none_is_told(
    content: bytes, expected: str, tmp_path: Path, specs: Specs
) -> None:
    assert reason(file(tmp_path / "目录.xlsx", content), specs) == expected


def test_a_workbook_called_csv_is_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE})
    assert reason(made.rename(tmp_path / "目录.csv"), specs) == "is_workbook"
    assert reason(file(tmp_path / "旧.csv", OLE + b"\0" * 600), specs) == "is_workbook"


# ---- damaged workbooks ------------------------------------------------------------------------------------


def test_a_workbook_cut_short_is_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE})
    assert reason(file(tmp_path / "半.xlsx", made.read_bytes()[:-300]), specs) == "damaged"


def test_a_workbook_with_bytes_turned_over_never_crashes(tmp_path: Path, specs: Specs) -> None:
    data = package(tmp_path / "a.xlsx", {"目录": TABLE}).read_bytes()
    read = 0
    for at in range(0, len(data), 7):
        broken = bytearray(data)
        broken[at] ^= 0x55
        path = file(tmp_path / "坏.xlsx", bytes(broken))
        try:
            read_file(path, specs)
            read += 1
        except Unreadable as error:
            assert error.finding.rule == "E171"
    assert read < len(data) // 7


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml"]
)
@pytest.mark.parametrize("content", [b"", b"<", b"not xml", b"<a>", b"\xff\xfe<\x00", b"\0\0\0"])
def test_a_broken_part_is_told(part: str, content: bytes, tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE}, more={part: content})
    assert reason(made, specs) in ("damaged", "no_rows")


@pytest.mark.parametrize(
    "cell",
    [
        "<c r='A0'><v>1</v></c>",
        "<c r='AAAAAAAAAAAAAAAA1'><v>1</v></c>",
        "<c r='A99999999999999'><v>1</v></c>",
        "<c r='&#88;FD1048576'><v>1</v></c>",
        "<c t='a>b' r='XFD1048576'><v>1</v></c>",
        "<c r='A1' t='s'><v>99999</v></c>",
        "<c r='A1' t='zz'><v>1</v></c>",
        "<c r='12'><v>1</v></c>",
    ],
)
def test_a_cell_that_stands_nowhere_is_told(cell: str, tmp_path: Path, specs: Specs) -> None:
    made = package(
        tmp_path / "a.xlsx", {"目录": f"{TABLE}<row r='3'>{cell}</row>"}, shared="<si><t>a</t></si>"
    )
    assert reason(made, specs) in ("damaged", "rows")


def test_two_parts_of_one_name_are_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE})
    with zipfile.ZipFile(made, "a") as target:
        target.writestr("xl/Worksheets/SHEET1.xml", "<worksheet/>")
    assert reason(made, specs) == "damaged"


def test_two_sheets_of_one_name_are_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE, "目錄": TABLE})
    rewritten(made, "xl/workbook.xml", {"目錄".encode(): "目录".encode()})
    assert reason(made, specs) == "damaged"


# ---- protected, with macros -------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["xl/vbaProject.bin", "XL/VBAPROJECT.BIN", "xl/macrosheets/sheet1.xml"])
@pytest.mark.parametrize("name", ["目录.xlsx", "目录.xlsm"])
def test_macros_are_told_whatever_the_file_is_called(
    part: str, name: str, tmp_path: Path, specs: Specs
) -> None:
    assert reason(package(tmp_path / name, {"目录": TABLE}, more={part: b"x"}), specs) == "macros"


def test_an_xlsm_without_macros_is_read(tmp_path: Path, specs: Specs) -> None:
    _, sheets = read_file(package(tmp_path / "目录.xlsm", {"目录": TABLE}), specs)
    assert sheets.entries[0].content["resource_name"] == "婚姻登记信息"


def test_a_picture_named_like_a_macro_is_none(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE}, more={"xl/media/xlm.png": b"x"})
    assert len(read_file(made, specs)[1].entries) == 1


def test_encrypted_members_are_told(tmp_path: Path, specs: Specs) -> None:
    data = bytearray(package(tmp_path / "a.xlsx", {"目录": TABLE}).read_bytes())
    at = 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        data[at + 8] |= 1
        at += 4
    assert reason(file(tmp_path / "密.xlsx", bytes(data)), specs) == "password"


# ---- too large --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["大.xlsx", "大.csv"])
def test_a_file_of_more_than_fifty_megabytes_is_told(name: str, tmp_path: Path, specs: Specs) -> None:
    path = tmp_path / name
    with path.open("wb") as target:
        target.truncate(specs.entry.limits["file_bytes"] + 1)  # no byte of it is written
    with pytest.raises(Unreadable) as caught:
        read_file(path, specs)
    assert (caught.value.finding.reason, caught.value.finding.params) == (
        "too_big",
        {"size": "51", "max": "50"},
    )


def test_a_sheet_that_unpacks_without_end_is_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE + "<!--" + " " * (40 << 20) + "-->"})
    assert reason(made, specs) == "bomb"


def test_shared_texts_that_unpack_without_end_are_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE}, shared="<si><t>" + "长" * (14 << 20) + "</t></si>")
    assert reason(made, specs) == "bomb"


def claiming(path: Path, name: str, size: int) -> Path:
    """The same package, whose directory says that a part is smaller than it is."""
    with zipfile.ZipFile(path) as opened:
        body = opened.read(name)
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while data[at + 46 : at + 46 + len(name)] != name.encode():
        at = data.find(b"PK\x01\x02", at + 4)
    # the checksum is right for the part as it is claimed to be
    data[at + 16 : at + 20] = struct.pack("<I", __import__("zlib").crc32(body[:size]))
    data[at + 24 : at + 28] = struct.pack("<I", size)
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_a_part_that_hides_its_size_is_told(part: str, tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE}, shared="<si><t>" + "长" * (1 << 20) + "</t></si>")
    assert reason(claiming(made, part, 100), specs) in ("bomb", "damaged")


def test_one_long_text_named_by_many_cells_is_told(tmp_path: Path, specs: Specs) -> None:
    """100,000 cells of 32,767 characters would be nine gigabytes, out of a file of a few kilobytes."""
    rows = "".join(f"<row r='{n}'><c r='A{n}' t='s'><v>0</v></c></row>" for n in range(3, 100_003))
    made = package(tmp_path / "a.xlsx", {"目录": TABLE + rows}, shared=f"<si><t>{'长' * 32_767}</t></si>")
    assert made.stat().st_size < 1 << 20
    assert reason(made, specs) == "bomb"


def test_one_long_text_beside_many_short_ones_is_read(tmp_path: Path, specs: Specs) -> None:
    rows = "".join(f"<row r='{n}'><c r='A{n}' t='s'><v>1</v></c></row>" for n in range(3, 20_003))
    shared = f"<si><t>{'长' * 32_767}</t></si><si/>"
    made = package(tmp_path / "a.xlsx", {"目录": TABLE + rows}, shared=shared)
    assert len(read_file(made, specs)[1].entries) == 1


SST = f"<sst xmlns='{MAIN}'"


@pytest.mark.parametrize(
    "shared",
    [
        f"{SST} uniqueCount='4294967295' count='1'/>",
        f"{SST} a='>' uniqueCount='4294967295'/>",
        f"{SST} uniqueCount='+99999999'/>",
        f"{SST} uniqueCount='&#57;99999999'/>",
        f"{SST} count=''/>",
        f"{SST} count='{'0' * 20}9999999999'/>",
        f"<!-- ' -->{SST} count='9999999999999999999999'/>",
        f"{SST}><si/><sst uniqueCount='4294967295'/></sst>",
        f"<x xmlns='y'>{SST} uniqueCount='4294967295'/></x>",
        "<x/>",
        "",
    ],
)
def test_a_count_beyond_what_a_part_can_hold_is_told(shared: str, tmp_path: Path, specs: Specs) -> None:
    """The reader makes room for as many texts as the part claims, and the process dies of it."""
    made = package(tmp_path / "a.xlsx", {"目录": TABLE}, shared="", more={"xl/sharedStrings.xml": shared})
    assert reason(made, specs) == "damaged"


def test_a_text_that_speaks_of_counts_is_read(tmp_path: Path, specs: Specs) -> None:
    text = 'select count="99999999" from t'
    rows = TABLE + row_of(3, [text, *ROW[1:]])
    made = package(
        tmp_path / "a.xlsx", {"目录": rows}, more={"customXml/item1.xml": f"<a count='{text!s}'/>"}
    )
    assert read_file(made, specs)[1].entries[1].content["resource_name"] == text


def test_too_many_sheets_are_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {f"表{n}": "" for n in range(300)})
    with pytest.raises(Unreadable) as caught:
        read_file(made, specs)
    assert (caught.value.finding.reason, caught.value.finding.params) == (
        "sheets",
        {"count": "300", "max": "256"},
    )


def test_many_sheets_that_are_one_part_are_told(tmp_path: Path, specs: Specs) -> None:
    targets = ["worksheets/sheet1.xml"] * 200
    made = package(tmp_path / "a.xlsx", {f"表{n}": TABLE for n in range(200)}, targets=targets)
    assert reason(made, specs) == "damaged"


def test_more_rows_than_allowed_are_told_with_the_sheet(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": f"{TABLE}<row r='200001'>{inline('A200001', '尾')}</row>"})
    with pytest.raises(Unreadable) as caught:
        read_file(made, specs)
    assert (caught.value.finding.reason, caught.value.finding.params) == (
        "rows",
        {"sheet": "目录", "max": "200000"},
    )


def test_as_many_rows_as_allowed_are_read(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": f"{TABLE}<row r='200000'>{inline('A200000', '尾')}</row>"})
    assert [e.origin.row for e in read_file(made, specs)[1].entries] == [2, 200_000]


def test_more_columns_than_allowed_are_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": f"{TABLE}<row r='3'>{inline('SS3', '右')}</row>"})
    assert reason(made, specs) == "columns"


@pytest.mark.parametrize("far", ["SR200000", "CC199999"])
def test_a_stray_value_far_from_the_table_is_told_with_its_cell(
    far: str, tmp_path: Path, specs: Specs
) -> None:
    """The reader would make room for every cell up to it: gigabytes, for a file of two kilobytes."""
    number = far.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    made = package(tmp_path / "a.xlsx", {"目录": f"{TABLE}<row r='{number}'>{inline(far, 'x')}</row>"})
    with pytest.raises(Unreadable) as caught:
        read_file(made, specs)
    assert (caught.value.finding.reason, caught.value.finding.params["cell"]) == ("area", far)


def test_a_stray_value_is_told_in_whatever_order_the_rows_stand(tmp_path: Path, specs: Specs) -> None:
    first = f"<row r='1'>{inline('A199999', 'x')}{inline('A1', 'x')}</row>"
    made = package(tmp_path / "a.xlsx", {"目录": f"{first}<row r='2'>{inline('SR2', 'x')}</row>"})
    assert reason(made, specs) == "area"


def test_a_wide_sheet_of_few_rows_is_read(tmp_path: Path, specs: Specs) -> None:
    wide = f"<row r='3'>{inline('A3', '另一资源')}{inline('SR3', '右')}</row>"
    _, sheets = read_file(package(tmp_path / "a.xlsx", {"目录": TABLE + wide}), specs)
    assert [e.content["resource_name"] for e in sheets.entries] == ["婚姻登记信息", "另一资源"]


MEASURE = """
import re, sys
from pathlib import Path
from catalog_specs import load
from registry.checking import read_file
print(len(read_file(Path(sys.argv[1]), load("zunyi_2020"))[1].entries))
print(int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def test_a_million_blank_formatted_rows_take_little_memory(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="1"/></row>' for n in range(3, 1_048_577))
    made = package(tmp_path / "a.xlsx", {"目录": TABLE + rows}, level=1)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(made)], capture_output=True, text=True, check=True
    )
    entries, megabytes = map(int, done.stdout.split())
    assert entries == 1
    assert megabytes < 400


def test_limits_are_the_specification_s(tmp_path: Path, specs: Specs) -> None:
    path = file(tmp_path / "a.csv", ",".join(HEADER) + "\n" + (",".join(ROW) + "\n") * 5)
    assert reason(path, limited(specs, rows=5)) == "rows"
    assert reason(path, limited(specs, columns=3)) == "columns"
    assert len(read_file(path, limited(specs, rows=6))[1].entries) == 5


# ---- dangerous XML ----------------------------------------------------------------------------------------

LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>"


def test_a_document_type_in_a_sheet_is_told(tmp_path: Path, specs: Specs) -> None:
    assert reason(package(tmp_path / "a.xlsx", {"目录": TABLE}, head=LAUGHS), specs) == "damaged"
    late = "<!--" + "x" * 9000 + "-->" + LAUGHS
    assert reason(package(tmp_path / "b.xlsx", {"目录": TABLE}, head=late), specs) == "damaged"


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
def test_a_document_type_in_the_workbook_is_told(part: str, tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE})
    with zipfile.ZipFile(made) as opened:
        text = opened.read(part)
    assert (
        reason(package(tmp_path / "b.xlsx", {"目录": TABLE}, more={part: LAUGHS.encode() + text}), specs)
        == "damaged"
    )


def test_an_unknown_entity_is_told(tmp_path: Path, specs: Specs) -> None:
    made = package(
        tmp_path / "a.xlsx", {"目录": f"{TABLE}<row r='3'><c r='A3' t='str'><v>&lol;</v></c></row>"}
    )
    assert reason(made, specs) == "damaged"


# ---- formulas and error values ----------------------------------------------------------------------------


def sheet(*cells: str) -> str:
    return TABLE.replace(inline("A2", ROW[0]), cells[0]) if len(cells) == 1 else TABLE + "".join(cells)


@pytest.mark.parametrize(
    "cell",
    [
        "<c r='A2' t='str'><f>B2</f><v>婚姻登记信息</v></c>",
        '<c r="A2" t="str"><f>B2</f><v>婚姻登记信息</v></c>',
        "<c r='A2'><f>B2</f></c>",
        "<c r='A2' t='str'><f t='shared' si='0'/><v>婚姻登记信息</v></c>",
        "<c t='str'><f>B2</f><v>婚姻登记信息</v></c>",
    ],
)
def test_a_formula_is_told_with_its_cell(cell: str, tmp_path: Path, facts: Facts) -> None:
    check = checked(package(tmp_path / "a.xlsx", {"目录": sheet(cell)}), facts)
    assert cells_of(check, "E163") == ["A2"]
    assert "resource_name" not in check.sheets.entries[0].content


def test_the_cells_that_an_array_formula_fills_are_formulas_too(tmp_path: Path, facts: Facts) -> None:
    filled = (
        "<row r='3'><c r='A3' t='str'><f t='array' ref='A3:A4'>B3:B4</f><v>甲</v></c></row>"
        "<row r='4'><c r='A4' t='str'><v>乙</v></c></row>"
    )
    assert cells_of(checked(package(tmp_path / "a.xlsx", {"目录": sheet("", filled)}), facts), "E163") == [
        "A3",
        "A4",
    ]


def test_a_row_of_nothing_but_formulas_is_not_lost(tmp_path: Path, facts: Facts) -> None:
    row = "<row r='3'><c r='A3'><f>A2</f></c><c r='C3'><f>C2</f></c></row>"
    check = checked(package(tmp_path / "a.xlsx", {"目录": TABLE + row}), facts)
    assert cells_of(check, "E163") == ["A3", "C3"]
    assert [entry.origin.row for entry in check.sheets.entries] == [2, 3]


@pytest.mark.parametrize("value", ["#N/A", "#REF!", "#DIV/0!"])
def test_an_error_value_is_told_with_its_cell(value: str, tmp_path: Path, facts: Facts) -> None:
    check = checked(
        package(tmp_path / "a.xlsx", {"目录": sheet(f"<c r='A2' t='e'><v>{value}</v></c>")}), facts
    )
    assert cells_of(check, "E164") == ["A2"]


def test_a_formula_in_an_old_column_is_told(tmp_path: Path, facts: Facts) -> None:
    head = row_of(1, [*HEADER, "是否向社会开放"])
    row = row_of(2, ROW).replace("</row>", "<c r='E2'><f>1</f><v>1</v></c></row>")
    check = checked(package(tmp_path / "a.xlsx", {"目录": head + row}), facts)
    assert cells_of(check, "E163") == ["E2"]
    assert "open_type" not in check.sheets.entries[0].content


def test_a_formula_in_a_sheet_written_by_a_program_with_prefixes_is_told(
    tmp_path: Path, facts: Facts
) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": sheet("<c r='A2' t='str'><f>B2</f><v>甲</v></c>")})
    with zipfile.ZipFile(made) as opened:
        text = opened.read("xl/worksheets/sheet1.xml").decode()
    for old, new in (("</", "</x:"), ("<", "<x:"), ("<x:/x:", "</x:"), ("xmlns=", "xmlns:x=")):
        text = text.replace(old, new)
    made = package(tmp_path / "b.xlsx", {"目录": ""}, more={"xl/worksheets/sheet1.xml": text})
    assert cells_of(checked(made, facts), "E163") == ["A2"]


# ---- other writers' workbooks -----------------------------------------------------------------------------


def test_a_strict_workbook_is_read(tmp_path: Path, specs: Specs) -> None:
    _, sheets = read_file(package(tmp_path / "a.xlsx", {"目录": TABLE}, strict=True), specs)
    assert sheets.entries[0].content["provider_code"] == "115203000094210200"


def test_cells_without_references_are_read_in_their_order(tmp_path: Path, specs: Specs) -> None:
    bare = TABLE
    for reference in [f"{c}{n}" for c in "ABCD" for n in (1, 2)]:
        bare = bare.replace(f" r='{reference}'", "")
    bare = bare.replace(" r='1'", "").replace(" r='2'", "")
    _, sheets = read_file(package(tmp_path / "a.xlsx", {"目录": bare}), specs)
    assert sheets.entries[0].content["resource_name"] == "婚姻登记信息"
    assert sheets.entries[0].origin.row == 2


@pytest.mark.parametrize("target", ["/xl/worksheets/sheet1.xml", "./worksheets/../worksheets/sheet1.xml"])
def test_parts_are_found_however_they_are_named(target: str, tmp_path: Path, facts: Facts) -> None:
    cell = "<c r='A2' t='str'><f>B2</f><v>甲</v></c>"
    made = package(tmp_path / "a.xlsx", {"目录": sheet(cell)}, targets=[target])
    try:
        check = checked(made, facts)
    except Unreadable as error:
        assert error.finding.reason == "damaged"
    else:
        assert cells_of(check, "E163") == ["A2"]


def test_a_table_that_begins_in_the_middle_of_the_sheet_is_read(
    workbook: Callable[..., Path], facts: Facts
) -> None:
    rows = [["", "", *row] for row in ([], [], HEADER, ROW)]
    check = checked(workbook(目录=rows), facts)
    assert check.sheets.entries[0].origin.place("resource_name") == ("目录", 4, 2)


def test_a_chart_sheet_is_no_trouble(tmp_path: Path, specs: Specs) -> None:
    import xlsxwriter

    path = tmp_path / "图.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        table = book.add_worksheet("目录")
        for number, row in enumerate((HEADER, ROW)):
            table.write_row(number, 0, row)
        chart = book.add_chart({"type": "bar"})
        chart.add_series({"values": "=目录!$D$1:$D$2"})
        book.add_chartsheet("图").set_chart(chart)
    assert len(read_file(path, specs)[1].entries) == 1


def test_a_hidden_sheet_is_told_and_not_read(tmp_path: Path, facts: Facts) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for title, hidden in (("目录", "visible"), ("备份", "hidden"), ("字典", "veryHidden")):
        made = book.create_sheet(title)
        made.append(HEADER)
        made.append([f"{title}资源", *ROW[1:]])
        made.sheet_state = hidden
    book.remove(book.worksheets[0])
    book.save(tmp_path / "a.xlsx")
    check = checked(tmp_path / "a.xlsx", facts)
    assert [e.content["resource_name"] for e in check.sheets.entries] == ["目录资源"]
    assert [f.finding.value for f in check.sheets.findings if f.finding.rule == "W237"] == ["备份"]


def test_a_stray_sheet_is_told_and_ours_without_header_is_an_error(
    workbook: Callable[..., Path], facts: Facts
) -> None:
    notes = [["下周开会"], ["带材料"]]
    check = checked(workbook(目录=[HEADER, ROW], 备忘=notes, 信息项=notes), facts)
    assert [(f.finding.rule, f.finding.value) for f in check.sheets.findings] == [
        ("N302", "备忘"),
        ("E170", "信息项"),
    ]


# ---- headers and rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["目录.xlsx", "目录.csv"])
def test_a_file_with_a_header_only_is_told(
    name: str, tmp_path: Path, workbook: Callable[..., Path], specs: Specs
) -> None:
    path = tmp_path / name
    if name.endswith("csv"):
        file(path, ",".join(HEADER) + "\r\n")
    else:
        workbook(目录=[HEADER])
    assert reason(path, specs) == "no_rows"


def test_a_csv_without_our_header_is_an_error(tmp_path: Path, facts: Facts) -> None:
    check = checked(file(tmp_path / "a.csv", "甲,乙,丙\n1,2,3\n"), facts)
    assert [f.finding.rule for f in check.sheets.findings] == ["E170"]


def test_doubled_headers_are_told_with_their_cell(workbook: Callable[..., Path], facts: Facts) -> None:
    check = checked(workbook(目录=[[*HEADER, "资源名称"], [*ROW, "别名"]]), facts)
    assert cells_of(check, "E161") == ["E1"]
    assert check.sheets.entries[0].content["resource_name"] == "婚姻登记信息"


def test_an_unknown_column_is_told_with_a_hint(workbook: Callable[..., Path], facts: Facts) -> None:
    check = checked(workbook(目录=[[*HEADER, "更新周其", "备注"], [*ROW, "每日", "x"]]), facts)
    found = [line for line in check.lines() if line.worded.rule == "E160"]
    assert [line.cell for line in found] == ["E1", "F1"]
    assert "更新周期" in found[0].worded.fix
    assert "备注" not in check.sheets.entries[0].content.values()


def test_values_under_no_header_are_told(workbook: Callable[..., Path], facts: Facts) -> None:
    assert cells_of(checked(workbook(目录=[[*HEADER, ""], [*ROW, "无主"]]), facts), "E160") == ["E1"]


def test_a_header_of_thousands_of_characters_is_told_shortly(
    workbook: Callable[..., Path], facts: Facts
) -> None:
    check = checked(workbook(目录=[[*HEADER, "长" * 30_000], [*ROW, "x"]]), facts)
    assert [f.finding.value for f in check.sheets.findings] == ["长" * 64]


def test_merged_cells_are_told_with_their_range(tmp_path: Path, facts: Facts) -> None:
    merged = "<mergeCells><mergeCell ref='A2:A3'/><mergeCell ref='A900:B905'/><mergeCell ref='A1:B1'/></mergeCells>"
    check = checked(
        package(tmp_path / "a.xlsx", {"目录": TABLE + row_of(3, ["", *ROW[1:]])}, tail=merged), facts
    )
    assert [(f.finding.value, f.place) for f in check.sheets.findings] == [("A2:A3", ("目录", 2, 0))]


# ---- CSV --------------------------------------------------------------------------------------------------

CSV = ",".join(HEADER) + "\n" + ",".join(ROW) + "\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_usual_encodings_and_line_ends_are_read(
    encoding: str, end: str, tmp_path: Path, specs: Specs
) -> None:
    _, sheets = read_file(file(tmp_path / "a.csv", CSV.replace("\n", end).encode(encoding)), specs)
    assert [(e.content["resource_name"], e.origin.row) for e in sheets.entries] == [("婚姻登记信息", 2)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl"])
def test_utf_16_is_told(encoding: str, name: str, tmp_path: Path, specs: Specs) -> None:
    ascii_text = "resource_name,provider_code,share_type\n" * 20
    assert reason(file(tmp_path / name, ascii_text.encode(encoding)), specs) == "utf16"
    if encoding == "utf-16":
        assert reason(file(tmp_path / name, CSV.encode(encoding)), specs) == "utf16"


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line", [2, 5000])
def test_a_bad_byte_in_utf_8_is_told_with_its_line(
    before: bytes, line: int, tmp_path: Path, specs: Specs
) -> None:
    """It must not be read as GB18030: every character after it would be another one."""
    lines = [",".join(HEADER).encode(), *[",".join(ROW).encode()] * (line - 2), b"\xe5\xa9\xa8\xff,x,y,1"]
    with pytest.raises(Unreadable) as caught:
        read_file(file(tmp_path / "a.csv", before + b"\n".join(lines)), specs)
    assert (caught.value.finding.reason, caught.value.finding.params) == ("encoding", {"line": str(line)})


def test_a_bad_byte_in_gb18030_is_told_with_its_line(tmp_path: Path, specs: Specs) -> None:
    lines = [",".join(HEADER), *[",".join(ROW)] * 700]
    data = "\n".join(lines).encode("gb18030") + b"\n\xff\xff,x"
    with pytest.raises(Unreadable) as caught:
        read_file(file(tmp_path / "a.csv", data), specs)
    assert (caught.value.finding.reason, caught.value.finding.params) == ("encoding", {"line": "702"})


@pytest.mark.parametrize("encoding", ["big5", "shift_jis", "euc_kr", "cp1252"])
def test_another_encoding_is_never_read_as_a_catalogue(encoding: str, tmp_path: Path, facts: Facts) -> None:
    data = CSV.encode("utf-8") if encoding == "cp1252" else CSV.encode(encoding, "ignore")
    path = file(
        tmp_path / "a.csv",
        data.decode("latin-1").encode("cp1252", "replace") if encoding == "cp1252" else data,
    )
    try:
        check = checked(path, facts)
    except Unreadable as error:
        assert error.finding.reason == "encoding"
    else:
        assert [f.finding.rule for f in check.sheets.findings] == ["E170"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_nul_byte_is_told_with_its_line(name: str, tmp_path: Path, specs: Specs) -> None:
    with pytest.raises(Unreadable) as caught:
        read_file(file(tmp_path / name, CSV + "甲\x00乙"), specs)
    assert (caught.value.finding.reason, caught.value.finding.params) == ("nul", {"line": "3"})


@pytest.mark.parametrize(
    "text", ['甲,"没有\n收尾,x,y\n丙,1,2,3\n', '甲,"收尾"之后,x,y\n'], ids=["open", "text behind"]
)
def test_an_unpaired_quotation_mark_is_told_with_its_line(text: str, tmp_path: Path, specs: Specs) -> None:
    with pytest.raises(Unreadable) as caught:
        read_file(file(tmp_path / "a.csv", CSV + text), specs)
    assert (caught.value.finding.reason, caught.value.finding.params["line"]) == ("quoting", "3")


def test_a_quotation_mark_that_swallows_the_file_is_told(tmp_path: Path, specs: Specs) -> None:
    swallowed = '甲,"' + ",".join(ROW) * 9000
    with pytest.raises(Unreadable) as caught:
        read_file(file(tmp_path / "a.csv", CSV + swallowed), specs)
    assert (caught.value.finding.reason, caught.value.finding.params["line"]) == ("long_cell", "3")


def test_a_row_wider_than_the_header_is_told(tmp_path: Path, facts: Facts) -> None:
    """An unquoted comma moves every value behind it into the wrong column."""
    check = checked(file(tmp_path / "a.csv", CSV + "甲,乙,丙,1,多,余\n丁\n戊,己,庚,1,,\n"), facts)
    assert [(f.finding.rule, f.finding.value, f.place.row) for f in check.sheets.findings] == [
        ("E176", "6", 3)
    ]
    assert [e.content["resource_name"] for e in check.sheets.entries][-2:] == ["丁", "戊"]


def test_a_row_over_several_lines_keeps_its_line(tmp_path: Path, specs: Specs) -> None:
    path = file(tmp_path / "a.csv", CSV + '"第二\n资源",x,y,1\n第三资源,x,y,1\n')
    assert [e.origin.row for e in read_file(path, specs)[1].entries] == [2, 3, 5]


@pytest.mark.parametrize("name", ["a.tsv", "a.txt"])
def test_tabs_separate_as_well(name: str, tmp_path: Path, specs: Specs) -> None:
    _, sheets = read_file(file(tmp_path / name, CSV.replace(",", "\t")), specs)
    assert sheets.entries[0].content["provider_code"] == "115203000094210200"


# ---- cells ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_cell_longer_than_a_cell_can_be_is_told_and_not_read(
    name: str, tmp_path: Path, facts: Facts
) -> None:
    long = "长" * 40_000
    if name == "a.csv":
        path = file(tmp_path / name, CSV + f"{long},遵义市民政局,115203000094210200,1\n")
    else:
        path = file(tmp_path / name, json.dumps({"resource_name": "短", "keywords": [long]}))
    check = checked(path, facts)
    assert [w.worded.value for w in check.lines() if w.worded.rule == "E175"] == ["40000"]


def test_control_characters_are_told_and_dropped(tmp_path: Path, facts: Facts) -> None:
    check = checked(file(tmp_path / "a.csv", CSV.replace("婚姻", "婚\x01姻")), facts)
    assert cells_of(check, "E173") == ["A2"]
    assert check.sheets.entries[0].content["resource_name"] == "婚姻登记信息"


def test_lost_digits_are_errors_with_their_cell(workbook: Callable[..., Path], facts: Facts) -> None:
    head = [*HEADER, "信息资源代码", "联系电话"]
    row = ["甲资源", "遵义市民政局", 115203000094210200, 1, 307024030102, 13800138000]
    check = checked(workbook(目录=[head, row]), facts)
    assert (cells_of(check, "E165"), cells_of(check, "E166")) == (["C2"], ["E2"])
    content = check.sheets.entries[0].content
    assert (content["share_type"], content["contact_phone"]) == ("1", "13800138000")
    assert "provider_code" not in content and "resource_code" not in content


def test_wide_digits_and_stray_blanks_are_told(workbook: Callable[..., Path], facts: Facts) -> None:
    row = [" 婚姻登记信息", "遵义市民政局", "１１５２０３００００９４２１０２００", "有条件共享　"]
    check = checked(workbook(目录=[HEADER, row]), facts)
    assert (cells_of(check, "W231"), cells_of(check, "W232")) == (["A2", "D2"], ["C2"])
    assert check.sheets.entries[0].content["provider_code"] == "115203000094210200"


# ---- JSON Lines -------------------------------------------------------------------------------------------

GOOD_LINE = json.dumps(good("OK01"), ensure_ascii=False)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{", "E172"),
        ('{"a": 1}}', "E172"),
        ('{"data_length": NaN}', "E172"),
        ('{"data_length": -Infinity}', "E172"),
        ('{"resource_name": "甲", "resource_name": "乙"}', "E172"),
        ('{"items": [{"item_name": "甲", "item_name": "乙"}]}', "E172"),
        ("[" * 100_000 + "]" * 100_000, "E172"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "E172"),
        ('{"keywords": ' + "[" * 500 + "]" * 500 + "}", "E172"),
        ('{"data_length": ' + "9" * 5000 + "}", "E172"),
        ("[1, 2]", "E167"),
        ('"text"', "E167"),
        ("null", "E167"),
        ("1", "E167"),
    ],
    ids=lambda value: value[:24],
)
def test_a_line_that_is_no_object_is_told_and_the_others_are_read(
    line: str, rule: str, tmp_path: Path, facts: Facts
) -> None:
    check = checked(file(tmp_path / "a.jsonl", f"{GOOD_LINE}\n\n{line}\n{GOOD_LINE}\n"), facts)
    assert [(f.finding.rule, f.place.row) for f in check.sheets.findings] == [(rule, 3)]
    assert [entry.origin.row for entry in check.sheets.entries] == [1, 4]
    assert len(list(check.lines("en"))) > 0


def test_a_json_array_is_told(tmp_path: Path, specs: Specs) -> None:
    for text in (json.dumps([good()]), json.dumps([good()], indent=1)):
        assert reason(file(tmp_path / "a.json", text), specs) == "json_array"


ODD: list[Any] = [
    {"a": "\ud800"},
    ["\x00", "乙"],
    [["甲"]],
    {"a": {"b": [1, None]}},
    10**400,
    1e308 * 10,
    True,
    "\udc00尾",
    "＝甲\x0b",
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize(
    "key", ["resource_name", "keywords", "non_share_basis", "share_type", "items", "没有的键\x00"]
)
def test_no_odd_value_makes_a_content_that_cannot_be_stored(
    key: str, value: Any, tmp_path: Path, facts: Facts
) -> None:
    try:
        line = json.dumps(good("OK01") | {key: value})
    except ValueError:
        return  # no JSON at all
    check = checked(file(tmp_path / "a.jsonl", line), facts)
    for entry in check.sheets.entries:
        text = json.dumps(entry.content, ensure_ascii=False, allow_nan=False)
        assert text.encode() and not re.search(r"(?<!\\)\\u0000", text)
    if key not in ("share_type", "resource_name"):
        assert any(line.worded.rule.startswith("E") for line in check.lines())


def test_an_unknown_key_is_told_and_never_takes_a_field_s_place(tmp_path: Path, facts: Facts) -> None:
    given = good("OK01") | {"resource_name\x00": "别的", "ｒesource_name": "又一个", "items ": 3}
    check = checked(file(tmp_path / "a.jsonl", json.dumps(given)), facts)
    assert check.sheets.entries[0].content["resource_name"] == "婚姻登记信息"
    assert len(check.sheets.entries[0].content["items"]) == 4
    assert len([line for line in check.lines() if line.worded.rule == "E150"]) == 3


def test_items_that_are_no_objects_are_told_one_by_one(tmp_path: Path, facts: Facts) -> None:
    given = good("OK01")
    given["items"] = ["姓名", *given["items"], {}, None]
    check = checked(file(tmp_path / "a.jsonl", json.dumps(given)), facts)
    assert len(check.sheets.entries[0].content["items"]) == 4
    assert [line.worded.rule for line in check.lines() if line.worded.field == "items"] == [
        "E140",
        "W236",
        "E140",
    ]


def test_an_empty_line_between_is_nothing(tmp_path: Path, specs: Specs) -> None:
    path = file(tmp_path / "a.jsonl", f"\n  \n{GOOD_LINE}\r\n\r\n")
    assert [entry.origin.row for entry in read_file(path, specs)[1].entries] == [3]


def test_a_file_of_nothing_but_blanks_is_told(tmp_path: Path, specs: Specs) -> None:
    assert reason(file(tmp_path / "a.jsonl", " \n\n"), specs) == "no_rows"
    assert reason(file(tmp_path / "a.csv", " \n\n"), specs) in ("no_rows",)


def test_a_file_whose_name_is_no_text_is_read(tmp_path: Path, specs: Specs) -> None:
    path = Path(os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff.csv"))
    path.write_bytes(CSV.encode())
    assert len(read_file(path, specs)[1].entries) == 1


def test_a_zip_with_a_second_directory_in_its_comment_is_told(tmp_path: Path, specs: Specs) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE})
    with zipfile.ZipFile(made, "a") as target:
        target.comment = b"PK\x05\x06" + b"\0" * 18
    assert reason(made, specs) == "damaged"


def test_a_workbook_in_memory_compressed_by_another_method_is_read_or_told(
    tmp_path: Path, specs: Specs
) -> None:
    made = package(tmp_path / "a.xlsx", {"目录": TABLE})
    out = io.BytesIO()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info))
    assert reason(file(tmp_path / "b.xlsx", out.getvalue()), specs) == "damaged"
