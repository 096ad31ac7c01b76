"""Review in the REST API: who signed, reasons of returns, what waits for whom, and the law of it."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from catalog_specs import load
from registry.lookup import find_entry
from registry.queues import overdue, waiting
from registry.request_tasks import request_tasks
from registry.shown_review import (
    moves_json,
    opinions_json,
    phrases_json,
    record_kinds_json,
    remarks_json,
)
from registry.sync_tasks import sync_tasks
from registry.system_tasks import system_tasks
from registry.web import shapes
from registry.web.answers import Code, Cursor, said
from registry.web.given import Asking, Reading, Seeing, today
from registry.web.problems import ANSWERS
from registry.web.request_shapes import task_json

router = APIRouter(prefix="/api/v1", tags=["review"], responses=ANSWERS)


class QueuePage(shapes.Paged):
    """What waits for you, the riskiest first, then the oldest; ``counts`` by kind of move.

    ``requests``, on the first page: what waits in requests, grants and disputes, and what the other side is late with;
    ``refused``: what a platform refused, in its words; ``systems``: what waits in duties, rectifications,
    retirements and wipes.
    """

    results: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    systems: list[dict[str, Any]]
    warnings: list[str]


class OverdueList(BaseModel):
    """Who is late, the latest first."""

    results: list[dict[str, Any]]
    warnings: list[str]


class LawList(BaseModel):
    """Rows of the specification, each with its source."""

    results: list[dict[str, Any]]


@router.get("/entries/{code:code}/opinions", response_model=shapes.OpinionList, summary="各方意见")
def opinions(session: Reading, seen: Seeing, code: Code) -> Response:
    """Every move that was made, the newest first; ``valid`` tells whether a signature still holds."""
    return said({"results": opinions_json(session, find_entry(session, code, sight=seen))})


@router.get("/entries/{code:code}/remarks", response_model=shapes.RemarkList, summary="退回理由")
def remarks(session: Reading, seen: Seeing, code: Code) -> Response:
    """Every reason of a return, field by field, the newest first."""
    return said({"results": remarks_json(session, find_entry(session, code, sight=seen))})


@router.get("/queue", response_model=QueuePage, summary="待办")
def queue(
    session: Reading,
    actor: Asking,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """What waits for you."""
    now = today()
    found = waiting(session, actor, now=now, specs=load(), limit=limit, after=cursor)
    asked = [] if cursor else request_tasks(session, actor, now=now, specs=load())
    counts, tasks = [asdict(count) for count in found.counts], [asdict(task) for task in found.tasks]
    page = {"results": tasks, "next_cursor": found.next_cursor, "total": found.total}
    refused = [] if cursor else sync_tasks(session, actor, specs=load())
    more = {"requests": [task_json(one) for one in asked], "warnings": list(found.warnings)}
    more |= {"refused": [asdict(one) for one in refused]}
    owed = [] if cursor else system_tasks(session, actor, now=now, specs=load())
    more |= {"systems": [asdict(one) | {"overdue_zh": one.overdue_zh} for one in owed]}
    return said(page | {"counts": counts} | more)


@router.get("/queue/overdue", response_model=OverdueList, summary="逾期情况")
def late(session: Reading, actor: Asking) -> Response:
    """Who is late within what you see whole, by agency and kind of move."""
    found = overdue(session, actor, now=today(), specs=load())
    return said({"results": [asdict(row) for row in found.rows], "warnings": list(found.warnings)})


@router.get("/moves", response_model=LawList, summary="环节")
def moves() -> Response:
    """The moves: who makes them, from where to where, what each takes and asks for."""
    return said({"results": moves_json(load())})


@router.get("/phrases", response_model=LawList, summary="退回常用语")
def phrases() -> Response:
    """The phrase book of returns."""
    return said({"results": phrases_json(load())})


@router.get("/record-kinds", response_model=LawList, summary="佐证的种类")
def record_kinds() -> Response:
    """The kinds of evidence: of what, what each must have, which guards it proves."""
    return said({"results": record_kinds_json(load())})
