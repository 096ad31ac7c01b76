"""A real CKAN as the peer of the API benchmark: started by ``tests/ckan/ckan_up``, asked for the same work.

An entry is a private dataset: its fields are extras, its items resources. A move is a patch that makes it public.
"""

import builtins
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.load import Request, send
from tests.postgres import free_port

PROGRAMS = Path(__file__).parent.parent / "tests" / "ckan"
# 220 MB that take half a minute to install: kept between runs
INSTALLED = Path(__file__).parent / "out" / "ckan-2.12.0"
ACTION = "/api/3/action/"
AGENCY = "bench"
PAGE = 1000
LOADERS = 2


@contextmanager
def running(folder: Path, *, workers: int) -> Iterator["Ckan"]:
    """A CKAN 2.12 of its own with all that it needs, stopped at the end."""
    port = _four_free_ports()
    options = [
        "--work",
        str(folder),
        "--venv",
        str(INSTALLED),
        "--port",
        str(port),
        "--workers",
        str(workers),
    ]
    INSTALLED.parent.mkdir(exist_ok=True)
    try:
        up = [sys.executable, str(PROGRAMS / "ckan_up"), *options]
        done = subprocess.run(up, check=True, stdout=subprocess.PIPE, text=True)
        told = dict(line.split("=", 1) for line in done.stdout.splitlines())
        yield Ckan(told["CKAN_URL"], told["CKAN_TOKEN"])
    finally:
        down = [sys.executable, str(PROGRAMS / "ckan_down"), "--work", str(folder)]
        subprocess.run(down, check=True, stdout=subprocess.DEVNULL)


def _four_free_ports() -> int:
    """CKAN, PostgreSQL, Redis and the index take ports in a row."""
    import socket

    while True:
        first = free_port()
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            try:
                for place, probe in enumerate((one, two, three), start=1):
                    probe.bind(("127.0.0.1", first + place))
            except OSError:
                continue
            return first


class Ckan:
    """One CKAN and how each task is asked of it."""

    name = "CKAN 2.12"

    def __init__(self, url: str, token: str) -> None:
        self.url, self.authorization = url, token
        self.numbers = count(1)

    def prepare(self, contents: Sequence[Mapping[str, Any]]) -> None:
        """Load the same catalogue that ours has, announced."""
        self._call("organization_create", name=AGENCY)
        packages = [self._package(content) | {"private": False} for content in contents]
        made = [Request("POST", f"{ACTION}package_create", package) for package in packages]
        done = send(self.url, made, clients=LOADERS, seconds=90, authorization=self.authorization, once=True)
        if done.errors:
            raise RuntimeError(f"CKAN refused {done.errors} datasets: {done.refused}")
        self.public = [package["name"] for package in packages]

    def register(self, contents: Sequence[Mapping[str, Any]]) -> Sequence[Request]:
        """Each entry as a new dataset."""
        return [Request("POST", f"{ACTION}package_create", self._package(content)) for content in contents]

    def read(self) -> Sequence[Request]:
        """Every announced dataset by name."""
        return [Request("GET", f"{ACTION}package_show?id={quote(name)}") for name in self.public]

    def list(self) -> Sequence[Request]:
        """The first 50 announced datasets, in a fixed order."""
        return [Request("GET", f"{ACTION}package_search?rows=50&sort=id+asc")]

    def move(self, most: int) -> Sequence[Request]:
        """Each dataset that is private made public."""
        private: builtins.list[str] = []
        while len(private) < most:
            asked = {"fq": "capacity:private", "include_private": True, "sort": "name asc", "fl": ["name"]}
            found = self._call("package_search", rows=PAGE, start=len(private), **asked)
            private += [row["name"] for row in found["results"]]
            if len(found["results"]) < PAGE:
                break
        return [
            Request("POST", f"{ACTION}package_patch", {"id": n, "private": False}) for n in private[:most]
        ]

    def _call(self, action: str, **body: Any) -> Any:
        headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.url}{ACTION}{action}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)["result"]

    def _package(self, content: Mapping[str, Any]) -> dict[str, Any]:
        apart = {"resource_name", "resource_abstract", "keywords", "items"}
        return {
            "name": f"entry-{os.getpid()}-{next(self.numbers)}",
            "title": content.get("resource_name", ""),
            "notes": content.get("resource_abstract", ""),
            "owner_org": AGENCY,
            "private": True,
            "tags": [
                {"name": word} for word in dict.fromkeys(content.get("keywords") or ()) if _is_tag(word)
            ],
            "extras": [{"key": k, "value": _text(v)} for k, v in content.items() if k not in apart],
            "resources": [_resource(item) for item in content.get("items") or ()],
        }


def _resource(item: Mapping[str, Any]) -> dict[str, Any]:
    more = {key: _text(value) for key, value in item.items() if key != "item_name"}
    return {"name": item.get("item_name", ""), "format": "库表"} | more


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_tag(word: str) -> bool:
    return bool(re.fullmatch(r"[\w .-]{2,100}", word))
