"""From a column's SQL type, as written, to the catalogue's data type, length and precision."""

import re
from dataclasses import dataclass

from catalog_specs.drafting import Dialect, Drafting, TypeCode

# A type may be quoted ([int]) and carry its schema ("public"."geometry").
_PART = r"""(?:\[[^\]]+\]|"[^"]+"|`[^`]+`|\w+)"""
_HEAD = re.compile(rf"\s*(?:{_PART}\s*\.\s*)*({_PART})((?:\s+[A-Za-z_]\w*)*)")
_ARGUMENTS = re.compile(r"\s*\(((?:[^()']|'(?:[^']|'')*+'|\([^()]*\))*)\)")
_ARRAY = re.compile(r"\s*(?:\([^()]*\))?\s*(?:\[\s*\d*\s*\]|array\b)", re.IGNORECASE)
_MEMBER = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"-?\s*\d+")


@dataclass(frozen=True, slots=True)
class ItemType:
    """What an item says about its type. ``doubt`` (Chinese) tells what the steward must fill in."""

    data_type: TypeCode | None
    data_length: int | None = None
    data_precision: int | None = None
    members: tuple[str, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class SqlType:
    """A SQL type taken apart: ``varchar(20)`` is ("varchar", ("20",), False)."""

    name: str
    arguments: tuple[str, ...] = ()
    array: bool = False


def item_type(text: str, specs: Drafting, dialect: Dialect) -> ItemType:
    """The catalogue's data type of the SQL type that ``text`` starts with.

    ``data_length`` is in characters for C and in digits for N; ``data_precision`` counts decimals.
    An unknown type gets no data type but a doubt: there is no default for it.

    Source: 发改高技〔2017〕1272号 (data types C to F).
    """
    if not text.strip():
        return ItemType(None, doubt="没有读到类型，请填写数据类型")
    sql = parse_type(text, specs, dialect)
    code = specs.code_of(sql.name, dialect)
    if sql.array:
        return ItemType(specs.arrays)
    if code is None:
        return ItemType(None, doubt=f"类型“{sql.name}”不在类型对照表里，请填写数据类型")
    if sql.name in specs.enumerations:
        return _enumeration(sql, code)
    if sql.arguments[:1] and sql.arguments[0].lower() == "max":
        return ItemType(specs.unlimited if code == "C" else code)
    return _measured(sql, code, specs)


def parse_type(text: str, specs: Drafting, dialect: Dialect) -> SqlType:
    """The type ``text`` starts with: the longest run of words that is a known type, else one word."""
    found = _HEAD.match(text)
    if not found:
        return SqlType(text.split(maxsplit=1)[0])
    head = type_name(text)
    words = list(re.finditer(r"\w+", found[2]))
    for count in range(min(len(words), 4), -1, -1):
        name = " ".join([head, *(word[0].lower() for word in words[:count])])
        if count == 0 or specs.code_of(name, dialect):
            end = found.start(2) + (words[count - 1].end() if count else 0)
            return SqlType(name, _arguments(text[end:]), bool(_ARRAY.match(text[end:])))
    raise AssertionError("the head alone always ends the search")


def type_name(text: str) -> str:
    """The type's own name in lower case, without schema and quotes; "" for an empty text."""
    found = _HEAD.match(text)
    return found[1].strip('[]"`').lower() if found else ""


def _arguments(text: str) -> tuple[str, ...]:
    found = _ARGUMENTS.match(text)
    if not found:
        return ()
    if "'" in found[1]:
        return tuple(member.replace("''", "'") for member in _MEMBER.findall(found[1]))
    return tuple(part.strip() for part in found[1].split(","))


def _enumeration(sql: SqlType, code: TypeCode) -> ItemType:
    longest = max((len(member) for member in sql.arguments), default=0)
    # A SET may hold several members at once, so its longest member is not its length.
    return ItemType(code, longest or None if sql.name == "enum" else None, members=sql.arguments)


def _measured(sql: SqlType, code: TypeCode, specs: Drafting) -> ItemType:
    length, scale = (_number(sql.arguments, place) for place in (0, 1))
    if sql.name == "bit" and length and length > 1:
        return ItemType(specs.wide_bits, length)
    if code == "C":
        return ItemType(code, length)
    if code != "N":
        return ItemType(code)
    if length is None:
        return ItemType(code, doubt="来源没有给出数值位数，请填写数据长度")
    if scale is not None and not 0 <= scale <= length:
        return ItemType(code, length, doubt=f"小数位数 {scale} 不在 0 至 {length} 之间，未填数据精度，请核对")
    return ItemType(code, length, scale)


def _number(arguments: tuple[str, ...], place: int) -> int | None:
    """``20``, ``20 CHAR`` and ``- 2`` are numbers; ``*`` is none."""
    found = _NUMBER.match(arguments[place]) if place < len(arguments) else None
    return int(found[0].replace(" ", "")) if found else None
