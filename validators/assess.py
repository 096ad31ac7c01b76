"""``assess``: one pure call that judges an entry by every rule; ``assess_all`` does it for a whole file.

The rule table is compiled once per specification into closures. A value that its field's quick test accepts
costs one call; only the others meet the checks that word what is wrong.
"""

import gc
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from catalog_specs import Specs
from catalog_specs.model import Level

# the modules below enter their checkers into the table when they are imported
from validators import conditions, entry, fields, items, matrices, personal, sharing  # noqa: F401
from validators.alike import Entries, Items, Step, Steps, Table
from validators.case import Case, Content, Facts, Suggestion
from validators.checkers import Built, Kind, ValueCheck, build
from validators.findings import Finding, Need
from validators.grading import grader_of, prepare
from validators.needs import need_checks
from validators.neighbours import with_file


class Assessment(NamedTuple):
    """One entry judged: findings in the rules' order, needs, the suggested grade, the spec's digest."""

    findings: tuple[Finding, ...]
    needs: tuple[Need, ...]
    suggested: Suggestion
    spec: str

    def of_level(self, level: Level, specs: Specs) -> list[Finding]:
        """The findings of one level."""
        return [f for f in self.findings if specs.rules[f.rule].level is level]


class Engine:
    """The compiled rule table of one specification."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self.grader = grader_of(specs)
        self.order = {rule_id: n for n, rule_id in enumerate(specs.rules)}
        self.built: list[Built] = []
        values: dict[str, list[ValueCheck]] = defaultdict(list)
        for rule in specs.book.rules:
            for built in build(rule, specs):
                self.built.append(built)
                for key, check in built.values.items():
                    values[key].append(check)
        self.built += need_checks(specs)
        self.plans: dict[Kind, Steps] = {}
        self.entries = Entries(_table(values, specs, ""), specs)
        self.items = Items(_table(values, specs, "items."), specs, self.built)

    def judge(self, content: Content, facts: Facts, me: str) -> Assessment:
        case = Case(content, facts, me)
        key = self.entries.judge(case)
        if not all(type(item) is dict for item in case.items):
            case.items = [item for item in case.items if type(item) is dict]
        marks = self.items.judge(case)
        prepare(case, self.grader)
        steps = self.entries.known.get(key) if key else None
        if key and steps is None:
            self.entries.learn(case, key, self._plan(_kind(content)), marks)
        else:
            for mask, check, _plain in steps or self._plan(_kind(content)):
                if not mask or mask & marks:
                    check(case)
        found = case.findings
        if len(found) > 1:
            found.sort(key=self._place)
        return Assessment(tuple(found), tuple(case.needs), case.suggested, self.specs.digest)

    def _plan(self, kind: Kind) -> Steps:
        """The checks that can have something to say of a kind of entries; made once a kind."""
        plan = self.plans.get(kind)
        if plan is None:
            fit = [built for built in self.built if built.fits(kind)]
            bits = self.items.tests
            plan = tuple(
                Step(bits[b.on_items] if b.on_items else 0, check, b.plain) for b in fit for check in b.cases
            )
            if len(self.plans) < KEPT:
                self.plans[kind] = plan
        return plan

    def _place(self, finding: Finding) -> tuple[int, int]:
        return self.order[finding.rule], finding.item


# kinds and shapes hold texts from outside, so what is kept of them is bounded
KEPT = 4096


def _kind(content: Content) -> Kind:
    get = content.get
    return Kind(
        *[
            value if type(value) is str else None
            for value in (
                get("share_type"),
                get("open_type"),
                get("data_grade"),
                get("format_category"),
                get("update_cycle"),
            )
        ]
    )


# fields whose own rule looks at every value, however it is shaped
_ALWAYS = frozenset({"provider_code", "resource_code", "publish_date", "promised_on"})


def _table(values: Mapping[str, list[ValueCheck]], specs: Specs, prefix: str) -> Table:
    known = specs.items if prefix else specs.fields
    table = {}
    for key, spec in known.items():
        checks = tuple(values.get(prefix + key, ()))
        # a text rule of its own (credit code, code shape) must see the value, so no quick test there
        quick = None if not prefix and key in _ALWAYS else fields.quick_check(spec, specs)
        table[key] = (quick, checks)
    return table


@lru_cache(maxsize=8)
def engine_of(specs: Specs) -> Engine:
    """The compiled table of a specification, made once.

    Raises:
        SpecError: rules.yaml names a checker that does not exist or gives it wrong parameters.
    """
    return Engine(specs)


def assess(content: Content, specs: Specs, *, facts: Facts, me: str = "") -> Assessment:
    """Judge one entry by every rule that its content and the facts can decide.

    ``content`` holds the stored values (codes, lists, dates as text) under the keys of entry.yaml, items
    under ``items``. ``me`` is the entry's own key among ``facts.names``. Never raises for bad content: that
    is what findings are for. Source: S1 13, S-ZY 21-24, S-LPS 23-25.
    """
    return engine_of(specs).judge(content, facts, me)


def assess_all(
    contents: Sequence[Content], specs: Specs, *, facts: Facts, keys: Sequence[str] | None = None
) -> Iterator[Assessment]:
    """Judge the entries of one file, each with the others known.

    The others tell doubled names, known codes, drag-filled rows and other sources. ``keys[n]`` is the key of
    entry n among the names of ``facts`` (an entry already registered); without ``keys`` all count as new.
    Yields one Assessment per entry, in order.
    """
    own = keys or [f"row:{n}" for n in range(len(contents))]
    known = with_file(facts, contents, own)
    engine = engine_of(specs)
    collecting = gc.isenabled()
    # judging makes no cycles; a collector that walks a whole file again and again costs a third
    gc.disable()
    try:
        for content, key in zip(contents, own, strict=True):
            yield engine.judge(content, known, key)
    finally:
        if collecting:
            gc.enable()
