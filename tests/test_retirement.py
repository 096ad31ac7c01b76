"""A system is retired: decided, its users told, each entry's fate brought about, and closed only when all is answered.

Source: S-LPS 6, 26; S1 27; domain §12 R13, R15.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select, update
from sqlmodel import col

from registry import retirement
from registry.errors import Conflict, Gone, NotAllowed, Rejected
from registry.fate_sheets import read_fates, write_fates
from registry.lifecycle import MoveRefused
from registry.lookup import find_entry
from registry.models import OutboxRow, SyncEntry, SyncTarget, System, Version
from registry.permits import EVERYTHING
from registry.reconcile import differences
from registry.recording import Paper
from registry.retirement_cases import find_case
from registry.retirement_entries import Fate
from registry.retirement_impact import impact
from registry.retirement_shown import entry_lines
from registry.system_register import add as add_system
from registry.system_register import edit as edit_system
from tests.cast import PATH, content, register
from tests.retiring import DECISION, Retiring
from tests.stages import made_of


@pytest.fixture
def shelved(at: Any) -> Retiring:
    return Retiring(at("shelved"))


@pytest.fixture
def opened(shelved: Retiring) -> Retiring:
    shelved.copy()
    shelved.open()
    return shelved


@pytest.fixture
def told(opened: Retiring) -> Retiring:
    opened.step("notice")
    return opened


def _successor(made: Retiring) -> str:
    with made.cast.database.write() as session:
        actor = made.actor(session, "steward")
        return add_system(session, "11520300MB1A00052M", "新登记平台", actor=actor, now=made.cast.now).id


# ---- decided ----------------------------------------------------------------------------------------------


def test_a_decision_stops_the_system_and_takes_everything_into_one_case(opened: Retiring) -> None:
    shown = opened.shown()
    assert (shown["number"], shown["state"], shown["decision_no"]) == (
        "TY-520300-2026-0001",
        "open",
        DECISION,
    )
    assert shown["entries"]["undecided"] == {"done": 0, "left": 1}
    assert opened.states() == {"主库磁盘": "planned"}
    with opened.cast.database.read() as session:
        assert session.get_one(System, opened.system).life == "stopped"


def test_the_impact_names_entries_lists_copies_and_what_is_lacking(shelved: Retiring) -> None:
    shelved.copy()
    with shelved.cast.database.read() as session:
        found = impact(session, session.get_one(System, shelved.system), now=shelved.cast.now)
    (entry,) = found.entries
    assert (entry.code, entry.shelved, entry.live) == (shelved.cast.code, 1, 1)
    assert found.lines == {"open": 1, "share": 1}
    assert "backup" in found.copies_lacking
    assert "primary" not in found.copies_lacking


def test_only_the_head_decides(shelved: Retiring) -> None:
    with pytest.raises(NotAllowed, match="部门负责人"):
        shelved.open(by="steward")


def test_a_decision_has_a_number_and_a_day_that_has_come(shelved: Retiring) -> None:
    with pytest.raises(Rejected, match="文号"):
        shelved.open(paper=Paper(""))
    with pytest.raises(Rejected, match="还没有到"):
        shelved.open(paper=Paper(DECISION, shelved.cast.now.date() + timedelta(days=2)))


def test_a_system_is_retired_once(opened: Retiring) -> None:
    with pytest.raises(Conflict, match="TY-520300-2026-0001"):
        opened.open()


def test_a_system_of_the_province_is_not_retired_here(shelved: Retiring) -> None:
    with shelved.cast.database.write() as session:
        actor = shelved.actor(session, "steward")
        edit_system(session, shelved.system, {"class": "03"}, actor=actor, now=shelved.cast.now)
    with pytest.raises((Conflict, Rejected), match="外部系统"):
        shelved.open()


def test_the_successor_is_a_running_system_of_the_same_agency(shelved: Retiring) -> None:
    with pytest.raises(Rejected, match="停用的系统本身"):
        shelved.open(successor=shelved.system)
    heir = _successor(shelved)
    assert shelved.open(successor=heir).successor_id == heir


# ---- what a stopped system may not do ---------------------------------------------------------------------


def test_nothing_is_attached_or_shelved_from_a_stopped_system(at: Any) -> None:
    made = Retiring(at("reviewed"))
    made.cast.record("provision_test", name=made_of(made.cast))
    made.open()
    with pytest.raises(MoveRefused) as refused:
        made.cast.act("shelve", "steward")
    assert [unmet.guard for unmet in refused.value.unmet] == ["system_running"]


def test_a_draft_of_a_stopped_system_is_not_submitted(at: Any) -> None:
    made = Retiring(at("draft"))
    made.open()
    with pytest.raises(MoveRefused, match="停用"):
        made.cast.act("submit", "steward", data={"hints": {}})


# ---- fates ------------------------------------------------------------------------------------------------


def test_fates_are_decided_all_or_none_and_each_fault_is_named(told: Retiring) -> None:
    with pytest.raises(Rejected) as refused:
        told.decide(Fate(told.cast.code, "retire"), Fate("999999999999/000001", "retire"))
    assert "第 2 条 999999999999/000001" in refused.value.message
    with pytest.raises(Rejected, match="没有承接系统"):
        told.decide(Fate(told.cast.code, "transfer"))
    with pytest.raises(Rejected, match="存放处"):
        told.decide(Fate(told.cast.code, "archive"))
    with pytest.raises(Rejected, match="没有“sell”这种处置"):
        told.decide(Fate(told.cast.code, "sell"))
    assert told.fate_of(told.cast.code)["fate"] == ""


def test_nothing_is_settled_before_the_users_are_told(opened: Retiring) -> None:
    opened.decide(Fate(opened.cast.code, "retire"))
    with pytest.raises(Conflict, match="通知使用方"):
        opened.settle()
    assert opened.entry().state == "shelved"


def test_a_retired_entry_is_a_tombstone(told: Retiring) -> None:
    told.decide(Fate(told.cast.code, "retire", "业务取消"))
    assert told.settle().left == 0
    assert told.entry().state == "retired"
    with told.cast.database.read() as session, pytest.raises(Gone, match="已注销"):
        find_entry(session, told.cast.code, sight=EVERYTHING)


def test_a_retired_entry_waits_until_it_is_gone_from_every_portal(told: Retiring) -> None:
    _at_a_portal(told, "present")
    told.decide(Fate(told.cast.code, "retire"))
    settled = told.settle()
    assert settled.left == 1
    assert "等待同步撤下" in next(iter(settled.waiting.values()))
    assert told.entry().state == "announced"
    assert any("portal-a" in said for said in told.lacking())
    _at_a_portal(told, "gone")
    assert told.settle().left == 0
    assert told.entry().state == "retired"


def test_the_case_alone_decides_what_is_retired_while_it_is_open(told: Retiring) -> None:
    told.cast.record("retirement_decision", role="head")
    told.decide(Fate(told.cast.code, "archive", archive="市档案馆 2026-17"))
    told.cast.act("off_shelf", "head", name=made_of(told.cast, "off_shelf"), note="停用")
    with pytest.raises(MoveRefused) as refused:
        told.cast.act("retire", "head", note="停用")
    assert [unmet.guard for unmet in refused.value.unmet] == ["retirement_decided"]


def test_an_archived_entry_stays_announced_and_is_updated_no_more(told: Retiring) -> None:
    told.decide(Fate(told.cast.code, "archive", archive="市档案馆 2026-17"))
    assert told.settle().left == 0
    entry = told.entry()
    assert (entry.state, entry.in_force) == ("announced", 1)
    assert entry.frozen_at is not None
    with pytest.raises(MoveRefused) as refused:
        told.cast.act("revise", "steward")
    assert "not_archived" in [unmet.guard for unmet in refused.value.unmet]


def test_an_archive_ends_the_version_under_way(at: Any, tmp_path: Path) -> None:
    made = Retiring(at("shelved"))
    made.cast.act("revise", "steward")
    made.open()
    made.step("notice")
    made.decide(Fate(made.cast.code, "archive", archive="市档案馆"))
    assert made.settle().left == 0
    with made.cast.database.read() as session:
        versions = session.execute(select(Version).order_by(col(Version.number))).scalars()
        assert [version.state for version in versions] == ["announced", "withdrawn"]


def test_a_transferred_entry_keeps_its_code_and_gets_a_new_version(told: Retiring) -> None:
    heir = _successor(told)
    told.do(retirement.name_successor, told.number, heir)
    told.decide(Fate(told.cast.code, "transfer"))
    settled = told.settle(by="steward")
    assert "等待审核通告" in next(iter(settled.waiting.values()))
    told.cast.walk(*PATH)
    assert told.settle(by="steward").left == 0
    entry = told.entry()
    assert (entry.code, entry.in_force, entry.system_id) == (told.cast.code, entry.newest, heir)


def test_a_draft_is_retired_with_its_system(at: Any) -> None:
    made = Retiring(at("draft"))
    made.open()
    made.step("notice")
    made.decide(Fate(made.cast.code, "retire"))
    assert made.settle().left == 0
    assert made.entry().state == "retired"


def test_an_entry_that_comes_later_does_not_slip_past(told: Retiring, tmp_path: Path) -> None:
    register(told.cast.database, tmp_path, content("OK05", source_system_id=told.system))
    assert any("没有确定处置" in said and "OK05" not in said for said in told.lacking())
    told.decide(Fate(told.cast.code, "retire"))
    assert told.settle().left == 1


def test_what_is_done_is_not_done_again(told: Retiring) -> None:
    told.decide(Fate(told.cast.code, "retire"))
    told.settle()
    before = told.fate_of(told.cast.code)
    assert told.settle().done == []
    assert told.fate_of(told.cast.code) == before
    with pytest.raises(Rejected, match="已办结"):
        told.decide(Fate(told.cast.code, "archive", archive="x"))


def test_who_may_not_make_the_moves_leaves_them_waiting(told: Retiring) -> None:
    told.decide(Fate(told.cast.code, "retire"))
    settled = told.settle(by="steward")
    assert settled.left == 1
    assert "部门负责人" in next(iter(settled.waiting.values()))


# ---- steps and closing ------------------------------------------------------------------------------------


def test_the_freeze_waits_for_entries_and_archive(told: Retiring) -> None:
    with pytest.raises(Rejected) as refused:
        told.step("freeze")
    assert len(refused.value.details["errors"]) == 2
    assert told.states() == {"主库磁盘": "planned"}


def test_frozen_copies_may_be_wiped(told: Retiring) -> None:
    told.decide(Fate(told.cast.code, "retire"))
    told.settle()
    told.step("archive")
    told.copy("backup", "后来登记的备份")
    told.step("freeze")
    assert told.states() == {"主库磁盘": "disposed", "后来登记的备份": "disposed"}


def test_closing_says_everything_that_is_missing_at_once(told: Retiring) -> None:
    with pytest.raises(Rejected) as refused:
        told.close()
    said = refused.value.message
    for part in ("没有确定处置", "归档移交", "冻结", "WI10", "WI7", "备份"):
        assert part in said
    assert told.entry().state == "shelved"


def test_a_case_is_closed_when_every_entry_and_every_copy_is_answered_for(told: Retiring) -> None:
    told.decide(Fate(told.cast.code, "retire"))
    told.settle()
    told.step("archive")
    told.step("freeze")
    assert told.wipe("主库磁盘") == ["WIPE-520300-2026-00001"]
    told.nowhere_else()
    assert told.close().state == "closed"
    assert told.entry().state == "wiped"
    with told.cast.database.read() as session:
        assert session.get_one(System, told.system).life == "wiped"
    assert told.close().state == "closed"
    told.step("write_off", "资核〔2026〕9号")
    with pytest.raises(Conflict, match="已结案"):
        told.step("archive")


def test_the_record_of_a_closed_retirement_is_whole(told: Retiring) -> None:
    told.decide(Fate(told.cast.code, "archive", archive="市档案馆"))
    told.settle()
    told.step("archive")
    told.step("freeze")
    told.wipe("主库磁盘")
    told.nowhere_else()
    told.close()
    with told.cast.database.read() as session:
        assert list(differences(session)) == []


def test_a_decision_is_taken_back_while_nothing_was_done(opened: Retiring) -> None:
    opened.do(retirement.cancel, opened.number, why="续用一年")
    assert opened.shown()["state"] == "cancelled"
    assert opened.states() == {"主库磁盘": "in_use"}
    with opened.cast.database.read() as session:
        assert session.get_one(System, opened.system).life == "operating"


def test_a_decision_is_not_taken_back_when_an_entry_is_gone(told: Retiring) -> None:
    told.decide(Fate(told.cast.code, "retire"))
    told.settle()
    with pytest.raises(Conflict, match="不能撤销"):
        told.do(retirement.cancel, told.number, why="续用")


def test_a_retirement_is_judged_anew_by_the_sync_job(opened: Retiring) -> None:
    with opened.cast.database.read() as session:
        deeds = session.execute(select(col(OutboxRow.act))).scalars()
        assert "retire_system" in set(deeds)


def _at_a_portal(made: Retiring, state: str) -> None:
    with made.cast.database.write() as session:
        if session.get(SyncTarget, "g1") is None:
            names = {
                "id": "g1",
                "name": "portal-a",
                "kind": "ckan",
                "scope": "open",
                "mode": "direct",
                "files": "none",
            }
            session.add(SyncTarget(**names, url="https://a", created_by="x", created_at=made.cast.now))
            session.flush()
            session.add(SyncEntry(target_id="g1", entry_id=made.entry().id, state=state, files={}))
        else:
            session.execute(update(SyncEntry).values(state=state))


# ---- the sheet of fates -----------------------------------------------------------------------------------


def test_fates_are_filled_in_on_a_sheet_and_read_back(told: Retiring, tmp_path: Path) -> None:
    path = tmp_path / "处置.xlsx"
    with told.cast.database.read() as session:
        write_fates(entry_lines(session, find_case(session, told.number, actor=None).case), path)
    book = openpyxl.load_workbook(path)
    sheet = book.active
    assert sheet is not None
    assert sheet["A2"].value == told.cast.code
    sheet["D2"], sheet["F2"] = "转为档案", "市档案馆 2026-17"
    book.save(path)
    assert read_fates(path) == [Fate(told.cast.code, "archive", "", "市档案馆 2026-17")]


def test_a_sheet_of_fates_names_every_row_that_will_not_do(tmp_path: Path) -> None:
    path = tmp_path / "处置.csv"
    path.write_text("资源代码,处置\n102024030201/000001,卖掉\n,注销\n", "utf-8")
    with pytest.raises(Rejected) as refused:
        read_fates(path)
    assert "第 2 行：没有“卖掉”这种处置" in refused.value.message
    assert "第 3 行：没有资源代码" in refused.value.message


def test_a_sheet_with_a_column_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "处置.csv"
    path.write_text("资源代码,处置,备注二\n102024030201/000001,注销,x\n", "utf-8")
    with pytest.raises(Rejected, match="第 C 列“备注二”不认识"):
        read_fates(path)


# ---- an entry in two cases --------------------------------------------------------------------------------


def test_an_entry_in_two_cases_is_settled_in_both(told: Retiring) -> None:
    heir = _successor(told)
    told.do(retirement.name_successor, told.number, heir)
    told.decide(Fate(told.cast.code, "transfer"))
    told.settle(by="steward")
    told.cast.walk(*PATH)
    paper = Paper("遵市监停〔2026〕8号", told.cast.now.date())
    other = told.do(retirement.open_retirement, heir, paper=paper)
    # the case that has not decided takes nothing from the one that has
    told.decide(Fate(told.cast.code, "retire"))
    assert told.settle().left == 0
    assert told.entry().state == "retired"
    told.number = other.number
    told.step("notice")
    told.decide(Fate(told.cast.code, "retire"))
    assert told.settle().left == 0
