"""The page of scanning: a form, a report, a job that is waited for; without scripts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from registry.db import Database
from tests.test_scan_api import cast, client_of, folder, large, perform, stored
from tests.test_scan_command import ID_A, MASKED, PEOPLE

__all__ = ["cast", "folder", "large"]


@pytest.fixture
def client(cast: Database, folder: Path) -> Iterator[TestClient]:
    with client_of(cast, folder, "steward") as made:
        yield made


def drop(client: TestClient, text: str = PEOPLE, *, name: str = "名单.csv", **form: str) -> Any:
    return client.post(
        "/scan",
        files={"file": (name, text.encode())},
        data={"csrf": client.headers["X-CSRF-Token"]} | form,
        headers={"Accept": "text/html"},
        follow_redirects=False,
    )


def test_the_form_asks_for_a_file_and_an_open_type(client: TestClient) -> None:
    page = client.get("/scan").text
    assert 'enctype="multipart/form-data"' in page and 'name="csrf"' in page
    assert [
        said for said in ("无条件开放", "有条件开放", "不予开放", "取回报告文件") if said not in page
    ] == []
    assert "<script" not in page


def test_the_report_stands_on_the_page_and_nothing_is_kept(client: TestClient, folder: Path) -> None:
    answer = drop(client, open_type="1")
    assert answer.status_code == 200
    assert "结论：有未脱敏的直接标识符" in answer.text and "公民身份号码" in answer.text
    assert (ID_A in answer.text, stored(folder)) == (False, b"")


def test_a_clean_file_is_called_clean(client: TestClient) -> None:
    assert "没有发现直接标识符" in drop(client, MASKED).text


def test_the_report_comes_as_a_file(client: TestClient) -> None:
    answer = drop(client, want="file")
    assert answer.headers["content-disposition"].endswith("-%E6%89%AB%E6%8F%8F%E6%8A%A5%E5%91%8A.html")
    assert answer.text.startswith("<!doctype html>") and "<style>" in answer.text


def test_a_file_that_cannot_be_read_is_told_on_the_page(client: TestClient) -> None:
    answer = drop(client, "")
    assert (answer.status_code, "名单.csv" in answer.text, "改法：" in answer.text) == (422, True, True)


@pytest.mark.usefixtures("large")
def test_a_larger_file_is_waited_for(client: TestClient, cast: Database, folder: Path) -> None:
    answer = drop(client)
    assert answer.status_code == 303
    waiting = client.get(answer.headers["location"])
    assert (waiting.headers["refresh"], "正在排队" in waiting.text) == ("2", True)
    perform(cast, folder, answer.headers["location"].rpartition("/")[2])
    done = client.get(answer.headers["location"])
    assert ("refresh" in done.headers, "结论：有未脱敏的直接标识符" in done.text) == (False, True)
    (link,) = [part.split('"')[0] for part in done.text.split('href="') if part.startswith("/api/v1/scans/")]
    assert client.get(link).status_code == 200


@pytest.mark.usefixtures("large")
def test_a_job_that_failed_says_why(client: TestClient, cast: Database, folder: Path) -> None:
    at = drop(client, "PK\x03\x04", name="坏.xlsx").headers["location"]
    perform(cast, folder, at.rpartition("/")[2])
    page = client.get(at)
    assert ("没有扫描成" in page.text, "refresh" in page.headers) == (True, False)


@pytest.mark.usefixtures("large")
def test_nobody_else_sees_the_page_of_a_job(client: TestClient, cast: Database, folder: Path) -> None:
    at = drop(client).headers["location"]
    for login in ("auditor", "other"):
        with client_of(cast, folder, login) as somebody:
            assert somebody.get(at, headers={"Accept": "text/html"}).status_code == 404


def test_a_form_from_elsewhere_is_refused(client: TestClient) -> None:
    del client.headers["X-CSRF-Token"]
    answer = client.post("/scan", files={"file": ("a.csv", b"a\n1\n")}, headers={"Accept": "text/html"})
    assert answer.status_code == 403


@pytest.mark.parametrize(("login", "seen"), [("steward", True), ("secrecy", True), ("head", False)])
def test_the_link_is_shown_to_who_may_scan(login: str, seen: bool, cast: Database, folder: Path) -> None:
    with client_of(cast, folder, login) as client:
        assert ('href="/scan"' in client.get("/check").text) is seen
        assert (client.get("/scan").status_code == 200) is seen
