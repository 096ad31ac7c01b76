"""What differs between two editions: added, removed, changed field by field, with the move that caused it."""

from datetime import timedelta
from pathlib import Path

from registry.db import Database
from registry.editions import document_of
from registry.list_diff import ListDifference, compare_documents
from registry.list_document import ListDocument
from tests.cast import Cast
from tests.conftest import NOW
from tests.list_cast import CIVIL, MARKET, add_heads, announced, list_of, seal, take_in

LATER = NOW + timedelta(days=2)


def compared(
    database: Database, before: ListDocument, after: ListDocument, **between: object
) -> ListDifference:
    with database.read() as session:
        return compare_documents(session, before, after, **between)  # type: ignore[arg-type]


def test_what_came_what_went_and_what_changed_is_named(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK01"), announced("OK02"))
    before = list_of(database, CIVIL)
    take_in(database, tmp_path, announced("OK02", update_cycle="每月"), announced("OK03"), now=LATER)
    found = compared(database, before, list_of(database, CIVIL), since=NOW)
    assert [(one.list_key, one.name) for one in found.of_kind("added")] == [("share", "最低生活保障对象信息")]
    assert [(one.list_key, one.name) for one in found.of_kind("changed")] == [
        ("share", "社会组织法人登记信息"),
        ("open", "社会组织法人登记信息"),
    ]
    assert found.of_kind("removed") == ()


def test_a_change_is_told_field_by_field(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK02"))
    before = list_of(database, CIVIL)
    take_in(database, tmp_path, announced("OK02", update_cycle="每月"), now=LATER)
    (line, _open) = compared(database, before, list_of(database, CIVIL)).lines
    said = {(field.zh, field.before, field.after) for field in line.fields}
    assert said == {
        ("数据更新周期", "每周", "每月"),
        ("版本", "1", "2"),
    }


def test_the_days_and_numbers_that_move_by_themselves_are_no_change(
    database: Database, tmp_path: Path
) -> None:
    take_in(database, tmp_path, announced("OK02"))
    before = list_of(database, CIVIL)
    assert compared(database, before, list_of(database, CIVIL, now=NOW + timedelta(days=35))).is_empty


def test_the_moves_between_the_two_are_the_cause(at) -> None:  # type: ignore[no-untyped-def]
    cast: Cast = at("announced")
    add_heads(cast.database, MARKET)
    edition = seal(cast.database, MARKET, now=cast.now).edition
    cast.now += timedelta(minutes=1)
    cast.record("consultation")
    cast.act("withdraw", "head", note="职责已划出")
    found = compared(
        cast.database, document_of(edition), list_of(cast.database, MARKET), since=edition.sealed_at
    )
    assert [one.list_key for one in found.of_kind("removed")] == ["share", "open"]
    assert [(cause.move, cause.login) for cause in found.lines[0].causes] == [("withdraw", "head")]


def test_the_first_edition_is_compared_with_nothing(at) -> None:  # type: ignore[no-untyped-def]
    cast: Cast = at("announced")
    found = compared(cast.database, ListDocument("", {}, ()), list_of(cast.database, MARKET))
    assert [line.kind for line in found.lines] == ["added", "added"]
    assert [cause.zh for cause in found.lines[0].causes] == ["通告"]


def test_stock_is_a_cause_of_its_own(database: Database, tmp_path: Path) -> None:
    take_in(database, tmp_path, announced("OK01"))
    (line,) = compared(database, ListDocument("", {}, ()), list_of(database, CIVIL)).lines
    assert [cause.zh for cause in line.causes] == ["存量目录导入"]
