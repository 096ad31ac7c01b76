"""Sheets and lines turned into entries, each value with the cell it came from.

Rows are only read here; the rules judge them afterwards. What a reader cannot take is kept as text and reported.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from catalog_specs import Specs
from registry.layout import ENTRIES, ITEMS, JOIN_KEYS, ONE_ROW, Layout
from registry.legacy import Legacy, settle_rows
from registry.sheets import JsonLine, RawSheet
from registry.workbook_scan import column_letters
from validators.findings import NO_ITEM, Finding
from validators.folding import fold
from validators.reading import Cell, Issue, Reader, clean_text


class Place(NamedTuple):
    """A place in a file: sheet (empty for CSV and JSON Lines), 1-based row or line, column from 0 or -1."""

    sheet: str
    row: int
    column: int = -1


@dataclass(slots=True)
class Origin:
    """Where an entry or an item stands: its row, and the column of each field."""

    sheet: str
    row: int
    columns: Mapping[str, int]

    def place(self, key: str) -> Place:
        return Place(self.sheet, self.row, self.columns.get(key, -1))


@dataclass(slots=True)
class ReadEntry:
    """One entry as read: stored values, where they came from, and findings of the reading itself."""

    content: dict[str, Any]
    origin: Origin
    item_origins: list[Origin] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def place(self, finding: Finding) -> Place:
        """The cell that a finding speaks of."""
        if finding.field.startswith("items.") and 0 <= finding.item < len(self.item_origins):
            return self.item_origins[finding.item].place(finding.field[6:])
        return self.origin.place(finding.field)


@dataclass(slots=True)
class Located:
    """A finding that belongs to no entry, with its place."""

    finding: Finding
    place: Place


@dataclass(slots=True)
class Sheets:
    """Everything read from one file: entries in order, findings beside them, header rows (1-based) by sheet."""

    entries: list[ReadEntry] = field(default_factory=list)
    findings: list[Located] = field(default_factory=list)
    headers: dict[str, int] = field(default_factory=dict)


class Readers:
    """The readers of all fields of a specification."""

    def __init__(self, specs: Specs) -> None:
        self.entry = {key: Reader(spec, specs) for key, spec in specs.fields.items()}
        self.item = {key: Reader(spec, specs) for key, spec in specs.items.items()}


class _Row(NamedTuple):
    values: dict[str, Any]
    findings: list[Finding]


def _take(cell: Cell, key: str, prefix: str, item: int, values: dict[str, Any], found: list[Finding]) -> None:
    if cell.value is not None:
        values[key] = cell.value
    if cell.beside:
        for other, value in cell.beside.items():
            values.setdefault(other, value)
    for issue in cell.issues:
        found.append(_finding(issue, f"{prefix}{key}", item))


def _finding(issue: Issue, key: str, item: int) -> Finding:
    return Finding(issue.rule, key, item, issue.value, issue.reason, {"value": issue.value})


class SheetReader:
    """Reads the rows of one sheet by its layout."""

    def __init__(self, sheet: RawSheet, layout: Layout, specs: Specs, readers: Readers, out: Sheets) -> None:
        self.sheet, self.layout, self.specs, self.out = sheet, layout, specs, out
        self.readers = readers
        self.legacy = Legacy(layout, specs)
        self.special: dict[int, dict[int, str]] = defaultdict(dict)
        for (row, column), cell in sheet.special.items():
            self.special[row][column] = cell.kind
        sheets = specs.entry.sheets
        self.sample, self.help = sheets.sample_prefix, sheets.help_prefix
        out.headers[sheet.name] = sheet.line(layout.header_row)
        for column, finding in layout.findings:
            out.findings.append(Located(finding, Place(sheet.name, sheet.line(layout.header_row), column)))

    def rows(self) -> Iterable[tuple[int, list[Any]]]:
        """The rows below the header that say something, with their number from 0."""
        for number in range(self.layout.header_row + 1, len(self.sheet.rows)):
            row = self.sheet.rows[number]
            if not any(row) and number not in self.special:
                continue
            first = next((str(c).strip() for c in row if c not in ("", None)), "")
            if not first and number not in self.special:
                continue
            if first.startswith(self.help):
                continue
            if first.startswith(self.sample):
                place = Place(self.sheet.name, self.sheet.line(number), 0)
                self.out.findings.append(Located(Finding("N301", value=first[:20]), place))
                continue
            yield number, row

    def plan(self, target: str) -> list[tuple[int, str, Reader]]:
        readers = self.readers.entry if target == "entry" else self.readers.item
        return [(n, key, readers[key]) for key, n in self.layout.numbers(target).items()]

    def read(
        self, number: int, row: Sequence[Any], plan: list[tuple[int, str, Reader]], prefix: str, item: int
    ) -> _Row:
        """The stored values of one row under a plan, and what was met on the way."""
        values: dict[str, Any] = {}
        found: list[Finding] = []
        special = self.special.get(number)
        width = len(row)
        for column, key, reader in plan:
            if column >= width:
                continue
            raw = row[column]
            if special and column in special:
                rule = "E163" if special[column] == "formula" else "E164"
                found.append(Finding(rule, f"{prefix}{key}", item, str(raw), params={"value": str(raw)}))
                continue
            if raw == "":
                continue
            cell = reader.memo.get(raw) if raw.__class__ is str else None
            if cell is None:
                cell = reader.read(raw)
            if cell.issues or cell.beside:
                _take(cell, key, prefix, item, values, found)
            elif cell.value is not None:
                values[key] = cell.value
        return _Row(values, found)

    def compare(self, entry: ReadEntry, values: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
        """Settle a later row of an entry with its first; gives what then belongs to the row's item alone.

        A later row may repeat the entry's values or leave them blank. Lists are joined; of two cycles the
        faster is the resource's and each item keeps its own (S2); any other difference is E169.
        """
        of_item: dict[str, Any] = {}
        for key, value in values.items():
            first = entry.content.get(key)
            if first is None:
                entry.content[key] = value
            elif isinstance(first, list) and isinstance(value, list):
                entry.content[key] = [*first, *(part for part in value if part not in first)]
            elif key == "update_cycle" and first != value:
                of_item[key] = value
                entry.content[key] = min(first, value, key=self.cycle_rank)
            elif first != value and key not in JOIN_KEYS[:1]:
                params = {"row": str(entry.origin.row), "other": str(first)}
                entry.findings.append(Finding("E169", key, NO_ITEM, str(value), params=params))
        return of_item

    def cycle_rank(self, cycle: str) -> int:
        found = self.specs.code_value("update_cycle", cycle)
        rank = found.attrs.get("rank") if found else None
        return rank if isinstance(rank, int) else 99


# ---- two sheets -------------------------------------------------------------------------------------------


def read_entries(reader: SheetReader) -> None:
    """The sheet of entries (目录): one entry a row."""
    plan = reader.plan("entry")
    columns = reader.layout.numbers("entry")
    reader.legacy.add_columns(columns)
    _report_merged(reader)
    for number, row in reader.rows():
        values, found = reader.read(number, row, plan, "", NO_ITEM)
        reader.legacy.settle(row, values, found, reader.readers)
        origin = Origin(reader.sheet.name, reader.sheet.line(number), columns)
        reader.out.entries.append(ReadEntry(values, origin, findings=found))


def read_items(reader: SheetReader) -> None:
    """The sheet of items (信息项): each row joined to its entry by code, else by name (and provider if given)."""
    index = _EntryIndex(reader.out.entries)
    join, plan = reader.plan("entry"), reader.plan("item")
    columns = reader.layout.numbers("item")
    _report_merged(reader)
    for number, row in reader.rows():
        keys = reader.read(number, row, join, "", NO_ITEM)
        line = reader.sheet.line(number)
        entry, reason = index.find(keys.values)
        if entry is None:
            shown = str(keys.values.get("resource_code") or keys.values.get("resource_name") or "")
            column = next(iter(reader.layout.numbers("entry").values()), -1)
            finding = Finding("E168", "", NO_ITEM, shown, reason)
            reader.out.findings.append(Located(finding, Place(reader.sheet.name, line, column)))
            continue
        items = entry.content.setdefault("items", [])
        values, found = reader.read(number, row, plan, "items.", len(items))
        items.append(values)
        entry.item_origins.append(Origin(reader.sheet.name, line, columns))
        entry.findings.extend(found)


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
        """The entry that an item's row names, by code, else by name; or the reason of E168 why there is none."""
        code, name = keys.get("resource_code"), keys.get("resource_name")
        found = self.by_code.get(str(code), []) if code else []
        if not found:
            if not name:
                return None, "none" if code else "blank"
            found = self.by_name.get(fold(str(name)), [])
        if len(found) > 1:
            found = [e for e in found if _same_provider(e.content, keys)]
        if len(found) == 1:
            return found[0], ""
        return None, "ambiguous" if found else "none"


def _same_provider(content: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    given = [key for key in ("provider_code", "provider_name") if keys.get(key)]
    return bool(given) and all(content.get(key) == keys[key] for key in given)


def _report_merged(reader: SheetReader) -> None:
    for (top, left), (bottom, right) in reader.sheet.merged:
        if bottom > reader.layout.header_row:
            place = Place(reader.sheet.name, reader.sheet.line(max(top, 0)), left)
            shown = range_name(top, left, bottom, right)
            reader.out.findings.append(Located(Finding("E162", value=shown), place))


def range_name(top: int, left: int, bottom: int, right: int) -> str:
    """A1:B2 for rows and columns from 0."""
    return f"{column_letters(left)}{top + 1}:{column_letters(right)}{bottom + 1}"


# ---- one row an item --------------------------------------------------------------------------------------


def read_one_row(reader: SheetReader) -> None:
    """The national template and our CSV: one row an item, the entry's own columns repeated, merged or given once."""
    _spread_merged(reader)
    entry_plan, row_plan, item_plan = reader.plan("entry"), reader.plan("row"), reader.plan("item")
    columns = reader.layout.numbers("entry")
    item_columns = reader.layout.numbers("item") | reader.layout.numbers("row")
    reader.legacy.add_columns(columns)
    columns = columns | reader.layout.numbers("row")
    groups = _Groups(reader.out.entries)
    for number, row in reader.rows():
        values, found = reader.read(number, row, entry_plan, "", NO_ITEM)
        origin = Origin(reader.sheet.name, reader.sheet.line(number), columns)
        entry, is_new = groups.place(values, origin)
        row_values, row_found = reader.read(number, row, row_plan, "items.", len(entry.item_origins))
        reader.legacy.settle(row, row_values if reader.legacy.by_item else values, found, reader.readers)
        if is_new:
            entry.content.update(values)
            entry.findings.extend(found)
        else:
            row_values |= reader.compare(entry, values, origin)
        item, item_found = reader.read(number, row, item_plan, "items.", len(entry.item_origins))
        if item:
            entry.content.setdefault("items", []).append(item | row_values)
            entry.item_origins.append(Origin(reader.sheet.name, origin.row, item_columns))
            entry.findings.extend([*row_found, *item_found])
        else:
            groups.own_rows[id(entry)] = row_values
            entry.findings.extend(f._replace(field=f.field.removeprefix("items.")) for f in row_found)
    if row_plan or reader.legacy.by_item:
        for entry in groups.started:
            settle_rows(entry.content, groups.own_rows.get(id(entry), {}))


class _Groups:
    """Rows gathered into entries: by code, else by provider and name; a row that names nothing continues the last."""

    def __init__(self, entries: list[ReadEntry]) -> None:
        self.entries = entries
        self.started: list[ReadEntry] = []
        self.known: dict[tuple[str, str], ReadEntry] = {}
        self.last: ReadEntry | None = None
        self.own_rows: dict[int, dict[str, Any]] = {}

    def place(self, values: Mapping[str, Any], origin: Origin) -> tuple[ReadEntry, bool]:
        code, name = str(values.get("resource_code") or ""), str(values.get("resource_name") or "")
        if not code and not name and self.last is not None:
            return self.last, False
        key = ("", code) if code else (str(values.get("provider_code") or ""), fold(name))
        entry = self.known.get(key)
        is_new = entry is None
        if entry is None:
            entry = ReadEntry({}, origin)
            self.known[key] = entry
            self.entries.append(entry)
            self.started.append(entry)
        self.last = entry
        return entry, is_new


def _spread_merged(reader: SheetReader) -> None:
    """Merged cells of the entry's own columns count as the same value in every row; others are errors."""
    own = set(reader.layout.numbers("entry").values()) | set(reader.layout.numbers("legacy").values())
    own |= set(reader.layout.numbers("row").values())
    told: set[int] = set()
    for (top, left), (bottom, right) in reader.sheet.merged:
        if bottom <= reader.layout.header_row:
            continue
        shown = range_name(top, left, bottom, right)
        place = Place(reader.sheet.name, reader.sheet.line(top), left)
        if left != right or left not in own or top <= reader.layout.header_row:
            reader.out.findings.append(Located(Finding("E162", value=shown), place))
            continue
        value = reader.sheet.rows[top][left]
        for number in range(top + 1, min(bottom + 1, len(reader.sheet.rows))):
            reader.sheet.rows[number][left] = value
        if left not in told:
            told.add(left)
            header = next(c.header for c in reader.layout.columns if c.number == left)
            reader.out.findings.append(Located(Finding("W235", header, NO_ITEM, shown), place))


READ_BY_KIND = {ENTRIES: read_entries, ITEMS: read_items, ONE_ROW: read_one_row}


# ---- JSON Lines -------------------------------------------------------------------------------------------


def read_object(value: Mapping[str, Any], readers: Readers, origin: Origin) -> ReadEntry:
    """An entry given as a JSON object: keys of entry.yaml, items as a list of objects under ``items``."""
    entry = ReadEntry({}, origin)
    for key, raw in value.items():
        if key == "items":
            _read_item_list(raw, readers, entry)
        elif key in readers.entry:
            _take(readers.entry[key].read(raw), key, "", NO_ITEM, entry.content, entry.findings)
        elif raw not in (None, "", [], {}):
            _keep(str(key), raw, entry.content)
    return entry


def _keep(key: str, raw: Any, values: dict[str, Any]) -> None:
    """Keep what belongs to no field, as plain text, so that E150 can name it."""
    values[clean_text(key)[0][:64] or "?"] = clean_text(str(raw))[0][:500]


def _read_item_list(raw: Any, readers: Readers, entry: ReadEntry) -> None:
    if not isinstance(raw, list) or not all(isinstance(row, dict) for row in raw):
        if raw not in (None, "", [], {}):
            entry.content["items"] = clean_text(str(raw))[0][:500]
        return
    items: list[dict[str, Any]] = []
    for number, row in enumerate(raw):
        item: dict[str, Any] = {}
        for key, value in row.items():
            reader = readers.item.get(key)
            if reader is not None:
                _take(reader.read(value), key, "items.", number, item, entry.findings)
            elif value not in (None, "", [], {}):
                _keep(str(key), value, item)
        items.append(item)
        entry.item_origins.append(entry.origin)
    if items:
        entry.content["items"] = items


def read_lines(lines: Iterable[JsonLine], readers: Readers, out: Sheets) -> None:
    """The entries of a JSON Lines file; a line that is no object is a finding (E172, E167)."""
    for line in lines:
        place = Place("", line.line)
        if line.fault == "shape":
            out.findings.append(Located(Finding("E167", reason="shape"), place))
        elif line.fault:
            params = {"row": str(line.line), "detail": line.fault}
            out.findings.append(Located(Finding("E172", params=params), place))
        else:
            out.entries.append(read_object(line.value, readers, Origin("", line.line, {})))
