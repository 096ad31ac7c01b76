"""Candidates of one length: whole tokens, tokens joined by blanks or hyphens, and windows inside long ones."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from catalog_specs.law_detecting import DetectorText, Groups
from validators.checksums import Bytes, Mask
from validators.detect_text import Cells, Places

_POINT = ord(".")
_ID_LENGTH = 18


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates of one length: the cell of each, and their characters in shape (characters, candidates)."""

    cells: Places
    chars: Bytes

    def only(self, mask: Mask) -> "Candidates":
        return Candidates(self.cells[mask], self.chars[:, mask])


def _columns(data: Bytes, starts: Places, length: int) -> Bytes:
    columns = np.empty((length, len(starts)), np.uint8)
    for place in range(length):
        np.take(data[place:], starts, out=columns[place], mode="clip")
    return columns


class TokenSearch:
    """The candidates that one slice of cells holds."""

    def __init__(self, cells: Cells, spec: DetectorText, shortest: int) -> None:
        self._cells = cells
        self._shortest = shortest
        self._spec = spec
        self._lengths = cells.tokens.lengths
        self._starts = cells.tokens.starts
        # what each separator joins: ASCII marks by themselves, the middle dot by its bytes
        self._separators = np.zeros(256, bool)
        self._separators[list(spec.separators.encode())] = True

    @cached_property
    def present(self) -> frozenset[int]:
        """The lengths of tokens that occur, none above 64."""
        counts = np.bincount(np.minimum(self._lengths, 65)) if len(self._lengths) else np.zeros(0, np.int64)
        return frozenset(np.flatnonzero(counts).tolist())

    @cached_property
    def longest(self) -> int:
        """The length of the longest token, 0 where there is none."""
        return int(self._lengths.max(initial=0))

    def whole(self, length: int) -> Candidates:
        """Tokens of exactly ``length`` characters."""
        starts = self._starts[self._lengths == length]
        return Candidates(self._cells.cells_at(starts), _columns(self._cells.data, starts, length))

    # ---- joined by blanks, hyphens or dots ----

    @cached_property
    def _packed(self) -> Bytes:
        return self._cells.data[self._cells.alnum]

    @cached_property
    def _sums(self) -> Places:
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self._lengths)])

    @cached_property
    def _joints(self) -> Places:
        """Runs of equal joints: the run's number for each pair of neighbours, -1 where two are not joined."""
        starts, ends, data = self._starts, self._cells.tokens.ends, self._cells.data
        gaps = starts[1:] - ends[:-1]
        joined = (gaps > 0) & (gaps <= self._spec.gap_max)
        at = np.flatnonzero(joined)
        first, last = data[ends[at]], data[starts[at + 1] - 1]
        middle = data[np.minimum(ends[at] + 1, starts[at + 1] - 1)]
        known = self._separators[first] & self._separators[middle] & self._separators[last]
        at, mark = at[known], np.maximum(np.maximum(first, middle), last)[known]
        same_cell = self._cells.cells_at(starts[at]) == self._cells.cells_at(starts[at + 1])
        at, mark = at[same_cell], mark[same_cell]
        runs = np.full(len(gaps), -1, np.int64)
        if len(at):
            number = np.concatenate([[0], np.cumsum((np.diff(at) > 1) | (mark[1:] != mark[:-1]))])
            begins = np.flatnonzero(np.diff(number, prepend=-1))
            lasts = np.append(begins[1:], len(at)) - 1
            total = self._sums[at[lasts] + 2] - self._sums[at[begins]]
            pointed = mark[begins] == _POINT
            groups = lasts - begins + 2
            # what is too short for any number, and decimals: two groups with one point between them
            fits = (total >= self._shortest) & ~(pointed & (groups < self._spec.point_groups_min))
            runs[at] = np.where(fits, np.arange(len(begins)), -1)[number]
            self._pointed = pointed
        return runs

    @cached_property
    def joins_any(self) -> bool:
        """Whether anything is joined at all."""
        return len(self._starts) > 1 and bool((self._joints >= 0).any())

    def joined(self, length: int, groups: Groups) -> Candidates:
        """Numbers of ``length`` characters written in two groups or more as ``groups`` allows."""
        first, last = self._windows(length)
        fits = self._fits(first, last, groups)
        first = first[fits]
        cells = self._cells.cells_at(self._starts[first])
        return Candidates(cells, _columns(self._packed, self._sums[first], length))

    def _windows(self, length: int) -> tuple[Places, Places]:
        """The first and last tokens of joined runs that have ``length`` characters together."""
        joints, sums = self._joints, self._sums
        first = np.flatnonzero(joints >= 0)
        first = first[self._lengths[first] < length]
        behind = np.searchsorted(sums, sums[first] + length)
        exact = (behind < len(sums)) & (sums[np.minimum(behind, len(sums) - 1)] == sums[first] + length)
        first, last = first[exact], behind[exact] - 1
        several = last > first
        first, last = first[several], last[several]
        one_run = joints[first] == joints[last - 1]
        pointed = self._pointed[joints[first]] & (last - first + 1 < self._spec.point_groups_min)
        keep = one_run & ~pointed
        return first[keep], last[keep]

    def _fits(self, first: Places, last: Places, groups: Groups) -> Mask:
        fits = np.zeros(len(first), bool)
        if groups.least:
            short: Places = np.concatenate([[0], np.cumsum(self._lengths < groups.least)])
            fits |= short[last] == short[first]
        for layout in groups.layouts:
            fits |= self._laid_out(first, last, layout)
        if groups.alone:
            alone = self._alone(first, last)
            for layout in groups.alone:
                fits |= alone & self._laid_out(first, last, layout)
        return fits

    def _laid_out(self, first: Places, last: Places, layout: tuple[int, ...]) -> Mask:
        fits: Mask = last - first + 1 == len(layout)
        for place, size in enumerate(layout):
            fits &= self._lengths[np.minimum(first + place, len(self._lengths) - 1)] == size
        return fits

    def _alone(self, first: Places, last: Places) -> Mask:
        around = np.concatenate([[-1], self._joints, [-1]])
        run = self._joints[first]
        found: Mask = (around[first] != run) & (around[last + 1] != run)
        return found

    # ---- inside long tokens ----

    def embedded(self, centuries: frozenset[bytes]) -> Candidates:
        """Windows of 18 characters with 17 digits and a century inside tokens that are longer."""
        long = self._lengths > _ID_LENGTH
        starts, counts = self._starts[long], self._lengths[long] - _ID_LENGTH + 1
        if not len(starts):
            return Candidates(np.zeros(0, np.int64), np.zeros((_ID_LENGTH, 0), np.uint8))
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        at = self._with_century(np.repeat(starts, counts) + within, centuries)
        chars = _columns(self._cells.data, at, _ID_LENGTH)
        digits = ((chars[:17] - np.uint8(48)) < 10).all(axis=0)
        return Candidates(self._cells.cells_at(at[digits]), chars[:, digits])

    def _with_century(self, at: npt.NDArray[np.int64], centuries: frozenset[bytes]) -> Places:
        data = self._cells.data
        fits = np.zeros(len(at), bool)
        for century in centuries:
            fits |= (data[at + 6] == century[0]) & (data[at + 7] == century[1])
        found: Places = at[fits & (data[at + 10] <= ord("1")) & (data[at + 12] <= ord("3"))]
        return found
