"""What a rule says of a value, and how that is put into words from the specification's messages."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.model import Level

NO_ITEM = -1


class Finding(NamedTuple):
    """One rule that a value breaks. ``item`` counts from 0; ``NO_ITEM`` means the entry itself.

    ``reason`` names one of the rule's reasons; ``params`` fill its texts. Nothing here is worded yet.
    """

    rule: str
    field: str = ""
    item: int = NO_ITEM
    value: str = ""
    reason: str = ""
    params: Mapping[str, str] = {}


class Need(NamedTuple):
    """What only a later step can prove; ``need`` is a key of the specification's needs."""

    need: str
    reason: str
    params: Mapping[str, str] = {}


class Worded(NamedTuple):
    """A finding as people read it: level, message, what to do, and the source it rests on."""

    rule: str
    level: Level
    field: str
    label: str
    value: str
    message: str
    fix: str
    source: str


class _Lenient(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def word(finding: Finding, specs: Specs, lang: str = "zh") -> Worded:
    """The finding in ``lang`` (zh or en): level, message, fix and sources come from rules.yaml.

    Raises:
        KeyError: the finding names a rule or a reason that the specification does not hold.
    """
    rule = specs.rules[finding.rule]
    label = field_label(finding.field, specs, lang)
    words = _Lenient({"field": label, "value": finding.value, **finding.params})
    fix = rule.fix
    if finding.reason:
        reason = rule.reasons[finding.reason]
        words["reason"] = (reason.en if lang == "en" else reason.zh).format_map(words)
        fix = reason.fix or fix
    return Worded(
        finding.rule,
        rule.level,
        finding.field,
        label,
        finding.value,
        rule.message.get(lang).format_map(words),
        fix.get(lang).format_map(words),
        specs.cited(rule.sources, lang),
    )


def word_need(need: Need, specs: Specs, lang: str = "zh") -> tuple[str, str, str]:
    """Title, reason and sources of a need in ``lang``."""
    spec = specs.needs[need.need]
    text = spec.reasons[need.reason].get(lang).format_map(_Lenient(need.params))
    return spec.title.get(lang), text, specs.cited(spec.sources, lang)


def field_label(key: str, specs: Specs, lang: str = "zh") -> str:
    """The field's name in ``lang``; a key that is no field (a column's own header) names itself."""
    if key in ("", "items"):
        return {"": "", "items": "信息项" if lang == "zh" else "items"}[key]
    try:
        spec = specs.field_spec(key)
    except KeyError:
        return key
    return spec.en if lang == "en" else spec.zh


def drop_echoes(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without "missing" on a field whose cell could not be read: that was said already.

    An intake finding (E16x, E17x) on a field leaves it blank; the rule on blank fields would only repeat it.
    """
    listed = list(findings)
    unread = {(f.field, f.item) for f in listed if f.rule.startswith(("E16", "E17"))}
    if not unread:
        return listed
    return [
        f for f in listed if f.value or f.rule.startswith(("E16", "E17")) or (f.field, f.item) not in unread
    ]


def worst(levels: Iterable[Level]) -> Level | None:
    """The gravest of some levels; None for none."""
    order = (Level.ERROR, Level.WARNING, Level.NOTE)
    found = set(levels)
    return next((level for level in order if level in found), None)


def text_of(value: Any) -> str:
    """A value as it is shown in a finding, at most 200 characters."""
    try:
        shown = "、".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a list nested without end
        return "…"
    return shown if len(shown) <= 200 else shown[:199] + "…"
