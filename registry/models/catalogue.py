"""The tables of the register. Content is stored once, as canonical JSON with its digest; columns beside it are
what queries ask for. (No ``from __future__ import annotations`` here: it breaks list relationships.)
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, Integer, MetaData, UniqueConstraint
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


def moment(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(UTCDateTime(), nullable=nullable))


class Agency(SQLModel, table=True):
    """A department: who provides. ``number`` is its two digits in the codes of its city."""

    id: str = Field(primary_key=True, max_length=32)
    code: str = Field(max_length=18, unique=True)
    name: str = Field(max_length=100, index=True)
    kind: str = Field(max_length=20)
    region: str = Field(max_length=6, index=True)
    number: int
    parent_id: str | None = Field(default=None, foreign_key="agency.id", max_length=32)
    successor_id: str | None = Field(default=None, foreign_key="agency.id", max_length=32)
    valid_from: date | None = None
    valid_until: date | None = None
    created_at: datetime = moment()

    __table_args__ = (UniqueConstraint("region", "number"),)


class System(SQLModel, table=True):
    """A government information system. ``ident`` is the number it is known by, if it has one."""

    id: str = Field(primary_key=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    ident: str | None = Field(default=None, max_length=50)
    name: str = Field(max_length=100)
    profile: str = Field(max_length=32)
    system_class: str | None = Field(default=None, max_length=8)
    life: str = Field(max_length=16)
    successor_id: str | None = Field(default=None, foreign_key="system.id", max_length=32)
    created_at: datetime = moment()

    __table_args__ = (UniqueConstraint("agency_id", "name"),)


class ImportBatch(SQLModel, table=True):
    """One import: the file's name and SHA-256, how it was taken in, and what came of it."""

    __tablename__ = "import_batch"

    id: str = Field(primary_key=True, max_length=32)
    file_name: str = Field(max_length=255)
    sha256: str = Field(max_length=64, index=True)
    mode: str = Field(max_length=16)
    profile: str = Field(max_length=32)
    spec: str = Field(max_length=64)
    actor: str = Field(max_length=64)
    at: datetime = moment()
    counts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class Entry(SQLModel, table=True):
    """A catalogue entry. ``in_force`` and ``newest`` are version numbers; ``lock`` guards against lost updates."""

    id: str = Field(primary_key=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    system_id: str | None = Field(default=None, foreign_key="system.id", index=True, max_length=32)
    code: str | None = Field(default=None, max_length=50, unique=True)
    code_status: str = Field(max_length=16)
    state: str = Field(max_length=16, index=True)
    in_force: int | None = None
    newest: int
    created_at: datetime = moment()
    lock: int = 1

    __table_args__ = (
        CheckConstraint("newest >= 1", name="newest_from_one"),
        Index("ix_entry_agency_state", "agency_id", "state"),
    )


class Version(SQLModel, table=True):
    """Immutable content of an entry. The findings beside it are those of its registration under ``spec``."""

    entry_id: str = Field(primary_key=True, foreign_key="entry.id", max_length=32)
    number: int = Field(primary_key=True)
    state: str = Field(max_length=16, index=True)
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    digest: str = Field(max_length=64, index=True)
    name: str = Field(max_length=200, index=True)
    folded: str = Field(max_length=200, index=True)
    share_type: str | None = Field(default=None, max_length=20)
    open_type: str | None = Field(default=None, max_length=20)
    data_grade: str | None = Field(default=None, max_length=20)
    profile: str = Field(max_length=32)
    spec: str = Field(max_length=64)
    findings: list[Any] = Field(sa_column=Column(Json, nullable=False))
    needs: list[Any] = Field(sa_column=Column(Json, nullable=False))
    errors: int
    warnings: int
    batch_id: str | None = Field(default=None, foreign_key="import_batch.id", max_length=32)
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()


class Item(SQLModel, table=True):
    """One item of a version, in its place; ``content`` holds its stored values."""

    entry_id: str = Field(primary_key=True, max_length=32)
    number: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    item_name: str | None = Field(default=None, max_length=255, index=True)
    item_code: str | None = Field(default=None, max_length=128)
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class CodeRecord(SQLModel, table=True):
    """Every resource code ever seen. A row is never deleted, so that no code is given twice."""

    __tablename__ = "code_record"

    code: str = Field(primary_key=True, max_length=50)
    entry_id: str = Field(index=True, max_length=32)
    status: str = Field(max_length=16)
    at: datetime = moment()
    retired_at: datetime | None = moment(nullable=True)


class CodeNode(SQLModel, table=True):
    """The last running number given under one class code."""

    __tablename__ = "code_node"

    class_code: str = Field(primary_key=True, max_length=40)
    last: int


class AuditEvent(SQLModel, table=True):
    """One act on the record, chained by hash. Only digests and names stand here, never content (§12 R1)."""

    __tablename__ = "audit_event"

    seq: int = Field(sa_column=Column(Serial, primary_key=True, autoincrement=False))
    at: datetime = moment()
    actor: str = Field(max_length=64)
    act: str = Field(max_length=32, index=True)
    subject: str = Field(max_length=64, index=True)
    details: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    previous: str = Field(max_length=64)
    digest: str = Field(max_length=64)


__all__ = [
    "Agency",
    "AuditEvent",
    "CodeNode",
    "CodeRecord",
    "Entry",
    "ImportBatch",
    "Item",
    "System",
    "Version",
    "metadata",
]
