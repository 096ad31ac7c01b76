"""``mulu request``, ``grant``, ``usage``, ``dispute`` as people of both sides run them at the console."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from registry.db import Database
from registry.demo_requests import load_requests
from registry.errors import NotFound
from registry.models import Agency
from tests.agency_cast import CIVIL, MARKET
from tests.request_doors import day, desk_ago, granted, received
from tests.requests_cast import CONDITIONAL, DESTROYED, KEPT, OPEN_ENTRY, PUBLIC, USED, Desk
from tests.test_cli import Done, mulu

SHARE = ("--basis", "《社会救助暂行办法》第二十四条", "--scene", "办理医疗救助申请时核对低保身份")
SHARE += ("--scope", "市场监管局登记注册科窗口人员")


@pytest.fixture
def desk(sqlite_database: Database, tmp_path: Path) -> Desk:
    return desk_ago(sqlite_database, tmp_path)


def said(*arguments: str) -> Any:
    done = mulu(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*arguments: str) -> Done:
    done = mulu(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    return done


def filed(code: str = CONDITIONAL, *more: str, mode: str = "核验") -> Any:
    return said(
        "request", "file", code, *SHARE, "--mode", mode, "--until", day(400), *more, "--as", "steward-m"
    )


# ---- a request from end to end ----------------------------------------------------------------------------


def test_both_sides_bring_a_request_to_its_use(desk: Desk) -> None:
    number = filed(CONDITIONAL, "--item", "姓名", "--item", "保障金额")["number"]
    assert said("request", "consent", number, "--as", "share-m")["after"] == "received"
    lacking = ("--missing", "等级保护备案证明", "--missing", "人员名单")
    assert said("request", "supplement", number, *lacking, "--as", "share-c")["after"] == "supplement"
    said("request", "resubmit", number, "--scope", "窗口人员张某、李某", "--as", "steward-m")
    said("request", "consent", number, "--as", "share-m")
    grant = said("request", "agree", number, "--item", "姓名", "--as", "share-c")["grant"]
    said("grant", "provide", grant, "--form", "3", "--where", "共享平台接口 db-v1", "--as", "steward-c")
    used = [part for key, value in USED.items() for part in (f"--{key}", value)]
    assert said("usage", "record", grant, *used, "--as", "steward-m")["content"] == USED
    shown = said("grant", "show", grant)
    assert (shown["row"]["items"], len(shown["usage"])) == (["姓名"], 1)
    assert [row["kind"] for row in said("usage", "list", grant)] == ["usage"]


def test_an_act_is_told_in_words(desk: Desk) -> None:
    number = filed()["number"]
    done = mulu("request", "consent", number, "--as", "share-m")
    assert done.stdout.startswith(f"{number} 同意提出：现在是“待答复”；答复期限 ")
    shown = mulu("request", "show", number).stdout.splitlines()
    assert shown[0] == f"{number}  共享需求  待答复"
    assert [line.split()[2] for line in shown[-2:]] == ["提出", "同意提出"]


def test_what_is_shared_without_conditions_is_answered_by_the_machine(desk: Desk) -> None:
    number = filed(PUBLIC, mode="查询")["number"]
    done = mulu("request", "consent", number, "--as", "share-m")
    assert "现在是“同意共享”；系统自动答复；授权 授权〔" in done.stdout


def test_everything_that_is_missing_is_said_with_its_article(desk: Desk) -> None:
    done = refused("request", "file", CONDITIONAL, "--basis", "工作需要", "--as", "steward-m")
    for words in (
        "使用依据“工作需要”没有实质内容",
        "没有填写使用场景",
        "没有填写使用范围",
        "没有填写共享方式",
    ):
        assert words in done.stderr
    assert done.stderr.count("第20条") >= 4 and done.stderr.count("办法：") == 4


def test_what_is_not_shared_is_refused_with_its_basis(desk: Desk) -> None:
    whole = refused("request", "file", KEPT, *SHARE, "--mode", "查询", "--as", "steward-m").stderr
    assert "不予共享（依据：" in whole and "第14(3)条" in whole
    one = ("--item", "家庭成员病历", "--mode", "核验", "--until", day(400))
    assert (
        "信息项“家庭成员病历”不予共享"
        in refused("request", "file", CONDITIONAL, *SHARE, *one, "--as", "steward-m").stderr
    )


def test_a_company_is_told_to_ask_for_opening(desk: Desk) -> None:
    done = refused(
        "request", "file", CONDITIONAL, *SHARE, "--mode", "核验", "--until", day(9), "--as", "steward-w"
    )
    assert "不能申请政务数据共享" in done.stderr and "开放申请" in done.stderr and "第43条" in done.stderr


def test_nobody_consents_to_his_own_or_answers_for_the_other_side(desk: Desk) -> None:
    number = received(desk)
    assert "只能办理本角色范围内的事项" in refused("request", "agree", number, "--as", "share-m").stderr
    assert "没有说明理由" in refused("request", "refuse", number, "--as", "share-c").stderr
    said("request", "refuse", number, "--note", "申请的用途与职责不符", "--as", "share-c")
    again = refused("request", "agree", number, "--as", "share2-c").stderr
    assert "现在是“不同意”" in again and "share-c 已于" in again


def test_any_act_takes_its_data_as_pairs(desk: Desk) -> None:
    number = received(desk)
    data = ("--data", "missing=授权书", "--data", "missing=名单")
    assert said("request", "act", number, "supplement", *data, "--as", "share-c")["after"] == "supplement"
    assert (
        "KEY=VALUE"
        in refused("request", "act", number, "resubmit", "--data", "x", "--as", "steward-m").stderr
    )
    stale = refused("request", "act", number, "withdraw", "--lock", "1", "--as", "steward-m").stderr
    assert "在您看过之后已有变动" in stale
    assert (
        "不接受“colour”"
        in refused("request", "act", number, "resubmit", "--data", "colour=1", "--as", "steward-m").stderr
    )


def test_the_help_of_an_act_names_the_acts() -> None:
    assert "ask_extension" in (told := mulu("request", "act", "--help").stdout) and "申请延期答复" in told
    assert "提请主管部门协调" in mulu("dispute", "act", "--help").stdout


# ---- lists and queues -------------------------------------------------------------------------------------


def test_lists_know_sides_kinds_and_states(desk: Desk) -> None:
    number = received(desk)
    assert [row["number"] for row in said("request", "list", "--state", "received")["rows"]] == [number]
    assert said("request", "list", "--kind", "open")["rows"] == []
    assert mulu("request", "list", "--kind", "open").stdout == "没有申请。\n"
    for login, side, count in (
        ("share-c", "provider", 1),
        ("share-c", "requester", 0),
        ("share-p", "provider", 0),
    ):
        assert len(said("request", "list", "--side", side, "--as", login)["rows"]) == count
    assert "--as LOGIN" in refused("request", "list", "--side", "provider").stderr
    assert "没有“ours”这一方" in refused("request", "list", "--side", "ours", "--as", "share-c").stderr


def test_what_is_late_stands_in_both_queues(desk: Desk) -> None:
    number = received(desk)
    (mine,) = said("queue", "--as", "share-c")["requests"]
    (theirs,) = said("queue", "--as", "share-m")["requests"]
    assert (mine["act"], mine["number"], mine["mine"], theirs["mine"]) == ("answer", number, True, False)
    assert mine["overdue"] == theirs["overdue"] > 0 and theirs["overdue_zh"].endswith("个工作日")
    assert "对方逾期" in (told := mulu("queue", "--as", "share-m").stdout) and number in told
    assert "对方逾期" not in mulu("queue", "--as", "share-c").stdout
    assert "个工作日" in mulu("request", "list").stdout


def test_an_applicant_is_shown_only_to_whom_it_may_and_can_be_erased(desk: Desk) -> None:
    who = ("--applicant", "孟晓舟", "--applicant-kind", "自然人", "--contact", "139-0000-0000")
    given = ("request", "open", OPEN_ENTRY, *who, "--purpose", "研究本市企业的分布")
    number = said(*given, "--as", "steward-m")["number"]
    assert "孟晓舟" not in mulu("request", "show", number).stdout
    assert "孟晓舟" not in json.dumps(said("request", "list"), ensure_ascii=False)
    assert said("request", "show", number, "--as", "steward-m")["applicant"]["name"] == "孟晓舟"
    assert "须由" in refused("request", "erase", number, "--as", "steward-m").stderr
    assert mulu("request", "erase", number, "--as", "security_admin").returncode == 0
    assert said("request", "show", number, "--as", "steward-m")["applicant"] is None


# ---- grants and disputes ----------------------------------------------------------------------------------


def test_a_grant_past_its_date_gives_nothing_more(desk: Desk) -> None:
    number = granted(desk, valid_until=day(-5))
    assert said("grant", "list", "--running")["rows"] == []
    (row,) = said("grant", "list", "--over")["rows"]
    assert (row["state"], row["state_zh"], row["running"]) == ("ended", "期满", False)
    where = ("--form", "3", "--where", "接口 a")
    told = refused("grant", "provide", number, *where, "--as", "steward-c").stderr
    assert "不能再使用、续期或者提供" in told and "第20条" in told
    extended = refused("grant", "extend", number, "--until", day(99), "--as", "steward-m").stderr
    assert number in extended


def test_a_grant_is_extended_by_a_request_of_its_own(desk: Desk) -> None:
    number = granted(desk)
    asking = said("grant", "extend", number, "--until", day(700), "--as", "steward-m")["number"]
    said("request", "consent", asking, "--as", "share-m")
    assert said("request", "agree", asking, "--as", "share-c")["grant"] == number
    assert said("grant", "show", number)["row"]["valid_until"] == day(700)


def test_a_misuse_is_suspended_put_right_and_resumed(desk: Desk) -> None:
    number = granted(desk)
    due = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    told = refused("grant", "suspend", number, "--as", "bureau").stderr
    assert "整改期限" in told and "没有说明理由" in told
    said("grant", "suspend", number, "--rectify-by", due, "--note", "超出使用范围", "--as", "bureau")
    said("grant", "rectify", number, "--note", "已收回三个账号", "--as", "steward-m")
    assert mulu("grant", "resume", number, "--note", "整改到位", "--as", "bureau").stdout.endswith(
        "现在是“有效”\n"
    )
    said("grant", "finish", number, "--as", "steward-m")
    gone = [part for key, value in DESTROYED.items() for part in (f"--{key}", value)]
    kept = said("usage", "record", number, "--kind", "destruction", *gone, "--as", "steward-m")
    assert kept["kind"] == "destruction"
    assert "销毁记录" in mulu("usage", "list", number).stdout


def test_a_dispute_goes_to_the_authority(desk: Desk) -> None:
    number = received(desk)
    made = said("dispute", "open", number, "--subject", "逾期没有答复", "--as", "share-m")["number"]
    said("dispute", "act", made, "escalate", "--note", "协商不成", "--as", "share-m")
    assert "处理结果" in refused("dispute", "act", made, "coordinate", "--as", "bureau").stderr
    done = said("dispute", "act", made, "coordinate", "--outcome", "三日内提供", "--as", "bureau")
    assert (done["step"], done["step_zh"]) == ("closed", "已办结")
    assert mulu("dispute", "list").stdout == "没有争议。\n"
    assert [row["request"] for row in said("dispute", "list", "--all", "--as", "share-c")] == [number]
    assert said("dispute", "list", "--all", "--as", "share-p") == []


def test_a_correction_is_asked_for_by_who_uses_the_data(desk: Desk) -> None:
    asking = ("request", "correct", CONDITIONAL, "--item", "姓名", "--seen", "张小", "--should-be", "张晓")
    asking += ("--evidence", "身份证核对记录〔2026〕3号", "--as", "steward-m")
    assert "只有使用该数据的部门" in refused(*asking).stderr
    granted(desk)
    number = said(*asking)["number"]
    assert "校核申请" in mulu("request", "show", number).stdout
    told = refused("request", "act", number, "uphold", "--as", "steward-c").stderr
    assert "没有说明理由" in told and "第21条" in told


# ---- the demonstration ------------------------------------------------------------------------------------


def test_the_demonstration_leaves_requests_in_different_states(desk: Desk) -> None:
    moment = datetime.now(UTC)
    with desk.database.write() as session:
        agencies = {one.code: one for one in session.execute(select(Agency)).scalars()}
        told = load_requests(session, agencies[CIVIL], agencies[MARKET], now=moment)
    found = {row["number"]: row for row in said("request", "list")["rows"]}
    assert sorted((row["kind"], row["state"]) for row in found.values()) == [
        ("correction", "received"),
        ("open", "received"),
        ("share", "agreed"),
        ("share", "agreed"),
        ("share", "received"),
    ]
    assert [row["number"] for row in found.values() if row["term"]["overdue"]] == ["共需〔2026〕1号"]
    assert [row["request"] for row in said("grant", "list")["rows"] if row["provided_at"]]
    assert "孟晓舟" not in told and all(number in told for number in found if "2号" not in number)


def test_the_demonstration_says_what_it_lacks(desk: Desk) -> None:
    with desk.database.write() as session, pytest.raises(NotFound, match="不能演示共享需求"):
        agencies = {one.code: one for one in session.execute(select(Agency)).scalars()}
        load_requests(session, agencies[MARKET], agencies[CIVIL], now=datetime.now(UTC))
