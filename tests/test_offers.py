"""What may leave the house: judged anew each time, and held back when anything is not as it was cleared."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from registry.attaching import Sent, attach
from registry.db import Database
from registry.errors import Rejected
from registry.lookup import find_entry
from registry.models import Blob, Distribution, Entry, Opinion, StandingProof, Version
from registry.offers import Offer, offered_ids, offers
from registry.permits import EVERYTHING
from registry.url_stores import store_of
from tests.cast import Cast
from tests.open_data import open_cast, prove, proven, rows, write_csv
from tests.stages import TABLE, made_of, shelve

At = Callable[[str], Cast]
FILE = {
    "name": "企业登记.csv",
    "form": "2",
    "patterns": ["批量交换"],
    "items": ["企业名称", "经营范围"],
    "opened": True,
}


def offer(cast: Cast, scope: str = "open", *, now: datetime | None = None) -> Offer:
    with cast.database.read() as session:
        (entry_id,) = session.execute(select(col(Entry.id))).scalars()
        return offers(session, [entry_id], scope, now=now or cast.now)[entry_id]


def why(cast: Cast, scope: str = "open", **more: Any) -> str:
    """Why the only distribution is held back."""
    found = offer(cast, scope, **more)
    assert not found.shown
    assert found.content == {}
    (kept,) = found.withheld
    return "；".join(kept.reasons)


def change(cast: Cast, table: Any, **values: Any) -> None:
    with cast.database.write() as session:
        session.execute(update(table).values(**values))


def edit(cast: Cast, **values: Any) -> None:
    """The content of the version in force as nobody may change it."""
    with cast.database.read() as session:
        content = session.execute(select(col(Version.content))).scalar_one()
    change(cast, Version, content={**content, **values})


def with_file(cast: Cast, **changes: Any) -> Cast:
    """An opened file of the entry, on the shelf; nothing in it asks for a proof."""
    assert cast.files is not None
    folder = store_of(cast.files)
    with cast.database.write() as session:
        sent = Sent("企业登记.csv", BytesIO("企业名称,经营范围\n甲,乙\n".encode()), folder)
        row = find_entry(session, cast.code, sight=EVERYTHING)
        actor = cast.actor("steward", session)
        attach(session, row, FILE | changes, sent, files=folder, actor=actor, now=cast.now)
    cast.act("clear_data", "secrecy_reviewer")
    cast.act("shelve", "steward")
    return cast


@pytest.fixture
def opened(sqlite_database: Database, tmp_path: Path) -> Cast:
    """A masked file about people, proven and on the shelf."""
    cast = open_cast(sqlite_database, tmp_path)
    proven(cast, tmp_path)
    cast.act("shelve", "steward")
    return cast


# ---- what leaves ------------------------------------------------------------------------------------------


def test_what_is_opened_without_conditions_goes_with_its_bytes(at: At) -> None:
    found = offer(with_file(at("announced")))
    (made,) = found.data
    assert (found.code, found.number, found.withheld, found.until) == ("102024030201/000001", 1, (), None)
    assert [item["item_name"] for item in made.items] == ["企业名称", "经营范围"]
    assert (made.carried, made.size, made.file_name) == (True, 34, "企业登记.csv")
    assert made.sha256 is not None


def test_what_is_opened_under_conditions_goes_without_its_bytes(database: Database, tmp_path: Path) -> None:
    cast = open_cast(database, tmp_path)
    proven(cast, tmp_path)
    cast.act("shelve", "steward")
    found = offer(cast)
    (made,) = found.data
    assert (made.carried, made.sha256, made.size) == (False, None, None)
    assert str(found.until) == "2027-11-21"
    assert found.announced_at is not None
    assert (found.agency_code, found.agency_name) == ("11520300MB1A00052M", "遵义市市场监督管理局")


def test_what_is_not_opened_goes_to_the_exchange_platform_alone(at: At) -> None:
    cast = at("shelved")
    assert offer(cast).data == offer(cast).withheld == ()
    (made,) = offer(cast, "share").data
    assert (made.name, made.carried, made.location) == (TABLE["name"], True, TABLE["location"])
    assert (made.sha256, made.size, made.file_name) == (None, None, None)


def test_items_that_may_not_leave_are_left_out(opened: Cast) -> None:
    change(opened, StandingProof, methods={"公民身份号码": "suppress"})
    (made,) = offer(opened).data
    assert [item["item_name"] for item in made.items] == ["出生年份", "性别", "就诊科室"]


def test_an_offer_is_a_value_that_json_can_hold(opened: Cast) -> None:
    found = json.loads(json.dumps(offer(opened).as_json(), ensure_ascii=False))
    assert (found["until"], found["data"][0]["form"], found["scope"]) == ("2027-11-21", "2", "open")


# ---- what is held back ------------------------------------------------------------------------------------


def test_an_entry_that_does_not_say_whether_it_is_open_stays(at: At) -> None:
    cast = with_file(at("announced"))
    edit(cast, open_type=None)
    assert "开放类型：没有填写，不在“开放”范围内" in why(cast)
    assert "开放类型没有填写" in why(cast)


def test_an_entry_without_a_grade_stays(at: At) -> None:
    cast = with_file(at("announced"))
    edit(cast, data_grade=None)
    assert "已分类分级：E121" in why(cast)


def test_an_entry_that_is_not_opened_any_more_stays(at: At) -> None:
    cast = with_file(at("announced"))
    edit(cast, open_type="3")
    assert "开放类型：不予开放，不在“开放”范围内" in why(cast)


def test_an_entry_without_a_code_stays(at: At) -> None:
    cast = with_file(at("announced"))
    change(cast, Entry, code=None)
    assert "没有资源代码" in why(cast)


def test_a_proof_holds_to_its_last_day_and_no_longer(opened: Cast) -> None:
    last = opened.now.replace(year=2027, month=11, day=21, hour=1)
    assert str(offer(opened, now=last).until) == "2027-11-21"
    assert "脱敏检查证明" in why(opened, now=last + timedelta(days=1))


def test_a_proof_that_nobody_agreed_to_is_none(opened: Cast) -> None:
    change(opened, StandingProof, agreed=None)
    assert "复核" in why(opened)


def test_without_a_review_of_the_data_nothing_leaves(opened: Cast) -> None:
    change(opened, Opinion, move="attach")
    assert "保密审查已通过" in why(opened)


def test_other_bytes_than_those_that_were_checked_stay(opened: Cast) -> None:
    change(opened, Distribution, sha256="0" * 64)
    assert "脱敏检查证明有效" in why(opened)
    assert "保密审查已通过" in why(opened)


def test_a_clean_batch_goes_on_being_offered(opened: Cast, tmp_path: Path) -> None:
    prove(opened, write_csv(tmp_path, rows(size=7), "next.csv"), name=made_of(opened, "suspend"))
    assert offer(opened).shown


def test_an_item_that_the_entry_does_not_have_keeps_it_here(at: At) -> None:
    cast = with_file(at("announced"))
    change(cast, Distribution, items=["企业名称", "法定代表人"])
    assert "“法定代表人”不在目录的信息项中" in why(cast)


def test_erased_bytes_do_not_go_along(at: At) -> None:
    cast = with_file(at("announced"))
    change(cast, Blob, erased_at=cast.now)
    assert [made.carried for made in offer(cast).data] == [False]


@pytest.mark.parametrize(
    "values",
    [{"state": "withdrawn"}, {"state": "retired"}, {"in_force": None}, {"state": "draft"}],
    ids=str,
)
def test_what_is_not_in_force_shows_nothing(values: dict[str, Any], at: At) -> None:
    cast = with_file(at("announced"))
    change(cast, Entry, **values)
    found = offer(cast)
    assert (found.data, found.withheld, found.content, found.number) == ((), (), {}, 0)


def test_an_erased_version_shows_nothing(at: At) -> None:
    cast = with_file(at("announced"))
    change(cast, Version, erased_at=cast.now)
    assert (offer(cast).data, offer(cast).content) == ((), {})


def test_what_is_off_the_shelf_shows_nothing(at: At) -> None:
    cast = with_file(at("announced"))
    cast.act("suspend", "bureau", note="核查")
    assert (offer(cast).data, offer(cast).withheld) == ((), ())


def test_what_cannot_be_judged_is_held_back_and_the_others_are_not(at: At) -> None:
    cast = with_file(at("announced"))
    other = copied(cast, "e2", items=["不是对象"], resource_name=["不是文本"])
    with cast.database.read() as session:
        ids = list(offered_ids(session, "open"))
        found = offers(session, ids, "open", now=cast.now)
    assert other in ids
    assert [found[key].shown for key in ids] == [key != other for key in ids]


def copied(cast: Cast, key: str, **values: Any) -> str:
    """The entry once more under another key, with some fields of its content changed."""
    tables: list[Any] = [Entry, Version, Distribution]
    with cast.database.write() as session:
        for table in tables:
            row = session.execute(select(table)).scalars().first()
            assert row is not None
            copy = {name.key: getattr(row, name.key) for name in table.__table__.columns}
            copy |= {"id": key, "code": None} if table is Entry else {"entry_id": key}
            copy |= {"id": f"d{key}"} if table is Distribution else {}
            copy |= {"content": {**copy["content"], **values}} if table is Version else {}
            session.execute(insert(table), [copy])
    return key


def test_an_unknown_profile_keeps_one_entry_here_and_no_other(at: At) -> None:
    cast = with_file(at("announced"))
    copied(cast, "e2")
    with cast.database.write() as session:
        session.execute(update(Version).where(col(Version.entry_id) == "e2").values(profile="unknown"))
        ids = list(offered_ids(session, "open"))
        found = offers(session, ids, "open", now=cast.now)
    assert [found[key].shown for key in ids] == [key != "e2" for key in ids]
    assert found["e2"].withheld[0].reasons[0].startswith("不能判定能否外发（")


def test_a_database_that_fails_says_nothing_of_an_entry(at: At) -> None:
    cast = with_file(at("announced"))
    with cast.database.write() as session:
        session.connection().exec_driver_sql("DROP TABLE record")
        with pytest.raises(SQLAlchemyError):
            offers(session, list(offered_ids(session, "open")), "open", now=cast.now)


# ---- asked ------------------------------------------------------------------------------------------------


def test_every_key_that_is_asked_has_its_answer(at: At) -> None:
    cast = at("draft")
    with cast.database.read() as session:
        found = offers(session, ["e-none", "e-none"], "open", now=cast.now)
        with pytest.raises(Rejected, match="没有“all”这个范围；可用：open（开放）、share（共享）"):
            offers(session, [], "all", now=cast.now)
    assert list(found) == ["e-none"]
    assert not found["e-none"].shown
    assert offer(cast).data == ()


def test_only_what_may_be_offered_is_listed(at: At) -> None:
    cast = at("shelved")
    with cast.database.read() as session:
        assert list(offered_ids(session, "open")) == []
        assert len(list(offered_ids(session, "share"))) == 1
    cast.act("suspend", "bureau", note="核查")
    with cast.database.read() as session:
        assert list(offered_ids(session, "share")) == []


def test_many_entries_take_as_many_statements_as_one(at: At) -> None:
    cast = at("reviewed")
    shelve(cast)
    counted: list[str] = []

    def count(*args: Any) -> None:
        counted.append(str(args[2]))

    def statements() -> int:
        counted.clear()
        with cast.database.read() as session:
            offers(session, list(offered_ids(session, "share")), "share", now=cast.now)
        return len(counted)

    event.listen(cast.database.engine, "before_cursor_execute", count)
    one = statements()
    for number in range(20):
        copied(cast, f"e{number}")
    assert statements() == one
