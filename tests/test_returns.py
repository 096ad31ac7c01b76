"""Returned with reasons: by field, from the phrase book, all at once; afterwards only what changed draws new ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.errors import MuluError, Rejected
from registry.lifecycle import MoveRefused
from registry.lookup import find_entry
from registry.permits import EVERYTHING
from registry.remarks import remarks_of
from tests.cast import PATH, Cast
from tests.stages import edit

At = Callable[[str], Cast]
NEW_NAME = "企业登记信息"


def send_back(cast: Cast, *reasons: Any, by: str = "auditor", note: str = "") -> None:
    cast.act("object" if by == "secrecy_reviewer" else "return", by, note=note, data={"reasons": reasons})


def pointers(refused: MuluError) -> list[str]:
    return [error["pointer"] for error in refused.details["errors"]]


def remarks(cast: Cast) -> list[tuple[str, str, str]]:
    with cast.database.read() as session:
        entry = find_entry(session, cast.code, sight=EVERYTHING).entry
        return sorted((r.field, r.item, r.text) for r in remarks_of(session, entry.id))


# ---- reasons ----------------------------------------------------------------------------------------------


def test_all_reasons_reach_the_steward_in_words(at: At) -> None:
    cast = at("signed")
    send_back(
        cast,
        {"field": "resource_abstract", "phrase": "unclear"},
        {"field": "update_cycle", "phrase": "wrong_cycle", "text": "系统每周更新"},
        {"field": "items.share_type", "item": "经营范围", "text": "应为有条件共享"},
        {"phrase": "duplicate"},
    )
    assert remarks(cast) == [
        ("", "", "与已有目录重复，请合并或说明区别"),
        ("items.share_type", "经营范围", "应为有条件共享"),
        ("resource_abstract", "", "信息资源摘要表述不清，请写明对象、范围和口径"),
        ("update_cycle", "", "更新周期与业务实际不符：系统每周更新"),
    ]
    assert cast.state()[0] == "returned"


@pytest.mark.parametrize(
    ("stage", "role"),
    [
        ("submitted", "division_chief"),
        ("submitted", "head"),
        ("submitted", "auditor"),
        ("submitted", "secrecy_reviewer"),
        ("approved", "head"),
        ("approved", "auditor"),
    ],
)
def test_each_reviewer_may_send_back(stage: str, role: str, at: At) -> None:
    cast = at(stage)
    send_back(cast, by=role, note="请补充")
    assert cast.state()[0] == "returned"


@pytest.mark.parametrize("move", ["return", "object"])
@pytest.mark.parametrize("data", [{}, {"reasons": []}, {"reasons": None}])
def test_without_a_reason_nothing_goes_back(move: str, data: dict[str, Any], at: At) -> None:
    cast = at("submitted")
    with pytest.raises(MoveRefused, match="已写明理由") as refused:
        cast.act(move, "auditor" if move == "return" else "secrecy_reviewer", note=" ", data=data)
    assert [unmet.guard for unmet in refused.value.unmet] == ["reasons_given"]


@pytest.mark.parametrize(
    ("reasons", "wrong"),
    [
        ("摘要不清", ""),
        ({"field": "resource_abstract"}, ""),
        (["摘要不清"], ""),
        ([{"field": "resource_abstract", "phrase": "unclear"}, {"field": "colour", "text": "x"}], "/1/field"),
        ([{"field": "resource_name", "phrase": "ugly"}], "/0/phrase"),
        ([{"field": "resource_name"}], "/0/text"),
        ([{"field": "resource_name", "text": "  "}], "/0/text"),
        ([{"field": "resource_name", "phrase": "other"}], "/0/text"),
        ([{"field": "resource_name", "text": "x", "severity": "high"}], "/0/severity"),
        ([{"field": ["resource_name"], "text": "x"}], "/0/field"),
        ([{"field": "resource_name", "text": 7}], "/0/text"),
        ([{"phrase": "missing"}], "/0/field"),
        ([{"field": "update_cycle", "phrase": "wrong_share_type"}], "/0/phrase"),
        ([{"field": "items.share_type", "item": "没有的项", "text": "x"}], "/0/item"),
        ([{"field": "resource_name", "text": "长" * 501}], "/0/text"),
    ],
)
def test_malformed_reasons_are_refused_with_their_place(reasons: Any, wrong: str, at: At) -> None:
    cast = at("submitted")
    with pytest.raises(Rejected) as refused:
        cast.act("return", "auditor", note="见所列", data={"reasons": reasons})
    assert pointers(refused.value) == [f"/data/reasons{wrong}"]
    assert cast.state()[0] == "submitted"


def test_every_malformed_reason_is_named_at_once(at: At) -> None:
    with pytest.raises(Rejected) as refused:
        send_back(at("submitted"), {"field": "colour"}, {"phrase": "ugly"})
    assert pointers(refused.value) == [
        "/data/reasons/0/field",
        "/data/reasons/0/text",
        "/data/reasons/1/phrase",
    ]


# ---- after a return ---------------------------------------------------------------------------------------

FIRST = (
    {"field": "resource_abstract", "phrase": "unclear"},
    {"field": "items.share_type", "item": "企业名称", "text": "a"},
)


@pytest.fixture
def again(at: At, tmp_path: Path) -> Callable[..., Cast]:
    """The entry returned with ``FIRST``, changed and submitted again."""

    def bring(**changes: Any) -> Cast:
        cast = at("submitted")
        send_back(cast, *FIRST)
        if changes:
            edit(cast, tmp_path, **changes)
        cast.act("submit", "steward")
        return cast

    return bring


def renamed_item(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*items, {**items[0], "item_name": "登记机关", "item_code": "djjg"}]


@pytest.mark.parametrize(
    "reason",
    [
        {"field": "resource_abstract", "phrase": "unclear"},
        {"field": "items.share_type", "item": "企业名称", "text": "仍未改"},
        {"field": "items.share_type", "text": "仍未改"},
        {"field": "resource_name", "text": "名称改得不对"},
        {"field": "items.share_type", "item": "登记机关", "text": "新增项的共享类型不对"},
        {"field": "items", "text": "新增的信息项与系统不符"},
        {"field": "update_cycle", "phrase": "wrong_cycle", "why_late": "系统管理员昨日才告知"},
        {"phrase": "proof_missing"},
    ],
)
def test_what_was_remarked_or_changed_may_be_remarked_again(
    reason: dict[str, str], again: Callable[..., Cast]
) -> None:
    cast = again(resource_name=NEW_NAME, cols=renamed_item)
    send_back(cast, reason)
    assert cast.state()[0] == "returned"


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        ({"field": "update_cycle", "phrase": "wrong_cycle"}, "更新周期"),
        ({"field": "items.open_type", "item": "企业名称", "phrase": "not_public_item"}, "开放类型"),
        ({"field": "items.share_type", "item": "经营范围", "text": "也不对"}, "共享类型"),
        ({"field": "update_cycle", "text": "不对", "why_late": " "}, "更新周期"),
    ],
)
def test_what_stood_there_before_is_remarked_only_with_a_word_why_so_late(
    reason: dict[str, str], label: str, again: Callable[..., Cast]
) -> None:
    cast = again(resource_name=NEW_NAME)
    with pytest.raises(MoveRefused, match=rf"{label}上次退回后没有改动.*why_late"):
        send_back(cast, {"field": "resource_name", "text": "改得不对"}, reason)
    assert cast.state()[0] == "submitted"


def test_all_late_remarks_are_named_at_once(again: Callable[..., Cast]) -> None:
    late = [{"field": key, "text": "不对"} for key in ("update_cycle", "data_grade", "resource_name")]
    with pytest.raises(MoveRefused) as refused:
        send_back(again(), *late)
    assert len(refused.value.unmet[0].details) == 3


def test_the_next_version_is_a_new_question(at: At, tmp_path: Path) -> None:
    """Remarks on the version that went into force do not bind those on the next one."""
    cast = at("submitted")
    send_back(cast, *FIRST)
    cast.walk(*PATH)
    cast.act("revise", "steward")
    edit(cast, tmp_path, update_cycle="每周")
    cast.act("submit", "steward")
    send_back(cast, {"field": "data_grade", "phrase": "wrong_grade"})
    assert cast.state() == ("announced", 1, 3)
