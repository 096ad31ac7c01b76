"""Change events and their cases as they stand; a case extended once, answered by its steward, opened again.

Source: S1 17; deadlines.yaml ``catalog_update``; promises.yaml ``change``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry import audit
from registry.case_states import ANSWERED, GONE, OPEN, OVERDUE, UPDATED, CaseShown, CaseTerms, read_cases
from registry.change_events import find_event, written_reason
from registry.errors import Conflict, NotFound
from registry.lookup import Row, find_entry
from registry.models import Agency, ChangeCase, ChangeEvent
from registry.permits import Actor, Sight, Target, demand, roles_of

NO_CHANGE = "no_change"


@dataclass(frozen=True, slots=True)
class EventShown:
    """A change event: what it rests on, until when it is due, how many of its cases stand how (``counts``).

    ``agencies`` are (code, name); ``due`` is without an extension. ``cases`` is empty in a list of events.
    """

    number: str
    kind: str
    kind_zh: str
    basis: str
    effective_on: date
    agencies: tuple[tuple[str, str], ...]
    citations: tuple[tuple[str, str], ...]
    note: str
    posted_by: str
    posted_at: datetime
    start: date
    due: date
    withdrawn_at: datetime | None
    withdrawn_reason: str
    counts: Mapping[str, int]
    cases: tuple[CaseShown, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.counts.values())


# ---- shown ------------------------------------------------------------------------------------------------


def show_event(session: Session, number: str, *, sight: Sight, now: datetime, specs: Specs) -> EventShown:
    """A change event with its cases.

    Raises:
        NotFound: there is none. Unavailable: the calendar's file is wrong.
    """
    event, terms = find_event(session, number), CaseTerms(specs, now)
    mine = col(ChangeCase.event_id) == event.id
    cases = tuple(read_cases(session, mine, sight.entries, terms=terms, withdrawn=True))
    return _event(event, _agencies(session), cases, terms, whole=True)


def list_events(session: Session, *, sight: Sight, now: datetime, specs: Specs) -> list[EventShown]:
    """All change events, the newest first, each with the number of its cases by state."""
    terms, known = CaseTerms(specs, now), _agencies(session)
    of: dict[str, list[CaseShown]] = {}
    for case in read_cases(session, sight.entries, terms=terms, withdrawn=True):
        of.setdefault(case.event, []).append(case)
    events = session.execute(select(ChangeEvent).order_by(col(ChangeEvent.id).desc())).scalars()
    return [_event(one, known, tuple(of.get(one.number, ())), terms, whole=False) for one in events]


def _agencies(session: Session) -> dict[str, tuple[str, str]]:
    query = select(col(Agency.id), col(Agency.code), col(Agency.name))
    return {key: (code, name) for key, code, name in session.execute(query)}


def _event(
    event: ChangeEvent,
    agencies: Mapping[str, tuple[str, str]],
    cases: tuple[CaseShown, ...],
    terms: CaseTerms,
    *,
    whole: bool,
) -> EventShown:
    start = terms.start(event.effective_on, event.posted_at)
    found = Counter(case.state for case in cases)
    return EventShown(
        event.number,
        event.kind,
        terms.specs.promises.kind_index[event.kind].zh,
        event.basis,
        event.effective_on,
        tuple(agencies[key] for key in event.agencies if key in agencies),
        tuple((row["title"], row["article"]) for row in event.citations),
        event.note,
        event.posted_by,
        event.posted_at,
        start,
        terms.due(start, False),
        event.withdrawn_at,
        event.withdrawn_reason,
        {state: found[state] for state in (OPEN, OVERDUE, UPDATED, ANSWERED, GONE)},
        cases if whole else (),
    )


# ---- deeds ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Held:
    """A case that is locked by this transaction, as it stood before."""

    event: ChangeEvent
    case: ChangeCase
    row: Row
    before: CaseShown
    terms: CaseTerms

    @property
    def target(self) -> Target:
        return Target(self.row.entry.agency_id, self.row.agency.region, self.row.entry.system_id)

    @property
    def name(self) -> str:
        return f"{self.event.number} 的 {self.row.entry.code or self.row.entry.id}"


def extend_case(
    session: Session,
    number: str,
    code: str,
    *,
    reason: str,
    sight: Sight,
    actor: Actor,
    now: datetime,
    specs: Specs,
) -> CaseShown:
    """Extend a case once by the clock's extension, while its term still runs. Source: S1 17.

    Raises:
        NotAllowed, NotFound. Conflict: it is settled, extended already, or its term is over. Rejected: no reason.
    """
    held = _held(session, number, code, sight=sight, now=now, specs=specs)
    demand(actor, held.terms.clock.extend_by, roles_of(specs), held.target)
    said = written_reason(reason, "延期")
    if held.before.extended:
        raise Conflict(f"{held.name} 已经延期一次，至 {held.before.due}；不能再延")
    if held.before.state != OPEN:
        raise Conflict(f"{held.name}{held.before.state_zh}（期限 {held.before.due}），不能延期")
    case = held.case
    case.extended_by, case.extended_at, case.extension_reason = actor.login, now, said
    return _done(session, held, "extend_change_case", {"reason": said}, actor=actor, now=now)


def settle_case(
    session: Session,
    number: str,
    code: str,
    *,
    reason: str,
    sight: Sight,
    actor: Actor,
    now: datetime,
    specs: Specs,
) -> CaseShown:
    """Answer that an entry needs no change, with the reason; a new version settles its case by itself.

    Raises:
        NotAllowed, NotFound. Conflict: it is settled already. Rejected: no reason.
    """
    held = _held(session, number, code, sight=sight, now=now, specs=specs)
    demand(actor, specs.promises.change.settle, roles_of(specs), held.target)
    said = written_reason(reason, "不需更新")
    if held.before.state not in (OPEN, OVERDUE):
        raise Conflict(f"{held.name}{held.before.state_zh}，不需再答复", state=held.before.state)
    case = held.case
    case.settled, case.settled_by, case.settled_at, case.note = NO_CHANGE, actor.login, now, said
    case.settled_number = held.row.entry.in_force
    return _done(session, held, "settle_change_case", {"reason": said}, actor=actor, now=now)


def reopen_case(
    session: Session,
    number: str,
    code: str,
    *,
    reason: str,
    sight: Sight,
    actor: Actor,
    now: datetime,
    specs: Specs,
) -> CaseShown:
    """Take back a steward's answer that does not convince the bureau: the case is open again, in its old term.

    Raises:
        NotAllowed, NotFound. Conflict: it was not answered. Rejected: no reason.
    """
    held = _held(session, number, code, sight=sight, now=now, specs=specs)
    demand(actor, specs.promises.change.post, roles_of(specs), held.target)
    said = written_reason(reason, "退回答复")
    if held.before.state != ANSWERED:
        raise Conflict(f"{held.name}{held.before.state_zh}，没有可退回的答复", state=held.before.state)
    case = held.case
    case.settled, case.settled_by, case.settled_at, case.settled_number = None, None, None, None
    case.note = said
    return _done(session, held, "reopen_change_case", {"reason": said}, actor=actor, now=now)


def _held(session: Session, number: str, code: str, *, sight: Sight, now: datetime, specs: Specs) -> _Held:
    event, row = find_event(session, number), find_entry(session, code, sight=sight)
    query = select(ChangeCase).where(
        col(ChangeCase.event_id) == event.id, col(ChangeCase.entry_id) == row.entry.id
    )
    case = session.execute(
        query.with_for_update().execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if case is None:
        raise NotFound(f"{event.number} 没有涉及 {row.entry.code or row.entry.id}")
    if event.withdrawn_at is not None:
        raise Conflict(f"{event.number} 已撤回，没有要办的")
    terms = CaseTerms(specs, now)
    return _Held(event, case, row, _shown(session, case, terms), terms)


def _shown(session: Session, case: ChangeCase, terms: CaseTerms) -> CaseShown:
    return next(iter(read_cases(session, col(ChangeCase.id) == case.id, terms=terms)))


def _done(
    session: Session, held: _Held, act: str, details: Mapping[str, Any], *, actor: Actor, now: datetime
) -> CaseShown:
    session.flush()
    shown = _shown(session, held.case, held.terms)
    told = {"event": held.event.number, "due": shown.due.isoformat()} | dict(details)
    acts = [audit.Act(act, held.row.entry.id, told)]
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    return shown
