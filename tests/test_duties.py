"""Duties of a year: every row of the law for whom it binds, when it is due, what counts as evidence."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event

from catalog_specs import load
from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected
from registry.keys import new_key
from registry.models import BudgetFlag, DutyEvidence, Rectification, System, SystemLife, SystemReview
from tests.conftest import NOW
from tests.duty_cast import CIVIL, COAL, LOW, OIL, STATE, City, make_city
from validators.obligations import Facts, Term, due_on, state_of, term_of
from validators.workdays import Calendar


@pytest.fixture
def city(database: Database) -> City:
    return make_city(database)


@pytest.fixture
def here(sqlite_database: Database) -> City:
    return make_city(sqlite_database)


def test_every_row_that_binds_somebody_is_asked_of_its_own_city_alone(city: City) -> None:
    found = city.duties()
    bound = {one.duty.id for one in found}
    assert bound == {duty.id for duty in load().duties.duties if duty.per != "none"}
    assert all(one.duty.profile == one.subject.profile for one in found)
    assert {one.subject.name for one in found if one.duty.per == "city"} == {"遵义市", "六盘水市"}
    assert [one.subject.per for one in found if one.duty.id == "ZY-22"] == ["agency"]


def test_nothing_is_stored_by_looking(here: City) -> None:
    here.duties()
    with here.database.read() as session:
        assert session.query(DutyEvidence).count() == 0


def test_a_yearly_day_makes_due_soon_and_overdue(here: City) -> None:
    plan = here.duty("ZY-J03")
    assert (plan.state, plan.term.due, plan.term.late) == ("overdue", date(2026, 6, 30), 144)
    report = here.duty("LPS-13")
    assert (report.state, report.term.left, report.term.soon) == ("due", 40, False)
    here.now = datetime(2026, 12, 2, 2, tzinfo=UTC)
    assert here.duty("LPS-13").term.soon


def test_evidence_of_the_year_makes_it_done_and_of_another_year_does_not(city: City) -> None:
    city.hand_in("ZY-J03", "plan_filing", year=2025)
    assert city.state("ZY-J03") == "overdue"
    city.hand_in("ZY-J03", "plan_filing", "〔2026〕7号", day=date(2026, 6, 20))
    assert city.state("ZY-J03") == "done"
    assert city.state("ZY-J03", year=2025) == "done"
    found = city.duty("ZY-J03").pieces[0].found
    assert found is not None and (found.number, found.day) == ("〔2026〕7号", date(2026, 6, 20))


def test_evidence_of_what_is_done_once_counts_in_later_years(here: City) -> None:
    here.hand_in("ZY-11", "requirement_report", system=LOW, year=2025)
    assert here.state("ZY-11", LOW) == "done"


def test_every_kind_of_evidence_must_be_there(here: City) -> None:
    here.change(LOW, life="operating", crypto_no="密评〔2026〕3号", crypto_on=date(2026, 3, 1))
    here.hand_in("ZY-28", "risk_report", system=LOW)
    assert here.state("ZY-28", LOW) == "due"
    here.hand_in("ZY-28", "filing_number", system=LOW)
    assert here.state("ZY-28", LOW) == "done"


def test_an_assessment_runs_out(here: City) -> None:
    here.change(LOW, life="operating", crypto_no="密评〔2025〕3号", crypto_on=date(2025, 11, 1))
    piece = here.duty("ZY-28", LOW).pieces[0]
    assert not piece.whole and piece.found is not None
    assert piece.found.said == "有效至 2026-11-01，已过期"
    here.hand_in("ZY-28", "crypto_assessment", system=LOW)
    assert not here.duty("ZY-28", LOW).pieces[0].whole  # without a day it is not known to hold
    here.hand_in("ZY-28", "crypto_assessment", "密评〔2026〕9号", day=date(2026, 11, 5), system=LOW)
    assert here.duty("ZY-28", LOW).pieces[0].whole


def test_external_systems_and_other_stages_are_not_asked(here: City) -> None:
    assert {one.state for one in here.duties(system=STATE)} == {"not_applicable"}
    assert "外部系统" in here.duty("ZY-19", STATE).why
    assert here.duty("LPS-28", OIL).why == "系统处于“建设中”阶段，此项不适用"
    here.change(OIL, life="operating")
    assert here.state("LPS-28", OIL) == "due"
    assert here.state("LPS-26", OIL) == "not_applicable"
    here.change(OIL, life="stopped")
    assert here.state("LPS-26", OIL) == "open"


def test_a_measure_binds_from_the_day_it_is_in_force(here: City) -> None:
    assert here.duty("LPS-06", year=2025).why == "办法自 2025-12-01 起施行，此前不适用"
    assert here.state("LPS-13", year=2025) == "overdue"


def test_a_wiped_system_has_no_duties_from_the_next_year_on(here: City) -> None:
    here.change(OIL, life="wiped")
    step = SystemLife(
        id=new_key("l"),
        system_id=here.key(OIL),
        before="stopped",
        after="wiped",
        day=date(2025, 12, 20),
        by="x",
        at=NOW,
    )
    here.add(step)
    assert not [one for one in here.duties() if one.subject.name == OIL]
    assert [one for one in here.duties(2025) if one.subject.name == OIL]


def test_what_only_arises_in_a_case_is_not_open(here: City) -> None:
    assert here.state("LPS-33") == "idle"
    owner = here.duty("LPS-33").subject
    flag = BudgetFlag(
        id=new_key("b"),
        agency_id=str(owner.agency_id),
        year=2027,
        document="六盘水数〔2026〕3号",
        day=date(2026, 11, 1),
        by="bureau",
        at=NOW,
    )
    here.add(flag)
    assert here.state("LPS-33") == "done"


def test_an_order_to_rectify_has_its_own_day(city: City) -> None:
    assert city.state("LPS-32", OIL) == "idle"
    order = Rectification(
        id=new_key("o"),
        number="ZG-520200-2026-0001",
        system_id=city.key(OIL),
        trigger="T4",
        words="补做等保测评",
        document="〔2026〕5号",
        day=date(2026, 10, 1),
        due=date(2026, 11, 10),
        state="ordered",
        ordered_by="bureau",
        ordered_at=NOW,
    )
    key = city.add(order)
    late = city.duty("LPS-32", OIL)
    assert (late.state, late.term.due, late.term.late) == ("overdue", date(2026, 11, 10), 11)
    assert [one.duty for one in city.missing(OIL, "shelf")] == ["LPS-32"]
    with city.database.write() as session:
        kept = session.get_one(Rectification, key)
        kept.state, kept.closed_at = "closed", NOW
    assert city.state("LPS-32", OIL) == "done"


def test_more_systems_take_no_more_queries(here: City) -> None:
    asked: list[str] = []
    event.listen(here.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    here.duties()
    before, owner = len(asked), here.duty("ZY-25").subject.agency_id
    with here.database.write() as session:
        for n in range(40):
            more = {"profile": "zunyi_2020", "life": "operating", "created_at": NOW}
            session.add(System(id=new_key("s"), agency_id=str(owner), name=f"系统{n}", **more))
    asked.clear()
    assert len(here.duties()) > 40 * 15
    assert len(asked) == before


# ---- deeds ------------------------------------------------------------------------------------------------


def test_evidence_goes_on_the_record(city: City) -> None:
    key = city.hand_in("ZY-25", "security_documents", "遵民发〔2026〕8号")
    with city.database.read() as session:
        events = events_of(session, key)
        kept = session.get_one(DutyEvidence, key)
    assert [event.act for event in events] == ["duty_evidence"]
    assert (kept.agency_id is not None, kept.system_id, kept.year, kept.by) == (True, None, 2026, "steward")


def test_withdrawn_evidence_stays_and_counts_no_more(city: City) -> None:
    key = city.hand_in("ZY-25", "security_documents")
    city.withdraw(key, "文号填错")
    assert city.state("ZY-25") == "open"
    with city.database.read() as session:
        kept = session.get_one(DutyEvidence, key)
    assert (kept.withdrawn_by, kept.withdrawn_why) == ("steward", "文号填错")
    with pytest.raises(Conflict, match="已由 steward 撤回"):
        city.withdraw(key)


def test_the_authority_says_that_a_gate_does_not_apply(here: City) -> None:
    with pytest.raises(NotAllowed):
        here.waive("LPS-14", login="miner", system=OIL)
    key = here.waive("LPS-14", "单机系统，无对外接口", system=OIL)
    assert here.duty("LPS-14", OIL).why == "经说明不适用：单机系统，无对外接口"
    here.withdraw(key, login="bureau")
    assert here.state("LPS-14", OIL) == "open"


def test_a_unit_says_itself_that_a_record_does_not_apply(here: City) -> None:
    here.waive("LPS-15", "不是重点项目", login="miner", system=OIL)
    assert here.state("LPS-15", OIL) == "not_applicable"


@pytest.mark.parametrize(
    ("duty", "kind", "given", "error", "said"),
    [
        ("ZY-25", "security_documents", {"number": ""}, Rejected, "须有文号（--no）或文件"),
        ("ZY-25", "contract", {}, Rejected, "ZY-25 不收“contract”这种佐证；可用：security_documents"),
        ("ZY-21", "catalogue_version", {"system": LOW}, Rejected, "由登记簿得出，不能登记；先办理目录通告"),
        ("ZY-99", "contract", {}, Rejected, "没有义务“ZY-99”"),
        ("ZY-01", "contract", {}, Rejected, "ZY-01 只是说明"),
        ("ZY-11", "requirement_report", {}, Rejected, "用 --system 写明系统"),
        ("ZY-11", "requirement_report", {"system": STATE}, Rejected, "外部系统"),
        ("ZY-11", "requirement_report", {"system": OIL}, NotFound, "没有系统"),
        ("ZY-25", "security_documents", {"system": LOW}, Rejected, "用 --agency 写明单位"),
        ("LPS-31", "export_package", {}, Rejected, "另一市办法"),
        ("ZY-25", "security_documents", {"day": date(2026, 11, 22)}, Rejected, "还没有到"),
        ("ZY-25", "security_documents", {"note": "机密★5年"}, Rejected, "E125"),
        ("ZY-25", "security_documents", {"year": 2028}, Rejected, "年度 2028 超出范围"),
        ("ZY-25", "security_documents", {"number": "字" * 101}, Rejected, "文号至多 100 个字"),
        ("ZY-06", "plan_import", {}, NotAllowed, "须由市大数据主管部门经办人办理"),
        ("ZY-J06", "review_vendor", {"system": LOW}, NotAllowed, "须由市大数据主管部门经办人办理"),
        ("ZY-25", "security_documents", {"login": "auditor", "agency": CIVIL}, NotAllowed, "数据专员"),
        ("ZY-25", "security_documents", {"login": "miner", "agency": CIVIL}, NotAllowed, "本角色范围"),
    ],
)
def test_what_will_not_do_is_refused_with_the_reason(
    here: City, duty: str, kind: str, given: dict[str, object], error: type[MuluError], said: str
) -> None:
    with pytest.raises(error, match=said):
        here.hand_in(duty, kind, **given)  # type: ignore[arg-type]  # as a table
    with here.database.read() as session:
        assert session.query(DutyEvidence).count() == 0


def test_the_same_evidence_is_not_handed_in_twice(here: City) -> None:
    here.hand_in("ZY-19", "final_papers", "〔2026〕1号", note="财务报告", system=LOW)
    here.hand_in("ZY-19", "final_papers", "〔2026〕1号", note="审计报告", system=LOW)
    with pytest.raises(Conflict, match="已登记"):
        here.hand_in("ZY-19", "final_papers", "〔2026〕1号", note="财务报告", system=LOW)


def test_a_city_duty_is_answered_by_the_authority(here: City) -> None:
    here.hand_in("LPS-09", "plan_import", login="bureau")
    assert here.state("LPS-09") == "done"
    assert here.state("ZY-06") == "open"


def test_each_sees_his_own_duties(here: City) -> None:
    assert {one.duty.profile for one in here.duties(login="steward")} == {"zunyi_2020"}
    assert {one.subject.name for one in here.duties(login="miner") if one.duty.per == "system"} == {OIL}
    assert {one.duty.profile for one in here.duties(login="bureau")} == {"zunyi_2020", "liupanshui_2025"}
    with pytest.raises(NotFound):
        here.duties(login="steward", agency=COAL)


# ---- arithmetic -------------------------------------------------------------------------------------------


def test_days_and_working_days_are_counted_as_the_clock_says() -> None:
    specs = load()
    deadlines = specs.documents["deadlines"]
    clocks, calendar = deadlines.index, Calendar()  # type: ignore[attr-defined]  # of its model
    warn = deadlines.warn  # type: ignore[attr-defined]  # of its model
    today = date(2026, 11, 20)
    term = term_of(clocks["share_provide"], date(2026, 11, 24), today, calendar, warn)
    assert (term.left, term.unit, term.soon) == (2, "working_days", False)
    assert due_on(clocks["contract_term"], 2026, today, calendar) is None
    assert due_on(clocks["plan_submission"], 2027, None, calendar) == date(2027, 6, 30)
    assert term_of(None, today - timedelta(days=3), today, calendar, warn).late == 3


def test_what_is_not_known_is_missing() -> None:
    duty = next(one for one in load().duties.duties if one.id == "ZY-25")
    assert state_of(duty, Facts(found=0, wanted=1), Term()) == "open"
    assert state_of(duty, Facts(found=0, wanted=0), Term()) == "open"
    assert state_of(duty, Facts(found=0, wanted=1), Term(due=date(2026, 1, 1), late=2)) == "overdue"


def test_a_review_that_failed_is_no_evidence(here: City) -> None:
    review = SystemReview(
        id=new_key("w"),
        kind="plan",
        system_id=here.key(OIL),
        year=2026,
        passed=False,
        number="〔2026〕1号",
        day=date(2026, 5, 1),
        by="bureau",
        at=NOW,
    )
    key = here.add(review)
    assert here.state("LPS-08", OIL) == "open"
    with here.database.write() as session:
        session.get_one(SystemReview, key).passed = True
    assert here.state("LPS-08", OIL) == "done"
