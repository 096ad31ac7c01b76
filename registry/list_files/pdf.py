"""A list as PDF, to print and to stamp; a sealed document travels inside as an attached file.

Read back, the document is typeset again: the same bytes mean that nothing was changed at all. Of other bytes every
page must be drawn exactly as typeset, with the same fonts and images; anything else is a difference.
"""

from pathlib import Path

from registry.errors import Rejected
from registry.keys import canonical_json
from registry.list_document import ListDocument, to_json
from registry.list_files import pdf_seen
from registry.list_files.carried import Carried, document_of, parse, reading_limits
from registry.list_files.pdf_seen import Compared
from registry.list_files.printed import UNSEALED
from registry.list_pages import TEMPLATE, pages_of, rare_in, with_lines
from registry.sheets import check_size
from registry.typeset import typeset

EDITION_FILE = "edition.json"
_NOTHING = f"文件没有随附封存数据（{EDITION_FILE}）：是实时清单，或者不是本系统导出的"
_SEVERAL = "文件随附了 {count} 份" + EDITION_FILE + "，无从判断以哪一份为准"
_BORROWED = (
    "清单有随附字体之外的字（{rare}），排版时借用了制表机器的字体；"
    "请在装有同样字体的机器上核验，或者核验同一期次的其他格式"
)
_OTHERS = "文件另附有其他文件：{names}，不在封存之列"


def write_pdf(document: ListDocument, path: Path) -> None:
    """Write a document as PDF/A-3b; the lines of a live one are read into memory.

    A sealed one borrows no font of the machine: it must verify on every other, for years.

    Raises:
        Rejected: a line does not fit its list, or a text cannot be written.
        TooLarge: more lines than pages are made for.
        Unavailable: typst or our fonts are not there.
    """
    path.write_bytes(pdf_of(document, borrows=not document.is_sealed))


def pdf_of(document: ListDocument, *, borrows: bool = True) -> bytes:
    """The bytes of a document's PDF: the same for the same document and version of the typesetter.

    What our own fonts lack is borrowed from the machine's when it ``borrows``, or is printed as codes.

    Raises:
        Rejected, TooLarge, Unavailable: see ``write_pdf``.
    """
    whole = with_lines(document)
    pages = pages_of(whole)
    attached = {EDITION_FILE: _edition(whole)} if whole.is_sealed else {}
    return typeset(TEMPLATE, pages.data, images=pages.images, attachments=attached, borrows=borrows)


def _edition(document: ListDocument) -> bytes:
    try:
        return canonical_json(to_json(document)).encode()
    except UnicodeEncodeError as error:
        code = ord(error.object[error.start])
        raise Rejected(f"清单里有不成字的字符 U+{code:04X}，不能写入 PDF；改正条目后重新封存") from error


def read_pdf(path: Path) -> Carried:
    """The document in a PDF, and how the pages differ from what that document looks like when typeset.

    Raises:
        Rejected: no PDF, a damaged one, one under a password, or attached data that are no list.
        Unavailable: typst or our fonts are not there.
    """
    check_size(path, reading_limits()["file_bytes"])
    content = path.read_bytes()
    with pdf_seen.guarded():
        most = reading_limits()["unpacked_bytes"]
        found = pdf_seen.attached(pdf_seen.opened(content), EDITION_FILE, most=most)
    if not found.contents:
        return Carried(None, [], [_NOTHING])
    if len(found.contents) > 1:
        return Carried(None, [_SEVERAL.format(count=len(found.contents))], [])
    document, differences = document_of(parse(_decoded(found.contents[0])))
    notes = [] if document.is_sealed else [UNSEALED]
    compared = _compared(content, document)
    differences += compared.differences
    notes += compared.notes
    if found.others:
        notes.append(_OTHERS.format(names="、".join(found.others)))
    return Carried(document, differences, notes)


def _compared(content: bytes, document: ListDocument) -> Compared:
    """The file against the document typeset here; one with rare characters also as a machine without fonts does."""
    meant = pdf_of(document)
    if meant == content:
        return Compared([], [], True)
    compared = pdf_seen.compare(content, meant)
    rare = rare_in(document)
    if not rare or not compared.differences:
        return compared
    coded = pdf_of(document, borrows=False)
    if coded == content:
        return Compared([], [], True)
    with_codes = pdf_seen.compare(content, coded)
    if not with_codes.differences:
        return with_codes
    hint = [_BORROWED.format(rare="、".join(rare[:20]))] if compared.is_text_alike else []
    return compared._replace(differences=compared.differences + hint)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected("文件随附的封存数据已损坏（不是 UTF-8）；向发布单位重新索取文件") from error
