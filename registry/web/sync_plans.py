"""What a run would do, as pages and API show it: the whole plan where it is short, else a page of it at a time.

To judge an entry costs some milliseconds; a server judges a few hundred for one answer, and ``mulu-sync plan`` all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, union
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.errors import Conflict
from registry.models import SyncEntry, SyncTarget
from registry.people import local_day
from registry.permits import Sight
from registry.settings import Settings
from registry.web.sync_views import changed_entries, names_seen
from sync import ledger, targets
from sync.desires import wanted
from sync.mapping import Shape, mapping_digest
from sync.plan import Plan, Planned, act_of, plan_of
from sync.targets import PROVINCE

MOST_JUDGED = 500


@dataclass(frozen=True, slots=True)
class ForWhom:
    """For whom a plan is made: what he sees of names, with which settings, when."""

    sight: Sight
    settings: Settings
    now: datetime


@dataclass(frozen=True, slots=True)
class PlanSeen:
    """What a run would do: ``plan`` whole, or None where ``judged`` are those of a page alone.

    ``open`` entries are to be judged in all. ``remapped``: the rules of mapping are not those of the last run, so
    everything is judged anew.
    """

    plan: Plan | None
    open: int
    judged: tuple[Planned, ...]
    remapped: bool


def plan_seen(session: Session, target: SyncTarget, whom: ForWhom, *, limit: int, offset: int) -> PlanSeen:
    """What a run would do at a target, from the ledger alone; where much is open, a page of it.

    Raises:
        Unavailable: the settings lack what a plan needs.
    """
    shape = targets.shape_of(session, target, whom.settings)
    remapped, keys = _open(target, shape, whom.now)
    found = int(session.execute(select(func.count()).select_from(keys.subquery())).scalar_one())
    if found <= MOST_JUDGED:
        plan = _named(session, plan_of(session, target, shape, now=whom.now), whom.sight)
        return PlanSeen(plan, found, (), remapped)
    page = list(session.execute(keys.order_by("entry_id").limit(limit).offset(offset)).scalars())
    return PlanSeen(None, found, _judged(session, target, shape, page, whom), remapped)


def whole_plan(session: Session, target: SyncTarget, whom: ForWhom) -> tuple[Plan, bool]:
    """The plan whole, and whether everything is judged anew.

    Raises:
        Conflict: too much is open to be judged for one answer. Unavailable: as ``plan_seen``.
    """
    found = plan_seen(session, target, whom, limit=0, offset=0)
    if found.plan is None:
        raise Conflict(
            f"目标 {target.name} 有 {found.open} 条待判定，超过一次答复的 {MOST_JUDGED} 条；"
            f"执行 mulu-sync plan {target.name} --json"
        )
    return found.plan, found.remapped


def _open(target: SyncTarget, shape: Shape, now: datetime) -> tuple[bool, Any]:
    """Whether everything is judged anew, and the keys of what is to be judged (as ``plan_of`` takes them)."""
    remapped = target.mapping not in ("", mapping_digest(shape))
    rows: Any = select(col(SyncEntry.entry_id).label("entry_id")).where(col(SyncEntry.target_id) == target.id)
    if not remapped:
        rows = rows.where(or_(ledger.is_due(), ledger.has_run_out(local_day(now))))
    return remapped, union(rows, changed_entries(target.id))


def _judged(
    session: Session, target: SyncTarget, shape: Shape, keys: Sequence[str], whom: ForWhom
) -> tuple[Planned, ...]:
    query = select(SyncEntry).where(col(SyncEntry.target_id) == target.id, col(SyncEntry.entry_id).in_(keys))
    rows = {row.entry_id: row for row in session.execute(query).scalars()}
    whole = target.kind == PROVINCE
    wants = wanted(session, shape, keys, now=whom.now, whole=whole, closing=target.closing)
    names = names_seen(session, keys, whom.sight)
    return tuple(
        Planned(key, *names[key], act_of(rows.get(key), wants[key]), None, wants[key].held_back)
        for key in keys
    )


def _named(session: Session, plan: Plan, sight: Sight) -> Plan:
    names = names_seen(session, sorted({one.entry_id for one in (*plan.entries, *plan.held)}), sight)

    def named(rows: Sequence[Planned]) -> tuple[Planned, ...]:
        return tuple(replace(one, name=names[one.entry_id][1]) for one in rows)

    return replace(plan, entries=named(plan.entries), held=named(plan.held))


def listed(plan: Plan, act: str) -> list[Planned]:
    """The entries of a plan, each once: what is touched, then what is only held back; those of one ``act``, where it
    is given; ``withheld`` means all that is held back."""
    touched = {one.entry_id for one in plan.entries}
    rows = [*plan.entries, *(one for one in plan.held if one.entry_id not in touched)]
    return [one for one in rows if act in ("", one.act) or (act == ledger.WITHHELD and one.reasons)]
