"""A responsibility list as a document: what was sealed, or how it stands now. Every cell is a text, as it is printed.

Because a line is made of printed texts alone, whoever holds an exported table can make the sealed lines from what he
sees, and so their digests. Nothing here knows the database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from registry.keys import digest_of

FORMAT = "mulu-list-edition/1"
# how the files of sealed lists are laid out; issued ones must verify for years, so each layout is kept
LAYOUT = 1
MARK_KEYS = frozenset({"algorithm", "key", "at", "signature"})
CODE_LENGTH, CODE_GROUP = 20, 4
# what a line shows beside its columns, so that it can be led back to what was announced
LINKS = (("entry", "条目编号"), ("version", "版本号"), ("content", "版本内容摘要"))
HEAD = (
    ("agency_name", "单位"),
    ("agency_code", "统一社会信用代码"),
    ("edition", "期次"),
    ("basis", "依据"),
    ("sealed_on", "封存日期"),
    ("sealed_by", "封存人"),
)


class ListColumn(NamedTuple):
    """A column: its key in responsibility.yaml, its heading, and whether the article or the annex has it."""

    key: str
    zh: str
    part: Literal["article", "annex"]


class ListRow(NamedTuple):
    """One line: the entry (its key), the version and the digest of its content, and a text for every column."""

    entry: str
    version: int
    content: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListTable:
    """One list. ``rows`` of a live one may be a generator: then they can be read once, and memory stays bounded."""

    key: str
    zh: str
    platform: str
    columns: tuple[ListColumn, ...]
    rows: Iterable[ListRow]


@dataclass(frozen=True, slots=True)
class ListDocument:
    """Lists of one agency as sealed, or of anything as they stand.

    ``head`` holds texts under the keys of ``HEAD`` and is empty of ``edition`` for what is not sealed; ``title`` is
    what a page is headed with; ``as_of`` the day (2026-11-22) on which a live list was made. ``digest``, ``mark``
    and ``proof`` belong to a sealed one; ``erasure`` vouches for lines whose content was erased since: ``lines``
    are their digests, ``mark`` a mark over ``erasure_digest``.
    """

    title: str
    head: Mapping[str, str]
    lists: tuple[ListTable, ...]
    as_of: str = ""
    digest: str = ""
    mark: Mapping[str, Any] | None = None
    proof: Mapping[str, Any] | None = field(default=None)
    erasure: Mapping[str, Any] | None = field(default=None)

    @property
    def is_sealed(self) -> bool:
        return bool(self.digest)

    @property
    def code(self) -> str:
        """The verification code; empty for what is not sealed."""
        return code_of(self.digest) if self.digest else ""


def code_of(digest: str) -> str:
    """The verification code of a digest: its first 80 bits, in groups that can be read out."""
    short = digest[:CODE_LENGTH].upper()
    return "-".join(short[n : n + CODE_GROUP] for n in range(0, CODE_LENGTH, CODE_GROUP))


def row_digest(list_key: str, row: ListRow) -> str:
    """The SHA-256 of one line, in hexadecimal."""
    return digest_of(
        {
            "list": list_key,
            "entry": row.entry,
            "version": row.version,
            "content": row.content,
            "cells": list(row.cells),
        }
    )


def document_digest(document: ListDocument) -> str:
    """The SHA-256 of a document: its title, head, columns, and the digests of its lines in their order.

    A line whose content was erased takes part by the digest that it had.
    """
    return digest_of(
        {
            "format": FORMAT,
            "title": document.title,
            "head": dict(document.head),
            "lists": [_listed(table) for table in document.lists],
        }
    )


def _listed(table: ListTable) -> dict[str, Any]:
    return {
        "key": table.key,
        "zh": table.zh,
        "platform": table.platform,
        "columns": [list(column) for column in table.columns],
        "lines": [digest_in(table.key, row) for row in table.rows],
    }


def digest_in(list_key: str, row: ListRow) -> str:
    """The digest by which a line takes part: its own, or the one kept of an erased line."""
    return row.cells[0] if is_erased(row) else row_digest(list_key, row)


def erased_row(list_key: str, row: ListRow) -> ListRow:
    """The line without its content: its digest stays, so that the edition still verifies."""
    return ListRow("", 0, "", (digest_in(list_key, row),))


def erasure_digest(digest: str, lines: Iterable[str]) -> str:
    """What a mark over the erasure of some lines (their digests) of a sealed document is made of."""
    return digest_of({"format": FORMAT, "edition": digest, "erased": sorted(lines)})


def is_erased(row: ListRow) -> bool:
    """Whether the content of a line was erased."""
    return not row.entry


def to_json(document: ListDocument) -> dict[str, Any]:
    """A document as a JSON object; rows of generators are read."""
    shown: dict[str, Any] = {
        "format": FORMAT,
        "title": document.title,
        "head": dict(document.head),
        "as_of": document.as_of,
        "lists": [table_json(table) for table in document.lists],
    }
    if document.is_sealed:
        shown |= {
            "layout": LAYOUT,
            "digest": document.digest,
            "code": document.code,
            "mark": dict(document.mark) if document.mark else None,
            "proof": dict(document.proof) if document.proof else None,
        }
        shown |= {"erasure": dict(document.erasure)} if document.erasure else {}
    return shown


def table_json(table: ListTable) -> dict[str, Any]:
    """One list as a JSON object."""
    return table_head_json(table) | {"lines": [row_json(row) for row in table.rows]}


def table_head_json(table: ListTable) -> dict[str, Any]:
    """A list as a JSON object, without its lines."""
    columns = [column._asdict() for column in table.columns]
    return {"key": table.key, "zh": table.zh, "platform": table.platform, "columns": columns}


def row_json(row: ListRow) -> dict[str, Any]:
    """One line as a JSON object."""
    return {"entry": row.entry, "version": row.version, "content": row.content, "cells": list(row.cells)}


def from_json(value: Any) -> ListDocument:
    """A document from what ``to_json`` gave.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT or value.get("layout", LAYOUT) != LAYOUT:
        raise ValueError("no list document")
    try:
        tables = tuple(_table(part) for part in value["lists"])
        head = {str(key): _text(text) for key, text in value["head"].items()}
        mark, proof, erasure = (_object(value.get(key)) for key in ("mark", "proof", "erasure"))
        texts = {key: _text(value.get(key) or "") for key in ("title", "as_of", "digest")}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no list document") from error
    return ListDocument(
        title=texts["title"],
        head=head,
        lists=tables,
        as_of=texts["as_of"],
        digest=texts["digest"],
        mark=mark,
        proof=proof,
        erasure=erasure,
    )


def _table(value: Mapping[str, Any]) -> ListTable:
    columns = tuple(_column(c) for c in value["columns"])
    return ListTable(
        key=_text(value["key"]),
        zh=_text(value["zh"]),
        platform=_text(value["platform"]),
        columns=columns,
        rows=tuple(_rows(value["lines"])),
    )


def _column(value: Mapping[str, Any]) -> ListColumn:
    part = value["part"]
    if part not in ("article", "annex"):
        raise TypeError("no part of a list")
    return ListColumn(_text(value["key"]), _text(value["zh"]), part)


def _rows(lines: Sequence[Mapping[str, Any]]) -> Iterator[ListRow]:
    for line in lines:
        version = line["version"]
        if type(version) is not int:
            raise TypeError("no number")
        cells = tuple(_text(cell) for cell in line["cells"])
        yield ListRow(_text(line["entry"]), version, _text(line["content"]), cells)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _object(value: Any) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise TypeError("no object")
    return value
