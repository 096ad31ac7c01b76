"""The deeds on duties: evidence handed in, withdrawn, and said not to apply. Rows are only added to and marked.

Source: S-ZY 5, 25-31; S-LPS 6-35; domain §8.
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law import Duty
from registry.agency_lives import demand_standing, find, hold
from registry.audit import Act, record
from registry.content import check_file_name
from registry.duty_gates import plan_missing
from registry.duty_terms import (
    AGENCY,
    CITY,
    ENTRY,
    SYSTEM,
    Subject,
    check_year,
    duty_named,
    subject_of_agency,
    subject_of_system,
)
from registry.errors import Conflict, NotFound, Rejected
from registry.kept import storable
from registry.keys import new_key
from registry.lookup import askable
from registry.models import Agency, DutyEvidence, System
from registry.people import local_day
from registry.permits import Actor, Target, demand, may, roles_of
from registry.recording import Paper
from registry.secrecy import SecretScan
from registry.system_register import find_seen
from validators.obligations import INFORMATION

WAIVED = "waiver"


@dataclass(frozen=True, slots=True)
class About:
    """Of whom evidence speaks: an agency (code, name), a system (key, number, name); of what year (None: this one)."""

    agency: str | None = None
    system: str | None = None
    year: int | None = None


def hand_in(
    session: Session,
    duty: str,
    kind: str,
    paper: Paper,
    *,
    about: About,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> DutyEvidence:
    """Keep a piece of evidence of a duty: a number, a stored file, or both.

    Raises:
        NotAllowed: a role is missing. NotFound: no such subject is seen. Rejected: what was written will not do.
        Conflict: it stands there already, its agency is closed, or the gate of plans is shut (S-ZY 5).
    """
    specs = load()
    row = duty_named(duty, specs)
    subject = subject_named(session, row, about, actor=actor, now=now)
    demand_answer(actor, row, kind, subject)
    year = check_year(about.year, local_day(now), specs)
    _check_kind(row, kind, specs)
    _check_paper(paper, note, specs, today=local_day(now))
    _hold(session, subject, now)
    kept = _kept(row, kind, subject, year, actor=actor, now=now)
    kept.number, kept.day = storable(paper.number.strip()), paper.day
    kept.sha256, kept.note = paper.sha256, storable(note.strip())
    kept.file_name = storable(paper.file_name)[:255] if paper.file_name else None
    _check_new(session, kept)
    _check_plan(session, row, kind, subject, now=now)
    session.add(kept)
    told = {"duty": row.id, "kind": kind, "year": year, "number": kept.number, "sha256": kept.sha256}
    _record(session, "duty_evidence", kept, told, actor=actor, now=now)
    return kept


def check_sender(
    session: Session, duty: str, kind: str, file_name: str, *, about: About, actor: Actor, now: datetime
) -> None:
    """Refuse before a byte is stored what ``hand_in`` would refuse: who sends, of whom, which kind, a secret file.

    Raises:
        NotAllowed, NotFound, Rejected: as for ``hand_in``.
    """
    specs = load()
    row = duty_named(duty, specs)
    demand_answer(actor, row, kind, subject_named(session, row, about, actor=actor, now=now))
    _check_kind(row, kind, specs)
    check_file_name(Path(file_name).stem, specs)


def waive(
    session: Session, duty: str, *, about: About, why: str, actor: Actor, now: datetime
) -> DutyEvidence:
    """Say that a duty does not apply to a subject, and why; it stays on record until it is withdrawn.

    A duty of an agency that gates plans may be said not to apply to one of its systems. Source: S-ZY 5(四).

    Raises:
        NotAllowed, NotFound, Conflict: as for ``hand_in``. Rejected: no reason was written.
    """
    specs = load()
    row = duty_named(duty, specs)
    subject = subject_named(session, row, about, actor=actor, now=now, waived=True)
    demand_waiver(actor, row, subject)
    year = check_year(about.year, local_day(now), specs)
    if not why.strip():
        raise Rejected("须写明不适用的理由（--why）")
    _check_paper(Paper(number="-"), why, specs, today=local_day(now))
    _hold(session, subject, now)
    kept = _kept(row, WAIVED, subject, year, actor=actor, now=now)
    kept.waived, kept.note = True, storable(why.strip())
    _check_new(session, kept)
    session.add(kept)
    _record(session, "waive_duty", kept, {"duty": row.id, "year": year}, actor=actor, now=now)
    return kept


def withdraw(session: Session, key: str, *, why: str, actor: Actor, now: datetime) -> DutyEvidence:
    """Withdraw evidence, or what says that a duty does not apply; it stays on record and counts no more.

    Raises:
        NotFound: there is none that may be seen. NotAllowed. Rejected: no reason was written. Conflict: it is
        withdrawn already.
    """
    specs = load()
    kept = session.get(DutyEvidence, askable(key.strip()), with_for_update=True, populate_existing=True)
    if kept is None:
        raise NotFound(f"没有佐证“{key[:64]}”；用 mulu duty show 查看编号")
    row = duty_named(kept.duty, specs)
    subject = subject_of(session, kept, row, specs)
    if kept.waived:
        demand_waiver(actor, row, subject)
    else:
        demand_answer(actor, row, kept.kind, subject)
    if not why.strip():
        raise Rejected("须写明撤回的理由（--why）")
    _check_paper(Paper(number="-"), why, specs, today=local_day(now))
    if kept.withdrawn_at is not None:
        raise Conflict(f"佐证 {kept.id} 已由 {kept.withdrawn_by} 撤回")
    kept.withdrawn_by, kept.withdrawn_at, kept.withdrawn_why = actor.login, now, storable(why.strip())
    _record(session, "withdraw_evidence", kept, {"duty": kept.duty, "kind": kept.kind}, actor=actor, now=now)
    return kept


# ---- of whom ----------------------------------------------------------------------------------------------


def subject_named(
    session: Session, duty: Duty, about: About, *, actor: Actor, now: datetime, waived: bool = False
) -> Subject:
    """Of whom evidence of a duty speaks; the own agency where none is named.

    Raises:
        NotFound: it is not seen. Rejected: the duty is not of such a subject, of another city, or only told.
    """
    specs = load()
    if duty.per == "none" or INFORMATION in duty.kind:
        raise Rejected(f"{duty.id} 只是说明，不需要佐证")
    if duty.per == CITY:
        return Subject(CITY, duty.profile, duty.profile, duty.profile)
    of_system = duty.per == SYSTEM or (waived and about.system and "plan" in duty.gates)
    subject = (
        _system(session, about, actor, specs) if of_system else _agency(session, about, actor, now, specs)
    )
    if subject.profile != duty.profile:
        raise Rejected(f"{duty.id} 是另一市办法的义务，“{subject.name}”不适用")
    if subject.external:
        raise Rejected(f"“{subject.name}”：{specs.obligations.say('external')}（{specs.citation('S1 24')}）")
    return subject


def _system(session: Session, about: About, actor: Actor, specs: Specs) -> Subject:
    if not about.system:
        raise Rejected("这项义务按系统核对；用 --system 写明系统")
    system, agency = find_seen(session, about.system, actor=actor)
    return subject_of_system(system, agency, specs)


def _agency(session: Session, about: About, actor: Actor, now: datetime, specs: Specs) -> Subject:
    if about.system:
        raise Rejected("这项义务按单位核对；用 --agency 写明单位，不写系统")
    written = about.agency or next((held.agency_id for held in actor.held if held.agency_id), None)
    if not written:
        raise Rejected("这项义务按单位核对；用 --agency 写明单位")
    return subject_of_agency(find(session, written, today=local_day(now)), specs)


def subject_of(session: Session, kept: DutyEvidence, duty: Duty, specs: Specs) -> Subject:
    """Of whom a piece of evidence speaks."""
    if kept.system_id:
        system = session.get_one(System, kept.system_id)
        return subject_of_system(system, session.get_one(Agency, system.agency_id), specs)
    if kept.agency_id:
        return subject_of_agency(session.get_one(Agency, kept.agency_id), specs)
    return Subject(CITY, duty.profile, duty.profile, duty.profile)


# ---- who --------------------------------------------------------------------------------------------------


def answering(duty: Duty, kind: str, specs: Specs) -> tuple[str, ...]:
    """The permissions of which one records a kind of evidence of a duty."""
    reserved = specs.obligations.reserved_for(kind)
    if reserved:
        return (reserved,)
    return tuple(dict.fromkeys(specs.obligations.answers[actor] for actor in duty.actor))


def target_of(subject: Subject) -> Target:
    """What permissions are asked of."""
    return Target(subject.agency_id, subject.agency.region if subject.agency else None, subject.system_id)


def demand_answer(actor: Actor, duty: Duty, kind: str, subject: Subject) -> None:
    """Refuse who may not record a kind of evidence of a duty.

    Raises:
        NotAllowed.
    """
    _demand_one(actor, answering(duty, kind, load()), subject)


def waiving(duty: Duty, specs: Specs) -> tuple[str, ...]:
    """The permissions of which one says that a duty does not apply: the authority's where a gate or a day stands."""
    rule = specs.obligations.waiving
    return (rule.permission,) if set(duty.kind) & set(rule.kinds) else answering(duty, WAIVED, specs)


def demand_waiver(actor: Actor, duty: Duty, subject: Subject) -> None:
    """Refuse who may not say that a duty does not apply.

    Raises:
        NotAllowed.
    """
    _demand_one(actor, waiving(duty, load()), subject)


def _demand_one(actor: Actor, permissions: tuple[str, ...], subject: Subject) -> None:
    roles, target = roles_of(load()), target_of(subject)
    if not any(may(actor, one, roles, target) for one in permissions):
        demand(actor, permissions[0], roles, target)


# ---- what -------------------------------------------------------------------------------------------------


def _check_kind(duty: Duty, kind: str, specs: Specs) -> None:
    names = {row.key: row.zh for row in specs.duties.evidence_kinds}
    by_hand = [one for one in duty.evidence if is_by_hand(duty, one, specs)]
    offered = "、".join(f"{one}（{names[one]}）" for one in by_hand) or "没有，全部由登记簿得出"
    if kind not in duty.evidence:
        raise Rejected(f"{duty.id} 不收“{kind[:40]}”这种佐证；可用：{offered}")
    if kind not in by_hand:
        row = specs.obligations.derived_of(duty.id, kind)
        raise Rejected(
            f"“{names[kind]}”由登记簿得出，不能登记；先办理{row.where if row else ''}；可登记的：{offered}"
        )


def is_by_hand(duty: Duty, kind: str, specs: Specs) -> bool:
    """Whether a kind of evidence is handed in."""
    row = specs.obligations.derived_of(duty.id, kind)
    return row is None or row.by_hand


def _check_paper(paper: Paper, note: str, specs: Specs, *, today: date) -> None:
    limits, number = specs.obligations.limits, paper.number.strip()
    if not number and paper.sha256 is None:
        raise Rejected("须有文号（--no）或文件，至少一样")
    if len(number) > limits.number or not number.isprintable():
        raise Rejected(f"文号至多 {limits.number} 个字，不含控制字符")
    if len(note.strip()) > limits.note:
        raise Rejected(f"说明至多 {limits.note} 个字")
    if SecretScan(specs).is_marked(f"{number}\n{note}"):
        raise Rejected(f"E125 {specs.say('report_secret')}")
    if paper.file_name:
        check_file_name(Path(paper.file_name).stem, specs)
    if paper.day is not None and paper.day > today:
        raise Rejected(f"文件日期 {paper.day} 还没有到")


def _check_new(session: Session, kept: DutyEvidence) -> None:
    alike = ("duty", "year", "agency_id", "system_id", "kind", "number", "sha256", "note")
    query = select(DutyEvidence).where(col(DutyEvidence.withdrawn_at).is_(None))
    for name in alike:
        query = query.where(getattr(DutyEvidence, name).is_not_distinct_from(getattr(kept, name)))
    found = session.execute(query.limit(1)).scalars().first()
    if found is not None:
        raise Conflict(
            f"同样的内容已登记（{found.id}，{found.by}）；改正的先撤回：mulu duty withdraw {found.id}"
        )


def _check_plan(session: Session, duty: Duty, kind: str, subject: Subject, *, now: datetime) -> None:
    """The gate of plans: built systems must share and open before their plan is taken. Source: S-ZY 5(四)."""
    kinds = [one for gate in duty.gates for one in load().obligations.enforced_index[gate].kinds]
    if kind in kinds and subject.agency is not None and duty.per in (AGENCY, ENTRY):
        lacks = plan_missing(session, subject.agency, now=now)
        if lacks:
            errors = [{"code": one.duty, "message": f"{one.said}；{one.fix}"} for one in lacks]
            said = "；".join(one.said for one in lacks)
            raise Conflict(f"不能登记年度计划：{said}。{lacks[0].fix}", errors=errors)


def _hold(session: Session, subject: Subject, now: datetime) -> None:
    if subject.agency is not None:
        hold(session, subject.agency)
        demand_standing(session, subject.agency, local_day(now))


def _kept(duty: Duty, kind: str, subject: Subject, year: int, *, actor: Actor, now: datetime) -> DutyEvidence:
    """The row; of a system it names its agency, too, of a city neither."""
    return DutyEvidence(
        id=new_key("v"),
        duty=duty.id,
        year=year,
        agency_id=subject.agency_id,
        system_id=subject.system_id,
        kind=kind,
        by=actor.login,
        at=now,
    )


def _record(
    session: Session,
    act: str,
    kept: DutyEvidence,
    told: dict[str, object],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    session.flush()
    said = {key: value for key, value in told.items() if value not in (None, "")}
    acts = [Act(act, kept.id, said)]
    record(session, acts, actor=actor.login, now=now, operator=actor.operator)
