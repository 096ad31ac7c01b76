"""Where entries stand outside the house, as the ledger of synchronization knows it. Read only: the sync job writes it.

What is offered otherwise than before and waits in the outbox needs no word here: an entry that is there stays in a
state that says so until the job has withdrawn it and read back that it is gone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.models import SyncEntry, SyncTarget

_PIECE = 400
_AT_WORK = "正在同步"
_PRESENT, _PORTAL = "present", "ckan"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an entry at one target. ``state`` and ``trouble`` are keys of sync.yaml, ``trouble`` empty
    where all went well; ``said`` are the target's own words.

    ``there``: it may be there; ``gone``: it was read back that it is not; neither: it never was. ``number`` is the
    version that was last read back there; ``url`` is the dataset at the portal, where it was read back that it is there.
    """

    target: str
    state: str
    state_zh: str
    there: bool
    gone: bool
    number: int | None
    changed_at: datetime | None
    seen_at: datetime | None
    gone_at: datetime | None
    trouble: str
    trouble_zh: str
    said: str
    url: str = ""


def standing_at(session: Session, entry_ids: Iterable[str]) -> dict[str, list[Standing]]:
    """By entry what is known of it at each target that was not removed, by name; entries without any are left out."""
    found: dict[str, list[Standing]] = defaultdict(list)
    for row, target in _rows(session, entry_ids):
        if target.removed_at is None:
            found[row.entry_id].append(_standing(row, target))
    return dict(found)


def still_there(session: Session, entry_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By entry the targets at which it may still be, each with what is known; entries that are nowhere are left out.

    One that a worker has in hand counts, whatever it was before; so does one at a target that was removed without a
    word on what stood there, and a state that nobody knows. Source: S-LPS 26.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for row, target in _rows(session, entry_ids):
        one = _standing(row, target)
        if one.there or row.held_by:
            found[row.entry_id].append(f"{one.target}：{one.state_zh if one.there else _AT_WORK}")
    return {key: tuple(said) for key, said in found.items()}


def _rows(session: Session, entry_ids: Iterable[str]) -> Iterator[tuple[SyncEntry, SyncTarget]]:
    ids = sorted(set(entry_ids))
    for start in range(0, len(ids), _PIECE):
        query = (
            select(SyncEntry, SyncTarget)
            .join(SyncTarget, col(SyncTarget.id) == col(SyncEntry.target_id))
            .where(col(SyncEntry.entry_id).in_(ids[start : start + _PIECE]))
            .order_by(col(SyncEntry.entry_id), col(SyncTarget.name))
        )
        # the job may have written since this session read it
        rows: Iterable[Any] = session.execute(query, execution_options={"populate_existing": True})
        yield from rows


def _standing(row: SyncEntry, target: SyncTarget) -> Standing:
    sync = load().sync
    state, trouble = sync.state_index.get(row.state), sync.trouble_index.get(row.trouble)
    return Standing(
        target=target.name,
        state=row.state,
        state_zh=state.zh if state else row.state,
        there=state is None or state.there,
        gone=state is not None and state.gone,
        number=row.number,
        changed_at=row.changed_at,
        seen_at=row.seen_at,
        gone_at=row.gone_at,
        trouble=row.trouble,
        trouble_zh=trouble.zh if trouble else row.trouble,
        said=row.said,
        url=dataset_url(target, row),
    )


def dataset_url(target: SyncTarget, row: SyncEntry) -> str:
    """Where the dataset of an entry is seen at a portal; empty unless it was read back that it is there."""
    there = target.kind == _PORTAL and row.state == _PRESENT and row.portal_name
    return f"{target.url}/dataset/{row.portal_name}" if there else ""
