"""Pages of requests, grants and disputes: lists, each whole with the forms of what the asker may do."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from catalog_specs import Specs, load
from catalog_specs.law_release import Responsibility
from registry.disputes import act_on_dispute, dispute_options, may_dispute, open_dispute
from registry.errors import Conflict, MuluError, NotAllowed, Rejected, Stale
from registry.grant_acts import act_on_grant, grant_options
from registry.granted import load_grant
from registry.models import DataRequest, ShareGrant
from registry.people import local_day
from registry.permits import Actor, Target, may, roles_of
from registry.request_acts import load_matter
from registry.request_shown import (
    GrantRow,
    RequestShown,
    list_grants,
    list_requests,
    shown_grant,
    shown_request,
)
from registry.request_sight import agencies_of, regions_of
from registry.requests import act_on_request, request_options
from registry.retirement_notices import grants_ending
from registry.usage import record_usage
from registry.web.given import Asking, Reading, today
from registry.web.request_filing import files_any
from registry.web.request_forms import ActForm, Ground, Refused, act_form, data_of, text_of, usage_fields
from registry.web.request_shapes import keys_of, seen_dispute
from registry.web.templates import render

router = APIRouter()
SEE_OTHER = 303
DISPUTE, USAGE = "dispute", "usage"
_SHOWN_AGAIN = (Rejected, Conflict, Stale, NotAllowed)
Text = Annotated[str, Query(max_length=200)]


# ---- lists ------------------------------------------------------------------------------------------------


@router.get("/requests", response_class=HTMLResponse)
def requests_page(
    request: Request,
    session: Reading,
    actor: Asking,
    tab: Text = "",
    kind: Text = "",
    state: Text = "",
    after: Text = "",
) -> HTMLResponse:
    """What my agency asks for, what it is asked for, or all of it; grants on a tab of their own."""
    tabs = _tabs(actor)
    chosen = tab if tab in tabs else next(iter(tabs))
    given: dict[str, Any] = {"side": chosen if chosen in ("requester", "provider") else None}
    given |= {"actor": actor, "now": today(), "after": after or None}
    if chosen == "grants":
        page: Any = list_grants(session, **given)
        keys = keys_of(session, ShareGrant, [row.number for row in page.rows])
    else:
        page = list_requests(session, kind=kind or None, state=state or None, **given)
        keys = keys_of(session, DataRequest, [row.number for row in page.rows])
    spec = load().requests
    values = {
        "tabs": tabs,
        "tab": chosen,
        "rows": page.rows,
        "keys": keys,
        "more": page.next_cursor,
        "query": urlencode({"tab": chosen, "kind": kind, "state": state}),
        "kinds": {row.key: row.zh for row in spec.kinds},
        "states": {row.key: row.zh for row in spec.states},
        "kind": kind,
        "state": state,
        "files": files_any(actor),
    }
    return render(request, "requests.html", values)


def _tabs(actor: Actor) -> dict[str, str]:
    specs = load()
    sight = specs.requests.sight
    sides = {"requester": "我方提出", "provider": "向我方提出"}
    found = sides if agencies_of(actor, sight.own, specs) else {}
    if regions_of(actor, sight.authority, specs) or not found:
        found = found | {"all": "全部"}
    return found | {"grants": "授权"}


# ---- one request ------------------------------------------------------------------------------------------


@router.get("/requests/{name}", response_class=HTMLResponse)
def request_page(request: Request, session: Reading, actor: Asking, name: str) -> HTMLResponse:
    """One request whole, with the forms of the acts that the asker may make."""
    return _request(request, session, actor, name)


def _request(
    request: Request, session: Session, actor: Actor, name: str, refused: Refused | None = None
) -> HTMLResponse:
    found, specs = shown_request(session, name, actor=actor, now=today()), load()
    matter = load_matter(session, name)
    offered = request_options(session, name, actor=actor, now=today())
    ground = Ground(specs, matter.content, matter.request.content, matter.request.kind)
    asked = matter.request.content
    most = {"offered": asked.get("items", ()), "valid_until": asked.get("valid_until", "")}
    narrower = Ground(specs, matter.content, most)
    forms = [act_form(one, narrower if one.act == "agree" else ground, refused) for one in offered]
    values = {
        "found": found,
        "row": found.row,
        "key": matter.request.id,
        "forms": forms,
        "grant_keys": keys_of(session, ShareGrant, [one.number for one in found.grants]),
        "applicant_zh": {row.key: row.zh for row in specs.requests.applicant.fields},
        **_disputes(session, found, actor, refused),
        **_words(specs, matter.request.kind),
    }
    return _render(request, "request.html", values, forms, refused)


def _disputes(
    session: Session, found: RequestShown, actor: Actor, refused: Refused | None, *, grant: bool = False
) -> dict[str, Any]:
    """The disputes of a request with their forms, and whether a new one may be opened."""
    ground = Ground(load())
    rows = [
        (one, zh, [act_form(o, ground, refused) for o in dispute_options(session, one, actor=actor)])
        for one, zh in found.disputes
    ]
    mine = refused is not None and refused.act == DISPUTE
    typed = text_of(refused.form, "subject") if refused and mine else ""
    may_open = may_dispute(session, found.row.number, actor=actor, now=today(), on_grant=grant)
    return {"disputes": rows, "may_dispute": may_open, "dispute_open": mine, "subject": typed}


def _words(specs: Specs, kind: str) -> dict[str, Any]:
    """What keys are called, for the timeline of acts."""
    spec = specs.requests
    path = {row.key: row.zh for row in specs.document("responsibility", Responsibility).dispute_path}
    states = {row.key: row.zh for row in (*spec.states, *spec.grant_states)}
    named = {row.key: row.zh for row in spec.kind_index[kind].fields}
    return {
        "machine": spec.machine.zh,
        "states_zh": states | path | {spec.dispute_closed.key: spec.dispute_closed.zh},
        "fields_zh": {row.key: row.zh for row in spec.taken} | named,
        "forms_zh": {row.code: row.zh for row in specs.codes["share_mode_type"].values},
        "roles_zh": {role.key: role.zh for role in roles_of(specs).roles},
    }


def _render(
    request: Request, name: str, values: dict[str, Any], forms: Iterable[ActForm], refused: Refused | None
) -> HTMLResponse:
    shown = [one for form in forms for one in form.fields]
    errors = refused.beside(shown) if refused else []
    return render(request, name, values | {"errors": errors}, status=refused.error.status if refused else 200)


@router.post("/requests/{name}/act", response_model=None)
async def act_on_form(request: Request, actor: Asking, name: str) -> Response:
    """An act made on the request's page; then the page again, or the form with what was refused."""
    form = await request.form()
    act = text_of(form, "act")

    def deed(session: Session) -> None:
        taken = load().requests.taken_index
        given = load().requests.act_index.get(act)
        data = data_of(form, [taken[key] for key in given.takes] if given else [])
        more: dict[str, Any] = {"data": data, "note": text_of(form, "note"), "lock": _lock(form)}
        act_on_request(session, name, act, actor=actor, now=today(), **more)

    return await _done(request, actor, Refusing(name, act, form, _request), deed, f"/requests/{quote(name)}")


class Refusing:
    """What is shown when a deed is refused: a page, with the form that was sent."""

    def __init__(self, name: str, act: str, form: FormData, page: Callable[..., HTMLResponse]) -> None:
        self.name, self.act, self.form, self.page = name, act, form, page

    def answer(self, request: Request, actor: Actor, error: MuluError) -> HTMLResponse:
        """The page, read anew."""
        with request.app.state.database.read() as session:
            return self.page(request, session, actor, self.name, Refused(self.act, self.form, error))


async def _done(
    request: Request, actor: Actor, back: Refusing, deed: Callable[[Session], None], there: str
) -> Response:
    """A deed done in a transaction of its own, then the page ``there``; or the form again, with what was refused."""

    def run() -> Response:
        try:
            with request.app.state.database.write() as session:
                deed(session)
        except _SHOWN_AGAIN as error:
            return back.answer(request, actor, error)
        return RedirectResponse(there, SEE_OTHER)

    return await run_in_threadpool(run)


def _lock(form: FormData) -> int:
    text = text_of(form, "lock")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Rejected("表单缺少 lock；刷新页面后重做")
    return int(text)


# ---- one grant --------------------------------------------------------------------------------------------


@router.get("/grants/{name}", response_class=HTMLResponse)
def grant_page(request: Request, session: Reading, actor: Asking, name: str) -> HTMLResponse:
    """One grant whole, with the records of its use and the forms of what the asker may do."""
    return _grant(request, session, actor, name)


def _grant(
    request: Request, session: Session, actor: Actor, name: str, refused: Refused | None = None
) -> HTMLResponse:
    now, specs = today(), load()
    found = shown_grant(session, name, actor=actor, now=now)
    asked = shown_request(session, found.row.request, actor=actor, now=now)
    ground = Ground(specs)
    forms = [act_form(one, ground, refused) for one in grant_options(session, name, actor=actor, now=now)]
    use, extends = _use(session, found.row, actor, specs, refused)
    values = {
        "found": found,
        "row": found.row,
        "ending": grants_ending(session, today=local_day(now), number=found.row.number),
        "key": keys_of(session, ShareGrant, [found.row.number])[found.row.number],
        "request_key": keys_of(session, DataRequest, [found.row.request])[found.row.request],
        "forms": forms,
        "use": use,
        "extends": extends,
        "usage_zh": {row.key: row.zh for row in specs.requests.usage_kinds},
        "use_zh": {f.key: f.zh for row in specs.requests.usage_kinds for f in usage_fields(row.key, specs)},
        **_disputes(session, asked, actor, refused, grant=True),
        **_words(specs, asked.row.kind),
    }
    return _render(request, "grant.html", values, [*forms, *([use] if use else [])], refused)


def _use(
    session: Session, row: GrantRow, actor: Actor, specs: Specs, refused: Refused | None
) -> tuple[ActForm | None, bool]:
    """The form of the next record for who uses the data, and whether he may ask for an extension."""
    user = load_grant(session, row.number, actor=actor).user
    target, roles = Target(user.id, user.region), roles_of(specs)
    kind = next(one for one in specs.requests.usage_kinds if one.ended != row.running)
    mine = refused if refused is not None and refused.act == USAGE else None
    wanted = not kind.ended or (row.provided_at is not None and row.destroyed_at is None)
    form = None
    if wanted and any(may(actor, name, roles, target) for name in kind.by):
        fields = tuple(Ground(specs).show(one, mine) for one in usage_fields(kind.key, specs))
        form = ActForm(kind.key, kind.zh, fields, mine is not None)
    asks = specs.requests.kind_index["share"].filed_by
    extends = row.running and row.valid_until is not None
    return form, extends and any(may(actor, name, roles, target) for name in asks)


@router.post("/grants/{name}/act", response_model=None)
async def act_on_grant_form(request: Request, actor: Asking, name: str) -> Response:
    """An act made on the grant's page."""
    form = await request.form()
    act = text_of(form, "act")

    def deed(session: Session) -> None:
        taken = load().requests.taken_index
        given = load().requests.grant_act_index.get(act)
        data = data_of(form, [taken[key] for key in given.takes] if given else [])
        more: dict[str, Any] = {"data": data, "note": text_of(form, "note"), "lock": _lock(form)}
        act_on_grant(session, name, act, actor=actor, now=today(), **more)

    return await _done(request, actor, Refusing(name, act, form, _grant), deed, f"/grants/{quote(name)}")


@router.post("/grants/{name}/usage", response_model=None)
async def usage_form(request: Request, actor: Asking, name: str) -> Response:
    """A record of use kept on the grant's page."""
    form = await request.form()
    kind = text_of(form, "kind")

    def deed(session: Session) -> None:
        known = kind in load().requests.usage_index
        data = data_of(form, usage_fields(kind, load()) if known else [])
        record_usage(session, name, kind, data, actor=actor, now=today())

    there = f"/grants/{quote(name)}#usage"
    return await _done(request, actor, Refusing(name, USAGE, form, _grant), deed, there)


# ---- disputes ---------------------------------------------------------------------------------------------


@router.post("/disputes", response_model=None)
async def dispute_form(request: Request, actor: Asking) -> Response:
    """A dispute opened on the page of a request or a grant (``of``)."""
    form = await request.form()
    name, of = text_of(form, "about"), text_of(form, "of")
    page, there = (_grant, "grants") if of == "grant" else (_request, "requests")

    def deed(session: Session) -> None:
        open_dispute(session, name, subject=text_of(form, "subject"), actor=actor, now=today())

    address = f"/{there}/{quote(name)}#disputes"
    return await _done(request, actor, Refusing(name, DISPUTE, form, page), deed, address)


@router.get("/disputes/{name}", response_model=None)
def dispute_page(session: Reading, actor: Asking, name: str) -> Response:
    """A dispute stands on the page of its request."""
    _dispute, found = seen_dispute(session, name, actor=actor, now=today())
    return RedirectResponse(f"/requests/{quote(found.row.number)}#disputes", SEE_OTHER)


@router.post("/disputes/{name}/act", response_model=None)
async def act_on_dispute_form(request: Request, actor: Asking, name: str) -> Response:
    """An act on a dispute; then the page of its request."""
    form = await request.form()
    act = text_of(form, "act")

    def deed(session: Session) -> None:
        spec = load().requests
        given = spec.dispute_act_index.get(act)
        data = data_of(form, [spec.taken_index[key] for key in given.asks] if given else [])
        more: dict[str, Any] = {"data": data, "note": text_of(form, "note"), "lock": _lock(form)}
        act_on_dispute(session, name, act, actor=actor, now=today(), **more)

    asked = text_of(form, "request")
    there = f"/requests/{quote(asked)}#disputes"
    return await _done(request, actor, Refusing(asked, act, form, _request), deed, there)
