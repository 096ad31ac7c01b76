"""Moves over the API: of many and of one, refused with everything that is missing, never made twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.audit import events_of
from registry.db import Database
from registry.lookup import find_entry
from registry.permits import EVERYTHING
from tests.api_people import Api, api_of, fresh
from tests.cast import NOTICE, PATH, content

ENTRIES = "/api/v1/entries"


@pytest.fixture
def api(database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(database, tmp_path) as made:
        yield made


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(sqlite_database, tmp_path) as made:
        yield made


def test_an_entry_goes_the_whole_way(api: Api) -> None:
    for move, role in PATH:
        data = {"data": NOTICE} if move == "announce" else {}
        done = api.move(role, move, **data)
        assert done.status_code == 200, done.text
        assert done.json()["results"][0]["move"] == move
    assert api.cast.state() == ("announced", 1, 1)


def test_many_are_moved_at_once_or_none_is(api: Api) -> None:
    made = api.as_role("steward").post(ENTRIES, json={"content": fresh(update_cycle=None)}).json()
    subjects = [{"entry": api.cast.code}, {"entry": made["key"], "lock": 1}]
    answer = api.as_role("steward").post("/api/v1/moves", json={"move": "submit", "subjects": subjects})
    assert (answer.status_code, answer.json()["code"]) == (422, "MoveRefused")
    assert {e["pointer"] for e in answer.json()["errors"]} == {f"/subjects/{made['key']}"}
    assert all(e["source"] and e["code"] for e in answer.json()["errors"])
    assert api.cast.state()[0] == "draft"


def test_a_missing_role_is_named(here: Api) -> None:
    answer = here.move("auditor", "submit")
    assert (answer.status_code, answer.json()["missing_roles"]) == (403, ["steward"])


def test_a_second_click_is_a_conflict_that_says_what_happened(here: Api) -> None:
    here.move("steward", "submit")
    answer = here.move("steward", "submit")
    assert (answer.status_code, answer.json()["state"]) == (409, "submitted")
    assert "steward 已于" in answer.json()["detail"]


def test_a_replayed_request_is_made_once(api: Api) -> None:
    client, body = api.as_role("steward"), {"move": "submit", "subjects": [{"entry": api.cast.code}]}
    key = {"Idempotency-Key": "once"}
    first, again = (client.post("/api/v1/moves", json=body, headers=key) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    with api.database.read() as session:
        entry = find_entry(session, api.cast.code, sight=EVERYTHING).entry
        assert [e.act for e in events_of(session, entry.id)] == ["register", "submit"]


def test_a_stale_lock_or_etag_is_refused(api: Api) -> None:
    client = api.as_role("steward")
    etag = client.get(api.entry).headers["etag"]
    client.put(
        f"{api.entry}/draft", json={"content": content(contact_name="李雷")}, headers={"If-Match": "*"}
    )
    by_lock = api.move("steward", "submit", subjects=[{"entry": api.cast.code, "lock": 1}])
    assert (by_lock.status_code, by_lock.json()["lock"]) == (412, 2)
    stale = client.post(f"{api.entry}/moves", json={"move": "submit"}, headers={"If-Match": etag})
    assert stale.status_code == 412
    now = {"If-Match": stale.headers["etag"]}
    done = client.post(f"{api.entry}/moves", json={"move": "submit"}, headers=now)
    assert (done.status_code, done.json()["after"]) == (200, "submitted")
    assert done.headers["etag"] == client.get(api.entry).headers["etag"]


def test_a_return_tells_its_reasons(here: Api) -> None:
    here.cast.walk_to("approve")
    reasons = [{"field": "share_type", "phrase": "wrong_share_type"}]
    assert here.move("auditor", "return", data={"reasons": reasons}).status_code == 200
    remarks = here.as_role("steward").get(f"{here.entry}/remarks").json()["results"]
    assert [(r["field"], r["phrase"]) for r in remarks] == [("share_type", "wrong_share_type")]
    wrong = here.move("auditor", "return", data={"reasons": [{"field": "nothing", "text": "x"}]})
    assert wrong.status_code in (409, 422)


def test_opinions_tell_which_signatures_hold(here: Api) -> None:
    here.cast.walk(*PATH[:4])
    shown = here.as_role("auditor").get(f"{here.entry}/opinions").json()["results"]
    assert [(o["move"], o["valid"]) for o in shown] == [
        ("endorse", True),
        ("endorse", True),
        ("clear", True),
        ("submit", None),
    ]
    here.move(
        "auditor", "return", note="再核", data={"reasons": [{"text": "共享类型", "field": "share_type"}]}
    )
    changed = content(share_type="2", share_condition="依申请核验", use_purpose=["数据校核"])
    headers = {"If-Match": "*"}
    here.as_role("steward").put(f"{here.entry}/draft", json={"content": changed}, headers=headers)
    after = here.as_role("auditor").get(f"{here.entry}/opinions").json()["results"]
    assert not any(o["valid"] for o in after)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"move": "submit"}, "/subjects"),
        ({"move": "submit", "subjects": []}, "/subjects"),
        ({"move": "submit", "subjects": [{"entry": "x", "colour": 1}]}, "/subjects/0/colour"),
        ({"move": "submit", "subjects": [{"entry": "x"}], "colour": 1}, "/colour"),
        ({"move": "submit", "subjects": [{"entry": "x", "lock": 0}]}, "/subjects/0/lock"),
        ({"move": "submit", "subjects": [{"entry": "x"}], "note": "a\0"}, "/note"),
        ({"move": "submit", "subjects": [{"entry": "x"}], "data": {"a": "\0"}}, "/data"),
    ],
)
def test_what_is_malformed_is_named(here: Api, body: dict[str, object], pointer: str) -> None:
    answer = here.as_role("steward").post("/api/v1/moves", json=body)
    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]


def test_what_a_move_does_not_take_is_refused(here: Api) -> None:
    answer = here.move("steward", "submit", data={"colour": "red"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/data/colour")
    assert here.move("steward", "dance").status_code == 404


def test_what_is_not_seen_is_not_there(here: Api) -> None:
    assert here.move("log_auditor", "submit").status_code == 404
    assert here.move("steward", "submit", subjects=[{"entry": "9/9"}]).status_code == 404


def test_the_law_of_review_is_given_out(here: Api) -> None:
    client = here.as_role("log_auditor")
    moves = {row["key"]: row for row in client.get("/api/v1/moves").json()["results"]}
    assert moves["approve"]["by"] == ["auditor", "county_auditor"]
    assert "missing" in {row["key"] for row in client.get("/api/v1/phrases").json()["results"]}
    kinds = {row["key"]: row for row in client.get("/api/v1/record-kinds").json()["results"]}
    assert kinds["pia"]["proves"] == ["pia"]


def test_the_queue_tells_what_waits_for_whom(here: Api) -> None:
    waits = here.as_role("steward").get("/api/v1/queue").json()
    assert [(task["move"], task["code"]) for task in waits["results"]] == [("submit", here.cast.code)]
    assert (waits["total"], waits["next_cursor"]) == (1, None)
    here.move("steward", "submit")
    assert here.as_role("steward").get("/api/v1/queue").json()["total"] == 0
    assert here.as_role("secrecy_reviewer").get("/api/v1/queue").json()["total"] == 1
    assert here.as_role("auditor").get("/api/v1/queue/overdue").json()["results"] == []
