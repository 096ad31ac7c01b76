"""Conditions as officials write them: taken apart into scope and purpose, restrictive, loose or added."""

import pytest

from catalog_specs import Specs
from tests.conftest import TODAY
from tests.examples import good
from tests.judging import Content, errors, reasons, rules, worded
from validators.assess import assess
from validators.case import Facts

SPLIT = [
    ("仅限市级民政部门用于低保审核", "市级民政部门", "低保审核"),
    ("仅限于市医保局开展医疗救助资格认定", "市医保局", "医疗救助资格认定"),
    ("供公安、民政、人社部门在办理业务时用于核验身份", "公安、民政、人社部门", "核验身份"),
    ("仅限民政,人社,医保部门用于低保审核", "民政,人社,医保部门", "低保审核"),
    ("市公安局、市民政局用于核实家庭经济状况", "市公安局、市民政局", "核实家庭经济状况"),
    ("市经济和信息化局用于企业画像", "市经济和信息化局", "企业画像"),
    ("由市场监管部门用于企业资质核验", "市场监管部门", "企业资质核验"),
    ("用于不动产登记业务办理，提供给税务局、住建局使用", "税务局、住建局", "不动产登记业务办理"),
    ("共享范围：市直各部门；使用用途：行政审批核验", "市直各部门", "行政审批核验"),
    ("面向市直各部门、各区县政府，作为工作参考", "市直各部门、各区县政府", "工作参考"),
    ("限全市各级法院在审理案件时作为证据参考", "全市各级法院", "证据参考"),
    ("各级政务服务大厅窗口凭办件编号查询，用于不动产登记办理", "各级政务服务大厅窗口", "不动产登记办理"),
    ("市级民政部门经我局审核同意后用于低保审核", "市级民政部门", "低保审核"),
    ("本数据仅供市级民政部门用于低保审核，不得用于其他用途", "市级民政部门", "低保审核"),
    ("具有办理职能的部门用于核对身份", "具有办理职能的部门", "核对身份"),
]


def legacy(condition: str) -> Content:
    """A row of the older layout: all in one column."""
    return good("OK01", share_condition=condition, share_scope=None, use_purpose=None)


@pytest.mark.parametrize(("text", "scope", "purpose"), SPLIT, ids=[f"S1-15-{scope}" for _, scope, _ in SPLIT])
def test_one_text_of_scope_and_purpose_is_split(text: str, scope: str, purpose: str, specs: Specs) -> None:
    assert errors(legacy(text), specs) == set()
    found = next(f for f in assess(legacy(text), specs, facts=Facts(TODAY)).findings if f.rule == "W213")
    assert (found.params["scope"], found.params["purpose"]) == (scope, purpose)


@pytest.mark.parametrize(
    "text",
    [
        "用于低保审核",
        "仅限市级民政部门",
        "仅返回是否参保，不返回明细",
        "仅限有关部门用于工作",
        "由大数据局审批后用于核验婚姻状况",
        "须经市大数据局审批后用于工作核对",
    ],
)
def test_half_a_text_is_not_split(text: str, specs: Specs) -> None:
    assert "W213" not in rules(legacy(text), specs)
    assert set(reasons(legacy(text), "E111", specs)) >= {"scope_missing", "purpose_missing"}


def test_a_text_beside_its_own_columns_is_left_alone(specs: Specs) -> None:
    assert rules(good("OK01", share_condition="仅限市级民政部门用于低保审核"), specs) == []


def test_each_missing_part_is_told_by_itself(specs: Specs) -> None:
    content = good("OK01", share_condition=None, share_scope=None, use_purpose=None)
    assert reasons(content, "E111", specs) == ["condition_missing", "scope_missing", "purpose_missing"]


def test_the_proposed_split_is_shown(specs: Specs) -> None:
    message = worded(legacy("仅限市级民政部门用于低保审核"), "W213", specs)[0].message
    assert message == "一段文字写了范围和用途，建议拆为 范围：市级民政部门；用途：低保审核"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("须经审批", "审批"),
        ("仅限市直部门", "仅限"),
        ("无需审批，但须签订协议", "签订"),
        ("依申请", "申请"),
        ("按次收费", "收费"),
    ],
)
def test_the_restriction_is_named(text: str, word: str, specs: Specs) -> None:
    assert worded(good("OK04", share_condition=text), "E110", specs)[0].message.endswith(f"“{word}”")


@pytest.mark.parametrize(
    "text",
    ["不得擅自增设审批", "无需经数据提供单位同意", "不需要审批", "未经同意不得向第三方提供", "审批事项核验"],
)
def test_what_restricts_nothing_is_let_pass(text: str, specs: Specs) -> None:
    assert rules(good("OK04", share_condition=text), specs) == []


@pytest.mark.parametrize(
    "scope",
    ["市直各部门", "税务、住建等5个部门", "全市高等院校", "市级及区县具有审批职能的部门", "各级政务部门"],
)
def test_a_scope_with_an_end_is_let_pass(scope: str, specs: Specs) -> None:
    assert rules(good("OK01", share_scope=scope), specs) == []


def test_a_resource_called_like_its_system_is_told_by_the_systems_name_too(specs: Specs) -> None:
    facts = Facts(TODAY, systems={"SYS-0007": "登记注册系统"})
    content = good("OK04", source_system_id="SYS-0007", resource_name="登记注册系统")
    assert reasons(content, "W221", specs, facts) == ["system"]


def test_an_item_with_an_empty_mark_breaks_nothing(specs: Specs, facts: Facts) -> None:
    content = good("OK01", items=[{"item_name": "甲", "share_type": "", "data_type": "C", "data_length": 1}])
    assert "E126" not in {f.rule for f in assess(content, specs, facts=facts).findings}
