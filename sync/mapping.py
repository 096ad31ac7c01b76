"""From what an entry offers to the dataset of a portal, and back: pure, driven by ckan.yaml."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from catalog_specs import Specs, load, profiles
from catalog_specs.law_portals import Sending
from registry.keys import digest_of
from registry.offers import Offer
from sync.portal import Desired, FileSent
from sync.portal_form import Difference, differences, entry_of, is_ours, portal_form
from sync.resources import Part, part
from sync.shape import NAMESPACE, Shape, dataset_id, dataset_name, organization_name, resource_id
from sync.values import bounded, clean, label, moment, tags

__all__ = [
    "NAMESPACE",
    "Difference",
    "Shape",
    "dataset_id",
    "dataset_name",
    "desired",
    "differences",
    "digest_of_desired",
    "entry_of",
    "is_ours",
    "mapping_digest",
    "organization",
    "organization_name",
    "portal_form",
    "resource_id",
]

# raised when this code turns the same values into something else: everything is then compared anew
EDITION = 2


def desired(offer: Offer, shape: Shape) -> Desired | None:
    """An offer as it should stand at a target; None when nothing of it may be shown there.

    Raises:
        ValueError: the offer is of another scope than the target.
    """
    if offer.scope != shape.scope:
        raise ValueError(f"范围不一致：条目按“{offer.scope}”判定，目标的范围是“{shape.scope}”")
    specs = load(offer.profile)
    scope = specs.ckan.scope_index[offer.scope]
    parts = _parts(offer, shape, specs) if offer.content.get(scope.of) in scope.types else []
    if not parts:
        return None
    package = _package(offer, shape, specs) | {"resources": [one.resource for one in parts]}
    files = tuple(one.file for one in parts if one.file is not None)
    owner = organization(offer, shape)
    digest = digest_of_desired(package, owner, files, shape=shape)
    return Desired(offer.entry_id, package, owner, files, digest)


def organization(offer: Offer, shape: Shape) -> dict[str, Any]:
    """The organization of an offer's dataset: the agency by its credit code, with ``name`` and ``title``."""
    values, specs = _values(offer, shape), load(offer.profile)
    told = {row.to: _told(row, values.get(row.source), offer, specs) for row in specs.ckan.organization}
    return told | {"title": told.get("title") or told["name"]}


def digest_of_desired(
    package: Mapping[str, Any], owner: Mapping[str, Any], files: Iterable[FileSent], *, shape: Shape
) -> str:
    """SHA-256 of all that is compared of a dataset, of its organization and of the bytes that go along."""
    return digest_of([portal_form(package, shape), dict(owner), [asdict(one) for one in files]])


def mapping_digest(shape: Shape) -> str:
    """SHA-256 of everything that decides a mapping: the specifications, this code, the shape of the target."""
    specs = [[key, load(key).digest] for key in sorted(profiles())]
    return digest_of([EDITION, specs, asdict(shape)])


def _parts(offer: Offer, shape: Shape, specs: Specs) -> list[Part]:
    found = (part(offer, data, shape, specs=specs) for data in sorted(offer.data, key=lambda one: one.id))
    return [one for one in found if one is not None]


def _package(offer: Offer, shape: Shape, specs: Specs) -> dict[str, Any]:
    spec, values = specs.ckan, _values(offer, shape)
    texts = (row for row in spec.package if row.via != "tags")
    told = {row.to: _told(row, values.get(row.source), offer, specs) for row in texts}
    extras = {row.to: _told(row, values.get(row.source), offer, specs) for row in spec.extras}
    most = spec.limits.extra_value_bytes
    extras = {key: bounded(text, most) for key, text in extras.items() if text}
    return {
        "id": dataset_id(shape.registry, shape.scope, offer.entry_id),
        **dict.fromkeys(spec.left_blank, ""),
        **told,
        "title": bounded(told["title"] or told["name"], most),
        "type": "dataset",
        "state": "active",
        "private": False,
        "groups": [],
        "tags": [{"name": tag} for tag in _tags(values, specs)],
        **_as_taken(extras, shape),
    }


def _as_taken(extras: dict[str, str], shape: Shape) -> dict[str, Any]:
    if shape.scheming:
        return {**extras, "extras": []}
    return {"extras": [{"key": key, "value": text} for key, text in extras.items()]}


def _values(offer: Offer, shape: Shape) -> dict[str, Any]:
    """What ckan.yaml may name, by its place."""
    entry = {f"entry.{key}": value for key, value in offer.content.items()}
    return entry | {
        "entry.resource_code": offer.code,
        "agency.code": offer.agency_code,
        "agency.name": offer.agency_name,
        "version.number": offer.number,
        "version.announced_at": offer.announced_at,
        "version.archived_at": offer.archived_at,
        "target.registry": shape.registry,
        "target.scope": shape.scope,
        "target.entry": offer.entry_id,
    }


def _told(row: Sending, value: Any, offer: Offer, specs: Specs) -> str:
    if row.via == "name":
        own = row.source == "entry.resource_code"
        return dataset_name(offer.code, offer.entry_id) if own else organization_name(offer.agency_code)
    if row.via == "label":
        return label(row.source.partition(".")[2], value, specs)
    if row.via == "datetime":
        return moment(value)
    text = clean(value)
    return specs.ckan.licenses.get(text, text) if row.via == "license" else text


def _tags(values: Mapping[str, Any], specs: Specs) -> list[str]:
    rows = [row for row in specs.ckan.package if row.via == "tags"]
    texts = (label(row.source.partition(".")[2], values.get(row.source), specs) for row in rows)
    return tags(texts, specs.ckan.tags)
