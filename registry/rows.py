"""Rows of a sheet turned into stored values, each with the cell it came from.

Rows are only read here; the rules judge them afterwards. What a reader cannot take is kept as text and reported.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from catalog_specs import Specs
from registry.layout import Layout
from registry.legacy import Legacy
from registry.origins import Located, Origin, Place, Sheets
from registry.sheets import RawSheet
from registry.workbook_cells import column_letters
from validators.entry import secret_codes
from validators.findings import NO_ITEM, Finding
from validators.reading import BLANK, Cell, Issue, Reader

Plan = list[tuple[int, str, Reader]]


class Readers:
    """The readers of all fields of a specification, and which values of them are secret."""

    def __init__(self, specs: Specs) -> None:
        self.entry = {key: Reader(spec, specs) for key, spec in specs.fields.items()}
        self.item = {key: Reader(spec, specs) for key, spec in specs.items.items()}
        self.plain = self.entry["justification"]  # any text without codes, pattern or list
        self.longest = specs.entry.limits["cell_characters"]
        flags = [key for key in (*specs.entry.secret_columns, "data_grade") if key in specs.fields]
        self.entry_secrets = {key: frozenset(secret_codes(key, specs)) for key in flags}
        self.secret_words = [re.compile(pattern) for pattern in specs.entry.secret_words]
        # a column of flags says the same thing in every row
        self._has_secret_word = lru_cache(maxsize=4096)(self._find_secret_word)
        item_flags = [key for key in specs.entry.secret_columns if key in specs.items]
        self.item_secrets = {key: frozenset(secret_codes(f"items.{key}", specs)) for key in item_flags}

    def of(self, key: str) -> Reader:
        """The reader of a secrecy flag, of the entry or of an item."""
        return self.entry[key] if key in self.entry_secrets else self.item[key]

    def is_secret(self, key: str, value: Any, *, item: bool) -> bool:
        """Whether a stored value of a secrecy flag or grade says that it may not be here.

        A value that is no code of ours counts by its words: 机密级(5年) is secret, 非涉密 is not.
        """
        codes = (self.item_secrets if item else self.entry_secrets).get(key)
        if codes is None or value is None:
            return False
        return str(value) in codes or self._has_secret_word(str(value))

    def _find_secret_word(self, value: str) -> bool:
        return any(word.search(value) for word in self.secret_words)


def take(cell: Cell, key: str, prefix: str, item: int, values: dict[str, Any], found: list[Finding]) -> None:
    """Put what was read into ``values`` and what was met on the way into ``found``."""
    if cell.value is not None:
        values[key] = cell.value
    if cell.beside:
        for other, value in cell.beside.items():
            values.setdefault(other, value)
    for issue in cell.issues:
        params = {"value": issue.value}
        found.append(Finding(issue.rule, f"{prefix}{key}", item, issue.value, issue.reason, params))


def _first_text(row: Sequence[Any]) -> str:
    """The first text of a row without blanks around it; empty when the row says nothing."""
    first = row[0] if row else ""
    if first.__class__ is str and first and not first.isspace():
        return str(first).strip()
    return next((text for c in row if c not in ("", None) and (text := str(c).strip())), "")


def too_long(raw: Any, longest: int) -> Cell | None:
    """An unread cell for a value that no spreadsheet cell could hold (E175); None for one of bearable length."""
    size, parts = _size(raw)
    # written into one cell, each part brings a separator, and separators in it are escaped
    written = 2 * size + parts if parts else size
    return Cell(None, (Issue("E175", str(size)),)) if written > longest else None


def _size(raw: Any) -> tuple[int, int]:
    """How many characters and parts a value has; a plain one has no parts."""
    if raw.__class__ is str:
        return len(raw), 0
    inner = raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else ()
    sizes = [_size(part) for part in inner]
    return sum(size for size, _ in sizes), sum(parts + 1 for _, parts in sizes)


class Values(NamedTuple):
    """The stored values of one row, and what was met on the way."""

    values: dict[str, Any]
    findings: list[Finding]


class SheetReader:
    """Reads the rows of one sheet by its layout."""

    def __init__(self, sheet: RawSheet, layout: Layout, specs: Specs, readers: Readers, out: Sheets) -> None:
        self.sheet, self.layout, self.specs, self.out = sheet, layout, specs, out
        self.readers = readers
        self.legacy = Legacy(layout, specs)
        self.special: dict[int, dict[int, str]] = defaultdict(dict)
        for (row, column), cell in sheet.special.items():
            self.special[row][column] = cell.kind
        self.skipped = {
            specs.entry.sheets.help_prefix: "",
            specs.entry.sheets.sample_prefix: "N301",
        }
        self.watched = [(c.number, c.key) for c in layout.columns if c.target == "watch"]
        self.width = len(sheet.rows[layout.header_row])
        out.headers[sheet.name] = sheet.line(layout.header_row)
        for column, finding in layout.findings:
            self.report(finding, layout.header_row, column)

    def report(self, finding: Finding, number: int, column: int = -1) -> None:
        """A finding of the sheet itself, in row ``number`` (from 0)."""
        self.out.findings.append(Located(finding, Place(self.sheet.name, self.sheet.line(number), column)))

    def rows(self) -> Iterable[tuple[int, list[Any]]]:
        """The rows below the header that say something, with their number from 0."""
        for number in range(self.layout.header_row + 1, len(self.sheet.rows)):
            row = self.sheet.rows[number]
            if not any(row) and number not in self.special:
                continue
            first = _first_text(row)
            if not first and number not in self.special:
                continue
            if self._is_skipped(first, number):
                continue
            if self.watched:
                self._watch(number, row)
            if len(row) > self.width and any(cell not in ("", None) for cell in row[self.width :]):
                params = {"width": str(self.width)}
                self.report(Finding("E176", value=str(len(row)), params=params), number, self.width)
            yield number, row

    def _is_skipped(self, first: str, number: int) -> bool:
        """Whether a row is the template's help or sample: its first cell begins with 填写说明： or 示例：."""
        if not first.startswith(tuple(self.skipped)):
            return False
        for prefix, rule in self.skipped.items():
            if first == prefix or first.startswith((f"{prefix}：", f"{prefix}:")):
                if rule:
                    self.report(Finding(rule, value=first[:20]), number, 0)
                return True
        return False

    def _watch(self, number: int, row: Sequence[Any]) -> None:
        for column, key in self.watched:
            if column < len(row):
                value = self.readers.of(key).read(row[column]).value
                self._note_secret(key, value, number, item=key in self.readers.item_secrets)

    def _note_secret(self, key: str, value: Any, number: int, *, item: bool) -> None:
        if self.readers.is_secret(key, value, item=item):
            self.out.secret.append(Place(self.sheet.name, self.sheet.line(number)))

    def plan(self, target: str) -> Plan:
        """Column number, field key and reader of all columns of one target."""
        readers = self.readers.entry if target == "entry" else self.readers.item
        filled = {n for n in self.layout.numbers(target).values() if self._is_filled(n)}
        return [(n, key, readers[key]) for key, n in self.layout.numbers(target).items() if n in filled]

    def _is_filled(self, column: int) -> bool:
        """Whether a column says anything below the header; most of a long template stays blank."""
        below = self.sheet.rows[self.layout.header_row + 1 :]
        if any(column < len(row) and row[column] not in ("", None) for row in below):
            return True
        return any(column in cells for cells in self.special.values())

    def read(self, number: int, row: Sequence[Any], plan: Plan, prefix: str, item: int) -> Values:
        """The stored values of one row under a plan, and what was met on the way."""
        values: dict[str, Any] = {}
        found: list[Finding] = []
        special = self.special.get(number)
        width, longest = len(row), self.readers.longest
        secrets = self.readers.item_secrets if prefix else self.readers.entry_secrets
        for column, key, reader in plan:
            raw = row[column] if column < width else ""
            if special and column in special:
                found.append(self._special(special[column], raw, f"{prefix}{key}", item))
                self._note_secret(key, reader.read(raw).value, number, item=bool(prefix))
                continue
            if raw == "":
                continue
            cell = reader.memo.get(raw) if raw.__class__ is str else None
            if cell is None:
                cell = too_long(raw, longest) or reader.read(raw)
            if key in secrets:
                self._note_secret(key, cell.value, number, item=bool(prefix))
            if cell.issues or cell.beside:
                take(cell, key, prefix, item, values, found)
            elif cell.value is not None:
                values[key] = cell.value
        return Values(values, found)

    @staticmethod
    def _special(kind: str, raw: Any, key: str, item: int) -> Finding:
        shown = str(raw)[:200]
        return Finding("E163" if kind == "formula" else "E164", key, item, shown, params={"value": shown})

    def settle_legacy(
        self, number: int, row: Sequence[Any], values: dict[str, Any], *, beside: Mapping[str, Any]
    ) -> list[Located]:
        """Feed the fields of one row from its legacy columns; gives what was met on the way, with its place."""
        found: list[Located] = []
        if not self.legacy.columns:
            return found
        texts: dict[int, str] = {}
        special = self.special.get(number, {})
        for column, legacy in self.legacy.columns:
            raw = row[column] if column < len(row) else ""
            key, place = legacy.feeds[0], Place(self.sheet.name, self.sheet.line(number), column)
            if column in special:
                found.append(Located(self._special(special[column], raw, key, NO_ITEM), place))
                continue
            cell = self._legacy_text(raw)
            if cell.value is not None:
                texts[column] = cell.value
            met: list[Finding] = []
            take(cell, key, "", NO_ITEM, {}, met)
            found += [Located(finding, place) for finding in met]
        notes = self.legacy.settle(texts, values, self.readers, beside=beside)
        place = Place(self.sheet.name, self.sheet.line(number))
        return found + [Located(note, place._replace(column=column)) for column, note in notes]

    def _legacy_text(self, raw: Any) -> Cell:
        """A cell of an older layout as text: it is no field of ours, but is cleaned as a text field is."""
        if raw in ("", None):
            return BLANK
        if isinstance(raw, bool):
            return Cell("是" if raw else "否")
        return too_long(raw, self.readers.longest) or self.readers.plain.read(raw)


def report_merged(reader: SheetReader) -> None:
    """Every merged area below the header that holds anything is an error: which rows it means is not told."""
    for (top, left), (bottom, right) in reader.sheet.merged:
        if bottom > reader.layout.header_row and top < len(reader.sheet.rows):
            shown = range_name(top, left, bottom, right)
            reader.report(Finding("E162", value=shown), max(top, 0), left)


def range_name(top: int, left: int, bottom: int, right: int) -> str:
    """A1:B2 for rows and columns from 0."""
    return f"{column_letters(left)}{top + 1}:{column_letters(right)}{bottom + 1}"


def origin_of(reader: SheetReader, number: int, columns: Mapping[str, int]) -> Origin:
    """Where row ``number`` (from 0) of a sheet stands."""
    return Origin(reader.sheet.name, reader.sheet.line(number), columns)
