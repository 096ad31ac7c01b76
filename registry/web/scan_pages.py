"""Pages of scanning: a file is dropped and judged; a larger one is scanned by a job, whose page waits for it."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from catalog_specs import load
from registry import jobs
from registry.errors import Unreadable
from registry.permits import Actor, demand, roles_of
from registry.scan_html import html_fragment, html_report
from registry.scan_job import FILE_PERMISSION, ScanOrder, record_scan
from registry.scan_report import failed_json
from registry.web.given import Asking, Reading, today
from registry.web.scans import (
    Brought,
    is_small,
    order_larger,
    own_report,
    own_scan,
    report_name,
    scan_at_once,
)
from registry.web.templates import render
from registry.work import safe_name

router = APIRouter()
_WAIT = {"Refresh": "2"}  # the page looks again by itself, also without scripts


@router.get("/scan", response_class=HTMLResponse)
def scan_form(request: Request, actor: Asking) -> HTMLResponse:
    """The form for dropping a file."""
    demand(actor, FILE_PERMISSION, roles_of(load()))
    return _page(request)


@router.post("/scan", response_model=None)
def scan_upload(
    request: Request,
    actor: Asking,
    file: Annotated[UploadFile, File()],
    sheet: Annotated[str, Form(max_length=200)] = "",
    open_type: Annotated[str, Form(max_length=200)] = "",
    items: Annotated[str, Form(max_length=200)] = "",
    want: Annotated[str, Form()] = "page",
) -> Response:
    """A dropped file scanned: as a page or as a file; a larger one by a job with a page of its own."""
    name = safe_name(file.filename or "")
    brought = Brought(ScanOrder(name, "", "", sheet.strip(), open_type, items.strip()), file)
    if not is_small(brought):
        return RedirectResponse(f"/scan/{_ordered(request, brought, actor)}", status_code=303)
    try:
        report = scan_at_once(request, brought, actor)
    except Unreadable as error:
        return _page(
            request,
            failed_json(name, error, open_type=open_type or None),
            chosen=open_type,
            status=error.status,
        )
    with request.app.state.database.write() as session:
        record_scan(session, report, "", actor=actor, now=today())
    if want == "file":
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(report_name(report))}"}
        return HTMLResponse(html_report(report, load()), headers=headers)
    return _page(request, report, chosen=open_type)


def _ordered(request: Request, brought: Brought, actor: Actor) -> str:
    with request.app.state.database.write() as session:
        return order_larger(request, session, brought, actor).id


@router.get("/scan/{job_id}", response_class=HTMLResponse)
def scan_result(request: Request, session: Reading, actor: Asking, job_id: str) -> HTMLResponse:
    """What came of a scan by a job, or how far it is."""
    job = own_scan(session, actor, job_id)
    if job.state == jobs.DONE:
        report = own_report(request, session, actor, job_id)
        return _page(request, report, file_at=f"/api/v1/scans/{job_id}/html")
    page = _page(request, job=job)
    if job.state not in jobs.ENDED:
        page.headers.update(_WAIT)
    return page


def _page(
    request: Request,
    report: dict[str, Any] | None = None,
    *,
    job: Any = None,
    file_at: str = "",
    chosen: str = "",
    status: int = 200,
) -> HTMLResponse:
    specs = load()
    values = {
        "report": report,
        "fragment": html_fragment(report, specs) if report else "",
        "job": job,
        "file_at": file_at,
        "chosen": chosen,
        "open_types": specs.codes["open_type"].values,
    }
    return render(request, "scan.html", values, status=status)
