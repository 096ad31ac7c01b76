"""A retirement through the API and on its page: who sees it, what each step answers, what the page shows."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from registry.web import create_app
from tests.api_people import Api
from tests.retiring import DECISION, FILED, Retiring
from tests.web_people import enter, settings_of

TASKS = "/api/v1/retirements"


@pytest.fixture
def api(at: Any) -> Iterator[Api]:
    cast = at("shelved")
    app = create_app(settings_of(cast.database, files_folder=cast.files, workers=0))
    yield Api(cast, app)
    app.state.database.close()


def _opened(api: Api) -> str:
    made = Retiring(api.cast)
    made.copy()
    answer = api.as_role("head").post(TASKS, json={"system": made.system, "number": DECISION})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["number"])


def test_a_retirement_runs_through_the_api(api: Api) -> None:
    head, steward = api.as_role("head"), api.as_role("steward")
    task = f"{TASKS}/{_opened(api)}"
    assert steward.post(f"{task}/steps/notice", data={"number": FILED}).status_code == 200
    fates = {"fates": [{"entry": api.cast.code, "fate": "retire", "why": "业务取消"}]}
    assert head.post(f"{task}/fates", json=fates).status_code == 200
    settled = head.post(f"{task}/settle").json()
    assert (len(settled["done"]), settled["left"], settled["more"]) == (1, 0, False)
    assert steward.post(f"{task}/steps/archive", files={"file": ("清单.txt", b"a list")}).status_code == 200
    assert steward.post(f"{task}/steps/freeze").status_code == 200
    refused = head.post(f"{task}/close")
    assert refused.status_code == 422
    assert any("WI7" in one["message"] for one in refused.json()["errors"])
    assert steward.get(f"{task}/entries").json()["results"][0]["fate"] == "retire"


def test_the_impact_is_told_without_changing_anything(api: Api) -> None:
    system = Retiring(api.cast).system
    found = api.as_role("steward").get(f"/api/v1/systems/{system}/retirement-impact").json()
    assert found["counts"]["entries"] == 1
    assert api.as_role("head").get(TASKS).json() == {"results": []}


def test_a_stranger_to_the_agency_sees_no_retirement(api: Api) -> None:
    task = f"{TASKS}/{_opened(api)}"
    client: TestClient = api.as_role("contractor")
    assert client.get(f"{TASKS}/TY-520300-2026-9999").status_code == 404
    assert api.as_role("sharing_head").get(task).status_code == 200
    assert api.as_role("steward").post(f"{task}/close").status_code == 403


def test_the_page_shows_the_steps_and_what_is_missing(api: Api) -> None:
    number = _opened(api)
    page = enter(TestClient(api.app), api.database, "head").get(f"/retirements/{number}").text
    for text in ("通知使用方并报备", "还没有登记", "确定处置", "结案", "企业"):
        assert text in page


def test_a_form_that_is_refused_shows_the_page_with_the_reasons(api: Api) -> None:
    number = _opened(api)
    answer = api.as_role("head").post(f"/retirements/{number}/close")
    assert answer.status_code == 422
    assert "还不能结案" in answer.text


def test_a_sheet_of_fates_goes_out_and_comes_back(api: Api) -> None:
    number, head = _opened(api), api.as_role("head")
    assert head.get(f"/retirements/{number}/sheet.xlsx").content[:2] == b"PK"
    sheet = f"资源代码,处置,理由\n{api.cast.code},注销,业务取消\n".encode()
    answer = head.post(f"/retirements/{number}/fates", files={"file": ("处置.csv", sheet)})
    assert answer.status_code == 200
    assert "业务取消" in answer.text


def test_the_list_offers_a_decision_to_the_head_alone(api: Api) -> None:
    system = Retiring(api.cast).system
    assert "登记停用批复" in api.as_role("head").get(f"/retirements?system={system}").text
    assert "登记停用批复" not in api.as_role("steward").get(f"/retirements?system={system}").text
    assert "停用将涉及" in api.as_role("steward").get(f"/retirements?system={system}").text
