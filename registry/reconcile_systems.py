"""Systems' lives, copies, duties, retirements and wipe records held against the record of acts.

Every act that wrote such a row holds the row's digest (``bound_rows``); a row must be as the last one left it. The wipe
records besides are one chain: each names the digest of the one before it. Source: domain §7.1; S-LPS 26.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from registry.audit import Event
from registry.bound_rows import BOUND, TABLES, row_digest, row_key
from registry.models import (
    BudgetFlag,
    DataCopy,
    DutyEvidence,
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

_PIECE = 1000


@dataclass(slots=True)
class SystemActs:
    """What the record says: the last digest of every row by table and key (None: deleted), and who wrote it last."""

    rows: dict[str, dict[str, str | None]] = field(default_factory=lambda: {name: {} for name in TABLES})
    by: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take up what an event says; the last one of a row counts."""
        for table, digests in ((event.details or {}).get(BOUND) or {}).items():
            self.rows.setdefault(table, {}).update(digests)
            self.by |= dict.fromkeys(((table, key) for key in digests), event.actor)


def system_differences(session: Session, acts: SystemActs) -> Iterator[str]:
    """Every row that is not as the record left it, and every break in the chain of wipe records; each by its number."""
    names = _Names(session)
    for table, model in TABLES.items():
        yield from _rows(session, model, acts, table, names)
    yield from _chain(session, names)
    yield from _lives(session)


class _Names:
    """What people call a row: numbers of cases, names of systems."""

    def __init__(self, session: Session) -> None:
        self.systems = _pairs(session, System, "name")
        self.cases = _pairs(session, WipeCase, "number")
        self.retirements = _pairs(session, Retirement, "number")

    def of(self, table: str, row: Any) -> str:
        """A row by its number or what it belongs to."""
        return f"{_WORDS[table][0]} {_WORDS[table][1](self, row)}"


def _pairs(session: Session, table: Any, name: str) -> dict[str, str]:
    return {row[0]: row[1] for row in session.execute(select(col(table.id), col(getattr(table, name))))}


def _of_system(names: _Names, row: Any) -> str:
    return f"{names.systems.get(row.system_id, row.system_id or row.id)}（{row.id}）"


def _numbered(_names: _Names, row: Any) -> str:
    return str(row.number)


def _of_retirement(key: str, names: _Names, row: Any) -> str:
    number = names.retirements.get(row.retirement_id, row.retirement_id)
    return f"{number} {getattr(row, key)}"


def _wipe(names: _Names, row: Any) -> str:
    number = f"（{row.certificate_no}）" if row.certificate_no else ""
    return f"{names.cases.get(row.case_id, row.case_id)} 第 {row.seq} 号{number}"


def _duty(_names: _Names, row: Any) -> str:
    return f"{row.duty} {row.year}年 {row.number or row.id}"


def _flag(_names: _Names, row: Any) -> str:
    return f"{row.document}（{row.year}年，{row.id}）"


_WORDS: dict[str, tuple[str, Callable[[_Names, Any], str]]] = {
    str(model.__tablename__): (zh, said)
    for model, zh, said in (
        (SystemLife, "系统生命周期", _of_system),
        (SystemTable, "系统的表", _of_system),
        (DataCopy, "数据副本", _of_system),
        (DutyEvidence, "履职佐证", _duty),
        (SystemReview, "评审", _of_system),
        (Rectification, "整改通知", _numbered),
        (BudgetFlag, "预算标记", _flag),
        (Retirement, "停用任务", _numbered),
        (RetirementStep, "停用环节", partial(_of_retirement, "step")),
        (RetirementEntry, "停用目录处置", partial(_of_retirement, "entry_id")),
        (WipeCase, "清除任务", _numbered),
        (WipeRecord, "清除记录", _wipe),
    )
}


def _rows(
    session: Session, model: type[SQLModel], acts: SystemActs, table: str, names: _Names
) -> Iterator[str]:
    left = dict(acts.rows[table])
    for row in session.execute(select(model).execution_options(yield_per=_PIECE)).scalars():
        key = row_key(row)
        known = left.pop(key, "")
        if not known:
            yield f"{names.of(table, row)} 在审计记录里{'已删除，登记表里还有' if known is None else '没有'}"
        elif known != row_digest(row):
            yield f"{names.of(table, row)} 与审计记录不符（最后由 {acts.by[table, key]} 办理）"
    for key, digest in sorted(left.items()):
        if digest is not None:
            zh = _WORDS[table][0]
            yield f"{zh} {key}：审计记录里有（最后由 {acts.by[table, key]} 办理），在登记表里不见了"


def _chain(session: Session, names: _Names) -> Iterator[str]:
    """The chain of digests: numbers without a gap, each record naming the digest of the one before it."""
    previous, expected = "", 1
    query = select(WipeRecord).order_by(col(WipeRecord.seq))
    for row in session.execute(query.execution_options(yield_per=_PIECE)).scalars():
        name = names.of("wipe_record", row)
        if row.seq != expected:
            yield f"{name}：前面缺第 {expected} 至 {row.seq - 1} 号"
        elif row.previous != previous:
            yield f"{name}：上一记录摘要与第 {expected - 1} 号不符，摘要链断开"
        previous, expected = row.digest, row.seq + 1


def _lives(session: Session) -> Iterator[str]:
    """A system's life against the last step that was taken."""
    query = select(SystemLife).order_by(col(SystemLife.at), col(SystemLife.id))
    last = {row.system_id: row.after for row in session.execute(query).scalars()}
    for system in session.execute(select(System).execution_options(yield_per=_PIECE)).scalars():
        if system.life != last.get(system.id, system.life):
            yield f"系统 {system.name}（{system.id}）：状态是“{system.life}”，办理记录为“{last[system.id]}”"
