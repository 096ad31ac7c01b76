"""The shape of obligations.yaml: how the rows of duties.yaml become duties of a year, an agency, a system."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Words, by_key
from catalog_specs.model import Frozen, Marked

DutyId = Annotated[str, Field(pattern=r"^[A-Z]+-J?[0-9]{2}$")]
Duties = tuple[DutyId, ...]
Told = Annotated[tuple[DutyId, ...], Field(min_length=1)]


class DutyState(Cited):
    """``open``: something is still to be done; ``rank``: the worse of two states has the lower one."""

    open: bool
    rank: int


class DerivedEvidence(Cited):
    """A kind of evidence that the register tells by itself, by the probe of that name.

    ``duties``: only of these; ``by_hand``: it may also be handed in; ``where`` says where it comes about.
    """

    probe: Key
    duties: Duties = ()
    by_hand: bool = False
    where: Words


class Answerer(Marked):
    """Who records evidence for a body that a duty names: the permission that it takes."""

    actor: Key
    permission: Key
    sources: Citations


class Enforced(Marked):
    """What keeps a gate shut: guards of the lifecycle, moves of systems, or the handing in of a plan."""

    gate: Key
    by: Literal["guards", "moves", "evidence"]
    guards: tuple[Key, ...] = ()
    moves: tuple[Key, ...] = ()
    kinds: tuple[Key, ...] = ()
    zh: Words
    en: Words
    sources: Citations


class Later(Marked):
    """Evidence of a duty that comes about only after its gate was passed, and is not asked for there."""

    gate: Key
    kinds: tuple[Key, ...]
    sources: Citations


class Chosen(Marked):
    """Some duties that are alike in what the name of the field says."""

    duties: Told
    zh: Words
    en: Words
    sources: Citations


class Stage(Marked):
    """The stages in the life of a system in which some duties bind it."""

    lives: Annotated[tuple[Key, ...], Field(min_length=1)]
    duties: Duties = ()
    sources: Citations


class Valid(Marked):
    """Evidence that runs out: of ``kind``, by ``clock``."""

    kind: Key
    clock: Key
    sources: Citations


class Waiving(Marked):
    """Who says that a duty of some kinds does not apply; of the others, who hands in evidence may."""

    permission: Key
    kinds: tuple[Key, ...]
    sources: Citations


class DutyLimits(Marked):
    earliest_year: int
    years_ahead: int
    number: int
    note: int
    sources: Citations


class DutyWords(Marked):
    """What is said of duties; {names} are filled in."""

    key: Key
    zh: Words
    en: Words


class Obligations(Frozen):
    limits: DutyLimits
    ended: Key
    states: tuple[DutyState, ...]
    derived: tuple[DerivedEvidence, ...]
    answerers: tuple[Answerer, ...]
    reserved: tuple[Answerer, ...]
    enforced: tuple[Enforced, ...]
    later: tuple[Later, ...]
    each_year: Chosen
    arising: Chosen
    needs_entries: Chosen
    waiving: Waiving
    usual: Stage
    stages: tuple[Stage, ...]
    valid: tuple[Valid, ...]
    says: tuple[DutyWords, ...]

    @cached_property
    def state_index(self) -> dict[str, DutyState]:
        return by_key(self.states)

    @cached_property
    def enforced_index(self) -> dict[str, Enforced]:
        return {row.gate: row for row in self.enforced}

    @cached_property
    def answers(self) -> dict[str, str]:
        """The permission by the body that a duty names."""
        return {row.actor: row.permission for row in self.answerers}

    @cached_property
    def _says(self) -> dict[str, str]:
        return {row.key: row.zh for row in self.says}

    def derived_of(self, duty: str, kind: str) -> DerivedEvidence | None:
        """How the register tells a kind of evidence of a duty; None where it must be handed in."""
        rows = (row for row in self.derived if row.key == kind and (not row.duties or duty in row.duties))
        return next(rows, None)

    def reserved_for(self, kind: str) -> str | None:
        """The permission that alone records a kind of evidence; ``actor`` of such a row is the kind."""
        return next((row.permission for row in self.reserved if row.actor == kind), None)

    def later_than(self, gate: str) -> frozenset[str]:
        """Kinds of evidence that are not asked for at a gate."""
        return frozenset(kind for row in self.later if row.gate == gate for kind in row.kinds)

    def lives_of(self, duty: str) -> tuple[str, ...]:
        """The stages of a system in which a duty binds."""
        return next((row.lives for row in self.stages if duty in row.duties), self.usual.lives)

    def clock_of(self, kind: str) -> str:
        """The clock by which a kind of evidence runs out; empty where it does not."""
        return next((row.clock for row in self.valid if row.kind == kind), "")

    def say(self, key: str, **named: object) -> str:
        """A sentence in Chinese."""
        return self._says[key].format(**named)
