"""Heads signed on purpose, and proofs against the last one: that an act stands on the record, for anyone to check."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.audit import add_heads, lock_tree, names_of, save_tree
from registry.db import Database
from registry.errors import Conflict, NotFound, Unavailable
from registry.models import AuditContent, AuditEvent, AuditHead
from registry.models.columns import table_of
from registry.signing import Head
from validators.merkle import digest, inclusion_proofs

PROOF = "mulu-audit-proof/1"
_APART = "审计记录与树头不符，不能出具证明；执行 mulu audit verify 查看"
_AT_A_TIME = 400
log = logging.getLogger(__name__)


def sign_head(session: Session, *, now: datetime) -> Head | None:
    """Sign the record as it stands, unless its last head is over just as much; gives the last head.

    None when the key folder cannot be used: a warning says so, and nothing else fails.
    """
    tree = lock_tree(session)
    last = last_head(session)
    if last is not None and last.size == tree.frontier.size:
        return last
    heads = add_heads(session, tree, {tree.frontier.size: tree.frontier.root()}, now=now)
    if not heads:
        return None
    save_tree(session, tree)
    return heads[0]


def sign_quietly(database: Database, *, now: datetime) -> None:
    """Sign the record at a quiet moment: init, demo, the server's exit. Nothing fails because of it."""
    try:
        with database.write() as session:
            sign_head(session, now=now)
    except Unavailable as error:
        log.warning("没有签审计树头：%s", error.message)


def last_head(session: Session) -> Head | None:
    """The head that was signed last."""
    row = session.execute(select(table_of(AuditHead)).order_by(col(AuditHead.number).desc()).limit(1)).first()
    return Head(**row._mapping) if row else None


def list_heads(session: Session, *, after: int | None = None, limit: int = 100) -> tuple[list[Head], int]:
    """Signed heads, the newest first, before the number ``after``; and how many there are."""
    table = AuditHead.__table__  # type: ignore[attr-defined]
    query = select(table).order_by(col(AuditHead.number).desc()).limit(limit)
    found = session.execute(query.where(col(AuditHead.number) < after) if after is not None else query)
    last = last_head(session)
    return [Head(**row._mapping) for row in found], last.number if last else 0


def head_numbered(session: Session, number: int) -> Head:
    """A signed head by its number. Raises NotFound when there is none."""
    row = session.execute(select(table_of(AuditHead)).where(col(AuditHead.number) == number)).first()
    if row is None:
        raise NotFound(f"没有第 {number} 号树头；mulu audit head 签署，接口 /api/v1/audit/heads 列出")
    return Head(**row._mapping)


def prove(session: Session, subject: str, *, head: Head | None = None) -> dict[str, Any]:
    """A proof, to be checked by anyone (docs/verify_proof.py), that the events of a subject stand on the record.

    It holds the last signed head (or ``head``), each event's stored bytes with its audit path, and the contents that
    were not erased. ``later`` counts the events that no head is over yet.

    Raises:
        NotFound: no head was signed, or no event of the subject is below it. Conflict: the record does not fit
            its head.
    """
    return prove_many(session, [subject], head=head)[subject]


def prove_many(
    session: Session, subjects: Sequence[str], *, head: Head | None = None
) -> dict[str, dict[str, Any]]:
    """``prove`` of several subjects, by subject; the record is gone through once."""
    head = head or last_head(session)
    if head is None:
        raise NotFound("还没有签过树头；先执行 mulu audit head")
    rows = {subject: _rows(session, subject) for subject in subjects}
    covered = {subject: [row for row in found if row.seq <= head.size] for subject, found in rows.items()}
    for subject, found in covered.items():
        if not found:
            waiting = "（还没有树头作证；先执行 mulu audit head）" if rows[subject] else ""
            raise NotFound(f"审计记录里没有“{subject}”的事件{waiting}")
    wanted = sorted({row.seq - 1 for found in covered.values() for row in found})
    paths = _paths(session, head, wanted)
    signed = {name: getattr(head, name) for name in head.__slots__}
    return {
        subject: {
            "format": PROOF,
            "subject": subject,
            "head": signed,
            "events": [_proven(row, [node.hex() for node in paths[row.seq - 1]]) for row in found],
            "later": len(rows[subject]) - len(found),
        }
        for subject, found in covered.items()
    }


def prove_events(
    session: Session, name: str, subjects: Iterable[str], *, until: datetime | None = None
) -> dict[str, Any]:
    """One proof, called ``name``, of all events that bear one of these very subjects (until a moment, not with it).

    Its form is that of ``prove``; it may hold no event at all.

    Raises:
        NotFound: no head was signed. Conflict: the record does not fit its head.
    """
    head = last_head(session)
    if head is None:
        raise NotFound("还没有签过树头；先执行 mulu audit head")
    wanted = sorted(set(subjects))
    rows: list[Any] = []
    for start in range(0, len(wanted), _AT_A_TIME):
        part = col(AuditEvent.subject).in_(wanted[start : start + _AT_A_TIME])
        rows += session.execute(_events().where(part)).all()
    rows = sorted((row for row in rows if until is None or row.at < until), key=lambda row: row.seq)
    covered = [row for row in rows if row.seq <= head.size]
    proofs = _paths(session, head, [row.seq - 1 for row in covered])
    return {
        "format": PROOF,
        "subject": name,
        "head": {field: getattr(head, field) for field in head.__slots__},
        "events": [_proven(row, [node.hex() for node in proofs[row.seq - 1]]) for row in covered],
        "later": len(rows) - len(covered),
    }


def _paths(session: Session, head: Head, indices: Sequence[int]) -> Mapping[int, Sequence[bytes]]:
    """The audit paths of some events against a head."""
    leaves = (bytes.fromhex(leaf) for leaf in _leaves(session, head.size))
    try:
        proofs = inclusion_proofs(leaves, head.size, indices, digest(head.algorithm))
    except ValueError as error:
        raise Conflict(_APART) from error
    if proofs.root.hex() != head.root or not head.is_genuine():
        raise Conflict(_APART)
    return proofs.paths


def _rows(session: Session, subject: str) -> list[Any]:
    query = _events().where(col(AuditEvent.subject).in_(names_of(session, subject)))
    return list(session.execute(query.order_by(col(AuditEvent.seq))))


def _events() -> Select[*tuple[Any, ...]]:
    columns = (AuditEvent.seq, AuditEvent.at, AuditEvent.body, AuditContent.content, AuditContent.salt)
    query: Select[*tuple[Any, ...]] = select(*(col(column) for column in columns))
    return query.outerjoin(AuditContent, col(AuditContent.seq) == col(AuditEvent.seq))


def _leaves(session: Session, size: int) -> Any:
    query = select(col(AuditEvent.leaf)).where(col(AuditEvent.seq) <= size).order_by(col(AuditEvent.seq))
    return session.execute(query.execution_options(yield_per=5000)).scalars()


def _proven(row: Any, path: list[str]) -> dict[str, Any]:
    shown = {"index": row.seq - 1, "body": row.body, "path": path}
    return shown if row.content is None else shown | {"content": row.content, "salt": row.salt}
