"""The worker: does the jobs of a database, in threads of the server or in a process of its own."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.errors import MuluError, Unavailable, Unreadable
from registry.jobs import (
    FAILED,
    QUEUED,
    RUNNING,
    Clock,
    Interrupted,
    Overtaken,
    Task,
    Work,
    changed_rows,
    free_now,
    recurring,
)
from registry.models import Job
from validators.findings import word

POLL_SECONDS = 0.5
_log = logging.getLogger(__name__)


@dataclass
class Worker:
    """Does the jobs of a database until it is stopped. ``works``: what to do for each kind of job.

    What recurs waits for ``quiet`` at first: a server that has just started has better things to do. Source of
    the other numbers: ``limits`` of entry.yaml.
    """

    database: Database
    works: Mapping[str, Work]
    recurring: Mapping[str, timedelta] = field(default_factory=dict)
    threads: int = 1
    quiet: timedelta = timedelta(minutes=1)
    clock: Clock = lambda: datetime.now(UTC)
    lease: timedelta = field(default_factory=lambda: timedelta(seconds=_limit("job_lease_seconds")))
    attempts: int = field(default_factory=lambda: _limit("job_attempts"))
    stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False)
    _ordered: dict[str, int] = field(default_factory=dict, init=False)
    _begun: datetime | None = field(default=None, init=False)
    _receiver: Any = field(default=None, init=False)

    def start(self) -> None:
        """Work in threads beside the caller's, until ``stop``."""
        count = 1 if self._on_server else self.threads
        for number in range(count if self.threads else 0):
            thread = threading.Thread(target=self.work, name=f"mulu-work-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Have the work end; a job that tells its progress is left at once, others are waited for."""
        self.stopping.set()
        receiver = self._receiver
        if receiver is not None:
            receiver.stop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    @property
    def _on_server(self) -> bool:
        return self.database.engine.dialect.name == "postgresql"

    def work(self) -> None:
        """Do jobs until ``stop``; while the database cannot be reached, ask again and again."""
        told = ""
        while not self.stopping.is_set():
            try:
                self._receive() if self._on_server else self._look()
                told = ""
            except Exception as error:  # a worker must outlive whatever happens to one job or connection
                if str(error) != told:
                    told = str(error)
                    _log.warning("任务暂停：%s", told)
                self.stopping.wait(self.lease.total_seconds() / 10)

    # ---- looking for jobs ----

    def _receive(self) -> None:
        # procrastinate is needed on a server alone
        from registry.delivery import Again, Receiver

        def deliver(job_id: str) -> None:
            if self.perform(job_id, taken_over=True) == "again":
                raise Again

        seconds = self.lease.total_seconds()
        url = self.database.engine.url
        poll = min(POLL_SECONDS * 2, seconds / 3)
        self._receiver = Receiver(url, deliver, self.plan, lease=seconds, threads=self.threads, poll=poll)
        if not self.stopping.is_set():
            self._receiver.run()

    def _look(self) -> None:
        self.plan()
        found = self._next()
        if found is None:
            self.stopping.wait(POLL_SECONDS)
        else:
            self.perform(found)

    def _next(self) -> str | None:
        with self.database.read() as session:
            waiting = select(col(Job.id)).where(free_now(self.clock())).order_by(col(Job.due_at), col(Job.id))
            return session.execute(waiting.limit(1)).scalar_one_or_none()

    def plan(self) -> None:
        """Order what recurs, once a period; on a server, see that nothing is forgotten."""
        now = self.clock()
        if self._on_server:
            # procrastinate is needed on a server alone
            from registry.delivery import hand_over_lost

            with self.database.write() as session:
                hand_over_lost(session.connection(), before=now - self.lease)
        self._begun = self._begun or now
        if now - self._begun < self.quiet:
            return
        for kind, every in self.recurring.items():
            period = int(now.timestamp() // every.total_seconds())
            if self._ordered.get(kind) != period:
                with self.database.write() as session:
                    recurring(session, kind, every=every, now=now)
                self._ordered[kind] = period

    # ---- one job ----

    def perform(self, job_id: str, *, taken_over: bool = False) -> Literal["ended", "again", "skipped"]:
        """Do one job, if it is due and free (``taken_over``: known to be); says what came of it."""
        task, kind = self._claim(job_id, taken_over)
        if task is None:
            return "skipped"
        try:
            with self._alive(task):
                result = self.works[kind](task)
                if result is not None:
                    with self.database.write() as session:
                        task.finish(session, result)
        except Interrupted:
            return self._put_back(task, task.attempt - 1)
        except Overtaken:
            return "skipped"
        except Exception as error:
            return self._failed(task, error)
        return "ended"

    def _claim(self, job_id: str, taken_over: bool) -> tuple[Task | None, str]:
        now = self.clock()
        # who delivers on a server keeps the time, too
        free = col(Job.state).in_((QUEUED, RUNNING)) if taken_over else free_now(now)
        taken = update(Job).where(col(Job.id) == job_id, free).execution_options(synchronize_session=False)
        values = {"state": RUNNING, "attempts": col(Job.attempts) + 1, "leased_until": now + self.lease}
        values |= {"done": 0, "total": 0}
        with self.database.write() as session:
            if not changed_rows(session, taken.values(**values)):
                return None, ""
            job = session.get_one(Job, job_id)
            job.started_at = job.started_at or now
            task = Task(
                self.database,
                job.id,
                job.payload,
                job.created_by,
                job.attempts,
                self.clock,
                self.lease,
                self.stopping,
            )
            if job.attempts <= self.attempts:
                return task, job.kind
            self._give_up(session, task, Unavailable(f"任务中断了 {self.attempts} 次，不再重试"))
        return None, ""

    @contextmanager
    def _alive(self, task: Task) -> Iterator[None]:
        """While the work goes on, its lease is made longer and longer."""
        ended = threading.Event()
        beat = threading.Thread(target=self._beat, args=(task, ended), name="mulu-lease", daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()

    def _beat(self, task: Task, ended: threading.Event) -> None:
        while not ended.wait(self.lease.total_seconds() / 3):
            try:
                with self.database.write_if_free() as session:
                    task.change(session, leased_until=self.clock() + self.lease)
            except MuluError:
                # an embedded database is held by the deed itself; what is overtaken finds out when it ends
                continue

    def _failed(self, task: Task, error: Exception) -> Literal["ended", "again", "skipped"]:
        final = isinstance(error, MuluError) and not isinstance(error, Unavailable)
        if not isinstance(error, MuluError):
            _log.error("任务 %s 出错", task.job_id, exc_info=error)
        if not final and task.attempt < self.attempts:
            return self._put_back(task, task.attempt, wait=True)
        try:
            with self.database.write() as session:
                self._give_up(session, task, error)
        except Overtaken:
            return "skipped"
        return "ended"

    def _give_up(self, session: Session, task: Task, error: Exception) -> None:
        problem = problem_of(error)
        task.change(session, state=FAILED, problem=problem, finished_at=self.clock(), leased_until=None)

    def _put_back(self, task: Task, attempts: int, *, wait: bool = False) -> Literal["again", "skipped"]:
        due = self.clock() + (self.lease / 10 if wait else timedelta())
        try:
            with self.database.write() as session:
                task.change(session, state=QUEUED, attempts=attempts, due_at=due, leased_until=None)
        except Overtaken:
            return "skipped"
        return "again"


def _limit(name: str) -> int:
    return load().entry.limits[name]


def problem_of(error: Exception) -> dict[str, Any]:
    """An error as it is kept with a job: title, status and detail, as in an answer (RFC 9457)."""
    if isinstance(error, Unreadable):
        found = word(error.finding, load(), "zh")
        row = {"code": found.rule, "message": found.message, "fix": found.fix, "basis": found.source}
        detail = f"{found.message}。{found.fix}"
        return {"title": "Unreadable", "status": error.status, "detail": detail, "errors": [row]}
    if isinstance(error, MuluError):
        return {"title": type(error).__name__, "status": error.status, "detail": error.message}
    return {
        "title": "InternalError",
        "status": 500,
        "detail": f"程序出错（{type(error).__name__}）；请联系管理员",
    }
