"""How catalogue entries are drafted from tables: the typed reader of ``drafting.yaml``."""

import re
from functools import cached_property
from typing import Literal

from pydantic import Field

from catalog_specs.model import Frozen

TypeCode = Literal["C", "N", "Y", "D", "T", "L", "M", "G", "B", "I", "F"]
Grammar = Literal["mysql", "postgres", "oracle", "tsql", "sqlite"]


class Dialect(Frozen):
    """One dialect of SQL; ``marks`` are patterns by which a file without a named dialect is known."""

    key: str
    aliases: tuple[str, ...]
    grammar: Grammar
    format_type: str = ""
    format_note: str = ""
    types: dict[str, TypeCode]
    marks: tuple[str, ...]

    def left_its_mark_on(self, text: str) -> bool:
        return any(re.search(mark, text, re.IGNORECASE | re.MULTILINE) for mark in self.marks)


class Database(Frozen):
    """A kind of database that may be read: SQLAlchemy's driver, and how to install it."""

    dialect: str
    driver: str
    install: str
    timeout: str = ""


class ColumnWords(Frozen):
    """Physical names (lower case) and comments by which a column is known, best first."""

    names: tuple[str, ...]
    comments: tuple[str, ...]


class CommentMarks(Frozen):
    cuts: tuple[str, ...]
    brackets: dict[str, str]
    code_list_words: tuple[str, ...]


class Texts(Frozen):
    unnamed: str
    duplicate: str
    abstract: str
    abstract_unnamed: str
    table: str
    view: str


class Limits(Frozen):
    """Longest values in characters, as ``entry.yaml`` allows them (the abstract: as W201 likes it)."""

    resource_name: int = Field(gt=0)
    resource_abstract: int = Field(gt=0)
    item_name: int = Field(gt=0)
    item_code: int = Field(gt=0)
    value_range: int = Field(gt=0)


class Drafting(Frozen):
    types: dict[TypeCode, tuple[str, ...]]
    enumerations: tuple[str, ...]
    unlimited: TypeCode
    wide_bits: TypeCode
    arrays: TypeCode
    dialects: tuple[Dialect, ...]
    databases: dict[str, Database]
    server_marks: dict[str, str]
    skipped_tables: tuple[str, ...]
    doubtful_tables: tuple[str, ...]
    update_time: ColumnWords
    primary_key: ColumnWords
    comments: CommentMarks
    texts: Texts
    limits: Limits
    max_bytes: int = Field(gt=0)
    max_notes: int = Field(gt=0)
    connect_seconds: int = Field(gt=0)
    ignored_statements: tuple[str, ...]

    @cached_property
    def code_by_type(self) -> dict[str, TypeCode]:
        """SQL type name -> data type code."""
        return {name: code for code, names in self.types.items() for name in names}

    @cached_property
    def ignored(self) -> frozenset[str]:
        return frozenset(self.ignored_statements)

    def dialect(self, name: str) -> Dialect | None:
        """The dialect of that key or alias, whatever its case; None for an unknown one."""
        wanted = name.strip().lower()
        return next((d for d in self.dialects if wanted == d.key or wanted in d.aliases), None)

    def code_of(self, name: str, dialect: Dialect) -> TypeCode | None:
        """The data type code of a SQL type name; None when neither table lists it."""
        wanted = name.lower()
        return dialect.types.get(wanted) or self.code_by_type.get(wanted)


def check_drafting(specs: Drafting) -> list[str]:
    """Every problem of drafting.yaml, as readable sentences; empty when it is sound."""
    named = [name for names in specs.types.values() for name in names]
    twice = sorted({name for name in named if named.count(name) > 1})
    links = [d.dialect for d in specs.databases.values()] + list(specs.server_marks.values())
    unknown = sorted({link for link in links if specs.dialect(link) is None})
    problems = [f"类型“{name}”归了两类" for name in twice]
    problems += [f"没有方言“{link}”" for link in unknown]
    problems += [f"枚举“{name}”不在类型表里" for name in specs.enumerations if name not in named]
    return [f"drafting.yaml：{problem}" for problem in problems]
