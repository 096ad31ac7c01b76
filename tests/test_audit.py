"""The record of acts: whoever edits, drops, adds or reorders a row breaks the chain."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlmodel import col

from registry.audit import GENESIS, Act, record, verify_all
from registry.db import Database
from registry.intake import import_workbook
from registry.models import AuditEvent
from tests.catalogue_files import at_once
from tests.conftest import NOW
from tests.examples import GOOD, good


def write(database: Database, count: int = 5, *, now: datetime = NOW) -> None:
    acts = [Act("register", f"e{n}", {"version": n, "digest": "ab" * 32}) for n in range(count)]
    with database.write() as session:
        record(session, acts, actor="王敏", now=now)


def faulty(database: Database) -> int | None:
    with database.read() as session:
        return verify_all(session)


def events(database: Database) -> list[AuditEvent]:
    with database.read() as session:
        return list(session.execute(select(AuditEvent).order_by(col(AuditEvent.seq))).scalars())


def test_a_record_of_acts_verifies(database: Database) -> None:
    write(database)
    write(database, 2)
    assert faulty(database) is None
    assert [event.seq for event in events(database)] == [1, 2, 3, 4, 5, 6, 7]
    assert events(database)[0].previous == GENESIS


def test_an_empty_record_verifies(sqlite_database: Database) -> None:
    assert faulty(sqlite_database) is None


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 21, 10, 0, tzinfo=timezone(timedelta(hours=8))),
        datetime(2026, 11, 21, 2, 0, 0, 123456, tzinfo=UTC),
    ],
    ids=["Chinese time", "microseconds"],
)
def test_the_moment_s_zone_does_not_matter(now: datetime, database: Database) -> None:
    write(database, now=now)
    assert faulty(database) is None


CHANGES: dict[str, Any] = {
    "actor": "别人",
    "act": "retire",
    "subject": "e9",
    "details": {"version": 9},
    "at": NOW + timedelta(seconds=1),
    "previous": "0" * 64,
    "digest": "f" * 64,
}


@pytest.mark.parametrize("seq", [1, 3, 5])
@pytest.mark.parametrize("field", CHANGES)
def test_editing_any_row_breaks_the_chain(field: str, seq: int, sqlite_database: Database) -> None:
    if (field, seq) == ("previous", 1):
        return  # the first row's is nothing but zeros
    write(sqlite_database)
    with sqlite_database.write() as session:
        session.execute(update(AuditEvent).where(col(AuditEvent.seq) == seq).values({field: CHANGES[field]}))
    assert faulty(sqlite_database) == seq


@pytest.mark.parametrize("seq", [1, 3])
def test_dropping_a_row_breaks_the_chain(seq: int, sqlite_database: Database) -> None:
    write(sqlite_database)
    with sqlite_database.write() as session:
        session.execute(delete(AuditEvent).where(col(AuditEvent.seq) == seq))
    assert faulty(sqlite_database) == seq + 1


def test_adding_a_row_breaks_the_chain(sqlite_database: Database) -> None:
    write(sqlite_database)
    with sqlite_database.write() as session:
        row = events(sqlite_database)[4].model_dump() | {"seq": 6}
        session.execute(insert(AuditEvent), [row])
    assert faulty(sqlite_database) == 6


def test_many_writers_at_once_make_one_chain(database: Database) -> None:
    at_once([lambda: write(database, 3)] * 6)
    assert faulty(database) is None
    assert len(events(database)) == 18


def test_an_act_that_fails_leaves_no_record(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        record(session, [Act("import", "b", {})], actor="王敏", now=NOW)
        raise RuntimeError
    assert events(database) == []


def test_an_import_is_recorded_with_digests_and_no_content(
    database: Database, entries_file: Callable[..., Path]
) -> None:
    path = entries_file([good(key) for key in GOOD])
    with database.write() as session:
        result = import_workbook(session, path, actor="王敏", now=NOW, profile="zunyi_2020")
    first, *rest = events(database)
    assert (first.act, first.subject, first.actor) == ("import", result.batch_id, "王敏")
    assert first.details["counts"]["added"] == len(GOOD)
    assert {event.act for event in rest} == {"register"} and len(rest) == len(GOOD)
    assert all(set(event.details) == {"version", "digest"} for event in rest)
    text = str([event.details for event in events(database)])
    assert not [name for content in GOOD.values() if (name := content["resource_name"]) in text]
    assert faulty(database) is None
