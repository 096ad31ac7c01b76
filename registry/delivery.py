"""Delivery of jobs on PostgreSQL by procrastinate, the only user of that library.

Its tables lie in a schema of their own. They say which worker has which job, and nothing about it: what people see
of a job is its row in our table ``job``. A job is handed over in the transaction that orders it.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from procrastinate.schema import SchemaManager, migrations_path
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from registry.errors import MuluError, Unavailable

SCHEMA, QUEUE, TASK = "jobs", "mulu", "mulu.work"
POOL_SIZE = 3
_LOST_LOCK = 0x6D756C7502  # "mulu", then which of its locks
_log = logging.getLogger(__name__)


class Again(Exception):
    """The job is to be delivered once more."""


# ---- the tables -------------------------------------------------------------------------------------------


def prepare(connection: Connection) -> None:
    """Make procrastinate's tables, or bring them to the version installed; can be repeated.

    Raises:
        Unavailable: the database refuses the schema.
    """
    installed = version("procrastinate")
    comment = text("SELECT obj_description(to_regnamespace(:name), 'pg_namespace')")
    noted = connection.execute(comment, {"name": SCHEMA}).scalar_one()
    if noted == f"procrastinate {installed}":
        return
    try:
        with _in_schema(connection, make=True):
            for statements in _steps(str(noted or "").removeprefix("procrastinate ")):
                # the driver's own call: a file holds many statements
                _driver(connection).execute(statements.encode())
            connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS 'procrastinate {installed}'")
    except psycopg.Error as error:
        raise Unavailable(f"数据库不能建立任务表（模式 {SCHEMA}）：{error}；请数据库管理员授权") from error


def _steps(before: str) -> Iterator[str]:
    """The SQL to be run: the whole schema at first, later what is newer than the version before."""
    if not before:
        yield SchemaManager.get_schema()
        return
    for path in sorted(Path(migrations_path).glob("*.sql")):
        if _numbers(path.name.split("_", 1)[0]) > _numbers(before):
            yield path.read_text("utf-8")


def _numbers(dotted: str) -> tuple[int, ...]:
    return tuple(int(part) for part in dotted.split(".")[:3] if part.isdigit())


@contextmanager
def _in_schema(connection: Connection, *, make: bool = False) -> Iterator[None]:
    """Names are looked up in procrastinate's schema; afterwards as before."""
    if make:
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.exec_driver_sql(f"SET LOCAL search_path TO {SCHEMA}")
    yield
    connection.exec_driver_sql("SET LOCAL search_path TO DEFAULT")


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


# ---- handing over -----------------------------------------------------------------------------------------

# opens no connection of its own: it is given ours
_SENDER = App(connector=PsycopgConnector())


def hand_over(connection: Connection, job_id: str, due_at: datetime) -> None:
    """Have a job delivered when it is due, if the transaction of this connection commits.

    Raises:
        Unavailable: procrastinate's tables are not there.
    """
    with _in_schema(connection):
        task = _SENDER.configure_task(
            TASK, queue=QUEUE, schedule_at=due_at, connection=_driver(connection), allow_unknown=True
        )
        try:
            task.defer(job=job_id)
        except ConnectorException as error:
            raise Unavailable("任务表不能使用；先执行 mulu init") from error


_LOST = text(
    f"""SELECT id, due_at FROM job
    WHERE state IN ('queued', 'running') AND due_at < :before
      AND (leased_until IS NULL OR leased_until < :before)
      AND pg_try_advisory_xact_lock({_LOST_LOCK})
      AND NOT EXISTS (SELECT 1 FROM {SCHEMA}.procrastinate_jobs
                      WHERE task_name = '{TASK}' AND args->>'job' = job.id AND status IN ('todo', 'doing'))"""  # noqa: S608
)


def hand_over_lost(connection: Connection, *, before: datetime) -> int:
    """Hand over anew what should have run before a moment and is on nobody's list, as after a partial restore."""
    lost = connection.execute(_LOST, {"before": before}).all()
    for job_id, due_at in lost:
        hand_over(connection, job_id, due_at)
    return len(lost)


# ---- receiving --------------------------------------------------------------------------------------------


@dataclass
class Receiver:
    """A worker on PostgreSQL: ``work`` is called with the key of each job, ``tick`` now and then.

    A job whose worker has given no sign of life for ``lease`` seconds is delivered again.
    """

    url: URL
    work: Callable[[str], None]
    tick: Callable[[], None]
    lease: float
    threads: int = 1
    poll: float = 1.0
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _running: "asyncio.Task[None] | None" = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _stopped: bool = field(default=False, init=False)

    def run(self) -> None:
        """Receive jobs until ``stop``; what runs then is waited for.

        Raises:
            Unavailable: the database cannot be reached, or its tables are not there.
        """
        try:
            asyncio.run(self._receive())
        except (ConnectorException, psycopg.Error) as error:
            raise Unavailable(f"任务队列不能使用：{error.__cause__ or error}") from error

    def stop(self) -> None:
        """Have ``run`` end; called from another thread."""
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._running is not None:
                with suppress(RuntimeError):  # the loop has just ended by itself
                    self._loop.call_soon_threadsafe(self._running.cancel)

    async def _receive(self) -> None:
        app = App(connector=self._connector())
        app.task(name=TASK, queue=QUEUE, retry=_again(self.poll))(self._do)
        async with app.open_async():
            receiving = asyncio.create_task(self._both(app))
            with self._lock:
                self._loop, self._running = asyncio.get_running_loop(), receiving
                if self._stopped:
                    receiving.cancel()
            try:
                with suppress(asyncio.CancelledError):
                    await receiving
            finally:
                with self._lock:
                    self._loop = self._running = None

    async def _both(self, app: App) -> None:
        """Receive, and look after what others left behind; neither goes on without the other."""
        caring = asyncio.create_task(self._care(app))
        try:
            await app.run_worker_async(
                queues=[QUEUE],
                concurrency=self.threads,
                delete_jobs="always",
                install_signal_handlers=False,
                fetch_job_polling_interval=self.poll,
                update_heartbeat_interval=self.lease / 3,
                stalled_worker_timeout=self.lease,
            )
        finally:
            caring.cancel()
            await _ended(caring)

    async def _care(self, app: App) -> None:
        while True:
            try:
                await self._redeliver(app)
                await asyncio.to_thread(self.tick)
            except (ConnectorException, MuluError) as error:
                _log.warning("任务巡检暂停：%s", error)
            await asyncio.sleep(min(self.lease / 3, 10 * self.poll))

    async def _redeliver(self, app: App) -> None:
        stalled = await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self.lease)
        for job in stalled:
            # another worker may have been quicker
            with suppress(ConnectorException):
                await app.job_manager.retry_job(job)

    def _do(self, job: str) -> None:
        self.work(job)

    def _connector(self) -> PsycopgConnector:
        conninfo = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return PsycopgConnector(
            conninfo=conninfo,
            kwargs={"options": f"-c search_path={SCHEMA}"},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=10,
        )


def _again(seconds: float) -> RetryStrategy:
    # whatever went wrong: how often is counted in our own row
    return RetryStrategy(
        wait=max(1, round(seconds)),
    )


async def _ended(task: Awaitable[None]) -> None:
    with suppress(asyncio.CancelledError):
        await task
