"""The tables of the catalogue. Content is stored once, as canonical JSON with its digest; columns beside it are
what queries ask for.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class Agency(SQLModel, table=True):
    """A department: who provides. ``number`` is its two digits in the codes of its city.

    ``level`` is a code of data_level. ``valid_from`` and ``valid_until`` are its first and last day; a closed one
    names in ``successor_id`` who took over, if it was one agency.
    """

    id: str = Field(primary_key=True, max_length=32)
    code: str = Field(max_length=18, unique=True)
    name: str = Field(max_length=100, index=True)
    kind: str = Field(max_length=20)
    region: str = Field(max_length=6, index=True)
    level: str | None = Field(default=None, max_length=8)
    number: int
    parent_id: str | None = Field(default=None, foreign_key="agency.id", max_length=32)
    successor_id: str | None = Field(default=None, foreign_key="agency.id", max_length=32)
    valid_from: date | None = None
    valid_until: date | None = None
    created_at: datetime = moment()

    __table_args__ = (UniqueConstraint("region", "number"),)


class AgencyChange(SQLModel, table=True):
    """One change in the life of an agency: a new name, a merger, a split, its end. Source: domain §12 R14.

    ``day`` is the first day of the new order, ``name`` the agency's name until then, ``document`` the paper that
    ordered it. ``other_id`` is who took over what ``moved`` lists, by kind: keys of entries, systems, persons.
    """

    __tablename__ = "agency_change"

    id: str = Field(primary_key=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    change: str = Field(max_length=16)
    day: date
    document: str = Field(max_length=100)
    name: str = Field(max_length=100, index=True)
    other_id: str | None = Field(default=None, foreign_key="agency.id", index=True, max_length=32)
    moved: dict[str, Any] = json_column()
    by: str = Field(max_length=64)
    at: datetime = moment()


class System(SQLModel, table=True):
    """A government information system. ``ident`` is the number it is known by, if it has one.

    ``life`` is a key of ``lives`` in systems.yaml. ``protection_level`` is a code of protection_level (等保), with the
    number of its filing; ``crypto_no`` and ``crypto_on`` name the last assessment of cryptography (密评).
    """

    id: str = Field(primary_key=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    ident: str | None = Field(default=None, max_length=50)
    name: str = Field(max_length=100)
    profile: str = Field(max_length=32)
    system_class: str | None = Field(default=None, max_length=8)
    life: str = Field(max_length=16)
    successor_id: str | None = Field(default=None, foreign_key="system.id", max_length=32)
    contractor: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    contract_no: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    contract_from: date | None = None
    contract_until: date | None = None
    protection_level: str | None = Field(default=None, max_length=8)
    protection_no: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    crypto_no: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    crypto_on: date | None = None
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
    counts: dict[str, Any] = json_column()


class Entry(SQLModel, table=True):
    """A catalogue entry. ``in_force`` and ``newest`` are version numbers; ``lock`` guards against lost updates.

    ``frozen_at``: it was kept as an archive when its system was retired, and is updated no more.
    """

    id: str = Field(primary_key=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    system_id: str | None = Field(default=None, foreign_key="system.id", index=True, max_length=32)
    code: str | None = Field(default=None, max_length=50, unique=True)
    code_status: str = Field(max_length=16)
    state: str = Field(max_length=16, index=True)
    in_force: int | None = None
    newest: int
    frozen_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    lock: int = 1

    __table_args__ = (
        CheckConstraint("newest >= 1", name="newest_from_one"),
        Index("ix_entry_agency_state", "agency_id", "state"),
    )


class Version(SQLModel, table=True):
    """Immutable content of an entry. The findings beside it are those of its registration under ``spec``.

    ``change_class`` and ``risk`` are set when it is submitted; ``announced_at`` to ``ended_at`` is the time it
    was in force. ``awaits`` is the move that is next, ``awaits_role`` the role that signs, if it is one role.
    ``erased_at``: its content was removed because something secret stood in it (``mulu spill``).
    """

    entry_id: str = Field(primary_key=True, foreign_key="entry.id", max_length=32)
    number: int = Field(primary_key=True)
    state: str = Field(max_length=16, index=True)
    content: dict[str, Any] = json_column()
    digest: str = Field(max_length=64, index=True)
    name: str = Field(max_length=200, index=True)
    folded: str = Field(max_length=200, index=True)
    share_type: str | None = Field(default=None, max_length=20)
    open_type: str | None = Field(default=None, max_length=20)
    data_grade: str | None = Field(default=None, max_length=20)
    profile: str = Field(max_length=32)
    spec: str = Field(max_length=64)
    findings: list[Any] = json_column()
    needs: list[Any] = json_column()
    errors: int
    warnings: int
    batch_id: str | None = Field(default=None, foreign_key="import_batch.id", max_length=32)
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    change_class: str | None = Field(default=None, max_length=16)
    awaits: str | None = Field(default=None, max_length=32)
    awaits_role: str | None = Field(default=None, max_length=32)
    awaits_since: datetime | None = moment(nullable=True)
    risk: int = 0
    risk_reasons: list[Any] | None = json_column(nullable=True)
    submitted_by: str | None = Field(default=None, max_length=64)
    submitted_at: datetime | None = moment(nullable=True)
    announced_at: datetime | None = moment(nullable=True)
    ended_at: datetime | None = moment(nullable=True)
    notice_id: str | None = Field(default=None, foreign_key="notice.id", max_length=32)
    erased_at: datetime | None = moment(nullable=True)

    __table_args__ = (Index("ix_version_awaits_since", "awaits", "awaits_since"),)


class Notice(SQLModel, table=True):
    """A batch notice (通告) that put versions in force: its number and date. Source: S1 16, S-ZY 21(三)."""

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=100, unique=True)
    day: date
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()


class Item(SQLModel, table=True):
    """One item of a version, in its place; ``content`` holds its stored values."""

    entry_id: str = Field(primary_key=True, max_length=32)
    number: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    item_name: str | None = Field(default=None, max_length=255, index=True)
    item_code: str | None = Field(default=None, max_length=128)
    content: dict[str, Any] = json_column()


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
