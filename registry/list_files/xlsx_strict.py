"""XML parts of a workbook read strictly: what is not listed for a part is told, and nothing of it is believed."""

import re
from collections.abc import Callable, Iterable, Mapping
from xml.parsers.expat import ExpatError, ParserCreate

from registry.list_files.xlsx_names import KNOWN, PREFIXES, Element, Grammar
from registry.workbook_cells import column_letters, refuse

Tell = Callable[[str], None]
# a row of a sheet has no more cells; what has more children is a bomb
_MOST_CHILDREN = 70_000
_SHOWN = 40


class Node:
    """An element: its name, attributes, children and text (of elements that hold text alone)."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name, self.attributes, self.text = name, attributes, ""
        self.children: list[Node] = []

    def all(self, name: str) -> list["Node"]:
        """The children of a name."""
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> "Node":
        """The child of a name; an empty one where there is none."""
        return next((child for child in self.children if child.name == name), Node(name, {}))

    def get(self, name: str, usual: str = "") -> str:
        """An attribute's value."""
        return self.attributes.get(name, usual)

    def is_set(self, name: str) -> bool:
        """Whether an attribute says yes."""
        return self.get(name) in ("1", "true")


def read_part(
    data: bytes | Iterable[bytes],
    grammar: Grammar,
    tell: Tell,
    drained: Mapping[str, Callable[[Node], None]] | None = None,
) -> Node:
    """The tree of a part. What the grammar does not list is told and left out of the tree.

    Elements named in ``drained`` are handed over one by one as they end and not kept.

    Raises:
        Unreadable: no XML, a document type, or endlessly many elements.
    """
    reader = _Reader(grammar, tell, drained or {})
    parser = ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.CommentHandler = lambda _: tell("含 XML 注释，各种软件显示的会不同")
    parser.ProcessingInstructionHandler = lambda *_: tell("含 XML 处理指令，各种软件显示的会不同")
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        for piece in [data] if isinstance(data, bytes) else data:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except (ExpatError, LookupError) as error:
        raise refuse("damaged") from error
    return reader.root


def _no_doctype(*_: object) -> None:
    raise refuse("damaged")


class _Reader:
    def __init__(self, grammar: Grammar, tell: Tell, drained: Mapping[str, Callable[[Node], None]]) -> None:
        self.grammar, self.tell, self.drained = grammar, tell, drained
        self.root = Node("", {})
        self.path: list[tuple[Node, Element]] = []
        self.skipped = 0
        self.names: dict[str, str] = {}

    def start(self, full: str, attributes: dict[str, str]) -> None:
        if self.skipped:
            self.skipped += 1
            return
        name = self.names.get(full) or self._named(full)
        fault = self._misplaced(name)
        if fault:
            self.tell(fault)
            self.skipped = 1
            return
        element = self.grammar.elements[name]
        node = Node(name, attributes)
        if self.path:
            self._adopt(node)
        else:
            self.root = node
        if element.any:
            self.skipped = 1
            return
        self.path.append((node, element))
        if attributes:
            node.attributes = self._attributes(node, element)

    def _adopt(self, node: Node) -> None:
        parent = self.path[-1][0]
        parent.children.append(node)
        if len(parent.children) > _MOST_CHILDREN:
            raise refuse("damaged")

    def _misplaced(self, name: str) -> str:
        if not self.path:
            return "" if name == self.grammar.root else f"不是该有的内容（{name[:_SHOWN]}）"
        parent, element = self.path[-1]
        if name in element.often:
            return ""
        if name not in element.once:
            shown = f"{KNOWN.get(name, '不认得的内容')}（{parent.name} 里的 {name[:_SHOWN]}）"
            return f"含{shown}，显示的可能不是单元格的内容"
        if any(child.name == name for child in parent.children):
            return f"{parent.name} 里的 {name} 重复，各种软件显示的会不同"
        return ""

    def _named(self, full: str) -> str:
        space, _, local = full.rpartition("}")
        if space == self.grammar.space:
            found = local
        else:
            found = f"{PREFIXES[space]}{local}" if space in PREFIXES else f"{{{space}}}{local}"
        self.names[full] = found
        return found

    def _attributes(self, node: Node, element: Element) -> dict[str, str]:
        found = {}
        for full, value in node.attributes.items():
            name = full if "}" not in full else self._attribute_name(full)
            pattern = element.attributes.get(name)
            if pattern is not None and pattern.fullmatch(value):
                found[name] = value
            else:
                self.tell(_setting(node, name, value))
        return found

    def _attribute_name(self, full: str) -> str:
        space, _, local = full.rpartition("}")
        return f"{PREFIXES[space]}{local}" if space in PREFIXES else f"{{{space}}}{local}"

    def text(self, data: str) -> None:
        if self.skipped:
            return
        node, element = self.path[-1]
        if element.text:
            node.text += data
        elif not data.isspace():
            self.tell(f"{node.name} 里有不该有的文字“{data[:_SHOWN]}”")

    def end(self, _: str) -> None:
        if self.skipped:
            self.skipped -= 1
            return
        node, _element = self.path.pop()
        take = self.drained.get(node.name)
        if take is not None:
            if self.path:
                self.path[-1][0].children.pop()
            take(node)


def _setting(node: Node, name: str, value: str) -> str:
    """How an attribute that is not allowed is told; what people hide is told in their words."""
    if name == "hidden" and node.name == "row":
        return f"第 {node.get('r')[:_SHOWN]} 行被隐藏"
    if name == "hidden" and node.name == "col":
        ends = [column_letters(int(n) - 1) for n in (node.get("min"), node.get("max")) if _is_column(n)]
        return f"{' 至 '.join(dict.fromkeys(ends))} 列被隐藏"
    return f"设置 {node.name} 的 {name[:_SHOWN]}=“{value[:_SHOWN]}”会改变显示的内容"


def _is_column(text: str) -> bool:
    return re.fullmatch("[0-9]{1,5}", text) is not None and int(text) > 0
