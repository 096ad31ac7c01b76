"""What is expected of each column before its rows are judged: its class, its masked forms, whether they bind."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog_specs import Specs
from catalog_specs.law_masking import Detector
from validators.hints import hinter
from validators.mask_forms import mask_forms
from validators.scanned import ColumnAsked, ColumnFound, Found, Pii

_CLASSES: tuple[Pii, ...] = ("direct", "sensitive", "quasi", "none")
# where only a name speaks, a column that may be either counts for k-anonymity
_HINTED: tuple[Pii, ...] = ("quasi", "sensitive")


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One column as it is to be judged.

    ``pii`` is declared, else found, else hinted at. ``forms`` are the masked forms that its name, its declaration
    or its values speak of; where ``binds``, every filled cell must be of a form that the tier accepts. ``sensitive``
    says that it may be a sensitive attribute whose diversity counts, ``personal`` that it speaks of a person;
    ``told`` are the detectors and words that its name hints at.
    """

    asked: ColumnAsked
    pii: Pii
    declared: bool
    forms: tuple[str, ...]
    binds: bool
    sensitive: bool
    enumerable: bool
    personal: bool
    told: tuple[str, ...]


class Planner:
    """Plans the columns of a scan from what is asked, what names hint at, and what the first rows hold."""

    def __init__(self, specs: Specs) -> None:
        self._specs, self._law = specs, specs.scanning.masks
        self._forms, self._hint = mask_forms(specs), hinter(specs)
        self.detectors: dict[str, Detector] = {row.key: row for row in specs.desensitization.detectors}
        self._person_rules = specs.desensitization.column_hints.person_rules.detectors
        self._flag = specs.desensitization.sampling.flag_ratio

    def plans(self, columns: Sequence[ColumnFound], about_people: bool | None) -> list[ColumnPlan]:
        """The plans of all columns of a scan. Source: domain §12 R10, R11.

        Address, birth and position bind where rows are about people; where that is not known, beside a direct
        identifier only.
        """
        classes = [self.pii_of(column) for column in columns]
        persons = about_people if about_people is not None else "direct" in classes
        return [
            self._plan(column, pii, about_people, persons)
            for column, pii in zip(columns, classes, strict=True)
        ]

    def _plan(self, column: ColumnFound, pii: Pii, about_people: bool | None, persons: bool) -> ColumnPlan:
        asked, hint = column.asked, self._hint(column.asked.name, column.asked.code)
        counted = [found.detector for found in column.found if self._counts(column, found)]
        hinted = dict.fromkeys([*([hint.detector] if hint.detector else []), *column.hint])
        detectors = tuple(dict.fromkeys([*hinted, *counted]))
        # a strong name speaks of one identifier, whatever else its words remind of
        spoken = [hint.detector, *counted] if hint.detector else detectors
        declared = asked.pii in _CLASSES[:3] or asked.sensitive is True
        is_text = self._is_text(asked.name)
        forms = () if is_text else self._forms.of_detectors(spoken)
        if declared and not forms:
            forms = self._named(asked, pii)
        personal = [d for d in detectors if self._class(d) in ("direct", "quasi")]
        due = about_people is not False and any(persons or d not in self._person_rules for d in personal)
        binds = declared or bool(hint.detector) or (due and asked.pii != "none")
        return ColumnPlan(
            asked=asked,
            pii=pii,
            declared=declared,
            forms=forms,
            binds=bool(forms) and binds,
            sensitive=self._is_sensitive(asked, pii, "sensitive" in hint.tiers),
            enumerable=any(d in self._law.enumerable for d in detectors) or asked.pii == "direct",
            personal=bool(hint.tiers & {"direct", "quasi"}) or pii in ("direct", "quasi"),
            told=(*detectors, asked.name, asked.code.lower()),
        )

    def _counts(self, column: ColumnFound, found: Found) -> bool:
        """Whether a detector says something of a column as a whole: not of a stray cell, nor of shape alone."""
        if found.confidence == "L" or found.ratio < self._flag:
            return False
        return found.pii != "quasi" or found.detector in (*column.hint, *self._law.by_value)

    def pii_of(self, column: ColumnFound) -> Pii:
        """The class of a column: as declared; else the gravest that was found; else what its name hints at."""
        asked = column.asked
        found: list[Pii] = [f.pii for f in column.found if f.confidence != "L" and f.pii == "direct"]
        found += [f.pii for f in column.found if self._counts(column, f)]
        if asked.pii and asked.pii != "none":
            return next(pii for pii in _CLASSES if pii == asked.pii)
        if "direct" in found:
            return "direct"
        if asked.pii == "none":
            return "none"
        tiers = self._hint(asked.name, asked.code).tiers
        hinted = [self._class(detector) for detector in column.hint]
        weak = [pii for pii in _HINTED if pii in tiers]
        named = {
            *(pii for pii in found if pii != "none"),
            *hinted,
            *(("sensitive",) if asked.sensitive else ()),
            *weak,
        }
        return next((pii for pii in ("direct", *_HINTED) if pii in named), "none")

    def _class(self, detector: str) -> Pii:
        row = self.detectors.get(detector)
        return row.pii if row else "none"

    def _is_text(self, name: str) -> bool:
        return any(word in name for word in self._law.free_text)

    def _named(self, asked: ColumnAsked, pii: Pii) -> tuple[str, ...]:
        if pii != "sensitive" and not asked.sensitive:
            return ()
        return tuple(row.form for row in self._law.named if any(word in asked.name for word in row.words))

    def _is_sensitive(self, asked: ColumnAsked, pii: Pii, hinted: bool) -> bool:
        if asked.pii:
            return asked.pii == "sensitive"
        return pii == "sensitive" or (pii == "none" and (hinted or asked.sensitive is True))


def quasi_columns(plans: Sequence[ColumnPlan], asked: Sequence[str] | None) -> tuple[int, ...]:
    """The places of the quasi-identifiers: as asked for by name, else every column of that class."""
    return tuple(
        place
        for place, plan in enumerate(plans)
        if (plan.pii == "quasi" if asked is None else _is_named(plan, asked))
    )


def sensitive_columns(plans: Sequence[ColumnPlan], asked: Sequence[str] | None) -> tuple[int, ...]:
    """The places of the sensitive attributes whose diversity is counted: as asked for, else as planned."""
    return tuple(
        place
        for place, plan in enumerate(plans)
        if (plan.sensitive if asked is None else _is_named(plan, asked))
    )


def _is_named(plan: ColumnPlan, names: Sequence[str]) -> bool:
    return plan.asked.name in names or (bool(plan.asked.code) and plan.asked.code in names)
