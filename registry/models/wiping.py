"""The tables of retirement and data wiping: cases, their steps and entries, wipe cases, wipe records."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class Retirement(SQLModel, table=True):
    """The retirement of a system (系统停用), from decision to closed case. Source: S-LPS 26; domain §12 R15.

    ``decided_on`` is the day of retirement: no wipe may have been made before it.
    """

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=40, unique=True)
    system_id: str = Field(foreign_key="system.id", index=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    successor_id: str | None = Field(default=None, foreign_key="system.id", max_length=32)
    state: str = Field(max_length=16, index=True)
    decision_no: str = Field(max_length=100)
    decided_on: date
    why: str = Field(default="", max_length=1000)
    impact: dict[str, Any] = json_column()
    opened_by: str = Field(max_length=64)
    opened_at: datetime = moment()
    closed_by: str = Field(default="", max_length=64)
    closed_at: datetime | None = moment(nullable=True)
    lock: int = 1


class RetirementStep(SQLModel, table=True):
    """One step of a retirement that was done (retirement.yaml ``order``), with its paper."""

    __tablename__ = "retirement_step"

    id: str = Field(primary_key=True, max_length=32)
    retirement_id: str = Field(foreign_key="retirement.id", index=True, max_length=32)
    step: str = Field(max_length=16)
    number: str = Field(default="", max_length=100)
    day: date | None = None
    sha256: str | None = Field(default=None, max_length=64)
    file_name: str | None = Field(default=None, max_length=255)
    note: str = Field(default="", max_length=1000)
    data: dict[str, Any] = json_column()
    by: str = Field(max_length=64)
    at: datetime = moment()


class RetirementEntry(SQLModel, table=True):
    """The fate of one entry in a retirement (retirement.yaml ``fates``); ``done_at``: it has come true.

    ``archive`` says where an archived one is kept; ``number`` is the version that a transfer made.
    """

    __tablename__ = "retirement_entry"

    retirement_id: str = Field(primary_key=True, foreign_key="retirement.id", max_length=32)
    entry_id: str = Field(primary_key=True, foreign_key="entry.id", index=True, max_length=32)
    fate: str = Field(default="", max_length=16)
    why: str = Field(default="", max_length=500)
    archive: str = Field(default="", max_length=200)
    number: int | None = None
    trouble: str = Field(default="", max_length=500)
    decided_by: str = Field(default="", max_length=64)
    decided_at: datetime | None = moment(nullable=True)
    done_at: datetime | None = moment(nullable=True)


class WipeCase(SQLModel, table=True):
    """A case that data be wiped (清除任务): what for (retirement.yaml ``cases``), and which kinds of copy do not exist.

    ``not_before``: the day before which no wipe of it can have been made. ``absent`` holds kinds of copies that
    there are none of, each with a word why.
    """

    __tablename__ = "wipe_case"

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=40, unique=True)
    kind: str = Field(max_length=16)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    system_id: str | None = Field(default=None, foreign_key="system.id", index=True, max_length=32)
    retirement_id: str | None = Field(default=None, foreign_key="retirement.id", index=True, max_length=32)
    grant_id: str | None = Field(default=None, foreign_key="share_grant.id", max_length=32)
    decision_no: str = Field(default="", max_length=100)
    contract_no: str = Field(default="", max_length=100)
    not_before: date | None = None
    due: date | None = None
    why: str = Field(default="", max_length=500)
    absent: dict[str, Any] = json_column()
    state: str = Field(max_length=16, index=True)
    opened_by: str = Field(max_length=64)
    opened_at: datetime = moment()
    closed_by: str = Field(default="", max_length=64)
    closed_at: datetime | None = moment(nullable=True)
    lock: int = 1


class WipeRecord(SQLModel, table=True):
    """One attempt to wipe one medium, cloud resource or holding (清除记录). Rows are only ever added to, never changed.

    ``content`` is what was recorded (fields of retirement.yaml for its ``kind``), ``digest`` its SHA-256 over canonical
    JSON with ``previous``, the digest of the record before it in the register. Who verifies, witnesses and approves adds
    his part once. ``certificate`` is the document that was issued, as canonical JSON.
    """

    __tablename__ = "wipe_record"

    id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="wipe_case.id", index=True, max_length=32)
    seq: int = Field(unique=True)
    kind: str = Field(max_length=16)
    state: str = Field(max_length=16, index=True)
    copies: list[str] = json_column()
    content: dict[str, Any] = json_column()
    serial_no: str | None = Field(default=None, index=True, max_length=100)
    method: str | None = Field(default=None, max_length=16)
    technique: str | None = Field(default=None, max_length=32)
    result: str | None = Field(default=None, max_length=16)
    digest: str = Field(max_length=64)
    previous: str = Field(default="", max_length=64)
    findings: list[Any] = json_column()
    recorded_by: str = Field(max_length=64)
    recorded_at: datetime = moment()
    verification: dict[str, Any] | None = json_column(nullable=True)
    verified_by: str = Field(default="", max_length=64)
    verified_at: datetime | None = moment(nullable=True)
    witness: dict[str, Any] | None = json_column(nullable=True)
    witnessed_by: str = Field(default="", max_length=64)
    witnessed_at: datetime | None = moment(nullable=True)
    approval: dict[str, Any] | None = json_column(nullable=True)
    approved_by: str = Field(default="", max_length=64)
    approved_at: datetime | None = moment(nullable=True)
    certificate_no: str | None = Field(default=None, max_length=32, unique=True)
    certificate: str | None = Field(default=None)
    erased_at: datetime | None = moment(nullable=True)

    __table_args__ = (Index("ix_wipe_record_case_seq", "case_id", "seq"),)
