"""Workbooks that are damaged, protected or dangerous, and those of other writers: read or told, and never a crash."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog_specs import Specs
from registry.checking import read_file
from registry.errors import Unreadable
from tests.catalogue_files import HEADER, ROW, TABLE, cells_of, checked, file, reason
from tests.packages import inline, package, rewritten, row_of
from validators.case import Facts

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
