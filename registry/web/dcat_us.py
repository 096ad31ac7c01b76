"""The open catalogue as DCAT-US 1.1 (``data.json``), for harvesters that read this and nothing else."""

from collections.abc import Mapping
from typing import Any

from catalog_specs import load
from registry.web.ckan_query import moment_text
from registry.web.dcat_graph import Told, format_of, licence_of


def head_us(base: str) -> dict[str, Any]:
    """What stands before the datasets."""
    known = load().dcat.conforms_to
    return {
        "@context": f"{known.dcat_us}/catalog.jsonld",
        "@id": f"{base}/data.json",
        "@type": "dcat:Catalog",
        "conformsTo": known.dcat_us,
        "describedBy": known.described_by,
    }


def dataset_us(one: Told) -> dict[str, Any]:
    """One dataset; the contact is the agency, never a person."""
    dcat, title = one.specs.dcat, one.package["title"]
    agency = one.package["organization"]["title"]
    place, _name = licence_of(one)
    (level,) = one.values("entry.open_type") or [""]
    cycle = next(iter(one.values("entry.update_cycle")), "")
    found = {
        "@type": "dcat:Dataset",
        "identifier": one.id,
        "title": title,
        "description": one.package["notes"] or title,
        "keyword": [tag["name"] for tag in one.package["tags"]] or [agency],
        "modified": f"{moment_text(one.shown.modified)}Z",
        "issued": f"{moment_text(one.shown.created)}Z",
        "publisher": {"@type": "org:Organization", "name": agency},
        "contactPoint": {"@type": "vcard:Contact", "fn": agency},
        "accessLevel": dcat.access_levels.get(level, "non-public"),
        "landingPage": one.page,
        "language": ["zh-CN"],
        "license": place,
        "accrualPeriodicity": dcat.iso_frequencies.get(cycle, ""),
        "theme": [group["title"] for group in one.package["groups"]],
        "distribution": [_distribution(one, resource) for resource in one.package["resources"]],
    }
    return {key: value for key, value in found.items() if value}


def _distribution(one: Told, resource: Mapping[str, Any]) -> dict[str, Any]:
    place = one.based(resource["url"]) or one.page
    found = {"@type": "dcat:Distribution", "title": resource["name"], "description": resource["description"]}
    if not resource["hash"]:
        return {key: value for key, value in found.items() if value} | {"accessURL": place}
    known = format_of(resource, one.specs)
    media = known.media if known and known.media else "application/octet-stream"
    found |= {"downloadURL": place, "mediaType": media, "format": resource["format"]}
    return {key: value for key, value in found.items() if value}
