"""What a reader sees of a PDF against what was typeset: the owner of pypdf, page by page.

A page is the sealed one when its instructions, fonts and images are those typeset, to the byte. Text alone proves
nothing, for it says neither what is covered nor what is drawn invisibly; it only helps to tell what was changed.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import MuluError, Rejected
from registry.list_files.pdf_added import STAMPING, added_to_document, added_to_page
from registry.list_files.pdf_objects import IMAGES, MOVED, OVER, SIZE, Alike, unlike
from registry.list_files.pdf_structure import flaws_told, irregular
from registry.list_files.pdf_text import text_differences
from registry.list_files.printed import told

if TYPE_CHECKING:
    from pypdf import PdfReader

_BROKEN = "文件不是 PDF，或者已损坏（{why}）；向发布单位重新索取文件"
_LOCKED = "PDF 文件设有打开密码，不能核对；去掉密码后再试，或向发布单位重新索取文件"
_SAVED_ANEW = "文件另存过：字节与重新排版的不同，各页内容逐一相同"
_NOT_OURS = "{pages}：页面内容不是封存时排版的内容（{why}）"
_OTHER_MAKER = (
    "{pages}由排版程序 {shown}制作，本机是 {own}，不能逐页比较版面；{texts}文字相同；请用 {shown}核验"
)
_MAKER = re.compile(r"Mulu (?:list|certificate) layout (\d{1,4}); (typst \d{1,4}(?:\.\d{1,4}){1,3})")
# reading the text of a page takes a tenth of a second
_MOST_READ = 8


class Attached(NamedTuple):
    """Attached files: the contents under the name asked for, and the names of others."""

    contents: list[bytes]
    others: list[str]


class Compared(NamedTuple):
    """What a reader sees otherwise than it was typeset, and what else is to be said.

    ``is_text_alike``: no text was found to be other than sealed, though the pages may be drawn otherwise.
    """

    differences: list[str]
    notes: list[str]
    is_text_alike: bool


@contextmanager
def guarded() -> Iterator[list[str]]:
    """Whatever a broken file leads pypdf to is a refusal of the file; what it says of flaws is kept in the list.

    Raises:
        Rejected: the file cannot be read.
    """
    try:
        with flaws_told() as flaws:
            yield flaws
    except MuluError:
        raise
    # a file made to break a reader raises anything: KeyError, RecursionError, zlib.error
    except Exception as error:
        raise Rejected(_BROKEN.format(why=type(error).__name__)) from error


def opened(content: bytes) -> "PdfReader":
    """A reader of a PDF that mends nothing. One that only forbids changes opens without a password.

    Raises:
        Rejected: it asks for a password.
    """
    # only needed when a PDF is read
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(content), strict=True)
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


def compare(content: bytes, typeset: bytes) -> Compared:
    """Every page of a file against what was typeset, then what was added to the document.

    Raises:
        Rejected: the file cannot be read.
    """
    with guarded() as flaws:
        shown, meant = opened(content), opened(typeset)
        differences, notes = added_to_document(shown, meant)
        counts = (len(shown.pages), len(meant.pages))
        if counts[0] != counts[1]:
            differences.append(told("页数", f"{counts[0]} 页", f"{counts[1]} 页"))
        for number, page in enumerate(shown.pages, 1):
            more_differences, more_notes = added_to_page(page, f"第 {number} 页", content)
            differences += more_differences
            notes += more_notes
        pages = _unlike_pages(shown, meant)
        texts = _text_differences(shown, meant, list(pages))
        differences += irregular(shown, content, flaws)
    differences += [difference for found in texts.values() for difference in found]
    is_text_alike = counts[0] == counts[1] and not any(texts.values())
    differences += _said_of_pages(shown, meant, pages, texts)
    if not differences:
        notes.append(_SAVED_ANEW)
    return Compared(differences, notes, is_text_alike)


def _unlike_pages(shown: "PdfReader", meant: "PdfReader") -> dict[int, list[str]]:
    """By page number, in what pages are not drawn as typeset."""
    alike = Alike()
    pairs = enumerate(zip(shown.pages, meant.pages, strict=False), 1)
    found = {number: list(unlike(page, own, alike)) for number, (page, own) in pairs}
    return {number: why for number, why in found.items() if why}


def _text_differences(shown: "PdfReader", meant: "PdfReader", numbers: list[int]) -> dict[int, list[str]]:
    return {
        number: text_differences(shown.pages[number - 1], meant.pages[number - 1], f"第 {number} 页")
        for number in numbers[:_MOST_READ]
    }


def _said_of_pages(
    shown: "PdfReader", meant: "PdfReader", pages: dict[int, list[str]], texts: dict[int, list[str]]
) -> list[str]:
    """Differences of pages, those of one kind together."""
    if not pages:
        return []
    makers = [_maker(reader) for reader in (shown, meant)]
    if (
        makers[0]
        and makers[0] != makers[1]
        and len(shown.pages) == len(meant.pages)
        and not any(texts.values())
    ):
        read = "" if len(texts) == len(pages) else f"读过的前 {len(texts)} 页"
        return [_OTHER_MAKER.format(pages=_ranges(list(pages)), shown=makers[0], own=makers[1], texts=read)]
    alike: dict[str, list[int]] = {}
    for number, whys in pages.items():
        # where the words themselves are told, that they were written anew goes without saying
        for why in whys:
            if why != MOVED or not texts.get(number):
                alike.setdefault(why, []).append(number)
    return [_worded(why, numbers) for why, numbers in alike.items()]


def _worded(why: str, numbers: list[int]) -> str:
    if why == SIZE:
        return f"{_ranges(numbers)}：{why}"
    said = _NOT_OURS.format(pages=_ranges(numbers), why=why)
    return f"{said}；{STAMPING}" if why in (IMAGES, OVER) else said


def _maker(reader: "PdfReader") -> str:
    """The typesetter that a file says it was made by, with the number of the layout; empty when it says none."""
    subject = str(getattr(reader.metadata, "subject", None) or "")
    found = _MAKER.fullmatch(subject)
    return f"{found[2]}（版面 {found[1]}）" if found else ""


def _ranges(numbers: list[int]) -> str:
    """第 1、3—5 页 of the numbers 1, 3, 4, 5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return f"第 {'、'.join('—'.join(map(str, run)) for run in runs)} 页"
