"""``mulu list overdue|updated|probe|figures`` and ``mulu change …`` as a user runs them at the console."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from registry.cli import promises
from registry.db import Database
from tests.cast import PATH, Cast, make_cast
from tests.stages import attach, review_data, shelve
from validators.workdays import Calendar

CODE = "102024030201/000001"
AGENCY = "11520300MB1A00052M"
app = typer.Typer()
lists_app = typer.Typer()
promises.enter(app)
promises.enter_lists(lists_app)
app.add_typer(lists_app, name="list")


def run(*arguments: str) -> Any:
    found = CliRunner().invoke(app, arguments)
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def said(*arguments: str) -> Any:
    found = run(*arguments, "--json")
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


def refused(*arguments: str, code: int = 1) -> str:
    found = run(*arguments)
    assert (found.exit_code, found.stdout) == (code, "")
    return str(found.stderr)


def today(back: int = 0) -> str:
    return (Calendar().day_of(datetime.now(UTC)) - timedelta(days=back)).isoformat()


@pytest.fixture
def cast(sqlite_database: Database, tmp_path: Path) -> Cast:
    """The console has the real clock, so the cast lives a hundred days ago; its data are daily."""
    made = make_cast(sqlite_database, tmp_path)
    made.now = datetime.now(UTC) - timedelta(days=100)
    made.walk(*PATH)
    for step in (attach, review_data, shelve):
        step(made)
    return made


EVENT = ("--kind", "law", "--basis", "国令第804号", "--law", "《婚姻登记条例》第十条", "--as", "bureau")


def posted() -> str:
    return str(said("change", "post", *EVENT, "--effective", today(3))["number"])


# ---- mulu list ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cast")
def test_debts_are_listed_and_the_command_succeeds() -> None:
    found = run("list", "overdue")
    head, titles, row, *_rest = found.stdout.splitlines()
    assert (found.exit_code, head) == (0, f"截至 {today()} 超期 1 件：数据未更新 1 件。")
    assert titles.split() == ["单位", "数据未更新", "合计", "最长超期"]
    assert row.split()[:3] == ["遵义市市场监督管理局", "1", "1"]


@pytest.mark.usefixtures("cast")
def test_the_ledger_as_json_has_rows_and_sums() -> None:
    found = said("list", "overdue", "--agency", AGENCY)
    (row,) = found["rows"]
    assert (found["total"], row["code"], row["rule"], row["unit"]) == (1, CODE, "W202", "working_days")
    assert "没有单位" in refused("list", "overdue", "--agency", "nobody")


@pytest.mark.usefixtures("cast")
def test_a_report_settles_the_debt() -> None:
    found = run("list", "updated", CODE, "--day", today(), "--note", "昨夜入库", "--as", "steward")
    assert (found.exit_code, found.stdout) == (0, f"已登记：{CODE} 于 {today()} 更新（填报）\n")
    assert run("list", "overdue").stdout == f"截至 {today()} 没有超期。\n"


@pytest.mark.usefixtures("cast")
def test_a_report_that_will_not_do_is_refused() -> None:
    asked = ("list", "updated", CODE, "--note", "x", "--as")
    assert "还没有到" in refused(*asked, "steward", "--day", today(-1))
    assert "不是日期" in refused(*asked, "steward", "--day", "昨天")
    assert "数据专员" in refused(*asked, "bureau", "--day", today())
    assert "--as" in refused("list", "updated", CODE, "--note", "x", "--day", today())


@pytest.mark.usefixtures("cast")
def test_probing_says_that_no_host_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MULU_PROBES", raising=False)
    assert "没有设 MULU_PROBES" in run("list", "probe").stdout
    monkeypatch.setenv("MULU_PROBES", "data.zunyi.gov.cn")
    assert said("list", "probe")["counts"] == {"probed": 0, "reached": 0, "unreachable": 0}


@pytest.mark.usefixtures("cast")
def test_figures_are_shown_with_their_definitions() -> None:
    year = today()[:4]
    lines = run("list", "figures", "--year", year).stdout.splitlines()
    assert lines[0] == f"{year} 年度指标，截至 {today()}"
    assert lines[3].split()[:5] == ["全市", "1", "1", "100.0%", "100.0%"]
    assert any(line.startswith("上架率：应上架目录中") and "第30条" in line for line in lines)
    found = said("list", "figures", "--agency", AGENCY)
    assert (found["city"]["rates"]["shelf_rate"], found["rows"][0]["agency_code"]) == (1.0, AGENCY)
    assert "没有 1990 年的指标" in refused("list", "figures", "--year", "1990")


def test_without_a_database_the_command_cannot_read() -> None:
    assert "mulu init" in refused("list", "overdue", code=2)


# ---- mulu change ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cast")
def test_a_preview_shows_whom_it_touches_and_posts_nothing() -> None:
    found = run("change", "post", *EVENT, "--effective", today(), "--dry-run")
    assert found.stdout.startswith("受影响的目录 1 条；自 ")
    assert "依据：婚姻登记条例" in found.stdout
    assert run("change", "list").stdout == "没有变更事件。\n"


@pytest.mark.usefixtures("cast")
def test_an_event_is_posted_listed_and_shown() -> None:
    number = posted()
    (row,) = said("change", "list")
    assert (row["number"], row["counts"]["open"], row["cases"]) == (number, 1, [])
    assert run("change", "show", number).stdout.startswith(f"{number}  法律法规变化  国令第804号\n")
    assert run("change", "list").stdout.splitlines()[1].split()[0] == number
    assert "已经发布" in refused("change", "post", *EVENT, "--effective", today(3))
    assert "不是法规" in refused("change", "post", *EVENT, "--law", "第十条", "--effective", today())


@pytest.mark.usefixtures("cast")
def test_a_case_is_extended_answered_and_opened_again() -> None:
    number = posted()
    extended = said("change", "extend", number, CODE, "--reason", "系统改造", "--as", "bureau")
    assert extended["extended"] is True
    assert "已经延期一次" in refused("change", "extend", number, CODE, "--reason", "再延", "--as", "bureau")
    answer = run("change", "settle", number, CODE, "--reason", "不涉及", "--as", "steward")
    assert answer.stdout == f"{CODE} 已答复：不需更新\n"
    again = run("change", "reopen", number, CODE, "--reason", "涉及", "--as", "bureau")
    assert again.stdout.startswith(f"{CODE} 的答复已退回，期限 ")


@pytest.mark.usefixtures("cast")
def test_an_event_is_withdrawn_with_a_reason() -> None:
    number = posted()
    assert "经办人办理" in refused("change", "withdraw", number, "--reason", "x", "--as", "steward")
    assert (
        run("change", "withdraw", number, "--reason", "误发", "--as", "bureau").stdout == f"{number} 已撤回\n"
    )
    assert "已撤回：误发" in run("change", "show", number).stdout
    assert "没有变更事件" in refused("change", "show", "BG-1999-0001")
