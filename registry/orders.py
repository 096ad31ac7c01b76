"""Which systems have an order to rectify that is not closed: asked by the guard of the shelf (G8). Source: S-LPS 32."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.models import Rectification

CLOSED = ("closed", "cancelled")
_PIECE = 500


def open_orders(session: Session, system_ids: Iterable[str]) -> dict[str, tuple[Rectification, ...]]:
    """The orders that are not closed, by system, the oldest first; systems without one are left out."""
    found: dict[str, list[Rectification]] = defaultdict(list)
    ids = sorted(set(system_ids))
    for start in range(0, len(ids), _PIECE):
        query = select(Rectification).where(
            col(Rectification.system_id).in_(ids[start : start + _PIECE]),
            col(Rectification.state).not_in(CLOSED),
        )
        for order in session.execute(query.order_by(col(Rectification.day), col(Rectification.number))).scalars():
            found[order.system_id].append(order)
    return {key: tuple(orders) for key, orders in found.items()}
