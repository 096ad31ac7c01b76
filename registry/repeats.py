"""Requests that come again: one with an Idempotency-Key is done once, and its repetition is answered alike.

The row of the key is written in the transaction of the deed, so that a crash leaves both or neither. What fails is
rolled back with its key and may be tried again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.errors import Conflict, Rejected
from registry.keys import digest_of
from registry.models import RepeatedRequest

KEY_LENGTH = 255
_LOCK_SPACE = 0x6D756C75  # "mulu"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as far as it must be alike to be the same. ``key`` is None when it may not be repeated."""

    key: str | None
    method: str
    path: str
    body: str

    @property
    def digest(self) -> str:
        return digest_of([self.method, self.path, self.body])


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its status, its body as text, the headers that belong to it."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False


def once(
    session: Session,
    ask: Ask,
    deed: Callable[[], Answered],
    *,
    person_id: str,
    now: datetime,
    shown_once: bool = False,
) -> Answered:
    """What ``deed`` answers, or what it answered when the same person sent the same request before.

    ``shown_once``: the answer holds a secret and is not kept; its repetition is told that it was done.

    Raises:
        Rejected: the key is none, or was used for another request.
        Conflict: the same request is under way at this moment, or was done and cannot be shown again.
    """
    if ask.key is None:
        return deed()
    if not 0 < len(ask.key) <= KEY_LENGTH or not ask.key.isprintable():
        raise Rejected(f"Idempotency-Key 须为 1 至 {KEY_LENGTH} 个可见字符")
    key = digest_of([person_id, ask.key])
    _claim(session, key)
    known = session.get(RepeatedRequest, key)
    if known is not None:
        return _repeated(known, ask)
    row = RepeatedRequest(key=key, request=ask.digest, status=0, body=None, headers={}, created_at=now)
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("同一 Idempotency-Key 的请求正在办理；稍后重发即得结果") from error
    answered = deed()
    if answered.status >= 500:
        session.delete(row)
    else:
        row.status, row.headers = answered.status, dict(answered.headers)
        row.body = None if shown_once else answered.body
    return answered


def _claim(session: Session, key: str) -> None:
    """Be the only one with this key until the transaction ends; SQLite has one writer anyhow.

    A server would let the twin wait for the unique key as long as the deed takes.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    low = int(key[:8], 16) - (1 << 31)
    if not session.execute(select(func.pg_try_advisory_xact_lock(_LOCK_SPACE, low))).scalar_one():
        raise Conflict("同一 Idempotency-Key 的请求正在办理；稍后重发即得结果")


def _repeated(known: RepeatedRequest, ask: Ask) -> Answered:
    if known.request != ask.digest:
        raise Rejected("这个 Idempotency-Key 已用于另一个请求；换一个")
    if known.body is None:
        raise Conflict("这个请求已经办过，结果只显示一次；不再重办")
    return Answered(known.status, str(known.body), known.headers, replayed=True)


def sweep(session: Session, *, now: datetime, keep: timedelta) -> int:
    """Forget the keys older than ``keep``; gives how many."""
    old = delete(RepeatedRequest).where(col(RepeatedRequest.created_at) < now - keep)
    gone = session.execute(old.execution_options(synchronize_session=False))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # not declared by the library
