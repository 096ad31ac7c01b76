"""The tables of synchronization: what changed, where it goes, what is known of it there, runs and parcels."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from registry.models.columns import Serial, json_column, moment


class OutboxRow(SQLModel, table=True):
    """An entry that may be offered otherwise than before, written with the change itself; gone once it was taken.

    A row is taken by itself, not by its number: numbers are given before their transactions commit.
    """

    __tablename__ = "outbox"

    id: int | None = Field(default=None, sa_column=Column(Serial, primary_key=True, autoincrement=True))
    entry_id: str = Field(index=True, max_length=32)
    act: str = Field(max_length=32)
    at: datetime = moment()


class SyncTarget(SQLModel, table=True):
    """Where the registry's entries are shown. No token stands here.

    ``kind``, ``mode`` and ``files`` are keys of sync.yaml, ``scope`` of ckan.yaml. ``url`` is the portal's, or the
    place of parcels; ``place`` is where a ferry's parcels lie. ``rights`` is what the last test found; ``mapping`` the
    digest of the rules that everything was last mapped by; ``pinned`` the fingerprint of the key that receipts bear.
    ``closing``: it is given up, nothing of ours is to be there any more. ``failures`` in a row count towards the
    breaker, which rests until ``rests_until``.
    """

    __tablename__ = "sync_target"

    id: str = Field(primary_key=True, max_length=32)
    name: str = Field(max_length=80, unique=True)
    kind: str = Field(max_length=16)
    mode: str = Field(max_length=16)
    scope: str = Field(max_length=16)
    files: str = Field(max_length=16)
    url: str = Field(max_length=500)
    place: str = Field(default="", max_length=500)
    rights: dict[str, Any] | None = json_column(nullable=True)
    mapping: str = Field(default="", max_length=64)
    pinned: str = Field(default="", max_length=128)
    failures: int = 0
    rests_until: datetime | None = moment(nullable=True)
    said: str = Field(default="", max_length=500)
    closing: bool = False
    parcels: int = 0
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    removed_at: datetime | None = moment(nullable=True)


class SyncEntry(SQLModel, table=True):
    """The ledger: one entry at one target. Due while ``asked`` is above ``met``.

    ``state`` and ``trouble`` are keys of sync.yaml; ``said`` holds the target's own words. ``digest`` is of the
    projection that was last read back there (or sent), of version ``number``, ``form`` of the dataset as it was read
    back; ``until`` is the last day on which it holds by itself. ``portal_id``, ``portal_name`` and ``modified`` are as
    the portal gave them; ``files`` are the SHA-256 of the bytes it holds, by resource. A worker holds the row until
    ``held_until``.
    """

    __tablename__ = "sync_entry"

    target_id: str = Field(primary_key=True, foreign_key="sync_target.id", max_length=32)
    entry_id: str = Field(primary_key=True, foreign_key="entry.id", max_length=32)
    asked: int = 1
    met: int = 0
    state: str = Field(default="absent", max_length=16)
    digest: str = Field(default="", max_length=64)
    form: str = Field(default="", max_length=64)
    number: int | None = None
    until: date | None = None
    portal_id: str = Field(default="", max_length=64)
    portal_name: str = Field(default="", max_length=100)
    modified: str = Field(default="", max_length=40)
    files: dict[str, str] = json_column()
    trouble: str = Field(default="", max_length=16)
    said: str = Field(default="", sa_column=Column(Text, nullable=False))
    attempts: int = 0
    next_at: datetime | None = moment(nullable=True)
    held_by: str = Field(default="", max_length=64)
    held_until: datetime | None = moment(nullable=True)
    drift: str = Field(default="", max_length=16)
    parcel_id: str | None = Field(default=None, max_length=32)
    changed_at: datetime | None = moment(nullable=True)
    seen_at: datetime | None = moment(nullable=True)
    gone_at: datetime | None = moment(nullable=True)

    __table_args__ = (
        Index("ix_sync_entry_target_due", "target_id", "asked", "met"),
        Index("ix_sync_entry_target_state", "target_id", "state"),
        Index("ix_sync_entry_entry", "entry_id"),
    )


class SyncRun(SQLModel, table=True):
    """One run of the sync job at one target: ``verb``, counts by outcome, a line for each failure."""

    __tablename__ = "sync_run"

    id: str = Field(primary_key=True, max_length=32)
    target_id: str = Field(foreign_key="sync_target.id", max_length=32)
    verb: str = Field(max_length=16)
    by: str = Field(max_length=64)
    started_at: datetime = moment()
    ended_at: datetime | None = moment(nullable=True)
    outcome: str = Field(default="", max_length=16)
    counts: dict[str, int] = json_column()
    failures: list[Any] = json_column()
    said: str = Field(default="", max_length=500)

    __table_args__ = (Index("ix_sync_run_target_started", "target_id", "started_at"),)


class SyncParcel(SQLModel, table=True):
    """One parcel (收发件) that went out: to the province's platform, or across a gap to a portal.

    ``sha256`` is of the parcel's file, ``rows`` what it holds: entry, act (put, withdraw), digest of its projection.
    """

    __tablename__ = "sync_parcel"

    id: str = Field(primary_key=True, max_length=32)
    target_id: str = Field(foreign_key="sync_target.id", max_length=32)
    number: int
    name: str = Field(max_length=100)
    sha256: str = Field(max_length=64)
    rows: list[Any] = json_column()
    sent_at: datetime = moment()
    answered_at: datetime | None = moment(nullable=True)
    answer: dict[str, Any] | None = json_column(nullable=True)

    __table_args__ = (UniqueConstraint("target_id", "number"),)
