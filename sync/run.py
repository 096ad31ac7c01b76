"""One run at a portal: claim what is due, judge it today, push or withdraw it, read back, say what came of it.

Nothing is held in the database while the network is spoken to. Whatever is cut off, is looked up before it is
repeated; ids are ours, so nothing is doubled.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from catalog_specs import load
from registry import audit
from registry.db import Database
from registry.errors import MuluError
from registry.keys import digest_of
from registry.models import SyncTarget
from sync import ledger
from sync.desires import Wanted, wanted
from sync.ledger import Claimed, Outcome
from sync.mapping import Shape, dataset_id, dataset_name, portal_form
from sync.portal import Gone, Known, Landed, Opens, Portal, Refused, TokenRefused, Unreachable
from sync.reports import FAILED, IN_STEP, STOPPED, UNREACHED, Report, names_of

log = logging.getLogger("mulu.sync")
Clock = Callable[[], datetime]
Progress = Callable[[int, int], None]
_RESTING = 0.2  # seconds between two looks at whether the run was stopped


@dataclass(frozen=True, slots=True)
class Line:
    """What a run works with: the register, one target, its portal open, the files, who and when.

    ``stop`` ends it gracefully: what is on its way is finished, nothing new is begun. ``closing``: the target is given
    up, nothing may be there any more.
    """

    database: Database
    target_id: str
    target: str
    portal: Portal
    shape: Shape
    opens: Opens
    by: str
    operator: str
    clock: Clock
    stop: threading.Event
    worker: str
    closing: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    """A row to be done as it was judged at a moment of the monotonic clock."""

    claimed: Claimed
    wanted: Wanted
    judged_at: float


def work_off(
    line: Line, report: Report, *, parallel: int | None = None, progress: Progress | None = None
) -> Report:
    """Work off everything that is due at a target; the report that was given says what came of it.

    It ends when nothing is due any more, when it is stopped, or when the portal does not answer (the breaker).
    """
    runner = _Runner(line, report, parallel or load().sync.pace.parallel, progress)
    runner.run()
    return report


class _Runner:
    def __init__(self, line: Line, report: Report, parallel: int, progress: Progress | None) -> None:
        self.line, self.report, self.parallel, self.progress = line, report, parallel, progress
        self.rules = load().sync
        self.gate = threading.Lock()
        self.halt = threading.Event()
        self.failures = 0
        self.resume_at = 0.0  # of the monotonic clock; a portal asked for patience until then
        self.ended: TokenRefused | Unreachable | None = None
        self.done = 0

    # ---- the loop -----------------------------------------------------------------------------------------

    def run(self) -> None:
        air: deque[dict[Future[Outcome | None], _Job]] = deque()
        with ThreadPoolExecutor(self.parallel, thread_name_prefix="mulu-sync") as pool:
            try:
                while True:
                    if self._goes_on() and len(air) < self.rules.pace.ahead:
                        flight = self._launch(pool)
                        if flight is not None:
                            air.append(flight)
                            continue
                    if not air:
                        break
                    self._land(air.popleft())
            except BaseException:
                # what is on its way ends; the office itself goes on
                self.halt.set()
                raise
        self._close()

    def _goes_on(self) -> bool:
        return self.ended is None and not (self.line.stop.is_set() or self.halt.is_set())

    def _launch(self, pool: ThreadPoolExecutor) -> dict[Future[Outcome | None], _Job] | None:
        """Claim a chunk and send it off; None when nothing is due."""
        line, now = self.line, self.line.clock()
        pace = self.rules.pace
        ledger.take_all(line.database, now=now)
        with line.database.write() as session:
            claimed = ledger.claim(
                session, line.target_id, line.worker, now=now, limit=pace.chunk, lease=pace.lease
            )
        if not claimed:
            return None
        with line.database.read() as session:
            keys = [one.entry_id for one in claimed]
            wants = wanted(session, line.shape, keys, now=now, closing=line.closing)
        judged_at = time.monotonic()
        jobs = [_Job(one, wants[one.entry_id], judged_at) for one in claimed]
        settled = [outcome for job in jobs if (outcome := self._without_portal(job)) is not None]
        known = {outcome.claimed.entry_id for outcome in settled}
        active = [job for job in jobs if job.claimed.entry_id not in known]
        self._begin(settled, active)
        return {pool.submit(self._deed, job): job for job in active}

    def _begin(self, settled: list[Outcome], active: list[_Job]) -> None:
        line, written = self.line, [job.claimed.entry_id for job in active]
        created = [job.claimed.entry_id for job in active if self._may_create(job)]
        with line.database.write() as session:
            ledger.hold(session, line.target_id, [*written, *(one.claimed.entry_id for one in settled)])
            ledger.begin(session, line.target_id, line.worker, written, created)
            self._settle(session, settled)
        self._told(settled)

    def _land(self, flight: dict[Future[Outcome | None], _Job]) -> None:
        """Wait for a chunk and write what came of it; the lease is lengthened as long as it takes."""
        line, patience = self.line, self.rules.pace.lease / 3
        left = set(flight)
        while left:
            left = wait(left, timeout=patience).not_done
            if left:
                with line.database.write() as session:
                    lease = self.rules.pace.lease
                    ledger.hold_on(session, line.target_id, line.worker, now=line.clock(), lease=lease)
        outcomes = [outcome for future in flight if (outcome := future.result()) is not None]
        begun = {outcome.claimed.entry_id for outcome in outcomes}
        untouched = [job.claimed for job in flight.values() if job.claimed.entry_id not in begun]
        with line.database.write() as session:
            ledger.hold(session, line.target_id, [job.claimed.entry_id for job in flight.values()])
            self._settle(session, outcomes)
            ledger.let_go(session, line.target_id, line.worker, untouched)
        self._told(outcomes)

    def _settle(self, session: Session, outcomes: list[Outcome]) -> None:
        line, now = self.line, self.line.clock()
        done = ledger.settle(session, line.target_id, line.worker, outcomes, now=now)
        acts = [act for one in done if (act := _audited(one, line.target)) is not None]
        if acts:
            audit.record(session, acts, actor=line.by, now=now, operator=line.operator)

    def _told(self, outcomes: list[Outcome]) -> None:
        if not outcomes:
            return
        self.report.count(outcomes)
        told = [one for one in outcomes if one.trouble]
        with self.line.database.read() as session:
            names = names_of(session, [one.claimed.entry_id for one in told]) if told else {}
        for one in told:
            code, name = names.get(one.claimed.entry_id, (one.claimed.entry_id, ""))
            self.report.tell(code, name, one.trouble, one.said, one.claimed.entry_id)
        self.done += len(outcomes)
        if self.progress:
            self.progress(self.done, self.done + self._waiting())

    def _waiting(self) -> int:
        with self.line.database.read() as session:
            return ledger.counts(session, self.line.target_id)["due"]

    # ---- one row ------------------------------------------------------------------------------------------

    def _may_create(self, job: _Job) -> bool:
        return job.wanted.desired is not None and job.claimed.state not in ledger.there_states()

    def _without_portal(self, job: _Job) -> Outcome | None:
        """The outcome of a row that needs no portal: it stands there already, or was never to be there."""
        claimed, desired = job.claimed, job.wanted.desired
        trouble, said = _held_back(job.wanted)
        if desired is None:
            there = claimed.state in ledger.there_states()
            return None if there else Outcome(claimed, "skip", {"until": None}, trouble, said)
        same = claimed.state == ledger.PRESENT and claimed.digest == desired.digest
        if not same or claimed.known.look:
            return None
        return Outcome(claimed, "skip", {"until": job.wanted.until}, trouble, said)

    def _deed(self, job: _Job) -> Outcome | None:
        """Do one row at the portal; None when it was not begun."""
        known = job.claimed.known
        for attempt in range(1, self.rules.retry.at_once + 2):
            if not self._rested() or not self._is_fresh(job):
                return None if attempt == 1 else self._later(job, "已停止，或其间又有变动")
            try:
                outcome = self._done(job, known)
            except Unreachable as error:
                known = replace(known, look=True)
                self._failed(error)
                if attempt > self.rules.retry.at_once or not self._goes_on():
                    return self._later(job, error.words)
                self.line.stop.wait(self.rules.retry.wait_at_once(attempt, random.random()))  # noqa: S311
            except TokenRefused as error:
                self.ended = self.ended or error
                return self._later(job, error.words)
            except Refused as error:
                self._answered()
                return Outcome(job.claimed, "fail", {}, ledger.REFUSED, error.words)
            except MuluError as error:
                # bytes that are missing or are not what was proven: nothing leaves
                return self._later(job, error.message, ledger.WITHHELD)
            except Exception as error:  # the surprise of one entry must not end the night's work
                log.exception("%s: %s", self.line.target, job.claimed.entry_id)
                said = f"内部错误：{type(error).__name__}；请把日志交给维护人员"
                return Outcome(job.claimed, "fail", {}, ledger.REFUSED, said)
            else:
                self._answered()
                return outcome
        return None

    def _done(self, job: _Job, known: Known) -> Outcome:
        line, desired = self.line, job.wanted.desired
        now = line.clock()
        trouble, said = _held_back(job.wanted)
        if desired is None:
            offer = job.wanted.offer
            own = dataset_id(line.shape.registry, line.shape.scope, offer.entry_id)
            name = dataset_name(offer.code, offer.entry_id)
            gone = line.portal.withdraw(known, dataset_id=own, name=name)
            return Outcome(job.claimed, gone.act, _gone_values(gone, now), trouble, said or _kept_words(gone))
        landed = line.portal.push(desired, known, line.opens)
        values = _landed_values(landed, now) | {
            "digest": desired.digest,
            "form": digest_of(portal_form(desired.package, line.shape)),
            "number": job.wanted.offer.number,
            "until": job.wanted.until,
        }
        return Outcome(job.claimed, landed.act, values, trouble, said)

    def _later(self, job: _Job, said: str, trouble: str = ledger.UNREACHABLE) -> Outcome:
        seconds = self.rules.retry.wait(job.claimed.attempts + 1, random.random())  # noqa: S311
        return Outcome(job.claimed, "fail", {}, trouble, said, seconds)

    # ---- how the portal bears it --------------------------------------------------------------------------

    def _rested(self) -> bool:
        """Wait as long as the portal asked for; False when the run ends meanwhile."""
        while self._goes_on():
            left = self.resume_at - time.monotonic()
            if left <= 0:
                return True
            self.line.stop.wait(min(left, _RESTING))
        return False

    def _is_fresh(self, job: _Job) -> bool:
        """Whether what was judged still holds: after a long wait the entry may have left the shelf."""
        if time.monotonic() - job.judged_at < self.rules.pace.fresh:
            return True
        with self.line.database.read() as session:
            return ledger.is_still_so(session, self.line.target_id, self.line.worker, job.claimed)

    def _failed(self, error: Unreachable) -> None:
        with self.gate:
            self.failures += 1
            if error.retry_after:
                patience = min(error.retry_after, self.rules.breaker.longest)
                self.resume_at = max(self.resume_at, time.monotonic() + patience)
            elif self.failures >= self.rules.breaker.failures * self.parallel:
                self.ended = self.ended or error

    def _answered(self) -> None:
        with self.gate:
            self.failures = 0

    def _close(self) -> None:
        """Say how the run ended, and let the target rest when it did not answer."""
        line, report, now = self.line, self.report, self.line.clock()
        with line.database.write() as session:
            target = session.get_one(SyncTarget, line.target_id)
            note_end(target, self.ended, now=now)
            report.outcome = _outcome(session, line, self.ended, report.counts["errored"])
        report.said = self.ended.words if self.ended else report.said


def note_end(target: SyncTarget, ended: Exception | None, *, now: datetime) -> None:
    """Keep at the target how a run ended; one that did not answer rests, longer each time."""
    breaker = load().sync.breaker
    target.said = str(ended)[:500] if ended else ""
    if isinstance(ended, Unreachable):
        target.failures += 1
        rest = min(breaker.longest, breaker.pause * 2 ** min(target.failures - 1, 20))
        target.rests_until = now + timedelta(seconds=rest)
    elif ended is None:
        target.failures, target.rests_until = 0, None


def _outcome(session: Session, line: Line, ended: Exception | None, errored: int) -> str:
    if isinstance(ended, Unreachable):
        return UNREACHED
    if line.stop.is_set():
        return STOPPED
    found = ledger.counts(session, line.target_id)
    amiss = (
        errored
        or found["due"]
        or found["drift"]
        or any(
            found.get(f"trouble:{kind}")
            for kind in (ledger.REFUSED, ledger.UNREACHABLE, ledger.UNACKNOWLEDGED)
        )
    )
    return FAILED if ended or amiss else IN_STEP


def _held_back(want: Wanted) -> tuple[str, str]:
    return (ledger.WITHHELD, "；".join(want.held_back)) if want.held_back else ("", "")


def _landed_values(landed: Landed, now: datetime) -> dict[str, object]:
    values = {
        "state": ledger.PRESENT,
        "portal_id": landed.portal_id,
        "portal_name": landed.portal_name,
        "modified": landed.modified,
        "files": dict(landed.files),
        "seen_at": now,
        "gone_at": None,
    }
    return values if landed.act == "skip" else values | {"changed_at": now}


def _gone_values(gone: Gone, now: datetime) -> dict[str, object]:
    state = ledger.KEPT if gone.kept else ledger.GONE
    blank: dict[str, object] = {"digest": "", "form": "", "modified": "", "files": {}, "until": None}
    return blank | {"state": state, "gone_at": now, "seen_at": now, "changed_at": now}


def _kept_words(gone: Gone) -> str:
    """What is left of a withdrawn dataset, in words; empty when nothing is."""
    kept = (load().ckan.withdrawal.kept_name_zh,) if gone.kept else ()
    return "；".join((*kept, *gone.left))


def _audited(one: Outcome, target: str) -> audit.Act | None:
    """What the record keeps of a row: what was written there, and what was refused."""
    if one.act == "skip" or one.retry_in is not None:
        return None
    kinds = {"create": "sync_push", "patch": "sync_push", "withdraw": "sync_withdraw", "fail": "sync_refused"}
    details = {"target": target, "act": one.act}
    if one.act == "withdraw" and one.said:
        details["left"] = one.said
    for key in ("digest", "number", "portal_id", "state"):
        if one.values.get(key):
            details[key] = one.values[key]
    return audit.Act(kinds[one.act], one.claimed.entry_id, details)
