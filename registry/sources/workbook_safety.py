"""A look into a workbook before it is read: does it unpack to a bearable size, and what in it is no plain cell?"""

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

from catalog_specs.law_scanning import Inputs
from registry.sheets import check_size
from registry.sources.problems import Teller
from registry.workbook_cells import Special, refuse
from registry.workbook_scan import OLE_MAGIC, scan

_PIECE = 1 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ExpatError,
    LookupError,
    EOFError,
    ValueError,
    NotImplementedError,
)
# a formula's cell without a value (no program has computed it yet); an empty text is a value
_UNCOMPUTED = re.compile(
    rb"""<(?:\w+:)?c(?=[\s>])(?![^>]*\bt=["']str["'])[^>]*>\s*"""
    rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_LONGEST_CELL = 16_384
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True)
class Safe:
    """Cells that hold no plain value and texts beside the cells, by sheet; whether formulas lack their value."""

    special: Mapping[str, list[Special]] = field(default_factory=dict)
    beside: Mapping[str, list[str]] = field(default_factory=dict)
    uncomputed: bool = False


def look_into(path: Path, inputs: Inputs, tell: Teller) -> Safe:
    """What is told of a workbook that is safe to read.

    Raises:
        Unreadable: too large, damaged, protected by a password, with macros.
    """
    limits = inputs.workbook
    check_size(path, limits["file_bytes"])
    with path.open("rb") as file:
        head = file.read(len(OLE_MAGIC))
        if head == OLE_MAGIC:
            if _ENCRYPTED in file.read():
                raise refuse("password")
            return Safe()
    if path.suffix.lower() == ".ods":
        _check_ods(path, limits, tell)
        return Safe()
    scanned = scan(path, limits)
    return Safe(scanned.special, scanned.beside, _uncomputed(path))


def _uncomputed(path: Path) -> bool:
    """Whether any sheet holds a formula without a value; ``scan`` has checked the sizes."""
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            if "worksheets/" in name.lower() and name.lower().endswith(".xml"):
                with package.open(name) as part:
                    tail = b""
                    while piece := part.read(_PIECE):
                        if _UNCOMPUTED.search(tail + piece):
                            return True
                        tail = piece[-_LONGEST_CELL:]
    return False


# ---- OpenDocument -----------------------------------------------------------------------------------------


def _check_ods(path: Path, limits: Mapping[str, int], tell: Teller) -> None:
    try:
        with zipfile.ZipFile(path) as package:
            infos = package.infolist()
            size = sum(info.file_size for info in infos)
            if size > limits["unpacked_bytes"] or size > limits["unpack_ratio"] * max(
                path.stat().st_size, 65_536
            ):
                raise refuse("bomb", size=str(size >> 20))
            if any(info.flag_bits & 1 for info in infos):
                raise refuse("password")
            _Repeats(limits).read(package)
    except _DAMAGED:
        raise tell.refuse("damaged", value="ODS") from None


class _Repeats:
    """Cells of an ODS sheet: one that is written once may stand for a million."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self.limits, self.cells, self.rows, self.in_row = limits, 0, 1, 0

    def read(self, package: zipfile.ZipFile) -> None:
        parser = ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.EntityDeclHandler = self._entity
        with package.open("content.xml") as part:
            while piece := part.read(_PIECE):
                parser.Parse(piece, False)
        parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table-row":
            self.rows, self.in_row = int(attributes.get("table:number-rows-repeated", "1")), 0
        elif name == "table:table-cell" and "office:value-type" in attributes:
            self.in_row += int(attributes.get("table:number-columns-repeated", "1"))

    def _end(self, name: str) -> None:
        if name == "table:table-row":
            self.cells += self.rows * self.in_row
            if self.cells > self.limits["cells"]:
                raise refuse("bomb", size=str(self.cells))

    def _entity(self, *_: object) -> None:
        raise refuse("damaged")
