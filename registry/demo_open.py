"""Demonstration data that are opened: files of invented people, desensitized, proven by two people, on the shelf."""

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.lifecycle import perform
from registry.models import Agency, Entry, Version
from registry.people import actor_of, local_day
from registry.permits import EVERYTHING, Actor
from registry.proof_orders import Order, entered, planned
from registry.proof_review import review_proof
from registry.proofs import Made, check
from registry.sources import open_file
from registry.stores import Store
from registry.subjects import Subject
from registry.synthetic_people import PeopleFile, invented_people, opened_file
from registry.synthetic_words import words

_CHECKER, _REVIEWER = "steward", "chief"
_AFTER = (("clear_data", "secrecy"), ("shelve", "steward"))


def load_open_data(
    session: Session,
    agency: Agency,
    announce: Callable[[Entry, Version], None],
    *,
    files: Store,
    seed: int,
    now: datetime,
) -> int:
    """Bring every entry of the agency that ``people_files`` of demo.yaml names onto the shelf, its file proven clean.

    ``announce`` walks an entry to its announcement. Gives how many were shelved.
    """
    people, done = invented_people(seed=seed), 0
    for recipe in words().people_files.opened:
        file = opened_file(people, recipe.open_type)
        found = _entry(session, agency, recipe.name)
        if found is not None:
            announce(*found)
            _open(session, found[0], file, files=files, now=now - timedelta(hours=6 - done))
            done += 1
    return done


def _entry(session: Session, agency: Agency, name: str) -> tuple[Entry, Version] | None:
    query = (
        select(Entry, Version)
        .join(Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest)))
        .where(col(Entry.agency_id) == agency.id, col(Version.name) == name, col(Version.errors) == 0)
    )
    row = session.execute(query).first()
    return (row[0], row[1]) if row else None


def _open(session: Session, entry: Entry, file: PeopleFile, *, files: Store, now: datetime) -> None:
    def actor(login: str) -> Actor:
        return actor_of(session, login, today=local_day(now))

    made = proven(
        session, Order(entry.id), file.name, file.content, files=files, actor=actor(_CHECKER), now=now
    )
    standing, reviewer = made.standing, actor(_REVIEWER)
    review_proof(session, standing.id, agree=True, sight=EVERYTHING, actor=reviewer, now=now)
    for move, login in _AFTER:
        subject = Subject(entry.id, standing.distribution_id)
        perform(session, subject, move, actor=actor(login), now=now, files=files)


def proven(
    session: Session, order: Order, name: str, content: bytes, *, files: Store, actor: Actor, now: datetime
) -> Made:
    """A file of this name scanned to its end and entered as ``order`` says; the second person's word is yet to come."""
    plan = planned(session, order, actor)
    with tempfile.TemporaryDirectory(prefix="mulu-demo-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        scanned = check(plan, open_file(path, load()))
        return entered(session, order, plan, scanned, path, actor=actor, files=files, now=now)
