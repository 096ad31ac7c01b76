"""Findings and needs as they are kept beside a version, and back."""

import re
from collections.abc import Mapping
from typing import Any

from validators.findings import Finding, Need

# what no database takes: NUL (PostgreSQL), half a character (neither)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """A text that every database takes."""
    return _UNSTORABLE.sub("\ufffd", text)


def storable_value(value: Any) -> Any:
    """A JSON value in which every text is one that every database takes."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_value(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable_value(part) for part in value]
    return value


def stored_finding(finding: Finding) -> dict[str, Any]:
    """A finding as kept beside a version; ``restored_finding`` gives it back."""
    return {
        "rule": finding.rule,
        "field": storable(finding.field),
        "item": finding.item,
        "value": storable(finding.value),
        "reason": finding.reason,
        "params": {key: storable(text) for key, text in finding.params.items()},
    }


def restored_finding(row: Mapping[str, Any]) -> Finding:
    """The finding that ``stored_finding`` made a row of."""
    return Finding(row["rule"], row["field"], row["item"], row["value"], row["reason"], row["params"])


def stored_need(need: Need) -> dict[str, Any]:
    """A need as kept beside a version; ``restored_need`` gives it back."""
    params = {key: storable(text) for key, text in need.params.items()}
    return {"need": need.need, "reason": need.reason, "params": params}


def restored_need(row: Mapping[str, Any]) -> Need:
    """The need that ``stored_need`` made a row of."""
    return Need(row["need"], row["reason"], row["params"])
