"""The audit record in the REST API: events, proofs, signed heads."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from registry.audit import count_events, list_events
from registry.heads import list_heads, prove
from registry.web import shapes
from registry.web.answers import Limit, granted, page, said
from registry.web.given import Reading
from registry.web.problems import ANSWERS

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=ANSWERS)
READS, VERIFIES = [Depends(granted("read_audit"))], [Depends(granted("verify_audit"))]
Seq = Annotated[int | None, Query(ge=1, le=2**62, description="上一页的 next_cursor")]
Word = Annotated[str | None, Query(min_length=1, max_length=200)]


class EventShown(BaseModel):
    """One act on the record. ``details`` is null when its content was erased."""

    seq: int
    at: datetime
    act: str
    actor: str
    operator: str
    subject: str
    details: dict[str, Any] | None
    erased_at: datetime | None


class EventPage(shapes.Paged):
    results: list[EventShown]


class HeadShown(BaseModel):
    """A signed head: the root of the record at a size."""

    number: int
    origin: str
    algorithm: str
    size: int
    root: str
    at: str
    key_id: str
    signature: str


class HeadPage(shapes.Paged):
    results: list[HeadShown]


class Proof(BaseModel):
    """A proof for ``docs/verify_proof.py``."""

    format: str
    subject: str
    head: HeadShown
    events: list[dict[str, Any]]
    later: int


@router.get("", dependencies=READS, response_model=EventPage, summary="审计事件")
def events(
    session: Reading,
    subject: Word = None,
    act: Word = None,
    by: Annotated[str | None, Query(min_length=1, max_length=64, description="办理人登录名")] = None,
    cursor: Seq = None,
    limit: Limit = 100,
) -> Response:
    """Events, the newest first. ``subject`` is a code, a login, or any key."""
    rows = list_events(session, subject=subject, act=act, actor=by, after=cursor, limit=limit + 1)
    total = count_events(session, subject=subject, act=act, actor=by)
    return said(page([row._asdict() for row in rows], limit, total, lambda row: str(row["seq"])))


@router.get("/proof", dependencies=READS, response_model=Proof, summary="包含证明")
def proof(session: Reading, subject: Annotated[str, Query(min_length=1, max_length=200)]) -> Response:
    """A proof that the events of a subject stand on the record, for anyone to check."""
    return said(prove(session, subject))


@router.get("/heads", dependencies=VERIFIES, response_model=HeadPage, summary="已签名的树头")
def heads(session: Reading, cursor: Seq = None, limit: Limit = 100) -> Response:
    """Signed heads, the newest first."""
    rows, total = list_heads(session, after=cursor, limit=limit + 1)
    shown = [{name: getattr(row, name) for name in row.__slots__} for row in rows]
    return said(page(shown, limit, total, lambda row: str(row["number"])))
