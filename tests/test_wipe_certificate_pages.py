"""Certificates of wipes on the web: downloads within one's sight, and a public page that tells no way to reach anyone."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from registry.db import Database
from registry.models import WipeRecord
from registry.web import create_app
from registry.wipe_pages import pdf_of
from registry.wipe_verify import verify_document, verify_file
from tests.certifying import NUMBER, certify, edited, enter, issued, stage
from tests.conftest import NOW
from tests.web_people import agency, person, settings_of
from tests.web_people import enter as signed_in

PHONES = ("13800000001", "13800000002", "13800000003", "13800000004")


@pytest.fixture
def client(sqlite_database: Database) -> TestClient:
    # without its life: no worker runs beside the test
    return TestClient(create_app(settings_of(sqlite_database)))


def page(client: TestClient, address: str) -> tuple[int, str]:
    answer = client.get(address)
    return answer.status_code, answer.text


def test_number_and_code_show_the_public_part(client: TestClient, sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    status, text = page(client, f"/certificates?no={NUMBER.format(1)}&code={document['code']}")
    assert status == 200
    for wanted in (
        NUMBER.format(1),
        "遵义市民政局",
        "婚姻登记旧系统",
        "ZC20ABCD",
        "净化命令（覆写）",
        "赵一",
    ):
        assert wanted in text
    assert document["digest"] in text


def test_the_public_page_shows_no_telephone_place_or_signature(
    client: TestClient, sqlite_database: Database
) -> None:
    document = issued(sqlite_database)
    _, text = page(client, f"/certificates/{NUMBER.format(1)}?code={document['code']}")
    for hidden in (*PHONES, "市政务云机房", "电子签名", "steward", "ZY-MZ-2019-0031"):
        assert hidden not in text


@pytest.mark.parametrize("code", ["0000-0000-0000-0000-0000", "x", "%00"])
def test_a_number_with_a_wrong_code_shows_nothing(
    client: TestClient, sqlite_database: Database, code: str
) -> None:
    issued(sqlite_database)
    status, text = page(client, f"/certificates/{NUMBER.format(1)}?code={code}")
    assert status in (404, 422)
    assert "ZC20ABCD" not in text


def test_a_number_alone_shows_the_form(client: TestClient, sqlite_database: Database) -> None:
    issued(sqlite_database)
    status, text = page(client, f"/certificates/{NUMBER.format(1)}")
    assert (status, "ZC20ABCD" in text, "校验码" in text) == (200, False, True)


def test_an_erased_one_is_told_as_such(client: TestClient, sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    with sqlite_database.write() as session:
        session.get_one(WipeRecord, "wr1").erased_at = NOW
    status, text = page(client, f"/certificates/{NUMBER.format(1)}?code={document['code']}")
    assert (status, "已依法删除" in text or "依法删除" in text, "ZC20ABCD" in text) == (200, True, False)


def upload(client: TestClient, name: str, content: bytes) -> str:
    answer = client.post("/certificates", files={"file": (name, content)})
    assert answer.status_code == 200
    return answer.text


def test_a_dropped_file_is_verified_for_everybody(client: TestClient, sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    assert "真实完整" in upload(client, "c.pdf", pdf_of(document))
    assert "真实完整" in upload(client, "c.json", json.dumps(document).encode())
    forged = json.dumps(edited(document, "record.content.serial_no", "X")).encode()
    said = upload(client, "c.json", forged)
    assert "不能确认为真实的清除证明" in said
    assert "向出具单位重新索取证明" in said
    assert "/tmp" not in upload(client, "c.json", b"")


# ---- downloads --------------------------------------------------------------------------------------------


def steward(database: Database, client: TestClient) -> TestClient:
    with database.write() as session:
        person(session, "steward", "steward", of=agency(session, code="11520300009400123A"))
    return signed_in(client, database, "steward")


def test_who_sees_the_record_downloads_what_verifies(
    client: TestClient, sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.write() as session:
        certify(session, enter(session, stage(session)))
    mine = steward(sqlite_database, client)
    answer = mine.get(f"/api/v1/wipes/{NUMBER.format(1)}/certificate")
    assert verify_document(answer.json()).genuine
    answer = mine.get("/api/v1/wipes/wr1/certificate?format=pdf")
    assert answer.headers["content-disposition"] == f'attachment; filename="{NUMBER.format(1)}.pdf"'
    (tmp_path / "c.pdf").write_bytes(answer.content)
    assert verify_file(tmp_path / "c.pdf").genuine


def test_others_are_told_that_there_is_none(client: TestClient, sqlite_database: Database) -> None:
    issued(sqlite_database)
    with sqlite_database.write() as session:
        person(
            session,
            "other",
            "steward",
            of=agency(session, "遵义市市场监督管理局", "11520300MB0X123457"),
        )
    answer = signed_in(client, sqlite_database, "other").get("/api/v1/wipes/wr1/certificate")
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, "没有清除记录或证明" in problem["detail"]) == (404, True)
    assert client.get("/api/v1/wipes/wr1/certificate", headers={"cookie": ""}).status_code in (401, 404)
