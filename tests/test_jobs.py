"""Jobs: ordered in a transaction, run once, taken up again when their worker died."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import pytest
from sqlalchemy import inspect, select, text
from sqlmodel import col

from registry import delivery, jobs
from registry.db import Database
from registry.errors import Conflict, NotFound, Rejected, Unavailable
from registry.jobs import Task
from registry.models import Agency, Job
from registry.workers import Worker
from tests.conftest import NOW

LEASE = timedelta(seconds=30)
LATER = NOW + timedelta(hours=1)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def ordered(database: Database, kind: str = "note", **payload: Any) -> str:
    with database.write() as session:
        return jobs.enqueue(session, kind, payload, actor="steward", now=NOW).id


def job_of(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return jobs.find_job(session, job_id)


def worker(database: Database, work: Callable[[Task], Any], **given: Any) -> Worker:
    return Worker(database, {"note": work}, **({"clock": Clock(), "lease": LEASE, "attempts": 3} | given))


def note(task: Task) -> None:
    """A deed: it writes an agency, in the transaction that ends the job."""
    with task.database.write() as session:
        name = str(task.payload.get("name", "甲"))
        row = {"id": f"a{task.attempt}", "code": f"c{task.attempt}", "name": name, "kind": "", "region": ""}
        session.add(Agency(**row, number=task.attempt, created_at=NOW))
        task.finish(session, {"attempt": task.attempt})


def noted(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.execute(select(col(Agency.id))).scalars())


@contextmanager
def working(made: Worker) -> Iterator[Worker]:
    made.start()
    try:
        yield made
    finally:
        made.stop()


def wait_for(database: Database, job_id: str, met: Callable[[Job], bool] | None = None) -> Job:
    """Wait until a job has ended, or is as wanted."""
    pause = threading.Event()
    for _ in range(1200):
        job = job_of(database, job_id)
        if met(job) if met else job.state in jobs.ENDED:
            return job
        pause.wait(0.05)
    raise AssertionError(f"{job.state} {job.problem}")


# ---- ordering ---------------------------------------------------------------------------------------------


def test_a_job_waits_with_its_payload(database: Database) -> None:
    job = job_of(database, ordered(database, name="王敏"))
    assert (job.state, job.payload, job.created_by, job.attempts) == (
        "queued",
        {"name": "王敏"},
        "steward",
        0,
    )
    assert (job.created_at, job.due_at, job.finished_at) == (NOW, NOW, None)


def test_what_is_rolled_back_is_not_ordered(database: Database) -> None:
    with pytest.raises(Rejected), database.write() as session:
        job_id = jobs.enqueue(session, "note", {}, actor="steward", now=NOW).id
        raise Rejected("x")
    with database.read() as session, pytest.raises(NotFound):
        jobs.find_job(session, job_id)


def test_another_s_job_is_not_found(database: Database) -> None:
    job_id = ordered(database)
    with database.read() as session:
        assert jobs.find_job(session, job_id, owner="steward").id == job_id
        with pytest.raises(NotFound):
            jobs.find_job(session, job_id, owner="head")
        with pytest.raises(NotFound):
            jobs.find_job(session, "j\0")


def test_what_recurs_is_ordered_once_a_period(database: Database) -> None:
    day = timedelta(days=1)
    with database.write() as session:
        asked = [jobs.recurring(session, "sweep", every=day, now=at) for at in (NOW, LATER, NOW + day)]
        assert asked == [True, False, True]
        assert len(session.execute(select(Job)).all()) == 2


def test_a_waiting_job_is_cancelled_and_never_runs(database: Database) -> None:
    job_id = ordered(database)
    with database.write() as session:
        jobs.cancel(session, jobs.find_job(session, job_id), now=NOW)
    assert worker(database, note).perform(job_id, taken_over=True) == "skipped"
    assert (job_of(database, job_id).state, noted(database)) == ("cancelled", [])


def test_a_job_under_way_or_ended_is_not_cancelled(database: Database) -> None:
    job_id = ordered(database)
    worker(database, note).perform(job_id)
    with pytest.raises(Conflict), database.write() as session:
        jobs.cancel(session, jobs.find_job(session, job_id), now=NOW)
    assert job_of(database, job_id).state == "done"


# ---- one job ----------------------------------------------------------------------------------------------


def test_a_job_is_done_once(database: Database) -> None:
    job_id = ordered(database)
    made = worker(database, note)
    assert [made.perform(job_id), made.perform(job_id, taken_over=True)] == ["ended", "skipped"]
    job = job_of(database, job_id)
    assert (job.state, job.result, job.problem, job.leased_until) == ("done", {"attempt": 1}, None, None)
    assert noted(database) == ["a1"]


def test_a_result_that_is_given_back_is_kept(database: Database) -> None:
    job_id = ordered(database)
    worker(database, lambda _task: {"swept": 3}).perform(job_id)
    assert job_of(database, job_id).result == {"swept": 3}


def test_progress_is_seen_while_it_runs(database: Database) -> None:
    seen: list[tuple[str, int, int]] = []

    def count(task: Task) -> Mapping[str, Any]:
        task.progress(500, 2000)
        job = job_of(database, task.job_id)
        seen.append((job.state, job.done, job.total))
        return {}

    job_id = ordered(database)
    worker(database, count).perform(job_id)
    job = job_of(database, job_id)
    assert (seen, job.done, job.total) == ([("running", 500, 2000)], 2000, 2000)


def test_a_refusal_fails_the_job_at_once_and_is_told(database: Database) -> None:
    def refuse(_task: Task) -> None:
        raise Rejected("缺少提供方")

    job_id = ordered(database)
    assert worker(database, refuse).perform(job_id) == "ended"
    job = job_of(database, job_id)
    assert (job.state, job.attempts) == ("failed", 1)
    assert job.problem == {"title": "Rejected", "status": 422, "detail": "缺少提供方"}


@pytest.mark.parametrize(
    ("error", "title"), [(Unavailable("磁盘已满"), "Unavailable"), (KeyError("x"), "InternalError")]
)
def test_what_may_pass_is_tried_three_times(database: Database, error: Exception, title: str) -> None:
    clock = Clock()

    def fail(_task: Task) -> None:
        raise error

    job_id = ordered(database)
    made = worker(database, fail, clock=clock)
    said = []
    for _ in range(3):
        said.append(made.perform(job_id))
        clock.at += timedelta(minutes=1)
    job = job_of(database, job_id)
    assert (said, job.state, job.attempts) == (["again", "again", "ended"], "failed", 3)
    assert job.problem is not None and job.problem["title"] == title


def test_a_dead_worker_s_job_is_free_when_its_lease_has_ended(database: Database) -> None:
    clock, job_id = Clock(), ordered(database)
    made = worker(database, note, clock=clock)
    made._claim(job_id, False)  # and then it died
    assert made.perform(job_id) == "skipped"
    clock.at += made.lease + timedelta(seconds=1)
    assert (made.perform(job_id), noted(database)) == ("ended", ["a2"])


def test_a_worker_that_was_overtaken_changes_nothing(database: Database) -> None:
    clock, job_id = Clock(), ordered(database)
    other = worker(database, note, clock=clock)

    def slow(task: Task) -> None:
        clock.at += task.lease * 2
        assert other.perform(job_id) == "ended"
        note(task)

    assert worker(database, slow, clock=clock).perform(job_id) == "skipped"
    assert (noted(database), job_of(database, job_id).result) == (["a2"], {"attempt": 2})


def test_a_job_that_kills_its_workers_is_given_up(database: Database) -> None:
    clock, job_id = Clock(), ordered(database)
    made = worker(database, note, clock=clock)
    for _ in range(made.attempts):
        made._claim(job_id, False)
        clock.at += made.lease + timedelta(seconds=1)
    assert made.perform(job_id) == "skipped"
    job = job_of(database, job_id)
    assert (job.state, noted(database)) == ("failed", [])
    assert job.problem is not None and "中断了 3 次" in job.problem["detail"]


def test_a_stopped_worker_leaves_its_job_for_the_next(database: Database) -> None:
    job_id = ordered(database)

    def long(task: Task) -> None:
        task.stopping.set()
        task.progress(1, 2)

    assert worker(database, long).perform(job_id) == "again"
    assert (job_of(database, job_id).state, job_of(database, job_id).attempts) == ("queued", 0)
    assert worker(database, note).perform(job_id) == "ended"


def test_old_jobs_are_forgotten(database: Database) -> None:
    done, waiting = ordered(database), ordered(database)
    worker(database, note).perform(done)
    with database.write() as session:
        assert jobs.sweep(session, now=NOW + timedelta(days=2), keep=timedelta(days=3)) == 0
        assert jobs.sweep(session, now=NOW + timedelta(days=4), keep=timedelta(days=3)) == 1
        assert jobs.find_job(session, waiting).state == "queued"


# ---- the worker -------------------------------------------------------------------------------------------


def quick(database: Database, work: Callable[[Task], Any], **given: Any) -> Worker:
    """A worker by the real clock, with a short lease."""
    return Worker(database, {"note": work}, lease=timedelta(seconds=2), attempts=3, **given)


def test_the_worker_takes_what_is_ordered(database: Database) -> None:
    before = ordered(database)
    with working(quick(database, lambda task: {"attempt": task.attempt})):
        after = ordered(database)
        assert wait_for(database, before).result == {"attempt": 1}
        assert wait_for(database, after).result == {"attempt": 1}


def test_the_worker_orders_what_recurs(database: Database) -> None:
    with working(
        quick(database, lambda _task: {}, recurring={"note": timedelta(days=3650)}, quiet=timedelta())
    ):
        pause = threading.Event()
        for _ in range(300):
            with database.read() as session:
                states = [job.state for job in session.execute(select(Job)).scalars()]
            if states == ["done"]:
                break
            pause.wait(0.1)
    assert states == ["done"]


def test_a_job_left_by_a_dead_worker_is_taken_up(database: Database) -> None:
    first, gate = threading.Event(), threading.Event()

    def once(task: Task) -> Mapping[str, Any]:
        if task.attempt == 1:
            first.set()
            raise Unavailable("磁盘已满")
        gate.set()
        return {"attempt": task.attempt}

    job_id = ordered(database)
    with working(quick(database, once)):
        assert wait_for(database, job_id).result == {"attempt": 2}
    assert first.is_set() and gate.is_set()


def test_a_worker_without_tables_waits_for_them(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    with working(quick(database, note)):
        threading.Event().wait(1)
    assert "mulu init" in caplog.text
    database.close()


# ---- procrastinate ----------------------------------------------------------------------------------------


def test_what_was_never_delivered_is_handed_over_again(postgres_database: Database) -> None:
    """As after a backup of our own schema alone was restored."""
    job_id = ordered(postgres_database)
    with postgres_database.write() as session:
        session.execute(text("TRUNCATE jobs.procrastinate_jobs CASCADE"))
        before = NOW + timedelta(seconds=1)
        found = [delivery.hand_over_lost(session.connection(), before=at) for at in (NOW, before, before)]
    assert found == [0, 1, 0]
    with working(quick(postgres_database, lambda _task: {})):
        assert wait_for(postgres_database, job_id).state == "done"


def test_the_worker_outlives_its_connections(postgres_database: Database) -> None:
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with working(quick(postgres_database, lambda _task: {})):
        assert wait_for(postgres_database, ordered(postgres_database)).state == "done"
        with postgres_database.engine.begin() as connection:
            connection.execute(others)
        assert wait_for(postgres_database, ordered(postgres_database)).state == "done"


def test_a_job_is_not_lost_when_it_is_delivered_before_its_pause_is_over(
    postgres_database: Database,
) -> None:
    def fail_once(task: Task) -> Mapping[str, Any]:
        if task.attempt == 1:
            raise Unavailable("磁盘已满")
        return {"attempt": task.attempt}

    job_id = ordered(postgres_database)
    with working(Worker(postgres_database, {"note": fail_once}, lease=timedelta(minutes=5), attempts=3)):
        assert wait_for(postgres_database, job_id).result == {"attempt": 2}


def test_nothing_is_left_of_a_job_that_was_delivered(postgres_database: Database) -> None:
    job_id = ordered(postgres_database, name="王敏")
    with working(quick(postgres_database, lambda _task: {})):
        wait_for(postgres_database, job_id)
    with postgres_database.read() as session:
        assert session.execute(text("SELECT count(*) FROM jobs.procrastinate_jobs")).scalar_one() == 0
        assert session.execute(text("SELECT count(*) FROM jobs.procrastinate_workers")).scalar_one() == 0


def test_the_tables_of_delivery_are_made_once_and_in_a_schema_of_their_own(
    postgres_database: Database,
) -> None:
    with postgres_database.engine.begin() as connection:
        delivery.prepare(connection)
        connection.execute(text("COMMENT ON SCHEMA jobs IS 'procrastinate 3.9.9'"))
        delivery.prepare(connection)
        noted = connection.execute(text("SELECT obj_description('jobs'::regnamespace)")).scalar_one()
        path = connection.execute(text("SHOW search_path")).scalar_one()
    assert (noted, path) == (f"procrastinate {version('procrastinate')}", '"$user", public')
    assert not [name for name in inspect(postgres_database.engine).get_table_names() if "procrast" in name]


def test_only_newer_steps_are_taken_when_the_library_is_upgraded() -> None:
    assert len(list(delivery._steps(""))) == 1
    assert len(list(delivery._steps("3.3.0"))) == 2
    assert list(delivery._steps(version("procrastinate"))) == []


def test_without_the_tables_of_delivery_nothing_is_ordered(postgres_database: Database) -> None:
    with postgres_database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA jobs CASCADE"))
    with pytest.raises(Unavailable, match="mulu init"):
        ordered(postgres_database)
