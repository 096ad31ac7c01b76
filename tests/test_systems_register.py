"""Systems entered and edited by their agency, and who sees them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected, Stale
from registry.models import RoleGrant, System
from registry.people import find_person
from registry.system_register import add, count_systems, edit, find_seen, list_systems, tag_of
from tests.agency_cast import (
    CIVIL,
    MARKET,
    POLICE,
    actor,
    by_code,
    deed,
    make_agencies,
    merged,
    named,
)
from tests.cast import add_person
from tests.conftest import NOW

NAME = "低保管理系统"


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


def stored(database: Database, name: str = NAME) -> System:
    with database.read() as session:
        return session.execute(select(System).where(col(System.name) == name)).scalar_one()


def seen(database: Database, login: str) -> set[str]:
    with database.read() as session:
        who = actor(session, login)
        rows = list_systems(session, actor=who)
        assert count_systems(session, actor=who) == len(rows)
        return {owner.code for _system, owner in rows}


def test_a_steward_enters_a_system_of_his_agency(city: Database) -> None:
    deed(city, "steward-c", add, CIVIL, f" {NAME} ", ident="MZ-03", system_class="01")
    made = stored(city)
    assert (made.ident, made.system_class, made.profile, made.life) == (
        "MZ-03",
        "01",
        "zunyi_2020",
        "operating",
    )
    with city.read() as session:
        (event,) = events_of(session, made.id)
    assert (event.act, event.actor) == ("add_system", "steward-c")
    assert event.details == {
        "agency": CIVIL,
        "name": NAME,
        "ident": "MZ-03",
        "class": "01",
        "profile": "zunyi_2020",
    }


@pytest.mark.parametrize("login", ["steward-m", "head-c", "auditor", "bureau", "security_admin"])
def test_nobody_else_enters_or_edits_one(here: Database, login: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        deed(here, login, add, CIVIL, NAME)
    assert refused.value.details["missing_roles"] == ["steward"]
    deed(here, "steward-c", add, CIVIL, NAME)
    with pytest.raises((NotAllowed, NotFound)):
        deed(here, login, edit, stored(here).id, {"ident": "X"})
    assert stored(here).ident is None


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"name": "民政业务系统"}, Conflict, "名称“民政业务系统”已有系统使用"),
        ({"name": " "}, Rejected, "名称须有"),
        ({"name": "低保\0系统"}, Rejected, "名称须有"),
        ({"ident": "长" * 51}, Rejected, "编号至多 50"),
        ({"system_class": "09"}, Rejected, "没有系统类别“09”；可用：01 自建自用"),
        ({"agency": "没有这个局"}, NotFound, "没有单位"),
    ],
)
def test_what_will_not_do_is_refused(
    here: Database, given: dict[str, Any], error: type[MuluError], words: str
) -> None:
    values = {"agency": CIVIL, "name": NAME} | given
    with pytest.raises(error, match=words):
        deed(here, "steward-c", add, values.pop("agency"), values.pop("name"), **values)


def test_a_number_is_given_once_in_the_city(here: Database) -> None:
    deed(here, "steward-c", add, CIVIL, NAME, ident="MZ-03")
    with pytest.raises(Conflict, match="编号“MZ-03”已有系统使用"):
        deed(here, "steward-m", add, MARKET, "登记档案系统", ident="MZ-03")


def test_a_system_is_edited(city: Database) -> None:
    deed(city, "steward-c", add, CIVIL, NAME)
    before = stored(city)
    tags = frozenset({tag_of(before)})
    changes = {"name": "救助管理系统", "ident": "MZ-9", "class": "04", "successor": "民政业务系统"}
    deed(city, "steward-c", edit, NAME, changes, seen=tags)
    after = stored(city, "救助管理系统")
    assert (after.id, after.ident, after.system_class) == (before.id, "MZ-9", "04")
    assert after.successor_id == stored(city, "民政业务系统").id
    with pytest.raises(Stale, match="已有变动"):
        deed(city, "steward-c", edit, before.id, {"ident": None}, seen=tags)
    deed(city, "steward-c", edit, before.id, {"ident": None, "successor": None})
    assert (stored(city, "救助管理系统").ident, stored(city, "救助管理系统").successor_id) == (None, None)
    with city.read() as session:
        assert [event.act for event in events_of(session, before.id)] == [
            "add_system",
            "edit_system",
            "edit_system",
        ]


def test_successors_run_in_no_circle(here: Database) -> None:
    deed(here, "steward-c", add, CIVIL, NAME)
    deed(here, "steward-c", edit, NAME, {"successor": "民政业务系统"})
    with pytest.raises(Rejected, match="不能互为后继"):
        deed(here, "steward-c", edit, "民政业务系统", {"successor": NAME})
    with pytest.raises(Rejected, match="不能互为后继"):
        deed(here, "steward-c", edit, NAME, {"successor": NAME})


def test_the_life_of_a_system_is_not_changed_here(here: Database) -> None:
    with pytest.raises(Rejected, match="不能改“life”"):
        deed(here, "steward-c", edit, "民政业务系统", {"life": "stopped"})


def test_a_closed_agency_gets_no_system(here: Database) -> None:
    merged(here, [CIVIL], MARKET)
    with here.write() as session:
        # one that the merger did not know of
        closed, person = by_code(session, CIVIL), find_person(session, "steward-c")
        values = {"granted_by": "test", "granted_at": NOW}
        session.add(RoleGrant(id="g1", person_id=person.id, role="steward", agency_id=closed.id, **values))
    with pytest.raises(NotAllowed, match="本角色范围内"):
        deed(here, "steward-c", add, CIVIL, NAME)
    deed(here, "steward-c", add, MARKET, NAME)
    assert stored(here).agency_id == named(here, MARKET).id


def test_who_sees_which_systems(city: Database) -> None:
    with city.write() as session:
        police = by_code(session, POLICE)
        system = session.execute(select(System).where(col(System.agency_id) == police.id)).scalars().first()
        assert system is not None
        for login, role in (("builder", "contractor"), ("county", "county_auditor"), ("logs", "log_auditor")):
            add_person(session, login, role, police, system)
    everybody = {CIVIL, MARKET, POLICE}
    assert seen(city, "steward-c") == {CIVIL}
    assert seen(city, "bureau") == seen(city, "auditor") == seen(city, "county") == everybody
    assert seen(city, "builder") == {POLICE}
    assert seen(city, "logs") == set()
    with city.read() as session, pytest.raises(NotFound, match="看不到"):
        find_seen(session, "民政业务系统", actor=actor(session, "steward-p"))


def test_one_of_several_names_is_asked_for_by_key(here: Database) -> None:
    deed(here, "steward-c", add, CIVIL, NAME)
    deed(here, "steward-m", add, MARKET, NAME)
    with here.read() as session:
        with pytest.raises(Conflict, match="有 2 个；写内部编号"):
            find_seen(session, NAME, actor=None)
        assert find_seen(session, NAME, actor=actor(session, "steward-c"))[1].code == CIVIL
