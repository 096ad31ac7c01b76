"""Pages of systems: the list, one system whole with its life and its data copies, and whether they only decrease."""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from catalog_specs import load
from catalog_specs.law_systems import LifeMove
from registry.agency_shown import list_agencies, system_json
from registry.copies import add as add_copy
from registry.copies import demand_all, edit, import_rows, list_copies, remove
from registry.copy_sheets import read_rows, write_template
from registry.copy_values import choices_of, copies_json
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected, Stale, TooLarge
from registry.models import Agency, System
from registry.people import local_day
from registry.permits import Actor, Target, holding, may, roles_of
from registry.system_counts import count_year
from registry.system_lives import advance, gaps, history, moves_of, step_file
from registry.system_register import REGISTER, add, count_systems, find_seen, list_systems
from registry.system_register import edit as edit_system
from registry.web.attached import download_of
from registry.web.given import Asking, Reading, stored, today
from registry.web.pages import XLSX
from registry.web.papers import paper_in
from registry.web.request_forms import Choice, FormField, text_of
from registry.web.templates import errors_shown, render

router = APIRouter()
PAGE_SIZE = 50
SEE_OTHER = 303
_SHOWN_AGAIN = (Rejected, Conflict, Stale, NotAllowed, NotFound, TooLarge)
Text = Annotated[str, Query(max_length=200)]
Typed = Mapping[str, str]
_NONE: Typed = {}


# ---- the list ---------------------------------------------------------------------------------------------


@router.get("/systems", response_class=HTMLResponse)
def systems_page(
    request: Request,
    session: Reading,
    actor: Asking,
    agency: Text = "",
    life: Text = "",
    kind: Annotated[str, Query(alias="class", max_length=8)] = "",
    after: Text = "",
) -> HTMLResponse:
    """The systems that the asker sees, by agency, life and class; the form for a new one where he may enter it."""
    wanted = {"agency": agency, "life": life, "class": kind}
    return _list(request, session, actor, wanted | {"after": after})


def _list(
    request: Request,
    session: Session,
    actor: Actor,
    asked: Typed,
    error: MuluError | None = None,
    typed: Typed = _NONE,
) -> HTMLResponse:
    given = {"agency": asked.get("agency"), "life": asked.get("life"), "system_class": asked.get("class")}
    wanted: dict[str, Any] = {key: value or None for key, value in given.items()}
    after = asked.get("after") or None
    rows = list_systems(session, actor=actor, **wanted, after=after, limit=PAGE_SIZE + 1)
    shown = [system_json(*row) for row in rows[:PAGE_SIZE]]
    specs = load()
    query = {key: asked.get(key, "") for key in ("agency", "life", "class")}
    values = {
        "rows": shown,
        "total": count_systems(session, actor=actor, **wanted),
        "more": shown[-1]["id"] if len(rows) > PAGE_SIZE else "",
        "query": urlencode(query),
        "asked": query,
        "agencies": list_agencies(session, today=local_day(today())),
        "lives": {row.key: row.zh for row in specs.systems.lives},
        "classes": {row.code: row.zh for row in specs.codes["system_class"].values},
        "fields": _new_fields(typed) if _own_agency(session, actor) else [],
        "errors": errors_shown(error),
    }
    return render(request, "systems.html", values, status=error.status if error else 200)


def _own_agency(session: Session, actor: Actor) -> Agency | None:
    """The agency that the asker enters systems of; None when there is none."""
    held = [one.agency_id for one in holding(actor, REGISTER, roles_of(load())) if one.agency_id]
    return session.get(Agency, held[0]) if held else None


# ---- fields of forms --------------------------------------------------------------------------------------


def _choices(names: Mapping[str, str]) -> tuple[Choice, ...]:
    return tuple(Choice(key, f"{zh}") for key, zh in names.items())


def _coded(codes: str) -> tuple[Choice, ...]:
    return _choices({row.code: row.zh for row in load().codes[codes].values})


def _name_fields(typed: Typed) -> list[FormField]:
    return [
        FormField("name", "系统名称", "text", required=True, value=typed.get("name", "")),
        FormField("ident", "系统编号", "text", value=typed.get("ident", "")),
        FormField("class", "系统类别", "code", value=typed.get("class", ""), choices=_coded("system_class")),
    ]


def _system_fields(typed: Typed) -> list[FormField]:
    return [
        FormField(
            row.key,
            row.zh,
            row.type,
            value=typed.get(row.key, ""),
            choices=_coded(row.codes) if row.codes else (),
        )
        for row in load().systems.fields
    ]


def _new_fields(typed: Typed) -> list[FormField]:
    spec = load().systems
    lives = _choices({key: spec.life_index[key].zh for key in spec.first.allowed})
    chosen = typed.get("life") or spec.first.default
    life = FormField("life", "状态", "code", value=chosen, choices=lives)
    return [*_name_fields(typed), life, *_system_fields(typed)]


def _copy_fields(typed: Typed) -> list[FormField]:
    specs = load()
    return [
        FormField(
            row.key,
            row.zh,
            row.type if row.type == "day" else "text",
            row.required,
            value=typed.get(row.key, ""),
            choices=_choices(choices_of(row, specs)),
        )
        for row in specs.systems.copy_fields
        if row.key != "grant"
    ]


def _typed(form: FormData) -> dict[str, str]:
    return {key: value for key, value in form.items() if isinstance(value, str) and key != "csrf"}


# ---- one system -------------------------------------------------------------------------------------------


@router.get("/systems/counts", response_class=HTMLResponse)
def counts_page(
    request: Request, session: Reading, actor: Asking, year: Annotated[int | None, Query()] = None
) -> HTMLResponse:
    """Whether the systems of each agency only decrease. Source: S-LPS 6."""
    found = count_year(session, year=year, actor=actor, now=today())
    spec = load().systems.decrease
    values = {"found": found, "spec": spec, "source": load().cited(spec.sources)}
    this_year = local_day(today()).year
    return render(request, "system_counts.html", values | {"years": range(this_year, this_year - 6, -1)})


@router.get("/systems/copies.xlsx", response_class=Response)
def copies_template(actor: Asking) -> Response:  # noqa: ARG001  (who is signed in may have it)
    """The template of the list of copies."""
    made = BytesIO()
    write_template(made)
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote('数据副本登记表.xlsx')}"}
    return Response(made.getvalue(), media_type=XLSX, headers=headers)


@router.get("/systems/{name}", response_class=HTMLResponse)
def system_page(request: Request, session: Reading, actor: Asking, name: str) -> HTMLResponse:
    """One system whole, with the forms of what the asker may do."""
    return _system(request, session, actor, name)


def _system(
    request: Request,
    session: Session,
    actor: Actor,
    name: str,
    error: MuluError | None = None,
    typed: Typed = _NONE,
) -> HTMLResponse:
    system, owner = find_seen(session, name, actor=actor)
    specs, shown = load(system.profile), system_json(system, owner)
    here, act = Target(owner.id, owner.region, system.id), typed.get("act", "")
    registers = may(actor, REGISTER, roles_of(specs), here)
    held = typed if act == "edit" else {k: v for k, v in shown.items() if isinstance(v, str)}
    copies = copies_json(session, list_copies(session, system_id=system.id))
    values = {
        "row": shown,
        "tag": shown["tag"],
        "class_zh": specs.label("system_class", system.system_class or ""),
        "profile_zh": specs.profile.zh,
        "facts": _facts(shown),
        "successor": session.get(System, system.successor_id) if system.successor_id else None,
        "steps": history(session, system.id),
        "moves": specs.systems.move_index,
        "lives": {row.key: row.zh for row in specs.systems.lives},
        "copies": copies,
        "open_copies": sum(not copy["answered"] for copy in copies),
        "ids_zh": {row.key: row.zh for row in specs.systems.copy_fields if row.ids},
        "grades": {row.code: row.zh for row in specs.codes["data_grade"].values},
        "states": specs.systems.copy_state_index,
        "edit_fields": [*_name_fields(held), *_system_fields(held)] if registers else [],
        "copy_fields": _copy_fields(typed if act == "copy" else _NONE) if registers else [],
        "registers": registers,
        "offered": [_offer(session, system, move) for move in moves_of(session, system, actor=actor)],
        "typed": typed,
        "act": act,
        "errors": errors_shown(error),
    }
    return render(request, "system.html", values, status=error.status if error else 200)


def _facts(shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    specs = load()
    rows = [(row, shown[row.key]) for row in specs.systems.fields]
    return [(row.zh, specs.label(row.codes, value) if row.codes else value) for row, value in rows if value]


def _offer(session: Session, system: System, move: LifeMove) -> dict[str, Any]:
    return {"move": move, "gaps": gaps(session, system, move, now=today())}


@router.get("/systems/{name}/life/{step}/file", response_class=Response)
def step_paper(request: Request, session: Reading, actor: Asking, name: str, step: str) -> Response:
    """The file that a step of a system's life rests on."""
    system, _owner = find_seen(session, name, actor=actor)
    return download_of(*step_file(session, system, step, files=request.app.state.settings.files))


# ---- what is done -----------------------------------------------------------------------------------------

Deed = Callable[[Session], str]
Again = Callable[[Session, MuluError], HTMLResponse]


async def _done(request: Request, deed: Deed, again: Again) -> Response:
    """A deed done in a transaction of its own, then the page that it names; or the form again, with what was refused."""

    def run() -> Response:
        try:
            with request.app.state.database.write() as session:
                there = deed(session)
        except _SHOWN_AGAIN as error:
            with request.app.state.database.read() as session:
                return again(session, error)
        return RedirectResponse(there, SEE_OTHER)

    return await run_in_threadpool(run)


@router.post("/systems", response_model=None)
async def add_form(request: Request, actor: Asking) -> Response:
    """A new system of one's agency; then its page, where what is to be looked at stands."""
    typed = _typed(await request.form())

    def deed(session: Session) -> str:
        owner = _own_agency(session, actor)
        fields = {key: typed.get(key, "") for key in load().systems.field_index}
        more: dict[str, Any] = {"ident": typed.get("ident"), "system_class": typed.get("class")}
        more |= {"life": typed.get("life") or None, "fields": fields}
        code = owner.code if owner else ""
        made = add(session, code, typed.get("name", ""), **more, actor=actor, now=today())
        return f"/systems/{made.id}"

    return await _done(request, deed, lambda s, error: _list(request, s, actor, {}, error, typed))


@router.post("/systems/{name}", response_model=None)
async def act_form(request: Request, actor: Asking, name: str) -> Response:
    """Something done on a system's page (``act``: edit, life, copy, change, remove, import); then the page again."""
    async with request.form() as form:
        typed = _typed(form)
        return await _done(
            request,
            lambda s: _act(request, s, name, form, actor),
            lambda s, error: _system(request, s, actor, name, error, typed),
        )


def _act(request: Request, session: Session, name: str, form: FormData, actor: Actor) -> str:
    """What a form on a system's page asks for; gives the page to go on with."""
    system, _owner = find_seen(session, name, actor=actor)
    act = _ACTS.get(text_of(form, "act"))
    if act is None:
        raise Rejected("表单没有写明办理什么；刷新页面后重做")
    place = act(request, session, system, form, actor)
    return f"/systems/{quote(system.id)}#{place}"


def _edit(_request: Request, session: Session, system: System, form: FormData, actor: Actor) -> str:
    keys = ("name", "ident", "class", "successor", *load().systems.field_index)
    changes = {key: text_of(form, key) for key in keys if key in form}
    seen = frozenset({text_of(form, "tag")})
    edit_system(session, system.id, changes, seen=seen, actor=actor, now=today())
    return "facts"


def _life(request: Request, session: Session, system: System, form: FormData, actor: Actor) -> str:
    paper = paper_in(request, session, form, actor=actor, now=today())
    more: dict[str, Any] = {"paper": paper, "day": paper.day, "note": text_of(form, "note")}
    advance(session, system.id, text_of(form, "move"), **more, actor=actor, now=today())
    return "life"


def _written_copy(form: FormData) -> dict[str, str]:
    rows = load().systems.copy_fields
    return {row.key: text_of(form, row.key) for row in rows if row.key in form and row.key != "grant"}


def _copy(_request: Request, session: Session, system: System, form: FormData, actor: Actor) -> str:
    given = _written_copy(form)
    ids = {row.key: given.pop(row.key, "") for row in load().systems.copy_fields if row.ids}
    kind, name = given.pop("kind", ""), given.pop("name", "")
    grade = given.pop("data_grade", "") or None
    add_copy(session, system, kind, name, **given, ids=ids, data_grade=grade, actor=actor, now=today())
    return "copies"


def _change(_request: Request, session: Session, _system: System, form: FormData, actor: Actor) -> str:
    lock = text_of(form, "lock")
    if not (lock.isascii() and lock.isdecimal() and len(lock) < 10):
        raise Rejected("表单缺少 lock；刷新页面后重做")
    edit(session, text_of(form, "copy"), _written_copy(form), lock=int(lock), actor=actor, now=today())
    return "copies"


def _remove(_request: Request, session: Session, _system: System, form: FormData, actor: Actor) -> str:
    remove(session, text_of(form, "copy"), why=text_of(form, "why"), actor=actor, now=today())
    return "copies"


def _import(_request: Request, session: Session, system: System, form: FormData, actor: Actor) -> str:
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Rejected("没有选择文件；上传数据副本登记表（.xlsx、.csv、.jsonl）")
    with stored(file.file, Path(file.filename).name) as path:
        demand_all(import_rows(session, system, read_rows(path), actor=actor, now=today()))
    return "copies"


_ACTS: dict[str, Callable[[Request, Session, System, FormData, Actor], str]] = {
    "edit": _edit,
    "life": _life,
    "copy": _copy,
    "change": _change,
    "remove": _remove,
    "import": _import,
}
