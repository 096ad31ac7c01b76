"""The schema for portals with ckanext-scheming is made from the specification."""

import json
from typing import Any

from catalog_specs import load
from sync.scheming import dataset_schema, is_ours


def _fields(part: str) -> dict[str, dict[str, Any]]:
    rows = dataset_schema("zunyi_2020")[part]
    assert len({row["field_name"] for row in rows}) == len(rows)
    return {row["field_name"]: row for row in rows}


def test_every_extra_is_a_field_with_its_chinese_name() -> None:
    fields = _fields("dataset_fields")
    assert {row.to for row in load().ckan.extras} <= fields.keys()
    assert (fields["mulu_update_cycle"]["label"], fields["mulu_scope"]["label"]) == ("更新周期", "推送范围")
    assert {"value": "每月", "label": "每月"} in fields["mulu_update_cycle"]["choices"]


def test_the_portals_own_fields_keep_their_presets() -> None:
    fields, resource = _fields("dataset_fields"), _fields("resource_fields")
    assert (fields["name"]["preset"], fields["tag_string"]["preset"]) == (
        "dataset_slug",
        "tag_string_autocomplete",
    )
    assert (resource["url"]["preset"], resource["schema"]["label"]) == ("resource_url_upload", "信息项")
    assert not {"id", "url_type", "size"} & resource.keys()


def test_no_word_of_ours_is_refused_by_a_list() -> None:
    assert all("choices" not in row.get("validators", "") for row in _fields("dataset_fields").values())


def test_a_schema_of_ours_is_recognised() -> None:
    schema = json.loads(json.dumps(dataset_schema()))
    assert is_ours(schema)
    assert is_ours(schema | {"dataset_fields": [*schema["dataset_fields"], {"field_name": "own"}]})
    assert not is_ours(schema | {"dataset_fields": schema["dataset_fields"][:-1]})
    assert not is_ours({"dataset_type": "dataset", "dataset_fields": None})
