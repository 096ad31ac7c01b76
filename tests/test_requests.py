"""Share requests: who may ask for what, consented to, answered, supplemented once, extended once, late for both."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Stale
from registry.models import Agency, AuditContent, DataRequest, RequestAct
from registry.request_acts import RequestRefused
from registry.request_shown import list_requests, shown_request
from registry.requests import act_on_request, request_options
from tests.agency_cast import CIVIL, MARKET
from tests.requests_cast import (
    CONDITIONAL,
    ITEMS,
    KEPT,
    PUBLIC,
    START,
    Desk,
    give_role,
    items_of,
    make_desk,
)
from tests.test_lifecycle_races import at_once


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return make_desk(database, tmp_path)


def refused(deed: Callable[[], Any]) -> dict[str, str]:
    """What is missing, by key, with its words."""
    with pytest.raises(RequestRefused) as found:
        deed()
    return {one.key: f"{one.text}｜{one.fix}｜{one.source}" for one in found.value.unmet}


def options(desk: Desk, number: str, login: str) -> list[str]:
    with desk.database.read() as session:
        return [
            row.act
            for row in request_options(session, number, actor=desk.actor(session, login), now=desk.now)
        ]


# ---- the path ---------------------------------------------------------------------------------------------


def test_a_conditional_request_goes_the_whole_path(desk: Desk) -> None:
    filed = desk.file()
    assert (filed.number, filed.after, filed.awaits, filed.due) == (
        "共需〔2026〕1号",
        "filed",
        "consent",
        None,
    )
    consented = desk.act(filed.number, "consent", "share-m")
    assert (consented.after, consented.awaits, consented.grant) == ("received", "answer", None)
    done = desk.act(filed.number, "agree", "share-c")
    assert (done.after, done.awaits, done.grant) == ("agreed", None, "授权〔2026〕1号")
    grant = desk.grant("授权〔2026〕1号")
    assert (grant.items, grant.pattern, grant.valid_until) == (ITEMS, "核验", date(2027, 12, 31))
    assert (grant.valid_from, grant.state, grant.content["version"]) == (date(2026, 9, 21), "active", 1)
    assert desk.acts() == [("file", "steward-m"), ("consent", "share-m"), ("agree", "share-c")]


def test_an_unconditional_one_is_answered_by_the_machine_at_once(desk: Desk) -> None:
    number = desk.file(entry=PUBLIC, data={"mode": "查询"}).number
    done = desk.act(number, "consent", "share-m")
    assert (done.after, done.answered_by_machine, done.grant) == ("agreed", True, "授权〔2026〕1号")
    with desk.database.read() as session:
        last = shown_request(session, number, actor=None, now=desk.now).acts[-1]
        assert (last.act, last.login, last.by_machine, last.at) == (
            "agree",
            "mulu",
            True,
            START + timedelta(minutes=1),
        )
        events = events_of(session, number)
        assert [(e.act, e.actor) for e in events[:2]] == [
            ("request_file", "steward-m"),
            ("request_consent", "share-m"),
        ]
        assert [(e.act, e.actor) for e in events_of(session, "授权〔2026〕1号")] == [
            ("request_agree", "mulu")
        ]


def test_the_provider_may_narrow_items_and_period_but_not_widen_them(desk: Desk) -> None:
    number = desk.received()
    more = {"items": ["姓名", "家庭成员病历"], "valid_until": "2028-01-01"}
    found = refused(lambda: desk.act(number, "agree", "share-c", data=more))
    assert set(found) == {"items_beyond", "period_beyond", "item_not_shared"}
    less = {"items": ["姓名"], "valid_until": "2026-12-31"}
    grant = desk.grant(desk.act(number, "agree", "share-c", data=less).grant or "")
    assert (grant.items, grant.valid_until) == (["姓名"], date(2026, 12, 31))


def test_a_refusal_needs_reasons_which_the_requester_reads(desk: Desk) -> None:
    number = desk.received()
    found = refused(lambda: desk.act(number, "refuse", "share-c"))
    assert "《政务数据共享条例（国务院令第809号）》第21条" in found["reasons_missing"]
    done = desk.act(number, "refuse", "share-c", "使用场景不属于贵单位职责")
    assert (done.after, done.grant) == ("refused", None)
    with desk.database.read() as session:
        shown = shown_request(session, number, actor=desk.actor(session, "steward-m"), now=desk.now)
    assert (shown.decision, shown.reasons) == ("refuse", "使用场景不属于贵单位职责")


def test_the_own_head_declines_and_the_requester_withdraws(desk: Desk) -> None:
    first, second = desk.file().number, desk.received()
    assert desk.act(first, "decline", "share-m", "已有同类数据").after == "declined"
    assert desk.act(second, "withdraw", "steward-m").after == "withdrawn"
    with pytest.raises(Conflict, match=r"现在是“已撤回”.*steward-m 已于 2026-09-21 .* 办理“撤回”"):
        desk.act(second, "agree", "share-c")


# ---- who --------------------------------------------------------------------------------------------------


def test_who_filed_it_never_consents(desk: Desk) -> None:
    give_role(desk, "steward-m", "sharing_head", MARKET)
    number = desk.file().number
    with pytest.raises(NotAllowed, match="是您填报的") as found:
        desk.act(number, "consent", "steward-m")
    assert found.value.details["reason"] == "filer"
    assert options(desk, number, "steward-m") == ["withdraw"]
    assert options(desk, number, "share-m") == ["consent", "decline", "withdraw"]


def test_nobody_of_the_requesting_side_answers_for_the_provider(desk: Desk) -> None:
    give_role(desk, "share-m", "sharing_head", CIVIL)
    number = desk.received()
    with pytest.raises(NotAllowed, match="您属于需求方"):
        desk.act(number, "agree", "share-m")


@pytest.mark.parametrize("login", ["share-p", "steward-c", "head-c", "bureau", "share-m"])
def test_only_the_providers_own_sharing_head_answers(login: str, desk: Desk) -> None:
    number = desk.received()
    with pytest.raises((NotAllowed, NotFound)):
        desk.act(number, "agree", login)


def test_a_stranger_does_not_see_a_request(desk: Desk) -> None:
    number = desk.received()
    with desk.database.read() as session:
        stranger, bureau = desk.actor(session, "steward-p"), desk.actor(session, "bureau")
        with pytest.raises(NotFound):
            shown_request(session, number, actor=stranger, now=desk.now)
        assert list_requests(session, actor=stranger, now=desk.now).rows == ()
        assert [row.number for row in list_requests(session, actor=bureau, now=desk.now).rows] == [number]


def test_a_public_enterprise_is_told_to_ask_for_opening(desk: Desk) -> None:
    found = refused(lambda: desk.file("steward-w"))
    assert "遵义市水务集团是公共企事业单位" in found["not_bound"] and "开放申请" in found["not_bound"]
    assert "第2条" in found["not_bound"] and "第43条" in found["not_bound"]


def test_a_company_cannot_ask_for_sharing(desk: Desk) -> None:
    company = {"name": "遵义某科技公司", "kind": "法人", "contact": "0851-28000000"}
    found = refused(lambda: desk.file(applicant=company))
    assert "企业、个人等不能申请政务数据共享" in found["applicant_shares"]


def test_a_person_without_the_role_files_nothing(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="数据专员"):
        desk.file("head-m")
    with pytest.raises(NotAllowed):
        desk.file(requester=CIVIL)


# ---- what -------------------------------------------------------------------------------------------------


def test_everything_that_is_missing_is_named_at_once(desk: Desk) -> None:
    wrong = {
        "basis": "依申请",
        "scene": "工作需要",
        "scope": None,
        "mode": "批量交换",
        "valid_until": None,
        "colour": 1,
    }
    found = refused(lambda: desk.file(data=wrong))
    assert set(found) == {"field_vacuous", "field_missing", "field_unknown", "mode_unfit"} | {
        "period_missing"
    }
    assert "核验、查询" in found["mode_unfit"]


def test_an_entry_that_is_not_shared_says_its_basis(desk: Desk) -> None:
    found = refused(lambda: desk.file(entry=KEPT))
    assert "《中华人民共和国刑事诉讼法》第二百八十六条" in found["not_shared"]
    assert "第14(3)条" in found["not_shared"] and "第15条" in found["not_shared"]


def test_an_item_that_is_not_shared_is_named(desk: Desk) -> None:
    found = refused(lambda: desk.file(data={"items": ["姓名", "家庭成员病历", "没有的"]}))
    assert "“家庭成员病历”不予共享" in found["item_not_shared"] and "第14条" in found["item_not_shared"]
    assert "“没有的”" in found["item_unknown"]


def test_without_items_all_that_are_shared_are_asked_for(desk: Desk) -> None:
    number = desk.file().number
    with desk.database.read() as session:
        request = session.execute(select(DataRequest)).scalar_one()
        assert (request.number, request.content["items"]) == (number, ITEMS)


@pytest.mark.parametrize("day", ["2026-09-21", "2026-02-30", "明年", 20271231])
def test_the_period_is_a_day_to_come(day: Any, desk: Desk) -> None:
    assert set(refused(lambda: desk.file(data={"valid_until": day}))) <= {"period_past", "field_wrong"}


def test_the_own_data_need_no_request(desk: Desk) -> None:
    assert set(refused(lambda: desk.file("steward-c"))) == {"own_entry"}


def test_a_secret_mark_is_not_written_down(desk: Desk) -> None:
    found = refused(lambda: desk.file(data={"basis": "秘密★10年 〔2026〕3号文件第二条"}))
    assert set(found) == {"secret"}


@pytest.mark.parametrize("items", [[{"a": 1}], "姓名", [1], {"x": 2}, [["姓名"]]])
def test_items_that_are_no_names_are_refused(items: Any, desk: Desk) -> None:
    assert "field_wrong" in refused(lambda: desk.file(data={"items": items}))


# ---- the entry changes meanwhile --------------------------------------------------------------------------


def test_a_withdrawn_entry_stops_every_step(desk: Desk) -> None:
    filed, received = desk.file().number, desk.received()
    waiting = desk.received()
    desk.act(waiting, "supplement", "share-c", data={"missing": ["使用依据的原文"]})
    desk.change(CONDITIONAL, state="withdrawn")
    assert "not_in_force" in refused(lambda: desk.act(filed, "consent", "share-m"))
    assert "not_in_force" in refused(lambda: desk.act(received, "agree", "share-c"))
    assert "not_in_force" in refused(lambda: desk.act(waiting, "resubmit", "steward-m"))
    with pytest.raises(NotFound):
        desk.file()
    assert desk.act(received, "refuse", "share-c", "目录已撤回").after == "refused"


def test_an_item_that_a_newer_version_keeps_back_must_be_left_out(desk: Desk) -> None:
    number = desk.received()
    desk.change(CONDITIONAL, items=items_of(kept=("家庭住址",)))
    found = refused(lambda: desk.act(number, "agree", "share-c"))
    assert "“家庭住址”不予共享" in found["item_not_shared"]
    rest = [name for name in ITEMS if name != "家庭住址"]
    grant = desk.act(number, "agree", "share-c", data={"items": rest}).grant
    assert desk.grant(grant or "").items == rest


def test_an_entry_that_became_not_shared_is_refused_at_consent(desk: Desk) -> None:
    number = desk.file().number
    desk.change(CONDITIONAL, share_type="3")
    assert "not_shared" in refused(lambda: desk.act(number, "consent", "share-m"))


# ---- supplements and extensions ---------------------------------------------------------------------------


def test_a_supplement_is_told_once_and_the_period_runs_anew(desk: Desk) -> None:
    number = desk.received()
    assert set(refused(lambda: desk.act(number, "supplement", "share-c"))) == {"field_missing"}
    told = desk.act(number, "supplement", "share-c", data={"missing": ["依据原文", "人员名单"]})
    assert (told.after, told.awaits, told.due) == ("supplement", "resubmit", None)
    desk.now = datetime(2026, 10, 9, 2, 0, tzinfo=UTC)
    assert (
        desk.act(
            number, "resubmit", "steward-m", data={"basis": "《社会救助暂行办法》第二十四条（附原文）"}
        ).after
        == "filed"
    )
    # 10 October is a Saturday that is worked
    assert desk.act(number, "consent", "share-m").due == date(2026, 10, 22)
    found = refused(lambda: desk.act(number, "supplement", "share-c", data={"missing": ["还缺"]}))
    assert "一次告知" in found["supplemented"] and "第21条" in found["supplemented"]
    assert "supplement" not in options(desk, number, "share-c")


def test_ten_working_days_go_around_the_holidays_and_the_shifted_days(desk: Desk) -> None:
    # 25 September (Mid-Autumn) and 1 to 7 October are off, Saturday 10 October is worked
    number = desk.file().number
    assert desk.act(number, "consent", "share-m").due == date(2026, 10, 12)
    desk.act(number, "ask_extension", "share-c", "须征求上级意见")
    assert desk.act(number, "extend", "bureau").due == date(2026, 10, 26)


def test_an_extension_is_asked_for_consented_to_and_given_once(desk: Desk) -> None:
    number = desk.received()
    assert "extension_not_asked" in refused(lambda: desk.act(number, "extend", "bureau"))
    assert "reasons_missing" in refused(lambda: desk.act(number, "ask_extension", "share-c"))
    desk.act(number, "ask_extension", "share-c", "须征求上级意见")
    assert "extension_open" in refused(lambda: desk.act(number, "ask_extension", "share-c", "再问"))
    with pytest.raises(NotAllowed):
        desk.act(number, "extend", "head-c")
    assert desk.act(number, "deny_extension", "bureau", "理由不充分").due == date(2026, 10, 12)
    desk.act(number, "ask_extension", "share-c", "补充理由")
    desk.act(number, "extend", "bureau")
    assert "extended" in refused(lambda: desk.act(number, "ask_extension", "share-c", "还要"))
    assert "extended" in refused(lambda: desk.act(number, "extend", "bureau"))


def test_an_extension_is_not_asked_for_when_the_period_is_over(desk: Desk) -> None:
    number = desk.received()
    desk.now = datetime(2026, 10, 13, 2, 0, tzinfo=UTC)
    assert (
        "2026-10-12"
        in refused(lambda: desk.act(number, "ask_extension", "share-c", "来不及"))["extension_late"]
    )
    assert desk.act(number, "agree", "share-c").after == "agreed"


def test_no_clock_binds_a_provider_that_the_law_does_not_bind(desk: Desk) -> None:
    with desk.database.write() as session:
        session.execute(select(Agency).where(col(Agency.code) == CIVIL)).scalar_one().kind = "公共企事业单位"
    number = desk.file().number
    assert desk.act(number, "consent", "share-m").due is None
    assert "no_clock" in refused(lambda: desk.act(number, "ask_extension", "share-c", "须商量"))


# ---- queues -----------------------------------------------------------------------------------------------


def test_each_step_waits_in_the_queue_of_who_must_take_it(desk: Desk) -> None:
    number = desk.file().number
    assert [(t.act, t.mine) for t in desk.tasks("share-m")] == [("consent", True)]
    assert desk.tasks("steward-m") == desk.tasks("share-c") == desk.tasks("bureau") == []
    desk.act(number, "consent", "share-m")
    (task,) = desk.tasks("share-c")
    assert (task.act, task.zh, task.due, task.overdue, task.unit) == (
        "answer", "答复共享需求", date(2026, 10, 12), 0, "working_days",
    )  # fmt: skip
    assert (task.requester, task.provider, task.side) == ("遵义市市场监督管理局", "遵义市民政局", "provider")
    desk.act(number, "ask_extension", "share-c", "须征求上级意见")
    assert [(t.act, t.side, t.due) for t in desk.tasks("bureau")] == [
        ("extend", "authority", date(2026, 10, 12))
    ]


def test_what_is_late_shows_in_both_queues_and_the_bureaus(desk: Desk) -> None:
    desk.received()
    late = datetime(2026, 10, 14, 2, 0, tzinfo=UTC)
    (theirs,) = desk.tasks("share-c", late)
    assert (theirs.mine, theirs.overdue, theirs.overdue_zh) == (True, 2, "2 个工作日")
    for login in ("steward-m", "share-m", "bureau"):
        (told,) = desk.tasks(login, late)
        assert (told.act, told.mine, told.overdue, told.side) == ("answer", False, 2, "provider")
    assert desk.tasks("steward-p", late) == []
    assert len(desk.tasks(None, late)) == 1


def test_who_filed_it_is_not_asked_to_consent(desk: Desk) -> None:
    give_role(desk, "steward-m", "sharing_head", MARKET)
    desk.file()
    assert desk.tasks("steward-m") == []


# ---- at once ----------------------------------------------------------------------------------------------


def test_of_two_answers_at_once_one_counts(desk: Desk) -> None:
    number = desk.received()

    def answer(login: str, act: str) -> Callable[..., Any]:
        def deed(session: Any) -> Any:
            actor = desk.actor(session, login)
            return act_on_request(session, number, act, actor=actor, now=desk.now, note="理由充分").after

        return deed

    done = at_once(desk.database, answer("share-c", "agree"), answer("share2-c", "refuse"))
    assert sorted(isinstance(one, Conflict) for one in done) == [False, True]
    assert len(desk.acts()) == 3


def test_numbers_are_unique_when_many_file_at_once(desk: Desk) -> None:
    from registry.requests import file_request
    from tests.requests_cast import ASKED

    def deed(session: Any) -> str:
        actor = desk.actor(session, "steward-m")
        return file_request(session, CONDITIONAL, "share", data=ASKED, actor=actor, now=desk.now).number

    done = at_once(desk.database, *[deed] * 5)
    assert sorted(done) == [f"共需〔2026〕{n}号" for n in range(1, 6)]


def test_who_has_seen_an_older_state_is_told(desk: Desk) -> None:
    done = desk.file()
    desk.act(done.number, "consent", "share-m", lock=done.lock)
    with pytest.raises(Stale):
        desk.act(done.number, "agree", "share-c", lock=done.lock)


def test_numbers_begin_anew_each_year(desk: Desk) -> None:
    assert desk.file().number == "共需〔2026〕1号"
    # already the first of January where the register is kept
    desk.now = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)
    assert desk.file().number == "共需〔2027〕1号"


# ---- the record -------------------------------------------------------------------------------------------


def test_the_record_holds_numbers_states_and_digests_only(desk: Desk) -> None:
    number = desk.received()
    with desk.database.read() as session:
        event = events_of(session, number)[-1]
        assert (event.act, event.actor) == ("request_consent", "share-m")
        assert event.details is not None and set(event.details) == {
            "request", "kind", "entry", "before", "after", "role", "digest",
        }  # fmt: skip
        written = " ".join(session.execute(select(AuditContent.content)).scalars())  # type: ignore[call-overload]
        assert "医疗救助" not in written
        assert (
            session.execute(select(RequestAct).where(col(RequestAct.act) == "consent")).scalar_one().role
            == "sharing_head"
        )


def test_pages_of_requests_follow_each_other(desk: Desk) -> None:
    for _ in range(3):
        desk.file()
    with desk.database.read() as session:
        mine = desk.actor(session, "steward-m")
        page = list_requests(session, actor=mine, now=desk.now, side="requester", limit=2)
        rest = list_requests(session, actor=mine, now=desk.now, after=page.next_cursor, limit=2)
        none = list_requests(session, actor=mine, now=desk.now, side="provider")
    numbers = [row.number for row in (*page.rows, *rest.rows)]
    assert numbers == ["共需〔2026〕3号", "共需〔2026〕2号", "共需〔2026〕1号"]
    assert (rest.next_cursor, none.rows) == (None, ())


def test_unknown_acts_and_numbers_are_named(desk: Desk) -> None:
    number = desk.file().number
    with pytest.raises(NotFound, match="可用：consent"):
        desk.act(number, "uphold", "share-m")
    for wrong in ("共需〔2026〕9号", "", "\0", "' or 1=1"):
        with pytest.raises(NotFound):
            desk.act(wrong, "consent", "share-m")
    with pytest.raises(NotFound, match="没有“gift”这种申请"):
        desk.file(kind="gift")


def test_an_extension_is_offered_only_while_the_period_runs(desk: Desk) -> None:
    number = desk.received()
    assert "ask_extension" in options(desk, number, "share-c")
    desk.now += timedelta(days=40)
    assert "ask_extension" not in options(desk, number, "share-c")
