"""Wipe cases and records as they are shown: plain values, with what is still missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_release import Named
from registry.models import DataCopy
from registry.permits import Actor, may, roles_of
from registry.wipe_acts import OPEN, copies_of, may_deed
from registry.wipe_closing import closing_findings
from registry.wipe_sight import CaseRow, RecordRow, find_case, find_record, list_cases, list_records
from registry.wipes import taken_by
from validators.wipe_fields import field_terms, label_of, tables
from validators.wipe_terms import whole
from validators.wiping import worded

_PIECE = 400
DEEDS = ("enlist", "absent", "hand_over", "set", "close", "cancel")


@dataclass(frozen=True, slots=True)
class RecordShown:
    """One record. ``result`` is pass or fail, null until it was verified; ``may`` are the steps its reader may take."""

    certificate_no: str | None
    serial_no: str | None
    method: str | None
    result: str | None
    id: str
    seq: int
    case: str
    kind: str
    kind_zh: str
    state: str
    state_zh: str
    technique: str | None
    copies: tuple[str, ...]
    system_id: str | None
    system: str | None
    agency: str
    started_at: str | None
    finished_at: str | None
    recorded_at: datetime
    recorded_by: str
    verified_at: datetime | None
    verified_by: str | None
    witnessed_by: str | None
    approved_at: datetime | None
    approved_by: str | None
    digest: str
    previous: str
    findings: tuple[dict[str, Any], ...]
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CopyShown:
    """A copy that a case answers for."""

    id: str
    kind: str
    kind_zh: str
    name: str
    holder: str
    medium_zh: str
    serial_no: str | None
    data_grade: str | None
    state: str
    state_zh: str
    terminal: bool
    enlisted: bool


@dataclass(frozen=True, slots=True)
class CaseShown:
    """A case with its copies and records; ``missing`` is what closing waits for, ``may`` what its reader may do."""

    id: str
    number: str
    kind: str
    kind_zh: str
    state: str
    state_zh: str
    agency: str
    agency_code: str
    system_id: str | None
    system: str | None
    decision_no: str
    contract_no: str
    grant_id: str | None
    not_before: date | None
    due: date | None
    why: str
    absent: dict[str, str]
    opened_by: str
    opened_at: datetime
    closed_by: str | None
    closed_at: datetime | None
    copies: tuple[CopyShown, ...] = ()
    records: tuple[RecordShown, ...] = ()
    missing: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


def show_cases(session: Session, *, actor: Actor | None, **asked: Any) -> list[CaseShown]:
    """The cases that ``actor`` sees, without copies and records; ``asked`` as for ``wipe_sight.list_cases``."""
    return [CaseShown(**_head(row)) for row in list_cases(session, actor=actor, **asked)]


def show_case(session: Session, written: str, *, actor: Actor | None, now: datetime) -> CaseShown:
    """One case with all that belongs to it. ``actor`` None: the console.

    Raises:
        NotFound: there is none that is seen.
    """
    row = find_case(session, written, actor=actor)
    specs = row.specs
    is_open = row.case.state == OPEN
    missing = worded(closing_findings(session, row.case, specs, now=now), specs) if is_open else []
    deeds = [key for key in DEEDS if actor and is_open and may_deed(key, row, actor, specs)]
    if actor and is_open and _may_step("record", row, actor, specs):
        deeds.append("record")
    return CaseShown(
        **_head(row),
        copies=tuple(_copy(one, row, specs) for one in copies_of(session, row.case)),
        records=tuple(show_records(session, actor=actor, case=row.case.id)),
        missing=tuple(one.text for one in missing if one.level == "error"),
        advice=tuple(one.text for one in missing if one.level != "error"),
        may=tuple(deeds),
    )


def _head(row: CaseRow) -> dict[str, Any]:
    case, specs = row.case, load()
    return {
        "id": case.id,
        "number": case.number,
        "kind": case.kind,
        "kind_zh": _zh(specs.retirement.cases, case.kind),
        "state": case.state,
        "state_zh": _zh(specs.wiping.case_states, case.state),
        "agency": row.agency.name,
        "agency_code": row.agency.code,
        "system_id": case.system_id,
        "system": row.system.name if row.system else None,
        "decision_no": case.decision_no,
        "contract_no": case.contract_no,
        "grant_id": case.grant_id,
        "not_before": case.not_before,
        "due": case.due,
        "why": case.why,
        "absent": {_zh(specs.retirement.copies, key): str(why) for key, why in case.absent.items()},
        "opened_by": case.opened_by,
        "opened_at": case.opened_at,
        "closed_by": case.closed_by or None,
        "closed_at": case.closed_at,
    }


def _zh(rows: Sequence[Named], key: str | None) -> str:
    return next((row.zh for row in rows if row.key == key), key or "")


def _copy(one: DataCopy, row: CaseRow, specs: Specs) -> CopyShown:
    state = specs.systems.copy_state_index[one.state]
    return CopyShown(
        id=one.id,
        kind=one.kind,
        kind_zh=_zh(specs.retirement.copies, one.kind),
        name=one.name,
        holder=one.holder,
        medium_zh=_zh(specs.retirement.media, one.medium),
        serial_no=one.serial_no,
        data_grade=specs.label("data_grade", one.data_grade) if one.data_grade else None,
        state=one.state,
        state_zh=state.zh,
        terminal=state.terminal,
        enlisted=one.case_id == row.case.id,
    )


# ---- records ----------------------------------------------------------------------------------------------


def show_records(session: Session, *, actor: Actor | None, **asked: Any) -> list[RecordShown]:
    """The records that ``actor`` sees, in the order of recording; ``asked`` as for ``wipe_sight.list_records``."""
    rows = list_records(session, actor=actor, **asked)
    names = _names(session, {key for row in rows for key in row.record.copies})
    return [_record(row, names, actor) for row in rows]


def show_record(session: Session, written: str, *, actor: Actor | None) -> tuple[RecordShown, dict[str, Any]]:
    """One record, and its content with what was added by whom.

    Raises:
        NotFound: there is none that is seen.
    """
    row = find_record(session, written, actor=actor)
    one = row.record
    told = {
        "content": one.content,
        "verification": one.verification,
        "witness": one.witness,
        "approval": one.approval,
    }
    return _record(row, _names(session, one.copies), actor), told


def _names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    listed = sorted(set(ids))
    for start in range(0, len(listed), _PIECE):
        part = col(DataCopy.id).in_(listed[start : start + _PIECE])
        found |= {one.id: one.name for one in session.execute(select(DataCopy).where(part)).scalars()}
    return found


def _record(row: RecordRow, names: dict[str, str], actor: Actor | None) -> RecordShown:
    one, specs = row.record, load()
    return RecordShown(
        certificate_no=one.certificate_no,
        serial_no=one.serial_no,
        method=one.method,
        result=one.result,
        id=one.id,
        seq=one.seq,
        case=row.case.number,
        kind=one.kind,
        kind_zh=_zh(specs.retirement.kinds, one.kind),
        state=one.state,
        state_zh=_zh(specs.retirement.states, one.state),
        technique=one.technique,
        copies=tuple(names.get(key, key) for key in one.copies),
        system_id=row.case.system_id,
        system=row.system.name if row.system else None,
        agency=row.agency.name,
        started_at=one.content.get("started_at"),
        finished_at=one.content.get("finished_at"),
        recorded_at=one.recorded_at,
        recorded_by=one.recorded_by,
        verified_at=one.verified_at,
        verified_by=one.verified_by or None,
        witnessed_by=one.witnessed_by or None,
        approved_at=one.approved_at,
        approved_by=one.approved_by or None,
        digest=one.digest,
        previous=one.previous,
        findings=tuple(one.findings),
        may=_steps_of(row, actor),
    )


def _steps_of(row: RecordRow, actor: Actor | None) -> tuple[str, ...]:
    later = (step.key for step in load().wiping.steps if step.starts)
    return tuple(key for key in later if actor and may_take(key, row, actor))


def may_take(step: str, row: RecordRow, actor: Actor) -> bool:
    """Whether ``actor`` may take a step of a record now: by its state, his role, and the steps he took himself."""
    one, specs = row.record, load()
    if (
        row.case.state != OPEN
        or one.state not in specs.wiping.step_index[step].starts
        or one.erased_at is not None
    ):
        return False
    waits = {"witness": one.witness is not None, "approve": one.witness is None}
    if waits.get(step, False):
        return False
    steps = specs.wiping.step_index
    apart = {key for key, by in taken_by(one).items() if by == actor.login}
    if any(other in steps[step].apart or step in steps[other].apart for other in apart):
        return False
    return _may_step(step, row.of, actor, specs)


def _may_step(step: str, row: CaseRow, actor: Actor, specs: Specs) -> bool:
    return may(actor, specs.wiping.step_index[step].permission, roles_of(specs), row.target)


def field_lines(told: dict[str, Any], specs: Specs) -> list[str]:
    """The content of a record with what was added to it, a line for each field that is filled."""
    parts = [told["content"], told["verification"]]
    parts += [{key: told[at]} for key, at in (("witness", "witness"), ("approver", "approval")) if told[at]]
    content = whole({}, *parts)
    order = [row.key for row in (*specs.retirement.fields, *specs.wiping.extras)]
    return [f"{label_of(key, specs)}：{_told(key, content[key], specs)}" for key in order if key in content]


def field_words(key: str, value: Any, specs: Specs) -> str:
    """One value of a field as people read it; empty where there is none."""
    return "" if value is None else _told(key, value, specs)


def _told(key: str, value: Any, specs: Specs) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "；".join(_told(key, one, specs) for one in value)
    if isinstance(value, dict) and "copy" in value:
        answers = {row.key: row.zh for row in specs.wiping.answers}
        return f"{value['copy']}＝{answers.get(value.get('answer', ''), '')}"
    if isinstance(value, dict):
        return "，".join(str(part) for part in value.values())
    table = field_terms(specs).get(key)
    return key_zh(table, str(value), specs) if table else str(value)


def key_zh(table: str, key: str, specs: Specs) -> str:
    """The Chinese name of a choice."""
    return (
        specs.label("data_grade", key)
        if table == "grades"
        else _zh(tuple(tables(specs)[table].values()), key)
    )
