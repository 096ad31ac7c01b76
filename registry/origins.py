"""What was read from a file, each value with the place it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from validators.findings import Finding


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
    elsewhere: dict[int, Place] = field(default_factory=dict)

    def place(self, finding: Finding) -> Place:
        """The cell that a finding speaks of."""
        told = self.elsewhere.get(id(finding))
        if told is not None:
            return told
        if finding.field.startswith("items.") and 0 <= finding.item < len(self.item_origins):
            return self.item_origins[finding.item].place(finding.field[6:])
        return self.origin.place(finding.field)

    def add_elsewhere(self, finding: Finding, place: Place) -> None:
        """A finding of this entry in another row than its first, such as one that says otherwise."""
        self.findings.append(finding)
        self.elsewhere[id(finding)] = place


@dataclass(slots=True)
class Located:
    """A finding that belongs to no entry, with its place."""

    finding: Finding
    place: Place


@dataclass(slots=True)
class Sheets:
    """Everything read from one file: entries in order, findings beside them, header rows (1-based) by sheet.

    ``secret`` are the places whose secrecy flag says that nothing of this may be here. ``broken`` counts rows
    that became no entry at all.
    """

    entries: list[ReadEntry] = field(default_factory=list)
    findings: list[Located] = field(default_factory=list)
    headers: dict[str, int] = field(default_factory=dict)
    secret: list[Place] = field(default_factory=list)
    broken: int = 0
