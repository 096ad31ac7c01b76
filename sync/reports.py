"""Reports of runs: counts, a line for every failure, kept in ``sync_run``."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.keys import new_key
from registry.models import Entry, SyncRun, Version
from sync.ledger import Outcome, there_states

RUN = "run"
IN_STEP, FAILED, UNREACHED, STOPPED = "in_step", "failed", "unreachable", "stopped"
_COUNTED = {
    "create": "added",
    "patch": "updated",
    "withdraw": "deleted",
    "skip": "ignored",
    "fail": "errored",
}
_KEPT_LINES = 1000
_SAID = 500  # as the column is wide


@dataclass(slots=True)
class Report:
    """What a run did. ``counts``: total, added, updated, deleted, ignored, errored; ``failures``: a line each, with
    code, name, trouble and the target's own words. ``outcome``: in_step, failed, unreachable, stopped."""

    target: str
    verb: str
    started_at: datetime
    outcome: str = IN_STEP
    said: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    ended_at: datetime | None = None

    @property
    def written(self) -> dict[str, int]:
        """The counts under all their names."""
        return {key: self.counts[key] for key in ("total", *_COUNTED.values())}

    def count(self, outcomes: list[Outcome]) -> None:
        """Count what came of some rows; what never was to be there is not told of."""
        for one in outcomes:
            if one.act == "skip" and one.claimed.state not in there_states():
                continue
            self.counts["total"] += 1
            self.counts[_COUNTED[one.act]] += 1

    def tell(self, code: str, name: str, trouble: str, said: str, entry_id: str = "") -> None:
        """Add a line for a failure; a later one of the same entry takes its place."""
        self.failures = [line for line in self.failures if not entry_id or line["entry_id"] != entry_id]
        line = {"code": code, "name": name, "trouble": trouble, "said": said, "entry_id": entry_id}
        self.failures.append(line)


def save_report(session: Session, target_id: str, report: Report, *, by: str, now: datetime) -> None:
    """Keep a report; a run that did nothing and ended as the one before it leaves none: a watch runs all the time."""
    report.ended_at = now
    if report.verb == RUN and not report.counts["total"] and not report.failures:
        query = select(SyncRun).where(col(SyncRun.target_id) == target_id)
        query = query.order_by(col(SyncRun.started_at).desc(), col(SyncRun.id).desc())
        last = session.execute(query.limit(1)).scalar()
        before = (last.outcome, last.said) if last else (IN_STEP, "")
        if before == (report.outcome, report.said[:_SAID]):
            return
    row = SyncRun(
        id=new_key("y"),
        target_id=target_id,
        verb=report.verb,
        by=by,
        started_at=report.started_at,
        ended_at=now,
        outcome=report.outcome,
        counts=report.written,
        failures=report.failures[:_KEPT_LINES],
        said=report.said[:_SAID],
    )
    session.add(row)


def names_of(session: Session, entry_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Code (or key) and name of entries, by key: of the version in force, else of the newest that was announced; empty
    where none ever was. What a draft is called is nobody's business yet."""
    announced = (
        select(func.max(col(Version.number)))
        .where(col(Version.entry_id) == col(Entry.id), col(Version.announced_at).is_not(None))
        .correlate(Entry)
        .scalar_subquery()
    )
    told = (col(Version.entry_id) == col(Entry.id)) & (
        col(Version.number) == func.coalesce(col(Entry.in_force), announced)
    )
    query = select(col(Entry.id), col(Entry.code), col(Version.name)).outerjoin(Version, told)
    found: dict[str, tuple[str, str]] = {}
    for first in range(0, len(entry_ids), 500):
        part = query.where(col(Entry.id).in_(entry_ids[first : first + 500]))
        found |= {key: (code or key, name or "") for key, code, name in session.execute(part)}
    return found
