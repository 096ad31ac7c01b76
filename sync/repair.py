"""A portal brought back in step: what verification found, mended."""

from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry import audit
from registry.models import SyncEntry
from sync import ledger
from sync.mapping import dataset_id
from sync.portal import Known, Refused
from sync.reports import Report
from sync.run import Line
from sync.verify import DOUBLED, EXTRA, GHOST, Drifted, Findings, known_entries

_NOT_WANTED = (DOUBLED, EXTRA, GHOST)


def make_due(line: Line, found: Findings) -> list[Drifted]:
    """Make due in the ledger everything that a run can mend; gives what has no row there and is to be removed."""
    kinds = load().sync.drift_index
    mended = [one for one in found.drifts if kinds[one.kind].repair]
    strangers = [one for one in mended if one.kind in _NOT_WANTED]
    ours = sorted({one.entry_id for one in mended if one.kind not in _NOT_WANTED and one.entry_id})
    now = line.clock()
    with line.database.write() as session:
        ledger.ask(session, line.target_id, ours, now=now)
        known = known_entries(session, [one.entry_id for one in strangers if one.entry_id])
        back = sorted({one.entry_id for one in strangers if _came_back(line, one) and one.entry_id in known})
        ledger.ask(session, line.target_id, back, now=now)
        # what somebody brought back is withdrawn like any other
        own = update(SyncEntry).where(
            col(SyncEntry.target_id) == line.target_id, col(SyncEntry.held_by) == ""
        )
        for entry_id in back:
            session.execute(own.where(col(SyncEntry.entry_id) == entry_id).values(state=ledger.UNCERTAIN))
    return [one for one in strangers if one.entry_id not in back]


def _came_back(line: Line, one: Drifted) -> bool:
    """Whether a dataset stands under the very id that its entry has: the ledger's own row speaks of it."""
    own = dataset_id(line.shape.registry, line.shape.scope, one.entry_id)
    return one.kind == EXTRA and one.portal_id == own


def _is_ours_now(line: Line, one: Drifted) -> bool:
    """Whether a run has meanwhile put that very dataset there, or is at work on its entry."""
    with line.database.read() as session:
        row = session.get(SyncEntry, (line.target_id, one.entry_id)) if one.entry_id else None
        put_there = row is not None and row.state == ledger.PRESENT and row.portal_id == one.portal_id
        return row is not None and (bool(row.held_by) or put_there)


def _mended(session: Session, line: Line, one: Drifted) -> None:
    row = (
        session.get(SyncEntry, (line.target_id, one.entry_id), with_for_update=True) if one.entry_id else None
    )
    if row is not None and row.drift == one.kind:
        row.drift = ""


def remove_strangers(line: Line, strangers: list[Drifted], report: Report) -> None:
    """Withdraw datasets of ours that no row of the ledger speaks of: doubles, ghosts of the index, what an older
    register left behind.

    Raises:
        Unreachable, TokenRefused: the portal does not answer.
    """
    for one in strangers:
        if _is_ours_now(line, one):
            continue
        try:
            # this very dataset, whatever bears its name
            known = Known(one.entry_id, one.portal_id)
            gone = line.portal.withdraw(known, dataset_id=one.portal_id, name="")
        except Refused as error:
            report.counts["errored"] += 1
            report.tell(one.code or one.portal_id, one.name or one.portal_name, ledger.REFUSED, error.words)
            continue
        report.counts["total"] += 1
        report.counts["deleted" if gone.act == "withdraw" else "ignored"] += 1
        details = {"target": line.target, "act": one.kind, "portal_id": one.portal_id, "kept": gone.kept}
        with line.database.write() as session:
            _mended(session, line, one)
            act = audit.Act("sync_withdraw", one.entry_id or one.portal_id, details)
            audit.record(session, [act], actor=line.by, now=line.clock(), operator=line.operator)
