"""The part of Solr's query language that CKAN's readers use: words, fields, phrases, wildcards, ranges, AND, OR, NOT.

What is not understood is an error, never everything. Words are looked for as parts of the text, for Chinese has no
blanks between words. What stands beside each other must all hold and binds loosest, so that a harvester's
``organization:a OR organization:b metadata_modified:[x TO *]`` means what it wants to say.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import translate
from functools import lru_cache
from typing import Protocol

LONGEST = 4000
_DEEPEST = 20
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\()|(?P<close>\))
        |(?P<and>AND\b|&&)|(?P<or>OR\b|\|\|)|(?P<not>NOT\b|!|-)|(?P<must>\+)
        |(?P<field>[A-Za-z_*][\w.\-*]*):
        |(?P<phrase>"(?:[^"\\]|\\.)*")
        |(?P<range>[\[{]\s*(?:"[^"]*"|[^\s\]}"]+)\s+TO\s+(?:"[^"]*"|[^\s\]}"]+)\s*[\]}])
        |(?P<word>(?:[^\s()"\[\]{}:\\+^~!&|]|\\.|[+!&|](?=[^\s&|]))(?:[^\s()"\[\]{}:\\^~]|\\.)*)
    )""",
    re.VERBOSE,
)
_RANGE = re.compile(r"([\[{])\s*(\"[^\"]*\"|\S+?)\s+TO\s+(\"[^\"]*\"|\S+?)\s*([\]}])")
_NOW = re.compile(r"NOW(?:([+-]\d{1,6})(DAY|HOUR|MINUTE)S?)?(?:/DAY)?")
_OPERATORS = re.compile(r"[:*?()]|\b(?:AND|OR|NOT)\b")
_UNITS = {"DAY": timedelta(days=1), "HOUR": timedelta(hours=1), "MINUTE": timedelta(minutes=1)}


class Doc(Protocol):
    """What is searched."""

    @property
    def text(self) -> str:
        """Everything readable of it, folded."""

    def values(self, field: str) -> Sequence[str]:
        """The values of a field; none where it has none."""


Test = Callable[[Doc], bool]


class BadQuery(ValueError):
    """A query that is not understood; the message says what."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields that can be asked for: those whose values are compared as a whole, those that are searched as text,
    and the moments. ``now`` is what NOW means."""

    whole: frozenset[str]
    text: frozenset[str]
    moments: frozenset[str]
    now: datetime

    def known(self, name: str) -> str:
        """A field as it is called.

        Raises:
            BadQuery: there is no such field.
        """
        if name in self.whole or name in self.text or name in self.moments:
            return name
        raise BadQuery(f"undefined field {name}（没有“{name}”这个字段）")


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """A text for searching: NFKC, lower case."""
    return unicodedata.normalize("NFKC", text).lower()


def everything(_doc: Doc) -> bool:
    """Holds for all."""
    return True


def parse_words(text: str, fields: Fields) -> Test:
    """What people type: words that must all be found; with a field, a wildcard, a bracket or an operator the language.

    Raises:
        BadQuery: it is not understood.
    """
    plain = text.strip()
    if plain in ("", "*", "*:*"):
        return everything
    if _OPERATORS.search(plain):
        return parse(plain, fields)
    if len(plain) > LONGEST:
        raise BadQuery(f"query longer than {LONGEST} characters（过长）")
    tests = [_typed(word) for word in re.findall(r'[-+]?"[^"]*"|\S+', plain)]
    return _all([test for test in tests if test is not None] or [_in_text(plain)])


def _typed(word: str) -> Test | None:
    sign, bare = word[:1], word.lstrip("+-").strip('"')
    if not bare:
        return None
    test = _in_text(bare)
    return _no(test) if sign == "-" else test


def parse(text: str, fields: Fields) -> Test:
    """A query of the language.

    Raises:
        BadQuery: it is not understood.
    """
    if len(text) > LONGEST:
        raise BadQuery(f"query longer than {LONGEST} characters（过长）")
    reader = _Reader(list(_tokens(text)), fields)
    test = reader.sequence("text", 0)
    if reader.left():
        raise BadQuery(f"unexpected “{reader.peek()[1]}”")
    return test


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if not found or found.lastgroup is None:
            raise BadQuery(f"cannot parse “{text[place : place + 40].strip()}”（看不懂）")
        yield found.lastgroup, found.group(found.lastgroup)
        place = found.end()


class _Reader:
    """Reads tokens into one test, from the loosest binding to the tightest."""

    def __init__(self, tokens: list[tuple[str, str]], fields: Fields) -> None:
        self.tokens, self.fields, self.at = tokens, fields, 0

    def left(self) -> bool:
        return self.at < len(self.tokens)

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.left() else ("end", "")

    def take(self, *kinds: str) -> str | None:
        kind, value = self.peek()
        if kind not in kinds:
            return None
        self.at += 1
        return value

    def sequence(self, field: str, depth: int) -> Test:
        """Everything up to the end or a closing bracket."""
        if depth > _DEEPEST:
            raise BadQuery("too many brackets（括号过多）")
        found = [self.either(field, depth)]
        while self.left() and self.peek()[0] != "close":
            found.append(self.either(field, depth))
        return _all(found)

    def either(self, field: str, depth: int) -> Test:
        found = [self.both(field, depth)]
        while self.take("or"):
            found.append(self.both(field, depth))
        return found[0] if len(found) == 1 else (lambda doc: any(test(doc) for test in found))

    def both(self, field: str, depth: int) -> Test:
        found = [self.one(field, depth)]
        while self.take("and"):
            found.append(self.one(field, depth))
        return _all(found)

    def one(self, field: str, depth: int) -> Test:
        if self.take("not"):
            return _no(self.one(field, depth + 1)) if depth <= _DEEPEST else self.sequence(field, depth + 1)
        self.take("must")
        if named := self.take("field"):
            return self.of_field(named, depth)
        if self.take("open"):
            test = self.sequence(field, depth + 1)
            if not self.take("close"):
                raise BadQuery("a bracket is not closed（括号没有闭合）")
            return test
        return self.value(field)

    def of_field(self, name: str, depth: int) -> Test:
        if name == "*":
            if self.take("word") != "*":
                raise BadQuery("*: takes * alone")
            return everything
        known = self.fields.known(name)
        if self.peek()[0] in ("open", "phrase", "range", "word", "not", "must"):
            return self.one(known, depth + 1)
        raise BadQuery(f"{name}: has no value（没有写值）")

    def value(self, field: str) -> Test:
        kind, written = self.peek()
        if kind not in ("word", "phrase", "range"):
            raise BadQuery(f"a term is missing before “{written}”" if written else "the query ends too early")
        self.at += 1
        if kind == "range":
            return _between(field, written, self.fields)
        if kind == "phrase":
            return _is(field, _bare(written[1:-1]), self.fields)
        if written == "*":
            return everything if field == "text" else (lambda doc: bool(doc.values(field)))
        if re.search(r"(?<!\\)[*?]", written):
            return _like(field, written, self.fields)
        return _is(field, _bare(written), self.fields)


# ---- tests ------------------------------------------------------------------------------------------------


def _all(tests: Sequence[Test]) -> Test:
    if not tests:
        raise BadQuery("the query is empty（没有内容）")
    return tests[0] if len(tests) == 1 else (lambda doc: all(test(doc) for test in tests))


def _no(test: Test) -> Test:
    return lambda doc: not test(doc)


def _bare(written: str) -> str:
    return re.sub(r"\\(.)", r"\1", written)


def _in_text(word: str) -> Test:
    part = folded(word)
    return lambda doc: part in doc.text


def _is(field: str, wanted: str, fields: Fields) -> Test:
    if field == "text":
        return _in_text(wanted)
    if field in fields.text:
        part = folded(wanted)
        return lambda doc: any(part in folded(value) for value in doc.values(field))
    if field in fields.moments:
        moment = _moment(wanted, fields)
        return lambda doc: moment in doc.values(field)
    return lambda doc: wanted in doc.values(field)


def _like(field: str, written: str, fields: Fields) -> Test:
    if field in fields.moments:
        raise BadQuery(f"{field}: no wildcards in moments; write a range")
    loose = field in fields.text
    shape = re.compile(translate(folded(written) if loose else written.replace("[", "[[]")), re.DOTALL)
    if field == "text":
        inner = re.compile(translate(f"*{folded(written)}*"), re.DOTALL)
        return lambda doc: inner.match(doc.text) is not None
    turn = folded if loose else str
    return lambda doc: any(shape.match(turn(value)) for value in doc.values(field))


def _between(field: str, written: str, fields: Fields) -> Test:
    found = _RANGE.fullmatch(written)
    if found is None or field in fields.text:
        raise BadQuery(f"no range of {field}: {written}")
    turn = _moment if field in fields.moments else _plain
    first, last = (None if part == "*" else turn(part.strip('"'), fields) for part in found.group(2, 3))
    with_first, with_last = found.group(1) == "[", found.group(4) == "]"

    def within(value: str) -> bool:
        after = first is None or value > first or (with_first and value == first)
        return after and (last is None or value < last or (with_last and value == last))

    return lambda doc: any(within(value) for value in doc.values(field))


def _plain(written: str, _fields: Fields) -> str:
    return _bare(written)


def _moment(written: str, fields: Fields) -> str:
    """A moment as ours are written: UTC, microseconds, no zone."""
    if found := _NOW.fullmatch(written):
        ahead = int(found.group(1) or 0) * _UNITS[found.group(2) or "DAY"]
        return moment_text(fields.now + ahead)
    try:
        read = datetime.fromisoformat(written)
    except ValueError as error:
        raise BadQuery(f"Invalid Date String: {written}（不是时间）") from error
    return moment_text(read if read.tzinfo else read.replace(tzinfo=fields.now.tzinfo))


def moment_text(moment: datetime) -> str:
    """A moment as CKAN writes it: UTC, always with microseconds, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
