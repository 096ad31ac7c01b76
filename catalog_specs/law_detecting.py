"""The law of finding people in data: how texts are read, what names hint at, numbers lost, and what is said of it."""

from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Pattern, Share, Words
from catalog_specs.model import Frozen, Marked

CheckName = Literal[
    "none", "mod11_2", "luhn", "hkid", "vin", "uscc", "org", "ipv6", "surname", "date", "range"
]
CodePoints = tuple[Annotated[str, Field(pattern=r"^[0-9A-F]{4}(-[0-9A-F]{4})?$")], ...]


class Groups(Frozen):
    """How a number may be written with blanks, hyphens or dots between its groups.

    ``least``: characters of every group but the last, 0 for none; ``layouts``: sizes of groups;
    ``alone``: layouts that count only where nothing else is joined to the number.
    """

    least: Annotated[int, Field(ge=0)] = 0
    layouts: tuple[tuple[int, ...], ...] = ()
    alone: tuple[tuple[int, ...], ...] = ()


class DetectorHints(Marked):
    """Words in a column's name and physical names, or parts of them, that hint at one detector."""

    names: tuple[Words, ...]
    codes: tuple[Words, ...] = ()
    sources: Citations


class DetectorText(Marked):
    """What a text is made before it is looked at: code points in hexadecimal, single or a range."""

    half_width: CodePoints
    blanks: CodePoints
    hyphens: CodePoints
    middle_dots: CodePoints
    check_letters: dict[Annotated[str, Field(pattern=r"^[A-Z]$")], CodePoints]
    dropped: CodePoints
    separators: Words
    gap_max: int
    point_groups_min: int
    sources: Citations


class LostNumber(Cited):
    """What a number looks like whose last digits a spreadsheet lost; ``of`` is the detector it looks like."""

    pattern: Pattern
    of: Key | None = None
    at_least: Share = 0
    ok: Annotated[tuple[str, ...], Field(min_length=1)]
    bad: Annotated[tuple[str, ...], Field(min_length=1)]


class Serials(Marked):
    """Numbers without a check digit that rise by at most ``step_max``: ``verdict`` is a key of verdicts."""

    at_least: Share
    min_values: int
    step_max: int
    verdict: Key
    zh: Words
    en: Words
    sources: Citations


class DetectorReasons(Marked):
    """Why a detector was found, as format strings; ``checks`` names the checks."""

    pattern: Words
    check: Words
    unchecked: Words
    hint: Words
    vote: Words
    column_name: Words
    verdict: Words
    among: Words
    serial: Words
    people: Words
    checks: dict[CheckName, Words]
    sources: Citations
