"""Pages of responsibility lists: of all agencies, of one as it stands, its sealed editions, their differences."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from catalog_specs import load
from registry.edition_content import owed_digest
from registry.edition_sight import (
    READ,
    Between,
    Found,
    before_it,
    find_shown,
    keep_scan,
    may_seal,
    publish_shown,
    seal_seen,
    shown_editions,
    shown_standing,
    shown_standings,
    with_live,
    with_other,
)
from registry.editions import SEAL, Standing, document_of, edition_name
from registry.list_counts import ListCount, list_counts
from registry.list_document import ListDocument
from registry.list_shelf import shelf_differences
from registry.marks import fingerprint
from registry.models import Agency
from registry.other_lists import NEGATIVE, other_document
from registry.permits import Target, demand, roles_of
from registry.responsibility import Scope, live_document
from registry.web.answers import granted
from registry.web.given import Asking, Reading, Writing, today
from registry.web.list_downloads import FORMATS_ZH
from registry.web.list_views import list_view
from registry.web.lists import find_agency, sent
from registry.web.templates import render

router = APIRouter(dependencies=[Depends(granted(READ))])
SEE_OTHER = 303
KINDS = {"added": "新增", "removed": "删去", "changed": "变更"}
Only = Annotated[str | None, Query(alias="list", max_length=32)]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


# ---- all agencies -----------------------------------------------------------------------------------------


@router.get("/lists", response_class=HTMLResponse)
def lists_page(
    request: Request,
    session: Reading,
    actor: Asking,
    agency: Annotated[str, Query(max_length=200)] = "",
    stale: bool = False,
) -> HTMLResponse:
    """Every agency that owes a list: how many lines, how many on the shelf, the worst debt, the last edition."""
    counts = list_counts(session, now=today())
    every = [(one, counts.get(one.agency.id, ListCount())) for one in shown_standings(session, actor=actor)]
    rows = [(one, count) for one, count in every if _meant(one, agency.strip(), stale=stale)]
    values = {
        "rows": rows,
        "all": len(every),
        "lines": sum(count.lines for _one, count in every),
        "shelved": sum(count.shelved for _one, count in every),
        "overdue": sum(count.overdue for _one, count in every),
        "behind": sum(one.stale for one, _count in every),
        "agency": agency,
        "stale": stale,
    }
    return render(request, "lists.html", values | _words())


def _meant(one: Standing, written: str, *, stale: bool) -> bool:
    return (not stale or one.stale) and (written in one.agency.name or written.upper() in one.agency.code)


def _words() -> dict[str, Any]:
    return {"formats": FORMATS_ZH, "edition_name": edition_name, "kinds": KINDS}


# ---- one agency -------------------------------------------------------------------------------------------


@router.get("/lists/{code}", response_class=HTMLResponse)
def list_page(
    request: Request,
    session: Reading,
    actor: Asking,
    code: str,
    only: Only = None,
    debts: bool = False,
    page: PageNumber = 1,
) -> HTMLResponse:
    """The lists of an agency as they stand now, how the last edition stands to them, and all editions."""
    agency = find_agency(session, code)
    document = _with_negative(session, Scope(agency))
    values = {
        "agency": agency,
        "document": document,
        "shelf": shelf_differences(session, Scope(agency)),
        "view": list_view(document, only, debts=debts, page=page),
        "standing": shown_standing(session, agency, actor=actor),
        "editions": shown_editions(session, agency, actor=actor),
        "seals": may_seal(actor, agency),
    }
    return render(request, "list.html", values | _words())


def _with_negative(session: Session, scope: Scope) -> ListDocument:
    """The lists of a scope, with what is not shared beside them where there is any."""
    document = live_document(session, scope, now=today())
    beside = other_document(session, scope, NEGATIVE, now=today()).lists
    return replace(document, lists=(*document.lists, *(table for table in beside if table.rows)))


@router.get("/lists/{code}/seal", response_class=HTMLResponse)
def preview_page(request: Request, session: Reading, actor: Asking, code: str) -> HTMLResponse:
    """What would be sealed that was not sealed last, to be confirmed by the head."""
    agency = find_agency(session, code)
    demand(actor, SEAL, roles_of(load()), Target(agency.id, agency.region))
    last = shown_standing(session, agency, actor=actor).edition
    between = with_live(session, agency, last, now=today())
    more = {"confirms": True, "seen": owed_digest(session, agency), "before": last, "after": None}
    return _diff(request, between, agency, **more)


@router.post("/lists/{code}/seal", response_model=None)
def seal_form(
    session: Writing,
    actor: Asking,
    code: str,
    seen: Annotated[str, Form(max_length=64)] = "",
    publish: Annotated[str, Form(max_length=1)] = "1",
) -> Response:
    """The list sealed as it was previewed; then the edition."""
    agency = find_agency(session, code)
    done = seal_seen(session, agency, seen, actor=actor, now=today(), publish=publish == "1")
    return RedirectResponse(f"/editions/{done.edition.id}", SEE_OTHER)


# ---- editions ---------------------------------------------------------------------------------------------


@router.get("/editions/{key}", response_class=HTMLResponse)
def edition_page(
    request: Request,
    session: Reading,
    actor: Asking,
    key: str,
    only: Only = None,
    debts: bool = False,
    page: PageNumber = 1,
) -> HTMLResponse:
    """An edition as it was sealed: head, code, digest, key, files, lines."""
    found = find_shown(session, key, actor=actor)
    document = document_of(found.edition)
    editions = shown_editions(session, found.agency, actor=actor)
    values = {
        "found": found,
        "edition": found.edition,
        "agency": found.agency,
        "document": document,
        "view": list_view(document, only, debts=debts, page=page),
        "fingerprint": fingerprint(found.edition.mark["key"]),
        "previous": before_it(editions, found.edition),
        "newest": editions[0],
        "seals": may_seal(actor, found.agency),
    }
    return render(request, "edition.html", values | _words())


@router.post("/editions/{key}/publish", response_model=None)
def publish_form(session: Writing, actor: Asking, key: str) -> Response:
    """An edition published; then its page."""
    publish_shown(session, key, actor=actor, now=today())
    return RedirectResponse(f"/editions/{key}", SEE_OTHER)


@router.post("/editions/{key}/scan", response_model=None)
def scan_form(
    request: Request, session: Writing, actor: Asking, key: str, file: Annotated[UploadFile, File()]
) -> Response:
    """The stamped scan attached; then the edition."""
    files = request.app.state.settings.files
    keep_scan(session, key, sent(file, files), actor=actor, now=today())
    return RedirectResponse(f"/editions/{key}#scan", SEE_OTHER)


@router.get("/editions/{key}/diff", response_class=HTMLResponse)
def diff_page(
    request: Request,
    session: Reading,
    actor: Asking,
    key: str,
    to: Annotated[str | None, Query(max_length=32)] = None,
) -> HTMLResponse:
    """What another edition, or the list of today, has that this edition has not."""
    found = find_shown(session, key, actor=actor)
    other = find_shown(session, to, actor=actor) if to else None
    between = _between(session, found, other)
    editions = shown_editions(session, found.agency, actor=actor)
    more: dict[str, Any] = {"before": found.edition, "after": other.edition if other else None}
    return _diff(request, between, found.agency, confirms=False, editions=editions, **more)


def _between(session: Session, found: Found, other: Found | None) -> Between:
    if other is None:
        return with_live(session, found.agency, found.edition, now=today())
    return with_other(session, found, other)


def _diff(request: Request, between: Between, agency: Agency, **more: Any) -> HTMLResponse:
    values = {"between": between, "changes": between.changes, "agency": agency, "editions": []}
    return render(request, "list_diff.html", values | _words() | more)
