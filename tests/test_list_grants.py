"""Grants stand in the provider's list: who may use an entry, until when; an ended one does not."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from registry.db import Database
from registry.list_lines import fill_lines
from registry.models import Agency
from tests.list_cast import list_of, table
from tests.requests_cast import Desk, make_desk


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    made = make_desk(database, tmp_path)
    with database.write() as session:
        fill_lines(session)
    return made


def until(desk: Desk, grant: str) -> str:
    """The cell of the granted entry on the list of its provider."""
    found = desk.grant(grant)
    with desk.database.read() as session:
        code = session.execute(select(col(Agency.code)).where(col(Agency.id) == found.agency_id)).scalar_one()
    document = list_of(desk.database, code, now=desk.now)
    row = next(n for n, row in enumerate(document.lists[0].rows) if row.entry == found.entry_id)
    return table(document, document.lists[0].key)[row]["valid_until"]


def test_a_running_grant_is_told_with_its_user_and_last_day(desk: Desk) -> None:
    grant = desk.granted()
    assert until(desk, grant).endswith(f"至{desk.grant(grant).valid_until}")


def test_a_grant_past_its_date_stands_there_no_more(desk: Desk) -> None:
    grant = desk.granted()
    last = desk.grant(grant).valid_until
    assert last is not None
    desk.now += timedelta(days=(last - desk.now.date()).days + 2)
    assert until(desk, grant) == ""
