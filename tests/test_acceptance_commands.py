"""``mulu system accept-check`` and ``mulu system tables`` as a user runs them at the console."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from registry.cli import app
from registry.db import Database
from tests.acceptance_cast import SYSTEM, give_papers, set_system
from tests.cast import PATH, Cast, content, make_cast
from tests.stages import attach, review_data, shelve

DDL = "CREATE TABLE t_qydj (id INT) COMMENT='企业登记基本信息';\nCREATE TABLE sys_log (id INT);"
AS = ("--as", "steward")


@pytest.fixture
def cast(sqlite_database: Database, tmp_path: Path) -> Cast:
    (tmp_path / "表.sql").write_text(DDL, "utf-8")
    return make_cast(sqlite_database, tmp_path, content(open_type="3", non_open_reason="尚未评估"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["system", *arguments])


def done(*arguments: str) -> str:
    found = run(*arguments)
    assert found.exit_code == 0, found.output
    return found.output


def told(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def decide(tmp_path: Path) -> None:
    done("tables", "import", SYSTEM, str(tmp_path / "表.sql"), *AS)
    assert "已确认 1 张" in done("tables", "match", SYSTEM, "--apply", *AS)
    given = ("--reason", "system_table", "--why", "操作日志")
    done("tables", "exclude", SYSTEM, "sys_log", *given, *AS)


def test_a_list_is_taken_in_decided_and_shown(cast: Cast, tmp_path: Path) -> None:
    out = done("tables", "import", SYSTEM, str(tmp_path / "表.sql"), *AS)
    assert "清单 2 张表，其中 0 张沿用原来的决定" in out and "新增 2 张：sys_log、t_qydj" in out
    assert "可确认 1 张" in done("tables", "match", SYSTEM)
    done("tables", "cover", SYSTEM, "t_qydj", "--entry", cast.code, *AS)
    assert [row["state"] for row in told("tables", "list", SYSTEM)] == ["undecided", "drafted"]
    assert "共 2 张表：目录未通告 1，未定 1" in done("tables", "list", SYSTEM, "--state", "drafted")
    done("tables", "undecide", SYSTEM, "t_qydj", *AS)
    assert {row["state"] for row in told("tables", "list", SYSTEM)} == {"undecided"}


def test_a_system_that_is_not_ready_exits_with_one_and_says_why(cast: Cast) -> None:
    found = run("accept-check", SYSTEM)
    assert found.exit_code == 1
    assert "结论：尚不具备验收条件" in found.output
    assert "没有库表清单，看不出目录是否齐全（第21条、解读9）。办法：导入系统的库表清单" in found.output
    assert told("accept-check", SYSTEM)["ready"] is False


def test_a_ready_system_exits_with_zero_and_leaves_a_pack(cast: Cast, tmp_path: Path) -> None:
    cast.walk(*PATH)
    for step in (attach, review_data, shelve):
        step(cast)
    decide(tmp_path)
    give_papers(cast)
    book, pages = tmp_path / "核对表.xlsx", tmp_path / "核对表.pdf"
    out = done("accept-check", SYSTEM, "--out", str(book), "--out", str(pages))
    assert "结论：具备验收条件" in out and "上架率：100.0%" in out
    assert openpyxl.load_workbook(book).sheetnames == ["结论", "要件", "库表覆盖", "目录和上架"]
    assert pages.read_bytes().startswith(b"%PDF-")


def test_other_kinds_of_files_are_a_wrong_use(cast: Cast, tmp_path: Path) -> None:
    found = run("accept-check", SYSTEM, "--out", str(tmp_path / "核对表.docx"))
    assert found.exit_code == 2
    assert run("accept-check").exit_code == 2
    assert run("accept-check", "没有的系统").exit_code == 1


def test_an_external_system_is_not_ready(cast: Cast) -> None:
    set_system(cast, system_class="02")
    found = run("accept-check", SYSTEM)
    assert found.exit_code == 1
    assert "不适用验收" in found.output and "《政务数据共享条例" in found.output


def test_a_database_is_read_and_its_address_is_kept_nowhere(cast: Cast, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "yewu.db")
    connection.execute("CREATE TABLE t_a (id INTEGER)")
    connection.close()
    out = done("tables", "import", SYSTEM, f"sqlite:///{tmp_path / 'yewu.db'}", *AS)
    assert "清单 1 张表" in out and "yewu.db" not in out
    cast.database.close()
    assert b"yewu.db" not in Path(cast.database.engine.url.database or "").read_bytes()


def test_reasons_are_listed_with_what_must_not_be_entered(cast: Cast) -> None:
    out = done("tables", "reasons")
    assert "copy  其他表的副本或备份  须写 --of 原表" in out and "连表名也不得写入" in out
    found = run("tables", "exclude", SYSTEM, "t", "--reason", "secret", "--why", "x", *AS)
    assert (found.exit_code, "保密工作机构" in found.output) == (1, True)


def test_a_state_that_is_none_is_refused(cast: Cast) -> None:
    found = run("tables", "list", SYSTEM, "--state", "gone")
    assert (found.exit_code, "没有情形" in found.output) == (1, True)
    assert "还没有库表清单" in done("tables", "list", SYSTEM)
