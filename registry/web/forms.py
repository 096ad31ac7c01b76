"""Forms of the pages read into what a move takes."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from catalog_specs.law_lifecycle import Move

REASON_ROWS = 4
_TRUE = "1"


def act_data(form: FormData, move: Move) -> dict[str, Any]:
    """What a form gives a move: only what the move takes, and nothing for a field that was left blank."""
    readers = {"hints": _hints, "items": _items, "reasons": _reasons}
    found: dict[str, Any] = {}
    for key in move.takes:
        if move.key == "attach" and key in _ATTACH:
            value = _ATTACH[key](form, key)
        else:
            value = readers[key](form) if key in readers else _text(form, key)
        if value not in ("", [], {}, None):
            found[key] = value
    return found


def _text(form: FormData, key: str) -> str:
    value = form.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _texts(form: FormData, key: str) -> list[str]:
    return [value for value in form.getlist(key) if isinstance(value, str) and value]


def _named(form: FormData, prefix: str) -> dict[str, str]:
    """The fields ``prefix:NAME`` that were filled in."""
    return {
        key.removeprefix(prefix): value.strip()
        for key, value in form.multi_items()
        if key.startswith(prefix) and isinstance(value, str) and value.strip()
    }


def _hints(form: FormData) -> Mapping[str, str]:
    return _named(form, "hint:")


def _items(form: FormData) -> Mapping[str, str]:
    return {name: said for name, said in _named(form, "item:").items() if said != "passed"}


def _reasons(form: FormData) -> list[dict[str, str]]:
    rows = []
    for number in range(REASON_ROWS):
        row = {
            part: _text(form, f"reason{number}:{part}")
            for part in ("field", "item", "phrase", "text", "why_late")
        }
        filled = {key: value for key, value in row.items() if value}
        if filled:
            rows.append(filled)
    return rows


def _opened(form: FormData, key: str) -> bool:
    return _text(form, key) == _TRUE


_ATTACH: dict[str, Any] = {"patterns": _texts, "items": _texts, "opened": _opened}
