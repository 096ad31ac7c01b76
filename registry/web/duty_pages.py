"""Pages of duties: those of a year with their evidence, one article for everybody, and the coverage of the law."""

from collections import Counter
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load, profiles
from catalog_specs.coverage import coverage
from registry.dictionary import CITING, KINDS, PER, SHUT_BY
from registry.duties import Standing, read_duties
from registry.duty_deeds import (
    About,
    check_sender,
    hand_in,
    target_of,
    waive,
    waiving,
    withdraw,
)
from registry.duty_shown import (
    SOON,
    Filter,
    answerable,
    law_json,
    list_duties,
    list_evidence,
    standing_json,
)
from registry.duty_terms import SIGHT, Asked, agencies_seen, check_year, duty_named
from registry.errors import Rejected
from registry.models import Agency
from registry.people import local_day
from registry.permits import Actor, may, roles_of
from registry.web.answers import granted_any
from registry.web.given import Asking, Reading, Writing, today
from registry.web.papers import day_typed, paper_sent
from registry.web.templates import render

router = APIRouter(dependencies=[Depends(granted_any(SIGHT))])
SEE_OTHER = 303
PAGE = 100
_MARKS = {"overdue": "error", "due": "warning", "open": "plain", "done": "fine"}
Text = Annotated[str, Query(max_length=200)]
Year = Annotated[int | None, Query(ge=1, le=9999)]
Typed = Annotated[str, Form(max_length=200)]
Long = Annotated[str, Form(max_length=2000)]


@router.get("/duties", response_class=HTMLResponse)
def duties_page(
    request: Request,
    session: Reading,
    actor: Asking,
    year: Year = None,
    agency: Text = "",
    system: Text = "",
    state: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """The duties of a year, the most urgent first; how many stand how."""
    specs, now = load(), today()
    asked = Asked(year, agency or None, system.strip() or None, actor)
    every = list_duties(session, asked, chosen=Filter(), now=now, specs=specs)
    chosen = Filter(state).check(specs)
    rows = [one for one in every if chosen.fits(one)]
    pages = max(1, -(-len(rows) // PAGE))
    at = min(page, pages)
    shown = rows[(at - 1) * PAGE : at * PAGE]
    this = local_day(now).year
    values = {
        "rows": [(one, standing_json(one, specs)) for one in shown],
        "found": len(rows),
        "counts": Counter(one.state for one in every),
        "soon": sum(one.state == "due" and one.term.soon for one in every),
        "year": check_year(year, local_day(now), specs),
        "years": range(this + specs.obligations.limits.years_ahead, this - 6, -1),
        "agencies": _agencies(session, actor),
        "agency": agency,
        "system": system,
        "state": state,
        "page": at,
        "pages": pages,
        "query": urlencode({"year": year or this, "agency": agency, "system": system, "state": state}),
    }
    return render(request, "duties.html", values | _words(specs))


def _words(specs: Specs) -> dict[str, Any]:
    states = {row.key: row.zh for row in specs.obligations.states}
    listed = {key: zh for key, zh in states.items() if key not in ("information", "authority")}
    return {"states": listed, "soon_key": SOON, "marks": _MARKS, "kinds": KINDS}


def _agencies(session: Session, actor: Actor) -> list[Agency]:
    query = select(Agency).where(agencies_seen(actor)).order_by(col(Agency.name))
    return list(session.execute(query).scalars())


@router.get("/duties/coverage", response_class=HTMLResponse)
def coverage_page(request: Request, session: Reading, actor: Asking, year: Year = None) -> HTMLResponse:
    """Every article of both measures: its duty, what keeps its gates, what cites it, how it stands."""
    specs, now = load(), today()
    counts: dict[str, Counter[str]] = {duty.id: Counter() for duty in specs.duties.duties}
    for one in read_duties(session, Asked(year, actor=actor), now=now, specs=specs):
        counts[one.duty.id][one.state] += 1
    rows = coverage(specs)
    values = {
        "rows": [(row, [law_json(duty, specs) for duty in row.duties]) for row in rows],
        "profiles": {row.profile: profiles()[row.profile] for row in rows},
        "counts": counts,
        "citing": CITING,
        "shut_by": SHUT_BY,
        "per": PER,
    }
    return render(request, "duties_coverage.html", values | _words(specs))


# ---- one duty ---------------------------------------------------------------------------------------------


@router.get("/duties/{duty}", response_class=HTMLResponse)
def duty_page(
    request: Request,
    session: Reading,
    actor: Asking,
    duty: str,
    year: Year = None,
    agency: Text = "",
    system: Text = "",
) -> HTMLResponse:
    """One article: what it asks, how it stands for whom, what was handed in, and the forms for who may."""
    specs, now = load(), today()
    row = duty_named(duty, specs)
    chosen, this = Filter(duty=row.id, told=True), check_year(year, local_day(now), specs)
    asked = Asked(year, agency or None, system or None, actor)
    found = list_duties(session, asked, chosen=chosen, now=now, specs=specs)
    roles = roles_of(specs)
    values = {
        "row": law_json(row, specs),
        "rows": [
            (standing_json(one, specs), _offered(one, actor, specs), _waives(one, actor, specs))
            for one in found[:PAGE]
        ],
        "more": max(0, len(found) - PAGE),
        "handed": list_evidence(session, row, found, this),
        "names": {kind.key: kind.zh for kind in specs.duties.evidence_kinds} | {"waiver": "不适用"},
        "answers": any(may(actor, act, roles) for act in ("record_evidence", *waiving(row, specs))),
        "year": this,
        "per": PER,
    }
    return render(request, "duty.html", values | _words(specs))


def _offered(one: Standing, actor: Actor, specs: Specs) -> list[tuple[str, str]]:
    """The kinds of evidence that may be handed in by who looks, as (key, Chinese name)."""
    return [(piece.kind, piece.zh) for piece in answerable(one, actor, specs, missing=False)]


def _waives(one: Standing, actor: Actor, specs: Specs) -> bool:
    if one.state in ("not_applicable", "information", "authority", "done"):
        return False
    target = target_of(one.subject)
    return any(may(actor, act, roles_of(specs), target) for act in waiving(one.duty, specs))


class Handed:
    """Of whom the forms of a page speak."""

    def __init__(self, agency: Typed = "", system: Typed = "", year: Typed = "") -> None:
        self.agency, self.system, self.written = agency, system, year.strip()

    @property
    def about(self) -> About:
        """The subject.

        Raises:
            Rejected: the year is none.
        """
        if self.written and not (self.written.isascii() and self.written.isdigit()):
            raise Rejected("年度写作四位数字，如 2026")
        system = self.system.strip() or None
        agency = None if system else self.agency.strip() or None
        return About(agency, system, int(self.written) if self.written else None)

    def back(self, duty: str) -> Response:
        """To the page of the duty."""
        year = f"?year={quote(self.written)}" if self.written else ""
        return RedirectResponse(f"/duties/{quote(duty)}{year}", SEE_OTHER)


class Papers:
    """What is handed in: a kind of evidence, its number and day, words, a file."""

    def __init__(
        self,
        kind: Typed,
        number: Typed = "",
        day: Typed = "",
        note: Long = "",
        file: UploadFile | None = None,
    ) -> None:
        self.kind, self.number, self.day, self.note, self.file = kind, number, day, note, file


Form_ = Annotated[Handed, Depends()]


@router.post("/duties/{duty}/evidence", response_model=None)
def hand_in_form(
    request: Request,
    session: Writing,
    actor: Asking,
    duty: str,
    of: Form_,
    sent: Annotated[Papers, Depends()],
) -> Response:
    """Evidence handed in; then the page of the duty."""
    now, row, about = today(), duty_named(duty, load()), of.about
    name = sent.file.filename or "" if sent.file else ""
    check_sender(session, row.id, sent.kind, name, about=about, actor=actor, now=now)
    day = day_typed(sent.day, "文件日期")
    paper = paper_sent(request, session, sent.file, sent.number, day, actor=actor, now=now)
    hand_in(session, row.id, sent.kind, paper, about=about, note=sent.note, actor=actor, now=now)
    return of.back(row.id)


@router.post("/duties/{duty}/waive", response_model=None)
def waive_form(session: Writing, actor: Asking, duty: str, of: Form_, why: Long = "") -> Response:
    """Said not to apply; then the page of the duty."""
    kept = waive(session, duty, about=of.about, why=why, actor=actor, now=today())
    return of.back(kept.duty)


@router.post("/duty-evidence/{key}/withdraw", response_model=None)
def withdraw_form(session: Writing, actor: Asking, key: str, of: Form_, why: Long = "") -> Response:
    """Evidence withdrawn; then the page of the duty."""
    kept = withdraw(session, key, why=why, actor=actor, now=today())
    return of.back(kept.duty)
