"""Pages of retirements: the list, one with its steps, entries and what it still lacks, and the forms of each step."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from catalog_specs import load
from registry.errors import MuluError, Rejected
from registry.permits import Actor, holding, may, roles_of
from registry.retirement import cancel, close, do_step, name_successor, open_retirement
from registry.retirement_cases import CaseRow, find_case, list_cases
from registry.retirement_entries import Fate
from registry.retirement_settling import decide, settle, waiting_entries
from registry.retirement_shown import case_json, case_line, entry_lines, fate_names, impact_now
from registry.system_register import find_seen, list_systems
from registry.web.given import Asking, Reading, stored, today
from registry.web.pages import XLSX
from registry.web.papers import paper_in
from registry.web.request_forms import text_of
from registry.web.templates import render

router = APIRouter()
SEE_OTHER = 303
DECIDE, RECORD = "decide_retirement", "record_evidence"
_ROWS = 500
Text = Annotated[str, Query(max_length=200)]
Deed = Callable[[Session, Actor, FormData], object]


@router.get("/retirements", response_class=HTMLResponse)
def retirements_page(
    request: Request, session: Reading, actor: Asking, system: Text = "", state: Text = ""
) -> HTMLResponse:
    """The retirements that the asker sees; with a system, what its retirement would touch."""
    return _list(request, session, actor, system, state)


def _list(
    request: Request, session: Session, actor: Actor, system: str, state: str, error: MuluError | None = None
) -> HTMLResponse:
    rows = [case_line(row) for row in list_cases(session, actor=actor, system=system, state=state)]
    found = find_seen(session, system, actor=actor)[0] if system else None
    decides = bool(holding(actor, DECIDE, roles_of(load())))
    values = {
        "rows": rows,
        "states": {one.key: one.zh for one in load().retiring.states},
        "state": state,
        "system": found,
        "impact": impact_now(session, found, now=today()) if found and not rows else None,
        "systems": [one for one, _agency in list_systems(session, actor=actor)] if decides else [],
        "copies": {kind.key: kind.zh for kind in load().retirement.copies},
        "error": error,
        "decides": decides,
    }
    return render(request, "retirements.html", values, status=error.status if error else 200)


@router.get("/retirements/{number}", response_class=HTMLResponse)
def retirement_page(request: Request, session: Reading, actor: Asking, number: str) -> HTMLResponse:
    """One retirement whole, with the forms of what the asker may do."""
    return _one(request, session, actor, number)


def _one(
    request: Request, session: Session, actor: Actor, number: str, error: MuluError | None = None
) -> HTMLResponse:
    row = find_case(session, number, actor=actor)
    # what is still to be done comes first
    lines = sorted(entry_lines(session, row.case), key=lambda line: line["done_at"] is not None)
    values = {
        "case": case_json(session, row, now=today()),
        "entries": lines[:_ROWS],
        "more": len(lines) - _ROWS if len(lines) > _ROWS else 0,
        "fates": dict(fate_names()),
        "states": {one.key: one.zh for one in load().retiring.states},
        "steps": load().retiring.step_index,
        "error": error,
        **_rights(row, actor),
    }
    return render(request, "retirement.html", values, status=error.status if error else 200)


def _rights(row: CaseRow, actor: Actor) -> dict[str, bool]:
    roles = roles_of(load())
    return {
        "decides": may(actor, DECIDE, roles, row.target),
        "records": may(actor, RECORD, roles, row.target),
    }


@router.get("/retirements/{number}/sheet.xlsx", response_class=Response)
def sheet(session: Reading, actor: Asking, number: str) -> Response:
    """The sheet of fates, to be filled in."""
    # workbooks are written late: their library is heavy
    from registry.fate_sheets import write_fates

    row = find_case(session, number, actor=actor)
    made = BytesIO()
    write_fates(entry_lines(session, row.case), made)
    named = quote(f"{row.case.number} 处置表.xlsx")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{named}"}
    return Response(made.getvalue(), media_type=XLSX, headers=headers)


# ---- forms ------------------------------------------------------------------------------------------------


@router.post("/retirements")
async def open_form(request: Request, actor: Asking) -> Response:
    """The decision, as the form has it."""
    async with request.form() as form:
        return await run_in_threadpool(_opened, request, actor, form)


def _opened(request: Request, actor: Actor, form: FormData) -> Response:
    def deed(session: Session) -> str:
        given = {"successor": text_of(form, "successor"), "why": text_of(form, "why")}
        paper = paper_in(request, session, form, actor=actor, now=today())
        system = text_of(form, "system")
        return open_retirement(session, system, paper=paper, **given, actor=actor, now=today()).number

    try:
        with request.app.state.database.write() as session:
            number = deed(session)
    except MuluError as error:
        with request.app.state.database.read() as session:
            return _list(request, session, actor, "", "", error)
    return RedirectResponse(f"/retirements/{quote(number)}", SEE_OTHER)


@router.post("/retirements/{number}/{deed}")
async def act_form(request: Request, actor: Asking, number: str, deed: str) -> Response:
    """A step, the fates, their settling, the end: whatever the form is of."""
    async with request.form() as form:
        return await run_in_threadpool(_acted, request, actor, (number, deed), form)


def _acted(request: Request, actor: Actor, asked: tuple[str, str], form: FormData) -> Response:
    number, deed = asked
    try:
        with request.app.state.database.write() as session:
            _deed(request, session, actor, asked, form)
    except MuluError as error:
        with request.app.state.database.read() as session:
            return _one(request, session, actor, number, error)
    return RedirectResponse(f"/retirements/{quote(number)}#{quote(deed)}", SEE_OTHER)


def _deed(request: Request, session: Session, actor: Actor, asked: tuple[str, str], form: FormData) -> object:
    number, deed = asked
    who: dict[str, Any] = {"actor": actor, "now": today()}
    match deed:
        case "fates":
            return decide(session, number, _fates(form), **who)
        case "settle":
            keys = waiting_entries(session, number, actor=actor)[: load().retiring.chunk]
            return settle(session, number, keys, files=request.app.state.settings.files, **who)
        case "successor":
            return name_successor(session, number, text_of(form, "system"), **who)
        case "close":
            return close(session, number, **who)
        case "cancel":
            return cancel(session, number, why=text_of(form, "why"), **who)
    paper = paper_in(request, session, form, actor=actor, now=today())
    return do_step(session, number, deed, paper, note=text_of(form, "note"), **who)


def _fates(form: FormData) -> list[Fate]:
    """The fates of a filled-in sheet, or those that were chosen on the page."""
    file = form.get("file")
    if isinstance(file, UploadFile) and file.filename:
        # workbooks are read late: their library is heavy
        from registry.fate_sheets import read_fates

        with stored(file.file, file.filename) as path:
            return read_fates(Path(path))
    fate, why, archive = (text_of(form, key) for key in ("fate", "why", "archive"))
    chosen = [value for value in form.getlist("entry") if isinstance(value, str)]
    if not chosen or not fate:
        raise Rejected("请勾选目录并选择处置，或上传填好的处置表")
    return [Fate(entry, fate, why, archive) for entry in chosen]
