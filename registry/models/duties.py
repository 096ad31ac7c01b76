"""The tables of duties: evidence, reviews, orders to rectify, and what follows for next year's budget."""

from datetime import date, datetime
from typing import Any

from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class DutyEvidence(SQLModel, table=True):
    """What shows that a duty was done in a year, or (``waived``) why it does not apply.

    ``duty`` is an id of duties.yaml, ``kind`` one of its kinds of evidence; it speaks of an agency or of a system
    (of neither: of the city).
    """

    __tablename__ = "duty_evidence"

    id: str = Field(primary_key=True, max_length=32)
    duty: str = Field(index=True, max_length=16)
    year: int = Field(index=True)
    agency_id: str | None = Field(default=None, foreign_key="agency.id", index=True, max_length=32)
    system_id: str | None = Field(default=None, foreign_key="system.id", index=True, max_length=32)
    kind: str = Field(max_length=32)
    waived: bool = False
    number: str = Field(default="", max_length=100)
    day: date | None = None
    sha256: str | None = Field(default=None, max_length=64)
    file_name: str | None = Field(default=None, max_length=255)
    note: str = Field(default="", max_length=500)
    by: str = Field(max_length=64)
    at: datetime = moment()
    withdrawn_why: str = Field(default="", max_length=500)
    withdrawn_by: str = Field(default="", max_length=64)
    withdrawn_at: datetime | None = moment(nullable=True)


class SystemReview(SQLModel, table=True):
    """A review by the authority: of a plan (方案评审, reasons R1-R7) or before acceptance (验收符合性审查)."""

    __tablename__ = "system_review"

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=16)
    system_id: str = Field(foreign_key="system.id", index=True, max_length=32)
    year: int
    passed: bool
    reasons: list[Any] = json_column()
    number: str = Field(default="", max_length=100)
    day: date
    vendor: str = Field(default="", max_length=100)
    filing_no: str = Field(default="", max_length=100)
    filing_day: date | None = None
    sha256: str | None = Field(default=None, max_length=64)
    file_name: str | None = Field(default=None, max_length=255)
    note: str = Field(default="", max_length=1000)
    data: dict[str, Any] = json_column()
    by: str = Field(max_length=64)
    at: datetime = moment()


class Rectification(SQLModel, table=True):
    """An order to put something right (整改通知) on a system: ordered, reported done, closed (销号) or sent back.

    ``returned`` is why it was last sent back; what was written before stands in the record of acts.
    ``trigger`` is an id of ``rectification_triggers`` or ``liabilities`` in duties.yaml.
    """

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=40, unique=True)
    system_id: str = Field(foreign_key="system.id", index=True, max_length=32)
    trigger: str = Field(max_length=16)
    words: str = Field(max_length=1000)
    document: str = Field(max_length=100)
    day: date
    due: date
    state: str = Field(max_length=16, index=True)
    sha256: str | None = Field(default=None, max_length=64)
    file_name: str | None = Field(default=None, max_length=255)
    ordered_by: str = Field(max_length=64)
    ordered_at: datetime = moment()
    report: str = Field(default="", max_length=1000)
    report_sha256: str | None = Field(default=None, max_length=64)
    report_file: str | None = Field(default=None, max_length=255)
    reported_by: str = Field(default="", max_length=64)
    reported_at: datetime | None = moment(nullable=True)
    returned: str = Field(default="", max_length=1000)
    closing: str = Field(default="", max_length=1000)
    closed_by: str = Field(default="", max_length=64)
    closed_at: datetime | None = moment(nullable=True)
    lock: int = 1


class BudgetFlag(SQLModel, table=True):
    """Next year's budget is not arranged in principle (S-ZY 29; S-LPS 33): for an agency and a year."""

    __tablename__ = "budget_flag"

    id: str = Field(primary_key=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    year: int = Field(index=True)
    reasons: list[Any] = json_column()
    document: str = Field(max_length=100)
    day: date
    note: str = Field(default="", max_length=1000)
    by: str = Field(max_length=64)
    at: datetime = moment()
    lifted_why: str = Field(default="", max_length=1000)
    lifted_by: str = Field(default="", max_length=64)
    lifted_at: datetime | None = moment(nullable=True)
