"""Pages of desensitization proofs: a file checked on the entry's page, one proof whole, the second person's word."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from catalog_specs import Specs, load
from registry import blobs, jobs
from registry.errors import NotFound, Rejected
from registry.lookup import Row, get_version
from registry.models import Job
from registry.permits import Actor, Sight
from registry.proof_cases import FILE
from registry.proof_job import PROVE, own_jobs
from registry.proof_review import review_proof
from registry.proof_shown import Seen, find_proof, verify_proof
from registry.proof_states import (
    ProofState,
    checkers_of,
    may_prove,
    may_review,
    proof_states,
    shown_proof,
)
from registry.proofs import Made
from registry.scan_html import html_fragment
from registry.web.given import Asking, Reading, Seeing, today
from registry.web.proofs import Brought, ProofAsked, make_proof
from registry.web.templates import render
from validators.sharing import GOES_OUT

router = APIRouter()
_WAIT = {"Refresh": "2"}  # the page looks again by itself, also without scripts
_METHOD = "method:"


# ---- acts -------------------------------------------------------------------------------------------------


@router.post("/entries/{code:path}/proofs", response_model=None)
async def proof_form(request: Request, seen: Seeing, actor: Asking, code: str) -> Response:
    """A content checked by the form of the entry's page; then the page of the proof, or of the job."""
    async with request.form() as form:
        return await run_in_threadpool(_prove, request, form, code, actor, seen)


def _prove(request: Request, form: FormData, code: str, actor: Actor, seen: Sight) -> Response:
    try:
        with request.app.state.database.write() as session:
            made = make_proof(request, session, code, _brought(form), seen, actor)
            at = f"/proofs/{made.batch.id}" if isinstance(made, Made) else f"/proofs/jobs/{made.id}"
    except Rejected as error:
        if "report" not in error.details:
            raise
        values = {"problem": error.message, "job": None, "code": code}
        return _refused(request, values, error.details["report"], status=error.status)
    return RedirectResponse(at, status_code=303)


def _refused(request: Request, values: dict[str, Any], report: Any, *, status: int = 200) -> HTMLResponse:
    fragment = html_fragment(report, load()) if report else ""
    return render(request, "proof_job.html", values | {"fragment": fragment}, status=status)


def _brought(form: FormData) -> Brought:
    """What the form of the entry's page brings; a method that is left blank is the entry's own."""
    texts = {key: value.strip() for key, value in form.items() if isinstance(value, str)}
    methods = {
        key.removeprefix(_METHOD): said for key, said in texts.items() if key.startswith(_METHOD) and said
    }
    given = {key: texts.get(key, "") for key in ("source", "table", "sheet", "distribution")}
    file = form.get("file")
    sent = file if isinstance(file, UploadFile) and file.filename else None
    if any(len(value) > 200 for value in (*given.values(), *methods.values())):
        raise Rejected("数据源、表或工作表的名称超过 200 字")
    return Brought(ProofAsked(methods=methods, renew=texts.get("renew") == "1", **given), sent)


@router.post("/proofs/{key}/review", response_model=None)
async def review_form(request: Request, seen: Seeing, actor: Asking, key: str) -> Response:
    """The second person's word by a form; then the proof again."""
    async with request.form() as form:
        standing = await run_in_threadpool(_review, request, form, key, actor, seen)
    return RedirectResponse(f"/proofs/{standing}", status_code=303)


def _review(request: Request, form: FormData, key: str, actor: Actor, seen: Sight) -> str:
    words = {"1": True, "0": False}
    word = str(form.get("agree", ""))
    if word not in words:
        raise Rejected("表单缺少 agree；刷新页面后重做")
    with request.app.state.database.write() as session:
        note = str(form.get("note", ""))
        given: dict[str, Any] = {"sight": seen, "actor": actor, "now": today()}
        return review_proof(session, key, agree=words[word], note=note, **given).id


# ---- a proof, a job ---------------------------------------------------------------------------------------


@router.get("/proofs/jobs/{job_id}", response_class=HTMLResponse)
def job_page(request: Request, session: Reading, actor: Asking, job_id: str) -> Response:
    """How far a check is; what was refused, with the report; the proof, once there is one."""
    job = jobs.find_job(session, job_id, owner=actor.login)
    if job.kind != PROVE:
        raise NotFound("这个任务不是脱敏检查")
    result, problem = job.result or {}, job.problem or {}
    if "batch" in result:
        return RedirectResponse(f"/proofs/{result['batch']}", status_code=303)
    values = {"problem": problem.get("detail", ""), "job": job, "code": job.payload["entry"]}
    page = _refused(request, values, _report(request, session, job))
    if job.state not in jobs.ENDED:
        page.headers.update(_WAIT)
    return page


def _report(request: Request, session: Session, job: Job) -> Any:
    sha256 = (job.result or {}).get("report")
    if not sha256:
        return None
    with blobs.open_blob(session, sha256, request.app.state.settings.files) as file:
        return json.loads(file.read())


@router.get("/proofs/{key}", response_class=HTMLResponse)
def proof_page(
    request: Request, session: Reading, seen: Seeing, actor: Asking, key: str, verify: bool = False
) -> HTMLResponse:
    """One proof whole: methods, people, every content checked with the report of its scan; verified on demand."""
    found, now = find_proof(session, key, sight=seen), today()
    proof = shown_proof(session, found.standing.id, sight=seen, actor=actor, now=now)
    files = request.app.state.settings.files
    values = {
        "proof": proof,
        "asked": key,
        "fragments": {
            b["id"]: html_fragment(b["report"], found.specs) for b in proof["batches"] if b["report"]
        },
        "row": found.row,
        "made": found.made,
        "reviews": _may_review(session, found, actor),
        "verified": verify_proof(session, found, files=files, now=now) if verify else None,
    }
    return render(request, "proof.html", values | words(found.specs))


def _may_review(session: Session, found: Seen, actor: Actor) -> bool:
    return may_review(actor, found.row, found.standing, checkers_of(session, found.standing))


def words(specs: Specs) -> dict[str, Any]:
    """What keys of proofs are called on the pages."""
    proofs = specs.scanning.proofs
    return {
        "methods_zh": {method.key: method.zh for method in specs.desensitization.methods},
        "verdicts_zh": {row.key: row.zh for row in proofs.verdicts},
        "proof_states_zh": {row.key: row.zh for row in proofs.states},
        "forms_zh": {value.code: value.zh for value in specs.codes["share_mode_type"].values},
        "cures": {"file": proofs.says["cure_file"].zh, "table": proofs.says["cure_table"].zh},
        "file_form": FILE,
    }


# ---- what the entry's page shows --------------------------------------------------------------------------


def proof_values(session: Session, row: Row, actor: Actor) -> dict[str, Any]:
    """How the proofs of an entry stand, who may do what about them, and which checks are under way."""
    specs = load(row.version.profile)
    states, proves = proof_states(session, row, now=today()), row.full and may_prove(actor, row)
    content = get_version(session, row, row.entry.in_force).content if row.full else {}
    opens = content.get("open_type") in GOES_OUT
    return {
        "proofs": [(state, _reviews(session, row, state, actor)) for state in states],
        "proves": proves,
        # a file that is the first of its entry is attached by its proof
        "first_file": proves and opens and not states,
        "checks": own_jobs(session, row.entry.id, actor=actor) if proves else [],
        "methods": specs.desensitization.methods,
        **words(specs),
    }


def _reviews(session: Session, row: Row, state: ProofState, actor: Actor) -> bool:
    standing = state.standing
    return standing is not None and may_review(actor, row, standing, checkers_of(session, standing))
