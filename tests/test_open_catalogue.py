"""What strangers may have of the open catalogue, and when: files, pages, changes at once, and nothing else."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from registry import audit
from registry.models import Distribution, Entry
from registry.open_catalogue import mark, shown, touched
from registry.web.ckan_actions import ACTIONS
from tests.open_reading import ACTION, CLOSED, ITEM_CODE, SECRETS, Reading, folder, own, reading, register

__all__ = ["folder", "own", "register"]


# ---- what changes -----------------------------------------------------------------------------------------


def test_what_leaves_the_shelf_is_gone_from_every_answer_at_once(own: Reading) -> None:
    first, second = own.shelve(2, files=True)
    name = own.ask("package_list")[0]
    (one,) = [p for p in own.ask("package_search")["results"] if p["name"] == name]
    file = one["resources"][0]["url"].replace("http://testserver", "")
    assert own.stranger.get(file).status_code == 200
    gone = next(e["value"] for e in one["extras"] if e["key"] == "mulu_entry")
    own.write(gone, state="announced", made={"state": "off_shelf", "ended_at": datetime.now(UTC)})
    assert name not in own.ask("package_list")
    assert own.refusal("package_show", id=name)[0] == 404
    assert [own.stranger.get(path).status_code for path in (file, f"/open/dataset/{one['id']}.ttl")] == [
        404,
        404,
    ]
    assert {first, second} - {gone}


def test_a_retired_entry_is_gone_and_its_files_say_so(own: Reading) -> None:
    (key,) = own.shelve(1, files=True)
    (one,) = own.ask("package_search")["results"]
    file = one["resources"][0]["url"].replace("http://testserver", "")
    own.write(key, state="retired")
    assert own.refusal("package_show", id=one["id"])[0] == 404
    assert own.stranger.get(file).status_code == 410
    code = next(e["value"] for e in one["extras"] if e["key"] == "resource_code")
    assert own.stranger.get(f"/open/entries/{code}").status_code == 410


def test_every_change_moves_the_moment_forward(own: Reading) -> None:
    (key,) = own.shelve(1, files=True)
    moments = [own.ask("package_search")["results"][0]["metadata_modified"]]
    own.edit(key, resource_name="改名的设施信息")
    moments.append(own.ask("package_search")["results"][0]["metadata_modified"])
    own.write(key, made={"shelved_at": datetime.now(UTC)})
    moments.append(own.ask("package_search")["results"][0]["metadata_modified"])
    assert moments == sorted(set(moments))
    assert own.ask("package_search", fq=f"metadata_modified:[{moments[1]}Z TO *]")["count"] == 1


def test_another_process_gives_the_same_answer(own: Reading) -> None:
    own.shelve(3, files=True)
    first = own.ask("package_search", sort="id asc")
    with reading(own.database, own.folder) as other:
        assert other.ask("package_search", sort="id asc") == first


def test_only_what_was_touched_is_judged_anew(own: Reading) -> None:
    first, second = own.shelve(2)
    now = datetime.now(UTC)
    with own.database.write() as session:
        before = mark(session, now=now).acts
        for act, subject in (("sign_in", "p-shelf"), ("lock_login", "x"), ("announce", first)):
            audit.record(session, [audit.Act(act, subject, {})], actor="test", now=now)
        after = mark(session, now=now).acts
        assert touched(session, before, after) == {first}
        audit.record(session, [audit.Act("rename_agency", "a0000", {})], actor="test", now=now)
        assert touched(session, after, after + 1) is None
        assert set(shown(session, [first, second, "none"], now=now)) == {first, second}


def test_a_new_day_judges_anew_what_has_run_out(own: Reading) -> None:
    own.shelve(2)
    keeper, now = own.app.state.open_catalogue, datetime.now(UTC)
    with own.database.read() as session:
        today = keeper.current(session, now=now)
        tomorrow = keeper.current(session, now=now + timedelta(days=1))
    assert (today.mark.day, tomorrow.mark.day) == (today.mark.day, today.mark.day + timedelta(days=1))
    assert [one.id for one in tomorrow.entries] == [one.id for one in today.entries]


def test_pages_judge_no_more_than_they_show(own: Reading) -> None:
    own.shelve(120)
    assert len(own.ask("package_search", rows=10, sort="id asc")["results"]) == 10
    assert len(own.app.state.open_catalogue.kept.judged) == 100
    assert own.ask("package_search", rows=0)["count"] == 120
    assert own.app.state.open_catalogue.kept.complete


# ---- files ------------------------------------------------------------------------------------------------


def _file(register: Reading, title: str) -> dict[str, Any]:
    (found,) = register.ask("package_search", q=f'title:"{title}"')["results"]
    resource: dict[str, Any] = found["resources"][0]
    return resource | {"path": resource["url"].replace("http://testserver", "")}


def test_the_bytes_of_an_open_file_can_be_had(register: Reading) -> None:
    resource = _file(register, "厕所")
    answer = register.stranger.get(resource["path"])
    assert hashlib.sha256(answer.content).hexdigest() == resource["hash"]
    assert len(answer.content) == resource["size"] == int(answer.headers["content-length"])
    assert answer.headers["etag"] == f'"{resource["hash"]}"'
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = register.stranger.get(resource["path"], headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_file_is_called_as_the_catalogue_shows_it(own: Reading) -> None:
    (key,) = own.shelve(1, files=True, resources=1)
    own.write(key, made={"file_name": "dbo.t_users.CSV"})
    (found,) = own.ask("package_search")["results"]
    resource = found["resources"][0]
    said = own.stranger.get(resource["url"]).headers["content-disposition"]
    assert "t_users" not in said
    assert unquote(said.rpartition("UTF-8''")[2]) == f"{resource['name']}.csv"


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-3", 206, slice(0, 4)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=0-999999", 200, slice(None)),
        ("bytes=999999-", 416, slice(0, 0)),
        ("bytes=5-2", 200, slice(None)),
        ("bytes=0-1,3-4", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
def test_a_part_of_a_file(register: Reading, asked: str, status: int, part: slice) -> None:
    path = _file(register, "厕所")["path"]
    whole = register.stranger.get(path).content
    answer = register.stranger.get(path, headers={"range": asked})
    assert (answer.status_code, answer.content) == (status, whole[part])


def test_what_is_opened_under_conditions_gives_no_bytes(register: Reading) -> None:
    resource = _file(register, "有条件开放")
    assert (resource["hash"], resource["size"]) == ("", None)
    assert resource["path"].startswith("/open/entries/")
    assert register.stranger.get(f"/open/files/{resource['mulu_distribution']}/x.csv").status_code == 404
    page = register.stranger.get(resource["path"]).text
    assert "下载" not in page and "有条件开放的设施明细" in page


def test_a_page_of_an_open_entry_is_for_everybody(register: Reading) -> None:
    (found,) = register.ask("package_search", q="绿地")["results"]
    code = next(e["value"] for e in found["extras"] if e["key"] == "resource_code")
    page = register.stranger.get(f"/open/entries/{code}", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert found["resources"][0]["hash"] in page.text
    assert "逐园列出&lt;br&gt;" in page.text


# ---- nothing else -----------------------------------------------------------------------------------------


def answers(register: Reading) -> Iterator[tuple[str, str]]:
    """Everything that strangers may be answered, by where."""
    client = register.stranger
    everyone = register.ask("package_search", rows=1000)["results"]
    needed: dict[str, list[str]] = {
        "package_show": [one["id"] for one in everyone],
        "resource_show": [res["id"] for one in everyone for res in one["resources"]],
        "organization_show": register.ask("organization_list"),
        "group_show": register.ask("group_list"),
        "tag_show": register.ask("tag_list"),
    }
    for action in ACTIONS:
        for key in needed.get(action, [""]):
            params = {"id": key, "all_fields": "1", "include_datasets": "1", "rows": "1000", "fl": ""}
            wanted = {k: v for k, v in params.items() if action != "package_search" or k == "rows"}
            yield f"{action} {key}", client.get(ACTION + action, params=wanted).text
    for path in ("/catalog.jsonld", "/catalog.ttl", "/data.json"):
        yield path, client.get(path).text
    for one in everyone:
        code = next(e["value"] for e in one["extras"] if e["key"] == "resource_code")
        for path in (
            f"/open/dataset/{one['id']}.jsonld",
            f"/open/dataset/{one['id']}.ttl",
            f"/open/entries/{code}",
        ):
            yield path, client.get(path).text


def test_no_answer_holds_what_never_leaves_nor_anything_of_what_is_not_open(register: Reading) -> None:
    words = [value[0] if isinstance(value, list) else value for value in SECRETS.values()]
    words += [ITEM_CODE, CLOSED, "下架的登记信息", register.roles["closed"], register.roles["off"], "p-shelf"]
    swept = list(answers(register))
    assert len(swept) > 50
    assert sum("常住人口统计年报" in text for _where, text in swept) > 8
    leaks = [(where, word) for where, text in swept for word in words if word in text]
    assert leaks == []


def test_what_is_not_open_is_as_if_it_were_not(register: Reading) -> None:
    with register.database.read() as session:
        codes = {row.id: row.code for row in session.query(Entry)}
        made = {row.entry_id: row.id for row in session.query(Distribution)}
    for role in ("closed", "off"):
        key = register.roles[role]
        paths = (f"/open/entries/{codes[key]}", f"/open/entries/{key}", f"/open/files/{made[key]}/a.csv")
        assert {register.stranger.get(path).status_code for path in paths} == {404}
        assert register.refusal("package_show", id=str(codes[key]).replace("/", "-"))[0] == 404


def test_links_begin_as_the_operator_says(register: Reading) -> None:
    with reading(register.database, register.folder, public_url="https://data.zunyi.gov.cn/mulu") as other:
        (found,) = other.ask("package_search", q="厕所")["results"]
        assert found["resources"][0]["url"].startswith("https://data.zunyi.gov.cn/mulu/open/files/")
        assert other.ask("status_show")["site_url"] == "https://data.zunyi.gov.cn/mulu"
        assert "testserver" not in other.stranger.get("/catalog.ttl").text


def test_posts_are_answered_as_gets(register: Reading) -> None:
    asked = {"q": "人口", "facet.field": ["tags"], "rows": 1}
    answer = register.stranger.post("/api/action/package_search", json=asked)
    assert answer.json()["result"]["facets"]["tags"]["人口"] == 1
    form = register.stranger.post(f"{ACTION}package_search", data={"q": "人口"})
    assert form.json()["result"]["count"] == 1
