"""The database: engine, sessions for reading and for writing, the one UTC column type."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from registry.errors import Unavailable

BUSY_MILLISECONDS = 15_000
_TURN = "mulu_turn"


class UTCDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite drops the zone; this puts it back, and refuses moments without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One database. ``read`` and ``write`` give sessions; ``write`` commits at its end or rolls back.

    ``glance`` is for what must not wait for a connection that another request holds.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise Unavailable(
                "MULU_DATABASE_URL 不是可用的数据库地址；写作 sqlite:///文件 或 postgresql://…"
            ) from error
        in_memory = self.engine.url.database in (None, "", ":memory:") and url.startswith("sqlite")
        self._gate = self.engine if in_memory else _engine(url)
        self._glancing = self._gate.execution_options(mulu_write=False)
        self._reading = self.engine.execution_options(mulu_write=False)
        self._writing = self.engine.execution_options(mulu_write=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; what is changed in it is lost."""
        with _reported(), Session(self._reading) as session:
            yield session

    @contextmanager
    def glance(self) -> Iterator[Session]:
        """``read`` on connections that nothing else holds: it never waits for one."""
        with _reported(), Session(self._glancing) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session for writing: all of it is committed at the end, or nothing."""
        with _reported(), Session(self._writing) as session, session.begin():
            yield session

    @contextmanager
    def write_if_free(self) -> Iterator[Session]:
        """``write`` for what is not worth waiting for.

        Raises:
            Unavailable: an embedded database is being written to by another; nothing was done.
        """
        engine = self.engine.execution_options(mulu_write=True, mulu_waits=False)
        with _reported(), Session(engine) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()
        self._gate.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    path = url.removeprefix("sqlite:///")
    if path and path != ":memory:" and url.startswith("sqlite:///"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    turns = _Turns()
    event.listen(engine, "begin", turns.begin)
    for end in ("checkin", "invalidate"):
        event.listen(engine, end, turns.end)
    return engine


class _Turns:
    """Lets the writers of this process take turns, in the order of their coming.

    SQLite has those who wait ask again and again, at ever longer intervals: under load the unlucky wait long.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def begin(self, connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("mulu_write", True) and not connection.info.get(_TURN):
            patience = BUSY_MILLISECONDS / 1000 if options.get("mulu_waits", True) else 0
            # who has waited in vain goes on to SQLite, which refuses him in its own words
            connection.info[_TURN] = self.lock.acquire(timeout=patience)
        _begin_sqlite(connection)

    def end(self, _connection: Any, record: Any, *_more: object) -> None:
        """The connection is back in the pool: its transaction has ended, one way or the other."""
        if record.info.pop(_TURN, False):
            self.lock.release()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # the driver must not open transactions by itself, or BEGIN IMMEDIATE below would come too late
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_MILLISECONDS}",
        "synchronous=NORMAL",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # a writer that begins by reading would fail, not wait, when another one wrote in between
    options = connection.get_execution_options()
    writes = options.get("mulu_write", True)
    if options.get("mulu_waits", True):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
        return
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        text = str(error.orig or error)
        if "no such table" in text or "does not exist" in text:
            raise Unavailable("数据库还没有建表；先执行 mulu init") from error
        raise Unavailable(f"数据库暂时不能使用：{text.splitlines()[0]}") from error
