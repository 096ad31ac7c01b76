"""The ledger of the sync job without a portal: what is asked, claimed, settled, planned; SQLite and PostgreSQL."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from bench.shelf import shelve_many
from registry import outbox
from registry.db import Database
from registry.models import Distribution, Entry, OutboxRow, SyncEntry, SyncRun
from registry.outbox import mark
from registry.settings import Settings
from sync import ledger, rounds, targets
from sync.ledger import Claimed, Outcome
from sync.plan import Plan, plan_of
from sync.reports import IN_STEP, Report, save_report
from sync.targets import NewTarget

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
WHO = {"by": "admin", "operator": "t", "now": NOW}
SETTINGS = Settings("sqlite://", loopback_targets=True)


def _add(
    database: Database, name: str = "portal", scope: str = "open", url: str = "http://127.0.0.1:1/"
) -> str:
    with database.write() as session:
        return targets.add(session, NewTarget(name, "ckan", scope, url), settings=SETTINGS, **WHO).id  # type: ignore[arg-type]


@pytest.fixture
def target(database: Database) -> str:
    return _add(database)


def _take(database: Database) -> int:
    with database.write() as session:
        return ledger.take_outbox(session, now=NOW)


def _claim(
    database: Database, target: str, worker: str = "one", *, limit: int = 10, later: float = 0
) -> list[Claimed]:
    with database.write() as session:
        now = NOW + timedelta(seconds=later)
        return ledger.claim(session, target, worker, now=now, limit=limit, lease=60)


def _settle(database: Database, target: str, worker: str, *outcomes: Outcome) -> list[Outcome]:
    with database.write() as session:
        return ledger.settle(session, target, worker, outcomes, now=NOW)


def _row(database: Database, target: str, entry: str) -> SyncEntry:
    with database.read() as session:
        found = session.get_one(SyncEntry, (target, entry))
        session.expunge(found)
        return found


def _there(claimed: Claimed) -> Outcome:
    values = {"state": "present", "digest": "d", "portal_id": "p", "until": date(2026, 12, 1)}
    return Outcome(claimed, "create", values)


def _plan(database: Database, name: str = "portal", *, now: datetime = NOW) -> Plan:
    with database.read() as session:
        found = targets.find(session, name)
        return plan_of(session, found, targets.shape_of(session, found, SETTINGS), now=now)


# ---- asked ------------------------------------------------------------------------------------------------


def test_the_outbox_is_asked_of_every_target_and_emptied(database: Database, target: str) -> None:
    other = _add(database, "share-portal", "share", "http://127.0.0.1:2/")
    entries = shelve_many(database, 3, now=NOW)
    assert _take(database) == 3
    for one in (target, other):
        assert [_row(database, one, entry).asked for entry in entries] == [1, 1, 1]
    with database.read() as session:
        assert session.execute(select(func.count()).select_from(OutboxRow)).scalar_one() == 0


def test_an_entry_that_was_never_on_a_shelf_is_in_no_ledger(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    with database.write() as session:
        session.execute(update(Distribution).values(state="pending", shelved_at=None))
    _take(database)
    with database.read() as session:
        assert session.get(SyncEntry, (target, entry)) is None


def test_an_open_portal_hears_nothing_of_what_is_not_opened(database: Database, target: str) -> None:
    share = _add(database, "share-portal", "share", "http://127.0.0.1:2/")
    (entry,) = shelve_many(database, 1, now=NOW)
    with database.write() as session:
        session.execute(update(Distribution).values(opened=False))
    _take(database)
    with database.read() as session:
        assert session.get(SyncEntry, (target, entry)) is None
        assert session.get(SyncEntry, (share, entry)) is not None


def test_a_change_during_a_run_is_due_again_afterwards(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    (claimed,) = _claim(database, target)
    with database.write() as session:
        mark(session, [entry], "shelve", now=NOW)
    _take(database)
    _settle(database, target, "one", _there(claimed))
    row = _row(database, target, entry)
    assert (row.asked, row.met, row.state) == (2, 1, "present")


def test_asking_anew_takes_a_refusal_away(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    (claimed,) = _claim(database, target)
    _settle(database, target, "one", Outcome(claimed, "fail", {}, "refused", "name: taken"))
    assert _claim(database, target, later=99_999) == []
    with database.write() as session:
        ledger.ask(session, target, [entry], now=NOW)
    (again,) = _claim(database, target, later=99_999)
    assert (again.asked, _row(database, target, entry).trouble) == (2, "")


def test_what_no_longer_holds_by_itself_is_asked_for(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    _settle(database, target, "one", _there(_claim(database, target)[0]))
    with database.write() as session:
        assert ledger.wake(session, target, today=date(2026, 12, 1)) == 0
        assert ledger.wake(session, target, today=date(2026, 12, 2)) == 1
    assert _row(database, target, entry).asked == 2


# ---- claimed and settled ----------------------------------------------------------------------------------


def test_nobody_gets_what_another_holds_until_its_lease_is_over(database: Database, target: str) -> None:
    shelve_many(database, 4, now=NOW)
    _take(database)
    mine, yours = _claim(database, target, "one", limit=3), _claim(database, target, "two")
    assert (len(mine), len(yours)) == (3, 1)
    taken_over = _claim(database, target, "three", later=61)
    assert len(taken_over) == 4
    assert all(one.known.look for one in taken_over)


def test_who_lost_his_lease_writes_nothing(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    (late,) = _claim(database, target, "one")
    _claim(database, target, "two", later=61)
    assert _settle(database, target, "one", _there(late)) == []
    assert _row(database, target, entry).state == "absent"


def test_a_create_that_is_begun_may_be_there_until_it_is_known(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    (claimed,) = _claim(database, target)
    with database.write() as session:
        ledger.begin(session, target, "one", [entry], [entry])
    assert _row(database, target, entry).state == "uncertain"
    with database.write() as session:
        ledger.let_go(session, target, "one", [claimed])
    row = _row(database, target, entry)
    assert (row.state, row.held_by) == ("absent", "")


def test_what_was_begun_and_not_heard_of_is_looked_at_whatever_is_asked_meanwhile(
    database: Database, target: str
) -> None:
    """An answer was lost; the entry then goes back to what it was: nobody knows what stands there."""
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    _settle(database, target, "one", _there(_claim(database, target)[0]))
    with database.write() as session:
        ledger.ask(session, target, [entry], now=NOW)
    (claimed,) = _claim(database, target)
    with database.write() as session:
        ledger.begin(session, target, "one", [entry], [])
    _settle(database, target, "one", Outcome(claimed, "fail", {}, "unreachable", "lost", 30.0))
    with database.write() as session:
        ledger.ask(session, target, [entry], now=NOW)
    (again,) = _claim(database, target, later=99)
    assert (again.known.look, again.digest) == (True, "")


def test_a_drift_is_forgotten_only_when_it_was_mended(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    with database.write() as session:
        session.execute(update(SyncEntry).values(drift="edited"))
    _settle(database, target, "one", Outcome(_claim(database, target)[0], "fail", {}, "refused", "no"))
    assert _row(database, target, entry).drift == "edited"
    with database.write() as session:
        ledger.ask(session, target, [entry], now=NOW)
    _settle(database, target, "one", _there(_claim(database, target)[0]))
    assert _row(database, target, entry).drift == ""


def test_a_judgement_is_stale_once_the_entry_changed(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    (claimed,) = _claim(database, target)
    with database.read() as session:
        assert ledger.is_still_so(session, target, "one", claimed)
    with database.write() as session:
        mark(session, [entry], "off_shelf", now=NOW)
    with database.read() as session:
        assert not ledger.is_still_so(session, target, "one", claimed)
    _take(database)
    with database.read() as session:
        assert not ledger.is_still_so(session, target, "one", claimed)


def test_a_target_that_is_given_up_is_planned_empty(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    _settle(database, target, "one", _there(_claim(database, target)[0]))
    office = rounds.Office(database, SETTINGS, "mulu-sync", clock=lambda: NOW)
    rounds.close(office, "portal", closing=True)
    assert [(one.entry_id, one.act) for one in _plan(database).entries] == [(entry, "withdraw")]
    rounds.close(office, "portal", closing=False)
    assert [one.act for one in _plan(database).entries] == ["patch"]


def test_jobs_at_once_never_wait_for_each_other_in_a_ring(postgres_database: Database) -> None:
    """Marks, claims, outcomes and whole targets made due, all at a time: PostgreSQL refuses a deadlock loudly."""
    target = _add(postgres_database)
    entries = shelve_many(postgres_database, 60, now=NOW)
    _take(postgres_database)
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for _round in range(12):
                with postgres_database.write() as session:
                    mark(session, entries[::3], name, now=NOW)
                _take(postgres_database)
                claimed = _claim(postgres_database, target, name, limit=15)
                keys = [one.entry_id for one in reversed(claimed)]
                with postgres_database.write() as session:
                    ledger.hold(session, target, keys)
                    ledger.begin(session, target, name, keys, keys[::2])
                _settle(postgres_database, target, name, *map(_there, reversed(claimed)))
                with postgres_database.write() as session:
                    ledger.ask_all(session, target)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_failure_is_tried_again_later_and_not_before(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    (claimed,) = _claim(database, target)
    _settle(database, target, "one", Outcome(claimed, "fail", {}, "unreachable", "503", 30.0))
    assert _claim(database, target, later=29) == []
    (again,) = _claim(database, target, later=31)
    assert (again.attempts, again.known.look) == (1, True)
    assert _row(database, target, entry).met == 0


# ---- planned ----------------------------------------------------------------------------------------------


def test_a_plan_writes_nothing_and_knows_the_outbox(database: Database, target: str) -> None:
    shelve_many(database, 3, now=NOW)
    plan = _plan(database)
    assert (plan.create, plan.patch, plan.withdraw, plan.skip) == (3, 0, 0, 0)
    with database.read() as session:
        assert session.execute(select(func.count()).select_from(SyncEntry)).scalar_one() == 0


def test_a_plan_shows_what_was_refused_as_held_and_not_as_done(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    (claimed,) = _claim(database, target)
    with database.write() as session:
        ledger.begin(session, target, "one", [entry], [entry])
    _settle(database, target, "one", Outcome(claimed, "fail", {}, "refused", "name: taken"))
    plan = _plan(database)
    assert (plan.touched, plan.skip) == (0, 0)
    assert [(one.entry_id, one.reasons) for one in plan.held] == [(entry, ("name: taken",))]


def test_a_plan_for_the_province_goes_by_whole_entries(database: Database, tmp_path: object) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    with database.write() as session:
        new = NewTarget("province", "province", "share", str(tmp_path))
        target = targets.add(session, new, settings=SETTINGS, **WHO).id  # type: ignore[arg-type]
    rounds_office = rounds.Office(
        database, replace(SETTINGS, files_folder=None), "mulu-sync", clock=lambda: NOW
    )
    assert rounds.run(rounds_office, "province").counts["added"] == 1
    with database.write() as session:
        ledger.ask(session, target, [entry], now=NOW)
    plan = _plan(database, "province")
    assert (plan.patch, plan.skip) == (0, 1)


# ---- told -------------------------------------------------------------------------------------------------


def test_a_run_that_had_nothing_to_do_leaves_no_report(database: Database, target: str) -> None:
    with database.write() as session:
        save_report(session, target, Report("portal", "run", NOW), by="mulu-sync", now=NOW)
        save_report(session, target, Report("portal", "verify", NOW, IN_STEP), by="mulu-sync", now=NOW)
    with database.read() as session:
        assert [row.verb for row in session.execute(select(SyncRun)).scalars()] == ["verify"]


def test_a_run_that_ends_as_the_one_before_it_leaves_no_second_report(
    database: Database, target: str
) -> None:
    with database.write() as session:
        for _round in range(3):
            report = Report("portal", "run", NOW, "failed", "令牌")
            save_report(session, target, report, by="mulu-sync", now=NOW)
            session.flush()
        save_report(session, target, Report("portal", "run", NOW), by="mulu-sync", now=NOW)
    with database.read() as session:
        rows = session.execute(select(SyncRun).order_by(col(SyncRun.id))).scalars()
        assert [row.outcome for row in rows] == ["failed", "in_step"]


def test_an_outbox_that_nobody_takes_is_swept(database: Database) -> None:
    shelve_many(database, 2, now=NOW)
    with database.write() as session:
        assert outbox.sweep(session, now=NOW, keep=timedelta(days=1)) == 0
        assert outbox.sweep(session, now=NOW + timedelta(days=2), keep=timedelta(days=1)) == 2
    shelve_many(database, 1, now=NOW, first=9)
    _add(database)
    with database.write() as session:
        assert outbox.sweep(session, now=NOW + timedelta(days=2), keep=timedelta(days=1)) == 0


def test_a_retired_entry_can_be_tried_again_by_its_code(database: Database, target: str) -> None:
    (entry,) = shelve_many(database, 1, now=NOW)
    _take(database)
    _settle(database, target, "one", Outcome(_claim(database, target)[0], "fail", {}, "refused", "no"))
    with database.write() as session:
        session.execute(update(Entry).where(col(Entry.id) == entry).values(state="retired"))
        code = session.get_one(Entry, entry).code
        assert rounds.retry(session, "portal", [str(code)], by="a", operator="", now=NOW) == 1
    assert _row(database, target, entry).asked == 2
