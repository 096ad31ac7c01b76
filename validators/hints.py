"""What an item's names hint at: strong whole names of identifiers, and weak words (domain §2.5, §12 R11)."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from catalog_specs import Specs
from validators.case import Hint
from validators.folding import fold, narrow

# 身份证号（18位）, 病床数(张): what stands in brackets is a remark, not the name
_REMARK = re.compile(r"[（(【\[][^（(【\[）)】\]]*[）)】\]]")
_NUMBER = re.compile(r"[0-9]+$")
# 是否有手机号, 有无指纹: an answer of yes or no is not the number itself
_QUESTION = re.compile(r"^(?:是否|有无)")
_SEPARATOR = re.compile(r"[\W_]+")
CLASSIFIED = "secret"
_LATIN_RUN = re.compile(r"[a-z]+")


NOTHING = Hint()
Hinter = Callable[[str, str], Hint]


def hinter(specs: Specs) -> Hinter:
    """A function from an item's name and code to its hint; answers are remembered.

    A strong name counts when it stands at the end of the item's name (男方身份证号码, 手机号2) or is its
    whole code, but not in a question (是否有手机号). A weak word counts anywhere in the name unless the name
    ends in a cancelling word (病床数, 机构名称). A remark in brackets neither hides nor cancels.
    """
    hints = specs.desensitization.column_hints
    endings = tuple(hints.cancel_endings)
    strong_names = {fold(name): row.detector for row in hints.strong for name in row.names}
    strong_codes = {code.lower(): row.detector for row in hints.strong for code in row.codes}
    weighed = _Words(hints.weak)
    by_ending = sorted(strong_names, key=len, reverse=True)

    any_ending = tuple(by_ending)
    listed = [*weighed.chinese, *strong_names]
    worded = re.compile("|".join(["[A-Za-z\uff00-\uffef]", *map(re.escape, listed)])).search
    latin = weighed.latin | strong_codes.keys()

    def is_plain(name: str, code: str) -> bool:
        """Whether name and code hold no word at all, as most do: one look instead of five."""
        if not name.isalnum() or worded(name) or fold(name) != name:
            return False
        return code.isidentifier() and latin.isdisjoint((code, *code.split("_")))

    def strong(name: str) -> str:
        folded = _NUMBER.sub("", fold(name))
        if not folded.endswith(any_ending):
            return ""
        return next((strong_names[s] for s in by_ending if folded.endswith(s)), "")

    @lru_cache(maxsize=131_072)
    def hint(name: str, code: str) -> Hint:
        lowered = code.lower()
        if is_plain(name, lowered):
            return NOTHING
        bare = _REMARK.sub("", name).strip() or name
        detector = "" if _QUESTION.match(bare) else strong(bare) or (strong(name) if bare != name else "")
        detector = detector or strong_codes.get(lowered, "")
        found = weighed.find(narrow(name), lowered)
        secret = next((word for word, tier in found.items() if tier == CLASSIFIED), "")
        weak = {} if bare.endswith(endings) else {w: tier for w, tier in found.items() if tier != CLASSIFIED}
        if not (detector or weak or secret):
            return NOTHING
        return Hint(detector, frozenset(weak.values()), tuple(weak), secret)

    return hint


def secret_words(specs: Specs) -> Callable[[str], str]:
    """A function from a text to the first secret word in it, or an empty text."""
    words = specs.desensitization.column_hints.weak.get("secret", ())
    pattern = re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)))
    harmless = re.compile("非涉密|不涉密|脱密|未涉密")

    def find(text: str) -> str:
        found = pattern.search(text) if text and words else None
        if found:
            found = pattern.search(harmless.sub("", text))
        return found.group() if found else ""

    return find


class _Words:
    """Word lists by tier: Chinese words are looked for in the name, Latin ones as parts of code and name."""

    def __init__(self, tiers: Mapping[Any, Iterable[str]]) -> None:
        self._tier_of = {word.lower(): tier for tier, words in tiers.items() for word in words}
        self.chinese = sorted((w for w in self._tier_of if not w.isascii()), key=len, reverse=True)
        self.latin = {w for w in self._tier_of if w.isascii()}
        self._pattern = re.compile("|".join(map(re.escape, self.chinese)) or "(?!)")

    def find(self, name: str, code: str) -> dict[str, str]:
        """The words found, each with its tier: Chinese ones in their order, then Latin ones."""
        words = self._pattern.findall(name)
        parts = {code, *_SEPARATOR.split(code), *_LATIN_RUN.findall(name.lower())}
        words += sorted(parts & self.latin)
        return {word: self._tier_of[word] for word in words}
