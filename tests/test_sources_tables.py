"""Tables and queries of real databases as sources: the same text from all of them, and nothing but reading."""

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from catalog_specs import Specs
from registry.sources import SourceUnreadable, open_file, open_table
from tests import mariadb, postgres
from tests.conftest import lacking
from tests.test_sources_csv import keys_of, rows_of

KINDS = ("sqlite", "postgres", "mariadb")
COLUMNS = ("id", "姓名", "余额", "生日", "更新", "备注")
ROWS = [
    ("1", "张三", "12.25", "1990-01-02", "2020-01-02 03:04:05", "第一行\n第二行"),
    ("110105194912310021", "李四", "-0.5", "1949-12-31", None, None),
]
CREATE = """CREATE TABLE 人口 (id BIGINT, "姓名" VARCHAR(50), "余额" DOUBLE PRECISION, "生日" DATE,
  "更新" TIMESTAMP {null}, "备注" TEXT)"""
INSERT = """INSERT INTO 人口 VALUES (1, '张三', 12.25, '1990-01-02', '2020-01-02 03:04:05', '第一行
第二行'), (110105194912310021, '李四', -0.5, '1949-12-31', NULL, '')"""


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """A real MariaDB of this run's own."""
    try:
        with mariadb.server() as address:
            yield address
    except mariadb.NoMariadb:
        lacking(" MariaDB", "apt-get install mariadb-server；pip install pymysql")


def tell(address: str, *statements: str) -> None:
    """Run statements, each committed."""
    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the table 人口, in each kind."""
    kind = request.param
    if kind == "sqlite":
        found = f"sqlite:///{tmp_path / '库.db'}"
        with closing(sqlite3.connect(tmp_path / "库.db")) as connection:
            connection.executescript(CREATE.format(null="") + ";" + INSERT)
        yield found
        return
    servers = {"postgres": postgres, "mariadb": mariadb}
    found = servers[kind].new_database(request.getfixturevalue(f"{kind}_server"))
    tell(found, create(found), INSERT)
    yield found
    servers[kind].drop_database(found)


def create(address: str) -> str:
    """The statement that makes the table 人口 on a server."""
    written = CREATE.format(null="NULL")
    return written.replace('"', "`") if address.startswith("mariadb") else written


def _many(address: str) -> None:
    """A table of 100,000 rows, which takes many fetches."""
    digits = ", ".join(f"({n})" for n in range(10))
    number = "a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d"
    tables = ", ".join(f"digits {name}" for name in "abcef")
    tell(
        address,
        "CREATE TABLE digits (d INT)",
        f"INSERT INTO digits VALUES {digits}",
        f"CREATE TABLE many AS SELECT {number} AS n, '{'x' * 200}' AS t FROM {tables}",
    )


# ---- the same from everywhere -----------------------------------------------------------------------------


def test_a_table_gives_its_rows_as_text(address: str, specs: Specs) -> None:
    source = open_table(address, "人口", None, specs, allowed=None)
    assert (source.columns, rows_of(source)) == (COLUMNS, ROWS)
    assert (source.complete, source.problems, source.kind) == (True, [], "table")


def _csv(path: Path) -> Path:
    cells = [",".join(f'"{cell}"' if cell else "" for cell in row) for row in (COLUMNS, *ROWS)]
    path.with_suffix(".csv").write_text("\n".join(cells), "utf-8")
    return path.with_suffix(".csv")


def _typed() -> list[dict[str, object]]:
    first = (
        1,
        "张三",
        12.25,
        dt.date(1990, 1, 2),
        dt.datetime.fromisoformat("2020-01-02 03:04:05"),
        ROWS[0][5],
    )
    second = (110105194912310021, "李四", -0.5, dt.date(1949, 12, 31), None, None)
    return [dict(zip(COLUMNS, row, strict=True)) for row in (first, second)]


def _xlsx(path: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.append(COLUMNS)
    for row in _typed():
        row["id"] = str(row["id"])  # a workbook holds no whole number that long
        book.active.append(list(row.values()))
    book.save(path.with_suffix(".xlsx"))
    return path.with_suffix(".xlsx")


def _parquet(path: Path) -> Path:
    parquet.write_table(pa.Table.from_pylist(_typed()), path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def _jsonl(path: Path) -> Path:
    import json

    lines = [json.dumps(row, default=str, ensure_ascii=False) for row in _typed()]
    path.with_suffix(".jsonl").write_text("\n".join(lines), "utf-8")
    return path.with_suffix(".jsonl")


@pytest.mark.parametrize("write", [_csv, _xlsx, _parquet, _jsonl])
def test_files_give_the_same_text_as_tables(
    tmp_path: Path, specs: Specs, write: Callable[[Path], Path]
) -> None:
    source = open_file(write(tmp_path / "人口"), specs)
    assert (source.columns, rows_of(source), source.complete) == (COLUMNS, ROWS, True)


def test_many_rows_come_in_batches_and_in_full(address: str, specs: Specs) -> None:
    _many(address)
    source = open_table(address, "many", None, specs, allowed=None)
    batches = list(source.batches())
    assert (sum(b.num_rows for b in batches), len(batches) > 1, source.complete) == (100_000, True, True)


# ---- tables, views, queries -------------------------------------------------------------------------------


def test_a_view_is_known_by_its_definition(address: str, specs: Specs) -> None:
    digests = []
    for least in (0, 1):
        tell(address, f"CREATE VIEW v{least} AS SELECT id FROM 人口 WHERE id > {least}")
        digests.append(open_table(address, f"v{least}", None, specs, allowed=None).schema_digest)
    tell(address, "DROP VIEW v1", "CREATE VIEW v1 AS SELECT id FROM 人口 WHERE id > 7")
    digests.append(open_table(address, "v1", None, specs, allowed=None).schema_digest)
    assert len(set(digests)) == 3


def test_the_digest_changes_with_a_type(address: str, specs: Specs) -> None:
    tell(address, "CREATE TABLE a (x INT)", "CREATE TABLE b (x VARCHAR(9))")
    found = {open_table(address, name, None, specs, allowed=None).schema_digest for name in "ab"}
    assert len(found) == 2


def test_a_query_is_read(address: str, specs: Specs) -> None:
    query = "SELECT id AS 号, '10%:x' AS b FROM 人口 WHERE 备注 LIKE '%第%行%' -- 说明"
    source = open_table(address, None, query, specs, allowed=None)
    assert (source.columns, rows_of(source)) == (("号", "b"), [("1", "10%:x")])
    assert query not in source.name


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM 人口",
        "SELECT 1; DROP TABLE 人口",
        "WITH x AS (DELETE FROM 人口 RETURNING *) SELECT * FROM x",
        "SELECT * INTO y FROM 人口",
        "SELECT * FROM 人口 FOR UPDATE",
        "SELECT /*!50000 sleep(9) */ 1",
        "SELECT pg_sleep(9)",
        "SELECT load_extension('x')",
        "SELECT load_file('/etc/passwd')",
        "not sql at all",
    ],
)
def test_a_query_that_does_more_than_select_is_refused(address: str, specs: Specs, query: str) -> None:
    with pytest.raises(SourceUnreadable, match="查询只能是一条只读的 SELECT") as caught:
        open_table(address, None, query, specs, allowed=None)
    assert caught.value.problem.key == "not_select"


def test_a_function_that_writes_is_stopped_by_the_transaction(postgres_server: str, specs: Specs) -> None:
    address = postgres.new_database(postgres_server)
    tell(
        address,
        "CREATE TABLE t (x INT)",
        "CREATE FUNCTION f() RETURNS INT LANGUAGE SQL AS 'INSERT INTO t VALUES (1) RETURNING x'",
    )
    tell(address, "INSERT INTO t VALUES (0)")
    source = open_table(address, None, "SELECT f() FROM t", specs, allowed=None)
    rows_of(source)
    assert (source.complete, keys_of(source)) == (False, ["cut_off"])
    assert rows_of(open_table(address, "t", None, specs, allowed=None)) == [("0",)]
    postgres.drop_database(address)


def test_a_query_with_an_unknown_column_is_refused(address: str, specs: Specs) -> None:
    with pytest.raises(SourceUnreadable, match="查询不能运行"):
        open_table(address, None, "SELECT nothing FROM 人口", specs, allowed=None)


@pytest.mark.parametrize("name", ["没有", "x.没有", "人口; DROP TABLE 人口", '人口" --'])
def test_a_table_that_does_not_exist_is_refused(address: str, specs: Specs, name: str) -> None:
    with pytest.raises(SourceUnreadable, match="没有表或视图"):
        open_table(address, name, None, specs, allowed=None)


@pytest.mark.parametrize(("table", "query"), [(None, None), ("人口", "SELECT 1")])
def test_either_a_table_or_a_query_is_given(
    address: str, specs: Specs, table: str | None, query: str | None
) -> None:
    with pytest.raises(SourceUnreadable, match="要写一个表名或一条查询"):
        open_table(address, table, query, specs, allowed=None)


def test_a_schema_may_be_named(postgres_server: str, specs: Specs) -> None:
    address = postgres.new_database(postgres_server)
    tell(
        address,
        'CREATE SCHEMA "库"',
        'CREATE TABLE "库"."a.b" ("X%y" INT)',
        'INSERT INTO "库"."a.b" VALUES (7)',
    )
    source = open_table(address, "库.a.b", None, specs, allowed=None)
    assert (source.columns, rows_of(source)) == (("X%y",), [("7",)])
    postgres.drop_database(address)


# ---- what the database holds ------------------------------------------------------------------------------


def test_postgres_days_that_python_does_not_know(postgres_server: str, specs: Specs) -> None:
    address = postgres.new_database(postgres_server)
    query = """SELECT 'infinity'::date a, '0044-03-15 BC'::date b, 12.50::numeric(9,2) c, '{"b": 1, "a": 2}'::json d,
      ARRAY[1,2] e, true f, '\\x00ff'::bytea g, 1.1010519491231e17::float8 h, '1 day'::interval i"""
    source = open_table(address, None, query, specs, allowed=None)
    expected = (
        "infinity",
        "0044-03-15 BC",
        "12.50",
        '{"b": 1, "a": 2}',
        "[1,2]",
        "true",
        "00ff",
        "1.1010519491231E+17",
    )
    assert rows_of(source) == [(*expected, "1 day")]
    postgres.drop_database(address)


def test_mariadb_values_are_exact(mariadb_server: str, specs: Specs) -> None:
    address = mariadb.new_database(mariadb_server)
    columns = "a DECIMAL(20,2), b DATE, c TIME, d BIT(3), e BLOB, f DATETIME(3), g DOUBLE"
    values = "12.50, '0000-00-00', '12:00:01', b'101', x'00ff', '2020-01-02 03:04:05.500', 1.1010519491231e17"
    tell(address, f"CREATE TABLE t ({columns})", "SET sql_mode=''", f"INSERT IGNORE INTO t VALUES ({values})")
    expected = (
        "12.50",
        "0000-00-00",
        "12:00:01",
        "05",
        "00ff",
        "2020-01-02 03:04:05.5",
        "1.1010519491231E+17",
    )
    assert rows_of(open_table(address, "t", None, specs, allowed=None)) == [expected]
    mariadb.drop_database(address)


def test_sqlite_texts_that_are_no_utf8_are_told(tmp_path: Path, specs: Specs) -> None:
    with closing(sqlite3.connect(tmp_path / "库.db")) as connection:
        connection.executescript(
            "CREATE TABLE t (x TEXT); INSERT INTO t VALUES (CAST(x'd5c5' AS TEXT)), (x'ff'), (5)"
        )
    source = open_table(f"sqlite:///{tmp_path / '库.db'}", "t", None, specs, allowed=None)
    assert rows_of(source) == [("d5c5",), ("ff",), ("5",)]
    assert (keys_of(source), source.complete) == (["not_decoded"], False)


# ---- interruptions ----------------------------------------------------------------------------------------


def test_a_table_that_vanishes_is_told(address: str, specs: Specs) -> None:
    source = open_table(address, "人口", None, specs, allowed=None)
    tell(address, "DROP TABLE 人口")
    assert rows_of(source) == []
    (problem,) = source.problems
    assert (problem.rule, source.complete) == ("not_every_row", False)
    assert problem.reason.startswith(("读了 0 行后表或列不在了", "读了 0 行后中断（no such table"))


_KILL = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database()",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = database()",
}


@pytest.mark.parametrize("address", ["postgres", "mariadb"], indirect=True)
def test_a_connection_that_is_lost_is_told(address: str, specs: Specs) -> None:
    _many(address)
    reading = (source := open_table(address, "many", None, specs, allowed=None)).batches()
    seen = next(reading).num_rows
    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for number in connection.exec_driver_sql(_KILL[engine.dialect.name]).scalars().all():
            if engine.dialect.name == "mariadb":
                connection.exec_driver_sql(f"KILL {number}")
    engine.dispose()
    seen += sum(batch.num_rows for batch in reading)
    assert (seen < 100_000, keys_of(source), source.complete) == (True, ["cut_off"], False)


def test_whoever_stops_early_leaves_nothing_behind(address: str, specs: Specs) -> None:
    _many(address)
    source = open_table(address, "many", None, specs, allowed=None)
    reading = source.batches()
    next(reading)
    reading.close()
    tell(address, "DROP TABLE many")
    assert not source.complete
