"""The ledger of what stands where: what is due, who works on it, what came of it. Owns the table ``sync_entry``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.models import Distribution, OutboxRow, SyncEntry, SyncTarget
from registry.models.columns import table_of
from sync.portal import Known
from sync.targets import listed

ABSENT, UNCERTAIN, SENT, PRESENT, GONE, KEPT = "absent", "uncertain", "sent", "present", "gone", "kept"
UNREACHABLE, REFUSED, UNACKNOWLEDGED, WITHHELD = "unreachable", "refused", "unacknowledged", "withheld"
_TAKEN_AT_ONCE = 1000
_SAID = 2000  # characters of a portal's words that are kept
_CALM = {"trouble": "", "said": "", "attempts": 0, "next_at": None}


def there_states() -> frozenset[str]:
    """The states in which an entry may be at a target."""
    return frozenset(state.key for state in load().sync.states if state.there)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row of the ledger in the hands of one worker. ``asked`` is what it works off; ``known`` what a portal needs."""

    entry_id: str
    asked: int
    state: str
    digest: str
    attempts: int
    known: Known
    form: str = ""


# ---- what is asked ----------------------------------------------------------------------------------------


def take_outbox(session: Session, *, now: datetime) -> int:
    """Ask in every target's ledger for what stands first in the outbox, and take it out; gives how many rows were
    taken, none when it is empty.

    An entry that was never on a shelf and is in no ledger asks for nothing. Rows that another worker takes just now
    are his. One part in a transaction: whoever takes several would hold rows in another order than others do.
    """
    rows = _outbox_rows(session)
    entries = {row.entry_id for row in rows}
    for target in listed(session) if rows else ():
        ask(session, target.id, candidates(session, target, entries), now=now)
    session.execute(delete(OutboxRow).where(col(OutboxRow.id).in_([row.id for row in rows])))
    return len(rows)


def take_all(database: Database, *, now: datetime) -> None:
    """Empty the outbox, part by part."""
    while True:
        with database.write() as session:
            if not take_outbox(session, now=now):
                return


def _outbox_rows(session: Session) -> list[OutboxRow]:
    query = select(OutboxRow).order_by(col(OutboxRow.id)).limit(_TAKEN_AT_ONCE)
    return list(session.execute(query.with_for_update(skip_locked=True)).scalars())


def candidates(session: Session, target: SyncTarget, entries: Iterable[str]) -> list[str]:
    """Those of some entries that a target may have to do with: in its ledger, or ever on a shelf that it shows."""
    wanted = sorted(set(entries))
    in_ledger = select(col(SyncEntry.entry_id)).where(
        col(SyncEntry.target_id) == target.id, col(SyncEntry.entry_id).in_(wanted)
    )
    shelved = select(col(Distribution.entry_id)).where(
        col(Distribution.entry_id).in_(wanted), col(Distribution.shelved_at).is_not(None)
    )
    if load().ckan.scope_index[target.scope].only_opened:
        shelved = shelved.where(col(Distribution.opened))
    return sorted(session.execute(in_ledger.union(shelved)).scalars())


def ask(session: Session, target_id: str, entries: Sequence[str], *, now: datetime) -> None:
    """Make entries due at a target, whatever stopped them before."""
    if not entries:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"target_id": target_id, "entry_id": e, **_new_row(), "changed_at": now} for e in entries]
    statement = insert(SyncEntry).on_conflict_do_update(
        index_elements=["target_id", "entry_id"], set_={"asked": col(SyncEntry.asked) + 1, **_CALM}
    )
    session.execute(statement, rows)


def _new_row() -> dict[str, Any]:
    blank = SyncEntry(target_id="", entry_id="", files={})
    return {
        name: getattr(blank, name)
        for name in SyncEntry.model_fields
        if name not in ("target_id", "entry_id", "changed_at")
    }


def ask_all(session: Session, target_id: str, *, where: ColumnElement[bool] | None = None) -> int:
    """Make every row of a target due anew (those ``where`` holds); gives how many."""
    meant = and_(col(SyncEntry.target_id) == target_id, true() if where is None else where)
    _in_order(session, meant)
    query = update(SyncEntry).where(meant).execution_options(synchronize_session=False)
    done = session.execute(query.values(asked=col(SyncEntry.asked) + 1, **_CALM))
    return int(getattr(done, "rowcount", 0))


def hold(session: Session, target_id: str, entries: Sequence[str]) -> None:
    """Hold rows until the transaction ends. Everybody holds them in one order, so that no two wait for each other."""
    _in_order(session, and_(col(SyncEntry.target_id) == target_id, col(SyncEntry.entry_id).in_(entries)))


def _in_order(session: Session, meant: ColumnElement[bool]) -> None:
    query = select(col(SyncEntry.entry_id)).where(meant).order_by(col(SyncEntry.entry_id))
    session.execute(query.with_for_update()).all()


def has_run_out(today: date) -> ColumnElement[bool]:
    """Rows that no change touched, but whose last day is over."""
    return and_(col(SyncEntry.until) < today, col(SyncEntry.asked) == col(SyncEntry.met))


def wake(session: Session, target_id: str, *, today: date) -> int:
    """Make due what no longer holds by itself: the proof of an opened file has run out."""
    return ask_all(session, target_id, where=has_run_out(today))


# ---- what is due ------------------------------------------------------------------------------------------


def is_due() -> ColumnElement[bool]:
    return col(SyncEntry.asked) > col(SyncEntry.met)


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(col(SyncEntry.held_until).is_(None), col(SyncEntry.held_until) < now)


def due_rows(target_id: str, *, now: datetime) -> Select[*tuple[Any, ...]]:
    """The rows that may be worked on now, those first that were tried least."""
    ready = or_(col(SyncEntry.next_at).is_(None), col(SyncEntry.next_at) <= now)
    query = select(SyncEntry).where(col(SyncEntry.target_id) == target_id, is_due(), ready, _free(now))
    return query.order_by(col(SyncEntry.attempts), col(SyncEntry.entry_id))


def claim(
    session: Session, target_id: str, worker: str, *, now: datetime, limit: int, lease: float
) -> list[Claimed]:
    """Take up to ``limit`` due rows for ``worker``, for ``lease`` seconds; nobody else gets them meanwhile."""
    query = due_rows(target_id, now=now).limit(limit).with_for_update(skip_locked=True)
    rows: list[SyncEntry] = list(session.execute(query).scalars())
    claimed = [_claimed(row) for row in rows]
    for row in rows:
        row.held_by, row.held_until = worker, now + timedelta(seconds=lease)
    return claimed


def _claimed(row: SyncEntry) -> Claimed:
    # a worker that held it and never said what came of it may have written something; so may whoever took the digest
    # away before he wrote, and was not heard of
    dirty = bool(row.held_by or row.drift or row.trouble) or (row.state == PRESENT and not row.digest)
    look = dirty or row.state not in (ABSENT, PRESENT) or row.attempts > 0
    known = known_of(row, look=look)
    return Claimed(row.entry_id, row.asked, row.state, row.digest, row.attempts, known, row.form)


def known_of(row: SyncEntry, *, look: bool) -> Known:
    """What a portal needs to know of a row."""
    return Known(row.entry_id, row.portal_id, row.portal_name, row.modified, dict(row.files), look)


def hold_on(session: Session, target_id: str, worker: str, *, now: datetime, lease: float) -> None:
    """Lengthen the lease of everything that ``worker`` still has in hand."""
    session.execute(_held(target_id, worker).values(held_until=now + timedelta(seconds=lease)))


def let_go(session: Session, target_id: str, worker: str, untouched: Sequence[Claimed]) -> None:
    """Give back rows that ``worker`` did not begin, as they were."""
    for one in untouched:
        query = _held(target_id, worker).where(col(SyncEntry.entry_id) == one.entry_id)
        as_before = {"state": one.state, "digest": one.digest, "form": one.form}
        session.execute(query.values(held_by="", held_until=None, **as_before))


def _held(target_id: str, worker: str) -> Any:
    return update(SyncEntry).where(col(SyncEntry.target_id) == target_id, col(SyncEntry.held_by) == worker)


def begin(
    session: Session, target_id: str, worker: str, entries: Sequence[str], created: Sequence[str]
) -> None:
    """Say that something is about to be written for ``entries``: what stands there is not known until it was read back,
    whatever happens meanwhile to the row. Those ``created`` may be there from now on."""
    own = _held(target_id, worker)
    if entries:
        session.execute(own.where(col(SyncEntry.entry_id).in_(entries)).values(digest="", form=""))
    if created:
        session.execute(own.where(col(SyncEntry.entry_id).in_(created)).values(state=UNCERTAIN))


def is_still_so(session: Session, target_id: str, worker: str, claimed: Claimed) -> bool:
    """Whether nothing has changed since a row was claimed: it is still ours, and nothing more was asked of it."""
    row = select(col(SyncEntry.asked)).where(
        col(SyncEntry.target_id) == target_id,
        col(SyncEntry.entry_id) == claimed.entry_id,
        col(SyncEntry.held_by) == worker,
    )
    changed = select(col(OutboxRow.id)).where(col(OutboxRow.entry_id) == claimed.entry_id).limit(1)
    asked = session.execute(row).scalar_one_or_none()
    return asked == claimed.asked and session.execute(changed).first() is None


# ---- what came of it --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a claimed row. ``act``: create, patch, withdraw, skip, or fail; ``values`` are what the ledger
    keeps; ``trouble`` and ``said`` tell of what was not done. ``retry_in`` seconds is when it is tried again; None:
    it is settled, as far as this claim goes."""

    claimed: Claimed
    act: str
    values: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    said: str = ""
    retry_in: float | None = None


def settle(
    session: Session, target_id: str, worker: str, outcomes: Sequence[Outcome], *, now: datetime
) -> list[Outcome]:
    """Write what came of claimed rows and let go of them; gives the outcomes of those that were still ours."""
    ours = _still_held(session, target_id, worker, [one.claimed.entry_id for one in outcomes])
    done = [one for one in outcomes if one.claimed.entry_id in ours]
    alike: dict[frozenset[str], list[dict[str, Any]]] = {}
    for one in done:
        values = dict(one.values) | {"trouble": one.trouble, "said": one.said[:_SAID]}
        values |= {"held_by": "", "held_until": None} | _progress(one, now)
        # what was found amiss there stands until it was mended
        values |= {} if one.act == "fail" else {"drift": ""}
        named = {f"_{key}": value for key, value in values.items()} | {"at_entry": one.claimed.entry_id}
        alike.setdefault(frozenset(values), []).append(named)
    table = table_of(SyncEntry)
    own = update(table).where(table.c.target_id == target_id, table.c.entry_id == bindparam("at_entry"))
    for keys, rows in alike.items():
        # one statement for all that are changed alike: a statement for each took a fifth of a run's time
        session.execute(
            own.values({key: bindparam(f"_{key}", type_=table.c[key].type) for key in keys}), rows
        )
    return done


def _still_held(session: Session, target_id: str, worker: str, entries: Sequence[str]) -> frozenset[str]:
    query = select(col(SyncEntry.entry_id)).where(
        col(SyncEntry.target_id) == target_id,
        col(SyncEntry.held_by) == worker,
        col(SyncEntry.entry_id).in_(entries),
    )
    # held in one order with whoever asks meanwhile, so that two never wait for each other
    return frozenset(session.execute(query.order_by(col(SyncEntry.entry_id)).with_for_update()).scalars())


def _progress(one: Outcome, now: datetime) -> dict[str, Any]:
    if one.retry_in is None:
        return {"met": one.claimed.asked, "attempts": 0, "next_at": None}
    return {"attempts": one.claimed.attempts + 1, "next_at": now + timedelta(seconds=one.retry_in)}


# ---- how it stands ----------------------------------------------------------------------------------------


def counts(session: Session, target_id: str) -> dict[str, int]:
    """How many rows of a target are in each state; those in trouble under ``trouble:KIND``; ``due``, ``drift`` and
    ``all``."""
    found: dict[str, int] = {"all": 0, "due": 0, "drift": 0}
    state, trouble = col(SyncEntry.state), col(SyncEntry.trouble)
    due = func.count().filter(is_due())
    apart = func.count().filter(col(SyncEntry.drift) != "")
    query = select(state, trouble, func.count(), due, apart).where(col(SyncEntry.target_id) == target_id)
    for its_state, its_trouble, number, waiting, drifted in session.execute(query.group_by(state, trouble)):
        found[its_state] = found.get(its_state, 0) + number
        if its_trouble:
            found[f"trouble:{its_trouble}"] = found.get(f"trouble:{its_trouble}", 0) + number
        found["all"], found["due"] = found["all"] + number, found["due"] + int(waiting or 0)
        found["drift"] += int(drifted or 0)
    return found


def outbox_size(session: Session) -> int:
    """How many rows stand in the outbox."""
    return int(session.execute(select(func.count()).select_from(OutboxRow)).scalar_one())
