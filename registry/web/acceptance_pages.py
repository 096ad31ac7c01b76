"""The page of a system's acceptance: the check with its downloads, and the table list decided by form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from catalog_specs import load
from registry.acceptance import AcceptanceCheck, check, check_seen, percent
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected, TooLarge, Unreadable
from registry.models import Agency, System
from registry.permits import Actor, Target, may, roles_of
from registry.system_register import REGISTER, find_seen
from registry.table_coverage import TableShown, tables_of
from registry.table_lists import COVER, cover_each
from registry.table_matching import Suggestion, exact_ones, suggestions
from registry.web.acceptance import Format, decided, pack_of, take_list
from registry.web.acceptance_shapes import Decision
from registry.web.given import Asking, Reading, stored, today
from registry.web.request_forms import text_of
from registry.web.templates import errors_shown, render

router = APIRouter()
PAGE = 50
SEE_OTHER = 303
_DECIDES = ("cover", "exclude", "undecide")
_SHOWN_AGAIN = (Rejected, Conflict, NotAllowed, NotFound, TooLarge, Unreadable)
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class _View:
    """Which tables the page shows, and what was refused before."""

    state: str = ""
    page: int = 1
    error: MuluError | None = None


@router.get("/systems/{name}/acceptance", response_class=HTMLResponse)
def acceptance_page(
    request: Request,
    session: Reading,
    actor: Asking,
    name: str,
    state: Text = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """The check of a system now, and its table list."""
    return _page(request, session, actor, name, _View(state, page))


@router.get("/systems/{name}/acceptance/pack", response_class=Response)
def pack_file(
    session: Reading,
    actor: Asking,
    name: str,
    kind: Annotated[Format, Query(alias="format")] = "xlsx",
) -> Response:
    """The pack as a download."""
    return pack_of(check_seen(session, name, actor=actor, now=today()), kind)


def _page(request: Request, session: Session, actor: Actor, name: str, view: _View) -> HTMLResponse:
    system, owner = find_seen(session, name, actor=actor)
    found = check(session, system, now=today())
    tables = found.facts.tables if found.facts else ()
    chosen = [one for one in tables if view.state in ("", one.state)]
    pages = max(1, -(-len(chosen) // PAGE))
    at = min(view.page, pages)
    shown = chosen[(at - 1) * PAGE : at * PAGE]
    values = {
        "found": found,
        "system": system,
        "owner": owner,
        "percent": percent,
        "tables": shown,
        "hints": _hints(session, system, shown),
        "exact": len(exact_ones(suggestions(session, system, tables, near=False))),
        "chosen": len(chosen),
        "page": at,
        "pages": pages,
        "query": urlencode({"state": view.state}),
        "state": view.state,
        "errors": errors_shown(view.error),
        **_words(),
        **_rights(actor, system, owner, found),
    }
    return render(request, "acceptance.html", values, status=view.error.status if view.error else 200)


def _words() -> dict[str, Any]:
    law = load().acceptance
    return {
        "states": {row.key: row.zh for row in law.table_states},
        "reasons": [row for row in law.exclusions if not row.refused],
        "reason_zh": {row.key: row.zh for row in law.exclusions},
        "refused": [row for row in law.exclusions if row.refused],
        "readers": {row.key: row.zh for row in law.readers},
    }


def _hints(session: Session, system: System, tables: Sequence[TableShown]) -> dict[str, list[Suggestion]]:
    found: dict[str, list[Suggestion]] = {}
    for hint in suggestions(session, system, tables):
        found.setdefault(hint.table, []).append(hint)
    return found


def _rights(actor: Actor, system: System, owner: Agency, found: AcceptanceCheck) -> dict[str, Any]:
    roles, here = roles_of(load()), Target(owner.id, owner.region, system.id)
    applies = found.facts is not None
    return {
        "covers": applies and may(actor, COVER, roles, here),
        "excludes": applies and may(actor, REGISTER, roles, here),
    }


# ---- what is done -----------------------------------------------------------------------------------------


@router.post("/systems/{name}/acceptance", response_model=None)
async def act_form(request: Request, actor: Asking, name: str) -> Response:
    """A list taken in, or something decided of its tables; then the page again."""
    async with request.form(max_fields=2000) as form:
        return await run_in_threadpool(_act, request, form, actor, name)


def _act(request: Request, form: FormData, actor: Actor, name: str) -> Response:
    state = text_of(form, "state")[:200]
    try:
        with request.app.state.database.write() as session:
            system, _owner = find_seen(session, name, actor=actor)
            _do(session, system, form, actor)
            there = f"/systems/{quote(system.id)}/acceptance?{urlencode({'state': state})}#tables"
    except _SHOWN_AGAIN as error:
        with request.app.state.database.read() as session:
            return _page(request, session, actor, name, _View(state, 1, error))
    return RedirectResponse(there, SEE_OTHER)


def _do(session: Session, system: System, form: FormData, actor: Actor) -> None:
    act = text_of(form, "act")
    if act == "import":
        _import(session, system, form, actor)
    elif act == "confirm":
        chosen = exact_ones(suggestions(session, system, tables_of(session, system), near=False))
        cover_each(session, system.id, chosen, actor=actor, now=today())
    elif act in _DECIDES:
        decided(session, system.id, _decision(act, form), actor)
    else:
        raise Rejected("表单没有写明办理什么；刷新页面后重做")


def _import(session: Session, system: System, form: FormData, actor: Actor) -> None:
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Rejected("没有选择文件；上传建表语句（.sql）或数据字典（.xlsx、.csv）")
    with stored(file.file, Path(file.filename).name) as path:
        take_list(session, system.id, path, dialect="", actor=actor)


def _decision(act: str, form: FormData) -> Decision:
    names = [value for value in form.getlist("table") if isinstance(value, str) and value]
    if not names:
        raise Rejected("没有勾选库表；在清单中勾选后再办")
    texts: Mapping[str, str] = {key: text_of(form, key) for key in ("entry", "reason", "why", "of")}
    if act == "cover" and not texts["entry"]:
        raise Rejected("没有选择目录；选定覆盖这些表的目录后再办")
    if act == "exclude" and not texts["reason"]:
        raise Rejected("没有选择不编目的理由")
    # lengths are looked at by the deed, which words them
    return Decision.model_construct(act=act, tables=names, **texts)  # type: ignore[arg-type]  # one of _DECIDES
