"""Cross-checks of promises.yaml: the kinds that the program asks for are there, and every name it takes is known."""

from collections.abc import Iterable, Mapping

from catalog_specs.law_promises import Promises
from catalog_specs.law_release import Named
from catalog_specs.law_release_checks import Law, Problems, keys_of, unknown
from catalog_specs.model import CodeList

# what the program asks for by name
NEEDED: dict[str, tuple[str, ...]] = {
    "seen": ("pushed", "uploaded", "probed", "reported", "reached", "unreachable"),
    "owed": ("data_update", "shelf", "catalogue_update", "request_answer"),
    "excuses": ("unbound", "archived", "external"),
    "case_states": ("open", "overdue", "updated", "answered", "gone"),
}
SAID = (
    *("answered", "modified", "there", "status", "redirected", "unlisted", "private"),
    *("address", "unresolved", "timeout", "tls", "failed", "unset"),
)


def check_promises(law: Law) -> Problems:
    """Every problem of promises.yaml."""
    doc, place = law.promises, "promises.yaml"
    listed: dict[str, Iterable[Named]] = {name: getattr(doc, name) for name in NEEDED}
    for name, rows in listed.items():
        yield from unknown(
            f"{place}: {name}", NEEDED[name], keys_of(rows), "the rows; the program asks for it"
        )
    yield from unknown(f"{place}: probe: says", SAID, doc.probe.says, "the texts; the program says it")
    permissions = [row.permission for row in doc.seen] + [doc.change.post, doc.change.settle]
    yield from unknown(place, permissions, law.moves | law.permissions, "moves or permissions of roles.yaml")
    clocks = [row.clock for row in doc.owed] + [doc.change.clock]
    yield from unknown(place, clocks, law.clocks, "clocks of deadlines.yaml")
    classes = keys_of(law.lifecycle.change_classes)
    yield from unknown(f"{place}: change", doc.change.settled_by, classes, "change_classes of lifecycle.yaml")
    yield from unknown(
        f"{place}: probe", [doc.probe.form], {f.code for f in law.responsibility.forms}, "forms"
    )
    yield from _told(law, place)


def _told(law: Law, place: str) -> Problems:
    if law.entry is not None:
        fields = {field.key for field in law.entry.fields}
        yield from unknown(
            f"{place}: change", law.promises.change.cited_fields, fields, "fields of entry.yaml"
        )
    if law.rules is not None:
        named = [row.rule for row in law.promises.owed]
        yield from unknown(f"{place}: owed", named, {rule.id for rule in law.rules.rules}, "rules.yaml")


def check_cycles(doc: Promises, codes: Mapping[str, CodeList]) -> Problems:
    """Every cycle has its days or none; a cycle that promises.yaml names is one of the list."""
    cycles = codes["update_cycle"].values
    known = {value.code for value in cycles}
    yield from unknown("promises.yaml: probe", doc.probe.day_counts_for, known, "codes/update_cycle.yaml")
    for value in cycles:
        days = [value.attrs.get(name) for name in ("staleness_days", "grace_days")]
        if not all(type(day) is int for day in days) and any(day is not None for day in days):
            yield f"codes/update_cycle.yaml: {value.code}: staleness_days and grace_days go together; give both"
