"""The yearly figures of the evaluation: rates of shelves, openings, updates, promises; changes; stale lists."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from catalog_specs import load
from registry.db import Database
from registry.errors import NotFound, Rejected
from registry.figures import AgencyFigures, Figures, yearly_figures
from registry.models import Agency, Distribution, Entry, System, UpdateSeen, Version
from registry.permits import EVERYTHING
from tests.cast import PATH, Cast, content, make_cast
from tests.stages import attach, review_data, shelve

At = Callable[[str], Cast]
AGENCY = "11520300MB1A00052M"
SPECS = load("zunyi_2020")


def at_noon(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + timedelta(hours=4)


def figures(cast: Cast, day: str, year: int | None = None, **more: Any) -> Figures:
    now = at_noon(day)
    with cast.database.read() as session:
        return yearly_figures(session, year or now.year, now=now, specs=SPECS, sight=EVERYTHING, **more)


def city(cast: Cast, day: str, year: int | None = None) -> AgencyFigures:
    return figures(cast, day, year).city


def shelved_on(database: Database, folder: Path, day: str, **changes: Any) -> Cast:
    """An entry that was announced and shelved on a day."""
    cast = make_cast(database, folder, content(**changes))
    cast.now = at_noon(day)
    cast.walk(*PATH[:-1])
    cast.act("announce", "bureau", data={"number": "遵数通1号", "date": day})
    for step in (attach, review_data, shelve):
        step(cast)
    return cast


def seen(cast: Cast, *days: str) -> None:
    with cast.database.write() as session:
        entry = session.query(Entry).one()
        for day in days:
            moment = at_noon(day)
            row = UpdateSeen(
                id=f"u{day}", entry_id=entry.id, kind="pushed", day=moment.date(), by="t", at=moment
            )
            session.add(row)


def test_shelf_rate_and_open_rate(at: At) -> None:
    before, after = city(at("announced"), "2026-11-23"), city(at("shelved"), "2026-11-23")
    assert (before.announced, before.owing, before.shelved, before.shelf_rate) == (1, 1, 0, 0.0)
    assert (after.shelf_rate, after.open_rate) == (1.0, 1.0)


def test_nothing_announced_has_no_rates(at: At) -> None:
    found = figures(at("approved"), "2026-11-23")
    assert (found.rows, found.city.announced, set(found.city.rates.values())) == ((), 0, {None})


def test_updates_in_time_among_those_that_were_due(database: Database, tmp_path: Path) -> None:
    cast = shelved_on(database, tmp_path, "2026-01-05", update_cycle="每月")
    seen(cast, "2026-02-05", "2026-03-20")
    # due 02-10 (seen 02-05), 03-13 (missed; the next term begins), 04-18 (seen 03-20), 04-25
    found = city(cast, "2026-04-25")
    assert (found.updates_due, found.updates_kept, found.stale_entries) == (3, 2, 0)
    found = city(cast, "2026-04-26")
    assert (found.updates_due, found.updates_kept, found.stale_entries) == (4, 2, 1)


def test_what_is_due_today_is_not_missed_yet(at: At) -> None:
    assert city(at("shelved"), "2026-11-24").updates_due == 0
    found = city(at("shelved"), "2026-11-25")
    assert (found.updates_due, found.update_rate, found.stale_entries) == (1, 0.0, 1)


def test_a_push_before_the_shelf_starts_no_term(database: Database, tmp_path: Path) -> None:
    cast = shelved_on(database, tmp_path, "2026-06-01", update_cycle="每月")
    seen(cast, "2026-01-05")
    assert city(cast, "2026-07-07").updates_due == 0
    assert city(cast, "2026-07-08").updates_due == 1


def test_a_year_that_is_over_is_looked_at_as_of_its_last_day(database: Database, tmp_path: Path) -> None:
    cast = shelved_on(database, tmp_path, "2025-10-09")
    with database.write() as session:
        session.execute(update(Distribution).values(state="off_shelf", ended_at=at_noon("2026-02-02")))
        session.execute(update(Entry).values(state="announced"))
    found = figures(cast, "2026-11-23", 2025)
    assert (found.as_of, found.city.shelf_rate, found.city.stale_entries) == (date(2025, 12, 31), 1.0, 1)
    assert found.city.updates_due > 20
    assert city(cast, "2026-11-23").shelf_rate == 0.0
    assert city(cast, "2026-11-23", 2024).announced == 0


def test_a_version_counts_in_the_years_in_which_it_was_in_force(database: Database, tmp_path: Path) -> None:
    cast = shelved_on(database, tmp_path, "2025-03-03")
    with database.write() as session:
        session.execute(update(Version).values(state="withdrawn", ended_at=at_noon("2026-01-05")))
        session.execute(update(Entry).values(in_force=None, state="withdrawn"))
    assert city(cast, "2026-11-23", 2025).announced == 1
    assert city(cast, "2026-11-23").announced == 0


@pytest.mark.parametrize(
    ("promised", "day", "due", "kept"),
    [
        ("2026-01-15", "2026-01-15", 1, 1),
        ("2026-01-14", "2026-01-15", 1, 0),
        ("2027-01-14", "2026-01-15", 0, 0),
        (None, "2026-01-05", 1, 1),
    ],
)
def test_shelved_by_the_day_that_was_promised(
    sqlite_database: Database, tmp_path: Path, promised: str | None, day: str, due: int, kept: int
) -> None:
    cast = shelved_on(sqlite_database, tmp_path, day, promised_on=promised)
    found = city(cast, "2026-11-23")
    assert (found.promises_due, found.promises_kept) == (due, kept)


def test_systems_of_the_state_owe_no_shelf(at: At) -> None:
    cast = at("announced")
    with cast.database.write() as session:
        session.execute(update(System).values(system_class="02"))
    found = city(cast, "2026-12-23")
    assert (found.announced, found.owing, found.shelf_rate, found.promises_due) == (1, 0, None, 0)


def test_agencies_that_no_clock_binds_have_rates_of_shelves_alone(at: At) -> None:
    cast = at("shelved")
    with cast.database.write() as session:
        session.execute(update(Agency).values(kind="党群机关"))
    found = city(cast, "2026-12-23")
    assert (found.shelf_rate, found.updates_due, found.promises_due) == (1.0, 0, 0)


def test_stale_lists_are_told_by_agency_and_summed(at: At) -> None:
    found = figures(at("shelved"), "2026-11-23", stale={AGENCY: True})
    assert (found.rows[0].list_stale, found.city.lists_stale) == (True, 1)
    assert figures(at("shelved"), "2026-11-23").rows[0].list_stale is None


def test_every_figure_has_its_definition_and_source(at: At) -> None:
    found = {one.key: one for one in figures(at("shelved"), "2026-11-23").definitions}
    assert set(found) >= {*AgencyFigures("", "").rates, "announced", "owing", "changes_late", "stale_entries"}
    assert "第30条" in found["shelf_rate"].source
    assert "期内到期的更新" in found["update_rate"].definition


@pytest.mark.parametrize("year", [2027, 1999])
def test_a_year_that_has_not_begun_is_refused(at: At, year: int) -> None:
    with pytest.raises(Rejected, match="没有 "):
        figures(at("shelved"), "2026-11-23", year)


def test_an_unknown_agency_is_refused(at: At) -> None:
    with pytest.raises(NotFound, match="没有单位"):
        figures(at("shelved"), "2026-11-23", agency="无此单位")
