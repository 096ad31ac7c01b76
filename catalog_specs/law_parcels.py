"""The shape of sync.yaml ``parcels``: how much a parcel holds, how receipts and lists of the province are worded."""

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, model_validator

from catalog_specs.law_release import Citations, Cited, Key, Named, Words, by_key
from catalog_specs.model import Marked

Count = Annotated[int, Field(ge=1)]
Folder = Annotated[str, Field(pattern=r"^[a-z]+$")]
Outcome = Literal["", "present", "gone"]


class Limits(Marked):
    """What a parcel may hold: so many ``entries``, ``bytes`` of files; texts of ``text_bytes`` each, a manifest of
    ``manifest_bytes``, ``receipts`` of so many bytes read. A worker holds its entries for ``lease`` seconds."""

    entries: Count
    bytes: Count
    text_bytes: Count
    manifest_bytes: Count
    receipt_bytes: Count
    lease: Annotated[float, Field(gt=0)]
    sources: Citations


class Folders(Marked):
    """Sub-folders of a place: where receipts come in, where what was read is put."""

    receipts: Folder
    done: Folder
    sources: Citations


class WordedColumn(Named):
    """A column of a file that others write, found by any of ``names``."""

    names: Annotated[tuple[Words, ...], Field(min_length=1)]
    required: bool = False


class WordedState(Named):
    """What others say became of an entry. For what was put there it comes to ``put``, for what was withdrawn to
    ``withdraw`` (states of the ledger; empty: it stays as it is); ``trouble`` is what it brings.

    ``final``: nothing more is to come for this parcel. ``refutes``: acts for which the word makes no sense.
    """

    words: Annotated[tuple[Words, ...], Field(min_length=1)]
    put: Outcome = ""
    withdraw: Outcome = ""
    trouble: Literal["", "refused"] = ""
    final: bool = True
    refutes: tuple[Literal["put", "withdraw"], ...] = ()


class Receipts(Marked):
    """Receipts of the province, a row an entry. ``clock`` (deadlines.yaml) is how long one is waited for."""

    clock: Key
    columns: tuple[WordedColumn, ...]
    ignored: tuple[Words, ...]
    states: tuple[WordedState, ...]
    sources: Citations

    @cached_property
    def state_index(self) -> dict[str, WordedState]:
        return by_key(self.states)


class Listing(Marked):
    """The province's own list of everything that stands there."""

    columns: tuple[WordedColumn, ...]
    ignored: tuple[Words, ...]
    sources: Citations


class Fault(Named):
    """What is wrong with a file of others: ``zh`` and ``en`` say what, ``cure`` what to do; {…} is filled in."""

    cure_zh: Words
    cure_en: Words


class StewardTask(Cited):
    """What the steward finds in his queue when a target of one of ``kinds`` refused an entry; who may make ``move``
    finds it there."""

    kinds: tuple[Key, ...]
    troubles: tuple[Key, ...]
    move: Key
    cure_zh: Words
    cure_en: Words


class Parcels(Marked):
    """``withdrawals`` and ``carried`` are the columns of the tables in a parcel for the province; ``withdrawn_zh`` is
    the reason where an entry has no more to say."""

    limits: Limits
    folders: Folders
    acts: tuple[Cited, ...]
    withdrawals: tuple[Named, ...]
    carried: tuple[Named, ...]
    withdrawn_zh: Words
    receipts: Receipts
    listing: Listing
    faults: tuple[Fault, ...]
    task: StewardTask

    @cached_property
    def fault_index(self) -> dict[str, Fault]:
        return by_key(self.faults)

    @model_validator(mode="after")
    def _words_mean_one_thing(self) -> "Parcels":
        """A heading or a word that means two things would be read as the first."""
        for rows in (self.receipts.columns, self.listing.columns):
            _demand_distinct(name for row in rows for name in row.names)
        _demand_distinct(word for row in self.receipts.states for word in row.words)
        return self


def _demand_distinct(names: Iterable[str]) -> None:
    listed = list(names)
    twice = {name for name in listed if listed.count(name) > 1}
    if twice:
        raise ValueError(f"{'、'.join(sorted(twice))} 写了两次")
