"""Distributions and records over the API, with their files: kept once, shown to who may see them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import load
from registry.db import Database
from registry.models import Blob
from tests.api_people import Api, api_of
from tests.cast import PATH

OFFER = {
    "name": "企业登记",
    "form": "1",
    "patterns": "批量交换",
    "items": ["企业名称", "统一社会信用代码"],
}
BYTES = "企业名称,统一社会信用代码\n".encode()


@pytest.fixture
def api(database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(database, tmp_path) as made:
        yield made


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(sqlite_database, tmp_path) as made:
        yield made


def _attach(
    api: Api, role: str = "steward", *, name: str = "数据.csv", data: bytes = BYTES, **more: Any
) -> Any:
    files = {"file": (name, data)}
    return api.as_role(role).post(f"{api.entry}/distributions", data=OFFER | more, files=files)


def _blobs(api: Api) -> int:
    with api.database.read() as session:
        return session.query(Blob).count()


def test_a_file_is_attached_and_read_again(api: Api) -> None:
    answer = _attach(api)
    made = answer.json()
    assert answer.status_code == 201, made
    assert (made["state"], made["awaits"], made["file_name"]) == ("pending", "clear_data", "数据.csv")
    client = api.as_role("steward")
    assert client.get(answer.headers["location"]).json() == made
    assert client.get(f"{api.entry}/distributions").json()["results"] == [made]
    file = client.get(f"{answer.headers['location']}/file")
    assert file.content == BYTES
    assert "filename*=UTF-8''" in file.headers["content-disposition"]


def test_data_are_seen_by_who_may_see_data(here: Api) -> None:
    at = _attach(here, "contractor").headers["location"]
    for role in ("contractor", "auditor", "head"):
        answer = here.as_role(role).get(f"{at}/file")
        assert (answer.status_code, "steward" in answer.json()["missing_roles"]) == (403, True)
    assert here.as_role("log_auditor").get(f"{at}/file").status_code == 404


def test_who_may_not_attach_stores_nothing(here: Api) -> None:
    answer = _attach(here, "auditor")
    assert (answer.status_code, answer.json()["missing_roles"]) == (403, ["contractor", "steward"])
    assert _blobs(here) == 0


def test_bytes_are_not_claimed_by_their_digest(here: Api) -> None:
    data = {"name": "x", "form": "2", "patterns": [], "items": [], "sha256": "0" * 64}
    answer = here.move("steward", "attach", data=data)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/data/sha256")


def test_a_secret_name_and_an_unknown_field_are_refused(here: Api) -> None:
    assert _attach(here, name="涉密数据.csv").json()["code"] == "E125"
    unknown = _attach(here, colour="red")
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/colour")
    assert _blobs(here) == 0


def test_a_file_too_large_is_refused(here: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(load().entry.limits, "file_bytes", 10)
    assert _attach(here).status_code == 413
    assert here.as_role("steward").get(f"{here.entry}/distributions").json()["results"] == []


def test_who_reads_the_catalogue_sees_what_is_on_the_shelf(here: Api) -> None:
    here.cast.walk(*PATH)
    made = _attach(here).json()["id"]
    reader, at = here.as_role("log_auditor"), f"/api/v1/distributions/{made}"
    assert reader.get(at).status_code == 404
    here.cast.act("clear_data", "secrecy_reviewer")
    here.cast.record("provision_test", name=made)
    here.cast.act("shelve", "steward")
    shown = reader.get(at).json()
    assert (shown["state"], "sha256" in shown, "location" in shown) == ("shelved", False, False)
    assert [one["id"] for one in reader.get(f"{here.entry}/distributions").json()["results"]] == [made]


def test_a_record_is_kept_by_number_or_file(api: Api) -> None:
    client = api.as_role("steward")
    at = f"{api.entry}/records"
    by_number = client.post(at, data={"kind": "pia", "number": "〔2026〕7号", "day": "2026-11-01"})
    assert (by_number.status_code, by_number.json()["bound_class"]) == (201, "major"), by_number.text
    by_file = client.post(at, data={"kind": "pia"}, files={"file": ("评估.pdf", b"%PDF")})
    assert by_file.status_code == 201
    listed = client.get(at).json()["results"]
    assert {row["id"] for row in listed} == {by_number.json()["id"], by_file.json()["id"]}
    file = f"/api/v1/records/{by_file.json()['id']}/file"
    assert api.as_role("auditor").get(file).content == b"%PDF"
    assert api.as_role("log_auditor").get(file).status_code == 404


def test_a_record_that_lacks_its_paper_or_role_is_refused(here: Api) -> None:
    at = f"{here.entry}/records"
    assert here.as_role("steward").post(at, data={"kind": "pia"}).status_code == 422
    assert here.as_role("steward").post(at, data={"kind": "nothing", "number": "1"}).status_code == 404
    refused = here.as_role("auditor").post(at, data={"kind": "pia", "number": "1"})
    assert (refused.status_code, "steward" in refused.json()["missing_roles"]) == (403, True)
