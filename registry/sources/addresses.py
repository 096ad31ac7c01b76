"""Addresses of databases: parsed, opened only to read, and never told with what is secret in them."""

import re
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import NullPool

from catalog_specs import Specs
from catalog_specs.drafting import Database, Drafting

_SECRET_OPTION = re.compile("pass|pwd|secret|connect$", re.IGNORECASE)
_DRIVER_FAULTS = (SQLAlchemyError, OSError, AssertionError, ImportError, NotImplementedError, UnicodeError)


class AddressError(ValueError):
    """A database that cannot be read: a key of the messages of scanning.yaml (inputs) and what fills it.

    ``place`` is the address without user, password and options, empty where it could not be parsed. ``code`` is
    the database's own code of the error.
    """

    def __init__(self, key: str, place: str = "", code: str = "", **params: str) -> None:
        super().__init__(key)
        self.key, self.place, self.code, self.params = key, place, code, params

    def told(self, specs: Specs) -> str:
        """Place, reason and cure in Chinese."""
        message = specs.scanning.inputs.messages[self.key]
        reason, cure = message.reason.zh.format(**self.params), message.cure.zh.format(**self.params)
        return f"{self.place}：{reason}；{cure}" if self.place else f"{reason}；{cure}"


@dataclass(frozen=True)
class Door:
    """A parsed address: ``address`` with its driver, and the kind of database behind it.

    ``name`` is what the operator called it; then its host is not shown to whoever uses the name.
    """

    address: URL
    database: Database
    seconds: int
    name: str = ""

    @property
    def place(self) -> str:
        """Where the database is, for people to read."""
        return self.name or place_of(self.address)

    @property
    def kept_back(self) -> tuple[str, ...]:
        """What messages may not show, beside passwords."""
        return tuple(filter(None, (self.address.host, self.address.database))) if self.name else ()

    @property
    def kind(self) -> str:
        """SQLAlchemy's name of the kind of database."""
        return self.address.get_backend_name()


def parse_address(url: str, specs: Drafting) -> Door:
    """The address of a database of a kind that is listed in drafting.yaml.

    Raises:
        AddressError: it is none, of a kind that is not listed, or an @ stands in the password.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # The cause would carry the address with its password.
        raise AddressError("address") from None
    kind = address.get_backend_name()
    if kind not in specs.databases:
        raise AddressError("scheme", kind=kind, known="、".join(specs.databases))
    if "@" in f"{address.host}{address.database if kind != 'sqlite' else ''}":
        # An @ in the password ends it too early: what looks like the host is half a password.
        raise AddressError("address")
    if "+" not in address.drivername:
        address = address.set(drivername=f"{kind}+{specs.databases[kind].driver}")
    return Door(address, specs.databases[kind], specs.connect_seconds)


def place_of(address: URL) -> str:
    """Where the database is, without user, password and options, for people to read."""
    port = f":{address.port}" if address.port else ""
    return f"{address.get_backend_name()}://{address.host or ''}{port}/{address.database or ''}"


@contextmanager
def opened(door: Door) -> Iterator[Engine]:
    """An engine for the address; SQLite files are opened read-only. Nothing is connected yet.

    Raises:
        AddressError: the driver is missing or asynchronous, an option is wrong, there is no such SQLite file.
    """
    address = door.address
    try:
        engine = create_engine(address, poolclass=NullPool, **_options(door))
    except (ImportError, NoSuchModuleError):
        raise _missing_driver(door) from None
    except (SQLAlchemyError, TypeError, ValueError) as error:
        if isinstance(error, AddressError):
            raise
        raise AddressError("options", door.place) from None
    try:
        if engine.dialect.is_async:
            raise AddressError("async_driver", door.place, ours=f"{door.kind}://")
        yield engine
    finally:
        engine.dispose()


def _options(door: Door) -> dict[str, Any]:
    address, database = door.address, door.database
    if door.kind == "sqlite":
        return {"creator": _opener(address)}
    if database.timeout and address.drivername.endswith(f"+{database.driver}"):
        return {"connect_args": {database.timeout: door.seconds}}
    return {}


def _missing_driver(door: Door) -> AddressError:
    driver, install = door.address.drivername.partition("+")[2], door.database.install
    if driver == door.database.driver:
        return AddressError("driver", door.place, driver=driver, install=install)
    ours = f"{door.kind}://"
    return AddressError("other_driver", door.place, driver=driver, install=install, ours=ours)


def _opener(address: URL) -> Callable[[], sqlite3.Connection]:
    """Opens the file read-only: SQLite would otherwise create it."""
    path = sqlite_path(address)
    return lambda: sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def sqlite_path(address: URL) -> Path:
    """The file of an SQLite address.

    Raises:
        AddressError: it names none, or there is none.
    """
    name = address.database or ""
    if not name or name == ":memory:" or name.startswith("file:"):
        raise AddressError("sqlite_name")
    path = Path(name)
    if not path.is_file():
        raise AddressError("sqlite_missing", value=name)
    return path


@contextmanager
def translated(door: Door) -> Iterator[None]:
    """Turn what drivers raise into AddressError, whose text names no secret.

    Raises:
        AddressError: whatever the driver said, under the key ``unreachable``.
    """
    try:
        yield
    except _DRIVER_FAULTS as error:
        # The cause is left behind: drivers quote connection strings.
        raise AddressError(
            "unreachable", door.place, code_of(error), detail=told_of(error, door.address, door.kept_back)
        ) from None


@contextmanager
def unknown_types_allowed() -> Iterator[None]:
    """No warnings of types that SQLAlchemy does not know: whoever reads the columns says it himself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        yield


def told_of(error: BaseException, address: URL, kept_back: Iterable[str] = ()) -> str:
    """The driver's own first line, without user, password however it is written, and what is kept back."""
    told = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    hidden = [str(value) for key, value in address.query.items() if _SECRET_OPTION.search(key)]
    for secret in filter(None, [str(address.password or ""), *hidden, *kept_back]):
        for shape in (secret, quote(secret, safe=""), quote_plus(secret)):
            told = told.replace(shape, "***")
    for mark in "'\"" if address.username else "":
        told = told.replace(f"{mark}{address.username}{mark}", "***")
    return told.splitlines()[0][:200]


def code_of(error: BaseException) -> str:
    """The database's own code of an error: MySQL's number or SQLSTATE; empty where there is none."""
    cause = getattr(error, "orig", None) or error
    number = cause.args[0] if cause.args else ""
    # MySQL's SQLSTATE says less than its number
    return str(number) if isinstance(number, int) else str(getattr(cause, "sqlstate", None) or "")
