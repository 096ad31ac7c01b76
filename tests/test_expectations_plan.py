"""What an entry's items expect of a table, before any tool: columns, types, lengths, lists, keys."""

from typing import Any

import pytest

from catalog_specs import Specs
from validators.expect_items import Column, Wanted, column_of_type, plan_of
from validators.expect_keys import KeyCounter
from validators.expect_values import Unread, ValueSet, values_of


def item(name: str, code: str, data_type: str = "C", **more: Any) -> dict[str, Any]:
    return {"item_name": name, "item_code": code, "data_type": data_type, "open_type": "1"} | more


def wanted(
    specs: Specs, *items: dict[str, Any], columns: tuple[Column, ...] | None = None, **more: Any
) -> tuple[Wanted, ...]:
    content = {"items": list(items), "open_type": "1"}
    return plan_of(content, specs, columns or tuple(Column(i["item_code"]) for i in items), **more).wanted


def params(rows: tuple[Wanted, ...], check: str) -> list[Any]:
    return [dict(row.params) for row in rows if row.check == check]


def test_a_column_may_be_called_by_its_items_name_or_by_its_code(specs: Specs) -> None:
    items = (item("姓名", "xm"), item("年龄", "nl"))
    rows = wanted(specs, *items, columns=(Column("姓名"), Column("NL")))
    assert rows[0] == Wanted("columns", ("姓名", "NL"))


def test_a_missing_column_is_named_as_the_others_are(specs: Specs) -> None:
    items = (item("姓名", "xm"), item("年龄", "nl"))
    assert wanted(specs, *items, columns=(Column("xm"),))[0].columns == ("xm", "nl")
    assert wanted(specs, *items, columns=(Column("姓名"),))[0].columns == ("姓名", "年龄")


def test_a_length_is_asked_of_texts_and_digits_of_numbers(specs: Specs) -> None:
    rows = wanted(
        specs, item("名", "a", data_length=5), item("额", "b", "N", data_length=16, data_precision=2)
    )
    assert params(rows, "length") == [{"length": 5}]
    assert [(p["whole"], p["fraction"]) for p in params(rows, "digits")] == [(14, 2)]


def test_in_a_database_the_type_of_the_column_is_asked(specs: Specs) -> None:
    rows = wanted(specs, item("额", "b", "N"), columns=(Column("b", "text", written=False),))
    assert params(rows, "column_type") == [{"type": "数值型", "kinds": ("integer", "exact", "floating")}]
    assert params(rows, "type") == []


@pytest.mark.parametrize(
    ("type_name", "kind"),
    [
        ("VARCHAR(20)", "text"),
        ("BIGINT", "integer"),
        ("DecimalType", "exact"),
        ("datetime64[ns]", "datetime"),
        ("str", "text"),
        ("BYTEA", ""),
    ],
)
def test_a_column_type_is_known_in_every_engines_words(specs: Specs, type_name: str, kind: str) -> None:
    assert column_of_type("a", type_name, specs, file_like=True).kind == kind


def test_several_key_items_are_one_key_and_none_of_them_may_be_empty(specs: Specs) -> None:
    rows = wanted(specs, item("区", "a", primary_flag=True), item("号", "b", primary_flag=True))
    assert [row.columns for row in rows if row.check == "filled"] == [("a",), ("b",)]
    assert [row.columns for row in rows if row.check == "unique"] == [("a", "b")]


def test_a_part_of_a_key_is_not_asked_to_be_unique(specs: Specs) -> None:
    items = (item("区", "a", primary_flag=True), item("号", "b", primary_flag=True))
    assert "unique" not in [row.check for row in wanted(specs, *items, columns=(Column("a"),))]


def test_desensitized_is_asked_of_what_may_be_opened_and_of_what_no_item_names(specs: Specs) -> None:
    items = (item("甲", "a"), item("乙", "b", open_type="3"))
    rows = wanted(specs, *items, columns=(Column("a"), Column("b"), Column("c")))
    assert [row.columns for row in rows if row.check == "desensitized"] == [("a",), ("c",)]
    everything = wanted(specs, *items, desensitized=True)
    assert [row.columns for row in everything if row.check == "desensitized"] == [("a",), ("b",)]


VALUES = [
    ("1-男、2-女", ("1", "男", "2", "女")),
    ("0：否；1：是", ("0", "否", "1", "是")),
    ("男、女", ("男", "女")),
]


@pytest.mark.parametrize(("text", "values"), VALUES)
def test_a_list_of_values_in_words_is_read(specs: Specs, text: str, values: tuple[str, ...]) -> None:
    assert values_of({"value_range": text}, specs, numeric=False) == ValueSet(values)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("0~100", 0, 100), ("[-1.5，2]", -1.5, 2), ("≥0", 0, None), ("不超过 9", None, 9), ("0－120", 0, 120)],
)
def test_bounds_of_a_number_are_read(specs: Specs, text: str, low: Any, high: Any) -> None:
    assert values_of({"value_range": text}, specs, numeric=True) == ValueSet(low=low, high=high)


def test_a_code_table_of_ours_gives_codes_and_names(specs: Specs) -> None:
    found = values_of({"code_table": "行政区划"}, specs, numeric=False)
    assert isinstance(found, ValueSet)
    assert {"520302", "红花岗区"} <= set(found.values)


@pytest.mark.parametrize("text", ["身份证号码", "男、女等", "参见附件", "01-99 的代码"])
def test_a_value_range_that_says_nothing_exact_is_told_and_not_guessed(specs: Specs, text: str) -> None:
    assert values_of({"value_range": text}, specs, numeric=False) == Unread("unread_values", text)


def test_an_unknown_code_table_is_told(specs: Specs) -> None:
    plan = plan_of({"items": [item("性别", "xb", code_table="GB/T 2261.1")]}, specs, (Column("xb"),))
    assert plan.unread == ("“性别”的码表“GB/T 2261.1”不在本系统的代码表中，没有检查",)


def test_keys_are_counted_over_parts_as_over_the_whole() -> None:
    counter = KeyCounter(limit=10)
    counter.feed([["a", "a", None], ["1", "2", None]])
    counter.feed([["a", "ab"], ["1", "c"]])
    assert (counter.unique, counter.repeated_rows, counter.rows) == (False, 2, 4)


def test_parts_of_a_key_are_kept_apart() -> None:
    counter = KeyCounter(limit=10)
    counter.feed([["ab", "a", "", None], ["c", "bc", "x", "x"]])
    assert counter.unique is True


def test_more_keys_than_memory_holds_are_undecided_and_a_repeat_is_still_a_repeat() -> None:
    counter = KeyCounter(limit=2)
    counter.feed([["a", "b", "c"]])
    assert counter.unique is None
    counter.feed([["a"]])
    assert counter.unique is False
