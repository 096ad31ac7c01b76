"""Spot checks: a random sample of low-risk versions that passed review, which anyone can draw again.

A version is drawn by the SHA-256 of the seed and of what it is, so that the same seed and population give the
same sample everywhere; seed, digest of the population and what was drawn go on the record. Source: queues.yaml
(``spot_check``) [DESIGN].
"""

import hashlib
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.queueing import Queues
from registry import audit
from registry.calendars import city_calendar
from registry.errors import Rejected
from registry.keys import digest_of
from registry.models import Agency, Entry, Opinion, Version
from registry.permits import Actor, Held, demand, holding, roles_of, within

PASSED = ("approved", "announced")
SEED_BITS = 48


@dataclass(frozen=True, slots=True)
class Candidate:
    """A low-risk version that passed: ``at`` the last move that let it pass, by ``login``."""

    entry_id: str
    number: int
    digest: str
    code: str | None
    name: str
    agency_name: str
    risk: int
    login: str
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.entry_id}/{self.number}"


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn, in the order of drawing. ``population`` is the digest of all candidates."""

    chosen: tuple[Candidate, ...]
    seed: int
    share: float
    first: date
    last: date
    candidates: int
    population: str


def sample(
    session: Session,
    *,
    period: tuple[date, date],
    actor: Actor,
    now: datetime,
    specs: Specs,
    share: float | None = None,
    seed: int | None = None,
) -> Sample:
    """Draw low-risk versions that were approved or announced on the days of ``period`` (both included).

    ``share`` and ``seed`` are those of queues.yaml when they are not given; seed 0 there means a new one each
    time. What was drawn is recorded.

    Raises:
        NotAllowed: the actor may not draw. Rejected: the period ends before it begins, or the share is no share.
    """
    spec = specs.document("queues", Queues).spot_check
    held = _allowed(actor, specs)
    share = spec.share if share is None else share
    if period[1] < period[0]:
        raise Rejected(f"抽查期间的止日 {period[1]} 早于起日 {period[0]}")
    if not 0 < share <= 1:
        raise Rejected(f"抽查比例须大于 0、不超过 1，不能是 {share:g}")
    found = _population(session, period, specs, held)
    seed = seed if seed is not None else spec.seed or secrets.randbits(SEED_BITS)
    count = min(len(found), max(math.ceil(share * len(found)), spec.at_least))
    chosen = sorted(found, key=lambda one: _drawn(seed, one))[:count]
    population = digest_of([[one.key, one.digest] for one in found])
    drawn = Sample(tuple(chosen), seed, share, *period, len(found), population)
    _record(session, drawn, actor=actor, now=now)
    return drawn


def _allowed(actor: Actor, specs: Specs) -> tuple[Held, ...]:
    """The roles by which the actor may draw, each within its scope."""
    roles, by = roles_of(specs), specs.document("queues", Queues).spot_check.by
    held = tuple(one for act in by for one in holding(actor, act, roles))
    if not held:
        demand(actor, by[0], roles)
    return held


def _population(
    session: Session, period: tuple[date, date], specs: Specs, held: Sequence[Held]
) -> list[Candidate]:
    """The candidates, by key."""
    calendar = city_calendar(specs)
    begin, end = calendar.begin(period[0]), calendar.begin(date.fromordinal(period[1].toordinal() + 1))
    query = _passed().where(
        col(Version.risk) < specs.document("queues", Queues).spot_check.below,
        col(Opinion.at) >= begin,
        col(Opinion.at) < end,
        within(held, roles_of(specs)),
    )
    # the last move of each version stands, as the rows come in order
    found = {(row[0], row[1]): Candidate(*row) for row in session.execute(query)}
    return [found[key] for key in sorted(found)]


def _passed() -> Select[Any]:
    """Versions with the moves that let them pass."""
    given = and_(
        col(Opinion.entry_id) == col(Version.entry_id),
        col(Opinion.number) == col(Version.number),
        col(Opinion.distribution_id).is_(None),
        col(Opinion.state_after).in_(PASSED),
        col(Opinion.state_before) != col(Opinion.state_after),
    )
    columns: list[Any] = [
        col(Version.entry_id),
        col(Version.number),
        col(Version.digest),
        col(Entry.code),
        col(Version.name),
        col(Agency.name),
        col(Version.risk),
        col(Opinion.login),
        col(Opinion.at),
    ]
    return (
        select(*columns)
        .select_from(Version)
        .join(Opinion, given)
        .join(Entry, col(Entry.id) == col(Version.entry_id))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .order_by(col(Opinion.at), col(Opinion.id))
    )


def _drawn(seed: int, one: Candidate) -> str:
    """The lot of a candidate; the lowest are chosen."""
    return hashlib.sha256(f"{seed}\n{one.key}\n{one.digest}".encode()).hexdigest()


def _record(session: Session, drawn: Sample, *, actor: Actor, now: datetime) -> None:
    details = {
        "seed": drawn.seed,
        "share": drawn.share,
        "period": [drawn.first.isoformat(), drawn.last.isoformat()],
        "candidates": drawn.candidates,
        "population": drawn.population,
        "chosen": [one.key for one in drawn.chosen],
    }
    act = audit.Act("spot_check", f"spot_check/{drawn.first}/{drawn.last}", details)
    audit.record(session, [act], actor=actor.login, now=now, operator=actor.operator)
