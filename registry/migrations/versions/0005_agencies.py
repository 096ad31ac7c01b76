"""the life of agencies: level, names of the past, mergers and splits

Revision ID: 0005
Revises: 0003
"""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

import registry.db

revision: str = "0005"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "agency_change",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("agency_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("change", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("document", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("other_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True),
        sa.Column(
            "moved",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("at", registry.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name=op.f("fk_agency_change_agency_id_agency")),
        sa.ForeignKeyConstraint(["other_id"], ["agency.id"], name=op.f("fk_agency_change_other_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_change")),
    )
    with op.batch_alter_table("agency_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_agency_change_agency_id"), ["agency_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_agency_change_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_agency_change_other_id"), ["other_id"], unique=False)

    with op.batch_alter_table("agency", schema=None) as batch_op:
        batch_op.add_column(sa.Column("level", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("agency", schema=None) as batch_op:
        batch_op.drop_column("level")

    with op.batch_alter_table("agency_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_agency_change_other_id"))
        batch_op.drop_index(batch_op.f("ix_agency_change_name"))
        batch_op.drop_index(batch_op.f("ix_agency_change_agency_id"))

    op.drop_table("agency_change")
