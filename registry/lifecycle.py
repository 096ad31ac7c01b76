"""The one door for change: every move of a version or a distribution goes through ``perform_many``.

Load and hold, judge anew, decide, write, record: all in the caller's transaction, for all subjects or for none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_lifecycle import Move
from registry import audit, outbox
from registry.deciding import (
    authors_of,
    case_of,
    check_results,
    defaults,
    fit_given,
    judge_all,
    offered,
)
from registry.effects import Act, attached, enter_notice, list_lines, write
from registry.entries import hold_register
from registry.errors import Conflict, NotAllowed, Rejected, Stale
from registry.evidence import Proven, gather
from registry.models import Opinion
from registry.people import local
from registry.permits import Actor, Held, covers, demand, holding, roles_of
from registry.remarks import check_reasons, late_remarks, save_remarks
from registry.stores import Store
from registry.subjects import Loaded, Subject, lifecycle_of, load_subjects, move_named
from validators.transitions import Unmet, blocking_authors, decide


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a move. ``awaits`` is the move that is next, ``awaits_role`` the role that signs if it is one."""

    entry_id: str
    code: str | None
    number: int
    distribution_id: str | None
    move: str
    before: str
    after: str
    entry_state: str
    opinion_id: str
    lock: int
    awaits: str | None
    awaits_role: str | None


class Refusal(NamedTuple):
    """One subject that may not make the move, and everything that is missing."""

    subject: Subject
    name: str
    unmet: tuple[Unmet, ...]


class MoveRefused(Rejected):
    """Guards are not met; ``refusals`` names all subjects with everything that each lacks."""

    def __init__(self, move: Move, refusals: Sequence[Refusal]) -> None:
        lines = [f"不能办理“{move.zh}”，还缺："]
        errors = []
        for refusal in refusals:
            if len(refusals) > 1:
                lines.append(f"{refusal.name}：")
            for unmet in refusal.unmet:
                lines.append(f"- {unmet.text}{_detail(unmet)}。办法：{unmet.fix}（{unmet.source}）")
                errors.append(_error(refusal, unmet))
        super().__init__("\n".join(lines), errors=errors, move=move.key)
        self.move, self.refusals = move, tuple(refusals)

    @property
    def unmet(self) -> tuple[Unmet, ...]:
        """What all subjects lack, one after the other."""
        return tuple(unmet for refusal in self.refusals for unmet in refusal.unmet)


def _detail(unmet: Unmet) -> str:
    return f"：{'；'.join(unmet.details)}" if unmet.details else ""


def _error(refusal: Refusal, unmet: Unmet) -> dict[str, Any]:
    return {
        "pointer": f"/subjects/{refusal.subject.distribution_id or refusal.subject.entry_id}",
        "code": unmet.guard,
        "gate": unmet.gate,
        "message": f"{unmet.text}{_detail(unmet)}",
        "fix": unmet.fix,
        "source": unmet.source,
        "details": list(unmet.details),
    }


def perform(
    session: Session,
    subject: Subject,
    move: str,
    *,
    actor: Actor,
    now: datetime,
    note: str = "",
    data: Mapping[str, Any] | None = None,
    files: Store | None = None,
) -> Done:
    """``perform_many`` of one subject."""
    return perform_many(session, [subject], move, actor=actor, now=now, note=note, data=data, files=files)[0]


def perform_many(
    session: Session,
    subjects: Sequence[Subject],
    move: str,
    *,
    actor: Actor,
    now: datetime,
    note: str = "",
    data: Mapping[str, Any] | None = None,
    sheet_id: str | None = None,
    files: Store | None = None,
) -> list[Done]:
    """Make one move of every subject, or of none; gives what came of each, in their order.

    ``data`` is what the move takes (``takes`` in lifecycle.yaml), the same for all; ``files`` is the folder of
    stored files, without which no file counts as unchanged. The opinion, the audit event
    and the change are in one transaction, the caller's. Source: S1 13, 16, 17, 27; S-ZY 20-24; S-LPS 22-25.

    Raises:
        NotFound: no such move, or a subject is not there.
        NotAllowed: a role is missing (named), or the actor would approve his own work.
        Stale: a subject has changed since the asker saw it.
        Conflict: the state does not allow the move, or it was made already; the message says by whom and when.
        Rejected: ``data`` holds what the move does not take.
        MoveRefused: guards are not met; everything that is missing is named, for all subjects.
    """
    spec = move_named(load(), move)
    said, given = fit_given(spec, note, data)
    hold_register(session)
    loaded = load_subjects(session, _once(subjects), spec)
    chosen = [_check_standing(session, one, spec, actor) for one in loaded]
    check_results(loaded, spec, given)
    proven = gather(session, loaded)
    _check_authors(session, loaded, spec, actor)
    acts = [Act(spec, actor, held, said, given, now, sheet_id, files) for held in chosen]
    cases = _decide_all(session, loaded, proven, acts)
    ready = enter_notice(session, cases)
    opinions = [
        write(session, one, act, found) for one, act, found in zip(loaded, ready, proven, strict=True)
    ]
    return _recorded(session, loaded, ready, opinions)


def _once(subjects: Sequence[Subject]) -> list[Subject]:
    seen: dict[tuple[str, str | None], Subject] = {}
    for subject in subjects:
        known = seen.setdefault((subject.entry_id, subject.distribution_id), subject)
        if known.lock != subject.lock:
            raise Stale(f"{subject.entry_id} 写了两次，所见的版本（lock）不同；请刷新后再办")
    if not seen:
        raise Rejected("没有写明办理哪一条目录")
    return list(seen.values())


# ---- who and from where -----------------------------------------------------------------------------------


def _check_standing(session: Session, one: Loaded, move: Move, actor: Actor) -> Held:
    """The role in which the actor makes the move; his role, his view and the state are checked in this order."""
    held = _role_for(one, move, actor)
    lock = one.distribution.lock if one.distribution else one.entry.lock
    if one.subject.lock is not None and one.subject.lock != lock:
        raise Stale(f"{one.name} 在您看过之后已有变动（{_last_act(session, one)}）；请刷新后再办", lock=lock)
    if move.starts and one.state not in move.starts:
        raise Conflict(_wrong_state(session, one, move), state=one.state)
    return held


def _role_for(one: Loaded, move: Move, actor: Actor) -> Held:
    roles = roles_of(one.specs)
    first = demand(actor, move.key, roles, one.target)
    awaited = one.version.awaits_role if one.version.awaits == move.key else None
    for held in holding(actor, move.key, roles):
        if held.role == awaited and covers(held, one.target, roles):
            return held
    return first


def _wrong_state(session: Session, one: Loaded, move: Move) -> str:
    states = {
        s.key: s.zh for s in (*lifecycle_of(one.specs).versions, *lifecycle_of(one.specs).distributions)
    }
    wanted = "、".join(states[key] for key in move.starts)
    return (
        f"{one.name} 现在是“{states.get(one.state, one.state)}”，“{move.zh}”只能从“{wanted}”办理"
        f"（{_last_act(session, one)}）"
    )


def _last_act(session: Session, one: Loaded) -> str:
    """The last thing that happened, for one who comes too late."""
    query = select(Opinion).where(col(Opinion.entry_id) == one.entry.id)
    if one.distribution is not None:
        query = query.where(col(Opinion.distribution_id) == one.distribution.id)
    last = session.execute(query.order_by(col(Opinion.at).desc(), col(Opinion.id).desc()).limit(1)).scalar()
    if last is None:
        return f"{one.version.created_by} 于 {local(one.version.created_at):%Y-%m-%d %H:%M} 登记"
    return _said(last, lifecycle_of(one.specs).index[last.move])


def _said(opinion: Opinion, move: Move) -> str:
    return f"{opinion.login} 已于 {local(opinion.at):%Y-%m-%d %H:%M} 办理“{move.zh}”"


def _check_authors(session: Session, loaded: Sequence[Loaded], move: Move, actor: Actor) -> None:
    if not move.never_by_author:
        return
    for one, authors in zip(loaded, authors_of(session, loaded), strict=True):
        if blocking_authors(move, authors, actor.login):
            raise NotAllowed(f"{one.name} 是您编制或提交的，“{move.zh}”须由另一人办理", reason="author")


def _check_delegate(one: Loaded, found: Proven, act: Act) -> None:
    """A delegate who has signed in his own role does not sign once more for the one who delegated."""
    if not act.held.delegation_id or not act.move.never_by_author:
        return
    if any(key in found.signed and o.login == act.actor.login for key, o in found.signatures.items()):
        raise NotAllowed(
            f"{one.name} 您已以自己的角色签署，受委托的“{act.move.zh}”须由委托人或另一受托人办理",
            reason="delegate",
        )


# ---- decide, then write -----------------------------------------------------------------------------------


def _decide_all(
    session: Session, loaded: Sequence[Loaded], proven: Sequence[Proven], acts: Sequence[Act]
) -> list[Act]:
    """The acts with what they were not given filled in; raises when any guard of any subject is not met."""
    facts, assessments = judge_all(session, loaded, acts[0].now)
    refusals, ready = [], []
    for one, found, act, judged in zip(loaded, proven, acts, assessments, strict=True):
        check_reasons(one, act)
        filled = defaults(one, act, judged)
        _check_repeated(one, found, filled)
        _check_delegate(one, found, filled)
        made = one.distribution or (attached(one, act) if act.move.subject == "distribution" else None)
        case = case_of(
            one,
            found,
            filled,
            judged,
            facts,
            offer=offered(session, one, made, found, filled) if made else None,
            late=late_remarks(session, one, act),
        )
        unmet = decide(case)
        if unmet:
            refusals.append(Refusal(one.subject, one.name, unmet))
        ready.append(filled)
    if refusals:
        raise MoveRefused(acts[0].move, refusals)
    return ready


def _check_repeated(one: Loaded, found: Proven, act: Act) -> None:
    """A signature that leaves the state as it is, is given once while it holds; a review of data may be amended."""
    if not act.move.never_by_author or act.move.to not in (*act.move.starts, "same"):
        return
    given = found.signatures.get((act.move.key, act.held.role))
    if one.distribution is not None and found.cleared == dict(act.data):
        given = next(o for o in reversed(found.opinions) if o.distribution_id == one.distribution.id)
    if given is not None:
        raise Conflict(f"{one.name} 的“{act.move.zh}”已办过，不必再办（{_said(given, act.move)}）")


def _recorded(
    session: Session, loaded: Sequence[Loaded], acts: Sequence[Act], opinions: Sequence[Opinion]
) -> list[Done]:
    """Everything written, remarks, the outbox and the record of it with it; all subjects at a time."""
    session.flush()
    events, lines = [], list_lines(session, loaded, acts)
    for one, act, opinion in zip(loaded, acts, opinions, strict=True):
        save_remarks(session, one, act, opinion)
        events.append(_event(one, act, opinion, lines.get(one.entry.id)))
    actor, now = acts[0].actor, acts[0].now
    offering = (one.entry.id for one in loaded if one.distributions)
    outbox.mark(session, offering, acts[0].move.key, now=now)
    audit.record(session, events, actor=actor.login, now=now, operator=actor.operator)
    return [_done(*row) for row in zip(loaded, acts, opinions, strict=True)]


def _done(one: Loaded, act: Act, opinion: Opinion) -> Done:
    made = one.distribution
    return Done(
        entry_id=one.entry.id,
        code=one.entry.code,
        number=one.newest.number if act.move.creates else one.version.number,
        distribution_id=made.id if made else None,
        move=act.move.key,
        before=opinion.state_before,
        after=opinion.state_after,
        entry_state=one.entry.state,
        opinion_id=opinion.id,
        lock=made.lock if made else one.entry.lock,
        awaits=made.awaits if made else one.newest.awaits if act.move.creates else one.version.awaits,
        awaits_role=None if made else one.version.awaits_role,
    )


def _event(one: Loaded, act: Act, opinion: Opinion, lines: Mapping[str, str] | None) -> audit.Act:
    details: dict[str, Any] = {
        "version": one.version.number,
        "digest": one.version.digest,
        "role": act.held.role,
        "before": opinion.state_before,
        "after": opinion.state_after,
        "opinion": opinion.id,
    }
    details |= (
        {"bound_class": opinion.bound_class, "bound_digest": opinion.bound_digest}
        if opinion.bound_class
        else {}
    )
    details |= {"note": act.note} if act.note else {}
    details |= {"data": opinion.data} if opinion.data else {}
    details |= {"delegation": act.held.delegation_id} if act.held.delegation_id else {}
    details |= {"sheet": act.sheet_id} if act.sheet_id else {}
    details |= {"lines": dict(lines)} if lines else {}
    if one.distribution is not None:
        details["distribution"] = one.distribution.id
    else:
        taken = [made.id for made in one.distributions if made.ended_at == act.now]
        details |= {"off_shelf": taken} if taken else {}
    return audit.Act(act.move.key, one.entry.id, details)


# ---- what may be done -------------------------------------------------------------------------------------


class Option(NamedTuple):
    """A move that is offered to someone. ``missing`` is what is not met yet, apart from what the act is given."""

    move: str
    zh: str
    role: str
    distribution_id: str | None
    missing: tuple[Unmet, ...]


def options(
    session: Session, entry_id: str, *, actor: Actor, specs: Specs, now: datetime, files: Store | None = None
) -> list[Option]:
    """The moves that the actor may make of an entry and its distributions, by the same ``decide`` as the deed."""
    found: list[Option] = []
    for move in lifecycle_of(specs).moves:
        if not holding(actor, move.key, roles_of(specs)):
            continue
        whole = load_subjects(session, [Subject(entry_id)], move, hold=False)[0]
        loaded = [whole]
        if move.subject == "distribution" and move.starts:
            ids = [made.id for made in whole.distributions if made.state in move.starts]
            loaded = load_subjects(session, [Subject(entry_id, one) for one in ids], move, hold=False)
        offered_here = (_option(session, one, move, actor, now, files) for one in loaded)
        found += [option for option in offered_here if option is not None]
    return found


def _option(
    session: Session, one: Loaded, move: Move, actor: Actor, now: datetime, files: Store | None
) -> Option | None:
    try:
        held = _check_standing(session, one, move, actor)
        _check_authors(session, [one], move, actor)
    except (NotAllowed, Conflict):
        return None
    if not move.starts:
        return Option(move.key, move.zh, held.role, None, ())
    proven = gather(session, [one])[0]
    facts, (judged,) = judge_all(session, [one], now)
    act = defaults(one, Act(move, actor, held, "", {}, now, files=files), judged)
    offer = offered(session, one, one.distribution, proven, act) if one.distribution else None
    guards = lifecycle_of(one.specs).guard_index
    unmet = decide(case_of(one, proven, act, judged, facts, offer=offer, late=()))
    missing = tuple(u for u in unmet if not guards[u.guard].given)
    return Option(move.key, move.zh, held.role, one.subject.distribution_id, missing)
