"""Correction requests: who uses the data says what is wrong; the provider verifies within ten working days."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound
from registry.request_shown import shown_request
from tests.requests_cast import CONDITIONAL, PUBLIC, Desk, make_desk
from tests.test_requests import options, refused

WRONG = {
    "items": ["保障金额"],
    "seen": "张某一户显示为每月三百元",
    "should_be": "按审批表应为每月五百元",
    "evidence": "遵市监函〔2026〕31号",
}


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return make_desk(database, tmp_path)


def ask(desk: Desk, login: str = "steward-m", entry: str = CONDITIONAL, **changes: Any) -> Any:
    return desk.file(login, entry, "correction", data={**WRONG, **changes})


def test_a_user_asks_and_the_provider_corrects_in_ten_working_days(desk: Desk) -> None:
    desk.provided()
    done = ask(desk)
    assert (done.number, done.after, done.awaits, done.due) == (
        "校核〔2026〕1号",
        "received",
        "verify",
        date(2026, 10, 12),
    )
    assert [(t.act, t.zh) for t in desk.tasks("steward-c")] == [("verify", "核实更正")]
    found = refused(lambda: desk.act(done.number, "correct", "steward-c", data={"version": 9}))
    assert "field_wrong" in refused(
        lambda: desk.act(done.number, "correct", "steward-c", "已更正", data={"version": 1 << 64})
    )
    assert set(found) == {"reasons_missing", "version_unknown"} and "第26条" in found["version_unknown"]
    corrected = desk.act(done.number, "correct", "steward-c", "源系统已更正", data={"version": 1})
    assert (corrected.after, corrected.awaits) == ("corrected", None)
    with desk.database.read() as session:
        shown = shown_request(session, done.number, actor=desk.actor(session, "steward-m"), now=desk.now)
    assert shown.reasons == "源系统已更正"


def test_what_is_right_is_upheld_with_reasons(desk: Desk) -> None:
    desk.granted()
    number = ask(desk).number
    assert "reasons_missing" in refused(lambda: desk.act(number, "uphold", "steward-c"))
    assert desk.act(number, "uphold", "steward-c", "审批表有后续变更").after == "upheld"
    with pytest.raises(Conflict, match="steward-c 已于"):
        desk.act(number, "correct", "steward-c", "再看")


def test_only_who_uses_the_data_may_ask(desk: Desk) -> None:
    found = refused(lambda: ask(desk))
    assert set(found) == {"not_using"} and "第26条" in found["not_using"]
    assert ask(desk, entry=PUBLIC, items=["住所"]).after == "received"


def test_the_bureau_may_ask_for_a_correction_and_take_it_back(desk: Desk) -> None:
    number = ask(desk, "bureau").number
    assert options(desk, number, "bureau") == ["withdraw"]
    with pytest.raises(NotFound):
        desk.act(number, "withdraw", "steward-m")
    with pytest.raises(NotAllowed):
        desk.act(number, "withdraw", "steward-c")
    assert desk.act(number, "withdraw", "bureau").after == "withdrawn"


def test_it_says_what_is_wrong_and_where(desk: Desk) -> None:
    desk.granted()
    found = refused(lambda: ask(desk, items=["没有的"], seen="", should_be="无"))
    assert set(found) == {"item_unknown", "field_missing", "field_vacuous"}


def test_a_late_verification_shows_in_both_queues(desk: Desk) -> None:
    desk.provided()
    ask(desk)
    late = datetime(2026, 10, 13, 2, 0, tzinfo=UTC)
    verify = [(t.act, t.mine, t.overdue) for t in desk.tasks("steward-c", late) if t.kind == "correction"]
    assert verify == [("verify", True, 1)]
    for login in ("steward-m", "bureau"):
        told = [(t.act, t.mine) for t in desk.tasks(login, late) if t.kind == "correction"]
        assert told == [("verify", False)]


def test_the_provider_does_not_ask_itself(desk: Desk) -> None:
    assert "own_entry" in refused(lambda: ask(desk, "steward-c"))
