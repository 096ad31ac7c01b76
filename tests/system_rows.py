"""A row in every table of systems, duties, retirements and wipes, for the tests of the record and of erasure."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from registry.keys import canonical_json, digest_of
from registry.models import (
    BudgetFlag,
    DataCopy,
    DutyEvidence,
    Rectification,
    Retirement,
    RetirementEntry,
    RetirementStep,
    System,
    SystemLife,
    SystemReview,
    SystemTable,
    WipeCase,
    WipeRecord,
)
from tests.conftest import NOW, TODAY

DAY = date(2026, 11, 1)
CERTIFICATE = "WIPE-520300-2026-00001"


def the_system(session: Session) -> System:
    """The first system of the register."""
    found = session.execute(select(System).order_by(System.id)).scalars().first()  # type: ignore[arg-type]
    assert found is not None
    return found


def record_row(number: int, case_id: str = "w1", **more: Any) -> WipeRecord:
    """A wipe record that was made, as the ``number``-th of the register."""
    content = {"serial_no": f"SN-{number}", "tool": "擦除工具", "finished_at": "2026-11-10T09:00:00+08:00"}
    made: dict[str, Any] = {
        "id": f"y{number}",
        "case_id": case_id,
        "seq": number,
        "kind": "physical",
        "state": "wiped",
        "copies": ["d1"],
        "content": content,
        "serial_no": f"SN-{number}",
        "method": "purge",
        "technique": "sanitize_block_erase",
        "digest": digest_of([number, content]),
        "previous": digest_of([number - 1]) if number > 1 else "",
        "findings": [],
        "recorded_by": "steward",
        "recorded_at": NOW,
    }
    return WipeRecord(**made | more)


def certified(number: int, text: str = "", **more: Any) -> WipeRecord:
    """A wipe record that everybody has signed, with its certificate."""
    person = {"name": "李四", "note": text}
    certificate = canonical_json({"certificate_no": CERTIFICATE, "record": {"note": text}})
    row = record_row(number, state="certified", result="pass", **more)
    row.verification, row.verified_by, row.verified_at = dict(person), "verifier", NOW
    row.witness, row.witnessed_by, row.witnessed_at = dict(person), "witness", NOW
    row.approval, row.approved_by, row.approved_at = dict(person), "head", NOW
    row.certificate_no, row.certificate = CERTIFICATE, certificate
    return row


def one_of_each(
    session: Session, *, entry_id: str, text: str = "无", sha256: str | None = None
) -> list[SQLModel]:
    """One row of every table about the first system, each free text of which holds ``text``; not added yet."""
    system = the_system(session)
    own = {"system_id": system.id}
    paper = {"sha256": sha256, "file_name": text, "note": text}
    made = {"by": "steward", "at": NOW}
    data = {"said": text, "listed": [{"name": text}]}
    of_case = {"agency_id": system.agency_id, "state": "planned"}
    opened = {"opened_by": "steward", "opened_at": NOW}
    life = {"before": "operating", "after": system.life, "day": DAY, "document": text}
    return [
        SystemLife(id="l1", data=data, **own, **life, **paper, **made),
        SystemTable(id="t1", name=text, comment=text, found_in="ddl", why=text, seen_at=NOW, entry_id=entry_id, **own),
        Retirement(
            id="x1", number="TY-2026-0001", decision_no=text, decided_on=DAY, why=text, impact=data,
            agency_id=system.agency_id, state="decided", **opened, **own,
        ),
        RetirementStep(id="h1", retirement_id="x1", step="decision", number=text, data=data, **paper, **made),
        RetirementEntry(retirement_id="x1", entry_id=entry_id, fate="retire", why=text, archive=text, trouble=text),
        WipeCase(
            id="w1", number="QC-2026-0001", kind="retirement", decision_no=text, contract_no=text, why=text,
            absent={"log": text}, retirement_id="x1", due=TODAY, **of_case, **opened, **own,
        ),
        DataCopy(
            id="d1", kind="primary", name=text, holder=text, serial_no=text, ids={"property_no": text}, note=text,
            case_id="w1", created_by="steward", created_at=NOW, changed_at=NOW, **of_case, **own,
        ),
        certified(1, text, content={"tool": text, "evidence_hashes": [sha256]}, serial_no=text, findings=[text]),
        DutyEvidence(
            id="v1", duty="LPS-26", year=2026, kind="report", number=text, day=DAY, withdrawn_why=text,
            **own, **paper, **made,
        ),
        SystemReview(
            id="r1", kind="plan", year=2026, passed=False, reasons=["R1", text], number=text, day=DAY, vendor=text,
            filing_no=text, data=data, **own, **paper, **made,
        ),
        Rectification(
            id="z1", number="ZG-2026-0001", trigger="T1", words=text, document=text, day=DAY, due=TODAY,
            state="ordered", sha256=sha256, file_name=text, ordered_by="bureau", ordered_at=NOW, report=text,
            report_sha256=sha256, report_file=text, returned=text, closing=text, **own,
        ),
        BudgetFlag(
            id="b1", agency_id=system.agency_id, year=2027, reasons=[text], document=text, day=DAY, note=text,
            lifted_why=text, **made,
        ),
    ]  # fmt: skip


def add(session: Session, rows: Sequence[SQLModel]) -> None:
    """Store rows, each after what it refers to."""
    for row in rows:
        session.add(row)
        session.flush()
