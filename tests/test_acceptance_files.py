"""The acceptance pack as a workbook and as pages: of one value, with texts alone, the same bytes for the same data."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pypdf
import pytest

from registry.acceptance_files import acceptance_json, pack_of, pack_pdf, pack_xlsx
from registry.table_lists import exclude
from tests.acceptance_cast import SYSTEM, as_login, checked, give_list, give_papers, set_system
from tests.cast import Cast

At = Callable[[str], Cast]


def given(cast: Cast) -> None:
    """A list with words that a spreadsheet might run."""
    give_list(cast, "t_qydj", "=1+1", "t_log", t_qydj="<r>企业</r>")
    as_login(cast, "steward", exclude, SYSTEM, ["t_log"], "system_table", why="@SUM(A1)")
    give_papers(cast)


def sheets(cast: Cast) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(pack_xlsx(checked(cast))))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def test_the_workbook_has_the_verdict_and_three_tables(at: At) -> None:
    cast = at("shelved")
    given(cast)
    found = sheets(cast)
    assert list(found) == ["结论", "要件", "库表覆盖", "目录和上架"]
    assert ("结论", "尚不具备验收条件") in found["结论"]
    assert found["目录和上架"][1][:3] == ("102024030201/000001", "企业登记基本信息", "已上架")
    assert found["库表覆盖"][2][:4] == ("t_log", None, "3", "已排除")
    assert found["库表覆盖"][2][4] == "系统表、日志表，不含业务数据：@SUM(A1)"


def test_nothing_in_the_workbook_is_a_formula_or_markup(at: At) -> None:
    cast = at("draft")
    given(cast)
    with zipfile.ZipFile(io.BytesIO(pack_xlsx(checked(cast)))) as parts:
        written = "".join(parts.read(name).decode() for name in parts.namelist() if name.endswith(".xml"))
    assert "<f>" not in written and "<r>企业" not in written
    assert "=1+1" in [row[0] for row in sheets(cast)["库表覆盖"]]


def test_same_data_same_bytes(at: At) -> None:
    cast = at("shelved")
    given(cast)
    one, other = checked(cast), checked(cast)
    assert one == other
    assert pack_xlsx(one) == pack_xlsx(other)
    assert pack_pdf(one) == pack_pdf(other)


def test_the_pages_say_what_the_workbook_says(at: At) -> None:
    cast = at("shelved")
    given(cast)
    found = checked(cast)
    reader = pypdf.PdfReader(io.BytesIO(pack_pdf(found)))
    text = "".join(page.extract_text() for page in reader.pages).replace("\n", "").replace(" ", "")
    pack = pack_of(found)
    for wanted in (pack.title, "结论：尚不具备验收条件", "业主单位（盖章）", "大数据主管部门（盖章）"):
        assert wanted in text
    for table in pack.tables:
        assert all(row[0].replace(" ", "") in text for row in table.rows)
    assert f"共{len(reader.pages)}页" in text


def test_the_json_tells_rates_and_what_is_lacking(at: At) -> None:
    cast = at("shelved")
    given(cast)
    value = acceptance_json(checked(cast))
    assert (value["ready"], value["verdict"], value["coverage"]["rate"]) == (False, "lacking", 0.0)
    assert value["shelf"] == {"owing": 1, "shelved": 1, "rate": 1.0, "overdue": []}
    assert {one["key"] for one in value["elements"] if one["met"]} >= {"zy_exchange", "zy_cryptography"}
    assert len(value["lacking"]) == 3


@pytest.mark.parametrize("write", [pack_xlsx, pack_pdf])
def test_an_external_system_has_a_pack_that_says_so(at: At, write: Callable[..., bytes]) -> None:
    cast = at("draft")
    set_system(cast, system_class="02")
    found = checked(cast)
    assert pack_of(found).verdict == "不适用验收"
    assert write(found)
