"""Every rule that a checker decides: an entry that breaks it, and a near miss that does not."""

from typing import Any, NamedTuple

import pytest

from catalog_specs import Specs
from tests.conftest import TODAY
from tests.examples import GOOD, bad_rows, good
from tests.judging import FACTS, Content, errors, item, items, open_item, reasons, rules, worded
from validators.case import Facts
from validators.checkers import known_checkers
from validators.folding import fold

OWN = "11520300MB1A00052M"  # the provider of OK04
OTHER = "115203000094210200"
PROVINCE = "115200000093902281"
FAR = "91110000802100433B"
NAME = (OWN, fold("企业登记基本信息"))
ITEMS = frozenset(fold(row["item_name"]) for row in GOOD["OK04"]["items"])
BASIS = {"level": "法律", "title": "中华人民共和国刑事诉讼法", "article": "第二百八十六条", "text": "封存"}
PIPL = BASIS | {"title": "中华人民共和国个人信息保护法", "article": "第二十五条"}
NAMES_BY_LAW = [{"title": "企业信息公示暂行条例", "article": "第六条", "items": ["法定代表人姓名"]}]


UNSTRUCTURED = good(
    format_category="1", format_type=["pdf"], items=None, share_mode_type=["2"], share_pattern=["批量交换"]
)


class Row(NamedTuple):
    """``fires`` breaks ``rule`` (for ``reason``, if it has reasons); ``passes`` is a near miss."""

    rule: str
    fires: Content
    passes: Content
    reason: str = ""
    facts: Facts = FACTS
    miss: Facts | None = None


def ok(key: str = "OK04", **changes: Any) -> Content:
    return good(key, **changes)


def opened(*rows: Content, **changes: Any) -> Content:
    """An unconditionally shared and opened register with these items."""
    return good("OK04", **{"items": list(rows), "format_category": "3", **changes})


def conditional(condition: str, **changes: Any) -> Content:
    """A conditionally opened and shared list of figures."""
    marked = items("OK07", share_type="2", open_type="2")
    shared = {"share_type": "2", "share_condition": "仅用于就业形势分析", "share_scope": "市统计局"}
    opening = {"open_type": "2", "open_condition": condition or None, "use_purpose": ["工作参考"]}
    return good("OK07", **(shared | opening | {"items": marked, "justification": "含季度内数据"} | changes))


ROWS = [
    # ---- completeness
    Row("E101", ok(resource_name=None), ok(resource_code=None)),
    Row("E101", ok(update_cycle=""), ok(publish_date=None)),
    Row("W210", ok(contact_phone=None), ok(keywords=None)),
    Row("W210", ok(license=None), ok("OK01", license=None)),
    Row("W210", ok(processing_level="sjjgcd02"), ok(processing_level="sjjgcd01")),
    Row("W210", ok("OK01", data_grade="imp"), ok("OK01")),
    Row(
        "W210",
        ok(items=items("OK04", {1: {"sensitive_flag": None}})),
        ok(items=items("OK04", pii_class=None)),
    ),
    Row("E102", ok(resource_name="T_QYDJ_2024"), ok(resource_name="T_QYDJ企业登记"), "bare"),
    Row("E102", ok(resource_name="企" * 129), ok(resource_name="企" * 128), "too_long"),
    Row(
        "E102",
        ok(resource_name="企业登记 基本信息（）"),
        ok(),
        "duplicate",
        Facts(TODAY, names={NAME: ("mine", "theirs")}),
        Facts(TODAY, names={NAME: ("",)}),
    ),
    # ---- codes
    Row("E103", ok(provider_code="11520300MB1A00052"), ok(), "length"),
    Row("E103", ok(provider_code="11520300MBIA0005ZM"), ok(), "alphabet"),
    Row("E103", ok(provider_code="1152030AMB1A00052M"), ok(), "region"),
    Row("E103", ok(provider_code="11520300MB1A00053M"), ok(), "organisation"),
    Row("E103", ok(provider_code="11520300MB1A00052N"), ok(), "check"),
    Row("E104", ok(resource_code="102024030201-000001"), ok(resource_code="BA6006/000218")),
    Row("W207", ok(resource_code="BA6006/000218"), ok(), "shape"),
    Row("W207", ok(resource_code="109024030201/000001"), ok(resource_code="105024030201/000001"), "item"),
    Row("E105", ok(resource_category=["主题信息资源类"]), ok(resource_category=["基础信息资源类"]), "class"),
    Row(
        "E105",
        ok("OK01", resource_code="309024030101/000001"),
        ok("OK01", resource_code="308024030101/000001"),
        "item",
    ),
    Row("E105", ok(resource_category=["工业类"]), ok(resource_category=None), "unknown_category"),
    Row("W205", ok(provider_code=FAR), ok(provider_code=PROVINCE)),
    Row("E120", ok(related_code=["102024030201/000001"]), ok(related_code=["102000/000003"]), "self"),
    Row("E120", ok(related_code=["旧目录三号"]), ok(related_code=["BA6006/000218"]), "malformed"),
    Row(
        "E120",
        ok(related_code=["102000/000003"]),
        ok(related_code=["102000/000003"]),
        "unknown",
        Facts(TODAY, codes=frozenset()),
        Facts(TODAY, codes=frozenset({"102000/000003"})),
    ),
    # ---- format
    Row("E106", ok(format_type=["pdf"]), ok(format_type=["Oracle", "MySQL"])),
    Row("W211", ok(format_type=["TiDB"]), ok(format_type=["Dm"]), "note_missing"),
    Row("W211", ok(format_type=["TiDB"], format_note="分布式数据库"), ok(), "noted"),
    Row("E107", ok(items=[]), UNSTRUCTURED),
    Row("E152", ok(format_category="6", format_type=["其他"]), ok(format_type=["Oracle"])),
    Row(
        "E152",
        ok("OK12", format_type=["其他"]),
        ok("OK12", format_type=["其他"], format_note="MQTT"),
    ),
    # ---- items
    Row("E108", ok(items=items("OK04", {0: {"data_type": None}})), ok(), "missing"),
    Row("E108", ok(items=items("OK04", {0: {"data_type": "S"}})), ok(), "unknown"),
    Row(
        "E108",
        ok(items=items("OK04", {0: {"data_type": "N", "data_length": None}})),
        ok(items=items("OK04", {0: {"data_type": "Y", "data_length": None}})),
        "length",
    ),
    Row(
        "W212",
        ok(items=items("OK04", {0: {"data_length": None}})),
        ok(items=items("OK04", {0: {"data_type": "M", "data_length": None}})),
    ),
    Row("E145", ok(items=items("OK04", {0: {"item_name": None}})), ok(), "missing"),
    Row(
        "E145",
        ok(items=items("OK04", {0: {"item_name": "经营范围"}})),
        ok(items=items("OK04", {0: {"item_name": "经营范围2"}})),
        "repeated",
    ),
    Row(
        "E146",
        ok(items=items("OK04", {0: {"item_code": "1qymc"}})),
        ok(items=items("OK04", {0: {"item_code": "qymc_1"}})),
        "malformed",
    ),
    Row(
        "E146",
        ok(items=items("OK04", {0: {"item_code": "JYFW"}})),
        ok(items=items("OK04", item_code=None)),
        "repeated",
    ),
    Row(
        "E147",
        ok(items=items("OK04", {0: {"data_length": 2, "data_precision": 3}})),
        ok(items=items("OK04", {0: {"data_length": 2, "data_precision": 2}})),
    ),
    Row(
        "E148",
        ok(items=items("OK04", timestamp_flag=True)),
        ok(items=items("OK04", {0: {"timestamp_flag": True}, 1: {"timestamp_flag": False}})),
    ),
    # ---- sharing
    Row("E109", ok(share_type="4"), ok(share_type="1")),
    Row("E109", ok(items=items("OK04", {0: {"open_type": "是"}})), ok(items=items("OK04", open_type=None))),
    Row("E110", ok(share_condition="须经审批"), ok(share_condition="作为工作参考，用于数据校核")),
    Row("E111", ok("OK01", share_condition=None), ok("OK01"), "condition_missing"),
    Row("E111", ok("OK01", share_scope=None), ok("OK01"), "scope_missing"),
    Row("E111", ok("OK01", use_purpose=[]), ok("OK01", use_purpose=["扶贫核对"]), "purpose_missing"),
    Row("E111", ok("OK01", share_condition="依申请"), ok("OK01", share_condition="逐笔核验"), "vacuous"),
    Row(
        "W213",
        ok("OK01", share_condition="仅限市级民政部门用于低保审核", share_scope=None, use_purpose=None),
        ok("OK01", share_condition="仅限市级民政部门用于低保审核"),
    ),
    Row("W214", ok("OK01", share_scope="民政、人社等"), ok("OK01", share_scope="市直各部门")),
    Row(
        "W215",
        ok("OK01", share_condition="经我局审核同意后逐笔核验"),
        ok("OK01", share_condition="经当事人本人同意后逐笔核验"),
    ),
    Row("E112", ok("OK09", non_share_basis=None), ok("OK09"), "missing"),
    Row(
        "E112",
        ok("OK09", non_share_basis=[{"level": "法律", "title": "统计法"}]),
        ok("OK09", non_share_basis=[{"title": "统计法", "article": "第二十八条"}]),
        "incomplete",
    ),
    Row(
        "E112",
        ok("OK09", non_share_basis=[BASIS | {"title": "某规定", "level": "内部文件"}]),
        ok("OK09"),
        "level",
    ),
    Row("E112", ok("OK09", non_share_basis=[PIPL]), ok("OK09", non_share_basis=[BASIS]), "publication"),
    Row("E112", ok("OK09", non_share_basis=[BASIS | {"title": "婚姻法"}]), ok("OK09"), "repealed"),
    Row("E113", ok("OK09", share_mode_type=["3"]), ok("OK01")),
    Row("E114", ok(share_mode_category=None), ok()),
    Row(
        "E114",
        ok(share_mode_type=None),
        ok(share_mode_category="3", share_mode_type=None, justification="涉及机房隔离"),
    ),
    Row("E115", ok("OK09", open_type="1", license="CC0-1.0"), ok("OK09")),
    Row(
        "E115",
        ok(items=items("OK04", {0: {"share_type": "3"}})),
        ok(items=items("OK04", {0: {"share_type": "3", "open_type": "3"}})),
    ),
    Row("E118", ok(update_cycle="有空就更新"), ok(update_cycle="每两年"), "unknown"),
    Row("E118", ok(update_cycle="其他"), ok(update_cycle="其他", update_note="随机构改革"), "note"),
    Row(
        "E129",
        ok(share_pattern=["查询"], share_mode_type=["1"]),
        ok(share_pattern=["查询"], share_mode_type=["3"]),
        "no_form",
    ),
    Row("E129", ok(share_pattern=["查询"]), ok(share_pattern=["查询", "批量交换"]), "no_pattern"),
    Row(
        "W217",
        ok("OK01", share_mode_type=["1"]),
        ok("OK01", share_mode_type=["1", "3"]),
    ),
    Row("E130", ok(share_mode_category="2"), ok(share_mode_category="2", justification="对方无法接入平台")),
    Row("E134", ok("OK11", format_category="1", format_type=["pdf"], share_mode_type=["1"]), ok("OK11")),
    Row("E135", ok("OK05", share_type="2"), ok("OK05", share_type="1")),
    Row(
        "E126",
        ok(items=items("OK04", {0: {"share_type": "2"}})),
        ok(items=items("OK04", {0: {"share_type": "1"}})),
    ),
    Row(
        "E126",
        ok("OK01", items=items("OK01", share_type="3")),
        ok("OK01", items=items("OK01", {0: {"share_type": "3"}})),
    ),
    Row("W223", ok("OK11", update_cycle="实时"), ok("OK11", update_cycle="每日")),
    # ---- opening
    Row("E116", conditional(""), conditional("实名认证后下载"), "missing"),
    Row("E116", conditional("依申请"), conditional("登录后下载"), "vacuous"),
    Row("E116", conditional("暂不开放"), conditional("除联系电话不开放外，登录后下载"), "contradiction"),
    Row("E117", ok(open_type="3"), ok(open_type="3", non_open_reason="原件涉及版权")),
    Row("W216", ok("OK05", open_type="3"), ok("OK05", open_type="3", non_open_reason="原件涉及版权")),
    Row(
        "W206",
        ok(open_type="3", non_open_reason="暂不宜公开"),
        ok(open_type="3", non_open_reason="《中华人民共和国统计法》第二十八条"),
    ),
    Row("E119", ok(publish_date="2026年3月"), ok(publish_date="2026-03-01"), "malformed"),
    Row("E119", ok(publish_date="2026-11-22"), ok(publish_date="2026-11-21"), "future"),
    Row(
        "E133",
        ok(items=items("OK04", open_type="3")),
        ok(items=items("OK04", {0: {"open_type": "3"}})),
        "none_open",
    ),
    Row(
        "E133",
        ok(items=items("OK04", {0: {"open_type": "2"}})),
        ok(items=items("OK04", {0: {"open_type": None}})),
        "looser",
    ),
    # ---- grades
    Row("E121", ok(data_grade=None), ok(), "missing"),
    Row("E121", ok(data_grade="一般数据"), ok(), "unknown"),
    Row(
        "E121",
        ok("OK01", share_type="1", share_condition=None),
        ok(
            "OK01", data_grade="g3", share_type="1", share_condition=None, items=items("OK01", share_type="1")
        ),
        "deny",
    ),
    Row("E122", ok(data_grade="g4"), ok(data_grade="g2"), "deny"),
    Row(
        "E122",
        opened(open_item("企业名称"), open_item("法定代表人姓名", "direct")),
        opened(open_item("企业名称"), open_item("法定代表人姓名", "direct", open_type="3")),
        "direct",
    ),
    Row(
        "E122",
        opened(open_item("企业名称"), open_item("信用惩戒", "sensitive")),
        opened(open_item("企业名称")),
        "sensitive",
    ),
    Row(
        "E122",
        opened(open_item("学校"), open_item("学生民族", "quasi"), record_subject="人"),
        opened(open_item("学校"), open_item("学生民族", "quasi"), record_subject="统计"),
        "minors",
    ),
    Row(
        "E122",
        opened(
            open_item("法定代表人姓名", "direct"),
            open_item("法定代表人身份证号码", "direct"),
            disclosure_basis=[NAMES_BY_LAW[0] | {"items": ["法定代表人姓名", "法定代表人身份证号码"]}],
        ),
        opened(open_item("法定代表人姓名", "direct"), disclosure_basis=NAMES_BY_LAW),
        "masked",
    ),
    Row(
        "E122",
        opened(
            open_item("法定代表人姓名", "direct"),
            disclosure_basis=[NAMES_BY_LAW[0] | {"title": "个人信息保护法", "article": "第25条"}],
        ),
        opened(open_item("法定代表人姓名", "direct"), disclosure_basis=NAMES_BY_LAW),
        "not_required",
    ),
    Row(
        "E123",
        ok(items=items("OK04", {0: {"sensitive_flag": "1"}})),
        ok(items=items("OK04", {0: {"sensitive_flag": "1", "mask_rule": "泛化到区县"}})),
    ),
    Row("E125", ok(secret_flag="工作秘密"), ok(secret_flag="非涉密")),
    Row("E125", ok(data_grade="secret"), ok(data_grade="g2")),
    Row("E125", ok(items=items("OK04", {1: {"classified_flag": "1"}})), ok()),
    Row(
        "E137",
        ok("OK01", items=[item("男方身份证件号码")]),
        ok("OK01", items=[item("身份证件类型"), item("是否留存身份证号")]),
    ),
    Row("W218", ok("OK01", data_grade="g2"), ok("OK01", data_grade="g3")),
    Row(
        "W219",
        ok("OK01", items=[item("手机号码", "quasi")]),
        ok("OK01", items=[item("手机号码", "direct")]),
        "pii",
    ),
    Row(
        "W219",
        ok("OK01", record_subject="统计", items=[item("手机号码", "direct")]),
        ok("OK01", record_subject="事", items=[item("手机号码", "direct")]),
        "subject",
    ),
    # ---- shapes
    Row("E140", ok(resource_name=["企业登记"]), ok(), "text"),
    Row("E140", ok(keywords="企业"), ok(keywords=["企业"]), "list"),
    Row("E140", ok(items=["企业名称"]), ok(), "items"),
    Row("E140", ok(operate_type=["不纳入"]), ok(operate_type={"kind": "不纳入"}), "record"),
    Row("E140", ok(physical_deletion="是"), ok(physical_deletion=True), "boolean"),
    Row("E140", ok(items=items("OK04", {0: {"data_length": 2.5}})), ok(), "integer"),
    Row("E141", ok(provider_name="局" * 101), ok(provider_name="局" * 100)),
    Row("E141", ok("OK09", non_share_basis=[BASIS | {"text": "密" * 501}]), ok("OK09")),
    Row("E142", ok(record_subject="植物"), ok(record_subject="物")),
    Row("E142", ok(items=items("OK04", {0: {"pii_class": "姓名"}})), ok()),
    Row("E143", ok(promised_on="下周"), ok(promised_on="2026-12-31")),
    Row(
        "E144",
        ok(items=items("OK04", {0: {"data_length": 0}})),
        ok(items=items("OK04", {0: {"data_length": 65535}})),
    ),
    Row("E149", ok(contact_phone="王主任"), ok(contact_phone="0851-28220000转8001")),
    Row("E150", ok(owner="张三"), ok()),
    Row("E150", ok(items=items("OK04", {0: {"length": 3}})), ok()),
    Row(
        "E151",
        ok(derived_from={"code": "102024030201/000001"}),
        ok(derived_from={"code": "102024030201/000001", "method": "按县汇总"}),
    ),
    Row(
        "E153",
        ok(impact=[{"object": "天气", "degree": "严重危害"}]),
        ok(impact=[{"object": "公共利益", "degree": "无危害"}]),
    ),
    # ---- style and overlap
    Row(
        "W201",
        ok(resource_abstract="企业登记信息表一"),
        ok(resource_abstract="企业登记的十字摘要文本"),
        "short",
    ),
    Row("W201", ok(resource_abstract="企" * 257), ok(resource_abstract="企" * 256), "long"),
    Row("W201", ok(resource_abstract="企业登记基本信息"), ok(), "name"),
    Row(
        "W220",
        ok(resource_abstract="主要字段有企业名称、注册资本、经营范围"),
        ok(resource_abstract="主要字段有企业名称、经营范围"),
    ),
    Row("W221", ok(resource_name="登记注册系统"), ok(resource_name="登记注册系统企业名录"), "system"),
    Row("W221", ok(), ok(), "dragged", Facts(TODAY, dragged=frozenset({NAME}))),
    Row(
        "W222",
        ok(),
        ok(),
        "name",
        Facts(TODAY, elsewhere={NAME[1]: frozenset({OWN, OTHER})}),
        Facts(TODAY, elsewhere={NAME[1]: frozenset({OWN, FAR})}),
    ),
    Row("W222", ok(), ok(), "items", Facts(TODAY, item_sets={ITEMS: frozenset({OTHER})})),
    Row("W230", ok(data_class=["农林"]), ok(data_class=["ZA"])),
]


def _ids() -> list[str]:
    from catalog_specs import load  # the sources stand in the specification

    book = load("zunyi_2020").rules
    return [f"{row.rule}-{book[row.rule].sources[0]}{'-' * bool(row.reason)}{row.reason}" for row in ROWS]


each_row = pytest.mark.parametrize("row", ROWS, ids=_ids())


@each_row
def test_it_finds_what_breaks_the_rule(row: Row, specs: Specs) -> None:
    assert row.rule in rules(row.fires, specs, row.facts)
    if row.reason:
        assert row.reason in reasons(row.fires, row.rule, specs, row.facts)


@each_row
def test_it_lets_the_near_miss_pass(row: Row, specs: Specs) -> None:
    facts = row.miss or FACTS
    found = reasons(row.passes, row.rule, specs, facts)
    assert row.reason not in found if row.reason else row.rule not in rules(row.passes, specs, facts)
    assert errors(row.passes, specs, facts) == set()


@each_row
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_its_words_leave_no_gap(row: Row, lang: str, specs: Specs) -> None:
    for told in worded(row.fires, row.rule, specs, lang, row.facts):
        said = f"{told.message} {told.fix}"
        assert "{" not in said and "}" not in said
        assert "“”" not in said and "None" not in said


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_good_example_has_no_error(key: str, specs: Specs) -> None:
    assert errors(good(key), specs) == set()


@pytest.mark.parametrize(
    ("content", "rule"), [(c, r) for _, c, r in bad_rows()], ids=[b for b, *_ in bad_rows()]
)
def test_a_bad_example_breaks_exactly_its_rule(content: Content, rule: str, specs: Specs) -> None:
    assert errors(content, specs) == {rule}


def test_every_rule_with_a_checker_stands_in_the_table(specs: Specs) -> None:
    assert {row.rule for row in ROWS} == {rule.id for rule in specs.book.rules if rule.checks}


def test_every_reason_that_a_checker_gives_stands_in_the_table(specs: Specs) -> None:
    by_moves = {("E119", "before_review")}  # known when it is shelved
    given = {(rule.id, reason) for rule in specs.book.rules if rule.checks for reason in rule.reasons}
    assert given - {(row.rule, row.reason) for row in ROWS} == by_moves


def test_every_rule_says_who_decides_it(specs: Specs) -> None:
    assert [rule.id for rule in specs.book.rules if not (rule.checks or rule.decided_by)] == []


def test_every_checker_serves_a_rule_and_every_rule_has_its_checker(specs: Specs) -> None:
    assert known_checkers() == {row.checker for rule in specs.book.rules for row in rule.checks}
