"""Demonstration data: the departments, systems and catalogue entries of two cities, invented from a seed.

``demonstration`` makes a catalogue that an official would take for real, a share of it wrong in every way the
rules know; ``many`` makes a great number of varied entries quickly, for measurements. The words stand in
``catalog_specs/demo.yaml``. Nothing here is real: names come from Faker, credit codes only pass their checks.
"""

import copy
import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from faker import Faker

from catalog_specs import load, profile_of_region
from registry.synthetic_faults import APART, FAULTS, PAIRS, Entry, suits
from registry.synthetic_many import many
from registry.synthetic_words import (
    OWN_CLASS,
    City,
    CreditCodeProvider,
    Department,
    Theme,
    items_of,
    sharing_of,
    words,
)
from validators.codes import format_sequence

__all__ = ["FAULTS", "PAIRS", "CreditCodeProvider", "Demo", "demonstration", "many"]
FORMS = {"1": "库表", "2": "文件", "3": "服务接口"}


# ---- the demonstration ------------------------------------------------------------------------------------


class Variant(NamedTuple):
    """One resource among those of a theme: its number, its name, the county or year that it is limited to."""

    number: int
    name: str
    county: str
    year: int


@dataclass(frozen=True)
class Agency:
    """A department of a city with what its entries have in common."""

    code: str
    name: str
    city: City
    department: Department
    systems: list[dict[str, str]]

    @property
    def row(self) -> dict[str, str]:
        return {"code": self.code, "name": self.name, "region": self.city.region, "kind": "政府部门"}


@dataclass(frozen=True)
class Demo:
    """Agencies {code, name, region, kind}, systems {id, name, agency_code, class, profile}, entries."""

    agencies: list[dict[str, str]]
    systems: list[dict[str, str]]
    entries: list[dict[str, Any]]

    def by_profile(self) -> dict[str, list[dict[str, Any]]]:
        """The entries by the profile of their provider's city, which no fault touches, in order."""
        profiles = {row["name"]: profile_of_region(row["region"]) or "" for row in self.agencies}
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for entry in self.entries:
            found[profiles[entry["provider_name"]]].append(entry)
        return dict(found)


def demonstration(
    seed: int = 2026, *, agencies: int = 12, systems: int = 30, entries: int = 300, wrong: float = 0.2
) -> Demo:
    """A catalogue of two cities, the same for the same seed; a share of ``wrong`` entries breaks rules.

    Entries stand agency by agency, as in a file. The good ones have no error under their city's profile.

    Raises:
        ValueError: more agencies, systems or entries are wanted than the vocabulary can tell apart.
    """
    maker = _Maker(seed)
    made = maker.agencies(agencies, systems)
    rows: list[Entry] = []
    for number, agency in enumerate(made):
        rows.extend(maker.entries(agency, len(range(number, entries, agencies))))
    _spoil(rows, round(entries * wrong), maker.rng)
    return Demo([a.row for a in made], [s for a in made for s in a.systems], rows)


class _Maker:
    """Makes agencies, systems and good entries from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311  (made-up data, no secret)
        self.fake = Faker("zh_CN")
        self.fake.seed_instance(seed)
        self.codes = CreditCodeProvider(self.fake)
        self.words = words()
        self.specs = load()

    def agencies(self, count: int, systems: int) -> list[Agency]:
        """Departments of the cities by turns; each has its first system before any has its second."""
        departments, cities = self.words.departments, self.words.cities
        if not 1 <= count <= len(departments) * len(cities) or systems > count * 3:
            raise ValueError(f"at most {len(departments) * len(cities)} agencies with 3 systems each")
        found: list[Agency] = []
        for n in range(count):
            city = cities[(n + n // len(departments)) % len(cities)]
            found.append(self._agency(departments[n % len(departments)], city, {a.code for a in found}))
        for number in range(systems):
            self._system(found[number % count], number // count, number + 1)
        return found

    def _agency(self, department: Department, city: City, taken: set[str]) -> Agency:
        code = ""
        while not code or code in taken:
            code = self.codes.unified_social_credit_code("11", city.region)
        name = self.specs.label("regions", city.region) + department.zh
        return Agency(code, name, city, department, [])

    def _system(self, agency: Agency, place: int, number: int) -> None:
        known = agency.department.systems[place]
        row = {"id": f"SYS-{number:04d}", "name": known.zh, "agency_code": agency.code}
        profile = profile_of_region(agency.city.region) or ""
        agency.systems.append(row | {"class": known.system_class, "profile": profile})

    def entries(self, agency: Agency, count: int) -> list[Entry]:
        """The first ``count`` resources of an agency: one of each theme, then a second of each, and so on."""
        counties, themes = self._counties(agency.city), agency.department.themes
        rows = zip_longest(
            *([(place, v) for v in self._variants(t, counties)] for place, t in enumerate(themes))
        )
        picked = list(islice((pair for row in rows for pair in row if pair), count))
        if len(picked) < count:
            raise ValueError(f"{agency.name} has words for {len(picked)} entries, not {count}")
        return [self._entry(agency, themes[place], variant) for place, variant in sorted(picked)]

    def _counties(self, city: City) -> list[str]:
        rows = self.specs.codes["regions"].values
        found = [r.zh for r in rows if r.attrs.get("parent") == city.region and not r.attrs.get("successor")]
        self.rng.shuffle(found)
        return found

    def _variants(self, theme: Theme, counties: list[str]) -> list[Variant]:
        names = (theme.name, *theme.kinds)
        years = self.words.years if "year" in theme.vary else ()
        found = [(name, "", 0) for name in names]
        split = list(zip_longest(counties if "county" in theme.vary else (), reversed(years), fillvalue=""))
        for name in names:
            for county, year in split:
                found += [(name, str(county), 0)] if county else []
                found += [(name, "", int(year))] if year else []
        return [Variant(number, *row) for number, row in enumerate(found, start=1)]

    def _entry(self, agency: Agency, theme: Theme, variant: Variant) -> Entry:
        recipe = self.words.recipes[theme.recipe].content
        entry = {
            "resource_name": f"{variant.county}{_year(variant)}{variant.name}",
            **self._classes(agency, theme, variant),
            **self._provider(agency),
            **sharing_of(theme),
            **self._supply(agency, theme, variant),
            **copy.deepcopy(recipe | theme.content),
        }
        entry["items"] = items_of(theme, entry)
        self._complete(entry, agency, theme, variant)
        order = {key: place for place, key in enumerate([*self.specs.fields, "items"])}
        return {key: entry[key] for key in sorted(entry, key=order.__getitem__)}

    def _classes(self, agency: Agency, theme: Theme, variant: Variant) -> Entry:
        area = variant.county or self.specs.label("regions", agency.city.region)
        listed = "、".join(theme.items)
        return {
            "resource_abstract": f"{area}{_year(variant)}{theme.about}，包括{listed}",
            "keywords": list(theme.keywords),
            "business_matter": list(theme.matter),
            "resource_category": [f"{OWN_CLASS}/{agency.name}"],
            "data_class": list(agency.department.data_class),
            "data_domain": agency.department.data_domain,
            "data_level": "3",
            "spatial_scope": "3" if variant.county else "4",
            "secret_flag": "非涉密",
            "legal_basis": f"{agency.name}主要职责：{theme.matter[0]}",
        }

    def _provider(self, agency: Agency) -> Entry:
        return {
            "provider_name": agency.name,
            "provider_code": agency.code,
            "provider_division": self.rng.choice(agency.department.divisions),
            "contact_name": self.fake.name(),
            "contact_phone": self.fake.numerify(agency.city.phone),
        }

    def _supply(self, agency: Agency, theme: Theme, variant: Variant) -> Entry:
        known = [row["id"] for row in agency.systems] or ["无系统(台账)"]
        begins = variant.year or self.rng.choice(self.words.years)
        ends = f"-{variant.year}/12/31" if variant.year else ""
        return {
            "source_system_id": known[theme.system % len(known)],
            "format_type": [agency.department.systems[theme.system].engine],
            "time_range": f"{begins}/01/01{ends}",
            "provide_channel": "1",
            "sync_mechanism": self.rng.choice("12"),
            "physical_deletion": False,
        }

    def _complete(self, entry: Entry, agency: Agency, theme: Theme, variant: Variant) -> None:
        themes = agency.department.themes
        if self.rng.random() < 0.5 or any(other.source == theme.name for other in themes):
            entry["resource_code"] = self._code(agency, theme, variant.number)
        if theme.source:
            source = next(other for other in themes if other.name == theme.source)
            code = self._code(agency, source, 1)
            entry["derived_from"] = {"code": code, "version": "1", "method": "去标识、泛化"}
        if "share_mode_type" in entry:
            entry["provide_form"] = [FORMS[mode] for mode in entry["share_mode_type"]]

    def _code(self, agency: Agency, theme: Theme, number: int) -> str:
        spec = self.specs.resource_code
        own, business = spec.own_prefix, agency.department.themes.index(theme) + 1
        head = f"{own.class_digit}{own.item}{own.province_mu}{agency.city.region[2:4]}"
        return format_sequence(f"{head}{agency.department.code}{business:02d}", number, spec)


def _year(variant: Variant) -> str:
    return f"{variant.year}年" if variant.year else ""


# ---- what is wrong with it --------------------------------------------------------------------------------


def _spoil(entries: list[Entry], budget: int, rng: random.Random) -> None:
    """Break ``budget`` entries: some in pairs, then every fault by turns, two in one entry if need be."""
    # what is desensitized is opened in the demonstration, and so must be right
    free = {place for place, entry in enumerate(entries) if not entry.get("processing_level")}
    left = budget - _spoil_pairs(entries, free, budget, rng)
    rules, broken = list(FAULTS), set[int]()
    for n in range(max(left, min(len(rules), 2 * left))):
        rule = rules[n % len(rules)]
        among = free if n < left else broken
        fit = [place for place in sorted(among) if suits(rule, entries[place])]
        place = rng.choice(fit or sorted(among))
        FAULTS[rule](entries[place], rng)
        among.discard(place)
        if among is free:
            broken.add(place)


def _spoil_pairs(entries: list[Entry], free: set[int], budget: int, rng: random.Random) -> int:
    """Break two entries for each rule that takes two, as far as ``budget`` goes; how many were broken."""
    spent = 0
    for rule, pair in PAIRS.items():
        places = _pair_places(entries, free, rule in APART, rng) if spent + 2 <= budget else None
        if places:
            pair(entries[places[0]], entries[places[1]])
            free.difference_update(places)
            spent += 2
    return spent


def _pair_places(entries: list[Entry], free: set[int], apart: bool, rng: random.Random) -> list[int] | None:
    """Two neighbouring rows of one agency, or (``apart``) a row each of two agencies of one city."""
    codes = [entry["provider_code"] for entry in entries]
    fit = [[n, n + 1] for n in sorted(free) if n + 1 in free and codes[n] == codes[n + 1]]
    if apart and fit:
        first = rng.choice(fit)[0]
        fit = [[first, n] for n in sorted(free) if _neighbours(codes[first], codes[n])]
    return rng.choice(fit) if fit else None


def _neighbours(one: str, other: str) -> bool:
    """Whether the credit codes are of two agencies of one city."""
    return one != other and one[2:6] == other[2:6]
