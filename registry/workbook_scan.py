"""A look into an XLSX package before it is read: is it whole, safe, of a bearable size, and where are formulas?

The quick reader gives a formula's last value as if it were typed, so formulas and error cells are found here,
in the sheets' XML.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring

from registry.errors import Unreadable
from validators.findings import Finding

ENCRYPTED_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_REL_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_REL_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_PLACE = re.compile(rb'\br="([A-Z]+)([0-9]+)"')
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_ERROR = re.compile(rb'\bt="e"')
_MACRO_PARTS = ("vbaproject.bin", "xlm", "macrosheets/")


class Special(NamedTuple):
    """A cell that holds no plain value: ``kind`` is ``formula`` or ``error``; row and column from 0."""

    row: int
    column: int
    kind: str


def refuse(reason: str, **params: str) -> Unreadable:
    """The error for a file that cannot be read, with a reason of rule E171."""
    return Unreadable(Finding("E171", reason=reason, params=params))


def scan(path: Path, limits: Mapping[str, int]) -> dict[str, list[Special]]:
    """Sheet name -> formula and error cells of a workbook.

    Raises:
        Unreadable: not a workbook, damaged, protected by a password, with macros, or too large unpacked.
    """
    _check_magic(path)
    try:
        with zipfile.ZipFile(path) as package:
            _check_package(package, path, limits)
            return {name: list(_special_cells(package, part)) for name, part in _sheet_parts(package)}
    except (zipfile.BadZipFile, KeyError, ParseError, EOFError, ValueError, OSError, NotImplementedError) as error:
        raise refuse("damaged") from error


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(8)
    if head == ENCRYPTED_MAGIC:
        # an encrypted .xlsx is an OLE container; so is the old .xls, which the reader itself can take
        raise refuse("password")
    if not head.startswith(b"PK"):
        raise refuse("damaged")


def _check_package(package: zipfile.ZipFile, path: Path, limits: Mapping[str, int]) -> None:
    infos = package.infolist()
    unpacked = sum(info.file_size for info in infos)
    if unpacked > limits["unpacked_bytes"] or unpacked > limits["unpack_ratio"] * max(path.stat().st_size, 65_536):
        raise refuse("bomb", size=str(unpacked // 1_048_576))
    if any(info.flag_bits & 1 for info in infos):
        raise refuse("password")
    names = [info.filename.lower() for info in infos]
    if any(part in name for name in names for part in _MACRO_PARTS):
        raise refuse("macros")


def _sheet_parts(package: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    relations = fromstring(package.read("xl/_rels/workbook.xml.rels"))
    targets = {node.get("Id"): node.get("Target", "") for node in relations}
    book = fromstring(package.read("xl/workbook.xml"))
    for node in book.iter():
        if node.tag in (f"{_MAIN}sheet", f"{_STRICT}sheet"):
            target = targets.get(node.get(_REL_ID) or node.get(_STRICT_REL_ID)) or ""
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if part in package.namelist():
                yield node.get("name", ""), part


def _special_cells(package: zipfile.ZipFile, part: str) -> Iterator[Special]:
    data = package.read(part)
    if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data[:4096]:
        raise refuse("damaged")
    if not (_FORMULA.search(data) or _ERROR.search(data)):
        return
    for cell in _CELL.finditer(data):
        attributes, body = cell.group(1), cell.group(2) or b""
        kind = "formula" if _FORMULA.search(body) else "error" if _ERROR.search(attributes) else ""
        place = _PLACE.search(attributes) if kind else None
        if place:
            yield Special(int(place.group(2)) - 1, column_number(place.group(1).decode()), kind)


def column_number(letters: str) -> int:
    """A = 0, B = 1, AA = 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letters(number: int) -> str:
    """0 = A, 26 = AA."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
