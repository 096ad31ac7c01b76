"""What an item's code table and value range say exactly; what cannot be read for certain is told, not guessed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog_specs import Specs
from validators.folding import fold, narrow

NUMBER = float | int


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Values that a column may hold: ``values``, or numbers from ``low`` to ``high`` (None: no bound)."""

    values: tuple[str, ...] = ()
    low: NUMBER | None = None
    high: NUMBER | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A text that names no exact values: ``say`` is a key of the ``says`` of scanning.yaml."""

    say: str
    text: str


def values_of(item: Mapping[str, Any], specs: Specs, *, numeric: bool) -> ValueSet | Unread | None:
    """The values that an item may have, by its code table and else its value range.

    Returns:
        A set or a range; ``Unread`` where a text stands that cannot be read for certain; None where none stands.
        A code table of ours gives its codes and their names; ``1-男、2-女`` both the codes and the meanings.
    """
    table, words = _text(item, "code_table"), _text(item, "value_range")
    found = (_of_table(table, specs) or _of_words(table, specs, numeric=numeric)) if table else None
    if found is None and words:
        found = _of_words(words, specs, numeric=numeric)
    if found is not None:
        return found
    if words:
        return Unread("unread_values", words)
    return Unread("unread_codes", table) if table else None


def _text(item: Mapping[str, Any], field: str) -> str:
    value = item.get(field)
    return narrow(value).strip() if isinstance(value, str) else ""


def _of_table(name: str, specs: Specs) -> ValueSet | None:
    wanted = fold(name)
    for key, listed in specs.codes.items():
        if wanted in (fold(key), fold(listed.zh)):
            names = [text for value in listed.values for text in (value.code, value.zh)]
            return ValueSet(tuple(dict.fromkeys(names)))
    return None


def _of_words(text: str, specs: Specs, *, numeric: bool) -> ValueSet | None:
    return (_range_of(text, specs) if numeric else None) or _listed(text, specs)


def _range_of(text: str, specs: Specs) -> ValueSet | None:
    words = specs.scanning.expectations.value_words
    for pattern in words.between:
        if found := re.fullmatch(pattern, text):
            low, high = sorted((_number(found.group(1)), _number(found.group(2))))
            return ValueSet(low=low, high=high)
    if found := re.fullmatch(words.at_least, text):
        return ValueSet(low=_number(found.group(1)))
    found = re.fullmatch(words.at_most, text)
    return ValueSet(high=_number(found.group(1))) if found else None


def _number(text: str) -> NUMBER:
    return float(text) if "." in text else int(text)


def _listed(text: str, specs: Specs) -> ValueSet | None:
    words = specs.scanning.expectations.value_words
    parts = [part.strip() for part in re.split(words.separator, text) if part.strip()]
    # a single word is a description (身份证号), not a list; and 男、女等 says that there are others
    if len(parts) < 2 or any(mark in text for mark in words.unfinished):
        return None
    pairs = [re.fullmatch(words.pair, part) for part in parts]
    if all(pairs):
        return ValueSet(tuple(value for pair in pairs if pair for value in pair.groups()))
    if all(re.fullmatch(words.bare, part) for part in parts):
        return ValueSet(tuple(parts))
    return None
