"""What should stand at a target: offers judged today, turned into datasets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from registry.offers import Offer, offers
from sync.mapping import Shape, desired
from sync.portal import Desired


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should stand at a target for one entry: ``desired``, or nothing. ``held_back`` says in sentences what is on
    the shelf and may not leave; ``until`` is the last day on which this holds by itself."""

    offer: Offer
    desired: Desired | None
    held_back: tuple[str, ...]

    @property
    def until(self) -> date | None:
        return self.offer.until if self.desired else None


def wanted(session: Session, shape: Shape, entry_ids: Sequence[str], *, now: datetime) -> dict[str, Wanted]:
    """What should stand at a target of a shape, by entry."""
    found = offers(session, entry_ids, shape.scope, now=now)
    return {
        entry_id: Wanted(offer, desired(offer, shape) if offer.shown else None, _held_back(offer))
        for entry_id, offer in found.items()
    }


def _held_back(offer: Offer) -> tuple[str, ...]:
    return tuple(f"{one.name}：{'；'.join(one.reasons)}" for one in offer.withheld)
