"""Checks of conditions and reasons in words: empty, restrictive, loose, or scope and purpose in one text."""

import re
from functools import lru_cache
from typing import Any

from catalog_specs import Specs
from catalog_specs.model import Rule
from validators.case import Case
from validators.checkers import Built, checker, of_case, pick
from validators.fields import is_blank
from validators.sharing import CONDITIONAL, NONE, UNCONDITIONAL

_PUNCTUATION = re.compile(r"[\W_]+")


def strip_vacuous(text: str, words: tuple[str, ...]) -> str:
    """What remains of a condition when empty words and punctuation are taken away, longest words first."""
    rest = _PUNCTUATION.sub("", text)
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest


def _vacuous(specs: Specs) -> Any:
    words = tuple(sorted(specs.sharing.wording.vacuous, key=len, reverse=True))
    taken = frozenset("".join(words))

    @lru_cache(maxsize=65_536)
    def vacuous(text: str) -> bool:
        # a character of no empty word stays whatever is taken away; that settles most conditions
        return taken.issuperset(_PUNCTUATION.sub("", text)) and not strip_vacuous(text, words)

    return vacuous


@checker("restrictive_condition")
def restrictive_condition(rule: Rule, specs: Specs, *, field: str) -> Built:
    wording = specs.sharing.wording
    restrictive = f"(?:{'|'.join(wording.restrictive)})"
    words = re.compile(restrictive)
    # 无需申请、审批 and 用于行政审批 restrict nothing
    negated = re.compile(f"(?:{'|'.join(wording.negations)}){restrictive}(?:[、和或及与/]{restrictive})*")
    harmless = re.compile("|".join(wording.harmless) or "(?!)")

    @lru_cache(maxsize=65_536)
    def restriction(text: str) -> str:
        found = words.search(harmless.sub("", negated.sub("", text)))
        return found.group() if found else ""

    def check(case: Case) -> None:
        if case.share != UNCONDITIONAL:
            return
        text = case.text(field)
        word = restriction(text) if text else ""
        if word:
            case.add(rule.id, field, text, params={"word": word})

    return of_case(check, share=(UNCONDITIONAL,))


def _splitter(specs: Specs) -> Any:
    """A function from a text to the scope and the purpose that it names, or None (W213)."""
    patterns = [re.compile(pattern) for pattern in specs.sharing.wording.split_patterns]
    vacuous = _vacuous(specs)

    @lru_cache(maxsize=65_536)
    def split(text: str) -> tuple[str, str] | None:
        for pattern in patterns:
            found = pattern.search(text)
            # 经本单位审批后用于…: who approves is no scope
            if found and not vacuous(found["scope"]) and not vacuous(found["purpose"]):
                return found["scope"], found["purpose"]
        return None

    return split


@checker("share_condition")
def share_condition(rule: Rule, specs: Specs, *, condition: str, scope: str, purpose: str) -> Built:
    vacuous, split = _vacuous(specs), _splitter(specs)

    def check(case: Case) -> None:
        if case.share != CONDITIONAL:
            return
        text = case.text(condition)
        lacks_scope, lacks_purpose = is_blank(case.get(scope)), is_blank(case.get(purpose))
        if not text:
            case.add(rule.id, condition, reason="condition_missing")
        elif vacuous(text):
            case.add(rule.id, condition, text, reason="vacuous")
        elif lacks_scope and lacks_purpose and split(text):
            return  # one text names both: W213 proposes the split
        if lacks_scope:
            case.add(rule.id, scope, reason="scope_missing")
        if lacks_purpose:
            case.add(rule.id, purpose, reason="purpose_missing")

    return of_case(check, share=(CONDITIONAL,))


@checker("condition_split")
def condition_split(rule: Rule, specs: Specs, *, condition: str, scope: str, purpose: str) -> Built:
    vacuous, split = _vacuous(specs), _splitter(specs)

    def check(case: Case) -> None:
        if case.share != CONDITIONAL or not is_blank(case.get(scope)) or not is_blank(case.get(purpose)):
            return
        text = case.text(condition)
        found = split(text) if text and not vacuous(text) else None
        if found:
            case.add(rule.id, condition, text, params={"scope": found[0], "purpose": found[1]})

    return of_case(check, share=(CONDITIONAL,))


@checker("loose_scope")
def loose_scope(rule: Rule, specs: Specs, *, field: str) -> Built:
    endings = tuple(sorted(specs.sharing.wording.loose_endings, key=len, reverse=True))

    def check(case: Case) -> None:
        text = case.text(field).rstrip("。.；; ") if case.share == CONDITIONAL else ""
        if text.endswith(endings):
            word = next(e for e in endings if text.endswith(e))
            case.add(rule.id, field, text, params={"word": word})

    return of_case(check, share=(CONDITIONAL,))


@checker("added_condition")
def added_condition(rule: Rule, specs: Specs, *, field: str) -> Built:
    vacuous = _vacuous(specs)
    added = [re.compile(pattern) for pattern in specs.sharing.wording.added_conditions]

    any_added = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in added)).search

    def addition(text: str) -> str:
        if any_added(text) is None:
            return ""
        return next((found.group() for found in (p.search(text) for p in added) if found), "")

    def check(case: Case) -> None:
        text = case.text(field) if case.share == CONDITIONAL else ""
        word = addition(text) if text else ""
        if word and not vacuous(text):
            case.add(rule.id, field, text, params={"word": word})

    return of_case(check, share=(CONDITIONAL,))


@checker("open_condition")
def open_condition(rule: Rule, specs: Specs, *, field: str) -> Built:
    vacuous = _vacuous(specs)
    contradiction = specs.sharing.wording.contradiction
    # 除联系电话不开放外，… speaks of a part
    of_a_part = re.compile(f"(?:除|其中)[^。；;]{{1,40}}?(?:{'|'.join(map(re.escape, contradiction))})")

    def check(case: Case) -> None:
        if case.open != CONDITIONAL:
            return
        text = case.text(field)
        if not text:
            case.add(rule.id, field, reason="missing")
        elif any(word in of_a_part.sub("", text) for word in contradiction):
            case.add(rule.id, field, text, reason="contradiction")
        elif vacuous(text):
            case.add(rule.id, field, text, reason="vacuous")

    return of_case(check, open_=(CONDITIONAL,))


@checker("non_open_reason")
def non_open_reason(rule: Rule, specs: Specs, *, field: str, grades: list[str]) -> Built:
    asking = {grade: specs.label("data_grade", grade) for grade in grades}

    def check(case: Case) -> None:
        grade = pick(asking, case.grade)
        if case.open == NONE and grade and not case.text(field):
            case.add(rule.id, field, params={"grade": grade})

    return of_case(check, plain=(), open_=(NONE,), fits=lambda kind: kind.grade in asking)


@checker("over_restriction")
def over_restriction(rule: Rule, specs: Specs, *, field: str, grades: list[str], cites: str) -> Built:
    asking = {grade: specs.label("data_grade", grade) for grade in grades}
    cited = re.compile(cites).search

    def check(case: Case) -> None:
        grade = pick(asking, case.grade)
        text = case.text(field)
        # without any reason E117 speaks; a basis for not sharing covers not opening, too
        if case.open == NONE and grade and text and not cited(text) and is_blank(case.get("non_share_basis")):
            case.add(rule.id, field, text, params={"grade": grade})

    return of_case(check, open_=(NONE,), fits=lambda kind: kind.grade in asking)
