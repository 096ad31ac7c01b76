"""Texts made comparable: width, blanks and punctuation folded away, so that one name is one name."""

import re
import unicodedata
from functools import lru_cache

_NOT_WORD = re.compile(r"[\W_]+")
_WIDE = re.compile(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_WIDE_TABLE = {
    code: code - 0xFEE0 for code in [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]
}
_RUNNING = re.compile(r"\d+$")


@lru_cache(maxsize=262_144)
def fold(name: str) -> str:
    """A name for comparison: NFKC, lower case, without blanks and punctuation (E102); folded once for all."""
    # most names are folded already: nothing to lower, to narrow or to take away
    if name.isalnum() and name.lower() == name and unicodedata.is_normalized("NFKC", name):
        return name
    # lower case may bring marks of its own (İ), and taking blanks away may bring letters together
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    return unicodedata.normalize("NFKC", _NOT_WORD.sub("", plain))


def narrow(text: str) -> str:
    """Full-width digits and Latin letters made half-width; everything else stays as it is."""
    return text.translate(_WIDE_TABLE) if _WIDE.search(text) else text


def is_year(number: int) -> bool:
    """Whether a number may be a calendar year of our data."""
    return 1949 <= number <= 2100


def without_number(name: str) -> tuple[str, int | None]:
    """A name without its running number, and that number; a name without one gives None."""
    found = _RUNNING.search(name)
    if not found or found.start() == 0 or len(found.group()) > 6:
        return name, None
    return name[: found.start()], int(found.group())
