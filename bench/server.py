"""Our own server for the API benchmark: the demonstration on a database of its own, and each task as requests."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from bench.load import Request
from tests.postgres import free_port

PROGRAM = Path(sys.executable).with_name("mulu")
API = "/api/v1/entries"
MOVES = "/api/v1/moves"
ITEMS = 3
PAGE = 1000
STARTING = 60.0
TRIED = 5
# tells the entries that this benchmark registers from those of the demonstration
SCOPES = ("read_catalogue", "read_own", "edit_draft", "import_workbook", "submit")
MARK = "压测第"


class Answer(NamedTuple):
    """An answer's status and JSON; the status is 0 when there was none."""

    status: int
    body: Any


@contextmanager
def running(name: str, database_url: str, folder: Path, *, workers: int) -> Iterator["Mulu"]:
    """A server on a new database with the demonstration, stopped at the end."""
    environment = os.environ | {"MULU_DATABASE_URL": database_url, "MULU_KEY_DIR": str(folder / "keys")}
    environment["MULU_HEADS_FILE"] = str(folder / "heads")

    def mulu(*arguments: str) -> str:
        command = [str(PROGRAM), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(f"mulu {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    folder.mkdir(parents=True, exist_ok=True)
    mulu("init")
    mulu("demo")
    port = free_port()
    command = [str(PROGRAM), "serve", "--port", str(port)]
    several = "--workers" in mulu("serve", "--help")
    command += ["--workers", str(workers)] if several else []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            found = Mulu(name, f"http://127.0.0.1:{port}", _token(environment))
            found.workers = workers if several else 1
            found.wait(process)
            yield found
        finally:
            process.terminate()
            process.wait(30)


def _token(environment: Mapping[str, str]) -> str:
    """A steward's token for what is measured; empty when there is none to be had."""
    scopes = [part for scope in SCOPES for part in ("--scope", scope)]
    command = [str(PROGRAM), "token", "create", "steward", "--name", "bench", "--days", "2", *scopes]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    words = done.stdout.split()
    return max(words, key=len) if done.returncode == 0 and words else ""


class Mulu:
    """One server and how each task is asked of it."""

    def __init__(self, name: str, url: str, token: str) -> None:
        self.name, self.url = name, url
        self.authorization = f"Bearer {token}" if token else ""
        self.workers = 1
        self.template: dict[str, Any] = {}
        self.codes: Sequence[str] = ()
        self.numbers = count(1)

    def wait(self, process: "subprocess.Popen[bytes]") -> None:
        """Until the server answers.

        Raises:
            RuntimeError: it ended, or does not answer in time.
        """
        end = time.monotonic() + STARTING
        while self.ask(Request("GET", "/healthz")).status != 200:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name}: the server does not answer")
            time.sleep(0.1)

    def ask(self, request: Request) -> Answer:
        """One request outside of the measurement."""
        headers = {"Authorization": self.authorization} if self.authorization else {}
        data = None
        if request.body is not None:
            data = json.dumps(request.body).encode()
            headers["Content-Type"] = "application/json"
        asked = urllib.request.Request(self.url + request.path, data, headers, method=request.method)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.loads(error.read() or b"null"))
        except urllib.error.URLError:
            return Answer(0, None)

    def entries(self, **asked: str) -> Sequence[dict[str, Any]]:
        """All entries that the steward sees, over the pages of the list."""
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            more = {"cursor": cursor} if cursor else {}
            page = self.ask(Request("GET", f"{API}?{urlencode(asked | {'limit': str(PAGE)} | more)}")).body
            found += page.get("results") or page.get("items") or []
            cursor = page["next_cursor"]
        return found

    def prepare(self) -> Sequence[dict[str, Any]]:
        """Choose what to read and what to register more of; gives the contents of the catalogue."""
        rows = self.entries()
        self.codes = [row["code"] or row["key"] for row in rows]
        shown = {
            code: self.ask(Request("GET", f"{API}/{quote(code)}")).body["content"] for code in self.codes
        }
        drafts = [row["code"] or row["key"] for row in self.entries(state="draft")]
        self._choose_template([shown[code] for code in drafts if code in shown])
        return list(shown.values())

    def _choose_template(self, contents: Sequence[dict[str, Any]]) -> None:
        """The first entry, cut to three items, that is without faults and, once registered, can be submitted."""
        cut = (content | {"items": content["items"][:ITEMS]} for content in contents if _has_items(content))
        faultless = list(islice(filter(self._is_faultless, cut), TRIED))
        for self.template in faultless:
            made = self.ask(self.register(self.contents(1))[0])
            if made.status // 100 != 2:
                continue
            if self.ask(_submit(made.body["key"])).status // 100 == 2:
                return
        self.template = faultless[0]

    def _is_faultless(self, content: dict[str, Any]) -> bool:
        found = self.ask(Request("POST", "/api/v1/check", _named(content, 0)))
        return found.status == 200 and not found.body["errors"] and not found.body["warnings"]

    def contents(self, most: int) -> Sequence[dict[str, Any]]:
        """New entries, each with a name of its own."""
        return [_named(self.template, next(self.numbers)) for _ in range(most)]

    def register(self, contents: Sequence[Mapping[str, Any]]) -> Sequence[Request]:
        """Each a new entry of the steward's agency."""
        return [Request("POST", API, {"content": content}) for content in contents]

    def read(self) -> Sequence[Request]:
        """Every entry of the demonstration by code."""
        return [Request("GET", f"{API}/{quote(code)}") for code in self.codes]

    def list(self) -> Sequence[Request]:
        """The first 50 entries."""
        return [Request("GET", f"{API}?limit=50")]

    def move(self, most: int) -> Sequence[Request]:
        """Each draft registered by this benchmark handed in."""
        drafts = [row["key"] for row in self.entries(state="draft") if MARK in row["resource_name"]]
        return [_submit(key) for key in drafts[:most]]


def _has_items(content: Mapping[str, Any]) -> bool:
    return len(content.get("items") or ()) >= ITEMS


def _submit(key: str) -> Request:
    return Request("POST", MOVES, {"move": "submit", "subjects": [{"entry": key}]})


def _named(content: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The same under another name, without a code, its abstract speaking of its own items."""
    about = str(content.get("resource_abstract", "")).partition("，包括")[0]
    items = "、".join(item["item_name"] for item in content["items"])
    names = {
        "resource_name": f"{content.get('resource_name')}{MARK}{number}批",
        "resource_abstract": f"{about}{MARK}{number}批，包括{items}",
    }
    return {key: value for key, value in content.items() if key != "resource_code"} | names
