"""Numbers of cases and papers, counted on within a region and a year: QC-520300-2026-0001. None is given twice."""

import hashlib
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session


def next_number(session: Session, column: Mapped[Any], pattern: str, **parts: object) -> str:
    """The next number of a pattern such as ``QC-{region}-{year}-{seq:04d}``, among those that stand in ``column``.

    Whoever asks holds the counter until his transaction ends: others wait, and no number is given twice.
    """
    head = hold_numbers(session, pattern, **parts)
    query = select(column).where(column.startswith(head, autoescape=True))
    # numbers that outgrew their zeros are longer, and later
    last = session.execute(query.order_by(func.length(column).desc(), column.desc()).limit(1)).scalar()
    seq = int(str(last)[len(head) :]) + 1 if last else 1
    return pattern.format(seq=seq, **parts)


def hold_numbers(session: Session, pattern: str, **parts: object) -> str:
    """Hold the counter of a pattern; gives what its numbers begin with.

    The audit tree is taken after the counters, never before one: two writers would wait for each other.
    """
    head = pattern[: pattern.index("{seq")].format(**parts)
    hold_counter(session, head)
    return head


def hold_counter(session: Session, name: str) -> None:
    """Hold the counter of this name until the transaction ends; SQLite's writer is alone as it is."""
    if session.get_bind().dialect.name == "postgresql":
        place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        session.execute(select(func.pg_advisory_xact_lock(place)))
