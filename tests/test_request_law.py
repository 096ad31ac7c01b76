"""requests.yaml: every name in it is known, every act can be made by somebody, every refusal has its article."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import catalog_specs
from catalog_specs import Specs, load
from catalog_specs.law import Deadlines
from catalog_specs.law_checks import check_law
from catalog_specs.law_requests import Requests
from registry.permits import roles_of
from tests.conftest import TODAY
from validators.requesting import (
    Asker,
    RequestCase,
    chosen_items,
    is_vacuous,
    missing_to_file,
    refusal,
    shared_items,
)

FOLDER = Path(catalog_specs.__file__).parent


@cache
def raw() -> str:
    return json.dumps(yaml.safe_load((FOLDER / "requests.yaml").read_text("utf-8")), ensure_ascii=False)


def problems(change: Callable[[Any], Any]) -> str:
    doc = json.loads(raw())
    change(doc)
    docs = dict(load().documents) | {"requests": Requests.model_validate_json(json.dumps(doc))}
    return "\n".join(check_law(docs))


def row(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return next(one for one in rows if one["key"] == key)


WRONG: list[tuple[str, Callable[[Any], Any]]] = [
    ("“fly” is not in moves or permissions", lambda d: row(d["acts"], "refuse").update(by=["fly"])),
    ("“lost” is not in states", lambda d: row(d["acts"], "refuse").update(to="lost")),
    ("“week” is not in clocks", lambda d: row(d["kinds"], "open").update(clock="week")),
    ("“nap” is not in tasks", lambda d: row(d["states"], "filed").update(awaits={"share": "nap"})),
    ("a final state awaits nothing", lambda d: row(d["states"], "filed").update(final=True)),
    ("“wish” is not in taken", lambda d: row(d["acts"], "agree").update(takes=["wish"])),
    ("“filing” is not in its takes", lambda d: row(d["grant_acts"], "revoke").update(takes=["consultation"])),
    ("responsibility.yaml lets “consent_request” do it", lambda d: row(d["acts"], "consent").update(by=["submit"])),
    ("“scene” (使用场景) of responsibility.yaml is not a field", lambda d: row(d["kinds"], "share")["fields"].pop(1)),
    ("“rectify” is not in misuse of any act", lambda d: row(d["grant_acts"], "rectify").pop("misuse")),
    ("“decide” is not in from of any act", lambda d: d["dispute_acts"].pop()),
    ("`ending` and an end go together", lambda d: row(d["grant_acts"], "finish").pop("ending")),
    ("nobody may do it", lambda d: row(d["grant_acts"], "finish").pop("by")),
    ("“use” is not in the rows; the program asks", lambda d: d["tasks"].remove(row(d["tasks"], "use"))),
    ("“secret” is not in the rows; the program says", lambda d: d["refusals"].remove(row(d["refusals"], "secret"))),
    ("a number has {year} and {seq}", lambda d: d.update(grant_number="授权{seq}")),
    ("is no regular expression", lambda d: d.update(secrets=["("])),
    ("cites an unknown source", lambda d: row(d["acts"], "agree").update(sources=["S99 1"])),
    ("is beyond the 44 articles", lambda d: row(d["refusals"], "not_bound").update(sources=["S1 99"])),
    ("no clock of “correction” has extend", lambda d: row(d["acts"], "extend").update(kinds=["correction"])),
]  # fmt: skip


@pytest.mark.parametrize(("words", "change"), WRONG, ids=[words for words, _ in WRONG])
def test_a_wrong_name_is_found_when_it_is_loaded(words: str, change: Callable[[Any], Any]) -> None:
    assert words in problems(change)


def test_the_file_itself_is_sound() -> None:
    assert problems(lambda doc: None) == ""


@pytest.mark.parametrize("profile", ["zunyi_2020", "liupanshui_2025"])
def test_every_act_is_in_the_reach_of_some_role(profile: str) -> None:
    specs = load(profile)
    clocks = specs.document("deadlines", Deadlines).index
    granting = roles_of(specs).granting
    for act in (*specs.requests.acts, *specs.requests.grant_acts, *specs.requests.dispute_acts):
        by = set(act.by)
        if getattr(act, "by_clock", False):
            by = {clocks[name].extend_by for name in ("share_reply_conditional", "open_reply")}
        assert act.side == "machine" or all(granting.get(name) for name in by), act.key


def test_every_refusal_names_reason_cure_and_article(specs: Specs) -> None:
    for one in specs.requests.refusals:
        named = {n for text in (one.zh, one.fix_zh) for _t, n, _f, _c in Formatter().parse(text) if n}
        unmet = refusal(specs, one.key, **dict.fromkeys(named, "某"))
        assert unmet.text and unmet.fix and unmet.source and "{" not in unmet.text + unmet.fix


@pytest.mark.parametrize("text", ["依申请", "工作需要", "业务需要。", "见附件", "依法履职", "同上"])
def test_texts_that_say_nothing(text: str, specs: Specs) -> None:
    assert is_vacuous(text, specs, wide=True)


@pytest.mark.parametrize("text", ["《社会保险法》第七十四条", "核对低保身份", "办理不动产登记"])
def test_texts_that_say_something(text: str, specs: Specs) -> None:
    assert not is_vacuous(text, specs, wide=True)


def test_an_item_without_a_mark_goes_with_its_resource() -> None:
    rows = [
        {"item_name": "甲"},
        {"item_name": "乙", "share_type": "3"},
        {"item_name": "丙", "share_type": "1"},
    ]
    content = {"share_type": "2", "items": rows}
    assert shared_items(content) == {"甲": True, "乙": False, "丙": True}
    assert chosen_items({}, content) == ["甲", "丙"]
    assert shared_items(content | {"share_type": "3"}) == {"甲": False, "乙": False, "丙": True}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["basis", "scene", "scope", "mode", "valid_until", "items", "extends", "more"])
ENTRY = {
    "share_type": "2",
    "share_pattern": ["核验"],
    "share_mode_type": ["3"],
    "items": [{"item_name": "甲"}],
}


@given(data=st.dictionaries(KEYS, VALUES), entry=st.sampled_from([None, ENTRY, {}, {"share_type": "3"}]))
def test_whatever_is_given_is_judged_and_never_falls_over(data: dict[str, Any], entry: Any) -> None:
    asker = Asker("遵义市市场监督管理局", "政府部门")
    found = missing_to_file(RequestCase("share", data, entry, load(), TODAY, asker))
    assert all(one.text and one.source for one in found)
    assert found, "nothing random is a whole request"
