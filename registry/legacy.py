"""Columns of older layouts taken apart: 类/项/目/细目, 共享条件/不予共享依据, 是否向社会开放.

In the national template these stand in the row of an item; ``settle_rows`` then tells what the resource itself
is: the strictest of what goes out, the union of its modes, the fastest of its cycles.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from catalog_specs import Specs
from catalog_specs.model import LegacyColumn
from validators.basis import write_basis
from validators.findings import NO_ITEM, Finding
from validators.reading import FALSE_WORDS, TRUE_WORDS
from validators.sharing import CONDITIONAL, NONE, UNCONDITIONAL

if TYPE_CHECKING:
    from registry.layout import Layout
    from registry.rows import Readers


class Legacy:
    """The legacy columns of one sheet, and how a row of them is settled into fields."""

    def __init__(self, layout: "Layout", specs: Specs) -> None:
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
        self, row: Sequence[Any], values: dict[str, Any], found: list[Finding], readers: "Readers"
    ) -> None:
        """Feed the fields of one row from its legacy columns; a field that has its own value keeps it."""
        levels: dict[int, str] = {}
        for number, legacy in self.columns:
            raw = row[number] if number < len(row) else ""
            text = str(raw).strip() if raw is not None else ""
            if not text or text in self.specs.entry.blank_words:
                continue
            if legacy.reads == "category_level":
                levels[legacy.level] = text
            elif legacy.reads == "condition_or_basis":
                self._condition(text, values, readers)
            else:
                self._open_flag(text, values, found)
        if levels and "resource_category" not in values:
            path = "/".join(levels[level] for level in sorted(levels))
            values["resource_category"] = readers.entry["resource_category"].read(path).value

    @staticmethod
    def _condition(text: str, values: dict[str, Any], readers: "Readers") -> None:
        key = "non_share_basis" if values.get("share_type") == NONE else "share_condition"
        if key not in values:
            cell = readers.entry[key].read(text)
            if cell.value is not None:
                values[key] = cell.value

    def _open_flag(self, text: str, values: dict[str, Any], found: list[Finding]) -> None:
        if "open_type" in values:
            return
        word = text.lower().removesuffix(".0")
        if word in FALSE_WORDS:
            values["open_type"] = NONE
        elif word in TRUE_WORDS:
            values["open_type"] = CONDITIONAL if values.get("open_condition") else UNCONDITIONAL
            label = self.specs.label("open_type", values["open_type"])
            found.append(Finding("N303", "open_type", NO_ITEM, text, params={"type": label}))
        else:
            values["open_type"] = text


def settle_rows(content: dict[str, Any], own: Mapping[str, Any]) -> None:
    """Tell an entry's own share and open type from its rows: the strictest that goes out, else not at all.

    Source: E126 and E133: the strictest item that leaves decides; an item that is not shared does not count.
    """
    items = [item for item in content.get("items", ()) if isinstance(item, dict)]
    rows = items or [own]
    for key in ("share_type", "open_type"):
        marks = [str(row[key]) for row in rows if row.get(key)]
        if marks and key not in content:
            content[key] = _strictest(marks)
    conditions = _distinct(row.get("share_condition") for row in rows)
    if conditions and "share_condition" not in content:
        content["share_condition"] = "；".join(conditions)
    _bases(content, rows)
    # what the national template writes into an item's row but the catalogue keeps with the resource
    for row in items:
        for key in ("non_share_basis", "open_condition", "resource_category"):
            if key in row:
                value = row.pop(key)
                content.setdefault(key, value)
        if row.get("share_condition") and len(conditions) == 1:
            row.pop("share_condition")


def _strictest(marks: list[str]) -> str:
    leaving = [mark for mark in marks if mark in (UNCONDITIONAL, CONDITIONAL)]
    unknown = [mark for mark in marks if mark not in (UNCONDITIONAL, CONDITIONAL, NONE)]
    if unknown:
        return unknown[0]
    return max(leaving) if leaving else NONE


def _bases(content: dict[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    if "non_share_basis" in content:
        return
    found = {write_basis(basis): basis for row in rows for basis in row.get("non_share_basis") or ()}
    if found:
        content["non_share_basis"] = list(found.values())


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value))
