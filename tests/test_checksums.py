"""Check digits: over one value and over thousands the same answer, and that of a plain reference."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_specs import load
from tests.judging import PROPERTY
from tests.test_law_files import CHECKS as REFERENCES
from validators import checksums
from validators.checksums import Bytes, Mask, checks_of, date_mask

SPECS = load("zunyi_2020")
FOUND = checks_of(SPECS)
DIGITS = "0123456789"
BASE_36 = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
VIN = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
ALPHABETS = {
    "mod11_2": st.tuples(st.text(DIGITS, min_size=17, max_size=17), st.sampled_from(DIGITS + "X")),
    "luhn": st.tuples(st.text(DIGITS, min_size=1, max_size=1), st.text(DIGITS, min_size=18, max_size=18)),
    "vin": st.tuples(st.text(VIN, min_size=17, max_size=17), st.just("")),
    "uscc": st.tuples(st.text(SPECS.credit_code.alphabet, min_size=18, max_size=18), st.just("")),
    "org": st.tuples(st.text(BASE_36, min_size=8, max_size=8), st.sampled_from(DIGITS + "X")),
    "hkid": st.tuples(
        st.text(BASE_36[10:], min_size=1, max_size=1),
        st.tuples(st.text(DIGITS, min_size=6, max_size=6), st.sampled_from(DIGITS + "A")).map("".join),
    ),
}


def columns(values: list[str]) -> Bytes:
    """Values of one length as a matrix of shape (characters, values)."""
    rows = np.frombuffer("".join(values).encode("latin-1"), np.uint8).reshape(len(values), -1)
    return np.ascontiguousarray(rows.T)


def masked(check: Callable[[Bytes], Mask], *values: str) -> list[bool]:
    return check(columns(list(values))).tolist()


@pytest.mark.parametrize("name", ALPHABETS)
@PROPERTY
@given(data=st.data())
def test_many_values_are_judged_as_one_is_and_as_the_reference_says(name: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(ALPHABETS[name].map("".join), min_size=1, max_size=30))
    one_by_one = [FOUND.scalar[name](value) for value in values]
    assert masked(FOUND.matrix[name], *values) == one_by_one
    assert one_by_one == [REFERENCES[name](value) for value in values]


@pytest.mark.parametrize("name", ALPHABETS)
@PROPERTY
@given(data=st.data())
def test_of_all_check_characters_one_passes_at_most(name: str, data: st.DataObject) -> None:
    value = data.draw(ALPHABETS[name].map("".join))
    alphabet = DIGITS if name in ("luhn", "hkid") else BASE_36
    place = 8 if name == "vin" else len(value) - 1
    passing = [c for c in alphabet if FOUND.scalar[name](value[:place] + c + value[place + 1 :])]
    assert len(passing) <= 1


@pytest.mark.parametrize("name", ALPHABETS)
@PROPERTY
@given(junk=st.text(st.characters(max_codepoint=255, exclude_characters="()- "), min_size=18, max_size=18))
def test_bytes_that_a_check_does_not_know_are_judged_alike(name: str, junk: str) -> None:
    value = junk[: {"org": 9, "hkid": 8, "vin": 17}.get(name, 18)]
    assert masked(FOUND.matrix[name], value) == [FOUND.scalar[name](value) and value.isascii()]


@PROPERTY
@given(st.lists(st.from_regex(r"\A[0-9]{8}\Z"), min_size=1, max_size=30))
def test_days_of_the_calendar_are_known_as_the_library_knows_them(values: list[str]) -> None:
    assert masked(date_mask, *values) == [checksums.date_ok(value) for value in values]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("19900102", True),
        ("1990-1-2", True),
        ("1990年1月2日", True),
        ("20000229", True),
        ("19000229", False),
        ("1990-13-02", False),
        ("1990101", True),
        ("199001", False),
        ("1990-00-10", False),
    ],
)
def test_a_date_is_a_day_that_exists(text: str, day: bool) -> None:
    assert checksums.date_ok(text) is day


def test_small_letters_pass_as_capital_ones_do() -> None:
    assert masked(FOUND.matrix["mod11_2"], "11010519491231002x") == [True]
    assert masked(FOUND.matrix["uscc"], "91350100m000100y43") == [True]
    assert FOUND.scalar["uscc"]("91350100m000100y43")
    assert FOUND.scalar["org"]("m000100y-4")


def test_a_name_begins_with_a_surname_or_holds_a_middle_dot() -> None:
    names = ["张三", "欧阳修", "阿依古丽·买买提", "受理", "材料齐全"]
    assert [FOUND.scalar["surname"](name) for name in names] == [True, True, True, False, False]


def test_a_range_holds_its_ends_and_no_text() -> None:
    values = ["-180", "180.0", "180.0001", "东经"]
    assert [checksums.range_ok(value, -180, 180) for value in values] == [True, True, False, False]
