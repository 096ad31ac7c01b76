"""Certificates for tests: a record entered, certified on the audit record, exported with its proof."""

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from registry import audit
from registry.db import Database
from registry.heads import prove, sign_head
from registry.keys import canonical_json
from registry.models import Agency, DataCopy, System, WipeCase, WipeRecord
from registry.wipe_document import CERTIFY, compose_certificate, document_digest, record_digest
from registry.wipe_issue import certifying
from tests.conftest import NOW, TODAY

NUMBER = "WIPE-520300-2026-{:05d}"
OPERATOR = {
    "name": "赵一",
    "title": "运维工程师",
    "org": "遵义市大数据中心",
    "date": "2026-11-20",
    "location": "市政务云机房 3 号柜",
    "contact": "13800000001",
    "signature": "赵一（电子签名）",
}
VERIFIER = OPERATOR | {
    "name": "钱二",
    "title": "信息安全员",
    "contact": "13800000002",
    "signature": "钱二（电子签名）",
}
WITNESS = OPERATOR | {
    "name": "孙三",
    "title": "科员",
    "org": "遵义市民政局",
    "contact": "13800000003",
    "signature": "孙三",
}
APPROVER = WITNESS | {"name": "李四", "title": "局长", "contact": "13800000004", "signature": "李四"}


def content(**changed: Any) -> dict[str, Any]:
    """What was recorded of a hard disk."""
    told: dict[str, Any] = {
        "manufacturer": "Seagate",
        "model": "ST2000NM0055",
        "serial_no": "ZC20ABCD",
        "property_no": "ZY-MZ-2019-0031",
        "media_type": "hdd",
        "media_source": "数据库服务器 DB-02 第 1 槽位",
        "capacity": "2 TB",
        "data_grade_before": "g3",
        "method": "purge",
        "technique": "sanitize_overwrite",
        "standard": "GB/T 22239-2019 8.1.4；NIST SP 800-88 Rev.1 附录 A",
        "tool": "hdparm",
        "tool_version": "9.65",
        "operator": OPERATOR,
        "started_at": "2026-11-20T01:00:00+00:00",
        "finished_at": "2026-11-20T05:12:40+00:00",
        "copies_covered": [
            {"copy": "d1", "answer": "wiped"},
            {"copy": "d2", "answer": "wiped"},
            {"copy": "cloud_disk", "answer": "absent"},
        ],
        "data_disposition_before": "2026-11-18 移交市档案馆，移交清单 DA-2026-118",
        "destination": "scrap",
        "evidence_hashes": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    }
    return told | changed


def stage(session: Session) -> WipeCase:
    """An agency with a stopped system, two copies and a case."""
    session.add(
        Agency(
            id="a1",
            code="11520300009400123A",
            name="遵义市民政局",
            kind="政府部门",
            region="520300",
            number=9,
            created_at=NOW,
        )
    )
    session.flush()
    session.add(
        System(
            id="s1",
            agency_id="a1",
            ident="MZ-07",
            name="婚姻登记旧系统",
            profile="zunyi_2020",
            system_class="own",
            life="stopped",
            created_at=NOW,
        )
    )
    session.flush()
    case = WipeCase(
        id="wc1",
        number="QC-520300-2026-0001",
        kind="retirement",
        agency_id="a1",
        system_id="s1",
        decision_no="遵民〔2026〕31号",
        not_before=TODAY - timedelta(days=20),
        absent={},
        state="open",
        opened_by="steward",
        opened_at=NOW,
    )
    session.add(case)
    session.flush()
    for key, kind, name in (("d1", "primary", "主库（DB-02）"), ("d2", "backup", "备份一体机第 3 卷")):
        session.add(
            DataCopy(
                id=key,
                agency_id="a1",
                system_id="s1",
                kind=kind,
                name=name,
                holder="遵义市民政局",
                medium="hdd",
                serial_no="ZC20ABCD",
                ids={},
                state="wiped",
                case_id="wc1",
                created_by="steward",
                created_at=NOW,
                changed_at=NOW,
            )
        )
    session.flush()
    return case


def enter(
    session: Session, case: WipeCase, seq: int = 1, *, previous: str = "", **changed: Any
) -> WipeRecord:
    """A record that was verified, witnessed and approved."""
    told, copies = content(**changed), ["d1", "d2"]
    digest = record_digest(
        case_id=case.id, seq=seq, kind="physical", copies=copies, content=told, previous=previous
    )
    verified = {"verification_method": "按 1,000 个分区随机抽读", "sample_ratio": 0.12, "second_tool": "dd"}
    record = WipeRecord(
        id=f"wr{seq}",
        case_id=case.id,
        seq=seq,
        kind="physical",
        state="certified",
        copies=copies,
        content=told,
        serial_no=told["serial_no"],
        method=told["method"],
        technique=told["technique"],
        result="pass",
        digest=digest,
        previous=previous,
        findings=[{"rule": "WI11", "level": "note", "message": "同一序列号在其他任务中出现过"}],
        recorded_by="steward",
        recorded_at=NOW,
        verification=verified | {"verification_result": "pass", "verifier": VERIFIER},
        verified_by="checker",
        verified_at=NOW,
        witness=WITNESS,
        witnessed_by="owner",
        witnessed_at=NOW,
        approval=APPROVER,
        approved_by="head",
        approved_at=NOW,
    )
    session.add(record)
    return record


def certify(session: Session, record: WipeRecord) -> dict[str, Any]:
    """The certificate issued, kept, and put on the audit record."""
    number = NUMBER.format(record.seq)
    document = compose_certificate(session, record, number=number, now=NOW)
    record.certificate, record.certificate_no = canonical_json(document), number
    session.flush()
    act = audit.Act(CERTIFY, record.id, {"digest": document["digest"], "certificate_no": number})
    audit.record(session, [act], actor="head", now=NOW)
    return document


def issued(database: Database, **changed: Any) -> dict[str, Any]:
    """A certificate as it is exported, with its proof."""
    with database.write() as session:
        document = certify(session, enter(session, stage(session), **changed))
        sign_head(session, now=NOW)
    with database.read() as session:
        return document | {"proof": certifying(prove(session, "wr1"), document)}


def edited(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a path such as ``record.content.serial_no``."""
    found = copy.deepcopy(document)
    *way, last = path.split(".")
    at = found
    for part in way:
        at = at[part]
    at[last] = value
    return found


def redigested(document: dict[str, Any]) -> dict[str, Any]:
    """A copy whose digests fit its content again: what a forger with the program can do."""
    found = copy.deepcopy(document)
    record = found["record"]
    record["digest"] = record_digest(
        case_id=found["case"]["id"],
        **{key: record[key] for key in ("seq", "kind", "copies", "content", "previous")},
    )
    found["digest"] = document_digest(found)
    return found


def saved(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    return path
