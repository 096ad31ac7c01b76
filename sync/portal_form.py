"""What of a dataset is ours to compare: one form for what is desired and for what a portal shows (CKAN 2.10 to 2.12)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog_specs import load
from catalog_specs.law_portals import Sending
from sync.shape import Shape, resource_id
from sync.values import moment

SHOWN = 80
UPLOADED = "upload"
REGISTRY, SCOPE, ENTRY = "target.registry", "target.scope", "target.entry"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in words and its two values, shortened; an empty one is where there is none."""

    field: str
    old: str
    new: str


def portal_form(package: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """What of a dataset is ours to compare, in one form for what is desired and for what a portal shows.

    Its id is left out (it is by what a dataset is found), and so is what a portal changes by itself.
    """
    spec, found = load().ckan, _extras(package)
    ours = {row.to for row in spec.extras}
    texts = {row.to for row in spec.package if row.via != "tags"} | set(spec.left_blank)
    form: dict[str, Any] = {key: _text(package.get(key)) for key in sorted(texts - {"owner_org"})}
    return form | {
        "owner_org": _owner(package),
        "private": _is_true(package.get("private")),
        "state": _text(package.get("state")) or "active",
        "type": _text(package.get("type")) or "dataset",
        "tags": sorted({_text(tag.get("name")) for tag in _rows(package.get("tags"))}),
        "groups": sorted({_text(group.get("name")) for group in _rows(package.get("groups"))}),
        "extras": {key: found[key] for key in sorted(ours & found.keys()) if found[key]},
        "foreign_extras": sorted([key, found[key]] for key in found.keys() - ours),
        **_resources(package, shape),
    }


def is_ours(package: Mapping[str, Any], shape: Shape) -> bool:
    """Whether a dataset says that it is of this registry and of this scope."""
    found, keys = _extras(package), load().ckan.extra_keys
    return (found.get(keys[REGISTRY]), found.get(keys[SCOPE])) == (shape.registry, shape.scope)


def entry_of(package: Mapping[str, Any]) -> str | None:
    """The id of the entry that a dataset says it shows; None when it says none."""
    return _extras(package).get(load().ckan.extra_keys[ENTRY]) or None


def _extras(package: Mapping[str, Any]) -> dict[str, str]:
    """Extras as texts by key; those that a portal with a schema of ours shows as fields are among them."""
    listed = {_text(row.get("key")): _text(row.get("value")) for row in _rows(package.get("extras"))}
    keys = (row.to for row in load().ckan.extras)
    return listed | {key: _text(package[key]) for key in keys if package.get(key) not in (None, "")}


def _resources(package: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    rows = [row for row in load().ckan.resource if row.compared]
    ours: list[dict[str, Any]] = []
    foreign: list[str] = []
    for resource in _rows(package.get("resources")):
        key = _text(resource.get("id"))
        if key == resource_id(shape.registry, shape.scope, _text(resource.get("mulu_distribution"))):
            ours.append(_resource(resource, rows))
        else:
            foreign.append(key)
    return {"resources": sorted(ours, key=lambda one: str(one["id"])), "foreign_resources": sorted(foreign)}


def _resource(resource: Mapping[str, Any], rows: list[Sending]) -> dict[str, Any]:
    form: dict[str, Any] = {row.to: _value(resource.get(row.to), row.via) for row in rows}
    form[load().ckan.items.to] = _schema(resource.get(load().ckan.items.to))
    if form["url_type"] == UPLOADED:
        form["url"] = ""
    form["format"] = str(form["format"]).upper()  # a portal writes the formats that it knows in its own way
    return form


def _value(value: Any, via: str) -> str | int | None:
    if via == "number":
        text = _text(value)
        return int(text) if text.isdecimal() else None
    return _moment(value) if via == "datetime" else _text(value)


def _schema(value: Any) -> str:
    """Items as one text; a portal that has read the JSON gives a list."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _text(value)


def _moment(value: Any) -> str:
    text = _text(value)
    try:
        return moment(datetime.fromisoformat(text)) if text else ""
    except ValueError:
        return text


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.replace("\r\n", "\n") if isinstance(value, str) else str(value)


def _is_true(value: Any) -> bool:
    return str(value).lower() in {"true", "1"}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _owner(package: Mapping[str, Any]) -> str:
    """An organization by its name; a portal gives its id there and its name beside."""
    beside = package.get("organization")
    named = _text(beside.get("name")) if isinstance(beside, Mapping) else ""
    return named or _text(package.get("owner_org"))


# ---- differences ------------------------------------------------------------------------------------------


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Difference]:
    """What two portal forms differ in, in words; None (no dataset) has no fields."""
    old, new = _flat(before or {}), _flat(after or {})
    return [
        Difference(field, _short(old.get(field, "")), _short(new.get(field, "")))
        for field in {**old, **new}
        if old.get(field, "") != new.get(field, "")
    ]


def _flat(form: Mapping[str, Any]) -> dict[str, str]:
    """A portal form as texts by the words of their fields."""
    words, flat = _words(), dict[str, str]()
    for key, value in form.items():
        if key == "resources":
            flat.update(_flat_resources(value))
        elif key == "extras":
            flat |= {words.get(extra, extra): str(text) for extra, text in value.items()}
        elif key == "foreign_extras":
            flat |= {f"{words[key]} {extra}": str(text) for extra, text in value}
        else:
            flat[words.get(key, key)] = "、".join(map(str, value)) if isinstance(value, list) else str(value)
    return flat


def _flat_resources(resources: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    spec = load().ckan
    words = {row.to: row.zh for row in spec.resource} | {spec.items.to: spec.items.zh}
    for one in resources:
        for key, value in one.items():
            yield f"资源 {one['id']} {words[key]}", "" if value is None else str(value)


def _words() -> dict[str, str]:
    specs = load()
    rows = (*specs.ckan.package, *specs.ckan.extras)
    named = {row.to: row.zh or specs.fields[row.source.partition(".")[2]].zh for row in rows}
    own = {
        "private": "不公开", "state": "状态", "type": "类型", "groups": "门户主题组",
        "foreign_extras": "门户附加项", "foreign_resources": "门户另加的资源",
    }  # fmt: skip
    return named | dict(specs.ckan.left_blank) | own


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
