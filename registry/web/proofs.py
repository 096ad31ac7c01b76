"""Desensitization proofs in the REST API: a small file is checked at once, a larger one or a table by a job."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as Invalid
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from catalog_specs import load
from registry.attaching import find_distribution
from registry.digests import digests
from registry.errors import NotFound, Rejected, TooLarge
from registry.lookup import find_entry
from registry.models import Job
from registry.permits import Actor, Sight
from registry.proof_job import Content, made_json, order_proof, prove_now
from registry.proof_orders import Order
from registry.proof_review import review_proof
from registry.proof_shown import find_proof, verify_proof
from registry.proof_states import held_shown, proof_states, shown_proof, state_json
from registry.proofs import Kind, Made
from registry.web import proof_shapes as shapes
from registry.web.answers import Code, Named, Note, said, storable
from registry.web.given import Asking, Reading, Seeing, Writing, stored, today
from registry.web.jobs import JobShown, job_shown
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.work import safe_name

reading = APIRouter(prefix="/api/v1", tags=["proofs"], responses=ANSWERS)
sending = APIRouter(prefix="/api/v1", tags=["proofs"], responses=ANSWERS)
_FILES = ("file", "contract")
Word = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), AfterValidator(storable)]


def _object(value: Any) -> Any:
    """What a form sends as text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "{}")
    except (ValueError, RecursionError) as error:
        raise ValueError('须为 JSON 对象，如 {"手机号": "suppress"}') from error


class ProofAsked(BaseModel):
    """What is to be checked and how: a file comes along, or ``source`` and ``table`` name a table.

    ``methods`` by item stand above the mask rules of the entry; ``renew`` asks for a new standing proof;
    ``distribution`` is needed only where the entry has several that are opened.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"source": "source:KAIFANG", "table": "v_mzjz", "methods": {"就诊科室": "generalize"}}
            ]
        },
    )
    source: Word = ""
    table: Word = ""
    sheet: Word = ""
    methods: Annotated[
        dict[Named, Named], Field(max_length=1000), BeforeValidator(_object), AfterValidator(storable)
    ] = Field(default_factory=dict)
    renew: bool = False
    distribution: Word = ""


_SCHEMA = ProofAsked.model_json_schema()
_BINARY = {"type": "string", "format": "binary"}
_TEXTS = {"methods": {"type": "string", "description": "JSON 对象：信息项 → 方法"}}
_FORM = {
    "type": "object",
    "properties": _SCHEMA["properties"] | _TEXTS | {"file": _BINARY, "contract": _BINARY},
    "required": ["file"],
}
_BODY = {
    "required": True,
    "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": _SCHEMA}},
}


@dataclass(frozen=True, slots=True)
class Brought:
    """What a request brought. ``contract`` is that of the interface which ``file`` is a sample of."""

    asked: ProofAsked
    file: UploadFile | None = None
    contract: UploadFile | None = None

    @property
    def content(self) -> Content:
        name = safe_name(self.file.filename or "") if self.file else ""
        return Content(name, self.asked.source, self.asked.table, self.asked.sheet)

    def order(self, name: str) -> Order:
        """What is to be proven of the entry or distribution ``name``."""
        contract = digests(self.contract.file).sha256 if self.contract else ""
        kind: Kind = "load" if self.file is None else "sample" if contract else "file"
        return Order(name, kind, self.asked.methods, contract, self.content.place, self.asked.renew)


async def _brought(request: Request) -> AsyncIterator[Brought]:
    """The body: a form with a file, or JSON that names a table.

    Raises:
        Rejected, TooLarge, RequestValidationError: it is neither, or not as it must be.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form() as form:
            files = {name: form[name] for name in _FILES if isinstance(form.get(name), UploadFile)}
            named = {name: file for name, file in files.items() if getattr(file, "filename", "")}
            fields = {name: value for name, value in form.items() if name not in files}
            yield Brought(_asked(fields), **named)  # type: ignore[arg-type]  # uploads by the line above
    elif kind == "application/json":
        yield Brought(_asked(_json(await request.body())))
    else:
        raise Rejected("请以 multipart/form-data 上传文件，或以 application/json 提交 source 和 table")


def _json(body: bytes) -> Any:
    most = load().entry.limits["json_bytes"]
    if len(body) > most:
        raise TooLarge(f"内容超过 {most >> 20} MB")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected("内容不是合法的 JSON") from error


def _asked(fields: Any) -> ProofAsked:
    try:
        return ProofAsked.model_validate(fields)
    except Invalid as error:
        found = [{**row, "loc": ("body", *row["loc"])} for row in error.errors(include_url=False)]
        raise RequestValidationError(found) from error


Bringing = Annotated[Brought, Depends(_brought)]


@sending.post(
    "/entries/{code:code}/proofs",
    status_code=201,
    response_model=shapes.ProofMade,
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}}}},
        202: {"model": JobShown, "description": "文件较大，或检查库表，已交任务办理；进度见 Location"},
    },
    openapi_extra={"requestBody": _BODY},
    summary="脱敏检查并登记",
)
def make(
    request: Request,
    session: Writing,
    seen: Seeing,
    actor: Asking,
    again: Repeating,
    code: Code,
    brought: Bringing,
) -> Response:
    """Check a content in full and enter its proof: at once (201), or by a job (202)."""
    return again.once(
        session, actor, lambda: _answer(make_proof(request, session, code, brought, seen, actor))
    )


def _answer(made: Made | Job) -> Answer:
    if isinstance(made, Made):
        return Answer(made_json(made), 201, {"Location": f"/api/v1/proofs/{made.batch.id}"})
    return Answer(job_shown(made), 202, {"Location": f"/api/v1/jobs/{made.id}"})


def make_proof(
    request: Request, session: Session, code: str, brought: Brought, seen: Sight, actor: Actor
) -> Made | Job:
    """The proof of what was brought, or the job that makes it.

    Raises:
        Everything that ``prove_now`` and ``order_proof`` raise.
    """
    app, now = request.app.state, today()
    order, content = brought.order(_named(session, code, brought.asked.distribution, seen)), brought.content
    given: dict[str, Any] = {"actor": actor, "now": now}
    if brought.file is not None and is_small(brought.file):
        with stored(brought.file.file, content.file_name) as path:
            given["files"] = app.settings.files
            return prove_now(app.database, session, path, order, content, **given)
    upload = brought.file.file if brought.file else None
    return order_proof(session, order, content, upload, folder=app.settings.files, **given)


def is_small(file: UploadFile) -> bool:
    """Whether a file is checked within the request."""
    return (file.size or 0) <= load().entry.limits["import_inline_bytes"]


def _named(session: Session, code: str, distribution: str, seen: Sight) -> str:
    row = find_entry(session, code, sight=seen)
    if not distribution:
        return row.entry.id
    made, of = find_distribution(session, distribution, sight=seen)
    if of.entry.id != row.entry.id:
        raise NotFound(f"{code[:64]} 没有挂接资源“{distribution[:64]}”")
    return made.id


@reading.get("/entries/{code:code}/proofs", response_model=shapes.ProofStates, summary="脱敏检查证明")
def states(session: Reading, seen: Seeing, code: Code) -> Response:
    """How the proofs of an entry stand: of each opened distribution the newest one, and what is missing."""
    row, now = find_entry(session, code, sight=seen), today()
    found = proof_states(session, row, now=now)
    return said({"results": [state_json(session, one, sight=seen, now=now) for one in found]})


@reading.get("/proofs/held", response_model=shapes.HeldList, summary="已扣留的数据")
def held(session: Reading, seen: Seeing) -> Response:
    """What did not pass and was held, within what you see whole."""
    return said({"results": [asdict(one) for one in held_shown(session, sight=seen)]})


@reading.get("/proofs/{key}", response_model=shapes.ProofShown, summary="一个方案证明及其批次证明")
def proof(session: Reading, seen: Seeing, actor: Asking, key: str) -> Response:
    """A standing proof with every content checked under it; by its key, a batch's or a distribution's."""
    return said(shown_proof(session, key, sight=seen, actor=actor, now=today()))


class Reviewed(BaseModel):
    """The second person's word; a refusal needs a reason."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"agree": True}]})
    agree: bool
    note: Note = ""


@reading.post("/proofs/{key}/review", response_model=shapes.ProofShown, summary="复核方案证明")
def review(
    session: Writing, seen: Seeing, actor: Asking, again: Repeating, key: str, body: Reviewed
) -> Response:
    """Agree to a standing proof that another one made, or refuse it; what waits is published with it."""

    def deed() -> Answer:
        given: Mapping[str, Any] = {"sight": seen, "actor": actor, "now": today()}
        done = review_proof(session, key, agree=body.agree, note=body.note, **given)
        return Answer(shown_proof(session, done.id, **given))

    return again.once(session, actor, deed)


@reading.get("/proofs/{key}/verification", response_model=shapes.Verification, summary="核验证明")
def verification(request: Request, session: Reading, seen: Seeing, key: str) -> Response:
    """A proof held against the record of acts, the stored bytes and what is offered today."""
    found = find_proof(session, key, sight=seen)
    results = verify_proof(session, found, files=request.app.state.settings.files, now=today())
    return said({"ok": all(one.ok for one in results), "results": [asdict(one) for one in results]})
