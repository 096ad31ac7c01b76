"""The law as data: sources, duties, deadlines, roles, and the list of all law files."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from catalog_specs.law_accounts import Accounts
from catalog_specs.law_lifecycle import Lifecycle
from catalog_specs.law_masking import Desensitization
from catalog_specs.law_release import (
    Citations,
    Cited,
    Key,
    Named,
    Responsibility,
    Retirement,
    Words,
    by_key,
)
from catalog_specs.model import Frozen, Marked
from catalog_specs.queueing import CalendarDays, Queues

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
DutyKind = Literal["gate", "record", "deadline", "authority", "information"]


# ---- sources.yaml -----------------------------------------------------------------------------------------


class Rank(Frozen):
    rank: int
    zh: Words
    en: Words


class Ranks(Marked):
    sources: Citations
    rows: tuple[Rank, ...]


class Source(Marked):
    """A text that may be cited. ``articles``: how many it has, 0 when not known; ``pseudo``: no text."""

    key: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9-]*$")]
    zh: Words
    en: Words
    issued: Day | None = None
    in_force: Day | None = None
    rank: int
    profile: str = ""
    articles: int = 0
    same_as: str = ""
    url: str = ""
    note: str = ""
    pseudo: bool = False


class Sources(Frozen):
    ranks: Ranks
    sources: tuple[Source, ...]

    @cached_property
    def index(self) -> dict[str, Source]:
        return {source.key: source for source in self.sources}


# ---- duties.yaml ------------------------------------------------------------------------------------------


class ExemptClasses(Marked):
    codes: tuple[str, ...]
    zh: Words
    en: Words
    sources: Citations


class DutyDeadline(Frozen):
    """``text`` as the article has it; ``yearly`` a month and day; ``clock`` a row of deadlines.yaml."""

    text: Words
    yearly: MonthDay | None = None
    clock: str = ""


class Duty(Marked):
    """One article. ``actor``: keys of roles or units; ``gates``: what stays shut until it is done."""

    id: Annotated[str, Field(pattern=r"^[A-Z]+-J?[0-9]{2}$")]
    profile: Key
    article: Words
    zh: Words
    en: Words
    per: Literal["none", "city", "agency", "system", "entry"]
    actor: tuple[Key, ...]
    kind: Annotated[tuple[DutyKind, ...], Field(min_length=1)]
    deadline: DutyDeadline | None = None
    gates: tuple[Key, ...] = ()
    evidence: tuple[Key, ...] = ()
    sources: Citations


class Finding(Marked):
    """A reason, trigger or liability by the code that review records use."""

    id: Annotated[str, Field(pattern=r"^[A-Z][0-9]+(-[0-9]+)?$")]
    profile: str = ""
    zh: Words
    en: Words
    clocks: tuple[Key, ...] = ()
    sources: Citations


class AcceptanceElement(Cited):
    profile: Key
    level: Literal["required", "review", "paper"]
    evidence: tuple[Key, ...]


class Duties(Frozen):
    exempt_system_classes: ExemptClasses
    gates: tuple[Named, ...]
    evidence_kinds: tuple[Named, ...]
    duties: tuple[Duty, ...]
    review_reasons: tuple[Finding, ...]
    rectification_triggers: tuple[Finding, ...]
    acceptance: tuple[AcceptanceElement, ...]
    liabilities: tuple[Finding, ...]

    def of(self, profile: str) -> tuple[Duty, ...]:
        """The duties of one city's measure, in the order of its articles."""
        return tuple(duty for duty in self.duties if duty.profile == profile)


# ---- deadlines.yaml ---------------------------------------------------------------------------------------


class Counting(Marked):
    start: Literal["next_working_day"]
    zh: Words
    en: Words
    timezone: Words
    sources: Citations


class WarnBefore(Marked):
    working_days: int
    days: int
    sources: Citations


class Event(Named):
    sources: tuple[str, ...] = ()


class Clock(Cited):
    """A period. ``length`` and ``extend`` count in ``unit``; a yearly one has a ``date`` instead.

    ``extend_by`` is the permission that consents to the extension; empty where none is asked.
    """

    kind: Literal["act", "keep", "valid", "window"]
    unit: Literal["working_days", "days", "months", "years", "yearly"]
    length: int = 0
    date: MonthDay | None = None
    extend: int = 0
    extend_by: str = ""
    extend_zh: str = ""
    extend_en: str = ""
    at_once: bool = False
    begins: Annotated[str, Field(alias="from")] = ""
    actor: Key
    note: str = ""


class Deadlines(Frozen):
    counting: Counting
    warn: WarnBefore
    clocks: tuple[Clock, ...]
    events: tuple[Event, ...]

    @cached_property
    def index(self) -> dict[str, Clock]:
        return by_key(self.clocks)


# ---- roles.yaml -------------------------------------------------------------------------------------------


class Unit(Cited):
    """A body that owes or holds something; ``profiles`` empty: in every city."""

    zh_by_profile: dict[str, str] = Field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    note: str = ""


class Role(Cited):
    """What a person (or machine) of this role may do: moves of the lifecycle and permissions."""

    zh_by_profile: dict[str, str] = Field(default_factory=dict)
    unit: str = ""
    unit_by_profile: dict[str, str] = Field(default_factory=dict)
    scope: Literal["own_agency", "city", "county", "system"]
    may: tuple[Key, ...]
    incompatible_with: tuple[Key, ...] = ()
    exclusive_group: str = ""
    named: bool = False
    expires: bool = False
    tied_to: tuple[Literal["system", "contract"], ...] = ()
    sees_sample_values: bool = True
    machine: bool = False


class ExclusiveGroup(Cited):
    members: tuple[Key, ...]


class Delegation(Marked):
    zh: Words
    en: Words
    by: tuple[Key, ...]
    moves: tuple[Key, ...]
    permissions: tuple[Key, ...]
    sources: Citations


class Roles(Frozen):
    units: tuple[Unit, ...]
    roles: tuple[Role, ...]
    exclusive_groups: tuple[ExclusiveGroup, ...]
    delegation: Delegation
    permissions: tuple[Named, ...]

    @cached_property
    def index(self) -> dict[str, Role]:
        return by_key(self.roles)

    @cached_property
    def granting(self) -> dict[str, frozenset[str]]:
        """Move or permission -> the keys of the roles that may do it."""
        acts = {act for role in self.roles for act in role.may}
        return {act: frozenset(r.key for r in self.roles if act in r.may) for act in acts}

    def clash(self, one: str, other: str) -> bool:
        """True when one person may not hold both roles. Raises KeyError for an unknown role."""
        first, second = self.index[one], self.index[other]
        grouped = bool(first.exclusive_group) and first.exclusive_group == second.exclusive_group
        apart = other in first.incompatible_with or one in second.incompatible_with
        return one != other and (grouped or apart)


LAW_FILES: dict[str, type[BaseModel]] = {
    "sources": Sources,
    "duties": Duties,
    "deadlines": Deadlines,
    "roles": Roles,
    "lifecycle": Lifecycle,
    "responsibility": Responsibility,
    "retirement": Retirement,
    "desensitization": Desensitization,
    "accounts": Accounts,
    "queues": Queues,
    "calendar": CalendarDays,
}
