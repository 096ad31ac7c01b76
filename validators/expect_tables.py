"""A table in its database, opened for Great Expectations: its columns, its key, its rules for SQLite.

Only reading is asked for. No address is repeated in a message: it may hold a password.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from great_expectations.compatibility.sqlalchemy import sqlalchemy as sa
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData

from catalog_specs import Specs
from validators import expect_metrics as own
from validators.detectors import engine_of, residual
from validators.expect_items import Column, Plan, column_of_type, matched
from validators.expect_results import Hide
from validators.expect_sql import NotPushed, holds_identifier, rough
from validators.hints import hinter


class NotChecked(Exception):
    """A table could not be looked at; the message names the place, the reason and the cure."""


@dataclass(frozen=True)
class Table:
    """An open table: ``engine`` and ``data`` for Great Expectations; ``key`` the table's own primary key."""

    engine: Any
    data: Any
    columns: tuple[Column, ...]
    types: Mapping[str, str]
    key: tuple[str, ...]
    specs: Specs

    def rows(self) -> int:
        """How many rows the table has."""
        query = sa.select(sa.func.count()).select_from(self.data.selectable)
        with self.engine.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def unable(self, plan: Plan) -> dict[int, str]:
        """Checks that this database cannot make, by their number, with the reason."""
        dialect = own.dialect_of(self.engine.engine.dialect)
        return {} if dialect == "sqlite" else unable_to_push(plan, dialect, self.specs)


def unable_to_push(plan: Plan, dialect: str, specs: Specs) -> dict[int, str]:
    """The checks for which there is no SQL, by their number, with the reason."""
    found = {}
    for number, wanted in enumerate(plan.wanted):
        if wanted.check != "desensitized":
            continue
        try:
            holds_identifier(dialect, "c", specs, wanted.params["detectors"])
        except NotPushed as error:
            found[number] = specs.scanning.expectations.says[error.say].zh.format(what=error.what)
    return found


@contextmanager
def open_table(engine_or_url: Any, table: str, schema: str | None, specs: Specs) -> Iterator[Table]:
    """A table or view, open until the end of the block.

    Raises:
        NotChecked: the database is not reached, or there is no such table.
    """
    ours = isinstance(engine_or_url, str)
    engine = _engine(engine_or_url, specs) if ours else engine_or_url
    listener = _sqlite_rules(engine, specs) if engine.dialect.name == "sqlite" else None
    try:
        yield _opened(engine, table, schema, specs)
    finally:
        if listener is not None:
            sa.event.remove(engine, "checkout", listener)
        if ours:
            engine.dispose()


def _engine(url: str, specs: Specs) -> Any:
    says = specs.scanning.expectations.says
    try:
        address = sa.engine.make_url(url)
        database = address.database or ""
        # SQLite would make an empty file of a wrong name
        is_file = address.get_backend_name() == "sqlite" and database not in ("", ":memory:")
        if is_file and not database.startswith("file:") and not Path(database).exists():
            raise NotChecked(says["no_connection"].zh.format(kind="FileNotFoundError"))
        return sa.create_engine(address)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        # without the cause: its text may repeat the address
        raise NotChecked(says["no_connection"].zh.format(kind=type(error).__name__)) from None


def _opened(engine: Any, table: str, schema: str | None, specs: Specs) -> Table:
    says = specs.scanning.expectations.says
    try:
        found = sa.inspect(engine)
        described = found.get_columns(table, schema=schema)
        key = tuple(found.get_pk_constraint(table, schema=schema).get("constrained_columns") or ())
    except sa.exc.NoSuchTableError:
        raise NotChecked(says["no_table"].zh.format(table=table)) from None
    except sa.exc.SQLAlchemyError as error:
        raise NotChecked(says["no_connection"].zh.format(kind=type(error).__name__)) from None
    types = {str(row["name"]): _type(row["type"], engine.dialect.name) for row in described}
    columns = tuple(column_of_type(name, type_, specs, file_like=False) for name, type_ in types.items())
    execution = SqlAlchemyExecutionEngine(engine=engine)
    data = SqlAlchemyBatchData(execution, schema_name=schema, table_name=table, create_temp_table=False)
    return Table(execution, data, columns, types, key, specs)


def _type(type_: Any, dialect: str) -> str:
    """The name of a column's type; a computed column of SQLite has none, and every value can be written out."""
    name = own.type_name(type_)
    return "TEXT" if dialect == "sqlite" and name == "NullType" else name


# ---- SQLite knows no regular expressions ------------------------------------------------------------------


def _sqlite_rules(engine: Any, specs: Specs) -> Callable[..., None]:
    """Teach every connection of an engine our function; gives the listener, to be taken off again."""
    judge = _judge(specs)

    def teach(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.create_function(own.SQLITE_FUNCTION, 3, judge, deterministic=True)

    sa.event.listen(engine, "checkout", teach)
    return teach


def _judge(specs: Specs) -> Callable[[Any, str, str], int | None]:
    engine = engine_of(specs)

    @lru_cache(maxsize=64)
    def asked(listed: str) -> tuple[list[str], dict[int, str | None], re.Pattern[str]]:
        keys = listed.split(",")
        table, pattern = rough(specs, keys)
        return keys, table, re.compile(pattern)

    def judge(value: Any, _spec: str, detectors: str) -> int | None:
        if value is None:
            return None
        keys, table, pattern = asked(detectors)
        text = own.written(value)
        # the engine is made for columns, and one value costs it as much as a thousand
        return int(
            bool(pattern.search(text.translate(table))) and bool(residual(engine, pa.array([text]), keys)[0])
        )

    return judge


# ---- keys that must not be shown --------------------------------------------------------------------------


def hider(content: Mapping[str, Any], keys: tuple[str, ...], specs: Specs) -> Hide:
    """A function that tells which row keys must not be shown: those that are, or hold, an identifier."""
    items = content.get("items", ())
    flags = specs.scanning.proofs.sensitive_flags
    hint = hinter(specs)
    named = [items[n] for n, name in matched(content, keys).items() if name in keys]
    personal = any(
        item.get("pii_class") == "direct"
        or item.get("sensitive_flag") in flags
        or hint(str(item.get("item_name") or ""), str(item.get("item_code") or "")).detector
        for item in named
    )

    def hide(texts: Sequence[str]) -> Sequence[bool]:
        if personal:
            return [True] * len(texts)
        return list(residual(engine_of(specs), pa.array(texts, type=pa.string())))

    return hide
