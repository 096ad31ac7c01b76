"""The second person's word on a desensitization proof (domain §4.3: checker and reviewer differ)."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry import audit, outbox
from registry.entries import hold_register
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.kept import storable
from registry.lookup import askable, find_entry
from registry.models import BatchProof, Distribution, Entry, StandingProof, Version
from registry.people import local_day
from registry.permits import Actor, Sight, Target, demand, roles_of
from registry.proof_cases import WAITING, proof_case
from registry.proof_plans import check_live
from registry.proofs import settle
from validators.proving import missing_proof

REVIEW = "review_proof"
NOTE_LENGTH = 2000  # as the column is wide


def find_standing(session: Session, key: str, *, sight: Sight) -> StandingProof:
    """A standing proof by its key, or by that of one of its batches.

    Raises:
        NotFound: there is none that is seen.
    """
    standing = session.get(StandingProof, askable(key))
    batch = None if standing else session.get(BatchProof, askable(key))
    if batch is not None:
        standing = session.get_one(StandingProof, batch.standing_id)
    row = find_entry(session, standing.entry_id, sight=sight) if standing else None
    if standing is None or row is None or not row.full:
        raise NotFound(f"没有脱敏检查证明“{key[:64]}”，或您看不到它")
    return standing


def review_proof(
    session: Session,
    key: str,
    *,
    agree: bool,
    sight: Sight,
    actor: Actor,
    now: datetime,
    note: str = "",
) -> StandingProof:
    """The second person's word on a standing proof; with it, what waits is published at once.

    Source: domain §4.3 (checker != reviewer).

    Raises:
        NotFound: there is none that is seen. NotAllowed: no role for it, or he checked it himself.
        Conflict: it was reviewed already, or the distribution is off the shelf.
        Rejected: nothing clean waits under it, it is void, or a refusal has no reason.
    """
    hold_register(session)
    standing = find_standing(session, key, sight=sight)
    session.refresh(standing, with_for_update=True)
    row = find_entry(session, standing.entry_id, sight=sight)
    specs = load(row.version.profile)
    demand(
        actor, REVIEW, roles_of(specs), Target(row.entry.agency_id, row.agency.region, row.entry.system_id)
    )
    _check_second(session, standing, actor)
    if not agree and not note.strip():
        raise Rejected("写明不通过的理由（--note）")
    acts = [_word_of(standing, agree)]
    standing.agreed, standing.note = agree, storable(note.strip())[:NOTE_LENGTH]
    standing.reviewer_id, standing.reviewer, standing.reviewed_at = actor.person_id, actor.login, now
    if agree:
        acts += _agreed(session, standing, row.entry, specs, now=now)
    session.flush()
    outbox.mark(session, [standing.entry_id], REVIEW, now=now)
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    return standing


def _check_second(session: Session, standing: StandingProof, actor: Actor) -> None:
    if standing.agreed is not None:
        said = "通过" if standing.agreed else "不通过"
        raise Conflict(f"{standing.reviewer} 已复核（{said}）；重新检查后才能再复核", state=standing.agreed)
    checkers = set(
        session.execute(
            select(col(BatchProof.checked_by)).where(col(BatchProof.standing_id) == standing.id)
        ).scalars()
    )
    if actor.person_id == standing.checker_id or actor.login in checkers:
        raise NotAllowed("检查人和复核人不能是同一人；请由另一人复核", reason="author")


def _word_of(standing: StandingProof, agree: bool) -> audit.Act:
    details = {
        "standing": standing.id,
        "distribution": standing.distribution_id,
        "agreed": agree,
        "checker": standing.checker,
        "items_digest": standing.items_digest,
        "rules_digest": standing.rules_digest,
    }
    return audit.Act("review_proof", standing.entry_id, details)


def _agreed(
    session: Session, standing: StandingProof, entry: Entry, specs: Specs, *, now: datetime
) -> list[audit.Act]:
    waiting = list(
        session.execute(
            select(BatchProof)
            .where(col(BatchProof.standing_id) == standing.id, col(BatchProof.state) == WAITING)
            .order_by(col(BatchProof.id))
        ).scalars()
    )
    if not waiting:
        raise Rejected("这个方案证明下没有通过扫描的内容；先改正并重新检查（mulu prove）")
    made = session.get_one(Distribution, standing.distribution_id)
    check_live(made)
    content = session.get_one(Version, (entry.id, entry.in_force or entry.newest)).content
    acts = [act for batch in waiting for act in settle(batch, made, now=now)]
    session.flush()
    case = proof_case(session, content, made, specs, name=entry.code or entry.id, today=local_day(now))
    missing = missing_proof(case, specs)
    if missing:
        raise Rejected("不能通过复核：" + "；".join(missing), unmet=list(missing))
    return acts
