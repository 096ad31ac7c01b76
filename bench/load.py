"""Requests sent by wrk (a load tool in C) from a file of them, so that every request is another one.

Needs ``apt-get install wrk``. Each client is one connection that asks again as soon as it is answered.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

SCRIPT = Path(__file__).with_name("load.lua")
TIMEOUT = 30


class Request(NamedTuple):
    """One request; ``body`` is sent as JSON."""

    method: str
    path: str
    body: Any = None

    @property
    def line(self) -> str:
        body = "" if self.body is None else json.dumps(self.body, ensure_ascii=False)
        return f"{self.method}\t{self.path}\t{body}\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run. ``errors`` are answers that are not 2xx and connections that broke or timed out."""

    seconds: float
    answers: int
    errors: int
    p50: float
    p95: float
    refused: str

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return max(self.answers - self.errors, 0) / self.seconds if self.seconds else 0.0


def missing_tool() -> str:
    """How to get the load tool, when this machine has none."""
    return "" if shutil.which("wrk") else "wrk is missing: apt-get install wrk"


def send(
    url: str,
    requests: Sequence[Request],
    *,
    clients: int,
    seconds: float,
    authorization: str = "",
    once: bool = False,
) -> Load:
    """Send ``requests`` from ``clients`` connections for some seconds: round and round, or each ``once``."""
    with tempfile.TemporaryDirectory(prefix="mulu-load-") as folder:
        path = Path(folder) / "requests"
        path.write_text("".join(request.line for request in requests), "utf-8")
        count = min(clients, len(requests))
        command = ["wrk", "-t", str(count), "-c", str(count), "-d", f"{max(round(seconds), 1)}s"]
        command += ["--timeout", f"{TIMEOUT}s", "-s", str(SCRIPT), url, "--", str(path)]
        environment = os.environ | {"LOAD_THREADS": str(count)}
        if authorization:
            environment["LOAD_AUTHORIZATION"] = authorization
        command += ["once"] if once else []
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return _load(json.loads(done.stdout.splitlines()[-1]))


def _load(told: dict[str, Any]) -> Load:
    times = sorted(microseconds / 1000 for microseconds in told["latencies"])
    bad = sum(count for status, count in told["statuses"].items() if not status.startswith("2"))
    p50, p95 = (_part(times, share) for share in (50, 95))
    return Load(told["seconds"], len(times), bad + told["broken"], p50, p95, told["refused"])


def _part(times: Sequence[float], percent: int) -> float:
    if len(times) < 2:
        return times[0] if times else 0.0
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]
