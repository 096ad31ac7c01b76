"""The wipe log: recorded all or none, chained, verified by another, witnessed, approved, certified."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from registry import wipe_cases, wipes
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.models import AuditEvent, WipeRecord
from registry.recording import Paper
from registry.wipe_document import record_digest
from tests.conftest import NOW
from tests.wipe_content import Wiping, cloud, make_wiping, person, physical, service, verified


@pytest.fixture
def wiping(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wiping:
    made = make_wiping(database, tmp_path)
    made.copy()
    made.open()
    made.enlist("主库一")
    return made


def refused(wiping: Wiping, *contents: dict[str, Any], kind: str = "physical") -> str:
    with pytest.raises(Rejected) as caught:
        wiping.record(*contents, kind=kind)
    with wiping.database.read() as session:
        assert session.execute(select(WipeRecord)).first() is None
    return caught.value.message


# ---- recorded ---------------------------------------------------------------------------------------------


def test_a_record_is_chained_and_on_the_audit_record(wiping: Wiping) -> None:
    first = wiping.row(wiping.record(physical())[0])
    second = wiping.row(wiping.record(physical(serial_no="ZC9"))[0])
    assert (first.seq, first.previous, second.seq, second.previous) == (1, "", 2, first.digest)
    assert (first.serial_no, first.method, first.technique) == ("ZC1A2B3C", "purge", "secure_erase_enhanced")
    named = {"copies": second.copies, "content": second.content, "previous": second.previous}
    assert second.digest == record_digest(case_id=second.case_id, seq=2, kind="physical", **named)
    with wiping.database.read() as session:
        last = session.execute(select(AuditEvent).order_by(AuditEvent.seq.desc())).scalars().first()
    assert last is not None and (last.act, last.subject) == ("record_wipe", second.id)


def test_what_follows_from_the_case_is_filled_in(wiping: Wiping) -> None:
    row = wiping.row(wiping.record(physical())[0])
    assert row.content["case"] == "replaced_disk" and row.content["system_id"]
    assert wiping.states() == {"主库一": "wiped"}


def test_one_unfit_record_refuses_them_all(wiping: Wiping) -> None:
    said = refused(wiping, physical(), physical(serial_no="Z2", media_type="ssd", technique="degauss"))
    assert "第 2 条 WI2 固态介质不能消磁" in said and "第 1 条" not in said


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"verifier": person("张操作")}, "WI1"),
        ({"media_type": "nvme", "technique": "degauss"}, "WI2"),
        ({"media_type": "ssd", "technique": "overwrite"}, "WI3"),
        ({"method": "clear", "technique": "overwrite"}, "WI4"),
        ({"technique": "crypto_erase", "key_bits": 256}, "WI5"),
        ({"copies_covered": [{"copy": "主库一"}]}, "WI7"),
        ({"started_at": "2026-11-20T12:00"}, "WI18"),
        ({"media_type": "usb", "technique": "overwrite_twice"}, "WI12"),
        ({"data_grade_before": "core"}, "WI14"),
        ({"serial_no": ""}, "E132 缺少“序列号”"),
        ({"case": "retirement"}, "E132 “清除任务起因”与清除任务不符"),
        ({"copies_covered": [{"copy": "备份", "answer": "wiped"}]}, "E132 副本“备份”不在这个任务里"),
        ({"certificate_no": "WIPE-520300-2026-00001"}, "E132 “清除证明编号”与清除任务不符"),
        ({"media_source": "机密★10年"}, "E132 “介质来源”带有密级标志"),
    ],
)
def test_the_deed_refuses_by_each_rule(wiping: Wiping, changes: dict[str, Any], rule: str) -> None:
    assert rule in refused(wiping, physical(**changes))


def test_the_refusal_names_no_value_that_was_marked_secret(wiping: Wiping) -> None:
    assert "★" not in refused(wiping, physical(media_source="机密★10年"))


def test_a_record_answers_only_for_copies_of_its_kind(wiping: Wiping) -> None:
    said = refused(wiping, service("主库一"), kind="service")
    assert "E132 副本“主库一”不能用这类记录答复" in said and "物理介质、云上资源" in said


def test_a_retirement_asks_for_frozen_and_disposed_first(wiping: Wiping) -> None:
    with wiping.database.write() as session:
        wiping.held(session).kind = "retirement"
    said = refused(wiping, physical(retire_decision_no=""))
    assert "副本“主库一”现在是“已列入清除任务”，不能登记清除" in said


def test_answers_beside_wiped_are_compared_with_the_register(wiping: Wiping) -> None:
    wiping.copy("backup", "备份一")
    wiping.enlist("备份一")
    rows = [{"copy": "主库一", "answer": "wiped"}, {"copy": "备份一", "answer": "handed_over"}]
    rows.append({"copy": "snapshot", "answer": "absent"})
    assert "没有登记为“已移交”" in refused(wiping, physical(copies_covered=rows))
    with wiping.by("steward") as (session, who):
        case = wiping.held(session)
        wipe_cases.say_absent(session, case, {"snapshot": "没有"}, **who)
        wipe_cases.hand_over_copy(session, case, "备份一", Paper("收条"), **who)
    assert len(wiping.record(physical(copies_covered=rows))) == 1


def test_cloud_and_service_records_have_fields_of_their_own(wiping: Wiping) -> None:
    wiping.copy("cloud_disk", "云盘一")
    wiping.copy("contractor_copy", "承建单位副本")
    wiping.enlist("云盘一", "承建单位副本")
    wiping.record(cloud(), kind="cloud")
    wiping.record(service(), kind="service")
    assert wiping.states() == {"主库一": "planned", "云盘一": "wiped", "承建单位副本": "wiped"}


def test_who_may_not_record_does_not(wiping: Wiping) -> None:
    with pytest.raises(NotAllowed):
        wiping.record(physical(), login="head")
    with pytest.raises(NotFound):
        wiping.record(physical(), login="sync_robot")


def test_a_record_needs_a_kind(wiping: Wiping) -> None:
    assert "须写明清除记录的类别" in refused(wiping, physical(), kind="")
    assert len(wiping.record(physical(kind="physical"), kind="")) == 1


def test_writers_at_once_make_one_chain(wiping: Wiping) -> None:
    def record_one(number: int) -> None:
        with wiping.database.write() as session:
            who = {"actor": wiping.actor(session, "steward"), "now": NOW}
            wipes.record(session, wiping.case, [physical(serial_no=f"Z{number}")], kind="physical", **who)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record_one, range(10)))
    with wiping.database.read() as session:
        rows = list(session.execute(select(WipeRecord).order_by(WipeRecord.seq)).scalars())
    assert [one.seq for one in rows] == list(range(1, 11))
    assert [one.previous for one in rows[1:]] == [one.digest for one in rows[:-1]]


# ---- verified ---------------------------------------------------------------------------------------------


def test_another_person_verifies(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    with pytest.raises(Rejected, match="WI1 操作人和验证人是同一人"):
        wiping.examine(key, "steward")
    with pytest.raises(Rejected, match="WI1"):
        wiping.examine(key, verifier=person("张 操作"))
    assert wiping.examine(key) == "verified"
    assert (wiping.row(key).result, wiping.row(key).verified_by) == ("pass", "verifier")
    assert wiping.states() == {"主库一": "verified"}
    with pytest.raises(Conflict, match="现在是“已验证”，不能办理验证（须是“已清除”）"):
        wiping.examine(key)


def test_who_operated_does_not_verify_under_his_login(wiping: Wiping) -> None:
    key = wiping.record(physical(operator=person("Ｖerifier ")))[0]
    with pytest.raises(Rejected, match="WI1"):
        wiping.examine(key)


def test_a_verification_lacks_nothing(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    for field in ("verification_method", "sample_ratio", "verification_result", "verifier"):
        with pytest.raises(Rejected, match="E132 缺少"):
            wiping.examine(key, **{field: None})
    with pytest.raises(Rejected, match="“容量”不在这一环节填写"):
        wiping.examine(key, capacity="8 TB")
    assert wiping.row(key).state == "wiped"


def test_what_verifier_and_witness_write_is_looked_at_too(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    with pytest.raises(Rejected, match="“验证方式”带有密级标志"):
        wiping.examine(key, verification_method="秘密★")
    with pytest.raises(Rejected, match="“复核介质比例”须是"):
        wiping.examine(key, second_tool_share="一半")
    assert wiping.examine(key, second_tool="badblocks", second_tool_share=0.25) == "verified"
    for given in ({"name": "王"}, {"witness": person("机密★")}):
        with pytest.raises(Rejected, match="E132"), wiping.by("division_chief") as (session, who):
            wipes.witness(session, key, given, **who)


def test_WI9_a_small_sample_is_kept_as_a_warning(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    assert wiping.examine(key, sample_ratio=0.02) == "verified"
    assert [(one["rule"], one["level"]) for one in wiping.row(key).findings] == [("WI9", "warn")]


def test_WI6_a_failure_is_kept_and_answered_by_a_stronger_method(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    assert wiping.examine(key, verification_result="fail") == "rejected"
    assert (wiping.row(key).result, wiping.states()) == ("fail", {"主库一": "rejected"})
    with pytest.raises(Rejected, match="WI6 验证未通过"):
        wiping.approve(key)
    with pytest.raises(Rejected, match=r"WI6 ZC1A2B3C：验证未通过"):
        wiping.close()
    with pytest.raises(Rejected, match="WI16 同一介质用“净化”验证未通过"):
        wiping.record(physical())
    again = wiping.record(physical(method="destroy", technique="disintegrate"))[0]
    assert wiping.states() == {"主库一": "wiped"}
    wiping.certify(again)
    assert wiping.row(key).state == "rejected" and wiping.close() == "closed"


def test_WI11_a_serial_that_passed_is_not_wiped_again_in_its_case(wiping: Wiping) -> None:
    wiping.examine(wiping.record(physical())[0])
    with pytest.raises(Rejected, match="WI11 zc1a2b3c："):
        wiping.record(physical(serial_no=" ｚｃ1a2b3c"))


def test_WI11_a_serial_that_waits_for_its_verification_is_not_recorded_again(wiping: Wiping) -> None:
    said = refused(wiping, physical(), physical(serial_no=" ｚｃ1a2b3c"))
    assert "第 2 条 WI11 序列号“zc1a2b3c”在本任务中已有等待验证的记录" in said
    wiping.record(physical())
    with pytest.raises(Rejected, match="等待验证"):
        wiping.record(physical())


def test_WI11_is_asked_again_when_the_second_is_verified(wiping: Wiping) -> None:
    first, second = wiping.record(physical(), physical(serial_no="Z2"))
    with wiping.database.write() as session:
        row = session.get_one(WipeRecord, second)
        row.content = {**row.content, "serial_no": "ZC1A2B3C"}
    wiping.examine(first)
    with pytest.raises(Rejected, match="WI11"):
        wiping.examine(second)


def test_a_serial_of_another_case_is_noted(wiping: Wiping) -> None:
    wiping.record(physical())
    wiping.copy("backup", "备份一")
    wiping.open()
    wiping.enlist("备份一")
    row = wiping.row(wiping.record(physical("备份一", serial_no="zc1a2b3c"))[0])
    assert [(one["rule"], one["level"]) for one in row.findings] == [("WI11", "note")]


def test_a_copy_of_several_media_waits_for_the_last(wiping: Wiping) -> None:
    first, second = wiping.record(physical(), physical(serial_no="Z2"))
    wiping.certify(first)
    assert wiping.states() == {"主库一": "wiped"}
    wiping.certify(second)
    assert wiping.states() == {"主库一": "certified"}


# ---- witnessed, approved ----------------------------------------------------------------------------------


def test_four_people_make_a_certificate(wiping: Wiping) -> None:
    first, second = wiping.record(physical(), physical(serial_no="Z2"))
    assert wiping.certify(first) == "WIPE-520300-2026-00001"
    assert wiping.certify(second) == "WIPE-520300-2026-00002"
    row = wiping.row(first)
    assert (
        row.state == "certified" and json.loads(row.certificate or "")["certificate_no"] == row.certificate_no
    )
    with wiping.database.read() as session:
        acts = [one for (one,) in session.execute(select(AuditEvent.act).where(AuditEvent.subject == first))]
    assert acts == ["record_wipe", "verify_wipe", "witness_wipe", "approve_wipe", "certify_wipe"]


def test_what_was_recorded_stays_as_it_was(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    before = wiping.row(key)
    wiping.certify(key)
    after = wiping.row(key)
    assert (before.content, before.digest, before.copies) == (after.content, after.digest, after.copies)


def test_nothing_is_approved_before_it_was_verified_and_witnessed(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    with pytest.raises(Conflict, match="已清除"):
        wiping.approve(key)
    wiping.examine(key)
    with pytest.raises(Conflict, match="还没有见证人"):
        wiping.approve(key)
    wiping.witness(key)
    with pytest.raises(Conflict, match="已由 division_chief 见证"):
        wiping.witness(key)


def test_each_step_is_another_login(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    with pytest.raises(Rejected, match="您已办理这条清除记录的“登记”"):
        wiping.witness(key, "steward")
    wiping.witness(key, "verifier")
    with pytest.raises(Rejected, match="您已办理这条清除记录的“见证”"):
        wiping.examine(key)


def test_only_the_head_or_his_delegate_approves(wiping: Wiping) -> None:
    key = wiping.record(physical())[0]
    wiping.examine(key)
    wiping.witness(key)
    with pytest.raises(NotAllowed):
        wiping.approve(key, "division_chief")


def test_a_whole_paper_record_still_waits_for_its_people(wiping: Wiping) -> None:
    paper = verified() | {"witness": person("王见证"), "approver": person("赵审批")}
    key = wiping.record(physical(**paper))[0]
    assert wiping.row(key).state == "wiped"
    with wiping.by("verifier") as (session, who):
        wipes.examine(session, key, {}, **who)
    with wiping.by("division_chief") as (session, who):
        wipes.witness(session, key, {}, **who)
    with wiping.by("head") as (session, who):
        made = wipes.approve(session, key, {}, **who)
        assert (made.approval or {})["name"] == "赵审批"


def test_nothing_is_added_to_a_closed_case(wiping: Wiping) -> None:
    wiping.certify(wiping.record(physical())[0])
    wiping.close()
    with pytest.raises(Conflict, match="已结案，不能再办理"):
        wiping.record(physical(serial_no="Z9"))
