"""Cross-checks of obligations.yaml: what it names must be there, and every gate is kept by something."""

from collections import Counter

from catalog_specs.law_release_checks import Law, Problems, keys_of, unknown

PLACE = "obligations.yaml"
# what the program asks for by name
STATES = ("overdue", "due", "open", "done", "idle", "not_applicable", "authority", "information")
SAID = (
    *("external", "stage", "young", "before", "nothing", "waived", "lack", "lack_part"),
    *("fix_hand", "fix_derived", "fix_waive", "unshared", "fix_share"),
)


def check_obligations(law: Law) -> Problems:
    """Every problem of obligations.yaml as sentences."""
    doc, kinds = law.obligations, keys_of(law.duties.evidence_kinds)
    known = {duty.id for duty in law.duties.duties}
    yield from unknown(f"{PLACE}: states", STATES, keys_of(doc.states), "the rows; the program asks for it")
    yield from unknown(f"{PLACE}: says", SAID, {row.key for row in doc.says}, "the rows; the program says it")
    for row in doc.derived:
        yield from unknown(f"{PLACE}: derived {row.key}", [row.key], kinds, "evidence_kinds of duties.yaml")
        yield from unknown(f"{PLACE}: derived {row.key}", row.duties, known, "duties.yaml")
    chosen = (doc.each_year, doc.arising, doc.needs_entries)
    named = (
        *(one for row in chosen for one in row.duties),
        *(one for row in doc.stages for one in row.duties),
    )
    yield from unknown(PLACE, named, known, "duties.yaml")
    yield from _lives(law)
    yield from _answers(law)
    yield from _gates(law)
    for one in doc.valid:
        yield from unknown(f"{PLACE}: valid", [one.kind], kinds, "evidence_kinds of duties.yaml")
        yield from unknown(f"{PLACE}: valid", [one.clock], law.clocks, "clocks of deadlines.yaml")


def _lives(law: Law) -> Problems:
    doc, lives = law.obligations, keys_of(law.systems.lives)
    named = (doc.ended, *doc.usual.lives, *(life for row in doc.stages for life in row.lives))
    yield from unknown(f"{PLACE}: stages", named, lives, "lives of systems.yaml")
    for duty, count in Counter(one for row in doc.stages for one in row.duties).items():
        if count > 1:
            yield f"{PLACE}: stages: {duty} stands in {count} rows; keep one"


def _answers(law: Law) -> Problems:
    doc, kinds = law.obligations, keys_of(law.duties.evidence_kinds)
    for row in (*doc.answerers, *doc.reserved):
        yield from unknown(f"{PLACE}: {row.actor}", [row.permission], law.permissions, "permissions")
    yield from unknown(f"{PLACE}: waiving", [doc.waiving.permission], law.permissions, "permissions")
    yield from unknown(f"{PLACE}: answerers", [r.actor for r in doc.answerers], law.bodies, "units or roles")
    yield from unknown(f"{PLACE}: reserved", [r.actor for r in doc.reserved], kinds, "evidence_kinds")
    for duty in law.duties.duties:
        yield from unknown(
            f"duties.yaml: {duty.id}", duty.actor, doc.answers, "answerers of obligations.yaml"
        )


def _gates(law: Law) -> Problems:
    doc, kinds = law.obligations, keys_of(law.duties.evidence_kinds)
    gates, kept = keys_of(law.duties.gates), Counter(row.gate for row in doc.enforced)
    for gate in sorted(gates | set(kept)):
        if gate not in gates or kept[gate] != 1:
            yield f"{PLACE}: enforced: gate “{gate}” has {kept[gate]} rows; keep one for each gate of duties.yaml"
    for row in doc.enforced:
        place = f"{PLACE}: enforced {row.gate}"
        if not getattr(row, {"guards": "guards", "moves": "moves", "evidence": "kinds"}[row.by]):
            yield f"{place}: it names none of its {row.by}; a gate that nothing keeps is none"
        yield from unknown(place, row.guards, law.lifecycle.guard_index, "guards of lifecycle.yaml")
        yield from unknown(place, row.kinds, kinds, "evidence_kinds of duties.yaml")
        for key in row.moves:
            move = law.systems.move_index.get(key)
            if move is None or row.gate not in move.gates:
                yield f"{place}: move “{key}” of systems.yaml does not ask for it; add the gate there"
    for later in doc.later:
        yield from unknown(f"{PLACE}: later", [later.gate], gates, "gates of duties.yaml")
        yield from unknown(f"{PLACE}: later", later.kinds, kinds, "evidence_kinds of duties.yaml")
