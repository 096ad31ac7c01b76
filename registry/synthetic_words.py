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


class DemoSystem(Frozen):
    """A system that is entered; a number in place of a date is a day of the demonstration."""

    name: str
    ident: str
    system_class: str = Field(alias="class")
    life: str
    fields: dict[str, str | int]


class DemoPaper(Frozen):
    """A document: its number (``{year}`` is that of its day), the day of the demonstration, and the title of its file."""

    number: str
    day: int
    title: str = ""


class DemoFate(Frozen):
    fate: str
    why: str = ""
    archive: str = ""


class DemoCopy(Frozen):
    kind: str
    name: str
    medium: str = ""
    holder: str = ""
    ids: dict[str, Any]


class DemoWipe(Frozen):
    """A wipe of a copy: what its record adds to the copy's own ids, and what the verifier says of it.

    An empty ``result`` waits for the verifier.
    """

    copy_name: str = Field(alias="copy")
    kind: str
    day: int
    result: Literal["pass", "fail", ""]
    record: dict[str, Any]
    verified: dict[str, Any]


class DemoRetirement(Frozen):
    """A system on its way out. ``examined`` is the day of the certificates, ``closed`` that of the end; 0: not yet."""

    system: DemoSystem
    entries: tuple[Theme, ...]
    why: str
    decision: DemoPaper
    steps: dict[str, DemoPaper]
    fates: dict[str, DemoFate]
    copies: tuple[DemoCopy, ...]
    absent: dict[str, str]
    wipes: tuple[DemoWipe, ...]
    examined: int
    closed: int


class DemoReplaced(Frozen):
    """A disk of a system in use that was replaced and destroyed."""

    why: str
    copy_of: DemoCopy = Field(alias="copy")
    opened: int
    wipes: tuple[DemoWipe, ...]
    examined: int
    closed: int


class DemoEvidence(Frozen):
    """A paper that a duty of one measure asks for."""

    profile: str
    duty: str
    kind: str
    title: str


class DemoReview(Frozen):
    kind: str
    passed: bool
    number: str
    day: int


class DemoReasons(Frozen):
    """Why a plan was turned down under a measure: words by the code of the reason."""

    profile: str
    reasons: dict[str, str]


class DemoOrder(Frozen):
    trigger: str
    words: str
    number: str
    day: int
    due: int


class DemoExcluded(Frozen):
    reason: str
    why: str


class DemoBuilt(Frozen):
    """A system with one entry, a list of its tables, what was decided of them, and its papers."""

    system: DemoSystem
    entry: Theme
    tables: dict[str, str]
    covered: tuple[str, ...]
    excluded: dict[str, DemoExcluded]
    papers: tuple[DemoEvidence, ...]


class DemoAccepted(DemoBuilt):
    reviewed: DemoReview
    accepted: DemoPaper
    second: str
    order: DemoOrder


class DemoBuilding(DemoBuilt):
    failed: tuple[DemoReasons, ...]
    first: DemoPaper
    again: DemoPaper
    filing: DemoPaper
    vendor: str
    yearly: tuple[DemoEvidence, ...]


class DemoUnplanned(Frozen):
    """Why duties (by measure) do not apply to the departments of no story."""

    why: str
    day: int
    duties: dict[str, tuple[str, ...]]


class DemoDuties(Frozen):
    """Evidence of a department (``yearly``) and of a system of its own (``papers``), and an order that was obeyed."""

    yearly: tuple[DemoEvidence, ...]
    papers: tuple[DemoEvidence, ...]
    order: DemoOrder
    reported: DemoPaper
    closed: int
    unplanned: DemoUnplanned


class DemoSystems(Frozen):
    """Systems whose life the demonstration shows. ``own`` is entered where a department has only external ones."""

    own: DemoSystem
    retired: DemoRetirement
    under_way: DemoRetirement
    replaced: DemoReplaced
    accepted: DemoAccepted
    building: DemoBuilding
    duties: DemoDuties


class Words(Frozen):
    password: str
    people_files: PeopleFiles
    open_files: OpenFiles
    systems: DemoSystems
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
