"""What tests of the audit record share: events written, the record altered as an attacker would, verified."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select, text, update
from sqlmodel import col

from registry.audit import Act, record
from registry.audit_check import Verdict, verify
from registry.audit_files import read_heads, stored_record
from registry.db import Database
from registry.models import AuditContent, AuditEvent, AuditHead, AuditTree
from registry.signing import trusted_keys
from tests.conftest import NOW

TABLES = {
    "audit_event": AuditEvent,
    "audit_content": AuditContent,
    "audit_head": AuditHead,
    "audit_tree": AuditTree,
}


def write(database: Database, count: int = 5, *, now: datetime = NOW, start: int = 0) -> None:
    """Write events, each about an entry of its own."""
    acts = [
        Act("register", f"e{n}", {"version": n, "digest": "ab" * 32}) for n in range(start, start + count)
    ]
    with database.write() as session:
        record(session, acts, actor="王敏", now=now, operator="root")


def verified(database: Database, heads: Path | None = None) -> Verdict:
    """What a verification of the database finds."""
    with database.read() as session:
        return verify(stored_record(session), keys=trusted_keys(), filed=read_heads(heads) if heads else None)


def kinds(database: Database, heads: Path | None = None) -> list[tuple[str, int]]:
    """The faults by their keys, with the event of each."""
    return [(found.key, found.seq) for found in verified(database, heads).faults]


def unguard(database: Database) -> None:
    """Drop the triggers that keep the record append-only: who owns the database can."""
    with database.engine.begin() as connection:
        if database.engine.dialect.name == "postgresql":
            connection.execute(text("DROP FUNCTION mulu_append_only() CASCADE"))
            return
        names = (
            connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        )
        for name in names:
            connection.execute(text(f"DROP TRIGGER {name}"))


def tamper(database: Database, table: str, key: int, **values: Any) -> None:
    """Overwrite columns of a row by its key, behind the back of the application."""
    model: Any = TABLES[table].__table__  # type: ignore[attr-defined]
    with database.engine.begin() as connection:
        connection.execute(update(model).where(next(iter(model.primary_key)) == key).values(values))


def remove(database: Database, table: str, keys: Sequence[int]) -> None:
    """Delete rows by their keys."""
    model: Any = TABLES[table].__table__  # type: ignore[attr-defined]
    with database.engine.begin() as connection:
        connection.execute(delete(model).where(next(iter(model.primary_key)).in_(keys)))


def rows(database: Database, table: str = "audit_event") -> list[dict[str, Any]]:
    """All rows of a table, in order."""
    model: Any = TABLES[table].__table__  # type: ignore[attr-defined]
    with database.engine.connect() as connection:
        found = connection.execute(select(model).order_by(next(iter(model.primary_key))))
        return [dict(row._mapping) for row in found]


def put(database: Database, table: str, row: dict[str, Any]) -> None:
    """Insert a row."""
    with database.engine.begin() as connection:
        connection.execute(insert(TABLES[table].__table__), [row])  # type: ignore[attr-defined]


def renumber(database: Database, before: int, after: int) -> None:
    """Give an event with its content another number."""
    with database.engine.begin() as connection:
        for model in (AuditEvent, AuditContent):
            connection.execute(update(model).where(col(model.seq) == before).values(seq=after))  # type: ignore[attr-defined]
