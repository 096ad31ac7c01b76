"""The named checkers of the wipe rules (WI1, WI2 …): each is built once from its row of the specification.

A check says what is wrong by its parameters, or nothing. What is not filled is no matter of theirs: E132 asks for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from catalog_specs import Specs
from catalog_specs.law import Deadlines
from catalog_specs.law_release import Medium, WipeRule
from validators.wipe_terms import (
    Content,
    Term,
    WipeFacts,
    WipeFinding,
    medium_key,
    name_key,
    person_key,
    serial_key,
)


class Judged(NamedTuple):
    """A record of a kind with the facts around it."""

    content: Content
    kind: str
    facts: WipeFacts


Check = Callable[[Judged], Iterator[WipeFinding]]
Build = Callable[[WipeRule, Specs], Check]
CHECKERS: dict[str, Build] = {}


def _checker(name: str) -> Callable[[Build], Build]:
    def enter(build: Build) -> Build:
        CHECKERS[name] = build
        return build

    return enter


def _names(rule: WipeRule, param: str) -> tuple[str, ...]:
    found = rule.params.get(param, ())
    return found if isinstance(found, tuple) else (str(found),)


def _name(rule: WipeRule, param: str) -> str:
    return str(rule.params[param])


def _number(rule: WipeRule, param: str) -> float:
    found = rule.params[param]
    if isinstance(found, str | tuple):
        raise TypeError(f"{rule.id}: {param} is no number")
    return float(found)


def _found(rule: WipeRule, where: str, **params: str | Term) -> WipeFinding:
    return WipeFinding(rule.id, rule.level, where, "", params)


def _ranks(specs: Specs) -> dict[str, int]:
    return {row.key: row.rank for row in specs.retirement.methods}


# ---- people, dates, copies --------------------------------------------------------------------------------


@_checker("different_people")
def different_people(rule: WipeRule, specs: Specs) -> Check:
    first, second, titles = _name(rule, "first"), _name(rule, "second"), _names(rule, "titles")

    def known(names: Iterable[str]) -> set[str]:
        return {name if name.startswith("@") else name_key(name, titles) for name in names}

    def check(judged: Judged) -> Iterator[WipeFinding]:
        facts = judged.facts
        doers = {person_key(judged.content.get(first), titles)} | known(facts.recorder)
        verifiers = {person_key(judged.content.get(second), titles)} | known(facts.verifier)
        if (doers & verifiers) - {""}:
            yield _found(rule, second)

    return check


@_checker("dates_in_order")
def dates_in_order(rule: WipeRule, specs: Specs) -> Check:
    started, finished = _name(rule, "started"), _name(rule, "finished")
    zone = ZoneInfo(specs.document("deadlines", Deadlines).counting.timezone)

    def check(judged: Judged) -> Iterator[WipeFinding]:
        begun, ended = (_moment(judged.content.get(key), zone) for key in (started, finished))
        first = judged.facts.not_before
        turned = begun is not None and ended is not None and ended < begun
        early = ended is not None and first is not None and ended.astimezone(zone).date() < first
        if turned or early:
            yield _found(rule, finished)

    return check


def _moment(value: Any, zone: ZoneInfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)


@_checker("copies_answered")
def copies_answered(rule: WipeRule, specs: Specs) -> Check:
    field = _name(rule, "field")

    def check(judged: Judged) -> Iterator[WipeFinding]:
        rows = judged.content.get(field)
        listed = rows if isinstance(rows, list) else []
        silent = [str(row["copy"]) for row in listed if isinstance(row, Mapping) and not row.get("answer")]
        for name in (*silent, *judged.facts.unanswered):
            yield _found(rule, field, value=name[:100])

    return check


@_checker("nothing_left_running")
def nothing_left_running(rule: WipeRule, specs: Specs) -> Check:
    def check(judged: Judged) -> Iterator[WipeFinding]:
        for held in judged.facts.holds:
            yield _found(rule, "", value=held[:100])

    return check


@_checker("read_again")
def read_again(rule: WipeRule, specs: Specs) -> Check:
    advised = specs.retirement.verification.second_tool_share_of_media

    def check(judged: Judged) -> Iterator[WipeFinding]:
        share = judged.facts.reread
        if share is not None and share < advised:
            yield _found(rule, "", value=f"{share:.0%}", minimum=f"{advised:.0%}")

    return check


@_checker("serial_seen_before")
def serial_seen_before(rule: WipeRule, specs: Specs) -> Check:
    field, elsewhere = _name(rule, "field"), _name(rule, "level_elsewhere")

    def check(judged: Judged) -> Iterator[WipeFinding]:
        serial = serial_key(judged.content.get(field))
        shown = {"value": str(judged.content.get(field))[:100]}
        if serial and serial in judged.facts.passed:
            yield WipeFinding(rule.id, rule.level, field, "", shown)
        elif serial and serial in judged.facts.waiting:
            yield WipeFinding(rule.id, rule.level, field, "serial_waiting", shown)
        elif serial and serial in judged.facts.elsewhere:
            yield WipeFinding(rule.id, elsewhere, field, "serial_elsewhere", shown)

    return check


# ---- medium, technique, method ----------------------------------------------------------------------------


def _medium_of(judged: Judged, own: Mapping[str, str]) -> str:
    return own.get(judged.kind) or str(judged.content.get("media_type") or "")


def _own_media(specs: Specs) -> dict[str, str]:
    return {row.key: row.medium for row in specs.wiping.kind_media}


@_checker("technique_unfit")
def technique_unfit(rule: WipeRule, specs: Specs) -> Check:
    media, techniques = frozenset(_names(rule, "media")), frozenset(_names(rule, "techniques"))

    def check(judged: Judged) -> Iterator[WipeFinding]:
        content = judged.content
        if content.get("media_type") in media and content.get("technique") in techniques:
            yield _found(rule, "technique")

    return check


@_checker("technique_gives_method")
def technique_gives_method(rule: WipeRule, specs: Specs) -> Check:
    media, techniques = frozenset(_names(rule, "media")), frozenset(_names(rule, "techniques"))
    methods = frozenset(_names(rule, "methods"))

    def check(judged: Judged) -> Iterator[WipeFinding]:
        content = judged.content
        if content.get("media_type") not in media or content.get("technique") not in techniques:
            return
        if content.get("method") and content["method"] not in methods:
            yield _found(rule, "method")

    return check


@_checker("technique_under_method")
def technique_under_method(rule: WipeRule, specs: Specs) -> Check:
    media, own = {row.key: row for row in specs.retirement.media}, _own_media(specs)
    methods = tuple(row.key for row in specs.retirement.methods)

    def check(judged: Judged) -> Iterator[WipeFinding]:
        row = media.get(_medium_of(judged, own))
        technique, method = judged.content.get("technique"), judged.content.get("method")
        if row is None or not technique or method not in methods:
            return
        counted = _counted(row)
        if technique in row.never or technique not in counted[str(method)]:
            terms = {"medium": Term("media", (row.key,)), "technique": Term("techniques", (str(technique),))}
            yield _found(
                rule, "method", method=Term("methods", (str(method),)), allowed=_allowed(row), **terms
            )

    return check


def _counted(row: Medium) -> dict[str, tuple[str, ...]]:
    return {"clear": row.clear, "purge": row.purge, "destroy": row.destroy}


def _allowed(row: Medium) -> Term:
    pairs = [f"{method}:{one}" for method, techniques in _counted(row).items() for one in techniques]
    return Term("ways", tuple(pairs))


@_checker("stronger_after_failure")
def stronger_after_failure(rule: WipeRule, specs: Specs) -> Check:
    ranks, field = _ranks(specs), _name(rule, "field")
    top = max(ranks.values())

    def check(judged: Judged) -> Iterator[WipeFinding]:
        failed = judged.facts.failed.get(medium_key(judged.content))
        rank = ranks.get(str(judged.content.get(field)))
        if failed is None or rank is None or rank > ranks[failed] or rank == top:
            return
        better = tuple(key for key, one in ranks.items() if one > ranks[failed])
        yield _found(rule, field, failed=Term("methods", (failed,)), allowed=Term("methods", better))

    return check


# ---- grades -----------------------------------------------------------------------------------------------


@_checker("grade_needs_method")
def grade_needs_method(rule: WipeRule, specs: Specs) -> Check:
    grades, methods = frozenset(_names(rule, "grades")), frozenset(_names(rule, "methods"))
    inside = frozenset(_names(rule, "except_destinations"))

    def check(judged: Judged) -> Iterator[WipeFinding]:
        content = judged.content
        if content.get("data_grade_before") not in grades or not content.get("method"):
            return
        if content.get("destination") not in inside and content["method"] not in methods:
            yield _found(rule, "method")

    return check


@_checker("level_advised")
def level_advised(rule: WipeRule, specs: Specs) -> Check:
    field, ranks = _name(rule, "grade"), _ranks(specs)
    leaves = {row.key: row.leaves for row in specs.retirement.destinations}
    advised = {
        (grade, row.leaves): row.at_least
        for row in specs.retirement.level_choice
        for grade in row.grades
        if row.at_least
    }

    def check(judged: Judged) -> Iterator[WipeFinding]:
        content = judged.content
        grade, rank = str(content.get(field)), ranks.get(str(content.get("method")))
        # where it goes is not known: the stricter of the two
        wanted = advised.get((grade, leaves.get(str(content.get("destination")), True)))
        if wanted is not None and rank is not None and rank < ranks[wanted]:
            yield _found(rule, "method", grade=Term("grades", (grade,)), advised=Term("methods", (wanted,)))

    return check


@_checker("grade_referred")
def grade_referred(rule: WipeRule, specs: Specs) -> Check:
    field = _name(rule, "grade")
    referred = {grade for row in specs.retirement.level_choice if row.refer for grade in row.grades}

    def check(judged: Judged) -> Iterator[WipeFinding]:
        grade = judged.content.get(field)
        if isinstance(grade, str) and grade in referred:
            yield _found(rule, field, grade=Term("grades", (grade,)))

    return check


# ---- proof ------------------------------------------------------------------------------------------------


@_checker("crypto_erase_proven")
def crypto_erase_proven(rule: WipeRule, specs: Specs) -> Check:
    techniques, needs = frozenset(_names(rule, "techniques")), _names(rule, "needs")

    def check(judged: Judged) -> Iterator[WipeFinding]:
        if judged.content.get("technique") in techniques:
            unproven = [key for key in needs if judged.content.get(key) is not True]
            if unproven:
                yield _found(rule, unproven[0])

    return check


@_checker("key_long_enough")
def key_long_enough(rule: WipeRule, specs: Specs) -> Check:
    field, minimum = _name(rule, "field"), specs.retirement.crypto_erase.key_bits_min
    crypto = frozenset(row.key for row in specs.retirement.techniques if row.crypto)

    def check(judged: Judged) -> Iterator[WipeFinding]:
        bits = judged.content.get(field)
        if judged.content.get("technique") in crypto and isinstance(bits, int | float) and bits < minimum:
            yield _found(rule, field, value=str(bits), minimum=str(minimum))

    return check


@_checker("field_equals")
def field_equals(rule: WipeRule, specs: Specs) -> Check:
    field, value = _name(rule, "field"), rule.params["value"]

    def check(judged: Judged) -> Iterator[WipeFinding]:
        given = judged.content.get(field)
        if given not in (None, "") and given != value:
            yield _found(rule, field)

    return check


@_checker("sample_enough")
def sample_enough(rule: WipeRule, specs: Specs) -> Check:
    field, minimum = _name(rule, "field"), _number(rule, "minimum")
    techniques, methods = (frozenset(_names(rule, f"except_{of}")) for of in ("techniques", "methods"))

    def check(judged: Judged) -> Iterator[WipeFinding]:
        content, share = judged.content, judged.content.get(field)
        if content.get("technique") in techniques or content.get("method") in methods:
            return
        if isinstance(share, int | float) and share < minimum:
            yield _found(rule, field, value=f"{share:g}")

    return check


@_checker("backup_not_expired")
def backup_not_expired(rule: WipeRule, specs: Specs) -> Check:
    field = _name(rule, "field")
    zone = ZoneInfo(specs.document("deadlines", Deadlines).counting.timezone)

    def check(judged: Judged) -> Iterator[WipeFinding]:
        now, given = judged.facts.now, judged.content.get(field)
        day = _day(given)
        if now is not None and day is not None and day > now.astimezone(zone).date():
            yield _found(rule, field, value=str(given))

    return check


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None
