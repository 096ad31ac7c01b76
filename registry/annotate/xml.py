"""Small XML parts of a workbook, read and written safely. The one file of the annotator that knows lxml."""

import io
import re
from typing import Any

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no type hints

Element = Any  # an lxml element: untyped, see above

XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
CELL_LIMIT = 32_767  # UTF-16 units, the limit of Excel for a cell and for a note

LARGEST_TREE = 96 * 1024 * 1024  # bytes; the boxes of 20,000 notes take about 18

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Excel reads _x000D_ in any string as a character; a literal one must have its underscore coded.
_CODED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


class WorkbookError(ValueError):
    """Not a workbook that can be patched: no zip, encrypted, bad XML, a part missing or too big."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"工作簿已损坏、加密或不是标准的 XLSX 文件，无法写入校验结果：{detail}")


def parse(data: bytes, *, recover: bool = False) -> Element:
    """The root element of a part; `recover` forgives the unclosed tags that Excel writes in VML.

    Raises: WorkbookError for XML that is not well-formed, and for any document type declaration.
    """
    if len(data) > LARGEST_TREE or b"<!DOCTYPE" in data:
        raise WorkbookError("XML 过大或含有文档类型声明")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=recover)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise WorkbookError(f"XML 不合规（{error}）") from error
    if root is None or root.getroottree().docinfo.doctype:
        raise WorkbookError("XML 没有内容或含有文档类型声明")
    return root


def to_bytes(root: Element, *, declaration: bool = True) -> bytes:
    """The element as a UTF-8 document, with its declaration unless not wanted."""
    if not declaration:
        return bytes(etree.tostring(root, encoding="UTF-8"))
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True))


def likeness(element: Element) -> tuple[object, ...]:
    """A key that is the same for elements with the same names, attributes and children."""
    attributes = frozenset(element.attrib.items())
    return (local_name(element), attributes, *(likeness(each) for each in element))


def local_name(element: Element) -> str:
    """The tag without its namespace; empty for comments and processing instructions."""
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(parent: Element, name: str) -> list[Element]:
    """The children of that local name, in any namespace."""
    return [child for child in parent if local_name(child) == name]


def child(parent: Element, name: str) -> Element | None:
    """The first child of that local name, or None."""
    return next((each for each in parent if local_name(each) == name), None)


def add(
    parent: Element, name: str, attributes: dict[str, str] | None = None, text: str | None = None
) -> Element:
    """A new last child, in the namespace of its parent."""
    element = etree.SubElement(parent, tag_like(parent, name), attributes or {})
    if text is not None:
        element.text = text
    return element


def tag_like(element: Element, name: str) -> str:
    """The name in the namespace of the element, as lxml writes it."""
    space = etree.QName(element).namespace
    return f"{{{space}}}{name}" if space else name


def clean(text: str) -> str:
    """The text as a cell or note can hold it: no forbidden characters, \\n as line end, cut to size."""
    text = _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(text) * 2 <= CELL_LIMIT:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= CELL_LIMIT * 2:
        return text
    return units[: (CELL_LIMIT - 1) * 2].decode("utf-16-le", "ignore") + "…"


def coded(text: str) -> str:
    """The text with literal `_x000D_` sequences protected from Excel's decoding."""
    return _CODED.sub("_x005F_", text)


def escaped(text: str) -> bytes:
    """The text as the content of an element, in UTF-8."""
    return coded(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode()


def attribute(name: str, value: str) -> str:
    """One attribute with a space before it, for a start tag."""
    return f' {name}="{value.translate(_IN_ATTRIBUTE)}"'


def whole(text: str | None, default: int = 0) -> int:
    """The whole number in an attribute, or the default without one.

    Raises: WorkbookError for any other text.
    """
    if not text:
        return default
    if not text.strip().isdecimal() or len(text) > 12:
        raise WorkbookError(f"属性值“{text[:20]}”不是整数")
    return int(text)


def shared_texts(data: bytes, wanted: set[int]) -> dict[int, str]:
    """The texts of the wanted entries of the shared strings part; reading stops at the last of them.

    Raises: WorkbookError for XML that is not well-formed.
    """
    found: dict[int, str] = {}
    items = etree.iterparse(io.BytesIO(data), tag="{*}si", resolve_entities=False, no_network=True)
    try:
        for index, (_, item) in enumerate(items):
            if index in wanted:
                found[index] = _string(item)
            if len(found) == len(wanted):
                break
            item.clear()
    except etree.XMLSyntaxError as error:
        raise WorkbookError(f"XML 不合规（{error}）") from error
    return found


def _string(item: Element) -> str:
    """Plain text and runs, without the phonetic hints of East Asian text."""
    runs = [item, *children(item, "r")]
    return "".join(part.text or "" for run in runs for part in children(run, "t"))
