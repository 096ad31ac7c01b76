"""Columns of older layouts taken apart: 类/项/目/细目, 共享条件/不予共享依据, 是否向社会开放.

In the national template these stand in the row of an item; ``settle_rows`` then tells what the resource itself
is: the strictest of what goes out, the union of its modes, the fastest of its cycles.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from catalog_specs import Specs
from catalog_specs.model import LegacyColumn
from registry.layout import Layout
from validators.basis import write_basis
from validators.findings import NO_ITEM, Finding
from validators.reading import FALSE_WORDS, TRUE_WORDS, Reader
from validators.sharing import CONDITIONAL, NONE, UNCONDITIONAL

Note = tuple[int, Finding]


class EntryReaders(Protocol):
    """The readers of an entry's fields by key."""

    entry: dict[str, Reader]


class Legacy:
    """The legacy columns of one sheet, and how a row of them is settled into fields."""

    def __init__(self, layout: Layout, specs: Specs) -> None:
        known = {row.key: row for row in specs.entry.legacy}
        self.columns: list[tuple[int, LegacyColumn]] = [
            (column.number, known[column.key]) for column in layout.columns if column.target == "legacy"
        ]
        self.specs = specs
        keys = {column.key for column in layout.columns if column.target == "row"}
        # where the share type speaks of the item, the conditions beside it do, too
        self.by_item = "share_type" in keys

    def add_columns(self, columns: MutableMapping[str, int]) -> None:
        """Let findings on the fed fields point at the legacy column."""
        for number, row in self.columns:
            for key in row.feeds:
                columns.setdefault(key, number)

    def settle(
        self,
        texts: Mapping[int, str],
        values: dict[str, Any],
        readers: EntryReaders,
        *,
        beside: Mapping[str, Any],
    ) -> list[Note]:
        """Feed the fields of one row from its legacy cells (column -> text); a field with a value of its own keeps it.

        ``beside`` are values of the row that stand elsewhere, such as the opening condition.
        """
        levels: dict[int, str] = {}
        notes: list[Note] = []
        for number, legacy in self.columns:
            text = texts.get(number)
            if not text:
                continue
            if legacy.reads == "category_level":
                levels[legacy.level] = text
            elif legacy.reads == "condition_or_basis":
                self._condition(text, values, readers)
            else:
                notes += self._open_flag(text, values, beside, number)
        if levels and "resource_category" not in values:
            path = "/".join(levels[level] for level in sorted(levels))
            values["resource_category"] = readers.entry["resource_category"].read(path).value
        return notes

    @staticmethod
    def _condition(text: str, values: dict[str, Any], readers: EntryReaders) -> None:
        key = "non_share_basis" if values.get("share_type") == NONE else "share_condition"
        if key not in values:
            cell = readers.entry[key].read(text)
            if cell.value is not None:
                values[key] = cell.value

    def _open_flag(
        self, text: str, values: dict[str, Any], beside: Mapping[str, Any], number: int
    ) -> Iterable[Note]:
        if "open_type" in values:
            return ()
        word = text.lower()
        if word in FALSE_WORDS:
            values["open_type"] = NONE
            return ()
        if word not in TRUE_WORDS:
            values["open_type"] = text
            return ()
        conditional = values.get("open_condition") or beside.get("open_condition")
        values["open_type"] = CONDITIONAL if conditional else UNCONDITIONAL
        label = self.specs.label("open_type", values["open_type"])
        return ((number, Finding("N303", "open_type", NO_ITEM, text, params={"type": label})),)


def settle_rows(content: dict[str, Any], own: dict[str, Any]) -> None:
    """Tell an entry's own share and open type from its rows: the strictest that goes out, else not at all.

    ``own`` is what a row without an item says. Source: E126 and E133: the strictest item that leaves decides; an
    item that is not shared does not count.
    """
    items = [item for item in content.get("items", ()) if isinstance(item, dict)]
    rows = [*items, own]
    for key in ("share_type", "open_type"):
        marks = [str(row[key]) for row in rows if row.get(key)]
        if marks and key not in content:
            content[key] = _strictest(marks)
    meant = [row for row in rows if row.get("share_type") == content.get("share_type")]
    conditions = _distinct(row.get("share_condition") for row in meant or rows)
    if conditions and "share_condition" not in content:
        content["share_condition"] = "；".join(conditions)
    keep_with_resource(content, rows)
    for row in items:
        if [row.get("share_condition")] == conditions:
            row.pop("share_condition")


def keep_with_resource(content: dict[str, Any], rows: Sequence[MutableMapping[str, Any]]) -> None:
    """Move to the resource what older templates write into an item's row and the catalogue keeps with the resource."""
    bases = content.get("non_share_basis") or []
    for row in rows:
        bases = [*bases, *(row.get("non_share_basis") or ())]
        for key in ("open_condition", "resource_category"):
            if row.get(key):
                content.setdefault(key, row[key])
        for key in ("non_share_basis", "open_condition", "resource_category"):
            row.pop(key, None)
    if bases:
        content["non_share_basis"] = list({write_basis(basis): basis for basis in bases}.values())


def _strictest(marks: list[str]) -> str:
    leaving = [mark for mark in marks if mark in (UNCONDITIONAL, CONDITIONAL)]
    unknown = [mark for mark in marks if mark not in (UNCONDITIONAL, CONDITIONAL, NONE)]
    if unknown:
        return unknown[0]
    return max(leaving) if leaving else NONE


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value))
