"""A list as Markdown: a table per list; at the end of a sealed one stands the document that it shows."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from registry.keys import canonical_json
from registry.list_document import ListDocument, ListTable, to_json
from registry.list_files.carried import Carried, document_of, parse
from registry.list_files.json_text import text_of
from registry.list_files.printed import (
    UNSEALED,
    check_text,
    checked_rows,
    head_of,
    headings,
    lined,
    signature_line,
    title_of,
    told,
)

_SPECIAL = re.compile(r"[\\`*_\[\]|~#$]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_CARRIED = "封存数据（供 mulu list verify 核对，请勿改动）"
_FENCE, _END = "```json", "```"
_TOLD = 1000


def write_markdown(document: ListDocument, path: Path) -> None:
    """Write a document as Markdown in UTF-8.

    Raises:
        Rejected: a text holds characters that no page shows.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in markdown_lines(document):
            file.write(line + "\n")


def markdown_lines(document: ListDocument) -> Iterator[str]:
    """The lines of the file."""
    for table in document.lists:
        yield from _table_lines(document, table)
    if document.is_sealed:
        yield from (f"**{_CARRIED}**", "", _FENCE, canonical_json(to_json(document)), _END)


def _table_lines(document: ListDocument, table: ListTable) -> Iterator[str]:
    title = title_of(document, table)
    check_text(title, "标题")
    yield f"# {escaped(title)}"
    yield ""
    for label, text in head_of(document, table):
        check_text(text, label)
        yield f"- {escaped(label)}：{escaped(text)}"
    yield ""
    zh = headings(table)
    yield _line(zh)
    yield "|" + " --- |" * len(zh)
    for _, shown in checked_rows(table):
        yield _line(shown)
    yield from ("", signature_line(), "")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(map(escaped, cells)) + " |"


def escaped(text: str) -> str:
    """A text as Markdown shows it letter for letter in a cell."""
    text = re.sub("[&<>]", lambda found: _ENTITIES[found.group()], lined(text))
    return _SPECIAL.sub(r"\\\g<0>", text).replace("\n", "<br>")


def read_markdown(path: Path) -> Carried:
    """The document that a Markdown file carries, compared with every line of it.

    Raises:
        Rejected: not in UTF-8, or what it carries is damaged.
    """
    # only \n ends a line: a cell may hold what else Unicode calls an end of line
    lines = lined(text_of(path)).split("\n")
    at = next((n for n in range(len(lines) - 1, -1, -1) if lines[n] == _FENCE), -1)
    if at < 0 or at + 1 >= len(lines):
        return Carried(None, [], [UNSEALED] if any(UNSEALED in line for line in lines[:3]) else [])
    document, differences = document_of(parse(lines[at + 1]))
    meant = [*markdown_lines(document), ""]
    for number, (shown, due) in enumerate(zip_longest(lines, meant), 1):
        if shown != due and len(differences) < _TOLD:
            differences += _unlike(number, shown, due)
    return Carried(document, differences, [])


def _unlike(number: int, shown: str | None, meant: str | None) -> Iterator[str]:
    if shown is None or meant is None:
        yield f"第 {number} 行：缺少“{meant}”" if shown is None else f"第 {number} 行：多出“{shown}”"
        return
    ours, theirs = _cells(shown), _cells(meant)
    if not meant.startswith("| ") or len(ours) != len(theirs):
        yield told(f"第 {number} 行", shown, meant)
        return
    for column, (one, other) in enumerate(zip(ours, theirs, strict=True), 1):
        if one != other:
            yield told(f"第 {number} 行第 {column} 列", one, other)
    if ours == theirs:
        yield told(f"第 {number} 行", shown, meant)


def _cells(line: str) -> list[str]:
    return [cell.strip(" ") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
