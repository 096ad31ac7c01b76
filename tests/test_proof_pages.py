"""Pages of desensitization proofs: state and forms on an entry's page, one proof whole, what was held in the queue."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from catalog_specs import load
from registry.cli import app as cli
from registry.web.given import CSRF_HEADER
from tests.api_people import Api
from tests.open_api import (
    CLEAN,
    LEAKED,
    LEAKY,
    attach_table,
    batches,
    blobs,
    fill,
    open_api,
    order_table,
    perform,
    post,
    proven,
)
from tests.open_data import csv_bytes, rows
from tests.stages import made_of
from tests.web_people import enter


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path) as made:
        yield made


def browser(api: Api, role: str) -> TestClient:
    """Somebody at a browser: the mark of the session comes by the forms alone."""
    key = f"browser of {role}"
    if key not in api.clients:
        client = TestClient(api.app, follow_redirects=False, headers={"accept": "text/html"})
        api.clients[key] = enter(client, api.database, role)
        client.headers.pop(CSRF_HEADER)
    return api.clients[key]


def page(api: Api, role: str) -> str:
    text: str = browser(api, role).get(f"/entries/{api.cast.code}").text
    return text


def fields_of(text: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that is sent to ``action``."""
    (form,) = re.findall(rf'<form[^>]*action="{action}".*?</form>', text, re.DOTALL)[:1]
    return dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', form))


def send(api: Api, data: bytes = CLEAN, role: str = "steward", **more: str) -> Any:
    """A file sent by the form of the entry's page."""
    text = page(api, role)
    (action,) = set(re.findall(r'action="(/entries/[^"]+/proofs)"', text))
    files = {"file": ("门诊.csv", data)}
    return browser(api, role).post(action, data=fields_of(text, action) | more, files=files)


def review(api: Api, role: str = "division_chief", **said: str) -> Any:
    """The second person's word by the form of the entry's page."""
    text = page(api, role)
    (action,) = re.findall(r'action="(/proofs/[^"]+/review)"', text)
    return browser(api, role).post(action, data=fields_of(text, action) | said)


# ---- the whole path by forms ------------------------------------------------------------------------------


def test_a_file_is_checked_and_agreed_to_by_forms_alone(api: Api) -> None:
    sent = send(api)
    assert (sent.status_code, batches(api)) == (303, [("waiting", "steward")])
    shown = browser(api, "steward").get(sent.headers["location"]).text
    assert "还没有复核" in shown
    assert "没有残留直接标识符" in shown  # of the scan's report
    word = review(api, agree="1")
    assert word.status_code == 303
    assert "证明现在有效" in browser(api, "division_chief").get(word.headers["location"]).text
    assert "证明有效" in page(api, "head")


def test_a_file_that_leaks_is_refused_on_a_page_with_its_report(api: Api) -> None:
    answer = send(api, LEAKY)
    assert (answer.status_code, blobs(api)) == (422, 0)
    assert "没有通过，没有存入" in answer.text
    assert "公民身份号码" in answer.text
    assert LEAKED not in answer.text


def test_a_held_file_is_shown_with_reason_and_cure(api: Api) -> None:
    proven(api)
    sent = send(api, LEAKY)
    assert "已扣留" in browser(api, "steward").get(sent.headers["location"]).text
    shown = page(api, "steward")
    assert "有数据被扣留" in shown
    assert "现在提供的仍是原来的文件" in shown
    assert "证明有效" in shown
    assert LEAKED not in shown


def test_a_refusal_needs_its_reason(api: Api) -> None:
    send(api)
    assert review(api, agree="0").status_code == 422
    assert review(api, agree="").status_code == 422
    assert review(api, agree="0", note="科室名称未归并").status_code == 303
    assert "科室名称未归并" in page(api, "steward")


def test_methods_are_chosen_item_by_item(api: Api) -> None:
    sent = send(api, **{"method:性别": "generalize", "method:出生年份": ""})
    shown = browser(api, "steward").get(sent.headers["location"]).text
    methods = {m.key: m.zh for m in load().desensitization.methods}
    assert f"<td>性别</td><td>{methods['generalize']}</td>" in shown
    assert f"<td>出生年份</td><td>{methods['generalize']}</td>" in shown


def test_a_larger_file_has_a_page_that_waits_for_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(load().entry.limits, "import_inline_bytes", 0)
    at = send(api).headers["location"]
    waiting = browser(api, "steward").get(at)
    assert ("正在排队" in waiting.text, waiting.headers["refresh"]) == (True, "2")
    assert "正在排队" in page(api, "steward")
    perform(api, at.rpartition("/")[2])
    done = browser(api, "steward").get(at)
    assert (done.status_code, done.headers["location"].startswith("/proofs/b")) == (303, True)


def test_a_larger_file_that_leaks_is_told_with_its_report(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(load().entry.limits, "import_inline_bytes", 0)
    at = send(api, LEAKY).headers["location"]
    perform(api, at.rpartition("/")[2])
    shown = browser(api, "steward").get(at)
    assert ("没有通过，没有存入" in shown.text, "refresh" in shown.headers) == (True, False)
    assert "k ≥" in shown.text
    assert "没有通过，没有存入" in page(api, "steward")
    assert browser(api, "division_chief").get(at).status_code == 404


def test_a_table_is_checked_by_its_source_s_name(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULU_SOURCE_OPEN_URL", f"sqlite:///{fill(tmp_path, rows())}")
    attach_table(api)
    text = page(api, "steward")
    (action,) = set(re.findall(r'action="(/entries/[^"]+/proofs)"', text))
    fields = fields_of(text, action) | {"source": "source:OPEN", "table": "v_mzjz"}
    at = browser(api, "steward").post(action, data=fields).headers["location"]
    assert perform(api, at.rpartition("/")[2]).state == "done"
    assert batches(api) == [("waiting", "steward")]


# ---- who sees which form ----------------------------------------------------------------------------------


def test_forms_are_for_who_may(api: Api) -> None:
    assert "检查并登记" in page(api, "steward")
    assert "检查并登记" not in page(api, "division_chief")
    send(api)
    offered = {
        role: "/review" in page(api, role) for role in ("steward", "division_chief", "head", "auditor")
    }
    assert offered == {"steward": False, "division_chief": True, "head": False, "auditor": False}


def test_a_form_without_our_mark_changes_nothing(api: Api) -> None:
    key = post(api).json()["standing"]
    client = browser(api, "division_chief")
    refused = client.post(f"/proofs/{key}/review", data={"agree": "1", "csrf": "x" * 43})
    assert (refused.status_code, batches(api)) == (403, [("waiting", "steward")])
    sent = browser(api, "steward").post(f"/entries/{api.cast.code}/proofs", data={"csrf": "x"})
    assert sent.status_code == 403


def test_another_department_sees_no_proof(api: Api) -> None:
    key = post(api).json()["standing"]
    assert browser(api, "sync_robot").get(f"/proofs/{key}").status_code == 404
    assert "脱敏检查证明" not in page(api, "sync_robot")


def test_who_may_not_see_sample_values_sees_no_report(api: Api) -> None:
    key = post(api).json()["standing"]
    shown = browser(api, "auditor").get(f"/proofs/{key}").text
    assert ("只给可以看样例值的人看" in shown, "没有残留直接标识符" in shown) == (True, False)


def test_a_proof_is_verified_on_its_page(api: Api) -> None:
    made = proven(api)
    shown = browser(api, "steward").get(f"/proofs/{made['id']}", params={"verify": "1"}).text
    assert ("与审计记录相符" in shown, "不符</span>" in shown) == (True, False)


# ---- the queue --------------------------------------------------------------------------------------------


def test_the_queue_shows_what_was_held(api: Api) -> None:
    proven(api)
    assert "已扣留的数据" not in browser(api, "steward").get("/queue").text
    made = post(api, LEAKY).json()
    shown = browser(api, "steward").get("/queue").text
    assert all(
        said in shown for said in ("已扣留的数据", f"/proofs/{made['id']}", *made["unmet"], "mulu prove")
    )
    assert LEAKED not in shown
    assert "已扣留的数据" not in browser(api, "sync_robot").get("/queue").text


def test_the_command_shows_what_was_held(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    proven(api)
    made = post(api, LEAKY).json()
    monkeypatch.setenv("MULU_DATABASE_URL", api.database.engine.url.render_as_string(hide_password=False))
    told = CliRunner().invoke(cli, ["queue"]).output
    assert all(said in told for said in ("已扣留的数据 1 件", made["id"], api.cast.code, *made["unmet"]))
    as_json = CliRunner().invoke(cli, ["queue", "--as", "steward", "--json"]).output
    assert f'"batch": "{made["id"]}"' in as_json


def test_a_distribution_without_any_proof_says_what_is_missing(api: Api) -> None:
    attach_table(api)
    shown = page(api, "head")
    assert ("没有方案证明" in shown, "还缺 1 项" in shown) == (True, True)
    assert made_of(api.cast, "clear_data") in shown


def test_a_proof_that_ran_out_says_so(api: Api) -> None:
    from registry.models import StandingProof

    made = proven(api)
    with api.database.write() as session:
        session.get_one(StandingProof, made["standing"]).checked_at -= timedelta(days=400)
    assert "有效期 365 天" in page(api, "head")


def test_a_better_file_is_published_at_once(api: Api) -> None:
    proven(api)
    shown = browser(api, "steward").get(send(api, csv_bytes(rows(groups=5))).headers["location"]).text
    assert ("已发布" in shown, "替换" in shown) == (True, True)


def test_a_table_is_not_shown_as_checked_before_it_is(api: Api) -> None:
    attach_table(api)
    order_table(api)
    assert "正在排队" in page(api, "steward")
