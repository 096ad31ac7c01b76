"""The sync job at work in tests: a register with entries on the shelf, a real portal, runs, what is there afterwards."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from bench.shelf import shelve_many
from registry.db import Database
from registry.models import Distribution, SyncEntry, SyncTarget
from registry.outbox import mark
from registry.settings import Settings, read_settings
from registry.stores import FolderStore
from sync import rounds, targets
from sync.plan import Plan
from sync.portal import Portal
from sync.reports import Report
from sync.rounds import Office
from sync.targets import NewTarget
from sync.verify import Findings

if TYPE_CHECKING:
    from tests.ckan.server import Ckan

NAME = "open-portal"


@dataclass
class Bench:
    """A register and one target of it, at ``url``: the CKAN itself, or a proxy before it."""

    database: Database
    ckan: "Ckan"
    folder: Path
    settings: Settings
    url: str
    later: timedelta = field(default_factory=timedelta)
    stop: threading.Event = field(default_factory=threading.Event)

    def clock(self) -> datetime:
        """Now, as far as this bench was moved on."""
        return datetime.now(UTC) + self.later

    @property
    def office(self) -> Office:
        return Office(self.database, self.settings, "mulu-sync", "tests", self.clock, self.stop)

    @property
    def files(self) -> FolderStore:
        return FolderStore(self.folder / "files")

    def add_target(self, name: str = NAME, scope: str = "open", **more: Any) -> None:
        with self.database.write() as session:
            new = NewTarget(name, "ckan", scope, self.url, **more)
            targets.add(session, new, settings=self.settings, by="admin", operator="t", now=self.clock())

    def shelve(self, number: int, *, files: bool = False, **more: Any) -> list[str]:
        return shelve_many(
            self.database, number, now=self.clock(), files=self.files if files else None, **more
        )

    def run(self, name: str = NAME, **more: Any) -> Report:
        return rounds.run(self.office, name, **more)

    def plan(self, name: str = NAME, **more: Any) -> Plan:
        return rounds.plan(self.office, name, **more)

    def verify(self, name: str = NAME, **more: Any) -> Findings:
        return rounds.verify(self.office, name, **more)

    def repair(self, name: str = NAME, **more: Any) -> Report:
        return rounds.repair(self.office, name, **more)

    def take_off(self, *entries: str) -> None:
        """Take every distribution of entries off the shelf, as the door would have."""
        with self.database.write() as session:
            query = update(Distribution).where(col(Distribution.entry_id).in_(entries))
            session.execute(query.values(state="off_shelf", ended_at=self.clock()))
            mark(session, entries, "off_shelf", now=self.clock())

    def put_back(self, *entries: str) -> None:
        with self.database.write() as session:
            query = update(Distribution).where(col(Distribution.entry_id).in_(entries))
            session.execute(query.values(state="shelved", ended_at=None))
            mark(session, entries, "shelve", now=self.clock())

    def rename(self, entry: str, name: str) -> None:
        """Give the first distribution of an entry another name: a small change of what is shown."""
        with self.database.write() as session:
            query = select(Distribution).where(col(Distribution.entry_id) == entry)
            first = session.execute(query.order_by(col(Distribution.id)).limit(1)).scalar_one()
            first.name = name
            mark(session, [entry], "attach", now=self.clock())

    def row(self, entry: str, name: str = NAME) -> SyncEntry:
        with self.database.read() as session:
            target = targets.find(session, name)
            found = session.get_one(SyncEntry, (target.id, entry))
            session.expunge(found)
            return found

    def target(self, name: str = NAME) -> SyncTarget:
        with self.database.read() as session:
            found = targets.find(session, name)
            session.expunge(found)
            return found

    def there(self) -> dict[str, dict[str, Any]]:
        """Every active dataset of the portal by its id, as its database has it."""
        names = self.ckan.call("package_list", limit=1000)
        found = [self.ckan.call("package_show", id=name) for name in names]
        return {one["id"]: one for one in found}

    def entries_there(self) -> dict[str, dict[str, Any]]:
        """Every active dataset by the entry that it was made of; fails when one entry stands there twice."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.there().values():
            extras = {extra["key"]: extra["value"] for extra in one["extras"]}
            assert extras["mulu_entry"] not in found, "an entry stands there twice"
            found[extras["mulu_entry"]] = one
        return found

    @contextmanager
    def portal(self) -> Iterator[Portal]:
        with self.database.read() as session:
            target = targets.find(session, NAME)
            shape = targets.shape_of(session, target, self.settings)
            with targets.opened(target, shape, self.settings) as found:
                yield found

    def in_step(self, entries: list[str]) -> None:
        """Assert that exactly these entries are there, once each, as they should be, and that the ledger says so."""
        assert set(self.entries_there()) == set(entries)
        for entry in entries:
            row = self.row(entry)
            assert (row.state, row.trouble, row.met) == ("present", "", row.asked)
        found = self.verify(deep=True)
        assert found.drifts == []
        plan = self.plan()
        assert (plan.create, plan.patch, plan.withdraw, plan.skip) == (0, 0, 0, len(entries))


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(
    sqlite_database: Database, ckan: "Ckan", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeBench]:
    """A bench with one target, at the CKAN or at a proxy before it; the portal is empty before and afterwards."""
    ckan.remove_everything()

    def make(url: str | None = None, *, token: str | None = None, database: Database | None = None) -> Bench:
        monkeypatch.setenv("MULU_ALLOW_LOOPBACK_TARGETS", "1")
        monkeypatch.setenv("MULU_TARGET_OPEN_PORTAL_TOKEN", token or ckan.token)
        monkeypatch.setenv("MULU_FILES_DIR", str(tmp_path / "files"))
        made = database or sqlite_database
        settings = replace(read_settings(), database_url=str(made.engine.url))
        bench = Bench(made, ckan, tmp_path, settings, url or ckan.url)
        bench.add_target()
        return bench

    yield make
    ckan.remove_everything()


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()
