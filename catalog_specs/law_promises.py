"""Promises kept, as data: how updates are seen, what is owed, change events, yearly figures, probes."""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from catalog_specs.law_release import Change, Citations, Cited, Key, Words, by_key
from catalog_specs.model import Marked, Text

Count = Annotated[int, Field(ge=1)]


class SeenKind(Cited):
    """A way in which an update is seen. ``permission`` records it; ``derived`` ones are read off the shelf."""

    counts: bool
    permission: str = ""
    token: bool = False
    note: bool = False
    derived: bool = False


class ReportRule(Marked):
    """Which days may be reported."""

    days_before_announced: Annotated[int, Field(ge=0)]
    zh: Words
    en: Words
    sources: Citations


class Owed(Cited):
    """A kind of debt: the rule that words it and the clock that counts it, where there is one."""

    rule: str = ""
    clock: str = ""
    says: Text


class ChangeRule(Marked):
    """How change events are numbered, posted and settled. ``settled_by`` are change classes of a version."""

    number: Words
    clock: Key
    post: Key
    settle: Key
    settled_by: Annotated[tuple[Change, ...], Field(min_length=1)]
    cited_fields: Annotated[tuple[str, ...], Field(min_length=1)]
    days_before: Count
    days_after: Count
    zh: Words
    en: Words
    sources: Citations


class Figure(Cited):
    """A yearly figure and how it is defined."""

    definition: Text


class ProbeRule(Marked):
    """How interfaces are probed. ``schemes`` are the usual ports; ``there`` and below are HTTP statuses."""

    form: str
    schemes: dict[str, int]
    timeout_seconds: Count
    redirects: Annotated[int, Field(ge=0)]
    below_status: Count
    there: tuple[int, ...]
    retry_by_get: tuple[int, ...]
    day_counts_for: tuple[str, ...]
    chunk: Count
    says: dict[Key, Text]
    zh: Words
    en: Words
    sources: Citations


class Promises(Marked):
    """The file ``promises.yaml``."""

    seen: tuple[SeenKind, ...]
    report: ReportRule
    owed: tuple[Owed, ...]
    excuses: tuple[Cited, ...]
    change: ChangeRule
    change_kinds: tuple[Cited, ...]
    case_states: tuple[Cited, ...]
    figures: tuple[Figure, ...]
    probe: ProbeRule

    @cached_property
    def seen_index(self) -> dict[str, SeenKind]:
        return by_key(self.seen)

    @cached_property
    def owed_index(self) -> dict[str, Owed]:
        return by_key(self.owed)

    @cached_property
    def excuse_index(self) -> dict[str, Cited]:
        return by_key(self.excuses)

    @cached_property
    def kind_index(self) -> dict[str, Cited]:
        return by_key(self.change_kinds)

    @cached_property
    def state_index(self) -> dict[str, Cited]:
        return by_key(self.case_states)

    @cached_property
    def counting(self) -> frozenset[str]:
        """The kinds that count as an update."""
        return frozenset(row.key for row in self.seen if row.counts)
