"""What is due at a target, sent in parcels. No network within a transaction.

A parcel's number is reserved first, then the parcel is written, and only when it lies whole at its place the ledger
says so. What was written and not said, because the job died in between, is found lying and entered.
"""

import random
import re
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from catalog_specs import load
from registry import audit
from registry.db import Database
from registry.errors import MuluError, NotFound, Unavailable
from registry.marks import own_public_key
from registry.models import SyncTarget
from registry.people import local_day
from registry.stores import CHUNK, Store
from sync import ferry, ledger, province
from sync.ledger import Claimed, Outcome
from sync.mapping import Shape, mapping_digest
from sync.parcel_files import FILES, Head, most_bytes, parcel_name, read_parcel, write_parcel
from sync.parcel_ledger import (
    LEAVING,
    PUT,
    SKIP,
    WITHDRAW,
    Item,
    Sent,
    adopt,
    enter_parcel,
    known_numbers,
    release,
    reserve_number,
)
from sync.places import Place
from sync.reports import Report, names_of

PROVINCE = "province"


class PlaceFailed(Exception):
    """The place of parcels cannot be reached; ``words`` say why."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(slots=True)
class Sender:
    """One run at one target, which takes parcels at ``place``. ``files`` holds the stored bytes."""

    database: Database
    target: SyncTarget
    shape: Shape
    files: Store
    place: Place
    report: Report
    by: str
    operator: str
    now: datetime
    worker: str = field(default_factory=lambda: f"parcels:{secrets.token_hex(8)}")

    def ask(self) -> None:
        """Make due what changed, what no longer holds by itself, and everything once the rules are others."""
        mapping = mapping_digest(self.shape)
        ledger.take_all(self.database, now=self.now)
        with self.database.write() as session:
            target = session.get_one(SyncTarget, self.target.id)
            if target.mapping not in ("", mapping):
                ledger.ask_all(session, target.id)
            target.mapping = mapping
            ledger.wake(session, target.id, today=local_day(self.now))

    def send_all(self) -> tuple[str, ...]:
        """Send what is due; gives the names of the parcels.

        Raises:
            PlaceFailed: the place cannot be reached; what was not sent stays due. Unavailable: the own key cannot be
            used.
        """
        names: list[str] = []
        while claimed := self._claim():
            name = self._send(claimed)
            names += [name] if name else []
        return tuple(names)

    def _claim(self) -> list[Claimed]:
        limits = load().sync.parcels.limits
        with self.database.write() as session:
            return ledger.claim(
                session,
                self.target.id,
                self.worker,
                now=self.now,
                limit=limits.entries,
                lease=limits.lease,
            )

    def _send(self, claimed: Sequence[Claimed]) -> str:
        """One parcel of claimed entries, as far as they fit in; its name, or nothing when none was needed."""
        try:
            with self.database.read() as session:
                items = self._judged(session, claimed)
            with tempfile.TemporaryDirectory(prefix="mulu-parcel-") as scratch:
                return self._pack(items, Path(scratch))
        finally:
            # what was neither sent nor settled is due for the next one
            with self.database.write() as session:
                release(session, self.target.id, self.worker)

    def _judged(self, session: Session, claimed: Sequence[Claimed]) -> list[Item]:
        if self.target.kind == PROVINCE:
            return province.items(session, self.target, self.shape, claimed, now=self.now)
        return ferry.items(session, self.shape, claimed, now=self.now)

    def _pack(self, items: Sequence[Item], folder: Path) -> str:
        limits = load().sync.parcels.limits
        outcomes = [self._skipped(one) for one in items if one.act == SKIP]
        outcomes += [self._withheld(one, one.lacks) for one in items if one.lacks]
        chosen: list[Item] = []
        carried: dict[str, Path] = {}
        room = limits.bytes
        for one in items:
            if one.act == SKIP or one.lacks:
                continue
            if one.bytes > limits.bytes:
                outcomes.append(self._withheld(one, f"文件合计 {one.bytes} 字节，超过一件收发件的上限"))
            elif one.bytes <= room:
                try:
                    carried |= self._bring(one, folder)
                except MuluError as error:
                    # bytes that are missing or are not what was proven: nothing leaves
                    outcomes.append(self._later(one, error.message, ledger.WITHHELD))
                    continue
                room -= one.bytes
                chosen.append(one)
        self._settle(outcomes)
        return self._write(chosen, carried, folder) if chosen else ""

    def _bring(self, one: Item, folder: Path) -> dict[str, Path]:
        """The stored files of an entry, brought to this machine and compared with their digests."""
        brought = {}
        for sha256, size in one.files:
            path = folder / sha256
            brought[FILES + sha256] = path
            if not path.exists():
                with self.files.open(sha256, size) as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK)
        return brought

    # ---- written and said ---------------------------------------------------------------------------------

    def _write(self, chosen: Sequence[Item], carried: dict[str, Path], folder: Path) -> str:
        number = self._reserved(chosen)
        name = parcel_name(self.target.name, number)
        entries = [one.entry for one in chosen]
        members = self._members(chosen, folder) | carried
        written = write_parcel(folder / name, self._head(number), entries, members, made_at=self.now)
        try:
            self.place.write(name, folder / name)
        except Unavailable as error:
            self._settle([self._later(one, error.message, ledger.UNREACHABLE) for one in chosen])
            raise PlaceFailed(error.message) from error
        sent = Sent(self.target, number, name, written.sha256)
        with self.database.write() as session:
            befores = {one.claimed.entry_id: one.claimed.state for one in chosen}
            parcel, acts = enter_parcel(session, sent, entries, befores, now=self.now)
            outcomes = [self._sent(one, parcel.id) for one in chosen]
            ledger.settle(session, self.target.id, self.worker, outcomes, now=self.now)
            audit.record(session, acts, actor=self.by, now=self.now, operator=self.operator)
        self._tell(outcomes)
        return name

    def _reserved(self, chosen: Sequence[Item]) -> int:
        keys = [one.claimed.entry_id for one in chosen]
        with self.database.write() as session:
            return reserve_number(session, self.target.id, self.worker, keys)

    def _head(self, number: int) -> Head:
        target, crossing = self.target, self.target.kind != PROVINCE
        return Head(
            registry=self.shape.registry,
            target=target.name,
            target_id=target.id,
            scope=target.scope,
            kind=target.kind,
            mode=target.mode,
            number=number,
            shape=asdict(self.shape) if crossing else {},
        )

    def _members(self, chosen: Sequence[Item], folder: Path) -> dict[str, Path]:
        if self.target.kind == PROVINCE:
            return province.write_members(chosen, folder, made_at=self.now)
        return ferry.write_members(chosen, folder)

    # ---- what came of it ----------------------------------------------------------------------------------

    def _settle(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            with self.database.write() as session:
                ledger.settle(session, self.target.id, self.worker, outcomes, now=self.now)
            self._tell(outcomes)

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        self.report.count(list(outcomes))
        told = [one for one in outcomes if one.trouble]
        with self.database.read() as session:
            names = names_of(session, [one.claimed.entry_id for one in told])
        for one in told:
            code, name = names.get(one.claimed.entry_id, (one.claimed.entry_id, ""))
            self.report.tell(code, name, one.trouble, one.said, one.claimed.entry_id)

    @staticmethod
    def _told(one: Item) -> tuple[str, str]:
        return (ledger.WITHHELD, one.held_back) if one.held_back else ("", "")

    def _skipped(self, one: Item) -> Outcome:
        values = {"until": one.until} | ({"number": one.number} if one.number else {})
        return Outcome(one.claimed, "skip", values, *self._told(one))

    def _sent(self, one: Item, parcel_id: str) -> Outcome:
        there = one.claimed.state in ledger.there_states()
        act = WITHDRAW if one.act == WITHDRAW else "patch" if there else "create"
        values = {"state": ledger.SENT, "parcel_id": parcel_id, "changed_at": self.now, "until": one.until}
        values |= {"digest": one.digest or LEAVING} | ({"number": one.number} if one.act == PUT else {})
        return Outcome(one.claimed, act, values, *self._told(one))

    def _withheld(self, one: Item, said: str) -> Outcome:
        return Outcome(one.claimed, "fail", {}, ledger.WITHHELD, said)

    def _later(self, one: Item, said: str, trouble: str) -> Outcome:
        wait = load().sync.retry.wait(one.claimed.attempts + 1, random.random())  # noqa: S311
        return Outcome(one.claimed, "fail", {}, trouble, said, wait)

    # ---- found lying --------------------------------------------------------------------------------------

    def find_orphans(self) -> None:
        """Enter the parcels that lie at the place and that nobody entered: their writer died in between.

        One that cannot be used is taken away: its number is gone, and its entries are due.

        Raises:
            PlaceFailed: the place cannot be reached.
        """
        with self.database.read() as session:
            known = known_numbers(session, self.target.id)
            last = session.get_one(SyncTarget, self.target.id).parcels
        pattern = re.compile(rf"mulu-{re.escape(self.target.name)}-([0-9]{{6,}})\.zip")
        try:
            for name in self.place.names():
                found = pattern.fullmatch(name)
                if found and int(found.group(1)) not in known and int(found.group(1)) <= last:
                    self._find(name)
        except Unavailable as error:
            raise PlaceFailed(error.message) from error

    def _find(self, name: str) -> None:
        parcels = load().sync.parcels
        with tempfile.TemporaryDirectory(prefix="mulu-parcel-") as scratch:
            path = Path(scratch) / name
            try:
                self.place.fetch(name, path, most_bytes(parcels.limits))
                with read_parcel(path, [own_public_key()[1]]) as parcel:
                    head, entries, sha256 = parcel.head, parcel.manifest.entries, parcel.sha256
            except Unavailable:
                raise
            except NotFound:
                # it was carried on meanwhile
                return
            except MuluError as error:
                self.place.take_away(name, parcels.folders.done)
                self.report.tell("", name, "", error.message)
                return
        if (head.registry, head.target_id) != (self.shape.registry, self.target.id):
            # of a target of that name that was removed
            return
        with self.database.write() as session:
            acts = adopt(session, Sent(self.target, head.number, name, sha256), entries, now=self.now)
            audit.record(session, acts, actor=self.by, now=self.now, operator=self.operator)
