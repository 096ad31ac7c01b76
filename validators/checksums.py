"""Check digits and what else decides about a candidate: one value as a text, or thousands as a byte matrix.

A matrix is ``uint8`` of shape (characters, values), ASCII: one place of all values lies together. A mask is one
``bool`` a value. A value that holds a byte which its check does not know never passes. The credit code's
alphabets and weights come from the specs; the other algorithms are those of their standards, nothing a city
may change.
"""

import calendar
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from catalog_specs import Specs
from catalog_specs.coding import CreditCode
from validators.codes import (
    credit_check_character,
    identity_number_ok,
    luhn_ok,
    organisation_code_ok,
)

Bytes = npt.NDArray[np.uint8]
Sums = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]
Scalar = Callable[[str], bool]
Matrix = Callable[[Bytes], Mask]

_DIGITS = "0123456789"
_BASE_36 = _DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UNKNOWN = 255
# GB 11643-1999, MOD 11-2
_ID_WEIGHTS = tuple(pow(2, 17 - i, 11) for i in range(17))
_ID_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
# GB 16735 (ISO 3779): letters count as digits, I, O and Q are not used, the ninth character checks
_VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_VIN_VALUES = dict(
    zip(_VIN_LETTERS, (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_VALUES |= {c: int(c) for c in _DIGITS}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_CHECKS = np.frombuffer(b"0123456789X", np.uint8)
# GB 11714: 11 minus the remainder; 10 is X and 11 is 0
_ORG_CHECKS = np.frombuffer(b"0X987654321", np.uint8)
# a Hong Kong number with one letter counts as if a blank stood before it
_HK_BLANK = 36
_HK_WEIGHTS = tuple(range(9, 0, -1))
# Luhn: a doubled digit, its two digits added; what is no digit stands for nothing
_DOUBLED = np.array([0, 2, 4, 6, 8, 1, 3, 5, 7, 9, *[0] * 246], np.uint8)
_NO_BRACKETS = str.maketrans("", "", "() ")
_NUMBERS = re.compile("[0-9]+")
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, *[0] * 87], np.int16)


def _table(values: dict[str, int]) -> Bytes:
    """Byte to value; letters of both cases, everything else unknown."""
    table = np.full(256, _UNKNOWN, np.uint8)
    for char, value in values.items():
        table[[ord(char), ord(char.lower())]] = value
    return table


_BASE_36_TABLE = _table({c: i for i, c in enumerate(_BASE_36)})
_VIN_TABLE = _table(_VIN_VALUES)


def _upper(column: Bytes) -> Bytes:
    return np.where(column >= 97, column - np.uint8(32), column)


def digits_of(columns: Bytes) -> Bytes:
    """The digits' values; what is no digit becomes 10 or more."""
    return columns - np.uint8(48)


def _sum(values: Bytes, weights: Sequence[int]) -> Sums:
    total = np.zeros(values.shape[1], np.int16)
    for row, weight in zip(values, weights, strict=True):
        total += row * np.int16(weight)
    return total


def mod11_2_mask(columns: Bytes) -> Mask:
    """Whether each identity number of 18 characters carries its check character. Source: GB 11643-1999."""
    digits = digits_of(columns[:17])
    checks = _ID_CHECKS[_sum(digits, _ID_WEIGHTS) % 11]
    passes: Mask = (digits.max(axis=0) < 10) & (checks == _upper(columns[17]))
    return passes


def luhn_mask(columns: Bytes) -> Mask:
    """Whether each run of digits passes the Luhn check. Source: ISO/IEC 7812."""
    digits = digits_of(columns)
    total = np.zeros(columns.shape[1], np.uint8)
    for place, row in enumerate(digits[::-1]):
        # 64 digits of 9 at most would overflow a byte: taken modulo 10 as they are summed
        total = (total + (row if place % 2 == 0 else _DOUBLED[row])) % np.uint8(10)
    passes: Mask = (digits.max(axis=0) < 10) & (total == 0)
    return passes


def vin_mask(columns: Bytes) -> Mask:
    """Whether each vehicle number of 17 characters carries its ninth. Source: GB 16735."""
    values = _VIN_TABLE[columns]
    checks = _VIN_CHECKS[_sum(values, _VIN_WEIGHTS) % 11]
    passes: Mask = (values.max(axis=0) < _UNKNOWN) & (checks == _upper(columns[8]))
    return passes


def hkid_mask(columns: Bytes) -> Mask:
    """Whether each Hong Kong number (8 or 9 characters without its brackets) carries its check character."""
    values = _BASE_36_TABLE[columns]
    known = values.max(axis=0) < _UNKNOWN
    total = _sum(values, _HK_WEIGHTS[-len(values) :])
    passes: Mask = known & ((total + (_HK_BLANK * _HK_WEIGHTS[0] if len(values) == 8 else 0)) % 11 == 0)
    return passes


def date_mask(columns: Bytes) -> Mask:
    """Whether each eight digits (year, month, day) are a day of the calendar."""
    digits = digits_of(columns)
    known = digits.max(axis=0) < 10
    digits = np.minimum(digits, np.uint8(9))
    year = _sum(digits[:4], (1000, 100, 10, 1))
    month, day = digits[4] * np.uint8(10) + digits[5], digits[6] * np.uint8(10) + digits[7]
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    last = _MONTH_DAYS[month] + (leap & (month == 2))
    passes: Mask = known & (year > 0) & (day > 0) & (day <= last)
    return passes


def organisation_mask(columns: Bytes, spec: CreditCode) -> Mask:
    """Whether each organisation code of nine characters carries its check character. Source: GB 11714."""
    values = _alphabet(spec.organisation_alphabet)[columns[:8]]
    checks = _ORG_CHECKS[_sum(values, spec.organisation_weights) % 11]
    passes: Mask = (values.max(axis=0) < _UNKNOWN) & (checks == _upper(columns[8]))
    return passes


def credit_mask(columns: Bytes, spec: CreditCode) -> Mask:
    """Whether each credit code of 18 characters carries its check character. Source: GB 32100-2015."""
    values, size = _alphabet(spec.alphabet)[columns], len(spec.alphabet)
    total = _sum(values[:17], spec.weights)
    passes: Mask = (values.max(axis=0) < _UNKNOWN) & (-total % size == values[17])
    return passes


@lru_cache(maxsize=8)
def _alphabet(alphabet: str) -> Bytes:
    return _table({c: i for i, c in enumerate(alphabet)})


# ---- one value -------------------------------------------------------------------------------------------


def vin_ok(text: str) -> bool:
    """Whether a vehicle number of 17 characters carries its check character. Source: GB 16735."""
    upper = text.upper()
    if len(text) != 17 or not (text.isascii() and set(upper) <= _VIN_VALUES.keys()):
        return False
    total = sum(_VIN_VALUES[c] * w for c, w in zip(upper, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == upper[8]


def hkid_ok(text: str) -> bool:
    """Whether a Hong Kong number carries its check character; brackets and blanks are left out."""
    upper = text.upper().translate(_NO_BRACKETS)
    if len(upper) not in (8, 9) or not set(upper) <= set(_BASE_36):
        return False
    values = [_HK_BLANK] * (9 - len(upper)) + [int(c, 36) for c in upper]
    return sum(v * (9 - i) for i, v in enumerate(values)) % 11 == 0


def credit_ok(text: str, spec: CreditCode) -> bool:
    """Whether a credit code carries its 18th character; its organisation code is not looked into."""
    upper = text.upper()
    if len(text) != spec.length or not set(upper) <= set(spec.alphabet):
        return False
    return credit_check_character(upper[:17], spec) == upper[17]


def organisation_ok(text: str, spec: CreditCode) -> bool:
    """Whether an organisation code, with or without its hyphen, carries its check character."""
    return organisation_code_ok(text.replace("-", "").upper(), spec)


def ipv6_ok(text: str) -> bool:
    """Whether a text is an IPv6 address."""
    try:
        return bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def date_ok(text: str) -> bool:
    """Whether a text's digits are a day of the calendar: 19900102, 1990-1-2, 1990年1月2日."""
    numbers = _NUMBERS.findall(text)
    if len(numbers) == 3:
        return _is_day(*map(int, numbers))
    joined = "".join(numbers)
    if not 6 <= len(joined) <= 8:
        return False
    # 1990101 may be read in two ways: one day that exists is enough
    tail = joined[4:]
    return any(
        _is_day(int(joined[:4]), int(tail[:cut]), int(tail[cut:]))
        for cut in (1, 2)
        if 0 < len(tail[cut:]) <= 2
    )


def _is_day(year: int, month: int, day: int) -> bool:
    return 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def range_ok(text: str, least: float, most: float) -> bool:
    """Whether a text is a number from ``least`` to ``most``."""
    try:
        return least <= float(text) <= most
    except ValueError:
        return False


@dataclass(frozen=True)
class Checks:
    """The checks of one specification by name: over one text, and where it can be over a matrix."""

    scalar: dict[str, Scalar]
    matrix: dict[str, Matrix]


def surname_check(single: str, compound: Sequence[str]) -> Scalar:
    """Whether a name begins with a surname, or holds a middle dot as names of other peoples do."""
    singles, compounds = frozenset(single), tuple(compound)
    return lambda text: "·" in text or text[:1] in singles or text.startswith(compounds)


def checks_of(specs: Specs) -> Checks:
    """The checks with what the specifications say: the credit code's weights, the surnames."""
    credit, names = specs.credit_code, specs.desensitization.surnames
    scalar: dict[str, Scalar] = {
        "mod11_2": identity_number_ok, "luhn": luhn_ok, "hkid": hkid_ok, "vin": vin_ok, "ipv6": ipv6_ok,
        "date": date_ok, "uscc": lambda text: credit_ok(text, credit),
        "org": lambda text: organisation_ok(text, credit),
        "surname": surname_check(names.single, names.compound),
    }  # fmt: skip
    matrix: dict[str, Matrix] = {
        "mod11_2": mod11_2_mask, "luhn": luhn_mask, "vin": vin_mask, "hkid": hkid_mask,
        "uscc": lambda codes: credit_mask(codes, credit),
        "org": lambda codes: organisation_mask(codes, credit),
    }  # fmt: skip
    return Checks(scalar, matrix)
