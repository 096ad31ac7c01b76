"""The one door of requests: filed, consented to, answered, extended, corrected, withdrawn; an applicant erased.

Every act is one transaction, the caller's: looked at anew, refused with everything that is missing, written with
who did it, recorded. Source: S1 20-22, 26; S9; domain §12 R14, R18; requests.yaml.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_requests import RequestDeed
from registry import audit
from registry.answering import RequestDone, agreed, answer_at_once, case_of, done_of, settle
from registry.errors import Conflict, MuluError, NotFound
from registry.filing import file_request
from registry.models import DataRequest, RequestAct, Version
from registry.people import local_day
from registry.permits import Actor, Held, demand, roles_of
from registry.request_acts import (
    Matter,
    Written,
    check_lock,
    check_never,
    demand_any,
    fit_note,
    given_of,
    load_matter,
    permissions_of,
    record_acts,
    refuse_if,
    sees,
    side_target,
    unseen,
    write_act,
    wrong_state,
)
from registry.request_terms import RequestTerms
from validators.requesting import (
    Unmet,
    beyond,
    fitted,
    missing_of_act,
    missing_still,
    missing_to_file,
    refusal,
)

__all__ = ["Option", "RequestDone", "act_on_request", "erase_applicant", "file_request", "request_options"]


class Option(NamedTuple):
    """An act that is offered to someone, with what it takes and what of that it must be given."""

    act: str
    zh: str
    takes: tuple[str, ...]
    asks: tuple[str, ...]
    reasons: bool


def act_on_request(
    session: Session,
    number: str,
    act: str,
    *,
    actor: Actor,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    note: str = "",
    lock: int | None = None,
) -> RequestDone:
    """Make one act of requests.yaml on a request; consent to an unconditional one is answered by the machine at once.

    ``data`` is what the act takes, ``note`` the reasons, ``lock`` the one that the asker saw.
    Source: S1 20-22, 26; S9.

    Raises:
        NotFound: no such request is seen, or no such act of its kind. NotAllowed: a role is missing, or he is of the
        other side or filed it himself. Stale: it has changed since ``lock``. Conflict: its state does not allow the
        act; the message says who acted and when. RequestRefused: everything that is missing is named.
    """
    matter = load_matter(session, number, hold=True)
    request = matter.request
    if not sees(actor, matter.provider, request.requester_id, matter.specs):
        raise unseen(number)
    deed = _deed(request.kind, act, matter.specs)
    held = _standing(session, matter, deed, actor)
    check_lock(lock, request.lock, request.number)
    if request.state not in deed.starts:
        query = select(RequestAct).where(col(RequestAct.request_id) == request.id)
        raise wrong_state(
            session, deed.zh, matter.specs.requests.state_index[request.state].zh, request.number, query
        )
    given, said = _checked(session, matter, deed, data, note, now)
    return _write(session, matter, deed, Written(deed.key, actor, held, said, given, now))


def _deed(kind: str, act: str, specs: Specs) -> RequestDeed:
    acts = {row.key: row for row in specs.requests.acts if kind in row.kinds}
    if act not in acts:
        listed = "、".join(f"{row.key}（{row.zh}）" for row in acts.values())
        raise NotFound(f"{specs.requests.kind_index[kind].zh}没有“{act}”这个环节；可用：{listed}")
    return acts[act]


def _standing(session: Session, matter: Matter, deed: RequestDeed, actor: Actor) -> Held:
    names = permissions_of(deed, matter)
    if not names or not names[0]:
        refuse_if(deed.zh, [refusal(matter.specs, "no_clock")])
    target = side_target(deed.side, matter.provider, matter.requester)
    held = demand_any(actor, names, target, matter.specs)
    check_never(session, deed, matter.request, actor, matter.request.requester_id)
    return held


def _checked(
    session: Session,
    matter: Matter,
    deed: RequestDeed,
    data: Mapping[str, Any] | None,
    note: str,
    now: datetime,
) -> tuple[dict[str, Any], str]:
    """What the act was given, fitted and whole; refused with all that is missing."""
    specs, request = matter.specs, matter.request
    fields = [specs.requests.taken_index[key] for key in deed.takes]
    given = _filled(matter, deed, fitted(given_of(data), fields))
    said, wrong = fit_note(note, specs)
    unmet = [*wrong, *missing_of_act(fields, deed.asks, given, specs, local_day(now))]
    unmet += _of_extension(matter, deed, now)
    if deed.reasons and not said:
        unmet.append(refusal(specs, "reasons_missing"))
    if deed.clock == "pauses" and request.supplemented:
        unmet.append(refusal(specs, "supplemented"))
    if deed.grants:
        unmet += beyond(given, request.content, request.content.get("items", ()), specs)
    number = given.get("version")
    told = any(one.field == "version" for one in unmet)
    if number is not None and not told and session.get(Version, (matter.entry.id, number)) is None:
        unmet.append(refusal(specs, "version_unknown", "version", version=number))
    if deed.checks:
        changed = {**request.content, **given}
        case = case_of(session, matter, changed, now=now)
        unmet += missing_to_file(case) if deed.key == "resubmit" else missing_still(case)
    refuse_if(deed.zh, unmet)
    return given, said


def _filled(matter: Matter, deed: RequestDeed, given: dict[str, Any]) -> dict[str, Any]:
    """A refusal to open rests on the reason that the entry gives, unless it gives another."""
    reason = (matter.content or {}).get("non_open_reason")
    if deed.key == "refuse_open" and "basis" not in given and isinstance(reason, str) and reason.strip():
        return {**given, "basis": reason.strip()[: matter.specs.requests.taken_index["basis"].length]}
    return given


def _of_extension(matter: Matter, deed: RequestDeed, now: datetime) -> Iterator[Unmet]:
    """An extension is asked for in time and once, and consented to when it was asked for. Source: S1 21; S9."""
    request, specs = matter.request, matter.specs
    if not deed.extension:
        return
    if request.extended:
        yield refusal(specs, "extended")
    if deed.extension != "asked":
        if request.extension_asked_at is None and not request.extended:
            yield refusal(specs, "extension_not_asked")
        return
    if request.extension_asked_at is not None:
        yield refusal(specs, "extension_open")
    terms = RequestTerms(specs, now)
    term = terms.term(request.clock, request.clock_from)
    if term.due is None or not terms.clock(request.clock or "").extend:
        yield refusal(specs, "no_clock")
    elif terms.today > term.due and not request.extended:
        yield refusal(specs, "extension_late", day=term.due)


def _write(session: Session, matter: Matter, deed: RequestDeed, done: Written) -> RequestDone:
    request, before = matter.request, matter.request.state
    if deed.key == "resubmit":
        request.content = {**request.content, **done.data}
    request.supplemented = request.supplemented or deed.clock == "pauses"
    _extend(request, deed.extension, done.now)
    settle(matter, deed.key, now=done.now, reasons=_reasons(deed, done))
    states = (before, request.state)
    grant, acts = (
        agreed(session, matter, done, states)
        if deed.grants
        else (None, [write_act(session, request, done, states)])
    )
    answered: list[audit.Act] = []
    if deed.key == "consent":
        grant, answered = answer_at_once(session, matter, now=done.now)
    actor = done.actor
    assert actor is not None
    record_acts(session, actor, acts, answered, now=done.now)
    return done_of(matter, deed.key, before, grant, machine=bool(answered), now=done.now)


def _extend(request: DataRequest, turn: str, now: datetime) -> None:
    match turn:
        case "asked":
            request.extension_asked_at = now
        case "granted":
            request.extended, request.extension_asked_at = True, None
        case "denied":
            request.extension_asked_at = None


def _reasons(deed: RequestDeed, done: Written) -> str:
    """What the other side reads as the answer; an extension is none."""
    if deed.extension:
        return ""
    return done.note or str(done.data.get("next", ""))


def request_options(session: Session, number: str, *, actor: Actor, now: datetime) -> tuple[Option, ...]:
    """The acts that someone may make of a request now, by the same rules as the act.

    Raises:
        NotFound: no such request is seen.
    """
    matter = load_matter(session, number)
    if not sees(actor, matter.provider, matter.request.requester_id, matter.specs):
        raise unseen(number)
    return tuple(
        Option(deed.key, deed.zh, deed.takes, deed.asks, deed.reasons)
        for deed in matter.specs.requests.acts
        if matter.request.kind in deed.kinds and _offered(session, matter, deed, actor, now)
    )


def _offered(session: Session, matter: Matter, deed: RequestDeed, actor: Actor, now: datetime) -> bool:
    request = matter.request
    if request.state not in deed.starts or (deed.clock == "pauses" and request.supplemented):
        return False
    if any(_of_extension(matter, deed, now)):
        return False
    try:
        _standing(session, matter, deed, actor)
    except MuluError:
        return False
    return True


# ---- applicants -------------------------------------------------------------------------------------------


def erase_applicant(session: Session, number: str, *, actor: Actor, now: datetime) -> DataRequest:
    """Empty who applied for opening; the request, its answer and its dates stay. Source: PIPL 47.

    Raises:
        NotFound: no such request. NotAllowed: no role for it. Conflict: there is nothing, or it was erased already.
    """
    specs = load()
    demand(actor, specs.requests.applicant.erased_by, roles_of(specs))
    matter = load_matter(session, number, hold=True)
    request = matter.request
    if request.applicant is None:
        raise Conflict(f"{request.number} 没有申请人信息，或者已经擦除")
    request.applicant, request.erased_at = None, now
    request.lock += 1
    session.flush()
    event = audit.Act("erase_applicant", request.number, {"request": request.number})
    audit.record(session, [event], actor=actor.login, now=now, operator=actor.operator)
    return request
