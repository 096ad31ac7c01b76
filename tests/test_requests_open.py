"""Open data requests: recorded for an applicant, answered at once where it is open already; who applied stays hidden."""

import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, NotAllowed
from registry.keys import new_key
from registry.models import Distribution, Entry
from registry.request_shown import list_requests, shown_request
from registry.requests import erase_applicant
from tests.agency_cast import CIVIL
from tests.requests_cast import CONDITIONAL, KEPT, PUBLIC, START, Desk, give_role, make_desk
from tests.test_requests import options, refused

WHO = {"name": "赵一鸣", "kind": "自然人", "contact": "13800000000"}
WHY = {"purpose": "研究社会组织的地理分布，撰写毕业论文"}


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return make_desk(database, tmp_path)


def shelve_open(desk: Desk, code: str = PUBLIC) -> None:
    """An opened file of the entry, on the shelf."""
    with desk.database.write() as session:
        entry = session.execute(select(Entry).where(col(Entry.code) == code)).scalar_one()
        entry.state = "shelved"
        made = {"id": new_key("d"), "entry_id": entry.id, "form": "2", "patterns": [], "items": ["住所"]}
        more = {"name": "社会组织.csv", "opened": True, "state": "shelved", "created_by": "steward-c"}
        session.add(Distribution(**made, **more, created_at=START, shelved_at=START))


def ask(desk: Desk, entry: str = CONDITIONAL, login: str = "steward-c", **more: Any) -> Any:
    given = {"data": WHY, "applicant": WHO} | more
    return desk.file(login, entry, "open", **given)


def test_what_is_open_already_is_answered_at_once_with_where_it_is(desk: Desk) -> None:
    shelve_open(desk)
    done = ask(desk, PUBLIC)
    assert (done.number, done.after, done.answered_by_machine) == ("开放〔2026〕1号", "opened", True)
    with desk.database.read() as session:
        shown = shown_request(session, done.number, actor=None, now=desk.now)
    assert shown.reasons == "已经开放，可在政府数据开放平台取得：社会组织.csv"
    assert desk.acts() == [("file", "steward-c"), ("open", "mulu")]


def test_what_is_promised_only_is_answered_by_people(desk: Desk) -> None:
    done = ask(desk, PUBLIC)
    assert (done.after, done.awaits, done.due) == ("received", "answer_open", date(2026, 10, 19))
    assert "field_missing" in refused(lambda: desk.act(done.number, "open", "share-c"))
    opened = desk.act(done.number, "open", "share-c", data={"next": "十一月底前在开放平台上架"})
    assert (opened.after, opened.grant) == ("opened", None)


def test_fifteen_working_days_and_fifteen_more_with_the_heads_consent(desk: Desk) -> None:
    number = ask(desk).number
    desk.act(number, "ask_extension", "share-c", "须向上级请示")
    assert [(t.act, t.side) for t in desk.tasks("head-c")] == [("extend", "provider")]
    with pytest.raises(NotAllowed):
        desk.act(number, "extend", "bureau")
    assert desk.act(number, "extend", "head-c").due == date(2026, 11, 9)


def test_a_head_does_not_consent_to_what_he_asked_for_himself(desk: Desk) -> None:
    give_role(desk, "share-c", "head", CIVIL)
    number = ask(desk).number
    desk.act(number, "ask_extension", "share-c", "须向上级请示")
    with pytest.raises(NotAllowed, match="延期是您申请的"):
        desk.act(number, "extend", "share-c")


def test_a_refusal_rests_on_the_reason_that_the_entry_gives(desk: Desk) -> None:
    number = ask(desk).number
    assert set(refused(lambda: desk.act(number, "refuse_open", "share-c"))) == {"reasons_missing"}
    assert desk.act(number, "refuse_open", "share-c", "含个人信息").after == "refused"
    with desk.database.read() as session:
        act = shown_request(session, number, actor=None, now=desk.now).acts[-1]
    assert act.data == {"basis": "敏感个人信息，《个人信息保护法》第二十五条"}


def test_a_refusal_without_any_basis_is_no_answer(desk: Desk) -> None:
    number = ask(desk, PUBLIC).number
    found = refused(lambda: desk.act(number, "refuse_open", "share-c", "不便"))
    assert set(found) == {"field_missing"}


def test_it_says_what_is_missing_of_the_applicant(desk: Desk) -> None:
    found = refused(
        lambda: ask(desk, applicant={"name": "赵一鸣", "kind": "机器人"}, data={"purpose": "依申请"})
    )
    assert set(found) == {"field_wrong", "field_missing", "field_vacuous"}
    assert "自然人、法人、其他组织" in found["field_wrong"]


def test_only_the_providers_people_record_one(desk: Desk) -> None:
    for login in ("steward-m", "bureau", "head-c"):
        with pytest.raises(NotAllowed):
            ask(desk, login=login)
    assert ask(desk, KEPT, "share-p").after == "received"


def test_who_applied_is_seen_by_the_provider_and_the_bureau_alone(desk: Desk) -> None:
    number = ask(desk).number
    with desk.database.read() as session:
        for login, seen in (("head-c", WHO), ("bureau", WHO), ("auditor", None)):
            shown = shown_request(session, number, actor=desk.actor(session, login), now=desk.now)
            assert shown.applicant == seen
        assert shown_request(session, number, actor=None, now=desk.now).applicant is None
        page = list_requests(session, actor=desk.actor(session, "share-c"), now=desk.now)
        assert "赵一鸣" not in repr(page) and page.rows[0].requester == ""
        assert "赵一鸣" not in repr(desk.tasks("share-c"))


def everything_written(desk: Desk) -> str:
    """All that the database holds, as text."""
    from registry.models import metadata

    with desk.database.read() as session:
        names = [table.name for table in metadata.sorted_tables]
        return "\n".join(
            repr(tuple(row)) for name in names for row in session.execute(text(f'SELECT * FROM "{name}"'))
        )


def test_the_applicant_stands_in_one_place_and_can_be_erased(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number = ask(desk).number
    desk.act(number, "refuse_open", "share-c", "含个人信息")
    assert everything_written(desk).count("13800000000") == 1 and "13800000000" not in caplog.text
    with pytest.raises(NotAllowed):
        desk.deed(erase_applicant, number, login="share-c")
    desk.deed(erase_applicant, number, login="security_admin")
    assert "13800000000" not in everything_written(desk) and "赵一鸣" not in everything_written(desk)
    with desk.database.read() as session:
        shown = shown_request(session, number, actor=desk.actor(session, "head-c"), now=desk.now)
        assert (shown.applicant, shown.row.state) == (None, "refused")
        assert shown.applicant_erased_at is not None
        assert [e.act for e in events_of(session, number)][-1] == "erase_applicant"
    with pytest.raises(Conflict, match="已经擦除"):
        desk.deed(erase_applicant, number, login="security_admin")


def test_an_applicant_may_take_it_back(desk: Desk) -> None:
    number = ask(desk).number
    assert "withdraw_open" in options(desk, number, "steward-c")
    assert desk.act(number, "withdraw_open", "steward-c", "申请人来电撤回").after == "withdrawn"


def test_a_late_answer_is_told_to_the_bureau(desk: Desk) -> None:
    ask(desk)
    late = datetime(2026, 10, 20, 2, 0, tzinfo=UTC)
    assert [(t.act, t.mine, t.overdue) for t in desk.tasks("bureau", late)] == [("answer_open", False, 1)]
    assert desk.tasks("share-c", late)[0].mine
