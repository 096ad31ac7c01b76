"""Requests, grants, records of use and disputes in the REST API, asked for by number or key."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from registry.disputes import act_on_dispute, open_dispute
from registry.grant_acts import act_on_grant, grant_options
from registry.models import DataRequest, ShareGrant
from registry.request_shown import list_grants, list_requests, shown_grant, shown_request
from registry.requests import act_on_request, erase_applicant, file_request, request_options
from registry.usage import record_usage, usage_of
from registry.web import request_shapes as shapes
from registry.web.answers import Cursor, JsonObject, Named, Note, said
from registry.web.given import Asking, Reading, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1", tags=["requests"], responses=ANSWERS)
Number = Annotated[str, Path(description="编号或内部编号", examples=["共需〔2026〕1号"], max_length=64)]
GrantNumber = Annotated[str, Path(description="编号或内部编号", examples=["授权〔2026〕1号"], max_length=64)]
DisputeNumber = Annotated[
    str, Path(description="编号或内部编号", examples=["争议〔2026〕1号"], max_length=64)
]
Side = Annotated[Literal["requester", "provider"] | None, Query(description="本单位是哪一方：需求方、提供方")]
Filter = Annotated[str | None, Query(max_length=200)]
Most = Annotated[int, Query(ge=1, le=200, description="每页条数")]
Lock = Annotated[int, Field(ge=1, le=2**31 - 1)]


class RequestGiven(BaseModel):
    """A request of a kind (share, correction, open); ``data`` are its fields, ``applicant`` only for open data."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "share",
                    "entry": "307024030102/000001",
                    "data": {
                        "basis": "《社会救助暂行办法》第二十四条",
                        "scene": "办理医疗救助申请时核对低保身份",
                        "scope": "登记注册科窗口人员",
                        "mode": "核验",
                        "valid_until": "2027-12-31",
                    },
                }
            ]
        },
    )
    kind: Named
    entry: Named
    data: JsonObject = Field(default_factory=dict)
    note: Note = ""
    requester: Annotated[Named | None, Field(description="为哪个单位提出：代码、内部编号或名称")] = None
    applicant: JsonObject | None = None


class ActGiven(BaseModel):
    """One act, as ``options`` offers it. ``note`` are the reasons, ``lock`` the one that you saw."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"act": "refuse", "note": "目的与职责不符", "lock": 2}]},
    )
    act: Named
    note: Note = ""
    data: JsonObject = Field(default_factory=dict)
    lock: Lock | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What a deed takes beside the act."""
        return {"note": self.note, "data": self.data, "lock": self.lock}


class UsageGiven(BaseModel):
    """A record: ``usage`` (scene, course, effect, storage) or ``destruction`` (destruction, storage)."""

    model_config = ConfigDict(extra="forbid")
    kind: Named = "usage"
    data: JsonObject = Field(default_factory=dict)


class DisputeGiven(BaseModel):
    """A dispute about a request or a grant (its number or key)."""

    model_config = ConfigDict(extra="forbid")
    about: Named
    subject: Note


# ---- requests ---------------------------------------------------------------------------------------------


@router.get("/requests", response_model=shapes.RequestPageShown, summary="共享需求、校核申请、开放申请")
def requests(
    session: Reading,
    actor: Asking,
    side: Side = None,
    kind: Filter = None,
    state: Filter = None,
    agency: Filter = None,
    entry: Filter = None,
    cursor: Cursor = None,
    limit: Most = 50,
) -> Response:
    """The requests that you see, the newest first; never who applied."""
    given = {"side": side, "kind": kind, "state": state, "agency": agency, "entry": entry}
    page = list_requests(session, actor=actor, now=today(), after=cursor, limit=limit, **given)
    return said({"results": shapes.requests_json(session, page.rows), "next_cursor": page.next_cursor})


@router.post(
    "/requests",
    status_code=201,
    response_model=shapes.RequestDoneShown,
    responses={201: {"headers": {"Location": {"schema": {"type": "string"}}}}},
    summary="提出申请",
)
def file_one(session: Writing, actor: Asking, again: Repeating, body: RequestGiven) -> Response:
    """File a request; refused with everything that is missing. What is open already is answered at once."""
    more = body.model_dump(exclude={"entry", "kind"})

    def deed() -> Answer:
        with shapes.placed():
            done = file_request(session, body.entry, body.kind, actor=actor, now=today(), **more)
        key = shapes.keys_of(session, DataRequest, [done.number])[done.number]
        return Answer({"key": key} | asdict(done), 201, {"Location": f"/api/v1/requests/{key}"})

    return again.once(session, actor, deed)


@router.get("/requests/{number}", response_model=shapes.RequestWhole, summary="一件申请")
def one_request(session: Reading, actor: Asking, number: Number) -> Response:
    """One request: fields, acts, clock, grants, disputes, and what you may do (``options``)."""
    found = shown_request(session, number, actor=actor, now=today())
    options = request_options(session, number, actor=actor, now=today())
    return said(shapes.request_json(session, found, options, actor))


@router.post("/requests/{number}/acts", response_model=shapes.RequestDoneShown, summary="办理申请的环节")
def act_on(session: Writing, actor: Asking, again: Repeating, number: Number, body: ActGiven) -> Response:
    """Make one act of a request as you saw it (``lock``)."""

    def deed() -> Answer:
        with shapes.placed():
            done = act_on_request(session, number, body.act, actor=actor, now=today(), **body.given)
        return Answer(
            {"key": shapes.keys_of(session, DataRequest, [done.number])[done.number]} | asdict(done)
        )

    return again.once(session, actor, deed)


@router.post("/requests/{number}/erase-applicant", response_model=shapes.Erased, summary="擦除申请人信息")
def erase(session: Writing, actor: Asking, again: Repeating, number: Number) -> Response:
    """Empty who applied for opening; the request, its answer and its dates stay."""

    def deed() -> Answer:
        done = erase_applicant(session, number, actor=actor, now=today())
        return Answer({"key": done.id, "number": done.number, "erased_at": done.erased_at})

    return again.once(session, actor, deed)


# ---- grants -----------------------------------------------------------------------------------------------


@router.get("/grants", response_model=shapes.GrantPageShown, summary="共享授权")
def grants(
    session: Reading,
    actor: Asking,
    side: Side = None,
    agency: Filter = None,
    entry: Filter = None,
    running: Annotated[bool | None, Query(description="今天可用的，或不可用的")] = None,
    cursor: Cursor = None,
    limit: Most = 50,
) -> Response:
    """The grants that you see, the newest first."""
    given: dict[str, Any] = {"side": side, "agency": agency, "entry": entry, "is_running": running}
    page = list_grants(session, actor=actor, now=today(), after=cursor, limit=limit, **given)
    return said({"results": shapes.grants_json(session, page.rows), "next_cursor": page.next_cursor})


@router.get("/grants/{number}", response_model=shapes.GrantWhole, summary="一件授权")
def one_grant(session: Reading, actor: Asking, number: GrantNumber) -> Response:
    """One grant: items, period, acts, records of use, and what you may do (``options``)."""
    now = today()
    found = shown_grant(session, number, actor=actor, now=now)
    return said(shapes.grant_json(session, found, grant_options(session, number, actor=actor, now=now)))


@router.post("/grants/{number}/acts", response_model=shapes.GrantDoneShown, summary="办理授权的环节")
def act_on_one_grant(
    session: Writing, actor: Asking, again: Repeating, number: GrantNumber, body: ActGiven
) -> Response:
    """Make one act of a grant as you saw it (``lock``)."""

    def deed() -> Answer:
        with shapes.placed():
            done = act_on_grant(session, number, body.act, actor=actor, now=today(), **body.given)
        return Answer({"key": shapes.keys_of(session, ShareGrant, [done.number])[done.number]} | asdict(done))

    return again.once(session, actor, deed)


@router.get("/grants/{number}/usage", response_model=shapes.UsageList, summary="使用记录")
def usage(session: Reading, actor: Asking, number: GrantNumber) -> Response:
    """The records of use and of destruction, the oldest first."""
    found = usage_of(session, number, actor=actor)
    return said({"results": [shapes.usage_json(one) for one in found]})


@router.post(
    "/grants/{number}/usage", status_code=201, response_model=shapes.UsageShown, summary="登记使用记录"
)
def use(session: Writing, actor: Asking, again: Repeating, number: GrantNumber, body: UsageGiven) -> Response:
    """Record the use of data that were granted, or their destruction after its end."""

    def deed() -> Answer:
        made = record_usage(session, number, body.kind, body.data, actor=actor, now=today())
        return Answer(shapes.usage_json(made), 201)

    return again.once(session, actor, deed)


# ---- disputes ---------------------------------------------------------------------------------------------


@router.post("/disputes", status_code=201, response_model=shapes.DisputeShown, summary="提出争议")
def dispute(session: Writing, actor: Asking, again: Repeating, body: DisputeGiven) -> Response:
    """Open a dispute on a refused or late request, or on a grant."""

    def deed() -> Answer:
        now = today()
        made = open_dispute(session, body.about, subject=body.subject, actor=actor, now=now)
        found = shown_request(session, made.request_id, actor=actor, now=now)
        return Answer(shapes.dispute_json(session, made, found, actor=actor), 201)

    return again.once(session, actor, deed)


@router.get("/disputes/{number}", response_model=shapes.DisputeShown, summary="一件争议")
def one_dispute(session: Reading, actor: Asking, number: DisputeNumber) -> Response:
    """One dispute: its step, its outcome, and what you may do (``options``)."""
    made, found = shapes.seen_dispute(session, number, actor=actor, now=today())
    return said(shapes.dispute_json(session, made, found, actor=actor))


@router.post("/disputes/{number}/acts", response_model=shapes.DisputeShown, summary="办理争议的环节")
def act_on_one_dispute(
    session: Writing, actor: Asking, again: Repeating, number: DisputeNumber, body: ActGiven
) -> Response:
    """Take a dispute a step further, or close it with its outcome."""

    def deed() -> Answer:
        now = today()
        with shapes.placed():
            made = act_on_dispute(session, number, body.act, actor=actor, now=now, **body.given)
        found = shown_request(session, made.request_id, actor=actor, now=now)
        return Answer(shapes.dispute_json(session, made, found, actor=actor))

    return again.once(session, actor, deed)
