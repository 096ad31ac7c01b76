"""Cells and JSON values are read without a crash, and what is written is read back as it was."""

import math
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_specs import Specs, load
from catalog_specs.model import FieldSpec, FieldType
from tests.judging import PROPERTY
from validators.folding import fold, is_year, narrow, without_number
from validators.reading import Cell, Issue, Reader, clean_text, lookup, read_date
from validators.rendering import guard_formula, renderer, unguard_formula

SPECS: Specs = load("zunyi_2020")
FIELDS: dict[str, FieldSpec] = {
    **SPECS.fields,
    **{f"items.{key}": spec for key, spec in SPECS.items.items()},
}
READERS = {key: Reader(spec, SPECS) for key, spec in FIELDS.items()}
WRITERS = {key: renderer(spec, SPECS) for key, spec in FIELDS.items()}
BY_TYPE = {kind: next(k for k, s in FIELDS.items() if s.type is kind) for kind in FieldType}

# letters that mean something to one field or another
TELLING = (
    "、，,；;：:｜|\\/《》〈〉（）()第条款项一二十 \t\r\n\u3000\u200b０９Ａ'\"=+-@"
    "#N无空—是否1290.年月日法律xé★\x00\x85\ud800"
)
raw_texts = st.one_of(
    st.text(st.sampled_from(TELLING), max_size=24),
    st.text(max_size=24),
    st.sampled_from(
        ["#N/A", "无", "N/A", "、无", "、#N/A", "；#REF!｜", "16,2", "（16，2）", "2026年1月3日", "20260103"]
    ),
    st.sampled_from([v.zh for listed in SPECS.codes.values() for v in listed.values]),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), raw_texts, st.just(10**400), st.just(10**15)
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(raw_texts, inner, max_size=3),
    max_leaves=6,
)


def records(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Objects of a field's own parts, filled with anything."""
    keys = st.sampled_from([part.key for part in spec.parts] or ["text"])
    return st.dictionaries(keys, scalars | st.lists(raw_texts, max_size=3), max_size=5)


def values(key: str) -> st.SearchStrategy[Any]:
    rows = records(FIELDS[key])
    return st.one_of(
        json_values, raw_texts, rows, st.lists(rows, max_size=3), st.lists(raw_texts, max_size=4)
    )


# ---- there and back ----


@pytest.mark.parametrize("key", FIELDS)
@settings(PROPERTY, max_examples=8)
@given(data=st.data())
def test_what_is_written_is_read_back(key: str, data: st.DataObject) -> None:
    stored = READERS[key].read(data.draw(values(key))).value
    assert READERS[key].read(WRITERS[key](stored)).value == stored


@pytest.mark.parametrize("kind", FieldType)
@settings(PROPERTY, max_examples=70)
@given(data=st.data())
def test_every_kind_of_field_is_read_back_after_hard_writing(kind: FieldType, data: st.DataObject) -> None:
    key = BY_TYPE[kind]
    raw = data.draw(values(key))
    stored = READERS[key].read(raw).value
    written = WRITERS[key](stored)
    again = READERS[key].read(written)
    assert again.value == stored, (raw, stored, written)
    assert WRITERS[key](again.value) == written


@pytest.mark.parametrize("key", [k for k, s in FIELDS.items() if s.codes])
def test_every_name_of_a_code_is_read_back(key: str) -> None:
    many = FIELDS[key].type is FieldType.ENUM_LIST
    for value in SPECS.codes[FIELDS[key].codes].values:
        want: Any = [value.code] if many else value.code
        for spelling in (value.code, value.zh, *value.aliases, f" {value.zh}　"):
            assert READERS[key].read(spelling).value == want, spelling
        assert READERS[key].read(WRITERS[key](want)).value == want


@pytest.mark.parametrize("key", [k for k, s in FIELDS.items() if s.type is FieldType.ENUM_LIST])
def test_all_codes_of_a_list_stand_together(key: str) -> None:
    every = [value.code for value in SPECS.codes[FIELDS[key].codes].values]
    assert READERS[key].read(WRITERS[key](every)).value == every


@PROPERTY
@given(raw=json_values, kind=st.sampled_from(FieldType))
def test_no_value_breaks_a_reader(raw: Any, kind: FieldType) -> None:
    cell = READERS[BY_TYPE[kind]].read(raw)
    assert isinstance(cell, Cell)
    assert all(issue.rule in SPECS.rules for issue in cell.issues)
    assert all(not i.reason or i.reason in SPECS.rules[i.rule].reasons for i in cell.issues)


@pytest.mark.parametrize("kind", FieldType)
@pytest.mark.parametrize(
    "raw",
    [
        math.nan,
        math.inf,
        -math.inf,
        10**5000,
        time(8),
        timedelta(1),
        datetime(2026, 1, 3, 8, tzinfo=UTC),
        date(999, 1, 3),
    ],
    ids=lambda raw: type(raw).__name__,
)
def test_no_odd_cell_breaks_a_reader(kind: FieldType, raw: object) -> None:
    stored = READERS[BY_TYPE[kind]].read(raw).value
    assert READERS[BY_TYPE[kind]].read(WRITERS[BY_TYPE[kind]](stored)).value == stored


def test_a_list_nested_without_end_breaks_nothing() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    for reader in READERS.values():
        assert isinstance(reader.read(deep), Cell)


# ---- one by one ----


def read(key: str, raw: object) -> Cell:
    return READERS[key].read(raw)


def rules(key: str, raw: object) -> list[tuple[str, str]]:
    return [(issue.rule, issue.reason) for issue in read(key, raw).issues]


@pytest.mark.parametrize("raw", [None, "", "  ", "/", "无", "—", "N/A", "　", [], {}])
def test_a_blank_is_nothing(raw: object) -> None:
    assert read("resource_name", raw) == Cell(None)


def test_stray_blanks_and_wide_digits_are_told_and_mended() -> None:
    assert read("resource_name", " 低保１号 ") == Cell(
        "低保1号", (Issue("W231", "低保１号"), Issue("W232", "低保1号"))
    )


def test_a_code_loses_the_blanks_inside() -> None:
    assert read("provider_code", "11520300 0094210200").value == "115203000094210200"
    assert read("resource_name", "企业 登记").value == "企业 登记"


@pytest.mark.parametrize("mark", ["\x00", "\x0b", "\x85", "\u202e", "\ud800", "\uffff"])
def test_an_invisible_character_is_told_and_dropped(mark: str) -> None:
    assert read("resource_name", f"低保{mark}名单") == Cell("低保名单", (Issue("E173"),))


@pytest.mark.parametrize("raw", ["#N/A", "#REF!", "#DIV/0!"])
def test_an_error_value_is_no_text(raw: str) -> None:
    assert read("resource_name", raw) == Cell(None, (Issue("E164", raw),))


def test_a_long_number_has_lost_its_tail() -> None:
    assert read("provider_code", 1.152030000942102e17) == Cell(None, (Issue("E165", "115203000094210208"),))
    assert rules("resource_name", 10**15) == [("E165", "")]
    assert rules("resource_name", math.nan) == [("E165", "")]


def test_a_code_typed_as_a_number_may_have_lost_its_zeros() -> None:
    assert read("provider_code", 7024030102) == Cell(None, (Issue("E166", "7024030102"),))
    assert read("contact_phone", 13800138000.0) == Cell("13800138000")


def test_a_decimal_where_text_belongs_is_told() -> None:
    assert read("items.value_range", 1.5) == Cell("1.5", (Issue("E174", "1.5", "number"),))


def test_a_date_cell_is_a_date_only_where_one_belongs() -> None:
    assert read("promised_on", datetime(2026, 1, 3, tzinfo=UTC)) == Cell("2026-01-03")
    assert read("time_range", date(2026, 1, 3)) == Cell("2026/01/03")
    assert rules("resource_name", date(2026, 1, 3)) == [("E174", "date")]
    assert rules("contact_phone", date(2026, 1, 3)) == [("E174", "date")]


@pytest.mark.parametrize(
    "text", ["2026-01-03", "2026/1/3", "2026.1.3", "2026年1月3日", "20260103", "2026-01-03 00:00:00"]
)
def test_it_reads_the_usual_dates(text: str) -> None:
    assert read_date(text) == "2026-01-03"


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13-01", "26-1-3", "2026年", "0000-01-01"])
def test_what_is_no_date_stays_as_it_is(text: str) -> None:
    assert read("promised_on", text).value == text


def test_a_length_may_carry_its_precision() -> None:
    assert read("items.data_length", "16,2") == Cell(16, (), {"data_precision": 2})
    assert read("items.data_length", "（16，2）").beside == {"data_precision": 2}
    assert read("items.data_length", "很长").value == "很长"


@pytest.mark.parametrize(
    ("text", "value"), [("是", True), ("√", True), ("否", False), ("×", False), ("也许", "也许")]
)
def test_it_reads_yes_and_no(text: str, value: object) -> None:
    assert read("physical_deletion", text).value == value


@pytest.mark.parametrize(
    "text",
    [
        "部门类/省及其下/贵州省/遵义市民政局",
        "部门信息资源类\\省及其下>贵州省 / 遵义市民政局",
        "3/省及其下/贵州省/遵义市民政局",
    ],
)
def test_the_class_has_many_names(text: str) -> None:
    assert read("resource_category", text).value == ["部门信息资源类/省及其下/贵州省/遵义市民政局"]


def test_lists_are_split_and_told_once() -> None:
    assert read("keywords", "低保、救助,低保；无").value == ["低保", "救助"]
    assert read("share_pattern", "核验，查询").value == ["核验", "查询"]
    assert read("share_mode_type", ["3", "库表"]).value == ["3", "1"]


def test_an_unknown_code_is_kept_for_the_rules() -> None:
    assert read("share_type", "部分共享").value == "部分共享"


def test_a_yes_or_no_cell_may_stand_for_a_code() -> None:
    assert read("items.sensitive_flag", True) == Cell("1")
    assert rules("share_type", True) == [("E174", "boolean")]


def test_a_basis_is_taken_apart() -> None:
    text = "法律《中华人民共和国刑事诉讼法》第二百八十六条：不得提供；行政法规《某条例》第3条"
    assert read("non_share_basis", text).value == [
        {
            "level": "法律",
            "title": "中华人民共和国刑事诉讼法",
            "article": "第二百八十六条",
            "text": "不得提供",
        },
        {"level": "行政法规", "title": "某条例", "article": "第3条"},
    ]


def test_records_take_their_separators_with_them() -> None:
    row = {"code": "BA6006/000218", "method": "按县｜汇总；去重\\合并"}
    assert read("derived_from", row).value == row
    assert WRITERS["derived_from"](row) == "BA6006/000218｜｜按县\\｜汇总\\；去重\\\\合并"
    assert read("impact", "个人权益｜严重危害；公共利益｜无危害").value == [
        {"object": "个人权益", "degree": "严重危害"},
        {"object": "公共利益", "degree": "无危害"},
    ]


def test_an_unknown_part_of_an_object_is_told() -> None:
    assert read("operate_type", {"kind": "不纳入", "who": "x"}) == Cell(
        {"kind": "不纳入"}, (Issue("E150", "who"),)
    )


def test_a_misshapen_value_is_told_and_never_dropped_in_silence() -> None:
    assert read("resource_name", ["甲", "乙"]) == Cell(
        '["甲", "乙"]', (Issue("E140", '["甲", "乙"]', "text"),)
    )
    assert read("share_type", {"type": "1"}).issues == (Issue("E140", '{"type": "1"}', "text"),)
    assert read("share_pattern", ["核验", ["查询"]]) == Cell(["核验"], (Issue("E140", '["查询"]', "list"),))
    assert read("derived_from", [{"code": "1"}, {"code": "2"}]).issues[0].reason == "record"


def test_a_list_of_one_is_that_one() -> None:
    assert read("resource_name", ["企业登记"]) == Cell("企业登记")


# ---- folding, guarding ----


@PROPERTY
@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert narrow(narrow(text)) == narrow(text)
    assert len(narrow(text)) == len(text)


@pytest.mark.parametrize("text", ["İstanbul", "ﬀ 1", "ᄀ ᅡ", "①②", "Ａ-b_c（d）", "ǰ x"])
def test_folding_odd_letters_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_folding_makes_one_name_of_one_name() -> None:
    assert fold("企业 登记（ＡＢ）-1") == fold("企业登记ab1") == "企业登记ab1"


@PROPERTY
@given(st.text())
def test_clean_text_is_clean(text: str) -> None:
    clean, _ = clean_text(text)
    again, issues = clean_text(clean)
    assert again == clean
    assert {issue.rule for issue in issues} == set()


@PROPERTY
@given(st.text())
def test_the_guard_of_formulas_comes_off_again(text: str) -> None:
    assert unguard_formula(guard_formula(text)) == text


@PROPERTY
@given(st.sampled_from("=+-@\t\r"), st.text())
def test_no_guarded_text_is_a_formula(mark: str, text: str) -> None:
    assert guard_formula(mark + text).startswith("'")
    assert guard_formula(f"'{mark}{text}").startswith("''")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("名称12", ("名称", 12)),
        ("名称", ("名称", None)),
        ("12", ("12", None)),
        ("名1234567", ("名1234567", None)),
    ],
)
def test_a_running_number_is_told_from_the_name(name: str, found: tuple[str, int | None]) -> None:
    assert without_number(name) == found


def test_a_year_is_no_running_number() -> None:
    assert [is_year(number) for number in (1, 1948, 1949, 2026, 2101)] == [False, False, True, True, False]


def test_no_spelling_stands_for_two_codes() -> None:
    for listed in SPECS.codes.values():
        table = lookup(listed)
        for value in listed.values:
            for spelling in (value.code, value.zh, *value.aliases):
                assert table[spelling] == value.code, (listed.key, spelling)
