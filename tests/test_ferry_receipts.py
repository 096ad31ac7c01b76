"""What comes back across a gap settles the ledger as a direct run would; a foreign or altered receipt does not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.db import Database
from registry.errors import MuluError
from registry.keys import canonical_json
from registry.signing import moment_text
from sync.ferry import LAYOUT, Receipt, Result, read_receipt
from sync.parcel_files import read_parcel, receipt_name
from tests.parcelling import Office

RIGHTS = {
    "version": "2.12", "user": "robot", "sysadmin": True, "may_create": True, "choose_ids": True, "may_purge": True,
    "may_create_organizations": True, "scheming": False, "largest_file": None,
}  # fmt: skip


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, tmp_path, "ckan", "over-the-gap")


@pytest.fixture
def small(sqlite_database: Database, tmp_path: Path) -> Office:
    return Office(sqlite_database, tmp_path, "ckan", "over-the-gap")


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Changes over to another machine, with a key folder of its own."""
    return lambda name: monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / name))


def answered(office: Office, number: int, *, key: str = "beside", outcome: str = "", **more: Any) -> Receipt:
    """The receipt for a parcel as it is made beside the portal: all well, unless ``outcome`` says otherwise."""
    path = office.place / f"mulu-{office.name}-{number:06d}.zip"
    with read_parcel(path, []) as parcel:
        results = tuple(_result(one, outcome, **more) for one in parcel.manifest.entries)
        unmarked = Receipt(
            layout=LAYOUT,
            head=parcel.head,
            parcel=parcel.sha256,
            applied_at=moment_text(office.now),
            rights=RIGHTS,
            results=results,
        )
    with pytest.MonkeyPatch.context() as there:
        there.setenv("MULU_KEY_DIR", str(office.folder / key))
        return unmarked.marked()


def _result(entry: Any, outcome: str, **more: Any) -> Result:
    usual = "present" if entry.act == "put" else "gone"
    told = (
        {"portal_id": f"id-{entry.entry_id}", "name": "n", "modified": "2026"}
        if not outcome and usual == "present"
        else {}
    )
    return Result(
        entry_id=entry.entry_id, code=entry.code, act=entry.act, outcome=outcome or usual, **(told | more)
    )


def laid(office: Office, receipt: Receipt, name: str = "") -> Path:
    path = office.place / "receipts" / (name or receipt_name(office.name, receipt.head.number))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(receipt.written)
    return path


def faults(office: Office) -> list[str]:
    return [line["said"] for line in office.run().failures if not line["entry_id"]]


def test_a_parcel_across_a_gap_holds_datasets_and_bytes(small: Office) -> None:
    (entry,) = small.shelve(1, files=True)
    small.run()
    members = small.parcel("mulu-over-the-gap-000001.zip")
    (line,) = [json.loads(text) for text in members["entries.jsonl"].splitlines()]
    assert (line["act"], line["entry_id"], line["package"]["title"]) == (
        "put",
        entry,
        "第0片区公共体育设施信息",
    )
    assert {f"files/{one['sha256']}" for one in line["files"]} <= set(members)
    assert "0851-28220000" not in members["entries.jsonl"].decode()


def test_what_was_seen_at_the_portal_stands_in_the_ledger(office: Office) -> None:
    (entry,) = office.shelve(1)
    office.run()
    laid(office, answered(office, 1))
    report = office.run()
    row = office.row(entry)
    assert (report.outcome, row.state, row.portal_id, row.portal_name) == (
        "in_step",
        "present",
        f"id-{entry}",
        "n",
    )
    known = RIGHTS | {"strangers_read": None}
    assert (office.target().pinned != "", office.target().rights) == (True, known)
    assert office.acts("sync_pin") == ["over-the-gap"]


def test_a_withdrawal_across_a_gap_is_gone_or_kept(office: Office) -> None:
    first, second = office.shelve(2)
    office.run()
    laid(office, answered(office, 1))
    office.run()
    office.take_off(first)
    office.run()
    office.take_off(second)
    office.run()
    (line,) = office.parcel("mulu-over-the-gap-000002.zip")["entries.jsonl"].splitlines()
    assert json.loads(line)["portal_id"] == f"id-{first}"
    laid(office, answered(office, 2))
    laid(office, answered(office, 3, outcome="kept", said="已删除，名称保留"))
    office.run()
    assert (office.state(first), office.state(second)) == (("gone", ""), ("kept", ""))


def test_what_the_portal_refused_is_parked_and_what_it_did_not_get_is_sent_again(office: Office) -> None:
    (entry,) = office.shelve(1)
    office.run()
    laid(office, answered(office, 1, outcome="refused", said="Name taken"))
    office.run()
    assert (office.row(entry).trouble, office.row(entry).said, len(office.parcels())) == (
        "refused",
        "Name taken",
        1,
    )
    office.retry()
    office.run()
    laid(office, answered(office, 2, outcome="unreachable", said="503"))
    office.run()
    assert (office.state(entry), len(office.parcels())) == (("sent", ""), 3)
    laid(office, answered(office, 3))
    office.run()
    assert office.state(entry) == ("present", "")


def test_an_older_receipt_does_not_settle_a_newer_parcel(small: Office) -> None:
    (entry,) = small.shelve(1, files=True)
    small.run()
    small.change(entry, name="改过的名称")
    small.run()
    laid(small, answered(small, 1))
    small.run()
    assert small.state(entry) == ("sent", "")
    laid(small, answered(small, 2))
    small.run()
    assert (small.state(entry), small.run().written["total"]) == (("present", ""), 0)


def test_the_same_receipt_twice_changes_nothing(small: Office) -> None:
    (entry,) = small.shelve(1)
    small.run()
    receipt = answered(small, 1)
    laid(small, receipt)
    small.run()
    before = small.row(entry)
    laid(small, receipt, "again.json")
    small.run()
    assert (small.row(entry), small.acts("record_receipt")) == (before, [entry])


def test_another_key_is_refused_once_one_is_pinned(small: Office) -> None:
    (entry,) = small.shelve(1, files=True)
    small.run()
    laid(small, answered(small, 1))
    small.run()
    small.change(entry, name="改过的名称")
    small.run()
    path = laid(small, answered(small, 2, key="elsewhere"))
    (said,) = faults(small)
    assert "不同" in said and "--repin" in said
    assert (small.state(entry), path.exists()) == (("sent", ""), True)


def _outcome(receipt: dict[str, Any]) -> None:
    receipt["results"][0]["outcome"] = "gone"


def _entry(receipt: dict[str, Any]) -> None:
    receipt["results"][0]["entry_id"] = "e-other"


def _no_mark(receipt: dict[str, Any]) -> None:
    receipt["mark"] = {}


def _more(receipt: dict[str, Any]) -> None:
    receipt["more"] = 1


@pytest.mark.parametrize("alter", [_outcome, _entry, _no_mark, _more], ids=lambda one: one.__name__)
def test_an_altered_receipt_settles_nothing(alter: Callable[[dict[str, Any]], None], small: Office) -> None:
    (entry,) = small.shelve(1)
    small.run()
    path = laid(small, answered(small, 1))
    told = json.loads(path.read_text())
    alter(told)
    path.write_text(canonical_json(told))
    (said,) = faults(small)
    assert path.name in said and small.state(entry) == ("sent", "")


def test_a_receipt_must_answer_the_very_parcel(small: Office) -> None:
    first, second = small.shelve(2)
    small.run()
    receipt = answered(small, 1)
    with pytest.MonkeyPatch.context() as there:
        there.setenv("MULU_KEY_DIR", str(small.folder / "beside"))
        less = receipt.model_copy(update={"results": receipt.results[:1]}).marked()
        other = receipt.model_copy(update={"parcel": "0" * 64}).marked()
        target = receipt.model_copy(
            update={"head": receipt.head.model_copy(update={"target_id": "g0"})}
        ).marked()
    for wrong, said in ((less, "所列条目与该件不符"), (other, "不是本系统发出的"), (target, "不属于")):
        path = laid(small, wrong)
        assert said in faults(small)[0]
        path.unlink()
    assert (small.state(first), small.state(second)) == (("sent", ""), ("sent", ""))
    assert small.target().pinned == ""


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_receipt_is_refused(data: bytes) -> None:
    with pytest.raises(MuluError, match="不是收发件的回执"):
        read_receipt("a.json", data)
