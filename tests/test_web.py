"""The REST API and the plain pages, over a real database."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from registry.db import Database
from registry.intake import import_workbook
from registry.settings import Settings
from registry.web import create_app
from tests.conftest import NOW
from tests.examples import GOOD, good
from tests.web_people import signed_in

Make = Callable[..., Path]
PROBLEM = "application/problem+json"


@pytest.fixture
def client(database: Database, entries_file: Make) -> Iterator[TestClient]:
    """An auditor at an application on a register of three entries, one of them wrong; on both databases."""
    path = entries_file([GOOD["OK01"], GOOD["OK02"], good("OK04", update_cycle="偶尔")], name="a.jsonl")
    with database.write() as session:
        import_workbook(session, path, actor="test", now=NOW)
    with signed_in(database, "auditor") as made:
        yield made


def test_health_names_the_specification(client: TestClient, specs: Any) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "spec": specs.digest}


def test_health_fails_without_tables(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(f"sqlite:///{tmp_path / 'empty.sqlite3'}"))) as made:
        answer = made.get("/healthz")
    assert answer.status_code == 503
    assert "mulu init" in answer.json()["detail"]


def test_entries_come_in_pages(client: TestClient) -> None:
    first = client.get("/api/v1/entries", params={"limit": 2}).json()
    assert [e["code"] for e in first["results"]] == ["307024030101/000001", "102024030101/000001"]
    assert first["total"] == 3
    rest = client.get("/api/v1/entries", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [e["code"] for e in rest["results"]] == ["102024030201/000001"]
    assert rest["next_cursor"] is None


def test_entries_are_chosen_by_agency_and_state(client: TestClient) -> None:
    found = client.get("/api/v1/entries", params={"agency": "遵义市民政局", "state": "draft"}).json()
    assert found["total"] == 2
    assert client.get("/api/v1/entries", params={"state": "announced"}).json()["results"] == []


def test_one_entry_shows_content_findings_and_digest(client: TestClient) -> None:
    answer = client.get("/api/v1/entries/102024030201/000001")
    body = answer.json()
    assert body["content"]["resource_name"] == "企业登记基本信息"
    assert [f["rule"] for f in body["findings"] if f["level"] == "error"] == ["E118"]
    assert answer.headers["etag"].startswith(f'"{body["digest"]}-1-1-')


def test_an_unknown_entry_is_a_problem_document(client: TestClient) -> None:
    answer = client.get("/api/v1/entries/9/9")
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert answer.json()["title"] == "NotFound"
    assert answer.json()["instance"] == "/api/v1/entries/9/9"


def test_an_unknown_version_is_told(client: TestClient) -> None:
    answer = client.get("/api/v1/entries/102024030201/000001", params={"version": 7})
    assert answer.status_code == 404
    assert "现有第 1 至 1 版" in answer.json()["detail"]


def test_a_wrong_parameter_is_a_422_that_names_it(client: TestClient) -> None:
    answer = client.get("/api/v1/entries", params={"limit": 0})
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["errors"][0]["pointer"] == "query/limit"


def test_a_file_is_checked_and_not_stored(client: TestClient, entries_file: Make) -> None:
    path = entries_file([good("OK05", share_type="9")])
    with path.open("rb") as file:
        body = client.post("/api/v1/check", files={"file": ("目录.xlsx", file)}).json()
    assert body["file"] == "目录.xlsx"
    assert [f["rule"] for f in body["findings"]] == ["E109"]
    assert client.get("/api/v1/entries").json()["total"] == 3


@pytest.mark.parametrize("body", [good("OK05", share_type="9"), [good("OK05", share_type="9")]])
def test_entries_are_checked_as_json(client: TestClient, body: Any) -> None:
    assert [f["rule"] for f in client.post("/api/v1/check", json=body).json()["findings"]] == ["E109"]


def test_rows_that_are_no_objects_are_findings(client: TestClient) -> None:
    found = client.post("/api/v1/check", json=[1, "x"]).json()["findings"]
    assert [(f["rule"], f["row"]) for f in found] == [("E167", 1), ("E167", 2)]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"{", "application/json"), (b"x", "text/plain"), (b"[" * 100_000, "application/json")],
)
def test_a_body_that_cannot_be_read_is_rejected(client: TestClient, content: bytes, kind: str) -> None:
    answer = client.post("/api/v1/check", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)


def test_an_unreadable_file_is_a_422_with_rule_and_cure(client: TestClient) -> None:
    answer = client.post("/api/v1/check", files={"file": ("目录.xlsx", b"nothing")})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "E171"


def test_specifications_are_given_out(client: TestClient) -> None:
    rows = client.get("/api/v1/specs").json()["results"]
    assert {row["profile"] for row in rows} == {"zunyi_2020", "liupanshui_2025"}
    one = client.get("/api/v1/specs/liupanshui_2025").json()
    assert one["schema"]["type"] == "object"
    assert len(one["rules"]) > 90
    assert client.get("/api/v1/specs/nowhere").status_code == 422


def test_openapi_describes_every_api_route(client: TestClient) -> None:
    made = client.get("/api/v1/openapi.json").json()
    assert made["openapi"].startswith("3.1")
    assert {"/healthz", "/api/v1/entries/{code}", "/api/v1/moves", "/api/v1/audit"} <= set(made["paths"])


def test_the_start_page_lists_entries_with_what_is_wrong(client: TestClient) -> None:
    page = client.get("/", headers={"accept": "text/html"}).text
    assert "企业登记基本信息" in page
    assert "更新周期“偶尔”不在更新周期表中" in page
    assert "只看有错误的" in page


def test_the_start_page_can_show_only_the_wrong_ones(client: TestClient) -> None:
    page = client.get("/", params={"wrong": "1"}).text
    assert "企业登记基本信息" in page
    assert "婚姻登记信息" not in page


def test_an_entry_has_a_page(client: TestClient) -> None:
    page = client.get("/entries/307024030101/000001").text
    assert "男方身份证件号码" in page
    assert "含个人信息（男方姓名、男方身份证件号码、登记日期、婚姻状态）" in page


def test_a_missing_page_is_a_page(client: TestClient) -> None:
    answer = client.get("/nowhere", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "没有这个页面或接口" in answer.text


def test_a_dropped_file_is_judged_on_the_page_and_given_back(client: TestClient, entries_file: Make) -> None:
    path = entries_file([good("OK05", share_type="9")])
    page = client.post("/check", files={"file": ("目录.xlsx", path.read_bytes())}).text
    assert "E109" in page
    copy = client.post("/check", files={"file": ("目录.xlsx", path.read_bytes())}, data={"want": "copy"})
    assert copy.content.startswith(b"PK")
    assert "filename*=UTF-8''" in copy.headers["content-disposition"]


def test_a_secret_file_gives_no_copy_and_no_value(client: TestClient, entries_file: Make) -> None:
    path = entries_file([good("OK05", secret_flag="涉密", resource_name="某部队名册")])
    answer = client.post("/check", files={"file": ("目录.xlsx", path.read_bytes())}, data={"want": "copy"})
    assert not answer.content.startswith(b"PK")
    assert "立即断开网络" in answer.text
    assert "某部队名册" not in answer.text


def test_values_are_escaped(client: TestClient) -> None:
    content = good("OK05", resource_name="<script>alert(1)</script>")
    page = client.post("/check", files={"file": ("a.jsonl", _line(content))}).text
    assert "<script>" not in page


def _line(content: dict[str, Any]) -> bytes:
    import json

    return json.dumps(content, ensure_ascii=False).encode()


def test_answers_carry_the_safety_headers(client: TestClient) -> None:
    headers = client.get("/").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_no_heavy_library_is_loaded_with_the_application() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from registry.web import create_app; from registry.settings import Settings\n"
        "create_app(Settings('sqlite:///:memory:'))\n"
        "print([m for m in ('pandas', 'great_expectations', 'faker', 'openpyxl') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
