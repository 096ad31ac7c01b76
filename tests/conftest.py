"""Shared fixtures: specifications, real databases (SQLite and PostgreSQL), a file maker."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from catalog_specs import Specs, load
from registry import passwords
from registry.db import Database
from registry.migrate import upgrade
from tests import postgres
from tests.scratch import scratch_root
from validators.case import Facts

if TYPE_CHECKING:
    from tests.cast import Cast
    from tests.ckan.proxy import Proxy
    from tests.ckan.server import Ckan
    from tests.stages import Stages

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
# "make test-all" sets this: then nothing may be skipped
NOTHING_SKIPPED = os.environ.get("MULU_TEST_ALL") == "1"
# pytest makes its temporary folders there
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(scratch_root()))
# a hash as it is kept takes 64 MB and a sixth of a second; tests/test_passwords.py checks that one
KEPT_HASH = passwords._HASH
passwords._HASH = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


def pytest_collection_finish() -> None:
    """Thousands of collected tests are not looked through for garbage again and again: a quarter of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


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
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "keys"))
    for name in ("MULU_HEADS_FILE", "MULU_AUDIT_HASH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file as the migrations make it; each test gets a copy."""
    path = tmp_path_factory.mktemp("template") / "mulu.sqlite3"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    path = tmp_path / "mulu.sqlite3"
    shutil.copyfile(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


# ---- PostgreSQL -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL of this run's own, from Debian's binaries or from the wheel that carries it."""
    try:
        with postgres.server(scratch_root()) as address:
            yield address
    except postgres.NoPostgres:
        lacking(" PostgreSQL", "apt-get install postgresql")


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> str:
    """The address of an empty PostgreSQL database for the whole run."""
    return postgres.new_database(postgres_server)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a database as the migrations make it; each test gets a copy."""
    address = postgres.new_database(postgres_server)
    database = Database(address)
    upgrade(database)
    database.close()
    return address.rpartition("/")[2]


@pytest.fixture
def postgres_database(postgres_server: str, postgres_template: str) -> Iterator[Database]:
    address = postgres.new_database(postgres_server, template=postgres_template)
    database = Database(address)
    yield database
    database.close()
    postgres.drop_database(address)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """The same test on both databases."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


# ---- a portal --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ckan() -> Iterator["Ckan"]:
    """A real CKAN of this run's own."""
    from tests.ckan import server  # only sessions that ask for a portal pay for it

    try:
        with server.running() as portal:
            yield portal
    except server.NoCkan as missing:
        lacking("运行 CKAN 的条件", str(missing))


@pytest.fixture
def proxy(ckan: "Ckan") -> Iterator["Proxy"]:
    """A proxy before the CKAN that breaks what a test asks it to."""
    from tests.ckan.proxy import Proxy  # only sessions that ask for a portal pay for it

    before = Proxy(ckan.url)
    yield before
    before.close()


# ---- the path of review -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> "Stages":
    """Casts at each stage of the path, on SQLite; built when they are first asked for."""
    from tests.stages import Stages  # they import this module's clock

    return Stages(tmp_path_factory.mktemp("stages"))


@pytest.fixture
def at(stages: "Stages", tmp_path: Path) -> Iterator[Callable[[str], "Cast"]]:
    """A cast of the test's own at a stage: ``at("approved")``."""
    made: list[Cast] = []

    def copy(stage: str) -> "Cast":
        made.append(stages.copy(stage, tmp_path))
        return made[-1]

    yield copy
    for cast in made:
        cast.database.close()


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
