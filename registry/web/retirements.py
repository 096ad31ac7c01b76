"""Retirements of systems in the REST API: impact, decision, steps, fates, closing. Source: S-LPS 26; S1 27."""

from typing import Annotated

from fastapi import APIRouter, File, Path, Query, Request, Response
from sqlalchemy.orm import Session

from catalog_specs import load
from registry.permits import Actor
from registry.recording import Paper
from registry.retirement import cancel, close, do_step, name_successor, open_retirement
from registry.retirement_cases import find_case, list_cases
from registry.retirement_entries import Fate
from registry.retirement_settling import decide, settle, waiting_entries
from registry.retirement_shown import case_json, case_line, entry_lines, impact_now
from registry.system_register import find_seen
from registry.web import retirement_shapes as shapes
from registry.web.answers import said
from registry.web.given import Asking, Reading, Writing, today
from registry.web.papers import paper_sent
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1", tags=["retirements"], responses=ANSWERS)
# bodies of these hold files
sending = APIRouter(prefix="/api/v1", tags=["retirements"], responses=ANSWERS)
Number = Annotated[str, Path(max_length=60, description="停用任务编号或内部编号", examples=[shapes.NUMBER])]
StepKey = Annotated[str, Path(max_length=16, description="步骤：notice、archive、freeze、write_off")]


def _whole(session: Session, number: str, actor: Actor) -> dict[str, object]:
    return case_json(session, find_case(session, number, actor=actor), now=today())


@router.get("/retirements", response_model=shapes.Lines, summary="停用任务列表")
def retirements(
    session: Reading,
    actor: Asking,
    system: Annotated[str | None, Query(max_length=200, description="系统：编号或名称")] = None,
    state: Annotated[str | None, Query(max_length=16, description="open、closed、cancelled")] = None,
) -> Response:
    """The retirements that you see, the newest first."""
    rows = list_cases(session, actor=actor, system=system, state=state)
    return said({"results": [case_line(row) for row in rows]})


@router.get("/retirements/{number}", response_model=shapes.Whole, summary="一个停用任务")
def one(session: Reading, actor: Asking, number: Number) -> Response:
    """A retirement: its steps, its entries counted by fate, and what keeps it from being closed."""
    return said(_whole(session, number, actor))


@router.get("/retirements/{number}/entries", response_model=shapes.EntryList, summary="停用任务的目录和处置")
def entries(session: Reading, actor: Asking, number: Number) -> Response:
    """The entries with their fates, and what each waits for."""
    return said({"results": entry_lines(session, find_case(session, number, actor=actor).case)})


@router.get("/systems/{id}/retirement-impact", response_model=shapes.Impact, summary="停用的影响清单")
def impact(
    session: Reading,
    actor: Asking,
    id: Annotated[str, Path(max_length=100, description="内部编号、系统编号或名称")],  # noqa: A002
) -> Response:
    """What retiring a system would touch: entries, list lines, grants, portals, copies, orders."""
    return said(impact_now(session, find_seen(session, id, actor=actor)[0], now=today()))


@router.post("/retirements", status_code=201, response_model=shapes.Whole, summary="登记停用批复")
def open_case(session: Writing, actor: Asking, again: Repeating, body: shapes.Decision) -> Response:
    """Decide that a system is retired."""

    def deed() -> Answer:
        paper = Paper(body.number, body.day)
        given = {"successor": body.successor, "why": body.why}
        made = open_retirement(session, body.system, paper=paper, **given, actor=actor, now=today())
        return Answer(
            _whole(session, made.number, actor), 201, {"Location": f"/api/v1/retirements/{made.number}"}
        )

    return again.once(session, actor, deed)


@sending.post("/retirements/{number}/steps/{step}", response_model=shapes.Whole, summary="登记停用任务的步骤")
def record_step(
    request: Request,
    session: Writing,
    actor: Asking,
    again: Repeating,
    number: Number,
    step: StepKey,
    form: Annotated[shapes.StepGiven, File()],
) -> Response:
    """Record a step by its paper: notice to the users, archive list, freeze, write-off."""

    def deed() -> Answer:
        paper = paper_sent(request, session, form.file, form.number, form.day, actor=actor, now=today())
        do_step(session, number, step, paper, note=form.note, actor=actor, now=today())
        return Answer(_whole(session, number, actor))

    return again.once(session, actor, deed)


@router.post("/retirements/{number}/fates", response_model=shapes.FatesDone, summary="确定目录的处置")
def decide_fates(
    session: Writing, actor: Asking, again: Repeating, number: Number, body: shapes.Fates
) -> Response:
    """Decide the fates of entries, all or none."""

    def deed() -> Answer:
        wanted = [Fate(one.entry, one.fate, one.why, one.archive) for one in body.fates]
        return Answer({"changed": decide(session, number, wanted, actor=actor, now=today())})

    return again.once(session, actor, deed)


@router.post("/retirements/{number}/settle", response_model=shapes.SettledShown, summary="办理处置")
def settle_some(
    request: Request, session: Writing, actor: Asking, again: Repeating, number: Number
) -> Response:
    """Bring about decided fates, a chunk at a time, as far as it can be done now."""

    def deed() -> Answer:
        keys = waiting_entries(session, number, actor=actor)
        chunk = keys[: load().retiring.chunk]
        files = request.app.state.settings.files
        found = settle(session, number, chunk, actor=actor, now=today(), files=files)
        more = len(keys) > len(chunk)
        return Answer({"done": found.done, "waiting": found.waiting, "left": found.left, "more": more})

    return again.once(session, actor, deed)


@router.post("/retirements/{number}/successor", response_model=shapes.Whole, summary="登记承接系统")
def name_heir(
    session: Writing, actor: Asking, again: Repeating, number: Number, body: shapes.Heir
) -> Response:
    """Name the system that takes entries over."""

    def deed() -> Answer:
        name_successor(session, number, body.system, actor=actor, now=today())
        return Answer(_whole(session, number, actor))

    return again.once(session, actor, deed)


@router.post("/retirements/{number}/close", response_model=shapes.Whole, summary="停用任务结案")
def close_case(session: Writing, actor: Asking, again: Repeating, number: Number) -> Response:
    """Close a retirement; everything that is missing is answered at once."""

    def deed() -> Answer:
        close(session, number, actor=actor, now=today())
        return Answer(_whole(session, number, actor))

    return again.once(session, actor, deed)


@router.post("/retirements/{number}/cancel", response_model=shapes.Whole, summary="撤销停用")
def cancel_case(
    session: Writing, actor: Asking, again: Repeating, number: Number, body: shapes.Why
) -> Response:
    """Take a decision back while nothing was done by it."""

    def deed() -> Answer:
        cancel(session, number, why=body.why, actor=actor, now=today())
        return Answer(_whole(session, number, actor))

    return again.once(session, actor, deed)
