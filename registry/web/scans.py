"""Scans in the REST API: a small file at once, a larger one or a table by a job; reports for who ordered them."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.functional_validators import AfterValidator
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from catalog_specs import load
from registry import blobs, jobs
from registry.errors import Conflict, NotAllowed, NotFound, Rejected, TooLarge
from registry.models import Job
from registry.permits import Actor
from registry.scan_html import html_report, style_policy
from registry.scan_job import SCAN, ScanOrder, demand_scan, order_scan, record_scan, scan_now
from registry.web.answers import storable
from registry.web.given import Asking, Reading, Writing, stored, today
from registry.web.jobs import JobShown, job_shown
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.work import safe_name

router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=ANSWERS)
Word = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), AfterValidator(storable)]


class ScanAsked(BaseModel):
    """How to scan: ``source`` and ``table`` for a table, else a file comes along. All but these may be left out."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"source": "source:RENKOU", "table": "jbxx"}]}
    )
    source: Word = ""
    table: Word = ""
    sheet: Word = ""
    open_type: Word = ""
    items: Word = ""


_SCHEMA = ScanAsked.model_json_schema()
_FILE = {"file": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "properties": _SCHEMA["properties"] | _FILE, "required": ["file"]}
_BODY = {
    "required": True,
    "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": _SCHEMA}},
}


@dataclass(frozen=True, slots=True)
class Brought:
    """What a request brought: the order, and a file unless a table is meant."""

    order: ScanOrder
    file: UploadFile | None = None


async def _brought(request: Request) -> AsyncIterator[Brought]:
    """The body as an order: a form with a file, or JSON that names a table.

    Raises:
        Rejected, TooLarge, RequestValidationError: it is neither, or not as it must be.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise Rejected(
                    "表单里没有名为 file 的文件；扫描库表请以 application/json 提交 source 和 table"
                )
            fields = {name: value for name, value in form.items() if name != "file"}
            asked = _asked(json.dumps(fields, default=lambda _file: 0))
            yield Brought(_order(asked, safe_name(file.filename)), file)
    elif kind == "application/json":
        body = await request.body()
        if len(body) > (most := load().entry.limits["json_bytes"]):
            raise TooLarge(f"内容超过 {most >> 20} MB")
        yield Brought(_table_order(_asked(body)))
    else:
        raise Rejected("请以 multipart/form-data 上传文件，或以 application/json 提交 source 和 table")


def _asked(body: str | bytes) -> ScanAsked:
    try:
        return ScanAsked.model_validate_json(body)
    except ValidationError as error:
        found = [{**row, "loc": ("body", *row["loc"])} for row in error.errors(include_url=False)]
        raise RequestValidationError(found) from error


def _order(asked: ScanAsked, file_name: str) -> ScanOrder:
    if asked.source or asked.table:
        raise Rejected("上传了文件，就不能再写 source 和 table；只写其一")
    return ScanOrder(file_name=file_name, **asked.model_dump(include={"sheet", "open_type", "items"}))


def _table_order(asked: ScanAsked) -> ScanOrder:
    named = load().scanning.inputs.named
    if not asked.source or not asked.table:
        raise Rejected(f"须写明 source（如 {named}名称）和 table；扫描文件请以 multipart/form-data 上传")
    if not asked.source.startswith(named):
        raise NotAllowed(f"只能扫描管理员设好的数据源，写作 {named}名称；不能写数据库地址")
    return ScanOrder(**asked.model_dump())


@router.post(
    "/scans",
    response_model=dict[str, Any],
    responses={
        202: {"model": JobShown, "description": "文件较大，或扫描库表，已交任务办理；进度见 Location"}
    },
    openapi_extra={"requestBody": _BODY},
    summary="扫描数据，找个人信息和敏感标识",
)
def scan(
    request: Request,
    session: Writing,
    actor: Asking,
    again: Repeating,
    brought: Annotated[Brought, Depends(_brought)],
) -> Response:
    """Scan a file or a table: the report at once (200), or a job for what is larger (202)."""
    report = scan_at_once(request, brought, actor) if is_small(brought) else None
    return again.once(session, actor, lambda: _answer(request, session, brought, actor, report))


def _answer(
    request: Request, session: Session, brought: Brought, actor: Actor, report: dict[str, Any] | None
) -> Answer:
    now = today()
    if report is not None:
        record_scan(session, report, "", actor=actor, now=now)
        return Answer(report)
    job = order_larger(request, session, brought, actor)
    return Answer(job_shown(job), 202, {"Location": f"/api/v1/jobs/{job.id}"})


def is_small(brought: Brought) -> bool:
    """Whether it is scanned within the request: a file no larger than what is imported so."""
    most = load().entry.limits["import_inline_bytes"]
    return brought.file is not None and (brought.file.size or 0) <= most


def scan_at_once(request: Request, brought: Brought, actor: Actor) -> dict[str, Any]:
    """The report of an upload. Nothing is held meanwhile, and nothing of the file is kept.

    Raises:
        NotAllowed, NotFound, Rejected: as for ``demand_scan``. Unreadable: the file cannot be read.
    """
    with request.app.state.database.read() as reading:
        declared = demand_scan(reading, brought.order, actor=actor)
    assert brought.file is not None
    with stored(brought.file.file, brought.order.file_name) as path:
        return scan_now(path, brought.order, declared)


def order_larger(request: Request, session: Session, brought: Brought, actor: Actor) -> Job:
    """A job for what is larger; parameters and errors as for ``order_scan``."""
    folder = request.app.state.settings.files
    source = brought.file.file if brought.file else None
    return order_scan(session, source, brought.order, folder=folder, actor=actor, now=today())


@router.get(
    "/scans/{job_id}/html",
    response_class=HTMLResponse,
    responses={200: {"content": {"text/html": {}}}},
    summary="扫描报告（HTML 文件）",
)
def report_file(request: Request, session: Reading, actor: Asking, job_id: str) -> Response:
    """The report of a scan job as one HTML file, for who ordered it alone."""
    report = own_report(request, session, actor, job_id)
    headers = {"Content-Security-Policy": style_policy()}
    headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(report_name(report))}"
    return HTMLResponse(html_report(report, load()), headers=headers)


def own_scan(session: Session, actor: Actor, job_id: str) -> Job:
    """A scan job that ``actor`` ordered himself.

    Raises:
        NotFound: there is none, or it is somebody else's, whatever he may read otherwise.
    """
    job = jobs.find_job(session, job_id, owner=actor.login)
    if job.kind != SCAN:
        raise NotFound("这个任务不是扫描")
    return job


def own_report(request: Request, session: Session, actor: Actor, job_id: str) -> dict[str, Any]:
    """The report of a scan job of one's own.

    Raises:
        NotFound: there is no such job of his, or it gave no report. Conflict: it has not ended.
    """
    job = own_scan(session, actor, job_id)
    if job.state not in jobs.ENDED:
        raise Conflict("任务还没有办完；稍后再取", state=job.state)
    sha256 = (job.result or {}).get("report")
    if not sha256:
        raise NotFound("这个任务没有生成报告")
    with blobs.open_blob(session, sha256, request.app.state.settings.files) as file:
        report: dict[str, Any] = json.loads(file.read())
    return report


def report_name(report: dict[str, Any]) -> str:
    """What the HTML file of a report is called."""
    return f"{safe_name(report['file']).rpartition('.')[0] or report['file']}-扫描报告.html"
