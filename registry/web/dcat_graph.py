"""The open catalogue as DCAT-AP 3: nodes of the catalogue, its pages and its datasets, by the tables of dcat.yaml.

Only what a portal is sent is told: the rows of dcat.yaml name places of ckan.yaml, resources are those of the dataset.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from catalog_specs import Specs, load
from catalog_specs.law_dcat import FileFormat, Property
from registry.open_catalogue import Shown
from registry.web.open_index import BASE, form_of
from registry.web.rdf_text import Node, address, link, literal, worded
from sync.values import clean

_IANA = "https://www.iana.org/assignments/media-types/"
_SHA256 = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"
_THEMES = "http://publications.europa.eu/resource/authority/data-theme"
# what the addresses of a table stand for
_CLASS = {"access_rights": "dct:RightsStatement", "frequencies": "dct:Frequency", "themes": "skos:Concept"}


@dataclass(frozen=True, slots=True)
class Told:
    """One dataset that is told of: judged anew, with the form in which a portal has it."""

    shown: Shown
    package: Mapping[str, Any]
    specs: Specs
    base: str

    @property
    def id(self) -> str:
        return dataset_address(self.base, str(self.package["id"]))

    @property
    def page(self) -> str:
        return f"{self.base}/open/entries/{self.shown.offer.code}"

    def based(self, text: Any) -> str:
        """An address of ours as it is called here."""
        return str(text or "").replace(BASE, self.base)

    def values(self, source: str) -> list[str]:
        """The stored values at a place of ckan.yaml, as texts."""
        if source == "version.number":
            return [str(self.shown.offer.number)]
        found = self.shown.offer.content.get(source.partition(".")[2])
        return [text for one in (found if isinstance(found, list) else [found]) if (text := clean(one))]


def told(shown: Shown, registry: str, base: str) -> Told:
    """An entry that is shown, ready to be told of.

    Raises:
        NotFound: nothing of it may be told.
    """
    _sent, package = form_of(shown, registry)
    return Told(shown, package, load(shown.offer.profile), base)


def dataset_address(base: str, key: str) -> str:
    """The address by which a dataset is known."""
    return f"{base}/open/dataset/{key}"


def moment(value: datetime) -> Node:
    """A moment as a literal."""
    return literal(value.astimezone(UTC).isoformat().replace("+00:00", "Z"), "xsd:dateTime")


# ---- a dataset --------------------------------------------------------------------------------------------


def dataset_node(one: Told) -> Node:
    """A dataset with its distributions."""
    node: Node = {"@id": address(one.id), "@type": ["dcat:Dataset"]}
    for row in one.specs.dcat.dataset:
        node.setdefault(row.to, []).extend(_said(one, row))
    # a description must be there
    node["dct:title"] = node.get("dct:title") or [worded(str(one.package["title"]))]
    node["dct:description"] = node.get("dct:description") or list(node["dct:title"])
    publisher = _agency(one)
    return {key: value for key, value in node.items() if value} | {
        "dct:issued": [moment(one.shown.created)],
        "dct:modified": [moment(one.shown.modified)],
        "dct:publisher": [publisher],
        "dcat:contactPoint": [_contact(one)],
        "dcat:landingPage": [link(one.page, "foaf:Document")],
        "dct:language": [link(one.specs.dcat.catalogue.language, "dct:LinguisticSystem")],
        "dcat:keyword": [worded(tag["name"]) for tag in one.package["tags"]],
        "adms:identifier": [_identifier(one)],
        "dcat:distribution": [_distribution(one, resource) for resource in one.package["resources"]],
    }


def _said(one: Told, row: Property) -> list[Node]:
    values = one.values(row.source)
    if row.kind == "table":
        table, known = one.specs.dcat.tables[row.table], list[str]()
        known += [table[value] for value in values if value in table]
        return [_concept(place, row.table, one.specs) for place in dict.fromkeys(known)]
    if row.kind == "label":
        field = one.specs.fields[row.source.partition(".")[2]]
        return [worded(one.specs.label(str(field.codes), value)) for value in values]
    return [worded(value) if row.kind == "text" else literal(value) for value in values]


def _concept(place: str, table: str, specs: Specs) -> Node:
    node = link(place, _CLASS[table])
    if table == "themes":
        node["skos:prefLabel"] = [worded(specs.dcat.theme_labels[place.rpartition("/")[2]], "en")]
    return node


def _agency(one: Told) -> Node:
    organization = one.package["organization"]
    node = link(f"{one.base}/api/3/action/organization_show?id={organization['name']}", "foaf:Agent")
    node["foaf:name"] = [worded(organization["title"])]
    return node


def _contact(one: Told) -> Node:
    """The agency: never a person, nor a telephone."""
    return {
        "@type": ["vcard:Kind", "vcard:Organization"],
        "vcard:fn": [worded(one.package["organization"]["title"])],
        "vcard:hasURL": [link(one.page)],
    }


def _identifier(one: Told) -> Node:
    return {"@type": ["adms:Identifier"], "skos:notation": [literal(one.shown.offer.code, "xsd:string")]}


# ---- distributions ----------------------------------------------------------------------------------------


def _distribution(one: Told, resource: Mapping[str, Any]) -> Node:
    node = link(f"{one.id}#{resource['id']}", "dcat:Distribution")
    place = one.based(resource["url"]) or one.page
    node |= {
        "dct:title": [worded(str(resource["name"]))],
        "dcat:accessURL": [link(place)],
        "dct:issued": [moment(one.shown.created)],
        "dct:license": _licence(one),
        "dct:description": [worded(resource["description"])] if resource["description"] else [],
    }
    if resource["last_modified"]:
        node["dct:modified"] = [literal(f"{resource['last_modified']}Z".replace("ZZ", "Z"), "xsd:dateTime")]
    if resource["hash"]:
        node |= _file(one, resource, place)
    return {key: value for key, value in node.items() if value}


def _file(one: Told, resource: Mapping[str, Any], place: str) -> Node:
    """What is told of a file that anybody may have."""
    found = format_of(resource, one.specs)
    checksum = {
        "@type": ["spdx:Checksum"],
        "spdx:algorithm": [link(_SHA256, "spdx:ChecksumAlgorithm")],
        "spdx:checksumValue": [literal(resource["hash"], "xsd:hexBinary")],
    }
    return {
        "dcat:downloadURL": [link(place)],
        "dcat:byteSize": [literal(str(resource["size"]), "xsd:nonNegativeInteger")],
        "spdx:checksum": [checksum],
        "dct:format": [link(found.file_type, "dct:MediaTypeOrExtent")] if found else [],
        "dcat:mediaType": [link(_IANA + found.media, "dct:MediaType")] if found and found.media else [],
    }


def format_of(resource: Mapping[str, Any], specs: Specs) -> FileFormat | None:
    """The kind of a file, by the ending of its address or the portal's word for it."""
    ending = PurePath(str(resource["url"] or "")).suffix.lstrip(".").lower()
    index = specs.dcat.format_index
    return index.get(ending) or index.get(str(resource["format"] or "").lower())


def licence_of(one: Told) -> tuple[str, str]:
    """The licence of a dataset: its address, if it has one, and its name."""
    code = one.shown.offer.content.get("license")
    value = one.specs.code_value("license", code) if isinstance(code, str) else None
    if value is None:
        return "", clean(code) or ""
    return str(value.attrs.get("url") or ""), value.zh


def _licence(one: Told) -> list[Node]:
    place, name = licence_of(one)
    if not (place or name):
        return []
    node = link(place, "dct:LicenseDocument") if place else {"@type": ["dct:LicenseDocument"]}
    return [node | ({} if place else {"dct:title": [worded(name)]})]


# ---- the catalogue and its pages --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the catalogue: its number from 1, how many datasets there are in all, how many to a page."""

    number: int
    total: int
    size: int
    address: str

    @property
    def last(self) -> int:
        return max(-(-self.total // self.size), 1)

    def at(self, number: int) -> str:
        """The address of another page."""
        return f"{self.address}?page={number}"


def catalogue_nodes(datasets: Sequence[Told], page: Page, base: str) -> list[Node]:
    """A page of the catalogue: how it is paged, the catalogue, and the datasets of this page."""
    spec = load().dcat.catalogue
    publisher = link(f"{base}/", "foaf:Agent") | {"foaf:name": [worded(spec.publisher_zh)]}
    scheme = link(_THEMES, "skos:ConceptScheme") | {"dct:title": [worded("Data theme", "en")]}
    catalogue: Node = link(f"{base}/catalog", "dcat:Catalog") | {
        "dct:title": [worded(spec.zh), worded(spec.en, "en")],
        "dct:description": [worded(spec.about_zh)],
        "dct:publisher": [publisher],
        "dct:language": [link(spec.language, "dct:LinguisticSystem")],
        "foaf:homepage": [link(f"{base}/verify", "foaf:Document")],
        "dcat:themeTaxonomy": [scheme],
        "dcat:dataset": [link(one.id) for one in datasets],
    }
    kept = {key: value for key, value in catalogue.items() if value}
    return [_paging(page), kept, *(dataset_node(one) for one in datasets)]


def _paging(page: Page) -> Node:
    """Paging as hydra says it today, and as readers of CKAN's catalogues look for it."""
    places = {"first": 1, "last": page.last}
    places |= {"next": page.number + 1} if page.number < page.last else {}
    places |= {"previous": page.number - 1} if page.number > 1 else {}
    node = link(page.at(page.number), "hydra:PagedCollection", "hydra:PartialCollectionView") | {
        "hydra:totalItems": [literal(str(page.total), "xsd:integer")],
        "hydra:itemsPerPage": [literal(str(page.size), "xsd:integer")],
    }
    for name, number in places.items():
        node[f"hydra:{name}Page"] = [literal(page.at(number))]
        node[f"hydra:{name}"] = [link(page.at(number))]
    return node
