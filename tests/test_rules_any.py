"""Whatever JSON is judged: there is an answer, always the same one, and it can be worded."""

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_specs import Specs, load
from tests.examples import GOOD, good
from tests.judging import FACTS, PROPERTY, item
from validators.assess import assess, assess_all, engine_of
from validators.findings import text_of, word, word_need

SPECS: Specs = load("zunyi_2020")
LISTED = [v.code for listed in SPECS.codes.values() for v in listed.values]
WORDS = [
    "依申请",
    "姓名",
    "身份证号",
    "学生",
    "企业信息公示暂行条例",
    "第2十条",
    "第百条",
    "第9999999条",
    "掩码",
    "法律",
    "统计",
]
KEYS = [*SPECS.fields, "items", "owner"]
ITEM_KEYS = [*SPECS.items, "note"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**40),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(LISTED),
    st.sampled_from(WORDS),
)
junk = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WORDS, "title", "article"]), inner)
    ),
    max_leaves=5,
)
basis = st.dictionaries(
    st.sampled_from(["level", "title", "article", "items", "text", "object", "degree"]), junk
)
item_rows = st.lists(st.dictionaries(st.sampled_from(ITEM_KEYS), junk, max_size=6) | junk, max_size=4)
contents = st.dictionaries(st.sampled_from(KEYS), junk | st.lists(basis, max_size=2) | item_rows, max_size=20)


def judged(content: Any, base: str) -> Any:
    """A good example with some of its fields replaced by anything."""
    return good(base) | content


@settings(PROPERTY, max_examples=120)
@given(content=contents, base=st.sampled_from([*GOOD, ""]))
def test_any_content_is_judged_alike_each_time(content: dict[str, Any], base: str) -> None:
    whole = judged(content, base) if base else content
    before = copy.deepcopy(whole)
    first = assess(whole, SPECS, facts=FACTS)
    assert assess(whole, SPECS, facts=FACTS) == first
    assert repr(whole) == repr(before) if _finite(whole) else True
    for finding in first.findings:
        assert "{" not in word(finding, SPECS, "zh").message.replace(finding.value, "")
        word(finding, SPECS, "en")
    assert all(word_need(need, SPECS)[1] for need in first.needs)


def _finite(whole: Any) -> bool:
    try:
        return bool(repr(whole))
    except ValueError:  # an integer of thousands of digits has no text
        return False


@settings(PROPERTY, max_examples=30)
@given(st.lists(contents, max_size=4))
def test_any_file_is_judged_whole(rows: list[dict[str, Any]]) -> None:
    facts = replace(FACTS, codes=frozenset({"102000/000003"}))
    assert len(list(assess_all(rows, SPECS, facts=facts))) == len(rows)


@settings(PROPERTY, max_examples=80)
@given(st.sampled_from(sorted(GOOD)), st.sampled_from(KEYS), junk | item_rows)
def test_one_field_gone_wrong_is_judged(base: str, key: str, value: Any) -> None:
    assert assess(good(base) | {key: value}, SPECS, facts=FACTS).spec == SPECS.digest


ODD = [math.nan, math.inf, 10**4400, [], [[]], [None], {"": {}}, "\ud800", [[[[{}]]]], True, 1, -1, 0.5]


@pytest.mark.parametrize("key", KEYS)
def test_no_field_breaks_on_an_odd_value(key: str) -> None:
    for value in ODD:
        assess(good("OK01") | {key: value}, SPECS, facts=FACTS)
        assess(good("OK04") | {key: value}, SPECS, facts=FACTS)


@pytest.mark.parametrize("key", ITEM_KEYS)
def test_no_item_breaks_on_an_odd_value(key: str) -> None:
    for value in ODD:
        for base in ("OK01", "OK04"):
            content = good(base)
            content["items"][0][key] = value
            assess(content, SPECS, facts=FACTS)


def test_findings_stand_in_the_order_of_the_rules() -> None:
    found = [f.rule for f in assess({}, SPECS, facts=FACTS).findings]
    order = list(SPECS.rules)
    assert found == sorted(found, key=order.index)
    assert found[0] == "E101"


def test_the_table_is_compiled_once() -> None:
    assert engine_of(SPECS) is engine_of(SPECS)


def test_a_long_value_is_shown_cut() -> None:
    assert text_of("字" * 201) == "字" * 199 + "…"
    assert text_of(["甲", "乙"]) == "甲、乙"
    assert text_of(10**5000) == "…"


def test_a_hostile_condition_takes_no_time() -> None:
    for text in (
        "供局" * 250,
        "仅限" + "局" * 498,
        "供局，" * 166,
        "经局" * 250,
        "用于局，供" * 100,
        "无需" * 250,
    ):
        assess(good("OK01", share_condition=text, share_scope=None, use_purpose=None), SPECS, facts=FACTS)
        assess(good("OK04", share_condition=text), SPECS, facts=FACTS)


def test_a_thousand_items_are_judged() -> None:
    rows = [item(f"字段{n}") for n in range(1000)]
    assert assess(good("OK01", items=rows), SPECS, facts=FACTS).findings == ()
