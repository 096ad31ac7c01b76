"""Both catalogues compared: the province's own list of everything there, the ledger, and the register.

Source: S-LPS 25; domain §12 R19.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import and_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.errors import Rejected, TooLarge
from registry.models import Entry, SyncEntry, SyncTarget, Version
from sync import ledger
from sync.parcel_ledger import LEAVING
from sync.worded_files import Fault, Told, read_worded
from validators.folding import fold

MISSING, EDITED, RENAMED, EXTRA, DOUBLED = "missing", "edited", "renamed", "extra", "doubled"
_SHARE = "share_type"


class Differing(NamedTuple):
    """A value that differs: what was sent, and what stands there."""

    field: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Apart:
    """One way in which the catalogues differ. ``drift`` is a key of sync.yaml; ``entry_id`` is empty where the register
    knows no such code; ``line`` is where it stands in the list, 0 where it does not. ``mendable``: sending anew mends
    it; what was never sent from here (stock of the province) is left alone."""

    drift: str
    code: str
    name: str
    entry_id: str = ""
    line: int = 0
    differing: tuple[Differing, ...] = ()
    mendable: bool = True


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found: rows of the list, entries of ours that should stand there, those that wait for a receipt,
    every difference, and what was wrong with the list (then nothing was compared)."""

    listed: int = 0
    ours: int = 0
    waiting: int = 0
    apart: tuple[Apart, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def in_step(self) -> bool:
        return not self.apart and not self.faults


@dataclass(frozen=True, slots=True)
class _Ours:
    """An entry of the ledger with what the register says of the version that was sent."""

    row: SyncEntry
    code: str
    name: str
    share: str


def reconcile(session: Session, target: SyncTarget, path: Path, *, now: datetime) -> Compared:
    """Compare the province's list with the ledger and the register; each difference is noted in the ledger as drift.

    What was sent and waits for its receipt is not held against either side. A list of which one row is not understood
    is not compared at all.

    Raises:
        Rejected: the target is not the province's, or the file cannot be read.
    """
    if target.kind != "province":
        raise Rejected(f"目标 {target.name} 不是省平台；门户用 mulu-sync verify 核对")
    rules = load().sync.parcels.listing
    table = read_worded(path.name, _bytes(path), rules.columns, rules.ignored)
    faults = (*table.faults, *_without_code(path.name, table.rows))
    if faults:
        return Compared(faults=faults)
    ours = _ours(session, target)
    listed: dict[str, list[Told]] = {}
    for row in table.rows:
        listed.setdefault(row.texts["code"], []).append(row)
    apart = [*_theirs(session, listed, ours), *_only_here(listed, ours)]
    _note(ours, apart, now)
    there = [one for one in ours.values() if one.row.state == ledger.PRESENT]
    waiting = sum(one.row.state == ledger.SENT for one in ours.values())
    return Compared(len(table.rows), len(there), waiting, tuple(apart))


def send_again(session: Session, target: SyncTarget, apart: Iterable[Apart], *, now: datetime) -> int:
    """Make due what the province lost or changed, and what it should not have any more; gives how many entries."""
    drifts = load().sync.drift_index
    keys = sorted({one.entry_id for one in apart if one.mendable and drifts[one.drift].repair})
    ledger.ask(session, target.id, keys, now=now)
    return len(keys)


def _bytes(path: Path) -> bytes:
    most = load().sync.parcels.limits.receipt_bytes
    try:
        if path.stat().st_size > most:
            raise TooLarge(f"{path.name} 超过 {most >> 20} MB；分成几份导出")
        return path.read_bytes()
    except OSError as error:
        raise Rejected(f"{path} 读不出（{error.strerror}）；核对路径和权限") from error


def _without_code(name: str, rows: Sequence[Told]) -> list[Fault]:
    return [Fault(name, row.line, "code_missing") for row in rows if not row.texts.get("code")]


def _ours(session: Session, target: SyncTarget) -> dict[str, _Ours]:
    """The rows of the ledger by code, with name and share type of the version that was sent."""
    sent = and_(
        col(Version.entry_id) == col(SyncEntry.entry_id), col(Version.number) == col(SyncEntry.number)
    )
    query = (
        select(SyncEntry, col(Entry.code), col(Version.name), col(Version.share_type))
        .join(Entry, col(Entry.id) == col(SyncEntry.entry_id))
        .outerjoin(Version, sent)
        .where(col(SyncEntry.target_id) == target.id)
        .order_by(col(Entry.code))
    )
    return {
        code or row.entry_id: _Ours(row, code or row.entry_id, name or "", share or "")
        for row, code, name, share in session.execute(query)
    }


# ---- compared ---------------------------------------------------------------------------------------------


def _theirs(
    session: Session, listed: Mapping[str, Sequence[Told]], ours: Mapping[str, _Ours]
) -> Iterable[Apart]:
    """What stands there: twice, unknown here, withdrawn here, or otherwise than it was sent."""
    known = _registered(session, [code for code in listed if code not in ours])
    for code, rows in listed.items():
        first, one = rows[0], ours.get(code)
        name, entry = first.texts.get("name", ""), one.row.entry_id if one else known.get(code, "")
        sent = one is not None and one.row.state != ledger.ABSENT
        if len(rows) > 1:
            yield Apart(DOUBLED, code, name, entry, rows[1].line, mendable=sent)
        if one is None or one.row.state in (ledger.GONE, ledger.KEPT, ledger.ABSENT):
            yield Apart(EXTRA, code, name, entry, first.line, mendable=sent)
        elif one.row.state == ledger.PRESENT:
            differing = tuple(_differing(one, first))
            if differing:
                renamed = all(part.field == "name" for part in differing)
                yield Apart(RENAMED if renamed else EDITED, code, one.name, entry, first.line, differing)


def _registered(session: Session, codes: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(codes), 500):
        query = select(col(Entry.code), col(Entry.id)).where(col(Entry.code).in_(codes[start : start + 500]))
        found |= {str(code): key for code, key in session.execute(query)}
    return found


def _differing(one: _Ours, row: Told) -> Iterable[Differing]:
    specs, texts = load(), row.texts
    if one.name and fold(texts.get("name", "")) != fold(one.name):
        yield Differing("name", one.name, texts.get("name", ""))
    if "share" in texts and one.share and _share(texts["share"], specs) != one.share:
        yield Differing(_SHARE, specs.label(_SHARE, one.share), texts["share"])


def _share(text: str, specs: Specs) -> str:
    """The code of a share type, written as code or in words; what is neither is itself."""
    values: Any = specs.codes[_SHARE].values
    for value in values:
        if fold(text) in (fold(value.code), fold(value.zh)):
            return str(value.code)
    return text


def _only_here(listed: Mapping[str, Any], ours: Mapping[str, _Ours]) -> Iterable[Apart]:
    for code, one in ours.items():
        if one.row.state == ledger.PRESENT and code not in listed:
            yield Apart(MISSING, code, one.name, one.row.entry_id)


def _note(ours: Mapping[str, _Ours], apart: Sequence[Apart], now: datetime) -> None:
    """Keep in the ledger how each entry was found; what differs is sent whole when it is asked for again."""
    drifts = {one.entry_id: one.drift for one in apart if one.mendable}
    for one in ours.values():
        row = one.row
        drift = drifts.get(row.entry_id, "")
        if row.state == ledger.SENT and row.digest == LEAVING and not drift:
            continue
        row.drift = drift
        if drift == EXTRA:
            # it stands there, whatever was thought before
            row.state, row.digest = ledger.UNCERTAIN, ""
        elif drift:
            row.digest = ""
        elif row.state == ledger.PRESENT:
            row.seen_at = now
