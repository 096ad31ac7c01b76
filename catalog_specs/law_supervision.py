"""The shape of supervision.yaml: reviews, orders to rectify, what follows for next year's budget."""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Numbered, Words, by_key
from catalog_specs.model import Frozen, Marked


class Limits(Marked):
    """How long what is written may be, and which years may be named."""

    words: int
    number: int
    vendor: int
    earliest_year: int
    years_ahead: int
    sources: Citations


class ExternalSystems(Marked):
    zh: Words
    en: Words
    sources: Citations


class ReviewKind(Cited):
    """``coded``: reasons of failure bear a code where the city's measure lists them; ``filing``: what passed is filed
    with the cyberspace office."""

    permission: Key
    coded: bool
    filing: bool


class OrderState(Cited):
    """``open``: nothing of the system goes on the shelf; ``awaits``: the move that is waited for."""

    open: bool
    awaits: str = ""


class OrderMove(Cited):
    """A step of an order. ``file``: it asks for a paper; ``never_by_reporter``: not by who reported it done."""

    starts: Annotated[tuple[Key, ...], Field(alias="from", min_length=1)]
    to: Key
    permission: Key
    file: bool
    never_by_reporter: bool = False


class Rectifying(Marked):
    number: Numbered
    order: Key
    first: Key
    states: tuple[OrderState, ...]
    moves: tuple[OrderMove, ...]
    sources: Citations

    @cached_property
    def state_index(self) -> dict[str, OrderState]:
        return by_key(self.states)

    @cached_property
    def move_index(self) -> dict[str, OrderMove]:
        return by_key(self.moves)

    @cached_property
    def open_states(self) -> tuple[str, ...]:
        return tuple(state.key for state in self.states if state.open)


class Consequence(Marked):
    """What a city's measure says follows."""

    profile: Key
    zh: Words
    en: Words
    sources: Citations


class Budget(Marked):
    """``grounds`` are what may speak against an agency; nothing follows of itself. Overdue duties count that
    ``duties_of`` owes; those whose evidence is ``told_elsewhere`` are among the other grounds already."""

    permission: Key
    earliest_years_back: int
    years_ahead: int
    duties_of: Key
    told_elsewhere: tuple[Key, ...]
    grounds: tuple[Cited, ...]
    consequences: tuple[Consequence, ...]
    sources: Citations

    @cached_property
    def ground_index(self) -> dict[str, Cited]:
        return by_key(self.grounds)


class Supervision(Frozen):
    sees: Annotated[tuple[Key, ...], Field(min_length=1)]
    limits: Limits
    external: ExternalSystems
    reviews: tuple[ReviewKind, ...]
    rectification: Rectifying
    budget: Budget

    @cached_property
    def review_index(self) -> dict[str, ReviewKind]:
        return by_key(self.reviews)
