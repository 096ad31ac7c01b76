"""Scans ordered from elsewhere than the console: a small file at once, everything else by a job.

Who scans must be one who may see sample values: the report shows masked values, and the sizes of small groups. A
table of a named source is read with the operator's credentials, so that is for those who make proofs. What was
uploaded is personal data: it is stored under a name that tells nothing of it and erased when the job has ended.
The record of acts is told the digest and the verdict.
"""

import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from catalog_specs import load
from registry import audit, blobs, jobs
from registry.content import check_file_name
from registry.jobs import Task
from registry.keys import new_key
from registry.lookup import find_entry
from registry.models import Job
from registry.permits import Actor, Target, demand, roles_of, sight
from registry.scan_target import ScanTarget, check_named, check_open_type, judged_report
from registry.scanning import Declared, Progress, declared_by
from registry.stores import Store
from registry.uploads import UPLOAD, erased_afterwards, keep_upload, orderer_of, signed_by, take_out

SCAN = "scan"
FILE_PERMISSION, TABLE_PERMISSION = "see_sample_values", "make_proof"


@dataclass(frozen=True, slots=True)
class ScanOrder:
    """What is to be scanned and how: an uploaded file of this name, or a table of a source that the operator named.

    ``items`` is the code of an entry that the data are compared with.
    """

    file_name: str = ""
    source: str = ""
    table: str = ""
    sheet: str = ""
    open_type: str = ""
    items: str = ""


def demand_scan(session: Session, order: ScanOrder, *, actor: Actor) -> Declared | None:
    """Whether ``actor`` may scan so, and what the entry declares if one is named.

    Raises:
        NotAllowed: a role is missing, or the entry is another agency's. NotFound, Gone: there is no such entry.
        Rejected: the open type is none, or it is not said what to scan.
    """
    specs, roles = load(), roles_of(load())
    demand(actor, FILE_PERMISSION, roles)
    if order.source:
        demand(actor, TABLE_PERMISSION, roles)
        check_named(order.source, specs)
    check_open_type(order.open_type, specs)
    check_file_name(Path(order.file_name).stem, specs)
    if not order.items:
        return None
    row = find_entry(session, order.items, sight=sight(actor, roles))
    demand(actor, FILE_PERMISSION, roles, Target(row.agency.id, row.agency.region, row.entry.system_id))
    specs = load(row.version.profile)
    return declared_by(row.entry.code or row.entry.id, row.version.content, specs)


def scan_now(path: Path, order: ScanOrder, declared: Declared | None) -> dict[str, Any]:
    """The report of a file within the request; nothing of it is stored.

    Raises:
        Unreadable: the file cannot be read.
    """
    target = ScanTarget(str(path), sheet=order.sheet)
    return judged_report(target, declared, open_type=order.open_type or None)


def record_scan(
    session: Session, report: Mapping[str, Any], subject: str, *, actor: Actor, now: datetime
) -> None:
    """Put a scan on the record: its digest and its verdict."""
    details = {"sha256": report["sha256"], "verdict": report["verdict"]}
    act = audit.Act("scan", subject or new_key("c"), details)
    audit.record(session, [act], actor=actor.login, now=now, operator=actor.operator)


# ---- by a job ---------------------------------------------------------------------------------------------


def order_scan(
    session: Session, source: BinaryIO | None, order: ScanOrder, *, folder: Store, actor: Actor, now: datetime
) -> Job:
    """Order a scan; the upload, if there is one, is stored until the job has ended.

    Raises:
        NotAllowed, NotFound, Gone, Rejected: as for ``demand_scan``. TooLarge, Unavailable: as for ``keep_upload``.
    """
    demand_scan(session, order, actor=actor)
    payload = asdict(order) | signed_by(actor)
    if source is not None:
        payload[UPLOAD] = keep_upload(session, source, folder=folder, actor=actor, now=now)
    return jobs.enqueue(session, SCAN, payload, actor=actor.login, now=now)


def scan_job(folder: Store, task: Task) -> None:
    """Scan what was ordered (long, nothing held), then store the report and end the job; then erase the upload."""
    with erased_afterwards(folder, task):
        report = _scanned(folder, task)
        with task.database.write() as session:
            _finish(session, task, report, folder)


def _scanned(folder: Store, task: Task) -> dict[str, Any]:
    order, now = _order(task.payload), task.clock()
    with task.database.read() as session:
        declared = demand_scan(session, order, actor=orderer_of(session, task, now))
    if order.source:
        return _report(ScanTarget(order.source, table=order.table), order, declared, task.progress)
    with tempfile.TemporaryDirectory(prefix="mulu-") as temporary:
        path = Path(temporary) / order.file_name
        with task.database.read() as session:
            take_out(session, str(task.payload[UPLOAD]), folder, path)
        return _report(ScanTarget(str(path), sheet=order.sheet), order, declared, task.progress)


def _report(
    target: ScanTarget, order: ScanOrder, declared: Declared | None, progress: Progress
) -> dict[str, Any]:
    # nothing but what the operator named
    return judged_report(target, declared, open_type=order.open_type or None, allowed=(), progress=progress)


def _finish(session: Session, task: Task, report: Mapping[str, Any], folder: Store) -> None:
    now, by = task.clock(), task.ordered_by
    data = json.dumps(report, ensure_ascii=False, allow_nan=False).encode()
    kept = blobs.keep(session, io.BytesIO(data), folder=folder, actor=by, now=now, most_bytes=len(data))
    record_scan(session, report, task.job_id, actor=orderer_of(session, task, now), now=now)
    counts = {"rows": report["rows"], "residual": report["residual"]}
    answer = {"verdict": report["verdict"], "counts": counts, "report": kept.sha256}
    task.finish(session, answer | {"note": report["conclusion"]})


def _order(payload: Mapping[str, Any]) -> ScanOrder:
    return ScanOrder(**{key: str(payload[key]) for key in ScanOrder.__dataclass_fields__})
