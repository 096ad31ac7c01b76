"""The JSON Schema of an entry, made from the field specification; ``mulu schema`` and the API give it out."""

from typing import Any

from catalog_specs import Specs
from catalog_specs.model import FieldSpec, FieldType

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def entry_schema(specs: Specs) -> dict[str, Any]:
    """The schema of one entry as stored (codes, not labels), with Chinese titles and help.

    It describes shapes and code lists. What fields ask of one another stays with the rules.
    """
    items = {
        "type": "object",
        "properties": {spec.key: field_schema(spec, specs) for spec in specs.entry.items},
        "required": ["item_name"],
        "additionalProperties": False,
    }
    properties = {spec.key: field_schema(spec, specs) for spec in specs.entry.fields}
    return {
        "$schema": DIALECT,
        "$id": f"urn:mulu:entry:{specs.profile.key}:{specs.digest[:16]}",
        "title": "政务数据目录条目",
        "type": "object",
        "properties": properties | {"items": {"title": "信息项", "type": "array", "items": items}},
        "required": ["resource_name", "provider_code"],
        "additionalProperties": False,
    }


def field_schema(spec: FieldSpec, specs: Specs) -> dict[str, Any]:
    """The schema of one field."""
    about = {"title": spec.zh, **({"description": spec.help} if spec.help else {})}
    return about | _shape(spec, specs)


def _shape(spec: FieldSpec, specs: Specs) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"} | ({"maxLength": spec.max_len} if spec.max_len else {})
    match spec.type:
        case FieldType.TEXT:
            return text | ({"pattern": f"^(?:{spec.pattern})$"} if spec.pattern else {})
        case FieldType.ENUM:
            return text if spec.open_codes else _codes(spec, specs)
        case FieldType.ENUM_LIST:
            return {"type": "array", "items": text if spec.open_codes else _codes(spec, specs)}
        case FieldType.TEXT_LIST | FieldType.CATEGORY:
            return {"type": "array", "items": text}
        case FieldType.DATE:
            return {"type": "string", "format": "date"}
        case FieldType.BOOLEAN:
            return {"type": "boolean"}
        case FieldType.INTEGER:
            return {"type": "integer", "minimum": spec.min_value, "maximum": spec.max_value}
        case FieldType.RECORD:
            return _record(spec)
        case FieldType.BASIS | FieldType.RECORDS:
            return {"type": "array", "items": _record(spec)}


def _codes(spec: FieldSpec, specs: Specs) -> dict[str, Any]:
    return {"oneOf": [{"const": value.code, "title": value.zh} for value in specs.codes[spec.codes].values]}


def _record(spec: FieldSpec) -> dict[str, Any]:
    parts = {
        part.key: {"title": part.zh}
        | ({"type": "array", "items": {"type": "string"}} if part.is_list else {"type": "string"})
        for part in spec.parts
    }
    required = [part.key for part in spec.parts if part.required]
    return {"type": "object", "properties": parts, "required": required, "additionalProperties": False}
