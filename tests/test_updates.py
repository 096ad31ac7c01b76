"""Updates of data: until when the next one is due, over holidays and shifted working days, and how they are seen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from catalog_specs import Specs, load
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected
from registry.models import AuditEvent, Distribution, UpdateSeen
from registry.permits import EVERYTHING, roles_of, sight
from registry.updates import Updates, record_update, updates_of
from tests.cast import PATH, Cast, make_cast
from tests.open_data import open_cast, prove, proven, rows, write_csv
from tests.stages import attach, made_of, review_data, shelve
from validators.updating import Due, Terms, Windows, days_late, is_stale, shelf_due, update_due, windows
from validators.workdays import Calendar

PLAIN = Calendar()
DAY = timedelta(days=1)
At = Callable[[str], Cast]


def day(text: str) -> date:
    return date.fromisoformat(text)


def due(specs: Specs, cycle: str, last: str) -> tuple[str, str]:
    found = update_due(cycle, day(last), specs, PLAIN)
    assert found is not None
    return found.due.isoformat(), found.last.isoformat()


# ---- until when ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "end", "grace"),
    [
        ("2025-09-26", "2025-09-28", "2025-09-29"),  # the shifted Sunday before the National Day is worked
        ("2025-09-30", "2025-10-09", "2025-10-10"),  # the eight days of National Day and Mid-Autumn
        ("2025-10-09", "2025-10-10", "2025-10-11"),  # the shifted Saturday after them is worked
        ("2025-01-24", "2025-01-26", "2025-01-27"),  # the shifted Sunday before Spring Festival 2025
        ("2025-04-30", "2025-05-06", "2025-05-07"),  # Labour Day 2025
        ("2026-02-13", "2026-02-14", "2026-02-24"),  # the shifted Saturday, then Spring Festival 2026
        ("2026-02-14", "2026-02-24", "2026-02-25"),
        ("2026-02-27", "2026-02-28", "2026-03-02"),  # the shifted Saturday after it
        ("2026-09-18", "2026-09-20", "2026-09-21"),  # the shifted Sunday before National Day 2026
        ("2026-09-30", "2026-10-08", "2026-10-09"),
        ("2025-12-31", "2026-01-04", "2026-01-05"),  # New Year 2026, whose Sunday is worked
    ],
)
def test_daily_data_are_due_by_working_days(specs: Specs, last: str, end: str, grace: str) -> None:
    assert due(specs, "每日", last) == (end, grace)


@pytest.mark.parametrize(
    ("last", "end", "grace"),
    [("2025-09-30", "2025-10-16", "2025-10-20"), ("2026-02-13", "2026-03-02", "2026-03-04")],
)
def test_weekly_data_are_due_by_working_days(specs: Specs, last: str, end: str, grace: str) -> None:
    assert due(specs, "每周", last) == (end, grace)


@pytest.mark.parametrize(
    ("cycle", "end", "grace"),
    [
        ("实时", "2025-10-01", "2025-10-02"),
        ("每旬", "2025-10-10", "2025-10-13"),
        ("每月", "2025-10-31", "2025-11-05"),
        ("每季度", "2025-12-31", "2026-01-10"),
        ("每年", "2026-10-01", "2026-10-31"),
        ("每五年", "2030-10-01", "2030-11-30"),
    ],
)
def test_other_cycles_are_due_by_days(specs: Specs, cycle: str, end: str, grace: str) -> None:
    assert due(specs, cycle, "2025-09-30") == (end, grace)


@pytest.mark.parametrize("cycle", ["不再更新", "不定时", "其他", "", None, "每分钟"])
def test_a_cycle_without_days_is_never_stale(specs: Specs, cycle: str | None) -> None:
    assert update_due(cycle, day("2001-01-01"), specs, PLAIN) is None
    assert not is_stale(cycle, day("2001-01-01"), day("2026-11-21"), specs, PLAIN)


def test_the_last_day_of_grace_is_in_time_and_the_next_is_not(specs: Specs) -> None:
    assert not is_stale("每日", day("2025-09-30"), day("2025-10-10"), specs, PLAIN)
    assert is_stale("每日", day("2025-09-30"), day("2025-10-11"), specs, PLAIN)


def test_it_is_late_in_the_unit_of_its_cycle(specs: Specs) -> None:
    found = Due(day("2026-02-14"), day("2026-02-24"), "working_days")
    late = [
        days_late(found, day(text), PLAIN)
        for text in ("2026-02-24", "2026-02-25", "2026-02-28", "2026-03-01")
    ]
    assert late == [0, 1, 4, 4]  # Saturday the 28th is worked, Sunday is not
    assert days_late(found._replace(unit="days"), day("2026-03-01"), PLAIN) == 5
    weekend = Due(day("2026-03-05"), day("2026-03-06"), "working_days")
    assert days_late(weekend, day("2026-03-07"), PLAIN) == 1


def test_the_shelf_is_due_as_promised_or_by_the_clock(specs: Specs) -> None:
    assert shelf_due("2026-03-31", day("2026-02-13"), specs, PLAIN) == day("2026-03-31")
    assert shelf_due(None, day("2026-02-13"), specs, PLAIN) == day("2026-03-05")
    assert shelf_due("明年", day("2026-02-13"), specs, PLAIN) == day("2026-03-05")
    assert Terms(specs, PLAIN, day("2026-03-01")).shelf("", day("2026-02-13")) == day("2026-03-05")


# ---- how many were in time ------------------------------------------------------------------------------------


def counted(specs: Specs, cycle: str, since: str, *seen: str, last: str = "2026-12-31") -> Windows:
    terms = Terms(specs, PLAIN, day(last))
    return windows(
        [day(text) for text in seen], cycle, day(since), period=(day("2026-01-01"), day(last)), terms=terms
    )


def test_every_update_starts_the_next_term(specs: Specs) -> None:
    # due 02-05 (seen), 03-13 (seen), 04-15 (missed), 05-21
    found = counted(specs, "每月", "2025-12-31", "2026-02-05", "2026-03-10", last="2026-05-20")
    assert found == Windows(3, 2)


def test_many_updates_within_one_term_count_once(specs: Specs) -> None:
    seen = [f"2026-01-{n:02d}" for n in range(2, 29)]
    assert counted(specs, "每月", "2025-12-31", *seen, last="2026-02-10") == Windows(1, 1)


def test_what_was_missed_before_the_year_is_not_its_debt(specs: Specs) -> None:
    assert counted(specs, "每季度", "2020-01-01", last="2026-04-11") == Windows(0, 0)
    assert counted(specs, "每季度", "2020-01-01", last="2026-04-12") == Windows(1, 0)


def test_no_update_at_all_is_missed_again_and_again(specs: Specs) -> None:
    assert counted(specs, "每月", "2025-12-31") == Windows(10, 0)


def test_daily_data_updated_on_every_working_day_are_always_in_time(specs: Specs) -> None:
    worked = [str(d) for n in range(365) if PLAIN.is_workday(d := day("2026-01-01") + n * DAY)]
    found = counted(specs, "每日", "2025-12-31", *worked)
    assert (found.due, found.kept) == (124, 124)


# ---- recorded -------------------------------------------------------------------------------------------------


@pytest.fixture
def shelved(at: At) -> Cast:
    return at("shelved")


def told(cast: Cast, role: str = "steward", *, token: bool = False, **given: Any) -> Any:
    with cast.database.write() as session:
        actor = cast.actor(role, session)
        if token:
            actor = replace(actor, scopes=frozenset({"edit_draft", "read_catalogue"}))
        seen = sight(actor, roles_of(load("zunyi_2020")))
        usual = {"kind": "reported", "day": cast.now.date(), "note": "日报已入库"}
        name = given.pop("name", cast.code)
        return record_update(session, name, **(usual | given), sight=seen, actor=actor, now=cast.now)


def shown(cast: Cast, role: str | None = None) -> Updates:
    with cast.database.read() as session:
        seen = sight(cast.actor(role, session), roles_of(load("zunyi_2020"))) if role else EVERYTHING
        return updates_of(session, cast.code, sight=seen, now=cast.now, specs=load("zunyi_2020"))


def test_what_was_shelved_first_counts_as_an_update_on_that_day(shelved: Cast) -> None:
    found = shown(shelved)
    assert (found.last, found.due, found.until, found.late) == (
        day("2026-11-21"),
        day("2026-11-23"),
        day("2026-11-24"),
        0,
    )
    assert [(one.kind, one.day, one.counts) for one in found.seen] == [("uploaded", day("2026-11-21"), True)]


def test_stale_data_are_worded_by_their_rule(shelved: Cast, specs: Specs) -> None:
    shelved.now = datetime(2026, 11, 27, 2, tzinfo=UTC)
    found = shown(shelved)
    assert (found.late, found.unit, found.message) == (3, "working_days", specs.rules["W202"].message.zh)


def test_a_report_is_an_update_and_stands_on_the_record(shelved: Cast) -> None:
    shelved.now = datetime(2026, 11, 27, 2, tzinfo=UTC)
    seen = told(shelved, day=day("2026-11-26"), rows=12)
    assert (seen.kind_zh, seen.day, seen.rows) == ("填报", day("2026-11-26"), 12)
    assert (shown(shelved).last, shown(shelved).late) == (day("2026-11-26"), 0)
    with shelved.database.read() as session:
        acts = list(session.execute(select(AuditEvent.act, AuditEvent.actor)))  # type: ignore[call-overload]
    assert tuple(acts[-1]) == ("record_update", "steward")


def test_a_push_needs_a_token_and_a_report_a_note(shelved: Cast) -> None:
    with pytest.raises(NotAllowed, match="令牌"):
        told(shelved, kind="pushed")
    with pytest.raises(Rejected, match="写明更新了什么"):
        told(shelved, note=" ")
    made = made_of(shelved, "suspend")
    seen = told(shelved, kind="pushed", token=True, distribution=made, rows=5, note="")
    assert (seen.kind, seen.distribution, seen.distribution_id) == ("pushed", "企业登记库表", made)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"day": date(2026, 11, 22)}, Rejected, "还没有到"),
        ({"day": date(2026, 11, 19)}, Rejected, "不能早于 2026-11-20"),
        ({"kind": "uploaded"}, Rejected, "不能登记"),
        ({"kind": "nonsense"}, Rejected, "可用"),
        ({"rows": -1}, Rejected, "行数"),
        ({"note": "长" * 501}, Rejected, "至多 500 个字"),
        ({"distribution": "d000"}, NotFound, "没有挂接资源"),
        ({"name": "nobody"}, NotFound, "没有代码或编号"),
    ],
)
def test_what_will_not_do_is_refused(
    shelved: Cast, given: dict[str, Any], error: type[MuluError], words: str
) -> None:
    with pytest.raises(error, match=words):
        told(shelved, **given)


def test_the_day_before_the_announcement_may_be_reported(shelved: Cast) -> None:
    assert told(shelved, day=date(2026, 11, 20)).day == date(2026, 11, 20)


@pytest.mark.parametrize("role", ["head", "bureau", "auditor", "contractor"])
def test_only_the_own_steward_reports(shelved: Cast, role: str) -> None:
    with pytest.raises(NotAllowed, match="数据专员"):
        told(shelved, role)


def test_a_contractor_pushes_for_his_system(shelved: Cast) -> None:
    assert told(shelved, "contractor", kind="pushed", token=True, note="").kind == "pushed"


def test_what_is_not_announced_has_no_updates(at: At) -> None:
    with pytest.raises(Conflict, match="还没有通告"):
        told(at("approved"))


def test_a_distribution_off_the_shelf_is_not_updated(at: At) -> None:
    cast = at("reviewed")
    with pytest.raises(Conflict, match="不在架"):
        told(cast, kind="pushed", token=True, distribution=made_of(cast))


def test_others_see_that_it_was_reported_and_not_what_was_said(shelved: Cast, tmp_path: Path) -> None:
    told(shelved)
    assert [one.note for one in shown(shelved, "steward").seen] == ["日报已入库", ""]
    found = shown(shelved, "log_auditor").seen[0]
    assert (found.kind, found.note, found.by) == ("reported", "", "")


# ---- read off the shelf, on both databases ----------------------------------------------------------------------


def walked(database: Database, folder: Path) -> Cast:
    cast = make_cast(database, folder)
    cast.walk(*PATH)
    for step in (attach, review_data, shelve):
        step(cast)
    return cast


def test_the_latest_of_all_is_the_last_update(database: Database, tmp_path: Path) -> None:
    cast = walked(database, tmp_path)
    cast.now += timedelta(days=30)
    told(cast, day=cast.now.date() - 10 * DAY)
    told(cast, day=cast.now.date() - 20 * DAY)
    with database.write() as session:
        made = session.execute(select(Distribution)).scalars().one()
        for n, kind in enumerate(("reached", "unreachable")):
            session.add(
                UpdateSeen(
                    id=f"u{n}",
                    entry_id=made.entry_id,
                    distribution_id=made.id,
                    kind=kind,
                    day=cast.now.date(),
                    by="system",
                    at=cast.now,
                )
            )
    assert shown(cast).last == cast.now.date() - 10 * DAY
    assert {one.kind for one in shown(cast).seen if not one.counts} == {"reached", "unreachable"}


def test_a_second_table_on_the_shelf_is_no_update(database: Database, tmp_path: Path) -> None:
    cast = walked(database, tmp_path)
    first = cast.now.date()
    cast.now += timedelta(days=9)
    cast.act(
        "attach",
        "steward",
        data={
            "name": "二库",
            "form": "1",
            "patterns": ["批量交换"],
            "items": ["企业名称"],
            "location": "x.t2",
        },
    )
    review_data(cast)
    shelve(cast)
    assert shown(cast).last == first


def test_a_proven_file_that_takes_its_place_is_an_update(database: Database, tmp_path: Path) -> None:
    cast = open_cast(database, tmp_path)
    proven(cast, tmp_path)
    cast.record("provision_test", name=made_of(cast))
    cast.act("shelve", "steward")
    cast.now += timedelta(days=40)
    assert shown(cast).last == date(2026, 11, 21)
    prove(cast, write_csv(tmp_path, rows(5), name="next.csv"))
    assert (shown(cast).last, shown(cast).seen[0].kind) == (date(2026, 12, 31), "uploaded")
