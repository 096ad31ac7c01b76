"""Duties in the REST API: how they stand, and evidence handed in, withdrawn, said not to apply."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Path, Query, Request, Response

from catalog_specs import load
from registry.duties import read_duties
from registry.duty_deeds import About, check_sender, hand_in, waive, withdraw
from registry.duty_shown import (
    Filter,
    evidence_json,
    evidence_seen,
    law_json,
    law_rows,
    list_duties,
    list_evidence,
    standing_json,
)
from registry.duty_terms import SIGHT, Asked, check_year, duty_named
from registry.errors import Rejected
from registry.people import local_day
from registry.web import duty_shapes as shapes
from registry.web.answers import Limit, granted_any, said
from registry.web.attached import download_of
from registry.web.given import Asking, Reading, Writing, today
from registry.web.papers import paper_sent
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.web.supervising import stored_file

_SEES = [Depends(granted_any(SIGHT))]
reading = APIRouter(prefix="/api/v1", tags=["duties"], responses=ANSWERS, dependencies=_SEES)
sending = APIRouter(prefix="/api/v1", tags=["duties"], responses=ANSWERS, dependencies=_SEES)
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
Duty = Annotated[str, Path(max_length=16, description="义务编号", examples=["ZY-19", "LPS-26"])]
Key = Annotated[str, Path(max_length=32, description="佐证编号")]
Year = Annotated[int | None, Query(ge=1, le=9999, description="年度；不写为今年")]
Text = Annotated[str | None, Query(max_length=200)]


@reading.get("/duties", response_model=shapes.DutyPage, summary="义务")
def duties(
    session: Reading,
    actor: Asking,
    year: Year = None,
    agency: Annotated[str | None, Query(max_length=200, description="统一社会信用代码或全称")] = None,
    system: Annotated[str | None, Query(max_length=200, description="内部编号、系统编号或名称")] = None,
    state: Annotated[str, Query(max_length=20, description="overdue、due、soon、open、done …")] = "",
    duty: Annotated[str, Query(max_length=16, description="义务编号")] = "",
    cursor: Annotated[str | None, Query(max_length=20, description="上一页的 next_cursor")] = None,
    limit: Limit = 100,
) -> Response:
    """The duties of a year that ask for something, of the agencies and systems that you see, the most urgent first."""
    specs, start = load(), _start(cursor)
    asked = Asked(year, agency, system, actor)
    found = list_duties(session, asked, chosen=Filter(state, duty), now=today(), specs=specs)
    rows = [standing_json(one, specs) for one in found[start : start + limit]]
    following = str(start + limit) if start + limit < len(found) else None
    return said({"results": rows, "next_cursor": following, "total": len(found)})


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise Rejected("cursor 须是上一页的 next_cursor")
    return int(cursor)


@reading.get("/duties/law", response_model=shapes.LawList, summary="义务表（两市办法逐条）")
def law(session: Reading, actor: Asking, year: Year = None, agency: Text = None) -> Response:
    """Every row of both measures, with how the duties that you see stand."""
    specs, now = load(), today()
    standings = read_duties(session, Asked(year, agency, actor=actor), now=now, specs=specs)
    return said({"results": law_rows(standings, year, now=now, specs=specs)})


@reading.get("/duties/{duty}", response_model=shapes.OneDuty, summary="一条义务")
def one_duty(
    session: Reading, actor: Asking, duty: Duty, year: Year = None, agency: Text = None, system: Text = None
) -> Response:
    """What an article asks, how it stands for whom you see, and what was handed in."""
    specs, now = load(), today()
    row = duty_named(duty, specs)
    asked, chosen = Asked(year, agency, system, actor), Filter(duty=row.id, told=True)
    found = list_duties(session, asked, chosen=chosen, now=now, specs=specs)
    kept = list_evidence(session, row, found, check_year(year, local_day(now), specs))
    standings = [standing_json(one, specs) for one in found]
    return said(law_json(row, specs) | {"standings": standings, "handed": kept})


@sending.post(
    "/duties/{duty}/evidence",
    status_code=201,
    response_model=shapes.EvidenceShown,
    summary="登记履职佐证（文号或文件）",
)
def hand_in_one(
    request: Request,
    session: Writing,
    actor: Asking,
    again: Repeating,
    duty: Duty,
    form: Annotated[shapes.NewEvidence, File()],
) -> Response:
    """Keep a number or a file as evidence of a duty."""
    about, now = About(form.agency, form.system, form.year), today()

    def deed() -> Answer:
        name = form.file.filename or "" if form.file else ""
        check_sender(session, duty, form.kind, name, about=about, actor=actor, now=now)
        paper = paper_sent(request, session, form.file, form.number, form.day, actor=actor, now=now)
        given: dict[str, Any] = {"about": about, "note": form.note, "actor": actor, "now": now}
        return Answer(evidence_json(hand_in(session, duty, form.kind, paper, **given)), 201)

    return again.once(session, actor, deed)


@reading.post(
    "/duties/{duty}/waivers", status_code=201, response_model=shapes.EvidenceShown, summary="说明义务不适用"
)
def waive_one(
    session: Writing, actor: Asking, again: Repeating, duty: Duty, body: shapes.NewWaiver
) -> Response:
    """Say that a duty does not apply, and why; of gates and deadlines the authority says so."""
    about = About(body.agency, body.system, body.year)

    def deed() -> Answer:
        kept = waive(session, duty, about=about, why=body.why, actor=actor, now=today())
        return Answer(evidence_json(kept), 201)

    return again.once(session, actor, deed)


@reading.post(
    "/duty-evidence/{key}/withdraw", response_model=shapes.EvidenceShown, summary="撤回佐证或不适用的说明"
)
def withdraw_one(
    session: Writing, actor: Asking, again: Repeating, key: Key, body: shapes.Withdrawn
) -> Response:
    """Withdraw a piece of evidence; it stays on record and counts no more."""

    def deed() -> Answer:
        return Answer(evidence_json(withdraw(session, key, why=body.why, actor=actor, now=today())))

    return again.once(session, actor, deed)


@reading.get("/duty-evidence/{key}/file", responses=_BYTES, response_class=Response, summary="佐证的文件")
def evidence_file(request: Request, session: Reading, actor: Asking, key: Key) -> Response:
    """The file of a piece of evidence, for who sees the duties of its agency."""
    kept = evidence_seen(session, key, actor=actor, now=today())
    return download_of(*stored_file(request, session, kept.sha256, kept.file_name))
