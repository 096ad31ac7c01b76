"""One table on every engine: the same verdict for each column and the same rows, as the engine of files has them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from catalog_specs import Specs
from tests import mariadb, postgres
from tests.conftest import lacking
from tests.expectation_rows import KINDS, table
from validators.detectors import engine_of, residual
from validators.expect_results import SuiteResult
from validators.expect_sql import NotPushed, holds_identifier

pytest_plugins = ("tests.expecting", "tests.spark")
# pyspark leaves its sockets to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

ROWS = 300
COLUMNS = table(ROWS)
CONTENT: dict[str, Any] = {
    "items": [{"item_name": "键", "item_code": "key", "data_type": "C", "primary_flag": True}],
    "open_type": "1",
}
Hits = dict[str, set[str]]
Seen = tuple[Hits, dict[str, tuple[bool | None, int, int]]]


@pytest.fixture(scope="module")
def expected(specs: Specs, expectations: Any) -> Seen:
    """What the engine of files finds: the keys of the rows by column, and verdict, hits and filled cells."""
    pushed = specs.scanning.expectations.pushed
    hits: Hits = {}
    counts: dict[str, tuple[bool | None, int, int]] = {}
    for name, cells in COLUMNS.items():
        found = residual(engine_of(specs), pa.array(cells, pa.string()), pushed)
        hits[name] = {f"k{n}" for n in np.flatnonzero(found)}
        filled = sum(cell is not None for cell in cells)
        counts[name] = (not hits[name], len(hits[name]), filled)
    return hits, counts


def seen(result: SuiteResult) -> Seen:
    """The same of a result; rows are named by their key or by their number."""
    hits: Hits = {}
    counts = {}
    for check in result.checks:
        if check.expectation == "desensitized":
            places = check.place.split("、") if check.place else []
            hits[check.column] = {_key(place) for place in places}
            counts[check.column] = (check.passed, check.unexpected, check.total)
    return hits, counts


def _key(place: str) -> str:
    return place.removeprefix("key=") if "=" in place else f"k{int(place.split()[1]) - 1}"


def test_the_table_holds_hits_and_look_alikes_of_every_kind(expected: Seen) -> None:
    assert all(ROWS / 10 < len(expected[0][kind]) < ROWS * 0.9 for kind in KINDS)


def test_pandas_agrees(specs: Specs, expected: Seen, expectations: Any) -> None:
    found = expectations.check_frame(pd.DataFrame(COLUMNS), CONTENT, specs, places=ROWS)
    assert seen(found) == expected


def test_a_stream_of_batches_agrees(specs: Specs, expected: Seen, expectations: Any) -> None:
    batches = pa.table(COLUMNS).to_batches(max_chunksize=70)
    assert seen(expectations.check_batches(iter(batches), CONTENT, specs, places=ROWS)) == expected


def test_sqlite_agrees(specs: Specs, expected: Seen, expectations: Any) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    _put(engine, "TEXT")
    assert seen(expectations.check_table(engine, "t", CONTENT, specs, places=ROWS)) == expected
    engine.dispose()


@pytest.mark.postgres
def test_postgresql_agrees(specs: Specs, expected: Seen, postgres_server: str, expectations: Any) -> None:
    address = postgres.new_database(postgres_server)
    engine = sa.create_engine(address)
    _put(engine, "TEXT")
    engine.dispose()
    assert seen(expectations.check_table(address, "t", CONTENT, specs, places=ROWS)) == expected
    postgres.drop_database(address)


@pytest.fixture(scope="module")
def maria() -> Iterator[str]:
    try:
        with mariadb.server() as server:
            yield mariadb.new_database(server)
    except mariadb.NoMariadb:
        lacking(" MariaDB", "apt-get install mariadb-server；pip install 'mulu[mysql]'")


@pytest.mark.parametrize("scheme", ["mariadb", "mysql"])
def test_mariadb_agrees_whatever_its_address_calls_it(
    specs: Specs, expected: Seen, maria: str, scheme: str, expectations: Any
) -> None:
    address = maria.replace("mariadb+", f"{scheme}+")
    engine = sa.create_engine(address)
    _put(engine, "TEXT CHARACTER SET utf8mb4", key="VARCHAR(20)")
    engine.dispose()
    assert seen(expectations.check_table(address, "t", CONTENT, specs, places=ROWS)) == expected


@pytest.mark.spark
def test_spark_agrees(specs: Specs, expected: Seen, spark: Any, expectations: Any) -> None:
    rows = [tuple(row) for row in zip(*COLUMNS.values(), strict=True)]
    frame = spark.createDataFrame(rows, ", ".join(f"`{name}` string" for name in COLUMNS))
    assert seen(expectations.check_spark(frame, CONTENT, specs, places=ROWS)) == expected


def _put(engine: Any, kind: str, key: str = "TEXT") -> None:
    names = ", ".join(f"{name} {key if name == 'key' else kind}" for name in _quoted(engine))
    places = ", ".join(f":c{n}" for n in range(len(COLUMNS)))
    rows = [{f"c{n}": v for n, v in enumerate(row)} for row in zip(*COLUMNS.values(), strict=True)]
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS t")
        connection.exec_driver_sql(f"CREATE TABLE t ({names})")
        connection.execute(sa.text(f"INSERT INTO t VALUES ({places})"), rows)


def _quoted(engine: Any) -> list[str]:
    quote: Callable[[str], str] = engine.dialect.identifier_preparer.quote
    return [quote(name) for name in COLUMNS]


# ---- numbers that are stored as numbers -------------------------------------------------------------------


@pytest.mark.postgres
def test_numbers_are_looked_at_as_they_are_written(
    specs: Specs, postgres_server: str, expectations: Any
) -> None:
    address = postgres.new_database(postgres_server)
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE n (a BIGINT, b DOUBLE PRECISION, c NUMERIC(20), d DATE)")
        connection.exec_driver_sql("INSERT INTO n VALUES (13800138000, 13800138000, 13800138000, now())")
    engine.dispose()
    found = expectations.check_table(address, "n", {"open_type": "1"}, specs)
    assert seen(found)[1] == dict.fromkeys("abc", (False, 1, 1))
    postgres.drop_database(address)


# ---- detectors that a city may add ------------------------------------------------------------------------


@pytest.mark.postgres
def test_every_detector_either_agrees_in_sql_or_says_that_it_has_none(
    specs: Specs, postgres_server: str
) -> None:
    address = postgres.new_database(postgres_server)
    engine = sa.create_engine(address)
    cells = [cell for name, column in COLUMNS.items() if name != "key" for cell in column]
    cells += [text for row in specs.desensitization.detectors for text in (*row.ok, *row.bad, *row.bad_check)]
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE c (n INTEGER, v TEXT)")
        rows = [{"n": n, "v": cell} for n, cell in enumerate(cells)]
        connection.execute(sa.text("INSERT INTO c VALUES (:n, :v)"), rows)
        agreeing = [
            d.key for d in specs.desensitization.detectors if _agrees(d.key, cells, connection, specs)
        ]
    engine.dispose()
    postgres.drop_database(address)
    assert set(specs.scanning.expectations.pushed) < set(agreeing)
    assert {"plate", "cn_name", "password"}.isdisjoint(agreeing)


def _agrees(detector: str, cells: list[str | None], connection: Any, specs: Specs) -> bool:
    """False where there is no SQL for the detector; where there is, its rows must be the engine's."""
    try:
        condition = holds_identifier("postgresql", "v", specs, [detector])
    except NotPushed:
        return False
    found = connection.execute(
        sa.text("SELECT n FROM c WHERE v IS NOT NULL AND " + condition.replace(":", r"\:"))
    )
    wanted = residual(engine_of(specs), pa.array(cells, pa.string()), [detector])
    assert {row.n for row in found} == set(np.flatnonzero(wanted).tolist()), detector
    return True
