"""Responsibility lists over the API: live lists, who seals, sight of editions, files that verify, scans, differences."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from urllib.parse import unquote

import openpyxl
import pytest

from registry.db import Database
from registry.list_verify import verify_file
from registry.models import Edition
from tests.list_cast import CIVIL, MARKET
from tests.web_lists import EDITIONS, FIRST, HEAD, LISTS, OTHER_HEAD, Web, web_of
from tests.web_people import token

FORMATS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
}
PDF = ("盖章.pdf", b"%PDF-1.7 stamped", "application/pdf")


@pytest.fixture
def web(sqlite_database: Database, tmp_path: Path) -> Iterator[Web]:
    with web_of(sqlite_database, tmp_path) as made:
        yield made


@pytest.fixture
def both(database: Database, tmp_path: Path) -> Iterator[Web]:
    """The same on SQLite and PostgreSQL."""
    with web_of(database, tmp_path) as made:
        yield made


# ---- as they stand ----------------------------------------------------------------------------------------


def test_the_live_list_has_the_articles_columns_and_links(web: Web) -> None:
    shown = web.as_("steward").get(LISTS, params={"agency": CIVIL, "list": "share"}).json()
    (table,) = shown["lists"]
    article = [column["zh"] for column in table["columns"] if column["part"] == "article"]
    assert article == ["共享信息名称", "信息项", "数据更新周期", "共享服务方式", "数据提供方式"]
    assert [line["cells"][0] for line in table["lines"]] == ["社会组织法人登记信息", "婚姻登记信息"]
    assert all(len(line["content"]) == 64 and line["version"] == 1 for line in table["lines"])
    assert (shown["standing"], shown["shelf"]) == ({"edition": None, "stale": True}, [])


def test_the_whole_city_is_a_file_and_no_page_of_json(web: Web) -> None:
    answer = web.as_("steward").get(LISTS)
    assert answer.status_code == 422
    assert "/api/v1/lists/file?format=xlsx" in answer.json()["detail"]
    assert web.as_("steward").get(LISTS, params={"agency": CIVIL, "system": "x"}).status_code == 422
    assert web.as_("steward").get(LISTS, params={"agency": CIVIL, "list": "demand"}).status_code == 404


def test_the_file_of_the_whole_city_holds_every_agency(web: Web, tmp_path: Path) -> None:
    answer = web.as_("steward").get(f"{LISTS}/file", params={"format": "json"})
    names = {cell for table in answer.json()["lists"] for line in table["lines"] for cell in line["cells"]}
    assert {"婚姻登记信息", "食品经营许可证信息"} <= names
    assert unquote(answer.headers["content-disposition"]).startswith("attachment; filename*=utf-8''全市")
    assert not list(tmp_path.glob("mulu-list-*"))


@pytest.mark.parametrize("form", FORMATS)
def test_a_live_list_downloads_in_every_format_and_is_not_genuine(
    web: Web, form: str, tmp_path: Path
) -> None:
    answer = web.as_("steward").get(f"{LISTS}/file", params={"format": form, "agency": CIVIL})
    assert (answer.status_code, answer.headers["content-type"]) == (200, FORMATS[form])
    path = tmp_path / f"live.{form}"
    path.write_bytes(answer.content)
    assert not verify_file(path).genuine


def test_what_is_on_disk_is_gone_when_a_file_was_sent(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    client = web.as_("steward")
    assert client.get(f"{LISTS}/file", params={"format": "xlsx"}).status_code == 200
    assert client.get(f"{LISTS}/file", params={"format": "nonsense"}).status_code == 422
    assert list((tmp_path / "temporary").iterdir()) == []


def test_what_is_not_shared_has_a_list_of_its_own(web: Web) -> None:
    answer = web.as_("steward").get(LISTS, params={"agency": CIVIL, "list": "negative"})
    assert [table["zh"] for table in answer.json()["lists"]] == ["负面清单"]


def test_lists_need_the_reading_of_the_catalogue(web: Web) -> None:
    with web.database.write() as session:
        plain = token(session, "steward", "submit", now=datetime.now(UTC)).plain
    headers = {"Authorization": f"Bearer {plain}"}
    for path in (f"{LISTS}?agency={CIVIL}", f"{LISTS}/standings", f"{LISTS}/file?format=csv"):
        answer = web.stranger.get(path, headers=headers)
        assert (answer.status_code, answer.json()["missing_scopes"]) == (403, ["read_catalogue"]), path
    assert web.stranger.get(f"{EDITIONS}?agency={CIVIL}", headers=headers).status_code == 403


# ---- sealing ----------------------------------------------------------------------------------------------


def test_the_head_seals_and_an_unchanged_list_makes_no_new_edition(both: Web) -> None:
    refused = both.seal("steward")
    assert (refused.status_code, refused.json()["missing_roles"]) == (403, ["head"])
    made = both.seal()
    shown = made.json()
    assert (made.status_code, shown["unchanged"], shown["name"], shown["rows"]) == (
        201,
        False,
        FIRST,
        3,
    )
    assert made.headers["location"] == f"{EDITIONS}/{shown['id']}"
    again = both.seal()
    assert (again.status_code, again.json()["unchanged"], again.json()["id"]) == (200, True, shown["id"])


def test_a_head_seals_for_his_own_agency_alone(web: Web) -> None:
    refused = web.seal(OTHER_HEAD)
    assert (refused.status_code, refused.json()["reason"]) == (403, "scope")
    assert web.seal(OTHER_HEAD, MARKET).status_code == 201


def test_two_seals_at_the_same_moment_make_one_edition(both: Web) -> None:
    both.as_(HEAD)
    barrier, found = Barrier(2), list[Any]()

    def seal() -> None:
        barrier.wait()
        found.append(both.seal())

    threads = [Thread(target=seal) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in found) == [200, 201]
    with both.database.read() as session:
        assert session.query(Edition).count() == 1


def test_the_same_request_is_answered_alike(web: Web) -> None:
    client = web.as_(HEAD)
    headers = {"Idempotency-Key": "seal-1"}
    first, second = (client.post(EDITIONS, json={"agency": CIVIL}, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.json(), second.headers["idempotency-replayed"]) == (second.json(), "true")


def test_what_is_sealed_is_shown_with_its_mark_and_proof(web: Web) -> None:
    key = web.sealed()["id"]
    plain, whole = (web.as_("steward").get(f"{EDITIONS}/{key}{more}").json() for more in ("", "?body=true"))
    assert "document" not in plain
    document = whole["document"]
    assert document["digest"] == plain["digest"] and document["code"] == plain["code"]
    assert document["mark"]["algorithm"] == plain["algorithm"] == "ed25519"
    assert (plain["proven"], document["proof"] is not None) == (True, True)


# ---- sight ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "status"), [(HEAD, 200), ("steward", 200), ("bureau", 200), ("county_auditor", 200)]
)
def test_an_unpublished_edition_is_seen_by_its_agency_and_the_bureau(
    web: Web, login: str, status: int
) -> None:
    key = web.sealed(publish=False)["id"]
    assert web.as_(login).get(f"{EDITIONS}/{key}").status_code == status
    assert len(web.as_(login).get(f"{EDITIONS}?agency={CIVIL}").json()["results"]) == 1


def test_an_unpublished_edition_is_not_there_for_others(both: Web) -> None:
    key, pdf = both.sealed(publish=False)["id"], {"file": PDF}
    for login in (OTHER_HEAD, "system_admin"):
        client = both.as_(login)
        for path in ("", "/file?format=md", "/diff", "/scan"):
            assert client.get(f"{EDITIONS}/{key}{path}").status_code == 404, (login, path)
        assert client.post(f"{EDITIONS}/{key}/publish").status_code == 404
        assert client.post(f"{EDITIONS}/{key}/scan", files=pdf).status_code == 404
        assert client.get(f"{EDITIONS}?agency={CIVIL}").json()["results"] == []
        rows = client.get(f"{LISTS}/standings").json()["results"]
        assert [(r["agency_code"], r["edition"], r["stale"]) for r in rows if r["agency_code"] == CIVIL] == [
            (CIVIL, None, True)
        ]


def test_a_newer_unpublished_edition_hides_behind_the_published_one(web: Web) -> None:
    first = web.sealed()["id"]
    web.announce()
    second = web.sealed(publish=False)["id"]
    standing = {
        login: web.as_(login).get(f"{LISTS}?agency={CIVIL}").json()["standing"]
        for login in (HEAD, OTHER_HEAD)
    }
    assert (standing[HEAD]["edition"]["id"], standing[HEAD]["stale"]) == (second, False)
    assert (standing[OTHER_HEAD]["edition"]["id"], standing[OTHER_HEAD]["stale"]) == (first, True)


def test_what_is_published_later_is_there_for_all_and_once(web: Web) -> None:
    key = web.sealed(publish=False)["id"]
    assert web.as_("steward").post(f"{EDITIONS}/{key}/publish").status_code == 403
    done = web.as_(HEAD).post(f"{EDITIONS}/{key}/publish")
    assert (done.status_code, done.json()["published_by"]) == (200, HEAD)
    assert web.as_(OTHER_HEAD).get(f"{EDITIONS}/{key}").status_code == 200
    assert web.as_(HEAD).post(f"{EDITIONS}/{key}/publish").status_code == 409


def test_a_new_announcement_makes_the_list_stale(both: Web) -> None:
    both.sealed()
    both.announce()
    rows = both.as_("bureau").get(f"{LISTS}/standings").json()["results"]
    assert {row["agency_code"]: (row["edition"] is not None, row["stale"]) for row in rows} == {
        CIVIL: (True, True),
        MARKET: (False, True),
    }


# ---- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_a_sealed_edition_downloads_in_every_format_and_verifies(web: Web, form: str, tmp_path: Path) -> None:
    key = web.sealed()["id"]
    answer = web.as_("steward").get(f"{EDITIONS}/{key}/file", params={"format": form})
    assert (answer.status_code, answer.headers["content-type"]) == (200, FORMATS[form])
    name = unquote(answer.headers["content-disposition"].partition("''")[2])
    assert name == f"遵义市民政局数据共享责任清单、数据开放清单-{FIRST}.{form}"
    sent = {"file": (name, answer.content)}
    said = web.as_(OTHER_HEAD).post(f"{EDITIONS}/verify", files=sent).json()
    assert (said["genuine"], said["problems"], said["head"]["edition"]) == (True, [], FIRST)


def test_a_changed_cell_is_told_with_its_place(web: Web) -> None:
    key = web.sealed()["id"]
    data = web.as_("steward").get(f"{EDITIONS}/{key}/file?format=xlsx").content
    book = openpyxl.load_workbook(BytesIO(data))
    sheet = book.worksheets[0]
    (cell,) = [c for row in sheet.iter_rows() for c in row if c.value == "婚姻登记信息"]
    cell.value = "婚姻登记信息（改）"
    altered = BytesIO()
    book.save(altered)
    said = (
        web.as_("steward").post(f"{EDITIONS}/verify", files={"file": ("改.xlsx", altered.getvalue())}).json()
    )
    assert said["genuine"] is False
    assert any(cell.coordinate in problem for problem in said["problems"]), said["problems"]


def test_a_changed_digest_is_told_and_nothing_names_the_servers_folders(web: Web) -> None:
    key = web.sealed()["id"]
    value = web.as_("steward").get(f"{EDITIONS}/{key}/file?format=json").json()
    value["lists"][0]["lines"][0]["cells"][1] = "没有信息项"
    sent = {"file": ("清单.json", json.dumps(value, ensure_ascii=False).encode())}
    said = web.as_("steward").post(f"{EDITIONS}/verify", files=sent).json()
    assert said["genuine"] is False
    assert "/mulu-" not in json.dumps(said)


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"PK\x03\x04", b"%PDF-1.7", b"{}"])
@pytest.mark.parametrize("ending", [*FORMATS, "exe"])
def test_anything_may_be_sent_to_be_verified(web: Web, data: bytes, ending: str) -> None:
    answer = web.as_("steward").post(f"{EDITIONS}/verify", files={"file": (f"清单.{ending}", data)})
    assert (answer.status_code, answer.json()["genuine"]) == (200, False)
    assert answer.json()["problems"]


# ---- the stamped scan -------------------------------------------------------------------------------------


def test_a_scan_is_attached_once_by_the_head(web: Web) -> None:
    key = web.sealed()["id"]
    at = f"{EDITIONS}/{key}/scan"
    assert web.as_("steward").get(at).status_code == 404
    assert web.as_("steward").post(at, files={"file": PDF}).status_code == 403
    done = web.as_(HEAD).post(at, files={"file": PDF})
    assert (done.status_code, done.json()["scan_name"]) == (200, "盖章.pdf")
    again = web.as_(HEAD).post(at, files={"file": ("另一.pdf", b"%PDF other")})
    assert (again.status_code, "盖章.pdf" in again.json()["detail"]) == (409, True)
    taken = web.as_(OTHER_HEAD).get(at)
    assert (taken.content, taken.headers["content-type"]) == (PDF[1], "application/octet-stream")


@pytest.mark.parametrize(("name", "data"), [("盖章.pdf", b""), ("盖章.html", b"<script>"), ("盖章", b"x")])
def test_what_is_no_scan_is_refused(web: Web, name: str, data: bytes) -> None:
    key = web.sealed()["id"]
    answer = web.as_(HEAD).post(f"{EDITIONS}/{key}/scan", files={"file": (name, data)})
    assert answer.status_code == 422
    assert web.as_(HEAD).get(f"{EDITIONS}/{key}").json()["scan_sha256"] is None


# ---- differences ------------------------------------------------------------------------------------------


def test_differences_of_two_editions_and_of_one_with_today(both: Web) -> None:
    first = both.sealed()["id"]
    assert both.as_("steward").get(f"{EDITIONS}/{first}/diff").json()["lines"] == []
    both.announce()
    live = both.as_("steward").get(f"{EDITIONS}/{first}/diff").json()
    assert (live["before"], live["after"]) == (FIRST, "现行清单")
    assert [(line["kind"], line["name"]) for line in live["lines"]] == [("added", "最低生活保障对象信息")]
    second = both.sealed()["id"]
    back = both.as_("steward").get(f"{EDITIONS}/{second}/diff", params={"to": first}).json()
    assert [(line["kind"], line["name"]) for line in back["lines"]] == [("removed", "最低生活保障对象信息")]


def test_lists_of_two_agencies_are_not_compared(web: Web) -> None:
    civil, market = web.sealed()["id"], web.seal(OTHER_HEAD, MARKET).json()["id"]
    answer = web.as_("steward").get(f"{EDITIONS}/{civil}/diff", params={"to": market})
    assert (answer.status_code, "不是同一单位" in answer.json()["detail"]) == (422, True)
