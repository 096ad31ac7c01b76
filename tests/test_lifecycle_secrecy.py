"""The unit's own secrecy reviewer: of the entry before it is announced, of the data before they are shelved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from registry.db import Database
from registry.errors import Conflict, MuluError, Rejected
from registry.lifecycle import MoveRefused
from registry.models import Distribution, Opinion
from tests.cast import PATH, Cast, content, make_cast
from tests.stages import TABLE, edit, made_of

At = Callable[[str], Cast]


def shelf(cast: Cast) -> tuple[str, str | None]:
    with cast.database.read() as session:
        made = session.execute(select(Distribution)).scalars().one()
        return made.state, made.awaits


def said(cast: Cast, opinion_id: str) -> dict[str, Any]:
    with cast.database.read() as session:
        return session.get_one(Opinion, opinion_id).data


# ---- the entry --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "guard", "words"),
    [
        ({"conclusion": "secret"}, "not_secret", "涉密或工作秘密不得上架"),
        ({"conclusion": "refer"}, "not_secret", "不能确定报保密行政管理部门"),
        ({"conclusion": "maybe"}, "not_secret", "没有“maybe”这种结论；可用：share_and_open"),
        ({"conclusion": ""}, "not_secret", "没有“”这种结论"),
        ({"items": {"企业名称": "secret"}}, "not_secret", "信息项“企业名称”：涉密"),
        ({"conclusion": "share_only"}, "review_agrees", "结论是“可共享不可开放”"),
        ({"items": {"经营范围": "not_public"}}, "review_agrees", "“经营范围”不宜公开，目录写作开放"),
    ],
)
def test_what_is_secret_or_not_for_the_public_does_not_pass(
    data: dict[str, Any], guard: str, words: str, at: At
) -> None:
    cast = at("submitted")
    with pytest.raises(MoveRefused) as refused:
        cast.act("clear", "secrecy_reviewer", data=data)
    unmet = refused.value.unmet[0]
    assert (unmet.guard, words in "；".join(unmet.details)) == (guard, True)
    assert ("秘密法实施条例" if guard == "review_agrees" else "政务数据共享条例") in unmet.source
    with pytest.raises(MuluError):
        cast.act("endorse", "division_chief")


@pytest.mark.parametrize(
    ("items", "places"),
    [
        ({"企业名称": "secrte"}, ["/企业名称"]),
        ({"企业名": "secret"}, ["/企业名"]),
        ({"企业名称": True, "没有": "no"}, ["/没有", "/企业名称", "/没有"]),
        (["企业名称"], [""]),
    ],
)
def test_a_slip_of_the_pen_is_not_a_pass(items: Any, places: list[str], at: At) -> None:
    """An unknown result, an unknown item: refused with its place, not taken for passed."""
    with pytest.raises(Rejected) as refused:
        at("submitted").act("clear", "secrecy_reviewer", data={"items": items})
    found = {error["pointer"] for error in refused.value.details["errors"]}
    assert found == {f"/data/items{place}" for place in places}


@pytest.mark.parametrize(
    ("key", "conclusion"), [("OK04", "share_and_open"), ("OK01", "share_only"), ("OK02", "share_and_open")]
)
def test_without_a_conclusion_it_passes_as_declared(
    key: str, conclusion: str, sqlite_database: Database, tmp_path: Path
) -> None:
    cast = make_cast(sqlite_database, tmp_path, content(key))
    cast.walk_to("clear")
    done = cast.act("clear", "secrecy_reviewer")
    assert said(cast, done.opinion_id) == {"conclusion": conclusion}


def test_what_the_reviewer_said_is_kept(at: At) -> None:
    cast = at("submitted")
    data = {"conclusion": "share_and_open", "items": {"企业名称": "passed"}, "basis": "保密事项范围第3条"}
    done = cast.act("clear", "secrecy_reviewer", data=data)
    assert said(cast, done.opinion_id) == data


def test_a_second_review_of_the_same_content_is_told_who_gave_the_first(at: At) -> None:
    cast = at("cleared")
    cast.act("endorse", "division_chief")
    with pytest.raises(Conflict, match=r"secrecy_reviewer 已于 .* 办理“保密风险评估通过”"):
        cast.act("clear", "secrecy_reviewer")


def test_the_compiler_does_not_review_his_own_entry(at: At, tmp_path: Path) -> None:
    cast = at("draft")
    edit(cast, tmp_path, author="secrecy_reviewer", contact_name="李雷")
    cast.act("submit", "steward")
    for move in ("clear", "object"):
        with pytest.raises(MuluError, match="须由另一人办理"):
            cast.act(move, "secrecy_reviewer", note="x")


# ---- the data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "data", "words"),
    [
        (True, {"conclusion": "share_only"}, "审查结论是“可共享不可开放”"),
        (True, {"items": {"企业名称": "not_public"}}, "“企业名称”没有通过逐项审查"),
        (
            True,
            {"conclusion": "open_when_desensitized"},
            "没有方案证明；先检查：mulu prove {code} 文件 --as 数据专员",
        ),
        (False, {"conclusion": "share_only"}, None),
        (False, {"items": {"企业名称": "not_public"}}, None),
        (False, {"conclusion": "open_when_desensitized"}, None),
        (True, {"items": {"经营范围": "not_public"}}, None),  # that item is not in it
    ],
)
def test_the_conclusion_says_what_may_be_done_with_the_data(
    opened: bool, data: dict[str, Any], words: str | None, at: At
) -> None:
    cast = at("announced")
    cast.act("attach", "steward", data=TABLE | {"opened": opened})
    cast.act("clear_data", "secrecy_reviewer", data=data)
    cast.record("provision_test", name=made_of(cast))
    if words is None:
        assert cast.act("shelve", "steward").after == "shelved"
        return
    with pytest.raises(MoveRefused) as refused:
        cast.act("shelve", "steward")
    found = {unmet.guard: "；".join(unmet.details) for unmet in refused.value.unmet}
    guard = "desensitization_proof" if "证明" in words else "data_cleared"
    assert found == {guard: words.format(code=cast.code)}


@pytest.mark.parametrize("data", [{"conclusion": "secret"}, {"items": {"企业名称": "secret"}}])
def test_secret_data_are_not_cleared(data: dict[str, Any], at: At) -> None:
    cast = at("attached")
    with pytest.raises(MoveRefused, match="立即停止登记，断开网络"):
        cast.act("clear_data", "secrecy_reviewer", data=data)
    assert shelf(cast) == ("pending", "clear_data")


def test_the_last_review_counts(at: At) -> None:
    cast = at("announced")
    cast.act("attach", "steward", data=TABLE | {"opened": True})
    cast.act("clear_data", "secrecy_reviewer")
    cast.act("clear_data", "secrecy_reviewer", data={"conclusion": "share_only"})
    cast.record("provision_test", name=made_of(cast))
    with pytest.raises(MoveRefused, match="可共享不可开放"):
        cast.act("shelve", "steward")
    with pytest.raises(Conflict, match="已办过"):
        cast.act("clear_data", "secrecy_reviewer", data={"conclusion": "share_only"})


def test_the_reviewers_suspension_voids_his_review(at: At) -> None:
    cast = at("shelved")
    cast.act("suspend", "secrecy_reviewer", note="发现疑点")
    assert shelf(cast) == ("suspended", "clear_data")
    with pytest.raises(MoveRefused) as refused:
        cast.act("resume", "bureau", note="已核")
    assert [unmet.guard for unmet in refused.value.unmet] == ["data_cleared"]
    cast.act("clear_data", "secrecy_reviewer")
    assert cast.act("resume", "head", note="已复审").after == "shelved"


@pytest.mark.parametrize("role", ["bureau", "auditor", "head"])
def test_anothers_suspension_leaves_the_review(role: str, at: At) -> None:
    cast = at("shelved")
    cast.act("suspend", role, note="核查质量")
    assert shelf(cast) == ("suspended", "resume")
    assert cast.act("resume", "bureau", note="已核").entry_state == "shelved"


def test_data_reviewed_before_the_entry_changed_are_reviewed_again(at: At, tmp_path: Path) -> None:
    """Attached and reviewed while the entry was a draft; then its grade was changed."""
    cast = at("draft")
    cast.act("attach", "steward", data=TABLE)
    cast.act("clear_data", "secrecy_reviewer")
    edit(cast, tmp_path, data_grade="g2")
    cast.walk(*PATH)
    assert shelf(cast) == ("pending", "clear_data")
    cast.record("provision_test", name=made_of(cast))
    with pytest.raises(MoveRefused, match="数据的保密审查"):
        cast.act("shelve", "steward")


def test_who_attached_the_data_does_not_review_them(at: At) -> None:
    cast = at("attached")
    with cast.database.write() as session:
        session.execute(update(Distribution).values(created_by="secrecy_reviewer"))
    with pytest.raises(MuluError, match="须由另一人办理"):
        cast.act("clear_data", "secrecy_reviewer")
