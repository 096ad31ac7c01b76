"""What CKAN's interface says: refusals with its words and statuses, answers put together from ready JSON."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class Refusal(Exception):
    """An action that is not done: ``error`` is the object of the envelope, or a bare text as CKAN answers to nonsense."""

    def __init__(self, status: int, error: Mapping[str, Any] | str) -> None:
        super().__init__(str(error))
        self.status, self.error = status, error


def not_found(words: str = "") -> Refusal:
    """There is no such thing, or nobody may see it."""
    message = f"Not found: {words}" if words else "Not found"
    return Refusal(404, {"__type": "Not Found Error", "message": message})


def invalid(field: str, words: str) -> Refusal:
    """A parameter is missing or wrong."""
    return Refusal(409, {field: [words], "__type": "Validation Error"})


def bad_parameters(words: str) -> Refusal:
    """Parameters of a search that CKAN refuses."""
    return Refusal(400, {"__type": "Search Query Error", "message": f"Search Query is invalid: {words!r}"})


def bad_search(words: str) -> Refusal:
    """A query that is not understood."""
    return Refusal(409, {"__type": "Search Error", "message": f"Search error: {words}"})


class HasBody(Protocol):
    @property
    def body(self) -> bytes:
        """It as JSON."""


class Raw(bytes):
    """JSON that is ready to be sent."""

    @classmethod
    def listed(cls, entries: Iterable[HasBody]) -> "Raw":
        """The list of some datasets."""
        return cls(b"[" + b",".join(entry.body for entry in entries) + b"]")


def as_json(value: Any) -> bytes:
    """A value, or ready JSON, as it is sent."""
    if isinstance(value, Raw):
        return bytes(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
