"""Settings from the environment. Nothing else reads ``os.environ``."""

import os
from dataclasses import dataclass
from pathlib import Path

DATABASE_VARIABLE = "MULU_DATABASE_URL"
DEFAULT_DATABASE = "data/mulu.sqlite3"


@dataclass(frozen=True, slots=True)
class Settings:
    """``database_url`` is a SQLAlchemy URL; the default is an SQLite file below the working directory."""

    database_url: str
    language: str = "zh"

    @property
    def sqlite_path(self) -> Path | None:
        """The file of an embedded database; None for a server or a database in memory."""
        prefix = "sqlite:///"
        if not self.database_url.startswith(prefix) or self.database_url in (prefix, f"{prefix}:memory:"):
            return None
        return Path(self.database_url.removeprefix(prefix))


def read_settings() -> Settings:
    """The settings of this process."""
    url = os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{DEFAULT_DATABASE}"
    # psycopg 3 is the driver that comes with us; a plain postgresql:// would ask for another
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            url = f"postgresql+psycopg://{url.removeprefix(plain)}"
    return Settings(url, language_of(os.environ))


def language_of(environment: "os._Environ[str] | dict[str, str]") -> str:
    """``zh`` or ``en`` by the locale; Chinese where the locale names no language (C, POSIX)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "en" if value.lower().startswith("en") else "zh"
    return "zh"
