"""Secret rows stop the whole file before anything is written (domain §12 R1).

Only places leave this module, never a value: neither the answer nor a log may repeat what was marked secret.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from catalog_specs import Specs
from registry.origins import Place
from registry.sheets import RawSheet
from registry.text_files import JsonLine
from validators.findings import Finding

# every mark and every word of secrecy holds this character
_SIGN = "密"
_ESCAPED_SIGN = "\\u5bc6"


class SecretScan:
    """Looks for marks such as 秘密★ in cells, headings, names and lines."""

    def __init__(self, specs: Specs) -> None:
        self.marks = [re.compile(pattern) for pattern in specs.entry.secret_marks]
        self.names = [re.compile(pattern) for pattern in specs.entry.secret_names]
        self.ignored = tuple(specs.entry.sheets.ignored_prefixes)
        self.listed = {
            spelling
            for codes in specs.codes.values()
            for value in codes.values
            for spelling in (value.code, value.zh, *value.aliases)
            if _SIGN in spelling
        }

    def is_marked(self, text: str) -> bool:
        """Whether a text carries a secrecy mark."""
        return _SIGN in text and any(mark.search(text) for mark in self.marks)

    def is_named(self, name: str) -> bool:
        """Whether a sheet or file is called secret; 非涉密 is not."""
        return self.is_marked(name) or (_SIGN in name and any(known.search(name) for known in self.names))

    def of_sheets(self, sheets: Iterable[RawSheet]) -> Iterator[Place]:
        """The rows of a workbook or CSV that carry a mark, wherever they stand, hidden or not."""
        for sheet in sheets:
            if self.is_named(sheet.name) or any(map(self.is_marked, sheet.beside)):
                yield Place(sheet.name, 1)
            # a dictionary of a template lists the words themselves
            passed = self.listed if sheet.name and sheet.name.startswith(self.ignored) else ()
            for number, row in enumerate(sheet.rows):
                for cell in row:
                    if (
                        cell.__class__ is str
                        and _SIGN in cell
                        and cell.strip() not in passed
                        and self.is_marked(cell)
                    ):
                        yield Place(sheet.name, sheet.line(number))
                        break

    def of_lines(self, lines: Iterable[JsonLine]) -> Iterator[Place]:
        """The lines that carry a mark in any text, key or value; a line that is no JSON is looked at as it stands."""
        for line in lines:
            if any(self.is_marked(text) for text in _texts(line)):
                yield Place("", line.line)


def _texts(line: JsonLine) -> Iterator[str]:
    if line.fault:
        yield line.text
        yield from re.split(r'["{}\[\],:]', line.text.replace(_ESCAPED_SIGN, _SIGN))
    waiting: list[Any] = [line.value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def secret_findings(places: Iterable[Place]) -> list[tuple[Finding, Place]]:
    """One E125 a row, without column and value."""
    rows = dict.fromkeys((place.sheet, place.row) for place in places)
    return [(Finding("E125"), Place(sheet, row)) for sheet, row in rows]
