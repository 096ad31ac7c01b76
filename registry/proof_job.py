"""Proofs ordered from elsewhere than the console: a small file at once, everything else by a job.

A job runs as the person who ordered it. The upload lies in the store under a name that tells nothing of it; what
passes is stored under its own digest by the deed, so that of what does not pass nothing is left.
"""

import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry import audit, blobs, jobs
from registry.content import check_file_name
from registry.db import Database
from registry.errors import Rejected
from registry.jobs import Task
from registry.models import Job
from registry.permits import Actor
from registry.proof_orders import Order, entered, planned
from registry.proof_shown import batch_json
from registry.proofs import Made, check
from registry.sources import Source, open_file, open_table
from registry.stores import Store
from registry.uploads import UPLOAD, erased_afterwards, keep_upload, orderer_of, signed_by, take_out

PROVE = "prove"
_REPORT = "report"
_PLACE_LENGTH = 300  # as the column is wide
_RECENT = 50


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be checked: a file of this name, or a table of a source that the operator named."""

    file_name: str = ""
    source: str = ""
    table: str = ""
    sheet: str = ""

    @property
    def place(self) -> str:
        """Where a table may be scanned again by itself; empty for a file."""
        return f"{self.source}#{self.table}" if self.source else ""


def place_of(place: str) -> Content:
    """The table that is scanned again at ``place``, as ``Content.place`` wrote it."""
    source, _, table = place.partition("#")
    return Content(source=source, table=table)


def made_json(made: Made) -> dict[str, Any]:
    """What came of a check: the batch proof, the standing proof above it, whether that was agreed to."""
    said = batch_json(made.batch)
    said |= {"standing": made.standing.id, "agreed": made.standing.agreed}
    return said | {"unmet": list(made.unmet)}


def check_content(content: Content, specs: Specs) -> None:
    """Refuse what cannot be checked: neither file nor table, both, or a database that the operator did not name.

    Raises:
        Rejected: place, reason and cure.
    """
    named = specs.scanning.inputs.named
    if bool(content.file_name) == bool(content.source or content.table):
        raise Rejected("上传文件，或写明库表（source 和 table）；只能有其一")
    if content.sheet and not content.file_name:
        raise Rejected("sheet 只用于工作簿；库表写 table")
    if content.file_name:
        check_file_name(Path(content.file_name).stem, specs)
    elif not content.source.startswith(named) or not content.table:
        raise Rejected(f"库表写作 source（{named}名称，由管理员设好）和 table；不能写数据库地址")
    elif len(content.place) > _PLACE_LENGTH:
        raise Rejected(f"数据源和表的名称合计超过 {_PLACE_LENGTH} 字")


# ---- at once ----------------------------------------------------------------------------------------------


def prove_now(
    database: Database,
    session: Session,
    path: Path,
    order: Order,
    content: Content,
    *,
    files: Store,
    actor: Actor,
    now: datetime,
) -> Made:
    """A small file checked within the request and entered in its transaction, which is not begun before.

    Raises:
        Everything that ``planned``, ``check`` and ``entered`` raise.
    """
    check_content(content, load())
    with database.read() as reading:
        plan = planned(reading, order, actor)
    source = open_file(path, plan.specs, sheet=content.sheet or None)
    scanned = check(plan, source, kind=order.kind, contract=order.contract)
    kept = path if order.kind == "file" else None
    return entered(session, order, plan, scanned, kept, actor=actor, files=files, now=now)


# ---- by a job ---------------------------------------------------------------------------------------------


def order_proof(
    session: Session,
    order: Order,
    content: Content,
    upload: BinaryIO | None,
    *,
    folder: Store,
    actor: Actor,
    now: datetime,
) -> Job:
    """Order a check; ``upload``, the bytes of a file, is stored until the job has ended.

    Raises:
        Everything that ``planned`` and ``check_content`` raise. TooLarge, Unavailable: as for ``keep_upload``.
    """
    check_content(content, load())
    plan = planned(session, order, actor)
    payload: dict[str, Any] = asdict(order) | asdict(content) | signed_by(actor)
    payload |= {"entry": plan.entry_id, "place": content.place}
    if upload is not None:
        payload[UPLOAD] = keep_upload(session, upload, folder=folder, actor=actor, now=now)
    job = jobs.enqueue(session, PROVE, payload, actor=actor.login, now=now)
    act = audit.Act("order_proof", job.id, {"entry": plan.entry_id, "kind": order.kind})
    audit.record(session, [act], actor=actor.login, now=now, operator=actor.operator)
    return job


def own_jobs(session: Session, entry_id: str, *, actor: Actor) -> list[Job]:
    """The checks of an entry that ``actor`` ordered and that have not ended, and the last one if it failed."""
    query = select(Job).where(col(Job.kind) == PROVE, col(Job.created_by) == actor.login)
    found = session.execute(query.order_by(col(Job.id).desc()).limit(_RECENT)).scalars()
    own = [job for job in found if job.payload.get("entry") == entry_id]
    failed = [job for job in own[:1] if job.state == jobs.FAILED]
    return failed + [job for job in own if job.state not in jobs.ENDED]


def prove_job(folder: Store, task: Task) -> None:
    """Check what was ordered (long, nothing held), then enter it and end the job at once; then erase the upload."""
    with erased_afterwards(folder, task):
        _prove(folder, task)


def _prove(folder: Store, task: Task) -> None:
    order, content, now = _order(task.payload), _content(task.payload), task.clock()
    with task.database.read() as session:
        plan = planned(session, order, orderer_of(session, task, now))
    with _opened(folder, task, content, plan.specs) as (source, path):
        scanned = check(
            plan,
            source,
            kind=order.kind,
            contract=order.contract,
            place=order.place,
            progress=task.progress,
        )
        kept = path if order.kind == "file" else None
        try:
            with task.database.write() as session:
                actor = orderer_of(session, task, now)
                made = entered(session, order, plan, scanned, kept, actor=actor, files=folder, now=now)
                task.finish(session, _answer(made))
        except Rejected as error:
            _keep_report(folder, task, error.details.pop(_REPORT, None))
            raise


def _order(payload: Mapping[str, Any]) -> Order:
    return Order(**{key: payload[key] for key in Order.__dataclass_fields__})


def _content(payload: Mapping[str, Any]) -> Content:
    return Content(**{key: str(payload[key]) for key in Content.__dataclass_fields__})


@contextmanager
def _opened(
    folder: Store, task: Task, content: Content, specs: Specs
) -> Iterator[tuple[Source, Path | None]]:
    """The source, and the file that it is read from; the file is gone afterwards."""
    if content.source:
        yield table_of(content, specs), None
        return
    with tempfile.TemporaryDirectory(prefix="mulu-") as temporary:
        path = Path(temporary) / content.file_name
        with task.database.read() as session:
            take_out(session, str(task.payload[UPLOAD]), folder, path)
        yield open_file(path, specs, sheet=content.sheet or None), path


def table_of(content: Content, specs: Specs) -> Source:
    """A table of a named source, opened; the operator who named it answers for where it lies.

    Raises:
        Rejected, Unreadable, Unavailable: it cannot be read.
    """
    return open_table(content.source, content.table, None, specs, allowed=None)


def _answer(made: Made) -> dict[str, Any]:
    batch = made.batch
    counts = {"rows": batch.rows, "columns": batch.columns, "residual": batch.residual}
    words = {row.key: row.zh for row in load().scanning.proofs.states}
    note = "；".join((words[batch.state], *made.unmet))
    answer = {"batch": batch.id, "standing": made.standing.id, "state": batch.state, "verdict": batch.verdict}
    return answer | {"counts": counts, "note": note}


def _keep_report(folder: Store, task: Task, report: Mapping[str, Any] | None) -> None:
    """The report of what was refused: masked examples of a file of which nothing else is left."""
    if report is None:
        return
    data = json.dumps(report, ensure_ascii=False, allow_nan=False).encode()
    with task.database.write() as session:
        now, by = task.clock(), task.ordered_by
        kept = blobs.keep(session, io.BytesIO(data), folder=folder, actor=by, now=now, most_bytes=len(data))
        counts = {"rows": report["rows"], "residual": report["residual"]}
        task.change(session, result={_REPORT: kept.sha256, "verdict": report["verdict"], "counts": counts})
