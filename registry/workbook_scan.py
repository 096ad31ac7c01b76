"""A look into an XLSX package before it is read: is it whole, safe, of a bearable size, and what hides in it?

The reader behind is quick because it trusts: it takes a formula's last value for a typed one, unpacks without end,
and copies a shared text into every cell that names it. Whatever it would trust is looked at here first, in pieces.
"""

import copy
import html
import posixpath
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError
from xml.parsers.expat import ExpatError, ParserCreate

from defusedxml.ElementTree import fromstring

from registry.workbook_cells import SheetCells, Special, look_through, refuse

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP_MAGIC = b"PK\x03\x04"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_REL_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_REL_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_TOP, _TYPES = "_rels/.rels", "[content_types].xml"
_MACRO_PARTS = ("vbaproject.bin", "/macrosheets/", "/dialogsheets/")
_SHARED = re.compile(rb"<(?:\w+:)?si(?:\s[^>]*)?(?:/>|>(.*?)</(?:\w+:)?si>)", re.DOTALL)
_NAMES_SHARED = re.compile(rb"""\bt=["']s["'][^>]*>\s*<(?:\w+:)?v>\s*([0-9]+)\s*<""")
_ROOT = re.compile(rb"<(?:\w+:)?sst[\s>/]")
_TAG = re.compile(rb"<[^>]*>")
_END_OF_TEXT = re.compile(rb"</(?:\w+:)?(?:p|comment|text|txBody)>")
_END_OF_ROW = re.compile(rb"</(?:\w+:)?row\s*>")
_END_OF_SHARED = re.compile(rb"</(?:\w+:)?si\s*>")
_CHUNK = 4 << 20
_ROOT_LENGTH = 65_536
_LONGEST_BLOCK = _LONGEST_PART = 64 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ParseError,
    EOFError,
    ValueError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(slots=True)
class Scanned:
    """What is told of a workbook: sheet -> special cells, and sheet -> texts that stand beside its cells."""

    special: dict[str, list[Special]] = field(default_factory=dict)
    beside: dict[str, list[str]] = field(default_factory=dict)


def scan(path: Path, limits: Mapping[str, int]) -> Scanned:
    """Look through a workbook, sheet by sheet.

    Raises:
        Unreadable: no workbook, damaged, protected by a password, with macros, or too large unpacked.
    """
    _check_magic(path)
    try:
        # the file is opened here, so that it is closed even where a part of it was left half read
        with path.open("rb") as file, zipfile.ZipFile(file) as opened:
            return _Package(opened, path, limits).scan()
    except _DAMAGED as error:
        raise refuse("damaged") from error


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith(OLE_MAGIC):
            # an encrypted .xlsx lies in an OLE container, as the old .xls does
            raise refuse("password" if _ENCRYPTED in head + file.read() else "old_xls")
    if head.startswith(ZIP_MAGIC):
        return
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<meta", b"<table", b"<?xml", b"mime-version")):
        raise refuse("web_page")
    raise refuse("damaged" if b"\0" in head else "plain_text")


class _Package:
    """One opened XLSX package; parts are found without regard to case, as the reader finds them."""

    def __init__(self, package: zipfile.ZipFile, path: Path, limits: Mapping[str, int]) -> None:
        self.package, self.path, self.limits = package, path, limits
        self.parts = {_normal(info.filename): info for info in package.infolist()}
        self.sheets: list[tuple[str, str]] = []

    def scan(self) -> Scanned:
        self._check()
        self._check_main()
        self.sheets = list(self._sheet_parts())
        most = self.limits["sheets"]
        if len(self.sheets) > most:
            raise refuse("sheets", count=str(len(self.sheets)), max=str(most))
        listed = {part for _, part in self.sheets}
        if len(listed) < len(self.sheets) or len({name for name, _ in self.sheets}) < len(self.sheets):
            raise refuse("damaged")
        for name in self.parts.keys() - listed:
            for _ in self._pieces(name):  # its size must be the one that it declares
                pass
        found, shared = Scanned(), 0
        for name, part in self.sheets:
            cells = self._look_through(part, name)
            shared += cells.shared
            found.special[name] = cells.special
            found.beside[name] = [*map(_heading, cells.headings), *self._drawn(part)]
        self._check_shared(shared)
        return found

    def _check(self) -> None:
        infos = self.package.infolist()
        unpacked = sum(info.file_size for info in infos)
        packed = max(self.path.stat().st_size, 65_536)
        if unpacked > self.limits["unpacked_bytes"] or unpacked > self.limits["unpack_ratio"] * packed:
            raise refuse("bomb", size=str(unpacked // 1_048_576))
        if any(info.flag_bits & 1 for info in infos):
            raise refuse("password")
        if len(self.parts) < len(infos) or b"PK\x05\x06" in self.package.comment:
            raise refuse(
                "damaged"
            )  # two parts of one name, two directories: whose are read is a matter of luck
        if any(part in f"/{name}" for name in self.parts for part in _MACRO_PARTS):
            raise refuse("macros")

    def _check_main(self) -> None:
        """One workbook alone, where the reader looks for it: a spreadsheet shows the one that the relations name."""
        tops = self._xml(_TOP) if _TOP in self.parts else None
        types = self._xml(_TYPES) if _TYPES in self.parts else None
        named = [n.get("Target", "") for n in tops or () if n.get("Type", "").endswith("/officeDocument")]
        mains = [n for n in types or () if n.get("ContentType", "").lower().endswith(".main+xml")]
        if tops is not None and [_normal(target) for target in named] != ["xl/workbook.xml"]:
            raise refuse("main_part")
        if types is not None and len(mains) != 1:
            raise refuse("main_part")

    # ---- parts ----

    def _pieces(self, name: str) -> Iterator[bytes]:
        """A part's bytes; stops where there are more than declared, which is how a bomb is hidden."""
        info = self.parts[name]
        whole = copy.copy(info)
        whole.file_size = self.limits["unpacked_bytes"] + 1  # else the library cuts off what was not declared
        size = 0
        with self.package.open(whole) as file:
            while piece := file.read(_CHUNK):
                size += len(piece)
                if size > info.file_size:
                    raise refuse("bomb", size=str(size // 1_048_576))
                yield piece
        if size != info.file_size:
            raise refuse("damaged")

    def _whole(self, name: str) -> bytes:
        """A part that is small in every honest workbook."""
        if self.parts[name].file_size > _LONGEST_PART:
            raise refuse("bomb", size=str(self.parts[name].file_size // 1_048_576))
        return b"".join(self._pieces(name))

    def _xml(self, name: str) -> Element:
        return fromstring(self._whole(name))

    def _blocks(self, name: str, end: Callable[[bytes], int]) -> Iterator[bytes]:
        """An XML part in blocks that end where ``end`` says (a position, -1 for: not here)."""
        rest = b""
        for piece in self._pieces(name):
            if not rest:
                _check_xml(piece)
            data = rest + piece
            if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
                raise refuse("damaged")
            at = end(data)
            if at < 0 and len(data) > _LONGEST_BLOCK:
                raise refuse("damaged")
            if at >= 0:
                yield data[:at]
            rest = data[max(at, 0) :]
        yield rest

    def _sheet_parts(self) -> Iterator[tuple[str, str]]:
        targets = self._targets("xl/workbook.xml")
        for node in self._xml("xl/workbook.xml").iter():
            if node.tag in (f"{_MAIN}sheet", f"{_STRICT}sheet"):
                part = targets.get(node.get(_REL_ID) or node.get(_STRICT_REL_ID) or "", "")
                if part in self.parts:
                    yield node.get("name", ""), part

    def _targets(self, name: str) -> dict[str, str]:
        """The parts that a part refers to, by the reference's id."""
        folder, file = posixpath.split(name)
        relations = f"{folder}/_rels/{file}.rels"
        if relations not in self.parts:
            return {}
        return {
            node.get("Id", ""): _normal(
                posixpath.join("/", folder, node.get("Target", "").replace("\\", "/"))
            )
            for node in self._xml(relations)
            if node.get("TargetMode") != "External"
        }

    # ---- sheets ----

    def _look_through(self, part: str, name: str) -> SheetCells:
        def blocks() -> Iterator[bytes]:
            return self._blocks(part, _row_end)

        found = look_through(blocks(), name, self.limits)
        if found is None:
            found = look_through(blocks(), name, self.limits, exact=True)
        if found is None:
            raise refuse("damaged")
        return found

    def _drawn(self, part: str) -> Iterator[str]:
        """The texts of a sheet's drawings and comments, where secrecy marks are put, too."""
        for target in self._targets(part).values():
            if (
                target in self.parts
                and ("drawing" in target or "comment" in target)
                and target.endswith(".xml")
            ):
                for text in _END_OF_TEXT.split(self._whole(target)):
                    shown = _plain(_TAG.sub(b"", text))
                    if shown:
                        yield shown

    # ---- shared texts ----

    def _check_shared(self, cells: int) -> None:
        """One long text that many cells name grows to gigabytes when each cell gets its own copy."""
        part = "xl/sharedstrings.xml"
        most = self.limits["unpacked_bytes"]
        if part not in self.parts:
            return
        sizes: list[int] = []
        roots = 0
        for block in self._blocks(part, _text_end):
            sizes += [len(text) for text in _SHARED.findall(block)]
            if not roots:
                _check_counts(block, self.parts[part].file_size)
            roots += len(_ROOT.findall(block))
        if roots != 1:
            raise refuse("damaged")
        if cells * max(sizes, default=0) <= most:
            return
        used: Counter[int] = Counter()
        for _, sheet in self.sheets:
            for block in self._blocks(sheet, _row_end):
                used.update(map(int, _NAMES_SHARED.findall(block)))
        total = sum(sizes[number] * times for number, times in used.items() if number < len(sizes))
        if total > most:
            raise refuse("bomb", size=str(total // 1_048_576))


def _normal(name: str) -> str:
    return posixpath.normpath(name.replace("\\", "/")).lstrip("/").lower()


def _row_end(data: bytes) -> int:
    return _after_last(data, _END_OF_ROW)


def _text_end(data: bytes) -> int:
    return _after_last(data, _END_OF_SHARED)


def _after_last(data: bytes, closing: re.Pattern[bytes]) -> int:
    """Where the last closing tag of a kind ends; -1 when there is none."""
    at = data.rfind(b"</")
    while at >= 0:
        found = closing.match(data, at)
        if found:
            return found.end()
        at = data.rfind(b"</", 0, at)
    return -1


def _check_counts(block: bytes, most: int) -> None:
    """The reader makes room for as many texts as the root says: it may say no more than the part has bytes."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = ParserCreate()
    parser.StartElementHandler = lambda name, attributes: found.append((name, attributes))
    with suppress(ExpatError):  # the block is not the whole document
        parser.Parse(block[:_ROOT_LENGTH], False)
    name, attributes = found[0] if found else ("", {})
    counts = [attributes[key] for key in ("count", "uniqueCount") if key in attributes]
    fits = all(
        count.isascii() and count.isdigit() and len(count) < 12 and int(count) <= most for count in counts
    )
    if name.rpartition(":")[2] != "sst" or not fits:
        raise refuse("damaged")


def _check_xml(piece: bytes) -> None:
    # the patterns here read UTF-8; no spreadsheet program writes sheets in UTF-16
    if piece[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in piece[:64]:
        raise refuse("damaged")


def _plain(data: bytes) -> str:
    return html.unescape(data.decode("utf-8", "replace")).strip()


_LAYOUT_CODE = re.compile(r'&(?:"[^"]*"|[0-9]+|[A-Za-z])')


def _heading(data: bytes) -> str:
    """The text of a page header or footer without its layout codes (&C, &"宋体", &10)."""
    return _LAYOUT_CODE.sub("", _plain(data)).strip()
