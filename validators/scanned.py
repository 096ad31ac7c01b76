"""What is asked of a scan of data, and what it found: plain values, and of the data nothing but masked examples."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Confidence = Literal["H", "M", "L"]
Pii = Literal["direct", "quasi", "sensitive", "none"]
Level = Literal["error", "need", "note"]
ColumnVerdict = Literal["clean", "note", "need", "hits", "inadequate"]
ScanVerdict = Literal["clean", "hits", "inadequate", "incomplete"]


@dataclass(frozen=True, slots=True)
class ColumnAsked:
    """A column as a scan is asked of it: its name, and what is declared of it.

    ``name`` is the header or the item's name, ``code`` the physical name. ``pii`` is a code of pii_class, empty
    where nothing is declared; ``method`` a key of the methods of desensitization.yaml, empty for none.
    """

    name: str
    code: str = ""
    pii: str = ""
    sensitive: bool | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One detector in one column. ``hits`` and ``shaped`` count cells: a hit has the shape and passes the check.

    ``band`` is a key of the verdicts of desensitization.yaml (by ``hits`` among ``shaped``), empty where the
    detector has no check. ``examples`` are masked; ``reasons`` say in Chinese which pattern, check, hint and share.
    """

    detector: str
    zh: str
    pii: Pii
    confidence: Confidence
    hits: int
    shaped: int
    filled: int
    band: str = ""
    examples: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Hits among the cells that hold anything, 0 to 1."""
        return self.hits / self.filled if self.filled else 0.0

    @property
    def pass_rate(self) -> float:
        """Hits among the cells that have the shape, 0 to 1."""
        return self.hits / self.shaped if self.shaped else 0.0


@dataclass(frozen=True, slots=True)
class ColumnFound:
    """What the detectors say of one column. ``hint`` names the detectors that its name hints at."""

    asked: ColumnAsked
    rows: int
    filled: int
    found: tuple[Found, ...] = ()
    hint: tuple[str, ...] = ()
    lost_numbers: int = 0


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """One thing that is wrong with the data: ``rule`` is a key of the rules of scanning.yaml.

    ``column`` is empty for what speaks of the whole; ``count`` counts cells or rows; nothing is worded yet.
    """

    rule: str
    level: Level
    column: str = ""
    count: int = 0
    examples: tuple[str, ...] = ()
    place: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SmallClass:
    """A group of rows that are alike in every quasi-identifier and too few: its values and its size."""

    values: Mapping[str, str]
    size: int


@dataclass(frozen=True, slots=True)
class Anonymity:
    """k and l over the quasi-identifiers. ``k`` is None where it was not, or could not be, counted exactly.

    ``would_pass`` says in Chinese what would reach the threshold (``把出生日期泛化到年：k 3 → 27``).
    """

    quasi: tuple[str, ...] = ()
    k: int | None = None
    l_diversity: int | None = None
    classes: int | None = None
    unique_rows: int | None = None
    threshold: int | None = None
    l_threshold: int | None = None
    small: tuple[SmallClass, ...] = ()
    would_pass: tuple[str, ...] = ()
    why_unknown: str = ""


@dataclass(frozen=True, slots=True)
class ColumnResult:
    """One column judged."""

    found: ColumnFound
    pii: Pii
    verdict: ColumnVerdict


@dataclass(frozen=True, slots=True)
class ScanResult:
    """A whole scan judged. ``complete`` is False when not every row was seen; then it is never clean.

    ``masks`` are the masked forms seen, by column: ``id_card 6+4``. ``residual`` counts cells with a direct
    identifier (H or M). ``spec`` is the digest of the rules it was made by, ``detectors`` the engine's version.
    """

    rows: int
    columns: tuple[ColumnResult, ...]
    findings: tuple[ScanFinding, ...]
    anonymity: Anonymity
    masks: Mapping[str, tuple[str, ...]]
    residual: int
    complete: bool
    verdict: ScanVerdict
    open_type: str | None
    spec: str
    detectors: str
