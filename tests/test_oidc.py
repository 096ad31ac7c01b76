"""Signing in by an OIDC provider, against a real small one: who was prepared gets in, nobody else."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from joserfc.jwk import RSAKey
from sqlalchemy import select

from registry import accounts
from registry.db import Database
from registry.models import LoginSession, Person
from registry.people import find_person
from registry.settings import OidcSettings, read_settings
from registry.web import create_app
from registry.web.given import COOKIE
from tests.conftest import NOW
from tests.oidc_provider import Provider, running
from tests.web_people import FOUNDER, person, settings_of


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as found:
        yield found


@pytest.fixture
def client(sqlite_database: Database, provider: Provider) -> Iterator[TestClient]:
    with sqlite_database.write() as session:
        person(session, "zhang", "auditor")
        accounts.link_identity(session, "zhang", provider.issuer, None, actor=FOUNDER, now=NOW)
    oidc = OidcSettings(provider.issuer, "mulu", "secret")
    app = create_app(settings_of(sqlite_database, oidc=oidc))
    with TestClient(app, follow_redirects=False, headers={"accept": "text/html"}) as opened:
        yield opened


def _ask(client: TestClient, after: str = "/") -> dict[str, str]:
    """What the browser is sent to the provider with."""
    sent = client.get("/login/oidc", params={"next": after})
    assert sent.status_code == 302
    return {key: value[0] for key, value in parse_qs(urlsplit(sent.headers["location"]).query).items()}


def _sign_in(client: TestClient, provider: Provider, after: str = "/") -> Response:
    back = urlsplit(provider.authorize(_ask(client, after)))
    answer: Response = client.get(f"{back.path}?{back.query}")
    return answer


def test_a_prepared_person_gets_in_and_goes_on(client: TestClient, provider: Provider) -> None:
    assert "用统一身份认证登录" in client.get("/login").text
    answer = _sign_in(client, provider, "/?state=draft")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?state=draft")
    assert "zhang某" in client.get("/").text


def test_the_provider_is_asked_with_pkce_state_and_nonce(client: TestClient) -> None:
    asked = _ask(client)
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) > 20
    assert len(asked["nonce"]) >= 20
    assert asked["redirect_uri"].endswith("/login/oidc/callback")
    assert _ask(client)["state"] != asked["state"]


def test_the_subject_counts_from_the_first_time_on(
    client: TestClient, provider: Provider, sqlite_database: Database
) -> None:
    _sign_in(client, provider)
    provider.claims = {"sub": "subject-1", "preferred_username": "renamed"}
    assert _sign_in(client, provider).status_code == 303
    provider.claims = {"sub": "subject-2", "preferred_username": "zhang"}
    client.cookies.delete(COOKIE)
    assert _sign_in(client, provider).status_code == 401
    with sqlite_database.read() as session:
        assert find_person(session, "zhang").external_id == "subject-1"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "x", "preferred_username": "stranger"},
        {"sub": "x"},
        {"sub": "x", "preferred_username": 7},
        {"sub": "subject-1", "preferred_username": "zhang", "iss": "http://elsewhere.example"},
        {"sub": "subject-1", "preferred_username": "zhang", "aud": "another"},
        {"sub": "subject-1", "preferred_username": "zhang", "nonce": "another"},
        {"sub": "subject-1", "preferred_username": "zhang", "exp": 1},
        {"preferred_username": "zhang"},
    ],
)
def test_nobody_else_gets_in_and_no_account_is_made(
    client: TestClient, provider: Provider, sqlite_database: Database, claims: dict[str, object]
) -> None:
    provider.claims = claims
    refused = _sign_in(client, provider)
    assert (refused.status_code, 'role="alert"' in refused.text) == (401, True)
    assert client.get("/").status_code == 303
    with sqlite_database.read() as session:
        assert session.execute(select(LoginSession)).first() is None
        assert session.execute(select(Person.login)).scalars().all() == ["zhang"]


def test_a_token_signed_by_another_key_is_refused(client: TestClient, provider: Provider) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
    _sign_in(client, provider)
    assert client.get("/").status_code == 303


def test_an_answer_is_good_once_and_in_its_own_browser(client: TestClient, provider: Provider) -> None:
    back = urlsplit(provider.authorize(_ask(client)))
    address = f"{back.path}?{back.query}"
    stranger = TestClient(client.app, follow_redirects=False)
    assert stranger.get(address).status_code == 401
    assert client.get(address).status_code == 303
    assert client.get(address).status_code == 401


def test_an_answer_of_another_state_is_refused(client: TestClient, provider: Provider) -> None:
    back = urlsplit(provider.authorize(_ask(client)))
    answer = client.get(f"{back.path}?{back.query.replace('state=', 'state=x')}")
    assert (answer.status_code, COOKIE in client.cookies) == (401, False)


def test_a_disabled_person_stays_out(
    client: TestClient, provider: Provider, sqlite_database: Database
) -> None:
    with sqlite_database.write() as session:
        accounts.disable(session, "zhang", actor=FOUNDER, now=NOW)
    _sign_in(client, provider)
    assert COOKIE not in client.cookies


def test_a_provider_that_does_not_answer_is_told(sqlite_database: Database) -> None:
    oidc = OidcSettings("http://127.0.0.1:9", "mulu", "secret")
    with TestClient(create_app(settings_of(sqlite_database, oidc=oidc))) as opened:
        answer = opened.get("/login/oidc")
    assert answer.status_code == 503
    assert "用账号口令登录" in answer.json()["detail"]


def test_without_settings_there_is_no_such_route(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestClient(create_app(settings_of(sqlite_database))) as opened:
        assert opened.get("/login/oidc").status_code == 404
        assert "/login/oidc" not in opened.get("/login").text
    monkeypatch.setenv("MULU_OIDC_ISSUER", "https://id.example")
    monkeypatch.setenv("MULU_OIDC_CLIENT_ID", "mulu")
    monkeypatch.setenv("MULU_OIDC_CLIENT_SECRET", "s")
    monkeypatch.setenv("MULU_OIDC_LABEL", "政务钉")
    found = read_settings().oidc
    assert found == OidcSettings("https://id.example", "mulu", "s", label="政务钉")
