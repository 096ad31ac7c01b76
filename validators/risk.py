"""How closely a submitted version should be looked at: reasons with weights, by comparing it with the one before.

The reasons, their weights and words stand in queues.yaml [DESIGN]; here is how each is found out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from catalog_specs import Specs
from catalog_specs.queueing import Queues, Risk
from validators.fields import is_blank
from validators.folding import fold
from validators.grading import grader_of

Content = Mapping[str, Any]
_ITEMS = "items."


def risk(before: Content | None, after: Content, specs: Specs) -> tuple[int, list[str]]:
    """The risk of ``after`` (the sum of weights, 0 for none) and the keys of its reasons, as queues.yaml has them.

    ``before`` is the content of the version in force; None for a first version, which is compared with an
    entry that shares and opens nothing and holds nothing personal.
    """
    found = _reviewer(specs).reasons(before, after)
    return sum(row.weight for row in found), [row.key for row in found]


def reason_words(keys: Iterable[str], specs: Specs, lang: str = "zh") -> list[str]:
    """The reasons as people read them; a key that the specification no longer knows names itself."""
    index = specs.document("queues", Queues).index
    return [(row.en if lang == "en" else row.zh) if (row := index.get(key)) else key for key in keys]


class _Reviewer:
    """The tables of one specification that the checks look into."""

    def __init__(self, specs: Specs) -> None:
        self.spec = specs.document("queues", Queues)
        grader = grader_of(specs)
        self.hint, self.identifiers, self.rank = grader.hint, frozenset(grader.kind_of), grader.rank
        self.looseness = {code: n for n, code in enumerate(self.spec.strictest_first)}
        self.personal = frozenset(self.spec.personal)

    def reasons(self, before: Content | None, after: Content) -> list[Risk]:
        rows = (row for row in self.spec.risks if row.first or before is not None)
        return [row for row in rows if self._holds(row, before, after)]

    def _holds(self, row: Risk, before: Content | None, after: Content) -> bool:
        match row.check:
            case "first":
                return before is None
            case "looser":
                return self._looser(row, before, after)
            case "new_personal":
                return self._new_personal(before, after)
            case "high_opened":
                return self._is_high(row, after) and not (before and self._is_high(row, before))
            case "lowered":
                return self._rank(after) < self._rank(before)
            case "changed":
                return any(_plain(before, key) != _plain(after, key) for key in row.fields)

    def _looser(self, row: Risk, before: Content | None, after: Content) -> bool:
        own = [key for key in row.fields if not key.startswith(_ITEMS)]
        inner = [key.removeprefix(_ITEMS) for key in row.fields if key.startswith(_ITEMS)]
        if any(self._is_looser(before, after, key) for key in own):
            return True
        # an item that is new is as strict as the whole entry was
        old = _items(before)
        pairs = ((old.get(name, before), item) for name, item in _items(after).items())
        return any(self._is_looser(was, item, key) for was, item in pairs for key in inner)

    def _is_looser(self, before: Content | None, after: Content, key: str) -> bool:
        return self._loose(after, key) > self._loose(before, key)

    def _loose(self, content: Content | None, key: str) -> int:
        """0 for the strictest type; what is missing counts as that (nothing defaults to open)."""
        value = (content or {}).get(key)
        return self.looseness.get(value, 0) if isinstance(value, str) else 0

    def _new_personal(self, before: Content | None, after: Content) -> bool:
        old = _items(before)
        return any(
            self._is_personal(item) and not (name in old and self._is_personal(old[name]))
            for name, item in _items(after).items()
        )

    def _is_personal(self, item: Content) -> bool:
        """Declared personal or sensitive, or not declared at all under the name of an identifier."""
        declared = _text(item.get("pii_class"))
        if declared in self.personal or item.get("sensitive_flag") == self.spec.sensitive:
            return True
        named = _text(item.get("item_name")), _text(item.get("item_code"))
        return not declared and self.hint(*named).detector in self.identifiers

    def _is_high(self, row: Risk, content: Content) -> bool:
        """Of a higher grade, and let out by one of the types in ``fields``."""
        return self._rank(content) >= self.rank[self.spec.high_grade] and any(
            self._loose(content, key) > 0 for key in row.fields
        )

    def _rank(self, content: Content | None) -> int:
        return self.rank.get(_text((content or {}).get("data_grade")), 0)


@lru_cache(maxsize=8)
def _reviewer(specs: Specs) -> _Reviewer:
    return _Reviewer(specs)


def _items(content: Content | None) -> dict[tuple[str, int], Content]:
    """The items by folded name, else code, and which of that name they are: a double hides nothing."""
    listed = (content or {}).get("items")
    items = [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
    met: Counter[str] = Counter()
    found = {}
    for item in items:
        name = fold(_text(item.get("item_name"))) or _text(item.get("item_code"))
        met[name] += 1
        found[name, met[name]] = item
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _plain(content: Content | None, key: str) -> Any:
    """A value as it is compared: a blank is a blank, however it is written."""
    value = (content or {}).get(key)
    return None if is_blank(value) else value
