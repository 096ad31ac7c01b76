"""The shapes of the specification files that the validators read. Strict: a misspelt key never loads."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Attr = str | int | bool | None | tuple[str, ...]
Cell = Literal["ok", "justify", "approve", "desens", "desens+approve", "basis", "deny"]
RuleId = Annotated[str, Field(pattern=r"^[EWN]\d{3}$")]


class Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Text(Frozen):
    """A text that people see, in both languages."""

    zh: str
    en: str

    def get(self, lang: str) -> str:
        return self.en if lang == "en" else self.zh


class Marked(Frozen):
    """Anything whose evidence may be weak: ``unverified`` is [UV], ``design`` is our own derivation."""

    unverified: bool = False
    design: bool = False


class CodeValue(Marked):
    code: str
    zh: str
    en: str
    aliases: tuple[str, ...] = ()
    attrs: dict[str, Attr] = {}
    note: str = ""


class CodeList(Marked):
    key: str
    zh: str
    en: str
    sources: tuple[str, ...]
    values: tuple[CodeValue, ...]


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class FieldType(StrEnum):
    """How a value is stored; ``reading`` turns cells into it, ``rendering`` turns it back into text."""

    TEXT = "text"
    TEXT_LIST = "text_list"
    ENUM = "enum"
    ENUM_LIST = "enum_list"
    DATE = "date"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    CATEGORY = "category"
    BASIS = "basis"
    RECORD = "record"
    RECORDS = "records"


class SmallChange(Frozen):
    """A change of at most ``characters`` counts as the lighter class (§12 R4: a typo in the abstract)."""

    characters: int
    change_class: Literal["note", "ordinary"]


class Part(Frozen):
    """One named part of a field that is a record, such as the article of a legal basis."""

    key: str
    zh: str
    required: bool = False
    is_list: bool = False


class FieldSpec(Marked):
    key: str
    zh: str
    en: str
    group: str = ""
    type: FieldType
    codes: str = ""
    open_codes: bool = False
    max_len: int = 0
    min_value: int = 0
    max_value: int = 0
    pattern: str = ""
    obligation: Literal["M", "C", "O"]
    change_class: Literal["note", "ordinary", "major"]
    small_change: SmallChange | None = None
    aliases: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    help: str = ""
    example: str = ""
    digits: bool = False
    number_pattern: str = ""
    internal: bool = False
    assigned: bool = False
    width: int = 16
    sources: tuple[str, ...]


class LegacyColumn(Frozen):
    """A column of an older layout that feeds other fields; ``reads`` names the way it is taken apart."""

    key: str
    zh: str
    aliases: tuple[str, ...] = ()
    reads: Literal["category_level", "condition_or_basis", "open_flag", "ignore"]
    feeds: tuple[str, ...] = ()
    level: int = 0
    sources: tuple[str, ...]


class Group(Frozen):
    key: str
    zh: str
    en: str


class Sheets(Frozen):
    """Names that tell sheets and rows apart when a workbook is read, and that are written into ours."""

    entries: str
    items: str
    national: str
    entry_aliases: tuple[str, ...]
    item_aliases: tuple[str, ...]
    ignored_prefixes: tuple[str, ...]
    sample_prefix: str
    help_prefix: str
    result_column: str
    header_rows: int
    comment_author: str
    colours: dict[str, str]
    help_row: str


class EntrySpec(Frozen):
    groups: tuple[Group, ...]
    fields: tuple[FieldSpec, ...]
    items: tuple[FieldSpec, ...]
    legacy: tuple[LegacyColumn, ...]
    national_order: tuple[str, ...]
    blank_words: tuple[str, ...]
    list_separators: str
    sheets: Sheets
    limits: dict[str, int]
    secret_marks: tuple[str, ...]
    secret_words: tuple[str, ...]
    secret_names: tuple[str, ...]
    secret_columns: tuple[str, ...]


class Check(BaseModel):
    """A checker by name; every other key of the row is its parameter (checked by the checker itself)."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    checker: str


class Reason(Frozen):
    zh: str
    en: str
    fix: Text | None = None


class Rule(Marked):
    id: RuleId
    level: Level
    title: Text
    message: Text
    fix: Text
    sources: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    decided_by: tuple[str, ...] = ()
    reasons: dict[str, Reason] = {}


class NeedSpec(Marked):
    key: str
    title: Text
    sources: tuple[str, ...]
    decided_by: tuple[str, ...]
    reasons: dict[str, Text] = {}


class RuleBook(Frozen):
    rules: tuple[Rule, ...]
    needs: tuple[NeedSpec, ...]


class ContentGrade(Marked):
    """The least grade that a kind of content asks for, and how that content is recognised."""

    key: str
    zh: str
    en: str
    grade: str
    detectors: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    pii: tuple[str, ...] = ()
    sources: tuple[str, ...]


class Override(Frozen):
    """What opening a kind of personal information asks for, and what lifts the refusal (§3.4)."""

    key: str
    zh: str
    en: str
    applies_to: Literal["direct", "sensitive", "minors"]
    unconditional: Literal["deny", "desens"]
    conditional: Literal["deny", "desens"]
    lifted_by_levels: tuple[str, ...] = ()
    lifted_by_subjects: tuple[str, ...] = ()
    lifted_by_masks: tuple[str, ...] = ()
    sources: tuple[str, ...]


class Grading(Frozen):
    impact_objects: tuple[str, ...]
    impact_degrees: tuple[str, ...]
    impact_matrix: dict[str, dict[str, str]]
    general_by_degree: dict[str, str]
    content: tuple[ContentGrade, ...]
    person_subjects: tuple[str, ...]
    impersonal_subjects: tuple[str, ...]
    floor: str
    fixed: tuple[str, ...]
    minor_words: tuple[str, ...]
    no_mask: tuple[str, ...] = ()
    of_bodies: tuple[str, ...] = ()
    overrides: tuple[Override, ...]
    always_masked: tuple[str, ...]
    sources: tuple[str, ...]


class Wording(Marked):
    """Words that make a text vacuous, restrictive or loose (E110, E111, E116, W213-W215)."""

    vacuous: tuple[str, ...]
    restrictive: tuple[str, ...]
    negations: tuple[str, ...]
    harmless: tuple[str, ...] = ()
    contradiction: tuple[str, ...]
    loose_endings: tuple[str, ...]
    added_conditions: tuple[str, ...]
    split_patterns: tuple[str, ...]
    abstract_markers: tuple[str, ...]
    abstract_endings: tuple[str, ...]
    abstract_separators: str
    sources: tuple[str, ...]


class Sharing(Frozen):
    matrix_share: dict[str, tuple[Cell, Cell, Cell]]
    matrix_open: dict[str, tuple[Cell, Cell, Cell]]
    matrix_cross: dict[str, dict[str, Literal["ok", "deny"]]]
    no_system: tuple[str, ...]
    wording: Wording
    publication_uses: tuple[str, ...]
    sources: tuple[str, ...]


class Article(Frozen):
    article: str
    uses: tuple[Literal["not_share", "not_open", "publication_limit", "requires_publication"], ...]
    zh: str


class Law(Marked):
    title: str
    aliases: tuple[str, ...] = ()
    level: str
    edition: str = ""
    status: Literal["in_force", "repealed", "amended"]
    replaced_by: str | None = None
    sources: tuple[str, ...]
    articles: tuple[Article, ...] = ()
    note: str = ""


class Basis(Frozen):
    key: str
    sources: tuple[str, ...]
    laws: tuple[Law, ...]


class Profile(Frozen):
    """What differs by city: the measure in force, its city, its auditor and its lists."""

    key: str
    zh: str
    en: str
    law: str
    city: str
    valid_from: str
    regions: tuple[str, ...]
    upper_regions: tuple[str, ...]
    list_kinds: tuple[str, ...]
    auditor_role: str
    code_maps: dict[str, str] = {}
    default: bool = False
    sources: tuple[str, ...]


class Messages(Frozen):
    """What the command line and the pages say around the findings."""

    messages: dict[str, Text]
