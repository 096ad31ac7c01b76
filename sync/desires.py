"""What should stand at a target: offers judged today, turned into datasets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from registry.keys import digest_of
from registry.offers import Offer, OfferedData, offers
from sync.mapping import Shape, desired
from sync.portal import Desired


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should stand at a target for one entry: ``desired``, or nothing. ``held_back`` says in sentences what is on
    the shelf and may not leave; ``digest`` is of what should stand there, as the target's ledger keeps it; ``until``
    is the last day on which this holds by itself."""

    offer: Offer
    desired: Desired | None
    held_back: tuple[str, ...]
    digest: str = ""

    @property
    def until(self) -> date | None:
        return self.offer.until if self.desired else None


def wanted(
    session: Session,
    shape: Shape,
    entry_ids: Sequence[str],
    *,
    now: datetime,
    whole: bool = False,
    closing: bool = False,
) -> dict[str, Wanted]:
    """What should stand at a target of a shape, by entry. ``whole``: the target takes whole entries, as the province
    does, and not datasets; ``closing``: it is given up, and nothing is to stand there."""
    found = offers(session, entry_ids, shape.scope, now=now)
    return {entry_id: _wanted(offer, shape, whole, closing) for entry_id, offer in found.items()}


def _wanted(offer: Offer, shape: Shape, whole: bool, closing: bool) -> Wanted:
    made = desired(offer, shape) if offer.shown and not closing else None
    digest = "" if made is None else digest_of_entry(offer, shape) if whole else made.digest
    return Wanted(offer, made, _held_back(offer), digest)


def digest_of_entry(offer: Offer, shape: Shape) -> str:
    """The digest of a whole entry with its files, as a parcel to the province takes it."""
    listed = [
        [one.name, one.file_name or one.name, one.sha256, one.size] for one in carried_files(offer, shape)
    ]
    return digest_of({"code": offer.code, "version": offer.version_digest, "files": listed})


def carried_files(offer: Offer, shape: Shape) -> list[OfferedData]:
    """The distributions of an entry whose bytes go along."""
    return [one for one in offer.data if one.carried and one.sha256 and shape.upload]


def _held_back(offer: Offer) -> tuple[str, ...]:
    return tuple(f"{one.name}：{'；'.join(one.reasons)}" for one in offer.withheld)
