"""The register held against the record of acts: what was changed in the tables without an act is named."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry import audit
from registry.entries import short
from registry.keys import digest_of
from registry.models import BatchProof, Entry, ImportBatch, Opinion, RoleGrant, StandingProof, Version
from registry.proof_cases import digest_of_batch
from registry.reconcile_lists import ListActs, list_differences
from registry.reconcile_requests import RequestActs, request_differences
from registry.reconcile_systems import SystemActs, system_differences
from registry.subjects import lifecycle_of

_AT_A_TIME = 500
_STOCK = "existing"
_COPIED = ("share_type", "open_type", "data_grade")


@dataclass(slots=True)
class _Acts:
    """What the record says: opinions and grants by their keys, digests and force by entry and version."""

    opinions: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    grants: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    digests: dict[tuple[str, int], str] = field(default_factory=dict)
    batches: dict[str, str] = field(default_factory=dict)
    reviews: dict[str, tuple[str, bool]] = field(default_factory=dict)
    reached: set[tuple[str, int, str]] = field(default_factory=set)
    taken: set[tuple[str, int]] = field(default_factory=set)
    lists: ListActs = field(default_factory=ListActs)
    requests: RequestActs = field(default_factory=RequestActs)
    systems: SystemActs = field(default_factory=SystemActs)


def differences(session: Session) -> Iterator[str]:
    """Every place where the register does not say what the record says; nothing when both agree.

    Erased content is passed over. What the record never held (a name, a note's wording) cannot be compared.
    """
    acts = _read(session)
    codes = {row[0]: row[1] or row[0] for row in session.execute(select(col(Entry.id), col(Entry.code)))}
    yield from _opinions(session, acts, codes)
    yield from _versions(session, acts, codes)
    yield from _grants(session, acts)
    yield from _proofs(session, acts, codes)
    yield from list_differences(session, acts.lists, codes)
    yield from request_differences(session, acts.requests)
    yield from system_differences(session, acts.systems)


def _read(session: Session) -> _Acts:
    acts, after = _Acts(), 0
    while events := audit.list_events(session, after=after, limit=_AT_A_TIME * 10, newest=False):
        after = events[-1].seq
        for event in events:
            _take(acts, event)
    return acts


def _take(acts: _Acts, event: audit.Event) -> None:
    acts.lists.take(event)
    acts.requests.take(event)
    acts.systems.take(event)
    details = event.details or {}
    number = details.get("version")
    if "opinion" in details:
        said = tuple(details.get(key) for key in ("version", "role", "before", "after", "bound_digest"))
        acts.opinions[details["opinion"]] = (event.act, event.actor, event.subject, *said)
        acts.reached.add((event.subject, int(number or 0), str(details.get("after"))))
    if "grant" in details and event.act == "grant_role":
        given = tuple(details.get(key) for key in ("role", "agency_id", "system_id", "region"))
        acts.grants[details["grant"]] = given
    if event.act == "check_proof":
        acts.batches[details["batch"]] = details["digest"]
    if event.act == "review_proof":
        acts.reviews[details["standing"]] = (event.actor, details["agreed"])
    if isinstance(number, int) and "digest" in details:
        acts.digests[(event.subject, number)] = details["digest"]
    if isinstance(number, int) and event.act == "put_in_force":
        acts.taken.add((event.subject, number))


def _erased(session: Session) -> set[str]:
    """Entries of which something was erased: the record no longer says enough of them to compare."""
    query = select(col(Version.entry_id)).where(col(Version.erased_at).is_not(None))
    return set(session.execute(query).scalars())


def _opinions(session: Session, acts: _Acts, codes: dict[str, str]) -> Iterator[str]:
    seen = set()
    erased = _erased(session)
    for row in session.execute(select(Opinion).execution_options(yield_per=_AT_A_TIME)).scalars():
        seen.add(row.id)
        said = (row.number, row.role, row.state_before, row.state_after, row.bound_digest)
        known = acts.opinions.get(row.id)
        name = codes.get(row.entry_id, row.entry_id)
        if row.entry_id in erased:
            continue
        if known is None:
            yield f"{name}：意见 {row.id}（{row.login} {row.move}）在审计记录里没有"
        elif known != (row.move, row.login, row.entry_id, *said):
            yield f"{name}：意见 {row.id} 与审计记录不符（记录为 {known[1]} 以 {known[4]} 办理 {known[0]}）"
    for key in sorted(set(acts.opinions) - seen):
        act, actor, entry_id, *_rest = acts.opinions[key]
        yield f"{codes.get(entry_id, entry_id)}：审计记录里 {actor} 办理的 {act}（{key}）在登记表里不见了"


def _versions(session: Session, acts: _Acts, codes: dict[str, str]) -> Iterator[str]:
    query = select(Version, col(ImportBatch.mode)).outerjoin(
        ImportBatch, col(ImportBatch.id) == col(Version.batch_id)
    )
    for version, mode in session.execute(query.execution_options(yield_per=_AT_A_TIME)):
        if version.erased_at is None:
            yield from _version(version, mode, acts, codes)


def _version(version: Version, mode: str | None, acts: _Acts, codes: dict[str, str]) -> Iterator[str]:
    name = f"{codes.get(version.entry_id, version.entry_id)} 第 {version.number} 版"
    place = (version.entry_id, version.number)
    if digest_of(version.content) != version.digest:
        yield f"{name}：内容与摘要不符"
    elif any(getattr(version, key) != short(version.content.get(key)) for key in _COPIED):
        yield f"{name}：共享类型、开放类型或分级与内容不符"
    if acts.digests.get(place, version.digest) != version.digest:
        yield f"{name}：摘要与审计记录不符"
    gated = {s.key for s in lifecycle_of(load(version.profile)).versions if not s.editable and not s.final}
    evidenced = mode == _STOCK or place in acts.taken or (*place, version.state) in acts.reached
    if version.state in gated and not evidenced:
        yield f"{name}：状态是“{version.state}”，审计记录里没有办到这一步的行为"


def _grants(session: Session, acts: _Acts) -> Iterator[str]:
    for grant in session.execute(select(RoleGrant)).scalars():
        known = acts.grants.get(grant.id)
        if known is not None and known[0] != grant.role:
            yield f"角色授予 {grant.id}：登记表里是 {grant.role}，审计记录里授予的是 {known[0]}"


def _proofs(session: Session, acts: _Acts, codes: dict[str, str]) -> Iterator[str]:
    erased = _erased(session)
    for batch in session.execute(select(BatchProof).execution_options(yield_per=_AT_A_TIME)).scalars():
        name = f"{codes.get(batch.entry_id, batch.entry_id)}：批次证明 {batch.id}"
        if batch.erased_at is not None:
            continue
        if digest_of_batch(batch) != batch.digest:
            yield f"{name} 的内容与摘要不符"
        if acts.batches.get(batch.id) != batch.digest:
            yield f"{name} 与审计记录不符"
    for standing in session.execute(select(StandingProof)).scalars():
        if standing.entry_id in erased:
            continue
        known = acts.reviews.get(standing.id)
        said = None if standing.agreed is None else (standing.reviewer, standing.agreed)
        if known != said:
            name = f"{codes.get(standing.entry_id, standing.entry_id)}：方案证明 {standing.id}"
            yield f"{name} 的复核与审计记录不符"
