"""A register whose entries leave in parcels: a target, a folder as its place, runs, receipts, what the ledger says."""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from bench.shelf import shelve_many
from registry.db import Database
from registry.models import AuditEvent, Distribution, Entry, SyncEntry, SyncParcel, SyncTarget, Version
from registry.outbox import mark
from registry.settings import Settings, read_settings
from registry.stores import FolderStore
from sync import targets
from sync.parcel_run import run_parcels
from sync.places import Place
from sync.reports import Report
from sync.rounds import retry
from sync.targets import NewTarget
from tests.conftest import NOW

HEAD = ("信息资源代码", "状态", "退回意见", "收发件编号")


@dataclass
class Office:
    """One register and one target of it, which takes parcels in the folder ``place``."""

    database: Database
    folder: Path
    kind: str = "province"
    name: str = "province"
    now: datetime = NOW
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.place.mkdir()
        self.files = FolderStore(self.folder / "files")
        self.settings = replace(read_settings(), files_folder=self.folder / "files")
        crossing = {"mode": "ferry", "place": str(self.place)} if self.kind == "ckan" else {}
        url = "https://data.example.gov.cn" if crossing else str(self.place)
        with self.database.write() as session:
            new = NewTarget(self.name, self.kind, "open", url, **crossing)
            targets.add(session, new, settings=self.settings, by="admin", operator="", now=self.now)

    @property
    def place(self) -> Path:
        return self.folder / "place"

    def shelve(self, number: int, *, files: bool = False, first: int = 0) -> list[str]:
        """Entries on the shelf, in the outbox; gives their keys."""
        files_at = self.files if files else None
        return shelve_many(self.database, number, now=self.now, files=files_at, first=first)

    def run(self, place: Place | None = None) -> Report:
        """One run; a minute goes by."""
        report = Report(self.name, "run", self.now)
        run_parcels(
            self.database,
            self.name,
            report,
            self.settings,
            by="mulu-sync",
            operator="test",
            now=self.now,
            place=place,
        )
        self.now += timedelta(minutes=1)
        return report

    def retry(self, *codes: str) -> None:
        with self.database.write() as session:
            retry(session, self.name, codes, by="admin", operator="", now=self.now)

    def change(self, entry: str, *, state: str = "shelved", **values: Any) -> None:
        """Change the distributions of an entry as the door would have."""
        with self.database.write() as session:
            query = update(Distribution).where(col(Distribution.entry_id) == entry)
            session.execute(query.values(state=state, **values))
            mark(session, [entry], "attach", now=self.now)

    def draft(self, entry: str, name: str, *, in_force: int | None = 1) -> None:
        """A second version, which was not announced; ``in_force`` as the entry has it then."""
        with self.database.write() as session:
            first = session.get_one(Version, (entry, 1))
            values = first.model_dump() | {"number": 2, "state": "draft", "name": name, "announced_at": None}
            session.add(Version(**values))
            changed = update(Entry).where(col(Entry.id) == entry)
            session.execute(changed.values(newest=2, in_force=in_force))
            mark(session, [entry], "revise", now=self.now)

    def take_off(self, entry: str) -> None:
        self.change(entry, state="off_shelf", ended_at=self.now)

    # ---- what is there ------------------------------------------------------------------------------------

    def parcels(self) -> list[str]:
        return sorted(path.name for path in self.place.glob("*.zip"))

    def parcel(self, name: str) -> dict[str, bytes]:
        """The members of a parcel."""
        with zipfile.ZipFile(self.place / name) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist()}

    def code(self, entry: str) -> str:
        with self.database.read() as session:
            return str(session.get_one(Entry, entry).code)

    def row(self, entry: str) -> SyncEntry:
        with self.database.read() as session:
            found = session.get_one(SyncEntry, (self.target().id, entry))
            session.expunge(found)
            return found

    def state(self, entry: str) -> tuple[str, str]:
        """State and trouble of an entry in the ledger."""
        row = self.row(entry)
        return row.state, row.trouble

    def target(self) -> SyncTarget:
        with self.database.read() as session:
            found = targets.find(session, self.name)
            session.expunge(found)
            return found

    def sent(self) -> list[SyncParcel]:
        with self.database.read() as session:
            found = list(session.execute(select(SyncParcel).order_by(col(SyncParcel.number))).scalars())
            session.expunge_all()
            return found

    def acts(self, act: str) -> list[str]:
        """The subjects of all events of an act; targets by their names."""
        with self.database.read() as session:
            names = {target.id: target.name for target in session.execute(select(SyncTarget)).scalars()}
            query = select(col(AuditEvent.subject)).where(col(AuditEvent.act) == act)
            found = session.execute(query.order_by(col(AuditEvent.seq))).scalars()
            return [names.get(subject, subject) for subject in found]

    # ---- receipts of the province -------------------------------------------------------------------------

    def receipt(
        self,
        *rows: Sequence[str],
        name: str = "回执.csv",
        head: Sequence[str] = HEAD,
        encoding: str = "utf-8",
    ) -> Path:
        """A file of receipts laid into the place."""
        text = io.StringIO()
        csv.writer(text).writerows([head, *rows])
        path = self.place / "receipts" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.getvalue().encode(encoding))
        return path
