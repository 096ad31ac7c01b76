"""Duties as they are told: rows of the law with how they stand, duties of a year, and what waits for somebody."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law import Duty, Roles
from registry.calendars import city_calendar
from registry.duties import Piece, Standing, read_duties
from registry.duty_deeds import answering, is_by_hand, subject_of, target_of
from registry.duty_gates import cure_of
from registry.duty_terms import Asked, check_year, clock_of, duty_named, sees_duties
from registry.errors import NotFound, Rejected
from registry.lookup import askable
from registry.models import DutyEvidence
from registry.people import local_day
from registry.permits import Actor, may, roles_of
from validators.obligations import DUE, INFORMATION, OVERDUE, WORKING_DAYS, due_on, is_told

SOON = "soon"
_UNITS = {WORKING_DAYS: "个工作日"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of the duties are shown. ``told``: also those that are only told (information, authority)."""

    state: str = ""
    duty: str = ""
    profile: str = ""
    told: bool = False

    def check(self, specs: Specs) -> "Filter":
        """The filter, with the id of the duty as it is written in the law.

        Raises:
            Rejected: there is no such state, duty or profile.
        """
        known = [*specs.obligations.state_index, SOON]
        if self.state and self.state not in known:
            raise Rejected(f"没有状态“{self.state[:20]}”；可用：{'、'.join(known)}")
        if self.profile and not specs.duties.of(self.profile):
            raise Rejected(f"没有办法“{self.profile[:32]}”")
        return replace(self, duty=duty_named(self.duty, specs).id) if self.duty else self

    def fits(self, one: Standing) -> bool:
        """Whether a duty is shown."""
        if self.duty and one.duty.id != self.duty:
            return False
        if self.profile and one.duty.profile != self.profile:
            return False
        if self.state == SOON:
            return one.state == DUE and one.term.soon
        if self.state:
            return one.state == self.state
        return self.told or not is_told(one.duty)


def list_duties(
    session: Session, asked: Asked, *, chosen: Filter, now: datetime, specs: Specs
) -> list[Standing]:
    """The duties of a year that ask for something (gate, record, deadline), the most urgent first; see ``Filter``.

    Raises:
        NotFound: no such agency or system is seen. Rejected: no such year, state or duty. Unavailable: the calendar.
    """
    checked = chosen.check(specs)
    found = [one for one in read_duties(session, asked, now=now, specs=specs) if checked.fits(one)]
    index = specs.obligations.state_index
    return sorted(found, key=lambda one: (index[one.state].rank, one.term.due or date.max))


# ---- worded -----------------------------------------------------------------------------------------------


def actors_zh(duty: Duty, specs: Specs) -> list[str]:
    """The bodies that a duty names, as its city calls them."""
    units = {row.key: row for row in specs.document("roles", Roles).units}
    return [units[key].zh_by_profile.get(duty.profile, units[key].zh) for key in duty.actor]


def law_json(duty: Duty, specs: Specs) -> dict[str, Any]:
    """A row of duties.yaml: what its article asks, of whom, by when, with which evidence."""
    kinds = {row.key: row.zh for row in specs.duties.evidence_kinds}
    return {
        "id": duty.id,
        "profile": duty.profile,
        "article": duty.article,
        "words": duty.zh,
        "kind": list(duty.kind),
        "actor": list(duty.actor),
        "actor_zh": actors_zh(duty, specs),
        "per": duty.per,
        "deadline": duty.deadline.text if duty.deadline else None,
        "gates": list(duty.gates),
        "wanted": [
            {"kind": kind, "zh": kinds[kind], "by_hand": is_by_hand(duty, kind, specs)}
            for kind in duty.evidence
        ],
        "source": "；".join(specs.citation(source) for source in duty.sources),
    }


def term_zh(one: Standing) -> str:
    """How far off the day is: 超期 3 天, 还有 5 天; empty without a day or when nothing is to be done."""
    unit = _UNITS.get(one.term.unit, "天")
    if one.state == OVERDUE:
        return f"超期 {one.term.late} {unit}"
    return f"还有 {one.term.left} {unit}" if one.state == DUE else ""


def standing_json(one: Standing, specs: Specs) -> dict[str, Any]:
    """A duty of a subject in a year."""
    subject, agency, system = one.subject, one.subject.agency, one.subject.system
    state = specs.obligations.state_index[one.state]
    return law_json(one.duty, specs) | {
        "year": one.year,
        "subject": {"per": subject.per, "id": subject.id, "name": subject.name},
        "agency": {"code": agency.code, "name": agency.name} if agency else None,
        "system": {"id": system.id, "ident": system.ident, "name": system.name} if system else None,
        "due": one.term.due.isoformat() if one.term.due else None,
        "left": one.term.left,
        "late": one.term.late,
        "unit": one.term.unit,
        "soon": one.term.soon and state.open,
        "state": one.state,
        "state_zh": state.zh,
        "term_zh": term_zh(one),
        "why": one.why,
        "waived": one.waived or None,
        "evidence": [_piece_json(one, piece, specs) for piece in one.pieces],
    }


def _piece_json(one: Standing, piece: Piece, specs: Specs) -> dict[str, Any]:
    found = piece.found
    wanting = specs.obligations.state_index[one.state].open and not piece.whole
    return {
        "kind": piece.kind,
        "zh": piece.zh,
        "whole": piece.whole,
        "derived": found is not None and not found.by,
        "number": found.number if found else "",
        "day": found.day.isoformat() if found and found.day else None,
        "count": found.count if found else 0,
        "of": found.of if found else None,
        "said": found.said if found else "",
        "handed": list(piece.handed),
        "fix": cure_of(one, piece, specs) if wanting else "",
    }


# ---- rows of the law --------------------------------------------------------------------------------------


def law_rows(
    standings: Iterable[Standing], year: int | None, *, now: datetime, specs: Specs
) -> list[dict[str, Any]]:
    """Every row of duties.yaml, both cities', with how many duties of the year stand how; the worst one is its state.

    ``due`` is the day of the year that the row's clock sets; null where the article sets none.

    Raises:
        Rejected: no such year. Unavailable: the calendar's file is wrong.
    """
    chosen, calendar = check_year(year, local_day(now), specs), city_calendar(specs)
    counts: dict[str, Counter[str]] = {duty.id: Counter() for duty in specs.duties.duties}
    for one in standings:
        counts[one.duty.id][one.state] += 1
    index = specs.obligations.state_index

    def rank(key: str) -> int:
        return index[key].rank

    rows = []
    for duty in specs.duties.duties:
        last: date | None = due_on(clock_of(duty, specs), chosen, None, calendar)
        told: str | None = duty.kind[0] if is_told(duty) else None
        worst = told or min(counts[duty.id], key=rank, default=None)
        rows.append(
            law_json(duty, specs)
            | {
                "year": chosen,
                "due": last.isoformat() if last else None,
                "state": worst,
                "state_zh": index[worst].zh if worst else "",
                "counts": dict(counts[duty.id]),
                "evidence": list(duty.evidence),
            }
        )
    return rows


# ---- what was handed in -----------------------------------------------------------------------------------


def list_evidence(
    session: Session, duty: Duty, standings: Iterable[Standing], year: int
) -> list[dict[str, Any]]:
    """What was handed in of a duty for the subjects that are seen, up to the year, the withdrawn too; newest first."""
    seen = {one.subject.key: one.subject.name for one in standings}
    query = select(DutyEvidence).where(col(DutyEvidence.duty) == duty.id, col(DutyEvidence.year) <= year)
    rows = session.execute(query.order_by(col(DutyEvidence.at).desc(), col(DutyEvidence.id).desc())).scalars()
    return [
        evidence_json(one) | {"subject": seen[key]}
        for one in rows
        if (key := one.system_id or one.agency_id or "") in seen
    ]


def evidence_json(one: DutyEvidence) -> dict[str, Any]:
    """A piece of evidence as it was handed in."""
    withdrawn = one.withdrawn_at
    return {
        "id": one.id,
        "duty": one.duty,
        "year": one.year,
        "kind": one.kind,
        "waived": one.waived,
        "agency_id": one.agency_id,
        "system_id": one.system_id,
        "number": one.number,
        "day": one.day.isoformat() if one.day else None,
        "sha256": one.sha256,
        "file_name": one.file_name,
        "note": one.note,
        "by": one.by,
        "at": one.at.isoformat(),
        "withdrawn_by": one.withdrawn_by or None,
        "withdrawn_at": withdrawn.isoformat() if withdrawn else None,
        "withdrawn_why": one.withdrawn_why,
    }


def evidence_seen(session: Session, key: str, *, actor: Actor, now: datetime) -> DutyEvidence:
    """A piece of evidence, for who sees the duties of its subject.

    Raises:
        NotFound: there is none that is seen.
    """
    specs, kept = load(), session.get(DutyEvidence, askable(key))
    if kept is not None and sees_duties(actor):
        subject = subject_of(session, kept, duty_named(kept.duty, specs), specs)
        asked = Asked(kept.year, system=subject.system_id, agency=subject.agency_id, actor=actor)
        if subject.agency is None or _is_seen(session, asked, now=now, specs=specs):
            return kept
    raise NotFound(f"没有佐证“{key[:64]}”，或您看不到它")


def _is_seen(session: Session, asked: Asked, *, now: datetime, specs: Specs) -> bool:
    try:
        return bool(read_duties(session, asked, now=now, specs=specs))
    except NotFound:
        return False


# ---- what waits -------------------------------------------------------------------------------------------


def duties_waiting(session: Session, actor: Actor | None, *, now: datetime) -> list[Standing]:
    """The duties of this year that are late or soon due and that ``actor`` (None: anybody) may answer.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    specs = load()
    if actor is not None and not sees_duties(actor):
        return []
    found = read_duties(session, Asked(actor=actor), now=now, specs=specs)
    late = [one for one in found if one.state == OVERDUE or (one.state == DUE and one.term.soon)]
    return [one for one in late if answerable(one, actor, specs)]


def answerable(one: Standing, actor: Actor | None, specs: Specs, *, missing: bool = True) -> list[Piece]:
    """The evidence of a duty that ``actor`` may hand in; with ``missing`` only what is not there yet."""
    if is_told(one.duty) and INFORMATION in one.duty.kind:
        return []
    roles, target = roles_of(specs), target_of(one.subject)
    return [
        piece
        for piece in one.pieces
        if not (missing and piece.whole)
        and is_by_hand(one.duty, piece.kind, specs)
        and (
            actor is None
            or any(may(actor, act, roles, target) for act in answering(one.duty, piece.kind, specs))
        )
    ]
