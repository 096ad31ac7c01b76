"""What a desensitization proof must show before something is opened, and what makes one void (gate G5, E123).

A standing proof says by which method each item is treated; a batch proof says that one content, scanned in full
under it, is clean. Source: S-ZY 22, S-LPS 24; domain §4.3 (``desens_check``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from catalog_specs import Specs
from catalog_specs.law import Deadlines
from catalog_specs.law_masking import PassCondition
from validators.case import Content
from validators.fields import is_blank
from validators.hints import Hinter, hinter
from validators.scanned import ColumnAsked, ScanResult

NO_METHOD = ""
_PERSONS = "record_subject"


@dataclass(frozen=True, slots=True)
class Standing:
    """A standing proof as the rules see it. ``agreed`` is None until it is reviewed."""

    id: str
    items_digest: str
    rules_digest: str
    schema_digest: str
    checked_on: date
    checker: str
    agreed: bool | None = None
    reviewer: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """One content scanned under a standing proof. ``unmet`` are keys of the conditions that it does not meet."""

    id: str
    standing_id: str
    sha256: str | None
    schema_digest: str
    verdict: str
    unmet: tuple[str, ...]
    day: date


@dataclass(frozen=True, slots=True)
class ProofCase:
    """What is offered now, and the proofs there are of it: the newest standing one, the newest batch of this content.

    ``sha256`` names the bytes of a file, None for a table or an interface; the digests are of what is offered now
    (``bound_items``) and of the rules in force (``bound_rules``).
    """

    name: str
    items_digest: str
    rules_digest: str
    sha256: str | None
    today: date
    standing: Standing | None = None
    batch: Batch | None = None


# ---- items and their methods ------------------------------------------------------------------------------


def method_of(rule: object, specs: Specs) -> str:
    """The method of desensitization that a mask rule means; empty when its words mean none."""
    if is_blank(rule):
        return NO_METHOD
    text = str(rule).lower()
    for row in specs.scanning.proofs.method_words:
        if any(word.lower() in text for word in row.words):
            return row.method
    return NO_METHOD


def asked_of(
    items: Iterable[Mapping[str, Any]], specs: Specs, methods: Mapping[str, str] | None = None
) -> tuple[ColumnAsked, ...]:
    """The items as columns to be scanned; ``methods`` by item name stand above what the mask rules say."""
    given, flags = methods or {}, specs.scanning.proofs.sensitive_flags
    return tuple(
        ColumnAsked(
            name=str(item.get("item_name") or ""),
            code=str(item.get("item_code") or ""),
            pii=str(item.get("pii_class") or ""),
            sensitive=None if is_blank(item.get("sensitive_flag")) else item["sensitive_flag"] in flags,
            method=given.get(str(item.get("item_name")), method_of(item.get("mask_rule"), specs)),
        )
        for item in items
    )


def about_people(content: Content, specs: Specs) -> bool | None:
    """Whether the rows of an entry are about people; None when it does not say."""
    subject = content.get(_PERSONS)
    return None if is_blank(subject) else subject in specs.desensitization.anonymity.k_applies_to


@lru_cache(maxsize=8)
def _hinter(specs: Specs) -> Hinter:
    return hinter(specs)


def asks_for_proof(items: Iterable[Mapping[str, Any]], specs: Specs) -> tuple[str, ...]:
    """The names of the items for whose sake a proof is due: sensitive, direct, quasi or strongly hinted."""
    proofs, hint = specs.scanning.proofs, _hinter(specs)
    found = []
    for item in items:
        name, code = str(item.get("item_name") or ""), str(item.get("item_code") or "")
        declared = item.get("pii_class") in proofs.required_classes
        flagged = item.get("sensitive_flag") in proofs.sensitive_flags
        if declared or flagged or hint(name, code).detector:
            found.append(name)
    return tuple(found)


# ---- what a proof is bound to -----------------------------------------------------------------------------


def bound_items(
    content: Content, items: Sequence[Mapping[str, Any]], offer: Mapping[str, Any], specs: Specs
) -> dict[str, Any]:
    """What a standing proof is bound to: the items' declarations, whose records they are, how they are offered."""
    proofs = specs.scanning.proofs
    listed = sorted(
        ([item.get(key) for key in proofs.bound_items] for item in items), key=lambda row: str(row[0])
    )
    entry = {key: content.get(key) for key in proofs.bound_fields}
    return {"items": listed, "entry": entry, "offer": dict(offer)}


def bound_rules(specs: Specs) -> list[Any]:
    """Everything that decides whether data are clean: detectors, masks, thresholds."""
    parts = (specs.desensitization, specs.scanning.masks, specs.scanning.anonymity)
    return [part.model_dump(mode="json") for part in parts]


# ---- is there a valid proof -------------------------------------------------------------------------------


def missing_proof(case: ProofCase, specs: Specs, lang: str = "zh") -> tuple[str, ...]:
    """Everything that a valid proof of ``case`` lacks, in sentences; empty when it is proven.

    Source: S-ZY 22, S-LPS 24.
    """
    say = _Sayer(specs, lang)
    standing = case.standing
    if standing is None:
        return (say("no_standing", name=case.name),)
    return (*why_void(case, specs, lang), *_review(standing, say), *_batch(case, standing, say))


def why_void(case: ProofCase, specs: Specs, lang: str = "zh") -> tuple[str, ...]:
    """Why the standing proof no longer holds for what is offered; empty while it does, and where there is none."""
    standing, say, days = case.standing, _Sayer(specs, lang), valid_days(specs)
    if standing is None:
        return ()
    found = []
    if standing.items_digest != case.items_digest:
        found.append(say("items_changed", id=standing.id))
    if standing.rules_digest != case.rules_digest:
        found.append(say("rules_changed", id=standing.id))
    if case.today > standing.checked_on + timedelta(days=days):
        found.append(say("expired", id=standing.id, day=standing.checked_on, days=days))
    return tuple(found)


def valid_days(specs: Specs) -> int:
    """For how many days a standing proof holds. Source: deadlines.yaml (``proof.valid`` names the row)."""
    return specs.document("deadlines", Deadlines).index[specs.desensitization.proof.valid].length


def _review(standing: Standing, say: "_Sayer") -> tuple[str, ...]:
    if standing.agreed is None:
        return (say("not_reviewed", id=standing.id, checker=standing.checker),)
    return () if standing.agreed else (say("refused", id=standing.id, reviewer=standing.reviewer),)


def _batch(case: ProofCase, standing: Standing, say: "_Sayer") -> tuple[str, ...]:
    batch, proofs = case.batch, say.specs.scanning.proofs
    if batch is None or batch.standing_id != standing.id or batch.sha256 != case.sha256:
        what = case.sha256[:12] + "…" if case.sha256 else case.name
        return (say("no_batch", what=what, name=case.name),)
    found = []
    if batch.verdict != "clean" or batch.unmet:
        why = "；".join(batch.unmet) or say.verdict(batch.verdict)
        found.append(say("not_clean", id=batch.id, why=why))
    if batch.schema_digest != standing.schema_digest:
        found.append(say("other_schema", id=standing.id))
    if case.sha256 is None and case.today > batch.day + timedelta(days=proofs.load_days):
        found.append(say("stale_load", day=batch.day, days=proofs.load_days))
    return tuple(found)


class _Sayer:
    """What scanning.yaml says of proofs, in one language."""

    def __init__(self, specs: Specs, lang: str) -> None:
        self.specs, self.lang = specs, lang

    def __call__(self, key: str, **params: object) -> str:
        return self.specs.scanning.proofs.says[key].get(self.lang).format(**params)

    def verdict(self, key: str) -> str:
        rows = {row.key: row for row in self.specs.scanning.proofs.verdicts}
        return rows[key].en if self.lang == "en" else rows[key].zh


# ---- does a content pass ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """One content as it was scanned: the result, the items as columns, those of them that the data hold."""

    result: ScanResult
    items: tuple[ColumnAsked, ...]
    present: frozenset[str]
    people: bool | None
    unknown: tuple[str, ...] = field(default=())


Condition = Callable[[Checked, PassCondition, _Sayer], Iterable[str]]


def unmet_conditions(checked: Checked, specs: Specs, lang: str = "zh") -> tuple[str, ...]:
    """Everything that keeps a content from passing, in sentences: ``proof.pass_if`` of desensitization.yaml.

    Two people are asked for when the standing proof is reviewed, not here. Source: domain §4.3; S-ZY 22, S-LPS 24.
    """
    say = _Sayer(specs, lang)
    found = [say("verdict", verdict=say.verdict(checked.result.verdict))] if not _is_clean(checked) else []
    found += [say("column_unknown", column=name) for name in checked.unknown]
    for row in specs.desensitization.proof.pass_if:
        if row.key in _CONDITIONS:
            found += _CONDITIONS[row.key](checked, row, say)
    return tuple(found)


def _is_clean(checked: Checked) -> bool:
    return checked.result.verdict == "clean" and checked.result.complete


def _no_residual(checked: Checked, row: PassCondition, say: _Sayer) -> Iterable[str]:
    left = checked.result.residual
    if left > (row.params.maximum or 0):
        yield say("residual_left", count=left)


def _treated(checked: Checked, row: PassCondition, say: _Sayer) -> Iterable[str]:
    specs = say.specs
    classes = {c.key: c for c in specs.desensitization.identifier_classes}
    by_k = specs.scanning.proofs.treated_by_k
    for item in checked.items:
        kind = item.pii if item.pii in row.params.classes else "sensitive" if item.sensitive else ""
        counted = kind in by_k and item.name in checked.result.anonymity.quasi
        if kind and item.name in checked.present and not item.method and not counted:
            named = classes[kind].en if say.lang == "en" else classes[kind].zh
            yield say("item_untreated", item=item.name, **{"class": named})


def _adequate(checked: Checked, row: PassCondition, say: _Sayer) -> Iterable[str]:
    methods = {m.key: m for m in say.specs.desensitization.methods}
    for item in checked.items:
        method = methods.get(item.method)
        weak = method is not None and (method.key in row.params.except_methods or not method.adequate)
        if weak and method is not None and item.name in checked.present:
            named = method.en if say.lang == "en" else method.zh
            yield say("method_weak", item=item.name, method=named, why=method.inadequate_zh)


def _k_reached(checked: Checked, row: PassCondition, say: _Sayer) -> Iterable[str]:
    found = checked.result.anonymity
    if checked.people is False or not found.quasi or found.threshold is None:
        return
    if found.k is None:
        yield say("k_unknown", why=found.why_unknown)
    elif found.k < found.threshold:
        yield say("k_low", k=found.k, threshold=found.threshold)


_CONDITIONS: Mapping[str, Condition] = {
    "no_residual_identifiers": _no_residual,
    "every_item_treated": _treated,
    "method_adequate": _adequate,
    "k_reached": _k_reached,
}
