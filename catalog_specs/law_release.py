"""The law of letting data out and wiping it: responsibility lists, retirement, desensitization, portals.

The row types at the top are those of every law file; ``law`` builds on them. Files are read with
``model_validate_json``, so that a list becomes a tuple and nothing else is converted.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from catalog_specs.model import Frozen, Marked

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Words = Annotated[str, Field(min_length=1)]
# how things are numbered: region, year, and what is counted at the end
Numbered = Annotated[str, Field(pattern=r"^[A-Z]+-\{region\}-\{year\}-\{seq:0[1-9]d\}$")]
Citation = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9-]*( \S.*)?$")]
Citations = Annotated[tuple[Citation, ...], Field(min_length=1)]
Pattern = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
TypeCodes = tuple[Literal["1", "2", "3"], ...]
Change = Literal["note", "ordinary", "major"]


class Named(Marked):
    """A row with a key and its name in both languages."""

    key: Key
    zh: Words
    en: Words


class Cited(Named):
    """A row that names its sources; each reads ``KEY`` or ``KEY ARTICLE`` with a key of sources.yaml."""

    sources: Citations


R = TypeVar("R", bound=Named)


def by_key(rows: Iterable[R]) -> dict[str, R]:
    """The rows under their keys; ``law_checks`` has made sure that no key stands twice."""
    return {row.key: row for row in rows}


# ---- responsibility.yaml ----------------------------------------------------------------------------------


class Column(Cited):
    """One column of a list: ``field`` of what ``of`` names. ``when`` restricts where it must be filled;
    ``derived``: nobody types it."""

    of: Literal["entry", "version", "distribution", "request", "list", "clock"]
    field: Key
    type: Literal["text", "list", "enum", "date", "integer"]
    required: bool = False
    derived: bool = False
    when: str = ""


class NeverPrinted(Marked):
    field: Key
    zh: Words
    en: Words
    sources: Citations


class ListNumber(Marked):
    pattern: str
    zh: Words
    en: Words
    sources: Citations


class ListColumn(Frozen):
    """A column under the heading of the article; rows that are there by opening take ``opened_column``."""

    column: Key
    zh: Words
    opened_column: str = ""


class ListKind(Cited):
    """A list: the columns of the article in its order, then the annex. ``profile`` empty: every city."""

    profile: str = ""
    rows: Key
    platform: str = ""
    article: tuple[ListColumn, ...]
    annex: tuple[Key, ...]


class TypeSet(Named):
    """Which announced entries a set or a condition means, by their share and open types."""

    share_types: TypeCodes = ()
    open_types: TypeCodes = ()


class Form(Cited):
    code: Literal["1", "2", "3"]
    printed_zh: Words
    opened_zh: Words


class PatternCell(Frozen):
    value: Literal["ok", "warn", "no"]
    rule: str = ""
    note_zh: str = ""
    note_en: str = ""


class SharePattern(Cited):
    """A way of sharing and how each form serves it; ``forms`` is keyed by the keys of the forms."""

    code: Words
    note_zh: Words
    note_en: Words
    rule: str = ""
    needs: tuple[Key, ...] = ()
    grant_needs: tuple[Key, ...] = ()
    preferred_for: tuple[str, ...] = ()
    approve_for: tuple[str, ...] = ()
    forms: dict[str, PatternCell]


class RequestForm(Frozen):
    """What a share request states; the three permissions say who files, consents and answers."""

    fields: tuple[Named, ...]
    filed_by: Key
    consented_by: Key
    answered_by: Key
    supplement_once: bool
    refusal_needs_reasons: bool
    sources: Citations


class UsageRecord(Frozen):
    fields: tuple[Named, ...]
    keep: Key
    sources: Citations


class Responsibility(Frozen):
    columns: tuple[Column, ...]
    never_printed: tuple[NeverPrinted, ...]
    list_number: ListNumber
    lists: tuple[ListKind, ...]
    exempt: tuple[Cited, ...]
    row_sets: tuple[TypeSet, ...]
    conditions: tuple[TypeSet, ...]
    forms: tuple[Form, ...]
    patterns: tuple[SharePattern, ...]
    request: RequestForm
    usage_record: UsageRecord
    dispute_path: tuple[Cited, ...]
    misuse_path: tuple[Cited, ...]


# ---- retirement.yaml --------------------------------------------------------------------------------------


class WipeState(Named):
    next: tuple[Key, ...]


class WipeCase(Cited):
    closes_retirement: bool = False


class Fate(Cited):
    withdraws: bool


class Destination(Named):
    leaves: bool


class WipeMethod(Named):
    rank: int


class Technique(Named):
    crypto: bool = False


class Medium(Cited):
    """The techniques that count as each method on a medium; those in ``never`` do nothing or pretend."""

    clear: tuple[Key, ...]
    purge: tuple[Key, ...]
    destroy: tuple[Key, ...]
    never: tuple[Key, ...]
    warn_zh: str = ""
    warn_en: str = ""


class LevelChoice(Frozen):
    """The method advised for grades, by whether the medium leaves the agency; ``refer``: not ours."""

    grades: tuple[str, ...]
    leaves: bool
    at_least: str = ""
    also: tuple[Key, ...] = ()
    refer: bool = False
    zh: str = ""
    en: str = ""


class WipeField(Cited):
    type: Literal[
        "text", "enum", "number", "bool", "date", "datetime", "list", "person", "attachment", "reference"
    ]
    pattern: str = ""


class WipeKind(Cited):
    """A kind of record: fields always filled, and fields filled under a condition."""

    mandatory: tuple[Key, ...]
    conditional: dict[str, Key]


class Verification(Frozen):
    """How a wipe is verified; shares are parts of one."""

    subsections: int
    places_per_subsection: int
    first_and_last: bool
    share_of_subsection: Share
    media_share: Share
    second_tool_share_of_media: Share
    crypto_erase_compares_reads: bool
    verifier_is_operator: bool
    zh: Words
    en: Words
    sources: Citations


class CryptoErase(Frozen):
    no_earlier_plaintext: bool
    key_bits_min: int
    all_key_copies_zeroized: bool
    sources: Citations


Param = str | int | float | bool | tuple[str, ...]


class WipeRule(Marked):
    """A named check with its parameters; ``only_cases`` empty means every case."""

    id: Annotated[str, Field(pattern=r"^WI[1-9][0-9]*$")]
    level: Literal["error", "warn", "note"]
    checker: Key
    params: dict[str, Param]
    only_cases: tuple[Key, ...] = ()
    zh: Words
    en: Words
    fix_zh: Words
    fix_en: Words
    sources: Citations


class Retirement(Frozen):
    order: tuple[Cited, ...]
    states: tuple[WipeState, ...]
    cases: tuple[WipeCase, ...]
    fates: tuple[Fate, ...]
    copies: tuple[Named, ...]
    copies_sources: Citations
    copies_design: bool
    destinations: tuple[Destination, ...]
    methods: tuple[WipeMethod, ...]
    techniques: tuple[Technique, ...]
    media: tuple[Medium, ...]
    level_choice: tuple[LevelChoice, ...]
    level_choice_sources: Citations
    level_choice_design: bool
    failed_verification: Literal["next_stronger_method"]
    fields: tuple[WipeField, ...]
    person_fields: tuple[Key, ...]
    kinds: tuple[WipeKind, ...]
    conditions: tuple[Named, ...]
    verification: Verification
    crypto_erase: CryptoErase
    standards: Citations
    keep: tuple[Key, ...]
    rules: tuple[WipeRule, ...]
