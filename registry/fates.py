"""What retirements of systems say of entries: fates decided in open cases, and the records that their steps stand for."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.models import Retirement, RetirementEntry, RetirementStep, System

OPEN = "open"
_PIECE = 400


class Fated(NamedTuple):
    """What an open retirement says of one entry. ``fate`` is empty while undecided; ``records`` are the kinds of
    evidence (lifecycle.yaml) that the case stands for."""

    retirement_id: str
    number: str
    fate: str
    records: frozenset[str]


def fated(session: Session, entry_ids: Iterable[str]) -> dict[str, Fated]:
    """By entry what its open retirement says of it; entries in none are left out. Source: domain §12 R15; S1 27."""
    rows = list(_rows(session, entry_ids))
    if not rows:
        return {}
    steps = _steps(session, {case.id for _row, case in rows})
    found: dict[str, Fated] = {}
    for row, case in rows:
        # an entry on its way to a successor may stand in the cases of both: a case that has not decided says nothing
        if row.fate or row.entry_id not in found:
            found[row.entry_id] = _fated(row, case, steps.get(case.id, frozenset()))
    return found


def systems_over(session: Session, system_ids: Iterable[str]) -> dict[str, str]:
    """Of some systems those that were retired, each with words that say so."""
    lives = load().systems.life_index
    found: dict[str, str] = {}
    ids = sorted(set(system_ids))
    for start in range(0, len(ids), _PIECE):
        query = select(System).where(col(System.id).in_(ids[start : start + _PIECE]))
        for system in session.execute(query).scalars():
            life = lives.get(system.life)
            if life is None or life.over:
                found[system.id] = f"{system.name}：{life.zh if life else system.life}"
    return found


def _rows(session: Session, entry_ids: Iterable[str]) -> Iterator[Any]:
    ids = sorted(set(entry_ids))
    for start in range(0, len(ids), _PIECE):
        query = (
            select(RetirementEntry, Retirement)
            .join(Retirement, col(Retirement.id) == col(RetirementEntry.retirement_id))
            .where(col(RetirementEntry.entry_id).in_(ids[start : start + _PIECE]))
            .where(col(Retirement.state) == OPEN)
        )
        yield from session.execute(query)


def _steps(session: Session, ids: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    query = select(col(RetirementStep.retirement_id), col(RetirementStep.step))
    for case, step in session.execute(query.where(col(RetirementStep.retirement_id).in_(sorted(ids)))):
        found[case] = found.get(case, frozenset()) | {step}
    return found


def _fated(row: RetirementEntry, case: Retirement, done: frozenset[str]) -> Fated:
    law = load().retiring
    fate = law.fate_index.get(row.fate)
    kinds = {kind for step in law.steps if step.key in done for kind in step.records} if fate else set()
    if fate is not None and fate.decides:
        kinds.add(law.decision_record)
    return Fated(case.id, case.number, row.fate, frozenset(kinds))
