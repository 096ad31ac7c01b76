"""Judging 100,000 entries by every rule, beside peers that check the same entries' fields alone.

Run: python -m bench.assess [--entries 100000] [--rounds 3] [--no-peers]

Every engine works in a process of its own, so that its memory is its own; they take turns within a round.
Making the entries is not timed, nor is bringing them into a peer's own form (it is shown apart).
"""

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from bench.peers import PEERS, Peer
from catalog_specs import Specs, load

OURS = "mulu"
ITEMS = 5
PROFILE = "zunyi_2020"
TODAY = date(2026, 1, 1)
PACKAGES = {"pydantic": "pydantic", "jsonschema-rs": "jsonschema-rs", "pandera": "pandera"}
PACKAGES["Great Expectations"] = "great_expectations"
# a rule that these decide looks at one field by itself
FIELD_CHECKERS = frozenset(
    {
        "required",
        "items_required",
        "known_code",
        "shape",
        "lengths",
        "patterns",
        "numbers",
        "dates",
        "past_date",
    }
    | {
        "known_keys",
        "record_parts",
        "code_shape",
        "credit_code",
        "grade_present",
        "impact_known",
        "secret_content",
    }
)


class Measured(NamedTuple):
    """One run of one engine: seconds, findings, memory in MB (with the entries alone, and at the most)."""

    prepare: float
    cpu: float
    wall: float
    findings: int
    items: int
    data_mb: float
    peak_mb: float


def ours(specs: Specs) -> Peer:
    """All rules with all facts, the entries of the file known to each other."""
    from validators.assess import assess_all, engine_of
    from validators.case import Facts

    engine_of(specs)

    def prepare(entries: Any) -> Any:
        kinds = {str(content.get("provider_code")): "政府部门" for content in entries}
        systems = {str(content.get("source_system_id")): "业务系统" for content in entries}
        return entries, Facts(today=TODAY, codes=frozenset(), agency_kinds=kinds, systems=systems)

    def check(data: Any) -> int:
        return sum(len(a.findings) for a in assess_all(data[0], specs, facts=data[1]))

    return Peer(prepare, check)


def measure(engine: str, count: int) -> Measured:
    """One run in this process."""
    from registry.synthetic import many

    specs = load(PROFILE)
    entries = list(many(count, items=ITEMS))
    items = sum(len(content.get("items", ())) for content in entries)
    peer = (ours if engine == OURS else PEERS[engine])(specs)
    data_mb = memory()
    started = time.perf_counter()
    data = peer.prepare(entries)
    prepared = time.perf_counter() - started
    gc.collect()
    gc.freeze()  # for every engine alike: what is judged is no garbage of the judge
    wall, cpu = time.perf_counter(), time.process_time()
    findings = peer.check(data)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Measured(prepared, cpu, wall, findings, items, data_mb, memory())


def memory() -> float:
    """The greatest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_child(engine: str, count: int) -> Measured:
    """One run in a process of its own."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "bench.assess",
        "--child",
        engine,
        "--entries",
        str(count),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def single() -> float:
    """Milliseconds for one entry alone: the median of 1,000 calls, each with another entry."""
    from registry.synthetic import many
    from validators.assess import assess
    from validators.case import Facts

    specs, facts, times = load(PROFILE), Facts(today=TODAY), []
    for content in many(1100, seed=2, items=ITEMS):
        started = time.perf_counter()
        assess(content, specs, facts=facts)
        times.append(time.perf_counter() - started)
    return statistics.median(times[100:]) * 1000


def rule_counts(specs: Specs) -> tuple[int, int]:
    """How many rules an assessment decides, and how many of them look at more than one field."""
    decided = [rule for rule in specs.rules.values() if rule.checks]
    across = [r for r in decided if any(check.checker not in FIELD_CHECKERS for check in r.checks)]
    return len(decided), len(across)


def report(runs: dict[str, list[Measured]], count: int) -> None:
    """The Markdown table; ``entries/s`` is per second of one core's time."""
    print("| engine | decides | entries/s | items/s | × ours | wall s | prepare s | findings | peak MB |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    base = statistics.median(run.cpu for run in runs[OURS])
    for engine, listed in runs.items():
        cpu, wall = (statistics.median(getattr(run, key) for run in listed) for key in ("cpu", "wall"))
        prepare, peak = (statistics.median(getattr(r, key) for r in listed) for key in ("prepare", "peak_mb"))
        what = "fields, cross-field rules, needs, grade" if engine == OURS else "fields"
        speed = f"{count / cpu:,.0f} | {listed[0].items / cpu:,.0f} | {base / cpu:.2f}"
        rest = f"{wall:.1f} | {prepare:.1f} | {listed[0].findings:,} | {peak:,.0f}"
        print(f"| {named(engine)} | {what} | {speed} | {rest} |")


def named(engine: str) -> str:
    """The engine with its version."""
    return f"{engine} {importlib.metadata.version(PACKAGES.get(engine, engine))}"


def processor() -> str:
    """The processor's name where the system tells it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text("utf-8").splitlines() if listed.is_file() else []
    found = next((line for line in lines if line.startswith("model name")), "")
    return found.partition(":")[2].strip() or platform.machine()


def main() -> None:
    """Run the rounds and print the report, or (``--child``) one run of one engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--child", choices=[OURS, *PEERS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.entries)))
        return
    engines = [OURS] if options.no_peers else [OURS, *PEERS]
    runs: dict[str, list[Measured]] = {engine: [] for engine in engines}
    for _ in range(options.rounds):
        for engine in engines:
            runs[engine].append(in_child(engine, options.entries))
    decided, across = rule_counts(load(PROFILE))
    print(f"{options.entries:,} entries, {runs[OURS][0].items:,} items, median of {options.rounds} rounds")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {processor()}\n")
    report(runs, options.entries)
    print(f"\nThe entries alone take {runs[OURS][0].data_mb:,.0f} MB of each peak.")
    print(f"{OURS} decides {decided} rules, {across} of which look at more than one field.")
    print(f"One entry by itself: {single():.3f} ms (median of 1,000).")


if __name__ == "__main__":
    main()
