"""What statements after CREATE TABLE add to it: comments, keys and columns."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from catalog_specs.drafting import Dialect, Drafting
from registry.drafting.ddl_tables import comment_in, is_constraint, primary_key_of, read_body, read_column
from registry.drafting.ddl_words import StatementError, Word, find, group_at, name_at, split_commas, written
from registry.drafting.physical import PhysicalColumn

_CREATE_TYPE = re.compile(
    r"""CREATE\s+(?:TYPE|DOMAIN)\s+(?:\S+\s*\.\s*)?([\w"\[\]`]+)\s+(?:AS\s+|FROM\s+)?"""
    r"(?!OBJECT\b|TABLE\b|RANGE\b|VARRAY\b)(\w.*)",
    re.IGNORECASE | re.DOTALL,
)
_PROPERTY = re.compile(r"\bsp_(?:add|update)extendedproperty\b", re.IGNORECASE)
_ARGUMENT = re.compile(r"\s*(?:@(\w+)\s*=\s*)?(N?'(?:[^']|'')*+'|@?\w+)\s*(,?)")
_PLACES = (
    "name", "value", "level0type", "level0name", "level1type", "level1name", "level2type", "level2name",
)  # fmt: skip
_NO_TYPE = {"NOT", "NULL", "DEFAULT", "CONSTRAINT", "ENABLE", "DISABLE"}
# ALTER TABLE actions that change what an item says about a column; they are told, not followed.
_RESHAPES = re.compile(
    r"DROP (?:COLUMN|[\"`\[]?\w+[\"`\]]?$)|RENAME (?!INDEX|KEY|CONSTRAINT)|CHANGE "
    r"|ALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a table (``parts``: schema, table) or on a column (one part more)."""

    parts: list[str]
    text: str
    column: bool


@dataclass(slots=True)
class Alteration:
    """What ALTER TABLE adds or changes; ``unread`` are actions that change columns and were not followed."""

    parts: list[str]
    columns: list[PhysicalColumn] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    comment: str = ""
    partition: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read_comment_on(words: Sequence[Word]) -> Comment | None:
    """The comment of COMMENT ON TABLE, VIEW or COLUMN; None for other objects and for ``IS NULL``.

    Raises:
        StatementError: the statement is cut short.
    """
    at = 3 if words[2:3] and words[2].key in ("MATERIALIZED", "FOREIGN") else 2
    kind = words[at].key if at < len(words) else ""
    if kind not in ("TABLE", "COLUMN", "VIEW"):
        return None
    parts, at = name_at(words, at + 1)
    if len(words) < at + 2 or words[at].key != "IS":
        raise StatementError("缺少 IS '注释'")
    said = words[at + 1]
    return Comment(parts, said.text, kind == "COLUMN") if said.kind == "string" else None


def read_create_type(sql: str) -> tuple[str, str] | None:
    """Name and definition of what CREATE TYPE or CREATE DOMAIN makes of another type; None otherwise."""
    found = _CREATE_TYPE.match(sql)
    return (found[1].strip('[]"`'), found[2]) if found else None


def read_properties(sql: str) -> Iterator[Comment]:
    """The comments that SQL Server keeps as the extended property MS_Description."""
    for found in _PROPERTY.finditer(sql):
        given = _arguments(sql, found.end())
        value = given.get("value", "")
        if value.startswith("@"):
            value = _variable(sql[: found.start()], value)
        wanted = [given.get(f"level{level}name", "") for level in (0, 1, 2)]
        if given.get("name", "").upper() == "MS_DESCRIPTION" and wanted[1] and value:
            column = given.get("level2type", "").upper() == "COLUMN"
            yield Comment(wanted if column else wanted[:2], value, column)


def _arguments(sql: str, place: int) -> dict[str, str]:
    """Arguments by name, whether they are given by name or by place."""
    given: dict[str, str] = {}
    for name in _PLACES:
        found = _ARGUMENT.match(sql, place)
        if not found:
            break
        given[(found[1] or name).lower()] = _unquoted(found[2])
        place = found.end()
        if not found[3]:
            break
    return given


def _variable(before: str, name: str) -> str:
    """The value that ``SET @v = N'…'`` or ``SELECT @v = N'…'`` gave last."""
    values = re.findall(rf"{re.escape(name)}\s*=\s*(N?'(?:[^']|'')*+')", before, re.IGNORECASE)
    return _unquoted(values[-1]) if values else ""


def _unquoted(text: str) -> str:
    if text.endswith("'"):
        return text[text.index("'") + 1 : -1].replace("''", "'")
    return text


def read_alter_table(words: Sequence[Word], specs: Drafting, dialect: Dialect) -> Alteration:
    """The actions of one ALTER TABLE that concern columns, keys, comments and partitions.

    Raises:
        StatementError: the table's name is missing, or brackets do not match.
    """
    at = find(words, "TABLE") + 1
    while at < len(words) and words[at].key in ("IF", "EXISTS", "ONLY"):
        at += 1
    parts, at = name_at(words, at)
    made = Alteration(parts)
    adding = False
    for action in split_commas(words[at:]):
        key = action[0].key
        # SQL Server writes ADD once: ADD a int, b int
        goes_on = adding and dialect.grammar == "tsql" and key not in ("DROP", "ALTER", "ADD")
        adding = goes_on or key == "ADD"
        rest = action if goes_on else action[1:]
        _act(made, "ADD" if goes_on else key, rest, specs, dialect)
    return made


def _act(made: Alteration, key: str, rest: Sequence[Word], specs: Drafting, dialect: Dialect) -> None:
    if key == "COMMENT":
        made.comment = comment_in([Word("COMMENT", "COMMENT", "word"), *rest])
    elif key == "ATTACH" and find(rest, "PARTITION") == 0:
        made.partition = name_at(rest, 1)[0]
    elif key in ("ADD", "MODIFY"):
        _columns(made, rest, specs, dialect)
    elif _RESHAPES.match(f"{key} {written(rest)}"):
        made.unread.append(f"{key} {written(rest)}")


def _columns(made: Alteration, rest: Sequence[Word], specs: Drafting, dialect: Dialect) -> None:
    at = 1 if find(rest, "COLUMN") == 0 else 0
    at += 3 if find(rest[at : at + 3], "IF", "NOT", "EXISTS") == 0 else 0
    if at >= len(rest) or rest[at].key in ("PARTITION", "DEFAULT", "VALUE", "GENERATED"):
        return
    if rest[at].key == "(":
        body = read_body(group_at(rest, at)[0], specs, dialect)
        made.keys += body.keys
        made.columns += [column for column in body.columns if _typed(column)]
    elif is_constraint(rest[at:], specs, dialect):
        made.keys += primary_key_of(rest[at:])
    else:
        column = read_column(rest[at:])
        made.columns += [column] if _typed(column) else []


def _typed(column: PhysicalColumn) -> bool:
    """Oracle's ``MODIFY (id NOT NULL ENABLE)`` changes no type and so tells nothing about the item."""
    first = column.type_text.split()[:1]
    return bool(first) and first[0].upper() not in _NO_TYPE
