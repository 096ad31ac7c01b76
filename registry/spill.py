"""``mulu spill``: a secret that was entered by mistake is removed everywhere, on record, and the tree still verifies.

Source: domain §12 R1; SSL-REG 41 (what is stored against the rules is erased and the leak is reported).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry import blobs, outbox
from registry.audit import Act, audit_spec, record
from registry.audit_walk import ERASURE
from registry.db import Database
from registry.erasing import (
    Cleaning,
    clean_review,
    clean_shared,
    clean_versions,
    contents_to_erase,
    erase_contents,
    sweep_pages,
    words_of,
)
from registry.erasing_lists import clean_lists
from registry.erasing_sync import clean_sync
from registry.erasing_systems import bind_anew, clean_systems, count_others
from registry.errors import NotFound, Rejected
from registry.models import (
    Agency,
    Blob,
    CodeRecord,
    Distribution,
    Entry,
    ImportBatch,
    Record,
    SignatureSheet,
    System,
    Version,
)
from registry.permits import Actor, Target, demand, roles_of
from registry.stores import Store

ALWAYS = ("backups", "exports", "portals", "disk", "report")


@dataclass(frozen=True, slots=True)
class Place:
    """A place that a person must clean: a key of audit.yaml's ``by_hand`` with what its text asks for."""

    key: str
    params: dict[str, Any]

    def say(self, lang: str) -> str:
        """The place in words."""
        found = next(place for place in audit_spec().by_hand if place.key == self.key)
        return (found.en if lang == "en" else found.zh).format(**self.params)


@dataclass(frozen=True, slots=True)
class Spilled:
    """What was cleaned (rows by place) and what a person must clean; ``event`` is its number on the record."""

    entry_id: str
    versions: tuple[int, ...]
    places: dict[str, int]
    by_hand: tuple[Place, ...]
    event: int

    def lines(self, lang: str) -> list[str]:
        """The cleaned places in words."""
        names = {place.key: place.en if lang == "en" else place.zh for place in audit_spec().cleaned}
        return [f"{names[key]}：{count}" for key, count in self.places.items()]


def spill(
    session: Session,
    name: str,
    *,
    versions: Collection[int] | None,
    reason: str,
    actor: Actor,
    folder: Store,
    now: datetime,
) -> Spilled:
    """Erase the content of some versions of an entry (``None``: of all, with all that was written about it).

    Stored files go at once; everything else with the caller's transaction. ``sweep`` comes after it.

    Raises:
        NotAllowed: ``actor`` may not erase content. NotFound: no such entry or version.
        Rejected: no reason is given, or it repeats what is to be erased.
    """
    entry, agency = _find(session, name)
    demand(actor, "erase_content", roles_of(load()), Target(entry.agency_id, agency.region, entry.system_id))
    meant, kept = _versions(session, entry, versions)
    contents = [v.content for v in meant], [v.content for v in kept]
    known = _known_texts(session, entry, agency)
    words = words_of(*contents, known, load(meant[0].profile), whole=versions is None)
    if not reason.strip() or words.are_in(reason):
        raise Rejected("须写明擦除理由（--reason），且理由里不得重复被擦除的内容")
    batches = {v.batch_id for v in meant if v.batch_id}
    work = Cleaning(session, entry, frozenset(v.number for v in meant), words, now)
    by_hand = [*_imports(work, batches), *_alike(session, meant)]
    events = contents_to_erase(work, batches)
    clean_versions(work, meant)
    clean_review(work)
    by_hand += [Place(*found) for found in (*clean_lists(work), *clean_sync(work), *clean_systems(work))]
    clean_shared(work, batches)
    session.flush()
    outbox.mark(session, [entry.id], ERASURE, now=now)
    bind_anew(session, events)
    event = _on_record(work, events, reason.strip(), versions is None, actor)
    erase_contents(session, events, by=event, now=now)
    # last, because a file does not come back when the transaction fails
    by_hand += _erase_files(work, folder)
    by_hand += [*_scans(session, entry), *(Place(key, {}) for key in ALWAYS)]
    return Spilled(entry.id, tuple(sorted(work.numbers)), work.places, tuple(by_hand), event)


def _on_record(work: Cleaning, events: list[int], reason: str, whole: bool, actor: Actor) -> int:
    """Put the erasure on record, naming every event whose content it takes, but nothing of the content."""
    work.count("audit", len(events))
    details = {
        "versions": sorted(work.numbers),
        "all": whole,
        "reason": reason,
        "places": dict(work.places),
        "erased_events": events,
        "files": sorted(work.files),
    }
    act = Act(ERASURE, work.entry.id, details)
    (event,) = record(work.session, [act], actor=actor.login, operator=actor.operator, now=work.now)
    return event


def sweep(database: Database, done: Spilled) -> Spilled:
    """Clear what the database's files still hold of erased rows, after the transaction; says what it could not."""
    if sweep_pages(database):
        return Spilled(done.entry_id, done.versions, done.places | {"pages": 1}, done.by_hand, done.event)
    key = "sqlite_busy" if database.engine.dialect.name == "sqlite" else "postgresql"
    return Spilled(done.entry_id, done.versions, done.places, (Place(key, {}), *done.by_hand), done.event)


def _find(session: Session, name: str) -> tuple[Entry, Agency]:
    """An entry by code or key, retired or not."""
    asked = name.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    coded = select(col(CodeRecord.entry_id)).where(col(CodeRecord.code) == asked)
    query = (
        select(Entry, Agency)
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .where(or_(col(Entry.code) == asked, col(Entry.id) == asked, col(Entry.id).in_(coded)))
    )
    found = session.execute(query).first()
    if found is None:
        raise NotFound(f"没有代码或编号为“{name}”的目录")
    return found[0], found[1]


def _versions(
    session: Session, entry: Entry, numbers: Collection[int] | None
) -> tuple[list[Version], list[Version]]:
    """The versions that are meant, and the others."""
    query = select(Version).where(col(Version.entry_id) == entry.id).order_by(col(Version.number))
    found = list(session.execute(query.with_for_update()).scalars())
    meant = [v for v in found if numbers is None or v.number in numbers]
    missing = sorted(set(numbers or ()) - {v.number for v in meant})
    if missing or not meant:
        raise NotFound(f"{entry.code or entry.id} 没有第 {'、'.join(map(str, missing))} 版")
    return meant, [v for v in found if v not in meant]


def _known_texts(session: Session, entry: Entry, agency: Agency) -> list[str]:
    """What the register knows of the entry without its content: these names stay."""
    system = session.get(System, entry.system_id) if entry.system_id else None
    named = [entry.id, entry.code, agency.code, agency.name, agency.region]
    named += [system.name, system.ident] if system else []
    return [text for text in named if text]


# ---- what a person must clean -----------------------------------------------------------------------------


def _imports(work: Cleaning, batches: Collection[str]) -> list[Place]:
    """The files that the content came in, which stay with whoever sent them; what we keep of them is erased."""
    rows = work.session.execute(select(ImportBatch).where(col(ImportBatch.id).in_(batches))).scalars()
    found = []
    for batch in rows:
        work.files.add(batch.sha256)
        params = {"file": batch.file_name, "sha256": batch.sha256, "at": f"{batch.at:%Y-%m-%d}"}
        found.append(Place("imports", params | {"actor": batch.actor}))
    return found


def _alike(session: Session, meant: list[Version]) -> list[Place]:
    """Other entries that hold the very same content."""
    mine, digests = meant[0].entry_id, {version.digest for version in meant}
    query = select(col(Version.entry_id), col(Version.number)).where(
        col(Version.digest).in_(digests), col(Version.entry_id) != mine, col(Version.erased_at).is_(None)
    )
    return [Place("other_entries", {"entry": key, "number": n}) for key, n in session.execute(query)]


def _erase_files(work: Cleaning, folder: Store) -> list[Place]:
    """Erase the stored files, unless other rows still refer to them."""
    left = []
    for sha256 in sorted(work.files):
        if work.session.get(Blob, sha256) is None:
            continue
        others = _others(work, sha256)
        if others:
            left.append(Place("shared_blob", {"sha256": sha256, "count": others}))
        elif blobs.erase(work.session, sha256, folder=folder, now=work.now):
            work.count("blob")
    return left


def _others(work: Cleaning, sha256: str) -> int:
    """How many rows of other entries refer to a file."""
    mine = select(col(Distribution.id)).where(col(Distribution.entry_id) == work.entry.id)
    query = select(func.count()).where(
        col(Record.sha256) == sha256,
        col(Record.entry_id).is_distinct_from(work.entry.id),
        or_(col(Record.distribution_id).is_(None), col(Record.distribution_id).not_in(mine)),
    )
    other = select(func.count()).where(
        col(Distribution.sha256) == sha256, col(Distribution.entry_id) != work.entry.id
    )
    elsewhere = count_others(work.session, sha256)
    return elsewhere + sum(int(work.session.execute(one).scalar_one()) for one in (query, other))


def _scans(session: Session, entry: Entry) -> list[Place]:
    """The signed scans of sheets that list the entry: they evidence moves of other entries, too."""
    sheets = session.execute(select(SignatureSheet).where(col(SignatureSheet.sha256).is_not(None))).scalars()
    named = {entry.id, entry.code} - {None}
    return [
        Place("scan", {"number": sheet.number, "sha256": sheet.sha256})
        for sheet in sheets
        if any(isinstance(row, dict) and named & {row.get("entry"), row.get("code")} for row in sheet.rows)
    ]
