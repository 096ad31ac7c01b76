"""The report of a scan as JSON, with everything worded; text and page are made of it. It never holds a raw value.

Even a header may be a value (a file without a header row), and so may the members of a small group: both are veiled.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from catalog_specs import Specs, load
from registry.errors import MuluError, Unreadable
from registry.kept import storable, storable_value
from registry.scanning import SourceFacts, rules_of
from registry.sources.problems import SourceUnreadable
from validators.detectors import engine_of, residual
from validators.findings import word
from validators.scanned import ColumnResult, Found, ScanFinding, ScanResult

_LEVELS = ("error", "need", "note")
_VEIL = "*"
_SAID = ("reason", "cure")
Say = Callable[..., str]


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def report_json(
    result: ScanResult,
    source: SourceFacts,
    specs: Specs,
    lang: str = "zh",
    *,
    expectations: Mapping[str, Any] | None = None,
    items: str | None = None,
) -> dict[str, Any]:
    """The report of ``mulu scan --format json``; keys as documented in the README.

    Counts are of cells (``hits``, ``residual``) or rows, ``ratio`` is 0 to 1. ``items`` is the code of the entry
    that the data were compared with, ``expectations`` what Great Expectations said of them.
    """
    writer = _Writer(result, source, specs, lang)
    made = {
        "file": storable(source.name),
        "kind": source.kind,
        "size": source.size,
        "sha256": source.sha256,
        "sm3": source.sm3,
        "schema_digest": source.schema_digest,
        "items": items,
        "open_type": result.open_type,
        "rows": result.rows,
        "complete": result.complete,
        "columns": list(writer.columns()),
        **writer.anonymity(),
        "residual": result.residual,
        "verdict": result.verdict,
        "conclusion": _conclusion(result, specs, lang),
        "findings": writer.findings(),
        "expectations": expectations,
        "spec": result.spec,
        "detector_version": result.detectors,
    }
    plain: dict[str, Any] = storable_value(writer.scrubbed(made))
    return plain


def failed_json(
    name: str, error: MuluError, lang: str = "zh", *, open_type: str | None = None
) -> dict[str, Any]:
    """The report of data that cannot be read at all: incomplete, no columns, one finding."""
    specs = load()
    rule, message, fix, source, place = type(error).__name__, error.message, "", "", ""
    if isinstance(error, SourceUnreadable):
        (message, fix), place = error.problem.told(specs, lang), error.problem.place
        rule, source = error.finding.rule, specs.cited(specs.rules[error.finding.rule].sources, lang)
    elif isinstance(error, Unreadable):
        worded = word(error.finding, specs, lang)
        rule, message, fix, source = worded.rule, worded.message, worded.fix, worded.source
    finding: dict[str, Any] = {"rule": rule, "level": "error", "column": "", "message": message}
    finding |= {"fix": fix, "source": source}
    finding |= {"count": 0, "examples_masked": [], "place": place}
    nothing = ("size", "sha256", "sm3", "items", "k", "l", "expectations", "detector_version")
    return {
        "file": storable(name),
        "kind": "",
        "schema_digest": "",
        "open_type": open_type,
        "rows": 0,
        "complete": False,
        "columns": [],
        "quasi": [],
        "thresholds": {"k": None, "l": None, "residual": 0},
        "anonymity": {
            "classes": None,
            "unique_rows": None,
            "small": [],
            "would_pass": [],
            "why_unknown": message,
        },
        "residual": 0,
        "verdict": "incomplete",
        "conclusion": specs.say("scan_says_incomplete", lang),
        "findings": [finding],
        "spec": specs.digest,
        **dict.fromkeys(nothing),
    }


def _conclusion(result: ScanResult, specs: Specs, lang: str) -> str:
    """The verdict in words."""
    opened = open_label(result.open_type, specs, lang) if result.open_type else ""
    key = f"scan_says_{result.verdict}"
    if result.verdict == "clean" and opened:
        key = "scan_says_clean_open"
    return specs.say(key, lang, open_type=opened, residual=f"{result.residual:,}")


def open_label(code: str, specs: Specs, lang: str) -> str:
    """An open type by its name."""
    value = specs.code_value("open_type", code)
    return code if value is None else value.en if lang == "en" else value.zh


class _Writer:
    """What a result says, in one language, with headers as they may be shown."""

    def __init__(self, result: ScanResult, source: SourceFacts, specs: Specs, lang: str) -> None:
        self.result, self.specs, self.lang = result, specs, lang
        self.headers = _headers(result, source)
        self.engine = engine_of(specs)
        self.rules = rules_of(specs)
        self.detectors = {d.key: d for d in specs.desensitization.detectors}
        self.classes = {c.key: c for c in specs.desensitization.identifier_classes}
        # an item's name is how the rules call a column; people look for it by its header
        names = [column.found.asked.name for column in result.columns]
        self.shown = dict(zip(names, self.headers, strict=True))
        self.veiled = self._veiled_headers()

    def say(self, key: str, **params: object) -> str:
        return self.specs.say(key, self.lang, **params)

    def named(self, row: Any) -> str:
        return str(row.en if self.lang == "en" else row.zh)

    # ---- columns ----

    def columns(self) -> Iterator[dict[str, Any]]:
        for header, column in zip(self.headers, self.result.columns, strict=True):
            yield self._column(header, column)

    def _column(self, header: str, column: ColumnResult) -> dict[str, Any]:
        found = column.found
        return {
            "name": header,
            "item": found.asked.name if found.asked.name != header else None,
            "pii": column.pii,
            "pii_name": self.named(self.classes[column.pii]),
            "declared": found.asked.pii or None,
            "method": found.asked.method or None,
            "verdict": column.verdict,
            "rows": found.rows,
            "filled": found.filled,
            "lost_numbers": found.lost_numbers,
            "masks": list(self.result.masks.get(found.asked.name, ())),
            "detectors": [self._found(one) for one in found.found],
        }

    def _found(self, found: Found) -> dict[str, Any]:
        detector = self.detectors.get(found.detector)
        return {
            "id": found.detector,
            "name": self.named(detector) if detector else found.zh,
            "pii": found.pii,
            "hits": found.hits,
            "ratio": round(found.ratio, 6),
            "shaped": found.shaped,
            "filled": found.filled,
            "confidence": found.confidence,
            "band": found.band,
            "examples_masked": list(found.examples),
            "reasons": list(found.reasons),
        }

    # ---- k and l ----

    def anonymity(self) -> dict[str, Any]:
        counted = self.result.anonymity
        return {
            "k": counted.k,
            "l": counted.l_diversity,
            "quasi": [self.shown.get(name, name) for name in counted.quasi],
            "thresholds": {"k": counted.threshold, "l": counted.l_threshold, "residual": 0},
            "anonymity": {
                "classes": counted.classes,
                "unique_rows": counted.unique_rows,
                "small": [
                    {"values": self._group(group.values), "size": group.size} for group in counted.small
                ],
                "would_pass": list(counted.would_pass),
                "why_unknown": counted.why_unknown,
            },
        }

    def _group(self, values: Mapping[str, str]) -> dict[str, str]:
        """A small group as its owner finds it again, and as nobody is known by: half of each value."""
        hidden = self._holds_identifier(list(values.values()))
        return {
            self.shown.get(name, name): _VEIL * len(text) if bare else veil(text)
            for (name, text), bare in zip(values.items(), hidden, strict=True)
        }

    # ---- findings ----

    def findings(self) -> list[dict[str, Any]]:
        """The findings worded, the gravest first."""
        ordered = sorted(self.result.findings, key=lambda finding: _LEVELS.index(finding.level))
        return [self._finding(finding) for finding in ordered]

    def _finding(self, finding: ScanFinding) -> dict[str, Any]:
        rule, column = self.rules[finding.rule], self.shown.get(finding.column, finding.column)
        words = _Blank({key: self.shown.get(text, text) for key, text in finding.params.items()})
        words |= {"column": column, "count": str(finding.count), "examples": "、".join(finding.examples)}
        # it stands beside the message, where every report shows it
        words["place"] = ""
        # what a source says of itself comes in both languages
        words |= {key: words[f"{key}_en"] for key in _SAID if self.lang == "en" and f"{key}_en" in words}
        return {
            "rule": finding.rule,
            "level": finding.level,
            "column": column,
            "message": rule.message.get(self.lang).format_map(words).strip(),
            "fix": rule.fix.get(self.lang).format_map(words).strip(),
            "source": self.specs.cited(rule.sources, self.lang),
            "count": finding.count,
            "examples_masked": list(finding.examples),
            "place": finding.place,
        }

    # ---- what may be shown ----

    def _holds_identifier(self, texts: Sequence[str]) -> list[bool]:
        return [bool(held) for held in residual(self.engine, pa.array(texts, pa.string()))]

    def _veiled_headers(self) -> dict[str, str]:
        """Headers that hold an identifier, and what is shown instead."""
        held = self._holds_identifier(self.headers)
        return {
            header: self.say("scan_column_number", number=number)
            for number, (header, bare) in enumerate(zip(self.headers, held, strict=True), 1)
            if bare
        }

    def scrubbed(self, value: Any) -> Any:
        """A JSON value in which no header stands that must not."""
        if not self.veiled:
            return value
        if isinstance(value, str):
            for raw, shown in self.veiled.items():
                value = value.replace(raw, shown)
            return value
        if isinstance(value, Mapping):
            return {self.scrubbed(key): self.scrubbed(inner) for key, inner in value.items()}
        return [self.scrubbed(inner) for inner in value] if isinstance(value, list) else value


def _headers(result: ScanResult, source: SourceFacts) -> list[str]:
    if len(source.headers) == len(result.columns):
        return list(source.headers)
    return [column.found.asked.name for column in result.columns]


def veil(text: str) -> str:
    """The first half of a value, the rest as stars."""
    kept = (len(text) + 1) // 2
    return text[:kept] + _VEIL * (len(text) - kept)
