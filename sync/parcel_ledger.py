"""Parcels in the ledger: their numbers, what each held, what receipts made of it. Owns the table ``sync_parcel``."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law import Clock, Deadlines
from registry import audit
from registry.calendars import city_calendar
from registry.keys import new_key
from registry.models import SyncEntry, SyncParcel, SyncTarget
from sync import ledger
from sync.ledger import Claimed
from sync.parcel_files import ParcelEntry
from validators.workdays import DAY, latest_start

PUT, WITHDRAW, SKIP = "put", "withdraw", "skip"
# what the ledger keeps as the digest of a withdrawal that is on its way
LEAVING = "withdraw"
_SETTLED = (ledger.ABSENT, ledger.PRESENT, ledger.GONE, ledger.KEPT)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Item:
    """An entry on its way into a parcel. ``digest`` is of what is put there; ``files`` are SHA-256 and bytes of what
    goes along; ``what`` is what the kind of parcel writes; ``lacks`` says why nothing of it can be sent.

    ``held_back`` are distributions that stay here although they are on the shelf, in sentences.
    """

    claimed: Claimed
    act: str
    code: str
    digest: str = ""
    what: Any = None
    files: tuple[tuple[str, int], ...] = ()
    number: int | None = None
    until: date | None = None
    held_back: str = ""
    lacks: str = ""

    @property
    def bytes(self) -> int:
        return sum(size for _, size in set(self.files))

    @property
    def entry(self) -> ParcelEntry:
        """What the manifest says of it."""
        act: Any = self.act
        return ParcelEntry(
            entry_id=self.claimed.entry_id, code=self.code, act=act, digest=self.digest or LEAVING
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receipt says of one entry of a parcel. ``state`` is what it comes to in the ledger (empty: it stays as it
    is), ``values`` more that the ledger keeps. ``final``: nothing more is to come. ``again``: it is to be sent anew."""

    entry_id: str
    word: str
    said: str = ""
    state: str = ""
    trouble: str = ""
    final: bool = True
    again: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kept(self) -> dict[str, Any]:
        """What the parcel's row keeps of it."""
        return {"word": self.word, "said": self.said, "final": self.final} | dict(self.values)


# ---- numbers ----------------------------------------------------------------------------------------------


def reserve_number(session: Session, target_id: str, worker: str, entries: Sequence[str]) -> int:
    """The next number of a target's parcels, for what ``worker`` has in hand; it is never given again.

    From now on anything may become of the parcel: what stands there is not known until the ledger says so.
    """
    mine = (col(SyncEntry.target_id) == target_id, col(SyncEntry.held_by) == worker)
    query = update(SyncEntry).where(*mine, col(SyncEntry.entry_id).in_(entries))
    session.execute(query.values(digest=""))
    not_there = [state.key for state in load().sync.states if not state.there]
    session.execute(query.where(col(SyncEntry.state).in_(not_there)).values(state=ledger.UNCERTAIN))
    counted = update(SyncTarget).where(col(SyncTarget.id) == target_id)
    session.execute(counted.values(parcels=col(SyncTarget.parcels) + 1))
    asked = select(col(SyncTarget.parcels)).where(col(SyncTarget.id) == target_id)
    return int(session.execute(asked).scalar_one())


def release(session: Session, target_id: str, worker: str) -> None:
    """Let go of everything that ``worker`` still has in hand, in the state that it is in."""
    mine = (col(SyncEntry.target_id) == target_id, col(SyncEntry.held_by) == worker)
    session.execute(update(SyncEntry).where(*mine).values(held_by="", held_until=None))


def parcel_numbered(session: Session, target_id: str, number: int) -> SyncParcel | None:
    """The parcel of a number that was sent to a target."""
    query = select(SyncParcel).where(col(SyncParcel.target_id) == target_id, col(SyncParcel.number) == number)
    return session.execute(query.with_for_update()).scalar_one_or_none()


def known_numbers(session: Session, target_id: str) -> frozenset[int]:
    """The numbers of all parcels that were sent to a target."""
    query = select(col(SyncParcel.number)).where(col(SyncParcel.target_id) == target_id)
    return frozenset(session.execute(query).scalars())


def parcels_holding(
    session: Session, target_id: str, entries: Iterable[str], numbers: Collection[int] | None = None
) -> dict[str, list[int]]:
    """The numbers of the parcels in which some entries were sent, the oldest first, by entry; of all parcels, or of
    those that are numbered."""
    wanted = set(entries)
    query = select(col(SyncParcel.number), col(SyncParcel.rows)).where(col(SyncParcel.target_id) == target_id)
    if numbers is not None:
        query = query.where(col(SyncParcel.number).in_(sorted(numbers)))
    found: dict[str, list[int]] = {key: [] for key in wanted}
    for number, rows in session.execute(
        query.order_by(col(SyncParcel.number)).execution_options(yield_per=20)
    ):
        for row in rows:
            if row["entry_id"] in wanted:
                found[row["entry_id"]].append(number)
    return found


# ---- sent -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """A parcel that lies whole at its place."""

    target: SyncTarget
    number: int
    name: str
    sha256: str


def enter_parcel(
    session: Session, sent: Sent, entries: Sequence[ParcelEntry], befores: Mapping[str, str], *, now: datetime
) -> tuple[SyncParcel, list[audit.Act]]:
    """The row of a parcel that was sent, and what the record keeps of it; nothing more where another run found it
    lying and entered it.

    ``befores`` are the states in which the entries were before.
    """
    there = parcel_numbered(session, sent.target.id, sent.number)
    if there is not None:
        return there, []
    rows = [one.model_dump() | {"before": befores.get(one.entry_id, "")} for one in entries]
    parcel = SyncParcel(
        id=new_key("k"),
        target_id=sent.target.id,
        number=sent.number,
        name=sent.name,
        sha256=sent.sha256,
        rows=rows,
        sent_at=now,
    )
    session.add(parcel)
    session.flush()
    return parcel, _sent_acts(sent, entries)


def adopt(session: Session, sent: Sent, entries: Sequence[ParcelEntry], *, now: datetime) -> list[audit.Act]:
    """Enter a parcel that was found lying: its writer died before he could say so. Its entries stay due, and are
    found to be sent when they are looked at. Gives what the record keeps."""
    rows = _rows(session, sent.target.id, [one.entry_id for one in entries])
    befores = {key: row.state for key, row in rows.items()}
    parcel, acts = enter_parcel(session, sent, entries, befores, now=now)
    for one in entries:
        row = rows.get(one.entry_id)
        if row is not None and row.parcel_id != parcel.id:
            row.state, row.digest, row.parcel_id, row.changed_at = ledger.SENT, one.digest, parcel.id, now
            row.held_by, row.held_until = "", None
    return acts


def _sent_acts(sent: Sent, entries: Sequence[ParcelEntry]) -> list[audit.Act]:
    """What the record keeps of a parcel: itself, and each entry in it."""
    whole = {"number": sent.number, "name": sent.name, "sha256": sent.sha256, "entries": len(entries)}
    kinds = {PUT: "sync_push", WITHDRAW: "sync_withdraw"}
    told = {"target": sent.target.name, "parcel": sent.number, "state": ledger.SENT}
    return [
        audit.Act("sync_parcel", sent.target.id, {"target": sent.target.name} | whole),
        *(audit.Act(kinds[one.act], one.entry_id, told | {"digest": one.digest}) for one in entries),
    ]


# ---- answered ---------------------------------------------------------------------------------------------


def take_answers(
    session: Session, parcel: SyncParcel, answers: Sequence[Answer], *, now: datetime
) -> list[Answer]:
    """Keep what a receipt says of a parcel's entries, and let the ledger follow; gives the answers that were new.

    An entry that was sent again since is not settled by the receipt for an older parcel. The same answer twice, or one
    that is less than what was said already, changes nothing.
    """
    known = dict((parcel.answer or {}).get("entries", {}))
    fresh = [one for one in answers if _is_new(known.get(one.entry_id), one)]
    if not fresh:
        return []
    rows = _rows(session, parcel.target_id, [one.entry_id for one in fresh])
    asked = {row["entry_id"]: row for row in parcel.rows}
    for one in fresh:
        known[one.entry_id] = one.kept
        row = rows.get(one.entry_id)
        if row is not None and row.parcel_id == parcel.id:
            _settle(row, one, asked[one.entry_id], now)
    parcel.answer = {**(parcel.answer or {}), "entries": known}
    if all(known.get(key, {}).get("final") for key in asked):
        parcel.answered_at = parcel.answered_at or now
    return fresh


def _is_new(before: Mapping[str, Any] | None, answer: Answer) -> bool:
    if before is None:
        return True
    return before != answer.kept and (answer.final or not before.get("final"))


def _settle(row: SyncEntry, answer: Answer, sent: Mapping[str, Any], now: datetime) -> None:
    row.drift = ""
    if answer.trouble or row.trouble != ledger.WITHHELD:
        # what is held back here is held back still
        row.trouble, row.said = answer.trouble, answer.said
    for key, value in answer.values.items():
        setattr(row, key, value)
    if answer.trouble == ledger.REFUSED:
        # what was there before is there still; what that was is known only where nothing else was on its way
        before = sent.get("before", "")
        row.state = before if before in _SETTLED else ledger.UNCERTAIN
        row.digest, row.changed_at = "", now
    elif answer.state in (ledger.GONE, ledger.KEPT):
        row.state, row.gone_at, row.seen_at = answer.state, now, now
        row.digest, row.modified, row.files, row.until = "", "", {}, None
    else:
        # an answer that came late: it is known again what was sent
        row.digest = sent["digest"]
        if answer.state:
            row.state, row.seen_at, row.gone_at = answer.state, now, None
    if answer.again:
        row.asked, row.digest, row.attempts = row.asked + 1, "", row.attempts + 1


def answer_acts(target: SyncTarget, parcel: SyncParcel, answers: Sequence[Answer]) -> list[audit.Act]:
    """What the record keeps of receipts."""
    told = {"target": target.name, "parcel": parcel.number}
    return [
        audit.Act("record_receipt", one.entry_id, told | {"word": one.word, "said": one.said[:500]})
        for one in answers
    ]


def mark_unacknowledged(session: Session, target: SyncTarget, *, now: datetime) -> list[audit.Act]:
    """Say of what was sent and had no final word in time that it is unacknowledged; gives what the record keeps.

    That it was received is no final word, and begins no time of its own.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    specs = load()
    clock = specs.document("deadlines", Deadlines).index[specs.sync.parcels.receipts.clock]
    waiting = (
        select(SyncEntry, SyncParcel)
        .join(SyncParcel, col(SyncParcel.id) == col(SyncEntry.parcel_id))
        .where(col(SyncEntry.target_id) == target.id, col(SyncEntry.state) == ledger.SENT)
        .where(
            col(SyncEntry.trouble).in_(("", ledger.WITHHELD)),
            col(SyncParcel.sent_at) < _cut(specs, clock, now),
        )
    )
    acts = []
    for row, parcel in session.execute(waiting.order_by(col(SyncEntry.entry_id))):
        told = (parcel.answer or {}).get("entries", {}).get(row.entry_id, {})
        if told.get("final"):
            continue
        row.trouble, row.digest = ledger.UNACKNOWLEDGED, ""
        lacking = "只说收到，没有结论" if told else "没有回执"
        row.said = f"第 {parcel.number} 件发出后 {clock.length} 个工作日{lacking}"
        details = {"target": target.name, "parcel": parcel.number}
        acts.append(audit.Act("sync_unacknowledged", row.entry_id, details))
    return acts


def _cut(specs: Specs, clock: Clock, now: datetime) -> datetime:
    """What was sent before this moment is late now."""
    calendar = city_calendar(specs)
    return calendar.begin(latest_start(clock, calendar.day_of(now) - DAY, calendar) + DAY)


def _rows(session: Session, target_id: str, entries: Sequence[str]) -> dict[str, SyncEntry]:
    """Rows of the ledger, held until the transaction ends, by entry."""
    found: dict[str, SyncEntry] = {}
    listed = sorted(set(entries))
    for start in range(0, len(listed), _AT_ONCE):
        query = select(SyncEntry).where(
            col(SyncEntry.target_id) == target_id,
            col(SyncEntry.entry_id).in_(listed[start : start + _AT_ONCE]),
        )
        query = query.order_by(col(SyncEntry.entry_id)).with_for_update()
        found |= {row.entry_id: row for row in session.execute(query).scalars()}
    return found
