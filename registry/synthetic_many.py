"""A great number of varied entries, made quickly, for measurements.

Names are unique. Half of the items bear a plain name, as real items do; the others bear one with words
before and after it, so that tables of remembered answers meet names they have not seen. Abstracts and
conditions differ from entry to entry.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from faker import Faker

from catalog_specs import load
from registry.synthetic_faults import FAULTS, Entry
from registry.synthetic_words import (
    OWN_CLASS,
    CreditCodeProvider,
    Department,
    Theme,
    items_of,
    sharing_of,
    words,
)

CITY = "520300"
BROKEN = 0.02
KINDS = {
    "日期": ("D", 10),
    "时间": ("T", 19),
    "数": ("I", 8),
    "量": ("N", 16),
    "额": ("Y", 16),
    "率": ("N", 6),
}


class _Word(NamedTuple):
    name: str
    code: str
    kind: str
    length: int


class _Plan(NamedTuple):
    """What the entries of a theme have in common."""

    content: Entry
    about: str
    noun: str
    condition: str
    persons: list[Entry]
    code: str


class _Agency(NamedTuple):
    area: str
    content: Entry


def many(count: int, seed: int = 1, items: int = 5) -> Iterator[dict[str, Any]]:
    """``count`` entries of Zunyi's departments with ``items`` items each, some 2 % broken in mixed ways.

    The same for the same seed. Lists are shared between entries: copy an entry before changing one in place.
    """
    mill = _Mill(seed, items)
    faults = list(FAULTS.values())
    for number in range(count):
        entry = mill.entry(number)
        if mill.random() < BROKEN:
            mill.rng.choice(faults)(entry, mill.rng)
        yield entry


class _Mill:
    """Tables made once, from which an entry is put together in some twenty microseconds."""

    def __init__(self, seed: int, items: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311  (made-up data, no secret)
        self.random: Callable[[], float] = self.rng.random
        self.items = items
        self.words = _plain_words()
        self.before, self.after = words().before, words().after
        self.plans = [plan for department in words().departments for plan in _plans(department)]
        self.agencies = _agencies(seed)

    def entry(self, number: int) -> Entry:
        roll = self.random
        plan = self.plans[int(roll() * len(self.plans))]
        agency = self.agencies[int(roll() * len(self.agencies))]
        word = self.words[int(roll() * len(self.words))].name
        items = self._items(plan)
        entry = {**plan.content, **agency.content}
        entry["resource_name"] = f"{agency.area}第{number + 1}批{word}{plan.noun}"
        named = f"{items[-1]['item_name']}、{items[-2]['item_name']}" if len(items) > 1 else word
        link = "，包括" if roll() < 0.5 else "，涉及"
        entry["resource_abstract"] = f"{agency.area}{plan.about}（第{number + 1}批）{link}{named}"
        if plan.condition:
            entry["share_condition"] = f"{plan.condition}，适用于{agency.area}{word}业务"
        if roll() < 0.5:
            entry["resource_code"] = f"{plan.code}/{number + 1:06d}"
        entry["items"] = items
        return entry

    def _items(self, plan: _Plan) -> list[Entry]:
        """The theme's identifiers of persons, if any, and words of the vocabulary, no word twice."""
        roll, known = self.random, self.words
        found = [dict(item) for item in plan.persons[: self.items]]
        place, step = int(roll() * len(known)), 1 + int(roll() * (len(known) // (self.items + 1) - 1))
        share, opening = plan.content["share_type"], plan.content["open_type"]
        for _ in range(self.items - len(found)):
            place = (place + step) % len(known)
            name, code, kind, length = known[place]
            draw = roll()
            if draw < 0.5:
                before = int(draw * 2 * len(self.before))
                after = int(roll() * len(self.after)) if draw < 0.25 else 0
                name, code = f"{self.before[before]}{name}{self.after[after]}", f"{code}_{before}_{after}"
            found.append(
                {
                    "item_name": name,
                    "item_code": code,
                    "data_type": kind,
                    "data_length": length,
                    "pii_class": "none",
                    "sensitive_flag": "0",
                    "share_type": share,
                    "open_type": opening,
                    "classified_flag": "0",
                }
            )
        return found


def _plain_words() -> list[_Word]:
    """Every name of an item that is no personal information, with a code, a type and a length."""
    found = []
    for name, row in words().items.items():
        if len(row) == 3:
            found.append(_Word(name, str(row[0]), str(row[1]), int(row[2])))
    for number, name in enumerate(words().words):
        kind = next((kind for ending, kind in KINDS.items() if name.endswith(ending)), ("C", 100))
        found.append(_Word(name, f"w{number}", *kind))
    return found


def _plans(department: Department) -> Iterator[_Plan]:
    own = load().resource_code.own_prefix
    head = f"{own.class_digit}{own.item}{own.province_mu}{CITY[2:4]}{department.code}"
    for place, theme in enumerate(department.themes, start=1):
        if "disclosure_basis" in theme.content or theme.source:
            continue  # these speak of items of their own or of another entry
        content = _common(department, theme)
        persons = [item for item in items_of(theme, content) if item["pii_class"] == "direct"]
        yield _Plan(content, theme.about, theme.name, theme.condition, persons, f"{head}{place:02d}")


def _common(department: Department, theme: Theme) -> Entry:
    return {
        "keywords": list(theme.keywords),
        "business_matter": list(theme.matter),
        "source_system_id": f"SYS-{department.code}{theme.system:02d}",
        "format_type": [department.systems[theme.system].engine],
        "time_range": "2021/01/01-2025/12/31",
        "spatial_scope": "4",
        "data_class": list(department.data_class),
        "data_domain": department.data_domain,
        "data_level": "3",
        "secret_flag": "非涉密",
        "provide_channel": "1",
        "sync_mechanism": "1",
        **sharing_of(theme),
        **words().recipes[theme.recipe].content,
        **theme.content,
    }


def _agencies(seed: int) -> list[_Agency]:
    """Every department of the city and of its counties."""
    fake = Faker("zh_CN")
    fake.seed_instance(seed)
    codes, city = CreditCodeProvider(fake), load().label("regions", CITY)
    found = []
    for row in load().codes["regions"].values:
        if row.attrs.get("successor") or CITY not in (row.code, row.attrs.get("parent")):
            continue
        for department in words().departments:
            name = f"{city}{'' if row.code == CITY else row.zh}{department.zh}"
            content = {
                "provider_name": name,
                "provider_code": codes.unified_social_credit_code("11", row.code),
                "resource_category": [f"{OWN_CLASS}/{name}"],
                "contact_name": fake.name(),
                "contact_phone": fake.numerify("0851-28######"),
            }
            found.append(_Agency(row.zh, content))
    return found
