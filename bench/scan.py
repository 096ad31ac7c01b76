"""A million rows of 8 columns scanned, beside Presidio, pandas and one bare pattern; k beside pycanon.

Run: python -m bench.scan [--rows 1000000] [--rounds 3] [--no-peers]

The frames are made and written first; every measurement is a process of its own that maps the frame into memory and
is timed without it, so that reading is timed apart. The engines take turns within a round; the best round counts.
Speeds are for a second of one core, so that neighbours on the machine matter less; the clock's seconds stand beside.
Presidio and pycanon work in environments of their own, made in bench/out on the first run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.scan_oracle import ask
from bench.scan_tasks import FRAMES, K_TASKS, READERS, SCANNERS, cell_detectors, mapped, write_frames

PRESIDIO, PYCANON = "presidio-analyzer 2.2.366", "pycanon 1.3.5"
PEER_CELLS = 20_000
# pycanon needs a minute for a million rows: asked for fewer and scaled, as Presidio is
PEER_ROWS = 100_000
TARGETS = {"dense": 1.0, "sparse": 3.0}


class Run(NamedTuple):
    """One run: the work alone, in seconds of cores and of the clock; what it found; its process' peak memory in MB."""

    cpu: float
    wall: float
    found: float
    memory: float = 0


def child(task: str, path: Path) -> None:
    """Run one task in this process and print its figures."""
    # pyarrow imports it on first need: a second that no task should be charged with
    import pandas  # noqa: F401

    done = {**SCANNERS, **READERS, **K_TASKS}[task](path)
    print(json.dumps([done.cpu, done.wall, done.found, peak_memory()]))


def peak_memory() -> float:
    """The greatest resident memory of this program so far in MB; the parent's, which a fork inherits, is not in it."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


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
    return Run(*(answer[key] * scale for key in ("cpu", "wall", "found")))


def pycanon(path: Path) -> Run:
    """pycanon's k over the first rows, seconds scaled to the whole."""
    table = mapped(path)
    part = table.slice(0, min(PEER_ROWS, table.num_rows))
    asked = {"columns": part.to_pydict(), "quasi": part.column_names, "sensitive": []}
    answer = ask("pycanon", [asked])[0]
    scale = table.num_rows / part.num_rows
    return Run(answer["cpu"] * scale, answer["wall"] * scale, answer["k"])


def report_scans(runs: dict[tuple[str, str], list[Run]], rows: int) -> None:
    """Frames by engines, in millions of cells for a second of one core."""
    print("| frame | engine | million cells/s | × mulu | target | wall s | cells found | peak MB |")
    print("|---|---|--:|--:|---|--:|--:|--:|")
    for (frame, engine), listed in runs.items():
        best = min(listed)
        speed, ratio = rows * 8 / best.cpu / 1e6, min(runs[frame, "detectors"]).cpu / best.cpu
        target = _met(frame, speed) if engine == "detectors" else ""
        rest = f"{target} | {best.wall:,.1f} | {best.found:,.0f} | {_megabytes(best)}"
        print(f"| {frame} | {engine} | {speed:.3f} | {ratio:.4f} | {rest} |")


def _met(frame: str, speed: float) -> str:
    return f"{'met' if speed >= TARGETS[frame] else 'missed'}: {TARGETS[frame]:.0f}"


def _megabytes(run: Run) -> str:
    return f"{run.memory:,.0f}" if run.memory else ""


def report_rest(runs: dict[str, list[Run]], rows: int, heading: str) -> None:
    """Tasks of one kind with their seconds."""
    print(f"\n| {heading} | core s | wall s | million rows/s | answer | peak MB |\n|---|--:|--:|--:|--:|--:|")
    for task, listed in runs.items():
        best = min(listed)
        speed = f"{rows / best.cpu / 1e6:.2f}"
        print(
            f"| {task} | {best.cpu:.3f} | {best.wall:.3f} | {speed} | {best.found:,.0f} | {_megabytes(best)} |"
        )


def measure_scans(paths: Mapping[str, Path], rows: int, rounds: int, peers: bool) -> None:
    """All scanners of both frames in turns, and their table."""
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for _ in range(rounds):
        for frame in FRAMES:
            for task in SCANNERS:
                runs[frame, task].append(in_child(task, paths[frame]))
            if peers:
                runs[frame, f"{PRESIDIO}, {PEER_CELLS:,} cells, scaled"].append(presidio(paths[frame]))
    report_scans(runs, rows)


def measure_rest(paths: Mapping[str, Path], rows: int, rounds: int, peers: bool) -> None:
    """Readers in turns, then the counts of k, and their tables."""
    reads: dict[str, list[Run]] = defaultdict(list)
    ks: dict[str, list[Run]] = defaultdict(list)
    for _ in range(rounds):
        for task in READERS:
            reads[task].append(in_child(task, paths[task.rpartition(" ")[2]]))
    report_rest(reads, rows, "reading the dense frame alone")
    for _ in range(rounds):
        for task in K_TASKS:
            ks[task].append(in_child(task, paths["people"]))
        if peers:
            ks[f"{PYCANON}, {min(PEER_ROWS, rows):,} rows, scaled"].append(pycanon(paths["people"]))
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
        paths, peers = write_frames(Path(folder), options.rows), not options.no_peers
        measure_scans(paths, options.rows, options.rounds, peers)
        measure_rest(paths, options.rows, options.rounds, peers)


if __name__ == "__main__":
    main()
