"""The deeds on grants: provided, suspended for misuse and put right, resumed, ended by a side, expired by themselves.

Source: S1 22, 27; requests.yaml (``grant_acts``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_requests import GrantDeed
from registry import audit
from registry.answering import why_over
from registry.errors import Conflict, MuluError, NotFound
from registry.granted import Granted, load_grant
from registry.grants import ENDED, is_past
from registry.models import DataRequest, RequestAct, ShareGrant
from registry.people import local, local_day
from registry.permits import Actor, Held
from registry.request_acts import (
    Written,
    check_lock,
    check_never,
    demand_any,
    fit_note,
    given_of,
    record_acts,
    refuse_if,
    side_target,
    write_act,
    wrong_state,
)
from registry.requests import Option
from validators.requesting import Unmet, fitted, missing_of_act, missing_to_provide, refusal

EXPIRE = "expire"
_ANEW = {"populate_existing": True}


@dataclass(frozen=True, slots=True)
class GrantDone:
    """What came of an act on a grant."""

    number: str
    act: str
    before: str
    after: str
    ended_why: str | None
    lock: int


def act_on_grant(
    session: Session,
    number: str,
    act: str,
    *,
    actor: Actor,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    note: str = "",
    lock: int | None = None,
) -> GrantDone:
    """Make one act of requests.yaml on a grant. ``data`` is what it takes, ``note`` the reasons.

    Source: S1 22 (provision), 27 (suspended, put right, ended; no end without reason, consultation and filing).

    Raises:
        NotFound: no such grant is seen, or no such act. NotAllowed: a role is missing.
        Stale: it has changed since ``lock``. Conflict: its state does not allow the act, or it was done already.
        RequestRefused: it is past its last day, or something is missing; all of it is named.
    """
    one = load_grant(session, number, actor=actor, hold=True)
    deed = _deed(act)
    held = _standing(session, one, deed, actor)
    check_lock(lock, one.grant.lock, one.grant.number)
    _check_state(session, one, deed, now)
    given, said = _checked(one, deed, data, note, now)
    before = one.grant.state
    _apply(one.grant, deed, given, now)
    event = write_act(
        session,
        one.matter.request,
        Written(deed.key, actor, held, said, given, now),
        (before, one.grant.state),
        one.grant,
    )
    record_acts(session, actor, [event], [], now=now)
    return GrantDone(one.grant.number, deed.key, before, one.grant.state, one.grant.ended_why, one.grant.lock)


def _deed(act: str) -> GrantDeed:
    acts = {row.key: row for row in load().requests.grant_acts if row.side != "machine"}
    if act not in acts:
        listed = "、".join(f"{row.key}（{row.zh}）" for row in acts.values())
        raise NotFound(f"授权没有“{act}”这个环节；可用：{listed}")
    return acts[act]


def _standing(session: Session, one: Granted, deed: GrantDeed, actor: Actor) -> Held:
    target = side_target(deed.side, one.matter.provider, one.user)
    held = demand_any(actor, deed.by, target, one.matter.specs)
    check_never(session, deed, one.matter.request, actor, one.user.id)
    return held


def _check_state(session: Session, one: Granted, deed: GrantDeed, now: datetime) -> None:
    """Past its last day a grant is neither provided nor resumed, also before the machine ended it (S1 20)."""
    grant, specs, today = one.grant, one.matter.specs, local_day(now)
    if deed.running and (is_past(grant, today) or grant.ended_why == "expired"):
        state = why_over(grant, specs, today)
        refuse_if(deed.zh, [refusal(specs, "grant_over", number=grant.number, state=state)])
    if grant.state not in deed.starts:
        query = select(RequestAct).where(col(RequestAct.grant_id) == grant.id)
        raise wrong_state(
            session, deed.zh, specs.requests.grant_zh(grant.state, grant.ended_why), grant.number, query
        )
    if deed.key == "provide" and grant.provided_at is not None:
        raise Conflict(f"{grant.number} 已于 {local(grant.provided_at):%Y-%m-%d %H:%M} 提供，不必再办")


def _checked(
    one: Granted, deed: GrantDeed, data: Mapping[str, Any] | None, note: str, now: datetime
) -> tuple[dict[str, Any], str]:
    specs = one.matter.specs
    fields = [specs.requests.taken_index[key] for key in deed.takes]
    given = fitted(given_of(data), fields)
    said, wrong = fit_note(note, specs)
    unmet: list[Unmet] = [*wrong, *missing_of_act(fields, deed.asks, given, specs, local_day(now))]
    if deed.reasons and not said:
        unmet.append(refusal(specs, "reasons_missing"))
    if deed.checks:
        unmet += missing_to_provide(one.matter.content, one.grant.items, specs)
    refuse_if(deed.zh, unmet)
    return given, said


def _apply(grant: ShareGrant, deed: GrantDeed, given: Mapping[str, Any], now: datetime) -> None:
    match deed.key:
        case "provide":
            grant.provided_at = now
            grant.content = {**grant.content, "provided": dict(given)}
        case "suspend":
            grant.suspended_at, grant.rectified_at = now, None
            grant.rectify_by = date.fromisoformat(given["rectify_by"])
        case "rectify":
            grant.rectified_at = now
        case "resume":
            grant.suspended_at = grant.rectified_at = grant.rectify_by = None
    grant.state = deed.to
    if deed.ending:
        grant.ended_at, grant.ended_why = now, deed.ending
    grant.lock += 1


def grant_options(session: Session, number: str, *, actor: Actor, now: datetime) -> tuple[Option, ...]:
    """The acts that someone may make of a grant now, by the same rules as the act.

    Raises:
        NotFound: no such grant is seen.
    """
    one = load_grant(session, number, actor=actor)
    return tuple(
        Option(deed.key, deed.zh, deed.takes, deed.asks, deed.reasons)
        for deed in load().requests.grant_acts
        if deed.side != "machine" and _offered(session, one, deed, actor, now)
    )


def _offered(session: Session, one: Granted, deed: GrantDeed, actor: Actor, now: datetime) -> bool:
    try:
        _standing(session, one, deed, actor)
        _check_state(session, one, deed, now)
    except MuluError:
        return False
    return True


# ---- the end by itself ------------------------------------------------------------------------------------


def expire_grants(session: Session, *, now: datetime, limit: int = 500) -> int:
    """End at most ``limit`` grants whose last day is over; gives how many. Done again it finds no more: a recurring
    job calls it, each time in a transaction of its own, until it gives 0.

    A grant that somebody else holds just now is left for the next time. Source: S1 20.
    """
    query = (
        select(ShareGrant)
        .where(col(ShareGrant.state) != ENDED, col(ShareGrant.valid_until) < local_day(now))
        .order_by(col(ShareGrant.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = list(session.execute(query, execution_options=_ANEW).scalars())
    ids = {grant.request_id for grant in found}
    asked = select(DataRequest).where(col(DataRequest.id).in_(ids))
    requests = {request.id: request for request in session.execute(asked).scalars()}
    events = [_expire(session, grant, requests[grant.request_id], now) for grant in found]
    session.flush()
    audit.record(session, events, actor=load().requests.machine.login, now=now)
    return len(found)


def _expire(session: Session, grant: ShareGrant, request: DataRequest, now: datetime) -> audit.Act:
    deed, before = load().requests.grant_act_index[EXPIRE], grant.state
    _apply(grant, deed, {}, now)
    done = Written(deed.key, None, None, "", {"valid_until": str(grant.valid_until)}, now)
    return write_act(session, request, done, (before, grant.state), grant)
