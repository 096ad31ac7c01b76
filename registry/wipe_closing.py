"""What closing a wipe case still waits for: copies without an answer, records not certified, what still runs."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.grants import active_grants
from registry.models import DataCopy, Distribution, Entry, RetirementEntry, WipeCase, WipeRecord
from registry.people import local_day
from registry.subjects import SHELVED
from registry.wipe_acts import RETIREMENT, copies_of
from validators.wipe_terms import WipeFacts, WipeFinding, medium_key
from validators.wiping import check_closing

REJECTED, HANDED_OVER = "rejected", "handed_over"
CERTIFIED = "certified"


def unanswered_of(session: Session, case: WipeCase, specs: Specs) -> tuple[str, ...]:
    """Copies of a case without a final state; for a retirement also kinds neither entered nor declared absent."""
    copies = copies_of(session, case)
    states, kinds = specs.systems.copy_state_index, specs.retirement.copies
    names = {row.key: row.zh for row in kinds}
    open_ones = [one for one in copies if not states[one.state].terminal]
    found = [f"{names[one.kind]}“{one.name}”（{states[one.state].zh}）" for one in open_ones]
    if case.kind == RETIREMENT:
        there = {one.kind for one in copies}
        forgotten = [row.zh for row in kinds if row.key not in there and row.key not in case.absent]
        found += [f"{zh}（没有登记，也没有声明不存在）" for zh in forgotten]
    elif not copies:
        found.append("没有列入任何副本")
    return tuple(found)


def _unproven(session: Session, case: WipeCase, specs: Specs) -> Iterator[str]:
    """Copies whose state has nothing to show for it: no certified record, no receipt. A state alone is no proof."""
    copies, states = copies_of(session, case), specs.systems.copy_state_index
    query = select(WipeRecord).where(col(WipeRecord.case_id).in_({one.case_id for one in copies}))
    certified = query.where(col(WipeRecord.state) == CERTIFIED)
    proven = {key for record in session.execute(certified).scalars() for key in record.copies}
    for one in copies:
        bare = one.state == CERTIFIED and one.id not in proven
        if bare or (one.state == HANDED_OVER and not one.ids.get(HANDED_OVER)):
            yield f"“{one.name}”（{states[one.state].zh}，但没有凭据；执行 mulu audit verify 查看）"


def closing_findings(session: Session, case: WipeCase, specs: Specs, *, now: datetime) -> list[WipeFinding]:
    """Everything that still stands against closing a case. Source: S-LPS 26; S1 27; domain §12 R16."""
    facts = WipeFacts(
        case=case.kind,
        now=now,
        unanswered=(*unanswered_of(session, case, specs), *_unproven(session, case, specs)),
        holds=running_of(session, case, now=now) if case.kind == RETIREMENT else (),
        reread=_reread(session, case),
    )
    return [*check_closing(specs, facts), *_unfinished(session, case)]


def running_of(session: Session, case: WipeCase, *, now: datetime) -> tuple[str, ...]:
    """Grants that still run and distributions still shelved of the case's system, in words (WI10).

    Entries that the retirement keeps as an archive live on elsewhere and do not count.
    """
    query = select(col(Entry.id), col(Entry.code)).where(col(Entry.system_id) == case.system_id)
    kept = [fate.key for fate in load().retiring.fates if fate.needs_archive]
    archived = select(col(RetirementEntry.entry_id)).where(
        col(RetirementEntry.retirement_id) == case.retirement_id,
        col(RetirementEntry.fate).in_(kept),
        col(RetirementEntry.done_at).is_not(None),
    )
    codes = {key: code or key for key, code in session.execute(query.where(col(Entry.id).not_in(archived)))}
    grants = active_grants(session, codes, today=local_day(now))
    held = [f"授权 {one.number}（{codes[key]}）" for key, listed in grants.items() for one in listed]
    return (*held, *_shelved(session, case, codes))


def _shelved(session: Session, case: WipeCase, codes: dict[str, str]) -> Iterator[str]:
    query = (
        select(Distribution)
        .join(Entry, col(Entry.id) == col(Distribution.entry_id))
        .where(col(Entry.system_id) == case.system_id, col(Distribution.state) == SHELVED)
        .order_by(col(Distribution.id))
    )
    for made in session.execute(query).scalars():
        if made.entry_id in codes:
            yield f"已上架资源“{made.name}”（{codes[made.entry_id]}）"


def _reread(session: Session, case: WipeCase) -> float | None:
    """Of the media that passed the share that a second tool read; None without any. Source: S19."""
    query = select(WipeRecord).where(
        col(WipeRecord.case_id) == case.id,
        col(WipeRecord.serial_no).is_not(None),
        col(WipeRecord.result) == "pass",
    )
    passed = list(session.execute(query).scalars())
    second = [one for one in passed if (one.verification or {}).get("second_tool")]
    return len(second) / len(passed) if passed else None


def _unfinished(session: Session, case: WipeCase) -> Iterator[WipeFinding]:
    """Media whose wipe failed and was not made again: WI6 stays broken until they are."""
    for one in standing_failures(session, case):
        shown = one.serial_no or one.id
        yield WipeFinding("WI6", "error", "verification_result", "failed", {"value": shown})


def standing_failures(session: Session, case: WipeCase) -> list[WipeRecord]:
    """The records of a case that were rejected and whose medium was not wiped again since."""
    query = select(WipeRecord).where(col(WipeRecord.case_id) == case.id).order_by(col(WipeRecord.seq))
    last: dict[str, WipeRecord] = {}
    for one in session.execute(query).scalars():
        last[medium_key(one.content) or one.id] = one
    return [one for one in last.values() if one.state == REJECTED and not _moved_on(session, one)]


def _moved_on(session: Session, record: WipeRecord) -> bool:
    """Whether every copy of a failed record was answered for in another way, such as by handing it over."""
    query = select(col(DataCopy.state)).where(or_(*(col(DataCopy.id) == key for key in record.copies)))
    states = list(session.execute(query).scalars()) if record.copies else []
    return bool(states) and all(state == HANDED_OVER for state in states)
