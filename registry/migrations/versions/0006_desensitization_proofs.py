"""desensitization proofs

Revision ID: 0006
Revises: 0005
"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

import registry.db

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "standing_proof",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("entry_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("distribution_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("open_type", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("place", sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
        sa.Column(
            "methods",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "masks",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "quasi",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("items_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("rules_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("schema_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("checker_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("checker", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("checked_at", registry.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.Column("reviewer_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True),
        sa.Column("reviewer", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("reviewed_at", registry.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
        sa.ForeignKeyConstraint(
            ["checker_id"], ["person.id"], name=op.f("fk_standing_proof_checker_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["distribution_id"],
            ["distribution.id"],
            name=op.f("fk_standing_proof_distribution_id_distribution"),
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_standing_proof_entry_id_entry")),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["person.id"], name=op.f("fk_standing_proof_reviewer_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_proof")),
    )
    with op.batch_alter_table("standing_proof", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_standing_proof_distribution_id"), ["distribution_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_standing_proof_entry_id"), ["entry_id"], unique=False)

    op.create_table(
        "batch_proof",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("standing_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("entry_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("distribution_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column("sha256", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("sm3", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("schema_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("rules_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("spec", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("detectors", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("residual", sa.BigInteger(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=True),
        sa.Column("l_diversity", sa.Integer(), nullable=True),
        sa.Column(
            "thresholds",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("verdict", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column(
            "unmet",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("replaced_sha256", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column(
            "report",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("checked_by", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("at", registry.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("settled_at", registry.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("erased_at", registry.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distribution_id"], ["distribution.id"], name=op.f("fk_batch_proof_distribution_id_distribution")
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_batch_proof_entry_id_entry")),
        sa.ForeignKeyConstraint(
            ["standing_id"], ["standing_proof.id"], name=op.f("fk_batch_proof_standing_id_standing_proof")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_proof")),
    )
    with op.batch_alter_table("batch_proof", schema=None) as batch_op:
        batch_op.create_index("ix_batch_proof_distribution_at", ["distribution_id", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_batch_proof_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_batch_proof_standing_id"), ["standing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_batch_proof_state"), ["state"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("batch_proof", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_batch_proof_state"))
        batch_op.drop_index(batch_op.f("ix_batch_proof_standing_id"))
        batch_op.drop_index(batch_op.f("ix_batch_proof_entry_id"))
        batch_op.drop_index("ix_batch_proof_distribution_at")

    op.drop_table("batch_proof")
    with op.batch_alter_table("standing_proof", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_standing_proof_entry_id"))
        batch_op.drop_index(batch_op.f("ix_standing_proof_distribution_id"))

    op.drop_table("standing_proof")
