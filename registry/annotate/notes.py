"""Cell notes (legacy comments) of one sheet: ours are taken away and put anew, the user's own stay."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from registry.annotate.frame import Grid, cell_name, cell_place
from registry.annotate.package import Package, Relations
from registry.annotate.shapes import Drawing, DrawingBlocks
from registry.annotate.xml import (
    XML_SPACE,
    Element,
    add,
    child,
    children,
    clean,
    coded,
    local_name,
    parse,
    to_bytes,
    whole,
)

Place = tuple[int, int]  # row and column, both 0-based, as VML counts them

_COMMENTS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml"
_VML_TYPE = "application/vnd.openxmlformats-officedocument.vmlDrawing"
_THREAD = "tc="  # author of the placeholder that Excel writes for a threaded comment
_RULE = "─" * 8


@dataclass(frozen=True, slots=True)
class Anchorage:
    """Where the notes of a sheet hang: the measures of its cells, and its drawing."""

    namespace: str
    grid: Grid
    drawing_id: str | None  # r:id of <legacyDrawing>, None without one


def replace_notes(
    package: Package,
    relations: Relations,
    sheet: Anchorage,
    notes: Mapping[Place, str],
    author: str,
    blocks: DrawingBlocks,
) -> str | None:
    """Put these notes in place of the author's earlier ones; gives back the id for <legacyDrawing>.

    A note on a cell with a note of the user goes under it, behind a line; threaded comments are left alone.
    Raises: WorkbookError for a comment part that is not XML.
    """
    comments = relations.first("comments")
    if comments is None and not notes:
        return sheet.drawing_id
    book = NoteBook(package.read(comments.part) if comments else _empty(sheet.namespace), author)
    removed = book.remove_ours()
    added = book.put(notes)
    if not (removed or added or book.changed):
        return sheet.drawing_id
    if book.is_empty:
        _forget(package, relations, comments.id if comments else "", comments.part if comments else "")
    elif comments:
        package.write(comments.part, book.to_bytes())
    else:
        part = package.free_name("xl/comments{}.xml")
        package.write(part, book.to_bytes())
        package.declare(part, _COMMENTS_TYPE)
        relations.add("comments", part)
    if not removed and not added:
        return sheet.drawing_id
    return _redraw(package, relations, sheet, removed, added, blocks)


def _redraw(
    package: Package,
    relations: Relations,
    sheet: Anchorage,
    removed: set[Place],
    added: Mapping[Place, str],
    blocks: DrawingBlocks,
) -> str | None:
    old = relations.get(sheet.drawing_id) if sheet.drawing_id else None
    if old is not None and old.part not in package:
        old = None
    if old is None and not added:
        return sheet.drawing_id
    part = old.part if old else package.free_name("xl/drawings/vmlDrawing{}.vml")
    drawing = Drawing(package.read(part) if old else None)
    drawing.remove(removed)
    data = drawing.to_bytes(added, sheet.grid, blocks, part)
    if data is None and old is not None:
        _forget(package, relations, old.id, part)
        return None
    package.write(part, data or b"")
    if old is not None:
        return old.id
    package.declare(part, _VML_TYPE)
    return relations.add("vmlDrawing", part)


def _forget(package: Package, relations: Relations, relation_id: str, part: str) -> None:
    if part:
        relations.drop(relation_id)
        package.drop(part)


def _empty(namespace: str) -> bytes:
    return f'<comments xmlns="{namespace}"><authors/><commentList/></comments>'.encode()


class NoteBook:
    """The comments part of a sheet."""

    def __init__(self, data: bytes, author: str) -> None:
        self._root = parse(data)
        self._author = clean(author)
        self._authors = self._section("authors", at=0)
        self._list = self._section("commentList", at=1)
        self._names = [each.text or "" for each in children(self._authors, "author")]
        self._separator = f"{_RULE} {self._author} {_RULE}"
        self._ours = re.compile(rf"(?:_x000D_|\r)?\n?{re.escape(self._separator)}.*\Z", re.DOTALL)
        self.changed = False

    @property
    def is_empty(self) -> bool:
        """Whether no comment is left."""
        return not children(self._list, "comment")

    def remove_ours(self) -> set[Place]:
        """Take away our notes, and our part of the user's; gives back the cells left without a note."""
        gone: set[Place] = set()
        for comment in children(self._list, "comment"):
            if self._author_of(comment) == self._author:
                gone.add(cell_place(comment.get("ref", "A1")))
                self._list.remove(comment)
            else:
                self._cut(comment)
        self.changed |= bool(gone)
        return gone

    def put(self, notes: Mapping[Place, str]) -> dict[Place, str]:
        """Write the notes; gives back those that stand alone and need a box of their own."""
        present = {cell_place(each.get("ref", "A1")): each for each in children(self._list, "comment")}
        alone: dict[Place, str] = {}
        for place, text in notes.items():
            if place not in present:
                self._new(place, text)
                alone[place] = text
            elif not self._author_of(present[place]).startswith(_THREAD):
                self._append(present[place], text)
            self.changed = True
        return alone

    def to_bytes(self) -> bytes:
        """The comments part."""
        return to_bytes(self._root)

    def _section(self, name: str, *, at: int) -> Element:
        found = child(self._root, name)
        if found is None:
            found = add(self._root, name)
            self._root.insert(at, found)
        return found

    def _author_of(self, comment: Element) -> str:
        index = whole(comment.get("authorId"))
        return self._names[index] if index < len(self._names) else ""

    def _our_id(self) -> str:
        if self._author not in self._names:
            add(self._authors, "author", text=self._author)
            self._names.append(self._author)
        return str(self._names.index(self._author))

    def _new(self, place: Place, text: str) -> None:
        attributes = {"ref": cell_name(*place), "authorId": self._our_id(), "shapeId": "0"}
        run = add(add(add(self._list, "comment", attributes), "text"), "r")
        look = add(run, "rPr")
        add(look, "sz", {"val": "9"})
        add(look, "color", {"indexed": "81"})
        add(look, "rFont", {"val": "宋体"})
        add(look, "charset", {"val": "134"})
        add(run, "t", {XML_SPACE: "preserve"}, coded(clean(text)))

    def _append(self, comment: Element, text: str) -> None:
        body = child(comment, "text")
        body = add(comment, "text") if body is None else body
        plain = child(body, "t")
        ours = f"{self._separator}\n{coded(clean(text))}"
        if plain is not None and child(body, "r") is None:
            plain.text = f"{plain.text}\n{ours}" if plain.text else ours
            plain.set(XML_SPACE, "preserve")
        else:
            add(add(body, "r"), "t", {XML_SPACE: "preserve"}, f"\n{ours}")

    def _cut(self, comment: Element) -> None:
        """Everything from our separator on is ours; a program may have merged or split the runs."""
        texts = [each for each in comment.iter() if local_name(each) == "t"]
        for index, each in enumerate(texts):
            rest = self._ours.sub("", each.text or "")
            if rest != (each.text or ""):
                each.text = rest
                self._drop_runs(texts[index + (1 if rest else 0) :])
                self.changed = True
                return

    @staticmethod
    def _drop_runs(texts: list[Element]) -> None:
        for text in texts:
            run = text.getparent()
            if local_name(run) == "r":
                run.getparent().remove(run)
