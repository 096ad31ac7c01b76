"""Rows of systems, duties, retirements and wipes that were changed behind the record's back are named."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlmodel import SQLModel, col

from registry.audit import Act, list_events, record
from registry.bound_rows import BOUND, TABLES, row_digest, row_key
from registry.db import Database
from registry.models import (
    DataCopy,
    Entry,
    Rectification,
    RetirementEntry,
    System,
    SystemTable,
    WipeCase,
    WipeRecord,
)
from registry.models.columns import table_of
from registry.reconcile import differences
from tests.cast import Cast, make_cast
from tests.conftest import NOW
from tests.system_rows import add, one_of_each, record_row, the_system


@pytest.fixture
def kept(database: Database, tmp_path: Path) -> Cast:
    """One row of every table, written by one act."""
    cast = make_cast(database, tmp_path)
    with database.write() as session:
        entry_id = session.execute(select(col(Entry.id))).scalar_one()
        add(session, one_of_each(session, entry_id=entry_id))
        record(session, [Act("set_up", "w1", {"why": "测试"})], actor="steward", now=NOW)
    return cast


def told(cast: Cast) -> list[str]:
    with cast.database.read() as session:
        return list(differences(session))


def act(cast: Cast, *rows: SQLModel) -> None:
    with cast.database.write() as session:
        add(session, rows)
        record(session, [Act("more", "w1", {})], actor="steward", now=NOW)


def behind(cast: Cast, model: type[SQLModel], **values: Any) -> None:
    """Change a table past the record, as someone with a database client does."""
    with cast.database.engine.begin() as connection:
        connection.execute(update(table_of(model)).values(**values))


def test_what_every_act_wrote_agrees_with_the_record(kept: Cast) -> None:
    assert told(kept) == []


def test_the_last_act_of_a_deed_takes_the_digests_of_all_rows_with_it(kept: Cast) -> None:
    with kept.database.read() as session:
        details = list_events(session, act="set_up")[0].details
        assert details is not None
        bound = details[BOUND]
        assert sorted(bound) == sorted(TABLES)
        row = session.get_one(WipeCase, "w1")
        assert bound["wipe_case"] == {"w1": row_digest(row)}
        entry = session.execute(select(RetirementEntry)).scalar_one()
    assert list(bound["retirement_entry"]) == [row_key(entry)] == [f"x1.{entry.entry_id}"]


def test_a_digest_changes_with_every_column(kept: Cast) -> None:
    with kept.database.read() as session:
        rows = [session.execute(select(model)).scalars().one() for model in TABLES.values()]
        session.expunge_all()
    for row in rows:
        for column in table_of(type(row)).columns:
            before, value = row_digest(row), getattr(row, column.name)
            setattr(row, column.name, "改" if value != "改" else "")
            assert (row_digest(row) == before) is (column.name == "lock"), (
                f"{column.table.name}.{column.name}"
            )
            setattr(row, column.name, value)


def test_an_edit_of_any_table_is_named(kept: Cast) -> None:
    for model in TABLES.values():
        texts = [
            c
            for c in table_of(model).columns
            if "VARCHAR" in str(c.type) and not (c.primary_key or c.foreign_keys)
        ]
        behind(kept, model, **{texts[-1].name: "改"})
    assert sum("与审计记录不符（最后由 steward 办理）" in line for line in told(kept)) == len(TABLES)


def test_rows_are_named_by_their_number(kept: Cast) -> None:
    behind(kept, WipeRecord, method="clear")
    behind(kept, Rectification, words="已整改")
    behind(kept, DataCopy, state="certified")
    with kept.database.read() as session:
        name = the_system(session).name
    assert told(kept) == [
        f"数据副本 {name}（d1） 与审计记录不符（最后由 steward 办理）",
        "整改通知 ZG-2026-0001 与审计记录不符（最后由 steward 办理）",
        "清除记录 QC-2026-0001 第 1 号（WIPE-520300-2026-00001） 与审计记录不符（最后由 steward 办理）",
    ]


def test_a_row_removed_and_a_row_added_are_named(kept: Cast) -> None:
    with kept.database.write() as session:
        session.execute(delete(SystemTable))
        add(session, [record_row(2, previous=session.get_one(WipeRecord, "y1").digest)])
    gone, added = told(kept)
    assert gone == "系统的表 t1：审计记录里有（最后由 steward 办理），在登记表里不见了"
    assert added == "清除记录 QC-2026-0001 第 2 号 在审计记录里没有"


def test_a_row_that_a_deed_deletes_is_fine_and_its_return_is_not(kept: Cast) -> None:
    with kept.database.write() as session:
        row = session.get_one(SystemTable, "t1")
        again = SystemTable(**row.model_dump())
        session.delete(row)
        record(session, [Act("drop", "t1", {})], actor="steward", now=NOW)
    assert told(kept) == []
    with kept.database.write() as session:
        session.add(again)
    assert "在审计记录里已删除，登记表里还有" in told(kept)[0]


def test_a_broken_chain_of_wipe_records_is_named(kept: Cast) -> None:
    act(kept, record_row(2, previous="0" * 64), record_row(4))
    assert told(kept) == [
        "清除记录 QC-2026-0001 第 2 号：上一记录摘要与第 1 号不符，摘要链断开",
        "清除记录 QC-2026-0001 第 4 号：前面缺第 3 至 3 号",
    ]


def test_a_life_that_no_step_led_to_is_named(kept: Cast) -> None:
    behind(kept, System, life="wiped")
    assert "办理记录为" in told(kept)[0] and "状态是“wiped”" in told(kept)[0]


def test_what_was_rolled_back_is_bound_by_no_act(kept: Cast) -> None:
    with kept.database.write() as session:
        with pytest.raises(RuntimeError, match="given up"), session.begin_nested():
            add(session, [record_row(2)])
            raise RuntimeError("given up")
        record(session, [Act("other", "w1", {})], actor="steward", now=NOW)
    with kept.database.read() as session:
        assert list_events(session, act="other")[0].details == {}
    assert told(kept) == []
