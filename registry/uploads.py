"""Files that wait for a job: stored under a name that tells nothing of them, and erased when the job has ended.

An erased file may not come back under its digest. What was uploaded to be checked may well come again, or pass and
be kept: so it lies behind some random bytes until then.
"""

import io
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry import blobs
from registry.errors import MuluError, Unavailable
from registry.jobs import ENDED, Interrupted, Overtaken, Task
from registry.models import Blob, Job
from registry.people import actor_of, local_day
from registry.permits import Actor
from registry.stores import Store

UPLOAD = "upload"
_SALT = 32


class _Salted(io.RawIOBase):
    """A stream behind some random bytes."""

    def __init__(self, source: BinaryIO) -> None:
        self._salt, self._source = secrets.token_bytes(_SALT), source

    def read(self, size: int = -1, /) -> bytes:
        if self._salt:
            given, self._salt = self._salt, b""
            return given
        return self._source.read(size)


def keep_upload(session: Session, source: BinaryIO, *, folder: Store, actor: Actor, now: datetime) -> str:
    """Store an upload until its job has ended; gives what ``UPLOAD`` of the job's payload must be.

    Raises:
        TooLarge: it is larger than a file may be. Unavailable: the store cannot be written.
    """
    most = load().entry.limits["file_bytes"] + _SALT
    salted = cast(BinaryIO, _Salted(source))
    return blobs.keep(session, salted, folder=folder, actor=actor.login, now=now, most_bytes=most).sha256


def take_out(session: Session, upload: str, folder: Store, path: Path) -> None:
    """Write an upload to ``path``, as it was sent.

    Raises:
        NotFound, Gone, Unavailable: as for ``blobs.open_blob``.
    """
    with blobs.open_blob(session, upload, folder) as source, path.open("wb") as target:
        source.seek(_SALT)
        shutil.copyfileobj(source, target)


def erase_upload(session: Session, job_id: str, folder: Store, *, now: datetime) -> None:
    """Erase what was uploaded for a job, if anything was."""
    job = session.get_one(Job, job_id, populate_existing=True)
    if UPLOAD in job.payload:
        blobs.erase(session, str(job.payload[UPLOAD]), folder=folder, now=now)


@contextmanager
def erased_afterwards(folder: Store, task: Task) -> Iterator[None]:
    """Erase what was uploaded for a job when the block is done, or has failed for good; not while it may run again.

    A worker that dies before it has erased leaves that to the sweep (``erase_left``).
    """
    try:
        yield
    except (Interrupted, Overtaken):
        raise
    except Exception as error:
        if is_final(task, error):
            _erase_now(folder, task)
        raise
    _erase_now(folder, task)


def _erase_now(folder: Store, task: Task) -> None:
    with task.database.write() as session:
        erase_upload(session, task.job_id, folder, now=task.clock())


def erase_left(session: Session, folder: Store, *, kinds: Collection[str], now: datetime) -> int:
    """Erase the uploads of jobs that ended in some other way: cancelled, given up, killed at the end; gives how many."""
    ended = select(Job).where(col(Job.kind).in_(kinds), col(Job.state).in_(ENDED))
    left = [job.id for job in session.execute(ended).scalars() if _is_left(session, job)]
    for job_id in left:
        erase_upload(session, job_id, folder, now=now)
    return len(left)


def _is_left(session: Session, job: Job) -> bool:
    blob = session.get(Blob, str(job.payload.get(UPLOAD, "")))
    return blob is not None and blob.erased_at is None


# ---- whose they are ---------------------------------------------------------------------------------------


def signed_by(actor: Actor) -> dict[str, Any]:
    """Who orders, as a job's payload has it: his login, and what his token allows."""
    return {"login": actor.login, "scopes": None if actor.scopes is None else sorted(actor.scopes)}


def orderer_of(session: Session, task: Task, now: datetime) -> Actor:
    """Who ordered a job, as he stands today; by a token no more than it allowed.

    Raises:
        NotAllowed: his account is disabled.
    """
    actor = actor_of(session, str(task.payload["login"]), today=local_day(now))
    scopes = task.payload["scopes"]
    return actor if scopes is None else replace(actor, scopes=frozenset(scopes))


def is_final(task: Task, error: Exception) -> bool:
    """Whether the worker will not try again after ``error``, as it decides itself."""
    told = isinstance(error, MuluError) and not isinstance(error, Unavailable)
    return told or task.attempt >= load().entry.limits["job_attempts"]
