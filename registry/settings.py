"""Settings from the environment. Nothing else reads ``os.environ``."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from registry.stores import Store
from registry.url_stores import store_of

DATABASE_VARIABLE = "MULU_DATABASE_URL"
CALENDAR_VARIABLE = "MULU_CALENDAR"
FILES_VARIABLE = "MULU_FILES_DIR"
WORKERS_VARIABLE = "MULU_WORKERS"
SOURCES_VARIABLE = "MULU_SOURCES"
PROBES_VARIABLE = "MULU_PROBES"
TARGETS_VARIABLE = "MULU_TARGETS"
LOOPBACK_VARIABLE = "MULU_ALLOW_LOOPBACK_TARGETS"
SECRETS_VARIABLE = "MULU_SECRETS_FILE"
PUBLIC_URL_VARIABLE = "MULU_PUBLIC_URL"
OPEN_CATALOGUE_VARIABLE = "MULU_OPEN_CATALOGUE"
DEFAULT_DATABASE = "data/mulu.sqlite3"
_OFF = ("off", "0", "no", "false")


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The provider that people may sign in by. ``login_claim`` names the claim that holds a prepared login."""

    issuer: str
    client_id: str
    client_secret: str
    login_claim: str = "preferred_username"
    scope: str = "openid profile"
    label: str = "统一身份认证"


@dataclass(frozen=True, slots=True)
class Settings:
    """``database_url`` is a SQLAlchemy URL; the default is an SQLite file below the working directory.

    ``calendar_file`` holds what the city decides about working days, beside the State Council's calendar.
    ``secure_cookies``: cookies go over TLS only, whatever the request seems to have come by (behind a proxy).
    ``files_folder``: where stored files lie, a folder or an fsspec URL, when not beside the database. ``workers``:
    how many jobs the server does at a time; 0 leaves them to ``mulu work``. ``sources``: databases that may be
    scanned, each ``scheme://host[:port]`` or a folder of SQLite files; None where the operator said nothing.
    ``probes``: hosts of interfaces that may be probed, each ``host``, ``scheme://host:port`` or a network; none by
    default. ``targets``: hosts of portals that the sync job may speak to, each ``host`` (https), ``scheme://host:port``
    or a network; none by default. ``loopback_targets``: portals on this machine, too, also by http. ``secrets_file``
    holds tokens of portals. ``public_url``: where others reach this registry, the beginning of links to it;
    ``open_catalogue``: strangers may read what is open, unless the operator turns it off.
    """

    database_url: str
    language: str = "zh"
    calendar_file: Path | None = None
    secure_cookies: bool = False
    oidc: OidcSettings | None = None
    files_folder: Path | str | None = None
    workers: int = 1
    sources: tuple[str, ...] | None = None
    probes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    loopback_targets: bool = False
    secrets_file: Path | None = None
    public_url: str = ""
    open_catalogue: bool = True

    @property
    def files(self) -> Store:
        """The store of files.

        Raises:
            Unavailable: it is given by a URL with a password or options, or by none.
        """
        beside = self.sqlite_path or Path(DEFAULT_DATABASE)
        return store_of(self.files_folder or beside.parent / "files")

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
    calendar = os.environ.get(CALENDAR_VARIABLE)
    files, workers = os.environ.get(FILES_VARIABLE), os.environ.get(WORKERS_VARIABLE, "")
    kept = os.environ.get(SECRETS_VARIABLE)
    return Settings(
        url,
        language_of(os.environ),
        Path(calendar) if calendar else None,
        secure_cookies=os.environ.get("MULU_SECURE_COOKIES") == "1",
        oidc=_oidc_settings(),
        files_folder=files or None,
        workers=int(workers) if workers.isdecimal() else 1,
        sources=_allowed_sources(),
        probes=_listed(os.environ.get(PROBES_VARIABLE, "")),
        targets=_listed(os.environ.get(TARGETS_VARIABLE, "")),
        loopback_targets=os.environ.get(LOOPBACK_VARIABLE) == "1",
        secrets_file=Path(kept) if kept else None,
        public_url=os.environ.get(PUBLIC_URL_VARIABLE, "").strip().rstrip("/"),
        open_catalogue=os.environ.get(OPEN_CATALOGUE_VARIABLE, "").strip().lower() not in _OFF,
    )


def _allowed_sources() -> tuple[str, ...] | None:
    given = os.environ.get(SOURCES_VARIABLE)
    return None if given is None else _listed(given)


def _listed(given: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in given.split(",") if entry.strip())


def source_address(name: str) -> str | None:
    """The address, with its credentials, of the database that the operator named: ``MULU_SOURCE_<NAME>_URL``.

    None where there is none of that name. It is read each time and kept nowhere.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        return None
    return os.environ.get(f"{SOURCES_VARIABLE.removesuffix('S')}_{name.upper()}_URL") or None


def target_token(variable: str) -> str | None:
    """The token of a portal, from ``MULU_TARGET_<NAME>_TOKEN``; None where it is not set.

    It is read each time and kept nowhere.
    """
    if not re.fullmatch(r"MULU_TARGET_[A-Z0-9_]+_TOKEN", variable):
        return None
    return os.environ.get(variable) or None


def _oidc_settings() -> OidcSettings | None:
    """The OIDC provider of ``MULU_OIDC_*``; None without an issuer."""
    issuer = os.environ.get("MULU_OIDC_ISSUER", "")
    if not issuer:
        return None
    given = {name: os.environ.get(f"MULU_OIDC_{name.upper()}") for name in ("login_claim", "scope", "label")}
    return OidcSettings(
        issuer,
        os.environ.get("MULU_OIDC_CLIENT_ID", ""),
        os.environ.get("MULU_OIDC_CLIENT_SECRET", ""),
        **{name: value for name, value in given.items() if value},
    )


def language_of(environment: "os._Environ[str] | dict[str, str]") -> str:
    """``zh`` or ``en`` by the locale; Chinese where the locale names no language (C, POSIX)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "en" if value.lower().startswith("en") else "zh"
    return "zh"


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The audit record's: where its signing key lies, the file that heads are appended to, the hash of a new tree.

    ``mark`` is the kind of signature that sealed editions bear.
    """

    key_folder: Path
    heads_file: Path | None
    algorithm: str
    mark: str


def audit_settings() -> AuditSettings:
    """The settings of the audit record. The key never lies in the database: whoever edits it cannot sign."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    heads = os.environ.get("MULU_HEADS_FILE")
    return AuditSettings(
        Path(os.environ.get("MULU_KEY_DIR") or Path(home) / "mulu"),
        Path(heads) if heads else None,
        os.environ.get("MULU_AUDIT_HASH") or "sha256",
        os.environ.get("MULU_MARK") or "ed25519",
    )
