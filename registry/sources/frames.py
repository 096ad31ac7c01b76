"""A Pandas frame as a source."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from catalog_specs import Specs, load
from registry.sources.arrow_text import as_text
from registry.sources.cell_text import cell_text
from registry.sources.headers import named
from registry.sources.problems import Teller
from registry.sources.source import Source, shape_of

if TYPE_CHECKING:
    import pandas as pd


def open_frame(frame: "pd.DataFrame", name: str, specs: Specs | None = None) -> Source:
    """A frame as a source; its index is not read. Missing values are empty cells."""
    inputs = (specs or load()).scanning.inputs
    tell = Teller(inputs, name)
    header = named([str(column) for column in frame.columns], inputs, tell, typed=True)
    digest = shape_of(
        (str(column), str(kind)) for column, kind in zip(frame.columns, frame.dtypes, strict=True)
    )

    def read(_: Source) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(frame), inputs.batch_rows):
            part = frame.iloc[start : start + inputs.batch_rows]
            columns = [_column(part.iloc[:, at]) for at in range(part.shape[1])]
            yield pa.RecordBatch.from_arrays(columns, names=[str(at) for at in range(len(columns))])

    return Source(name, "frame", header.names, digest, tell, read, 0, header.problems)


def _column(series: "pd.Series[Any]") -> pa.Array:
    if series.dtype == object:
        # a column of objects may hold anything, each cell something else
        missing = series.isna().tolist()
        cells = zip(series.tolist(), missing, strict=True)
        return pa.array([None if gone is True else cell_text(value) for value, gone in cells], pa.string())
    found = pa.array(series, from_pandas=True)
    whole = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return as_text(whole)
