"""Certificates handed out: the issued document with the proof of the last signed head that it stands on the record."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.errors import Conflict, Gone, NotFound
from registry.heads import head_numbered, prove
from registry.lookup import askable
from registry.models import WipeRecord
from registry.permits import Actor
from registry.wipe_document import CERTIFY
from registry.wipe_sight import find_record

_ERASED = (
    "清除记录 {number} 的内容已于 {day} 依法删除，只存摘要 {digest}，不能再导出证明；已导出的证明文件仍可核验"
)
_NOT_YET = "清除记录 {number} 还没有证明（现为“{state}”）；验证、见证、审批后出具"
_UNSIGNED = "还没有树头为证明 {number} 作证；先执行 mulu audit head"


def exported(
    session: Session, written: str, *, actor: Actor | None, head: int | None = None
) -> dict[str, Any]:
    """The certificate of a number (or of a record's key) with its audit proof, as an actor sees it (None: all).

    A head over the act of issuing must have been signed (``heads.sign_head``). The proof is against the last one, or
    against that of the number ``head``: the one that an auditor holds.

    Raises:
        NotFound: there is none that is seen, none issued yet, or no head over it. Gone: its content was erased.
    """
    record = find_record(session, written, actor=actor).record
    document = document_of(record)
    proof = prove(session, record.id, head=None if head is None else head_numbered(session, head))
    return document | {"proof": certifying(proof, document)}


def certifying(proof: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Of a proof by a record's key the part that is about its certificate: the act of issuing it, and nothing besides.

    Raises:
        NotFound: no head is over that act yet.
    """
    for event in proof["events"]:
        told = json.loads(event["body"])
        if (told["act"], told["subject"]) == (CERTIFY, document["record"]["id"]) and "content" in event:
            return {key: proof[key] for key in ("format", "subject", "head")} | {"events": [event]}
    raise NotFound(_UNSIGNED.format(number=document["certificate_no"]))


def document_of(record: WipeRecord) -> dict[str, Any]:
    """The certificate as it was issued, without proof.

    Raises:
        NotFound: none was issued yet. Gone: its content was erased. Conflict: what is stored is damaged.
    """
    number = record.certificate_no or record.id
    if record.erased_at is not None:
        day = record.erased_at.date().isoformat()
        raise Gone(_ERASED.format(number=number, day=day, digest=record.digest))
    if record.certificate is None:
        raise NotFound(_NOT_YET.format(number=number, state=record.state))
    try:
        found: dict[str, Any] = json.loads(record.certificate)
    except ValueError as error:
        raise Conflict(f"证明 {number} 在库里已损坏；执行 mulu audit verify 查看") from error
    return found


def published(session: Session, number: str, code: str) -> WipeRecord | None:
    """The certified record of a number and its verification code; both must fit, so that no number can be tried out."""
    query = select(WipeRecord).where(col(WipeRecord.certificate_no) == askable(number.strip().upper()[:64]))
    record = session.execute(query).scalar_one_or_none()
    if record is None or record.certificate is None:
        return None
    plain = "".join(c for c in code.upper() if c.isascii() and c.isalnum())
    own = _code_in(record.certificate).replace("-", "")
    return record if own and secrets.compare_digest(plain, own) else None


def _code_in(certificate: str) -> str:
    """The verification code of a stored certificate; empty when erasing left none of it."""
    try:
        return str(json.loads(certificate)["code"])
    except (ValueError, KeyError, TypeError):
        return ""
