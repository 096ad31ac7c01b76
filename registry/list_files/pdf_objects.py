"""What a page of a PDF is made of, as digests: equal ones mean that the pages are drawn alike.

How a file was saved (numbers of objects, compression) leaves no trace in a digest; a glyph's outline in an embedded
font does.
"""

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdf import PageObject

# how a stream is stored, and links upward or into the structure of a document
_PASSED_OVER = frozenset(
    {"/Length", "/Filter", "/DecodeParms", "/DL", "/Parent", "/P", "/StructParent", "/StructParents"}
)
_BOXES = ("mediabox", "cropbox")
_DEEPEST = 40


class Marks:
    """Digests of the pages of one document; what pages share is looked at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bytes] = {}

    def of_page(self, page: "PageObject") -> bytes:
        """The digest of what a page draws: its content, and the fonts and images that it draws with."""
        resources = self._of(page.get("/Resources"), 0)
        return hashlib.sha256(hashlib.sha256(drawn_by(page)).digest() + resources).digest()

    def _of(self, value: Any, depth: int) -> bytes:
        # only needed when a PDF is read
        from pypdf.generic import IndirectObject

        if depth > _DEEPEST:
            raise ValueError("objects of a page too deep")
        if not isinstance(value, IndirectObject):
            return self._of_direct(value, depth)
        place = (value.idnum, value.generation)
        if place not in self._known:
            # what leads back to itself is at its second sight no more than that
            self._known[place] = b"again"
            self._known[place] = self._of_direct(value.get_object(), depth)
        return self._known[place]

    def _of_direct(self, value: Any, depth: int) -> bytes:
        from pypdf.generic import DictionaryObject, StreamObject

        found = hashlib.sha256()
        if isinstance(value, DictionaryObject):
            for key in sorted(value.keys() - _PASSED_OVER):
                found.update(key.encode() + b"\0" + self._of(value.raw_get(key), depth + 1))
            found.update(value.get_data() if isinstance(value, StreamObject) else b"no stream")
        elif isinstance(value, list):
            for part in value:
                found.update(self._of(part, depth + 1))
        else:
            found.update(_plain(value))
        return found.digest()


def _plain(value: Any) -> bytes:
    """A simple object as bytes that do not depend on how it is written: 1 and 1.0 are one number."""
    from pypdf.generic import BooleanObject, ByteStringObject, FloatObject, NumberObject, TextStringObject

    if isinstance(value, BooleanObject):
        return f"truth {value.value}".encode()
    if isinstance(value, NumberObject | FloatObject):
        return f"number {float(value):.5f}".encode()
    if isinstance(value, TextStringObject | ByteStringObject):
        return b"string " + value.original_bytes
    return f"{type(value).__name__} {value}".encode("utf-8", "surrogatepass")


def drawn_by(page: "PageObject") -> bytes:
    """The drawing instructions of a page."""
    contents = page.get_contents()
    return contents.get_data().strip() if contents is not None else b""


def same_size(page: "PageObject", own: "PageObject") -> bool:
    """Whether two pages show the same area: a smaller crop would hide what is drawn."""
    if (page.rotation - own.rotation) % 360 or page.user_unit != own.user_unit:
        return False
    boxes = [(getattr(page, name), getattr(own, name)) for name in _BOXES]
    return all(abs(float(a) - float(b)) < 1 for one, other in boxes for a, b in zip(one, other, strict=True))


def images_in(page: "PageObject") -> int:
    """How many images and drawings a page has to draw with."""
    resources = page.get("/Resources")
    drawn = resources.get_object().get("/XObject") if resources is not None else None
    return len(drawn.get_object()) if drawn is not None else 0
