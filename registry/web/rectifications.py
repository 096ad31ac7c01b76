"""Supervision in the REST API: orders to rectify, reviews of a system, the consequence for next year's budget."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, File, Path, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from registry.budget_flags import Decision, candidates, flag, lift, list_flags, shown_flag, usual_year
from registry.models import Agency, System, SystemReview
from registry.permits import Actor
from registry.rectification_shown import OrdersAsked, list_orders, shown
from registry.rectifications import OrderGiven, find_order, order, step
from registry.reviews import ReviewGiven, file_review, find_review, list_reviews, record_review
from registry.system_register import find_seen
from registry.web.answers import Limit, Named, Text, said
from registry.web.attached import download_of
from registry.web.given import Asking, Reading, Writing, today
from registry.web.papers import paper_sent
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.web.supervising import reasons_typed, stored_file

router = APIRouter(prefix="/api/v1", tags=["supervision"], responses=ANSWERS)
sending = APIRouter(prefix="/api/v1", tags=["supervision"], responses=ANSWERS)
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}
Number = Annotated[str, Path(max_length=64, description="整改编号", examples=["ZG-520200-2026-0001"])]
SystemName = Annotated[str, Path(max_length=100, description="内部编号、系统编号或名称")]
ReviewKey = Annotated[str, Path(max_length=64, description="评审的编号")]
Words = Annotated[Text, StringConstraints(min_length=1, max_length=1000)]
Year = Annotated[int, Field(ge=2000, le=2999)]
YearAsked = Annotated[int | None, Query(ge=2000, le=2999, description="预算年度")]
MaybeText = Annotated[str | None, Query(max_length=200)]


class Shown(BaseModel):
    """Plain JSON of one thing."""

    model_config = ConfigDict(extra="allow")


class ShownList(BaseModel):
    results: list[dict[str, Any]]


class ShownPage(ShownList):
    total: int


class OrderSent(BaseModel):
    """An order to rectify; ``trigger`` is T1-T5 (Liupanshui) or a liability such as L39-1."""

    model_config = ConfigDict(extra="forbid")
    system: Named
    trigger: Annotated[Text, StringConstraints(min_length=1, max_length=16)]
    words: Words
    document: Annotated[Text, StringConstraints(min_length=1, max_length=100)]
    day: date
    due: date
    file: UploadFile | None = None


class ReportSent(BaseModel):
    """What the unit reports, with its paper; ``lock`` is the one that you saw."""

    model_config = ConfigDict(extra="forbid")
    words: Words
    lock: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    file: UploadFile


class StepSent(BaseModel):
    """Why a step is made; ``lock`` is the one that you saw."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"words": "现场核实，已完成"}]})
    words: Words
    lock: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class ReviewSent(BaseModel):
    """A review. ``reasons``: why it was not passed, each ``R3=words``, or words alone where there are no codes."""

    model_config = ConfigDict(extra="forbid")
    kind: Annotated[Text, StringConstraints(min_length=1, max_length=16)]
    passed: bool
    reasons: Annotated[list[Words], Field(max_length=50)] = []
    number: Annotated[Text, StringConstraints(max_length=100)] = ""
    day: date
    vendor: Annotated[Text, StringConstraints(max_length=100)] = ""
    filing_no: Annotated[Text, StringConstraints(max_length=100)] = ""
    filing_day: date | None = None
    year: Year | None = None
    note: Annotated[Text, StringConstraints(max_length=1000)] = ""
    file: UploadFile | None = None


class FilingSent(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"number": "网信备〔2026〕5号", "day": "2026-11-20"}]}
    )
    number: Annotated[Text, StringConstraints(min_length=1, max_length=100)]
    day: date


class FlagSent(BaseModel):
    """The budget of ``year`` is not arranged in principle; ``reasons`` are references of the candidates."""

    model_config = ConfigDict(extra="forbid")
    agency: Named
    year: Year
    document: Annotated[Text, StringConstraints(min_length=1, max_length=100)]
    day: date
    reasons: Annotated[list[Named], Field(max_length=200)] = []
    note: Annotated[Text, StringConstraints(max_length=1000)] = ""


class LiftSent(BaseModel):
    model_config = ConfigDict(extra="forbid")
    agency: Named
    year: Year
    why: Words


# ---- orders to rectify ------------------------------------------------------------------------------------


@router.get("/rectifications", response_model=ShownPage, summary="整改")
def rectifications(
    session: Reading,
    actor: Asking,
    system: MaybeText = None,
    agency: MaybeText = None,
    state: Annotated[str | None, Query(max_length=32)] = None,
    only: Annotated[str, Query(pattern="^(open|overdue|)$", description="open 未销号，overdue 超期")] = "",
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """The orders to rectify that you see, the newest first."""
    asked = OrdersAsked(system, agency, state, only == "open", only == "overdue")
    rows, count = list_orders(session, asked, actor=actor, now=today(), limit=limit, offset=offset)
    return said({"total": count, "results": [asdict(one) for one in rows]})


@sending.post("/rectifications", status_code=201, response_model=Shown, summary="责令整改")
def order_one(
    request: Request, session: Writing, actor: Asking, again: Repeating, form: Annotated[OrderSent, File()]
) -> Response:
    """Order a rectification; nothing of the system goes on the shelf until it is closed."""

    def deed() -> Answer:
        now = today()
        paper = paper_sent(request, session, form.file, form.document, form.day, actor=actor, now=now)
        given = OrderGiven(form.trigger, form.words, paper, form.due)
        made = order(session, form.system, given, actor=actor, now=now)
        return _order(session, made.number, actor, made=True)

    return again.once(session, actor, deed)


def _order(session: Session, number: str, actor: Actor, *, made: bool = False) -> Answer:
    found = shown(find_order(session, number, actor=actor), actor=actor, now=today())
    location = {"Location": f"/api/v1/rectifications/{found.number}"} if made else {}
    return Answer(asdict(found), 201 if made else 200, location)


@router.get("/rectifications/{number}", response_model=Shown, summary="一件整改")
def one_order(session: Reading, actor: Asking, number: Number) -> Response:
    """An order to rectify, with the steps that you may make."""
    return said(_order(session, number, actor).value)


@router.get(
    "/rectifications/{number}/file", responses=_BYTES, response_class=Response, summary="整改通知的文件"
)
def order_file(request: Request, session: Reading, actor: Asking, number: Number) -> Response:
    """The file of an order."""
    found = find_order(session, number, actor=actor)[0]
    return download_of(*stored_file(request, session, found.sha256, found.file_name))


@router.get(
    "/rectifications/{number}/report-file",
    responses=_BYTES,
    response_class=Response,
    summary="整改报告的文件",
)
def report_file(request: Request, session: Reading, actor: Asking, number: Number) -> Response:
    """The file of the last report on an order."""
    found = find_order(session, number, actor=actor)[0]
    return download_of(*stored_file(request, session, found.report_sha256, found.report_file))


@sending.post("/rectifications/{number}/report", response_model=Shown, summary="报整改结果")
def report_one(
    request: Request,
    session: Writing,
    actor: Asking,
    again: Repeating,
    number: Number,
    form: Annotated[ReportSent, File()],
) -> Response:
    """The unit reports that the order was followed, with its paper."""

    def deed() -> Answer:
        now = today()
        paper = paper_sent(request, session, form.file, "", None, actor=actor, now=now)
        step(session, number, "report", form.words, paper, actor=actor, now=now, lock=form.lock)
        return _order(session, number, actor)

    return again.once(session, actor, deed)


@router.post("/rectifications/{number}/return", response_model=Shown, summary="退回重新整改")
def return_one(session: Writing, actor: Asking, again: Repeating, number: Number, body: StepSent) -> Response:
    """Send a report back, with reasons."""
    return again.once(session, actor, lambda: _step(session, number, "return", body, actor))


@router.post("/rectifications/{number}/close", response_model=Shown, summary="销号")
def close_one(session: Writing, actor: Asking, again: Repeating, number: Number, body: StepSent) -> Response:
    """Close an order; not by who reported it done."""
    return again.once(session, actor, lambda: _step(session, number, "close", body, actor))


@router.post("/rectifications/{number}/cancel", response_model=Shown, summary="撤销整改")
def cancel_one(session: Writing, actor: Asking, again: Repeating, number: Number, body: StepSent) -> Response:
    """Take back an order that was given by mistake."""
    return again.once(session, actor, lambda: _step(session, number, "cancel", body, actor))


def _step(session: Session, number: str, move: str, body: StepSent, actor: Actor) -> Answer:
    step(session, number, move, body.words, actor=actor, now=today(), lock=body.lock)
    return _order(session, number, actor)


# ---- reviews of a system ----------------------------------------------------------------------------------


@router.get("/systems/{id}/reviews", response_model=ShownList, summary="方案评审和验收符合性审查")
def reviews(session: Reading, actor: Asking, id: SystemName) -> Response:  # noqa: A002  (the name in the address)
    """The reviews of a system, the newest first; ``counts``: the newest of its kind and year."""
    system, owner = find_seen(session, id, actor=actor)
    return said({"results": [asdict(one) for one in list_reviews(session, system, owner, actor=actor)]})


@sending.post("/systems/{id}/reviews", status_code=201, response_model=Shown, summary="登记评审")
def review_one(
    request: Request,
    session: Writing,
    actor: Asking,
    again: Repeating,
    id: SystemName,  # noqa: A002  (the name in the address)
    form: Annotated[ReviewSent, File()],
) -> Response:
    """Record the review of a plan, or the one before acceptance."""

    def deed() -> Answer:
        now = today()
        paper = paper_sent(request, session, form.file, form.number, form.day, actor=actor, now=now)
        same = form.model_dump(include={"passed", "vendor", "filing_no", "filing_day", "year", "note"})
        given = ReviewGiven(paper=paper, reasons=reasons_typed(form.reasons), **same)
        made = record_review(session, id, form.kind, given, actor=actor, now=now)
        return Answer(_review(session, made, actor), 201)

    return again.once(session, actor, deed)


def _review(session: Session, made: SystemReview, actor: Actor) -> dict[str, Any]:
    system = session.get_one(System, made.system_id)
    rows = list_reviews(session, system, session.get_one(Agency, system.agency_id), actor=actor)
    return asdict(next(one for one in rows if one.id == made.id))


@router.post("/systems/{id}/reviews/{review}/filing", response_model=Shown, summary="补登备案")
def file_one(
    session: Writing,
    actor: Asking,
    again: Repeating,
    id: SystemName,  # noqa: A002  (the name in the address)
    review: ReviewKey,
    body: FilingSent,
) -> Response:
    """Add the filing with the cyberspace office to a passed review."""

    def deed() -> Answer:
        _of_system(session, id, review, actor)
        done = file_review(session, review, number=body.number, day=body.day, actor=actor, now=today())
        return Answer(_review(session, done, actor))

    return again.once(session, actor, deed)


@router.get(
    "/systems/{id}/reviews/{review}/file", responses=_BYTES, response_class=Response, summary="评审意见的文件"
)
def review_file(
    request: Request,
    session: Reading,
    actor: Asking,
    id: SystemName,  # noqa: A002  (the name in the address)
    review: ReviewKey,
) -> Response:
    """The file of a review."""
    found = _of_system(session, id, review, actor)
    return download_of(*stored_file(request, session, found.sha256, found.file_name))


def _of_system(session: Session, written: str, review: str, actor: Actor) -> SystemReview:
    system = find_seen(session, written, actor=actor)[0]
    return find_review(session, review, actor=actor, system_id=system.id)


# ---- next year's budget -----------------------------------------------------------------------------------


@router.get("/budget-flags", response_model=ShownList, summary="次年预算标记")
def budget_flags(
    session: Reading, actor: Asking, year: YearAsked = None, agency: MaybeText = None, standing: bool = False
) -> Response:
    """The flags that you see, the newest year first. ``standing``: only those that were not lifted."""
    rows = list_flags(session, actor=actor, year=year, agency=agency, standing=standing)
    return said({"results": [asdict(one) for one in rows]})


@router.get("/budget-flags/candidates", response_model=ShownList, summary="可能不安排预算的单位")
def budget_candidates(
    session: Reading, actor: Asking, year: YearAsked = None, agency: MaybeText = None
) -> Response:
    """The agencies with something against them, each with its article; nothing follows by itself."""
    now = today()
    asked = year if year is not None else usual_year(now)
    rows = candidates(session, year=asked, now=now, actor=actor, agency=agency)
    return said({"results": [asdict(one) for one in rows]})


@router.post("/budget-flags", status_code=201, response_model=Shown, summary="标记次年预算不安排")
def flag_one(session: Writing, actor: Asking, again: Repeating, body: FlagSent) -> Response:
    """Flag an agency: its budget of the year is not arranged in principle."""

    def deed() -> Answer:
        given = Decision(body.document, body.day, tuple(body.reasons), body.note)
        made = flag(session, body.agency, body.year, given, actor=actor, now=today())
        return Answer(asdict(shown_flag(made, session.get_one(Agency, made.agency_id))), 201)

    return again.once(session, actor, deed)


@router.post("/budget-flags/lift", response_model=Shown, summary="解除标记")
def lift_one(session: Writing, actor: Asking, again: Repeating, body: LiftSent) -> Response:
    """Lift the flag of an agency and a year, with words."""

    def deed() -> Answer:
        done = lift(session, body.agency, body.year, why=body.why, actor=actor, now=today())
        return Answer(asdict(shown_flag(done, session.get_one(Agency, done.agency_id))))

    return again.once(session, actor, deed)
