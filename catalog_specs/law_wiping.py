"""The shape of wiping.yaml: how wipe cases and records are kept, which tool logs are read, what certificates say."""

from functools import cached_property
from typing import Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Named, Numbered, Pattern, WipeRule, Words, by_key
from catalog_specs.model import Frozen, Marked, Text

FieldType = Literal["text", "number"]


class WipeStep(Cited):
    """A step of a wipe record: who may take it, which fields it fills, whose login it must not be.

    ``permission`` empty: the registry itself. ``starts``: the states of a record from which
    the step is taken. ``apart`` names earlier steps that another login must have taken.
    """

    permission: Key | Literal[""] = ""
    starts: tuple[Key, ...] = ()
    fields: tuple[Key, ...] = ()
    apart: tuple[Key, ...] = ()


class CaseDeed(Cited):
    """A deed on a case; ``permissions`` allow it, on a case of a retirement those ``of_retirement`` too."""

    permissions: tuple[Key, ...]
    of_retirement: tuple[Key, ...] = ()


class CaseNeeds(Cited):
    """What a kind of case must name when it is opened, and from which states of a copy a wipe may be recorded."""

    needs: tuple[Literal["system", "contract_no", "grant", "retirement", "decision_no"], ...] = ()
    wipe_from: tuple[Key, ...]


class Extra(Named):
    """A field beside those of retirement.yaml that verification may fill."""

    type: FieldType


class KindMedium(Named):
    """The medium that a kind of record is always about."""

    medium: Key


class ListOf(Named):
    """What the elements of a field of type list are."""

    of: Literal["copies", "digests"]


class Said(Named):
    """A message of rule E132 (``zh``, ``en``) with what cures it."""

    fix_zh: Words
    fix_en: Words


# ---- certificate ------------------------------------------------------------------------------------------


class CertificateSection(Named):
    """A part of the certificate with the fields (retirement.yaml) that it shows, in their order."""

    fields: tuple[Key, ...]


class Certificate(Marked):
    """What a certificate shows, in which order and under which headings.

    ``elsewhere`` are fields with a place of their own; ``public_fields`` and ``public_persons`` are what
    everybody may see who has number and code;
    ``extras_in`` is the section that shows what verification filled beside the fields; ``words`` are pairs of
    Chinese and English.
    """

    title: Text
    sections: tuple[CertificateSection, ...]
    persons: tuple[Key, ...]
    elsewhere: tuple[Key, ...]
    extras_in: Key
    other: Text
    public_fields: tuple[Key, ...]
    public_persons: tuple[Key, ...]
    words: dict[str, tuple[str, str]]
    says_zh: Words
    says_en: Words
    sources: Citations


# ---- logs of wiping tools ---------------------------------------------------------------------------------


class LogPattern(Frozen):
    """A pattern of one line; its groups are what the line tells. ``opens``: what follows is about its device."""

    pattern: Pattern
    opens: bool = False


class ToolLog(Cited):
    """A machine-readable log: where in it the fields of a record stand, and what its words mean.

    ``fields`` maps a field (or ``result``) to a place; ``words`` maps, by field, a word to a choice, an empty one
    where the word tells nothing. ``zero`` are counts of errors: any but zero is a failed wipe. ``clock``: ``iso``,
    ``epoch``, or the form in which moments are written.
    """

    reader: Literal["json", "nvme", "lines", "xml", "generic_json", "generic_csv"]
    tool: str = ""
    clock: str = ""
    rows: str = ""
    patterns: tuple[LogPattern, ...] = ()
    fields: dict[Key, str] = Field(default_factory=dict)
    zero: tuple[str, ...] = ()
    words: dict[Key, dict[str, str]] = Field(default_factory=dict)


# ---- wiping.yaml ------------------------------------------------------------------------------------------


class ContractOver(Cited):
    """What is told when a contract is over and the contractor's copies are still in use."""

    case: Key
    records: Key
    what_zh: str


class Wiping(Frozen):
    case_states: tuple[Named, ...]
    results: tuple[Named, ...]
    certificate: Certificate
    tool_logs: tuple[ToolLog, ...]
    answers: tuple[Named, ...]
    case_number: Numbered
    certificate_number: Numbered
    case_needs: tuple[CaseNeeds, ...]
    contract_over: ContractOver
    deeds: tuple[CaseDeed, ...]
    steps: tuple[WipeStep, ...]
    filled: tuple[Key, ...]
    kind_media: tuple[KindMedium, ...]
    extras: tuple[Extra, ...]
    person_names: tuple[Named, ...]
    text_length: int
    shares: tuple[Key, ...]
    lists: tuple[ListOf, ...]
    types: tuple[Named, ...]
    says: tuple[Said, ...]
    rules: tuple[WipeRule, ...]

    @cached_property
    def deed_index(self) -> dict[str, CaseDeed]:
        return by_key(self.deeds)

    @cached_property
    def step_index(self) -> dict[str, WipeStep]:
        return by_key(self.steps)

    @cached_property
    def need_index(self) -> dict[str, CaseNeeds]:
        return by_key(self.case_needs)

    @cached_property
    def say_index(self) -> dict[str, Said]:
        return by_key(self.says)

    @cached_property
    def state_index(self) -> dict[str, Named]:
        return by_key(self.case_states)
