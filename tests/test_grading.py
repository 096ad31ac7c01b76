"""Grades: the impact matrix, the cells of sharing and opening, hints, and what leaves by opening a part."""

from typing import Any

import pytest

from catalog_specs import Specs
from tests.examples import good
from tests.judging import FACTS, Content, errors, item, needs, open_item, reasons, rules, worded
from validators.assess import assess
from validators.case import Suggestion
from validators.grading import grader_of
from validators.hints import hinter, secret_words

# ---- GB/T 43697: impact object x degree (domain §3.2, S14) ----

DEGREES = ("特别严重危害", "严重危害", "一般危害", "无危害")
IMPACT = {
    "国家安全": ("core", "core", "imp", "g1"),
    "经济运行": ("core", "imp", "g2", "g1"),
    "社会秩序": ("core", "imp", "g2", "g1"),
    "公共利益": ("core", "imp", "g2", "g1"),
    "组织权益": ("g4", "g3", "g2", "g1"),
    "个人权益": ("g4", "g3", "g2", "g1"),
}
CELLS = [(o, d, g) for o, row in IMPACT.items() for d, g in zip(DEGREES, row, strict=True)]


@pytest.mark.parametrize(
    ("target", "degree", "grade"), CELLS, ids=[f"GBT-43697-{o}-{d}" for o, d, _ in CELLS]
)
def test_the_impact_gives_the_grade(target: str, degree: str, grade: str, specs: Specs) -> None:
    found = assess(good("OK07", impact=[{"object": target, "degree": degree}]), specs, facts=FACTS)
    assert found.suggested.grade == grade
    assert ("W218" in {f.rule for f in found.findings}) == (grade != "g1")


def test_the_highest_impact_counts(specs: Specs) -> None:
    rows = [{"object": "个人权益", "degree": "一般危害"}, {"object": "组织权益", "degree": "严重危害"}]
    found = assess(good("OK07", impact=rows), specs, facts=FACTS).suggested
    assert found == Suggestion("g3", ("对组织权益造成严重危害",))


# ---- the matrices (domain §3.4), written out a second time ----

SHARE = {
    "g1": ("", "justify", "E112"),
    "g2": ("", "", "E112"),
    "g3": ("approve", "", "E112"),
    "g4": ("E121", "", "E112"),
    "imp": ("E121", "approve", "E112"),
    "core": ("E121", "E121", "E112"),
}
OPEN = {
    "g1": ("", "", "justify"),
    "g2": ("", "", ""),
    "g3": ("E122", "desens approve", ""),
    "g4": ("E122", "E122", ""),
    "imp": ("E122", "E122", ""),
    "core": ("E122", "E122", ""),
}
CROSS = {"11": "", "12": "", "13": "", "21": "E135", "22": "", "23": "", "31": "E115", "32": "E115", "33": ""}
CONDITION = {"share_condition": "逐笔核验", "share_scope": "市民政局", "use_purpose": ["数据校核"]}
MATRIX = {"E112", "E121", "E122", "justify", "approve", "desens"}


def plain(**changes: Any) -> Content:
    """An unstructured resource, so that only its own grade counts."""
    base = {"format_category": "1", "format_type": ["pdf"], "items": None, "share_mode_type": ["2"]}
    return good(
        "OK04", **(base | {"share_pattern": ["批量交换"], "important_ref": {"status": "申报"}} | changes)
    )


def told(content: Content, specs: Specs) -> set[str]:
    found = assess(content, specs, facts=FACTS)
    return ({f.rule for f in found.findings} | {n.need for n in found.needs}) & MATRIX


@pytest.mark.parametrize(("grade", "n"), [(grade, n) for grade in SHARE for n in range(3)])
def test_the_grade_limits_sharing(grade: str, n: int, specs: Specs) -> None:
    content = plain(data_grade=grade, share_type=str(n + 1), open_type="3", non_open_reason="《某法》")
    assert told(content | CONDITION, specs) == set(SHARE[grade][n].split())


@pytest.mark.parametrize(("grade", "n"), [(grade, n) for grade in OPEN for n in range(3)])
def test_the_grade_limits_opening(grade: str, n: int, specs: Specs) -> None:
    content = plain(data_grade=grade, open_type=str(n + 1), open_condition="实名认证后下载")
    found = told(content, specs) - {"E121", *(["approve"] if grade == "g3" and n != 1 else [])}
    assert found == set(OPEN[grade][n].split())


@pytest.mark.parametrize(("cell", "rule"), CROSS.items())
def test_sharing_limits_opening(cell: str, rule: str, specs: Specs) -> None:
    content = plain(share_type=cell[0], open_type=cell[1], open_condition="实名认证后下载") | CONDITION
    assert errors(content, specs) & {"E115", "E135"} == set(rule.split())


def test_a_written_reason_meets_the_need_of_one(specs: Specs) -> None:
    content = plain(share_type="2", justification="涉及未定标项目") | CONDITION
    assert "justify" not in needs(content, specs)
    assert "justify" not in needs(plain(open_type="3", non_open_reason="《某法》第一条"), specs)


# ---- what names hint at (§12 R11) ----


@pytest.mark.parametrize(
    ("name", "detector"),
    [
        ("身份证号", "id_card_18"),
        ("男方身份证件号码", "id_card_18"),
        ("公民身份号码（18位）", "id_card_18"),
        ("手机号２", "mobile"),
        ("联系电话（手机号）", "mobile"),
        ("银行卡号", "bank_card"),
        ("住院号", "medical_record"),
        ("人脸", "biometric"),
        ("身份证件类型", ""),
        ("身份证号有效期", ""),
        ("手机号归属地", ""),
        ("是否有手机号", ""),
        ("有无指纹", ""),
        ("病床数", ""),
    ],
)
def test_a_strong_name_stands_at_the_end(name: str, detector: str, specs: Specs) -> None:
    assert hinter(specs)(name, "").detector == detector


@pytest.mark.parametrize(
    ("name", "tiers"),
    [
        ("病床数", ""),
        ("病床数（张）", ""),
        ("低保标准", ""),
        ("学生人数", ""),
        ("就诊机构", ""),
        ("疾病名称", ""),
        ("诊断结果（编码标准）", "sensitive"),
        ("姓名", "direct"),
        ("户籍地址", "quasi"),
        ("QQ号码", "direct"),
        ("是否残疾", "sensitive"),
        ("财政收入", "sensitive"),
        ("经营范围", ""),
    ],
)
def test_an_ending_cancels_weak_words(name: str, tiers: str, specs: Specs) -> None:
    assert hinter(specs)(name, "").tiers == frozenset(tiers.split())


@pytest.mark.parametrize(
    ("code", "direct"), [("xm", True), ("nf_xm", True), ("xmmc", False), ("phone", True)]
)
def test_a_code_hints_by_its_parts(code: str, direct: bool, specs: Specs) -> None:
    assert ("direct" in hinter(specs)("某项", code).tiers) is direct


def test_a_strong_code_is_a_whole_code(specs: Specs) -> None:
    hint = hinter(specs)
    assert hint("编号", "SFZH").detector == "id_card_18"
    assert hint("编号", "sfzhlx").detector == ""


@pytest.mark.parametrize(
    ("text", "word"), [("非涉密机房", ""), ("涉密机房", "涉密"), ("警力部署", "警力部署"), ("", "")]
)
def test_secret_words_are_told_from_their_denial(text: str, word: str, specs: Specs) -> None:
    assert secret_words(specs)(text) == word


@pytest.mark.parametrize("name", ["学生评价", "体检日期", "诊断意见", "困难情况", "联系人", "宗教活动安排"])
@pytest.mark.parametrize("pii", ["none", None])
@pytest.mark.parametrize("rest", [[], [item("备注", share_type="1")]], ids=["all", "part"])
def test_a_weak_hint_is_never_an_error(name: str, pii: str | None, rest: list[Content], specs: Specs) -> None:
    content = good(
        "OK04", record_subject="人", items=[open_item("批次"), open_item(name, pii_class=pii), *rest]
    )
    assert errors(content, specs) == set()
    assert needs(content, specs)["confirm_hint"] == "weak"


def test_a_weak_hint_counts_once_it_is_confirmed(specs: Specs) -> None:
    content = good("OK04", record_subject="人", items=[open_item("批次"), open_item("诊断意见", "sensitive")])
    assert errors(content, specs) == {"E122"}


# ---- suggestions ----


@pytest.mark.parametrize(
    ("name", "pii", "subject", "grade"),
    [
        ("企业名称", "none", "组织", "g1"),
        ("姓名", "direct", "人", "g3"),
        ("家庭收入", "sensitive", "人", "g3"),
        ("公民身份号码", "direct", "人", "g3"),
        ("手机号码", "none", "组织", "g3"),
        ("银行卡号", "direct", "人", "g4"),
        ("诊断意见", "sensitive", "人", "g4"),
        ("诊断意见", "none", "人", "g4"),
        ("诊断意见", "none", "统计", "g1"),
        ("学生评语", None, "人", "g4"),
        ("行踪轨迹", None, "人", "g4"),
    ],
)
def test_the_content_gives_the_least_grade(
    name: str, pii: str, subject: str, grade: str, specs: Specs
) -> None:
    content = good("OK01", items=[item(name, pii_class=pii)], record_subject=subject)
    assert assess(content, specs, facts=FACTS).suggested.grade == grade


def test_the_gravest_item_grades_the_resource_and_says_so(specs: Specs) -> None:
    content = good("OK01", data_grade="g1")
    message = worded(content, "W218", specs)[0].message
    assert message.startswith("建议为一般数据3级，所填为一般数据1级：信息项“男方姓名”是直接标识个人的信息；")


def test_what_is_only_asked_for_does_not_grade(specs: Specs) -> None:
    rows = [item("公民身份号码", "direct", direction="in"), item("结果", direction="out")]
    assert assess(good("OK08", items=rows), specs, facts=FACTS).suggested.grade == "g1"


# ---- the open projection (§12 R6) ----


def resource(*rows: Content, **changes: Any) -> Content:
    return good("OK04", **{"items": list(rows), **changes})


def test_an_unmarked_item_opens_with_the_resource(specs: Specs) -> None:
    content = resource(open_item("企业名称"), open_item("姓名", "direct", open_type=None))
    assert errors(content, specs) == {"E122"}


def test_no_look_at_the_items_lowers_important_data(specs: Specs) -> None:
    content = resource(open_item("路段"), item("备注", share_type="1"), data_grade="imp")
    assert "E122" in errors(content, specs)


def test_a_part_is_graded_by_itself(specs: Specs) -> None:
    closed = item("姓名", "direct", share_type="1")
    assert "E122" not in errors(resource(open_item("路段"), closed, data_grade="g4"), specs)
    assert "E122" in errors(resource(open_item("手机号", "direct"), closed, data_grade="g3"), specs)


def test_opening_all_keeps_the_resources_grade(specs: Specs) -> None:
    assert reasons(resource(open_item("路段"), data_grade="g3"), "E122", specs) == ["deny"]


def test_an_input_is_no_item_held_back(specs: Specs) -> None:
    asked = item("证照编号", direction="in")
    assert reasons(resource(open_item("路段"), asked, data_grade="g3"), "E122", specs) == ["deny"]


def test_conditional_opening_of_names_asks_for_proof_and_approval(specs: Specs) -> None:
    shared = {"share_type": "2", "open_type": "2"}
    content = resource(
        open_item("姓名", "direct", **shared), **shared, **CONDITION, open_condition="实名认证后下载"
    )
    assert errors(content, specs) == set()
    assert {"desens": "matrix", "approve": "open"}.items() <= needs(content, specs).items()


def test_an_office_telephone_is_no_persons(specs: Specs) -> None:
    assert rules(resource(open_item("办公电话")), specs) == []


def test_one_refusal_is_told_once(specs: Specs) -> None:
    assert reasons(resource(open_item("姓名", "direct")), "E122", specs) == ["direct"]
    assert reasons(resource(open_item("姓名", "direct"), data_grade="g3"), "E122", specs) == [
        "deny",
        "direct",
    ]


def test_figures_declared_sensitive_are_figures(specs: Specs) -> None:
    content = resource(open_item("年度"), open_item("确诊率", "sensitive"), record_subject="统计")
    assert errors(content, specs) == set()


def test_the_grader_is_made_once(specs: Specs) -> None:
    assert grader_of(specs) is grader_of(specs)
