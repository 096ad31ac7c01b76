"""The verbs of the sync job, for every kind of target: plan, run, verify, repair, status, retry, watch."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry import audit
from registry.db import Database
from registry.errors import MuluError, NotFound
from registry.models import Entry, SyncEntry, SyncRun, SyncTarget
from registry.people import local_day
from registry.settings import Settings
from sync import ledger, targets
from sync.mapping import Shape, mapping_digest
from sync.plan import PATCH, Plan, plan_of, with_differences
from sync.portal import Portal, PortalError, Unreachable
from sync.repair import make_due, remove_strangers
from sync.reports import FAILED, IN_STEP, RUN, UNREACHED, Report, save_report
from sync.run import Clock, Line, Progress, note_end, work_off
from sync.verify import Findings
from sync.verify import verify as read_whole

log = logging.getLogger("mulu.sync")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Office:
    """Where and as whom the sync job works. ``stop`` ends it gracefully."""

    database: Database
    settings: Settings
    by: str
    operator: str = ""
    clock: Clock = _now
    stop: threading.Event = field(default_factory=threading.Event)


def is_direct(target: SyncTarget) -> bool:
    """Whether a target is a portal that is spoken to; the others take parcels."""
    return target.kind == "ckan" and target.mode == "direct"


# ---- plan -------------------------------------------------------------------------------------------------


def plan(office: Office, name: str, *, full: bool = False, compare: bool = True) -> Plan:
    """What a run would do at a target; nothing is written. ``full``: every entry is judged anew, whatever the ledger
    was told. ``compare``: the portal is read for what differs in what would be patched.

    Raises:
        NotFound: there is no such target.
    """
    now = office.clock()
    with office.database.read() as session:
        target = targets.find(session, name)
        shape = targets.shape_of(session, target, office.settings)
        found = plan_of(session, target, shape, now=now, full=full)
        if not compare or not is_direct(target) or not any(one.act == PATCH for one in found.entries):
            return found
        with targets.opened(target, shape, office.settings) as portal:
            return with_differences(found, session, target, portal, shape, now=now)


# ---- run --------------------------------------------------------------------------------------------------


@contextmanager
def _line(office: Office, name: str) -> Iterator[Line]:
    """A portal opened for work: its token is asked what it may do, and what is due by itself is made due.

    Raises:
        Unreachable, TokenRefused: the portal does not answer, or does not know the token.
    """
    with office.database.read() as session:
        target = targets.find(session, name)
        shape = targets.shape_of(session, target, office.settings)
        session.expunge(target)
    with targets.opened(target, shape, office.settings) as portal:
        line = _asked(office, target, portal, shape)
        if line.shape == shape:
            yield line
            return
    # it takes our fields as fields now, or no more
    with targets.opened(target, line.shape, office.settings) as portal:
        yield _asked(office, target, portal, line.shape)


def _asked(office: Office, target: SyncTarget, portal: Portal, shape: Shape) -> Line:
    rights = portal.rights()
    with office.database.write() as session:
        row = session.get_one(SyncTarget, target.id)
        targets.keep_rights(row, rights)
        shape, closing = targets.shape_of(session, row, office.settings), row.closing
        _ask_what_is_due(session, row, mapping_digest(shape), now=office.clock())
    return Line(
        database=office.database,
        target_id=target.id,
        target=target.name,
        portal=portal,
        shape=shape,
        opens=office.settings.files.open,
        by=office.by,
        operator=office.operator,
        clock=office.clock,
        stop=office.stop,
        closing=closing,
        worker=f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}",
    )


def _ask_what_is_due(session: Session, target: SyncTarget, mapping: str, *, now: datetime) -> None:
    if target.mapping not in ("", mapping):
        ledger.ask_all(session, target.id)
    target.mapping = mapping
    ledger.wake(session, target.id, today=local_day(now))


def run(
    office: Office, name: str, *, progress: Progress | None = None, parallel: int | None = None
) -> Report:
    """Bring a target in step with the registry, as far as it answers; gives the report, which is kept as well.

    Raises:
        NotFound: there is no such target. Rejected, Unavailable: it cannot be opened (its token, its host).
    """

    def work(line: Line, report: Report) -> None:
        work_off(line, report, parallel=parallel, progress=progress)

    return _reported(office, name, RUN, work)


def withdraw_all(
    office: Office, name: str, *, progress: Progress | None = None, parallel: int | None = None
) -> Report:
    """Withdraw everything from a target that is to be removed; errors as ``run``."""

    def work(line: Line, report: Report) -> None:
        work_off(line, report, parallel=parallel, progress=progress)

    close(office, name, closing=True)
    return _reported(office, name, "withdraw", work)


def close(office: Office, name: str, *, closing: bool) -> None:
    """Give a target up, so that every run withdraws from it until nothing is there; or take that back.

    Raises:
        NotFound: there is no such target.
    """
    with office.database.write() as session:
        target = targets.find(session, name)
        if target.closing != closing:
            target.closing = closing
            ledger.ask_all(session, target.id)
            act = audit.Act(
                "sync_target_close" if closing else "sync_target_keep", target.id, {"target": name}
            )
            audit.record(session, [act], actor=office.by, now=office.clock(), operator=office.operator)


def repair(
    office: Office,
    name: str,
    *,
    deep: bool = False,
    progress: Progress | None = None,
    parallel: int | None = None,
) -> Report:
    """Read a whole portal and mend every drift that can be mended; errors as ``run``."""

    def work(line: Line, report: Report) -> None:
        strangers = make_due(line, read_whole(line, deep=deep))
        remove_strangers(line, strangers, report)
        work_off(line, report, parallel=parallel, progress=progress)

    return _reported(office, name, "repair", work)


def _reported(office: Office, name: str, verb: str, work: Callable[[Line, Report], None]) -> Report:
    with office.database.read() as session:
        target = targets.find(session, name)
        target_id, direct = target.id, is_direct(target)
    report = Report(name, verb, office.clock())
    if direct:
        _at_portal(office, name, report, work)
    else:
        # parcels need libraries that few targets use
        from sync.parcel_run import run_parcels

        run_parcels(
            office.database,
            name,
            report,
            office.settings,
            by=office.by,
            operator=office.operator,
            now=office.clock(),
        )
    with office.database.write() as session:
        save_report(session, target_id, report, by=office.by, now=office.clock())
    return report


def _at_portal(office: Office, name: str, report: Report, work: Callable[[Line, Report], None]) -> None:
    try:
        with _line(office, name) as line:
            work(line, report)
    except PortalError as error:
        report.outcome = UNREACHED if isinstance(error, Unreachable) else FAILED
        report.said = error.words
        with office.database.write() as session:
            note_end(targets.find(session, name), error, now=office.clock())


def watch(
    office: Office,
    names: Sequence[str] | None,
    tell: Callable[[Report], None],
    *,
    amiss: Callable[[str, Exception], None] | None = None,
    parallel: int | None = None,
) -> None:
    """Run targets (all there are at the time, when none are named) again and again until stopped; one that does not
    answer rests, longer each time.

    ``tell`` is given each report that did something or ended otherwise than the one before, ``amiss`` each target that
    cannot be opened; without it the error is raised.
    """
    ends: dict[str, tuple[str, str]] = {}
    while not office.stop.is_set():
        for name in _live(office) if names is None else names:
            try:
                _round(office, name, ends, tell, parallel)
            except Exception as error:  # the trouble of one round or target must not end the service
                if amiss is None:
                    raise
                if not isinstance(error, MuluError):
                    log.exception("%s", name)
                amiss(name, error)
        office.stop.wait(load().sync.pace.watch)


def _live(office: Office) -> list[str]:
    with office.database.read() as session:
        return [target.name for target in targets.listed(session)]


def _round(
    office: Office,
    name: str,
    ends: dict[str, tuple[str, str]],
    tell: Callable[[Report], None],
    parallel: int | None,
) -> None:
    if office.stop.is_set() or _rests(office, name):
        return
    report = run(office, name, parallel=parallel)
    end, before = (report.outcome, report.said), ends.get(name, (IN_STEP, ""))
    ends[name] = end
    if report.counts["total"] or end != before:
        tell(report)


def _rests(office: Office, name: str) -> bool:
    with office.database.read() as session:
        until = targets.find(session, name).rests_until
    return until is not None and until > office.clock()


# ---- verify -----------------------------------------------------------------------------------------------


def verify(office: Office, name: str, *, deep: bool = False) -> Findings:
    """Read a whole portal and say how it differs from what the registry says; nothing is changed there.

    Raises:
        Unreachable, TokenRefused: it cannot be read. NotFound, Rejected, Unavailable: as ``run``.
    """
    started = office.clock()
    with _line(office, name) as line:
        found = read_whole(line, deep=deep)
    report = Report(name, "verify", started)
    report.counts["total"], report.counts["errored"] = found.checked, len(found.drifts)
    report.outcome = IN_STEP if found.in_step else FAILED
    kinds = load().sync.drift_index
    for one in found.drifts:
        report.tell(one.code, one.name or one.portal_name, one.kind, kinds[one.kind].zh)
    with office.database.write() as session:
        save_report(session, line.target_id, report, by=office.by, now=office.clock())
    return found


# ---- status and retry -------------------------------------------------------------------------------------


def status(session: Session, name: str | None, *, now: datetime) -> list[dict[str, Any]]:
    """How targets stand: rows by state, what is due and in trouble, the last run.

    Raises:
        NotFound: there is no such target.
    """
    chosen = [targets.find(session, name)] if name else targets.listed(session)
    return [_status(session, target, now=now) for target in chosen]


def _status(session: Session, target: SyncTarget, *, now: datetime) -> dict[str, Any]:
    found = ledger.counts(session, target.id)
    rules = load().sync
    query = select(SyncRun).where(col(SyncRun.target_id) == target.id)
    last = session.execute(query.order_by(col(SyncRun.started_at).desc()).limit(1)).scalar()
    waiting = ledger.outbox_size(session)
    rests = target.rests_until if target.rests_until and target.rests_until > now else None
    return {
        "name": target.name,
        "kind": target.kind,
        "mode": target.mode,
        "scope": target.scope,
        "url": target.url,
        "states": {state.key: found.get(state.key, 0) for state in rules.states},
        "troubles": {one.key: found.get(f"trouble:{one.key}", 0) for one in rules.troubles},
        "due": found["due"],
        "drift": found["drift"],
        "closing": target.closing,
        "outbox": waiting,
        "rests_until": rests.isoformat() if rests else None,
        "said": target.said,
        "last_run": _run_json(last) if last else None,
    }


def _run_json(row: SyncRun) -> dict[str, Any]:
    return {
        "verb": row.verb,
        "by": row.by,
        "started_at": row.started_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "outcome": row.outcome,
        "counts": row.counts,
        "failures": row.failures,
        "said": row.said,
    }


def troubled(session: Session, name: str) -> list[SyncEntry]:
    """The rows of a target that are in trouble, those that wait for a person first."""
    target = targets.find(session, name)
    query = select(SyncEntry).where(col(SyncEntry.target_id) == target.id, col(SyncEntry.trouble) != "")
    return list(session.execute(query.order_by(col(SyncEntry.trouble), col(SyncEntry.entry_id))).scalars())


def _entry_named(session: Session, name: str) -> str:
    """The key of an entry by code or key; also of a retired one, whose withdrawal may have been refused."""
    query = select(col(Entry.id)).where(or_(col(Entry.code) == name, col(Entry.id) == name))
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(f"没有代码或编号为“{name[:64]}”的目录")
    return found


def retry(session: Session, name: str, codes: Sequence[str], *, by: str, operator: str, now: datetime) -> int:
    """Make what was refused, or did not get there, due again: the entries named, or all; gives how many.

    Raises:
        NotFound: there is no such target, or no such entry.
    """
    target = targets.find(session, name)
    if codes:
        chosen = [_entry_named(session, code) for code in codes]
    else:
        chosen = [row.entry_id for row in troubled(session, name)]
    ledger.ask(session, target.id, chosen, now=now)
    target.rests_until = None
    act = audit.Act("sync_retry", target.id, {"target": target.name, "entries": len(chosen)})
    audit.record(session, [act], actor=by, now=now, operator=operator)
    return len(chosen)
