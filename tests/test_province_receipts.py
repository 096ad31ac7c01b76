"""Receipts of the province are read strictly and move the ledger; nothing of a file that is not understood stands."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from catalog_specs import load
from catalog_specs.law import Deadlines
from registry.db import Database
from registry.errors import NotAllowed
from registry.people import actor_of
from sync.parcel_receipts import receive
from tests.cast import make_cast
from tests.parcelling import HEAD, Office


@pytest.fixture
def office(sqlite_database: Database, tmp_path: Path) -> Office:
    return Office(sqlite_database, tmp_path)


@pytest.fixture
def both(database: Database, tmp_path: Path) -> Office:
    return Office(database, tmp_path)


def faults(office: Office) -> list[str]:
    """What a run said of receipts that it did not understand."""
    return [line["said"] for line in office.run().failures if not line["entry_id"]]


def test_an_accepted_entry_is_there(both: Office) -> None:
    (entry,) = both.shelve(1)
    both.run()
    both.receipt([both.code(entry), "审核通过", "", "1"])
    assert both.run().outcome == "in_step"
    assert (both.state(entry), both.sent()[0].answered_at is not None) == (("present", ""), True)
    assert both.acts("record_receipt") == [entry]
    assert (both.place / "receipts" / "done" / "回执.csv").exists()


def test_a_refused_entry_is_parked_with_the_provinces_words(both: Office) -> None:
    (entry,) = both.shelve(1)
    both.run()
    both.receipt([both.code(entry), "退回修改", "更新周期与实际不符", "1"])
    assert both.run().outcome == "failed"
    assert (both.row(entry).trouble, both.row(entry).said) == ("refused", "更新周期与实际不符")
    assert (len(both.parcels()), both.row(entry).met == both.row(entry).asked) == (1, True)
    both.retry(both.code(entry))
    assert (both.run().written["added"], both.state(entry)) == (1, ("sent", ""))


def test_what_was_there_before_a_refusal_is_there_still(office: Office) -> None:
    (entry,) = office.shelve(1, files=True)
    office.run()
    office.receipt([office.code(entry), "已入库", "", "1"])
    office.run()
    office.change(entry, name="改过的名称")
    office.run()
    office.receipt([office.code(entry), "驳回", "名称不规范", "2"])
    office.run()
    assert office.state(entry) == ("present", "refused")


def test_a_withdrawal_is_done_with_its_receipt(both: Office) -> None:
    (entry,) = both.shelve(1)
    both.run()
    both.receipt([both.code(entry), "已入库", "", "1"])
    both.run()
    both.take_off(entry)
    both.run()
    assert both.state(entry) == ("sent", "")
    both.receipt([both.code(entry), "已撤下", "", "2"])
    both.run()
    row = both.row(entry)
    assert (row.state, row.gone_at is not None, row.files) == ("gone", True, {})


def test_a_refused_withdrawal_leaves_the_entry_there(office: Office) -> None:
    (entry,) = office.shelve(1)
    office.run()
    office.receipt([office.code(entry), "通过", "", "1"])
    office.run()
    office.take_off(entry)
    office.run()
    office.receipt([office.code(entry), "驳回", "尚有部门在用", "2"])
    office.run()
    assert office.state(entry) == ("present", "refused")
    office.retry()
    office.run()
    assert (office.sent()[-1].rows[0]["act"], office.state(entry)) == ("withdraw", ("sent", ""))


def test_the_same_receipt_twice_changes_nothing(office: Office) -> None:
    (entry,) = office.shelve(1)
    office.run()
    office.receipt([office.code(entry), "通过", "", "1"])
    office.run()
    before = office.row(entry)
    office.receipt([office.code(entry), "通过", "", "1"], name="回执（再发）.csv")
    office.run()
    assert office.row(entry) == before
    assert office.acts("record_receipt") == [entry]


def test_a_receipt_of_an_older_parcel_does_not_settle_the_newer(office: Office) -> None:
    (entry,) = office.shelve(1, files=True)
    office.run()
    office.change(entry, name="改过的名称")
    office.run()
    office.receipt([office.code(entry), "通过", "", "mulu-province-000001.zip"])
    office.run()
    assert (office.state(entry), office.sent()[0].answered_at is not None) == (("sent", ""), True)
    office.receipt([office.code(entry), "通过", "", "mulu-province-000002"], name="二.csv")
    office.run()
    assert office.state(entry) == ("present", "")


def test_a_receipt_that_names_no_parcel_is_taken_when_there_is_but_one(office: Office) -> None:
    (entry,) = office.shelve(1, files=True)
    office.run()
    office.receipt([office.code(entry), "通过"], head=HEAD[:2])
    office.run()
    assert office.state(entry) == ("present", "")
    office.change(entry, name="改过的名称")
    office.run()
    office.receipt([office.code(entry), "通过"], head=HEAD[:2], name="又.csv")
    (said,) = faults(office)
    assert "发出过多次（第 1、2 件）" in said and office.state(entry) == ("sent", "")
    (office.place / "receipts" / "又.csv").unlink()
    office.receipt([office.code(entry), "通过"], head=HEAD[:2], name="mulu-province-000002回执.csv")
    office.run()
    assert office.state(entry) == ("present", "")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_receipts_are_read_in_the_encodings_that_provinces_use(encoding: str, office: Office) -> None:
    (entry,) = office.shelve(1)
    office.run()
    office.receipt(
        [office.code(entry), "已退回", "共享类型填写有误，请修改后重新报送", "1"], encoding=encoding
    )
    office.run()
    assert office.row(entry).said == "共享类型填写有误，请修改后重新报送"


def test_receipts_are_read_from_workbooks(office: Office, workbook: Callable[..., Path]) -> None:
    (entry,) = office.shelve(1)
    office.run()
    made = workbook(回执=[["省平台回执"], ["序号", *HEAD], [1, office.code(entry), "通过", None, 1]])
    (office.place / "receipts").mkdir(exist_ok=True)
    made.rename(office.place / "receipts" / "回执.xlsx")
    office.run()
    assert office.state(entry) == ("present", "")


def test_receipts_are_read_from_json(office: Office) -> None:
    first, second = office.shelve(2)
    office.run()
    rows = [{"code": office.code(first), "status": "approved", "batch": 1}]
    rows += [{"code": office.code(second), "status": "rejected", "reason": "重复目录", "batch": 1}]
    (office.place / "receipts").mkdir()
    (office.place / "receipts" / "a.json").write_text(json.dumps(rows))
    office.run()
    assert (office.state(first), office.row(second).said) == (("present", ""), "重复目录")


@pytest.mark.parametrize(
    ("row", "head", "said"),
    [
        (["{code}", "挺好", "", "1"], HEAD, "第 3 行：不认识的状态“挺好”"),
        (["307024999999/000009", "通过", "", "1"], HEAD, "没有向这个目标发出过代码为“307024999999/000009”的条目"),
        (["", "通过", "", "1"], HEAD, "没有写信息资源代码"),
        (["{code}", "通过", "", "7"], HEAD, "没有编号为“7”的收发件"),
        (["{code}", "已撤下", "", "1"], HEAD, "“已撤下”与第 1 件的办理（报送）不符"),
        (["{code}", "通过", "", "1"], (*HEAD[:2], "打分", HEAD[3]), "不认识的列“打分”"),
        (["{code}", "通过", "", "1"], ("代码啊", *HEAD[1:]), "没有“信息资源代码”列"),
        (["{code}", "通过", "", "1"], (HEAD[0], HEAD[1], "状态", HEAD[3]), "“状态”列写了两次"),
    ],
)  # fmt: skip
def test_one_row_that_is_not_understood_and_nothing_of_the_file_stands(
    row: list[str], head: tuple[str, ...], said: str, office: Office
) -> None:
    good, bad = office.shelve(2)
    office.run()
    filled = [cell.format(code=office.code(bad)) for cell in row]
    path = office.receipt([office.code(good), "通过", "", "1"], filled, head=head)
    assert any(said in one and path.name in one for one in faults(office))
    assert (office.state(good), office.state(bad)) == (("sent", ""), ("sent", ""))
    assert path.exists() and office.acts("record_receipt") == []


def test_two_outcomes_for_one_code_are_none(office: Office) -> None:
    (entry,) = office.shelve(1)
    office.run()
    code = office.code(entry)
    office.receipt([code, "已接收", "", "1"], [code, "通过", "", "1"], name="一.csv")
    office.run()
    assert office.state(entry) == ("present", "")
    office.receipt([code, "通过", "", "1"], [code, "驳回", "", "1"], name="二.csv")
    (said,) = faults(office)
    assert "不同的结论" in said and office.state(entry) == ("present", "")


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00\x00", "只有一行".encode(), b"PK\x03\x04junk", b'a,b\n1,"2']
)
def test_what_is_no_table_is_said_and_left_lying(data: bytes, office: Office) -> None:
    office.shelve(1)
    office.run()
    path = office.receipt()
    path.write_bytes(data)
    (said, *_) = faults(office)
    assert said.startswith("回执.csv") and path.exists()


def test_a_formula_is_no_state(office: Office, workbook: Callable[..., Path]) -> None:
    (entry,) = office.shelve(1)
    office.run()
    made = workbook(回执=[HEAD[:2], [office.code(entry), '="通"&"过"']])
    (office.place / "receipts").mkdir(exist_ok=True)
    made.rename(office.place / "receipts" / "回执.xlsx")
    assert "公式" in faults(office)[0]


# ---- none came --------------------------------------------------------------------------------------------


def test_without_a_receipt_in_time_it_is_unacknowledged_and_still_counts_as_there(both: Office) -> None:
    (entry,) = both.shelve(1)
    both.run()
    # Saturday the 21st; the fifth working day after it is Friday the 27th
    both.now += timedelta(days=6)
    both.run()
    assert both.state(entry) == ("sent", "")
    both.now += timedelta(days=1)
    report = both.run()
    assert (both.state(entry), report.outcome) == (("sent", "unacknowledged"), "failed")
    assert "5 个工作日没有回执" in both.row(entry).said and both.acts("sync_unacknowledged") == [entry]


def test_what_is_unacknowledged_can_be_sent_again_or_be_receipted_late(office: Office) -> None:
    first, second = office.shelve(2)
    office.run()
    office.now += timedelta(days=8)
    office.run()
    office.retry(office.code(first))
    assert office.run().written["updated"] == 1
    office.receipt([office.code(second), "通过", "", "1"])
    office.run()
    assert (office.state(first), office.state(second)) == (("sent", ""), ("present", ""))
    assert office.row(second).digest == next(
        row["digest"] for row in office.sent()[0].rows if row["entry_id"] == second
    )


def test_what_was_only_received_is_unacknowledged_without_a_final_word_in_time(both: Office) -> None:
    (entry,) = both.shelve(1)
    both.run()
    both.receipt([both.code(entry), "待审核", "", "1"])
    both.now += timedelta(days=6)
    assert (both.run().outcome, both.state(entry)) == ("in_step", ("sent", ""))
    both.now += timedelta(days=1)
    both.run()
    assert both.state(entry) == ("sent", "unacknowledged")
    assert both.row(entry).said == "第 1 件发出后 5 个工作日只说收到，没有结论"


def test_that_it_was_received_begins_no_time_of_its_own(office: Office) -> None:
    (entry,) = office.shelve(1)
    office.run()
    office.now += timedelta(days=8)
    office.run()
    office.receipt([office.code(entry), "待审核", "", "1"])
    office.run()
    assert office.state(entry) == ("sent", "unacknowledged")
    office.receipt([office.code(entry), "通过", "", "1"], name="二.csv")
    office.run()
    assert office.state(entry) == ("present", "")


def test_the_clock_of_receipts_is_one_of_the_law(office: Office) -> None:
    specs = load()
    clock = specs.document("deadlines", Deadlines).index[specs.sync.parcels.receipts.clock]
    assert (clock.length, clock.unit) == (5, "working_days")


# ---- brought by a person ----------------------------------------------------------------------------------


def test_a_person_may_bring_a_receipt_if_his_role_may(sqlite_database: Database, tmp_path: Path) -> None:
    make_cast(sqlite_database, tmp_path)
    office = Office(sqlite_database, tmp_path)
    (entry,) = office.shelve(1)
    office.run()
    path = office.receipt([office.code(entry), "通过", "", "1"]).rename(tmp_path / "回执.csv")

    def bring(login: str) -> tuple[tuple[str, int], ...]:
        return receive(
            office.database,
            office.name,
            path,
            office.settings,
            actor=lambda session: actor_of(session, login, today=office.now.date()),
            now=office.now,
        ).answers

    with pytest.raises(NotAllowed, match="大数据"):
        bring("steward")
    assert (bring("bureau"), office.state(entry)) == ((("accepted", 1),), ("present", ""))
