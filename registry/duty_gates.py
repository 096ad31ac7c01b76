"""What the articles ask for before a gate opens: the evidence that is missing, with the article and the cure.

Gates of the lifecycle (announcement, shelf, opening, list) are kept by its guards; see ``enforced`` in obligations.yaml.
Source: S-ZY 2, 5, 13, 19, 21; S-LPS 3, 14, 20, 21, 26.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from catalog_specs import Specs, load
from catalog_specs.law import Duty
from registry.duties import Piece, Standing, reading_of
from registry.duty_derived import unshared
from registry.duty_facts import Known
from registry.duty_terms import AGENCY, SYSTEM, Asked, article_zh
from registry.errors import Rejected
from registry.models import Agency, System

PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a gate asks for and that is missing: the duty, its article, what is said, the cure."""

    duty: str
    article: str
    said: str
    fix: str


def missing(session: Session, system: System, gate: str, *, now: datetime) -> tuple[Lack, ...]:
    """What the articles ask for before ``gate`` (a key of duties.yaml) and is missing of a system.

    Empty for systems of the State and the province (R13). Rows that were said not to apply ask for nothing.

    Raises:
        Rejected: there is no such gate. Unavailable: the calendar's file is wrong.
    """
    specs = load(system.profile)
    _demand_gate(gate, specs)
    if system.system_class in specs.duties.exempt_system_classes.codes:
        return ()
    reading = reading_of(session, Asked(system=system.id), now=now, specs=specs)
    duties = [duty for duty in specs.duties.of(system.profile) if gate in duty.gates and duty.per == SYSTEM]
    return tuple(lack for duty in duties for one in reading.of(duty) for lack in _lacks(one, gate, specs))


def plan_missing(session: Session, agency: Agency, *, now: datetime) -> tuple[Lack, ...]:
    """The built systems of an agency that do not share and open yet: no plan of their operation is handed in before.

    Source: S-ZY 5(四). Empty where the city's measure has no such gate.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    specs = load()
    reading = reading_of(session, Asked(agency=agency.id), now=now, specs=specs)
    found: list[Lack] = []
    for duty in specs.duties.duties:
        if PLAN in duty.gates and duty.per == AGENCY:
            standing = next(iter(reading.of(duty)), None)
            if standing is not None and specs.obligations.state_index[standing.state].open:
                found += _unshared(reading.derived.known, duty, specs)
    return tuple(found)


def _unshared(known: Known, duty: Duty, specs: Specs) -> Iterator[Lack]:
    spec = specs.obligations
    names = {one.id: one.name for one in known.scope.of(SYSTEM)}
    for key, said in unshared(known):
        words = spec.say("unshared", system=names[key], said=said)
        yield Lack(duty.id, duty.article, words, spec.say("fix_share", duty=duty.id, system=key))


def _demand_gate(gate: str, specs: Specs) -> None:
    known = [row.key for row in specs.duties.gates]
    if gate not in known:
        raise Rejected(f"没有把关“{gate[:40]}”；可用：{'、'.join(known)}")


def _lacks(standing: Standing, gate: str, specs: Specs) -> Iterator[Lack]:
    """What is missing of one duty at a gate; what comes about only after the gate is not asked for."""
    if not specs.obligations.state_index[standing.state].open:
        return
    later = specs.obligations.later_than(gate)
    for piece in standing.pieces:
        if not piece.whole and piece.kind not in later:
            yield _lack(standing, piece, specs)


def _lack(standing: Standing, piece: Piece, specs: Specs) -> Lack:
    spec, duty = specs.obligations, standing.duty
    told = piece.found.said if piece.found else ""
    said = spec.say(
        "lack",
        article=article_zh(duty),
        kind=piece.zh,
        found=spec.say("lack_part", said=told) if told else "",
    )
    return Lack(duty.id, duty.article, said, cure_of(standing, piece, specs))


def cure_of(standing: Standing, piece: Piece, specs: Specs) -> str:
    """What to do about a kind of evidence that is missing: where it comes about, or the command that hands it in."""
    spec, duty, subject = specs.obligations, standing.duty, standing.subject
    row = spec.derived_of(duty.id, piece.kind)
    of = {
        SYSTEM: f" --system {subject.id}",
        AGENCY: f" --agency {subject.agency.code if subject.agency else ''}",
    }
    named = of.get(subject.per, "")
    if row is not None and not row.by_hand:
        return spec.say("fix_derived", where=row.where)
    by_hand = spec.say("fix_hand", duty=duty.id, kind=piece.kind, subject=named)
    return f"{spec.say('fix_derived', where=row.where)}；或{by_hand}" if row is not None else by_hand
