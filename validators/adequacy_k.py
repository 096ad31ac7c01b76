"""k-anonymity and l-diversity of a scan judged against the sharing model of its open type."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from catalog_specs import Specs
from validators.adequacy import ColumnSeen, Findings
from validators.anonymity import Classes, GroupCounter
from validators.anonymity_ways import would_pass
from validators.mask_forms import MaskForms, mask_forms
from validators.scanned import Anonymity, ScanFinding, SmallClass


@dataclass(frozen=True, slots=True)
class Counted:
    """k and l of a scan, l by sensitive column (None: not known), and how many classes are below the threshold."""

    anonymity: Anonymity
    diversity: Mapping[str, int | None] = field(default_factory=dict)
    too_small: int = 0


class Classed:
    """Judges the classes that were counted. ``open_type`` None: k is told and nothing is asked of it."""

    def __init__(self, specs: Specs, open_type: str | None) -> None:
        self._specs, self._open = specs, open_type
        self._law, self._limits = specs.scanning.anonymity, specs.desensitization.anonymity
        self._forms: MaskForms = mask_forms(specs)
        self._tier = self._forms.tier_of(open_type)
        self._findings = Findings(specs, self._tier)

    def threshold(self, columns: Sequence[ColumnSeen]) -> int | None:
        """The least k that the open type asks for; a form in the data may ask for more. Source: domain §4.2."""
        if self._open is None or self._tier is None:
            return None
        models = self._specs.desensitization.sharing_models
        asked = [m.k for m in models if m.open_type == self._open] or [m.k for m in models if not m.open_type]
        return max([*asked, *(self._of_form(column, "k") for column in columns)])

    def l_threshold(self, columns: Sequence[ColumnSeen]) -> int | None:
        """The fewest different values of a sensitive attribute in a class, where an open type is given."""
        if self._tier is None:
            return None
        of_forms = (self._of_form(column, "l_diversity") for column in columns)
        return max([self._limits.l_diversity_min, *of_forms])

    def _of_form(self, column: ColumnSeen, what: str) -> int:
        if self._tier is None or not column.masks.filled:
            return 0
        rows = (getattr(self._forms.rows[form], self._tier) for form in column.plan.forms)
        return max((int(getattr(row, what)) for row in rows), default=0)

    def count(self, counter: GroupCounter | None, columns: Sequence[ColumnSeen], why_unknown: str) -> Counted:
        """k and l as counted; ``why_unknown`` tells why they cannot be trusted, and then they are not known."""
        if counter is None:
            return Counted(Anonymity(why_unknown=why_unknown))
        threshold, l_threshold = self.threshold(columns), self.l_threshold(columns)
        classes = None if why_unknown else counter.classes()
        if classes is None:
            say = self._law.says["many_classes" if counter.rows else "no_rows"].zh
            why = why_unknown or say.format(limit=counter.limit)
            known = Anonymity(counter.quasi, threshold=threshold, l_threshold=l_threshold, why_unknown=why)
            return Counted(known)
        diversity = counter.diversity()
        least = (
            None if None in diversity.values() else min((n for n in diversity.values() if n), default=None)
        )
        small = classes.smallest(threshold or self._limits.small_class_below, self._law.most_small)
        found = Anonymity(
            quasi=counter.quasi,
            k=classes.k,
            l_diversity=least,
            classes=len(classes.sizes),
            unique_rows=int((classes.sizes == 1).sum()),
            threshold=threshold,
            l_threshold=l_threshold,
            small=tuple(SmallClass(values, size) for values, size in small),
            would_pass=self._ways(classes, columns, threshold),
        )
        return Counted(found, diversity, classes.below(threshold)[0] if threshold else 0)

    def _ways(
        self, classes: Classes, columns: Sequence[ColumnSeen], threshold: int | None
    ) -> tuple[str, ...]:
        if threshold is None or classes.k >= threshold:
            return ()
        hints = {column.name: column.plan.told for column in columns}
        tier = self._tier or "display"
        accepts = {c.name: self._forms.accepts(c.plan.forms, tier) for c in columns if c.plan.binds}

        def accepted(column: str, value: str) -> bool:
            return column not in accepts or accepts[column].shape(value)

        return would_pass(self._law, classes, threshold, hints, accepted)

    def judge(self, counted: Counted) -> Iterator[ScanFinding]:
        """Findings where rows are about people: k unknown or too small, l unknown or too small."""
        found = counted.anonymity
        make, quasi = self._findings.make, "、".join(found.quasi)
        if found.quasi and found.k is None:
            yield make("k_unknown", why=found.why_unknown)
        elif found.k is not None and found.threshold is not None and found.k < found.threshold:
            ways = "；".join(found.would_pass) or self._law.says["no_way"].zh
            yield make(
                "k_too_small",
                "",
                counted.too_small,
                quasi=quasi,
                k=str(found.k),
                threshold=str(found.threshold),
                tier=self._specs.scanning.masks.says[self._tier or "display"].zh,
                ways=ways,
            )
        for name, least in counted.diversity.items() if found.l_threshold else ():
            if least is None:
                limit = self._law.says["many_classes"].zh.format(limit=self._law.most_classes)
                yield make("l_unknown", name, why=limit)
            elif least < (found.l_threshold or 0):
                asked = str(found.l_threshold)
                yield make("l_too_small", name, quasi=quasi, l=str(least), threshold=asked)
