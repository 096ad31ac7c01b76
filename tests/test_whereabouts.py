"""Where entries stand outside: what is known is told, and what may still be there keeps an entry from ending."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from registry.db import Database
from registry.lifecycle import MoveRefused
from registry.lookup import find_entry
from registry.models import SyncTarget
from registry.permits import EVERYTHING
from registry.shown import portals_json
from registry.whereabouts import standing_at, still_there
from tests.cast import Cast, make_cast
from tests.conftest import NOW
from tests.offering import at_a_portal
from tests.test_cli import mulu

At = Callable[[str], Cast]


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    return make_cast(database, tmp_path)


def there(cast: Cast, key: str) -> tuple[str, ...]:
    with cast.database.read() as session:
        return still_there(session, [key]).get(key, ())


# ---- what is known ----------------------------------------------------------------------------------------


def test_what_is_known_is_told_by_target(cast: Cast) -> None:
    gone = {"gone_at": NOW, "changed_at": NOW - timedelta(days=1), "number": 1}
    key = at_a_portal(cast, "gone", target="乙门户", **gone)
    at_a_portal(cast, "absent", target="甲门户", trouble="refused", said="Access denied")
    with cast.database.read() as session:
        found = {one.target: one for one in standing_at(session, [key, "e-none"])[key]}
    gone_one, never = found["乙门户"], found["甲门户"]
    assert (gone_one.state_zh, gone_one.there, gone_one.gone) == ("已撤下并回读确认", False, True)
    assert (gone_one.gone_at, gone_one.changed_at, gone_one.number) == (NOW, NOW - timedelta(days=1), 1)
    assert (never.there, never.gone, never.trouble_zh, never.said) == (
        False,
        False,
        "目标拒绝",
        "Access denied",
    )


def test_a_target_that_was_removed_tells_nothing(cast: Cast) -> None:
    key = at_a_portal(cast, "gone")
    with cast.database.write() as session:
        session.execute(update(SyncTarget).values(removed_at=NOW))
    with cast.database.read() as session:
        assert standing_at(session, [key]) == {}


def test_nothing_known_is_nothing_told(cast: Cast) -> None:
    with cast.database.read() as session:
        assert (standing_at(session, []), still_there(session, ["e-none"])) == ({}, {})


# ---- what may still be there ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("present", ("开放门户：已在门户并核对",)),
        ("uncertain", ("开放门户：推送中断待核对",)),
        ("sent", ("开放门户：已发出待回执",)),
        ("strange", ("开放门户：strange",)),
        ("absent", ()),
        ("gone", ()),
        ("kept", ()),
    ],
)
def test_what_may_be_there_is_named(state: str, said: tuple[str, ...], cast: Cast) -> None:
    assert there(cast, at_a_portal(cast, state)) == said


@pytest.mark.parametrize("state", ["absent", "gone"])
def test_what_a_worker_has_in_hand_may_be_there(state: str, cast: Cast) -> None:
    key = at_a_portal(cast, state, held_by="w1", held_until=NOW - timedelta(hours=1))
    assert there(cast, key) == ("开放门户：正在同步",)


def test_every_target_is_named(cast: Cast) -> None:
    key = at_a_portal(cast, "present", target="甲门户")
    at_a_portal(cast, "sent", target="乙平台")
    assert sorted(there(cast, key)) == ["乙平台：已发出待回执", "甲门户：已在门户并核对"]


def test_a_target_removed_without_a_word_still_counts(cast: Cast) -> None:
    key = at_a_portal(cast, "present")
    with cast.database.write() as session:
        session.execute(update(SyncTarget).values(removed_at=NOW))
    assert there(cast, key) == ("开放门户：已在门户并核对",)


# ---- the gate ---------------------------------------------------------------------------------------------


def test_an_entry_that_is_at_a_portal_does_not_end(at: At) -> None:
    cast = at("shelved")
    at_a_portal(cast, "present")
    cast.record("consultation")
    cast.act("off_shelf", "head", note="停用")
    for kind, role in (("retirement_decision", "head"), ("notice_to_users", "steward")):
        cast.record(kind, role=role)
    with pytest.raises(MoveRefused) as refused:
        cast.act("retire", "head", note="停用")
    (unmet,) = refused.value.unmet
    assert (unmet.guard, unmet.details) == ("gone_everywhere", ("开放门户：已在门户并核对",))
    at_a_portal(cast, "kept")
    assert cast.act("retire", "head", note="停用").entry_state == "retired"


def test_a_batch_asks_once(at: At) -> None:
    cast = at("shelved")
    asked: list[str] = []

    def note(*args: Any) -> None:
        asked.append(str(args[2]))

    event.listen(cast.database.engine, "before_cursor_execute", note)
    cast.act("suspend", "bureau", note="核查")
    assert sum("FROM sync_entry" in statement for statement in asked) == 1


# ---- shown ------------------------------------------------------------------------------------------------


def test_who_sees_an_entry_whole_sees_where_it_stands(cast: Cast) -> None:
    at_a_portal(cast, "present", changed_at=NOW)
    with cast.database.read() as session:
        row = find_entry(session, cast.code, sight=EVERYTHING)
        (shown,) = portals_json(session, row)
        assert portals_json(session, row._replace(full=False)) == []
    assert (shown["target"], shown["state"], shown["changed_at"]) == ("开放门户", "present", NOW.isoformat())


def test_the_console_tells_it_as_json(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = at("shelved")
    at_a_portal(cast, "present")
    monkeypatch.setenv("MULU_DATABASE_URL", str(cast.database.engine.url))
    done = mulu("show", cast.code, "--json")
    assert [one["state_zh"] for one in json.loads(done.stdout)["portals"]] == ["已在门户并核对"]
