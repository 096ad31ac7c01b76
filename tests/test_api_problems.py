"""Refusals of the API as RFC 9457 tells: each with its code and the request's id; limits, methods, the API's page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from catalog_specs import load
from registry.db import Database
from tests.api_people import Api, api_of, fresh

PROBLEM = "application/problem+json"
JSON = {"content-type": "application/json"}


@pytest.fixture
def api(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(sqlite_database, tmp_path) as made:
        yield made


@pytest.fixture
def client(api: Api) -> TestClient:
    return api.as_role("steward")


def test_a_problem_says_everything(client: TestClient) -> None:
    answer = client.get("/api/v1/entries/9/9", headers={"X-Request-ID": "abc-1"})
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert (body["type"], body["title"], body["code"]) == (
        "urn:mulu:problem:NotFound",
        "NotFound",
        "NotFound",
    )
    assert (body["status"], body["instance"], body["request_id"]) == (404, "/api/v1/entries/9/9", "abc-1")
    assert answer.headers["x-request-id"] == "abc-1"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>"])
def test_a_request_without_a_sane_id_gets_one(client: TestClient, given: str) -> None:
    first, second = (client.get("/api/v1/people/me", headers={"X-Request-ID": given}) for _ in range(2))
    assert first.headers["x-request-id"] not in (given, second.headers["x-request-id"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/entries", "GET, POST"),
        ("PUT", "/api/v1/moves", "GET, POST"),
        ("POST", "/api/v1/entries/1/2", "GET"),
        ("GET", "/api/v1/entries/1/2/draft", "PUT"),
        ("PATCH", "/api/v1/entries/1/2/distributions", "GET, POST"),
    ],
)
def test_a_wrong_method_is_told_all_right_ones(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["code"] == "MethodNotAllowed"


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"null", b'"x"', b"\xff", b'{"content": NaN}', b""])
def test_malformed_json_is_a_422(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/v1/entries", content=body, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)


def test_another_media_type_is_a_422(client: TestClient) -> None:
    answer = client.post("/api/v1/moves", content=b"a=b", headers={"content-type": "text/plain"})
    assert answer.status_code == 422


def test_a_body_too_large_is_refused_by_its_length(client: TestClient) -> None:
    most = load().entry.limits["json_bytes"]
    answer = client.post("/api/v1/entries", content=b" " * (most + 1), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "TooLarge")


def test_a_body_too_large_is_refused_while_it_streams(client: TestClient) -> None:
    most = load().entry.limits["json_bytes"]

    def pieces() -> Iterator[bytes]:
        for _ in range(most // 65536 + 2):
            yield b" " * 65536

    assert client.post("/api/v1/moves", content=pieces(), headers=JSON).status_code == 413


def test_a_form_too_large_is_refused(client: TestClient) -> None:
    length = str(load().entry.limits["file_bytes"] + (2 << 20))
    answer = client.post("/login", content=b"x", headers={"content-length": length})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path", ["/api/v1/entries/%00", "/api/v1/entries?agency=%00", "/api/v1/records/a%00/file"]
)
def test_an_address_with_nul_is_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 422


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"cursor": "x" * 501}, {"q": "x" * 201}]
)
def test_a_wrong_parameter_is_named(client: TestClient, query: dict[str, str]) -> None:
    answer = client.get("/api/v1/entries", params=query)
    errors = answer.json()["errors"]
    assert (answer.status_code, errors[0]["pointer"]) == (422, f"query/{next(iter(query))}")
    assert set(errors[0]) == {"pointer", "code", "message", "source"}


def test_what_was_sent_is_not_repeated(client: TestClient) -> None:
    answer = client.post("/api/v1/entries", json={"content": "某部队名册", "profile": ["某部队名册"]})
    assert answer.status_code == 422
    assert "某部队名册" not in answer.text


def test_a_fault_of_ours_is_a_problem_with_an_id(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object) -> None:
        raise RuntimeError("secret detail")

    api.as_role("steward")
    monkeypatch.setattr("registry.web.reviews.phrases_json", fail)
    client = TestClient(api.app, raise_server_exceptions=False)
    client.cookies, client.headers = api.clients["steward"].cookies, api.clients["steward"].headers
    answer = client.get("/api/v1/phrases")
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert answer.json()["request_id"] == answer.headers["x-request-id"] != ""
    assert "secret detail" not in answer.text


def test_the_page_of_the_api_loads_nothing_from_elsewhere(api: Api, client: TestClient) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "docs.js", "favicon-32x32.png"):
        assert f"/static/swagger/{name}" in page.text
        assert client.get(f"/static/swagger/{name}").status_code == 200
    assert TestClient(api.app).get("/api/docs").status_code == 401


def test_the_description_is_openapi_31_with_examples_and_order(client: TestClient) -> None:
    made = client.get("/api/v1/openapi.json").json()
    assert made["openapi"] == "3.1.0"
    assert [tag["name"] for tag in made["tags"]][:3] == ["entries", "moves", "review"]
    assert made["components"]["schemas"]["ManyMoves"]["examples"]
    for path, operations in made["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert "X-Request-ID" in operation["responses"]["422"]["headers"], path


def test_registering_needs_nothing_but_a_content(client: TestClient) -> None:
    assert client.post("/api/v1/entries", json={"content": fresh()}).status_code == 201
