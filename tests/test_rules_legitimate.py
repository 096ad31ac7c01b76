"""Hard but lawful entries: no error, and exactly the needs that they owe."""

from dataclasses import replace

import pytest

from catalog_specs import Specs
from tests.examples import good
from tests.judging import FACTS, Content, errors, item, items, needs, open_item, rules
from validators.assess import assess_all
from validators.neighbours import dragged_names

SHELF = {"secrecy_review": "shelf", "list_line": "shared"}
REGISTER_LAW = [{"title": "企业信息公示暂行条例", "article": "第六条", "items": ["法定代表人姓名"]}]


def enterprise_register(**changes: object) -> Content:
    rows = items("OK04")
    rows.append(open_item("法定代表人姓名", "direct", mask_rule=None))
    return good("OK04", **{"items": rows, "disclosure_basis": REGISTER_LAW, **changes})


def test_a_register_opens_the_names_that_a_law_publishes(specs: Specs) -> None:
    content = enterprise_register()
    assert rules(content, specs) == []
    assert needs(content, specs) == SHELF | {"pia": "personal", "head_consent": "disclosure"}


def test_the_short_title_of_the_law_will_do(specs: Specs) -> None:
    basis = [{"title": "企业信息公示条例", "article": "第7条", "items": ["法定代表人姓名"]}]
    assert rules(enterprise_register(disclosure_basis=basis), specs) == []


def test_a_law_that_the_library_does_not_know_is_left_to_the_auditor(specs: Specs) -> None:
    basis = [{"title": "贵州省企业公示办法", "article": "第三条", "items": ["法定代表人姓名"]}]
    content = enterprise_register(disclosure_basis=basis)
    assert errors(content, specs) == set()
    assert needs(content, specs)["basis"] == "unknown"


@pytest.mark.parametrize("subject", ["物", None])
def test_public_toilets_open_their_position(subject: str | None, specs: Specs) -> None:
    rows = [open_item("公厕名称"), open_item("经度"), open_item("纬度"), open_item("地址")]
    content = good("OK13", resource_name="公共厕所分布", items=rows, record_subject=subject)
    assert errors(content, specs) == set()
    assert needs(content, specs) == SHELF


def test_a_position_declared_quasi_is_no_person_where_rows_are_things(specs: Specs) -> None:
    rows = [open_item("公厕名称"), open_item("经度", "quasi"), open_item("纬度", "quasi")]
    content = good("OK13", resource_name="公共厕所分布", items=rows, record_subject="物")
    assert rules(content, specs) == []
    assert needs(content, specs) == SHELF


@pytest.mark.parametrize(
    "name", ["病床数", "病床数（张）", "传染病报告数", "学生数(人)", "收入额", "体检机构", "低保标准"]
)
@pytest.mark.parametrize("subject", ["组织", "人", None])
def test_a_figure_or_a_body_is_no_sick_person(name: str, subject: str | None, specs: Specs) -> None:
    rows = [open_item("医疗机构名称"), open_item(name)]
    content = good("OK04", resource_name="医疗机构床位", items=rows, record_subject=subject)
    assert errors(content, specs) == set()
    assert needs(content, specs) == SHELF


def test_fiscal_income_is_nobodys_income(specs: Specs) -> None:
    rows = [open_item("年度"), open_item("财政收入"), open_item("税收收入")]
    content = good("OK07", resource_name="财政收入统计", items=rows, record_subject="统计")
    assert rules(content, specs) == []
    assert needs(content, specs) == SHELF


def test_a_row_without_a_code_is_to_be_assigned(specs: Specs) -> None:
    assert rules(good("OK04", resource_code=None), specs) == []


@pytest.mark.parametrize("name", ["无系统(台账)", "无系统（台账）"])
def test_a_ledger_has_no_system(name: str, specs: Specs) -> None:
    assert rules(good("OK11", source_system_id=name), specs) == []


@pytest.mark.parametrize("cycle", ["每两年", "每五年", "不再更新", "不定时", "每旬"])
def test_it_knows_the_slow_and_the_odd_cycles(cycle: str, specs: Specs) -> None:
    assert rules(good("OK11", update_cycle=cycle), specs) == []


@pytest.mark.parametrize("form", ["1", "2"])
def test_batch_verification_by_table_or_file_is_only_a_warning(form: str, specs: Specs) -> None:
    assert rules(good("OK01", share_mode_type=[form]), specs) == ["W217"]


def test_an_item_that_is_not_shared_does_not_bind_the_resource(specs: Specs) -> None:
    rows = items("OK01", {0: {"share_type": "3"}})
    assert rules(good("OK01", items=rows), specs) == []


def test_an_interface_may_ask_for_an_identity_number(specs: Specs) -> None:
    asked = item("公民身份号码", "direct", direction="in")
    answer = open_item("办理进度", direction="out")
    content = good("OK12", resource_name="办件进度查询", items=[asked, answer], record_subject="事")
    assert errors(content, specs) == set()
    assert needs(content, specs) == SHELF | {"pia": "personal"}


def test_unconditional_sharing_may_say_that_no_approval_is_needed(specs: Specs) -> None:
    for text in (
        "无需审批",
        "无需申请、审批",
        "免申请",
        "不收费",
        "无条件",
        "/",
        "作为工作参考，用于数据校核",
    ):
        assert rules(good("OK04", share_condition=text), specs) == [], text


def test_unconditional_sharing_may_name_a_business_of_approval(specs: Specs) -> None:
    for text in (
        "用于行政审批业务",
        "用于核验申请人信息",
        "作为投资审批依据",
        "用于核定收费标准",
        "未经授权不得对外公开",
    ):
        assert rules(good("OK04", share_condition=text), specs) == [], text


def test_the_consent_of_the_person_concerned_is_no_own_approval(specs: Specs) -> None:
    for text in ("经权利人授权查询", "经当事人本人同意后逐笔核验", "用于社保缴费状态核验"):
        assert rules(good("OK01", share_condition=text), specs) == [], text


def test_a_party_body_is_not_bound_by_the_basis_of_not_sharing(specs: Specs) -> None:
    content = good("OK09", non_share_basis=None)
    party = replace(FACTS, agency_kinds={content["provider_code"]: "党群机关"})
    assert errors(content, specs, party) == set()
    bound = replace(FACTS, agency_kinds={content["provider_code"]: "政府部门"})
    assert errors(content, specs, bound) == {"E112"}


def test_a_bodys_own_account_is_no_personal_one(specs: Specs) -> None:
    rows = [item("单位名称"), item("开户银行账号")]
    content = good("OK01", record_subject="组织", items=rows, data_grade="g4")
    assert rules(content, specs) == []
    assert needs(content, specs) == SHELF


def test_a_masked_resource_opens_what_its_source_may_not(specs: Specs) -> None:
    rows = [
        open_item("姓名", "direct", mask_rule="首字加星号"),
        open_item("信用等级"),
        item("备注", share_type="1"),
    ]
    content = good(
        "OK04",
        resource_name="守信个人名单（脱敏）",
        items=rows,
        record_subject="人",
        processing_level="sjjgcd02",
        derived_from={"code": "307024030102/000001", "method": "姓名只留首字"},
    )
    assert rules(content, specs) == []
    assert needs(content, specs) == SHELF | {"pia": "personal", "desens": "items"}


def test_opening_a_part_is_judged_by_that_part(specs: Specs) -> None:
    rows = [open_item("路段"), open_item("时段"), item("驾驶人姓名", "direct", share_type="1")]
    content = good("OK04", items=rows, data_grade="g3", resource_name="拥堵路段", record_subject="事")
    assert errors(content, specs) == set()
    assert needs(content, specs) == SHELF | {"approve": "share", "pia": "personal"}


def test_several_bases_may_stand_together(specs: Specs) -> None:
    rows = [*good("OK09")["non_share_basis"], {"level": "法律", "title": "统计法", "article": "第二十八条"}]
    assert rules(good("OK09", non_share_basis=rows), specs) == []


def test_the_same_list_by_years_is_not_drag_filled(specs: Specs) -> None:
    years = [good("OK11", resource_name=f"土地出让结果{year}") for year in (2023, 2024, 2025)]
    assert dragged_names(years) == frozenset()


def test_another_citys_agency_may_have_a_list_of_the_same_name(specs: Specs) -> None:
    far = good("OK04", provider_code="91110000802100433B", resource_code=None)
    found = [[f.rule for f in one.findings] for one in assess_all([good("OK04"), far], specs, facts=FACTS)]
    assert found == [[], ["W205"]]
