"""JSON Lines read into entries: keys of entry.yaml, items as a list of objects under ``items``."""

from collections.abc import Iterable, Mapping
from typing import Any

from registry.origins import Located, Origin, Place, ReadEntry, Sheets
from registry.rows import Readers, take, too_long
from registry.text_files import JsonLine
from validators.findings import NO_ITEM, Finding, text_of
from validators.reading import Cell, Reader, clean_text

_BLANKS: tuple[Any, ...] = (None, "", [], {})


def read_lines(lines: Iterable[JsonLine], readers: Readers, out: Sheets) -> None:
    """The entries of a JSON Lines file; a line that is no object is a finding (E172, E167)."""
    for line in lines:
        place = Place("", line.line)
        if not line.fault:
            out.entries.append(_ObjectReader(readers, out, place).entry(line.value))
            continue
        out.broken += 1
        if line.fault == "shape":
            out.findings.append(Located(Finding("E167", reason="shape"), place))
        else:
            params = {"row": str(line.line), "detail": line.fault}
            out.findings.append(Located(Finding("E172", params=params), place))


class _ObjectReader:
    """Reads one entry given as an object. Keys that belong to no field are reported (E150) and not kept."""

    def __init__(self, readers: Readers, out: Sheets, place: Place) -> None:
        self.readers, self.out, self.place = readers, out, place
        self.read_entry = ReadEntry({}, Origin("", place.row, {}))

    def entry(self, given: Mapping[str, Any]) -> ReadEntry:
        for key, raw in given.items():
            if key == "items":
                self._items(raw)
            elif key in self.readers.entry:
                self._take(self.readers.entry[key], key, raw, NO_ITEM, self.read_entry.content)
            elif raw not in _BLANKS:
                self._unknown(str(key), NO_ITEM)
        return self.read_entry

    def _take(self, reader: Reader, key: str, raw: Any, item: int, values: dict[str, Any]) -> None:
        cell: Cell = too_long(raw, self.readers.longest) or reader.read(raw)
        if self.readers.is_secret(key, cell.value, item=item != NO_ITEM):
            self.out.secret.append(self.place)
        prefix = "" if item == NO_ITEM else "items."
        take(cell, key, prefix, item, values, self.read_entry.findings)

    def _unknown(self, key: str, item: int) -> None:
        shown = clean_text(key)[0][:64] or "?"
        params = {"value": shown, "place": "" if item == NO_ITEM else f"信息项 {item + 1} "}
        prefix = "" if item == NO_ITEM else "items."
        self.read_entry.findings.append(Finding("E150", f"{prefix}{shown}", item, shown, params=params))

    def _items(self, raw: Any) -> None:
        if raw in _BLANKS:
            return
        listed = raw if isinstance(raw, list) else [raw]
        items: list[dict[str, Any]] = []
        for row in listed:
            if not isinstance(row, dict):
                finding = Finding("E140", "items", NO_ITEM, text_of(clean_text(str(row))[0]), "items")
                self.read_entry.findings.append(finding)
                continue
            item = self._item(row, len(items))
            if item:
                items.append(item)
                self.read_entry.item_origins.append(self.read_entry.origin)
        if items:
            self.read_entry.content["items"] = items

    def _item(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        item: dict[str, Any] = {}
        for key, value in row.items():
            if key in self.readers.item:
                self._take(self.readers.item[key], key, value, number, item)
            elif value not in _BLANKS:
                self._unknown(str(key), number)
        if not item:
            self.read_entry.findings.append(Finding("W236", "items"))
        return item
