"""Secret rows stop the whole file before anything is written (domain §12 R1).

Only places leave this module, never a value: neither the answer nor a log may repeat what was marked secret.
"""

import re
from collections.abc import Iterable, Iterator

from catalog_specs import Specs
from registry.rows import Place, Sheets
from registry.sheets import JsonLine, RawSheet
from validators.entry import secret_codes
from validators.findings import Finding



class SecretScan:
    """Looks for marks such as 秘密★ in cells and names, and for secret flags in what was read."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self.marks = [re.compile(pattern) for pattern in specs.entry.secret_marks]
        self.flags = {key: frozenset(secret_codes(key, specs)) for key in specs.entry.secret_columns if key in specs.fields}
        self.item_flags = {
            key: frozenset(secret_codes(f"items.{key}", specs)) for key in specs.entry.secret_columns if key in specs.items
        }

    def is_marked(self, text: str) -> bool:
        """Whether a text carries a secrecy mark."""
        return "密" in text and any(mark.search(text) for mark in self.marks)

    def of_sheets(self, sheets: Iterable[RawSheet]) -> Iterator[Place]:
        """The rows of a workbook or CSV that carry a mark, wherever they stand."""
        ignored = tuple(self.specs.entry.sheets.ignored_prefixes)
        for sheet in sheets:
            if self.is_marked(sheet.name):
                yield Place(sheet.name, 1)
            if sheet.name and sheet.name.startswith(ignored):
                continue  # dictionaries of templates list the words themselves
            for number, row in enumerate(sheet.rows):
                for cell in row:
                    if cell.__class__ is str and "密" in cell and self.is_marked(cell):
                        yield Place(sheet.name, sheet.line(number))
                        break

    def of_lines(self, lines: Iterable[JsonLine]) -> Iterator[Place]:
        for line in lines:
            if line.value is not None and any(self.is_marked(text) for text in _texts(line.value)):
                yield Place("", line.line)

    def of_entries(self, sheets: Sheets) -> Iterator[Place]:
        """The rows whose secrecy flag, in the entry or in an item, says that they are secret."""
        for entry in sheets.entries:
            content = entry.content
            if any(_in(content.get(key), codes) for key, codes in self.flags.items()):
                yield Place(entry.origin.sheet, entry.origin.row)
            if content.get("data_grade") in secret_codes("data_grade", self.specs):
                yield Place(entry.origin.sheet, entry.origin.row)
            items = content.get("items")
            for number, item in enumerate(items if isinstance(items, list) else ()):
                if isinstance(item, dict) and any(_in(item.get(k), codes) for k, codes in self.item_flags.items()):
                    origin = entry.item_origins[number]
                    yield Place(origin.sheet, origin.row)


def _in(value: object, codes: frozenset[str]) -> bool:
    return isinstance(value, str) and value in codes


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def secret_findings(places: Iterable[Place]) -> list[tuple[Finding, Place]]:
    """One E125 a row, without column and value."""
    rows = dict.fromkeys((place.sheet, place.row) for place in places)
    return [(Finding("E125"), Place(sheet, row)) for sheet, row in rows]
