"""A system that is retired in tests: its people, its entries, its copies, and each deed in a transaction of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from registry import copies, retirement, retirement_settling
from registry.models import Agency, DataCopy, Entry, Person, Retirement, RetirementEntry, System
from registry.permits import Actor
from registry.recording import Paper
from registry.retirement_cases import find_case, wipe_case_of
from registry.retirement_entries import Fate, Settled
from registry.retirement_impact import lacking_kinds
from registry.retirement_progress import lacking_to_close
from registry.retirement_shown import case_json
from registry.wipe_cases import say_absent
from tests.cast import Cast, add_person
from tests.wipe_content import Wiping, physical

R = TypeVar("R")
# after the day of the decision, as WI8 asks
WIPED_AT = {"started_at": "2026-11-21T10:30", "finished_at": "2026-11-21T11:30"}
DECISION = "遵市监停〔2026〕3号"
FILED = "遵数备〔2026〕12号"


@dataclass
class Retiring:
    """The retirement of the system of a cast's entry."""

    cast: Cast
    number: str = ""
    others: dict[str, str] = field(default_factory=dict)

    def do(self, deed: Callable[..., R], *given: Any, by: str = "head", **more: Any) -> R:
        with self.cast.database.write() as session:
            actor = self.actor(session, by)
            made = deed(session, *given, actor=actor, now=self.cast.now, **more)
            if isinstance(made, SQLModel):
                session.flush()
                session.expunge(made)
            return made

    def actor(self, session: Session, by: str) -> Actor:
        return self.cast.actor(by, session)

    @property
    def system(self) -> str:
        with self.cast.database.read() as session:
            query = select(col(Entry.system_id)).where(col(Entry.code) == self.cast.code)
            return str(session.execute(query).scalar_one())

    def copy(self, kind: str = "primary", name: str = "主库磁盘", **more: Any) -> str:
        given: dict[str, Any] = {
            "holder": "遵义市市场监督管理局",
            "medium": "hdd",
            "ids": {"serial_no": f"SN-{name}", "manufacturer": "希捷", "model": "ST4000", "capacity": "4TB"},
        }
        with self.cast.database.write() as session:
            system = session.get_one(System, self.system)
            actor = self.actor(session, "steward")
            return copies.add(
                session, system, kind, name, **(given | more), actor=actor, now=self.cast.now
            ).id

    def open(self, *, by: str = "head", **more: Any) -> Retirement:
        paper = more.pop("paper", Paper(DECISION, self.cast.now.date()))
        made = self.do(retirement.open_retirement, self.system, paper=paper, by=by, **more)
        self.number = made.number
        return made

    def step(self, key: str, number: str = FILED, *, by: str = "steward", **more: Any) -> Any:
        return self.do(retirement.do_step, self.number, key, Paper(number), by=by, **more)

    def decide(self, *fates: Fate, by: str = "head") -> list[str]:
        return self.do(retirement_settling.decide, self.number, list(fates), by=by)

    def settle(self, *, by: str = "head", keys: Sequence[str] | None = None) -> Settled:
        with self.cast.database.read() as session:
            waiting = retirement_settling.waiting_entries(session, self.number, actor=self.actor(session, by))
        return self.do(retirement_settling.settle, self.number, keys or waiting, by=by)

    def close(self, *, by: str = "head") -> Retirement:
        return self.do(retirement.close, self.number, by=by)

    def lacking(self) -> list[str]:
        with self.cast.database.read() as session:
            case = find_case(session, self.number, actor=None).case
            return lacking_to_close(session, case, now=self.cast.now)

    def shown(self, now: datetime | None = None) -> dict[str, Any]:
        with self.cast.database.read() as session:
            return case_json(session, find_case(session, self.number, actor=None), now=now or self.cast.now)

    def fate_of(self, code: str) -> Mapping[str, Any]:
        with self.cast.database.read() as session:
            query = select(RetirementEntry).join(Entry, col(Entry.id) == col(RetirementEntry.entry_id))
            return session.execute(query.where(col(Entry.code) == code)).scalar_one().model_dump()

    def entry(self, code: str = "") -> Entry:
        with self.cast.database.read() as session:
            found = session.execute(
                select(Entry).where(col(Entry.code) == (code or self.cast.code))
            ).scalar_one()
            session.expunge(found)
            return found

    def states(self) -> dict[str, str]:
        """The states of the system's copies by name."""
        with self.cast.database.read() as session:
            rows = session.execute(select(DataCopy).where(col(DataCopy.system_id) == self.system)).scalars()
            return {row.name: row.state for row in rows}

    def wipe(self, *names: str) -> list[str]:
        """Have copies wiped, verified, witnessed and approved; gives the numbers of the certificates."""
        self.cast.now += timedelta(days=1)
        log = Wiping(self.cast.database, self.cast.now, self.shown()["wipe_case"])
        with self.cast.database.write() as session:
            if session.execute(select(Person).where(col(Person.login) == "verifier")).first() is None:
                system = session.get_one(System, self.system)
                add_person(session, "verifier", "steward", session.get_one(Agency, system.agency_id), system)
        contents = [physical(name, serial_no=f"SN-{name}", **WIPED_AT) for name in names]
        numbers = [log.certify(key) for key in log.record(*contents)]
        self.cast.now = log.now
        return numbers

    def nowhere_else(self) -> None:
        """Declare that there are no copies of the kinds that nobody registered."""
        with self.cast.database.write() as session:
            case = find_case(session, self.number, actor=None).case
            lacking = lacking_kinds(copies.list_copies(session, system_id=case.system_id))
            say_absent(
                session,
                wipe_case_of(session, case),
                dict.fromkeys(lacking, "没有这种副本"),
                actor=self.actor(session, "head"),
                now=self.cast.now,
            )
