"""Pages of the authority's reviews of a system, and of what follows for next year's budget."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from catalog_specs import load
from registry.budget_flags import Decision, candidates, flag, lift, list_flags, usual_year
from registry.errors import Rejected
from registry.permits import Actor, may, roles_of
from registry.recording import Paper
from registry.reviews import (
    Reason,
    ReviewGiven,
    codes_of,
    file_review,
    find_review,
    list_reviews,
    record_review,
)
from registry.supervised import is_external, spec_of, target_of
from registry.system_register import find_seen
from registry.web.given import Asking, Reading, Writing, today
from registry.web.papers import day_typed, paper_sent
from registry.web.rectification_pages import SEE_OTHER, Told, Typed, Upload, demand_sight
from registry.web.supervising import reasons_typed
from registry.web.templates import render

router = APIRouter()
_WHY = "why_"
Year = Annotated[int | None, Query(ge=2000, le=2999)]


# ---- reviews of a system ----------------------------------------------------------------------------------


@router.get("/systems/{key}/reviews", response_class=HTMLResponse)
def reviews_page(request: Request, session: Reading, actor: Asking, key: str) -> HTMLResponse:
    """The reviews of a system, the newest first; the forms for who makes them."""
    demand_sight(actor)
    system, owner = find_seen(session, key, actor=actor)
    specs, target = load(system.profile), target_of(system, owner)
    external = is_external(system)
    kinds = [
        {"row": row, "codes": codes_of(row, specs)}
        for row in spec_of().reviews
        if may(actor, row.permission, roles_of(specs), target) and not external
    ]
    values = {
        "system": system,
        "owner": owner,
        "rows": list_reviews(session, system, owner, actor=actor),
        "kinds": kinds,
        "external": spec_of().external.zh if external else "",
    }
    return render(request, "system_reviews.html", values)


class ReviewForm:
    """The fields of a review's form; a reason of the list is given by its own field ``why_R3``, others one a line."""

    def __init__(
        self,
        kind: Typed = "",
        passed: Typed = "",
        reasons: Told = "",
        number: Typed = "",
        day: Typed = "",
        vendor: Typed = "",
        filing_no: Typed = "",
        filing_day: Typed = "",
        note: Told = "",
    ) -> None:
        self.kind, self.number, self.day = kind, number, day
        self.plain: dict[str, Any] = {"vendor": vendor, "filing_no": filing_no, "note": note}
        self.passed, self.lines, self.filing_day = passed, reasons.splitlines(), filing_day

    def given(self, paper: Paper, coded: tuple[Reason, ...], year: int | None) -> ReviewGiven:
        """The review as it is to be recorded.

        Raises:
            Rejected: it does not say whether it was passed, or a day is none.
        """
        if self.passed not in ("1", "0"):
            raise Rejected("须选择通过或不予通过")
        filed = day_typed(self.filing_day, "备案日期")
        reasons = (*coded, *reasons_typed(self.lines))
        passed = self.passed == "1"
        return ReviewGiven(passed, paper, reasons, filing_day=filed, year=year, **self.plain)


async def _coded(request: Request) -> tuple[Reason, ...]:
    """The reasons that bear a code, from the fields that were filled in."""
    form = await request.form()
    typed = {key.removeprefix(_WHY): value for key, value in form.items() if key.startswith(_WHY)}
    return tuple(Reason(key, text) for key, text in typed.items() if isinstance(text, str) and text.strip())


@router.post("/systems/{key}/reviews", response_model=None)
def review_form(
    request: Request,
    session: Writing,
    actor: Asking,
    key: str,
    form: Annotated[ReviewForm, Depends()],
    coded: Annotated[tuple[Reason, ...], Depends(_coded)],
    year: Annotated[str, Form(max_length=4, pattern="^([0-9]{4})?$")] = "",
    file: Upload = None,
) -> Response:
    """A review recorded; then the page."""
    now = today()
    day = day_typed(form.day, "评审日期")
    paper = paper_sent(request, session, file, form.number, day, actor=actor, now=now)
    given = form.given(paper, coded, int(year) if year else None)
    made = record_review(session, key, form.kind, given, actor=actor, now=now)
    return RedirectResponse(f"/systems/{made.system_id}/reviews", SEE_OTHER)


@router.post("/systems/{key}/reviews/{review}/filing", response_model=None)
def filing_form(
    session: Writing, actor: Asking, key: str, review: str, number: Typed = "", day: Typed = ""
) -> Response:
    """The filing of a passed review added; then the page."""
    system = find_seen(session, key, actor=actor)[0]
    found = find_review(session, review, actor=actor, system_id=system.id)
    filed = day_typed(day, "备案日期")
    file_review(session, found.id, number=number, day=filed, actor=actor, now=today())
    return RedirectResponse(f"/systems/{system.id}/reviews", SEE_OTHER)


# ---- next year's budget -----------------------------------------------------------------------------------


@router.get("/budget", response_class=HTMLResponse)
def budget_page(request: Request, session: Reading, actor: Asking, year: Year = None) -> HTMLResponse:
    """What speaks against agencies (for who decides), and the flags that stand or were lifted."""
    demand_sight(actor)
    now = today()
    asked, decides = year if year is not None else usual_year(now), _decides(actor)
    values = {
        "year": asked,
        "years": range(usual_year(now), usual_year(now) - spec_of().budget.earliest_years_back - 1, -1),
        "decides": decides,
        "rows": candidates(session, year=asked, now=now, actor=actor) if decides else [],
        "flags": list_flags(session, actor=actor, year=asked),
        "grounds": spec_of().budget.grounds,
    }
    return render(request, "budget.html", values)


def _decides(actor: Actor) -> bool:
    return may(actor, spec_of().budget.permission, roles_of(load()))


@router.post("/budget/flag", response_model=None)
def flag_form(
    session: Writing,
    actor: Asking,
    year: Annotated[int, Form(ge=2000, le=2999)],
    agency: Typed = "",
    document: Typed = "",
    day: Typed = "",
    reasons: Annotated[list[str], Form(max_length=200)] = [],  # noqa: B006  (FastAPI copies it)
    note: Told = "",
) -> Response:
    """An agency flagged; then the page."""
    given = Decision(document, day_typed(day, "决定日期"), tuple(reasons), note)
    flag(session, agency, year, given, actor=actor, now=today())
    return RedirectResponse(f"/budget?year={year}", SEE_OTHER)


@router.post("/budget/lift", response_model=None)
def lift_form(
    session: Writing,
    actor: Asking,
    year: Annotated[int, Form(ge=2000, le=2999)],
    agency: Typed = "",
    why: Told = "",
) -> Response:
    """A flag lifted; then the page."""
    lift(session, agency, year, why=why, actor=actor, now=today())
    return RedirectResponse(f"/budget?year={year}", SEE_OTHER)
