"""Systems, retirements, wipe cases, certificates and rectifications are found on the record by what people call them."""

from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from registry.audit import Act, list_events, names_of, record
from registry.db import Database
from registry.heads import prove, sign_head
from registry.models import Entry, System
from tests.cast import Cast, make_cast
from tests.conftest import NOW
from tests.system_rows import CERTIFICATE, add, one_of_each, record_row

ALL = {"l1", "x1", "h1", "w1", "d1", "y1", "y2", "v1", "r1", "z1"}
NUMBERS = {"TY-2026-0001", "QC-2026-0001", CERTIFICATE, "ZG-2026-0001"}


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    found = make_cast(database, tmp_path)
    with database.write() as session:
        entry_id = session.execute(select(col(Entry.id))).scalar_one()
        add(session, [*one_of_each(session, entry_id=entry_id), record_row(2)])
        session.execute(update(System).values(ident="520300-0001"))
        acts = [Act("said", subject, {}) for subject in ("y1", "QC-2026-0001", "z1", "others")]
        record(session, acts, actor="steward", now=NOW)
        sign_head(session, now=NOW)
    return found


def names(cast: Cast, asked: str) -> set[str]:
    with cast.database.read() as session:
        return set(names_of(session, asked)) - {asked}


def test_a_system_brings_all_that_is_its_own(cast: Cast) -> None:
    with cast.database.read() as session:
        key = session.execute(select(col(System.id))).scalar_one()
    assert names(cast, "520300-0001") == ALL | NUMBERS | {key}
    assert names(cast, key) == ALL | NUMBERS


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("TY-2026-0001", {"x1", "h1", "w1", "QC-2026-0001", "d1", "y1", "y2", CERTIFICATE}),
        ("QC-2026-0001", {"w1", "d1", "y1", "y2", CERTIFICATE}),
        ("w1", {"QC-2026-0001", "d1", "y1", "y2", CERTIFICATE}),
        (CERTIFICATE, {"y1"}),
        ("y1", {CERTIFICATE}),
        ("ZG-2026-0001", {"z1"}),
        ("z1", {"ZG-2026-0001"}),
        ("没有的编号", set()),
    ],
)
def test_a_number_brings_the_keys_that_it_stands_for(asked: str, found: set[str], cast: Cast) -> None:
    assert names(cast, asked) == found


def test_acts_are_listed_and_proven_by_number(cast: Cast) -> None:
    with cast.database.read() as session:
        told = [event.subject for event in list_events(session, subject="QC-2026-0001", newest=False)]
        proof = prove(session, "520300-0001")
    assert told == ["y1", "QC-2026-0001"]
    assert len(proof["events"]) == 3
