"""Moves in the REST API: of many subjects at once, or of one entry as it was seen."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from registry.errors import NotFound, Rejected
from registry.lifecycle import Done, perform_many
from registry.lookup import find_entry
from registry.permits import Sight
from registry.subjects import Subject, find_subject
from registry.web import shapes
from registry.web.answers import Code, JsonObject, Named, Note, demand_seen, etag_of
from registry.web.given import Asking, Seeing, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1", tags=["moves"], responses=ANSWERS)
MOST_SUBJECTS = 1000
IfSeen = Annotated[str | None, Header(alias="If-Match", description="看过的 ETag")]


class Moved(BaseModel):
    """What a move is asked of: an entry by code or key, or a distribution; ``lock`` is the one that you saw."""

    model_config = ConfigDict(extra="forbid")
    entry: Named
    distribution: Named | None = None
    lock: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class ManyMoves(BaseModel):
    """One move of many subjects. ``data`` is what the move takes (``/moves``), the same for all."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"move": "submit", "subjects": [{"entry": shapes.CODE, "lock": 1}]},
                {
                    "move": "announce",
                    "subjects": [{"entry": shapes.CODE}],
                    "data": {"number": "遵数通〔2026〕1号", "date": "2026-11-20"},
                },
            ]
        },
    )
    move: Named
    subjects: Annotated[list[Moved], Field(min_length=1, max_length=MOST_SUBJECTS)]
    note: Note = ""
    data: JsonObject = Field(default_factory=dict)


class OneMove(BaseModel):
    """One move of one entry, or of a distribution of it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "move": "return",
                    "data": {"reasons": [{"field": "share_type", "phrase": "wrong_share_type"}]},
                }
            ]
        },
    )
    move: Named
    distribution: Named | None = None
    note: Note = ""
    data: JsonObject = Field(default_factory=dict)


@router.post("/moves", response_model=shapes.DoneList, summary="办理环节（可多条）")
def moves(
    request: Request, session: Writing, seen: Seeing, actor: Asking, again: Repeating, body: ManyMoves
) -> Response:
    """Make one move of all subjects, or of none; a refusal names everything that is missing, of all of them."""
    files = request.app.state.settings.files

    def deed() -> Answer:
        subjects = [_subject(session, one, body.move, seen) for one in body.subjects]
        given = {"note": body.note, "data": _given(body.data), "files": files}
        done = perform_many(session, subjects, body.move, actor=actor, now=today(), **given)
        return Answer({"results": done})

    return again.once(session, actor, deed)


@router.post(
    "/entries/{code:code}/moves",
    response_model=shapes.DoneShown,
    responses={200: {"headers": {"ETag": {"schema": {"type": "string"}}}}},
    summary="办理一条目录的环节",
)
def move_one(
    request: Request,
    session: Writing,
    seen: Seeing,
    actor: Asking,
    again: Repeating,
    code: Code,
    body: OneMove,
    if_match: IfSeen = None,
) -> Response:
    """Make one move of an entry as you saw it (``If-Match``)."""
    files = request.app.state.settings.files

    def deed() -> Answer:
        lock = demand_seen(if_match, find_entry(session, code, sight=seen))
        asked = Moved(entry=code, distribution=body.distribution)
        subject = _subject(session, asked, body.move, seen)
        if subject.distribution_id is None and lock is not None:
            subject = Subject(subject.entry_id, None, lock)
        given = {"note": body.note, "data": _given(body.data), "files": files}
        done = perform_many(session, [subject], body.move, actor=actor, now=today(), **given)[0]
        return Answer(done, headers=_etag(session, done, seen))

    return again.once(session, actor, deed)


def _subject(session: Session, asked: Moved, move: str, seen: Sight) -> Subject:
    found = find_subject(session, asked.distribution or asked.entry, move, sight=seen, lock=asked.lock)
    if asked.distribution and find_entry(session, asked.entry, sight=seen).entry.id != found.entry_id:
        raise NotFound(f"{asked.entry} 没有挂接资源“{asked.distribution}”")
    return found


def _given(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a move is given. Bytes are sent as a file: naming a digest must not open somebody else's."""
    named = [key for key in ("sha256", "file_name") if key in data]
    if named:
        errors = [{"pointer": f"/data/{key}", "code": "file", "message": "须上传文件"} for key in named]
        raise Rejected("文件须随 POST …/distributions 上传，不能只写摘要", errors=errors)
    return data


def _etag(session: Session, done: Done, seen: Sight) -> dict[str, str]:
    """The entry's new ETag; none once it is gone."""
    if done.entry_state in ("retired", "wiped"):
        return {}
    row = find_entry(session, done.entry_id, sight=seen)
    return {"ETag": etag_of(row, row.version)}
