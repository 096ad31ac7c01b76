"""A list as PDF, to print and to stamp; a sealed document travels inside as an attached file.

Read back, the document is typeset again: the same bytes mean that nothing was changed at all. Other bytes are
compared by what a reader sees.
"""

from pathlib import Path

from registry.errors import Rejected
from registry.keys import canonical_json
from registry.list_document import ListDocument, to_json
from registry.list_files import pdf_seen
from registry.list_files.carried import Carried, document_of, parse, reading_limits
from registry.list_files.printed import UNSEALED
from registry.list_pages import TEMPLATE, pages_of, with_lines
from registry.sheets import check_size
from registry.typeset import typeset

EDITION_FILE = "edition.json"
_NOTHING = f"文件没有随附封存数据（{EDITION_FILE}）：是实时清单，或者不是本系统导出的"
_SEVERAL = "文件随附了 {count} 份" + EDITION_FILE + "，无从判断以哪一份为准"
_OTHERS = "文件另附有其他文件：{names}，不在封存之列"


def write_pdf(document: ListDocument, path: Path) -> None:
    """Write a document as PDF/A-3b; the lines of a live one are read into memory.

    Raises:
        Rejected: a line does not fit its list, or a text cannot be written.
        TooLarge: more lines than pages are made for.
        Unavailable: typst or our fonts are not there.
    """
    path.write_bytes(pdf_of(document))


def pdf_of(document: ListDocument) -> bytes:
    """The bytes of a document's PDF: the same for the same document and version of the typesetter.

    Raises:
        Rejected, TooLarge, Unavailable: see ``write_pdf``.
    """
    whole = with_lines(document)
    pages = pages_of(whole)
    attached = {EDITION_FILE: _edition(whole)} if whole.is_sealed else {}
    return typeset(TEMPLATE, pages.data, images=pages.images, attachments=attached)


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
        shown = pdf_seen.opened(content)
        found = pdf_seen.attached(shown, EDITION_FILE, most=reading_limits()["unpacked_bytes"])
    if not found.contents:
        return Carried(None, [], [_NOTHING])
    if len(found.contents) > 1:
        return Carried(None, [_SEVERAL.format(count=len(found.contents))], [])
    document, differences = document_of(parse(_decoded(found.contents[0])))
    notes = [] if document.is_sealed else [UNSEALED]
    meant = pdf_of(document)
    if meant != content:
        with pdf_seen.guarded():
            compared = pdf_seen.compare(shown, pdf_seen.opened(meant))
        differences += compared.differences
        notes += compared.notes
    if found.others:
        notes.append(_OTHERS.format(names="、".join(found.others)))
    return Carried(document, differences, notes)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected("文件随附的封存数据已损坏（不是 UTF-8）；向发布单位重新索取文件") from error
