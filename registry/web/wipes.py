"""The wipe log in the REST API: cases with their copies, records, their verification, witness and approval.

Source: S-LPS 26; domain §7, §12 R16.
"""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from registry import wipe_cases, wipes
from registry.people import find_system
from registry.permits import Actor
from registry.plain_json import plain_json, plain_value
from registry.recording import Paper
from registry.web.answers import JsonObject, Named, Note, said
from registry.web.given import Asking, Reading, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.wipe_shown import show_case, show_cases, show_record, show_records
from registry.wipe_sight import find_case

router = APIRouter(prefix="/api/v1", tags=["wipes"], responses=ANSWERS)
MOST = 1000
Number = Annotated[
    str, Path(max_length=60, description="清除任务编号或内部编号", examples=["QC-520300-2026-0001"])
]
Key = Annotated[str, Path(max_length=40, description="清除记录的内部编号，或证明编号")]
SystemQuery = Annotated[str | None, Query(max_length=200, description="系统：内部编号、系统编号或名称")]
StateQuery = Annotated[str | None, Query(max_length=16, description="只看一种状态")]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CaseGiven(_Given):
    """A case: what for (``kind``), of which agency, and what its kind must name."""

    kind: Named
    agency: Named | None = None
    system: Named | None = None
    grant: Named | None = None
    contract_no: Note = ""
    not_before: date | None = None
    due: date | None = None
    why: Note = ""


class CopiesGiven(_Given):
    """Copies by key or name."""

    copies: Annotated[list[Named], Field(min_length=1, max_length=MOST)]


class AbsentGiven(_Given):
    """Kinds of copies that there are none of, each with a word why."""

    absent: dict[Named, Note]


class HandoverGiven(_Given):
    """A copy that was handed over, with the number of the receipt."""

    copy_: Annotated[str, Field(alias="copy", min_length=1, max_length=200)]
    number: Note
    day: date | None = None


class StateGiven(_Given):
    """The next state of the copies: frozen or disposed."""

    state: Named


class RecordsGiven(_Given):
    """Records of one case, recorded all or none; each may name its own ``kind``."""

    kind: Note = ""
    records: Annotated[list[JsonObject], Field(min_length=1, max_length=MOST)]


class ReasonGiven(_Given):
    reason: Note


class Shown(BaseModel):
    """A case or a record with all that belongs to it; fields as the documentation of the command has them."""

    model_config = ConfigDict(extra="allow")
    id: str
    state: str


class RecordLine(Shown):
    """A record. ``result`` is pass or fail, null until it was verified."""

    certificate_no: str | None
    serial_no: str | None
    method: str | None
    result: str | None
    recorded_at: datetime


class CaseList(BaseModel):
    results: list[Shown]


class RecordList(BaseModel):
    results: list[RecordLine]


def _case(session: Session, number: str, actor: Actor) -> dict[str, Any]:
    return plain_json(show_case(session, number, actor=actor, now=today()))


def _record(session: Session, key: str, actor: Actor) -> dict[str, Any]:
    shown, told = show_record(session, key, actor=actor)
    return plain_json(shown) | {name: plain_value(value) for name, value in told.items()}


# ---- cases ------------------------------------------------------------------------------------------------


@router.get("/wipe-cases", response_model=CaseList, summary="清除任务")
def cases(
    session: Reading,
    actor: Asking,
    system: SystemQuery = None,
    state: StateQuery = None,
    kind: Annotated[str | None, Query(max_length=16, description="只看一种起因")] = None,
    after: Annotated[str | None, Query(max_length=32, description="上一页最后一个任务的 id")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """The cases that you see, the newest first."""
    given: dict[str, Any] = {"system": system, "state": state, "kind": kind, "after": after, "limit": limit}
    return said({"results": [plain_json(one) for one in show_cases(session, actor=actor, **given)]})


@router.post("/wipe-cases", response_model=Shown, status_code=201, summary="建立清除任务")
def open_case(session: Writing, actor: Asking, again: Repeating, body: CaseGiven) -> Response:
    """Open a case; that of a retirement is opened by the retirement itself."""

    def deed() -> Answer:
        about = find_system(session, body.system) if body.system else None
        owner = body.agency or (about.agency_id if about else actor.agency_id or "")
        given = body.model_dump(include={"contract_no", "not_before", "due", "why"})
        given |= {"agency": owner, "system": about, "grant_id": body.grant}
        made = wipe_cases.open_case(session, body.kind, **given, actor=actor, now=today())
        headers = {"Location": f"/api/v1/wipe-cases/{made.number}"}
        return Answer(_case(session, made.id, actor), 201, headers)

    return again.once(session, actor, deed)


@router.get("/wipe-cases/{number}", response_model=Shown, summary="一个清除任务")
def one_case(session: Reading, actor: Asking, number: Number) -> Response:
    """A case with its copies, its records, and what closing it still waits for."""
    return said(_case(session, number, actor))


@router.post("/wipe-cases/{number}/copies", response_model=Shown, summary="列入副本")
def enlist(session: Writing, actor: Asking, again: Repeating, number: Number, body: CopiesGiven) -> Response:
    """Put copies on a case."""

    def deed() -> Answer:
        case = find_case(session, number, actor=actor).case
        wipe_cases.enlist(session, case, body.copies, actor=actor, now=today())
        return Answer(_case(session, number, actor))

    return again.once(session, actor, deed)


@router.post("/wipe-cases/{number}/absent", response_model=Shown, summary="声明副本不存在")
def absent(session: Writing, actor: Asking, again: Repeating, number: Number, body: AbsentGiven) -> Response:
    """Declare that there are no copies of some kinds."""

    def deed() -> Answer:
        case = find_case(session, number, actor=actor).case
        wipe_cases.say_absent(session, case, body.absent, actor=actor, now=today())
        return Answer(_case(session, number, actor))

    return again.once(session, actor, deed)


@router.post("/wipe-cases/{number}/handovers", response_model=Shown, summary="登记副本移交")
def hand_over(
    session: Writing, actor: Asking, again: Repeating, number: Number, body: HandoverGiven
) -> Response:
    """Record that a copy was handed over, with its receipt."""

    def deed() -> Answer:
        case, paper = find_case(session, number, actor=actor).case, Paper(body.number, body.day)
        wipe_cases.hand_over_copy(session, case, body.copy_, paper, actor=actor, now=today())
        return Answer(_case(session, number, actor))

    return again.once(session, actor, deed)


@router.post("/wipe-cases/{number}/state", response_model=Shown, summary="冻结或归档移交副本")
def set_state(
    session: Writing, actor: Asking, again: Repeating, number: Number, body: StateGiven
) -> Response:
    """Move the copies of a case to frozen or disposed."""

    def deed() -> Answer:
        case = find_case(session, number, actor=actor).case
        wipe_cases.set_copies(session, case, body.state, actor=actor, now=today())
        return Answer(_case(session, number, actor))

    return again.once(session, actor, deed)


@router.post("/wipe-cases/{number}/close", response_model=Shown, summary="清除任务结案")
def close(session: Writing, actor: Asking, again: Repeating, number: Number) -> Response:
    """Close a case in which everything is answered for."""

    def deed() -> Answer:
        wipe_cases.close_case(session, find_case(session, number, actor=actor).case, actor=actor, now=today())
        return Answer(_case(session, number, actor))

    return again.once(session, actor, deed)


@router.post("/wipe-cases/{number}/cancel", response_model=Shown, summary="撤销清除任务")
def cancel(session: Writing, actor: Asking, again: Repeating, number: Number, body: ReasonGiven) -> Response:
    """Take back a case in which nothing was recorded."""

    def deed() -> Answer:
        case = find_case(session, number, actor=actor).case
        wipe_cases.cancel_case(session, case, body.reason, actor=actor, now=today())
        return Answer(_case(session, number, actor))

    return again.once(session, actor, deed)


# ---- records ----------------------------------------------------------------------------------------------


@router.post(
    "/wipe-cases/{number}/records", response_model=RecordList, status_code=201, summary="登记清除记录"
)
def record(session: Writing, actor: Asking, again: Repeating, number: Number, body: RecordsGiven) -> Response:
    """Record wipes of a case, all or none."""

    def deed() -> Answer:
        made = wipes.record(session, number, body.records, kind=body.kind, actor=actor, now=today())
        return Answer({"results": [_record(session, one.id, actor) for one in made]}, 201)

    return again.once(session, actor, deed)


@router.get("/wipes", response_model=RecordList, summary="清除记录")
def records(
    session: Reading,
    actor: Asking,
    case: Annotated[str | None, Query(max_length=60, description="只看一个清除任务")] = None,
    system: SystemQuery = None,
    state: StateQuery = None,
    after: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="上一页最后一条的 seq")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """The records that you see, in the order of recording."""
    given: dict[str, Any] = {"case": case, "system": system, "state": state, "after": after, "limit": limit}
    return said({"results": [plain_json(one) for one in show_records(session, actor=actor, **given)]})


@router.get("/wipes/{key}", response_model=RecordLine, summary="一条清除记录")
def one_record(session: Reading, actor: Asking, key: Key) -> Response:
    """A record with its content, and what verifier, witness and approver added."""
    return said(_record(session, key, actor))


@router.post("/wipes/{key}/verification", response_model=RecordLine, summary="登记验证")
def verify(session: Writing, actor: Asking, again: Repeating, key: Key, body: JsonObject) -> Response:
    """Verify a record; one that failed is kept as rejected."""

    def deed() -> Answer:
        made = wipes.examine(session, key, body, actor=actor, now=today())
        return Answer(_record(session, made.id, actor))

    return again.once(session, actor, deed)


@router.post("/wipes/{key}/witness", response_model=RecordLine, summary="登记见证")
def witness(session: Writing, actor: Asking, again: Repeating, key: Key, body: JsonObject) -> Response:
    """Witness a record; the body is the person."""

    def deed() -> Answer:
        made = wipes.witness(session, key, body, actor=actor, now=today())
        return Answer(_record(session, made.id, actor))

    return again.once(session, actor, deed)


@router.post("/wipes/{key}/approval", response_model=RecordLine, summary="审批并出具证明")
def approve(session: Writing, actor: Asking, again: Repeating, key: Key, body: JsonObject) -> Response:
    """Approve a record; its certificate is issued. The body is the person."""

    def deed() -> Answer:
        made = wipes.approve(session, key, body, actor=actor, now=today())
        return Answer(_record(session, made.id, actor))

    return again.once(session, actor, deed)
