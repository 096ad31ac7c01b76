"""Parcels are sent whole, numbered once, and entered in the ledger when they lie at their place."""

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from catalog_specs import load
from registry.checking import read_file
from registry.db import Database
from registry.errors import Unavailable
from registry.models import Distribution, Opinion, SyncTarget
from sync.parcel_run import run_parcels
from sync.places import FolderPlace
from sync.reports import Report, names_of
from tests.catalogue_files import at_once
from tests.parcelling import Office


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, tmp_path)


@pytest.fixture
def small(sqlite_database: Database, tmp_path: Path) -> Office:
    return Office(sqlite_database, tmp_path)


def test_what_is_on_the_shelf_goes_out_in_one_parcel(office: Office) -> None:
    entries = office.shelve(3, files=True)
    report = office.run()
    assert (report.outcome, report.written["added"], report.written["total"]) == ("in_step", 3, 3)
    assert office.parcels() == ["mulu-province-000001.zip"]
    assert [office.state(entry) for entry in entries] == [("sent", "")] * 3
    (parcel,) = office.sent()
    assert sorted(row["entry_id"] for row in parcel.rows) == sorted(entries)
    assert office.acts("sync_parcel") == ["province"] and sorted(office.acts("sync_push")) == sorted(entries)


def test_nothing_changed_sends_nothing(office: Office) -> None:
    (entry,) = office.shelve(1)
    office.run()
    office.retry(office.code(entry))
    report = office.run()
    assert (report.written["ignored"], report.written["total"], office.parcels()) == (
        1,
        1,
        ["mulu-province-000001.zip"],
    )
    assert (office.row(entry).met, office.row(entry).asked) == (2, 2)


def test_a_change_is_sent_before_the_receipt_came(office: Office) -> None:
    (entry,) = office.shelve(1, files=True)
    office.run()
    office.change(entry, name="改过的名称")
    report = office.run()
    assert (report.written["updated"], len(office.parcels())) == (1, 2)
    assert office.row(entry).parcel_id == office.sent()[1].id


def test_the_catalogue_in_a_parcel_can_be_read_back(small: Office, tmp_path: Path) -> None:
    small.shelve(2, files=True)
    small.run()
    members = small.parcel("mulu-province-000001.zip")
    lines = [json.loads(line) for line in members["catalogue.jsonl"].splitlines()]
    path = tmp_path / "目录.xlsx"
    path.write_bytes(members["catalogue.xlsx"])
    _, read = read_file(path, load())
    assert sorted(line["resource_code"] for line in lines) == ["307024000000/000000", "307024000000/000001"]
    assert lines[0]["contact_phone"] == "0851-28220000"
    assert [one.content for one in read.entries] == lines


def test_the_files_of_a_parcel_are_listed_and_are_what_was_stored(small: Office) -> None:
    small.shelve(1, files=True)
    small.run()
    members = small.parcel("mulu-province-000001.zip")
    rows = list(csv.DictReader(io.StringIO(members["files.csv"].decode("utf-8-sig"))))
    assert [row["文件名"] for row in rows] == ["片区0-1.csv", "片区0-2.csv"]
    for row in rows:
        stored = members[f"files/{row['SHA-256']}"]
        assert len(stored) == int(row["字节数"])
        assert (small.folder / "files" / row["SHA-256"][:2] / row["SHA-256"]).read_bytes() == stored


def test_what_is_withdrawn_is_listed_with_its_reason(small: Office) -> None:
    first, second = small.shelve(2)
    small.run()
    small.take_off(first)
    report = small.run()
    members = small.parcel("mulu-province-000002.zip")
    (row,) = csv.DictReader(io.StringIO(members["withdrawals.csv"].decode("utf-8-sig")))
    assert (row["信息资源代码"], row["撤下日期"]) == (small.code(first), "2026-11-21")
    assert row["撤下原因"] and members["catalogue.jsonl"] == b""
    assert (report.written["deleted"], small.state(first), small.state(second)) == (
        1,
        ("sent", ""),
        ("sent", ""),
    )


@pytest.mark.parametrize("in_force", [1, None])
def test_a_withdrawal_tells_neither_the_name_of_a_draft_nor_our_reasons(
    small: Office, in_force: int | None
) -> None:
    (entry,) = small.shelve(1)
    small.run()
    small.draft(entry, "未公告的新名称", in_force=in_force)
    with small.database.write() as session:
        # nothing is opened any more, and the review of the data is void
        session.execute(update(Opinion).values(bound_digest="0" * 64))
    small.run()
    written = small.parcel("mulu-province-000002.zip")["withdrawals.csv"].decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(written))
    assert row["信息资源名称"] == "第0片区公共体育设施信息"
    assert row["撤下原因"] == load().sync.parcels.withdrawn_zh
    assert small.row(entry).state == "sent"


def test_a_report_tells_no_name_of_a_draft(small: Office) -> None:
    first, second = small.shelve(2)
    small.draft(first, "未公告的新名称")
    small.draft(second, "从未公告", in_force=None)
    with small.database.read() as session:
        told = names_of(session, [first, second])
    assert told[first] == (small.code(first), "第0片区公共体育设施信息")
    assert told[second] == (small.code(second), "")


def test_a_withdrawal_on_its_way_is_not_sent_twice(small: Office) -> None:
    (entry,) = small.shelve(1)
    small.run()
    small.take_off(entry)
    small.run()
    small.retry(small.code(entry))
    assert (small.run().written["ignored"], len(small.parcels())) == (1, 2)


def test_what_was_never_sent_needs_no_withdrawal(small: Office) -> None:
    (entry,) = small.shelve(1)
    small.take_off(entry)
    report = small.run()
    assert (report.outcome, small.parcels(), small.state(entry)) == ("in_step", [], ("absent", ""))


def test_the_same_content_gives_the_same_bytes(small: Office) -> None:
    small.shelve(2, files=True)
    before = small.now
    with pytest.raises(KeyboardInterrupt):
        small.run(Dying(small.place))
    path = small.place / "mulu-province-000001.zip"
    first = path.read_bytes()
    path.unlink()
    small.now = before
    with small.database.write() as session:
        session.get_one(SyncTarget, small.target().id).parcels = 0
    small.run()
    assert path.read_bytes() == first


def test_many_entries_go_in_several_parcels(
    small: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "specs"
    overlay.mkdir()
    (overlay / "sync.yaml").write_text("parcels: {limits: {entries: 2}}\n")
    monkeypatch.setenv("MULU_SPECS", str(overlay))
    small.shelve(5)
    report = small.run()
    assert (report.written["added"], [len(one.rows) for one in small.sent()]) == (5, [2, 2, 1])


def test_files_too_large_for_one_parcel_go_in_several(
    small: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "specs"
    overlay.mkdir()
    (overlay / "sync.yaml").write_text("parcels: {limits: {bytes: 1000}}\n")
    monkeypatch.setenv("MULU_SPECS", str(overlay))
    entries = small.shelve(5, files=True)
    report = small.run()
    held = [
        sum(len(data) for name, data in small.parcel(one).items() if name[:6] == "files/")
        for one in small.parcels()
    ]
    assert (report.written["added"], max(held) <= 1000, len(held) > 1) == (5, True, True)
    assert {small.state(entry) for entry in entries} == {("sent", "")}


def test_bytes_that_are_not_what_was_stored_stay_here(small: Office) -> None:
    good, bad = small.shelve(2, files=True)
    for path in _stored(small, bad):
        path.write_bytes(b"other bytes")
    report = small.run()
    assert (small.state(good), small.row(bad).trouble) == (("sent", ""), "withheld")
    assert "摘要不符" in small.row(bad).said and report.outcome == "failed"
    assert [row["entry_id"] for row in small.sent()[0].rows] == [good]


def _stored(office: Office, entry: str) -> list[Path]:
    with office.database.read() as session:
        query = select(col(Distribution.sha256)).where(col(Distribution.entry_id) == entry)
        return [office.files.place_of(str(one)) for one in session.execute(query).scalars()]


# ---- what goes wrong midway -------------------------------------------------------------------------------


class Dying(FolderPlace):
    """The job dies when the parcel lies there, before the ledger says so."""

    def write(self, name: str, path: Path) -> None:
        super().write(name, path)
        raise KeyboardInterrupt


class Unwritable(FolderPlace):
    def write(self, name: str, path: Path) -> None:
        raise Unavailable("磁盘已满")


class CarriedOff(Dying):
    """As ``Dying``, and the parcel is carried on at once."""

    def write(self, name: str, path: Path) -> None:
        try:
            super().write(name, path)
        finally:
            (self.folder / name).rename(self.folder.parent / name)


def test_a_parcel_that_nobody_entered_is_found_lying(office: Office) -> None:
    entries = office.shelve(2)
    with pytest.raises(KeyboardInterrupt):
        office.run(Dying(office.place))
    assert (office.sent(), office.state(entries[0])) == ([], ("uncertain", ""))
    report = office.run()
    assert office.parcels() == ["mulu-province-000001.zip"]
    assert [one.number for one in office.sent()] == [1]
    assert (report.outcome, office.state(entries[0])) == ("in_step", ("sent", ""))


def test_a_change_since_is_not_lost_with_it(office: Office) -> None:
    (entry,) = office.shelve(1, files=True)
    with pytest.raises(KeyboardInterrupt):
        office.run(Dying(office.place))
    office.change(entry, name="改过的名称")
    office.run()
    assert [one.number for one in office.sent()] == [1, 2]
    assert office.row(entry).parcel_id == office.sent()[1].id


def test_a_number_is_never_used_twice(office: Office) -> None:
    (entry,) = office.shelve(1)
    with pytest.raises(KeyboardInterrupt):
        office.run(CarriedOff(office.place))
    office.take_off(entry)
    office.run()
    (parcel,) = office.sent()
    assert (parcel.number, [row["act"] for row in parcel.rows]) == (2, ["withdraw"])


def test_a_damaged_parcel_that_nobody_entered_is_taken_away(office: Office) -> None:
    office.shelve(1)
    with pytest.raises(KeyboardInterrupt):
        office.run(Dying(office.place))
    lying = office.place / "mulu-province-000001.zip"
    lying.write_bytes(lying.read_bytes()[:-30])
    report = office.run()
    assert office.parcels() == ["mulu-province-000002.zip"]
    assert (office.place / "done" / "mulu-province-000001.zip").exists()
    assert "重新摆渡" in report.failures[0]["said"]


def test_a_place_that_cannot_be_written_leaves_everything_due(office: Office) -> None:
    (entry,) = office.shelve(1)
    report = office.run(Unwritable(office.place))
    assert (report.outcome, report.said) == ("unreachable", "磁盘已满")
    assert (office.sent(), office.row(entry).trouble, office.row(entry).met) == ([], "unreachable", 0)
    office.retry()
    office.run()
    assert (office.state(entry), office.parcels()) == (("sent", ""), ["mulu-province-000002.zip"])


def test_a_place_that_is_not_mounted_is_no_folder_of_this_machine(small: Office) -> None:
    small.shelve(1)
    small.place.rmdir()
    report = small.run()
    assert (report.outcome, small.place.exists()) == ("unreachable", False)
    assert "挂载" in report.said


def test_two_jobs_at_once_send_each_entry_once(postgres_database: Database, tmp_path: Path) -> None:
    office = Office(postgres_database, tmp_path)
    entries = office.shelve(40)
    at_once([lambda: _run_beside(office), lambda: _run_beside(office)])
    rows = [row["entry_id"] for one in office.sent() for row in one.rows]
    assert (sorted(rows), {office.state(entry) for entry in entries}) == (sorted(entries), {("sent", "")})
    assert [one.name for one in office.sent()] == office.parcels()


def _run_beside(office: Office) -> None:
    """A run that shares nothing with the other but the database and the place."""
    report = Report(office.name, "run", office.now)
    run_parcels(
        office.database, office.name, report, office.settings, by="mulu-sync", operator="", now=office.now
    )


def test_what_the_job_does_in_the_moment_it_is_killed_is_not_lost(small: Office) -> None:
    """Killed for good, at whatever moment, again and again; then all is there, once."""
    entries = small.shelve(6)
    for seconds in (0.6, 0.9, 1.2, 1.5, 1.8, 2.1):
        job = subprocess.Popen(
            [sys.executable, "-c", _JOB, str(small.folder), small.name], env=dict(os.environ), cwd=Path.cwd()
        )
        with suppress(subprocess.TimeoutExpired):
            job.wait(seconds)
        job.kill()
        job.wait()
    # nobody lets go of what a dead job had in hand but time
    small.now += timedelta(hours=1)
    small.run()
    assert {small.state(entry) for entry in entries} == {("sent", "")}
    last = {row["entry_id"]: one.id for one in small.sent() for row in one.rows}
    assert {entry: small.row(entry).parcel_id for entry in entries} == last
    assert [one.name for one in small.sent()] == small.parcels()


_JOB = """
import sys
from datetime import UTC, datetime
from dataclasses import replace
from pathlib import Path
from registry.db import Database
from registry.settings import read_settings
from sync.parcel_run import run_parcels
from sync.reports import Report, names_of
folder, name = Path(sys.argv[1]), sys.argv[2]
now = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
settings = replace(read_settings(), files_folder=folder / "files")
database = Database(f"sqlite:///{folder / 'mulu.sqlite3'}")
run_parcels(database, name, Report(name, "run", now), settings, by="mulu-sync", operator="", now=now)
"""
