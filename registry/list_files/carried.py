"""What a file carries: the document read back, held strictly to the form in which documents are written."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from catalog_specs import load
from registry.errors import Rejected
from registry.keys import canonical_json
from registry.list_document import ListDocument, ListRow, ListTable, from_json, is_erased, to_json

_DIGEST = re.compile("[0-9a-f]{64}")
_DAMAGED = "文件随附的封存数据已损坏（{why}）；向发布单位重新索取文件"
# an edition is a few megabytes; what is larger is none, or is a bomb
_SMALLER = {"unpacked_bytes": 128 << 20, "cells": 2_000_000}


class Carried(NamedTuple):
    """What a file carries, what a reader sees that is not what is carried, and what else is to be said.

    ``document`` is None where the file carries nothing: a live export, or no file of ours.
    """

    document: ListDocument | None
    differences: list[str]
    notes: list[str]


def reading_limits() -> Mapping[str, int]:
    """How large a file may be that is read: the limits of uploaded files, tighter where a bomb would hurt."""
    return load().entry.limits | _SMALLER


def parse(text: str) -> Any:
    """A JSON text, held strictly: no key twice, no NaN.

    Raises:
        Rejected: it is none.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Rejected(_DAMAGED.format(why="不是合法的 JSON")) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def document_of(value: Any) -> tuple[ListDocument, list[str]]:
    """The document in a parsed JSON object, and what stands in the object beside it or otherwise.

    Raises:
        Rejected: it holds no document.
    """
    try:
        document = from_json(value)
    except ValueError as error:
        raise Rejected(_DAMAGED.format(why="不是责任清单的数据")) from error
    for table in document.lists:
        for row in table.rows:
            _check_row(table, row)
    try:
        canonical_json(value).encode()
    except (UnicodeEncodeError, ValueError) as error:
        raise Rejected(_DAMAGED.format(why="含有不成字的字符或不合法的数")) from error
    return document, list(_unlike(value, to_json(document), ""))


def _check_row(table: ListTable, row: ListRow) -> None:
    if is_erased(row):
        fits = (
            len(row.cells) == 1 and _DIGEST.fullmatch(row.cells[0]) and (row.version, row.content) == (0, "")
        )
    else:
        fits = len(row.cells) == len(table.columns)
    if not fits:
        raise Rejected(_DAMAGED.format(why=f"“{table.zh}”有一行的格数与栏目不符"))


def _unlike(value: Any, meant: Any, place: str) -> Iterator[str]:
    """Where two JSON values differ, by their paths."""
    if isinstance(value, dict) and isinstance(meant, dict):
        for key in [*value, *(key for key in meant if key not in value)]:
            inner = f"{place}.{key}" if place else str(key)
            if key not in meant:
                yield f"{inner}：多出的内容，不在封存之列"
            elif key not in value:
                yield f"{inner}：缺少"
            else:
                yield from _unlike(value[key], meant[key], inner)
    elif isinstance(value, list) and isinstance(meant, list) and len(value) == len(meant):
        for number, (one, other) in enumerate(zip(value, meant, strict=True)):
            yield from _unlike(one, other, f"{place}[{number}]")
    elif type(value) is not type(meant) or value != meant:
        yield f"{place}：与按内容应有的不符"
