"""Written delegation: a head lets another sign for him, for named matters and a period."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog_specs import load
from registry import accounts
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.models import Delegation
from registry.people import actor_of
from registry.permits import may, roles_of
from tests.conftest import NOW, TODAY
from tests.web_people import FOUNDER, MARKET, agency, person

ROLES = roles_of(load())
NEXT_WEEK = TODAY + timedelta(days=7)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as opened:
        owner = agency(opened)
        person(opened, "head", "head", of=owner)
        person(opened, "deputy", "steward", of=owner)
        yield opened


def _delegate(session: Session, login: str = "deputy", *, by: str = "head", **more: Any) -> Delegation:
    given = {
        "document": "遵民授〔2026〕3号",
        "start": TODAY,
        "until": NEXT_WEEK,
        "matters": ["endorse"],
    } | more
    matters = given.pop("matters")
    actor = actor_of(session, by, today=TODAY)
    return accounts.delegate(session, login, matters, **given, actor=actor, now=NOW)  # type: ignore[arg-type]


def test_a_delegate_may_what_was_delegated_and_no_more(session: Session) -> None:
    given = _delegate(session)
    deputy = actor_of(session, "deputy", today=TODAY)
    assert [(h.role, h.delegation_id) for h in deputy.held] == [("steward", None), ("head", given.id)]
    assert may(deputy, "endorse", ROLES)
    assert not may(deputy, "withdraw", ROLES)
    assert not may(deputy, "delegate", ROLES)


def test_a_delegation_ends_with_its_last_day(session: Session) -> None:
    _delegate(session)
    held = {d: actor_of(session, "deputy", today=d).held for d in (NEXT_WEEK, NEXT_WEEK + timedelta(days=1))}
    assert [len(h) for h in held.values()] == [2, 1]


def test_it_ends_when_the_head_is_head_no_more(session: Session) -> None:
    _delegate(session)
    accounts.revoke_role(session, "head", "head", actor=FOUNDER, now=NOW)
    assert len(actor_of(session, "deputy", today=TODAY).held) == 1


def test_it_ends_when_the_head_is_disabled(session: Session) -> None:
    _delegate(session)
    accounts.disable(session, "head", actor=FOUNDER, now=NOW)
    assert len(actor_of(session, "deputy", today=TODAY).held) == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"matters": ["withdraw"]}, "withdraw 不得委托"),
        ({"matters": []}, "须写明事项"),
        ({"document": " "}, "授权文书"),
        ({"until": TODAY - timedelta(days=1)}, "到期日"),
        ({"until": TODAY + timedelta(days=400)}, "期限至多"),
        ({"login": "head"}, "自己"),
        ({"login": "stranger"}, "本单位"),
        ({"login": "robot"}, "机器"),
    ],
)
def test_it_refuses_what_roles_yaml_does_not_allow(
    session: Session, given: dict[str, Any], reason: str
) -> None:
    person(session, "stranger", of=agency(session, "遵义市市场监督管理局", MARKET))
    person(session, "robot", "sync_robot")
    with pytest.raises(Rejected, match=reason):
        _delegate(session, **given)


def test_only_who_holds_the_role_himself_delegates(session: Session) -> None:
    _delegate(session)
    person(session, "third", of=agency(session))
    with pytest.raises(NotAllowed):
        _delegate(session, "third", by="deputy")


def test_a_delegate_gets_no_role_that_clashes(session: Session) -> None:
    person(session, "firm", of=agency(session))
    _delegate(session, "firm")
    with pytest.raises(Conflict, match="承建单位人员"):
        accounts.grant_role(
            session, "firm", "contractor", system=_system(session), contract="HT-1", until=NEXT_WEEK,
            actor=FOUNDER, now=NOW,
        )  # fmt: skip


def _system(session: Session) -> str:
    from tests.web_people import system

    return system(session, agency(session)).id


def test_it_is_revoked_by_its_giver_or_the_security_admin(session: Session) -> None:
    first, second = _delegate(session), _delegate(session, matters=["seal_edition"])
    with pytest.raises(NotAllowed):
        accounts.revoke_delegation(session, first.id, actor=actor_of(session, "deputy", today=TODAY), now=NOW)
    accounts.revoke_delegation(session, first.id, actor=actor_of(session, "head", today=TODAY), now=NOW)
    accounts.revoke_delegation(session, second.id, actor=FOUNDER, now=NOW)
    session.flush()
    assert len(actor_of(session, "deputy", today=TODAY).held) == 1
    with pytest.raises(Conflict, match="head"):
        accounts.revoke_delegation(session, first.id, actor=FOUNDER, now=NOW)
    with pytest.raises(NotFound):
        accounts.revoke_delegation(session, "d0", actor=FOUNDER, now=NOW)
