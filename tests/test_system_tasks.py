"""What waits in duties, rectifications, retirements and wipes: for whom, until when, and for nobody else."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from catalog_specs import load
from registry.db import Database
from registry.models import (
    Agency,
    DataCopy,
    Rectification,
    Retirement,
    RetirementEntry,
    RetirementStep,
    WipeCase,
    WipeRecord,
)
from registry.system_tasks import SystemTask, system_tasks
from registry.web import create_app
from tests.cast import Cast, make_cast
from tests.conftest import NOW, TODAY
from tests.system_rows import add, record_row, the_system
from tests.test_cli import mulu
from tests.test_wipe_reports import stop
from tests.web_people import enter, settings_of


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    """A stopped system under retirement with a wipe case; an order to rectify; one wipe record."""
    return set_up(database, tmp_path)


def set_up(database: Database, folder: Path) -> Cast:
    found = make_cast(database, folder)
    with database.write() as session:
        stop(session)
        system = the_system(session)
        # its year's duties are not asked of an agency that is this young
        session.get_one(Agency, system.agency_id).valid_from = TODAY
        order = Rectification(
            id="z1", number="ZG-2026-0001", trigger="T1", words="未接入共享交换平台", document="遵数改〔2026〕3号",
            day=TODAY, due=TODAY - timedelta(days=2), state="ordered", ordered_by="bureau", ordered_at=NOW,
            system_id=system.id,
        )  # fmt: skip
        add(session, [order, record_row(1)])
    return found


def test_a_contract_that_is_over_leaves_the_contractors_copies_to_be_wiped(cast: Cast) -> None:
    with cast.database.write() as session:
        system = the_system(session)
        system.contract_no, system.contract_until = "HT-2023-09", TODAY - timedelta(days=1)
        made = {"agency_id": system.agency_id, "created_by": "steward", "created_at": NOW, "changed_at": NOW}
        copy = DataCopy(id="d9", kind="contractor_copy", name="测试机", state="in_use", ids={}, **made)
        copy.system_id = system.id
        session.add(copy)
    (task,) = [one for one in waiting(cast, "steward") if one.of == "system"]
    assert (task.number, task.act) == ("HT-2023-09", "contract_end")
    assert "1 处没有列入清除任务" in task.what
    assert [one for one in waiting(cast, "secrecy_reviewer") if one.of == "system"] == []


def waiting(cast: Cast, login: str = "") -> list[SystemTask]:
    with cast.database.read() as session:
        actor = cast.actor(login, session) if login else None
        return list(system_tasks(session, actor, now=NOW, specs=load()))


def kinds(cast: Cast, login: str = "") -> set[tuple[str, str]]:
    return {(task.of, task.act) for task in waiting(cast, login) if task.of != "duty"}


def change(cast: Cast, model: Any, **values: Any) -> None:
    with cast.database.write() as session:
        session.execute(update(model).values(**values))


# ---- rectifications ---------------------------------------------------------------------------------------


def test_an_order_waits_for_the_unit_and_is_late(cast: Cast) -> None:
    (task,) = [task for task in waiting(cast, "steward") if task.of == "rectification"]
    assert (task.act, task.number, task.due, task.overdue) == (
        "report", "ZG-2026-0001", TODAY - timedelta(days=2), 2,
    )  # fmt: skip
    assert (task.overdue_zh, task.path) == ("2 天", "/rectifications/ZG-2026-0001")
    assert ("rectification", "report") not in kinds(cast, "bureau")


def test_a_reported_order_waits_for_the_authority(cast: Cast) -> None:
    change(cast, Rectification, state="reported", reported_by="steward", reported_at=NOW)
    assert ("rectification", "close") in kinds(cast, "bureau")
    assert not {one for one in kinds(cast, "steward") if one[0] == "rectification"}
    change(cast, Rectification, reported_by="bureau")
    assert ("rectification", "close") not in kinds(cast, "bureau")


def test_a_closed_order_waits_for_nobody(cast: Cast) -> None:
    change(cast, Rectification, state="closed")
    assert not {one for one in kinds(cast) if one[0] == "rectification"}


# ---- wipes ------------------------------------------------------------------------------------------------


def test_a_record_waits_for_another_person(cast: Cast) -> None:
    assert ("wipe_record", "verify") not in kinds(cast, "steward")  # he recorded it
    change(cast, WipeRecord, recorded_by="someone")
    assert ("wipe_record", "verify") in kinds(cast, "steward")
    assert ("wipe_record", "verify") not in kinds(cast, "head")


def test_then_for_a_witness_and_for_the_head(cast: Cast) -> None:
    change(cast, WipeRecord, state="verified", verified_at=NOW, verified_by="someone")
    assert ("wipe_record", "witness") in kinds(cast, "division_chief")
    assert ("wipe_record", "witness") not in kinds(cast, "steward")
    change(cast, WipeRecord, witnessed_at=NOW, witnessed_by="division_chief")
    assert ("wipe_record", "approve") in kinds(cast, "head")
    change(cast, WipeRecord, approved_at=NOW, state="certified")
    assert not {one for one in kinds(cast) if one[0] == "wipe_record"}


def test_a_case_waits_while_a_copy_is_not_answered_for(cast: Cast) -> None:
    (task,) = [task for task in waiting(cast, "steward") if task.of == "wipe_case"]
    assert (task.act, task.number, task.overdue) == ("record", "QC-2026-0001", 5)
    assert task.what.startswith("主库“主库A”（验证未通过）；")
    absent = dict.fromkeys((row.key for row in load().retirement.copies), "没有")
    change(cast, WipeCase, absent=absent)
    change(cast, DataCopy, state="certified")
    assert ("wipe_case", "close") in kinds(cast, "head")


# ---- retirements ------------------------------------------------------------------------------------------


def test_a_retirement_waits_for_its_next_step(cast: Cast) -> None:
    def steps(login: str) -> set[str]:
        return {task.act for task in waiting(cast, login) if task.of == "retirement"}

    assert (steps("head"), steps("steward")) == ({"decision"}, set())
    done(cast, "decision")
    assert (steps("steward"), steps("auditor")) == ({"notice"}, set())
    done(cast, "notice")
    assert steps("steward") == {"archive"}


def done(cast: Cast, step: str) -> None:
    with cast.database.write() as session:
        add(session, [RetirementStep(id=f"h{step}", retirement_id="x1", step=step, data={}, by="x", at=NOW)])


def test_entries_without_a_fate_wait_for_the_head(cast: Cast) -> None:
    with cast.database.write() as session:
        entry_id = cast.subject(session, "submit").entry_id
        add(session, [RetirementEntry(retirement_id="x1", entry_id=entry_id)])
    done(cast, "decision")
    done(cast, "notice")
    assert ("retirement", "entries_off") in kinds(cast, "head")
    change(cast, RetirementEntry, done_at=NOW)
    assert ("retirement", "entries_off") not in kinds(cast, "head")


def test_a_closed_retirement_waits_for_nobody(cast: Cast) -> None:
    change(cast, Retirement, state="closed")
    assert not {one for one in kinds(cast) if one[0] == "retirement"}


# ---- duties -----------------------------------------------------------------------------------------------


def test_overdue_duties_of_a_unit_are_one_task(cast: Cast) -> None:
    assert [task for task in waiting(cast, "steward") if task.of == "duty"] == []
    change(cast, Agency, valid_from=None)
    (task,) = [task for task in waiting(cast, "steward") if task.of == "duty" and not task.system]
    assert task.zh.startswith("履行义务 ") and task.overdue > 0 and task.due is not None
    assert task.number.startswith("ZY-")
    assert [task for task in waiting(cast, "contractor") if task.of == "duty"] == []


# ---- whose ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["system_admin", "log_auditor", "sync_robot"])
def test_nothing_of_it_waits_for_others(login: str, cast: Cast) -> None:
    assert waiting(cast, login) == []


def test_another_agency_sees_nothing(cast: Cast) -> None:
    with cast.database.write() as session:
        own = session.get_one(Agency, the_system(session).agency_id)
        add(session, [Agency(**own.model_dump() | {"id": "a9", "code": "c9", "number": 98})])
    change(cast, WipeCase, agency_id="a9")
    change(cast, Retirement, agency_id="a9")
    assert {one[0] for one in kinds(cast, "steward")} == {"rectification"}


def test_the_console_is_told_of_everything_the_latest_first(cast: Cast) -> None:
    assert {task.of for task in waiting(cast)} >= {"rectification", "wipe_record", "wipe_case", "retirement"}
    assert [task.overdue for task in waiting(cast)] == sorted(
        (t.overdue for t in waiting(cast)), reverse=True
    )


# ---- doors ------------------------------------------------------------------------------------------------


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Cast:
    return set_up(sqlite_database, tmp_path)


@pytest.fixture
def client(here: Cast) -> Iterator[TestClient]:
    with TestClient(create_app(settings_of(here.database)), follow_redirects=False) as client:
        yield client


def test_the_queue_shows_them_on_its_page_and_in_the_api(client: TestClient, here: Cast) -> None:
    signed_in = enter(client, here.database, "steward")
    page = signed_in.get("/queue").text
    assert "系统、义务和清除" in page and 'href="/wipes/QC-2026-0001"' in page
    systems = signed_in.get("/api/v1/queue").json()["systems"]
    assert "ZG-2026-0001" in [task["number"] for task in systems]


def test_the_reports_stand_on_a_page_and_in_the_api(client: TestClient, here: Cast) -> None:
    signed_in = enter(client, here.database, "steward")
    page = signed_in.get("/reports/wipes").text
    assert "QC-2026-0001" in page and "停用而未清除的系统" in page
    api = "/api/v1/reports"
    assert signed_in.get(f"{api}/wipes-due").json()["results"][0]["case"] == "QC-2026-0001"
    assert signed_in.get(f"{api}/stopped-not-wiped").json()["results"][0]["retirement"] == "TY-2026-0001"
    assert signed_in.get(f"{api}/wipe-certificates?year=2026").json()["tallies"][0]["waiting"] == 1


def test_the_command_tells_them(here: Cast) -> None:
    here.database.close()
    assert "ZG-2026-0001" in mulu("queue", "--as", "steward").stdout
    found = json.loads(mulu("queue", "--as", "steward", "--json").stdout)["systems"]
    assert {"rectification", "wipe_case"} <= {task["of"] for task in found}
