"""Checks of an entry's items: types, lengths, names, codes, time stamps."""

import re
from functools import lru_cache

from catalog_specs import Specs
from catalog_specs.model import Rule
from validators.case import Case, which
from validators.checkers import Built, checker, of_case, pick
from validators.findings import text_of


@checker("item_type")
def item_type(rule: Rule, specs: Specs, *, field: str, length: str, level: str) -> Built:
    known = {v.code: v.attrs.get("needs_length") == level for v in specs.codes["data_type"].values}

    def check(case: Case) -> None:
        for number, item in enumerate(case.items):
            value = item.get(field)
            needs_length = pick(known, value)
            if needs_length is False:
                continue
            params = {"item": case.item_name(number)}
            if not value:
                case.add(rule.id, f"items.{field}", "", number, "missing", params)
            elif needs_length is None:
                case.add(rule.id, f"items.{field}", value, number, "unknown", params)
            elif not item.get(length):
                case.add(rule.id, f"items.{length}", "", number, "length", params)

    return of_case(check)


@checker("item_length_missing")
def item_length_missing(rule: Rule, specs: Specs, *, field: str) -> Built:
    asking = frozenset(
        v.code for v in specs.codes["data_type"].values if v.attrs.get("needs_length") == "warn"
    )

    def check(case: Case) -> None:
        lacking = [
            n
            for n, item in enumerate(case.items)
            if not item.get(field) and type(item.get("data_type")) is str and item["data_type"] in asking
        ]
        if lacking:
            case.add(
                rule.id, f"items.{field}", item=lacking[0], params={"which": f"“{which(case, lacking)}”"}
            )

    return of_case(check)


@checker("item_names")
def item_names(rule: Rule, specs: Specs, *, field: str) -> Built:
    full = f"items.{field}"

    def check(case: Case) -> None:
        seen: set[str] = set()
        for number, item in enumerate(case.items):
            name = item.get(field)
            if type(name) is not str or not name:
                case.add(rule.id, full, "", number, "missing", {"number": str(number + 1)})
                continue
            if name in seen:
                case.add(rule.id, full, name, number, "repeated", {"item": name})
            seen.add(name)

    return of_case(check)


@checker("item_codes")
def item_codes(rule: Rule, specs: Specs, *, field: str) -> Built:
    full = f"items.{field}"
    match = lru_cache(maxsize=65_536)(re.compile(specs.items[field].pattern).fullmatch)

    def check(case: Case) -> None:
        seen: set[str] = set()
        for number, item in enumerate(case.items):
            code = item.get(field)
            if type(code) is not str or not code:
                continue
            if not match(code):
                case.add(rule.id, full, code, number, "malformed")
            elif code.lower() in seen:
                case.add(rule.id, full, code, number, "repeated")
            seen.add(code.lower())

    return of_case(check)


@checker("item_precision")
def item_precision(rule: Rule, specs: Specs) -> Built:
    def check(case: Case) -> None:
        for number, item in enumerate(case.items):
            precision = item.get("data_precision")
            if precision is None:
                continue
            length = item.get("data_length")
            if type(precision) is int and type(length) is int and precision > length:
                named = {"item": case.item_name(number), "length": text_of(length)}
                params = named | {"precision": text_of(precision)}
                case.add(rule.id, "items.data_precision", precision, number, params=params)

    return of_case(check)


@checker("one_timestamp")
def one_timestamp(rule: Rule, specs: Specs, *, field: str) -> Built:
    def check(case: Case) -> None:
        marked = [n for n, item in enumerate(case.items) if item.get(field) is True]
        if len(marked) > 1:
            case.add(rule.id, f"items.{field}", "", marked[1], params={"number": str(len(marked))})

    return of_case(check)
