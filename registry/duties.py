"""The duties of a year, and how each of them stands.

Nothing of a duty is kept but its evidence: what is owed follows from duties.yaml, the agencies and the systems.
Source: every article of S-ZY and S-LPS; domain §8.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, profiles
from catalog_specs.law import Deadlines, Duty
from registry.calendars import city_calendar
from registry.duty_derived import Derived, last_days
from registry.duty_facts import Found, in_time
from registry.duty_terms import (
    AGENCY,
    SYSTEM,
    Asked,
    Scope,
    Subject,
    clock_of,
    is_yearly,
    read_scope,
)
from registry.models import DutyEvidence
from registry.people import local_day
from validators.obligations import IDLE, NOT_APPLICABLE, Facts, Term, due_on, state_of, term_of

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Piece:
    """One kind of evidence that a duty wants, and what there is of it. ``handed``: keys of what was handed in."""

    kind: str
    zh: str
    found: Found | None
    handed: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return self.found is not None and self.found.whole


@dataclass(frozen=True, slots=True)
class Standing:
    """How a duty of a subject stands in a year. ``state`` is a key of obligations.yaml; ``why``: why it does not
    apply or has not arisen; ``waived``: the key of what says so."""

    duty: Duty
    subject: Subject
    year: int
    state: str
    term: Term
    pieces: tuple[Piece, ...]
    why: str = ""
    waived: str = ""


def read_duties(session: Session, asked: Asked, *, now: datetime, specs: Specs) -> list[Standing]:
    """Every duty of every subject that is asked for, by subject and article; rows that bind nobody are left out.

    Raises:
        NotFound: no such agency or system, or it is not seen. Rejected: no such year. Unavailable: the calendar.
    """
    return Reading(session, read_scope(session, asked, now=now, specs=specs), specs).all()


class Reading:
    """The duties of a scope, read with a handful of queries whatever its size."""

    def __init__(self, session: Session, scope: Scope, specs: Specs) -> None:
        self.session, self.scope, self.specs = session, scope, specs
        self.handed = _handed(session, scope)
        self.derived = Derived(session, scope, specs, left_out(self.handed, scope.year, specs))
        self.calendar = city_calendar(specs)
        self.warn = specs.document("deadlines", Deadlines).warn
        self.kinds = {row.key: row.zh for row in specs.duties.evidence_kinds}
        self.in_force = {key: date.fromisoformat(one.valid_from) for key, one in profiles().items()}
        self.days = last_days(self.derived.known)

    def all(self) -> list[Standing]:
        """Every duty of every subject."""
        order = {duty.id: n for n, duty in enumerate(self.specs.duties.duties)}
        made = [one for duty in self.specs.duties.duties for one in self.of(duty)]
        place = {(one.per, one.id): n for n, one in enumerate(self.scope.subjects)}
        made.sort(key=lambda one: (place[one.subject.per, one.subject.id], order[one.duty.id]))
        return made

    def of(self, duty: Duty) -> Iterator[Standing]:
        """How one duty stands for each subject that it binds."""
        for subject in self.scope.of(duty.per) if duty.per != "none" else ():
            if subject.profile == duty.profile:
                yield self.one(duty, subject)

    def one(self, duty: Duty, subject: Subject) -> Standing:
        """How a duty of a subject stands."""
        clock = clock_of(duty, self.specs)
        last = due_on(clock, self.scope.year, None, self.calendar) or self._set_day(duty, subject)
        term = term_of(clock, last, self.scope.today, self.calendar, self.warn)
        pieces = tuple(self._piece(duty, kind, subject) for kind in duty.evidence)
        waiver = self._waiver(duty, subject)
        why = self._excuse(duty, subject, last, waiver)
        nothing = self._nothing(duty, subject)
        facts = Facts(
            excused=bool(why),
            arises=nothing or duty.id in self.specs.obligations.arising.duties,
            found=sum(piece.whole for piece in pieces),
            wanted=len(pieces),
        )
        state = state_of(duty, facts, term)
        said = why or (self.specs.obligations.say("nothing") if nothing and state == IDLE else "")
        waived = waiver.id if waiver and state == NOT_APPLICABLE else ""
        return Standing(duty, subject, self.scope.year, state, term, pieces, said, waived)

    # ---- what there is --------------------------------------------------------------------------------

    def _piece(self, duty: Duty, kind: str, subject: Subject) -> Piece:
        zh = self.kinds[kind]
        row = self.specs.obligations.derived_of(duty.id, kind)
        told = self.derived.find(row.probe, duty.per, subject.id) if row else None
        counts = self._counting(duty, kind, subject) if row is None or row.by_hand else []
        if told is not None and (told.whole or not counts):
            return Piece(kind, zh, told, tuple(one.id for one in counts))
        if not counts:
            return Piece(kind, zh, None)
        last = counts[-1]
        day = last.day or (None if self.specs.obligations.clock_of(kind) else local_day(last.at))
        found = Found(len(counts), len(counts), last.number, day, last.note, by=last.id)
        return Piece(kind, zh, in_time(found, kind, self.derived.known), tuple(one.id for one in counts))

    def _counting(self, duty: Duty, kind: str, subject: Subject) -> list[DutyEvidence]:
        """What was handed in of a kind and counts for the year, the oldest first."""
        yearly = is_yearly(duty, self.specs)
        rows = self.handed.get((duty.id, subject.key), [])
        return [
            one
            for one in rows
            if one.kind == kind and not one.waived and (one.year == self.scope.year or not yearly)
        ]

    def _waiver(self, duty: Duty, subject: Subject) -> DutyEvidence | None:
        """What says that a duty does not apply: of this year where it is done every year."""
        rows = [one for one in self.handed.get((duty.id, subject.key), []) if one.waived]
        yearly = is_yearly(duty, self.specs)
        return next((one for one in reversed(rows) if one.year == self.scope.year or not yearly), None)

    # ---- whether it binds -----------------------------------------------------------------------------

    def _excuse(self, duty: Duty, subject: Subject, last: date | None, waiver: DutyEvidence | None) -> str:
        spec = self.specs.obligations
        in_force = self.in_force[duty.profile]
        if (last or date(self.scope.year, 12, 31)) < in_force:
            return spec.say("before", day=in_force)
        if subject.external:
            return spec.say("external")
        if waiver is not None:
            return spec.say("waived", why=waiver.note)
        if subject.system is not None and subject.system.life not in spec.lives_of(duty.id):
            life = self.specs.systems.life_index[subject.system.life].zh
            return spec.say("stage", life=life)
        if last is not None and subject.since is not None and subject.since > last:
            return spec.say("young", due=last)
        return ""

    def _nothing(self, duty: Duty, subject: Subject) -> bool:
        asked = duty.id in self.specs.obligations.needs_entries.duties
        return asked and not self.derived.known.grouped(AGENCY).get(subject.id)

    def _set_day(self, duty: Duty, subject: Subject) -> date | None:
        """The day that an order or a wipe case sets."""
        if duty.per != SYSTEM:
            return None
        rows = (self.specs.obligations.derived_of(duty.id, kind) for kind in duty.evidence)
        days = [self.days.get(row.probe, {}).get(subject.id) for row in rows if row]
        return min((day for day in days if day), default=None)


def _handed(session: Session, scope: Scope) -> dict[Key, list[DutyEvidence]]:
    """What was handed in up to the year and not withdrawn, by duty and subject, the oldest first."""
    query = select(DutyEvidence).where(
        col(DutyEvidence.withdrawn_at).is_(None), col(DutyEvidence.year) <= scope.year
    )
    found: dict[Key, list[DutyEvidence]] = defaultdict(list)
    ordered = query.order_by(col(DutyEvidence.year), col(DutyEvidence.at), col(DutyEvidence.id))
    for one in session.execute(ordered).scalars():
        found[one.duty, one.system_id or one.agency_id or ""].append(one)
    return found


def left_out(handed: dict[Key, list[DutyEvidence]], year: int, specs: Specs) -> frozenset[str]:
    """The systems that the plan of a year leaves out, as was said of them. Source: S-ZY 5(四)."""
    plans = {duty.id for duty in specs.duties.duties if "plan" in duty.gates and duty.per == AGENCY}
    return frozenset(
        one.system_id
        for (duty, _key), rows in handed.items()
        if duty in plans
        for one in rows
        if one.waived and one.system_id and one.year == year
    )


def reading_of(session: Session, asked: Asked, *, now: datetime, specs: Specs) -> Reading:
    """The duties of what is asked for, to be asked one by one. Raises as ``read_duties`` does."""
    return Reading(session, read_scope(session, asked, now=now, specs=specs), specs)
