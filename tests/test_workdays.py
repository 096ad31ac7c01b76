"""Working days with the State Council's shifted weekends, a city's own days, and every unit of deadlines.yaml."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_specs import SpecError, Specs, load
from catalog_specs.law import Clock, Deadlines
from registry.calendars import city_calendar
from registry.errors import Unavailable
from validators.workdays import (
    Calendar,
    due,
    is_soon,
    latest_start,
    opens,
    overdue_by,
    published,
    warn_until,
)

PLAIN = Calendar()
DAYS = st.dates(date(2001, 1, 1), date(2027, 6, 30))
# both know these years; chinesecalendar begins with 2004
BOTH = range(2004, min(published().until, max(chinese_calendar.holidays).year) + 1)
# 2006's notice moved New Year: Saturday 2005-12-31 was worked, which chinesecalendar leaves out
DISAGREEMENTS = {date(2005, 12, 31)}


def clock(**changes: Any) -> Clock:
    row = {"key": "k", "kind": "act", "unit": "working_days", "length": 2, "zh": "甲", "en": "a"}
    row |= {"actor": "steward", "sources": ("DESIGN",), "design": True, "from": "submitted"}
    return Clock.model_validate(row | changes)


def deadlines(specs: Specs) -> Deadlines:
    return specs.document("deadlines", Deadlines)


# ---- the calendar -----------------------------------------------------------------------------------------


def test_both_calendars_know_the_years_that_matter() -> None:
    assert set(range(2020, 2027)) <= set(BOTH)


@pytest.mark.parametrize("year", BOTH)
def test_every_day_is_as_the_other_calendar_has_it(year: int) -> None:
    days = [date(year, 1, 1) + timedelta(n) for n in range(366)]
    found = {
        day
        for day in days
        if day.year == year and PLAIN.is_workday(day) is not chinese_calendar.is_workday(day)
    }
    assert found == {day for day in DISAGREEMENTS if day.year == year}


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 2, 14), True),  # a Saturday worked for the Spring Festival
        (date(2026, 2, 16), False),  # New Year's Eve
        (date(2026, 2, 28), True),
        (date(2026, 10, 7), False),
        (date(2026, 10, 10), True),
        (date(2026, 11, 21), False),  # a plain Saturday
        (date(2026, 11, 23), True),
        (date(2006, 12, 30), True),  # of the notice for 2007
        (date(2026, 3, 8), False),
        (date(2026, 5, 4), False),
        (date(2025, 5, 6), True),  # 青年节 is half a holiday for the young only
    ],
)
def test_known_days(day: date, worked: bool) -> None:
    assert PLAIN.is_workday(day) is worked


def test_the_day_of_the_event_does_not_count() -> None:
    friday = date(2026, 11, 20)
    assert PLAIN.add(friday, 1) == date(2026, 11, 23)
    assert PLAIN.between(friday, friday) == 0
    assert PLAIN.between(friday, date(2026, 11, 24)) == 2
    assert PLAIN.between(date(2026, 11, 24), friday) == -2


def test_a_holiday_week_is_skipped_and_its_shifted_weekend_counted() -> None:
    assert PLAIN.add(date(2026, 2, 13), 2) == date(2026, 2, 24)
    assert PLAIN.add(date(2026, 9, 30), 3) == date(2026, 10, 10)


def test_it_does_not_count_backwards() -> None:
    with pytest.raises(ValueError, match="forward"):
        PLAIN.add(date(2026, 11, 20), -1)


@given(DAYS, st.integers(1, 60))
def test_a_period_ends_on_a_working_day_and_has_its_length(day: date, count: int) -> None:
    end = PLAIN.add(day, count)
    assert PLAIN.is_workday(end)
    assert PLAIN.between(day, end) == count
    assert PLAIN.between(day, end - timedelta(1)) == count - 1


@given(DAYS, DAYS, DAYS)
def test_periods_add_up(one: date, two: date, three: date) -> None:
    assert PLAIN.between(one, two) + PLAIN.between(two, three) == PLAIN.between(one, three)


# ---- what is not published, and what a city decides -------------------------------------------------------


def test_past_the_last_notice_only_weekends_are_known_and_it_says_so() -> None:
    year = published().until + 1
    assert not PLAIN.is_known(date(year, 1, 1))
    assert PLAIN.is_workday(date(year, 1, 1)) is (date(year, 1, 1).weekday() < 5)
    assert f"{year}年的节假日安排不在日历中" in PLAIN.warning(date(year, 3, 1), date(2026, 3, 1))
    assert PLAIN.warning(date(2026, 3, 1)) == ""
    assert "2000年" in PLAIN.warning(date(2000, 3, 1))


def test_a_city_decides_on_days_and_on_whole_years(tmp_path: Path, specs: Specs) -> None:
    file = tmp_path / "calendar.yaml"
    file.write_text(
        f"years: [{published().until + 1}]\n"
        "days:\n- {date: 2026-11-23, working: false, zh: 停工}\n- {date: '2026-11-22', working: true, zh: 补班}\n",
        "utf-8",
    )
    calendar = city_calendar(specs, file)
    assert calendar.add(date(2026, 11, 20), 1) == date(2026, 11, 22)
    assert calendar.add(date(2026, 11, 20), 2) == date(2026, 11, 24)
    assert calendar.known_until == published().until + 1
    assert calendar.warning(date(calendar.known_until, 1, 1)) == ""


def test_the_file_of_the_settings_is_read_and_read_again_when_changed(
    tmp_path: Path, specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calendar.yaml"
    file.write_text("", "utf-8")
    monkeypatch.setenv("MULU_CALENDAR", str(file))
    assert city_calendar(specs).is_workday(date(2026, 11, 23))
    file.write_text("days: [{date: '2026-11-23', working: false, zh: 停工}]", "utf-8")
    assert not city_calendar(specs).is_workday(date(2026, 11, 23))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("days: [{date: 2026-11-23, working: false}]", "days.1.zh"),
        ("days: [{date: 2026-11-23T10:00:00, working: false, zh: 甲}]", "days.1.date"),
        ("days: [{date: 2026-11-31, working: false, zh: 甲}]", "days.1.date"),
        ("days: [{date: 2026-11-23, working: 休, zh: 甲}]", "days.1.working"),
        (
            "days: [{date: 2026-11-23, working: no, zh: 甲}, {date: 2026-11-23, working: yes, zh: 甲}]",
            "不止一次",
        ),
        ("holidays: []", "holidays"),
        ("days: [", "calendar.yaml"),
        ("- 1", "全文"),
        ("days: !!binary x", "calendar.yaml"),
    ],
)
def test_a_wrong_file_is_refused_with_place_and_cure(
    tmp_path: Path, specs: Specs, text: str, words: str
) -> None:
    file = tmp_path / "calendar.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(Unavailable) as refused:
        city_calendar(specs, file)
    assert words in refused.value.message
    assert "MULU_CALENDAR" in refused.value.message and "working" in refused.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path, specs: Specs) -> None:
    with pytest.raises(Unavailable, match=r"没有\.yaml"):
        city_calendar(specs, tmp_path / "没有.yaml")


def test_the_overlay_folder_may_decide_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calendar.yaml").write_text("days: [{date: '2026-11-23', working: false, zh: 停工}]", "utf-8")
    monkeypatch.setenv("MULU_SPECS", str(tmp_path))
    assert not city_calendar(load("zunyi_2020")).is_workday(date(2026, 11, 23))


def test_a_wrong_overlay_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calendar.yaml").write_text("days: [{date: '2026-13-01', working: false, zh: 停}]", "utf-8")
    monkeypatch.setenv("MULU_SPECS", str(tmp_path))
    with pytest.raises(SpecError, match=r"calendar\.yaml：days\.0\.date"):
        load("zunyi_2020")


# ---- days and moments -------------------------------------------------------------------------------------


def test_a_moment_belongs_to_the_day_of_the_city() -> None:
    assert PLAIN.day_of(datetime(2026, 11, 20, 15, 59, tzinfo=UTC)) == date(2026, 11, 20)
    assert PLAIN.day_of(datetime(2026, 11, 20, 16, 0, tzinfo=UTC)) == date(2026, 11, 21)
    assert PLAIN.begin(date(2026, 11, 21)) == datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        PLAIN.day_of(datetime(2026, 11, 20))  # noqa: DTZ001


# ---- clocks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "start", "expected"),
    [
        ({"length": 2}, date(2026, 11, 20), date(2026, 11, 24)),
        ({"length": 0}, date(2026, 11, 20), date(2026, 11, 20)),
        ({"unit": "days", "length": 365}, date(2026, 11, 20), date(2027, 11, 20)),
        ({"unit": "months", "length": 6}, date(2026, 8, 31), date(2027, 2, 28)),
        ({"unit": "months", "length": 13}, date(2026, 12, 31), date(2028, 1, 31)),
        ({"unit": "years", "length": 3}, date(2024, 2, 29), date(2027, 2, 28)),
        ({"unit": "years", "length": 4}, date(2024, 2, 29), date(2028, 2, 29)),
        ({"unit": "yearly", "length": 0, "date": "06-30"}, date(2026, 6, 30), date(2026, 6, 30)),
        ({"unit": "yearly", "length": 0, "date": "06-30"}, date(2026, 7, 1), date(2027, 6, 30)),
        ({"unit": "yearly", "length": 0, "date": "02-29"}, date(2026, 1, 1), date(2026, 2, 28)),
        ({"unit": "days", "length": 60, "kind": "window"}, date(2026, 12, 31), date(2026, 12, 31)),
    ],
)
def test_the_last_day_of_a_period(changes: dict[str, Any], start: date, expected: date) -> None:
    assert due(clock(**changes), start, PLAIN) == expected


def test_an_extension_makes_it_longer() -> None:
    assert due(clock(length=10, extend=5), date(2026, 11, 20), PLAIN) == date(2026, 12, 4)
    assert due(clock(length=10, extend=5), date(2026, 11, 20), PLAIN, extended=True) == date(2026, 12, 11)


def test_a_moment_late_at_night_starts_the_next_day() -> None:
    night = datetime(2026, 11, 19, 17, 0, tzinfo=UTC)  # already Friday the 20th in the city
    assert due(clock(length=1), night, PLAIN) == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("unit", "length", "expected"),
    [
        ("days", 60, date(2026, 11, 1)),
        ("months", 2, date(2026, 10, 31)),
        ("years", 1, date(2025, 12, 31)),
        ("working_days", 2, date(2026, 12, 29)),
    ],
)
def test_a_window_opens_before_the_expiry(unit: str, length: int, expected: date) -> None:
    assert opens(clock(kind="window", unit=unit, length=length), date(2026, 12, 31), PLAIN) == expected


def test_every_clock_of_the_law_gives_a_day(specs: Specs) -> None:
    start = date(2026, 11, 20)
    days = {row.key: due(row, start, PLAIN) for row in deadlines(specs).clocks}
    assert min(days.values()) >= start
    assert days["catalog_audit_publish"] == date(2026, 11, 24)
    assert days["catalog_first_version"] == date(2026, 12, 18)
    assert days["network_log_keep"] == date(2027, 5, 20)
    assert days["yearly_self_report"] == date(2026, 12, 31)


def test_it_is_late_the_day_after_and_late_days_are_of_the_clock() -> None:
    last = date(2026, 11, 20)
    assert overdue_by(clock(), last, last, PLAIN) == 0
    assert overdue_by(clock(), last, date(2026, 11, 21), PLAIN) == 1  # a Saturday
    assert overdue_by(clock(), last, date(2026, 11, 23), PLAIN) == 1
    assert overdue_by(clock(), last, date(2026, 11, 24), PLAIN) == 2
    assert overdue_by(clock(unit="days"), last, date(2026, 11, 24), PLAIN) == 4


def test_it_warns_when_less_than_two_working_days_are_left(specs: Specs) -> None:
    warn = deadlines(specs).warn
    last = date(2026, 11, 24)  # a Tuesday
    soon = [d for d in range(18, 28) if is_soon(clock(), last, date(2026, 11, d), PLAIN, warn)]
    assert soon == [23, 24]


def test_it_warns_of_other_periods_a_month_before(specs: Specs) -> None:
    warn, yearly = deadlines(specs).warn, clock(unit="yearly", date="12-31", length=0)
    assert warn_until(yearly, date(2026, 12, 1), PLAIN, warn) == date(2026, 12, 30)
    assert not is_soon(yearly, date(2026, 12, 31), date(2026, 12, 1), PLAIN, warn)
    assert is_soon(yearly, date(2026, 12, 31), date(2026, 12, 2), PLAIN, warn)


CLOCKS = st.one_of(
    st.builds(lambda n: clock(length=n), st.integers(0, 30)),
    st.builds(lambda n: clock(unit="days", length=n), st.integers(0, 60)),
    st.builds(lambda n: clock(unit="months", length=n), st.integers(1, 6)),
    st.just(clock(unit="yearly", length=0, date="06-30")),
)


@settings(max_examples=60, deadline=None)
@given(CLOCKS, DAYS, st.integers(0, 40))
def test_a_later_event_is_never_due_earlier(one: Clock, day: date, more: int) -> None:
    assert due(one, day, PLAIN) <= due(one, day + timedelta(more), PLAIN)


@settings(max_examples=60, deadline=None)
@given(CLOCKS, DAYS)
def test_the_latest_start_parts_what_is_due_from_what_is_not(one: Clock, last: date) -> None:
    start = latest_start(one, last, PLAIN)
    assert due(one, start, PLAIN) <= last < due(one, start + timedelta(1), PLAIN)
