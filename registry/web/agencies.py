"""Agencies in the REST API: listed for everybody, entered, edited, renamed, merged, split and closed by the bureau."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from sqlalchemy.orm import Session

from registry.agencies import add, close, edit, find, rename
from registry.agency_shown import agency_json, count_agencies, list_agencies
from registry.people import local_day
from registry.permits import Actor
from registry.splitting import split
from registry.succession import Succession, merge
from registry.web import agency_shapes as shapes
from registry.web.answers import Cursor, Limit, page, said
from registry.web.given import Asking, Reading, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1", tags=["agencies"], responses=ANSWERS)
Named = Annotated[
    str, Path(max_length=100, description="统一社会信用代码、内部编号或名称", examples=[shapes.CIVIL])
]
IfMatch = Annotated[str, Header(description="看过的 ETag；* 表示不论看过什么", examples=["*"])]
ETAG = {"ETag": {"description": "所见内容的标记，用于 If-Match", "schema": {"type": "string"}}}
MADE: dict[int | str, dict[str, Any]] = {
    201: {"headers": ETAG | {"Location": {"schema": {"type": "string"}}}}
}


def seen_tags(if_match: str) -> frozenset[str] | None:
    """The tags that an If-Match header names; None for ``*``."""
    named = {part.strip().removeprefix("W/").strip('"') for part in if_match.split(",")}
    return None if "*" in named else frozenset(named)


def _shown(session: Session, written: str, actor: Actor, *, made: bool = False) -> Answer:
    today_ = local_day(today())
    agency = find(session, written, today=today_)
    value = agency_json(session, agency, actor=actor, today=today_)
    headers = {"ETag": f'"{value.pop("tag")}"'}
    if made:
        headers["Location"] = f"/api/v1/agencies/{agency.code}"
    return Answer(value, 201 if made else 200, headers)


@router.get("/agencies", response_model=shapes.AgencyPage, summary="单位列表")
def agencies(
    session: Reading,
    name: Annotated[str | None, Query(max_length=100, description="名称中的字")] = None,
    region: Annotated[str | None, Query(max_length=6, description="行政区划代码")] = None,
    closed: Annotated[bool, Query(description="也列已撤销的")] = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Agencies by credit code, names and codes only, a page at a time."""
    day = local_day(today())
    wanted: dict[str, Any] = {"today": day, "name": name, "region": region, "closed": closed}
    rows = list_agencies(session, **wanted, after=cursor, limit=limit + 1)
    total = count_agencies(session, **wanted)
    return said(page(rows, limit, total, lambda row: row["code"]))


@router.post(
    "/agencies", status_code=201, response_model=shapes.AgencyWhole, responses=MADE, summary="登记单位"
)
def add_agency(session: Writing, actor: Asking, again: Repeating, body: shapes.NewAgency) -> Response:
    """Enter an agency, with the next free department number of its region unless one is given."""

    def deed() -> Answer:
        made = add(session, **body.model_dump(), actor=actor, now=today())
        return _shown(session, made.id, actor, made=True)

    return again.once(session, actor, deed)


@router.post("/agencies/merge", response_model=shapes.SuccessionShown, summary="合并单位")
def merge_agencies(session: Writing, actor: Asking, again: Repeating, body: shapes.Merger) -> Response:
    """Merge agencies into one; their entries, systems, people and roles become its own, all or nothing."""
    return again.once(
        session, actor, lambda: _taken(merge(session, **body.model_dump(), actor=actor, now=today()))
    )


def _taken(done: Succession) -> Answer:
    rows = [
        {
            "source": one.source.code,
            "into": one.into.code,
            **{kind: len(keys) for kind, keys in one.moved.listed.items()},
            "roles": one.moved.roles,
            "delegations": one.moved.delegations,
        }
        for one in done.taken
    ]
    return Answer({"taken": rows, "told": list(done.told)})


@router.get(
    "/agencies/{code}",
    response_model=shapes.AgencyWhole,
    responses={200: {"headers": ETAG}},
    summary="一个单位",
)
def one_agency(session: Reading, actor: Asking, code: Named) -> Response:
    """One agency, also a closed one or by a name of the past; its people and numbers for those whom they concern."""
    answer = _shown(session, code, actor)
    return said(answer.value, ETag=answer.headers["ETag"])


@router.patch(
    "/agencies/{code}",
    response_model=shapes.AgencyWhole,
    responses={200: {"headers": ETAG}},
    summary="修改单位",
)
def edit_agency(
    session: Writing, actor: Asking, code: Named, body: shapes.AgencyEdit, if_match: IfMatch
) -> Response:
    """Change kind, level, region or parent."""
    changes = body.model_dump(exclude_unset=True)
    changed = edit(session, code, changes, seen=seen_tags(if_match), actor=actor, now=today())
    answer = _shown(session, changed.id, actor)
    return said(answer.value, ETag=answer.headers["ETag"])


@router.post("/agencies/{code}/rename", response_model=shapes.AgencyWhole, summary="单位更名")
def rename_agency(
    session: Writing, actor: Asking, again: Repeating, code: Named, body: shapes.NewName
) -> Response:
    """Give an agency a new name; the old one is kept with its period, no entry gets a new version."""

    def deed() -> Answer:
        named = rename(session, code, body.name, day=body.day, basis=body.basis, actor=actor, now=today())
        return _shown(session, named.id, actor)

    return again.once(session, actor, deed)


@router.post("/agencies/{code}/split", response_model=shapes.SuccessionShown, summary="拆分单位")
def split_agency(
    session: Writing, actor: Asking, again: Repeating, code: Named, body: shapes.Split
) -> Response:
    """Split new agencies off this one; what is named moves, the rest stays or goes to the part that takes it."""

    def deed() -> Answer:
        given = body.model_dump(exclude={"parts"})
        parts = [part.part() for part in body.parts]
        return _taken(split(session, code, parts, **given, actor=actor, now=today()))

    return again.once(session, actor, deed)


@router.post("/agencies/{code}/close", response_model=shapes.AgencyWhole, summary="撤销单位")
def close_agency(
    session: Writing, actor: Asking, again: Repeating, code: Named, body: shapes.Closing
) -> Response:
    """Close an agency that has nothing any more."""

    def deed() -> Answer:
        closed = close(session, code, **body.model_dump(), actor=actor, now=today())
        return _shown(session, closed.id, actor)

    return again.once(session, actor, deed)
