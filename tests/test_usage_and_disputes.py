"""Records of use and destruction, kept three years and owed by who uses; disputes on the path of article 28."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import load
from registry import disputes, usage
from registry.audit import events_of
from registry.db import Database
from registry.disputes import act_on_dispute, open_dispute
from registry.errors import Conflict, NotAllowed, NotFound, Stale
from registry.request_shown import shown_grant, shown_request
from registry.usage import usage_of
from tests.requests_cast import DESTROYED, USED, Desk, make_desk
from tests.test_requests import refused

WHY = "提供方以内部规定为由拒绝，没有法律依据"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return make_desk(database, tmp_path)


# ---- use --------------------------------------------------------------------------------------------------


def test_use_is_recorded_and_goes_back_to_the_provider(desk: Desk) -> None:
    number = desk.provided()
    record = desk.use(number)
    assert (record.kind, record.content, record.keep_until) == ("usage", USED, date(2029, 9, 21))
    with desk.database.read() as session:
        provider = desk.actor(session, "steward-c")
        assert [r.content for r in usage_of(session, number, actor=provider)] == [USED]
        assert len(shown_grant(session, number, actor=provider, now=desk.now).usage) == 1
        event = events_of(session, number)[-1]
        assert event.act == "record_usage" and "scene" not in str(event.details)
        with pytest.raises(NotFound):
            usage_of(session, number, actor=desk.actor(session, "steward-p"))


def test_every_field_of_article_29_is_asked_for(desk: Desk) -> None:
    number = desk.provided()
    found = refused(lambda: desk.use(number, data={"scene": "同上", "colour": "红"}))
    assert set(found) == {"field_missing", "field_vacuous", "field_unknown"}


def test_only_the_users_steward_records_use(desk: Desk) -> None:
    number = desk.provided()
    for login in ("steward-c", "share-m", "bureau"):
        with pytest.raises(NotAllowed):
            desk.use(number, login=login)
    with pytest.raises(NotFound, match="usage（使用记录）、destruction（销毁记录）"):
        desk.use(number, "gift")


def test_destruction_is_recorded_after_the_end_and_kept(desk: Desk) -> None:
    number = desk.provided()
    assert "not_ended" in refused(lambda: desk.use(number, "destruction"))
    desk.on_grant(number, "finish", "steward-m")
    assert "grant_over" in refused(lambda: desk.use(number))
    record = desk.use(number, "destruction")
    assert (record.content, record.keep_until) == (DESTROYED, date(2029, 9, 21))
    assert desk.grant(number).destroyed_at is not None


def test_no_function_takes_a_record_away() -> None:
    assert not [name for name in vars(usage) if "delete" in name or "erase" in name or "remove" in name]
    assert not [name for name in vars(disputes) if "delete" in name]


def test_a_year_without_a_record_is_owed(desk: Desk) -> None:
    number = desk.provided(data={"valid_until": "2029-12-31"})
    assert desk.tasks("steward-m", datetime(2027, 8, 1, 2, 0, tzinfo=UTC)) == []
    soon = datetime(2027, 9, 1, 2, 0, tzinfo=UTC)
    assert [(t.act, t.due, t.soon, t.mine) for t in desk.tasks("steward-m", soon)] == [
        ("use", date(2027, 9, 21), True, True)
    ]
    assert desk.tasks("share-c", soon) == []
    late = datetime(2027, 9, 25, 2, 0, tzinfo=UTC)
    assert [(t.act, t.overdue, t.mine) for t in desk.tasks("share-c", late)] == [("use", 4, False)]
    desk.now = late
    desk.use(number)
    assert desk.tasks("steward-m", late) == []


def test_what_was_never_provided_need_not_be_destroyed(desk: Desk) -> None:
    number = desk.granted()
    desk.on_grant(number, "finish", "steward-m")
    assert desk.tasks(None) == []


def test_one_past_its_last_day_owes_the_destruction_before_the_machine_ends_it(desk: Desk) -> None:
    desk.provided(data={"valid_until": "2026-10-08"})
    (task,) = desk.tasks("steward-m", datetime(2026, 10, 9, 2, 0, tzinfo=UTC))
    assert (task.act, task.since) == ("destroy", datetime(2026, 10, 8, 16, 0, tzinfo=UTC))


# ---- disputes ---------------------------------------------------------------------------------------------


def refused_one(desk: Desk) -> str:
    number = desk.received()
    desk.act(number, "refuse", "share-c", "本单位内部规定不予提供")
    return number


def raised(desk: Desk, number: str, login: str = "share-m", subject: str = WHY) -> Any:
    return desk.deed(open_dispute, number, subject=subject, login=login)


def step(desk: Desk, number: str, act: str, login: str, note: str = "", **data: str) -> Any:
    return desk.deed(act_on_dispute, number, act, login=login, note=note, data=data)


def test_a_dispute_goes_from_the_sides_to_the_authority_and_the_government(desk: Desk) -> None:
    request = refused_one(desk)
    dispute = raised(desk, request)
    assert (dispute.number, dispute.step) == ("争议〔2026〕1号", "negotiate")
    assert [t.act for t in desk.tasks("share-c")] == ["negotiate"]
    step(desk, dispute.number, "escalate", "share-m", "十日内没有谈成")
    assert [t.act for t in desk.tasks("bureau")] == ["coordinate"]
    step(desk, dispute.number, "refer", "bureau", "协调不成")
    found = refused(lambda: step(desk, dispute.number, "decide", "bureau", outcome="应当提供"))
    assert set(found) == {"field_missing"}
    done = step(desk, dispute.number, "decide", "bureau", outcome="应当提供", document="遵府办〔2026〕40号")
    assert (done.step, done.settled_at, done.outcome) == ("closed", "decide", "应当提供")
    assert desk.tasks("bureau") == []


def test_the_request_shows_an_open_dispute(desk: Desk) -> None:
    request = refused_one(desk)
    dispute = raised(desk, request)
    with desk.database.read() as session:
        shown = shown_request(session, request, actor=None, now=desk.now)
        assert shown.disputed and shown.disputes[0][1] == "双方协商"
        assert shown.acts[-1].zh == "提出"
    step(desk, dispute.number, "settle", "share-m", outcome="双方商定按核验方式提供")
    with desk.database.read() as session:
        assert not shown_request(session, request, actor=None, now=desk.now).disputed


def test_each_step_is_taken_by_whose_it_is(desk: Desk) -> None:
    dispute = raised(desk, refused_one(desk)).number
    with pytest.raises(NotAllowed, match="由对方提出"):
        step(desk, dispute, "settle", "share-c", outcome="算了")
    with pytest.raises(Conflict, match="双方协商"):
        step(desk, dispute, "coordinate", "bureau", outcome="同意")
    with pytest.raises(NotFound):
        step(desk, dispute, "escalate", "steward-p", "理由")
    step(desk, dispute, "escalate", "share-c", "谈不成")
    with pytest.raises(NotAllowed):
        step(desk, dispute, "coordinate", "share-m", outcome="同意")
    with pytest.raises(Stale):
        desk.deed(act_on_dispute, dispute, "coordinate", login="bureau", data={"outcome": "同意"}, lock=1)
    assert step(desk, dispute, "coordinate", "bureau", outcome="提供方同意").settled_at == "coordinate"


def test_there_must_be_something_to_dispute(desk: Desk) -> None:
    number = desk.received()
    found = refused(lambda: raised(desk, number))
    assert set(found) == {"not_disputable"} and "第28条" in found["not_disputable"]
    desk.now = datetime(2026, 10, 13, 2, 0, tzinfo=UTC)
    assert raised(desk, number).step == "negotiate"
    assert "争议〔2026〕1号" in refused(lambda: raised(desk, number))["disputed"]
    assert "reasons_missing" in refused(lambda: raised(desk, refused_one(desk), subject=" "))


def test_a_provider_may_dispute_a_grant(desk: Desk) -> None:
    number = desk.provided()
    dispute = raised(desk, number, "share-c", "使用超出约定范围，双方看法不同")
    assert dispute.grant_id == desk.grant(number).id
    with desk.database.read() as session:
        assert events_of(session, number)[-1].act == "request_dispute_file"


def test_the_paths_are_those_of_the_law() -> None:
    spec, doc = load().requests, load().documents["responsibility"]
    walked = {act.begins for act in spec.dispute_acts}
    assert walked == {row.key for row in doc.dispute_path}  # type: ignore[attr-defined]
