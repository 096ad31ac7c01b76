"""Cells and JSON values read into stored values. What cannot be read is reported, never guessed.

``Reader`` makes one ``Cell`` of one raw value: the stored value (``None`` for a blank one), the issues met on
the way, and values for neighbouring fields (the precision in a length of ``16,2``). Reading is idempotent:
what ``rendering`` writes for a stored value is read back as that value.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.model import CodeList, FieldSpec, FieldType
from validators.basis import read_basis, write_basis
from validators.findings import text_of
from validators.folding import fold, narrow

# invisible ones, those that turn the direction of writing, and halves of a pair, which no file can hold
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_BLANKS = " \t\r\n\u3000\xa0\u200b\ufeff"
_INNER_BLANK = re.compile(r"[ \t\u3000\xa0\u200b\ufeff]+")
_ERROR_CELL = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA)")
_LENGTH = re.compile(r"[（(]?\s*([0-9]{1,6})\s*[,，]\s*([0-9]{1,3})\s*[)）]?")
_DATE_TEXT = re.compile(
    r"([0-9]{4})(?:[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?|([0-9]{2})([0-9]{2}))(?:[ T]00:00(?::00)?)?"
)
_PARTS, _ROWS = "｜|", "；;\n"
_TOKEN = re.compile(r"\\[\\｜|；;]|.", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\｜|；;])")
_SPECIAL = re.compile(r"([\\｜|；;])")
LOSSY = 10**15
MEMO_LIMIT = 50_000
TRUE_WORDS = frozenset({"是", "1", "true", "yes", "y", "√", "有"})
FALSE_WORDS = frozenset({"否", "0", "false", "no", "n", "×", "没有"})


class Issue(NamedTuple):
    """A rule that the raw value breaks (E16x, E17x, W23x), with its shown value and reason."""

    rule: str
    value: str = ""
    reason: str = ""


class Cell(NamedTuple):
    """One value read: stored form (None when blank), issues, and values for neighbouring fields."""

    value: Any
    issues: tuple[Issue, ...] = ()
    beside: Mapping[str, Any] | None = None


BLANK = Cell(None)
Convert = Callable[[str], tuple[Any, Mapping[str, Any] | None]]


def clean_text(text: str, *, code: bool = False) -> tuple[str, tuple[Issue, ...]]:
    """A text without control characters, stray blanks and full-width digits, and what was found on it."""
    # printable text holds no control, format or wide blank character; nearly every cell ends here
    if text.isprintable() and not (text[:1] == " " or text[-1:] == " " or (code and " " in text)):
        narrowed = narrow(text)
        return narrowed, (() if narrowed == text else (Issue("W232", narrowed),))
    issues = []
    if _CONTROL.search(text):
        text = _CONTROL.sub("", text)
        issues.append(Issue("E173"))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    stripped = text.strip(_BLANKS)
    if code:
        stripped = _INNER_BLANK.sub("", stripped)
    if stripped != text and stripped:
        issues.append(Issue("W231", stripped))
    narrowed = narrow(stripped)
    if narrowed != stripped:
        issues.append(Issue("W232", narrowed))
    return narrowed, tuple(issues)


class Reader:
    """Reads the raw values of one field. Text answers are remembered, since columns repeat themselves."""

    def __init__(self, spec: FieldSpec, specs: Specs) -> None:
        self.spec = spec
        self.blank_words = frozenset(specs.entry.blank_words)
        self.separators = re.compile(f"[{re.escape(specs.entry.list_separators)}]+")
        self.number_fits = re.compile(spec.number_pattern).fullmatch if spec.number_pattern else None
        self.text_fits = re.compile(spec.pattern).fullmatch if spec.pattern else None
        self.table = lookup(specs.codes[spec.codes]) if spec.codes else {}
        self.classes = _class_names(specs) if spec.type is FieldType.CATEGORY else {}
        self.convert: Convert = {
            FieldType.TEXT: lambda text: (text, None),
            FieldType.TEXT_LIST: lambda text: (self._split(text), None),
            FieldType.ENUM: lambda text: (self.code_of(text), None),
            FieldType.ENUM_LIST: lambda text: (self._codes(text), None),
            FieldType.DATE: lambda text: (read_date(text), None),
            FieldType.BOOLEAN: lambda text: (_boolean(text), None),
            FieldType.INTEGER: self._integer,
            FieldType.CATEGORY: lambda text: (self._category(text), None),
            FieldType.BASIS: lambda text: (read_basis(text), None),
            FieldType.RECORD: lambda text: (self._record(text), None),
            FieldType.RECORDS: lambda text: (self._records(text), None),
        }[spec.type]
        self.memo: dict[str, Cell] = {}

    def read(self, raw: Any) -> Cell:
        """The stored form of one raw value (a cell or a JSON value)."""
        if raw.__class__ is str:
            found = self.memo.get(raw)
            if found is None:
                found = self._text(raw)
                if len(self.memo) < MEMO_LIMIT:
                    self.memo[raw] = found
            return found
        if raw is None or raw in ([], {}):
            return BLANK
        if isinstance(raw, list):
            return self._list(raw)
        if isinstance(raw, dict):
            return self._dict(raw)
        return self._scalar(raw)

    # ---- texts ----

    def _text(self, raw: str) -> Cell:
        if not raw:
            return BLANK
        text, issues = clean_text(raw, code=self.spec.digits and self.spec.type is FieldType.TEXT)
        if not text or text in self.blank_words:
            return Cell(None, tuple(i for i in issues if i.rule == "E173"))
        if _ERROR_CELL.fullmatch(text):
            return Cell(None, (Issue("E164", text),))
        value, beside = self.convert(text)
        return Cell(None if value in ([], {}) else value, issues, beside)

    def _says(self, part: str) -> bool:
        """Whether a part says something: it is neither blank nor an error value of a spreadsheet."""
        return bool(part) and part not in self.blank_words and not _ERROR_CELL.fullmatch(part)

    def _split(self, text: str) -> list[str]:
        parts = (part.strip(_BLANKS) for part in self.separators.split(text))
        return list(dict.fromkeys(filter(self._says, parts)))

    def code_of(self, text: str) -> str:
        """The code that a text stands for; a text that stands for none is kept, the rules report it."""
        return self.table.get(text) or self.table.get(fold(text)) or text

    def _codes(self, text: str) -> list[str]:
        if text in self.table:  # a name may hold a separator itself
            return [self.table[text]]
        return list(dict.fromkeys(self.code_of(part) for part in self._split(text)))

    def _integer(self, text: str) -> tuple[Any, Mapping[str, Any] | None]:
        both = _LENGTH.fullmatch(text)
        if both and self.spec.key == "data_length":
            return int(both.group(1)), {"data_precision": int(both.group(2))}
        return (int(text), None) if text.isascii() and text.isdigit() and len(text) < 10 else (text, None)

    def _category(self, text: str) -> list[str]:
        return [path for row in re.split(f"[{_ROWS}]", text) if self._says(path := self._path(row))]

    def _path(self, row: str) -> str:
        levels = [level.strip(_BLANKS) for level in row.replace("\\", "/").replace(">", "/").split("/")]
        levels = [level for level in levels if level]
        if levels:
            levels[0] = self.classes.get(fold(levels[0]), levels[0])
        return "/".join(levels)

    def _records(self, text: str) -> list[dict[str, Any]]:
        return [found for row in _pieces(text, _ROWS) if (found := self._record(row))]

    def _record(self, text: str) -> dict[str, Any]:
        values = [_flat(_ESCAPED.sub(r"\1", part)) for part in _pieces(text, _PARTS)]
        parts = self.spec.parts
        if len(values) > len(parts):
            values = [*values[: len(parts) - 1], "｜".join(values[len(parts) - 1 :])]
        found: dict[str, Any] = {}
        for part, value in zip(parts, values, strict=False):
            if self._says(value) and (stored := self._split(value) if part.is_list else value):
                found[part.key] = stored
        return found

    # ---- other cells and JSON values ----

    def _scalar(self, raw: Any) -> Cell:
        if isinstance(raw, bool):
            return self._boolean_cell(raw)
        if isinstance(raw, int | float):
            return self._number_cell(raw)
        if isinstance(raw, datetime | date):
            return self._date_cell(raw)
        kind = "date" if isinstance(raw, time | timedelta) else "number"
        return Cell(self._text(str(raw)).value, (Issue("E174", str(raw), kind),))

    def _boolean_cell(self, raw: bool) -> Cell:
        if self.spec.type is FieldType.BOOLEAN:
            return Cell(raw)
        word = "是" if raw else "否"
        known = self.spec.codes and word in self.table
        return Cell(self._text(word).value, () if known else (Issue("E174", word, "boolean"),))

    def _number_cell(self, raw: float) -> Cell:
        if not abs(raw) < LOSSY:  # also what is no number (NaN)
            return Cell(None, (Issue("E165", _shown_number(raw)),))
        if raw != int(raw):
            return Cell(self._text(str(raw)).value, (Issue("E174", str(raw), "number"),))
        text = str(int(raw))
        if self.spec.digits and not (self.number_fits and self.number_fits(text)):
            return Cell(None, (Issue("E166", text),))
        return self._text(text)

    def _date_cell(self, raw: date) -> Cell:
        text = (raw.date() if isinstance(raw, datetime) else raw).isoformat()
        if self.spec.type is FieldType.DATE:
            return Cell(text)
        if self.text_fits and self.text_fits(text) and not self.spec.digits:
            return Cell(text.replace("-", "/"))
        return Cell(self._text(text).value, (Issue("E174", text, "date"),))

    def _list(self, raw: list[Any]) -> Cell:
        if self.spec.type in _LISTS:
            cells = [self._part(part) for part in raw]
            values = [v for c in cells for v in (c.value if isinstance(c.value, list) else [c.value]) if v]
            if self.spec.type not in _ROW_LISTS:
                values = list(dict.fromkeys(values))
            return Cell(values or None, tuple(i for c in cells for i in c.issues))
        if len(raw) == 1 and not isinstance(raw[0], list):
            return self.read(raw[0])
        return self._misshapen(raw)

    def _part(self, raw: Any) -> Cell:
        """One element of a list; no list has its place there, and no object where texts are listed."""
        if isinstance(raw, list) or (isinstance(raw, dict) and self.spec.type not in _ROW_LISTS):
            return self._misshapen(raw)
        return self.read(raw)

    def _dict(self, raw: dict[str, Any]) -> Cell:
        """An object: through its text form, so that it is stored as a cell of the same content would be."""
        if self.spec.type not in _OBJECTS:
            return self._misshapen(raw)
        parts = {part.key: _flat(raw.get(part.key)) for part in self.spec.parts}
        written = write_basis(parts) if self.spec.type is FieldType.BASIS else write_record(parts)
        cell = self._text(written)
        return cell._replace(issues=(*cell.issues, *_unknown(raw, set(parts))))

    def _misshapen(self, raw: Any) -> Cell:
        """A list or an object where none belongs: reported; where a text belongs, its JSON text is kept."""
        text = _json(raw)
        if self.spec.type in (FieldType.BOOLEAN, FieldType.INTEGER):
            return Cell(self._text(text).value)  # the rules on shapes and numbers report it
        kind = "list" if self.spec.type in _LISTS else "record" if self.spec.type in _OBJECTS else "text"
        kept = self._text(text).value if kind == "text" else None
        return Cell(kept, (Issue("E140", text_of(text), kind),))


_ROW_LISTS = frozenset({FieldType.BASIS, FieldType.RECORDS})
_OBJECTS = _ROW_LISTS | {FieldType.RECORD}
_LISTS = _ROW_LISTS | {FieldType.TEXT_LIST, FieldType.ENUM_LIST, FieldType.CATEGORY}


def _json(raw: Any) -> str:
    try:
        return json.dumps(raw, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # a circle, a number of thousands of digits, nested without end
        return "…"


def _shown_number(raw: float) -> str:
    try:
        return f"{raw:.0f}" if isinstance(raw, float) and math.isfinite(raw) else str(raw)
    except ValueError:  # an integer of thousands of digits
        return "…"


def _pieces(text: str, separators: str) -> list[str]:
    """A text taken apart at separators that no backslash escapes; the escapes stay in the pieces."""
    pieces = [""]
    for token in _TOKEN.findall(text):
        if token in separators:
            pieces.append("")
        else:
            pieces[-1] += token
    return pieces


def _unknown(raw: Mapping[str, Any], known: set[str]) -> tuple[Issue, ...]:
    return tuple(Issue("E150", str(key)) for key in raw if key not in known)


def _flat(value: Any) -> str:
    """A part of a record as one line of text."""
    if value is None:
        return ""
    try:
        shown = "、".join(map(str, value)) if isinstance(value, list) else str(value)
    except (ValueError, RecursionError):  # as in _json
        return "…"
    return _CONTROL.sub("", re.sub(r"\s*\n\s*", " ", shown)).strip(_BLANKS)


def write_record(row: Mapping[str, Any]) -> str:
    """A record as one text, parts between ｜; separators and backslashes inside a part are escaped."""
    parts = [_SPECIAL.sub(r"\\\1", _flat(value)) for value in row.values()]
    while parts and not parts[-1]:
        parts.pop()
    return "｜".join(parts)


def read_date(text: str) -> str:
    """A date in one of the usual forms as 2026-01-31; any other text unchanged (the rules report it)."""
    found = _DATE_TEXT.fullmatch(text)
    if not found:
        return text
    year, month, day = found[1], found[2] or found[4], found[3] or found[5]
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return text


def _boolean(text: str) -> Any:
    word = text.lower()
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else text


def lookup(listed: CodeList) -> dict[str, str]:
    """Every accepted spelling of a code list -> its code: code, name, aliases, both; also folded."""
    table: dict[str, str] = {}
    for value in listed.values:
        spellings = (value.code, value.zh, *value.aliases, value.code + value.zh, f"{value.zh}({value.code})")
        for spelling in spellings:
            table.setdefault(spelling, value.code)
    for spelling, code in list(table.items()):
        table.setdefault(fold(spelling), code)
    table.pop("", None)
    return table


def _class_names(specs: Specs) -> dict[str, str]:
    """Spellings of the three classes: 部门信息资源类, 部门信息资源, 部门类, 部门, 3."""
    table = {}
    for digit, row in specs.resource_code.classes.items():
        short = row.zh.removesuffix("信息资源类")
        for spelling in (row.zh, row.zh.removesuffix("类"), f"{short}类", short, digit):
            table[fold(spelling)] = row.zh
    return table
