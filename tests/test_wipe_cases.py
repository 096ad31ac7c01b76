"""Wipe cases: opened for a reason, their copies listed and answered for, closed only when nothing is left."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from registry import wipe_cases
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.keys import new_key
from registry.models import (
    Agency,
    AuditEvent,
    DataCopy,
    DataRequest,
    Distribution,
    Entry,
    Retirement,
    RetirementEntry,
    ShareGrant,
    System,
    WipeCase,
)
from registry.recording import Paper
from registry.wipe_sight import find_case, list_cases
from tests.conftest import NOW
from tests.wipe_content import Wiping, make_wiping, physical


@pytest.fixture
def wiping(database: Database, tmp_path: Path) -> Wiping:
    return make_wiping(database, tmp_path)


@pytest.fixture
def retiring(wiping: Wiping) -> Iterator[Wiping]:
    """A retirement's case with one copy, the kinds that there are none of declared."""
    wiping.copy()
    _retire(wiping)
    wiping.enlist("主库一")
    yield wiping


def _retire(wiping: Wiping, **changes: Any) -> None:
    with wiping.by("head") as (session, who):
        system, agency = wiping.system(session), wiping.agency(session)
        key = new_key("t")
        known = {
            "number": key,
            "state": "open",
            "decision_no": "遵民发〔2026〕9号",
            "decided_on": date(2026, 11, 19),
        }
        row = Retirement(
            id=key,
            system_id=system.id,
            agency_id=agency.id,
            impact={},
            opened_by="head",
            opened_at=NOW,
            **known,
        )
        session.add(row)
        session.flush()
        given = {"system": system, "retirement_id": key, "decision_no": row.decision_no} | changes
        given["not_before"] = row.decided_on
        made = wipe_cases.open_case(session, "retirement", agency=agency, **given, **who)
        wiping.case = made.number


def _absent(wiping: Wiping, *but: str) -> None:
    with wiping.by("steward") as (session, who):
        kinds = (
            "backup",
            "snapshot",
            "log",
            "front_end",
            "exchange_cache",
            "test_database",
            "contractor_copy",
        )
        kinds = (*kinds, "cloud_disk", "portal")
        absent = {kind: "没有建过" for kind in kinds if kind not in but}
        wipe_cases.say_absent(session, wiping.held(session), absent, **who)


def _freeze(wiping: Wiping) -> None:
    for state in ("frozen", "disposed"):
        with wiping.by("steward") as (session, who):
            wipe_cases.set_copies(session, wiping.held(session), state, **who)


# ---- opened -----------------------------------------------------------------------------------------------


def test_cases_are_numbered_by_region_and_year(wiping: Wiping) -> None:
    assert wiping.open() == "QC-520300-2026-0001"
    assert wiping.open("purpose_ended", why="业务终止") == "QC-520300-2026-0002"
    with wiping.database.read() as session:
        acts = session.execute(select(AuditEvent.act, AuditEvent.subject).order_by(AuditEvent.seq)).all()
        case = find_case(session, wiping.case, actor=None).case
    assert tuple(acts[-1]) == ("open_wipe_case", case.id)


def test_a_case_is_not_opened_without_the_permission(wiping: Wiping) -> None:
    for login in ("division_chief", "auditor"):
        with pytest.raises(NotAllowed), wiping.by(login) as (session, who):
            wipe_cases.open_case(session, "replaced_disk", agency=wiping.agency(session), **who)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("retirement", "由停用任务建立"),
        ("contract_end", "须写明合同编号"),
        ("shared_data_done", "须写明取得数据的授权编号"),
        ("because", "没有“because”这种起因"),
    ],
)
def test_each_kind_names_what_it_is_about(wiping: Wiping, kind: str, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        wiping.open(kind)


def test_the_end_of_a_contract_names_it_or_takes_that_of_the_system(wiping: Wiping) -> None:
    with wiping.database.write() as session:
        wiping.system(session).contract_no = "HT-2024-09"
    wiping.open("contract_end")
    with wiping.database.read() as session:
        assert wiping.held(session).contract_no == "HT-2024-09"


def test_a_system_of_the_state_is_not_ours_to_wipe(wiping: Wiping) -> None:
    with wiping.database.write() as session:
        wiping.system(session).system_class = "02"
    with pytest.raises(Rejected, match=r"外部系统.*第24条"):
        wiping.open()


def test_a_mark_of_secrecy_is_not_written_down(wiping: Wiping) -> None:
    with pytest.raises(Rejected, match="密级标志"):
        wiping.open(why="机密★3年")


def test_a_retirement_has_one_case_at_a_time(wiping: Wiping) -> None:
    _retire(wiping)
    with wiping.database.read() as session:
        key = wiping.held(session).retirement_id
    with pytest.raises(Conflict, match="已有办理中的清除任务"):
        wiping.open("retirement", retirement_id=key, decision_no="〔2026〕9号")


def test_who_sees_a_case_sees_it_by_his_role(wiping: Wiping) -> None:
    wiping.open()
    with wiping.database.read() as session:
        seen = {
            login: len(list_cases(session, actor=wiping.actor(session, login)))
            for login in ("steward", "auditor")
        }
        other = wiping.actor(session, "sync_robot")
        with pytest.raises(NotFound):
            find_case(session, wiping.case, actor=other)
    assert seen["steward"] == 1


def test_numbers_are_not_given_twice_by_writers_at_once(wiping: Wiping) -> None:
    def open_one(_: int) -> str:
        with wiping.database.write() as session:
            who = {"actor": wiping.actor(session, "steward"), "now": NOW}
            return wipe_cases.open_case(session, "purpose_ended", agency=wiping.agency(session), **who).number

    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(pool.map(open_one, range(12)))
    assert numbers == [f"QC-520300-2026-{n:04}" for n in range(1, 13)]


# ---- copies -----------------------------------------------------------------------------------------------


def test_a_copy_stands_on_one_case(wiping: Wiping) -> None:
    wiping.copy()
    wiping.open()
    wiping.enlist("主库一")
    assert wiping.states() == {"主库一": "planned"}
    wiping.open()
    with pytest.raises(Conflict, match="已列入其他清除任务"):
        wiping.enlist("主库一")


def test_a_replaced_disk_is_entered_and_enlisted_at_once(wiping: Wiping) -> None:
    wiping.open()
    with wiping.by("steward") as (session, who):
        given = {"medium": "hdd", "ids": {"serial_no": "Z1"}}
        wipe_cases.enlist_new(session, wiping.held(session), "primary", "换下的盘", **given, **who)
    assert wiping.states() == {"换下的盘": "planned"}


def test_an_unknown_copy_is_not_enlisted(wiping: Wiping) -> None:
    wiping.open()
    with pytest.raises(Rejected, match="没有数据副本“别处的盘”"):
        wiping.enlist("别处的盘")


def test_absence_is_declared_with_a_word_why(retiring: Wiping) -> None:
    with pytest.raises(Rejected, match="为什么没有备份"), retiring.by("steward") as (session, who):
        wipe_cases.say_absent(session, retiring.held(session), {"backup": " "}, **who)
    with pytest.raises(Conflict, match="已登记主库“主库一”"), retiring.by("steward") as (session, who):
        wipe_cases.say_absent(session, retiring.held(session), {"primary": "没有"}, **who)


def test_a_copy_handed_over_needs_a_receipt_and_is_done(wiping: Wiping) -> None:
    key = wiping.copy()
    wiping.open()
    wiping.enlist(key)
    with pytest.raises(Rejected, match="移交凭证"), wiping.by("steward") as (session, who):
        wipe_cases.hand_over_copy(session, wiping.held(session), key, Paper(), **who)
    with wiping.by("steward") as (session, who):
        wipe_cases.hand_over_copy(session, wiping.held(session), key, Paper("收条7号"), **who)
    assert wiping.states() == {"主库一": "handed_over"}
    with pytest.raises(Conflict, match="已移交"), wiping.by("steward") as (session, who):
        wipe_cases.hand_over_copy(session, wiping.held(session), key, Paper("收条7号"), **who)
    assert wiping.close() == "closed"


def test_copies_are_frozen_then_disposed_and_again_changes_nothing(retiring: Wiping) -> None:
    with retiring.by("steward") as (session, who):
        assert wipe_cases.set_copies(session, retiring.held(session), "disposed", **who) == []
    _freeze(retiring)
    assert retiring.states() == {"主库一": "disposed"}
    with retiring.by("steward") as (session, who):
        assert wipe_cases.set_copies(session, retiring.held(session), "frozen", **who) == []


def test_wiped_is_not_said_without_a_record(retiring: Wiping) -> None:
    with pytest.raises(Rejected, match="不能这样改为“wiped”"), retiring.by("steward") as (session, who):
        wipe_cases.set_copies(session, retiring.held(session), "wiped", **who)


# ---- closed -----------------------------------------------------------------------------------------------


def test_WI7_a_forgotten_copy_keeps_a_retirement_open(retiring: Wiping) -> None:
    with retiring.database.read() as session:
        open_ones = wipe_cases.unanswered(session, retiring.held(session))
    assert open_ones[0] == "主库“主库一”（已列入清除任务）" and len(open_ones) == 10
    _absent(retiring, "backup")
    with pytest.raises(Rejected) as refused:
        retiring.close()
    said = refused.value.message
    assert "WI7 备份（没有登记，也没有声明不存在）：有副本未答复" in said and "办法：逐一注明" in said


def test_WI7_a_copy_that_was_never_enlisted_keeps_it_open_too(retiring: Wiping) -> None:
    _freeze(retiring)
    retiring.certify(retiring.record(physical())[0])
    retiring.copy("backup", "后来发现的备份")
    _absent(retiring, "backup")
    with pytest.raises(Rejected, match="后来发现的备份"):
        retiring.close()


def test_a_retirement_closes_when_all_is_answered(retiring: Wiping) -> None:
    _absent(retiring)
    _freeze(retiring)
    retiring.certify(retiring.record(physical())[0])
    assert retiring.close("head") == "closed"
    with pytest.raises(Conflict, match="已结案"):
        retiring.close()


def test_WI8_no_wipe_is_older_than_the_retirement(retiring: Wiping) -> None:
    _freeze(retiring)
    early = physical(started_at="2026-11-18T09:00", finished_at="2026-11-18T10:00")
    with pytest.raises(Rejected, match="WI8 清除时间早于停用日期或结束早于开始"):
        retiring.record(early)


def test_WI10_nothing_of_the_system_may_still_run(retiring: Wiping) -> None:
    _absent(retiring)
    _freeze(retiring)
    retiring.certify(retiring.record(physical())[0])
    with retiring.database.write() as session:
        entry = session.execute(select(Entry)).scalars().one()
        _still_running(session, entry)
    with pytest.raises(Rejected) as refused:
        retiring.close()
    assert (
        "WI10 授权 SQ-1（" in refused.value.message and "WI10 已上架资源“年报文件”" in refused.value.message
    )
    with retiring.database.write() as session:
        entry = session.execute(select(Entry)).scalars().one()
        key = retiring.held(session).retirement_id or ""
        session.add(RetirementEntry(retirement_id=key, entry_id=entry.id, fate="archive", done_at=NOW))
    assert retiring.close() == "closed"


def _still_running(session: Session, entry: Entry) -> None:
    """A grant of the entry that runs, and a file of it on the shelf."""
    made = {
        "id": new_key("d"),
        "name": "年报文件",
        "form": "1",
        "patterns": [],
        "items": [],
        "created_by": "steward",
    }
    session.add(Distribution(entry_id=entry.id, state="shelved", created_at=NOW, **made))
    asked = {
        "kind": "share",
        "entry_number": 1,
        "content": {},
        "state": "granted",
        "filed_by": "x",
        "filed_at": NOW,
    }
    known = {"entry_id": entry.id, "agency_id": entry.agency_id, "requester_id": entry.agency_id}
    request = DataRequest(id=new_key("q"), number="XQ-1", **asked, **known)
    session.add(request)
    session.flush()
    given = {"pattern": "查询", "items": [], "content": {}, "valid_from": date(2026, 1, 1), "state": "active"}
    session.add(ShareGrant(id="g1", number="SQ-1", request_id=request.id, created_at=NOW, **known, **given))


def test_shared_data_are_wiped_by_the_agency_that_got_them(wiping: Wiping) -> None:
    with wiping.database.write() as session:
        _still_running(session, session.execute(select(Entry)).scalars().one())
    number = wiping.open("shared_data_done", system=None, grant_id="SQ-1")
    with wiping.database.write() as session:
        assert wiping.held(session).grant_id == "g1" and number.endswith("0001")
        other = {
            "code": "11520300MB0X123457",
            "kind": "政府部门",
            "region": "520300",
            "number": 9,
            "created_at": NOW,
        }
        session.add(Agency(id="a2", name="遵义市市场监管局", **other))
        session.flush()
        session.get_one(ShareGrant, "g1").requester_id = "a2"
    with pytest.raises(Rejected, match="由取得数据的单位建立任务"):
        wiping.open("shared_data_done", system=None, grant_id="SQ-1")


def test_a_case_without_copies_is_not_closed(wiping: Wiping) -> None:
    wiping.open()
    with pytest.raises(Rejected, match="WI7 没有列入任何副本"):
        wiping.close()


def test_a_case_is_taken_back_while_nothing_was_recorded(wiping: Wiping) -> None:
    wiping.copy()
    wiping.open()
    wiping.enlist("主库一")
    with wiping.by("steward") as (session, who):
        wipe_cases.cancel_case(session, wiping.held(session), "登错系统", **who)
    assert wiping.states() == {"主库一": "in_use"}
    with wiping.database.read() as session:
        assert session.execute(select(DataCopy.case_id)).scalar_one() is None
        assert session.execute(select(WipeCase.state)).scalar_one() == "cancelled"


def test_a_case_with_records_is_not_taken_back(wiping: Wiping) -> None:
    wiping.copy()
    wiping.open()
    wiping.enlist("主库一")
    wiping.record(physical())
    with pytest.raises(Conflict, match="已有清除记录"), wiping.by("steward") as (session, who):
        wipe_cases.cancel_case(session, wiping.held(session), "登错系统", **who)


def test_the_systems_of_others_stay_out(wiping: Wiping) -> None:
    wiping.copy()
    with wiping.database.write() as session:
        first = wiping.system(session)
        session.add(
            System(
                id=new_key("s"),
                agency_id=first.agency_id,
                name="别的系统",
                profile=first.profile,
                life="operating",
                created_at=NOW,
            )
        )
    wiping.open(system="别的系统")
    with pytest.raises(Rejected, match="没有数据副本“主库一”"):
        wiping.enlist("主库一")


def test_a_retirements_case_is_closed_by_the_retirement_alone(retiring: Wiping) -> None:
    _absent(retiring)
    _freeze(retiring)
    retiring.certify(retiring.record(physical())[0])
    with (
        retiring.by("steward") as (session, who),
        pytest.raises(Conflict, match="随停用任务结案：mulu retirement close"),
    ):
        wipe_cases.close_case(session, retiring.held(session), **who)


def test_a_retirements_case_is_cancelled_by_the_retirement_alone(retiring: Wiping) -> None:
    with retiring.by("head") as (session, who), pytest.raises(Conflict, match="随停用任务撤销"):
        wipe_cases.cancel_case(session, retiring.held(session), "误建", **who)
