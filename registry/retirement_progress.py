"""How far a retirement is: each step with what it waits for, and everything that keeps it from being closed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_retiring import Step
from registry.copies import list_copies
from registry.grants import active_grants
from registry.models import Distribution, Retirement, RetirementEntry, RetirementStep
from registry.people import local_day
from registry.retirement_cases import OPEN, few, name_of, step_names, steps_of, wipe_case_of
from registry.retirement_entries import rows_of
from registry.retirement_impact import entries_of
from registry.subjects import LIVE
from registry.whereabouts import still_there
from registry.wipe_closing import closing_findings
from validators.wiping import WordedFinding, errors_of, word_wipe

COPIES = "copies"


class StepState(NamedTuple):
    """How far one step is. ``lacking`` says what it waits for; empty when it is done."""

    step: Step
    zh: str
    en: str
    done: bool
    rows: tuple[RetirementStep, ...]
    lacking: tuple[str, ...]


def progress(session: Session, case: Retirement) -> list[StepState]:
    """Every step of a case in its order, with what the ones that are not done wait for."""
    papers: dict[str, list[RetirementStep]] = {}
    for made in steps_of(session, case):
        papers.setdefault(made.step, []).append(made)
    found, names = [], step_names()
    for step in load().retiring.steps:
        rows = tuple(papers.get(step.key, ()))
        lacking = _lacking(session, case, step, rows, names[step.key][0])
        found.append(StepState(step, *names[step.key], not lacking, rows, lacking))
    return found


def step_lacking(session: Session, case: Retirement, key: str) -> tuple[str, ...]:
    """What one step of a case waits for; nothing when it is done."""
    step, rows = (
        load().retiring.step_index[key],
        [made for made in steps_of(session, case) if made.step == key],
    )
    return _lacking(session, case, step, rows, step_names()[key][0])


def _lacking(
    session: Session, case: Retirement, step: Step, rows: Sequence[RetirementStep], zh: str
) -> tuple[str, ...]:
    match step.done:
        case "paper":
            return () if rows else (f"“{zh}”还没有登记。{step.fix_zh}（{load().cited(step.sources)}）",)
        case "entries":
            return _entries_lacking(session, case, step)
        case "copies":
            return _copies_lacking(session, case, step, zh)


def _entries_lacking(session: Session, case: Retirement, step: Step) -> tuple[str, ...]:
    rows = rows_of(session, case)
    known = {row.entry_id for row, _entry in rows}
    undecided = [entry for row, entry in rows if not row.fate]
    undone = [(row, entry) for row, entry in rows if row.fate and row.done_at is None]
    new = [key for key in _newcomers(session, case) if key not in known]
    cure = f"{step.fix_zh}（{load().cited(step.sources)}）"
    found = []
    if undecided or new:
        named = [*(name_of(entry) for entry in undecided), *new]
        found.append(f"{len(named)} 条目录没有确定处置{few(named)}。{cure}")
    if undone:
        said = [f"{name_of(entry)}{'：' + row.trouble if row.trouble else ''}" for row, entry in undone]
        found.append(f"{len(undone)} 条目录的处置没有办结{few(said)}。{cure}")
    return tuple(found)


def _newcomers(session: Session, case: Retirement) -> list[str]:
    return entries_of(session, case.system_id) if case.state == OPEN else []


def _copies_lacking(session: Session, case: Retirement, step: Step, zh: str) -> tuple[str, ...]:
    """Copies that are not that far, and kinds of copies that nobody has answered for: none is done before all are."""
    specs, wiping = load(), wipe_case_of(session, case)
    copies = list_copies(session, case_id=wiping.id)
    states = specs.systems.copy_state_index
    said = [f"{copy.name}（{states[copy.state].zh}）" for copy in copies if copy.state not in step.reached]
    there = {copy.kind for copy in copies} | set(wiping.absent)
    said += [kind.zh for kind in specs.retirement.copies if kind.key not in there]
    if not said:
        return ()
    return (f"“{zh}”：还有 {len(said)} 处副本{few(said)}。{step.fix_zh}（{specs.cited(step.sources)}）",)


def lacking_to_close(session: Session, case: Retirement, *, now: datetime) -> list[str]:
    """Everything that keeps a case from being closed, with rule, article and cure; empty when it may be closed."""
    specs = load()
    steps = (one for one in progress(session, case) if not one.step.optional and one.step.done != COPIES)
    found = [said for one in steps for said in one.lacking]
    law = specs.retiring.closing_rules
    rule = next(rule for rule in specs.retirement.rules if rule.id == law.nothing_left)
    running = _running(session, case, now)
    if running:
        cited = specs.cited(rule.sources)
        found.append(f"{rule.id} {rule.zh}{few(running)}。{rule.fix_zh}（{cited}）")
    against = errors_of(closing_findings(session, wipe_case_of(session, case), specs, now=now))
    return found + _by_rule(word_wipe(one, specs) for one in against if one.rule != rule.id)


def _by_rule(worded: Iterable[WordedFinding]) -> list[str]:
    """Findings in words, those of one rule as one."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for said in worded:
        what, _, why = said.message.rpartition("：")
        alike.setdefault((said.rule, why, said.fix, said.source), []).append(what)
    found = []
    for (rule, why, fix, source), whats in alike.items():
        named = "、".join(what for what in whats if what)
        found.append(f"{rule} {why}{'：' if named else ''}{named}。{fix}（{source}）")
    return found


def _running(session: Session, case: Retirement, now: datetime) -> list[str]:
    """Grants, distributions and portal copies of what does not go on with the successor."""
    fates = load().retiring.fate_index
    rows = [(r, e) for r, e in rows_of(session, case) if not (r.fate and fates[r.fate].needs_successor)]
    names = {entry.id: name_of(entry) for _row, entry in rows}
    grants = active_grants(session, names, today=local_day(now))
    found = [f"{names[key]} 的授权 {grant.number}" for key, listed in grants.items() for grant in listed]
    query = select(Distribution).where(col(Distribution.state).in_(LIVE))
    mine = select(col(RetirementEntry.entry_id)).where(col(RetirementEntry.retirement_id) == case.id)
    # what has no fate yet may keep nothing
    kept = {row.entry_id: row.fate and fates[row.fate].forms_off for row, _entry in rows}
    for made in session.execute(query.where(col(Distribution.entry_id).in_(mine))).scalars():
        off = kept.get(made.entry_id, ())
        found += [f"{names[made.entry_id]} 的挂接 {made.name}"] if off == "" or made.form in off else []
    gone = [row.entry_id for row, _entry in rows if row.fate and fates[row.fate].decides]
    found += [f"{names[key]} 还在 {'；'.join(said)}" for key, said in still_there(session, gone).items()]
    return found
