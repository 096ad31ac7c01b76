"""Responsibility lists in the REST API: as they stand, sealed editions, differences, files, verification."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from registry import blobs
from registry.attaching import Sent
from registry.edition_sight import (
    READ,
    Found,
    find_shown,
    keep_scan,
    publish_shown,
    shown_editions,
    shown_standing,
    shown_standings,
    with_live,
    with_other,
)
from registry.editions import document_of, seal_edition
from registry.errors import NotFound, Rejected
from registry.list_document import ListDocument, to_json
from registry.list_shelf import shelf_differences
from registry.models import Agency
from registry.other_lists import NEGATIVE, other_document
from registry.people import find_system, local_day
from registry.responsibility import Scope, agency_named, live_document
from registry.stores import Store
from registry.web import list_shapes as shapes
from registry.web.answers import Named, granted, said
from registry.web.attached import download_of
from registry.web.given import Asking, Reading, Writing, today
from registry.web.list_downloads import MEDIA, AskedFormat, download, verify_upload
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.work import safe_name

router = APIRouter(prefix="/api/v1", tags=["lists"], responses=ANSWERS)
sending = APIRouter(prefix="/api/v1", tags=["lists"], responses=ANSWERS)
reads = Depends(granted(READ))
OfAgency = Annotated[
    Named | None, Query(description="单位的统一社会信用代码或全称", examples=[shapes.AGENCY])
]
OfSystem = Annotated[Named | None, Query(description="系统编号或名称")]
_KINDS_SAID = "只要一种清单：share、open、combined；negative 不予共享的"
OfList = Annotated[Named | None, Query(alias="list", description=_KINDS_SAID, examples=["share"])]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_SCHEMAS = {"application/json": {"schema": {"type": "object"}}}
_KINDS = [kind.partition(";")[0] for kind in MEDIA.values()]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: _SCHEMAS.get(kind, _BINARY) for kind in _KINDS}}
}
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": _BINARY}}}
_MADE: dict[int | str, dict[str, Any]] = {
    200: {"model": shapes.EditionSealed, "description": "没有变化，没有另行封存"},
    201: {"headers": {"Location": {"schema": {"type": "string"}}}},
}


# ---- as they stand ----------------------------------------------------------------------------------------


def scope_asked(session: Session, agency: str | None, system: str | None) -> Scope:
    """Whose lists are asked for; those of the whole city when nobody's are.

    Raises:
        NotFound: no such agency or system. Rejected: both are given.
    """
    if agency and system:
        raise Rejected("agency 和 system 只能写一个")
    if system:
        return Scope(system=find_system(session, system))
    return Scope(find_agency(session, agency)) if agency else Scope()


def document_asked(session: Session, scope: Scope, only: str | None) -> ListDocument:
    """The lists of a scope as they stand; the negative list where that is asked for.

    Raises:
        NotFound: there is no such list.
    """
    if only == NEGATIVE:
        return other_document(session, scope, NEGATIVE, now=today())
    return live_document(session, scope, now=today(), only=only)


def find_agency(session: Session, written: str) -> Agency:
    """An agency as it is called today, or was."""
    return agency_named(session, written, today=local_day(today()))


@router.get("/lists", response_model=shapes.LiveLists, summary="现行责任清单", dependencies=[reads])
def lists(
    session: Reading,
    actor: Asking,
    agency: OfAgency = None,
    system: OfSystem = None,
    only: OfList = None,
) -> Response:
    """The lists of an agency or of a system as they stand now; how the last edition and the shelf stand to them."""
    if not agency and not system:
        raise Rejected("须写明 agency 或者 system；全市清单取文件：GET /api/v1/lists/file?format=xlsx")
    scope = scope_asked(session, agency, system)
    shown = to_json(document_asked(session, scope, only))
    standing = shown_standing(session, scope.agency, actor=actor) if scope.agency else None
    last = {"standing": shapes.standing_json(standing) if standing else None}
    return said(shown | last | {"shelf": shapes.shelf_json(shelf_differences(session, scope))})


@router.get(
    "/lists/file",
    responses=_FILE,
    response_class=Response,
    summary="现行责任清单（文件）",
    dependencies=[reads],
)
def live_file(
    session: Reading,
    form: AskedFormat,
    agency: OfAgency = None,
    system: OfSystem = None,
    only: OfList = None,
) -> FileResponse:
    """The same as a file; of the whole city when neither agency nor system is given."""
    scope = scope_asked(session, agency, system)
    return download(document_asked(session, scope, only), form)


@router.get("/lists/standings", response_model=shapes.StandingList, summary="各单位清单的现状")
def standings(session: Reading, actor: Asking) -> Response:
    """Every agency that owes a list or has sealed one: its last edition, and whether that is stale."""
    rows = shown_standings(session, actor=actor)
    return said({"results": [shapes.agency_standing_json(row) for row in rows]})


# ---- editions ---------------------------------------------------------------------------------------------


class Sealing(BaseModel):
    """Whose list is sealed; ``publish``: it is published with it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"agency": shapes.AGENCY}]})
    agency: Named
    publish: bool = Field(default=True, description="封存后即公布")


@router.get("/editions", response_model=shapes.EditionList, summary="一个单位封存的各期清单")
def editions(
    session: Reading,
    actor: Asking,
    agency: Annotated[Named, Query(description="单位的统一社会信用代码或全称", examples=[shapes.AGENCY])],
) -> Response:
    """The editions of an agency that you see, the newest first."""
    found = find_agency(session, agency)
    rows = [Found(edition, found) for edition in shown_editions(session, found, actor=actor)]
    return said({"results": [shapes.edition_json(row) for row in rows]})


@router.post(
    "/editions", status_code=201, response_model=shapes.EditionSealed, responses=_MADE, summary="封存责任清单"
)
def seal(session: Writing, actor: Asking, again: Repeating, body: Sealing) -> Response:
    """Seal the next edition of an agency's lists; an unchanged list makes no new one."""

    def deed() -> Answer:
        found = find_agency(session, body.agency)
        done = seal_edition(session, found, actor=actor, now=today(), publish=body.publish)
        shown = shapes.edition_json(Found(done.edition, found)) | {"unchanged": done.unchanged}
        headers = {} if done.unchanged else {"Location": f"/api/v1/editions/{done.edition.id}"}
        return Answer(shown, 200 if done.unchanged else 201, headers)

    return again.once(session, actor, deed)


@router.get("/editions/{key}", response_model=shapes.EditionWhole, summary="一期清单")
def edition(
    session: Reading,
    actor: Asking,
    key: str,
    body: Annotated[bool, Query(description="也要所封存的内容")] = False,
) -> Response:
    """One edition; with ``body`` what was sealed, its digest, mark and proof."""
    found = find_shown(session, key, actor=actor)
    document = {"document": to_json(document_of(found.edition))} if body else {}
    return said(shapes.edition_json(found) | document)


@router.get(
    "/editions/{key}/file", responses=_FILE, response_class=Response, summary="一期清单（可核验的文件）"
)
def edition_file(session: Reading, actor: Asking, key: str, form: AskedFormat) -> FileResponse:
    """An edition as a file that can be verified anywhere."""
    return download(document_of(find_shown(session, key, actor=actor).edition), form)


@router.post("/editions/{key}/publish", response_model=shapes.EditionShown, summary="公布一期清单")
def publish(session: Writing, actor: Asking, again: Repeating, key: str) -> Response:
    """Publish an edition that was sealed without."""
    return again.once(
        session,
        actor,
        lambda: Answer(shapes.edition_json(publish_shown(session, key, actor=actor, now=today()))),
    )


@router.get("/editions/{key}/diff", response_model=shapes.ListDiff, summary="两期清单的差别")
def diff(
    session: Reading,
    actor: Asking,
    key: str,
    to: Annotated[Named | None, Query(description="另一期的编号；不写为现行清单")] = None,
) -> Response:
    """What another edition, or the list of today, has that this edition has not; with the moves that caused it."""
    found = find_shown(session, key, actor=actor)
    if to is None:
        return said(shapes.diff_json(with_live(session, found.agency, found.edition, now=today())))
    return said(shapes.diff_json(with_other(session, found, find_shown(session, to, actor=actor))))


# ---- files that come in -----------------------------------------------------------------------------------


def sent(file: UploadFile, folder: Store) -> Sent:
    """An upload as deeds take it."""
    return Sent(safe_name(file.filename or "")[:255], file.file, folder)


@sending.post("/editions/{key}/scan", response_model=shapes.EditionShown, summary="附盖章扫描件")
def attach(
    request: Request,
    session: Writing,
    actor: Asking,
    again: Repeating,
    key: str,
    file: Annotated[UploadFile, File(description="PDF 或图片")],
) -> Response:
    """Attach the stamped scan of an edition; it can be done once."""
    files = request.app.state.settings.files

    def deed() -> Answer:
        return Answer(
            shapes.edition_json(keep_scan(session, key, sent(file, files), actor=actor, now=today()))
        )

    return again.once(session, actor, deed)


@router.get("/editions/{key}/scan", responses=_BYTES, response_class=Response, summary="盖章扫描件")
def scan_file(request: Request, session: Reading, actor: Asking, key: str) -> Response:
    """The stamped scan of an edition."""
    found = find_shown(session, key, actor=actor)
    sha256, name = found.edition.scan_sha256, found.edition.scan_name
    if sha256 is None:
        raise NotFound(f"{found.agency.name}{found.name}还没有盖章扫描件")
    return download_of(name or sha256, blobs.open_blob(session, sha256, request.app.state.settings.files))


@sending.post(
    "/editions/verify", response_model=shapes.VerdictShown, summary="核验清单文件", dependencies=[reads]
)
def verify(file: Annotated[UploadFile, File(description="导出的清单文件")]) -> Response:
    """Check an exported file cell by cell against the edition that it carries; nothing is stored."""
    return said(shapes.verdict_json(verify_upload(file.file, file.filename)))
