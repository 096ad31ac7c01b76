"""Cross-checks of retiring.yaml."""

from catalog_specs.law_release_checks import Law, Problems, keys_of, unknown


def check_retiring(law: Law) -> Problems:
    """Names that retiring.yaml takes from other files and that are not there."""
    doc, place = law.retiring, "retiring.yaml"
    steps = [step.key for step in doc.steps]
    if steps != [row.key for row in law.retirement.order]:
        yield f"{place}: steps: they are not those of the order in retirement.yaml; put them alike"
    states = keys_of(law.systems.copy_states)
    for step in doc.steps:
        here = f"{place}: steps {step.key}"
        yield from unknown(here, [step.permission], law.permissions, "permissions of roles.yaml")
        yield from unknown(here, step.after, steps[: steps.index(step.key)], "the steps before it")
        yield from unknown(here, (*step.copies, *step.reached), states, "copy_states of systems.yaml")
        yield from unknown(here, step.records, law.lifecycle.record_index, "records of lifecycle.yaml")
    yield from unknown(place, (fate.key for fate in doc.fates), keys_of(law.retirement.fates), "fates")
    for fate in doc.fates:
        here = f"{place}: fates {fate.key}"
        yield from unknown(here, [fate.permission], law.permissions, "permissions of roles.yaml")
        yield from unknown(here, fate.moves, law.moves, "moves of lifecycle.yaml")
    yield from unknown(place, [doc.user_task.permission], law.permissions, "permissions of roles.yaml")
    yield from unknown(place, [doc.decision_record], law.lifecycle.record_index, "records of lifecycle.yaml")
    yield from unknown(place, [doc.case_kind], keys_of(law.retirement.cases), "cases of retirement.yaml")
    rules = {rule.id for rule in law.retirement.rules}
    named = (doc.closing_rules.nothing_left, doc.closing_rules.copies)
    yield from unknown(place, named, rules, "rules of retirement.yaml")
