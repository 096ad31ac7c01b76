"""Rows of review put straight into the tables: agencies, entries with a version, distributions, opinions."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from registry.keys import new_key
from registry.models import Agency, Distribution, Entry, Notice, Opinion, Person, System, Version
from registry.permits import Actor, Held
from tests.conftest import NOW


def agency(session: Session, number: int, *, region: str = "520300") -> Agency:
    made = Agency(
        id=f"a{number}",
        code=f"11520300000000{number:04d}",
        name=f"单位{number}",
        kind="department",
        region=region,
        number=number,
        created_at=NOW,
    )
    session.add(made)
    session.flush()
    return made


def entry(session: Session, of: Agency, name: str, *, in_force: int | None = None, **version: Any) -> str:
    """An entry with one version; gives its key. ``version`` sets columns of the version, ``lock`` and all."""
    key, number = new_key("e"), version.pop("number", 1)
    state = version.pop("state", "draft")
    session.add(
        Entry(
            id=key,
            agency_id=of.id,
            code=version.pop("code", None),
            code_status="none",
            state=state if in_force is None else "announced",
            in_force=in_force,
            newest=number,
            created_at=NOW,
        )
    )
    session.flush()
    add_version(session, key, number, name=name, state=state, **version)
    return key


def add_version(session: Session, key: str, number: int, **columns: Any) -> None:
    row = {
        "content": {"resource_name": columns.get("name", "")},
        "digest": f"{number:064d}",
        "folded": columns.get("name", ""),
        "profile": "zunyi_2020",
        "spec": "0" * 64,
        "findings": [],
        "needs": [],
        "errors": 0,
        "warnings": 0,
        "created_by": "author",
        "created_at": NOW,
    }
    session.add(Version(entry_id=key, number=number, **(row | columns)))
    session.flush()


def distribution(session: Session, of: str, **columns: Any) -> str:
    row = {
        "id": new_key("d"),
        "entry_id": of,
        "name": "库表",
        "form": "1",
        "patterns": ["查询"],
        "items": [],
        "state": "pending",
        "created_by": "author",
        "created_at": NOW,
    } | columns
    session.add(Distribution(**row))
    session.flush()
    return str(row["id"])


def person(session: Session, login: str, name: str = "") -> str:
    key = f"p{login}"
    session.add(Person(id=key, login=login, name=name or login, created_by="test", created_at=NOW))
    session.flush()
    return key


def opinion(session: Session, of: str, move: str, at: datetime, **columns: Any) -> None:
    """A move that was made; by person ``author`` unless another one is named."""
    before, after = columns.pop("states", ("submitted", "submitted"))
    row = {
        "id": new_key("o"),
        "entry_id": of,
        "number": 1,
        "move": move,
        "role": "steward",
        "person_id": "pauthor",
        "login": "author",
        "state_before": before,
        "state_after": after,
        "data": {},
        "at": at,
    }
    session.add(Opinion(**(row | columns)))
    session.flush()


def notice(session: Session, number: str, **columns: Any) -> str:
    row = {"id": new_key("n"), "number": number, "day": NOW.date(), "created_by": "bureau", "created_at": NOW}
    session.add(Notice(**(row | columns)))
    session.flush()
    return str((row | columns)["id"])


def system(session: Session, of: Agency) -> str:
    made = System(
        id=new_key("s"), agency_id=of.id, name="系统", profile="zunyi_2020", life="operating", created_at=NOW
    )
    session.add(made)
    session.flush()
    return made.id


def actor(login: str, *held: Held) -> Actor:
    return Actor(f"p{login}", login, login, held)


def days_ago(days: float) -> datetime:
    """So many calendar days before now."""
    return NOW - timedelta(days=days)
