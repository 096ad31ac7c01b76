"""Reads a DDL file or a dump: its tables and views, with the comments and keys that other statements add."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from catalog_specs.drafting import Dialect, Drafting
from registry.drafting.column_types import type_name
from registry.drafting.ddl_additions import (
    Alteration,
    Comment,
    read_alter_table,
    read_comment_on,
    read_create_type,
    read_properties,
)
from registry.drafting.ddl_statements import Statement, guess_dialect, split_statements
from registry.drafting.ddl_tables import read_create_table
from registry.drafting.ddl_views import read_create_view
from registry.drafting.ddl_words import StatementError, Word, lex
from registry.drafting.physical import DraftNote, PhysicalColumn, PhysicalTable, TablesRead

_CREATE_TABLE = re.compile(r"CREATE\s+(?:\w+\s+){0,5}?TABLE\b", re.IGNORECASE)
_CREATE_VIEW = re.compile(r"CREATE\s+(?:(?!TABLE\b|INDEX\b|RULE\b)\S+\s+){0,10}?VIEW\b", re.IGNORECASE)
_COMMENT_ON = re.compile(r"COMMENT\s+ON\b", re.IGNORECASE)
_ALTER_TABLE = re.compile(r"ALTER\s+(?:FOREIGN\s+)?TABLE\b", re.IGNORECASE)
_TOP_LEVEL = re.compile(r"(?:CREATE|COMMENT\s+ON|ALTER\s+TABLE)\b", re.IGNORECASE)
_ROUTINE = re.compile(
    r"(?:CREATE|ALTER)\s+(?:(?!TABLE\b|VIEW\b|INDEX\b)\S+\s+){0,6}?"
    r"(?:FUNCTION|PROCEDURE|PROC|TRIGGER|PACKAGE|EVENT|TYPE\s+BODY)\b",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"(?:DECLARE|BEGIN)\b", re.IGNORECASE)
_NEXT_CREATE = re.compile(r"^[ \t]*CREATE\s", re.IGNORECASE | re.MULTILINE)
_DATA = re.compile(r"(?:INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_FIRST_WORD = re.compile(r"\W*(\w+)")


@dataclass(slots=True)
class _Made:
    """A table while the file is still being read. ``left_out`` says why it is no data resource."""

    name: str
    schema: str
    columns: dict[str, PhysicalColumn] = field(default_factory=dict)
    comment: str = ""
    view: bool = False
    left_out: str = ""


def read_ddl(text: str, specs: Drafting, dialect: Dialect | None = None) -> tuple[TablesRead, Dialect]:
    """All tables and views of ``text``, and its dialect, which is guessed when None.

    Statements that cannot be read become notes with their line; the others still count.
    """
    spoken = dialect or guess_dialect(text, specs)
    reader = _Reader(text, specs, spoken)
    return reader.read(), spoken


def _by_name(columns: Sequence[PhysicalColumn]) -> dict[str, PhysicalColumn]:
    """Columns by their name in lower case; of "A" and "a" in one table only the first is found by it."""
    named: dict[str, PhysicalColumn] = {}
    for column in columns:
        key = column.name.lower()
        while key in named:
            key += "'"
        named[key] = column
    return named


class _Reader:
    def __init__(self, text: str, specs: Drafting, dialect: Dialect) -> None:
        self.text, self.specs, self.dialect = text, specs, dialect
        self.made: dict[tuple[str, str], _Made] = {}
        self.notes: list[DraftNote] = []
        self.types: dict[str, str] = {}
        self.unread = 0
        self.in_routine = False

    def read(self) -> TablesRead:
        start: int | None = 0
        while start is not None:
            start = self._read_from(start)
        if self.unread > self.specs.max_notes:
            more = self.unread - self.specs.max_notes
            self.notes.append(DraftNote("", None, f"另有 {more} 条语句没有读懂，未逐条列出"))
        kept = [made for made in self.made.values() if not made.left_out]
        left_out = [made for made in self.made.values() if made.left_out]
        self.notes += [DraftNote(made.name, None, made.left_out) for made in left_out]
        tables = [PhysicalTable(m.name, self._typed(m), m.comment, m.schema, m.view) for m in kept]
        return TablesRead(tables, self.notes, [made.name for made in left_out])

    def _typed(self, made: _Made) -> tuple[PhysicalColumn, ...]:
        """The columns, with the types that the file itself defines written out."""
        columns = list(made.columns.values())
        return tuple(
            replace(column, type_text=self.types.get(type_name(column.type_text), column.type_text))
            for column in columns
        )

    def _read_from(self, start: int) -> int | None:
        """Reads on from ``start``; gives the place to start anew when an open quote swallowed a table."""
        for statement in split_statements(self.text, self.dialect.grammar, start=start):
            try:
                self._take(statement)
            except StatementError as error:
                self._tell(statement, str(error))
                end = statement.start + len(statement.text)
                again = _NEXT_CREATE.search(self.text, statement.start + 1, end)
                if again and _TOP_LEVEL.match(statement.text):
                    return again.start()
        return None

    def _tell(self, statement: Statement, why: str) -> None:
        self.unread += 1
        if self.unread <= self.specs.max_notes:
            words = " ".join(statement.text[:200].split())[:40]
            self.notes.append(DraftNote("", None, f"第 {statement.line} 行“{words}”没有读入：{why}"))

    def _take(self, statement: Statement) -> None:
        text = statement.text
        if self._inside_routine(statement):
            return
        if _CREATE_TABLE.match(text):
            self._create_table(lex(text, self.dialect.grammar), statement)
        elif _CREATE_VIEW.match(text):
            self._create_view(lex(text, self.dialect.grammar))
        elif _COMMENT_ON.match(text):
            comment = read_comment_on(lex(text, self.dialect.grammar))
            if comment is not None:
                self._set_comment(comment)
        elif _ALTER_TABLE.match(text):
            self._alter_table(read_alter_table(lex(text, self.dialect.grammar), self.specs, self.dialect))
        elif named := read_create_type(text):
            self.types[named[0].lower()] = named[1]
        else:
            self._must_be_known(text)
        if self.dialect.grammar == "tsql" and not _DATA.match(text):
            for comment in read_properties(text):
                self._set_comment(comment)

    def _inside_routine(self, statement: Statement) -> bool:
        """Bodies of routines are no statements of the file, though their semicolons cut them up."""
        text, grammar = statement.text, self.dialect.grammar
        ended = statement.fresh or (grammar != "tsql" and bool(_TOP_LEVEL.match(text)))
        starts = bool(_ROUTINE.match(text)) or (grammar == "oracle" and bool(_BLOCK.match(text)))
        self.in_routine = starts or (self.in_routine and not ended)
        return self.in_routine

    def _must_be_known(self, text: str) -> None:
        found = _FIRST_WORD.match(text[:200])
        first = found[1].lower() if found else ""
        if first and not first.isdigit() and first != "create" and first not in self.specs.ignored:
            raise StatementError("不认识这条语句")

    def _create_table(self, words: list[Word], statement: Statement) -> None:
        created = read_create_table(words, self.specs, self.dialect)
        made = self._new(created.parts)
        made.comment = created.comment
        if created.temporary:
            made.left_out = "这是临时表，未编目"
        elif created.partition:
            made.left_out = "这是分区，随主表编目"
        elif created.body is None:
            made.left_out = f"第 {statement.line} 行的建表语句没有列定义，未编目"
        else:
            made.columns = _by_name(created.body.columns)
            self.notes += [DraftNote(made.name, None, problem) for problem in created.body.problems]

    def _create_view(self, words: list[Word]) -> None:
        parts, columns = read_create_view(words, self.dialect.grammar, self._columns_of)
        made = self._new(parts, view=True)
        made.columns = _by_name(columns)

    def _new(self, parts: Sequence[str], *, view: bool = False) -> _Made:
        """A fresh table under its name; a table made twice keeps the later shape, with a note.

        A view may stand in for itself before: mysqldump first writes it with columns of no type.
        """
        schema, name = parts[-2] if len(parts) > 1 else "", parts[-1]
        key = (schema.lower(), name.lower())
        before = self.made.pop(key, None)
        if before is not None and not before.view and not view:
            self.notes.append(DraftNote(name, None, "文件里不止一次建这个表，取最后一次"))
        self.made[key] = _Made(name, schema, view=view)
        return self.made[key]

    def _find(self, parts: Sequence[str]) -> _Made | None:
        """The table of that name; the schema only counts where both sides tell one and more than one fits."""
        if not parts:
            return None
        name = parts[-1].lower()
        exact = self.made.get((parts[-2].lower() if len(parts) > 1 else "", name))
        if exact is not None:
            return exact
        same_name = [made for key, made in self.made.items() if key[1] == name]
        return same_name[0] if len(same_name) == 1 else None

    def _columns_of(self, parts: Sequence[str]) -> list[PhysicalColumn] | None:
        made = self._find(parts)
        return list(made.columns.values()) if made else None

    def _set_comment(self, comment: Comment) -> None:
        made = self._find(comment.parts[:-1] if comment.column else comment.parts)
        if made is None:
            raise StatementError(f"注释所指的“{'.'.join(comment.parts)}”不在文件里")
        if not comment.column:
            made.comment = comment.text
            return
        old = made.columns.get(comment.parts[-1].lower())
        if old is None and not made.left_out:
            raise StatementError(f"注释所指的列“{'.'.join(comment.parts)}”不在文件里")
        if old is not None:
            made.columns[old.name.lower()] = replace(old, comment=comment.text, remark=False)

    def _alter_table(self, change: Alteration) -> None:
        made = self._find(change.parts)
        attached = self._find(change.partition)
        if attached is not None:
            attached.left_out = "这是分区，随主表编目"
        if made is None:
            if change.columns or change.keys:
                raise StatementError(f"所改的表“{'.'.join(change.parts)}”不在文件里")
            return
        made.comment = change.comment or made.comment
        for column in change.columns:
            old = made.columns.get(column.name.lower())
            merged = replace(column, primary=column.primary or old.primary) if old else column
            made.columns[column.name.lower()] = merged
        for key in change.keys:
            if key.lower() in made.columns:
                made.columns[key.lower()] = replace(made.columns[key.lower()], primary=True)
        for action in change.unread:
            text = f"文件后文改了列结构而未跟随，请核对：{action[:60]}"
            self.notes.append(DraftNote(made.name, None, text))
