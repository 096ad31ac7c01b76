"""Promises kept in the REST API: the overdue ledger, yearly figures, updates of data, change events.

They are promises among departments: whoever may read the announced catalogue sees them.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from catalog_specs import load
from registry.change_cases import extend_case, list_events, reopen_case, settle_case, show_event
from registry.change_events import MOST_NAMED, Asked, affected_by, post_event, withdraw_event
from registry.debts import debts, figures_of
from registry.people import local_day
from registry.permits import Actor
from registry.updates import record_update, updates_of
from registry.web.answers import Code, Named, Note, granted, said
from registry.web.given import Asking, Reading, Seeing, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeat, Repeating
from validators.cited import Citation

router = APIRouter(prefix="/api/v1", tags=["promises"], responses=ANSWERS)
READ = "read_catalogue"
MOST = 1000
AgencyQuery = Annotated[str | None, Query(max_length=100, description="单位的统一社会信用代码或名称")]
Number = Annotated[str, Path(description="变更事件编号", examples=["BG-2026-0001"], max_length=32)]
Basis = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Reader = Annotated[Actor, Depends(granted(READ))]


class LedgerPage(BaseModel):
    """What is owed and late, the latest first. ``kinds`` and ``totals`` are of all, ``results`` of this page."""

    as_of: date
    total: int
    kinds: dict[str, int]
    totals: list[dict[str, Any]]
    results: list[dict[str, Any]]
    rows: int
    warnings: list[str]


class FiguresShown(BaseModel):
    """The figures of a year by agency, of the city, and how each is defined."""

    year: int
    as_of: date
    results: list[dict[str, Any]]
    city: dict[str, Any]
    definitions: list[dict[str, Any]]
    warnings: list[str]


class Fields(BaseModel):
    """Plain JSON of one thing."""

    model_config = ConfigDict(extra="allow")


class EventList(BaseModel):
    results: list[dict[str, Any]]


class UpdateGiven(BaseModel):
    """An update of the data: ``pushed`` by a token, or ``reported`` by the steward with a note."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"day": "2026-11-20", "rows": 120345}]}
    )
    kind: Named = "pushed"
    day: date
    rows: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None
    distribution: Named | None = None
    note: Note = ""


class LawGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Named
    article: Annotated[str, StringConstraints(max_length=50)] = ""


class EventGiven(BaseModel):
    """A change event. ``dry_run``: nothing is posted, the answer is what it would touch."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "law",
                    "basis": "《婚姻登记条例》（2025修订）第十条",
                    "effective_on": "2026-11-10",
                    "laws": [{"title": "婚姻登记条例", "article": "第十条"}],
                    "dry_run": True,
                }
            ]
        },
    )
    kind: Named
    basis: Basis
    effective_on: date
    agencies: Annotated[list[Named], Field(max_length=MOST_NAMED)] = []
    laws: Annotated[list[LawGiven], Field(max_length=MOST_NAMED)] = []
    note: Note = ""
    dry_run: bool = False

    @property
    def asked(self) -> Asked:
        laws = tuple(Citation(one.title, one.article) for one in self.laws)
        return Asked(self.kind, self.basis, self.effective_on, tuple(self.agencies), laws, self.note)


class ReasonGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: Reason


# ---- ledger and figures -----------------------------------------------------------------------------------


@router.get("/promises/overdue", response_model=LedgerPage, summary="超期台账")
def overdue(
    session: Reading,
    seen: Seeing,
    actor: Reader,
    agency: AgencyQuery = None,
    kind: Annotated[str | None, Query(max_length=32, description="只看一类欠账")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """What agencies promised and have not kept, the latest first."""
    found = debts(session, actor, now=today(), specs=load(), sight=seen, agency=agency)
    rows = [row for row in found.rows if kind in (None, row.kind)]
    head = {"as_of": found.as_of, "total": found.total, "kinds": dict(found.kinds), "rows": len(rows)}
    shown = [asdict(row) for row in rows[offset : offset + limit]]
    totals = [asdict(one) for one in found.totals]
    return said(head | {"totals": totals, "results": shown, "warnings": list(found.warnings)})


@router.get("/promises/figures", response_model=FiguresShown, summary="年度指标")
def figures(
    session: Reading,
    seen: Seeing,
    _reader: Reader,
    year: Annotated[int | None, Query(ge=1, le=9999, description="默认今年")] = None,
    agency: AgencyQuery = None,
) -> Response:
    """Shelf rate, open rate, updates and promises kept, as of the end of the year or of today."""
    now = today()
    asked = year if year is not None else local_day(now).year
    found = figures_of(session, asked, now=now, specs=load(), sight=seen, agency=agency)
    rows = [asdict(row) | {"rates": row.rates} for row in found.rows]
    city = asdict(found.city) | {"rates": found.city.rates}
    told = {"definitions": [asdict(one) for one in found.definitions], "warnings": list(found.warnings)}
    return said({"year": found.year, "as_of": found.as_of, "results": rows, "city": city} | told)


# ---- updates ------------------------------------------------------------------------------------------------


@router.get("/entries/{code:code}/updates", response_model=Fields, summary="数据更新情况")
def updates(session: Reading, seen: Seeing, code: Code) -> Response:
    """The updates that were seen, the newest first, and until when the next one is due."""
    return said(asdict(updates_of(session, code, sight=seen, now=today(), specs=load())))


@router.post("/entries/{code:code}/updates", response_model=Fields, status_code=201, summary="登记数据更新")
def update(
    session: Writing, seen: Seeing, actor: Asking, again: Repeating, code: Code, body: UpdateGiven
) -> Response:
    """Record that the data were updated: pushed by a token, or reported by the steward."""
    given = body.model_dump()

    def deed() -> Answer:
        found = record_update(session, code, **given, sight=seen, actor=actor, now=today())
        return Answer(asdict(found), 201)

    return again.once(session, actor, deed)


# ---- change events ------------------------------------------------------------------------------------------


@router.get("/change-events", response_model=EventList, summary="变更事件")
def events(session: Reading, seen: Seeing, _reader: Reader) -> Response:
    """All change events, the newest first, with the number of their cases by state."""
    found = list_events(session, sight=seen, now=today(), specs=load())
    return said({"results": [asdict(one) for one in found]})


@router.post(
    "/change-events",
    response_model=Fields,
    status_code=201,
    responses={200: {"model": Fields, "description": "预览（dry_run）"}},
    summary="发布变更事件",
)
def post(session: Writing, seen: Seeing, actor: Asking, again: Repeating, body: EventGiven) -> Response:
    """Post a change event, or see what it would touch."""

    def deed() -> Answer:
        now, specs = today(), load()
        if body.dry_run:
            return Answer(asdict(affected_by(session, body.asked, actor=actor, now=now, specs=specs)))
        event = post_event(session, body.asked, actor=actor, now=now, specs=specs)
        return Answer(asdict(show_event(session, event.number, sight=seen, now=now, specs=specs)), 201)

    return again.once(session, actor, deed)


@router.get("/change-events/{number}", response_model=Fields, summary="一件变更事件")
def event(session: Reading, seen: Seeing, _reader: Reader, number: Number) -> Response:
    """A change event with the entries that it touches."""
    return said(asdict(show_event(session, number, sight=seen, now=today(), specs=load())))


@router.post("/change-events/{number}/withdraw", response_model=Fields, summary="撤回变更事件")
def withdraw(
    session: Writing, seen: Seeing, actor: Asking, again: Repeating, number: Number, body: ReasonGiven
) -> Response:
    """Withdraw an event that was posted by mistake."""

    def deed() -> Answer:
        given: dict[str, Any] = {"now": today(), "specs": load()}
        withdraw_event(session, number, reason=body.reason, actor=actor, **given)
        return Answer(asdict(show_event(session, number, sight=seen, **given)))

    return again.once(session, actor, deed)


class CaseAsked:
    """One case and what is said of it; a deed on it answers with the case as it stands then."""

    def __init__(
        self,
        session: Writing,
        seen: Seeing,
        actor: Asking,
        again: Repeating,
        number: Number,
        code: Code,
        body: ReasonGiven,
    ) -> None:
        self.session: Session = session
        self.again: Repeat = again
        self.actor: Actor = actor
        self.named = (number, code)
        self.given: dict[str, Any] = {"reason": body.reason, "sight": seen, "actor": actor}

    def once(self, deed: Callable[..., Any]) -> Response:
        """The answer of ``deed``."""

        def act() -> Answer:
            case = deed(self.session, *self.named, **self.given, now=today(), specs=load())
            return Answer(asdict(case))

        return self.again.once(self.session, self.actor, act)


CaseOf = Annotated[CaseAsked, Depends()]


@router.post(
    "/change-events/{number}/cases/{code:code}/settle", response_model=Fields, summary="答复不需更新"
)
def settle(asked: CaseOf) -> Response:
    """Answer that the entry needs no change, with the reason."""
    return asked.once(settle_case)


@router.post("/change-events/{number}/cases/{code:code}/extend", response_model=Fields, summary="同意延期")
def extend(asked: CaseOf) -> Response:
    """Extend the case once."""
    return asked.once(extend_case)


@router.post("/change-events/{number}/cases/{code:code}/reopen", response_model=Fields, summary="退回答复")
def reopen(asked: CaseOf) -> Response:
    """Take back the answer: the case is open again."""
    return asked.once(reopen_case)
