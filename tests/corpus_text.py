"""How identifiers really stand in cells: full-width, spaced, hyphenated, in Chinese sentences, several together."""

import random
from collections.abc import Callable

from tests.corpus_values import Draw

Disguise = Callable[[str, random.Random], str]
WIDE = str.maketrans({c: chr(ord(c) + 0xFEE0) for c in "0123456789XABCDEFGHJKLMNPQRTUWXYZGx"})
# what stands directly before and after, without a blank
AROUND = (
    ("身份证号", "，已核验"),
    ("证件号码：", "。"),
    ("经查，当事人（", "）于昨日到场"),
    ("其号码为", "的账户"),
    ("【", "】"),
    ("编号", "张三领取"),
    ("“", "”"),
    ("备注:", ";其余略"),
    ("一、", "、以上属实"),
    ("登记为\n", "\n请核对"),
)
SENTENCES = (
    "群众来电反映路灯不亮",
    "已转办",
    "材料齐全，予以受理",
    "",
    "无",
    "2024年5月15日回访满意",
    "共3人，补助1200.50元",
)


def plain(value: str, rng: random.Random) -> str:
    """As it is."""
    return value


def wide(value: str, rng: random.Random) -> str:
    """Full-width digits and letters."""
    return value.translate(WIDE)


def lower(value: str, rng: random.Random) -> str:
    """Small letters."""
    return value.lower()


def padded(value: str, rng: random.Random) -> str:
    """Blanks, tabs and apostrophes that keep a spreadsheet from reading a number."""
    before, after = rng.choice(
        ((" ", " "), ("\t", ""), ("", "\t"), ("'", ""), ("\u3000", "\u3000"), ("", "\r\n"))
    )
    return f"{before}{value}{after}"


def grouped(*sizes: int) -> Disguise:
    """A disguise that parts the characters into groups of these sizes, the rest being the last group."""

    def part(value: str, rng: random.Random) -> str:
        separator = rng.choice((" ", "-", "\u3000", "\u00a0"))
        groups, rest = [], value
        for size in sizes:
            groups.append(rest[:size])
            rest = rest[size:]
        return separator.join([g for g in (*groups, rest) if g])

    return part


def in_text(value: str, rng: random.Random) -> str:
    """In Chinese free text, nothing between."""
    before, after = rng.choice(AROUND)
    return f"{before}{value}{after}"


def wide_in_text(value: str, rng: random.Random) -> str:
    """Full-width in Chinese free text."""
    return in_text(value.translate(WIDE), rng)


def foreign_prefix(value: str, rng: random.Random) -> str:
    """A mobile number with the country's code, as telephones and forms write it."""
    return rng.choice(("+86", "86", "0086", "+86-", "+86 ", "(+86)")) + value


def wide_brackets(value: str, rng: random.Random) -> str:
    """The brackets of a Chinese keyboard."""
    return value.replace("(", "（").replace(")", "）")


def together(draws: tuple[Draw, ...]) -> Draw:
    """One cell with a value of each of these, with or without words between."""

    def cell(rng: random.Random) -> str:
        glue = rng.choice(("、", "；", "，电话", " / ", "\n", "及"))
        return in_text(glue.join(draw(rng) for draw in draws), rng)

    return cell
