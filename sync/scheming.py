"""A schema for portals with ckanext-scheming, made from the specification, so that our fields show as fields there."""

from collections.abc import Iterable, Mapping
from typing import Any

from catalog_specs import Specs, load
from catalog_specs.law_portals import Sending
from catalog_specs.model import FieldSpec

VERSION = 2
# kept as it comes: a portal that refuses a word of ours would refuse the whole dataset
VALIDATORS = "ignore_missing unicode_safe"


def dataset_schema(profile: str | None = None) -> dict[str, Any]:
    """A dataset schema for ckanext-scheming 3 (``scheming.dataset_schemas`` takes it as a JSON file's ``file://``
    address): the portal's own fields under our names, our extras as fields, and those of resources."""
    specs = load(profile)
    spec = specs.ckan
    resource = [row for row in spec.resource if row.to not in spec.scheming.not_fields]
    items = {"field_name": spec.items.to, "label": spec.items.zh, "validators": VALIDATORS}
    return {
        "scheming_version": VERSION,
        "dataset_type": "dataset",
        "about": spec.scheming.about,
        "about_url": "",
        "dataset_fields": [
            *_fields(spec.package, specs),
            *({"field_name": key, "label": zh} for key, zh in spec.left_blank.items()),
            *(_extra(row, specs) for row in spec.extras),
        ],
        "resource_fields": [*_fields(resource, specs, "resource."), items],
    }


def is_ours(schema: Mapping[str, Any]) -> bool:
    """Whether a portal's schema (of ``scheming_dataset_schema_show``) takes all our extras as fields.

    A site's own schema that has our fields among others is one, too.
    """
    fields = schema.get("dataset_fields")
    known = (
        {row.get("field_name") for row in fields if isinstance(row, Mapping)}
        if isinstance(fields, list)
        else set()
    )
    return schema.get("dataset_type") == "dataset" and {row.to for row in load().ckan.extras} <= known


def _fields(rows: Iterable[Sending], specs: Specs, of: str = "") -> list[dict[str, Any]]:
    """The fields of some rows, each once; one without a preset is a plain text."""
    form, found = specs.ckan.scheming, dict[str, dict[str, Any]]()
    for row in rows:
        field = {"field_name": form.names.get(row.to, row.to), "label": _label(row, specs)}
        if preset := form.presets.get(of + row.to):
            field["preset"] = preset
        elif snippet := form.snippets.get(of + row.to):
            field["form_snippet"] = snippet
        elif of:
            field["validators"] = VALIDATORS
        found.setdefault(row.to, field)
    return list(found.values())


def _extra(row: Sending, specs: Specs) -> dict[str, Any]:
    field: dict[str, Any] = {"field_name": row.to, "label": _label(row, specs), "validators": VALIDATORS}
    spec = _spec(row, specs)
    if row.via == "label" and spec is not None and spec.codes:
        words = [value.zh for value in specs.codes[spec.codes].values]
        field["form_snippet"] = "select.html"
        field["choices"] = [{"value": word, "label": word} for word in words]
    if spec is not None and spec.help:
        field["help_text"] = spec.help
    return field


def _label(row: Sending, specs: Specs) -> str:
    spec = _spec(row, specs)
    return row.zh or (spec.zh if spec is not None else row.to)


def _spec(row: Sending, specs: Specs) -> FieldSpec | None:
    owner, _, key = row.source.partition(".")
    return specs.fields.get(key) if owner == "entry" else None
