"""The tables of the ledgers: the audit tree, stored files, repeated requests, jobs."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, Text
from sqlmodel import Field, SQLModel

from registry.models.columns import Serial, json_column, moment


class AuditEvent(SQLModel, table=True):
    """One act on the record: a leaf of the tree. Append-only, and without content (§12 R1).

    ``body`` is what the leaf is the hash of: the canonical JSON of seq, at, act, actor, operator, subject and
    ``content_digest``, which is the salted digest of the details in ``audit_content``; empty without details.
    ``leaf`` and ``root`` (of the tree up to this event) are hexadecimal.
    """

    __tablename__ = "audit_event"

    seq: int = Field(sa_column=Column(Serial, primary_key=True, autoincrement=False))
    at: datetime = moment()
    act: str = Field(max_length=32, index=True)
    actor: str = Field(max_length=64)
    operator: str = Field(max_length=64)
    subject: str = Field(max_length=64, index=True)
    content_digest: str = Field(max_length=64)
    body: str = Field(sa_column=Column(Text, nullable=False))
    leaf: str = Field(max_length=64)
    root: str = Field(max_length=64)


class AuditContent(SQLModel, table=True):
    """The details of an event, as the canonical JSON that its salted digest is taken of.

    Erasable: then content and salt are null and ``erased_by`` is the event that says so.
    """

    __tablename__ = "audit_content"

    seq: int = Field(sa_column=Column(Serial, primary_key=True, autoincrement=False))
    content: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    salt: str | None = Field(default=None, max_length=32)
    erased_at: datetime | None = moment(nullable=True)
    erased_by: int | None = Field(default=None, sa_column=Column(Serial, nullable=True))


class AuditTree(SQLModel, table=True):
    """The tree as it stands, in one row (id 1), which a writer locks: so events are neither lost nor forked.

    ``algorithm`` is fixed with the first event; ``frontier`` are the roots of the complete subtrees, in
    hexadecimal, the largest first; ``heads`` counts the signed heads; ``origin`` names this record among others.
    """

    __tablename__ = "audit_tree"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    origin: str = Field(max_length=32)
    algorithm: str = Field(max_length=16)
    size: int = Field(sa_column=Column(Serial, nullable=False))
    frontier: str = Field(sa_column=Column(Text, nullable=False))
    heads: int


class AuditHead(SQLModel, table=True):
    """A signed head: the root at a size, signed with Ed25519 by a key that is not in this database.

    ``key_id`` is the public key itself, ``at`` the moment as it was signed.
    """

    __tablename__ = "audit_head"

    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    origin: str = Field(max_length=32)
    algorithm: str = Field(max_length=16)
    size: int = Field(sa_column=Column(Serial, nullable=False, index=True))
    root: str = Field(max_length=64)
    at: str = Field(max_length=32)
    key_id: str = Field(max_length=64)
    signature: str = Field(max_length=128)


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
