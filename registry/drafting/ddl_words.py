"""The words of one SQL statement (lexed by SQLGlot), and how to find one's way through their brackets.

SQLGlot's parser gives up a whole CREATE TABLE at the first storage option that it does not know, and every
vendor has some. Its lexer knows each dialect's quotes and comments, which is all that a column needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot import Token, TokenType, tokenize
from sqlglot.errors import SqlglotError

from catalog_specs.drafting import Grammar

_STRINGS = {
    TokenType.STRING,
    TokenType.NATIONAL_STRING,
    TokenType.BYTE_STRING,
    TokenType.HEREDOC_STRING,
    TokenType.RAW_STRING,
    TokenType.UNICODE_STRING,
}


class StatementError(ValueError):
    """A statement cannot be read; the text (Chinese) says why."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word, quoted name, string or sign. ``text`` is without quotes, ``raw`` as written."""

    text: str
    raw: str
    kind: Literal["word", "name", "string"]
    comments: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The word in capitals; "" for a quoted name or a string, which is never a keyword."""
        return self.text.upper() if self.kind == "word" else ""


def lex(sql: str, grammar: Grammar) -> list[Word]:
    """The words of a statement; keywords of several words are taken apart.

    Raises:
        StatementError: a quote is not closed.
    """
    try:
        tokens = tokenize(sql, read=grammar)
    except SqlglotError as error:
        raise StatementError("引号或注释没有成对") from error
    return [word for token in tokens for word in _words(token, sql)]


def _words(token: Token, sql: str) -> list[Word]:
    raw, comments = sql[token.start : token.end + 1], tuple(token.comments)
    if token.token_type in _STRINGS:
        return [Word(token.text, raw, "string", comments)]
    if token.token_type is TokenType.IDENTIFIER:
        return [Word(token.text, raw, "name", comments)]
    parts = raw.split() or [raw]
    return [Word(part, part, "word", comments if part is parts[-1] else ()) for part in parts]


def written(words: Sequence[Word]) -> str:
    """The words as text again, a blank between each two, without comments."""
    return " ".join(word.raw for word in words)


def find(words: Sequence[Word], *keys: str, start: int = 0) -> int:
    """Where the run of keywords ``keys`` begins outside of brackets; -1 when it does not occur."""
    depth = 0
    for place in range(start, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place].key, 0)
        if depth == 0 and [word.key for word in words[place : place + len(keys)]] == list(keys):
            return place
    return -1


def name_at(words: Sequence[Word], place: int) -> tuple[list[str], int]:
    """The parts of a dotted name (schema, table, column) at ``place``, and the place after it.

    Raises:
        StatementError: there is no name.
    """
    parts: list[str] = []
    while place < len(words):
        word = words[place]
        if word.kind == "word" and not (word.text[0].isalnum() or word.text[0] in "_#@$"):
            break
        hashed = word.key == "#" and place + 1 < len(words)  # SQL Server's temporary tables: #name
        place += 1 if hashed else 0
        parts.append("#" + words[place].text if hashed else word.text)
        place += 1
        dots = 0
        while place < len(words) and words[place].key == ".":
            place, dots = place + 1, dots + 1
        if not dots:
            return parts, place
    raise StatementError("缺少名称")


def group_at(words: Sequence[Word], place: int) -> tuple[list[Word], int]:
    """The words inside the brackets that open at ``place``, and the place after them.

    Raises:
        StatementError: no bracket opens there, or it is never closed.
    """
    depth = 0
    for at in range(place, len(words)):
        depth += {"(": 1, ")": -1}.get(words[at].key, 0)
        if depth == 0:
            break
    if depth or place >= len(words) or words[place].key != "(":
        raise StatementError("括号没有成对")
    return list(words[place + 1 : at]), at + 1


def split_commas(words: Sequence[Word]) -> list[list[Word]]:
    """The parts between the commas that stand outside of brackets.

    A comment behind the comma belongs to the part before it, where people write it: ``name text, -- 姓名``.
    """
    parts: list[list[Word]] = [[]]
    depth = 0
    for word in words:
        depth += {"(": 1, ")": -1}.get(word.key, 0)
        if word.key != "," or depth:
            parts[-1].append(word)
            continue
        if word.comments and parts[-1]:
            last = parts[-1][-1]
            parts[-1][-1] = Word(last.text, last.raw, last.kind, (*last.comments, *word.comments))
        parts.append([])
    return [part for part in parts if part]
