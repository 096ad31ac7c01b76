"""Copies, retirements, wipe cases, evidence and budget flags follow when agencies merge, split or close."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from registry.agencies import close
from registry.audit import Act, events_of, record
from registry.db import Database
from registry.errors import Conflict
from registry.handover import _FOLLOWING
from registry.models import (
    BudgetFlag,
    DataCopy,
    DutyEvidence,
    Entry,
    Rectification,
    Retirement,
    System,
    WipeCase,
)
from registry.reconcile import differences
from registry.splitting import Part, split
from tests.agency_cast import CIVIL, MARKET, credit_code, deed, make_agencies, merged, named, ordered
from tests.conftest import NOW
from tests.system_rows import add, one_of_each, the_system

ONE = credit_code(1)


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    """Agencies, and one row of every table about the first system, by an act on the record."""
    make_agencies(database, tmp_path)
    with database.write() as session:
        entry_id = session.execute(select(col(Entry.id)).order_by(col(Entry.id))).scalars().first()
        assert entry_id is not None
        add(session, one_of_each(session, entry_id=entry_id))
        evidence = DutyEvidence(
            id="v2", duty="LPS-06", year=2026, kind="report", agency_id=owner(session), by="x", at=NOW
        )
        add(session, [evidence])
        session.get_one(DutyEvidence, "v1").agency_id = owner(session)
        record(session, [Act("set_up", "w1", {})], actor="steward", now=NOW)
    return database


def owner(session: Any) -> str:
    return the_system(session).agency_id


def owners(database: Database) -> dict[str, str | None]:
    """The agencies of the rows that follow, by key."""
    with database.read() as session:
        return {
            row.id: row.agency_id for model in _FOLLOWING for row in session.execute(select(model)).scalars()
        }


def codes(database: Database) -> tuple[str, str, str]:
    """The agency of the first system and its name, and another one."""
    with database.read() as session:
        system = the_system(session)
        own = next(code for code in (MARKET, CIVIL) if named(database, code).id == system.agency_id)
        return own, system.name, next(code for code in (MARKET, CIVIL) if code != own)


def test_a_merger_takes_all_of_it_along(city: Database) -> None:
    own, _system, other = codes(city)
    assert set(owners(city)) == {"d1", "x1", "w1", "v1", "v2", "b1"}
    done = merged(city, [own], other)
    assert set(owners(city).values()) == {named(city, other).id}
    assert done.taken[0].moved.cases == 6
    with city.read() as session:
        assert list(differences(session)) == []
        events = {event.act: event.details for event in events_of(session, named(city, own).id)}
    copies, merger = events["move_data_copy"], events["merge_agency"]
    assert copies is not None and merger is not None
    assert (copies["keys"], copies["from"], copies["to"]) == (["d1"], own, other)
    assert merger["counts"]["cases"] == 6


def test_a_part_takes_what_belongs_to_its_systems(city: Database) -> None:
    own, system, _other = codes(city)
    old = named(city, own).id
    deed(city, "bureau", split, own, [Part(ONE, "遵义市新设局", systems=(system,))], **ordered())
    new = named(city, ONE).id
    # what speaks of the agency itself stays with it
    assert owners(city) == {"d1": new, "x1": new, "w1": new, "v1": new, "v2": old, "b1": old}
    with city.read() as session:
        assert list(differences(session)) == []


def test_an_agency_with_open_cases_is_not_closed_without_a_successor(city: Database) -> None:
    own, _system, _other = codes(city)
    with pytest.raises(Conflict) as refused:
        deed(city, "bureau", close, own, **ordered())
    said = refused.value.message
    assert "停用任务 1 件（TY-2026-0001）" in said and "清除任务 1 件（QC-2026-0001）" in said
    assert "整改 1 件（ZG-2026-0001）" in said and "数据副本 1 处（无）" in said


def test_closed_cases_do_not_stand_against_it(city: Database) -> None:
    own, _system, _other = codes(city)
    with city.write() as session:
        for model in (Retirement, WipeCase, Rectification):
            session.execute(update(model).values(closed_at=NOW))
        session.execute(update(DataCopy).values(state="certified"))
    with pytest.raises(Conflict) as refused:
        deed(city, "bureau", close, own, **ordered())
    assert "任务" not in refused.value.message and "整改" not in refused.value.message


def test_a_split_that_closes_leaves_no_case_behind(city: Database) -> None:
    own, _system, other = codes(city)
    rest = Part(other, rest=True)
    deed(city, "bureau", split, own, [rest], close=True, **ordered())
    closed = named(city, own)
    assert closed.successor_id == named(city, other).id
    assert closed.id not in owners(city).values()
    with city.read() as session:
        flag, system = session.get_one(BudgetFlag, "b1"), session.execute(select(System)).scalars().first()
    assert system is not None and flag.agency_id == named(city, other).id
