"""What a masked value looks like: its shape (999999********9999), how much of it shows, and at which ends.

Only shapes are kept, never values: there are few of them however many values there are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalog_specs import Specs
from catalog_specs.law_scanning import Masks

MARK = "*"
Offsets = npt.NDArray[np.int32]
_BLANK_BYTES = np.frombuffer(b" \t\n\v\f\r\xc2\xe1\xe2\xe3", np.uint8)
_DIGITS, _UPPER, _LOWER, _CHARACTER = "9", "A", "a", "中"


def text_array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of plain strings, whatever kind of string array or chunks were given."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):  # combine_chunks of nothing
        values = pa.concat_arrays(values.chunks)
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def raw_bytes(values: pa.StringArray) -> bytes:
    """All texts of an array one after the other, as UTF-8; nulls may have left anything in it."""
    return _texts(values)[0]


def _texts(values: pa.StringArray) -> tuple[bytes, Offsets]:
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return b"", np.zeros(len(values) + 1, np.int32)
    ends = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
    return bytes(memoryview(data)[ends[0] : ends[-1]]), ends - ends[0]


def _holds(data: bytes, text: str) -> bool:
    # one byte is looked for far faster than several, and mostly it is not there
    sought = text.encode()
    return sought[:1] in data and sought in data


def count_filled(values: pa.StringArray) -> int:
    """How many cells hold anything but blanks."""
    values = values.drop_null() if values.null_count else values
    data, ends = _texts(values)
    full = ends[1:] > ends[:-1]
    filled = int(full.sum())
    first = np.frombuffer(data, np.uint8)[ends[:-1][full]]
    # a blank cell begins with a blank: ASCII ones, and U+00A0, U+2000 to U+3000 by their first byte
    doubtful = np.isin(first, _BLANK_BYTES)
    if doubtful.any():
        cells = values.filter(pa.array(full)).filter(pa.array(doubtful))
        filled -= pc.sum(pc.equal(pc.utf8_trim_whitespace(cells), "")).as_py() or 0
    return filled


@dataclass(frozen=True, slots=True)
class Visible:
    """How much of a masked value shows: characters before the first mark and after the last, without separators.

    ``inner`` counts characters that show between marks.
    """

    head: int
    tail: int
    inner: int


class Shaper:
    """Finds masked values and gives their shapes, as ``masks`` of scanning.yaml describes them."""

    def __init__(self, law: Masks, compound_surnames: Sequence[str]) -> None:
        self.law = law
        surnames = "|".join(map(re.escape, compound_surnames))
        self._surname = f"^(?:{surnames})([*{law.name_mark}])"
        self._wide = [mark for mark in law.marks if not mark.isascii()]
        self._plain = [mark for mark in law.marks if mark.isascii()]
        self._run = re.compile("|".join(f"{re.escape(c)}{{{law.least},}}" for c in law.runs) or "(?!)")
        self._table = bytes.maketrans(*_ascii_table(law.runs))
        self._rest = str.maketrans({c: _UPPER if c.isupper() else _LOWER for c in law.runs if c.isalpha()})
        self._others = f"[^\\x00-\\x7f{re.escape(law.keeps)}{re.escape(law.marks)}]"
        self._any_wide = f"[{''.join(map(re.escape, self._wide))}]"
        self._worded = f"^([一-龥])[一-龥]?{law.name_mark}{{1,2}}$"
        self._name = f"^[一-龥]{{1,2}}{law.name_mark}{{1,2}}$"

    def masked(self, values: pa.StringArray) -> pa.BooleanArray | None:
        """Which cells hold a masking character; None when no cell does, as in most columns."""
        data = raw_bytes(values)
        least = self.law.least
        found = [re.escape(mark) for mark in self._plain if _holds(data, mark)]
        found += [f"{re.escape(c)}{{{least},}}" for c in self.law.runs if _holds(data, c * least)]
        if not data.isascii():
            found += [re.escape(mark) for mark in self._wide if _holds(data, mark)]
            found += [self._name] if _holds(data, self.law.name_mark) else []
        if not found:
            return None
        return pc.fill_null(pc.match_substring_regex(values, "|".join(found)), False)

    def unified(self, values: pa.StringArray) -> pa.StringArray:
        """The values with every single mark written ``*`` and without blanks at either end."""
        data = raw_bytes(values)
        if not data.isascii() and any(_holds(data, mark) for mark in self._wide):
            values = pc.replace_substring_regex(values, self._any_wide, MARK)
        return pc.utf8_trim_whitespace(values)

    def starred(self, values: pa.StringArray) -> pa.StringArray:
        """The values for detectors: names masked by a word or behind a surname of two characters hold no name.

        李某 becomes 李*, 欧阳* becomes **.
        """
        data = raw_bytes(values)
        if data.isascii():
            return values
        if _holds(data, self.law.name_mark):
            values = pc.replace_substring_regex(values, self._worded, rf"\1{MARK}")
        if _holds(data, MARK):
            values = pc.replace_substring_regex(values, self._surname, rf"{MARK}\1")
        return values

    def shapes(self, values: pa.StringArray) -> list[tuple[str, int]]:
        """The different shapes of some unified values without nulls, each with how many values have it."""
        if not raw_bytes(values).isascii():
            values = pc.replace_substring_regex(values, self._surname, rf"{_CHARACTER}\1")
        data, ends = _texts(values)
        mapped = bytearray(data.translate(self._table))
        self._keep_first_digits(mapped, data, ends[:-1])
        shaped = pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(bytes(mapped)))
        if not data.isascii():
            shaped = pc.replace_substring_regex(shaped, self._others, _CHARACTER)
        counted = shaped.value_counts()
        told: dict[str, int] = {}
        for row in counted.to_pylist():
            shape = self._whole_runs(row["values"])
            told[shape] = told.get(shape, 0) + row["counts"]
        return list(told.items())

    def _keep_first_digits(self, mapped: bytearray, data: bytes, starts: Offsets) -> None:
        # the first digit tells a mobile (1) from a landline (0)
        if not data:
            return
        into, source = np.frombuffer(mapped, np.uint8), np.frombuffer(data, np.uint8)
        starts = starts[starts < len(source)]
        first = source[starts]
        digits = starts[(first >= ord("0")) & (first <= ord("9"))]
        into[digits] = source[digits]

    def _whole_runs(self, shape: str) -> str:
        return self._run.sub(lambda run: MARK * len(run.group()), shape).translate(self._rest)

    def visible(self, shape: str) -> Visible:
        """What shows of a value of this shape. A shape without a mark shows all of it at its head."""
        bare = "".join(c for c in shape if c not in self.law.separators)
        bare = bare.replace(self.law.name_mark, MARK)
        if MARK not in bare:
            return Visible(len(bare), 0, 0)
        first, last = bare.index(MARK), bare.rindex(MARK)
        inner = sum(c != MARK for c in bare[first:last])
        return Visible(first, len(bare) - last - 1, inner)

    def veiled(self, shape: str) -> str:
        """A shape as it may be shown: ``#`` for what is visible."""
        hidden = (MARK, *self.law.separators, "@", ".")
        return "".join(c if c in hidden else "#" for c in shape)


def _ascii_table(runs: str) -> tuple[bytes, bytes]:
    letters = [c for c in map(chr, range(128)) if c.isalnum() and c not in runs]
    classes = [_DIGITS if c.isdigit() else _UPPER if c.isupper() else _LOWER for c in letters]
    return "".join(letters).encode(), "".join(classes).encode()


@lru_cache(maxsize=8)
def shaper_of(specs: Specs) -> Shaper:
    """The shaper of one specification, compiled once."""
    return Shaper(specs.scanning.masks, specs.desensitization.surnames.compound)
