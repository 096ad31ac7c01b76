"""Pages of the wipe log: the cases, one case with its copies and records, and the forms of each step."""

from collections.abc import Callable
from io import BytesIO
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from catalog_specs import load
from registry import wipe_cases, wipes
from registry.copies import list_copies
from registry.errors import MuluError, Rejected
from registry.models import DataCopy
from registry.people import local_day
from registry.permits import Actor, holding, roles_of
from registry.system_register import list_systems
from registry.web.given import Asking, Reading, stored, today
from registry.web.pages import XLSX
from registry.web.papers import day_typed, paper_in
from registry.web.request_forms import text_of
from registry.web.templates import render
from registry.wipe_shown import CaseShown, show_case, show_cases
from registry.wipe_sight import find_case

router = APIRouter()
SEE_OTHER = 303
OPEN = "open_wipe_case"
_ROWS = 200
Text = Annotated[str, Query(max_length=200)]
Deed = Callable[[Request, Session, str, FormData, Actor], object]


# ---- seen -------------------------------------------------------------------------------------------------


@router.get("/wipes", response_class=HTMLResponse)
def wipes_page(
    request: Request,
    session: Reading,
    actor: Asking,
    system: Text = "",
    state: Text = "",
    kind: Text = "",
    after: Text = "",
) -> HTMLResponse:
    """The cases that the asker sees, by system, state and kind; the form for a new one where he may open it."""
    asked = {"system": system, "state": state, "kind": kind, "after": after}
    return _list(request, session, actor, asked)


def _list(
    request: Request, session: Session, actor: Actor, asked: dict[str, str], error: MuluError | None = None
) -> HTMLResponse:
    rows = show_cases(session, actor=actor, limit=_ROWS + 1, **asked)
    specs = load()
    opens = bool(holding(actor, OPEN, roles_of(specs)))
    systems = [one for one, _agency in list_systems(session, actor=actor, limit=_ROWS)]
    values = {
        "rows": rows[:_ROWS],
        "more": rows[_ROWS - 1].id if len(rows) > _ROWS else "",
        "asked": asked,
        "states": {one.key: one.zh for one in specs.wiping.case_states},
        "kinds": {one.key: one.zh for one in specs.retirement.cases},
        "opened_elsewhere": {one.key for one in specs.wiping.case_needs if "retirement" in one.needs},
        "systems": systems,
        "opens": opens,
        "error": error,
    }
    return render(request, "wipes.html", values, status=error.status if error else 200)


@router.get("/wipes/template.xlsx", response_class=Response)
def template(_actor: Asking, kind: Text = "") -> Response:
    """The workbook of wipe records, to be filled in."""
    # workbooks are written late: their library is heavy
    from registry.wipe_sheets import write_template

    made = BytesIO()
    write_template(made, [kind] if kind else ())
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote('清除记录模板.xlsx')}"}
    return Response(made.getvalue(), media_type=XLSX, headers=headers)


@router.get("/wipes/{number}", response_class=HTMLResponse)
def wipe_page(request: Request, session: Reading, actor: Asking, number: str) -> HTMLResponse:
    """One case: its copies with their states, its records, what is missing, and the forms of what the asker may do."""
    return _one(request, session, actor, number)


def _one(
    request: Request, session: Session, actor: Actor, number: str, error: MuluError | None = None
) -> HTMLResponse:
    now, specs = today(), load()
    shown = show_case(session, number, actor=actor, now=now)
    values = {
        "case": shown,
        # what waits for the asker comes first: a case may have thousands
        "records": sorted(shown.records, key=lambda one: not one.may)[:_ROWS],
        "free": _free(session, shown) if "enlist" in shown.may else [],
        "copy_kinds": {one.key: one.zh for one in specs.retirement.copies},
        "kinds": {one.key: one.zh for one in specs.retirement.kinds},
        "methods": {one.key: one.zh for one in specs.retirement.methods},
        "results": {one.key: one.zh for one in specs.wiping.results},
        "steps": {one.key: one.zh for one in specs.wiping.steps},
        "person": [(one.key, one.zh) for one in specs.wiping.person_names],
        "given": {"name": actor.name, "org": shown.agency, "date": local_day(now).isoformat()},
        "error": error,
    }
    return render(request, "wipe.html", values, status=error.status if error else 200)


def _free(session: Session, shown: CaseShown) -> list[DataCopy]:
    """The copies that may be put on the case."""
    first = {load().systems.first_copy_state}
    if shown.grant_id:
        return list_copies(session, grant_id=shown.grant_id, states=first)
    return list_copies(session, system_id=shown.system_id, states=first) if shown.system_id else []


# ---- done -------------------------------------------------------------------------------------------------


@router.post("/wipes", response_model=None)
async def open_form(request: Request, actor: Asking) -> Response:
    """A new case; then its page."""
    async with request.form() as form:
        return await run_in_threadpool(_opened, request, actor, form)


def _opened(request: Request, actor: Actor, form: FormData) -> Response:
    system = text_of(form, "system")
    try:
        with request.app.state.database.write() as session:
            about = next((one for one, _ in list_systems(session, actor=actor) if one.id == system), None)
            given: dict[str, Any] = {
                "agency": about.agency_id if about else actor.agency_id or "",
                "system": about,
            }
            given |= {"grant_id": text_of(form, "grant"), "contract_no": text_of(form, "contract_no")}
            given |= {"why": text_of(form, "why"), "due": day_typed(text_of(form, "due"))}
            who: dict[str, Any] = {"actor": actor, "now": today()}
            number = wipe_cases.open_case(session, text_of(form, "kind"), **given, **who).number
    except MuluError as error:
        with request.app.state.database.read() as session:
            return _list(request, session, actor, {}, error)
    return RedirectResponse(f"/wipes/{quote(number)}", SEE_OTHER)


@router.post("/wipes/{number}/{act}", response_model=None)
async def act_form(request: Request, actor: Asking, number: str, act: str) -> Response:
    """Something done on a case or on one of its records; then the page again."""
    async with request.form() as form:
        return await run_in_threadpool(_acted, request, actor, (number, act), form)


def _acted(request: Request, actor: Actor, asked: tuple[str, str], form: FormData) -> Response:
    number, act = asked
    try:
        with request.app.state.database.write() as session:
            deed = _DEEDS.get(act)
            if deed is None:
                raise Rejected("表单没有写明办理什么；刷新页面后重做")
            deed(request, session, number, form, actor)
    except MuluError as error:
        with request.app.state.database.read() as session:
            return _one(request, session, actor, number, error)
    return RedirectResponse(f"/wipes/{quote(number)}#{quote(act)}", SEE_OTHER)


def _enlist(_request: Request, session: Session, number: str, form: FormData, actor: Actor) -> object:
    named = [value for value in form.getlist("copy") if isinstance(value, str)]
    case = find_case(session, number, actor=actor).case
    return wipe_cases.enlist(session, case, named, actor=actor, now=today())


def _absent(_request: Request, session: Session, number: str, form: FormData, actor: Actor) -> object:
    case, given = find_case(session, number, actor=actor).case, {text_of(form, "kind"): text_of(form, "why")}
    return wipe_cases.say_absent(session, case, given, actor=actor, now=today())


def _handover(request: Request, session: Session, number: str, form: FormData, actor: Actor) -> object:
    case = find_case(session, number, actor=actor).case
    paper = paper_in(request, session, form, actor=actor, now=today())
    return wipe_cases.hand_over_copy(session, case, text_of(form, "copy"), paper, actor=actor, now=today())


def _set(_request: Request, session: Session, number: str, form: FormData, actor: Actor) -> object:
    case = find_case(session, number, actor=actor).case
    return wipe_cases.set_copies(session, case, text_of(form, "state"), actor=actor, now=today())


def _close(_request: Request, session: Session, number: str, _form: FormData, actor: Actor) -> object:
    case = find_case(session, number, actor=actor).case
    return wipe_cases.close_case(session, case, actor=actor, now=today())


def _cancel(_request: Request, session: Session, number: str, form: FormData, actor: Actor) -> object:
    case = find_case(session, number, actor=actor).case
    return wipe_cases.cancel_case(session, case, text_of(form, "why"), actor=actor, now=today())


def _record(request: Request, session: Session, number: str, form: FormData, actor: Actor) -> object:
    """The records of a workbook that was sent, with the evidence beside it."""
    # workbooks are read late: their library is heavy
    from registry.wipe_intake import record_read
    from registry.wipe_sheets import read_records

    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Rejected("请选择填好的清除记录（.xlsx、.csv、.json）；没有模板的先下载")
    with stored(file.file, file.filename) as path:
        read = read_records(path, kind=text_of(form, "kind"))
    proof = paper_in(request, session, form, file="evidence", actor=actor, now=today())
    evidence = {proof.file_name or "": proof.sha256} if proof.sha256 else {}
    return record_read(session, number, read, evidence=evidence, actor=actor, now=today())


def _person(form: FormData) -> dict[str, str]:
    """The particulars of a person; nothing when none was typed."""
    return {part: text for part in load().retirement.person_fields if (text := text_of(form, part))}


def _verify(_request: Request, session: Session, _number: str, form: FormData, actor: Actor) -> object:
    ratio = text_of(form, "sample_ratio").rstrip("%％")
    given: dict[str, Any] = {
        "verification_method": text_of(form, "verification_method"),
        "verification_result": text_of(form, "verification_result"),
        "second_tool": text_of(form, "second_tool"),
        "verifier": _person(form),
    }
    try:
        given["sample_ratio"] = float(ratio) / 100 if ratio else None
    except ValueError as error:
        raise Rejected("抽样比例写百分数，如 12") from error
    wanted = {key: value for key, value in given.items() if value not in ("", None, {})}
    return wipes.examine(session, text_of(form, "record"), wanted, actor=actor, now=today())


def _witness(_request: Request, session: Session, _number: str, form: FormData, actor: Actor) -> object:
    return wipes.witness(session, text_of(form, "record"), _person(form), actor=actor, now=today())


def _approve(_request: Request, session: Session, _number: str, form: FormData, actor: Actor) -> object:
    return wipes.approve(session, text_of(form, "record"), _person(form), actor=actor, now=today())


_DEEDS: dict[str, Deed] = {
    "enlist": _enlist,
    "absent": _absent,
    "handover": _handover,
    "set": _set,
    "close": _close,
    "cancel": _cancel,
    "record": _record,
    "verify": _verify,
    "witness": _witness,
    "approve": _approve,
}
