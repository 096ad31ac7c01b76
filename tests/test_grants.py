"""Grants: provided in twenty working days, prolonged, suspended and put right, ended by a side, over by themselves."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from registry import jobs
from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Stale
from registry.grant_acts import act_on_grant, expire_grants, grant_options
from registry.grant_job import EXPIRE, expire_job
from registry.grants import active_grants, count_active, follow_agency, is_running
from registry.keys import new_key
from registry.lifecycle import MoveRefused, perform
from registry.models import Agency, DataRequest, Entry, ShareGrant
from registry.request_acts import RequestRefused
from registry.request_shown import list_grants, shown_grant
from registry.requests import act_on_request
from registry.subjects import Subject
from registry.workers import Worker
from tests.agency_cast import POLICE
from tests.cast import Cast
from tests.requests_cast import CONDITIONAL, ITEMS, PUBLIC, START, Desk, give_role, items_of, make_desk
from tests.stages import revised, without
from tests.test_lifecycle_narrowing import to_announcement
from tests.test_lifecycle_races import at_once
from tests.test_requests import refused

HOW = {"form": "3", "where": "共享平台接口 dbhy-v1"}
# the last evening of the year where the register is kept, and the next minute
LAST = datetime(2027, 12, 31, 15, 59, tzinfo=UTC)
AFTER = LAST + timedelta(minutes=1)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return make_desk(database, tmp_path)


def expire(desk: Desk) -> int:
    with desk.database.write() as session:
        return expire_grants(session, now=desk.now)


def entry_id(desk: Desk, code: str = CONDITIONAL) -> str:
    with desk.database.read() as session:
        return session.execute(select(Entry).where(col(Entry.code) == code)).scalar_one().id


# ---- provision --------------------------------------------------------------------------------------------


def test_data_are_provided_within_twenty_working_days(desk: Desk) -> None:
    number = desk.granted()
    (task,) = desk.tasks("steward-c")
    assert (task.act, task.number, task.due, task.unit) == (
        "provide",
        number,
        date(2026, 10, 26),
        "working_days",
    )
    done = desk.on_grant(number, "provide", "steward-c", data=HOW)
    assert (done.before, done.after) == ("active", "active")
    with desk.database.read() as session:
        shown = shown_grant(session, number, actor=desk.actor(session, "steward-m"), now=desk.now)
    assert (shown.content["provided"], shown.provide.due) == (HOW, None)
    with pytest.raises(Conflict, match=r"已于 2026-09-21 .* 提供"):
        desk.on_grant(number, "provide", "steward-c", data=HOW)


@pytest.mark.parametrize(
    "where", ["https://u:p@10.1.1.1/api", "库 10.1.1.1，密码：abc123", "接口 token=eyJ0", "口令为 8888"]
)
def test_no_credentials_are_written_down(where: str, desk: Desk) -> None:
    number = desk.granted()
    found = refused(lambda: desk.on_grant(number, "provide", "steward-c", data={"form": "3", "where": where}))
    assert set(found) == {"credentials"}


def test_a_late_provision_shows_on_both_sides(desk: Desk) -> None:
    desk.granted()
    late = datetime(2026, 10, 28, 2, 0, tzinfo=UTC)
    for login, mine in (("steward-c", True), ("steward-m", False), ("bureau", False)):
        assert [(t.act, t.mine, t.overdue) for t in desk.tasks(login, late)] == [("provide", mine, 2)]


def test_nothing_is_provided_of_an_entry_that_was_withdrawn_or_narrowed(desk: Desk) -> None:
    number = desk.granted()
    desk.change(CONDITIONAL, items=items_of(kept=("姓名",)))
    found = refused(lambda: desk.on_grant(number, "provide", "steward-c", data=HOW))
    assert "“姓名”不予共享" in found["item_not_shared"]
    desk.change(CONDITIONAL, state="withdrawn")
    assert "not_in_force" in refused(lambda: desk.on_grant(number, "provide", "steward-c", data=HOW))


# ---- the last day -----------------------------------------------------------------------------------------


def test_the_last_day_is_included_and_the_day_after_it_is_over(desk: Desk) -> None:
    number = desk.provided()
    desk.now = LAST
    assert expire(desk) == 0 and is_running(desk.grant(number), date(2027, 12, 31))
    desk.use(number)
    desk.now = AFTER
    # before the job has run, too
    assert "grant_over" in refused(lambda: desk.use(number))
    with desk.database.read() as session:
        assert active_grants(session, [entry_id(desk)], today=date(2028, 1, 1)) == {}
        assert list_grants(session, actor=None, now=desk.now, is_running=True).rows == ()
        assert shown_grant(session, number, actor=None, now=desk.now).row.state_zh == "期满"
    assert (expire(desk), expire(desk)) == (1, 0)
    grant = desk.grant(number)
    assert (grant.state, grant.ended_why) == ("ended", "expired")
    with desk.database.read() as session:
        event = events_of(session, number)[-1]
        assert (event.act, event.actor) == ("request_expire", "mulu")


@pytest.mark.parametrize("ended", [False, True])
def test_a_grant_past_its_date_is_neither_provided_prolonged_nor_used(ended: bool, desk: Desk) -> None:
    number = desk.granted()
    desk.now = AFTER
    assert expire(desk) == 1 if ended else True
    longer = {"extends": number, "valid_until": "2028-12-31"}
    for deed in (
        lambda: desk.on_grant(number, "provide", "steward-c", data=HOW),
        lambda: desk.file(data=longer),
        lambda: desk.use(number),
    ):
        found = refused(deed)
        assert "期满" in found["grant_over"] and "第27条" in found["grant_over"]


def test_an_extension_that_comes_too_late_is_refused_at_every_step(desk: Desk) -> None:
    number = desk.granted()
    desk.now = LAST - timedelta(hours=1)
    asked = desk.file(data={"extends": number, "valid_until": "2028-12-31"}).number
    waiting = desk.file(data={"extends": number, "valid_until": "2028-06-30"}).number
    desk.act(asked, "consent", "share-m")
    desk.now = AFTER
    assert "grant_over" in refused(lambda: desk.act(asked, "agree", "share-c"))
    assert "grant_over" in refused(lambda: desk.act(waiting, "consent", "share-m"))


def test_the_job_ends_all_of_them_and_says_how_many(desk: Desk) -> None:
    first, second = desk.granted(), desk.granted()
    desk.now = AFTER
    with desk.database.write() as session:
        assert expire_grants(session, now=AFTER, limit=1) == 1
        job_id = jobs.enqueue(session, EXPIRE, {}, actor=jobs.SYSTEM, now=AFTER).id
    Worker(desk.database, {EXPIRE: expire_job}, clock=lambda: AFTER).perform(job_id)
    with desk.database.read() as session:
        job = jobs.find_job(session, job_id)
        assert (job.state, job.result) == ("done", {"ended": 1})
    assert {desk.grant(number).ended_why for number in (first, second)} == {"expired"}


# ---- prolonged --------------------------------------------------------------------------------------------


def test_a_grant_is_prolonged_with_both_consents(desk: Desk) -> None:
    number = desk.provided()
    asked = desk.received(data={"extends": number, "valid_until": "2028-12-31", "mode": None})
    done = desk.act(asked, "agree", "share-c", data={"valid_until": "2028-06-30"})
    assert done.grant == number
    grant = desk.grant(number)
    assert (grant.valid_until, grant.items, grant.provided_at is not None) == (date(2028, 6, 30), ITEMS, True)
    assert desk.acts()[-2:] == [("agree", "share-c"), ("prolong", "share-c")]


def test_the_machine_prolongs_what_is_shared_without_conditions(desk: Desk) -> None:
    first = desk.file(entry=PUBLIC, data={"mode": "查询"}).number
    number = desk.act(first, "consent", "share-m").grant or ""
    asked = desk.file(
        entry=PUBLIC, data={"extends": number, "valid_until": "2029-12-31", "mode": None}
    ).number
    assert desk.act(asked, "consent", "share-m").grant == number
    assert desk.grant(number).valid_until == date(2029, 12, 31)


def test_prolonging_widens_nothing(desk: Desk) -> None:
    number = desk.granted(data={"items": ["姓名"]})
    more = {"extends": number, "valid_until": "2028-12-31", "items": ["姓名", "保障金额"]}
    assert set(refused(lambda: desk.file(data=more))) == {"grant_mode"}
    assert set(refused(lambda: desk.file(data=more | {"items": ["姓名"], "valid_until": "2027-06-30"}))) == {
        "grant_shorter"
    }
    assert "grant_unknown" in refused(lambda: desk.file("steward-p", data=more))


# ---- misuse, and ends by a side ---------------------------------------------------------------------------


def test_misuse_is_suspended_put_right_and_resumed(desk: Desk) -> None:
    number = desk.provided()
    found = refused(lambda: desk.on_grant(number, "suspend", "bureau"))
    assert set(found) == {"reasons_missing", "field_missing"}
    by = {"rectify_by": "2026-10-31"}
    desk.on_grant(number, "suspend", "bureau", "超出使用范围", data=by)
    assert [(t.act, t.due) for t in desk.tasks("steward-m")] == [("rectify", date(2026, 10, 31))]
    desk.on_grant(number, "rectify", "steward-m", "已收回两个账号")
    assert [t.act for t in desk.tasks("bureau")] == ["judge"]
    assert desk.on_grant(number, "resume", "bureau", "核实已整改").after == "active"
    assert desk.grant(number).rectify_by is None


def test_misuse_that_is_not_put_right_ends_the_grant(desk: Desk) -> None:
    number = desk.provided()
    with pytest.raises(Conflict):
        desk.on_grant(number, "terminate", "bureau", "直接终止")
    desk.on_grant(number, "suspend", "bureau", "超出使用范围", data={"rectify_by": "2026-10-31"})
    late = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
    assert [(t.act, t.mine) for t in desk.tasks("bureau", late)] == [("rectify", False), ("judge", True)]
    assert [(t.act, t.overdue_zh) for t in desk.tasks("steward-c", late)] == [("rectify", "2 天")]
    done = desk.on_grant(number, "terminate", "bureau", "拒不整改")
    assert (done.after, done.ended_why) == ("ended", "terminated")


def test_a_provider_ends_nothing_without_reason_consultation_and_filing(desk: Desk) -> None:
    number = desk.provided()
    found = refused(lambda: desk.on_grant(number, "revoke", "share-c"))
    assert set(found) == {"reasons_missing", "field_missing"} and "第27条" in found["reasons_missing"]
    told = {"consultation": "10月8日与市监局协商一致", "filing": "遵数备〔2026〕3号"}
    done = desk.on_grant(number, "revoke", "share-c", "系统停用", data=told)
    assert done.ended_why == "revoked"


def test_the_requester_ends_it_and_then_owes_the_destruction(desk: Desk) -> None:
    number = desk.provided()
    assert desk.on_grant(number, "finish", "steward-m").ended_why == "returned"
    assert [(t.act, t.due) for t in desk.tasks("steward-m")] == [("destroy", None)]
    desk.use(number, "destruction")
    assert desk.tasks("steward-m") == []


def test_who_may_do_what_to_a_grant(desk: Desk) -> None:
    number = desk.granted()
    give_role(desk, "steward-m", "sharing_head", "115203000094210200")
    for act, login in (
        ("provide", "share-c"),
        ("suspend", "share-c"),
        ("revoke", "steward-m"),
        ("finish", "steward-c"),
    ):
        with pytest.raises(NotAllowed):
            desk.on_grant(number, act, login, "理由")
    with pytest.raises(NotFound):
        desk.on_grant(number, "finish", "steward-p")
    with pytest.raises(NotFound, match="可用：provide"):
        desk.on_grant(number, "expire", "bureau")
    with desk.database.read() as session:
        acts = [
            o.act for o in grant_options(session, number, actor=desk.actor(session, "share-c"), now=desk.now)
        ]
    assert acts == ["revoke"]


def test_of_two_who_end_it_at_once_one_counts(desk: Desk) -> None:
    number = desk.granted()
    told = {"consultation": "已协商一致", "filing": "遵数备〔2026〕3号"}

    def deed(login: str, act: str, data: Any) -> Callable[..., Any]:
        return lambda session: act_on_grant(
            session, number, act, actor=desk.actor(session, login), now=desk.now, note="停用", data=data
        )

    done = at_once(desk.database, deed("share-c", "revoke", told), deed("steward-m", "finish", None))
    assert sorted(isinstance(one, Conflict) for one in done) == [False, True]
    with pytest.raises(Stale):
        desk.on_grant(desk.granted(), "finish", "steward-m", lock=7)


@pytest.mark.parametrize("turn", [1, -1])
def test_an_entry_is_not_withdrawn_under_a_grant_that_is_just_agreed_to(turn: int, desk: Desk) -> None:
    number, entry = desk.received(), entry_id(desk)

    def agree(session: Any) -> Any:
        return act_on_request(session, number, "agree", actor=desk.actor(session, "share-c"), now=desk.now)

    def withdraw(session: Any) -> Any:
        actor = desk.actor(session, "bureau")
        return perform(session, Subject(entry), "withdraw", actor=actor, now=desk.now, note="停用")

    done = at_once(desk.database, *[agree, withdraw][::turn])
    assert sorted(isinstance(one, RequestRefused | MoveRefused) for one in done) == [False, True]


# ---- what others ask of grants ----------------------------------------------------------------------------


def test_grants_are_told_by_entry(desk: Desk) -> None:
    first, second = desk.granted(), desk.granted(data={"items": ["姓名"]})
    asked = [entry_id(desk), entry_id(desk, PUBLIC)]
    with desk.database.read() as session:
        found = active_grants(session, asked, today=date(2026, 10, 1))
        assert {key: [g.number for g in rows] for key, rows in found.items()} == {asked[0]: [first, second]}
        assert count_active(session, asked, today=date(2026, 10, 1)) == {asked[0]: 2}
        assert count_active(session, [], today=date(2026, 10, 1)) == {}


def test_requests_and_grants_follow_their_agencies(desk: Desk) -> None:
    number = desk.provided()
    grant = desk.grant(number)
    with desk.database.write() as session:
        other = session.execute(select(Agency).where(col(Agency.code) == POLICE)).scalar_one().id
        assert follow_agency(session, grant.agency_id, other, [grant.entry_id], whole=False) == 1
        assert follow_agency(session, grant.requester_id, grant.agency_id, [], whole=True) == 1
    moved = desk.grant(number)
    assert (moved.agency_id, moved.requester_id) == (other, grant.agency_id)
    with desk.database.read() as session:
        request = session.execute(select(DataRequest)).scalar_one()
        assert (request.agency_id, request.requester_id) == (other, grant.agency_id)


# ---- the lifecycle ----------------------------------------------------------------------------------------

At = Callable[[str], Cast]


def running_grant(cast: Cast, until: date | None) -> None:
    """A grant of the cast's entry to another agency."""
    with cast.database.write() as session:
        entry = session.execute(select(Entry).where(col(Entry.code) == cast.code)).scalar_one()
        own = session.get_one(Agency, entry.agency_id)
        more = {
            "name": "遵义市民政局",
            "kind": "政府部门",
            "region": "520300",
            "number": 77,
            "created_at": START,
        }
        other = Agency(id=new_key("a"), code="115203000094210200", **more)
        session.add(other)
        session.flush()
        sides = {"entry_id": entry.id, "agency_id": own.id, "requester_id": other.id}
        asked = {"kind": "share", "entry_number": 1, "content": {}, "state": "agreed", "filed_by": "x"}
        session.add(DataRequest(id="u1", number="共需〔2026〕1号", filed_at=START, **sides, **asked))
        session.flush()
        given = {"pattern": "查询", "items": [], "content": {}, "valid_from": START.date(), "state": "active"}
        session.add(
            ShareGrant(
                id="s1",
                number="授权〔2026〕1号",
                request_id="u1",
                valid_until=until,
                created_at=START,
                **sides,
                **given,
            )
        )


def guards(cast: Cast, move: str, role: str) -> list[str]:
    with pytest.raises(MoveRefused) as found:
        cast.act(move, role, note="停用")
    return [unmet.guard for unmet in found.value.unmet]


def test_nothing_is_retired_while_a_grant_runs(at: At) -> None:
    cast = at("announced")
    running_grant(cast, cast.now.date())
    cast.record("retirement_decision", role="head")
    assert guards(cast, "retire", "head") == ["no_active_grants"]
    cast.now += timedelta(days=1)
    assert cast.act("retire", "head", note="停用").entry_state == "retired"


def test_a_withdrawal_under_a_running_grant_is_consulted(at: At) -> None:
    cast = at("announced")
    running_grant(cast, None)
    assert guards(cast, "withdraw", "bureau") == ["service_consultation"]
    cast.record("consultation")
    assert cast.act("withdraw", "bureau", note="停用").entry_state == "withdrawn"


def test_narrowing_under_a_running_grant_is_consulted(at: At, tmp_path: Path) -> None:
    cast = at("announced")
    running_grant(cast, None)
    revised(cast, tmp_path, cols=without("经营范围"))
    to_announcement(cast)
    assert guards(cast, "announce", "bureau") == ["service_consultation"]
    cast.record("consultation")
    assert cast.act("announce", "bureau").after == "announced"


def test_a_grant_past_its_date_keeps_nothing_back(at: At) -> None:
    cast = at("announced")
    running_grant(cast, cast.now.date() - timedelta(days=1))
    assert cast.act("withdraw", "bureau", note="停用").entry_state == "withdrawn"
