"""JSON Lines, or a file that is one array of objects: looked through once for its keys, then read."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalog_specs import Specs
from catalog_specs.law_scanning import Inputs
from registry.sources.cell_text import LOST_FROM, cell_text, json_text, number_text
from registry.sources.file_bytes import HashedFile, Unpacked
from registry.sources.headers import named
from registry.sources.json_pieces import Piece, TooLongError, pieces
from registry.sources.problems import Teller
from registry.sources.source import Listed, Source, refusal, shape_of
from registry.sources.text_stream import Bytes, Encoding, Utf8Stream, encoding_of


class _DoubledKeyError(ValueError):
    msg = "同一个对象里有重复的键"


class _Number(str):
    """A number as it is written in the file."""

    __slots__ = ()


@dataclass
class _Faults:
    """Lines that hold no object, and why the first of them does not."""

    rows: Listed
    detail: str = ""
    keys: dict[str, int] = field(default_factory=dict)

    def add(self, line: int, detail: str) -> None:
        self.detail = self.detail or detail
        self.rows.add(line)


def open_json(path: Path, specs: Specs, *, packed: bool) -> Source:
    """A file of JSON objects as a source; its columns are all keys that any object has, in order of appearance.

    Raises:
        SourceUnreadable: no known encoding, no object in it, or more keys than columns are read.
    """
    inputs, tell = specs.scanning.inputs, Teller(specs.scanning.inputs, path.name)
    probe = Source(path.name, "jsonl", (), "", tell, lambda _: iter(()))
    with ExitStack() as stack:
        encoding = encoding_of(_opened(path, probe, inputs, stack, packed=packed), inputs, tell)
    keys: dict[str, int] = {}
    with ExitStack() as stack:
        file = _opened(path, probe, inputs, stack, packed=packed)
        stream = Utf8Stream(file, encoding, probe, inputs)
        for found in _objects(stream, probe, inputs, _Faults(Listed(inputs.told))):
            for key in found:
                keys.setdefault(key, len(keys))
            if len(keys) > inputs.columns:
                raise tell.refuse("columns", count=len(keys), max=inputs.columns)
    if not keys:
        raise refusal(probe, "json_shape")
    header = named(list(keys), inputs, tell, typed=True)

    def read(source: Source) -> Iterator[pa.RecordBatch]:
        return _rows(path, encoding, keys, source, inputs, packed=packed)

    digest = shape_of((name, "json") for name in keys)
    size = path.stat().st_size
    return Source(path.name, "jsonl", header.names, digest, tell, read, size, header.problems)


def _opened(path: Path, source: Source, inputs: Inputs, stack: ExitStack, *, packed: bool) -> Bytes:
    file = stack.enter_context(HashedFile(path, source))
    return Unpacked(file, inputs.gzip_ratio) if packed else file


def _rows(
    path: Path, encoding: Encoding, keys: dict[str, int], source: Source, inputs: Inputs, *, packed: bool
) -> Iterator[pa.RecordBatch]:
    faults = _Faults(Listed(inputs.told), keys=keys)
    with HashedFile(path, source) as raw:
        file: Bytes = Unpacked(raw, inputs.gzip_ratio) if packed else raw
        stream = Utf8Stream(file, encoding, source, inputs)
        held = _Held(len(keys), inputs)
        for found in _objects(stream, source, inputs, faults):
            if held.add({keys[key]: value for key, value in found.items()}):
                yield held.batch()
        yield held.batch()
        stream.finish()
        raw.finish()
    if faults.rows.count:
        source.report("bad_line", count=faults.rows.count, rows=faults.rows, detail=faults.detail)


class _Held:
    """Cells of rows that wait to become a batch."""

    def __init__(self, width: int, inputs: Inputs) -> None:
        self.cells: list[list[str | None]] = [[] for _ in range(width)]
        self.inputs, self.rows, self.size = inputs, 0, 0

    def add(self, row: dict[int, str | None]) -> bool:
        """One row more; True when there is enough for a batch."""
        for at, column in enumerate(self.cells):
            column.append(row.get(at))
        self.rows += 1
        self.size += sum(len(text) for text in row.values() if text)
        return self.rows >= self.inputs.batch_rows or self.size >= self.inputs.batch_bytes

    def batch(self) -> pa.RecordBatch:
        """All rows that waited."""
        arrays = [pa.array(column, pa.string()) for column in self.cells]
        self.cells = [[] for _ in self.cells]
        self.rows = self.size = 0
        return pa.RecordBatch.from_arrays(arrays, names=[str(at) for at in range(len(arrays))])


# ---- objects ----------------------------------------------------------------------------------------------


def _objects(
    stream: Utf8Stream, source: Source, inputs: Inputs, faults: _Faults
) -> Iterator[dict[str, str | None]]:
    """The cells of each object by key; what is no object goes to ``faults``."""
    last = 0
    try:
        for piece in pieces(stream, inputs.row_bytes):
            last = piece.line
            found = _object(piece, faults)
            if found is not None:
                yield found
    except TooLongError:
        source.report("long_row", row=last + 1, max=inputs.row_bytes >> 20)


def _object(piece: Piece, faults: _Faults) -> dict[str, str | None] | None:
    try:
        value = json.loads(piece.text, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_pairs)
        if not isinstance(value, dict):
            faults.add(piece.line, "不是对象")
            return None
        cells = {key: _cell(part) for key, part in value.items()}
        "".join([text for text in (*cells, *cells.values()) if text]).encode()
    except (ValueError, RecursionError) as error:
        faults.add(piece.line, getattr(error, "msg", "") or "嵌套过深，或有不合法的字符或数字")
        return None
    if faults.keys and not cells.keys() <= faults.keys.keys():
        faults.add(piece.line, "有先前没有的键，文件被改动")
        return None
    return cells


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DoubledKeyError
    return found


def _cell(value: Any) -> str | None:
    if isinstance(value, _Number):
        return _number(value)
    return json_text(value) if isinstance(value, dict | list) else cell_text(value)


def _number(written: str) -> str | None:
    """A decimal as it is written; one that went through floating point (1.1e+17) as such, a whole one as digits."""
    number = float(written)
    if "e" in written.lower() or not abs(number) < LOST_FROM or number.is_integer():
        return number_text(number)
    return str(written)
