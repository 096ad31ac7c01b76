"""The sync as pages and API show it: who sees it, how targets stand, rows of the ledger, runs, parcels, plans.

Everything is read from the register; no portal is spoken to.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session, defer
from sqlmodel import col

from catalog_specs import load
from registry.errors import NotFound, Rejected
from registry.lookup import askable
from registry.models import (
    Agency,
    Distribution,
    Entry,
    OutboxRow,
    SyncEntry,
    SyncParcel,
    SyncRun,
    SyncTarget,
    Version,
)
from registry.permits import Actor, Sight
from registry.web.answers import demand_any
from sync import ledger, rounds
from sync.targets import listed

# who sees the sync, and who may have something tried again; any one of these is enough
SEES = ("read_outbox", "read_all", "configure_system", "read_audit")
PUSHES = ("push_portal", "configure_system")
_AT_ONCE = 500
# long, and not shown in lists
_FILES: Any = SyncEntry.files
_FAILURES: Any = SyncRun.failures


# ---- targets ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target stands. ``states``, ``troubles`` and ``drifts`` count rows of its ledger by keys of sync.yaml.

    ``amiss`` rows are in trouble or drifted (what is held back on purpose is neither); ``open`` ones wait for a run or a
    receipt, or nobody knows how their run ended; ``changed`` entries stand in the outbox and may concern the target.
    ``parcels`` went out, ``unanswered`` of them have no whole receipt. ``rests_until``: it is not tried before.
    """

    target: SyncTarget
    states: dict[str, int]
    troubles: dict[str, int]
    drifts: dict[str, int]
    all: int
    amiss: int
    open: int
    changed: int
    parcels: int
    unanswered: int
    rests_until: datetime | None
    last: SyncRun | None

    @property
    def held(self) -> int:
        """How many entries are on the shelf and held back here."""
        return self.troubles.get(ledger.WITHHELD, 0)

    @property
    def waiting(self) -> int:
        """How many entries wait for a run, for a receipt, or for somebody to find out how a run ended."""
        return self.open + self.changed

    @property
    def in_step(self) -> bool:
        """Whether everything that the registry says is known to stand at the target, and nothing else."""
        return not (self.amiss or self.waiting or self.rests_until or self.target.said)


def standings(session: Session, *, now: datetime) -> list[Standing]:
    """How all targets stand, by name."""
    return [standing_of(session, target, now=now) for target in listed(session)]


def standing_of(session: Session, target: SyncTarget, *, now: datetime) -> Standing:
    """How one target stands."""
    found, rules = ledger.counts(session, target.id), load().sync
    amiss, unfinished = _amiss(session, target.id)
    rests = target.rests_until
    parcels, unanswered = parcel_counts(session, target.id)
    return Standing(
        target,
        states={state.key: found.get(state.key, 0) for state in rules.states},
        troubles={one.key: found.get(f"trouble:{one.key}", 0) for one in rules.troubles},
        drifts=_drifts(session, target.id),
        all=found["all"],
        amiss=amiss,
        open=unfinished,
        changed=_changed(session, target.id),
        parcels=parcels,
        unanswered=unanswered,
        rests_until=rests if rests and rests > now else None,
        last=next(iter(list_runs(session, target, limit=1, brief=True)), None),
    )


def _amiss(session: Session, target_id: str) -> tuple[int, int]:
    """How many rows are in trouble or drifted, and how many are not finished with."""
    trouble, drift, state = col(SyncEntry.trouble), col(SyncEntry.drift), col(SyncEntry.state)
    bad = or_(trouble.not_in(("", ledger.WITHHELD)), drift != "")
    unfinished = or_(ledger.is_due(), state.in_((ledger.UNCERTAIN, ledger.SENT)))
    query = select(func.count().filter(bad), func.count().filter(unfinished))
    one, other = session.execute(query.where(col(SyncEntry.target_id) == target_id)).one()
    return int(one), int(other)


def _drifts(session: Session, target_id: str) -> dict[str, int]:
    drift = col(SyncEntry.drift)
    query = select(drift, func.count()).where(col(SyncEntry.target_id) == target_id, drift != "")
    found = {key: int(number) for key, number in session.execute(query.group_by(drift))}
    return {one.key: found.get(one.key, 0) for one in load().sync.drifts}


def changed_entries(target_id: str) -> Any:
    """The entries in the outbox that a target may have to do with, once each (as ``ledger.candidates``)."""
    entry = col(OutboxRow.entry_id)
    known = select(col(SyncEntry.entry_id)).where(col(SyncEntry.target_id) == target_id)
    shelved = select(col(Distribution.entry_id)).where(col(Distribution.shelved_at).is_not(None))
    return select(entry).where(or_(entry.in_(known), entry.in_(shelved))).distinct()


def _changed(session: Session, target_id: str) -> int:
    query = select(func.count()).select_from(changed_entries(target_id).subquery())
    return int(session.execute(query).scalar_one())


def parcel_counts(session: Session, target_id: str) -> tuple[int, int]:
    """How many parcels of a target went out, and how many of them have no whole receipt."""
    open_ones = func.count().filter(col(SyncParcel.answered_at).is_(None))
    query = select(func.count(), open_ones).where(col(SyncParcel.target_id) == target_id)
    sent, unanswered = session.execute(query).one()
    return int(sent), int(unanswered)


# ---- rows of the ledger -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows of a ledger are asked for, by keys of sync.yaml; empty means any."""

    state: str = ""
    trouble: str = ""
    drift: str = ""

    def where(self, target_id: str) -> ColumnElement[bool]:
        """The condition.

        Raises:
            Rejected: there is no such state, trouble or drift.
        """
        rules = load().sync
        known: dict[str, Any] = {
            "state": rules.state_index,
            "trouble": rules.trouble_index,
            "drift": rules.drift_index,
        }
        parts = [col(SyncEntry.target_id) == target_id]
        for name, index in known.items():
            if wanted := getattr(self, name):
                if wanted not in index:
                    raise Rejected(f"{name} 没有“{wanted[:64]}”；可用：{'、'.join(index)}")
                parts.append(getattr(SyncEntry, name) == wanted)
        return and_(*parts)


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """An entry at a target, as someone sees it: ``name`` is that of the version that he sees, empty if of none."""

    row: SyncEntry
    code: str
    name: str

    @property
    def due(self) -> bool:
        return self.row.asked > self.row.met


def ledger_rows(
    session: Session,
    condition: ColumnElement[bool],
    *,
    sight: Sight,
    after: str = "",
    limit: int,
    offset: int = 0,
) -> list[LedgerRow]:
    """Rows of a ledger by key of their entry: a page, after a key or from an offset on."""
    query = (
        select(SyncEntry, col(Entry.code), col(Version.name))
        .join(Entry, col(Entry.id) == col(SyncEntry.entry_id))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .outerjoin(Version, _seen_version(sight))
        .where(condition)
        .options(defer(_FILES))
        .order_by(col(SyncEntry.entry_id))
    )
    query = query.where(col(SyncEntry.entry_id) > askable(after)) if after else query
    found: Any = session.execute(query.limit(limit).offset(offset))
    return [LedgerRow(row, code or row.entry_id, name or "") for row, code, name in found]


def _seen_version(sight: Sight) -> ColumnElement[bool]:
    return and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == sight.number, sight.entries)


def names_seen(session: Session, entries: Sequence[str], sight: Sight) -> dict[str, tuple[str, str]]:
    """Code (or key) and name of entries by key, as someone sees them; the name is empty if he sees no version."""
    query = (
        select(col(Entry.id), col(Entry.code), col(Version.name))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .outerjoin(Version, _seen_version(sight))
    )
    parts = (entries[first : first + _AT_ONCE] for first in range(0, len(entries), _AT_ONCE))
    found: Any = (row for part in parts for row in session.execute(query.where(col(Entry.id).in_(part))))
    return {key: (code or key, name or "") for key, code, name in found}


def count_rows(session: Session, condition: ColumnElement[bool]) -> int:
    """How many rows of a ledger a condition holds for."""
    return int(session.execute(select(func.count()).select_from(SyncEntry).where(condition)).scalar_one())


# ---- runs and parcels -------------------------------------------------------------------------------------


def list_runs(
    session: Session, target: SyncTarget, *, after: str = "", limit: int, brief: bool = False
) -> list[SyncRun]:
    """Runs at a target, the newest first; those before the run ``after``. ``brief``: without their failures.

    Raises:
        NotFound: there is no run ``after`` at this target.
    """
    started, key = col(SyncRun.started_at), col(SyncRun.id)
    query: Any = select(SyncRun).where(col(SyncRun.target_id) == target.id)
    if after:
        last = find_run(session, target, after)
        query = query.where(tuple_(started, key) < (last.started_at, last.id))
    query = query.options(defer(_FAILURES)) if brief else query
    return list(session.execute(query.order_by(started.desc(), key.desc()).limit(limit)).scalars())


def count_runs(session: Session, target: SyncTarget) -> int:
    """How many runs were kept of a target."""
    query = select(func.count()).select_from(SyncRun).where(col(SyncRun.target_id) == target.id)
    return int(session.execute(query).scalar_one())


def find_run(session: Session, target: SyncTarget, key: str) -> SyncRun:
    """One run at a target.

    Raises:
        NotFound: there is none of this key.
    """
    found = session.get(SyncRun, askable(key))
    if found is None or found.target_id != target.id:
        raise NotFound(f"目标 {target.name} 没有编号为“{key[:64]}”的运行记录")
    return found


@dataclass(frozen=True, slots=True)
class ParcelSeen:
    """A parcel: how many entries it puts and withdraws, and what receipts said of how many, by their words."""

    parcel: SyncParcel
    acts: dict[str, int]
    words: dict[str, int]
    said: tuple[tuple[str, str], ...]

    @property
    def open(self) -> int:
        """How many of its entries have no receipt at all."""
        return sum(self.acts.values()) - sum(self.words.values())


def list_parcels(
    session: Session, target: SyncTarget, *, limit: int, offset: int = 0
) -> Iterator[ParcelSeen]:
    """Parcels of a target, the newest first."""
    query = select(SyncParcel).where(col(SyncParcel.target_id) == target.id)
    query = query.order_by(col(SyncParcel.number).desc()).limit(limit).offset(offset)
    return (_parcel(one) for one in session.execute(query).scalars())


def _parcel(parcel: SyncParcel) -> ParcelSeen:
    acts = Counter(str(row.get("act", "")) for row in parcel.rows)
    answers = (parcel.answer or {}).get("entries", {})
    codes = {row.get("entry_id"): row.get("code") for row in parcel.rows}
    said = ((str(codes.get(key) or key), str(one["said"])) for key, one in answers.items() if one.get("said"))
    return ParcelSeen(
        parcel, dict(acts), dict(Counter(str(one.get("word", "")) for one in answers.values())), tuple(said)
    )


# ---- tried again ------------------------------------------------------------------------------------------


def retry(session: Session, name: str, codes: Sequence[str], *, actor: Actor, now: datetime) -> int:
    """Make entries due again at a target, those named or all that are in trouble; gives how many.

    Raises:
        NotAllowed, NotFound, Gone: he may not, or there is no such target or entry.
    """
    demand_any(actor, PUSHES)
    return rounds.retry(session, name, codes, by=actor.login, operator=actor.operator, now=now)
