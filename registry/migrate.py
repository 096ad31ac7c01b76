"""The schema brought up to date by Alembic, from Python, on the connection of our own engine."""

from pathlib import Path

from sqlalchemy import inspect

from registry.db import Database

FOLDER = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> str:
    """Bring the schema to the newest revision; gives that revision. A new database is made whole."""
    # alembic is needed here alone and takes its time to load
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if connection.dialect.name == "postgresql":
            # procrastinate is needed on a server alone
            from registry.delivery import prepare

            prepare(connection)
    return ScriptDirectory.from_config(config).get_current_head() or ""


def is_ready(database: Database) -> bool:
    """Whether the tables are there."""
    return inspect(database.engine).has_table("audit_event")
