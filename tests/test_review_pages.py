"""Pages of review: the queue, an entry's acts as forms, evidence; nothing by a form that is not ours."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from registry.db import Database
from registry.web import create_app
from registry.web.given import CSRF_HEADER
from tests.cast import Cast, content, make_cast, register
from tests.web_people import enter, settings_of


@pytest.fixture
def cast(sqlite_database: Database, tmp_path: Path) -> Cast:
    made = make_cast(sqlite_database, tmp_path)
    made.now = datetime.now(UTC)
    return made


@pytest.fixture
def client(cast: Cast) -> Iterator[TestClient]:
    with TestClient(create_app(settings_of(cast.database)), follow_redirects=False) as client:
        yield client


def form_of(page: str, move: str) -> dict[str, str]:
    """The hidden fields of the form of a move."""
    forms = re.findall(r"<form method=\"post\" action=\"/entries/[^\"]+/act\".*?</form>", page, re.DOTALL)
    form = next(form for form in forms if f'name="move" value="{move}"' in form)
    return dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', form))


def act(client: TestClient, cast: Cast, login: str, move: str, **fields: str) -> int:
    """Make a move by the form of the entry's page; gives the status."""
    enter(client, cast.database, login)
    client.headers.pop(CSRF_HEADER)
    page = client.get(f"/entries/{cast.code}").text
    answer = client.post(f"/entries/{cast.code}/act", data=form_of(page, move) | fields)
    return answer.status_code


def test_an_entry_is_announced_by_forms_alone(client: TestClient, cast: Cast) -> None:
    assert act(client, cast, "steward", "submit") == 303
    assert act(client, cast, "secrecy_reviewer", "clear", conclusion="share_and_open") == 303
    assert act(client, cast, "division_chief", "endorse") == 303
    assert act(client, cast, "head", "endorse") == 303
    assert act(client, cast, "auditor", "approve") == 303
    assert act(client, cast, "bureau", "announce", number="遵数通1号", date="2026-11-20") == 303
    assert cast.state() == ("announced", 1, 1)


def test_a_return_says_why_field_by_field(client: TestClient, cast: Cast) -> None:
    cast.walk_to("approve")
    fields = {"reason0:field": "update_cycle", "reason0:phrase": "wrong_cycle", "reason1:text": "请补充佐证"}
    assert act(client, cast, "auditor", "return", **fields) == 303
    page = enter(client, cast.database, "steward").get(f"/entries/{cast.code}").text
    assert "更新周期与业务实际不符" in page
    assert "请补充佐证" in page


def test_the_page_says_what_is_missing_before_anyone_clicks(
    client: TestClient, tmp_path: Path, cast: Cast
) -> None:
    register(
        cast.database,
        tmp_path,
        content(
            "OK01",
            provider_code="11520300MB1A00052M",
            provider_name="遵义市市场监督管理局",
            resource_code="307024030209/000001",
        ),
    )
    cast.code = "307024030209/000001"
    cast.walk_to("endorse")
    page = enter(client, cast.database, "division_chief").get(f"/entries/{cast.code}").text
    assert "还缺 1 项" in page
    assert "个人信息保护影响评估已完成" in page
    answer = client.post(
        f"/entries/{cast.code}/records",
        data={"kind": "pia", "number": "个影评1号"},
        headers=dict(client.headers),
    )
    assert answer.status_code == 303
    assert "还缺" not in client.get(f"/entries/{cast.code}").text


def test_a_form_without_our_mark_changes_nothing(client: TestClient, cast: Cast) -> None:
    enter(client, cast.database, "steward")
    fields = form_of(client.get(f"/entries/{cast.code}").text, "submit")
    client.headers.pop(CSRF_HEADER)
    refused = client.post(f"/entries/{cast.code}/act", data=fields | {"csrf": "x" * 43})
    assert refused.status_code == 403
    assert cast.state()[0] == "draft"


def test_a_replayed_form_is_told_that_it_came_too_late(client: TestClient, cast: Cast) -> None:
    enter(client, cast.database, "steward")
    fields = form_of(client.get(f"/entries/{cast.code}").text, "submit")
    assert client.post(f"/entries/{cast.code}/act", data=fields).status_code == 303
    again = client.post(f"/entries/{cast.code}/act", data=fields, headers={"accept": "text/html"})
    assert again.status_code == 412
    assert "办理“提交”" in again.text


def test_no_button_without_the_role(client: TestClient, cast: Cast) -> None:
    cast.act("submit", "steward")
    page = enter(client, cast.database, "steward").get(f"/entries/{cast.code}").text
    assert "现在没有您可以办理的环节" not in page  # he may attach
    assert 'value="clear"' not in page


def test_the_queue_lists_what_waits_for_me(client: TestClient, cast: Cast) -> None:
    cast.act("submit", "steward")
    page = enter(client, cast.database, "secrecy_reviewer").get("/queue").text
    assert "企业登记基本信息" in page
    assert "保密风险评估通过" in page
    assert "没有等待您办理的事项" in enter(client, cast.database, "system_admin").get("/queue").text


def test_another_department_sees_the_draft_nowhere(client: TestClient, cast: Cast) -> None:
    assert enter(client, cast.database, "sync_robot").get(f"/entries/{cast.code}").status_code == 404


def test_the_log_auditor_reads_the_record_by_code(client: TestClient, cast: Cast) -> None:
    cast.act("submit", "steward", note="请审")
    page = enter(client, cast.database, "log_auditor").get("/audit", params={"subject": cast.code}).text
    assert "请审" in page
    assert f"<code>{cast.code}</code>" in page
    assert enter(client, cast.database, "steward").get("/audit").status_code == 403
