"""Check characters and code shapes: what is right passes, and no single slip of the pen gets by."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from catalog_specs import Specs, load
from catalog_specs.coding import CreditCode, ResourceCode
from tests.judging import PROPERTY
from validators.codes import (
    credit_check_character,
    credit_code_fault,
    division_listed,
    format_sequence,
    identity_number_ok,
    luhn_ok,
    organisation_check_character,
    organisation_code_ok,
    region_of,
    split_resource_code,
)

CREDIT: CreditCode = load("zunyi_2020").credit_code
RESOURCE: ResourceCode = load("zunyi_2020").resource_code
DIGITS = "0123456789"
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def texts(alphabet: str, length: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=length)


def changed(code: str, place: int, char: str) -> str:
    assume(code[place] != char)
    return code[:place] + char + code[place + 1 :]


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    head = draw(texts(CREDIT.alphabet, 2)) + draw(texts(DIGITS, 6))
    body = draw(texts(CREDIT.alphabet, 8))
    whole = head + body + organisation_check_character(body, CREDIT)
    return whole + credit_check_character(whole, CREDIT)


@st.composite
def identity_numbers(draw: st.DrawFn) -> str:
    body = draw(texts(DIGITS, 17))
    total = sum(int(c) * w for c, w in zip(body, ID_WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    body = draw(st.text(DIGITS, min_size=11, max_size=18))
    doubled = (int(c) * (2 if n % 2 == 0 else 1) for n, c in enumerate(reversed(body)))
    return body + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


# ---- GB 32100, GB 11714 ----


@pytest.mark.parametrize(
    "code",
    [
        "91350100M000100Y43",
        "91110000802100433B",
        "914403001922038216",
        "115203000094210200",
        "11520300MB1A00052M",
    ],
)
def test_it_takes_true_credit_codes(code: str) -> None:
    assert credit_code_fault(code, CREDIT) == ""


@PROPERTY
@given(credit_codes())
def test_it_takes_every_code_with_its_check_characters(code: str) -> None:
    assert credit_code_fault(code, CREDIT) == ""
    assert region_of(code) == code[2:8]


@PROPERTY
@given(credit_codes(), st.integers(0, 17), st.sampled_from(CREDIT.alphabet))
def test_one_wrong_character_spoils_a_credit_code(code: str, place: int, char: str) -> None:
    assert credit_code_fault(changed(code, place, char), CREDIT) != ""


@PROPERTY
@given(st.text(max_size=20))
def test_any_text_has_an_answer(text: str) -> None:
    faults = {"length", "alphabet", "region", "organisation", "check", ""}
    assert credit_code_fault(text, CREDIT) in faults
    assert organisation_code_ok(text, CREDIT) in (True, False)
    assert region_of(text) == "" or region_of(text).isdigit()


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("", "length"),
        ("115203000094210200 ", "length"),
        ("11520300009421020O", "alphabet"),
        ("１15203000094210200", "alphabet"),
        ("11520300mb1a00052m", "alphabet"),
        ("115203A00094210200", "region"),
    ],
)
def test_it_names_the_first_fault(code: str, fault: str) -> None:
    assert credit_code_fault(code, CREDIT) == fault


@PROPERTY
@given(texts(CREDIT.organisation_alphabet, 8))
def test_it_takes_every_organisation_code_with_its_check_character(body: str) -> None:
    assert organisation_code_ok(body + organisation_check_character(body, CREDIT), CREDIT)


@PROPERTY
@given(texts(DIGITS, 8), st.integers(0, 7), st.sampled_from(DIGITS))
def test_one_wrong_digit_spoils_an_organisation_code(body: str, place: int, char: str) -> None:
    check = organisation_check_character(body, CREDIT)
    assert not organisation_code_ok(changed(body, place, char) + check, CREDIT)


@PROPERTY
@given(texts(CREDIT.organisation_alphabet, 8), st.sampled_from(DIGITS + "X"))
def test_one_wrong_check_character_spoils_an_organisation_code(body: str, char: str) -> None:
    assert organisation_code_ok(body + char, CREDIT) == (char == organisation_check_character(body, CREDIT))


def test_the_organisation_codes_own_check_cannot_tell_letters_eleven_apart() -> None:
    # GB 11714 takes the sum mod 11: 0 and B weigh the same; the 18th character of the credit code tells them
    assert organisation_check_character("00000000", CREDIT) == organisation_check_character(
        "B0000000", CREDIT
    )


@pytest.mark.parametrize("code", ["m000100Y4", "M000100y4", "M00010Ｙ4", "M000100Y", "M000100Y44"])
def test_it_refuses_an_organisation_code_of_another_shape(code: str) -> None:
    assert not organisation_code_ok(code, CREDIT)


# ---- GB 11643, Luhn ----


@pytest.mark.parametrize("number", ["11010519491231002X", "11010519491231002x", "440524188001010014"])
def test_it_takes_true_identity_numbers(number: str) -> None:
    assert identity_number_ok(number)


@PROPERTY
@given(identity_numbers())
def test_it_takes_every_number_with_its_check_character(number: str) -> None:
    assert identity_number_ok(number)


@PROPERTY
@given(identity_numbers(), st.integers(0, 16), st.sampled_from(DIGITS))
def test_one_wrong_digit_spoils_an_identity_number(number: str, place: int, char: str) -> None:
    assert not identity_number_ok(changed(number, place, char))


@PROPERTY
@given(identity_numbers(), st.sampled_from(DIGITS + "X"))
def test_one_wrong_check_character_spoils_an_identity_number(number: str, char: str) -> None:
    assert not identity_number_ok(changed(number, 17, char))


@PROPERTY
@given(st.text(max_size=19))
def test_any_text_is_a_number_or_not(text: str) -> None:
    assert identity_number_ok(text) in (True, False)
    assert luhn_ok(text) in (True, False)


def test_digits_of_other_scripts_are_no_digits() -> None:
    assert not identity_number_ok("１" * 17 + "X")
    assert not luhn_ok("٤١١١١١١١١١١١١١١١")
    assert not luhn_ok("")


@PROPERTY
@given(card_numbers())
def test_it_takes_every_card_with_its_check_digit(number: str) -> None:
    assert luhn_ok(number)


@PROPERTY
@given(card_numbers(), st.integers(0, 18), st.sampled_from(DIGITS))
def test_one_wrong_digit_spoils_a_card(number: str, place: int, char: str) -> None:
    assert not luhn_ok(changed(number, place % len(number), char))


# ---- resource codes (S2) ----


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("307024030102/000001", ("3", "07", "024030102", "000001")),
        ("303084122704/000001", ("3", "03", "084122704", "000001")),
        ("3070010370/000066", ("3", "07", "0010370", "000066")),
    ],
)
def test_it_takes_real_codes_apart(code: str, parts: tuple[str, ...]) -> None:
    found = split_resource_code(code, RESOURCE)
    assert found is not None
    assert (found.class_digit, found.division, found.group, found.sequence) == parts
    assert division_listed(found, RESOURCE)


@pytest.mark.parametrize("code", ["BA6006/000218", "00247017X/000709"])
def test_it_tolerates_local_codes_as_imports_only(code: str) -> None:
    assert RESOURCE.imported.fullmatch(code)
    assert split_resource_code(code, RESOURCE) is None


@pytest.mark.parametrize(
    "code",
    ["", "307024030102", "307024030102-000001", "307024030102／000001", "307/1/2", "307024030102/", "a/1"],
)
def test_it_refuses_other_shapes(code: str) -> None:
    assert RESOURCE.imported.fullmatch(code) is None


@PROPERTY
@given(st.sampled_from("123"), st.sampled_from(["01", "03", "05"]), texts(DIGITS, 3), st.integers(1, 999_999))
def test_a_code_of_ours_is_national_and_strict(digit: str, division: str, group: str, number: int) -> None:
    code = format_sequence(digit + division + group, number, RESOURCE)
    assert RESOURCE.strict.fullmatch(code) and RESOURCE.national.fullmatch(code)
    assert RESOURCE.imported.fullmatch(code)
    parts = split_resource_code(code, RESOURCE)
    assert parts is not None and int(parts.sequence) == number


@PROPERTY
@given(st.text(max_size=60))
def test_a_strict_code_is_always_a_national_one(text: str) -> None:
    if RESOURCE.strict.fullmatch(text):
        assert RESOURCE.national.fullmatch(text)
    if split_resource_code(text, RESOURCE):
        assert text.isascii() and text.count("/") == 1


def test_the_known_divisions_are_those_of_the_guide(specs: Specs) -> None:
    listed = {row.code: len(row.items) for row in specs.resource_code.class_rows}
    assert listed == {"1": 5, "2": 12, "3": 8}
