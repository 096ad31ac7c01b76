"""Which column feeds which field: headers are matched by name and alias, in any order, and never guessed.

Three layouts are known: the sheet of entries (目录), the sheet of items (信息项), and the national template with
one row an item, where the entry's own columns are repeated, merged or given in the first row only.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from catalog_specs import Specs
from catalog_specs.model import FieldSpec, LegacyColumn
from registry.sheets import RawSheet
from validators.findings import Finding

ENTRIES, ITEMS, ONE_ROW = "entries", "items", "one_row"
# in a sheet of items these say which entry an item belongs to
JOIN_KEYS = ("resource_code", "resource_name", "provider_code", "provider_name")
# in the one-row layout a plain column of these speaks of the row's item unless the item has a column of its own
ROW_WISE = ("share_type", "share_condition", "open_type")
_MARKS = re.compile(r"[*＊※\s]|[（(](?:必填|选填|条件必填|可选|必选)[)）]")


class Column(NamedTuple):
    """One column of a sheet: its number from 0, its header, and where its values go.

    ``target`` is ``entry``, ``item``, ``row`` (the row's item, and through it the entry), ``legacy``, ``skip``, or
    ``watch``: a second column of a secrecy flag, whose values are looked at and not taken.
    """

    number: int
    header: str
    target: str
    key: str


@dataclass(slots=True)
class Layout:
    """The plan of one sheet: which layout, the header's row (from 0), its columns, and what is wrong with them."""

    kind: str
    header_row: int
    columns: list[Column]
    findings: list[tuple[int, Finding]] = field(default_factory=list)

    def numbers(self, target: str) -> dict[str, int]:
        """Field key -> column number for one kind of target."""
        return {column.key: column.number for column in self.columns if column.target == target}


def normal_header(text: object) -> str:
    """A header for comparison: width folded, without blanks, stars and （必填）."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", str(text))).strip("：:").lower()


def _table(fields: Iterable[FieldSpec]) -> dict[str, str]:
    found: dict[str, str] = {}
    listed = list(fields)
    for names in ([(s.zh, s.key) for s in listed], [(a, s.key) for s in listed for a in (s.key, *s.aliases)]):
        for name, key in names:
            found.setdefault(normal_header(name), key)
    return found


@dataclass(frozen=True)
class Headers:
    """The header tables of a specification."""

    entry: Mapping[str, str]
    item: Mapping[str, str]
    legacy: Mapping[str, LegacyColumn]

    def flag(self, name: str) -> str:
        """The field that a header stands for in any layout; empty for none."""
        return self.entry.get(name) or self.item.get(name) or ""


@lru_cache(maxsize=8)
def headers_of(specs: Specs) -> Headers:
    legacy = {normal_header(n): row for row in specs.entry.legacy for n in (row.zh, *row.aliases)}
    return Headers(_table(specs.entry.fields), _table(specs.entry.items), legacy)


def one_row_header(spec: FieldSpec, specs: Specs) -> str:
    """The header of an item's field in the one-row layout: 信息项… where the entry has a field of that name."""
    return f"信息项{spec.zh}" if normal_header(spec.zh) in headers_of(specs).entry else spec.zh


def find_layout(sheet: RawSheet, specs: Specs, *, only: str = "", least: int = 3) -> Layout | None:
    """The plan of a sheet; None when no row of its head has ``least`` of our headers.

    ``only`` fixes the layout (a sheet that is called 信息项 is one of items, whatever else it holds).
    """
    tables = headers_of(specs)
    best, best_score = -1, 0
    for number, row in enumerate(sheet.rows[: specs.entry.sheets.header_rows]):
        names = {normal_header(cell) for cell in row if isinstance(cell, str) and cell.strip()}
        score = len({n for n in names if n in tables.entry or n in tables.item or n in tables.legacy})
        if score > best_score:
            best, best_score = number, score
    if best_score < least:
        return None
    kind = only or _kind(sheet.rows[best], tables)
    return _plan(sheet, best, kind, specs)


def _kind(row: list[object], tables: Headers) -> str:
    names = {normal_header(cell) for cell in row if cell not in ("", None)}
    has_item = any(tables.item.get(name) == "item_name" for name in names)
    entry_keys = {tables.entry[name] for name in names if name in tables.entry}
    if not has_item:
        return ENTRIES
    # a sheet of items names its entry and nothing more of it; a row of the national template describes it
    describing = (
        entry_keys
        - set(JOIN_KEYS)
        - {tables.entry[n] for n in names if n in tables.item and n in tables.entry}
    )
    return ONE_ROW if describing else ITEMS


def _plan(sheet: RawSheet, header_row: int, kind: str, specs: Specs) -> Layout:
    tables = headers_of(specs)
    layout = Layout(kind, header_row, [])
    row = sheet.rows[header_row]
    item_columns = _own_item_columns(row, tables) if kind == ONE_ROW else set()
    seen: dict[tuple[str, str], Column] = {}
    for number, cell in enumerate(row):
        header = str(cell).strip() if cell not in ("", None) else ""
        if not header:
            if any(number < len(r) and r[number] not in ("", None) for r in sheet.rows[header_row + 1 :]):
                layout.findings.append((number, Finding("E160", value="（空）", params={"hint": ""})))
            continue
        target, key = _target(normal_header(header), kind, item_columns, tables)
        column = Column(number, header, target, key)
        earlier = seen.get((target, key)) if target not in ("skip", "unknown") else None
        if target != "unknown" and earlier is None:
            seen[(target, key)] = column
            layout.columns.append(column)
            continue
        layout.findings.append((number, _unused(header, earlier, kind, specs)))
        if (watched := key or tables.flag(normal_header(header))) in specs.entry.secret_columns:
            layout.columns.append(Column(number, header, "watch", watched))
    return layout


def _unused(header: str, earlier: Column | None, kind: str, specs: Specs) -> Finding:
    """Why a column is not read: another one feeds the same field, or none of our fields is called so."""
    shown = header[:64]
    if earlier is not None:
        return Finding("E161", value=shown, params={"other": earlier.header[:64]})
    return Finding("E160", value=shown, params={"hint": _hint(header, kind, specs)})


def _own_item_columns(row: list[object], tables: Headers) -> set[str]:
    """Item fields that have a column of their own, such as 信息项共享类型, beside the entry's 共享类型."""
    names = {normal_header(cell) for cell in row if cell not in ("", None)}
    return {tables.item[n] for n in names if n in tables.item and n not in tables.entry}


def _target(name: str, kind: str, item_columns: set[str], tables: Headers) -> tuple[str, str]:
    legacy = tables.legacy.get(name)
    in_entry, in_item = tables.entry.get(name), tables.item.get(name)
    if kind == ITEMS:
        if in_entry in JOIN_KEYS:
            return "entry", str(in_entry)
        if in_item:
            return "item", in_item
    elif kind == ONE_ROW:
        if in_entry and in_item == in_entry and in_item in ROW_WISE and in_item not in item_columns:
            return "row", in_item
        if in_entry:
            return "entry", in_entry
        if in_item:
            return "item", in_item
    elif in_entry:
        return "entry", in_entry
    if legacy and not (kind == ITEMS and legacy.reads == "category_level"):
        return ("skip" if legacy.reads == "ignore" else "legacy"), legacy.key
    return "unknown", ""


def _hint(header: str, kind: str, specs: Specs) -> str:
    fields = [*specs.entry.fields, *specs.entry.items] if kind == ONE_ROW else specs.entry.fields
    names = [s.zh for s in (specs.entry.items if kind == ITEMS else fields)]
    close = get_close_matches(header[:64], names, n=1, cutoff=0.6)
    return f"（是否为“{close[0]}”？）" if close else ""
