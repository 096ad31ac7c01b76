"""Whether a certificate of a wipe is genuine: its form, its digests, its mark, and the proof of the audit record.

It needs no database: a certificate of another city can be checked on any machine. A published tree head, or a public
key, tells whose certificate it is; without either, the keys that this machine trusts do. Source: domain §12 R16, R17.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from registry.errors import MuluError, Rejected, Unavailable
from registry.heads import PROOF
from registry.list_files.carried import parse
from registry.list_verify import event_fault
from registry.marks import fingerprint, is_genuine, listed_keys
from registry.signing import Head
from registry.wipe_document import CERTIFY, CONTEXT, code_of, digest_in, document_digest
from registry.wipe_form import form_problems
from registry.wipe_pages import read
from validators.merkle import digest

_CURE = "向出具单位重新索取证明"
_RECORD = (
    "记录（record）的内容与记录摘要不符（应为 {digest}，现为 {now}）：记录的字段、副本、任务或者上一记录被改过；"
    + _CURE
)
_DOCUMENT = "证明的内容与证明摘要不符（应为 {digest}，现为 {now}）：证明被改过；" + _CURE
_CODE = "校验码“{code}”不是证明摘要的校验码；" + _CURE
_FALSE_MARK = "校验标记不是所称的密钥对这份证明所作；" + _CURE
_UNKNOWN = "{what}的密钥 {key} 不在可信之列；与出具单位核对公钥，属实的用 --key 一并给出"
_COMPARE = "这台机器没有可信公钥的名单，也没有给出公布的树头：请与出具单位公布的公钥核对密钥指纹 {key}"
_NO_PROOF = "证明没有附审计证明，是否登记在审计记录里无从核对；用 mulu wipe certificate 重新导出"
_BAD_PROOF = "审计证明的格式不对，没有核对；" + _CURE
_FALSE_HEAD = "审计树头的签名不是所称的密钥所作；" + _CURE
_EVENT = "审计事件 {seq} {fault}；" + _CURE
_NOT_NAMED = "审计证明里的事件不是出具这份证明（编号、摘要不符）；" + _CURE
_OTHER_ROOT = "审计证明的树头与公布的树头不是同一棵树（同为 {size} 个事件，树根不同）；" + _CURE
_OTHER_SIZE = (
    "审计证明依据 {size} 个事件的树头，公布的树头（{given}）里没有它，没有核对；"
    "请给出整个树头文件，或者请出具单位依据公布的那一号树头导出（mulu wipe certificate --head N）"
)
_HEADS = "{path} 不是公布的树头（树头文件或者其中一行，或者接口 /api/v1/audit/heads 的内容）；核对文件"


class CertificateVerdict(NamedTuple):
    """Whether a certificate is genuine; what speaks against it (in Chinese, with the place), and what else to know.

    ``vouched``: the keys are trusted here, were given, or signed the published head; else a person has to compare
    their fingerprints. ``document`` is None where the file carries none.
    """

    genuine: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    document: Mapping[str, Any] | None
    vouched: bool = False


class Trusted(NamedTuple):
    """What was published: public keys in hexadecimal and signed heads; with neither, this machine's list counts."""

    keys: frozenset[str] = frozenset()
    heads: tuple[Head, ...] = ()

    def known(self) -> frozenset[str]:
        """The keys that count; none where there is neither list nor anything published."""
        given = frozenset(key.strip().lower() for key in self.keys) | {head.key_id for head in self.heads}
        return given or listed_keys()


_HERE = Trusted()


def verify_file(path: Path, trusted: Trusted = _HERE) -> CertificateVerdict:
    """Check a certificate as JSON or PDF; of a PDF also that its pages are drawn as they were.

    A file that cannot be read or carries no certificate is not genuine; the reason is among the problems.
    """
    try:
        found = read(path)
    except MuluError as error:
        return _refused(error.message)
    except OSError as error:
        return _refused(f"文件 {path} 不能读取：{error.strerror or error}；核对文件和权限后再试")
    if found.document is None:
        return _refused(*found.differences)
    verdict = verify_document(found.document, trusted)
    problems = (*found.differences, *verdict.problems)
    return verdict._replace(genuine=not problems, problems=problems, notes=(*found.notes, *verdict.notes))


def verify_document(document: Any, trusted: Trusted = _HERE) -> CertificateVerdict:
    """Check a certificate that was parsed from JSON, without the page that it came on."""
    if problems := form_problems(document):
        return _refused(*problems)
    notes: list[str] = []
    known = trusted.known()
    try:
        problems = [*_digest_problems(document), *_mark_problems(document, known, notes)]
        problems += _proof_problems(document, trusted, known, notes)
    except (UnicodeEncodeError, RecursionError) as error:
        return _refused(f"证明里有不成字的字符或者过深的嵌套（{type(error).__name__}），没有核对；{_CURE}")
    vouched = {document["mark"]["key"], _head_key(document)} <= known
    return CertificateVerdict(not problems, tuple(problems), tuple(notes), document, vouched)


def _refused(*problems: str) -> CertificateVerdict:
    return CertificateVerdict(False, problems, (), None)


def _head_key(document: Mapping[str, Any]) -> str:
    proof = document.get("proof")
    return str(proof["head"]["key_id"]) if proof else ""


# ---- digests and mark -------------------------------------------------------------------------------------


def _digest_problems(document: Mapping[str, Any]) -> Iterator[str]:
    record = digest_in(document)
    if record != document["record"]["digest"]:
        yield _RECORD.format(digest=document["record"]["digest"][:16], now=record[:16])
    now = document_digest(document)
    if now != document["digest"]:
        yield _DOCUMENT.format(digest=document["digest"][:16], now=now[:16])
    if document["code"] != code_of(document["digest"]):
        yield _CODE.format(code=document["code"][:40])


def _mark_problems(document: Mapping[str, Any], known: frozenset[str], notes: list[str]) -> Iterator[str]:
    mark = document["mark"]
    try:
        if not is_genuine(mark, document["digest"], context=CONTEXT):
            yield _FALSE_MARK
            return
    except Unavailable as error:
        yield f"校验标记没有核对：{error.message}"
        return
    notes.append(f"校验标记：{mark['algorithm']}，密钥指纹 {fingerprint(mark['key'])}，{mark['at']}")
    yield from _trust_problems("校验标记", mark["key"], known, notes)


def _trust_problems(what: str, key: str, known: frozenset[str], notes: list[str]) -> Iterator[str]:
    if key in known:
        return
    if known:
        yield _UNKNOWN.format(what=what, key=key)
    elif (note := _COMPARE.format(key=fingerprint(key))) not in notes:
        notes.append(note)


# ---- the proof of the audit record ------------------------------------------------------------------------


def _proof_problems(
    document: Mapping[str, Any], trusted: Trusted, known: frozenset[str], notes: list[str]
) -> Iterator[str]:
    proof = document.get("proof")
    if proof is None:
        # an export always carries it: without it nothing says that the certificate was ever entered
        yield _NO_PROOF
        return
    try:
        head = Head.read(proof["head"])
        found = list(_faults(proof, head, document))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        yield _BAD_PROOF
        return
    found += _published_problems(head, trusted.heads)
    if found:
        yield from found
        return
    notes.append(f"出具登记在 {head.at} 签署的第 {head.number} 号审计树头之下（共 {head.size} 个事件）")
    yield from _trust_problems("审计树头", head.key_id, known, notes)


def _faults(proof: Mapping[str, Any], head: Head, document: Mapping[str, Any]) -> Iterator[str]:
    subject = document["record"]["id"]
    if proof["format"] != PROOF or proof["subject"] != subject:
        yield "审计证明不是这条清除记录的；" + _CURE
        return
    if not _is_signed(head):
        yield _FALSE_HEAD
        return
    [event], hashed = proof["events"], digest(head.algorithm)
    told = json.loads(event["body"])
    fault = event_fault(event, told, head, hashed)
    if not fault and told["subject"] != subject:
        fault = "不是这条清除记录的事件"
    if fault:
        yield _EVENT.format(seq=told["seq"], fault=fault)
    elif told["act"] != CERTIFY or not _names(json.loads(event["content"]), document):
        yield _NOT_NAMED


def _names(details: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether the details of the act of certifying are those of this certificate."""
    return all(details.get(key) == document[key] for key in ("digest", "certificate_no"))


@lru_cache(maxsize=64)
def _is_signed(head: Head) -> bool:
    return head.is_genuine()


def _published_problems(head: Head, published: Sequence[Head]) -> Iterator[str]:
    """How the head of a proof stands to the published ones: it must be one of them, root and size."""
    if not published:
        return
    for given in published:
        if not _is_signed(given):
            yield f"所给的第 {given.number} 号树头签名不符，不是公布的树头；核对文件"
            return
    same = [given for given in published if given.size == head.size and given.algorithm == head.algorithm]
    if not same:
        sizes = "、".join(f"{given.size} 个" for given in published[-3:])
        yield _OTHER_SIZE.format(size=head.size, given=sizes)
    elif all((given.root, given.origin) != (head.root, head.origin) for given in same):
        yield _OTHER_ROOT.format(size=head.size)


# ---- published heads --------------------------------------------------------------------------------------


def read_heads(path: Path) -> tuple[Head, ...]:
    """The heads in a file: one as JSON, a list or a page of them, a proof with its head, or the lines of the heads file.

    Raises:
        Rejected: the file cannot be read, or holds no head.
    """
    try:
        text = path.read_text("utf-8-sig")
        found = tuple(Head.read(_head_in(value)) for value in _values(text))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected(_HEADS.format(path=path)) from error
    if not found:
        raise Rejected(_HEADS.format(path=path))
    return found


def _values(text: str) -> list[Any]:
    try:
        value = parse(text)
    except Rejected:
        return [parse(line) for line in text.splitlines() if line.strip()]
    # a page of the API
    value = value.get("results", value) if isinstance(value, dict) else value
    return value if isinstance(value, list) else [value]


def _head_in(value: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = value.get("head")
    return inner if isinstance(inner, dict) else value
