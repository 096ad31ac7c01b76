"""The tables of responsibility lists: the line of every announced version, and the sealed editions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class ListLine(SQLModel, table=True):
    """What one list says of one announced version, as far as the version itself says it.

    ``line`` is the canonical JSON of its columns (texts as printed), ``content`` the digest of the version, which
    ``digest`` binds the line to: a list is a concatenation of such lines. ``promised`` is the day (2026-11-22) by
    which the entry is to be on the shelf; a new version does not move it.
    """

    __tablename__ = "list_line"

    entry_id: str = Field(primary_key=True, foreign_key="entry.id", max_length=32)
    number: int = Field(primary_key=True)
    list_kind: str = Field(primary_key=True, max_length=32)
    content: str = Field(max_length=64)
    promised: str = Field(max_length=10)
    line: str = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(max_length=64)


class Edition(SQLModel, table=True):
    """清单期次: the lists of an agency as its head sealed them, numbered within the year. Never changed after.

    ``body`` is the canonical JSON that was frozen; ``digest`` is of its head and the digests of its lines, so that
    the content of a line can be erased and the edition still verifies. ``substance`` is of what is owed alone,
    ``code`` the verification code. ``mark`` is the integrity mark, ``proof`` that the sealing stands on the audit
    record, ``erasure`` what vouches for lines that were erased since. The stamped scan comes after it, once.
    """

    id: str = Field(primary_key=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", max_length=32)
    year: int
    number: int
    profile: str = Field(max_length=32)
    spec: str = Field(max_length=64)
    body: str = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(max_length=64, index=True)
    owed: str = Field(max_length=64)
    substance: str = Field(max_length=64)
    code: str = Field(max_length=32, unique=True)
    rows: int
    mark: dict[str, Any] = json_column()
    proof: dict[str, Any] | None = json_column(nullable=True)
    erasure: dict[str, Any] | None = json_column(nullable=True)
    sealed_by: str = Field(max_length=64)
    person_id: str = Field(foreign_key="person.id", max_length=32)
    role: str = Field(max_length=32)
    delegation_id: str | None = Field(default=None, foreign_key="delegation.id", max_length=32)
    sealed_at: datetime = moment()
    published_by: str | None = Field(default=None, max_length=64)
    published_at: datetime | None = moment(nullable=True)
    scan_sha256: str | None = Field(default=None, max_length=64)
    scan_name: str | None = Field(default=None, max_length=255)
    scan_by: str | None = Field(default=None, max_length=64)
    scan_at: datetime | None = moment(nullable=True)

    __table_args__ = (UniqueConstraint("agency_id", "year", "number"),)
