"""What the checks of wipe records speak of: findings, the facts around a record, names and media made comparable."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from validators.folding import fold

Content = Mapping[str, Any]
RULE = "E132"
_BRACKETED = re.compile(r"[(\[【〔][^)\]】〕]*[)\]】〕]")
_SHORTEST = 2


class Term(NamedTuple):
    """Keys of a table of the specifications; they are worded where the finding is."""

    table: str
    keys: tuple[str, ...]


class WipeFinding(NamedTuple):
    """One rule that a record breaks. ``where`` is a field, or a part of one (``operator.name``).

    ``reason`` is a key of ``says`` in wiping.yaml; empty: the rule's own words.
    """

    rule: str
    level: str
    where: str = ""
    reason: str = ""
    params: Mapping[str, str | Term] = {}


class WipeFacts(NamedTuple):
    """What a record cannot know of itself.

    ``step``: up to which step (wiping.yaml) fields are demanded. ``not_before``: the day of retirement. ``passed``,
    ``waiting`` and ``elsewhere`` are serial numbers (``serial_key``) that passed in this case, wait in it for their
    verification, or stand in others. ``failed``: media
    (``medium_key``) whose wipe failed, with the method. ``unanswered`` and ``holds`` are what closing still waits for,
    ``reread`` the share of the media of the case that a second tool read (None: there are no media). ``recorder`` and
    ``verifier`` are logins and names of those who act.
    """

    case: str = ""
    step: str = "issue"
    now: datetime | None = None
    system_known: bool = False
    not_before: date | None = None
    passed: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    failed: Mapping[str, str] = {}
    unanswered: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    reread: float | None = None
    recorder: frozenset[str] = frozenset()
    verifier: frozenset[str] = frozenset()


def serial_key(serial: Any) -> str:
    """A serial number for comparison: width, case, blanks and invisible characters do not tell two apart."""
    plain = unicodedata.normalize("NFKC", str(serial or "")).casefold()
    if plain.isalnum():
        return plain
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) != "Cf")


def medium_key(content: Content) -> str:
    """What a record wiped, for comparison: a serial number, cloud ids, or a contract with its copies; else empty."""
    if content.get("serial_no"):
        return serial_key(content["serial_no"])
    ids = content.get("storage_ids")
    if isinstance(ids, list) and ids:
        return "|".join(sorted(map(serial_key, ids)))
    if not content.get("contract_no"):
        return ""
    rows = content.get("copies_covered")
    named = (
        [str(row.get("copy")) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    )
    return "|".join((serial_key(content["contract_no"]), *sorted(named)))


def person_key(person: Any, titles: Iterable[str] = ()) -> str:
    """A person's name for comparison, without titles; empty when none is named."""
    found = person if isinstance(person, Mapping) else {}
    name, own = found.get("name"), found.get("title")
    if not isinstance(name, str):
        return ""
    return name_key(name, (*titles, own) if isinstance(own, str) else titles)


def name_key(name: str, titles: Iterable[str] = ()) -> str:
    """A name for comparison: without what stands in brackets and the titles behind it (张三（工程师）, 张三同志)."""
    plain = fold(_BRACKETED.sub("", unicodedata.normalize("NFKC", name))) or fold(name)
    behind = sorted({fold(title) for title in titles} - {""}, key=len, reverse=True)
    for title in behind:
        # a surname alone is no name: 张工程师 stays whole
        if plain.endswith(title) and len(plain) - len(title) >= _SHORTEST:
            plain = plain.removesuffix(title)
    return plain


def whole(content: Content, *parts: Content | None) -> dict[str, Any]:
    """A record's content with what verifier, witness and approver added later; theirs stands above it."""
    found = dict(content)
    for part in parts:
        found |= dict(part or {})
    return found
