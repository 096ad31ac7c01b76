"""Cross-checks of wiping.yaml: what the program asks for is there, every name is known, every field has one step."""

from collections import Counter
from collections.abc import Iterable

from catalog_specs.law_release import Named
from catalog_specs.law_release_checks import Law, Problems, keys_of, unknown

# what the program asks for by name
NEEDED: dict[str, tuple[str, ...]] = {
    "case_states": ("open", "closed", "cancelled"),
    "results": ("pass", "fail"),
    "answers": ("wiped", "handed_over", "absent"),
    "deeds": ("open", "enlist", "absent", "hand_over", "set", "close", "cancel"),
    "steps": ("record", "verify", "witness", "approve", "issue"),
    "types": (
        *("text", "enum", "number", "share", "bool", "date", "datetime", "list", "copies", "digests"),
        *("person", "attachment", "reference"),
    ),
    "says": (
        *("missing", "unknown", "not_here", "kind", "type", "choice", "other", "later", "secret", "failed"),
        *("serial_elsewhere", "copy_unknown", "copy_state", "copy_kind", "copy_none", "copy_answer"),
    ),
}


def check_wiping(law: Law) -> Problems:
    """Every problem of wiping.yaml."""
    doc, place = law.wiping, "wiping.yaml"
    listed: dict[str, Iterable[Named]] = {name: getattr(doc, name) for name in NEEDED}
    for name, rows in listed.items():
        yield from unknown(
            f"{place}: {name}", NEEDED[name], keys_of(rows), "the rows; the program asks for it"
        )
    for deed in doc.deeds:
        names = (*deed.permissions, *deed.of_retirement)
        yield from unknown(f"{place}: deeds {deed.key}", names, law.permissions, "permissions of roles.yaml")
    over, cases, kinds = doc.contract_over, keys_of(law.retirement.cases), keys_of(law.retirement.kinds)
    yield from unknown(f"{place}: contract_over", [over.case], cases, "cases of retirement.yaml")
    yield from unknown(f"{place}: contract_over", [over.records], kinds, "kinds of retirement.yaml")
    yield from _steps(law, place)
    yield from _cases(law, place)
    people = keys_of(doc.person_names)
    yield from unknown(f"{place}: person_names", law.retirement.person_fields, people, "the rows")
    media = keys_of(law.retirement.media)
    yield from unknown(f"{place}: kind_media", (row.medium for row in doc.kind_media), media, "media")
    kinds = keys_of(law.retirement.kinds)
    yield from unknown(f"{place}: kind_media", keys_of(doc.kind_media), kinds, "kinds of retirement.yaml")
    for number in sorted({r.id for r in doc.rules} & {r.id for r in law.retirement.rules}):
        yield f"{place}: rules: “{number}” stands in retirement.yaml too; give it another number"


def _steps(law: Law, place: str) -> Problems:
    doc, fields = law.wiping, keys_of(law.retirement.fields)
    known = keys_of(doc.steps)
    for step in doc.steps:
        here = f"{place}: steps {step.key}"
        yield from unknown(here, step.fields, fields, "fields of retirement.yaml")
        yield from unknown(here, step.apart, known, "steps")
        yield from unknown(here, step.starts, keys_of(law.retirement.states), "states of retirement.yaml")
        yield from unknown(here, [step.permission], law.permissions, "permissions of roles.yaml")
    twice = Counter(key for step in doc.steps for key in step.fields)
    for key in sorted(key for key, count in twice.items() if count > 1):
        yield f"{place}: steps: “{key}” is filled at two steps; leave it at one"
    yield from unknown(f"{place}: filled", doc.filled, fields, "fields of retirement.yaml")
    own = fields | keys_of(doc.extras)
    yield from unknown(f"{place}: shares", doc.shares, own, "fields or extras")
    lists = {row.key for row in law.retirement.fields if row.type == "list"}
    yield from unknown(f"{place}: lists", keys_of(doc.lists), lists, "fields of type list")


def _cases(law: Law, place: str) -> Problems:
    doc, cases = law.wiping, keys_of(law.retirement.cases)
    rows = keys_of(doc.case_needs)
    yield from unknown(f"{place}: case_needs", rows, cases, "cases of retirement.yaml")
    yield from unknown(f"{place}: cases", cases, rows, "case_needs; say what it must name")
    states = keys_of(law.systems.copy_states)
    for row in doc.case_needs:
        yield from unknown(f"{place}: case_needs {row.key}", row.wipe_from, states, "copy_states")
    for rule in doc.rules:
        yield from unknown(f"{place}: rules {rule.id}", rule.only_cases, cases, "cases of retirement.yaml")
