"""Requests, grants and records of use held against the record: what was changed in them without an act is named.

Each act that was written down must stand on the record with the digest of what it was given; what a request or a grant
says now must be what those acts made of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from catalog_specs import load
from catalog_specs.law_requests import Requests
from registry.audit import Event
from registry.grants import ACTIVE, ENDED
from registry.keys import digest_of
from registry.models import DataRequest, Dispute, RequestAct, ShareGrant, UsageRecord, Version
from registry.people import local_day
from validators.fields import parse_date

_PREFIX, _DISPUTE, _USAGE = "request_", "dispute_", "record_usage"
_PIECE = 1000
# what a grant takes over from what was asked for
_ASKED = ("basis", "scene", "scope")
Place = tuple[str, str, datetime, str]


@dataclass(slots=True)
class RequestActs:
    """What the record says: acts by subject, act, moment and login; records of use by key; what of it was erased."""

    acts: dict[Place, list[Mapping[str, Any]]] = field(default_factory=dict)
    uses: dict[str, tuple[str, str, datetime, Mapping[str, Any]]] = field(default_factory=dict)
    erased: set[Place] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Take up what an event says."""
        place = (event.subject, event.act, event.at, event.actor)
        if not (event.act.startswith(_PREFIX) or event.act == _USAGE):
            return
        if event.details is None:
            self.erased.add(place)
        elif event.act == _USAGE:
            self.uses[event.details["record"]] = (event.subject, event.actor, event.at, event.details)
        else:
            self.acts.setdefault(place, []).append(event.details)


@dataclass(slots=True)
class _Kept:
    """The rows, read whole: requests are few beside entries."""

    requests: dict[str, DataRequest]
    grants: dict[str, ShareGrant]
    acts: list[RequestAct]
    passed_over: set[str]

    def is_open(self, request_id: str) -> bool:
        """Whether a request can be compared: nothing of its entry was erased."""
        return self.requests[request_id].entry_id not in self.passed_over


def request_differences(session: Session, acts: RequestActs) -> Iterator[str]:
    """Every request, act, grant, record of use and dispute that does not say what the record says.

    Those of an entry of which something was erased are passed over.
    """
    kept, spec = _read(session), load().requests
    yield from _acts(kept, acts)
    by_request: dict[str, list[RequestAct]] = {}
    by_grant: dict[str, list[RequestAct]] = {}
    for row in kept.acts:
        by_request.setdefault(row.request_id, []).append(row)
        if row.grant_id:
            by_grant.setdefault(row.grant_id, []).append(row)
    for request in kept.requests.values():
        if kept.is_open(request.id):
            yield from _request(request, by_request.get(request.id, []), spec)
    for grant in kept.grants.values():
        if kept.is_open(grant.request_id):
            yield from _grant(grant, by_grant.get(grant.id, []), kept, spec)
    yield from _disputes(session, kept, acts)
    yield from _uses(session, kept, acts)


def _read(session: Session) -> _Kept:
    erased = select(col(Version.entry_id)).where(col(Version.erased_at).is_not(None))
    return _Kept(
        {row.id: row for row in _all(session, DataRequest)},
        {row.id: row for row in _all(session, ShareGrant)},
        sorted(_all(session, RequestAct), key=lambda row: (row.at, row.id)),
        set(session.execute(erased).scalars()),
    )


def _all(session: Session, table: type[SQLModel]) -> Iterable[Any]:
    return session.execute(select(table).execution_options(yield_per=_PIECE)).scalars()


# ---- acts -------------------------------------------------------------------------------------------------


def _acts(kept: _Kept, acts: RequestActs) -> Iterator[str]:
    left = {place: list(found) for place, found in acts.acts.items()}
    for row in kept.acts:
        request = kept.requests[row.request_id]
        grant = kept.grants[row.grant_id] if row.grant_id else None
        place = (grant.number if grant else request.number, f"{_PREFIX}{row.act}", row.at, row.login)
        known = left.get(place, [])
        same = next((one for one in known if _is_same(row, request, grant, one)), None)
        if same is not None or known:
            known.remove(same if same is not None else known[0])
        if same is not None or not kept.is_open(request.id) or (not known and place in acts.erased):
            continue
        said = "与审计记录不符" if place in acts.acts else "在审计记录里没有"
        yield f"{place[0]}：{row.login} 办理的“{load().requests.act_zh(row.act)}”（{row.id}）{said}"
    for (subject, act, _at, login), found in left.items():
        zh = load().requests.act_zh(act.removeprefix(_PREFIX))
        for one in found:
            if one.get("entry") not in kept.passed_over:
                yield f"{subject}：审计记录里 {login} 办理的“{zh}”在登记表里不见了"


def _is_same(
    row: RequestAct, request: DataRequest, grant: ShareGrant | None, said: Mapping[str, Any]
) -> bool:
    stands = {
        "request": request.number,
        "kind": request.kind,
        "entry": request.entry_id,
        "before": row.state_before,
        "after": row.state_after,
        "role": row.role,
        "digest": digest_of({"note": row.note, "data": row.data}),
        "grant": grant.number if grant else None,
    }
    return all(said.get(key) == value for key, value in stands.items())


# ---- requests ---------------------------------------------------------------------------------------------


def _request(request: DataRequest, rows: Sequence[RequestAct], spec: Requests) -> Iterator[str]:
    """A request against what its acts made of it."""
    own = [row for row in rows if row.act == spec.filing.key or row.act in spec.act_index]
    filed = next((row for row in own if row.act == spec.filing.key), None)
    if filed is None:
        yield f"{request.number}：没有提出这项申请的行为"
        return
    if (request.filed_by, request.filed_at) != (filed.login, filed.at):
        yield f"{request.number}：提出人或提出时间与办理记录不符（记录为 {filed.login}）"
    state = own[-1].state_after
    if request.state != state:
        yield f"{request.number}：状态是“{_state(spec, request.state)}”，办理记录为“{_state(spec, state)}”"
    wrong = [name for name, value, made in _compared(request, own, spec) if value != made]
    if wrong:
        yield f"{request.number}：{'、'.join(wrong)}与办理记录不符"


def _compared(
    request: DataRequest, own: Sequence[RequestAct], spec: Requests
) -> Iterator[tuple[str, Any, Any]]:
    """What of a request is compared: its name, what it is, what the acts made of it."""
    last = own[-1]
    state = spec.state_index.get(last.state_after)
    closed = state is not None and state.final
    yield "办理结果", request.decision, last.act if closed else None
    yield "办结时间", request.closed_at, last.at if closed else None
    yield "待办", request.awaits, state.awaits.get(request.kind) if state else None
    yield "申请内容", request.content, asked_for(own)
    yield "答复理由", request.reasons, _reasons(own, spec)
    times = (request.received_at, request.clock_from, request.answered_at)
    yield "期限起止时间", times, _times(request.kind, own, spec)
    yield "延期", request.extended, any(_turn(row, spec) == "granted" for row in own)


def _times(
    kind: str, own: Iterable[RequestAct], spec: Requests
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """When a request reached the provider, since when its clock runs, when it was answered."""
    received = since = answered = None
    for row in own:
        deed = spec.act_index.get(row.act)
        turn = deed.clock if deed else "starts" if spec.kind_index[kind].clock else ""
        if turn == "starts":
            received = since = row.at
        elif turn == "pauses":
            since = None
        elif turn == "ends":
            answered = row.at
    return received, since, answered


def _turn(row: RequestAct, spec: Requests) -> str:
    deed = spec.act_index.get(row.act)
    return deed.extension if deed else ""


def _given(row: RequestAct) -> dict[str, Any]:
    return row.data if isinstance(row.data, dict) else {}


def asked_for(rows: Iterable[RequestAct]) -> dict[str, Any]:
    """What was asked for: as it was filed, then as it was supplemented."""
    found: dict[str, Any] = {}
    for row in rows:
        if row.act in ("file", "resubmit"):
            found |= _given(row)
    return found


def _reasons(rows: Iterable[RequestAct], spec: Requests) -> str:
    """What the other side reads as the answer: of the last act that gave reasons and is no extension."""
    said = ""
    for row in rows:
        deed = spec.act_index.get(row.act)
        if deed is not None and not deed.extension:
            said = row.note or str(_given(row).get("next", "")) or said
    return said


def _state(spec: Requests, key: str) -> str:
    return spec.state_index[key].zh if key in spec.state_index else key


# ---- grants -----------------------------------------------------------------------------------------------


def _grant(grant: ShareGrant, rows: Sequence[RequestAct], kept: _Kept, spec: Requests) -> Iterator[str]:
    """A grant against the agreements that made and prolonged it, and the acts on it since."""
    agreed = [row for row in rows if row.act in spec.act_index and spec.act_index[row.act].grants]
    if not agreed:
        yield f"{grant.number}：没有同意这项授权的行为"
        return
    stands = {
        "状态": (grant.state, grant.ended_why),
        "使用时限": grant.valid_until,
        "起始日": grant.valid_from,
        "信息项": grant.items,
        "共享方式": grant.pattern,
        "目录": grant.entry_id,
        "使用依据、场景或范围": {key: grant.content.get(key) for key in _ASKED},
        "提供": (grant.provided_at, grant.content.get("provided")),
        "整改期限": grant.rectify_by,
    }
    made = _terms(agreed, kept) | _course(rows, spec)
    wrong = [name for name, value in stands.items() if made[name] != value]
    if wrong:
        yield f"{grant.number}：{'、'.join(wrong)}与办理记录不符"


def _terms(agreed: Sequence[RequestAct], kept: _Kept) -> dict[str, Any]:
    """What the agreements granted: the first one made the grant, each later one prolonged it."""
    first, last = ({**asked_for(_of(row, kept)), **_given(row)} for row in (agreed[0], agreed[-1]))
    until = last.get("valid_until")
    return {
        "使用时限": _day(until),
        "起始日": local_day(agreed[0].at),
        "信息项": last.get("items"),
        "共享方式": first.get("mode"),
        "目录": kept.requests[agreed[0].request_id].entry_id,
        "使用依据、场景或范围": {key: first.get(key) for key in _ASKED},
    }


def _of(row: RequestAct, kept: _Kept) -> Iterator[RequestAct]:
    return (one for one in kept.acts if one.request_id == row.request_id)


def _day(text: Any) -> date | None:
    return parse_date(text) if isinstance(text, str) else None


def _course(rows: Iterable[RequestAct], spec: Requests) -> dict[str, Any]:
    """What became of a grant since it was made."""
    state: tuple[str, str | None] = (ACTIVE, None)
    provided: tuple[datetime | None, Any] = (None, None)
    rectify_by: date | None = None
    for row in rows:
        deed = spec.grant_act_index.get(row.act)
        if deed is None:
            continue
        state = (row.state_after, deed.ending or None if row.state_after == ENDED else None)
        if row.act == "provide":
            provided = (row.at, row.data)
        if "rectify_by" in deed.takes:
            rectify_by = _day(_given(row).get("rectify_by"))
        elif row.act == "resume":
            rectify_by = None
    return {"状态": state, "提供": provided, "整改期限": rectify_by}


# ---- disputes and records of use --------------------------------------------------------------------------


def _disputes(session: Session, kept: _Kept, acts: RequestActs) -> Iterator[str]:
    """A dispute against its acts, which name it on the record."""
    told: dict[str, list[tuple[datetime, str, str]]] = {}
    for (_subject, act, at, login), found in acts.acts.items():
        for said in found:
            if act.startswith(_PREFIX + _DISPUTE) and "dispute" in said:
                told.setdefault(said["dispute"], []).append((at, login, str(said["after"])))
    for dispute in _all(session, Dispute):
        known = told.pop(dispute.number, [])
        if not kept.is_open(dispute.request_id):
            continue
        if not known or known[0][:2] != (dispute.opened_at, dispute.raised_by):
            yield f"{dispute.number}：审计记录里没有 {dispute.raised_by} 提出这项争议的行为"
        elif (dispute.step_at, dispute.step) != (known[-1][0], known[-1][2]):
            yield f"{dispute.number}：所处环节与审计记录不符"
        elif (dispute.subject, dispute.outcome, dispute.document) != _said(dispute, kept):
            yield f"{dispute.number}：争议事项或处理结果与办理记录不符"
    for number in sorted(told):
        yield f"{number}：审计记录里有这项争议，在登记表里不见了"


def _said(dispute: Dispute, kept: _Kept) -> tuple[str, str, str]:
    """What a dispute is about, and its outcome with the document, as its acts say it."""
    of = [r for r in kept.acts if r.request_id == dispute.request_id and r.act.startswith(_DISPUTE)]
    own = [row for row in of if dispute.opened_at <= row.at <= dispute.step_at]
    outcome = [str(_given(own[-1]).get(key, "")) if own else "" for key in ("outcome", "document")]
    return own[0].note if own else "", outcome[0], outcome[1]


def _uses(session: Session, kept: _Kept, acts: RequestActs) -> Iterator[str]:
    left = dict(acts.uses)
    for row in _all(session, UsageRecord):
        known = left.pop(row.id, None)
        grant = kept.grants[row.grant_id]
        erased = (grant.number, _USAGE, row.at, row.recorded_by) in acts.erased
        if not kept.is_open(grant.request_id) or (known is None and erased):
            continue
        name = f"{grant.number}：使用记录 {row.id}"
        if known is None:
            yield f"{name}（{row.recorded_by}）在审计记录里没有"
            continue
        said = {"kind": row.kind, "digest": digest_of(row.content), "keep_until": str(row.keep_until)}
        same = all(known[3].get(key) == value for key, value in said.items())
        if not same or known[:3] != (grant.number, row.recorded_by, row.at):
            yield f"{name} 与审计记录不符"
    for key, (subject, actor, *_rest) in sorted(left.items()):
        yield f"{subject}：审计记录里 {actor} 登记的使用记录 {key} 在登记表里不见了"
