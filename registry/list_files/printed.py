"""What every format of a list shows: headings, the head, cells and signatures. Writers and readers share it.

A file is genuine when what stands in it is what would be printed of the document that it carries.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from registry.errors import Rejected
from registry.list_document import HEAD, LINKS, ListDocument, ListRow, ListTable, digest_in, is_erased
from registry.workbook_cells import column_letters

UNSEALED = "实时（未封存）"
GROUPS = {"article": "条文栏目", "annex": "附栏", "links": "追溯"}
SIGNATURES = ("单位（盖章）", "负责人（签字）", "日期")
# what neither XML nor a page can hold; tabs and line ends are fine
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def title_of(document: ListDocument, table: ListTable) -> str:
    """The title over one list; of a live document it says that nothing was sealed."""
    title = document.title if table.zh in document.title else f"{document.title}　{table.zh}"
    return title if document.is_sealed else f"{title}　{UNSEALED}"


def head_of(document: ListDocument, table: ListTable) -> list[tuple[str, str]]:
    """Labels and texts of the head of one list: agency, edition, sealed date, platform, verification code."""
    known = dict(HEAD)
    shown = [(known.get(key, key), document.head[key]) for key in _ordered(document.head)]
    shown += [("平台", table.platform), ("截至", document.as_of), ("校验码", document.code)]
    return [(label, text) for label, text in shown if text]


def _ordered(keys: Iterable[str]) -> list[str]:
    places = {key: place for place, (key, _) in enumerate(HEAD)}
    return sorted(keys, key=lambda key: (places.get(key, len(places)), key))


def head_line(document: ListDocument, table: ListTable) -> str:
    """The head as one line of text."""
    return "　".join(f"{label}：{text}" for label, text in head_of(document, table))


def signature_line() -> str:
    """The block for seal and signature as one line of text."""
    return "".join(f"{label}：{'　' * 10}" for label in SIGNATURES).rstrip()


def headings(table: ListTable) -> list[str]:
    """The headings of a list's columns, the links to what was announced last."""
    return [*(column.zh for column in table.columns), *(zh for _, zh in LINKS)]


def groups(table: ListTable) -> list[tuple[str, int]]:
    """What stands over the headings: the groups of columns, and how many columns each has."""
    parts = [*(column.part for column in table.columns), *("links" for _ in LINKS)]
    return [(GROUPS[part], len(list(listed))) for part, listed in groupby(parts)]


def shown_row(table: ListTable, row: ListRow) -> list[str]:
    """The texts of one line under ``headings``; an erased line says so and shows its digest.

    Raises:
        Rejected: the line has not a text for every column.
    """
    if is_erased(row):
        said = f"内容已依法删除，仅存行摘要 {digest_in(table.key, row)}"
        return [said, *("" for _ in headings(table)[1:])]
    if len(row.cells) != len(table.columns):
        raise Rejected(
            f"“{table.zh}”条目 {row.entry} 的一行有 {len(row.cells)} 格，清单有 {len(table.columns)} 栏；重新生成清单"
        )
    return [*row.cells, row.entry, str(row.version), row.content]


def checked_rows(table: ListTable) -> Iterator[tuple[ListRow, list[str]]]:
    """The lines of a list with their texts, each fit for paper.

    Raises:
        Rejected: a text holds a character that no page shows; it names line and column.
    """
    zh = headings(table)
    for number, row in enumerate(table.rows, 1):
        shown = shown_row(table, row)
        for column, text in enumerate(shown):
            check_text(text, f"“{table.zh}”第 {number} 行“{zh[column]}”")
        yield row, shown


def check_text(text: str, place: str) -> None:
    """Refuse a text with characters that no page shows: control characters, halves of surrogate pairs."""
    found = _UNPRINTABLE.search(text)
    if found:
        raise Rejected(
            f"{place}含有不可打印的字符 U+{ord(found.group()):04X}，不能写入文件；改正条目后重新封存，或导出 .json"
        )


def lined(text: str) -> str:
    """A text with every line end as \\n, which is what XML and Markdown files keep of it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def told(place: str, shown: str, meant: str) -> str:
    """The difference at a place: what is shown there and what was sealed."""
    return f"{place}：显示“{_short(shown)}”，封存的是“{_short(meant)}”"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}……（共 {len(text)} 字）"


def cell_name(sheet: str, row: int, column: int) -> str:
    """A cell as people name it, row and column from 0: 数据共享责任清单!C7."""
    return f"{sheet}!{column_letters(column)}{row + 1}"
