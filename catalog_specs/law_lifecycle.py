"""The law of review: the two lives of version and distribution, their moves, guards, records and phrases."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Change, Citations, Cited, Key, Named, Words, by_key
from catalog_specs.model import Frozen, Marked

# ---- lifecycle.yaml ---------------------------------------------------------------------------------------


class State(Named):
    editable: bool = False
    in_force: bool = False
    final: bool = False


class ShownState(Named):
    """What an entry is shown as; the first row whose ``when`` holds is taken."""

    when: Literal[
        "every_copy_certified",
        "retired",
        "announced_with_a_shelved_distribution",
        "version_in_force",
        "newest_version",
    ]


class Origin(Cited):
    """How a version comes to be, in which state, and by which permission."""

    state: Key
    permission: Key


class Signature(Frozen):
    """An opinion that a change class asks for, bound to the digest of the fields of ``binds`` and heavier."""

    move: Key
    by: tuple[Key, ...]
    binds: Change


class Shortcut(Frozen):
    """The move that brings a light change into force at once."""

    move: Key
    to: Key
    previous_to: Key


class ChangeClass(Cited):
    key: Change
    fields_zh: Words
    on_announce: Literal["keep", "clear_again"]
    signatures: tuple[Signature, ...]
    shortcut: Shortcut | None = None


class Effect(Frozen):
    """What becomes of a given opinion when a later change is of each class."""

    note: Literal["keep", "void"]
    ordinary: Literal["keep", "void"]
    major: Literal["keep", "void"]


class Move(Cited):
    """One way from states to a state; ``to`` is ``same`` where only an opinion is recorded."""

    subject: Literal["version", "distribution"]
    starts: Annotated[tuple[Key, ...], Field(alias="from")]
    to: Key
    by: Annotated[tuple[Key, ...], Field(min_length=1)]
    guards: tuple[Key, ...]
    takes: tuple[Key, ...] = ()
    creates: str = ""
    previous_to: str = ""
    entry_to: str = ""
    never_by_author: bool = False
    binds_change_class: Change | None = None
    effect_on_change: Effect | None = None
    deadline: str = ""
    deadline_first: str = ""


class Guard(Cited):
    """What must hold before a move, and how to bring it about; ``rules`` and ``needs`` are of rules.yaml."""

    gate: Annotated[str, Field(pattern=r"^(G[1-9])?$")] = ""
    given: bool = False
    rules: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    for_roles: tuple[Key, ...] = ()
    waived_by: str = ""
    fix_zh: Words
    fix_en: Words


class Conclusion(Named):
    share: bool
    open: bool
    needs_proof: bool = False


class SecrecyReview(Marked):
    fields: tuple[Key, ...]
    item_results: tuple[Named, ...]
    conclusions: tuple[Conclusion, ...]
    sources: Citations


class RecordKind(Cited):
    """A kind of evidence that is kept: who may record it, what of, what it must have, which guards it proves."""

    permission: Key
    of: Annotated[tuple[Literal["entry", "system", "distribution"], ...], Field(min_length=1)]
    binds: Change | None = None
    asks: Literal["number", "file", "either"]
    proves: tuple[Key, ...]


class Phrase(Cited):
    """A reason for a return, ready to be said of a field; ``fields`` empty: of any."""

    fields: tuple[str, ...] = ()
    own_words: bool = False


class Lifecycle(Frozen):
    versions: tuple[State, ...]
    distributions: tuple[State, ...]
    entry_states: tuple[ShownState, ...]
    origins: tuple[Origin, ...]
    change_classes: tuple[ChangeClass, ...]
    moves: tuple[Move, ...]
    waivers: tuple[Cited, ...]
    guards: tuple[Guard, ...]
    records: tuple[RecordKind, ...]
    phrases: tuple[Phrase, ...]
    secrecy_review: SecrecyReview

    @cached_property
    def index(self) -> dict[str, Move]:
        return by_key(self.moves)

    @cached_property
    def guard_index(self) -> dict[str, Guard]:
        return by_key(self.guards)

    @cached_property
    def class_index(self) -> dict[str, ChangeClass]:
        return by_key(self.change_classes)

    @cached_property
    def record_index(self) -> dict[str, RecordKind]:
        return by_key(self.records)

    @cached_property
    def phrase_index(self) -> dict[str, Phrase]:
        return by_key(self.phrases)

    @cached_property
    def conclusions(self) -> dict[str, Conclusion]:
        return by_key(self.secrecy_review.conclusions)
