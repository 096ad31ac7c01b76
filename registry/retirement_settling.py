"""Fates decided and brought about in a case, a chunk of entries a transaction; copies at portals with them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from catalog_specs import load
from registry import audit
from registry.errors import Conflict
from registry.models import Retirement
from registry.permits import Actor
from registry.retirement_cases import find_case, hold_case, hold_rows, record_act, wipe_case_of
from registry.retirement_entries import (
    Fate,
    Settled,
    count_left,
    decide_fates,
    gather_entries,
    rows_of,
    settle_chunk,
)
from registry.retirement_progress import step_lacking
from registry.stores import Store
from registry.whereabouts import still_there
from registry.wipe_cases import portals_gone


def decide(
    session: Session, written: str, wanted: Sequence[Fate], *, actor: Actor, now: datetime
) -> list[str]:
    """Decide the fates of entries of a case, all or none; gives the keys of those that changed.

    Raises:
        NotFound, NotAllowed, Conflict. Rejected: one of them cannot have this fate; all are named.
    """
    row = hold_case(session, written, actor, "decision")
    gather_entries(session, row.case)
    changed = decide_fates(session, row.case, wanted, actor=actor, now=now)
    if changed:
        row.case.lock += 1
        session.flush()
        by_key = {r.entry_id: r for r, _entry in rows_of(session, row.case)}
        acts = [
            audit.Act(
                "decide_fate",
                key,
                {"case": row.case.number, "fate": by_key[key].fate, "why": by_key[key].why},
            )
            for key in changed
        ]
        audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    return changed


def waiting_entries(session: Session, written: str, *, actor: Actor) -> list[str]:
    """The keys of the decided entries of an open case that have not met their fate, in the order of their codes."""
    row = find_case(session, written, actor=actor)
    return [r.entry_id for r, _entry in rows_of(session, row.case) if r.fate and r.done_at is None]


def settle(
    session: Session,
    written: str,
    keys: Sequence[str],
    *,
    actor: Actor,
    now: datetime,
    files: Store | None = None,
) -> Settled:
    """Bring about the fates of a chunk of entries as far as it can be done now; the rest waits and says for what.

    Raises:
        NotFound, NotAllowed. Conflict: the case is over, or its users were not told yet (S1 27).
    """
    row = hold_case(session, written, actor, "notice")
    if missing := step_lacking(session, row.case, "notice"):
        raise Conflict("；".join(missing))
    hold_rows(session, row.case, keys)
    gather_entries(session, row.case)
    settled = settle_chunk(session, row.case, keys, actor=actor, now=now, files=files)
    settle_portals(session, row.case, actor=actor, now=now)
    session.flush()
    settled.left = count_left(session, row.case)
    if settled.done or settled.waiting:
        details = {"done": settled.done, "left": settled.left}
        record_act(session, "settle_entries", row.case, details, actor, now)
    return settled


def settle_portals(session: Session, case: Retirement, *, actor: Actor, now: datetime) -> None:
    """Copies at portals are answered for by the ledger: gone when nothing that is retired may be there any more."""
    session.flush()
    if count_left(session, case):
        return
    rows = rows_of(session, case)
    keys = [row.entry_id for row, _entry in rows if load().retiring.fate_index[row.fate].decides]
    if not still_there(session, keys):
        portals_gone(session, wipe_case_of(session, case), actor=actor, now=now)
