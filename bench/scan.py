"""A million rows of 8 columns scanned, beside Presidio, pandas and one bare pattern; k beside pycanon.

Run: python -m bench.scan [--rows 1000000] [--rounds 3] [--no-peers]

The frames are made and written first; every measurement is a process of its own that maps the frame into memory and
is timed without it, so that reading is timed apart. The engines take turns within a round; the best round counts.
Presidio and pycanon work in environments of their own, made in bench/out on the first run.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.scan_oracle import ask
from bench.scan_tasks import FRAMES, K_TASKS, READERS, SCANNERS, cell_detectors, mapped, write_frames

PEER_CELLS = 20_000
# pycanon needs a minute for a million rows: asked for fewer and scaled, as Presidio is
PEER_ROWS = 100_000
TARGETS = {"dense": 1.0, "sparse": 3.0}


class Run(NamedTuple):
    """One run: seconds of the work alone, what it found, the greatest memory of its process in MB."""

    seconds: float
    found: float
    memory: float


def child(task: str, path: Path) -> None:
    """Run one task in this process and print its figures."""
    seconds, found = {**SCANNERS, **READERS, **K_TASKS}[task](path)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, found, memory]))


def in_child(task: str, path: Path) -> Run:
    """Run one task in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.scan", "--child", task, "--file", str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Run(*json.loads(done.stdout.splitlines()[-1]))


def presidio(path: Path) -> Run:
    """Presidio over the first cells of a frame, seconds scaled to the whole of it."""
    table = mapped(path)
    rows = min(PEER_CELLS // table.num_columns, table.num_rows)
    cells = [cell for column in table.slice(0, rows).columns for cell in column.to_pylist()]
    answer = ask("presidio", {"detectors": cell_detectors(), "cells": cells})
    scale = table.num_rows * table.num_columns / len(cells)
    return Run(answer["seconds"] * scale, answer["found"] * scale, 0)


def pycanon(path: Path) -> Run:
    """pycanon's k over the first rows, seconds scaled to the whole."""
    table = mapped(path)
    part = table.slice(0, min(PEER_ROWS, table.num_rows))
    asked = {"columns": part.to_pydict(), "quasi": part.column_names, "sensitive": []}
    answer = ask("pycanon", [asked])[0]
    return Run(answer["seconds"] * table.num_rows / part.num_rows, answer["k"], 0)


def report_scans(runs: dict[tuple[str, str], list[Run]], rows: int) -> None:
    """Frames by engines, in millions of cells a second."""
    print("| frame | engine | million cells/s | × mulu | target | cells found | peak MB |")
    print("|---|---|--:|--:|---|--:|--:|")
    for (frame, engine), listed in runs.items():
        best = min(listed)
        speed = rows * 8 / best.seconds / 1e6
        ratio = min(runs[frame, "detectors"]).seconds / best.seconds
        target = _met(frame, speed) if engine == "detectors" else ""
        memory = f"{best.memory:,.0f}" if best.memory else ""
        print(f"| {frame} | {engine} | {speed:.3f} | {ratio:.4f} | {target} | {best.found:,.0f} | {memory} |")


def _met(frame: str, speed: float) -> str:
    return f"{'met' if speed >= TARGETS[frame] else 'missed'}: {TARGETS[frame]:.0f}"


def report_rest(runs: dict[str, list[Run]], rows: int, heading: str) -> None:
    """Tasks of one kind with their seconds."""
    print(f"\n| {heading} | seconds | million rows/s | answer | peak MB |\n|---|--:|--:|--:|--:|")
    for task, listed in runs.items():
        best = min(listed)
        print(
            f"| {task} | {best.seconds:.3f} | {rows / best.seconds / 1e6:.2f} | {best.found:,.0f} | {best.memory:,.0f} |"
        )


def measure(folder: Path, rows: int, rounds: int, peers: bool) -> None:
    """Write the frames, let all take turns, print the tables."""
    paths = write_frames(folder, rows)
    scans: dict[tuple[str, str], list[Run]] = defaultdict(list)
    reads: dict[str, list[Run]] = defaultdict(list)
    ks: dict[str, list[Run]] = defaultdict(list)
    for _ in range(rounds):
        for frame in FRAMES:
            for task in SCANNERS:
                scans[frame, task].append(in_child(task, paths[frame]))
            if peers:
                scans[frame, f"presidio-analyzer 2.2.366, {PEER_CELLS:,} cells, scaled"].append(
                    presidio(paths[frame])
                )
        for task in READERS:
            reads[task].append(in_child(task, paths[task.rpartition(" ")[2]]))
        for task in K_TASKS:
            ks[task].append(in_child(task, paths["people"]))
    if peers:
        ks[f"pycanon 1.3.5, {min(PEER_ROWS, rows):,} rows, scaled"].append(pycanon(paths["people"]))
    report_scans(scans, rows)
    report_rest(reads, rows, "reading the dense frame alone")
    report_rest(ks, rows, "k over 4 columns")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the rounds and print the report, or (``--child``) one task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--child", choices=[*SCANNERS, *READERS, *K_TASKS], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options: Any = parser.parse_args(arguments)
    if options.child:
        child(options.child, options.file)
        return
    print(
        f"{options.rows:,} rows, best of {options.rounds}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.rows, options.rounds, not options.no_peers)


if __name__ == "__main__":
    main()
