"""What ``bench.scan`` times: every task maps a frame that has been written before and times its own work alone."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bench.scan_data import dense, people, sparse
from catalog_specs import load

BATCH = 65_536
FRAMES: Mapping[str, Callable[[int], Any]] = {"dense": dense, "sparse": sparse}
ONE_PATTERN = ("id_card_18", "mobile")


class Done(NamedTuple):
    """What a task took, in seconds of the clock and of all its cores together, and what it found."""

    wall: float
    cpu: float
    found: float

    def scaled(self, factor: float) -> "Done":
        """The same for so many times as much."""
        return Done(*(figure * factor for figure in self))


Task = Callable[[Path], Done]


def write_frames(folder: Path, rows: int) -> dict[str, Path]:
    """The frames as Arrow files, the dense one as CSV and Parquet too."""
    import pyarrow.csv
    import pyarrow.parquet

    paths = {}
    for name, make in {**FRAMES, "people": people}.items():
        paths[name] = folder / f"{name}.arrow"
        with pa.OSFile(str(paths[name]), "wb") as sink, pa.ipc.new_file(sink, make(1).schema) as writer:
            writer.write_table(make(rows).combine_chunks(), max_chunksize=BATCH)
    whole = mapped(paths["dense"])
    paths["csv"], paths["parquet"] = folder / "dense.csv", folder / "dense.parquet"
    pyarrow.csv.write_csv(whole, paths["csv"])
    pyarrow.parquet.write_table(whole, paths["parquet"])
    return paths


def mapped(path: Path) -> Any:
    """A written frame, mapped into memory."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def cell_detectors() -> list[dict[str, str]]:
    """Key, pattern and check of every detector that looks into cells."""
    known = load().desensitization.detectors
    return [{"key": d.key, "pattern": d.pattern, "check": d.check} for d in known if d.applies_to == "cell"]


@contextmanager
def timed() -> Iterator[list[float]]:
    """A list that holds the seconds of the clock and of the cores when it is over."""
    spent: list[float] = []
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent += [time.perf_counter() - wall, time.process_time() - cpu]


def detectors(path: Path) -> Done:
    """All detectors over every cell, the columns judged."""
    from validators.detectors import ColumnScanner, engine_of, judge_columns
    from validators.scanned import ColumnAsked

    table, engine = mapped(path), engine_of(load())
    with timed() as spent:
        scanners = [ColumnScanner(engine, ColumnAsked(name)) for name in table.column_names]
        for batch in table.to_batches():
            for scanner, values in zip(scanners, batch.columns, strict=True):
                scanner.feed(values)
        judged = judge_columns(scanners, about_people=None)
    return Done(*spent, sum(f.hits for column in judged for f in column.found if f.confidence != "L"))


def whole_scan(path: Path) -> Done:
    """A whole scan for open type 2: detectors, masks, hashes, k."""
    from validators.scan import Scan
    from validators.scanned import ColumnAsked

    specs, table = load(), mapped(path)
    with timed() as spent:
        scan = Scan(specs, [ColumnAsked(name) for name in table.column_names], open_type="2")
        for batch in table.to_batches():
            scan.feed(batch)
        result = scan.result()
    return Done(*spent, result.residual)


def one_pattern(path: Path) -> Done:
    """The bare engine below ours: one alternation of two patterns, no check digit, no bounds."""
    table = mapped(path)
    patterns = {row["key"]: row["pattern"] for row in cell_detectors()}
    pattern = "|".join(f"(?:{patterns[key]})" for key in ONE_PATTERN)
    with timed() as spent:
        found = sum(pc.sum(pc.match_substring_regex(c, pattern)).as_py() or 0 for c in table.columns)
    return Done(*spent, found)


def pandas_passes(path: Path) -> Done:
    """One pandas ``str.contains`` a detector and column: patterns alone. A tenth of the rows, scaled."""
    import pandas

    whole = mapped(path)
    frame = whole.slice(0, whole.num_rows // 10 + 1).to_pandas().astype(pandas.StringDtype("pyarrow"))
    patterns, hits = [row["pattern"] for row in cell_detectors()], 0
    with timed() as spent:
        for name in frame:
            found = [frame[name].str.contains(pattern, regex=True) for pattern in patterns]
            hits += int(pandas.concat(found, axis=1).any(axis=1).sum())
    return Done(*spent, hits).scaled(whole.num_rows / len(frame))


def read_ours(path: Path) -> Done:
    """Read by our source, nothing scanned; digests are counted on the way."""
    from registry.sources import open_file

    specs = load()
    with timed() as spent:
        source = open_file(path, specs)
        read = sum(batch.num_rows for batch in source.batches())
    return Done(*spent, read)


def read_pandas_csv(path: Path) -> Done:
    """pandas with the engine of Arrow, all columns text."""
    import pandas

    with timed() as spent:
        read = len(pandas.read_csv(path, dtype=str, engine="pyarrow"))
    return Done(*spent, read)


def read_arrow_parquet(path: Path) -> Done:
    """The bare reader of Parquet."""
    import pyarrow.parquet

    with timed() as spent:
        read = pyarrow.parquet.read_table(path).num_rows
    return Done(*spent, read)


def k_ours(path: Path) -> Done:
    """Ours over batches, as a scan feeds them."""
    from validators.anonymity import GroupCounter

    table, limit = mapped(path), load().scanning.anonymity.most_classes
    with timed() as spent:
        counter = GroupCounter(table.column_names, (), limit)
        for batch in table.to_batches():
            counter.feed(dict(zip(table.column_names, batch.columns, strict=True)))
        classes = counter.classes()
    return Done(*spent, classes.k if classes else 0)


def k_pandas(path: Path) -> Done:
    """The smallest group of a pandas group-by."""
    frame = mapped(path).to_pandas()
    with timed() as spent:
        k = frame.groupby(list(frame), sort=False, observed=True).size().min()
    return Done(*spent, float(k))


SCANNERS: Mapping[str, Task] = {
    "detectors": detectors,
    "whole scan": whole_scan,
    "pyarrow, one pattern": one_pattern,
    "pandas, a pass a detector": pandas_passes,
}
READERS: Mapping[str, Task] = {
    "mulu csv": read_ours,
    "mulu parquet": read_ours,
    "pandas csv": read_pandas_csv,
    "pyarrow parquet": read_arrow_parquet,
}
K_TASKS: Mapping[str, Task] = {"mulu": k_ours, "pandas groupby": k_pandas}
