"""Until when an answer, a provision or a record of use is due: the clocks of requests and grants on one day."""

from datetime import date, datetime

from catalog_specs import Specs
from catalog_specs.law import Clock, Deadlines
from registry.calendars import city_calendar
from registry.queue_terms import Term
from validators.workdays import due, is_soon, overdue_by


class RequestTerms:
    """The clocks as they stand on the day of ``now``.

    Raises:
        Unavailable: the calendar's file is wrong.
    """

    def __init__(self, specs: Specs, now: datetime) -> None:
        self.specs = specs
        self.deadlines = specs.document("deadlines", Deadlines)
        self.calendar = city_calendar(specs)
        self.today = self.calendar.day_of(now)

    def clock(self, key: str) -> Clock:
        """A row of deadlines.yaml."""
        return self.deadlines.index[key]

    def term(self, key: str | None, start: datetime | None, *, extended: bool = False) -> Term:
        """The term of a clock that began at ``start``; an empty one where none runs (domain §12 R14)."""
        if not key or start is None:
            return Term()
        clock = self.clock(key)
        return self._of(clock, due(clock, start, self.calendar, extended))

    def until(self, last: date | None) -> Term:
        """The term of something that is due on a day that was stated, counted in days."""
        return Term() if last is None else self._of(_DAYS, last)

    def record_of_use(self, since: datetime | None) -> Term:
        """The term of the next record of use after ``since``, the last one or the provision. Source: S1 29 [DESIGN]."""
        if since is None:
            return Term()
        months = self.specs.requests.usage_due.months
        clock = _DAYS.model_copy(update={"unit": "months", "length": months})
        return self._of(_DAYS, due(clock, since, self.calendar))

    def kept_until(self, key: str, at: datetime) -> date:
        """The day until which something that was recorded is kept."""
        return due(self.clock(key), at, self.calendar)

    def _of(self, clock: Clock, last: date) -> Term:
        late = overdue_by(clock, last, self.today, self.calendar)
        soon = is_soon(clock, last, self.today, self.calendar, self.deadlines.warn)
        return Term(last, late, soon, clock.unit)


# counts in days; what it is called nobody sees
_DAYS = Clock.model_validate(
    {"key": "stated", "zh": "期限", "en": "period", "kind": "act", "unit": "days"}
    | {"actor": "steward", "sources": ("DESIGN",), "design": True}
)
