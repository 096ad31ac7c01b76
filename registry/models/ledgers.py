"""The tables of the ledgers: the audit tree, stored files, repeated requests, jobs."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from registry.models.columns import Serial, json_column, moment


class AuditEvent(SQLModel, table=True):
    """One act on the record, chained by hash. Only digests and names stand here, never content (§12 R1)."""

    __tablename__ = "audit_event"

    seq: int = Field(sa_column=Column(Serial, primary_key=True, autoincrement=False))
    at: datetime = moment()
    actor: str = Field(max_length=64)
    act: str = Field(max_length=32, index=True)
    subject: str = Field(max_length=64, index=True)
    details: dict[str, Any] = json_column()
    previous: str = Field(max_length=64)
    digest: str = Field(max_length=64)


class Blob(SQLModel, table=True):
    """A stored file, once by its SHA-256; the bytes lie in the files folder. ``erased_at``: the bytes are gone."""

    sha256: str = Field(primary_key=True, max_length=64)
    size: int = Field(sa_column=Column(Serial, nullable=False))
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    erased_at: datetime | None = moment(nullable=True)


class RepeatedRequest(SQLModel, table=True):
    """What a request with an Idempotency-Key was answered, so that its repetition is answered alike."""

    __tablename__ = "repeated_request"

    key: str = Field(primary_key=True, max_length=64)
    request: str = Field(max_length=64)
    status: int
    body: Any = json_column(nullable=True)
    headers: dict[str, Any] = json_column()
    created_at: datetime = moment(index=True)


class Job(SQLModel, table=True):
    """Work done beside the requests: an import of a large file. ``leased_until`` frees it when a worker dies."""

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=32)
    state: str = Field(max_length=16, index=True)
    payload: dict[str, Any] = json_column()
    done: int = 0
    total: int = 0
    result: dict[str, Any] | None = json_column(nullable=True)
    problem: dict[str, Any] | None = json_column(nullable=True)
    attempts: int = 0
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    due_at: datetime = moment()
    started_at: datetime | None = moment(nullable=True)
    leased_until: datetime | None = moment(nullable=True)
    finished_at: datetime | None = moment(nullable=True)
