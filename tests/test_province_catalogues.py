"""The province's own list compared with the ledger and the register."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from registry.db import Database
from registry.errors import Rejected
from sync import targets
from sync.parcel_ledger import Answer
from sync.reconciliation import Compared, reconcile, send_again
from tests.parcelling import Office

HEAD = ("序号", "信息资源代码", "信息资源名称", "共享类型")


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, tmp_path)


def listed(office: Office, rows: Sequence[Sequence[str]], head: Sequence[str] = HEAD[1:]) -> Path:
    path = office.folder / "全部目录.csv"
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def compared(office: Office, *rows: Sequence[str], again: bool = False, **more: Sequence[str]) -> Compared:
    path = listed(office, rows, **more)
    with office.database.write() as session:
        target = targets.find(session, office.name)
        found = reconcile(session, target, path, now=office.now)
        if again:
            send_again(session, target, found.apart, now=office.now)
        return found


def as_sent(office: Office, entry: str) -> list[str]:
    number = int(office.code(entry)[-6:])
    return [office.code(entry), f"第{number}片区公共体育设施信息", "无条件共享"]


def there(office: Office, number: int) -> list[str]:
    """Entries that the province accepted."""
    entries = office.shelve(number)
    office.run()
    office.receipt(*([office.code(entry), "通过", "", "1"] for entry in entries))
    office.run()
    return entries


def kinds(found: Compared) -> list[tuple[str, str]]:
    return [(one.drift, one.code) for one in found.apart]


def test_two_catalogues_in_step(office: Office) -> None:
    entries = there(office, 3)
    found = compared(office, *(as_sent(office, entry) for entry in entries))
    assert (found.in_step, found.listed, found.ours, found.waiting) == (True, 3, 3, 0)


def test_what_is_only_here_is_missing_and_can_be_sent_again(office: Office) -> None:
    first, second = there(office, 2)
    found = compared(office, as_sent(office, first), again=True)
    assert kinds(found) == [("missing", office.code(second))]
    assert office.row(second).drift == "missing"
    report = office.run()
    assert (report.written["total"], office.state(first), office.state(second)) == (
        1,
        ("present", ""),
        ("sent", ""),
    )


def test_what_is_only_there_is_said_and_left_alone(office: Office) -> None:
    (entry,) = there(office, 1)
    found = compared(office, as_sent(office, entry), ["307999999999/000001", "外单位目录", "1"], again=True)
    assert kinds(found) == [("extra", "307999999999/000001")]
    assert (found.apart[0].entry_id, found.apart[0].line, office.run().written["total"]) == ("", 3, 0)


def test_what_was_withdrawn_and_stands_there_is_withdrawn_again(office: Office) -> None:
    (entry,) = there(office, 1)
    office.take_off(entry)
    office.run()
    office.receipt([office.code(entry), "已撤下", "", "2"])
    office.run()
    assert office.state(entry) == ("gone", "")
    found = compared(office, as_sent(office, entry), again=True)
    assert (kinds(found), office.state(entry)) == ([("extra", office.code(entry))], ("uncertain", ""))
    office.run()
    assert office.sent()[-1].rows[0]["act"] == "withdraw"


def test_stock_of_the_province_that_was_never_sent_is_not_withdrawn(office: Office) -> None:
    (entry,) = office.shelve(1)
    office.take_off(entry)
    office.run()
    found = compared(office, as_sent(office, entry), again=True)
    assert (kinds(found), found.apart[0].mendable) == ([("extra", office.code(entry))], False)
    assert (office.run().written["total"], office.state(entry)) == (0, ("absent", ""))


def test_another_name_or_share_type_is_told(office: Office) -> None:
    first, second, third = there(office, 3)
    rows = [as_sent(office, entry) for entry in (first, second, third)]
    rows[0][1], rows[1][2], rows[2][2] = "别的名称", "不予共享", "1"
    found = compared(office, *rows)
    assert kinds(found) == [("renamed", office.code(first)), ("edited", office.code(second))]
    assert found.apart[0].differing == (("name", "第0片区公共体育设施信息", "别的名称"),)
    assert found.apart[1].differing == (("share_type", "无条件共享", "不予共享"),)


def test_one_code_twice_is_told(office: Office) -> None:
    (entry,) = there(office, 1)
    row = as_sent(office, entry)
    assert kinds(compared(office, row, row)) == [("doubled", office.code(entry))]


def test_what_waits_for_its_receipt_is_held_against_nobody(office: Office) -> None:
    first, second = office.shelve(2)
    office.run()
    found = compared(office, as_sent(office, first))
    assert (found.in_step, found.waiting, found.ours) == (True, 2, 0)
    assert office.state(second) == ("sent", "")


def test_a_list_that_is_not_understood_is_not_compared(office: Office) -> None:
    (entry,) = there(office, 1)
    found = compared(office, ["", "没有代码", "1"], as_sent(office, entry))
    assert ("全部目录.csv 第 2 行：没有写信息资源代码" in found.faults[0].zh, found.apart) == (True, ())
    found = compared(office, as_sent(office, entry), head=("代码", *HEAD[2:]))
    assert {fault.key for fault in found.faults} == {"column_unknown", "column_missing"}
    assert office.row(entry).drift == ""


def test_a_portal_has_no_such_list(sqlite_database: Database, tmp_path: Path) -> None:
    office = Office(sqlite_database, tmp_path, "ckan", "over-the-gap")
    with pytest.raises(Rejected, match="verify"):
        compared(office)


def test_an_answer_without_a_state_keeps_the_state() -> None:
    assert Answer("e", "received", final=False).kept == {"word": "received", "said": "", "final": False}
