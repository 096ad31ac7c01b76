"""The masked forms of the law made ready: what each tier of openness accepts, and which form a shape is of."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalog_specs import Specs
from catalog_specs.law_masking import MaskedForm, MaskTier
from catalog_specs.law_scanning import Tier
from validators.mask_shapes import Visible, shaper_of

Flags = npt.NDArray[np.bool_]
# from the one that shows most to the one that shows least: what a later one accepts, an earlier one does, too
TIERS: tuple[Tier, ...] = ("display", "conditional", "unconditional")


@dataclass(frozen=True, slots=True)
class Accepts:
    """Which whole cells a tier accepts: each pattern with what the cell must not hold (empty: nothing)."""

    rows: tuple[tuple[str, str], ...]

    def cells(self, values: pa.StringArray) -> Flags:
        """Which of some unified values without nulls are accepted."""
        plain = "|".join(f"(?:{pattern})" for pattern, unless in self.rows if not unless)
        found: Flags = _matches(values, f"^(?:{plain})$") if plain else np.zeros(len(values), np.bool_)
        for pattern, unless in self.rows:
            if unless and not found.all():
                found = found | (_matches(values, f"^(?:{pattern})$") & ~_matches(values, unless))
        return found

    def shape(self, shape: str) -> bool:
        """Whether every value of a shape is accepted."""
        return any(
            re.fullmatch(pattern, shape) and not (unless and re.search(unless, shape))
            for pattern, unless in self.rows
        )


def _matches(values: pa.StringArray, pattern: str) -> Flags:
    found: Flags = pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False)
    return found


class MaskForms:
    """The masked forms of desensitization.yaml with what scanning.yaml adds to them."""

    def __init__(self, specs: Specs) -> None:
        self.specs, self.law = specs, specs.scanning.masks
        self.shaper = shaper_of(specs)
        self.rows: dict[str, MaskedForm] = {row.key: row for row in specs.desensitization.masked_forms}
        self._by_detector = {d: row.key for row in self.rows.values() for d in row.detectors}
        self._alike = {(row.form, pair): row.as_ for row in self.law.alike for pair in row.of}
        surnamed = {d.key for d in specs.desensitization.detectors if d.check == "surname"}
        self._of_surnames = self.of_detectors(surnamed)
        self._surnames = "|".join(specs.desensitization.surnames.compound)
        self._made: dict[tuple[tuple[str, ...], Tier], Accepts] = {}

    def of_detectors(self, detectors: Iterable[str]) -> tuple[str, ...]:
        """The forms of some detectors, each once and in their order."""
        return tuple(dict.fromkeys(self._by_detector[d] for d in detectors if d in self._by_detector))

    def tier_of(self, open_type: str | None) -> Tier | None:
        """The tier that an open type asks for; None when nothing is asked. Source: domain §4.3."""
        return self.law.tiers.get(open_type or "")

    def of_shape(self, shape: str, among: Sequence[str] = ()) -> str:
        """The form that a masked shape is of, among some forms if given; empty when it is of none."""
        bare = "".join(c for c in shape if c not in " -")
        for row in self.law.shapes:
            if (not among or row.form in among) and any(re.fullmatch(row.pattern, s) for s in (shape, bare)):
                return row.form
        return ""

    def tiers(self, form: str, tier: Tier) -> Iterator[MaskTier]:
        """What the law says of a form at a tier and at every stricter one."""
        row = self.rows[form]
        for name in TIERS[TIERS.index(tier) :]:
            yield getattr(row, name)

    def methods(self, form: str, tier: Tier) -> frozenset[str]:
        """The methods that a tier accepts for a form, with those of stricter tiers."""
        return frozenset(method for row in self.tiers(form, tier) for method in row.methods)

    def accepts(self, forms: Sequence[str], tier: Tier) -> Accepts:
        """What cells of a column of these forms may hold at a tier: every way that one of them accepts."""
        asked = (tuple(forms), tier)
        if asked not in self._made:
            rows = [(self.law.placeholder, "")]
            for form in forms:
                rows += self._patterns(form, tier)
            self._made[asked] = Accepts(tuple(dict.fromkeys(rows)))
        return self._made[asked]

    def _patterns(self, form: str, tier: Tier) -> Iterator[tuple[str, str]]:
        for row in self.tiers(form, tier):
            if row.head is not None or row.tail is not None:
                for head, tail in ((row.head or 0, row.tail or 0), *row.also):
                    yield self._masked(head, tail), ""
                if self.law.truncating in row.methods:
                    yield self._ends()[0] + f"{{0,{row.head or 0}}}", ""
                if form in self._of_surnames:
                    yield self._compound_name(), ""
            if row.decimals is not None:
                yield rf"-?[0-9]{{1,3}}(?:\.[0-9]{{0,{row.decimals}}})?", ""
        for kept in self.law.kept:
            if kept.form == form and TIERS.index(kept.tier) >= TIERS.index(tier):
                yield kept.pattern, kept.unless

    def _ends(self) -> tuple[str, str]:
        """Patterns of one visible character and of one masked stretch, with the separators around them."""
        between = f"[{re.escape(self.law.separators)}]*"
        visible = f"(?:[^{re.escape(self.law.marks + self.law.separators)}]{between})"
        runs = "|".join(f"{re.escape(c)}{{{self.law.least},}}" for c in self.law.runs)
        return visible, f"(?:(?:[{re.escape(self.law.marks)}]|{runs}){between})"

    def _masked(self, head: int, tail: int) -> str:
        visible, mark = self._ends()
        return f"{visible}{{0,{head}}}{mark}+{visible}{{0,{tail}}}"

    def _compound_name(self) -> str:
        # a surname of two characters (复姓) counts as one
        return f"(?:{self._surnames})(?:{self._ends()[1]}+|{self.law.name_mark}{{1,2}})"

    def signature(self, form: str, shape: str) -> tuple[int, int] | None:
        """Head and tail of a mask, as two masks of a form are told apart; None where the form has no such ends.

        Masks that differ with the length of the value only (bank cards in groups of four) are one.
        """
        row = self.rows[form]
        if all(getattr(row, tier).head is None for tier in TIERS):
            return None
        seen = self.seen(form, shape)
        ends = (seen.head, seen.tail)
        return self._alike.get((form, ends), ends)

    def seen(self, form: str, shape: str) -> Visible:
        """What shows of a shape; of an e-mail address only what stands before the @ is looked at."""
        return self.shaper.visible(shape.partition(self.law.cut[form])[0] if form in self.law.cut else shape)

    def said(self, forms: Sequence[str], tier: Tier) -> str:
        """What a tier accepts for some forms, in Chinese."""
        return "；".join(dict.fromkeys(getattr(self.rows[form], tier).zh for form in forms))


@lru_cache(maxsize=8)
def mask_forms(specs: Specs) -> MaskForms:
    """The masked forms of one specification, made ready once."""
    return MaskForms(specs)
