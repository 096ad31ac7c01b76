"""The shape of acceptance.yaml: how tables are listed and left out, what shows an element of acceptance, the pack."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Words, by_key
from catalog_specs.model import Frozen, Marked, Text

Count = Annotated[int, Field(ge=1)]
Percent = Annotated[int, Field(ge=0, le=100)]
Headings = Annotated[tuple[Words, ...], Field(min_length=1)]


class Dictionary(Marked):
    """The headings of a data dictionary, and the sheets that need none. ``header_within``: first rows looked at."""

    table: Headings
    comment: Headings
    column: Headings
    passed: tuple[Words, ...]
    header_within: Count
    zh: Words
    en: Words
    sources: Citations


class ListLimits(Marked):
    """How many tables a list holds, and how many characters their words have."""

    tables: Count
    name: Count
    comment: Count
    why: Count
    zh: Words
    en: Words
    sources: Citations


class Exclusion(Cited):
    """Why a table is not catalogued. ``of``: the table that it is a copy of is named; ``refused``: not to be
    registered here, ``says`` what to do instead; ``names``: names (lower case, with *) for which it is suggested."""

    of: bool = False
    refused: bool = False
    names: tuple[Words, ...]
    says: Text | None = None


class Level(Cited):
    """A level of elements; ``holds``: what lacks there keeps a system from being accepted."""

    holds: bool


class After(Marked):
    """Elements that exist only after acceptance."""

    elements: tuple[Key, ...]
    zh: Words
    en: Words
    sources: Citations


class Thresholds(Marked):
    """Least coverage of tables and shelf rate, in per cent."""

    coverage: Percent
    shelf: Percent
    zh: Words
    en: Words
    sources: Citations


class ProofKind(Cited):
    """How a kind of evidence is shown. ``named``: its note or file name must name the paper; ``own``: only evidence
    of a duty of the element's own article counts."""

    by: Literal["evidence", "register", "review", "system"]
    named: bool = False
    own: bool = False
    cure: Text


class TableState(Cited):
    """How a table of the list stands: ``decided``, and whether it counts in full."""

    decided: bool
    full: bool


class Verdicts(Frozen):
    ready: Words
    lacking: Words
    exempt: Words


class PackWords(Marked):
    """The words of the pack."""

    title: Words
    verdict: Words
    verdicts: Verdicts
    elements: Words
    element_columns: Annotated[tuple[Words, ...], Field(min_length=6, max_length=6)]
    tables: Words
    table_columns: Annotated[tuple[Words, ...], Field(min_length=7, max_length=7)]
    entries: Words
    entry_columns: Annotated[tuple[Words, ...], Field(min_length=8, max_length=8)]
    signatures: Headings
    signed: Words
    nothing: Words
    zh: Words
    en: Words
    sources: Citations


class Acceptance(Frozen):
    readers: tuple[Cited, ...]
    dictionary: Dictionary
    limits: ListLimits
    exclusions: tuple[Exclusion, ...]
    levels: tuple[Level, ...]
    after: After
    thresholds: Thresholds
    proofs: tuple[ProofKind, ...]
    table_states: tuple[TableState, ...]
    pack: PackWords

    @cached_property
    def exclusion_index(self) -> dict[str, Exclusion]:
        return by_key(self.exclusions)

    @cached_property
    def level_index(self) -> dict[str, Level]:
        return by_key(self.levels)

    @cached_property
    def proof_index(self) -> dict[str, ProofKind]:
        return by_key(self.proofs)

    @cached_property
    def state_index(self) -> dict[str, TableState]:
        return by_key(self.table_states)
