"""Systems in the REST API: seen by whom they concern, entered and edited by their agency."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from registry.agency_shown import system_json
from registry.models import Agency, System
from registry.system_register import add, count_systems, edit, find_seen, list_systems
from registry.web import agency_shapes as shapes
from registry.web.agencies import ETAG, MADE, IfMatch, seen_tags
from registry.web.answers import Cursor, Limit, page, said
from registry.web.given import Asking, Reading, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1", tags=["systems"], responses=ANSWERS)
Named = Annotated[str, Path(max_length=100, description="内部编号、系统编号或名称", examples=[shapes.SYSTEM])]


def _shown(system: System, owner: Agency, *, made: bool = False) -> Answer:
    value = system_json(system, owner)
    headers = {"ETag": f'"{value.pop("tag")}"'}
    if made:
        headers["Location"] = f"/api/v1/systems/{system.id}"
    return Answer(value, 201 if made else 200, headers)


@router.get("/systems", response_model=shapes.SystemPage, summary="系统列表")
def systems(
    session: Reading,
    actor: Asking,
    agency: Annotated[str | None, Query(max_length=200, description="统一社会信用代码或全称")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """The systems that you see, by key, a page at a time."""
    rows = list_systems(session, actor=actor, agency=agency, after=cursor, limit=limit + 1)
    shown = [_shown(*row).value for row in rows]
    total = count_systems(session, actor=actor, agency=agency)
    return said(page(shown, limit, total, lambda row: row["id"]))


@router.post(
    "/systems", status_code=201, response_model=shapes.SystemShown, responses=MADE, summary="登记系统"
)
def add_system(session: Writing, actor: Asking, again: Repeating, body: shapes.NewSystem) -> Response:
    """Enter a system of your agency."""

    def deed() -> Answer:
        made = add(session, **body.model_dump(), actor=actor, now=today())
        return _shown(made, session.get_one(Agency, made.agency_id), made=True)

    return again.once(session, actor, deed)


@router.get(
    "/systems/{id}", response_model=shapes.SystemShown, responses={200: {"headers": ETAG}}, summary="一个系统"
)
def one_system(session: Reading, actor: Asking, id: Named) -> Response:  # noqa: A002  (the name in the address)
    """One system."""
    answer = _shown(*find_seen(session, id, actor=actor))
    return said(answer.value, ETag=answer.headers["ETag"])


@router.patch(
    "/systems/{id}", response_model=shapes.SystemShown, responses={200: {"headers": ETAG}}, summary="修改系统"
)
def edit_system(
    session: Writing,
    actor: Asking,
    id: Named,  # noqa: A002  (the name in the address)
    body: shapes.SystemEdit,
    if_match: IfMatch,
) -> Response:
    """Change name, number, class or successor of a system."""
    changes = body.model_dump(exclude_unset=True, by_alias=True)
    changed = edit(session, id, changes, seen=seen_tags(if_match), actor=actor, now=today())
    answer = _shown(changed, session.get_one(Agency, changed.agency_id))
    return said(answer.value, ETag=answer.headers["ETag"])
