"""Cross-checks of requests.yaml: permissions, clocks, states, fields and paths that it names must be there."""

import re
from string import Formatter

from catalog_specs.law_release_checks import Law, Problems, keys_of, unknown
from catalog_specs.law_requests import Deed, RequestDeed, Requests

# what the program asks for by name, and refuses by
_TASKS = "consent answer resubmit verify answer_open extend provide rectify judge use destroy negotiate coordinate decide"
ACTS = {
    "acts": ("consent", "agree", "open", "resubmit", "supplement", "correct", "refuse_open"),
    "grant_acts": ("provide", "suspend", "rectify", "resume", "expire", "prolong"),
    "usage_kinds": ("usage", "destruction"),
    "grant_states": ("active", "suspended", "ended"),
    "grant_endings": ("expired",),
}
_REFUSALS = (
    "not_in_force own_entry not_shared item_not_shared item_unknown items_none items_beyond not_bound applicant_shares"
    " field_missing field_vacuous field_unknown field_wrong field_long secret credentials mode_unfit period_missing"
    " period_past period_beyond grant_unknown grant_over grant_shorter grant_mode reasons_missing supplemented extended"
    " extension_open extension_not_asked extension_late no_clock not_using version_unknown not_ended not_disputable"
    " disputed"
)


def check_requests(law: Law) -> Problems:
    """Every problem of requests.yaml."""
    doc, place = law.requests, "requests.yaml"
    yield from unknown(
        f"{place}: tasks", _TASKS.split(), keys_of(doc.tasks), "the rows; the program asks for it"
    )
    yield from unknown(
        f"{place}: refusals", _REFUSALS.split(), keys_of(doc.refusals), "the rows; the program says it"
    )
    for name, wanted in ACTS.items():
        yield from unknown(
            f"{place}: {name}", wanted, keys_of(getattr(doc, name)), "the rows; the program asks"
        )
    yield from _kinds(law, doc, place)
    yield from _acts(law, doc, place)
    yield from _grant_acts(law, doc, place)
    yield from _disputes(law, doc, place)
    yield from _permissions(law, doc, place)
    yield from _usage(law, doc, place)
    yield from _texts(doc, place)


def _kinds(law: Law, doc: Requests, place: str) -> Problems:
    states, tasks, kinds = keys_of(doc.states), keys_of(doc.tasks), keys_of(doc.kinds)
    for kind in doc.kinds:
        here = f"{place}: kinds {kind.key}"
        yield from unknown(here, [kind.first], states, "states")
        yield from unknown(
            here, [kind.clock, *kind.clock_by_share_type.values()], law.clocks, "clocks of deadlines.yaml"
        )
        yield from _number(here, kind.number)
    for state in doc.states:
        here = f"{place}: states {state.key}"
        yield from unknown(here, state.awaits, kinds, "kinds")
        yield from unknown(here, state.awaits.values(), tasks, "tasks")
        if state.final == bool(state.awaits):
            yield f"{here}: a final state awaits nothing, every other something; correct it"
    stated = {field.key: field.zh for kind in doc.kinds if kind.key == "share" for field in kind.fields}
    for field in law.responsibility.request.fields:
        if stated.get(field.key) != field.zh:
            yield f"{place}: kinds share: “{field.key}” ({field.zh}) of responsibility.yaml is not a field; add it"


def _acts(law: Law, doc: Requests, place: str) -> Problems:
    kinds, states = keys_of(doc.kinds), keys_of(doc.states)
    for act in doc.acts:
        here = f"{place}: acts {act.key}"
        yield from unknown(here, act.kinds, kinds, "kinds")
        yield from unknown(here, [*act.starts, act.to], states, "states")
        yield from _given(doc, here, act)
        if act.by_clock:
            yield from _extended(law, doc, here, act)
    asked = law.responsibility.request
    for name, act_key in ((asked.consented_by, "consent"), (asked.answered_by, "agree")):
        row = doc.act_index.get(act_key)
        if row is not None and row.by != (name,):
            yield f"{place}: acts {act_key}: responsibility.yaml lets “{name}” do it; write by: [{name}]"
    share = doc.kind_index.get("share")
    if share is not None and share.filed_by != (asked.filed_by,):
        yield f"{place}: kinds share: responsibility.yaml lets “{asked.filed_by}” file it; correct filed_by"


def _extended(law: Law, doc: Requests, here: str, act: RequestDeed) -> Problems:
    """An act that goes by the clock: some clock of each of its kinds can be extended by somebody."""
    for key in act.kinds:
        kind = doc.kind_index.get(key)
        named = (kind.clock, *kind.clock_by_share_type.values()) if kind else ()
        rows = [law.deadlines.index[name] for name in named if name in law.deadlines.index]
        if not any(row.extend and row.extend_by for row in rows):
            yield f"{here}: no clock of “{key}” has extend and extend_by; add them or remove the kind"


def _given(doc: Requests, here: str, act: Deed) -> Problems:
    yield from unknown(here, act.takes, doc.taken_index, "taken")
    if act.side != "raiser" and act.takes:
        yield from unknown(here, act.asks, act.takes, "its takes")


def _grant_acts(law: Law, doc: Requests, place: str) -> Problems:
    states, endings = keys_of(doc.grant_states), keys_of(doc.grant_endings)
    path = keys_of(law.responsibility.misuse_path)
    for act in doc.grant_acts:
        here = f"{place}: grant_acts {act.key}"
        yield from unknown(here, [*act.starts, act.to], states, "grant_states")
        yield from unknown(here, [act.ending], endings, "grant_endings")
        yield from unknown(here, [act.misuse], path, "misuse_path of responsibility.yaml")
        yield from _given(doc, here, act)
        if bool(act.ending) != (act.to == "ended" and act.to not in act.starts):
            yield f"{here}: `ending` and an end go together; add the one that is missing"
    walked = {act.misuse for act in doc.grant_acts}
    yield from unknown(f"{place}: grant_acts", sorted(path - walked), walked, "misuse of any act")
    yield from unknown(place, [doc.provide_clock], law.clocks, "clocks of deadlines.yaml")
    yield from _number(f"{place}: grant_number", doc.grant_number)


def _disputes(law: Law, doc: Requests, place: str) -> Problems:
    path = keys_of(law.responsibility.dispute_path)
    steps = path | {doc.dispute_closed.key}
    for act in doc.dispute_acts:
        here = f"{place}: dispute_acts {act.key}"
        yield from unknown(here, [act.begins, act.to], steps, "dispute_path of responsibility.yaml")
        yield from unknown(here, act.asks, doc.taken_index, "taken")
    left = {act.begins for act in doc.dispute_acts}
    yield from unknown(f"{place}: dispute_acts", sorted(path - left), left, "from of any act")
    yield from unknown(f"{place}: dispute_states", doc.dispute_states, keys_of(doc.states), "states")
    yield from unknown(f"{place}: tasks", path, keys_of(doc.tasks), "the rows, one a step of dispute_path")
    yield from _number(f"{place}: dispute_number", doc.dispute_number)


def _permissions(law: Law, doc: Requests, place: str) -> Problems:
    known = law.moves | law.permissions
    named = [(f"kinds {k.key}", (*k.filed_by, *k.authority_by)) for k in doc.kinds]
    named += [(f"acts {a.key}", (*a.by, *a.authority_by)) for a in doc.acts]
    deeds: tuple[Deed, ...] = (*doc.grant_acts, *doc.dispute_acts)
    named += [(a.key, a.by) for a in deeds] + [(f"tasks {t.key}", t.by) for t in doc.tasks]
    named += [(f"usage_kinds {u.key}", u.by) for u in doc.usage_kinds]
    sight = doc.sight
    seen = (*sight.own, *sight.authority, *sight.applicant_provider, *sight.applicant_authority)
    named += [
        ("late", (*doc.late.own, *doc.late.authority)),
        ("sight", seen),
        ("applicant", (doc.applicant.erased_by,)),
        ("disputes", doc.dispute_raised_by),
    ]
    for where, names in named:
        yield from unknown(f"{place}: {where}", names, known, "moves or permissions of roles.yaml")
    nobody = [a.key for a in doc.acts if not (a.by or a.by_clock)]
    nobody += [a.key for a in deeds if not a.by and a.side != "machine"]
    for key in nobody:
        yield f"{place}: {key}: nobody may do it; add `by`"


def _usage(law: Law, doc: Requests, place: str) -> Problems:
    fields = keys_of(law.responsibility.usage_record.fields)
    for kind in doc.usage_kinds:
        here = f"{place}: usage_kinds {kind.key}"
        yield from unknown(here, kind.fields, fields, "usage_record of responsibility.yaml")
        yield from unknown(here, [kind.keep], law.clocks, "clocks of deadlines.yaml")


def _number(place: str, pattern: str) -> Problems:
    named = {name for _text, name, _form, _conversion in Formatter().parse(pattern) if name}
    if named != {"year", "seq"}:
        yield f"{place}: a number has {{year}} and {{seq}}, and nothing else; correct “{pattern}”"


def _texts(doc: Requests, place: str) -> Problems:
    for row in doc.refusals:
        named = [{n for _t, n, _f, _c in Formatter().parse(text) if n} for text in (row.zh, row.en)]
        if named[1] - named[0]:
            yield f"{place}: refusals {row.key}: the English text has parameters that the Chinese has not"
    for pattern in doc.secrets:
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{place}: secrets: “{pattern}” is no regular expression ({error}); correct it"
