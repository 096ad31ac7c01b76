"""How what the sync job wrote down is cleaned of an entry's content, and where the content itself has gone.

States, digests and the names at portals stay: by them the entry is withdrawn. Source: domain §12 R1; SSL-REG 41.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.audit import names_of
from registry.erasing import PIECE, Cleaning, Words
from registry.models import SyncEntry, SyncParcel, SyncRun, SyncTarget
from registry.people import local_day

ByHand = tuple[str, dict[str, Any]]
_PLACE = "sync"
# a row that never held anything at its target
_NEVER = "absent"


@dataclass(frozen=True, slots=True)
class _Pen:
    """Takes words out of values: of what was said of the entry itself all, of other things what quotes its content."""

    work: Cleaning
    own: Words
    far: Words

    def clean(self, value: Any, *, mine: bool) -> Any:
        """The value itself where nothing in it goes."""
        if mine:
            return self.own.scrub(value) if self.work.is_meant(None, value) else value
        return self.far.scrub(value) if self.far.are_in(value, far=True) else value

    def clean_line(self, line: Any) -> Any:
        """A line of a report or a row of a parcel."""
        mine = isinstance(line, dict) and line.get("entry_id") == self.work.entry.id
        return self.clean(line, mine=mine)

    def clean_answer(self, answer: dict[str, Any] | None) -> dict[str, Any] | None:
        """What came back for a parcel; ``entries`` holds what was said of each."""
        if answer is None:
            return None
        entries = answer.get("entries")
        if not isinstance(entries, dict):
            return dict(self.clean(answer, mine=False))
        rest = {key: value for key, value in answer.items() if key != "entries"}
        told = {key: self.clean(said, mine=key == self.work.entry.id) for key, said in entries.items()}
        return {**self.clean(rest, mine=False), "entries": told}


def clean_sync(work: Cleaning) -> list[ByHand]:
    """Take the entry's content from the ledger, the reports of runs and the answers to parcels.

    Gives what a person must clean: keys of audit.yaml's ``by_hand``, each with what its text asks for.
    """
    known = work.words.known | set(names_of(work.session, work.entry.id))
    own = replace(work.words, everything=True, known=known)
    pen = _Pen(work, own, replace(work.words, everything=False))
    _clean_ledger(pen)
    _clean_runs(pen)
    return [*_copies(work), *_parcels(pen)]


def _clean_ledger(pen: _Pen) -> None:
    entries = select(SyncEntry).where(col(SyncEntry.said) != "").execution_options(yield_per=PIECE)
    targets = select(SyncTarget).where(col(SyncTarget.said) != "")
    rows = (*pen.work.session.execute(entries).scalars(), *pen.work.session.execute(targets).scalars())
    for row in rows:
        mine = isinstance(row, SyncEntry) and row.entry_id == pen.work.entry.id
        before, row.said = row.said, pen.clean(row.said, mine=mine)
        pen.work.count(_PLACE, int(before != row.said))


def _clean_runs(pen: _Pen) -> None:
    query = select(SyncRun).execution_options(yield_per=PIECE)
    for run in pen.work.session.execute(query).scalars():
        lines, said = [pen.clean_line(line) for line in run.failures], pen.clean(run.said, mine=False)
        if (lines, said) != (run.failures, run.said):
            run.failures, run.said = lines, said
            pen.work.count(_PLACE)


def _parcels(pen: _Pen) -> Iterator[ByHand]:
    """Clean what is written of parcels; those with the entry in them are a person's to find."""
    query = (
        select(SyncParcel, SyncTarget)
        .join(SyncTarget, col(SyncTarget.id) == col(SyncParcel.target_id))
        .order_by(col(SyncTarget.name), col(SyncParcel.number))
    )
    for parcel, target in pen.work.session.execute(query.execution_options(yield_per=PIECE)):
        rows, answer = [pen.clean_line(row) for row in parcel.rows], pen.clean_answer(parcel.answer)
        if (rows, answer) != (parcel.rows, parcel.answer):
            parcel.rows, parcel.answer = rows, answer
            pen.work.count(_PLACE)
        if any(_is_put(row, pen.work.entry.id) for row in parcel.rows):
            about = {"name": parcel.name, "sha256": parcel.sha256, "target": target.name}
            yield "parcel_copy", about | {"at": local_day(parcel.sent_at).isoformat()}


def _is_put(row: Any, entry_id: str) -> bool:
    # what only asks for a withdrawal holds no content
    return isinstance(row, dict) and row.get("entry_id") == entry_id and row.get("act") != "withdraw"


def _copies(work: Cleaning) -> Iterator[ByHand]:
    """The targets that the entry stands at or has stood at, also those that were removed since."""
    states = load().sync.state_index
    query = (
        select(SyncEntry, SyncTarget)
        .join(SyncTarget, col(SyncTarget.id) == col(SyncEntry.target_id))
        .where(col(SyncEntry.entry_id) == work.entry.id)
        .order_by(col(SyncTarget.name))
    )
    for row, target in work.session.execute(query):
        if row.state != _NEVER or row.held_by or row.gone_at:
            state = states[row.state].zh if row.state in states else row.state
            yield "portal_copy", {"target": target.name, "url": target.url, "state": state}
