"""The shapes of the two files on codes: resource codes (S2) and unified social credit codes (GB 32100)."""

import re
from functools import cached_property

from pydantic import Field, field_validator

from catalog_specs.model import Frozen, Marked


class CodeShapes(Frozen):
    imported: str = Field(alias="import")
    national: str
    strict: str

    @field_validator("imported", "national", "strict")
    @classmethod
    def _compiles(cls, value: str) -> str:
        re.compile(value)
        return value


class Division(Marked):
    code: str
    zh: str
    en: str


class ResourceClass(Frozen):
    code: str
    zh: str
    en: str
    items: tuple[Division, ...]


class OwnPrefix(Marked):
    class_digit: str = Field(alias="class")
    item: str
    province_mu: str


class SubgroupPart(Frozen):
    key: str
    width: int
    zh: str
    default: str = ""


class Subgroup(Marked):
    parts: tuple[SubgroupPart, ...]


class ResourceCode(Frozen):
    key: str
    sources: tuple[str, ...]
    regex: CodeShapes
    separator: str
    max_len: int
    sequence_width: int
    class_rows: tuple[ResourceClass, ...] = Field(alias="classes")
    own_prefix: OwnPrefix
    subgroup: Subgroup
    state_council_mu_known: dict[str, str]
    secret_attr: tuple[str, ...]
    level_attr: tuple[str, ...]

    @cached_property
    def imported(self) -> re.Pattern[str]:
        return re.compile(self.regex.imported)

    @cached_property
    def national(self) -> re.Pattern[str]:
        return re.compile(self.regex.national)

    @cached_property
    def strict(self) -> re.Pattern[str]:
        return re.compile(self.regex.strict)

    @cached_property
    def classes(self) -> dict[str, ResourceClass]:
        return {row.code: row for row in self.class_rows}


class Second(Marked):
    code: str
    zh: str
    en: str


class First(Marked):
    code: str
    zh: str
    en: str
    second: tuple[Second, ...]


class CreditCode(Frozen):
    key: str
    sources: tuple[str, ...]
    length: int
    alphabet: str
    weights: tuple[int, ...]
    organisation_alphabet: str = Field(alias="org_alphabet")
    organisation_weights: tuple[int, ...] = Field(alias="org_weights")
    first: tuple[First, ...]
