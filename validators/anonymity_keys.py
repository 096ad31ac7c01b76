"""Rows of several coded columns counted by class: 64-bit keys, exact, in memory that grows with the classes only."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
# bits of a signed 64-bit key; one half holds any code, for a limit of classes below 2 ** 31
_BITS, _HALF = 63, 31
# what the offsets of one array of texts can address
_ANY_BYTES = (1 << 31) - 1
# pieces are merged when together they are this many times the classes known so far
_SLACK, _LEAST_MERGE = 2, 1 << 20


class TooMany(Exception):
    """There are more different values or classes than may be held."""


def group(keys: Ints, counts: Ints | None = None) -> tuple[Ints, Ints]:
    """The different keys in ascending order, and how many rows (or the sum of ``counts``) each has."""
    if counts is None:
        found, sizes = np.unique(keys, return_counts=True)
        return found, sizes.astype(np.int64)
    if not len(keys):
        return keys, counts
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.add.reduceat(counts[order], starts)


def one_key(codes: Sequence[Ints], sizes: Sequence[int]) -> Ints:
    """One number a row that is equal where all codes are; ``sizes`` are the different codes of each column."""
    bits = [_width(size) for size in sizes]
    if sum(bits) <= _BITS:
        return _packed(codes, bits)
    key = codes[0]
    for code in codes[1:]:
        key = np.unique((key << _HALF) | code, return_inverse=True)[1].astype(np.int64)
    return key


class Coder:
    """Values as numbers 0, 1, 2 … in the order in which they were first seen; null is a value."""

    def __init__(self, kind: pa.DataType, most_bytes: int = _ANY_BYTES) -> None:
        self._kind, self._most_bytes = kind, most_bytes
        self._known: pa.Array = pa.array([], kind)

    def __len__(self) -> int:
        return len(self._known)

    def codes(self, values: pa.Array, limit: int) -> Ints:
        """The number of each value.

        Raises:
            TooMany: there are more different values than ``limit``, or they are too long to be kept.
        """
        coded = values.dictionary_encode(null_encoding="encode")
        words = coded.dictionary.cast(self._kind)
        found = pc.index_in(words, value_set=self._known)
        numbers: Ints = found.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        if found.null_count:
            fresh = pc.is_null(found)
            first = len(self._known)
            if first + found.null_count > limit:
                raise TooMany
            news = words.filter(fresh)
            if self._known.nbytes + news.nbytes > self._most_bytes:
                raise TooMany
            self._known = pa.concat_arrays([self._known, news])
            numbers[fresh.to_numpy(zero_copy_only=False)] = np.arange(first, len(self._known))
        coded_rows: Ints = numbers[coded.indices.to_numpy(zero_copy_only=False)]
        return coded_rows

    @property
    def known(self) -> pa.Array:
        """The values by number."""
        return self._known


class KeyCounter:
    """Classes of rows alike in every column, with their sizes, from codes that ``Coder`` made.

    Codes stand side by side in one key as long as they fit; then pairs of columns are numbered, one after the
    other. Every method may raise TooMany.
    """

    def __init__(self, columns: int, limit: int) -> None:
        self._limit, self._bits = limit, [1] * columns
        self._keys: list[Ints] = []
        self._counts: list[Ints] = []
        self._held = self._merged = 0
        self._chain: _Chain | None = None

    def add(self, codes: Sequence[Ints], sizes: Sequence[int]) -> None:
        """Count rows: an array of codes a column, and how many different codes each column has by now."""
        if self._chain is None and any(_width(n) > have for n, have in zip(sizes, self._bits, strict=True)):
            self._widen([_width(size) for size in sizes])
        if self._chain is not None:
            self._chain.add(codes, None)
            return
        keys, counts = group(_packed(codes, self._bits))
        self._keys.append(keys)
        self._counts.append(counts)
        self._held += len(keys)
        if self._held > max(_LEAST_MERGE, _SLACK * self._merged):
            self._merge()

    def _widen(self, needed: Sequence[int]) -> None:
        # room to grow, so that keys are seldom rewritten; all columns together must fit
        codes, counts = self.classes()
        bits = [width + 2 for width in needed]
        bits = bits if sum(bits) <= _BITS else list(needed)
        if sum(bits) > _BITS:
            self._chain = _Chain(len(bits), self._limit)
            self._chain.add(codes, counts)
            self._keys, self._counts = [], []
        else:
            self._keys, self._counts, self._bits = [_packed(codes, bits)], [counts], bits

    def _merge(self) -> None:
        if len(self._keys) > 1:
            keys, counts = group(np.concatenate(self._keys), np.concatenate(self._counts))
            self._keys, self._counts = [keys], [counts]
        self._held = self._merged = sum(map(len, self._keys))
        if self._held > self._limit:
            raise TooMany

    def classes(self) -> tuple[list[Ints], Ints]:
        """The codes of each class, an array a column, and the rows in each class."""
        if self._chain is not None:
            return self._chain.classes()
        self._merge()
        if not self._keys:
            return [np.zeros(0, np.int64) for _ in self._bits], np.zeros(0, np.int64)
        return _unpacked(self._keys[0], self._bits), self._counts[0]


class _Chain:
    """Classes numbered column by column: a number for each pair of what was numbered so far and the next code."""

    def __init__(self, columns: int, limit: int) -> None:
        self._pairs = [Coder(pa.int64()) for _ in range(columns - 1)]
        self._limit = limit
        self._sizes = np.zeros(0, np.int64)

    def add(self, codes: Sequence[Ints], counts: Ints | None) -> None:
        number = codes[0]
        for coder, code in zip(self._pairs, codes[1:], strict=True):
            number = coder.codes(pa.array((number << _HALF) | code), self._limit)
        keys, sizes = group(number, counts)
        self._sizes = np.concatenate(
            [self._sizes, np.zeros(len(self._pairs[-1]) - len(self._sizes), np.int64)]
        )
        self._sizes[keys] += sizes

    def classes(self) -> tuple[list[Ints], Ints]:
        number = np.arange(len(self._sizes), dtype=np.int64)
        codes: list[Ints] = []
        for coder in reversed(self._pairs):
            pairs: Ints = coder.known.to_numpy()[number]
            codes.append(pairs & ((1 << _HALF) - 1))
            number = pairs >> _HALF
        return [number, *reversed(codes)], self._sizes


def _width(size: int) -> int:
    """The bits that codes below ``size`` need."""
    return max(1, (size - 1).bit_length())


def _packed(codes: Sequence[Ints], bits: Sequence[int]) -> Ints:
    key = codes[0].copy()
    for code, width in zip(codes[1:], bits[1:], strict=True):
        key <<= width
        key |= code
    return key


def _unpacked(keys: Ints, bits: Sequence[int]) -> list[Ints]:
    codes: list[Ints] = []
    for width in reversed(bits[1:]):
        codes.append(keys & ((1 << width) - 1))
        keys = keys >> width
    return [keys, *reversed(codes)]
