"""Checks of an entry's items: types, lengths, names, codes, time stamps."""

import re
from collections.abc import Mapping
from typing import Any

from catalog_specs import Specs
from catalog_specs.model import Rule
from validators.case import Case, which
from validators.checkers import Built, checker, of_case, pick
from validators.findings import text_of


@checker("item_type")
def item_type(rule: Rule, specs: Specs, *, field: str, length: str, level: str) -> Built:
    known = {v.code: v.attrs.get("needs_length") == level for v in specs.codes["data_type"].values}

    fine = frozenset(code for code, needs_length in known.items() if not needs_length)

    def check(case: Case) -> None:
        for number, item in enumerate(case.items):
            value = item.get(field)
            if type(value) is str and value in fine:
                continue
            params = {"item": case.item_name(number)}
            if not value:
                case.add(rule.id, f"items.{field}", "", number, "missing", params)
            elif pick(known, value) is None:
                case.add(rule.id, f"items.{field}", value, number, "unknown", params)
            elif not item.get(length):
                case.add(rule.id, f"items.{length}", "", number, "length", params)

    def may_be_wrong(item: Mapping[str, Any]) -> bool:
        value = item.get(field)
        return not (type(value) is str and (value in fine or (value in known and bool(item.get(length)))))

    return of_case(check, on_items=may_be_wrong)


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

    return of_case(check, on_items=lambda item: not item.get(field))


@checker("item_names")
def item_names(rule: Rule, specs: Specs, *, field: str) -> Built:
    full = f"items.{field}"

    def check(case: Case) -> None:
        names = [name for name, _code, _declared in case.told]
        if all(names) and len(names) == len(set(names)):
            return
        seen: set[str] = set()
        for number, name in enumerate(names):
            if not name:
                case.add(rule.id, full, "", number, "missing", {"number": str(number + 1)})
                continue
            if name in seen:
                case.add(rule.id, full, name, number, "repeated", {"item": name})
            seen.add(name)

    return of_case(check)


@checker("item_codes")
def item_codes(rule: Rule, specs: Specs, *, field: str) -> Built:
    full = f"items.{field}"
    match = re.compile(specs.items[field].pattern).fullmatch

    def is_malformed(case: Case, value: Any, item: int) -> None:
        if type(value) is str and value and not match(value):
            case.add(rule.id, full, value, item, "malformed")

    def repeated(case: Case) -> None:
        codes = [code for _name, code, _declared in case.told]
        if len(codes) == len({code.lower() for code in codes}):
            return
        seen: set[str] = set()
        for number, code in enumerate(codes):
            if code and code.lower() in seen and match(code):
                case.add(rule.id, full, code, number, "repeated")
            seen.add(code.lower())

    return Built((repeated,), {full: is_malformed})


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

    return of_case(check, on_items=lambda item: item.get("data_precision") is not None)


@checker("one_timestamp")
def one_timestamp(rule: Rule, specs: Specs, *, field: str) -> Built:
    def check(case: Case) -> None:
        marked = [n for n, item in enumerate(case.items) if item.get(field) is True]
        if len(marked) > 1:
            case.add(rule.id, f"items.{field}", "", marked[1], params={"number": str(len(marked))})

    return of_case(check, on_items=lambda item: item.get(field) is True)
