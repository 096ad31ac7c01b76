"""Ten thousand wipe records with their certificates, verified offline: digests, mark and proof, of one tree.

Run: python -m bench.wipes [--records 10000]

``verified`` is used by ``bench.retire``, too. Records are entered by their tables, so that what is measured is the
verification alone; certificates, marks, the audit record and the proofs are made by the deeds of the register.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from registry import audit
from registry.db import Database
from registry.heads import prove_many, sign_head
from registry.keys import canonical_json
from registry.migrate import upgrade
from registry.models import Agency, DataCopy, System, WipeCase, WipeRecord
from registry.wipe_document import CERTIFY, compose_certificate, record_digest
from registry.wipe_issue import certifying

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
TARGET_SECONDS, RUNS, CHUNK = 5.0, 5, 500
_PERSON = {
    "name": "赵一",
    "title": "运维工程师",
    "org": "遵义市大数据中心",
    "date": "2026-11-20",
    "location": "市政务云机房",
    "contact": "0851-20000000",
    "signature": "赵一",
}


class Figure(NamedTuple):
    """How long a verification took: seconds of each run, of how many certificates, and how large one is."""

    records: int
    seconds: list[float]
    bytes_each: int

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def content(number: int) -> dict[str, Any]:
    """What was recorded of one hard disk."""
    return {
        "manufacturer": "Seagate",
        "model": "ST2000NM0055",
        "serial_no": f"ZC{number:08d}",
        "property_no": f"ZY-2019-{number:05d}",
        "media_type": "hdd",
        "media_source": "数据库服务器",
        "capacity": "2 TB",
        "data_grade_before": "g3",
        "method": "purge",
        "technique": "sanitize_overwrite",
        "standard": "GB/T 22239-2019",
        "tool": "hdparm",
        "tool_version": "9.65",
        "operator": _PERSON,
        "started_at": "2026-11-20T09:00:00+08:00",
        "finished_at": "2026-11-20T13:12:40+08:00",
        "copies_covered": [{"copy": "d1", "answer": "wiped"}],
        "data_disposition_before": "移交市档案馆",
        "destination": "scrap",
        "evidence_hashes": ["9f" * 32],
    }


def stage(session: Any) -> None:
    """An agency, a stopped system, one copy and a case."""
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
    made = {"agency_id": "a1", "created_at": NOW}
    session.add(System(id="s1", name="婚姻登记旧系统", profile="zunyi_2020", life="stopped", **made))
    session.flush()
    case = {"number": "QC-520300-2026-0001", "kind": "retirement", "agency_id": "a1", "system_id": "s1"}
    session.add(WipeCase(id="c1", state="open", absent={}, opened_by="x", opened_at=NOW, **case))
    session.flush()
    copy = {
        "kind": "primary",
        "name": "主库",
        "state": "wiped",
        "ids": {},
        "created_by": "x",
        "case_id": "c1",
    }
    session.add(DataCopy(id="d1", system_id="s1", changed_at=NOW, **made, **copy))
    session.flush()


def record(seq: int, previous: str) -> WipeRecord:
    """One record that was verified, witnessed and approved."""
    told = content(seq)
    bound: dict[str, Any] = {"kind": "physical", "copies": ["d1"], "content": told, "previous": previous}
    vouched = {"verified_by": "y", "witnessed_by": "z", "approved_by": "w"}
    vouched |= dict.fromkeys(("verified_at", "witnessed_at", "approved_at"), NOW)  # type: ignore[arg-type]
    return WipeRecord(
        id=f"v{seq:06d}",
        case_id="c1",
        seq=seq,
        state="certified",
        digest=record_digest(case_id="c1", seq=seq, **bound),
        findings=[],
        recorded_by="x",
        recorded_at=NOW,
        verification={
            "verifier": _PERSON,
            "verification_method": "随机抽读",
            "sample_ratio": 0.1,
            "verification_result": "pass",
        },
        witness=_PERSON,
        approval=_PERSON,
        **bound,
        **vouched,
    )


def certified(database: Database, records: int) -> list[dict[str, Any]]:
    """So many certificates on one audit tree, each with its proof, as they are exported."""
    previous, documents = "", {}
    with database.write() as session:
        stage(session)
    for first in range(1, records + 1, CHUNK):
        with database.write() as session:
            acts = []
            for seq in range(first, min(first + CHUNK, records + 1)):
                one = record(seq, previous)
                number, previous = f"WIPE-520300-2026-{seq:05d}", one.digest
                document = compose_certificate(session, one, number=number, now=NOW)
                documents[one.id] = document
                one.certificate_no, one.certificate = number, canonical_json(document)
                session.add(one)
                details = {"digest": document["digest"], "certificate_no": number}
                acts.append(audit.Act("record_wipe", one.id, {"digest": one.digest}))
                acts.append(audit.Act(CERTIFY, one.id, details))
            session.flush()
            audit.record(session, acts, actor="w", now=NOW)
    with database.write() as session:
        sign_head(session, now=NOW)
    with database.read() as session:
        proofs = prove_many(session, list(documents))
    return [document | {"proof": certifying(proofs[key], document)} for key, document in documents.items()]


def verified(documents: list[dict[str, Any]], *, runs: int = RUNS) -> Figure:
    """How long it takes to parse and verify certificates, each from its bytes as an exported file has them.

    Raises:
        AssertionError: one of them is not genuine.
    """
    from registry.list_files.carried import parse
    from registry.wipe_verify import Trusted, verify_document

    trusted = Trusted(Trusted().known())
    files = [canonical_json(document) for document in documents]
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        for text in files:
            verdict = verify_document(parse(text), trusted)
            if not verdict.genuine:
                raise AssertionError(verdict.problems)
        seconds.append(time.perf_counter() - began)
    return Figure(len(files), seconds, sum(map(len, files)) // max(1, len(files)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether the target is met."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, default=10_000)
    given = asked.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mulu-bench-") as name:
        folder = Path(name)
        os.environ["MULU_KEY_DIR"] = str(folder / "keys")
        database = Database(f"sqlite:///{folder / 'mulu.sqlite3'}")
        upgrade(database)
        began = time.perf_counter()
        documents = certified(database, given.records)
        made = time.perf_counter() - began
        database.close()
        figure = verified(documents)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{given.records} certificates issued, signed and proven: {made:.1f} s")
    print(f"verified: median {figure.median:.2f} s of {json.dumps([round(s, 2) for s in figure.seconds])}")
    print(f"each {figure.bytes_each} characters, {figure.median / figure.records * 1e6:.0f} us")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")
    met = figure.median < TARGET_SECONDS
    print("target", TARGET_SECONDS, "s:", "met" if met else "MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
