"""Nobody unknown gets in anywhere, and who holds no role sees nothing: every route, also one that forgets to ask."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from registry.db import Database
from registry.settings import OidcSettings
from registry.web import create_app
from registry.web.given import OPEN, OWN
from tests.web_people import enter, person, settings_of

OIDC = OidcSettings("http://127.0.0.1:9/", "mulu", "secret")


def _routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and address of the application, with its parameters filled in."""
    for context in _contexts(app.routes):
        for method in sorted(context.methods or ()):
            yield method, _filled(context.path)


def _contexts(routes: Any) -> Iterator[Any]:
    for route in routes:
        if hasattr(route, "effective_candidates"):  # a router that was included
            yield from _contexts(route.original_router.routes)
        elif hasattr(route, "methods"):
            yield route


def _filled(path: str) -> str:
    import re

    return re.sub(r"\{(\w+)(:path)?\}", "1", path)


@pytest.fixture
def app(sqlite_database: Database) -> Iterator[FastAPI]:
    made = create_app(settings_of(sqlite_database, oidc=OIDC))
    forgotten = APIRouter()

    @forgotten.get("/forgotten")
    def forget() -> str:
        return "here is everything"

    made.include_router(forgotten)
    with TestClient(made):
        yield made


def _guarded(app: FastAPI) -> list[tuple[str, str]]:
    open_ones = {_filled(path) for path in OPEN}
    found = [(method, path) for method, path in _routes(app) if path not in open_ones]
    assert len(found) > 12
    return found


def test_a_stranger_is_refused_everywhere(app: FastAPI) -> None:
    client = TestClient(app, follow_redirects=False)
    for method, path in _guarded(app):
        answer = client.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer"), (method, path)
        assert answer.json()["title"] == "Unauthenticated"


def test_a_stranger_at_a_page_is_sent_to_the_log_in(app: FastAPI) -> None:
    client = TestClient(app, follow_redirects=False, headers={"accept": "text/html"})
    for method, path in _guarded(app):
        if method == "GET" and not path.startswith("/api/"):
            answer = client.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login?next=%2F"), path


@pytest.mark.parametrize("headers", [{"cookie": "mulu_session=x"}, {"authorization": "Bearer mulu_x"}])
def test_a_made_up_cookie_or_token_opens_nothing(app: FastAPI, headers: dict[str, str]) -> None:
    client = TestClient(app, follow_redirects=False, headers=headers)
    for method, path in _guarded(app):
        assert client.request(method, path).status_code == 401, (method, path)


def test_who_holds_no_role_sees_nothing(app: FastAPI, sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        person(session, "nobody-yet")
    client = enter(TestClient(app, follow_redirects=False), sqlite_database, "nobody-yet")
    for method, path in _guarded(app):
        if path in OWN:
            continue
        answer = client.request(method, path)
        assert answer.status_code == 403, (method, path)
        assert answer.json()["reason"] == "role"
    assert "还没有角色" in client.get("/account").text


def test_a_route_that_forgets_to_ask_is_refused(app: FastAPI, sqlite_database: Database) -> None:
    assert TestClient(app).get("/forgotten").status_code == 401
    with sqlite_database.write() as session:
        person(session, "zhang", "auditor")
    assert enter(TestClient(app), sqlite_database, "zhang").get("/forgotten").text == '"here is everything"'


def test_the_operator_can_close_what_is_open_to_strangers(sqlite_database: Database) -> None:
    app = create_app(settings_of(sqlite_database, open_catalogue=False))
    client = TestClient(app, follow_redirects=False)
    assert client.get("/api/3/action/package_list").status_code == 403
    paths = ("/catalog.jsonld", "/catalog.ttl", "/data.json", "/open/dataset/1", "/open/files/1/1")
    assert {client.get(path).status_code for path in (*paths, "/open/entries/1")} == {404}
    app.state.database.close()


def test_only_these_are_open(app: FastAPI) -> None:
    client = TestClient(app, follow_redirects=False)
    open_ones = {_filled(path) for path in OPEN}
    assert {path for _, path in _routes(app) if path in open_ones} == open_ones
    assert open_ones == {
        *("/healthz", "/login", "/login/oidc", "/login/oidc/callback"),
        *("/verify", "/verify/1"),  # a printed list is verified by whoever holds it
        *("/certificates", "/certificates/1"),  # and so is a certificate, by its number and code
        # what is opened to everybody (tests/test_ckan_api.py, tests/test_dcat.py sweep it for anything else)
        *("/api/3/action/1", "/api/action/1", "//api/3/action/1"),
        *("/catalog.jsonld", "/catalog.ttl", "/data.json"),
        *("/open/dataset/1", "/open/files/1/1", "/open/entries/{code:code}"),
    }
    assert client.get("/healthz").status_code == 200
    assert client.get("/login").status_code == 200
    assert client.get("/verify").status_code == 200
    assert client.get("/verify/1").status_code == 404
    assert client.post("/verify").status_code == 422
    assert client.get("/certificates").status_code == 200
    # it asks for the code, and does not tell whether there is such a certificate
    assert "校验码" in client.get("/certificates/WIPE-520300-2026-00001").text
    assert client.get("/api/3/action/1").status_code == 400
    assert client.get("/api/3/action/package_list").json()["result"] == []
    assert [client.get(f"/catalog.{kind}").status_code for kind in ("jsonld", "ttl")] == [200, 200]
    assert client.get("/data.json").json()["dataset"] == []
    closed = ("/open/dataset/1", "/open/files/1/1", "/open/entries/1")
    assert [client.get(path).status_code for path in closed] == [404, 404, 404]
    assert client.get("/lists").status_code == 401
    assert client.get("/editions/1").status_code == 401
    assert client.get("/static/mulu.css").status_code == 200
    assert client.get("/api/v1/openapi.json").status_code == 401
