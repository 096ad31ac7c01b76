"""What a portal is told of one distribution, and the bytes that go along."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog_specs import Specs
from catalog_specs.law_portals import Scope
from registry.offers import Offer, OfferedData
from sync.portal import FileSent
from sync.portal_form import UPLOADED
from sync.shape import Shape, dataset_name, resource_id
from sync.values import clean, filled, format_of, label, moment, portal_file_name, public_address, tells_place
from validators.offers import leaving_items


@dataclass(frozen=True, slots=True)
class Part:
    """One resource of a dataset; ``file`` are the bytes that the portal is to hold for it."""

    resource: dict[str, Any]
    file: FileSent | None


@dataclass(frozen=True, slots=True)
class _Telling:
    offer: Offer
    data: OfferedData
    shape: Shape
    specs: Specs
    items: tuple[Mapping[str, Any], ...]

    @property
    def scope(self) -> Scope:
        return self.specs.ckan.scope_index[self.offer.scope]

    @property
    def id(self) -> str:
        return resource_id(self.shape.registry, self.offer.scope, self.data.id)

    @property
    def carried(self) -> bool:
        """Whether data go along: asked once more here, since bytes hold every item that was put into them."""
        kinds = [item.get(self.scope.of) or self.offer.content.get(self.scope.of) for item in self.data.items]
        whole = len(self.items) == len(self.data.items)
        own = self.offer.content.get(self.scope.of)
        return self.data.carried and whole and all(kind in self.scope.carried for kind in (own, *kinds))

    @property
    def has_file(self) -> bool:
        known = self.data.sha256 is not None and self.data.size is not None
        return self.carried and known and self.data.form == self.specs.ckan.files.form

    @property
    def file_name(self) -> str:
        name = dataset_name(self.offer.code, self.offer.entry_id)
        return portal_file_name(name, self.id, self.data.file_name)

    @property
    def linked(self) -> bool:
        return self.has_file and not self.shape.upload and bool(self.shape.file_url)


def part(offer: Offer, data: OfferedData, shape: Shape, *, specs: Specs) -> Part | None:
    """What a portal is told of one distribution; None when none of its items may leave."""
    scope = specs.ckan.scope_index[offer.scope]
    names = [str(item.get("item_name") or "") for item in data.items]
    among = {**offer.content, "items": list(data.items)}
    items = leaving_items(among, names, scope, {}, specs)
    if data.items and not items:
        return None
    telling = _Telling(offer, data, shape, specs, items)
    return Part(_resource(telling), _file(telling))


def _file(telling: _Telling) -> FileSent | None:
    data = telling.data
    if not (telling.has_file and telling.shape.upload) or data.sha256 is None or data.size is None:
        return None
    return FileSent(telling.id, data.sha256, data.size, telling.file_name)


def _resource(telling: _Telling) -> dict[str, Any]:
    spec, values = telling.specs.ckan, _values(telling)
    told = {row.to: values.get(row.source.partition(".")[2]) for row in spec.resource}
    told[spec.items.to] = _schema(telling)
    return {key: value for key, value in told.items() if value not in (None, "")}


def _values(telling: _Telling) -> dict[str, Any]:
    data, files = telling.data, telling.specs.ckan.files
    values: dict[str, Any] = {
        "portal_id": telling.id,
        "id": data.id,
        "name": _name(telling),
        "url": _url(telling),
        "format": format_of(data.file_name, data.form, files),
        "description": _description(telling),
        "loaded_at": moment(data.loaded_at),
    }
    if telling.has_file and (telling.shape.upload or telling.linked):
        values |= {"sha256": data.sha256, "size": data.size, "algorithm": files.algorithm}
        values["url_type"] = UPLOADED if telling.shape.upload else ""
    return values


def _name(telling: _Telling) -> str:
    """What the distribution is called, unless that tells where it lies (a table's own name is no name for people)."""
    data, files = telling.data, telling.specs.ckan.files
    name = clean(data.name)
    if name and not _tells(telling, name):
        return name
    form = files.other_formats.get(data.form, files.other_formats[files.form])
    return f"{clean(telling.offer.content.get('resource_name'))}（{form}）"


def _tells(telling: _Telling, text: str) -> bool:
    """Whether a text tells where any distribution of the entry lies: a file is often called after its table."""
    locations = [telling.data.location, *(one.location for one in telling.offer.data)]
    return tells_place(text, locations, telling.specs.ckan.addresses)


def _url(telling: _Telling) -> str:
    """Where the data are had. For an uploaded file the portal says it; where nothing may be told, our own page."""
    data, spec, shape = telling.data, telling.specs.ckan, telling.shape
    if telling.has_file and shape.upload:
        return ""
    if telling.linked:
        return filled(shape.file_url, {"distribution": data.id, "name": telling.file_name})
    told = telling.carried and telling.scope.addresses and data.form == spec.files.interface
    address = public_address(data.location, spec.addresses) if told else ""
    return address or filled(shape.page_url, {"code": telling.offer.code})


def _description(telling: _Telling) -> str:
    files, data = telling.specs.ckan.files, telling.data
    said = [files.form_zh.format(form=label("share_mode_type", [data.form], telling.specs))]
    if data.patterns:
        patterns = label("share_pattern", list(data.patterns), telling.specs)
        said += [] if _tells(telling, patterns) else [files.patterns_zh.format(patterns=patterns)]
    if not telling.carried:
        said.append(telling.scope.apply_zh)
    return "；".join(said)


def _schema(telling: _Telling) -> str:
    rows = [_item(item, telling.specs) for item in telling.items]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else ""


def _item(item: Mapping[str, Any], specs: Specs) -> dict[str, str]:
    told = dict[str, str]()
    for row in specs.ckan.items.fields:
        key = row.source.partition(".")[2]
        value = item.get(key)
        told[row.to] = label(f"items.{key}", value, specs) if row.via == "label" else clean(value)
    return {key: text for key, text in told.items() if text}
