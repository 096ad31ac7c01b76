"""Whether a wipe record is fit (E132, WI1 and on), and its findings in words. The rules are compiled once."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.law_release import WipeRule
from validators.wipe_checks import CHECKERS, Check, Judged
from validators.wipe_fields import label_of, missing, tables, unfit
from validators.wipe_terms import RULE, Content, Term, WipeFacts, WipeFinding

# rules that speak of a case, not of a record
_OF_CASE = frozenset({"nothing_left_running", "read_again"})


class WordedFinding(NamedTuple):
    """A finding as people read it; ``where`` is the field's key, ``label`` its name."""

    rule: str
    level: str
    where: str
    label: str
    message: str
    fix: str
    source: str

    @property
    def text(self) -> str:
        """One line: rule, message, cure, article."""
        said = f"{self.message.rstrip('。')}。" if self.message else ""
        return f"{self.rule} {said}办法：{self.fix}（{self.source}）"


@lru_cache(maxsize=8)
def wipe_rules(specs: Specs) -> dict[str, WipeRule]:
    """The rules of retirement.yaml and of wiping.yaml by id."""
    return {rule.id: rule for rule in (*specs.retirement.rules, *specs.wiping.rules)}


class _Built(NamedTuple):
    rule: WipeRule
    check: Check
    unless: frozenset[str]


@lru_cache(maxsize=8)
def _compiled(specs: Specs) -> tuple[_Built, ...]:
    return tuple(
        _Built(rule, CHECKERS[rule.checker](rule, specs), _unless(rule))
        for rule in wipe_rules(specs).values()
    )


def _unless(rule: WipeRule) -> frozenset[str]:
    named = rule.params.get("unless", ())
    return frozenset(named if isinstance(named, tuple) else (str(named),))


def check_record(content: Content, kind: str, specs: Specs, *, facts: WipeFacts) -> list[WipeFinding]:
    """What is wrong with one record of a kind (physical, cloud, service), fields first; empty when it is fit.

    ``facts.step`` says how far it has come: fields of later steps are not demanded yet.

    Raises:
        KeyError: there is no such kind of record.

    Source: domain §7, §12 R16; S-LPS 26.
    """
    found = [*missing(content, kind, specs, facts), *unfit(content, kind, specs, facts)]
    mistyped = {one.where for one in found if one.reason in ("type", "unknown")}
    # no rule is asked about what is no value of its field
    sound = {key: value for key, value in content.items() if key not in mistyped} if mistyped else content
    judged, broken = Judged(sound, kind, facts), set[str]()
    for built in _compiled(specs):
        if _applies(built, facts, broken):
            wrong = list(built.check(judged))
            broken.update(one.rule for one in wrong)
            found += wrong
    return found


def _applies(built: _Built, facts: WipeFacts, broken: set[str]) -> bool:
    cases = built.rule.only_cases
    if cases and facts.case and facts.case not in cases:
        return False
    return not (built.unless & broken)


def check_closing(specs: Specs, facts: WipeFacts) -> list[WipeFinding]:
    """What closing a case still waits for: copies without an answer (WI7), what still runs (WI10); advice on it."""
    judged, closing = Judged({}, "", facts), ("copies_answered", *_OF_CASE)
    wanted = [built for built in _compiled(specs) if built.rule.checker in closing]
    return [one for built in wanted if _applies(built, facts, set()) for one in built.check(judged)]


def errors_of(findings: Iterable[WipeFinding]) -> list[WipeFinding]:
    """The findings that refuse a record; the others are told and kept."""
    return [one for one in findings if one.level == "error"]


# ---- words ------------------------------------------------------------------------------------------------


class _Lenient(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def word_wipe(finding: WipeFinding, specs: Specs, lang: str = "zh") -> WordedFinding:
    """A finding in ``lang`` (zh or en): message, cure and sources of its rule."""
    label = label_of(finding.where, specs, lang)
    words = _Lenient({"field": label})
    words.update({key: _worded(value, specs, lang) for key, value in finding.params.items()})
    message, fix, sources = _texts(finding, specs, lang)
    message, value = message.format_map(words), words["value"]
    # a rule's own words name no value: it stands before them
    shown = f"{value}：{message}" if value and value not in message else message
    return WordedFinding(
        finding.rule,
        finding.level,
        finding.where,
        label,
        shown,
        fix.format_map(words),
        specs.cited(sources, lang),
    )


def _texts(finding: WipeFinding, specs: Specs, lang: str) -> tuple[str, str, tuple[str, ...]]:
    rule = wipe_rules(specs).get(finding.rule)
    sources: Sequence[str] = rule.sources if rule else specs.rules[RULE].sources
    said: Any = specs.wiping.say_index[finding.reason] if finding.reason else rule
    return getattr(said, lang), getattr(said, f"fix_{lang}"), tuple(sources)


def _worded(value: str | Term, specs: Specs, lang: str) -> str:
    if isinstance(value, str):
        return value
    joint = ", " if lang == "en" else "、"
    return joint.join(_word(value.table, key, specs, lang) for key in value.keys)


def _word(table: str, key: str, specs: Specs, lang: str) -> str:
    if table == "ways":
        method, _, technique = key.partition(":")
        said = (_word("methods", method, specs, lang), _word("techniques", technique, specs, lang))
        return ": ".join(said) if lang == "en" else "：".join(said)
    if table == "grades":
        row = specs.code_value("data_grade", key)
        return key if row is None else (row.en or key) if lang == "en" else row.zh
    found = tables(specs)[table].get(key)
    return key if found is None else str(getattr(found, lang))


def worded(findings: Iterable[WipeFinding], specs: Specs, lang: str = "zh") -> list[WordedFinding]:
    """Findings in words, in their order."""
    return [word_wipe(one, specs, lang) for one in findings]


def findings_json(findings: Iterable[WipeFinding], specs: Specs) -> list[dict[str, str]]:
    """Findings as they are kept and answered: in Chinese words, with rule, level and place."""
    return [
        {
            "code": one.rule,
            "rule": one.rule,
            "level": one.level,
            "where": one.where,
            "message": one.message,
            "fix": one.fix,
        }
        | {"source": one.source}
        for one in worded(findings, specs)
    ]


def refusal_text(what: str, findings: Sequence[WipeFinding], specs: Specs) -> dict[str, Any]:
    """``message`` and ``errors`` of a refusal: what is refused, then each finding on a line of its own."""
    lines: Iterator[str] = (f"  {one.text}" for one in worded(findings, specs))
    return {"message": "\n".join((f"{what}：", *lines)), "errors": findings_json(findings, specs)}
