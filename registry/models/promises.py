"""The tables of promises: when data were last seen to be updated, and what a change of law or duty asks for."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class UpdateSeen(SQLModel, table=True):
    """One update of the data of an entry that was seen: pushed, probed, or reported by its steward.

    ``day`` is the day of the data's update where the city lies, ``at`` when it was seen; ``kind`` is one of
    promises.yaml. A probe that showed no update is kept as well, the last one of each distribution.
    """

    __tablename__ = "update_seen"

    id: str = Field(primary_key=True, max_length=32)
    entry_id: str = Field(foreign_key="entry.id", max_length=32)
    distribution_id: str | None = Field(default=None, foreign_key="distribution.id", max_length=32)
    kind: str = Field(max_length=16)
    day: date
    rows: int | None = None
    note: str = Field(default="", max_length=500)
    by: str = Field(max_length=64)
    at: datetime = moment()

    __table_args__ = (
        Index("ix_update_seen_entry_day", "entry_id", "day"),
        Index("ix_update_seen_distribution", "distribution_id", "kind"),
    )


class ChangeEvent(SQLModel, table=True):
    """变更事件: a change of law, duty or organisation that the bureau posts; it starts the clock of S1 17.

    ``agencies`` are keys of agencies whose whole catalogue is touched, ``citations`` laws (title, article) whose
    citing entries are.
    """

    __tablename__ = "change_event"

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(max_length=32, unique=True)
    kind: str = Field(max_length=16)
    basis: str = Field(max_length=500)
    effective_on: date
    agencies: list[str] = json_column()
    citations: list[Any] = json_column()
    note: str = Field(default="", max_length=2000)
    posted_by: str = Field(max_length=64)
    posted_at: datetime = moment()
    withdrawn_at: datetime | None = moment(nullable=True)
    withdrawn_by: str | None = Field(default=None, max_length=64)
    withdrawn_reason: str = Field(default="", max_length=500)


class ChangeCase(SQLModel, table=True):
    """One entry that a change event touches: until it is updated, or its steward answers that nothing changes.

    ``number`` is the version in force when the event was posted, ``why`` what touches it. ``settled`` is the answer;
    that a new version came into force is not kept here, but read off the versions.
    """

    __tablename__ = "change_case"

    id: str = Field(primary_key=True, max_length=32)
    event_id: str = Field(foreign_key="change_event.id", max_length=32)
    entry_id: str = Field(foreign_key="entry.id", index=True, max_length=32)
    number: int | None = None
    why: list[str] = json_column()
    extended_by: str | None = Field(default=None, max_length=64)
    extended_at: datetime | None = moment(nullable=True)
    extension_reason: str = Field(default="", max_length=500)
    settled: str | None = Field(default=None, max_length=16)
    settled_number: int | None = None
    settled_by: str | None = Field(default=None, max_length=64)
    settled_at: datetime | None = moment(nullable=True)
    note: str = Field(default="", max_length=2000)

    __table_args__ = (UniqueConstraint("event_id", "entry_id"),)
