"""Desensitization proofs shown, verified against the record and the stored bytes, and those that are held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry import audit
from registry.blobs import open_blob
from registry.digests import digests
from registry.errors import MuluError, NotFound
from registry.lookup import Row, askable, find_entry
from registry.models import Agency, BatchProof, Distribution, Entry, StandingProof, Version
from registry.people import local_day
from registry.permits import Sight
from registry.proof_cases import HELD, digest_of_batch, proof_case
from validators.proving import ProofCase, missing_proof

_TOOL = "mulu"


@dataclass(frozen=True, slots=True)
class Seen:
    """A proof with what it speaks of. ``batches`` are those of the standing proof, the newest first."""

    standing: StandingProof
    batches: tuple[BatchProof, ...]
    row: Row
    made: Distribution
    content: Mapping[str, Any]

    @property
    def specs(self) -> Specs:
        return load(self.row.version.profile)


@dataclass(frozen=True, slots=True)
class Verified:
    """One thing that was verified: what, whether it holds, and in words what was found."""

    what: str
    ok: bool
    said: str


def find_proof(session: Session, name: str, *, sight: Sight) -> Seen:
    """The proof that ``name`` means: a standing or a batch proof's key, a distribution's, or an entry's (its newest one).

    Raises:
        NotFound: there is none that is seen whole.
    """
    asked = askable(name)
    batch = session.get(BatchProof, asked)
    standing = session.get(StandingProof, batch.standing_id if batch else asked)
    if standing is None:
        made = session.get(Distribution, asked)
        entry = find_entry(session, made.entry_id if made else name, sight=sight).entry
        query = select(StandingProof).where(col(StandingProof.entry_id) == entry.id)
        if made is not None:
            query = query.where(col(StandingProof.distribution_id) == made.id)
        standing = session.execute(query.order_by(col(StandingProof.id).desc()).limit(1)).scalar()
    if standing is None:
        raise NotFound(f"{name[:64]} 还没有脱敏检查证明；先检查：mulu prove {name[:64]} 文件 --as 数据专员")
    row = find_entry(session, standing.entry_id, sight=sight)
    if not row.full:
        raise NotFound(f"没有脱敏检查证明“{name[:64]}”，或您看不到它")
    of_it = select(BatchProof).where(col(BatchProof.standing_id) == standing.id)
    batches = session.execute(of_it.order_by(col(BatchProof.id).desc())).scalars()
    version = session.get_one(Version, (row.entry.id, row.entry.in_force or row.entry.newest))
    made = session.get_one(Distribution, standing.distribution_id)
    return Seen(standing, tuple(batches), row, made, version.content)


def missing_of(session: Session, seen: Seen, *, now: datetime) -> tuple[str, ...]:
    """What a valid proof of the distribution lacks today, in sentences."""
    return missing_proof(_case(session, seen, now), seen.specs)


def _case(session: Session, seen: Seen, now: datetime) -> ProofCase:
    name = seen.row.entry.code or seen.row.entry.id
    return proof_case(session, seen.content, seen.made, seen.specs, name=name, today=local_day(now))


def proof_json(session: Session, seen: Seen, *, now: datetime) -> dict[str, Any]:
    """A proof as it is shown: what ``proof.fields`` of desensitization.yaml asks for, and what is missing today."""
    standing, missing = seen.standing, missing_of(session, seen, now=now)
    return {
        "id": standing.id,
        "resource_code": seen.row.entry.code,
        "entry": seen.row.entry.id,
        "version": standing.number,
        "distribution": standing.distribution_id,
        "open_type": standing.open_type,
        "method_per_item": standing.methods,
        "masks": standing.masks,
        "quasi_columns": standing.quasi,
        "items_digest": standing.items_digest,
        "rules_digest": standing.rules_digest,
        "schema_digest": standing.schema_digest,
        "checker": standing.checker,
        "checked_at": standing.checked_at.isoformat(),
        "agreed": standing.agreed,
        "reviewer": standing.reviewer,
        "reviewed_at": standing.reviewed_at.isoformat() if standing.reviewed_at else None,
        "note": standing.note,
        "valid": not missing,
        "missing": list(missing),
        "batches": [batch_json(batch) for batch in seen.batches],
    }


def batch_json(batch: BatchProof) -> dict[str, Any]:
    """One checked content: digests, counts, thresholds, conclusion; with the masked report of its scan."""
    k, model = batch.k, batch.thresholds
    return {
        "id": batch.id,
        "kind": batch.kind,
        "name": batch.name,
        "sha256": batch.sha256,
        "sm3": batch.sm3,
        "rows": batch.rows,
        "columns": batch.columns,
        "checked_items": [column["name"] for column in batch.report.get("columns", [])],
        "tool_name": _TOOL,
        "tool_version": batch.detectors,
        "spec": batch.spec,
        "rules_digest": batch.rules_digest,
        "schema_digest": batch.schema_digest,
        "residual_direct_hits": batch.residual,
        "k_value": k,
        "l_diversity": batch.l_diversity,
        "sharing_model": model.get("model"),
        "risk_max": 1 / k if k else None,
        "threshold": dict(model),
        "result": batch.verdict,
        "unmet": batch.unmet,
        "state": batch.state,
        "replaced_sha256": batch.replaced_sha256,
        "digest": batch.digest,
        "checker": batch.checked_by,
        "checked_at": batch.at.isoformat(),
        "settled_at": batch.settled_at.isoformat() if batch.settled_at else None,
        "report": batch.report,
    }


# ---- verifying --------------------------------------------------------------------------------------------


def verify_proof(
    session: Session, seen: Seen, *, files: Any, now: datetime, given: BinaryIO | None = None
) -> list[Verified]:
    """A proof held against itself, the audit record, the stored bytes, a file at hand, and what is offered today.

    ``given`` is a file that is said to be the proven one.
    """
    found = [_whole(batch) for batch in seen.batches]
    found += _recorded(session, seen)
    found += [_stored(session, batch, files) for batch in seen.batches if _is_kept(batch)]
    if given is not None:
        found.append(_same(seen, given))
    missing = missing_of(session, seen, now=now)
    found.append(Verified("有效性", not missing, "；".join(missing) or "现在有效"))
    return found


def _whole(batch: BatchProof) -> Verified:
    if batch.erased_at is not None:
        return Verified(f"批次证明 {batch.id}", False, "内容已按规定擦除，不再能核验")
    ok = digest_of_batch(batch) == batch.digest
    return Verified(f"批次证明 {batch.id}", ok, "内容与摘要相符" if ok else "内容与摘要不符：登记之后被改动")


def _recorded(session: Session, seen: Seen) -> list[Verified]:
    """What the audit record says of the same proof."""
    checks, reviews = {}, {}
    for event in audit.events_of(session, seen.standing.entry_id, limit=100_000):
        details = event.details or {}
        if event.act == "check_proof":
            checks[details.get("batch")] = details.get("digest")
        elif event.act == "review_proof":
            reviews[details.get("standing")] = (event.actor, details.get("agreed"))
    found = [_agrees(f"批次证明 {batch.id}", checks.get(batch.id) == batch.digest) for batch in seen.batches]
    standing = seen.standing
    if standing.agreed is not None:
        said = reviews.get(standing.id) == (standing.reviewer, standing.agreed)
        found.append(_agrees(f"方案证明 {standing.id} 的复核", said))
    return found


def _agrees(what: str, ok: bool) -> Verified:
    return Verified(what, ok, "与审计记录相符" if ok else "审计记录里没有，或与之不符")


def _is_kept(batch: BatchProof) -> bool:
    return batch.sha256 is not None and batch.state != HELD


def _stored(session: Session, batch: BatchProof, files: Any) -> Verified:
    what = f"文件 {str(batch.sha256)[:12]}…"
    try:
        with open_blob(session, str(batch.sha256), files) as file:
            made = digests(file)
    except MuluError as error:
        return Verified(what, False, error.message)
    ok = (made.sha256, made.sm3) == (batch.sha256, batch.sm3)
    return Verified(what, ok, "SHA-256 和 SM3 与证明相符" if ok else "SHA-256 或 SM3 与证明不符")


def _same(seen: Seen, given: BinaryIO) -> Verified:
    made = digests(given)
    for batch in seen.batches:
        if (batch.sha256, batch.sm3) == (made.sha256, made.sm3):
            clean = batch.verdict == "clean" and not batch.unmet
            return Verified(
                "所给文件", clean, f"就是批次证明 {batch.id} 检查过的内容" + ("" if clean else "，没有通过")
            )
    return Verified("所给文件", False, f"没有检查过这个内容（SHA-256 {made.sha256[:12]}…）")


# ---- held -------------------------------------------------------------------------------------------------


def held_batches(session: Session, *, sight: Sight) -> Sequence[tuple[BatchProof, Entry, Agency]]:
    """What was held and not yet followed by anything better: the newest batch of each distribution, where it is held."""
    newest = select(func.max(col(BatchProof.id))).group_by(col(BatchProof.distribution_id))
    query = (
        select(BatchProof, Entry, Agency)
        .join(Entry, col(Entry.id) == col(BatchProof.entry_id))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .where(col(BatchProof.id).in_(newest), col(BatchProof.state) == HELD, sight.full)
    )
    return [(b, e, a) for b, e, a in session.execute(query.order_by(col(BatchProof.id)))]
