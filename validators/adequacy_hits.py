"""What the detectors found, as findings: identifiers in the clear, look-alikes, what a person must decide."""

from collections.abc import Iterator

from catalog_specs import Specs
from catalog_specs.law_scanning import Tier
from validators.adequacy import ColumnSeen, Findings
from validators.mask_forms import mask_forms
from validators.scanned import Found, ScanFinding

_REVIEW, _FORBIDDEN = "secrecy_review", "forbidden"


class Hits:
    """Turns what was found in a column into findings.

    Source: domain §2.5, §12 R8 (the checksum pass rate of a column), R9, R11.
    """

    def __init__(self, specs: Specs, tier: Tier | None) -> None:
        self._specs, self._tier = specs, tier
        self._law, self._forms = specs.scanning.masks, mask_forms(specs)
        self._detectors = {row.key: row for row in specs.desensitization.detectors}
        self._levels = {row.key: row.level for row in specs.desensitization.verdicts}
        self._findings = Findings(specs, tier)

    def in_clear(self, column: ColumnSeen, found: Found) -> int:
        """How many cells of a direct identifier are not desensitized; 0 for look-alikes and other classes.

        A detector that knows a column by its name counts every filled cell; those that hold a mask, a keyed hash
        or a surrogate as declared are not in the clear.
        """
        if found.confidence == "L" or found.pii != "direct":
            return 0
        row = self._detectors[found.detector]
        if row.applies_to == "cell":
            return found.hits
        method = column.plan.asked.method
        surrogate = column.plan.declared and method in self._law.unverifiable
        return 0 if surrogate else max(0, found.hits - column.masks.masked)

    def residual(self, column: ColumnSeen) -> int:
        """Cells of a column with a direct identifier in the clear; one with two identifiers may count twice."""
        return min(column.masks.filled, sum(self.in_clear(column, found) for found in column.found.found))

    def judge(self, column: ColumnSeen) -> Iterator[ScanFinding]:
        """Every finding about what the detectors found in a column."""
        for found in column.found.found:
            yield from self._one(column, found)
        if column.found.lost_numbers:
            yield self._findings.make("lost_number", column.name, column.found.lost_numbers)

    def _one(self, column: ColumnSeen, found: Found) -> Iterator[ScanFinding]:
        treat = self._detectors[found.detector].treat_as
        count = self.in_clear(column, found)
        words = {"what": found.zh, "why": "；".join(found.reasons), "rate": f"{found.pass_rate:.1%}"}
        make = self._findings.make
        if treat == _REVIEW:
            yield make("secrecy_review", column.name, found.hits, found.examples, **words)
        elif treat == _FORBIDDEN:
            yield make("forbidden", column.name, found.hits, **words)
        elif self._levels.get(found.band) == "note":
            yield make("look_alike", column.name, found.shaped, found.examples, **words)
        elif count:
            words["accepted"] = self._accepted(found.detector)
            undecided = self._levels.get(found.band) == "need"
            rule = "undecided" if undecided else "direct_hit"
            yield make(rule, column.name, count, found.examples, **words)
            if column.plan.asked.pii == "none" and not undecided:
                yield make("declared_none", column.name, count, **words)
        elif found.confidence != "L" and found.pii == "quasi":
            yield make("quasi_hit", column.name, found.hits, found.examples, **words)

    def _accepted(self, detector: str) -> str:
        forms = self._forms.of_detectors([detector])
        return self._forms.said(forms, self._tier or "display") or self._law.says["any"].zh
