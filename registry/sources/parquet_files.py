"""Parquet of any size, read a slice of rows at a time; what is nested becomes JSON text."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from catalog_specs import Specs
from catalog_specs.law_scanning import Inputs
from registry.sources.arrow_text import as_text
from registry.sources.file_bytes import HashedFile
from registry.sources.headers import named
from registry.sources.problems import Teller
from registry.sources.source import Source, shape_of

_BUFFER = 1 << 20
_FAULTS = (pa.ArrowException, OSError, UnicodeError, OverflowError, ValueError)


def open_parquet(path: Path, specs: Specs) -> Source:
    """A Parquet file as a source.

    Raises:
        SourceUnreadable: it is damaged, encrypted, without columns, or packed too tightly to be read in pieces.
    """
    inputs, tell = specs.scanning.inputs, Teller(specs.scanning.inputs, path.name)
    try:
        with parquet.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
            _check_chunks(metadata, inputs, tell)
    except _FAULTS:
        raise tell.refuse("damaged", value="Parquet") from None
    if not schema.names:
        raise tell.refuse("no_header")
    header = named(schema.names, inputs, tell, typed=True)
    digest = shape_of((field.name, str(field.type)) for field in schema)

    def read(source: Source) -> Iterator[pa.RecordBatch]:
        return _rows(path, metadata.num_rows, source, inputs)

    size = path.stat().st_size
    return Source(path.name, "parquet", header.names, digest, tell, read, size, header.problems)


def _check_chunks(metadata: parquet.FileMetaData, inputs: Inputs, tell: Teller) -> None:
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for column in range(metadata.num_columns):
            size = row_group.column(column).total_uncompressed_size
            if size > inputs.chunk_bytes:
                raise tell.refuse("big_chunk", size=size >> 20, max=inputs.chunk_bytes >> 20)


def _rows(path: Path, expected: int, source: Source, inputs: Inputs) -> Iterator[pa.RecordBatch]:
    seen = 0
    # the columns stand one behind the other, so that the bytes cannot be hashed in the order they are read
    with HashedFile(path, source) as raw:
        try:
            with parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=inputs.batch_rows, use_threads=False):
                    columns = [as_text(column) for column in batch.columns]
                    yield pa.RecordBatch.from_arrays(columns, names=[str(at) for at in range(len(columns))])
                    seen += batch.num_rows
                    source.done_bytes = source.total_bytes * seen // max(expected, 1)
        except _FAULTS as error:
            source.report("broken", row=seen, detail=type(error).__name__)
        raw.finish()
    if seen < expected and not any(problem.key == "broken" for problem in source.problems):
        source.report("broken", row=seen, detail=f"{seen} / {expected}")
