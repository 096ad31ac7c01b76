"""``mulu queue`` and ``mulu as-of`` as a user runs them at the console."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.db import Database
from tests.cast import PATH, Cast, content, make_cast, register
from tests.test_cli import Done, mulu
from validators.workdays import Calendar

CODE = "102024030201/000001"


@pytest.fixture
def cast(sqlite_database: Database, tmp_path: Path) -> Cast:
    """The real clock rules at the console, so the cast lives ten days ago."""
    made = make_cast(sqlite_database, tmp_path)
    made.now = datetime.now(UTC) - timedelta(days=10)
    return made


def said(*arguments: str) -> Any:
    done = mulu(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*arguments: str) -> Done:
    done = mulu(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    return done


def today() -> str:
    return Calendar().day_of(datetime.now(UTC)).isoformat()


def test_each_of_the_path_finds_it_in_his_queue_and_nobody_else(cast: Cast) -> None:
    roles = sorted({role for _, role in PATH})
    for move, role in PATH:
        waiting = {who: said("queue", "--as", who)["total"] for who in roles}
        assert waiting == {who: int(who == role) for who in roles}
        (task,) = said("queue", "--as", role)["tasks"]
        assert (task["move"], task["code"], task["agency_name"]) == (move, CODE, "遵义市市场监督管理局")
        cast.act(move, role)
    assert said("queue")["total"] == 0


def test_the_table_reads_as_a_table(cast: Cast) -> None:
    cast.walk(("submit", "steward"))
    done = mulu("queue", "--as", "secrecy_reviewer")
    head, titles, row, *_duties = done.stdout.splitlines()
    assert head == "待办 1 件：保密风险评估通过 1 件。"
    assert titles.split() == ["办理", "资源代码", "名称", "单位", "变更", "等待", "先办理由"]
    assert row.split()[:2] == ["保密风险评估通过（本单位保密审查员）", CODE]
    assert "首个版本 重大变更" in row and "首个版本、新开放或者开放类型放宽" in row
    assert "个工作日" in row


def test_nothing_waits(cast: Cast) -> None:
    assert mulu("queue", "--as", "system_admin").stdout == "没有待办。\n"
    assert mulu("queue", "--overdue").stdout == "没有超期。\n"


def test_a_name_with_brackets_is_printed_as_it_is(cast: Cast, tmp_path: Path) -> None:
    row = content("OK02", resource_name="社会组织[red]登记[/x]信息:smile:")
    register(cast.database, tmp_path, row)
    assert "社会组织[red]登记[/x]信息:smile:" in mulu("queue").stdout


def test_the_console_lists_as_many_as_asked(cast: Cast, tmp_path: Path) -> None:
    register(cast.database, tmp_path, content("OK12"), content("OK13"))
    done = mulu("queue", "--limit", "1")
    entries = done.stdout.partition("系统、义务和清除")[0]
    assert len(entries.splitlines()) == 4
    assert entries.endswith("还有 2 件没有列出；加 --limit 0 列出全部\n")
    assert len(said("queue", "--limit", "0")["tasks"]) == 3
    assert said("queue", "--limit", "1")["next_cursor"]


def test_who_is_late(cast: Cast) -> None:
    cast.now -= timedelta(days=60)
    cast.walk_to("approve")
    (row,) = said("queue", "--overdue", "--as", "bureau")["rows"]
    assert (row["move"], row["agency_name"], row["count"]) == ("approve", "遵义市市场监督管理局", 1)
    assert row["overdue"] > 10
    assert "目录审核员、区县目录审核员" in mulu("queue", "--overdue").stdout
    assert "超期 1 件" in mulu("queue", "--as", "auditor").stdout


def test_a_draw_is_repeated_by_its_seed(cast: Cast) -> None:
    cast.walk(*PATH)
    first = said("queue", "--sample", "--as", "auditor", "--share", "1")
    assert first["candidates"] == len(first["chosen"]) == 0  # the risk of an opened first version is not low
    again = said("queue", "--sample", "--as", "auditor", "--seed", "5")
    assert (again["seed"], again["share"]) == (5, 0.05)
    assert "种子 5" in mulu("queue", "--sample", "--as", "auditor", "--seed", "5").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("queue", "--sample"), "--as LOGIN"),
        (("queue", "--sample", "--as", "steward"), "须由"),
        (("queue", "--sample", "--as", "auditor", "--from", "昨天"), "“昨天”不是日期"),
        (("queue", "--sample", "--as", "auditor", "--share", "2"), "抽查比例"),
        (("queue", "--as", "没有这个人"), "没有这个人"),
        (("as-of", "2026-11-31", CODE), "不是日期"),
        (("as-of", "2999-01-01", CODE), "还没有到"),
        (("as-of", "2026-01-01", "没有"), "没有代码或编号为“没有”的目录"),
    ],
)
def test_what_makes_no_sense_is_refused(cast: Cast, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(*arguments).stderr


def test_a_wrong_calendar_stops_the_command(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.yaml").write_text("days: 3", "utf-8")
    monkeypatch.setenv("MULU_CALENDAR", str(tmp_path / "c.yaml"))
    done = mulu("queue")
    assert done.returncode == 2
    assert "MULU_CALENDAR" in done.stderr and "days" in done.stderr


def test_as_of_tells_version_notice_and_signatures(cast: Cast) -> None:
    cast.walk(*PATH)
    lines = mulu("as-of", today(), CODE).stdout.splitlines()
    assert lines[0] == f"{CODE}  企业登记基本信息  遵义市市场监督管理局"
    assert lines[1].startswith(f"{today()} 有效的是第 1 版，自 ") and lines[1].endswith("至今有效")
    assert lines[2] == "通告：遵数通〔2026〕1号（2026-01-05）"
    assert lines[3].startswith("内容摘要：")
    assert lines[4] == "签署："
    assert [line.split()[2] for line in lines[5:]] == [
        "提交", "保密风险评估通过", "审核同意", "审核同意", "目录审核通过", "通告",
    ]  # fmt: skip


def test_as_of_a_day_before_there_was_nothing(cast: Cast) -> None:
    cast.walk(*PATH)
    assert "2026-01-01 没有有效的版本。" in mulu("as-of", "2026-01-01", CODE).stdout
    found = said("as-of", "2026-01-01", CODE)
    assert (found["version"], found["signed"], found["code"]) == (None, [], CODE)


def test_as_of_shows_the_shelf(cast: Cast) -> None:
    cast.walk(*PATH)
    table = {
        "name": "企业登记库表",
        "form": "1",
        "patterns": ["批量交换"],
        "items": ["企业名称", "统一社会信用代码"],
        "location": "exchange.t_qydj",
    }
    made = cast.act("attach", "steward", data=table).distribution_id or ""
    cast.act("clear_data", "secrecy_reviewer")
    cast.record("provision_test", name=made)
    cast.act("shelve", "steward")
    shown = mulu("as-of", today(), CODE).stdout
    assert "在架资源：企业登记库表（库表），自 " in shown
    assert shown.splitlines()[-1].split()[2] == "上架"
    (shelved,) = said("as-of", today(), CODE)["shelved"]
    assert [one["move"] for one in shelved["signed"]] == ["clear_data", "shelve"]
