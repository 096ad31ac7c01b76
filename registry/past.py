"""The register as it was: what of an entry was in force on a day, who had signed it, what was on the shelf."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_lifecycle import Lifecycle
from registry.agency_lives import owner_on
from registry.calendars import city_calendar
from registry.differences import class_digest, overall_class
from registry.errors import NotFound
from registry.lookup import askable
from registry.models import (
    Agency,
    AuditEvent,
    Delegation,
    Distribution,
    Entry,
    ImportBatch,
    Notice,
    Opinion,
    Person,
    SignatureSheet,
    Version,
)
from registry.permits import Sight, roles_of
from validators.workdays import DAY

IN_FORCE = ("announced", "superseded", "withdrawn")
STOCK = "existing"


@dataclass(frozen=True, slots=True)
class Signed:
    """One who signed: ``delegated_by`` and ``document`` when he did so for another one, ``sheet`` on paper
    that ``entered_by`` registered.

    ``number`` is the version that he had before him; it may be an earlier one whose signature still held.
    """

    move: str
    zh: str
    role: str
    role_zh: str
    login: str
    name: str
    at: datetime
    number: int
    delegated_by: str = ""
    document: str = ""
    sheet: str = ""
    entered_by: str = ""


@dataclass(frozen=True, slots=True)
class OnShelf:
    """A distribution that was on the shelf, since when, and who let it there."""

    distribution_id: str
    name: str
    form: str
    sha256: str | None
    since: datetime
    signed: tuple[Signed, ...]


@dataclass(frozen=True, slots=True)
class InForce:
    """The version in force: from when until when (None: still), by which notice."""

    number: int
    name: str
    digest: str
    since: datetime
    until: datetime | None
    notice: str = ""
    notice_day: date | None = None
    stock: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """An entry at the end of a day. ``version`` is None when nothing of it was in force.

    ``signed`` and ``shelved`` are empty for one who sees the announced catalogue only (``full`` is False).
    """

    day: date
    entry_id: str
    code: str | None
    agency_name: str
    full: bool
    version: InForce | None
    signed: tuple[Signed, ...] = ()
    shelved: tuple[OnShelf, ...] = ()


def as_of(session: Session, name: str, day: date, sight: Sight) -> Past:
    """What was in force of an entry (by code or key, also a retired one) at the end of ``day``, and who had signed.

    Raises:
        NotFound: there is no such entry, or it is not seen.
    """
    entry, agency, full = _entry(session, name, sight)
    end = city_calendar(load()).begin(day + DAY)
    found = _in_force(session, entry, end)
    past = Past(
        day,
        entry.id,
        entry.code,
        owner_on(session, entry.id, agency, day).name,
        full,
        found[1] if found else None,
    )
    if not full:
        return past
    history = _History(session, entry, end)
    signed = history.signatures(found[0]) if found else ()
    return replace(past, signed=signed, shelved=history.shelved())


def _entry(session: Session, name: str, sight: Sight) -> tuple[Entry, Agency, bool]:
    asked = askable(name)
    query = (
        select(Entry, Agency, sight.full.label("full"))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .where(sight.entries, or_(col(Entry.code) == asked, col(Entry.id) == asked))
    )
    found = session.execute(query).first()
    if found is None:
        raise NotFound(f"没有代码或编号为“{name}”的目录，或您看不到它")
    return found[0], found[1], bool(found[2])


# ---- the version in force ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Span:
    version: Version
    since: datetime
    stock: bool


def _in_force(session: Session, entry: Entry, end: datetime) -> tuple[Version, InForce] | None:
    """The version that was in force just before ``end``."""
    spans = _spans(session, entry)
    for span, later in zip_longest(spans, spans[1:]):
        version = span.version
        # what was imported over says nothing of its end: it ended when the next one began
        until = version.ended_at or (later.since if later else None)
        if span.since < end and (until is None or until >= end):
            return version, _shown(session, span, until)
    return None


def _shown(session: Session, span: _Span, until: datetime | None) -> InForce:
    version = span.version
    notice = session.get(Notice, version.notice_id) if version.notice_id else None
    return InForce(
        number=version.number,
        name=version.name,
        digest=version.digest,
        since=span.since,
        until=until,
        notice=notice.number if notice else "",
        notice_day=notice.day if notice else None,
        stock=span.stock,
    )


def _spans(session: Session, entry: Entry) -> list[_Span]:
    """The versions that ever came into force, in the order in which they did."""
    query = (
        select(Version, ImportBatch)
        .outerjoin(ImportBatch, col(ImportBatch.id) == col(Version.batch_id))
        .where(col(Version.entry_id) == entry.id, col(Version.state).in_(IN_FORCE))
        .order_by(col(Version.number))
    )
    rows = session.execute(query).all()
    taken = _taken_over(session, entry) if any(row[0].announced_at is None for row in rows) else None
    found = []
    for version, batch in rows:
        if version.announced_at is not None:
            found.append(_Span(version, version.announced_at, stock=False))
        elif version.state == "announced" or (batch is not None and batch.mode == STOCK):
            # a draft that an import of stock put in force as it stood: the record says when
            late = taken if taken and batch is not None and batch.mode != STOCK else None
            found.append(_Span(version, late or version.created_at, stock=True))
    return sorted(found, key=lambda span: (span.since, span.version.number))


def _taken_over(session: Session, entry: Entry) -> datetime | None:
    """When a draft of the entry was last put in force by an import of stock."""
    query = (
        select(col(AuditEvent.at))
        .where(col(AuditEvent.act) == "put_in_force", col(AuditEvent.subject) == entry.id)
        .order_by(col(AuditEvent.seq).desc())
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


# ---- who had signed ---------------------------------------------------------------------------------------


class _History:
    """The moves made on an entry until a moment, with the people who made them."""

    def __init__(self, session: Session, entry: Entry, end: datetime) -> None:
        self.session, self.entry = session, entry
        self.rows = _opinions(session, entry, end)
        specs = load()
        self.roles, self.life = roles_of(specs), specs.document("lifecycle", Lifecycle)

    def signatures(self, version: Version) -> tuple[Signed, ...]:
        """Who brought a version into force: who submitted, whose signatures held, who announced."""
        own = [row for row in self.rows if row[0].distribution_id is None]
        last = next(
            (n for n, row in enumerate(own) if _comes_into_force(row[0]) and row[0].number == version.number),
            None,
        )
        if last is None:
            return ()
        before = own[:last]
        earlier = [n for n, row in enumerate(before) if _ends(row[0])]
        since = before[earlier[-1] + 1 :] if earlier else before
        kept = [row for row in self._standing(since) if self._holds(row[0], version)]
        return tuple(self._signed(row) for row in [*kept, own[last]])

    def _standing(self, rows: Iterable[Any]) -> list[Any]:
        """The last submission and the last signature of each move and role that nobody took back."""
        found: dict[tuple[str, str], Any] = {}
        for row in rows:
            opinion = row[0]
            move = self.life.index.get(opinion.move)
            if opinion.state_after == "returned":
                found = {key: kept for key, kept in found.items() if key[1] != opinion.role}
            elif opinion.move == "submit":
                found = {key: kept for key, kept in found.items() if key[0] not in ("approve", "submit")}
                found["submit", opinion.role] = row
            elif move is not None and move.never_by_author:
                found.pop((opinion.move, opinion.role), None)
                found[opinion.move, opinion.role] = row
        return sorted(found.values(), key=lambda row: (row[0].at, row[0].id))

    def _holds(self, opinion: Opinion, version: Version) -> bool:
        """Whether an opinion holds for a version: its digest is the same, or the change since keeps it."""
        move = self.life.index[opinion.move]
        if opinion.bound_class is None or move.effect_on_change is None or version.erased_at is not None:
            return True
        specs: Specs = load(version.profile)
        if class_digest(version.content, opinion.bound_class, specs) == opinion.bound_digest:
            return True
        old = self.session.get(Version, (self.entry.id, opinion.number))
        before = old.content if old and old.erased_at is None else None
        changed = overall_class(before, version.content, specs)
        return bool(getattr(move.effect_on_change, changed) == "keep")

    def shelved(self) -> tuple[OnShelf, ...]:
        """The distributions that were on the shelf in the end."""
        since: dict[str, datetime] = {}
        for opinion in (row[0] for row in self.rows):
            key = opinion.distribution_id
            if key is None and self._clears_the_shelf(opinion):
                since = {}
            elif key is not None and opinion.state_after != "shelved":
                since.pop(key, None)
            elif key is not None:
                since.setdefault(key, opinion.at)
        return tuple(self._on_shelf(key, moment) for key, moment in since.items())

    def _clears_the_shelf(self, opinion: Opinion) -> bool:
        """Whether a withdrawal took the distributions off, or a version in force had them reviewed again."""
        if any(state.key == opinion.state_after and state.final for state in self.life.versions):
            return True
        if not _comes_into_force(opinion):
            return False
        version = self.session.get(Version, (self.entry.id, opinion.number))
        row = self.life.class_index.get((version.change_class if version else None) or "")
        return row is not None and row.on_announce == "clear_again"

    def _on_shelf(self, key: str, since: datetime) -> OnShelf:
        made = self.session.get_one(Distribution, key)
        last: dict[tuple[str, str], Any] = {}
        for row in self.rows:
            opinion = row[0]
            if opinion.distribution_id == key and opinion.state_after in ("shelved", opinion.state_before):
                last[opinion.move, opinion.role] = row
        signed = sorted(last.values(), key=lambda row: (row[0].at, row[0].id))
        return OnShelf(key, made.name, made.form, made.sha256, since, tuple(map(self._signed, signed)))

    def _signed(self, row: Any) -> Signed:
        opinion, person, delegation, giver, sheet = row
        move, role = self.life.index.get(opinion.move), self.roles.index.get(opinion.role)
        return Signed(
            move=opinion.move,
            zh=move.zh if move else opinion.move,
            role=opinion.role,
            role_zh=role.zh if role else opinion.role,
            login=opinion.login,
            name=person.name if person else opinion.login,
            at=opinion.at,
            number=opinion.number,
            delegated_by=giver.name if giver else "",
            document=delegation.document if delegation else "",
            sheet=sheet.number if sheet else "",
            entered_by=opinion.operator or "" if sheet else "",
        )


def _comes_into_force(opinion: Opinion) -> bool:
    return opinion.state_after == "announced" and opinion.state_before != opinion.state_after


def _ends(opinion: Opinion) -> bool:
    """Whether the signatures given before speak of another version: one came into force, or was withdrawn."""
    return opinion.state_before != opinion.state_after and opinion.state_after in ("announced", "withdrawn")


def _opinions(session: Session, entry: Entry, end: datetime) -> list[Any]:
    """The moves made before ``end``: opinion, person, delegation, who delegated, signature sheet."""
    giver = aliased(Person)
    query: Any = (
        select(Opinion, Person, Delegation, giver, SignatureSheet)
        .outerjoin(Person, col(Person.id) == col(Opinion.person_id))
        .outerjoin(Delegation, col(Delegation.id) == col(Opinion.delegation_id))
        .outerjoin(giver, col(giver.id) == col(Delegation.from_person_id))
        .outerjoin(SignatureSheet, col(SignatureSheet.id) == col(Opinion.sheet_id))
        .where(col(Opinion.entry_id) == entry.id, col(Opinion.at) < end)
        .order_by(col(Opinion.at), col(Opinion.id))
    )
    return list(session.execute(query))
