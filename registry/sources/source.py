"""A source of data: its columns, and its rows as batches of Arrow, read once and never held whole."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from registry.keys import digest_of
from registry.sources.problems import SourceProblem, SourceUnreadable, Teller

Kind = Literal["csv", "xlsx", "parquet", "jsonl", "table", "frame"]


@dataclass
class Source:
    """One file, table or frame. Every column of a batch is ``pa.string()``; null means an empty cell.

    ``name`` holds no credentials. ``sha256``, ``sm3`` and ``size`` are of the file's bytes as they lie there and
    known when ``batches`` is exhausted; None for tables and frames. ``schema_digest`` is the SHA-256 of names and
    types, of a view also of its definition, of a query also of its text. ``complete`` is True only when every row
    was read. ``total_bytes`` and ``done_bytes`` tell how far the reading is, ``done_rows`` the rows given; a table
    has 0 bytes.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    schema_digest: str
    tell: Teller
    read: Callable[["Source"], Iterator[pa.RecordBatch]]
    total_bytes: int = 0
    opening: Sequence[SourceProblem] = ()
    sha256: str | None = None
    sm3: str | None = None
    size: int | None = None
    done_bytes: int = 0
    done_rows: int = 0
    problems: list[SourceProblem] = field(default_factory=list)
    complete: bool = False

    def __post_init__(self) -> None:
        self.problems = list(self.opening)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; begins anew each time it is called."""
        self.problems = list(self.opening)
        self.complete, self.done_bytes, self.done_rows = False, 0, 0
        schema = schema_of(self.columns)
        for batch in self.read(self):
            if batch.num_rows:
                self.done_rows += batch.num_rows
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        self.complete = not any(problem.unseen for problem in self.problems)

    def report(self, key: str, **params: object) -> None:
        """Note a problem by its key in the messages of scanning.yaml."""
        self.problems.append(self.tell.problem(key, **params))


def schema_of(columns: Iterable[str]) -> pa.Schema:
    """Columns of text; names may stand twice."""
    return pa.schema([pa.field(name, pa.string()) for name in columns])


def shape_of(columns: Iterable[tuple[str, str]], definition: str = "") -> str:
    """SHA-256 of names and types in order, and of what defines a view or a query."""
    return digest_of({"columns": [list(column) for column in columns], "definition": definition})


def refusal(probe: Source, key: str) -> SourceUnreadable:
    """The error for a file whose beginning tells nothing: ``key``, unless something ended it early."""
    for problem in probe.problems:
        if problem.key == "mixed_encoding":
            return probe.tell.refuse("encoding_unknown", **problem.params)
        if problem.key in ("broken", "unpacked"):
            return probe.tell.refuse("damaged", value=probe.kind.upper())
    return probe.tell.refuse(key)


@dataclass
class Listed:
    """Rows that are told one by one up to ``most``, the others only counted."""

    most: int
    first: list[int] = field(default_factory=list)
    count: int = 0

    def add(self, row: int) -> None:
        self.count += 1
        if len(self.first) < self.most:
            self.first.append(row)

    def __str__(self) -> str:
        more = "…" if self.count > len(self.first) else ""
        return "、".join(map(str, self.first)) + more
