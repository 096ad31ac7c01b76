"""The overdue ledger: data not updated, shelves owed, what does not bind, and the sums of agencies."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from catalog_specs import load
from registry.db import Database
from registry.errors import NotFound
from registry.models import Agency, Distribution, System, Version
from registry.permits import EVERYTHING, roles_of, sight
from registry.promises import Ledger, Row, overdue_ledger
from tests.cast import PATH, Cast, content, make_cast
from tests.stages import attach, made_of, review_data, shelve

At = Callable[[str], Cast]
AGENCY = "11520300MB1A00052M"


def at_noon(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + timedelta(hours=4)


def ledger(cast: Cast, day: str | None = None, **more: Any) -> Ledger:
    now = at_noon(day) if day else cast.now
    with cast.database.read() as session:
        return overdue_ledger(
            session, now=now, specs=load("zunyi_2020"), sight=more.pop("seen", EVERYTHING), **more
        )


def only(cast: Cast, day: str, **more: Any) -> Row:
    (row,) = ledger(cast, day, **more).rows
    return row


def announced(database: Database, folder: Path, **changes: Any) -> Cast:
    cast = make_cast(database, folder, content(**changes))
    cast.walk(*PATH)
    return cast


# ---- data that are not updated --------------------------------------------------------------------------------


def test_nothing_is_owed_on_the_last_day_of_grace(at: At) -> None:
    assert ledger(at("shelved"), "2026-11-24").rows == ()


def test_stale_data_stand_in_the_ledger_with_rule_days_and_source(at: At) -> None:
    row = only(at("shelved"), "2026-11-27")
    assert (row.kind, row.rule, row.since, row.due) == (
        "data_update",
        "W202",
        date(2026, 11, 21),
        date(2026, 11, 24),
    )
    assert (row.late, row.unit, row.late_zh) == (3, "working_days", "3 个工作日")
    assert row.owed == "每日更新，最近一次更新 2026-11-21，应于 2026-11-23 前更新，宽限到 2026-11-24"
    assert (row.code, row.number, row.agency_code) == ("102024030201/000001", 1, AGENCY)
    assert "第23条" in row.source


def test_daily_data_wait_out_the_holidays(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    cast.now = at_noon("2026-02-13")
    cast.walk(*PATH)
    for step in (attach, review_data, shelve):
        step(cast)
    assert ledger(cast, "2026-02-24").rows == ()
    assert only(cast, "2026-02-25").late == 1
    assert only(cast, "2026-02-28").late == 4


@pytest.mark.parametrize("cycle", ["不再更新", "不定时"])
def test_data_without_a_term_are_never_late(sqlite_database: Database, tmp_path: Path, cycle: str) -> None:
    cast = announced(sqlite_database, tmp_path, update_cycle=cycle)
    for step in (attach, review_data, shelve):
        step(cast)
    assert ledger(cast, "2029-11-27").rows == ()


# ---- shelves that are owed ------------------------------------------------------------------------------------


def test_what_is_not_shelved_owes_its_shelf_ten_working_days_after_the_announcement(at: At) -> None:
    cast = at("announced")
    assert ledger(cast, "2026-12-04").rows == ()
    row = only(cast, "2026-12-07")
    assert (row.kind, row.since, row.due, row.late_zh) == (
        "shelf",
        date(2026, 11, 21),
        date(2026, 12, 4),
        "1 个工作日",
    )
    assert (row.rule, row.message) == ("", "未按承诺上架")


def test_a_day_that_is_promised_goes_before_the_clock(database: Database, tmp_path: Path) -> None:
    cast = announced(database, tmp_path, promised_on="2027-01-15")
    assert ledger(cast, "2027-01-15").rows == ()
    assert only(cast, "2027-01-18").due == date(2027, 1, 15)


def test_what_is_neither_shared_nor_opened_owes_nothing(sqlite_database: Database, tmp_path: Path) -> None:
    cast = announced(sqlite_database, tmp_path)
    with sqlite_database.write() as session:
        session.execute(update(Version).values(share_type="3", open_type="3"))
    assert ledger(cast, "2027-06-01").rows == ()


def test_suspended_data_are_no_debt_and_what_was_taken_off_is_owed_from_then_on(at: At) -> None:
    cast = at("shelved")
    cast.now = at_noon("2027-01-15")
    cast.act("suspend", "head", note="核查", name=made_of(cast, "suspend"))
    assert ledger(cast).rows == ()
    with cast.database.write() as session:
        session.execute(update(Distribution).values(state="off_shelf", ended_at=cast.now, awaits=None))
    row = only(cast, "2027-01-20")
    assert (row.kind, row.due, row.late) == ("shelf", date(2027, 1, 15), 3)


def test_a_draft_and_an_approved_version_owe_nothing(at: At) -> None:
    assert ledger(at("approved"), "2027-06-01").rows == ()


# ---- what does not bind ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("system_class", "excuse"), [("02", "external"), ("03", "external"), ("04", "")])
def test_systems_of_state_and_province_are_shown_and_not_counted(
    at: At, system_class: str, excuse: str
) -> None:
    cast = at("announced")
    with cast.database.write() as session:
        session.execute(update(System).values(system_class=system_class))
    found = ledger(cast, "2026-12-07")
    assert (found.rows[0].excuse, found.total) == (excuse, int(not excuse))
    assert found.rows[0].excuse_zh == ("回流申请（国家、省级系统）" if excuse else "")


@pytest.mark.parametrize(
    ("kind", "counts"), [("党群机关", 0), ("公共企事业单位", 0), ("法律法规授权组织", 1), ("政府部门", 1)]
)
def test_the_clocks_bind_government_departments_and_authorised_organisations(
    at: At, kind: str, counts: int
) -> None:
    cast = at("shelved")
    with cast.database.write() as session:
        session.execute(update(Agency).values(kind=kind))
    found = ledger(cast, "2026-11-27")
    assert (len(found.rows), found.total, found.totals[0].excused) == (1, counts, 1 - counts)


# ---- sums, sight, what others lay in --------------------------------------------------------------------------


def test_the_sums_name_kinds_and_the_longest_delay(at: At) -> None:
    found = ledger(at("shelved"), "2026-11-27")
    (total,) = found.totals
    assert (total.counts, total.total, total.latest_zh) == ({"data_update": 1}, 1, "3 个工作日")
    assert found.kinds == {"data_update": 1, "shelf": 0, "catalogue_update": 0, "request_answer": 0}


def test_one_agency_is_asked_for_by_code_or_name(at: At) -> None:
    cast = at("shelved")
    for named in (AGENCY, "遵义市市场监督管理局"):
        assert ledger(cast, "2026-11-27", agency=named).total == 1
    with pytest.raises(NotFound, match="没有单位"):
        ledger(cast, "2026-11-27", agency="11520300MB1A00079D")


def test_everybody_who_reads_the_catalogue_sees_what_is_owed(at: At) -> None:
    cast = at("shelved")
    with cast.database.read() as session:
        theirs = sight(cast.actor("log_auditor", session), roles_of(load()))
    assert ledger(cast, "2026-11-27", seen=theirs).total == 1
    nobody = replace(theirs, catalogue=False)
    assert ledger(cast, "2026-11-27", seen=nobody).rows == ()


def test_debts_that_others_know_of_are_laid_in_the_latest_first(at: At) -> None:
    cast = at("shelved")
    mine = only(cast, "2026-11-27")
    later = replace(mine, kind="request_answer", late=9, unit="working_days")
    days = replace(mine, kind="request_answer", late=5, unit="days")
    found = ledger(cast, "2026-11-27", more=[days, later])
    assert [(row.kind, row.late) for row in found.rows] == [
        ("request_answer", 9),
        ("request_answer", 5),
        ("data_update", 3),
    ]
    assert found.kinds["request_answer"] == 2


def test_years_whose_holidays_are_not_known_are_told(at: At) -> None:
    assert ledger(at("shelved"), "2026-11-27").warnings == ()
    assert "节假日安排" in ledger(at("shelved"), "2035-11-27").warnings[0]
