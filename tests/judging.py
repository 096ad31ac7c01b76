"""What the tests of rules share: a day, an entry judged, and its rules, needs and worded findings."""

import copy
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from hypothesis import settings

from catalog_specs import Specs
from catalog_specs.model import Level
from tests.conftest import TODAY
from tests.examples import GOOD
from validators.assess import assess
from validators.case import Facts
from validators.findings import Worded, word

FACTS = Facts(today=TODAY)
Content = dict[str, Any]
# a loaded machine is no defect, and every run begins alike
PROPERTY = settings(deadline=None, database=None, max_examples=60)


def items(key: str, changes: Mapping[int, Mapping[str, Any]] | None = None, **every: Any) -> list[Content]:
    """The items of a good example, some of them (by number) or all of them changed; None takes a key away."""
    rows = copy.deepcopy(GOOD[key]["items"])
    for number, row in enumerate(rows):
        for name, value in {**every, **(changes or {}).get(number, {})}.items():
            if value is None:
                row.pop(name, None)
            else:
                row[name] = value
    return rows


def item(name: str, pii: str = "none", **more: Any) -> Content:
    """A complete item, shared and opened as ``more`` says; else conditionally shared and not opened."""
    row = {"item_name": name, "item_code": f"c{crc32(name.encode())}", "data_type": "C", "data_length": 50}
    marks = {"share_type": "2", "open_type": "3", "sensitive_flag": "0", "classified_flag": "0"}
    row |= {"pii_class": pii, **marks, **more}
    return {key: value for key, value in row.items() if value is not None}


def open_item(name: str, pii: str = "none", **more: Any) -> Content:
    """A complete item, shared and opened unconditionally."""
    return item(name, pii, **{"share_type": "1", "open_type": "1", **more})


def rules(content: Content, specs: Specs, facts: Facts = FACTS) -> list[str]:
    """The rules that an entry breaks, in order; each time it breaks one."""
    return [finding.rule for finding in assess(content, specs, facts=facts).findings]


def errors(content: Content, specs: Specs, facts: Facts = FACTS) -> set[str]:
    """The error rules that an entry breaks."""
    return {f.rule for f in assess(content, specs, facts=facts).of_level(Level.ERROR, specs)}


def reasons(content: Content, rule: str, specs: Specs, facts: Facts = FACTS) -> list[str]:
    """The reasons for which an entry breaks one rule."""
    return [f.reason for f in assess(content, specs, facts=facts).findings if f.rule == rule]


def needs(content: Content, specs: Specs, facts: Facts = FACTS) -> dict[str, str]:
    """The needs of an entry, each with its reason."""
    return {need.need: need.reason for need in assess(content, specs, facts=facts).needs}


def worded(content: Content, rule: str, specs: Specs, lang: str = "zh", facts: Facts = FACTS) -> list[Worded]:
    """The findings of one rule as people read them."""
    return [word(f, specs, lang) for f in assess(content, specs, facts=facts).findings if f.rule == rule]
