"""The shape of systems.yaml: the life of a government information system and the states of its data copies."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Words, by_key
from catalog_specs.model import Frozen, Marked

Asks = Literal["none", "number", "file", "either", "note"]


class Life(Cited):
    """A stage in the life of a system. ``counts``: it counts as a system that is there; ``over``: it was retired."""

    counts: bool
    over: bool


class FirstLife(Marked):
    allowed: tuple[Key, ...]
    default: Key
    sources: Citations


class SystemField(Cited):
    """What is entered of a system: a text of at most ``length`` characters, a day, or a code of the list ``codes``."""

    type: Literal["text", "day", "code"]
    length: int = 0
    codes: str = ""


class Term(Marked):
    """A period between two fields; one beyond ``clock`` (deadlines.yaml) is told, one that runs backwards refused."""

    first: Key
    last: Key
    clock: Key
    zh: Words
    en: Words
    wrong_zh: Words
    wrong_en: Words
    sources: Citations


class External(Marked):
    """What is said of the systems of the State and the province; which they are stands in duties.yaml."""

    zh: Words
    en: Words
    fix_zh: Words
    fix_en: Words
    sources: Citations


class Decrease(Marked):
    """What is said of an agency's number of systems; ``entered_zh``: what rose were systems entered as ones there."""

    zh: Words
    en: Words
    yes_zh: Words
    no_zh: Words
    entered_zh: Words
    sources: Citations


class LifeMove(Cited):
    """A step from one stage to the next. ``gates`` are keys of duties.yaml that must be passed; ``own``: made by a
    retirement, never by itself; ``external``: whether a system of the State or the province makes it here; ``back``:
    it leads to where the system stood before its last step (else ``to``); ``empty``: only without data that lie
    somewhere and entries in force."""

    starts: Annotated[tuple[Key, ...], Field(alias="from")]
    to: Key
    permission: Key
    gates: tuple[Key, ...]
    asks: Asks
    own: bool = False
    external: bool = True
    back: bool = False
    empty: bool = False


class CopyState(Cited):
    """What became of a data copy; ``terminal``: it is answered for. ``first``: it begins here; ``editable``: what
    was entered of it may be changed."""

    terminal: bool
    first: bool = False
    editable: bool = False


class CopyRecords(Marked):
    """Which kinds of wipe records answer for a kind of copy; ``ledger``: the sync ledger does, by reading back."""

    key: Key
    records: tuple[Key, ...]
    ledger: bool = False
    sources: Citations


class Identifying(Marked):
    """What tells one copy from another in a kind of wipe record, and the media that such a record is made for."""

    key: Key
    media: tuple[Key, ...]
    identified_by: Key
    sources: Citations


class CopyField(Cited):
    """A column of the list of copies. ``ids``: it stands in ``DataCopy.ids`` and is a field of retirement.yaml."""

    type: Literal["text", "texts", "day", "code", "kind", "medium"]
    length: int = 0
    codes: str = ""
    required: bool = False
    ids: bool = False
    example: str = ""
    aliases: tuple[Words, ...] = ()


class CopySheet(Marked):
    """The sheet of copies: its name, the rows that are no data (``…_prefix``), how many rows have drop-downs."""

    zh: Words
    help_prefix: Words
    sample_prefix: Words
    rows: int
    sources: Citations


class CopySaying(Cited):
    """What is said against a copy, with the cure; {names} are filled in."""

    fix_zh: Words
    fix_en: Words


class Systems(Frozen):
    lives: tuple[Life, ...]
    first: FirstLife
    fields: tuple[SystemField, ...]
    term: Term
    external: External
    decrease: Decrease
    moves: tuple[LifeMove, ...]
    copy_states: tuple[CopyState, ...]
    identifying: tuple[Identifying, ...]
    copy_fields: tuple[CopyField, ...]
    copy_sheet: CopySheet
    copy_says: tuple[CopySaying, ...]
    copies: tuple[CopyRecords, ...]

    @cached_property
    def life_index(self) -> dict[str, Life]:
        return by_key(self.lives)

    @cached_property
    def move_index(self) -> dict[str, LifeMove]:
        return by_key(self.moves)

    @cached_property
    def field_index(self) -> dict[str, SystemField]:
        return by_key(self.fields)

    @cached_property
    def copy_state_index(self) -> dict[str, CopyState]:
        return by_key(self.copy_states)

    @cached_property
    def copy_index(self) -> dict[str, CopyRecords]:
        return {row.key: row for row in self.copies}

    @cached_property
    def copy_field_index(self) -> dict[str, CopyField]:
        return by_key(self.copy_fields)

    @cached_property
    def saying(self) -> dict[str, CopySaying]:
        return by_key(self.copy_says)

    @cached_property
    def first_copy_state(self) -> str:
        """The state in which a copy is entered."""
        return next(state.key for state in self.copy_states if state.first)

    def identified_by(self, kind: str, medium: str = "") -> tuple[str, ...]:
        """The keys of which one must be given for a copy of ``kind`` on ``medium``; empty where the ledger answers.

        Without a medium, and for a kind of record that is made for none, every record of the kind counts.
        """
        index = {row.key: row for row in self.identifying}
        rows = [index[name] for name in self.copy_index[kind].records]
        fitting = [row for row in rows if not (medium and row.media) or medium in row.media]
        # on a medium that does not fit, which is refused anyway, something must identify it all the same
        return tuple(row.identified_by for row in fitting or rows)

    def media_of(self, kind: str) -> tuple[str, ...]:
        """The media on which a copy of ``kind`` may lie."""
        allowed = self.copy_index[kind].records
        return tuple(medium for row in self.identifying if row.key in allowed for medium in row.media)
