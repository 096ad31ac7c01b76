"""The tables of requests: what is asked for, every act on it, the grants, their use, and disputes."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class DataRequest(SQLModel, table=True):
    """共享需求、校核申请 or 开放申请: one request for an entry or about it. Source: S1 20-22, 26.

    ``agency_id`` is the provider, ``requester_id`` the agency that asks (None for an open request, whose
    ``applicant`` says who asks) and for a correction that the authority asks for. ``content`` holds the fields of
    its kind. ``awaits`` is the task that is next (requests.yaml), ``clock`` the row of deadlines.yaml that runs from
    ``clock_from``; a clock that has ended stays, so that it can be told whether the answer was in time.
    """

    __tablename__ = "data_request"

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=32, unique=True)
    kind: str = Field(max_length=16)
    entry_id: str = Field(foreign_key="entry.id", index=True, max_length=32)
    entry_number: int
    agency_id: str = Field(foreign_key="agency.id", max_length=32)
    requester_id: str | None = Field(default=None, foreign_key="agency.id", index=True, max_length=32)
    applicant: dict[str, Any] | None = json_column(nullable=True)
    content: dict[str, Any] = json_column()
    state: str = Field(max_length=16)
    awaits: str | None = Field(default=None, max_length=32, index=True)
    awaits_since: datetime | None = moment(nullable=True)
    clock: str | None = Field(default=None, max_length=32)
    clock_from: datetime | None = moment(nullable=True)
    extended: bool = False
    extension_asked_at: datetime | None = moment(nullable=True)
    supplemented: bool = False
    decision: str | None = Field(default=None, max_length=16)
    reasons: str = Field(default="", max_length=2000)
    filed_by: str = Field(max_length=64)
    filed_at: datetime = moment()
    received_at: datetime | None = moment(nullable=True)
    answered_at: datetime | None = moment(nullable=True)
    closed_at: datetime | None = moment(nullable=True)
    erased_at: datetime | None = moment(nullable=True)
    lock: int = 1

    __table_args__ = (Index("ix_data_request_agency_state", "agency_id", "state"),)


class ShareGrant(SQLModel, table=True):
    """共享授权: what a request was granted: which items, how, for what, until when. It runs until it ends.

    ``provided_at`` is when the data were first provided (within 20 working days, S1 22). ``state``: ``active``,
    ``suspended`` or ``ended``, with ``ended_why``. ``rectify_by`` is the day until which a misuse is to be put
    right, ``rectified_at`` when the user said that it was; ``used_at`` and ``destroyed_at`` are its last records.
    """

    __tablename__ = "share_grant"

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=32, unique=True)
    request_id: str = Field(foreign_key="data_request.id", index=True, max_length=32)
    entry_id: str = Field(foreign_key="entry.id", index=True, max_length=32)
    agency_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    requester_id: str = Field(foreign_key="agency.id", index=True, max_length=32)
    pattern: str = Field(max_length=20)
    items: list[str] = json_column()
    content: dict[str, Any] = json_column()
    valid_from: date
    valid_until: date | None = None
    state: str = Field(max_length=16, index=True)
    provided_at: datetime | None = moment(nullable=True)
    used_at: datetime | None = moment(nullable=True)
    destroyed_at: datetime | None = moment(nullable=True)
    suspended_at: datetime | None = moment(nullable=True)
    rectify_by: date | None = None
    rectified_at: datetime | None = moment(nullable=True)
    ended_at: datetime | None = moment(nullable=True)
    ended_why: str | None = Field(default=None, max_length=16)
    created_at: datetime = moment()
    lock: int = 1


class RequestAct(SQLModel, table=True):
    """One act on a request, a grant or a dispute, and by whom; ``data`` is what it was given."""

    __tablename__ = "request_act"

    id: str = Field(primary_key=True, max_length=32)
    request_id: str = Field(foreign_key="data_request.id", index=True, max_length=32)
    grant_id: str | None = Field(default=None, foreign_key="share_grant.id", index=True, max_length=32)
    act: str = Field(max_length=32)
    role: str = Field(default="", max_length=32)
    person_id: str | None = Field(default=None, foreign_key="person.id", max_length=32)
    login: str = Field(max_length=64)
    operator: str | None = Field(default=None, max_length=64)
    state_before: str = Field(max_length=16)
    state_after: str = Field(max_length=16)
    note: str = Field(default="", max_length=2000)
    data: dict[str, Any] = json_column()
    at: datetime = moment()


class UsageRecord(SQLModel, table=True):
    """使用记录: how shared data were used, or that they were destroyed; kept at least three years (S1 27, 29)."""

    __tablename__ = "usage_record"

    id: str = Field(primary_key=True, max_length=32)
    grant_id: str = Field(foreign_key="share_grant.id", index=True, max_length=32)
    kind: str = Field(max_length=16)
    content: dict[str, Any] = json_column()
    recorded_by: str = Field(max_length=64)
    at: datetime = moment()
    keep_until: date


class Dispute(SQLModel, table=True):
    """共享争议: its step on the path of S1 28 (negotiate, coordinate, decide), then ``closed``, and its outcome.

    ``settled_at`` is the step at which it was closed.
    """

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=32, unique=True)
    request_id: str = Field(foreign_key="data_request.id", index=True, max_length=32)
    grant_id: str | None = Field(default=None, foreign_key="share_grant.id", max_length=32)
    raised_by: str = Field(max_length=64)
    raiser_id: str = Field(foreign_key="agency.id", max_length=32)
    subject: str = Field(max_length=2000)
    step: str = Field(max_length=16)
    settled_at: str | None = Field(default=None, max_length=16)
    outcome: str = Field(default="", max_length=2000)
    document: str = Field(default="", max_length=100)
    opened_at: datetime = moment()
    step_at: datetime = moment()
    closed_at: datetime | None = moment(nullable=True)
    lock: int = 1
