"""Distributions and records in the REST API, with their files."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, File, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from registry.attaching import Sent, attach, attached_file, find_distribution, record, record_file
from registry.lookup import find_entry
from registry.recording import Paper
from registry.shown_review import distribution_json, distributions_json, record_json, records_json
from registry.stores import Store
from registry.web import shapes
from registry.web.answers import Code, Named, Note, said, storable
from registry.web.given import Asking, Reading, Seeing, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

reading = APIRouter(prefix="/api/v1", tags=["distributions"], responses=ANSWERS)
sending = APIRouter(prefix="/api/v1", tags=["distributions"], responses=ANSWERS)
_CHUNK = 1 << 16
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
Listed = Annotated[list[Named], Field(max_length=1000)]


@reading.get("/entries/{code:code}/distributions", response_model=shapes.DistributionList, summary="挂接资源")
def distributions(session: Reading, seen: Seeing, code: Code) -> Response:
    """The distributions of an entry that you see."""
    row = find_entry(session, code, sight=seen)
    return said({"results": distributions_json(session, row)})


class Offer(BaseModel):
    """What is attached; ``form`` is a code of share_mode_type, ``items`` name items of the entry."""

    model_config = ConfigDict(extra="forbid")
    name: Named
    form: Named
    patterns: Listed = Field(default_factory=list)
    items: Listed = Field(default_factory=list)
    opened: bool = False
    location: Annotated[Note, Field(description="库表名或接口地址")] = ""
    note: Note = ""
    file: UploadFile | None = None


@sending.post(
    "/entries/{code:code}/distributions",
    status_code=201,
    response_model=shapes.DistributionShown,
    responses={201: {"headers": {"Location": {"schema": {"type": "string"}}}}},
    summary="挂接资源（可带文件）",
)
def attach_one(
    request: Request,
    session: Writing,
    seen: Seeing,
    actor: Asking,
    again: Repeating,
    code: Code,
    form: Annotated[Offer, File()],
) -> Response:
    """Attach a file, a table or an interface to an entry; it then waits for the secrecy review of its data."""
    offer = form.model_dump(exclude={"file", "note"} | ({"location"} if not form.location else set()))
    files = request.app.state.settings.files

    def deed() -> Answer:
        row, sent = find_entry(session, code, sight=seen), _sent(form.file, files)
        made = attach(session, row, offer, sent, files=files, actor=actor, now=today(), note=form.note)
        location = {"Location": f"/api/v1/distributions/{made.id}"}
        return Answer(distribution_json(made, row), 201, location)

    return again.once(session, actor, deed)


def _sent(file: UploadFile | None, folder: Store) -> Sent | None:
    """The name and the bytes of an upload; None when none was sent."""
    if file is None or not file.filename:
        return None
    return Sent(Path(file.filename).name[:255], file.file, folder)


@reading.get("/distributions/{key}", response_model=shapes.DistributionShown, summary="一个挂接资源")
def one_distribution(session: Reading, seen: Seeing, key: str) -> Response:
    """One distribution."""
    made, row = find_distribution(session, key, sight=seen)
    return said(distribution_json(made, row))


@reading.get("/distributions/{key}/file", responses=_BYTES, response_class=Response, summary="挂接的文件")
def distribution_file(request: Request, session: Reading, seen: Seeing, actor: Asking, key: str) -> Response:
    """The bytes of a distribution, for who may see the data of its agency."""
    files = request.app.state.settings.files
    name, file = attached_file(session, key, sight=seen, actor=actor, files=files)
    return download_of(name, file)


@reading.get("/entries/{code:code}/records", response_model=shapes.RecordList, summary="佐证")
def records(session: Reading, seen: Seeing, code: Code) -> Response:
    """The evidence kept of an entry, its system and its distributions."""
    return said({"results": records_json(session, find_entry(session, code, sight=seen))})


class Evidence(BaseModel):
    """What is kept as evidence: a number, a file, or both; of the entry or of one of its distributions."""

    model_config = ConfigDict(extra="forbid")
    kind: Annotated[Named, Field(description="佐证的种类，见 /record-kinds")]
    number: Annotated[str, StringConstraints(max_length=100), AfterValidator(storable)] = ""
    day: date | None = None
    distribution: Named | None = None
    file: UploadFile | None = None


@sending.post(
    "/entries/{code:code}/records",
    status_code=201,
    response_model=shapes.RecordShown,
    summary="登记佐证（文号或文件）",
)
def keep_one(
    request: Request,
    session: Writing,
    seen: Seeing,
    actor: Asking,
    again: Repeating,
    code: Code,
    form: Annotated[Evidence, File()],
) -> Response:
    """Keep a number or a file as evidence; it is bound to the content that it was made for."""
    paper, files = Paper(number=form.number, day=form.day), request.app.state.settings.files

    def deed() -> Answer:
        row, sent = find_entry(session, code, sight=seen), _sent(form.file, files)
        name, now = form.distribution or row.entry.id, today()
        kept = record(session, row, name, form.kind, paper, sent=sent, sight=seen, actor=actor, now=now)
        return Answer(record_json(kept), 201)

    return again.once(session, actor, deed)


@reading.get("/records/{key}/file", responses=_BYTES, response_class=Response, summary="佐证的文件")
def evidence_file(request: Request, session: Reading, seen: Seeing, key: str) -> Response:
    """The file of a piece of evidence, for who sees its entry whole."""
    name, file = record_file(session, key, sight=seen, files=request.app.state.settings.files)
    return download_of(name, file)


def download_of(name: str, file: BinaryIO) -> Response:
    """Bytes to be kept under a name, whatever they are."""
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return StreamingResponse(_pieces(file), media_type="application/octet-stream", headers=headers)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK):
            yield piece
