"""The tables of review: distributions, opinions, remarks, records kept as evidence, signature sheets."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class Distribution(SQLModel, table=True):
    """What can be had of an entry (数据资源挂接): a file by its SHA-256, a table, or an interface.

    ``form`` is a code of share_mode_type, ``patterns`` of share_pattern; ``items`` name items of the entry.
    """

    id: str = Field(primary_key=True, max_length=32)
    entry_id: str = Field(foreign_key="entry.id", index=True, max_length=32)
    name: str = Field(max_length=200)
    form: str = Field(max_length=8)
    patterns: list[str] = json_column()
    items: list[str] = json_column()
    opened: bool = False
    location: str = Field(default="", max_length=500)
    file_name: str | None = Field(default=None, max_length=255)
    sha256: str | None = Field(default=None, max_length=64)
    state: str = Field(max_length=16, index=True)
    awaits: str | None = Field(default=None, max_length=32, index=True)
    awaits_since: datetime | None = moment(nullable=True)
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    shelved_at: datetime | None = moment(nullable=True)
    ended_at: datetime | None = moment(nullable=True)
    lock: int = 1


class Opinion(SQLModel, table=True):
    """One move that was made, and by whom: a signature where the move is one.

    It is bound to ``bound_digest``, the digest of the entry's fields of ``bound_class`` and heavier ones, so
    that a later change voids it only when it touches them (S1 27; domain §12 R4). ``data`` holds what the
    move was given (conclusion, reasons, notice number); ``sheet_id`` the signature sheet that evidences it.
    """

    id: str = Field(primary_key=True, max_length=32)
    entry_id: str = Field(foreign_key="entry.id", max_length=32)
    number: int
    distribution_id: str | None = Field(
        default=None, foreign_key="distribution.id", index=True, max_length=32
    )
    move: str = Field(max_length=32)
    role: str = Field(max_length=32)
    person_id: str = Field(foreign_key="person.id", max_length=32)
    login: str = Field(max_length=64)
    delegation_id: str | None = Field(default=None, foreign_key="delegation.id", max_length=32)
    operator: str | None = Field(default=None, max_length=64)
    state_before: str = Field(max_length=16)
    state_after: str = Field(max_length=16)
    bound_class: str | None = Field(default=None, max_length=16)
    bound_digest: str | None = Field(default=None, max_length=64)
    note: str = Field(default="", max_length=2000)
    data: dict[str, Any] = json_column()
    sheet_id: str | None = Field(default=None, foreign_key="signature_sheet.id", max_length=32)
    at: datetime = moment()

    __table_args__ = (
        Index("ix_opinion_entry_at", "entry_id", "at"),
        Index("ix_opinion_person_at", "person_id", "at"),
    )


class Remark(SQLModel, table=True):
    """One reason of a return, by field: a phrase of the phrase book, or words of one's own."""

    id: str = Field(primary_key=True, max_length=32)
    opinion_id: str = Field(foreign_key="opinion.id", index=True, max_length=32)
    entry_id: str = Field(foreign_key="entry.id", index=True, max_length=32)
    number: int
    field: str = Field(default="", max_length=64)
    item: str = Field(default="", max_length=255)
    phrase: str = Field(default="", max_length=64)
    text: str = Field(max_length=500)
    why_late: str = Field(default="", max_length=500)
    at: datetime = moment()


class Record(SQLModel, table=True):
    """A record kept as evidence: a risk assessment, a PIA, a consultation, an approval …

    It speaks of an entry, a system (its entries alike) or a distribution; ``bound_digest`` as with opinions.
    """

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=32, index=True)
    entry_id: str | None = Field(default=None, foreign_key="entry.id", index=True, max_length=32)
    system_id: str | None = Field(default=None, foreign_key="system.id", index=True, max_length=32)
    distribution_id: str | None = Field(
        default=None, foreign_key="distribution.id", index=True, max_length=32
    )
    number: str = Field(default="", max_length=100)
    day: date | None = None
    sha256: str | None = Field(default=None, max_length=64)
    file_name: str | None = Field(default=None, max_length=255)
    bound_class: str | None = Field(default=None, max_length=16)
    bound_digest: str | None = Field(default=None, max_length=64)
    data: dict[str, Any] = json_column()
    recorded_by: str = Field(max_length=64)
    at: datetime = moment()
    withdrawn_at: datetime | None = moment(nullable=True)


class SignatureSheet(SQLModel, table=True):
    """A printed batch (签批单) with digests; the signed scan or OA number evidences its move for all of it."""

    __tablename__ = "signature_sheet"

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=32, unique=True)
    move: str = Field(max_length=32)
    role: str = Field(max_length=32)
    agency_id: str | None = Field(default=None, foreign_key="agency.id", max_length=32)
    rows: list[Any] = json_column()
    digest: str = Field(max_length=64)
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    oa_number: str | None = Field(default=None, max_length=100)
    sha256: str | None = Field(default=None, max_length=64)
    signed_at: datetime | None = moment(nullable=True)
