"""The shape of systems.yaml: the life of a government information system and the states of its data copies."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, by_key
from catalog_specs.model import Frozen, Marked

Asks = Literal["none", "number", "file", "either", "note"]


class Life(Cited):
    """A stage in the life of a system. ``counts``: it counts as a system that is there; ``over``: it was retired."""

    counts: bool
    over: bool


class FirstLife(Marked):
    allowed: tuple[Key, ...]
    default: Key
    sources: Citations


class LifeMove(Cited):
    """A step from one stage to the next. ``gates`` are keys of duties.yaml that must be passed; ``own``: made by a
    retirement, never by itself."""

    starts: Annotated[tuple[Key, ...], Field(alias="from")]
    to: Key
    permission: Key
    gates: tuple[Key, ...]
    asks: Asks
    own: bool = False


class CopyState(Cited):
    """What became of a data copy; ``terminal``: it is answered for."""

    terminal: bool


class CopyRecords(Marked):
    """Which kinds of wipe records answer for a kind of copy; ``ledger``: the sync ledger does, by reading back."""

    key: Key
    records: tuple[Key, ...]
    ledger: bool = False
    sources: Citations


class Systems(Frozen):
    lives: tuple[Life, ...]
    first: FirstLife
    moves: tuple[LifeMove, ...]
    copy_states: tuple[CopyState, ...]
    copies: tuple[CopyRecords, ...]

    @cached_property
    def life_index(self) -> dict[str, Life]:
        return by_key(self.lives)

    @cached_property
    def move_index(self) -> dict[str, LifeMove]:
        return by_key(self.moves)

    @cached_property
    def copy_state_index(self) -> dict[str, CopyState]:
        return by_key(self.copy_states)

    @cached_property
    def copy_index(self) -> dict[str, CopyRecords]:
        return {row.key: row for row in self.copies}
