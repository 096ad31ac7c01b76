"""Cuts a DDL file or a dump into statements: quick over megabytes of data, deaf to what stands in quotes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from catalog_specs.drafting import Dialect, Drafting, Grammar

_INSERT_LINE = re.compile(r"^[ \t]*(?:INSERT|REPLACE)\b[^\n]*", re.IGNORECASE | re.MULTILINE)
_LEADING = re.compile(r"(?:\s|--[^\n]*|#[^\n]*|/\*(?!!).*?(?:\*/|\Z))*+", re.DOTALL)
# MySQL hides newer syntax, and mysqldump its views, in comments that only MySQL runs.
_CONDITIONAL = re.compile(r"/\*!\d*(.*?)\*/", re.DOTALL)
# An open comment or quote ends with the file: looking for its end again and again would take for ever.
_PLAIN_COMMENT = r"--[^\n]*|/\*.*?(?:\*/|\Z)"
_COMMENT: dict[Grammar, str] = {
    "mysql": _PLAIN_COMMENT + r"|#[^\n]*",
    "postgres": _PLAIN_COMMENT,
    "oracle": _PLAIN_COMMENT,
    "tsql": _PLAIN_COMMENT,
    "sqlite": _PLAIN_COMMENT,
}
_STRING = r"'(?:[^']|'')*+'"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*+'"
_QUOTED: dict[Grammar, str] = {
    "mysql": rf'{_ESCAPED}|"(?:[^"\\]|\\.|"")*+"|`[^`]*`',
    "postgres": rf'(?<!\w)[eE]{_ESCAPED}|{_STRING}|"[^"\n]*"'
    r"|\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)",
    "oracle": rf"(?<!\w)n?q'\[.*?(?:\]'|\Z)|{_STRING}|\"[^\"\n]*\"",
    "tsql": rf'{_STRING}|"[^"\n]*"|\[[^\]\n]*\]',
    "sqlite": rf'{_STRING}|"[^"\n]*"|`[^`\n]*`',
}
# Commands of psql (with the data of a COPY) and of SQL*Plus end with their line, not with a semicolon.
_CLIENT: dict[Grammar, str] = {
    "postgres": r"^\\[^\n]*|^COPY\b[^;\n]*\bFROM\s+stdin\b[^;\n]*;.*?(?:^\\\.[^\n]*|\Z)",
    "oracle": r"^(?:PROMPT|REM|REMARK|SPOOL|WHENEVER|@@?)(?![\w$])[^\n]*"
    r"|^SET[ \t]+(?:define|feedback|echo|serveroutput|sqlblanklines|heading|verify|timing|scan)\b[^\n]*",
}
# A line that can only start a new statement, whatever was forgotten before it.
_HEAD = r"^[ \t]*(?:CREATE\s+(?:\w+\s+){0,3}?(?:TABLE|VIEW)|COMMENT\s+ON\s+(?:TABLE|COLUMN|VIEW))\b"
_BATCH = r"^[ \t]*(?:GO(?:[ \t]+\d+)?|/)[ \t]*;?[ \t]*\r?$"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without the comments before it; ``start`` is its place in the file, ``line`` from 1.

    ``fresh``: it stands at the start of a batch (after GO, ``/`` or a MySQL delimiter).
    """

    text: str
    start: int
    line: int
    fresh: bool


def guess_dialect(text: str, specs: Drafting) -> Dialect:
    """The first dialect that left its mark outside of INSERT lines; the last, plain one when none did."""
    sample = _INSERT_LINE.sub("", text)[:4_000_000]
    return next((d for d in specs.dialects if d.left_its_mark_on(sample)), specs.dialects[-1])


def split_statements(text: str, grammar: Grammar, *, start: int = 0) -> Iterator[Statement]:
    """The statements from ``start`` on. Comments, strings and routine bodies in ``$$`` never split one."""
    delimiter, place, begin, fresh = ";", start, start, True
    line, counted = text.count("\n", 0, start) + 1, start
    while True:
        found = _pattern(grammar, delimiter).search(text, place)
        kind = found.lastgroup if found else "end"
        end = found.start() if found else len(text)
        place = found.end() if found else len(text)
        if kind == "quoted":
            continue
        body = _after_comments(text, begin, end)
        if kind == "comment" or (kind == "client" and body < end):
            begin = place if body >= end and not text.startswith("/*!", end) else begin
            continue
        if body < end:
            line, counted = line + text.count("\n", counted, body), body
            yield Statement(_bare(text[body:end], grammar), body, line, fresh)
        if found is None:
            return
        batch = kind in ("batch", "delimiter") or (kind == "stop" and delimiter != ";")
        fresh = batch or (fresh and body >= end)
        begin = end if kind == "head" else place
        delimiter = found["mark"] if kind == "delimiter" else delimiter


@lru_cache(maxsize=32)
def _pattern(grammar: Grammar, delimiter: str) -> re.Pattern[str]:
    parts = [f"(?P<comment>{_COMMENT[grammar]})", f"(?P<quoted>{_QUOTED[grammar]})", f"(?P<batch>{_BATCH})"]
    parts += [r"(?P<delimiter>^[ \t]*DELIMITER[ \t]+(?P<mark>\S+)[^\n]*)"] if grammar == "mysql" else []
    parts += [f"(?P<client>{_CLIENT[grammar]})"] if grammar in _CLIENT else []
    # Between MySQL's own delimiters stand routines, whose bodies may create tables of their own.
    parts += [f"(?P<head>{_HEAD})"] if delimiter == ";" else []
    parts += [f"(?P<stop>{re.escape(delimiter)})"]
    return re.compile("|".join(parts), re.IGNORECASE | re.MULTILINE | re.DOTALL)


def _after_comments(text: str, begin: int, end: int) -> int:
    found = _LEADING.match(text, begin, end)
    return found.end() if found else begin


def _bare(text: str, grammar: Grammar) -> str:
    if grammar == "mysql" and text.startswith("/*!"):
        return _CONDITIONAL.sub(r" \1 ", text).strip()
    return text
