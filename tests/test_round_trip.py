"""What is exported is read back alike, whatever it holds; and no text of it ever becomes a formula."""

import csv
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from catalog_specs import Specs, load
from catalog_specs.model import FieldSpec, FieldType
from registry.checking import read_file
from registry.errors import Rejected
from registry.export import export_entries
from tests.examples import GOOD, good
from validators.reading import Reader

SPECS: Specs = load("zunyi_2020")
FORMATS = (".xlsx", ".csv", ".jsonl")
READERS = {spec.key: Reader(spec, SPECS) for spec in SPECS.entry.fields}
ITEM_READERS = {spec.key: Reader(spec, SPECS) for spec in SPECS.entry.items}

# letters that mean something to a spreadsheet, to CSV, to XML or to a field
TELLING = "=+-@'\"、，,;；:：｜|\\/《》()（） \t\r\n\u3000０Ａ１_x0041&<>%#甲乙0a\u2028\x85\U0001f600é"
texts = (
    st.text(st.sampled_from(TELLING), max_size=12)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "'=1",
            "''",
            "_x0041_",
            "_x000D_",
            "&lt;",
            "]]>",
            "示例数据",
            "填写说明书",
            "1e5",
            "007",
        ]
    )
)


def raw_value(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Anything that may be written into a field, as often right as wrong."""
    if spec.key in SPECS.entry.secret_columns:
        return st.just("非涉密")
    codes = st.sampled_from(
        [value.code for value in SPECS.codes[spec.codes].values] if spec.codes else ["无"]
    )
    if spec.key == "data_grade":
        return codes.filter(lambda code: code != "secret")
    kinds: dict[FieldType, st.SearchStrategy[Any]] = {
        FieldType.ENUM: codes | texts,
        FieldType.ENUM_LIST: st.lists(codes | texts, max_size=3),
        FieldType.TEXT_LIST: st.lists(texts, max_size=3),
        FieldType.CATEGORY: st.lists(texts, max_size=2),
        FieldType.BOOLEAN: st.booleans() | texts,
        FieldType.INTEGER: st.integers(-5, 10**6) | texts,
        FieldType.DATE: st.dates().map(str) | texts,
        FieldType.BASIS: st.lists(
            st.fixed_dictionaries({}, optional={p.key: texts for p in spec.parts}), max_size=2
        ),
        FieldType.RECORD: st.fixed_dictionaries({}, optional={p.key: texts for p in spec.parts}),
        FieldType.RECORDS: st.lists(
            st.fixed_dictionaries({}, optional={p.key: texts for p in spec.parts}), max_size=2
        ),
    }
    return kinds.get(spec.type, texts)


def row(
    specs: Sequence[FieldSpec], readers: dict[str, Reader], **fixed: Any
) -> st.SearchStrategy[dict[str, Any]]:
    """A row of stored values: whatever was drawn, as the readers store it."""
    optional = {spec.key: raw_value(spec) for spec in specs if spec.key not in fixed}

    def stored(drawn: dict[str, Any]) -> dict[str, Any]:
        read = {key: readers[key].read(value).value for key, value in drawn.items()}
        return {key: value for key, value in read.items() if value not in (None, "", [], {})} | fixed

    return st.fixed_dictionaries({}, optional=optional).map(stored)


@st.composite
def catalogues(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Entries with a code of their own and any content else."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        code = f"307024030101/{number + 1:06d}"
        content = draw(row(SPECS.entry.fields, READERS, resource_code=code))
        content.setdefault("resource_name", f"资源{number}")
        items = [item for item in draw(st.lists(row(SPECS.entry.items, ITEM_READERS), max_size=3)) if item]
        if items:
            content["items"] = items
        found.append(content)
    return found


PROPERTY = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("suffix", FORMATS)
@PROPERTY
@given(contents=catalogues())
@example(
    contents=[
        {"resource_code": "307024030101/000001", "resource_name": "示例数据集", "share_condition": "_x0041_"}
    ]
)
def test_what_is_exported_is_read_back(suffix: str, contents: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"目录{suffix}"
        assert export_entries(contents, path, SPECS) == len(contents)
        _, sheets = read_file(path, SPECS)
    assert [entry.content for entry in sheets.entries] == contents
    assert sheets.findings == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_entries_without_a_code_are_read_back_by_name(suffix: str, tmp_path: Path, specs: Specs) -> None:
    contents = [good(key, resource_code=None) for key in GOOD]
    path = tmp_path / f"目录{suffix}"
    export_entries(contents, path, specs)
    assert [entry.content for entry in read_file(path, specs)[1].entries] == contents


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_name_of_two_providers_is_read_back(suffix: str, tmp_path: Path, specs: Specs) -> None:
    contents = [
        good("OK01", resource_code=None),
        good("OK08", resource_code=None, resource_name="婚姻登记信息"),
    ]
    path = tmp_path / f"目录{suffix}"
    export_entries(contents, path, specs)
    assert [entry.content for entry in read_file(path, specs)[1].entries] == contents


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "＝1+1", "'=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_workbook_becomes_a_formula(text: str, tmp_path: Path, specs: Specs) -> None:
    export_entries([good("OK01", share_condition=text)], tmp_path / "a.xlsx", specs)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["目录"]
    cells = {cell.value: cell.data_type for line in sheet.iter_rows() for cell in line if cell.value}
    assert set(cells.values()) == {"s"} and cells[text] == "s"


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_csv_becomes_a_formula(text: str, tmp_path: Path, specs: Specs) -> None:
    content = good("OK01", share_condition=text)
    content["items"][0]["item_name"] = text
    export_entries([content], tmp_path / "a.csv", specs)
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert sum(text in cell for cell in cells) >= 2


def test_codes_and_long_numbers_are_texts(tmp_path: Path, specs: Specs) -> None:
    export_entries([good("OK01")], tmp_path / "a.xlsx", specs)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["目录"]
    cells = {
        cell.value: cell.number_format for line in sheet.iter_rows(min_row=2) for cell in line if cell.value
    }
    assert cells["115203000094210200"] == cells["307024030101/000001"] == "@"


def test_a_csv_begins_with_a_mark_that_spreadsheets_need(tmp_path: Path, specs: Specs) -> None:
    export_entries([good("OK01")], tmp_path / "a.csv", specs)
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_json_lines_are_canonical_and_in_chinese(tmp_path: Path, specs: Specs) -> None:
    export_entries([good("OK01")], tmp_path / "a.jsonl", specs)
    text = (tmp_path / "a.jsonl").read_text("utf-8")
    assert "婚姻登记信息" in text and json.loads(text) == good("OK01")


@pytest.mark.parametrize("name", ["a.xls", "a", "a.pdf", ".xlsx.bak"])
def test_an_unknown_format_is_refused(name: str, tmp_path: Path, specs: Specs) -> None:
    with pytest.raises(Rejected):
        export_entries([good("OK01")], tmp_path / name, specs)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_place_that_cannot_be_written_is_told(suffix: str, tmp_path: Path, specs: Specs) -> None:
    with pytest.raises(Rejected) as caught:
        export_entries([good("OK01")], tmp_path / "没有" / f"a{suffix}", specs)
    assert "不能写入" in str(caught.value)


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_export_that_fails_leaves_the_old_file(suffix: str, tmp_path: Path, specs: Specs) -> None:
    def broken() -> Any:
        yield good("OK01")
        raise RuntimeError

    path = tmp_path / f"a{suffix}"
    path.write_text("旧", "utf-8")
    with pytest.raises(RuntimeError):
        export_entries(broken(), path, specs)
    assert path.read_text("utf-8") == "旧"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_empty_catalogue_is_exported_with_its_headers(suffix: str, tmp_path: Path, specs: Specs) -> None:
    path = tmp_path / f"a{suffix}"
    assert export_entries([], path, specs) == 0
    assert path.exists()


def test_a_template_is_read_as_an_empty_catalogue(
    tmp_path: Path, specs: Specs, entries_file: Callable[..., Path]
) -> None:
    from registry.errors import Unreadable
    from registry.export import write_template

    write_template(tmp_path / "模板.xlsx", specs, rows=10)
    with pytest.raises(Unreadable) as caught:
        read_file(tmp_path / "模板.xlsx", specs)
    assert caught.value.finding.reason == "no_rows"
