"""How a request begins: who asks for whom, what is kept of it, its number; what is open already is answered at once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from catalog_specs import load
from catalog_specs.law_requests import RequestKind
from registry import audit
from registry.answering import RequestDone, answer_at_once, case_of, done_of, known_grant
from registry.entries import hold_register
from registry.errors import NotFound, Rejected
from registry.keys import new_key
from registry.lookup import find_entry
from registry.models import Agency, DataRequest
from registry.people import find_agency, local_day
from registry.permits import Actor, Held, Target, demand, holding, roles_of, sight
from registry.request_acts import (
    Matter,
    Written,
    around,
    demand_any,
    fit_note,
    given_of,
    hold_entry,
    next_number,
    record_acts,
    refuse_if,
    side_target,
    write_act,
)
from validators.requesting import (
    chosen_items,
    fitted,
    missing_to_file,
)


def file_request(
    session: Session,
    entry: str,
    kind: str,
    *,
    data: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    note: str = "",
    requester: str | None = None,
    applicant: Mapping[str, Any] | None = None,
) -> RequestDone:
    """File a share request, a correction request or, for an applicant, an open data request; see requests.yaml.

    ``entry`` is a code or key, ``requester`` the asking agency (only needed by a steward of several). What is open
    already is answered at once by the machine. Source: S1 2, 14, 15, 20, 26, 43; S9.

    Raises:
        NotFound: no such kind, or no such entry is seen. Gone: the entry is retired.
        NotAllowed: a role is missing. RequestRefused: everything that is missing or not allowed is named.
    """
    spec = _kind(kind)
    found = find_entry(session, entry, sight=sight(actor, roles_of(load())))
    hold_register(session)
    held_entry = hold_entry(session, found.entry.id)
    provider = session.get_one(Agency, held_entry.agency_id)
    held, asking = _filer(session, spec, provider, requester, actor, now)
    said, wrong = fit_note(note, load(found.version.profile))
    request = _new(held_entry.id, spec, provider, asking, actor=actor, now=now)
    if applicant is not None:
        request.applicant = fitted(given_of(applicant), load().requests.applicant.fields)
    matter = around(session, request, held_entry)
    request.content = _content(session, matter, given_of(data), now=now)
    refuse_if(f"{spec.zh}", (*wrong, *missing_to_file(case_of(session, matter, request.content, now=now))))
    request.entry_number = held_entry.in_force or held_entry.newest
    request.number = next_number(session, DataRequest, spec.number, now=now)
    _begin(matter, spec, now=now)
    session.add(request)
    session.flush()
    shown = Written("file", actor, held, said, _plain(request), now)
    acts = [write_act(session, request, shown, ("", request.state))]
    answered: list[audit.Act] = []
    if spec.machine_open_types:
        _grant, answered = answer_at_once(session, matter, now=now)
    record_acts(session, actor, acts, answered, now=now)
    return done_of(matter, "file", "", None, machine=bool(answered), now=now)


def _kind(key: str) -> RequestKind:
    kinds = load().requests.kind_index
    if key not in kinds:
        raise NotFound(
            f"没有“{key}”这种申请；可用：{'、'.join(f'{k.key}（{k.zh}）' for k in kinds.values())}"
        )
    return kinds[key]


def _new(
    entry_id: str, spec: RequestKind, provider: Agency, asking: Agency | None, *, actor: Actor, now: datetime
) -> DataRequest:
    return DataRequest(
        id=new_key("u"),
        number="",
        kind=spec.key,
        entry_id=entry_id,
        entry_number=1,
        agency_id=provider.id,
        requester_id=asking.id if asking else None,
        applicant=None,
        content={},
        state=spec.first,
        filed_by=actor.login,
        filed_at=now,
        lock=1,
    )


def _filer(
    session: Session, spec: RequestKind, provider: Agency, requester: str | None, actor: Actor, now: datetime
) -> tuple[Held, Agency | None]:
    """The role in which a request is filed, and the agency that asks; None for the authority and for applicants."""
    specs, roles = load(), roles_of(load())
    if spec.side == "provider":
        return demand_any(actor, spec.filed_by, side_target("provider", provider, None), specs), None
    held = [h for name in spec.filed_by for h in holding(actor, name, roles) if h.agency_id]
    if not held and spec.authority_by:
        return demand_any(actor, spec.authority_by, side_target("authority", provider, None), specs), None
    if requester is not None:
        agency = find_agency(session, requester, today=local_day(now))
        return demand_any(actor, spec.filed_by, Target(agency.id, agency.region), specs), agency
    if not held:
        return demand(actor, spec.filed_by[0], roles), None
    others = {h.agency_id: h for h in held if h.agency_id != provider.id} or {h.agency_id: h for h in held}
    if len(others) > 1:
        raise Rejected("您是多个单位的数据专员；请写明为哪个单位提出（requester）")
    ((agency_id, chosen),) = others.items()
    return chosen, session.get_one(Agency, agency_id)


def _content(session: Session, matter: Matter, data: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """What is asked for as it is kept: a share request names its items, so that later versions add none."""
    spec = matter.specs.requests.kind_index[matter.request.kind]
    found = fitted(data, spec.fields)
    if spec.key != "share":
        return found
    known = known_grant(session, matter, found, today=local_day(now))
    if known is not None:
        found = {"mode": known.mode, "items": list(known.items)} | found
    if matter.content is not None and "items" not in found:
        found["items"] = chosen_items(found, matter.content)
    return found


def _begin(matter: Matter, spec: RequestKind, *, now: datetime) -> None:
    """The first state of a request; one that needs no consent has reached the provider."""
    request = matter.request
    request.awaits = matter.specs.requests.state_index[request.state].awaits.get(request.kind)
    request.awaits_since = now
    if spec.clock:
        request.clock, request.clock_from, request.received_at = matter.clock(), now, now


def _plain(request: DataRequest) -> dict[str, Any]:
    """What was asked for, without who applied: that stands in one place only."""
    return dict(request.content)
