"""CKAN's interface over the open catalogue: strangers read what is open, as they would of a CKAN, and nothing else."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ckanapi import CKANAPIError, NotAuthorized, NotFound, RemoteCKAN, SearchError, ValidationError

from registry import audit
from registry.db import Database
from registry.open_catalogue import mark, shown, touched
from registry.web.ckan_actions import ACTIONS
from registry.web.ckan_query import BadQuery, Fields, parse, parse_words
from registry.web.open_index import MOMENTS, TEXTS, WHOLE
from tests.open_reading import ACTION, CLOSED, ITEM_CODE, SECRETS, Reading, fill, reading, served

OPEN = {"城区公共厕所分布信息", "常住人口统计年报", "公园绿地（2024年）名录", "有条件开放的设施明细"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    made = tmp_path_factory.mktemp("open")
    (made / "mulu.sqlite3").write_bytes(sqlite_template.read_bytes())
    return made


@pytest.fixture(scope="module")
def register(folder: Path) -> Iterator[Reading]:
    """A register that no test changes."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MULU_KEY_DIR", str(folder / "keys"))
    database = Database(f"sqlite:///{folder / 'mulu.sqlite3'}")
    with reading(database, folder) as made:
        made.roles = fill(made)
        yield made
    database.close()
    patch.undo()


@pytest.fixture
def own(database: Database, tmp_path: Path) -> Iterator[Reading]:
    """A register of the test's own, on both databases."""
    with reading(database, tmp_path) as made:
        yield made


# ---- what is found ----------------------------------------------------------------------------------------


def test_everything_that_is_open_is_listed_and_nothing_else(register: Reading) -> None:
    assert set(register.names()) == OPEN
    assert set(register.names(q="*:*")) == OPEN
    assert register.ask("package_search", rows=0)["count"] == 4
    names = register.ask("package_list")
    assert len(names) == 4
    assert {register.ask("package_show", id=name)["title"] for name in names} == OPEN


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "人口"}, ["常住人口统计年报"]),
        ({"q": "厕所"}, ["城区公共厕所分布信息"]),
        ({"q": "公共厕所 市容"}, ["城区公共厕所分布信息"]),
        ({"q": "公共厕所 -市容"}, []),
        ({"q": "title:绿地"}, ["公园绿地（2024年）名录"]),
        ({"q": 'title:"绿地（2024"'}, ["公园绿地（2024年）名录"]),
        ({"q": "title:*人口*"}, ["常住人口统计年报"]),
        ({"fq": "tags:人口"}, ["常住人口统计年报"]),
        ({"fq": 'tags:("人口" OR 公厕)'}, ["城区公共厕所分布信息", "常住人口统计年报"]),
        ({"fq": "groups:domain-13"}, ["城区公共厕所分布信息"]),
        ({"fq": "mulu_open_type:有条件开放"}, ["有条件开放的设施明细"]),
        ({"fq": "extras_resource_code:307024000000\\/000001"}, ["常住人口统计年报"]),
        ({"fq": "res_format:CSV AND title:人口"}, ["常住人口统计年报"]),
        ({"fq": "-groups:[* TO *]", "fq_list": '["-license_id:cc-by"]'}, ["有条件开放的设施明细"]),
        ({"fq": "NOT (tags:人口 OR tags:公厕) AND +license_id:cc-by"}, ["公园绿地（2024年）名录"]),
        ({"q": "没有这样的词"}, []),
    ],
)
def test_a_search_finds(register: Reading, query: dict[str, Any], found: list[str]) -> None:
    assert register.names(sort="name asc", **query) == found


def test_what_a_harvester_asks_is_understood_as_it_means_it(register: Reading) -> None:
    first, second = register.ask("organization_list")[:2]
    everyone = register.ask("package_search", rows=100, sort="id asc")["results"]
    of = {name: {p["id"] for p in everyone if p["organization"]["name"] == name} for name in (first, second)}
    newest = max(p["metadata_modified"] for p in everyone)
    late = {p["id"] for p in everyone if p["metadata_modified"] == newest}

    def found(fq: str) -> set[str]:
        return {p["id"] for p in register.ask("package_search", fq=fq, rows=100, sort="id asc")["results"]}

    assert found(f"organization:{first} OR organization:{second}") == of[first] | of[second]
    assert (
        found(f"-organization:{first} -organization:{second}")
        == {p["id"] for p in everyone} - of[first] - of[second]
    )
    assert found(f"organization:{first} OR organization:{second} metadata_modified:[{newest}Z TO *]") == (
        late & (of[first] | of[second])
    )
    assert found("metadata_modified:[NOW-1DAY TO NOW]") == {p["id"] for p in everyone}
    assert found(f"metadata_modified:{{{newest}Z TO *}}") == set()


def test_a_dataset_has_all_that_a_harvester_needs(register: Reading) -> None:
    (found,) = register.ask("package_search", q="厕所")["results"]
    assert (
        found
        == register.ask("package_show", id=found["id"])
        == register.ask("package_show", id=found["name"])
    )
    assert found["owner_org"] == found["organization"]["id"]
    assert datetime.fromisoformat(found["metadata_modified"]).tzinfo is None
    assert len(found["metadata_modified"]) == 26
    assert (found["num_resources"], found["num_tags"]) == (len(found["resources"]), len(found["tags"]))
    assert [one["position"] for one in found["resources"]] == [0, 1]
    assert {one["package_id"] for one in found["resources"]} == {found["id"]}
    assert (found["license_id"], found["isopen"], found["state"], found["private"]) == (
        "cc-by",
        True,
        "active",
        False,
    )
    assert [group["name"] for group in found["groups"]] == ["domain-13"]


def test_pages_hold_every_dataset_once(own: Reading) -> None:
    own.shelve(23)
    pages = [own.ask("package_search", rows=5, start=start, sort="id asc") for start in range(0, 35, 5)]
    ids = [one["id"] for page in pages for one in page["results"]]
    assert (len(ids), ids) == (23, sorted(set(ids)))
    assert [len(page["results"]) for page in pages] == [5, 5, 5, 5, 3, 0, 0]
    assert {page["count"] for page in pages} == {23}


def test_facets_count_what_is_found(register: Reading) -> None:
    asked = '["organization", "license_id", "res_format"]'
    found = register.ask("package_search", **{"facet.field": asked, "facet.limit": 1, "rows": 0})
    assert found["facets"]["license_id"] == {"cc-by": 3}
    assert found["facets"]["res_format"] == {"CSV": 3}
    (item,) = found["search_facets"]["organization"]["items"]
    assert item["display_name"].startswith("遵义市第")
    assert found["results"] == []


def test_only_the_fields_that_are_asked_for(register: Reading) -> None:
    (found,) = register.ask("package_search", q="厕所", fl="name,title,metadata_modified,tags,id")["results"]
    assert set(found) == {"name", "title", "metadata_modified", "tags", "id"}
    assert (found["metadata_modified"][-1], len(found["metadata_modified"])) == ("Z", 24)


# ---- the other actions ------------------------------------------------------------------------------------


def test_organizations_groups_tags_and_licences_agree_with_the_datasets(register: Reading) -> None:
    everyone = register.ask("package_search", rows=100)["results"]
    listed = register.ask("organization_list", all_fields=True)
    assert {one["id"]: one["package_count"] for one in listed} == {
        one["owner_org"]: sum(other["owner_org"] == one["owner_org"] for other in everyone)
        for one in everyone
    }
    shown_one = register.ask("organization_show", id=listed[0]["id"], include_datasets=True)
    assert {one["owner_org"] for one in shown_one["packages"]} == {listed[0]["id"]}
    assert register.ask("group_list") == ["domain-13", "domain-4"]
    assert register.ask("group_show", id="domain-4")["title"] == "社会救助"
    assert set(register.ask("tag_list")) == {tag["name"] for one in everyone for tag in one["tags"]}
    assert (
        register.ask("tag_show", id="人口", include_datasets=1)["packages"][0]["title"] == "常住人口统计年报"
    )
    assert everyone[0]["license_id"] in {one["id"] for one in register.ask("license_list")}


def test_a_resource_is_shown_by_its_id(register: Reading) -> None:
    (found,) = register.ask("package_search", q="人口")["results"]
    assert register.ask("resource_show", id=found["resources"][1]["id"]) == found["resources"][1]
    assert register.refusal("resource_show", id=found["id"])[0] == 404


def test_all_datasets_come_with_their_resources(register: Reading) -> None:
    found = register.ask("current_package_list_with_resources", limit=3)
    assert len(found) == 3
    assert all(one["resources"] for one in found)
    moments = [one["metadata_modified"] for one in found]
    assert moments == sorted(moments, reverse=True)
    assert len(register.ask("current_package_list_with_resources", limit=3, offset=3)) == 1


def test_names_are_completed(register: Reading) -> None:
    assert [one["title"] for one in register.ask("package_autocomplete", q="人口")] == ["常住人口统计年报"]


# ---- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "params", "status", "kind"),
    [
        ("package_show", {"id": "no-such"}, 404, "Not Found Error"),
        ("package_show", {}, 409, "Validation Error"),
        ("organization_show", {"id": "no-such"}, 404, "Not Found Error"),
        ("package_search", {"rows": "-1"}, 409, "Validation Error"),
        ("package_search", {"rows": "many"}, 409, "Validation Error"),
        ("package_search", {"sort": "nope"}, 400, "Search Query Error"),
        ("package_search", {"sort": "nope asc"}, 400, "Search Query Error"),
        ("package_search", {"unknown": "1"}, 400, "Search Query Error"),
        ("package_search", {"defType": "func"}, 400, "Search Query Error"),
        ("package_search", {"fq": "unknown_field:1"}, 409, "Search Error"),
        ("package_search", {"fq": "title:"}, 409, "Search Error"),
        ("package_search", {"q": "title:[a"}, 409, "Search Error"),
        ("package_search", {"fq": "(tags:a"}, 409, "Search Error"),
        ("package_search", {"fq": "{!bool must=a}"}, 409, "Search Error"),
        ("package_search", {"fq": "metadata_modified:[yesterday TO *]"}, 409, "Search Error"),
        ("package_search", {"fq": "title:a~2"}, 409, "Search Error"),
        ("package_search", {"facet.field": '["unknown_field"]'}, 409, "Search Error"),
        ("package_create", {"name": "x"}, 403, "Authorization Error"),
        ("dataset_purge", {"id": "x"}, 403, "Authorization Error"),
        ("bulk_update_delete", {}, 403, "Authorization Error"),
    ],
)
def test_what_is_wrong_is_refused_in_the_words_of_ckan(
    register: Reading, action: str, params: dict[str, str], status: int, kind: str
) -> None:
    found = register.refusal(action, **params)
    assert (found[0], found[1]["__type"]) == (status, kind)


def test_unknown_actions_and_bad_bodies_are_a_bare_text(register: Reading) -> None:
    assert register.refusal("no_such") == (400, "Bad request - Action name not known: no_such")
    for body in (b"{", b"[1]", b"\xff"):
        answer = register.stranger.post(f"{ACTION}package_list", content=body)
        assert (answer.status_code, answer.json()[:25]) == (400, "Bad request - JSON Error:")


@pytest.mark.parametrize(
    "query",
    [
        *[
            "AND",
            "a AND",
            "OR a",
            "()",
            "(" * 50,
            "NOT " * 50,
            "*:a",
            'title:"a',
            "a:b:c",
            "title:^2",
            "x" * 5000,
        ],
        *["title:[a TO b TO c]", "tags:{a TO", "+", "a)", "tags:()", "_query_:x", "title:[a TO b]"],
    ],
)
def test_a_query_that_is_not_understood_never_finds_everything(query: str) -> None:
    fields = Fields(WHOLE, TEXTS, MOMENTS, datetime.now(UTC))
    with pytest.raises(BadQuery):
        parse(query, fields)


def test_what_people_type_is_never_a_mistake() -> None:
    fields = Fields(WHOLE, TEXTS, MOMENTS, datetime.now(UTC))
    for typed in ("公园【一期】", "a/b", "C++", "50%", "“人口”", "a~b^c", "[x", "-", '"未闭合', "\\"):
        assert callable(parse_words(typed, fields))


# ---- by other programs ------------------------------------------------------------------------------------


def test_ckanapi_reads_everything_by_every_action(register: Reading) -> None:
    with served(register.app) as url, RemoteCKAN(url) as portal:
        assert portal.action.site_read() is True
        assert portal.action.status_show()["site_url"] == url
        names = portal.action.package_list()
        found = portal.action.package_search(rows=1000, include_private=True)["results"]
        assert {portal.action.package_show(id=name)["title"] for name in names} == OPEN
        assert {one["id"] for one in found} == {
            one["id"] for one in portal.action.current_package_list_with_resources()
        }
        needed: dict[str, dict[str, str]] = {
            "package_show": {"id": names[0]},
            "resource_show": {"id": found[0]["resources"][0]["id"]},
            "organization_show": {"id": found[0]["owner_org"]},
            "group_show": {"id": "domain-13"},
            "tag_show": {"id": "人口"},
            "help_show": {"name": "package_list"},
            "package_autocomplete": {"q": "人口"},
        }
        for action in ACTIONS:
            assert portal.call_action(action, needed.get(action, {})) not in (None, [], {}), action


def test_ckanapi_gets_the_errors_of_a_ckan(register: Reading) -> None:
    with served(register.app) as url, RemoteCKAN(url) as portal:
        for action, params, error in (
            ("package_show", {"id": "no-such"}, NotFound),
            ("package_create", {"name": "x"}, NotAuthorized),
            ("package_search", {"rows": -1}, ValidationError),
            ("package_search", {"fq": "a:"}, SearchError),
            ("no_such", {}, CKANAPIError),
        ):
            with pytest.raises(error):
                portal.call_action(action, params)


def test_the_ckanapi_command_dumps_and_searches(register: Reading, tmp_path: Path) -> None:
    command = str(Path(sys.executable).with_name("ckanapi"))
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    def run(*words: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [command, *words, "-r", url], capture_output=True, env=environment, check=True, timeout=120
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    with served(register.app) as url:
        assert {one["title"] for one in run("dump", "datasets", "--all")} == OPEN
        assert {one["title"] for one in run("search", "datasets")} == OPEN
        assert {one["title"] for one in run("search", "datasets", "q=人口")} == {"常住人口统计年报"}
        assert len(run("dump", "organizations", "--all")) == len(register.ask("organization_list"))


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
    import hashlib

    resource = _file(register, "厕所")
    answer = register.stranger.get(resource["path"])
    assert hashlib.sha256(answer.content).hexdigest() == resource["hash"]
    assert len(answer.content) == resource["size"] == int(answer.headers["content-length"])
    assert answer.headers["etag"] == f'"{resource["hash"]}"'
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = register.stranger.get(resource["path"], headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


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
        from registry.models import Distribution, Entry

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
