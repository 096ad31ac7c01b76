"""Whether every program reads the same pages out of a PDF.

Readers mend broken files, each in its own way: what one finds in a file with two meanings, another may not. So a
file must have one: every object defined where the table says, the last definition the one that counts.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdf import PdfReader

_DEFINED = re.compile(rb"(?<![0-9])([0-9]{1,10})\s+([0-9]{1,5})\s+obj\b")
_ROOT = re.compile(rb"/Root\s+([0-9]{1,10})\s+[0-9]{1,5}\s+R\b")
_BLANKS = b"\0\t\n\f\r "
_IRREGULAR = "文件的结构不规范（{why}），不同的阅读器可能显示不同的内容；向发布单位重新索取文件"
# said of every table of an incremental update, which need not start at zero
_USUAL = "Xref table not zero-indexed"
_NOT_ZERO = 65535
# these read text out of pages, and say what they think of it
_NOT_OF_STRUCTURE = ("pypdf._page", "pypdf._cmap", "pypdf._font", "pypdf._text_extraction")


class _Flaws(logging.Handler):
    """Keeps what pypdf says of a file while one thread reads it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        is_of_file = not record.name.startswith(_NOT_OF_STRUCTURE)
        if record.thread == self._thread and is_of_file and not str(record.msg).startswith(_USUAL):
            self.said.append(record.getMessage())


@contextmanager
def flaws_told() -> Iterator[list[str]]:
    """What pypdf finds flawed in the files that are read meanwhile; nothing of it goes to stderr."""
    logger, flaws = logging.getLogger("pypdf"), _Flaws()
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    logger.addHandler(flaws)
    try:
        yield flaws.said
    finally:
        logger.removeHandler(flaws)


def irregular(reader: "PdfReader", content: bytes, flaws: list[str]) -> list[str]:
    """A difference when a file can be read in two ways; ``flaws`` are what was said while it was read."""
    why = next(_faults(reader, content), None) or (flaws[0][:80] if flaws else None)
    return [_IRREGULAR.format(why=why)] if why else []


def _faults(reader: "PdfReader", content: bytes) -> Iterator[str]:
    if not content.startswith(b"%PDF-") or not content.rstrip(_BLANKS).endswith(b"%%EOF"):
        yield "文件头尾另有内容"
    if "/XRefStm" in reader.trailer:
        yield "有两套对象表"
    if any(numbers for generation, numbers in reader.xref.items() if generation not in (0, _NOT_ZERO)):
        yield "对象有多代编号"
    if len(set(_ROOT.findall(content))) > 1:
        yield "有几个目录"
    if (number := _defined_otherwise(reader, content)) is not None:
        yield f"对象 {number} 另有定义"
    if not _is_page_tree(reader):
        yield "页面目录不符"


def _defined_otherwise(reader: "PdfReader", content: bytes) -> int | None:
    """The number of an object whose last definition in the file is not the one that the table names."""
    last = {int(found[1]): found for found in _DEFINED.finditer(content)}
    return next((n for n, found in last.items() if not _counts(reader, content, n, found)), None)


def _counts(reader: "PdfReader", content: bytes, number: int, found: re.Match[bytes]) -> bool:
    """Whether the definition at a place is the one that the table names."""
    offsets: dict[int, int] = reader.xref.get(0, {})
    start = found.start()
    if number in reader.xref_objStm:
        holder: int = reader.xref_objStm[number][0]
        return start < offsets.get(holder, -1)
    if number not in offsets:
        return _is_table(reader, content[found.end() :])
    return 0 <= offsets[number] <= start and not content[offsets[number] : start].strip(_BLANKS)


def _is_table(reader: "PdfReader", content: bytes) -> bool:
    """Whether an object is a table of objects, which need not name itself."""
    # only needed when a PDF is read
    from pypdf.errors import PyPdfError
    from pypdf.generic import read_object

    try:
        found = read_object(BytesIO(content), reader)
    except (PyPdfError, ValueError):
        return False
    return isinstance(found, dict) and found.get("/Type") == "/XRef"


def _is_page_tree(reader: "PdfReader") -> bool:
    top = reader.root_object.get("/Pages")
    return top is not None and bool(_leaves(top.get_object(), 0) == len(reader.pages))


def _leaves(node: Any, depth: int) -> int:
    """How many pages are under a node; below nothing when a node is not what it says."""
    if node.get("/Type") == "/Page" and "/Kids" not in node:
        return 1
    if depth > 40 or node.get("/Type") != "/Pages":
        return -(10**9)
    found = sum(_leaves(kid.get_object(), depth + 1) for kid in node.get("/Kids", []).get_object())
    return found if node.get("/Count") == found else -(10**9)
