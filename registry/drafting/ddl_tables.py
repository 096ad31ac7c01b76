"""What CREATE TABLE says about columns, keys and comments; everything about storage is passed over."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalog_specs.drafting import Dialect, Drafting
from registry.drafting.ddl_words import StatementError, Word, find, group_at, name_at, split_commas, written
from registry.drafting.physical import PhysicalColumn

_ALWAYS_CONSTRAINT = {"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"}
_ALSO_NAMES = {
    "KEY", "INDEX", "FULLTEXT", "SPATIAL", "EXCLUDE", "LIKE", "SUPPLEMENTAL", "PERIOD", "CLUSTER", "NOT",
}  # fmt: skip
_AUTO_UPDATE = re.compile(r"\bON UPDATE (?:CURRENT_TIMESTAMP|NOW|LOCALTIME)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TableBody:
    """Columns in their order, the names of the primary key's columns, and what could not be read."""

    columns: list[PhysicalColumn]
    keys: list[str]
    problems: list[str]


@dataclass(frozen=True, slots=True)
class CreatedTable:
    """``body`` is None for a table without an own list of columns (AS SELECT, LIKE, PARTITION OF)."""

    parts: list[str]
    temporary: bool
    partition: bool
    body: TableBody | None
    comment: str


def read_create_table(words: Sequence[Word], specs: Drafting, dialect: Dialect) -> CreatedTable:
    """The table that a CREATE TABLE statement makes.

    Raises:
        StatementError: the name is missing, or brackets do not match.
    """
    at = find(words, "TABLE") + 1
    temporary = any(word.key in ("TEMPORARY", "TEMP") for word in words[:at])
    at += 3 if find(words[at : at + 3], "IF", "NOT", "EXISTS") == 0 else 0
    parts, at = name_at(words, at)
    temporary = temporary or parts[-1].startswith("#")
    if at >= len(words) or words[at].key != "(":
        return CreatedTable(parts, temporary, find(words[at:], "PARTITION", "OF") == 0, None, "")
    inside, after = group_at(words, at)
    body = read_body(inside, specs, dialect)
    return CreatedTable(parts, temporary, False, body if body.columns else None, comment_in(words[after:]))


def read_body(inside: Sequence[Word], specs: Drafting, dialect: Dialect) -> TableBody:
    """Columns and keys of the list between the brackets of CREATE TABLE."""
    columns: list[PhysicalColumn] = []
    keys: list[str] = []
    problems: list[str] = []
    for part in split_commas(inside):
        if is_constraint(part, specs, dialect):
            keys += primary_key_of(part)
            continue
        if _holds_two_columns(part, specs, dialect):
            problems.append(f"列定义“{written(part)[:60]}”里像有两列，请核对是否少了逗号")
        try:
            columns.append(read_column(part))
        except StatementError as error:
            problems.append(f"列定义“{written(part)[:40]}”没有读懂：{error}")
    wanted = {key.lower() for key in keys}
    marked = [replace(c, primary=True) if c.name.lower() in wanted else c for c in columns]
    return TableBody(marked, keys, problems)


def is_constraint(part: Sequence[Word], specs: Drafting, dialect: Dialect) -> bool:
    """Whether a part of the list is no column. ``key varchar(20)`` is one, ``KEY idx (a)`` is not."""
    first = part[0].key
    if first in _ALWAYS_CONSTRAINT:
        return True
    if first not in _ALSO_NAMES or len(part) < 2:
        return first in _ALSO_NAMES
    return specs.code_of(part[1].text, dialect) is None


def primary_key_of(part: Sequence[Word]) -> list[str]:
    """The columns that PRIMARY KEY names within a constraint; none for another constraint."""
    at = find(part, "PRIMARY", "KEY")
    while 0 <= at < len(part) and part[at].key != "(":
        at += 1
    if not 0 <= at < len(part):
        return []
    inside, _ = group_at(part, at)
    return [column[0].text for column in split_commas(inside)]


def read_column(part: Sequence[Word]) -> PhysicalColumn:
    """One column's definition.

    Raises:
        StatementError: it does not start with a name.
    """
    names, at = name_at(part, 0)
    if len(names) != 1:
        raise StatementError("列名里有点号")
    rest = part[at:]
    comment = comment_in(rest)
    remark = "" if comment else _remark(part[-1])
    return PhysicalColumn(
        name=names[0],
        type_text=written(rest),
        comment=comment or remark,
        remark=bool(remark),
        primary=find(rest, "PRIMARY", "KEY") >= 0,
        auto_updated=bool(_AUTO_UPDATE.search(written(rest))),
    )


def _holds_two_columns(part: Sequence[Word], specs: Drafting, dialect: Dialect) -> bool:
    """Whether a second type with a length follows the first; a cast (``'x'::varchar(20)``) is none."""
    depth = 0
    for place, word in enumerate(part[:-1]):
        depth += {"(": 1, ")": -1}.get(word.key, 0)
        if depth or place < 3 or part[place + 1].key != "(" or word.kind == "string":
            continue
        before = part[place - 1]
        cast = before.key in ("::", "AS") or specs.code_of(before.text, dialect) is not None
        if not cast and specs.code_of(word.text, dialect) in ("C", "N"):
            return True
    return False


def comment_in(words: Sequence[Word]) -> str:
    """The text of ``COMMENT '…'`` or ``COMMENT = '…'`` outside of brackets; "" when there is none."""
    at = find(words, "COMMENT")
    after = [word for word in words[at + 1 : at + 3] if word.key != "="] if at >= 0 else []
    return after[0].text if after and after[0].kind == "string" else ""


def _remark(last: Word) -> str:
    # MySQL's /*!80023 … */ and Oracle's /*+ … */ are commands, no remarks.
    remarks = [text.strip() for text in last.comments if not text.startswith(("!", "+"))]
    return " ".join(text for text in remarks if text)
