"""Parcels carried out at a real CKAN, and their receipts read back in."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.db import Database
from registry.errors import Rejected, Unavailable
from sync.apply import Applied, apply_parcel, head_of
from sync.ckan import CkanPortal
from sync.mapping import Shape
from tests.ckan import proxy as faults
from tests.ckan.proxy import Proxy
from tests.ckan.server import Ckan
from tests.parcelling import Office

pytestmark = pytest.mark.ckan


@dataclass
class Beside:
    """The other side of the gap: a portal and a folder, no registry."""

    office: Office
    ckan: Ckan
    folder: Path

    def parcel(self, number: int) -> Path:
        return self.office.place / f"mulu-{self.office.name}-{number:06d}.zip"

    def apply(self, number: int = 1, *, url: str = "", token: str = "", again: bool = False) -> Applied:
        path = self.parcel(number)
        shape: dict[str, Any] = head_of(path, folder=self.folder).shape
        portal = CkanPortal(url or self.ckan.url, token or self.ckan.token, shape=Shape(**shape))
        try:
            return apply_parcel(path, portal=portal, folder=self.folder, now=self.office.now, again=again)
        finally:
            portal.close()

    def carry_back(self, done: Applied) -> None:
        receipts = self.office.place / "receipts"
        receipts.mkdir(exist_ok=True)
        (receipts / done.path.name).write_bytes(done.path.read_bytes())

    def entries(self) -> dict[str, dict[str, Any]]:
        """What stands at the portal, by entry; fails when one stands there twice."""
        found: dict[str, dict[str, Any]] = {}
        for name in self.ckan.call("package_list", limit=1000):
            one = self.ckan.call("package_show", id=name)
            (entry,) = [extra["value"] for extra in one["extras"] if extra["key"] == "mulu_entry"]
            assert entry not in found
            found[entry] = one
        return found


@pytest.fixture
def beside(sqlite_database: Database, ckan: Ckan, tmp_path: Path) -> Iterator[Beside]:
    (tmp_path / "state").mkdir()
    ckan.remove_everything()
    yield Beside(Office(sqlite_database, tmp_path, "ckan", "over-the-gap"), ckan, tmp_path / "state")
    ckan.remove_everything()


def test_a_parcel_is_carried_out_and_its_receipt_settles_the_ledger(beside: Beside) -> None:
    office = beside.office
    entries = office.shelve(3, files=True)
    office.run()
    done = beside.apply()
    assert [(one.outcome, one.done) for one in done.receipt.results] == [("present", "create")] * 3
    shown = beside.entries()
    assert set(shown) == set(entries)
    first = shown[entries[0]]["resources"][0]
    assert requests.get(first["url"], timeout=30).content.startswith("设施名称".encode())
    beside.carry_back(done)
    assert office.run().outcome == "in_step"
    row = office.row(entries[0])
    assert (row.state, row.portal_id, row.files[first["id"]]) == (
        "present",
        shown[entries[0]]["id"],
        first["hash"],
    )


def test_changes_and_withdrawals_follow(beside: Beside) -> None:
    office = beside.office
    first, second, third = office.shelve(3)
    office.run()
    beside.carry_back(beside.apply())
    office.run()
    office.change(first, name="改过的名称")
    office.take_off(second)
    office.run()
    done = beside.apply(2)
    assert sorted((one.act, one.outcome, one.done) for one in done.receipt.results) == [
        ("put", "present", "patch"),
        ("withdraw", "gone", "withdraw"),
    ]
    assert set(beside.entries()) == {first, third}
    beside.carry_back(done)
    office.run()
    assert [office.state(one)[0] for one in (first, second, third)] == ["present", "gone", "present"]


def test_the_same_parcel_again_gives_the_same_receipt_without_a_write(beside: Beside, proxy: Proxy) -> None:
    beside.office.shelve(2)
    beside.office.run()
    first = beside.apply(url=proxy.url)
    writes = proxy.writes
    again = beside.apply(url=proxy.url)
    assert (again.replayed, again.receipt, proxy.writes) == (True, first.receipt, writes)
    forced = beside.apply(again=True)
    assert [one.done for one in forced.receipt.results] == ["skip", "skip"]


def test_an_older_parcel_does_not_cover_a_newer_one(beside: Beside) -> None:
    office = beside.office
    (entry,) = office.shelve(1)
    office.run()
    office.take_off(entry)
    office.run()
    assert [one.outcome for one in beside.apply(2).receipt.results] == ["gone"]
    with pytest.raises(Rejected, match="已办理到第 2 件"):
        beside.apply(1)
    assert beside.entries() == {}


def test_one_failure_does_not_keep_the_others(beside: Beside) -> None:
    office = beside.office
    entries = office.shelve(3)
    office.run()
    taken = beside.ckan.organization()
    name = office.code(entries[1]).replace("/", "-")
    beside.ckan.call("package_create", name=name, owner_org=taken, title="别家的")
    done = beside.apply()
    assert sorted(one.outcome for one in done.receipt.results) == ["present", "present", "refused"]
    beside.carry_back(done)
    office.run()
    assert office.row(entries[1]).trouble == "refused" and office.row(entries[1]).said
    assert [office.state(one)[0] for one in (entries[0], entries[2])] == ["present", "present"]


def test_a_portal_that_stops_answering_leaves_the_parcel_to_be_done(beside: Beside, proxy: Proxy) -> None:
    office = beside.office
    entries = office.shelve(12)
    office.run()
    with (
        proxy.broken(faults.unavailable(action="package_create")),
        pytest.raises(Unavailable, match="再执行一次"),
    ):
        beside.apply(url=proxy.url)
    done = beside.apply()
    assert {one.outcome for one in done.receipt.results} == {"present"}
    assert set(beside.entries()) == set(entries)


def test_a_token_that_is_not_known_ends_it_without_a_receipt(beside: Beside) -> None:
    beside.office.shelve(1)
    beside.office.run()
    with pytest.raises(Unavailable, match="令牌"):
        beside.apply(token="no-such-token")
    assert not list(beside.folder.glob("*receipt.json"))


_JOB = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sync.apply import apply_parcel, head_of
from sync.ckan import CkanPortal
from sync.mapping import Shape
url, token, parcel, folder = sys.argv[1:]
shape = Shape(**head_of(Path(parcel), folder=Path(folder)).shape)
apply_parcel(Path(parcel), portal=CkanPortal(url, token, shape=shape), folder=Path(folder), now=datetime.now(UTC))
"""


@pytest.mark.parametrize("after", [1, 4, 9])
def test_what_was_killed_goes_on_where_it_was(after: int, beside: Beside) -> None:
    entries = beside.office.shelve(12)
    beside.office.run()
    arguments = [beside.ckan.url, beside.ckan.token, str(beside.parcel(1)), str(beside.folder)]
    job = subprocess.Popen([sys.executable, "-c", _JOB, *arguments], env=dict(os.environ))
    journal = beside.folder / "mulu-over-the-gap-000001-receipt.progress.jsonl"
    end = time.monotonic() + 60
    while time.monotonic() < end and job.poll() is None:
        if journal.exists() and journal.read_text().count('"outcome"') >= after:
            break
        time.sleep(0.005)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    done = beside.apply()
    assert {one.outcome for one in done.receipt.results} == {"present"}
    assert set(beside.entries()) == set(entries) and not journal.exists()
    beside.carry_back(done)
    beside.office.run()
    assert {beside.office.state(entry) for entry in entries} == {("present", "")}


def test_a_journal_that_cannot_be_read_makes_it_look_before_it_writes(beside: Beside) -> None:
    entries = beside.office.shelve(3)
    beside.office.run()
    beside.apply()
    journal = beside.folder / "mulu-over-the-gap-000001-receipt.progress.jsonl"
    journal.write_text("[]\nno json\n{}\n")
    done = beside.apply(again=True)
    assert [one.done for one in done.receipt.results] == ["skip"] * 3
    assert (set(beside.entries()), journal.exists()) == (set(entries), False)
