"""May this move be made? ``decide`` answers with everything that is missing, at once, each with its source."""

from typing import NamedTuple

import validators.offers  # noqa: F401  (enters the guards of distributions)
from catalog_specs import SpecError, Specs
from catalog_specs.law_lifecycle import Guard, Lifecycle, Move
from validators.gates import GATES, MoveCase


class Unmet(NamedTuple):
    """A guard that is not met: what must hold, what exactly is missing, how to bring it about, and its source."""

    guard: str
    gate: str
    text: str
    details: tuple[str, ...]
    fix: str
    source: str


def decide(case: MoveCase, lang: str = "zh") -> tuple[Unmet, ...]:
    """Everything that is missing before ``case`` may make its move; empty when nothing is.

    State, role and authorship are the caller's to check first. Source: S1 13, S-ZY 20-24, S-LPS 22-25.
    """
    life = case.specs.document("lifecycle", Lifecycle)
    found = []
    for name in case.move.guards:
        guard = life.guard_index[name]
        missing = GATES[name](case, guard)
        if missing is not None:
            found.append(_word(guard, missing, case.specs, lang))
    return tuple(found)


def _word(guard: Guard, details: tuple[str, ...], specs: Specs, lang: str) -> Unmet:
    text, fix = (guard.en, guard.fix_en) if lang == "en" else (guard.zh, guard.fix_zh)
    return Unmet(guard.key, guard.gate, text, details, fix, specs.cited(guard.sources, lang))


def blocking_authors(move: Move, authors: frozenset[str], login: str) -> bool:
    """Whether ``login`` would approve work of his own. Source: S1 13; domain §6.2 (reviewer is not compiler)."""
    return move.never_by_author and login in authors


def check_guards(specs: Specs) -> None:
    """Every guard of lifecycle.yaml has its check, and every check its guard.

    Raises:
        SpecError: one lacks the other.
    """
    life = specs.document("lifecycle", Lifecycle)
    lacking = sorted(set(life.guard_index) ^ set(GATES))
    if lacking:
        raise SpecError(f"lifecycle.yaml：前提与检查不对应：{'、'.join(lacking)}")
