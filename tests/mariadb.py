"""A real MariaDB of one's own from Debian's binaries, on a free port of 127.0.0.1; for tests and benchmarks."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.postgres import free_port

_COUNTER = count(1)
_ATTEMPTS = 300


class NoMariadb(Exception):
    """This machine has no MariaDB: apt-get install mariadb-server."""


@contextmanager
def server() -> Iterator[str]:
    """A running server, stopped and removed at the end; gives its address without a database (user root).

    Raises:
        NoMariadb: there are no binaries, or no driver.
    """
    daemon, install = shutil.which("mariadbd", path=_path()), shutil.which("mariadb-install-db", path=_path())
    try:
        import pymysql  # noqa: F401
    except ImportError as error:
        raise NoMariadb from error
    if daemon is None or install is None:
        raise NoMariadb
    folder = Path(tempfile.mkdtemp(prefix="mulu-my-"))
    owner = "mysql" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    data = folder / "data"
    data.mkdir()
    if os.geteuid() == 0:
        # MariaDB refuses to run as root
        for place in (folder, data):
            shutil.chown(place, owner, owner)
    shared = ["--no-defaults", f"--datadir={data}", f"--user={owner}"]
    auth = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    subprocess.run([install, *shared, *auth], check=True, capture_output=True, cwd=folder)
    port = free_port()
    network = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder / 'socket'}"]
    quick = [f"--pid-file={folder / 'pid'}", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([daemon, *shared, *network, *quick], stdout=log, stderr=log, cwd=folder)
    try:
        address = f"mariadb+pymysql://root@127.0.0.1:{port}"
        _wait(address, running)
        yield address
    finally:
        running.terminate()
        running.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])


def _wait(address: str, running: "subprocess.Popen[bytes]") -> None:
    from sqlalchemy.exc import OperationalError

    for _ in range(_ATTEMPTS):
        try:
            tell(address, "SELECT 1")
        except OperationalError:
            if running.poll() is not None:
                raise
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(address)


def new_database(server_url: str) -> str:
    """The address of a new empty database on a server, in utf8mb4."""
    name = f"mulu_{os.getpid()}_{next(_COUNTER)}"
    tell(server_url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    return f"{server_url}/{name}"


def drop_database(address: str) -> None:
    """Remove a database of ``new_database``."""
    server_url, _, name = address.rpartition("/")
    tell(server_url, f"DROP DATABASE {name}")


def tell(address: str, *statements: str) -> None:
    """Run statements one after the other, as root, each committed."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()
