"""What a view shows: the columns of its SELECT, traced to the tables they come from where that is plain."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from catalog_specs.drafting import Grammar
from registry.drafting.ddl_words import StatementError, Word, find, group_at, name_at, split_commas
from registry.drafting.physical import PhysicalColumn

Sources = dict[str, list[str]]  # alias -> parts of the table's name
Projection = tuple[exp.Expression, Sources]
FindTable = Callable[[Sequence[str]], Sequence[PhysicalColumn] | None]
_TAIL = re.compile(
    r"\bWITH\s+(?:(?:LOCAL\s+|CASCADED\s+)?CHECK\s+OPTION|READ\s+ONLY|(?:NO\s+)?DATA)\b", re.IGNORECASE
)


def read_create_view(
    words: Sequence[Word], grammar: Grammar, find_table: FindTable
) -> tuple[list[str], list[PhysicalColumn]]:
    """Name parts and columns of a view. A column that is computed keeps no type.

    Raises:
        StatementError: name or SELECT cannot be read, or ``*`` stands for a table that is not known.
    """
    at = find(words, "VIEW") + 1
    at += 3 if find(words[at : at + 3], "IF", "NOT", "EXISTS") == 0 else 0
    parts, at = name_at(words, at)
    named: list[str] = []
    if at < len(words) and words[at].key == "(":
        inside, at = group_at(words, at)
        named = [column[0].text for column in split_commas(inside)]
    start = find(words, "AS", start=at) + 1
    if not start or start >= len(words) or words[start].key not in ("SELECT", "WITH", "("):
        raise StatementError("视图没有 AS SELECT")
    sql = _TAIL.sub("", " ".join(word.raw for word in words[start:]))
    columns = [column for made in _selects(sql, grammar) for column in _projected(made, find_table)]
    if named and len(named) == len(columns):
        columns = [replace(column, name=name) for name, column in zip(named, columns, strict=True)]
    return parts, columns


def _selects(sql: str, grammar: Grammar) -> list[Projection]:
    """Each projection of the (first) SELECT with the tables that may feed it, by alias."""
    try:
        query = parse_one(sql, read=grammar)
    except (SqlglotError, RecursionError) as error:
        raise StatementError("视图的查询语句没有读懂") from error
    while isinstance(query, exp.SetOperation | exp.Subquery | exp.Paren):
        query = query.this
    if not isinstance(query, exp.Select):
        raise StatementError("视图的查询语句没有读懂")
    sources: Sources = {}
    for table in query.find_all(exp.Table):
        if table.find_ancestor(exp.Select) is query:  # not one of a subquery
            sources[table.alias_or_name.lower()] = [part.name for part in table.parts]
    return [(projection, sources) for projection in query.expressions]


def _projected(made: Projection, find_table: FindTable) -> list[PhysicalColumn]:
    projection, sources = made
    inner = projection.unalias()
    if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
        return _starred(inner, sources, find_table)
    source = _source(inner, sources, find_table) if isinstance(inner, exp.Column) else None
    name = projection.alias_or_name or projection.output_name
    if not name:
        raise StatementError(f"视图的列“{projection.sql()[:40]}”没有名称")
    if source is None:
        return [PhysicalColumn(name, "")]
    return [replace(source, name=name, primary=False)]


def _starred(inner: exp.Expression, sources: Sources, find_table: FindTable) -> list[PhysicalColumn]:
    wanted = [inner.table.lower()] if isinstance(inner, exp.Column) and inner.table else list(sources)
    found = [find_table(sources.get(alias, [])) for alias in wanted]
    if not found or any(columns is None for columns in found):
        raise StatementError("视图用了 *，而它的源表不在文件里")
    return [replace(column, primary=False) for columns in found for column in columns or ()]


def _source(column: exp.Column, sources: Sources, find_table: FindTable) -> PhysicalColumn | None:
    aliases = [column.table.lower()] if column.table else list(sources)
    tables = [find_table(sources[alias]) or () for alias in aliases if alias in sources]
    hits = [c for columns in tables for c in columns if c.name.lower() == column.name.lower()]
    return hits[0] if len(hits) == 1 else None
