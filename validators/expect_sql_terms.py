"""Check digits, dates and regions as SQL about one candidate: the same words in PostgreSQL, MariaDB and Spark.

Only ``substr``, ``ascii``, ``mod``, ``lpad`` and ``CASE`` are used, so that one text serves them all. A candidate
is an expression that names a text already known to have the shape of its detector.
"""

import re
from collections.abc import Callable, Sequence

from catalog_specs.coding import CreditCode

Term = Callable[[str], str]
# GB 11643-1999, MOD 11-2
_ID_WEIGHTS = tuple(pow(2, 17 - i, 11) for i in range(17))
# ISO/IEC 7812: twice a digit, its digits added up
_DOUBLED = "0246813579"
_LONGEST_CARD = 19


class NotPushed(Exception):
    """A detector or a database has no SQL; ``say`` is a key of the ``says`` of scanning.yaml, ``what`` its name."""

    def __init__(self, say: str, what: str) -> None:
        super().__init__(f"{say}: {what}")
        self.say, self.what = say, what


def literal(text: str) -> str:
    """A text in SQL. Nothing of ours holds a backslash, which the databases read differently."""
    if "\\" in text:
        raise ValueError(f"a backslash cannot be written alike for all databases: {text}")
    return "'" + text.replace("'", "''") + "'"


def portable(pattern: str) -> str:
    """A core pattern without backslashes and without groups that capture; the same texts match it.

    Raises:
        ValueError: an escape stands inside a class, or is one of a kind of characters (``\\d``).
    """
    for inner in re.findall(r"\[[^\]]*\]", pattern):
        if "\\" in inner:
            raise ValueError(f"an escape inside a class: {pattern}")
    if re.search(r"\\[0-9A-Za-z]", pattern):
        raise ValueError(f"write the characters out instead of an escape: {pattern}")
    return re.sub(r"\((?!\?)", "(?:", re.sub(r"\\(.)", r"[\1]", _kept(pattern)))


def _kept(pattern: str) -> str:
    # a bracket that is meant as such would else be taken for a group
    return pattern.replace(r"\(", "[(]").replace(r"\)", "[)]")


def _at(text: str, place: int) -> str:
    return f"substr({text}, {place}, 1)"


def _digit(text: str, place: int) -> str:
    return f"(ascii({_at(text, place)}) - 48)"


def _value(text: str, place: int) -> str:
    """A character's value in base 36: digits, then capital letters."""
    code = f"ascii({_at(text, place)})"
    return f"(CASE WHEN {code} > 64 THEN {code} - 55 ELSE {code} - 48 END)"


def _ten(text: str, place: int) -> str:
    """A check character's value: X is ten."""
    return f"(CASE WHEN {_at(text, place)} IN ('X', 'x') THEN 10 ELSE {_digit(text, place)} END)"


def mod11_2(text: str) -> str:
    """The MOD 11-2 check of an 18-character identity number. Source: GB 11643-1999."""
    total = " + ".join(f"{_digit(text, i + 1)} * {weight}" for i, weight in enumerate(_ID_WEIGHTS))
    return f"mod({total} + {_ten(text, 18)}, 11) = 1"


def luhn(text: str) -> str:
    """The Luhn check of a card number of at most 19 digits. Source: ISO/IEC 7812."""
    padded = f"lpad({text}, {_LONGEST_CARD}, '0')"
    parts = []
    for place in range(1, _LONGEST_CARD + 1):
        if (_LONGEST_CARD - place) % 2 == 0:
            parts.append(_digit(padded, place))
        else:
            doubled = f"substr({literal(_DOUBLED)}, {_digit(padded, place)} + 1, 1)"
            parts.append(f"(ascii({doubled}) - 48)")
    return f"mod({' + '.join(parts)}, 10) = 0"


def uscc(spec: CreditCode) -> Term:
    """The mod 31 check of a credit code. Source: GB 32100-2015."""
    weights = (*spec.weights, 1)

    def term(text: str) -> str:
        values = [f"(position({_at(text, i + 1)} IN {literal(spec.alphabet)}) - 1)" for i in range(18)]
        total = " + ".join(f"{value} * {weight}" for value, weight in zip(values, weights, strict=True))
        return f"mod({total}, {len(spec.alphabet)}) = 0"

    return term


def organisation(spec: CreditCode) -> Term:
    """The check of the organisation code that a credit code carries. Source: GB 11714."""

    def term(text: str) -> str:
        parts = [f"{_value(text, i + 9)} * {weight}" for i, weight in enumerate(spec.organisation_weights)]
        known = f"{_at(text, 17)} IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'X')"
        return f"{known} AND mod({' + '.join(parts)} + {_ten(text, 17)}, 11) = 0"

    return term


def valid_date(text: str) -> str:
    """Whether the 7th to 14th characters are a day of the calendar; month and day are known to be in range."""
    month, day = f"substr({text}, 11, 2)", f"substr({text}, 13, 2)"
    century = f"({_digit(text, 7)} * 10 + {_digit(text, 8)})"
    year = f"({_digit(text, 9)} * 10 + {_digit(text, 10)})"
    leap = f"mod({year}, 4) = 0 AND ({year} > 0 OR mod({century}, 4) = 0)"
    last = f"CASE WHEN {leap} THEN '29' ELSE '28' END"
    return (
        f"{day} <= (CASE WHEN {month} = '02' THEN {last} "
        f"WHEN {month} IN ('04', '06', '09', '11') THEN '30' ELSE '31' END)"
    )


def prefix(ranges: Sequence[tuple[str, str]], place: int) -> Term:
    """Whether the two characters from ``place`` on are a known province's. Source: GB/T 2260."""

    def term(text: str) -> str:
        two = f"substr({text}, {place}, 2)"
        return "(" + " OR ".join(f"{two} BETWEEN '{low}' AND '{high}'" for low, high in ranges) + ")"

    return term
