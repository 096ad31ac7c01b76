"""The tables of government information systems: their life, their tables, and the places where their data lie."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class SystemLife(SQLModel, table=True):
    """One step in the life of a system (systems.yaml ``lives``), with the paper that it rests on."""

    __tablename__ = "system_life"

    id: str = Field(primary_key=True, max_length=32)
    system_id: str = Field(foreign_key="system.id", index=True, max_length=32)
    before: str = Field(max_length=16)
    after: str = Field(max_length=16)
    day: date
    document: str = Field(default="", max_length=100)
    sha256: str | None = Field(default=None, max_length=64)
    file_name: str | None = Field(default=None, max_length=255)
    note: str = Field(default="", max_length=500)
    data: dict[str, Any] = json_column()
    by: str = Field(max_length=64)
    at: datetime = moment()


class SystemTable(SQLModel, table=True):
    """A table of a system, as its newest list has it: covered by an entry, or left out with a reason.

    ``found_in`` is how the list was read (reflection, DDL, dictionary); ``gone_at``: no longer on the newest list.
    """

    __tablename__ = "system_table"

    id: str = Field(primary_key=True, max_length=32)
    system_id: str = Field(foreign_key="system.id", index=True, max_length=32)
    name: str = Field(max_length=200)
    comment: str = Field(default="", max_length=500)
    columns: int = 0
    found_in: str = Field(max_length=16)
    entry_id: str | None = Field(default=None, foreign_key="entry.id", index=True, max_length=32)
    excluded: str = Field(default="", max_length=32)
    why: str = Field(default="", max_length=500)
    decided_by: str = Field(default="", max_length=64)
    decided_at: datetime | None = moment(nullable=True)
    seen_at: datetime = moment()
    gone_at: datetime | None = moment(nullable=True)

    __table_args__ = (UniqueConstraint("system_id", "name"),)


class DataCopy(SQLModel, table=True):
    """A place where data lie (数据副本): database, backup, log, front-end server, portal, contractor …

    ``kind`` is a key of ``copies`` in retirement.yaml, ``medium`` of ``media``; ``ids`` holds what identifies the
    medium or cloud resource (fields of retirement.yaml). ``state`` is a key of ``copy_states`` in systems.yaml;
    ``case_id`` the wipe case that answers for it. Data got by a grant have ``grant_id`` and need no system.
    """

    __tablename__ = "data_copy"

    id: str = Field(primary_key=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    system_id: str | None = Field(default=None, foreign_key="system.id", index=True, max_length=32)
    grant_id: str | None = Field(default=None, foreign_key="share_grant.id", max_length=32)
    kind: str = Field(max_length=16)
    name: str = Field(max_length=200)
    holder: str = Field(default="", max_length=100)
    medium: str = Field(default="", max_length=16)
    serial_no: str | None = Field(default=None, index=True, max_length=100)
    ids: dict[str, Any] = json_column()
    data_grade: str | None = Field(default=None, max_length=20)
    target: str = Field(default="", max_length=64)
    state: str = Field(max_length=16, index=True)
    note: str = Field(default="", max_length=500)
    case_id: str | None = Field(default=None, foreign_key="wipe_case.id", index=True, max_length=32)
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    changed_at: datetime = moment()
    lock: int = 1
