"""All detectors over one slice of a column: which cells have the shape of what, and which pass."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import numpy.typing as npt

from catalog_specs import Specs
from catalog_specs.law_detecting import DetectorText
from validators.checksums import Mask
from validators.detect_pattern import matching, without_marks
from validators.detect_rules import Compiled, NumberRule, TextRule, TextSearch
from validators.detect_text import Cells, Folding
from validators.detect_tokens import Candidates, TokenSearch

_CENTURIES = frozenset((b"18", b"19", b"20"))
_ID_LENGTH = 18
_SERIAL_DIGITS = 11
Numbers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Tally:
    """What one slice holds: masks over its cells by detector and kind, some values, and numbers in order.

    Kinds are ``shaped``, ``hits``, ``high_shaped``, ``high_hits``, ``among``, ``prefixed``, and ``covered_`` with
    one of these; a kind that no cell is of is missing. ``values`` are real values, for masked examples:
    they never leave the scanner.
    """

    count: int
    masks: dict[str, dict[str, Mask]] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, Numbers] = field(default_factory=dict)
    lost: dict[str, Mask] = field(default_factory=dict)

    def of(self, detector: str, kind: str) -> Mask | None:
        """The cells of one kind; None where there are none."""
        return self.masks.get(detector, {}).get(kind)

    def mark(self, detector: str, kind: str, cells: Numbers) -> None:
        """Marks cells, given by their places."""
        if len(cells):
            _marked(self.masks.setdefault(detector, {}), kind, cells, self.count)


def _marked(masks: dict[str, Mask], kind: str, cells: Numbers, count: int) -> None:
    if kind not in masks:
        masks[kind] = np.zeros(count, bool)
    masks[kind][cells] = True


@dataclass(frozen=True)
class Active:
    """The detectors that look into one column: all of H and M, of L those that its name hints at."""

    numbers: tuple[NumberRule, ...]
    texts: tuple[TextRule, ...]
    lengths: frozenset[int]

    @property
    def shortest(self) -> int:
        """The length of the shortest number that may be written in groups."""
        return min((n for rule in self.numbers if rule.spec.groups for n in rule.shape.lengths), default=0)

    @property
    def rules(self) -> tuple[NumberRule | TextRule, ...]:
        """All of them."""
        return (*self.numbers, *self.texts)


class CellScanner:
    """The detectors of one specification over slices of cells. Holds no state of any column."""

    def __init__(self, specs: Specs) -> None:
        doc = specs.desensitization
        self.rules = Compiled(specs)
        self.folding = Folding(doc.detector_text)
        self.text: DetectorText = doc.detector_text
        self.embedded = doc.embedded.detector
        self.lost_texts = {row.key: TextSearch(row.pattern) for row in doc.lost_numbers if row.of is None}
        self.lost_numbers = {row.of: (row.key, row.pattern) for row in doc.lost_numbers if row.of}

    def active(self, hinted: Sequence[str], only: Sequence[str] | None = None) -> Active:
        """The detectors for a column whose name hints at ``hinted``; ``only`` these where it is given."""

        def chosen(key: str, conf: str) -> bool:
            return key in only if only is not None else conf != "L" or key in hinted

        votes = self.rules.votes
        texts = tuple(
            votes[key] if only is None and key in votes and key not in hinted else rule
            for key, rule in self.rules.texts.items()
            if chosen(key, rule.spec.conf)
        )
        numbers = tuple(rule for key, rule in self.rules.numbers.items() if chosen(key, rule.spec.conf))
        return Active(numbers, texts, frozenset().union(*(rule.shape.lengths for rule in numbers)))

    def scan(self, cells: Cells, active: Active, wanted: Mapping[str, int]) -> Tally:
        """What the cells hold. ``wanted``: how many values of which detectors are asked for as examples."""
        return _SliceScan(self, cells, active, wanted).run()


class _SliceScan:
    def __init__(self, scanner: CellScanner, cells: Cells, active: Active, wanted: Mapping[str, int]) -> None:
        self._scanner = scanner
        self._cells = cells
        self._active = active
        self._wanted = wanted
        self._tally = Tally(cells.count)
        self._rules = scanner.rules.numbers

    def run(self) -> Tally:
        search = TokenSearch(self._cells, self._scanner.text, self._active.shortest)
        for length in sorted(self._active.lengths & search.present):
            self._whole(search.whole(length))
        if search.joins_any:
            for rule in self._active.numbers:
                self._joined(search, rule)
        if search.longest > _ID_LENGTH:
            self._embedded(search)
        self._cover()
        for text_rule in self._active.texts:
            self._text(text_rule)
        for key, lost in self._scanner.lost_texts.items():
            self._lose(key, lost.places(self._cells))
        return self._tally

    # ---- numbers ----

    def _whole(self, found: Candidates) -> None:
        length = found.chars.shape[0]
        shapes: dict[str, Mask] = {}
        claims: list[tuple[str, Mask]] = []
        for rule in sorted(self._active.numbers, key=lambda rule: not rule.strong):
            if length not in rule.shape.lengths:
                continue
            shaped = shapes[rule.spec.key] = self._shaped(rule, found, shapes)
            # a residence permit is an identity number of its own kind: the same check claims nothing from it
            for check, claimed in claims:
                shaped = shaped if check == rule.spec.check else shaped & ~claimed
            passed = self._judge(rule, found, shaped)
            if rule.strong:
                claims.append((rule.spec.check, passed))
            if rule.spec.among:
                among = matching(without_marks(rule.spec.among), found.chars)
                self._tally.mark(rule.spec.key, "among", found.cells[among])

    def _joined(self, search: TokenSearch, rule: NumberRule) -> None:
        if rule.spec.groups is None:
            return
        for length in sorted(rule.shape.lengths):
            found = search.joined(length, rule.spec.groups)
            if len(found.cells):
                self._judge(rule, found, self._shaped(rule, found, {}))

    def _embedded(self, search: TokenSearch) -> None:
        rule = next((r for r in self._active.numbers if r.spec.key == self._scanner.embedded), None)
        if rule is not None:
            found = search.embedded(_CENTURIES)
            if len(found.cells):
                self._judge(rule, found, rule.matches(found.chars))

    def _cover(self) -> None:
        """Marks cells in which another number with a check digit explains what looks like this one."""
        tally = self._tally
        checked = [r for r in self._active.numbers if r.check is not None and r.spec.key in tally.masks]
        hits = [tally.of(r.spec.key, "high_hits" if r.has_high else "hits") for r in checked]
        for rule in checked:
            others = [
                h
                for r, h in zip(checked, hits, strict=True)
                if r.spec.check != rule.spec.check and h is not None
            ]
            if others:
                explained = reduce(np.logical_or, others)
                for kind, mask in list(tally.masks[rule.spec.key].items()):
                    tally.mark(rule.spec.key, f"covered_{kind}", np.flatnonzero(mask & explained))

    def _shaped(self, rule: NumberRule, found: Candidates, shapes: Mapping[str, Mask]) -> Mask:
        """Of the shape, but not of the shape of what the detector yields to."""
        shaped, length = rule.matches(found.chars), found.chars.shape[0]
        for key in rule.spec.yields_to:
            other = self._rules[key]
            if length in other.shape.lengths:
                shaped &= ~(shapes[key] if key in shapes else other.matches(found.chars))
        return shaped

    def _judge(self, rule: NumberRule, found: Candidates, shaped: Mask) -> Mask:
        """Marks the cells; returns which candidates pass for certain."""
        if not shaped.any():
            return shaped
        judged, key, mark = rule.judge(found.chars, shaped), rule.spec.key, self._tally.mark
        mark(key, "shaped", found.cells[judged.shaped])
        mark(key, "hits", found.cells[judged.passed])
        if rule.has_high:
            mark(key, "high_shaped", found.cells[judged.high_shaped])
            mark(key, "high_hits", found.cells[judged.high_passed])
        self._look_closer(rule, found.only(judged.passed))
        if key in self._scanner.lost_numbers:
            failed = found.only(shaped & ~judged.passed)
            name, pattern = self._scanner.lost_numbers[key]
            self._lose(name, failed.cells[matching(pattern, failed.chars)])
        return judged.high_passed

    def _look_closer(self, rule: NumberRule, hits: Candidates) -> None:
        key, tally = rule.spec.key, self._tally
        for prefix in rule.spec.pii_by_prefix:
            wanted = np.frombuffer(prefix.encode(), np.uint8)[:, None]
            begins = np.equal(hits.chars[: len(prefix)], wanted).all(axis=0)
            tally.mark(key, "prefixed", hits.cells[begins])
        if rule.spec.serial:
            numbers = np.zeros(len(hits.cells), np.int64)
            for row in hits.chars[-_SERIAL_DIGITS:]:
                numbers = numbers * 10 + (row - np.uint8(48))
            tally.numbers[key] = np.concatenate([tally.numbers.get(key, numbers[:0]), numbers])
        lacking = self._wanted.get(key, 0) - len(tally.values.get(key, ()))
        if lacking > 0:
            values = tally.values.setdefault(key, [])
            values += [row.tobytes().decode() for row in hits.chars[:, :lacking].T]

    # ---- texts ----

    def _text(self, rule: TextRule) -> None:
        judged, key = rule.judge(self._cells), rule.spec.key
        if not judged.shaped.any():
            return
        masks = {"shaped": judged.shaped, "hits": judged.passed}
        if rule.has_high:
            masks |= {"high_shaped": judged.high_shaped, "high_hits": judged.high_passed}
        self._tally.masks[key] = masks
        if self._wanted.get(key, 0):
            self._tally.values[key] = list(self._values(rule, judged.passed, self._wanted[key]))

    def _values(self, rule: TextRule, hits: Mask, wanted: int) -> Iterator[str]:
        for row in np.flatnonzero(hits)[:wanted]:
            values = rule.values(self._cells.array[int(row)].as_py())
            yield from [value for value in values if rule.check is None or rule.check(value)][:1]

    def _lose(self, key: str, cells: Numbers) -> None:
        if len(cells):
            _marked(self._tally.lost, key, cells, self._cells.count)
