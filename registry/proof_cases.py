"""What the register knows of a distribution's proofs, in the form in which the rules ask for it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer
from sqlmodel import col

from catalog_specs import Specs, load
from registry.keys import digest_of
from registry.models import BatchProof, Distribution, StandingProof
from registry.people import local_day
from validators.offers import listed_items
from validators.proving import Batch, ProofCase, Standing, bound_items, bound_rules

FILE = "2"  # of share_mode_type
WAITING, PROVEN, PUBLISHED, HELD = "waiting", "proven", "published", "held"
Content = Mapping[str, Any]


def offered_items(content: Content, names: Sequence[str]) -> list[Mapping[str, Any]]:
    """The items of an entry that a distribution offers, in the distribution's order."""
    items = listed_items(content)
    return [items[name] for name in names if name in items]


def items_digest_of(content: Content, made: Distribution, specs: Specs) -> str:
    """The digest of what a standing proof of ``made`` is bound to. A file may be stored under any name."""
    offer = {"form": made.form, "opened": made.opened, "location": "" if made.form == FILE else made.location}
    return digest_of(bound_items(content, offered_items(content, made.items), offer, specs))


def rules_digest_of(specs: Specs) -> str:
    """The digest of the rules that data are judged clean by."""
    return _rules_digest(specs.profile.key, specs.digest)


@lru_cache(maxsize=16)
def _rules_digest(profile: str, _digest: str) -> str:
    return digest_of(bound_rules(load(profile)))


def newest_standing(session: Session, distribution_id: str) -> StandingProof | None:
    """The newest standing proof of a distribution, valid or not."""
    query = select(StandingProof).where(col(StandingProof.distribution_id) == distribution_id)
    return session.execute(query.order_by(col(StandingProof.id).desc()).limit(1)).scalar()


def newest_batch(session: Session, made: Distribution, standing: StandingProof) -> BatchProof | None:
    """The newest batch proof under ``standing`` of what is offered now: of a file's bytes, of a table's last load."""
    query = select(BatchProof).where(col(BatchProof.standing_id) == standing.id)
    if made.form == FILE:
        query = query.where(col(BatchProof.sha256) == made.sha256)
    return session.execute(query.order_by(col(BatchProof.id).desc()).limit(1)).scalar()


def newest_standings(session: Session, distribution_ids: Collection[str]) -> dict[str, StandingProof]:
    """``newest_standing`` of many distributions, by distribution, read anew."""
    last = select(func.max(col(StandingProof.id))).where(
        col(StandingProof.distribution_id).in_(distribution_ids)
    )
    query = select(StandingProof).where(
        col(StandingProof.id).in_(last.group_by(col(StandingProof.distribution_id)))
    )
    found = session.execute(query, execution_options={"populate_existing": True}).scalars()
    return {row.distribution_id: row for row in found}


def newest_batches(session: Session, standing_ids: Collection[str]) -> dict[str, BatchProof]:
    """``newest_batch`` under many standing proofs, by standing proof, read anew and without their reports."""
    offered = or_(col(Distribution.form) != FILE, col(BatchProof.sha256) == col(Distribution.sha256))
    last = (
        select(func.max(col(BatchProof.id)))
        .join(Distribution, col(Distribution.id) == col(BatchProof.distribution_id))
        .where(col(BatchProof.standing_id).in_(standing_ids), offered)
    )
    query = select(BatchProof).where(col(BatchProof.id).in_(last.group_by(col(BatchProof.standing_id))))
    # a report is long, and nothing here asks for it
    query = query.options(defer(col(BatchProof.report)))  # type: ignore[arg-type]
    found = session.execute(query, execution_options={"populate_existing": True}).scalars()
    return {row.standing_id: row for row in found}


def proof_case(
    session: Session, content: Content, made: Distribution, specs: Specs, *, name: str, today: date
) -> ProofCase:
    """The question whether what ``made`` offers today is proven; ``name`` is what its entry is called."""
    standing = newest_standing(session, made.id)
    batch = newest_batch(session, made, standing) if standing else None
    return proof_case_of(content, made, specs, name=name, today=today, proofs=(standing, batch))


Proofs = tuple[StandingProof | None, BatchProof | None]


def proof_case_of(
    content: Content, made: Distribution, specs: Specs, *, name: str, today: date, proofs: Proofs
) -> ProofCase:
    """``proof_case`` of proofs that were read before: the newest standing one, the newest batch under it."""
    standing, batch = proofs
    return ProofCase(
        name=name,
        items_digest=items_digest_of(content, made, specs),
        rules_digest=rules_digest_of(specs),
        sha256=made.sha256 if made.form == FILE else None,
        today=today,
        standing=_standing(standing) if standing else None,
        batch=_batch(batch, made) if batch else None,
    )


def _standing(row: StandingProof) -> Standing:
    return Standing(
        id=row.id,
        items_digest=row.items_digest,
        rules_digest=row.rules_digest,
        schema_digest=row.schema_digest,
        checked_on=local_day(row.checked_at),
        checker=row.checker,
        agreed=row.agreed,
        reviewer=row.reviewer or "",
    )


def _batch(row: BatchProof, made: Distribution) -> Batch:
    return Batch(
        id=row.id,
        standing_id=row.standing_id,
        sha256=row.sha256 if made.form == FILE else None,
        schema_digest=row.schema_digest,
        verdict=row.verdict,
        unmet=tuple(row.unmet),
        day=local_day(row.at),
    )


def contents_before(session: Session, made: Distribution) -> list[str]:
    """The files that clean batches have taken the place of in a distribution, by SHA-256, the newest first."""
    if made.form != FILE or not made.opened or made.sha256 is None:
        return []
    query = select(col(BatchProof.replaced_sha256)).where(
        col(BatchProof.distribution_id) == made.id,
        col(BatchProof.state) == PUBLISHED,
        col(BatchProof.replaced_sha256).is_not(None),
    )
    return [str(found) for found in session.execute(query.order_by(col(BatchProof.id).desc())).scalars()]


# what came of a batch later is not a part of what was checked
_LATER = frozenset({"state", "replaced_sha256", "settled_at", "erased_at", "digest"})


def digest_of_batch(row: BatchProof) -> str:
    """The digest of what a batch proof says, as the audit record has it."""
    said = {key: getattr(row, key) for key in BatchProof.model_fields if key not in _LATER}
    return digest_of(said | {"at": row.at.isoformat()})
