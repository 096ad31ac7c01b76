"""The shape of sync.yaml: kinds of targets, states of the ledger, what goes wrong, drift, and the pace of the sync job.

Durations are seconds.
"""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from catalog_specs.law_parcels import Parcels
from catalog_specs.law_release import Citations, Cited, Words, by_key
from catalog_specs.model import Marked

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class LedgerState(Cited):
    """What is known of an entry at a target. ``there``: it may be there; ``gone``: it was read back that it is not."""

    there: bool
    gone: bool


class Trouble(Cited):
    """Why something was not done; ``parked``: it waits for a person or for the next change; ``cure``: what to do."""

    parked: bool
    cure_zh: Words
    cure_en: Words


class Drift(Cited):
    """How a portal may differ from what the registry says; ``repair``: whether the sync job mends it by itself."""

    repair: bool


class Retry(Marked):
    """The wait after the n-th failure: ``first * factor ** (n - 1)``, at most ``longest``; ``jitter`` is the share of
    it that is drawn by lot. Before that a deed is tried ``at_once`` times within a run, after ``at_once_first``."""

    at_once: Annotated[int, Field(ge=0)]
    at_once_first: Seconds
    first: Seconds
    factor: Annotated[float, Field(ge=1)]
    longest: Seconds
    jitter: Annotated[float, Field(ge=0, le=1)]
    sources: Citations

    def wait(self, attempts: int, lot: float) -> float:
        """Seconds to wait after ``attempts`` failures; ``lot`` is drawn from 0 to 1."""
        return self._drawn(self.first, attempts, lot)

    def wait_at_once(self, attempts: int, lot: float) -> float:
        """``wait`` within a run."""
        return self._drawn(self.at_once_first, attempts, lot)

    def _drawn(self, first: float, attempts: int, lot: float) -> float:
        whole = min(self.longest, first * self.factor ** min(attempts - 1, 40))
        return whole * (1 - self.jitter) + whole * self.jitter * lot


class Breaker(Marked):
    """After so many ``failures`` in a row a target rests for ``pause``, each time twice as long, at most ``longest``."""

    failures: Count
    pause: Seconds
    longest: Seconds
    sources: Citations


class Pace(Marked):
    """How fast: calls in ``parallel``, entries claimed in one ``chunk`` for a ``lease``, seconds to ``connect`` and to
    ``read`` an answer, rows of a ``page``, ``looks`` at most at one dataset in a write, ``watch`` between two rounds,
    ``fresh``: a judgement that is older is not acted on; so many entries of a plan with their ``differences``, chunks
    ``ahead`` of those that are on their way."""

    parallel: Count
    chunk: Count
    lease: Seconds
    connect: Seconds
    read: Seconds
    upload_bytes_a_second: Count
    page: Count
    looks: Count
    watch: Seconds
    fresh: Seconds
    differences: Count
    ahead: Count
    sources: Citations


class Sync(Marked):
    kinds: tuple[Cited, ...]
    modes: tuple[Cited, ...]
    files: tuple[Cited, ...]
    states: tuple[LedgerState, ...]
    troubles: tuple[Trouble, ...]
    drifts: tuple[Drift, ...]
    retry: Retry
    breaker: Breaker
    pace: Pace
    parcels: Parcels
    sources: Citations

    @cached_property
    def state_index(self) -> dict[str, LedgerState]:
        return by_key(self.states)

    @cached_property
    def trouble_index(self) -> dict[str, Trouble]:
        return by_key(self.troubles)

    @cached_property
    def drift_index(self) -> dict[str, Drift]:
        return by_key(self.drifts)
