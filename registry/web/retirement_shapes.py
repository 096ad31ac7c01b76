"""What the API takes and gives about retirements of systems."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field

from registry.web.answers import Named, Note

NUMBER = "TY-520300-2026-0001"


class Line(BaseModel):
    """A retirement as a line of a list."""

    id: str
    number: str
    state: str
    system: str
    system_name: str
    agency: str
    agency_name: str
    successor: str | None
    decision_no: str
    decided_on: date
    opened_at: datetime
    closed_at: datetime | None


class Lines(BaseModel):
    results: list[Line]


class Whole(Line):
    """A retirement whole. ``lacking`` is everything that keeps it from being closed, in words with article and cure."""

    why: str
    successor_name: str | None
    opened_by: str
    closed_by: str | None
    impact: dict[str, Any]
    steps: list[dict[str, Any]]
    entries: dict[str, dict[str, int]]
    wipe_case: str
    lacking: list[str]


class EntryList(BaseModel):
    """The entries with their fates."""

    results: list[dict[str, Any]]


class Impact(BaseModel):
    """What a retirement would touch: nothing is changed by asking."""

    counts: dict[str, Any]
    entries: list[dict[str, Any]]
    grants: list[dict[str, Any]]
    copies: list[dict[str, Any]]
    copies_lacking: list[str]
    portals: dict[str, dict[str, int]]
    orders: list[str]
    duties: list[dict[str, Any]]


class Decision(BaseModel):
    """The decision that a system is retired. ``day`` is the day of retirement."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"system": "SYS-0007", "number": "遵民停〔2026〕3号", "day": "2026-11-20"}]
        },
    )
    system: Named
    number: Named
    day: date | None = None
    successor: Annotated[str, Field(max_length=200)] = ""
    why: Note = ""


class StepGiven(BaseModel):
    """A paper of a step: a number, a file, or both."""

    number: Annotated[str, Field(max_length=200)] = ""
    day: date | None = None
    note: Note = ""
    file: UploadFile | None = None


class FateGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")
    entry: Named
    fate: Named
    why: Note = ""
    archive: Note = ""


class Fates(BaseModel):
    """Fates of entries (transfer, archive, retire), all or none."""

    model_config = ConfigDict(extra="forbid")
    fates: Annotated[list[FateGiven], Field(min_length=1, max_length=10_000)]


class FatesDone(BaseModel):
    """The keys of the entries whose fate is new or another one."""

    changed: list[str]


class SettledShown(BaseModel):
    """What came of one chunk: done now, what the others wait for, and how many entries are left. Ask again while
    ``more``."""

    done: list[str]
    waiting: dict[str, str]
    left: int
    more: bool


class Heir(BaseModel):
    model_config = ConfigDict(extra="forbid")
    system: Named


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")
    why: Note
