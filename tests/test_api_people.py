"""Oneself and the audit record over the API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.db import Database
from registry.heads import sign_head
from tests.api_people import Api, api_of

AUDIT, ME = "/api/v1/audit", "/api/v1/people/me"


@pytest.fixture
def api(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(sqlite_database, tmp_path) as made:
        yield made


def test_i_am_told_who_i_am_and_what_i_may_do(api: Api) -> None:
    body = api.as_role("steward").get(ME).json()
    assert (body["login"], body["agency_name"]) == ("steward", "遵义市市场监督管理局")
    assert [role["role"] for role in body["roles"]] == ["steward"]
    assert {"submit", "edit_draft"} <= set(body["may"])
    assert "approve" not in body["may"]


def test_a_token_is_shown_once_narrows_and_is_revoked(api: Api) -> None:
    client = api.as_role("steward")
    body = {"name": "统计", "scopes": ["read_own"], "days": 30}
    made = client.post(f"{ME}/tokens", json=body, headers={"Idempotency-Key": "t"}).json()
    again = client.post(f"{ME}/tokens", json=body, headers={"Idempotency-Key": "t"})
    assert (again.status_code, "只显示一次" in again.json()["detail"]) == (409, True)
    machine = {"Authorization": f"Bearer {made['token']}"}
    assert client.get(api.entry, headers=machine).status_code == 200
    refused = client.post(f"{api.entry}/moves", json={"move": "submit"}, headers=machine)
    assert (refused.status_code, refused.json()["missing_scopes"]) == (403, ["submit"])
    assert client.post(f"{ME}/tokens", json=body, headers=machine).status_code == 403
    listed = client.get(f"{ME}/tokens").json()["results"]
    assert [(row["id"], "token" in row) for row in listed] == [(made["id"], False)]
    assert client.delete(f"{ME}/tokens/{made['id']}").json()["revoked_at"]
    assert client.get(api.entry, headers=machine).status_code == 401
    assert api.as_role("auditor").delete(f"{ME}/tokens/{made['id']}").status_code == 403


def test_the_record_is_walked_page_by_page(api: Api) -> None:
    for move, role in (("submit", "steward"), ("clear", "secrecy_reviewer")):
        api.move(role, move)
    client, seqs, cursor = api.as_role("log_auditor"), [], None
    while True:
        page = client.get(AUDIT, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seqs += [event["seq"] for event in page["results"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seqs == sorted(set(seqs), reverse=True)
    assert page["total"] == len(seqs)
    of_entry = client.get(AUDIT, params={"subject": api.cast.code}).json()
    assert [event["act"] for event in of_entry["results"]] == ["clear", "submit", "register"]


def test_the_record_is_for_the_log_auditor(api: Api) -> None:
    for path in (AUDIT, f"{AUDIT}/proof?subject=x", f"{AUDIT}/heads"):
        answer = api.as_role("steward").get(path)
        assert (answer.status_code, answer.json()["missing_roles"]) == (403, ["log_auditor"]), path


def test_an_act_is_proven_against_a_signed_head(api: Api) -> None:
    with api.database.write() as session:
        sign_head(session, now=api.cast.now)
    client = api.as_role("log_auditor")
    heads = client.get(f"{AUDIT}/heads").json()
    proof = client.get(f"{AUDIT}/proof", params={"subject": api.cast.code}).json()
    assert heads["results"][0] == proof["head"]
    assert (heads["total"], heads["next_cursor"]) == (proof["head"]["number"], None)
    assert len(proof["events"]) == 1
    assert client.get(f"{AUDIT}/proof", params={"subject": "nothing"}).status_code == 404
