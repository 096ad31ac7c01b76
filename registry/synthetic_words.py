"""The vocabulary of the demonstration data (``catalog_specs/demo.yaml``), and made-up credit codes."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import yaml
from faker.providers import BaseProvider
from pydantic import Field

from catalog_specs import FOLDER, load
from catalog_specs.model import Frozen
from validators.codes import credit_check_character, organisation_check_character

# personal-information class, sensitive flag and mask of an item that names none
ITEM_DEFAULTS = ("none", "0", "")
OWN_CLASS = "部门信息资源类/省(自治区、直辖市)及其下各级政务部门/贵州省"


class City(Frozen):
    region: str
    phone: str


class Recipe(Frozen):
    content: dict[str, Any]


class SystemWords(Frozen):
    zh: str
    system_class: str = Field(alias="class")
    engine: str


class Theme(Frozen):
    name: str
    recipe: str
    system: int
    kinds: tuple[str, ...] = ()
    vary: tuple[Literal["county", "year"], ...] = ()
    matter: tuple[str, ...]
    about: str
    condition: str = ""
    scope: str = ""
    purpose: tuple[str, ...] = ()
    keywords: tuple[str, ...]
    items: tuple[str, ...]
    content: dict[str, Any] = Field(default_factory=dict)
    source: str = ""


class Department(Frozen):
    code: str
    zh: str
    data_class: tuple[str, ...]
    data_domain: str
    divisions: tuple[str, ...]
    systems: tuple[SystemWords, ...]
    themes: tuple[Theme, ...]


class DemoPerson(Frozen):
    """An account of the demonstration; ``contract`` and ``days`` (until it ends) where the role asks for them.

    ``of`` says which department's, when not that of most accounts: one of the same city, one of the other city, or
    the one that ``open_files`` names.
    """

    login: str
    role: str
    name: str
    of: Literal["", "neighbour", "other_city", "opening"] = ""
    contract: str = ""
    days: int = 0


class PeopleColumns(Frozen):
    """A file of people: column names with what they are taken from, and over which of them groups are counted."""

    name: str
    columns: dict[str, str]
    open_type: str = ""
    quasi: tuple[str, ...] = ()


class PeopleFiles(Frozen):
    """Where the invented people live, when they were born, and the files that are made of them."""

    region: str
    counties: tuple[str, ...]
    born: tuple[int, int]
    as_of: int
    courses: tuple[str, ...]
    subsidies: tuple[str, ...]
    kept: PeopleColumns
    opened: tuple[PeopleColumns, ...]


class OpenFiles(Frozen):
    """Whose entries are opened, where their interfaces would be, and what the files of them hold.

    ``values`` are patterns by (the end of) an item's name, ``ranges`` of its numbers alike, ``other`` of all others.
    """

    department: str
    host: str
    rows: tuple[int, int]
    parts: dict[str, tuple[str, ...]]
    values: dict[str, tuple[str, ...]]
    ranges: dict[str, tuple[float, float]]
    other: tuple[float, float]


class Words(Frozen):
    password: str
    people_files: PeopleFiles
    open_files: OpenFiles
    people: tuple[DemoPerson, ...]
    cities: tuple[City, ...]
    years: tuple[int, ...]
    recipes: dict[str, Recipe]
    departments: tuple[Department, ...]
    items: dict[str, tuple[str | int, ...]]
    words: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


@lru_cache(maxsize=1)
def words() -> Words:
    """The vocabulary of ``demo.yaml``, read strictly."""
    raw = yaml.load((FOLDER / "demo.yaml").read_text("utf-8"), yaml.CSafeLoader)
    return Words.model_validate_json(json.dumps(raw))


class CreditCodeProvider(BaseProvider):
    """Faker provider of unified social credit codes with right check characters. Source: GB 32100."""

    def unified_social_credit_code(self, head: str = "11", region: str = "520300") -> str:
        """18 characters; ``head`` tells managing department and class of body, ``region`` is 6 digits."""
        body = f"{head}{region}{self.organisation_code()}"
        return body + credit_check_character(body, load().credit_code)

    def organisation_code(self) -> str:
        """Nine characters, the last their check: old style (00942102) or new (MB1A0005). Source: GB 11714."""
        body: str = self.bothify(self.random_element(("0094####", "MB1?####")), letters="ABCDEFGH")
        return body + organisation_check_character(body, load().credit_code)


def sharing_of(theme: Theme) -> dict[str, Any]:
    """Condition, scope and purpose of a theme; nothing for one that is shared without."""
    if not theme.condition:
        return {}
    return {
        "share_condition": theme.condition,
        "share_scope": theme.scope,
        "use_purpose": list(theme.purpose),
    }


def items_of(theme: Theme, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The theme's items, shared and opened as the entry is; what is sent to a verification is input."""
    found = []
    for place, name in enumerate(theme.items):
        item = _item(name, words().items[name])
        item |= {"share_type": entry["share_type"], "open_type": entry["open_type"], "classified_flag": "0"}
        if theme.recipe == "verify":
            item["direction"] = "in" if place < 2 else "out"
        found.append(item)
    return found


def _item(name: str, row: tuple[str | int, ...]) -> dict[str, Any]:
    values: list[str | int] = [*row, *ITEM_DEFAULTS[len(row) - 3 :]]
    code, kind, length, pii, sensitive, mask = values
    item: dict[str, Any] = {"item_name": name, "item_code": code, "data_type": kind, "data_length": length}
    if kind == "N":
        item["data_precision"] = 2
    item |= {"pii_class": pii, "sensitive_flag": sensitive}
    return item | {"mask_rule": mask} if mask else item
