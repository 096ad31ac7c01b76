"""The record of acts: each row is chained to the one before it by hash. It holds digests, never content."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.keys import digest_of
from registry.models import AuditEvent

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Act:
    """One act to be recorded: what was done to which subject, with digests and names as details."""

    act: str
    subject: str
    details: Mapping[str, Any]


def record(session: Session, acts: Sequence[Act], *, actor: str, now: datetime) -> None:
    """Append acts to the chain, in order, in the caller's transaction; if this fails, the act fails."""
    if not acts:
        return
    _lock(session)
    last = session.execute(
        select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1)
    ).scalar_one_or_none()
    seq, previous = (last.seq, last.digest) if last else (0, GENESIS)
    rows = []
    for act in acts:
        seq += 1
        row: dict[str, Any] = {
            "seq": seq,
            "at": now,
            "actor": actor,
            "act": act.act,
            "subject": act.subject,
            "details": dict(act.details),
            "previous": previous,
        }
        previous = row["digest"] = _digest(row)
        rows.append(row)
    session.execute(insert(AuditEvent), rows)


def _lock(session: Session) -> None:
    """Let one writer append at a time: SQLite's write transaction does, PostgreSQL is told."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(0x6D756C75)))


def _digest(row: Mapping[str, Any]) -> str:
    shown = {key: row[key] for key in ("seq", "actor", "act", "subject", "details", "previous")}
    # the database gives moments back in UTC, in whatever zone they were given
    return digest_of(shown | {"at": row["at"].astimezone(UTC).isoformat(timespec="microseconds")})


def verify(events: Iterable[AuditEvent]) -> int | None:
    """The number of the first event that does not fit its chain; None when all do."""
    previous, expected = GENESIS, 1
    for event in events:
        row = {name: getattr(event, name) for name in AuditEvent.model_fields}
        if event.seq != expected or event.previous != previous or event.digest != _digest(row):
            return event.seq
        previous, expected = event.digest, expected + 1
    return None


def verify_all(session: Session) -> int | None:
    """``verify`` over the whole record, read in pieces."""
    events = session.execute(select(AuditEvent).order_by(col(AuditEvent.seq))).scalars().yield_per(1000)
    return verify(events)
