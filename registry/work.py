"""What jobs do, by kind: a large file imported, what is out of date swept away.

A job runs as the person who ordered it: who he is and what he may do is asked again when it runs.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from catalog_specs import load
from catalog_specs.law import Roles
from registry import audit, blobs, jobs, outbox, repeats
from registry.annotating import annotated_copy
from registry.errors import Rejected
from registry.grant_job import EXPIRE, expire_job
from registry.intake import (
    ImportResult,
    Judged,
    Moved,
    import_json,
    import_workbook,
    judge_import,
    save_import,
)
from registry.jobs import Task, Work
from registry.matching import Outcome
from registry.models import Job
from registry.people import actor_of, local_day
from registry.permits import Actor, Held, Target, covers, demand, holding, roles_of
from registry.probing import PROBE, probe_job
from registry.proof_job import PROVE, prove_job
from registry.proof_rescan import RESCAN, rescan_job
from registry.registering import Mode
from registry.scan_job import SCAN, scan_job
from registry.stores import Store
from registry.systems import agencies_by_code
from registry.uploads import erase_left
from validators.codes import region_of

IMPORT, SWEEP = "import", "sweep"
PERMISSIONS: Mapping[Mode, str] = {"draft": "import_workbook", "existing": "import_existing"}
RECURRING = {SWEEP: timedelta(hours=1)} | dict.fromkeys((RESCAN, PROBE, EXPIRE), timedelta(days=1))
_ERASED = "（已擦除）"
_NAME_BYTES = 200  # file systems take 255


@dataclass(frozen=True, slots=True)
class Order:
    """How a file is to be imported; parameters as for ``import_workbook``."""

    file_name: str
    mode: Mode = "draft"
    profile: str | None = None
    provider: tuple[str, str] | None = None
    all_or_nothing: bool = False

    def options(self) -> dict[str, Any]:
        """What reading and judging ask."""
        return {"profile": self.profile, "provider": self.provider}


class Reach:
    """The credit codes of the agencies that some held roles reach, known to the register or not."""

    def __init__(self, session: Session, held: Iterable[Held], roles: Roles) -> None:
        self.held, self.roles = tuple(held), roles
        known = agencies_by_code(session)
        self.known = {code: Target(agency.id, agency.region) for code, agency in known.items()}

    def __contains__(self, code: object) -> bool:
        target = self.known.get(str(code)) or Target(region=region_of(str(code)))
        return any(covers(held, target, self.roles) for held in self.held)


def reach_of(session: Session, actor: Actor, mode: Mode) -> Reach:
    """Whose entries ``actor`` may import.

    Raises:
        NotAllowed: nobody's.
    """
    roles = roles_of(load())
    demand(actor, PERMISSIONS[mode], roles)
    return Reach(session, holding(actor, PERMISSIONS[mode], roles), roles)


def safe_name(given: str) -> str:
    """The name of an uploaded file, fit for any disk: no folder, nothing invisible, the end kept, not too long."""
    written = "".join(c for c in given.replace("\\", "/").rpartition("/")[2] if c.isprintable())
    stem, dot, ending = written.rpartition(".")
    if not dot or len(ending.encode()) > _NAME_BYTES // 4:
        stem, dot, ending = written, "", ""
    room = _NAME_BYTES - len(f"{dot}{ending}".encode())
    return f"{stem.encode()[:room].decode(errors='ignore')}{dot}{ending}".strip(". ") or "upload"


# ---- imports ----------------------------------------------------------------------------------------------


def import_now(session: Session, path: Path, order: Order, *, actor: Actor, now: datetime) -> ImportResult:
    """Import a file within the request; rows of agencies that ``actor`` may not write for are refused.

    Raises:
        NotAllowed: he may not import at all. Unreadable: the file cannot be read.
    """
    return import_workbook(
        session,
        path,
        actor=actor.login,
        now=now,
        mode=order.mode,
        all_or_nothing=order.all_or_nothing,
        providers=reach_of(session, actor, order.mode),
        **order.options(),
    )


def order_import(
    session: Session, source: BinaryIO, order: Order, *, folder: Store, actor: Actor, now: datetime
) -> Job:
    """Store a file and order its import.

    Raises:
        NotAllowed: he may not import at all. TooLarge, Gone, Unavailable: as for ``blobs.keep``.
    """
    reach_of(session, actor, order.mode)
    most = load().entry.limits["file_bytes"]
    blob = blobs.keep(session, source, folder=folder, actor=actor.login, now=now, most_bytes=most)
    scopes = None if actor.scopes is None else sorted(actor.scopes)
    payload = asdict(order) | {"sha256": blob.sha256, "login": actor.login, "scopes": scopes}
    job = jobs.enqueue(session, IMPORT, payload, actor=actor.login, now=now)
    act = audit.Act("order_import", job.id, {"sha256": blob.sha256, "mode": order.mode})
    audit.record(session, [act], actor=actor.login, now=now, operator=actor.operator)
    return job


def cancel_job(session: Session, job: Job, *, actor: Actor, now: datetime) -> None:
    """Cancel a job that has not begun.

    Raises:
        Conflict: it has begun, or ended.
    """
    jobs.cancel(session, job, now=now)
    act = audit.Act("cancel_job", job.id, {"kind": job.kind})
    audit.record(session, [act], actor=actor.login, now=now, operator=actor.operator)


def _import(folder: Store, task: Task) -> None:
    """In three steps: read and judge (long, nothing held), register (all or nothing, once), write the report.

    A worker that dies after the second step has left word of it; the next one goes on with the third.
    """
    order, now = _order(task.payload), task.clock()
    with tempfile.TemporaryDirectory(prefix="mulu-") as temporary:
        path = Path(temporary) / safe_name(order.file_name)
        with task.database.read() as session:
            registered = session.get_one(Job, task.job_id).result
            _take_out(session, str(task.payload["sha256"]), folder, path)
            providers = reach_of(session, _person(session, task, now), order.mode)
            judged = judge_import(
                session, path, now=now, providers=providers, progress=task.progress, **order.options()
            )
        if registered is None:
            with task.database.write() as session:
                actor = _person(session, task, now)
                result = _registered(session, judged, order, actor=actor, now=now)
                task.change(session, result=_word_of(result))
        else:
            result = _taken_up(judged, registered)
        _report(task, result, folder, now=now)


_OUTCOMES: tuple[Outcome, ...] = ("added", "updated", "unchanged", "refused")


def _word_of(result: ImportResult) -> dict[str, Any]:
    """What came of an import, as it is kept until its report is written."""
    outcomes = "".join(str(_OUTCOMES.index(outcome)) for outcome in result.outcomes)
    allocated = {str(n): code for n, code in result.allocated.items()}
    return {
        "batch": result.batch_id,
        "counts": result.counts,
        "outcomes": outcomes,
        "allocated": allocated,
    }


def _taken_up(judged: Judged, word: Mapping[str, Any]) -> ImportResult:
    outcomes = [_OUTCOMES[int(digit)] for digit in word["outcomes"]]
    allocated = {int(n): code for n, code in word["allocated"].items()}
    return ImportResult(judged.check, word["batch"], word["counts"], outcomes, allocated)


def _report(task: Task, result: ImportResult, folder: Store, *, now: datetime) -> None:
    """Store the report and the annotated copy and end the job; they are made while nothing is held."""
    report = json.dumps(import_json(result, "zh"), ensure_ascii=False, allow_nan=False).encode()
    annotated, said = None, ""
    try:
        annotated = annotated_copy(result.check, allocated=result.allocated)
    except Rejected as error:
        said = error.message
    with task.database.write() as session:
        put = partial(_put, session, folder=folder, actor=task.ordered_by, now=now)
        answer = {
            "batch": result.batch_id,
            "counts": result.counts,
            "secret": result.check.secret,
            "report": put(report),
            "annotated": put(annotated) if annotated else None,
            "note": said,
        }
        task.finish(session, answer)
        if result.check.secret:
            _forget(session, task, folder, actor=task.ordered_by, now=now)


def _order(payload: Mapping[str, Any]) -> Order:
    given = {key: payload[key] for key in Order.__dataclass_fields__}
    provider = given.pop("provider")
    return Order(**given, provider=tuple(provider) if provider else None)


def _person(session: Session, task: Task, now: datetime) -> Actor:
    """Who ordered the job, as he stands today; by a token no more than it allowed."""
    actor = actor_of(session, str(task.payload["login"]), today=local_day(now))
    scopes = task.payload["scopes"]
    return actor if scopes is None else replace(actor, scopes=frozenset(scopes))


def _take_out(session: Session, sha256: str, folder: Store, path: Path) -> None:
    with blobs.open_blob(session, sha256, folder) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)


def _registered(
    session: Session, judged: Judged, order: Order, *, actor: Actor, now: datetime
) -> ImportResult:
    try:
        return save_import(
            session,
            judged,
            actor=actor.login,
            now=now,
            mode=order.mode,
            all_or_nothing=order.all_or_nothing,
        )
    except Moved:
        # somebody changed what the file was judged by: once more, with the register held
        return import_now(session, judged.check.path, order, actor=actor, now=now)


def _put(session: Session, data: bytes, *, folder: Store, actor: str, now: datetime) -> str:
    source = BytesIO(data)
    return blobs.keep(session, source, folder=folder, actor=actor, now=now, most_bytes=len(data)).sha256


def _forget(session: Session, task: Task, folder: Store, *, actor: str, now: datetime) -> None:
    """A file with something secret in it does not stay here, nor does its name (§12 R1)."""
    sha256 = str(task.payload["sha256"])
    blobs.erase(session, sha256, folder=folder, now=now)
    job = session.get_one(Job, task.job_id, populate_existing=True)
    job.payload = dict(task.payload) | {"file_name": _ERASED}
    audit.record(session, [audit.Act("erase_file", sha256, {"rule": "E125"})], actor=actor, now=now)


# ---- what recurs ------------------------------------------------------------------------------------------


def _sweep(folder: Store, task: Task) -> None:
    now, limits = task.clock(), load().entry.limits
    with task.database.write() as session:
        # before the jobs that tell of them are forgotten
        erase_left(session, folder, kinds=(SCAN, PROVE), now=now)
        keys = repeats.sweep(session, now=now, keep=timedelta(days=limits["repeat_keep_days"]))
        old = jobs.sweep(session, now=now, keep=timedelta(days=limits["job_keep_days"]))
        unasked = outbox.sweep(session, now=now, keep=timedelta(days=limits["repeat_keep_days"]))
        task.finish(session, {"repeated_requests": keys, "jobs": old, "outbox": unasked})


def works(folder: Store) -> Mapping[str, Work]:
    """What to do for each kind of job; ``folder`` is the store of files."""
    return {
        IMPORT: partial(_import, folder),
        SWEEP: partial(_sweep, folder),
        SCAN: partial(scan_job, folder),
        PROVE: partial(prove_job, folder),
        RESCAN: rescan_job,
        PROBE: probe_job,
        EXPIRE: expire_job,
    }
