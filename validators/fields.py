"""Checks of single values: completeness, code lists, shapes, lengths, dates, numbers, patterns, keys."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any

from catalog_specs import Specs
from catalog_specs.model import FieldSpec, FieldType, Rule
from validators.case import Case, which
from validators.checkers import Built, Quick, ValueCheck, checker, of_case, of_field
from validators.findings import NO_ITEM, text_of

_BLANK: tuple[Any, ...] = (None, "", [], {})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LISTS = frozenset({FieldType.TEXT_LIST, FieldType.ENUM_LIST, FieldType.CATEGORY})
RECORD_LISTS = frozenset({FieldType.BASIS, FieldType.RECORDS})
TEXTS = frozenset({FieldType.TEXT, FieldType.ENUM, FieldType.DATE})


def is_blank(value: Any) -> bool:
    return value in _BLANK


def all_fields(specs: Specs) -> dict[str, FieldSpec]:
    """Every field under its full key; item fields as ``items.KEY``."""
    return dict(specs.fields) | {f"items.{key}": spec for key, spec in specs.items.items()}


def place(case: Case, item: int) -> str:
    """``信息项“姓名”的`` before a field's name; empty for the entry itself."""
    return "" if item == NO_ITEM else f"信息项“{case.item_name(item)}”的"


def parse_date(value: str) -> date | None:
    """A date written 2026-01-31; None for anything else."""
    if not _DATE.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


# ---- completeness -----------------------------------------------------------------------------------------


@checker("required")
def required(rule: Rule, specs: Specs, *, fields: list[str]) -> Built:
    wanted = tuple(fields)

    def check(case: Case) -> None:
        # nearly every entry has them all: one pass in C before the one that names what lacks
        if all(map(case.get, wanted)):
            return
        for key in wanted:
            if is_blank(case.get(key)):
                case.add(rule.id, key)

    return of_case(check, plain=())


@checker("required_when")
def required_when(rule: Rule, specs: Specs, *, field: str, when: str, values: list[str]) -> Built:
    asking = frozenset(values)

    def check(case: Case) -> None:
        value = case.get(when)
        if type(value) is str and value in asking and is_blank(case.get(field)):
            case.add(rule.id, field)

    if when == "data_grade":
        return of_case(check, plain=(), fits=lambda kind: kind.grade in asking)
    return of_case(check, plain=(), open_=values if when == "open_type" else ())


@checker("items_required")
def items_required(rule: Rule, specs: Specs, *, fields: list[str]) -> Built:
    wanted = tuple((key, f"items.{key}") for key in fields)
    keys = tuple(fields)

    def check(case: Case) -> None:
        items = case.items
        if all(all(map(item.get, keys)) for item in items):
            return
        for key, full in wanted:
            lacking = [n for n, item in enumerate(items) if not item.get(key)]
            if lacking:
                case.add(rule.id, full, item=lacking[0], params={"which": f"（{which(case, lacking)}）"})

    return of_case(check, on_items=lambda item: not all(map(item.get, keys)))


@checker("forbidden_when")
def forbidden_when(rule: Rule, specs: Specs, *, when: str, values: list[str], fields: list[str]) -> Built:
    asking = frozenset(values)

    def check(case: Case) -> None:
        value = case.get(when)
        if type(value) is not str or value not in asking:
            return
        for key in fields:
            if not is_blank(case.get(key)):
                case.add(rule.id, key, case.get(key))

    return of_case(check, plain=(), share=values if when == "share_type" else ())


# ---- code lists -------------------------------------------------------------------------------------------


def codes_of(spec: FieldSpec, specs: Specs) -> frozenset[str]:
    return frozenset(v.code for v in specs.codes[spec.codes].values)


def _allowed(spec: FieldSpec, specs: Specs) -> str:
    values = specs.codes[spec.codes].values
    shown = "、".join(v.zh if v.zh == v.code else f"{v.code} {v.zh}" for v in values[:12])
    return shown + ("……" if len(values) > 12 else "")


@checker("known_code")
def known_code(rule: Rule, specs: Specs, *, fields: list[str], reason: str = "") -> Built:
    checks = {key: _known_code(rule, specs.field_spec(key), specs, key, reason) for key in fields}
    return Built(values=checks)


def _known_code(rule: Rule, spec: FieldSpec, specs: Specs, key: str, reason: str) -> ValueCheck:
    known, allowed = codes_of(spec, specs), _allowed(spec, specs)

    def check(case: Case, value: Any, item: int) -> None:
        for part in value if type(value) is list else [value]:
            if type(part) is str and part and part not in known:
                params = {"allowed": allowed, "place": place(case, item)}
                case.add(rule.id, key, part, item, reason, params)

    return check


# ---- shapes -----------------------------------------------------------------------------------------------


def quick_check(spec: FieldSpec, specs: Specs) -> Quick | None:
    """A cheap test, true only for values that no value check can complain of; None when there is none."""
    kinds: Mapping[FieldType, Callable[[FieldSpec, Specs], Quick | None]] = {
        FieldType.TEXT: _quick_text,
        FieldType.ENUM: _quick_enum,
        FieldType.ENUM_LIST: _quick_enum_list,
        FieldType.TEXT_LIST: _quick_text_list,
        FieldType.CATEGORY: _quick_text_list,
        FieldType.BOOLEAN: lambda _spec, _specs: lambda value: value.__class__ is bool,
        FieldType.INTEGER: _quick_integer,
    }
    make = kinds.get(spec.type)
    return make(spec, specs) if make else None


def _quick_text(spec: FieldSpec, specs: Specs) -> Quick:
    most = spec.max_len
    if spec.pattern:
        match = re.compile(spec.pattern).fullmatch
        return lambda v: v.__class__ is str and 0 < len(v) <= most and match(v) is not None
    return lambda v: v.__class__ is str and 0 < len(v) <= most


def _quick_enum(spec: FieldSpec, specs: Specs) -> Quick:
    return codes_of(spec, specs).__contains__


def _quick_enum_list(spec: FieldSpec, specs: Specs) -> Quick:
    contains_all = codes_of(spec, specs).issuperset
    return lambda v: v.__class__ is list and contains_all(v)


def _quick_text_list(spec: FieldSpec, specs: Specs) -> Quick:
    most = spec.max_len

    def quick(value: Any) -> bool:
        if value.__class__ is not list or not value:
            return False
        return all(part.__class__ is str and 0 < len(part) <= most for part in value)

    return quick


def _quick_integer(spec: FieldSpec, specs: Specs) -> Quick:
    low, high = spec.min_value, spec.max_value
    return lambda v: v.__class__ is int and low <= v <= high


def _expected(spec: FieldSpec) -> tuple[str, Callable[[Any], bool]]:
    if spec.type in TEXTS:
        return "text", lambda v: isinstance(v, str)
    if spec.type in LISTS:
        return "list", lambda v: isinstance(v, list) and all(isinstance(part, str) for part in v)
    if spec.type in RECORD_LISTS:
        return "list", lambda v: isinstance(v, list) and all(isinstance(part, dict) for part in v)
    if spec.type is FieldType.RECORD:
        return "record", lambda v: isinstance(v, dict)
    if spec.type is FieldType.BOOLEAN:
        return "boolean", lambda v: isinstance(v, bool)
    return "integer", lambda v: isinstance(v, int) and not isinstance(v, bool)


@checker("shape")
def shape(rule: Rule, specs: Specs) -> Built:
    def value_check(key: str, spec: FieldSpec) -> ValueCheck:
        kind, fits = _expected(spec)

        def check(case: Case, value: Any, item: int) -> None:
            # a number that could not be read is reported by the rule on numbers, with its bounds
            if not fits(value) and not (kind == "integer" and isinstance(value, str)):
                case.add(rule.id, key, value, item, kind)

        return check

    def items_are_rows(case: Case) -> None:
        value = case.get("items")
        if is_blank(value) or value is case.items:
            return
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            case.add(rule.id, "items", value, reason="items")

    return Built((items_are_rows,), {k: value_check(k, s) for k, s in all_fields(specs).items()})


def _texts(value: Any) -> Iterator[str]:
    """The texts of a value: itself, a list's, or those of a record's parts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part) if not isinstance(part, list) else (p for p in part if isinstance(p, str))


@checker("lengths")
def lengths(rule: Rule, specs: Specs) -> Built:
    def value_check(key: str, most: int) -> ValueCheck:
        def check(case: Case, value: Any, item: int) -> None:
            for part in _texts(value):
                if len(part) > most:
                    params = {"length": str(len(part)), "max": str(most), "place": place(case, item)}
                    case.add(rule.id, key, part, item, params=params)

        return check

    # E102 speaks of the resource name's length itself
    measured = {k: s for k, s in all_fields(specs).items() if s.max_len and k != "resource_name"}
    return Built(values={key: value_check(key, spec.max_len) for key, spec in measured.items()})


@checker("patterns")
def patterns(rule: Rule, specs: Specs) -> Built:
    def value_check(key: str, spec: FieldSpec) -> ValueCheck:
        match = re.compile(spec.pattern).fullmatch

        def check(case: Case, value: Any, item: int) -> None:
            if isinstance(value, str) and value and not match(value):
                case.add(
                    rule.id, key, value, item, params={"example": spec.example, "place": place(case, item)}
                )

        return check

    # the code of an item has a rule of its own (E146)
    matched = {k: s for k, s in all_fields(specs).items() if s.pattern and k != "items.item_code"}
    return Built(values={key: value_check(key, spec) for key, spec in matched.items()})


@checker("numbers")
def numbers(rule: Rule, specs: Specs) -> Built:
    def value_check(key: str, spec: FieldSpec) -> ValueCheck:
        low, high = spec.min_value, spec.max_value
        bounds = {"min": str(low), "max": str(high)}

        def check(case: Case, value: Any, item: int) -> None:
            if type(value) is str or (type(value) is int and not low <= value <= high):
                case.add(rule.id, key, value, item, params=bounds | {"place": place(case, item)})

        return check

    whole = {k: s for k, s in all_fields(specs).items() if s.type is FieldType.INTEGER}
    return Built(values={key: value_check(key, spec) for key, spec in whole.items()})


@checker("dates")
def dates(rule: Rule, specs: Specs, *, fields: list[str]) -> Built:
    def check(key: str, case: Case, value: Any, item: int) -> None:
        if isinstance(value, str) and parse_date(value) is None:
            case.add(rule.id, key, value, item)

    return Built(values={key: partial(check, key) for key in fields})


@checker("past_date")
def past_date(rule: Rule, specs: Specs, *, field: str) -> Built:
    def check(case: Case, value: Any, item: int) -> None:
        if not isinstance(value, str):
            return
        read = parse_date(value)
        if read is None:
            case.add(rule.id, field, value, reason="malformed")
        elif read > case.facts.today:
            case.add(rule.id, field, value, reason="future")

    return of_field(field, check)


@checker("known_keys")
def known_keys(rule: Rule, specs: Specs) -> tuple[Built, ...]:
    entry_keys = frozenset(specs.fields) | {"items"}
    item_keys = frozenset(specs.items)

    def check(case: Case) -> None:
        if not entry_keys.issuperset(case.content):
            for key in sorted(set(map(str, case.content)) - entry_keys):
                case.add(rule.id, key, key)

    def check_items(case: Case) -> None:
        for number, item in enumerate(case.items):
            if isinstance(item, dict) and not item_keys.issuperset(item):
                for key in sorted(set(map(str, item)) - item_keys):
                    case.add(rule.id, f"items.{key}", key, number, params={"place": place(case, number)})

    on_items = of_case(check_items, on_items=lambda item: not item_keys.issuperset(item))
    return of_case(check, plain=()), on_items


@checker("record_parts")
def record_parts(rule: Rule, specs: Specs, *, fields: list[str]) -> Built:
    def value_check(key: str) -> ValueCheck:
        spec = specs.field_spec(key)
        wanted = [(part.key, part.zh) for part in spec.parts if part.required]

        def check(case: Case, value: Any, item: int) -> None:
            for row in value if isinstance(value, list) else [value]:
                if not isinstance(row, dict):
                    continue
                lacking = "、".join(zh for part, zh in wanted if is_blank(row.get(part)))
                if lacking:
                    shown = "｜".join(map(text_of, row.values()))
                    case.add(rule.id, key, shown, item, params={"part": lacking, "example": spec.example})

        return check

    return Built(values={key: value_check(key) for key in fields})
