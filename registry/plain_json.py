"""Rows of an answer as plain JSON values: days and moments in ISO 8601, tuples as lists."""

import json
from collections.abc import Iterator, Mapping
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
    found: dict[str, Any] = plain_value(asdict(answer))
    return found


def plain_value(value: Any) -> Any:
    """Lists and mappings with days and moments in them, as JSON has them.

    Raises:
        TypeError: it holds something that JSON has no form for.
    """
    return json.loads(json.dumps(value, default=_text))


def texts_in(value: Any, *, keys: bool = False) -> Iterator[str]:
    """All texts in a JSON value, those of its keys too if they are asked for."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if keys:
                yield str(key)
            yield from texts_in(part, keys=keys)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part, keys=keys)


def _text(value: object) -> str:
    if isinstance(value, date):  # a moment is one, too
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")
