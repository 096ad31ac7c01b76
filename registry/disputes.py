"""Disputes about sharing: negotiated by the two sides, coordinated by the authority, decided by the government.

Source: S1 28; responsibility.yaml (``dispute_path``), requests.yaml (``dispute_acts``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law_release import Responsibility
from catalog_specs.law_requests import DisputeDeed
from registry.errors import Conflict, NotAllowed, NotFound
from registry.grants import grant_named
from registry.keys import new_key
from registry.lookup import askable
from registry.models import Agency, Dispute, ShareGrant
from registry.people import local, local_day
from registry.permits import Actor, Held, Target
from registry.request_acts import (
    Matter,
    Written,
    check_lock,
    demand_any,
    fit_note,
    given_of,
    load_matter,
    next_number,
    record_acts,
    refuse_if,
    sees,
    unseen,
    write_act,
)
from registry.request_terms import RequestTerms
from registry.requests import Option
from validators.requesting import Unmet, fitted, missing_of_act, refusal


def open_dispute(session: Session, number: str, *, subject: str, actor: Actor, now: datetime) -> Dispute:
    """Open a dispute on a refused or late request, an answered correction, or a grant; it begins with negotiation.

    Source: S1 28.

    Raises:
        NotFound: no such request or grant is seen. NotAllowed: he is of neither side, or lacks the role.
        RequestRefused: there is nothing to dispute, it is under dispute already, or the subject is missing.
    """
    grant = grant_named(session, askable(number.strip()))
    matter = load_matter(session, grant.request_id if grant else number, hold=True)
    if not sees(actor, matter.provider, matter.request.requester_id, matter.specs):
        raise unseen(number)
    spec = matter.specs.requests
    held, raiser = _party(matter, spec.dispute_raised_by, actor)
    said, wrong = fit_note(subject, matter.specs)
    unmet = [*wrong, *_not_disputable(session, matter, now, on_grant=grant is not None)]
    unmet += [] if said else [refusal(matter.specs, "reasons_missing")]
    refuse_if("提出争议", unmet)
    dispute = Dispute(
        id=new_key("z"),
        number=next_number(session, Dispute, spec.dispute_number, now=now),
        request_id=matter.request.id,
        grant_id=grant.id if grant else None,
        raised_by=actor.login,
        raiser_id=raiser.id,
        subject=said,
        step=_first_step(matter.specs),
        opened_at=now,
        step_at=now,
        lock=1,
    )
    session.add(dispute)
    session.flush()
    _written(session, matter, grant, dispute, Written("file", actor, held, said, {}, now), "")
    return dispute


def may_dispute(
    session: Session, number: str, *, actor: Actor, now: datetime, on_grant: bool = False
) -> bool:
    """Whether someone may open a dispute on a request, or on a grant of it, by the same rules as the deed.

    Raises:
        NotFound: there is no such request.
    """
    matter = load_matter(session, number)
    try:
        _party(matter, matter.specs.requests.dispute_raised_by, actor)
    except NotAllowed:
        return False
    return not _not_disputable(session, matter, now, on_grant=on_grant)


def dispute_options(session: Session, dispute: Dispute, *, actor: Actor) -> tuple[Option, ...]:
    """The acts that someone may make of a dispute now, by the same rules as the act."""
    matter = load_matter(session, dispute.request_id)
    return tuple(
        Option(deed.key, deed.zh, deed.asks, deed.asks, deed.reasons)
        for deed in matter.specs.requests.dispute_acts
        if deed.begins == dispute.step and _may_act(matter, dispute, deed, actor)
    )


def _may_act(matter: Matter, dispute: Dispute, deed: DisputeDeed, actor: Actor) -> bool:
    try:
        _standing(matter, dispute, deed, actor)
    except NotAllowed:
        return False
    return True


def _first_step(specs: Specs) -> str:
    return specs.document("responsibility", Responsibility).dispute_path[0].key


def _party(matter: Matter, names: Sequence[str], actor: Actor) -> tuple[Held, Agency]:
    """The role and the agency for which someone speaks: the asking one's before the provider's."""
    refused: NotAllowed | None = None
    for agency in (matter.requester, matter.provider):
        if agency is None:
            continue
        try:
            return demand_any(actor, names, Target(agency.id, agency.region), matter.specs), agency
        except NotAllowed as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _not_disputable(session: Session, matter: Matter, now: datetime, *, on_grant: bool) -> list[Unmet]:
    request, specs = matter.request, matter.specs
    found = []
    late = RequestTerms(specs, now).term(request.clock, request.clock_from, extended=request.extended).overdue
    open_to = request.state in specs.requests.dispute_states and request.requester_id is not None
    if not on_grant and not (open_to and (request.closed_at is not None or late)):
        state = specs.requests.state_index[request.state].zh
        found.append(refusal(specs, "not_disputable", state=state))
    query = select(col(Dispute.number)).where(
        col(Dispute.request_id) == request.id, col(Dispute.closed_at).is_(None)
    )
    known = session.execute(query.limit(1)).scalar()
    if known is not None:
        found.append(refusal(specs, "disputed", number=known))
    return found


def act_on_dispute(
    session: Session,
    number: str,
    act: str,
    *,
    actor: Actor,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    note: str = "",
    lock: int | None = None,
) -> Dispute:
    """Take a dispute a step further, or close it with its outcome. ``data``: outcome, document, as the act asks.

    Source: S1 28.

    Raises:
        NotFound: no such dispute is seen, or no such act. NotAllowed: a role is missing, or the other side raised it.
        Stale: it has changed since ``lock``. Conflict: it is at another step, or closed.
        RequestRefused: the outcome, its document or the reasons are missing.
    """
    found = find_dispute(session, number)
    matter = load_matter(session, found.request_id, hold=True)
    if not sees(actor, matter.provider, matter.request.requester_id, matter.specs):
        raise unseen(number)
    again = select(Dispute).where(col(Dispute.id) == found.id).with_for_update()
    dispute = session.execute(again, execution_options={"populate_existing": True}).scalar_one()
    deed = _deed(act, matter.specs)
    held = _standing(matter, dispute, deed, actor)
    check_lock(lock, dispute.lock, dispute.number)
    if dispute.step != deed.begins:
        at = local(dispute.closed_at or dispute.step_at)
        now_zh = step_zh(dispute.step, matter.specs)
        raise Conflict(f"{dispute.number} 自 {at:%Y-%m-%d %H:%M} 起是“{now_zh}”，不能办理“{deed.zh}”")
    given, said = _checked(matter, deed, data, note, now)
    before = dispute.step
    _advance(dispute, deed, given, matter.specs, now)
    grant = session.get_one(ShareGrant, dispute.grant_id) if dispute.grant_id else None
    _written(session, matter, grant, dispute, Written(deed.key, actor, held, said, given, now), before)
    return dispute


def find_dispute(session: Session, number: str) -> Dispute:
    """A dispute by its number or key.

    Raises:
        NotFound: there is none.
    """
    asked = askable(number.strip())
    query = select(Dispute).where((col(Dispute.number) == asked) | (col(Dispute.id) == asked))
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(f"没有编号为“{number.strip()[:64]}”的争议，或您看不到它")
    return found


def step_zh(step: str, specs: Specs) -> str:
    """What a step is called."""
    path = {row.key: row.zh for row in specs.document("responsibility", Responsibility).dispute_path}
    closed = specs.requests.dispute_closed
    return path.get(step) or (closed.zh if step == closed.key else step)


def _deed(act: str, specs: Specs) -> DisputeDeed:
    acts = specs.requests.dispute_act_index
    if act not in acts:
        raise NotFound(
            f"争议没有“{act}”这个环节；可用：{'、'.join(f'{k}（{row.zh}）' for k, row in acts.items())}"
        )
    return acts[act]


def _standing(matter: Matter, dispute: Dispute, deed: DisputeDeed, actor: Actor) -> Held:
    if deed.side == "authority":
        provider = matter.provider
        return demand_any(actor, deed.by, Target(provider.id, provider.region), matter.specs)
    held, agency = _party(matter, deed.by, actor)
    if deed.side == "raiser" and agency.id != dispute.raiser_id:
        raise NotAllowed(f"{dispute.number} 由对方提出，“{deed.zh}”须由对方登记", reason="side")
    return held


def _checked(
    matter: Matter, deed: DisputeDeed, data: Mapping[str, Any] | None, note: str, now: datetime
) -> tuple[dict[str, Any], str]:
    specs = matter.specs
    fields = [specs.requests.taken_index[key] for key in deed.asks]
    given = fitted(given_of(data), fields)
    said, wrong = fit_note(note, specs)
    unmet = [*wrong, *missing_of_act(fields, deed.asks, given, specs, local_day(now))]
    if deed.reasons and not said:
        unmet.append(refusal(specs, "reasons_missing"))
    refuse_if(deed.zh, unmet)
    return given, said


def _advance(
    dispute: Dispute, deed: DisputeDeed, given: Mapping[str, Any], specs: Specs, now: datetime
) -> None:
    if deed.to == specs.requests.dispute_closed.key:
        dispute.settled_at, dispute.closed_at = dispute.step, now
    dispute.step, dispute.step_at = deed.to, now
    dispute.outcome = str(given.get("outcome", dispute.outcome))
    dispute.document = str(given.get("document", dispute.document))
    dispute.lock += 1


def _written(
    session: Session,
    matter: Matter,
    grant: ShareGrant | None,
    dispute: Dispute,
    done: Written,
    before: str,
) -> None:
    shown = Written(f"dispute_{done.act}", done.actor, done.held, done.note, done.data, done.now)
    event = write_act(session, matter.request, shown, (before, dispute.step), grant)
    details = {**event.details, "dispute": dispute.number}
    assert done.actor is not None
    record_acts(session, done.actor, [replace(event, details=details)], [], now=done.now)


def disputes_of(session: Session, request_id: str) -> list[Dispute]:
    """The disputes about a request or its grant, the oldest first."""
    query = select(Dispute).where(col(Dispute.request_id) == request_id)
    return list(session.execute(query.order_by(col(Dispute.opened_at), col(Dispute.id))).scalars())
