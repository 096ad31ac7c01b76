"""What of an entry may leave the house today, and why the rest may not: judged anew each time, failing closed.

An offer holds values only; what a portal makes of it is ``sync.mapping``'s.
"""

import gc
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_lifecycle import Move
from catalog_specs.law_portals import Scope
from registry.deciding import case_of, judge_all
from registry.effects import Act
from registry.entries import TOMBSTONES
from registry.errors import Rejected
from registry.evidence import Proven, gather
from registry.models import Agency, BatchProof, Blob, Distribution, Entry, StandingProof, Version
from registry.people import local_day
from registry.permits import Actor, Held
from registry.plain_json import plain_json
from registry.proof_cases import FILE, newest_batches, newest_standings, proof_case_of
from registry.subjects import Loaded, Subject, load_subjects, move_named
from validators.assess import Assessment
from validators.fields import is_blank
from validators.gates import Offered
from validators.offers import leaving_items
from validators.proving import valid_days
from validators.transitions import Unmet, decide

log = logging.getLogger(__name__)
_AT_A_TIME = 500
# nobody asks: that the guards hold is all that is wanted
_NOBODY, _NO_ROLE = Actor("", "", ""), Held("")
_ANEW = {"populate_existing": True}


@dataclass(frozen=True, slots=True)
class OfferedData:
    """One distribution that may be shown. ``items`` are those that may leave, with their stored values.

    ``carried``: whoever sees it may have it without being asked: the bytes of a file go along (``sha256``, ``size`` in
    bytes), the address of an interface; otherwise only that there is something.
    """

    id: str
    name: str
    form: str
    patterns: tuple[str, ...]
    items: tuple[Mapping[str, Any], ...]
    location: str
    carried: bool
    sha256: str | None = None
    size: int | None = None
    file_name: str | None = None
    loaded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """A distribution on the shelf that may not leave, and what it lacks in sentences."""

    id: str
    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """An entry in a scope (a key of ckan.yaml ``scopes``). Without ``data`` it may not be shown at all.

    ``number`` is the version in force, 0 where none may be shown; ``content`` is empty unless something is shown.
    ``until`` is the last day on which this holds by itself (a proof runs out then); None without end. ``archived_at``:
    it is kept as an archive since then and updated no more.
    """

    entry_id: str
    code: str
    number: int
    version_digest: str
    profile: str
    scope: str
    content: Mapping[str, Any]
    agency_code: str
    agency_name: str
    data: tuple[OfferedData, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    until: date | None = None
    announced_at: datetime | None = None
    archived_at: datetime | None = None

    @property
    def shown(self) -> bool:
        """Whether anything of the entry may be shown."""
        return bool(self.data)

    def as_json(self) -> dict[str, Any]:
        """The offer as a value that JSON can hold; days and moments as ISO texts."""
        return plain_json(self)


# ---- asked ------------------------------------------------------------------------------------------------


def offered_ids(session: Session, scope: str) -> Iterator[str]:
    """The keys of all entries that could be offered in a scope, whether or not they may be, in their order.

    They are announced and have something on the shelf; ask ``offers`` which of it may leave.

    Raises:
        Rejected: there is no such scope.
    """
    asked = _scope(scope)
    made = select(col(Distribution.entry_id)).where(col(Distribution.state).in_(asked.distribution_states))
    if asked.only_opened:
        made = made.where(col(Distribution.opened))
    query = (
        select(col(Entry.id))
        .where(col(Entry.in_force).is_not(None), col(Entry.state).not_in(TOMBSTONES), col(Entry.id).in_(made))
        .order_by(col(Entry.id))
    )
    yield from session.execute(query.execution_options(yield_per=1000)).scalars()


def offers(session: Session, entry_ids: Sequence[str], scope: str, *, now: datetime) -> dict[str, Offer]:
    """What of some entries may leave today in a scope (a key of ckan.yaml ``scopes``): entry id -> offer.

    Every id that is asked has its answer; what is not there, ended, retired, erased, not shelved, or cannot be judged
    has no ``data``. Guards are asked anew as for the move ``shelve``, without reading the stored bytes: whoever sends
    them compares them with their digest. Some twelve statements for 500 entries.
    Source: S-ZY 22-24, S-LPS 24-25; domain §5.4.

    Raises:
        Rejected: there is no such scope. SQLAlchemyError: the database does not answer; then nothing is known.
    """
    asked, ids = _scope(scope), list(dict.fromkeys(entry_ids))
    found: dict[str, Offer] = {}
    for start in range(0, len(ids), _AT_A_TIME):
        with _uncollected():
            found |= _batch(session, ids[start : start + _AT_A_TIME], asked, now)
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows and judgements make no cycles; a collector that walks them again and again takes two fifths of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _scope(name: str) -> Scope:
    scopes = load().ckan.scope_index
    if name not in scopes:
        listed = "、".join(f"{key}（{scope.zh}）" for key, scope in scopes.items())
        raise Rejected(f"没有“{name}”这个范围；可用：{listed}")
    return scopes[name]


def _batch(session: Session, ids: Sequence[str], scope: Scope, now: datetime) -> dict[str, Offer]:
    found = {key: _nothing(key, scope) for key in ids} | _blanks(session, ids, scope)
    standing = [key for key in ids if found[key].number]
    shelves = [_Shelf(found[key], made) for key, made in _made(session, standing, scope).items()]
    return found | _judged(session, shelves, scope, now)


def _nothing(entry_id: str, scope: Scope) -> Offer:
    return Offer(entry_id, "", 0, "", load().profile.key, scope.key, {}, "", "")


def _blanks(session: Session, ids: Sequence[str], scope: Scope) -> dict[str, Offer]:
    """The entries without content and data; of what is not in force, was erased or is retired there is no version."""
    in_force = and_(
        col(Version.entry_id) == col(Entry.id),
        col(Version.number) == col(Entry.in_force),
        col(Version.state).in_(scope.entry_states),
        col(Version.erased_at).is_(None),
        col(Entry.state).in_({*scope.entry_states, *scope.distribution_states} - set(TOMBSTONES)),
    )
    entry = (col(Entry.id), col(Entry.code), col(Entry.frozen_at))
    agency = (col(Agency.code), col(Agency.name))
    version = (col(Version.number), col(Version.digest), col(Version.profile), col(Version.announced_at))
    query = (
        select(*entry, *version, *agency)
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .outerjoin(Version, in_force)
        .where(col(Entry.id).in_(ids))
    )
    found = {}
    rows: Iterable[Any] = session.execute(query)
    for key, code, archived, number, digest, profile, announced, agency_code, agency_name in rows:
        found[key] = Offer(
            entry_id=key,
            code=code or "",
            number=number or 0,
            version_digest=digest or "",
            profile=profile or load().profile.key,
            scope=scope.key,
            content={},
            agency_code=agency_code,
            agency_name=agency_name,
            announced_at=announced,
            archived_at=archived,
        )
    return found


def _made(session: Session, ids: Sequence[str], scope: Scope) -> dict[str, list[Distribution]]:
    """By entry what stands of it on the shelf and is of the scope."""
    query = select(Distribution).where(
        col(Distribution.entry_id).in_(ids), col(Distribution.state).in_(scope.distribution_states)
    )
    query = query.where(col(Distribution.opened)) if scope.only_opened else query
    found: dict[str, list[Distribution]] = {}
    for made in session.execute(query.order_by(col(Distribution.id)), execution_options=_ANEW).scalars():
        found.setdefault(made.entry_id, []).append(made)
    return found


# ---- judged -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Shelf:
    """An entry with what stands of it on the shelf; ``blank`` is its offer without anything."""

    blank: Offer
    made: list[Distribution]


def _judged(session: Session, shelves: Sequence[_Shelf], scope: Scope, now: datetime) -> dict[str, Offer]:
    """The offers of entries whose guards are asked; one that cannot be judged is withheld, the others are not."""
    if not shelves:
        return {}
    try:
        return _Judging(session, shelves, scope, now).offers()
    except SQLAlchemyError:
        # a database that fails says nothing about an entry, and must not withdraw it
        raise
    except Exception as error:
        if len(shelves) > 1:
            half = len(shelves) // 2
            first = _judged(session, shelves[:half], scope, now)
            return first | _judged(session, shelves[half:], scope, now)
        (shelf,) = shelves
        log.exception("不能判定 %s 能否外发", shelf.blank.entry_id)
        reasons = (f"不能判定能否外发（{type(error).__name__}）",)
        kept = tuple(Withheld(made.id, made.name, reasons) for made in shelf.made)
        return {shelf.blank.entry_id: replace(shelf.blank, withheld=kept)}


class _Judging:
    """Some entries under judgement, with everything that the guards ask for read in a fixed number of statements."""

    def __init__(self, session: Session, shelves: Sequence[_Shelf], scope: Scope, now: datetime) -> None:
        self.shelves, self.scope, self.now, self.today = shelves, scope, now, local_day(now)
        made = [one for shelf in shelves for one in shelf.made]
        opened = [one.id for one in made if one.opened]
        self.standing: dict[str, StandingProof] = newest_standings(session, opened) if opened else {}
        proofs = [standing.id for standing in self.standing.values()]
        self.batches: dict[str, BatchProof] = newest_batches(session, proofs) if proofs else {}
        sums = sorted({one.sha256 for one in made if one.sha256})
        query = select(Blob).where(col(Blob.sha256).in_(sums), col(Blob.erased_at).is_(None))
        rows = session.execute(query, execution_options=_ANEW).scalars()
        self.blobs: dict[str, Blob] = {row.sha256: row for row in rows}
        subjects = [Subject(one.entry_id, one.id) for one in made]
        self.loaded = load_subjects(session, subjects, move_named(load(), "shelve"), hold=False)
        self.proven = gather(session, self.loaded)
        self.facts, self.assessed = judge_all(session, self.loaded, now)

    def offers(self) -> dict[str, Offer]:
        """By entry what may leave."""
        shown: dict[str, list[OfferedData]] = defaultdict(list)
        kept: dict[str, list[Withheld]] = defaultdict(list)
        days: dict[str, list[date]] = defaultdict(list)
        content: dict[str, Mapping[str, Any]] = {}
        moves = {one.version.profile: self._move(one.specs) for one in self.loaded}
        for one, found, judged in zip(self.loaded, self.proven, self.assessed, strict=True):
            key, made = one.entry.id, _of(one)
            lacks, items = self._lacks(one, made, found, judged, moves[one.version.profile])
            if lacks:
                kept[key].append(Withheld(made.id, made.name, lacks))
                continue
            content[key] = one.version.content
            shown[key].append(self._data(one, made, items))
            days[key] += self._days(made, one.specs)
        return {
            blank.entry_id: replace(
                blank,
                content=content.get(blank.entry_id, {}),
                data=tuple(shown[blank.entry_id]),
                withheld=tuple(kept[blank.entry_id]),
                until=min(days[blank.entry_id], default=None),
            )
            for blank in (shelf.blank for shelf in self.shelves)
        }

    def _move(self, specs: Specs) -> Move:
        return move_named(specs, "shelve").model_copy(update={"guards": self.scope.guards})

    def _lacks(
        self, one: Loaded, made: Distribution, found: Proven, judged: Assessment, move: Move
    ) -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
        """What keeps a distribution here, in sentences, and the items that leave if nothing does."""
        act = Act(move, _NOBODY, _NO_ROLE, "", {}, self.now)
        case = case_of(one, found, act, judged, self.facts, offer=self._offered(one, made, found), late=())
        lacks = (*_against(one, self.scope), *(_sentence(unmet) for unmet in decide(case)))
        standing = self.standing.get(made.id)
        methods = standing.methods if standing else {}
        items = leaving_items(one.version.content, made.items, self.scope, methods, one.specs)
        if made.items and not items:
            lacks = (*lacks, "没有可以外发的信息项")
        return lacks, items

    def _offered(self, one: Loaded, made: Distribution, found: Proven) -> Offered:
        proof = None
        if made.opened:
            standing = self.standing.get(made.id)
            batch = self.batches.get(standing.id) if standing else None
            proof = proof_case_of(
                one.version.content,
                made,
                one.specs,
                name=one.name,
                today=self.today,
                proofs=(standing, batch),
            )
        return Offered(
            form=made.form,
            patterns=tuple(made.patterns),
            items=tuple(made.items),
            opened=made.opened,
            same_bytes=None,
            cleared=found.cleared,
            proof=proof,
        )

    def _data(self, one: Loaded, made: Distribution, items: tuple[Mapping[str, Any], ...]) -> OfferedData:
        blob = self.blobs.get(made.sha256 or "") if made.form == FILE else None
        there = made.form != FILE or blob is not None
        carried = there and one.version.content.get(self.scope.of) in self.scope.carried
        standing = self.standing.get(made.id)
        batch = self.batches.get(standing.id) if standing else None
        return OfferedData(
            id=made.id,
            name=made.name,
            form=made.form,
            patterns=tuple(made.patterns),
            items=items,
            location=made.location,
            carried=carried,
            sha256=made.sha256 if blob and carried else None,
            size=blob.size if blob and carried else None,
            file_name=made.file_name if blob and carried else None,
            loaded_at=batch.at if batch else blob.created_at if blob else None,
        )

    def _days(self, made: Distribution, specs: Specs) -> list[date]:
        """The last days of the proofs, as far as they are to come: one that is over was not needed."""
        standing = self.standing.get(made.id)
        if standing is None:
            return []
        days = [local_day(standing.checked_at) + timedelta(days=valid_days(specs))]
        batch = self.batches.get(standing.id)
        if batch is not None and made.form != FILE:
            days.append(local_day(batch.at) + timedelta(days=specs.scanning.proofs.load_days))
        return [day for day in days if day >= self.today]


def _of(one: Loaded) -> Distribution:
    assert one.distribution is not None
    return one.distribution


def _against(one: Loaded, scope: Scope) -> tuple[str, ...]:
    """What keeps the whole entry here, apart from the guards."""
    kind = one.version.content.get(scope.of)
    found = () if one.entry.code else ("没有资源代码",)
    if kind in scope.types:
        return found
    said = "没有填写" if is_blank(kind) else one.specs.label(scope.of, str(kind))
    return (*found, f"{one.specs.fields[scope.of].zh}：{said}，不在“{scope.zh}”范围内")


def _sentence(unmet: Unmet) -> str:
    return f"{unmet.text}：{'；'.join(unmet.details)}" if unmet.details else unmet.text
