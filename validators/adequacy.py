"""Whether what is masked is masked well enough for an open type. Source: domain §4.3, §12 R7, R10; S18."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalog_specs import Specs
from catalog_specs.law_scanning import Tier
from validators.adequacy_plan import ColumnPlan
from validators.mask_forms import mask_forms
from validators.masks import MasksSeen
from validators.scanned import ColumnFound, Found, Level, ScanFinding

_OPENED: tuple[Tier, ...] = ("conditional", "unconditional")


@dataclass(frozen=True, slots=True)
class ColumnSeen:
    """One column after the last row: what was planned, found by the detectors, and seen of masks."""

    plan: ColumnPlan
    found: ColumnFound
    masks: MasksSeen

    @property
    def name(self) -> str:
        return self.plan.asked.name


class Findings:
    """Makes findings at the level of their rule. What speaks of opening is a note where no open type was asked."""

    def __init__(self, specs: Specs, tier: Tier | None) -> None:
        self.specs, self.tier = specs, tier
        self.levels: dict[str, Level] = {rule.key: rule.level for rule in specs.scanning.rules}

    def make(
        self, rule: str, column: str = "", count: int = 0, examples: Sequence[str] = (), **params: str
    ) -> ScanFinding:
        """A finding at the level that its rule has."""
        return ScanFinding(rule, self.levels[rule], column, count, tuple(examples), params=params)

    def on_opening(
        self, rule: str, column: str = "", count: int = 0, examples: Sequence[str] = (), **params: str
    ) -> ScanFinding:
        """A finding that binds only where an open type was asked for."""
        level = self.levels[rule] if self.tier else "note"
        return ScanFinding(rule, level, column, count, tuple(examples), params=params)


class Adequacy:
    """Judges masks, hashes and methods of every column at a tier (None: nothing is asked, so all are notes)."""

    def __init__(self, specs: Specs, tier: Tier | None) -> None:
        self._specs, self._tier = specs, tier
        self._forms, self._law = mask_forms(specs), specs.scanning.masks
        self._rules = specs.desensitization.mask_rules
        self._methods = {row.key: row for row in specs.desensitization.methods}
        self._hash_names = {row.key: row.zh for row in self._law.hashes}
        self._by_name = {d.key for d in specs.desensitization.detectors if d.applies_to == "column_name"}
        self._beside_forms = frozenset(self._law.beside_forms)
        self._cancelling = specs.desensitization.column_hints.cancel_endings
        self._findings = Findings(specs, tier)

    def judge(
        self, columns: Sequence[ColumnSeen], earlier: Mapping[str, Sequence[str]]
    ) -> Iterator[ScanFinding]:
        """Every finding about masks, hashes and methods, column by column."""
        for column in columns:
            if not column.masks.filled:
                continue
            yield from self._column(column)
            yield from self._one_mask(column, earlier.get(column.name, ()))
            yield from self._tails(column, columns)

    # ---- one column ----

    def _column(self, column: ColumnSeen) -> Iterator[ScanFinding]:
        hashed = list(self._hashes(column))
        yield from hashed
        if self._tier is None or hashed:
            return
        told = list(self._by_method(column, self._tier))
        yield from told
        if told:
            return
        if column.plan.binds:
            yield from self._refused(column, self._tier)
        else:
            yield from self._by_shape(column, self._tier)
            yield from self._as_declared(column, self._tier)
        yield from self._untreated(column, self._tier)

    def _hashes(self, column: ColumnSeen) -> Iterator[ScanFinding]:
        plan, seen = column.plan, column.masks
        count = sum(seen.hashes.values())
        if count < self._law.hash_share * seen.filled or plan.asked.method in self._law.keyed:
            return
        kind = max(seen.hashes, key=lambda key: seen.hashes[key])
        what = self._hash_names[kind]
        if plan.enumerable:
            named = self._form_names(plan.forms)
            yield self._findings.on_opening("plain_hash", column.name, count, what=what, kind=named)
        elif not plan.asked.pii:
            yield self._findings.on_opening("hash_undeclared", column.name, count, what=what)

    def _by_method(self, column: ColumnSeen, tier: Tier) -> Iterator[ScanFinding]:
        plan, seen = column.plan, column.masks
        method = self._methods.get(plan.asked.method)
        if method is None or seen.refused == 0 or not plan.declared:
            return
        about = {"method": method.zh, "form": self._form_names(plan.forms), "tier": self._say(tier)}
        if not method.adequate and tier in _OPENED:
            about["why"] = method.inadequate_zh
            yield self._findings.make("method_inadequate", column.name, seen.filled, **about)
        elif self._judged(plan) and method.key not in self._accepted_methods(plan, tier):
            about["accepted"] = self._accepted(plan.forms, tier)
            yield self._findings.make("method_not_accepted", column.name, seen.filled, **about)

    def _judged(self, plan: ColumnPlan) -> bool:
        return bool(plan.forms) or plan.pii == "direct"

    def _accepted_methods(self, plan: ColumnPlan, tier: Tier) -> frozenset[str]:
        if not plan.forms:
            return frozenset(self._law.unknown_form[tier])
        named = frozenset(method for form in plan.forms for method in self._forms.methods(form, tier))
        # where ends may show, what shows nothing of the value is stronger
        return (
            named if tier in _OPENED else named | {row.key for row in self._methods.values() if row.adequate}
        )

    def _refused(self, column: ColumnSeen, tier: Tier) -> Iterator[ScanFinding]:
        plan, seen = column.plan, column.masks
        told = sum(found.hits for found in self._clear(column) if found.pii == "direct")
        count = (seen.refused or 0) - told
        unseen = plan.asked.method in self._law.unverifiable and plan.declared
        if count > 0 and not unseen:
            yield self._findings.make(
                self._why_refused(plan.forms, tier),
                column.name,
                count,
                seen.examples,
                form=self._form_names(plan.forms),
                tier=self._say(tier),
                accepted=self._accepted(plan.forms, tier),
            )

    def _why_refused(self, forms: Sequence[str], tier: Tier) -> str:
        if all(getattr(self._forms.rows[form], tier).never for form in forms):
            return "never_given"
        return "mask_too_weak" if len(self._forms.accepts(forms, tier).rows) > 1 else "must_be_empty"

    def _by_shape(self, column: ColumnSeen, tier: Tier) -> Iterator[ScanFinding]:
        """Masked values in a column whose name says nothing: their shape tells their form."""
        refused: dict[str, tuple[int, list[str]]] = {}
        for shape in column.masks.shapes:
            if shape.form and not self._forms.accepts((shape.form,), tier).shape(shape.shape):
                count, examples = refused.get(shape.form, (0, []))
                refused[shape.form] = (
                    count + shape.count,
                    [*examples, self._forms.shaper.veiled(shape.shape)],
                )
        for form, (count, examples) in refused.items():
            yield self._findings.make(
                self._why_refused((form,), tier),
                column.name,
                count,
                examples[: self._law.most_examples],
                form=self._form_names((form,)),
                tier=self._say(tier),
                accepted=self._accepted((form,), tier),
            )

    def _as_declared(self, column: ColumnSeen, tier: Tier) -> Iterator[ScanFinding]:
        """A declared column of no known form: what is said to be masked or dropped must be."""
        plan, seen = column.plan, column.masks
        plain = seen.filled - seen.masked
        shown = seen.filled - sum(shape.count for shape in seen.shapes if shape.hidden)
        words = {"form": self._form_names(()), "tier": self._say(tier), "accepted": self._say("any")}
        if not plan.declared:
            return
        if plan.asked.method == self._law.masking and plain:
            yield self._findings.make("mask_too_weak", column.name, plain, **words)
        elif plan.asked.method == self._law.dropping and shown:
            yield self._findings.make("must_be_empty", column.name, shown, **words)

    def _untreated(self, column: ColumnSeen, tier: Tier) -> Iterator[ScanFinding]:
        plan, seen = column.plan, column.masks
        if plan.asked.method or not plan.declared or plan.pii == "quasi":
            return  # k-anonymity treats quasi-identifiers
        if plan.pii != "direct" and tier not in _OPENED:
            return  # a sensitive attribute is not hidden within departments
        plain = seen.refused if plan.binds else seen.filled - seen.masked
        if plain:
            declared = plan.pii if plan.pii != "none" else "sensitive"
            pii = self._specs.label("pii_class", declared)
            yield self._findings.make("no_method", column.name, plain, pii=pii)

    def _clear(self, column: ColumnSeen) -> Iterator[Found]:
        return (
            f for f in column.found.found if f.confidence in ("H", "M") and f.detector not in self._by_name
        )

    # ---- one mask, and what stands beside it ----

    def _one_mask(self, column: ColumnSeen, earlier: Sequence[str]) -> Iterator[ScanFinding]:
        masks = column.masks.masks
        if not self._rules.one_mask_per_identifier or not masks:
            return
        by_form: dict[str, set[str]] = {}
        for shape in column.masks.shapes:
            if shape.form and shape.ends and not shape.hidden:
                by_form.setdefault(shape.form, set()).add(shape.name)
        for names in by_form.values():
            if len(names) > 1:
                told = "、".join(self._mask_names(sorted(names)))
                count = sum(shape.count for shape in column.masks.shapes if shape.name in names)
                yield self._findings.on_opening("two_masks", column.name, count, masks=told)
        if earlier and set(masks) != set(earlier):
            now, before = ("、".join(self._mask_names(names)) for names in (masks, earlier))
            count = column.masks.masked
            yield self._findings.on_opening("masks_differ", column.name, count, masks=now, earlier=before)

    def _tails(self, column: ColumnSeen, columns: Iterable[ColumnSeen]) -> Iterator[ScanFinding]:
        most = self._rules.tail_max_beside
        tails: dict[str, dict[int, int]] = {}
        for shape in column.masks.shapes:
            if shape.form in self._rules.tail_forms and shape.ends and shape.ends[1] > most:
                told = tails.setdefault(shape.form, {})
                told[shape.ends[1]] = told.get(shape.ends[1], 0) + shape.count
        if not tails:
            return
        beside = [other.name for other in columns if other is not column and self._is_beside(other)]
        for form, told in tails.items() if beside else ():
            yield self._findings.on_opening(
                "tail_beside",
                column.name,
                sum(told.values()),
                form=self._form_names((form,)),
                tail=str(max(told)),
                beside="、".join(beside),
                most=str(most),
            )

    def _is_beside(self, other: ColumnSeen) -> bool:
        asked = other.plan.asked
        named = any(word in asked.name for word in self._rules.beside)
        named = named and not asked.name.endswith(self._cancelling)
        coded = {asked.code.lower(), asked.name.lower()} & set(self._law.beside_codes)
        born = not self._beside_forms.isdisjoint(other.plan.forms)
        return other.masks.filled > 0 and (named or bool(coded) or born)

    # ---- words ----

    def _say(self, key: str) -> str:
        return self._law.says[key].zh

    def _form_names(self, forms: Sequence[str]) -> str:
        return "、".join(self._forms.rows[form].zh for form in forms) or self._say("no_form")

    def _mask_names(self, masks: Iterable[str]) -> Iterator[str]:
        for mask in masks:
            form, _, ends = mask.partition(" ")
            row = self._forms.rows.get(form)
            yield f"{row.zh if row else form} {ends}".strip()

    def _accepted(self, forms: Sequence[str], tier: Tier) -> str:
        return self._forms.said(forms, tier) or self._say("any")
