"""Reports on wipes: what is due, systems stopped but not wiped, certificates by year; each as far as one sees it."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from registry.db import Database
from registry.models import (
    Agency,
    DataCopy,
    Retirement,
    RetirementStep,
    System,
    SystemLife,
    WipeCase,
)
from registry.permits import Actor
from registry.wipe_reports import StoppedSystem, WipeDue, stopped_not_wiped, wipes_due
from registry.wipe_years import CertificateReport, certificates_by_year
from tests.cast import Cast, make_cast
from tests.conftest import NOW, TODAY
from tests.system_rows import add, certified, record_row, the_system
from tests.test_cli import mulu

STOPPED = TODAY - timedelta(days=20)


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    """A stopped system with a retirement, a wipe case that is due, and two copies, one of them wiped in vain."""
    found = make_cast(database, tmp_path)
    with database.write() as session:
        stop(session)
    return found


def stop(session: Session) -> None:
    system = the_system(session)
    own: dict[str, Any] = {"system_id": system.id, "agency_id": system.agency_id}
    opened = {"opened_by": "head", "opened_at": NOW, "state": "open"}
    made = {"created_by": "steward", "created_at": NOW, "changed_at": NOW, "case_id": "w1"}
    system.life = "stopped"
    life = {"before": "operating", "after": "stopped", "day": STOPPED, "by": "head", "at": NOW}
    decision = {"decision_no": "遵府停〔2026〕1号", **opened, **own}
    rows = [
        SystemLife(id="l1", system_id=system.id, **life),
        Retirement(id="x1", number="TY-2026-0001", decided_on=STOPPED, **decision),
        WipeCase(
            id="w1", number="QC-2026-0001", kind="retirement", retirement_id="x1", not_before=STOPPED,
            due=TODAY - timedelta(days=5), absent={}, **decision,
        ),
        DataCopy(id="d1", kind="primary", name="主库A", ids={}, state="rejected", **made, **own),
        DataCopy(id="d2", kind="log", name="日志B", ids={}, state="certified", **made, **own),
    ]  # fmt: skip
    add(session, rows)


def who(cast: Cast, session: Session, login: str) -> Actor | None:
    return cast.actor(login, session) if login else None


def due(cast: Cast, login: str = "") -> tuple[WipeDue, ...]:
    with cast.database.read() as session:
        return wipes_due(session, actor=who(cast, session, login), now=NOW)


def stopped(cast: Cast, login: str = "") -> tuple[StoppedSystem, ...]:
    with cast.database.read() as session:
        return stopped_not_wiped(session, actor=who(cast, session, login), now=NOW)


def years(cast: Cast, login: str = "", year: int | None = None) -> CertificateReport:
    with cast.database.read() as session:
        return certificates_by_year(session, actor=who(cast, session, login), year=year)


def change(cast: Cast, model: Any, **values: Any) -> None:
    with cast.database.write() as session:
        session.execute(update(model).values(**values))


# ---- due --------------------------------------------------------------------------------------------------


def test_a_case_that_is_due_says_since_when_and_what_is_left(cast: Cast) -> None:
    (one,) = due(cast)
    assert (one.case, one.kind_zh, one.paper) == ("QC-2026-0001", "系统停用", "遵府停〔2026〕1号")
    assert (one.since, one.days, one.due, one.overdue) == (STOPPED, 20, TODAY - timedelta(days=5), 5)
    assert one.rejected == ("主库A",)
    assert one.left[0] == "主库“主库A”（验证未通过）"
    assert "备份（没有登记，也没有声明不存在）" in one.left and not any("日志" in said for said in one.left)


def test_a_case_without_a_day_runs_from_its_opening(cast: Cast) -> None:
    change(cast, WipeCase, kind="replaced_disk", retirement_id=None, not_before=None, due=None)
    (one,) = due(cast)
    assert (one.since, one.days, one.due, one.overdue) == (TODAY, 0, None, 0)


def test_a_closed_case_is_due_no_more(cast: Cast) -> None:
    change(cast, WipeCase, state="closed")
    assert due(cast) == ()


@pytest.mark.parametrize(
    ("login", "seen"), [("steward", 1), ("bureau", 1), ("contractor", 1), ("system_admin", 0)]
)
def test_everybody_sees_what_is_his(login: str, seen: int, cast: Cast) -> None:
    assert (len(due(cast, login)), len(stopped(cast, login))) == (seen, seen)


def test_another_agency_sees_nothing_of_it(cast: Cast) -> None:
    with cast.database.write() as session:
        system = the_system(session)
        other = Agency(
            **session.get_one(Agency, system.agency_id).model_dump()
            | {"id": "a9", "code": "c9", "number": 99}
        )
        add(session, [other])
    change(cast, WipeCase, agency_id="a9")
    change(cast, System, agency_id="a9")
    assert (due(cast, "head"), stopped(cast, "head"), len(due(cast, "auditor"))) == ((), (), 1)


# ---- stopped ----------------------------------------------------------------------------------------------


def test_a_stopped_system_says_since_when_and_what_is_missing(cast: Cast) -> None:
    (one,) = stopped(cast)
    assert (one.since, one.days, one.retirement, one.copies) == (STOPPED, 20, "TY-2026-0001", 1)
    assert one.missing[0] == "主库“主库A”（验证未通过）"


def test_one_that_was_stopped_without_a_retirement_is_told_so(cast: Cast) -> None:
    change(cast, DataCopy, case_id=None)
    with cast.database.write() as session:
        for model, key in ((WipeCase, "w1"), (Retirement, "x1"), (SystemLife, "l1")):
            session.delete(session.get_one(model, key))
            session.flush()
    (one,) = stopped(cast)
    assert (one.since, one.days, one.retirement) == (None, None, "")
    assert one.missing == (
        "没有停用任务；登记停用批复（mulu retirement open）",
        "主库“主库A”（验证未通过）",
    )


@pytest.mark.parametrize("values", [{"life": "wiped"}, {"life": "operating"}, {"system_class": "02"}])
def test_wiped_operating_and_external_systems_are_not_listed(values: dict[str, str], cast: Cast) -> None:
    change(cast, DataCopy, state="certified")
    change(cast, System, **values)
    assert stopped(cast) == ()


def test_all_copies_with_an_end_leave_the_closing(cast: Cast) -> None:
    change(cast, DataCopy, state="certified")
    kinds = ("backup", "snapshot", "front_end", "exchange_cache", "test_database")
    change(cast, WipeCase, absent=dict.fromkeys((*kinds, "contractor_copy", "cloud_disk", "portal"), "没有"))
    (one,) = stopped(cast)
    assert (one.copies, one.missing) == (0, ("副本均有结果，停用任务 TY-2026-0001 还没有结案",))


# ---- certificates -----------------------------------------------------------------------------------------


def recorded(cast: Cast) -> None:
    """A failed attempt, one that is not verified yet, and one of the year before that was certified."""
    disk = {"media_type": "ssd", "serial_no": "SN-1"}
    with cast.database.write() as session:
        last = certified(1, content=disk)
        last.approved_at = last.recorded_at = NOW.replace(year=2025)
        failed = record_row(2, state="rejected", result="fail", content=disk)
        add(session, [last, failed, record_row(3, content=disk)])


def test_certificates_are_counted_by_year(cast: Cast) -> None:
    recorded(cast)
    first, second = years(cast).tallies
    assert (first.year, first.medium, first.method, first.certificates, first.passed) == (
        2025, "ssd", "purge", 1, 1,
    )  # fmt: skip
    assert (second.year, second.records, second.certificates, second.failed, second.waiting) == (
        2026, 2, 0, 1, 1,
    )  # fmt: skip
    assert [one.year for one in years(cast, year=2025).tallies] == [2025]


def test_a_certificate_says_until_when_it_is_kept(cast: Cast) -> None:
    recorded(cast)
    (one,) = years(cast).certificates
    assert (one.keep_until, one.advised_until) == (date(2028, 11, 21), None)
    with cast.database.write() as session:
        off = {"step": "write_off", "day": TODAY, "by": "steward", "at": NOW, "data": {}}
        add(session, [RetirementStep(id="h9", retirement_id="x1", **off)])
    assert years(cast).certificates[0].advised_until == date(2036, 11, 21)


def test_certificates_of_others_are_not_seen(cast: Cast) -> None:
    recorded(cast)
    assert len(years(cast, "bureau").certificates) == 1
    assert years(cast, "system_admin") == CertificateReport(None, (), ())


# ---- at the console ---------------------------------------------------------------------------------------


def test_the_commands_tell(sqlite_database: Database, tmp_path: Path) -> None:
    cast = make_cast(sqlite_database, tmp_path)
    with sqlite_database.write() as session:
        stop(session)
    recorded(cast)
    sqlite_database.close()
    assert "QC-2026-0001" in mulu("wipe", "due").stdout
    (row,) = json.loads(mulu("wipe", "stopped", "--json", "--as", "steward").stdout)
    assert (row["retirement"], row["since"]) == ("TY-2026-0001", STOPPED.isoformat())
    said = mulu("wipe", "certificates", "--year", "2026").stdout
    assert "固态硬盘" in said and "净化" in said
    found = json.loads(mulu("wipe", "certificates", "--json").stdout)
    assert [one["keep_until"] for one in found["certificates"]] == ["2028-11-21"]
