"""What is desired and what a portal shows have one form; what differs is told in words."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sync.mapping import Difference, Shape, differences, entry_of, is_ours, portal_form
from tests.mapped import OPEN, REGISTRY, data, offer, wished

Change = Callable[[dict[str, Any]], Any]


def shown(shape: Shape = OPEN) -> dict[str, Any]:
    """What CKAN 2.12 shows of the dataset, as far as it differs from what it was sent."""
    package = copy.deepcopy(dict(wished(data(), shape=shape).package))
    package |= {
        "owner_org": "0b1c3c5e-7a53-4f0f-a0cf-6a0d8e8c2f11",
        "organization": {"id": "0b1c3c5e", "name": "11520300009421020x", "title": "遵义市交通运输局"},
        "metadata_modified": "2026-03-02T08:31:00.123456",
        "creator_user_id": "someone",
        "num_tags": 4,
        "license_title": "Creative Commons Attribution",
        "url": None,
        "extras": list(reversed(package["extras"])),
        "tags": [
            {"name": t["name"], "display_name": t["name"], "id": "x"} for t in reversed(package["tags"])
        ],
    }
    package.pop("author")
    stored = {
        "url": "http://127.0.0.1:5500/dataset/x/download/a.csv",
        "size": "512",
        "format": "csv",
        "position": 0,
    }
    stored |= {
        "last_modified": "2026-03-02T09:00:00.111111",
        "mimetype": "text/csv",
        "datastore_active": False,
    }
    package["resources"][0] |= stored
    package["resources"][0]["mulu_loaded_at"] = "2026-03-02T16:30:00+08:00"
    return package


def changed(change: Change) -> dict[str, Any]:
    package = shown()
    change(package)
    return package


def found(package: dict[str, Any]) -> list[Difference]:
    return differences(portal_form(wished().package, OPEN), portal_form(package, OPEN))


def test_what_was_sent_and_what_is_shown_are_equal() -> None:
    assert portal_form(shown(), OPEN) == portal_form(wished().package, OPEN)
    assert found(shown()) == []


def test_fields_of_a_schema_are_extras_as_well() -> None:
    shape = replace(OPEN, scheming=True)
    assert portal_form(shown(shape), shape) == portal_form(wished().package, OPEN)


@pytest.mark.parametrize(
    ("change", "field", "new"),
    [
        (lambda p: p.update(title="改名"), "信息资源名称", "改名"),
        (lambda p: p.update(notes=None), "信息资源摘要", ""),
        (lambda p: p.update(name="other"), "名称", "other"),
        (lambda p: p.update(author="某人"), "作者", "某人"),
        (lambda p: p.update(private=True), "不公开", "True"),
        (lambda p: p.update(state="deleted"), "状态", "deleted"),
        (lambda p: p.update(groups=[{"name": "traffic"}]), "门户主题组", "traffic"),
        (lambda p: p["tags"].append({"name": "新"}), "标签", "B 线路、公交、工业交通、新、站点"),
        (lambda p: p["organization"].update(name="other"), "组织", "other"),
        (lambda p: p["extras"].append({"key": "手工", "value": "加"}), "门户附加项 手工", "加"),
        (lambda p: p["resources"].append({"id": "11", "name": "x"}), "门户另加的资源", "11"),
        (lambda p: p["resources"][0].update(mulu_sha256="00"), "SHA-256", "00"),
        (lambda p: p["resources"][0].update(url_type=""), "地址类别", ""),
        (lambda p: p["resources"][0].update(schema="[]"), "信息项", "[]"),
    ],
)
def test_an_edit_by_hand_is_seen(change: Change, field: str, new: str) -> None:
    rows = [row for row in found(changed(change)) if row.field == field or row.field.endswith(f" {field}")]
    assert [row.new for row in rows] == [new]


def test_an_extra_that_was_changed_or_removed_is_named() -> None:
    rows = found(
        changed(lambda p: p.update(extras=[r for r in p["extras"] if r["key"] != "mulu_update_cycle"]))
    )
    assert rows == [Difference("更新周期", "每月", "")]


def test_long_values_are_shortened() -> None:
    [row] = found(changed(lambda p: p.update(notes="长" * 500)))
    assert (len(row.new), row.new[-1], row.old) == (80, "…", "市区公交线路的站点名称与日均客流")


def test_a_new_dataset_differs_in_all_it_has() -> None:
    rows = differences(None, portal_form(wished().package, OPEN))
    assert all(row.old == "" for row in rows)
    assert Difference("信息资源名称", "", "公交线路站点") in rows
    assert differences(None, None) == []


def test_a_portal_that_loads_data_by_itself_has_edited_nothing() -> None:
    package = changed(
        lambda p: p["resources"][0].update(hash="d41d8cd98f00b204e9800998ecf8427e", datastore_active=True)
    )
    assert found(package) == []


def test_a_dataset_says_whose_it_is() -> None:
    assert (is_ours(shown(), OPEN), entry_of(shown())) == (True, offer().entry_id)
    assert not is_ours(shown(), replace(OPEN, registry="other"))
    assert not is_ours(shown(), replace(OPEN, scope="share"))
    assert (is_ours({"extras": None}, OPEN), entry_of({})) == (False, None)
    assert is_ours(shown(replace(OPEN, scheming=True)), OPEN)
    assert REGISTRY in str(shown())


@pytest.mark.parametrize(
    "package",
    [
        {},
        {
            "tags": "x",
            "resources": [None, {}],
            "extras": [{"key": None}],
            "organization": "x",
            "owner_org": 5,
        },
    ],
)
def test_a_dataset_of_any_shape_has_a_form(package: dict[str, Any]) -> None:
    assert portal_form(package, OPEN)["state"] == "active"
    assert differences(portal_form(package, OPEN), portal_form(shown(), OPEN))
