"""Retirements as JSON: for the API, the pages and the command."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.models import Entry, Retirement, RetirementEntry, RetirementStep, System, Version
from registry.retirement_cases import OPEN, CaseRow, wipe_case_of
from registry.retirement_impact import Impact, impact
from registry.retirement_progress import StepState, lacking_to_close, progress


def case_line(row: CaseRow) -> dict[str, Any]:
    """One retirement as a line of a list. Days as CCYY-MM-DD."""
    case = row.case
    return {
        "id": case.id,
        "number": case.number,
        "state": case.state,
        "system": row.system.id,
        "system_name": row.system.name,
        "agency": row.agency.code,
        "agency_name": row.agency.name,
        "successor": case.successor_id,
        "decision_no": case.decision_no,
        "decided_on": case.decided_on,
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
    }


def case_json(session: Session, row: CaseRow, *, now: datetime) -> dict[str, Any]:
    """A retirement with its steps, its entries counted by fate, its wipe case, and what keeps it from being closed."""
    case = row.case
    heir = session.get(System, case.successor_id) if case.successor_id else None
    return {
        **case_line(row),
        "why": case.why,
        "successor_name": heir.name if heir else None,
        "opened_by": case.opened_by,
        "closed_by": case.closed_by or None,
        "impact": case.impact,
        "steps": [_step(one) for one in progress(session, case)],
        "entries": _tally(session, case),
        "wipe_case": wipe_case_of(session, case).number,
        "lacking": lacking_to_close(session, case, now=now) if case.state == OPEN else [],
    }


def _step(one: StepState) -> dict[str, Any]:
    papers = [_paper(row) for row in one.rows]
    said = {"key": one.step.key, "zh": one.zh, "en": one.en, "done": one.done, "optional": one.step.optional}
    return said | {"by_paper": one.step.done == "paper", "papers": papers, "lacking": list(one.lacking)}


def _paper(row: RetirementStep) -> dict[str, Any]:
    names = ("number", "day", "sha256", "file_name", "note", "by", "at")
    return {name: getattr(row, name) for name in names} | {"users": []} | row.data


def _tally(session: Session, case: Retirement) -> dict[str, Any]:
    done = col(RetirementEntry.done_at).is_not(None)
    query = (
        select(col(RetirementEntry.fate), done, func.count())
        .where(col(RetirementEntry.retirement_id) == case.id)
        .group_by(col(RetirementEntry.fate), done)
    )
    counts: dict[str, Counter[str]] = {fate.key: Counter() for fate in load().retirement.fates}
    for fate, ended, count in session.execute(query):
        counts.setdefault(fate or "undecided", Counter())["done" if ended else "left"] += count
    return {fate: {"done": found["done"], "left": found["left"]} for fate, found in counts.items()}


def entry_lines(session: Session, case: Retirement) -> list[dict[str, Any]]:
    """The entries of a case with their fates, by code: one query."""
    shown = func.coalesce(col(Entry.in_force), col(Entry.newest))
    query = (
        select(RetirementEntry, Entry, col(Version.name))
        .join(Entry, col(Entry.id) == col(RetirementEntry.entry_id))
        .join(Version, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == shown))
        .where(col(RetirementEntry.retirement_id) == case.id)
        .order_by(col(Entry.code), col(Entry.id))
    )
    return [
        {
            "entry": entry.id,
            "code": entry.code,
            "name": name,
            "state": entry.state,
            "fate": row.fate or None,
            "why": row.why,
            "archive": row.archive,
            "version": row.number,
            "waits_for": row.trouble or None,
            "decided_by": row.decided_by or None,
            "done_at": row.done_at,
        }
        for row, entry, name in session.execute(query)
    ]


def impact_json(found: Impact) -> dict[str, Any]:
    """What a retirement would touch, as JSON, with every entry, grant and copy."""
    return {
        "counts": found.counts,
        "entries": [_slots(one) for one in found.entries],
        "grants": [_slots(one) for one in found.grants],
        "copies": [
            {"id": copy.id, "kind": copy.kind, "name": copy.name, "state": copy.state}
            for copy in found.copies
        ],
        "copies_lacking": list(found.copies_lacking),
        "portals": found.portals,
        "orders": list(found.orders),
        "duties": [duty._asdict() for duty in found.duties],
    }


def _slots(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def impact_now(session: Session, system: System, *, now: datetime) -> dict[str, Any]:
    """``impact_json`` of a system as it is now."""
    return impact_json(impact(session, system, now=now))


def fate_names() -> Mapping[str, str]:
    """The fates by key, in Chinese."""
    return {fate.key: fate.zh for fate in load().retirement.fates}
