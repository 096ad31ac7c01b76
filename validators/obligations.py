"""When a duty is due and how it stands: pure arithmetic over days and over what evidence there is."""

from dataclasses import dataclass
from datetime import date

from catalog_specs.law import Clock, Duty, WarnBefore
from validators.workdays import Calendar, due, is_soon, overdue_by

INFORMATION, AUTHORITY, NOT_APPLICABLE = "information", "authority", "not_applicable"
DONE, IDLE, OVERDUE, DUE, OPEN = "done", "idle", "overdue", "due", "open"
WORKING_DAYS, DAYS = "working_days", "days"


@dataclass(frozen=True, slots=True)
class Term:
    """The last day of a duty and how far off it is: ``left`` or ``late`` in ``unit``; ``soon``: it is warned of."""

    due: date | None = None
    left: int | None = None
    late: int = 0
    unit: str = DAYS
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a duty of one subject. ``excused``: it does not bind; ``arises``: only in a case."""

    excused: bool = False
    arises: bool = False
    found: int = 0
    wanted: int = 0


def due_on(clock: Clock | None, year: int, began: date | None, calendar: Calendar) -> date | None:
    """The last day of a duty in ``year``: the yearly day, or a period after the event; None without either.

    A period of validity or of keeping is no day by which something is done, so it has none. Source: deadlines.yaml.
    """
    if clock is None or clock.kind != "act":
        return None
    if clock.unit == "yearly":
        return due(clock, date(year, 1, 1), calendar)
    return None if began is None else due(clock, began, calendar)


def expires(clock: Clock, day: date, calendar: Calendar) -> date:
    """The last day on which something of ``day`` is valid by a clock of kind ``valid``."""
    return due(clock, day, calendar)


def term_of(
    clock: Clock | None, last: date | None, today: date, calendar: Calendar, warn: WarnBefore
) -> Term:
    """How far off ``last`` is: in working days for a clock that counts them, else in days."""
    if last is None:
        return Term()
    if clock is None:
        late = max((today - last).days, 0)
        soon = today <= last and (last - today).days < warn.days
        return Term(last, None if late else (last - today).days, late, DAYS, soon)
    unit = WORKING_DAYS if clock.unit == WORKING_DAYS else DAYS
    late = overdue_by(clock, last, today, calendar)
    left = calendar.between(today, last) if unit == WORKING_DAYS else (last - today).days
    return Term(last, None if late else left, late, unit, is_soon(clock, last, today, calendar, warn))


def is_told(duty: Duty) -> bool:
    """Whether a row is only told: nothing of it is asked of anybody."""
    return set(duty.kind) <= {INFORMATION, AUTHORITY}


def state_of(duty: Duty, facts: Facts, term: Term) -> str:
    """How a duty stands: a key of ``states`` in obligations.yaml.

    All evidence that the row names must be there; what is not known counts as missing.
    """
    if INFORMATION in duty.kind:
        return INFORMATION
    if is_told(duty):
        return AUTHORITY
    if facts.excused:
        return NOT_APPLICABLE
    if facts.wanted and facts.found >= facts.wanted:
        return DONE
    if facts.arises and not facts.found and term.due is None:
        return IDLE
    if term.due is None:
        return OPEN
    return OVERDUE if term.late else DUE
