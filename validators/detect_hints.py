"""What a column's name hints at, detector by detector (domain §12 R11)."""

import re
from functools import lru_cache
from itertools import pairwise

from catalog_specs import Specs
from catalog_specs.law_masking import Detector
from validators.folding import narrow
from validators.hints import hinter

# 身份证号（18位）: what stands in brackets is a remark; 是否有手机号: an answer of yes or no is no number
_REMARK = re.compile(r"[（(【\[][^（(【\[）)】\]]*[）)】\]]")
_QUESTION = re.compile(r"^(?:是否|有无)")
_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_RUNNING = re.compile(r"[0-9]+$")


class ColumnHinter:
    """From a column's name and code to the detectors it hints at, each with the word that does."""

    def __init__(self, specs: Specs) -> None:
        doc = specs.desensitization
        self._strong = hinter(specs)
        self._endings = tuple(doc.column_hints.cancel_endings)
        self._rows = doc.detectors
        self._by_name = {
            row.key: self._pattern(row) for row in doc.detectors if row.applies_to == "column_name"
        }
        self.hint = lru_cache(maxsize=4096)(self._hint)

    def _hint(self, name: str, code: str) -> dict[str, str]:
        """Detector to the word of its own that the name or the code holds; empty when nothing hints."""
        bare = _REMARK.sub("", narrow(name)).strip() or narrow(name)
        found: dict[str, str] = {}
        strong = self._strong(name, code).detector
        if strong:
            found[strong] = name or code
        if _QUESTION.match(bare):
            return found
        lowered = bare.lower()
        cancelled = bare.endswith(self._endings)
        words = _words(bare) | _words(code)
        for row in self._rows:
            word = "" if cancelled else next((w for w in row.hints.names if w.lower() in lowered), "")
            word = word or next((c for c in row.hints.codes if c in words), "")
            if word:
                found.setdefault(row.key, word)
        return found

    def named(self, name: str, code: str) -> dict[str, str]:
        """The detectors that judge by the column's name alone, with the word or name that tells."""
        hints = self.hint(name, code)
        found = {key: hints[key] for key in self._by_name if key in hints}
        for key, pattern in self._by_name.items():
            whole = next((text for text in (name, code) if text and pattern.fullmatch(narrow(text))), "")
            if whole:
                found.setdefault(key, whole)
        return found

    def _pattern(self, row: Detector) -> re.Pattern[str]:
        return re.compile(row.pattern, re.IGNORECASE if row.ignore_case else 0)


def _words(text: str) -> set[str]:
    """Latin words of a name, and the whole with its words joined by underscores: idCard gives id, card, id_card."""
    parts = _WORD.findall(_CAMEL.sub("_", text).lower())
    bare = [_RUNNING.sub("", part) for part in parts]
    return {
        *parts,
        *bare,
        "_".join(parts),
        "_".join(bare),
        *("_".join(pair) for pair in pairwise(bare)),
    }
