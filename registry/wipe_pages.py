"""A certificate as data of its page template, as PDF, and as JSON; read back from either.

The pages are made of the document alone, with fonts of our own: the same document gives the same bytes everywhere.
"""

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from registry.errors import Rejected
from registry.keys import canonical_json
from registry.list_files import pdf_seen
from registry.list_files.carried import parse, reading_limits
from registry.list_files.pdf_added import STAMPING
from registry.marks import fingerprint
from registry.plain_json import texts_in
from registry.sheets import check_size
from registry.typeset import beyond_fonts, typeset, typesetter
from registry.wipe_form import form_problems

TEMPLATE, ATTACHED, QR_FILE = "wipe_certificate", "certificate.json", "qr.svg"
ENDINGS = (".json", ".pdf")
# in characters: what fits beside another fact on one line
_HALF = 22.0
_BLANKS = (
    ("操作人（签字）", "Operator"),
    ("验证人（签字）", "Verifier"),
    ("见证人（签字）", "Witness"),
    ("审批人（签字、单位盖章）", "Approver and seal"),
)
_RARE = "下列字符不在随附字体之内，写作〔U+码位〕："
_STAMPING = "盖章请用电子签章域，或者打印后加盖"
_NOTHING = f"PDF 没有随附证明数据（{ATTACHED}），无从核对；向出具单位重新索取文件"
_SEVERAL = f"PDF 随附了 {{count}} 份 {ATTACHED}，无从判断以哪一份为准；向出具单位重新索取文件"
_OTHERS = "PDF 另附有不属于证明的文件：{names}；向出具单位重新索取文件"
_NOT_UTF8 = "文件不是 UTF-8 编码的文本；向出具单位重新索取文件"


class Read(NamedTuple):
    """What a file carries (None: nothing that can be judged), and how what a reader sees differs from it."""

    document: dict[str, Any] | None
    differences: list[str]
    notes: list[str]


# ---- written ----------------------------------------------------------------------------------------------


def json_of(document: Mapping[str, Any]) -> bytes:
    """The bytes of a certificate as a JSON file, for people and programs to read."""
    return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def pdf_of(document: Mapping[str, Any]) -> bytes:
    """The bytes of a certificate as PDF/A-3b with the certificate attached as JSON.

    Raises:
        Rejected: a text cannot be printed. Unavailable: typst or our fonts are not there.
    """
    images = {QR_FILE: _qr(qr_text(document))}
    attached = {ATTACHED: canonical_json(document).encode()}
    return typeset(TEMPLATE, page_of(document), images=images, attachments=attached, borrows=False)


def qr_text(document: Mapping[str, Any]) -> str:
    """What the code to scan says: the address to verify at, where one is known, the number, the code and the digest."""
    parts = (document["certificate_no"], document["code"], document["digest"])
    if document["verify_url"]:
        return f"{document['verify_url']}?code={document['code']}#{document['digest']}"
    return ":".join(("mulu:wipe", *parts))


def _qr(text: str) -> bytes:
    # only needed when pages are made
    import segno

    drawn = BytesIO()
    try:
        segno.make(text, error="m", micro=False).save(drawn, kind="svg", border=2, xmldecl=False)
    except ValueError as error:
        raise Rejected("核验网址太长，不能做成二维码；改短 MULU_PUBLIC_URL 后重新出具") from error
    return drawn.getvalue()


# ---- the page ---------------------------------------------------------------------------------------------


def page_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The data of the template: every text that a reader of the PDF sees."""
    number, agency = document["certificate_no"], document["agency"]
    return {
        "title": document["title"]["zh"],
        "title_en": document["title"]["en"],
        "author": agency["name"],
        "made_by": f"Mulu certificate layout {document['layout']}; {typesetter()}",
        "keywords": [number, document["code"]],
        "number": number,
        "code": document["code"],
        "head": _head(document),
        "sections": [_section(section) for section in document["shown"]],
        "persons": _persons(document["persons"]),
        "copies": _copies(document["copies"]),
        "findings": [_finding(found) for found in document["findings"]],
        "blanks": [list(pair) for pair in _BLANKS],
        "integrity": _integrity(document),
        "says": [document["says"]["zh"], document["says"]["en"]],
        "rare": _rare(document),
        "footer": f"{agency['name']}　{number}",
    }


def _head(document: Mapping[str, Any]) -> list[list[str]]:
    agency, case, system = document["agency"], document["case"], document["system"]
    rows = [
        ["出具单位", "Issued by", f"{agency['name']}　{agency['code']}"],
        ["清除任务", "Case", case["number"]],
        ["出具时间", "Issued at", _clock(document["issued_at"])],
    ]
    if system:
        rows.insert(1, ["信息系统", "System", f"{system['name']}　{system['ident']}".strip("　")])
    return rows


def _clock(moment: str) -> str:
    """A moment with its offset as it is printed: to the second."""
    return f"{moment[:19].replace('T', ' ')} UTC{moment[19:]}"


def _section(section: Mapping[str, Any]) -> dict[str, Any]:
    return {"zh": section["zh"], "en": section["en"], "lines": list(_lines(section["rows"]))}


def _lines(rows: list[dict[str, Any]]) -> Iterator[list[list[str]]]:
    """The facts of a section in lines of one or two: short ones stand side by side."""
    waiting: list[str] | None = None
    for row in rows:
        fact = [row["zh"], row["en"], row["text"], row["text_en"]]
        is_short = max(_length(row["text"]), _length(row["text_en"])) <= _HALF
        if not is_short:
            if waiting:
                yield [waiting]
            waiting = None
            yield [fact]
        elif waiting:
            yield [waiting, fact]
            waiting = None
        else:
            waiting = fact
    if waiting:
        yield [waiting]


def _length(text: str) -> float:
    return sum(0.55 if c.isascii() else 1.0 for c in text)


def _persons(persons: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A table: a column for everything that is known of anybody, a line for every person."""
    heads = {fact["key"]: [fact["zh"], fact["en"]] for person in persons for fact in person["facts"]}
    if not heads:
        return None
    rows = []
    for person in persons:
        known = {fact["key"]: fact["text"] for fact in person["facts"]}
        rows.append([[person["zh"], person["en"]], [known.get(key, "") for key in heads]])
    return {"heads": list(heads.values()), "rows": rows}


def _copies(copies: list[dict[str, Any]]) -> list[str]:
    return [
        "　".join(text for text in (copy["name"], copy["holder"], copy["serial_no"]) if text)
        for copy in copies
    ]


def _finding(found: Mapping[str, Any]) -> str:
    return " ".join(text for text in (found["rule"], found["text"]) if text)


def _integrity(document: Mapping[str, Any]) -> list[list[str]]:
    mark, record = document["mark"], document["record"]
    return [
        ["记录摘要", "Record", f"SHA-256 {record['digest']}"],
        ["上一记录", "Previous", f"SHA-256 {record['previous']}" if record["previous"] else "—"],
        ["证明摘要", "Certificate", f"SHA-256 {document['digest']}"],
        ["校验标记", "Mark", f"{mark['algorithm']}　密钥指纹 {fingerprint(mark['key'])}"],
        *([["核验网址", "Verify at", document["verify_url"]]] if document["verify_url"] else []),
    ]


def _rare(document: Mapping[str, Any]) -> str:
    found = beyond_fonts(texts_in({key: value for key, value in document.items() if key != "proof"}))
    return _RARE + "、".join(found) if found else ""


# ---- read back --------------------------------------------------------------------------------------------


def read(path: Path) -> Read:
    """The certificate in a JSON or PDF file; of a PDF also how its pages differ from what they should be.

    Raises:
        Rejected: the file is neither, is damaged, or holds no JSON. Unavailable: typst or our fonts are not there.
    """
    check_size(path, reading_limits()["file_bytes"])
    content = path.read_bytes()
    if content.lstrip()[:5] == b"%PDF-":
        return _read_pdf(content)
    return _checked(parse(_decoded(content.removeprefix(b"\xef\xbb\xbf"))))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected(_NOT_UTF8) from error


def _checked(value: Any) -> Read:
    problems = form_problems(value)
    return Read(None, problems, []) if problems else Read(value, [], [])


def _read_pdf(content: bytes) -> Read:
    with pdf_seen.guarded():
        found = pdf_seen.attached(pdf_seen.opened(content), ATTACHED, most=reading_limits()["unpacked_bytes"])
    if not found.contents:
        return Read(None, [_NOTHING], [])
    if len(found.contents) > 1:
        return Read(None, [_SEVERAL.format(count=len(found.contents))], [])
    others = [_OTHERS.format(names="、".join(found.others))] if found.others else []
    carried = _checked(parse(_decoded(found.contents[0])))
    if carried.document is None:
        return carried._replace(differences=carried.differences + others)
    meant = pdf_of(carried.document)
    if meant == content:
        return carried
    compared = pdf_seen.compare(content, meant)
    differences = [text.replace(STAMPING, _STAMPING) for text in compared.differences]
    notes = [text.replace(STAMPING, _STAMPING) for text in compared.notes]
    return Read(carried.document, others + differences, notes)
