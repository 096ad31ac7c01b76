"""Receipts read and the ledger brought to what they say: of the province, or from beside a portal across a gap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from catalog_specs import load
from registry import audit
from registry.db import Database
from registry.errors import MuluError, Rejected, TooLarge, Unavailable
from registry.models import SyncTarget
from registry.permits import Actor, demand, roles_of
from registry.settings import Settings
from sync import ferry, province, targets
from sync.parcel_ledger import Answer, answer_acts, mark_unacknowledged, parcel_numbered, take_answers
from sync.places import Place
from sync.portal import Rights

PERMISSION = "record_receipt"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of receipts: how many files were read, how many answers in them were new, by word (sync.yaml
    ``parcels.receipts.states``, or a result of a ferry), and what was wrong, in sentences."""

    files: int = 0
    answers: tuple[tuple[str, int], ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where receipts are read in, and as whom."""

    database: Database
    target_id: str
    registry: str
    by: str
    operator: str
    now: datetime


def receive(
    database: Database,
    name: str,
    path: Path,
    settings: Settings,
    *,
    actor: Callable[[Session], Actor],
    now: datetime,
    repin: bool = False,
) -> Taken:
    """Read one file of receipts of a target that somebody brought; nothing of it stands when any of it is wrong.

    ``repin``: a receipt from beside a portal may bear another key than the first one did, which is then the pinned one.

    Raises:
        NotAllowed: the actor may not record receipts. NotFound: there is no such target. Rejected: the file cannot be
        read, or the target takes no parcels.
    """
    with database.write() as session:
        who = actor(session)
        demand(who, PERMISSION, roles_of(load()))
        target = targets.find(session, name)
        _demand_parcels(target)
        if repin:
            target.pinned = ""
            act = audit.Act("sync_repin", target.id, {"target": name})
            audit.record(session, [act], actor=who.login, now=now, operator=who.operator)
        desk = Desk(
            database,
            target.id,
            targets.shape_of(session, target, settings).registry,
            who.login,
            who.operator,
            now,
        )
    most = load().sync.parcels.limits.receipt_bytes
    try:
        if path.stat().st_size > most:
            raise TooLarge(f"回执 {path.name} 超过 {most >> 20} MB；核对文件")
        data = path.read_bytes()
    except OSError as error:
        raise Rejected(f"回执 {path} 读不出（{error.strerror}）；核对路径和权限") from error
    return _taken([_one(desk, path.name, data)])


def _demand_parcels(target: SyncTarget) -> None:
    if target.kind != "province" and target.mode != "ferry":
        raise Rejected(f"目标 {target.name} 是直连的门户，没有回执；用 mulu-sync verify 核对")


def take_receipts(desk: Desk, place: Place) -> Taken:
    """Read all receipts that lie at a place, each by itself; one that was understood is moved away.

    Raises:
        Unavailable: the place cannot be reached.
    """
    parcels = load().sync.parcels
    folder, done = parcels.folders.receipts, parcels.folders.done
    results = []
    for name in place.names(folder):
        try:
            data = place.read(f"{folder}/{name}", parcels.limits.receipt_bytes)
        except Unavailable:
            raise
        except MuluError as error:
            results.append(_Read((), (error.message,)))
            continue
        found = _one(desk, name, data)
        results.append(found)
        if not found.faults:
            place.take_away(f"{folder}/{name}", done)
    return _taken(results)


def note_unacknowledged(desk: Desk) -> int:
    """Say of what had no receipt in time that it is unacknowledged; gives how many entries.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    with desk.database.write() as session:
        acts = mark_unacknowledged(session, session.get_one(SyncTarget, desk.target_id), now=desk.now)
        audit.record(session, acts, actor=desk.by, now=desk.now, operator=desk.operator)
    return len(acts)


# ---- one file ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    fresh: tuple[Answer, ...]
    faults: tuple[str, ...] = ()


def _taken(results: Sequence[_Read]) -> Taken:
    counted: dict[str, int] = {}
    for result in results:
        for one in result.fresh:
            counted[one.word] = counted.get(one.word, 0) + 1
    faults = tuple(fault for result in results for fault in result.faults)
    return Taken(len(results), tuple(sorted(counted.items())), faults)


class _NotUnderstood(Exception):
    """Undoes what was begun."""


def _one(desk: Desk, name: str, data: bytes) -> _Read:
    """One file in one transaction: all of it, or nothing."""
    try:
        with desk.database.write() as session:
            target = session.get_one(SyncTarget, desk.target_id, with_for_update=True)
            read = _of_province if target.kind == "province" else _of_ferry
            fresh, acts = read(session, target, desk, name, data)
            audit.record(session, acts, actor=desk.by, now=desk.now, operator=desk.operator)
    except _NotUnderstood as error:
        return _Read((), error.args)
    except Unavailable:
        raise
    except MuluError as error:
        return _Read((), (error.message,))
    return _Read(tuple(fresh))


def _of_province(
    session: Session, target: SyncTarget, desk: Desk, name: str, data: bytes
) -> tuple[list[Answer], list[audit.Act]]:
    found = province.read_receipts(session, target, name, data)
    if found.faults:
        raise _NotUnderstood(*(fault.zh for fault in found.faults))
    fresh: list[Answer] = []
    acts: list[audit.Act] = []
    for number, answers in found.answers.items():
        parcel = parcel_numbered(session, target.id, number)
        assert parcel is not None  # the reading has looked it up
        new = take_answers(session, parcel, answers, now=desk.now)
        fresh, acts = [*fresh, *new], [*acts, *answer_acts(target, parcel, new)]
    return fresh, acts


def _of_ferry(
    session: Session, target: SyncTarget, desk: Desk, name: str, data: bytes
) -> tuple[list[Answer], list[audit.Act]]:
    receipt = ferry.read_receipt(name, data)
    ferry.demand_ours(receipt, target, desk.registry, name)
    first = ferry.pin(target, receipt, name)
    parcel = parcel_numbered(session, target.id, receipt.head.number)
    if parcel is None and receipt.head.number <= target.parcels:
        # it was carried on before its writer, who died, could say that it was sent; its entries were sent again
        told = {"parcel": receipt.head.number}
        return [], [audit.Act("sync_receipt_unused", target.id, {"target": target.name} | told)]
    if parcel is None or parcel.sha256 != receipt.parcel:
        raise Rejected(f"回执 {name} 对应的第 {receipt.head.number} 件不是本系统发出的那一件；核对来源")
    held = {row["entry_id"]: row["act"] for row in parcel.rows}
    fresh = take_answers(session, parcel, ferry.answers(receipt, held), now=desk.now)
    if receipt.rights:
        targets.keep_rights(target, _rights(name, receipt.rights))
    acts = answer_acts(target, parcel, fresh)
    pinned = audit.Act("sync_pin", target.id, {"target": target.name, "key": target.pinned})
    return fresh, [pinned, *acts] if first else acts


def _rights(name: str, told: dict[str, Any]) -> Rights:
    try:
        return Rights(**told)
    except TypeError as error:
        raise Rejected(f"回执 {name} 的权限一栏读不懂；把两边升级到同一版本") from error
