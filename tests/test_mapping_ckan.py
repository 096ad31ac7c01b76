"""A real CKAN keeps what it is sent: what it shows and what was desired have one form, with a schema of ours as well."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from ckanapi import RemoteCKAN

from sync.mapping import Shape, differences, portal_form
from sync.portal import Desired
from sync.scheming import dataset_schema, is_ours
from tests.ckan import server
from tests.ckan.server import Ckan
from tests.mapped import ITEMS, OPEN, data, wished

pytestmark = pytest.mark.ckan
LINKED = replace(OPEN, upload=False, file_url="https://data.zunyi.gov.cn/f/{distribution}/{name}")
SCHEMED = replace(OPEN, scheming=True)
FILES = [Path(f"a.{ending}") for ending in ("csv", "geojson", "xlsx", "jpg", "tif", "jsonl", "parquet", "7z")]
ODD: list[dict[str, Any]] = [
    {
        "resource_name": "  名称前后有空格 ",
        "resource_abstract": "😀𠮷 <b>甲</b>\r\n\t第二行 \x00\x07\u200b尾  ",
    },
    {"resource_abstract": "长" * 60_000, "time_range": "年" * 20_000},
    {
        "resource_name": "标题" * 500,
        "keywords": ["中文标签、ａｂｃ", "a.b-c_d e", "x" * 300, "ÄÖ Ü"],
        "data_class": [],
    },
    {"resource_abstract": None, "license": None, "spatial_scope": None, "data_domain": "", "keywords": None},
    {"resource_name": "", "provider_name": '"引号" & \\反斜杠\\ %00 {{x}} ${y}', "license": "自定许可 1.0"},
]


@pytest.fixture
def portal(ckan: Ckan) -> Iterator[Ckan]:
    yield ckan
    ckan.remove_everything()


@pytest.fixture(scope="module")
def schemed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ckan]:
    folder = tmp_path_factory.mktemp("schema")
    folder.joinpath("mulu.json").write_text(
        json.dumps(dataset_schema("zunyi_2020"), ensure_ascii=False), "utf-8"
    )
    settings = {"scheming.dataset_schemas": (folder / "mulu.json").as_uri()}
    with server.running(plugins="activity scheming_datasets", settings=settings) as portal:
        yield portal


def _push(portal: Ckan, wish: Desired) -> None:
    """Create what is wished, then its files as a portal takes them."""
    if wish.organization["name"] not in portal.call("organization_list"):
        portal.call("organization_create", **wish.organization)
    portal.call("package_create", **wish.package)
    with RemoteCKAN(portal.url, apikey=portal.token) as api:
        for file in wish.files:
            told = (one for one in wish.package["resources"] if one["id"] == file.resource_id)
            upload = io.BytesIO(b"x" * file.size)
            upload.name = file.file_name
            api.call_action("resource_update", next(told), files={"upload": upload})


def _seen(portal: Ckan, wish: Desired) -> list[dict[str, Any]]:
    """The dataset as show, as search and as an anonymous reader have it."""
    [searched] = portal.call("package_search", fq=f"id:{wish.id}")["results"]
    return [
        portal.call("package_show", id=wish.id),
        searched,
        portal.call("package_show", as_token="", id=wish.id),
    ]


def _assert_kept(portal: Ckan, wish: Desired, shape: Shape) -> None:
    _push(portal, wish)
    for seen in _seen(portal, wish):
        assert differences(portal_form(wish.package, shape), portal_form(seen, shape)) == []
        assert portal_form(seen, shape) == portal_form(wish.package, shape)


@pytest.mark.parametrize("shape", [OPEN, LINKED], ids=["uploaded", "linked"])
def test_a_portal_keeps_a_dataset_as_it_is_desired(portal: Ckan, shape: Shape) -> None:
    wish = wished(
        data(), data(id="d02", form="1"), data(id="d03", form="3", location="https://a.gov.cn/x"), shape=shape
    )
    _assert_kept(portal, wish, shape)
    shown = portal.call("package_show", id=wish.id)
    stored = [one["url"].rsplit("/", 1)[1] for one in shown["resources"] if one["url_type"] == "upload"]
    assert stored == [file.file_name for file in wish.files]


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
def test_a_portal_keeps_odd_text(portal: Ckan, content: dict[str, Any]) -> None:
    _assert_kept(portal, wished(content=content), OPEN)


def test_a_portal_keeps_many_items_and_odd_names(portal: Ckan) -> None:
    items = tuple(ITEMS[0] | {"item_name": f"信息项{n}😀"} for n in range(1500))
    _assert_kept(portal, wished(data(items=items, name=" 名称\x00😀 ")), OPEN)


def test_a_portal_writes_formats_its_own_way(portal: Ckan) -> None:
    parts = [data(id=f"d{n}", file_name=path.name) for n, path in enumerate(FILES)]
    _assert_kept(portal, wished(*parts, shape=LINKED), LINKED)


def test_a_name_by_fallback_is_taken(portal: Ckan) -> None:
    wish = wished(code="中文代码/1", agency_code="旧代码")
    _push(portal, wish)
    assert portal.call("package_show", id=wish.name)["id"] == wish.id


def test_what_is_pushed_again_takes_back_what_was_edited_by_hand(portal: Ckan) -> None:
    wish = wished(data(form="1"))
    _push(portal, wish)
    extras = [*wish.package["extras"], {"key": "手工", "value": "加"}]
    group = portal.call("group_create", name="mapping-group")
    by_hand: dict[str, Any] = {
        "author": "某人",
        "url": "http://a.b",
        "extras": extras,
        "groups": [{"name": group["name"]}],
        "tags": [{"name": "新标签"}],
    }
    portal.call("package_patch", id=wish.id, **by_hand)
    before = portal_form(portal.call("package_show", id=wish.id), OPEN)
    assert len(differences(portal_form(wish.package, OPEN), before)) == 5
    portal.call("package_patch", **wish.package)
    assert portal_form(portal.call("package_show", id=wish.id), OPEN) == portal_form(wish.package, OPEN)
    portal.call("group_purge", id=group["id"])


# ---- with a schema of ours --------------------------------------------------------------------------------


def test_a_portal_takes_the_schema_and_it_is_recognised(schemed: Ckan, ckan: Ckan) -> None:
    shown = schemed.call("scheming_dataset_schema_show", type="dataset")
    assert is_ours(shown)
    assert is_ours(schemed.call("scheming_dataset_schema_show", type="dataset", expanded=False))
    assert not is_ours({})
    assert not is_ours({"dataset_type": "dataset", "dataset_fields": [{"field_name": "title"}]})


@pytest.mark.parametrize("content", [{}, *ODD], ids=range(len(ODD) + 1))
def test_fields_of_the_schema_are_kept(schemed: Ckan, content: dict[str, Any]) -> None:
    wish = wished(shape=SCHEMED, content=content)
    _assert_kept(schemed, wish, SCHEMED)
    shown = schemed.call("package_show", id=wish.id)
    assert (shown["resource_code"], shown.get("extras", [])) == ("307024030102/000001", [])
    schemed.remove_everything()


def test_the_page_and_the_form_of_a_schemed_dataset_open(schemed: Ckan) -> None:
    wish = wished(shape=SCHEMED)
    _push(schemed, wish)
    headers = {"Authorization": schemed.token}
    page = requests.get(f"{schemed.url}/dataset/{wish.name}", timeout=60)
    form = requests.get(f"{schemed.url}/dataset/edit/{wish.name}", headers=headers, timeout=60)
    assert (page.status_code, form.status_code) == (200, 200)
    assert "更新周期" in page.text
    assert "更新周期" in form.text
    schemed.remove_everything()
