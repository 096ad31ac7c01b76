"""CKAN's interface over the open catalogue: strangers read what is open, as they would of a CKAN, and nothing else."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ckanapi import CKANAPIError, NotAuthorized, NotFound, RemoteCKAN, SearchError, ValidationError

from registry.web.ckan_actions import ACTIONS
from registry.web.ckan_query import BadQuery, Fields, parse, parse_words
from registry.web.open_index import MOMENTS, TEXTS, WHOLE
from tests.open_reading import ACTION, Reading, folder, own, register, served

__all__ = ["folder", "own", "register"]

OPEN = {"城区公共厕所分布信息", "常住人口统计年报", "公园绿地（2024年）名录", "有条件开放的设施明细"}


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
