"""The retirement of a system (系统停用): decision, notice, archive, freeze, close. Source: S-LPS 26.

Every step is an audited act of its own that can be made again where the last attempt stopped. What still keeps a case
from closing is told all at once.
"""

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_retiring import Step
from registry.copies import list_copies
from registry.errors import Conflict, NotFound, Rejected
from registry.grants import active_grants
from registry.kept import storable
from registry.keys import new_key
from registry.models import Agency, Entry, Retirement, RetirementStep, System
from registry.numbering import hold_numbers, next_number
from registry.outbox import mark
from registry.people import local_day
from registry.permits import Actor, Target, demand, roles_of
from registry.recording import NUMBER_LENGTH, Paper
from registry.retirement_cases import (
    CANCELLED,
    CLOSED,
    OPEN,
    few,
    hold_case,
    hold_rows,
    name_of,
    over_now,
    record_act,
    refused,
    step_names,
    wipe_case_of,
)
from registry.retirement_entries import gather_entries, rows_of
from registry.retirement_impact import entries_of, impact
from registry.retirement_progress import lacking_to_close, progress
from registry.retirement_settling import settle_portals
from registry.system_lives import write_life
from registry.system_register import find_seen
from registry.wipe_cases import cancel_case, close_case, enlist, open_case, set_copies

WIPED, IN_USE = "wiped", "in_use"
NOTE_LENGTH = 1000
_PIECE = 400


# ---- decision ---------------------------------------------------------------------------------------------


def open_retirement(
    session: Session,
    system: str,
    *,
    paper: Paper,
    successor: str = "",
    why: str = "",
    actor: Actor,
    now: datetime,
) -> Retirement:
    """Decide that a system is retired: its life ends, its entries and copies are taken into the case.

    ``paper`` is the decision: its number, its day (the day of retirement, not later than today) and perhaps a file.
    Gives the case. Source: S-LPS 6, 26; domain §12 R13, R15.

    Raises:
        NotFound, NotAllowed. Conflict: it is external, retired already, or its life does not allow it.
        Rejected: no number or day of the decision, or the successor will not do.
    """
    found, owner = find_seen(session, system, actor=actor, held=True)
    step = load().retiring.step_index["decision"]
    demand(actor, step.permission, roles_of(load()), Target(owner.id, owner.region, found.id))
    today = local_day(now)
    paper = replace(paper, day=paper.day or today)
    _check_paper(step, paper, today)
    _check_new(session, found)
    heir = _heir(session, found, successor, actor) if successor.strip() else None
    case = _new_case(session, found, owner, heir, paper, why, actor=actor, now=now)
    _add_step(session, case, step, paper, why, actor, now)
    if heir is not None:
        found.successor_id = heir.id
    entries = gather_entries(session, case)
    hold_rows(session, case, entries)
    on = case.decided_on
    write_life(session, found, "stop", day=on, paper=paper, note=case.number, actor=actor, now=now)
    _open_wiping(session, case, found, owner, actor, now)
    mark(session, entries, "retire_system", now=now)
    details = {"number": case.number, "decision": case.decision_no, "decided_on": str(on)}
    more = {"impact": case.impact, "entries": len(entries)}
    record_act(session, "open_retirement", case, details | more, actor, now)
    return case


def _new_case(
    session: Session,
    system: System,
    owner: Agency,
    heir: System | None,
    paper: Paper,
    why: str,
    *,
    actor: Actor,
    now: datetime,
) -> Retirement:
    """The case as it is kept, with its number and what the retirement touches."""
    touched, today, specs = impact(session, system, now=now), local_day(now), load()
    parts = {"region": owner.region, "year": today.year}
    # the wipe case is numbered later: every writer holds its counters before the audit tree
    hold_numbers(session, specs.wiping.case_number, **parts)
    case = Retirement(
        id=new_key("t"),
        number=next_number(session, col(Retirement.number), specs.retiring.number.pattern, **parts),
        system_id=system.id,
        agency_id=owner.id,
        successor_id=heir.id if heir else None,
        state=OPEN,
        decision_no=storable(paper.number.strip()),
        decided_on=paper.day or today,
        why=storable(why.strip())[:NOTE_LENGTH],
        impact=touched.counts,
        opened_by=actor.login,
        opened_at=now,
    )
    session.add(case)
    session.flush()
    return case


def _check_new(session: Session, system: System) -> None:
    query = select(Retirement).where(col(Retirement.system_id) == system.id, col(Retirement.state) == OPEN)
    other = session.execute(query).scalars().first()
    if other is not None:
        raise Conflict(f"{system.name} 已有停用任务 {other.number}；在那里继续办理", number=other.number)


def _heir(session: Session, system: System, written: str, actor: Actor) -> System:
    heir, owner = find_seen(session, written, actor=actor)
    life = load().systems.life_index.get(heir.life)
    if heir.id == system.id:
        raise Rejected("承接系统不能是停用的系统本身")
    if owner.id != system.agency_id:
        raise Rejected(
            f"承接系统须属于同一单位；{heir.name} 属于 {owner.name}。跨单位的先办理单位拆分（mulu agency split）"
        )
    if life is None or life.over:
        raise Rejected(f"{heir.name} 已停用，不能承接；改选在用的系统")
    return heir


def _open_wiping(
    session: Session, case: Retirement, system: System, owner: Agency, actor: Actor, now: datetime
) -> None:
    open_case(
        session,
        load().retiring.case_kind,
        agency=owner,
        system=system,
        retirement_id=case.id,
        decision_no=case.decision_no,
        not_before=case.decided_on,
        why=case.number,
        actor=actor,
        now=now,
    )
    _gather_copies(session, case, actor, now)


def _gather_copies(session: Session, case: Retirement, actor: Actor, now: datetime) -> None:
    """Take the copies that were registered since into the wipe case: none can slip past it."""
    copies = [copy for copy in list_copies(session, system_id=case.system_id) if copy.state == IN_USE]
    if copies:
        enlist(session, wipe_case_of(session, case), copies, actor=actor, now=now)


def name_successor(
    session: Session, written: str, successor: str, *, actor: Actor, now: datetime
) -> Retirement:
    """Name the system that takes entries over, or another one while none was transferred.

    Raises:
        NotFound, NotAllowed, Rejected. Conflict: entries were transferred to another one already.
    """
    row = hold_case(session, written, actor, "decision")
    heir = _heir(session, row.system, successor, actor)
    under_way = [r for r, _entry in rows_of(session, row.case) if r.number is not None]
    moved = [r for r in under_way if r.done_at is not None]
    if row.case.successor_id not in (None, heir.id):
        if moved:
            raise Conflict(f"已有 {len(moved)} 条移交另一系统，不能改承接系统")
        for one in under_way:
            one.number = None
    row.case.successor_id = row.system.successor_id = heir.id
    row.case.lock += 1
    record_act(session, "name_successor", row.case, {"successor": heir.id, "name": heir.name}, actor, now)
    return row.case


# ---- steps ------------------------------------------------------------------------------------------------


def do_step(
    session: Session, written: str, key: str, paper: Paper, *, note: str = "", actor: Actor, now: datetime
) -> RetirementStep:
    """Record a step that somebody does by a paper: notice, archive, freeze, write_off. Gives it.

    Made again with another paper it is added to. Source: S1 27; S-LPS 26; retiring.yaml.

    Raises:
        NotFound: no such case or step. NotAllowed. Rejected: the paper lacks what the step asks for, or steps
            before it are not done; everything is named. Conflict: the case is over.
    """
    step = load().retiring.step_index.get(key)
    if step is None or step.done != "paper" or key == "decision":
        known = [one.key for one in load().retiring.steps if one.done == "paper" and one.key != "decision"]
        raise NotFound(f"没有“{key[:20]}”这个步骤；可登记：{'、'.join(known)}")
    row = hold_case(session, written, actor, key, over=step.optional)
    _check_paper(step, paper, local_day(now))
    _check_note(note)
    before = {one.step.key: one for one in progress(session, row.case)}
    missing = [said for one in step.after for said in before[one].lacking]
    if missing:
        raise refused(f"还不能办理“{before[key].zh}”：", missing)
    hold_rows(session, row.case)
    made = _add_step(session, row.case, step, paper, note, actor, now)
    if step.copies and row.case.state == OPEN:
        _gather_copies(session, row.case, actor, now)
        wiping = wipe_case_of(session, row.case)
        for state in step.copies:
            set_copies(session, wiping, state, actor=actor, now=now)
    row.case.lock += 1
    details = {"step": key, "number": made.number, "sha256": made.sha256, "note": note or None}
    details |= made.data
    record_act(session, "retirement_step", row.case, details, actor, now)
    return made


def _add_step(
    session: Session, case: Retirement, step: Step, paper: Paper, note: str, actor: Actor, now: datetime
) -> RetirementStep:
    made = RetirementStep(
        id=new_key("k"),
        retirement_id=case.id,
        step=step.key,
        number=storable(paper.number.strip()),
        day=paper.day,
        sha256=paper.sha256,
        file_name=storable(paper.file_name)[:255] if paper.file_name else None,
        note=storable(note.strip()),
        # who was told, as it stood then: S1 27
        data={"users": _users(session, case, now)} if step.key == "notice" else {},
        by=actor.login,
        at=now,
    )
    session.add(made)
    session.flush()
    return made


def _users(session: Session, case: Retirement, now: datetime) -> list[str]:
    ids = [row.entry_id for row, _entry in rows_of(session, case)]
    found = active_grants(session, ids, today=local_day(now))
    keys = {grant.requester_id for grants in found.values() for grant in grants}
    return sorted(session.execute(select(col(Agency.name)).where(col(Agency.id).in_(sorted(keys)))).scalars())


def _check_paper(step: Step, paper: Paper, today: date) -> None:
    number, file = bool(paper.number.strip()), paper.sha256 is not None
    lacking = {"none": False, "number": not number, "file": not file, "either": not (number or file)}[
        step.asks
    ]
    zh = step_names()[step.key][0]
    if lacking:
        asked = {"number": "文号（--no）", "file": "文件", "either": "文件，或文号（--no）"}[step.asks]
        raise Rejected(f"“{zh}”须有{asked}")
    if len(paper.number.strip()) > NUMBER_LENGTH:
        raise Rejected(f"文号至多 {NUMBER_LENGTH} 个字")
    if paper.day is not None and paper.day > today:
        raise Rejected(f"“{zh}”的日期 {paper.day} 还没有到")


def _check_note(note: str) -> None:
    if len(note.strip()) > NOTE_LENGTH:
        raise Rejected(f"说明至多 {NOTE_LENGTH} 个字")


# ---- closed -----------------------------------------------------------------------------------------------


def close(session: Session, written: str, *, actor: Actor, now: datetime) -> Retirement:
    """Close a retirement: every entry has met its fate, every copy has a certificate, nothing is left anywhere.

    Its retired entries become ``wiped``, the system's life ends. Closing what is closed changes nothing.
    Source: S-LPS 26; WI7, WI10.

    Raises:
        NotFound, NotAllowed. Rejected: everything that is missing, at once. Conflict: it was cancelled.
    """
    row = hold_case(session, written, actor, "decision", over=True)
    if row.case.state == CLOSED:
        return row.case
    if row.case.state != OPEN:
        raise over_now(row.case)
    hold_rows(session, row.case, entries_of(session, row.case.system_id))
    gather_entries(session, row.case)
    _gather_copies(session, row.case, actor, now)
    settle_portals(session, row.case, actor=actor, now=now)
    missing = lacking_to_close(session, row.case, now=now)
    if missing:
        raise refused(f"停用任务 {row.case.number} 还不能结案：", missing)
    wiped = _wipe_entries(session, row.case)
    close_case(session, wipe_case_of(session, row.case), actor=actor, now=now, by_retirement=True)
    row.case.state, row.case.closed_by, row.case.closed_at = CLOSED, actor.login, now
    row.case.lock += 1
    write_life(session, row.system, "wipe", day=local_day(now), note=row.case.number, actor=actor, now=now)
    record_act(session, "close_retirement", row.case, {"number": row.case.number, "wiped": wiped}, actor, now)
    return row.case


def _wipe_entries(session: Session, case: Retirement) -> list[str]:
    retire = {fate.key for fate in load().retiring.fates if fate.decides}
    keys = [row.entry_id for row, _entry in rows_of(session, case) if row.fate in retire]
    for start in range(0, len(keys), _PIECE):
        change = update(Entry).where(col(Entry.id).in_(keys[start : start + _PIECE]))
        session.execute(change.values(state=WIPED, lock=col(Entry.lock) + 1))
    return keys


def cancel(session: Session, written: str, *, why: str, actor: Actor, now: datetime) -> Retirement:
    """Take a decision back while nothing was done by it: the system runs again, its copies are in use again.

    Raises:
        NotFound, NotAllowed, Rejected. Conflict: entries met their fate, or copies were wiped already.
    """
    row = hold_case(session, written, actor, "decision")
    if not why.strip():
        raise Rejected("撤销停用须写明理由（--note）")
    _check_note(why)
    done = [entry for r, entry in rows_of(session, row.case) if r.done_at is not None]
    if done:
        raise Conflict(
            f"已有 {len(done)} 条目录办结处置{few([name_of(e) for e in done])}，不能撤销；继续办理"
        )
    hold_rows(session, row.case)
    cancel_case(session, wipe_case_of(session, row.case), why, actor=actor, now=now, by_retirement=True)
    row.case.state, row.case.closed_by, row.case.closed_at = CANCELLED, actor.login, now
    row.case.lock += 1
    write_life(session, row.system, "restore", day=local_day(now), note=why.strip(), actor=actor, now=now)
    mark(session, [r.entry_id for r, _entry in rows_of(session, row.case)], "restore_system", now=now)
    record_act(session, "cancel_retirement", row.case, {"why": storable(why.strip())}, actor, now)
    return row.case
