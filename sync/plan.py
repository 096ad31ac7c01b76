"""What a run would do at a target: from the ledger alone, so that it costs what has changed and not what there is."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.models import OutboxRow, SyncEntry, SyncTarget
from registry.offers import offered_ids
from registry.people import local_day
from sync import ledger
from sync.desires import Wanted, wanted
from sync.mapping import Difference, Shape, differences, mapping_digest, portal_form
from sync.portal import Portal, PortalError
from sync.reports import names_of
from sync.targets import PROVINCE

CREATE, PATCH, WITHDRAW, SKIP, HELD = "create", "patch", "withdraw", "skip", "held"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Planned:
    """One entry that a run would touch. ``differences`` are None where the portal was not asked; ``reasons`` say what
    is held back, or why nothing more of it may be there."""

    entry_id: str
    code: str
    name: str
    act: str
    differences: tuple[Difference, ...] | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: how many of each act, the entries touched, and the ones ``held``: kept back here although
    they are on the shelf, or refused there and waiting for a person. ``said`` tells why differences are missing."""

    target: str
    create: int = 0
    patch: int = 0
    withdraw: int = 0
    skip: int = 0
    entries: tuple[Planned, ...] = ()
    held: tuple[Planned, ...] = ()
    said: str = ""

    @property
    def touched(self) -> int:
        return self.create + self.patch + self.withdraw


def plan_of(session: Session, target: SyncTarget, shape: Shape, *, now: datetime, full: bool = False) -> Plan:
    """What a run would do at a target now. ``full``: every entry is judged anew, as if the ledger had been told nothing.

    Nothing is written; the portal is not asked.
    """
    rows = {row.entry_id: row for row in _rows(session, target, shape, now=now, full=full)}
    extra = set(offered_ids(session, shape.scope)) if full else set()
    outbox = sorted(session.execute(select(col(OutboxRow.entry_id)).distinct()).scalars())
    for part in _parts(outbox):
        extra |= set(ledger.candidates(session, target, part))
    missing = sorted(extra - set(rows))
    rows |= {row.entry_id: row for row in _known_rows(session, target.id, missing)}
    chosen = sorted(extra | set(rows))
    planned = list(
        _planned(session, shape, chosen, rows, now=now, whole=target.kind == PROVINCE, closing=target.closing)
    )
    named = names_of(session, [one.entry_id for one in planned])
    parked = _parked(session, target.id, known={one.entry_id for one in planned})
    named |= names_of(session, [one.entry_id for one in parked])
    planned = [replace(one, code=named[one.entry_id][0], name=named[one.entry_id][1]) for one in planned]
    parked = [replace(one, code=named[one.entry_id][0], name=named[one.entry_id][1]) for one in parked]
    return _counted(session, target, planned, parked)


def _rows(
    session: Session, target: SyncTarget, shape: Shape, *, now: datetime, full: bool
) -> list[SyncEntry]:
    query = select(SyncEntry).where(col(SyncEntry.target_id) == target.id)
    if not full and target.mapping in ("", mapping_digest(shape)):
        query = query.where(or_(ledger.is_due(), ledger.has_run_out(local_day(now))))
    return list(session.execute(query).scalars())


def _known_rows(session: Session, target_id: str, entries: Sequence[str]) -> Iterator[SyncEntry]:
    for part in _parts(entries):
        query = select(SyncEntry).where(
            col(SyncEntry.target_id) == target_id, col(SyncEntry.entry_id).in_(part)
        )
        yield from session.execute(query).scalars()


def _parts(entries: Sequence[str]) -> Iterable[Sequence[str]]:
    return (entries[first : first + _AT_ONCE] for first in range(0, len(entries), _AT_ONCE))


def _planned(
    session: Session,
    shape: Shape,
    entries: Sequence[str],
    rows: dict[str, SyncEntry],
    *,
    now: datetime,
    whole: bool,
    closing: bool,
) -> Iterator[Planned]:
    for part in _parts(entries):
        wants = wanted(session, shape, part, now=now, whole=whole, closing=closing)
        for entry_id in part:
            want = wants[entry_id]
            yield Planned(entry_id, "", "", act_of(rows.get(entry_id), want), None, want.held_back)


def act_of(row: SyncEntry | None, want: Wanted) -> str:
    """What is to be done with an entry: create, patch, withdraw or skip."""
    there = row is not None and row.state in ledger.there_states()
    if want.desired is None:
        return WITHDRAW if there else SKIP
    if row is None or not there:
        return CREATE
    same = row.digest == want.digest and row.state in (ledger.PRESENT, ledger.SENT)
    return SKIP if same and not row.drift else PATCH


def _parked(session: Session, target_id: str, *, known: set[str]) -> list[Planned]:
    """What was refused there, and is not asked for anew."""
    query = select(SyncEntry).where(
        col(SyncEntry.target_id) == target_id, col(SyncEntry.trouble) == ledger.REFUSED, ~ledger.is_due()
    )
    rows = session.execute(query.order_by(col(SyncEntry.entry_id))).scalars()
    there = ledger.there_states()
    return [
        Planned(row.entry_id, "", "", HELD if row.state in there else CREATE, None, (row.said,))
        for row in rows
        if row.entry_id not in known
    ]


def _counted(
    session: Session, target: SyncTarget, planned: Sequence[Planned], parked: Sequence[Planned]
) -> Plan:
    acts = [one.act for one in planned]
    touched = tuple(one for one in planned if one.act != SKIP)
    # those in the ledger that nothing asked for stand as they should
    resting = ledger.counts(session, target.id)
    settled = resting["all"] - sum(
        resting.get(state, 0) for state in (ledger.ABSENT, ledger.GONE, ledger.KEPT)
    )
    busy = sum(1 for one in touched if one.act != CREATE) + sum(1 for one in parked if one.act == HELD)
    return Plan(
        target.name,
        create=acts.count(CREATE),
        patch=acts.count(PATCH),
        withdraw=acts.count(WITHDRAW),
        skip=max(settled - busy, 0),
        entries=touched,
        held=(*(one for one in planned if one.reasons), *parked),
    )


def with_differences(
    plan: Plan, session: Session, target: SyncTarget, portal: Portal, shape: Shape, *, now: datetime
) -> Plan:
    """The plan with what differs in the datasets that would be patched, read from the portal, for the first so many."""
    pace = load().sync.pace
    patched = [one for one in plan.entries if one.act == PATCH][: pace.differences]
    rows = {row.entry_id: row for row in _known_rows(session, target.id, [one.entry_id for one in patched])}
    wants = wanted(session, shape, [one.entry_id for one in patched], now=now)

    def compared(one: Planned) -> Planned:
        desired, row = wants[one.entry_id].desired, rows.get(one.entry_id)
        seen = (
            portal.look(row.portal_id or row.portal_name)
            if row and (row.portal_id or row.portal_name)
            else None
        )
        if desired is None or seen is None:
            return one
        found = differences(portal_form(seen.package, shape), portal_form(desired.package, shape))
        return replace(one, differences=tuple(found))

    try:
        with ThreadPoolExecutor(pace.parallel) as pool:
            read = {one.entry_id: one for one in pool.map(compared, patched)}
    except PortalError as error:
        return replace(plan, said=f"没有读到门户，差异从略：{error.words}")
    return replace(plan, entries=tuple(read.get(one.entry_id, one) for one in plan.entries))


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan as JSON: ``create``, ``patch``, ``withdraw``, ``skip``, ``entries`` and what is held back."""
    return {
        "target": plan.target,
        "create": plan.create,
        "patch": plan.patch,
        "withdraw": plan.withdraw,
        "skip": plan.skip,
        "entries": [_entry_json(one) for one in plan.entries],
        "held": [_entry_json(one) for one in plan.held],
        "said": plan.said,
    }


def _entry_json(one: Planned) -> dict[str, Any]:
    found = None if one.differences is None else [asdict(difference) for difference in one.differences]
    return {
        "code": one.code,
        "name": one.name,
        "act": one.act,
        "differences": found,
        "reasons": list(one.reasons),
    }
