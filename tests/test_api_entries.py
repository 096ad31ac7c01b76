"""Entries over the API: registered one at a time, drafts saved, read with ETags, walked page by page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.audit import events_of
from registry.db import Database
from registry.lookup import find_entry
from registry.models import Version
from registry.permits import EVERYTHING
from tests.api_people import Api, api_of, fresh
from tests.cast import PATH, content

ENTRIES = "/api/v1/entries"


@pytest.fixture
def api(database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(database, tmp_path) as made:
        yield made


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(sqlite_database, tmp_path) as made:
        yield made


def _post(api: Api, body: Any, role: str = "steward", **headers: str) -> Any:
    return api.as_role(role).post(ENTRIES, json=body, headers=headers)


# ---- register ---------------------------------------------------------------------------------------------


def test_an_entry_is_registered_with_a_code_and_its_findings(api: Api) -> None:
    answer = _post(api, {"content": fresh(update_cycle="偶尔", provider_code=None, provider_name=None)})
    body = answer.json()
    assert answer.status_code == 201, body
    assert answer.headers["location"] == f"{ENTRIES}/{body['key']}"
    assert (body["code_status"], body["state"], body["awaits"]) == ("provisional", "draft", "submit")
    assert body["content"]["provider_name"] == "遵义市市场监督管理局"
    assert {f["rule"] for f in body["findings"]} >= {"E118", "N304"}
    again = api.as_role("steward").get(answer.headers["location"])
    assert again.headers["etag"] == answer.headers["etag"]
    assert again.json() == body
    assert api.as_role("steward").get(f"{ENTRIES}/{body['code']}").json()["key"] == body["key"]
    with api.database.read() as session:
        assert [e.act for e in events_of(session, body["key"])] == ["register"]


def test_labels_are_read_as_codes(here: Api) -> None:
    body = _post(here, {"content": fresh(share_type="无条件共享")}).json()
    assert body["share_type"] == "1"


def test_each_entry_gets_a_code_of_its_own(api: Api) -> None:
    codes = [_post(api, {"content": fresh(n)}).json()["code"] for n in range(3)]
    heads = {code.partition("/")[0] for code in codes}
    assert len(set(codes)) == 3
    assert len(heads) == 1


def test_a_number_that_an_author_brought_along_is_passed_over(api: Api) -> None:
    first = _post(api, {"content": fresh(1)}).json()["code"]
    head, _, number = first.partition("/")
    brought = f"{head}/{int(number) + 1}"
    assert _post(api, {"content": fresh(2, resource_code=brought)}).json()["code"] == brought
    assert _post(api, {"content": fresh(3)}).json()["code"] == f"{head}/{int(number) + 2:06d}"


def test_what_is_registered_already_is_a_conflict(api: Api) -> None:
    name = content()["resource_name"]
    by_name = _post(api, {"content": fresh(resource_name=name)})
    assert (by_name.status_code, by_name.json()["code"]) == (409, "Conflict")
    assert api.cast.code in by_name.json()["detail"]
    by_code = _post(api, {"content": fresh(resource_code=api.cast.code)})
    assert by_code.status_code == 409


def test_an_unknown_field_is_refused_by_name(here: Api) -> None:
    answer = _post(here, {"content": fresh(colour="red")})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:mulu:problem:E150")
    assert answer.json()["errors"][0]["pointer"] == "/content/colour"
    beside = _post(here, {"content": fresh(), "colour": "red"}).json()
    assert [(e["pointer"], e["code"]) for e in beside["errors"]] == [("/colour", "extra_forbidden")]


@pytest.mark.parametrize("secret", [{"secret_flag": "涉密"}, {"resource_abstract": "机密★10年"}])
def test_something_secret_is_refused_and_not_repeated(here: Api, secret: dict[str, str]) -> None:
    answer = _post(here, {"content": fresh(resource_name="某部队名册", **secret)})
    assert (answer.status_code, answer.json()["code"]) == (422, "E125")
    assert "某部队名册" not in answer.text
    assert here.as_role("steward").get(ENTRIES).json()["total"] == 1


def test_a_row_without_a_name_or_a_valid_provider_is_refused(here: Api) -> None:
    nameless = _post(here, {"content": fresh(resource_name=None)})
    assert (nameless.status_code, nameless.json()["code"]) == (422, "E167")
    nobody = _post(here, {"content": fresh(provider_code="11520300MB1A0005ZM")})
    assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (422, "/content/provider_code")


def test_another_agency_is_not_written_for(here: Api) -> None:
    answer = _post(here, {"content": content("OK12")})
    assert (answer.status_code, answer.json()["reason"]) == (403, "scope")


@pytest.mark.parametrize("role", ["head", "auditor", "bureau", "log_auditor"])
def test_who_may_not_edit_is_told_who_may(here: Api, role: str) -> None:
    answer = _post(here, {"content": fresh()}, role)
    assert answer.status_code == 403
    assert answer.json()["missing_roles"] == ["contractor", "steward"]


def test_a_contractor_writes_for_his_system_only(here: Api) -> None:
    own = content()["source_system_id"]
    assert _post(here, {"content": fresh(1, source_system_id=own)}, "contractor").status_code == 201
    other = _post(here, {"content": fresh(2, source_system_id="另一系统")}, "contractor")
    assert (other.status_code, other.json()["reason"]) == (403, "scope")


def test_a_repeated_request_registers_once(api: Api) -> None:
    first = _post(api, {"content": fresh()}, **{"Idempotency-Key": "k1"})
    again = _post(api, {"content": fresh()}, **{"Idempotency-Key": "k1"})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert api.as_role("steward").get(ENTRIES).json()["total"] == 2


ODD = (float("nan"), "\ud800", "a\0b", ["[" * 3], {"a": {"b": [[]]}}, 10**400, None, True, -0.0)


def test_odd_values_are_taken_or_refused_and_never_crash(api: Api) -> None:
    for value in ODD:
        for key in ("resource_abstract", "items", "share_type", "contact_phone", "non_share_basis"):
            sent = json.dumps({"content": fresh() | {key: value}})
            headers = {"content-type": "application/json"}
            answer = api.as_role("steward").post(ENTRIES, content=sent, headers=headers)
            assert answer.status_code in (201, 409, 422), (key, value, answer.text)


def test_nesting_without_end_is_refused(here: Api) -> None:
    for depth in (100, 900, 100_000):
        sent = '{"content":{"items":' + "[" * depth + "]" * depth + "}}"
        answer = here.as_role("steward").post(
            ENTRIES, content=sent, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422, depth


# ---- drafts -----------------------------------------------------------------------------------------------


def _put(api: Api, body: dict[str, Any], etag: str = "*", role: str = "steward") -> Any:
    return api.as_role(role).put(f"{api.entry}/draft", json={"content": body}, headers={"If-Match": etag})


def test_a_draft_is_replaced_by_a_new_version(api: Api) -> None:
    etag = api.as_role("steward").get(api.entry).headers["etag"]
    answer = _put(api, content(contact_name="李雷"), etag)
    body = answer.json()
    assert (answer.status_code, body["version"], body["content"]["contact_name"]) == (200, 2, "李雷")
    assert [v["state"] for v in body["versions"]] == ["superseded", "draft"]
    stale = _put(api, content(contact_name="韩梅"), etag)
    assert stale.status_code == 412
    assert stale.headers["etag"] == answer.headers["etag"] != etag


def test_an_equal_draft_changes_nothing(here: Api) -> None:
    before = here.as_role("steward").get(here.entry).headers["etag"]
    answer = _put(here, content(), before)
    assert (answer.json()["version"], answer.headers["etag"]) == (1, before)


def test_a_draft_may_not_be_saved_unseen(here: Api) -> None:
    answer = here.as_role("steward").put(f"{here.entry}/draft", json={"content": content()})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "header/if-match")


def test_code_and_provider_stay(here: Api) -> None:
    code = _put(here, content(resource_code="102024030201/000009"))
    assert (code.status_code, code.json()["errors"][0]["pointer"]) == (422, "/content/resource_code")
    provider = _put(here, content(provider_code=content("OK12")["provider_code"]))
    assert provider.json()["errors"][0]["pointer"] == "/content/provider_code"


def test_what_is_under_review_is_not_changed(api: Api) -> None:
    api.move("steward", "submit")
    answer = _put(api, content(contact_name="李雷"))
    assert (answer.status_code, answer.json()["state"]) == (409, "submitted")


def test_what_is_announced_is_revised_first(api: Api) -> None:
    api.cast.walk(*PATH)
    assert "revise" in _put(api, content(contact_name="李雷")).json()["detail"]
    assert api.move("steward", "revise").status_code == 200
    saved = _put(api, content(contact_name="李雷")).json()
    assert (saved["version"], saved["in_force"], saved["state"]) == (3, 1, "announced")


def test_who_may_not_edit_saves_no_draft(here: Api) -> None:
    answer = _put(here, content(contact_name="李雷"), role="head")
    assert (answer.status_code, answer.json()["missing_roles"]) == (403, ["contractor", "steward"])
    assert _put(here, content(), role="log_auditor").status_code == 404


# ---- read -------------------------------------------------------------------------------------------------


def test_an_entry_that_has_not_changed_is_not_sent_again(here: Api) -> None:
    client = here.as_role("steward")
    etag = client.get(here.entry).headers["etag"]
    again = client.get(here.entry, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    here.move("steward", "submit")
    assert client.get(here.entry, headers={"If-None-Match": etag}).status_code == 200


def test_versions_and_their_difference_are_shown(here: Api) -> None:
    _put(here, content(contact_name="李雷"))
    client = here.as_role("steward")
    assert [v["number"] for v in client.get(f"{here.entry}/versions").json()["results"]] == [1, 2]
    assert client.get(f"{here.entry}/versions/1").json()["content"]["contact_name"] == "王敏"
    diff = client.get(f"{here.entry}/diff", params={"from": 1, "to": 2}).json()
    assert [(c["field"], c["before"], c["after"]) for c in diff["changes"]] == [
        ("contact_name", "王敏", "李雷")
    ]
    assert client.get(f"{here.entry}/versions/3").status_code == 404


def test_an_erased_version_is_not_compared(here: Api) -> None:
    _put(here, content(contact_name="李雷"))
    with here.database.write() as session:
        entry = find_entry(session, here.cast.code, sight=EVERYTHING).entry
        session.get_one(Version, (entry.id, 1)).erased_at = here.cast.now
    answer = here.as_role("steward").get(f"{here.entry}/diff", params={"from": 1, "to": 2})
    assert answer.status_code == 410


def test_the_past_tells_what_was_in_force(here: Api) -> None:
    here.cast.walk(*PATH)
    body = here.as_role("auditor").get(f"{here.entry}/as-of/2026-11-21").json()
    assert body["version"]["number"] == 1
    assert {s["role"] for s in body["signed"]} >= {"head", "auditor"}
    assert here.as_role("auditor").get(f"{here.entry}/as-of/2020-01-01").json()["version"] is None


def test_a_draft_is_hidden_from_who_reads_the_catalogue_only(here: Api) -> None:
    reader = here.as_role("log_auditor")
    assert reader.get(here.entry).status_code == 404
    assert reader.get(ENTRIES).json()["total"] == 0
    here.cast.walk(*PATH)
    assert reader.get(here.entry).json()["awaits"] is None
    assert reader.get(f"{here.entry}/versions/1").status_code == 200


def test_paging_walks_every_entry_once(api: Api) -> None:
    for n in range(7):
        _post(api, {"content": fresh(n)})
    client, seen, cursor = api.as_role("auditor"), [], None
    while True:
        page = client.get(ENTRIES, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["key"] for row in page["results"]]
        assert page["total"] == 8
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 8


CHOSEN = [
    ({"q": "年报"}, 1),
    ({"q": "102024030201"}, 1),
    ({"q": "没有"}, 0),
    ({"q": "%"}, 0),
    ({"state": "draft"}, 2),
    ({"state": "announced"}, 0),
    ({"agency": "遵义市市场监督管理局"}, 2),
    ({"agency": "11520300MB1A00079D"}, 0),
    ({"system": "登记注册系统"}, 2),
    ({"system": "没有"}, 0),
]


def test_entries_are_chosen(api: Api) -> None:
    _post(api, {"content": fresh()})
    for filters, found in CHOSEN:
        page = api.as_role("auditor").get(ENTRIES, params=filters).json()
        assert (len(page["results"]), page["total"]) == (found, found), filters


def test_the_options_say_what_is_missing(here: Api) -> None:
    here.cast.walk_to("endorse")
    options = here.as_role("head").get(f"{here.entry}/options").json()["results"]
    endorse = next(option for option in options if option["move"] == "endorse")
    assert [missing["code"] for missing in endorse["missing"]] == ["chief_consent"]
    assert "return" in {option["move"] for option in options}
    assert here.as_role("log_auditor").get(f"{here.entry}/options").status_code == 404
