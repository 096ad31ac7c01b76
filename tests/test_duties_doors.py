"""Duties at the console, in the API and on the pages."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from catalog_specs import load
from registry.cli import duties
from registry.db import Database
from registry.duty_shown import duties_waiting
from registry.models import Blob, DutyEvidence
from registry.people import actor_of
from registry.web import create_app
from registry.web.given import CSRF_HEADER
from tests.conftest import NOW
from tests.duty_cast import CIVIL, LOW, OIL, City, make_city
from tests.web_people import enter, settings_of

app = typer.Typer()
duties.enter(app)
YEAR = datetime.now(UTC).year


def run(*arguments: str) -> Any:
    found = CliRunner().invoke(app, ["duty", *arguments])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def said(*arguments: str) -> Any:
    found = run(*arguments)
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout) if "--json" in arguments else found.stdout


@pytest.fixture
def city(sqlite_database: Database) -> City:
    made = make_city(sqlite_database)
    made.now = datetime.now(UTC)
    return made


# ---- console ----------------------------------------------------------------------------------------------


def test_all_lists_every_row_of_the_law(city: City) -> None:
    rows = said("list", "--all", "--json")
    assert [row["id"] for row in rows] == [duty.id for duty in load().duties.duties]
    assert {"profile", "article", "kind", "actor", "due"} <= set(rows[0])
    by_id = {row["id"]: row for row in rows}
    assert by_id["ZY-05"]["due"] == f"{YEAR}-06-30"
    assert (by_id["ZY-01"]["due"], by_id["ZY-01"]["kind"]) == (None, ["information"])
    assert by_id["ZY-11"]["counts"] == {"open": 1, "not_applicable": 1}


def test_the_law_is_told_without_a_database() -> None:
    found = run("list", "--all", "--json")
    assert found.exit_code == 0
    assert len(json.loads(found.stdout)) == len(load().duties.duties)
    assert "还没有数据库" in found.stderr
    assert run("list").exit_code == 2


def test_the_list_holds_what_asks_for_something(city: City) -> None:
    rows = said("list", "--json")
    assert not [row for row in rows if set(row["kind"]) <= {"information", "authority"}]
    assert [row["state"] for row in rows[:1]] == ["overdue"]
    assert {row["subject"]["name"] for row in said("list", "--system", LOW, "--json")} == {LOW}
    assert {row["state"] for row in said("list", "--state", "open", "--json")} == {"open"}
    assert "没有状态“bad”" in run("list", "--state", "bad").stderr
    assert "低保管理系统" in said("list", "--system", LOW)


def test_evidence_is_stored_by_its_hash_and_shown(city: City, tmp_path: Path) -> None:
    paper = tmp_path / "制度.pdf"
    paper.write_bytes(b"%PDF-1")
    given = ("--kind", "security_documents", "--no", "遵民发1号", "--day", "2026-01-05", "--as", "steward")
    told = said("evidence", "ZY-25", str(paper), *given, "--agency", CIVIL)
    assert "ZY-25  已登记" in told
    shown = said("show", "ZY-25", "--json")
    (kept,) = shown["handed"]
    assert (kept["number"], kept["day"], kept["file_name"]) == ("遵民发1号", "2026-01-05", "制度.pdf")
    with city.database.read() as session:
        assert session.get(Blob, kept["sha256"]) is not None
    assert "✓ 安全管理制度" in said("show", "ZY-25")
    assert "已撤回" in said("withdraw", kept["id"], "--why", "填错", "--as", "steward")
    assert "撤回：填错" in said("show", "ZY-25")


def test_a_refusal_stores_no_byte(city: City, tmp_path: Path) -> None:
    paper = tmp_path / "a.pdf"
    paper.write_bytes(b"x")
    found = run("evidence", "ZY-06", str(paper), "--kind", "plan_import", "--as", "steward")
    assert (found.exit_code, "须由市大数据主管部门经办人办理" in found.stderr) == (1, True)
    with city.database.read() as session:
        assert session.query(Blob).count() == 0


def test_a_file_that_is_called_secret_is_refused(city: City, tmp_path: Path) -> None:
    paper = tmp_path / "机密★名单.pdf"
    paper.write_bytes(b"x")
    given = ("--kind", "security_documents", "--as", "steward")
    assert run("evidence", "ZY-25", str(paper), *given).exit_code == 1
    with city.database.read() as session:
        assert session.query(DutyEvidence).count() == session.query(Blob).count() == 0


def test_a_waiver_at_the_console(city: City) -> None:
    assert "须写明不适用的理由" in run("waive", "LPS-14", "--system", OIL, "--as", "bureau").stderr
    said("waive", "LPS-14", "--system", OIL, "--why", "单机系统", "--as", "bureau")
    (row,) = [row for row in said("list", "--system", OIL, "--json") if row["id"] == "LPS-14"]
    assert (row["state"], row["why"]) == ("not_applicable", "经说明不适用：单机系统")


# ---- API --------------------------------------------------------------------------------------------------


@pytest.fixture
def client(city: City, tmp_path: Path) -> Iterator[TestClient]:
    settings = settings_of(city.database, files_folder=tmp_path / "files", workers=0)
    with TestClient(create_app(settings), follow_redirects=False) as made:
        yield made


def test_the_api_pages_through_duties(city: City, client: TestClient) -> None:
    enter(client, city.database, "bureau")
    first = client.get("/api/v1/duties?limit=5").json()
    assert (len(first["results"]), first["next_cursor"]) == (5, "5")
    rest = client.get(f"/api/v1/duties?limit=1000&cursor={first['next_cursor']}").json()
    assert len(rest["results"]) == first["total"] - 5 and rest["next_cursor"] is None
    assert client.get("/api/v1/duties?cursor=x").status_code == 422
    assert len(client.get("/api/v1/duties/law").json()["results"]) == len(load().duties.duties)


def test_evidence_by_the_api_comes_back_as_it_was_sent(city: City, client: TestClient) -> None:
    enter(client, city.database, "steward")
    sent = {"kind": "security_documents", "number": "1号"}
    made = client.post(
        "/api/v1/duties/ZY-25/evidence", data=sent, files={"file": ("制度.pdf", b"%PDF", "application/pdf")}
    )
    assert made.status_code == 201
    key = made.json()["id"]
    assert client.get(f"/api/v1/duty-evidence/{key}/file").content == b"%PDF"
    enter(client, city.database, "miner")
    assert client.get(f"/api/v1/duty-evidence/{key}/file").status_code == 404
    assert client.post(f"/api/v1/duty-evidence/{key}/withdraw", json={"why": "x"}).status_code == 403
    enter(client, city.database, "steward")
    assert client.post(f"/api/v1/duty-evidence/{key}/withdraw", json={"why": "填错"}).status_code == 200


def test_the_api_waives_for_the_authority_alone(city: City, client: TestClient) -> None:
    enter(client, city.database, "miner")
    body = {"system": OIL, "why": "单机系统"}
    assert client.post("/api/v1/duties/LPS-14/waivers", json=body).status_code == 403
    enter(client, city.database, "bureau")
    assert client.post("/api/v1/duties/LPS-14/waivers", json=body).status_code == 201
    one = client.get("/api/v1/duties/LPS-14").json()
    assert [row["state"] for row in one["standings"]] == ["not_applicable"]


# ---- pages ------------------------------------------------------------------------------------------------


def test_the_pages_tell_the_state_and_take_evidence(city: City, client: TestClient) -> None:
    enter(client, city.database, "steward")
    page = client.get("/duties").text
    assert "ZY-J03" in page and "LPS-06" not in page
    csrf = client.headers.pop(CSRF_HEADER)
    form = {"csrf": csrf, "kind": "security_documents", "number": "1号", "agency": CIVIL, "year": str(YEAR)}
    assert 'action="/duties/ZY-25/evidence"' in client.get("/duties/ZY-25").text
    assert client.post("/duties/ZY-25/evidence", data=form).status_code == 303
    assert "1号" in client.get("/duties/ZY-25").text
    assert client.get("/duties?state=overdue&system=" + LOW).status_code == 200
    assert "没有义务" in client.get("/duties/ZY-99").text


def test_the_coverage_page_shows_every_article(city: City, client: TestClient) -> None:
    enter(client, city.database, "auditor")
    page = client.get("/duties/coverage").text
    assert all(f'href="/duties/{duty.id}"' in page for duty in load().duties.duties)


# ---- what waits -------------------------------------------------------------------------------------------


def test_what_waits_is_told_to_who_can_answer_it(sqlite_database: Database) -> None:
    make_city(sqlite_database)
    with sqlite_database.read() as session:
        found = {
            login: {
                one.duty.id
                for one in duties_waiting(session, actor_of(session, login, today=NOW.date()), now=NOW)
            }
            for login in ("steward", "miner", "auditor")
        }
    assert found["steward"] == {"ZY-05", "ZY-J03"}
    assert found["miner"] == {"LPS-06", "LPS-07"}
    assert found["auditor"] == set()
