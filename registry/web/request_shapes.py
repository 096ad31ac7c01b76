"""Requests, grants, records of use and disputes as the API answers them, and what may be done about each."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.disputes import dispute_options, find_dispute, step_zh
from registry.errors import NotFound
from registry.models import DataRequest, Dispute, ShareGrant, UsageRecord
from registry.permits import Actor
from registry.request_acts import RequestRefused
from registry.request_shown import GrantRow, GrantShown, RequestRow, RequestShown, shown_request
from registry.request_tasks import RequestTask
from registry.requests import Option

# what stands beside the data of a request, not in them
_BESIDE = ("applicant", "requester", "note")


class TermShown(BaseModel):
    """Until when it is due (null: no clock runs), how late in ``unit`` it is, whether it soon is due."""

    due: date | None
    overdue: int
    soon: bool
    unit: str


class RequestBrief(BaseModel):
    """A request in a list; never who applied."""

    key: str
    number: str
    kind: str
    kind_zh: str
    state: str
    state_zh: str
    entry_id: str
    code: str | None
    name: str
    provider_code: str
    provider: str
    requester_code: str
    requester: str
    filed_at: datetime
    received_at: datetime | None
    answered_at: datetime | None
    awaits: str | None
    awaits_zh: str
    term: TermShown
    extended: bool
    lock: int


class GrantBrief(BaseModel):
    """A grant in a list. ``running``: it has not ended and its last day is not over."""

    key: str
    number: str
    request: str
    entry_id: str
    code: str | None
    name: str
    provider_code: str
    provider: str
    requester_code: str
    requester: str
    pattern: str
    items: list[str]
    valid_from: date
    valid_until: date | None
    state: str
    state_zh: str
    running: bool
    provided_at: datetime | None
    ended_at: datetime | None
    rectify_by: date | None
    destroyed_at: datetime | None
    lock: int


class RequestPageShown(BaseModel):
    results: list[RequestBrief]
    next_cursor: str | None


class GrantPageShown(BaseModel):
    results: list[GrantBrief]
    next_cursor: str | None


class OptionOffered(BaseModel):
    """An act that you may make: what it takes, what of that it must be given, whether reasons (note) are asked."""

    act: str
    zh: str
    takes: list[str]
    asks: list[str]
    reasons: bool


class ActMade(BaseModel):
    act: str
    zh: str
    login: str
    role: str
    before: str
    after: str
    note: str
    data: dict[str, Any]
    at: datetime
    grant: str | None
    by_machine: bool


class DisputeShown(BaseModel):
    """A dispute; ``request`` and ``grant`` are numbers."""

    key: str
    number: str
    request: str
    grant: str | None
    raised_by: str
    subject: str
    step: str
    step_zh: str
    settled_at: str | None
    outcome: str
    document: str
    opened_at: datetime
    step_at: datetime
    closed_at: datetime | None
    lock: int
    options: list[OptionOffered]


class FieldShown(BaseModel):
    key: str
    zh: str
    value: Any


class RequestWhole(RequestBrief):
    """One request. ``applicant`` is null where there is none, it was erased, or you may not see it."""

    fields: list[FieldShown]
    applicant: dict[str, Any] | None
    applicant_erased_at: datetime | None
    decision: str | None
    reasons: str
    extension_asked_at: datetime | None
    supplemented: bool
    disputed: bool
    acts: list[ActMade]
    grants: list[GrantBrief]
    disputes: list[DisputeShown]
    options: list[OptionOffered]


class UsageShown(BaseModel):
    """A record of use, or of destruction."""

    id: str
    kind: str
    kind_zh: str
    content: dict[str, Any]
    recorded_by: str
    at: datetime
    keep_until: date


class UsageList(BaseModel):
    results: list[UsageShown]


class GrantWhole(GrantBrief):
    """One grant; ``provide`` is until when it is to be provided."""

    content: dict[str, Any]
    provide: TermShown
    acts: list[ActMade]
    usage: list[UsageShown]
    options: list[OptionOffered]


class RequestDoneShown(BaseModel):
    """What came of an act. ``grant``: the grant that came of it; ``due``: the last day of the answer."""

    key: str
    number: str
    kind: str
    act: str
    before: str
    after: str
    awaits: str | None
    due: date | None
    grant: str | None
    lock: int
    answered_by_machine: bool


class GrantDoneShown(BaseModel):
    key: str
    number: str
    act: str
    before: str
    after: str
    ended_why: str | None
    lock: int


class Erased(BaseModel):
    key: str
    number: str
    erased_at: datetime


# ---- as JSON ----------------------------------------------------------------------------------------------


def keys_of(
    session: Session, table: type[DataRequest] | type[ShareGrant], numbers: Iterable[str]
) -> dict[str, str]:
    """The key of each number of a table."""
    query = select(col(table.number), col(table.id)).where(col(table.number).in_(set(numbers)))
    return {str(number): str(key) for number, key in session.execute(query)}


def requests_json(session: Session, rows: Iterable[RequestRow]) -> list[dict[str, Any]]:
    """Requests of a list, each with its key."""
    listed = list(rows)
    keys = keys_of(session, DataRequest, [row.number for row in listed])
    return [{"key": keys[row.number]} | asdict(row) for row in listed]


def grants_json(session: Session, rows: Iterable[GrantRow]) -> list[dict[str, Any]]:
    """Grants of a list, each with its key."""
    listed = list(rows)
    keys = keys_of(session, ShareGrant, [row.number for row in listed])
    return [{"key": keys[row.number]} | asdict(row) for row in listed]


def request_json(
    session: Session, found: RequestShown, options: Iterable[Option], actor: Actor
) -> dict[str, Any]:
    """One request whole, with what may be done about it and its disputes."""
    (brief,) = requests_json(session, [found.row])
    return brief | {
        "fields": [{"key": key, "zh": zh, "value": value} for key, zh, value in found.fields],
        "applicant": found.applicant,
        "applicant_erased_at": found.applicant_erased_at,
        "decision": found.decision,
        "reasons": found.reasons,
        "extension_asked_at": found.extension_asked_at,
        "supplemented": found.supplemented,
        "disputed": found.disputed,
        "acts": [asdict(one) for one in found.acts],
        "grants": grants_json(session, found.grants),
        "disputes": [dispute_json(session, one, found, actor=actor) for one, _zh in found.disputes],
        "options": [one._asdict() for one in options],
    }


def grant_json(session: Session, found: GrantShown, options: Iterable[Option]) -> dict[str, Any]:
    """One grant whole, with the records of its use and what may be done about it."""
    (brief,) = grants_json(session, [found.row])
    return brief | {
        "content": found.content,
        "provide": asdict(found.provide),
        "acts": [asdict(one) for one in found.acts],
        "usage": [usage_json(one) for one in found.usage],
        "options": [one._asdict() for one in options],
    }


def usage_json(record: UsageRecord) -> dict[str, Any]:
    """One record of use."""
    named = {key: getattr(record, key) for key in ("id", "kind", "content", "recorded_by", "at")}
    kinds = load().requests.usage_index
    return named | {"kind_zh": kinds[record.kind].zh, "keep_until": record.keep_until}


_OF_DISPUTE = ("number", "raised_by", "subject", "step", "settled_at", "outcome", "document")
_MOMENTS = ("opened_at", "step_at", "closed_at", "lock")


def dispute_json(session: Session, dispute: Dispute, found: RequestShown, *, actor: Actor) -> dict[str, Any]:
    """One dispute about a request, with what may be done about it."""
    numbers = {key: number for number, key in keys_of(session, ShareGrant, _granted(found)).items()}
    named = {key: getattr(dispute, key) for key in (*_OF_DISPUTE, *_MOMENTS)}
    return named | {
        "key": dispute.id,
        "request": found.row.number,
        "grant": numbers.get(dispute.grant_id or ""),
        "step_zh": step_zh(dispute.step, load()),
        "options": [one._asdict() for one in dispute_options(session, dispute, actor=actor)],
    }


def _granted(found: RequestShown) -> list[str]:
    return [one.number for one in found.grants]


def task_json(task: RequestTask) -> dict[str, Any]:
    """One thing that waits, with how late it is in words."""
    return asdict(task) | {"overdue_zh": task.overdue_zh}


# ---- disputes ---------------------------------------------------------------------------------------------


def seen_dispute(
    session: Session, number: str, *, actor: Actor, now: datetime
) -> tuple[Dispute, RequestShown]:
    """A dispute by its number or key, with the request that it is about.

    Raises:
        NotFound: there is none, or its request is not seen.
    """
    dispute = find_dispute(session, number)
    try:
        return dispute, shown_request(session, dispute.request_id, actor=actor, now=now)
    except NotFound as error:
        raise NotFound(f"没有编号为“{number.strip()[:64]}”的争议，或您看不到它") from error


# ---- refusals ---------------------------------------------------------------------------------------------


@contextmanager
def placed() -> Iterator[None]:
    """Within, a refusal points to where the body of the API holds what is refused."""
    try:
        yield
    except RequestRefused as error:
        for row in error.details["errors"]:
            name = row["pointer"].removeprefix("/data/")
            if name.split("/")[0] in _BESIDE:
                row["pointer"] = f"/{name}"
        raise
