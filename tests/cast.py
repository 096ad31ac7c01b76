"""The cast: people of every role, and an entry of theirs in any state, for the tests of review."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_specs import Specs, load
from registry.db import Database
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.keys import new_key
from registry.lifecycle import Done, perform
from registry.lookup import find_entry
from registry.models import Agency, Person, RoleGrant, System
from registry.people import actor_of
from registry.permits import EVERYTHING, Actor
from registry.recording import Paper, about, keep_record
from registry.subjects import Subject, find_subject
from tests.conftest import NOW
from tests.examples import good

LAW = "婚姻登记条例"
OWN = ("steward", "division_chief", "head", "secrecy_reviewer", "sharing_head")
CITY = ("auditor", "bureau", "system_admin", "security_admin", "log_auditor", "sync_robot")
ROLES = (*OWN, *CITY, "contractor", "county_auditor")
# the path of a first version: who makes which move
PATH = (
    ("submit", "steward"),
    ("clear", "secrecy_reviewer"),
    ("endorse", "division_chief"),
    ("endorse", "head"),
    ("approve", "auditor"),
    ("announce", "bureau"),
)
NOTICE = {"number": "遵数通〔2026〕1号", "date": "2026-01-05"}


def content(key: str = "OK04", **changes: Any) -> dict[str, Any]:
    """A good entry that may be submitted: it also names its basis."""
    return good(key, **({"legal_basis": LAW, "sync_mechanism": "1", "share_scope": "全市政务部门"} | changes))


def register(database: Database, folder: Path, *rows: Mapping[str, Any], author: str = "steward") -> None:
    """Import entries as ``author``'s drafts."""
    path = folder / f"{new_key('f')}.jsonl"
    write_jsonl(rows, path, load("zunyi_2020"))
    with database.write() as session:
        import_workbook(session, path, actor=author, now=NOW)


@dataclass
class Cast:
    """People of one agency and of the city; ``act`` makes a move in its own transaction."""

    database: Database
    code: str
    now: datetime = NOW
    files: Path | None = None

    def actor(self, role: str, session: Session) -> Actor:
        return actor_of(session, role, today=self.now.date())

    def subject(self, session: Session, move: str, name: str = "") -> Subject:
        return find_subject(session, name or self.code, move, sight=EVERYTHING)

    def act(
        self, move: str, role: str, *, name: str = "", note: str = "", data: Mapping[str, Any] | None = None
    ) -> Done:
        with self.database.write() as session:
            subject = self.subject(session, move, name)
            done = perform(
                session,
                subject,
                move,
                actor=self.actor(role, session),
                now=self.now,
                note=note,
                data=NOTICE if move == "announce" and data is None else data,
                files=self.files,
            )
        self.now += timedelta(minutes=1)
        return done

    def walk(self, *steps: tuple[str, str]) -> None:
        for move, role in steps:
            self.act(move, role)

    def walk_to(self, move: str, role: str = "") -> None:
        """The path up to, not with, ``move`` (of ``role``)."""
        for step in PATH:
            if step[0] == move and role in ("", step[1]):
                return
            self.act(*step)

    def record(
        self, kind: str, *, role: str = "steward", name: str = "", number: str = "〔2026〕7号"
    ) -> None:
        with self.database.write() as session:
            thing = about(session, name or self.code, sight=EVERYTHING)
            keep_record(
                session, thing, kind, Paper(number=number), actor=self.actor(role, session), now=self.now
            )

    def state(self) -> tuple[str, int | None, int]:
        """The entry's state, the version in force, the newest version."""
        with self.database.read() as session:
            entry = find_entry(session, self.code, sight=EVERYTHING).entry
            return entry.state, entry.in_force, entry.newest


def make_cast(
    database: Database, folder: Path, row: Mapping[str, Any] | None = None, *, specs: Specs | None = None
) -> Cast:
    """The cast around one registered entry (the first, when several are given)."""
    first = dict(row or content())
    register(database, folder, first)
    with database.write() as session:
        agency = session.execute(select(Agency)).scalars().first()
        system = session.execute(select(System)).scalars().first()
        assert agency is not None and system is not None
        for role in ROLES:
            add_person(session, role, role, agency, system)
    return Cast(database, str(first["resource_code"]), files=folder / "files")


def add_person(session: Session, login: str, role: str, agency: Agency, system: System) -> None:
    """A person who holds one role."""
    own = role in (*OWN, "contractor")
    person = Person(
        id=new_key("p"),
        login=login,
        name=login,
        agency_id=agency.id if own else None,
        machine=role == "sync_robot",
        created_by="test",
        created_at=NOW,
    )
    session.add(person)
    session.flush()
    session.add(
        RoleGrant(
            id=new_key("g"),
            person_id=person.id,
            role=role,
            agency_id=agency.id if own else None,
            system_id=system.id if role == "contractor" else None,
            contract="HT-1" if role == "contractor" else None,
            valid_until=(NOW + timedelta(days=300)).date() if role == "contractor" else None,
            region=agency.region if role == "county_auditor" else None,
            granted_by="test",
            granted_at=NOW,
        )
    )
