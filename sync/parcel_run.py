"""A run at a target that takes parcels: receipts in, what had none in time, then what is due out."""

from datetime import datetime

from registry.db import Database
from registry.errors import Unavailable
from registry.models import SyncTarget
from registry.settings import Settings
from sync import ledger, targets
from sync.parcel_receipts import Desk, note_unacknowledged, take_receipts
from sync.parcel_send import PlaceFailed, Sender
from sync.places import Place, place_of
from sync.portal import Unreachable
from sync.reports import FAILED, IN_STEP, UNREACHED, Report
from sync.run import note_end

_AMISS = (ledger.REFUSED, ledger.UNREACHABLE, ledger.UNACKNOWLEDGED)


def place_at(target: SyncTarget) -> Place:
    """The place of a target's parcels.

    Raises:
        Unavailable: its address cannot be used.
    """
    return place_of(target.place or target.url)


def run_parcels(
    database: Database,
    name: str,
    report: Report,
    settings: Settings,
    *,
    by: str,
    operator: str,
    now: datetime,
    place: Place | None = None,
) -> tuple[str, ...]:
    """Read the receipts of a target and send what is due, in as many parcels as it takes; gives their names.

    The report says what came of it: what is ``added``, ``updated`` or ``deleted`` was sent and is settled by its
    receipt; a receipt that is not understood stands among the failures. ``place`` stands for the target's own.

    Raises:
        NotFound: there is no such target. Unavailable: the calendar's file is wrong, or the own key cannot be used.
    """
    with database.read() as session:
        target = targets.find(session, name)
        registry = targets.shape_of(session, target, settings).registry
        session.expunge(target)
    desk, there = Desk(database, target.id, registry, by, operator, now), place or place_at(target)
    try:
        _read_receipts(desk, there, report)
        note_unacknowledged(desk)
        sent = _sender(desk, there, report, settings)
        sent.find_orphans()
        sent.ask()
        names = sent.send_all()
    except PlaceFailed as error:
        _close(desk, report, error.words)
        return ()
    _close(desk, report)
    return names


def _read_receipts(desk: Desk, place: Place, report: Report) -> None:
    try:
        taken = take_receipts(desk, place)
    except Unavailable as error:
        raise PlaceFailed(error.message) from error
    for fault in taken.faults:
        report.counts["total"] += 1
        report.counts["errored"] += 1
        report.tell("", "", "", fault)


def _sender(desk: Desk, place: Place, report: Report, settings: Settings) -> Sender:
    # what a receipt said of the portal may have changed how datasets are made for it
    with desk.database.read() as session:
        target = session.get_one(SyncTarget, desk.target_id)
        shape = targets.shape_of(session, target, settings)
        session.expunge(target)
    return Sender(
        database=desk.database,
        target=target,
        shape=shape,
        files=settings.files,
        place=place,
        report=report,
        by=desk.by,
        operator=desk.operator,
        now=desk.now,
    )


def _close(desk: Desk, report: Report, unreached: str = "") -> None:
    """Say how the run ended, at the target and in the report."""
    with desk.database.write() as session:
        target = session.get_one(SyncTarget, desk.target_id)
        note_end(target, Unreachable(unreached) if unreached else None, now=desk.now)
        found = ledger.counts(session, target.id)
    amiss = found["due"] or report.counts["errored"] or any(found.get(f"trouble:{one}") for one in _AMISS)
    report.outcome = UNREACHED if unreached else FAILED if amiss else IN_STEP
    report.said = unreached
