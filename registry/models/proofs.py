"""The tables of desensitization proofs: the standing one (how), and one row for every content checked under it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class StandingProof(SQLModel, table=True):
    """方案证明: by which method each item of a distribution is desensitized, checked and reviewed by two people.

    ``items_digest`` is of what is declared and offered, ``rules_digest`` of the detectors and thresholds,
    ``schema_digest`` of the columns that were checked: when one of them is no longer so, it is void.
    ``place`` is where a table is scanned again by itself (``source:NAME#table``), empty where it cannot be.
    ``agreed`` is None until it is reviewed.
    """

    __tablename__ = "standing_proof"

    id: str = Field(primary_key=True, max_length=32)
    entry_id: str = Field(foreign_key="entry.id", index=True, max_length=32)
    distribution_id: str = Field(foreign_key="distribution.id", index=True, max_length=32)
    number: int
    open_type: str = Field(max_length=8)
    place: str = Field(default="", max_length=300)
    methods: dict[str, str] = json_column()
    masks: dict[str, list[str]] = json_column()
    quasi: list[str] = json_column()
    items_digest: str = Field(max_length=64)
    rules_digest: str = Field(max_length=64)
    schema_digest: str = Field(max_length=64)
    checker_id: str = Field(foreign_key="person.id", max_length=32)
    checker: str = Field(max_length=64)
    checked_at: datetime = moment()
    agreed: bool | None = None
    reviewer_id: str | None = Field(default=None, foreign_key="person.id", max_length=32)
    reviewer: str | None = Field(default=None, max_length=64)
    reviewed_at: datetime | None = moment(nullable=True)
    note: str = Field(default="", max_length=2000)


class BatchProof(SQLModel, table=True):
    """批次证明: one content scanned in full under a standing proof: a file, a load of a table, a sample of an interface.

    ``state``: ``waiting`` for the review of the standing proof, ``proven``, ``published`` (it took the place of
    ``replaced_sha256`` in the distribution) or ``held``. ``unmet`` are keys of what it does not meet. ``report``
    holds masked examples only; ``digest`` is of the whole row, as the audit record has it.
    """

    __tablename__ = "batch_proof"

    id: str = Field(primary_key=True, max_length=32)
    standing_id: str = Field(foreign_key="standing_proof.id", index=True, max_length=32)
    entry_id: str = Field(foreign_key="entry.id", index=True, max_length=32)
    distribution_id: str = Field(foreign_key="distribution.id", max_length=32)
    kind: str = Field(max_length=16)
    name: str = Field(max_length=255)
    sha256: str | None = Field(default=None, max_length=64)
    sm3: str | None = Field(default=None, max_length=64)
    schema_digest: str = Field(max_length=64)
    rules_digest: str = Field(max_length=64)
    spec: str = Field(max_length=64)
    detectors: str = Field(max_length=64)
    rows: int = Field(sa_column=Column(BigInteger, nullable=False))
    columns: int
    residual: int = Field(sa_column=Column(BigInteger, nullable=False))
    k: int | None = None
    l_diversity: int | None = None
    thresholds: dict[str, Any] = json_column()
    verdict: str = Field(max_length=16)
    unmet: list[str] = json_column()
    state: str = Field(max_length=16, index=True)
    replaced_sha256: str | None = Field(default=None, max_length=64)
    report: dict[str, Any] = json_column()
    digest: str = Field(max_length=64)
    checked_by: str = Field(max_length=64)
    at: datetime = moment()
    settled_at: datetime | None = moment(nullable=True)
    erased_at: datetime | None = moment(nullable=True)

    __table_args__ = (Index("ix_batch_proof_distribution_at", "distribution_id", "at"),)
