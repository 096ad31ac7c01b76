"""Finding identifiers in columns of data: pattern, check digit, column name and the share of values that agree.

Every cell is looked at and nothing is kept of it but counts and a few masked examples, whatever is fed.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalog_specs import Specs
from catalog_specs.law_masking import Desensitization
from validators.checksums import Mask
from validators.detect_cells import Active, CellScanner, Tally
from validators.detect_examples import mask_example
from validators.detect_hints import ColumnHinter
from validators.detect_text import cells_of, slices
from validators.detect_verdict import Counts, Judge, counts_of
from validators.scanned import ColumnAsked, ColumnFound, Found

__all__ = ["ColumnScanner", "Engine", "engine_of", "judge_columns", "mask_example", "residual"]

# changes whenever this code finds something else under the same rules
CODE = "1"
EXAMPLES = 3
# a column whose first values repeat this often is scanned by its distinct values
_SAMPLE = 1024
_DISTINCT_SHARE = 4
_LOOKED_AT = (
    "detectors", "detector_conditions", "surnames", "column_hints", "verdicts", "embedded", "sampling",
    "detector_text", "lost_numbers", "serials", "residual_detectors",
)  # fmt: skip


class Engine:
    """The detectors of one specification, compiled."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self.doc: Desensitization = specs.desensitization
        self.scanner = CellScanner(specs)
        self.hinter = ColumnHinter(specs)
        self.judge = Judge(specs)
        self.version = _version(specs)


def _version(specs: Specs) -> str:
    doc = specs.desensitization.model_dump(mode="json", include=set(_LOOKED_AT))
    looked_at = {"code": CODE, "rules": doc, "credit": specs.credit_code.model_dump(mode="json")}
    text = json.dumps(looked_at, ensure_ascii=False, sort_keys=True)
    return f"{CODE}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@lru_cache(maxsize=8)
def engine_of(specs: Specs) -> Engine:
    """The engine of ``specs``, compiled once for as long as they are loaded."""
    return Engine(specs)


class ColumnScanner:
    """One column as it goes by: ``feed`` it in pieces of any size, then ask ``judge_columns``."""

    def __init__(self, engine: Engine, asked: ColumnAsked) -> None:
        self.engine = engine
        self.asked = asked
        self.rows = 0
        self.filled = 0
        self.hints: Mapping[str, str] = engine.hinter.hint(asked.name, asked.code)
        self._active: Active = engine.scanner.active(tuple(self.hints))
        self._counts: dict[str, Counter[str]] = {}
        self._lost: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._serials = {rule.spec.key: _Serial(engine) for rule in self._active.numbers if rule.spec.serial}
        self._wanted = {rule.spec.key: EXAMPLES for rule in self._active.rules}

    def feed(self, values: pa.Array | pa.ChunkedArray) -> None:
        """Looks at every value; nulls are empty cells. What is held besides is bounded by a slice."""
        for piece in slices(values):
            self.rows += len(piece)
            if not _repeats(piece):
                self._take(piece, None)
            else:
                encoded = piece.dictionary_encode()
                counts = np.bincount(np.asarray(encoded.indices), minlength=len(encoded.dictionary))
                self._take(encoded.dictionary, counts)

    def _take(self, piece: pa.Array, times: npt.NDArray[np.int64] | None) -> None:
        scanner = self.engine.scanner
        cells = cells_of(piece, scanner.folding)
        self.filled += _count(cells.filled, times)
        tally = scanner.scan(cells, self._active, self._wanted)
        for key, kinds in tally.masks.items():
            counter = self._counts.setdefault(key, Counter())
            for kind, mask in kinds.items():
                counter[kind] += _count(mask, times)
        for key, lost in tally.lost.items():
            self._lost[key] += _count(lost, times)
        if times is None:
            for key, numbers in tally.numbers.items():
                self._serials[key].take(numbers)
        self._keep_examples(tally)

    def _keep_examples(self, tally: Tally) -> None:
        for key, values in tally.values.items():
            kept = self._examples.setdefault(key, [])
            masked = (mask_example(value, key, self.engine.specs) for value in values)
            kept += [example for example in dict.fromkeys(masked) if example not in kept][: self._wanted[key]]
            self._wanted[key] = EXAMPLES - len(kept)

    def found(self) -> list[Found]:
        """What was found, detector by detector, whoever the rows are about."""
        rows = self.engine.doc.detectors
        named = self.engine.hinter.named(self.asked.name, self.asked.code) if self.filled else {}
        judge, found = self.engine.judge, []
        for row in rows:
            one = (
                judge.by_name(row, self.filled, named[row.key])
                if row.key in named
                else judge.judge(row, self._counts_of(row.key), self._shown, self.hints.get(row.key, ""))
            )
            if one is not None:
                found.append(replace(one, examples=tuple(self._examples.get(row.key, ()))))
        return found

    @property
    def _shown(self) -> str:
        return self.asked.name or self.asked.code

    def _counts_of(self, key: str) -> Counts:
        rules = self.engine.scanner.rules
        rule = rules.numbers.get(key) or rules.texts.get(key)
        serial = self._serials[key].share if key in self._serials else 0.0
        kinds = self._counts.get(key, Counter())
        return counts_of(
            kinds, filled=self.filled, has_high=rule is not None and rule.has_high, serial=serial
        )

    def lost_numbers(self) -> int:
        """Cells whose number lost its last digits."""
        lost = 0
        for row in self.engine.doc.lost_numbers:
            shaped = self._counts.get(row.of or "", Counter())["shaped"]
            lost += self._lost[row.key] if self._lost[row.key] >= row.at_least * shaped else 0
        return lost


class _Serial:
    """Whether numbers without a check digit follow one another, as those of a serial do."""

    def __init__(self, engine: Engine) -> None:
        self._step = engine.doc.serials.step_max
        self._last: int | None = None
        self._pairs = self._rising = 0

    def take(self, numbers: npt.NDArray[np.int64]) -> None:
        if not len(numbers):
            return
        steps = np.diff(numbers if self._last is None else np.concatenate([[self._last], numbers]))
        self._pairs += len(steps)
        self._rising += int(((steps > 0) & (steps <= self._step)).sum())
        self._last = int(numbers[-1])

    @property
    def share(self) -> float:
        """Neighbours that rise by a small step among all neighbours, 0 to 1."""
        return self._rising / self._pairs if self._pairs else 0.0


def _count(mask: Mask, times: npt.NDArray[np.int64] | None) -> int:
    return int(np.count_nonzero(mask)) if times is None else int(times[mask].sum())


def _repeats(piece: pa.Array) -> bool:
    """Whether the first values repeat so often that the distinct ones are far fewer to look at."""
    sample = piece.slice(0, _SAMPLE)
    return len(sample) == _SAMPLE and pc.count_distinct(sample).as_py() * _DISTINCT_SHARE <= _SAMPLE


def judge_columns(scanners: Sequence[ColumnScanner], *, about_people: bool | None) -> tuple[ColumnFound, ...]:
    """What every column holds, in the order of ``scanners``.

    ``about_people``: whether a row is about a person; where that is not known (None) it is, as soon as some
    column holds a direct identifier for certain. Addresses, birth dates and positions count only then.
    Source: domain §12 R11.
    """
    found = [scanner.found() for scanner in scanners]
    if about_people is None:
        about_people = any(one.confidence == "H" and one.pii == "direct" for row in found for one in row)
    return tuple(
        ColumnFound(
            scanner.asked,
            scanner.rows,
            scanner.filled,
            tuple(one for one in row if about_people or one.detector not in _about_people(scanner)),
            tuple(scanner.hints),
            scanner.lost_numbers(),
        )
        for scanner, row in zip(scanners, found, strict=True)
    )


def _about_people(scanner: ColumnScanner) -> tuple[str, ...]:
    return scanner.engine.doc.column_hints.person_rules.detectors


def residual(
    engine: Engine, values: pa.Array | pa.ChunkedArray, detectors: Sequence[str] | None = None
) -> Mask:
    """Whether each cell holds an unmasked identifier, judged by itself: shape (cells,).

    ``detectors`` are keys of desensitization.yaml, by default its ``residual_detectors``. Nulls hold nothing.
    """
    keys = engine.doc.residual_detectors if detectors is None else detectors
    active = engine.scanner.active((), tuple(keys))
    found = [_residual_of(engine, piece, active) for piece in slices(values)]
    return np.concatenate(found) if found else np.zeros(0, bool)


def _residual_of(engine: Engine, piece: pa.Array, active: Active) -> Mask:
    tally = engine.scanner.scan(cells_of(piece, engine.scanner.folding), active, {})
    found = np.zeros(tally.count, bool)
    for rule in active.rules:
        hits = tally.of(rule.spec.key, "high_hits" if rule.has_high else "hits")
        if hits is not None:
            found |= hits
    return found
