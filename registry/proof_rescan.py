"""Tables that are opened, scanned again by themselves: what was clean once need not be clean now.

The system scans, nobody's hand: it enters the batch under the standing proof that two people stand for, as ``system``,
with the one permission that this takes and in that agency alone. It never makes a standing proof, and moves no
distribution: a hit leaves the proof invalid, which the queue and the entry's page show, and people decide. A source
that cannot be reached was not scanned; the job says so, and the next one tries again.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.entries import hold_register
from registry.errors import Conflict, Unavailable
from registry.jobs import SYSTEM, Interrupted, Overtaken, Task
from registry.models import BatchProof, Distribution, Entry, StandingProof, Version
from registry.people import local_day
from registry.permits import EVERYTHING, Actor, Held, roles_of
from registry.proof_cases import FILE, HELD, newest_standing, proof_case
from registry.proof_job import place_of, table_of
from registry.proof_plans import MAKE, Plan, plan_proof
from registry.proofs import Kind, Made, Scanned, check, enter_proof
from registry.sources import Source
from registry.subjects import SHELVED
from registry.workers import problem_of
from validators.proving import why_void

RESCAN = "rescan"
_LOAD: Kind = "load"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A table that is to be scanned again, under which standing proof, and since when it has not been."""

    distribution_id: str
    name: str
    entry_id: str
    agency_id: str
    standing_id: str
    methods: Mapping[str, str]
    place: str
    last: datetime


def due_tables(session: Session, *, now: datetime) -> list[Due]:
    """What is shelved and opened, is read by a place that the operator named, and was last scanned too long ago.

    Only where the newest standing proof was agreed to and its contents are loads of a table: the sample of an
    interface is not to be had by its place alone.
    """
    newest = select(func.max(col(StandingProof.id))).group_by(col(StandingProof.distribution_id))
    query = (
        select(StandingProof, Distribution, Entry)
        .join(Distribution, col(Distribution.id) == col(StandingProof.distribution_id))
        .join(Entry, col(Entry.id) == col(Distribution.entry_id))
        .where(col(StandingProof.id).in_(newest), col(StandingProof.agreed).is_(True))
        .where(col(StandingProof.place) != "", col(Distribution.form) != FILE)
        .where(col(Distribution.state) == SHELVED, col(Distribution.opened).is_(True))
    )
    found = [_due(session, *row) for row in session.execute(query.order_by(col(StandingProof.id)))]
    latest = local_day(now) - timedelta(days=load().scanning.proofs.rescan_days)
    return [one for one in found if one is not None and local_day(one.last) <= latest]


def _due(session: Session, standing: StandingProof, made: Distribution, entry: Entry) -> Due | None:
    query = select(BatchProof).where(col(BatchProof.distribution_id) == made.id)
    last = session.execute(query.order_by(col(BatchProof.id).desc()).limit(1)).scalar()
    if last is None or last.kind != _LOAD:
        return None
    of = (made.id, entry.code or entry.id, entry.id, entry.agency_id, standing.id)
    return Due(*of, standing.methods, standing.place, last.at)


def rescan_job(task: Task) -> None:
    """Scan every table that is due; each is entered in a transaction of its own, so that it counts once."""
    now, counts, said = task.clock(), Counter[str](scanned=0, held=0, unreached=0), list[str]()
    with task.database.read() as session:
        due = due_tables(session, now=now)
    for number, one in enumerate(due):
        try:
            made = _rescan(task, one, number, len(due))
        except (Interrupted, Overtaken):
            raise
        except Exception as error:  # one table must not keep the others from being scanned
            _log.warning("复扫 %s 出错：%s", one.name, type(error).__name__)
            counts["unreached"] += 1
            said.append(_unreached(one, error))
            continue
        counts["scanned"] += 1
        counts["held"] += made.batch.state == HELD
    with task.database.write() as session:
        task.finish(session, {"counts": dict(counts), "note": "；".join(said)})


def _unreached(one: Due, error: Exception) -> str:
    says = load().scanning.proofs.says["unreached"]
    return says.zh.format(name=one.name, place=one.place, why=problem_of(error)["detail"])


def _rescan(task: Task, one: Due, number: int, total: int) -> Made:
    actor = _system(one.agency_id)
    plan_of = partial(
        plan_proof, name=one.distribution_id, sight=EVERYTHING, actor=actor, methods=one.methods
    )
    with task.database.read() as session:
        plan = plan_of(session)
    task.progress(number, total)
    source = table_of(place_of(one.place), plan.specs)
    scanned = check(
        plan,
        source,
        kind=_LOAD,
        place=one.place,
        progress=lambda _done, _total: task.progress(number, total),
    )
    _check_whole(scanned, source)
    return _entered(task, one, plan, scanned, actor)


def _check_whole(scanned: Scanned, source: Source) -> None:
    """A table that broke off was not scanned; unless what was seen of it is bad enough.

    Raises:
        Unavailable: not every row was seen, and nothing was found in those that were.
    """
    result = scanned.checked.result
    if not result.complete and not result.residual:
        raise Unavailable("；".join(problem.reason for problem in source.problems))


def _entered(task: Task, one: Due, plan: Plan, scanned: Scanned, actor: Actor) -> Made:
    with task.database.write() as session:
        hold_register(session)
        task.change(session, attempts=task.attempt)  # refused unless this attempt is the latest
        now = task.clock()
        _check_standing(session, one, plan, now)
        given: dict[str, Any] = {"sight": EVERYTHING, "actor": actor, "now": now, "methods": one.methods}
        made = enter_proof(session, plan, scanned, None, **given)
        session.expunge(made.batch)
    return made


def _check_standing(session: Session, one: Due, plan: Plan, now: datetime) -> None:
    """The standing proof must still be the one that two people stand for: the system makes none.

    Raises:
        Conflict: it is void, or another one has taken its place.
    """
    made = session.get_one(Distribution, one.distribution_id, populate_existing=True)
    standing = newest_standing(session, made.id)
    content = session.get_one(Version, (plan.entry_id, plan.number)).content
    specs: Specs = plan.specs
    case = proof_case(session, content, made, specs, name=one.name, today=local_day(now))
    void = why_void(case, specs)
    methods = {column.name: column.method for column in plan.columns if column.method}
    if standing is None or standing.id != one.standing_id or not standing.agreed:
        raise Conflict("扫描期间另立了方案证明")
    if void or standing.methods != methods or made.state != SHELVED:
        raise Conflict("；".join(void) or "扫描期间脱敏方法或上架状态有变动")


def _system(agency_id: str) -> Actor:
    """The system as it acts here: who makes proofs in one agency, and nothing else."""
    makers = sorted(roles_of(load()).granting[MAKE])
    held = tuple(Held(key, agency_id=agency_id) for key in makers)
    return Actor("", SYSTEM, "系统", held=held, scopes=frozenset({MAKE}))
