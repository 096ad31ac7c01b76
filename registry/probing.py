"""Interfaces on the shelf, asked whether they answer: a probe may show that the data were updated.

What it shows is a row of update_seen: ``probed`` counts as an update, ``reached`` and ``unreachable`` tell how the last
probe of a distribution went and do not. Nothing is asked while a transaction is open. Source: S-ZY 23; S-LPS 14;
promises.yaml ``probe``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry import audit
from registry.allowed_hosts import Allowed
from registry.calendars import city_calendar
from registry.db import Database
from registry.jobs import SYSTEM, Clock, Task
from registry.keys import new_key
from registry.models import Distribution, Entry, UpdateSeen, Version
from registry.probe_calls import Answer, ask
from registry.settings import read_settings
from registry.subjects import SHELVED

PROBE = "probe"
SEEN, REACHED, UNREACHABLE = "probed", "reached", "unreachable"
_SUBJECT = "probes"
_KINDS = {"answered": REACHED, "there": REACHED, "redirected": REACHED}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Probe:
    """An interface to be asked, and the cycle that its entry promises."""

    distribution_id: str
    entry_id: str
    name: str
    code: str | None
    location: str
    cycle: str | None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How a probe went: ``kind`` is one of promises.yaml ``seen``, ``day`` that of the data (or of the probe)."""

    distribution_id: str
    entry_id: str
    name: str
    code: str | None
    kind: str
    day: date
    note: str


@dataclass(frozen=True, slots=True)
class Probed:
    """A round of probes. ``note`` says why nothing was asked."""

    counts: Mapping[str, int]
    results: tuple[ProbeResult, ...]
    note: str = ""

    @property
    def asked(self) -> int:
        return sum(self.counts.values())


def probe_all(
    database: Database,
    *,
    allowed: Sequence[str],
    clock: Clock,
    progress: Progress | None = None,
    operator: str = "",
) -> Probed:
    """Ask every interface on the shelf whose place is an http address, and keep what came of it.

    ``allowed`` is the operator's list (MULU_PROBES); with none nothing is asked.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    specs = load()
    if not allowed:
        return Probed({}, (), specs.promises.probe.says["unset"].zh)
    with database.read() as session:
        waiting = due_probes(session, specs=specs)
    listed, size = Allowed.read(allowed, specs.promises.probe.schemes), specs.promises.probe.chunk
    results: list[ProbeResult] = []
    for begin in range(0, len(waiting), size):
        answers = []
        for number, probe in enumerate(waiting[begin : begin + size], begin):
            if progress is not None:
                progress(number, len(waiting))
            answers.append(_result(probe, ask(probe.location, listed, specs.promises.probe), clock(), specs))
        with database.write() as session:
            enter_results(session, answers, operator=operator, now=clock())
        results += answers
    return Probed(_counted(results), tuple(results))


def _counted(results: Iterable[ProbeResult]) -> dict[str, int]:
    found = Counter(one.kind for one in results)
    return {kind: found[kind] for kind in (SEEN, REACHED, UNREACHABLE)}


def due_probes(session: Session, *, specs: Specs) -> list[Probe]:
    """The interfaces that are on the shelf and have an http address."""
    rule, location = specs.promises.probe, col(Distribution.location)
    in_force = and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == col(Entry.in_force))
    query = (
        select(Distribution, col(Entry.code), col(Version.content)["update_cycle"].as_string())
        .join(Entry, col(Entry.id) == col(Distribution.entry_id))
        .join(Version, in_force)
        .where(col(Distribution.state) == SHELVED, col(Distribution.form) == rule.form)
        .where(or_(*(location.startswith(f"{scheme}://") for scheme in rule.schemes)))
        .order_by(col(Distribution.id))
    )
    return [
        Probe(made.id, made.entry_id, made.name, code, made.location, cycle)
        for made, code, cycle in session.execute(query)
    ]


def _result(probe: Probe, answer: Answer, now: datetime, specs: Specs) -> ProbeResult:
    """What an answer shows: an update on the day that it names, or on this one where that is enough for the cycle."""
    rule, calendar = specs.promises.probe, city_calendar(specs)
    today = calendar.day_of(now)
    kind, day = _KINDS.get(answer.said, UNREACHABLE), today
    if answer.said == "answered" and probe.cycle in rule.day_counts_for:
        kind = SEEN
    modified = calendar.day_of(answer.modified) if answer.modified else None
    if modified is not None:
        # a day that has not come tells nothing
        kind, day = (SEEN, modified) if modified <= today else (REACHED, today)
    text = rule.says[answer.said].zh
    note = text.format(status=answer.status, day=modified, seconds=rule.timeout_seconds)
    return ProbeResult(probe.distribution_id, probe.entry_id, probe.name, probe.code, kind, day, note)


def enter_results(
    session: Session, results: Sequence[ProbeResult], *, operator: str = "", now: datetime
) -> None:
    """Keep what probes showed: an update once a day of data, and of what was none the last word alone."""
    keys = [one.distribution_id for one in results]
    standing = select(col(Distribution.id)).where(
        col(Distribution.id).in_(keys), col(Distribution.state) == SHELVED
    )
    live = set(session.execute(standing).scalars())
    kept = [one for one in results if one.distribution_id in live]
    mine = col(UpdateSeen.distribution_id).in_([one.distribution_id for one in kept])
    session.execute(delete(UpdateSeen).where(mine, col(UpdateSeen.kind).in_((REACHED, UNREACHABLE))))
    seen = select(UpdateSeen).where(mine, col(UpdateSeen.kind) == SEEN)
    known = {(row.distribution_id, row.day): row for row in session.execute(seen).scalars()}
    for one in kept:
        row = known.get((one.distribution_id, one.day)) if one.kind == SEEN else None
        if row is None:
            session.add(_row(one, now))
        else:
            row.at, row.note = now, one.note
    session.flush()
    if kept:
        acts = [audit.Act("probe_interfaces", _SUBJECT, _counted(kept))]
        audit.record(session, acts, actor=SYSTEM, now=now, operator=operator)


def _row(one: ProbeResult, now: datetime) -> UpdateSeen:
    return UpdateSeen(
        id=new_key("u"),
        entry_id=one.entry_id,
        distribution_id=one.distribution_id,
        kind=one.kind,
        day=one.day,
        note=one.note,
        by=SYSTEM,
        at=now,
    )


def probe_job(task: Task) -> None:
    """The daily round; without a list of hosts it says so and asks nobody."""
    done = probe_all(task.database, allowed=read_settings().probes, clock=task.clock, progress=task.progress)
    with task.database.write() as session:
        task.finish(session, {"counts": dict(done.counts), "note": done.note})
