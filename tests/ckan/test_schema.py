"""A portal in Chinese that has our schema: fields go as fields, and nothing hangs on the words of its messages."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync.ckan import CkanPortal
from sync.portal import Refused
from sync.scheming import dataset_schema
from sync.shape import Shape
from tests.ckan import server
from tests.ckan.server import Ckan
from tests.ckan.wanted import REGISTRY, Wanted, push, shows

pytestmark = pytest.mark.ckan
SHAPE = Shape(REGISTRY, "open", scheming=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ckan]:
    path: Path = tmp_path_factory.mktemp("schema") / "mulu.json"
    path.write_text(json.dumps(dataset_schema(), ensure_ascii=False), encoding="utf-8")
    settings = {
        "scheming.dataset_schemas": f"file://{path}",
        "scheming.presets": "ckanext.scheming:presets.json",
        "ckan.locale_default": "zh_Hans_CN",
    }
    with server.running(plugins="scheming_datasets activity", settings=settings) as portal:
        yield portal


def test_our_fields_are_fields_there_and_go_when_they_are_empty(site: Ckan) -> None:
    portal = CkanPortal(site.url, site.token, shape=SHAPE)
    wanted = Wanted(
        "52030000/7", "org-schema", SHAPE, files={"a": b"a"}, extras={"mulu_time_range": "2026年"}
    )
    assert portal.rights().scheming
    landed = push(portal, wanted)
    assert shows(site, wanted)["mulu_time_range"] == "2026年"
    assert push(portal, wanted, wanted.known(landed)).act == "skip"
    assert push(portal, replace(wanted, extras={}), wanted.known(landed)).act == "patch"
    assert not shows(site, replace(wanted, extras={})).get("mulu_time_range")
    portal.close()


def test_refusals_are_understood_in_any_language(site: Ckan) -> None:
    organization = site.organization()
    editor = site.member(organization)
    portal = CkanPortal(site.url, editor.token, shape=SHAPE)
    wanted = Wanted("52030000/8", organization, SHAPE)
    with pytest.raises(Refused, match=r"^tags\.?0?.*: ") as refusal:
        push(portal, replace(wanted, more={"tags": [{"name": "公"}]}))
    assert "length" not in refusal.value.words
    landed = push(portal, wanted)
    assert (landed.act, push(portal, wanted).act) == ("create", "skip")
    assert shows(site, wanted)["id"] == landed.portal_id != wanted.id
    portal.close()
