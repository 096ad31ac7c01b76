"""What a target refused and waits for the entry's steward: in its own words, and how it is cured.

Source: S-LPS 25; domain §12 R19; sync.yaml ``parcels.task``.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.models import Agency, Entry, SyncEntry, SyncTarget, Version
from registry.permits import Actor, holding, roles_of, within


@dataclass(frozen=True, slots=True)
class SyncTask:
    """An entry that a target refused. ``said`` are the target's words, ``cure`` says what to do."""

    zh: str
    target: str
    entry_id: str
    code: str | None
    name: str
    agency_code: str
    agency_name: str
    said: str
    cure: str
    since: datetime


def sync_tasks(session: Session, actor: Actor | None, *, specs: Specs) -> tuple[SyncTask, ...]:
    """What was refused of the entries that ``actor`` may revise (of all entries, for None), the oldest first."""
    task = specs.sync.parcels.task
    newest = and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == col(Entry.newest))
    query = (
        select(SyncEntry, col(SyncTarget.name), Entry, Agency, col(Version.name))
        .join(SyncTarget, col(SyncTarget.id) == col(SyncEntry.target_id))
        .join(Entry, col(Entry.id) == col(SyncEntry.entry_id))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .join(Version, newest)
        .where(col(SyncEntry.trouble).in_(task.troubles), col(SyncTarget.kind).in_(task.kinds))
        .where(col(SyncTarget.removed_at).is_(None), _mine(actor, task.move, specs))
        .order_by(col(SyncEntry.changed_at), col(SyncEntry.entry_id))
    )
    return tuple(
        SyncTask(
            zh=task.zh,
            target=target,
            entry_id=entry.id,
            code=entry.code,
            name=name,
            agency_code=agency.code,
            agency_name=agency.name,
            said=row.said,
            cure=task.cure_zh,
            since=row.changed_at or entry.created_at,
        )
        for row, target, entry, agency, name in session.execute(query)
    )


def _mine(actor: Actor | None, move: str, specs: Specs) -> ColumnElement[bool]:
    if actor is None:
        return true()
    roles = roles_of(specs)
    return within(holding(actor, move, roles), roles)
