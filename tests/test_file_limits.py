"""Files that are too large, or would be once they are opened: told before they take the machine's memory."""

import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from catalog_specs import Specs
from registry.checking import read_file
from registry.errors import Unreadable
from tests.catalogue_files import HEADER, ROW, TABLE, file, limited, reason
from tests.packages import MAIN, inline, package, row_of


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
