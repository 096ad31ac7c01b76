"""Watches the outbox: what is offered may not change without a mark in the same transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.models import Entry, OutboxRow, SyncEntry, SyncTarget
from registry.offers import Offer, offers
from tests.cast import Cast

Seen = dict[tuple[str, str], Offer]


def all_offers(database: Database, now: datetime) -> Seen:
    """Every entry's offer in every scope of ckan.yaml."""
    with database.read() as session:
        ids = list(session.execute(select(col(Entry.id))).scalars())
        return {
            (key, scope): offer
            for scope in load().ckan.scope_index
            for key, offer in offers(session, ids, scope, now=now).items()
        }


def marked(database: Database) -> dict[str, str]:
    """The entries of the outbox with the last act of each."""
    with database.read() as session:
        rows = session.execute(select(OutboxRow).order_by(col(OutboxRow.id))).scalars()
        return {row.entry_id: row.act for row in rows}


@contextmanager
def watched(database: Database, now: datetime) -> Iterator[set[str]]:
    """Asserts that every entry whose offer changes is marked; fills in the keys of those whose data do change."""
    with database.write() as session:
        session.execute(delete(OutboxRow))
    before, changed = all_offers(database, now), set[str]()
    yield changed
    after, rows = all_offers(database, now), marked(database)
    for key in before.keys() | after.keys():
        old, new = (_of_note(seen.get(key)) for seen in (before, after))
        assert old == new or key[0] in rows, f"{key} 的外发内容有变动而没有登记"
        if _leaving(old) != _leaving(new):
            changed.add(key[0])


def _of_note(offer: Offer | None) -> Offer | None:
    """An offer; None where there is nothing on the shelf at all."""
    return offer if offer is not None and (offer.data or offer.withheld) else None


def _leaving(offer: Offer | None) -> Offer | None:
    """An offer without what only tells why something does not leave."""
    return replace(offer, withheld=()) if offer is not None and offer.data else None


def at_a_portal(cast: Cast, state: str, *, target: str = "开放门户", **known: Any) -> str:
    """Say in the ledger how the entry of a cast stands at a portal; gives the entry's key."""
    with cast.database.write() as session:
        key = str(session.execute(select(col(Entry.id)).order_by(col(Entry.id))).scalars().first())
        about = {
            "kind": "ckan",
            "mode": "direct",
            "scope": "share",
            "files": "upload",
            "url": "http://127.0.0.1",
        }
        made = {"created_by": "test", "created_at": cast.now}
        session.merge(SyncTarget(id=f"t-{target}", name=target, **about, **made))
        session.flush()
        session.merge(SyncEntry(target_id=f"t-{target}", entry_id=key, state=state, files={}, **known))
    return key
