"""How the proofs of an entry stand today: for each of its opened distributions what is proven, held and missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.lookup import Row
from registry.models import Agency, BatchProof, Distribution, Entry, StandingProof, Version
from registry.people import local_day
from registry.permits import Actor, Sight, Target, may, roles_of
from registry.proof_cases import FILE, HELD, newest_batch, newest_standing, offered_items, proof_case
from registry.proof_plans import MAKE
from registry.proof_review import REVIEW
from registry.proof_shown import find_proof, held_batches, proof_json
from registry.subjects import LIVE, distributions_of
from validators.proving import asks_for_proof, missing_proof, valid_days

SEE_REPORT = "see_sample_values"


@dataclass(frozen=True, slots=True)
class ProofState:
    """One opened distribution and its proof today.

    ``batch`` is of the content that is offered now, ``held`` the newest content that did not pass, if nothing better
    came after it. ``due`` names the items for whose sake a proof is asked; ``until`` is the last day of the standing
    proof; ``missing`` says in sentences what a valid proof lacks.
    """

    made: Distribution
    standing: StandingProof | None
    batch: BatchProof | None
    held: BatchProof | None
    due: tuple[str, ...]
    until: date | None
    missing: tuple[str, ...]

    @property
    def needed(self) -> bool:
        """Whether a proof is due, or was begun."""
        return bool(self.due) or self.standing is not None

    @property
    def valid(self) -> bool:
        """Whether there is a proof that holds today."""
        return self.standing is not None and not self.missing


def proof_states(session: Session, row: Row, *, now: datetime) -> list[ProofState]:
    """The live opened distributions of an entry with their proofs, the oldest first; none unless it is seen whole."""
    if not row.full:
        return []
    version = session.get_one(Version, (row.entry.id, row.entry.in_force or row.entry.newest))
    opened = [
        made for made in distributions_of(session, [row.entry.id]) if made.opened and made.state in LIVE
    ]
    return [_state(session, version, made, row, now) for made in opened]


def _state(session: Session, version: Version, made: Distribution, row: Row, now: datetime) -> ProofState:
    specs, name = load(version.profile), row.entry.code or row.entry.id
    standing, last = newest_standing(session, made.id), _last(session, made)
    due = asks_for_proof(offered_items(version.content, made.items), specs)
    case = proof_case(session, version.content, made, specs, name=name, today=local_day(now))
    return ProofState(
        made=made,
        standing=standing,
        batch=newest_batch(session, made, standing) if standing else None,
        held=last if last is not None and last.state == HELD else None,
        due=due,
        until=local_day(standing.checked_at) + timedelta(days=valid_days(specs)) if standing else None,
        missing=missing_proof(case, specs) if due or standing else (),
    )


def _last(session: Session, made: Distribution) -> BatchProof | None:
    query = select(BatchProof).where(col(BatchProof.distribution_id) == made.id)
    return session.execute(query.order_by(col(BatchProof.id).desc()).limit(1)).scalar()


# ---- who may ----------------------------------------------------------------------------------------------


def target_of(entry: Entry, agency: Agency) -> Target:
    """What an act on a proof of ``entry`` is about."""
    return Target(entry.agency_id, agency.region, entry.system_id)


def may_prove(actor: Actor, row: Row) -> bool:
    """Whether ``actor`` may make proofs of an entry."""
    return may(actor, MAKE, roles_of(load(row.version.profile)), target_of(row.entry, row.agency))


def may_review(actor: Actor, row: Row, standing: StandingProof | None, checkers: Sequence[str] = ()) -> bool:
    """Whether ``actor`` may say the second word on a standing proof: it waits, and he had no hand in it."""
    if standing is None or standing.agreed is not None:
        return False
    own = standing.checker_id == actor.person_id or actor.login in checkers
    roles = roles_of(load(row.version.profile))
    return not own and may(actor, REVIEW, roles, target_of(row.entry, row.agency))


def checkers_of(session: Session, standing: StandingProof) -> tuple[str, ...]:
    """The logins that checked something under a standing proof."""
    query = select(col(BatchProof.checked_by)).where(col(BatchProof.standing_id) == standing.id).distinct()
    return tuple(session.execute(query).scalars())


def sees_reports(actor: Actor, entry: Entry, agency: Agency, specs: Specs) -> bool:
    """Whether ``actor`` may see the report of a scan: masked values, and the sizes of small groups."""
    return may(actor, SEE_REPORT, roles_of(specs), target_of(entry, agency))


# ---- shown ------------------------------------------------------------------------------------------------


def state_json(session: Session, state: ProofState, *, sight: Sight, now: datetime) -> dict[str, Any]:
    """How a distribution's proof stands, with the proof; the reports of its scans come with the proof itself."""
    seen = find_proof(session, state.standing.id, sight=sight) if state.standing else None
    return {
        "distribution": state.made.id,
        "name": state.made.name,
        "state": state.made.state,
        "items": list(state.due),
        "needed": state.needed,
        "valid": state.valid,
        "missing": list(state.missing),
        "valid_until": state.until.isoformat() if state.until else None,
        "held": state.held.id if state.held else None,
        "proof": without_reports(proof_json(session, seen, now=now)) if seen else None,
    }


def shown_proof(session: Session, key: str, *, sight: Sight, actor: Actor, now: datetime) -> dict[str, Any]:
    """A proof as ``proof_json``, its scans' reports only for who may see sample values.

    Raises:
        NotFound: there is none that is seen whole.
    """
    seen = find_proof(session, key, sight=sight)
    found = proof_json(session, seen, now=now)
    reports = sees_reports(actor, seen.row.entry, seen.row.agency, seen.specs)
    return found if reports else without_reports(found)


def without_reports(proof: Mapping[str, Any]) -> dict[str, Any]:
    """A proof as JSON with every report of a scan taken out."""
    return {**proof, "batches": [{**batch, "report": None} for batch in proof["batches"]]}


@dataclass(frozen=True, slots=True)
class Held:
    """A content that was held: of which distribution, why, and what to do about it."""

    batch: str
    standing: str
    distribution: str
    entry_id: str
    code: str | None
    agency_code: str
    agency_name: str
    name: str
    at: datetime
    checker: str
    verdict: str
    unmet: tuple[str, ...]
    cure: str


def held_shown(session: Session, *, sight: Sight) -> list[Held]:
    """Everything that is held within sight, the oldest first."""
    found = held_batches(session, sight=sight)
    forms = _forms(session, [batch.distribution_id for batch, _, _ in found])
    return [_held(batch, entry, agency, forms[batch.distribution_id]) for batch, entry, agency in found]


def _forms(session: Session, keys: Sequence[str]) -> Mapping[str, str]:
    query = select(col(Distribution.id), col(Distribution.form)).where(col(Distribution.id).in_(keys))
    return {key: form for key, form in session.execute(query)}  # noqa: C416  (rows are no pairs to mypy)


def _held(batch: BatchProof, entry: Entry, agency: Agency, form: str) -> Held:
    proofs = load().scanning.proofs
    cure = proofs.says["cure_file" if form == FILE else "cure_table"].zh
    return Held(
        batch=batch.id,
        standing=batch.standing_id,
        distribution=batch.distribution_id,
        entry_id=entry.id,
        code=entry.code,
        agency_code=agency.code,
        agency_name=agency.name,
        name=batch.name,
        at=batch.at,
        checker=batch.checked_by,
        verdict=batch.verdict,
        unmet=tuple(batch.unmet),
        cure=cure.format(name=batch.distribution_id),
    )
