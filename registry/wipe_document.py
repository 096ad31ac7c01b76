"""The certificate of a wipe as a document: everything that was recorded, who vouches for it, and in which words.

The texts that a reader sees are part of the document: a certificate verifies for years, also after headings have
changed. Source: S19 (certificate of sanitization); domain §7.1, §12 R16, R17.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.errors import Conflict
from registry.keys import digest_of
from registry.marks import make_mark
from registry.models import Agency, DataCopy, System, WipeCase, WipeRecord
from registry.people import local
from registry.settings import read_settings
from registry.signing import moment_text
from registry.wipe_words import fact_rows, person_row

FORMAT, RECORD_FORMAT = "mulu-wipe-certificate/1", "mulu-wipe-record/1"
# how certificates are laid out; issued ones must verify for years, so each layout is kept
LAYOUT = 1
# what is marked begins with this: the mark of a list edition never passes on a certificate
CONTEXT = "mulu wipe certificate 1\n"
CERTIFY = "certify_wipe"
CODE_LENGTH, CODE_GROUP = 20, 4
# what is added to the document after its digest was made
BESIDE = frozenset({"digest", "code", "mark", "proof"})
_HIDDEN = frozenset({"certificate_no", "record_hash", "prev_hash"})


def record_digest(
    *, case_id: str, seq: int, kind: str, copies: Iterable[str], content: Mapping[str, Any], previous: str
) -> str:
    """The SHA-256 of a wipe record: what was recorded, in which case, and the digest of the record before it."""
    return digest_of(
        {
            "format": RECORD_FORMAT,
            "case": case_id,
            "seq": seq,
            "kind": kind,
            "copies": list(copies),
            "content": dict(content),
            "previous": previous,
        }
    )


def compose_certificate(
    session: Session, record: WipeRecord, *, number: str, now: datetime
) -> dict[str, Any]:
    """The certificate of a record that was verified and approved, as a JSON object with digest, code and mark.

    The caller keeps its canonical JSON as ``record.certificate`` and puts on the audit record the act ``CERTIFY`` of
    the record's id with the details ``{"digest": document["digest"], "certificate_no": number}``.

    Raises:
        Conflict: the record has no case any more. Unavailable: no mark can be made.
    """
    specs, spec = load(), load().wiping.certificate
    case = session.get(WipeCase, record.case_id)
    agency = session.get(Agency, case.agency_id) if case else None
    if case is None or agency is None:
        raise Conflict(
            f"清除记录 {record.id} 的任务或者单位不见了，不能出具证明；执行 mulu audit verify 查看"
        )
    system = session.get(System, case.system_id) if case.system_id else None
    values = _values(record, case, system)
    if "copies_covered" in values:
        values["copies_covered"] = _answers(session, case, values["copies_covered"])
    document = {
        "format": FORMAT,
        "layout": LAYOUT,
        "certificate_no": number,
        "issued_at": local(now).isoformat(timespec="seconds"),
        "specs": specs.digest,
        "verify_url": _verify_url(number),
        "title": {"zh": spec.title.zh, "en": spec.title.en},
        "says": {"zh": spec.says_zh, "en": spec.says_en},
        "agency": {"name": agency.name, "code": agency.code},
        "system": _system(system),
        "case": _case(case),
        "record": _record(record),
        "copies": [_copy(found) for found in _copies(session, record.copies)],
        "findings": [_finding(found) for found in record.findings],
        "shown": fact_rows(values, record.kind, specs),
        "persons": list(_persons(values, specs)),
    }
    return certified(document, at=moment_text(now))


def certified(document: Mapping[str, Any], *, at: str) -> dict[str, Any]:
    """The document with its digest, verification code and mark.

    Raises:
        Unavailable: the key cannot be used.
    """
    digest = document_digest(document)
    added = {"digest": digest, "code": code_of(digest), "mark": make_mark(digest, at=at, context=CONTEXT)}
    return dict(document) | added


def document_digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a certificate: of all of it but digest, code, mark and proof."""
    return digest_of({key: value for key, value in document.items() if key not in BESIDE})


def code_of(digest: str) -> str:
    """The verification code of a digest: its first 80 bits, in groups that can be read out."""
    short = digest[:CODE_LENGTH].upper()
    return "-".join(short[n : n + CODE_GROUP] for n in range(0, CODE_LENGTH, CODE_GROUP))


def digest_in(document: Mapping[str, Any]) -> str:
    """The digest of the record in a certificate, made anew of what stands there."""
    record = document["record"]
    return record_digest(
        case_id=document["case"]["id"],
        seq=record["seq"],
        kind=record["kind"],
        copies=record["copies"],
        content=record["content"],
        previous=record["previous"],
    )


# ---- the parts --------------------------------------------------------------------------------------------


def _verify_url(number: str) -> str:
    base = read_settings().public_url
    return f"{base}/certificates/{number}" if base else ""


def _system(system: System | None) -> dict[str, Any] | None:
    if system is None:
        return None
    return {"id": system.id, "name": system.name, "ident": system.ident or ""}


def _case(case: WipeCase) -> dict[str, Any]:
    return {
        "id": case.id,
        "number": case.number,
        "kind": case.kind,
        "decision_no": case.decision_no,
        "contract_no": case.contract_no,
    }


def _record(record: WipeRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "seq": record.seq,
        "kind": record.kind,
        "copies": list(record.copies),
        "content": dict(record.content),
        "digest": record.digest,
        "previous": record.previous,
        "recorded_by": record.recorded_by,
        "recorded_at": moment_text(record.recorded_at),
        "verification": _vouched(record.verification, record.verified_by, record.verified_at),
        "witness": _vouched(record.witness, record.witnessed_by, record.witnessed_at),
        "approval": _vouched(record.approval, record.approved_by, record.approved_at),
    }


def _vouched(said: Mapping[str, Any] | None, by: str, at: datetime | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {"said": dict(said), "by": by, "at": moment_text(at) if at else ""}


def _copies(session: Session, ids: Iterable[str]) -> list[DataCopy]:
    query = select(DataCopy).where(col(DataCopy.id).in_(list(ids))).order_by(col(DataCopy.id))
    return list(session.execute(query).scalars())


def _copy(copy: DataCopy) -> dict[str, Any]:
    return {
        "id": copy.id,
        "kind": copy.kind,
        "name": copy.name,
        "holder": copy.holder,
        "serial_no": copy.serial_no or "",
    }


def _answers(session: Session, case: WipeCase, rows: Any) -> Any:
    """The answers to copies with the names of the copies in place of their keys."""
    if not isinstance(rows, list):
        return rows
    query = select(col(DataCopy.id), col(DataCopy.name)).where(col(DataCopy.case_id) == case.id)
    names: dict[str, str] = {row.id: row.name for row in session.execute(query)}
    return [
        {**row, "copy": names.get(str(row.get("copy")), row.get("copy"))} if isinstance(row, Mapping) else row
        for row in rows
    ]


def _finding(found: Any) -> dict[str, str]:
    """A finding that stood, as rule, level and words."""
    if not isinstance(found, Mapping):
        return {"rule": "", "level": "", "text": str(found)}
    text = next((str(found[key]) for key in ("message", "text", "zh") if found.get(key)), "")
    return {"rule": str(found.get("rule", "")), "level": str(found.get("level", "")), "text": text}


def _values(record: WipeRecord, case: WipeCase, system: System | None) -> dict[str, Any]:
    """The value of every field that was recorded, by its key; what verifier, witness and approver said, too."""
    values: dict[str, Any] = {
        "case": case.kind,
        "system_id": f"{system.name}　{system.ident or ''}".strip() if system else "",
        "retire_decision_no": case.decision_no,
        "contract_no": case.contract_no,
    }
    values |= {key: value for key, value in record.content.items() if key not in _HIDDEN}
    if system is not None:
        values["system_id"] = f"{system.name}　{system.ident or ''}".strip()
    for role, said in (
        ("verifier", record.verification),
        ("witness", record.witness),
        ("approver", record.approval),
    ):
        values |= _said(role, said or {})
    return values


def _said(role: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody added: his own particulars stand under his role, or are the whole of it."""
    own = {row.key for row in load().wiping.person_names}
    particulars = {key: value for key, value in said.items() if key in own}
    rest = {key: value for key, value in said.items() if key not in own}
    return rest | ({role: particulars} if particulars and role not in rest else {})


def _persons(values: Mapping[str, Any], specs: Specs) -> Iterator[dict[str, Any]]:
    for role in specs.wiping.certificate.persons:
        person = values.get(role)
        if isinstance(person, Mapping):
            yield person_row(role, person, specs)
