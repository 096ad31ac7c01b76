"""Cross-checks of acceptance.yaml: every element can be shown, and what the program asks for by name is there."""

from collections.abc import Iterable

from catalog_specs.law_acceptance import Acceptance
from catalog_specs.law_release import Named
from catalog_specs.law_release_checks import Law, Problems, keys_of, unknown

# what the program asks for by name
NEEDED: dict[str, tuple[str, ...]] = {
    "readers": ("reflection", "ddl", "dictionary"),
    "table_states": ("covered", "drafted", "excluded", "lost", "undecided"),
}
# what the register tells by itself; each has its own question in registry/acceptance.py
REGISTERED = ("open_list", "catalogue_version", "audit_record", "shelf_rate", "table_coverage")


def check_acceptance(law: Law) -> Problems:
    """Every problem of acceptance.yaml."""
    doc, place = law.acceptance, "acceptance.yaml"
    for name, keys in NEEDED.items():
        rows: Iterable[Named] = getattr(doc, name)
        yield from unknown(f"{place}: {name}", keys, keys_of(rows), "the rows; the program asks for it")
    elements = law.duties.acceptance
    yield from unknown(f"{place}: after", doc.after.elements, keys_of(elements), "acceptance of duties.yaml")
    for element in elements:
        where = f"duties.yaml: acceptance {element.key}"
        yield from unknown(where, element.evidence, doc.proof_index, "proofs of acceptance.yaml")
        yield from unknown(where, [element.level], doc.level_index, "levels of acceptance.yaml")
    yield from unknown(
        f"{place}: proofs", doc.proof_index, keys_of(law.duties.evidence_kinds), "evidence_kinds"
    )
    yield from _shown(doc)
    yield from _recorded(law)


def _recorded(law: Law) -> Problems:
    """What somebody has to record must be evidence that a duty of a system takes."""
    for element in law.duties.acceptance:
        duties = [duty for duty in law.duties.of(element.profile) if duty.per == "system"]
        for kind in element.evidence:
            row = law.acceptance.proof_index.get(kind)
            if row is None or row.by not in ("evidence", "system"):
                continue
            taking = [duty for duty in duties if kind in duty.evidence]
            if not any(not row.own or set(duty.sources) & set(element.sources) for duty in taking):
                where = f"duties.yaml: acceptance {element.key}"
                yield f"{where}: no duty of a system takes “{kind}”; name evidence that can be recorded"


def _shown(doc: Acceptance) -> Problems:
    for row in doc.proofs:
        if (row.by == "register") != (row.key in REGISTERED):
            yield f"acceptance.yaml: proofs {row.key}: the register tells {REGISTERED}; correct `by`"
    for reason in doc.exclusions:
        if reason.refused != (reason.says is not None):
            yield f"acceptance.yaml: exclusions {reason.key}: `refused` and `says` go together; add one"
