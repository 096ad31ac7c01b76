"""Alembic environment: one set of migrations for SQLite and PostgreSQL, run on a connection given by us."""

from alembic import context

from registry.models import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
