"""Gates of the articles: what is missing, with the article and the cure; what the register tells by itself."""

from datetime import date, timedelta
from typing import Any

import pytest

from catalog_specs import load
from registry.db import Database
from registry.duties import read_duties
from registry.duty_gates import plan_missing
from registry.duty_terms import Asked
from registry.errors import Conflict, Rejected
from registry.keys import new_key
from registry.models import Agency, DataCopy, System, SystemReview, SystemTable, WipeCase, WipeRecord
from tests.cast import Cast
from tests.conftest import NOW
from tests.duty_cast import LOW, OIL, STATE, City, make_city


@pytest.fixture
def city(database: Database) -> City:
    return make_city(database)


@pytest.fixture
def here(sqlite_database: Database) -> City:
    return make_city(sqlite_database)


def wanted(city: City, name: str, gate: str) -> set[str]:
    return {one.duty for one in city.missing(name, gate)}


def review(city: City, name: str, **values: Any) -> None:
    given = {"kind": "plan", "year": 2026, "passed": True, "number": "〔2026〕2号", "day": date(2026, 5, 8)}
    city.add(SystemReview(id=new_key("w"), system_id=city.key(name), by="bureau", at=NOW, **given | values))


def test_nothing_is_built_without_a_passed_and_filed_review(city: City) -> None:
    said = [one.said for one in city.missing(LOW, "review")]
    assert said == ["第13条要求的“评审意见”还没有", "第13条要求的“备案号”还没有"]
    review(city, LOW)
    assert [one.said for one in city.missing(LOW, "review")] == ["第13条要求的“备案号”还没有"]
    review(city, LOW, filing_no="网信备〔2026〕9号", day=date(2026, 5, 9))
    assert city.missing(LOW, "review") == ()


def test_a_later_review_that_failed_shuts_the_gate_again(here: City) -> None:
    review(here, LOW, filing_no="网信备〔2026〕9号")
    review(here, LOW, passed=False, day=date(2026, 6, 1))
    (lack,) = [one for one in here.missing(LOW, "review") if "评审意见" in one.said]
    assert (lack.said, lack.fix) == (
        "第13条要求的“评审意见”还没有（不予通过）",
        "由登记簿得出，先办理方案评审",
    )


def test_acceptance_asks_what_its_city_asks(here: City) -> None:
    assert wanted(here, LOW, "acceptance") == {"ZY-19", "ZY-21", "ZY-J09"}
    assert wanted(here, OIL, "acceptance") == {"LPS-14", "LPS-20", "LPS-21", "LPS-23"}
    kinds = {one.said for one in here.missing(OIL, "acceptance") if one.duty == "LPS-20"}
    assert kinds == {"第20条要求的“验收申请”还没有", "第20条要求的“验收符合性审查意见”还没有"}


def test_the_cure_is_the_command_that_hands_it_in(here: City) -> None:
    (lack,) = [one for one in here.missing(OIL, "acceptance") if one.duty == "LPS-21"]
    key = here.key(OIL)
    assert lack.fix == (
        "登记佐证：mulu duty evidence LPS-21 文件 --kind archive_acceptance --no 文号 --day 日期"
        f" --system {key}"
    )
    here.hand_in("LPS-21", "archive_acceptance", login="miner", system=OIL)
    assert "LPS-21" not in wanted(here, OIL, "acceptance")


def test_registration_asks_for_scope_and_secrecy(here: City) -> None:
    assert [one.said for one in here.missing(LOW, "register")] == ["第2条要求的“非涉密声明”还没有"]
    here.hand_in("ZY-02", "secret_flag", system=LOW)
    assert here.missing(LOW, "register") == ()
    assert here.missing(OIL, "register") == ()


def test_external_systems_pass_every_gate_and_no_gate_is_made_up(here: City) -> None:
    assert here.missing(STATE, "acceptance") == ()
    with pytest.raises(Rejected, match="没有把关“nonsense”"):
        here.missing(LOW, "nonsense")


def test_what_does_not_apply_is_not_asked_for_at_the_gate(here: City) -> None:
    here.waive("LPS-14", system=OIL)
    assert "LPS-14" not in wanted(here, OIL, "acceptance")


def test_tables_count_when_each_has_an_entry_or_a_reason(here: City) -> None:
    key = here.key(LOW)
    here.add(SystemTable(id=new_key("t"), system_id=key, name="t_a", found_in="ddl", seen_at=NOW))
    (lack,) = [one for one in here.missing(LOW, "acceptance") if "库表" in one.said]
    assert lack.said == "解读9要求的“库表覆盖情况”还没有（1 张库表中 0 张有目录或已排除）"
    with here.database.write() as session:
        session.query(SystemTable).one().excluded = "framework"
    assert not [one for one in here.missing(LOW, "acceptance") if "库表" in one.said]


def test_a_retirement_is_closed_with_certificates_for_every_copy(city: City) -> None:
    city.change(OIL, life="stopped")
    key = city.key(OIL)
    assert wanted(city, OIL, "retirement") == {"LPS-26"}
    with city.database.read() as session:
        owner = session.get_one(System, key).agency_id
    case = city.add(_case(key, owner))
    city.add(_record(case))
    copy = city.add(_copy(key, owner))
    (lack,) = city.missing(OIL, "retirement")
    assert (
        lack.said == "第26条要求的“数据清除证明”还没有（证明 1 份，1 处副本还没有结果，1 项清除任务未结案）"
    )
    with city.database.write() as session:
        session.get_one(DataCopy, copy).state = "certified"
        session.get_one(WipeCase, case).closed_at = NOW
    assert city.missing(OIL, "retirement") == ()


def _case(system: str, owner: str) -> WipeCase:
    given: dict[str, Any] = {"state": "open", "opened_by": "miner", "opened_at": NOW, "absent": {}}
    given |= {"kind": "retirement", "number": "QC-1", "due": date(2026, 12, 1)}
    return WipeCase(id=new_key("c"), agency_id=owner, system_id=system, **given)


def _record(case: str) -> WipeRecord:
    given: dict[str, Any] = {"seq": 1, "kind": "physical", "state": "certified", "copies": [], "content": {}}
    given |= {"digest": "0" * 64, "findings": [], "recorded_by": "miner", "recorded_at": NOW}
    return WipeRecord(id=new_key("x"), case_id=case, certificate_no="QZ-1", approved_at=NOW, **given)


def _copy(system: str, owner: str) -> DataCopy:
    given: dict[str, Any] = {"kind": "primary", "name": "主库", "ids": {}, "state": "verified"}
    given |= {"created_by": "miner", "created_at": NOW, "changed_at": NOW}
    return DataCopy(id=new_key("d"), agency_id=owner, system_id=system, **given)


def test_the_day_of_a_wipe_case_is_the_day_of_the_duty(here: City) -> None:
    here.change(OIL, life="stopped")
    key = here.key(OIL)
    with here.database.read() as session:
        owner = session.get_one(System, key).agency_id
    here.add(_case(key, owner))
    assert here.duty("LPS-26", OIL).term.due == date(2026, 12, 1)


# ---- plans ------------------------------------------------------------------------------------------------


def test_no_plan_is_taken_before_the_built_systems_share_and_open(city: City) -> None:
    city.hand_in("ZY-05", "plan_document")
    assert city.state("ZY-05") == "done"
    city.withdraw(city.duty("ZY-05").pieces[0].handed[0])
    city.change(LOW, life="operating")
    with pytest.raises(Conflict, match=f"已建系统“{LOW}”还没有按要求共享开放（没有已通告的目录）"):
        city.hand_in("ZY-05", "plan_document")
    city.waive("ZY-05", "不报该系统运维", system=LOW)
    city.hand_in("ZY-05", "plan_document")
    assert city.state("ZY-05") == "done"


def test_the_gate_of_plans_names_systems_with_the_cure(here: City) -> None:
    here.change(LOW, life="operating")
    here.change(OIL, life="operating")
    with here.database.read() as session:
        found = {one.name: plan_missing(session, one, now=here.now) for one in session.query(Agency)}
    assert found["六盘水市能源局"] == ()
    (lack,) = found["遵义市民政局"]
    assert (lack.duty, lack.article) == ("ZY-05", "5")
    assert f"mulu duty waive ZY-05 --system {here.key(LOW)}" in lack.fix


# ---- told by the register ---------------------------------------------------------------------------------


def pieces(cast: Cast, duty: str) -> dict[str, tuple[bool, str]]:
    with cast.database.read() as session:
        found = read_duties(session, Asked(), now=cast.now, specs=load())
    (one,) = [one for one in found if one.duty.id == duty]
    return {p.kind: (p.whole, p.found.said if p.found else "") for p in one.pieces}


def test_an_announced_catalogue_is_its_own_evidence(at: Any) -> None:
    cast: Cast = at("announced")
    assert pieces(cast, "ZY-21") == {
        "catalogue_version": (True, "已通告目录 1 条"),
        "audit_record": (True, "1 条目录中 1 条有审核通过的记录"),
    }
    assert pieces(cast, "ZY-22")["shelf_log"] == (False, "应上架 1 条，在架 0 条")
    assert pieces(cast, "ZY-02")["secret_flag"] == (True, "1 条目录中 1 条经保密审查")


def test_what_is_shelved_is_seen_at_once(at: Any) -> None:
    cast: Cast = at("shelved")
    assert pieces(cast, "ZY-22")["shelf_log"] == (True, "应上架 1 条，在架 1 条")
    assert pieces(cast, "ZY-22")["grading"] == (True, "1 条目录中 1 条已分类分级")


def test_drafts_are_no_evidence(at: Any) -> None:
    cast: Cast = at("approved")
    assert pieces(cast, "ZY-21")["catalogue_version"] == (False, "")
    with cast.database.read() as session:
        found = read_duties(session, Asked(), now=cast.now + timedelta(days=1), specs=load())
    assert {one.state for one in found if one.duty.id == "ZY-22"} == {"idle"}
