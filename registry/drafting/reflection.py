"""Reads the tables of a running database, only to look: their columns, comments and keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, Inspector, inspect, text
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import Dialect as SqlDialect
from sqlalchemy.exc import SQLAlchemyError, UnsupportedCompilationError
from sqlalchemy.types import ARRAY, Enum, NullType, TypeEngine

from catalog_specs import load
from catalog_specs.drafting import Dialect, Drafting
from registry.drafting.ddl import read_ddl
from registry.drafting.physical import CannotDraft, DraftNote, PhysicalColumn, PhysicalTable, TablesRead
from registry.sources.addresses import (
    AddressError,
    opened,
    parse_address,
    told_of,
    translated,
    unknown_types_allowed,
)

Known = dict[tuple[str, str], PhysicalColumn]
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
    with _told():
        door = parse_address(url, specs)
        with opened(door) as engine, translated(door), unknown_types_allowed():
            return _read(engine, specs, schema)


def _read(engine: Engine, specs: Drafting, schema: str | None) -> tuple[TablesRead, Dialect]:
    dialect = _dialect(engine, specs)
    return _read_schema(engine, specs, schema), dialect


@contextmanager
def _told() -> Iterator[None]:
    """Errors of an address as ours, worded."""
    try:
        yield
    except AddressError as error:
        raise CannotDraft(_worded(error)) from None


def _worded(error: AddressError) -> str:
    if error.key == "scheme":
        known = error.params["known"]
        return f"不支持从“{error.params['kind']}”起草；可用的有 {known}，其他数据库请用导出的建表语句文件"
    return error.told(load())


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
            notes.append(DraftNote(name, None, f"没有读懂，未编目：{told_of(error, engine.url)}"))
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
