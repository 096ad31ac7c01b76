"""Reads the tables of a running database, only to look: their columns, comments and keys."""

import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import Engine, Inspector, create_engine, inspect, text
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine import Dialect as SqlDialect
from sqlalchemy.exc import (
    ArgumentError,
    NoSuchModuleError,
    SAWarning,
    SQLAlchemyError,
    UnsupportedCompilationError,
)
from sqlalchemy.types import ARRAY, Enum, NullType, TypeEngine

from catalog_specs.drafting import Database, Dialect, Drafting
from registry.drafting.ddl import read_ddl
from registry.drafting.physical import CannotDraft, DraftNote, PhysicalColumn, PhysicalTable, TablesRead

Known = dict[tuple[str, str], PhysicalColumn]
_WRONG_ADDRESS = (
    "数据库地址写法不对，应为“类型://用户:口令@主机:端口/库名”；口令里的特殊字符要转义，如 @ 写成 %40"
)
_SECRET_OPTION = re.compile("pass|pwd|secret|connect$", re.IGNORECASE)
_PARTITIONS = """
SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relispartition AND n.nspname = :schema
"""
# A domain counts as the type below it; SQLAlchemy forgets its length, and extensions' types altogether.
_POSTGRES_TYPES = """
SELECT c.relname, a.attname, pg_catalog.format_type(
    CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE a.atttypid END,
    CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped AND n.nspname = :schema
"""
_SQLITE_TABLES = "SELECT sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"


def read_database(url: str, specs: Drafting, *, schema: str | None) -> tuple[TablesRead, Dialect]:
    """All tables and views of one schema, and the database's dialect.

    Raises:
        CannotDraft: the address is wrong or not allowed, the driver is missing, or the database refuses.
    """
    address = _address(url, specs)
    with _engine(address, specs.databases[address.get_backend_name()], specs) as engine, _translated(address):
        dialect = _dialect(engine, specs)
        return _read_schema(engine, specs, schema), dialect


def _address(url: str, specs: Drafting) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # The cause would carry the address with its password.
        raise CannotDraft(_WRONG_ADDRESS) from None
    kind = address.get_backend_name()
    if kind not in specs.databases:
        allowed = "、".join(specs.databases)
        raise CannotDraft(f"不支持从“{kind}”起草；可用的有 {allowed}，其他数据库请用导出的建表语句文件")
    if "@" in f"{address.host}{address.database if kind != 'sqlite' else ''}":
        # An @ in the password ends it too early: what looks like the host is half a password.
        raise CannotDraft(_WRONG_ADDRESS)
    if "+" not in address.drivername:
        address = address.set(drivername=f"{kind}+{specs.databases[kind].driver}")
    return address


def place_of(address: URL) -> str:
    """Where the database is, without user, password and options, for people to read."""
    port = f":{address.port}" if address.port else ""
    return f"{address.get_backend_name()}://{address.host or ''}{port}/{address.database or ''}"


@contextmanager
def _engine(address: URL, database: Database, specs: Drafting) -> Iterator[Engine]:
    options: dict[str, Any] = {}
    if address.get_backend_name() == "sqlite":
        options["creator"] = _opener(address)
    elif database.timeout and address.drivername.endswith(f"+{database.driver}"):
        options["connect_args"] = {database.timeout: specs.connect_seconds}
    try:
        engine = create_engine(address, **options)
    except (ImportError, NoSuchModuleError):
        raise CannotDraft(f"{place_of(address)}：{_missing_driver(address, database)}") from None
    except (SQLAlchemyError, TypeError, ValueError):
        raise CannotDraft(f"{place_of(address)}：地址里的选项不对，请核对问号后的部分") from None
    try:
        if engine.dialect.is_async:
            raise CannotDraft(f"{place_of(address)}：不支持异步驱动，请写成 {address.get_backend_name()}://")
        yield engine
    finally:
        engine.dispose()


def _missing_driver(address: URL, database: Database) -> str:
    driver = address.drivername.partition("+")[2]
    if driver == database.driver:
        return f"没有安装驱动 {driver}；请先运行 {database.install}"
    ours = f"{address.get_backend_name()}://"
    return f"没有安装驱动 {driver}；请装上它，或运行 {database.install} 后把地址开头写成 {ours}"


def _opener(address: URL) -> Callable[[], sqlite3.Connection]:
    """Opens the file read-only: SQLite would otherwise create it."""
    name = address.database or ""
    if not name or name == ":memory:" or name.startswith("file:"):
        raise CannotDraft("SQLite 地址里没有文件名，请写成 sqlite:///文件路径")
    path = Path(name)
    if not path.is_file():
        raise CannotDraft(f"SQLite 文件不存在：{name}；请核对路径，绝对路径写作 sqlite:////目录/文件")
    return lambda: sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


@contextmanager
def _translated(address: URL) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # A type that SQLAlchemy does not know becomes our own note.
            warnings.simplefilter("ignore", SAWarning)
            yield
    except (SQLAlchemyError, OSError, AssertionError, ImportError, NotImplementedError) as error:
        reason = _reason(error, address)
        # The cause is left behind: drivers quote connection strings.
        cure = "请核对地址、账号、库名和网络"
        raise CannotDraft(f"{place_of(address)}：读取失败（{reason}）；{cure}") from None


def _reason(error: BaseException, address: URL) -> str:
    """The driver's own first line, without the password however it is written."""
    told = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    hidden = [str(value) for key, value in address.query.items() if _SECRET_OPTION.search(key)]
    for secret in filter(None, [str(address.password or ""), *hidden]):
        for shape in (secret, quote(secret, safe=""), quote_plus(secret)):
            told = told.replace(shape, "***")
    return told.splitlines()[0][:200]


def _dialect(engine: Engine, specs: Drafting) -> Dialect:
    key = specs.databases[engine.url.get_backend_name()].dialect
    if key == "postgres":
        with engine.connect() as connection:
            version = str(connection.scalar(text("SELECT version()")))
        key = next((known for mark, known in specs.server_marks.items() if mark in version), key)
    found = specs.dialect(key)
    if found is None:
        raise LookupError(key)
    return found


def _read_schema(engine: Engine, specs: Drafting, schema: str | None) -> TablesRead:
    inspector = inspect(engine)
    known = _known_columns(engine, specs, schema or inspector.default_schema_name or "")
    partitions = _partitions(engine, schema or inspector.default_schema_name)
    names = [(name, False) for name in inspector.get_table_names(schema)]
    names += [(name, True) for name in _view_names(inspector, schema)]
    tables: list[PhysicalTable] = []
    notes: list[DraftNote] = []
    skipped = sorted(name for name, _ in names if name in partitions)
    notes += [DraftNote(name, None, "这是分区，随主表编目") for name in skipped]
    for name, view in sorted(pair for pair in names if pair[0] not in partitions):
        try:
            tables.append(_table(inspector, name, schema, known, view=view))
        except SQLAlchemyError as error:
            skipped.append(name)
            notes.append(DraftNote(name, None, f"没有读懂，未编目：{_reason(error, engine.url)}"))
    return TablesRead(tables, notes, skipped)


def _view_names(inspector: Inspector, schema: str | None) -> list[str]:
    try:
        materialized = inspector.get_materialized_view_names(schema)
    except NotImplementedError:
        materialized = []
    return sorted({*inspector.get_view_names(schema), *materialized})


def _partitions(engine: Engine, schema: str | None) -> set[str]:
    if engine.dialect.name != "postgresql":
        return set()
    with engine.connect() as connection:
        return set(connection.scalars(text(_PARTITIONS), {"schema": schema}))


def _known_columns(engine: Engine, specs: Drafting, schema: str) -> Known:
    """Columns by table and name as the database itself tells them, where SQLAlchemy leaves things out."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            rows = connection.execute(text(_POSTGRES_TYPES), {"schema": schema})
            return {(table, name): PhysicalColumn(name, kind) for table, name, kind in rows}
    if engine.dialect.name != "sqlite":
        return {}
    with engine.connect() as connection:
        written = ";\n".join(connection.scalars(text(_SQLITE_TABLES)))
    # SQLite keeps no comments, but the CREATE TABLE as it was written, with its authors' remarks.
    read, _ = read_ddl(written, specs, specs.dialect("sqlite"))
    return {(table.name, column.name): column for table in read.tables for column in table.columns}


def _table(inspector: Inspector, name: str, schema: str | None, known: Known, *, view: bool) -> PhysicalTable:
    keys = set() if view else set(inspector.get_pk_constraint(name, schema)["constrained_columns"])
    columns = []
    for column in inspector.get_columns(name, schema):
        said = known.get((name, column["name"]), PhysicalColumn(column["name"], ""))
        said = replace(said, type_text=_type_text(column["type"], said.type_text, inspector.dialect))
        said = replace(said, comment=column.get("comment") or said.comment, primary=column["name"] in keys)
        columns.append(said)
    comment = _table_comment(inspector, name, schema)
    if view and comment == "VIEW":  # MySQL's comment on every view
        comment = ""
    return PhysicalTable(name, tuple(columns), comment, schema or "", view)


def _table_comment(inspector: Inspector, name: str, schema: str | None) -> str:
    try:
        return inspector.get_table_comment(name, schema)["text"] or ""
    except NotImplementedError:
        return ""


def _type_text(kind: TypeEngine[Any], known: str, dialect: SqlDialect) -> str:
    """The type as SQL writes it, an enumeration with its members; "" when nobody knows it."""
    if isinstance(kind, NullType | DOMAIN) or (known and dialect.name == "sqlite"):
        return known
    if isinstance(kind, ARRAY):
        return "array"
    if isinstance(kind, Enum):
        members = ", ".join("'" + str(member).replace("'", "''") + "'" for member in kind.enums)
        return f"enum ({members})"
    try:
        return kind.compile(dialect=dialect)
    except UnsupportedCompilationError:
        return known or type(kind).__name__
