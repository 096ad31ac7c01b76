"""Check digits and code shapes. All functions are pure; alphabets and weights of ours come from the specs."""

from dataclasses import dataclass

from catalog_specs.coding import CreditCode, ResourceCode

# GB 11643-1999 (MOD 11-2) and ISO/IEC 7812 (Luhn) are algorithms of the standards, nothing a city may change.
_ID_WEIGHTS = tuple(pow(2, 17 - i, 11) for i in range(17))
_ID_CHECKS = "10X98765432"


def credit_code_fault(code: str, spec: CreditCode) -> str:
    """What is wrong with a unified social credit code; an empty text when it is valid.

    Returns one of ``length``, ``alphabet``, ``region``, ``organisation``, ``check``, or ``""``.
    Source: GB 32100-2015; the organisation code's own check character, GB 11714.
    """
    if len(code) != 18:
        return "length"
    if not set(code) <= set(spec.alphabet):
        return "alphabet"
    if not code[2:8].isdigit():  # of the alphabet's characters only 0 to 9 are digits
        return "region"
    if not organisation_code_ok(code[8:17], spec):
        return "organisation"
    return "" if credit_check_character(code[:17], spec) == code[17] else "check"


def credit_check_character(body: str, spec: CreditCode) -> str:
    """The 18th character for the first 17. Source: GB 32100-2015."""
    values = spec.alphabet
    total = sum(values.index(c) * w for c, w in zip(body, spec.weights, strict=True))
    return values[(len(values) - total % len(values)) % len(values)]


def organisation_check_character(body: str, spec: CreditCode) -> str:
    """The ninth character of an organisation code for its first eight. Source: GB 11714."""
    total = sum(int(c, 36) * w for c, w in zip(body, spec.organisation_weights, strict=True))
    return {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def organisation_code_ok(code: str, spec: CreditCode) -> bool:
    """Whether a nine-character organisation code carries its check character. Source: GB 11714."""
    if len(code) != 9 or not set(code[:8]) <= set(spec.organisation_alphabet):
        return False
    return organisation_check_character(code[:8], spec) == code[8]


def region_of(credit_code: str) -> str:
    """The GB/T 2260 region (6 digits) in a credit code; empty when there is none."""
    region = credit_code[2:8]
    return region if len(region) == 6 and region.isdigit() else ""


def identity_number_ok(number: str) -> bool:
    """Whether an 18-character identity number carries its check character. Source: GB 11643-1999."""
    if len(number) != 18 or not (number[:17].isascii() and number[:17].isdigit()):
        return False
    total = sum(int(c) * w for c, w in zip(number[:17], _ID_WEIGHTS, strict=True))
    return _ID_CHECKS[total % 11] == number[17].upper()


def luhn_ok(number: str) -> bool:
    """Whether a run of digits passes the Luhn check of bank cards and IMEI numbers."""
    if not (number.isascii() and number.isdigit()):
        return False
    digits = [int(c) for c in reversed(number)]
    doubled = (d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits))
    return sum(doubled) % 10 == 0


def is_resource_code(code: object, spec: ResourceCode) -> bool:
    """Whether a value can be an entry's code at all: of an accepted shape and length (E104). Source: S2, S5."""
    return isinstance(code, str) and len(code) <= spec.max_len and spec.imported.fullmatch(code) is not None


@dataclass(frozen=True, slots=True)
class CodeParts:
    """A national resource code taken apart: class (1), division (2), the rest of the class code, sequence."""

    class_digit: str
    division: str
    group: str
    sequence: str


def split_resource_code(code: str, spec: ResourceCode) -> CodeParts | None:
    """The parts of a national resource code; None when it is not of the national form. Source: S2."""
    if not spec.national.fullmatch(code):
        return None
    head, sequence = code.split(spec.separator, 1)
    return CodeParts(head[0], head[1:3], head[3:], sequence)


def division_listed(parts: CodeParts, spec: ResourceCode) -> bool:
    """Whether the guideline lists the division (项) under the class. Source: S2."""
    found = spec.classes.get(parts.class_digit)
    return found is not None and any(item.code == parts.division for item in found.items)


def format_sequence(class_code: str, number: int, spec: ResourceCode) -> str:
    """A resource code from its class code and running number, zero-padded as the specification says."""
    return f"{class_code}{spec.separator}{number:0{spec.sequence_width}d}"
