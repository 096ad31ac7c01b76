"""A list as JSON: the document itself, one line of text for every line of a list, Chinese as it is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from registry.errors import Rejected
from registry.list_document import ListDocument, ListTable, row_json, table_head_json, to_json
from registry.list_files.carried import Carried, document_of, parse, reading_limits
from registry.list_files.printed import UNSEALED, shown_row
from registry.sheets import check_size

_NOT_UTF8 = "文件不是 UTF-8 编码的文本；向发布单位重新索取文件"


def write_json(document: ListDocument, path: Path) -> None:
    """Write a document as JSON in UTF-8, its lines one after the other.

    Raises:
        Rejected: a text holds half of a surrogate pair, which UTF-8 has no form for.
    """
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json_pieces(document))
    except UnicodeEncodeError as error:
        raise Rejected(
            f"清单里有不成字的字符 U+{ord(error.object[error.start]):04X}，不能写入 JSON；改正条目后重新封存"
        ) from error


def json_pieces(document: ListDocument) -> Iterator[str]:
    """The text of the file, piece by piece."""
    shown = to_json(replace(document, lists=()))
    del shown["lists"]
    yield "{\n"
    for key, value in shown.items():
        yield f'  "{key}": {_indented(value, 2)},\n'
    yield '  "lists": ['
    for number, table in enumerate(document.lists):
        yield ",\n" if number else "\n"
        yield from _table(table)
    yield "\n  ]\n}\n"


def _table(table: ListTable) -> Iterator[str]:
    yield "    {\n"
    for key, value in table_head_json(table).items():
        yield f'      "{key}": {_indented(value, 6)},\n'
    yield '      "lines": ['
    for number, row in enumerate(table.rows):
        shown_row(table, row)
        yield ",\n" if number else "\n"
        yield f"        {json.dumps(row_json(row), ensure_ascii=False)}"
    yield "\n      ]\n    }"


def _indented(value: Any, by: int) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False).replace("\n", "\n" + " " * by)


def read_json(path: Path) -> Carried:
    """The document in a JSON file; what stands there beside it is a difference.

    Raises:
        Rejected: no JSON, or no list.
    """
    document, differences = document_of(parse(text_of(path)))
    return Carried(document, differences, [] if document.is_sealed else [UNSEALED])


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, with its line ends as they are.

    Raises:
        Rejected: it is not in UTF-8, or too large.
    """
    check_size(path, reading_limits()["unpacked_bytes"])
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise Rejected(_NOT_UTF8) from error
