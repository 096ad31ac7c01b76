"""Entries in the REST API: listed, registered, read, their drafts, versions, differences and past."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from registry.drafts import Drafted, register_entry, save_draft
from registry.lookup import Row, Wanted, count_entries, find_entry, get_version, list_entries, versions_of
from registry.past import as_of
from registry.shown import brief_json, shown_json, version_json
from registry.shown_review import diff_json, options_json
from registry.web import shapes
from registry.web.answers import (
    Code,
    Cursor,
    JsonObject,
    Limit,
    Named,
    demand_seen,
    etag_of,
    is_seen,
    page,
    said,
)
from registry.web.given import Asking, Reading, Seeing, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1", tags=["entries"], responses=ANSWERS)
Lang = Literal["zh", "en"]
Number = Annotated[int, Query(ge=1, le=2**31 - 1)]
Word = Annotated[str | None, Query(max_length=200)]
IfMatch = Annotated[str, Header(description="看过的 ETag；* 表示不论看过什么", examples=["*"])]
_ETAG = {
    "ETag": {"description": "所见内容的标记，用于 If-Match、If-None-Match", "schema": {"type": "string"}}
}
_CONTENT: dict[str, Any] = {
    "resource_name": "婚姻登记信息",
    "provider_code": "115203000094210200",
    "resource_category": ["部门信息资源类"],
    "share_type": "有条件共享",
    "items": [{"item_name": "登记日期", "data_type": "D"}],
}


class NewEntry(BaseModel):
    """An entry to be registered. Values are codes or labels, under the keys of entry.yaml (``/specs/{profile}``)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"content": _CONTENT}]})
    content: JsonObject
    profile: Named | None = None


class NewContent(BaseModel):
    """A draft's whole content; what it does not hold is taken away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"content": _CONTENT}]})
    content: JsonObject


@router.get("/entries", response_model=shapes.EntryPage, summary="目录列表")
def entries(
    session: Reading,
    seen: Seeing,
    agency: Annotated[str | None, Query(max_length=200, description="统一社会信用代码或全称")] = None,
    state: Word = None,
    system: Annotated[str | None, Query(max_length=200, description="系统的编号、内部编号或全称")] = None,
    q: Annotated[str | None, Query(max_length=200, description="名称中的字，或代码的开头")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Entries that you see, by key, a page at a time."""
    wanted = Wanted(agency, state, system=system, text=q)
    rows = list_entries(session, sight=seen, wanted=wanted, after=cursor, limit=limit + 1, brief=True)
    total = count_entries(session, sight=seen, wanted=wanted)
    return said(page([brief_json(row) for row in rows], limit, total, lambda row: row["key"]))


@router.post(
    "/entries",
    status_code=201,
    response_model=shapes.EntryWhole,
    responses={201: {"headers": _ETAG | {"Location": {"schema": {"type": "string"}}}}},
    summary="登记一条目录",
)
def register(session: Writing, actor: Asking, again: Repeating, body: NewEntry) -> Response:
    """Register one entry as a draft with its findings; it is given a code when it brings none."""
    return again.once(
        session,
        actor,
        lambda: _drafted(
            session, register_entry(session, body.content, actor=actor, now=today(), profile=body.profile)
        ),
    )


def _drafted(session: Session, made: Drafted, *, fresh: bool = True) -> Answer:
    row = made.row
    versions = [row.version] if fresh else versions_of(session, row)
    address = f"/api/v1/entries/{row.entry.id}"
    headers = {"ETag": etag_of(row, row.version)} | ({"Location": address} if fresh else {})
    return Answer(shown_json(row, row.version, versions, "zh"), 201 if fresh else 200, headers)


@router.put(
    "/entries/{code:code}/draft",
    response_model=shapes.EntryWhole,
    responses={200: {"headers": _ETAG}},
    summary="保存草稿",
)
def put_draft(
    session: Writing, seen: Seeing, actor: Asking, code: Code, body: NewContent, if_match: IfMatch
) -> Response:
    """Replace the open draft by a new version; an equal content changes nothing."""
    row = find_entry(session, code, sight=seen)
    lock = None if "*" in if_match else demand_seen(if_match, row)
    made = save_draft(session, row, body.content, actor=actor, now=today(), lock=lock)
    answer = _drafted(session, made, fresh=False)
    return said(answer.value, headers=answer.headers)


@router.get("/entries/{code:code}/versions", response_model=shapes.VersionList, summary="各版本")
def versions(session: Reading, seen: Seeing, code: Code) -> Response:
    """The versions that you see, the oldest first."""
    row = find_entry(session, code, sight=seen)
    return said({"results": [version_json(version) for version in versions_of(session, row)]})


@router.get(
    "/entries/{code:code}/versions/{number}",
    response_model=shapes.EntryWhole,
    responses={200: {"headers": _ETAG}},
    summary="一个版本",
)
def one_version(
    request: Request, session: Reading, seen: Seeing, code: Code, number: int, lang: Lang = "zh"
) -> Response:
    """One version of an entry, whole."""
    return _shown(request, session, find_entry(session, code, sight=seen), number, lang)


@router.get("/entries/{code:code}/diff", response_model=shapes.Diff, summary="两个版本的差别")
def diff(
    session: Reading,
    seen: Seeing,
    code: Code,
    first: Annotated[int, Query(ge=1, le=2**31 - 1, alias="from", description="从哪一版")],
    to: Number,
) -> Response:
    """What changed between two versions, field by field, each with its class of change."""
    return said(diff_json(session, find_entry(session, code, sight=seen), first, to))


@router.get("/entries/{code:code}/as-of/{day}", response_model=shapes.PastShown, summary="某日的有效版本")
def past(session: Reading, seen: Seeing, code: Code, day: date) -> Response:
    """What was in force at the end of a day, who had signed it, what was on the shelf."""
    return said(as_of(session, code, day, seen))


@router.get("/entries/{code:code}/options", response_model=shapes.OptionList, summary="现在可办的环节")
def entry_options(request: Request, session: Reading, seen: Seeing, actor: Asking, code: Code) -> Response:
    """The moves that you may make now, each with everything that is still missing."""
    row = find_entry(session, code, sight=seen)
    files = request.app.state.settings.files
    return said({"results": options_json(session, row, actor=actor, now=today(), files=files)})


@router.get(
    "/entries/{code:code}",
    response_model=shapes.EntryWhole,
    responses={200: {"headers": _ETAG}, 304: {"description": "与 If-None-Match 所示相同"}},
    summary="一条目录",
)
def one_entry(
    request: Request,
    session: Reading,
    seen: Seeing,
    code: Code,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    lang: Lang = "zh",
) -> Response:
    """One entry by code or key, with the version that you see of it or the one asked for."""
    return _shown(request, session, find_entry(session, code, sight=seen), version, lang)


def _shown(request: Request, session: Session, row: Row, number: int | None, lang: str) -> Response:
    chosen = get_version(session, row, number)
    etag = etag_of(row, chosen)
    if is_seen(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers={"ETag": etag})
    return said(shown_json(row, chosen, versions_of(session, row), lang), headers={"ETag": etag})
