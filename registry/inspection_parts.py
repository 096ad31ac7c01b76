"""What an inspection pack holds of systems: rows as they stood at a moment, and the keys under which acts speak of them.

What came after the moment is left out: rows that were not there, and the later parts of rows that were. A ``state`` is
given only where the pack is of the present; for a day that is past it is told by the acts and the moments.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from registry.models import (
    Agency,
    BudgetFlag,
    DataCopy,
    Distribution,
    DutyEvidence,
    Edition,
    Entry,
    Rectification,
    Retirement,
    RetirementEntry,
    RetirementStep,
    System,
    SystemLife,
    SystemReview,
    SystemTable,
    WipeCase,
    WipeRecord,
)
from registry.models.columns import table_of

_PIECE = 400
_UNTOLD = frozenset({"lock"})


class Kind(NamedTuple):
    """A table in the pack: file name, what it is, since when a row is there."""

    name: str
    zh: str
    model: type[SQLModel]
    since: str
    without: tuple[str, ...] = ()


KINDS = (
    Kind("systems", "系统", System, "created_at"),
    Kind("lives", "系统生命周期", SystemLife, "at"),
    Kind("tables", "系统的表", SystemTable, "seen_at"),
    Kind("copies", "数据副本", DataCopy, "created_at"),
    Kind("evidence", "履职佐证", DutyEvidence, "at"),
    Kind("reviews", "评审和审查", SystemReview, "at"),
    Kind("rectifications", "责令整改", Rectification, "ordered_at"),
    Kind("budget_flags", "次年预算标记", BudgetFlag, "at"),
    Kind("editions", "责任清单期次", Edition, "sealed_at", ("body", "person_id")),
    Kind("retirements", "停用任务", Retirement, "opened_at"),
    Kind("retirement_steps", "停用环节", RetirementStep, "at"),
    Kind("retirement_entries", "停用的目录处置", RetirementEntry, ""),
    Kind("wipe_cases", "清除任务", WipeCase, "opened_at"),
    Kind("wipe_records", "清除记录", WipeRecord, "recorded_at", ("certificate",)),
)
# what a later moment of a row brought with it
_LATER: dict[str, tuple[str, ...]] = {
    "withdrawn_at": ("withdrawn_by", "withdrawn_why"),
    "reported_at": ("reported_by", "report", "report_sha256", "report_file", "returned"),
    "closed_at": ("closed_by", "closing"),
    "lifted_at": ("lifted_by", "lifted_why"),
    "published_at": ("published_by",),
    "scan_at": ("scan_by", "scan_name", "scan_sha256"),
    "decided_at": ("decided_by", "fate", "why", "archive", "excluded"),
    "done_at": ("number", "trouble"),
    "verified_at": ("verified_by", "verification", "result"),
    "witnessed_at": ("witnessed_by", "witness"),
    "approved_at": ("approved_by", "approval", "certificate_no", "certificate"),
    "gone_at": (),
    "changed_at": (),
}
# by what acts call a row, beside its key
_CALLED: dict[str, tuple[str, ...]] = {
    "rectifications": ("number",),
    "retirements": ("number",),
    "wipe_cases": ("number",),
    "wipe_records": ("certificate_no",),
}
# stand as they are now, whatever the moment: what they were is told by the acts
_PRESENT = ("state", "life", "findings", "absent", "case_id")


@dataclass(frozen=True, slots=True)
class Scope:
    """Of whom a pack speaks. ``whole``: all of these agencies, not only some of their systems. ``end``: the moment with
    which it ends; ``past``: it lies before the making of the pack."""

    agencies: tuple[Agency, ...]
    systems: tuple[System, ...]
    whole: bool
    end: datetime
    past: bool

    @property
    def agency_ids(self) -> list[str]:
        return [one.id for one in self.agencies]

    @property
    def system_ids(self) -> list[str]:
        return [one.id for one in self.systems]


def read(session: Session, kind: Kind, scope: Scope) -> list[Any]:
    """The rows of a table within a scope that were there in time, by key."""
    model: Any = kind.model
    query = select(model).where(_within(kind.model, scope))
    if kind.since:
        query = query.where(col(getattr(model, kind.since)) < scope.end)
    rows = session.execute(query.order_by(*table_of(kind.model).primary_key.columns)).scalars()
    return list(rows)


def _within(model: Any, scope: Scope) -> ColumnElement[bool]:
    """The condition that a row speaks of one of the systems, or of one of the agencies as a whole."""
    if model is System:
        return _among(col(System.id), scope.system_ids)
    if model in (RetirementStep, RetirementEntry):
        mine = select(col(Retirement.id)).where(_within(Retirement, scope))
        return and_(true(), col(model.retirement_id).in_(mine))
    if model is WipeRecord:
        return col(WipeRecord.case_id).in_(select(col(WipeCase.id)).where(_within(WipeCase, scope)))
    parts = []
    if hasattr(model, "system_id"):
        parts.append(_among(col(model.system_id), scope.system_ids))
    if scope.whole and hasattr(model, "agency_id"):
        parts.append(_among(col(model.agency_id), scope.agency_ids))
    return or_(*parts) if parts else _among(col(model.id), [])


def _among(column: Any, keys: Sequence[str]) -> ColumnElement[bool]:
    """One of many keys; parts of a size that every database takes."""
    parts = [keys[start : start + _PIECE] for start in range(0, len(keys), _PIECE)]
    return or_(*(column.in_(part) for part in parts)) if parts else column.in_([])


def shown(kind: Kind, rows: Iterable[Any], scope: Scope) -> list[dict[str, Any]]:
    """Rows as they stood at the moment, plain values by column."""
    names = [c.name for c in table_of(kind.model).columns if c.name not in (*kind.without, *_UNTOLD)]
    return [_row({name: getattr(row, name) for name in names}, scope) for row in rows]


def _row(values: dict[str, Any], scope: Scope) -> dict[str, Any]:
    for moment, parts in _LATER.items():
        at = values.get(moment)
        if isinstance(at, datetime) and at >= scope.end:
            values |= {name: None for name in (moment, *parts) if name in values}
    if scope.past:
        values |= {name: None for name in _PRESENT if name in values}
    return {name: plain(value) for name, value in values.items()}


def plain(value: Any) -> Any:
    """A value as JSON has it; moments in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def entries_of(session: Session, scope: Scope) -> list[Entry]:
    """The entries of the systems, or all of the agencies, that were there in time."""
    query = select(Entry).where(_within(Entry, scope), col(Entry.created_at) < scope.end)
    return list(session.execute(query.order_by(col(Entry.id))).scalars())


# ---- acts -------------------------------------------------------------------------------------------------


def subjects_of(
    session: Session, scope: Scope, rows: Mapping[str, Sequence[Any]], entries: Sequence[Entry]
) -> Iterator[str]:
    """The names under which acts speak of what the pack holds: keys and numbers."""
    yield from scope.system_ids
    yield from scope.agency_ids if scope.whole else ()
    for name, found in rows.items():
        for row in found:
            keys = (getattr(row, column, None) for column in ("id", *_CALLED.get(name, ())))
            yield from (key for key in keys if key)
    ids = [entry.id for entry in entries]
    yield from ids
    made = select(col(Distribution.id)).where(_among(col(Distribution.entry_id), ids))
    yield from session.execute(made).scalars()


def files_of(rows: Mapping[str, Sequence[Any]], scope: Scope) -> dict[str, str]:
    """The digests of the papers that rows rest on, with the names of their files."""
    found: dict[str, str] = {}
    pairs = (("sha256", "file_name"), ("report_sha256", "report_file"), ("scan_sha256", "scan_name"))
    for kind in KINDS:
        for row in shown(kind, rows.get(kind.name, ()), scope):
            for digest, name in pairs:
                if row.get(digest):
                    found.setdefault(str(row[digest]), str(row.get(name) or ""))
    return dict(sorted(found.items()))
