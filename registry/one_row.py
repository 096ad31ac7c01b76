"""The national template and our CSV: one row an item, the entry's own columns repeated, merged or given once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from catalog_specs import Specs
from registry.legacy import settle_rows
from registry.origins import Located, Origin, Place, ReadEntry
from registry.rows import SheetReader, Values, origin_of, range_name
from validators.codes import is_resource_code
from validators.findings import NO_ITEM, Finding, text_of
from validators.folding import fold


def read_one_row(reader: SheetReader) -> None:
    """Every row of the sheet: a part of its entry, and mostly an item of it."""
    _spread_merged(reader)
    rows = _Rows(reader)
    for number, row in reader.rows():
        rows.take(number, row)
    rows.settle()


class _Rows:
    """The rows of one sheet on their way into entries."""

    def __init__(self, reader: SheetReader) -> None:
        self.reader = reader
        self.entry_plan, self.row_plan, self.item_plan = map(reader.plan, ("entry", "row", "item"))
        by_row = reader.layout.numbers("row")
        self.columns = reader.layout.numbers("entry")
        reader.legacy.add_columns(self.columns)
        self.columns |= by_row
        self.item_columns = reader.layout.numbers("item") | by_row
        self.groups = _Groups(reader.out.entries, reader.specs)
        # what a row says of itself where no item stands in it, and each item's cycle
        self.own_rows: dict[int, dict[str, Any]] = defaultdict(dict)
        self.cycles: dict[int, list[str]] = defaultdict(list)

    def take(self, number: int, row: Sequence[Any]) -> None:
        """One row: first what it says of its entry, then its item."""
        reader = self.reader
        values, found = reader.read(number, row, self.entry_plan, "", NO_ITEM)
        origin = origin_of(reader, number, self.columns)
        entry, is_new = self.groups.place(values, origin)
        own = reader.read(number, row, self.row_plan, "items.", len(entry.item_origins))
        fed = own.values if reader.legacy.by_item else values
        beside = entry.content | values if reader.legacy.columns else {}
        legacy = reader.settle_legacy(number, row, fed, beside=beside)
        if is_new:
            entry.content.update(values)
            entry.findings.extend(found)
        else:
            self._join(entry, Values(values, found), origin)
        self._report_legacy(entry, legacy)
        self._take_item(
            entry, origin, own, reader.read(number, row, self.item_plan, "items.", len(entry.item_origins))
        )
        if len(entry.item_origins) > len(self.cycles[id(entry)]):
            self.cycles[id(entry)].append(values.get("update_cycle") or "")

    def _take_item(self, entry: ReadEntry, origin: Origin, own: Values, item: Values) -> None:
        """The item of a row; what the row says of itself goes to the item, or to the entry where there is none."""
        found = [*own.findings, *item.findings]
        if item.values:
            entry.content.setdefault("items", []).append(item.values | own.values)
            entry.item_origins.append(Origin(origin.sheet, origin.row, self.item_columns))
            entry.findings.extend(found)
            return
        self.own_rows[id(entry)] |= own.values
        for finding in found:
            key = finding.field.removeprefix("items.")
            place = Place(origin.sheet, origin.row, self.item_columns.get(key, -1))
            entry.add_elsewhere(finding._replace(field=key, item=NO_ITEM), place)

    def _join(self, entry: ReadEntry, row: Values, origin: Origin) -> None:
        """Settle a later row of an entry with its first: it may repeat the values or leave them blank (else E169)."""
        for key, value in row.values.items():
            first = entry.content.get(key)
            if first is None:
                entry.content[key] = value
            elif first != value and not self._joined(entry.content, key, first, value):
                params = {"row": str(entry.origin.row), "other": text_of(first)}
                finding = Finding("E169", key, NO_ITEM, text_of(value), params=params)
                entry.add_elsewhere(finding, origin.place(key))
        for finding in row.findings:
            # what is only untidy was told in the first row
            if finding.rule.startswith("E"):
                entry.add_elsewhere(finding, origin.place(finding.field))

    def _joined(self, content: dict[str, Any], key: str, first: Any, value: Any) -> bool:
        """Whether two values stand beside each other, because each row speaks of its own item.

        The resource has all modes and classes of its items, the faster of two cycles (S2), and every condition.
        """
        if key == "update_cycle" and key not in self.item_columns:
            content[key] = min(first, value, key=self._cycle_rank)
            return True
        if not self.reader.legacy.by_item:
            return False
        if isinstance(first, list) and isinstance(value, list):
            content[key] = [*first, *(part for part in value if part not in first)]
            return True
        if key == "open_condition":
            content[key] = "；".join(dict.fromkeys([*str(first).split("；"), str(value)]))
            return True
        return False

    def _report_legacy(self, entry: ReadEntry, found: Sequence[Located]) -> None:
        told = {finding.rule for finding in entry.findings}
        for located in found:
            if located.finding.rule.startswith("E") or located.finding.rule not in told:
                entry.add_elsewhere(located.finding, located.place)

    def _cycle_rank(self, cycle: str) -> int:
        found = self.reader.specs.code_value("update_cycle", cycle)
        rank = found.attrs.get("rank") if found else None
        return rank if isinstance(rank, int) else 99

    def settle(self) -> None:
        for entry in self.groups.started:
            items = entry.content.get("items", [])
            for item, cycle in zip(items, self.cycles[id(entry)], strict=False):
                # an item keeps its own cycle where it is not the resource's
                if cycle and cycle != entry.content.get("update_cycle"):
                    item.setdefault("update_cycle", cycle)
            if self.row_plan or self.reader.legacy.by_item:
                settle_rows(entry.content, self.own_rows[id(entry)])


class _Groups:
    """Rows gathered into entries: by code, else by provider and name; a row that names nothing continues the last.

    A column may be given once and another in every row: each of code, name and provider may be blank later.
    """

    def __init__(self, entries: list[ReadEntry], specs: Specs) -> None:
        self.entries, self.specs = entries, specs
        self.started: list[ReadEntry] = []
        self.by_code: dict[str, ReadEntry] = {}
        self.by_name: dict[tuple[str, str], ReadEntry] = {}
        self.last: ReadEntry | None = None

    def place(self, values: Mapping[str, Any], origin: Origin) -> tuple[ReadEntry, bool]:
        """The entry that a row belongs to, and whether the row begins it."""
        code, name = str(values.get("resource_code") or ""), fold(str(values.get("resource_name") or ""))
        if code and not is_resource_code(code, self.specs.resource_code):
            code = f"{code} {name}"  # what is no code (E104), such as 待定, does not make one resource of two
        provider = str(values.get("provider_code") or "")
        entry = self._known(code, name, provider)
        is_new = entry is None
        if entry is None:
            entry = ReadEntry({}, origin)
            self.entries.append(entry)
            self.started.append(entry)
        if code:
            self.by_code.setdefault(code, entry)
        if name:
            self.by_name.setdefault((provider or self._provider(entry), name), entry)
        self.last = entry
        return entry, is_new

    def _known(self, code: str, name: str, provider: str) -> ReadEntry | None:
        if not code and not name:
            return self.last
        if code and code in self.by_code:
            return self.by_code[code]
        found = self._by_name(name, provider) if name else None
        # the same name under another code is another resource
        if found is not None and code and found.content.get("resource_code"):
            return None
        return found

    def _by_name(self, name: str, provider: str) -> ReadEntry | None:
        last = self.last
        if last is None or fold(str(last.content.get("resource_name") or "")) != name:
            return self.by_name.get((provider, name))
        same = not provider or provider == self._provider(last)
        return last if same else self.by_name.get((provider, name))

    @staticmethod
    def _provider(entry: ReadEntry) -> str:
        return str(entry.content.get("provider_code") or "")


def _spread_merged(reader: SheetReader) -> None:
    """Merged cells of the entry's own columns count as the same value in every row; others are errors."""
    layout, rows = reader.layout, reader.sheet.rows
    own = {
        column.number: column.header
        for column in layout.columns
        if column.target in ("entry", "legacy", "row")
    }
    told: set[int] = set()
    for (top, left), (bottom, right) in reader.sheet.merged:
        if bottom <= layout.header_row or top >= len(rows):
            continue
        shown = range_name(top, left, bottom, right)
        if left != right or left not in own or top <= layout.header_row:
            reader.report(Finding("E162", value=shown), top, left)
            continue
        kind = reader.special.get(top, {}).get(left)
        for number in range(top + 1, min(bottom + 1, len(rows))):
            rows[number][left] = rows[top][left]
            if kind:
                reader.special[number][left] = kind
        if left not in told:
            told.add(left)
            reader.report(Finding("W235", own[left], NO_ITEM, shown), top, left)
