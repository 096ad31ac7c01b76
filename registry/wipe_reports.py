"""Reports on wipes: what is due, and systems that were stopped and not wiped; each as far as one sees it.

Source: S-LPS 26; S1 27; domain §7, §12 R13, R16.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.models import (
    Agency,
    DataCopy,
    Retirement,
    System,
    SystemLife,
    WipeCase,
)
from registry.people import local_day
from registry.permits import Actor
from registry.system_register import systems_seen
from registry.wipe_cases import unanswered
from registry.wipe_sight import cases_seen

_OPEN, _REJECTED = "open", "rejected"
_PIECE = 400


@dataclass(frozen=True, slots=True)
class WipeDue:
    """An open wipe case. ``since``: the day from which its data were to be wiped; ``days`` since then, ``overdue`` since
    ``due``. ``left`` are copies that are not answered for, in words; ``rejected`` those whose wipe did not pass."""

    case: str
    kind: str
    kind_zh: str
    agency_code: str
    agency_name: str
    system: str
    paper: str
    since: date
    days: int
    due: date | None
    overdue: int
    left: tuple[str, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoppedSystem:
    """A system that was stopped and is not wiped. ``since`` is None where no step of its life says when; ``missing``
    says what keeps it so."""

    system_id: str
    ident: str | None
    name: str
    agency_code: str
    agency_name: str
    since: date | None
    days: int | None
    retirement: str
    copies: int
    missing: tuple[str, ...]


# ---- due --------------------------------------------------------------------------------------------------


def wipes_due(session: Session, *, actor: Actor | None, now: datetime) -> tuple[WipeDue, ...]:
    """The open wipe cases that ``actor`` sees (None: the console), the latest and oldest first. Source: S-LPS 26."""
    kinds = {one.key: one.zh for one in load().retirement.cases}
    query = (
        select(WipeCase, Agency, System, Retirement)
        .join(Agency, col(Agency.id) == col(WipeCase.agency_id))
        .outerjoin(System, col(System.id) == col(WipeCase.system_id))
        .outerjoin(Retirement, col(Retirement.id) == col(WipeCase.retirement_id))
        .where(cases_seen(actor), col(WipeCase.state) == _OPEN)
    )
    rows = session.execute(query.order_by(col(WipeCase.id))).all()
    rejected = _rejected(session, [row[0].id for row in rows])
    today, found = local_day(now), []
    for case, agency, system, retired in rows:
        since = case.not_before or (retired.decided_on if retired else local_day(case.opened_at))
        found.append(
            WipeDue(
                case=case.number,
                kind=case.kind,
                kind_zh=kinds[case.kind],
                agency_code=agency.code,
                agency_name=agency.name,
                system=system.name if system else "",
                paper=case.decision_no or case.contract_no,
                since=since,
                days=(today - since).days,
                due=case.due,
                overdue=max((today - case.due).days, 0) if case.due else 0,
                left=unanswered(session, case),
                rejected=tuple(rejected[case.id]),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.overdue, one.due or date.max, one.since, one.case)))


def _rejected(session: Session, cases: Iterable[str]) -> dict[str, list[str]]:
    """The names of copies whose wipe did not pass, by case."""
    found: dict[str, list[str]] = defaultdict(list)
    ids = list(cases)
    for start in range(0, len(ids), _PIECE):
        part = col(DataCopy.case_id).in_(ids[start : start + _PIECE])
        query = select(col(DataCopy.case_id), col(DataCopy.name)).where(
            part, col(DataCopy.state) == _REJECTED
        )
        for case, name in session.execute(query.order_by(col(DataCopy.id))):
            found[str(case)].append(name)
    return found


# ---- stopped ----------------------------------------------------------------------------------------------


def stopped_not_wiped(session: Session, *, actor: Actor | None, now: datetime) -> tuple[StoppedSystem, ...]:
    """The systems that were stopped and are not wiped, as far as ``actor`` sees them, the longest first.

    One that was wiped stands here again when a copy of its data turns up afterwards.
    Systems of the State and the province are wiped by themselves (domain §12 R13). Source: S-LPS 26.
    """
    specs, today = load(), local_day(now)
    ended = specs.obligations.ended
    lives = [life.key for life in specs.systems.lives if life.over and life.key != ended]
    query = (
        select(System, Agency)
        .join(Agency, col(Agency.id) == col(System.agency_id))
        .where(
            col(System.life).in_(lives) | ((col(System.life) == ended) & col(System.id).in_(_unended(specs)))
        )
        .where(systems_seen(actor))
    )
    external = specs.duties.exempt_system_classes.codes
    rows = [
        row for row in session.execute(query.order_by(col(System.id))) if row[0].system_class not in external
    ]
    ids = [system.id for system, _agency in rows]
    days, cases, copies = _stopped_days(session, ids), _open_cases(session, ids), _copies(session, ids, specs)
    found = []
    for system, agency in rows:
        since = days.get((system.id, system.life))
        retired, case = cases.get(system.id, (None, None))
        found.append(
            StoppedSystem(
                system_id=system.id,
                ident=system.ident,
                name=system.name,
                agency_code=agency.code,
                agency_name=agency.name,
                since=since,
                days=(today - since).days if since else None,
                retirement=retired.number if retired else "",
                copies=len(copies[system.id]),
                missing=_missing(session, retired, case, copies[system.id]),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.since or date.min, one.system_id)))


def _unended(specs: Specs) -> Select[Any]:
    """The systems of which a copy has no end yet."""
    over = [state.key for state in specs.systems.copy_states if state.terminal]
    return select(col(DataCopy.system_id)).where(
        col(DataCopy.system_id).is_not(None), col(DataCopy.state).not_in(over)
    )


def _missing(
    session: Session, retired: Retirement | None, case: WipeCase | None, copies: list[str]
) -> tuple[str, ...]:
    if retired is None:
        return ("没有停用任务；登记停用批复（mulu retirement open）", *copies)
    if case is None:
        return (f"停用任务 {retired.number} 没有清除任务", *copies)
    left = unanswered(session, case)
    return left or (f"副本均有结果，停用任务 {retired.number} 还没有结案",)


def _stopped_days(session: Session, ids: list[str]) -> dict[tuple[str, str], date]:
    """On which day each system came into each of its lives, the last time."""
    found: dict[tuple[str, str], date] = {}
    for start in range(0, len(ids), _PIECE):
        part = col(SystemLife.system_id).in_(ids[start : start + _PIECE])
        query = select(col(SystemLife.system_id), col(SystemLife.after), func.max(col(SystemLife.day)))
        grouped = query.where(part).group_by(col(SystemLife.system_id), col(SystemLife.after))
        found |= {(key, after): day for key, after, day in session.execute(grouped)}
    return found


def _open_cases(session: Session, ids: list[str]) -> dict[str, tuple[Retirement, WipeCase | None]]:
    """The retirement of each system that is not cancelled, with its wipe case; the last one counts."""
    found: dict[str, tuple[Retirement, WipeCase | None]] = {}
    for start in range(0, len(ids), _PIECE):
        part = col(Retirement.system_id).in_(ids[start : start + _PIECE])
        query = (
            select(Retirement, WipeCase)
            .outerjoin(WipeCase, col(WipeCase.retirement_id) == col(Retirement.id))
            .where(part, col(Retirement.state) != "cancelled")
        )
        for retired, case in session.execute(query.order_by(col(Retirement.opened_at))):
            found[retired.system_id] = (retired, case)
    return found


def _copies(session: Session, ids: list[str], specs: Specs) -> dict[str, list[str]]:
    """The copies of each system that have no end yet, in words."""
    kinds = {one.key: one.zh for one in specs.retirement.copies}
    states, found = specs.systems.copy_state_index, defaultdict(list)
    for start in range(0, len(ids), _PIECE):
        part = col(DataCopy.system_id).in_(ids[start : start + _PIECE])
        for copy in session.execute(select(DataCopy).where(part).order_by(col(DataCopy.id))).scalars():
            if not states[copy.state].terminal:
                found[str(copy.system_id)].append(
                    f"{kinds[copy.kind]}“{copy.name}”（{states[copy.state].zh}）"
                )
    return found


# ---- as tables --------------------------------------------------------------------------------


def due_cells(one: WipeDue) -> tuple[Any, ...]:
    """A line of the report of what is due, under ``DUE_HEADS``."""
    late = f"超期 {one.overdue} 天" if one.overdue else ""
    return (
        one.case, one.kind_zh, one.agency_name, one.system, str(one.since), str(one.days), str(one.due or ""), late,
        "；".join(one.left), "、".join(one.rejected),
    )  # fmt: skip


DUE_HEADS = (
    "清除任务",
    "起因",
    "单位",
    "系统",
    "自",
    "天数",
    "期限",
    "超期",
    "未答复的副本",
    "验证未通过的副本",
)


def stopped_cells(one: StoppedSystem) -> tuple[Any, ...]:
    """A line of the report of systems stopped but not wiped, under ``STOPPED_HEADS``."""
    return (
        one.name, one.agency_name, str(one.since or "不详"), "" if one.days is None else str(one.days),
        one.retirement, str(one.copies), "；".join(one.missing),
    )  # fmt: skip


STOPPED_HEADS = ("系统", "单位", "停用日", "天数", "停用任务", "未了结的副本", "还缺")
