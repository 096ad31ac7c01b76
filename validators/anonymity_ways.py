"""What would make classes of alike rows large enough: generalisations tried on the counted classes, not on the data."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from catalog_specs.law_scanning import Anonymity, Way
from validators.anonymity import Classes
from validators.anonymity_keys import Ints, group, one_key

Values = Sequence[str | None]
# values by which most ways are seen not to suit a column
_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One way for one column: ``codes`` gives each value's number afterwards, None when the column goes."""

    column: str
    way: Way
    codes: Ints | None
    size: int


def generalised(way: Way, values: Values, rest: str) -> tuple[list[str], float]:
    """The values as a way makes them, and the share of the filled ones that it suits; others become ``rest``."""
    pattern, give, made, fits = re.compile(way.pattern), _giver(way), [], 0
    for value in values:
        found = pattern.fullmatch(value or "")
        fits += found is not None
        made.append(give(found) if found else rest if value else "")
    filled = sum(bool(value) for value in values)
    return made, fits / filled if filled else 0.0


def _giver(way: Way) -> Callable[[re.Match[str]], str]:
    if way.band:
        return lambda found: _band(int(found[1]) // way.band * way.band, way.band)
    # \1-\2 taken apart once: texts stand at even places, numbers of groups at odd ones
    parts = [int(part) if place % 2 else part for place, part in enumerate(re.split(r"\\([0-9])", way.give))]
    return lambda found: "".join(part if isinstance(part, str) else found[part] or "" for part in parts)


def _band(low: int, width: int) -> str:
    return f"{low}-{low + width - 1}"


class WaySearch:
    """Tries ways singly, then in pairs, least loss first, within ``search_work`` (classes times trials).

    ``hints`` are, by column, the detectors that its name hints at and the name itself; ``accepted`` says of a
    column's generalised value whether it may stand there.
    """

    def __init__(
        self,
        law: Anonymity,
        classes: Classes,
        hints: Mapping[str, Sequence[str]],
        accepted: Callable[[str, str], bool] | None,
    ) -> None:
        self._law, self._classes, self._accepted = law, classes, accepted
        self._left = law.search_work
        self._steps = [
            step for name in classes.names for step in self._suited(name, hints.get(name, (name,)))
        ]
        self._steps.sort(key=lambda step: step.way.loss)

    def _suited(self, name: str, hints: Sequence[str]) -> Iterator[Step]:
        values = self._classes.values[self._classes.names.index(name)]
        named = [way for way in self._law.ways if any(_speaks(hint, hints) for hint in way.hints)]
        plain = [way for way in self._law.ways if not way.hints and not way.drop]
        found = list(self._fitting(name, named, values)) or list(self._fitting(name, plain, values))
        yield from found
        for way in self._law.ways:
            if way.drop:
                yield Step(name, way, None, 1)

    def _fitting(self, name: str, ways: Sequence[Way], values: Values) -> Iterator[Step]:
        for way in ways:
            if generalised(way, values[:_SAMPLE], self._law.rest)[1] < self._law.fits:
                continue
            made, share = generalised(way, values, self._law.rest)
            numbers = {value: number for number, value in enumerate(dict.fromkeys(made))}
            if share >= self._law.fits and len(numbers) < len(values) and self._may_stand(name, numbers):
                yield Step(name, way, np.array([numbers[value] for value in made], np.int64), len(numbers))

    def _may_stand(self, name: str, values: Iterable[str]) -> bool:
        told = (value for value in values if value not in ("", self._law.rest))
        return self._accepted is None or all(self._accepted(name, value) for value in told)

    def reaching(self, threshold: int) -> list[tuple[tuple[Step, ...], int]]:
        """The ways that bring k to the threshold, each with the k it gives; for a column only the least loss."""
        found: list[tuple[tuple[Step, ...], int]] = []
        settled: set[str] = set()
        for step in self._steps:
            if step.column not in settled and (k := self._tried((step,))) >= threshold:
                settled.add(step.column)
                found.append(((step,), k))
        if len(found) < self._law.most_shown:
            found += self._pairs(threshold, settled, self._law.most_shown - len(found))
        return found[: self._law.most_shown]

    def _pairs(self, threshold: int, settled: set[str], most: int) -> Iterator[tuple[tuple[Step, ...], int]]:
        open_ = [name for name in self._classes.names if name not in settled]
        by_column = {name: [step for step in self._steps if step.column == name] for name in open_}
        pairs = [pair for a, b in combinations(open_, 2) for pair in product(by_column[a], by_column[b])]
        pairs.sort(key=lambda pair: pair[0].way.loss + pair[1].way.loss)
        done: set[tuple[str, str]] = set()
        for pair in pairs:
            columns = (pair[0].column, pair[1].column)
            if len(done) < most and columns not in done and (k := self._tried(pair)) >= threshold:
                done.add(columns)
                yield pair, k

    def _tried(self, steps: Sequence[Step]) -> int:
        """k after some steps; 0 when the work that was allowed is done."""
        self._left -= len(self._classes.sizes)
        if self._left < 0:
            return 0
        by_column = {step.column: step for step in steps}
        codes, sizes = [], []
        for name, own, values in zip(
            self._classes.names, self._classes.codes, self._classes.values, strict=True
        ):
            step = by_column.get(name)
            if step is None:
                codes.append(own)
                sizes.append(len(values))
            elif step.codes is not None:
                codes.append(step.codes[own])
                sizes.append(step.size)
        if not codes:
            return self._classes.rows
        return int(group(one_key(codes, sizes), self._classes.sizes)[1].min())


def _speaks(hint: str, hints: Sequence[str]) -> bool:
    """Whether a word of a way is a detector hinted at, or stands in a name (Latin words as a whole)."""
    return any(hint == told or (not hint.isascii() and hint in told) for told in hints)


def would_pass(
    law: Anonymity,
    classes: Classes,
    threshold: int,
    hints: Mapping[str, Sequence[str]],
    accepted: Callable[[str, str], bool] | None = None,
) -> tuple[str, ...]:
    """What would bring k to the threshold, in Chinese, least loss first; empty when nothing tried does.

    ``hints`` and ``accepted`` as for ``WaySearch``. Of a column only the way of the least loss is told; pairs
    where too few single ways reach it.
    """
    say = {key: text.zh for key, text in law.says.items()}
    found = []
    classes_below, rows_below = classes.below(threshold)
    kept = classes.sizes[classes.sizes >= threshold]
    if len(kept) and rows_below <= law.drop_rows * classes.rows:
        what = say["drop_small"].format(threshold=threshold, classes=classes_below, rows=rows_below)
        found.append(say["gain"].format(what=what, before=classes.k, after=int(kept.min())))
    for steps, k in WaySearch(law, classes, hints, accepted).reaching(threshold):
        words = [
            say["drop" if step.way.drop else "generalize"].format(column=step.column, way=step.way.zh)
            for step in steps
        ]
        found.append(say["gain"].format(what=say["join"].join(words), before=classes.k, after=k))
    return tuple(found[: law.most_shown])
