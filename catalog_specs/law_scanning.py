"""How data are scanned: inputs, masks, anonymity, expectations, what is said of what was found, and proofs."""

from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key
from catalog_specs.model import Frozen, Marked, Text


class Inputs(Frozen):
    """Limits of what is read, and where from."""


class Masks(Frozen):
    """How masked values are recognised."""


class Anonymity(Frozen):
    """How classes of alike rows are counted, and what would make them larger."""


class Expectations(Frozen):
    """What is expected of data beside desensitization."""


class ScanRule(Cited):
    """One thing that a scan may find: its level, and what is said of it."""

    level: Literal["error", "need", "note"]
    message: Text
    fix: Text


class MethodWords(Frozen):
    """Words of a mask rule that mean a method of desensitization."""

    method: Key
    words: Annotated[tuple[str, ...], Field(min_length=1)]


class Proofs(Marked):
    """How proofs are made and reviewed: what asks for one, how long it holds, and what is said of what is missing.

    ``treated_by_k``: classes of items that need no method of their own where k-anonymity covers them.
    """

    required_classes: tuple[Literal["direct", "quasi", "sensitive"], ...]
    sensitive_flags: tuple[str, ...]
    treated_by_k: tuple[Literal["direct", "quasi", "sensitive"], ...]
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
