"""The audit record as data: how often a head is signed, how faults are worded, which places an erasure speaks of."""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Named, Words, by_key
from catalog_specs.model import Marked


class SignedHeads(Marked):
    """A head is signed each time the record has grown by ``every`` events, at init and demo, and at server exit."""

    every: Annotated[int, Field(ge=1)]
    zh: Words
    en: Words
    sources: Citations


class Fault(Named):
    """What a verification found. ``zh`` and ``en`` are templates; ``fix`` is what to do."""

    fix_zh: Words
    fix_en: Words


class Audit(Marked):
    """``faults`` mean that the record was altered, ``notes`` do not."""

    heads: SignedHeads
    erased: Named
    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...]
    cleaned: tuple[Cited, ...]
    by_hand: tuple[Cited, ...]

    @cached_property
    def index(self) -> dict[str, Fault]:
        """Faults and notes by key."""
        return by_key((*self.faults, *self.notes))
