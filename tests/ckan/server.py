"""A real CKAN of a test run's own: started by ``ckan_up`` in a temporary folder, hurt by hand, stopped by process id.

The virtualenv with CKAN comes from MULU_CKAN_VENV, else ``.venv-ckan`` in the checkout, made when it is missing.
"""

import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ckanapi import RemoteCKAN

from tests.scratch import scratch_root

HERE = Path(__file__).parent
VENV = HERE.parents[1] / ".venv-ckan"
EXTENSIONS = "ckanext-harvest==1.6.3 ckanext-scheming==3.1.0 ckantoolkit pytest factory-boy pytest-factoryboy"
PLUGINS = "activity datastore image_view datatables_view text_view"
_STARTS = 3
# what would reach into CKAN's own virtualenv and settings
_LEAKING = ("PYTHON", "CKAN_", "CKANAPI_")


class NoCkan(Exception):
    """This machine cannot run a CKAN; the words say what to install."""


class NotUp(Exception):
    """It was started and does not answer; the words end with its log."""


class Person(NamedTuple):
    """A user of the portal with a token."""

    name: str
    token: str


@dataclass
class Ckan:
    """A running CKAN. ``folder`` holds all of its state; ``ports`` are of CKAN, PostgreSQL, Redis and Solr."""

    folder: Path
    venv: Path
    ports: Sequence[int]
    plugins: str = PLUGINS
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    # ---- asked by tests ----------------------------------------------------------------------------

    def call(self, action: str, *, as_token: str | None = None, **data: Any) -> Any:
        """Call an action as the sysadmin, or with a token of another (empty: nobody's); ckanapi's errors."""
        with RemoteCKAN(self.url, apikey=self.token if as_token is None else as_token) as api:
            return api.call_action(action, data)

    def organization(self, name: str = "", **fields: Any) -> str:
        """A new organization's name."""
        name = name or f"org-{secrets.token_hex(4)}"
        self.call("organization_create", name=name, title=fields.pop("title", name), **fields)
        return name

    def person(self, name: str = "") -> Person:
        """A new user of no organization, with a token."""
        name = name or f"user-{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(16)
        self.call("user_create", name=name, email=f"{name}@example.org", password=password)
        return Person(name, str(self.call("api_token_create", user=name, name="test")["token"]))

    def member(self, organization: str, *, role: str = "editor", name: str = "") -> Person:
        """A new user with a role in an organization, with a token."""
        person = self.person(name)
        self.call("organization_member_create", id=organization, username=person.name, role=role)
        return person

    def revoke(self, token: str) -> None:
        """Take a token back; the portal treats its bearer as nobody from then on."""
        self.call("api_token_revoke", token=token)

    def remove_everything(self) -> None:
        """Purge all datasets and organizations, whatever their state, and what the index still holds of them.

        Asked of the database itself: a test may have left something that neither list nor search gives.
        """
        for key in self._ids("package"):
            self.call("dataset_purge", id=key)
        for key in self._ids('"group"'):
            self.call("organization_purge", id=key)
        body = json.dumps({"delete": {"query": "*:*"}, "commit": {}}).encode()
        address = f"http://127.0.0.1:{self.ports[3]}/solr/ckan/update/?commit=true"
        asked = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=30):
            pass

    def _ids(self, table: str) -> list[str]:
        words = ["psql", "-h", "127.0.0.1", "-p", str(self.ports[1]), "-U", "postgres", "-d", "ckan_default"]
        done = subprocess.run(
            [*words, "-Atqc", f"select id from {table}"], capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    # ---- started, hurt, stopped --------------------------------------------------------------------

    def start(self) -> None:
        """Start whatever of it is not running, and wait until it answers.

        Raises:
            NotUp: it does not come up.
        """
        names = ("--port", "--pg-port", "--redis-port", "--solr-port")
        command = [
            sys.executable,
            str(HERE / "ckan_up"),
            "--work",
            str(self.folder),
            "--venv",
            str(self.venv),
        ]
        for name, port in zip(names, self.ports, strict=True):
            command += [name, str(port)]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        command += ["--plugins", self.plugins, "--extra-pip", EXTENSIONS]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_LEAKING)}
        environment |= self.environment
        for _try in range(_STARTS if self.token else 1):
            with _one_at_a_time(self.venv):
                done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            if done.returncode == 0:
                break
            # one that was up before answers its first questions by connections that its database has lost
            time.sleep(1)
        if done.returncode:
            log = self.folder / "log" / "ckan.log"
            told = log.read_text()[-2000:] if log.exists() else ""
            raise NotUp(f"{done.stderr[-2000:]}\n{told}")
        said = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        self.token = said["CKAN_TOKEN"]

    def stop(self) -> None:
        """Stop all of it and remove its folder."""
        command = [sys.executable, str(HERE / "ckan_down"), "--work", str(self.folder), "--wipe"]
        subprocess.run(command, capture_output=True, check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def pid(self, part: str) -> int:
        """The process id of ``ckan`` (gunicorn's first process), ``pg``, ``redis`` or ``solr``."""
        known = json.loads((self.folder / "pids.json").read_text())
        return int(known[part]["pid"])

    def workers(self) -> list[int]:
        """The process ids of gunicorn's workers."""
        first = self.pid("ckan")
        return [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]

    def kill_worker(self) -> int:
        """Kill one worker at once (gunicorn starts another); its process id."""
        worker = self.workers()[0]
        os.kill(worker, signal.SIGKILL)
        return worker

    def kill_workers(self) -> None:
        """Kill all workers at once, whatever they are at; gunicorn starts others."""
        for worker in self.workers():
            os.kill(worker, signal.SIGKILL)

    def down(self, part: str = "ckan") -> None:
        """Stop one part of it: ``ckan``, ``pg``, ``redis`` or ``solr``; ``start`` brings it back."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGINT if part == "pg" else signal.SIGTERM)
        wait_until(lambda: not _lives(pid), f"{part} 没有停下")

    def restart(self) -> None:
        """Stop CKAN itself and start it again."""
        self.down("ckan")
        self.start()

    @contextmanager
    def without(self, part: str) -> Iterator[None]:
        """A while without one part, such as its PostgreSQL (``pg``)."""
        self.down(part)
        try:
            yield
        finally:
            self.start()


@contextmanager
def _one_at_a_time(venv: Path) -> Iterator[None]:
    """Workers of one test run must not make the same virtualenv at the same time."""
    with Path(f"{venv}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wait_until(true: Callable[[], bool], words: str, *, seconds: float = 30) -> None:
    """Wait for something that happens in another process.

    Raises:
        TimeoutError: it did not.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(words)
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _needed() -> None:
    if shutil.which("redis-server") is None:
        raise NoCkan("apt-get install redis-server")
    if shutil.which("postgres") is None and not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        raise NoCkan("apt-get install postgresql")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            raise NoCkan("apt-get install postgresql") from None


def _four_ports() -> list[int]:
    """Four ports that nothing listens on, below those that the system gives to outgoing connections."""
    found: list[int] = []
    while len(found) < 4:
        port = secrets.choice(range(15000, 30000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found


@contextmanager
def running(
    *,
    plugins: str = PLUGINS,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Ckan]:
    """A CKAN of one's own with ``plugins`` and ``settings`` (CKAN's own keys), stopped and removed at the end.

    Raises:
        NoCkan: this machine cannot run one. NotUp: it does not come up.
    """
    _needed()
    portal = _started(plugins, settings or {}, environment or {})
    try:
        yield portal
    finally:
        portal.stop()


def _started(plugins: str, settings: Mapping[str, str], environment: Mapping[str, str]) -> Ckan:
    venv = Path(os.environ.get("MULU_CKAN_VENV") or VENV)
    for attempt in range(_STARTS):
        folder = Path(tempfile.mkdtemp(prefix="mulu-ckan-", dir=scratch_root()))
        # PostgreSQL runs as another user where the tests run as root
        folder.chmod(0o755)
        portal = Ckan(folder, venv, _four_ports(), plugins, settings, environment)
        try:
            portal.start()
        except NotUp:
            # somebody may have taken one of the ports meanwhile
            portal.stop()
            if attempt == _STARTS - 1:
                raise
        except BaseException:
            portal.stop()
            raise
        else:
            return portal
    raise AssertionError


__all__ = ["Ckan", "NoCkan", "NotUp", "Person", "running", "wait_until"]
