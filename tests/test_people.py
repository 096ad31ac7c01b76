"""Accounts and roles: who gets which, who may not hold two, when they end."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry import accounts
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.models import AuditEvent
from registry.people import account_keepers, actor_of, find_agency, holders, local_day
from registry.permits import Held
from tests.conftest import NOW, TODAY
from tests.web_people import CIVIL, FOUNDER, MARKET, PASSWORD, agency, contractor, person, system


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as opened:
        yield opened


def test_an_account_belongs_to_an_agency_named_by_code_or_name(session: Session) -> None:
    owner = agency(session)
    for login, named in (("a1", CIVIL), ("a2", "遵义市民政局"), ("a3", owner.id)):
        made = accounts.add_user(session, login, "张三", agency=named, actor=FOUNDER, now=NOW)
        assert (made.agency_id, made.active, made.password_hash) == (owner.id, True, None)


@pytest.mark.parametrize("login", ["", "a", "Ä1", "张三", "a b", ".ab", "local", "x" * 65, "a/b"])
def test_it_refuses_a_login_that_is_none(session: Session, login: str) -> None:
    with pytest.raises(Rejected, match="不能用"):
        accounts.add_user(session, login, "张三", actor=FOUNDER, now=NOW)


def test_it_refuses_a_login_twice_in_any_case(session: Session) -> None:
    person(session, "zhang")
    with pytest.raises(Conflict, match="zhang"):
        accounts.add_user(session, " ZHANG ", "张四", actor=FOUNDER, now=NOW)


def test_it_refuses_an_unknown_or_closed_agency(session: Session) -> None:
    agency(session, valid_until=TODAY - timedelta(days=1))
    with pytest.raises(NotFound):
        find_agency(session, CIVIL, today=TODAY)
    with pytest.raises(NotFound):
        accounts.add_user(session, "zhang", "张三", agency="没有的局", actor=FOUNDER, now=NOW)


def test_only_the_security_admin_manages_accounts(session: Session) -> None:
    person(session, "boss", "system_admin")
    actor = actor_of(session, "boss", today=TODAY)
    with pytest.raises(NotAllowed) as refused:
        accounts.add_user(session, "zhang", "张三", actor=actor, now=NOW)
    assert refused.value.details["missing_roles"] == ["security_admin"]
    with pytest.raises(NotAllowed):
        accounts.grant_role(session, "boss", "auditor", actor=actor, now=NOW)


def test_roles_are_held_within_their_days(session: Session) -> None:
    owner = agency(session)
    person(session, "zhang", of=owner)
    first, last = TODAY + timedelta(days=1), TODAY + timedelta(days=9)
    accounts.grant_role(session, "zhang", "steward", start=first, until=last, actor=FOUNDER, now=NOW)
    held = {day: actor_of(session, "zhang", today=day).held for day in (TODAY, first, last)}
    assert held == {TODAY: (), first: (Held("steward", owner.id),), last: (Held("steward", owner.id),)}
    assert actor_of(session, "zhang", today=last + timedelta(days=1)).held == ()


def test_a_role_ends_with_its_agency(session: Session) -> None:
    owner = agency(session)
    person(session, "zhang", "steward", of=owner)
    owner.valid_until = TODAY
    assert len(actor_of(session, "zhang", today=TODAY).held) == 1
    assert actor_of(session, "zhang", today=TODAY + timedelta(days=1)).held == ()


def test_a_contractors_role_ends_with_the_agency_of_its_system(session: Session) -> None:
    owner = agency(session)
    tied = system(session, owner)
    contractor(session, tied)
    assert actor_of(session, "contractor", today=TODAY).held == (Held("contractor", system_id=tied.id),)
    owner.valid_until = TODAY - timedelta(days=1)
    assert actor_of(session, "contractor", today=TODAY).held == ()


def test_a_disabled_person_is_nobody(session: Session) -> None:
    person(session, "zhang", "auditor")
    accounts.disable(session, "zhang", actor=FOUNDER, now=NOW)
    with pytest.raises(NotAllowed, match="停用"):
        actor_of(session, "zhang", today=TODAY)
    accounts.enable(session, "zhang", actor=FOUNDER, now=NOW)
    assert actor_of(session, "ZHANG", today=TODAY).held == (Held("auditor"),)
    with pytest.raises(NotFound):
        actor_of(session, "nobody-here", today=TODAY)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("system_admin", "security_admin"),
        ("security_admin", "log_auditor"),
        ("log_auditor", "system_admin"),
    ],
)
def test_no_two_of_the_three_officers_are_one_person(session: Session, first: str, second: str) -> None:
    person(session, "zhang", first)
    with pytest.raises(Conflict, match="三员分立"):
        accounts.grant_role(session, "zhang", second, actor=FOUNDER, now=NOW)


def test_two_roles_that_clash_may_follow_one_another(session: Session) -> None:
    person(session, "zhang", "system_admin", until=TODAY)
    accounts.grant_role(
        session, "zhang", "log_auditor", start=TODAY + timedelta(days=1), actor=FOUNDER, now=NOW
    )
    assert [h.role for h in actor_of(session, "zhang", today=TODAY + timedelta(days=1)).held] == [
        "log_auditor"
    ]


def test_a_contractor_holds_nothing_else(session: Session) -> None:
    tied = system(session, agency(session))
    contractor(session, tied)
    with pytest.raises(Conflict, match="承建单位人员"):
        accounts.grant_role(session, "contractor", "auditor", actor=FOUNDER, now=NOW)


@pytest.mark.parametrize("missing", ["system", "contract", "until"])
def test_a_contractor_needs_system_contract_and_end(session: Session, missing: str) -> None:
    tied = system(session, agency(session))
    person(session, "zhang")
    given = {"system": tied.id, "contract": "HT-1", "until": date(2027, 1, 1)}
    del given[missing]
    with pytest.raises(Rejected) as refused:
        accounts.grant_role(session, "zhang", "contractor", **given, actor=FOUNDER, now=NOW)
    assert len(refused.value.details["reasons"]) == 1


def test_robots_hold_robots_roles_and_people_do_not(session: Session) -> None:
    person(session, "robot", "sync_robot")
    with pytest.raises(Rejected, match="机器"):
        accounts.grant_role(session, "robot", "auditor", actor=FOUNDER, now=NOW)
    person(session, "zhang")
    with pytest.raises(Rejected, match="机器"):
        accounts.grant_role(session, "zhang", "sync_robot", actor=FOUNDER, now=NOW)
    with pytest.raises(Rejected, match="没有口令"):
        accounts.set_password(session, "robot", PASSWORD, actor=FOUNDER, now=NOW)


@pytest.mark.parametrize(
    ("role", "given"),
    [
        ("steward", {}),
        ("county_auditor", {}),
        ("county_auditor", {"region": "5203"}),
        ("county_auditor", {"region": "X"}),
        ("auditor", {"system": "低保管理系统"}),
        ("auditor", {"agency": CIVIL}),
        ("auditor", {"contract": "HT-1"}),
        ("auditor", {"until": TODAY - timedelta(days=1)}),
        ("steward", {"region": "520300"}),
    ],
)
def test_it_refuses_a_scope_that_is_missing_or_foreign(
    session: Session, role: str, given: dict[str, object]
) -> None:
    system(session, agency(session))
    person(session, "zhang")
    with pytest.raises(Rejected):
        accounts.grant_role(session, "zhang", role, **given, actor=FOUNDER, now=NOW)  # type: ignore[arg-type]


def test_a_region_is_kept_as_the_prefix_it_covers(session: Session) -> None:
    person(session, "county", "county_auditor", region="520302")
    person(session, "city", "auditor", region="520300")
    assert actor_of(session, "county", today=TODAY).held == (Held("county_auditor", region="520302"),)
    assert actor_of(session, "city", today=TODAY).held == (Held("auditor", region="5203"),)


def test_a_role_of_an_agency_is_for_its_own_people(session: Session) -> None:
    person(session, "zhang", of=agency(session))
    agency(session, "遵义市市场监督管理局", MARKET)
    with pytest.raises(Rejected, match="本单位"):
        accounts.grant_role(session, "zhang", "head", agency=MARKET, actor=FOUNDER, now=NOW)


def test_nobody_grants_a_role_to_himself(session: Session) -> None:
    person(session, "keeper", "security_admin")
    actor = actor_of(session, "keeper", today=TODAY)
    with pytest.raises(NotAllowed, match="自己"):
        accounts.grant_role(session, "keeper", "auditor", actor=actor, now=NOW)
    with pytest.raises(NotAllowed, match="自己"):
        accounts.disable(session, "keeper", actor=actor, now=NOW)


def test_a_role_held_already_is_a_conflict(session: Session) -> None:
    person(session, "zhang", "auditor")
    with pytest.raises(Conflict, match="已有"):
        accounts.grant_role(session, "zhang", "auditor", actor=FOUNDER, now=NOW)
    with pytest.raises(NotFound, match="county_auditor"):
        accounts.grant_role(session, "zhang", "king", actor=FOUNDER, now=NOW)


def test_a_revoked_role_is_gone_at_once(session: Session) -> None:
    person(session, "zhang", "auditor", "bureau")
    accounts.revoke_role(session, "zhang", "auditor", actor=FOUNDER, now=NOW)
    assert [h.role for h in actor_of(session, "zhang", today=TODAY).held] == ["bureau"]
    with pytest.raises(Conflict, match="没有角色"):
        accounts.revoke_role(session, "zhang", "auditor", actor=FOUNDER, now=NOW)


def test_the_last_who_grants_roles_stays(session: Session) -> None:
    kept = person(session, "keeper", "security_admin")
    assert account_keepers(session, today=TODAY) == {kept.id}
    with pytest.raises(Conflict, match="最后一个"):
        accounts.disable(session, "keeper", actor=FOUNDER, now=NOW)
    with pytest.raises(Conflict, match="最后一个"):
        accounts.revoke_role(session, "keeper", "security_admin", actor=FOUNDER, now=NOW)


def test_the_holders_of_a_role_are_found(session: Session) -> None:
    owner = agency(session)
    person(session, "h1", "head", of=owner)
    person(session, "h2", "head", of=agency(session, "遵义市市场监督管理局", MARKET))
    assert [p.login for p in holders(session, "head", today=TODAY)] == ["h1", "h2"]
    assert [p.login for p in holders(session, "head", today=TODAY, agency_id=owner.id)] == ["h1"]


def test_every_act_is_on_the_record_without_names_or_passwords(session: Session) -> None:
    made = person(session, "zhang", "auditor", of=agency(session))
    accounts.set_password(session, "zhang", PASSWORD, actor=FOUNDER, now=NOW)
    accounts.revoke_role(session, "zhang", "auditor", actor=FOUNDER, now=NOW)
    accounts.disable(session, "zhang", actor=FOUNDER, now=NOW)
    rows = session.execute(select(AuditEvent).order_by(col(AuditEvent.seq))).scalars().all()
    acts = ["add_user", "grant_role", "set_password", "revoke_role", "disable_user"]
    assert [(e.act, e.subject, e.actor) for e in rows] == [(act, made.id, "local") for act in acts]


def test_the_day_is_the_citys_own() -> None:
    assert local_day(NOW.replace(hour=15, minute=59)) == TODAY
    assert local_day(NOW.replace(hour=16)) == TODAY + timedelta(days=1)
