"""A department of the demonstration at its desk: its people's deeds, on days counted from the first one."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load, profile_of_region
from registry import blobs, system_register
from registry.drafts import register_entry
from registry.duty_deeds import About, hand_in
from registry.errors import NotFound
from registry.lifecycle import perform_many
from registry.models import Agency, System
from registry.people import actor_of, holders, local, local_day
from registry.permits import Actor
from registry.recording import Paper
from registry.stores import Store
from registry.subjects import Subject
from registry.synthetic_words import (
    OWN_CLASS,
    DemoEvidence,
    DemoPaper,
    DemoSystem,
    Theme,
    items_of,
    sharing_of,
    words,
)

R = TypeVar("R")
STEWARD, CHIEF, HEAD, SECRECY, AUDITOR, BUREAU = (
    "steward",
    "division_chief",
    "head",
    "secrecy_reviewer",
    "auditor",
    "bureau",
)
_CITY = (AUDITOR, BUREAU)
# from draft to announcement: who, and how many days after the draft
_PATH = (
    ("submit", STEWARD, 0),
    ("clear", SECRECY, 1),
    ("endorse", CHIEF, 1),
    ("endorse", HEAD, 2),
    ("approve", AUDITOR, 3),
    ("announce", BUREAU, 4),
)
_FORMS = {"1": "库表", "2": "文件", "3": "服务接口"}
_TITLE = "演示数据，非真实文件"


class Desk:
    """The people of ``agency``, who act on days of the demonstration: ``begun`` is day 0, ``now`` the last moment."""

    def __init__(
        self, session: Session, agency: Agency, *, files: Store, begun: datetime, now: datetime
    ) -> None:
        self.session, self.agency, self.files = session, agency, files
        self.begun, self.now = begun, now
        self.profile = profile_of_region(agency.region) or ""

    # ---- who and when ----

    def moment(self, day: int) -> datetime:
        """A moment of a day of the demonstration."""
        return min(self.begun + timedelta(days=day), self.now)

    def on(self, day: int) -> date:
        """A day of the demonstration, where the register is kept."""
        return local_day(self.begun + timedelta(days=day))

    def clock(self, day: int, hour: int) -> str:
        """Some hours before ``moment``, as a record of wiping writes it."""
        return f"{local(self.moment(day)) - timedelta(hours=hour):%Y-%m-%dT%H:%M}"

    def actor(self, role: str, *, last: bool = False) -> Actor:
        """The first (or last) who holds a role at the department, or for the city.

        Raises:
            NotFound: nobody does.
        """
        today, of = local_day(self.now), None if role in _CITY else self.agency.id
        found = holders(self.session, role, today=today, agency_id=of)
        if not found:
            raise NotFound(f"{self.agency.name}没有人担任 {role}，不能演示")
        return actor_of(self.session, found[-1 if last else 0].login, today=today)

    def do(self, by: str | Actor, day: int, deed: Callable[..., R], /, *given: Any, **more: Any) -> R:
        """A deed of somebody on a day."""
        actor = self.actor(by) if isinstance(by, str) else by
        return deed(self.session, *given, **more, actor=actor, now=self.moment(day))

    # ---- papers ----

    def file(self, title: str, day: int) -> str:
        """The digest of a stored file of this title; it says that it is invented."""
        text = f"{title}\n{self.agency.name}\n{self.on(day)}\n（{_TITLE}）\n"
        most = load().entry.limits["file_bytes"]
        source, by = io.BytesIO(text.encode()), self.actor(STEWARD)
        given: dict[str, Any] = {"folder": self.files, "actor": by.login, "now": self.moment(day)}
        return blobs.keep(self.session, source, most_bytes=most, **given).sha256

    def paper(self, given: DemoPaper) -> Paper:
        """A document with its number, its day, and its file where it has a title."""
        day = self.on(given.day)
        paper = Paper(given.number.format(year=day.year), day)
        if not given.title:
            return paper
        return Paper(paper.number, day, self.file(given.title, given.day), f"{given.title}.txt")

    def hand_in(self, papers: Iterable[DemoEvidence], day: int, system: System | None = None) -> None:
        """Evidence of the duties of this department's measure: of a system, or of the department itself."""
        whose = About(system=system.id) if system else About(agency=self.agency.code)
        own = [one for one in papers if one.profile == self.profile]
        for number, one in enumerate(own, 1):
            row = DemoPaper(
                number=f"演示{one.kind[:2].upper()}〔{{year}}〕{number}号", day=day, title=one.title
            )
            self.do(STEWARD, day, hand_in, one.duty, one.kind, self.paper(row), about=whose, note=one.title)

    # ---- systems and entries ----

    def system(self, given: DemoSystem) -> System:
        """A system entered on the first day."""
        return self.do(
            STEWARD,
            0,
            system_register.add,
            self.agency.code,
            given.name,
            ident=given.ident,
            system_class=given.system_class,
            life=given.life,
            fields={key: self._field(value) for key, value in given.fields.items()},
        )

    def _field(self, value: str | int) -> str | date:
        return self.on(value) if isinstance(value, int) else value.format(year=self.on(0).year)

    def own_system(self) -> System:
        """The first system, by number, that the department built itself; it is entered where there is none."""
        exempt = load().duties.exempt_system_classes.codes
        query = select(System).where(
            col(System.agency_id) == self.agency.id, col(System.system_class).not_in(exempt)
        )
        found = self.session.execute(query.order_by(col(System.ident), col(System.id)).limit(1)).scalar()
        return found or self.system(words().systems.own)

    def announced(self, themes: Sequence[Theme], system: System, day: int) -> dict[str, str]:
        """Entries of a system, walked to their announcement; their keys by name."""
        made = {}
        for theme in themes:
            drafted = self.do(STEWARD, day, register_entry, self._content(theme, system))
            made[theme.name] = drafted.row.entry.id
        self.announce(made.values(), day + 1)
        return made

    def announce(self, entries: Iterable[str], day: int) -> None:
        """Walk drafts to their announcement, from this day on."""
        subjects = [Subject(key) for key in entries]
        for move, role, after in _PATH:
            when = self.moment(day + after)
            notice = {"number": f"演示通〔{when:%Y}〕{when.day}号", "date": f"{when:%Y-%m-%d}"}
            self.move(subjects, move, role, day + after, data=notice if move == "announce" else None)

    def move(
        self,
        subjects: Sequence[Subject],
        move: str,
        role: str,
        day: int,
        *,
        data: Mapping[str, Any] | None = None,
    ) -> str:
        """One move of all subjects; gives the key of the distribution of the first, if it is of one."""
        done = self.do(role, day, perform_many, subjects, move, data=data, files=self.files)
        return done[0].distribution_id or ""

    def _content(self, theme: Theme, system: System) -> dict[str, Any]:
        """An entry as its steward writes it, from a recipe and the words of the department."""
        department = next(one for one in words().departments if self.agency.name.endswith(one.zh))
        entry = {
            "resource_name": theme.name,
            "resource_abstract": f"{self.agency.name}{theme.about}，包括{'、'.join(theme.items)}",
            "keywords": list(theme.keywords),
            "business_matter": list(theme.matter),
            "resource_category": [f"{OWN_CLASS}/{self.agency.name}"],
            "data_class": list(department.data_class),
            "data_domain": department.data_domain,
            "data_level": "3",
            "spatial_scope": "4",
            "secret_flag": "非涉密",
            "legal_basis": f"{self.agency.name}主要职责：{theme.matter[0]}",
            "provider_name": self.agency.name,
            "provider_code": self.agency.code,
            "provider_division": department.divisions[0],
            "contact_name": self.actor(STEWARD).name,
            "contact_phone": "0851-28000000",
            "source_system_id": system.id,
            "format_type": ["MySQL"],
            "time_range": f"{self.on(0).year - 2}/01/01",
            "provide_channel": "1",
            "sync_mechanism": "1",
            "physical_deletion": False,
            **sharing_of(theme),
            **words().recipes[theme.recipe].content,
        }
        entry["items"] = items_of(theme, entry)
        entry["provide_form"] = [_FORMS[mode] for mode in entry["share_mode_type"]]
        return entry
