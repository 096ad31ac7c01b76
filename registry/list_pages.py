"""A responsibility list as data of its page template: every text that a reader of the PDF sees, in its place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from io import BytesIO
from itertools import islice
from typing import Any, NamedTuple

from registry.errors import Rejected, TooLarge
from registry.list_document import (
    HEAD,
    LAYOUT,
    LINKS,
    ListColumn,
    ListDocument,
    ListRow,
    ListTable,
    is_erased,
)
from registry.typeset import beyond_fonts, typesetter

TEMPLATE = "responsibility_list"
# 1.5 GB of memory and ten seconds; above that a table serves better than pages
MOST_LINES = 5_000
SHORT_DIGEST = 16
QR_FILE = "qr.svg"
VERIFY_URL = "verify_url"
LIVE = "实时清单（未封存，仅供查阅）"
ERASED = "内容已删除，仅存行摘要："
_DAY = re.compile(r"(\d{4})\D+(\d{1,2})\D+(\d{1,2})\D*")
_SAYS = (
    "本段为完整性校验，只说明本文件所附清单自封存以来未经改动，不是法定印章；"
    "法定印章以市级 CA 电子印章或者盖章扫描件为准。核对：mulu list verify 本文件。"
)
_RARE = "下列字符不在随附字体之内，借用制表所用机器的字体；没有字形的写作〔U+码位〕："
_BLANKS = ("单位（盖章）：", "负责人（签字）：", "日期：　　　　年　　月　　日")
# in characters: what fits on a line of the table, the widest that a column asks for, and the air beside a heading
_LINE, _WIDEST, _AIR = 72.0, 50.0, 1.5


class Pages(NamedTuple):
    """What the template is given: ``data`` as JSON values, ``images`` by file name."""

    data: dict[str, Any]
    images: dict[str, bytes]


def with_lines(document: ListDocument) -> ListDocument:
    """The document with its lines in memory; those of generators are read.

    Raises:
        TooLarge: there are more than ``MOST_LINES`` of them.
    """
    left, tables = MOST_LINES, []
    for table in document.lists:
        rows = tuple(islice(table.rows, left + 1))
        left -= len(rows)
        tables.append(replace(table, rows=rows))
        if left < 0:
            raise TooLarge(f"清单超过 {MOST_LINES} 行，不宜排成 PDF；请按单位分别导出，或者导出 XLSX、CSV")
    return replace(document, lists=tuple(tables))


def pages_of(document: ListDocument) -> Pages:
    """The data of the template for a document whose lines are in memory.

    Raises:
        Rejected: a line has other cells than its list has columns.
        Unavailable: typst is not installed.
    """
    sealed, agency = document.is_sealed, document.head.get("agency_name", "")
    edition = document.head.get("edition", "")
    under = f"校验码 {document.code}" if sealed else f"实时清单　{document.as_of}"
    data = {
        "title": document.title,
        "author": agency,
        "made_by": f"Mulu list layout {LAYOUT}; {typesetter()}",
        "keywords": [text for text in (edition, document.code) if text],
        "date": _day(document.head.get("sealed_on", "") or document.as_of),
        "live": None if sealed else LIVE,
        "head": _head(document),
        "qr": sealed,
        "qr_alt": f"校验码 {document.code}",
        "qr_zh": document.code,
        "lists": [_list(document, table) for table in document.lists],
        "nothing": "本清单没有条目。",
        "footer": {"left": f"{agency}　{edition}".strip(), "right": under},
        "rare": _rare(document),
        "seal": _seal(document) if sealed else None,
    }
    return Pages(data, {QR_FILE: _qr(qr_text(document))} if sealed else {})


def qr_text(document: ListDocument) -> str:
    """What the code to scan says: the address to verify at, where one is known, or the digest."""
    return document.head.get(VERIFY_URL) or f"mulu:list:{document.digest}"


def _qr(text: str) -> bytes:
    # only needed when pages are made
    import segno

    drawn = BytesIO()
    try:
        segno.make(text, error="m", micro=False).save(drawn, kind="svg", border=2, xmldecl=False)
    except ValueError as error:
        raise Rejected(
            "核验网址不能做成二维码（太长，或者有不成字的字符）；改短核验网址后重新封存"
        ) from error
    return drawn.getvalue()


def _day(text: str) -> list[int] | None:
    """Year, month and day of a date however it is written, for the metadata."""
    if not (found := _DAY.fullmatch(text)):
        return None
    year, month, day = (int(part) for part in found.groups())
    try:
        date(year, month, day)
    except ValueError:
        return None
    return [year, month, day]


def _head(document: ListDocument) -> list[list[str]]:
    pairs = [[zh, document.head[key]] for key, zh in HEAD if document.head.get(key)]
    return (
        [*pairs, ["校验码", document.code]] if document.is_sealed else [*pairs, ["制表日期", document.as_of]]
    )


def _seal(document: ListDocument) -> dict[str, Any]:
    mark = document.mark or {}
    facts = [
        ["清单摘要", f"SHA-256　{document.digest}"],
        ["校验标记", _marked(mark) if mark else "没有加校验标记"],
    ]
    if url := document.head.get(VERIFY_URL):
        facts.append(["核验网址", url])
    return {"blanks": list(_BLANKS), "title": "完整性校验", "facts": facts, "says": _SAYS}


def _marked(mark: Mapping[str, Any]) -> str:
    return f"算法 {mark.get('algorithm', '')}　密钥指纹 {str(mark.get('key', ''))[:SHORT_DIGEST]}"


def _list(document: ListDocument, table: ListTable) -> dict[str, Any]:
    rows, article = tuple(table.rows), _places(table.columns, "article")
    annex = _places(table.columns, "annex")
    heads = [table.columns[at].zh for at in article]
    return {
        "title": None if table.zh == document.title else table.zh,
        "under": f"平台：{table.platform}" if table.platform else None,
        "heads": ["序号", *heads],
        "widths": _widths(heads, [[_cell(row, at) for row in rows] for at in article]),
        "rows": [_row(table, row, number, (article, annex)) for number, row in enumerate(rows, 1)],
    }


def _places(columns: Sequence[ListColumn], part: str) -> list[int]:
    return [at for at, column in enumerate(columns) if column.part == part]


def _row(table: ListTable, row: ListRow, number: int, places: tuple[list[int], list[int]]) -> dict[str, Any]:
    if is_erased(row):
        return {"no": str(number), "cells": None, "annex": [[ERASED, row.cells[0]]]}
    if len(row.cells) != len(table.columns):
        raise Rejected(
            f"“{table.zh}”第 {number} 行有 {len(row.cells)} 格，清单有 {len(table.columns)} 栏；请重新封存或者导出"
        )
    article, annex = places
    pairs = [[f"{table.columns[at].zh}：", row.cells[at]] for at in annex if row.cells[at]]
    return {"no": str(number), "cells": [row.cells[at] for at in article], "annex": pairs + _links(row)}


def _links(row: ListRow) -> list[list[str]]:
    texts = {"entry": row.entry, "version": str(row.version), "content": row.content[:SHORT_DIGEST]}
    return [[f"{zh}：", texts[key]] for key, zh in LINKS]


def _cell(row: ListRow, at: int) -> str:
    return "" if is_erased(row) or at >= len(row.cells) else row.cells[at]


def _widths(heads: Sequence[str], columns: Sequence[Sequence[str]]) -> list[float]:
    """A share of the line for every column: room for its heading, and of what is left as its texts need."""
    least = [_length(head) + _AIR for head in heads]
    typical = [sum(map(_length, texts)) / len(texts) if texts else 0.0 for texts in columns]
    wanted = [max(0.0, min(text, _WIDEST) - room) for text, room in zip(typical, least, strict=True)]
    share = min(1.0, max(0.0, _LINE - sum(least)) / (sum(wanted) or 1.0))
    return [round(room + share * more, 2) for room, more in zip(least, wanted, strict=True)]


def _length(text: str) -> float:
    """The length of a text in Chinese characters; of Latin letters two make one."""
    return sum(0.55 if c.isascii() else 1.0 for c in text)


def rare_in(document: ListDocument) -> str:
    """The characters of a document that our own fonts lack, each once."""
    texts = [document.title, *document.head.values()]
    texts += [text for table in document.lists for row in table.rows for text in (*row.cells, row.entry)]
    return beyond_fonts(texts)


def _rare(document: ListDocument) -> str | None:
    found = rare_in(document)
    return _RARE + "、".join(found) if found else None
