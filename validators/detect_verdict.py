"""From counts to what was found: confidence, band and reasons, as desensitization.yaml says (domain §12 R8, R11)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from catalog_specs import Specs
from catalog_specs.law_masking import Detector
from validators.scanned import Confidence, Found

_GRADES = ("shaped", "hits", "high_shaped", "high_hits")
IDENTIFIER, LOOK_ALIKE, NONE = "identifier", "look_alike", "none"


@dataclass(frozen=True, slots=True)
class Counts:
    """Cells of one column by what one detector made of them; ``serial`` is the share of consecutive numbers."""

    filled: int
    shaped: int = 0
    hits: int = 0
    high_shaped: int = 0
    high_hits: int = 0
    among: int = 0
    prefixed: int = 0
    covered: tuple[int, int, int, int] = (0, 0, 0, 0)
    serial: float = 0.0

    @property
    def uncovered(self) -> "Counts":
        """Without the cells that another number with a check digit explains."""
        shaped, hits, high_shaped, high_hits = self.covered
        return replace(
            self,
            shaped=self.shaped - shaped,
            hits=self.hits - hits,
            high_shaped=self.high_shaped - high_shaped,
            high_hits=self.high_hits - high_hits,
            covered=(0, 0, 0, 0),
        )


@dataclass(frozen=True, slots=True)
class _Case:
    row: Detector
    counts: Counts
    name: str
    word: str
    vote: bool
    reasons: list[str] = field(default_factory=list)


class Judge:
    """Verdicts under one specification."""

    def __init__(self, specs: Specs) -> None:
        self._doc = specs.desensitization
        self._say = self._doc.detector_reasons
        self._verdicts = {verdict.key: verdict for verdict in self._doc.verdicts}

    def band(self, hits: int, shaped: int) -> str:
        """The first verdict that the share of passing values, and their number, allow."""
        share = hits / shaped if shaped else 0.0
        return next(v.key for v in self._doc.verdicts if share >= v.at_least and shaped >= v.min_values)

    def by_name(self, row: Detector, filled: int, word: str) -> Found:
        """A detector that judges by the column's name: all that is filled in."""
        reason = self._say.column_name.format(name=word, zh=row.zh, filled=filled)
        return Found(row.key, row.zh, row.pii, "H", filled, filled, filled, reasons=(reason,))

    def judge(self, row: Detector, counts: Counts, name: str, word: str) -> Found | None:
        """What the counts of one detector in one column mean; None when they mean nothing.

        ``name`` is the column's, ``word`` the word in it that hints at the detector, empty for none.
        """
        if not counts.hits:
            return None
        if counts.covered[0] and self.band(counts.hits, counts.shaped) != IDENTIFIER:
            return self.judge(row, counts.uncovered, name, word)
        ratio = self._doc.sampling.confirm_ratio
        case = _Case(row, counts, name, word, counts.hits >= ratio * counts.filled)
        found = self._high(case) if row.conf == "H" else self._low(case)
        return found and replace(found, reasons=tuple(self._reasons(case, found)))

    # ---- H ----

    def _high(self, case: _Case) -> Found | None:
        counts, row = case.counts, case.row
        supported = bool(case.word) or case.vote
        if row.check == "none":
            return self._unchecked(case) if counts.high_hits or case.word else None
        band = self.band(counts.high_hits, counts.high_shaped)
        if not counts.high_hits or (band == NONE and not case.word):
            return self._low(case) if counts.high_hits < counts.hits else None
        confidence: Confidence = "H" if band == IDENTIFIER else "M"
        if band == LOOK_ALIKE and not case.word:
            confidence = "L"
        widened = supported and band == IDENTIFIER
        hits = counts.hits if widened else counts.high_hits
        return self._found(case, confidence, hits, counts.shaped if widened else counts.high_shaped, band)

    def _unchecked(self, case: _Case) -> Found:
        """Without a check digit nothing is let go; what looks like chance or serials is left to a person."""
        counts, serials = case.counts, self._doc.serials
        hits = counts.hits if case.word else counts.high_hits
        band = ""
        if counts.among > counts.hits and not case.word:
            share = self.band(counts.hits, counts.among)
            if share != IDENTIFIER and counts.among >= serials.min_values:
                band = serials.verdict
                case.reasons.append(
                    self._say.among.format(among=counts.among, share=_share(counts.hits, counts.among))
                )
        if counts.serial >= serials.at_least and counts.hits >= serials.min_values and not case.word:
            band = serials.verdict
            case.reasons.append(self._say.serial.format(share=f"{counts.serial:.1%}"))
        return self._found(case, "M" if band else "H", hits, hits, band)

    # ---- M and L ----

    def _low(self, case: _Case) -> Found | None:
        counts, row = case.counts, case.row
        band = "" if row.check == "none" else self.band(counts.hits, counts.shaped)
        shaped = counts.shaped if band else counts.hits
        if row.conf == "L":
            confidence: Confidence = "M" if case.vote else "L"
            return self._found(case, confidence, counts.hits, shaped, band) if case.word else None
        if case.word or case.vote or band == IDENTIFIER:
            return self._found(case, "M", counts.hits, shaped, band)
        return None

    def _found(self, case: _Case, confidence: Confidence, hits: int, shaped: int, band: str) -> Found:
        row, counts = case.row, case.counts
        pii = next(iter(row.pii_by_prefix.values())) if counts.prefixed and row.pii_by_prefix else row.pii
        return Found(row.key, row.zh, pii, confidence, hits, shaped, counts.filled, band)

    # ---- words ----

    def _reasons(self, case: _Case, found: Found) -> list[str]:
        row, counts, say = case.row, case.counts, self._say
        told = [say.pattern.format(count=found.shaped, zh=row.zh)]
        told.append(self._check(row, found))
        if case.word:
            told.append(say.hint.format(name=case.name, zh=row.zh))
        if case.vote:
            ratio = f"{self._doc.sampling.confirm_ratio:.0%}"
            told.append(
                say.vote.format(filled=counts.filled, share=_share(counts.hits, counts.filled), ratio=ratio)
            )
        if found.band and not case.reasons:
            zh = self._verdicts[found.band].zh
            told.append(say.verdict.format(zh=zh, share=_share(found.hits, found.shaped)))
        if row.key in self._doc.column_hints.person_rules.detectors:
            told.append(say.people)
        return [*told, *case.reasons]

    def _check(self, row: Detector, found: Found) -> str:
        if row.check == "none":
            return self._say.unchecked
        share = _share(found.hits, found.shaped)
        return self._say.check.format(
            check=self._say.checks[row.check], shaped=found.shaped, hits=found.hits, share=share
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole if whole else 0:.1%}"


def counts_of(kinds: Mapping[str, int], *, filled: int, has_high: bool, serial: float) -> Counts:
    """The counts of one detector; where every hit is a high one, they are the same."""
    own, covered = ([kinds.get(f"{prefix}{kind}", 0) for kind in _GRADES] for prefix in ("", "covered_"))
    if not has_high:
        own, covered = own[:2] * 2, covered[:2] * 2
    shaped, hits, high_shaped, high_hits = own
    return Counts(
        filled,
        shaped,
        hits,
        high_shaped,
        high_hits,
        among=kinds.get("among", 0),
        prefixed=kinds.get("prefixed", 0),
        covered=(covered[0], covered[1], covered[2], covered[3]),
        serial=serial,
    )
