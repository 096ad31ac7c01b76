"""Pages of promises kept: the overdue ledger, the figures of a year, change events with their cases."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law import Clock, Deadlines
from registry.case_states import ANSWERED, OPEN, OVERDUE, CaseShown
from registry.change_cases import EventShown, extend_case, list_events, reopen_case, settle_case, show_event
from registry.change_events import Asked, affected_by, post_event, read_citation, withdraw_event
from registry.debts import debts
from registry.edition_sight import READ, shown_standings
from registry.errors import NotFound, Rejected
from registry.figures import FIRST_YEAR, yearly_figures
from registry.lookup import list_agencies
from registry.models import Agency
from registry.people import local_day
from registry.permits import Actor, Sight, Target, may, roles_of
from registry.web.answers import granted
from registry.web.given import Asking, Reading, Seeing, Writing, today
from registry.web.templates import render
from validators.fields import parse_date

router = APIRouter(dependencies=[Depends(granted(READ))])
SEE_OTHER = 303
PAGE = 100
_UNITS = {"working_days": "个工作日"}
DEEDS = {"settle": settle_case, "extend": extend_case, "reopen": reopen_case}
Agencies = Annotated[str, Query(max_length=200)]


# ---- ledger and figures -----------------------------------------------------------------------------------


@router.get("/promises", response_class=HTMLResponse)
def ledger_page(
    request: Request,
    session: Reading,
    seen: Seeing,
    actor: Asking,
    agency: Agencies = "",
    kind: Annotated[str, Query(max_length=32)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """What agencies promised and have not kept, the latest first; how much by agency and by kind."""
    ledger = debts(session, actor, now=today(), specs=load(), sight=seen, agency=agency or None)
    rows = [row for row in ledger.rows if kind in ("", row.kind)]
    pages = max(1, -(-len(rows) // PAGE))
    at = min(page, pages)
    values = {
        "ledger": ledger,
        "rows": rows[(at - 1) * PAGE : at * PAGE],
        "found": len(rows),
        "says": {row.kind: row for row in rows},
        "page": at,
        "pages": pages,
        "query": urlencode({"agency": agency, "kind": kind}),
        "kinds": {row.key: row.zh for row in load().promises.owed},
        "agencies": list_agencies(session, sight=seen),
        "agency": agency,
        "kind": kind,
        "figures": None,
    }
    return render(request, "promises.html", values)


@router.get("/promises/figures", response_class=HTMLResponse)
def figures_page(
    request: Request,
    session: Reading,
    seen: Seeing,
    actor: Asking,
    agency: Agencies = "",
    year: Annotated[int | None, Query(ge=1, le=9999)] = None,
) -> HTMLResponse:
    """The figures of a year, with how each is defined."""
    now = today()
    this = local_day(now).year
    stale = {one.agency.code: one.stale for one in shown_standings(session, actor=actor)}
    given: dict[str, Any] = {"now": now, "specs": load(), "sight": seen, "stale": stale}
    found = yearly_figures(session, year if year is not None else this, agency=agency or None, **given)
    values = {
        "figures": found,
        "years": range(this, max(FIRST_YEAR, this - 10) - 1, -1),
        "agencies": list_agencies(session, sight=seen),
        "agency": agency,
        "percent": _percent,
    }
    return render(request, "promises.html", values)


def _percent(rate: float | None) -> str:
    return "—" if rate is None else f"{rate:.1%}"


# ---- change events ----------------------------------------------------------------------------------------


@router.get("/changes", response_class=HTMLResponse)
def changes_page(request: Request, session: Reading, seen: Seeing, actor: Asking) -> HTMLResponse:
    """All change events, the newest first; the form for who posts them."""
    return _changes(request, session, seen, actor, {})


def _changes(
    request: Request, session: Session, seen: Sight, actor: Actor, asked: dict[str, str], preview: Any = None
) -> HTMLResponse:
    specs, now = load(), today()
    values = {
        "events": list_events(session, sight=seen, now=now, specs=specs),
        "posts": may(actor, specs.promises.change.post, roles_of(specs)),
        "change_kinds": specs.promises.change_kinds,
        "states": {row.key: row.zh for row in specs.promises.case_states},
        "agencies": list_agencies(session, sight=seen),
        "clock": _clock(),
        "asked": asked,
        "preview": preview,
    }
    return render(request, "changes.html", values)


def _clock() -> Clock:
    specs = load()
    return specs.document("deadlines", Deadlines).index[specs.promises.change.clock]


class EventForm:
    """The fields of the form; agencies and laws one a line."""

    def __init__(
        self,
        kind: Annotated[str, Form(max_length=32)] = "",
        basis: Annotated[str, Form(max_length=1000)] = "",
        effective_on: Annotated[str, Form(max_length=32)] = "",
        agencies: Annotated[str, Form(max_length=20_000)] = "",
        laws: Annotated[str, Form(max_length=20_000)] = "",
        note: Annotated[str, Form(max_length=4000)] = "",
    ) -> None:
        self.written = {
            "kind": kind,
            "basis": basis,
            "effective_on": effective_on,
            "agencies": agencies,
            "laws": laws,
            "note": note,
        }

    @property
    def asked(self) -> Asked:
        """The event as it is to be posted.

        Raises:
            Rejected: the date is none, or a line names no law.
        """
        given = self.written
        day: date | None = parse_date(given["effective_on"])
        if day is None:
            raise Rejected("写明生效日期，如 2026-11-10")
        laws = tuple(read_citation(line) for line in _lines(given["laws"]))
        return Asked(given["kind"], given["basis"], day, _lines(given["agencies"]), laws, given["note"])


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


Written = Annotated[EventForm, Depends()]


@router.post("/changes/preview", response_class=HTMLResponse)
def preview_form(
    request: Request, session: Reading, seen: Seeing, actor: Asking, form: Written
) -> HTMLResponse:
    """What an event would touch, with a button to post it; nothing is written."""
    preview = affected_by(session, form.asked, actor=actor, now=today(), specs=load())
    return _changes(request, session, seen, actor, form.written, preview)


@router.post("/changes", response_model=None)
def post_form(session: Writing, actor: Asking, form: Written) -> Response:
    """An event posted; then its page."""
    event = post_event(session, form.asked, actor=actor, now=today(), specs=load())
    return RedirectResponse(f"/changes/{quote(event.number)}", SEE_OTHER)


@router.get("/changes/{number}", response_class=HTMLResponse)
def change_page(
    request: Request,
    session: Reading,
    seen: Seeing,
    actor: Asking,
    number: str,
    agency: Agencies = "",
    state: Annotated[str, Query(max_length=32)] = "",
) -> HTMLResponse:
    """A change event with the entries that it touches, and what may be done about each."""
    specs = load()
    event = show_event(session, number, sight=seen, now=today(), specs=specs)
    cases = [c for c in event.cases if agency in ("", c.agency_code) and state in ("", c.state)]
    values = {
        "event": event,
        "cases": [(case, deeds) for case, deeds in _with_deeds(session, event, cases, actor)],
        "posts": may(actor, specs.promises.change.post, roles_of(specs)),
        "states": {row.key: row.zh for row in specs.promises.case_states},
        "units": _UNITS,
        "of": dict.fromkeys((case.agency_code, case.agency_name) for case in event.cases),
        "agency": agency,
        "state": state,
    }
    return render(request, "change.html", values)


def _with_deeds(
    session: Session, event: EventShown, cases: Iterable[CaseShown], actor: Actor
) -> list[tuple[CaseShown, list[tuple[str, str]]]]:
    """Every case with the deeds that ``actor`` may do about it, as (key, words)."""
    listed = list(cases)
    codes = {case.agency_code for case in listed}
    agencies = session.execute(select(Agency).where(col(Agency.code).in_(codes))).scalars()
    mine = {one.code: _granted(actor, Target(one.id, one.region)) for one in agencies}
    gone = event.withdrawn_at is not None
    return [(case, [] if gone else _deeds(case, mine.get(case.agency_code, frozenset()))) for case in listed]


def _granted(actor: Actor, target: Target) -> frozenset[str]:
    specs = load()
    rule = specs.promises.change
    asked = {"settle": rule.settle, "extend": _clock().extend_by, "reopen": rule.post}
    roles = roles_of(specs)
    return frozenset(deed for deed, act in asked.items() if act and may(actor, act, roles, target))


def _deeds(case: CaseShown, mine: frozenset[str]) -> list[tuple[str, str]]:
    possible = [
        ("settle", "答复不需更新", case.state in (OPEN, OVERDUE)),
        ("extend", "同意延期", case.state == OPEN and not case.extended),
        ("reopen", "退回答复", case.state == ANSWERED),
    ]
    return [(deed, zh) for deed, zh, fits in possible if fits and deed in mine]


@router.post("/changes/{number}/withdraw", response_model=None)
def withdraw_form(
    session: Writing, actor: Asking, number: str, reason: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """An event withdrawn; then its page."""
    withdraw_event(session, number, reason=reason, actor=actor, now=today(), specs=load())
    return RedirectResponse(f"/changes/{quote(number)}", SEE_OTHER)


@router.post("/changes/{number}/{deed}", response_model=None)
def case_form(
    session: Writing,
    seen: Seeing,
    actor: Asking,
    number: str,
    deed: str,
    entry: Annotated[str, Form(max_length=200)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """A case answered, extended or opened again; then the page."""
    if deed not in DEEDS:
        raise NotFound("没有这种办理")
    given: dict[str, Any] = {"reason": reason, "sight": seen, "actor": actor}
    DEEDS[deed](session, number, entry, **given, now=today(), specs=load())
    return RedirectResponse(f"/changes/{quote(number)}#{quote(entry)}", SEE_OTHER)
