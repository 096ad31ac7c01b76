"""Rows of an answer as plain JSON values: days and moments in ISO 8601, tuples as lists."""

import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def plain_json(answer: "DataclassInstance") -> dict[str, Any]:
    """A dataclass, with all it holds, as JSON has it.

    Raises:
        TypeError: it holds something that JSON has no form for.
    """
    found: dict[str, Any] = json.loads(json.dumps(asdict(answer), default=_text))
    return found


def _text(value: object) -> str:
    if isinstance(value, date):  # a moment is one, too
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")
