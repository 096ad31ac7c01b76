"""One value of a workbook, a JSON file or a database as the text of a cell; the same value gives the same text."""

import json
import math
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

# from here on a double no longer holds every whole number: an identifier read as one has lost its last digits
LOST_FROM = 1e15


class NotText(bytes):
    """Bytes of a text column that are no UTF-8."""


def cell_text(value: Any) -> str | None:
    """The text of one value; None for an empty cell.

    Numbers are exact; a number of 10^15 and more that went through floating point keeps its exponent
    (``1.1010519491231E+17``), so that the loss is seen. Bytes that are readable UTF-8 give their text, others
    hexadecimal: an identifier in a binary column is not hidden.
    """
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return _other(value)


def _other(value: Any) -> str | None:
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    if isinstance(value, dict | list | tuple | set):
        return json_text(value)
    return str(value) or None


def number_text(value: float) -> str | None:
    """A floating-point number: whole ones as digits, large ones with the exponent, NaN as no value."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return str(value)
    if abs(value) >= LOST_FROM:
        return f"{Decimal(repr(value)).normalize():E}"
    return str(int(value)) if value.is_integer() else repr(value)


def json_text(value: Any) -> str:
    """What is nested as JSON text, Chinese as it is."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return cell_text(value)


def _moment(value: datetime) -> str:
    """ISO 8601 with a blank before the time; a fraction without zeros at its end."""
    text = value.replace(tzinfo=None).isoformat(" ")
    if value.microsecond:
        text = text.rstrip("0")
    return text + (value.isoformat()[-6:] if value.tzinfo is not None else "")


def _duration(value: timedelta) -> str:
    seconds, rest = divmod(abs(value), timedelta(seconds=1))
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    fraction = f".{rest.microseconds:06d}".rstrip("0") if rest else ""
    return ("-" if value < timedelta(0) else "") + text + fraction


def _bytes(value: bytes) -> str | None:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()
    readable = all(char.isprintable() or char in "\t\r\n" for char in text)
    return (text if readable else value.hex()) or None


def text_array(values: Iterable[Any]) -> pa.Array:
    """The cells of a column as ``pa.string()``. Raises UnicodeEncodeError for half a surrogate pair."""
    return pa.array([cell_text(value) for value in values], pa.string())
