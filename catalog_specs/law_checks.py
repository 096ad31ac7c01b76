"""Cross-checks of the law files: every name that one row takes from another must be there.

A problem is a sentence ``file: place: what is wrong; what to do``. Nothing here reads a file.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from catalog_specs.law import LAW_FILES, Duty, Role
from catalog_specs.law_acceptance_checks import check_acceptance
from catalog_specs.law_dcat_checks import check_dcat
from catalog_specs.law_lifecycle import Move
from catalog_specs.law_obligations_checks import check_obligations
from catalog_specs.law_promises_checks import check_promises
from catalog_specs.law_release_checks import RELEASE_CHECKS, Law, Problems, keys_of, unknown
from catalog_specs.law_request_checks import check_requests
from catalog_specs.law_retiring_checks import check_retiring
from catalog_specs.law_supervision_checks import check_supervision
from catalog_specs.law_systems_checks import check_systems
from catalog_specs.law_wiping_checks import check_wiping
from catalog_specs.model import Marked

ARTICLE = re.compile(r"(\d+)(?:-(\d+))?(?:\(.+\))?|解读\d+")
# what cites sources: the law, how data are scanned by it, how promises are kept
CITING = (
    *LAW_FILES,
    *("scanning", "promises", "requests", "ckan", "sync", "dcat", "audit"),
    *("systems", "supervision", "obligations", "acceptance", "retiring", "wiping"),
)
CHANGES = ("note", "ordinary", "major")


def check_law(docs: Mapping[str, BaseModel]) -> list[str]:
    """Every problem of the law files ``docs`` (file stem to model) as sentences; empty when sound."""
    missing = [f"{name}.yaml: whole file: it is not there; add it" for name in CITING if name not in docs]
    if missing:
        return missing
    picked: dict[str, Any] = {name: docs[name] for name in (*CITING, "entry", "rules") if name in docs}
    law = Law(**picked)
    return [problem for check in CHECKS for problem in check(law)]


# ---- every file -------------------------------------------------------------------------------------------


def _every_row(law: Law) -> Problems:
    for name in CITING:
        for place, node in _walk(f"{name}.yaml", getattr(law, name)):
            yield from _doubles(place, node)
            yield from _citations(law, place, node)


def _walk(place: str, node: BaseModel) -> Iterator[tuple[str, BaseModel]]:
    yield place, node
    for name, value in node:
        if isinstance(value, BaseModel):
            yield from _walk(f"{place}: {name}", value)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, row in enumerate(value, 1):
                yield from _walk(f"{place}: {name} {_name(row) or number}", row)


def _name(row: BaseModel) -> str:
    return str(getattr(row, "key", "") or getattr(row, "id", ""))


def _doubles(place: str, node: BaseModel) -> Problems:
    for name, value in node:
        if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            names = Counter(_name(row) for row in value)
            for key in (key for key, count in names.items() if key and count > 1):
                yield f"{place}: {name}: “{key}” stands twice; rename or remove one row"


def _citations(law: Law, place: str, node: BaseModel) -> Problems:
    for name, value in node:
        if (name.endswith("sources") and node is not law.sources) or name == "standards":
            for citation in value:
                yield from _citation(law, place, citation)
    if isinstance(node, Marked) and hasattr(node, "sources"):
        yield from _marks(place, node, {c.split()[0] for c in node.sources})


def _citation(law: Law, place: str, citation: str) -> Problems:
    key, _, article = citation.partition(" ")
    source = law.sources.index.get(key)
    if source is None:
        yield f"{place}: “{citation}” cites an unknown source; correct it or add “{key}” to sources.yaml"
    elif source.articles and article:
        found = ARTICLE.fullmatch(article)
        if not found:
            yield f"{place}: “{citation}” names no article; write the number, such as “{key} 1”"
        elif any(int(n) > source.articles or n == "0" for n in found.groups() if n):
            yield f"{place}: “{citation}” is beyond the {source.articles} articles of {key}; correct it"


def _marks(place: str, node: Marked, cited: set[str]) -> Problems:
    if node.design != ("DESIGN" in cited):
        yield f"{place}: `design: true` and the source DESIGN go together; add the one that is missing"
    if "UV" in cited and not node.unverified:
        yield f"{place}: the source UV is not confirmed; add `unverified: true`"


def _sources(law: Law) -> Problems:
    ranks = {str(row.rank) for row in law.sources.ranks.rows}
    for source in law.sources.sources:
        place = f"sources.yaml: {source.key}"
        yield from unknown(place, [source.same_as], law.sources.index, "sources.yaml")
        yield from unknown(place, [str(source.rank)], ranks, "ranks")


# ---- duties, deadlines, roles -----------------------------------------------------------------------------


def _articles(law: Law) -> Problems:
    for profile, source in law.profiles.items():
        found = Counter(duty.article for duty in law.duties.of(profile))
        for number in range(1, law.sources.index[source].articles + 1):
            if (rows := found[str(number)]) != 1:
                yield f"duties.yaml: {profile}: article {number} has {rows} rows; keep exactly one"


def _duties(law: Law) -> Problems:
    gates, evidence = keys_of(law.duties.gates), keys_of(law.duties.evidence_kinds)
    for duty in law.duties.duties:
        place = f"duties.yaml: {duty.id}"
        yield from unknown(place, [duty.profile], law.profiles, "the profiles of sources.yaml")
        yield from unknown(place, duty.actor, law.bodies, "units or roles of roles.yaml")
        yield from unknown(place, duty.gates, gates, "gates")
        yield from unknown(place, duty.evidence, evidence, "evidence_kinds")
        yield from _duty(law, place, duty)
    for element in law.duties.acceptance:
        place = f"duties.yaml: acceptance {element.key}"
        yield from unknown(place, element.evidence, evidence, "evidence_kinds")
        yield from unknown(place, [element.profile], law.profiles, "the profiles of sources.yaml")
    for found in (*law.duties.review_reasons, *law.duties.rectification_triggers, *law.duties.liabilities):
        yield from unknown(f"duties.yaml: {found.id}", found.clocks, law.clocks, "clocks of deadlines.yaml")
        yield from unknown(f"duties.yaml: {found.id}", [found.profile], law.profiles, "the profiles")


def _duty(law: Law, place: str, duty: Duty) -> Problems:
    if f"{law.profiles.get(duty.profile)} {duty.article}" != duty.sources[0]:
        yield f"{place}: the first source is not article {duty.article} of its measure; put that first"
    if ("gate" in duty.kind) != bool(duty.gates):
        yield f"{place}: kind `gate` and `gates` go together; add the one that is missing"
    if "deadline" in duty.kind and duty.deadline is None:
        yield f"{place}: kind `deadline` needs a deadline; add it"
    if duty.deadline:
        yield from unknown(place, [duty.deadline.clock], law.clocks, "clocks of deadlines.yaml")
        clock = law.deadlines.index.get(duty.deadline.clock)
        if clock and duty.deadline.yearly and clock.date != duty.deadline.yearly:
            yield f"{place}: {duty.deadline.yearly} differs from clock {clock.key}; make them equal"


def _deadlines(law: Law) -> Problems:
    events = keys_of(law.deadlines.events)
    for clock in law.deadlines.clocks:
        place = f"deadlines.yaml: clocks {clock.key}"
        yearly = clock.unit == "yearly"
        if yearly != (clock.date is not None) or yearly == bool(clock.length):
            yield f"{place}: a yearly clock has a date, every other a length; give the right one"
        if not yearly:
            yield from unknown(place, [clock.begins or "(none)"], events, "events")
        yield from unknown(place, [clock.extend_by], law.permissions, "permissions of roles.yaml")
        yield from unknown(place, [clock.actor], law.bodies, "units or roles of roles.yaml")


def _roles(law: Law) -> Problems:
    known, units = keys_of(law.roles.roles), keys_of(law.roles.units)
    for name in sorted((known & units) | (law.moves & law.permissions)):
        yield f"roles.yaml: “{name}” names two things (role and unit, or move and permission); rename one"
    for role in law.roles.roles:
        place = f"roles.yaml: roles {role.key}"
        yield from unknown(place, role.may, law.moves | law.permissions, "moves or permissions")
        yield from unknown(place, role.incompatible_with, known, "roles")
        yield from unknown(place, [role.unit, *role.unit_by_profile.values()], units, "units")
        yield from unknown(place, [*role.zh_by_profile, *role.unit_by_profile], law.profiles, "the profiles")
        yield from _role(law, place, role)
    granted = {name for role in law.roles.roles for name in role.may}
    for name in sorted(law.permissions - granted):
        yield f"roles.yaml: permissions {name}: no role has it; give it to a role or remove it"
    delegated = law.roles.delegation
    yield from unknown("roles.yaml: delegation", delegated.by, known, "roles")
    yield from unknown("roles.yaml: delegation", delegated.moves, law.moves, "moves")
    yield from unknown("roles.yaml: delegation", delegated.permissions, law.permissions, "permissions")


def _role(law: Law, place: str, role: Role) -> Problems:
    if role.machine and law.moves & set(role.may):
        yield f"{place}: a machine decides nothing; take its moves away"
    if not role.sees_sample_values and "see_sample_values" in role.may:
        yield f"{place}: it must not see sample values; take the permission away"
    groups = {group.key: group.members for group in law.roles.exclusive_groups}
    if role.exclusive_group and role.key not in groups.get(role.exclusive_group, ()):
        yield f"{place}: group “{role.exclusive_group}” does not list it; add it to exclusive_groups"
    for group in (g for g, members in groups.items() if role.key in members and g != role.exclusive_group):
        yield f"{place}: it is a member of “{group}” and does not say so; add exclusive_group"


# ---- lifecycle --------------------------------------------------------------------------------------------


def _moves(law: Law) -> Problems:
    used = {guard for move in law.lifecycle.moves for guard in move.guards}
    for move in law.lifecycle.moves:
        place = f"lifecycle.yaml: moves {move.key}"
        rows = law.lifecycle.versions if move.subject == "version" else law.lifecycle.distributions
        states = [*move.starts, move.to, move.creates, move.previous_to]
        yield from unknown(place, states, keys_of(rows) | {"same"}, f"the states of a {move.subject}")
        yield from unknown(place, [move.entry_to], keys_of(law.lifecycle.entry_states), "entry_states")
        yield from unknown(place, move.guards, law.lifecycle.guard_index, "guards")
        yield from unknown(
            place, [move.deadline, move.deadline_first], law.clocks, "clocks of deadlines.yaml"
        )
        yield from _who(law, place, move)
        yield from _effects(place, move)
    for name in sorted(set(law.lifecycle.guard_index) - used):
        yield f"lifecycle.yaml: guards {name}: no move asks for it; add it to a move or remove it"


def _who(law: Law, place: str, move: Move) -> Problems:
    yield from unknown(place, move.by, law.roles.index, "roles of roles.yaml")
    holders = {role.key for role in law.roles.roles if move.key in role.may}
    for name in sorted(holders ^ (set(move.by) & set(law.roles.index))):
        yield f"{place}: role “{name}” stands in `by` or in its `may`, not in both; add or remove it"


def _effects(place: str, move: Move) -> Problems:
    if (move.binds_change_class is None) != (move.effect_on_change is None):
        yield f"{place}: binds_change_class and effect_on_change go together; add the one that is missing"
    elif move.binds_change_class and move.effect_on_change:
        bound = CHANGES.index(move.binds_change_class)
        wanted = {name: "void" if n >= bound else "keep" for n, name in enumerate(CHANGES)}
        if move.effect_on_change.model_dump() != wanted:
            yield f"{place}: effect_on_change does not follow from binds_change_class; write {wanted}"


def _signatures(law: Law) -> Problems:
    if tuple(row.key for row in law.lifecycle.change_classes) != CHANGES:
        yield f"lifecycle.yaml: change_classes: they must be {CHANGES}, lightest first; put them so"
    for row in law.lifecycle.change_classes:
        place = f"lifecycle.yaml: change_classes {row.key}"
        for signature in row.signatures:
            move = law.lifecycle.index.get(signature.move)
            yield from unknown(place, [signature.move], law.moves, "moves")
            yield from unknown(place, signature.by, move.by if move else (), f"`by` of {signature.move}")
            if move and not move.never_by_author:
                yield f"{place}: {move.key} is a signature; the move needs never_by_author: true"
        if row.shortcut:
            states = [row.shortcut.to, row.shortcut.previous_to]
            yield from unknown(place, states, keys_of(law.lifecycle.versions), "versions")
            yield from unknown(place, [row.shortcut.move], law.moves, "moves")


def _lifecycle(law: Law) -> Problems:
    waivers = keys_of(law.lifecycle.waivers)
    for origin in law.lifecycle.origins:
        place = f"lifecycle.yaml: origins {origin.key}"
        yield from unknown(place, [origin.state], keys_of(law.lifecycle.versions), "versions")
        yield from unknown(place, [origin.permission], law.permissions, "permissions of roles.yaml")
    for kind in law.lifecycle.records:
        place = f"lifecycle.yaml: records {kind.key}"
        yield from unknown(place, [kind.permission], law.permissions, "permissions of roles.yaml")
        yield from unknown(place, kind.proves, law.lifecycle.guard_index, "guards")
    for guard in law.lifecycle.guards:
        place = f"lifecycle.yaml: guards {guard.key}"
        yield from unknown(place, [guard.waived_by], waivers, "waivers")
        yield from unknown(place, guard.for_roles, law.roles.index, "roles of roles.yaml")
        if law.rules:
            yield from unknown(place, guard.rules, {r.id for r in law.rules.rules}, "rules.yaml")
            yield from unknown(place, guard.needs, {n.key for n in law.rules.needs}, "needs of rules.yaml")


def _phrases(law: Law) -> Problems:
    if law.entry is None:
        return
    known = {"items"} | {f.key for f in law.entry.fields} | {f"items.{f.key}" for f in law.entry.items}
    for phrase in law.lifecycle.phrases:
        yield from unknown(f"lifecycle.yaml: phrases {phrase.key}", phrase.fields, known, "entry.yaml")


CHECKS: tuple[Callable[[Law], Problems], ...] = (
    _every_row,
    _sources,
    _articles,
    _duties,
    _deadlines,
    _roles,
    _moves,
    _signatures,
    _lifecycle,
    _phrases,
    check_promises,
    check_requests,
    check_dcat,
    check_acceptance,
    check_systems,
    check_obligations,
    check_supervision,
    check_retiring,
    check_wiping,
    *RELEASE_CHECKS,
)
