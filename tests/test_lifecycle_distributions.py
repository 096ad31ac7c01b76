"""What can be had of an entry: attached, tested, shelved, suspended; only what may leave, in the bytes reviewed."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from catalog_specs import load
from registry.blobs import keep
from registry.db import Database
from registry.errors import Conflict, NotFound, Rejected
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.lifecycle import MoveRefused, perform
from registry.models import Distribution
from registry.stores import FolderStore
from registry.subjects import Subject
from tests.cast import PATH, Cast, content, make_cast
from tests.stages import TABLE, made_of

At = Callable[[str], Cast]
ROWS = "企业名称,统一社会信用代码\n甲公司,91520300MA6DXXXX0A\n".encode()
FILE = {
    "name": "企业登记.csv",
    "form": "2",
    "patterns": ["批量交换"],
    "items": ["企业名称", "统一社会信用代码"],
}


def unmet(cast: Cast, move: str, role: str = "steward", **more: Any) -> dict[str, str]:
    with pytest.raises(MoveRefused) as refused:
        cast.act(move, role, **more)
    return {one.guard: "；".join(one.details) for one in refused.value.unmet}


# ---- attach -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "guard", "words"),
    [
        ({"items": ["企业名称", "法人电话"]}, "items_of_entry", "“法人电话”不在目录的信息项中"),
        ({"items": []}, "items_of_entry", "没有写明提供哪些信息项"),
        ({"form": "9"}, "pattern_form", "没有“9”这种提供形式；可用：1 库表"),
        ({"form": "2"}, "pattern_form", "目录的共享方式类型中没有“文件”"),
        ({"patterns": []}, "pattern_form", "没有写明服务方式"),
        ({"patterns": ["邮寄"]}, "pattern_form", "“邮寄”不能以库表提供"),
        ({"patterns": ["查询"]}, "pattern_form", "“查询”不能以库表提供"),
    ],
)
def test_what_cannot_be_had_is_not_attached(changes: dict[str, Any], guard: str, words: str, at: At) -> None:
    cast = at("announced")
    found = unmet(cast, "attach", data=TABLE | changes)
    assert list(found) == [guard]
    assert words in found[guard]
    with cast.database.read() as session:
        assert session.execute(select(func.count()).select_from(Distribution)).scalar_one() == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": " "}, "name 须为文本"),
        ({"form": 1}, "form 须为文本"),
        ({"items": "企业名称"}, "items 须为文本清单"),
        ({"patterns": [1]}, "patterns 须为文本清单"),
        ({"opened": "yes"}, "opened 须为 true 或 false"),
        ({"sha256": 5}, "sha256 须为文本"),
        ({"sha256": "../../etc/passwd"}, "sha256"),
        ({"name": "长" * 201}, "name"),
        ({"location": "长" * 501}, "location"),
        ({"file_name": "长" * 256}, "file_name"),
    ],
)
def test_malformed_data_are_refused_by_name(changes: dict[str, Any], words: str, at: At) -> None:
    with pytest.raises(Rejected, match="挂接内容有误") as refused:
        at("announced").act("attach", "steward", data=TABLE | changes)
    assert words in refused.value.message


def test_nothing_is_attached_twice_over(at: At) -> None:
    """``attach`` makes something new: named with what stands already it would put that back to the start."""
    cast = at("shelved")
    with pytest.raises(Rejected, match="不是挂接资源"):
        cast.act("attach", "steward", name=made_of(cast, "suspend"), data=TABLE)
    assert cast.state()[0] == "shelved"


def test_a_move_of_the_entry_is_not_made_of_its_distribution(at: At) -> None:
    cast = at("attached")
    with pytest.raises(Rejected, match="“变更（建新版本）”办理的是目录"):
        cast.act("revise", "steward", name=made_of(cast))


def test_of_several_the_one_that_is_meant_must_be_named(at: At) -> None:
    cast = at("attached")
    second = cast.act("attach", "steward", data=TABLE | {"name": "另一库表"}).distribution_id
    with pytest.raises(Conflict, match=r"请写明是哪一个挂接资源：.*企业登记库表.*另一库表"):
        cast.act("clear_data", "secrecy_reviewer")
    assert cast.act("clear_data", "secrecy_reviewer", name=str(second)).distribution_id == second


def test_there_must_be_something_to_be_shelved(at: At) -> None:
    cast = at("announced")
    with pytest.raises(NotFound, match="还没有挂接资源"):
        cast.act("shelve", "steward")
    with cast.database.write() as session:
        subject = cast.subject(session, "revise")
        with pytest.raises(NotFound, match="没有挂接资源“d404”"):
            perform(
                session,
                Subject(subject.entry_id, "d404"),
                "shelve",
                actor=cast.actor("steward", session),
                now=cast.now,
            )


# ---- the shelf --------------------------------------------------------------------------------------------


def test_before_the_announcement_nothing_is_shelved(at: At) -> None:
    cast = at("draft")
    cast.act("attach", "steward", data=TABLE)
    assert unmet(cast, "shelve") == {"version_in_force": "", "data_cleared": "", "provision_tested": ""}
    with pytest.raises(MoveRefused, match="先完成目录通告"):
        cast.act("shelve", "steward")


@pytest.mark.parametrize("form", ["1", "3"])
def test_a_table_or_interface_needs_the_record_of_a_test(form: str, at: At) -> None:
    cast = at("announced")
    made = cast.act(
        "attach", "steward", data=TABLE | {"form": form, "patterns": ["查询" if form == "3" else "批量交换"]}
    )
    cast.act("clear_data", "secrecy_reviewer")
    assert unmet(cast, "shelve") == {"provision_tested": ""}
    cast.record("provision_test", name=str(made.distribution_id))
    assert cast.act("shelve", "steward").after == "shelved"


def test_a_test_of_one_is_not_a_test_of_the_other(at: At) -> None:
    cast = at("reviewed")
    other = cast.act("attach", "steward", data=TABLE | {"name": "另一库表"}).distribution_id
    cast.record("provision_test", name=str(other))
    first = next(key for key in keys(cast) if key != other)
    assert unmet(cast, "shelve", name=first) == {"provision_tested": ""}


def keys(cast: Cast) -> list[str]:
    with cast.database.read() as session:
        return [made.id for made in session.execute(select(Distribution)).scalars()]


def test_from_the_shelf_to_off_the_shelf_and_never_back(at: At) -> None:
    cast = at("shelved")
    made = made_of(cast, "suspend")
    with pytest.raises(Conflict, match="现在是“已上架”，“上架”只能从“待上架”办理"):
        cast.act("shelve", "steward", name=made)
    assert unmet(cast, "suspend", "bureau", name=made) == {"reasons_given": ""}
    cast.act("suspend", "bureau", name=made, note="核查")
    assert unmet(cast, "resume", "bureau", name=made) == {"cause_cured": ""}
    cast.act("resume", "bureau", name=made, note="已更正")
    assert unmet(cast, "off_shelf", "head", name=made) == {"reasons_given": "", "service_consultation": ""}
    cast.record("consultation")
    assert cast.act("off_shelf", "head", name=made, note="停用").after == "off_shelf"
    assert cast.state()[0] == "announced"
    for move, role in (
        ("shelve", "steward"),
        ("resume", "bureau"),
        ("off_shelf", "bureau"),
        ("suspend", "bureau"),
    ):
        with pytest.raises(Conflict, match="现在是“已下架”"):
            cast.act(move, role, name=made, note="再来")


def test_what_was_never_shelved_goes_without_asking(at: At) -> None:
    cast = at("reviewed")
    assert cast.act("off_shelf", "head", note="误挂").after == "off_shelf"


def test_the_entry_shows_shelved_as_long_as_one_is(at: At) -> None:
    cast = at("shelved")
    first = made_of(cast, "suspend")
    second = str(cast.act("attach", "steward", data=TABLE | {"name": "另一库表"}).distribution_id)
    cast.act("clear_data", "secrecy_reviewer", name=second)
    cast.record("provision_test", name=second)
    cast.act("shelve", "steward", name=second)
    assert cast.act("suspend", "bureau", name=first, note="核查").entry_state == "shelved"
    assert cast.act("suspend", "bureau", name=second, note="核查").entry_state == "announced"


# ---- what may leave ---------------------------------------------------------------------------------------


def one_kept(**of_last: str) -> dict[str, Any]:
    row = content()
    row["items"][-1] |= of_last
    return row


def test_an_item_that_is_not_shared_never_leaves(sqlite_database: Database, tmp_path: Path) -> None:
    basis = [
        {"level": "法律", "title": "中华人民共和国反不正当竞争法", "article": "第九条", "text": "商业秘密"}
    ]
    row = one_kept(share_type="3", open_type="3") | {"non_share_basis": basis}
    cast = make_cast(sqlite_database, tmp_path, row)
    found = unmet(cast, "attach", data=TABLE | {"items": ["企业名称", "经营范围"]})
    assert found == {"items_of_entry": "“经营范围”不予共享"}
    found = unmet(cast, "attach", data=TABLE | {"items": ["企业名称", "经营范围"], "opened": True})
    assert found == {"items_of_entry": "“经营范围”不予开放"}


def test_only_the_open_projection_is_opened(sqlite_database: Database, tmp_path: Path) -> None:
    cast = make_cast(sqlite_database, tmp_path, one_kept(open_type="3"))
    cast.walk(*PATH)
    opened = TABLE | {"opened": True}
    assert unmet(cast, "attach", data=opened | {"items": ["经营范围"]}) == {
        "items_of_entry": "“经营范围”不予开放"
    }
    made = str(cast.act("attach", "steward", data=opened).distribution_id)
    cast.act("clear_data", "secrecy_reviewer")
    cast.record("provision_test", name=made)
    assert cast.act("shelve", "steward").entry_state == "shelved"


def test_personal_data_are_not_opened_without_proof(sqlite_database: Database, tmp_path: Path) -> None:
    """No proof can be shown yet, so the gate stays shut."""
    row = content()
    row["items"].append(
        {
            **row["items"][0],
            "item_name": "法定代表人年龄",
            "item_code": "fddbrnl",
            "pii_class": "quasi",
            "sensitive_flag": "1",
            "mask_rule": "泛化",
        }
    )
    row |= {"record_subject": "人", "data_grade": "g2", "justification": "按年龄段开放"}
    cast = make_cast(sqlite_database, tmp_path, row)
    cast.record("pia")
    cast.walk(*PATH)
    data = TABLE | {"opened": True, "items": ["企业名称", "法定代表人年龄"]}
    made = str(cast.act("attach", "steward", data=data).distribution_id)
    cast.act("clear_data", "secrecy_reviewer", data={"conclusion": "share_and_open"})
    cast.record("provision_test", name=made)
    assert "desensitization_proof" in unmet(cast, "shelve")


# ---- files ------------------------------------------------------------------------------------------------


@pytest.fixture
def with_file(sqlite_database: Database, tmp_path: Path) -> tuple[Cast, str, Path]:
    """An announced entry with a stored file, reviewed: the cast, the file's digest and its place."""
    cast = make_cast(sqlite_database, tmp_path, content(share_mode_type=["2"], share_pattern=["批量交换"]))
    cast.walk(*PATH)
    folder = tmp_path / "files"
    with sqlite_database.write() as session:
        sha256 = keep(
            session, BytesIO(ROWS), folder=folder, actor="steward", now=cast.now, most_bytes=10_000
        ).sha256
    cast.act("attach", "steward", data=FILE | {"sha256": sha256, "file_name": "企业登记.csv"})
    cast.act("clear_data", "secrecy_reviewer")
    return cast, sha256, FolderStore(folder).place_of(sha256)


def test_a_file_is_shelved_as_it_was_reviewed(with_file: tuple[Cast, str, Path]) -> None:
    cast, _sha256, _place = with_file
    assert cast.act("shelve", "steward").after == "shelved"


@pytest.mark.parametrize("change", [lambda p: p.write_bytes(ROWS + b"x"), lambda p: p.unlink()])
def test_a_file_changed_on_the_disk_is_refused(
    change: Callable[[Path], Any], with_file: tuple[Cast, str, Path]
) -> None:
    cast, _sha256, place = with_file
    change(place)
    assert unmet(cast, "shelve") == {"same_bytes": "文件与登记的摘要不符", "provision_tested": ""}


def test_a_file_changed_on_the_shelf_does_not_come_back(with_file: tuple[Cast, str, Path]) -> None:
    cast, _sha256, place = with_file
    cast.act("shelve", "steward")
    cast.act("suspend", "bureau", note="核查")
    place.write_bytes(b"other")
    assert unmet(cast, "resume", "bureau", note="已核") == {"same_bytes": "文件与登记的摘要不符"}


def test_without_the_folder_of_files_no_file_counts_as_unchanged(with_file: tuple[Cast, str, Path]) -> None:
    cast, _sha256, _place = with_file
    cast.files = None
    assert "same_bytes" in unmet(cast, "shelve")


@pytest.mark.parametrize(("sha256", "words"), [(None, "没有上传文件"), ("0" * 64, "文件与登记的摘要不符")])
def test_a_file_that_was_never_brought_is_not_shelved(
    sha256: str | None, words: str, sqlite_database: Database, tmp_path: Path
) -> None:
    cast = make_cast(sqlite_database, tmp_path, content(share_mode_type=["2"], share_pattern=["批量交换"]))
    cast.act("attach", "steward", data=FILE | ({"sha256": sha256} if sha256 else {}))
    assert unmet(cast, "shelve")["same_bytes"] == words


def test_stock_taken_over_takes_data_off_the_shelf(database: Database, tmp_path: Path) -> None:
    """What was reviewed for another content does not stay on the shelf."""
    cast = make_cast(database, tmp_path)
    cast.walk(*PATH)
    made = cast.act("attach", "steward", data=TABLE).distribution_id or ""
    cast.act("clear_data", "secrecy_reviewer")
    cast.record("provision_test", name=made)
    cast.act("shelve", "steward")
    path = tmp_path / "存量.jsonl"
    write_jsonl([content(share_scope="全市各级政务部门和区县")], path, load("zunyi_2020"))
    with database.write() as session:
        import_workbook(session, path, actor="bureau", now=cast.now, mode="existing")
    assert cast.state() == ("announced", 2, 2)
    with database.read() as session:
        assert session.get_one(Distribution, made).awaits == "clear_data"
