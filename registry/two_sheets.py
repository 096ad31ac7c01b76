"""The layout of our template: a sheet of entries (目录) and a sheet of items (信息项), joined by code, else by name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from registry.legacy import keep_with_resource
from registry.origins import ReadEntry
from registry.rows import SheetReader, origin_of, report_merged
from validators.findings import NO_ITEM, Finding
from validators.folding import fold


def read_entries(reader: SheetReader) -> None:
    """The sheet of entries (目录): one entry a row."""
    plan = reader.plan("entry")
    columns = reader.layout.numbers("entry")
    reader.legacy.add_columns(columns)
    report_merged(reader)
    for number, row in reader.rows():
        values, found = reader.read(number, row, plan, "", NO_ITEM)
        entry = ReadEntry(values, origin_of(reader, number, columns), findings=found)
        for located in reader.settle_legacy(number, row, values, beside=values):
            entry.add_elsewhere(located.finding, located.place)
        reader.out.entries.append(entry)


def read_items(reader: SheetReader) -> None:
    """The sheet of items (信息项): each row joined to its entry by code, else by name (and provider if given)."""
    index = _EntryIndex(reader.out.entries)
    join, plan = reader.plan("entry"), reader.plan("item")
    columns = reader.layout.numbers("item")
    reader.legacy.add_columns(columns)
    report_merged(reader)
    for number, row in reader.rows():
        keys = reader.read(number, row, join, "", NO_ITEM)
        for finding in keys.findings:
            if finding.rule.startswith("E"):
                reader.report(finding, number, reader.layout.numbers("entry").get(finding.field, -1))
        entry, reason = index.find(keys.values)
        count = len(entry.content.get("items", ())) if entry else 0
        # read before the entry is sure: what is secret must be seen wherever it stands
        values, found = reader.read(number, row, plan, "items.", count)
        if entry is None:
            _report_lost(reader, number, keys.values, reason)
            continue
        for located in reader.settle_legacy(number, row, values, beside=entry.content):
            entry.add_elsewhere(located.finding, located.place)
        keep_with_resource(entry.content, [values])
        if not values and not found:
            reader.report(Finding("W236"), number)
            continue
        entry.content.setdefault("items", []).append(values)
        entry.item_origins.append(origin_of(reader, number, columns))
        entry.findings.extend(found)


def _report_lost(reader: SheetReader, number: int, keys: Mapping[str, Any], reason: str) -> None:
    shown = str(keys.get("resource_code") or keys.get("resource_name") or "")
    column = next(iter(reader.layout.numbers("entry").values()), -1)
    reader.report(Finding("E168", "", NO_ITEM, shown, reason), number, column)


class _EntryIndex:
    """Entries by code and by name, for joining items to them."""

    def __init__(self, entries: Iterable[ReadEntry]) -> None:
        self.by_code: dict[str, list[ReadEntry]] = defaultdict(list)
        self.by_name: dict[str, list[ReadEntry]] = defaultdict(list)
        for entry in entries:
            code, name = entry.content.get("resource_code"), entry.content.get("resource_name")
            if code:
                self.by_code[str(code)].append(entry)
            if name:
                self.by_name[fold(str(name))].append(entry)

    def find(self, keys: Mapping[str, Any]) -> tuple[ReadEntry | None, str]:
        """The entry that an item's row names, by code, else by name; or the reason of E168 why there is none.

        An entry that has another code than the row's is not the one, however it is called.
        """
        code, name = str(keys.get("resource_code") or ""), str(keys.get("resource_name") or "")
        if not code and not name:
            return None, "blank"
        found = self.by_code.get(code, []) if code else []
        if not found:
            named = self.by_name.get(fold(name), []) if name else []
            found = [e for e in named if not code or not e.content.get("resource_code")]
        for test in (_same_provider, _same_name):
            if len(found) > 1:
                found = [entry for entry in found if test(entry.content, keys)] or found
        if len(found) == 1:
            return found[0], ""
        return None, "ambiguous" if found else "none"


def _same_provider(content: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    given = [key for key in ("provider_code", "provider_name") if keys.get(key)]
    return bool(given) and all(content.get(key) == keys[key] for key in given)


def _same_name(content: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    name = keys.get("resource_name")
    return bool(name) and fold(str(content.get("resource_name") or "")) == fold(str(name))
