"""Which submitted versions are looked at first: the reasons, their weights, and what gives none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_specs import SpecError, Specs, load
from catalog_specs.queueing import Queues
from tests.examples import GOOD, good
from validators.risk import reason_words, risk

Content = dict[str, Any]


def reasons(before: Content | None, after: Content, specs: Specs) -> list[str]:
    return risk(before, after, specs)[1]


def with_item(content: Content, number: int, **changes: Any) -> Content:
    content["items"][number] |= changes
    return content


def added(content: Content, **item: Any) -> Content:
    plain = {"item_name": "备注", "item_code": "bz", "data_type": "C", "share_type": "3", "open_type": "3"}
    content["items"].append(plain | item)
    return content


@pytest.mark.parametrize("key", GOOD)
def test_no_change_is_no_risk(key: str, specs: Specs) -> None:
    assert risk(good(key), good(key), specs) == (0, [])


def test_a_new_telephone_number_is_no_risk(specs: Specs) -> None:
    assert risk(good(), good(contact_phone="0851-28220001"), specs) == (0, [])


CASES: list[tuple[str, Content, Content]] = [
    ("share_looser", good("OK01"), good("OK01", share_type="1")),
    ("share_looser", good("OK09"), good("OK09", share_type="2")),
    ("open_looser", good("OK07", open_type="3"), good("OK07")),
    ("open_looser", good("OK07", open_type="2"), good("OK07", open_type="1")),
    ("open_looser", good("OK07", open_type=None), good("OK07", open_type="2")),
    ("items_looser", good("OK01"), with_item(good("OK01"), 0, share_type="1")),
    ("items_looser", good("OK01"), added(good("OK01"), share_type="1")),
    ("new_personal", good("OK02"), with_item(good("OK02"), 2, pii_class="quasi")),
    ("new_personal", good("OK02"), with_item(good("OK02"), 2, sensitive_flag="1")),
    ("new_personal", good("OK02"), added(good("OK02"), item_name="联系人手机号", item_code="lxrsjh")),
    ("new_personal", good("OK01"), added(good("OK01"), item_name="民族", pii_class="sensitive")),
    ("basis_changed", good("OK09"), good("OK09", legal_basis="刑事诉讼法")),
    ("condition_changed", good("OK01"), good("OK01", share_scope="全部部门")),
    ("grade_lowered", good("OK01"), good("OK01", data_grade="g3")),
    ("high_opened", good("OK07"), good("OK07", data_grade="g3")),
]


@pytest.mark.parametrize(("key", "before", "after"), CASES)
def test_each_reason(key: str, before: Content, after: Content, specs: Specs) -> None:
    assert key in reasons(before, after, specs)


@pytest.mark.parametrize(("key", "before", "after"), CASES)
def test_the_way_back_is_not_looser(key: str, before: Content, after: Content, specs: Specs) -> None:
    if key not in ("basis_changed", "condition_changed"):
        assert key not in reasons(after, before, specs)


def test_an_article_of_the_basis_counts(specs: Specs) -> None:
    rows = [GOOD["OK09"]["non_share_basis"][0] | {"article": "第一条"}]
    assert reasons(good("OK09"), good("OK09", non_share_basis=rows), specs) == ["basis_changed"]


def test_the_weights_add_up(specs: Specs) -> None:
    score, found = risk(good("OK07", open_type="3", data_grade="g3"), good("OK07", data_grade="g3"), specs)
    assert found == ["open_looser", "high_opened"]
    assert score == 5 + 6


def test_a_first_version_is_compared_with_nothing_let_out(specs: Specs) -> None:
    assert reasons(None, good("OK09"), specs) == ["first_version", "new_personal"]
    assert reasons(None, good("OK07"), specs) == ["first_version", "open_looser"]
    assert reasons(None, good("OK13", open_type="3"), specs) == ["first_version"]


def test_an_item_that_was_personal_before_is_not_new(specs: Specs) -> None:
    assert reasons(good("OK01"), with_item(good("OK01"), 0, pii_class="quasi"), specs) == []


def test_a_second_item_of_one_name_does_not_hide_the_first(specs: Specs) -> None:
    name = GOOD["OK02"]["items"][0]["item_name"]
    after = with_item(added(good("OK02"), item_name=name, pii_class="none"), 0, pii_class="direct")
    assert "new_personal" in reasons(good("OK02"), after, specs)


def test_an_identifier_declared_as_none_is_left_to_the_rules(specs: Specs) -> None:
    after = added(good("OK02"), item_name="联系人手机号", pii_class="none")
    assert "new_personal" not in reasons(good("OK02"), after, specs)


def test_the_reasons_are_worded_and_an_unknown_one_names_itself(specs: Specs) -> None:
    assert reason_words(["new_personal", "gone"], specs) == ["新增个人信息或者敏感信息项", "gone"]
    assert reason_words(["first_version"], specs, "en") == ["first version"]


def test_low_risk_lies_below_every_serious_reason(specs: Specs) -> None:
    spec = specs.document("queues", Queues)
    serious = {"open_looser", "share_looser", "new_personal", "high_opened", "grade_lowered", "basis_changed"}
    assert all(spec.index[key].weight >= spec.spot_check.below for key in serious)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), st.lists, max_leaves=5))
def test_it_takes_any_content(value: Any) -> None:
    specs = load("zunyi_2020")
    keys = ("items", "share_type", "open_type", "data_grade", "non_share_basis")
    odd: Content = dict.fromkeys(keys, value)
    odd["items"] = [{"item_name": value, "pii_class": value, "share_type": value}, value]
    assert risk(odd, odd, specs) == (0, [])
    risk(None, odd, specs)


WRONG: list[tuple[str, str]] = [
    ("risks: [{key: share_looser, fields: [share_typ]}]", "没有栏目“share_typ”"),
    ("high_grade: g9", "data_grade 没有“g9”"),
    ("personal: [directt]", "pii_class 没有“directt”"),
    ("spot_check: {by: [read_al]}", "没有权限“read_al”"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_file_never_loads(
    text: str, words: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queues.yaml").write_text(text, "utf-8")
    monkeypatch.setenv("MULU_SPECS", str(tmp_path))
    with pytest.raises(SpecError, match=words):
        load("zunyi_2020")
