"""Systems in the REST API: seen by whom they concern, entered, edited and moved on by their agency."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Path, Query, Request, Response

from catalog_specs import load
from registry.agency_shown import system_json
from registry.models import Agency, System
from registry.system_counts import count_year, counts_json
from registry.system_lives import advance, gaps, history, moves_of, step_file, step_json
from registry.system_register import add, count_systems, edit, find_seen, list_systems
from registry.web import system_shapes as shapes
from registry.web.agencies import ETAG, MADE, IfMatch, seen_tags
from registry.web.agency_shapes import SYSTEM
from registry.web.answers import Cursor, Limit, page, said
from registry.web.attached import download_of
from registry.web.given import Asking, Reading, Writing, today
from registry.web.papers import paper_sent
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1", tags=["systems"], responses=ANSWERS)
# bodies of these hold files
sending = APIRouter(prefix="/api/v1", tags=["systems"], responses=ANSWERS)
Named = Annotated[str, Path(max_length=100, description="内部编号、系统编号或名称", examples=[SYSTEM])]
OfAgency = Annotated[str | None, Query(max_length=200, description="统一社会信用代码或全称")]
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


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
    agency: OfAgency = None,
    life: Annotated[str | None, Query(max_length=16, description="状态，如 operating")] = None,
    system_class: Annotated[
        str | None, Query(alias="class", max_length=8, description="系统类别，如 01")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """The systems that you see, by key, a page at a time."""
    wanted: dict[str, Any] = {"agency": agency, "life": life, "system_class": system_class}
    rows = list_systems(session, actor=actor, **wanted, after=cursor, limit=limit + 1)
    shown = [_shown(*row).value for row in rows]
    total = count_systems(session, actor=actor, **wanted)
    return said(page(shown, limit, total, lambda row: row["id"]))


@router.get("/systems/counts", response_model=shapes.CountsShown, summary="系统数量只减不增")
def counts(
    session: Reading,
    actor: Asking,
    year: Annotated[int | None, Query(ge=1990, le=2200, description="年度；默认今年")] = None,
    agency: OfAgency = None,
) -> Response:
    """The number of systems of each agency on 1 January and today (31 December of a past year); S-LPS 6."""
    found = count_year(session, year=year, agency=agency, actor=actor, now=today())
    return said(counts_json(found))


@router.post(
    "/systems", status_code=201, response_model=shapes.SystemShown, responses=MADE, summary="登记系统"
)
def add_system(session: Writing, actor: Asking, again: Repeating, body: shapes.NewSystem) -> Response:
    """Enter a system of your agency; ``warnings`` tells what to look at (a contract of more than three years)."""
    given = body.model_dump()
    fields = {key: given.pop(key) for key in load().systems.field_index}

    def deed() -> Answer:
        made = add(session, **given, fields=fields, actor=actor, now=today())
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
    """Change what was entered of a system."""
    changes = body.model_dump(exclude_unset=True, by_alias=True)
    changed = edit(session, id, changes, seen=seen_tags(if_match), actor=actor, now=today())
    answer = _shown(changed, session.get_one(Agency, changed.agency_id))
    return said(answer.value, ETag=answer.headers["ETag"])


# ---- the life ---------------------------------------------------------------------------------------------


@router.get("/systems/{id}/life", response_model=shapes.LifeShown, summary="系统的生命周期")
def life_of(session: Reading, actor: Asking, id: Named) -> Response:  # noqa: A002  (the name in the address)
    """The steps so far, and the moves that you may make with what their gates still lack."""
    system, _owner = find_seen(session, id, actor=actor)
    now = today()
    moves = [
        {"move": m.key, "zh": m.zh, "to": m.to, "asks": m.asks, "missing": gaps(session, system, m, now=now)}
        for m in moves_of(session, system, actor=actor)
    ]
    steps = [step_json(step) for step in history(session, system.id)]
    return said({"life": system.life, "steps": steps, "moves": moves})


@sending.post(
    "/systems/{id}/life", status_code=201, response_model=shapes.StepShown, summary="系统进入下一阶段"
)
def advance_system(
    request: Request,
    session: Writing,
    actor: Asking,
    again: Repeating,
    id: Named,  # noqa: A002  (the name in the address)
    form: Annotated[shapes.Step, File()],
) -> Response:
    """Move a system on; everything that its gates lack is answered at once (409), each with article and cure."""

    def deed() -> Answer:
        paper = paper_sent(request, session, form.file, form.number, form.day, actor=actor, now=today())
        more: dict[str, Any] = {"paper": paper, "day": form.day, "note": form.note}
        done = advance(session, id, form.move, **more, actor=actor, now=today())
        return Answer(step_json(done), 201)

    return again.once(session, actor, deed)


@router.get("/systems/{id}/life/{step}/file", responses=_BYTES, response_class=Response, summary="环节的文件")
def step_paper(
    request: Request,
    session: Reading,
    actor: Asking,
    id: Named,  # noqa: A002  (the name in the address)
    step: Annotated[str, Path(max_length=40, description="环节的编号")],
) -> Response:
    """The file that a step rests on."""
    system, _owner = find_seen(session, id, actor=actor)
    name, file = step_file(session, system, step, files=request.app.state.settings.files)
    return download_of(name, file)
