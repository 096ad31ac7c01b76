"""Guards of distributions: what may stand on the shelf, and what must have been proven of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from catalog_specs import Specs
from catalog_specs.law_lifecycle import Guard, Lifecycle
from catalog_specs.law_portals import Scope
from validators.assess import assess
from validators.case import Content
from validators.fields import is_blank
from validators.gates import Missing, MoveCase, Offered, by_rules, gate, said
from validators.proving import asks_for_proof, method_of, missing_proof
from validators.sharing import GOES_OUT

_FILE = "2"


def listed_items(content: Content) -> dict[str, Mapping[str, Any]]:
    """The items of an entry by name."""
    items = content.get("items")
    found = items if isinstance(items, list) else []
    return {
        str(i.get("item_name")): i
        for i in found
        if isinstance(i, Mapping) and not is_blank(i.get("item_name"))
    }


def _type_of(item: Mapping[str, Any], content: Content, key: str) -> Any:
    """An item's own share or open type; without a mark the resource decides (domain §12 R6)."""
    own = item.get(key)
    return content.get(key) if is_blank(own) else own


def leaving_items(
    content: Content, names: Iterable[str], scope: Scope, methods: Mapping[str, str], specs: Specs
) -> tuple[Mapping[str, Any], ...]:
    """Those of the named items that may be told of in a scope of ckan.yaml, in their order.

    ``methods`` are those of the standing proof by item name. Source: S-ZY 23, 24; S-LPS 25; domain §5.4.
    """
    items, never = listed_items(content), specs.ckan.items

    def leaves(name: str) -> bool:
        item = items[name]
        share, opening = (_type_of(item, content, key) for key in ("share_type", "open_type"))
        own = share if scope.of == "share_type" else opening
        kept = share in never.never_share_types
        kept = kept or (scope.of == "open_type" and opening in never.never_open_types)
        dropped = {methods.get(name), method_of(item.get("mask_rule"), specs)} & set(never.never_methods)
        return own in scope.types and not kept and not dropped

    return tuple(items[name] for name in names if name in items and leaves(name))


@gate("items_of_entry")
def items_of_entry(case: MoveCase, guard: Guard) -> Missing:
    """Items are those of the entry, and none that is not shared (for an opened one: not opened) leaves."""
    offered = case.distribution
    if offered is None:
        return by_rules(case, guard)
    items = listed_items(case.content)
    missing = [f"“{name}”不在目录的信息项中" for name in offered.items if name not in items]
    if items and not offered.items:
        missing.append("没有写明提供哪些信息项")
    missing += [
        f"“{name}”{said}" for name in offered.items if (said := _kept_in(items.get(name), case, offered))
    ]
    return tuple(missing) or None


def _kept_in(item: Mapping[str, Any] | None, case: MoveCase, offered: Offered) -> str:
    if item is None:
        return ""
    if offered.opened:
        return "" if _type_of(item, case.content, "open_type") in GOES_OUT else "不予开放"
    return "" if _type_of(item, case.content, "share_type") in GOES_OUT else "不予共享"


@gate("review_agrees")
def review_agrees(case: MoveCase, guard: Guard) -> Missing:
    """What the reviewer keeps from the public is not to be announced as open."""
    if case.content.get("open_type") not in GOES_OUT:
        return None
    life = case.specs.document("lifecycle", Lifecycle)
    row, results = life.conclusions.get(str(case.given("conclusion"))), case.given("items")
    found = [f"结论是“{row.zh}”"] if row is not None and row.share and not row.open else []
    kept = results if isinstance(results, Mapping) else {}
    found += [
        f"“{name}”不宜公开，目录写作开放"
        for name, item in listed_items(case.content).items()
        if kept.get(name) == "not_public" and _type_of(item, case.content, "open_type") in GOES_OUT
    ]
    return tuple(found) or None


@gate("open_projection")
def open_projection(case: MoveCase, guard: Guard) -> Missing:
    """What is opened is judged on its own: the entry reduced to the offered items, graded anew (§12 R6)."""
    offered = case.distribution
    if offered is None or not offered.opened:
        return None
    if case.content.get("open_type") not in GOES_OUT:
        return ("目录的开放类型是不予开放",)
    projection = _projection(case.content, offered)
    judged = assess(projection, case.specs, facts=case.facts)
    return said((f for f in judged.findings if f.rule in guard.rules), case.specs) or None


def _projection(content: Content, offered: Offered) -> dict[str, Any]:
    items = listed_items(content)
    return {**content, "items": [dict(items[name]) for name in offered.items if name in items]}


@gate("pattern_form")
def pattern_form(case: MoveCase, guard: Guard) -> Missing:
    """The service patterns fit the form (S-ZY 23, S-LPS 25), and both are among the entry's own."""
    offered = case.distribution
    if offered is None:
        return by_rules(case, guard)
    table, missing = case.specs.pattern_form, list[str]()
    form = case.specs.label("share_mode_type", offered.form)
    if case.specs.code_value("share_mode_type", offered.form) is None:
        return (f"没有“{offered.form}”这种提供形式；可用：1 库表、2 文件、3 接口",)
    if not offered.patterns and not offered.opened:
        missing.append("没有写明服务方式（查询、核验、批量交换）")
    missing += [f"“{p}”不能以{form}提供" for p in offered.patterns if _cannot(table, p, offered.form)]
    declared = case.content.get("share_mode_type")
    if isinstance(declared, list) and declared and offered.form not in declared and not offered.opened:
        missing.append(f"目录的共享方式类型中没有“{form}”")
    return tuple(missing) or None


def _cannot(table: Mapping[str, Mapping[str, str]], pattern: str, form: str) -> bool:
    return table.get(pattern, {}).get(form, "no") == "no"


@gate("data_cleared")
def data_cleared(case: MoveCase, guard: Guard) -> Missing:
    """A valid secrecy review of exactly this distribution, whose conclusion allows what is to be done."""
    offered = case.distribution
    if offered is None or offered.cleared is None:
        return ()
    life = case.specs.document("lifecycle", Lifecycle)
    row = life.conclusions.get(str(offered.cleared.get("conclusion")))
    if row is None or not (row.open if offered.opened else row.share):
        return (f"审查结论是“{row.zh if row else '无'}”",)
    results = offered.cleared.get("items")
    kept = [
        name for name in offered.items if isinstance(results, Mapping) and _refused(results, name, offered)
    ]
    return tuple(f"“{name}”没有通过逐项审查" for name in kept) or None


def _refused(results: Mapping[str, Any], name: str, offered: Offered) -> bool:
    said_of = results.get(name, "passed")
    return said_of == "secret" or (offered.opened and said_of != "passed")


@gate("desensitization_proof")
def desensitization_proof(case: MoveCase, guard: Guard) -> Missing:
    """Nothing is opened without a valid proof, unless no item is sensitive, direct, quasi or strongly hinted."""
    offered = case.distribution
    if offered is None or not offered.opened:
        return None
    life = case.specs.document("lifecycle", Lifecycle)
    row = life.conclusions.get(str((offered.cleared or {}).get("conclusion")))
    projection = _projection(case.content, offered)
    judged = assess(projection, case.specs, facts=case.facts)
    broken = said((f for f in judged.findings if f.rule in guard.rules), case.specs)
    asked = any(need.need in guard.needs for need in judged.needs) or (row is not None and row.needs_proof)
    if not (asked or broken or asks_for_proof(projection["items"], case.specs)):
        return None
    if offered.proof is None:
        return broken
    return (*broken, *missing_proof(offered.proof, case.specs)) or None


@gate("same_bytes")
def same_bytes(case: MoveCase, guard: Guard) -> Missing:
    """A file is what was reviewed, byte by byte. What is no file is bound by its schema and place instead."""
    offered = case.distribution
    if offered is None or offered.form != _FILE:
        return None
    if offered.same_bytes is None:
        return ("没有上传文件",)
    return None if offered.same_bytes else ("文件与登记的摘要不符",)


@gate("provision_tested")
def provision_tested(case: MoveCase, guard: Guard) -> Missing:
    """A file of ours was just read; a table or an interface needs the record of a test."""
    offered = case.distribution
    if offered is not None and offered.form == _FILE and offered.same_bytes:
        return None
    life = case.specs.document("lifecycle", Lifecycle)
    return None if any(guard.key in life.record_index[kind].proves for kind in case.records) else ()
