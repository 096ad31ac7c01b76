"""Which systems have an order to rectify that is not closed: asked by the guard of the shelf (G8). Source: S-LPS 32."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law import Finding
from registry.models import Rectification

_PIECE = 500


def open_orders(session: Session, system_ids: Iterable[str]) -> dict[str, tuple[Rectification, ...]]:
    """The orders that are not closed, by system, the oldest first; systems without one are left out."""
    found: dict[str, list[Rectification]] = defaultdict(list)
    ids = sorted(set(system_ids))
    states = load().supervision.rectification.open_states
    for start in range(0, len(ids), _PIECE):
        query = select(Rectification).where(
            col(Rectification.system_id).in_(ids[start : start + _PIECE]),
            col(Rectification.state).in_(states),
        )
        for order in session.execute(
            query.order_by(col(Rectification.day), col(Rectification.number))
        ).scalars():
            found[order.system_id].append(order)
    return {key: tuple(orders) for key, orders in found.items()}


def trigger_zh(trigger: str, specs: Specs) -> str:
    """What a trigger of duties.yaml is called; one that is listed no more names itself."""
    found = _trigger(trigger, specs)
    return found.zh if found else trigger


def trigger_source(trigger: str, specs: Specs) -> str:
    """The article of a trigger as people read it; empty for one that is listed no more."""
    found = _trigger(trigger, specs)
    return specs.cited(found.sources) if found else ""


def _trigger(trigger: str, specs: Specs) -> Finding | None:
    listed = (*specs.duties.rectification_triggers, *specs.duties.liabilities)
    return next((row for row in listed if row.id == trigger), None)


def order_words(order: Rectification, specs: Specs) -> str:
    """An order in one sentence: number, trigger, document, until when, and where it stands."""
    state = specs.supervision.rectification.state_index[order.state].zh
    why = f"{order.trigger} {trigger_zh(order.trigger, specs)}"
    return f"{order.number}（{state}）：{why}；文号 {order.document}，{order.due} 前整改"
