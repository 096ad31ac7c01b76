"""The REST API under 1 and 8 clients, on SQLite and on PostgreSQL, beside a real CKAN under the same tool.

Run: python -m bench.api [--no-ckan] [--seconds N] [--workers N]

Needs ``apt-get install wrk postgresql`` and, for CKAN, ``redis-server`` (CKAN itself is installed on the first run).
All servers are up during the whole run and take turns, so that a drifting machine meets all alike. Nothing is sent
twice where a repetition would be another thing: every entry has its own name, every draft is moved once.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from bench import ckan, server
from bench.load import Load, Request, missing_tool, send
from tests import postgres

CLIENTS = (1, 8)
TASKS = {"register": "register an entry", "read": "read one", "list": "list 50", "move": "a move"}
ONCE = ("register", "move")
WARM = 1.0
# more than any server here answers in a second: what is sent once must not run out
MOST_RATE = 800
DRAFTERS = 4
TIMES_CKAN = 4
# milliseconds at the 95th percentile
LATEST = {"list": 250.0, "read": 100.0, "register": 100.0, "move": 100.0}
Target = server.Mulu | ckan.Ckan


class Run(NamedTuple):
    """One measurement, or the reason why there is none."""

    task: str
    clients: int
    name: str
    load: Load | None
    why_not: str = ""


def requests_of(target: Target, task: str, seconds: float, ours: server.Mulu) -> Sequence[Request]:
    """A task's requests, the same work for everyone."""
    if task == "read":
        return target.read()
    if task == "list":
        return target.list()
    most = int(seconds * MOST_RATE)
    fresh = target.register(ours.contents(most))
    if task == "register":
        return fresh
    # drafts of earlier measurements have been moved, or are too few
    authorization = target.authorization
    send(target.url, fresh, clients=DRAFTERS, seconds=seconds, authorization=authorization, once=True)
    return target.move(most)


def measure(target: Target, task: str, clients: int, seconds: float, ours: server.Mulu) -> Run:
    """One task on one server. What the server refuses at the first request is not measured."""
    requests = requests_of(target, task, seconds, ours)
    if task in ONCE and len(requests) <= clients:
        return Run(task, clients, target.name, None, "nothing to send: no drafts were registered")
    if isinstance(target, server.Mulu):
        first = target.ask(requests[0])
        if first.status // 100 != 2:
            return Run(task, clients, target.name, None, _refusal(requests[0], first))
        requests = requests[1:] if task in ONCE else requests
    if task not in ONCE:
        requests = list(requests) * (1 + clients // len(requests))
        send(target.url, requests, clients=clients, seconds=WARM, authorization=target.authorization)
    load = send(
        target.url,
        requests,
        clients=clients,
        seconds=seconds,
        authorization=target.authorization,
        once=task in ONCE,
    )
    return Run(task, clients, target.name, load)


def _refusal(request: Request, answer: server.Answer) -> str:
    detail = answer.body.get("detail", "") if isinstance(answer.body, dict) else ""
    return f"{request.method} {request.path.partition('?')[0]} answers {answer.status} {detail}"


def report(runs: Sequence[Run]) -> None:
    """The Markdown table, then what was not measured and what was refused."""
    print("| task | clients | server | answers/s | × CKAN | p50 ms | p95 ms | answers | errors | target |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|---|")
    for run in runs:
        if run.load is not None:
            print(_row(run, next((r.load for r in runs if _is_peer_of(r, run)), None)))
    for run in runs:
        if run.load is None:
            print(f"\nNot measured: {TASKS[run.task]}, {run.clients} clients, {run.name}: {run.why_not}")
        elif run.load.errors:
            print(f"\nNo measurement, for it has errors: {TASKS[run.task]}, {run.name}: {run.load.refused}")


def _is_peer_of(other: Run, run: Run) -> bool:
    return (other.task, other.clients, other.name) == (run.task, run.clients, ckan.Ckan.name)


def _row(run: Run, peer: Load | None) -> str:
    load = run.load
    assert load is not None
    times = load.rate / peer.rate if peer and peer.rate else None
    met = "" if run.name == ckan.Ckan.name else _met(run, load, times)
    ratio = f"{times:.1f}" if times is not None else "–"
    speed = (
        f"{load.rate:,.0f} | {ratio} | {load.p50:.1f} | {load.p95:.1f} | {load.answers:,} | {load.errors:,}"
    )
    return f"| {TASKS[run.task]} | {run.clients} | {run.name} | {speed} | {met} |"


def _met(run: Run, load: Load, times: float | None) -> str:
    """Which of the targets are missed: errors none, four times CKAN, the latest answer at 8 clients."""
    missed = ["errors"] if load.errors else []
    missed += [f"× {TIMES_CKAN}"] if times is not None and times < TIMES_CKAN else []
    missed += [f"p95 {LATEST[run.task]:.0f}"] if load.p95 > LATEST[run.task] else []
    return f"missed: {', '.join(missed)}" if missed else "met"


def start(stack: ExitStack, folder: Path, *, with_ckan: bool, workers: int) -> list[Target]:
    """Every server, ours on both databases first."""
    url = postgres.new_database(stack.enter_context(postgres.server()))
    databases = {"mulu, SQLite": f"sqlite:///{folder / 'mulu.sqlite3'}", "mulu, PostgreSQL": url}
    targets: list[Target] = []
    contents: Sequence[dict[str, Any]] = ()
    for number, (name, address) in enumerate(databases.items()):
        ours = stack.enter_context(server.running(name, address, folder / str(number), workers=workers))
        contents = ours.prepare()
        targets.append(ours)
    if with_ckan:
        peer = stack.enter_context(ckan.running(folder / "ckan", workers=workers))
        peer.prepare(contents)
        targets.append(peer)
    return targets


def run_all(targets: Sequence[Target], seconds: float, tell: Callable[[str], None]) -> list[Run]:
    """Every task at every number of clients, the servers taking turns."""
    ours = next(target for target in targets if isinstance(target, server.Mulu))
    runs = []
    for task, named in TASKS.items():
        for clients in CLIENTS:
            for target in targets:
                tell(f"{named}, {clients} clients, {target.name}")
                runs.append(measure(target, task, clients, seconds, ours))
    return runs


def main() -> None:
    """Start everything, run, print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of each server")
    parser.add_argument("--no-ckan", action="store_true")
    options = parser.parse_args()
    if missing := missing_tool():
        parser.error(missing)
    with ExitStack() as stack:
        # PostgreSQL and CKAN run as users of their own, who must be able to pass
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mulu-api-")))
        folder.chmod(0o755)
        targets = start(stack, folder, with_ckan=not options.no_ckan, workers=options.workers)
        ours = [target for target in targets if isinstance(target, server.Mulu)]
        runs = run_all(targets, options.seconds, lambda text: print(text, file=sys.stderr))
    print(
        f"{options.seconds:.0f} s each, Python {platform.python_version()}, {os.cpu_count()} cores, wrk, ",
        end="",
    )
    print(f"{ours[0].workers} process(es) of ours, {options.workers} of CKAN (gunicorn, sync)")
    print(f"Load average at the end: {os.getloadavg()[0]:.1f}; both PostgreSQL servers without fsync\n")
    report(runs)


if __name__ == "__main__":
    main()
