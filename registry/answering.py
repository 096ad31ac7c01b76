"""What an answer brings about: a grant, a grant prolonged, and the answers that the machine gives at once.

Source: S1 20-22; domain §12 R18.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law_release import Responsibility
from registry import audit
from registry.errors import NotFound
from registry.grants import ACTIVE, ENDED, is_past, uses_entry
from registry.keys import new_key
from registry.models import Distribution, ShareGrant
from registry.people import local_day
from registry.request_acts import NOTE_LENGTH, Matter, Written, next_number, write_act
from registry.request_terms import RequestTerms
from registry.subjects import SHELVED
from validators.fields import is_blank
from validators.requesting import Asker, GrantKnown, RequestCase

_OPENED_SETS = ("opened", "shared_or_opened")


def case_of(session: Session, matter: Matter, data: Mapping[str, Any], *, now: datetime) -> RequestCase:
    """The question whether a request may be filed or go on, as the entry and the grant are today."""
    request, requester = matter.request, matter.requester
    own = requester is not None and requester.id == matter.provider.id
    unconditional = (matter.content or {}).get("share_type") == "1"
    return RequestCase(
        kind=request.kind,
        data=data,
        content=matter.content,
        specs=matter.specs,
        today=local_day(now),
        asker=Asker(requester.name, requester.kind, own) if requester else None,
        applicant=request.applicant,
        uses=requester is None or unconditional or uses_entry(session, matter.entry.id, requester.id),
        prolongs=known_grant(session, matter, data, today=local_day(now)),
    )


@dataclass(frozen=True, slots=True)
class RequestDone:
    """What came of an act on a request. ``due`` is the last day of the answer, None where no clock runs."""

    number: str
    kind: str
    act: str
    before: str
    after: str
    awaits: str | None
    due: date | None
    grant: str | None
    lock: int
    answered_by_machine: bool = False


def done_of(
    matter: Matter, act: str, before: str, grant: ShareGrant | None, *, machine: bool, now: datetime
) -> RequestDone:
    """What is told of an act that was made."""
    request = matter.request
    running = request.closed_at is None
    term = RequestTerms(matter.specs, now).term(
        request.clock if running else None, request.clock_from, extended=request.extended
    )
    return RequestDone(
        number=request.number,
        kind=request.kind,
        act=act,
        before=before,
        after=request.state,
        awaits=request.awaits,
        due=term.due,
        grant=grant.number if grant else None,
        lock=request.lock,
        answered_by_machine=machine,
    )


# ---- grants -----------------------------------------------------------------------------------------------


def known_grant(
    session: Session, matter: Matter, data: Mapping[str, Any], *, today: date
) -> GrantKnown | None:
    """The grant that a request wants prolonged; None when it names none of the agency's own for this entry."""
    grant = prolonged(session, matter, data)
    if grant is None:
        return None
    return GrantKnown(
        grant.number,
        grant.pattern,
        tuple(grant.items),
        grant.valid_until,
        why_over(grant, matter.specs, today),
    )


def prolonged(
    session: Session, matter: Matter, data: Mapping[str, Any], *, hold: bool = False
) -> ShareGrant | None:
    """The row of the grant that a request wants prolonged."""
    number = data.get("extends")
    if not isinstance(number, str) or is_blank(number):
        return None
    query = select(ShareGrant).where(
        col(ShareGrant.number) == number,
        col(ShareGrant.entry_id) == matter.entry.id,
        col(ShareGrant.requester_id) == (matter.requester.id if matter.requester else None),
    )
    if hold:
        query = query.with_for_update()
    return session.execute(query, execution_options={"populate_existing": True}).scalar_one_or_none()


def why_over(grant: ShareGrant, specs: Specs, today: date) -> str:
    """Why a grant cannot be used today, in words; empty while it can."""
    spec = specs.requests
    if grant.state == ENDED:
        return spec.grant_zh(grant.state, grant.ended_why)
    if is_past(grant, today):
        return f"{spec.grant_zh(ENDED, 'expired')}（{grant.valid_until}）"
    return "" if grant.state == ACTIVE else spec.grant_zh(grant.state)


def grant_of(
    session: Session, matter: Matter, given: Mapping[str, Any], *, now: datetime
) -> tuple[ShareGrant, bool]:
    """The grant that an agreement makes, or prolongs (then True). ``given`` may narrow items and period."""
    asked = {**matter.request.content, **given}
    until = date.fromisoformat(asked["valid_until"]) if asked.get("valid_until") else None
    grant = prolonged(session, matter, asked, hold=True)
    if grant is not None:
        grant.items, grant.valid_until = list(asked["items"]), until
        grant.lock += 1
        return grant, True
    if matter.requester is None:
        raise NotFound("申请没有需求部门，不能产生授权")
    grant = ShareGrant(
        id=new_key("s"),
        number=next_number(session, ShareGrant, matter.specs.requests.grant_number, now=now),
        request_id=matter.request.id,
        entry_id=matter.entry.id,
        agency_id=matter.provider.id,
        requester_id=matter.requester.id,
        pattern=asked["mode"],
        items=list(asked["items"]),
        content={key: asked[key] for key in ("basis", "scene", "scope")} | {"version": matter.entry.in_force},
        valid_from=local_day(now),
        valid_until=until,
        state=ACTIVE,
        created_at=now,
        lock=1,
    )
    session.add(grant)
    session.flush()
    return grant, False


def agreed(
    session: Session, matter: Matter, done: Written, states: tuple[str, str]
) -> tuple[ShareGrant, list[audit.Act]]:
    """Write an agreement and what comes of it: a grant, or one prolonged. Gives it, and the events."""
    grant, again = grant_of(session, matter, done.data, now=done.now)
    acts = [write_act(session, matter.request, done, states, grant)]
    if again:
        data = {"request": matter.request.number, "valid_until": str(grant.valid_until or "")}
        prolonging = Written("prolong", done.actor, done.held, "", data, done.now)
        acts.append(write_act(session, matter.request, prolonging, (grant.state, grant.state), grant))
    return grant, acts


# ---- the machine ------------------------------------------------------------------------------------------


def answer_at_once(
    session: Session, matter: Matter, *, now: datetime
) -> tuple[ShareGrant | None, list[audit.Act]]:
    """The machine's answer, where the law leaves nothing to decide: shared without conditions, or open already.

    Gives the grant that came of it, and the events; none where people must answer.
    """
    kind, content = matter.specs.requests.kind_index[matter.request.kind], matter.content or {}
    if content.get("share_type") in kind.machine_share_types:
        return _share(session, matter, now=now)
    if content.get("open_type") in kind.machine_open_types:
        return None, _tell_where(session, matter, now=now)
    return None, []


def _share(session: Session, matter: Matter, *, now: datetime) -> tuple[ShareGrant, list[audit.Act]]:
    before = matter.request.state
    settle(matter, "agree", now=now)
    return agreed(session, matter, Written("agree", None, None, "", {}, now), (before, matter.request.state))


def _tell_where(session: Session, matter: Matter, *, now: datetime) -> list[audit.Act]:
    """What is on the open shelf already is told at once (S9: 能够当场答复的当场答复)."""
    query = select(Distribution).where(
        col(Distribution.entry_id) == matter.entry.id,
        col(Distribution.state) == SHELVED,
        col(Distribution.opened).is_(True),
    )
    found = list(session.execute(query.order_by(col(Distribution.id))).scalars())
    if not found:
        return []
    said = matter.specs.requests.machine.opened_zh.format(
        platform=_platform(matter.specs), names="、".join(made.name for made in found)
    )
    data = {"next": said, "distributions": [made.id for made in found]}
    before = matter.request.state
    settle(matter, "open", now=now, reasons=said)
    done = Written("open", None, None, "", data, now)
    return [write_act(session, matter.request, done, (before, matter.request.state))]


def _platform(specs: Specs) -> str:
    lists = specs.document("responsibility", Responsibility).lists
    ours = [row for row in lists if row.profile in ("", specs.profile.key) and row.rows in _OPENED_SETS]
    return next((row.platform for row in ours if row.platform), "")


def settle(matter: Matter, act: str, *, now: datetime, reasons: str = "") -> None:
    """Bring a request to where an act leads, with what is next; its clock starts, pauses or ends as the act says."""
    spec, request = matter.specs.requests, matter.request
    deed = spec.act_index[act]
    request.state = deed.to
    state = spec.state_index[deed.to]
    awaited = state.awaits.get(request.kind)
    if awaited != request.awaits:
        request.awaits, request.awaits_since = awaited, now if awaited else None
    if reasons:
        request.reasons = reasons[:NOTE_LENGTH]
    _turn_clock(matter, deed.clock, now=now)
    if state.final:
        request.closed_at, request.extension_asked_at = now, None
        request.decision = deed.key
    request.lock += 1


def _turn_clock(matter: Matter, turn: str, *, now: datetime) -> None:
    request = matter.request
    match turn:
        case "starts":
            request.clock, request.clock_from, request.received_at = matter.clock(), now, now
        case "pauses":
            # the material is not complete: the period runs anew when it has come
            request.clock, request.clock_from, request.extension_asked_at = None, None, None
        case "ends":
            request.answered_at = now
