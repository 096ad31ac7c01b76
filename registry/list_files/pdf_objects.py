"""Whether a page of a PDF is drawn as another: its instructions to the byte, its fonts and images object by object.

Only how a file was saved is passed over: numbers of objects, and compression. Equality is not judged by what pypdf
makes of a stream, for it mends where other readers may not; a stream in an unusual form counts as unlike.
"""

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdf import PageObject

_STORED = frozenset({"/Length", "/Filter", "/DecodeParms", "/DL"})
_BOXES = ("mediabox", "cropbox", "bleedbox", "trimbox", "artbox")
_POINT = 0.01
# judged by themselves, or without any effect on what is shown
_JUDGED = frozenset({"/Type", "/Parent", "/Contents", "/Resources", "/Annots", "/Rotate", "/UserUnit"})
_JUDGED_BOXES = frozenset({"/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox"})
_HARMLESS = frozenset({"/Tabs", "/LastModified", "/PieceInfo", "/StructParents", "/Metadata", "/ID"})
_BLANKS = b"\0\t\n\f\r "
_DEEPEST = 40

SIZE = "页面大小、裁切、方向或者缩放与封存的不同"
# nobody draws the same instructions with another font but to show another text
FONTS = "所用的字体被换过，显示出来的字可能不是封存的"
IMAGES = "另画了图像，或者图像被换过"
OVER = "在排版的内容之上另画了线条、色块或者文字"
MOVED = "文字或者图形被移动、隐藏或者改写"
SETTINGS = "颜色、透明度或者图层的设置被改过"
PROPERTIES = "页面属性 {key} 不是封存时的"


class Alike:
    """Compares objects of two documents; what pages share is compared once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, int], bool] = {}

    def same(self, shown: Any, meant: Any, depth: int = 0) -> bool:
        """Whether two objects of a page are the same, with all that they refer to."""
        # only needed when a PDF is read
        from pypdf.generic import IndirectObject

        if depth > _DEEPEST:
            raise ValueError("objects of a page too deep")
        if not isinstance(shown, IndirectObject) or not isinstance(meant, IndirectObject):
            return self._same_direct(_object(shown), _object(meant), depth)
        pair = (shown.idnum, shown.generation, meant.idnum, meant.generation)
        if pair not in self._known:
            # what leads back to itself is the same if all the rest is
            self._known[pair] = True
            self._known[pair] = self._same_direct(shown.get_object(), meant.get_object(), depth)
        return self._known[pair]

    def _same_direct(self, shown: Any, meant: Any, depth: int) -> bool:
        from pypdf.generic import StreamObject

        if isinstance(meant, StreamObject) or isinstance(shown, StreamObject):
            return (
                isinstance(meant, StreamObject)
                and isinstance(shown, StreamObject)
                and self._same_entries(shown, meant, _STORED, depth)
                and data_of(shown, most=len(own := meant.get_data())) == own
            )
        if isinstance(meant, dict):
            return isinstance(shown, dict) and self._same_entries(shown, meant, frozenset(), depth)
        if isinstance(meant, list):
            return (
                isinstance(shown, list)
                and len(shown) == len(meant)
                and all(self.same(a, b, depth + 1) for a, b in zip(shown, meant, strict=True))
            )
        return _plain(shown) == _plain(meant)

    def _same_entries(self, shown: Any, meant: Any, but: frozenset[str], depth: int) -> bool:
        keys = _keys(shown) - but
        return keys == _keys(meant) - but and all(
            self.same(shown.raw_get(key), meant.raw_get(key), depth + 1) for key in keys
        )


def _keys(value: Any) -> set[str]:
    # an entry that is null is none
    return {key for key in value if _plain(value[key])[0] != "NullObject"}


def _plain(value: Any) -> tuple[str, Any]:
    """A simple object as kind and value, however it is written: 1 and 1.0 are one number."""
    from pypdf.generic import BooleanObject, ByteStringObject, FloatObject, NumberObject, TextStringObject

    if isinstance(value, BooleanObject):
        return "truth", value.value
    if isinstance(value, NumberObject | FloatObject):
        return "number", round(float(value), 5)
    if isinstance(value, TextStringObject | ByteStringObject):
        return "string", value.original_bytes
    if isinstance(value, dict | list):
        return "many", None
    return type(value).__name__, str(value)


def data_of(stream: Any, *, most: int) -> bytes | None:
    """The content of a stream, at most one byte more than ``most``; None of one that is stored unusually."""
    raw, filters, settings = bytes(stream._data), _listed(stream, "/Filter"), _listed(stream, "/DecodeParms")
    if not filters and not settings:
        return raw[: most + 1]
    if [str(name) for name in filters] != ["/FlateDecode"] or any(_keys(each) for each in settings):
        return None
    reading = zlib.decompressobj()
    try:
        found = reading.decompress(raw, most + 1)
        # the end mark and the sum after it are read, too
        found += reading.decompress(reading.unconsumed_tail, 1) if len(found) <= most else b""
    except zlib.error:
        return None
    is_whole = reading.eof and not reading.unused_data.strip(_BLANKS)
    return found if is_whole or len(found) > most else None


def _listed(stream: Any, key: str) -> list[Any]:
    value = _object(stream.get(key))
    found = value if isinstance(value, list) else [value]
    return [part for part in map(_object, found) if part is not None and _plain(part)[0] != "NullObject"]


def drawn_by(page: "PageObject", *, most: int) -> bytes | None:
    """The drawing instructions of a page, cut off above ``most`` bytes; None when a stream is stored unusually."""
    contents = _object(page.get("/Contents"))
    parts = contents if isinstance(contents, list) else [contents]
    found: list[bytes] = []
    for part in map(_object, parts):
        data = data_of(part, most=most) if hasattr(part, "_data") else None
        if data is None:
            return None
        found.append(data)
        if sum(map(len, found)) > most:
            break
    return b"\n".join(found).strip(_BLANKS)


def unlike(page: "PageObject", own: "PageObject", alike: Alike) -> Iterator[str]:
    """In what a page is not drawn as our own one, in Chinese; nothing when it is the same."""
    if not _same_size(page, own):
        yield SIZE
    meant = own.get_contents()
    content = meant.get_data().strip(_BLANKS) if meant is not None else b""
    # room for what was drawn besides, so that it can be told what it is
    drawn = drawn_by(page, most=2 * len(content) + 10_000)
    resources = set(_unlike_resources(page, own, alike))
    if drawn != content:
        yield from _drawn_otherwise(drawn or b"", content, is_image=IMAGES in resources)
        resources -= {IMAGES}
    yield from sorted(resources)
    judged = _JUDGED | _JUDGED_BOXES | _HARMLESS
    for key in sorted((_keys(page) | _keys(own)) - judged):
        if key not in page or key not in own or not alike.same(page.raw_get(key), own.raw_get(key)):
            yield PROPERTIES.format(key=key)


def _drawn_otherwise(drawn: bytes, content: bytes, *, is_image: bool) -> Iterator[str]:
    if is_image or drawn.count(b"Do") > content.count(b"Do"):
        yield IMAGES
    elif content in drawn:
        yield OVER
    else:
        yield MOVED


def _unlike_resources(page: "PageObject", own: "PageObject", alike: Alike) -> Iterator[str]:
    shown, meant = _dictionary(page.get("/Resources")), _dictionary(own.get("/Resources"))
    said = {"/Font": FONTS, "/XObject": IMAGES}
    # names of procedures are long without effect
    for key in (_keys(shown) | _keys(meant)) - {"/ProcSet"}:
        if not _same_resource(shown, meant, key, alike):
            yield said.get(key, SETTINGS)


def _same_resource(shown: Any, meant: Any, key: str, alike: Alike) -> bool:
    # programs add empty lists of what a page does not use
    if not _dictionary(shown.get(key)) and not _dictionary(meant.get(key)):
        return True
    return key in shown and key in meant and alike.same(shown.raw_get(key), meant.raw_get(key))


def _same_size(page: "PageObject", own: "PageObject") -> bool:
    """Whether two pages show the same area: a smaller crop would hide what is drawn."""
    if (page.rotation - own.rotation) % 360 or page.user_unit != own.user_unit:
        return False
    boxes = [(getattr(page, name), getattr(own, name)) for name in _BOXES]
    return all(
        abs(float(a) - float(b)) < _POINT for one, other in boxes for a, b in zip(one, other, strict=True)
    )


def _object(value: Any) -> Any:
    return value.get_object() if value is not None else None


def _dictionary(value: Any) -> Any:
    found = _object(value)
    return found if isinstance(found, dict) else {}
