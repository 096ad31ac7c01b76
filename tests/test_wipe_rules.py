"""The rules on wipe records: each refuses what it is there for, and says so with its article and cure."""

import json
from datetime import date
from time import perf_counter
from typing import Any

import pytest

from catalog_specs import Specs
from catalog_specs.law_checks import check_law
from catalog_specs.law_wiping import Wiping
from tests.conftest import NOW
from tests.wipe_content import cloud, person, physical, service, verified
from validators.wipe_checks import CHECKERS
from validators.wipe_terms import WipeFacts, medium_key, serial_key
from validators.wiping import WipeFinding, check_closing, check_record, errors_of, wipe_rules, word_wipe

FACTS = WipeFacts(case="replaced_disk", step="verify", now=NOW)
CASE = {"case": "replaced_disk"}
MAKE = {"physical": physical, "cloud": cloud, "service": service}


def found(
    specs: Specs, kind: str = "physical", facts: WipeFacts = FACTS, **changes: Any
) -> list[WipeFinding]:
    return check_record(CASE | verified() | MAKE[kind](**changes), kind, specs, facts=facts)


def rules(findings: list[WipeFinding], level: str = "error") -> set[str]:
    return {one.rule for one in findings if one.level == level}


@pytest.mark.parametrize("kind", MAKE)
def test_a_fit_record_has_no_findings(specs: Specs, kind: str) -> None:
    assert found(specs, kind) == []


@pytest.mark.parametrize("kind", MAKE)
def test_each_mandatory_field_that_is_missing_is_named(specs: Specs, kind: str) -> None:
    content = CASE | verified() | MAKE[kind]()
    asked = [
        key for key in content if key not in ("key_bits", "keys_destroyed", "encrypted_since_first_write")
    ]
    for key in asked:
        if key not in {row.key: row for row in specs.retirement.kinds}[kind].mandatory:
            continue
        lacking = check_record({k: v for k, v in content.items() if k != key}, kind, specs, facts=FACTS)
        assert ("E132", key, "missing") in [(one.rule, one.where, one.reason) for one in lacking]


def test_what_a_later_step_fills_is_not_demanded_before(specs: Specs) -> None:
    content = CASE | physical()
    demanded = {}
    for step in ("record", "verify", "witness", "approve", "issue"):
        at = FACTS._replace(step=step)
        demanded[step] = [one.where for one in check_record(content, "physical", specs, facts=at)]
    assert demanded["record"] == []
    assert set(demanded["verify"]) == {
        "verification_method",
        "sample_ratio",
        "verification_result",
        "verifier",
    }
    assert set(demanded["approve"]) - set(demanded["verify"]) == {"witness", "approver"}
    assert {"certificate_no", "record_hash", "prev_hash"} < set(demanded["issue"])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("capacity", 4, "type"),
        ("capacity", "四" * 501, "type"),
        ("sample_ratio", 12, "type"),
        ("sample_ratio", True, "type"),
        ("started_at", "昨天", "type"),
        ("started_at", "2026-02-30T09:00", "type"),
        ("evidence_hashes", ["abc"], "type"),
        ("evidence_hashes", "ab" * 32, "type"),
        ("copies_covered", ["主库一"], "type"),
        ("operator", "张三", "type"),
        ("media_type", "disk", "choice"),
        ("destination", "somewhere", "choice"),
        ("data_grade_before", "g9", "choice"),
        ("media_type", "cloud", "kind"),
        ("finished_at", "2026-11-22T09:00", "later"),
        ("colour", "red", "unknown"),
    ],
)
def test_a_value_that_is_no_value_of_its_field_is_refused(
    specs: Specs, field: str, value: Any, reason: str
) -> None:
    wrong = [(one.rule, one.level, one.where, one.reason) for one in found(specs, **{field: value})]
    assert ("E132", "error", field, reason) in wrong


@pytest.mark.parametrize("value", [["x"], {"a": 1}, 7, True, [[]], [{"copy": [1], "answer": ["wiped"]}]])
@pytest.mark.parametrize("kind", MAKE)
def test_whatever_a_field_holds_it_is_refused_and_not_stumbled_over(
    specs: Specs, kind: str, value: Any
) -> None:
    for key in CASE | verified() | MAKE[kind]():
        content = CASE | verified() | MAKE[kind]() | {key: value}
        wrong = check_record(content, kind, specs, facts=FACTS)
        fits = {"key_bits", "sample_ratio", "keys_destroyed", "encrypted_since_first_write", "storage_ids"}
        assert key in fits or any(one.rule == "E132" for one in wrong), key


@pytest.mark.parametrize("part", ["name", "title", "org", "date", "location", "contact", "signature"])
def test_a_person_lacks_nothing(specs: Specs, part: str) -> None:
    found_ = found(specs, operator=person("张操作", **{part: ""}))
    assert [(one.where, one.reason) for one in found_] == [(f"operator.{part}", "missing")]


def test_a_cloud_record_takes_no_other_medium(specs: Specs) -> None:
    assert [one.reason for one in found(specs, "cloud", media_type="ssd")] == ["kind"]


def test_a_retirement_names_its_decision_and_a_system_is_named_when_known(specs: Specs) -> None:
    facts = FACTS._replace(case="retirement", system_known=True)
    assert {one.where for one in found(specs, facts=facts)} == {"system_id", "retire_decision_no"}


# ---- WI1 to WI11 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["张操作", " 张 操 作 ", "张\u3000操作", "张\u200b操作"])
def test_WI1_operator_and_verifier_are_two_people(specs: Specs, name: str) -> None:
    assert rules(found(specs, verifier=person(name))) == {"WI1"}


def test_WI1_is_not_fooled_by_width_or_case(specs: Specs) -> None:
    same = found(specs, operator=person("Ｗａｎｇ　Ｌｅｉ"), verifier=person("wang lei"))
    assert rules(same) == {"WI1"}


def test_WI1_compares_logins_too(specs: Specs) -> None:
    facts = FACTS._replace(recorder=frozenset({"@steward"}), verifier=frozenset({"@steward"}))
    assert rules(found(specs, facts=facts)) == {"WI1"}


@pytest.mark.parametrize("medium", ["ssd", "nvme", "usb"])
def test_WI2_degaussing_does_nothing_to_solid_state(specs: Specs, medium: str) -> None:
    assert rules(found(specs, media_type=medium, technique="degauss", method="purge")) == {"WI2"}


@pytest.mark.parametrize("method", ["purge", "destroy"])
def test_WI3_overwriting_an_ssd_is_clear_only(specs: Specs, method: str) -> None:
    wrong = found(specs, media_type="ssd", technique="overwrite", method=method)
    assert rules(wrong) == {"WI3"}


@pytest.mark.parametrize("grade", ["g3", "g4", "imp"])
def test_WI4_a_high_grade_that_leaves_is_purged_or_destroyed(specs: Specs, grade: str) -> None:
    clear = {"method": "clear", "technique": "overwrite", "data_grade_before": grade}
    assert rules(found(specs, **clear, destination="hand_over")) == {"WI4"}
    inside = found(specs, **clear, destination="internal_reuse")
    assert (rules(inside), rules(inside, "warn")) == (set(), {"WI13"})


@pytest.mark.parametrize("field", ["keys_destroyed", "encrypted_since_first_write"])
def test_WI5_crypto_erase_needs_its_proofs(specs: Specs, field: str) -> None:
    assert rules(found(specs, "cloud", **{field: False})) == {"WI5"}


def test_WI6_a_failed_verification_is_told(specs: Specs) -> None:
    assert rules(found(specs, verification_result="fail")) == {"WI6"}


def test_WI7_every_copy_has_an_answer(specs: Specs) -> None:
    assert rules(found(specs, copies_covered=[{"copy": "主库一"}])) == {"WI7"}
    closing = check_closing(specs, WipeFacts(case="retirement", unanswered=("备份“备份一”（在用）",)))
    assert [(one.rule, one.params["value"]) for one in closing] == [("WI7", "备份“备份一”（在用）")]


def test_WI8_a_wipe_ends_after_it_starts_and_after_the_retirement(specs: Specs) -> None:
    facts = FACTS._replace(case="retirement", not_before=date(2026, 11, 20))
    known = {"case": "retirement", "retire_decision_no": "〔2026〕9号"}
    assert rules(found(specs, facts=facts, **known)) == set()
    turned = found(specs, facts=facts, **known, started_at="2026-11-20T12:00")
    assert rules(turned) == {"WI8"}
    assert rules(found(specs, facts=facts._replace(not_before=date(2026, 11, 21)), **known)) == {"WI8"}


def test_WI8_counts_days_where_the_register_is_kept(specs: Specs) -> None:
    facts = FACTS._replace(case="retirement", not_before=date(2026, 11, 20))
    known = {"retire_decision_no": "〔2026〕9号", "started_at": "2026-11-19T16:00:00+00:00"}
    assert rules(found(specs, facts=facts, **known, finished_at="2026-11-19T16:30:00+00:00")) == set()
    assert rules(found(specs, facts=facts, **known, finished_at="2026-11-19T16:30:00+02:00")) == {"WI8"}


def test_WI18_dates_are_in_order_in_every_case(specs: Specs) -> None:
    assert rules(found(specs, started_at="2026-11-20T12:00")) == {"WI18"}


@pytest.mark.parametrize(("ratio", "warned"), [(0.05, {"WI9"}), (0.1, set()), (0, {"WI9"})])
def test_WI9_a_small_sample_is_warned_of(specs: Specs, ratio: float, warned: set[str]) -> None:
    few = found(specs, sample_ratio=ratio)
    assert (rules(few), rules(few, "warn")) == (set(), warned)


def test_WI9_asks_nothing_of_what_was_degaussed_or_destroyed(specs: Specs) -> None:
    assert found(specs, technique="degauss", sample_ratio=0.01) == []
    assert found(specs, technique="disintegrate", method="destroy", sample_ratio=0.01) == []


def test_WI10_nothing_of_a_retired_system_still_runs(specs: Specs) -> None:
    facts = WipeFacts(case="retirement", holds=("授权 SQ-1",))
    assert [one.rule for one in check_closing(specs, facts)] == ["WI10"]
    assert check_closing(specs, facts._replace(case="contract_end")) == []


def test_WI11_a_serial_that_passed_in_the_case_is_refused_and_elsewhere_noted(specs: Specs) -> None:
    again = FACTS._replace(passed=frozenset({serial_key("zc1a2b3c")}))
    assert rules(found(specs, facts=again, serial_no="ＺＣ1a2B3C ")) == {"WI11"}
    other = found(specs, facts=FACTS._replace(elsewhere=frozenset({"zc1a2b3c"})))
    assert [(one.rule, one.level) for one in other] == [("WI11", "note")]


# ---- the matrix, grades, keys, failures -------------------------------------------------------------------


def test_WI12_a_technique_stands_under_its_method_or_is_refused(specs: Specs) -> None:
    methods = ("clear", "purge", "destroy")
    for medium in (row for row in specs.retirement.media if row.key != "cloud"):
        for technique in (row.key for row in specs.retirement.techniques):
            for method in methods:
                changes = {"media_type": medium.key, "technique": technique, "method": method}
                wrong = found(specs, **changes, data_grade_before="g1", destination="internal_reuse")
                fit = technique in getattr(medium, method) and technique not in medium.never
                assert fit == (not rules(wrong) & {"WI2", "WI3", "WI12"}), changes


@pytest.mark.parametrize("technique", ["overwrite", "overwrite_twice", "sanitize_overwrite"])
def test_WI12_a_usb_stick_is_never_purged(specs: Specs, technique: str) -> None:
    wrong = found(specs, media_type="usb", technique=technique, method="purge")
    said = word_wipe(wrong[0], specs)
    assert (said.rule, said.message) == ("WI12", f"“U盘、存储卡”用“{_zh(specs, technique)}”不能称为“净化”")
    assert said.fix.startswith("改为：清除：覆写两遍（模式及其反码）、销毁：切碎")


def _zh(specs: Specs, technique: str) -> str:
    return next(row.zh for row in specs.retirement.techniques if row.key == technique)


@pytest.mark.parametrize("technique", ["degauss", "shred", "incinerate"])
def test_WI12_nothing_of_a_cloud_is_destroyed_by_hand(specs: Specs, technique: str) -> None:
    assert rules(found(specs, "cloud", technique=technique, method="destroy")) == {"WI12"}


@pytest.mark.parametrize("grade", ["core"])
def test_WI14_core_data_are_referred(specs: Specs, grade: str) -> None:
    wrong = [one for one in found(specs, data_grade_before=grade) if one.rule == "WI14"]
    assert "报保密行政管理部门" in word_wipe(wrong[0], specs).fix


def test_WI13_advises_destruction_of_important_data_that_leave(specs: Specs) -> None:
    advised = found(specs, data_grade_before="imp")
    assert (rules(advised), rules(advised, "warn")) == (set(), {"WI13"})


def test_WI15_a_short_key_proves_nothing(specs: Specs) -> None:
    assert rules(found(specs, "cloud", key_bits=112)) == {"WI15"}
    assert found(specs, "cloud", key_bits=128) == []


def test_WI16_after_a_failure_the_next_stronger_method(specs: Specs) -> None:
    failed = FACTS._replace(failed={medium_key(physical()): "purge"})
    assert rules(found(specs, facts=failed)) == {"WI16"}
    assert found(specs, facts=failed, method="destroy", technique="disintegrate") == []
    again = failed._replace(failed={medium_key(physical()): "destroy"})
    assert found(specs, facts=again, method="destroy", technique="incinerate") == []


def test_WI17_backups_that_have_not_expired_are_warned_of(specs: Specs) -> None:
    later = found(specs, "cloud", backup_expiry="2026-12-31")
    assert (rules(later), rules(later, "warn")) == (set(), {"WI17"})


def test_WI19_a_second_tool_reads_a_share_of_the_media(specs: Specs) -> None:
    few = check_closing(specs, WipeFacts(case="replaced_disk", reread=0.1))
    assert [(one.rule, one.level) for one in few] == [("WI19", "warn")]
    assert word_wipe(few[0], specs).message == "以另一工具复核的介质占 10%，建议不少于 20%"
    assert check_closing(specs, WipeFacts(case="replaced_disk", reread=0.2)) == []


# ---- words and speed --------------------------------------------------------------------------------------


def test_every_rule_names_a_checker_and_every_checker_a_rule(specs: Specs) -> None:
    assert {rule.checker for rule in wipe_rules(specs).values()} == set(CHECKERS)


def test_a_finding_is_worded_with_rule_cure_and_article(specs: Specs) -> None:
    said = word_wipe(found(specs, verifier=person("张操作"))[0], specs)
    assert (said.rule, said.label, said.message) == ("WI1", "验证人", "操作人和验证人是同一人")
    assert said.fix == "由另一人验证" and "800-88" in said.source
    english = word_wipe(found(specs, operator=person("张", title=""))[0], specs, "en")
    assert english.message == "operator title is missing"


def test_what_is_said_is_worded_for_every_reason(specs: Specs) -> None:
    for lang in ("zh", "en"):
        for said in specs.wiping.says:
            one = WipeFinding(
                "E132", "error", "method", said.key, {"value": "某", "wanted": "甲", "choices": "乙"}
            )
            assert "{" not in word_wipe(one, specs, lang).text


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda doc: doc["steps"][1]["fields"].append("colour"), "“colour” is not in fields"),
        (lambda doc: doc["steps"][1]["fields"].append("witness"), "“witness” is filled at two steps"),
        (lambda doc: doc["deeds"][0]["permissions"].append("fly"), "“fly” is not in permissions"),
        (lambda doc: doc["case_needs"].pop(), "“purpose_ended” is not in case_needs"),
        (lambda doc: doc["says"].pop(0), "“missing” is not in the rows"),
        (lambda doc: doc["case_needs"][0]["wipe_from"].append("soaked"), "“soaked” is not in copy_states"),
        (lambda doc: doc["rules"][0].update(id="WI3"), "“WI3” stands in retirement.yaml too"),
    ],
)
def test_a_slip_in_the_specification_is_told(specs: Specs, spoil: Any, said: str) -> None:
    doc = specs.wiping.model_dump(mode="json")
    spoil(doc)
    docs = dict(specs.documents) | {"wiping": Wiping.model_validate_json(json.dumps(doc))}
    assert any(said in problem for problem in check_law(docs))


def test_ten_thousand_records_are_checked_in_well_under_five_seconds(specs: Specs) -> None:
    content = CASE | verified() | physical()
    begun = perf_counter()
    wrong = [
        check_record(content | {"serial_no": f"S{n}"}, "physical", specs, facts=FACTS) for n in range(10_000)
    ]
    assert not any(map(errors_of, wrong))
    assert perf_counter() - begun < 5
