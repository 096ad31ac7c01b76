"""How data are scanned: inputs, masks, anonymity, expectations, what is said of what was found, and proofs."""

from typing import Literal

from catalog_specs.law_release import Cited
from catalog_specs.model import Frozen, Text


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


class Proofs(Frozen):
    """How proofs are made and reviewed."""


class Scanning(Frozen):
    inputs: Inputs
    masks: Masks
    anonymity: Anonymity
    expectations: Expectations
    rules: tuple[ScanRule, ...]
    proofs: Proofs
