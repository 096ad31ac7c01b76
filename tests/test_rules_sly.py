"""What officials try: each is an error under its own rule."""

from collections.abc import Iterable

import pytest

from catalog_specs import Specs
from tests.examples import good
from tests.judging import FACTS, Content, errors, item, items, needs, open_item, reasons, rules, worded
from validators.assess import assess_all

BASIS = {"level": "法律", "title": "中华人民共和国刑事诉讼法", "article": "第二百八十六条"}


def not_shared(*rows: Content) -> Content:
    return good("OK09", non_share_basis=list(rows))


def opened(*rows: Content, **changes: object) -> Content:
    return good("OK04", **{"items": list(rows), **changes})


# ---- identifiers ----


@pytest.mark.parametrize(
    "name",
    [
        "身份证号",
        "法人身份证号码",
        "公民身份号码（18位）",
        "身份证号码(脱敏)",
        "手机号2",
        "联系电话（手机号）",
        "申请人护照号",
        "患者住院号",
        "学籍号",
        "采集指纹",
        "社会保障号码",
    ],
)
def test_an_identifier_is_not_hidden_by_declaring_it_none(name: str, specs: Specs) -> None:
    content = opened(open_item("企业名称"), open_item(name))
    assert errors(content, specs) == {"E137", "E122"}


def test_an_identity_number_shows_in_its_code_too(specs: Specs) -> None:
    content = opened(open_item("企业名称"), open_item("证照编号", item_code="sfzh"))
    assert errors(content, specs) == {"E137", "E122"}


def test_leaving_the_class_blank_does_not_open_an_identity_number(specs: Specs) -> None:
    assert errors(opened(open_item("身份证号", pii_class=None)), specs) == {"E122"}


def test_an_identity_number_said_to_be_masked_needs_its_mask(specs: Specs) -> None:
    derived = {"processing_level": "sjjgcd02", "derived_from": {"code": "1", "method": "掩码"}}
    assert errors(opened(open_item("身份证号", "direct"), **derived), specs) == {"E122"}
    assert errors(opened(open_item("身份证号", "direct", mask_rule="首1尾2"), **derived), specs) == set()


def test_an_identity_number_is_no_quasi_identifier(specs: Specs) -> None:
    content = opened(open_item("企业名称"), open_item("身份证号", "quasi"))
    assert reasons(content, "E122", specs) == ["direct"]
    assert reasons(content, "W219", specs) == ["pii"]


@pytest.mark.parametrize("level", ["sjjgcd02", "sjjgcd04"])
def test_calling_a_list_of_names_a_statistic_opens_no_name(level: str, specs: Specs) -> None:
    derived = {"processing_level": level, "derived_from": {"code": "1", "method": "汇总"}}
    assert errors(opened(open_item("姓名", "direct"), **derived), specs) == {"E122"}
    assert errors(opened(open_item("姓名", "direct", mask_rule="首字加某"), **derived), specs) == set()


@pytest.mark.parametrize("rule", ["不脱敏", "无需脱敏", "未脱敏处理", "原样", "不需要", "明文"])
def test_a_mask_that_masks_nothing_is_none(rule: str, specs: Specs) -> None:
    derived = {"processing_level": "sjjgcd02", "derived_from": {"code": "1", "method": "掩码"}}
    row = open_item("身份证号", "direct", mask_rule=rule, sensitive_flag="1")
    assert errors(opened(row, **derived), specs) == {"E122", "E123"}


def test_calling_people_a_statistic_opens_no_identifier(specs: Specs) -> None:
    content = opened(open_item("手机号码", "direct"), open_item("人数"), record_subject="统计")
    assert errors(content, specs) == {"E122"}
    assert "subject" in reasons(content, "W219", specs)


def test_the_law_publishes_names_but_no_bare_identity_numbers(specs: Specs) -> None:
    basis = [{"title": "企业信息公示暂行条例", "article": "第六条", "items": ["法定代表人身份证号"]}]
    content = opened(open_item("企业名称"), open_item("法定代表人身份证号", "direct"), disclosure_basis=basis)
    assert reasons(content, "E122", specs) == ["masked"]


@pytest.mark.parametrize(
    ("title", "article"),
    [("中华人民共和国个人信息保护法", "第二十五条"), ("政府信息公开条例", "第十五条"), ("婚姻法", "第八条")],
)
def test_a_law_that_forbids_publication_publishes_nothing(title: str, article: str, specs: Specs) -> None:
    basis = [{"title": title, "article": article, "items": ["法定代表人姓名"]}]
    content = opened(open_item("企业名称"), open_item("法定代表人姓名", "direct"), disclosure_basis=basis)
    assert {"direct", "not_required"} <= set(reasons(content, "E122", specs))


def test_one_closed_item_does_not_open_the_rest_of_a_grave_resource(specs: Specs) -> None:
    rows = [item("备注", share_type="1"), open_item("病历号", "direct")]
    assert "E122" in errors(opened(*rows, data_grade="g3"), specs)


def test_a_low_grade_does_not_open_fingerprints(specs: Specs) -> None:
    rows = [open_item("指纹", "direct", open_type="2", share_type="2", mask_rule="掩码")]
    shared = {
        "share_type": "2",
        "share_condition": "逐笔核验",
        "share_scope": "市公安局",
        "use_purpose": ["数据校核"],
    }
    opening = {"open_type": "2", "open_condition": "实名认证后下载", "data_grade": "g2"}
    assert errors(opened(*rows, **shared, **opening), specs) == {"E122"}


def test_g4_is_not_opened(specs: Specs) -> None:
    assert reasons(opened(open_item("企业名称"), data_grade="g4", share_type="1"), "E122", specs) == ["deny"]
    assert "E122" in errors(good("OK01", open_type="1", license="CC0-1.0", items=None), specs)


# ---- bases ----


@pytest.mark.parametrize(
    ("title", "article"),
    [
        ("中华人民共和国个人信息保护法", "第二十五条"),
        ("个保法", "第25条"),
        ("政府信息公开条例", "第十四条"),
        ("中华人民共和国政府信息公开条例（2019修订）", "第十五条第一款"),
        ("政府信息公开条例", "第二十条"),
    ],
)
def test_a_rule_on_publication_is_no_ground_against_sharing(title: str, article: str, specs: Specs) -> None:
    content = not_shared({"level": "法律", "title": title, "article": article})
    assert errors(content, specs) == {"E112"}
    assert reasons(content, "E112", specs) == ["publication"]


@pytest.mark.parametrize("title", ["婚姻法", "中华人民共和国合同法", "中华人民共和国继承法（1985）"])
def test_a_repealed_law_bears_nothing(title: str, specs: Specs) -> None:
    assert reasons(not_shared({"level": "法律", "title": title, "article": "第一条"}), "E112", specs) == [
        "repealed"
    ]


@pytest.mark.parametrize(
    ("level", "title"),
    [
        ("法律", "贵州省政府数据共享开放条例"),
        ("地方性法规", "遵义市某条例"),
        ("省地方性法规", "贵州省某条例"),
        ("内部文件", "本局数据管理制度"),
        ("党中央、国务院政策", "关于加强数字政府建设的指导意见"),
        ("行政法规", "国发〔2016〕51号"),
        ("部门规章", "某规章"),
    ],
)
def test_a_lower_rule_bears_nothing_whatever_it_is_called(level: str, title: str, specs: Specs) -> None:
    content = not_shared({"level": level, "title": title, "article": "第五条"})
    assert reasons(content, "E112", specs) == ["level"]


def test_a_good_basis_does_not_carry_a_bad_one(specs: Specs) -> None:
    local = {"level": "地方性法规", "title": "遵义市某条例", "article": "第一条"}
    assert errors(not_shared(BASIS, local), specs) == {"E112"}


def test_a_grade_is_no_ground_against_sharing(specs: Specs) -> None:
    content = good("OK09", non_share_basis=None, justification="一般数据4级，不宜共享")
    assert errors(content, specs) == {"E112"}


# ---- conditions ----

EMPTY = [
    "经本单位主要领导审批后使用",
    "依申请共享",
    "经审核同意后提供",
    "按有关规定办理",
    "需要时联系",
    "协商确定",
    "根据工作需要经批准后使用",
    "依法依规共享",
    "按照法律法规规定使用",
    "视情况而定",
    "经市大数据局审批后使用",
    "须经我局同意",
    "报市大数据发展管理局审批后方可使用",
    "内部使用",
    "仅供内部使用",
    "按需共享",
    "一事一议",
    "审批通过后可用",
    "报批后使用",
    "按照政务数据共享条例执行",
    "请联系业务科室",
    "电话联系后提供",
    "经部门主要负责人签字同意",
    "同上",
    "待定",
]


@pytest.mark.parametrize("text", EMPTY)
def test_an_empty_condition_says_nothing(text: str, specs: Specs) -> None:
    assert reasons(good("OK01", share_condition=text), "E111", specs) == ["vacuous"]


@pytest.mark.parametrize("text", ["需求部门提出申请，经数据提供部门审核同意后共享", "审核开放", "依申请公开"])
def test_an_empty_condition_opens_nothing(text: str, specs: Specs) -> None:
    marked = items("OK07", share_type="2", open_type="2")
    shared = {"share_type": "2", "share_condition": "仅用于就业形势分析", "share_scope": "市统计局"}
    content = good(
        "OK07", **shared, use_purpose=["工作参考"], items=marked, open_type="2", open_condition=text
    )
    assert errors(content, specs) == {"E116"}


@pytest.mark.parametrize(
    "text",
    [
        "经本单位审批后作为参考",
        "数据提供单位审核后用于工作参考",
        "由大数据局审批后用于核验婚姻状况",
        "用于低保审核",
    ],
)
def test_whoever_approves_is_no_scope(text: str, specs: Specs) -> None:
    content = good("OK01", share_condition=text, share_scope=None, use_purpose=None)
    assert set(reasons(content, "E111", specs)) == {"scope_missing", "purpose_missing"}


@pytest.mark.parametrize(
    "text",
    [
        "需申请",
        "须经审批",
        "无条件共享经审批后提供",
        "无需说明理由但须申请",
        "用于工作须经审批",
        "凭申请表领取",
        "签订协议后使用",
        "免费提供给已签订协议的单位",
        "用于行政审批后方可提供",
        "未经审批不得使用",
        "仅限市直部门",
        "按次收费",
    ],
)
def test_unconditional_sharing_hides_no_condition(text: str, specs: Specs) -> None:
    assert errors(good("OK04", share_condition=text), specs) == {"E110"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("须经市行政审批局审批后逐笔核验", "须经市行政审批局审批"),
        ("签订保密协议后逐笔核验", "签订"),
        ("有偿提供比对服务", "有偿"),
        ("由申请人提交材料，须经我局审批后核验", "须经我局审批"),
    ],
)
def test_an_own_approval_or_fee_is_named(text: str, word: str, specs: Specs) -> None:
    assert word in worded(good("OK01", share_condition=text), "W215", specs)[0].message


@pytest.mark.parametrize("scope", ["税务、住建等", "民政等有关部门", "各相关职能部门", "有关单位。"])
def test_a_scope_without_an_end_is_told(scope: str, specs: Specs) -> None:
    assert rules(good("OK01", share_scope=scope), specs) == ["W214"]


# ---- forms, items, secrets ----


def test_a_file_is_not_offered_as_a_table(specs: Specs) -> None:
    content = good("OK11", format_category="1", format_type=["pdf"], share_mode_type=["1"])
    assert errors(content, specs) == {"E134"}


def test_an_open_resource_opens_something(specs: Specs) -> None:
    assert errors(good("OK04", items=items("OK04", open_type="3")), specs) == {"E133"}


def test_a_shared_resource_shares_something(specs: Specs) -> None:
    assert errors(good("OK01", items=items("OK01", share_type="3")), specs) == {"E126"}


def test_an_unmarked_item_that_is_not_shared_does_not_slip_out_by_opening(specs: Specs) -> None:
    rows = items("OK04", {1: {"share_type": "3", "open_type": None}})
    assert errors(good("OK04", items=rows), specs) == {"E115"}


def test_opening_nothing_of_a_grave_resource_is_judged_by_its_own_grade(specs: Specs) -> None:
    content = good("OK04", items=items("OK04", open_type="3"), data_grade="g4", share_type="2")
    assert {"E122", "E133"} <= errors(content, specs)


@pytest.mark.parametrize("flag", ["工作秘密", "涉密"])
def test_a_secret_has_no_place_here(flag: str, specs: Specs) -> None:
    found = errors(good("OK04", secret_flag=flag), specs)
    assert found == {"E125"}


def test_a_secret_is_never_shown(specs: Specs) -> None:
    content = good("OK04", items=items("OK04", {0: {"classified_flag": "1", "item_name": "警力部署图"}}))
    assert all("警力" not in f"{w.message}{w.value}{w.fix}" for w in worded(content, "E125", specs))


def test_a_name_that_smells_of_secrets_goes_to_the_reviewer(specs: Specs) -> None:
    assert needs(good("OK04", resource_name="警力部署一览"), specs)["secrecy_review"] == "words"


# ---- whole files ----


def _told(contents: Iterable[Content], specs: Specs) -> list[list[str]]:
    return [[f.rule for f in one.findings] for one in assess_all(list(contents), specs, facts=FACTS)]


def test_drag_filled_names_are_told(specs: Specs) -> None:
    rows = [good("OK04", resource_name=f"企业登记信息{n}", resource_code=None) for n in (1, 2, 3)]
    assert _told(rows, specs) == [["W221"], ["W221"], ["W221"]]


def test_two_rows_of_one_name_are_told_both(specs: Specs) -> None:
    rows = [good("OK04"), good("OK04", resource_name="企业登记基本信息 "), good("OK02")]
    assert [one[:1] for one in _told(rows, specs)] == [["E102"], ["E102"], []]


def test_the_same_items_of_two_agencies_are_told(specs: Specs) -> None:
    other = good("OK04", resource_name="市场主体名录", provider_code="115203000094210200", resource_code=None)
    assert _told([good("OK04"), other], specs) == [["W222"], ["W222"]]
