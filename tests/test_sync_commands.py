"""``mulu-sync …`` as an operator runs it: words, exit codes, JSON; with a real portal where one is needed."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.main import get_command
from typer.testing import CliRunner

from registry.audit import list_events
from registry.db import Database
from registry.models import SyncEntry
from sync.cli import app
from sync.cli.stopping import stopped_gently
from sync.cli.targets import rights_lines
from sync.portal import Rights
from tests.cast import Cast
from tests.ckan.proxy import stall
from tests.postgres import free_port
from tests.syncing import Bench, MakeBench, make_bench

__all__ = ["make_bench"]
ROOT = Path(__file__).parent.parent
RUNBOOKS = ("sync.md", "sync.zh-CN.md")
TOKEN = "s3cret-token"
VARIABLE = "MULU_TARGET_CITY_OPEN_TOKEN"


def run(*arguments: str) -> Any:
    found = CliRunner().invoke(app, arguments)
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def said(*arguments: str, code: int = 0) -> str:
    found = run(*arguments)
    assert found.exit_code == code, found.output
    return str(found.stdout)


def said_json(*arguments: str, code: int = 0) -> Any:
    return json.loads(said(*arguments, "--json", code=code))


def refused(*arguments: str, code: int = 2) -> str:
    found = run(*arguments)
    assert (found.exit_code, found.stdout) == (code, ""), found.output
    return str(found.stderr)


@pytest.fixture
def closed(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a portal of this machine that does not answer; its target would be ``city-open``."""
    for name in ("MULU_TARGETS", "MULU_SECRETS_FILE", "MULU_PUBLIC_URL", VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MULU_ALLOW_LOOPBACK_TARGETS", "1")
    yield f"http://127.0.0.1:{free_port()}"


def add(url: str, *more: str, name: str = "city-open", scope: str = "open") -> str:
    return said("target", "add", name, "--kind", "ckan", "--url", url, "--scope", scope, *more)


@pytest.fixture
def added(closed: str, monkeypatch: pytest.MonkeyPatch) -> str:
    add(closed)
    monkeypatch.setenv(VARIABLE, TOKEN)
    return closed


@pytest.fixture
def shelved(at: Callable[[str], Cast], closed: str, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """A register with one entry on the shelf, and a target for what is shared that does not answer."""
    cast = at("shelved")
    monkeypatch.setenv("MULU_DATABASE_URL", str(cast.database.engine.url))
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert "待推送 1 条" in add(closed, scope="share")
    return cast


# ---- the command line -------------------------------------------------------------------------------------------


def commands() -> list[str]:
    top = get_command(app).commands  # type: ignore[attr-defined]
    return [*(name for name in top if name != "target"), *(f"target {n}" for n in top["target"].commands)]


@pytest.mark.parametrize("name", RUNBOOKS)
def test_everything_an_operator_meets_stands_in_the_runbooks(name: str) -> None:
    from catalog_specs import load

    text, rules = (ROOT / "docs" / name).read_text("utf-8"), load().sync
    settings = ("TARGETS", "ALLOW_LOOPBACK_TARGETS", "SECRETS_FILE", "PUBLIC_URL", "TARGET_<")
    wanted = [f"mulu-sync {command}" for command in commands()] + [f"`MULU_{end}" for end in settings]
    wanted += [f"`{one.key}`" for one in (*rules.troubles, *rules.drifts)]
    assert [word for word in wanted if word not in text] == []


@pytest.mark.parametrize("name", RUNBOOKS)
def test_the_examples_of_the_runbooks_are_there(name: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "docs" / name).read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_help_is_quick() -> None:
    seen = "import sys, sync.cli; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    for heavy in ("sqlalchemy", "ckanapi", "requests", "pydantic", "catalog_specs", "pandas"):
        assert f"'{heavy}'" not in done.stdout


def test_without_a_database_the_way_to_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite3'}")
    for command in (("target", "list"), ("run", "--all"), ("status",)):
        assert "先执行 mulu init" in refused(*command)


@pytest.mark.parametrize(
    "command",
    ["plan x", "run x", "verify x", "repair x", "status x", "retry x", "target test x", "target remove x"],
)
def test_an_unknown_target_is_a_mistake_of_usage(closed: str, command: str) -> None:
    assert "没有目标“x”" in refused(*command.split())


# ---- targets ----------------------------------------------------------------------------------------------------


def test_a_target_is_added_and_listed(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "还没有目标" in said("target", "list")
    assert add(closed).splitlines() == [
        "已登记目标 city-open，待推送 0 条。",
        f"设好 {VARIABLE} 后执行 mulu-sync target test city-open，再 mulu-sync run city-open。",
    ]
    assert "没有" in said("target", "list")
    monkeypatch.setenv(VARIABLE, TOKEN)
    (found,) = said_json("target", "list")
    assert (found["name"], found["url"], found["token"], found["rights"]) == ("city-open", closed, True, None)
    assert TOKEN not in said("target", "list") + json.dumps(found)


def test_a_host_that_is_not_listed_is_refused(closed: str) -> None:
    given = ("target", "add", "city-open", "--url", "https://8.8.8.8", "--scope", "open")
    assert "不在 MULU_TARGETS 所列之内" in refused(*given)
    assert said_json("target", "list") == []


def test_a_host_that_is_not_listed_any_more_is_not_spoken_to(
    added: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MULU_ALLOW_LOOPBACK_TARGETS")
    assert "MULU_ALLOW_LOOPBACK_TARGETS=1" in refused("target", "test", "city-open")
    assert "MULU_ALLOW_LOOPBACK_TARGETS=1" in refused("run", "city-open")


def test_a_missing_token_is_a_mistake_of_usage(added: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    for command in ("target test city-open", "run city-open", "run city-open --json", "verify city-open"):
        assert VARIABLE in refused(*command.split())


def test_a_portal_that_does_not_answer_has_its_own_exit_code(added: str) -> None:
    assert "门户不可达" in refused("target", "test", "city-open", code=3)
    assert "门户不可达" in refused("verify", "city-open", code=3)
    assert said("run", "city-open", code=3).startswith("city-open：门户不可达，稍后再试。共 0 条")
    assert said("repair", "city-open", code=3).startswith("city-open：门户不可达")
    assert TOKEN not in said("status", code=3)


def test_whoever_acts_must_be_allowed_to(shelved: Cast, closed: str) -> None:
    by = ("--as", "steward")
    assert "系统管理员" in refused("target", "remove", "city-open", *by, code=1)
    assert "同步机器人" in refused("run", "city-open", *by, code=1)
    assert "没有账号" in refused("run", "city-open", "--as", "nobody")


def test_the_console_is_recorded_beside_the_sync_job(added: str, sqlite_database: Database) -> None:
    with sqlite_database.read() as session:
        event = list_events(session, act="sync_target_add")[0]
    assert (event.actor, bool(event.operator)) == ("mulu-sync", True)


def test_a_target_is_removed(added: str) -> None:
    assert "只能用一个" in refused("target", "remove", "city-open", "--withdraw", "--shut-down", "停用")
    assert said("target", "remove", "city-open") == "已移除目标 city-open。\n"
    assert said_json("target", "list") == []


def test_a_target_that_still_shows_something_is_not_removed(shelved: Cast) -> None:
    with shelved.database.write() as session:
        session.execute(select(SyncEntry)).scalar_one().state = "present"
    assert "--withdraw" in refused("target", "remove", "city-open", code=1)
    assert "1 条记为随门户停用而不在" in said("target", "remove", "city-open", "--shut-down", "门户已停用")


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ({}, "撤下清除：无清除权限：撤下后为“已删除，名称保留”"),
        ({"may_purge": True}, "撤下清除：可以"),
        ({}, "自定 id：不可以"),
        ({"may_create": False}, "建数据集：不可以，不能推送"),
        ({}, "建机构：不可以：机构须由门户管理员事先建好"),
        ({"scheming": True}, "ckanext-scheming：有本系统的字段定义"),
        ({"largest_file": 10 * 2**20}, "文件上限：10 MB"),
    ],
)
def test_what_a_token_may_do_is_told_in_words(right: dict[str, Any], words: str) -> None:
    usual = {"sysadmin": False, "may_create": True, "choose_ids": False, "may_purge": False}
    usual |= {"may_create_organizations": False, "scheming": False}
    found = rights_lines(Rights("2.12.0", "sync", **(usual | right)))
    assert any(line.startswith(words) for line in found)
    assert found[:2] == ["门户版本：CKAN 2.12.0", "令牌用户：sync（一般用户）"]


@pytest.mark.parametrize(
    ("scope", "strangers", "words"),
    [
        ("share", True, ["谁能看到：任何能访问该门户的人都能看到；共享范围的门户须只在政务网内开放"]),
        ("open", True, ["谁能看到：任何能访问该门户的人都能看到"]),
        ("share", False, ["谁能看到：登录该门户的人"]),
        ("share", None, []),
    ],
)
def test_who_may_read_a_portal_is_told_in_words(scope: str, strangers: bool | None, words: list[str]) -> None:
    rights = Rights("2.12.0", "sync", True, True, True, True, True, False, strangers_read=strangers)
    assert [line for line in rights_lines(rights, scope=scope) if line.startswith("谁能看到")] == words


# ---- plan, run, status ------------------------------------------------------------------------------------------


def test_a_plan_needs_no_portal(shelved: Cast) -> None:
    found = said_json("plan", "city-open")
    assert {"create", "patch", "withdraw", "skip", "entries"} <= set(found)
    assert (found["create"] + len(found["held"]), found["patch"], found["withdraw"]) == (1, 0, 0)
    for one in (*found["entries"], *found["held"]):
        assert set(one) == {"code", "name", "act", "differences", "reasons"}


def test_a_run_names_its_targets(added: str) -> None:
    assert "--all" in refused("run")
    assert "--all" in refused("run", "city-open", "--all")


def test_one_target_in_trouble_does_not_hinder_the_next(added: str) -> None:
    add(f"{added}/share", name="share", scope="share")
    found = run("run", "--all", "--json")
    assert found.exit_code == 2  # the worst: a token is missing
    assert [one["target"] for one in json.loads(found.stdout)] == ["city-open"]
    assert "MULU_TARGET_SHARE_TOKEN" in found.stderr


def test_status_says_what_is_due_and_how_the_last_run_ended(shelved: Cast) -> None:
    assert "未推送 1" in said("status")
    said("run", "city-open", code=3)
    (found,) = said_json("status", code=3)
    assert (found["last_run"]["outcome"], found["rests_until"] is not None) == ("unreachable", True)
    assert "前不再试" in said("status", "city-open", code=3)


def test_what_was_refused_is_told_with_its_cure_and_tried_again(shelved: Cast) -> None:
    with shelved.database.write() as session:
        row = session.execute(select(SyncEntry)).scalar_one()
        row.trouble, row.said, row.met = "refused", "名称已被占用", row.asked
    assert "目标拒绝 1" in said("status", code=1)
    assert said("retry", "city-open") == "city-open：1 条重新列为待办。执行 mulu-sync run city-open。\n"
    with shelved.database.read() as session:
        row = session.execute(select(SyncEntry)).scalar_one()
        assert (row.trouble, row.asked > row.met) == ("", True)
    assert "没有" in refused("retry", "city-open", "000000000000/000000")


def test_the_schema_for_scheming_is_printed() -> None:
    found = said_json_of("schema")
    assert (found["scheming_version"], found["dataset_type"]) == (2, "dataset")


def said_json_of(*arguments: str) -> Any:
    return json.loads(said(*arguments))


def test_a_portal_that_is_spoken_to_has_no_receipts(added: str, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("信息资源代码\n", "utf-8")
    assert "没有回执；用 mulu-sync verify" in refused("receipts", "city-open")
    assert "没有回执；用 mulu-sync verify" in refused("receipts", "city-open", str(file))
    assert "--repin" in refused("receipts", "city-open", "--repin")
    assert "用 mulu-sync verify" in refused("reconcile", "city-open", str(file))


def test_what_is_no_parcel_is_not_carried_out(closed: str, tmp_path: Path) -> None:
    file = tmp_path / "mulu-x-000001.zip"
    file.write_bytes(b"PK nothing")
    given = ("apply", str(file), "--url", closed, "--state", str(tmp_path))
    assert "不是完整的 ZIP 文件" in refused(*given)


# ---- stopping ---------------------------------------------------------------------------------------------------


def test_the_first_signal_asks_for_the_end() -> None:
    stop, told = threading.Event(), list[str]()
    with stopped_gently(stop, told.append):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)
        # the second would have its usual effect
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert "立即停止" in told[0]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watching_job_stops_when_it_is_told_to(added: str, number: signal.Signals) -> None:
    command = [sys.executable, "-c", "from sync.cli import main; main()", "run", "--all", "--watch"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as job:
        assert job.stderr is not None
        assert "同步任务运行中：全部目标" in job.stderr.readline()
        job.send_signal(number)
        out, err = job.communicate(timeout=60)
    assert (job.returncode, "同步任务已停止" in err) == (0, True), out + err


def test_a_watching_job_goes_on_when_one_target_cannot_be_opened(
    added: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    add(f"{added}/share", name="share", scope="share")
    monkeypatch.setenv("MULU_TARGET_SHARE_TOKEN", TOKEN)
    command = [sys.executable, "-c", "from sync.cli import main; main()", "run", "--all", "--watch"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as job:
        assert job.stdout is not None
        assert "share：门户不可达" in job.stdout.readline()
        job.send_signal(signal.SIGTERM)
        out, err = job.communicate(timeout=60)
    assert (job.returncode, err.count(VARIABLE)) == (0, 1), out + err


# ---- with a real portal -----------------------------------------------------------------------------------------

TARGET = "open-portal"


@pytest.mark.ckan
def test_from_the_first_push_to_the_last_withdrawal(make_bench: MakeBench) -> None:
    bench = make_bench()
    entries = bench.shelve(3)
    assert "撤下清除：可以" in said("target", "test", TARGET)
    assert said_json("plan", TARGET)["create"] == 3
    assert said("run", TARGET) == f"{TARGET}：一致。共 3 条：新增 3，更新 0，撤下 0，无变化 0，失败 0\n"
    assert said("verify", TARGET) == f"{TARGET}：一致，核对 3 条。\n"
    assert set(bench.entries_there()) == set(entries)
    assert "撤下 3" in said("target", "remove", TARGET, "--withdraw")
    assert bench.there() == {}


@pytest.mark.ckan
def test_differences_are_told_by_field(make_bench: MakeBench) -> None:
    bench = make_bench()
    entry, _ = bench.shelve(2)
    said("run", TARGET)
    bench.rename(entry, "体育设施名录（新）")
    found = said_json("plan", TARGET)
    assert (found["patch"], found["skip"], len(found["entries"])) == (1, 1, 1)
    (difference, *_more) = found["entries"][0]["differences"]
    assert set(difference) == {"field", "old", "new"}
    assert "→" in said("plan", TARGET)


@pytest.mark.ckan
def test_drift_is_found_and_mended(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.shelve(2)
    said("run", TARGET)
    _deface(bench)
    found = said_json("verify", TARGET, code=1)
    assert [one["kind"] for one in found["drifts"]] == ["edited"]
    assert re.search("在门户被改动.*手工改的|手工改的", said("verify", TARGET, code=1))
    assert "更新 1" in said("repair", TARGET)
    assert said_json("verify", TARGET)["drifts"] == []


def _deface(bench: Bench) -> None:
    key = min(bench.there())
    bench.ckan.call("package_patch", id=key, title="手工改的")


@pytest.mark.ckan
def test_a_run_that_is_told_to_stop_finishes_what_is_on_its_way(make_bench: MakeBench, proxy: Any) -> None:
    bench = make_bench(proxy.url)
    entries = bench.shelve(40)
    proxy.add(stall(0.5, action="write"))
    command = [sys.executable, "-c", "from sync.cli import main; main()", "run", TARGET, "--parallel", "2"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as job:
        assert wait_until(lambda: len(bench.ckan.call("package_list")) >= 2)
        job.send_signal(signal.SIGTERM)
        out, err = job.communicate(timeout=60)
    assert (job.returncode, "已停止，余下的下次再办" in out) == (1, True), out + err
    proxy.clear()
    there = bench.entries_there()
    assert {key for key in entries if bench.row(key).state == "present"} == set(there)
    assert "一致" in said("run", TARGET)
    assert set(bench.entries_there()) == set(entries)


def wait_until(done: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.ckan
def test_a_parcel_crosses_the_gap_and_its_receipt_comes_back(make_bench: MakeBench, tmp_path: Path) -> None:
    bench, gap, beside = make_bench(), tmp_path / "gap", tmp_path / "beside"
    said("target", "remove", TARGET)
    for folder in (gap, beside):
        folder.mkdir()
    entries = bench.shelve(2, files=True)
    add(bench.url, "--ferry", str(gap), name=TARGET)
    said("run", TARGET)
    (parcel,) = gap.glob("*.zip")
    given = ("--state", str(beside))
    closed = f"http://127.0.0.1:{free_port()}"
    assert "没有应答" in refused("apply", str(parcel), "--url", closed, *given, code=3)
    assert "已推送并核对 2" in said("apply", str(parcel), "--url", bench.url, *given)
    assert "（已办理过）" in said("apply", str(parcel), "--url", bench.url, *given)
    (receipt,) = beside.glob("*receipt.json")
    assert "读入回执 1 份：已推送并核对 2" in said("receipts", TARGET, str(receipt))
    assert said_json("status", TARGET)[0]["states"]["present"] == 2
    assert set(bench.entries_there()) == set(entries)


@pytest.mark.ckan
def test_a_token_without_the_right_to_purge_is_told_so(make_bench: MakeBench, ckan: Any) -> None:
    person = ckan.person()
    make_bench(token=person.token)
    found = run("target", "test", TARGET)
    assert (found.exit_code, "无清除权限：撤下后为“已删除，名称保留”" in found.stdout) == (1, True)
    assert "建数据集：不可以" in found.stdout


@pytest.mark.ckan
def test_a_token_that_the_portal_does_not_know_is_told_without_showing_it(make_bench: MakeBench) -> None:
    make_bench(token=TOKEN)
    told = refused("target", "test", TARGET, code=1)
    assert "令牌" in told
    assert TOKEN not in told
