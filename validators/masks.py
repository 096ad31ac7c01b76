"""Masked values and hashes in a column, counted as the rows go by: shapes only, no value is kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalog_specs.law_scanning import Tier
from validators.mask_forms import Accepts, MaskForms
from validators.mask_shapes import count_filled, text_array

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MaskedShape:
    """One shape of masked values: its form (empty: of none), head and tail where its form has such, its count."""

    shape: str
    form: str
    ends: tuple[int, int] | None
    count: int
    hidden: bool

    @property
    def name(self) -> str:
        """The mask in short, such as ``id_card 6+4``; the form alone where it has no ends."""
        return f"{self.form} {self.ends[0]}+{self.ends[1]}" if self.ends else self.form


@dataclass(frozen=True, slots=True)
class MasksSeen:
    """What a column holds of masks. All counts are of cells; ``filled`` ones are neither null nor blank.

    ``texts``: masked cells too long to have a form; ``unshaped``: those beyond the shapes that are kept apart.
    ``refused``: filled cells that the tier does not accept, None where the column's forms are not known or no
    tier was asked for; ``examples`` of them are veiled.
    """

    rows: int
    filled: int
    shapes: tuple[MaskedShape, ...]
    texts: int
    unshaped: int
    hashes: Mapping[str, int]
    refused: int | None
    examples: tuple[str, ...]

    @property
    def masked(self) -> int:
        """Cells that hold a mask."""
        return sum(shape.count for shape in self.shapes) + self.texts + self.unshaped

    @property
    def masks(self) -> tuple[str, ...]:
        """The masks of a known form that leave anything to see, the most frequent first."""
        found: Counter[str] = Counter()
        for shape in self.shapes:
            if shape.form and not shape.hidden:
                found[shape.name] += shape.count
        return tuple(name for name, _ in found.most_common())


class MaskWatch:
    """One column: what is masked in it and how, and what a tier of openness would not accept.

    ``forms`` are the masked forms that the column's name or declaration speaks of; every filled cell is held
    against what ``tier`` accepts for them. Memory is bounded by ``most_shapes`` of scanning.yaml.
    """

    def __init__(self, forms: MaskForms, expected: Sequence[str] = (), tier: Tier | None = None) -> None:
        self._forms, self._expected, self._law = forms, tuple(expected), forms.law
        self._accepts: Accepts | None = forms.accepts(self._expected, tier) if tier and expected else None
        self._shapes: Counter[str] = Counter()
        self._hashes: Counter[str] = Counter()
        self._lengths = np.zeros(max(n for row in self._law.hashes for n in row.lengths) + 2, np.bool_)
        for row in self._law.hashes:
            self._lengths[list(row.lengths)] = True
        self._examples: dict[str, None] = {}
        self._rows = self._filled = self._texts = self._unshaped = self._refused = 0

    def feed(self, values: pa.Array | pa.ChunkedArray) -> None:
        """Count some more cells (strings; null is empty)."""
        cells = text_array(values)
        self._rows += len(cells)
        self._filled += count_filled(cells)
        masked = self._forms.shaper.masked(cells)
        if masked is not None:
            self._count_masks(self._forms.shaper.unified(cells.filter(masked)))
        self._count_hashes(cells)
        if self._accepts is not None:
            self._judge(self._forms.shaper.unified(cells.drop_null()))

    def _count_masks(self, masked: pa.StringArray) -> None:
        short = pc.less_equal(pc.utf8_length(masked), self._law.longest)
        kept = masked.filter(short)
        self._texts += len(masked) - len(kept)
        for shape, count in self._forms.shaper.shapes(kept):
            if shape in self._shapes or len(self._shapes) < self._law.most_shapes:
                self._shapes[shape] += count
            else:
                self._unshaped += count

    def _count_hashes(self, cells: pa.StringArray) -> None:
        lengths = np.nan_to_num(pc.binary_length(cells).to_numpy(zero_copy_only=False)).astype(np.int64)
        fits = self._lengths[np.minimum(lengths, len(self._lengths) - 1)]
        if not fits.any():
            return
        chosen, lengths = cells.filter(pa.array(fits)), lengths[fits]
        for row in self._law.hashes:
            of_length = np.isin(lengths, row.lengths)
            if of_length.any():
                found = pc.match_substring_regex(chosen.filter(pa.array(of_length)), f"^(?:{row.pattern})$")
                self._hashes[row.key] += pc.sum(found).as_py() or 0

    def _judge(self, cells: pa.StringArray) -> None:
        assert self._accepts is not None
        cells = cells.filter(pc.not_equal(cells, ""))
        refused = ~self._accepts.cells(cells)
        count = int(refused.sum())
        self._refused += count
        if count and len(self._examples) < self._law.most_examples:
            chosen = cells.filter(pa.array(refused)).slice(0, self._law.most_examples)
            for shape, _ in self._forms.shaper.shapes(pc.utf8_slice_codeunits(chosen, 0, self._law.longest)):
                self._examples.setdefault(self._forms.shaper.veiled(shape))

    def seen(self) -> MasksSeen:
        """What was counted so far."""
        shapes = sorted(self._shapes.items(), key=lambda row: (-row[1], row[0]))
        return MasksSeen(
            rows=self._rows,
            filled=self._filled,
            shapes=tuple(self._shape(shape, count) for shape, count in shapes),
            texts=self._texts,
            unshaped=self._unshaped,
            hashes={key: count for key, count in self._hashes.items() if count},
            refused=self._refused if self._accepts is not None else None,
            examples=tuple(self._examples)[: self._law.most_examples],
        )

    def _shape(self, shape: str, count: int) -> MaskedShape:
        form = self._forms.of_shape(shape, self._expected)
        if not form and len(self._expected) == 1:
            form = self._expected[0]
        seen = self._forms.seen(form, shape)
        ends = self._forms.signature(form, shape) if form else None
        return MaskedShape(shape, form, ends, count, seen.head + seen.inner + seen.tail == 0)
