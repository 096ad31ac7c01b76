"""Whether an exported list is genuine: what is seen, the digest, the mark, and the proof of the audit record.

It needs no database: a file of another city can be checked on any machine. Source: domain §12 R17.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from catalog_specs import load
from registry.audit import content_digest
from registry.errors import MuluError, Unavailable, Unreadable
from registry.heads import PROOF
from registry.list_document import MARK_KEYS, ListDocument, document_digest, erasure_digest, is_erased
from registry.list_files import read
from registry.marks import fingerprint, is_genuine, trust_of
from registry.signing import Head
from validators.findings import word
from validators.merkle import Digest, digest, leaf_hash, root_from_path

_NOTHING = "文件没有随附封存的清单，无从核对；请核对封存期次的导出文件（mulu list export，不加 --live）"
_LIVE = "这是实时导出的清单，没有封存，无从核对；请核对封存期次的导出文件（mulu list export，不加 --live）"
_ALTERED = "清单的内容与封存时的摘要不符（应为 {digest}，现为 {now}）；向发布单位重新索取文件"
_NO_MARK = "文件没有完整性校验标记；向发布单位重新索取文件"
_FALSE_MARK = "校验标记不是所称的密钥对这份清单所作；向发布单位重新索取文件"
_UNKNOWN = "{what}的密钥 {key} 不在可信之列；向发布单位核对公钥，属实的用 --key 一并给出"
_COMPARE = "这台机器没有可信公钥的名单：请与发布单位公布的公钥核对密钥指纹 {key}"
_NO_PROOF = "文件没有审计证明：封存是否登记在审计记录里，没有核对"
_LONGEST_PATH = 64
_PROOF_KEYS = frozenset({"format", "subject", "head", "events", "later"})
_EVENT_KEYS = frozenset({"index", "body", "path", "content", "salt"})
SEAL = "seal_edition"


class Verdict(NamedTuple):
    """Whether a file is genuine; what speaks against it (in Chinese, with the place), and what else is to be known.

    ``vouched``: the keys are ones that this machine trusts; else a person has to compare their fingerprints.
    ``erased``: how many lines of it cannot be seen, because their content was erased.
    """

    genuine: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    document: ListDocument | None
    vouched: bool = False
    erased: int = 0


def verify_file(path: Path, *, keys: frozenset[str] = frozenset()) -> Verdict:
    """Check an exported file against the edition that it carries.

    ``keys`` are public keys in hexadecimal to be trusted instead of this machine's list. A file that cannot be
    read or carries nothing is not genuine; the reason is among the problems.
    """
    try:
        carried = read(path)
    except Unreadable as error:
        worded = word(error.finding, load())
        return _refused(f"{worded.message}；{worded.fix}")
    except MuluError as error:
        return _refused(error.message)
    except OSError as error:
        return _refused(f"文件 {path} 不能读取：{error.strerror or error}；核对文件和权限后再试")
    document = carried.document
    if document is None or not document.is_sealed:
        is_live = document is not None or bool(carried.notes)
        return _refused(*carried.differences, _LIVE if is_live else _NOTHING)
    keys = frozenset(key.strip().lower() for key in keys)
    notes = list(carried.notes)
    problems = [*carried.differences, *_digest_problems(document)]
    problems += _mark_problems(document, keys, notes)
    problems += _proof_problems(document, keys, notes)
    problems += _erasure_problems(document, keys, notes)
    vouched = trust_of(document.mark or {}, keys) == "trusted"
    erased = sum(is_erased(row) for table in document.lists for row in table.rows)
    return Verdict(not problems, tuple(problems), tuple(notes), document, vouched, erased)


def _refused(*problems: str) -> Verdict:
    return Verdict(False, problems, (), None)


def _digest_problems(document: ListDocument) -> Iterator[str]:
    now = document_digest(document)
    if now != document.digest:
        yield _ALTERED.format(digest=document.digest[:16], now=now[:16])
    # the digest does not bind this day, so it may say nothing of its own
    if document.as_of not in ("", document.head.get("sealed_on", "")):
        yield f"截至日期“{document.as_of}”不是封存日期；向发布单位重新索取文件"


def _mark_problems(document: ListDocument, keys: frozenset[str], notes: list[str]) -> Iterator[str]:
    mark = document.mark
    if mark is None:
        yield _NO_MARK
        return
    fault = _mark_fault(mark, document.digest)
    if fault:
        yield fault
        return
    key = str(mark["key"])
    notes.append(f"校验标记：{mark['algorithm']}，密钥指纹 {fingerprint(key)}，{mark['at']}")
    yield from _trust_problems("校验标记", key, keys, notes)


def _mark_fault(mark: Mapping[str, Any], bound: str) -> str:
    """What is wrong with a mark over a digest; an empty text when nothing is."""
    if set(mark) - MARK_KEYS:
        return f"校验标记里有不属于它的内容（{'、'.join(sorted(set(mark) - MARK_KEYS))[:60]}）；向发布单位重新索取文件"
    try:
        return "" if is_genuine(mark, bound) else _FALSE_MARK
    except Unavailable as error:
        return f"校验标记没有核对：{error.message}"


def _erasure_problems(document: ListDocument, keys: frozenset[str], notes: list[str]) -> Iterator[str]:
    """Lines without content must be vouched for: else anybody could leave out a line that he dislikes."""
    gone = [row.cells[0] for table in document.lists for row in table.rows if is_erased(row)]
    told = document.erasure
    if not gone and told is None:
        return
    if told is None or set(told) != {"lines", "mark"} or not isinstance(told["mark"], dict):
        yield f"有 {len(gone)} 行没有内容，也没有依法删除的凭据；向发布单位重新索取文件"
        return
    lines = [line for line in told["lines"] if isinstance(line, str)]
    fault = _mark_fault(told["mark"], erasure_digest(document.digest, lines))
    if fault or sorted(gone) != sorted(lines):
        yield fault or "没有内容的行与依法删除的凭据不符；向发布单位重新索取文件"
        return
    notes.append(f"有 {len(gone)} 行的内容已依法删除，看不到，只以保留的行摘要核对")
    yield from _trust_problems("依法删除凭据", str(told["mark"]["key"]), keys, notes)


def _trust_problems(what: str, key: str, keys: frozenset[str], notes: list[str]) -> Iterator[str]:
    trust = trust_of({"key": key}, keys)
    if trust == "unknown":
        yield _UNKNOWN.format(what=what, key=key)
    elif trust == "no_list" and (note := _COMPARE.format(key=fingerprint(key))) not in notes:
        notes.append(note)


# ---- the proof of the audit record ------------------------------------------------------------------------


def _proof_problems(document: ListDocument, keys: frozenset[str], notes: list[str]) -> Iterator[str]:
    proof = document.proof
    if proof is None:
        notes.append(_NO_PROOF)
        return
    try:
        head = Head.read(proof["head"])
        found = list(_faults(proof, head, document.digest))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        yield "审计证明的格式不对，没有核对；向发布单位重新索取文件"
        return
    if found:
        yield from found
        return
    notes.append(f"封存登记在 {head.at} 签署的审计树头之下（共 {head.size} 个事件）")
    yield from _trust_problems("审计树头", head.key_id, keys, notes)


def _faults(proof: Mapping[str, Any], head: Head, bound: str) -> Iterator[str]:
    if proof.get("format") != PROOF or set(proof) != _PROOF_KEYS or type(proof["later"]) is not int:
        raise ValueError("no proof")
    if not head.is_genuine():
        yield "审计树头的签名不是所称的密钥所作；向发布单位重新索取文件"
        return
    hashed = digest(head.algorithm)
    named = False
    for event in proof["events"]:
        told = json.loads(event["body"])
        fault = event_fault(event, told, head, hashed)
        if set(event) - _EVENT_KEYS or told["subject"] != proof["subject"]:
            fault = "里有不属于它的内容"
        if fault:
            yield f"审计事件 {told['seq']} {fault}；向发布单位重新索取文件"
        elif "content" in event and told["act"] == SEAL:
            named |= json.loads(event["content"]).get("digest") == bound
    if not named:
        yield "审计证明里没有哪个事件写着这一期的摘要；向发布单位重新索取文件"


def event_fault(event: Mapping[str, Any], told: Mapping[str, Any], head: Head, hashed: Digest) -> str:
    """What is wrong with one event; an empty text when nothing is. The arithmetic of docs/verify_proof.py."""
    index, path = event["index"], [bytes.fromhex(node) for node in event["path"]]
    if type(index) is not int or told["seq"] != index + 1 or len(path) > _LONGEST_PATH:
        return "的序号与它在树里的位置不符"
    root = root_from_path(leaf_hash(event["body"].encode(), hashed), index, head.size, path, hashed)
    if root is None or root.hex() != head.root:
        return "不在所签的审计树里"
    if (
        "content" in event
        and content_digest(event["content"], bytes.fromhex(event["salt"])) != told["digest"]
    ):
        return "的内容与登记时的摘要不符"
    return ""
