"""Rows of invented people for demonstrations and tests: as they are kept, and as they may be opened.

Names, telephones and streets come from Faker; identity numbers are our own, because Faker's are drawn from today's
date and would differ tomorrow. What is opened is generalised, and groups that stay too small are left out, so that
it reaches the k of its sharing model. Columns and words stand in ``catalog_specs/demo.yaml``. Nobody here is real.
"""

import csv
import io
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from faker import Faker

from catalog_specs import Specs, load
from registry.synthetic_words import PeopleColumns, words
from validators.codes import identity_number_ok

# the national standard puts men on odd and women on even numbers (GB 11643)
SEXES = ("女", "男")
BAND = 10


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented; ``county`` is where the record was made, ``identity`` tells where they were born."""

    name: str
    identity: str
    phone: str
    address: str
    county: str
    born: date
    sex: str
    course: str
    subsidy: str


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """A file of people: CSV in UTF-8 with a mark, its rows, and how many were left out for k; k is 0 if none is asked."""

    name: str
    content: bytes
    rows: int
    left_out: int
    k: int
    quasi: tuple[str, ...]


def invented_people(count: int = 3000, seed: int = 2026) -> list[Person]:
    """``count`` people of one city, the same for the same seed on any day."""
    mill = _Mill(seed)
    return [mill.person() for _ in range(count)]


def kept_file(people: Sequence[Person]) -> PeopleFile:
    """The people as a department keeps them: with names, identity numbers, telephones. Never to be opened."""
    recipe = words().people_files.kept
    return _file(recipe, _rows(recipe, people), 0, 0)


def opened_file(people: Sequence[Person], open_type: str, specs: Specs | None = None) -> PeopleFile:
    """The same people as they may be opened: generalised, and groups below the model's k left out.

    Raises:
        ValueError: there is no recipe or no sharing model for this open type.
    Source: GB/T 37964 (sharing models), S18 (accepted forms by open type).
    """
    recipe = next((r for r in words().people_files.opened if r.open_type == open_type), None)
    models = (specs or load()).desensitization.sharing_models
    model = next((m for m in models if m.open_type == open_type), None)
    if recipe is None or model is None:
        raise ValueError(f"no people can be opened with open type {open_type}")
    rows = _rows(recipe, people)
    sizes = Counter(_group(row, recipe) for row in rows)
    large = [row for row in rows if sizes[_group(row, recipe)] >= model.k]
    return _file(recipe, large, len(rows) - len(large), model.k)


def _group(row: Mapping[str, str], recipe: PeopleColumns) -> tuple[str, ...]:
    return tuple(row[name] for name in recipe.quasi)


def _rows(recipe: PeopleColumns, people: Sequence[Person]) -> list[dict[str, str]]:
    return [{name: TAKEN[key](person) for name, key in recipe.columns.items()} for person in people]


def _file(recipe: PeopleColumns, rows: Sequence[Mapping[str, str]], left_out: int, k: int) -> PeopleFile:
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, recipe.columns)
    writer.writeheader()
    writer.writerows(rows)
    content = written.getvalue().encode("utf-8-sig")
    return PeopleFile(f"{recipe.name}.csv", content, len(rows), left_out, k, recipe.quasi)


def _age_band(person: Person) -> str:
    age = words().people_files.as_of - person.born.year
    first = age // BAND * BAND
    return f"{first}-{first + BAND - 1}岁"


# what a column of a recipe can be taken from
TAKEN: Mapping[str, Callable[[Person], str]] = {
    "name": lambda p: p.name,
    "identity": lambda p: p.identity,
    "phone": lambda p: p.phone,
    "address": lambda p: p.address,
    "county": lambda p: p.county,
    "birth_year": lambda p: str(p.born.year),
    "age_band": _age_band,
    "sex": lambda p: p.sex,
    "course": lambda p: p.course,
    "subsidy": lambda p: p.subsidy,
}


class _Mill:
    """Makes people from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311  (made-up data, no secret)
        self.fake = Faker("zh_CN")
        self.fake.seed_instance(seed)
        self.plan = words().people_files
        specs = load()
        self.city = specs.label("regions", self.plan.region)
        self.counties = {code: specs.label("regions", code) for code in self.plan.counties}

    def person(self) -> Person:
        """One person; the county of birth is most often that of the record."""
        home = self.rng.choice(self.plan.counties)
        birthplace = home if self.rng.random() < 0.8 else self.rng.choice(self.plan.counties)
        born, male = self._born(), self.rng.random() < 0.5
        return Person(
            name=self.fake.name_male() if male else self.fake.name_female(),
            identity=identity_number(birthplace, born, self.rng.randrange(500) * 2 + male),
            phone=self.fake.phone_number(),
            address=self._address(self.counties[home]),
            county=self.counties[home],
            born=born,
            sex=SEXES[male],
            course=self.rng.choice(self.plan.courses),
            subsidy=self.rng.choice(self.plan.subsidies),
        )

    def _born(self) -> date:
        first, last = date(self.plan.born[0], 1, 1), date(self.plan.born[1], 12, 31)
        return first + timedelta(days=self.rng.randrange((last - first).days + 1))

    def _address(self, county: str) -> str:
        house = (
            f"{self.rng.randrange(1, 300)}号{self.rng.randrange(1, 7)}单元{self.rng.randrange(101, 1800)}室"
        )
        return f"{self.city}{county}{self.fake.street_name()}{house}"


def identity_number(region: str, born: date, order: int) -> str:
    """An identity number with its right check character; ``order`` is 0 to 999. Source: GB 11643-1999."""
    body = f"{region}{born:%Y%m%d}{order:03d}"
    return next(body + check for check in "0123456789X" if identity_number_ok(body + check))
