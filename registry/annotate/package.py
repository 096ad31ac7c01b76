"""A workbook as a zip of parts: read, replace, add and drop parts; copy all others as they are."""

import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from registry.annotate.xml import Element, WorkbookError, add, children, parse, to_bytes

LARGEST_PART = 384 * 1024 * 1024  # bytes, unpacked; a million filled cells take about 50
_PACKAGE_RELATIONS = b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>'
_RELATIONS_TYPE = "application/vnd.openxmlformats-package.relationships+xml"
_LOCAL_HEADER = 30  # bytes before the name and the extra field of a local file header
_DATA_DESCRIPTOR = 0x08
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    NotImplementedError,
    EOFError,
    OSError,
    struct.error,
)


class Package:
    """The parts of a workbook by name (without the leading slash). Use it as a context manager.

    Raises: WorkbookError when the source is not a readable zip.
    """

    def __init__(self, source: bytes | Path) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source)
        except _UNREADABLE as error:
            raise WorkbookError("不是有效的压缩包") from error
        # Part names compare without case (ECMA-376 part 2, 6.2.2.3).
        self._names = {info.filename.lower(): info.filename for info in self._zip.infolist()}
        self._changed: dict[str, bytes] = {}
        self._dropped: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __contains__(self, part: str) -> bool:
        return self._names.get(part.lower()) is not None

    def names(self) -> list[str]:
        """All parts that are in the package now."""
        return list(self._names.values())

    def read(self, part: str) -> bytes:
        """The bytes of a part, as last written.

        Raises: WorkbookError when it is missing, damaged, encrypted or too big.
        """
        name = self._names.get(part.lower())
        if name is None:
            raise WorkbookError(f"缺少部件 {part}")
        if name in self._changed:
            return self._changed[name]
        if self._zip.getinfo(name).file_size > LARGEST_PART:
            raise WorkbookError(f"部件 {part} 过大")
        try:
            return self._zip.read(name)
        except _UNREADABLE as error:
            raise WorkbookError(f"部件 {part} 无法读取") from error

    def write(self, part: str, data: bytes) -> None:
        """Replace a part, or add it."""
        name = self._names.setdefault(part.lower(), part)
        self._changed[name] = data
        self._dropped.discard(name)

    def drop(self, part: str) -> None:
        """Take a part, its relations and its content type out of the package."""
        for each in (part, relations_part(part)):
            name = self._names.pop(each.lower(), None)
            if name is not None:
                self._changed.pop(name, None)
                self._dropped.add(name)
        types = parse(self.read("[Content_Types].xml"))
        for override in children(types, "Override"):
            if override.get("PartName", "").lower() == f"/{part}".lower():
                types.remove(override)
        self.write("[Content_Types].xml", to_bytes(types))

    def free_name(self, pattern: str) -> str:
        """The first unused name of a numbered pattern such as `xl/comments{}.xml`."""
        number = 1
        while pattern.format(number) in self:
            number += 1
        return pattern.format(number)

    def declare(self, part: str, content_type: str) -> None:
        """Make the content type of a part known: as Excel does, once for all .vml and .rels, else by part."""
        types = parse(self.read("[Content_Types].xml"))
        known = _declared(types, part)
        if known == content_type:
            return
        extension = part.rpartition(".")[2]
        if known is None and extension != "xml":
            default = add(types, "Default", {"Extension": extension, "ContentType": content_type})
            types.insert(0, default)
        else:
            add(types, "Override", {"PartName": f"/{part}", "ContentType": content_type})
        self.write("[Content_Types].xml", to_bytes(types))

    def save(self) -> bytes:
        """The workbook as a zip: unchanged parts are copied in their compressed form."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            old = {info.filename: info for info in self._zip.infolist()}
            for name, info in old.items():
                if name in self._changed:
                    target.writestr(_fresh(name, info.date_time), self._changed[name], compresslevel=1)
                elif name not in self._dropped:
                    self._copy(info, target)
            for name in [each for each in self._changed if each not in old]:
                target.writestr(_fresh(name), self._changed[name], compresslevel=1)
        return out.getvalue()

    def _copy(self, info: zipfile.ZipInfo, target: zipfile.ZipFile) -> None:
        """Copy the compressed stream: zipfile has no call for it, so its own book-keeping is done here."""
        twin = copy(info)
        twin.extra = b""
        twin.flag_bits &= ~_DATA_DESCRIPTOR  # sizes go into the header, which the old one may have left empty
        stream = self._compressed(info)
        assert target.fp is not None
        twin.header_offset = target.fp.tell()
        target.fp.write(twin.FileHeader())
        target.fp.write(stream)
        target.filelist.append(twin)
        target.NameToInfo[twin.filename] = twin
        target.start_dir = target.fp.tell()

    def _compressed(self, info: zipfile.ZipInfo) -> bytes:
        file = self._zip.fp
        assert file is not None
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
            raise WorkbookError(f"部件 {info.filename} 无法读取")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        file.seek(name_length + extra_length, io.SEEK_CUR)
        return file.read(info.compress_size)


@dataclass(frozen=True, slots=True)
class Relation:
    """One arrow between parts: `kind` is the last word of its type, `part` is empty for links outside."""

    id: str
    kind: str
    part: str


class Relations:
    """The arrows that leave a part; an empty owner means the package itself. Changes are written at once."""

    def __init__(self, package: Package, owner: str, kind_prefix: str = "") -> None:
        self._package = package
        self._owner = owner
        self._part = relations_part(owner)
        self._kind_prefix = kind_prefix
        self._root: Element = parse(package.read(self._part) if self._part in package else _PACKAGE_RELATIONS)

    def __iter__(self) -> Iterator[Relation]:
        return (self._relation(each) for each in children(self._root, "Relationship"))

    def first(self, kind: str) -> Relation | None:
        """The first arrow of that kind whose part exists, or None."""
        return next((each for each in self if each.kind == kind and each.part in self._package), None)

    def get(self, relation_id: str) -> Relation | None:
        """The arrow of that id, or None."""
        return next((each for each in self if each.id == relation_id), None)

    def kind_prefix(self, kind: str) -> str:
        """What stands before the kind in its type: it differs between transitional and strict workbooks."""
        types = [str(each.get("Type", "")) for each in children(self._root, "Relationship")]
        return next((each.removesuffix(kind) for each in types if each.endswith(f"/{kind}")), "")

    def add(self, kind: str, part: str) -> str:
        """Draw an arrow to a part; gives back its id."""
        taken = {each.id for each in self}
        number = next(n for n in range(1, len(taken) + 2) if f"rId{n}" not in taken)
        target = posixpath.relpath(part, posixpath.dirname(self._owner) or ".")
        attributes = {"Id": f"rId{number}", "Type": f"{self._kind_prefix}{kind}", "Target": target}
        add(self._root, "Relationship", attributes)
        self._package.write(self._part, to_bytes(self._root))
        self._package.declare(self._part, _RELATIONS_TYPE)
        return f"rId{number}"

    def drop(self, relation_id: str) -> None:
        """Take an arrow away, if it is there."""
        for each in children(self._root, "Relationship"):
            if each.get("Id") == relation_id:
                self._root.remove(each)
        self._package.write(self._part, to_bytes(self._root))

    def _relation(self, element: Element) -> Relation:
        kind = str(element.get("Type", "")).rpartition("/")[2]
        outside = element.get("TargetMode") == "External"
        target = str(element.get("Target", ""))
        return Relation(str(element.get("Id")), kind, "" if outside else self._resolve(target))

    def _resolve(self, target: str) -> str:
        """Targets are relative to the owner's folder or, with a slash, to the package; maybe URL-coded."""
        path = target.replace("\\", "/")
        full = posixpath.normpath(posixpath.join("/", posixpath.dirname(self._owner), path)).lstrip("/")
        return full if full in self._package else unquote(full)


def relations_part(part: str) -> str:
    """The name of the part that holds the arrows leaving a part."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def _declared(types: Element, part: str) -> str | None:
    for override in children(types, "Override"):
        if override.get("PartName", "").lower() == f"/{part}".lower():
            return str(override.get("ContentType"))
    extension = part.rpartition(".")[2].lower()
    for default in children(types, "Default"):
        if default.get("Extension", "").lower() == extension:
            return str(default.get("ContentType"))
    return None


def _fresh(name: str, date: tuple[int, int, int, int, int, int] = (1980, 1, 1, 0, 0, 0)) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
