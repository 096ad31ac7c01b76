"""Cross-checks of supervision.yaml: permissions, states and profiles that it names must be there."""

from catalog_specs.law_release_checks import Law, Problems, keys_of, unknown
from catalog_specs.law_supervision import Rectifying

PLACE = "supervision.yaml"


def check_supervision(law: Law) -> Problems:
    """Every problem of supervision.yaml as sentences."""
    spec, known = law.supervision, "permissions of roles.yaml"
    yield from unknown(f"{PLACE}: sees", spec.sees, law.permissions, known)
    for kind in spec.reviews:
        yield from unknown(f"{PLACE}: reviews {kind.key}", [kind.permission], law.permissions, known)
    yield from unknown(f"{PLACE}: budget", [spec.budget.permission], law.permissions, known)
    yield from unknown(f"{PLACE}: budget", [spec.budget.duties_of], law.bodies, "roles.yaml")
    kinds = keys_of(law.duties.evidence_kinds)
    yield from unknown(f"{PLACE}: budget", spec.budget.told_elsewhere, kinds, "evidence_kinds of duties.yaml")
    for row in spec.budget.consequences:
        yield from unknown(f"{PLACE}: consequences", [row.profile], law.profiles, "the profiles")
    yield from _orders(law, spec.rectification)


def _orders(law: Law, spec: Rectifying) -> Problems:
    states, moves = keys_of(spec.states), keys_of(spec.moves)
    yield from unknown(f"{PLACE}: rectification", [spec.order], law.permissions, "permissions of roles.yaml")
    yield from unknown(f"{PLACE}: rectification", [spec.first], states, "states")
    for state in spec.states:
        place = f"{PLACE}: states {state.key}"
        yield from unknown(place, [state.awaits], moves, "moves")
        if state.open != bool(state.awaits):
            yield f"{place}: an open order awaits a move, a closed one none; correct `awaits` or `open`"
    for move in spec.moves:
        place = f"{PLACE}: moves {move.key}"
        yield from unknown(place, [*move.starts, move.to], states, "states")
        yield from unknown(place, [move.permission], law.permissions, "permissions of roles.yaml")
