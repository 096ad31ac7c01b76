"""What follows for next year's budget: what speaks against an agency, and the authority's decision.

``year`` is always the budget year; what is judged is the year before. A flag never follows by itself: candidates
are told, the authority decides. Source: S-ZY 29; S-LPS 33; supervision.yaml (``budget``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load, profile_of_region
from registry import agency_lives
from registry.agency_checks import Against, refuse
from registry.audit import Act, record
from registry.duties import read_duties
from registry.duty_terms import Asked
from registry.errors import Conflict, NotFound
from registry.keys import new_key
from registry.lookup import askable
from registry.models import Agency, BudgetFlag, Rectification, System
from registry.orders import trigger_source, trigger_zh
from registry.people import local_day
from registry.permits import Actor, Target, demand, roles_of
from registry.rectifications import days_late
from registry.reviews import PLAN, newest_first
from registry.supervised import agencies_seen, day_against, fit, is_external, spec_of, within_agencies
from validators.obligations import OVERDUE


@dataclass(frozen=True, slots=True)
class Ground:
    """One thing that speaks against an agency: a kind of supervision.yaml, what it refers to, in words, its article."""

    kind: str
    zh: str
    ref: str
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agency with all that speaks against it; ``flagged``: the document by which it is flagged, else empty."""

    agency_code: str
    agency_name: str
    year: int
    grounds: tuple[Ground, ...]
    consequence: str
    source: str
    flagged: str


@dataclass(frozen=True, slots=True)
class FlagShown:
    """A flag as it is shown; ``standing``: it was not lifted. ``reasons`` are the grounds it was decided on."""

    id: str
    agency_code: str
    agency_name: str
    year: int
    reasons: tuple[Mapping[str, str], ...]
    document: str
    day: date
    note: str
    by: str
    at: datetime
    consequence: str
    source: str
    standing: bool
    lifted_why: str
    lifted_by: str
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it is given: the document with its day, what it refers to (``Ground.ref``), own words."""

    document: str
    day: date | None
    reasons: tuple[str, ...] = ()
    note: str = ""


def usual_year(now: datetime) -> int:
    """The budget year that is spoken of when none is named: the next one."""
    return local_day(now).year + 1


def specs_for(agency: Agency) -> Specs:
    """The law of an agency's city."""
    return load(profile_of_region(agency.region) or load().profile.key)


# ---- what speaks against an agency --------------------------------------------------------------------------


def candidates(
    session: Session,
    *,
    year: int,
    now: datetime,
    actor: Actor | None = None,
    agency: str | None = None,
) -> list[Candidate]:
    """The agencies with something against them, by code. ``actor``: within his reach as the authority; None: all.

    ``agency`` names one by code or name. Source: S-ZY 13, 29; S-LPS 32, 33.

    Raises:
        NotAllowed: he is not the authority. Rejected: the year is out of range.
    """
    if actor is not None:
        demand(actor, spec_of().budget.permission, roles_of(load()))
    refuse("不能列出", _year_against(year, local_day(now)))
    reach = within_agencies(actor, spec_of().budget.permission)
    if agency:
        named = askable(agency)
        reach = reach & or_(col(Agency.code) == named, col(Agency.name) == named, col(Agency.id) == named)
    return _candidates(session, reach, year, now)


def _candidates(session: Session, reach: ColumnElement[bool], year: int, now: datetime) -> list[Candidate]:
    found: dict[str, list[Ground]] = {}
    owners: dict[str, Agency] = {}
    for owner, ground in _grounds(session, reach, year, now):
        owners[owner.id] = owner
        found.setdefault(owner.id, []).append(ground)
    flags = _standing_flags(session, year)
    made = [_candidate(owners[key], year, grounds, flags.get(key)) for key, grounds in found.items()]
    return sorted(made, key=lambda one: one.agency_code)


def _candidate(owner: Agency, year: int, grounds: Sequence[Ground], flag: BudgetFlag | None) -> Candidate:
    consequence, source = consequence_of(owner)
    document = flag.document if flag else ""
    return Candidate(owner.code, owner.name, year, tuple(grounds), consequence, source, document)


def consequence_of(agency: Agency) -> tuple[str, str]:
    """What the measure of the agency's city says follows, and the article."""
    specs = specs_for(agency)
    rows = spec_of().budget.consequences
    row = next((one for one in rows if one.profile == specs.profile.key), rows[0])
    return row.zh, specs.cited(row.sources)


def _grounds(
    session: Session, reach: ColumnElement[bool], year: int, now: datetime
) -> Iterator[tuple[Agency, Ground]]:
    yield from _orders(session, reach, year, local_day(now))
    yield from _reviews(session, reach, year)
    yield from _duties(session, reach, year, now)


def _ground(kind: str, ref: str, words: str, specs: Specs) -> Ground:
    row = spec_of().budget.ground_index[kind]
    return Ground(kind, row.zh, ref, words, specs.cited(row.sources))


def _orders(
    session: Session, reach: ColumnElement[bool], year: int, today: date
) -> Iterator[tuple[Agency, Ground]]:
    """The open orders of the year that is judged, and earlier ones that are past their date."""
    query = (
        select(Rectification, System, Agency)
        .join(System, col(System.id) == col(Rectification.system_id))
        .join(Agency, col(Agency.id) == col(System.agency_id))
        .where(reach, col(Rectification.state).in_(spec_of().rectification.open_states))
        .where(col(Rectification.day) < date(year, 1, 1))
        .order_by(col(Rectification.number))
    )
    for order, system, owner in session.execute(query):
        late = days_late(order, today)
        if is_external(system) or not (late or order.day.year == year - 1):
            continue
        specs = load(system.profile)
        state = spec_of().rectification.state_index[order.state].zh
        why = f"“{system.name}”{order.number}（{state}）：{order.trigger} {trigger_zh(order.trigger, specs)}"
        until = f"；{order.due} 前整改" + (f"，已超期 {late} 天" if late else "")
        row = spec_of().budget.ground_index["order_overdue" if late else "order_open"]
        source = trigger_source(order.trigger, specs) or specs.cited(row.sources)
        yield owner, Ground(row.key, row.zh, order.number, why + until, source)


def _reviews(session: Session, reach: ColumnElement[bool], year: int) -> Iterator[tuple[Agency, Ground]]:
    """Systems of which the plan review that counts was not passed, of the year that is judged or of the budget's."""
    query = select(System, Agency).join(Agency, col(Agency.id) == col(System.agency_id)).where(reach)
    rows = {system.id: (system, owner) for system, owner in session.execute(query.order_by(col(System.id)))}
    reviews = newest_first(session, rows, kind=PLAN)
    for key, (system, owner) in rows.items():
        for asked in (year - 1, year):
            review = next((one for one in reviews.get(key, ()) if one.year == asked), None)
            if review is None or review.passed or is_external(system):
                continue
            why = "；".join(f"{one['code']} {one['words']}".strip() for one in review.reasons)
            words = f"“{system.name}”{asked} 年方案评审未通过（{review.number or review.day}）：{why}"
            yield owner, _ground("review_failed", review.id, words, load(system.profile))


def _duties(
    session: Session, reach: ColumnElement[bool], year: int, now: datetime
) -> Iterator[tuple[Agency, Ground]]:
    """The duties of the agency and its systems that were overdue in the year that is judged."""
    spec = spec_of().budget
    known = session.execute(select(Agency).where(reach)).scalars()
    rows = {one.id: one for one in known if agency_lives.standing(one, local_day(now))}
    one = next(iter(rows.values())).code if len(rows) == 1 else None
    asked = Asked(year=year - 1, agency=one)
    for duty in read_duties(session, asked, now=now, specs=load()) if rows else ():
        owner = rows.get(duty.subject.agency_id or "")
        told = set(duty.duty.evidence) & set(spec.told_elsewhere)
        if owner is None or duty.state != OVERDUE or told or spec.duties_of not in duty.duty.actor:
            continue
        specs = load(duty.duty.profile)
        late = f"应于 {duty.term.due} 前完成" if duty.term.due else "已超期"
        words = f"“{duty.subject.name}”{duty.year} 年：{duty.duty.zh}；{late}"
        row = spec.ground_index["duty_overdue"]
        ref, source = f"{duty.duty.id}@{duty.subject.id}", specs.cited(duty.duty.sources)
        yield owner, Ground("duty_overdue", row.zh, ref, words, source)


# ---- decided ------------------------------------------------------------------------------------------------


def flag(
    session: Session, agency: str, year: int, given: Decision, *, actor: Actor, now: datetime
) -> BudgetFlag:
    """Flag an agency: its budget of ``year`` is not arranged in principle. ``agency`` is a code, a name or a key.

    Raises:
        NotFound: no such agency. NotAllowed: not the authority. Conflict: it stands no more, or is flagged already.
        Rejected: document, day, year or reasons will not do; all is named.
    """
    today, spec = local_day(now), spec_of()
    owner = agency_lives.find(session, agency, today=today)
    demand(actor, spec.budget.permission, roles_of(load()), Target(owner.id, owner.region))
    agency_lives.hold(session, owner)
    agency_lives.demand_standing(session, owner, today)
    refuse("不能标记", _year_against(year, today))
    known = _standing_flags(session, year).get(owner.id)
    if known is not None:
        raise Conflict(f"“{owner.name}”{year} 年度已标记（{known.document}）；改动须先解除")
    document, against = fit(given.document, "决定的文号", spec.limits.number)
    note, long = fit(given.note, "说明", spec.limits.words, asked=not given.reasons)
    reasons, unknown = _chosen(session, owner, year, given.reasons, now)
    against += [*day_against(given.day, "决定", today), *long, *unknown]
    refuse("不能标记", against)
    assert given.day is not None
    made = BudgetFlag(
        id=new_key("b"),
        agency_id=owner.id,
        year=year,
        reasons=[asdict(one) for one in reasons],
        document=document,
        day=given.day,
        note=note,
        by=actor.login,
        at=now,
    )
    session.add(made)
    session.flush()
    details = {"flag": made.id, "year": year, "document": document, "reasons": [one.ref for one in reasons]}
    _record(session, "flag_budget", owner, details, actor=actor, now=now)
    return made


def _chosen(
    session: Session, owner: Agency, year: int, refs: Sequence[str], now: datetime
) -> tuple[list[Ground], list[Against]]:
    """The grounds that a decision refers to; the register must know them."""
    if not refs:
        return [], []
    found = _candidates(session, col(Agency.id) == owner.id, year, now)
    known = {ground.ref: ground for one in found for ground in one.grounds}
    listed = "；".join(f"{ref}（{ground.zh}）" for ref, ground in known.items()) or "没有"
    against = [
        Against(f"“{ref[:64]}”不在“{owner.name}”的情形之列；登记簿所知：{listed}。其他理由写在说明中")
        for ref in dict.fromkeys(refs)
        if ref not in known
    ]
    return [known[ref] for ref in dict.fromkeys(refs) if ref in known], against


def lift(session: Session, agency: str, year: int, *, why: str, actor: Actor, now: datetime) -> BudgetFlag:
    """Lift the flag of an agency and a budget year, with words.

    Raises:
        NotFound: no such agency, or it is not flagged. NotAllowed: not the authority. Rejected: no words.
    """
    owner = agency_lives.find(session, agency, today=local_day(now))
    demand(actor, spec_of().budget.permission, roles_of(load()), Target(owner.id, owner.region))
    agency_lives.hold(session, owner)
    refuse("不能解除", _year_against(year, local_day(now)))
    found = _standing_flags(session, year).get(owner.id)
    if found is None:
        raise NotFound(f"“{owner.name}”{year} 年度没有标记")
    said, against = fit(why, "解除的理由", spec_of().limits.words)
    refuse("不能解除", against)
    found.lifted_why, found.lifted_by, found.lifted_at = said, actor.login, now
    session.flush()
    details = {"flag": found.id, "year": year, "why": said}
    _record(session, "lift_budget_flag", owner, details, actor=actor, now=now)
    return found


def _year_against(year: int, today: date) -> list[Against]:
    spec = spec_of().budget
    first, last = today.year - spec.earliest_years_back, today.year + spec.years_ahead
    return [] if first <= year <= last else [Against(f"预算年度须在 {first} 至 {last} 之间，不能是 {year}")]


def _record(
    session: Session, act: str, owner: Agency, details: dict[str, Any], *, actor: Actor, now: datetime
) -> None:
    done = Act(act, owner.id, {"agency": owner.code} | details)
    record(session, [done], actor=actor.login, now=now, operator=actor.operator)


# ---- asked --------------------------------------------------------------------------------------------------


def _standing_flags(session: Session, year: int) -> dict[str, BudgetFlag]:
    """By agency the flags of a budget year that were not lifted."""
    query = select(BudgetFlag).where(col(BudgetFlag.year) == year, col(BudgetFlag.lifted_at).is_(None))
    found = session.execute(query.execution_options(populate_existing=True)).scalars()
    return {one.agency_id: one for one in found}


def list_flags(
    session: Session,
    *,
    actor: Actor | None,
    year: int | None = None,
    agency: str | None = None,
    standing: bool = False,
) -> list[FlagShown]:
    """The flags that someone sees (None: the console), the newest year first. ``standing``: not the lifted ones."""
    query: Select[*tuple[Any, ...]] = (
        select(BudgetFlag, Agency)
        .join(Agency, col(Agency.id) == col(BudgetFlag.agency_id))
        .where(agencies_seen(actor))
    )
    if year is not None:
        query = query.where(col(BudgetFlag.year) == year)
    if agency:
        named = askable(agency)
        query = query.where(or_(col(Agency.code) == named, col(Agency.name) == named))
    if standing:
        query = query.where(col(BudgetFlag.lifted_at).is_(None))
    rows = session.execute(query.order_by(col(BudgetFlag.year).desc(), col(Agency.code), col(BudgetFlag.at)))
    return [shown_flag(one, owner) for one, owner in rows]


def shown_flag(one: BudgetFlag, owner: Agency) -> FlagShown:
    """A flag as it is shown."""
    consequence, source = consequence_of(owner)
    plain = ("id", "year", "document", "day", "note", "by", "at", "lifted_why", "lifted_by", "lifted_at")
    return FlagShown(
        **{name: getattr(one, name) for name in plain},
        agency_code=owner.code,
        agency_name=owner.name,
        reasons=tuple(one.reasons),
        consequence=consequence,
        source=source,
        standing=one.lifted_at is None,
    )
