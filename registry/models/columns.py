"""What all tables share: names of constraints, portable column types. (No ``from __future__ import annotations``
in table modules: it breaks list relationships.)
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from registry.db import UTCDateTime

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING
metadata: MetaData = SQLModel.metadata
Json = JSON().with_variant(JSONB(), "postgresql")
# SQLite numbers rows by itself only in a plain INTEGER key
Serial = BigInteger().with_variant(Integer(), "sqlite")


def moment(*, nullable: bool = False, index: bool = False) -> Any:
    """A column that holds a moment in UTC."""
    return Field(default=None, sa_column=Column(UTCDateTime(), nullable=nullable, index=index))


def json_column(*, nullable: bool = False) -> Any:
    """A column that holds a JSON value."""
    return Field(default=None, sa_column=Column(Json, nullable=nullable))


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model, for statements that go past the mapper."""
    return metadata.tables[str(model.__tablename__)]
