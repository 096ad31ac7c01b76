"""Two people at once: one is quicker, the other is told who and when; nothing is done twice or half."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.errors import Conflict, Gone, MuluError, Stale
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.lifecycle import Done, perform, perform_many
from registry.models import Agency, Entry, Opinion, System, Version
from registry.people import actor_of
from registry.permits import EVERYTHING
from registry.subjects import Subject, find_subject
from tests.cast import Cast, add_person, content, make_cast, register
from tests.conftest import NOW

Deed = Callable[[Session], Any]


def at_once(database: Database, *deeds: Deed) -> list[Any]:
    """What came of each deed, done in a thread and a transaction of its own, all of them started together."""
    start = Barrier(len(deeds))

    def run(deed: Deed) -> Any:
        start.wait(10)
        try:
            with database.write() as session:
                return deed(session)
        except MuluError as refused:
            return refused

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def move(cast: Cast, name: str, login: str, looked: Barrier | None = None, **more: Any) -> Deed:
    """A move as a page makes it: the entry is looked at first, in the same transaction."""

    def deed(session: Session) -> Done:
        subject = find_subject(session, cast.code, name, sight=EVERYTHING)
        # the session keeps what it has seen
        seen = session.execute(select(Version, Entry).join(Entry, col(Entry.id) == col(Version.entry_id)))
        kept = seen.all()
        if looked is not None and session.get_bind().dialect.name == "postgresql":
            looked.wait(10)  # on SQLite one writer looks after the other is done
        actor = actor_of(session, login, today=cast.now.date())
        done = perform(session, subject, name, actor=actor, now=cast.now, **more)
        assert kept
        return done

    return deed


def count(database: Database, name: str) -> int:
    with database.read() as session:
        return session.execute(select(func.count()).where(col(Opinion.move) == name)).scalar_one()


def second_auditor(cast: Cast) -> None:
    with cast.database.write() as session:
        agency = session.execute(select(Agency)).scalars().first()
        system = session.execute(select(System)).scalars().first()
        assert agency is not None and system is not None
        add_person(session, "auditor2", "auditor", agency, system)


def test_of_two_auditors_at_once_one_approves_and_the_other_hears_who(
    database: Database, tmp_path: Path
) -> None:
    cast = make_cast(database, tmp_path)
    cast.walk_to("approve")
    second_auditor(cast)
    looked = Barrier(2)
    came = at_once(database, *(move(cast, "approve", login, looked) for login in ("auditor", "auditor2")))
    winner = next(one for one in came if isinstance(one, Done))
    loser = next(one for one in came if isinstance(one, Conflict))
    with database.read() as session:
        by = session.get_one(Opinion, winner.opinion_id).login
    assert f"{by} 已于 2026-11-21" in loser.message
    assert "办理“目录审核通过”" in loser.message
    assert count(database, "approve") == 1


@pytest.mark.parametrize(("name", "login"), [("clear", "secrecy_reviewer"), ("endorse", "division_chief")])
def test_a_signature_is_given_once_however_often_it_is_clicked(
    name: str, login: str, database: Database, tmp_path: Path
) -> None:
    """These leave the version submitted, so the state alone does not show that they were made."""
    cast = make_cast(database, tmp_path)
    cast.walk_to(name)
    came = at_once(database, *[move(cast, name, login, Barrier(3))] * 3)
    assert sorted(type(one).__name__ for one in came) == ["Conflict", "Conflict", "Done"]
    assert all(f"{login} 已于" in one.message for one in came if isinstance(one, Conflict))
    assert count(database, name) == 1


def test_two_returns_at_once_leave_one(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    cast.walk_to("approve")
    looked = Barrier(2)
    deeds = [move(cast, "return", login, looked, note="摘要不清") for login in ("auditor", "head")]
    came = at_once(database, *deeds)
    assert sorted(type(one).__name__ for one in came) == ["Conflict", "Done"]
    assert cast.state() == ("returned", None, 1)


def test_of_two_who_saw_the_same_entry_the_second_is_stale(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    cast.walk_to("approve")
    second_auditor(cast)
    with database.read() as session:
        entry = session.execute(select(Entry)).scalars().one()
        seen = Subject(entry.id, None, entry.lock)

    def deed(login: str) -> Deed:
        return lambda session: perform(
            session,
            seen,
            "approve",
            actor=actor_of(session, login, today=cast.now.date()),
            now=cast.now,
        )

    came = at_once(database, deed("auditor"), deed("auditor2"))
    assert sorted(type(one).__name__ for one in came) == ["Done", "Stale"]
    assert any(isinstance(one, Stale) and one.details["lock"] == entry.lock + 1 for one in came)


def test_an_entry_is_retired_once(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    cast.walk_to("nothing")
    cast.record("retirement_decision", role="head")
    came = at_once(database, *[move(cast, "retire", "head", Barrier(2), note="系统停用")] * 2)
    assert sorted(type(one).__name__ for one in came) == ["Done", "Gone"]
    assert count(database, "retire") == 1
    assert any(isinstance(one, Gone) and "已注销" in one.message for one in came)


def test_a_submission_and_an_import_of_the_same_entry_never_mix(database: Database, tmp_path: Path) -> None:
    """Either the changed row came first and is what is submitted, or it comes too late and is refused."""
    cast = make_cast(database, tmp_path)

    def bring(session: Session) -> Mapping[str, int]:
        path = tmp_path / "changed.jsonl"
        row = content(resource_abstract="完全不同的另一段摘要，写明对象、范围和口径")
        write_jsonl([row], path, load("zunyi_2020"))
        return import_workbook(session, path, actor="steward", now=NOW).counts

    done, counts = at_once(database, move(cast, "submit", "steward"), bring)
    assert isinstance(done, Done)
    with database.read() as session:
        rows = session.execute(select(Version).order_by(col(Version.number))).scalars().all()
        states = [version.state for version in rows]
    assert (counts["updated"], states) in [(1, ["superseded", "submitted"]), (0, ["submitted"])]
    assert done.number == len(states)


def test_batches_in_opposite_order_do_not_block_each_other(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    register(database, tmp_path, content("OK02"), content("OK05"), content("OK12"))
    with database.read() as session:
        ids = list(session.execute(select(col(Entry.id)).order_by(col(Entry.id))).scalars())

    def deed(order: Sequence[str]) -> Deed:
        def run(session: Session) -> int:
            actor = actor_of(session, "bureau", today=cast.now.date())
            try:
                perform_many(session, [Subject(i) for i in order], "announce", actor=actor, now=cast.now)
            except Conflict:
                return len(order)
            return 0

        return run

    came = at_once(database, deed(ids), deed(ids[::-1]), deed(ids[1:] + ids[:1]))
    assert came == [len(ids)] * 3
