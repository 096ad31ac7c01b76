"""k-anonymity and l-diversity over rows that go by, exact; what is too small, and what would make it larger.

k is the size of the smallest class of rows alike in every quasi-identifier; l the smallest number of different
sensitive values in a class. Source: GB/T 37964-2019; domain §4.2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from validators.anonymity_keys import Coder, Ints, KeyCounter, TooMany, group, one_key

# rows, and bytes of them, that wait to be counted
_LEAST_WAITING, _MOST_WAITING, _WAITING_BYTES = 1 << 18, 1 << 20, 1 << 26
_MOST_BYTES = 1 << 28


def _joined(arrays: Sequence[pa.Array]) -> pa.Array:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


@dataclass(frozen=True, slots=True)
class Classes:
    """Classes of alike rows. ``codes``: an array a column, a number a class, which stands for one of ``values``.

    ``sizes`` counts the rows of each class; there is at least one class.
    """

    names: tuple[str, ...]
    codes: list[Ints]
    sizes: Ints
    values: list[list[str | None]]

    @property
    def k(self) -> int:
        """The rows of the smallest class."""
        return int(self.sizes.min())

    @property
    def rows(self) -> int:
        return int(self.sizes.sum())

    def below(self, size: int) -> tuple[int, int]:
        """How many classes are smaller than ``size``, and how many rows they hold."""
        small = self.sizes < size
        return int(small.sum()), int(self.sizes[small].sum())

    def smallest(self, size: int, most: int) -> list[tuple[Mapping[str, str], int]]:
        """The classes smaller than ``size`` with their values, the smallest first, at most ``most`` of them."""
        below = np.flatnonzero(self.sizes < size)
        order = below[np.argsort(self.sizes[below], kind="stable")][:most]
        return [
            (
                {
                    name: listed[codes[place]] or ""
                    for name, codes, listed in zip(self.names, self.codes, self.values, strict=True)
                },
                int(self.sizes[place]),
            )
            for place in order
        ]


class GroupCounter:
    """Counts rows by class of ``quasi`` columns, and the different values of each ``sensitive`` column in each.

    At most ``limit`` classes (and as many pairs of class and sensitive value) are held; beyond it nothing is
    known of what overflowed, and nothing of it is kept; likewise where the different values of one column take
    more than ``most_bytes``. At least ``gathered`` rows are counted at a time.
    """

    def __init__(
        self,
        quasi: Sequence[str],
        sensitive: Sequence[str],
        limit: int,
        *,
        most_bytes: int = _MOST_BYTES,
        gathered: int = _LEAST_WAITING,
    ) -> None:
        self.quasi, self.sensitive, self.limit = tuple(quasi), tuple(sensitive), limit
        self.rows = 0
        self._waiting: list[Mapping[str, pa.Array]] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._gathered = gathered
        self._coders = [Coder(pa.string(), most_bytes) for _ in quasi]
        self._counter: KeyCounter | None = KeyCounter(len(self.quasi), limit)
        self._pairs: dict[str, tuple[Coder, KeyCounter]] = {
            name: (Coder(pa.string(), most_bytes), KeyCounter(len(self.quasi) + 1, limit))
            for name in sensitive
        }

    def feed(self, columns: Mapping[str, pa.Array]) -> None:
        """Count some more rows: an array of strings for each quasi and each sensitive column."""
        rows = len(next(iter(columns.values())))
        self.rows += rows
        if self._counter is None or not rows:
            return
        self._waiting.append(columns)
        self._waiting_rows += rows
        self._waiting_bytes += sum(column.nbytes for column in columns.values())
        # looking a value up costs as much as all values known, so rows are gathered before they are looked up
        enough = min(_MOST_WAITING, max(self._gathered, *map(len, self._coders)))
        if self._waiting_rows >= enough or self._waiting_bytes >= _WAITING_BYTES:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._waiting_rows = self._waiting_bytes = 0
        if waiting:
            names = {*self.quasi, *self.sensitive}
            self._count({name: _joined([batch[name] for batch in waiting]) for name in names})

    def _count(self, columns: Mapping[str, pa.Array]) -> None:
        if self._counter is None:
            return
        try:
            codes = [
                coder.codes(columns[name], self.limit)
                for name, coder in zip(self.quasi, self._coders, strict=True)
            ]
            sizes = [len(coder) for coder in self._coders]
            self._counter.add(codes, sizes)
        except TooMany:
            self._counter, self._coders, self._pairs = None, [], {}
            return
        for name in tuple(self._pairs):
            self._count_pairs(name, columns[name], codes, sizes)

    def _count_pairs(self, name: str, values: pa.Array, codes: list[Ints], sizes: list[int]) -> None:
        coder, counter = self._pairs[name]
        try:
            counter.add([*codes, coder.codes(values, self.limit)], [*sizes, len(coder)])
        except TooMany:
            del self._pairs[name]

    def classes(self) -> Classes | None:
        """The classes; None when there are too many, or no row at all."""
        self._flush()
        try:
            if self._counter is None or not self.rows:
                return None
            codes, sizes = self._counter.classes()
        except TooMany:
            return None
        return Classes(self.quasi, codes, sizes, [coder.known.to_pylist() for coder in self._coders])

    def diversity(self) -> dict[str, int | None]:
        """l of each sensitive column: the fewest different values in a class; None where it is not known."""
        self._flush()
        return {name: self._least(name) for name in self.sensitive}

    def _least(self, name: str) -> int | None:
        if name not in self._pairs or not self.rows:
            return None
        try:
            codes, _ = self._pairs[name][1].classes()
        except TooMany:
            return None
        sizes = [len(coder) for coder in self._coders]
        return int(group(one_key(codes[:-1], sizes))[1].min())
