"""Whether masks, hashes and methods are enough for an open type; every finding is explained."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from catalog_specs import Specs
from tests.test_scan_whole import worded
from validators.adequacy import Adequacy, ColumnSeen
from validators.adequacy_hits import Hits
from validators.adequacy_plan import Planner
from validators.mask_forms import mask_forms
from validators.masks import MaskWatch
from validators.scanned import ColumnAsked, ColumnFound, Found, ScanFinding

CITIZENS = [f"520303********{n:04d}" for n in range(30)]


@dataclass(frozen=True)
class Column:
    """A column of a trial: its name, cells, what is declared of it, and what detectors say."""

    name: str
    cells: Sequence[str | None]
    pii: str = ""
    method: str = ""
    hint: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    sensitive: bool | None = None
    extra: Mapping[str, int] = field(default_factory=dict)


def seen(specs: Specs, column: Column, open_type: str | None, people: bool | None) -> ColumnSeen:
    forms = mask_forms(specs)
    asked = ColumnAsked(column.name, pii=column.pii, method=column.method, sensitive=column.sensitive)
    filled = sum(cell is not None for cell in column.cells)
    found = ColumnFound(asked, len(column.cells), filled, column.found, column.hint, **column.extra)
    (plan,) = Planner(specs).plans([found], people)
    watch = MaskWatch(forms, plan.forms, forms.tier_of(open_type) if plan.binds else None)
    watch.feed(pa.array(column.cells, pa.string()))
    return ColumnSeen(plan, found, watch.seen())


def judged(
    specs: Specs,
    *columns: Column,
    open_type: str | None = "2",
    people: bool | None = None,
    earlier: Mapping[str, Sequence[str]] | None = None,
) -> list[ScanFinding]:
    tier = mask_forms(specs).tier_of(open_type)
    rows = [seen(specs, column, open_type, people) for column in columns]
    findings = list(Adequacy(specs, tier).judge(rows, earlier or {}))
    assert all(worded(specs, finding) for finding in findings)
    return findings


def rules(findings: Sequence[ScanFinding]) -> list[str]:
    return [finding.rule for finding in findings]


def test_a_mask_that_shows_too_much_is_an_error_with_its_cure(specs: Specs) -> None:
    (finding,) = judged(specs, Column("身份证号", CITIZENS, "direct", "mask", ("id_card_18",)), open_type="2")
    assert (finding.rule, finding.level, finding.count) == ("method_not_accepted", "error", 30)
    (finding,) = judged(specs, Column("身份证号", CITIZENS, hint=("id_card_18",)), open_type="2")
    assert (finding.rule, finding.level, finding.count) == ("mask_too_weak", "error", 30)
    assert finding.params["accepted"] == "至多前6位，或带密钥替代码"
    assert finding.examples == ("######********####",)


def test_a_mask_of_the_tier_passes(specs: Specs) -> None:
    masked = ["520303************", None, "520303************"]
    assert judged(specs, Column("身份证号", masked, "direct", "truncate", ("id_card_18",))) == []


def test_what_may_only_be_dropped_must_be_empty(specs: Specs) -> None:
    column = Column("手机号", ["138****8000", None], hint=("mobile",))
    assert rules(judged(specs, column, open_type="1")) == ["must_be_empty"]
    assert judged(specs, Column("手机号", [None, None], hint=("mobile",)), open_type="1") == []


def test_what_is_never_given_is_never_given(specs: Specs) -> None:
    hidden = Column("口令", ["******"], "sensitive", "mask", hint=("password",))
    assert judged(specs, hidden, open_type="2") == []
    column = Column("口令", ["x*****"], "sensitive", hint=("password",))
    assert "never_given" in rules(judged(specs, column, open_type="2"))


def test_a_column_without_a_telling_name_is_judged_by_the_shape_of_its_masks(specs: Specs) -> None:
    findings = judged(specs, Column("c7", ["138****8000", "汇川区", None]), open_type="1")
    assert [(f.rule, f.count, f.params["form"]) for f in findings] == [("must_be_empty", 1, "手机")]
    assert judged(specs, Column("c7", ["138****8000", "汇川区"]), open_type="3") == []


@pytest.mark.parametrize("beside", ["出生日期", "年龄", "性别"])
def test_a_long_tail_beside_birth_age_or_sex_rebuilds_the_number(specs: Specs, beside: str) -> None:
    columns = (Column("身份证号", CITIZENS, hint=("id_card_18",)), Column(beside, ["x"] * 30))
    (finding,) = judged(specs, *columns, open_type="3")
    assert (finding.rule, finding.params["tail"], finding.params["beside"]) == ("tail_beside", "4", beside)


def test_a_tail_is_fine_where_nothing_stands_beside_it(specs: Specs) -> None:
    citizens = Column("身份证号", CITIZENS, hint=("id_card_18",))
    for other in (Column("出生率", ["1"] * 30), Column("性别", [None] * 30), Column("区县", ["x"] * 30)):
        assert judged(specs, citizens, other, open_type="3") == []


def test_two_masks_in_one_column_are_an_error(specs: Specs) -> None:
    column = Column("身份证号", [*CITIZENS, "5***************14"], hint=("id_card_18",))
    (finding,) = judged(specs, column, open_type="3")
    assert (finding.rule, finding.count) == ("two_masks", 31)
    assert finding.params["masks"] == "身份证 1+2、身份证 6+4"


def test_cards_of_different_length_have_one_mask(specs: Specs) -> None:
    cards = ["6222 **** **** **** 009", "6222 **** **** 0009"]
    assert judged(specs, Column("银行卡号", cards, hint=("bank_card",)), open_type="3") == []


def test_an_earlier_release_with_another_mask_is_an_error(specs: Specs) -> None:
    column = Column("身份证号", CITIZENS, hint=("id_card_18",))
    assert judged(specs, column, open_type="3", earlier={"身份证号": ["id_card 6+4"]}) == []
    (finding,) = judged(specs, column, open_type="3", earlier={"身份证号": ["id_card 1+2"]})
    assert (finding.rule, finding.params["earlier"]) == ("masks_differ", "身份证 1+2")


HASHES = [hashlib.sha256(f"1380013{n:04d}".encode()).hexdigest() for n in range(20)]


@pytest.mark.parametrize(
    "column", [Column("手机号", HASHES, hint=("mobile",)), Column("联络", HASHES, "direct")]
)
def test_a_plain_hash_of_an_enumerable_identifier_hides_nothing(specs: Specs, column: Column) -> None:
    (finding,) = judged(specs, column, open_type="2")
    assert (finding.rule, finding.count, finding.params["what"]) == ("plain_hash", 20, "SHA-256 或 SM3")


def test_a_keyed_hash_passes_where_the_tier_takes_it(specs: Specs) -> None:
    column = Column("身份证号", HASHES, "direct", "keyed_hash", ("id_card_18",))
    assert judged(specs, column, open_type="2") == []
    assert judged(specs, column, open_type="3") == []
    assert rules(judged(specs, column, open_type="1")) == ["method_not_accepted"]


def test_hashes_of_something_unknown_are_asked_about_unless_declared(specs: Specs) -> None:
    assert rules(judged(specs, Column("标识", HASHES))) == ["hash_undeclared"]
    assert judged(specs, Column("标识", HASHES, "none")) == []


@pytest.mark.parametrize("method", ["hash", "encrypt"])
def test_a_method_that_can_be_undone_is_no_way_to_open_data(specs: Specs, method: str) -> None:
    column = Column("身份证号", ["c0ffee0123", "deadbeef45"], "direct", method, ("id_card_18",))
    (finding,) = judged(specs, column, open_type="2")
    assert (finding.rule, finding.count) == ("method_inadequate", 2)
    assert finding.params["why"]


@pytest.mark.parametrize("pii", ["direct", "sensitive"])
def test_a_declared_column_without_a_method_may_hold_nothing_plain(specs: Specs, pii: str) -> None:
    (finding,) = judged(specs, Column("编号", ["A1", "B2", None], pii), open_type="2")
    assert (finding.rule, finding.count) == ("no_method", 2)


@pytest.mark.parametrize(
    ("method", "rule"), [("mask", "mask_too_weak"), ("suppress", "must_be_empty"), ("keyed_hash", None)]
)
def test_what_is_declared_to_be_done_must_be_done(specs: Specs, method: str, rule: str | None) -> None:
    column = Column("编号", ["A1", "B2", "****"], "direct", method)
    assert [(f.rule, f.count) for f in judged(specs, column)] == ([(rule, 2)] if rule else [])


def test_a_flag_of_sensitivity_asks_for_a_method_where_data_are_opened(specs: Specs) -> None:
    column = Column("成交价", ["3.5"], "none", sensitive=True)
    assert rules(judged(specs, column, open_type="2")) == ["no_method"]
    assert judged(specs, column, open_type="3") == []


@pytest.mark.parametrize(
    ("open_type", "cell", "fine"),
    [
        ("2", "1990", True),
        ("2", "1990-01", False),
        ("1", "1990", False),
        ("1", "1990-1994", True),
        ("1", "30-39岁", True),
        ("3", "1990-01", True),
        ("3", "1990-01-02", False),
    ],
)
def test_birth_dates_are_as_coarse_as_the_tier_asks(
    specs: Specs, open_type: str, cell: str, fine: bool
) -> None:
    column = Column("出生日期", [cell], hint=("birth_date",))
    assert (judged(specs, column, open_type=open_type, people=True) == []) is fine


def test_births_are_free_where_rows_are_not_about_people(specs: Specs) -> None:
    column = Column("成立日期", ["1990-01-02"], hint=("birth_date",))
    assert judged(specs, column, open_type="1", people=False) == []


def test_free_text_is_held_against_residual_hits_only(specs: Specs) -> None:
    column = Column("备注", ["手机号 138****8000", "张某来访", "无"])
    assert judged(specs, column, open_type="2") == []


def test_a_sensitive_amount_must_be_banded(specs: Specs) -> None:
    plain = Column("月收入", ["3521.50"], "sensitive", "generalize")
    banded = Column("月收入", ["3000-5000"], "sensitive", "generalize")
    assert rules(judged(specs, plain, open_type="1")) == ["mask_too_weak"]
    assert judged(specs, banded, open_type="1") == []


def test_without_an_open_type_masks_are_only_noted(specs: Specs) -> None:
    columns = (Column("身份证号", CITIZENS, hint=("id_card_18",)), Column("性别", ["男"] * 30))
    (finding,) = judged(specs, *columns, open_type=None)
    assert (finding.rule, finding.level) == ("tail_beside", "note")


# ---- what the detectors found -----------------------------------------------------------------------------


def hit(detector: str, hits: int = 9, band: str = "", confidence: str = "H", pii: str = "direct") -> Found:
    return Found(detector, "某", pii, confidence, hits, 10, 10, band)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "told", "residual"),
    [
        (hit("id_card_18", band="identifier"), ["direct_hit"], 9),
        (hit("id_card_18", band="undecided", confidence="M"), ["undecided"], 9),
        (hit("id_card_18", band="look_alike", confidence="L"), ["look_alike"], 0),
        (hit("plate", pii="quasi"), ["quasi_hit"], 0),
        (hit("officer_card"), ["secrecy_review"], 9),
        (hit("password", pii="none"), ["forbidden"], 0),
        (hit("uscc", pii="none"), [], 0),
    ],
)
def test_what_is_found_is_told_by_its_kind(
    specs: Specs, found: Found, told: list[str], residual: int
) -> None:
    column = seen(specs, Column("c", ["x"] * 10, found=(found,)), None, None)
    hits = Hits(specs, None)
    assert (rules(list(hits.judge(column))), hits.residual(column)) == (told, residual)


def test_a_column_declared_harmless_is_told_on(specs: Specs) -> None:
    column = seen(specs, Column("c", ["x"] * 10, "none", found=(hit("mobile"),)), None, None)
    assert rules(list(Hits(specs, None).judge(column))) == ["direct_hit", "declared_none"]
    assert column.plan.pii == "direct"


def test_lost_numbers_are_told(specs: Specs) -> None:
    column = seen(specs, Column("c", ["x"] * 10, extra={"lost_numbers": 3}), None, None)
    (finding,) = Hits(specs, None).judge(column)
    assert (finding.rule, finding.count, finding.level) == ("lost_number", 3, "error")


def test_a_column_known_by_its_name_is_clear_of_what_is_masked_or_replaced(specs: Specs) -> None:
    found = (hit("medical_record", hits=2),)
    hits = Hits(specs, None)
    masked = seen(specs, Column("病历号", ["12**", "99**"], found=found), None, None)
    keyed = seen(specs, Column("病历号", ["a", "b"], "direct", "keyed_hash", found=found), None, None)
    plain = seen(specs, Column("病历号", ["a", "b"], found=found), None, None)
    assert [hits.residual(column) for column in (masked, keyed, plain)] == [0, 0, 2]
