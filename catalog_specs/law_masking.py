"""The law of hiding people in data: detectors, hints, masks, proofs."""

from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_detecting import (
    CheckName,
    DetectorHints,
    DetectorReasons,
    DetectorText,
    Groups,
    LostNumber,
    Serials,
)
from catalog_specs.law_release import Citations, Cited, Key, Named, Pattern, Share, Words
from catalog_specs.model import Frozen, Marked

Pii = Literal["direct", "quasi", "sensitive", "none"]
Grade = Annotated[str, Field(pattern=r"^g[1-4]$")]


class RangeParams(Frozen):
    min: float
    max: float


class Detector(Cited):
    """A core pattern without anchors or look-around, and what decides among its candidates.

    ``conf``: H pattern and check (and ``high_if`` where no name hints), M with a column hint, L only with one.
    ``ok`` values match wholly; ``bad`` values do not; ``bad_check`` values match and fail the check. ``among``:
    the wider shape that hits without a check are judged among; ``vote_if``: what is looked for where no name
    hints; ``apart``: a Chinese character or a mask beside the value is no boundary; ``chained``: marks by which
    a further part would make it something else.
    """

    pattern: Pattern
    applies_to: Literal["cell", "column_name"] = "cell"
    ignore_case: bool = False
    check: CheckName
    check_part: Literal["all", "first_18", "last_18"] = "all"
    check_params: RangeParams | None = None
    plus: tuple[Literal["valid_date", "region_prefix"], ...] = ()
    high_if: str = ""
    high_needs: tuple[Literal["org", "known_region"], ...] = ()
    yields_to: tuple[Key, ...] = ()
    detail_if: str = ""
    groups: Groups | None = None
    also_written: str = ""
    among: str = ""
    serial: bool = False
    vote_if: str = ""
    apart: bool = False
    chained: str = ""
    hints: DetectorHints
    pii: Pii
    pii_by_prefix: dict[str, Pii] = Field(default_factory=dict)
    sensitive: bool
    conf: Literal["H", "M", "L"]
    grade_min: Grade
    treat_as: Literal["", "secrecy_review", "forbidden"] = ""
    note_zh: str = ""
    note_en: str = ""
    ok: Annotated[tuple[str, ...], Field(min_length=1)]
    bad: Annotated[tuple[str, ...], Field(min_length=1)]
    bad_check: tuple[str, ...] = ()


class DetectorConditions(Frozen):
    """Parameters of ``Detector.plus``; the prefixes are ranges of two digits, both ends included."""

    region_prefixes: tuple[tuple[str, str], ...]
    credit_prefixes: tuple[tuple[str, str], ...]
    valid_date_zh: Words
    known_region_zh: Words
    organisation_zh: Words
    region_prefix_zh: Words
    sources: Citations


class Surnames(Marked):
    single: Words
    compound: tuple[str, ...]
    sources: Citations


class StrongHint(Frozen):
    """Whole item names and whole item codes that mean a detector."""

    detector: Key
    names: tuple[str, ...]
    codes: tuple[str, ...] = ()


class PersonRules(Frozen):
    """Detectors that count only where a row is about one of ``subjects``, or holds an H identifier."""

    detectors: tuple[Key, ...]
    subjects: tuple[str, ...]
    or_high_identifier: bool


class ColumnHints(Marked):
    strong: tuple[StrongHint, ...]
    weak: dict[Literal["direct", "quasi", "sensitive", "secret"], tuple[str, ...]]
    cancel_endings: tuple[str, ...]
    secret_goes_to: Key
    person_rules: PersonRules
    sources: Citations


class Verdict(Cited):
    """A band of the share of shaped values that pass the check; the first row that fits is taken."""

    at_least: Share
    min_values: int = 0
    level: Literal["error", "need", "note", "none"]


class Embedded(Marked):
    detector: Key
    zh: Words
    en: Words
    sources: Citations


class Sampling(Marked):
    min_rows: int
    flag_ratio: Share
    confirm_ratio: Share
    zh: Words
    en: Words
    sources: Citations


class IdentifierClass(Cited):
    note_zh: str


class SensitivePersonal(Frozen):
    kinds: tuple[str, ...]
    minor_age: int
    sources: Citations


class MaskMethod(Cited):
    """A way to desensitize; only an ``adequate`` one may carry an item into the open."""

    adequate: bool
    reversible: Literal["no", "with_table", "with_key", "by_enumeration"]
    inadequate_zh: str = ""


class SharingModel(Cited):
    """Least class size and greatest risk by open type; an empty ``open_type`` is use inside the platform."""

    open_type: Literal["", "1", "2", "3"] = ""
    k: int
    risk_max: Share
    identifiability_min: int = 0


class Anonymity(Marked):
    small_class_below: int
    l_diversity_min: int
    k_applies_to: tuple[str, ...]
    scene_factor_one_partner: Share
    anonymity_min: float
    formula_zh: Words
    sources: Citations


class Identifiability(Frozen):
    level: int
    zh: Words
    en: Words


class MaskRules(Marked):
    """Masks of ``tail_forms`` keep ``tail_max_beside`` tail characters at most beside a ``beside`` column."""

    one_mask_per_identifier: bool
    tail_max_beside: int
    tail_forms: tuple[Key, ...]
    beside: tuple[str, ...]
    zh: Words
    en: Words
    sources: Citations


class MaskTier(Frozen):
    """What may be seen at one degree of openness: ``head`` and ``tail`` characters, or what ``zh`` says."""

    methods: tuple[Key, ...] = ()
    head: int | None = None
    tail: int | None = None
    also: tuple[tuple[int, int], ...] = ()
    decimals: int | None = None
    k: int = 0
    l_diversity: int = 0
    keeps_zh: str = ""
    authorised_only: bool = False
    never: bool = False
    zh: Words


class MaskedForm(Marked):
    key: Key
    zh: Words
    detectors: tuple[Key, ...]
    display: MaskTier
    conditional: MaskTier
    unconditional: MaskTier
    sources: Citations


class MaskedOk(Marked):
    """The shape of a value that is masked well enough; ``key`` is that of the masked form."""

    key: Key
    pattern: Pattern
    ok: Annotated[tuple[str, ...], Field(min_length=1)]
    bad: Annotated[tuple[str, ...], Field(min_length=1)]
    sources: Citations


class ProofParams(Frozen):
    field: str = ""
    first: str = ""
    second: str = ""
    by: str = ""
    maximum: int | None = None
    classes: tuple[Pii, ...] = ()
    subjects: tuple[str, ...] = ()
    except_methods: tuple[Key, ...] = ()


class PassCondition(Named):
    params: ProofParams
    fix_zh: Words
    fix_en: Words


class Proof(Marked):
    kinds: tuple[Cited, ...]
    fields: tuple[Named, ...]
    pass_if: tuple[PassCondition, ...]
    invalidate_on: tuple[Named, ...]
    valid: Key
    sources: Citations


class Desensitization(Frozen):
    detectors: tuple[Detector, ...]
    detector_conditions: DetectorConditions
    surnames: Surnames
    column_hints: ColumnHints
    verdicts: tuple[Verdict, ...]
    embedded: Embedded
    sampling: Sampling
    detector_text: DetectorText
    lost_numbers: tuple[LostNumber, ...]
    serials: Serials
    residual_detectors: tuple[Key, ...]
    detector_reasons: DetectorReasons
    identifier_classes: tuple[IdentifierClass, ...]
    sensitive_personal_information: SensitivePersonal
    methods: tuple[MaskMethod, ...]
    sharing_models: tuple[SharingModel, ...]
    anonymity: Anonymity
    identifiability: tuple[Identifiability, ...]
    identifiability_sources: Citations
    identifiability_unverified: bool
    mask_rules: MaskRules
    masked_forms: tuple[MaskedForm, ...]
    masked_ok: tuple[MaskedOk, ...]
    proof: Proof
