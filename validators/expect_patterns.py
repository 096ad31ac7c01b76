"""Patterns of detectors as databases read them: cut into groups, with gaps, in texts that are folded."""

import re
from collections.abc import Iterator, Sequence

from catalog_specs.law_detecting import CodePoints, DetectorText
from catalog_specs.law_masking import Detector
from validators.expect_dialects import NOT_ALNUM
from validators.expect_sql_terms import portable

# FF01 to FF5E are ! to ~ made wide
_WIDE_FIRST, _NARROW_FIRST = 0xFF01, 0x21


def alone_in_text(core: str) -> str:
    """The pattern with no digit and no Latin letter beside it."""
    return f"(?:^|{NOT_ALNUM})(?:{core})(?:$|{NOT_ALNUM})"


def either_case(core: str) -> str:
    """The pattern for letters of both cases; ``core`` is one of ``portable``."""

    def both(found: re.Match[str]) -> str:
        text = found.group()
        letters = "".join(part.swapcase() for part in re.findall("[A-Za-z](?:-[A-Za-z])?", text))
        return f"{text[:-1]}{letters}]" if text.startswith("[") else f"[{text}{letters}]"

    return re.sub(r"\[[^\]]*\]|[A-Za-z]", both, core)


def worth_looking(rows: Sequence[Detector]) -> str:
    """A pattern that stands in every raw text that can hold a value of the detectors; empty where none is known."""
    if not all(_needs_digit_or_at(row) for row in rows):
        return ""
    return "[0-9@" + "".join(chr(c) for c in (*range(0xFF10, 0xFF1A), 0xFF20)) + "]"


def _needs_digit_or_at(row: Detector) -> bool:
    """Whether no value is without a digit or an @; False where that is not plain to see."""
    try:
        rest, before = portable(row.pattern), ""
    except ValueError:
        return False
    while rest != before:
        before, rest = rest, re.sub(r"\(\?:[^()]*\)(?:[?*+]|\{[0-9,]+\})?", "", rest)
    if "|" in rest or row.also_written:
        return False
    atoms = re.findall(r"(\[[^\]]*\]|[^\[{])([?*+]|\{[0-9,]+\})?", rest)
    return any(
        re.fullmatch(r"\[[0-9-]+\]|[0-9@]|\[@\]", atom) and not count.startswith(("?", "*", "{0"))
        for atom, count in atoms
    )


# ---- texts and gaps ---------------------------------------------------------------------------------------


def folding(spec: DetectorText) -> dict[str, str]:
    """Every character that is folded, with what it becomes: one character, or nothing."""
    table = {
        chr(point): chr(point - _WIDE_FIRST + _NARROW_FIRST)
        for point in _points(spec.half_width)
        # the quotation mark, the apostrophe and the backslash are boundaries as they are, wide or not
        if chr(point - _WIDE_FIRST + _NARROW_FIRST) not in "'\"\\"
    }
    for points, becomes in (
        (spec.blanks, " "),
        (spec.hyphens, "-"),
        (spec.middle_dots, "·"),
        (spec.dropped, ""),
    ):
        table |= dict.fromkeys(map(chr, _points(points)), becomes)
    for letter, points in spec.check_letters.items():
        table |= dict.fromkeys(map(chr, _points(points)), letter)
    return table


def _points(ranges: CodePoints) -> Iterator[int]:
    for text in ranges:
        ends = [int(end, 16) for end in text.split("-")]
        yield from range(ends[0], ends[-1] + 1)


def gaps(spec: DetectorText) -> dict[str, str]:
    """Patterns of what may stand between two groups, by the greatest mark in it; every alternative of one length.

    Two groups are joined alike when the greatest byte between them is the same, as the engine has it.
    """
    marks = sorted(spec.separators, key=lambda c: c.encode())
    found = {}
    for number, mark in enumerate(marks):
        lesser, up_to = class_of(marks[:number]), class_of(marks[: number + 1])
        own = class_of([mark])
        forms = []
        room = spec.gap_max - len(mark.encode())
        if any(len(m.encode()) > 1 for m in marks[:number]):
            raise ValueError(f"only the last separator may be more than one byte: {spec.separators}")
        for before in range(room + 1):
            for after in range(room - before + 1):
                # a wide mark leaves no room for another of its kind
                behind = up_to if len(mark.encode()) == 1 else lesser
                if (before and not lesser) or (after and not behind):
                    continue
                forms.append(lesser * before + own + behind * after)
        found[mark] = "(?:" + "|".join(forms) + ")"
    return found


def class_of(marks: Sequence[str]) -> str:
    """A class of these marks; empty for none."""
    # a hyphen stands last, where it means itself
    return "[" + "".join(sorted(marks, key=lambda c: c == "-")) + "]" if marks else ""


def split(pattern: str, layout: Sequence[int]) -> Iterator[list[str]]:
    """The ways that a pattern may be cut into groups of these sizes; each a list of patterns.

    Raises:
        ValueError: the pattern is not a row of classes with counts, with or without groups that may be left out.
    """
    for atoms in _spelled(pattern):
        if len(atoms) == sum(layout):
            ends = [sum(layout[: n + 1]) for n in range(len(layout))]
            yield ["".join(atoms[end - size : end]) for end, size in zip(ends, layout, strict=True)]


def _spelled(pattern: str) -> Iterator[list[str]]:
    """All rows of single characters or classes that a pattern stands for."""
    import re

    optional = re.fullmatch(r"\(([0-9A-Za-z|]+)\)\?(.*)", pattern)
    rest, heads = (optional.group(2), ["", *optional.group(1).split("|")]) if optional else (pattern, [""])
    atoms: list[str] = []
    place = 0
    for found in re.finditer(r"(\[[^\]]+\]|[0-9A-Za-z])(?:\{([0-9]+)\})?", rest):
        if found.start() != place:
            break
        atoms += [found.group(1)] * int(found.group(2) or 1)
        place = found.end()
    if place != len(rest):
        raise ValueError(f"the pattern cannot be cut into groups: {pattern}")
    for head in heads:
        yield [*head, *atoms]
