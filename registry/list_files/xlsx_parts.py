"""The package of a workbook: which parts it has, what refers to them, and that nothing else could be shown.

One workbook, each of its sheets listed once, and of every other part one at most: whatever program opens the file
must find the same sheets. A part to which nothing refers is a difference, too.
"""

import posixpath
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from registry.list_files.xlsx_names import RELATIONS, TYPES, WORKBOOK, Grammar
from registry.list_files.xlsx_strict import Node, Tell, read_part

BOOK = "xl/workbook.xml"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/"
_SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_OPEN = "application/vnd.openxmlformats-officedocument."
# the kinds of parts by their relations and by their content types; both must name the same
_RELATIONS = {
    f"{_OFFICE}officeDocument": "workbook",
    f"{_OFFICE}worksheet": "sheet",
    f"{_OFFICE}styles": "styles",
    f"{_OFFICE}theme": "theme",
    f"{_OFFICE}sharedStrings": "shared",
    f"{_OFFICE}comments": "notes",
    f"{_OFFICE}vmlDrawing": "shapes",
    f"{_OFFICE}printerSettings": "printer",
    f"{_PACKAGE}core-properties": "core",
    f"{_OFFICE}metadata/core-properties": "core",
    f"{_OFFICE}extended-properties": "app",
    f"{_OFFICE}custom-properties": "custom",
}
_TYPES = {
    f"{_SHEETS}sheet.main+xml": "workbook",
    f"{_SHEETS}worksheet+xml": "sheet",
    f"{_SHEETS}styles+xml": "styles",
    f"{_OPEN}theme+xml": "theme",
    f"{_SHEETS}sharedStrings+xml": "shared",
    f"{_SHEETS}comments+xml": "notes",
    f"{_OPEN}vmlDrawing": "shapes",
    f"{_SHEETS}printerSettings": "printer",
    "application/vnd.openxmlformats-package.core-properties+xml": "core",
    f"{_OPEN}extended-properties+xml": "app",
    f"{_OPEN}custom-properties+xml": "custom",
}
_FROM = {
    "": ("workbook", "core", "app", "custom"),
    "workbook": ("sheet", "styles", "theme", "shared"),
    "sheet": ("notes", "shapes", "printer"),
}
_TYPE_LIST = "[content_types].xml"


@dataclass(slots=True)
class Sheet:
    """A sheet: its part, whether it is shown, and the parts of its notes and their shapes (empty: none).

    ``drawn`` are the references by which the sheet may name the part of the shapes.
    """

    part: str
    shown: bool
    notes: str = ""
    shapes: str = ""
    drawn: frozenset[str] = frozenset()


@dataclass(slots=True)
class Parts:
    """The parts of a workbook by what they are; an empty name where there is none."""

    sheets: dict[str, Sheet] = field(default_factory=dict)
    styles: str = ""
    theme: str = ""
    shared: str = ""
    book: Node = field(default_factory=lambda: Node("", {}))


class Package:
    """An opened workbook; parts are found without regard to case."""

    def __init__(self, package: zipfile.ZipFile, tell: Tell) -> None:
        self.package, self.tell = package, tell
        self.infos = {
            name.lower(): info for name, info in zip(package.namelist(), package.infolist(), strict=True)
        }
        self.kinds: dict[str, str] = {}
        self.reached: Counter[str] = Counter()

    def tree(self, part: str, grammar: Grammar, place: str = "") -> Node:
        """A part as a tree; what it should not hold is told with its place."""
        return read_part(self.package.read(self.infos[part]), grammar, self.telling(place or part))

    def telling(self, place: str) -> Tell:
        """A way to tell differences of one place."""
        return lambda text: self.tell(f"{place}：{text}")

    def pieces(self, part: str) -> Iterator[bytes]:
        """A part's bytes, piece by piece."""
        with self.package.open(self.infos[part]) as file:
            while piece := file.read(1 << 20):
                yield piece

    def parts(self) -> Parts:
        """All parts that a program would show, after what is wrong with the package was told."""
        if len(self.infos) < len(self.package.infolist()):
            self.tell("工作簿有重名的部件，各种软件显示的会不同")
        self._content_types()
        found = Parts()
        top = self._relations("", "")
        if [target for kind, target in top.values() if kind == "workbook"] != [BOOK]:
            self.tell("工作簿的入口不止一个，或不是 xl/workbook.xml，各种软件显示的会不同")
        if BOOK in self.infos:
            self._book(found)
        self._unreached()
        return found

    # ---- content types ----

    def _content_types(self) -> None:
        types = self.tree(_TYPE_LIST, TYPES) if _TYPE_LIST in self.infos else Node("", {})
        usual = self._named(types, "Default", "Extension")
        own = self._named(types, "Override", "PartName")
        for part in self.infos:
            if part == _TYPE_LIST or part.endswith(".rels"):
                continue
            told = own.get(f"/{part}") or usual.get(part.rpartition(".")[2], "")
            self.kinds[part] = _TYPES.get(told, "")
            if not self.kinds[part]:
                self.tell(f"{part[:80]}：工作簿里不该有的部件（{told[:80] or '没有类型'}）")
        if sum(value in _TYPES and _TYPES[value] == "workbook" for value in own.values()) != 1:
            self.tell("工作簿的内容类型里应当只有一个工作簿")

    def _named(self, types: Node, kind: str, key: str) -> dict[str, str]:
        nodes = types.all(kind)
        found = {node.get(key).lower(): node.get("ContentType") for node in nodes}
        if len(found) < len(nodes):
            self.tell("工作簿的内容类型有重复，各种软件显示的会不同")
        return found

    # ---- relations ----

    def _relations(self, part: str, kind: str) -> dict[str, tuple[str, str]]:
        """What a part refers to, by the reference's id: the kind and name of the other part."""
        folder, file = posixpath.split(part)
        name = posixpath.join(folder, "_rels", f"{file}.rels").lower()
        if name not in self.infos:
            return {}
        self.reached[name] += 1
        found: dict[str, tuple[str, str]] = {}
        for node in self.tree(name, RELATIONS).children:
            other = _RELATIONS.get(node.get("Type"), "")
            target = posixpath.normpath(posixpath.join("/", folder, node.get("Target"))).lstrip("/").lower()
            if other not in _FROM[kind] or node.get("TargetMode", "Internal") != "Internal":
                self.tell(f"{name}：引用了不该有的内容（{node.get('Type').rpartition('/')[2][:80]}）")
            elif target not in self.infos or self.kinds.get(target) != other:
                self.tell(f"{name}：引用的部件不存在或类型不符（{target[:80]}）")
            elif node.get("Id") in found or not node.get("Id"):
                self.tell(f"{name}：引用的编号重复")
            else:
                self.reached[target] += 1
                found[node.get("Id")] = (other, target)
        return found

    def _single(self, relations: Mapping[str, tuple[str, str]], kind: str) -> str:
        parts = [target for other, target in relations.values() if other == kind]
        if len(parts) > 1:
            self.tell(f"工作簿有 {len(parts)} 个 {kind} 部件，各种软件显示的会不同")
        return parts[0] if parts else ""

    def _book(self, found: Parts) -> None:
        relations = self._relations(BOOK, "workbook")
        found.styles, found.theme, found.shared = (
            self._single(relations, kind) for kind in ("styles", "theme", "shared")
        )
        found.book = self.tree(BOOK, WORKBOOK)
        for node in found.book.first("sheets").children:
            kind, part = relations.get(node.get("r:id"), ("", ""))
            name = node.get("name")
            if kind != "sheet" or name in found.sheets:
                self.tell(f"{name[:80]}：工作表重复或没有内容")
                continue
            own = self._relations(part, "sheet")
            notes, shapes = (self._single(own, kind) for kind in ("notes", "shapes"))
            drawn = {ident for ident, (other, _) in own.items() if other == "shapes"}
            shown = node.get("state", "visible") == "visible"
            found.sheets[name] = Sheet(part, shown, notes, shapes, frozenset(drawn))

    def _unreached(self) -> None:
        for part in self.infos:
            times = self.reached[part]
            if part != _TYPE_LIST and times != 1:
                why = "没有内容引用它" if not times else "不止一处引用它"
                self.tell(f"{part[:80]}：工作簿里不该有的部件（{why}）")
