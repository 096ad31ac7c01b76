"""What somebody would try who wants a system gone without its data being wiped. Source: S-LPS 26; domain §12 R15, R16."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from registry import copies, retirement, retirement_settling, wipe_cases, wipes
from registry.db import Database
from registry.drafts import save_draft
from registry.errors import Conflict, MuluError, Rejected
from registry.lookup import find_entry
from registry.models import DataCopy, Entry, System
from registry.permits import EVERYTHING
from registry.recording import Paper
from registry.retirement_cases import find_case, wipe_case_of
from registry.retirement_entries import Fate
from registry.system_lives import advance
from registry.system_register import add as add_system
from registry.wipe_reports import stopped_not_wiped
from tests.conftest import NOW
from tests.retiring import DECISION, WIPED_AT, Retiring
from tests.wipe_content import Wiping, make_wiping, person, physical

OWNER = "11520300MB1A00052M"
PAPER = Paper(DECISION, NOW.date())


@pytest.fixture
def wiping(database: Database, tmp_path: Path) -> Wiping:
    """A case with one copy: a solid state disk with data of grade 3."""
    made = make_wiping(database, tmp_path)
    with made.by("steward") as (session, who):
        disk = {"serial_no": "ZC1A2B3C"}
        copies.add(
            session, made.system(session), "primary", "主库一", medium="ssd", ids=disk, data_grade="g3", **who
        )
    made.open()
    made.enlist("主库一")
    return made


@pytest.fixture
def shelved(at: Any) -> Retiring:
    return Retiring(at("shelved"))


def erased(**changes: Any) -> dict[str, Any]:
    return physical(media_type="ssd", technique="sanitize_block_erase", **changes)


def refused(wiping: Wiping, *contents: dict[str, Any]) -> str:
    with pytest.raises(Rejected) as caught:
        wiping.record(*contents)
    return caught.value.message


# ---- a record that says otherwise than the register ---------------------------------------------------------


def test_a_disk_is_not_degaussed_under_another_name(wiping: Wiping) -> None:
    said = refused(wiping, physical(media_type="hdd", technique="degauss"))
    assert "副本“主库一”登记的介质是“固态硬盘”" in said
    assert wiping.record(erased())


def test_a_grade_is_not_lowered_to_get_away_with_less(wiping: Wiping) -> None:
    said = refused(
        wiping, physical(media_type="ssd", method="clear", technique="overwrite", data_grade_before="g1")
    )
    assert "不能按较低的级别清除" in said and "NIST" in said


def test_another_disk_than_the_one_on_record_is_told(wiping: Wiping) -> None:
    (key,) = wiping.record(erased(serial_no="OTHER"))
    (found,) = wiping.row(key).findings
    assert (found["level"], found["where"]) == ("warn", "serial_no")
    assert "ZC1A2B3C" in found["message"]


def test_a_copy_on_a_case_keeps_its_kind_and_its_grade(wiping: Wiping) -> None:
    with wiping.database.read() as session:
        key = session.execute(select(DataCopy.id)).scalar_one()
    for changes, words in (({"kind": "log"}, "不能改种类"), ({"data_grade": "g1"}, "不能由")):
        with pytest.raises(Conflict, match=words), wiping.by("steward") as (session, who):
            copies.edit(session, key, changes, **who)
    with wiping.by("steward") as (session, who):
        assert copies.edit(session, key, {"data_grade": "g4"}, **who).data_grade == "g4"


def test_a_medium_entered_wrongly_may_be_corrected_until_it_is_wiped(wiping: Wiping) -> None:
    with wiping.by("steward") as (session, who):
        (copy,) = wipe_cases.set_copies(session, wiping.held(session), "frozen", **who)
        copies.edit(session, copy.id, {"medium": "hdd"}, **who)
    assert wiping.record(physical())


# ---- who and when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["张操作（工程师）", "张操作同志", "【外协】张操作", "张 操作 高级工程师"])
def test_WI1_is_not_fooled_by_titles(name: str, wiping: Wiping) -> None:
    (key,) = wiping.record(erased())
    with pytest.raises(Rejected, match="WI1 "):
        wiping.examine(key, verifier=person(name))
    assert wiping.examine(key, verifier=person("张操")) == "verified"


def test_nobody_signs_tomorrow(wiping: Wiping) -> None:
    assert "“操作人日期”晚于现在" in refused(wiping, erased(operator=person("张操作", date="2099-01-01")))


def test_a_serial_number_that_nobody_can_see_is_none(wiping: Wiping) -> None:
    assert "E132" in refused(wiping, erased(serial_no="\u200b\u2060"))


# ---- ends that have nothing behind them -------------------------------------------------------------------


def test_a_state_without_a_record_closes_nothing(wiping: Wiping) -> None:
    with wiping.database.write() as session:
        session.execute(update(DataCopy).values(state="certified"))
    with pytest.raises(Rejected, match="没有凭据"):
        wiping.close()


def test_nobody_says_by_hand_that_a_portal_is_empty(wiping: Wiping) -> None:
    with pytest.raises(Rejected, match="不能这样改为“gone”"), wiping.by("steward") as (session, who):
        wipe_cases.set_copies(session, wiping.held(session), "gone", **who)


def test_a_copy_that_turns_up_after_the_wipe_is_reported(shelved: Retiring) -> None:
    shelved.copy()
    shelved.open()
    shelved.step("notice")
    shelved.decide(Fate(shelved.cast.code, "retire"))
    shelved.settle()
    shelved.step("archive")
    shelved.step("freeze")
    shelved.wipe("主库磁盘")
    shelved.nowhere_else()
    shelved.close()
    with shelved.cast.database.read() as session:
        assert stopped_not_wiped(session, actor=None, now=shelved.cast.now) == ()
    shelved.copy("backup", "后来找到的磁带")
    with shelved.cast.database.read() as session:
        (found,) = stopped_not_wiped(session, actor=None, now=shelved.cast.now)
    assert (found.copies, found.missing) == (1, ("备份“后来找到的磁带”（在用）",))


# ---- entries that would slip past -------------------------------------------------------------------------


def heir_of(made: Retiring, name: str = "新登记平台") -> str:
    with made.cast.database.write() as session:
        actor = made.actor(session, "steward")
        return add_system(session, OWNER, name, actor=actor, now=made.cast.now).id


def drafted(made: Retiring, system: str) -> None:
    """A version under way that names another system."""
    made.cast.act("revise", "steward")
    with made.cast.database.write() as session:
        row = find_entry(session, made.cast.code, sight=EVERYTHING)
        content = row.version.content | {"source_system_id": system}
        save_draft(session, row, content, actor=made.actor(session, "steward"), now=made.cast.now)


def test_a_draft_that_names_another_system_takes_no_entry_out(shelved: Retiring) -> None:
    old, heir = shelved.system, heir_of(shelved)
    drafted(shelved, heir)
    made = shelved.do(retirement.open_retirement, old, paper=PAPER)
    assert made.impact["entries"] == 1
    other = shelved.do(retirement.open_retirement, heir, paper=PAPER)
    assert other.impact["entries"] == 0


def test_nothing_is_transferred_to_a_system_that_is_retired_meanwhile(shelved: Retiring) -> None:
    heir, third = heir_of(shelved), heir_of(shelved, "三代平台")
    shelved.open(successor=heir)
    shelved.step("notice")
    shelved.decide(Fate(shelved.cast.code, "transfer"))
    shelved.settle(by="steward")
    shelved.do(retirement.open_retirement, heir, paper=PAPER)
    assert "已停用，不能移交" in next(iter(shelved.settle(by="steward").waiting.values()))
    with pytest.raises(Rejected, match="已停用，不能移交"):
        shelved.decide(Fate(shelved.cast.code, "transfer", why="再试"))
    shelved.do(retirement.name_successor, shelved.number, third)
    assert "等待审核通告" in next(iter(shelved.settle(by="steward").waiting.values()))


# ---- lives that would skip a gate -------------------------------------------------------------------------


def built(made: Retiring) -> Retiring:
    with made.cast.database.write() as session:
        session.execute(update(System).where(col(System.id) == made.system).values(life="building"))
    return made


def test_a_decision_taken_back_is_no_acceptance(shelved: Retiring) -> None:
    built(shelved).open()
    shelved.do(retirement.cancel, shelved.number, why="还要建")
    with shelved.cast.database.read() as session:
        assert session.get_one(System, shelved.system).life == "building"


def test_a_system_with_data_is_not_given_up_without_a_wipe(shelved: Retiring) -> None:
    built(shelved).copy()
    with pytest.raises(Conflict, match="还有 1 处数据副本没有处置、1 条目录已通告"):
        shelved.do(advance, shelved.system, "cancel", note="不建了", by="steward")
    assert shelved.open().state == "open"


# ---- at once ----------------------------------------------------------------------------------------------


def test_steps_and_wipes_at_once_never_hold_each_other_up(database: Database, tmp_path: Path) -> None:
    made = make_wiping(database, tmp_path)
    names = [f"盘{number}" for number in range(6)]
    for name in names:
        made.copy(name=name, ids={"serial_no": name})
    with made.by("head") as (session, who):
        system = made.system(session).id
        case = retirement.open_retirement(session, system, paper=PAPER, **who)
        number, entries = case.number, list(session.execute(select(col(Entry.id))).scalars())
        made.case = wipe_case_of(session, find_case(session, number, actor=None).case).number
    made.now = NOW.replace(day=22)
    _prepared(made, number, entries)

    def freeze(_name: str) -> str:
        return _said(made, "steward", retirement.do_step, number, "freeze", Paper("n"))

    def wipe(name: str) -> str:
        content = physical(name, serial_no=name, **WIPED_AT)
        return _said(made, "steward", wipes.record, made.case, [content], kind="physical")

    with ThreadPoolExecutor(8) as pool:
        said = [*pool.map(lambda job: job[0](job[1]), [(one, n) for n in names for one in (wipe, freeze)])]
    assert set(said) == {"done"}
    assert set(made.states().values()) == {"wiped"}


def _prepared(made: Wiping, number: str, entries: list[str]) -> None:
    steps = (("steward", "notice"), ("steward", "archive"), ("steward", "freeze"))
    with made.by("head") as (session, who):
        retirement_settling.decide(session, number, [Fate(key, "retire") for key in entries], **who)
    for login, step in steps:
        with made.by(login) as (session, who):
            retirement.do_step(session, number, step, Paper("备1"), **who)
        if step == "notice":
            with made.by("head") as (session, who):
                assert retirement_settling.settle(session, number, entries, **who).left == 0


def _said(made: Wiping, login: str, deed: Any, *given: Any, **more: Any) -> str:
    try:
        with made.database.write() as session:
            deed(session, *given, actor=made.actor(session, login), now=made.now, **more)
    except MuluError as error:
        return error.message
    return "done"
