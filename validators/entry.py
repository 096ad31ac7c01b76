"""Checks of an entry's own texts: name, codes, format, abstract; and of its items."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from catalog_specs import Specs
from catalog_specs.model import Rule
from validators import codes
from validators.case import Case
from validators.checkers import Built, checker, of_case, of_field, pick
from validators.fields import is_blank
from validators.findings import NO_ITEM
from validators.folding import fold
from validators.neighbours import elsewhere, item_set

_REMARK = re.compile(r"[（(][^（()）]*[)）]")

# ---- name, codes, abstract --------------------------------------------------------------------------------


@checker("resource_name")
def resource_name(rule: Rule, specs: Specs, *, field: str, bare: str) -> Built:
    most = specs.fields[field].max_len
    is_bare = re.compile(bare, re.ASCII).fullmatch

    def check(case: Case) -> None:
        name = case.text(field)
        if not name:
            return
        if len(name) > most:
            case.add(rule.id, field, name, reason="too_long", params={"max": str(most)})
        if name.isascii() and is_bare(name):
            case.add(rule.id, field, name, reason="bare")
        names = case.facts.names
        if names:
            keys = names.get((case.text("provider_code"), fold(name)), ())
            if keys and keys != (case.me,) and any(key != case.me for key in keys):
                case.add(rule.id, field, name, reason="duplicate")

    return of_case(check)


@checker("credit_code")
def credit_code(rule: Rule, specs: Specs, *, field: str) -> Built:
    spec = specs.credit_code
    fault = lru_cache(maxsize=65_536)(lambda code: codes.credit_code_fault(code, spec))

    def check(case: Case, value: Any, item: int) -> None:
        if isinstance(value, str) and value:
            reason = fault(value)
            if reason:
                case.add(rule.id, field, value, reason=reason)

    return of_field(field, check)


@checker("code_region")
def code_region(rule: Rule, specs: Specs, *, field: str) -> Built:
    profile = specs.profile
    own, upper = tuple(profile.regions), frozenset(profile.upper_regions)
    city = specs.label("regions", profile.city)
    fault = lru_cache(maxsize=65_536)(lambda code: codes.credit_code_fault(code, specs.credit_code))

    def check(case: Case) -> None:
        code = case.text(field)
        region = codes.region_of(code)
        if not region or region.startswith(own) or region in upper or fault(code):
            return
        case.add(rule.id, field, code, params={"region": region, "city": city})

    return of_case(check)


@checker("code_shape")
def code_shape(rule: Rule, specs: Specs, *, field: str) -> Built:
    match = specs.resource_code.imported.fullmatch

    def check(case: Case, value: Any, item: int) -> None:
        if isinstance(value, str) and value and not match(value):
            case.add(rule.id, field, value)

    return of_field(field, check)


@checker("code_national")
def code_national(rule: Rule, specs: Specs, *, field: str) -> Built:
    spec = specs.resource_code

    def check(case: Case) -> None:
        code = case.text(field)
        if not code or not spec.imported.fullmatch(code):
            return
        parts = codes.split_resource_code(code, spec)
        if parts is None:
            case.add(rule.id, field, code, reason="shape")
        elif parts.class_digit != spec.own_prefix.class_digit and not codes.division_listed(parts, spec):
            case.add(rule.id, field, code, reason="item", params={"item": parts.division})

    return of_case(check, plain=(field,))


@checker("code_category")
def code_category(rule: Rule, specs: Specs, *, field: str, category: str) -> Built:
    spec = specs.resource_code
    class_names = {row.zh: digit for digit, row in spec.classes.items()}

    national = spec.national.fullmatch
    listed = {digit: {item.code for item in row.items} for digit, row in spec.classes.items()}

    def check(case: Case) -> None:
        paths, code = case.get(category), case.text(field)
        if type(paths) is list and len(paths) == 1 and type(paths[0]) is str:
            digit = class_names.get(paths[0].partition("/")[0])
            if digit and (not code or (code[0] == digit and code[1:3] in listed[digit] and national(code))):
                return  # as most are: one category, and a code of its class
        heads = [path.split("/", 1)[0] for path in case.texts(category)]
        unknown = [head for head in heads if head not in class_names]
        code = case.text(field)
        if unknown:
            case.add(
                rule.id, category, unknown[0], reason="unknown_category", params={"category": unknown[0]}
            )
        parts = codes.split_resource_code(code, spec) if code else None
        if parts is None:
            return
        if parts.class_digit == spec.own_prefix.class_digit and not codes.division_listed(parts, spec):
            case.add(rule.id, field, code, reason="item", params={"item": parts.division})
        # the first category gives the prefix; a resource may be listed under others besides
        elif heads and heads[0] in class_names and class_names[heads[0]] != parts.class_digit:
            found = spec.classes[parts.class_digit].zh
            case.add(rule.id, field, code, reason="class", params={"found": found, "category": heads[0]})

    return of_case(check)


@checker("related_code")
def related_code(rule: Rule, specs: Specs, *, field: str, own: str) -> Built:
    match = specs.resource_code.imported.fullmatch

    def check(case: Case) -> None:
        known = case.facts.codes
        for code in case.texts(field):
            if code == case.text(own):
                case.add(rule.id, field, code, reason="self")
            elif not match(code):
                case.add(rule.id, field, code, reason="malformed")
            elif known is not None and code not in known:
                case.add(rule.id, field, code, reason="unknown")

    return of_case(check, plain=(field,))


@checker("abstract_length")
def abstract_length(rule: Rule, specs: Specs, *, field: str, name: str, least: int, most: int) -> Built:
    def check(case: Case) -> None:
        text = case.text(field)
        if not text:
            return
        if text == case.text(name):
            case.add(rule.id, field, text, reason="name")
        elif len(text) < least:
            case.add(rule.id, field, text, reason="short", params={"length": str(len(text))})
        elif len(text) > most:
            case.add(rule.id, field, text, reason="long", params={"length": str(len(text))})

    return of_case(check)


@checker("abstract_fields")
def abstract_fields(rule: Rule, specs: Specs, *, field: str, certain: list[str]) -> Built:
    """``certain`` markers surely introduce fields; behind another one (包括) a term must be an item."""
    wording = specs.sharing.wording
    marker = re.compile(f"({'|'.join(wording.abstract_markers)})(?:但不限于|了|有)?[：:]?([^。；;]+)")
    separators = re.compile(f"[{re.escape(wording.abstract_separators)}]")
    endings = tuple(sorted(wording.abstract_endings, key=len, reverse=True))

    def bare(name: str) -> str:
        return fold(name if name.isalnum() else _REMARK.sub("", name))

    def shorn(term: str) -> str:
        ending = next((e for e in endings if term.endswith(e)), "") if term.endswith(endings) else ""
        return term.removesuffix(ending)

    def named(text: str) -> tuple[str, tuple[str, ...]]:
        found = marker.search(text) if any(word in text for word in wording.abstract_markers) else None
        if not found:
            return "", ()
        terms = [shorn(term.strip()) for term in separators.split(found.group(2))]
        fit = tuple(term for term in terms if 2 <= len(term) <= 12)
        return found.group(1), fit if len(fit) >= 2 else ()

    def check(case: Case) -> None:
        marked, terms = named(case.text(field))
        if not terms or not case.items:
            return
        names = [bare(case.item_name(n)) for n in range(len(case.items))]
        together = "\n".join(names)
        # one look through all the names settles nearly every term
        missing = [t for t in terms if bare(t) not in together]
        lacking = [t for t in missing if not any(name in bare(t) for name in names)]
        if lacking and (marked in certain or len(lacking) < len(terms)):
            case.add(rule.id, field, lacking)

    return of_case(check)


@checker("suspicious_name")
def suspicious_name(rule: Rule, specs: Specs, *, field: str, system: str) -> Built:
    def check(case: Case) -> None:
        name = case.text(field)
        named = case.text(system)
        if not name:
            return
        if named and name in (named, case.facts.systems.get(named)):
            case.add(rule.id, field, name, reason="system")
        dragged = case.facts.dragged
        if dragged and (case.text("provider_code"), fold(name)) in dragged:
            case.add(rule.id, field, name, reason="dragged")

    return of_case(check)


@checker("other_source")
def other_source(rule: Rule, specs: Specs, *, field: str, least_items: int) -> Built:
    def check(case: Case) -> None:
        facts, provider = case.facts, case.text("provider_code")
        if facts.elsewhere:
            name = case.text(field)
            if name and elsewhere(facts.elsewhere.get(fold(name)), provider):
                case.add(rule.id, field, name, reason="name")
        if case.me in facts.twins or (facts.item_sets and _twin(case, least_items)):
            case.add(rule.id, "items", case.text(field), reason="items")

    return of_case(check)


def _twin(case: Case, least_items: int) -> bool:
    if len(case.items) < least_items:
        return False
    return elsewhere(case.facts.item_sets.get(item_set(case.items)), case.text("provider_code"))


# ---- format -----------------------------------------------------------------------------------------------


@checker("format_known")
def format_known(rule: Rule, specs: Specs, *, field: str, note: str) -> Built:
    known = frozenset(v.code for v in specs.codes["format_type"].values)

    def check(case: Case) -> None:
        for value in case.texts(field):
            if value not in known:
                reason = "noted" if case.text(note) else "note_missing"
                case.add(rule.id, field, value, reason=reason)

    return of_case(check, plain=(note,))


@checker("format_fits")
def format_fits(rule: Rule, specs: Specs, *, field: str, category: str) -> Built:
    allowed = {v.code: frozenset(_strings(v.attrs["categories"])) for v in specs.codes["format_type"].values}
    shown = {c.code: "、".join(_strings(c.attrs["types"])) for c in specs.codes["format_category"].values}

    def check(case: Case) -> None:
        code = case.get(category)
        if type(code) is not str or code not in shown:
            return
        for value in case.texts(field):
            categories = allowed.get(value)
            if categories is not None and code not in categories:
                params = {"category": specs.label("format_category", code), "allowed": shown[code]}
                case.add(rule.id, field, value, params=params)

    return of_case(check, plain=())


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(str(part) for part in value) if isinstance(value, tuple | list) else ()


@checker("format_note")
def format_note(rule: Rule, specs: Specs, *, field: str, category: str, types: str, other: str) -> Built:
    asking = {v.code: v.zh for v in specs.codes["format_category"].values if v.attrs.get("requires_note")}

    def check(case: Case) -> None:
        named = pick(asking, case.get(category)) or (other if other in case.texts(types) else "")
        if named and not case.text(field):
            case.add(rule.id, field, named)

    return of_case(check, plain=())


@checker("items_needed")
def items_needed(rule: Rule, specs: Specs, *, category: str) -> Built:
    structured = {v.code: v.zh for v in specs.codes["format_category"].values if v.attrs.get("structured")}

    def check(case: Case) -> None:
        named = pick(structured, case.get(category))
        if named and is_blank(case.get("items")):
            case.add(rule.id, "items", named)

    return of_case(check, plain=(), fits=lambda kind: kind.category in structured)


@checker("cycle_note")
def cycle_note(rule: Rule, specs: Specs, *, field: str, note: str) -> Built:
    asking = frozenset(v.code for v in specs.codes["update_cycle"].values if v.attrs.get("needs_note"))

    def check(case: Case) -> None:
        value = case.get(field)
        if type(value) is str and value in asking and not case.text(note):
            case.add(rule.id, note, value, reason="note")

    return of_case(check, plain=(), fits=lambda kind: kind.cycle in asking)


# ---- secrecy ----------------------------------------------------------------------------------------------


@checker("secret_content")
def secret_content(rule: Rule, specs: Specs, *, fields: list[str]) -> tuple[Built, ...]:
    """Secret flags and grades of any field; the value is never shown (§12 R1)."""
    secret = {key: tuple(secret_codes(key, specs)) for key in fields}
    parts = {key[6:]: values for key, values in secret.items() if key.startswith("items.")}

    def check(case: Case) -> None:
        for key, values in secret.items():
            if case.get(key) in values:
                case.add(rule.id, key, "", NO_ITEM)

    def check_items(case: Case) -> None:
        for part, values in parts.items():
            for number, item in enumerate(case.items):
                if item.get(part) in values:
                    case.add(rule.id, f"items.{part}", "", number)

    def is_secret(item: Mapping[str, Any]) -> bool:
        return any(item.get(part) in values for part, values in parts.items())

    return of_case(check, plain=()), of_case(check_items, on_items=is_secret)


def secret_codes(key: str, specs: Specs) -> list[str]:
    """The codes of a field that mark content as secret: those that the list calls not registrable."""
    listed = specs.codes[specs.field_spec(key).codes]
    return [value.code for value in listed.values if value.attrs.get("registrable") is False]
