"""Stored values written as cells: what is written here is read back by ``reading`` as the same value."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from catalog_specs import Specs
from catalog_specs.model import FieldSpec, FieldType
from validators.basis import write_basis
from validators.reading import write_record

Render = Callable[[Any], str]
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def renderer(spec: FieldSpec, specs: Specs) -> Render:
    """A function from a stored value of the field to its cell text; an empty text for a missing value."""
    labels = {v.code: v.zh for v in specs.codes[spec.codes].values} if spec.codes else {}

    def label(value: Any) -> str:
        return labels.get(value, str(value)) if isinstance(value, str) else str(value)

    kinds: Mapping[FieldType, Render] = {
        FieldType.BOOLEAN: lambda v: "是" if v is True else "否" if v is False else str(v),
        FieldType.ENUM: label,
        FieldType.ENUM_LIST: lambda v: "、".join(map(label, _listed(v))),
        FieldType.TEXT_LIST: lambda v: "、".join(map(str, _listed(v))),
        FieldType.CATEGORY: lambda v: "；".join(map(str, _listed(v))),
        FieldType.BASIS: lambda v: "\n".join(write_basis(row) for row in _rows(v)),
        FieldType.RECORD: lambda v: _record(spec, v),
        FieldType.RECORDS: lambda v: "；".join(_record(spec, row) for row in _rows(v)),
    }
    plain = kinds.get(spec.type, str)
    return lambda value: "" if value is None else plain(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row if isinstance(row, dict) else {"text": str(row)} for row in _listed(value)]


def _record(spec: FieldSpec, value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return write_record({part.key: value.get(part.key) for part in spec.parts})


def guard_formula(text: str) -> str:
    """A CSV cell that a spreadsheet will not run as a formula: ' before a leading = + - @."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard_formula(text: str) -> str:
    """The cell text without the guard; undoes ``guard_formula`` and nothing else."""
    return text[1:] if _GUARDED.match(text) else text
