"""API tokens: shown once, narrow, ending, revocable, refused the moment their person is disabled."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_specs import load
from registry import accounts, tokens
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected, Unauthenticated
from registry.models import ApiToken
from registry.people import actor_of
from registry.permits import may, roles_of
from registry.web import create_app
from tests.conftest import NOW, TODAY
from tests.web_people import FOUNDER, agency, person, settings_of, token

ROLES = roles_of(load())


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as opened:
        person(opened, "zhang", "auditor")
        yield opened


def test_only_the_digest_is_kept(session: Session) -> None:
    made = token(session, "zhang", "approve")
    assert made.plain.startswith("mulu_")
    row = session.execute(select(ApiToken)).scalar_one()
    assert made.plain not in str(row.model_dump())
    assert made.plain.startswith(row.prefix)
    assert len(row.prefix) < 16


def test_a_token_may_only_what_its_scopes_name(session: Session) -> None:
    made = token(session, "zhang", "read_catalogue")
    actor = tokens.visit_of(session, made.plain, now=NOW).actor
    assert actor.login == "zhang"
    assert may(actor, "read_catalogue", ROLES)
    assert not may(actor, "approve", ROLES)


@pytest.mark.parametrize(
    ("scopes", "days", "name", "reason"),
    [
        (["announce"], 30, "x", "announce"),
        (["nonsense"], 30, "x", "nonsense"),
        ([], 30, "x", "须写明范围"),
        (["approve"], 0, "x", "有效期"),
        (["approve"], 366, "x", "有效期"),
        (["approve"], 30, " ", "名称"),
    ],
)
def test_it_refuses_more_than_the_person_may(
    session: Session, scopes: list[str], days: int, name: str, reason: str
) -> None:
    actor = actor_of(session, "zhang", today=TODAY)
    with pytest.raises(Rejected, match=reason):
        tokens.create_token(session, "zhang", name, scopes, days=days, actor=actor, now=NOW)


def test_a_token_makes_no_token(session: Session) -> None:
    made = token(session, "zhang", "approve")
    actor = tokens.visit_of(session, made.plain, now=NOW).actor
    with pytest.raises(NotAllowed, match="令牌"):
        tokens.create_token(session, "zhang", "x", ["approve"], days=1, actor=actor, now=NOW)


def test_nobody_makes_a_token_in_anothers_name_but_for_a_machine(session: Session) -> None:
    with pytest.raises(NotAllowed, match="自己或机器"):
        tokens.create_token(session, "zhang", "x", ["approve"], days=1, actor=FOUNDER, now=NOW)
    person(session, "robot", "sync_robot")
    made = tokens.create_token(session, "robot", "x", ["push_portal"], days=1, actor=FOUNDER, now=NOW)
    assert tokens.visit_of(session, made.plain, now=NOW).actor.machine


def test_a_token_ends(session: Session) -> None:
    made = token(session, "zhang", "approve", days=2)
    tokens.visit_of(session, made.plain, now=NOW + timedelta(days=2, seconds=-1))
    with pytest.raises(Unauthenticated):
        tokens.visit_of(session, made.plain, now=NOW + timedelta(days=2))


@pytest.mark.parametrize("plain", ["", "mulu_", "mulu_x", "x" * 5000, "令牌"])
def test_it_refuses_what_is_no_token(session: Session, plain: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.visit_of(session, plain, now=NOW)


def test_a_revoked_token_is_refused_at_once(session: Session) -> None:
    made = token(session, "zhang", "approve")
    actor = actor_of(session, "zhang", today=TODAY)
    tokens.revoke_token(session, made.row.prefix, actor=actor, now=NOW)
    session.flush()
    with pytest.raises(Unauthenticated):
        tokens.visit_of(session, made.plain, now=NOW)
    with pytest.raises(Conflict, match="zhang"):
        tokens.revoke_token(session, made.row.id, actor=actor, now=NOW)
    with pytest.raises(NotFound):
        tokens.revoke_token(session, "t0", actor=actor, now=NOW)


def test_another_persons_token_is_not_mine_to_revoke(session: Session) -> None:
    made = token(session, "zhang", "approve")
    person(session, "other", "auditor")
    with pytest.raises(NotAllowed):
        tokens.revoke_token(session, made.row.id, actor=actor_of(session, "other", today=TODAY), now=NOW)
    tokens.revoke_token(session, made.row.id, actor=FOUNDER, now=NOW)


def test_a_disabled_persons_token_is_refused(session: Session) -> None:
    made = token(session, "zhang", "approve")
    accounts.disable(session, "zhang", actor=FOUNDER, now=NOW)
    session.flush()
    with pytest.raises(Unauthenticated):
        tokens.visit_of(session, made.plain, now=NOW)


def test_a_token_loses_what_its_person_loses(session: Session) -> None:
    person(session, "li", "steward", of=agency(session))
    made = token(session, "li", "submit")
    accounts.revoke_role(session, "li", "steward", actor=FOUNDER, now=NOW)
    assert not may(tokens.visit_of(session, made.plain, now=NOW).actor, "submit", ROLES)


# ---- over HTTP --------------------------------------------------------------------------------------------


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with database.write() as session:
        person(session, "zhang", "auditor")
        made = token(session, "zhang", "read_catalogue", "read_all", now=datetime.now(UTC))
    with TestClient(create_app(settings_of(database))) as opened:
        opened.headers["Authorization"] = f"Bearer {made.plain}"
        yield opened


def test_a_token_opens_the_api(client: TestClient) -> None:
    assert client.get("/api/v1/specs").status_code == 200
    wrong = client.get("/api/v1/specs", headers={"Authorization": "Bearer mulu_wrong"})
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, 'Bearer realm="mulu"')
    assert client.get("/api/v1/specs", headers={"Authorization": "Basic eDp5"}).status_code == 401


def test_a_token_needs_no_csrf_and_opens_no_own_page(client: TestClient) -> None:
    assert client.post("/api/v1/check", json=[{}]).status_code == 200
    assert client.get("/account").status_code == 403
    data = {"name": "x", "days": 1, "scopes": ["read_all"]}
    assert client.post("/account/tokens", data=data).status_code == 403


def test_revoking_works_between_two_requests(client: TestClient, database: Database) -> None:
    assert client.get("/api/v1/specs").status_code == 200
    with database.write() as session:
        row = session.execute(select(ApiToken)).scalar_one()
        tokens.revoke_token(session, row.id, actor=FOUNDER, now=datetime.now(UTC))
    assert client.get("/api/v1/specs").status_code == 401


def test_its_use_is_written_down_once_a_minute(client: TestClient, database: Database) -> None:
    client.get("/api/v1/specs")
    with database.read() as session:
        first = session.execute(select(ApiToken.used_at)).scalar_one()
    client.get("/api/v1/specs")
    with database.read() as session:
        assert session.execute(select(ApiToken.used_at)).scalar_one() == first


def test_a_reader_does_not_wait_for_a_writer(client: TestClient, database: Database) -> None:
    with database.write() as session:
        person(session, "li")
        # the token's first use cannot be written down now; the answer comes all the same
        assert client.get("/api/v1/specs").status_code == 200
