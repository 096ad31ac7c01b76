"""Data copies in the REST API: of a system, or of data got by a grant; one by one, or as a list."""

from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, File, Path, Query, Response
from sqlalchemy.orm import Session

from registry.copies import add, demand_all, edit, find_copy, import_rows, list_copies, remove
from registry.copy_sheets import read_rows
from registry.copy_values import copies_json
from registry.errors import Stale
from registry.granted import load_grant
from registry.models import DataCopy, System
from registry.permits import Actor
from registry.system_register import find_seen
from registry.web import system_shapes as shapes
from registry.web.agencies import ETAG, MADE, IfMatch, seen_tags
from registry.web.answers import said
from registry.web.given import Asking, Reading, Writing, stored, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.web.systems import Named

router = APIRouter(prefix="/api/v1", tags=["copies"], responses=ANSWERS)
# bodies of these hold files
sending = APIRouter(prefix="/api/v1", tags=["copies"], responses=ANSWERS)
Key = Annotated[str, Path(max_length=40, description="副本的内部编号", examples=[shapes.COPY])]
Granted = Annotated[str, Path(max_length=40, description="共享授权的编号或内部编号")]
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG}}


def _shown(session: Session, copy: DataCopy, *, made: bool = False) -> Answer:
    (value,) = copies_json(session, [copy])
    headers = {"ETag": f'"{copy.lock}"'}
    if made:
        headers["Location"] = f"/api/v1/copies/{copy.id}"
    return Answer(value, 201 if made else 200, headers)


def _add(
    session: Session, system: System | None, body: shapes.NewCopy, grant: str | None, actor: Actor
) -> Answer:
    given = body.model_dump()
    kind, name = given.pop("kind"), given.pop("name")
    made = add(session, system, kind, name, **given, grant_id=grant, actor=actor, now=today())
    return _shown(session, made, made=True)


@router.get("/systems/{id}/copies", response_model=shapes.CopiesShown, summary="系统的数据副本")
def of_system(session: Reading, actor: Asking, id: Named) -> Response:  # noqa: A002  (the name in the address)
    """The copies of a system that you see, with their states."""
    system, _owner = find_seen(session, id, actor=actor)
    return said({"results": copies_json(session, list_copies(session, system_id=system.id))})


@router.post(
    "/systems/{id}/copies",
    status_code=201,
    response_model=shapes.CopyShown,
    responses=MADE,
    summary="登记数据副本",
)
def add_to_system(
    session: Writing,
    actor: Asking,
    again: Repeating,
    id: Named,  # noqa: A002  (the name in the address)
    body: shapes.NewCopy,
) -> Response:
    """Enter a place where a system's data lie."""
    system, _owner = find_seen(session, id, actor=actor)
    return again.once(session, actor, lambda: _add(session, system, body, None, actor))


@sending.post("/systems/{id}/copies/import", response_model=shapes.VerdictList, summary="成批登记数据副本")
def import_list(
    session: Writing,
    actor: Asking,
    again: Repeating,
    id: Named,  # noqa: A002  (the name in the address)
    form: Annotated[shapes.CopyList, File()],
) -> Response:
    """Enter the copies of a list, all or none; 422 with everything that is wrong, row by row."""

    def deed() -> Answer:
        system, _owner = find_seen(session, id, actor=actor)
        name = FilePath(form.file.filename or "upload").name
        with stored(form.file.file, name) as path:
            verdicts = import_rows(session, system, read_rows(path), actor=actor, now=today())
        demand_all(verdicts)
        rows = ({**asdict(one), "warnings": list(one.warnings)} for one in verdicts)
        return Answer({"results": [{k: v for k, v in row.items() if k != "errors"} for row in rows]})

    return again.once(session, actor, deed)


@router.get("/grants/{name}/copies", response_model=shapes.CopiesShown, summary="共享所得数据的副本")
def of_grant(session: Reading, actor: Asking, name: Granted) -> Response:
    """The places where the data got by a grant lie, for both sides of it."""
    granted = load_grant(session, name, actor=actor)
    return said({"results": copies_json(session, list_copies(session, grant_id=granted.grant.id))})


@router.post(
    "/grants/{name}/copies",
    status_code=201,
    response_model=shapes.CopyShown,
    responses=MADE,
    summary="登记共享所得数据的副本",
)
def add_to_grant(
    session: Writing, actor: Asking, again: Repeating, name: Granted, body: shapes.NewCopy
) -> Response:
    """Enter a place where data got by a grant lie."""
    granted = load_grant(session, name, actor=actor)
    return again.once(session, actor, lambda: _add(session, None, body, granted.grant.id, actor))


@router.get("/copies/{id}", response_model=shapes.CopyShown, responses=_OK, summary="一处数据副本")
def one_copy(session: Reading, actor: Asking, id: Key) -> Response:  # noqa: A002  (the name in the address)
    """One copy of your agency's."""
    answer = _shown(session, find_copy(session, id, actor=actor))
    return said(answer.value, ETag=answer.headers["ETag"])


@router.patch("/copies/{id}", response_model=shapes.CopyShown, responses=_OK, summary="修改数据副本")
def edit_copy(
    session: Writing,
    actor: Asking,
    id: Key,  # noqa: A002  (the name in the address)
    body: shapes.CopyEdit,
    if_match: IfMatch,
) -> Response:
    """Change what was entered of a copy that is not wiped yet."""
    _demand_seen(find_copy(session, id, actor=actor, held=True), if_match)
    changed = edit(session, id, body.changes(), actor=actor, now=today())
    answer = _shown(session, changed)
    return said(answer.value, ETag=answer.headers["ETag"])


@router.delete("/copies/{id}", status_code=204, response_class=Response, summary="删除登记错的数据副本")
def remove_copy(
    session: Writing,
    actor: Asking,
    id: Key,  # noqa: A002  (the name in the address)
    why: Annotated[str, Query(min_length=1, max_length=500, description="为什么是登记错的")],
    if_match: IfMatch,
) -> Response:
    """Take back a copy that was entered by mistake and that no case holds."""
    _demand_seen(find_copy(session, id, actor=actor, held=True), if_match)
    remove(session, id, why=why, actor=actor, now=today())
    return Response(status_code=204)


def _demand_seen(copy: DataCopy, if_match: str) -> None:
    seen = seen_tags(if_match)
    if seen is not None and str(copy.lock) not in seen:
        raise Stale(f"数据副本“{copy.name}”在您看过之后已有变动；取回最新内容（ETag）后再办")
