"""What a reader sees of a PDF against what was typeset: the only owner of pypdf, page by page.

A page whose content, fonts and images are those typeset is the same. Of any other the text is compared, and that
more than text was changed is said: text alone cannot tell what an image covers.
"""

import logging
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import MuluError, Rejected
from registry.list_files.pdf_added import added_to_document, added_to_page
from registry.list_files.pdf_objects import Marks, drawn_by, images_in, same_size
from registry.list_files.printed import told

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

_BROKEN = "文件不是 PDF，或者已损坏（{why}）；向发布单位重新索取文件"
_LOCKED = "PDF 文件设有打开密码，不能核对；去掉密码后再试，或向发布单位重新索取文件"
_SAVED_ANEW = "文件的字节与重新排版的不同，各页内容相同（重新保存过，或者加盖了电子印章）"
_TEXT_ALONE = "{pages}的文字与封存的相同，但页面内容不是排版时的样子（{why}）；请目视核对有无遮盖"
# nobody draws the same instructions with another font but to show another text
_SWAPPED = "所用的字体或者图像被换过，显示出来的字可能不是封存的"
_CODE = re.compile("〔U\\+([0-9A-F]{4,6})〕")
_CONTEXT, _MOST_A_PAGE, _LONG = 6, 5, 4000


class Attached(NamedTuple):
    """Attached files: the contents under the name asked for, and the names of others."""

    contents: list[bytes]
    others: list[str]


class Compared(NamedTuple):
    """What a reader sees otherwise than it was typeset, and what else is to be said."""

    differences: list[str]
    notes: list[str]


class _Span(NamedTuple):
    start: int
    end: int
    meant_start: int
    meant_end: int


@contextmanager
def guarded() -> Iterator[None]:
    """Whatever a broken file leads pypdf to is a refusal of the file.

    Raises:
        Rejected: the file cannot be read.
    """
    try:
        yield
    except MuluError:
        raise
    # a file made to break a reader raises anything: KeyError, RecursionError, zlib.error
    except Exception as error:
        raise Rejected(_BROKEN.format(why=type(error).__name__)) from error


def opened(content: bytes) -> "PdfReader":
    """A reader of a PDF. One that only forbids changes opens without a password.

    Raises:
        Rejected: it asks for a password.
    """
    # only needed when a PDF is read
    from pypdf import PdfReader

    # it tells every flaw of a file on stderr
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Rejected(_LOCKED)
    return reader


def attached(reader: "PdfReader", name: str, *, most: int) -> Attached:
    """The attached files named ``name``, and the names of the others.

    Raises:
        Rejected: one of them has more than ``most`` bytes.
    """
    contents: list[bytes] = []
    others: list[str] = []
    for file in reader.attachment_list:
        if name not in (file.name, file.alternative_name):
            others.append(str(file.name))
            continue
        contents.append(file.content)
        if len(contents[-1]) > most:
            raise Rejected(_BROKEN.format(why=f"随附的 {name} 超过 {most >> 20} MB"))
    return Attached(contents, others)


def compare(shown: "PdfReader", meant: "PdfReader") -> Compared:
    """Every page as it is shown against what was typeset, then what was added to the document."""
    differences, notes = added_to_document(shown, meant)
    counts = (len(shown.pages), len(meant.pages))
    if counts[0] != counts[1]:
        differences.append(told("页数", f"{counts[0]} 页", f"{counts[1]} 页"))
    marks, meant_marks = Marks(), Marks()
    unlike: dict[str, list[int]] = {}
    for number, (page, own) in enumerate(zip(shown.pages, meant.pages, strict=False), 1):
        place = f"第 {number} 页"
        if not same_size(page, own):
            differences.append(f"{place}：页面大小、裁切或者方向与封存的不同")
        more_differences, more_notes = added_to_page(page, place)
        differences += more_differences
        notes += more_notes
        if marks.of_page(page) == meant_marks.of_page(own):
            continue
        found = _text_differences(_text(page), _text(own), place)
        differences += found
        if not found:
            unlike.setdefault(_why(page, own), []).append(number)
    if swapped := unlike.pop(_SWAPPED, []):
        differences.append(f"{_ranges(swapped)}：{_SWAPPED}")
    notes += [_TEXT_ALONE.format(pages=_ranges(pages), why=why) for why, pages in unlike.items()]
    if not differences and not notes:
        notes.append(_SAVED_ANEW)
    return Compared(differences, notes)


def _why(page: "PageObject", own: "PageObject") -> str:
    if drawn_by(page) == drawn_by(own):
        return _SWAPPED
    more = images_in(page) - images_in(own)
    if more > 0:
        return f"多出 {more} 个图像"
    if drawn_by(own) in drawn_by(page):
        return "在排版的内容之上另画了线条、色块或者文字"
    return "内容、字体或者图像被改写，或者由排版软件的另一版本生成"


def _text(page: "PageObject") -> str:
    """What a page says, without blanks; a character shown as its code counts as the character."""
    text = "".join(c for c in page.extract_text() if not c.isspace() and unicodedata.category(c) != "Cf")
    return _CODE.sub(lambda code: _character(code.group(1)), text)


@lru_cache(maxsize=256)
def _character(code: str) -> str:
    number = int(code, 16)
    # codes of blanks and of what turns the order stay as they are: they were never shown otherwise
    shown = chr(number) if number < 0x110000 else ""
    return shown if unicodedata.category(shown or " ")[0] in "LMNPS" else f"〔U+{code}〕"


def _text_differences(shown: str, meant: str, place: str) -> list[str]:
    if shown == meant:
        return []
    spans = _unlike_spans(shown, meant)
    found = [told(place, _around(shown, a, b), _around(meant, c, d)) for a, b, c, d in spans[:_MOST_A_PAGE]]
    if len(spans) > _MOST_A_PAGE:
        found.append(f"{place}：另有 {len(spans) - _MOST_A_PAGE} 处不同")
    return found


def _unlike_spans(shown: str, meant: str) -> list[_Span]:
    """Where two texts differ; one span where they are too long to be compared in detail."""
    pairs = enumerate(zip(shown, meant, strict=False))
    start = next((n for n, (a, b) in pairs if a != b), min(len(shown), len(meant)))
    end = _common_end(shown[start:], meant[start:])
    one, other = shown[start : len(shown) - end], meant[start : len(meant) - end]
    if max(len(one), len(other)) > _LONG:
        return [_Span(start, start + len(one), start, start + len(other))]
    spans: list[_Span] = []
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        found = _Span(start + a, start + b, start + c, start + d)
        if spans and found.start - spans[-1].end <= _CONTEXT:
            found = _Span(spans[-1].start, found.end, spans[-1].meant_start, found.meant_end)
            spans.pop()
        spans.append(found)
    return spans


def _common_end(one: str, other: str) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(reversed(one), reversed(other), strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _around(text: str, start: int, end: int) -> str:
    before, after = max(0, start - _CONTEXT), end + _CONTEXT
    return f"{'…' if before else ''}{text[before:after]}{'…' if after < len(text) else ''}"


def _ranges(numbers: list[int]) -> str:
    """第 1、3—5 页 of the numbers 1, 3, 4, 5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return f"第 {'、'.join('—'.join(map(str, run)) for run in runs)} 页"
