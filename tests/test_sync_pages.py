"""The pages of the sync: targets, ledger, plan, runs, parcels, the button that tries again; on the entry's page, too."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col

from registry.audit import list_events
from registry.db import Database
from tests.sync_board import NAME, PAGE, PORTAL, Board, board_of

REFUSED = {"trouble": "refused", "said": "name: 该 URL 已被使用"}


@pytest.fixture
def board(sqlite_database: Database, tmp_path: Path) -> Iterator[Board]:
    with board_of(sqlite_database, tmp_path) as made:
        yield made


@pytest.fixture
def anywhere(database: Database, tmp_path: Path) -> Iterator[Board]:
    """The board on SQLite and on PostgreSQL."""
    with board_of(database, tmp_path) as made:
        yield made


def tiles(page: str) -> dict[str, int]:
    """The numbers above the tabs, by their words."""
    found = re.findall(r"<b>(?:<a[^>]*>)?(\d+)(?:</a>)?</b><span>([^<]+)</span>", page)
    return {word: int(number) for number, word in found}


def rows_of(page: str) -> int:
    return page.count("<tr>") - page.count("<thead>")


# ---- all targets ------------------------------------------------------------------------------------------


def test_a_target_in_step_says_so_and_what_its_token_may_not_do(board: Board) -> None:
    for entry in board.entries:
        board.row(entry)
    page = board.see("/sync")
    assert ">一致</span>" in page and "已在门户并核对 4" in page
    assert "无清除权限" in page and "名称仍被占用" in page
    assert f'href="{PORTAL}"' in page


def test_without_any_target_the_page_says_how_to_enter_one(board: Board) -> None:
    board.say(removed_at=board.now)
    assert "mulu-sync target add" in board.see("/sync")


def test_trouble_is_told_by_its_kind_and_before_what_waits(anywhere: Board) -> None:
    anywhere.row(anywhere.entries[0], state="absent", **REFUSED)
    anywhere.row(anywhere.entries[1], drift="edited")
    anywhere.row(anywhere.entries[2], trouble="withheld", said="片区：没有复核")
    anywhere.asked(anywhere.entries[3])
    page = anywhere.see("/sync", "auditor")
    assert ">有问题 2 条</span>" in page and ">待办 1</span>" in page
    assert "目标拒绝 1" in page and "在门户被改动 1" in page
    assert "在架不外发 1 条" in page


def test_what_waits_in_the_outbox_keeps_a_target_from_being_in_step(anywhere: Board) -> None:
    from registry.outbox import mark

    for entry in anywhere.entries:
        anywhere.row(entry)
    with anywhere.database.write() as session:
        mark(session, anywhere.entries[:2], "attach", now=anywhere.now)
        mark(session, anywhere.entries[:1], "shelve", now=anywhere.now)
    assert ">待办 2 条</span>" in anywhere.see("/sync")


def test_a_target_that_rests_says_until_when_and_why(board: Board) -> None:
    board.say(said="连接超时", rests_until=board.now + timedelta(hours=1))
    page = board.see("/sync")
    assert "前不再试" in page and "连接超时" in page and ">一致</span>" not in page


def test_a_target_that_was_never_tested_says_how(board: Board) -> None:
    board.say(rights=None)
    assert f"mulu-sync target test {NAME}" in board.see("/sync")


# ---- who ----------------------------------------------------------------------------------------------------


def test_the_link_is_for_those_who_may_see_it(board: Board) -> None:
    for login in ("auditor", "bureau", "system_admin", "log_auditor"):
        assert '<a href="/sync"' in board.see("/sync", login)
    for login in ("steward", "security_admin"):
        assert '<a href="/sync"' not in board.see("/", login)
        assert "须由" in board.see("/sync", login, 403)


def test_the_button_is_for_those_who_may_push(board: Board) -> None:
    board.row(board.entries[0], state="absent", **REFUSED)
    assert "重试" in board.see()
    assert "/retry" not in board.see(login="bureau")
    assert board.form("bureau").status_code == 403


def test_a_name_that_is_not_open_is_not_told_to_who_sees_the_catalogue_only(board: Board) -> None:
    from sqlalchemy import update

    from registry.models import Entry

    board.row(board.entries[0])
    with board.database.write() as session:
        session.execute(update(Entry).where(col(Entry.id) == board.entries[0]).values(in_force=None))
    assert "第0片区" in board.see(f"/sync/{NAME}?tab=ledger", "auditor")
    page = board.see(f"/sync/{NAME}?tab=ledger", "log_auditor")
    assert "第0片区" not in page and "您看不到名称" in page


# ---- what is amiss, the ledger ------------------------------------------------------------------------------


def test_trouble_stands_with_the_target_s_words_and_the_cure(board: Board) -> None:
    board.row(board.entries[0], state="absent", **REFUSED)
    board.row(board.entries[1], trouble="withheld", said="接口（1）：脱敏检查没有复核")
    page = board.see()
    assert "该 URL 已被使用" in page and "照目标的话改好条目或目标，再重试" in page
    assert "脱敏检查没有复核" in page and "补齐所缺的审查或证明" in page
    assert tiles(page) == {"未推送": 1, "已在门户并核对": 1, "有问题": 1, "待办": 0, "在架不外发": 1}


def test_drift_says_whether_repair_mends_it(board: Board) -> None:
    board.row(board.entries[0], drift="deleted")
    board.row(board.entries[1], drift="foreign")
    page = board.see()
    assert f"执行 mulu-sync repair {NAME} 恢复" in page and "须在门户处理" in page


def test_words_of_a_portal_are_shown_as_words(board: Board) -> None:
    board.row(board.entries[0], state="absent", trouble="refused", said="<b>no</b><script>1</script>")
    assert "&lt;b&gt;no&lt;/b&gt;" in board.see()


def test_the_ledger_is_narrowed_and_paged_by_sql(anywhere: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.web.sync_pages.PAGE", 2)
    for entry in anywhere.entries[:3]:
        anywhere.row(entry)
    anywhere.row(anywhere.entries[3], state="gone", gone_at=anywhere.now)
    first, last = (anywhere.see(f"/sync/{NAME}?tab=ledger&page={n}") for n in (1, 9))
    assert (rows_of(first), rows_of(last)) == (2, 2)
    assert "第 2 / 2 页" in last and "确认没有" in last
    assert rows_of(anywhere.see(f"/sync/{NAME}?tab=ledger&state=gone")) == 1
    assert "page=2&amp;state=present" in anywhere.see(f"/sync/{NAME}?tab=ledger&state=present")


def test_only_what_is_there_leads_to_the_portal(board: Board) -> None:
    board.row(board.entries[0])
    board.row(board.entries[1], state="gone", gone_at=board.now)
    page = board.see(f"/sync/{NAME}?tab=ledger")
    assert f"{PORTAL}/dataset/dataset-0" in page and f"{PORTAL}/dataset/dataset-1" not in page


def test_a_filter_that_nobody_knows_is_refused_in_words(board: Board) -> None:
    assert "可用：" in board.see(f"/sync/{NAME}?tab=ledger&state=lost", status=422)
    assert f"现有 {NAME}" in board.see("/sync/none", status=404)


# ---- the plan -----------------------------------------------------------------------------------------------


def test_the_plan_says_what_a_run_would_do(anywhere: Board) -> None:
    from registry.models import Distribution
    from tests.sync_board import ledger

    anywhere.asked(*anywhere.entries[:3])
    anywhere.row(anywhere.entries[3])
    with anywhere.database.write() as session:
        for made in session.query(Distribution).filter_by(entry_id=anywhere.entries[3]):
            made.state = "off_shelf"
        ledger.ask(session, anywhere.target, [anywhere.entries[3]], now=anywhere.now)
    page = anywhere.see(f"/sync/{NAME}?tab=plan")
    assert all(said in page for said in ("新增 3", "更新 0", "撤下 1", "无变化 0"))
    assert rows_of(page) == 4
    assert rows_of(anywhere.see(f"/sync/{NAME}?tab=plan&act=withdraw")) == 1


def test_a_long_plan_is_judged_page_by_page(anywhere: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    from registry.outbox import mark

    monkeypatch.setattr("registry.web.sync_plans.MOST_JUDGED", 2)
    monkeypatch.setattr("registry.web.sync_pages.PAGE", 3)
    anywhere.asked(*anywhere.entries[:3])
    with anywhere.database.write() as session:
        mark(session, anywhere.entries[2:], "shelve", now=anywhere.now)
    first, second = (anywhere.see(f"/sync/{NAME}?tab=plan&page={n}") for n in (1, 2))
    assert "待判定 4 条" in first and "第 2 / 2 页" in second
    assert (first.count(">新增</span>"), second.count(">新增</span>")) == (3, 1)


def test_what_is_held_back_stands_in_the_plan_with_what_it_lacks(board: Board) -> None:
    from registry.models import Opinion

    with board.database.write() as session:
        session.query(Opinion).filter_by(entry_id=board.entries[0]).delete()
    board.asked(*board.entries)
    page = board.see(f"/sync/{NAME}?tab=plan&act=withheld")
    assert rows_of(page) == 1 and "在架不外发 1" in page
    assert "第0片区公共体育设施信息（1）：" in page


def test_a_plan_that_cannot_be_made_says_why(board: Board) -> None:
    board.say(files="link")
    assert "MULU_PUBLIC_URL" in board.see(f"/sync/{NAME}?tab=plan")


def test_other_rules_of_mapping_are_told(board: Board) -> None:
    board.row(board.entries[0])
    board.say(mapping="0" * 64)
    assert "全部条目重新判定" in board.see(f"/sync/{NAME}?tab=plan")


# ---- runs and parcels -----------------------------------------------------------------------------------------


def test_runs_stand_with_their_failures_the_newest_first(anywhere: Board) -> None:
    line = {"code": "307/1", "name": "名录", "trouble": "refused", "said": "不要", "entry_id": "e"}
    older = anywhere.ran(60, [{**line, "code": f"307/{n}"} for n in range(5)])
    anywhere.ran(1, outcome="unreachable", said="连接被拒绝")
    page = anywhere.see(f"/sync/{NAME}?tab=runs")
    assert page.index("连接被拒绝") < page.index("307/0")
    assert page.count("<li ") == 3 and "全部 5 行" in page
    assert anywhere.see(f"/sync/{NAME}?tab=runs&run={older}").count("<li ") == 5


def test_no_more_than_twenty_runs_are_shown(board: Board) -> None:
    for n in range(23):
        board.ran(n)
    page = board.see(f"/sync/{NAME}?tab=runs")
    assert page.count('class="group snug"') == 20 and "共 23 次" in page


def test_parcels_stand_with_their_receipts(anywhere: Board) -> None:
    said = {"word": "已退回", "said": "名称与上报表不符", "final": True}
    anywhere.sent(1, {"e1": "put", "e2": "put"}, answer={"entries": {"e1": said}})
    anywhere.sent(2, {"e3": "withdraw"})
    anywhere.say(kind="province", url="/srv/province")
    page = anywhere.see(f"/sync/{NAME}?tab=parcels")
    assert page.index("MULU-000002") < page.index("MULU-000001")
    assert "已退回 1" in page and "还缺 1 条" in page and "名称与上报表不符" in page
    assert "2 件回执未齐" in anywhere.see("/sync")
    assert "收发件，不用令牌" in page


# ---- tried again ----------------------------------------------------------------------------------------------


def test_one_entry_or_all_are_made_due_again_by_the_button(board: Board) -> None:
    for entry in board.entries[:2]:
        board.row(entry, state="absent", **REFUSED)
    answer = board.form(entry=board.entries[0], back="tab=ledger")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sync/{NAME}?tab=ledger&retried=1")
    assert (board.get(board.entries[0]).trouble, board.get(board.entries[1]).trouble) == ("", "refused")
    assert board.form().headers["location"].endswith("retried=1")
    assert all(board.get(entry).asked > board.get(entry).met for entry in board.entries[:2])
    assert "1 条重新列为待办" in board.see(f"/sync/{NAME}?retried=1")


def test_a_retry_stands_on_the_record_under_who_asked(board: Board) -> None:
    board.row(board.entries[0], state="absent", **REFUSED)
    board.form()
    with board.database.read() as session:
        (event,) = list_events(session, act="sync_retry", limit=5)
    assert event.actor == "system_admin"


def test_a_form_that_is_not_ours_changes_nothing(board: Board) -> None:
    board.row(board.entries[0], state="absent", **REFUSED)
    client = board.as_("system_admin")
    token = client.headers.pop("X-CSRF-Token")
    refused = client.post(f"/sync/{NAME}/retry", data={"csrf": "x" * 43}, headers=PAGE)
    client.headers["X-CSRF-Token"] = token
    assert (refused.status_code, board.get(board.entries[0]).trouble) == (403, "refused")


# ---- on the entry's page ----------------------------------------------------------------------------------------


def test_an_entry_tells_where_it_stands_to_who_sees_it_whole(board: Board) -> None:
    entry = board.entries[0]
    board.row(entry)
    assert 'id="portals"' in board.see(f"/entries/{entry}", "steward")
    assert f"{PORTAL}/dataset/dataset-0" in board.see(f"/entries/{entry}", "auditor")
    assert f'href="/sync/{NAME}"' not in board.see(f"/entries/{entry}", "steward")
    assert 'id="portals"' not in board.see(f"/entries/{entry}", "log_auditor")


def test_an_entry_that_was_withdrawn_tells_when_it_was_seen_to_be_gone(board: Board) -> None:
    entry = board.entries[0]
    board.row(entry, state="kept", gone_at=board.now, trouble="refused", said="清除被拒绝")
    page = board.see(f"/entries/{entry}", "steward")
    assert "已删除，名称保留" in page and "回读确认没有" in page and "清除被拒绝" in page
