"""What waits in duties, orders to rectify, retirements and wipes: for whom, since when, until when.

Who may do it follows from the permission that the specification names for the step; who already had a hand in a wipe
record is left out where another must act. Source: duties.yaml; supervision.yaml; retiring.yaml; wiping.yaml.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law import Deadlines
from registry.calendars import city_calendar
from registry.duties import Standing
from registry.duty_shown import duties_waiting
from registry.models import (
    Agency,
    DataCopy,
    Retirement,
    RetirementEntry,
    RetirementStep,
    System,
    WipeCase,
    WipeRecord,
)
from registry.people import local_day
from registry.permits import Actor, Target, holding, may, reached, roles_of
from registry.rectifications import orders_seen
from registry.retirement_notices import grants_ending
from registry.wipe_cases import unanswered
from registry.wipe_sight import cases_seen
from validators.obligations import WORKING_DAYS, Term, term_of

_OPEN = "open"
_FEW = 5


@dataclass(frozen=True, slots=True)
class SystemTask:
    """One thing that waits. ``of`` says what it is about (duty, rectification, retirement, wipe_case, wipe_record);
    ``number`` is what people call it, ``path`` its page. ``overdue`` counts in ``unit``; ``due`` is None where no day
    is set.
    """

    act: str
    zh: str
    of: str
    number: str
    path: str
    what: str
    system: str
    agency_code: str
    agency_name: str
    since: datetime | None
    due: date | None
    overdue: int
    soon: bool
    unit: str

    @property
    def overdue_zh(self) -> str:
        """How late it is, in words; empty when it is not."""
        if not self.overdue:
            return ""
        return f"{self.overdue} 个工作日" if self.unit == WORKING_DAYS else f"{self.overdue} 天"


def system_tasks(
    session: Session, actor: Actor | None, *, now: datetime, specs: Specs
) -> tuple[SystemTask, ...]:
    """What waits for ``actor``; everything that waits, for None (the console). The latest first, then what is due next.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    look = _Look(session, actor, specs, now)
    found = [
        *_orders(look),
        *_records(look),
        *_cases(look),
        *_retirements(look),
        *_notices(look),
        *_contracts(look),
        *_duties(look),
    ]
    found.sort(key=lambda task: (-task.overdue, task.due or date.max, task.of, task.number, task.act))
    return tuple(found)


class _Look:
    """Who asks, and what he may do."""

    def __init__(self, session: Session, actor: Actor | None, specs: Specs, now: datetime) -> None:
        self.session, self.actor, self.specs, self.now = session, actor, specs, now
        self.roles, self.today = roles_of(specs), local_day(now)
        self.calendar = city_calendar(specs)

    @cached_property
    def _warn(self) -> Any:
        return self.specs.document("deadlines", Deadlines).warn

    def may(self, permissions: Sequence[str], agency: Agency, system_id: str | None) -> bool:
        """Whether the asker may do one of these; the console is shown everything."""
        if self.actor is None:
            return True
        target = Target(agency.id, agency.region, system_id)
        return any(may(self.actor, name, self.roles, target) for name in permissions)

    def is_another(self, logins: Sequence[str]) -> bool:
        """Whether the asker is none of those who had a hand in it."""
        return self.actor is None or self.actor.login not in logins

    def term(self, last: date | None) -> Term:
        return term_of(None, last, self.today, self.calendar, self._warn)


def _task(
    key: tuple[str, str, str],
    number: str,
    agency: Agency | None,
    system: System | None,
    *,
    path: str,
    what: str = "",
    since: datetime | None = None,
    term: Term | None = None,
) -> SystemTask:
    act, zh, of = key
    stands = term or Term()
    return SystemTask(
        act=act,
        zh=zh,
        of=of,
        number=number,
        path=path,
        what=what,
        system=system.name if system else "",
        agency_code=agency.code if agency else "",
        agency_name=agency.name if agency else "",
        since=since,
        due=stands.due,
        overdue=stands.late,
        soon=stands.soon,
        unit=stands.unit,
    )


# ---- rectifications ---------------------------------------------------------------------------------------


def _orders(look: _Look) -> Iterator[SystemTask]:
    """Orders that wait for the unit's report, or for the authority that closes them."""
    spec = look.specs.supervision.rectification
    query = orders_seen(look.actor)
    for order, system, agency in look.session.execute(query):
        state = spec.state_index[order.state]
        if not (state.open and state.awaits):
            continue
        move = spec.move_index[state.awaits]
        barred = [order.reported_by] if move.never_by_reporter else []
        if look.may([move.permission], agency, system.id) and look.is_another(barred):
            since = order.reported_at if order.reported_at and move.never_by_reporter else order.ordered_at
            yield _task(
                (move.key, move.zh, "rectification"),
                order.number,
                agency,
                system,
                path=f"/rectifications/{order.number}",
                what=order.words,
                since=since,
                term=look.term(order.due),
            )


# ---- wipes ------------------------------------------------------------------------------------------------


def _seen_cases(look: _Look) -> Any:
    return (
        select(WipeCase, Agency, System)
        .join(Agency, col(Agency.id) == col(WipeCase.agency_id))
        .outerjoin(System, col(System.id) == col(WipeCase.system_id))
        .where(cases_seen(look.actor), col(WipeCase.state) == _OPEN)
    )


def _records(look: _Look) -> Iterator[SystemTask]:
    """Wipe records to be verified, witnessed or approved, each by another person."""
    starts = {state for step in look.specs.wiping.steps for state in step.starts}
    waits = col(WipeRecord.state).in_(starts)
    query = _seen_cases(look).join(WipeRecord, col(WipeRecord.case_id) == col(WipeCase.id))
    query = query.add_columns(WipeRecord).where(waits, col(WipeRecord.approved_at).is_(None))
    steps = look.specs.wiping.step_index
    for case, agency, system, record in look.session.execute(query.order_by(col(WipeRecord.seq))):
        key, since = _next_step(record)
        step = steps[key]
        hands = {"record": record.recorded_by, "verify": record.verified_by, "witness": record.witnessed_by}
        barred = [hands[one] for one in step.apart if hands.get(one)]
        if look.may([step.permission], agency, case.system_id) and look.is_another(barred):
            number = f"{case.number} 第 {record.seq} 号"
            yield _task(
                (key, step.zh, "wipe_record"),
                number,
                agency,
                system,
                path=f"/wipes/{case.number}",
                what=record.serial_no or "",
                since=since,
                term=look.term(case.due),
            )


def _next_step(record: WipeRecord) -> tuple[str, datetime]:
    if record.verified_at is None:
        return "verify", record.recorded_at
    if record.witnessed_at is None:
        return "witness", record.verified_at
    return "approve", record.witnessed_at


def _cases(look: _Look) -> Iterator[SystemTask]:
    """Open cases with copies that are not answered for, and those that may be closed."""
    steps, deeds = look.specs.wiping.step_index, look.specs.wiping.deed_index
    for case, agency, system in look.session.execute(_seen_cases(look).order_by(col(WipeCase.id))):
        left = unanswered(look.session, case)
        key, permissions = ("record", [steps["record"].permission])
        if not left:
            key, permissions = "close", [*deeds["close"].permissions]
            permissions += deeds["close"].of_retirement if case.retirement_id else ()
        if look.may(permissions, agency, case.system_id):
            zh = (steps if left else deeds)[key].zh
            yield _task(
                (key, zh, "wipe_case"),
                case.number,
                agency,
                system,
                path=f"/wipes/{case.number}",
                what=_first(left),
                since=case.opened_at,
                term=look.term(case.due),
            )


def _contracts(look: _Look) -> Iterator[SystemTask]:
    """Contracts that are over while the contractor's copies are in use: he returns or deletes them (PIPL 21; S1 36)."""
    specs = look.specs
    over = specs.wiping.contract_over
    held = [row.key for row in specs.systems.copies if row.records[:1] == (over.records,)]
    query = (
        select(System, Agency, func.count())
        .join(Agency, col(Agency.id) == col(System.agency_id))
        .join(DataCopy, col(DataCopy.system_id) == col(System.id))
        .where(col(System.contract_until) < look.today, col(DataCopy.kind).in_(held))
        .where(col(DataCopy.state) == specs.systems.first_copy_state)
        .group_by(col(System.id), col(Agency.id))
        .order_by(col(System.id))
    )
    for system, agency, count in look.session.execute(query):
        if look.may(specs.wiping.deed_index["open"].permissions, agency, system.id):
            what = over.what_zh.format(number=system.contract_no, day=system.contract_until, count=count)
            key, path = (over.case, over.zh, "system"), f"/systems/{system.id}"
            yield _task(key, system.contract_no or system.name, agency, system, path=path, what=what)


def _first(said: Sequence[str]) -> str:
    """The first of some words, and how many there are."""
    more = f" 等 {len(said)} 处" if len(said) > _FEW else ""
    return "；".join(said[:_FEW]) + more


# ---- retirements ------------------------------------------------------------------------------------------


def _retirements(look: _Look) -> Iterator[SystemTask]:
    """The next step of every open retirement that somebody records, and entries without a fate."""
    sees = reached(
        look.actor,
        look.roles,
        agency=col(Retirement.agency_id),
        system=col(Retirement.system_id),
        region=col(Agency.region),
    )
    query = (
        select(Retirement, Agency, System)
        .join(Agency, col(Agency.id) == col(Retirement.agency_id))
        .join(System, col(System.id) == col(Retirement.system_id))
        .where(col(Retirement.state) == _OPEN, sees)
    )
    rows = list(look.session.execute(query.order_by(col(Retirement.id))))
    done = _done(look.session, [case.id for case, _agency, _system in rows])
    for case, agency, system in rows:
        for key, permission in _waiting_steps(look, case, done[case.id]):
            if look.may([permission], agency, system.id):
                zh = next(row.zh for row in look.specs.retirement.order if row.key == key)
                path = f"/retirements/{case.number}"
                yield _task(
                    (key, zh, "retirement"), case.number, agency, system, path=path, since=case.opened_at
                )


def _notices(look: _Look) -> Iterator[SystemTask]:
    """Grants of one's agency whose data go away: until they end, the users have to make do without (S1 27)."""
    law = look.specs.retiring.user_task
    users = None
    if look.actor is not None:
        users = {one.agency_id for one in holding(look.actor, law.permission, look.roles) if one.agency_id}
    for one in grants_ending(look.session, today=look.today, requesters=users):
        agency = look.session.get_one(Agency, one.requester_id)
        task = _task(
            (law.key, law.zh, "grant"),
            one.grant,
            agency,
            None,
            path=f"/grants/{one.grant_id}",
            what=f"{one.system} 自 {one.decided_on} 起停用（{one.filed}）",
            since=one.at,
        )
        yield replace(task, system=one.system)


def _done(session: Session, ids: Sequence[str]) -> dict[str, set[str]]:
    """The steps that were recorded, by case; ``entries_off`` too, once every entry has met its fate."""
    found: dict[str, set[str]] = defaultdict(set)
    steps = select(col(RetirementStep.retirement_id), col(RetirementStep.step))
    for key, step in session.execute(steps.where(col(RetirementStep.retirement_id).in_(ids))):
        found[key].add(step)
    left = select(col(RetirementEntry.retirement_id)).where(
        col(RetirementEntry.retirement_id).in_(ids), col(RetirementEntry.done_at).is_(None)
    )
    waiting = set(session.execute(left.distinct()).scalars())
    for key in ids:
        found[key] |= set() if key in waiting else {"entries_off"}
    return found


def _waiting_steps(look: _Look, case: Retirement, done: set[str]) -> Iterator[tuple[str, str]]:
    """The steps whose turn it is. Copies are wiped in their case, which has tasks of its own."""
    reached_by = _reached_steps(look, case)
    over = done | reached_by
    for step in look.specs.retiring.steps:
        if step.key in over or step.done == "copies" or not set(step.after) <= over:
            continue
        # fates are decided under their own permission
        permission = step.permission or look.specs.retiring.fates[0].permission
        yield step.key, permission


def _reached_steps(look: _Look, case: Retirement) -> set[str]:
    mine = select(col(WipeCase.id)).where(col(WipeCase.retirement_id) == case.id)
    query = select(col(DataCopy.state)).where(col(DataCopy.case_id).in_(mine)).distinct()
    states = set(look.session.execute(query).scalars())
    return {
        step.key
        for step in look.specs.retiring.steps
        if step.done == "copies" and states <= set(step.reached)
    }


# ---- duties -----------------------------------------------------------------------------------------------


def _duties(look: _Look) -> Iterator[SystemTask]:
    """Duties of this year that are overdue or soon due, for whoever hands in their evidence: one task a subject."""
    waiting: dict[tuple[str, str], list[Standing]] = defaultdict(list)
    for one in duties_waiting(look.session, look.actor, now=look.now):
        waiting[one.subject.per, one.subject.id].append(one)
    for rows in waiting.values():
        rows.sort(key=lambda one: (-one.term.late, one.term.due or date.max, one.duty.id))
        subject = rows[0].subject
        yield _task(
            ("duty", f"履行义务 {len(rows)} 项", "duty"),
            "、".join(one.duty.id for one in rows[:_FEW]) + ("等" if len(rows) > _FEW else ""),
            subject.agency,
            subject.system,
            path="/duties",
            what=rows[0].duty.zh,
            term=rows[0].term,
        )
