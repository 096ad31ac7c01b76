"""Working days and deadlines: the State Council's calendar with its shifted weekends, and a city's own decisions.

The day of the event does not count; a working-day period ends with its last working day. Periods in months
and years end on the same day of the month, or on its last day where it has no such one. Nothing here reads a
clock. Source: deadlines.yaml (``counting``), domain §12 R18.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from catalog_specs import Specs
from catalog_specs.law import Clock, Deadlines, WarnBefore
from catalog_specs.queueing import CalendarDays

DAY = timedelta(days=1)
SATURDAY = 5
# the first year whose arrangement the holidays package has checked against the notice itself
FIRST_KNOWN_YEAR = 2001


@dataclass(frozen=True, slots=True)
class Published:
    """What the notices of the State Council say: weekdays off and working weekends, until the year ``until``."""

    off: frozenset[date]
    working: frozenset[date]
    until: int


@lru_cache(maxsize=1)
def published() -> Published:
    """The published arrangements of all years, as the ``holidays`` package has them."""
    # loaded late: it takes a quarter of a second, and most commands count no days
    from holidays.countries.china import China, ChinaStaticHolidays

    until = max(ChinaStaticHolidays.special_public_holidays)
    calendar = China(years=range(FIRST_KNOWN_YEAR, until + 1))  # type: ignore[no-untyped-call]  # it has no types
    return Published(frozenset(calendar), frozenset(calendar.weekend_workdays), until)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked. ``decided`` holds a city's own days, ``complete`` the years it has written whole."""

    decided: Mapping[date, bool] = field(default_factory=dict)
    complete: frozenset[int] = frozenset()
    timezone: str = "Asia/Shanghai"

    @property
    def known_until(self) -> int:
        """The last year from which on back to the first every arrangement is known."""
        year = published().until
        while year + 1 in self.complete:
            year += 1
        return year

    def is_known(self, day: date) -> bool:
        """Whether the arrangement of the year of ``day`` is published; of any other, only weekends are known."""
        return FIRST_KNOWN_YEAR <= day.year <= self.known_until or day.year in self.complete

    def is_workday(self, day: date) -> bool:
        """Whether ``day`` is worked: as the city decided, else as published, else Monday to Friday."""
        own = self.decided.get(day)
        if own is not None:
            return own
        notice = published()
        if day.weekday() >= SATURDAY:
            return day in notice.working
        return day not in notice.off

    def add(self, day: date, count: int) -> date:
        """The ``count``-th working day after ``day``; ``day`` itself when ``count`` is 0.

        Raises:
            ValueError: ``count`` is negative.
        """
        if count < 0:
            raise ValueError("working days are counted forward")
        while count:
            day += DAY
            count -= self.is_workday(day)
        return day

    def between(self, start: date, end: date) -> int:
        """The working days after ``start`` up to and with ``end``; negative when ``end`` lies before ``start``."""
        if end < start:
            return -self.between(end, start)
        return sum(self.is_workday(start + n * DAY) for n in range(1, (end - start).days + 1))

    def day_of(self, moment: date | datetime) -> date:
        """The day of a moment where the city lies; a day is its own day.

        Raises:
            ValueError: the moment has no time zone.
        """
        if not isinstance(moment, datetime):
            return moment
        return self.local(moment).date()

    def local(self, moment: datetime) -> datetime:
        """A moment by the clocks of the city. Raises ValueError for one without a time zone."""
        if moment.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return moment.astimezone(ZoneInfo(self.timezone))

    def begin(self, day: date) -> datetime:
        """The moment (UTC) at which a day begins where the city lies."""
        return datetime.combine(day, time(), ZoneInfo(self.timezone)).astimezone(UTC)

    def warning(self, *days: date) -> str:
        """A sentence on the first of ``days`` whose arrangement is not published; empty when all are."""
        unknown = min((day.year for day in days if not self.is_known(day)), default=None)
        if unknown is None:
            return ""
        return (
            f"{unknown}年的节假日安排不在日历中（已知到{self.known_until}年），只按周末推算，期限可能有出入；"
            "更新 holidays 包，或在 MULU_CALENDAR 指明的文件中写明"
        )


def calendar_of(specs: Specs, *more: CalendarDays) -> Calendar:
    """The calendar of a specification; each of ``more`` goes before calendar.yaml and those given before it."""
    decided: dict[date, bool] = {}
    years: set[int] = set()
    for days in (specs.document("calendar", CalendarDays), *more):
        decided |= {row.day: row.working for row in days.days}
        years |= set(days.years)
    counting = specs.document("deadlines", Deadlines).counting
    return Calendar(decided, frozenset(years), counting.timezone)


# ---- clocks -----------------------------------------------------------------------------------------------


def due(clock: Clock, start: date | datetime, calendar: Calendar, extended: bool = False) -> date:
    """The last day of a period that begins with the event at ``start`` (a day, or a moment with its zone).

    For a yearly clock it is the next such day, that of ``start`` included; for a ``window`` (to be done in
    the last days before an expiry) ``start`` is the expiry and the answer; see ``opens``.
    """
    day = calendar.day_of(start)
    if clock.kind == "window":
        return day
    length = clock.length + (clock.extend if extended else 0)
    return _UNITS[clock.unit](clock, day, length, calendar)


def opens(clock: Clock, expiry: date | datetime, calendar: Calendar) -> date:
    """The first day of a ``window`` before an expiry."""
    day = calendar.day_of(expiry)
    match clock.unit:
        case "working_days":
            return latest_start(clock.model_copy(update={"kind": "act"}), day, calendar)
        case "months" | "years":
            return _months_on(day, -clock.length * (12 if clock.unit == "years" else 1))
        case "days" | "yearly":
            return day - clock.length * DAY


def _working_days(clock: Clock, day: date, length: int, calendar: Calendar) -> date:
    return calendar.add(day, length)


def _days(clock: Clock, day: date, length: int, calendar: Calendar) -> date:
    return day + length * DAY


def _months(clock: Clock, day: date, length: int, calendar: Calendar) -> date:
    return _months_on(day, length)


def _years(clock: Clock, day: date, length: int, calendar: Calendar) -> date:
    return _months_on(day, 12 * length)


def _yearly(clock: Clock, day: date, length: int, calendar: Calendar) -> date:
    month, wanted = (int(part) for part in (clock.date or "12-31").split("-"))
    found = _day_in(day.year, month, wanted)
    return found if found >= day else _day_in(day.year + 1, month, wanted)


_UNITS: dict[str, Callable[[Clock, date, int, Calendar], date]] = {
    "working_days": _working_days,
    "days": _days,
    "months": _months,
    "years": _years,
    "yearly": _yearly,
}


def _months_on(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return _day_in(year, month + 1, day.day)


def _day_in(year: int, month: int, day: int) -> date:
    """A day of a month; its last one where it has no such day."""
    while day > 28:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1
    return date(year, month, day)


def overdue_by(clock: Clock, last: date, today: date, calendar: Calendar) -> int:
    """How late it is: working days for a clock that counts them, else days; 0 up to and with the day ``last``.

    From the day after ``last`` on it is at least 1, so that what is late is so on a weekend, too.
    """
    if today <= last:
        return 0
    return max(calendar.between(last, today), 1) if clock.unit == "working_days" else (today - last).days


def warn_until(clock: Clock, today: date, calendar: Calendar, warn: WarnBefore) -> date:
    """The last due day that is warned of today (less than ``warn``'s days are left)."""
    if clock.unit == "working_days":
        return calendar.add(today, warn.working_days) - DAY
    return today + (warn.days - 1) * DAY


def is_soon(clock: Clock, last: date, today: date, calendar: Calendar, warn: WarnBefore) -> bool:
    """Whether a period is not over and about to be. Source: deadlines.yaml ``warn`` [DESIGN]."""
    return today <= last <= warn_until(clock, today, calendar, warn)


def latest_start(clock: Clock, last: date, calendar: Calendar) -> date:
    """The latest day of an event whose period is over by ``last``: what began later is not yet due then."""
    day = last
    while due(clock, day, calendar) > last:
        day -= DAY
    return day
