"""Desensitization proofs over the API: checked at once, reviewed by another, shown to who may see, verified."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import load
from registry.web.proof_shapes import HeldList, ProofMade, ProofShown, ProofStates, Verification
from tests.api_people import Api
from tests.open_api import (
    CLEAN,
    LEAKED,
    LEAKY,
    agree,
    attach_interface,
    attach_table,
    batches,
    blobs,
    open_api,
    order_table,
    post,
    proven,
    stored,
)
from tests.open_data import HEADER, csv_bytes, rows
from tests.stages import made_of


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path) as made:
        yield made


def _states(api: Api, role: str = "steward") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.as_role(role).get(f"{api.entry}/proofs").json()["results"]
    return found


# ---- checked ----------------------------------------------------------------------------------------------


def test_a_small_clean_file_is_checked_at_once_and_waits_for_review(api: Api) -> None:
    answer = post(api)
    made = answer.json()
    assert answer.status_code == 201, made
    assert (made["result"], made["state"], made["agreed"], made["unmet"]) == ("clean", "waiting", None, [])
    assert (made["rows"], made["k_value"], made["residual_direct_hits"]) == (24, 6, 0)
    assert answer.headers["location"] == f"/api/v1/proofs/{made['id']}"
    assert ProofMade.model_validate(made).standing == made["standing"]


def test_it_is_published_when_another_agrees(api: Api) -> None:
    made = post(api).json()
    proof = agree(api, made["standing"]).json()
    assert (proof["agreed"], proof["reviewer"], proof["valid"], proof["missing"]) == (
        True,
        "division_chief",
        True,
        [],
    )
    assert [batch["state"] for batch in proof["batches"]] == ["proven"]
    assert ProofShown.model_validate(proof).id == made["standing"]


def test_a_new_clean_file_takes_the_place_of_the_old_one(api: Api) -> None:
    proven(api)
    second = post(api, csv_bytes(rows(groups=5))).json()
    assert (second["state"], second["agreed"]) == ("published", True)
    (state,) = _states(api)
    assert (state["valid"], state["proof"]["batches"][0]["sha256"]) == (True, second["sha256"])


def test_a_file_that_leaks_is_refused_with_its_report_and_nothing_stays(api: Api) -> None:
    answer = post(api, LEAKY)
    said = answer.json()
    assert (answer.status_code, said["title"], said["report"]["verdict"]) == (422, "Rejected", "hits")
    assert LEAKED not in answer.text
    assert (batches(api), blobs(api), stored(api)) == ([], 0, b"")


def test_a_file_that_leaks_later_is_held_and_the_old_one_stays(api: Api) -> None:
    before = proven(api)
    answer = post(api, LEAKY)
    assert (answer.status_code, answer.json()["state"]) == (201, "held")
    assert LEAKED not in answer.text
    assert LEAKED.encode() not in stored(api)
    (state,) = _states(api)
    assert (state["held"], state["valid"]) == (answer.json()["id"], True)
    assert before["sha256"] in [batch["sha256"] for batch in state["proof"]["batches"]]


def test_held_data_are_listed_with_reason_and_cure(api: Api) -> None:
    proven(api)
    made = post(api, LEAKY).json()
    answer = api.as_role("steward").get("/api/v1/proofs/held").json()
    (held,) = answer["results"]
    assert (held["batch"], held["unmet"], held["code"]) == (made["id"], made["unmet"], api.cast.code)
    assert "mulu prove" in held["cure"]
    assert HeldList.model_validate(answer)
    assert api.as_role("sync_robot").get("/api/v1/proofs/held").json()["results"] == []


def test_a_better_file_lifts_what_was_held(api: Api) -> None:
    proven(api)
    post(api, LEAKY)
    post(api, csv_bytes(rows(groups=5)))
    assert api.as_role("steward").get("/api/v1/proofs/held").json()["results"] == []


def test_a_repeated_request_checks_once(api: Api) -> None:
    first, again = post(api, key="k"), post(api, key="k")
    assert (first.content, again.headers["idempotency-replayed"]) == (again.content, "true")
    assert batches(api) == [("waiting", "steward")]


def test_methods_stand_above_the_mask_rules(api: Api) -> None:
    made = post(api, methods='{"出生年份": "泛化", "xb": "generalize"}').json()
    proof = api.as_role("steward").get(f"/api/v1/proofs/{made['standing']}").json()
    assert (proof["method_per_item"]["出生年份"], proof["method_per_item"]["性别"]) == (
        "generalize",
        "generalize",
    )


@pytest.mark.parametrize(
    ("methods", "pointer"), [('{"甲": "suppress"}', None), ("[1]", "/methods"), ("{", "/methods")]
)
def test_methods_that_are_none_are_refused(methods: str, pointer: str | None, api: Api) -> None:
    answer = post(api, methods=methods)
    errors = answer.json().get("errors", [{"pointer": None}])
    assert (answer.status_code, errors[0]["pointer"], batches(api)) == (422, pointer, [])


# ---- tables and larger files ------------------------------------------------------------------------------


def test_a_larger_file_is_checked_by_a_job(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(load().entry.limits, "import_inline_bytes", 0)
    answer = post(api)
    assert (answer.status_code, answer.json()["kind"], answer.json()["state"]) == (202, "prove", "queued")
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['id']}"
    assert CLEAN in stored(api)  # behind some random bytes
    assert batches(api) == []


def test_a_table_is_checked_by_a_job_and_only_by_its_source_s_name(api: Api) -> None:
    attach_table(api)
    assert order_table(api).status_code == 202
    refused = order_table(api, source="sqlite:////etc/passwd")
    assert (refused.status_code, "管理员" in refused.json()["detail"]) == (422, True)
    assert order_table(api, table="").status_code == 422


def test_the_sample_of_an_interface_is_checked_with_its_contract(api: Api) -> None:
    made, steward = attach_interface(api), api.as_role("steward")
    files = {"file": ("样例.csv", CLEAN), "contract": ("接口.json", b"{}")}
    answer = steward.post(f"{api.entry}/proofs", files=files, data={"distribution": made})
    assert (answer.status_code, answer.json()["kind"], stored(api)) == (201, "sample", b"")
    agree(api, answer.json()["standing"])
    files["contract"] = ("接口.json", b'{"new": true}')
    again = steward.post(f"{api.entry}/proofs", files=files, data={"distribution": made}).json()
    assert (again["state"], "数据结构" in again["unmet"][0]) == ("held", True)


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b"[" * 100_000], ids=["cut", "list", "null", "deep"])
def test_what_is_no_order_is_refused(body: bytes, api: Api) -> None:
    headers = {"content-type": "application/json"}
    answer = api.as_role("steward").post(f"{api.entry}/proofs", content=body, headers=headers)
    assert answer.status_code == 422


def test_neither_form_nor_json_is_refused(api: Api) -> None:
    answer = api.as_role("steward").post(f"{api.entry}/proofs", content=CLEAN)
    assert (answer.status_code, "multipart/form-data" in answer.json()["detail"]) == (422, True)


def test_a_file_and_a_table_at_once_are_refused(api: Api) -> None:
    assert post(api, source="source:OPEN", table="t").status_code == 422
    empty = api.as_role("steward").post(f"{api.entry}/proofs", json={})
    assert (empty.status_code, "上传文件" in empty.json()["detail"]) == (422, True)


def test_a_secret_file_name_is_refused(api: Api) -> None:
    assert post(api, name="涉密数据.csv").json()["code"] == "E125"
    assert blobs(api) == 0


def test_an_unknown_field_is_refused(api: Api) -> None:
    answer = post(api, colour="red")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/colour")


# ---- who may ----------------------------------------------------------------------------------------------


def test_who_may_not_check_stores_nothing(api: Api) -> None:
    answer = post(api, role="auditor")
    assert (answer.status_code, answer.json()["missing_roles"]) == (403, ["steward"])
    assert blobs(api) == 0


def test_the_checker_does_not_review(api: Api) -> None:
    made = post(api).json()
    answer = agree(api, made["standing"], "steward")
    assert (answer.status_code, answer.json()["reason"]) == (403, "author")
    assert agree(api, made["standing"], "auditor").json()["missing_roles"] == ["division_chief", "steward"]


def test_a_review_is_given_once_and_a_refusal_has_a_reason(api: Api) -> None:
    made, chief = post(api).json(), api.as_role("division_chief")
    at = f"/api/v1/proofs/{made['standing']}/review"
    assert chief.post(at, json={"agree": False}).status_code == 422
    refused = chief.post(at, json={"agree": False, "note": "科室名称未归并"})
    assert (refused.json()["agreed"], refused.json()["note"]) == (False, "科室名称未归并")
    assert chief.post(at, json={"agree": True}).status_code == 409


def test_reports_are_for_who_may_see_sample_values(api: Api) -> None:
    at = f"/api/v1/proofs/{post(api).json()['standing']}"
    shown = {role: api.as_role(role).get(at).json() for role in ("steward", "head", "auditor")}
    assert shown["steward"]["batches"][0]["report"]["verdict"] == "clean"
    assert [shown[role]["batches"][0]["report"] for role in ("head", "auditor")] == [None, None]
    assert api.as_role("sync_robot").get(at).status_code == 404


def test_who_reads_the_catalogue_only_sees_no_proofs(api: Api) -> None:
    proven(api)
    assert (_states(api, "sync_robot"), len(_states(api, "head"))) == ([], 1)


# ---- shown and verified -----------------------------------------------------------------------------------


def test_what_is_missing_is_shown_distribution_by_distribution(api: Api) -> None:
    assert _states(api) == []
    made = post(api).json()
    attach_table(api)
    answer = api.as_role("steward").get(f"{api.entry}/proofs").json()
    file, table = answer["results"]
    assert (file["proof"]["id"], file["needed"], file["valid"]) == (made["standing"], True, False)
    assert ["还没有复核" in said for said in file["missing"]] == [True]
    assert (table["proof"], table["items"]) == (None, list(HEADER[:3]))
    assert "没有方案证明" in table["missing"][0]
    assert ProofStates.model_validate(answer)


def test_one_of_several_distributions_is_named(api: Api) -> None:
    proven(api)
    made = made_of(api.cast)
    answer = post(api, csv_bytes(rows(groups=5)), distribution=made)
    assert (answer.status_code, answer.json()["state"]) == (201, "published")
    assert post(api, distribution="d0nothing").status_code == 404


def test_a_proof_is_verified_against_the_record_and_the_bytes(api: Api) -> None:
    made = proven(api)
    at = f"/api/v1/proofs/{made['id']}/verification"
    answer = api.as_role("steward").get(at).json()
    assert (answer["ok"], Verification.model_validate(answer).ok) == (True, True)
    files = api.cast.files
    assert files is not None
    next(path for path in files.rglob("*") if path.name == made["sha256"]).write_bytes(LEAKY)
    assert api.as_role("steward").get(at).json()["ok"] is False
