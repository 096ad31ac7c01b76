"""The people of the demonstration: one a role, at one agency, with a password that is told."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.demo_people import load_people
from registry.errors import Conflict
from registry.models import Person
from registry.passwords import check_password
from registry.people import actor_of, find_person
from registry.permits import roles_of
from registry.synthetic_words import words
from tests.conftest import NOW, TODAY
from tests.web_people import agency, person, system

LOGINS = ["steward", "chief", "head", "secrecy", "sharing", "auditor", "bureau", "contractor"]
LOGINS += ["admin", "security", "logaudit", "robot"]


def test_there_is_one_account_a_role(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        owner = agency(session)
        tied = system(session, owner)
        said = load_people(session, owner, tied, {}, now=NOW)
        assert words().password in said
        held = {login: actor_of(session, login, today=TODAY).held for login in LOGINS}
        # and a second steward, who verifies what the first one wiped (WI1)
        everybody = set(session.execute(select(col(Person.login))).scalars())
        assert everybody == {*LOGINS, "verifier"}
        assert all(len(roles) == 1 for roles in held.values())
        assert {roles[0].role for roles in held.values()} == set(roles_of(load()).index) - {"county_auditor"}
        assert {login for login in LOGINS if held[login][0].agency_id == owner.id} == set(LOGINS[:5])
        assert held["contractor"][0].system_id == tied.id
        assert actor_of(session, "contractor", today=TODAY + timedelta(days=301)).held == ()
        assert not find_person(session, "steward").must_change
        assert check_password(words().password, find_person(session, "steward").password_hash).right
        assert find_person(session, "robot").password_hash is None


def test_it_refuses_to_load_beside_other_people(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        owner = agency(session)
        person(session, "zhang", of=owner)
        with pytest.raises(Conflict, match="已有账号"):
            load_people(session, owner, system(session, owner), {}, now=NOW)
