"""Text files read: CSV as a sheet of texts, JSON Lines as objects. The encoding is told, never guessed away."""

import codecs
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from registry.sheets import RawSheet, check_size
from registry.workbook_cells import refuse
from registry.workbook_scan import OLE_MAGIC, ZIP_MAGIC
from validators.rendering import unguard_formula

_CHUNK = 1 << 20
# so many characters beyond ASCII in good UTF-8 before the first fault are no GB18030 read by chance
_SURELY_UTF8 = 8
_TOO_LONG = "field larger than field limit"


# ---- encodings --------------------------------------------------------------------------------------------


class _Fault(NamedTuple):
    """Where a file stops to be of an encoding: its 1-based line, and characters beyond ASCII before it."""

    line: int
    beyond_ascii: int


def open_text(path: Path, most: int) -> TextIO:
    """A text file opened in UTF-8 (with or without BOM) or GB18030, whichever fits the whole file.

    Raises:
        Unreadable: too large, a workbook, UTF-16, holds NUL bytes, or fits neither encoding; it names the line.
    """
    check_size(path, most)
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith((OLE_MAGIC, ZIP_MAGIC)):
        raise refuse("is_workbook", value=path.suffix or path.name)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head.count(0) > len(head) // 4:
        raise refuse("utf16")
    _check_nul(path)
    return path.open(encoding=_encoding(path, head), newline="")


def _check_nul(path: Path) -> None:
    line = 1
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            at = chunk.find(b"\0")
            if at >= 0:
                raise refuse("nul", line=str(line + chunk.count(b"\n", 0, at)))
            line += chunk.count(b"\n")


def _encoding(path: Path, head: bytes) -> str:
    fault = _first_fault(path, "utf-8")
    if fault is None:
        return "utf-8-sig"
    if head.startswith(codecs.BOM_UTF8) or fault.beyond_ascii >= _SURELY_UTF8:
        raise refuse("encoding", line=str(fault.line))
    other = _first_fault(path, "gb18030")
    if other is None:
        return "gb18030"
    raise refuse("encoding", line=str(max(fault.line, other.line)))


def _first_fault(path: Path, encoding: str) -> _Fault | None:
    """Where a file does not decode; None when all of it does."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, beyond = 1, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                good = error.object[: error.start]
                beyond += sum(not char.isascii() for char in good.decode(encoding, "ignore"))
                return _Fault(line + good.count(b"\n"), beyond)
            if not chunk:
                return None
            line += text.count("\n")
            beyond += len(text) - len(text.encode("ascii", "ignore"))


# ---- CSV --------------------------------------------------------------------------------------------------


def read_csv(path: Path, limits: Mapping[str, int]) -> RawSheet:
    """A CSV (or tab-separated) file as one sheet of texts.

    Raises:
        Unreadable: see ``open_text``; also an unpaired quotation mark, too many rows or columns.
    """
    with open_text(path, limits["file_bytes"]) as file:
        sample = file.read(8192)
        file.seek(0)
        reader = csv.reader(file, delimiter="\t" if _tabbed(sample) else ",", strict=True)
        rows: list[list[Any]] = []
        lines: list[int] = []
        line = 1
        try:
            for row in reader:
                rows.append([unguard_formula(cell) for cell in row])
                lines.append(line)
                line = reader.line_num + 1
                if len(rows) > limits["rows"]:
                    raise refuse("rows", sheet=path.name, max=str(limits["rows"]))
                if len(row) > limits["columns"]:
                    raise refuse("columns", sheet=path.name, max=str(limits["columns"]))
        except csv.Error as error:
            reason = "long_cell" if str(error).startswith(_TOO_LONG) else "quoting"
            raise refuse(reason, line=str(line), max=str(csv.field_size_limit())) from error
    return RawSheet("", rows, lines=lines)


def _tabbed(sample: str) -> bool:
    first = sample.split("\n", 1)[0]
    return first.count("\t") > first.count(",")


# ---- JSON Lines -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JsonLine:
    """One line of a JSON Lines file: its object, or why there is none and the line as it stands."""

    line: int
    value: Any = None
    fault: str = ""
    text: str = ""


def read_jsonl(path: Path, limits: Mapping[str, int]) -> Iterator[JsonLine]:
    """The lines of a JSON Lines file, blank ones left out.

    Raises:
        Unreadable: see ``open_text``; also a file that is one JSON array over several lines.
    """
    with open_text(path, limits["text_bytes"]) as file:
        first = True
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            line = _json_line(number, text, limits["nesting"])
            if first and line.fault and text.lstrip().startswith("["):
                raise refuse("json_array")
            first = False
            yield line


class _DoubledKeyError(ValueError):
    msg = "同一个对象里有重复的键"


def _json_line(number: int, text: str, deepest: int) -> JsonLine:
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        detail = getattr(error, "msg", "") or "嵌套过深或数字不合法"
        column = getattr(error, "colno", 0)
        return JsonLine(number, fault=f"{detail}（第 {column} 列）" if column else detail, text=text)
    if not isinstance(value, dict):
        return JsonLine(number, fault="shape", text=text)
    if text.count("{") + text.count("[") > deepest and depth_of(value) > deepest:
        return JsonLine(number, fault=f"嵌套超过 {deepest} 层", text=text)
    return JsonLine(number, value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DoubledKeyError
    return found


def depth_of(value: Any) -> int:
    """How deep lists and objects are nested; without recursion, for the depth is the danger."""
    depth, level = 0, [value]
    while level:
        depth += 1
        parts = [part for box in level for part in (box.values() if isinstance(box, dict) else box)]
        level = [part for part in parts if isinstance(part, dict | list)]
    return depth


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} 不是合法的 JSON 值")
