"""What a change asks for: a note goes at once, an ordinary change needs head and auditor, a major one the whole path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.differences import overall_class
from registry.errors import Conflict, MuluError
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.lifecycle import MoveRefused
from registry.models import Item, Version
from tests.cast import PATH, Cast, content, make_cast, register
from tests.conftest import NOW
from tests.stages import added, awaits, edit, newest, of_first, revised, shelf, version_states, without

At = Callable[[str], Cast]
ABSTRACT = str(content()["resource_abstract"])


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
    sqlite_database: Database, tmp_path: Path
) -> None:
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
    cast = at("signed")
    cast.act("return", "auditor", note="先按省平台")
    path = tmp_path / "stock.jsonl"
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
