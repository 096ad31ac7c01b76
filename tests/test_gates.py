"""Each guard by itself: met, not met, not asked; with the words, the cure and the source that a user reads."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from catalog_specs import SpecError, Specs, load
from catalog_specs.law_lifecycle import Lifecycle
from tests.cast import content
from tests.conftest import TODAY
from validators.assess import assess
from validators.case import Facts
from validators.findings import Need
from validators.gates import GATES, MoveCase, Offered
from validators.transitions import Unmet, blocking_authors, check_guards, decide

SPECS = load("zunyi_2020")
LIFE = SPECS.document("lifecycle", Lifecycle)
FACTS = Facts(today=TODAY)
BASIS = {"level": "法律", "title": "中华人民共和国刑事诉讼法", "article": "第二百八十六条", "text": "封存"}
TABLE = Offered(
    "1", ("批量交换",), ("企业名称",), opened=False, same_bytes=None, cleared={"conclusion": "share_only"}
)
OPEN = replace(TABLE, opened=True, cleared={"conclusion": "share_and_open"})
FILE = replace(TABLE, form="2", same_bytes=True)


def case(guard: str, row: Mapping[str, Any] | None = None, /, **more: Any) -> MoveCase:
    """A case in which only ``guard`` is asked, of a move that names it."""
    move = next(move for move in LIFE.moves if guard in move.guards)
    asked = LIFE.index[more.pop("move", move.key)].model_copy(update={"guards": (guard,)})
    entry = dict(row if row is not None else content())
    return MoveCase(
        move=asked,
        role=more.pop("role", asked.by[0]),
        content=entry,
        assessment=assess(entry, SPECS, facts=FACTS),
        specs=SPECS,
        facts=FACTS,
        change_class=more.pop("change_class", "major"),
        **more,
    )


def answer(guard: str, row: Mapping[str, Any] | None = None, /, **more: Any) -> Unmet | None:
    found = decide(case(guard, row, **more))
    return found[0] if found else None


def signed(*keys: str) -> frozenset[tuple[str, str]]:
    """``clear:secrecy_reviewer`` and so on."""
    return frozenset((key.split(":")[0], key.split(":")[1]) for key in keys)


def item(**changes: Any) -> dict[str, Any]:
    row = content()
    row["items"][0] |= changes
    return row


PERSONAL = content("OK01")
CLEAR, CHIEF, HEAD, AUDIT = (
    "clear:secrecy_reviewer",
    "endorse:division_chief",
    "endorse:head",
    "approve:auditor",
)
SEALED = content("OK09", legal_basis="刑事诉讼法")

MET: list[tuple[str, Mapping[str, Any] | None, dict[str, Any]]] = [
    ("not_secret", None, {}),
    (
        "not_secret",
        None,
        {"move": "clear", "data": {"conclusion": "share_only", "items": {"企业名称": "passed"}}},
    ),
    ("no_blocking_findings", None, {}),
    ("art13_minimum", None, {}),
    ("graded", None, {}),
    ("share_open_decided", None, {}),
    ("matrix_consistent", None, {}),
    ("basis", None, {}),
    ("basis", SEALED, {}),
    ("justified", None, {}),
    ("hints_confirmed", None, {}),
    ("important_data", None, {}),
    ("important_data", content(data_grade="imp", important_ref={"status": "申报", "number": "1号"}), {}),
    ("list_columns", None, {}),
    ("secrecy_risk_assessment", None, {"signed": signed(CLEAR)}),
    ("secrecy_risk_assessment", None, {"change_class": "ordinary"}),
    ("secrecy_risk_assessment", None, {"change_class": "note"}),
    ("pia", None, {}),
    ("pia", PERSONAL, {"records": frozenset({"pia"})}),
    ("chief_consent", None, {"role": "head", "signed": signed(CHIEF)}),
    ("chief_consent", None, {"role": "division_chief"}),
    ("chief_consent", None, {"role": "head", "change_class": "ordinary"}),
    ("head_consent", None, {"signed": signed(HEAD)}),
    ("head_consent", None, {"change_class": "note"}),
    ("signatures_complete", None, {"signed": signed(CLEAR, CHIEF, HEAD, AUDIT)}),
    ("signatures_complete", None, {"signed": signed(CLEAR, CHIEF, HEAD, "approve:county_auditor")}),
    ("signatures_complete", None, {"change_class": "ordinary", "signed": signed(HEAD, AUDIT)}),
    ("signatures_complete", None, {"change_class": "note", "signed": signed(CHIEF)}),
    ("important_risk_assessment", None, {}),
    ("exception_approved", None, {}),
    ("basis_confirmed", None, {}),
    ("reasons_given", None, {"note": "摘要不清"}),
    ("reasons_given", None, {"data": {"reasons": [{"text": "x"}]}}),
    ("batch_notice", None, {"data": {"number": 7, "date": "2026-11-20"}}),
    ("batch_notice", None, {"data": {"number": "7号", "date": TODAY}}),
    ("no_open_version", None, {}),
    ("version_in_force", None, {"in_force": True}),
    ("service_consultation", None, {"move": "announce", "in_use": True}),
    ("service_consultation", None, {"move": "announce", "narrowed": ("x",)}),
    ("service_consultation", None, {"move": "withdraw"}),
    (
        "service_consultation",
        None,
        {"move": "withdraw", "in_use": True, "records": frozenset({"consultation"})},
    ),
    ("service_consultation", None, {"move": "withdraw", "in_use": True, "data": {"emergency": "泄露"}}),
    ("consumers_informed", None, {}),
    ("consumers_informed", None, {"ever_shelved": True, "records": frozenset({"notice_to_users"})}),
    ("no_active_grants", None, {}),
    ("distributions_off", None, {}),
    ("gone_everywhere", None, {}),
    ("gone_everywhere", None, {"ever_shelved": True}),
    ("retirement_decided", None, {"records": frozenset({"retirement_decision"})}),
    ("items_of_entry", None, {"distribution": TABLE}),
    ("open_projection", None, {"distribution": TABLE}),
    ("open_projection", None, {"distribution": OPEN}),
    ("pattern_form", None, {"distribution": TABLE}),
    ("pattern_form", None, {"distribution": replace(OPEN, form="2", patterns=())}),
    ("data_cleared", None, {"distribution": TABLE}),
    ("data_cleared", None, {"distribution": OPEN}),
    ("desensitization_proof", None, {"distribution": TABLE}),
    ("desensitization_proof", None, {"distribution": OPEN}),
    ("same_bytes", None, {"distribution": TABLE}),
    ("same_bytes", None, {"distribution": FILE}),
    ("provision_tested", None, {"distribution": FILE}),
    ("provision_tested", None, {"distribution": TABLE, "records": frozenset({"provision_test"})}),
    ("no_rectification", None, {}),
    ("not_archived", None, {}),
    ("system_running", None, {}),
    ("cause_cured", None, {"note": "已更正"}),
    ("review_agrees", None, {"data": {"conclusion": "share_and_open"}}),
    ("review_agrees", PERSONAL, {"data": {"conclusion": "share_only", "items": {"登记日期": "not_public"}}}),
]

UNMET: list[tuple[str, Mapping[str, Any] | None, dict[str, Any], str]] = [
    ("not_secret", content(secret_flag="工作秘密"), {}, "E125"),
    ("not_secret", None, {"move": "clear", "data": {"conclusion": "secret"}}, "涉密或工作秘密不得上架"),
    (
        "not_secret",
        None,
        {"move": "clear_data", "data": {"conclusion": "refer"}},
        "不能确定报保密行政管理部门",
    ),
    (
        "not_secret",
        None,
        {"move": "clear", "data": {"items": {"企业名称": "secret"}}},
        "信息项“企业名称”：涉密",
    ),
    ("no_blocking_findings", content(provider_code="11520300MB1A00052N"), {}, "E103"),
    ("art13_minimum", content(update_cycle=None), {}, "E101 更新周期没有填写"),
    ("graded", content(data_grade=None), {}, ""),
    ("share_open_decided", content(open_type=None), {}, "开放类型没有填写"),
    ("share_open_decided", content(share_type="9"), {}, "E109"),
    (
        "matrix_consistent",
        content("OK01", open_type="1", non_open_reason=None, license="CC-BY-4.0"),
        {},
        "E122",
    ),
    ("basis", content("OK09", non_share_basis=None), {}, "E112"),
    (
        "basis",
        content("OK09", non_share_basis=[{"level": "部门文件", "title": "通知", "article": "一"}]),
        {},
        "E112",
    ),
    (
        "justified",
        content(share_type="2", share_condition="核验主体", use_purpose=["业务协同"]),
        {},
        "需书面说明理由",
    ),
    ("important_data", content(data_grade="imp"), {}, "状态"),
    ("important_data", content(data_grade="imp", important_ref={"status": "申报"}), {}, "号"),
    ("important_data", content(data_grade="imp", important_ref={"status": "认定", "number": "1"}), {}, "；"),
    ("list_columns", content(legal_basis=None), {}, "依据"),
    ("secrecy_risk_assessment", None, {"signed": signed(CHIEF)}, ""),
    ("pia", PERSONAL, {}, ""),
    ("pia", PERSONAL, {"records": frozenset({"secrecy_risk_assessment", "approval"})}, ""),
    ("chief_consent", None, {"role": "head"}, ""),
    ("chief_consent", None, {"role": "auditor", "signed": signed(HEAD)}, ""),
    ("chief_consent", None, {"role": "head", "change_class": "note"}, ""),
    ("head_consent", None, {"signed": signed(CLEAR, CHIEF)}, ""),
    ("head_consent", None, {"change_class": "ordinary"}, ""),
    ("signatures_complete", None, {}, "保密风险评估通过；审核同意；审核同意；目录审核通过"),
    ("signatures_complete", None, {"signed": signed(CLEAR, CHIEF, HEAD)}, "目录审核通过"),
    ("signatures_complete", None, {"change_class": "ordinary", "signed": signed(CHIEF, AUDIT)}, "审核同意"),
    ("reasons_given", None, {}, ""),
    ("reasons_given", None, {"note": " \n"}, ""),
    ("reasons_given", None, {"note": "x", "late_remarks": ("更新周期没有改动",)}, "更新周期没有改动"),
    ("batch_notice", None, {}, "通告文号（number）；通告日期"),
    ("batch_notice", None, {"data": {"number": " ", "date": "明天"}}, "通告文号（number）；通告日期"),
    ("batch_notice", None, {"data": {"number": "长" * 101, "date": "2026-11-20"}}, "至多 100 个字"),
    ("batch_notice", None, {"data": {"number": "1号", "date": 20261120}}, "通告日期"),
    ("no_open_version", None, {"open_version": True}, ""),
    ("version_in_force", None, {}, ""),
    ("service_consultation", None, {"move": "announce", "in_use": True, "narrowed": ("少一项",)}, "少一项"),
    ("service_consultation", None, {"move": "withdraw", "in_use": True}, ""),
    ("service_consultation", None, {"move": "off_shelf", "in_use": True, "data": {"emergency": " "}}, ""),
    ("service_consultation", None, {"move": "off_shelf", "in_use": True, "data": {"emergency": False}}, ""),
    (
        "service_consultation",
        None,
        {"move": "off_shelf", "in_use": True, "records": frozenset({"approval"})},
        "",
    ),
    ("consumers_informed", None, {"ever_shelved": True}, ""),
    ("no_active_grants", None, {"active_grants": 2}, "2 项"),
    ("distributions_off", None, {"live_distributions": 3}, "还有 3 个"),
    ("gone_everywhere", None, {"still_at": ("开放门户：已在门户并核对",)}, "开放门户：已在门户并核对"),
    ("retirement_decided", None, {}, ""),
    (
        "items_of_entry",
        None,
        {"distribution": replace(TABLE, items=("企业名称", "电话"))},
        "“电话”不在目录的信息项中",
    ),
    ("items_of_entry", None, {"distribution": replace(TABLE, items=())}, "没有写明提供哪些信息项"),
    ("items_of_entry", item(share_type="3"), {"distribution": TABLE}, "“企业名称”不予共享"),
    ("items_of_entry", item(open_type="3"), {"distribution": OPEN}, "“企业名称”不予开放"),
    ("open_projection", PERSONAL, {"distribution": OPEN}, "目录的开放类型是不予开放"),
    ("open_projection", item(pii_class="sensitive", sensitive_flag="1"), {"distribution": OPEN}, "E1"),
    ("pattern_form", None, {"distribution": replace(TABLE, form="7")}, "没有“7”这种提供形式"),
    ("pattern_form", None, {"distribution": replace(TABLE, patterns=("查询",))}, "“查询”不能以库表提供"),
    ("pattern_form", None, {"distribution": FILE}, "目录的共享方式类型中没有“文件”"),
    ("data_cleared", None, {"distribution": replace(TABLE, cleared=None)}, ""),
    ("data_cleared", None, {"distribution": replace(TABLE, cleared={})}, "审查结论是“无”"),
    (
        "data_cleared",
        None,
        {"distribution": replace(OPEN, cleared={"conclusion": "share_only"})},
        "可共享不可开放",
    ),
    ("desensitization_proof", item(pii_class="quasi", sensitive_flag="1"), {"distribution": OPEN}, ""),
    ("same_bytes", None, {"distribution": replace(FILE, same_bytes=None)}, "没有上传文件"),
    ("same_bytes", None, {"distribution": replace(FILE, same_bytes=False)}, "文件与登记的摘要不符"),
    ("provision_tested", None, {"distribution": TABLE}, ""),
    ("provision_tested", None, {"distribution": replace(FILE, same_bytes=False)}, ""),
    ("no_rectification", None, {"open_orders": ("ZG-520200-2026-0001（待整改）",)}, "ZG-520200-2026-0001"),
    ("not_archived", None, {"archived": True}, ""),
    ("system_running", None, {"system_over": "系统已停用"}, "系统已停用"),
    ("cause_cured", None, {}, ""),
    ("review_agrees", None, {"data": {"conclusion": "share_only"}}, "可共享不可开放"),
    ("review_agrees", None, {"data": {"items": {"企业名称": "not_public"}}}, "“企业名称”不宜公开"),
]


@pytest.mark.parametrize(("guard", "row", "more"), MET, ids=[row[0] for row in MET])
def test_it_is_met_or_not_asked(guard: str, row: Mapping[str, Any] | None, more: dict[str, Any]) -> None:
    assert answer(guard, row, **more) is None


@pytest.mark.parametrize(("guard", "row", "more", "words"), UNMET, ids=[row[0] for row in UNMET])
def test_it_is_not_met_and_says_what_is_missing(
    guard: str, row: Mapping[str, Any] | None, more: dict[str, Any], words: str
) -> None:
    found = answer(guard, row, **more)
    assert found is not None
    assert words in "；".join(found.details)
    spec = LIFE.guard_index[guard]
    assert (found.guard, found.gate, found.text, found.fix) == (guard, spec.gate, spec.zh, spec.fix_zh)
    assert found.source == SPECS.cited(spec.sources)
    assert found.source


def test_every_guard_is_looked_at_here_both_ways() -> None:
    """But for the one that nothing can break yet (exceptions), or that need a text of law."""
    assert {row[0] for row in MET} == set(LIFE.guard_index)
    missing = set(LIFE.guard_index) - {row[0] for row in UNMET}
    assert missing == {
        "exception_approved",
        "important_risk_assessment",
        "basis_confirmed",
        "hints_confirmed",
    }


NEEDED = {
    "exception_approved": ("approve", "exception_approval"),
    "important_risk_assessment": ("risk_assessment", "risk_assessment"),
    "basis_confirmed": ("basis", ""),
}


@pytest.mark.parametrize("guard", NEEDED)
def test_a_need_is_met_by_its_record_alone(guard: str) -> None:
    need, record = NEEDED[guard]
    asked = case(guard)
    reason = next(iter(SPECS.needs[need].reasons))
    asked = replace(asked, assessment=replace_needs(asked, Need(need, reason, {})))
    assert [unmet.guard for unmet in decide(asked)] == [guard]
    assert decide(replace(asked, records=frozenset({"approval"})))
    given = {"data": {"basis_confirmed": "已核对原文"}} if not record else {"records": frozenset({record})}
    assert decide(replace(asked, **given)) == ()


def replace_needs(asked: MoveCase, *needs: Any) -> Any:
    found = asked.assessment
    return SimpleNamespace(findings=found.findings, needs=needs, of_level=found.of_level)


@pytest.mark.parametrize(
    ("hints", "answered", "missing"),
    [
        (None, (), ("备注", "联系方式")),
        ({"备注": "不含个人信息"}, (), ("联系方式",)),
        ({"备注": "不含", "联系方式": " "}, (), ("联系方式",)),
        ({"联系方式": "单位总机"}, ("备注",), None),
        ("都不是", (), ("备注", "联系方式")),
    ],
)
def test_each_hint_is_answered_by_itself(
    hints: Any, answered: tuple[str, ...], missing: tuple[str, ...] | None
) -> None:
    asked = case("hints_confirmed", data={"hints": hints}, hints_answered=frozenset(answered))
    need = Need("confirm_hint", "weak", {"items": "备注、联系方式", "each": "备注\n联系方式"})
    found = decide(replace(asked, assessment=replace_needs(asked, need)))
    assert (found[0].details if found else None) == missing


def test_everything_missing_is_told_at_once_in_the_order_of_the_move() -> None:
    asked = replace(
        case("version_in_force"),
        move=LIFE.index["shelve"],
        distribution=replace(OPEN, items=("无",), cleared=None),
    )
    assert [unmet.guard for unmet in decide(asked)] == [
        "version_in_force",
        "items_of_entry",
        "data_cleared",
        "provision_tested",
    ]


def test_it_is_told_in_english_as_well() -> None:
    found = decide(case("version_in_force"), "en")[0]
    assert (found.text, found.fix) == ("the catalogue version is in force", "announce the entry first")


def test_the_author_is_stopped_only_where_the_law_parts_him_from_the_move() -> None:
    authors = frozenset({"wang"})
    apart = {move.key for move in LIFE.moves if blocking_authors(move, authors, "wang")}
    assert apart == {"clear", "object", "endorse", "approve", "clear_data"}
    assert not any(blocking_authors(move, authors, "li") for move in LIFE.moves)


# ---- guards and checks belong together --------------------------------------------------------------------


def test_every_guard_has_its_check_in_both_cities() -> None:
    for profile in ("zunyi_2020", "liupanshui_2025"):
        check_guards(load(profile))


@pytest.mark.parametrize("change", ["lacking", "spare"])
def test_a_guard_without_its_check_is_told(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if change == "lacking":
        monkeypatch.delitem(GATES, "pia")
    else:
        monkeypatch.setitem(GATES, "pia_twice", GATES["pia"])
    with pytest.raises(SpecError, match="前提与检查不对应：pia"):
        check_guards(SPECS)


def test_specs_of_both_cities_ask_the_same_moves() -> None:
    other: Specs = load("liupanshui_2025")
    assert other.document("lifecycle", Lifecycle).index.keys() == LIFE.index.keys()
