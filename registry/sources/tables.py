"""A table, a view or a query of a database as a source, read by a server-side cursor in a read-only transaction."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Executable, Inspector, column, inspect, literal, select, text
from sqlalchemy import table as sql_table
from sqlalchemy.exc import CompileError, NoSuchTableError

from catalog_specs import Specs
from catalog_specs.law_scanning import Inputs
from registry.settings import source_address
from registry.sources.addresses import (
    AddressError,
    Door,
    opened,
    parse_address,
    translated,
    unknown_types_allowed,
)
from registry.sources.allowed import check_allowed
from registry.sources.cell_text import text_array
from registry.sources.exact_text import Reading
from registry.sources.headers import named
from registry.sources.problems import SourceUnreadable, Teller
from registry.sources.queries import check_select
from registry.sources.source import Source, shape_of


@dataclass(frozen=True)
class _Asked:
    """What is read: a statement that streams, one that gives no row but fails alike, and what defines it."""

    rows: Executable
    nothing: Executable
    columns: tuple[tuple[str, str], ...]
    definition: str


def open_table(
    url: str, table: str | None, query: str | None, specs: Specs, *, allowed: Sequence[str] | None
) -> Source:
    """A table or view (``schema.table``), or one read-only SELECT, as a source; nothing of the address is kept
    in what it shows but kind, host and database.

    ``url`` is a SQLAlchemy URL or ``source:NAME`` of a source that the operator named (MULU_SOURCE_NAME_URL);
    ``allowed`` are the places that he allows, None for any, and do not bind named sources.

    Raises:
        SourceUnreadable: the address, the table or the query is refused, or the database does not answer.
    """
    inputs = specs.scanning.inputs
    shown = url if url.startswith(inputs.named) else ""
    refused: AddressError | None = None
    try:
        door = _door(url, specs, allowed)
        shown = door.place
        if bool(table) == bool(query):
            raise AddressError("table_or_query", shown)
        if query:
            check_select(query, door.kind, inputs)
        asked = _look(door, table or "", query or "", inputs)
    except AddressError as error:
        refused = error
    if refused is not None:
        # raised out here: a context would lead to the driver's own error, which quotes the address
        raise _unreadable(refused, shown, inputs)
    what = table or f"查询 {hashlib.sha256((query or '').encode()).hexdigest()[:8]}"
    place = f"{shown} {what}"
    tell = Teller(inputs, place)
    header = named([name for name, _ in asked.columns], inputs, tell, typed=True)

    def read(source: Source) -> Iterator[pa.RecordBatch]:
        return _rows(door, asked, source, inputs)

    digest = shape_of(asked.columns, asked.definition)
    return Source(place, "table", header.names, digest, tell, read, 0, header.problems)


def _door(url: str, specs: Specs, allowed: Sequence[str] | None) -> Door:
    """The parsed address, allowed."""
    inputs = specs.scanning.inputs
    if not url.startswith(inputs.named):
        door = parse_address(url, specs.drafting)
        check_allowed(door, allowed, inputs)
        return door
    name = url.removeprefix(inputs.named)
    address = source_address(name)
    if address is None:
        raise AddressError("unnamed", url, value=name.upper())
    door = replace(parse_address(address, specs.drafting), name=url)
    check_allowed(door, None, inputs)
    return door


def _unreadable(error: AddressError, shown: str, inputs: Inputs) -> SourceUnreadable:
    """Said of the place as it was asked for: the host behind a named source is the operator's."""
    return Teller(inputs, shown or error.place or "数据库").refuse(error.key, **error.params)


# ---- what is asked for ------------------------------------------------------------------------------------


def _look(door: Door, table: str, query: str, inputs: Inputs) -> _Asked:
    """Columns and definition; the statement is tried without taking a row.

    Raises:
        AddressError: no such table, no right to read it, or whatever the database says.
    """
    try:
        with _connected(door, inputs) as connection, unknown_types_allowed():
            asked = _of_query(query) if query else _of_table(connection, table)
            names = tuple(connection.execute(asked.nothing).keys())
    except AddressError as error:
        if error.code in inputs.login_codes:
            raise AddressError("login", error.place, **error.params) from None
        if error.code in inputs.denied_codes:
            raise AddressError("denied", error.place, value=table or "查询里的表", **error.params) from None
        # SQLite has no codes
        if query and (
            error.code in inputs.query_codes or (door.kind == "sqlite" and "detail" in error.params)
        ):
            raise AddressError("query_failed", error.place, **error.params) from None
        raise
    return asked if asked.columns else _Asked(asked.rows, asked.nothing, _untyped(names), asked.definition)


@contextmanager
def _connected(door: Door, inputs: Inputs) -> Iterator[Connection]:
    """A connection in a read-only transaction."""
    with opened(door) as engine, translated(door), engine.connect() as connection:
        for statement in inputs.schemes[door.kind].begin:
            connection.exec_driver_sql(statement)
        yield connection


def _of_query(query: str) -> _Asked:
    # a colon in a query is a cast or stands in a text; nothing is ever filled in
    written = query.strip().rstrip(";").replace(":", r"\:")
    nothing = text(f"SELECT * FROM ({written}\n) asked WHERE 1 = 0")  # noqa: S608  (checked to be one SELECT)
    return _Asked(text(written), nothing, (), query)


def _untyped(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), "query") for name in names)


def _of_table(connection: Connection, name: str) -> _Asked:
    inspector = inspect(connection)
    schema, bare = _found(inspector, name)
    columns = inspector.get_columns(bare, schema)
    source = sql_table(bare, *(column(found["name"]) for found in columns), schema=schema)
    rows = select(*source.c)
    types = tuple((found["name"], _type_text(found, connection)) for found in columns)
    return _Asked(rows, rows.where(literal(1) == literal(0)), types, _definition(inspector, bare, schema))


def _found(inspector: Inspector, name: str) -> tuple[str | None, str]:
    """Schema and name of a table or view that exists: the whole as a name, else parted at a dot."""
    candidates: list[tuple[str | None, str]] = [(None, name)]
    candidates += [(name[:at], name[at + 1 :]) for at, char in enumerate(name) if char == "."]
    for schema, bare in candidates:
        if bare and inspector.has_table(bare, schema=schema):
            return schema, bare
    raise AddressError("no_table", value=name)


def _type_text(found: Mapping[str, Any], connection: Connection) -> str:
    try:
        return str(found["type"].compile(dialect=connection.dialect))
    except CompileError:
        return type(found["type"]).__name__


def _definition(inspector: Inspector, name: str, schema: str | None) -> str:
    """The text of a view; empty for a table."""
    try:
        return str(inspector.get_view_definition(name, schema) or "")
    except (NoSuchTableError, NotImplementedError):
        return ""


# ---- rows -------------------------------------------------------------------------------------------------


def _rows(door: Door, asked: _Asked, source: Source, inputs: Inputs) -> Iterator[pa.RecordBatch]:
    held: list[pa.RecordBatch] = []
    seen = 0
    try:
        for part in _parts(door, asked, source, inputs):
            seen += part.num_rows
            held.append(part)
            if _enough(held, inputs):
                yield _joined(held)
                held = []
    except AddressError as error:
        source.report(_interruption(error, inputs), rows=seen, detail=error.params.get("detail", error.key))
    if held:
        yield _joined(held)


def _parts(door: Door, asked: _Asked, source: Source, inputs: Inputs) -> Iterator[pa.RecordBatch]:
    """The rows as they come from the server, a few at a time."""
    names = [str(at) for at in range(len(asked.columns))]
    options = {"stream_results": True, "yield_per": inputs.fetch_rows}
    with _connected(door, inputs) as connection:
        reading, cursor = Reading(connection), None
        try:
            result = connection.execute(asked.rows, execution_options=options)
            cursor = result.cursor
            for part in result.partitions():
                columns = [text_array(cells) for cells in zip(*part, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, names=names)
        except BaseException:  # also where whoever reads stops early
            reading.abandon(cursor)
            raise
        if reading.not_text:
            source.report("not_decoded", count=reading.not_text)


def _enough(held: Sequence[pa.RecordBatch], inputs: Inputs) -> bool:
    rows = sum(part.num_rows for part in held)
    size = sum(int(part.nbytes) for part in held)
    return rows >= inputs.batch_rows or size >= inputs.batch_bytes


def _joined(held: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.concat_batches(held)


def _interruption(error: AddressError, inputs: Inputs) -> str:
    return "vanished" if error.code in inputs.gone_codes else "cut_off"
