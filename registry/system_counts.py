"""Whether an agency's systems only decrease: how many counted at the beginning of a year and at its end, and which
came and went. Source: S-LPS 6.

A system counts in the stages that systems.yaml marks so; where it stood on a day is told by the steps of its life, and
before the first of them by the stage that it was entered in. Those of the State and the province do not count. Systems
are counted with the agency that has them today.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.errors import Rejected
from registry.models import System, SystemLife
from registry.people import local_day
from registry.permits import Actor
from registry.system_register import list_systems
from registry.systems import is_external

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Change:
    """A system that came to count, or ceased to, in the year: when, and by which step.

    ``move`` is the step of its life that made it so, ``None``: it was entered in the register as one that is there.
    """

    system_id: str
    name: str
    day: date
    move: str | None
    move_zh: str


@dataclass(slots=True)
class Count:
    """The systems of an agency that count at the beginning (1 January) and at the end of the period, in numbers."""

    agency: str
    agency_name: str
    first: int = 0
    last: int = 0
    added: list[Change] = field(default_factory=list)
    stopped: list[Change] = field(default_factory=list)

    @property
    def only_decreased(self) -> bool:
        """Whether the number did not rise."""
        return self.last <= self.first

    @property
    def said(self) -> str:
        """The verdict in words; a rise made only of systems that were entered late is said to be one."""
        spec = load().systems.decrease
        if self.only_decreased:
            return spec.yes_zh
        return spec.entered_zh if all(one.move is None for one in self.added) else spec.no_zh


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a year by agency, from ``since`` (1 January) to ``until`` (today, or 31 December of the past)."""

    year: int
    since: date
    until: date
    rows: tuple[Count, ...]

    @property
    def only_decreased(self) -> bool:
        """Whether no agency has more systems than at the beginning."""
        return all(row.only_decreased for row in self.rows)


def count_year(
    session: Session,
    *,
    year: int | None = None,
    agency: str | None = None,
    actor: Actor | None,
    now: datetime,
) -> Counts:
    """The counts of the systems that ``actor`` sees (None: the console), by agency, those with most systems first.

    Raises:
        Rejected: the year has not begun, or there is no such year.
    """
    today = local_day(now)
    wanted = today.year if year is None else year
    if not 1990 <= wanted <= today.year:
        raise Rejected(f"年度 {wanted} 不能统计；写 1990 至 {today.year} 之间的年份")
    since, until = date(wanted, 1, 1), min(today, date(wanted, 12, 31))
    found: dict[str, Count] = {}
    rows = list_systems(session, actor=actor, agency=agency)
    steps = _steps(session, [system.id for system, _owner in rows])
    for system, owner in rows:
        count = found.setdefault(owner.id, Count(owner.code, owner.name))
        if not is_external(system, load(system.profile)):
            _count(count, system, steps[system.id], since, until)
    ordered = sorted(found.values(), key=lambda one: (-one.last, one.agency))
    return Counts(wanted, since, until, tuple(ordered))


def counts_json(found: Counts) -> dict[str, Any]:
    """The counts of a year as JSON; ``move`` of a change is null for a system that was entered as one that is there."""
    spec = load().systems.decrease
    rows = [asdict(row) | {"only_decreased": row.only_decreased, "said": row.said} for row in found.rows]
    head = {"year": found.year, "since": found.since, "until": found.until, "zh": spec.zh}
    source = load().cited(spec.sources)
    return head | {"source": source, "only_decreased": found.only_decreased, "results": rows}


def _steps(session: Session, ids: Sequence[str]) -> dict[str, list[SystemLife]]:
    """The steps of each life in the order in which they happened."""
    found: dict[str, list[SystemLife]] = defaultdict(list)
    wanted = set(ids)
    query = select(SystemLife).order_by(col(SystemLife.at), col(SystemLife.id))
    for step in session.execute(query).scalars():
        if step.system_id in wanted:
            found[step.system_id].append(step)
    return found


def _count(count: Count, system: System, steps: list[SystemLife], since: date, until: date) -> None:
    entered = local_day(system.created_at)
    # what was entered late has happened all the same: its first step may lie before its entry
    begun = min([entered, *(step.day for step in steps)])
    first = steps[0].before if steps else system.life
    # on 1 January counts what is there when the year begins
    then = _life_on(first, begun, steps, since - DAY)
    last = _life_on(first, begun, steps, until)
    count.first += _counts(then)
    count.last += _counts(last)
    if _counts(last) and not _counts(then):
        count.added.append(_change(system, steps, begun, until, came=True))
    if _counts(then) and not _counts(last):
        count.stopped.append(_change(system, steps, begun, until, came=False))


def _life_on(first: str, begun: date, steps: Iterable[SystemLife], day: date) -> str | None:
    """The stage of a life at the end of a day; None when it was not there yet."""
    found = first if begun <= day else None
    for step in steps:
        if step.day <= day:
            found = step.after
    return found


def _counts(life: str | None) -> bool:
    row = load().systems.life_index.get(life or "")
    return row is not None and row.counts


def _change(system: System, steps: list[SystemLife], begun: date, until: date, *, came: bool) -> Change:
    """The last step by which a system came to count, or ceased to."""
    moves = load().systems.move_index
    for step in reversed(steps):
        if step.day <= until and _counts(step.after) == came and _counts(step.before) != came:
            move = moves.get(str(step.data.get("move", "")))
            return Change(
                system.id, system.name, step.day, move.key if move else None, move.zh if move else ""
            )
    return Change(system.id, system.name, begun, None, "登记入册")
