"""How data are scanned: inputs, masks, anonymity, expectations, what is said of what was found, and proofs."""

from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Pattern, Share
from catalog_specs.model import Frozen, Marked, Text


class InputScheme(Frozen):
    """A kind of database that may be scanned: SQLGlot's grammar, its usual port, how a read-only look begins."""

    grammar: Literal["mysql", "postgres", "oracle", "tsql", "sqlite"]
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    begin: tuple[str, ...]


class InputMessage(Frozen):
    """What is said of something that cannot be read. ``rule`` is empty where nothing at all can be read.

    ``unseen``: some of the data was not seen, so that the scan is not complete.
    """

    rule: str = ""
    unseen: bool = True
    reason: Text
    cure: Text


class Inputs(Marked):
    """Limits of what is read, where from, and what is said of what cannot be read. Sizes are in bytes."""

    kinds: dict[Literal["csv", "xlsx", "parquet", "jsonl"], tuple[str, ...]]
    row_bytes: Annotated[int, Field(ge=1 << 20)]
    columns: Annotated[int, Field(ge=1)]
    batch_rows: Annotated[int, Field(ge=1)]
    batch_bytes: Annotated[int, Field(ge=1)]
    fetch_rows: Annotated[int, Field(ge=1)]
    gzip_ratio: Annotated[int, Field(ge=1)]
    chunk_bytes: Annotated[int, Field(ge=1)]
    nesting: Annotated[int, Field(ge=1)]
    told: Annotated[int, Field(ge=1)]
    workbook: dict[str, int]
    surely_utf8: Annotated[int, Field(ge=1)]
    mixed_run: Annotated[int, Field(ge=4)]
    delimiters: tuple[str, ...]
    header_rows: Annotated[int, Field(ge=1)]
    header_share: Annotated[float, Field(gt=0, le=1)]
    data_like: str
    beside_like: str
    error_cell: str
    doubled_name: str
    schemes: dict[str, InputScheme]
    options: tuple[str, ...]
    local_options: tuple[str, ...]
    named: str
    refused_functions: tuple[str, ...]
    denied_codes: tuple[str, ...]
    login_codes: tuple[str, ...]
    gone_codes: tuple[str, ...]
    query_codes: tuple[str, ...]
    messages: dict[str, InputMessage]
    sources: Citations


Tier = Literal["display", "conditional", "unconditional"]
Verdict = Literal["hits", "inadequate", "incomplete"]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


class HashShape(Frozen):
    """What a hash is written like: its length in characters, and a pattern without anchors."""

    key: Key
    zh: str
    lengths: tuple[int, ...]
    pattern: Pattern


class ShapeOfForm(Frozen):
    """The shape of a masked form whose column has no telling name: 9 a digit, A or a a letter, 中 a character."""

    form: Key
    pattern: Pattern
    ok: Names
    bad: Names


class Kept(Frozen):
    """What may stay visible at a tier beside head and tail: whole cells of ``pattern``, not holding ``unless``."""

    form: Key
    tier: Tier
    pattern: Pattern
    unless: str = ""
    ok: Names
    bad: Names


class NamedForm(Frozen):
    """A masked form without a detector, known by words of a sensitive column's name."""

    form: Key
    words: Names


class Alike(Frozen):
    """Heads and tails ``of`` one mask, that differ with the length of the value only, and stand for one."""

    form: Key
    of: tuple[tuple[int, int], ...]
    as_: Annotated[tuple[int, int], Field(alias="as")]


class Masks(Marked):
    """How masked values and hashes are recognised, and what of them is accepted.

    ``longest`` counts characters: a longer cell is text and has no form. ``most_shapes`` bounds the memory of
    one column; ``hash_share`` is the share of filled cells from which a column holds hashes.
    """

    tiers: dict[str, Tier]
    marks: str
    runs: str
    least: Count
    separators: str
    name_mark: str
    keeps: str
    cut: dict[Key, str]
    longest: Count
    most_shapes: Count
    most_examples: Count
    says: dict[str, Text]
    placeholder: Pattern
    hash_share: Share
    hashes: tuple[HashShape, ...]
    masking: Key
    truncating: Key
    dropping: Key
    keyed: tuple[Key, ...]
    enumerable: tuple[Key, ...]
    by_value: tuple[Key, ...]
    beside_forms: tuple[Key, ...]
    beside_codes: tuple[str, ...]
    unverifiable: tuple[Key, ...]
    unknown_form: dict[Tier, tuple[Key, ...]]
    free_text: tuple[str, ...]
    named: tuple[NamedForm, ...]
    alike: tuple[Alike, ...]
    shapes: tuple[ShapeOfForm, ...]
    kept: tuple[Kept, ...]
    sources: Citations


class Way(Marked):
    """A way to generalise a column: ``give`` replaces what ``pattern`` matches, ``band`` makes ranges of numbers.

    ``hints``: detectors, or words of the column's name, that it suits; none: any column whose values fit.
    """

    key: Key
    zh: str
    loss: Count
    hints: tuple[str, ...]
    pattern: str = ""
    give: str = ""
    band: int = 0
    drop: bool = False
    sources: Citations


class Anonymity(Marked):
    """How classes of alike rows are counted, and what would make them larger."""

    most_classes: Annotated[int, Field(ge=1, lt=1 << 31)]
    most_bytes: Annotated[int, Field(ge=1, lt=1 << 31)]
    most_small: Count
    most_shown: Count
    search_work: Count
    drop_rows: Share
    fits: Share
    rest: str
    ways: tuple[Way, ...]
    says: dict[str, Text]
    sources: Citations


class ExpectedType(Frozen):
    """What a column of a catalogue type may be: kinds of column, or texts of ``pattern`` (empty: any text).

    ``bounded`` is the pattern of a number of a stated length: ``{whole}`` and ``{fraction}`` are counts of digits.
    ``characters``: the stated length is the greatest number of characters.
    """

    code: str
    kinds: Annotated[tuple[Key, ...], Field(min_length=1)]
    pattern: str = ""
    bounded: str = ""
    characters: bool = False
    numeric: bool = False


class ColumnKind(Marked):
    """Names of column types that are one kind, whatever the database, Spark or pandas calls them.

    ``as_text``: values can be written out and looked at for identifiers.
    """

    key: Key
    zh: str
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    as_text: bool


class ValueWords(Frozen):
    """How a value range written in words is read: lists of values, code and meaning, bounds of numbers."""

    separator: str
    pair: str
    bare: str
    unfinished: tuple[str, ...]
    between: tuple[str, ...]
    at_least: str
    at_most: str


class ExpectedCheck(Cited):
    """A kind of check: ``zh`` says what is expected; ``wrong`` and ``undecided`` what became of it."""

    wrong: Text
    undecided: Text


class ExpectationLimits(Frozen):
    places: Annotated[int, Field(ge=1)]
    chunk_rows: Annotated[int, Field(ge=1)]
    distinct_keys: Annotated[int, Field(ge=1)]


class Expectations(Marked):
    """What is expected of data, as an entry's items say; ``pushed`` detectors are asked of a table in its own SQL.

    ``key_flags``: marks of items that are the key together; ``filled_flags``: of items that are never empty.
    """

    pushed: Annotated[tuple[Key, ...], Field(min_length=1)]
    key_flags: tuple[Key, ...]
    filled_flags: tuple[Key, ...]
    closed_types: tuple[str, ...]
    limits: ExpectationLimits
    kinds: tuple[ColumnKind, ...]
    types: tuple[ExpectedType, ...]
    value_words: ValueWords
    checks: tuple[ExpectedCheck, ...]
    says: dict[str, Text]
    sources: Citations


class ScanRule(Cited):
    """One thing that a scan may find: its level, what is said of it, and the verdict that it leads to.

    Without ``verdict`` an error makes the data inadequate, and so does a need where they are to be opened.
    """

    level: Literal["error", "need", "note"]
    verdict: Verdict | None = None
    message: Text
    fix: Text


class MethodWords(Frozen):
    """Words of a mask rule that mean a method of desensitization."""

    method: Key
    words: Annotated[tuple[str, ...], Field(min_length=1)]


class Proofs(Marked):
    """How proofs are made and reviewed: what asks for one, how long it holds, and what is said of what is missing.

    ``bound_items`` and ``bound_fields`` are what a standing proof is void without: fields of items, of the entry.
    ``treated_by_k``: classes of items that need no method of their own where k-anonymity covers them.
    """

    required_classes: tuple[Literal["direct", "quasi", "sensitive"], ...]
    sensitive_flags: tuple[str, ...]
    treated_by_k: tuple[Literal["direct", "quasi", "sensitive"], ...]
    bound_items: Annotated[tuple[str, ...], Field(min_length=1)]
    bound_fields: Annotated[tuple[str, ...], Field(min_length=1)]
    load_days: Annotated[int, Field(ge=1)]
    rescan_days: Annotated[int, Field(ge=1)]
    method_words: tuple[MethodWords, ...]
    says: dict[str, Text]
    states: tuple[Cited, ...]
    verdicts: tuple[Cited, ...]
    sources: Citations


class Scanning(Frozen):
    inputs: Inputs
    masks: Masks
    anonymity: Anonymity
    expectations: Expectations
    rules: tuple[ScanRule, ...]
    proofs: Proofs
