"""How PostgreSQL, MariaDB and Spark say what finding identifiers needs: folding, patterns, lists of candidates.

None of them is asked for a function of ours or for rights beyond reading. Names given to parts of an expression
begin with ``mulu_``, so that no column of a table is taken for one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from validators.expect_sql_terms import literal

Condition = Callable[[str], str]
ALNUM = "[0-9A-Za-z]"
NOT_ALNUM = "[^0-9A-Za-z]"


class Dialect(ABC):
    """Expressions of one database; every method gives SQL. A pattern holds no backslash and captures nothing."""

    def __init__(self) -> None:
        self._names = 0

    def name(self) -> str:
        """A name that no other part of the expression has."""
        self._names += 1
        return f"mulu_{self._names}"

    @abstractmethod
    def text(self, column: str) -> str:
        """A column of any type that can be written out, as text; a whole number has no fraction."""

    @abstractmethod
    def folded(self, text: str, folding: Mapping[str, str]) -> str:
        """The text with every character of ``folding`` replaced, by one character or by nothing."""

    @abstractmethod
    def matches(self, text: str, pattern: str) -> str:
        """Whether the pattern stands anywhere in the text."""

    @abstractmethod
    def first(self, text: str, pattern: str) -> str:
        """The first text that the pattern matches; empty or NULL where there is none."""

    @abstractmethod
    def only_alnum(self, text: str) -> str:
        """The text without what is no digit and no Latin letter."""

    @abstractmethod
    def let(self, expression: str, condition: Condition) -> str:
        """Whether the condition holds of an expression that is evaluated once."""

    @abstractmethod
    def any_token(self, text: str, condition: Condition) -> str:
        """Whether the condition holds of any run of digits and letters in the text."""

    @abstractmethod
    def any_start(self, text: str, pattern: str, condition: Condition) -> str:
        """Whether the condition holds of the longest match of ``pattern`` at any beginning of a token."""

    @abstractmethod
    def any_window(self, text: str, size: int, pattern: str, condition: Condition) -> str:
        """Whether the condition holds of any ``size`` characters in a row that match ``pattern``."""


class Postgres(Dialect):
    """PostgreSQL 12 and later. ``OFFSET 0`` keeps the planner from writing an expression out many times."""

    def text(self, column: str) -> str:
        return f"CAST({column} AS text)"

    def folded(self, text: str, folding: Mapping[str, str]) -> str:
        # translate drops what has no counterpart, so that comes last
        pairs = sorted(folding.items(), key=lambda pair: not pair[1])
        before, after = "".join(p[0] for p in pairs), "".join(p[1] for p in pairs)
        return f"translate({text}, {literal(before)}, {literal(after)})"

    def matches(self, text: str, pattern: str) -> str:
        return f"{text} ~ {literal(pattern)}"

    def first(self, text: str, pattern: str) -> str:
        return f"substring({text} FROM {literal(pattern)})"

    def only_alnum(self, text: str) -> str:
        return f"regexp_replace({text}, {literal(NOT_ALNUM + '+')}, '', 'g')"

    def let(self, expression: str, condition: Condition) -> str:
        name = self.name()
        source = f"(SELECT {expression} AS {name} OFFSET 0) AS {name}_t"
        return f"EXISTS (SELECT 1 FROM {source} WHERE {condition(name)})"

    def any_token(self, text: str, condition: Condition) -> str:
        token = self.name()
        listed = f"regexp_split_to_table({text}, {literal(NOT_ALNUM + '+')})"
        return f"EXISTS (SELECT 1 FROM {listed} AS {token} WHERE {condition(token)})"

    def any_start(self, text: str, pattern: str, condition: Condition) -> str:
        parts, place, tail = self.name(), self.name(), self.name()
        cut = f"regexp_replace({text}, {literal(f'({NOT_ALNUM})({ALNUM})')}, '\\1' || chr(1) || '\\2', 'g')"
        # a candidate has 20 characters at most, so no more than 20 tokens from where it begins
        rest = f"array_to_string({parts}[{place}:{place} + 19], '')"
        return (
            f"EXISTS (SELECT 1 FROM (SELECT string_to_array({cut}, chr(1)) AS {parts} OFFSET 0) AS {parts}_t"
            f" CROSS JOIN generate_subscripts({parts}, 1) AS {place}"
            f" CROSS JOIN LATERAL (SELECT {self.first(rest, '^' + pattern)} AS {tail} OFFSET 0) AS {tail}_t"
            f" WHERE {condition(tail)})"
        )

    def any_window(self, text: str, size: int, pattern: str, condition: Condition) -> str:
        place, window = self.name(), self.name()
        return (
            f"EXISTS (SELECT 1 FROM generate_series(1, length({text}) - {size - 1}) AS {place}"
            f" CROSS JOIN LATERAL (SELECT substr({text}, {place}, {size}) AS {window} OFFSET 0) AS {window}_t"
            f" WHERE {self.matches(window, f'^(?:{pattern})$')} AND {condition(window)})"
        )


class MariaDb(Dialect):
    """MariaDB 10.6 and later. JSON_TABLE is the only source of rows that may name a column outside."""

    def text(self, column: str) -> str:
        # patterns would else not tell capital letters from small ones
        return f"(CONVERT(CAST({column} AS CHAR) USING utf8mb4) COLLATE utf8mb4_bin)"

    def folded(self, text: str, folding: Mapping[str, str]) -> str:
        dropped = "".join(before for before, after in folding.items() if not after)
        folded = f"REGEXP_REPLACE({text}, {literal(f'[{dropped}]')}, '')" if dropped else text
        for before, after in folding.items():
            if after:
                folded = f"REPLACE({folded}, {literal(before)}, {literal(after)})"
        # most texts hold nothing to fold
        worth = self.matches(text, "[" + "".join(folding) + "]")
        return f"CASE WHEN {worth} THEN {folded} ELSE {text} END"

    def matches(self, text: str, pattern: str) -> str:
        return f"{text} REGEXP {literal(pattern)}"

    def first(self, text: str, pattern: str) -> str:
        return f"REGEXP_SUBSTR({text}, {literal(pattern)})"

    def only_alnum(self, text: str) -> str:
        return f"REGEXP_REPLACE({text}, {literal(NOT_ALNUM + '+')}, '')"

    def let(self, expression: str, condition: Condition) -> str:
        return self._rows(f"JSON_ARRAY({expression})", condition)

    def _rows(self, listed: str, condition: Condition) -> str:
        name = self.name()
        column = f"{name} LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$'"
        source = f"JSON_TABLE({listed}, '$[*]' COLUMNS ({column})) AS {name}_t"
        return f"EXISTS (SELECT 1 FROM {source} WHERE {condition(name)})"

    def _listed(self, text: str, lookahead: str) -> str:
        # every character gives way to what matches from it on; nothing that JSON would have to escape is left
        pattern = literal(f"(?s)(?:{lookahead})?.")
        found = f"""REGEXP_REPLACE({text}, {pattern}, CONCAT(CHAR(92 USING utf8mb4), '1","'))"""
        return f"""CONCAT('["', {found}, '"]')"""

    def any_token(self, text: str, condition: Condition) -> str:
        tokens = f"""REGEXP_REPLACE({text}, {literal(NOT_ALNUM + "+")}, '","')"""
        return self._rows(f"""CONCAT('["', {tokens}, '"]')""", condition)

    def any_start(self, text: str, pattern: str, condition: Condition) -> str:
        return self._rows(self._listed(text, f"(?<!{ALNUM})(?=({pattern}))"), condition)

    def any_window(self, text: str, size: int, pattern: str, condition: Condition) -> str:
        return self._rows(self._listed(text, f"(?=({pattern}))"), lambda n: f"{n} <> '' AND {condition(n)}")


class Spark(Dialect):
    """Spark SQL 3.1 and later: functions over arrays, so that executors need nothing but Spark."""

    def text(self, column: str) -> str:
        # a number of floating point would be written 1.3800138E10
        number = f"try_cast({column} AS DECIMAL(38, 0))"
        kind = f"typeof({column}) IN ('double', 'float') AND {number} = {column}"
        return f"CASE WHEN {kind} THEN CAST({number} AS STRING) ELSE CAST({column} AS STRING) END"

    def folded(self, text: str, folding: Mapping[str, str]) -> str:
        pairs = sorted(folding.items(), key=lambda pair: not pair[1])
        before, after = "".join(p[0] for p in pairs), "".join(p[1] for p in pairs)
        return f"translate({text}, {literal(before)}, {literal(after)})"

    def matches(self, text: str, pattern: str) -> str:
        return f"{text} RLIKE {literal(pattern)}"

    def first(self, text: str, pattern: str) -> str:
        return f"regexp_extract({text}, {literal(pattern)}, 0)"

    def only_alnum(self, text: str) -> str:
        return f"regexp_replace({text}, {literal(NOT_ALNUM + '+')}, '')"

    def let(self, expression: str, condition: Condition) -> str:
        return self._any(f"array({expression})", condition)

    def _any(self, listed: str, condition: Condition) -> str:
        name = self.name()
        return f"exists({listed}, {name} -> {condition(name)})"

    def _listed(self, text: str, lookahead: str) -> str:
        pattern = literal(f"(?s)(?:{lookahead})?.")
        return f"split(regexp_replace({text}, {pattern}, '$1,'), ',')"

    def any_token(self, text: str, condition: Condition) -> str:
        return self._any(f"split({text}, {literal(NOT_ALNUM + '+')})", condition)

    def any_start(self, text: str, pattern: str, condition: Condition) -> str:
        return self._any(self._listed(text, f"(?<!{ALNUM})(?=({pattern}))"), condition)

    def any_window(self, text: str, size: int, pattern: str, condition: Condition) -> str:
        return self._any(self._listed(text, f"(?=({pattern}))"), lambda n: f"{n} <> '' AND {condition(n)}")


DIALECTS: dict[str, type[Dialect]] = {"postgresql": Postgres, "mariadb": MariaDb, "spark": Spark}
