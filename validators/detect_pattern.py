"""Core patterns taken apart: what each demands of a text, and which columns of characters it matches.

Core patterns hold classes, groups and ``| ? * + {m,n}`` only, so that numbers of one length can be judged many
at a time by comparing bytes, and cells can be passed over for what they lack before any engine runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from itertools import pairwise

import numpy as np

from validators.checksums import Bytes, Mask

# +86, (0851), M000100Y-4: a mark that may stand or not is a boundary or joins two groups; tokens are without it
_OPTIONAL_MARK = re.compile(r"(?:\\[^0-9A-Za-z]|[^0-9A-Za-z\\()\[\]{}|?*+])\?")
_LONGEST = 64
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
ALNUM = _LETTERS | frozenset(b"0123456789")
_WIDE_LEADS = frozenset(range(0xC2, 0xF5))
Marks = Mapping[frozenset[int], int]


@dataclass(frozen=True)
class Shape:
    """What every text that a pattern matches has.

    ``lengths`` in characters, none above 64; ``token``: all characters are half-width digits and Latin letters;
    ``run``: it holds so many of these in a row; ``marks``: how many ASCII marks of which sets it must hold;
    ``wide``: it must hold a character beyond ASCII; ``literals``: characters beyond ASCII it must hold;
    ``letter``: it must hold a Latin letter; ``first``: the bytes it may begin with.
    """

    lengths: frozenset[int] = frozenset({0})
    token: bool = True
    run: int = 0
    marks: Marks = field(default_factory=dict)
    wide: bool = False
    literals: frozenset[str] = frozenset()
    letter: bool = False
    first: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Chars:
    """One character of a class; ``wide`` holds ends of the ranges beyond ASCII."""

    ascii: frozenset[int]
    wide: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sequence:
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Either:
    branches: tuple["Node", ...]


@dataclass(frozen=True)
class Repeated:
    part: "Node"
    least: int
    most: int


Node = Chars | Sequence | Either | Repeated


def without_marks(pattern: str) -> str:
    """The pattern of the same number as a token, without marks that may stand or not."""
    return _OPTIONAL_MARK.sub("", pattern)


@lru_cache(maxsize=512)
def parsed(pattern: str) -> Node:
    """A core pattern as a tree.

    Raises:
        ValueError: the pattern holds something that a core pattern does not.
    """
    node, end = _Reader(pattern).either(0)
    if end != len(pattern):
        raise ValueError(f"unbalanced pattern: {pattern}")
    return node


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.text = pattern

    def either(self, at: int) -> tuple[Node, int]:
        branch, at = self._sequence(at)
        branches = [branch]
        while self.text[at : at + 1] == "|":
            branch, at = self._sequence(at + 1)
            branches.append(branch)
        return (branch if len(branches) == 1 else Either(tuple(branches))), at

    def _sequence(self, at: int) -> tuple[Node, int]:
        parts: list[Node] = []
        while at < len(self.text) and self.text[at] not in "|)":
            part, at = self._atom(at)
            least, most, at = self._count(at)
            parts.append(part if (least, most) == (1, 1) else Repeated(part, least, most))
        return Sequence(tuple(parts)), at

    def _atom(self, at: int) -> tuple[Node, int]:
        char = self.text[at]
        if char == "(":
            inner, end = self.either(at + (3 if self.text.startswith("(?:", at) else 1))
            return inner, end + 1
        if char == "[":
            end = self.text.index("]", at + 1)
            return _class(self.text[at + 1 : end]), end + 1
        if char in "?*+{}])^$.":
            raise ValueError(f"“{char}” is not understood in a core pattern: {self.text}")
        return (_class("\\" + self.text[at + 1]), at + 2) if char == "\\" else (_class(char), at + 1)

    def _count(self, at: int) -> tuple[int, int, int]:
        char = self.text[at : at + 1]
        if char in ("?", "*", "+"):
            return int(char == "+"), 1 if char == "?" else _LONGEST, at + 1
        if char != "{":
            return 1, 1, at
        end = self.text.index("}", at)
        least, comma, most = self.text[at + 1 : end].partition(",")
        return int(least), int(most or _LONGEST) if comma else int(least), end + 1


def _class(inner: str) -> Chars:
    known: set[int] = set()
    wide: list[str] = []
    for found in re.finditer(r"\\?(.)(?:-\\?(.))?", inner, re.DOTALL):
        low, high = found.group(1), found.group(2) or found.group(1)
        if high.isascii():
            known |= set(range(ord(low), ord(high) + 1))
        else:
            wide += [low, high]
    return Chars(frozenset(known), tuple(wide))


# ---- what a pattern demands ----


@lru_cache(maxsize=512)
def shape_of(pattern: str) -> Shape:
    """What ``pattern`` demands. Raises ValueError as ``parsed`` does."""
    return _shape(parsed(pattern))


def _shape(node: Node) -> Shape:
    if isinstance(node, Chars):
        return _shape_of_chars(node)
    if isinstance(node, Either):
        return _shape_of_either([_shape(branch) for branch in node.branches])
    if isinstance(node, Repeated):
        return _shape_of_repeated(_shape(node.part), node.least, node.most)
    return _shape_of_sequence([_shape(part) for part in node.parts])


def _shape_of_chars(node: Chars) -> Shape:
    token = not node.wide and node.ascii <= ALNUM
    only_marks = not node.wide and not node.ascii & ALNUM
    literal = not node.ascii and len(set(node.wide)) == 1
    return Shape(
        lengths=frozenset({1}),
        token=token,
        run=int(token),
        marks={node.ascii: 1} if only_marks else {},
        wide=not node.ascii,
        literals=frozenset(node.wide) if literal else frozenset(),
        letter=not node.wide and node.ascii <= _LETTERS,
        first=node.ascii | (_WIDE_LEADS if node.wide else frozenset()),
    )


def _shape_of_either(branches: list[Shape]) -> Shape:
    shared = reduce(frozenset.intersection, (frozenset(b.marks) for b in branches))
    return Shape(
        lengths=frozenset().union(*(b.lengths for b in branches)),
        token=all(b.token for b in branches),
        run=min(b.run for b in branches),
        marks={key: min(b.marks[key] for b in branches) for key in shared},
        wide=all(b.wide for b in branches),
        literals=reduce(frozenset.intersection, (b.literals for b in branches)),
        letter=all(b.letter for b in branches),
        first=frozenset().union(*(b.first for b in branches)),
    )


def _shape_of_repeated(part: Shape, least: int, most: int) -> Shape:
    lengths = _sums([part.lengths] * least)
    reachable = set(lengths)
    for _ in range(min(most, _LONGEST) - least):
        lengths = _sums([lengths, part.lengths])
        reachable |= lengths
    if not least:
        return Shape(lengths=frozenset(reachable), token=part.token, first=part.first)
    return Shape(
        lengths=frozenset(reachable),
        token=part.token,
        run=part.run * least if part.token else part.run,
        marks={key: count * least for key, count in part.marks.items()},
        wide=part.wide,
        literals=part.literals,
        letter=part.letter,
        first=part.first,
    )


def _shape_of_sequence(parts: list[Shape]) -> Shape:
    marks: dict[frozenset[int], int] = {}
    for part in parts:
        for key, count in part.marks.items():
            marks[key] = marks.get(key, 0) + count
    return Shape(
        lengths=_sums([p.lengths for p in parts]),
        token=all(p.token for p in parts),
        run=_run(parts),
        marks=marks,
        wide=any(p.wide for p in parts),
        literals=frozenset().union(*(p.literals for p in parts)),
        letter=any(p.letter for p in parts),
        first=_first(parts),
    )


def _run(parts: list[Shape]) -> int:
    longest = current = 0
    for part in parts:
        current = current + part.run if part.token else 0
        longest = max(longest, current, part.run)
    return longest


def _first(parts: list[Shape]) -> frozenset[int]:
    first: set[int] = set()
    for part in parts:
        first |= part.first
        if 0 not in part.lengths:
            break
    return frozenset(first)


def _sums(sets: list[frozenset[int]]) -> frozenset[int]:
    start = frozenset({0})
    return reduce(
        lambda one, two: frozenset(a + b for a in one for b in two if a + b <= _LONGEST), sets, start
    )


# ---- which values a pattern matches ----


def matching(pattern: str, columns: Bytes, *, ignore_case: bool = False) -> Mask:
    """Which values the whole of ``pattern`` matches; ``columns`` is ASCII of shape (characters, values)."""
    return _Matcher(columns, ignore_case).whole(parsed(pattern))


class _Matcher:
    """Columns of characters, looked at place by place; every node is tried at every place it can stand."""

    def __init__(self, columns: Bytes, ignore_case: bool) -> None:
        self._columns = columns
        self._length, self._count = columns.shape
        self._ignore_case = ignore_case

    def whole(self, node: Node) -> Mask:
        found = self._ends(node, {0: np.ones(self._count, bool)})
        return found.get(self._length, np.zeros(self._count, bool))

    def _ends(self, node: Node, starts: dict[int, Mask]) -> dict[int, Mask]:
        """For each place where the node may end, the values in which it does, from the places it may start at."""
        if isinstance(node, Chars):
            return {
                at + 1: mask & self._of_class(node, at) for at, mask in starts.items() if at < self._length
            }
        if isinstance(node, Sequence):
            for part in node.parts:
                starts = self._ends(part, starts)
            return starts
        if isinstance(node, Either):
            return _merged(self._ends(branch, starts) for branch in node.branches)
        for _ in range(node.least):
            starts = self._ends(node.part, starts)
        return _merged(self._more(node, starts))

    def _more(self, node: Repeated, starts: dict[int, Mask]) -> Iterator[dict[int, Mask]]:
        yield starts
        for _ in range(node.most - node.least):
            starts = self._ends(node.part, starts)
            if not starts:
                return
            yield starts

    def _of_class(self, node: Chars, at: int) -> Mask:
        found = np.zeros(self._count, bool)
        for low, high in _ranges(node.ascii, self._ignore_case):
            column = self._columns[at]
            found |= (column == low) if low == high else (column - np.uint8(low)) <= high - low
        return found


def _merged(found: Iterator[dict[int, Mask]]) -> dict[int, Mask]:
    merged: dict[int, Mask] = {}
    for ends in found:
        for at, mask in ends.items():
            merged[at] = merged[at] | mask if at in merged else mask
    return merged


@lru_cache(maxsize=1024)
def _ranges(chars: frozenset[int], ignore_case: bool) -> tuple[tuple[int, int], ...]:
    both = {other for c in chars & _LETTERS for other in (c | 32, c & ~32)} if ignore_case else set()
    known = sorted(chars | both)
    cuts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(known)) if b > a + 1), len(known)]
    return tuple((known[start], known[stop - 1]) for start, stop in pairwise(cuts) if stop > start)
