"""Whether a column's value holds an unmasked identifier, in SQL made from the detectors' YAML.

The engine (``detectors.residual``) is the measure: what it finds is found here, and nothing else. A text is folded
as it folds it; a candidate is a run of digits and letters, several runs joined by blanks, hyphens or dots as the
detector's groups allow, or 18 characters inside a longer run; then the pattern and the check digits are asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from catalog_specs import Specs
from catalog_specs.law_detecting import Groups
from catalog_specs.law_masking import Detector
from validators.detect_pattern import shape_of, without_marks
from validators.expect_dialects import ALNUM, DIALECTS, NOT_ALNUM, Dialect
from validators.expect_patterns import (
    alone_in_text,
    class_of,
    either_case,
    folding,
    gaps,
    split,
    worth_looking,
)
from validators.expect_sql_terms import (
    NotPushed,
    Term,
    luhn,
    mod11_2,
    organisation,
    portable,
    prefix,
    uscc,
    valid_date,
)

__all__ = ["NotPushed", "holds_identifier", "rough"]

_ID_LENGTH = 18


def holds_identifier(dialect: str, column: str, specs: Specs, detectors: Sequence[str]) -> str:
    """A boolean expression: the column's value holds an unmasked identifier of one of ``detectors``.

    Args:
        dialect: ``postgresql``, ``mariadb``, ``mysql`` that is a MariaDB, or ``spark``.
        column: the column's name, quoted as the database wants it.

    Raises:
        NotPushed: there is no SQL for this database, or for one of the detectors.
    """
    known = DIALECTS.get(dialect)
    if known is None:
        raise NotPushed("no_dialect", dialect)
    rows = {row.key: row for row in specs.desensitization.detectors}
    return _Writer(known(), specs).holds(column, [rows[key] for key in detectors])


def rough(specs: Specs, detectors: Sequence[str]) -> tuple[dict[int, str | None], str]:
    """For judging one value after another in Python: what a text is folded by, and a pattern of folded texts.

    Every text that holds a value of ``detectors`` matches; one of a detector that has no SQL may be any text.
    """
    rows = {row.key: row for row in specs.desensitization.detectors}
    try:
        patterns = _Writer(DIALECTS["postgresql"](), specs).rough([rows[key] for key in detectors])
    except NotPushed:
        patterns = [""]
    table: dict[int, str | None] = {
        ord(before): after for before, after in folding(specs.desensitization.detector_text).items()
    }
    return table, "|".join(patterns)


def _any(conditions: Iterable[str]) -> str:
    return "(" + " OR ".join(f"({condition})" for condition in conditions) + ")"


def _all(conditions: Iterable[str]) -> str:
    return " AND ".join(f"({condition})" for condition in conditions)


@dataclass(frozen=True)
class _Number:
    """A detector whose values are digits and letters: its pattern, its lengths, and what is asked of a candidate."""

    row: Detector
    core: str
    lengths: frozenset[int]
    checks: tuple[Term, ...]


class _Writer:
    """Writes one expression. PostgreSQL keeps 32 compiled patterns, so the same ones serve all detectors."""

    def __init__(self, sql: Dialect, specs: Specs) -> None:
        self.sql = sql
        self._specs = specs
        self._text = specs.desensitization.detector_text
        self._gaps = gaps(self._text)
        self._loose = class_of(self._text.separators)
        self._embedded = specs.desensitization.embedded.detector

    def holds(self, column: str, rows: Sequence[Detector]) -> str:
        """Whether the column holds a value of any of the detectors."""
        numbers, texts = self._sorted(rows)

        def found(folded: str) -> str:
            parts = [self.sql.matches(folded, pattern) for pattern in texts]
            return _any([*parts, *self._numbers_in(folded, numbers)])

        text = self.sql.text(column)
        looked = self.sql.let(self.sql.folded(text, folding(self._text)), found)
        # most cells of most tables hold nothing that is worth folding
        return self._when(text, [worth], looked) if (worth := worth_looking(rows)) else looked

    def rough(self, rows: Sequence[Detector]) -> list[str]:
        """Patterns one of which stands in every folded text that holds a value of the detectors."""
        numbers, texts = self._sorted(rows)
        lengths = frozenset[int]().union(*(number.lengths for number in numbers))
        return [*texts, *([self._spaced(min(lengths))] if lengths else [])]

    def _sorted(self, rows: Sequence[Detector]) -> tuple[list[_Number], list[str]]:
        """The detectors of numbers, and the patterns of the others. Raises NotPushed."""
        numbers, texts = [], []
        for row in rows:
            try:
                if (number := self._number(row)) is not None:
                    numbers.append(number)
                else:
                    texts.append(self._text_pattern(row))
            except (ValueError, KeyError) as error:
                raise NotPushed("no_push", row.zh) from error
        return numbers, texts

    def _number(self, row: Detector) -> _Number | None:
        pattern = without_marks(row.pattern)
        shape = shape_of(pattern)
        if row.applies_to != "cell":
            raise ValueError(row.key)
        if not shape.token or row.vote_if:
            return None
        core = portable(pattern)
        core = either_case(core) if row.ignore_case else core
        return _Number(row, core, shape.lengths, tuple(self._checks(row)))

    def _text_pattern(self, row: Detector) -> str:
        asked = (
            row.high_if,
            row.high_needs,
            row.plus,
            row.yields_to,
            row.detail_if,
            row.vote_if,
            row.chained,
        )
        if row.check != "none" or row.apart or row.ignore_case or any(asked):
            raise ValueError(row.key)
        core = portable(f"{row.pattern}|{row.also_written}" if row.also_written else row.pattern)
        return alone_in_text(core)

    # ---- numbers ----

    def _numbers_in(self, folded: str, numbers: Sequence[_Number]) -> Iterator[str]:
        """Conditions in the order of what they cost: the first that holds ends the search."""
        simple = [number for number in numbers if not number.checks]
        if simple:
            yield self.sql.matches(folded, _whole_in_text(simple))
        checked = [number for number in numbers if number.checks]
        if checked:
            yield self._when(folded, [_whole_in_text(checked)], self._tokens(folded, checked))
        for number in numbers:
            if number.row.key == self._embedded:
                yield self._when(folded, [number.core], self._window(folded, number))
        grouped = [number for number in numbers if number.row.groups and _joined_lengths(number)]
        if grouped:
            least = min(min(_joined_lengths(number)) for number in grouped)
            worth = [f"{ALNUM}{self._loose}{{1,{self._text.gap_max}}}{ALNUM}", self._spaced(least)]
            alone = [self._alone(folded, number) for number in grouped if _alone_layouts(number)]
            yield self._when(folded, worth, _any([self._joined(folded, grouped), *alone]))

    def _when(self, text: str, patterns: Sequence[str], condition: str) -> str:
        worth = _all(self.sql.matches(text, pattern) for pattern in patterns)
        return f"CASE WHEN {worth} THEN {condition} ELSE (1 = 0) END"

    def _tokens(self, folded: str, numbers: Sequence[_Number]) -> str:
        return self.sql.any_token(folded, lambda t: _any(self._judged(t, number) for number in numbers))

    def _joined(self, folded: str, numbers: Sequence[_Number]) -> str:
        every = frozenset[int]().union(*(_joined_lengths(number) for number in numbers))
        chain = f"{ALNUM}(?:{self._loose}{{0,{self._text.gap_max}}}{ALNUM}){{0,{max(every)}}}"

        def of_start(start: str) -> str:
            return self._when(
                start, [self._loose], _any(self._of_length(start, n, numbers) for n in sorted(every))
            )

        return self.sql.any_start(folded, chain, of_start)

    def _of_length(self, start: str, length: int, numbers: Sequence[_Number]) -> str:
        """Whether the first ``length`` digits and letters, with gaps between them, are a value of one of them."""
        fitting = [number for number in numbers if length in _joined_lengths(number)]

        def laid_out(raw: str, bare: str, number: _Number) -> str:
            layouts = "|".join(self._layouts(number.row.groups, length))
            return self._when(raw, [f"^(?:{layouts}){NOT_ALNUM}?$"], self._judged(bare, number))

        def among(raw: str) -> str:
            bare = self.sql.only_alnum(raw)
            return self.sql.let(bare, lambda b: _any(laid_out(raw, b, number) for number in fitting))

        raw = self.sql.first(start, f"^{self._spaced(length)}(?:$|{NOT_ALNUM})")
        return self.sql.let(raw, lambda r: f"CASE WHEN {r} <> '' THEN {among(r)} ELSE (1 = 0) END")

    def _judged(self, bare: str, number: _Number) -> str:
        def asked(value: str) -> str:
            return _all(term(value) for term in number.checks) or "(1 = 1)"

        found = self.sql.let(f"upper({bare})", asked) if number.row.ignore_case else asked(bare)
        return self._when(bare, [f"^(?:{number.core})$"], found)

    def _window(self, folded: str, number: _Number) -> str:
        return self.sql.any_window(
            folded, _ID_LENGTH, number.core, lambda c: _all(term(c) for term in number.checks)
        )

    def _spaced(self, length: int) -> str:
        """So many digits and letters, with or without a gap between any two; gaps are looked at later."""
        return f"{ALNUM}(?:{self._loose}{{0,{self._text.gap_max}}}{ALNUM}){{{length - 1}}}"

    def _layouts(self, groups: Groups | None, length: int) -> Iterator[str]:
        """Patterns of tokens joined as ``groups`` allows."""
        for mark, gap in self._gaps.items() if groups else ():
            joints = self._joints_min(mark)
            if groups and groups.least:
                yield f"(?:{ALNUM}{{{groups.least},}}{gap}){{{joints},}}{ALNUM}+"
            for layout in groups.layouts if groups else ():
                if len(layout) > joints and sum(layout) == length:
                    yield gap.join(f"{ALNUM}{{{size}}}" for size in layout)

    def _joints_min(self, mark: str) -> int:
        # two numbers with one point between them are a decimal
        return self._text.point_groups_min - 1 if mark == "." else 1

    def _alone(self, folded: str, number: _Number) -> str:
        """Layouts that count only where nothing else is joined to them; for detectors without a check."""
        if number.checks:
            raise NotPushed("no_push", number.row.zh)
        rough, exact = [], []
        for mark, gap in self._gaps.items():
            before = "".join(f"(?<!{ALNUM}{one})" for one in self._gap_forms(mark))
            for layout in _alone_layouts(number):
                if len(layout) > self._joints_min(mark):
                    for parts in split(without_marks(number.row.pattern), layout):
                        rough.append(gap.join(parts))
                        exact.append(f"{before}{gap.join(parts)}(?!{gap}{ALNUM})")
        whole = self.sql.matches(folded, f"(?<!{ALNUM})(?:{'|'.join(exact)})(?!{ALNUM})")
        # looking around is dear in PostgreSQL
        return self._when(folded, [alone_in_text("|".join(rough))], whole)

    def _gap_forms(self, mark: str) -> list[str]:
        return self._gaps[mark].removeprefix("(?:").removesuffix(")").split("|")

    # ---- what is asked of a candidate ----

    def _checks(self, row: Detector) -> Iterator[Term]:
        """The check, what the detector asks beside it, and what a hit needs to count without a column's help."""
        conditions, credit = self._specs.desensitization.detector_conditions, self._specs.credit_code
        known: dict[str, Term] = {
            "valid_date": valid_date,
            "region_prefix": prefix(conditions.region_prefixes, 1),
            "known_region": prefix(conditions.credit_prefixes, 3),
            "org": organisation(credit),
        }
        checks: dict[str, Term] = {"mod11_2": mod11_2, "luhn": luhn, "uscc": uscc(credit)}
        if row.check_part != "all":
            raise KeyError(row.check_part)
        if row.high_if:
            yield self._shaped(portable(row.high_if))
        for key in row.yields_to:
            yield self._not_of(key)
        yield from (known[name] for name in (*row.plus, *row.high_needs))
        if row.check != "none":
            yield checks[row.check]

    def _shaped(self, pattern: str) -> Term:
        return lambda text: self.sql.matches(text, f"^(?:{pattern})$")

    def _not_of(self, key: str) -> Term:
        """Not of the shape of another detector, whatever its check digit says."""
        other = next(row for row in self._specs.desensitization.detectors if row.key == key)
        conditions = self._specs.desensitization.detector_conditions
        known = {"valid_date": valid_date, "region_prefix": prefix(conditions.region_prefixes, 1)}
        terms = [self._shaped(portable(without_marks(other.pattern))), *(known[name] for name in other.plus)]
        return lambda text: f"NOT ({_all(term(text) for term in terms)})"


def _whole_in_text(numbers: Sequence[_Number]) -> str:
    return alone_in_text("|".join(number.core for number in numbers))


def _alone_layouts(number: _Number) -> tuple[tuple[int, ...], ...]:
    return number.row.groups.alone if number.row.groups else ()


def _joined_lengths(number: _Number) -> frozenset[int]:
    groups = number.row.groups
    if groups is None or groups.least:
        return number.lengths
    return number.lengths & {sum(layout) for layout in groups.layouts}
