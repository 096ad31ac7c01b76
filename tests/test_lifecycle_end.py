"""How an entry ends: withdrawn with reasons, retired for good; its code is never used again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.audit import events_of
from registry.errors import Conflict, Gone, Stale
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.lifecycle import MoveRefused, perform
from registry.lookup import find_entry
from registry.models import CodeRecord, Distribution, Entry, Version
from registry.permits import EVERYTHING
from registry.reconcile import differences
from registry.subjects import Subject
from tests.cast import Cast, content
from tests.conftest import NOW
from tests.offering import at_a_portal
from tests.stages import TABLE

At = Callable[[str], Cast]


def guards(cast: Cast, move: str, role: str, note: str = "") -> list[str]:
    with pytest.raises(MoveRefused) as refused:
        cast.act(move, role, note=note)
    return [unmet.guard for unmet in refused.value.unmet]


def retire(cast: Cast) -> Subject:
    with cast.database.read() as session:
        subject = cast.subject(session, "retire")
    cast.record("retirement_decision", role="head")
    assert cast.act("retire", "head", note="系统停用").entry_state == "retired"
    return subject


@pytest.mark.parametrize("role", ["head", "auditor", "bureau"])
def test_a_withdrawal_takes_what_is_on_the_shelf_along(role: str, at: At) -> None:
    cast = at("shelved")
    done = cast.act("withdraw", role, note="泄露风险", data={"emergency": "发现个人信息"})
    assert done.entry_state == "withdrawn"
    with cast.database.read() as session:
        (made,) = session.execute(select(Distribution)).scalars()
        assert (made.state, made.awaits) == ("off_shelf", None)
        entry = find_entry(session, cast.code, sight=EVERYTHING).entry
        last = events_of(session, entry.id)[-1]
        assert (last.details or {})["off_shelf"] == [made.id]
        assert list(differences(session)) == []


def test_withdrawn_with_reasons_and_consultation(at: At) -> None:
    assert guards(at("shelved"), "withdraw", "bureau") == ["reasons_given", "service_consultation"]
    cast = at("announced")
    cast.act("attach", "steward", data=TABLE)
    assert cast.act("withdraw", "bureau", note="误登").entry_state == "withdrawn"
    with pytest.raises(Conflict, match=r"bureau 已于 .* 办理“撤回”"):
        cast.act("withdraw", "auditor", note="误登")


def test_retired_what_was_shelved_must_be_gone_everywhere(at: At) -> None:
    cast = at("shelved")
    at_a_portal(cast, "present")
    cast.record("consultation")
    cast.act("off_shelf", "head", note="停用")
    cast.record("retirement_decision", role="head")
    assert guards(cast, "retire", "head", "停用") == ["consumers_informed", "gone_everywhere"]
    cast.record("notice_to_users")
    assert guards(cast, "retire", "head", "停用") == ["gone_everywhere"]
    at_a_portal(cast, "gone")
    assert cast.act("retire", "head", note="停用").entry_state == "retired"


def test_retired_what_was_shelved_and_never_went_anywhere(at: At) -> None:
    cast = at("shelved")
    cast.record("consultation")
    cast.act("off_shelf", "head", note="停用")
    cast.record("retirement_decision", role="head")
    cast.record("notice_to_users")
    assert cast.act("retire", "head", note="停用").entry_state == "retired"


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_retired_entry_is_gone_for_every_move(withdrawn_first: bool, at: At) -> None:
    cast = at("announced")
    if withdrawn_first:
        cast.act("withdraw", "head", note="划转")
    subject = retire(cast)
    for move, role in (
        ("retire", "head"),
        ("revise", "steward"),
        ("attach", "steward"),
        ("withdraw", "bureau"),
    ):
        with cast.database.write() as session, pytest.raises(Gone, match="已注销"):
            perform(session, subject, move, actor=cast.actor(role, session), now=cast.now, note="再")
    with pytest.raises(Gone):
        cast.state()


def test_a_draft_beside_it_ends_with_it(at: At) -> None:
    cast = at("announced")
    cast.act("revise", "steward")
    subject = retire(cast)
    with cast.database.read() as session:
        rows = session.execute(select(Version).order_by(col(Version.number))).scalars().all()
        assert [(v.state, v.awaits) for v in rows] == [("withdrawn", None), ("withdrawn", None)]
    with cast.database.write() as session, pytest.raises(Gone):
        perform(session, subject, "submit", actor=cast.actor("steward", session), now=cast.now)


@pytest.mark.parametrize("mode", ["draft", "existing"])
@pytest.mark.parametrize(("code", "came"), [("102024030201/000001", "refused"), (None, "added")])
def test_what_is_retired_never_comes_back(
    code: str | None, came: str, mode: Any, at: At, tmp_path: Path
) -> None:
    """Its code is refused; its name, without a code, is a new entry with another code or none."""
    cast = at("announced")
    gone = retire(cast).entry_id
    path = tmp_path / "again.jsonl"
    write_jsonl([content(resource_code=code)], path, load("zunyi_2020"))
    with cast.database.write() as session:
        result = import_workbook(session, path, actor="steward", now=NOW, mode=mode)
    assert result.outcomes == [came]
    with cast.database.read() as session:
        assert session.get_one(Entry, gone).state == "retired"
        assert session.get_one(CodeRecord, cast.code).retired_at is not None
        assert [
            v.number for v in session.execute(select(Version).where(col(Version.entry_id) == gone)).scalars()
        ] == [1]
    if came == "refused":
        assert [f.reason for f in result.check.findings_of(0) if f.rule == "E167"] == ["retired_code"]


# ---- import beside review ---------------------------------------------------------------------------------


def bring(cast: Cast, folder: Path, **changes: str) -> tuple[list[str], list[str]]:
    path = folder / "row.jsonl"
    write_jsonl([content(**changes)], path, load("zunyi_2020"))
    with cast.database.write() as session:
        came = import_workbook(session, path, actor="steward", now=NOW)
    return list(came.outcomes), [f.reason for f in came.check.findings_of(0) if f.rule == "E167"]


@pytest.mark.parametrize("stage", ["submitted", "cleared", "signed", "approved"])
def test_what_is_under_review_is_not_changed_by_a_file(stage: str, at: At, tmp_path: Path) -> None:
    cast = at(stage)
    assert bring(cast, tmp_path, contact_name="李雷") == (["refused"], ["under_review"])
    assert bring(cast, tmp_path) == (["unchanged"], [])
    assert cast.state()[2] == 1


def test_what_was_returned_becomes_a_new_draft(at: At, tmp_path: Path) -> None:
    cast = at("submitted")
    cast.act("return", "auditor", note="请改")
    assert bring(cast, tmp_path, contact_name="李雷") == (["updated"], [])
    assert cast.state() == ("draft", None, 2)


def test_what_is_in_force_gets_a_draft_beside_it(at: At, tmp_path: Path) -> None:
    cast = at("announced")
    assert bring(cast, tmp_path, contact_name="李雷") == (["updated"], [])
    assert cast.state() == ("announced", 1, 2)
    cast.walk(("submit", "steward"), ("endorse", "division_chief"))
    assert cast.state() == ("announced", 2, 2)


def test_who_saw_the_draft_before_a_file_came_is_stale(at: At, tmp_path: Path) -> None:
    """Else he would submit what he never saw."""
    cast = at("draft")
    with cast.database.read() as session:
        entry = find_entry(session, cast.code, sight=EVERYTHING).entry
        seen = Subject(entry.id, None, entry.lock)
    bring(cast, tmp_path, contact_name="李雷")
    with cast.database.write() as session, pytest.raises(Stale, match=r"steward 于 .* 登记"):
        perform(session, seen, "submit", actor=cast.actor("steward", session), now=cast.now)
