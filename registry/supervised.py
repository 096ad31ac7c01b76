"""What reviews, orders to rectify and budget flags share: which systems they speak of, who sees them, what is written."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_supervision import Supervision
from registry.agency_checks import Against
from registry.errors import Conflict
from registry.kept import storable
from registry.models import Agency, System
from registry.permits import Actor, Target, may, reached, roles_of
from registry.recording import Paper
from registry.system_register import find_seen


def spec_of() -> Supervision:
    """The rules of supervision."""
    return load().supervision


def target_of(system: System, owner: Agency) -> Target:
    """A system as permissions ask of it."""
    return Target(owner.id, owner.region, system.id)


def is_external(system: System) -> bool:
    """Whether a system is the State's or the province's. Source: S1 24."""
    return system.system_class in load().duties.exempt_system_classes.codes


def hold_system(session: Session, written: str, *, actor: Actor) -> tuple[System, Agency]:
    """A system that is supervised here, held against other writers until the transaction ends, and its agency.

    Raises:
        NotFound: none is seen. Conflict: several have this name, or it is the State's or the province's (S1 24).
    """
    system, owner = find_seen(session, written, actor=actor, held=True)
    if is_external(system):
        specs, rule = load(system.profile), spec_of().external
        kind = specs.label("system_class", system.system_class or "")
        raise Conflict(f"“{system.name}”是{kind}系统：{rule.zh}（{specs.cited(rule.sources)}）")
    return system, owner


# ---- who sees ---------------------------------------------------------------------------------------------


def agencies_seen(actor: Actor | None) -> ColumnElement[bool]:
    """The agencies whose reviews, orders and flags someone sees; all of them at the console (None)."""
    return within_agencies(actor, *spec_of().sees)


def sees_agency(actor: Actor | None, agency: Agency) -> bool:
    """``agencies_seen`` of one agency."""
    target = Target(agency.id, agency.region)
    return actor is None or any(may(actor, act, roles_of(load()), target) for act in spec_of().sees)


def within_agencies(actor: Actor | None, *acts: str) -> ColumnElement[bool]:
    """The agencies for which someone may do one of some acts; all of them at the console (None)."""
    return reached(actor, roles_of(load()), agency=col(Agency.id), region=col(Agency.region), acts=acts)


# ---- what is written --------------------------------------------------------------------------------------


def fit(text: Any, what: str, most: int, *, asked: bool = True) -> tuple[str, list[Against]]:
    """A text as it can be kept, and what stands against it: it is missing (where it is ``asked``) or too long."""
    said = storable(str(text or "").strip())
    if asked and not said:
        return said, [Against(f"须写明{what}")]
    return said, [Against(f"{what}至多 {most} 个字，现有 {len(said)} 个")] if len(said) > most else []


def day_against(day: date | None, what: str, today: date) -> list[Against]:
    """What stands against the day of a paper."""
    if day is None:
        return [Against(f"须写明{what}的日期")]
    earliest = spec_of().limits.earliest_year
    if day.year < earliest:
        return [Against(f"{what}的日期 {day} 早于 {earliest} 年，请核对")]
    return [Against(f"{what}的日期 {day} 还没有到")] if day > today else []


def file_name_of(paper: Paper) -> str | None:
    """The name of a paper's file as the tables keep it."""
    return storable(paper.file_name)[:255] if paper.file_name else None
