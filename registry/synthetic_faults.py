"""Faults for demonstration data: each turns a good entry into one that breaks the rule it stands under.

A fault never changes a list that the entry came with, it puts another in its place: lists are shared.
"""

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any

from catalog_specs import load
from validators.codes import credit_check_character

Entry = dict[str, Any]
Fault = Callable[[Entry, random.Random], None]
Pair = Callable[[Entry, Entry], None]
MODES = ("share_mode_category", "share_mode_type", "share_pattern")
BASIS = {
    "level": "法律",
    "title": "中华人民共和国刑事诉讼法",
    "article": "第二百八十六条",
    "text": "犯罪记录被封存的不得向任何单位和个人提供",
}
LOOSE_BASES: tuple[list[dict[str, str]], ...] = (
    [],
    [{"level": "部门规章", "title": "数据管理办法", "article": "第八条"}],
    [BASIS | {"title": "中华人民共和国个人信息保护法", "article": "第二十五条"}],
    [BASIS | {"title": "中华人民共和国婚姻法", "article": "第八条"}],
)
IDENTIFIER = {
    "item_name": "公民身份号码",
    "item_code": "gmsfhm",
    "data_type": "C",
    "data_length": 18,
    "share_type": "2",
    "open_type": "3",
    "sensitive_flag": "1",
    "classified_flag": "0",
}


# ---- how an entry is changed ------------------------------------------------------------------------------


def _set(**values: Any) -> Fault:
    return lambda entry, _rng: entry.update(copy.deepcopy(values))


def _drop(*keys: str) -> Fault:
    """One of the keys is missing."""
    return lambda entry, rng: _without(entry, rng.choice(keys))


def _item(**values: Any) -> Fault:
    """The last item gets these values; a value of None takes the key away."""

    def fault(entry: Entry, _rng: random.Random) -> None:
        item = _items(entry)[-1]
        item.update(values)
        _without(item, *(key for key, value in values.items() if value is None))

    return fault


def _items(entry: Entry) -> list[Entry]:
    """The entry's items as a list of its own."""
    entry["items"] = [dict(item) for item in entry.get("items", ())]
    return list(entry["items"])


def _without(row: Entry, *keys: str) -> None:
    for key in keys:
        row.pop(key, None)


def _mark_items(entry: Entry, key: str, value: str) -> None:
    entry["items"] = [item | {key: value} for item in entry.get("items", ())]


def _open(entry: Entry, kind: str = "1") -> None:
    entry |= {"open_type": kind, "license": "CC-BY-4.0", "open_condition": "实名认证后下载"}
    _without(entry, "non_open_reason", *(["open_condition"] if kind == "1" else []))
    _mark_items(entry, "open_type", kind)


def _close(entry: Entry, grade: str, reason: str = "") -> None:
    entry |= {"open_type": "3", "data_grade": grade}
    _without(entry, "license", "open_condition", "open_level", "non_open_reason", "non_share_basis")
    _mark_items(entry, "open_type", "3")
    if reason:
        entry["non_open_reason"] = reason


def _share(entry: Entry, patterns: list[str], types: list[str]) -> None:
    """Shared on the platform in these ways; what was not shared becomes unconditionally shared."""
    entry |= {"share_mode_category": "1", "share_mode_type": types, "share_pattern": patterns}
    if entry.get("share_type") == "3":
        entry["share_type"] = "1"


def _keep(entry: Entry, basis: list[dict[str, str]]) -> None:
    """Not shared, for this basis."""
    _close(entry, entry.get("data_grade", "g2"), "同不予共享依据")
    entry |= {"share_type": "3", "non_share_basis": basis}
    _without(entry, *MODES, "share_condition", "share_scope", "use_purpose")


def _conditional(entry: Entry, condition: str) -> None:
    entry |= {"share_type": "2", "share_condition": condition, "use_purpose": ["业务协同"]}
    entry["share_scope"] = "市、县两级民政部门"


def _format(entry: Entry, category: str, kind: str) -> None:
    entry |= {"format_category": category, "format_type": [kind]}


# ---- faults of more than one line -------------------------------------------------------------------------


def _credit_code(entry: Entry, rng: random.Random) -> None:
    code = entry["provider_code"]
    wrong = "0" if code[-1] != "0" else "1"
    entry["provider_code"] = rng.choice([code[:-1] + wrong, code[:-1], f"{code[:9]}I{code[10:]}"])


def _foreign_region(entry: Entry, rng: random.Random) -> None:
    code = entry["provider_code"]
    body = f"{code[:2]}{rng.choice(['520100', '510500'])}{code[8:17]}"
    entry["provider_code"] = body + credit_check_character(body, load().credit_code)


def _resource_code(change: Callable[[str], str]) -> Fault:
    def fault(entry: Entry, _rng: random.Random) -> None:
        entry["resource_code"] = change(entry.get("resource_code") or "307024030101/000901")

    return fault


def _foreign_format(entry: Entry, _rng: random.Random) -> None:
    entry["format_type"] = ["pdf" if entry["format_category"] == "3" else "MySQL"]


def _no_items(entry: Entry, _rng: random.Random) -> None:
    if entry["format_category"] not in ("2", "3", "7"):
        _format(entry, "2", "xlsx")
    _without(entry, "items")


def _restricted(entry: Entry, rng: random.Random) -> None:
    entry["share_type"] = "1"
    entry["share_condition"] = rng.choice(["须经本单位审批同意后使用", "仅限市级部门申请使用"])


def _vacuous(entry: Entry, rng: random.Random) -> None:
    _conditional(entry, rng.choice(["依申请共享", "经审批同意后提供", "按有关规定办理"]))
    _without(entry, "share_scope", "use_purpose")


def _one_text(entry: Entry, _rng: random.Random) -> None:
    _conditional(entry, "市、县两级医疗保障部门在开展医疗救助时用于核对救助对象资格")
    _without(entry, "share_scope", "use_purpose")


def _loose_scope(entry: Entry, rng: random.Random) -> None:
    _conditional(entry, "仅用于医疗救助、教育资助的资格认定")
    entry["share_scope"] = rng.choice(["市医疗保障局、市教育局等部门", "市直有关单位"])


def _own_approval(entry: Entry, _rng: random.Random) -> None:
    _conditional(entry, "用于资格核对，使用前须与数据提供单位签订协议")


def _unfounded(entry: Entry, rng: random.Random) -> None:
    _keep(entry, copy.deepcopy(rng.choice(LOOSE_BASES)))


def _kept_with_mode(entry: Entry, _rng: random.Random) -> None:
    _keep(entry, [dict(BASIS)])
    entry |= {"share_mode_category": "1", "share_mode_type": ["3"]}


def _no_mode(entry: Entry, _rng: random.Random) -> None:
    _share(entry, [], [])
    _without(entry, "share_mode_category", "share_mode_type", "share_pattern")


def _no_open_condition(entry: Entry, _rng: random.Random) -> None:
    _open(entry, "2")
    _without(entry, "open_condition")


def _graded_too_high(entry: Entry, _rng: random.Random) -> None:
    _open(entry)
    entry["data_grade"] = "g3"


def _unmasked(entry: Entry, _rng: random.Random) -> None:
    _open(entry)
    item = _items(entry)[-1]
    item["sensitive_flag"] = "1"
    _without(item, "mask_rule")


def _looser(entry: Entry, rng: random.Random) -> None:
    entry["share_type"] = "1"
    _item(share_type="2", direction=None)(entry, rng)


def _query_by_table(entry: Entry, _rng: random.Random) -> None:
    _share(entry, ["查询"], ["1"])


def _batch(entry: Entry, _rng: random.Random) -> None:
    _format(entry, "3", "MySQL")
    _share(entry, ["核验"], ["1"])


def _by_mail(entry: Entry, _rng: random.Random) -> None:
    _share(entry, ["批量交换"], ["2"])
    entry["share_mode_category"] = "2"
    _without(entry, "justification")


def _nothing_open(entry: Entry, _rng: random.Random) -> None:
    _open(entry)
    _mark_items(entry, "open_type", "3")


def _sheet_by_interface(entry: Entry, _rng: random.Random) -> None:
    _format(entry, "2", "xlsx")
    _share(entry, ["查询"], ["3"])


def _contradicting(entry: Entry, _rng: random.Random) -> None:
    _open(entry)
    _conditional(entry, "仅用于医疗救助、教育资助的资格认定")


def _identifier(declared: str) -> Fault:
    """An identity number that is declared as something milder; the item is added where there is none."""

    def fault(entry: Entry, _rng: random.Random) -> None:
        items = _items(entry)
        found = next((item for item in items if item["item_code"] == IDENTIFIER["item_code"]), None)
        if found is None:
            found = dict(IDENTIFIER)
            entry["items"].append(found)
        found["pii_class"] = declared

    return fault


def _repeated_item(entry: Entry, _rng: random.Random) -> None:
    first = _items(entry)[0]
    entry["items"].append(first | {"item_code": f"{first['item_code']}_2"})


def _two_time_stamps(entry: Entry, _rng: random.Random) -> None:
    items = _items(entry)
    items[0]["timestamp_flag"] = items[-1]["timestamp_flag"] = True


def _undescribed(entry: Entry, _rng: random.Random) -> None:
    _format(entry, "6", "其他")
    if entry.get("share_type") != "3":
        _share(entry, ["批量交换"], ["2"])
    _without(entry, "format_note")


def _by_file_at_once(entry: Entry, _rng: random.Random) -> None:
    _share(entry, ["批量交换"], ["2"])
    entry["update_cycle"] = "实时"


def _unlisted_fields(entry: Entry, _rng: random.Random) -> None:
    entry["resource_abstract"] = f"{entry['resource_name']}的主要内容，主要字段有登记批次、经办机构"


def _under_graded(entry: Entry, _rng: random.Random) -> None:
    entry |= {"data_grade": "g2", "impact": [{"object": "个人权益", "degree": "严重危害"}]}


FAULTS: dict[str, Fault] = {
    "E101": _drop("update_cycle", "format_category", "open_type"),
    "W210": _drop("contact_name", "business_matter", "source_system_id", "record_subject"),
    "E102": _set(resource_name="T_MZ_DBJT_INFO"),
    "E103": _credit_code,
    "W205": _foreign_region,
    "E104": _resource_code(lambda code: code.replace("/", "-")),
    "W207": _resource_code(lambda _code: "BA6006/000218"),
    "E105": _resource_code(lambda code: f"309{code[3:]}"),
    "E106": _foreign_format,
    "W211": _set(format_type=["excel"]),
    "E107": _no_items,
    "E108": _item(data_type="文本"),
    "W212": _item(data_type="C", data_length=None, data_precision=None),
    "E109": _item(share_type="0"),
    "E110": _restricted,
    "E111": _vacuous,
    "W213": _one_text,
    "W214": _loose_scope,
    "W215": _own_approval,
    "E112": _unfounded,
    "E113": _kept_with_mode,
    "E114": _no_mode,
    "E115": _item(share_type="3", open_type="1"),
    "E116": _no_open_condition,
    "E117": lambda entry, _rng: _close(entry, "g1"),
    "W216": lambda entry, _rng: _close(entry, "g2"),
    "W206": lambda entry, _rng: _close(entry, "g1", "暂不具备开放条件"),
    "E118": _set(update_cycle="每工作日"),
    "E121": _drop("data_grade"),
    "E122": _graded_too_high,
    "E123": _unmasked,
    "E126": _looser,
    "E129": _query_by_table,
    "W217": _batch,
    "E130": _by_mail,
    "E133": _nothing_open,
    "E134": _sheet_by_interface,
    "E135": _contradicting,
    "E137": _identifier("none"),
    "E141": _set(business_matter=["依据有关规定办理的各类审批、核准、备案和登记事项" * 6]),
    "E144": _item(data_type="C", data_length=99999),
    "E145": _repeated_item,
    "E146": _item(item_code="1_备注"),
    "E147": _item(data_type="N", data_length=4, data_precision=6),
    "E148": _two_time_stamps,
    "E151": _set(impact=[{"object": "个人权益"}]),
    "E152": _undescribed,
    "E153": _set(impact=[{"object": "个人隐私", "degree": "严重危害"}]),
    "W201": _set(resource_abstract="详见附件"),
    "W218": _under_graded,
    "W219": _identifier("quasi"),
    "W220": _unlisted_fields,
    "W223": _by_file_at_once,
    # the last ones go with any other fault in one entry
    "E119": lambda entry, rng: entry.update(publish_date=rng.choice(["2099-01-01", "2025年6月"])),
    "E120": _set(related_code=["307024-000001"]),
    "E140": _set(keywords="低保"),
    "E142": _set(spatial_scope="全省"),
    "E143": _set(promised_on="2026年1月"),
    "E149": _set(contact_phone="见单位通讯录"),
    "E150": _set(remark="2025年补录"),
    "W230": _set(data_class=["民生保障"]),
}

# What a good entry should be like for the fault to be the only one in it.
SUITS: Mapping[str, Mapping[str, str]] = {
    "E106": {"format_category": "3"},
    "E110": {"share_type": "1"},
    **{rule: {"share_type": "2", "open_type": "3"} for rule in ("E111", "W213", "W214", "W215")},
    "E112": {"share_type": "2", "open_type": "3"},
    "E113": {"share_type": "2", "open_type": "3"},
    "E114": {"share_type": "1"},
    "E116": {"share_type": "1", "open_type": "1"},
    **{rule: {"data_grade": "g1", "share_type": "1"} for rule in ("E117", "W206", "E126", "E133", "E135")},
    **{rule: {"data_grade": "g1", "share_type": "1"} for rule in ("E122", "E123", "W216")},
    **{rule: {"format_category": "3", "share_type": "2", "open_type": "3"} for rule in ("E129", "W217")},
    **{rule: {"format_category": "2", "share_type": "1"} for rule in ("E130", "W223")},
    "E134": {"format_category": "2", "share_type": "1"},
    "E137": {"data_grade": "g4", "format_category": "3", "share_type": "2"},
    "W219": {"data_grade": "g4", "format_category": "3", "share_type": "2"},
    "E152": {"format_category": "2", "share_type": "1"},
    "W218": {"data_grade": "g1", "share_type": "1"},
}


def suits(rule: str, entry: Entry) -> bool:
    """Whether the entry is of the kind that shows the fault of ``rule`` alone."""
    return all(entry.get(key) == value for key, value in SUITS.get(rule, {}).items())


# ---- faults that take two entries -------------------------------------------------------------------------


def _same_name(first: Entry, second: Entry) -> None:
    second["resource_name"] = first["resource_name"]


def _dragged(first: Entry, second: Entry) -> None:
    stem = first["resource_name"]
    first["resource_name"], second["resource_name"] = f"{stem}1", f"{stem}2"


# E102 and W221 take two neighbouring rows of one provider, W222 two agencies of one city
PAIRS: dict[str, Pair] = {"E102": _same_name, "W221": _dragged, "W222": _same_name}
APART = frozenset({"W222"})
