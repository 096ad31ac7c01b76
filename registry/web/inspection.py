"""Reports on wipes: in the REST API, and on the page of ``/reports/wipes``. Source: S-LPS 26; S1 29."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from registry.plain_json import plain_json
from registry.web.answers import said
from registry.web.given import Asking, Reading, today
from registry.web.problems import ANSWERS
from registry.web.templates import render
from registry.wipe_reports import (
    DUE_HEADS,
    STOPPED_HEADS,
    due_cells,
    stopped_cells,
    stopped_not_wiped,
    wipes_due,
)
from registry.wipe_years import TALLY_HEADS, certificates_by_year, tally_cells

router = APIRouter(prefix="/api/v1/reports", tags=["wipes"], responses=ANSWERS)
pages = APIRouter()
Year = Annotated[int | None, Query(ge=2000, le=9999, description="只看这一年")]


class ReportRows(BaseModel):
    """The lines of a report, as far as you see what they speak of."""

    results: list[dict[str, Any]]


class YearReport(BaseModel):
    """Wipes by year: counted by agency, medium and method, and the certificates one by one."""

    year: int | None
    tallies: list[dict[str, Any]]
    certificates: list[dict[str, Any]]


@router.get("/wipes-due", response_model=ReportRows, summary="待清除")
def due(session: Reading, actor: Asking) -> Response:
    """The open wipe cases that you see: since when, until when, which copies are not answered for."""
    return said({"results": [plain_json(one) for one in wipes_due(session, actor=actor, now=today())]})


@router.get("/stopped-not-wiped", response_model=ReportRows, summary="停用而未清除的系统")
def stopped(session: Reading, actor: Asking) -> Response:
    """The systems that you see and that were stopped, not wiped: since when, and what is missing."""
    return said(
        {"results": [plain_json(one) for one in stopped_not_wiped(session, actor=actor, now=today())]}
    )


@router.get("/wipe-certificates", response_model=YearReport, summary="清除证明按年度统计")
def certificates(session: Reading, actor: Asking, year: Year = None) -> Response:
    """Certificates by year, as far as you see their cases, with the day until which each is kept."""
    return said(plain_json(certificates_by_year(session, actor=actor, year=year)))


@pages.get("/reports/wipes", response_class=HTMLResponse)
def wipes_page(request: Request, session: Reading, actor: Asking, year: Year = None) -> HTMLResponse:
    """All three reports on one page."""
    due_rows = wipes_due(session, actor=actor, now=today())
    stopped_rows = stopped_not_wiped(session, actor=actor, now=today())
    counted = certificates_by_year(session, actor=actor, year=year)
    sections = (
        ("due", "待清除", DUE_HEADS, [due_cells(one) for one in due_rows], "您看得到的范围内没有待清除的任务。"),
        ("stopped", "停用而未清除的系统", STOPPED_HEADS, [stopped_cells(one) for one in stopped_rows],
         "您看得到的范围内没有停用而未清除的系统。"),
        ("certificates", "清除证明按年度", TALLY_HEADS, [tally_cells(one) for one in counted.tallies],
         "您看得到的范围内没有清除记录。"),
    )  # fmt: skip
    return render(request, "wipe_reports.html", {"sections": sections})
