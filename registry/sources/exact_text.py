"""Values as the database writes them, where the driver would turn them into something that cannot hold them."""

import sqlite3
from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Connection

from registry.sources.cell_text import NotText

# PostgreSQL knows days that Python does not (infinity, before Christ), and its JSON keeps the order of keys
_AS_WRITTEN = ("date", "timestamp", "timestamptz", "time", "timetz", "interval", "json", "jsonb")


class Reading:
    """One connection while its rows are read; ``not_text`` counts texts that were no UTF-8 (SQLite)."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.driver = cast(Any, connection.connection.driver_connection)
        self.not_text = 0
        if isinstance(self.driver, sqlite3.Connection):
            self.driver.text_factory = self._decoded
        elif connection.dialect.driver == "psycopg":
            from psycopg.types.string import TextLoader  # only where this driver is in use

            for kind in _AS_WRITTEN:
                self.driver.adapters.register_loader(kind, TextLoader)

    def _decoded(self, value: bytes) -> str | NotText:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            self.not_text += 1
            return NotText(value)

    def abandon(self, cursor: Any) -> None:
        """Give the connection up in the midst of a result; ``cursor`` is the driver's, None before there is one."""
        unread: Any = getattr(self.driver, "_result", None)
        if hasattr(unread, "unbuffered_active"):
            # PyMySQL would read all the rest, on closing and also while the result is being thrown away
            unread.unbuffered_active = False
        elif cursor is not None:
            with suppress(self.connection.dialect.loaded_dbapi.Error):
                cursor.close()
        if not self.connection.invalidated:
            self.connection.invalidate()
