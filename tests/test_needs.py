"""What an entry still owes: named by a check, proven by a later step."""

from dataclasses import replace
from typing import Any

import pytest

from catalog_specs import Specs
from tests.examples import GOOD, good
from tests.judging import FACTS, Content, item, needs, open_item
from validators.assess import assess
from validators.findings import word_need

SHELF = {"secrecy_review": "shelf", "list_line": "shared"}
PERSONAL = SHELF | {"pia": "personal"}
EXPECTED: dict[str, dict[str, str]] = {
    **dict.fromkeys(GOOD, SHELF),
    **dict.fromkeys(("OK01", "OK03", "OK06", "OK08", "OK10"), PERSONAL),
    "OK09": {},
}


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_good_example_owes_what_it_owes(key: str, specs: Specs) -> None:
    assert needs(good(key), specs) == EXPECTED[key]


def hidden(*rows: Content, **changes: Any) -> Content:
    """An entry that is neither shared nor opened."""
    return good("OK09", **{"items": list(rows), **changes})


# ---- PIA (PIPL 55, S1 13) ----


def test_ordinary_personal_data_that_stay_need_no_assessment(specs: Specs) -> None:
    rows = [item("姓名", "direct", share_type="3"), item("年龄", "quasi", share_type="3")]
    assert needs(hidden(*rows), specs) == {}


def test_sensitive_data_need_one_even_if_they_stay(specs: Specs) -> None:
    assert needs(hidden(item("疾病史", "sensitive", share_type="3")), specs) == {"pia": "personal"}


def test_a_strong_name_needs_one_whatever_is_declared(specs: Specs) -> None:
    assert "pia" in needs(good("OK04", items=[item("手机号码", share_type="1")], open_type="3"), specs)


def test_an_age_of_a_building_needs_none(specs: Specs) -> None:
    assert needs(good("OK13", items=[open_item("楼龄", "quasi")], record_subject="物"), specs) == SHELF


# ---- important data (NDR 29, 31, 33; §12 R12) ----


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (None, "suspected"),
        ({"status": "申报", "number": "ZYSJ-1"}, "suspected"),
        ({"status": "认定"}, "suspected"),
        ({"status": "认定", "number": "ZYSJ-1", "body": "省数据局", "date": "2026-01-01"}, "important"),
    ],
)
def test_important_data_need_an_assessment(reference: Any, reason: str, specs: Specs) -> None:
    content = good("OK01", data_grade="imp", important_ref=reference)
    assert needs(content, specs)["risk_assessment"] == reason


# ---- desensitization (S-ZY 22, S-LPS 24) ----


def test_an_opened_sensitive_item_needs_a_proof(specs: Specs) -> None:
    content = good("OK04", items=[open_item("成交价", sensitive_flag="1", mask_rule="分段")])
    assert needs(content, specs)["desens"] == "items"


def test_a_closed_one_needs_none(specs: Specs) -> None:
    rows = [open_item("宗地编号"), item("成交价", sensitive_flag="1", share_type="1")]
    assert "desens" not in needs(good("OK04", items=rows), specs)


def test_an_opened_age_of_people_needs_a_proof(specs: Specs) -> None:
    content = good("OK04", items=[open_item("年龄", "quasi")], record_subject="人")
    assert needs(content, specs)["desens"] == "items"


def test_a_name_that_a_law_publishes_needs_the_heads_signature_and_no_mask(specs: Specs) -> None:
    basis = [{"title": "企业信息公示暂行条例", "article": "第六条", "items": ["负责人姓名", "证件号"]}]
    content = good("OK04", items=[open_item("负责人姓名", "direct")], disclosure_basis=basis)
    assert needs(content, specs) == PERSONAL | {"head_consent": "disclosure"}
    found = next(n for n in assess(content, specs, facts=FACTS).needs if n.need == "head_consent")
    assert found.params == {"law": "《企业信息公示暂行条例》第六条", "items": "负责人姓名"}


def test_a_basis_for_items_that_stay_needs_no_signature(specs: Specs) -> None:
    basis = [{"title": "企业信息公示暂行条例", "article": "第六条", "items": ["负责人姓名"]}]
    rows = [open_item("企业名称"), item("负责人姓名", "direct", share_type="1")]
    assert needs(good("OK04", items=rows, disclosure_basis=basis), specs) == PERSONAL


def test_an_identity_number_that_a_law_publishes_needs_its_proof(specs: Specs) -> None:
    basis = [{"title": "企业信息公示暂行条例", "article": "第六条", "items": ["负责人身份证号"]}]
    rows = [open_item("负责人身份证号", "direct", mask_rule="首1尾2")]
    found = needs(good("OK04", items=rows, disclosure_basis=basis), specs)
    assert found == PERSONAL | {"head_consent": "disclosure", "desens": "items"}


# ---- bases, secrets, hints ----


def test_a_basis_outside_the_library_is_to_be_confirmed(specs: Specs) -> None:
    row = {"level": "法律", "title": "中华人民共和国档案法", "article": "第二十七条"}
    assert needs(good("OK09", non_share_basis=[row]), specs) == {"basis": "unknown"}


@pytest.mark.parametrize("place", ["resource_name", "resource_abstract"])
def test_secret_words_need_the_reviewer_even_where_nothing_leaves(place: str, specs: Specs) -> None:
    assert needs(good("OK09", **{place: "驻地部队营房登记信息"}), specs)["secrecy_review"] == "words"


def test_an_items_secret_word_needs_the_reviewer(specs: Specs) -> None:
    assert needs(good("OK04", items=[open_item("视频监控点位")]), specs)["secrecy_review"] == "words"


@pytest.mark.parametrize(
    ("name", "pii", "subject", "asked"),
    [
        ("姓名", "none", "组织", True),
        ("联系人", None, None, True),
        ("姓名", "direct", "人", False),
        ("经度", None, "物", False),
        ("经度", None, "人", True),
        ("收入", None, "统计", False),
        ("家庭收入", None, "人", True),
        ("公厕名称", None, "物", False),
    ],
)
def test_a_weak_hint_is_to_be_confirmed_where_it_can_mean_a_person(
    name: str, pii: str | None, subject: str | None, asked: bool, specs: Specs
) -> None:
    content = good("OK04", items=[open_item("编号"), open_item(name, pii_class=pii)], record_subject=subject)
    assert ("confirm_hint" in needs(content, specs)) is asked


def test_a_need_is_named_once(specs: Specs) -> None:
    for key in GOOD:
        found = [need.need for need in assess(good(key), specs, facts=FACTS).needs]
        assert len(found) == len(set(found)), key


def test_the_day_changes_no_need(specs: Specs) -> None:
    later = replace(FACTS, today=FACTS.today.replace(year=2030))
    assert needs(good("OK01"), specs, later) == needs(good("OK01"), specs)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_need_is_worded_without_a_gap(lang: str, specs: Specs) -> None:
    for spec in specs.book.needs:
        for reason in spec.reasons:
            found = assess(good("OK01"), specs, facts=FACTS).needs[0]._replace(need=spec.key, reason=reason)
            title, text, source = word_need(found, specs, lang)
            assert title and source and "{" not in text


def test_every_need_is_met_by_a_step_of_the_lifecycle(specs: Specs) -> None:
    steps = {"submit", "clear", "clear_data", "endorse", "approve", "announce", "shelve"}
    assert {step for need in specs.book.needs for step in need.decided_by} <= steps
