"""Cells of an Arrow column as one run of bytes, with full-width, blank and invisible characters folded away."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalog_specs.law_detecting import DetectorText
from validators.checksums import Bytes, Mask

Places = npt.NDArray[np.int64]
# what is held at once beside the column itself: a cell of its own where one is larger
SLICE_CELLS = 65_536
SLICE_BYTES = 4 << 20

_DROP, _DOT, _KEEP = 255, 254, 0
_MIDDLE_DOT = "·".encode()
_BLANK = 32
_TABLE_SIZE = 1 << 16
# a full-width form lies this far behind its ASCII character
_WIDE_OFFSET = 0xFEE0
# below this share of the cells a search is cheaper than a table of all bytes
_FEW = 8


class Folding:
    """Characters that are written in many ways and mean one: a table of code points below U+10000.

    What becomes an ASCII character, a middle dot, or nothing is known by the first byte of its UTF-8 form;
    no text without such a byte is looked at twice.
    """

    def __init__(self, spec: DetectorText) -> None:
        table = np.zeros(_TABLE_SIZE, np.uint8)
        wide = _points(spec.half_width)
        table[wide] = wide - _WIDE_OFFSET
        for points, value in ((spec.blanks, _BLANK), (spec.hyphens, ord("-")), (spec.middle_dots, _DOT)):
            table[_points(points)] = value
        for letter, points in spec.check_letters.items():
            table[_points(points)] = ord(letter)
        table[_points(spec.dropped)] = _DROP
        self._table = table
        self._leads = sorted({chr(point).encode()[0] for point in np.flatnonzero(table) if point > 127})
        self._plain = [int(point) for point in np.flatnonzero(table[:128])]

    def fold(self, data: Bytes, offsets: Places) -> tuple[Bytes, Places]:
        """The bytes and offsets of the same cells, folded; the very same arrays where nothing is to fold."""
        if not len(data):
            return data, offsets
        for point in self._plain:
            if (data == point).any():
                data = np.where(data == point, self._table[point], data)
        if data.max() < 128:
            return data, offsets
        at = self._found(data)
        if not len(at):
            return data, offsets
        return self._replaced(data, offsets, at)

    def _found(self, data: Bytes) -> Places:
        is_lead = np.zeros(len(data), bool)
        for lead in self._leads:
            is_lead |= data == lead
        at = np.flatnonzero(is_lead)
        found: Places = at[self._table[_code_points(data, at)] != _KEEP]
        return found

    def _replaced(self, data: Bytes, offsets: Places, at: Places) -> tuple[Bytes, Places]:
        three = data[at] >= 0xE0
        value = self._table[_code_points(data, at)]
        out = data.copy()
        out[at] = value
        dot = value == _DOT
        for place, byte in enumerate(_MIDDLE_DOT):
            out[at[dot] + place] = byte
        # a middle dot keeps two bytes, an ASCII character one, what is dropped none
        dropped = np.concatenate([at[value == _DROP], at[~dot] + 1, at[three] + 2])
        keep = np.ones(len(data), bool)
        keep[dropped] = False
        return out[keep], offsets - np.searchsorted(np.sort(dropped), offsets)


def _points(ranges: Sequence[str]) -> Places:
    ends = [[int(end, 16) for end in text.split("-")] for text in ranges]
    return np.concatenate([np.arange(e[0], e[-1] + 1) for e in ends]) if ends else np.zeros(0, np.int64)


def _code_points(data: Bytes, at: Places) -> Places:
    """The code points that begin at ``at``, of two or three bytes."""
    first, second = data[at].astype(np.int64), data[at + 1].astype(np.int64) & 0x3F
    third = data[np.minimum(at + 2, len(data) - 1)].astype(np.int64) & 0x3F
    two = ((first & 0x1F) << 6) | second
    return np.where(first >= 0xE0, ((first & 0x0F) << 12) | (second << 6) | third, two)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Runs of half-width digits and Latin letters: where each starts and how long it is, in bytes."""

    starts: Places
    lengths: Places

    @property
    def ends(self) -> Places:
        return self.starts + self.lengths


class Cells:
    """Some cells of a column: ``data`` holds their folded bytes one after another, ``offsets`` where each starts."""

    def __init__(self, data: Bytes, offsets: Places) -> None:
        self.data = data
        self.offsets = offsets
        self.count = len(offsets) - 1
        self.lengths = np.diff(offsets)

    @cached_property
    def array(self) -> pa.Array:
        """The folded cells as an Arrow array, without copying."""
        return _array(self.data, self.offsets)

    @cached_property
    def filled(self) -> Mask:
        """Whether each cell holds anything but blanks."""
        filled = self.lengths > 0
        begins = np.flatnonzero(filled)
        doubtful = begins[self.data[self.offsets[begins]] <= _BLANK]
        if len(doubtful):
            stripped = pc.binary_length(pc.utf8_trim_whitespace(self.array.take(pa.array(doubtful))))
            filled[doubtful] = np.asarray(stripped) > 0
        return filled

    @cached_property
    def alnum(self) -> Mask:
        """Whether each byte is a half-width digit or a Latin letter."""
        letters = ((self.data | np.uint8(32)) - np.uint8(97)) < 26
        found: Mask = ((self.data - np.uint8(48)) < 10) | letters
        return found

    @cached_property
    def tokens(self) -> Tokens:
        alnum, full = self.alnum, self.lengths > 0
        begin, end = alnum.copy(), alnum.copy()
        begin[1:] &= ~alnum[:-1]
        end[:-1] &= ~alnum[1:]
        firsts, lasts = self.offsets[:-1][full], self.offsets[1:][full] - 1
        begin[firsts] = alnum[firsts]
        end[lasts] = alnum[lasts]
        starts = np.flatnonzero(begin)
        return Tokens(starts, np.flatnonzero(end) + 1 - starts)

    @cached_property
    def wide(self) -> Mask:
        """Whether each cell holds a character beyond ASCII."""
        if not len(self.data) or self.data.max() < 128:
            return np.zeros(self.count, bool)
        full = self.lengths > 0
        found = np.zeros(self.count, bool)
        found[full] = np.maximum.reduceat(self.data, self.offsets[:-1][full]) >= 128
        return found

    def some(self, at: Places) -> pa.Array:
        """The folded texts of some cells."""
        return self.array if len(at) == self.count else self.array.take(pa.array(at))

    @cached_property
    def _owners(self) -> npt.NDArray[np.int32]:
        return np.repeat(np.arange(self.count, dtype=np.int32), self.lengths)

    def cells_at(self, places: Places) -> Places:
        """The cells that the byte positions lie in."""
        if len(places) < self.count // _FEW:
            return np.searchsorted(self.offsets, places, "right") - 1
        return self._owners[places].astype(np.int64)

    def mask_at(self, places: Places) -> Mask:
        """A mask of the cells that the byte positions lie in."""
        found = np.zeros(self.count, bool)
        found[self.cells_at(places)] = True
        return found

    def having(self, marks: frozenset[int], times: int) -> Mask:
        """Whether each cell holds at least so many of the ASCII ``marks``."""
        places = np.flatnonzero(reduce(np.logical_or, (self.data == mark for mark in sorted(marks))))
        if times == 1 or not len(places):
            return self.mask_at(places)
        found: Mask = np.bincount(self.cells_at(places), minlength=self.count) >= times
        return found

    def having_char(self, char: str) -> Mask:
        """Whether each cell holds the character, which is of two bytes or more."""
        code = char.encode()
        found = self.data[: len(self.data) - len(code) + 1] == code[0]
        for place, byte in enumerate(code[1:], 1):
            found &= self.data[place : len(self.data) - len(code) + 1 + place] == byte
        return self.mask_at(np.flatnonzero(found))

    def having_token(self, least: int, first: Mask | None) -> Mask:
        """Whether each cell holds a token of at least ``least`` characters, and one that begins as ``first``."""
        tokens = self.tokens
        found = self.mask_at(tokens.starts[tokens.lengths >= least])
        if first is not None:
            found &= self.mask_at(tokens.starts[first[self.data[tokens.starts]]])
        return found

    @cached_property
    def lettered(self) -> Mask:
        """Whether each cell holds a Latin letter."""
        return self.mask_at(np.flatnonzero(((self.data | np.uint8(32)) - np.uint8(97)) < 26))


def _array(data: Bytes, offsets: Places) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


def slices(values: pa.Array | pa.ChunkedArray) -> Iterator[pa.Array]:
    """The column in pieces of bounded size; types other than texts become texts, nulls empty texts."""
    for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
        texts, start = _texts(chunk), 0
        while start < len(texts):
            stop = _stop(texts, start)
            yield texts.slice(start, stop - start)
            start = stop


def _texts(chunk: pa.Array) -> pa.Array:
    is_text = pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type)
    texts = chunk if is_text else chunk.cast(pa.string())
    return texts.fill_null("") if texts.null_count else texts


def _stop(chunk: pa.Array, start: int) -> int:
    offsets = _offsets(chunk)[start : start + SLICE_CELLS + 1]
    fitting = int(np.searchsorted(offsets, int(offsets[0]) + SLICE_BYTES, "right")) - 1
    return start + max(1, min(len(offsets) - 1, fitting))


def _offsets(chunk: pa.Array) -> npt.NDArray[Any]:
    kind = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    whole: npt.NDArray[Any] = np.frombuffer(chunk.buffers()[1], kind)
    return whole[chunk.offset : chunk.offset + len(chunk) + 1]


def cells_of(piece: pa.Array, folding: Folding) -> Cells:
    """One piece of ``slices`` as folded cells."""
    offsets = _offsets(piece).astype(np.int64)
    buffer = piece.buffers()[2]
    data = np.frombuffer(buffer, np.uint8) if buffer is not None else np.zeros(0, np.uint8)
    return Cells(*folding.fold(data[offsets[0] : offsets[-1]], offsets - offsets[0]))


_GROUP = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\.|\((?!\?)")


def uncaptured(pattern: str) -> str:
    """The same pattern with groups that are not captured: Arrow extracts named groups only."""
    return _GROUP.sub(lambda found: "(?:" if found.group() == "(" else found.group(), pattern)


def bounded(
    pattern: str, *, apart: bool = False, ignore_case: bool = False, chained: str = ""
) -> tuple[str, re.Pattern[str]]:
    """A core pattern that stands by itself, for RE2 (whether it is in a text) and for Python (where).

    ``apart``: Chinese characters and stars beside it join it too; ``chained``: so do these marks, where a digit
    or letter stands behind them.
    """
    beside = "0-9A-Za-z一-龥·*" if apart else "0-9A-Za-z"
    flag, marks = "(?i)" if ignore_case else "", re.escape(chained)
    before, after = f"(?:^|[^{beside}{marks}])", f"(?:$|[^{beside}{marks}])"
    ahead, behind = f"(?<![{beside}])", f"(?![{beside}])"
    if chained:
        before = f"(?:^|[^{beside}{marks}]|(?:^|[^{beside}])[{marks}])"
        after = f"(?:$|[^{beside}{marks}]|[{marks}](?:$|[^{beside}]))"
        ahead, behind = f"{ahead}(?<![{beside}][{marks}])", f"{behind}(?![{marks}][{beside}])"
    search = f"{flag}{before}(?P<value>{uncaptured(pattern)}){after}"
    return search, re.compile(f"{flag}{ahead}(?:{pattern}){behind}")
