"""The page on which a request is filed: what stands against it is told before anything is typed."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from catalog_specs import Specs, load
from catalog_specs.law import Deadlines
from catalog_specs.law_requests import RequestField, RequestKind
from registry.answering import case_of
from registry.errors import Conflict, MuluError, NotAllowed, Rejected
from registry.lookup import Row, find_entry
from registry.models import Agency, DataRequest
from registry.permits import Actor, Sight, Target, holding, may, roles_of
from registry.request_acts import Matter, around
from registry.request_shown import list_grants, shown_grant
from registry.requests import file_request
from registry.web.given import Asking, Reading, Seeing, today
from registry.web.request_forms import Ground, Refused, data_of, text_of
from registry.web.request_shapes import grants_json, keys_of
from registry.web.templates import render
from validators.requesting import Unmet, missing_to_file

router = APIRouter()
FILE, _APPLIES = "file", "applicant/"
# what no typing can mend
_STANDS = frozenset({"not_in_force", "not_shared", "not_bound", "own_entry", "not_using"})
Text = Annotated[str, Query(max_length=200)]


def files_any(actor: Actor) -> bool:
    """Whether someone may file a request of some kind."""
    names = {name for kind in load().requests.kinds for name in (*kind.filed_by, *kind.authority_by)}
    return any(may(actor, name, roles_of(load())) for name in names)


def fileable(session: Session, row: Row, actor: Actor) -> list[tuple[str, str]]:
    """The kinds of request that someone may file about an entry, as (key, Chinese name)."""
    specs, provider = load(), session.get_one(Agency, row.entry.agency_id)
    return [(k.key, k.zh) for k in specs.requests.kinds if _files(k, actor, provider, specs)]


def _files(kind: RequestKind, actor: Actor, provider: Agency, specs: Specs) -> bool:
    """Whether someone may file such a request, and is of the side that does."""
    roles, target = roles_of(specs), Target(provider.id, provider.region)
    if kind.side == "provider":
        return any(may(actor, name, roles, target) for name in kind.filed_by)
    if any(may(actor, name, roles, target) for name in kind.authority_by):
        return True
    return any(agency != provider.id for agency in _asking(kind, actor, specs))


def _asking(kind: RequestKind, actor: Actor, specs: Specs) -> list[str]:
    """The agencies for which someone files such a request."""
    held = (h for name in kind.filed_by for h in holding(actor, name, roles_of(specs)))
    return list(dict.fromkeys(h.agency_id for h in held if h.agency_id))


def entry_values(session: Session, row: Row, actor: Actor) -> dict[str, Any]:
    """What the page of an entry offers: kinds of request, and the running grants that the asker sees."""
    page = list_grants(session, actor=actor, now=today(), entry=row.entry.id, is_running=True)
    in_force = row.entry.in_force is not None
    return {
        "request_kinds": fileable(session, row, actor) if in_force else [],
        "running_grants": grants_json(session, page.rows),
    }


# ---- the page ---------------------------------------------------------------------------------------------


@router.get("/requests/new", response_class=HTMLResponse)
def new_page(
    request: Request,
    session: Reading,
    seen: Seeing,
    actor: Asking,
    entry: Text = "",
    kind: Text = "",
    extends: Text = "",
) -> HTMLResponse:
    """The form of a new request about an entry; a question for its code when none is given."""
    if not entry.strip():
        return render(request, "request_new.html", {"matter": None, "entry": "", "wrong": ""})
    try:
        return _new(request, session, (seen, actor), {"entry": entry, "kind": kind, "extends": extends})
    except MuluError as error:
        values = {"matter": None, "entry": entry, "wrong": error.message}
        return render(request, "request_new.html", values, status=error.status)


def _new(
    request: Request,
    session: Session,
    who: tuple[Sight, Actor],
    asked: dict[str, str],
    refused: Refused | None = None,
) -> HTMLResponse:
    (seen, actor), specs = who, load()
    row = find_entry(session, asked["entry"], sight=seen)
    kinds = fileable(session, row, actor)
    known = [key for key, _zh in kinds] or [kind.key for kind in specs.requests.kinds]
    kind = specs.requests.kind_index[asked["kind"] if asked["kind"] in known else known[0]]
    asking = [session.get_one(Agency, key) for key in _asking(kind, actor, specs)]
    asking = [one for one in asking if one.id != row.entry.agency_id] if kind.side == "requester" else []
    matter = _matter(session, row, kind, asking[0] if asking else None)
    ground = Ground(specs, matter.content, _standing(session, kind, asked["extends"], actor))
    fields = [ground.show(one, refused) for one in kind.fields if one.type != "grant"]
    applicant = [ground.show(one, refused) for one in _applicant(kind, specs)]
    values = {
        "matter": matter,
        "name": row.version.name,
        "entry": row.entry.code or row.entry.id,
        "kinds": kinds,
        "kind": kind,
        "asking": asking,
        "requester": text_of(refused.form, "requester") if refused else "",
        "extends": asked["extends"],
        "fields": fields,
        "applicant": applicant,
        "machine": _by_machine(kind, matter),
        "days": _days(kind, matter, specs),
        "stands": _against(session, matter),
        "errors": refused.beside([*fields, *applicant]) if refused else [],
        "wrong": "",
    }
    return render(request, "request_new.html", values, status=refused.error.status if refused else 200)


def _applicant(kind: RequestKind, specs: Specs) -> list[RequestField]:
    """The fields of who applies, each called otherwise than those of the request."""
    fields = specs.requests.applicant.fields if kind.side == "provider" else ()
    return [one.model_copy(update={"key": f"{_APPLIES}{one.key}"}) for one in fields]


def _matter(session: Session, row: Row, kind: RequestKind, asker: Agency | None) -> Matter:
    """The request as it would be: nothing of it is kept."""
    asked = DataRequest(
        id="",
        number="",
        kind=kind.key,
        entry_id=row.entry.id,
        entry_number=row.version.number,
        agency_id=row.entry.agency_id,
        requester_id=asker.id if asker else None,
        state=kind.first,
        filed_by="",
    )
    return around(session, asked, row.entry)


def _standing(session: Session, kind: RequestKind, extends: str, actor: Actor) -> dict[str, Any]:
    """What the form holds at first: nothing, or what a grant that is to be extended says."""
    if kind.key != "share":
        # which items are wrong must be said; for opening all are meant
        return {"every_item": True} | ({} if kind.side == "provider" else {"items": ()})
    if not extends:
        return {}
    found = shown_grant(session, extends, actor=actor, now=today())
    kept = {key: found.content.get(key, "") for key in ("basis", "scene", "scope")}
    return kept | {"mode": found.row.pattern, "items": found.row.items, "offered": found.row.items}


def _against(session: Session, matter: Matter) -> list[Unmet]:
    """What stands against such a request whatever is typed, each with article and cure."""
    missing = missing_to_file(case_of(session, matter, {}, now=today()))
    return [one for one in missing if one.key in _STANDS]


def _by_machine(kind: RequestKind, matter: Matter) -> bool:
    return (matter.content or {}).get("share_type") in kind.machine_share_types


def _days(kind: RequestKind, matter: Matter, specs: Specs) -> int:
    """The working days of the answer; 0 where none bind."""
    clock = matter.clock()
    if clock is None or _by_machine(kind, matter):
        return 0
    row = specs.document("deadlines", Deadlines).index[clock]
    return row.length if row.unit == "working_days" else 0


# ---- filed ------------------------------------------------------------------------------------------------


@router.post("/requests", response_model=None)
async def file_form(request: Request, seen: Seeing, actor: Asking) -> Response:
    """A request filed; then its page, or the form again with what is missing."""
    form = await request.form()
    return await run_in_threadpool(_file, request, (seen, actor), form)


def _file(request: Request, who: tuple[Sight, Actor], form: FormData) -> Response:
    asked = {key: text_of(form, key) for key in ("entry", "kind", "extends")}
    database = request.app.state.database
    try:
        with database.write() as session:
            number = file_request(session, asked["entry"], asked["kind"], **_given(form, who[1])).number
            key = keys_of(session, DataRequest, [number])[number]
    except (Rejected, Conflict, NotAllowed) as error:
        with database.read() as session:
            return _new(request, session, who, asked, Refused(FILE, form, error))
    return RedirectResponse(f"/requests/{quote(key)}", 303)


def _given(form: FormData, actor: Actor) -> dict[str, Any]:
    spec = load().requests
    kind = spec.kind_index.get(text_of(form, "kind"))
    applied = data_of(form, _applicant(kind, load())) if kind and kind.side == "provider" else None
    return {
        "data": data_of(form, kind.fields) if kind else {},
        "applicant": {k.removeprefix(_APPLIES): v for k, v in applied.items()}
        if applied is not None
        else None,
        "requester": text_of(form, "requester") or None,
        "note": text_of(form, "note"),
        "actor": actor,
        "now": today(),
    }
