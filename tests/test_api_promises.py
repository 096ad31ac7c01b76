"""Promises kept over REST: the ledger, figures, updates pushed by tokens and reported, change events."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from registry.db import Database
from registry.models import UpdateSeen
from tests.api_people import Api, api_of
from tests.cast import PATH
from tests.stages import attach, made_of, review_data, shelve
from tests.web_people import token
from validators.workdays import Calendar

AGENCY = "11520300MB1A00052M"
EVENT = {"kind": "law", "basis": "国令第804号", "laws": [{"title": "婚姻登记条例", "article": "第十条"}]}


def today(back: int = 0) -> str:
    return (Calendar().day_of(datetime.now(UTC)) - timedelta(days=back)).isoformat()


@pytest.fixture
def api(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    """The application has the real clock, so the entry was shelved a hundred days ago; its data are daily."""
    with api_of(sqlite_database, tmp_path) as made:
        made.cast.now = datetime.now(UTC) - timedelta(days=100)
        made.cast.walk(*PATH)
        for step in (attach, review_data, shelve):
            step(made.cast)
        yield made


def with_token(api: Api, login: str = "steward", *scopes: str) -> TestClient:
    with api.database.write() as session:
        plain = token(
            session, login, *(scopes or ("edit_draft", "read_catalogue")), now=datetime.now(UTC)
        ).plain
    return TestClient(api.app, headers={"Authorization": f"Bearer {plain}"})


def rows(api: Api) -> int:
    with api.database.read() as session:
        return int(session.execute(select(func.count()).select_from(UpdateSeen)).scalar_one())


def post(api: Api, **more: Any) -> Any:
    return api.as_role("bureau").post("/api/v1/change-events", json=EVENT | {"effective_on": today(3)} | more)


# ---- ledger and figures -----------------------------------------------------------------------------------


def test_whoever_reads_the_catalogue_sees_the_ledger(api: Api) -> None:
    for role in ("steward", "log_auditor", "bureau"):
        found = api.as_role(role).get("/api/v1/promises/overdue").json()
        assert (found["total"], found["rows"], found["results"][0]["rule"]) == (1, 1, "W202")
        assert found["totals"][0]["agency_code"] == AGENCY


def test_the_ledger_is_asked_for_by_agency_kind_and_page(api: Api) -> None:
    ask = api.as_role("steward").get
    assert ask("/api/v1/promises/overdue", params={"kind": "shelf"}).json()["results"] == []
    assert ask("/api/v1/promises/overdue", params={"agency": AGENCY, "offset": 1}).json()["results"] == []
    assert ask("/api/v1/promises/overdue", params={"agency": "nobody"}).status_code == 404
    assert ask("/api/v1/promises/overdue", params={"limit": 0}).status_code == 422


def test_nobody_sees_it_without_signing_in(api: Api) -> None:
    for path in ("promises/overdue", "promises/figures", "change-events"):
        assert TestClient(api.app).get(f"/api/v1/{path}").status_code == 401


def test_figures_of_this_year_and_of_none(api: Api) -> None:
    found = api.as_role("log_auditor").get("/api/v1/promises/figures").json()
    assert (found["city"]["rates"]["shelf_rate"], found["results"][0]["agency_code"]) == (1.0, AGENCY)
    assert {one["key"] for one in found["definitions"]} >= {"shelf_rate", "open_rate", "update_rate"}
    assert api.as_role("bureau").get("/api/v1/promises/figures?year=1990").status_code == 422


# ---- updates ------------------------------------------------------------------------------------------------


def test_a_token_pushes_an_update_once_however_often_it_is_sent(api: Api) -> None:
    client, made = with_token(api), made_of(api.cast, "suspend")
    body = {"day": today(), "rows": 120, "distribution": made}
    sent = [
        client.post(f"{api.entry}/updates", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2)
    ]
    assert [one.status_code for one in sent] == [201, 201]
    assert sent[1].headers["Idempotency-Replayed"] == "true"
    assert (sent[0].json()["kind"], sent[0].json()["rows"], rows(api)) == ("pushed", 120, 1)
    assert client.get(f"{api.entry}/updates").json()["late"] == 0


def test_a_person_reports_and_does_not_push(api: Api) -> None:
    client = api.as_role("steward")
    assert client.post(f"{api.entry}/updates", json={"day": today()}).status_code == 403
    body = {"kind": "reported", "day": today(), "note": "昨夜入库"}
    assert client.post(f"{api.entry}/updates", json=body).status_code == 201
    assert api.as_role("head").get(f"{api.entry}/updates").json()["last"] == today()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"day": "2999-01-01"}, 422),
        ({"day": "昨天"}, 422),
        ({"day": "2026-01-01", "rows": -1}, 422),
        ({"rows": 1}, 422),
        ({"day": "2026-01-01", "more": 1}, 422),
        ({"day": today(), "distribution": "d0"}, 404),
        ({"day": today(), "kind": "probed"}, 422),
    ],
)
def test_a_push_that_will_not_do_is_refused(api: Api, body: dict[str, Any], status: int) -> None:
    assert with_token(api).post(f"{api.entry}/updates", json=body).status_code == status
    assert rows(api) == 0


def test_a_token_without_the_scope_or_of_another_does_not_push(api: Api) -> None:
    narrow = with_token(api, "steward", "read_catalogue")
    assert narrow.post(f"{api.entry}/updates", json={"day": today()}).status_code == 403
    other = with_token(api, "auditor", "read_catalogue", "read_all")
    assert other.post(f"{api.entry}/updates", json={"day": today()}).status_code == 403


def test_what_was_said_in_a_report_is_for_the_own_agency(api: Api) -> None:
    body = {"kind": "reported", "day": today(), "note": "昨夜入库"}
    api.as_role("steward").post(f"{api.entry}/updates", json=body)
    notes = [
        api.as_role(role).get(f"{api.entry}/updates").json()["seen"][0]["note"]
        for role in ("head", "log_auditor")
    ]
    assert notes == ["昨夜入库", ""]


# ---- change events ------------------------------------------------------------------------------------------


def test_a_preview_is_no_post(api: Api) -> None:
    found = post(api, dry_run=True)
    assert (found.status_code, len(found.json()["entries"])) == (200, 1)
    assert api.as_role("steward").get("/api/v1/change-events").json() == {"results": []}


def test_an_event_is_posted_seen_and_refused_the_second_time(api: Api) -> None:
    event = post(api)
    number = event.json()["number"]
    assert (event.status_code, event.json()["cases"][0]["code"]) == (201, api.cast.code)
    assert post(api).status_code == 409
    shown = api.as_role("log_auditor").get(f"/api/v1/change-events/{number}").json()
    assert (shown["counts"]["open"], shown["due"] > today()) == (1, True)
    assert api.as_role("steward").get("/api/v1/change-events/BG-1").status_code == 404
    body = EVENT | {"effective_on": today()}
    assert api.as_role("steward").post("/api/v1/change-events", json=body).status_code == 403


def test_a_case_is_extended_answered_and_opened_again(api: Api) -> None:
    base = f"/api/v1/change-events/{post(api).json()['number']}/cases/{api.cast.code}"
    body = {"reason": "经核对，信息项不变"}
    assert api.as_role("bureau").post(f"{base}/extend", json=body).json()["extended"] is True
    assert api.as_role("bureau").post(f"{base}/settle", json=body).status_code == 403
    assert api.as_role("steward").post(f"{base}/settle", json=body).json()["state"] == "answered"
    assert api.as_role("steward").post(f"{base}/settle", json=body).status_code == 409
    assert api.as_role("bureau").post(f"{base}/reopen", json=body).json()["state"] == "open"
    assert api.as_role("steward").post(f"{base}/settle", json={"reason": ""}).status_code == 422


def test_a_withdrawn_event_takes_nothing_more(api: Api) -> None:
    path = f"/api/v1/change-events/{post(api).json()['number']}"
    found = api.as_role("bureau").post(f"{path}/withdraw", json={"reason": "误发"})
    assert (found.status_code, found.json()["withdrawn_reason"]) == (200, "误发")
    settle = api.as_role("steward").post(f"{path}/cases/{api.cast.code}/settle", json={"reason": "x"})
    assert settle.status_code == 409
