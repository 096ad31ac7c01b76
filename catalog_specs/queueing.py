"""The shapes of queues.yaml (risks, spot checks) and of calendar.yaml (what a city decides about working days)."""

import datetime
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, field_validator

from catalog_specs.law_release import Citations, Cited, Key, Share, Words, by_key
from catalog_specs.model import Frozen, Marked


class Risk(Cited):
    """A reason to look closer: ``weight`` counts into the risk, ``check`` is how validators.risk finds it out.

    ``first``: whether it may be said of a first version, which is compared with nothing shared or opened.
    """

    check: Literal["first", "looser", "new_personal", "high_opened", "lowered", "changed"]
    fields: tuple[str, ...]
    weight: Annotated[int, Field(ge=1)]
    first: bool


class StatedDate(Frozen):
    """A field of the entry that says itself until when the act of a clock is due."""

    clock: Key
    field: str
    sources: Citations


class SpotCheck(Marked):
    """A random sample of versions whose risk is below ``below``; ``by`` are the permissions to draw it."""

    below: int
    share: Share
    at_least: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)]
    by: Annotated[tuple[Key, ...], Field(min_length=1)]
    zh: Words
    en: Words
    sources: Citations


class Queues(Frozen):
    risks: tuple[Risk, ...]
    strictest_first: tuple[str, ...]
    personal: tuple[str, ...]
    sensitive: str
    high_grade: str
    stated_dates: tuple[StatedDate, ...]
    spot_check: SpotCheck

    @cached_property
    def index(self) -> dict[str, Risk]:
        return by_key(self.risks)


class CalendarDay(Frozen):
    """A day that a city decides on: working or not, and why."""

    date: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    working: bool
    zh: Words

    @field_validator("date")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        datetime.date.fromisoformat(value)
        return value

    @property
    def day(self) -> datetime.date:
        return datetime.date.fromisoformat(self.date)


class CalendarDays(Frozen):
    """Days beside the State Council's calendar; ``years`` are those whose arrangement ``days`` hold whole."""

    years: tuple[int, ...] = ()
    days: tuple[CalendarDay, ...] = ()

    @field_validator("days")
    @classmethod
    def _once_each(cls, value: tuple[CalendarDay, ...]) -> tuple[CalendarDay, ...]:
        seen: set[str] = set()
        for row in value:
            if row.date in seen:
                raise ValueError(f"{row.date} 出现不止一次，只留一处")
            seen.add(row.date)
        return value
