"""Agencies merged: what they have goes to their successor, in one transaction, with nothing left behind.

Resource codes stay (they are never edited); content is not rewritten. Source: domain §12 R14; S1 2, 17, 43.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.agency_checks import (
    Against,
    Order,
    allow,
    ancestors,
    began_before,
    change,
    order_of,
    refuse,
)
from registry.agency_lives import DAY, MERGE, closed_words, find, hold, standing
from registry.entries import lock_register
from registry.handover import Chosen, Moved, clashing_systems, hand_over, worth_a_look
from registry.models import Agency, System
from registry.people import local_day
from registry.permits import Actor


@dataclass(frozen=True, slots=True)
class Taken:
    """What one agency took over from another."""

    source: Agency
    into: Agency
    moved: Moved


@dataclass(frozen=True, slots=True)
class Succession:
    """What came of a merger or a split; ``told`` is what somebody should look at."""

    taken: tuple[Taken, ...]
    told: tuple[str, ...] = field(default=())


# ---- merger -----------------------------------------------------------------------------------------------


def merge(
    session: Session,
    sources: Sequence[str],
    into: str,
    *,
    day: date,
    basis: str,
    across_regions: bool = False,
    actor: Actor,
    now: datetime,
) -> Succession:
    """Merge agencies into one that stands: they close, everything they have becomes its own.

    ``across_regions`` says that agencies of other regions are meant.

    Raises:
        NotFound, NotAllowed. Conflict: one of them is closed (its successor is named), or two systems would bear one
        name. Rejected: the same agency twice, another region without say-so, day or basis. Everything is said at once.
    """
    lock_register(session)
    today = local_day(now)
    target = find(session, into, today=today)
    olds = list({one.id: one for one in (find(session, w, today=today) for w in sources)}.values())
    for one in (target, *olds):
        allow(one, actor)
    hold(session, target, *olds)
    order, against = order_of(day, basis, actor=actor, now=now)
    against += _merge_against(session, olds, target, order, across_regions)
    refuse("不能合并单位", against)
    taken = [Taken(old, target, take(session, old, target, order, MERGE, None)) for old in olds]
    for old in olds:
        end(session, old, target, order)
        order.note("merge_agency", old.id, agency=old.code, into=target.code, counts=counts(taken, old))
    order.write(session)
    return outcome(session, taken)


def _merge_against(
    session: Session, olds: Sequence[Agency], target: Agency, order: Order, across: bool
) -> list[Against]:
    today = local_day(order.now)
    against = [] if olds else [Against("没有写明并入哪些单位")]
    for one in (target, *olds):
        if not standing(one, today):
            against.append(Against(closed_words(session, one), state=True))
        else:
            against += began_before(one, order.day) if one is not target else _stood_on(one, order.day)
    if target.id in {old.id for old in olds}:
        against.append(Against(f"“{target.name}”不能并入它自己"))
    against += regions_against(olds, target, across)
    ids = [old.id for old in olds if old.id != target.id]
    systems = session.execute(select(col(System.id)).where(col(System.agency_id).in_(ids))).scalars()
    return against + systems_against(session, systems.all(), target)


def _stood_on(agency: Agency, day: date) -> list[Against]:
    if standing(agency, day):
        return []
    return [Against(f"“{agency.name}”自 {agency.valid_from} 才设立，在生效日 {day} 还没有")]


def regions_against(olds: Sequence[Agency], target: Agency, across: bool) -> list[Against]:
    """Agencies of another region than the one that takes over, unless that is meant."""
    if across:
        return []
    return [
        Against(f"“{old.name}”的区划是 {old.region}，“{target.name}”的是 {target.region}；跨区划须另行写明")
        for old in olds
        if old.region != target.region
    ]


def systems_against(session: Session, ids: Sequence[str], target: Agency | None) -> list[Against]:
    """Systems that would bear one name in the agency that takes them."""
    names = clashing_systems(session, ids, target) if ids else []
    return [Against(f"有同名系统：{'、'.join(names)}；先改名", state=True)] if names else []


def take(session: Session, old: Agency, new: Agency, order: Order, kind: str, chosen: Chosen | None) -> Moved:
    """Hand over, and keep what moved with the change."""
    moved = hand_over(session, old, new, order, chosen)
    session.add(change(old, kind, order, new, moved.listed))
    return moved


def end(session: Session, old: Agency, heir: Agency | None, order: Order) -> None:
    """Close an agency; the agencies below it come under its heir."""
    old.valid_until = order.day - DAY
    old.successor_id = heir.id if heir else None
    if heir is None:
        return
    if old.id in ancestors(session, heir):
        # the heir comes from below
        heir.parent_id = old.parent_id
        session.flush()
    below = select(Agency).where(col(Agency.parent_id) == old.id, col(Agency.valid_until).is_(None))
    for child in session.execute(below).scalars():
        if child.id != heir.id:
            child.parent_id = heir.id
            order.note("edit_agency", child.id, agency=child.code, parent=[old.id, heir.id])


def counts(taken: Sequence[Taken], old: Agency) -> dict[str, int]:
    """How much of each kind left ``old``."""
    moved = [one.moved for one in taken if one.source is old]
    found = {
        "entries": sum(len(one.entries) for one in moved),
        "systems": sum(len(one.systems) for one in moved),
        "people": sum(len(one.people) for one in moved),
        "roles": sum(one.roles for one in moved),
        "delegations": sum(one.delegations for one in moved),
    }
    cases = sum(one.cases for one in moved)
    return found | {"cases": cases} if cases else found


def outcome(session: Session, taken: Sequence[Taken]) -> Succession:
    """What came of it, with what somebody should look at."""
    told = dict.fromkeys(said for one in taken for said in one.moved.told)
    for heir in {one.into.id: one.into for one in taken}.values():
        entries = [key for one in taken if one.into is heir for key in one.moved.entries]
        told |= dict.fromkeys(worth_a_look(session, heir, entries))
    return Succession(tuple(taken), tuple(told))
