"""What is alike gets the same answer: few combinations of codes occur, and most of them break no rule.

A check may say what it reads. One that reads coded fields only (``plain``) and had nothing to say to an entry
is not asked again for an entry with the same codes. One that looks at items (``on_items``) is asked only when
an item passes its test; the tests are run once for items that differ in name and code alone.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.model import FieldType
from validators import fields
from validators.case import Case, Content
from validators.checkers import Built, CaseCheck, ItemTest, Quick, ValueCheck
from validators.findings import NO_ITEM

Table = Mapping[str, tuple[Quick | None, tuple[ValueCheck, ...]]]
Getter = Callable[[Mapping[str, Any]], tuple[Any, ...]]
LIMIT = 16_384
CODED = frozenset({FieldType.ENUM, FieldType.ENUM_LIST})
NUMBERS = frozenset({FieldType.INTEGER, FieldType.BOOLEAN})
FREE = ("item_name", "item_code")
ODD, HINTED = 1, 2
_FIRST_BIT = 4


class Step(NamedTuple):
    """A check, the bits of which one must be set for it to be asked (0: always), and what it reads."""

    mask: int
    check: CaseCheck
    plain: tuple[str, ...] | None


Steps = tuple[Step, ...]


def _refuse(_value: Any) -> bool:
    return False


def getter(keys: list[str]) -> Getter:
    """A function from a mapping to the values of some keys, as a tuple."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda row: tuple(row[key] for key in keys)


def judge_values(case: Case, row: Mapping[str, Any], table: Table, item: int) -> bool:
    """Ask the checks of single values; whether every value passed its quick test and none was blank."""
    fine = True
    for key, value in row.items():
        found = table.get(key)
        if found is None:
            continue  # unknown keys are a rule of their own
        quick, checks = found
        try:
            if quick is not None and quick(value):
                continue
        except TypeError:
            pass  # an unhashable value where a code is expected: the checks say so
        fine = fine and quick is None
        if fields.is_blank(value):
            fine = False
            continue
        for check in checks:
            check(case, value, item)
    return fine


class Layout(NamedTuple):
    """What entries with the same keys have in common: their codes, and their other values with the checks."""

    codes: Getter
    others: Table


class Entries:
    """The entries' own values, and what is known of their combinations of codes."""

    def __init__(self, table: Table, specs: Specs) -> None:
        self.table = table
        listed = specs.fields.items()
        self.coded = frozenset(k for k, spec in listed if spec.type in CODED and not spec.open_codes)
        self.layouts: dict[tuple[str, ...], Layout] = {}
        self.known: dict[Any, Steps] = {}

    def judge(self, case: Case) -> Any:
        """Judge the values; gives the key of the combination, None when a value is odd or a key unknown."""
        content = case.content
        keys = tuple(content)
        layout = self.layouts.get(keys) or self._layout(keys)
        if layout is None:
            judge_values(case, content, self.table, NO_ITEM)
            return None
        # a list is marked as such: a tuple in its place would be no list
        key = (keys, *[(list, *v) if v.__class__ is list else v for v in layout.codes(content)])
        try:
            seen = key in self.known
        except TypeError:
            seen = False
        fine = judge_values(case, content, self.table, NO_ITEM) if not seen else self._others(case, layout)
        return key if fine and (case.items or "items" not in content) else None

    @staticmethod
    def _others(case: Case, layout: Layout) -> bool:
        content, fine = case.content, True
        for key, (quick, checks) in layout.others.items():
            value = content[key]
            try:
                if quick is not None and quick(value):
                    continue
            except TypeError:
                pass
            fine = fine and quick is None
            if fields.is_blank(value):
                fine = False
                continue
            for check in checks:
                check(case, value, NO_ITEM)
        return fine

    def _layout(self, keys: tuple[str, ...]) -> Layout | None:
        if any(key not in self.table and key != "items" for key in keys):
            return None
        others = {key: self.table[key] for key in keys if key in self.table and key not in self.coded}
        layout = Layout(getter([key for key in keys if key in self.coded]), others)
        if len(self.layouts) < LIMIT:
            self.layouts[keys] = layout
        return layout

    def learn(self, case: Case, key: Any, steps: Steps, marks: int) -> None:
        """Ask every check, and remember for the next entry with these codes which had nothing to say."""
        kept = []
        for step in steps:
            said = len(case.findings) + len(case.needs)
            if not step.mask or step.mask & marks:
                step.check(case)
            silent = said == len(case.findings) + len(case.needs)
            if not (silent and step.plain is not None and not any(k in case.content for k in step.plain)):
                kept.append(step)
        if len(self.known) < LIMIT:
            self.known[key] = tuple(kept)


class Items:
    """The items' own values, and the tests that tell which checks of items may have something to say."""

    def __init__(self, table: Table, specs: Specs, built: list[Built]) -> None:
        self.table = table
        self.rest = {k: spec.type in NUMBERS for k, spec in specs.items.items() if k not in FREE}
        self.name_ok, self.code_ok = (table[key][0] or _refuse for key in FREE)
        self.tests: dict[ItemTest, int] = {}
        for one in built:
            if one.on_items:
                self.tests.setdefault(one.on_items, _FIRST_BIT << len(self.tests))
        self.layouts: dict[tuple[str, ...], tuple[Getter, dict[Any, int]]] = {}

    def judge(self, case: Case) -> int:
        """Judge the values of all items; gives the bits of the tests that one of them passes."""
        marks = 0
        for number, item in enumerate(case.items):
            keys = tuple(item)
            rest, known = self.layouts.get(keys) or self._layout(keys)
            try:
                fine = self.name_ok(item["item_name"]) and self.code_ok(item["item_code"])
                found = known.get(values := rest(item)) if fine else self.measure(item) | ODD
                if found is None:
                    found = known[values] = self.measure(item)
            except (KeyError, TypeError):
                found = self.measure(item) | ODD
            if found & ODD:
                judge_values(case, item, self.table, number)
            marks |= found
        return marks

    def _layout(self, keys: tuple[str, ...]) -> tuple[Getter, dict[Any, int]]:
        rest = [key for key in keys if key not in FREE]
        get, numbers = getter(rest), [key for key in rest if self.rest.get(key)]
        if len(self.layouts) >= LIMIT or any(len(known) > LIMIT for _get, known in self.layouts.values()):
            self.layouts.clear()
        # 1 and True are the same key, so a number is told apart by its class
        told = get if not numbers else lambda item: (*get(item), *[item[key].__class__ for key in numbers])
        self.layouts[keys] = told, {}
        return self.layouts[keys]

    def measure(self, item: Content) -> int:
        """The bits of the tests that an item passes; ``ODD`` when a value beside name and code is."""
        marks = 0
        for key, value in item.items():
            quick = self.table[key][0] if key in self.table else None
            try:
                if key not in FREE and (quick is None or not quick(value)):
                    marks = ODD
            except TypeError:
                marks = ODD
        return marks | sum(bit for test, bit in self.tests.items() if test(item))
