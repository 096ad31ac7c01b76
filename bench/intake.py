"""A workbook of 10,000 entries with 50,000 items: read and judged, beside the bare read, and given back annotated.

Run: ``python -m bench.intake [--entries 10000] [--rounds 3]``. Every measurement is a process of its own, so that
its peak memory is its own; rounds go in turn, so that a drifting machine meets all alike.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

DAY = date(2026, 11, 21)


def bare(path: Path) -> int:
    """The bare read with the fastest library: every cell of every sheet as a Python value."""
    import python_calamine

    with python_calamine.load_workbook(str(path)) as book:
        return sum(
            len(book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in book.sheet_names
        )


def pandas_read(path: Path) -> int:
    """The same through pandas, as most scripts read a workbook."""
    import pandas

    return sum(
        len(frame)
        for frame in pandas.read_excel(path, sheet_name=None, dtype=str, engine="calamine").values()
    )


def openpyxl_read(path: Path) -> int:
    """The same through openpyxl in its read-only mode."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    return sum(1 for sheet in book for _ in sheet.iter_rows(values_only=True))


def checked(path: Path) -> int:
    """Read and judged: what ``mulu check`` does before it prints."""
    from registry.checking import check_file
    from validators.case import Facts

    return len(check_file(path, facts=Facts(today=DAY), profile="zunyi_2020").assessments)


def annotated(path: Path) -> int:
    """Read, judged and given back with every finding in its place."""
    from registry.annotating import annotated_copy
    from registry.checking import check_file
    from validators.case import Facts

    found = check_file(path, facts=Facts(today=DAY), profile="zunyi_2020")
    return len(annotated_copy(found))


def registered(path: Path) -> int:
    """Read, judged and registered in a new SQLite database."""
    from datetime import UTC, datetime

    from registry.db import Database
    from registry.intake import import_workbook
    from registry.migrate import upgrade

    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/bench.sqlite3")
        upgrade(database)
        with database.write() as session:
            result = import_workbook(
                session, path, actor="bench", now=datetime.now(UTC), profile="zunyi_2020"
            )
        database.close()
    return result.counts["added"]


TASKS: dict[str, Callable[[Path], int]] = {
    "bare": bare,
    "pandas": pandas_read,
    "openpyxl": openpyxl_read,
    "check": checked,
    "annotate": annotated,
    "import": registered,
}


def one(task: str, path: Path) -> None:
    """Run one task in this process and print its figures."""
    started = time.perf_counter()
    answer = TASKS[task](path)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "memory": memory, "answer": answer}))


def measure(task: str, path: Path) -> dict[str, float]:
    """Run one task in a process of its own."""
    command = [sys.executable, "-m", "bench.intake", "--task", task, "--file", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Make the workbook, run all tasks in turn, print a table with ratios to the bare read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--task", choices=TASKS)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.task:
        one(options.task, options.file)
        return
    from catalog_specs import load
    from registry.export import write_xlsx
    from registry.synthetic import many

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "目录.xlsx"
        write_xlsx(many(options.entries, items=5), path, load("zunyi_2020"))
        print(f"{options.entries} entries, {options.entries * 5} items, {path.stat().st_size / 1e6:.1f} MB")
        figures: dict[str, list[dict[str, float]]] = {task: [] for task in TASKS}
        for _ in range(options.rounds):
            for task in TASKS:
                figures[task].append(measure(task, path))
    base = statistics.median(f["seconds"] for f in figures["bare"])
    print("| task | seconds (median) | x bare read | peak MB |\n|---|---|---|---|")
    for task, rows in figures.items():
        seconds = statistics.median(row["seconds"] for row in rows)
        memory = max(row["memory"] for row in rows)
        print(f"| {task} | {seconds:.2f} | {seconds / base:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
