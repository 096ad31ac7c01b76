"""The shape of dcat.yaml: how the open catalogue is read by others, as DCAT-AP, DCAT-US and by CKAN's interface."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Words, by_key
from catalog_specs.model import Frozen, Marked

Address = Annotated[str, Field(pattern=r"^https?://[^\s<>\"{}|\\^`]+$")]
Table = dict[str, Address]
Count = Annotated[int, Field(ge=1)]
TABLES = ("access_rights", "frequencies", "themes")
# what every table is keyed by: a list of codes
TABLE_CODES = {"access_rights": "open_type", "frequencies": "update_cycle", "themes": "data_domain"}


class Conformance(Frozen):
    dcat_ap: Address
    dcat_us: Address
    described_by: Address


class Catalogue(Marked):
    zh: Words
    en: Words
    about_zh: Words
    publisher_zh: Words
    language: Address
    sources: Citations


class Property(Marked):
    """One property of a dataset: ``source`` is where its value lies (a place of ckan.yaml), ``kind`` how it is said.

    ``text`` bears the language, ``plain`` does not, ``label`` is the Chinese name of the code, ``table`` an address.
    """

    to: Annotated[str, Field(pattern=r"^(dct|dcat|mulu):[A-Za-z]+$")]
    source: Annotated[str, Field(alias="from", pattern=r"^(entry|version)\.[a-z][a-z0-9_]*$")]
    kind: Annotated[Literal["text", "plain", "label", "table"], Field(alias="as")]
    table: Literal["", "access_rights", "frequencies", "themes"] = ""
    sources: Citations


class FileFormat(Cited):
    """A kind of file, by its extension; ``media`` is empty where IANA has no name for it."""

    file_type: Address
    media: str


class CkanFace(Marked):
    """CKAN's interface: datasets of a ``page`` of DCAT, most ``rows`` of a search, words in what would write."""

    version: Words
    page: Count
    rows: Count
    default_rows: Count
    group_prefix: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    writes: tuple[str, ...]
    sources: Citations


class Dcat(Marked):
    conforms_to: Conformance
    namespace: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*:[^\s<>]+[:/#]$")]
    catalogue: Catalogue
    dataset: tuple[Property, ...]
    access_rights: Table
    frequencies: Table
    iso_frequencies: dict[str, str]
    themes: Table
    theme_labels: dict[str, Words]
    formats: tuple[FileFormat, ...]
    access_levels: dict[str, str]
    open_licenses: tuple[str, ...]
    ckan: CkanFace
    acts_aside: tuple[str, ...]
    sources: Citations

    @cached_property
    def tables(self) -> dict[str, Table]:
        return {name: getattr(self, name) for name in TABLES}

    @cached_property
    def format_index(self) -> dict[str, FileFormat]:
        return by_key(self.formats)
