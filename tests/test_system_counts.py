"""Whether an agency's systems only decrease (S-LPS 6): at the beginning of a year and at its end."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from registry.db import Database
from registry.errors import Rejected
from registry.keys import new_key
from registry.models import System, SystemLife
from registry.system_counts import Count, count_year
from tests.agency_cast import CIVIL, actor, by_code, make_agencies
from tests.conftest import NOW

LAST_YEAR = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    with database.write() as session:
        # what the files brought along is older than what is counted
        for system in session.query(System):
            system.created_at = datetime(2020, 1, 1, tzinfo=UTC)
    return database


def put(
    database: Database, name: str, created: datetime, life: str, *steps: tuple[str, str, date], **more: str
) -> None:
    """A system with its life."""
    with database.write() as session:
        key = new_key("s")
        values = {"profile": "zunyi_2020", "life": steps[-1][1] if steps else life, "created_at": created}
        session.add(System(id=key, agency_id=by_code(session, CIVIL).id, name=name, **values, **more))
        session.flush()
        for number, (before, after, day) in enumerate(steps):
            at = NOW + timedelta(minutes=number)
            step = {"before": before, "after": after, "day": day, "data": {"move": "accept"}}
            session.add(SystemLife(id=new_key("l"), system_id=key, **step, by="x", at=at))


def civil(database: Database, year: int | None = None) -> Count:
    with database.read() as session:
        found = count_year(session, year=year, actor=actor(session, "bureau"), now=NOW)
    return next(row for row in found.rows if row.agency == CIVIL)


def test_nothing_happened(city: Database) -> None:
    found = civil(city)
    assert (found.first, found.last, found.added, found.stopped) == (3, 3, [], [])
    assert found.only_decreased


def test_a_stopped_system_is_named_with_its_day(city: Database) -> None:
    put(city, "旧系统", LAST_YEAR, "operating", ("operating", "stopped", date(2026, 5, 6)))
    found = civil(city)
    assert (found.first, found.last, found.only_decreased) == (4, 3, True)
    assert [(one.name, one.day) for one in found.stopped] == [("旧系统", date(2026, 5, 6))]
    before = civil(city, 2025)
    assert (before.first, before.last, before.only_decreased) == (3, 4, False)
    assert [(one.name, one.day, one.move_zh) for one in before.added] == [
        ("旧系统", date(2025, 3, 1), "登记入册")
    ]


def test_a_system_counts_from_its_acceptance(city: Database) -> None:
    put(city, "新系统", LAST_YEAR, "building", ("building", "accepted", date(2026, 2, 3)))
    found = civil(city)
    assert (found.first, found.last, found.only_decreased) == (3, 4, False)
    assert [(one.name, one.day, one.move) for one in found.added] == [("新系统", date(2026, 2, 3), "accept")]


def test_one_in_and_one_out_is_no_increase(city: Database) -> None:
    put(city, "旧系统", LAST_YEAR, "operating", ("operating", "stopped", date(2026, 5, 6)))
    put(city, "新系统", LAST_YEAR, "building", ("building", "accepted", date(2026, 2, 3)))
    found = civil(city)
    assert (found.first, found.last, found.only_decreased) == (4, 4, True)
    assert (len(found.added), len(found.stopped)) == (1, 1)


def test_what_came_and_went_within_the_year_is_neither(city: Database) -> None:
    steps = (("building", "accepted", date(2026, 2, 3)), ("accepted", "stopped", date(2026, 9, 9)))
    put(city, "短命系统", LAST_YEAR, "building", *steps)
    found = civil(city)
    assert (found.first, found.last, found.added, found.stopped) == (3, 3, [], [])


def test_plans_and_external_systems_do_not_count(city: Database) -> None:
    put(city, "规划", LAST_YEAR, "planned")
    put(city, "省直系统", LAST_YEAR, "operating", system_class="03")
    assert (civil(city).first, civil(city).last) == (3, 3)


def test_the_first_of_january_counts_the_year_before(city: Database) -> None:
    # 00:30 on 1 January 2026 where the register is kept
    put(city, "元旦系统", datetime(2025, 12, 31, 16, 30, tzinfo=UTC), "operating")
    found = civil(city)
    assert (found.first, found.last) == (3, 4)


@pytest.mark.parametrize("year", [2027, 1989, -1])
def test_a_year_that_has_not_begun_is_refused(city: Database, year: int) -> None:
    with pytest.raises(Rejected, match="不能统计；写 1990 至 2026"):
        civil(city, year)


def test_each_sees_the_systems_that_he_sees(city: Database) -> None:
    with city.read() as session:
        found = count_year(session, actor=actor(session, "steward-c"), now=NOW)
        whole = count_year(session, actor=None, now=NOW)
    assert ([row.agency for row in found.rows], len(whole.rows)) == ([CIVIL], 3)
