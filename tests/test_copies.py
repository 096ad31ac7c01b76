"""Data copies: entered with what identifies them, edited, taken back, and brought in as a list."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select, update
from sqlmodel import col

from registry import copies
from registry.audit import events_of
from registry.copies import Verdict, import_rows, list_copies
from registry.copy_sheets import read_rows, write_template
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected, Stale
from registry.listed_rows import ListedRow
from registry.models import DataCopy, ShareGrant, SyncTarget, System, Version
from registry.system_register import edit
from tests.agency_cast import CIVIL, MARKET, actor, by_code, deed, make_agencies, merged
from tests.conftest import NOW
from tests.requests_cast import make_desk

NAME = "民政业务系统"
DISK = {"medium": "hdd", "ids": {"serial_no": "WD-1"}}


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


def add(database: Database, kind: str, name: str, login: str = "steward-c", **more: Any) -> DataCopy:
    with database.write() as session:
        system = session.execute(select(System).where(col(System.name) == NAME)).scalar_one()
        given = {**more, "actor": actor(session, login), "now": NOW}
        made = copies.add(session, system, kind, name, **given)
        session.refresh(made)
        session.expunge(made)
        return made


def take_in(database: Database, rows: list[ListedRow]) -> list[Verdict]:
    with database.write() as session:
        system = session.execute(select(System).where(col(System.name) == NAME)).scalar_one()
        return import_rows(session, system, rows, actor=actor(session, "steward-c"), now=NOW)


def listed(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as session:
        return [(copy.kind, copy.name, copy.state) for copy in list_copies(session)]


def put_state(database: Database, copy: DataCopy, state: str) -> None:
    with database.write() as session:
        session.get_one(DataCopy, copy.id).state = state


# ---- entered ----------------------------------------------------------------------------------------------


def test_a_steward_enters_a_copy_with_its_serial_number(city: Database) -> None:
    made = add(city, "primary", " 主库磁盘 ", holder="信息中心", data_grade="一般数据3级", **DISK)
    with city.read() as session:
        kept = session.get_one(DataCopy, made.id)
        (event,) = events_of(session, made.id)
        assert kept.agency_id == by_code(session, CIVIL).id
    assert (kept.name, kept.medium, kept.serial_no, kept.data_grade) == ("主库磁盘", "hdd", "WD-1", "g3")
    assert (kept.state, kept.ids, kept.lock) == ("in_use", {"serial_no": "WD-1"}, 1)
    assert (event.act, event.details["serial_no"]) == ("add_copy", "WD-1")


@pytest.mark.parametrize("login", ["steward-m", "head-c", "bureau", "auditor"])
def test_nobody_else_enters_one(here: Database, login: str) -> None:
    with pytest.raises(NotAllowed):
        add(here, "primary", "主库磁盘", login, **DISK)
    assert listed(here) == []


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("primary", {}, "没有写明序列号或卷、存储桶或快照标识"),
        ("primary", {"medium": "cloud", "ids": {"serial_no": "WD-1"}}, "没有写明卷、存储桶或快照标识"),
        ("primary", {"medium": "ssd", "ids": {"storage_ids": ["v-1"]}}, "没有写明序列号，"),
        ("cloud_disk", {"ids": {"contract_no": "HT-1"}}, "没有写明卷、存储桶或快照标识"),
        ("cloud_disk", {"medium": "hdd", "ids": {"storage_ids": "v-1"}}, "“机械硬盘”不是云盘可用的介质"),
        ("contractor_copy", {}, "合同编号或序列号或卷"),
        ("portal", {}, "门户副本须写明同步目标"),
        ("portal", {"target": "没有这个"}, "门户副本须写明同步目标"),
        ("primary", DISK | {"data_grade": "secret"}, "“涉密数据”不在本登记范围.*保密行政管理部门"),
        ("primary", DISK | {"data_grade": "g9"}, "最高数据级别：没有“g9”"),
        ("primary", DISK | {"medium": "floppy"}, "介质类型：没有“floppy”；可用：hdd 机械硬盘"),
        ("attic", DISK, "副本种类：没有“attic”"),
        ("primary", DISK | {"ids": {"serial_no": "长" * 101}}, "序列号：至多 100 字"),
        ("primary", DISK | {"ids": {"colour": "red"}}, "不能写“colour”"),
        (
            "primary",
            DISK | {"ids": {"serial_no": "A", "backup_expiry": "明天"}},
            "备份到期日期：“明天”不是日期",
        ),
    ],
)
def test_what_will_not_do_is_refused(here: Database, kind: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        add(here, kind, "某处", **more)
    assert listed(here) == []


def test_everything_wrong_is_said_at_once(here: Database) -> None:
    with pytest.raises(Rejected) as refused:
        add(here, "cloud_disk", "云盘", medium="paper", data_grade="core")
    said = [row["message"] for row in refused.value.details["errors"]]
    assert [text[:6] for text in said] == ["没有写明卷、", "“纸质”不是", "“核心数据”"]


def test_the_same_place_is_entered_once(here: Database) -> None:
    add(here, "primary", "主库磁盘", **DISK)
    with pytest.raises(Conflict, match="已登记过主库“主库磁盘”"):
        add(here, "primary", "主库磁盘", ids={"serial_no": "WD-2"})
    add(here, "backup", "主库磁盘", **DISK)
    assert [kind for kind, _name, _state in listed(here)] == ["primary", "backup"]


def test_a_portal_copy_names_a_target_that_is_there(here: Database) -> None:
    with here.write() as session:
        values = {
            "kind": "ckan",
            "mode": "push",
            "scope": "open",
            "files": "link",
            "url": "https://p.example",
        }
        known = {name: values.get(name, "") for name in SyncTarget.model_fields if name in values}
        session.add(SyncTarget(id="t1", name="开放门户", created_at=NOW, created_by="x", **known))
    made = add(here, "portal", "开放门户数据集", target="开放门户")
    with here.read() as session:
        assert copies.warnings_of(session, session.get_one(DataCopy, made.id)) == ()


def test_a_contractor_s_copy_takes_over_the_contract(here: Database) -> None:
    deed(here, "steward-c", edit, NAME, {"contractor": "云上贵州公司", "contract_no": "HT-2026-7"})
    made = add(here, "contractor_copy", "开发环境")
    assert (made.holder, made.ids) == ("云上贵州公司", {"contract_no": "HT-2026-7"})
    other = add(here, "contractor_copy", "移动硬盘", holder="某公司", ids={"serial_no": "S-1"}, medium="hdd")
    assert (other.holder, other.ids) == ("某公司", {"serial_no": "S-1"})


def test_an_external_system_has_no_copies(here: Database) -> None:
    deed(here, "steward-c", edit, NAME, {"class": "03"})
    with pytest.raises(Rejected, match=r"外部系统：不适用验收、义务和清除.*第24条"):
        add(here, "primary", "主库磁盘", **DISK)


def test_a_system_with_copies_does_not_become_external(here: Database) -> None:
    made = add(here, "primary", "主库磁盘", **DISK)
    with pytest.raises(Conflict, match="还有 1 处数据副本没有处置，不能改为外部系统"):
        deed(here, "steward-c", edit, NAME, {"class": "02"})
    put_state(here, made, "certified")
    deed(here, "steward-c", edit, NAME, {"class": "02"})


# ---- the grade --------------------------------------------------------------------------------------------


def test_the_highest_grade_of_the_entries_in_force_is_taken(at: Callable[[str], Any]) -> None:
    cast = at("announced")
    with cast.database.write() as session:
        system = session.execute(select(System)).scalars().one()
        who = cast.actor("steward", session)
        grade = copies.highest_grade(session, system)
        assert grade is not None
        made = copies.add(session, system, "primary", "主库", **DISK, actor=who, now=cast.now)
        assert (made.data_grade, copies.warnings_of(session, made)) == (grade, ())


def test_a_lower_grade_is_told(at: Callable[[str], Any]) -> None:
    cast = at("announced")
    with cast.database.write() as session:
        system = session.execute(select(System)).scalars().one()
        session.execute(update(Version).values(data_grade="g3"))
        who, low = cast.actor("steward", session), {"data_grade": "g1"}
        made = copies.add(session, system, "primary", "主库", **DISK, **low, actor=who, now=cast.now)
        (told,) = copies.warnings_of(session, made)
    assert "级别“一般数据1级”低于本系统已通告目录的最高级别" in told


def test_no_grade_is_told(here: Database) -> None:
    made = add(here, "primary", "主库磁盘", **DISK)
    with here.read() as session:
        (told,) = copies.warnings_of(session, session.get_one(DataCopy, made.id))
    assert made.data_grade is None
    assert "没有写明最高数据级别" in told


# ---- edited and taken back --------------------------------------------------------------------------------


def test_a_copy_is_edited(city: Database) -> None:
    made = add(city, "primary", "主库磁盘", **DISK)
    changes = {"serial_no": "WD-2", "property_no": "ZC-1", "data_grade": "g4"}
    deed(city, "steward-c", copies.edit, made.id, changes, lock=1)
    with city.read() as session:
        kept = session.get_one(DataCopy, made.id)
        events = [(event.act, event.details) for event in events_of(session, made.id)]
    assert (kept.serial_no, kept.ids["property_no"], kept.data_grade, kept.lock) == ("WD-2", "ZC-1", "g4", 2)
    assert events[1][0] == "edit_copy"
    assert events[1][1]["serial_no"] == ["WD-1", "WD-2"]
    with pytest.raises(Stale, match="已有变动"):
        deed(city, "steward-c", copies.edit, made.id, {"note": "x"}, lock=1)
    with pytest.raises(Rejected, match="没有写明序列号"):
        deed(city, "steward-c", copies.edit, made.id, {"serial_no": ""})


def test_what_was_wiped_is_not_edited(here: Database) -> None:
    made = add(here, "primary", "主库磁盘", **DISK)
    put_state(here, made, "certified")
    with pytest.raises(Conflict, match="已出证明，不能再改"):
        deed(here, "steward-c", copies.edit, made.id, {"serial_no": "WD-2"})


def test_a_copy_entered_by_mistake_is_taken_back(city: Database) -> None:
    made = add(city, "primary", "主库磁盘", **DISK)
    with pytest.raises(Rejected, match="须写明理由"):
        deed(city, "steward-c", copies.remove, made.id, why=" ")
    deed(city, "steward-c", copies.remove, made.id, why="登记到别的系统了")
    assert listed(city) == []
    with city.read() as session:
        last = events_of(session, made.id)[-1]
    assert (last.act, last.details["why"], last.details["serial_no"]) == (
        "remove_copy",
        "登记到别的系统了",
        "WD-1",
    )
    with pytest.raises(NotFound):
        deed(city, "steward-c", copies.remove, made.id, why="x")


@pytest.mark.parametrize("state", ["planned", "frozen", "disposed", "wiped", "certified", "gone"])
def test_a_copy_that_a_case_holds_is_not_taken_back(here: Database, state: str) -> None:
    made = add(here, "primary", "主库磁盘", **DISK)
    put_state(here, made, state)
    with pytest.raises(Conflict, match="不能删除"):
        deed(here, "steward-c", copies.remove, made.id, why="x")


@pytest.mark.parametrize("act", [copies.edit, copies.remove])
def test_another_agency_does_not_touch_it(here: Database, act: Callable[..., Any]) -> None:
    made = add(here, "primary", "主库磁盘", **DISK)
    more: dict[str, Any] = {"why": "x"} if act is copies.remove else {}
    given = () if more else ({"note": "x"},)
    with pytest.raises(NotFound):
        deed(here, "steward-m", act, made.id, *given, **more)


def test_copies_go_with_their_system_to_another_agency(city: Database) -> None:
    made = add(city, "primary", "主库磁盘", **DISK)
    merged(city, [CIVIL], MARKET)
    with city.read() as session:
        assert session.get_one(DataCopy, made.id).agency_id == by_code(session, MARKET).id
    with pytest.raises(NotFound):
        deed(city, "steward-p", copies.edit, made.id, {"note": "x"})
    deed(city, "steward-m", copies.edit, made.id, {"note": "x"})


# ---- many -------------------------------------------------------------------------------------------------


def test_a_list_is_taken_in_whole(city: Database) -> None:
    rows = [
        ListedRow(2, {"kind": "主库", "name": "甲", "serial_no": "A", "data_grade": "4级"}),
        ListedRow(3, {"kind": "cloud_disk", "name": "乙", "storage_ids": "v-1；v-2"}),
    ]
    verdicts = take_in(city, rows)
    assert [(one.row, one.name, bool(one.copy_id), one.errors) for one in verdicts] == [
        (2, "甲", True, ()),
        (3, "乙", True, ()),
    ]
    assert "没有写明最高数据级别" in verdicts[1].warnings[0]
    with city.read() as session:
        first, second = list_copies(session)
    assert (first.data_grade, second.ids) == ("g4", {"storage_ids": ["v-1", "v-2"]})


def test_one_wrong_row_keeps_all_out(city: Database) -> None:
    rows = [
        ListedRow(2, {"kind": "主库", "name": "甲", "serial_no": "A"}),
        ListedRow(3, {"kind": "阁楼", "name": "乙"}),
        ListedRow(4, {"kind": "主库", "name": "甲", "serial_no": "B"}),
        ListedRow(5, {"kind": "备份", "name": "丙"}),
    ]
    said = [(one.row, one.copy_id, [text[:8] for text in one.errors]) for one in take_in(city, rows)]
    assert said == [
        (2, None, []),
        (3, None, ["副本种类：没有“"]),
        (4, None, ["与第 2 行重复"]),
        (5, None, ["没有写明序列号或"]),
    ]
    assert listed(city) == []


def test_an_empty_list_is_refused(here: Database) -> None:
    with pytest.raises(Rejected, match="没有数据行"):
        take_in(here, [])


def test_without_a_system_a_row_names_its_grant(here: Database) -> None:
    with here.write() as session:
        rows = [ListedRow(2, {"kind": "backup", "name": "甲", "serial_no": "A"})]
        rows.append(ListedRow(3, {"kind": "backup", "name": "乙", "serial_no": "B", "grant": "没有"}))
        found = import_rows(session, None, rows, actor=actor(session, "steward-c"), now=NOW)
    assert "须属于一个系统，或写明共享授权编号" in found[0].errors[0]
    assert "没有共享授权“没有”" in found[1].errors[0]


def test_data_got_by_a_grant_lie_with_who_uses_them(database: Database, tmp_path: Path) -> None:
    desk = make_desk(database, tmp_path)
    number = desk.granted()
    with database.write() as session:
        grant = session.execute(select(ShareGrant)).scalar_one()
        with pytest.raises(NotAllowed):
            who = actor(session, "steward-c", desk.now.date())
            copies.add(session, None, "backup", "乙", ids=DISK["ids"], grant_id=number, actor=who, now=NOW)
        who = actor(session, "steward-m", desk.now.date())
        rows = [ListedRow(2, {"kind": "backup", "name": "甲", "serial_no": "A", "grant": number})]
        (verdict,) = import_rows(session, None, rows, actor=who, now=NOW)
        assert verdict.errors == ()
        (made,) = list_copies(session, grant_id=grant.id)
        assert (made.agency_id, made.system_id, made.data_grade) == (grant.requester_id, None, "g4")


# ---- files ------------------------------------------------------------------------------------------------


def test_a_filled_template_is_read_back(here: Database, tmp_path: Path) -> None:
    path = tmp_path / "副本.xlsx"
    write_template(path)
    book = openpyxl.load_workbook(path)
    sheet = book["数据副本"]
    heads = [str(cell.value) for cell in sheet[1]]
    assert heads[:2] == ["副本种类*", "名称*"]
    assert len(sheet.data_validations.dataValidation) == 3
    for head, value in (
        ("副本种类*", "主库"),
        ("名称*", "甲"),
        ("序列号", 12345),
        ("最高数据级别", "重要数据"),
    ):
        sheet.cell(4, heads.index(head) + 1, value)
    book.save(path)
    rows = read_rows(path)
    given = {"kind": "主库", "name": "甲", "serial_no": "12345", "data_grade": "重要数据"}
    assert rows == [ListedRow(4, given)]
    assert [one.errors for one in take_in(here, rows)] == [()]


def test_the_template_offers_nothing_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    write_template(path)
    texts = {str(cell.value) for row in openpyxl.load_workbook(path)["_字典"] for cell in row if cell.value}
    assert {"主库", "机械硬盘", "重要数据"} <= texts
    assert not texts & {"涉密数据", "核心数据"}


def test_csv_and_json_lines_are_read(tmp_path: Path) -> None:
    table, lines = tmp_path / "副本.csv", tmp_path / "副本.jsonl"
    table.write_text("种类,名称,SERIAL_NO\n主库,甲,A-1\n,,\n备份,乙,A-2\n", "utf-8-sig")
    lines.write_text(json.dumps({"kind": "backup", "名称": "乙", "storage_ids": ["v-1"]}) + "\n[]\n", "utf-8")
    assert [(row.row, row.values["name"]) for row in read_rows(table)] == [(2, "甲"), (4, "乙")]
    first, second = read_rows(lines)
    assert first.values == {"kind": "backup", "name": "乙", "storage_ids": ["v-1"]}
    assert "不是 JSON 对象" in second.errors[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("种类,名称,颜色\n主库,甲,红\n", "第 C 列“颜色”不认识"),
        ("种类,名称,名称\n主库,甲,乙\n", "第 C 列“名称”重复"),
        ("名称,序列号\n甲,A\n", "没有数据副本表：表头须有副本种类、名称"),
        ("种类,名称,备注\n主库,甲,机密★5年\n", "E125"),
    ],
)
def test_a_list_that_cannot_be_taken_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "副本.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(Rejected, match=words) as refused:
        read_rows(path)
    assert "机密★" not in refused.value.message


def test_a_number_that_lost_digits_is_refused(workbook: Callable[..., Path]) -> None:
    head = ["副本种类", "名称", "序列号"]
    path = workbook(数据副本=[head, ["主库", "甲", 1234567890123456789], ["主库", "乙", "=A1"]])
    first, second = read_rows(path)
    assert first.errors == ("序列号：存成了数字，已经丢位；单元格设为文本后重新填写",)
    assert second.errors == ("序列号：是公式或错误值；改写成文字",)
