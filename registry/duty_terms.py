"""Of whom duties are asked: the agencies that stand in a year, their systems, and the cities, as far as they are seen.

Source: duties.yaml ``per``; obligations.yaml ``stages``; domain §12 R13.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load, profile_of_region
from catalog_specs.law import Clock, Deadlines, Duty
from registry.agency_lives import find, standing
from registry.errors import NotFound, Rejected
from registry.models import Agency, System, SystemLife
from registry.people import local_day
from registry.permits import Actor, holding, reached, roles_of
from registry.system_register import find_seen, systems_seen

AGENCY, SYSTEM, CITY, ENTRY = "agency", "system", "city", "entry"
# permissions that show the duties of an agency; each within the scope of its role
SIGHT = ("read_own", "read_county", "read_all")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose duty it is: an agency, a system of it, or the city of a profile (``id`` is then the profile's key)."""

    per: str
    id: str
    name: str
    profile: str
    agency: Agency | None = None
    system: System | None = None
    external: bool = False

    @property
    def key(self) -> str:
        """What evidence of it is kept under; empty for a city, whose duties are its own."""
        return "" if self.per == CITY else self.id

    @property
    def since(self) -> date | None:
        """The first day on which a duty could be asked of it, where that is known."""
        if self.system is not None:
            return local_day(self.system.created_at)
        return self.agency.valid_from if self.agency else None

    @property
    def agency_id(self) -> str | None:
        return self.agency.id if self.agency else None

    @property
    def system_id(self) -> str | None:
        return self.system.id if self.system else None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which duties are asked for: of a year (None: this one), an agency, a system, as ``actor`` sees them."""

    year: int | None = None
    agency: str | None = None
    system: str | None = None
    actor: Actor | None = None


@dataclass(frozen=True)
class Scope:
    """The subjects of a year. ``asof`` is today, or the last (first) day of a year that is over (to come).

    ``narrowed``: only some agencies are looked at, so that queries may be held to them.
    """

    year: int
    today: date
    asof: date
    subjects: tuple[Subject, ...]
    narrowed: bool
    by_key: dict[tuple[str, str], Subject] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_key.update({(one.per, one.id): one for one in self.subjects})

    def of(self, per: str) -> tuple[Subject, ...]:
        """The subjects of a kind; entries are told as figures of their agency."""
        asked = AGENCY if per == ENTRY else per
        return tuple(one for one in self.subjects if one.per == asked)

    def ids(self, per: str) -> list[str]:
        return [one.id for one in self.of(per)]


# ---- rows of the law --------------------------------------------------------------------------------------


def duty_named(written: str, specs: Specs) -> Duty:
    """A row of duties.yaml by its id, in whatever case it is written.

    Raises:
        Rejected: there is none; the message says how ids are written.
    """
    text = written.strip().upper()
    found = next((duty for duty in specs.duties.duties if duty.id == text), None)
    if found is None:
        raise Rejected(f"没有义务“{written[:40]}”；编号如 ZY-19、LPS-26，用 mulu duty list --all 查看全部")
    return found


def clock_of(duty: Duty, specs: Specs) -> Clock | None:
    """The clock of a duty; None where the article sets no day."""
    key = duty.deadline.clock if duty.deadline else ""
    return specs.document("deadlines", Deadlines).index[key] if key else None


def is_yearly(duty: Duty, specs: Specs) -> bool:
    """Whether a duty is done anew every year, so that only evidence of the year counts."""
    clock = clock_of(duty, specs)
    return (clock is not None and clock.unit == "yearly") or duty.id in specs.obligations.each_year.duties


def article_zh(duty: Duty) -> str:
    """An article as it is cited within its measure: 第19条, 解读9."""
    return f"第{duty.article}条" if duty.article.isdigit() else duty.article


# ---- seen -------------------------------------------------------------------------------------------------


def agencies_seen(actor: Actor | None) -> ColumnElement[bool]:
    """The agencies whose duties someone sees: his own, his county's, or all (None: the console)."""
    return reached(actor, roles_of(load()), agency=col(Agency.id), region=col(Agency.region), acts=SIGHT)


def sees_duties(actor: Actor) -> bool:
    """Whether someone sees duties at all."""
    roles = roles_of(load())
    return any(holding(actor, act, roles) for act in SIGHT)


# ---- read -------------------------------------------------------------------------------------------------


def check_year(year: int | None, today: date, specs: Specs) -> int:
    """The year asked for, or this one.

    Raises:
        Rejected: it is too far back or ahead.
    """
    limits = specs.obligations.limits
    chosen = today.year if year is None else year
    last = today.year + limits.years_ahead
    if not limits.earliest_year <= chosen <= last:
        raise Rejected(f"年度 {chosen} 超出范围；可写 {limits.earliest_year} 至 {last}")
    return chosen


def read_scope(session: Session, asked: Asked, *, now: datetime, specs: Specs) -> Scope:
    """The agencies standing in a year, the systems that are there, and the cities that they are of.

    Raises:
        NotFound: no such agency or system, or it is not seen. Rejected: no such year.
    """
    today = local_day(now)
    year = check_year(asked.year, today, specs)
    asof = min(max(today, date(year, 1, 1)), date(year, 12, 31))
    if asked.system:
        system, agency = find_seen(session, asked.system, actor=asked.actor)
        one = (subject_of_system(system, agency, specs),)
        return Scope(year, today, asof, one, narrowed=True)
    agencies = [one for one in _agencies(session, asked, today) if standing(one, asof)]
    systems = _systems(session, agencies, asked, year, specs)
    subjects = [*(subject_of_agency(one, specs) for one in agencies), *systems]
    if not asked.agency:
        found = {one.profile for one in subjects} or {specs.profile.key}
        subjects += [
            Subject(CITY, key, specs.label("regions", load(key).profile.city), key) for key in sorted(found)
        ]
    return Scope(year, today, asof, tuple(subjects), narrowed=bool(asked.agency) or _own_only(asked.actor))


def _own_only(actor: Actor | None) -> bool:
    return actor is not None and not holding(actor, "read_all", roles_of(load()))


def _agencies(session: Session, asked: Asked, today: date) -> list[Agency]:
    query = select(Agency).where(agencies_seen(asked.actor)).order_by(col(Agency.code))
    if asked.agency:
        query = query.where(col(Agency.id) == find(session, asked.agency, today=today).id)
    found = list(session.execute(query).scalars())
    if asked.agency and not found:
        raise NotFound(f"您看不到单位“{asked.agency[:100]}”的义务")
    return found


def _systems(
    session: Session, agencies: list[Agency], asked: Asked, year: int, specs: Specs
) -> list[Subject]:
    known = {one.id: one for one in agencies}
    query = select(System).join(Agency, col(Agency.id) == col(System.agency_id)).order_by(col(System.id))
    if asked.actor is not None:
        query = query.where(systems_seen(asked.actor))
    if asked.agency:
        query = query.where(col(System.agency_id).in_(known))
    ended = _ended(session, specs)
    return [
        subject_of_system(one, known[one.agency_id], specs)
        for one in session.execute(query).scalars()
        if one.agency_id in known
        and local_day(one.created_at).year <= year
        and (one.life != specs.obligations.ended or (one.id in ended and ended[one.id].year >= year))
    ]


def _ended(session: Session, specs: Specs) -> dict[str, date]:
    """The day on which systems came to their end."""
    query = (
        select(col(SystemLife.system_id), func.max(col(SystemLife.day)))
        .where(col(SystemLife.after) == specs.obligations.ended)
        .group_by(col(SystemLife.system_id))
    )
    return {row[0]: row[1] for row in session.execute(query)}


def subject_of_agency(agency: Agency, specs: Specs) -> Subject:
    """An agency; its measure follows its region."""
    profile = profile_of_region(agency.region) or specs.profile.key
    return Subject(AGENCY, agency.id, agency.name, profile, agency)


def subject_of_system(system: System, agency: Agency, specs: Specs) -> Subject:
    """A system; ``external`` when duties.yaml exempts its class (R13)."""
    external = system.system_class in specs.duties.exempt_system_classes.codes
    return Subject(SYSTEM, system.id, system.name, system.profile, agency, system, external)
