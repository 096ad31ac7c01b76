"""Rows whose digests go on the record with every act that touches them, so that no deed can forget to say what it wrote.

A flush tells which rows of these tables were added, changed or deleted; the next act that is recorded in the transaction
takes their digests with it (``bound`` in its details). ``reconcile_systems`` holds the rows against them. Rows that are
written past the mapper, or after the last act of a transaction, are found as changed behind the record's back.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from registry.keys import digest_of
from registry.models import (
    BudgetFlag,
    DataCopy,
    DutyEvidence,
    Rectification,
    Retirement,
    RetirementEntry,
    RetirementStep,
    SystemLife,
    SystemReview,
    SystemTable,
    WipeCase,
    WipeRecord,
)
from registry.models.columns import table_of

BOUND = "bound"
TABLES: dict[str, type[SQLModel]] = {
    str(model.__tablename__): model
    for model in (
        SystemLife,
        SystemTable,
        DataCopy,
        DutyEvidence,
        SystemReview,
        Rectification,
        BudgetFlag,
        Retirement,
        RetirementStep,
        RetirementEntry,
        WipeCase,
        WipeRecord,
    )
}
_KINDS = tuple(TABLES.values())
_TOUCHED = "mulu_touched"
# counts how often a row was written; says nothing of what it holds
_UNBOUND = frozenset({"lock"})
Bound = dict[str, dict[str, str | None]]


def row_digest(row: SQLModel) -> str:
    """The SHA-256 over a row's columns (canonical JSON, moments in UTC), the same on every database."""
    return digest_of(
        {c.name: _plain(getattr(row, c.name)) for c in table_of(type(row)).columns if c.name not in _UNBOUND}
    )


def row_key(row: SQLModel) -> str:
    """The key of a row within its table; parts are joined by a dot."""
    return ".".join(str(getattr(row, c.name)) for c in table_of(type(row)).primary_key.columns)


def touch(session: Session, rows: Iterable[SQLModel]) -> None:
    """Have the next act take the digests of these rows, too, although they were not changed."""
    found = session.info.setdefault(_TOUCHED, {})
    for row in rows:
        if isinstance(row, _KINDS):
            found[str(row.__tablename__), row_key(row)] = row


def take_bound(session: Session) -> Bound:
    """The digests of the rows that were touched since the last act, by table and key; None for a deleted row."""
    if any(isinstance(row, _KINDS) for row in (*session.new, *session.dirty, *session.deleted)):
        session.flush()
    touched: dict[tuple[str, str], SQLModel] = session.info.pop(_TOUCHED, {})
    found: Bound = {}
    for (table, key), row in sorted(touched.items(), key=lambda one: one[0]):
        found.setdefault(table, {})[key] = row_digest(row) if inspect(row).persistent else None
    return found


@event.listens_for(Session, "after_flush")
def _note(session: Session, _context: Any) -> None:
    touch(session, (*session.new, *session.dirty, *session.deleted))


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, _transaction: Any) -> None:
    """What was rolled back stands in no row; what an outer transaction had touched is left to it."""
    touched = session.info.get(_TOUCHED, {})
    for place, row in list(touched.items()):
        if inspect(row).transient:
            del touched[place]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value
