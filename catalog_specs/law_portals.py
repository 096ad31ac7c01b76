"""The shape of ckan.yaml: what goes to a portal, how it is called there, and what never leaves."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Pattern, TypeCodes, Words, by_key
from catalog_specs.model import Frozen, Marked

Place = Annotated[str, Field(pattern=r"^(entry|version|distribution|agency|item|target)\.[a-z][a-z0-9_]*$")]
Via = Literal["name", "text", "label", "tags", "datetime", "number", "license"]


class Scope(Cited):
    """What a target is sent: ``of`` names the field whose ``types`` may leave, ``carried`` those whose bytes go along.

    ``only_opened``: distributions that are not opened stay here. ``addresses``: where interfaces answer may be told.
    ``apply_zh`` says how data that are not carried are had. The guards are asked anew at every push.
    """

    of: Literal["open_type", "share_type"]
    types: TypeCodes
    carried: TypeCodes
    only_opened: bool
    addresses: bool
    apply_zh: Words
    entry_states: tuple[Key, ...]
    distribution_states: tuple[Key, ...]
    guards: tuple[Key, ...]


class Naming(Marked):
    """How a code becomes a name of the portal; one that cannot be turned back gets a prefix and its id or digest."""

    pattern: Pattern
    lower: bool
    replace: dict[str, str]
    reserved: tuple[str, ...]
    fallback_prefix: Words
    organization_prefix: Words
    sources: Citations


class Sending(Marked):
    """One portal field: ``source`` is where the value lies, ``via`` how it is turned, ``zh`` what people call it.

    What is not ``compared`` is written and then left to the portal, which changes it by itself.
    """

    to: Key
    source: Annotated[Place, Field(alias="from")]
    via: Via
    zh: str = ""
    required: bool = False
    compared: bool = True
    note: str = ""
    sources: tuple[str, ...] = ()


class ItemSending(Marked):
    to: Key
    zh: Words
    fields: tuple[Sending, ...]
    never_share_types: TypeCodes
    never_open_types: TypeCodes
    never_methods: tuple[Key, ...]
    sources: Citations


class FileSending(Marked):
    """``formats`` by the ending of a file's name, ``other_formats`` by form (codes of share_mode_type); ``form`` is the
    one of files, ``interface`` that of interfaces; ``algorithm`` names that of the digests."""

    formats: dict[str, str]
    other_formats: dict[str, str]
    form: str
    interface: str
    algorithm: Words
    form_zh: Words
    patterns_zh: Words
    sources: Citations


class Addresses(Marked):
    """Which addresses are public: of these ``schemes``, and not under one of the ``internal_endings`` of host names."""

    schemes: tuple[str, ...]
    internal_endings: tuple[str, ...]
    sources: Citations


class NeverSent(Frozen):
    field: Place
    zh: Words
    en: Words


class TagLimits(Frozen):
    """``allowed`` is a character class; a tag is cut into pieces at any other character."""

    shortest: int
    longest: int
    allowed: Pattern
    sources: Citations


class PortalLimits(Frozen):
    extra_value_bytes: int
    sources: Citations


class SchemingForm(Marked):
    """How ckanext-scheming shows our fields: their ``names`` in its form, its presets and form snippets by field (those
    of resources begin with ``resource.``); what is ``not_fields`` is the portal's own."""

    about: Words
    names: dict[str, str]
    presets: dict[str, str]
    snippets: dict[str, str]
    not_fields: tuple[str, ...]
    sources: Citations


class Withdrawal(Marked):
    steps: tuple[Literal["delete", "purge", "read_back"], ...]
    kept_name_zh: Words
    kept_name_en: Words
    sources: Citations


class Ckan(Frozen):
    """ckan.yaml: what goes to a portal and how it is called there."""

    scopes: tuple[Scope, ...]
    naming: Naming
    package: tuple[Sending, ...]
    left_blank: dict[str, Words]
    organization: tuple[Sending, ...]
    extras: tuple[Sending, ...]
    resource: tuple[Sending, ...]
    items: ItemSending
    files: FileSending
    addresses: Addresses
    never_sent: tuple[NeverSent, ...]
    never_sent_sources: Citations
    never_sent_design: bool
    licenses: dict[str, str]
    licenses_sources: Citations
    licenses_design: bool
    tags: TagLimits
    limits: PortalLimits
    scheming: SchemingForm
    withdrawal: Withdrawal

    @cached_property
    def scope_index(self) -> dict[str, Scope]:
        return by_key(self.scopes)

    @cached_property
    def sent(self) -> tuple[Sending, ...]:
        """Every row by which something leaves."""
        return (*self.package, *self.organization, *self.extras, *self.resource, *self.items.fields)

    @cached_property
    def extra_keys(self) -> dict[str, str]:
        """The key of an extra by where its value lies."""
        return {row.source: row.to for row in self.extras}
