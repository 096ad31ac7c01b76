"""CSV of any size: Arrow reads blocks of UTF-8, whatever the file's encoding, and tells of rows that do not fit."""

import atexit
import csv
import io
import re
import secrets
import string
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from catalog_specs import Specs
from catalog_specs.law_scanning import Inputs
from registry.sources.file_bytes import HashedFile, Unpacked
from registry.sources.headers import named
from registry.sources.problems import Teller
from registry.sources.source import Listed, Source, refusal, shape_of
from registry.sources.text_stream import Bytes, Encoding, Utf8Stream, encoding_of

_CHUNK = 1 << 16
# Arrow's threads let go of a file some time after its last byte. Were theirs the last hold on it, they would need
# Python for that, and a process that ends at this moment is aborted; so the last files are held here.
_KEPT: deque[pa.PythonFile] = deque(maxlen=16)
# what is being read when the process ends is read to its (early) end first, for the same reason
_OPEN: "weakref.WeakSet[_Reader]" = weakref.WeakSet()
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r(?=[^\n])|\n)")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SEPARATOR = re.compile(rb"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True)
class _Layout:
    """How the file is written: where its rows begin (in bytes of UTF-8, and as a line), and what parts cells."""

    encoding: Encoding
    delimiter: str
    width: int
    skip: int
    lines: int


def open_csv(path: Path, specs: Specs, *, packed: bool) -> Source:
    """A CSV file, comma, semicolon, tab or | between its cells, as a source.

    Raises:
        SourceUnreadable: it is empty, in no known encoding, or its header does not end.
    """
    inputs, tell = specs.scanning.inputs, Teller(specs.scanning.inputs, path.name)
    probe = Source(path.name, "csv", (), "", tell, lambda _: iter(()))
    with ExitStack() as stack:
        encoding = encoding_of(_opened(path, probe, inputs, stack, packed=packed), inputs, tell)
    with ExitStack() as stack:
        stream = Utf8Stream(_opened(path, probe, inputs, stack, packed=packed), encoding, probe, inputs)
        head = _Head(stream, probe, inputs)
    delimiter = head.separator or _delimiter(head.record, inputs)
    row = next(csv.reader(io.StringIO(head.record, newline=""), delimiter=delimiter))
    header = named(row, inputs, tell)
    skip, lines = (head.before, head.lines_before) if header.is_data else (head.after, head.lines_after)
    layout = _Layout(encoding, delimiter, len(row), skip, lines)

    def read(source: Source) -> Iterator[pa.RecordBatch]:
        return _rows(path, layout, source, inputs, packed=packed)

    digest = shape_of((name, "text") for name in header.names)
    size = path.stat().st_size
    return Source(path.name, "csv", header.names, digest, tell, read, size, header.problems)


def _opened(path: Path, source: Source, inputs: Inputs, stack: ExitStack, *, packed: bool) -> Bytes:
    file = stack.enter_context(HashedFile(path, source))
    return Unpacked(file, inputs.gzip_ratio) if packed else file


# ---- the header -------------------------------------------------------------------------------------------


class _Head:
    """The first row that is not blank: its text, and the bytes and lines before and after it.

    ``separator`` is what a line ``sep=;`` names, as Excel writes it. Raises SourceUnreadable where there is no row.
    """

    def __init__(self, stream: Utf8Stream, probe: Source, inputs: Inputs) -> None:
        self.stream, self.probe, self.inputs = stream, probe, inputs
        self.before = self.after = self.lines_before = self.lines_after = 0
        self.separator, self.data, self.ended = "", b"", False
        line = self._line()
        while line and not line.strip():
            line = self._pass_over(line)
        mark = _SEPARATOR.fullmatch(line)
        if mark:
            self.separator = mark.group(1).decode()
            line = self._pass_over(line)
        if not line.strip():
            raise refusal(self.probe, "no_header")
        while line.count(b'"') % 2:
            more = self._line(len(line))
            if not more:
                raise refusal(self.probe, "header_length")
            line += more
            self.lines_after += 1
        self.after, self.lines_after = self.before + len(line), self.lines_after + 1 + self.lines_before
        self.record = line.decode("utf-8")

    def _pass_over(self, line: bytes) -> bytes:
        self.before += len(line)
        self.lines_before += 1
        return self._line()

    def _line(self, already: int = 0) -> bytes:
        """The next line with its end; empty at the end of the text."""
        at = self.before + already
        while not (found := _LINE.match(self.data, at)) and not self.ended:
            more = self.stream.read(_CHUNK)
            self.ended = not more
            self.data += more
            if len(self.data) > self.inputs.row_bytes:
                raise self.probe.tell.refuse("header_length")
        return found.group() if found else self.data[at:]


def _delimiter(record: str, inputs: Inputs) -> str:
    """What stands most often between the cells of the header; a comma where nothing does."""
    bare = _QUOTED.sub("", record)
    return max(inputs.delimiters, key=bare.count)


# ---- the rows ---------------------------------------------------------------------------------------------


class _Rows:
    """The bytes of all rows for Arrow, and behind them a row of our own: if it is not read as the last one,
    a quotation mark was left open."""

    def __init__(self, stream: Utf8Stream, layout: _Layout) -> None:
        self.stream: Utf8Stream | None = stream
        self.left = layout.skip
        # letters only, so that no part of it looks like an identifier
        self.mark = "".join(secrets.choice(string.ascii_letters) for _ in range(32))
        self.behind = b"\n" + layout.delimiter.join([self.mark] * layout.width).encode() + b"\n"
        self.closed = False  # Arrow asks
        self.lock = threading.Lock()

    def readable(self) -> bool:
        return True

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end: Arrow takes what it gets for a whole block."""
        with self.lock:
            if self.stream is None:
                return b""
            if self.left:
                self.stream.read(self.left)
                self.left = 0
            data = self.stream.read(size)
            if len(data) < size:
                room = size - len(data)
                data, self.behind = data + self.behind[:room], self.behind[room:]
            return data

    def stop(self) -> None:
        """No more bytes: Arrow reads ahead in a thread of its own."""
        with self.lock:
            self.stream, self.behind, self.closed = None, b"", True


def _rows(
    path: Path, layout: _Layout, source: Source, inputs: Inputs, *, packed: bool
) -> Iterator[pa.RecordBatch]:
    ragged = Listed(inputs.told)

    def skip(row: arrow_csv.InvalidRow) -> str:
        ragged.add(row.number + layout.lines)
        return "skip"

    with ExitStack() as stack:
        raw = stack.enter_context(HashedFile(path, source))
        file: Bytes = Unpacked(raw, inputs.gzip_ratio) if packed else raw
        stream = Utf8Stream(file, layout.encoding, source, inputs)
        rows = _Rows(stream, layout)
        stack.callback(rows.stop)
        yield from _Reader(rows, layout, inputs, skip).batches(source)
        rows.stop()
        stream.finish()
        raw.finish()
    if ragged.count:
        source.report("ragged", count=ragged.count, width=layout.width, rows=ragged)


class _Reader:
    """Arrow's blocks of rows; the last row must be the mark."""

    def __init__(
        self, rows: _Rows, layout: _Layout, inputs: Inputs, skip: Callable[[arrow_csv.InvalidRow], str]
    ) -> None:
        self.rows, self.layout, self.inputs = rows, layout, inputs
        self.names = [str(at) for at in range(layout.width)]
        self.parse = arrow_csv.ParseOptions(
            delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=skip
        )
        self.seen = 0
        self.reading: arrow_csv.CSVStreamingReader | None = None

    def batches(self, source: Source) -> Iterator[pa.RecordBatch]:
        """All rows but the mark; what Arrow cannot go on with becomes a problem."""
        try:
            yield from self._batches(source)
        finally:
            self.end()

    def end(self) -> None:
        """No more bytes for Arrow's thread, and what it has read ahead taken from it: it is idle afterwards."""
        reading, self.reading = self.reading, None
        self.rows.stop()
        if reading is None:
            return
        with suppress(pa.ArrowInvalid):
            for _batch in reading:
                pass
        reading.close()
        _OPEN.discard(self)

    def _batches(self, source: Source) -> Iterator[pa.RecordBatch]:
        held: pa.RecordBatch | None = None
        try:
            self.reading = self._open()
            for batch in self.reading:
                if held is not None:
                    yield held
                held = batch if batch.num_rows else held
                self.seen += batch.num_rows
        except pa.ArrowInvalid:
            most = self.inputs.row_bytes >> 20
            source.report("long_row", row=self.seen + self.layout.lines + 1, max=most)
        else:
            held = self._without_mark(held, source)
        if held is not None:
            yield held

    def _without_mark(self, held: pa.RecordBatch | None, source: Source) -> pa.RecordBatch | None:
        last = held.num_rows - 1 if held is not None else -1
        if held is not None and held.column(0)[last].as_py() == self.rows.mark:
            return held.slice(0, last)
        source.report("quoting", row=self.seen + self.layout.lines)
        return held

    def _open(self) -> arrow_csv.CSVStreamingReader:
        reading = arrow_csv.ReadOptions(
            column_names=self.names, block_size=self.inputs.row_bytes, use_threads=False
        )
        texts = {name: pa.string() for name in self.names}
        converting = arrow_csv.ConvertOptions(
            column_types=texts, strings_can_be_null=True, null_values=[""], check_utf8=False
        )
        file = pa.PythonFile(self.rows, mode="r")
        _KEPT.append(file)
        _OPEN.add(self)
        return arrow_csv.open_csv(file, reading, self.parse, converting)


@atexit.register
def _end_all() -> None:
    for reader in list(_OPEN):
        reader.end()
