"""Tables as a database or a DDL file has them, before anybody calls them a catalogue entry."""

from dataclasses import dataclass


class CannotDraft(ValueError):
    """No draft can be made; the Chinese message names place, reason and cure, and never a password."""


@dataclass(frozen=True, slots=True)
class DraftNote:
    """What the steward must confirm, or what could not be read; ``table`` is "" for the whole file."""

    table: str
    column: str | None
    text: str


@dataclass(frozen=True, slots=True)
class PhysicalColumn:
    """A column. ``type_text`` starts with the SQL type as written, "" when the source tells none.

    ``remark`` marks a comment that is no stored comment but a ``-- …`` at the end of the column's line.
    """

    name: str
    type_text: str
    comment: str = ""
    remark: bool = False
    primary: bool = False
    auto_updated: bool = False


@dataclass(frozen=True, slots=True)
class PhysicalTable:
    name: str
    columns: tuple[PhysicalColumn, ...]
    comment: str = ""
    schema: str = ""
    view: bool = False


@dataclass(frozen=True, slots=True)
class TablesRead:
    """Tables and views with columns, what could not be read, and the names left out on purpose."""

    tables: list[PhysicalTable]
    notes: list[DraftNote]
    skipped: list[str]
