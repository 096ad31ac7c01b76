"""What a move is asked of: entries and distributions found by name, and loaded for one move."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_lifecycle import Lifecycle, Move
from registry.entries import TOMBSTONES
from registry.errors import Conflict, Gone, NotFound, Rejected
from registry.lookup import find_entry
from registry.models import Agency, Distribution, Entry, Version
from registry.permits import Sight, Target

PENDING, SHELVED, SUSPENDED, OFF_SHELF = "pending", "shelved", "suspended", "off_shelf"
LIVE = (PENDING, SHELVED, SUSPENDED)
# what the session read before it held the entry may have been changed since: it is read again
_ANEW = {"populate_existing": True}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a move is asked of. ``lock`` is the one that the asker saw; None when he does not say."""

    entry_id: str
    distribution_id: str | None = None
    lock: int | None = None


@dataclass(slots=True)
class Loaded:
    """A subject with its rows. ``version`` is the one that the move speaks of, ``base`` the one in force.

    ``settled_by`` is the last one in force that was more than a note: what a change is measured by, so that
    many small ones do not add up to a big one that nobody approved.
    """

    subject: Subject
    entry: Entry
    version: Version
    agency: Agency
    base: Version | None
    newest: Version
    distribution: Distribution | None
    distributions: list[Distribution]
    settled_by: Version | None = None

    @property
    def settled(self) -> int:
        """The number of the version that was in force before the one in hand; 0 for a first version."""
        return self.base.number if self.base is not None and self.base.number < self.version.number else 0

    @property
    def specs(self) -> Specs:
        return load(self.version.profile)

    @property
    def target(self) -> Target:
        return Target(self.entry.agency_id, self.agency.region, self.entry.system_id)

    @property
    def name(self) -> str:
        """What the subject is called in a message."""
        return self.entry.code or self.version.name or self.entry.id

    @property
    def state(self) -> str:
        """The state that the move starts from; empty for a distribution that is still to be made."""
        return self.distribution.state if self.distribution else self.version.state


def lifecycle_of(specs: Specs) -> Lifecycle:
    """The lifecycle of a specification."""
    return specs.document("lifecycle", Lifecycle)


def move_named(specs: Specs, name: str) -> Move:
    """A move by its key.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    moves = lifecycle_of(specs).index
    if name not in moves:
        listed = "、".join(f"{key}（{move.zh}）" for key, move in moves.items())
        raise NotFound(f"没有“{name}”这个环节；可用：{listed}")
    return moves[name]


def find_subject(session: Session, name: str, move: str, *, sight: Sight, lock: int | None = None) -> Subject:
    """The subject that ``name`` (code, entry key or distribution key) means for ``move``.

    An entry's name will do for a move of distributions when just one of them is in a fitting state.

    Raises:
        NotFound: there is none that the asker sees. Conflict: several distributions could be meant.
    """
    made = session.get(Distribution, name) if name.startswith("d") and "/" not in name else None
    row = find_entry(session, made.entry_id if made else name, sight=sight)
    if made is not None:
        return Subject(row.entry.id, made.id, lock)
    spec = move_named(load(row.version.profile), move)
    if spec.subject == "version" or not spec.starts:
        return Subject(row.entry.id, None, lock)
    return Subject(row.entry.id, _only(session, row.entry, spec).id, lock)


def _only(session: Session, entry: Entry, move: Move) -> Distribution:
    every = distributions_of(session, [entry.id])
    fitting = [one for one in every if one.state in move.starts]
    if len(fitting) == 1:
        return fitting[0]
    listed = "；".join(f"{one.id}（{one.name}，{one.state}）" for one in every) or "还没有挂接资源"
    if not fitting and len(every) == 1:
        return every[0]  # its state says why not
    if not every:
        raise NotFound(f"{entry.code or entry.id} 还没有挂接资源；先办理 attach")
    raise Conflict(f"请写明是哪一个挂接资源：{listed}")


def distributions_of(session: Session, entry_ids: Sequence[str]) -> list[Distribution]:
    """All distributions of some entries, the oldest first."""
    query = (
        select(Distribution).where(col(Distribution.entry_id).in_(entry_ids)).order_by(col(Distribution.id))
    )
    return list(session.execute(query, execution_options=_ANEW).scalars())


def load_subjects(
    session: Session, subjects: Sequence[Subject], move: Move, *, hold: bool = True
) -> list[Loaded]:
    """The subjects with their rows as they are now, in the order given.

    With ``hold`` they are held against other writers until the transaction ends.

    Raises:
        NotFound: one of them is not there. Gone: it is retired.
        Rejected: a distribution is named where the move is not one of distributions that stand.
    """
    ids = sorted({subject.entry_id for subject in subjects})
    held = session.execute(_entries(ids, hold=hold), execution_options=_ANEW)
    rows = {entry.id: (entry, agency) for entry, agency in held}
    versions = _versions(session, [entry for entry, _agency in rows.values()])
    whole = _settling(session, [v for v in versions.values() if v.announced_at and v.change_class == "note"])
    by_entry: dict[str, list[Distribution]] = {}
    for one in distributions_of(session, ids):
        by_entry.setdefault(one.entry_id, []).append(one)
    found = [
        _loaded(subject, rows, versions, by_entry.get(subject.entry_id, []), move) for subject in subjects
    ]
    for each in found:
        each.settled_by = whole.get(each.entry.id, each.base) if each.base else None
    return found


def _entries(ids: Sequence[str], *, hold: bool) -> Select[*tuple[Any, ...]]:
    query = select(Entry, Agency).join(Agency, col(Agency.id) == col(Entry.agency_id))
    # always in the same order, so that two batches never wait for each other
    query = query.where(col(Entry.id).in_(ids)).order_by(col(Entry.id))
    return query.with_for_update(of=Entry) if hold else query


def _versions(session: Session, entries: Sequence[Entry]) -> dict[tuple[str, int], Version]:
    places = {(e.id, n) for e in entries for n in (e.newest, e.in_force) if n}
    query = select(Version).where(tuple_(col(Version.entry_id), col(Version.number)).in_(sorted(places)))
    found = session.execute(query, execution_options=_ANEW).scalars()
    return {(v.entry_id, v.number): v for v in found}


def _settling(session: Session, notes: Sequence[Version]) -> dict[str, Version]:
    """By entry the last version before a note in force that had been in force and was no note itself."""
    if not notes:
        return {}
    query = select(Version).where(
        col(Version.entry_id).in_([note.entry_id for note in notes]),
        col(Version.ended_at).is_not(None),
        or_(col(Version.change_class).is_(None), col(Version.change_class) != "note"),
    )
    rows = session.execute(query.order_by(col(Version.entry_id), col(Version.number))).scalars()
    return {version.entry_id: version for version in rows}


def _loaded(
    subject: Subject,
    rows: dict[str, tuple[Entry, Agency]],
    versions: dict[tuple[str, int], Version],
    distributions: list[Distribution],
    move: Move,
) -> Loaded:
    if subject.entry_id not in rows:
        raise NotFound(f"没有编号为“{subject.entry_id}”的目录")
    entry, agency = rows[subject.entry_id]
    if entry.state in TOMBSTONES:
        raise Gone(f"{entry.code or entry.id} 已注销，不再使用")
    if subject.distribution_id and not (move.subject == "distribution" and move.starts):
        raise Rejected(f"“{move.zh}”办理的是目录，不是挂接资源；请写目录代码，不写 {subject.distribution_id}")
    newest = versions[(entry.id, entry.newest)]
    base = versions.get((entry.id, entry.in_force or 0))
    mine = next((one for one in distributions if one.id == subject.distribution_id), None)
    if subject.distribution_id and mine is None:
        raise NotFound(f"{entry.code or entry.id} 没有挂接资源“{subject.distribution_id}”")
    version = _meant(newest, base, move)
    return Loaded(subject, entry, version, agency, base, newest, mine, distributions)


def _meant(newest: Version, base: Version | None, move: Move) -> Version:
    """The version that a move speaks of: the newest where it starts there, else the one in force.

    Data and the end of an entry are matters of the version in force, whatever is under way beside it.
    """
    if move.subject == "distribution" or (move.entry_to and base is not None):
        return base or newest
    if newest.state in move.starts or base is None:
        return newest
    return base if base.state in move.starts else newest
