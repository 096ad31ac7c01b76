"""One entry under judgement: its content, the facts, and what the rules have said so far."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from validators.findings import NO_ITEM, Finding, Need, text_of

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules may know beside the entry. Everything not given counts as *not known*, never as fine.

    ``names``: (provider code, folded name) -> keys of the live entries of that name.
    ``elsewhere``: folded name -> provider codes that catalogue it; ``item_sets`` likewise for sets of items;
    ``twins``: keys of entries of the same file whose items another provider of the city lists, too.
    ``codes``: registered resource codes, None when they cannot be known (a check without a database).
    ``agency_kinds``: provider code -> agency kind; ``systems``: system id -> name.
    ``dragged``: (provider code, folded name) of rows that look drag-filled.
    """

    today: date
    names: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    elsewhere: Mapping[str, frozenset[str]] = field(default_factory=dict)
    item_sets: Mapping[frozenset[str], frozenset[str]] = field(default_factory=dict)
    twins: frozenset[str] = frozenset()
    codes: frozenset[str] | None = None
    agency_kinds: Mapping[str, str] = field(default_factory=dict)
    systems: Mapping[str, str] = field(default_factory=dict)
    dragged: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Hint:
    """What an item's names hint at (``hints``).

    ``detector`` comes from a strong name, ``tiers`` and ``words`` from weak words, ``secret`` from secret
    words.
    """

    detector: str = ""
    tiers: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A grade with the reasons that ask for it (each a Chinese phrase of the specification)."""

    grade: str
    reasons: tuple[str, ...] = ()


class Case:
    """The working object that checkers read and add findings and needs to. One per assessment."""

    by_items: str
    classes: list[str]
    content: Content
    disclosed: frozenset[str]
    facts: Facts
    findings: list[Finding]
    get: Callable[[str], Any]
    grade: Any
    hinted: list[int]
    hints: list[Hint]
    items: list[Mapping[str, Any]]
    me: str
    needs: list[Need]
    open: Any
    opened: list[int]
    person: bool
    share: Any
    suggested: Suggestion
    told: list[tuple[str, str, str]]

    __slots__ = (
        "by_items",
        "classes",
        "content",
        "disclosed",
        "facts",
        "findings",
        "get",
        "grade",
        "hinted",
        "hints",
        "items",
        "me",
        "needs",
        "open",
        "opened",
        "person",
        "share",
        "suggested",
        "told",
    )

    def __init__(self, content: Content, facts: Facts, me: str) -> None:
        get = content.get
        items = get("items")
        self.content = content
        self.get = get
        self.facts = facts
        self.me = me
        self.items = items if type(items) is list else []
        self.share = get("share_type")
        self.open = get("open_type")
        self.grade = get("data_grade")
        self.findings = []
        self.needs = []

    def add(
        self,
        rule: str,
        key: str = "",
        value: Any = "",
        item: int = NO_ITEM,
        reason: str = "",
        params: Mapping[str, str] | None = None,
    ) -> None:
        self.findings.append(Finding(rule, key, item, text_of(value), reason, params or {}))

    def need(self, key: str, reason: str, params: Mapping[str, str] | None = None) -> None:
        self.needs.append(Need(key, reason, params or {}))

    def text(self, key: str) -> str:
        """A text field; empty when it is missing or no text."""
        value = self.get(key)
        return value if type(value) is str else ""

    def texts(self, key: str) -> list[str]:
        """A list field's texts; a single text counts as a list of one."""
        value = self.get(key)
        if type(value) is list:
            return [v for v in value if type(v) is str]
        return [value] if type(value) is str and value else []

    def item_name(self, number: int) -> str:
        """The name of an item for a message; a nameless one is called by its place."""
        name = self.items[number].get("item_name")
        return name if type(name) is str and name else f"第{number + 1}项"


def which(case: Case, numbers: Iterable[int]) -> str:
    """The names of some items for one message: at most five, then how many there are."""
    listed = list(numbers)
    shown = "、".join(case.item_name(n) for n in listed[:5])
    return f"{shown}等{len(listed)}项" if len(listed) > 5 else shown
