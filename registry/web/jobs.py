"""Imports and jobs in the REST API: a small file is imported at once, a larger one by a job that can be watched."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from catalog_specs import load, profiles
from registry import blobs, jobs
from registry.errors import Conflict, NotFound, Rejected
from registry.intake import import_json
from registry.models import Job
from registry.permits import Actor, may, roles_of
from registry.proof_job import PROVE
from registry.scan_job import SCAN
from registry.web.given import Asking, Reading, Writing, stored, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.work import Order, cancel_job, import_now, order_import, safe_name

_ANSWERS = ANSWERS | {409: ANSWERS[404] | {"description": "现在不能办：正在办理，或已经办过"}}
router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=_ANSWERS)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK = 1 << 16
_OWN = (SCAN, PROVE)  # kinds whose reports speak of data


class JobShown(BaseModel):
    """A job: its state, how far it is, what came of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "j01jd2k9x3m7w5p0r8t2ab",
                    "kind": "import",
                    "state": "running",
                    "done": 5000,
                    "total": 12000,
                    "attempts": 1,
                    "created_by": "steward",
                    "created_at": "2026-11-21T02:00:00Z",
                    "started_at": "2026-11-21T02:00:01Z",
                    "finished_at": None,
                    "counts": None,
                    "note": "",
                    "problem": None,
                    "report": None,
                    "annotated": None,
                    "proof": None,
                }
            ]
        }
    )
    id: str
    kind: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int
    attempts: int
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: dict[str, int] | None
    note: str
    problem: dict[str, Any] | None
    report: str | None
    annotated: str | None
    proof: str | None = None


def job_shown(job: Job) -> JobShown:
    """A job as it is answered; ``report``, ``annotated`` and ``proof`` are addresses."""
    result, at = job.result or {}, f"/api/v1/jobs/{job.id}"
    links = {name: f"{at}/{name}" if result.get(name) else None for name in ("report", "annotated")}
    same = {name: getattr(job, name) for name in ("id", "kind", "state", "done", "total", "attempts")}
    moments = {name: getattr(job, name) for name in ("created_at", "started_at", "finished_at")}
    return JobShown(
        **same,
        **moments,
        created_by=job.created_by,
        counts=result.get("counts"),
        note=str(result.get("note") or ""),
        problem=job.problem,
        proof=f"/api/v1/proofs/{result['batch']}" if job.kind == PROVE and "batch" in result else None,
        **links,
    )


@router.post(
    "/imports",
    response_model=dict[str, Any],
    responses={202: {"model": JobShown, "description": "文件较大，已交任务办理；进度见 Location"}},
)
def import_file(
    request: Request,
    session: Writing,
    actor: Asking,
    again: Repeating,
    file: Annotated[UploadFile, File(description="目录文件：.xlsx、.csv 或 .jsonl")],
    mode: Annotated[Literal["draft", "existing"], Form()] = "draft",
    profile: Annotated[str | None, Form()] = None,
    provider: Annotated[str | None, Form(description="统一社会信用代码，可加 =单位名称")] = None,
    all_or_nothing: Annotated[bool, Form()] = False,
) -> Response:
    """Import a catalogue file: the report at once (200), or a job for a larger one (202)."""
    code, _, name = (provider or "").partition("=")
    given = (code.strip(), name.strip()) if provider else None
    order = Order(safe_name(file.filename or ""), mode, _profile(profile), given, all_or_nothing)
    return again.once(session, actor, lambda: _imported(request, session, file, order, actor))


def _profile(key: str | None) -> str | None:
    if key and key not in profiles():
        raise Rejected(f"没有“{key}”这部办法；可用：{'、'.join(profiles())}")
    return key or None


def _imported(request: Request, session: Session, file: UploadFile, order: Order, actor: Actor) -> Answer:
    now = today()
    if (file.size or 0) <= load().entry.limits["import_inline_bytes"]:
        with stored(file.file, order.file_name) as path:
            return Answer(import_json(import_now(session, path, order, actor=actor, now=now), "zh"))
    folder = request.app.state.settings.files
    job = order_import(session, file.file, order, folder=folder, actor=actor, now=now)
    return Answer(job_shown(job), 202, {"Location": f"/api/v1/jobs/{job.id}"})


def _own(session: Session, job_id: str, actor: Actor) -> Job:
    """One's own jobs; who reads the whole city, or runs the jobs, everybody's."""
    roles = roles_of(load())
    everything = may(actor, "read_all", roles) or may(actor, "run_jobs", roles)
    return jobs.find_job(session, job_id, owner=None if everything else actor.login)


@router.get("/jobs/{job_id}")
def one_job(session: Reading, actor: Asking, job_id: str, response: Response) -> JobShown:
    """A job: state, progress, result or problem."""
    job = _own(session, job_id, actor)
    if job.state not in jobs.ENDED:
        response.headers["Retry-After"] = "1"
    return job_shown(job)


@router.delete("/jobs/{job_id}")
def drop_job(session: Writing, actor: Asking, job_id: str) -> JobShown:
    """Cancel a job that has not begun."""
    job = _own(session, job_id, actor)
    cancel_job(session, job, actor=actor, now=today())
    return job_shown(job)


@router.get("/jobs/{job_id}/report", response_model=dict[str, Any])
def report(request: Request, session: Reading, actor: Asking, job_id: str) -> Response:
    """The report of an import, as ``mulu import --json`` gives it."""
    return _file(request, session, _reports(session, actor, job_id), "report", "application/json")


@router.get("/jobs/{job_id}/annotated", responses={200: {"content": {XLSX: {}}}}, response_class=Response)
def annotated(request: Request, session: Reading, actor: Asking, job_id: str) -> Response:
    """The imported file with every finding in its place."""
    answer = _file(request, session, _reports(session, actor, job_id), "annotated", XLSX)
    answer.headers["Content-Disposition"] = f'attachment; filename="{job_id}.xlsx"'
    return answer


def _reports(session: Session, actor: Actor, job_id: str) -> Job:
    """A job whose contents ``actor`` may read: running jobs does not make their files one's business.

    The report of data holds masked values of them: it is for who ordered it.
    """
    everything = may(actor, "read_all", roles_of(load()))
    job = jobs.find_job(session, job_id, owner=None if everything else actor.login)
    return jobs.find_job(session, job_id, owner=actor.login) if job.kind in _OWN else job


def _file(request: Request, session: Session, job: Job, name: str, kind: str) -> Response:
    if job.state not in jobs.ENDED:
        raise Conflict("任务还没有办完；稍后再取", state=job.state)
    sha256 = (job.result or {}).get(name)
    if not sha256:
        raise NotFound(str((job.result or {}).get("note") or "这个任务没有生成这个文件"))
    file = blobs.open_blob(session, sha256, request.app.state.settings.files)
    return StreamingResponse(_pieces(file), media_type=kind)


def _pieces(file: Any) -> Any:
    with file:
        while piece := file.read(_CHUNK):
            yield piece
