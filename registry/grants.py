"""Grants of sharing: the queries on them. One past its last day does not run, whether or not it was ended yet."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.models import DataRequest, ShareGrant

ACTIVE, SUSPENDED, ENDED = "active", "suspended", "ended"
_PIECE = 400


def is_running(grant: ShareGrant, today: date) -> bool:
    """Whether a grant (also a suspended one) has not ended and its last day is not over. Source: S1 20, 27."""
    return grant.state != ENDED and not is_past(grant, today)


def is_past(grant: ShareGrant, today: date) -> bool:
    """Whether the last day of a grant is over; on that day itself it still runs."""
    return grant.valid_until is not None and grant.valid_until < today


def running(today: date) -> ColumnElement[bool]:
    """``is_running`` as a condition of a query."""
    lasts = or_(col(ShareGrant.valid_until).is_(None), col(ShareGrant.valid_until) >= today)
    return and_(col(ShareGrant.state) != ENDED, lasts)


def open_grants(session: Session, entry_ids: Iterable[str]) -> dict[str, list[ShareGrant]]:
    """By entry the grants that were not ended, the oldest first; ask ``is_running`` of each."""
    return _by_entry(session, entry_ids, col(ShareGrant.state) != ENDED)


def active_grants(session: Session, entry_ids: Iterable[str], *, today: date) -> dict[str, list[ShareGrant]]:
    """By entry the grants that run on a day, suspended ones with them, the oldest first; others are left out."""
    return _by_entry(session, entry_ids, running(today))


def count_active(session: Session, entry_ids: Iterable[str], *, today: date) -> dict[str, int]:
    """By entry how many grants run on a day; entries without any are left out."""
    return {key: len(found) for key, found in active_grants(session, entry_ids, today=today).items()}


def _by_entry(
    session: Session, entry_ids: Iterable[str], wanted: ColumnElement[bool]
) -> dict[str, list[ShareGrant]]:
    ids = sorted(set(entry_ids))
    found: dict[str, list[ShareGrant]] = {}
    for start in range(0, len(ids), _PIECE):
        part = col(ShareGrant.entry_id).in_(ids[start : start + _PIECE])
        query = select(ShareGrant).where(part, wanted)
        query = query.order_by(col(ShareGrant.created_at), col(ShareGrant.id))
        for grant in session.execute(query).scalars():
            found.setdefault(grant.entry_id, []).append(grant)
    return found


def uses_entry(session: Session, entry_id: str, requester_id: str) -> bool:
    """Whether an agency was ever granted an entry: what it has of it may be wrong, also after the end (S1 26)."""
    query = select(col(ShareGrant.id)).where(
        col(ShareGrant.entry_id) == entry_id, col(ShareGrant.requester_id) == requester_id
    )
    return session.execute(query.limit(1)).first() is not None


def follow_agency(
    session: Session, old_id: str, new_id: str, entry_ids: Iterable[str], *, whole: bool
) -> int:
    """Let requests and grants follow entries to the agency that took them over; gives how many grants did.

    ``whole``: the old agency is merged into the new one, so that what it asked for and uses goes over, too.
    Source: domain §12 R14.
    """
    moved, ids = 0, sorted(set(entry_ids))
    for table in (DataRequest, ShareGrant):
        for start in range(0, len(ids), _PIECE):
            part = col(table.entry_id).in_(ids[start : start + _PIECE])
            moved = _put(session, table, part, {"agency_id": new_id}, moved)
        if whole:
            moved = _put(session, table, col(table.requester_id) == old_id, {"requester_id": new_id}, moved)
    return moved


def _put(
    session: Session, table: Any, wanted: ColumnElement[bool], values: dict[str, str], moved: int
) -> int:
    change = update(table).where(wanted).values(lock=table.lock + 1, **values)
    found = session.execute(change.returning(col(table.id))).all()
    return moved + (len(found) if table is ShareGrant else 0)


def grant_named(session: Session, name: str) -> ShareGrant | None:
    """A grant by its number or key; None when there is none."""
    query = select(ShareGrant).where((col(ShareGrant.number) == name) | (col(ShareGrant.id) == name))
    return session.execute(query).scalar_one_or_none()
