"""What a responsibility list prints of one announced entry: the article's columns, then the annex, all as texts.

What only the register knows (the running number, shelf dates, grants) is filled in later; see ``LATER``.
Source: S-ZY 23, 24; S-LPS 25; responsibility.yaml.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

from catalog_specs import Specs
from catalog_specs.law_release import Column, Form, ListKind, Responsibility
from validators.case import Content
from validators.fields import is_blank
from validators.rendering import renderer
from validators.sharing import GOES_OUT

SEPARATOR = "、"
# columns of these are known when a list is made, not when the entry is announced
LATER = frozenset(
    {
        ("list", "number"),
        ("distribution", "shelved_on"),
        ("clock", "shelf_promise"),
        ("version", "state"),
        ("request", "valid_until"),
    }
)
# what moves by itself: a list that differs in nothing else says the same
_MOVING = frozenset({("list", "number"), ("clock", "shelf_promise")})
Cell = Callable[[Content], str]
Part = Literal["article", "annex"]


class Printer:
    """The columns of one list and how an entry fills them. ``headings`` are (key, zh, part)."""

    def __init__(self, kind: ListKind, specs: Specs) -> None:
        self.kind, self.specs = kind, specs
        self.doc = specs.document("responsibility", Responsibility)
        by_key = {column.key: column for column in self.doc.columns}
        self.article = tuple(by_key[column.column] for column in kind.article)
        self.annex = tuple(by_key[key] for key in kind.annex)
        self.columns = (*self.article, *self.annex)
        self.headings: tuple[tuple[str, str, Part], ...] = (
            *((column.column, column.zh, "article") for column in kind.article),
            *((column.key, column.zh, "annex") for column in self.annex),
        )
        self._only_opened = {c.column: by_key[c.opened_column] for c in kind.article if c.opened_column}
        rows = next(row for row in self.doc.row_sets if row.key == kind.rows)
        self._share, self._open = frozenset(rows.share_types), frozenset(rows.open_types)
        self._conditions = {
            row.key: (frozenset(row.share_types), frozenset(row.open_types)) for row in self.doc.conditions
        }
        self._forms = {form.code: form for form in self.doc.forms}
        self._cells = {column.key: self._cell(column) for column in self._fillable()}

    def _fillable(self) -> tuple[Column, ...]:
        mine = (*self.columns, *self._only_opened.values())
        return tuple(column for column in mine if (column.of, column.field) not in LATER)

    def lists(self, content: Content) -> bool:
        """Whether an entry stands on this list, once it is announced."""
        return content.get("share_type") in self._share or content.get("open_type") in self._open

    def line(self, content: Content, *, number: int, promised: str) -> dict[str, str]:
        """The cells of an entry by column key, without those of ``LATER``; ``promised`` is its shelf date."""
        given = {"version": str(number), "promised_on": promised}
        return {
            column.key: given[column.key] if column.key in given else self._printed(column, content)
            for column in self.columns
            if (column.of, column.field) not in LATER
        }

    def _printed(self, column: Column, content: Content) -> str:
        if column.when and not self._holds(column.when, content):
            return ""
        if content.get("share_type") not in GOES_OUT and column.key in self._only_opened:
            column = self._only_opened[column.key]
        return self._cells[column.key](content)

    def _holds(self, condition: str, content: Content) -> bool:
        share, opened = self._conditions[condition]
        return content.get("share_type") in share or content.get("open_type") in opened

    def missing(self, cells: Mapping[str, str]) -> list[str]:
        """The headings of required columns that are blank (E127)."""
        return [
            zh
            for (key, zh, _part), column in zip(self.headings, self.columns, strict=True)
            if column.required and not column.when and not cells.get(key)
        ]

    # ---- one column ----

    def _cell(self, column: Column) -> Cell:
        match column.of, column.key:
            case "distribution", "items":
                return self._items
            case "entry", "open_pattern":
                return lambda content: self._by_form(content, lambda form: form.opened_zh)
            case "entry", "provide_form":
                return self._provided
            case "entry", "update_cycle":
                return self._cycle
            case "list", _:
                return lambda _content: self.kind.platform
            case (("version" | "request"), _):
                return lambda _content: ""
            case "entry", _:
                return self._field(column.field)
        raise ValueError(f"responsibility.yaml: nothing fills the column {column.key}")

    def _field(self, key: str) -> Cell:
        render = renderer(self.specs.fields[key], self.specs)
        return lambda content: render(content.get(key))

    def _items(self, content: Content) -> str:
        return SEPARATOR.join(listed_items(content, self._share, self._open))

    def _by_form(self, content: Content, name: Callable[[Form], str]) -> str:
        codes = content.get("share_mode_type")
        listed = codes if isinstance(codes, list) else []
        return SEPARATOR.join(name(self._forms[code]) for code in listed if code in self._forms)

    def _provided(self, content: Content) -> str:
        """As the entry says it, else as its sharing modes are called in the list."""
        own = self._field("provide_form")(content)
        return own or self._by_form(content, lambda form: form.printed_zh)

    def _cycle(self, content: Content) -> str:
        """The cycle; one that says nothing by itself (其他) with what the entry says of it."""
        code, note = content.get("update_cycle"), str(content.get("update_note") or "").strip()
        known = self.specs.code_value("update_cycle", code) if isinstance(code, str) else None
        shown = self._field("update_cycle")(content)
        return f"{shown}（{note}）" if note and known and known.attrs.get("needs_note") else shown


def listed_items(content: Content, share: frozenset[str], opened: frozenset[str]) -> list[str]:
    """The names of the items that a list may name: one that is not shared never does (domain §5.1).

    On a list of what is opened alone an item must be opened, too. An item without a mark is as its resource.
    """
    items = content.get("items")
    rows = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    return [
        str(item["item_name"])
        for item in rows
        if not is_blank(item.get("item_name")) and _goes_out(item, content, bool(opened and not share))
    ]


def _goes_out(item: Mapping[str, Any], content: Content, must_open: bool) -> bool:
    if _own(item, content, "share_type") not in GOES_OUT:
        return False
    return not must_open or _own(item, content, "open_type") in GOES_OUT


def _own(item: Mapping[str, Any], content: Content, key: str) -> Any:
    own = item.get(key)
    return content.get(key) if is_blank(own) else own


def kinds_of(specs: Specs) -> tuple[ListKind, ...]:
    """The responsibility lists of a city's measure, in their order: those that are sealed."""
    doc = specs.document("responsibility", Responsibility)
    return tuple(kind for kind in doc.lists if kind.profile == specs.profile.key)


def moving_columns(specs: Specs) -> frozenset[str]:
    """The keys of the columns that move by themselves: running numbers, counts of days."""
    doc = specs.document("responsibility", Responsibility)
    return frozenset(column.key for column in doc.columns if (column.of, column.field) in _MOVING)


@lru_cache(maxsize=32)
def printer_of(specs: Specs, key: str) -> Printer:
    """The printer of the list ``key``.

    Raises:
        KeyError: there is no such list.
    """
    doc = specs.document("responsibility", Responsibility)
    kind = next((row for row in doc.lists if row.key == key), None)
    if kind is None:
        raise KeyError(key)
    return Printer(kind, specs)
