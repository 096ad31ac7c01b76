"""Cross-checks of the files about letting data out and wiping it, and what all cross-checks share.

A problem is a sentence ``file: place: what is wrong; what to do``. Nothing here reads a file.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from catalog_specs.law import Deadlines, Duties, Roles, Sources
from catalog_specs.law_acceptance import Acceptance
from catalog_specs.law_accounts import Accounts
from catalog_specs.law_audit import Audit
from catalog_specs.law_dcat import Dcat
from catalog_specs.law_detecting import LostNumber
from catalog_specs.law_lifecycle import Lifecycle
from catalog_specs.law_masking import Desensitization, Detector, MaskedOk
from catalog_specs.law_obligations import Obligations
from catalog_specs.law_portals import Ckan
from catalog_specs.law_promises import Promises
from catalog_specs.law_release import Named, Responsibility, Retirement, WipeRule
from catalog_specs.law_requests import Requests
from catalog_specs.law_retiring import Retiring
from catalog_specs.law_scanning import Scanning
from catalog_specs.law_supervision import Supervision
from catalog_specs.law_sync import Sync
from catalog_specs.law_systems import Systems
from catalog_specs.law_wiping import Wiping
from catalog_specs.model import EntrySpec, RuleBook
from catalog_specs.queueing import CalendarDays, Queues

CHARACTER_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]")
UNFIT_IN_PATTERN = re.compile(r"\\[dDwWsSbB]|(?<!\\)\(\?(?!:)|(?<!\\)[\^$]")
Problems = Iterator[str]


@dataclass(frozen=True)
class Law:
    """The law files as their models. ``entry`` and ``rules`` are looked into when they are given."""

    sources: Sources
    duties: Duties
    deadlines: Deadlines
    roles: Roles
    lifecycle: Lifecycle
    responsibility: Responsibility
    retirement: Retirement
    desensitization: Desensitization
    scanning: Scanning
    promises: Promises
    requests: Requests
    ckan: Ckan
    sync: Sync
    dcat: Dcat
    audit: Audit
    systems: Systems
    supervision: Supervision
    obligations: Obligations
    acceptance: Acceptance
    retiring: Retiring
    wiping: Wiping
    accounts: Accounts
    queues: Queues
    calendar: CalendarDays
    entry: EntrySpec | None = None
    rules: RuleBook | None = None

    @cached_property
    def profiles(self) -> dict[str, str]:
        """Profile key to the key of its measure."""
        return {s.profile: s.key for s in self.sources.sources if s.profile}

    @cached_property
    def moves(self) -> set[str]:
        return keys_of(self.lifecycle.moves)

    @cached_property
    def permissions(self) -> set[str]:
        return keys_of(self.roles.permissions)

    @cached_property
    def clocks(self) -> set[str]:
        return keys_of(self.deadlines.clocks)

    @cached_property
    def bodies(self) -> set[str]:
        return keys_of(self.roles.roles) | keys_of(self.roles.units)


def keys_of(rows: Iterable[Named]) -> set[str]:
    return {row.key for row in rows}


def unknown(place: str, names: Iterable[str], known: Collection[str], where: str) -> Problems:
    for name in names:
        if name and name not in known:
            yield f"{place}: “{name}” is not in {where}; correct the name or add the row"


# ---- lists, wiping, masking, portals ----------------------------------------------------------------------


def _lists(law: Law) -> Problems:
    doc, place = law.responsibility, "responsibility.yaml"
    columns, conditions = keys_of(doc.columns), keys_of(doc.conditions)
    for kind in doc.lists:
        names = [*kind.annex, *(n for c in kind.article for n in (c.column, c.opened_column))]
        yield from unknown(f"{place}: lists {kind.key}", names, columns, "columns")
        yield from unknown(f"{place}: lists {kind.key}", [kind.rows], keys_of(doc.row_sets), "row_sets")
        yield from unknown(f"{place}: lists {kind.key}", [kind.profile], law.profiles, "the profiles")
    for column in doc.columns:
        yield from unknown(f"{place}: columns {column.key}", [column.when], conditions, "conditions")
        if column.of == "clock":
            yield from unknown(f"{place}: columns {column.key}", [column.field], law.clocks, "clocks")
    for pattern in doc.patterns:
        yield from unknown(f"{place}: patterns {pattern.key}", pattern.forms, keys_of(doc.forms), "forms")
        yield from unknown(f"{place}: patterns {pattern.key}", keys_of(doc.forms), pattern.forms, "its row")
    asked = [doc.request.filed_by, doc.request.consented_by, doc.request.answered_by]
    yield from unknown(f"{place}: request", asked, law.permissions, "permissions of roles.yaml")
    yield from unknown(f"{place}: usage_record", [doc.usage_record.keep], law.clocks, "clocks")


def _wiping(law: Law) -> Problems:
    doc, place = law.retirement, "retirement.yaml"
    techniques, fields = keys_of(doc.techniques), keys_of(doc.fields)
    for medium in doc.media:
        allowed = (*medium.clear, *medium.purge, *medium.destroy)
        yield from unknown(
            f"{place}: media {medium.key}", (*allowed, *medium.never), techniques, "techniques"
        )
        for name in sorted(set(allowed) & set(medium.never)):
            yield f"{place}: media {medium.key}: “{name}” is allowed and never; remove one"
    for kind in doc.kinds:
        names = (*kind.mandatory, *kind.conditional)
        yield from unknown(f"{place}: kinds {kind.key}", names, fields, "fields")
        wanted = kind.conditional.values()
        yield from unknown(f"{place}: kinds {kind.key}", wanted, keys_of(doc.conditions), "conditions")
    for state in doc.states:
        yield from unknown(f"{place}: states {state.key}", state.next, keys_of(doc.states), "states")
    for choice in doc.level_choice:
        methods = (choice.at_least, *choice.also)
        yield from unknown(f"{place}: level_choice", methods, keys_of(doc.methods), "methods")
        if bool(choice.at_least) == choice.refer:
            yield f"{place}: level_choice {choice.grades}: give either at_least or refer"
    yield from unknown(f"{place}: keep", doc.keep, law.clocks, "clocks of deadlines.yaml")
    for rule in doc.rules:
        yield from _wipe_rule(law, f"{place}: rules {rule.id}", rule)


def _wipe_rule(law: Law, place: str, rule: WipeRule) -> Problems:
    doc = law.retirement
    tables: dict[str, Iterable[Named]] = {
        "media": doc.media, "techniques": doc.techniques, "methods": doc.methods,
        "except_techniques": doc.techniques, "except_methods": doc.methods,
        "except_destinations": doc.destinations, "needs": doc.fields, "field": doc.fields,
        "first": doc.fields, "second": doc.fields, "started": doc.fields, "finished": doc.fields,
    }  # fmt: skip
    for name, value in rule.params.items():
        if name in tables:
            names = value if isinstance(value, tuple) else (str(value),)
            yield from unknown(f"{place}: {name}", names, keys_of(tables[name]), "its table")
    yield from unknown(place, rule.only_cases, keys_of(doc.cases), "cases")


def _masking(law: Law) -> Problems:
    doc, place = law.desensitization, "desensitization.yaml"
    detectors, methods = keys_of(doc.detectors), keys_of(doc.methods)
    weak = {method.key for method in doc.methods if not method.adequate}
    hints = [row.detector for row in doc.column_hints.strong]
    named = (*hints, *doc.column_hints.person_rules.detectors, doc.embedded.detector)
    yield from unknown(f"{place}: column_hints", named, detectors, "detectors")
    for detector in doc.detectors:
        yield from unknown(f"{place}: detectors {detector.key}", detector.yields_to, detectors, "detectors")
    yield from unknown(f"{place}: residual_detectors", doc.residual_detectors, detectors, "detectors")
    lost = [row.of for row in doc.lost_numbers if row.of is not None]
    yield from unknown(f"{place}: lost_numbers", lost, detectors, "detectors")
    yield from unknown(f"{place}: serials", [doc.serials.verdict], keys_of(doc.verdicts), "verdicts")
    checks = {detector.check for detector in doc.detectors} - {"none"}
    yield from unknown(f"{place}: detectors", checks, doc.detector_reasons.checks, "detector_reasons: checks")
    for form in doc.masked_forms:
        here = f"{place}: masked_forms {form.key}"
        yield from unknown(here, form.detectors, detectors, "detectors")
        for tier in (form.display, form.conditional, form.unconditional):
            yield from unknown(here, tier.methods, methods, "methods")
            if tier.never == bool(tier.methods) or weak & set(tier.methods):
                yield f"{here}: a tier is either never given or has adequate methods; correct it"
    forms = {form.key for form in doc.masked_forms}
    yield from unknown(f"{place}: masked_ok", (row.key for row in doc.masked_ok), forms, "masked_forms")
    yield from unknown(f"{place}: mask_rules", doc.mask_rules.tail_forms, forms, "masked_forms")
    for condition in doc.proof.pass_if:
        here, params = f"{place}: pass_if {condition.key}", condition.params
        yield from unknown(here, params.except_methods, methods, "methods")
        asked = (params.field, params.first, params.second, params.by)
        yield from unknown(here, asked, keys_of(doc.proof.fields), "proof fields")
    yield from unknown(f"{place}: proof", [doc.proof.valid], law.clocks, "clocks of deadlines.yaml")
    floors = [verdict.at_least for verdict in doc.verdicts]
    if floors != sorted(floors, reverse=True) or not floors or floors[-1] != 0:
        yield f"{place}: verdicts: the bands must fall to 0; put them in order"


def _patterns(law: Law) -> Problems:
    doc = law.desensitization
    rows: tuple[Detector | MaskedOk | LostNumber, ...] = (*doc.detectors, *doc.masked_ok, *doc.lost_numbers)
    for row in rows:
        if UNFIT_IN_PATTERN.search(CHARACTER_CLASS.sub("", row.pattern)) or "\\d" in row.pattern:
            yield (
                f"desensitization.yaml: {row.key}: an anchor, a look-around or a class such as \\d is in the"
                " pattern; write core classes such as [0-9] only"
            )


def _portals(law: Law) -> Problems:
    doc, place = law.ckan, "ckan.yaml"
    for target in doc.scopes:
        here = f"{place}: scopes {target.key}"
        yield from unknown(here, target.guards, law.lifecycle.guard_index, "guards of lifecycle.yaml")
        yield from unknown(here, target.entry_states, keys_of(law.lifecycle.entry_states), "entry_states")
        states = keys_of(law.lifecycle.distributions)
        yield from unknown(here, target.distribution_states, states, "distributions")
    secret = {row.field for row in doc.never_sent}
    for sending in doc.sent:
        if sending.source in secret:
            yield f"{place}: {sending.to}: “{sending.source}” is never sent; remove the row"
        if not sending.zh and not sending.source.startswith(("entry.", "item.")):
            yield f"{place}: {sending.to}: nobody knows what it is called; give it a `zh`"
    yield from _portal_fields(law, place)
    methods = keys_of(law.desensitization.methods)
    yield from unknown(f"{place}: items", doc.items.never_methods, methods, "methods of desensitization.yaml")


def _portal_fields(law: Law, place: str) -> Problems:
    doc = law.ckan
    package, resource = {row.to for row in doc.package}, {row.to for row in doc.resource}
    for key in sorted((package | set(doc.left_blank)) & {row.to for row in doc.extras}):
        yield f"{place}: extras {key}: the portal has a field of this name; rename the extra"
    shown = package | {f"resource.{key}" for key in resource}
    form = doc.scheming
    yield from unknown(f"{place}: scheming", (*form.names, *form.presets, *form.snippets), shown, "the rows")
    yield from unknown(f"{place}: scheming", form.not_fields, resource, "resource")
    forms = (doc.files.form, doc.files.interface)
    yield from unknown(f"{place}: files", forms, doc.files.other_formats, "other_formats")
    for key in ("registry", "scope", "entry"):
        yield from unknown(f"{place}: extras", [f"target.{key}"], doc.extra_keys, "what the extras tell")


def _proofs(law: Law) -> Problems:
    doc, place = law.scanning.proofs, "scanning.yaml: proofs"
    named = [row.method for row in doc.method_words]
    yield from unknown(place, named, keys_of(law.desensitization.methods), "methods of desensitization.yaml")
    if law.entry is not None:
        yield from unknown(place, doc.bound_items, {f.key for f in law.entry.items}, "items of entry.yaml")
        yield from unknown(place, doc.bound_fields, {f.key for f in law.entry.fields}, "fields of entry.yaml")
    valid = [law.desensitization.proof.valid]
    yield from unknown("desensitization.yaml: proof", valid, law.deadlines.index, "deadlines.yaml")


def _entry_fields(law: Law) -> Problems:
    if law.entry is None:
        return
    fields, items = {f.key for f in law.entry.fields}, {f.key for f in law.entry.items}
    doc = law.responsibility
    named = [*(c.field for c in doc.columns if c.of == "entry"), *(row.field for row in doc.never_printed)]
    named += [name for pattern in doc.patterns for name in pattern.needs]
    yield from unknown("responsibility.yaml", named, fields, "fields of entry.yaml")
    ckan = law.ckan
    for where in (*(row.source for row in ckan.sent), *(row.field for row in ckan.never_sent)):
        owner, _, name = where.partition(".")
        known = {"entry": fields, "item": items}.get(owner)
        if known is not None:
            yield from unknown(f"ckan.yaml: {where}", [name], known, "entry.yaml")


RELEASE_CHECKS: tuple[Callable[[Law], Problems], ...] = (
    _lists,
    _wiping,
    _masking,
    _patterns,
    _portals,
    _proofs,
    _entry_fields,
)
