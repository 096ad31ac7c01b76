"""the audit tree

The rows of the plain chain become leaves of a tree; their details become erasable content. Going down, the chain
is made anew from what is left; what was erased stays erased.

Revision ID: 0003
Revises: 0002
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

import registry.db
from validators.merkle import Frontier, digest, leaf_hash

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

GENESIS = "0" * 64
PIECE = 1000
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql")
MOMENT = registry.db.UTCDateTime(timezone=True)
GUARDED = ("audit_event", "audit_head")


def _table(name: str, *columns: tuple[str, Any]) -> sa.TableClause:
    return sa.table(name, *(sa.column(key, kind) for key, kind in columns))


TEXTS = ("act", "actor", "operator", "subject", "content_digest", "body", "leaf", "root")
LEAVES = (("seq", SERIAL), ("at", MOMENT), *((name, sa.String()) for name in TEXTS))
CONTENTS = (("seq", SERIAL), ("content", sa.Text()), ("salt", sa.String()))
PLAIN = (
    ("seq", SERIAL),
    ("at", MOMENT),
    *((name, sa.String()) for name in ("actor", "act", "subject", "previous", "digest")),
    ("details", JSON),
)


def upgrade() -> None:
    _set_aside()
    _make_event_table()
    op.create_table(
        "audit_content",
        sa.Column("seq", SERIAL, autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=True),
        sa.Column("erased_at", MOMENT, nullable=True),
        sa.Column("erased_by", SERIAL, nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_content")),
    )
    op.create_table(
        "audit_head",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("size", SERIAL, nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_head")),
    )
    op.create_index(op.f("ix_audit_head_size"), "audit_head", ["size"])
    op.create_table(
        "audit_tree",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("size", SERIAL, nullable=False),
        sa.Column("frontier", sa.Text(), nullable=False),
        sa.Column("heads", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_tree")),
    )
    _carry_over()
    op.drop_table("audit_event_before")
    for statement in _guards():
        op.execute(statement)


def _set_aside() -> None:
    op.execute("CREATE TABLE audit_event_before AS SELECT * FROM audit_event")
    op.drop_index("ix_audit_event_act", table_name="audit_event")
    op.drop_index("ix_audit_event_subject", table_name="audit_event")
    op.drop_table("audit_event")


def _make_event_table() -> None:
    op.create_table(
        "audit_event",
        sa.Column("seq", SERIAL, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_act"), "audit_event", ["act"])
    op.create_index(op.f("ix_audit_event_subject"), "audit_event", ["subject"])


def _pieces(source: sa.TableClause) -> Iterator[Sequence[Any]]:
    """The rows of a table in the order of their numbers, some at a time."""
    last = 0
    while True:
        query = sa.select(source).where(source.c.seq > last).order_by(source.c.seq).limit(PIECE)
        rows = op.get_bind().execute(query).all()
        if not rows:
            return
        yield rows
        last = rows[-1].seq


def _carry_over() -> None:
    """Each row of the chain becomes a leaf; numbers, moments and names stay what they were."""
    # the setting of a tree that has no leaf yet; later on the tree's own row stands
    algorithm = os.environ.get("MULU_AUDIT_HASH") or "sha256"
    tree = Frontier(digest(algorithm))
    events, contents = _table("audit_event", *LEAVES), _table("audit_content", *CONTENTS)
    for rows in _pieces(_table("audit_event_before", *PLAIN)):
        made = [_leaf(row, tree) for row in rows]
        op.get_bind().execute(sa.insert(events), [event for event, _ in made])
        kept = [content for _, content in made if content]
        if kept:
            op.get_bind().execute(sa.insert(contents), kept)
    names = ("id", "origin", "algorithm", "size", "frontier", "heads")
    row = (1, secrets.token_hex(16), algorithm, tree.size, b"".join(tree.nodes).hex(), 0)
    state = sa.table("audit_tree", *(sa.column(name) for name in names))
    op.get_bind().execute(sa.insert(state), dict(zip(names, row, strict=True)))


def _leaf(row: Any, tree: Frontier) -> tuple[dict[str, Any], dict[str, Any] | None]:
    # the numbers of a chain with a gap are not mended: verification shall tell of it
    content, bound = None, ""
    if row.details:
        text, salt = _canonical(row.details), secrets.token_bytes(16)
        bound = hashlib.sha256(salt + text.encode()).hexdigest()
        content = {"seq": row.seq, "content": text, "salt": salt.hex()}
    names = {"act": row.act, "actor": row.actor, "operator": "", "seq": row.seq, "subject": row.subject}
    body = _canonical(names | {"at": _moment(row.at), "digest": bound})
    leaf = leaf_hash(body.encode(), tree.hashed)
    hashes = {"leaf": leaf.hex(), "root": tree.append(leaf).hex()}
    return names | {"at": row.at, "content_digest": bound, "body": body} | hashes, content


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _moment(at: Any) -> str:
    return str(at.astimezone(UTC).isoformat(timespec="microseconds"))


# ---- nobody edits the record by mistake -------------------------------------------------------------------


def _guards() -> Iterator[str]:
    """Triggers that refuse to change or delete rows of the record; whoever means to must drop them first."""
    if op.get_bind().dialect.name == "postgresql":
        yield (
            "CREATE FUNCTION mulu_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'append-only: %', TG_TABLE_NAME; END $$"
        )
        for table in GUARDED:
            for level, events in (("ROW", "UPDATE OR DELETE"), ("STATEMENT", "TRUNCATE")):
                name = f"{table}_{level.lower()}_append_only"
                yield (
                    f"CREATE TRIGGER {name} BEFORE {events} ON {table} "
                    f"FOR EACH {level} EXECUTE FUNCTION mulu_append_only()"
                )
        return
    for table in GUARDED:
        for event in ("update", "delete"):
            yield (
                f"CREATE TRIGGER {table}_{event}_append_only BEFORE {event.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'append-only: {table}'); END"
            )


# ---- down -------------------------------------------------------------------------------------------------


def downgrade() -> None:
    op.execute("CREATE TABLE audit_event_tree AS SELECT * FROM audit_event")
    op.execute("CREATE TABLE audit_content_tree AS SELECT seq, content FROM audit_content")
    for table in ("audit_tree", "audit_head", "audit_content", "audit_event"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION mulu_append_only()")
    op.create_table(
        "audit_event",
        sa.Column("seq", SERIAL, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_act"), "audit_event", ["act"])
    op.create_index(op.f("ix_audit_event_subject"), "audit_event", ["subject"])
    _chain_anew()
    op.drop_table("audit_event_tree")
    op.drop_table("audit_content_tree")


def _chain_anew() -> None:
    source = _table("audit_event_tree", *LEAVES)
    contents = _table("audit_content_tree", *CONTENTS[:2])
    plain, previous = _table("audit_event", *PLAIN), GENESIS
    for rows in _pieces(source):
        between = contents.c.seq.between(rows[0].seq, rows[-1].seq)
        found = {row.seq: row.content for row in op.get_bind().execute(sa.select(contents).where(between))}
        made = []
        for row in rows:
            details = json.loads(found.get(row.seq) or "{}")
            link = {"seq": row.seq, "actor": row.actor, "act": row.act, "subject": row.subject}
            link |= {"details": details, "previous": previous}
            previous = hashlib.sha256(_canonical(link | {"at": _moment(row.at)}).encode()).hexdigest()
            made.append(link | {"at": row.at, "digest": previous})
        op.get_bind().execute(sa.insert(plain), made)
