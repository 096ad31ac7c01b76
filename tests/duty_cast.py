"""Two cities with their people and systems, and the duties of these."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from catalog_specs import load
from registry.db import Database
from registry.duties import Standing, read_duties
from registry.duty_deeds import About, hand_in, waive, withdraw
from registry.duty_gates import Lack, missing
from registry.duty_terms import Asked
from registry.keys import new_key
from registry.models import DutyEvidence, System
from registry.people import actor_of
from registry.recording import Paper
from tests.conftest import NOW
from tests.web_people import CIVIL, agency, person

COAL = "11520200009418003X"
LOW, OIL, STATE = "低保管理系统", "煤矿监管系统", "国家税务系统"
LONG_AGO = NOW - timedelta(days=500)


@dataclass
class City:
    """The register; ``act`` runs a deed as somebody in its own transaction."""

    database: Database
    now: datetime = NOW

    def act(self, login: str, deed: Callable[..., DutyEvidence], *given: Any, **more: Any) -> str:
        """The key of what a deed keeps."""
        with self.database.write() as session:
            who = actor_of(session, login, today=self.now.date())
            return deed(session, *given, **more, actor=who, now=self.now).id

    def hand_in(
        self,
        duty: str,
        kind: str,
        number: str = "〔2026〕1号",
        *,
        login: str = "steward",
        day: date | None = None,
        note: str = "",
        **of: Any,
    ) -> str:
        """The key of a piece of evidence handed in."""
        paper, about = Paper(number, day), About(**of)
        return self.act(login, hand_in, duty, kind, paper, about=about, note=note)

    def waive(self, duty: str, why: str = "没有对外接口", *, login: str = "bureau", **of: Any) -> str:
        return self.act(login, waive, duty, about=About(**of), why=why)

    def withdraw(self, key: str, why: str = "填错", *, login: str = "steward") -> None:
        self.act(login, withdraw, key, why=why)

    def duties(self, year: int | None = None, login: str | None = None, **asked: Any) -> list[Standing]:
        with self.database.read() as session:
            who = actor_of(session, login, today=self.now.date()) if login else None
            found = Asked(year, actor=who, **asked)
            return read_duties(session, found, now=self.now, specs=load())

    def duty(self, key: str, subject: str = "", year: int | None = None) -> Standing:
        """The only duty of an article, of the subject of that name where several have it."""
        found = [o for o in self.duties(year) if o.duty.id == key and subject in ("", o.subject.name)]
        assert len(found) == 1
        return found[0]

    def state(self, key: str, subject: str = "", year: int | None = None) -> str:
        return self.duty(key, subject, year).state

    def missing(self, name: str, gate: str) -> tuple[Lack, ...]:
        with self.database.read() as session:
            found = session.query(System).filter_by(name=name).one()
            return missing(session, found, gate, now=self.now)

    def change(self, name: str, **values: Any) -> None:
        """A system as the register has it, changed."""
        with self.database.write() as session:
            found = session.query(System).filter_by(name=name).one()
            for key, value in values.items():
                setattr(found, key, value)

    def key(self, name: str) -> str:
        with self.database.read() as session:
            return session.query(System).filter_by(name=name).one().id

    def add(self, row: Any) -> str:
        """The key of a row that is laid into the register."""
        with self.database.write() as session:
            session.add(row)
            session.flush()
            return str(row.id)


def make_city(database: Database) -> City:
    """Zunyi's civil affairs with a system and an external one; Liupanshui's energy bureau with a system."""
    with database.write() as session:
        civil = agency(session, created_at=LONG_AGO)
        coal = agency(session, "六盘水市能源局", COAL, region="520200", created_at=LONG_AGO)
        for owner, name, profile, more in (
            (civil, LOW, "zunyi_2020", {"system_class": "01"}),
            (civil, STATE, "zunyi_2020", {"system_class": "02"}),
            (coal, OIL, "liupanshui_2025", {"system_class": "01"}),
        ):
            made = System(
                id=new_key("s"),
                agency_id=owner.id,
                name=name,
                profile=profile,
                life="building",
                created_at=LONG_AGO,
                **more,
            )
            session.add(made)
        session.flush()
        person(session, "steward", "steward", of=civil)
        person(session, "miner", "steward", of=coal)
        person(session, "secretary", "secrecy_reviewer", of=civil)
        person(session, "bureau", "bureau")
        person(session, "auditor", "auditor")
    return City(database)


__all__ = ["CIVIL", "COAL", "LOW", "OIL", "STATE", "City", "make_city"]
