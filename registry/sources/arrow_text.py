"""Typed columns of Arrow (Parquet files, frames) as columns of text, each type by its own way."""

import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import types

from registry.sources.cell_text import LOST_FROM, text_array


def as_text(column: pa.Array) -> pa.Array:
    """A column of any type as ``pa.string()``; empty texts become null."""
    kind = column.type
    if isinstance(kind, pa.ExtensionType):
        return as_text(column.storage)
    if types.is_dictionary(kind):
        return as_text(column.dictionary_decode())
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        text = column.cast(pa.string())
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_date32(kind) or types.is_null(kind):
        return column.cast(pa.string())
    if types.is_floating(kind):
        return _floats(column.cast(pa.float64()) if kind != pa.float32() else column)
    if types.is_timestamp(kind) and kind.tz is None:
        return _moments(column)
    return text_array(column.to_pylist())


def _floats(column: pa.Array) -> pa.Array:
    """Whole numbers at once, the others one by one."""
    if column.type == pa.float32():
        # the shortest text of a single-precision number, not that of the double nearest to it
        return text_array(
            None if text is None else float(text) for text in column.cast(pa.string()).to_pylist()
        )
    whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), LOST_FROM))
    if pc.all(pc.fill_null(whole, True)).as_py():
        return column.cast(pa.int64()).cast(pa.string())
    return text_array(column.to_pylist())


def _moments(column: pa.Array) -> pa.Array:
    """Moments without a zone as text, to the nanosecond; a fraction without zeros at its end."""
    text = pc.replace_substring_regex(column.cast(pa.string()), r"(\.[0-9]*[1-9])0+$", r"\1")
    return pc.replace_substring_regex(text, r"\.0+$", "")
