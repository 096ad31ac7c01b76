"""Who makes a move: only in his own scope, by his own role or one delegated in writing, never past its last day."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from catalog_specs import load
from registry.errors import MuluError, NotAllowed, NotFound
from registry.granting import delegate
from registry.keys import new_key
from registry.lifecycle import options, perform
from registry.lookup import find_entry
from registry.models import Agency, Opinion, Person, RoleGrant, System
from registry.permits import EVERYTHING, roles_of, sight
from registry.subjects import find_subject
from tests.cast import PATH, Cast, add_person, content, register
from tests.conftest import NOW, TODAY
from tests.stages import TABLE

At = Callable[[str], Cast]
WEEK = timedelta(days=7)


def join(cast: Cast, login: str, role: str, **grant: Any) -> None:
    """Another person of the first agency, with a role whose scope is ``grant``."""
    with cast.database.write() as session:
        agency = session.execute(select(Agency).where(col(Agency.name).contains("市场监督"))).scalar_one()
        system = session.execute(select(System).where(col(System.agency_id) == agency.id)).scalars().first()
        assert system is not None
        add_person(session, login, role, agency, system)
        session.flush()
        person = session.execute(select(Person).where(col(Person.login) == login)).scalar_one()
        if grant:
            session.execute(update(RoleGrant).where(col(RoleGrant.person_id) == person.id).values(**grant))


def sees(cast: Cast, login: str, name: str = "") -> bool:
    with cast.database.read() as session:
        seen = sight(cast.actor(login, session), roles_of(load()))
        try:
            find_entry(session, name or cast.code, sight=seen)
        except NotFound:
            return False
        return True


# ---- delegation -------------------------------------------------------------------------------------------


@pytest.fixture
def deputised(at: At) -> Cast:
    """The head has delegated his signature to a deputy for a week; a chief has signed."""
    cast = at("endorsed")
    join(cast, "deputy", "sharing_head")
    with cast.database.write() as session:
        delegate(
            session,
            "deputy",
            ["endorse"],
            document="遵市监授〔2026〕3号",
            start=TODAY,
            until=TODAY + WEEK,
            actor=cast.actor("head", session),
            now=cast.now,
        )
    return cast


def test_a_deputy_signs_for_the_head_and_that_is_on_record(deputised: Cast) -> None:
    done = deputised.act("endorse", "deputy")
    assert (done.awaits, done.awaits_role) == ("approve", None)
    with deputised.database.read() as session:
        opinion = session.get_one(Opinion, done.opinion_id)
        assert (opinion.login, opinion.role) == ("deputy", "head")
        assert opinion.delegation_id is not None
    assert deputised.act("approve", "auditor").after == "approved"


@pytest.mark.parametrize(("days", "may"), [(0, True), (7, True), (8, False)])
def test_he_signs_until_the_last_day(days: int, may: bool, deputised: Cast) -> None:
    deputised.now += timedelta(days=days)
    if may:
        assert deputised.act("endorse", "deputy").move == "endorse"
    else:
        with pytest.raises(NotAllowed):
            deputised.act("endorse", "deputy")


@pytest.mark.parametrize("move", ["return", "withdraw", "retire"])
def test_other_matters_stay_with_the_head(move: str, deputised: Cast) -> None:
    with pytest.raises(NotAllowed) as refused:
        deputised.act(move, "deputy", note="代")
    assert "head" in refused.value.details["missing_roles"]


def test_a_deputy_does_not_sign_twice_for_one_head(deputised: Cast) -> None:
    """The head's signature is there, whoever of the two gave it."""
    deputised.act("endorse", "deputy")
    with pytest.raises(MuluError, match="deputy 已于"):
        deputised.act("endorse", "head")


def test_a_deputy_who_wrote_it_does_not_sign_it(at: At, tmp_path: Path) -> None:
    cast = at("draft")
    join(cast, "deputy", "sharing_head")
    register(cast.database, tmp_path, content(contact_name="李雷"), author="deputy")
    with cast.database.write() as session:
        head = cast.actor("head", session)
        delegate(
            session,
            "deputy",
            ["endorse"],
            document="3号",
            start=TODAY,
            until=TODAY + WEEK,
            actor=head,
            now=cast.now,
        )
    cast.walk(*PATH[:3])
    with pytest.raises(NotAllowed, match="须由另一人办理"):
        cast.act("endorse", "deputy")


def test_one_who_is_chief_and_head_signs_as_each_in_turn(at: At) -> None:
    cast = at("cleared")
    with cast.database.write() as session:
        chief = session.execute(select(Person).where(col(Person.login) == "division_chief")).scalar_one()
        session.add(
            RoleGrant(
                id=new_key("g"),
                person_id=chief.id,
                role="head",
                agency_id=chief.agency_id,
                granted_by="test",
                granted_at=NOW,
            )
        )
    cast.act("endorse", "division_chief")
    done = cast.act("endorse", "division_chief")
    assert done.awaits == "approve"
    with cast.database.read() as session:
        signed = select(col(Opinion.role)).where(col(Opinion.move) == "endorse").order_by(col(Opinion.id))
        assert list(session.execute(signed).scalars()) == ["division_chief", "head"]


def test_a_role_elsewhere_does_not_stand_in_the_way(at: At) -> None:
    """Held first for another agency, then for this one: the one that fits is taken."""
    cast = at("endorsed")
    with cast.database.write() as session:
        other = Agency(
            id=new_key("a"),
            code="115203000094210200",
            name="遵义市民政局",
            kind="行政",
            region="520300",
            number=77,
            created_at=NOW,
        )
        session.add(other)
        session.flush()
        head = session.execute(select(Person).where(col(Person.login) == "head")).scalar_one()
        session.add(
            RoleGrant(
                id="g0", person_id=head.id, role="head", agency_id=other.id, granted_by="t", granted_at=NOW
            )
        )
    assert cast.act("endorse", "head").awaits == "approve"


# ---- scopes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["steward", "division_chief", "head", "secrecy_reviewer"])
def test_people_of_another_agency_are_refused(role: str, at: At, tmp_path: Path) -> None:
    cast = at("submitted")
    register(cast.database, tmp_path, content("OK02"))
    move = {"steward": "attach", "secrecy_reviewer": "clear"}.get(role, "endorse")
    with pytest.raises(NotAllowed, match="只能办理本角色范围内的事项") as refused:
        cast.act(move, role, name=content("OK02")["resource_code"], data=TABLE if move == "attach" else None)
    assert refused.value.details["reason"] == "scope"
    assert not sees(cast, role, content("OK02")["resource_code"])


def test_a_contractor_sees_and_attaches_in_his_own_system_alone(at: At, tmp_path: Path) -> None:
    cast = at("draft")
    code = "102024030201/000002"
    register(
        cast.database,
        tmp_path,
        content(resource_code=code, resource_name="企业年报信息", source_system_id="年报系统"),
    )
    assert (sees(cast, "contractor"), sees(cast, "contractor", code)) == (True, False)
    assert cast.act("attach", "contractor", data=TABLE).after == "pending"
    with pytest.raises(NotAllowed, match="范围"):
        cast.act("attach", "contractor", name=code, data=TABLE)
    for move in ("submit", "shelve", "clear_data"):
        with pytest.raises(NotAllowed) as refused:
            cast.act(move, "contractor")
        assert refused.value.details["reason"] == "role"


def test_a_contractor_is_gone_when_his_contract_ends(at: At) -> None:
    cast = at("draft")
    cast.now += timedelta(days=301)
    with pytest.raises(NotAllowed):
        cast.act("attach", "contractor", data=TABLE)


@pytest.mark.parametrize(("region", "may"), [("5203", True), ("520321", False), ("", False)])
def test_a_county_auditor_approves_in_his_own_county(region: str, may: bool, at: At) -> None:
    cast = at("signed")
    join(cast, "county", "county_auditor", region=region)
    if may:
        assert cast.act("approve", "county").after == "approved"
        return
    with pytest.raises(NotAllowed, match="范围"):
        cast.act("approve", "county")
    assert not sees(cast, "county")


def test_an_auditor_of_some_region_has_no_other(at: At) -> None:
    cast = at("signed")
    join(cast, "west", "auditor", region="5202")
    with pytest.raises(NotAllowed, match="范围"):
        cast.act("approve", "west")


def test_a_disabled_person_makes_no_move(at: At) -> None:
    cast = at("draft")
    with cast.database.write() as session:
        session.execute(update(Person).where(col(Person.login) == "steward").values(active=False))
    with pytest.raises(MuluError):
        cast.act("submit", "steward")


# ---- what is offered --------------------------------------------------------------------------------------


def offered(cast: Cast, login: str) -> dict[str, list[str]]:
    """Each move that is offered to someone, with the guards that are not met."""
    with cast.database.read() as session:
        entry = cast.subject(session, "submit").entry_id
        found = options(
            session, entry, actor=cast.actor(login, session), specs=load("zunyi_2020"), now=cast.now
        )
        return {one.move: [unmet.guard for unmet in one.missing] for one in found}


@pytest.mark.parametrize(
    ("stage", "login", "moves"),
    [
        ("draft", "steward", {"submit": [], "attach": []}),
        ("draft", "head", {"retire": ["retirement_decided"]}),
        ("draft", "contractor", {"attach": []}),
        ("submitted", "steward", {"attach": []}),
        ("submitted", "secrecy_reviewer", {"clear": [], "object": []}),
        (
            "submitted",
            "head",
            {
                "endorse": ["secrecy_risk_assessment", "chief_consent"],
                "return": [],
                "retire": ["retirement_decided"],
            },
        ),
        ("cleared", "division_chief", {"endorse": [], "return": []}),
        ("signed", "auditor", {"approve": [], "return": []}),
        ("approved", "bureau", {"announce": []}),
        ("announced", "steward", {"revise": [], "attach": []}),
        ("announced", "head", {"withdraw": [], "retire": ["retirement_decided"]}),
        ("attached", "secrecy_reviewer", {"clear_data": []}),
        ("shelved", "logaudit", None),
    ],
)
def test_what_may_be_done_is_offered_with_what_is_missing(
    stage: str, login: str, moves: dict[str, list[str]] | None, at: At
) -> None:
    if moves is None:
        assert offered(at(stage), "log_auditor") == {}
    else:
        assert offered(at(stage), login) == moves


def test_looking_holds_nobody_up(at: At) -> None:
    """A page that shows what may be done takes no lock."""
    cast = at("submitted")
    with cast.database.read() as session:
        subject = find_subject(session, cast.code, "clear", sight=EVERYTHING)
        options(
            session,
            subject.entry_id,
            actor=cast.actor("secrecy_reviewer", session),
            specs=load("zunyi_2020"),
            now=cast.now,
        )
        with cast.database.write() as other:
            perform(other, subject, "clear", actor=cast.actor("secrecy_reviewer", other), now=cast.now)
    assert cast.state()[0] == "submitted"
