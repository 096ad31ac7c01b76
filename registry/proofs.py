"""Desensitization proofs made: nothing is opened without one. Source: S-ZY 22, S-LPS 24; domain §4.3.

A content is scanned in full outside any transaction (``check``) and then entered (``enter_proof``): clean, and under
a standing proof that two people stand for, it is published at once; else it waits for the review, or is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session

from registry import audit, outbox
from registry.attaching import Sent, attach
from registry.blobs import keep
from registry.content import check_file_name
from registry.entries import hold_register
from registry.errors import Conflict, NotFound, Rejected
from registry.kept import storable
from registry.keys import digest_of, new_key
from registry.lookup import find_entry
from registry.models import BatchProof, Distribution, StandingProof, Version
from registry.people import local_day
from registry.permits import Actor, Sight
from registry.proof_cases import (
    FILE,
    HELD,
    PROVEN,
    PUBLISHED,
    WAITING,
    digest_of_batch,
    items_digest_of,
    newest_standing,
    proof_case,
    rules_digest_of,
)
from registry.proof_plans import Plan, plan_proof
from registry.scan_report import report_json
from registry.scanning import Progress, SourceFacts, facts_of, match_columns, scan_source
from registry.sources import Source
from validators.proving import Checked, unmet_conditions, why_void

Kind = Literal["file", "load", "sample"]


@dataclass(frozen=True, slots=True)
class Scanned:
    """A content as it was scanned for a plan. ``contract`` is the digest of an interface's contract, else empty.

    ``place`` is where a table may be scanned again by itself, empty where it may not.
    """

    checked: Checked
    facts: SourceFacts
    kind: Kind
    contract: str = ""
    place: str = ""

    @property
    def schema_digest(self) -> str:
        """What must be the same with the next content: columns, types, the view's text or the contract."""
        return digest_of([self.facts.schema_digest, self.contract])


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a proof: the row of this content, the standing proof above it, and what it does not meet."""

    batch: BatchProof
    standing: StandingProof
    unmet: tuple[str, ...]


def check(
    plan: Plan,
    source: Source,
    *,
    kind: Kind = "file",
    contract: str = "",
    place: str = "",
    progress: Progress | None = None,
) -> Scanned:
    """A source read to its end and judged against what is declared and how it is to open. Nothing is held meanwhile.

    Raises:
        Unreadable, Unavailable: the source cannot be read at all.
    """
    matched = match_columns(source.columns, plan.columns)
    result = scan_source(
        source,
        plan.specs,
        columns=plan.columns,
        open_type=plan.open_type,
        about_people=plan.people,
        earlier_masks=plan.earlier,
        progress=progress,
    )
    present = frozenset(column.name for column in plan.columns) - set(matched.absent)
    checked = Checked(result, plan.columns, present, plan.people, matched.unknown)
    return Scanned(checked, facts_of(source), kind, contract, place)


def enter_proof(
    session: Session,
    plan: Plan,
    scanned: Scanned,
    sent: Sent | None,
    *,
    sight: Sight,
    actor: Actor,
    now: datetime,
    methods: Mapping[str, str] | None = None,
    renew: bool = False,
) -> Made:
    """Enter what a scan found of one content, and settle it. ``sent`` is the file itself; None for what is no file.

    A file without a distribution is attached as one. A standing proof that is valid is gone on with, unless
    ``renew``. What is not clean is held: of such a file nothing is stored.

    Raises:
        Conflict: the entry has changed since it was planned, or the file since it was scanned.
        Rejected: it does not pass and there is no distribution that it could be held for; all reasons are named.
        NotAllowed, and everything that ``attach`` raises. ContentRefused: the file is called secret.
    """
    if sent is not None:
        check_file_name(Path(sent.name).stem, plan.specs)
    hold_register(session)
    name = plan.distribution_id or plan.entry_id
    is_file = scanned.kind == "file"
    again = plan_proof(session, name, sight=sight, actor=actor, methods=methods, is_file=is_file)
    if again.digest != plan.digest:
        raise Conflict(f"{plan.name} 在扫描期间有变动；请重新检查")
    unmet = unmet_conditions(scanned.checked, plan.specs)
    made = _distribution(session, plan, scanned, sent, unmet, sight=sight, actor=actor, now=now)
    standing = _standing(session, plan, scanned, made, renew, actor=actor, now=now)
    if standing.schema_digest != scanned.schema_digest:
        says = plan.specs.scanning.proofs.says["other_schema"]
        unmet = (*unmet, says.zh.format(id=standing.id))
    batch = _batch(plan, scanned, standing, unmet, actor=actor, now=now)
    session.add(batch)
    if not unmet and sent is not None:
        _store(session, scanned, sent, actor=actor, now=now)
    batch.state = HELD if unmet else WAITING
    acts = [_act_of(batch, standing)]
    if not unmet and standing.agreed:
        acts += settle(batch, made, now=now)
    session.flush()
    outbox.mark(session, [batch.entry_id], acts[0].act, now=now)
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    return Made(batch, standing, unmet)


def _distribution(
    session: Session,
    plan: Plan,
    scanned: Scanned,
    sent: Sent | None,
    unmet: Sequence[str],
    *,
    sight: Sight,
    actor: Actor,
    now: datetime,
) -> Distribution:
    if plan.distribution_id is not None:
        made = session.get_one(Distribution, plan.distribution_id)
        if (made.form == FILE) != (scanned.kind == "file"):
            raise Rejected(
                f"挂接资源 {made.id} 的提供形式与检查的内容不同：文件须检查文件，库表和接口须检查其数据"
            )
        return made
    if sent is None:
        raise NotFound(f"{plan.name} 还没有用于开放的库表或接口；先办理 attach")
    if unmet:
        listed = "；".join(unmet)
        raise Rejected(f"{plan.name} 还没有挂接资源，这个文件没有通过，没有存入：{listed}", unmet=list(unmet))
    row = find_entry(session, plan.entry_id, sight=sight)
    offer = _offer(plan, scanned, sent)
    made = attach(session, row, offer, sent, files=sent.folder, actor=actor, now=now)
    sent.source.seek(0)
    return made


def _offer(plan: Plan, scanned: Scanned, sent: Sent) -> dict[str, Any]:
    present = [column.name for column in plan.columns if column.name in scanned.checked.present]
    return {"name": Path(sent.name).stem[:200], "form": FILE, "items": present, "opened": True}


def _standing(
    session: Session,
    plan: Plan,
    scanned: Scanned,
    made: Distribution,
    renew: bool,
    *,
    actor: Actor,
    now: datetime,
) -> StandingProof:
    """The standing proof to go on with: the newest one while it is valid and says the same, else a new one."""
    found = None if renew else newest_standing(session, made.id)
    methods = {c.name: c.method for c in plan.columns if c.method}
    if found is not None and found.agreed is not False and found.methods == methods:
        case = proof_case(
            session, _content(session, plan), made, plan.specs, name=plan.name, today=local_day(now)
        )
        same = found.agreed or found.schema_digest == scanned.schema_digest
        if same and not why_void(case, plan.specs):
            return found
    standing = StandingProof(
        id=new_key("t"),
        entry_id=plan.entry_id,
        distribution_id=made.id,
        number=plan.number,
        open_type=plan.open_type,
        place=scanned.place,
        methods=methods,
        masks={name: list(forms) for name, forms in scanned.checked.result.masks.items()},
        quasi=list(scanned.checked.result.anonymity.quasi),
        items_digest=items_digest_of(_content(session, plan), made, plan.specs),
        rules_digest=rules_digest_of(plan.specs),
        schema_digest=scanned.schema_digest,
        checker_id=actor.person_id,
        checker=actor.login,
        checked_at=now,
    )
    session.add(standing)
    session.flush()
    return standing


def _content(session: Session, plan: Plan) -> Mapping[str, Any]:
    return session.get_one(Version, (plan.entry_id, plan.number)).content


def _batch(
    plan: Plan,
    scanned: Scanned,
    standing: StandingProof,
    unmet: Sequence[str],
    *,
    actor: Actor,
    now: datetime,
) -> BatchProof:
    result, facts = scanned.checked.result, scanned.facts
    model = next(
        (m for m in plan.specs.desensitization.sharing_models if m.open_type == plan.open_type), None
    )
    anonymity = result.anonymity
    row = BatchProof(
        id=new_key("b"),
        standing_id=standing.id,
        entry_id=plan.entry_id,
        distribution_id=standing.distribution_id,
        kind=scanned.kind,
        name=storable(facts.name)[:255],
        sha256=facts.sha256,
        sm3=facts.sm3,
        schema_digest=scanned.schema_digest,
        rules_digest=rules_digest_of(plan.specs),
        spec=result.spec,
        detectors=result.detectors,
        rows=result.rows,
        columns=len(result.columns),
        residual=result.residual,
        k=anonymity.k,
        l_diversity=anonymity.l_diversity,
        thresholds={
            "k": anonymity.threshold,
            "l": anonymity.l_threshold,
            "model": model.key if model else None,
            "risk_max": model.risk_max if model else None,
        },
        verdict=result.verdict,
        unmet=[storable(said) for said in unmet],
        state=HELD,
        report=report_json(result, facts, plan.specs),
        digest="",
        checked_by=actor.login,
        at=now,
    )
    row.digest = digest_of_batch(row)
    return row


def _act_of(batch: BatchProof, standing: StandingProof) -> audit.Act:
    details = {
        "batch": batch.id,
        "standing": standing.id,
        "distribution": batch.distribution_id,
        "digest": batch.digest,
        "sha256": batch.sha256,
        "verdict": batch.verdict,
        "rows": batch.rows,
        "held": batch.state == HELD,
    }
    return audit.Act("check_proof", batch.entry_id, details)


def _store(session: Session, scanned: Scanned, sent: Sent, *, actor: Actor, now: datetime) -> None:
    most = max(scanned.facts.size or 0, 1)
    sent.source.seek(0)
    blob = keep(session, sent.source, folder=sent.folder, actor=actor.login, now=now, most_bytes=most)
    if blob.sha256 != scanned.facts.sha256:
        raise Conflict(f"文件 {sent.name} 在扫描期间被改动；请重新检查")


def settle(batch: BatchProof, made: Distribution, *, now: datetime) -> list[audit.Act]:
    """A clean batch under a standing proof that was agreed to: a file takes its place in the distribution at once."""
    batch.settled_at, batch.state = now, PROVEN
    if made.form != FILE or made.sha256 == batch.sha256:
        return []
    batch.state, batch.replaced_sha256 = PUBLISHED, made.sha256
    made.sha256, made.file_name = batch.sha256, batch.name
    made.lock += 1
    details = {
        "batch": batch.id,
        "distribution": made.id,
        "sha256": batch.sha256,
        "replaced": batch.replaced_sha256,
    }
    return [audit.Act("publish_batch", batch.entry_id, details)]
