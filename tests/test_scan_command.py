"""``mulu scan`` on real files and tables, as a user runs it."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.db import Database
from registry.intake import import_workbook
from tests.conftest import NOW
from tests.examples import good
from tests.test_cli import Done, mulu

ID_A, ID_B = "11010519491231002X", "440524188001010014"
PEOPLE = f"""姓名,身份证号,金额
张三,{ID_A},300
李四,{ID_B},520
"""
MASKED = """行政区划,空气质量
520302,优
520303,良
"""


def put(folder: Path, text: str, name: str = "名单.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def scanned(path: Path, *options: str) -> dict[str, Any]:
    done = mulu("scan", path, "--format", "json", *options)
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"exit": done.returncode}


# ---- files ------------------------------------------------------------------------------------------------


def test_identifiers_are_hits(tmp_path: Path) -> None:
    found = scanned(put(tmp_path, PEOPLE))
    assert (found["exit"], found["verdict"], found["rows"], found["complete"]) == (1, "hits", 2, True)
    column = found["columns"][1]
    assert (column["name"], column["pii"], column["verdict"]) == ("身份证号", "direct", "hits")
    assert [(d["id"], d["hits"], d["ratio"], d["confidence"]) for d in column["detectors"]] == [
        ("id_card_18", 2, 1.0, "H")
    ]


def test_data_about_places_is_clean(tmp_path: Path) -> None:
    found = scanned(put(tmp_path, MASKED))
    assert (found["exit"], found["verdict"], found["residual"]) == (0, "clean", 0)
    assert [column["verdict"] for column in found["columns"]] == ["clean", "clean"]


def test_the_digests_are_those_of_the_file(tmp_path: Path) -> None:
    import hashlib

    path = put(tmp_path, MASKED)
    found = scanned(path)
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (len(found["sm3"]), found["size"], found["file"]) == (64, len(path.read_bytes()), "名单.csv")


@pytest.mark.parametrize("format_", ["text", "json", "html"])
def test_no_report_holds_a_value(format_: str, tmp_path: Path) -> None:
    done = mulu("scan", put(tmp_path, PEOPLE), "--format", format_, "--open-type", "2")
    assert [value for value in (ID_A, ID_B, "张三", "李四") if value in done.stdout + done.stderr] == []


def test_a_file_without_a_header_does_not_tell_its_first_row(tmp_path: Path) -> None:
    done = mulu("scan", put(tmp_path, f"张三,{ID_A}\n李四,{ID_B}\n"))
    assert (done.returncode, ID_A in done.stdout, ID_B in done.stdout) == (1, False, False)


def test_the_text_ends_with_the_verdict(tmp_path: Path) -> None:
    done = mulu("scan", put(tmp_path, PEOPLE))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("结论：有未脱敏的直接标识符（")
    assert "公民身份号码" in done.stdout and "改法：" in done.stdout and "依据：" in done.stdout


def test_the_report_speaks_english(tmp_path: Path) -> None:
    done = mulu("scan", put(tmp_path, PEOPLE), "--lang", "en")
    assert "citizen identity number" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Verdict: hits.")


def test_an_open_type_asks_for_more(tmp_path: Path) -> None:
    path = put(tmp_path, "手机号,镇\n138****8000,毛石镇\n139****1234,毛石镇\n")
    plain, opened = scanned(path), scanned(path, "--open-type", "1")
    assert (plain["exit"], plain["verdict"], plain["open_type"]) == (0, "clean", None)
    assert (opened["exit"], opened["verdict"], opened["open_type"]) == (1, "inadequate", "1")


def test_a_number_that_lost_its_digits_is_never_clean(tmp_path: Path) -> None:
    found = scanned(put(tmp_path, "证件号码\n1.1010519491231E+17\n"))
    assert (found["exit"], found["columns"][0]["lost_numbers"]) == (found["exit"] or 9, 1)
    assert found["verdict"] in ("inadequate", "incomplete")


def test_a_scan_that_did_not_see_every_row_is_never_clean(tmp_path: Path) -> None:
    found = scanned(put(tmp_path, MASKED + "520304,优,多出一格\n"))
    assert (found["exit"], found["verdict"], found["complete"]) == (2, "incomplete", False)
    assert found["findings"][0]["fix"]


def test_the_report_goes_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "报告.html"
    done = mulu("scan", put(tmp_path, PEOPLE), "--format", "html", "--out", out)
    assert (done.returncode, done.stdout, str(out) in done.stderr) == (1, "", True)
    assert out.read_text("utf-8").startswith("<!doctype html>")


def test_no_database_is_made(tmp_path: Path) -> None:
    mulu("scan", put(tmp_path, MASKED))
    assert not (tmp_path / "mulu.sqlite3").exists()


def test_a_sheet_is_chosen(workbook: Callable[..., Path]) -> None:
    path = workbook(一=[["区划"], ["520302"]], 二=[["身份证号"], [ID_A]])
    found = scanned(path, "--sheet", "二")
    assert [column["name"] for column in found["columns"]] == ["身份证号"]
    assert found["columns"][0]["verdict"] == "hits"


# ---- databases --------------------------------------------------------------------------------------------


@pytest.fixture
def population(tmp_path: Path) -> str:
    path = tmp_path / "人口.sqlite3"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE people (name TEXT, sfzh TEXT)")
        made.executemany("INSERT INTO people VALUES (?, ?)", [("张三", ID_A), ("李四", ID_B)])
    made.close()
    return f"sqlite:///{path}"


def test_a_table_is_scanned(population: str) -> None:
    done = mulu("scan", population, "--table", "people", "--format", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["rows"], found["sha256"], found["kind"]) == (1, 2, None, "table")
    assert found["columns"][1]["detectors"][0]["hits"] == 2


def test_a_query_is_scanned(population: str) -> None:
    done = mulu("scan", population, "--query", "SELECT count(*) AS n FROM people", "--format", "json")
    found = json.loads(done.stdout)
    assert ([column["name"] for column in found["columns"]], found["rows"]) == (["n"], 1)


def test_a_password_is_not_told(tmp_path: Path) -> None:
    address = "postgresql://reader:geheim-7@127.0.0.1:1/none"
    for options in (("--table", "t"), (), ("--table", "t", "--query", "SELECT 1"), ("--sheet", "s")):
        done = mulu("scan", address, *options, "--format", "json")
        assert (done.returncode, "geheim-7" in done.stdout + done.stderr) == (2, False)


def test_only_what_the_operator_allows_is_read(population: str, tmp_path: Path) -> None:
    words = ("scan", population, "--table", "people")
    nothing, elsewhere, here = (
        mulu(*words, MULU_SOURCES=given) for given in ("", "/srv/data", str(tmp_path))
    )
    assert (nothing.returncode, elsewhere.returncode, here.returncode) == (2, 2, 1)
    assert "MULU_SOURCES" in nothing.stderr


# ---- wrong usage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--open-type", "4"), "没有开放类型“4”；可用：1（无条件开放）、2（有条件开放）、3（不予开放）"),
        (("--table", "t"), "--table 只用于数据库，名单.csv 是文件"),
        (("--query", "SELECT 1"), "--query 只用于数据库，名单.csv 是文件"),
        (("--items", "307024030103/000001"), "先执行 mulu init"),
    ],
)
def test_wrong_options_say_what_to_do(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = mulu("scan", put(tmp_path, MASKED), *options)
    assert (done.returncode, done.stdout, said in done.stderr) == (2, "", True), done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--table 和 --query 都没有写"),
        (("--table", "people", "--query", "SELECT 1"), "--table 和 --query 不能同时写"),
        (("--table", "people", "--sheet", "一"), "--sheet 只用于工作簿"),
        (("--table", "nobody"), "nobody"),
    ],
)
def test_wrong_options_of_a_database_say_what_to_do(
    options: tuple[str, ...], said: str, population: str
) -> None:
    done = mulu("scan", population, *options)
    assert (done.returncode, done.stdout, said in done.stderr) == (2, "", True), done.stderr


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = mulu("scan", tmp_path / "没有.csv")
    assert (done.returncode, "没有.csv" in done.stderr, "改法：" in done.stderr) == (2, True, True)


def test_a_file_that_cannot_be_read_has_a_json_report(tmp_path: Path) -> None:
    found = scanned(put(tmp_path, ""))
    assert (found["exit"], found["verdict"], found["file"], found["complete"]) == (
        2,
        "incomplete",
        "名单.csv",
        False,
    )
    assert found["findings"][0]["fix"]


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = mulu("scan", put(tmp_path, MASKED), "--out", tmp_path / "没有" / "r.txt")
    assert (done.returncode, "不能写入" in done.stderr) == (2, True)


# ---- items ------------------------------------------------------------------------------------------------


@pytest.fixture
def entry(sqlite_database: Database, entries_file: Callable[..., Path]) -> str:
    """The code of an entry on marriages: 男方姓名, 男方身份证件号码, 登记日期, 婚姻状态."""
    with sqlite_database.write() as session:
        import_workbook(session, entries_file([good("OK01")]), actor="local", now=NOW)
    return str(good("OK01")["resource_code"])


# Great Expectations imports what Python will drop one day
ITEMS = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@ITEMS
def test_items_say_what_a_column_is(entry: str, tmp_path: Path) -> None:
    path = put(tmp_path, f"nfsfzh,登记日期,备注\n{ID_A},2026-01-02,无\n")
    found = scanned(path, "--items", entry)
    assert (found["items"], found["open_type"]) == (entry, "3")
    first = found["columns"][0]
    assert (first["name"], first["item"], first["declared"]) == ("nfsfzh", "男方身份证件号码", "direct")
    told = {(finding["rule"], finding["column"]) for finding in found["findings"]}
    assert {("column_without_item", "备注"), ("item_without_column", "男方姓名")} <= told


@ITEMS
def test_an_item_that_is_not_to_be_opened_is_an_error(entry: str, tmp_path: Path) -> None:
    path = put(tmp_path, "男方姓名,婚姻状态\n张**,1\n")
    found = scanned(path, "--items", entry, "--open-type", "2")
    told = [(f["level"], f["column"]) for f in found["findings"] if f["rule"] == "column_not_open"]
    assert told == [("error", "婚姻状态"), ("error", "男方姓名")]
    assert found["verdict"] in ("hits", "inadequate", "incomplete")


@ITEMS
def test_the_entry_s_expectations_are_in_the_report(entry: str, tmp_path: Path) -> None:
    path = put(tmp_path, "男方姓名,登记日期\n张**,不是日期\n")
    found = scanned(path, "--items", entry)
    failed = [
        c for c in found["expectations"]["checks"] if c["expectation"] == "type" and c["passed"] is False
    ]
    assert [check["column"] for check in failed] == ["登记日期"]
    assert "数据质量期望" in mulu("scan", path, "--items", entry).stdout


def test_an_unknown_entry_is_told(entry: str, tmp_path: Path) -> None:
    done = mulu("scan", put(tmp_path, MASKED), "--items", "307024030103/999999")
    assert (done.returncode, done.stdout, "没有代码或编号为" in done.stderr) == (2, "", True)


# ---- as it is installed -----------------------------------------------------------------------------------


def console(*words: str, folder: Path) -> Done:
    script = Path(sys.executable).with_name("mulu")
    done = subprocess.run(
        [script, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ,
        cwd=folder,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_the_console_script_scans_and_writes_nothing_beside_the_report(tmp_path: Path) -> None:
    put(tmp_path, PEOPLE)
    done = console("scan", "名单.csv", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "公民身份号码" in done.stdout
