"""Files that are broken or merely odd: a clear answer with place, reason and cure, and never a crash."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog_specs import Specs
from registry.checking import read_file
from registry.errors import Unreadable
from tests.catalogue_files import CSV, HEADER, ROW, TABLE, cells_of, checked, file, reason
from tests.packages import package, row_of
from validators.case import Facts

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
