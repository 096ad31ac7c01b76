"""The wipe log: records made, verified by another person, witnessed, approved. Rows are added to, never changed.

Each record carries the digest of the one before it, over the whole register, and is an event of the audit record.
Source: S-LPS 26; S19; domain §7, §12 R16.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry import audit
from registry.audit import Act
from registry.errors import Conflict, NotFound, Rejected
from registry.kept import storable_value
from registry.keys import canonical_json, digest_of, new_key
from registry.models import WipeCase, WipeRecord
from registry.numbering import hold_counter, next_number
from registry.people import known_person, local_day
from registry.permits import Actor, demand, roles_of
from registry.wipe_acts import demand_open
from registry.wipe_document import CERTIFY, compose_certificate, record_digest
from registry.wipe_facts import (
    Covered,
    covered,
    enlisted,
    facts_of,
    fill_in,
    marked,
    refuse_all,
    settle_copies,
)
from registry.wipe_sight import CaseRow, RecordRow, find_case, find_record
from validators.folding import fold
from validators.wipe_terms import RULE, Content, WipeFacts, WipeFinding, serial_key, whole
from validators.wiping import check_record, findings_json, refusal_text, wipe_rules

WIPED, VERIFIED, CERTIFIED, REJECTED = "wiped", "verified", "certified", "rejected"
SOUND = "pass"
MOST_AT_ONCE = 5000
# the rule that a failed verification breaks: it is kept, not refused
_RESULT = "field_equals"


# ---- recorded ---------------------------------------------------------------------------------------------


def record(
    session: Session,
    case: WipeCase | str,
    contents: Sequence[Content],
    *,
    kind: str = "",
    actor: Actor,
    now: datetime,
) -> list[WipeRecord]:
    """Record wipes of one case, all or none. A content may name its own ``kind``; else ``kind`` is that of all.

    Fields of later steps may be filled already (a whole paper record): they stand until that step is taken.

    Raises:
        NotFound. NotAllowed. Conflict: the case is over. Rejected: with every finding of every record.
    """
    row = _held_case(session, case, actor)
    specs = row.specs
    demand(actor, specs.wiping.step_index["record"].permission, roles_of(specs), row.target)
    demand_open(row.case, specs)
    if not 0 < len(contents) <= MOST_AT_ONCE:
        raise Rejected(f"一次登记 1 至 {MOST_AT_ONCE} 条清除记录，这里有 {len(contents)} 条")
    judged = judge(session, row, contents, kind=kind, now=now)
    refuse_all(f"{row.case.number} 的清除记录没有登记", [one.findings for one in judged], specs)
    hold_counter(session, WipeRecord.__tablename__)
    made = _chained(session, row.case, judged, actor=actor, now=now)
    session.add_all(made)
    settle_copies(session, row.case, {key for one in made for key in one.copies}, now=now)
    acts = [Act("record_wipe", one.id, _told(one, row.case)) for one in made]
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    return made


def _held_case(session: Session, case: WipeCase | str, actor: Actor) -> CaseRow:
    named = case if isinstance(case, str) else case.id
    session.flush()
    # who may record but not see: the deed itself says so, by the permission
    return find_case(session, named, actor=actor if isinstance(case, str) else None, hold=True)


def _told(one: WipeRecord, case: WipeCase) -> dict[str, Any]:
    return {"case": case.number, "digest": one.digest, "content": digest_of(one.content), "seq": one.seq}


class JudgedRecord:
    """One content as it would be kept, with the copies that it wiped and what was found."""

    def __init__(self, content: dict[str, Any], kind: str, copies: Covered, found: list[WipeFinding]) -> None:
        self.content, self.kind, self.copies = content, kind, copies.wiped
        self.findings = found


def judge(
    session: Session, row: CaseRow, contents: Sequence[Content], *, kind: str = "", now: datetime
) -> list[JudgedRecord]:
    """What would come of recording ``contents`` in a case; nothing is kept.

    Raises:
        Rejected: a content is no object, or no kind of record is named.
    """
    specs = row.specs
    filled = [_filled(content, kind, row, specs) for content in contents]
    facts = facts_of(session, row.case, [one[0] for one in filled], step="record", now=now)
    found, mine = [], enlisted(session, row.case)
    for content, own, wrong in filled:
        copies = covered(mine, row.case, content, own, specs)
        findings = [*wrong, *_checked(content, own, specs, facts), *copies.findings]
        facts = facts._replace(waiting=facts.waiting | {serial_key(content.get("serial_no"))})
        found.append(JudgedRecord(content, own, copies, findings))
    return found


def _filled(
    content: Content, kind: str, row: CaseRow, specs: Specs
) -> tuple[dict[str, Any], str, list[WipeFinding]]:
    if not isinstance(content, Mapping):
        raise Rejected("清除记录须是 JSON 对象；字段见 mulu wipe template")
    own = str(content.get("kind") or kind)
    kinds = {one.key: one.zh for one in specs.retirement.kinds}
    if own not in kinds:
        known = "、".join(f"{key}（{zh}）" for key, zh in kinds.items())
        raise Rejected(f"须写明清除记录的类别（--kind）：{known}；没有“{own[:20]}”")
    kept, wrong = fill_in({key: value for key, value in content.items() if key != "kind"}, row, specs)
    return kept, own, wrong


def _checked(content: Content, kind: str, specs: Specs, facts: WipeFacts) -> Iterator[WipeFinding]:
    """The findings of a new record: that its verification failed is no reason not to keep it."""
    for one in check_record(content, kind, specs, facts=facts):
        if not _is_result(one, specs):
            yield one


def _is_result(finding: WipeFinding, specs: Specs) -> bool:
    rule = wipe_rules(specs).get(finding.rule)
    return rule is not None and rule.checker == _RESULT


def _chained(
    session: Session, case: WipeCase, judged: Sequence[JudgedRecord], *, actor: Actor, now: datetime
) -> list[WipeRecord]:
    """The rows, numbered and chained behind the last one; the counter is held, so that nobody else numbers."""
    query = select(col(WipeRecord.seq), col(WipeRecord.digest)).order_by(col(WipeRecord.seq).desc()).limit(1)
    last = session.execute(query).first()
    seq, previous = (last[0], last[1]) if last else (0, "")
    made, specs = [], load()
    for one in judged:
        seq += 1
        named: dict[str, Any] = {
            "kind": one.kind,
            "copies": list(one.copies),
            "content": one.content,
            "previous": previous,
        }
        row = WipeRecord(
            id=new_key("v"),
            case_id=case.id,
            seq=seq,
            state=WIPED,
            serial_no=one.content.get("serial_no"),
            method=one.content.get("method"),
            technique=one.content.get("technique"),
            digest=record_digest(case_id=case.id, seq=seq, **named),
            findings=findings_json(one.findings, specs),
            recorded_by=actor.login,
            recorded_at=now,
            **named,
        )
        previous = row.digest
        made.append(row)
    return made


# ---- verified, witnessed, approved ------------------------------------------------------------------------


def _held_record(session: Session, named: WipeRecord | str, step: str, actor: Actor) -> RecordRow:
    """The record, its case held and open, for a step that ``actor`` may take."""
    session.flush()
    key = named if isinstance(named, str) else named.id
    row, specs = find_record(session, key, actor=actor if isinstance(named, str) else None, hold=True), load()
    session.refresh(row.record)
    demand(actor, specs.wiping.step_index[step].permission, roles_of(specs), row.of.target)
    demand_open(row.case, specs)
    if row.record.erased_at is not None:
        raise NotFound("这条清除记录的内容已按规定擦除，不能再办理")
    return row


def _demand_state(row: RecordRow, step: str) -> None:
    law = (specs := load()).wiping.step_index[step]
    if row.record.state not in law.starts:
        named = {one.key: one.zh for one in specs.retirement.states}
        state, wanted = named[row.record.state], "、".join(f"“{named[key]}”" for key in law.starts)
        raise Conflict(f"清除记录 {row.record.id} 现在是“{state}”，不能办理{law.zh}（须是{wanted}）")


def taken_by(one: WipeRecord) -> dict[str, str]:
    """By step of a record (wiping.yaml) the login that took it; empty where it was not taken."""
    return {
        "record": one.recorded_by,
        "verify": one.verified_by,
        "witness": one.witnessed_by,
        "approve": one.approved_by,
    }


def _demand_apart(row: RecordRow, step: str, actor: Actor) -> None:
    """Steps that another must have taken are another login's. The verifier is judged by WI1."""
    steps = load().wiping.step_index
    for other, login in taken_by(row.record).items():
        apart = other in steps[step].apart or step in steps[other].apart
        if apart and login == actor.login and {step, other} != {"record", "verify"}:
            raise Rejected(f"您已办理这条清除记录的“{steps[other].zh}”，“{steps[step].zh}”须由另一人办理")


def _part(row: RecordRow, step: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a step says: what was given, else what a paper record said of it already."""
    specs = load()
    own = specs.wiping.step_index[step].fields
    said = {key: row.record.content[key] for key in own if key in row.record.content}
    return said | {
        key: value for key, value in dict(storable_value(given)).items() if value not in (None, "")
    }


def _named(field: str, person: Mapping[str, Any]) -> dict[str, Any]:
    """A person under the field that he stands in; nothing when he is not given."""
    if not person or field in person:
        return dict(person)
    return {field: dict(person)}


def _whole(row: RecordRow, *parts: Content | None) -> dict[str, Any]:
    one = row.record
    witness = {"witness": one.witness} if one.witness else None
    return whole(one.content, one.verification, witness, *parts)


def _findings(
    session: Session, row: RecordRow, step: str, content: Content, now: datetime, **who: frozenset[str]
) -> list[WipeFinding]:
    facts = facts_of(session, row.case, [content], step=step, now=now, but=row.record.id)
    found = check_record(content, row.record.kind, load(), facts=facts._replace(**who))  # type: ignore[arg-type]
    own = {*row.of.specs.wiping.step_index[step].fields}
    own |= {one.key for one in row.of.specs.wiping.extras}
    # moments and copies were judged when they were recorded; what follows from others may have changed since
    return [
        one
        for one in found
        if one.rule != RULE or one.where.partition(".")[0] in own or one.reason == "unknown"
    ]


def examine(
    session: Session,
    record: WipeRecord | str,
    verification: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
) -> WipeRecord:
    """Verify a record, by another person than its operator and whoever recorded it. A failure is kept for ever.

    ``verification`` holds ``verification_method``, ``sample_ratio``, ``verification_result`` (pass, fail), the person
    ``verifier`` and the ``extras`` of wiping.yaml; what a paper record said already need not be said again.

    Raises:
        NotFound. NotAllowed. Conflict: it was verified before. Rejected: WI1, WI11, or the verification lacks something.
    """
    row = _held_record(session, record, "verify", actor)
    specs = row.of.specs
    _demand_state(row, "verify")
    _demand_apart(row, "verify", actor)
    said = _part(row, "verify", verification)
    known = {*specs.wiping.step_index["verify"].fields, *(one.key for one in specs.wiping.extras)}
    strange = [WipeFinding(RULE, "error", key, "not_here") for key in said if key not in known]
    found = _findings(session, row, "verify", _whole(row, said), now, **_people(session, row, actor))
    passed = said.get("verification_result") == SOUND
    refused = [one for one in (*strange, *marked(said, specs), *found) if not _is_result(one, specs)]
    refuse_all(f"清除记录 {row.record.id} 的验证没有登记", [refused], specs)
    one = row.record
    one.verification, one.verified_by, one.verified_at = said, actor.login, now
    one.result, one.state = str(said["verification_result"]), VERIFIED if passed else REJECTED
    one.findings = _added(one.findings, findings_json(found, specs))
    settle_copies(session, row.case, one.copies, now=now)
    told = {"case": row.case.number, "result": one.result, "content": digest_of(said)}
    _write(session, [Act("verify_wipe", one.id, told)], actor, now)
    return one


def _people(session: Session, row: RecordRow, actor: Actor) -> dict[str, frozenset[str]]:
    """Logins and names on both sides of WI1; a login is no name, and the other way round."""
    by = known_person(session, row.record.recorded_by)
    recorder = {f"@{row.record.recorded_by}", fold(by.name) if by else ""}
    return {"recorder": frozenset(recorder), "verifier": frozenset({f"@{actor.login}", fold(actor.name)})}


def _added(kept: Sequence[Any], found: Sequence[dict[str, str]]) -> list[Any]:
    known = {(one.get("rule"), one.get("where"), one.get("message")) for one in kept}
    return [*kept, *(one for one in found if (one["rule"], one["where"], one["message"]) not in known)]


def witness(
    session: Session, record: WipeRecord | str, person: Mapping[str, Any], *, actor: Actor, now: datetime
) -> WipeRecord:
    """Witness a record for the owner unit; ``person`` has all ``person_fields``, unless the paper record said so.

    Raises:
        NotFound. NotAllowed. Conflict: it was witnessed, or failed. Rejected: it is one's own, or a field is missing.
    """
    row = _held_record(session, record, "witness", actor)
    _demand_state(row, "witness")
    if row.record.witness is not None:
        raise Conflict(f"清除记录 {row.record.id} 已由 {row.record.witnessed_by} 见证")
    _demand_apart(row, "witness", actor)
    said = _part(row, "witness", _named("witness", person))
    _refuse_part(session, row, "witness", said, now)
    one = row.record
    one.witness, one.witnessed_by, one.witnessed_at = said["witness"], actor.login, now
    told = {"case": row.case.number, "content": digest_of(one.witness)}
    _write(session, [Act("witness_wipe", one.id, told)], actor, now)
    return one


def _refuse_part(session: Session, row: RecordRow, step: str, said: Mapping[str, Any], now: datetime) -> None:
    """Refuse what a step says when a field of its own is missing or wrong."""
    own, specs = row.of.specs.wiping.step_index[step].fields, row.of.specs
    found = _findings(session, row, step, _whole(row, said), now)
    zh = specs.wiping.step_index[step].zh
    mine = [*marked(said, specs), *(one for one in found if one.where.partition(".")[0] in own)]
    refuse_all(f"清除记录 {row.record.id} 的{zh}没有登记", [mine], specs)


def approve(
    session: Session, record: WipeRecord | str, person: Mapping[str, Any], *, actor: Actor, now: datetime
) -> WipeRecord:
    """Approve a record that was verified and witnessed: its certificate is issued, its copies are certified.

    Raises:
        NotFound. NotAllowed. Conflict: it was not witnessed, or is certified already. Rejected: its verification failed
        (WI6), it is one's own, or something is missing. Unavailable: the certificate cannot be marked.
    """
    row = _held_record(session, record, "approve", actor)
    specs = row.of.specs
    said = _part(row, "approve", _named("approver", person))
    if row.record.state == REJECTED:
        failed = [
            one
            for one in check_record(_whole(row), row.record.kind, specs, facts=WipeFacts())
            if _is_result(one, specs)
        ]
        raise Rejected(**refusal_text(f"清除记录 {row.record.id} 不能审批", failed, specs))
    _demand_state(row, "approve")
    if row.record.witness is None:
        raise Conflict(f"清除记录 {row.record.id} 还没有见证人；先办理见证（mulu wipe witness）")
    _demand_apart(row, "approve", actor)
    found = _findings(session, row, "approve", _whole(row, said), now, **_examined(session, row))
    refuse_all(f"清除记录 {row.record.id} 不能审批", [[*marked(said, specs), *found]], specs)
    one = row.record
    one.approval, one.approved_by, one.approved_at = said["approver"], actor.login, now
    one.state = CERTIFIED
    settle_copies(session, row.case, one.copies, now=now)
    document = _certified(session, row, specs, now)
    told = {"case": row.case.number, "certificate_no": one.certificate_no, "content": digest_of(one.approval)}
    certified = {"digest": document["digest"], "certificate_no": one.certificate_no}
    _write(session, [Act("approve_wipe", one.id, told), Act(CERTIFY, one.id, certified)], actor, now)
    return one


def _examined(session: Session, row: RecordRow) -> dict[str, frozenset[str]]:
    by = known_person(session, row.record.recorded_by)
    recorder = frozenset({f"@{row.record.recorded_by}", fold(by.name) if by else ""})
    return {"recorder": recorder, "verifier": frozenset({f"@{row.record.verified_by}"})}


def _certified(session: Session, row: RecordRow, specs: Specs, now: datetime) -> dict[str, Any]:
    """Give the record its certificate."""
    one, parts = row.record, {"region": row.agency.region, "year": local_day(now).year}
    column, form = col(WipeRecord.certificate_no), specs.wiping.certificate_number
    one.certificate_no = next_number(session, column, form, **parts)
    document = compose_certificate(session, one, number=one.certificate_no, now=now)
    one.certificate = canonical_json(document)
    return document


def _write(session: Session, acts: Sequence[Act], actor: Actor, now: datetime) -> None:
    session.flush()
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
