"""Detectors compiled: what of a candidate must hold, over matrices for numbers and over Arrow texts for the rest."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog_specs import Specs
from catalog_specs.coding import CreditCode
from catalog_specs.law_masking import Detector, DetectorConditions
from validators.checksums import (
    Bytes,
    Checks,
    Mask,
    Scalar,
    checks_of,
    date_mask,
    organisation_mask,
    range_ok,
)
from validators.detect_pattern import ALNUM, Shape, matching, shape_of, without_marks
from validators.detect_text import Cells, Places, bounded

_PREFIX_SIZE = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """Masks over candidates: of the shape, passing the check, and of these what counts without a column's help."""

    shaped: Mask
    passed: Mask
    high_shaped: Mask
    high_passed: Mask


@dataclass(frozen=True)
class NumberRule:
    """A detector whose values are digits and letters only, maybe in groups: judged over byte matrices."""

    spec: Detector
    shape: Shape
    whole: str
    first: Mask
    check: Callable[[Bytes], Mask] | None
    plus: tuple[Callable[[Bytes], Mask], ...]
    high_checks: tuple[Callable[[Bytes], Mask], ...]
    high_shapes: tuple[Callable[[Bytes], Mask], ...]

    @property
    def has_high(self) -> bool:
        """Whether some hits count without a column's help and others do not."""
        return bool(self.spec.high_if or self.high_checks or self.high_shapes)

    @property
    def strong(self) -> bool:
        """Whether so much must hold beside the check that what passes is nothing else."""
        return self.check is not None and bool(self.plus or self.high_checks)

    def matches(self, chars: Bytes) -> Mask:
        """Which values have the shape, with what the detector asks beside its pattern."""
        found: Mask = self.first[chars[0]]
        if not found.any():
            return found
        found &= matching(self.whole, chars, ignore_case=self.spec.ignore_case)
        for condition in self.plus:
            found &= condition(self._part(chars))
        return found

    def judge(self, chars: Bytes, shaped: Mask) -> Judged:
        """What becomes of the values of the shape; the check is made over these only."""
        if shaped.all():
            return self._judged(chars, shaped)
        at = np.flatnonzero(shaped)
        some = self._judged(chars[:, at], shaped[at])
        masks = (some.passed, some.high_shaped, some.high_passed)
        return Judged(shaped, *(_spread(at, mask, len(shaped)) for mask in masks))

    def _judged(self, chars: Bytes, shaped: Mask) -> Judged:
        passed = shaped if self.check is None else self.check(self._part(chars))
        high = shaped
        if self.spec.high_if:
            high = matching(self.spec.high_if, chars, ignore_case=self.spec.ignore_case)
        for condition in self.high_shapes:
            high = high & condition(chars)
        high_passed = passed & high
        for condition in self.high_checks:
            high_passed = high_passed & condition(chars)
        return Judged(shaped, passed, high, high_passed)

    def _part(self, chars: Bytes) -> Bytes:
        return {"all": chars, "first_18": chars[:18], "last_18": chars[-18:]}[self.spec.check_part]


def _spread(rows: Places, mask: Mask, count: int) -> Mask:
    found = np.zeros(count, bool)
    found[rows] = mask
    return found


def anchored(pattern: str, ignore_case: bool = False) -> str:
    """The pattern of a whole text, for RE2."""
    return f"{'(?i)' if ignore_case else ''}^(?:{pattern})$"


class TextSearch:
    """A pattern that is looked for in Arrow texts, after what it demands has narrowed down the cells."""

    def __init__(
        self, pattern: str, *, apart: bool = False, ignore_case: bool = False, chained: str = ""
    ) -> None:
        self.shape = shape_of(pattern)
        # where a value begins with a digit or letter, a token begins there
        begins = shape_of(without_marks(pattern)).first
        self._first = _byte_table(begins, ignore_case) if begins <= ALNUM else None
        self.arrow, self.python = bounded(pattern, apart=apart, ignore_case=ignore_case, chained=chained)

    def candidates(self, cells: Cells) -> Mask:
        """The cells that may hold a value: by marks, by characters beyond ASCII, by a run of letters and digits."""
        found = cells.filled.copy()
        for mask in self._demanded(cells):
            found &= mask
            if not found.any():
                break
        return found

    def _demanded(self, cells: Cells) -> Iterator[Mask]:
        shape = self.shape
        if shape.wide:
            yield cells.wide
        for marks, times in shape.marks.items():
            yield cells.having(marks, times)
        for char in sorted(shape.literals):
            yield cells.having_char(char)
        if shape.run or self._first is not None:
            yield cells.having_token(shape.run, self._first)
        if shape.letter:
            yield cells.lettered

    def places(self, cells: Cells, also: str = "") -> Places:
        """The cells that hold the pattern, and ``also`` where it is given."""
        at = np.flatnonzero(self.candidates(cells))
        for pattern in (also, self.arrow):
            if pattern and len(at):
                at = at[np.asarray(pc.match_substring_regex(cells.some(at), pattern))]
        return at


class TextRule:
    """A detector whose values hold marks or Chinese characters: found in Arrow texts."""

    def __init__(self, spec: Detector, pattern: str, check: Scalar | None) -> None:
        self.spec = spec
        self.check = check
        self.search = TextSearch(
            pattern, apart=spec.apart, ignore_case=spec.ignore_case, chained=spec.chained
        )
        self._high_if = anchored(spec.high_if, spec.ignore_case) if spec.high_if else ""

    @property
    def has_high(self) -> bool:
        """Whether some hits count without a column's help and others do not."""
        return bool(self._high_if)

    def judge(self, cells: Cells) -> Judged:
        """Masks over all cells."""
        at = self.search.places(cells, self.spec.detail_if)
        shaped = _spread(at, np.ones(len(at), bool), cells.count)
        if not len(at) or not (self.check or self._high_if):
            return Judged(shaped, shaped, shaped, shaped)
        texts = cells.some(at)
        first = pc.struct_field(pc.extract_regex(texts, self.search.arrow), "value")
        passed, high = self._pass(first), self._high(first)
        for row in np.flatnonzero(~(passed & high)):
            passed[row], high[row] = self._best(self.values(texts[row].as_py()))
        masks = (passed, high, passed & high)
        return Judged(shaped, *(_spread(at, mask, cells.count) for mask in masks))

    def values(self, text: str) -> list[str]:
        """All values of the shape in one folded text."""
        return [found.group() for found in self.search.python.finditer(text)]

    def _pass(self, values: pa.Array) -> Mask:
        if self.check is None:
            return np.ones(len(values), bool)
        encoded = values.dictionary_encode()
        passing = np.array([self.check(value) for value in encoded.dictionary.to_pylist()], bool)
        found: Mask = passing[np.asarray(encoded.indices)]
        return found

    def _high(self, values: pa.Array) -> Mask:
        if not self._high_if:
            return np.ones(len(values), bool)
        return np.array(pc.match_substring_regex(values, self._high_if))

    def _best(self, values: Sequence[str]) -> tuple[bool, bool]:
        good = [v for v in values if self.check is None or self.check(v)]
        if not good:
            return False, False
        return True, bool(self._high(pa.array(good, pa.string())).any())


# ---- compiling -------------------------------------------------------------------------------------------


def prefix_table(ranges: Sequence[tuple[str, str]]) -> Mask:
    """Which numbers of two digits lie in the ranges."""
    table = np.zeros(_PREFIX_SIZE, bool)
    for low, high in ranges:
        table[int(low) : int(high) + 1] = True
    return table


def _prefix(table: Mask, at: int) -> Callable[[Bytes], Mask]:
    def known(chars: Bytes) -> Mask:
        tens, ones = chars[at] - np.uint8(48), chars[at + 1] - np.uint8(48)
        known = (tens < 10) & (ones < 10)
        found: Mask = known & table[np.where(known, tens * np.uint8(10) + ones, 0)]
        return found

    return known


def _conditions(spec: DetectorConditions, credit: CreditCode) -> dict[str, Callable[[Bytes], Mask]]:
    return {
        "valid_date": lambda chars: date_mask(chars[6:14]),
        "region_prefix": _prefix(prefix_table(spec.region_prefixes), 0),
        "known_region": _prefix(prefix_table(spec.credit_prefixes), 2),
        "org": lambda chars: organisation_mask(chars[8:17], credit),
    }


class Compiled:
    """All detectors of one specification that look into cells, as rules by key."""

    def __init__(self, specs: Specs) -> None:
        doc = specs.desensitization
        self.checks = checks_of(specs)
        self._conditions = _conditions(doc.detector_conditions, specs.credit_code)
        rows = [row for row in doc.detectors if row.applies_to == "cell"]
        masks = {row.key: row.pattern for row in doc.masked_ok}
        self._masks = {key: masks[f.key] for f in doc.masked_forms if f.key in masks for key in f.detectors}
        self.numbers: Mapping[str, NumberRule] = dict(self._numbers(rows))
        self.texts: Mapping[str, TextRule] = {
            row.key: self._text(row, row.pattern) for row in rows if row.key not in self.numbers
        }
        # without a hint in the name, only what votes is looked for
        self.votes: Mapping[str, TextRule] = {
            row.key: self._text(row, row.vote_if) for row in rows if row.vote_if
        }

    def _numbers(self, rows: Sequence[Detector]) -> Iterator[tuple[str, NumberRule]]:
        for row in rows:
            pattern = without_marks(row.pattern)
            shape = shape_of(pattern)
            if shape.token and not row.vote_if:
                yield row.key, self._number(row, pattern, shape)

    def _number(self, row: Detector, pattern: str, shape: Shape) -> NumberRule:
        high_checks = [n for n in row.high_needs if n in _CHECKING]
        return NumberRule(
            spec=row,
            shape=shape,
            whole=pattern,
            first=_byte_table(shape.first, row.ignore_case),
            check=None if row.check == "none" else self.checks.matrix[row.check],
            plus=tuple(self._conditions[name] for name in row.plus),
            high_checks=tuple(self._conditions[name] for name in high_checks),
            high_shapes=tuple(self._conditions[n] for n in row.high_needs if n not in _CHECKING),
        )

    def _text(self, row: Detector, pattern: str) -> TextRule:
        whole = f"{pattern}|{row.also_written}" if row.also_written else pattern
        return TextRule(row, whole, _unmasked(_text_check(row, self.checks), self._masks.get(row.key, "")))


# of what a high hit needs: an own check digit, beside those that only belong to the shape
_CHECKING = frozenset({"org"})


def _byte_table(known: frozenset[int], ignore_case: bool) -> Mask:
    table = np.zeros(256, bool)
    table[list(known)] = True
    if ignore_case:
        table[65:91] |= table[97:123]
        table[97:123] |= table[65:91]
    return table


def _unmasked(check: Scalar | None, mask: str) -> Scalar | None:
    """The check, which 李某 does not pass: a masked name looks like a name."""
    if check is None or not mask:
        return check
    masked = re.compile(mask)
    return lambda text: check(text) and masked.fullmatch(text) is None


def _text_check(row: Detector, checks: Checks) -> Scalar | None:
    if row.check == "none":
        return None
    limits = row.check_params
    if limits is not None:
        return lambda text: range_ok(text, limits.min, limits.max)
    return checks.scalar[row.check]
