"""Jobs: work done beside the requests. The port has four methods: enqueue, enqueue_at, recurring, ``Worker.work``.

A row of ``job`` is what people see: state, progress, result or problem. On PostgreSQL procrastinate delivers jobs
(``registry.delivery``); on SQLite the worker (``registry.workers``) looks for itself. Either way a job whose worker
died runs again, at most so many times, and what it does counts once: it ends with ``Task.finish`` in the transaction
of its deed, which only the latest attempt may do.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.db import Database
from registry.errors import Conflict, NotFound
from registry.keys import new_key
from registry.models import Job

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
ENDED = (DONE, FAILED, CANCELLED)
SYSTEM = "system"  # who orders what recurs
_PROGRESS_EVERY = timedelta(seconds=0.5)
Clock = Callable[[], datetime]


# ---- ordering ---------------------------------------------------------------------------------------------


def enqueue(session: Session, kind: str, payload: Mapping[str, Any], *, actor: str, now: datetime) -> Job:
    """Order a job, in the caller's transaction: it runs when that has committed, else never."""
    return enqueue_at(session, kind, payload, at=now, actor=actor, now=now)


def enqueue_at(
    session: Session, kind: str, payload: Mapping[str, Any], *, at: datetime, actor: str, now: datetime
) -> Job:
    """Order a job that runs at a moment or soon after."""
    job_id = new_key("j")
    _insert(session, job_id, kind, payload, at=at, actor=actor, now=now)
    return session.get_one(Job, job_id)


def recurring(session: Session, kind: str, *, every: timedelta, now: datetime) -> bool:
    """Order the job of this period, unless it has been ordered already: however many workers ask, it runs once."""
    job_id = f"{kind}-{int(now.timestamp() // every.total_seconds())}"
    return _insert(session, job_id, kind, {}, at=now, actor=SYSTEM, now=now)


def _insert(
    session: Session,
    job_id: str,
    kind: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
    actor: str,
    now: datetime,
) -> bool:
    row: dict[str, Any] = {
        "id": job_id,
        "kind": kind,
        "state": QUEUED,
        "payload": dict(payload),
        "created_by": actor,
    }
    row |= {"created_at": now, "due_at": at, "done": 0, "total": 0, "attempts": 0}
    on_server = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if on_server else sqlite.insert
    added = insert(Job).values(row).on_conflict_do_nothing(index_elements=["id"]).returning(col(Job.id))
    if session.execute(added).first() is None:
        return False
    if on_server:
        _hand_over(session, job_id, at)
    return True


def _hand_over(session: Session, job_id: str, at: datetime) -> None:
    # procrastinate is needed on a server alone
    from registry.delivery import hand_over

    hand_over(session.connection(), job_id, at)


def find_job(session: Session, job_id: str, *, owner: str | None = None) -> Job:
    """A job; with ``owner`` only one that he ordered.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    job = session.get(Job, job_id) if job_id.isascii() and job_id.isprintable() else None
    if job is None or (owner is not None and job.created_by != owner):
        raise NotFound("没有这个任务，或者不是您提交的")
    return job


def cancel(session: Session, job: Job, *, now: datetime) -> None:
    """Cancel a job that has not begun.

    Raises:
        Conflict: it has begun, or ended.
    """
    dropped = (
        update(Job)
        .where(col(Job.id) == job.id, col(Job.state) == QUEUED)
        .values(state=CANCELLED, finished_at=now)
        .execution_options(synchronize_session=False)
    )
    changed = changed_rows(session, dropped)
    session.refresh(job)
    if not changed:
        raise Conflict("任务已经开始或结束，不能取消", state=job.state)


def sweep(session: Session, *, now: datetime, keep: timedelta) -> int:
    """Forget the jobs that ended longer ago than ``keep``; gives how many."""
    old = and_(col(Job.state).in_(ENDED), col(Job.finished_at) < now - keep)
    return changed_rows(session, delete(Job).where(old).execution_options(synchronize_session=False))


def changed_rows(session: Session, statement: Any) -> int:
    """Run an update or delete; gives how many rows it met."""
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]  # not declared by the library


def free_now(now: datetime) -> Any:
    """Jobs that are due, or whose worker has died."""
    due = and_(col(Job.state) == QUEUED, col(Job.due_at) <= now)
    return or_(due, and_(col(Job.state) == RUNNING, col(Job.leased_until) < now))


# ---- one attempt ----------------------------------------------------------------------------------------------


class Interrupted(Exception):
    """The worker is being stopped: the job is left for the next one."""


class Overtaken(Conflict):
    """Another attempt of the same job is under way or has ended; this one must not count."""


@dataclass
class Task:
    """One attempt of a job, as the function that does the work is given it."""

    database: Database
    job_id: str
    payload: Mapping[str, Any]
    ordered_by: str
    attempt: int
    clock: Clock
    lease: timedelta
    stopping: threading.Event
    _told: datetime | None = None

    def progress(self, done: int, total: int) -> None:
        """Tell how far the work is; now and then it is written down. Never while a writing session is open.

        Raises:
            Interrupted: the worker is being stopped. Overtaken: another attempt is under way.
        """
        if self.stopping.is_set():
            raise Interrupted
        now = self.clock()
        if self._told is None or now - self._told >= _PROGRESS_EVERY:
            self._told = now
            with self.database.write() as session:
                self.change(session, done=done, total=total, leased_until=now + self.lease)

    def finish(self, session: Session, result: Mapping[str, Any]) -> None:
        """End the job in the transaction of its deed, so that both stand or neither.

        Raises:
            Overtaken: another attempt is under way or has ended; the transaction must not commit.
        """
        values = {"state": DONE, "result": dict(result), "done": col(Job.total)}
        self.change(session, **values, finished_at=self.clock(), leased_until=None)

    def change(self, session: Session, **values: Any) -> None:
        """Change the row, if this attempt still has the job."""
        mine = (col(Job.id) == self.job_id, col(Job.state) == RUNNING, col(Job.attempts) == self.attempt)
        changed = update(Job).where(*mine).values(**values).execution_options(synchronize_session=False)
        if not changed_rows(session, changed):
            raise Overtaken("这个任务已由另一个工作进程接手")


# does the work; ends with task.finish in its transaction, or gives a result that is then kept
Work = Callable[[Task], Mapping[str, Any] | None]
