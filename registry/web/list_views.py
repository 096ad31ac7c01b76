"""Responsibility lists as the pages show them: one table at a time, the article's columns, then the annex of a line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from registry.errors import NotFound
from registry.list_document import ListColumn, ListDocument, ListRow, ListTable, digest_in, is_erased

PAGE = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """What is said of a line's shelf: a class of the style sheet, the words."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class LineView:
    """One line: where it leads, its cells of the article, the annex as (heading, text), its digest."""

    entry: str
    version: int
    content: str
    digest: str
    code: str
    article: tuple[str, ...]
    annex: tuple[tuple[str, str], ...]
    mark: Mark | None
    erased: bool


@dataclass(frozen=True, slots=True)
class ListView:
    """One list on a page: ``tabs`` are (key, name, lines, overdue) of all lists, ``lines`` those of this page."""

    key: str
    zh: str
    platform: str
    article: tuple[str, ...]
    tabs: tuple[tuple[str, str, int, int], ...]
    lines: tuple[LineView, ...]
    total: int
    debts: bool
    page: int
    pages: int

    def query(self, **changes: Any) -> str:
        """The query of an address that shows the same list otherwise."""
        asked = {"list": self.key, "debts": "1" if self.debts else "", "page": self.page} | changes
        return urlencode({key: value for key, value in asked.items() if value not in ("", None, 1)})


def list_view(document: ListDocument, only: str | None, *, debts: bool, page: int) -> ListView:
    """One list of a document: the first unless ``only`` names one; ``debts``: only lines that are overdue.

    Raises:
        NotFound: the document has no such list.
    """
    tables = [(table, tuple(table.rows)) for table in document.lists]
    chosen = next(((t, rows) for t, rows in tables if only in (None, "", t.key)), None)
    if chosen is None:
        raise NotFound(f"没有“{only}”这种清单；可用：{'、'.join(table.key for table, _ in tables)}")
    table, rows = chosen
    shown = [row for row in rows if not debts or _owed(table.columns, row) > 0]
    pages = max(1, -(-len(shown) // PAGE))
    page = min(max(page, 1), pages)
    part = shown[(page - 1) * PAGE : page * PAGE]
    return ListView(
        table.key,
        table.zh,
        table.platform,
        tuple(column.zh for column in table.columns if column.part == "article"),
        tuple((t.key, t.zh, len(every), _overdue(t.columns, every)) for t, every in tables),
        tuple(_line(table, row) for row in part),
        len(shown),
        debts,
        page,
        pages,
    )


def _overdue(columns: Sequence[ListColumn], rows: Iterable[ListRow]) -> int:
    return sum(_owed(columns, row) > 0 for row in rows)


def _cells(columns: Sequence[ListColumn], row: ListRow) -> Mapping[str, str]:
    if is_erased(row):
        return {}
    return {column.key: cell for column, cell in zip(columns, row.cells, strict=True)}


def _owed(columns: Sequence[ListColumn], row: ListRow) -> int:
    said = _cells(columns, row).get("days_owed", "")
    return int(said) if said.isascii() and said.isdecimal() else 0


def _line(table: ListTable, row: ListRow) -> LineView:
    known = _cells(table.columns, row)
    pairs = [(column, known[column.key]) for column in table.columns if column.key in known]
    return LineView(
        row.entry,
        row.version,
        row.content,
        digest_in(table.key, row),
        known.get("resource_code", ""),
        tuple(cell for column, cell in pairs if column.part == "article"),
        tuple((column.zh, cell) for column, cell in pairs if column.part == "annex" and cell),
        _mark(known) if known else None,
        is_erased(row),
    )


def _mark(known: Mapping[str, str]) -> Mark | None:
    """How the shelf of a line stands, as its annex tells; None on a list that promises none."""
    if "promised_on" not in known:
        return None
    owed, shelved = known.get("days_owed", ""), known.get("shelved_on", "")
    if owed not in ("", "0"):
        return (
            Mark("error", f"未上架 {owed} 个工作日")
            if owed.isdecimal()
            else Mark("plain", f"未上架（{owed}）")
        )
    if shelved:
        return Mark("fine", f"{shelved} 上架")
    return Mark("warning", f"待上架，承诺 {known.get('promised_on', '')}")
