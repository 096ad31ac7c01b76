"""What a change asks for: a note goes at once, an ordinary change needs head and auditor, a major one the whole path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from registry.errors import Conflict, MuluError
from registry.lifecycle import MoveRefused
from registry.models import Distribution, Item, Version
from tests.cast import PATH, Cast, content
from tests.stages import edit

At = Callable[[str], Cast]
Items = list[dict[str, Any]]
ABSTRACT = str(content()["resource_abstract"])
HARMLESS = {"item_name": "登记机关", "item_code": "djjg", "pii_class": "none", "sensitive_flag": "0"}


def revised(cast: Cast, folder: Path, **changes: Any) -> None:
    """A new version of what is in force, changed and submitted."""
    cast.act("revise", "steward")
    edit(cast, folder, **changes)
    cast.act("submit", "steward")


def newest(cast: Cast) -> Version:
    with cast.database.read() as session:
        found = session.execute(select(Version).order_by(col(Version.number).desc())).scalars().first()
    assert found is not None
    return found


def awaits(cast: Cast) -> tuple[str | None, str | None]:
    return newest(cast).awaits, newest(cast).awaits_role


def shelf(cast: Cast) -> tuple[str, str | None]:
    with cast.database.read() as session:
        made = session.execute(select(Distribution)).scalars().one()
        return made.state, made.awaits


def version_states(cast: Cast) -> list[str]:
    with cast.database.read() as session:
        return list(session.execute(select(col(Version.state)).order_by(col(Version.number))).scalars())


def added(**more: Any) -> Callable[[Items], Items]:
    return lambda items: [*items, {**items[0], **HARMLESS, **more}]


def without(name: str) -> Callable[[Items], Items]:
    return lambda items: [item for item in items if item["item_name"] != name]


def of_first(**changes: Any) -> Callable[[Items], Items]:
    return lambda items: [{**items[0], **changes}, *items[1:]]


# ---- classes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, "note"),
        ({"contact_name": "李雷", "contact_phone": "0851-28220001"}, "note"),
        ({"provider_division": "登记科", "keywords": ["企业"], "sync_frequency": "每日一次"}, "note"),
        ({"resource_abstract": ABSTRACT.replace("类型", "种类")}, "note"),
        ({"resource_abstract": f"{ABSTRACT}，含注销和吊销日期等"}, "note"),
        ({"resource_abstract": f"{ABSTRACT}，含注销和吊销日期等内容"}, "ordinary"),
        ({"update_cycle": "每周"}, "ordinary"),
        ({"cols": of_first(data_length=300)}, "ordinary"),
        ({"cols": added()}, "ordinary"),
        ({"cols": lambda items: items[::-1]}, "note"),
        ({"cols": added(sensitive_flag="1", pii_class="sensitive")}, "major"),
        ({"cols": added(pii_class="quasi")}, "major"),
        ({"cols": without("经营范围")}, "major"),
        ({"cols": of_first(item_name="主体名称")}, "major"),
        ({"cols": of_first(data_type="M")}, "major"),
        ({"share_type": "2", "share_condition": "办理登记核验时使用", "use_purpose": ["业务协同"]}, "major"),
        ({"open_type": "3", "non_open_reason": "待核"}, "major"),
        ({"data_grade": "g2"}, "major"),
        ({"legal_basis": "企业信息公示暂行条例"}, "major"),
        ({"source_system_id": "新登记系统"}, "major"),
        ({"contact_name": "李雷", "update_cycle": "每周", "data_grade": "g2"}, "major"),
    ],
)
def test_the_heaviest_change_decides_the_class(
    changes: dict[str, Any], asked: str, at: At, tmp_path: Path
) -> None:
    from catalog_specs import load
    from registry.differences import overall_class

    cols = changes.pop("cols", list)
    after = content(**changes)
    after["items"] = cols(after["items"])
    assert overall_class(content(), after, load("zunyi_2020")) == asked


def test_a_first_version_is_major(at: At) -> None:
    cast = at("submitted")
    assert newest(cast).change_class == "major"
    assert awaits(cast) == ("clear", "secrecy_reviewer")


# ---- note -------------------------------------------------------------------------------------------------


def test_a_note_is_in_force_with_the_chiefs_word_and_the_shelf_stays(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, contact_name="李雷")
    assert awaits(cast) == ("endorse", "division_chief")
    done = cast.act("endorse", "division_chief")
    assert (done.before, done.after, done.entry_state, done.awaits) == (
        "submitted",
        "announced",
        "shelved",
        None,
    )
    assert cast.state() == ("shelved", 3, 3)
    assert version_states(cast) == ["superseded", "superseded", "announced"]
    assert shelf(cast) == ("shelved", None)


@pytest.mark.parametrize("role", ["head", "secrecy_reviewer", "auditor"])
def test_a_note_is_the_chiefs_alone(role: str, at: At, tmp_path: Path) -> None:
    cast = at("announced")
    revised(cast, tmp_path, contact_name="李雷")
    move = {"head": "endorse", "secrecy_reviewer": "clear", "auditor": "approve"}[role]
    if role == "secrecy_reviewer":
        assert cast.act(move, role).after == "submitted"  # it may be looked at, it does not put it in force
    else:
        with pytest.raises(MoveRefused):
            cast.act(move, role)
    assert cast.state() == ("announced", 1, 3)


def test_the_auditor_does_not_overtake_the_chief(at: At) -> None:
    """Who sends back takes his signature with him; the head's alone is not enough for the auditor."""
    cast = at("signed")
    cast.act("return", "division_chief", note="再看")
    cast.act("submit", "steward")
    with pytest.raises(MoveRefused) as refused:
        cast.act("approve", "auditor")
    assert [unmet.guard for unmet in refused.value.unmet] == ["chief_consent"]


def test_the_author_of_a_note_does_not_put_it_in_force(at: At, tmp_path: Path) -> None:
    cast = at("announced")
    cast.act("revise", "steward")
    edit(cast, tmp_path, contact_name="李雷", author="division_chief")
    cast.act("submit", "steward")
    with pytest.raises(MuluError, match="须由另一人办理"):
        cast.act("endorse", "division_chief")


def test_many_small_changes_do_not_add_up_to_a_big_one(at: At, tmp_path: Path) -> None:
    """Ten characters at a time would rewrite the abstract past the auditor."""
    cast = at("announced")
    revised(cast, tmp_path, resource_abstract=f"{ABSTRACT}，含注销日期")
    cast.act("endorse", "division_chief")
    revised(cast, tmp_path, resource_abstract=f"{ABSTRACT}，含注销日期和吊销日期、股东")
    assert newest(cast).change_class == "ordinary"
    assert awaits(cast) == ("endorse", "head")
    cast.walk(("endorse", "head"), ("approve", "auditor"), ("announce", "bureau"))
    # now that was approved, and the count begins again
    revised(cast, tmp_path, resource_abstract=f"{ABSTRACT}，含注销日期和吊销日期、股东和高管")
    assert newest(cast).change_class == "note"


def test_small_changes_after_a_signature_add_up_too(at: At, tmp_path: Path) -> None:
    cast = at("signed")
    for more, kept in (("，含注销日期", True), ("，含注销日期和吊销日期、股东", False)):
        cast.act("return", "auditor", note="摘要再改")
        edit(cast, tmp_path, resource_abstract=ABSTRACT + more)
        cast.act("submit", "steward")
        assert (awaits(cast) == ("approve", None)) is kept
    assert awaits(cast) == ("endorse", "division_chief")


# ---- ordinary ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"update_cycle": "实时"}, {"cols": added()}])
def test_an_ordinary_change_needs_head_and_auditor_but_no_secrecy_review(
    changes: dict[str, Any], at: At, tmp_path: Path
) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, **changes)
    assert awaits(cast) == ("endorse", "head")
    with pytest.raises(MoveRefused, match="部门负责人已审核同意"):
        cast.act("approve", "auditor")
    cast.act("endorse", "head")
    assert awaits(cast) == ("approve", None)
    with pytest.raises(Conflict):
        cast.act("announce", "bureau")
    assert cast.act("approve", "auditor").after == "approved"
    cast.act("announce", "bureau")
    assert cast.state() == ("shelved", 3, 3)
    assert shelf(cast) == ("shelved", None)


def test_after_an_ordinary_change_the_review_of_the_data_still_holds(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, cols=added())
    cast.walk(("endorse", "head"), ("approve", "auditor"), ("announce", "bureau"))
    cast.act("suspend", "bureau", note="核查")
    assert cast.act("resume", "bureau", note="已核").after == "shelved"


def test_an_ordinary_change_of_personal_data_needs_no_new_assessment(
    sqlite_database: Any, tmp_path: Path
) -> None:
    from tests.cast import make_cast, register

    cast = make_cast(sqlite_database, tmp_path, content("OK01"))
    cast.record("pia")
    cast.walk(*PATH)
    cast.act("revise", "steward")
    register(cast.database, tmp_path, content("OK01", update_cycle="实时"))
    cast.walk(("submit", "steward"), ("endorse", "head"), ("approve", "auditor"), ("announce", "bureau"))
    assert cast.state() == ("announced", 3, 3)


# ---- major ------------------------------------------------------------------------------------------------


def test_a_major_change_goes_the_whole_path_and_takes_the_data_off_the_shelf(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, data_grade="g2")
    for move, role in PATH[1:]:
        assert shelf(cast) == ("shelved", None)
        assert awaits(cast)[0] == move
        cast.act(move, role)
    assert cast.state() == ("announced", 3, 3)
    assert shelf(cast) == ("suspended", "clear_data")
    with pytest.raises(MoveRefused, match="数据的保密审查"):
        cast.act("resume", "bureau", note="再上架")
    cast.act("clear_data", "secrecy_reviewer")
    assert shelf(cast) == ("suspended", "resume")
    assert cast.act("resume", "bureau", note="已重新审查").entry_state == "shelved"


@pytest.mark.parametrize("stage", ["reviewed", "shelved"])
def test_data_that_waited_off_the_shelf_wait_for_their_review(stage: str, at: At, tmp_path: Path) -> None:
    """Reviewed but not shelved, or suspended by the bureau: the old review speaks of the old content."""
    cast = at(stage)
    if stage == "shelved":
        cast.act("suspend", "bureau", note="核查")
    before = shelf(cast)
    assert before[1] == ("resume" if stage == "shelved" else "shelve")
    revised(cast, tmp_path, data_grade="g2")
    cast.walk(*PATH[1:])
    assert shelf(cast) == (before[0], "clear_data")


def test_an_item_removed_and_brought_back_is_no_change(at: At, tmp_path: Path) -> None:
    cast = at("announced")
    cast.act("revise", "steward")
    edit(cast, tmp_path, cols=without("经营范围"))
    edit(cast, tmp_path, cols=lambda items: [items[2], *items[:2]])
    cast.act("submit", "steward")
    assert newest(cast).change_class == "note"


# ---- signatures after a return ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "following"),
    [
        ({}, ("approve", None)),
        ({"contact_name": "李雷"}, ("approve", None)),
        ({"resource_abstract": f"{ABSTRACT}。"}, ("approve", None)),
        ({"update_cycle": "每周"}, ("endorse", "division_chief")),
        ({"cols": added()}, ("endorse", "division_chief")),
        ({"data_grade": "g2"}, ("clear", "secrecy_reviewer")),
        ({"cols": without("经营范围")}, ("clear", "secrecy_reviewer")),
    ],
)
def test_a_return_keeps_the_signatures_whose_fields_did_not_change(
    changes: dict[str, Any], following: tuple[str, str | None], at: At, tmp_path: Path
) -> None:
    cast = at("approved")
    cast.act("return", "auditor", note="请改")
    edit(cast, tmp_path, **changes)
    cast.act("submit", "steward")
    assert awaits(cast) == following


@pytest.mark.parametrize(
    ("role", "following"),
    [
        ("division_chief", ("endorse", "division_chief")),
        ("head", ("endorse", "head")),
        ("auditor", ("approve", None)),
        ("secrecy_reviewer", ("clear", "secrecy_reviewer")),
    ],
)
def test_who_sends_back_takes_his_own_signature_with_him(
    role: str, following: tuple[str, str | None], at: At
) -> None:
    cast = at("signed")
    cast.act("object" if role == "secrecy_reviewer" else "return", role, note="再看")
    cast.act("submit", "steward")
    assert awaits(cast) == following


def test_an_approval_never_outlives_a_return(at: At) -> None:
    """Nor where another one than the auditor sent it back, and nothing changed."""
    cast = at("approved")
    cast.act("return", "head", note="暂缓")
    cast.act("submit", "steward")
    assert awaits(cast) == ("endorse", "head")
    with pytest.raises(Conflict, match="现在是“已提交”"):
        cast.act("announce", "bureau")
    cast.act("endorse", "head")
    assert awaits(cast) == ("approve", None)


# ---- lives end --------------------------------------------------------------------------------------------


def test_signatures_do_not_live_on_after_an_announcement(at: At, tmp_path: Path) -> None:
    cast = at("announced")
    revised(cast, tmp_path, data_grade="g2")
    cast.walk(*PATH[1:])
    revised(cast, tmp_path)  # back to what was once signed by all
    assert newest(cast).change_class == "major"
    assert awaits(cast) == ("clear", "secrecy_reviewer")


def test_signatures_do_not_live_on_after_stock_was_taken_over(at: At, tmp_path: Path) -> None:
    from registry.export import write_jsonl
    from registry.intake import import_workbook
    from tests.conftest import NOW

    cast = at("signed")
    cast.act("return", "auditor", note="先按省平台")
    path = tmp_path / "stock.jsonl"
    from catalog_specs import load

    write_jsonl([content(data_grade="g2")], path, load("zunyi_2020"))
    with cast.database.write() as session:
        import_workbook(session, path, actor="bureau", now=NOW, mode="existing")
    assert cast.state() == ("announced", 2, 2)
    revised(cast, tmp_path)
    assert awaits(cast) == ("clear", "secrecy_reviewer")


def test_a_version_under_review_starts_anew_when_what_it_changes_is_withdrawn(at: At, tmp_path: Path) -> None:
    """A note on what is in force is a first version when nothing is: one chief would announce it alone."""
    cast = at("announced")
    revised(cast, tmp_path, contact_name="李雷")
    cast.act("withdraw", "bureau", note="职责划转")
    assert cast.state() == ("returned", None, 3)
    with pytest.raises(Conflict, match="现在是“已退回”"):
        cast.act("endorse", "division_chief")
    cast.act("submit", "steward")
    assert newest(cast).change_class == "major"
    assert awaits(cast) == ("clear", "secrecy_reviewer")


def test_a_second_life_is_signed_anew(at: At, tmp_path: Path) -> None:
    cast = at("announced")
    cast.act("withdraw", "head", note="职责划转")
    edit(cast, tmp_path, contact_name="李雷")
    cast.act("submit", "steward")
    assert (newest(cast).change_class, awaits(cast)) == ("major", ("clear", "secrecy_reviewer"))


# ---- revise -----------------------------------------------------------------------------------------------


def test_only_one_version_is_under_way(at: At) -> None:
    cast = at("announced")
    cast.act("revise", "steward")
    with pytest.raises(MoveRefused, match="没有正在办理的新版本"):
        cast.act("revise", "steward")
    assert cast.state() == ("announced", 1, 2)


def test_a_revision_starts_as_what_is_in_force(at: At) -> None:
    cast = at("announced")
    done = cast.act("revise", "steward")
    assert (done.number, done.after, done.awaits) == (2, "announced", "submit")
    with cast.database.read() as session:
        old, new = session.execute(select(Version).order_by(col(Version.number))).scalars().all()
        assert (new.state, new.content, new.digest) == ("draft", old.content, old.digest)
        names = select(col(Item.item_name)).where(col(Item.number) == 2).order_by(col(Item.position))
        assert list(session.execute(names).scalars()) == [i["item_name"] for i in old.content["items"]]


# ---- a service in use -------------------------------------------------------------------------------------

SHARED_LESS = {
    "share_type": "2",
    "share_condition": "办理登记时核验主体状态",
    "use_purpose": ["业务协同"],
    "justification": "涉及商业秘密",
    "open_type": "3",
    "non_open_reason": "商业秘密",
    "license": None,
    "cols": lambda items: [{**item, "share_type": "2", "open_type": "3"} for item in items],
}
NARROWER = [
    ({"cols": without("经营范围")}, "不再提供信息项“经营范围”"),
    ({"open_type": "3", "non_open_reason": "商业秘密", "license": None}, "改为不予开放"),
    (SHARED_LESS, "改为有条件共享"),
    ({"update_cycle": "每周"}, "更新周期由每日改为每周"),
]


def to_announcement(cast: Cast) -> None:
    while (step := awaits(cast)) != ("announce", None):
        cast.act(str(step[0]), step[1] or "auditor")


@pytest.mark.parametrize(("changes", "words"), NARROWER, ids=["item", "open", "share", "cycle"])
def test_narrowing_a_service_in_use_needs_its_consultation(
    changes: dict[str, Any], words: str, at: At, tmp_path: Path
) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, **changes)
    to_announcement(cast)
    with pytest.raises(MoveRefused, match=words) as refused:
        cast.act("announce", "bureau")
    assert [unmet.guard for unmet in refused.value.unmet] == ["service_consultation"]
    assert "第27条" in refused.value.unmet[0].source
    cast.record("consultation")
    assert cast.act("announce", "bureau").after == "announced"


def test_an_emergency_narrows_at_once_and_is_on_record(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, cols=without("经营范围"))
    to_announcement(cast)
    notice = {"number": "遵数通〔2026〕2号", "date": "2026-11-20"}
    with pytest.raises(MoveRefused, match="协商"):
        cast.act("announce", "bureau", data=notice | {"emergency": " "})
    done = cast.act("announce", "bureau", data=notice | {"emergency": "发现泄露，立即缩减"})
    from registry.models import Opinion

    with cast.database.read() as session:
        assert session.get_one(Opinion, done.opinion_id).data["emergency"] == "发现泄露，立即缩减"


@pytest.mark.parametrize(
    "changes",
    [{"update_cycle": "实时"}, {"cols": added()}, {"data_grade": "g2"}],
)
def test_what_takes_nothing_away_needs_no_consultation(
    changes: dict[str, Any], at: At, tmp_path: Path
) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, **changes)
    to_announcement(cast)
    assert cast.act("announce", "bureau").after == "announced"


def test_what_nobody_uses_yet_is_narrowed_freely(at: At, tmp_path: Path) -> None:
    cast = at("reviewed")
    revised(cast, tmp_path, cols=without("经营范围"))
    to_announcement(cast)
    assert cast.act("announce", "bureau").after == "announced"


def test_a_service_is_in_use_while_it_is_suspended(at: At, tmp_path: Path) -> None:
    """Else suspending it first would spare the consultation."""
    cast = at("shelved")
    cast.act("suspend", "head", note="检修")
    revised(cast, tmp_path, cols=without("经营范围"))
    to_announcement(cast)
    with pytest.raises(MoveRefused, match="不再提供信息项"):
        cast.act("announce", "bureau")


def test_a_consultation_speaks_of_one_change(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, update_cycle="每周")
    cast.record("consultation")
    to_announcement(cast)
    cast.act("announce", "bureau")
    revised(cast, tmp_path, update_cycle="每月")
    to_announcement(cast)
    with pytest.raises(MoveRefused, match="更新周期由每周改为每月"):
        cast.act("announce", "bureau")
