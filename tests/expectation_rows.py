"""Cells that identifiers stand in, as people write them, and cells that only look so; drawn from a seed."""

import random

from tests.corpus_values import bank_card, email, id_card, mobile, uscc

KINDS = {"id_card_18": id_card, "mobile": mobile, "bank_card": bank_card, "email": email, "uscc": uscc}
_WIDE = {ord(c): ord(c) + 0xFEE0 for c in map(chr, range(0x21, 0x7F))}
# what stands between and around numbers: marks that join groups, marks that end them, letters, other digits
_BETWEEN = [
    *("", "", " ", "-", "  ", "--", " - ", "_", ".", "/", "*", "+", "@", "　", "－", "—", "\t", "\n", "’", "'", '"'),
    *("\\", "%", "%s", ":x", "，", "号", "、", "（", "A", "x", "X", "Ｘ", "G", "é", "①", "٣", "😀", "\u200b", "\xa0"),
    *("0", "1", "８", "86", "+86", "0086", "+86 ", "12", "1380013", "520303", "电话", "null", "{}", "$1", "é1"),
]  # fmt: skip
_JOINTS = (
    " ",
    "-",
    ".",
    "·",
    "_",
    "－",
    "　",
    "  ",
    "- ",
    " · ",
    "–",
    "•",
    "...",
    "    ",
    "\u200b",
    " .",
    "·-",
)
_LAYOUTS = ((3, 4, 4), (3, 8), (7, 4), (3, 3, 5), (4, 4, 3), (4, 4, 4, 4), (6, 8, 4), (6, 4, 4, 4))


def one(rng: random.Random, kind: str) -> str:
    """A valid identifier of a kind."""
    return KINDS[kind](rng)


def wide(text: str) -> str:
    """The same text with full-width characters."""
    return text.translate(_WIDE)


def spoilt(rng: random.Random, text: str) -> str:
    """The same text with one character changed for another of its sort."""
    place = rng.randrange(len(text))
    other = rng.choice("0123456789" if text[place].isdigit() else "ABXYx.@")
    return text[:place] + other + text[place + 1 :]


def masked(text: str) -> str:
    """The same text with its middle covered."""
    return text[:3] + "*" * (len(text) - 7) + text[-4:]


def grouped(rng: random.Random, text: str) -> str:
    """The same text in groups of equal sizes, as telephone numbers are written, or anyhow."""
    sizes = rng.choice(
        (*_LAYOUTS, (rng.choice((1, 2, 3, 4, 6)),) * 18, [rng.randint(1, 7) for _ in range(18)])
    )
    groups = [text[sum(sizes[:n]) : sum(sizes[: n + 1])] for n in range(len(sizes))]
    groups.append(text[sum(sizes) :])
    mark = rng.choice(_JOINTS)
    marks = [mark if rng.random() < 0.95 else rng.choice(_JOINTS) for _ in groups]
    return "".join(m + g for m, g in zip(["", *marks[1:]], groups, strict=True) if g)


def cell(rng: random.Random, kinds: tuple[str, ...] = tuple(KINDS)) -> str | None:
    """One cell: nothing, one identifier changed or not, or several with anything between them."""
    if rng.random() < 0.05:
        return None
    parts = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        text = one(rng, rng.choice(kinds))
        change = rng.random()
        if change < 0.35:
            text = spoilt(rng, text)
        elif change < 0.42:
            text = masked(text)
        elif change < 0.5:
            text = text[: rng.randrange(1, len(text))]
        if rng.random() < 0.3:
            text = grouped(rng, text)
        if rng.random() < 0.15:
            text = wide(text)
        parts += [rng.choice(_BETWEEN), rng.choice(_BETWEEN), text]
    return "".join([*parts, rng.choice(_BETWEEN), rng.choice(_BETWEEN)])


def table(rows: int, seed: int = 11) -> dict[str, list[str | None]]:
    """Columns by name: ``key``, one for each kind, and ``mixed`` of them all."""
    rng = random.Random(seed)
    columns: dict[str, list[str | None]] = {"key": [f"k{n}" for n in range(rows)]}
    columns |= {kind: [cell(rng, (kind,)) for _ in range(rows)] for kind in KINDS}
    return columns | {"mixed": [cell(rng) for _ in range(rows)]}
