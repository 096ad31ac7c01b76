"""What the entries of one file tell of one another: doubled names, codes, drag-filled rows, other sources."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from validators.case import Content, Facts
from validators.folding import fold, is_year, without_number

LEAST_ITEMS = 3
Place = tuple[str, str]


def with_file(facts: Facts, contents: Sequence[Content], keys: Sequence[str]) -> Facts:
    """The facts with what the file itself tells added to them; ``keys[n]`` is the key of entry n."""
    names: dict[Place, tuple[str, ...]] = dict(facts.names)
    by_name = _Providers()
    by_items: dict[frozenset[str], list[tuple[str, str]]] = {}
    places: list[Place | None] = []
    for content, key in zip(contents, keys, strict=True):
        place = _place(content)
        places.append(place)
        if place is None:
            continue
        known = names.get(place)
        if known is None:
            names[place] = (key,)
        elif key not in known:
            names[place] = (*known, key)
        by_name.add(place[1], place[0])
        listed = content.get("items")
        if type(listed) is list and len(listed) >= LEAST_ITEMS:
            by_items.setdefault(item_set(listed), []).append((key, place[0]))
    return replace(
        facts,
        names=names,
        codes=_codes(facts, contents),
        elsewhere=by_name.shared(facts.elsewhere),
        twins=_twins(by_items),
        dragged=facts.dragged | _dragged(places),
    )


def _codes(facts: Facts, contents: Sequence[Content]) -> frozenset[str] | None:
    if facts.codes is None:
        return None
    return facts.codes | {code for c in contents if type(code := c.get("resource_code")) is str and code}


def _place(content: Content) -> Place | None:
    name, provider = content.get("resource_name"), content.get("provider_code")
    return (provider, fold(name)) if type(name) is str and type(provider) is str and name else None


def item_set(items: Iterable[Any]) -> frozenset[str]:
    """The folded names of an entry's items, by which two entries are seen to be the same (W222)."""
    rows = (item.get("item_name") for item in items if type(item) is dict)
    return frozenset(fold(name) for name in rows if type(name) is str)


def _twins(by_items: Mapping[frozenset[str], list[tuple[str, str]]]) -> frozenset[str]:
    """The keys of entries whose items another provider of the same city lists, too."""
    found: set[str] = set()
    for rows in by_items.values():
        if len(rows) > 1:
            providers = frozenset(provider for _key, provider in rows)
            found.update(key for key, provider in rows if elsewhere(providers, provider))
    return frozenset(found)


def elsewhere(providers: frozenset[str] | None, own: str) -> bool:
    """Whether an agency of the same city (first four digits of the region) but another code is among them."""
    if not providers or not own[2:6].isdigit():
        return False
    return any(p != own and p[2:6] == own[2:6] for p in providers)


class _Providers:
    """Who names what, as long as one provider does; a second one moves it to what is shared."""

    def __init__(self) -> None:
        self.first: dict[Any, str] = {}
        self.more: dict[Any, set[str]] = {}

    def add(self, key: Any, provider: str) -> None:
        first = self.first.setdefault(key, provider)
        if first != provider:
            self.more.setdefault(key, {first}).add(provider)

    def shared(self, known: Mapping[Any, frozenset[str]]) -> dict[Any, frozenset[str]]:
        """What the file and the register name together, kept where more than one provider does."""
        found = {key: frozenset(providers) for key, providers in self.more.items()}
        for key in known.keys() & self.first.keys():
            together = found.get(key, frozenset({self.first[key]})) | known[key]
            if len(together) > 1:
                found[key] = together
        return found


def dragged_names(contents: Sequence[Content]) -> frozenset[Place]:
    """Names that differ from a neighbouring row of the same provider in a running number only (W221).

    A year at the end is no running number: the same resource by years is daily work.
    """
    return _dragged([_place(content) for content in contents])


def _dragged(places: Sequence[Place | None]) -> frozenset[Place]:
    found: set[Place] = set()
    for here, there in pairwise(places):
        if here and there and here[0] == there[0] and here[1][-1:].isdigit() and _runs_on(here[1], there[1]):
            found |= {here, there}
    return frozenset(found)


def _runs_on(name: str, following: str) -> bool:
    (stem, number), (next_stem, next_number) = without_number(name), without_number(following)
    if number is None or next_number != number + 1 or stem != next_stem:
        return False
    return not (is_year(number) and is_year(next_number))
