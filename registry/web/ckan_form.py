"""A dataset as CKAN's interface answers it: what a portal is sent, with all that CKAN would add by itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid5

from catalog_specs import Specs
from registry.open_catalogue import Shown
from registry.web.ckan_query import moment_text
from sync.mapping import NAMESPACE
from sync.portal import Desired

Package = dict[str, Any]
_BLANK = ("author", "author_email", "maintainer", "maintainer_email", "license_id", "notes", "url", "version")


def own_id(registry: str, kind: str, name: str) -> str:
    """The id of an organization, a group or a tag: the same in every process, and at every start."""
    return str(uuid5(NAMESPACE, f"{registry}/{kind}/{name}"))


def ckan_package(desired: Desired, shown: Shown, specs: Specs, registry: str) -> Package:
    """The whole dataset as ``package_show`` and ``package_search`` answer it."""
    sent = dict(desired.package)
    created, modified = moment_text(shown.created), moment_text(shown.modified)
    organization = organization_of(desired.organization, registry)
    known = {"id": sent["id"], "created": created, "modified": modified}
    resources = [_resource(one, place, known) for place, one in enumerate(sent.get("resources", ()))]
    tags = [_tag(tag["name"], registry) for tag in sent.get("tags", ())]
    groups = groups_of(shown, specs, registry)
    return {
        **dict.fromkeys(_BLANK),
        **sent,
        **_licence(sent.get("license_id"), specs),
        "owner_org": organization["id"],
        "organization": organization,
        "groups": groups,
        "resources": resources,
        "tags": sorted(tags, key=lambda tag: str(tag["name"])),
        "num_resources": len(resources),
        "num_tags": len(tags),
        "metadata_created": created,
        "metadata_modified": modified,
        "state": "active",
        "type": "dataset",
        "private": False,
        "creator_user_id": None,
        "relationships_as_subject": [],
        "relationships_as_object": [],
    }


def _resource(sent: Mapping[str, Any], place: int, known: Mapping[str, str]) -> dict[str, Any]:
    asked = dict.fromkeys(
        ("cache_last_updated", "cache_url", "mimetype", "mimetype_inner", "resource_type", "size")
    )
    return {
        **asked,
        "description": "",
        "format": "",
        "hash": "",
        "last_modified": None,
        "url": "",
        **sent,
        "url_type": None,
        "package_id": known["id"],
        "position": place,
        "state": "active",
        "created": known["created"],
        "metadata_modified": known["modified"],
    }


def _tag(name: str, registry: str) -> dict[str, Any]:
    return {
        "display_name": name,
        "id": own_id(registry, "tag", name),
        "name": name,
        "state": "active",
        "vocabulary_id": None,
    }


def _licence(licence: Any, specs: Specs) -> dict[str, Any]:
    """What is known of a licence, under the name that the portal is sent."""
    for row in licences(specs):
        if licence and row["id"] == licence:
            known = {"license_title": row["title"], "isopen": row["od_conformance"] == "approved"}
            return known | ({"license_url": row["url"]} if row["url"] else {})
    return {"license_title": licence or None, "isopen": False}


def licences(specs: Specs) -> list[dict[str, Any]]:
    """The licences of opened resources, as ``license_list`` answers them."""
    named, opened = specs.ckan.licenses, specs.dcat.open_licenses
    return [
        {
            "id": named.get(value.code, value.code),
            "title": value.zh,
            "url": str(value.attrs.get("url") or ""),
            "status": "active",
            "od_conformance": "approved" if value.code in opened else "not reviewed",
            "osd_conformance": "not reviewed",
            "maintainer": "",
            "family": "",
            "is_generic": "False",
            "domain_content": "False",
            "domain_data": "True",
            "domain_software": "False",
        }
        for value in specs.codes["license"].values
    ]


# ---- organizations and groups -----------------------------------------------------------------------------


def organization_of(sent: Mapping[str, Any], registry: str) -> dict[str, Any]:
    """The organization of a dataset, as it stands within one."""
    name = str(sent["name"])
    return {
        "id": own_id(registry, "organization", name),
        "name": name,
        "title": str(sent.get("title", name)),
        "type": "organization",
        "description": "",
        "image_url": "",
        "created": moment_text(_EPOCH),
        "is_organization": True,
        "approval_status": "approved",
        "state": "active",
    }


_EPOCH = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


def groups_of(shown: Shown, specs: Specs, registry: str) -> list[dict[str, Any]]:
    """The groups of a dataset: one for each of its data domains."""
    given = shown.offer.content.get("data_domain")
    codes = given if isinstance(given, list) else [given]
    found = [specs.code_value("data_domain", code) for code in codes if isinstance(code, str)]
    return [_group(value.code, value.zh, specs, registry) for value in found if value is not None]


def _group(code: str, title: str, specs: Specs, registry: str) -> dict[str, Any]:
    name = f"{specs.dcat.ckan.group_prefix}{code}"
    return {
        "id": own_id(registry, "group", name),
        "name": name,
        "title": title,
        "display_name": title,
        "description": "",
        "image_display_url": "",
    }


def whole_group(short: Mapping[str, Any], count: int, *, kind: str) -> dict[str, Any]:
    """An organization or a group as ``organization_show`` and ``group_show`` answer it; ``count``: its datasets."""
    return {
        "description": "",
        "image_url": "",
        "image_display_url": "",
        "created": moment_text(_EPOCH),
        "approval_status": "approved",
        "state": "active",
        "display_name": short["title"],
        **short,
        "type": kind,
        "is_organization": kind == "organization",
        "num_followers": 0,
        "package_count": count,
        "extras": [],
        "tags": [],
        "groups": [],
        "users": [],
    }
