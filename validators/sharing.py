"""Checks of sharing and opening: legal bases, modes and forms, and how items and resource agree."""

from functools import lru_cache
from typing import Any

from catalog_specs import Specs
from catalog_specs.model import Rule
from validators.basis import Library, write_basis
from validators.case import Case
from validators.checkers import Built, checker, of_case, pick
from validators.fields import is_blank

UNCONDITIONAL, CONDITIONAL, NONE = "1", "2", "3"
GOES_OUT = (UNCONDITIONAL, CONDITIONAL)


# ---- legal basis ------------------------------------------------------------------------------------------


@checker("share_basis")
def share_basis(rule: Rule, specs: Specs, *, field: str) -> Built:
    library = Library(specs)
    kinds = {v.code: v.attrs.get("bound") is True for v in specs.codes["agency_kind"].values}

    def check(case: Case) -> None:
        if case.share != NONE:
            return
        kind = case.facts.agency_kinds.get(case.text("provider_code"))
        if kind is not None and kinds.get(kind) is False:
            return  # S1 2, 43: the duty binds departments and bodies authorised by law (§12 R14)
        rows = case.get(field)
        if not isinstance(rows, list) or not rows:
            case.add(rule.id, field, reason="missing")
            return
        for row in rows:
            if isinstance(row, dict):
                _judge_row(rule, library, case, field, row)

    return of_case(check, share=(NONE,))


def _judge_row(rule: Rule, library: Library, case: Case, field: str, row: dict[str, Any]) -> None:
    verdict = library.judge(row)
    shown = write_basis(row)
    if verdict.fault:
        params = {"level": verdict.level, "part": verdict.part}
        case.add(rule.id, field, shown, reason=verdict.fault, params=params)
    elif not verdict.known:
        case.need("basis", "unknown", {"value": shown})


# ---- modes and forms --------------------------------------------------------------------------------------


@checker("share_mode_needed")
def share_mode_needed(rule: Rule, specs: Specs, *, category: str, types: str) -> Built:
    def check(case: Case) -> None:
        if case.share not in GOES_OUT:
            return
        channel = case.get(category)
        if is_blank(channel):
            case.add(rule.id, category)
        # the type of sharing is asked for on the platform; mail and media have none
        if (is_blank(channel) or channel == "1") and is_blank(case.get(types)):
            case.add(rule.id, types)

    return of_case(check, plain=(), share=GOES_OUT)


@checker("channel_reason")
def channel_reason(
    rule: Rule, specs: Specs, *, field: str, categories: list[str], reason_field: str
) -> Built:
    asking = {code: specs.label(specs.fields[field].codes, code) for code in categories}

    def check(case: Case) -> None:
        named = pick(asking, case.get(field))
        if named and case.share in GOES_OUT and not case.text(reason_field):
            case.add(rule.id, field, named)

    return of_case(check, plain=(), share=GOES_OUT)


@checker("mode_fits_format")
def mode_fits_format(rule: Rule, specs: Specs, *, types: str, category: str) -> Built:
    modes = {v.code: (v.zh, v.attrs["mode"]) for v in specs.codes["share_mode_type"].values}
    allowed = {}
    for listed in specs.codes["format_category"].values:
        given = listed.attrs["share_modes"]
        fit = frozenset(map(str, given)) if isinstance(given, tuple) else frozenset()
        allowed[listed.code] = (listed.zh, fit, "、".join(zh for zh, mode in modes.values() if mode in fit))

    def check(case: Case) -> None:
        found = pick(allowed, case.get(category))
        if not found:
            return
        named, fit, shown = found
        for code in case.texts(types):
            if code in modes and modes[code][1] not in fit:
                case.add(rule.id, types, modes[code][0], params={"category": named, "allowed": shown})

    return of_case(check, plain=())


@checker("pattern_form")
def pattern_form(rule: Rule, specs: Specs, *, patterns: str, types: str) -> Built:
    matrix = specs.pattern_form
    names = {v.code: v.zh for v in specs.codes["share_mode_type"].values}

    @lru_cache(maxsize=1024)
    def judged(given: tuple[str, ...], forms: tuple[str, ...]) -> tuple[tuple[str, str, dict[str, str]], ...]:
        """What does not fit: value, reason and parameters. There are few combinations, so they are kept."""
        found = []
        for pattern in given:
            if forms and all(matrix[pattern][form] == "no" for form in forms):
                params = {"pattern": pattern, "forms": "、".join(names[f] for f in forms)}
                found.append((pattern, "no_form", params))
        unused = [form for form in forms if all(matrix[pattern][form] == "no" for pattern in given)]
        found += [(names[form], "no_pattern", {"form": names[form]}) for form in unused]
        return tuple(found)

    def check(case: Case) -> None:
        if case.share not in GOES_OUT:
            return
        given = tuple(p for p in case.texts(patterns) if p in matrix)
        for value, reason, params in judged(given, tuple(f for f in case.texts(types) if f in names)):
            case.add(rule.id, patterns, value, reason=reason, params=params)

    return of_case(check, plain=(), share=GOES_OUT)


@checker("batch_verification")
def batch_verification(rule: Rule, specs: Specs, *, pattern: str, patterns: str, types: str) -> Built:
    row = specs.pattern_form[pattern]
    names = {v.code: v.zh for v in specs.codes["share_mode_type"].values}

    def check(case: Case) -> None:
        if pattern not in case.texts(patterns):
            return
        given = case.texts(types)
        warned = [names[form] for form in given if row.get(form) == "warn"]
        if warned and not any(row.get(form) == "ok" for form in given):
            case.add(rule.id, patterns, pattern, params={"form": "、".join(warned)})

    return of_case(check, plain=())


@checker("realtime_by_file")
def realtime_by_file(
    rule: Rule,
    specs: Specs,
    *,
    cycle: str,
    cycles: list[str],
    types: str,
    slow_types: list[str],
    category: str,
    slow_categories: list[str],
) -> Built:
    fast, slow, channels = frozenset(cycles), frozenset(slow_types), frozenset(slow_categories)

    def check(case: Case) -> None:
        value = case.text(cycle)
        if value not in fast:
            return
        given = case.texts(types)
        forms = (
            [specs.label("share_mode_type", f) for f in given if f in slow] if slow.issuperset(given) else []
        )
        if case.text(category) in channels:
            forms.append(specs.label("share_mode_category", case.text(category)))
        if forms:
            case.add(rule.id, cycle, value, params={"form": "、".join(forms)})

    return of_case(check, plain=(), fits=lambda kind: kind.cycle in fast)


# ---- resource and items -----------------------------------------------------------------------------------


@checker("not_shared_but_open")
def not_shared_but_open(rule: Rule, specs: Specs) -> tuple[Built, ...]:
    def check(case: Case) -> None:
        if case.share == NONE and case.open in GOES_OUT:
            case.add(rule.id, "open_type", case.open, params={"place": "资源"})

    def check_items(case: Case) -> None:
        for number, item in enumerate(case.items):
            if item.get("share_type") != NONE:
                continue
            # an unmarked item opens with the resource
            mark = item.get("open_type") or case.open
            if mark in GOES_OUT and (item.get("open_type") or case.share != NONE):
                params = {"place": f"信息项“{case.item_name(number)}”"}
                case.add(rule.id, "items.open_type", mark, number, params=params)

    on_items = of_case(check_items, on_items=lambda item: item.get("share_type") == NONE)
    return of_case(check, plain=()), on_items


@checker("looser_than_items")
def looser_than_items(rule: Rule, specs: Specs, *, field: str) -> Built:
    names = {v.code: v.zh for v in specs.codes["share_type"].values}

    def check(case: Case) -> None:
        if case.share not in GOES_OUT:
            return
        shares = [item.get("share_type") for item in case.items]
        if UNCONDITIONAL in shares and not (case.share == UNCONDITIONAL and CONDITIONAL in shares):
            return  # something leaves, and nothing stricter than the resource
        marks = {
            n: item.get("share_type") for n, item in enumerate(case.items) if item.get("direction") != "in"
        }
        strictest = CONDITIONAL if case.share == UNCONDITIONAL else ""
        # an item that is not shared does not leave, so it does not count while others do
        if marks and all(mark == NONE for mark in marks.values()):
            strictest = NONE
        number = next((n for n, mark in marks.items() if strictest and mark == strictest), None)
        if number is not None:
            kind = names[case.share]
            params = {"type": kind, "item": case.item_name(number), "item_type": names[strictest]}
            case.add(rule.id, field, kind, number, params=params)

    return of_case(check, on_items=lambda item: item.get("share_type") != UNCONDITIONAL, share=GOES_OUT)


@checker("open_matches_items")
def open_matches_items(rule: Rule, specs: Specs, *, field: str) -> Built:
    names = {v.code: v.zh for v in specs.codes["open_type"].values}

    def check(case: Case) -> None:
        if case.open not in GOES_OUT or not case.items:
            return
        opens = [item.get("open_type") for item in case.items]
        if NONE not in opens and not (case.open == UNCONDITIONAL and CONDITIONAL in opens):
            return
        params = {"type": names[case.open]}
        marks = {
            n: item.get("open_type") for n, item in enumerate(case.items) if item.get("direction") != "in"
        }
        if all(mark == NONE for mark in marks.values()):
            case.add(rule.id, field, params["type"], reason="none_open", params=params)
        if case.open == UNCONDITIONAL and CONDITIONAL in marks.values():
            number = next(n for n, mark in marks.items() if mark == CONDITIONAL)
            params |= {"item": case.item_name(number), "item_type": names[CONDITIONAL]}
            case.add(rule.id, field, params["type"], number, "looser", params)

    return of_case(check, on_items=lambda item: item.get("open_type") != UNCONDITIONAL, open_=GOES_OUT)


@checker("matrix_cross")
def matrix_cross(rule: Rule, specs: Specs) -> Built:
    # the row of "not shared" is E115, which also names the items
    denied = {
        (share, open_type): {
            "share": specs.label("share_type", share),
            "open": specs.label("open_type", open_type),
        }
        for share, row in specs.sharing.matrix_cross.items()
        for open_type, cell in row.items()
        if cell == "deny" and share != NONE
    }

    def check(case: Case) -> None:
        params = denied.get((case.share, case.open)) if _hashable(case) else None
        if params:
            case.add(rule.id, "open_type", params["open"], params=params)

    return of_case(check, plain=(), fits=lambda kind: (kind.share, kind.open) in denied)


def _hashable(case: Case) -> bool:
    return type(case.share) is str and type(case.open) is str
