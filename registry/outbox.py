"""The outbox: which entries may be offered otherwise than before. Written in the transaction of the change itself.

Whoever changes what ``registry.offers`` asks (entries, versions in force, distributions, reviews of data, proofs, stored
files, agencies) marks the entries. One mark too many costs a look; one too few leaves a portal wrong until somebody
verifies it. What changes by itself, as days pass, is not marked: an offer names its last day.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, literal, select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.models import Distribution, Entry, OutboxRow, SyncTarget


def mark(session: Session, entry_ids: Iterable[str], act: str, *, now: datetime) -> None:
    """Say that entries may have to be shown otherwise at the portals; ``act`` is what was done to them."""
    rows = [{"entry_id": entry_id, "act": act, "at": now} for entry_id in sorted(set(entry_ids))]
    if rows:
        session.execute(insert(OutboxRow), rows)


def mark_agency(session: Session, agency_id: str, act: str, *, now: datetime) -> None:
    """``mark`` all entries of an agency that have anything to offer."""
    at = literal(now, OutboxRow.__table__.c.at.type)  # type: ignore[attr-defined]
    made = select(col(Distribution.entry_id))
    theirs = select(col(Entry.id), literal(act), at).where(
        col(Entry.agency_id) == agency_id, col(Entry.id).in_(made)
    )
    session.execute(insert(OutboxRow).from_select(["entry_id", "act", "at"], theirs))


def sweep(session: Session, *, now: datetime, keep: timedelta) -> int:
    """Remove rows older than ``keep`` where there is no target to take them; gives how many.

    A target that is added asks for everything that it could show, whatever stands here.
    """
    if session.execute(select(SyncTarget).where(col(SyncTarget.removed_at).is_(None)).limit(1)).first():
        return 0
    done = session.execute(delete(OutboxRow).where(col(OutboxRow.at) < now - keep))
    return int(getattr(done, "rowcount", 0))
